//! The record of one state change, as it travels through the ring buffer.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// First byte of every record. A reader that knows another version must refuse the record, not guess.
pub const RECORD_VERSION: u8 = 1;

/// One `inet_sock_set_state` event of a TCP socket. All integers are in host byte order.
///
/// Deriving `IntoBytes` refuses implicit padding at compile time, so no byte of kernel stack can leak through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoBytes, FromBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct RawTransition {
    /// Always [`RECORD_VERSION`].
    pub version: u8,
    /// State before, in the kernel's numbers (`include/net/tcp_states.h`).
    pub old_state: u8,
    /// State after.
    pub new_state: u8,
    /// `sk_shutdown`: bit 0 receiving is shut down, bit 1 sending. Valid with [`Flags::HAS_SOCK`].
    pub shutdown: u8,
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
    /// Its real user id.
    pub uid: u32,
    /// Zero.
    pub reserved: u32,
    /// Name of the process: that of the thread group's leader with [`Flags::HAS_TASK`], else of the thread.
    pub comm: [u8; 16],
}

const _: () = assert!(size_of::<RawTransition>() == 112);

/// Bits of [`RawTransition::flags`].
pub struct Flags;

impl Flags {
    /// The fields read from `struct sock` are there: `error`, `shutdown` and the three bits that follow.
    pub const HAS_SOCK: u32 = 1;
    /// `sk_lock.owned`: the current task holds the socket inside a system call.
    pub const OWNED: u32 = 1 << 1;
    /// `SOCK_DEAD`: no process has the socket any more.
    pub const ORPHAN: u32 = 1 << 2;
    /// `SOCK_DONE`: the peer's FIN has been received (`tcp_fin`).
    pub const FIN_RECEIVED: u32 = 1 << 3;
    /// The bits about the current task are there.
    pub const HAS_TASK: u32 = 1 << 4;
    /// `PF_KTHREAD`: the current task is a kernel thread.
    pub const KERNEL_THREAD: u32 = 1 << 5;
    /// `PF_EXITING`: the current task is on its way out, so its files are closed by the kernel.
    pub const EXITING: u32 = 1 << 6;
    /// The socket's `struct file` could be read.
    pub const HAS_FILE: u32 = 1 << 7;
    /// The last reference to the file is gone: this is `close()`, not `shutdown()`.
    pub const FILE_RELEASED: u32 = 1 << 8;
}
