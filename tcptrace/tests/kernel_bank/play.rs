//! Plays a case: a line of its script after the other, and then compares what was told with what must be.

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
};

use rustix::process::Signal;

use crate::{
    harness::{
        OnceMore,
        actor::{self, Actor, Sock},
        in_a_namespace, once_more, patiently, run, skip, slowness,
        ss::{self, Line},
        trace::{Trace, acceptor, line},
        tracer::Tracer,
        wait_for,
    },
    judge,
    machine::{self, Parameter},
    notation::{self, Case},
    report,
    witness::Witness,
    world,
};

/// Plays a case in a namespace of its own, and leaves its row in the report.
pub fn play(name: &'static str, text: &'static str) {
    in_a_namespace(move || {
        let alone = text.contains("set-everywhere").then(machine::alone);
        let _shared = alone.is_none().then(machine::shared);
        match catch_unwind(AssertUnwindSafe(|| Play::run(text))) {
            Ok(Ok((trace, seen))) => report::row(name, Ok((&trace, seen))),
            Ok(Err(Skipped(why))) => {
                skip(&why);
                report::row(name, Err(&format!("skipped: {why}")));
            }
            Err(panic) if panic.is::<OnceMore>() => resume_unwind(panic),
            Err(panic) => {
                report::row(name, Err("FAILED"));
                resume_unwind(panic);
            }
        }
    });
}

/// Why a case cannot be played on this kernel.
struct Skipped(String);

struct Play {
    tracer: Tracer,
    witness: Witness,
    actors: BTreeMap<String, Actor>,
    socks: BTreeMap<String, Sock>,
    /// The name that the socket of an order gets that is not answered yet.
    begun: BTreeMap<String, String>,
    /// Where the script has rested: cookies and states.
    rests: Vec<(String, String)>,
    parameters: Vec<Parameter>,
}

impl Play {
    fn run(text: &str) -> Result<(Trace, usize), Skipped> {
        let tracer = Tracer::start(&[]);
        let start = tracer.records().swap_remove(0);
        report::opening(&start);
        let case = notation::read(&text.replace("/acceptor", &format!("/{}", acceptor(&start))));
        let (actors, socks, begun, rests, parameters) = Default::default();
        let mut play = Self { tracer, witness: Witness::new(), actors, socks, begun, rests, parameters };
        for line in &case.script {
            play.line(line)?;
        }
        Ok(play.judge(&case))
    }

