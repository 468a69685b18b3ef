//! The event of a state change.

use tcptrace_ebpf::{Flags, RawTransition};
use zerocopy::FromBytes as _;

use super::DecodeError;
use crate::{
    address::{Endpoint, Netns, Tuple},
    process::Comm,
    record::Numbers,
    tcp::TcpState,
};

/// State change as the kernel reports it, before anybody knows whose socket it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateChange {
    /// Time: `CLOCK_MONOTONIC`, nanoseconds.
    pub mono_ns: u64,
    /// Address of the socket in the kernel's memory, unique while the socket lives.
    pub pointer: u64,
    /// Socket cookie, if it has one.
    pub cookie: Option<u64>,
    /// Network namespace of the socket.
    pub netns: Option<Netns>,
    /// Both ends, as far as they are known at this moment.
    pub tuple: Tuple,
    /// State that is left.
    pub from: TcpState,
    /// State that is entered.
    pub to: TcpState,
    /// Facts from `struct sock`; `None` where the kernel's layout is not known.
    pub sock: Option<SockFacts>,
    /// Numbers that `struct tcp_sock` has counted; `None` where the kernel's layout is not known.
    pub numbers: Option<Numbers>,
    /// Id of the cgroup that the socket belongs to.
    pub cgroup: Option<u64>,
    /// Task that was current, not necessarily one that has to do with the socket.
    pub task: Task,
}

/// Facts read from `struct sock` inside the event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SockFacts {
    /// Whether the current task holds the socket inside a system call.
    pub owned: bool,
    /// Whether no process has the socket any more.
    pub orphan: bool,
    /// Whether the peer's FIN has been received.
    pub fin_received: bool,
    /// Errno in `sk_err`, 0 for none.
    pub error: u16,
    /// Whether the receiving side is shut down.
    pub receive_shutdown: bool,
    /// Whether the last reference to the socket's file is gone, as after `close()`; `None` if the file could not be
    /// read.
    pub file_released: Option<bool>,
    /// Unfinished business of the connection at its step to `CLOSE`.
    pub ending: Option<Ending>,
}

/// Unfinished business of a connection when it is closed for good.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ending {
    /// Whether `SO_LINGER` is set with a time of 0.
    pub linger_zero: bool,
    /// Whether data was received that the process has not read.
    pub unread: bool,
    /// Whether something was sent that the peer has not acknowledged.
    pub unacknowledged: bool,
    /// Whether there is data that could not be sent yet.
    pub unsent: bool,
    /// Whether `TCP_USER_TIMEOUT` is set, which then decides when to give up.
    pub user_timeout: bool,
    /// Whether somebody is in its network namespace: where nobody is any more, connections are dropped without a RST.
    pub netns_in_use: bool,
}

/// Task that was current when the event fired.
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
    /// Activity of the task; `None` where the kernel's layout is not known.
    pub activity: Option<Activity>,
}

/// Activity of the current task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activity {
    /// A process that runs.
    Running,
    /// A process on its way out.
    Exiting {
        /// Number of the signal that ended it, 0 for none.
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
