//! The records as they travel through the ring buffer: one for a state change, one for everything else.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// First byte of every record. A reader that knows another version must refuse the record, not guess.
pub const RECORD_VERSION: u8 = 2;

/// Second byte of every record: its kind, and with it its type; [`RawSocketEvent`] where no other is named.
pub struct Kind;

impl Kind {
    /// A state change: [`RawTransition`].
    pub const TRANSITION: u8 = 1;
    /// The timer of a time-wait minisocket was started, stopped, or ran out.
    pub const TIMEWAIT: u8 = 2;
    /// The timer of a request socket, the kernel's half-open connection, likewise.
    pub const REQUEST: u8 = 3;
    /// A RST is sent.
    pub const RESET_SENT: u8 = 4;
    /// A segment is retransmitted.
    pub const RETRANSMIT: u8 = 6;
    /// A SYN+ACK is retransmitted.
    pub const RETRANSMIT_SYNACK: u8 = 7;
    /// A process has made another one: [`RawFork`].
    pub const FORK: u8 = 8;
    /// A process has taken a connection from a listening socket: [`RawAccept`].
    pub const ACCEPT: u8 = 9;
}

/// Steps in the life of a timer ([`RawSocketEvent::detail`]).
pub struct TimerStep;

impl TimerStep {
    /// `timer_start`
    pub const STARTED: u8 = 1;
    /// `timer_cancel`: also the first half of expiry and of a restart.
    pub const STOPPED: u8 = 2;
    /// `timer_expire_entry`
    pub const EXPIRED: u8 = 3;
    /// The running timer was given a new end; its own events may follow, or nothing.
    pub const PROLONGED: u8 = 4;
}

/// One `inet_sock_set_state` event of a TCP socket. All integers are in host byte order.
///
/// Deriving `IntoBytes` refuses implicit padding at compile time, so no byte of kernel stack can leak through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoBytes, FromBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct RawTransition {
    /// Always [`RECORD_VERSION`].
    pub version: u8,
    /// Always [`Kind::TRANSITION`].
    pub kind: u8,
    /// State before, in the kernel's numbers (`include/net/tcp_states.h`).
    pub old_state: u8,
    /// State after.
    pub new_state: u8,
    /// [`Flags`] bits.
    pub flags: u32,
    /// `CLOCK_MONOTONIC`, nanoseconds.
    pub time_ns: u64,
    /// Address of the `struct sock`: tells sockets apart while they live, is reused afterwards.
    pub socket: u64,
    /// The socket cookie, 0 if the kernel has not made one yet.
    pub cookie: u64,
    /// Inode number of the network namespace, 0 if unknown.
    pub netns: u32,
    /// `AF_INET` or `AF_INET6`.
    pub family: u16,
    /// Local port, 0 if not bound yet.
    pub local_port: u16,
    /// Remote port, 0 if there is none.
    pub remote_port: u16,
    /// `sk_err` as it stood when the event fired. Valid with [`Flags::HAS_SOCK`].
    pub error: u16,
    /// `exit_code` of a task that is exiting (low 7 bits: the signal). Valid with [`Flags::EXITING`].
    pub exit_code: u32,
    /// Local address; IPv4 in its v4-mapped form.
    pub local_address: [u8; 16],
    /// Remote address; IPv4 in its v4-mapped form.
    pub remote_address: [u8; 16],
    /// Process (thread group) of the task that was current. It owns the socket only if [`Flags::OWNED`] says so.
    pub pid: u32,
    /// The task itself.
    pub tid: u32,
    /// Real user id of the task.
    pub uid: u32,
    /// `sk_shutdown`: bit 0 receiving is shut down, bit 1 sending. Valid with [`Flags::HAS_SOCK`].
    pub shutdown: u8,
    /// Zero.
    pub reserved: [u8; 3],
    /// Name of the process: that of the thread group's leader with [`Flags::HAS_TASK`], else of the thread.
    pub comm: [u8; 16],
    /// Name of the thread.
    pub thread: [u8; 16],
    /// Id of the socket's cgroup in the unified hierarchy: the inode number of its directory. 0 if unknown.
    pub cgroup: u64,
    /// `tcp_sock.srtt_us`: the smoothed round-trip time in eighths of a microsecond, 0 before the first sample. This
    /// and what follows is valid with [`Flags::HAS_NUMBERS`].
    pub srtt: u32,
    /// `tcp_sock.total_retrans`: segments retransmitted.
    pub retransmits: u32,
    /// `tcp_sock.bytes_sent`: payload sent, retransmissions included.
    pub bytes_sent: u64,
    /// `tcp_sock.bytes_acked`: what the peer acknowledged; the kernel counts SYN and FIN as a byte each.
    pub bytes_acked: u64,
    /// `tcp_sock.bytes_received`: what was received in order; the kernel counts the peer's FIN as a byte.
    pub bytes_received: u64,
}

const _: () = assert!(size_of::<RawTransition>() == 168);

