//! The states in which a connection comes to be, and the one in which it is there.

use super::{Meaning, RETRIES2, Side, USER_TIMEOUT};

pub(super) const CLOSE: Meaning = Meaning {
    short: "not connected",
    means: "No connection: it has not begun, or it is over. A process can still hold such a socket, for \
            example after a reset or a timeout that it has not answered with close(). ss and netstat do not \
            list it. A connection that ended in order goes on in TIME_WAIT at the side that closed first.",
    side: Side::Both,
    lasts: "As long as a process holds the socket; otherwise it is freed at once.",
    bounds: &[],
    check: &[
        (
            "lsof -nP -p PID | grep 'protocol: TCP'",
            "TCP sockets that the process holds and that have no connection. A number that grows is a leak: \
             the process gets an error or the end of the stream and does not close().",
        ),
        (
            "grep 'open files' /proc/PID/limits",
            "The number of descriptors at which the leak becomes an outage.",
        ),
    ],
};

pub(super) const LISTEN: Meaning = Meaning {
    short: "waiting for connections",
    means: "A server waits for connections. This socket never becomes a connection and never leaves LISTEN \
            by one: a SYN makes a request socket beside it (SYN-RECV in ss), and the client's ACK makes a \
            child socket that waits in the accept queue for accept().",
    side: Side::PassiveOpener,
    lasts: "As long as the server runs: there is no bound.",
    // inet_csk_reqsk_queue_is_full and sk_acceptq_is_full compare with the backlog; tcp_conn_request looks at
    // tcp_max_syn_backlog only without syncookies.
    bounds: &[
        (
            "listen() backlog",
            "Connections that wait for accept(); and, counted apart, half-open ones.",
            "the process chooses",
        ),
        ("net.core.somaxconn", "The highest backlog that listen() gets.", "4096; 128 before Linux 5.4"),
        (
            "net.ipv4.tcp_syncookies",
            "1: answer with a cookie and keep no state once the backlog of half-open connections is full.",
            "1",
        ),
        (
            "net.ipv4.tcp_max_syn_backlog",
            "Half-open connections of one listener, but only if tcp_syncookies is 0.",
            "by memory, at least 128",
        ),
    ],
    check: &[
        (
            "ss -tlnp sport = :PORT",
            "Who listens. Recv-Q: connections that wait for accept(); Send-Q: how many may. Recv-Q close to \
             Send-Q: the process does not accept() fast enough, or is stuck.",
        ),
        (
            "nstat -az TcpExtListenOverflows TcpExtListenDrops",
            "Growing: the accept queue is full and the kernel drops SYNs and ACKs in silence. Clients hang \
             in SYN_SENT and retry.",
        ),
        ("ss -tno state syn-recv sport = :PORT", "Half-open connections: see tcptrace explain SYN_RECV."),
    ],
};

pub(super) const SYN_SENT: Meaning = Meaning {
    short: "connecting: no answer yet",
    means: "The process called connect(), the SYN is out, and nothing has come back. Neither a SYN+ACK nor a \
            refusal: a closed port answers with RST and ends this at once, so staying here means that \
            packets get lost or are dropped.",
    side: Side::ActiveOpener,
    // ip-sysctl.rst, tcp_syn_retries and tcp_syn_linear_timeouts: timeouts of 1 1 1 1 1 2 4 8 16 32 64 s = 131 s since
    // Linux 6.5, 1 2 4 8 16 32 64 s = 127 s before. Measured on 6.18: 134.7 s, the timer wheel's coarseness on top.
    lasts: "One round trip. Without an answer 131 s (127 s before Linux 6.5), then connect() fails with \
            ETIMEDOUT. About 3 s, then EHOSTUNREACH, if a neighbour on the same link does not answer ARP or \
            ND.",
    bounds: &[
        (
            "net.ipv4.tcp_syn_retries",
            "SYNs sent again, the time between them doubling from 1 s to 64 s.",
            "6",
        ),
        (
            "net.ipv4.tcp_syn_linear_timeouts",
            "More SYNs sent again before those, 1 s apart (Linux 6.5 and later).",
            "4",
        ),
        ("TCP_SYNCNT", "tcp_syn_retries for this socket.", "off"),
        ("TCP_USER_TIMEOUT", "Ends the attempt after this time.", "off"),
    ],
    check: &[
        (
            "ss -tnop state syn-sent",
            "Who connects to where. timer:(on,TIME,N): N SYNs were sent again. All to one address: it or the \
             way to it. To all addresses: this host's way out.",
        ),
        ("ip route get ADDRESS", "The device and source address that the SYN leaves with."),
        (
            "tcpdump -ni any 'tcp port PORT and tcp[tcpflags] & tcp-syn != 0'",
            "Does the SYN leave (flags [S]), does a SYN+ACK come back ([S.])? Out and nothing back: a \
             firewall, or the server's queue. Back and still SYN_SENT: a firewall on this host.",
        ),
        (
            "nstat -az TcpExtListenOverflows TcpExtListenDrops",
            "On the server. Growing: its accept queue is full and it drops SYNs in silence.",
        ),
    ],
};

