//! Minisockets that only a sock_diag dump shows, and `TIME_WAIT` to its end.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

#[expect(dead_code, reason = "each file of tests uses its part")]
mod harness;

use harness::{
    actor::{Actor, Sock},
    in_a_namespace, ss,
    trace::{Trace, line},
    tracer::Tracer,
};
use serde_json::Value;

/// Milliseconds that the state before lasted.
fn lasted_ms(record: &Value) -> u64 {
    record["in_from_ns"].as_u64().unwrap() / 1_000_000
}

fn set(parameter: &str, value: &str) {
    std::fs::write(format!("/proc/sys/net/ipv4/{parameter}"), value).unwrap();
}

struct Pair {
    client: Actor,
    server: Actor,
    opened: Sock,
}

fn connect() -> Pair {
    let (server, client) = (Actor::new("server"), Actor::new("client"));
    let listener = server.tell("listen l 127.0.0.1:0");
    let opened = client.tell(&format!("connect c {}", listener.local));
    server.tell("accept l s");
    Pair { client, server, opened }
}

/// Where minisockets cannot be seen, the kernel's dump shows them, and the record says so.
#[test]
fn an_orphan_that_only_a_dump_shows() {
    in_a_namespace(|| {
        set("tcp_fin_timeout", "3");
        let tracer = Tracer::start(&["--probe", "tracepoint"]);
        let Pair { client, server, .. } = connect();
        client.order("close c");
        let orphan = tracer.wait_for("the orphan", |record| record["type"] == "orphan");
        let cookie = orphan["socket"].as_str().unwrap();
        let end = tracer.wait_for_step(cookie, "CLOSE");
        assert_eq!(line(&end), "FIN_WAIT2>CLOSE inferred:sock_diag client/syscall -");
        assert!((2_900..30_000).contains(&lasted_ms(&end)), "{end}");
        assert!(ss::all().iter().all(|line| line.state != "FIN_WAIT2"));
        // And one that gets its FIN.
        client.tell(&format!("connect d {}", server.tell("listen m 127.0.0.1:0").local));
        server.tell("accept m t");
        client.order("close d");
        let is_second = |record: &Value| record["type"] == "orphan" && record["socket"] != cookie;
        let second = tracer.wait_for("the second orphan", is_second);
        server.order("close t");
        let closed = tracer.wait_for_step(second["socket"].as_str().unwrap(), "TIME_WAIT");
        assert_eq!(line(&closed), "FIN_WAIT2>TIME_WAIT inferred:peer_closed client/syscall fin_received");
        assert!(tracer.finish().of_type("start")[0]["sees"].as_array().unwrap().is_empty());
    });
}

/// The FIN to an orphan is reported at once: the minisocket's timer, whose new end falls into the old one's slot,
/// reports nothing of it.
#[test]
fn the_fin_to_an_orphan() {
    in_a_namespace(|| {
        let tracer = Tracer::start(&[]);
        let Pair { client, server, opened } = connect();
        client.order("close c");
        tracer.wait_for("the orphan", |record| record["type"] == "orphan");
        server.order("close s");
        let closed = tracer.wait_for_step(&opened.cookie, "TIME_WAIT");
        let acknowledged = tracer.wait_for("the ACK of the FIN", |record| record["from"] == "LAST_ACK");
        let trace = tracer.finish();
        let times = [&closed, &acknowledged].map(|record| record["mono_ns"].as_u64().unwrap());
        let told = line(&closed);
        if trace.sees("orphan_fins") {
            assert_eq!(told, "FIN_WAIT2>TIME_WAIT softirq client/syscall fin_received");
            assert!(times[0] < times[1], "the FIN comes before its ACK: {times:?}");
            assert_eq!(closed["in_from_ns"].as_u64(), Some(times[0] - orphaned(&trace, &opened)));
        } else {
            let seen = told == "FIN_WAIT2>TIME_WAIT softirq client/syscall fin_received";
            let inferred = told == "FIN_WAIT2>TIME_WAIT inferred:peer_closed client/syscall fin_received";
            assert!(seen || inferred && times[0] == times[1], "{told} {times:?}");
        }
    });
}

/// When it entered `FIN_WAIT2`.
fn orphaned(trace: &Trace, sock: &Sock) -> u64 {
    let entered = |record: &&&Value| record["to"] == "FIN_WAIT2";
    trace.of_socket(&sock.cookie).iter().find(entered).unwrap()["mono_ns"].as_u64().unwrap()
}

/// `TCP_TIMEWAIT_LEN` is 60 s on every Linux; nothing makes it shorter.
#[test]
fn time_wait_to_its_end() {
    in_a_namespace(|| {
        let tracer = Tracer::start(&[]);
        let Pair { client, server, opened, .. } = connect();
        client.order("close c");
        assert_eq!(server.speak("receive s"), "received 0");
        server.order("close s");
        ss::wait(&opened, "TIME_WAIT");
        std::thread::sleep(std::time::Duration::from_secs(50));
        assert_eq!(ss::of(&opened).unwrap().state, "TIME_WAIT");
        let end = tracer.wait_for_step(&opened.cookie, "CLOSE");
        assert!(ss::of(&opened).is_none());
        assert_eq!(line(&end), "TIME_WAIT>CLOSE softirq client/syscall elapsed");
        assert!((59_900..66_000).contains(&lasted_ms(&end)), "{end}");
        let trace = tracer.finish();
        trace.assert_as_ss_says();
    });
}
