//! Filters: many tracers watch the same sockets, and each must tell what it was asked for and nothing else.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

#[expect(dead_code, reason = "each file of tests uses its part")]
mod harness;

use std::{net::TcpStream, thread, time::Duration};

use harness::{
    actor::Actor,
    in_a_namespace, run, ss,
    trace::{Trace, line},
    tracer::{Tracer, tcptrace},
    wait_for,
};
use serde_json::Value;

/// Ports that the kernel gives to clients here, so that a filter can ask for them.
const CLIENTS: std::ops::RangeInclusive<u64> = 40_000..=40_099;

type Wanted = fn(&Value) -> bool;

fn port(end: &Value) -> u64 {
    end["port"].as_u64().unwrap_or(0)
}

/// The records about sockets that are wanted, as lines; but not those that a tracer concludes from the other end, which
/// another one may not be allowed to see.
fn told(trace: &Trace, wanted: Wanted) -> Vec<String> {
    let own = |record: &&Value| record["socket"].is_string() && record["evidence"] != "peer_closed";
    let sockets = trace.records.iter().filter(own);
    let wanted = sockets.filter(|record| wanted(&with_both_states(record)));
    let mut told: Vec<_> = wanted.map(|record| (record["socket"].to_string(), line(record))).collect();
    // A record that waits for a port is told after those of the other end.
    told.sort_by(|one, other| one.0.cmp(&other.0));
    told.into_iter().map(|(socket, line)| format!("{socket} {line}")).collect()
}

/// An orphan has one state, which it neither leaves nor enters: both fields say it.
fn with_both_states(record: &Value) -> Value {
    let mut record = record.clone();
    if record["type"] == "orphan" {
        (record["from"], record["to"]) = (record["state"].clone(), record["state"].clone());
    }
    record
}

#[test]
fn each_tells_what_it_was_asked_for() {
    in_a_namespace(|| {
        std::fs::write("/proc/sys/net/ipv4/ip_local_port_range", "40000 40099").unwrap();
        let (server, client, other) = (Actor::new("server"), Actor::new("client"), Actor::new("other"));
        let pid = other.pid().to_string();
        let by_pid = |record: &Value| record["process"]["comm"] == "other";
        let cases: &[(&[&str], Wanted)] = &[
            (&["--port", "7001"], |r| port(&r["local"]) == 7001 || port(&r["remote"]) == 7001),
            (&["--port", "7002,7001"], |r| {
                [7001, 7002].contains(&port(&r["local"])) || [7001, 7002].contains(&port(&r["remote"]))
            }),
            (&["--local-port", "7001"], |r| port(&r["local"]) == 7001),
            (&["--remote-port", "7001"], |r| port(&r["remote"]) == 7001),
            // Neither end of a client's first event has this port yet: it must not be lost.
            (&["--port", "40000-40099"], |r| port(&r["local"]) == 0 || !r["connection"].is_null()),
            (&["--local-port", "40000-40099"], |r| {
                r["from"] == "CLOSE" && r["to"] == "SYN_SENT" || CLIENTS.contains(&port(&r["local"]))
            }),
            (&["-4"], |r| r["family"] == "ipv4"),
            (&["-6"], |r| r["family"] == "ipv6"),
            (&["--addr", "127.0.0.2"], |r| {
                r["local"]["address"] == "127.0.0.2" || r["remote"]["address"] == "127.0.0.2"
            }),
            (&["--addr", "127.0.0.0/8"], |r| r["family"] == "ipv4"),
            (&["--comm", "other"], |r| r["process"]["comm"] == "other"),
            (&["--comm", "other,server", "-6"], |r| {
                r["family"] == "ipv6" && (r["process"]["comm"] == "other" || r["process"]["comm"] == "server")
            }),
            (&["--pid", &pid], by_pid),
            (&["--state", "close-wait,LISTEN"], |r| {
                [&r["from"], &r["to"]]
                    .iter()
                    .any(|state| ["CLOSE_WAIT", "LISTEN"].contains(&state.as_str().unwrap()))
            }),
            (&["--port", "9"], |_| false),
        ];
        let all = Tracer::start(&[]);
        let filtered: Vec<Tracer> = cases.iter().map(|(arguments, _)| Tracer::launch(arguments)).collect();
        let filtered: Vec<Tracer> = filtered.into_iter().map(Tracer::attached).collect();

        for (name, address) in [("a", "127.0.0.1:7001"), ("b", "127.0.0.2:7002"), ("c", "[::1]:7003")] {
            server.tell(&format!("listen {name} {address}"));
            for who in [&client, &other] {
                let opened = who.tell(&format!("connect {name} {address}"));
                server.tell(&format!("accept {name} s"));
                who.order(&format!("close {name}"));
                all.wait_for_step(&opened.cookie, "FIN_WAIT2");
                ss::wait_for_minisocket(&opened);
                all.wait_for("the orphan", |r| r["socket"] == *opened.cookie && r["type"] == "orphan");
                server.order("close s");
                all.wait_for("its end", |r| {
                    r["from"] == "LAST_ACK" && port(&r["remote"]) == u64::from(opened.local.port())
                });
            }
        }
        let all = all.finish();
        // The end of an orphan's wait is one more if its timer shows it, which takes a chance; on a slow machine that is so
        // late that TIME_WAIT is inferred, and its end shown.
        let seen_going = |record: &&&Value| {
            ["FIN_WAIT2", "TIME_WAIT"].iter().any(|state| record["from"] == *state)
                && record["context"] == "softirq"
        };
        let by_chance = all.of_type("transition").iter().filter(seen_going).count() as u64;
        let shown = all.total("shown") - by_chance;
        assert_eq!(shown, 3 + 6 * 10, "{:#?}", all.lines());
        let traces: Vec<Trace> = filtered.into_iter().map(Tracer::finish).collect();
        for ((arguments, wanted), trace) in cases.iter().zip(traces) {
            assert_eq!(told(&trace, |_| true), told(&all, *wanted), "{arguments:?}");
            assert!(trace.total("filtered") + trace.total("shown") >= shown, "{arguments:?}");
            assert!(!trace.of_type("start")[0]["filter"].as_str().unwrap().is_empty(), "{arguments:?}");
        }
    });
}

