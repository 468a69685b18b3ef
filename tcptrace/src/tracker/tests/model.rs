//! Random lives of sockets as the kernel would report them: the slow and obvious model for property tests.
//!
//! Every life is a walk through [`tcp::machine`](crate::tcp); several run at once and use places in memory and ports
//! again. Processes have small numbers; whoever merely runs when something happens has [`BYSTANDER`]'s or more.

use std::collections::HashMap;

use proptest::{collection::vec, prelude::*};

use crate::{
    address::{Endpoint, Netns, Tuple},
    event::{Activity, SockFacts, StateChange, Task},
    process::Comm,
    tcp::{Step, TcpState, leaves, step},
};

/// Process ids from here on never own a socket.
pub(crate) const BYSTANDER: u32 = 900;

/// Kinds of kernels, by what they report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// Linux 6.15 and later, with BTF.
    Modern,
    /// Linux before 6.15: a child's first event has the listener's cookie and addresses.
    Old,
    /// The classic hook without BTF: no cookie, no namespace, nothing of the socket.
    Blind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Listener,
    Client,
    Child,
}

/// Choices of one life.
#[derive(Clone, Debug)]
pub(crate) struct Seed {
    kind: Kind,
    port: u8,
    pid: u8,
    netns: u8,
    v6: bool,
    bound: bool,
    choices: Vec<u8>,
}

/// Choices of all lives.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) style: Style,
    seeds: Vec<Seed>,
    turns: Vec<u8>,
}

pub(crate) fn world() -> impl Strategy<Value = World> {
    let kind = prop_oneof![Just(Kind::Listener), Just(Kind::Client), Just(Kind::Child)];
    let seed = (kind, 0..3u8, 1..4u8, 1..3u8, any::<bool>(), any::<bool>(), vec(any::<u8>(), 0..12))
        .prop_map(|(kind, port, pid, netns, v6, bound, choices)| Seed {
            kind,
            port,
            pid,
            netns,
            v6,
            bound,
            choices,
        });
    let style = prop_oneof![Just(Style::Modern), Just(Style::Old), Just(Style::Blind)];
    (style, vec(seed, 1..12), vec(any::<u8>(), 0..60)).prop_map(|(style, seeds, turns)| World {
        style,
        seeds,
        turns,
    })
}

/// Fate of an event on its way; mostly it arrives.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fate {
    Arrives,
    IsLost,
    ComesTwice,
    ComesLate,
}

pub(crate) fn fates() -> impl Strategy<Value = Vec<Fate>> {
    let fate = prop_oneof![
        6 => Just(Fate::Arrives),
        1 => Just(Fate::IsLost),
        1 => Just(Fate::ComesTwice),
        1 => Just(Fate::ComesLate)
    ];
    vec(fate, 0..80)
}

/// Events as they arrive, each with its fate.
pub(crate) fn mangle(events: &[StateChange], fates: &[Fate]) -> Vec<StateChange> {
    let mut out = Vec::new();
    let mut late = None;
    for (i, event) in events.iter().enumerate() {
        match fates.get(i).copied().unwrap_or(Fate::Arrives) {
            Fate::Arrives => out.push(event.clone()),
            Fate::IsLost => {}
            Fate::ComesTwice => out.extend([event.clone(), event.clone()]),
            Fate::ComesLate => {
                out.extend(late.replace(event.clone()));
                continue;
            }
        }
        out.extend(late.take());
    }
    out.extend(late);
    out
}

/// An event, and whose it really is.
#[derive(Clone, Debug)]
pub(crate) struct Reported {
    pub(crate) life: usize,
    pub(crate) event: StateChange,
    /// Addresses of the socket, whatever the event says.
    pub(crate) tuple: Tuple,
    /// Process that has the socket.
    pub(crate) pid: u32,
    /// Whether the life ends here.
    pub(crate) last: bool,
}

/// A life that has begun.
struct Running {
    life: usize,
    pointer: u64,
    state: TcpState,
    choices: std::vec::IntoIter<u8>,
    orphan: bool,
}

