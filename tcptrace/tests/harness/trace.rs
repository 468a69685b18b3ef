//! A finished trace, and what must hold of any: every step is one that TCP can take, and every event is accounted for.

use std::{collections::BTreeMap, process::ExitStatus};

use serde_json::Value;
use tcptrace::tcp::{Step, TcpState, step};

use super::{
    actor::{Sock, name_of},
    ss,
};

/// All that a tracer wrote.
pub struct Trace {
    pub records: Vec<Value>,
    pub text: String,
    pub err: String,
    pub status: ExitStatus,
}

impl Trace {
    /// The records of one type, in order.
    pub fn of_type(&self, r#type: &str) -> Vec<&Value> {
        self.records.iter().filter(|record| record["type"] == r#type).collect()
    }

    /// The records about the states of one socket, in order.
    pub fn of_socket(&self, cookie: &str) -> Vec<&Value> {
        let of_states =
            |record: &&Value| !["retransmit", "reset", "stuck"].iter().any(|word| record["type"] == *word);
        self.records.iter().filter(|record| record["socket"] == cookie).filter(of_states).collect()
    }

    /// A number of the `end` record.
    pub fn total(&self, name: &str) -> u64 {
        self.of_type("end")[0][name].as_u64().unwrap()
    }

    /// A socket's life, one line a record: `STEP CONTEXT OWNER CAUSE`, with `-` for what is not told.
    pub fn life(&self, sock: &Sock) -> Vec<String> {
        self.of_socket(&sock.cookie).into_iter().map(line).collect()
    }

    /// Whether the hooks are attached that see this.
    pub fn sees(&self, what: &str) -> bool {
        sees(self.of_type("start")[0], what)
    }

    /// See [`acceptor`].
    pub fn acceptor(&self) -> &'static str {
        acceptor(self.of_type("start")[0])
    }

    /// Compares a socket's life with what it must be. A word may name several that will do: `process|softirq`; after an
    /// `accept()` the owner is known by [`acceptor`](Self::acceptor).
    #[track_caller]
    pub fn assert_life(&self, sock: &Sock, expected: &[&str]) {
        let told = self.life(sock);
        let evidence = format!("/{}", self.acceptor());
        let expected: Vec<_> = expected.iter().map(|line| line.replace("/acceptor", &evidence)).collect();
        let same = told.len() == expected.len() && told.iter().zip(&expected).all(|(a, b)| fits(a, b));
        assert!(same, "{sock:?}\ntold:     {told:#?}\nexpected: {expected:#?}\nall: {:#?}", self.lines());
        for record in self.of_socket(&sock.cookie) {
            self.assert_ends(sock, record);
        }
    }

    /// A record has the addresses of its socket, as far as its process knows them.
    #[track_caller]
    pub fn assert_ends(&self, sock: &Sock, record: &Value) {
        let end = |end: &Value| (end["address"].clone(), end["port"].clone());
        let want = |address: std::net::SocketAddr| {
            (Value::from(address.ip().to_canonical().to_string()), Value::from(address.port()))
        };
        // The one thing that is not known at first.
        if record["to"] != "SYN_SENT" && sock.local.port() != 0 {
            assert_eq!(end(&record["local"]), want(sock.local), "{record}");
            let family = if sock.local.ip().to_canonical().is_ipv4() { "ipv4" } else { "ipv6" };
            assert_eq!(record["family"], family, "{record}");
        }
        if sock.remote.port() != 0 {
            assert_eq!(end(&record["remote"]), want(sock.remote), "{record}");
        }
    }

    /// Every record as a line, for messages.
    pub fn lines(&self) -> Vec<String> {
        self.records.iter().map(|record| format!("{} {}", record["socket"], line(record))).collect()
    }

    /// Checks what holds of any trace.
    #[track_caller]
    pub fn check(&self) {
        assert!(!self.err.contains("please report"), "{}", self.err);
        assert_eq!(self.records.first().unwrap()["type"], "start");
        assert_eq!(self.records.last().unwrap()["type"], "end");
        assert!(self.records.iter().all(|record| record["v"] == 1), "{:#?}", self.lines());
        assert_eq!(self.total("seen"), self.total("shown") + self.total("filtered") + self.total("lost"));
        // Concluded from something else than an event of the kernel.
        let no_events = ["continuity", "peer_closed", "stand_in", "sock_diag"];
        let inferred = |record: &&&Value| no_events.iter().any(|evidence| record["evidence"] == *evidence);
        let events = self.of_type("transition").len() + self.of_type("orphan").len();
        let events = events - self.of_type("transition").iter().filter(inferred).count();
        assert_eq!(events as u64, self.total("shown"), "{:#?}", self.lines());

        let mut lives: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
        for record in &self.records {
            if let Some(socket) = record["socket"].as_str() {
                lives.entry(socket).or_default().push(record);
            }
        }
        let lossy = self.total("lost") > 0;
        for (socket, life) in lives {
            self.check_life(socket, &life, lossy);
        }
    }

