//! Who opened, who closed first: with all of it seen, and with the trace joined midway.

use super::{ConnectionHistory, FirstClose};
use crate::{
    address::{Endpoint, Tuple},
    record::{
        Cause, ConnectionId, Context, Existing, Inference, Orphan, Record, Retransmit, SocketId, Subject,
        Transition,
    },
    tcp::TcpState::{self, *},
    time::Moment,
};

const CONTINUITY: Context = Context::Inferred(Inference::Continuity);

fn subject(socket: u64) -> Subject {
    let end = |port| Endpoint { address: "127.0.0.1".parse().unwrap(), port };
    Subject {
        socket: SocketId::Cookie(socket),
        connection: Some(ConnectionId(1)),
        netns: None,
        tuple: Tuple { local: end(4000), remote: end(80) },
        owner: None,
        cgroup: None,
    }
}

fn at(mono_ns: u64) -> Moment {
    Moment { mono_ns, wall_ns: 0 }
}

fn step(time: u64, socket: u64, from: TcpState, to: TcpState, cause: Option<Cause>) -> Record {
    Record::Transition(Transition {
        at: at(time),
        subject: subject(socket),
        from,
        to,
        in_from_ns: None,
        since_first_ns: None,
        context: Some(Context::Softirq),
        cause,
        numbers: None,
    })
}

fn missed(time: u64, socket: u64, from: TcpState, to: TcpState) -> Record {
    match step(time, socket, from, to, None) {
        Record::Transition(step) => Record::Transition(Transition { context: Some(CONTINUITY), ..step }),
        other => other,
    }
}

fn found(socket: u64, state: TcpState) -> Record {
    Record::Existing(Existing { at: at(0), subject: subject(socket), state })
}

fn history(records: &[Record]) -> ConnectionHistory {
    let mut history = ConnectionHistory::new(ConnectionId(1));
    for record in records {
        history.add(record.subject().unwrap(), record);
    }
    history
}

#[test]
fn the_step_that_closes_first_says_who() {
    for (from, to, cause, first) in [
        (Established, FinWait1, Some(Cause::Close), FirstClose::Side(0, Some(Cause::Close))),
        (Established, CloseWait, Some(Cause::FinReceived), FirstClose::Peer(0, Some(Cause::FinReceived))),
        (Established, Close, Some(Cause::Abort), FirstClose::Side(0, Some(Cause::Abort))),
        (Established, Close, Some(Cause::ResetReceived), FirstClose::Peer(0, Some(Cause::ResetReceived))),
        (SynSent, Close, Some(Cause::Refused), FirstClose::Never(0, Some(Cause::Refused))),
        (SynRecv, Close, Some(Cause::ResetReceived), FirstClose::Never(0, Some(Cause::ResetReceived))),
    ] {
        assert_eq!(history(&[step(1, 1, from, to, cause)]).first_close(), Some(first), "{from} → {to}");
    }
}

#[test]
fn joined_midway_the_states_say_who() {
    let fin = Some(Cause::FinReceived);
    for (record, first) in [
        (found(1, CloseWait), Some(FirstClose::Peer(0, fin))),
        (found(1, FinWait2), Some(FirstClose::Side(0, None))),
        (found(1, TimeWait), Some(FirstClose::Side(0, None))),
        (found(1, Established), None),
        // Both have sent a FIN: nobody knows whose was the first.
        (found(1, Closing), None),
        (step(1, 1, CloseWait, LastAck, Some(Cause::Close)), Some(FirstClose::Peer(0, fin))),
        (step(1, 1, LastAck, Close, None), Some(FirstClose::Peer(0, fin))),
        (step(1, 1, FinWait1, FinWait2, None), Some(FirstClose::Side(0, None))),
        (step(1, 1, FinWait1, Close, Some(Cause::ResetReceived)), Some(FirstClose::Side(0, None))),
        (missed(1, 1, Established, FinWait2), Some(FirstClose::Side(0, None))),
        (missed(1, 1, Established, Close), None),
    ] {
        let history = history(std::slice::from_ref(&record));
        assert_eq!(history.first_close(), first, "{record:?}");
        assert_eq!((history.opener(), history.accepted()), (None, None), "{record:?}");
    }
}

