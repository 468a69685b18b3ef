//! Listening sockets, and what becomes of connections in their queue.

bank! {
    a_listener_comes_and_goes: "
        server listen l 127.0.0.1:0
        server listen m 0.0.0.0:0
        rests l LISTEN of server, m LISTEN of server
        server close l
        rests l CLOSE
        l = listening
            LISTEN>CLOSE process server/syscall close
        m = listening
    "

    /// shutdown() ends it, and listen() begins it again: one socket, two lives.
    it_listens_again: "
        server listen l 127.0.0.1:7100
        rests l LISTEN of server
        server stop-listening l
        rests l CLOSE
        client connect c @l => error ECONNREFUSED
        server listen-again l 16
        client connect d @l
        server accept l s
        rests l LISTEN of server, d ESTABLISHED, s ESTABLISHED
        l = listening
            LISTEN>CLOSE process server/syscall -
            CLOSE>LISTEN process server/syscall -
        d = opened
        s = accepted
    "

    /// The handshake is over long before accept(), and nothing changes then.
    accepted_late: "
        server listen l 127.0.0.1:0
        client connect c @l
        found s from @c
        rests c ESTABLISHED of client, s ESTABLISHED of nobody
        server accept l s
        rests s ESTABLISHED of server
        server close s
        rests s FIN_WAIT2 of nobody, c CLOSE_WAIT
        c = opened
            ESTABLISHED>CLOSE_WAIT softirq client/syscall fin_received
        s = accepted
            ESTABLISHED>FIN_WAIT1 process server/syscall close
            FIN_WAIT1>FIN_WAIT2 process|softirq server/syscall -
            orphan:FIN_WAIT2 process|softirq server/syscall -
    "

    the_client_is_gone_before_it_is_accepted: "
        server listen l 127.0.0.1:0
        client connect c @l
        found s from @c
        client close c
        rests s CLOSE_WAIT of nobody, c FIN_WAIT2 of nobody
        server accept l s
        server close s
        rests s CLOSE, c TIME_WAIT
        c = opened
            ESTABLISHED>FIN_WAIT1 process client/syscall close
            FIN_WAIT1>FIN_WAIT2 process|softirq client/syscall -
            orphan:FIN_WAIT2 process|softirq client/syscall -
            FIN_WAIT2>TIME_WAIT softirq|inferred:peer_closed client/syscall fin_received
        s = accepted
            ESTABLISHED>CLOSE_WAIT softirq server/listener fin_received
            CLOSE_WAIT>LAST_ACK process server/syscall close
            LAST_ACK>CLOSE process|softirq server/syscall -
    "

    the_client_resets_before_it_is_accepted: "
        server listen l 127.0.0.1:0
        client connect c @l
        found s from @c
        rests s ESTABLISHED of nobody
        client linger0 c
        client close c
        rests s CLOSE, c CLOSE
        c = opened
            ESTABLISHED>CLOSE process client/syscall linger_zero
        s = accepted
            ESTABLISHED>CLOSE softirq server/listener reset_received
    "

    /// Nobody but the listener ever had it (inet_child_forget).
    the_listener_closes_on_a_connection_that_waits: "
        server listen l 127.0.0.1:0
        client connect c @l
        found s from @c
        rests c ESTABLISHED of client, s ESTABLISHED of nobody
        server close l
        rests l CLOSE, c CLOSE, s CLOSE
        l = listening
            LISTEN>CLOSE process server/syscall close
        c = opened
            ESTABLISHED>CLOSE softirq client/syscall reset_received
        s = accepted
            ESTABLISHED>CLOSE softirq server/listener listener_closed
    "

    the_listener_is_killed_with_a_connection_that_waits: "
        server listen l 127.0.0.1:0
        client connect c @l
        found s from @c
        rests c ESTABLISHED of client, s ESTABLISHED of nobody
        kill server SIGKILL
        rests l CLOSE, c CLOSE, s CLOSE
        l = listening
            LISTEN>CLOSE process server/syscall killed:SIGKILL
        c = opened
            ESTABLISHED>CLOSE softirq client/syscall reset_received
        s = accepted
            ESTABLISHED>CLOSE softirq server/listener listener_closed
    "

    /// No room in the queue: the server drops what comes, and the client asks again and again.
    the_queue_is_full: "
        set tcp_syncookies 0
        server listen l 127.0.0.1:0
        server listen-again l 0
        client connect a @l
        found s from @a
        rests a ESTABLISHED, s ESTABLISHED of nobody
        late socket b 0.0.0.0:0
        late begins connect b @l
        rests b SYN_SENT of late
        sees retransmit b
        server accept l s
        late answers
        server accept l t
        rests b ESTABLISHED, t ESTABLISHED
        a = opened
        s = accepted
        b =
            CLOSE>SYN_SENT process late/syscall -
            SYN_SENT>ESTABLISHED process|softirq late/syscall - >900ms
        t = accepted
        b sends
            retransmit:SYN_SENT
    "

    /// The server keeps nothing before the last segment of the handshake, so that is when it is told: without a cause by a
    /// machine so slow that one packet's work looks like that of two.
    syn_cookies: "
        set tcp_syncookies 2
        server listen l 127.0.0.1:0
        rests l LISTEN of server
        client connect c @l
        server accept l s
        rests c ESTABLISHED of client, s ESTABLISHED of server
        c = opened
        s =
            LISTEN>SYN_RECV softirq server/listener -
            SYN_RECV>ESTABLISHED softirq server/listener syn_cookie|-
    "
}
