//! JSON of real traffic: as the schema says, and as programs that know nothing of us can read it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

#[expect(dead_code, reason = "each file of tests uses its part")]
mod harness;
#[path = "schema/validator.rs"]
mod validator;

use std::{ffi::OsStr, io::Write as _, net::TcpListener, os::unix::ffi::OsStrExt as _, process::Command};

use harness::{
    actor::Actor,
    in_a_namespace, skip,
    tracer::{Tracer, ran, tcptrace},
};
use rustix::process::Signal;
use serde_json::Value;

/// Names that break lines, quotes, terminals and UTF-8.
const SERVER: &[u8] = b"s\n\"\x1b[1m\xff{\\";
const CLIENT: &[u8] = "c\u{202e}\u{2028}\u{85}\t".as_bytes();

/// Output of `list` and of a trace about the ways in and out that loopback has, and a little from the classic hook.
struct Written {
    list: String,
    trace: String,
    classic: String,
}

impl Written {
    fn all(&self) -> String {
        format!("{}{}{}", self.list, self.trace, self.classic)
    }
}

fn write() -> Written {
    let actor = |name| Actor::new(OsStr::from_bytes(name));
    let (server, client, victim) = (actor(SERVER), actor(CLIENT), actor(b"victim"));
    let connect = |client: &Actor, name: &str, listener: &str| {
        let opened = client.tell(&format!("connect {name} {listener}"));
        (
            opened,
            server.tell(&format!("accept {} {name}", if listener.starts_with('[') { "l6" } else { "l" })),
        )
    };
    let v4 = server.tell("listen l 127.0.0.1:0").local.to_string();
    let v6 = server.tell("listen l6 [::1]:0").local.to_string();
    let before = connect(&client, "before", &v4);

    let tracer = Tracer::start(&[]);
    // `ss` is no witness here: it prints the newline in a name as it is.
    // Both ends send their FIN while they have a process: TIME_WAIT is told.
    let in_order = connect(&client, "in_order", &v4);
    client.order("shutdown in_order");
    tracer.wait_for_step(&in_order.1.cookie, "CLOSE_WAIT");
    server.order("close in_order");
    tracer.wait_for_step(&in_order.0.cookie, "TIME_WAIT");
    // One end still has its process, then none.
    let half = connect(&client, "half", &v6);
    client.order("shutdown half");
    tracer.wait_for_step(&half.0.cookie, "FIN_WAIT2");
    let orphan = connect(&victim, "orphan", &v4);
    let reset = connect(&client, "reset", &v6);
    client.order("linger0 reset");
    client.order("close reset");
    victim.kill(Signal::TERM);
    tracer
        .wait_for("the orphan", |record| record["type"] == "orphan" && record["socket"] == *orphan.0.cookie);
    let nobody = client.tell("bind nobody 127.0.0.1:0").local;
    assert_eq!(client.speak(&format!("connect refused {nobody}")), "error 111");
    client.order("close before");
    tracer.wait_for_step(&before.1.cookie, "CLOSE_WAIT");
    tracer.wait_for_step(&reset.1.cookie, "CLOSE");

    let list = ran(tcptrace().args(["list", "--format", "json", "--netns", "self"]));
    assert_eq!(list.code, Some(0), "{}", list.err);
    let trace = tracer.finish().text + "\n";

    // The classic hook knows a cookie only if somebody has asked for it, as actors do, and other tracers: of one of several
    // listeners nobody has.
    let tracer = Tracer::start(&["--probe", "tracepoint"]);
    let nameless: Vec<_> = (0..8).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    let last = nameless[7].local_addr().unwrap().port();
    tracer.wait_for("the listeners", |record| record["to"] == "LISTEN" && record["local"]["port"] == last);
    Written { list: list.out, trace, classic: tracer.finish().text + "\n" }
}

