//! A crowd of processes that end at once, each with a connection open.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

#[expect(dead_code, reason = "each file of tests uses its part")]
mod harness;

use std::collections::HashSet;

use harness::{actor::Actor, in_a_namespace, slowness, tracer::Tracer, wait_for};
use serde_json::Value;

#[test]
fn each_exit_has_its_own_owner() {
    in_a_namespace(|| {
        let tracer = Tracer::start(&[]);
        let (server, opener) = (Actor::new("server"), Actor::new("opener"));
        let listener = server.tell("listen l 127.0.0.1:0");
        let port = listener.local.port();
        let count = 1000 / slowness();
        let crowd = opener.speak(&format!("gather-crowd {} {count}", listener.local));
        let crowd: HashSet<u64> = crowd.split(' ').map(|pid| pid.parse().unwrap()).collect();
        assert_eq!(crowd.len(), count as usize);
        opener.order("kill-crowd");
        // They are all gone before this one is made, and told before it: one ring buffer for all.
        let last = server.tell("listen last 127.0.0.1:0");
        let last = format!("\"socket\":\"{}\"", last.cookie);
        // As text, because to parse thousands of records again and again takes a test longer than its subject.
        wait_for("the end", || tracer.lines().iter().rev().any(|line| line.contains(&last)).then_some(()));
        let trace = tracer.finish();
        let exit = |record: &&&Value| record["from"] == "ESTABLISHED" && record["remote"]["port"] == port;
        let steps = trace.of_type("transition");
        let exits: Vec<_> = steps.iter().filter(exit).collect();
        for record in &exits {
            let Value::Object(process) = &record["process"] else { panic!("nobody: {record}") };
            assert!(crowd.contains(&process["pid"].as_u64().unwrap()), "{record}");
            assert_eq!((&process["comm"], &record["cause"]), (&"sleep".into(), &"killed".into()), "{record}");
            assert_eq!(record["signal"], "SIGKILL", "{record}");
        }
        let pids: HashSet<_> = exits.iter().map(|record| record["process"]["pid"].as_u64()).collect();
        assert_eq!(pids.len(), exits.len(), "one for each");
        assert!(exits.len() as u64 + trace.total("lost") >= crowd.len() as u64, "{} exits", exits.len());
    });
}
