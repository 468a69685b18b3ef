//! A recording of real traffic: to JSON it gives the same bytes, to text what was told live at the same time.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

#[expect(dead_code, reason = "each file of tests uses its part")]
mod harness;

use harness::{
    actor::Actor,
    in_a_namespace,
    tracer::{Tracer, ran, tcptrace},
};

/// Words that do not depend on the tracer's own clock: two programs in the kernel take two times for one event.
fn timeless(text: &str) -> Vec<String> {
    let is_time = |word: &&str| {
        let number = word.trim_start_matches('+').trim_end_matches(',');
        number.parse::<f64>().is_ok()
            || ["ns", "µs", "ms", "s"].contains(&word.trim_end_matches(','))
            || word.matches(':').count() == 2
    };
    // What is left of the sockets now is the kernel's word, and a recording does not have it.
    let is_now =
        |line: &&str| ["now", "at the end", "                1"].iter().any(|begin| line.starts_with(begin));
    let words =
        |line: &str| line.split_whitespace().filter(|word| !is_time(word)).collect::<Vec<_>>().join(" ");
    let mut lines: Vec<_> = text.lines().filter(|line| !is_now(line)).map(words).collect();
    // Nor in the same order, if two CPUs took them within a microsecond.
    lines.sort();
    lines
}

#[test]
fn a_recording_tells_what_was_told_live() {
    in_a_namespace(|| {
        let (server, client) = (Actor::new("server"), Actor::new("client"));
        let address = server.tell("listen l 127.0.0.1:0").local.to_string();
        let (text, json) = (Tracer::start_text(&[]), Tracer::start(&[]));
        for (name, how) in [("a", "shutdown a"), ("b", "close b")] {
            let opened = client.tell(&format!("connect {name} {address}"));
            let accepted = server.tell(&format!("accept l {name}"));
            client.order(how);
            json.wait_for_step(&accepted.cookie, "CLOSE_WAIT");
            server.order(&format!("close {name}"));
            json.wait_for_step(&opened.cookie, "TIME_WAIT");
        }
        let (live, recorded) = (text.finish().text, json.finish().text + "\n");
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &recorded).unwrap();
        let replayed = |options: &[&str]| {
            let ran = ran(tcptrace().arg("replay").arg(file.path()).args(options));
            assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
            ran.out
        };
        assert_eq!(replayed(&["-f", "json"]), recorded);
        assert_eq!(timeless(&replayed(&[])), timeless(&live));
    });
}
