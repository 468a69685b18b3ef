//! Records that are wrong in one place: each a good line with one change that no reader could live with.

use serde_json::{Map, Value, json};
use tcptrace::record::RecordKind;

/// Fields that hold free text, so that no other text in them is wrong.
const FREE: [&str; 9] =
    ["version", "kernel", "probe_fallback", "filter", "why", "comm", "advice", "cgroup", "container"];

/// All that can be broken in `line`.
pub fn variants(line: &str) -> Vec<String> {
    let Value::Object(record) = serde_json::from_str(line).unwrap() else { panic!("{line}") };
    let mut broken = of_object(&record);
    for other in RecordKind::ALL.map(RecordKind::name) {
        // A socket that is there and a RST without a reason look the same.
        let alike = ["socket", "reset"];
        let twins = alike.contains(&other) && alike.iter().any(|twin| record["type"] == *twin);
        if record["type"] != other && !twins {
            broken.push(with(&record, "type", other.into()));
        }
    }
    broken.into_iter().map(|record| Value::Object(record).to_string()).collect()
}

fn of_object(object: &Map<String, Value>) -> Vec<Map<String, Value>> {
    let mut broken = vec![with(object, "colour", "blue".into())];
    for (key, value) in object {
        if !may_be_missing(object, key) {
            let mut less = object.clone();
            less.remove(key);
            broken.push(less);
        }
        let wrong = match value {
            Value::Object(inner) => of_object(inner).into_iter().map(Value::Object).collect(),
            Value::String(_) if FREE.contains(&key.as_str()) => vec![json!(1)],
            Value::String(text) => {
                vec![json!(format!("{text}x")), json!(format!("x{text}")), json!(""), json!(1)]
            }
            Value::Number(number) => vec![json!(-1), json!(0.5), json!(number.to_string())],
            Value::Bool(_) if key != "open" => vec![json!(false), json!(1)],
            Value::Bool(_) => vec![json!("yes"), json!(1)],
            Value::Array(items) => {
                let mut wrong = vec![json!(["x"]), json!("stand_ins")];
                for (index, item) in items.iter().enumerate() {
                    for item in item.as_object().map(of_object).unwrap_or_default() {
                        let mut items = items.clone();
                        items[index] = item.into();
                        wrong.push(items.into());
                    }
                }
                wrong
            }
            other => panic!("{key}: {other}"),
        };
        broken.extend(wrong.into_iter().chain([Value::Null]).map(|value| with(object, key, value)));
    }
    broken
}

fn with(object: &Map<String, Value>, key: &str, value: Value) -> Map<String, Value> {
    let mut object = object.clone();
    object.insert(key.to_owned(), value);
    object
}

/// Whether a field may be absent: what need not be known; but nothing that another field speaks of.
fn may_be_missing(object: &Map<String, Value>, key: &str) -> bool {
    let has = |key| object.contains_key(key);
    match key {
        "connection" => !has("ends"),
        "opener" | "closed_first" | "ended" | "reset_by" | "lasted_ns" | "established_ns"
        | "half_closed_ns" | "teardown_ns" | "handshake_ns" | "payload_bytes" => true,
        "remote" | "port" | "in_from_ns" | "since_first_ns" | "probe_fallback" | "filter" | "unseen"
        | "comm_hex" | "other_holders" | "timer" | "illegal" | "at_least" | "fd" | "srtt_us" | "reason"
        | "container" | "thread" => true,
        "retransmits" => has("address"),
        "netns" => !has("recv_queue"),
        "cgroup" => !has("container"),
        "process" => !has("other_holders") && !has("fd"),
        "context" => !has("evidence"),
        "cause" => !has("signal") && !has("errno") && !has("how") && !has("cause_inferred"),
        _ => false,
    }
}

/// Mistakes that are not of one field.
pub const ODD: [&str; 12] = [
    "",
    "[]",
    "not json",
    "{}",
    r#"{"v":1,"type":"lost","time":"2026-11-22T10:00:00.000000000Z","mono_ns":1,"count":NaN,"reason":"recursion"}"#,
    r#"{"v":1,"type":"lost","time":"2026-11-22T10:00:00.000000000Z","mono_ns":1,"count":0,"reason":"recursion"}"#,
    r#"{"v":1,"type":"lost","time":"2026-11-22T10:00:00.000000000Z","mono_ns":1,"mono_ns":2,"count":1,"reason":"recursion"}"#,
    r#"{"v":1,"type":"lost","time":"2026-11-22T10:00:00.000000Z","mono_ns":1,"count":1,"reason":"recursion"}"#,
    r#"{"v":1,"type":"lost","time":"2026-11-22T11:00:00.000000000+01:00","mono_ns":1,"count":1,"reason":"recursion"}"#,
    r#"{"v":2,"type":"lost","time":"2026-11-22T10:00:00.000000000Z","mono_ns":1,"count":1,"reason":"recursion"}"#,
    r#"{"v":1,"type":"socket","time":"2026-11-22T10:00:00.000000000Z","mono_ns":1,"socket":"1","family":"ipv6","local":{"address":"::1","port":1},"remote":{"address":"127.0.0.1","port":2},"state":"ESTABLISHED"}"#,
    r#"{"v":1,"type":"socket","time":"2026-11-22T10:00:00.000000000Z","mono_ns":1,"socket":"1","family":"ipv4","local":{"address":"127.0.0.1","port":0},"state":"LISTEN"}"#,
];
