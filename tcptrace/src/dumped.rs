//! What is known of one socket that was found.

use std::{sync::Arc, time::Duration};

use crate::{
    address::{Netns, Tuple},
    cgroup::Cgroup,
    named::named,
    process::{Comm, Evidence, Owner},
    tcp::TcpState,
};

/// One socket, as `struct inet_diag_msg` describes it (`include/uapi/linux/inet_diag.h`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DumpedSocket {
    /// The network namespace it lives in.
    pub netns: Netns,
    /// Its two ends.
    pub tuple: Tuple,
    /// Its state. A request socket (`NEW_SYN_RECV`) is `SYN_RECV` here; an orphan that the kernel keeps as a minisocket
    /// has the state it stands for, `FIN_WAIT2` or `TIME_WAIT`; one that is only bound (Linux 6.8) is `CLOSE`.
    pub state: TcpState,
    /// The socket cookie: the number that `ss -e` prints in hex as `sk:`.
    pub cookie: u64,
    /// Inode of its file; 0 if it has none: not accepted yet, or closed by its process.
    pub inode: u32,
    /// User who made the socket; 0 also for minisockets, which have forgotten it.
    pub uid: u32,
    /// Bytes the process has not read yet; of a listener: connections it has not accepted yet.
    pub recv_q: u32,
    /// Bytes the peer has not acknowledged yet; of a listener: the limit of `recv_q`.
    pub send_q: u32,
    /// The timer that is running, if any.
    pub timer: Option<Timer>,
    /// Id of the cgroup it was made in, where the kernel tells (Linux 5.9).
    pub cgroup_id: Option<u64>,
    /// That cgroup; where the kernel does not tell, its holder's. Absent if it was not asked for.
    pub cgroup: Option<Arc<Cgroup>>,
    /// Who holds it. Absent if nobody does, if it was not asked for, or if it could not be seen (there is a warning then).
    pub holder: Option<Holder>,
}

impl DumpedSocket {
    /// Its owner, as far as `/proc` shows.
    #[must_use]
    pub fn owner(&self) -> Option<Owner> {
        self.holder.as_ref().map(|holder| {
            Owner::new(holder.pid, Comm::from_slice(&holder.comm), holder.uid, Evidence::Procfs)
        })
    }
}

/// A running timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timer {
    /// What it waits for.
    pub kind: TimerKind,
    /// Time left, in whole milliseconds.
    pub expires: Duration,
    /// Of `Retransmit`: how often it has been sent again; of `Keepalive` and `Probe`: unanswered probes.
    pub retransmits: u8,
}

named! {
    /// What a timer waits for: `idiag_timer` (`inet_sk_diag_fill` in `net/ipv4/inet_diag.c`).
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

/// A process that holds a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Lowest process id among the holders.
    pub pid: u32,
    /// Its name, exactly the bytes that the process chose: escape before printing.
    pub comm: Vec<u8>,
    /// Its effective user id.
    pub uid: u32,
    /// Its lowest descriptor of this socket.
    pub fd: i32,
    /// How many other processes hold the socket too.
    pub others: u32,
}
