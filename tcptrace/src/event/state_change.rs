//! A state change, typed.

use tcptrace_ebpf::{Flags, RawTransition};
use zerocopy::FromBytes as _;

use super::DecodeError;
use crate::{
    address::{Endpoint, Netns, Tuple},
    process::Comm,
    record::Numbers,
    tcp::TcpState,
};

/// A state change as the kernel reported it, before anybody knows whose socket it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateChange {
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
    /// What `struct tcp_sock` counted so far; `None` where the kernel's layout is not known.
    pub numbers: Option<Numbers>,
    /// Id of the cgroup that the socket belongs to.
    pub cgroup: Option<u64>,
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
    /// What the connection had in hand at its step to `CLOSE`.
    pub ending: Option<Ending>,
}

/// What a connection has in hand when it is closed for good.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ending {
    /// `SO_LINGER` with a time of 0.
    pub linger_zero: bool,
    /// Data was received that the process has not read.
    pub unread: bool,
    /// Something was sent that the peer has not acknowledged.
    pub unacknowledged: bool,
    /// Data is there that could not be sent yet.
    pub unsent: bool,
    /// `TCP_USER_TIMEOUT` is set: then it decides when to give up.
    pub user_timeout: bool,
    /// Somebody is in its network namespace: what nobody is in any more is dropped without a RST.
    pub netns_in_use: bool,
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
    /// Name of the thread.
    pub thread: Comm,
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

impl StateChange {
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let raw = RawTransition::read_from_bytes(bytes).map_err(|_| DecodeError::Size(bytes.len()))?;
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
                ending: has(Flags::HAS_ENDING).then(|| Ending {
                    linger_zero: has(Flags::LINGER_ZERO),
                    unread: has(Flags::UNREAD),
                    unacknowledged: has(Flags::UNACKNOWLEDGED),
                    unsent: has(Flags::UNSENT),
                    user_timeout: has(Flags::USER_TIMEOUT),
                    netns_in_use: has(Flags::NETNS_IN_USE),
                }),
            }),
            numbers: has(Flags::HAS_NUMBERS).then_some(Numbers {
                // The kernel keeps eighths of a microsecond.
                srtt_us: (raw.srtt != 0).then_some(raw.srtt / 8),
                retransmits: raw.retransmits,
                bytes_sent: raw.bytes_sent,
                bytes_acked: raw.bytes_acked,
                bytes_received: raw.bytes_received,
            }),
            cgroup: (raw.cgroup != 0).then_some(raw.cgroup),
            task: Task {
                pid: raw.pid,
                tid: raw.tid,
                uid: raw.uid,
                comm: Comm::new(raw.comm),
                thread: Comm::new(raw.thread),
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
