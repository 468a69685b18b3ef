//! Ways to open a connection: other families, ports of one's choice, both ends at once, in one socket, with data.

bank! {
    ipv6: "
        connected [::1]:0
        rests l LISTEN, c ESTABLISHED of client, s ESTABLISHED of server
        client close c
        rests c FIN_WAIT2 of nobody, s CLOSE_WAIT
        l = listening
        c = opened
            ESTABLISHED>FIN_WAIT1 process client/syscall close
            FIN_WAIT1>FIN_WAIT2 process|softirq client/syscall -
            orphan:FIN_WAIT2 process|softirq client/syscall -
        s = accepted
            ESTABLISHED>CLOSE_WAIT softirq server/acceptor fin_received
    "

    /// An IPv6 socket that takes IPv4: the connection is IPv4, and its two ends find each other.
    ipv4_in_an_ipv6_socket: "
        server listen l [::]:0
        client connect c 127.0.0.1:$l
        server accept l s
        rests c ESTABLISHED of client, s ESTABLISHED of server
        l = listening
        c = opened
        s = accepted
    "

    ipv4_in_two_ipv6_sockets: "
        server listen l [::]:0
        client connect c [::ffff:127.0.0.1]:$l
        server accept l s
        rests c ESTABLISHED of client, s ESTABLISHED of server
        client close c
        rests c FIN_WAIT2 of nobody, s CLOSE_WAIT
        server close s
        rests c TIME_WAIT of nobody, s CLOSE
        c = opened
            ESTABLISHED>FIN_WAIT1 process client/syscall close
            FIN_WAIT1>FIN_WAIT2 process|softirq client/syscall -
            orphan:FIN_WAIT2 process|softirq client/syscall -
            FIN_WAIT2>TIME_WAIT softirq|inferred:peer_closed client/syscall fin_received
        s = accepted
            ESTABLISHED>CLOSE_WAIT softirq server/acceptor fin_received
            CLOSE_WAIT>LAST_ACK process server/syscall close
            LAST_ACK>CLOSE process|softirq server/syscall -
    "

    /// A socket connected to itself opens and closes at once with its peer.
    a_socket_that_is_its_own_peer: "
        narcissus bind c 127.0.0.1:7777
        narcissus connect c @c
        rests c ESTABLISHED of narcissus
        narcissus close c
        rests c TIME_WAIT of nobody
        c =
            CLOSE>SYN_SENT process narcissus/syscall -
            SYN_SENT>SYN_RECV process|softirq narcissus/syscall -
            SYN_RECV>ESTABLISHED process|softirq narcissus/syscall -
            ESTABLISHED>FIN_WAIT1 process narcissus/syscall close
            FIN_WAIT1>CLOSING process|softirq narcissus/syscall fin_received
            CLOSING>TIME_WAIT process|softirq narcissus/syscall - # that a FIN had come was known before
    "

    /// Two sockets connect to each other, and both SYNs are on their way before either arrives: nobody listens.
    both_open_at_once: "
        wire
        left bind a 192.0.2.1:5000
        right bind b 192.0.2.2:5000
        hold 192.0.2.1
        hold 192.0.2.2
        left begins connect a 192.0.2.2:5000
        right begins connect b 192.0.2.1:5000
        rests a SYN_SENT of left, b SYN_SENT of right
        release 192.0.2.2
        rests b SYN_RECV of right
        release 192.0.2.1
        left answers
        right answers
        rests a ESTABLISHED of left, b ESTABLISHED of right
        a =
            CLOSE>SYN_SENT process left/syscall -
            SYN_SENT>SYN_RECV softirq left/syscall -
            SYN_RECV>ESTABLISHED softirq left/syscall -
        b =
            CLOSE>SYN_SENT process right/syscall -
            SYN_SENT>SYN_RECV softirq right/syscall -
            SYN_RECV>ESTABLISHED softirq right/syscall -
    "

    /// The child exists before the handshake is over, without a request (client and server, no cookies required).
    fast_open: "
        set tcp_fastopen 1543
        server listen l 127.0.0.1:0
        client fast-open c @l
        server accept l s
        rests c ESTABLISHED of client, s ESTABLISHED of server
        l = listening
        c = opened
        s =
            LISTEN>SYN_RECV softirq server/listener -
            SYN_RECV>ESTABLISHED softirq server/listener -
    "

    /// A SYN to one in TIME_WAIT, with the same addresses: it makes room.
    the_same_addresses_from_the_peer: "
        server listen l 127.0.0.1:0
        client bind c 127.0.0.1:4000
        client connect c @l
        server accept l s
        server close s
        rests s FIN_WAIT2 of nobody, c CLOSE_WAIT of client
        client close c
        rests s TIME_WAIT of nobody, c CLOSE
        client bind d 127.0.0.1:4000
        client connect d @l
        server accept l t
        rests d ESTABLISHED of client, t ESTABLISHED of server
        s = accepted
            ESTABLISHED>FIN_WAIT1 process server/syscall close
            FIN_WAIT1>FIN_WAIT2 process|softirq server/syscall -
            orphan:FIN_WAIT2 process|softirq server/syscall -
            FIN_WAIT2>TIME_WAIT softirq|inferred:peer_closed server/syscall fin_received
            TIME_WAIT>CLOSE softirq server/syscall reused
        d = opened
        t = accepted
    "

    /// tcp_tw_reuse: connect() takes the port of one in TIME_WAIT, once that is a second old.
    the_same_addresses_from_here: "
        set tcp_tw_reuse 1
        server listen l 127.0.0.1:0
        client bind c 127.0.0.1:4000
        client connect c @l
        server accept l s
        client close c
        rests c FIN_WAIT2 of nobody
        server close s
        rests c TIME_WAIT of nobody, s CLOSE
        client bind d 127.0.0.1:4000
        client retries connect d @l
        server accept l t
        rests d ESTABLISHED of client, t ESTABLISHED of server
        c = opened
            ESTABLISHED>FIN_WAIT1 process client/syscall close
            FIN_WAIT1>FIN_WAIT2 process|softirq client/syscall -
            orphan:FIN_WAIT2 process|softirq client/syscall -
            FIN_WAIT2>TIME_WAIT softirq|inferred:peer_closed client/syscall fin_received
            TIME_WAIT>CLOSE softirq client/syscall reused
        d = opened
        t = accepted
    "
}
