//! The states of the side that closes second.

use super::{MAX_ORPHANS, Meaning, ORPHAN_RETRIES, RETRIES2, Side, USER_TIMEOUT};

pub(super) const CLOSE_WAIT: Meaning = Meaning {
    short: "peer closed; process here has not",
    means: "The peer closed: its FIN is here and acknowledged. Now the process on this host must call \
            close(), and has not. The kernel waits for that process, not for the network. One that stays is \
            a bug or a stuck process on this side: it does not read, or it reads the end of the stream and \
            forgets to close().",
    side: Side::PassiveCloser,
    lasts: "Microseconds to milliseconds in a healthy server. There is no bound: hours or days until the \
            process calls close() or ends.",
    bounds: &[
        (
            "SO_KEEPALIVE",
            "Finds out that the peer is gone (after 2 h by default) and resets; the process still has to \
             close().",
            "off",
        ),
        RETRIES2,
        USER_TIMEOUT,
    ],
    check: &[
        // tcp_diag_get_info: rcv_nxt - copied_seq, and the FIN takes a sequence number until recv() has returned 0.
        (
            "ss -tnp state close-wait",
            "The process that has not called close(). Recv-Q 0: it has read the end of the stream and forgot \
             close(): a leak. Recv-Q 1: only the FIN is unread; more: data too: it does not read, so it is \
             stuck or busy. No users:(...): it was never accept()ed.",
        ),
        ("ls /proc/PID/fd | wc -l", "Run it again later. Growing: the leak ends at the limit of open files."),
        (
            "ps -L -p PID -o tid,stat,wchan:24,comm",
            "What each thread sleeps in: a lock (futex) instead of a socket says why nobody reads.",
        ),
        (
            "ss -K state close-wait dport = :PORT",
            "Not a look but a way out: aborts them with RST without a restart (CONFIG_INET_DIAG_DESTROY). \
             The end of the process closes all of its own, too.",
        ),
    ],
};

pub(super) const LAST_ACK: Meaning = Meaning {
    short: "both closed; our FIN not ACKed yet",
    means: "The peer closed first, this side closed too, and its FIN is not acknowledged yet. Data that was \
            still to be sent goes before the FIN. With the ACK the socket is gone at once: TIME_WAIT is the \
            peer's.",
    side: Side::PassiveCloser,
    lasts: "One round trip. If the peer is gone: 102 s or more without a process, 15 min or more with one. \
            If it answers but does not read: some minutes without a process, no bound with one.",
    bounds: &[ORPHAN_RETRIES, RETRIES2, USER_TIMEOUT, MAX_ORPHANS],
    check: &[
        (
            "ss -tnop state last-ack",
            "Send-Q: bytes that are not acknowledged; the FIN counts as one. timer:(on,TIME,N): N \
             retransmissions, the peer is silent: gone, or a firewall has forgotten the connection. \
             timer:(persist,...): the peer does not read.",
        ),
        (
            "cat /proc/net/sockstat",
            "orphan: sockets without a process on this host, bounded by tcp_max_orphans.",
        ),
    ],
};
