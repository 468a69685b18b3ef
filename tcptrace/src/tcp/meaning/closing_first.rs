//! The states of the side that closes first.

use super::{MAX_ORPHANS, Meaning, ORPHAN_RETRIES, RETRIES2, Side, USER_TIMEOUT};

pub(super) const FIN_WAIT1: Meaning = Meaning {
    short: "closed here; FIN not acknowledged yet",
    means: "This side closed first (close(), shutdown(SHUT_WR), or its process ended), and the peer's kernel \
            has not acknowledged the FIN yet. Data that was still to be sent goes before the FIN, so a peer \
            that does not read keeps the socket here. After close() no process owns it any more. If the \
            peer's FIN comes with the ACK, FIN_WAIT2 and TIME_WAIT follow at one instant.",
    side: Side::ActiveCloser,
    lasts: "One round trip, with a delayed ACK 40 ms more. If the peer is gone: 102 s or more without a \
            process, 15 min or more with one. If it answers but does not read: some minutes without a \
            process, no bound with one.",
    bounds: &[ORPHAN_RETRIES, RETRIES2, USER_TIMEOUT, MAX_ORPHANS],
    check: &[
        (
            "ss -tnop state fin-wait-1",
            "Send-Q: bytes that are not acknowledged; the FIN counts as one. timer:(on,TIME,N): N \
             retransmissions, the peer is silent. timer:(persist,...): the peer answers but does not read. \
             users:(...): a process that called only shutdown(); without it the kernel is on its own.",
        ),
        (
            "cat /proc/net/sockstat",
            "orphan: sockets without a process on this host, bounded by tcp_max_orphans.",
        ),
    ],
};

pub(super) const FIN_WAIT2: Meaning = Meaning {
    short: "closed here; peer has not closed yet",
    means: "This side closed first, and the peer's kernel has acknowledged that. Now the peer's process has \
            to call close(); until it does, no FIN comes and the peer's socket sits in CLOSE_WAIT. If this \
            lasts, look over there. If this side's process has ended or called close(), nobody owns this \
            socket (netstat shows -) and data that the peer still sends is answered with RST.",
    side: Side::ActiveCloser,
    // tcp_rcv_state_process and __tcp_close -> tcp_time_wait(sk, TCP_FIN_WAIT2, tcp_fin_time(sk)); a socket that is not
    // SOCK_DEAD gets no timer.
    lasts: "Until the peer closes. Without a process 60 s (tcp_fin_timeout), and then the peer is not told. \
            With a process that called only shutdown(SHUT_WR) there is no bound.",
    bounds: &[
        (
            "net.ipv4.tcp_fin_timeout",
            "How long it waits for the peer's FIN once no process holds it. It has nothing to do with \
             TIME_WAIT.",
            "60 s",
        ),
        ("TCP_LINGER2", "tcp_fin_timeout for this socket, at most 120 s; below 0: close with RST.", "off"),
        ("SO_KEEPALIVE", "While a process holds it: finds out that the peer is gone.", "off"),
    ],
    check: &[
        (
            "ss -tanop state fin-wait-2",
            "timer:(timewait,TIME) and no users:(...): nobody's, gone when the time is over. users:(...): \
             that process called shutdown(SHUT_WR) and waits for the peer to close.",
        ),
        (
            "ss -tnp state close-wait sport = :PORT",
            "On the peer's host, with the remote port from above: the process there that has not called \
             close().",
        ),
    ],
};

pub(super) const CLOSING: Meaning = Meaning {
    short: "both closed at once; FIN not ACKed yet",
    means: "Both sides closed at the same time, so the FINs crossed on the way. This side has the peer's \
            FIN, but not yet the ACK of its own. The ACK leads to TIME_WAIT, at both ends.",
    side: Side::ActiveCloser,
    lasts: "Less than a round trip: rarely seen. If the ACK never comes: 102 s or more without a process, 15 \
            min or more with one.",
    bounds: &[ORPHAN_RETRIES, RETRIES2, MAX_ORPHANS],
    check: &[(
        "ss -tnop state closing",
        "timer:(on,TIME,N): N retransmissions of the FIN (and of data before it), all without an ACK: \
         packets to the peer or from it get lost. A peer that is alive would acknowledge or reset.",
    )],
};

pub(super) const TIME_WAIT: Meaning = Meaning {
    short: "over; kept 60 s for late segments",
    means: "The connection is over in good order, and this side closed first. The kernel remembers the \
            addresses and ports so that a late segment cannot fall into a new connection, and so that it can \
            repeat the last ACK if that got lost. No process and no file descriptor is involved, only a few \
            hundred bytes. Many of them are no fault in themselves.",
    side: Side::ActiveCloser,
    // TCP_TIMEWAIT_LEN, include/net/tcp.h; inet_twsk_reschedule starts it anew. The timer wheel adds up to 2 s.
    lasts: "60 s, fixed in the kernel (TCP_TIMEWAIT_LEN); up to 62 s by the timer's coarseness, and anew \
            from the start when the peer repeats its FIN. tcp_fin_timeout does not change it.",
    bounds: &[
        ("TCP_TIMEWAIT_LEN", "How long it lasts. Not a setting: a constant of the kernel.", "60 s"),
        (
            "net.ipv4.tcp_max_tw_buckets",
            "How many there may be; one more is dropped without TIME_WAIT, with a line in dmesg.",
            "by memory",
        ),
        (
            "net.ipv4.tcp_tw_reuse",
            "connect() may take over the port of one that is older than a second, if both sides use \
             timestamps. 0: never, 1: always, 2: on loopback only. Changes nothing for a listener.",
            "2",
        ),
        (
            "net.ipv4.ip_local_port_range",
            "Ports for connect(): one that closes first gets no more connections a minute than these to one \
             address and port.",
            "32768-60999",
        ),
    ],
    check: &[
        ("ss -s", "timewait: how many. Compare with sysctl net.ipv4.tcp_max_tw_buckets."),
        (
            "ss -Htn state time-wait dport = :PORT | wc -l",
            "Near 28000 to one server: connect() soon fails with EADDRNOTAVAIL. Keep connections open and \
             reuse them, or let the other side close first.",
        ),
        (
            "ss -tn state time-wait sport = :PORT",
            "If a server's bind() fails with EADDRINUSE at its restart and these are the reason: it does not \
             set SO_REUSEADDR.",
        ),
        ("nstat -az TcpExtTCPTimeWaitOverflow", "Growing: tcp_max_tw_buckets is reached."),
    ],
};