#[test]
fn who_opened() {
    let client = step(1, 1, Close, SynSent, None);
    let server = step(2, 2, Listen, SynRecv, None);
    let both = history(&[client.clone(), server.clone()]);
    assert_eq!((both.opener(), both.accepted()), (Some(0), Some(1)));
    let alone = history(std::slice::from_ref(&server));
    assert_eq!((alone.opener(), alone.accepted()), (None, Some(0)));
    // The step into SYN_SENT was not told, but out of it.
    assert_eq!(history(&[step(2, 1, SynSent, Established, None)]).opener(), Some(0));
    let crossed = history(&[client, step(1, 2, Close, SynSent, None)]);
    assert_eq!((crossed.opener(), crossed.accepted()), (None, None));
}

#[test]
fn what_was_held_back_takes_its_place() {
    let late =
        history(&[step(5, 2, Listen, SynRecv, None), step(1, 1, Close, SynSent, None), found(1, Close)]);
    let times: Vec<_> = late.steps.iter().map(|step| (step.at.mono_ns, step.side)).collect();
    assert_eq!(times, [(0, 1), (1, 1), (5, 0)]);
}

#[test]
fn over_when_every_side_is() {
    let orphan = Record::Orphan(Orphan {
        at: at(3),
        subject: subject(2),
        state: FinWait2,
        since_first_ns: None,
        context: None,
    });
    let mut records = vec![step(1, 1, LastAck, Close, None), step(2, 2, FinWait1, FinWait2, None)];
    assert!(!history(&records).is_over());
    records.push(orphan);
    // A RST may be on its way to it.
    assert!(!history(&records).is_over());
    records.push(step(4, 2, FinWait2, Close, Some(Cause::ResetReceived)));
    assert!(history(&records).is_over());
    // When it entered a state that it was not seen entering is not known.
    assert_eq!(history(&[missed(1, 1, Established, FinWait1)]).sides[0].since, None);
}

#[test]
fn of_segments_the_latest_are_kept_and_the_rest_is_counted() {
    let sent = |count| {
        let state = Established;
        Record::Retransmit(Retransmit {
            at: at(count),
            subject: subject(1),
            state,
            count,
            since_first_ns: None,
        })
    };
    let opening = [step(0, 1, Close, SynSent, None), step(0, 1, SynSent, Established, None)];
    let history = history(&opening.into_iter().chain((1..=250).map(sent)).collect::<Vec<_>>());
    assert_eq!((history.steps.len(), history.skipped), (102, 150));
    assert_eq!((history.sides[0].retransmits, history.last()), (250, 250));
    assert!(history.begins() && history.opener() == Some(0));
}

#[test]
fn a_side_is_cut_if_the_trace_saw_more_of_it() {
    let since = |in_from_ns, record| match record {
        Record::Transition(step) => Record::Transition(Transition { in_from_ns, ..step }),
        other => other,
    };
    let orphan = |since_first_ns| {
        Record::Orphan(Orphan {
            at: at(9),
            subject: subject(1),
            state: FinWait2,
            since_first_ns,
            context: None,
        })
    };
    let again = |time, since_first_ns| {
        Record::Retransmit(Retransmit {
            at: at(time),
            subject: subject(1),
            state: Established,
            count: 1,
            since_first_ns: Some(since_first_ns),
        })
    };
    let opens = step(1, 1, Close, SynSent, None);
    let [seen, unseen] = [Some(1), None].map(|ns| since(ns, step(5, 1, Established, FinWait1, None)));
    for (records, is_cut) in [
        (vec![seen.clone()], true),
        (vec![unseen.clone()], false),
        (vec![unseen.clone(), since(Some(1), step(6, 1, FinWait1, FinWait2, None))], false),
        (vec![opens.clone(), seen.clone()], false),
        // Held back until the port was known.
        (vec![seen, opens], false),
        (vec![orphan(Some(9))], true),
        (vec![orphan(Some(0))], false),
        (vec![found(1, Established)], false),
        // Segments say it until there is a step that does.
        (vec![again(4, 4)], true),
        (vec![again(4, 0)], false),
        (vec![again(4, 4), unseen.clone()], false),
        (vec![unseen, again(4, 4)], false),
    ] {
        assert_eq!(history(&records).sides[0].is_cut, is_cut, "{records:?}");
    }
}
