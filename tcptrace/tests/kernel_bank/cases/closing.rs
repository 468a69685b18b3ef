//! Connections that are closed: by close(), shutdown(), exit and signals, by one end after the other or by both at once.

bank! {
    /// The other end takes its time: FIN_WAIT2 without a process, until there is a FIN.
    the_client_closes: "
        connected
        rests l LISTEN of server, c ESTABLISHED of client, s ESTABLISHED of server
        client close c
        rests c FIN_WAIT2 of nobody, s CLOSE_WAIT of server
        server close s
        rests c TIME_WAIT of nobody, s CLOSE
        l = listening
        c = opened
            ESTABLISHED>FIN_WAIT1 process client/syscall close
            FIN_WAIT1>FIN_WAIT2 process|softirq client/syscall -
            orphan:FIN_WAIT2 process|softirq client/syscall -
            # Within the timer's 2 s: the peer tells, or the timer itself if it moves on.
            FIN_WAIT2>TIME_WAIT softirq|inferred:peer_closed client/syscall fin_received
        s = accepted
            ESTABLISHED>CLOSE_WAIT softirq server/acceptor fin_received
            CLOSE_WAIT>LAST_ACK process server/syscall close
            LAST_ACK>CLOSE process|softirq server/syscall -
    "

    the_server_closes: "
        connected
        rests c ESTABLISHED, s ESTABLISHED
        server close s
        rests s FIN_WAIT2 of nobody, c CLOSE_WAIT of client
        client close c
        rests s TIME_WAIT of nobody, c CLOSE
        s = accepted
            ESTABLISHED>FIN_WAIT1 process server/syscall close
            FIN_WAIT1>FIN_WAIT2 process|softirq server/syscall -
            orphan:FIN_WAIT2 process|softirq server/syscall -
            FIN_WAIT2>TIME_WAIT softirq|inferred:peer_closed server/syscall fin_received
        c = opened
            ESTABLISHED>CLOSE_WAIT softirq client/syscall fin_received
            CLOSE_WAIT>LAST_ACK process client/syscall close
            LAST_ACK>CLOSE process|softirq client/syscall -
    "

    /// If the second FIN comes before the delayed ACK of the first (40 ms), nobody sees an orphan.
    both_close_without_delay: "
        connected
        rests c ESTABLISHED
        client close c
        server close s
        rests c TIME_WAIT of nobody, s CLOSE
        c = opened
            ESTABLISHED>FIN_WAIT1 process client/syscall close
            FIN_WAIT1>FIN_WAIT2 process|softirq client/syscall -
            ?orphan:FIN_WAIT2 process|softirq client/syscall -
            FIN_WAIT2>TIME_WAIT process|softirq|inferred:peer_closed client/syscall fin_received
        s = accepted
            ESTABLISHED>CLOSE_WAIT softirq server/acceptor fin_received
            CLOSE_WAIT>LAST_ACK process server/syscall close
            LAST_ACK>CLOSE process|softirq server/syscall -
    "

    /// Both FINs are on their way before either arrives.
    both_close_at_once: "
        wire
        server listen l 192.0.2.2:0
        client bind c 192.0.2.1:0
        client connect c @l
        server accept l s
        rests c ESTABLISHED, s ESTABLISHED
        hold 192.0.2.1
        hold 192.0.2.2
        client close c
        server close s
        rests c FIN_WAIT1 of nobody, s FIN_WAIT1 of nobody
        release 192.0.2.2
        rests s CLOSING
        release 192.0.2.1
        rests c TIME_WAIT, s TIME_WAIT
        c = opened
            ESTABLISHED>FIN_WAIT1 process client/syscall close
            FIN_WAIT1>CLOSING softirq client/syscall fin_received
            CLOSING>TIME_WAIT softirq client/syscall -
        s = accepted
            ESTABLISHED>FIN_WAIT1 process server/syscall close
            FIN_WAIT1>CLOSING softirq server/syscall fin_received
            CLOSING>TIME_WAIT softirq server/syscall -
    "

    /// Half-closed for a while, the other half goes on.
    shutdown_of_sending: "
        connected
        client shutdown c
        rests c FIN_WAIT2 of client, s CLOSE_WAIT of server
        server send s
        client receive c => received 1
        server close s
        rests c TIME_WAIT of nobody, s CLOSE # with the descriptor still open
        client close c
        c = opened
            ESTABLISHED>FIN_WAIT1 process client/syscall shutdown
            FIN_WAIT1>FIN_WAIT2 process|softirq client/syscall -
            FIN_WAIT2>TIME_WAIT process|softirq client/syscall fin_received
        s = accepted
            ESTABLISHED>CLOSE_WAIT softirq server/acceptor fin_received
            CLOSE_WAIT>LAST_ACK process server/syscall close
            LAST_ACK>CLOSE process|softirq server/syscall -
    "

    shutdown_of_both_directions: "
        connected
        server shutdown-both s
        rests s FIN_WAIT2 of server, c CLOSE_WAIT of client
        client close c
        rests s TIME_WAIT of nobody, c CLOSE
        s = accepted
            ESTABLISHED>FIN_WAIT1 process server/syscall shutdown
            FIN_WAIT1>FIN_WAIT2 process|softirq server/syscall -
            FIN_WAIT2>TIME_WAIT process|softirq server/syscall fin_received
        c = opened
            ESTABLISHED>CLOSE_WAIT softirq client/syscall fin_received
            CLOSE_WAIT>LAST_ACK process client/syscall close
            LAST_ACK>CLOSE process|softirq client/syscall -
    "

    /// close() after shutdown() changes no state, but takes the process away.
    shutdown_and_then_closed: "
        connected
        client shutdown c
        rests c FIN_WAIT2 of client, s CLOSE_WAIT
        client close c
        rests c FIN_WAIT2 of nobody
        server close s
        rests c TIME_WAIT of nobody, s CLOSE
        c = opened
            ESTABLISHED>FIN_WAIT1 process client/syscall shutdown
            FIN_WAIT1>FIN_WAIT2 process|softirq client/syscall -
            orphan:FIN_WAIT2 process client/syscall -
            FIN_WAIT2>TIME_WAIT softirq|inferred:peer_closed client/syscall fin_received
        s = accepted
            ESTABLISHED>CLOSE_WAIT softirq server/acceptor fin_received
            CLOSE_WAIT>LAST_ACK process server/syscall close
            LAST_ACK>CLOSE process|softirq server/syscall -
    "

    the_client_exits: "
        connected
        rests c ESTABLISHED of client
        exit client
        rests c FIN_WAIT2 of nobody, s CLOSE_WAIT of server
        c = opened
            ESTABLISHED>FIN_WAIT1 process client/syscall exit
            FIN_WAIT1>FIN_WAIT2 process|softirq client/syscall -
            orphan:FIN_WAIT2 process|softirq client/syscall -
        s = accepted
            ESTABLISHED>CLOSE_WAIT softirq server/acceptor fin_received
    "

    /// The experiment that started it all.
    the_server_is_interrupted: "
        connected
        rests l LISTEN of server, s ESTABLISHED of server
        kill server SIGINT
        rests s FIN_WAIT2 of nobody, c CLOSE_WAIT of client, l CLOSE
        l = listening
            LISTEN>CLOSE process server/syscall killed:SIGINT
        s = accepted
            ESTABLISHED>FIN_WAIT1 process server/syscall killed:SIGINT
            FIN_WAIT1>FIN_WAIT2 process|softirq server/syscall -
            orphan:FIN_WAIT2 process|softirq server/syscall -
        c = opened
            ESTABLISHED>CLOSE_WAIT softirq client/syscall fin_received
    "

    the_client_is_killed: "
        connected
        rests c ESTABLISHED of client
        kill client SIGKILL
        rests c FIN_WAIT2 of nobody, s CLOSE_WAIT of server
        c = opened
            ESTABLISHED>FIN_WAIT1 process client/syscall killed:SIGKILL
            FIN_WAIT1>FIN_WAIT2 process|softirq client/syscall -
            orphan:FIN_WAIT2 process|softirq client/syscall -
        s = accepted
            ESTABLISHED>CLOSE_WAIT softirq server/acceptor fin_received
    "

    /// First the peer has closed, and then a signal ends the process.
    killed_in_close_wait: "
        connected
        client close c
        rests s CLOSE_WAIT of server, c FIN_WAIT2 of nobody
        kill server SIGTERM
        rests c TIME_WAIT of nobody, s CLOSE
        c = opened
            ESTABLISHED>FIN_WAIT1 process client/syscall close
            FIN_WAIT1>FIN_WAIT2 process|softirq client/syscall -
            orphan:FIN_WAIT2 process|softirq client/syscall -
            FIN_WAIT2>TIME_WAIT softirq|inferred:peer_closed client/syscall fin_received
        s = accepted
            ESTABLISHED>CLOSE_WAIT softirq server/acceptor fin_received
            CLOSE_WAIT>LAST_ACK process server/syscall killed:SIGTERM
            LAST_ACK>CLOSE process|softirq server/syscall -
    "
}
