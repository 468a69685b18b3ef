//! How a case is written: what happens, line by line, and then the life of each socket.
//!
//! ```text
//! connected                                  server: listen l, accept l s; client: connect c
//! client close c                             an actor and its order (see `harness/orders.rs`)
//! rests c FIN_WAIT2 of nobody, s CLOSE_WAIT  until ss and the tracer both say so
//! server close s
//! rests c TIME_WAIT, s CLOSE
//! c = opened                                 the life of c: what `ALIASES` has for this word, and then
//!     ESTABLISHED>FIN_WAIT1 process client/syscall close
//! ```
//!
//! A record is `STEP CONTEXT OWNER CAUSE`. A word may name several that will do, with `|` between them; `server/acceptor`
//! is `server/accept` where it is seen who accepts, else `server/listener`. A record with `?` before it may be missing;
//! `>900ms` behind it is the least that the state before must have lasted. `c sends` lists segments that must have been
//! told of: `reset:STATE REASON` and `retransmit:STATE`.
//!
//! In an order `@l` is the address of l, `127.0.0.1:$l` one with its port, `#l` its descriptor, `%server` the process id of
//! server. `begins` before it does not wait for the answer, for which `answers` waits; `retries` repeats it until it
//! succeeds; `=> error ECONNREFUSED` behind it is the answer that must come. What else a line can be: see `Play::line`.

use std::time::Duration;

use crate::harness::trace;

/// Lives begin alike.
const ALIASES: &[(&str, &[&str])] = &[
    (
        "opened",
        &["CLOSE>SYN_SENT process client/syscall -", "SYN_SENT>ESTABLISHED process|softirq client/syscall -"],
    ),
    (
        "accepted",
        &[
            "LISTEN>SYN_RECV softirq server/listener syn_received",
            "SYN_RECV>ESTABLISHED softirq server/listener -",
        ],
    ),
    ("listening", &["CLOSE>LISTEN process server/syscall -"]),
];

/// A case: what happens, and which records must be emitted.
#[derive(Default)]
pub struct Case {
    pub script: Vec<String>,
    pub lives: Vec<(String, Vec<Expected>)>,
    /// Segments that a socket must have sent.
    pub sent: Vec<(String, Vec<String>)>,
}

/// A record that must be emitted.
#[derive(Clone, Debug)]
pub struct Expected {
    pub line: String,
    pub optional: bool,
    pub lasted: Duration,
}

impl Expected {
    fn read(line: &str) -> Self {
        let (line, optional) = line.strip_prefix('?').map_or((line, false), |line| (line, true));
        let (line, lasted) = match line.rsplit_once(" >") {
            Some((line, lasted)) => (line, milliseconds(lasted)),
            None => (line, Duration::ZERO),
        };
        let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(line.split(' ').count(), 4, "STEP CONTEXT OWNER CAUSE: {line}");
        Self { line, optional, lasted }
    }
}

/// Reads `900ms`.
pub fn milliseconds(text: &str) -> Duration {
    Duration::from_millis(text.strip_suffix("ms").unwrap().parse().unwrap())
}

/// Reads a case.
pub fn read(text: &str) -> Case {
    let mut case = Case::default();
    let mut of_life = true;
    for line in text.lines() {
        let line = line.split_once(" # ").map_or(line, |(line, _)| line).trim();
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            [] => {}
            [first, ..] if first.starts_with('#') => {}
            [name, "=", ref aliases @ ..] => {
                let known = |alias: &&str| ALIASES.iter().find(|(word, _)| word == alias).unwrap().1;
                let begins = aliases.iter().flat_map(known).map(|line| Expected::read(line));
                case.lives.push((name.to_owned(), begins.collect()));
                of_life = true;
            }
            [name, "sends"] => {
                case.sent.push((name.to_owned(), Vec::new()));
                of_life = false;
            }
            _ if !of_life => case.sent.last_mut().unwrap().1.push(words.join(" ")),
            _ => match case.lives.last_mut() {
                Some((_, life)) => life.push(Expected::read(line)),
                None => case.script.push(words.join(" ")),
            },
        }
    }
    assert!(!case.lives.is_empty(), "a case without a life says nothing");
    case
}

/// Whether what was told, with how long the state before lasted, is what was expected.
pub fn fits(told: &[(String, Duration)], expected: &[Expected]) -> bool {
    let Some((first, rest)) = expected.split_first() else { return told.is_empty() };
    let here = told.split_first().is_some_and(|((line, lasted), told)| {
        trace::fits(line, &first.line) && *lasted >= first.lasted && fits(told, rest)
    });
    here || (first.optional && fits(told, rest))
}
