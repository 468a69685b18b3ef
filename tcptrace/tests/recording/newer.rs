//! Recordings of other versions: read as far as they are understood, and what was skipped is counted by its name.

use tcptrace::{
    address::{Endpoint, Tuple},
    process::{Comm, Evidence, Owner},
    record::{Cause, ConnectionId, Context, Record, SocketId, Subject, Transition},
    tcp::TcpState,
    time::Moment,
};

use super::{lines, read};

/// Step that has something of everything.
pub fn step() -> Record {
    let end = |port| Endpoint { address: "10.0.0.1".parse().unwrap(), port };
    Record::Transition(Transition {
        at: Moment { mono_ns: 7, wall_ns: 1_795_341_600_123_456_789 },
        subject: Subject {
            socket: SocketId::Cookie(5),
            connection: Some(ConnectionId(1)),
            netns: None,
            tuple: Tuple { local: end(40_000), remote: end(80) },
            cgroup: None,
            owner: Some(Owner {
                pid: 9,
                comm: Comm::from_slice(b"client"),
                thread: None,
                uid: 0,
                in_process_tree: false,
                evidence: Evidence::Syscall,
            }),
        },
        from: TcpState::Established,
        to: TcpState::FinWait1,
        in_from_ns: Some(3),
        since_first_ns: Some(4),
        context: Some(Context::Process),
        cause: Some(Cause::Shutdown { both: true }),
        numbers: None,
    })
}

fn text() -> String {
    String::from_utf8(lines(&[step()])).unwrap()
}

#[test]
fn unknown_fields_are_named() {
    let more =
        text().replace("\"pid\"", "\"mood\":3,\"pid\"").replace("\"from\"", "\"zone\":{\"a\":[1]},\"from\"");
    let (found, gaps, skipped) = read(format!("{more}{more}").as_bytes());
    assert_eq!((found, gaps), (vec![step(), step()], 0));
    assert_eq!(skipped.sentences(), ["skipped, unknown fields: process.mood ×2, zone ×2"]);
}

#[test]
fn unknown_words_are_named() {
    let Record::Transition(known) = step() else { panic!() };
    let (found, _, skipped) = read(text().replace("\"shutdown\"", "\"yaw\\u001b[1mn\"").as_bytes());
    assert_eq!(found, [Record::Transition(Transition { cause: None, ..known.clone() })]);
    assert_eq!(skipped.sentences(), ["skipped, unknown words: cause yaw\\u{1b}[1mn ×1"]);

    let (found, _, skipped) = read(text().replace("\"syscall\"", "\"hearsay\"").as_bytes());
    let subject = Subject { owner: None, ..known.subject.clone() };
    assert_eq!(found, [Record::Transition(Transition { subject, ..known })]);
    assert_eq!(skipped.sentences(), ["skipped, unknown words: process.evidence hearsay ×1"]);

    // Without its states a step is none.
    let (found, gaps, skipped) = read(text().replace("FIN_WAIT1", "FIN_WAIT3").as_bytes());
    assert_eq!((found.len(), gaps), (0, 1));
    assert_eq!(skipped.sentences(), ["lines that could not be read: 1"]);
}

#[test]
fn unknown_types_are_named_and_are_no_loss() {
    let others = "{\"v\":1,\"type\":\"weather\",\"state\":[\"rain\"]}\n".repeat(3);
    let (found, gaps, skipped) = read(format!("{others}{}", text()).as_bytes());
    assert_eq!((found, gaps), (vec![step()], 0));
    assert_eq!(skipped.sentences(), ["skipped, records of unknown types: weather ×3"]);
}

#[test]
fn another_version_is_read_and_named() {
    let (found, gaps, skipped) = read(text().replace("\"v\":1", "\"v\":2").as_bytes());
    assert_eq!((found, gaps), (vec![step()], 0));
    assert_eq!(
        skipped.sentences(),
        ["records of another version, in which fields may mean something else: v2 ×1"]
    );
}

/// Before there was a word for the direction, and a version of the contract without numbers.
#[test]
fn older_recordings_are_read() {
    let (found, gaps, skipped) = read(text().replace(",\"how\":\"both\"", "").as_bytes());
    let Record::Transition(known) = step() else { panic!() };
    let cause = Some(Cause::Shutdown { both: false });
    assert_eq!((found, gaps), (vec![Record::Transition(Transition { cause, ..known })], 0));
    assert!(skipped.sentences().is_empty());
}

/// `jq` writes spaces and sorts keys; Windows ends lines with two characters.
#[test]
fn other_writers_may_have_had_it() {
    let value: serde_json::Value = serde_json::from_str(&text()).unwrap();
    let sorted = serde_json::to_string_pretty(&value).unwrap().replace('\n', " ");
    let (found, gaps, _) = read(format!("{sorted}\r\n").as_bytes());
    assert_eq!((found, gaps), (vec![step()], 0));
}

#[test]
fn names_without_end_are_bounded() {
    let many: String =
        (0..1_000).map(|i| text().replace("\"from\"", &format!("\"x{i}\":1,\"from\""))).collect();
    let (found, _, skipped) = read(many.as_bytes());
    assert_eq!((found.len(), skipped.fields.total()), (1_000, 1_000));
    assert!(skipped.sentences()[0].ends_with(", others ×980"), "{:?}", skipped.sentences());
}
