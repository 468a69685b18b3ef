//! A socket as a `sock_diag` dump and `/proc` show it.

use std::{sync::Arc, time::Duration};

use crate::{
    address::{Netns, Tuple},
    cgroup::Cgroup,
    named::named,
    process::{Comm, Evidence, Owner},
    tcp::TcpState,
};

/// Socket in a dump, as `struct inet_diag_msg` describes it (`include/uapi/linux/inet_diag.h`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DumpedSocket {
    /// Network namespace it lives in.
    pub netns: Netns,
    /// Addresses of its two ends.
    pub tuple: Tuple,
    /// State of the socket. A request socket (`NEW_SYN_RECV`) is `SYN_RECV` here; an orphan that the kernel keeps as a
    /// minisocket has the state it stands for, `FIN_WAIT2` or `TIME_WAIT`; one that is only bound (Linux 6.8) is
    /// `CLOSE`.
    pub state: TcpState,
    /// Cookie of the socket: the number that `ss -e` prints in hex as `sk:`.
    pub cookie: u64,
    /// Inode of its file; 0 if it has none: not accepted yet, or closed by its process.
    pub inode: u32,
    /// Id of the user who made the socket; 0 also for minisockets, which have forgotten it.
    pub uid: u32,
    /// Bytes that the process has not read yet; of a listener: connections it has not accepted yet.
    pub recv_q: u32,
    /// Bytes that the peer has not acknowledged yet; of a listener: the limit of `recv_q`.
    pub send_q: u32,
    /// Timer that is running, if any.
    pub timer: Option<Timer>,
    /// Id of the cgroup it was made in, where the kernel tells (Linux 5.9).
    pub cgroup_id: Option<u64>,
    /// Cgroup with that id; where the kernel does not tell, its holder's. Absent if it was not asked for.
    pub cgroup: Option<Arc<Cgroup>>,
    /// Process that holds it. Absent if nobody does, if it was not asked for, or if it could not be seen (there is a
    /// warning then).
    pub holder: Option<Holder>,
}

impl DumpedSocket {
    /// Socket of which nothing more is known: no queue is filled, no timer runs, and nobody is seen to hold it.
    #[must_use]
    pub fn new(netns: Netns, tuple: Tuple, state: TcpState, cookie: u64) -> Self {
        Self {
            netns,
            tuple,
            state,
            cookie,
            inode: 0,
            uid: 0,
            recv_q: 0,
            send_q: 0,
            timer: None,
            cgroup_id: None,
            cgroup: None,
            holder: None,
        }
    }

    /// Owner of the socket, as far as `/proc` shows.
    #[must_use]
    pub fn owner(&self) -> Option<Owner> {
        self.holder.as_ref().map(|holder| {
            Owner::new(holder.pid, Comm::from_slice(&holder.comm), holder.uid, Evidence::Procfs)
        })
    }
}

/// Timer that is running.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timer {
    /// Kind of the timer.
    pub kind: TimerKind,
    /// Time left, in whole milliseconds.
    pub expires: Duration,
    /// Number of retransmits, if the kind is `Retransmit`; of unanswered probes, if it is `Keepalive` or `Probe`.
    pub retransmits: u8,
}

named! {
    /// Kind of a timer: `idiag_timer` (`inet_sk_diag_fill` in `net/ipv4/inet_diag.c`).
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum TimerKind {
        /// Something sent is not acknowledged: data, SYN, SYN-ACK or FIN (also the tail-loss probe).
        Retransmit => "retransmit",
        /// Keep-alive; also the life time of an orphan in `FIN_WAIT2` that is still a full socket.
        Keepalive => "keepalive",
        /// Life time of a minisocket, in `TIME_WAIT` or `FIN_WAIT2`.
        TimeWait => "timewait",
        /// Zero-window (persist) probe.
        Probe => "probe",
    }
}

/// Process that holds a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Lowest process id among the holders.
    pub pid: u32,
    /// Name of the process, exactly the bytes that it chose: escape before printing.
    pub comm: Vec<u8>,
    /// Effective user id of the process.
    pub uid: u32,
    /// Lowest descriptor that the process has of this socket.
    pub fd: i32,
    /// Number of other processes that hold the socket too.
    pub others: u32,
}