impl World {
    /// All events, each life's in order; every life ends.
    pub(crate) fn events(&self) -> Vec<Reported> {
        let mut reported = Vec::new();
        let mut running: Vec<Running> = Vec::new();
        let mut waiting: Vec<usize> = (0..self.seeds.len()).rev().collect();
        let mut turns = self.turns.iter().copied();
        loop {
            let turn = turns.next();
            let free =
                waiting.iter().rposition(|life| !running.iter().any(|other| self.clash(other.life, *life)));
            match (turn, free) {
                (Some(turn), Some(index)) if running.is_empty() || turn % 3 == 0 => {
                    running.push(self.start(waiting.remove(index), &running));
                }
                (None, Some(index)) if running.is_empty() => {
                    running.push(self.start(waiting.remove(index), &running));
                }
                _ if running.is_empty() => return reported,
                _ => {
                    let index = usize::from(turn.unwrap_or(0) / 3) % running.len();
                    let step = self.advance(&mut running, index, reported.len() as u64 * 1_000);
                    if step.last {
                        running.remove(index);
                    }
                    reported.push(step);
                }
            }
        }
    }

    /// Whether two sockets cannot be there at once.
    fn clash(&self, a: usize, b: usize) -> bool {
        let (one, two) = (&self.seeds[a], &self.seeds[b]);
        let namespace = one.netns == two.netns || self.style == Style::Blind;
        one.kind != Kind::Listener && namespace && self.tuple(a) == self.tuple(b)
            || self.style == Style::Blind && namespace && self.tuple(a) == self.tuple(b)
    }

    fn start(&self, life: usize, running: &[Running]) -> Running {
        let pointer = (1..).find(|place| running.iter().all(|other| other.pointer != *place)).unwrap();
        let seed = &self.seeds[life];
        let state = if seed.kind == Kind::Child { TcpState::Listen } else { TcpState::Close };
        Running { life, pointer, state, choices: seed.choices.clone().into_iter(), orphan: false }
    }

    pub(crate) fn tuple(&self, life: usize) -> Tuple {
        let Seed { kind, port, v6, .. } = self.seeds[life];
        let end = |port: u16| Endpoint {
            address: if v6 { "::1".parse().unwrap() } else { "127.0.0.1".parse().unwrap() },
            port,
        };
        let (server, client) = (80 + u16::from(port) % 2, 4000 + u16::from(port));
        let nobody = Endpoint::from_bytes([0; 16], 0);
        match kind {
            // Dual-stack, as most are.
            Kind::Listener => Tuple { local: Endpoint { port: server, ..nobody }, remote: nobody },
            Kind::Client => Tuple { local: end(client), remote: end(server) },
            Kind::Child => Tuple { local: end(server), remote: end(client) },
        }
    }

    fn cookie(life: usize) -> u64 {
        1_000 + life as u64
    }

    fn advance(&self, running: &mut [Running], index: usize, mono_ns: u64) -> Reported {
        let listener = self.listener_of(running, index);
        let now = &mut running[index];
        let seed = &self.seeds[now.life];
        let from = now.state;
        let choice = now.choices.next().unwrap_or(0);
        let really = match (seed.kind, from) {
            (Kind::Listener, TcpState::Close) => TcpState::Listen,
            (Kind::Listener, _) => TcpState::Close,
            (Kind::Client, TcpState::Close) => TcpState::SynSent,
            (Kind::Child, TcpState::Listen) => TcpState::SynRecv,
            _ => {
                let seen: Vec<_> = leaves(from).filter(|(to, _)| *to != TcpState::NewSynRecv).collect();
                seen[usize::from(choice) % seen.len()].0
            }
        };
        let to = if really == TcpState::TimeWait { TcpState::Close } else { really };
        assert_ne!(step(from, to), Step::Impossible, "{from} → {to}");
        let facts = facts(seed, from, really, choice, now.orphan);
        now.orphan |= facts.file_released == Some(true);
        now.state = to;
        let pid = u32::from(seed.pid);
        let holds = facts.owned && facts.error != 103;
        let tuple = self.tuple(now.life);
        let mut event = StateChange {
            mono_ns,
            pointer: now.pointer << 6,
            cookie: Some(Self::cookie(now.life)),
            netns: Some(Netns(seed.netns.into())),
            tuple,
            from,
            to,
            sock: Some(facts),
            numbers: None,
            cgroup: None,
            task: task(if holds { pid } else { BYSTANDER + u32::from(choice) }),
        };
        if really == TcpState::SynSent && !seed.bound {
            event.tuple.local.port = 0;
        }
        if really == TcpState::SynRecv && from == TcpState::Listen && self.style == Style::Old {
            let nobody = Endpoint::from_bytes([0; 16], 0);
            event.cookie = Some(listener.map_or(1, Self::cookie));
            event.tuple = Tuple { local: Endpoint { port: tuple.local.port, ..nobody }, remote: nobody };
        }
        if self.style == Style::Blind {
            (event.cookie, event.netns, event.sock, event.task.activity) = (None, None, None, None);
        }
        Reported { life: now.life, event, tuple, pid, last: to == TcpState::Close }
    }

