//! Random programs of socket calls against the real kernel: whatever processes do, what is told of each socket is a path
//! of the state machine, it begins and ends where `ss` says, and its owner is somebody who holds it.

use std::collections::{BTreeMap, BTreeSet};

use proptest::{
    prelude::*,
    sample::Index,
    test_runner::{Config, TestRunner},
};
use rustix::process::Signal;
use serde_json::Value;

use crate::{
    harness::{
        actor::{Actor, Sock},
        in_a_namespace, ss,
        trace::Trace,
        tracer::Tracer,
        wait_for,
    },
    machine,
    witness::Witness,
};

/// States that pass by themselves within a host.
const PASSING: [&str; 5] = ["SYN_SENT", "SYN_RECV", "FIN_WAIT1", "CLOSING", "LAST_ACK"];

/// How many processes take part.
const ACTORS: usize = 3;

#[derive(Clone, Copy, Debug)]
enum Op {
    Listen,
    Connect,
    /// To a port on which nobody listens.
    ConnectInVain,
    Accept,
    Send,
    Shutdown,
    ShutdownBoth,
    /// The next close is an abort.
    Linger,
    /// `connect(AF_UNSPEC)`
    Disconnect,
    Close,
    /// Gets another process's socket, as a forked child would.
    Adopt,
    Exit,
    Kill,
}

/// One call: who, what, and which of the sockets that it could be about.
#[derive(Clone, Debug)]
struct Call {
    actor: usize,
    op: Op,
    which: Index,
}

fn call() -> impl Strategy<Value = Call> {
    use Op::*;
    let op = prop_oneof![
        3 => Just(Listen),
        8 => Just(Connect),
        1 => Just(ConnectInVain),
        7 => Just(Accept),
        4 => Just(Send),
        3 => Just(Shutdown),
        2 => Just(ShutdownBoth),
        2 => Just(Linger),
        1 => Just(Disconnect),
        6 => Just(Close),
        2 => Just(Adopt),
        1 => Just(Exit),
        1 => Just(Kill),
    ];
    (0..ACTORS, op, any::<Index>()).prop_map(|(actor, op, which)| Call { actor, op, which })
}

#[test]
fn whatever_processes_do() {
    in_a_namespace(|| {
        let programs = prop::collection::vec(call(), 5..40);
        // More with PROPTEST_CASES.
        let usual = Config::default();
        let cases = if std::env::var_os("PROPTEST_CASES").is_some() { usual.cases } else { 8 };
        let config = Config { cases, failure_persistence: None, max_shrink_iters: 64, ..usual };
        let outcome = TestRunner::new(config).run(&programs, |program| {
            // One each: what is left of one program is no business of the next.
            in_a_namespace(move || {
                let _shared = machine::shared();
                Stage::new().play(&program);
            });
            Ok(())
        });
        outcome.unwrap_or_else(|error| panic!("{error}"));
    });
}

/// A listening socket.
struct Listener {
    port: u16,
    /// Connections that wait to be accepted.
    queue: usize,
}

/// A socket in a process's hands.
#[derive(Clone)]
struct Held {
    name: String,
    sock: Sock,
}

struct Stage {
    tracer: Tracer,
    witness: Witness,
    actors: Vec<Option<Actor>>,
    pids: Vec<u32>,
    held: Vec<Vec<Held>>,
    listeners: BTreeMap<String, Listener>,
    /// Who ever held a socket, by cookie.
    holders: BTreeMap<String, BTreeSet<u32>>,
    /// Who ever held a socket that listened on a port.
    hosts: BTreeMap<u16, BTreeSet<u32>>,
    made: usize,
}

impl Stage {
    fn new() -> Self {
        let tracer = Tracer::start(&[]);
        let actors: Vec<_> = (0..ACTORS).map(|i| Some(Actor::new(format!("actor-{i}")))).collect();
        Self {
            tracer,
            witness: Witness::new(),
            pids: actors.iter().flatten().map(Actor::pid).collect(),
            actors,
            held: vec![Vec::new(); ACTORS],
            listeners: BTreeMap::new(),
            holders: BTreeMap::new(),
            hosts: BTreeMap::new(),
            made: 0,
        }
    }

