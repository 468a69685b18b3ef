//! The experiment that all of this is for: a server and a client on port 10050, and Ctrl+C on one of them.
//!
//! Two tracers watch, one for each format, and `ss` says what is left.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

#[expect(dead_code, reason = "each file of tests uses its part")]
mod harness;

use std::{
    io::{BufRead as _, BufReader},
    os::unix::process::CommandExt as _,
    process::{Command, Stdio},
};

use harness::{
    Reaped,
    actor::{self, Sock},
    example::example,
    in_a_namespace, slowness,
    ss::{self, Line},
    trace::Trace,
    tracer::Tracer,
    wait_for,
};
use rustix::process::{Pid, Signal, kill_process};

/// Starts one of them; returns when it has said its first line.
fn start(name: &str, arguments: &[&str]) -> Reaped {
    let mut command = Command::new(example(name));
    command.args(arguments).stdout(Stdio::piped());
    // SAFETY: `signal` may be called between fork and exec.
    unsafe {
        command.pre_exec(|| {
            // What a script runs in the background ignores Ctrl+C, and so do its children.
            libc::signal(libc::SIGINT, libc::SIG_DFL);
            Ok(())
        });
    }
    let mut child = command.spawn().unwrap();
    actor::cast(child.id(), name);
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert!(!line.is_empty(), "{name} did not start");
    Reaped(child)
}

fn interrupt(process: &mut Reaped) {
    let pid = Pid::from_raw(i32::try_from(process.0.id()).unwrap()).unwrap();
    kill_process(pid, Signal::INT).unwrap();
    actor::wait(&mut process.0);
}

/// Waits until `ss` lists a socket of this kind.
fn listed(state: &str, local: bool) -> Line {
    wait_for(&format!("ss to show {state}"), || {
        ss::all().into_iter().find(|line| line.state == state && line.local.ends_with(":10050") == local)
    })
}

/// A trace in both formats, and the sockets of its one connection.
struct Watched {
    json: Trace,
    text: String,
    opened: Sock,
    accepted: Sock,
    listener: Sock,
}

/// Watches a server and a client until they are connected, and what `goes_on` then does with them, until all of `last`
/// is told.
fn watch(
    arguments: [&[&str]; 2],
    last: &[(&str, &str)],
    goes_on: impl FnOnce(&mut Reaped, &mut Reaped, &Sock, &Sock),
) -> Watched {
    let text = Tracer::start_text(&["--port", "10050"]);
    let json = Tracer::start(&["--port", "10050"]);
    let mut server = start("server", arguments[0]);
    let mut client = start("client", arguments[1]);
    let accepted = listed("ESTABLISHED", true).sock();
    wait_for("the server to accept", || ss::of(&accepted).filter(|line| !line.pids.is_empty()));
    let opened = listed("ESTABLISHED", false).sock();
    let listener = listed("LISTEN", true).sock();
    goes_on(&mut server, &mut client, &opened, &accepted);
    for (field, value) in last {
        json.wait_for(&format!("{field} {value}"), |record| record[*field] == **value);
    }
    let json = json.finish();
    json.assert_as_ss_says();
    // What one tracer has told is in the other one's ring buffer.
    let text = text.finish().text;
    let watched = Watched { json, text, opened, accepted, listener };
    watched.assert_report_is_the_same_story();
    watched
}

impl Watched {
    /// The closing report of the text has the steps of both ends, in the order of the records.
    fn assert_report_is_the_same_story(&self) {
        let report = self.report();
        let mut lines = report.lines();
        // The report has them in the order of time; a record that waits for its name is told later than it happened.
        let mut steps = self.json.of_type("transition");
        steps.sort_by_key(|record| record["mono_ns"].as_u64());
        for record in steps {
            if record["connection"].is_null() {
                continue;
            }
            let states = [&record["from"], &record["to"]].map(|state| state.as_str().unwrap());
            let told = lines.any(|line| states.iter().all(|state| line.contains(state)));
            assert!(told, "{states:?}: {}", self.text);
        }
    }

    /// The page about the connection; lines before it are the timeline.
    fn report(&self) -> &str {
        let (timeline, report) = self.text.split_once("\n\n").unwrap();
        let steps = self.json.of_type("transition").len() + self.json.of_type("orphan").len();
        // And one line above the columns.
        assert_eq!(timeline.lines().count(), steps + 1, "{timeline}");
        report
    }

    /// A line of the report has all of these words.
    fn assert_reported(&self, words: &[&str]) {
        let found = self.report().lines().any(|line| words.iter().all(|word| line.contains(word)));
        assert!(found, "{words:?}: {}", self.text);
    }

    fn assert_lives(&self, opened: &[&str], accepted: &[&str], listener: &[&str]) {
        let opens = [
            "CLOSE>SYN_SENT process client/syscall -",
            "SYN_SENT>ESTABLISHED process|softirq client/syscall -",
        ];
        let is_opened = [
            "LISTEN>SYN_RECV softirq server/listener syn_received",
            "SYN_RECV>ESTABLISHED softirq server/listener -",
        ];
        let listens = ["CLOSE>LISTEN process server/syscall -"];
        self.json.assert_life(&self.opened, &[&opens, opened].concat());
        self.json.assert_life(&self.accepted, &[&is_opened, accepted].concat());
        self.json.assert_life(&self.listener, &[&listens, listener].concat());
    }
}