#[test]
fn real_traffic_is_as_the_schema_says() {
    in_a_namespace(|| {
        let written = write();
        validator::assert_valid("real_traffic_is_as_the_schema_says", written.all().as_bytes());

        // Nothing is proved by lines that are not there.
        let (list, trace, classic) =
            (records(&written.list), records(&written.trace), records(&written.classic));
        for kind in ["start", "socket", "transition", "orphan", "end"] {
            assert!(trace.iter().any(|record| record["type"] == kind), "{kind}: {}", written.trace);
        }
        for cause in
            ["close", "shutdown", "killed", "fin_received", "reset_received", "linger_zero", "refused"]
        {
            assert!(trace.iter().any(|record| record["cause"] == cause), "{cause}: {}", written.trace);
        }
        for family in ["ipv4", "ipv6"] {
            assert!(trace.iter().any(|record| record["family"] == family), "{family}");
        }
        for state in ["LISTEN", "CLOSE_WAIT", "FIN_WAIT2", "TIME_WAIT"] {
            assert!(list.iter().any(|record| record["state"] == state), "{state}: {}", written.list);
        }
        assert!(list.iter().any(|record| record["timer"]["kind"] == "timewait"), "{}", written.list);
        let serial = |record: &Value| record["socket"].as_str().is_some_and(|id| id.starts_with('~'));
        assert!(classic.iter().any(serial), "{}", written.classic);
        for name in [SERVER, CLIENT] {
            let name = String::from_utf8_lossy(name);
            let named = |record: &Value| record["process"]["comm"] == *name;
            assert!(trace.iter().any(named) && list.iter().any(named), "{name:?}: {}", written.trace);
        }
    });
}

#[test]
fn programs_that_do_not_know_us_read_the_same() {
    in_a_namespace(|| {
        let text = write().all();
        let records = records(&text);

        // `splitlines` ends a line at more characters than any other reader.
        let python = "import json, sys\n\
                      for line in sys.stdin.read().splitlines(): print(json.dumps(json.loads(line)))";
        if let Some(out) = read_by("python3", &["-X", "utf8", "-c", python], &text) {
            assert_eq!(self::records(&out), records);
        }
        if let Some(out) = read_by("jq", &["--compact-output", "."], &text) {
            assert_eq!(self::records(&out), records);
        }
        if let Some(out) =
            read_by("jq", &["select(.type == \"end\") | .seen == .shown + .filtered + .lost"], &text)
        {
            assert_eq!(out, "true\ntrue\n");
        }
        // Miller flattens: `process.pid` is a column.
        let verbs = [
            "filter",
            "$type == \"transition\"",
            "then",
            "flatten",
            "then",
            "template",
            "-f",
            "socket,from,to,process.pid",
        ];
        if let Some(out) =
            read_by("mlr", &[&["--ijsonl", "--ocsv", "--headerless-csv-output"], &verbs[..]].concat(), &text)
        {
            let word = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let told: Vec<_> = records
                .iter()
                .filter(|record| record["type"] == "transition")
                .map(|record| {
                    let pid = record.pointer("/process/pid").map(word).unwrap_or_default();
                    format!(
                        "{},{},{},{pid}",
                        word(&record["socket"]),
                        word(&record["from"]),
                        word(&record["to"])
                    )
                })
                .collect();
            assert_eq!(out.lines().collect::<Vec<_>>(), told);
        }
    });
}

fn records(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Output of a program that reads the text; `None`, and a line in the log of skipped tests, where it is not installed.
fn read_by(program: &str, arguments: &[&str], text: &str) -> Option<String> {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    std::io::Seek::rewind(&mut file).unwrap();
    match Command::new(program).args(arguments).stdin(file).output() {
        Ok(output) => {
            let complaint = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{program}: {complaint}");
            Some(String::from_utf8(output.stdout).unwrap())
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            skip(&format!("no {program}"));
            None
        }
        Err(error) => panic!("{program}: {error}"),
    }
}
