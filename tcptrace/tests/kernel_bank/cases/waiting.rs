//! Sockets that change their state without an event of their own: half-open connections, orphans, `TIME_WAIT`.

bank! {
    /// SYN received, SYN+ACK sent again and again, nothing ever comes back.
    a_handshake_that_is_never_finished: "
        link
        set tcp_synack_retries 3s
        server listen l 192.0.2.1:0
        syn 192.0.2.9:4000 @l
        found r from 192.0.2.9:4000
        rests r SYN_RECV of nobody
        rests r CLOSE, l LISTEN of server
        l = listening
        r =
            LISTEN>SYN_RECV softirq server/listener syn_received
            SYN_RECV>CLOSE softirq server/listener timed_out >2500ms # 1 s to the retransmission, 2 s to the end
        r sends
            retransmit:SYN_RECV
    "

    the_listener_closes_on_a_handshake: "
        link
        server listen l 192.0.2.1:0
        syn 192.0.2.9:4000 @l
        found r from 192.0.2.9:4000
        rests r SYN_RECV of nobody
        server close l
        rests l CLOSE
        l = listening
            LISTEN>CLOSE process server/syscall close
        r =
            LISTEN>SYN_RECV softirq server/listener syn_received
            SYN_RECV>CLOSE softirq server/listener -|timed_out
    "

    /// The server waits for data before it makes a socket: the handshake is over for the client, and not for the server.
    the_last_segment_of_the_handshake: "
        server listen l 127.0.0.1:0
        server defer l
        client connect c @l
        found s from @c
        rests c ESTABLISHED of client, s SYN_RECV of nobody
        pause 200ms
        client send c
        server accept l s
        rests s ESTABLISHED of server
        c = opened
        s =
            LISTEN>SYN_RECV softirq server/listener syn_received
            SYN_RECV>ESTABLISHED softirq server/listener - >200ms
    "

    /// The kernel keeps none in TIME_WAIT beyond tcp_max_tw_buckets.
    no_room_for_time_wait: "
        set tcp_max_tw_buckets 0
        connected
        rests c ESTABLISHED
        client shutdown c
        rests c FIN_WAIT2 of client, s CLOSE_WAIT
        server close s
        rests c CLOSE, s CLOSE
        c = opened
            ESTABLISHED>FIN_WAIT1 process client/syscall shutdown
            FIN_WAIT1>FIN_WAIT2 process|softirq client/syscall -
            FIN_WAIT2>CLOSE process|softirq client/syscall time_wait_limit
    "
}