    fn play(mut self, program: &[Call]) {
        for call in program {
            self.call(call);
        }
        let Self { tracer, witness, actors, holders, hosts, .. } = self;
        // Only what stays as it is can be compared.
        wait_for("the sockets to come to rest", || {
            ss::all().iter().all(|line| !PASSING.contains(&line.state.as_str())).then_some(())
        });
        for line in ss::all() {
            wait_for("the last step to be told", || told(&tracer.records(), &line.cookie, &line.state));
        }
        let testimony = witness.dismissed();
        let trace = tracer.finish();
        trace.assert_as_ss_says();
        testimony.agrees_with(&trace);
        begins_with_its_beginning(&trace);
        for record in &trace.records {
            belongs_to_a_holder(record, &holders, &hosts, &trace);
        }
        drop(actors);
    }

    fn call(&mut self, &Call { actor, op, which }: &Call) {
        if self.actors[actor].is_none() {
            return;
        }
        let mine = self.held[actor].clone();
        let streams: Vec<_> =
            mine.iter().filter(|held| !self.listeners.contains_key(&held.sock.cookie)).cloned().collect();
        let pick = |from: &[Held]| (!from.is_empty()).then(|| which.get(from).clone());
        match op {
            Op::Listen => {
                let name = self.name();
                let sock = self.actor(actor).tell(&format!("listen {name} 127.0.0.1:0"));
                let port = sock.local.port();
                self.listeners.insert(sock.cookie.clone(), Listener { port, queue: 0 });
                self.hosts.entry(port).or_default().insert(self.pids[actor]);
                self.take(actor, name, sock);
            }
            Op::Connect => {
                let open: Vec<_> = self.listeners.keys().cloned().collect();
                if open.is_empty() {
                    return;
                }
                let listener = which.get(&open).clone();
                let port = self.listeners[&listener].port;
                if self.connect(actor, port) {
                    self.listeners.get_mut(&listener).unwrap().queue += 1;
                }
            }
            Op::ConnectInVain => assert!(!self.connect(actor, 1)),
            Op::Accept => {
                let waiting = |held: &&Held| {
                    self.listeners.get(&held.sock.cookie).is_some_and(|listener| listener.queue > 0)
                };
                let waiting: Vec<_> = mine.iter().filter(waiting).cloned().collect();
                let Some(listener) = pick(&waiting) else { return };
                let name = self.name();
                let sock = self.actor(actor).tell(&format!("accept {} {name}", listener.name));
                self.listeners.get_mut(&listener.sock.cookie).unwrap().queue -= 1;
                self.take(actor, name, sock);
            }
            Op::Send => self.order(actor, "send", pick(&streams)),
            Op::Shutdown => self.order(actor, "shutdown", pick(&streams)),
            Op::ShutdownBoth => self.order(actor, "shutdown-both", pick(&streams)),
            Op::Linger => self.order(actor, "linger0", pick(&streams)),
            Op::Disconnect => self.order(actor, "disconnect", pick(&streams)),
            Op::Close => {
                let Some(held) = pick(&mine) else { return };
                self.actor(actor).order(&format!("close {}", held.name));
                self.held[actor].retain(|other| other.name != held.name);
                self.forget_listeners();
            }
            Op::Adopt => {
                let others: Vec<_> = (0..ACTORS).filter(|other| *other != actor).collect();
                let others: Vec<_> = others
                    .into_iter()
                    .flat_map(|other| self.held[other].iter().map(move |held| (other, held.clone())))
                    .collect();
                if others.is_empty() {
                    return;
                }
                let (other, held) = which.get(&others).clone();
                let name = self.name();
                let order = format!("adopt {name} {} {}", self.pids[other], held.sock.fd);
                let sock = self.actor(actor).tell(&order);
                assert_eq!(sock.cookie, held.sock.cookie);
                if let Some(listener) = self.listeners.get(&sock.cookie) {
                    self.hosts.entry(listener.port).or_default().insert(self.pids[actor]);
                }
                self.take(actor, name, sock);
            }
            Op::Exit | Op::Kill => {
                let gone = self.actors[actor].take().unwrap();
                match op {
                    Op::Exit => gone.exit(),
                    _ => gone.kill(Signal::KILL),
                };
                self.held[actor].clear();
                self.forget_listeners();
            }
        }
    }