#[test]
fn a_network_namespace_by_each_of_its_names() {
    in_a_namespace(|| {
        let name = format!("tcptrace-test-{}-filter", std::process::id());
        run("ip", &["netns", "add", &name]);
        run("ip", &["-n", &name, "link", "set", "lo", "up"]);
        let inside = Actor::inside(&["ip", "netns", "exec", &name], "inside");
        let outside = Actor::new("outside");
        let inode = std::fs::metadata(format!("/run/netns/{name}"))
            .map(|file| std::os::unix::fs::MetadataExt::ino(&file).to_string());
        let inode = inode.unwrap();
        let path = format!("/proc/{}/ns/net", inside.pid());
        let tracers = [&name, &inode, &path].map(|netns| {
            let mut command = tcptrace();
            command.args(["--format", "json", "--netns", netns]);
            Tracer::spawn(command, true).attached()
        });
        let there = inside.tell("listen l 127.0.0.1:0");
        let here = outside.tell("listen l 127.0.0.1:0");
        for tracer in tracers {
            tracer.wait_for_step(&there.cookie, "LISTEN");
            let trace = tracer.finish();
            trace.assert_life(&there, &["CLOSE>LISTEN process inside/syscall -"]);
            assert!(trace.of_socket(&here.cookie).is_empty());
            assert_eq!(trace.of_socket(&there.cookie)[0]["netns"], *inode);
            assert_eq!(trace.total("shown"), 1);
        }
        run("ip", &["netns", "delete", &name]);
    });
}

/// `--count` ends the trace by itself, and never shows more.
#[test]
fn so_many_and_no_more() {
    in_a_namespace(|| {
        let mut tracer = Tracer::start(&["--count", "3"]);
        let server = Actor::new("server");
        for name in ["a", "b", "c", "d", "e"] {
            server.tell(&format!("listen {name} 127.0.0.1:0"));
        }
        let trace = tracer.ended();
        assert_eq!(trace.status.code(), Some(0), "{}", trace.err);
        assert_eq!((trace.total("shown"), trace.of_type("transition").len()), (3, 3));
    });
}

/// A connection that the filter does not match does not even wake a tracer: not for a client either, whose port is not
/// known at its first step.
#[test]
fn other_connections_wake_nobody() {
    in_a_namespace(|| {
        let (asleep, awake) = (Tracer::start(&["--port", "9"]), Tracer::start(&["--port", "9,40000-60000"]));
        let both = || [&asleep, &awake].map(|tracer| switches(tracer.pid()));
        let pause = || thread::sleep(Duration::from_millis(200));
        let rest = || {
            let before = both();
            pause();
            both() == before
        };
        wait_for("them to sleep", || rest().then_some(()));
        let before = both();
        for _ in 0..2 {
            TcpStream::connect("127.0.0.1:1").unwrap_err();
        }
        // What would have woken one has woken the other.
        wait_for("the other one to wake", || (both()[1] > before[1]).then_some(()));
        pause();
        assert_eq!(both()[0], before[0]);
        for tracer in [asleep, awake] {
            let trace = tracer.finish();
            assert!(trace.total("filtered") + trace.total("shown") >= 4, "{}", trace.text);
        }
    });
}

/// How often a process was put to sleep, all threads together. The thread that lists the sockets at the start may end
/// meanwhile.
fn switches(pid: u32) -> u64 {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let of_thread = |thread: std::io::Result<std::fs::DirEntry>| -> Option<u64> {
        let status = std::fs::read_to_string(thread.ok()?.path().join("status")).ok()?;
        let of_line = |line: &str| line.strip_prefix("voluntary_ctxt_switches:")?.trim().parse::<u64>().ok();
        status.lines().find_map(of_line)
    };
    threads.filter_map(of_thread).sum()
}
