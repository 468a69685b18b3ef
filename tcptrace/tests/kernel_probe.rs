//! The two hooks side by side, and what is left when the kernel shows no BTF.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

#[expect(dead_code, reason = "each file of tests uses its part")]
mod harness;

use std::process::Command;

use harness::{
    actor::Actor,
    in_a_namespace, ss,
    trace::{Trace, line},
    tracer::{Tracer, ran, tcptrace},
};
use serde_json::Value;

/// Opens and closes in lockstep: a half-close, an orphan, a reset, a refusal. The actors stay until all is told.
fn play(tracer: &Tracer) -> [Actor; 2] {
    let (server, client) = (Actor::new("server"), Actor::new("client"));
    for actor in [&server, &client] {
        // Without BTF a name is the thread's, not the process's.
        actor.order("name-thread");
    }
    let address = server.tell("listen l 127.0.0.1:0").local;
    let opened = client.tell(&format!("connect c {address}"));
    let accepted = server.tell("accept l s");
    client.order("shutdown c");
    ss::wait(&opened, "FIN_WAIT2");
    ss::wait(&accepted, "CLOSE_WAIT");
    server.order("close s");
    client.order("close c");
    let opened = client.tell(&format!("connect c {address}"));
    let accepted = server.tell("accept l s");
    server.order("close s");
    ss::wait(&accepted, "FIN_WAIT2");
    ss::wait(&opened, "CLOSE_WAIT");
    client.tell(&format!("connect d {address}"));
    server.tell("accept l t");
    server.order("linger0 t");
    server.order("close t");
    let nobody = server.tell("listen n 127.0.0.1:0").local;
    server.order("close n");
    assert!(client.speak(&format!("connect e {nobody}")).starts_with("error"));
    let six = server.tell("listen m [::1]:0");
    client.tell(&format!("connect f {}", six.local));
    server.order("close l");
    // Everything has been told once the last one is: one ring buffer for all.
    let last =
        |r: &Value| r["from"] == "LISTEN" && r["to"] == "CLOSE" && r["local"]["port"] == address.port();
    tracer.wait_for("the end of the listener", last);
    [server, client]
}

/// Part of a record on which both hooks must agree, whatever they know of the kernel's structures.
fn bare(record: &Value) -> String {
    let step = line(record);
    let step = step.split(' ').next().unwrap();
    format!("{step} {} {} {}", record["family"], record["local"], record["remote"])
}

/// The records that both hooks have events for: a segment that a slow machine sends again is no such. With BTF the step into SYN_RECV is told when the SYN comes, without it
/// when the handshake is over: so these stand at the end.
fn arranged(trace: &Trace) -> Vec<&Value> {
    let both = |record: &&Value| {
        record["socket"].is_string() && record["evidence"] != "peer_closed" && record["type"] != "retransmit"
    };
    let (opened, mut others): (Vec<_>, Vec<_>) =
        trace.records.iter().filter(both).partition(|record| record["to"] == "SYN_RECV");
    others.extend(opened);
    others
}

fn compare(one: &Trace, other: &Trace, how: impl Fn(&Value) -> String) {
    let lines = |trace: &Trace| -> Vec<String> { arranged(trace).into_iter().map(&how).collect() };
    assert_eq!(lines(one), lines(other));
}

#[test]
fn side_by_side_they_tell_the_same() {
    in_a_namespace(|| {
        let btf = Tracer::start(&["--probe", "btf"]);
        let classic = Tracer::start(&["--probe", "tracepoint"]);
        let _actors = play(&btf);
        let (btf, classic) = (btf.finish(), classic.finish());
        assert_eq!(btf.of_type("start")[0]["probe"], "btf");
        assert_eq!(classic.of_type("start")[0]["probe"], "tracepoint");
        compare(&btf, &classic, bare);
        // Where there is BTF the classic hook reads the same fields through the socket's address. All but the cookie:
        // the kernel makes one when somebody asks for it, and this hook may not.
        // And what only minisockets show: that a SYN has come, and which minisocket took over, in whose context.
        compare(&btf, &classic, |record| {
            let line = line(record);
            let words: Vec<&str> = line.split(' ').collect();
            let (context, cause) = match (&record["type"], &record["to"]) {
                (_, to) if to == "SYN_RECV" => (words[1], "*"),
                (r#type, to) if r#type == "orphan" || to == "TIME_WAIT" => ("*", words[3]),
                _ => (words[1], words[3]),
            };
            // Who accepts is seen with `tp_btf` alone.
            let owner = words[2].replace("/accept", "/listener");
            format!("{} {context} {owner} {cause} {}", bare(record), record["netns"])
        });
    });
}

/// In a mount namespace in which the kernel shows no BTF.
fn without_btf() -> Command {
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", "mount -t tmpfs none /sys/kernel/btf && exec \"$0\" \"$@\""]);
    command.arg(tcptrace().get_program());
    command
}

