//! One kernel event, decoded and typed. Decoding never panics: a record that makes no sense is an error to count.

use std::fmt;

use tcptrace_ebpf::{Flags, RECORD_VERSION, RawTransition};
use zerocopy::FromBytes as _;

use crate::{
    address::{Endpoint, Netns, Tuple},
    process::Comm,
    tcp::TcpState,
};

/// A state change as the kernel reported it, before anybody knows whose socket it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// `CLOCK_MONOTONIC`, nanoseconds.
    pub mono_ns: u64,
    /// Address of the kernel's socket: unique while the socket lives.
    pub pointer: u64,
    /// The socket cookie, if it has one.
    pub cookie: Option<u64>,
    /// The socket's network namespace.
    pub netns: Option<Netns>,
    /// Both ends, as far as they are known at this moment.
    pub tuple: Tuple,
    /// The state that is left.
    pub from: TcpState,
    /// The state that is entered.
    pub to: TcpState,
    /// What `struct sock` said; `None` where the kernel's layout is not known.
    pub sock: Option<SockFacts>,
    /// The task that was current. Not necessarily one that has to do with the socket.
    pub task: Task,
}

/// Facts read from `struct sock` inside the event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SockFacts {
    /// The current task holds the socket inside a system call.
    pub owned: bool,
    /// No process has the socket any more.
    pub orphan: bool,
    /// The peer's FIN has been received.
    pub fin_received: bool,
    /// `sk_err`: an errno, 0 for none.
    pub error: u16,
    /// Our receiving side is shut down.
    pub receive_shutdown: bool,
    /// The last reference to the socket's file is gone: `close()`. `None` if the file could not be read.
    pub file_released: Option<bool>,
}

/// The task that was current when the event fired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Task {
    /// Process id (thread group) in the initial pid namespace.
    pub pid: u32,
    /// Thread id.
    pub tid: u32,
    /// Real user id in the initial user namespace.
    pub uid: u32,
    /// Name of the process.
    pub comm: Comm,
    /// What it is doing; `None` where the kernel's layout is not known.
    pub activity: Option<Activity>,
}

/// What the current task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activity {
    /// A process that runs.
    Running,
    /// A process on its way out; the signal that ended it, 0 for none.
    Exiting {
        /// Number of the signal.
        signal: u8,
    },
    /// A kernel thread.
    Kernel,
}

/// Why a record could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// Shorter or longer than the record of this version.
    Size(usize),
    /// Made by a kernel side of another version.
    Version(u8),
    /// A state that this version does not know.
    State(u8),
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Size(size) => {
                write!(f, "record of {size} bytes instead of {}", size_of::<RawTransition>())
            }
            Self::Version(version) => {
                write!(f, "record of version {version} instead of {RECORD_VERSION}")
            }
            Self::State(state) => write!(f, "unknown TCP state {state}"),
        }
    }
}

impl std::error::Error for DecodeError {}

impl Event {
    /// Reads one record from the ring buffer.
    ///
    /// # Errors
    /// When size, version or states are not those of this version.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let raw = RawTransition::read_from_bytes(bytes).map_err(|_| DecodeError::Size(bytes.len()))?;
        if raw.version != RECORD_VERSION {
            return Err(DecodeError::Version(raw.version));
        }
        let state = |number: u8| TcpState::try_from(number).map_err(|_| DecodeError::State(number));
        let has = |flag| raw.flags & flag != 0;
        Ok(Self {
            mono_ns: raw.time_ns,
            pointer: raw.socket,
            cookie: (raw.cookie != 0).then_some(raw.cookie),
            netns: (raw.netns != 0).then_some(Netns(raw.netns)),
            tuple: Tuple {
                local: Endpoint::from_bytes(raw.local_address, raw.local_port),
                remote: Endpoint::from_bytes(raw.remote_address, raw.remote_port),
            },
            from: state(raw.old_state)?,
            to: state(raw.new_state)?,
            sock: has(Flags::HAS_SOCK).then(|| SockFacts {
                owned: has(Flags::OWNED),
                orphan: has(Flags::ORPHAN),
                fin_received: has(Flags::FIN_RECEIVED),
                error: raw.error,
                receive_shutdown: raw.shutdown & 1 != 0,
                file_released: has(Flags::HAS_FILE).then(|| has(Flags::FILE_RELEASED)),
            }),
            task: Task {
                pid: raw.pid,
                tid: raw.tid,
                uid: raw.uid,
                comm: Comm::new(raw.comm),
                activity: has(Flags::HAS_TASK).then(|| {
                    if has(Flags::KERNEL_THREAD) {
                        Activity::Kernel
                    } else if has(Flags::EXITING) {
                        Activity::Exiting { signal: (raw.exit_code & 0x7f) as u8 }
                    } else {
                        Activity::Running
                    }
                }),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use zerocopy::IntoBytes as _;

    use super::*;

    fn raw() -> RawTransition {
        let mut raw = RawTransition::read_from_bytes(&[0; size_of::<RawTransition>()]).unwrap();
        raw.version = RECORD_VERSION;
        raw.old_state = 7;
        raw.new_state = 2;
        raw.family = 2;
        raw.remote_port = 10050;
        raw.remote_address = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1];
        raw
    }

    #[test]
    fn what_is_unknown_is_absent() {
        let event = Event::decode(raw().as_bytes()).unwrap();
        assert_eq!((event.from, event.to), (TcpState::Close, TcpState::SynSent));
        assert_eq!(event.tuple.remote.to_string(), "127.0.0.1:10050");
        assert_eq!((event.cookie, event.netns, event.sock, event.task.activity), (None, None, None, None));
    }

    #[test]
    fn an_exit_tells_its_signal() {
        let mut raw = raw();
        raw.flags = Flags::HAS_TASK | Flags::EXITING;
        raw.exit_code = 2 | 0x80;
        let event = Event::decode(raw.as_bytes()).unwrap();
        assert_eq!(event.task.activity, Some(Activity::Exiting { signal: 2 }));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let mut old = raw();
        old.version = 0;
        assert_eq!(Event::decode(old.as_bytes()), Err(DecodeError::Version(0)));
        let mut odd = raw();
        odd.new_state = 13;
        assert_eq!(Event::decode(odd.as_bytes()), Err(DecodeError::State(13)));
        assert_eq!(Event::decode(&[1, 2, 3]), Err(DecodeError::Size(3)));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..200), fit in any::<bool>()) {
            if fit {
                bytes.resize(size_of::<RawTransition>(), 0xff);
                bytes[0] = RECORD_VERSION;
            }
            let _ = Event::decode(&bytes);
        }
    }
}