pub(super) const SYN_RECV: Meaning = Meaning {
    short: "handshake half done: no ACK yet",
    means: "A SYN came, the SYN+ACK is out, the client's ACK is missing. For Linux this is a request socket \
            (NEW_SYN_RECV) beside a listener that stays in LISTEN: no process owns it and accept() does not \
            see it. At the ACK a child socket is made that passes through SYN_RECV to ESTABLISHED within \
            microseconds. What stays in SYN_RECV is the request, except with Fast Open.",
    side: Side::PassiveOpener,
    // ip-sysctl.rst, tcp_synack_retries: 1 2 4 8 16 32 s = 63 s. Measured on 6.18: 65.3 s.
    lasts: "One round trip. Without the ACK 63 s, then it is gone and the client is not told.",
    bounds: &[
        (
            "net.ipv4.tcp_synack_retries",
            "SYN+ACKs sent again, the time between them doubling from 1 s; TCP_SYNCNT on the listener \
             overrides it.",
            "5",
        ),
        (
            "listen() backlog",
            "How many of them one listener keeps; beyond it: syncookies.",
            "the process chooses",
        ),
        (
            "TCP_DEFER_ACCEPT",
            "Set on the listener, it keeps the request waiting after the ACK, for the client's first data.",
            "off",
        ),
        (
            "net.ipv4.tcp_abort_on_overflow",
            "1: answer the ACK with RST when the accept queue is full. 0: ignore it and let the client \
             retry.",
            "0",
        ),
    ],
    check: &[
        (
            "ss -tno state syn-recv sport = :PORT",
            "From where, and timer:(on,TIME,N): N SYN+ACKs were sent again. Many strange addresses: a SYN \
             flood. Clients you know: the SYN+ACK or their ACK gets lost (asymmetric route, firewall).",
        ),
        (
            "ss -tln sport = :PORT",
            "Recv-Q greater than Send-Q: the accept queue is full. The ACK did come and was ignored; the \
             client believes that it is connected.",
        ),
        (
            "nstat -az TcpExtTCPReqQFullDoCookies TcpExtTCPReqQFullDrop",
            "Growing: more half-open connections than the backlog; cookies sent, or SYNs dropped.",
        ),
    ],
};

pub(super) const ESTABLISHED: Meaning = Meaning {
    short: "open: data can flow both ways",
    means: "The connection is open, and both sides may send for as long as they like. An idle one sends \
            nothing at all, so a peer that vanished without FIN or RST (power, cable, a firewall that \
            forgot) is not noticed before something is sent. On a server it can also be one that no process \
            has accept()ed yet.",
    side: Side::Both,
    lasts: "As long as both sides want: there is no bound for an idle connection without SO_KEEPALIVE.",
    bounds: &[
        RETRIES2,
        USER_TIMEOUT,
        (
            "net.ipv4.tcp_keepalive_time (TCP_KEEPIDLE)",
            "Idle time before the first probe. Only with SO_KEEPALIVE.",
            "7200 s",
        ),
        ("net.ipv4.tcp_keepalive_intvl (TCP_KEEPINTVL)", "Time between two probes.", "75 s"),
        (
            "net.ipv4.tcp_keepalive_probes (TCP_KEEPCNT)",
            "Probes without an answer before ETIMEDOUT: with the defaults 2 h 11 min after the last sign of \
             life.",
            "9",
        ),
    ],
    check: &[
        (
            "ss -tnop state established '( sport = :PORT or dport = :PORT )'",
            "Send-Q and timer:(on,TIME,N): unacknowledged data, N retransmissions: the peer or the way to it \
             is gone. timer:(persist,...): the peer's process does not read. Recv-Q: this process does not \
             read. No users:(...): not accept()ed yet.",
        ),
        (
            "ss -tni state established dport = :PORT",
            "lastsnd, lastrcv: milliseconds since something was sent and came in. retrans: lost segments.",
        ),
    ],
};