#[test]
fn ctrl_c_on_the_server() {
    in_a_namespace(|| {
        let watched = watch([&[], &[]], ENDS, |server, client, opened, accepted| {
            interrupt(server);
            // The article's picture: FIN_WAIT2 with nobody, CLOSE_WAIT with the client and one unread byte.
            let fin_wait2 = ss::wait_for_minisocket(accepted);
            assert_eq!((fin_wait2.pids, fin_wait2.inode), (vec![], 0));
            let close_wait = ss::wait(opened, "CLOSE_WAIT");
            assert_eq!((close_wait.pids, close_wait.recv_q), (vec![client.0.id()], 1));
        });
        watched.assert_lives(
            &["ESTABLISHED>CLOSE_WAIT softirq client/syscall fin_received"],
            &[
                "ESTABLISHED>FIN_WAIT1 process server/syscall killed:SIGINT",
                "FIN_WAIT1>FIN_WAIT2 process|softirq server/syscall -",
                "orphan:FIN_WAIT2 process|softirq server/syscall -",
            ],
            &["LISTEN>CLOSE process server/syscall killed:SIGINT"],
        );
        let Watched { opened, accepted, .. } = &watched;
        watched.assert_reported(&["opened", &opened.local.to_string(), "/client"]);
        watched.assert_reported(&["closed first", &accepted.local.to_string(), "/server", "SIGINT"]);
        watched.assert_reported(&[&opened.local.to_string(), "CLOSE_WAIT", "/client"]);
        watched.assert_reported(&[&accepted.local.to_string(), "FIN_WAIT2", "no process"]);
    });
}

#[test]
fn ctrl_c_on_the_client() {
    in_a_namespace(|| {
        let watched = watch([&[], &[]], ENDS, |server, client, opened, accepted| {
            interrupt(client);
            let fin_wait2 = ss::wait_for_minisocket(opened);
            assert_eq!((fin_wait2.pids, fin_wait2.inode), (vec![], 0));
            let close_wait = ss::wait(accepted, "CLOSE_WAIT");
            assert_eq!((close_wait.pids, close_wait.recv_q), (vec![server.0.id()], 1));
        });
        watched.assert_lives(
            &[
                "ESTABLISHED>FIN_WAIT1 process client/syscall killed:SIGINT",
                "FIN_WAIT1>FIN_WAIT2 process|softirq client/syscall -",
                "orphan:FIN_WAIT2 process|softirq client/syscall -",
            ],
            &["ESTABLISHED>CLOSE_WAIT softirq server/acceptor fin_received"],
            &[],
        );
        let Watched { opened, accepted, .. } = &watched;
        watched.assert_reported(&["opened", &opened.local.to_string(), "/client"]);
        watched.assert_reported(&["closed first", &opened.local.to_string(), "/client", "SIGINT"]);
        watched.assert_reported(&[&accepted.local.to_string(), "CLOSE_WAIT", "/server"]);
        watched.assert_reported(&[&opened.local.to_string(), "FIN_WAIT2", "no process"]);
    });
}

#[test]
fn nobody_is_killed() {
    in_a_namespace(|| {
        // Time enough for `ss` to see it.
        let stays = (2_000 * slowness()).to_string();
        let arguments: [&[&str]; 2] = [&["10050", "--polite"], &["10050", &stays]];
        let end = &[("from", "LAST_ACK"), ("from", "LISTEN")];
        let watched = watch(arguments, end, |server, client, opened, _| {
            actor::wait(&mut client.0);
            actor::wait(&mut server.0);
            ss::wait(opened, "TIME_WAIT");
        });
        // If the server takes longer than a delayed ACK, a minisocket waits for its FIN.
        let by_a_minisocket: &[&str] = &[
            "orphan:FIN_WAIT2 process|softirq client/syscall -",
            "FIN_WAIT2>TIME_WAIT softirq|inferred:peer_closed client/syscall fin_received",
        ];
        let at_once: &[&str] = &["FIN_WAIT2>TIME_WAIT process|softirq client/syscall fin_received"];
        let has_minisocket = !watched.json.of_type("orphan").is_empty();
        let closes = [
            "ESTABLISHED>FIN_WAIT1 process client/syscall close",
            "FIN_WAIT1>FIN_WAIT2 process|softirq client/syscall -",
        ];
        watched.assert_lives(
            &[&closes[..], if has_minisocket { by_a_minisocket } else { at_once }].concat(),
            &[
                "ESTABLISHED>CLOSE_WAIT softirq|process server/acceptor|server/syscall fin_received",
                "CLOSE_WAIT>LAST_ACK process server/syscall close",
                "LAST_ACK>CLOSE process|softirq server/syscall -",
            ],
            &["LISTEN>CLOSE process server/syscall close"],
        );
        watched.assert_reported(&["closed first", &watched.opened.local.to_string(), "/client"]);
        watched.assert_reported(&[&watched.opened.local.to_string(), "TIME_WAIT"]);
    });
}

/// Records that are the last ones when one of the two is killed.
const ENDS: &[(&str, &str)] = &[("type", "orphan"), ("to", "CLOSE_WAIT")];