    fn actor(&self, actor: usize) -> &Actor {
        self.actors[actor].as_ref().unwrap()
    }

    fn name(&mut self) -> String {
        self.made += 1;
        format!("s{}", self.made)
    }

    fn take(&mut self, actor: usize, name: String, sock: Sock) {
        self.holders.entry(sock.cookie.clone()).or_default().insert(self.pids[actor]);
        self.held[actor].push(Held { name, sock });
    }

    /// Whether it succeeds.
    fn connect(&mut self, actor: usize, port: u16) -> bool {
        let name = self.name();
        let sock = self.actor(actor).tell(&format!("socket {name} 127.0.0.1:0"));
        self.take(actor, name.clone(), sock);
        let answer = self.actor(actor).speak(&format!("connect {name} 127.0.0.1:{port}"));
        answer.starts_with("socket")
    }

    /// Gives an actor an order, which may fail: the socket may be in any state.
    fn order(&self, actor: usize, order: &str, held: Option<Held>) {
        let Some(held) = held else { return };
        let answer = self.actor(actor).speak(&format!("{order} {}", held.name));
        assert!(answer == "done" || answer.starts_with("error"), "{answer}");
    }

    /// Forgets listeners that nobody has any more.
    fn forget_listeners(&mut self) {
        let held: BTreeSet<_> = self.held.iter().flatten().map(|held| held.sock.cookie.clone()).collect();
        self.listeners.retain(|cookie, _| held.contains(cookie));
    }
}

/// Whether the latest that was told of a socket is that it is in this state; of one in `CLOSE`, perhaps nothing.
fn told(records: &[Value], cookie: &str, state: &str) -> Option<()> {
    let of_it = records.iter().rev().filter(|record| record["socket"] == cookie);
    let last = of_it.filter_map(|record| record["to"].as_str().or(record["state"].as_str())).next();
    (last.unwrap_or("CLOSE") == state).then_some(())
}

/// Nothing existed before the trace, so every life is told from its first step on.
fn begins_with_its_beginning(trace: &Trace) {
    let mut known = BTreeSet::new();
    for record in &trace.records {
        let Some(socket) = record["socket"].as_str() else { continue };
        if known.insert(socket) {
            let step = (record["from"].as_str(), record["to"].as_str());
            let begins = [("CLOSE", "SYN_SENT"), ("CLOSE", "LISTEN"), ("LISTEN", "SYN_RECV")];
            let begins = begins.iter().any(|(from, to)| step == (Some(from), Some(to)));
            assert!(begins, "{record} in {:#?}", trace.lines());
        }
    }
}

/// The owner holds the socket, or, before it is accepted, the socket that it comes from.
fn belongs_to_a_holder(
    record: &Value,
    holders: &BTreeMap<String, BTreeSet<u32>>,
    hosts: &BTreeMap<u16, BTreeSet<u32>>,
    trace: &Trace,
) {
    let (Some(socket), Some(pid)) = (record["socket"].as_str(), record["process"]["pid"].as_u64()) else {
        return;
    };
    let pid = u32::try_from(pid).unwrap();
    let port = record["local"]["port"].as_u64().and_then(|port| u16::try_from(port).ok());
    let host = port.and_then(|port| hosts.get(&port)).is_some_and(|hosts| hosts.contains(&pid));
    let holds = match (holders.get(socket), record["process"]["evidence"].as_str()) {
        (_, Some("listener")) | (None, _) => host,
        (Some(holders), _) => holders.contains(&pid),
    };
    assert!(holds, "{pid} never held {socket}: {record} in {:#?}", trace.lines());
}
