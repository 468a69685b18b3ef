//! Connections that come to nothing, or to an end because nobody answers any more.

bank! {
    refused: "
        client socket c 0.0.0.0:0
        server listen l 127.0.0.1:0
        rests l LISTEN
        server close l
        client connect c @l => error ECONNREFUSED
        rests c CLOSE
        l = listening
            LISTEN>CLOSE process server/syscall close
        c =
            CLOSE>SYN_SENT process client/syscall -
            SYN_SENT>CLOSE process|softirq client/syscall refused
    "

    nobody_answers: "
        link
        set tcp_syn_retries 1
        client socket c 0.0.0.0:0
        client begins connect c 192.0.2.9:80
        rests c SYN_SENT of client
        client answers => error ETIMEDOUT
        rests c CLOSE
        c =
            CLOSE>SYN_SENT process client/syscall -
            SYN_SENT>CLOSE softirq client/syscall timed_out >900ms
        c sends
            retransmit:SYN_SENT
    "

    there_is_no_way: "
        link
        client socket c 0.0.0.0:0
        client begins connect c 192.0.2.8:80
        rests c SYN_SENT of client
        client answers => error EHOSTUNREACH
        rests c CLOSE
        c =
            CLOSE>SYN_SENT process client/syscall -
            SYN_SENT>CLOSE softirq client/syscall unreachable:113
    "

    killed_while_it_connects: "
        link
        client socket c 0.0.0.0:0
        client begins connect c 192.0.2.9:80
        rests c SYN_SENT of client
        kill client SIGKILL
        rests c CLOSE
        c =
            CLOSE>SYN_SENT process client/syscall -
            SYN_SENT>CLOSE process client/syscall killed:SIGKILL
    "

    destroyed_while_it_connects: "
        link
        client bind c 192.0.2.1:0
        client begins connect c 192.0.2.9:80
        rests c SYN_SENT of client
        destroy c
        rests c CLOSE
        c =
            CLOSE>SYN_SENT process client/syscall -
            SYN_SENT>CLOSE process client/syscall destroyed
    "

    /// The server was here, and then it is elsewhere: what is sent there leaves the host and comes to nothing.
    sent_again_in_vain: "
        link
        set tcp_retries2 2
        ip address add 192.0.2.9/32 dev lo
        client bind c 192.0.2.1:0
        connected 192.0.2.9:0
        rests c ESTABLISHED of client
        ip address delete 192.0.2.9/32 dev lo
        client send c
        rests c CLOSE
        c = opened
            ESTABLISHED>CLOSE softirq client/syscall retransmission_timeout
        c sends
            retransmit:ESTABLISHED
    "

    keepalive_without_an_answer: "
        link
        ip address add 192.0.2.9/32 dev lo
        client bind c 192.0.2.1:0
        connected 192.0.2.9:0
        rests c ESTABLISHED of client
        ip address delete 192.0.2.9/32 dev lo
        client keepalive c
        rests c CLOSE
        c = opened
            ESTABLISHED>CLOSE softirq client/syscall keepalive_timeout >1900ms
        c sends
            reset:ESTABLISHED|CLOSE TCP_KEEPALIVE_TIMEOUT|- # no reason before Linux 6.10
    "

    the_time_that_the_process_set: "
        link
        ip address add 192.0.2.9/32 dev lo
        client bind c 192.0.2.1:0
        connected 192.0.2.9:0
        rests c ESTABLISHED of client
        ip address delete 192.0.2.9/32 dev lo
        client user-timeout c
        client send c
        rests c CLOSE
        c = opened
            ESTABLISHED>CLOSE softirq client/syscall user_timeout
        c sends
            retransmit:ESTABLISHED
    "

    /// The FIN is never acknowledged, and no process is left to wait for it.
    an_orphan_is_given_up: "
        link
        set tcp_orphan_retries 2
        ip address add 192.0.2.9/32 dev lo
        client bind c 192.0.2.1:0
        connected 192.0.2.9:0
        rests c ESTABLISHED of client
        ip address delete 192.0.2.9/32 dev lo
        client close c
        rests c FIN_WAIT1 of nobody
        rests c CLOSE
        c = opened
            ESTABLISHED>FIN_WAIT1 process client/syscall close
            FIN_WAIT1>CLOSE softirq client/syscall retransmission_timeout
        c sends
            retransmit:FIN_WAIT1
    "

    /// tcp_max_orphans: a connection that is closed beyond it is dropped at once (tcp_check_oom in __tcp_close), and one that
    /// waits already when its timer runs out (tcp_out_of_resources).
    too_many_orphans: "
        link
        ip address add 192.0.2.9/32 dev lo
        client bind c 192.0.2.1:0
        connected 192.0.2.9:0
        client bind d 192.0.2.1:0
        client connect d @l
        rests c ESTABLISHED of client, d ESTABLISHED of client
        ip address delete 192.0.2.9/32 dev lo
        client close c
        rests c FIN_WAIT1 of nobody
        set-everywhere tcp_max_orphans -1
        client close d
        rests c CLOSE, d CLOSE
        c = opened
            ESTABLISHED>FIN_WAIT1 process client/syscall close
            FIN_WAIT1>CLOSE softirq client/syscall orphan_limit
        d = opened
            ESTABLISHED>FIN_WAIT1 process client/syscall close
            FIN_WAIT1>CLOSE process client/syscall orphan_limit
    "

    /// tcp_fin_timeout.
    a_peer_that_never_closes: "
        set tcp_fin_timeout 2s
        connected
        client close c
        rests c FIN_WAIT2 of nobody, s CLOSE_WAIT of server
        rests c CLOSE, s CLOSE_WAIT of server
        c = opened
            ESTABLISHED>FIN_WAIT1 process client/syscall close
            FIN_WAIT1>FIN_WAIT2 process|softirq client/syscall -
            orphan:FIN_WAIT2 process|softirq client/syscall -
            FIN_WAIT2>CLOSE softirq client/syscall elapsed >1900ms
        s = accepted
            ESTABLISHED>CLOSE_WAIT softirq server/acceptor fin_received
    "

    /// The peer is gone for good when the other side closes at last: its FIN gets no ACK, but a reset.
    closed_too_late: "
        set tcp_fin_timeout 3s
        connected
        client close c
        rests c FIN_WAIT2 of nobody, s CLOSE_WAIT of server
        rests c CLOSE
        server close s
        rests s CLOSE
        c = opened
            ESTABLISHED>FIN_WAIT1 process client/syscall close
            FIN_WAIT1>FIN_WAIT2 process|softirq client/syscall -
            orphan:FIN_WAIT2 process|softirq client/syscall -
            FIN_WAIT2>CLOSE softirq client/syscall elapsed
        s = accepted
            ESTABLISHED>CLOSE_WAIT softirq server/acceptor fin_received
            CLOSE_WAIT>LAST_ACK process server/syscall close
            LAST_ACK>CLOSE process|softirq server/syscall reset_received
    "
}