    fn check_life(&self, socket: &str, life: &[&Value], lossy: bool) {
        let told = |record: &&Value| format!("{} {}", record["mono_ns"], line(record));
        let why = || format!("socket {socket}: {:#?}", life.iter().map(told).collect::<Vec<_>>());
        let (mut now, mut since) = (None, None);
        for record in life {
            let mono = record["mono_ns"].as_u64().unwrap();
            let state = |field: &str| record[field].as_str().unwrap().parse::<TcpState>().unwrap();
            match record["type"].as_str().unwrap() {
                "socket" => {
                    // Its place in memory was another's, so it was taken for closed; but a minisocket stood for it.
                    let corrected = lossy && now == Some(TcpState::Close);
                    assert!(now.is_none() || corrected, "told twice: {}", why());
                    (now, since) = (Some(state("state")), None);
                }
                "orphan" => assert_eq!(now.unwrap_or(state("state")), state("state"), "{}", why()),
                "transition" => {
                    let (from, to) = (state("from"), state("to"));
                    // A filter by state leaves gaps by design.
                    let gap = now.is_some_and(|now| now != from);
                    assert!(!gap || self.filters_by_state(), "{from} out of nowhere: {}", why());
                    // Several lost ones are one.
                    let outcome = ["continuity", "sock_diag"].iter().any(|word| record["evidence"] == *word);
                    assert!(outcome || step(from, to) != Step::Impossible, "{from} -> {to}: {}", why());
                    if let (Some(since), Some(lasted), false) = (since, record["in_from_ns"].as_u64(), gap) {
                        assert_eq!(mono.checked_sub(since), Some(lasted), "{}", why());
                    }
                    (now, since) = (Some(to), Some(mono));
                }
                "stuck" => assert_eq!(now, Some(state("state")), "{}", why()),
                "retransmit" | "reset" => {}
                other => panic!("{other} about a socket"),
            }
            assert!(since.is_none_or(|since| since <= mono), "{}", why());
        }
    }

    fn filters_by_state(&self) -> bool {
        self.of_type("start")[0]["filter"].as_str().is_some_and(|filter| {
            ["state", "pid", "uid", "comm", "cgroup", "container"].iter().any(|word| filter.contains(word))
        })
    }

    /// Every socket that is open according to the trace is so according to `ss`, and the other way round.
    #[track_caller]
    pub fn assert_as_ss_says(&self) {
        let mut told = BTreeMap::new();
        for record in &self.records {
            let state = [&record["to"], &record["state"]].into_iter().find_map(Value::as_str);
            if let (Some(socket), Some(state)) = (record["socket"].as_str(), state) {
                told.insert(socket.to_owned(), (state, record["type"] == "orphan"));
            }
        }
        told.retain(|_, (state, _)| *state != "CLOSE");
        let listed: BTreeMap<_, _> = ss::all().into_iter().map(|line| (line.cookie, line.state)).collect();
        let why = || format!("told {told:#?}, listed {listed:#?}: {:#?}", self.lines());
        assert!(told.keys().eq(listed.keys()), "{}", why());
        for ((state, orphan), listed) in told.values().zip(listed.values()) {
            // What becomes of an orphan has no event.
            assert!(state == listed || (*orphan && listed == "TIME_WAIT"), "{}", why());
        }
    }
}

/// `ESTABLISHED>FIN_WAIT1 process client/syscall close`.
pub fn line(record: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let step = match record["type"].as_str().unwrap() {
        "transition" => format!("{}>{}", text(&record["from"]), text(&record["to"])),
        other => format!("{other}:{}", text(&record["state"])),
    };
    let context = match record["evidence"].as_str() {
        Some(evidence) => format!("{}:{evidence}", text(&record["context"])),
        None => text(&record["context"]),
    };
    let owner = match record["process"].as_object() {
        None => "-".to_owned(),
        Some(process) => {
            let pid = u32::try_from(process["pid"].as_u64().unwrap()).unwrap();
            let comm = text(&process["comm"]);
            let name = match name_of(pid) {
                Some(name) if name == comm => name,
                Some(name) => format!("{comm}(but:{name})"),
                None => format!("{comm}({pid})"),
            };
            format!("{name}/{}", text(&process["evidence"]))
        }
    };
    let cause = match (record["signal"].as_str(), record["errno"].as_u64()) {
        (Some(signal), _) => format!("{}:{signal}", text(&record["cause"])),
        (_, Some(errno)) => format!("{}:{errno}", text(&record["cause"])),
        _ => text(&record["cause"]),
    };
    format!("{step} {context} {owner} {cause}")
}

/// Evidence of an accepted socket's owner until its process acts on it: the accept where this kernel lets us see it,
/// otherwise the listener.
pub fn acceptor(start: &Value) -> &'static str {
    if sees(start, "accepts") || sees(start, "accept_calls") { "accept" } else { "listener" }
}

fn sees(start: &Value, what: &str) -> bool {
    start["sees"].as_array().unwrap().iter().any(|seen| seen == what)
}

/// Whether a line is as expected, of which a word may name several that will do.
pub fn fits(told: &str, expected: &str) -> bool {
    let (told, expected): (Vec<_>, Vec<_>) = (told.split(' ').collect(), expected.split(' ').collect());
    told.len() == expected.len() && told.iter().zip(expected).all(|(a, b)| b.split('|').any(|b| *a == b))
}