#[test]
fn without_btf_the_classic_hook_steps_in_and_says_so() {
    in_a_namespace(|| {
        let mut command = without_btf();
        command.args(["--format", "json"]);
        let classic = Tracer::spawn(command, true).attached();
        let btf = Tracer::start(&[]);
        let _actors = play(&btf);
        let (btf, classic) = (btf.finish(), classic.finish());
        let start = classic.of_type("start")[0];
        assert_eq!(start["probe"], "tracepoint");
        assert!(start["probe_fallback"].as_str().unwrap().contains("BTF"), "{start}");
        let said =
            classic.err.lines().filter(|line| line.contains("BTF") && line.contains("classic tracepoint"));
        assert_eq!(said.count(), 1, "{}", classic.err);

        // Without BTF nobody knows the namespaces, so all of the host was traced: pick out what we made.
        let ours = |record: &&&Value| {
            btf.records.iter().any(|b| b["local"] == record["local"] && b["remote"] == record["remote"])
        };
        let sockets = arranged(&classic);
        let told: Vec<&Value> = sockets.iter().filter(ours).copied().collect();
        for record in &told {
            for unknown in ["netns", "context", "cause", "signal"] {
                assert!(record[unknown].is_null(), "{unknown}: {record}");
            }
            assert!(record["socket"].as_str().unwrap().starts_with('~'), "{record}");
        }
        // The steps are the same, as the tracepoint words them; so are the owners, as far as steps alone can prove them.
        let (mut connections, mut of_btf) = (Vec::new(), Vec::new());
        for record in arranged(&btf) {
            let words = bare(record)
                .replace("FIN_WAIT2>TIME_WAIT", "FIN_WAIT2>CLOSE")
                .replace("orphan:FIN_WAIT2", "FIN_WAIT2>CLOSE");
            of_btf.push(format!("{words} {}", record["process"]["comm"]));
            connections.push(&record["connection"]);
        }
        let of_classic: Vec<String> =
            told.iter().map(|record| format!("{} {}", bare(record), record["process"]["comm"])).collect();
        assert_eq!(of_classic, of_btf);
        // And the ends find each other.
        let paired = |a: usize, b: usize| {
            (told[a]["connection"] == told[b]["connection"]) == (connections[a] == connections[b])
        };
        for (a, b) in (0..told.len()).flat_map(|a| (0..a).map(move |b| (a, b))) {
            assert!(paired(a, b), "{} and {}", told[a], told[b]);
        }
    });
}

#[test]
fn a_probe_that_cannot_be_had_is_an_error_with_a_next_step() {
    in_a_namespace(|| {
        let mut command = without_btf();
        let btf = ran(command.args(["--probe", "btf"]));
        assert_eq!((btf.code, &*btf.out), (Some(3), ""), "{}", btf.err);
        assert!(btf.err.contains("BTF"), "{}", btf.err);
        assert_eq!(btf.err.trim().lines().count(), 1, "{}", btf.err);

        let mut command = Command::new("unshare");
        let hide = "mount -t tmpfs none /sys/kernel/tracing; mount -t tmpfs none /sys/kernel/debug; exec \"$0\" \"$@\"";
        command.args(["--mount", "sh", "-c", hide]).arg(tcptrace().get_program());
        let classic = ran(command.args(["--probe", "tracepoint"]));
        assert_eq!((classic.code, &*classic.out), (Some(3), ""), "{}", classic.err);
        println!("{}{}", btf.err, classic.err);
        assert!(classic.err.contains("sock:inet_sock_set_state"), "{}", classic.err);
        assert!(classic.err.contains("tracefs"), "{}", classic.err);
        assert_eq!(classic.err.trim().lines().count(), 1, "{}", classic.err);
    });
}
