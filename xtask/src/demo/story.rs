//! The paragraph about what happened: every sentence rests on a record.

use super::Scene;
use serde_json::Value;
use std::fmt::Write;

/// One end of the connection in the recording.
#[derive(Debug, Default, PartialEq)]
struct End {
    pid: u32,
    /// `(from, to)` and the record, in order.
    steps: Vec<(String, String, Value)>,
    orphaned: bool,
}

impl End {
    fn step(&self, from: &str, to: &str) -> Option<&Value> {
        self.steps.iter().find(|step| step.0 == from && step.1 == to).map(|step| &step.2)
    }

    fn last(&self) -> Option<&str> {
        self.steps.last().map(|step| step.1.as_str())
    }
}

/// Facts of the recording about the server's and the client's socket.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Facts {
    server: End,
    client: End,
}

impl Facts {
    /// Sorts the records by the socket's owner.
    pub(super) fn gather(records: &[Value], server: u32, client: u32) -> Self {
        let mut facts = Self {
            server: End { pid: server, ..End::default() },
            client: End { pid: client, ..End::default() },
        };
        for record in records.iter().filter(|record| !record["connection"].is_null()) {
            let end = match record["process"]["pid"].as_u64() {
                Some(pid) if pid == u64::from(server) => &mut facts.server,
                Some(pid) if pid == u64::from(client) => &mut facts.client,
                _ => continue,
            };
            match record["type"].as_str() {
                Some("transition") => {
                    let state = |key: &str| record[key].as_str().unwrap_or_default().to_owned();
                    end.steps.push((state("from"), state("to"), record.clone()));
                }
                Some("orphan") => end.orphaned = true,
                _ => {}
            }
        }
        facts
    }

    /// The paragraph; empty if the recording does not show what the scene is about.
    pub(super) fn describe(&self, scene: Scene) -> String {
        match scene {
            Scene::Normal => self.normal(),
            Scene::ServerExits => half("server", &self.server, "client", &self.client),
            Scene::ClientExits => half("client", &self.client, "server", &self.server),
        }
        .unwrap_or_default()
    }

    fn normal(&self) -> Option<String> {
        let Self { server, client } = self;
        client.step("ESTABLISHED", "FIN_WAIT1")?;
        let waited = server.step("CLOSE_WAIT", "LAST_ACK")?["in_from_ns"].as_u64()?;
        client.step("FIN_WAIT2", "TIME_WAIT")?;
        (server.last() == Some("CLOSE")).then(|| {
            format!(
                "What happened: the client (pid {}) closed first, so its socket took the active side: FIN_WAIT1, \
                 FIN_WAIT2, and now TIME_WAIT, which the kernel ends by itself after 60 s. The server (pid {}) was \
                 told by the client's FIN, stayed in CLOSE_WAIT for {} until it called close() itself, and its \
                 socket was gone with the ACK of its own FIN. Four segments, two FINs: closed in order.",
                client.pid,
                server.pid,
                milliseconds(waited)
            )
        })
    }
}

/// One side was killed and the other stays.
fn half(killed: &str, dead: &End, stays: &str, alive: &End) -> Option<String> {
    let fin = dead.step("ESTABLISHED", "FIN_WAIT1")?;
    let signal = fin["signal"].as_str()?;
    let acknowledged = dead.step("FIN_WAIT1", "FIN_WAIT2")?["in_from_ns"].as_u64()?;
    if alive.last() != Some("CLOSE_WAIT") || !dead.orphaned {
        return None;
    }
    let mut text = format!(
        "What happened: {signal} ended the {killed} (pid {}). The kernel closed its files, and that sent the \
         FIN: it is the dead process's side that has closed. The FIN was acknowledged after {}, so this side is \
         in FIN_WAIT2, without a process (netstat shows `-`), and waits for the other FIN.",
        dead.pid,
        milliseconds(acknowledged)
    );
    let _ = write!(
        text,
        " The {stays}'s socket is in CLOSE_WAIT because its own process (pid {}) has not called close(): that is \
         why there is no second FIN. FIN_WAIT2 goes when the {stays} closes, or after tcp_fin_timeout (60 s); \
         CLOSE_WAIT stays as long as the {stays} keeps its socket open.",
        alive.pid
    );
    Some(text)
}

fn milliseconds(ns: u64) -> String {
    format!("{:.1} ms", ns as f64 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn step(pid: u32, from: &str, to: &str) -> Value {
        json!({"type": "transition", "connection": "1", "from": from, "to": to, "in_from_ns": 40_100_000,
               "process": {"pid": pid}, "signal": "SIGINT"})
    }

    #[test]
    fn a_killed_server_is_told_only_if_the_records_show_it() {
        let mut records = vec![
            step(1, "ESTABLISHED", "FIN_WAIT1"),
            step(2, "ESTABLISHED", "CLOSE_WAIT"),
            step(1, "FIN_WAIT1", "FIN_WAIT2"),
        ];
        assert_eq!(Facts::gather(&records, 1, 2).describe(Scene::ServerExits), "", "no orphan yet");
        records
            .push(json!({"type": "orphan", "connection": "1", "state": "FIN_WAIT2", "process": {"pid": 1}}));
        let text = Facts::gather(&records, 1, 2).describe(Scene::ServerExits);
        assert!(text.contains("SIGINT ended the server (pid 1)") && text.contains("40.1 ms"), "{text}");
        assert!(text.contains("its own process (pid 2) has not called close()"), "{text}");
        assert_eq!(Facts::gather(&records, 1, 2).describe(Scene::ClientExits), "");
    }
}
