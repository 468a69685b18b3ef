//! Whose socket it is when several processes have to do with it.

bank! {
    /// A forked worker has the master's descriptors. Who accepts and acts is the owner, not who listens.
    the_worker_owns_what_it_acts_on: "
        master listen l 127.0.0.1:0
        worker adopt l %master #l
        client connect c @l
        worker accept l s
        rests s ESTABLISHED of worker
        worker shutdown s
        rests s FIN_WAIT2 of worker
        client close c
        rests c CLOSE, s TIME_WAIT
        master close l
        rests l LISTEN of worker # which still has it
        worker close l
        rests l CLOSE
        l =
            CLOSE>LISTEN process master/syscall -
            LISTEN>CLOSE process worker/syscall close
        c = opened
            ESTABLISHED>CLOSE_WAIT softirq client/syscall fin_received
            CLOSE_WAIT>LAST_ACK process client/syscall close
            LAST_ACK>CLOSE process|softirq client/syscall -
        s =
            LISTEN>SYN_RECV softirq master/listener syn_received
            SYN_RECV>ESTABLISHED softirq master/listener -
            ESTABLISHED>FIN_WAIT1 process worker/syscall shutdown
            FIN_WAIT1>FIN_WAIT2 process|softirq worker/syscall -
            FIN_WAIT2>TIME_WAIT process|softirq worker/syscall fin_received
    "

    the_last_one_who_has_it_closes_it: "
        connected
        heir adopt s %server #s
        server close s
        rests s ESTABLISHED of heir
        heir close s
        rests s FIN_WAIT2 of nobody, c CLOSE_WAIT
        s = accepted
            ESTABLISHED>FIN_WAIT1 process heir/syscall close
            FIN_WAIT1>FIN_WAIT2 process|softirq heir/syscall -
            orphan:FIN_WAIT2 process|softirq heir/syscall -
        c = opened
            ESTABLISHED>CLOSE_WAIT softirq client/syscall fin_received
    "

    /// SCM_RIGHTS: the receiver answers and hangs up, as with systemd or a load balancer.
    passed_to_another_process: "
        connected
        heir open-mailbox
        server pass s %heir
        heir take s
        server close s
        rests s ESTABLISHED of heir
        kill heir SIGKILL
        rests s FIN_WAIT2 of nobody, c CLOSE_WAIT
        s = accepted
            ESTABLISHED>FIN_WAIT1 process heir/syscall killed:SIGKILL
            FIN_WAIT1>FIN_WAIT2 process|softirq heir/syscall -
            orphan:FIN_WAIT2 process|softirq heir/syscall -
        c = opened
            ESTABLISHED>CLOSE_WAIT softirq client/syscall fin_received
    "

    /// Nobody holds it while it is in the mail: the kernel ends it with the mailbox.
    lost_in_the_mail: "
        connected
        heir open-mailbox
        server pass s %heir
        server close s
        rests s ESTABLISHED, c ESTABLISHED
        exit heir
        rests s FIN_WAIT2 of nobody, c CLOSE_WAIT
        s = accepted
            ESTABLISHED>FIN_WAIT1 process heir/syscall exit|close
            FIN_WAIT1>FIN_WAIT2 process|softirq heir/syscall -
            orphan:FIN_WAIT2 process|softirq heir/syscall -
        c = opened
            ESTABLISHED>CLOSE_WAIT softirq client/syscall fin_received
    "

    /// Another program inherits the socket, knows nothing of it, and keeps it open until it ends.
    a_child_has_it_too: "
        connected
        server spawn cat
        server close s
        rests s ESTABLISHED, l LISTEN
        server end-child
        rests s FIN_WAIT2 of nobody, c CLOSE_WAIT
        s = accepted
            ESTABLISHED>FIN_WAIT1 process cat/syscall exit
            FIN_WAIT1>FIN_WAIT2 process|softirq cat/syscall -
            orphan:FIN_WAIT2 process|softirq cat/syscall -
        c = opened
            ESTABLISHED>CLOSE_WAIT softirq client/syscall fin_received
    "

    /// The owner is the process, whichever of its threads makes the call.
    threads: "
        server listen l 127.0.0.1:0
        client thread connect c @l
        server thread accept l s
        rests c ESTABLISHED of client, s ESTABLISHED of server
        client thread close c
        rests c FIN_WAIT2 of nobody, s CLOSE_WAIT of server
        server thread close s
        rests c TIME_WAIT, s CLOSE
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
}