    fn listener_of(&self, running: &[Running], index: usize) -> Option<usize> {
        let child = running[index].life;
        let fits = |other: &&Running| {
            other.state == TcpState::Listen
                && self.seeds[other.life].kind == Kind::Listener
                && self.seeds[other.life].netns == self.seeds[child].netns
                && self.tuple(other.life).local.port == self.tuple(child).local.port
        };
        running.iter().find(fits).map(|other| other.life)
    }

    /// This world without lives whose addresses another one has too, or shows as long as its port is not known.
    pub(crate) fn unambiguous(mut self) -> Self {
        let shown = |life: usize| {
            let tuple = self.tuple(life);
            let local = Endpoint { port: 0, ..tuple.local };
            (tuple, (self.seeds[life].kind == Kind::Client).then_some(Tuple { local, ..tuple }))
        };
        let shown: Vec<_> = (0..self.seeds.len()).map(shown).collect();
        let as_another = |life: usize| {
            shown[..life]
                .iter()
                .any(|(tuple, calls)| *tuple == shown[life].0 || calls.is_some() && *calls == shown[life].1)
        };
        let mut lives = 0..;
        self.seeds.retain(|_| lives.next().is_some_and(|life| !as_another(life)));
        self
    }

    /// Whether this is the life of a listening socket.
    pub(crate) fn is_listener(&self, life: usize) -> bool {
        self.seeds[life].kind == Kind::Listener
    }
}

/// Facts of `struct sock` at such a step.
fn facts(seed: &Seed, from: TcpState, to: TcpState, choice: u8, orphan: bool) -> SockFacts {
    use TcpState::{Close, Established, FinWait1, FinWait2, LastAck, Listen, SynSent, TimeWait};
    let mut facts = SockFacts { orphan, ..SockFacts::default() };
    let by_call = matches!(to, Listen | SynSent | FinWait1 | LastAck) || (from, to) == (Listen, Close);
    // In the backlog of a system call too, but a child is made without one.
    facts.owned = by_call || (seed.bound && !orphan && from != Listen && choice & 64 != 0);
    if facts.owned {
        facts.file_released = Some(choice & 128 != 0 && matches!(to, FinWait1 | LastAck | Close));
    }
    match (from, to) {
        (_, TimeWait) => facts.fin_received = true,
        (FinWait2, Close) => facts.error = if orphan { 0 } else { 104 },
        (Listen | LastAck, Close) => {}
        (_, Close) => {
            facts.error = [104, 110, 113, 103, 0][usize::from(choice >> 3) % 5];
            if facts.error == 0 && from == Established {
                facts.owned = true;
                facts.file_released = Some(true);
            }
            if facts.error == 103 {
                (facts.owned, facts.file_released) = (true, Some(false));
            }
        }
        _ => {}
    }
    facts
}

fn task(pid: u32) -> Task {
    let comm = Comm::from_slice(format!("p{pid}").as_bytes());
    Task { pid, tid: pid, uid: 0, comm, thread: comm, activity: Some(Activity::Running) }
}

/// Processes that were seen with a socket in hand, by cookie.
pub(crate) fn holders<'a>(events: impl IntoIterator<Item = &'a StateChange>) -> HashMap<u64, Vec<u32>> {
    let mut holders: HashMap<u64, Vec<u32>> = HashMap::new();
    for event in events {
        if event.sock.is_some_and(|facts| facts.owned) {
            holders.entry(event.cookie.unwrap_or(0)).or_default().push(event.task.pid);
        }
    }
    holders
}
