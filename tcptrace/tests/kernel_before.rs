//! Sockets that were there before the trace began: told once, with their owners, and followed from then on.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

#[expect(dead_code, reason = "each file of tests uses its part")]
mod harness;

use harness::{actor::Actor, in_a_namespace, ss, tracer::Tracer, wait_for};

#[test]
fn they_are_told_once_and_keep_their_owners() {
    in_a_namespace(|| {
        let (server, client) = (Actor::new("server"), Actor::new("client"));
        let listener = server.tell("listen l 127.0.0.1:0");
        let address = listener.local;
        let opened = client.tell(&format!("connect c {address}"));
        let accepted = server.tell("accept l s");
        // An orphan in FIN_WAIT2, and what keeps it there.
        let orphan = client.tell(&format!("connect d {address}"));
        let stays = server.tell("accept l t");
        client.order("close d");
        ss::wait(&orphan, "FIN_WAIT2");
        assert_eq!(ss::of(&orphan).unwrap().inode, 0);
        // One in TIME_WAIT.
        let over = client.tell(&format!("connect e {address}"));
        server.tell("accept l u");
        client.order("close e");
        server.order("close u");
        ss::wait(&over, "TIME_WAIT");
        // One that nobody has accepted.
        let unaccepted = client.tell(&format!("connect f {address}"));
        let waiting = wait_for("the child", || {
            ss::all().into_iter().find(|line| line.remote == unaccepted.local.to_string())
        });
        // The orphan becomes its minisocket 40 ms after the close at the latest, and silently: wait until it is one.
        ss::wait_for_minisocket(&orphan);

        let tracer = Tracer::start(&[]);
        tracer.wait_for("the snapshot", |record| record["socket"] == *opened.cookie);
        client.order("close c");
        tracer.wait_for_step(&accepted.cookie, "CLOSE_WAIT");
        server.order("close s");
        tracer.wait_for_step(&accepted.cookie, "CLOSE");
        let last = server.tell("accept l v");
        server.order("close v");
        tracer.wait_for_step(&last.cookie, "FIN_WAIT1");
        tracer.wait_for_step(&unaccepted.cookie, "CLOSE_WAIT");
        let trace = tracer.finish();

        trace.assert_life(&listener, &["socket:LISTEN - server/procfs -"]);
        let life = trace.life(&opened);
        assert_eq!(
            life[..2],
            ["socket:ESTABLISHED - client/procfs -", "ESTABLISHED>FIN_WAIT1 process client/syscall close"]
        );
        trace.assert_life(
            &accepted,
            &[
                "socket:ESTABLISHED - server/procfs -",
                "ESTABLISHED>CLOSE_WAIT softirq server/procfs fin_received",
                "CLOSE_WAIT>LAST_ACK process server/syscall close",
                "LAST_ACK>CLOSE process|softirq server/syscall -",
            ],
        );
        trace.assert_life(&orphan, &["socket:FIN_WAIT2 - - -"]);
        trace.assert_life(&stays, &["socket:CLOSE_WAIT - server/procfs -"]);
        trace.assert_life(&over, &["socket:TIME_WAIT - - -"]);
        assert_eq!(last.cookie, waiting.cookie);
        let life = trace.life(&last);
        assert_eq!(life[1], "ESTABLISHED>FIN_WAIT1 process server/syscall close");
        trace.assert_life(
            &unaccepted,
            &[
                "socket:ESTABLISHED - client/procfs -",
                "ESTABLISHED>CLOSE_WAIT softirq client/procfs fin_received",
            ],
        );
        let connection = |cookie: &str| trace.of_socket(cookie)[0]["connection"].clone();
        for (one, other) in [(&opened, &accepted), (&orphan, &stays), (&unaccepted, &last)] {
            assert_eq!(connection(&one.cookie), connection(&other.cookie));
        }
        assert_eq!(trace.of_type("socket").len(), 8, "{:#?}", trace.lines());
        // How long it had been in the state before is not known.
        let first_step = trace.of_socket(&opened.cookie)[1];
        assert!(first_step["in_from_ns"].is_null(), "{first_step}");
    });
}

/// A listener that waits for data (`TCP_DEFER_ACCEPT`) leaves a request what it is until there are some.
#[test]
fn a_request_goes_on_as_a_connection() {
    in_a_namespace(|| {
        let (server, client) = (Actor::new("server"), Actor::new("client"));
        let listener = server.tell("listen l 127.0.0.1:0");
        server.order("defer l");
        let opened = client.tell(&format!("connect c {}", listener.local));
        let request = wait_for("the request", || ss::all().into_iter().find(|line| line.state == "SYN_RECV"));
        let tracer = Tracer::start(&[]);
        tracer.wait_for("the snapshot", |record| record["socket"] == *opened.cookie);
        client.order("send c");
        let accepted = server.tell("accept l s");
        assert_eq!(accepted.cookie, request.cookie);
        client.order("close c");
        tracer.wait_for_step(&accepted.cookie, "CLOSE_WAIT");
        let trace = tracer.finish();
        trace.assert_life(
            &accepted,
            &[
                "socket:SYN_RECV - - -",
                "SYN_RECV>ESTABLISHED softirq server/listener -",
                "ESTABLISHED>CLOSE_WAIT softirq server/acceptor fin_received",
            ],
        );
        let connection = |cookie: &str| trace.of_socket(cookie)[0]["connection"].clone();
        assert_eq!(connection(&opened.cookie), connection(&accepted.cookie));
    });
}

/// `Trace::check` finds what is told twice, out of order, or with a step missing.
#[test]
fn a_trace_that_begins_amid_a_flood_misses_nothing() {
    in_a_namespace(|| {
        let (server, client) = (Actor::new("server"), Actor::new("client"));
        let listener = server.tell("listen l 127.0.0.1:0");
        for _ in 0..5 {
            let tracer = Tracer::launch(&[]);
            wait_for("a life that ends", || {
                server.begin("serve l 100");
                client.begin(&format!("visit {} 100", listener.local));
                assert_eq!([server.answer(), client.answer()], ["done", "done"]);
                tracer.lines().iter().any(|line| line.contains("\"from\":\"LAST_ACK\"")).then_some(())
            });
            let trace = tracer.finish();
            let gaps = trace.records.iter().filter(|record| record["evidence"] == "continuity").count();
            assert!(gaps as u64 <= trace.total("lost"), "{gaps} gaps");
            trace.assert_life(&listener, &["socket:LISTEN - server/procfs -"]);
            // Only the few that were open while it started may have begun before it.
            let sockets = trace.of_type("socket");
            let open = sockets.iter().filter(|record| record["state"] == "ESTABLISHED").count();
            assert!(open as u64 <= 2 + trace.total("lost"), "{open} open, {} lost", trace.total("lost"));
        }
    });
}
