//! Connections that are broken off: resets of every kind, sent and received, and sockets that somebody else destroys.

bank! {
    linger_zero: "
        connected
        rests c ESTABLISHED, s ESTABLISHED
        client linger0 c
        client close c
        rests c CLOSE, s CLOSE
        c = opened
            ESTABLISHED>CLOSE process client/syscall linger_zero
        s = accepted
            ESTABLISHED>CLOSE softirq server/acceptor reset_received
    "

    /// A close with data that nobody has read is a reset.
    unread_data: "
        connected
        rests c ESTABLISHED, s ESTABLISHED
        client send c
        server wait s
        server close s
        rests s CLOSE, c CLOSE
        s = accepted
            ESTABLISHED>CLOSE process server/syscall unread_data
        c = opened
            ESTABLISHED>CLOSE softirq client/syscall reset_received
    "

    /// connect(AF_UNSPEC) breaks the connection off, and the same descriptor opens another one.
    disconnected_and_connected_again: "
        connected
        rests c ESTABLISHED, s ESTABLISHED
        client disconnect c
        rests s CLOSE, c CLOSE
        client connect c @l
        server accept l t
        rests c ESTABLISHED of client, t ESTABLISHED of server
        s = accepted
            ESTABLISHED>CLOSE softirq server/acceptor reset_received
        t = accepted
        c =
            CLOSE>SYN_SENT process client/syscall -
            SYN_SENT>ESTABLISHED process|softirq client/syscall -
            ESTABLISHED>CLOSE process client/syscall abort
            CLOSE>SYN_SENT process client/syscall -
            SYN_SENT>ESTABLISHED process|softirq client/syscall -
    "

    /// `ss -K`: the owner stays who it was, and `ss` is not said to be it.
    destroyed: "
        connected
        rests c ESTABLISHED of client, s ESTABLISHED
        destroy c
        rests c CLOSE, s CLOSE
        c = opened
            ESTABLISHED>CLOSE process client/syscall destroyed
        s = accepted
            ESTABLISHED>CLOSE softirq server/acceptor reset_received
    "

    /// A listening socket keeps no error.
    a_listener_is_destroyed: "
        connected
        rests l LISTEN of server, s ESTABLISHED
        destroy l
        rests l CLOSE, c ESTABLISHED, s ESTABLISHED
        l = listening
            LISTEN>CLOSE process server/syscall -
        c = opened
        s = accepted
    "

    time_wait_is_destroyed: "
        connected
        client close c
        rests c FIN_WAIT2 of nobody
        server close s
        rests c TIME_WAIT of nobody, s CLOSE
        destroy c
        rests c CLOSE
        c = opened
            ESTABLISHED>FIN_WAIT1 process client/syscall close
            FIN_WAIT1>FIN_WAIT2 process|softirq client/syscall -
            orphan:FIN_WAIT2 process|softirq client/syscall -
            FIN_WAIT2>TIME_WAIT softirq|inferred:peer_closed client/syscall fin_received
            TIME_WAIT>CLOSE softirq client/syscall -
    "

    /// The server writes to one who has gone: the orphan answers with a reset, and that is the end of both.
    data_for_an_orphan: "
        connected
        client close c
        rests c FIN_WAIT2 of nobody, s CLOSE_WAIT of server
        server send s
        rests c CLOSE, s CLOSE
        c = opened
            ESTABLISHED>FIN_WAIT1 process client/syscall close
            FIN_WAIT1>FIN_WAIT2 process|softirq client/syscall -
            orphan:FIN_WAIT2 process|softirq client/syscall -
            FIN_WAIT2>CLOSE softirq client/syscall -
        s = accepted
            ESTABLISHED>CLOSE_WAIT softirq server/acceptor fin_received
            CLOSE_WAIT>CLOSE process|softirq server/acceptor|server/syscall reset_received
    "

    /// The process of a half-closed connection breaks off the rest.
    linger_zero_after_shutdown: "
        connected
        client shutdown c
        rests c FIN_WAIT2 of client, s CLOSE_WAIT
        client linger0 c
        client close c
        rests c CLOSE, s CLOSE
        c = opened
            ESTABLISHED>FIN_WAIT1 process client/syscall shutdown
            FIN_WAIT1>FIN_WAIT2 process|softirq client/syscall -
            FIN_WAIT2>CLOSE process client/syscall linger_zero
        s = accepted
            ESTABLISHED>CLOSE_WAIT softirq server/acceptor fin_received
            CLOSE_WAIT>CLOSE softirq server/acceptor reset_received
    "
}
