//! Connections within this host, each with the same life: handshake, accept, data, close, the peer's close, `TIME_WAIT`.
//!
//! Nothing is kept of them: every record follows from the connection's number and the step. Places in memory are used
//! again as a slab does, addresses as ephemeral ports are, cookies never.

use tcptrace_ebpf::{Flags, Kind, RECORD_VERSION, RawAccept, RawSocketEvent, RawTransition, TimerStep};
use zerocopy::{FromZeros as _, IntoBytes as _};

/// From one connection to the next, nanoseconds: 2,000 a second.
pub const INTERVAL: u64 = 500_000;
/// Records of one life.
pub const RECORDS: u64 = STEPS.len() as u64;

const CLOSE: u8 = 7;

#[derive(Clone, Copy)]
enum End {
    Client,
    Server,
}
use End::{Client, Server};

/// One thing that happens to a connection.
#[derive(Clone, Copy)]
enum Step {
    /// Between two states; by the process that owns this end, or in its back.
    Change(End, u8, u8, u32),
    Request(u8),
    Timewait(u8),
    Accept,
}

/// When a step comes: after the beginning, after the end of what the connection was for, or after `TIME_WAIT`.
#[derive(Clone, Copy)]
enum When {
    Opening(u64),
    Closing(u64),
    Elapsed(u64),
}
use When::{Closing, Elapsed, Opening};

const HELD: u32 = Flags::OWNED;
const CLOSED: u32 = HELD | Flags::HAS_FILE | Flags::FILE_RELEASED;
const PASSIVE: u32 = 0;
const FIN: u32 = Flags::FIN_RECEIVED;

/// The life of a connection, in microseconds, as Linux 6.18 reports it.
const STEPS: [(When, Step); 16] = [
    (Opening(0), Step::Change(Client, CLOSE, 2, HELD)),
    (Opening(20), Step::Request(TimerStep::STARTED)),
    (Opening(30), Step::Change(Server, 10, 3, PASSIVE)),
    (Opening(32), Step::Request(TimerStep::STOPPED)),
    (Opening(35), Step::Change(Client, 2, 1, HELD)),
    (Opening(40), Step::Change(Server, 3, 1, PASSIVE)),
    (Opening(60), Step::Accept),
    (Closing(0), Step::Change(Client, 1, 4, CLOSED)),
    (Closing(15), Step::Change(Server, 1, 8, FIN)),
    (Closing(20), Step::Change(Client, 4, 5, PASSIVE)),
    (Closing(100), Step::Change(Server, 8, 9, CLOSED | FIN)),
    (Closing(120), Step::Timewait(TimerStep::STARTED)),
    (Closing(121), Step::Change(Client, 5, CLOSE, FIN | Flags::ORPHAN)),
    (Closing(125), Step::Change(Server, 9, CLOSE, FIN | Flags::ORPHAN)),
    (Elapsed(0), Step::Timewait(TimerStep::STOPPED)),
    (Elapsed(1), Step::Timewait(TimerStep::EXPIRED)),
];

/// A record of the ring buffer.
#[derive(Clone, Copy, Debug)]
pub enum Raw {
    Transition(RawTransition),
    SocketEvent(RawSocketEvent),
    Accept(RawAccept),
}

impl Raw {
    /// As it stands in the ring buffer.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Transition(raw) => raw.as_bytes(),
            Self::SocketEvent(raw) => raw.as_bytes(),
            Self::Accept(raw) => raw.as_bytes(),
        }
    }

    /// When it was made.
    pub const fn mono_ns(&self) -> u64 {
        match self {
            Self::Transition(raw) => raw.time_ns,
            Self::SocketEvent(raw) => raw.time_ns,
            Self::Accept(raw) => raw.time_ns,
        }
    }
}

/// The records of connections without an end, in the order of time.
#[derive(Clone, Debug)]
pub struct Flood {
    /// When each step comes, nanoseconds after the beginning of its connection.
    after: [u64; STEPS.len()],
    /// The connection that comes to each step next.
    next: [u64; STEPS.len()],
    /// Number of connections that exist at once at most, those in `TIME_WAIT` included.
    places: u64,
}

impl Flood {
    /// A flood with this number of connections open at any time, once it is going, and this number of them in
    /// `TIME_WAIT`.
    pub fn new(open: u64, in_time_wait: u64) -> Self {
        let closing = open * INTERVAL + 100_000;
        let elapsed = closing + in_time_wait * INTERVAL + 200_000;
        let after = STEPS.map(|(when, _)| match when {
            Opening(us) => us * 1_000,
            Closing(us) => closing + us * 1_000,
            Elapsed(us) => elapsed + us * 1_000,
        });
        Self { after, next: [0; STEPS.len()], places: open + in_time_wait + 8 }
    }

    /// Connections that have begun.
    pub const fn begun(&self) -> u64 {
        self.next[0]
    }