/// An event of a socket that is no state change, or that the kernel does not report as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoBytes, FromBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct RawSocketEvent {
    /// Always [`RECORD_VERSION`].
    pub version: u8,
    /// One of [`Kind`].
    pub kind: u8,
    /// State of the socket; `tw_substate` of a minisocket.
    pub state: u8,
    /// [`TimerStep`] of a timer, else 0.
    pub detail: u8,
    /// Reason of a RST that is sent: `enum sk_rst_reason` of the running kernel plus one; 0 if the kernel gives none.
    pub reason: u32,
    /// `CLOCK_MONOTONIC`, nanoseconds.
    pub time_ns: u64,
    /// Address of the socket, minisocket or request socket.
    pub socket: u64,
    /// The socket cookie, 0 if the kernel has not made one yet.
    pub cookie: u64,
    /// Inode number of the network namespace, 0 if unknown.
    pub netns: u32,
    /// `AF_INET` or `AF_INET6`.
    pub family: u16,
    /// Local port.
    pub local_port: u16,
    /// Remote port.
    pub remote_port: u16,
    /// Zero.
    pub reserved: [u8; 2],
    /// The task that was current.
    pub tid: u32,
    /// Local address; IPv4 in its v4-mapped form.
    pub local_address: [u8; 16],
    /// Remote address; IPv4 in its v4-mapped form.
    pub remote_address: [u8; 16],
}

const _: () = assert!(size_of::<RawSocketEvent>() == 80);

/// A process that was made by another one. Threads do not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoBytes, FromBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct RawFork {
    /// Always [`RECORD_VERSION`].
    pub version: u8,
    /// Always [`Kind::FORK`].
    pub kind: u8,
    /// Zero.
    pub reserved: [u8; 6],
    /// `CLOCK_MONOTONIC`, nanoseconds.
    pub time_ns: u64,
    /// The process that called `fork`, `vfork` or `clone`.
    pub parent: u32,
    /// The new one.
    pub child: u32,
}

const _: () = assert!(size_of::<RawFork>() == 24);

/// An `accept()` that succeeded: names the process of the new socket before anything else happens to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoBytes, FromBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct RawAccept {
    /// Always [`RECORD_VERSION`].
    pub version: u8,
    /// Always [`Kind::ACCEPT`].
    pub kind: u8,
    /// Zero.
    pub reserved: [u8; 2],
    /// Real user id of the task.
    pub uid: u32,
    /// `CLOCK_MONOTONIC`, nanoseconds.
    pub time_ns: u64,
    /// Address of the new socket.
    pub socket: u64,
    /// The socket cookie, 0 if the kernel has not made one yet.
    pub cookie: u64,
    /// Process (thread group) of the task.
    pub pid: u32,
    /// The task itself.
    pub tid: u32,
    /// Name of the process.
    pub comm: [u8; 16],
}

const _: () = assert!(size_of::<RawAccept>() == 56);

/// Bits of [`RawTransition::flags`].
pub struct Flags;

impl Flags {
    /// The fields read from `struct sock` are valid: `error`, `shutdown` and the three bits that follow.
    pub const HAS_SOCK: u32 = 1;
    /// `sk_lock.owned`: the current task holds the socket inside a system call.
    pub const OWNED: u32 = 1 << 1;
    /// `SOCK_DEAD`: no process has the socket any more.
    pub const ORPHAN: u32 = 1 << 2;
    /// `SOCK_DONE`: the peer's FIN has been received (`tcp_fin`).
    pub const FIN_RECEIVED: u32 = 1 << 3;
    /// The bits about the current task are valid.
    pub const HAS_TASK: u32 = 1 << 4;
    /// `PF_KTHREAD`: the current task is a kernel thread.
    pub const KERNEL_THREAD: u32 = 1 << 5;
    /// `PF_EXITING`: the current task is on its way out, so its files are closed by the kernel.
    pub const EXITING: u32 = 1 << 6;
    /// The socket's `struct file` could be read.
    pub const HAS_FILE: u32 = 1 << 7;
    /// The last reference to the file is gone: this is `close()`, not `shutdown()`.
    pub const FILE_RELEASED: u32 = 1 << 8;
    /// The numbers from `struct tcp_sock` are valid.
    pub const HAS_NUMBERS: u32 = 1 << 9;
    /// The bits that follow are valid: what the connection had in hand when it was closed. Only at the step to `CLOSE`.
    pub const HAS_ENDING: u32 = 1 << 10;
    /// `SO_LINGER` with a time of 0.
    pub const LINGER_ZERO: u32 = 1 << 11;
    /// Data was received that the process has not read.
    pub const UNREAD: u32 = 1 << 12;
    /// Data or a FIN was sent that the peer has not acknowledged.
    pub const UNACKNOWLEDGED: u32 = 1 << 13;
    /// Data is queued that could not be sent yet.
    pub const UNSENT: u32 = 1 << 14;
    /// `TCP_USER_TIMEOUT` is set: then it decides when to give up.
    pub const USER_TIMEOUT: u32 = 1 << 15;
    /// Somebody is in the socket's network namespace (`check_net`).
    pub const NETNS_IN_USE: u32 = 1 << 16;
}
