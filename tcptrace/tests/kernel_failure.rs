//! Connections that end badly: nobody answers, there is no way, somebody else destroys them, data is left unread.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

#[expect(dead_code, reason = "each file of tests uses its part")]
mod harness;

use std::process::Command;

use harness::{
    actor::{Actor, Sock},
    in_a_namespace, run, skip, ss,
    tracer::Tracer,
    veth,
};

struct Pair {
    client: Actor,
    server: Actor,
    opened: Sock,
    accepted: Sock,
}

fn connect() -> Pair {
    let (server, client) = (Actor::new("server"), Actor::new("client"));
    let listener = server.tell("listen l 127.0.0.1:0");
    let opened = client.tell(&format!("connect c {}", listener.local));
    let accepted = server.tell("accept l s");
    Pair { client, server, opened, accepted }
}

/// A link on which nobody answers.
fn link() {
    run("ip", &["address", "add", "192.0.2.1/24", "dev", "v0"]);
    for end in ["v0", "v1"] {
        run("ip", &["link", "set", end, "up"]);
    }
}

#[test]
fn nobody_answers() {
    in_a_namespace(|| {
        if !veth(&[]) {
            return;
        }
        link();
        // Somebody is said to be there, but is not.
        run("ip", &["neighbour", "add", "192.0.2.9", "lladdr", "02:00:00:00:00:09", "dev", "v0"]);
        std::fs::write("/proc/sys/net/ipv4/tcp_syn_retries", "1").unwrap();
        let tracer = Tracer::start(&[]);
        let client = Actor::new("client");
        assert_eq!(client.speak("connect c 192.0.2.9:80"), format!("error {}", libc::ETIMEDOUT));
        tracer.wait_for("the end", |record| record["to"] == "CLOSE");
        let trace = tracer.finish();
        let lines: Vec<_> = trace.of_type("transition").into_iter().map(harness::trace::line).collect();
        assert_eq!(
            lines,
            ["CLOSE>SYN_SENT process client/syscall -", "SYN_SENT>CLOSE softirq client/syscall timed_out"]
        );
        assert!(trace.of_type("transition")[1]["in_from_ns"].as_u64().unwrap() > 900_000_000);
    });
}

#[test]
fn there_is_no_way() {
    in_a_namespace(|| {
        if !veth(&[]) {
            return;
        }
        link();
        let tracer = Tracer::start(&[]);
        let client = Actor::new("client");
        assert_eq!(client.speak("connect c 192.0.2.9:80"), format!("error {}", libc::EHOSTUNREACH));
        tracer.wait_for("the end", |record| record["to"] == "CLOSE");
        let trace = tracer.finish();
        let lines: Vec<_> = trace.of_type("transition").into_iter().map(harness::trace::line).collect();
        assert_eq!(
            lines,
            [
                "CLOSE>SYN_SENT process client/syscall -",
                &format!("SYN_SENT>CLOSE softirq client/syscall unreachable:{}", libc::EHOSTUNREACH)
            ]
        );
    });
}

/// `ss -K` ends it from outside: the owner stays who it was, and `ss` is not said to be it.
#[test]
fn somebody_else_destroys_it() {
    in_a_namespace(|| {
        let tracer = Tracer::start(&[]);
        let Pair { client: _client, server: _server, opened, accepted } = connect();
        let killed =
            Command::new("ss").args(["-KtnH", "sport", "=", &opened.local.port().to_string()]).output();
        let killed = String::from_utf8(killed.unwrap().stdout).unwrap();
        if ss::of(&opened).is_some() {
            skip(&format!("this kernel destroys no sockets (CONFIG_INET_DIAG_DESTROY): {killed}"));
            return;
        }
        tracer.wait_for_step(&accepted.cookie, "CLOSE");
        let trace = tracer.finish();
        assert_eq!(trace.life(&opened)[2..], ["ESTABLISHED>CLOSE process client/syscall destroyed"]);
        let reset = format!("ESTABLISHED>CLOSE softirq server/{} reset_received", trace.acceptor());
        assert_eq!(trace.life(&accepted)[2..], [reset]);
    });
}

