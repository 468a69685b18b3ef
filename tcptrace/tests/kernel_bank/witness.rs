//! `ss`, asked again and again beside the tracer: which states it has seen each socket in, and in which order.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
};

use crate::{
    harness::{
        ss::{self, Line},
        trace::Trace,
    },
    judge,
};

/// Sockets and states that `ss` has shown so far.
#[derive(Default)]
struct Seen {
    /// As in [`Testimony`].
    states: BTreeMap<String, (Line, Vec<String>)>,
    latest: Vec<Line>,
    listings: usize,
}

/// Asks `ss` from a thread of its own.
pub struct Witness {
    seen: Arc<Mutex<Seen>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Witness {
    /// Begins, in this thread's network namespace.
    pub fn new() -> Self {
        let (seen, stop) = (Arc::<Mutex<Seen>>::default(), Arc::<AtomicBool>::default());
        let thread = thread::spawn({
            let (seen, stop) = (seen.clone(), stop.clone());
            move || {
                while !stop.load(Relaxed) {
                    let listing = ss::all();
                    seen.lock().unwrap().take_in(listing);
                }
            }
        });
        Self { seen, stop, thread: Some(thread) }
    }

    /// The latest listing, and how many there have been.
    pub fn latest(&self) -> (Vec<Line>, usize) {
        let seen = self.seen.lock().unwrap();
        (seen.latest.clone(), seen.listings)
    }

    /// Ends the watch, and returns what was seen.
    pub fn dismissed(mut self) -> Testimony {
        self.stop.store(true, Relaxed);
        self.thread.take().unwrap().join().unwrap();
        Testimony(std::mem::take(&mut self.seen.lock().unwrap().states))
    }
}

/// Sockets by cookie: each as it was first seen, and its states one after another.
pub struct Testimony(BTreeMap<String, (Line, Vec<String>)>);

impl Testimony {
    /// Whether the socket was seen in this state.
    pub fn saw(&self, cookie: &str, state: &str) -> bool {
        self.0.get(cookie).is_some_and(|(_, states)| states.iter().any(|seen| seen == state))
    }

    /// Checks that every state that was seen was emitted, in the same order. Returns the number of states seen, of all
    /// sockets.
    #[track_caller]
    pub fn agrees_with(&self, trace: &Trace) -> usize {
        for (line, states) in self.0.values() {
            let told = judge::states(trace, &line.sock());
            let mut rest = told.iter();
            let agrees = states.iter().all(|state| rest.any(|told| told == state));
            assert!(agrees, "{line:?}\nseen: {states:?}\ntold: {told:?}\nall: {:#?}", trace.lines());
        }
        self.0.values().map(|(_, states)| states.len()).sum()
    }
}

impl Seen {
    fn take_in(&mut self, listing: Vec<Line>) {
        // A socket that is bound and nothing else is in CLOSE; no step has led there.
        for line in listing.iter().filter(|line| line.state != "CLOSE") {
            let (_, states) =
                self.states.entry(line.cookie.clone()).or_insert_with(|| (line.clone(), Vec::new()));
            if states.last() != Some(&line.state) {
                states.push(line.state.clone());
            }
        }
        self.latest = listing;
        self.listings += 1;
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
    }
}