    /// The listening socket that all of them come from: the first record of all.
    pub fn listener() -> Raw {
        let mut raw = RawTransition { new_state: 10, cookie: 1, socket: LISTENER, ..transition(0) };
        (raw.old_state, raw.flags, raw.local_port) = (CLOSE, FACTS | HELD, PORT);
        (raw.local_address, raw.remote_address) = (MAPPED, [0; 16]);
        Raw::Transition(raw)
    }

    fn raw(&self, connection: u64, step: Step, time_ns: u64) -> Raw {
        // Four areas of memory, one for each kind of socket.
        let place = |area: u64| 0xffff_8880_0000_0000 | area << 32 | (connection % self.places) << 8;
        let (client_cookie, server_cookie) = (2 * connection + 2, 2 * connection + 3);
        let (client, server) = (address(connection), MAPPED);
        let port = 32_768 + (connection % PORTS) as u16;
        match step {
            Step::Change(end, old_state, new_state, flags) => {
                let mut raw = RawTransition { old_state, new_state, ..transition(time_ns) };
                raw.flags = FACTS | flags;
                let (area, process) = match end {
                    Client => {
                        (raw.local_address, raw.remote_address) = (client, server);
                        // It has no port before it is in SYN_SENT.
                        raw.local_port = if old_state == CLOSE { 0 } else { port };
                        (raw.remote_port, raw.cookie) = (PORT, client_cookie);
                        (1, 1_000)
                    }
                    Server => {
                        (raw.local_address, raw.remote_address) = (server, client);
                        (raw.local_port, raw.remote_port, raw.cookie) = (PORT, port, server_cookie);
                        (2, SERVER)
                    }
                };
                raw.socket = place(area);
                (raw.pid, raw.tid) = (process, process);
                raw.comm[..6].copy_from_slice(if process == SERVER { b"server" } else { b"client" });
                raw.thread = raw.comm;
                (raw.bytes_sent, raw.bytes_acked, raw.bytes_received) = (1_448, 1_449, 512);
                raw.srtt = 8 * 50;
                Raw::Transition(raw)
            }
            Step::Request(detail) => Raw::SocketEvent(RawSocketEvent {
                socket: place(3),
                cookie: if detail == TimerStep::STARTED { 0 } else { server_cookie },
                local_address: server,
                remote_address: client,
                ..note(Kind::REQUEST, 3, detail, time_ns, [PORT, port])
            }),
            Step::Timewait(detail) => Raw::SocketEvent(RawSocketEvent {
                socket: place(4),
                cookie: client_cookie,
                local_address: client,
                remote_address: server,
                ..note(Kind::TIMEWAIT, 6, detail, time_ns, [port, PORT])
            }),
            Step::Accept => {
                let mut raw = RawAccept::new_zeroed();
                (raw.version, raw.kind, raw.time_ns) = (RECORD_VERSION, Kind::ACCEPT, time_ns);
                (raw.socket, raw.cookie, raw.pid, raw.tid) = (place(2), server_cookie, SERVER, SERVER);
                raw.comm[..6].copy_from_slice(b"server");
                Raw::Accept(raw)
            }
        }
    }
}

impl Iterator for Flood {
    type Item = Raw;

    fn next(&mut self) -> Option<Raw> {
        let time = |step: usize| BEGINNING + self.next[step] * INTERVAL + self.after[step];
        let step = (0..STEPS.len()).min_by_key(|step| time(*step))?;
        let (connection, time_ns) = (self.next[step], time(step));
        self.next[step] += 1;
        Some(self.raw(connection, STEPS[step].1, time_ns))
    }
}

/// When the flood begins on the monotonic clock.
const BEGINNING: u64 = 1_000_000_000;
/// Flags of the facts that the kernel reports with every event where it can.
const FACTS: u32 = Flags::HAS_SOCK | Flags::HAS_TASK | Flags::HAS_NUMBERS;
const PORT: u16 = 10_050;
const SERVER: u32 = 900;
const LISTENER: u64 = 0xffff_8880_0000_0100;
/// Number of ephemeral ports that Linux uses by default (`ip_local_port_range`).
const PORTS: u64 = 28_232;
/// 127.0.0.1.
const MAPPED: [u8; 16] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1];

/// The client's address: another one for each round of ports, so that no two connections that exist have the same ends.
fn address(connection: u64) -> [u8; 16] {
    let [low, high, ..] = (connection / PORTS).to_le_bytes();
    let mut address = MAPPED;
    address[13..].copy_from_slice(&[high, low, 2]);
    address
}

fn transition(time_ns: u64) -> RawTransition {
    RawTransition {
        version: RECORD_VERSION,
        kind: Kind::TRANSITION,
        time_ns,
        netns: NETNS,
        family: 2,
        ..RawTransition::new_zeroed()
    }
}

fn note(
    kind: u8,
    state: u8,
    detail: u8,
    time_ns: u64,
    [local_port, remote_port]: [u16; 2],
) -> RawSocketEvent {
    RawSocketEvent {
        version: RECORD_VERSION,
        kind,
        state,
        detail,
        time_ns,
        netns: NETNS,
        family: 2,
        local_port,
        remote_port,
        ..RawSocketEvent::new_zeroed()
    }
}

const NETNS: u32 = 4_026_531_840;