/// A close with data that nobody read is a reset.
#[test]
fn data_is_left_unread() {
    in_a_namespace(|| {
        let tracer = Tracer::start(&[]);
        let Pair { client, server, opened, accepted } = connect();
        client.order("send c");
        server.order("wait s");
        server.order("close s");
        tracer.wait_for_step(&opened.cookie, "CLOSE");
        let trace = tracer.finish();
        assert_eq!(trace.life(&accepted)[2..], ["ESTABLISHED>CLOSE process server/syscall unread_data"]);
        assert_eq!(trace.life(&opened)[2..], ["ESTABLISHED>CLOSE softirq client/syscall reset_received"]);
    });
}

/// The peer is gone for good by the time that the other side closes: LAST_ACK never gets its ACK, but a reset.
#[test]
fn an_orphan_is_given_up_before_the_peer_closes() {
    in_a_namespace(|| {
        std::fs::write("/proc/sys/net/ipv4/tcp_fin_timeout", "1").unwrap();
        let tracer = Tracer::start(&[]);
        let Pair { client, server, opened, accepted } = connect();
        client.order("close c");
        tracer.wait_for("the orphan", |record| record["type"] == "orphan");
        harness::wait_for("the end of the orphan", || ss::of(&opened).is_none().then_some(()));
        server.order("close s");
        tracer.wait_for_step(&accepted.cookie, "CLOSE");
        let trace = tracer.finish();
        assert_eq!(
            trace.life(&accepted)[2..4],
            [
                &format!("ESTABLISHED>CLOSE_WAIT softirq server/{} fin_received", trace.acceptor()),
                "CLOSE_WAIT>LAST_ACK process server/syscall close"
            ]
        );
        let last = trace.life(&accepted).pop().unwrap();
        assert!(
            last.starts_with("LAST_ACK>CLOSE ") && last.ends_with(" server/syscall reset_received"),
            "{last}"
        );
    });
}

/// Why a connection ended whose other end was suddenly nowhere, after the client has done as it was told.
fn end_of_a_peer_that_vanished(orders: &'static [&'static str], cause: &'static str) {
    in_a_namespace(move || {
        if !veth(&[]) {
            return;
        }
        link();
        // It has the address for a while; then all that is sent there leaves the host and comes to nothing.
        run("ip", &["neighbour", "add", "192.0.2.9", "lladdr", "02:00:00:00:00:09", "dev", "v0"]);
        run("ip", &["address", "add", "192.0.2.9/32", "dev", "lo"]);
        std::fs::write("/proc/sys/net/ipv4/tcp_retries2", "2").unwrap();
        let tracer = Tracer::start(&[]);
        let (server, client) = (Actor::new("server"), Actor::new("client"));
        let listener = server.tell("listen l 192.0.2.9:0");
        let opened = client.tell(&format!("connect c {}", listener.local));
        server.tell("accept l s");
        run("ip", &["address", "delete", "192.0.2.9/32", "dev", "lo"]);
        for order in orders {
            client.order(order);
        }
        tracer.wait_for_step(&opened.cookie, "CLOSE");
        let trace = tracer.finish();
        let expected = format!("ESTABLISHED>CLOSE softirq client/syscall {cause}");
        assert_eq!(trace.life(&opened)[2..], [expected], "{:#?}", trace.lines());
    });
}

#[test]
fn sent_again_in_vain() {
    end_of_a_peer_that_vanished(&["send c"], "retransmission_timeout");
}

#[test]
fn keepalive_without_an_answer() {
    end_of_a_peer_that_vanished(&["keepalive c"], "keepalive_timeout");
}

#[test]
fn the_time_that_the_process_set() {
    end_of_a_peer_that_vanished(&["user-timeout c", "send c"], "user_timeout");
}