    fn line(&mut self, line: &str) -> Result<(), Skipped> {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            // A server that listens and a client that connects.
            ["connected"] => self.connected("127.0.0.1:0"),
            ["connected", address] => self.connected(address),
            ["rests", ..] => {
                let wanted: Vec<_> = line["rests ".len()..].split(", ").collect();
                wanted.into_iter().for_each(|wanted| self.rest(wanted));
            }
            // Where everything takes longer a time must be longer, or it is over before anybody has looked.
            ["set", parameter, value] => match value.strip_suffix('s') {
                Some(seconds) => {
                    let seconds = seconds.parse::<u32>().unwrap() * slowness();
                    let value = if parameter == "tcp_synack_retries" { retries(seconds) } else { seconds };
                    world::set(parameter, &value.to_string());
                }
                None => world::set(parameter, value),
            },
            ["set-everywhere", name, value] => {
                let set = Parameter::set(name, value);
                self.parameters
                    .push(set.ok_or_else(|| Skipped(format!("{name} is not for tests to set here")))?);
            }
            ["link"] if !world::link() => return Err(Skipped("no veth".to_owned())),
            ["wire"] if !world::wire() => return Err(Skipped("no veth".to_owned())),
            ["link" | "wire"] => {}
            ["hold", to] => world::hold(to),
            ["release", to] => world::release(to),
            ["ip", ref arguments @ ..] => drop(run("ip", arguments)),
            ["syn", from, to] => {
                world::send_syn(self.filled(from).parse().unwrap(), self.filled(to).parse().unwrap());
            }
            // Names a socket that no process has: the one whose peer has these addresses.
            ["found", name, "from", peer] => {
                let peer = self.filled(peer);
                let line = wait_for(line, || self.listed(|line| line.remote == peer));
                self.socks.insert(name.to_owned(), line.sock());
            }
            // Whoever is root may end anybody's sockets.
            ["destroy", name] => {
                let sock = self.sock(name);
                let ends = [("sport", sock.local.port()), ("dport", sock.remote.port())];
                let ends = ends.into_iter().filter(|(_, port)| *port != 0);
                let ends: Vec<_> = ends.map(|(end, port)| format!("{end} = {port}")).collect();
                let listens = ss::of(sock).is_some_and(|line| line.state == "LISTEN");
                run("ss", &["-K", if listens { "-tlnH" } else { "-tanH" }, &ends.join(" and ")]);
                if ss::of(sock).is_some() {
                    return Err(Skipped("this kernel destroys no sockets (CONFIG_INET_DIAG_DESTROY)".into()));
                }
            }
            ["kill", actor, signal] => {
                let signal = match signal {
                    "SIGINT" => Signal::INT,
                    "SIGTERM" => Signal::TERM,
                    _ => Signal::KILL,
                };
                self.actors.remove(actor).unwrap().kill(signal);
            }
            ["exit", actor] => drop(self.actors.remove(actor).unwrap().exit()),
            // Until the tracer tells of a segment.
            ["sees", what, name] => {
                let cookie = self.sock(name).cookie.clone();
                self.tracer.wait_for(line, |record| record["type"] == what && record["socket"] == *cookie);
            }
            ["pause", time] => std::thread::sleep(notation::milliseconds(time)),
            [actor, ..] => self.order(actor, line[actor.len()..].trim_start()),
            [] => {}
        }
        Ok(())
    }

    fn connected(&mut self, address: &str) {
        self.order("server", &format!("listen l {address}"));
        self.order("client", "connect c @l");
        self.order("server", "accept l s");
    }

    fn order(&mut self, name: &str, order: &str) {
        let order = order.split(' ').map(|word| self.filled(word)).collect::<Vec<_>>().join(" ");
        let (order, answer) = match order.split_once(" => ") {
            Some((order, answer)) => (order.to_owned(), Some(in_numbers(answer))),
            None => (order, None),
        };
        let actor = self.actors.entry(name.to_owned()).or_insert_with(|| Actor::new(name));
        let (how, plain) = match order.split_once(' ') {
            Some((how @ ("begins" | "retries"), plain)) => (how, plain),
            _ if order == "answers" => ("answers", ""),
            _ => ("", &*order),
        };
        let said = match how {
            "begins" => {
                actor.begin(plain);
                self.begun.insert(name.to_owned(), made_by(plain));
                return;
            }
            "answers" => actor.answer(),
            "retries" => {
                wait_for(plain, || Some(actor.speak(plain)).filter(|said| !said.starts_with("error")))
            }
            _ => actor.speak(plain),
        };
        if let Some(answer) = answer {
            assert_eq!(said, answer, "{name} {order}");
            return;
        }
        let words: Vec<&str> = said.split(' ').collect();
        match words[..] {
            ["done"] => {}
            ["child", pid] => actor::cast(pid.parse().unwrap(), plain.split(' ').nth(1).unwrap()),
            ["socket", ..] => {
                let made = if how == "answers" { self.begun.remove(name).unwrap() } else { made_by(plain) };
                self.socks.insert(made, Sock::read(&said).unwrap());
            }
            _ => panic!("{name} {order}: {said}"),
        }
    }

    /// `c FIN_WAIT2 of nobody`: waits until the witness and the tracer both say so.
    fn rest(&mut self, wanted: &str) {
        let words: Vec<&str> = wanted.split(' ').collect();
        let (name, state, holder) = match words[..] {
            [name, state] => (name, state, None),
            [name, state, "of", holder] => (name, state, Some(holder)),
            _ => panic!("NAME STATE or NAME STATE of HOLDER: {wanted}"),
        };
        let sock = self.sock(name).clone();
        let pids = holder.filter(|holder| *holder != "nobody").map(|holder| vec![self.actors[holder].pid()]);
        // One that has begun since: it shows what is missing.
        let since = self.witness.latest().1 + 2;
        let rests = patiently(|| {
            let (listing, count) = self.witness.latest();
            let line = listing.iter().find(|line| line.cookie == sock.cookie);
            let listed = match line {
                Some(line) => {
                    let held = pids.as_ref().map_or((&line.pids, 0), |pids| (pids, line.inode));
                    line.state == state && (holder.is_none() || (&line.pids, line.inode) == held)
                }
                None => state == "CLOSE" && count >= since,
            };
            let records = self.tracer.records();
            let last = judge::of_states(&records, &sock).last().copied();
            let told = last.is_some_and(|last| [&last["to"], &last["state"]].contains(&&state.into()));
            // Without a process the minisocket is what there is to wait for.
            let waits_for_it = (state, holder) == ("FIN_WAIT2", Some("nobody"));
            if waits_for_it && line.is_some_and(Line::is_whole_orphan) {
                once_more("the kernel keeps an orphan whole");
            }
            let stands_in = !waits_for_it || last.is_some_and(|last| last["type"] == "orphan");
            (listed && told && stands_in).then_some(())
        });
        let told: Vec<_> = self.tracer.records().iter().map(line).collect();
        assert!(rests.is_some(), "{wanted}: listed {:#?}, told {told:#?}", self.witness.latest().0);
        // Of one that is closed there is nothing to see.
        if state != "CLOSE" {
            self.rests.push((sock.cookie, state.to_owned()));
        }
    }

    /// Waits until all is told that must be, and looks at what was told.
    #[track_caller]
    fn judge(self, case: &Case) -> (Trace, usize) {
        let Self { tracer, witness, actors, socks, rests, .. } = self;
        assert!(!rests.is_empty(), "the script rests nowhere: what was the witness to see?");
        let lives: Vec<_> = case.lives.iter().map(|(name, life)| (name, &socks[name], life)).collect();
        patiently(|| {
            let records = tracer.records();
            let told = lives.iter().all(|(_, sock, life)| notation::fits(&judge::life(&records, sock), life));
            told.then_some(())
        });
        // In this order, so that nothing can be seen that could not be told.
        let testimony = witness.dismissed();
        let trace = tracer.finish();
        trace.assert_as_ss_says();
        drop(actors);
        for (name, sock, life) in lives {
            judge::assert_life(&trace, name, sock, life);
        }
        for (name, sent) in &case.sent {
            judge::assert_sent(&trace, &socks[name], sent);
        }
        judge::assert_pairs(&trace, &case.lives.iter().map(|(name, _)| &socks[name]).collect::<Vec<_>>());
        let seen = testimony.agrees_with(&trace);
        for (cookie, state) in rests {
            assert!(testimony.saw(&cookie, &state), "the witness has missed {state} of {cookie}");
        }
        (trace, seen)
    }

    fn sock(&self, name: &str) -> &Sock {
        self.socks.get(name).unwrap_or_else(|| panic!("no socket {name}"))
    }

    fn listed(&self, wanted: impl Fn(&Line) -> bool) -> Option<Line> {
        self.witness.latest().0.into_iter().find(wanted)
    }

    /// Puts in what a word stands for.
    fn filled(&self, word: &str) -> String {
        if let Some(name) = word.strip_prefix('@') {
            self.sock(name).local.to_string()
        } else if let Some(name) = word.strip_prefix('#') {
            self.sock(name).fd.to_string()
        } else if let Some(name) = word.strip_prefix('%') {
            self.actors[name].pid().to_string()
        } else if let Some((address, name)) = word.split_once(":$") {
            format!("{address}:{}", self.sock(name).local.port())
        } else {
            word.to_owned()
        }
    }
}

/// How often to try again, after 1 s and then each time after twice as long, to go on for at least so long.
fn retries(seconds: u32) -> u32 {
    (seconds + 1).next_power_of_two().ilog2() - 1
}

/// The socket that an order makes: `accept l s` is the only one that names another one first.
fn made_by(order: &str) -> String {
    let words: Vec<&str> = order.trim_start_matches("thread ").split(' ').collect();
    words[if words[0] == "accept" { 2 } else { 1 }].to_owned()
}

/// `error ECONNREFUSED` as an actor says it.
fn in_numbers(answer: &str) -> String {
    let errno = match answer.strip_prefix("error ") {
        Some("ECONNREFUSED") => libc::ECONNREFUSED,
        Some("ECONNRESET") => libc::ECONNRESET,
        Some("EHOSTUNREACH") => libc::EHOSTUNREACH,
        Some("ETIMEDOUT") => libc::ETIMEDOUT,
        Some(other) => panic!("no number for {other}"),
        None => return answer.to_owned(),
    };
    format!("error {errno}")
}
