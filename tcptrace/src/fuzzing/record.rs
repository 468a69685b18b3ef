//! Records of the ring buffer: what was decoded is what stands in the bytes, and what was refused has the reason it says.

use tcptrace_ebpf::{Flags, Kind, RECORD_VERSION, RawAccept, RawFork, RawSocketEvent, RawTransition};

use crate::{
    address::{Endpoint, Tuple},
    event::{Accept, Activity, DecodeError, RawEvent, SocketEvent, SocketEventKind, StateChange},
    tcp::TcpState,
};

/// Decodes one record.
pub fn record(bytes: &[u8]) {
    let seen = match RawEvent::decode(bytes) {
        Ok(seen) => seen,
        Err(error) => return refused(bytes, error),
    };
    assert_eq!(bytes[0], RECORD_VERSION);
    match &seen {
        RawEvent::StateChange(event) => change(event, &raw(bytes)),
        RawEvent::Accept(accept) => accepted(accept, &raw(bytes)),
        RawEvent::SocketEvent(note) => noted(note, &raw(bytes)),
        RawEvent::Fork(fork) => {
            let raw: RawFork = raw(bytes);
            assert_eq!((fork.mono_ns, fork.parent, fork.child), (raw.time_ns, raw.parent, raw.child));
        }
    }
}

fn raw<T: zerocopy::FromBytes>(bytes: &[u8]) -> T {
    let Ok(raw) = T::read_from_bytes(bytes) else {
        panic!("{} bytes, which its kind does not have", bytes.len())
    };
    raw
}

fn refused(bytes: &[u8], error: DecodeError) {
    let size = |kind| match kind {
        Kind::TRANSITION => size_of::<RawTransition>(),
        Kind::ACCEPT => size_of::<RawAccept>(),
        Kind::FORK => size_of::<RawFork>(),
        _ => size_of::<RawSocketEvent>(),
    };
    match error {
        DecodeError::Size(found) => {
            assert_eq!(found, bytes.len());
            assert!(found < 2 || found != size(bytes[1]));
        }
        DecodeError::Version(version) => assert!(version == bytes[0] && version != RECORD_VERSION),
        DecodeError::State(state) => {
            assert!(TcpState::try_from(state).is_err() && bytes[2..4].contains(&state));
        }
        DecodeError::Kind(kind) => assert!(bytes[1] == kind || bytes[3] == kind),
    }
}

fn ends(tuple: &Tuple, raw: [([u8; 16], u16); 2]) {
    for (end, (address, port)) in [tuple.local, tuple.remote].into_iter().zip(raw) {
        assert_eq!(end, Endpoint::from_bytes(address, port));
        let mapped = address[..12] == [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];
        assert_eq!(end.address.is_ipv4(), mapped);
    }
}

fn change(event: &StateChange, raw: &RawTransition) {
    assert_eq!((event.mono_ns, event.pointer), (raw.time_ns, raw.socket));
    assert_eq!(event.cookie.unwrap_or(0), raw.cookie);
    assert_eq!(event.cgroup.unwrap_or(0), raw.cgroup);
    assert_eq!(event.netns.map_or(0, |netns| netns.0), raw.netns);
    assert_eq!((event.from as u8, event.to as u8), (raw.old_state, raw.new_state));
    ends(&event.tuple, [(raw.local_address, raw.local_port), (raw.remote_address, raw.remote_port)]);
    let has = |flag| raw.flags & flag != 0;
    assert_eq!(event.sock.is_some(), has(Flags::HAS_SOCK));
    if let Some(facts) = event.sock {
        let bits = [facts.owned, facts.orphan, facts.fin_received];
        assert_eq!(bits, [Flags::OWNED, Flags::ORPHAN, Flags::FIN_RECEIVED].map(has));
        assert_eq!((facts.error, facts.receive_shutdown), (raw.error, raw.shutdown % 2 == 1));
        assert_eq!(facts.file_released, has(Flags::HAS_FILE).then_some(has(Flags::FILE_RELEASED)));
        assert_eq!(facts.ending.is_some(), has(Flags::HAS_ENDING));
    }
    assert_eq!(event.numbers.is_some(), has(Flags::HAS_NUMBERS));
    if let Some(numbers) = event.numbers {
        assert_eq!((numbers.srtt_us.unwrap_or(0), numbers.srtt_us.is_some()), (raw.srtt / 8, raw.srtt != 0));
        assert_eq!((numbers.bytes_sent, numbers.bytes_acked), (raw.bytes_sent, raw.bytes_acked));
        assert_eq!((numbers.bytes_received, numbers.retransmits), (raw.bytes_received, raw.retransmits));
    }
    let task = &event.task;
    assert_eq!((task.pid, task.tid, task.uid), (raw.pid, raw.tid, raw.uid));
    assert_eq!(task.activity.is_some(), has(Flags::HAS_TASK));
    let exits = matches!(task.activity, Some(Activity::Exiting { .. }));
    assert_eq!(exits, has(Flags::HAS_TASK) && has(Flags::EXITING) && !has(Flags::KERNEL_THREAD));
    for (comm, raw) in [(task.comm, raw.comm), (task.thread, raw.thread)] {
        shown(comm.as_bytes(), &comm.to_string(), raw);
    }
}

/// A name is what stands before the first NUL, and nothing in it does anything to a terminal.
fn shown(name: &[u8], shown: &str, raw: [u8; 16]) {
    assert!(raw.starts_with(name) && name.len() < 16);
    assert!(name.len() == 15 || raw[name.len()] == 0);
    assert!(!shown.contains(char::is_control), "{shown:?}");
}

fn accepted(accept: &Accept, raw: &RawAccept) {
    assert_eq!((accept.mono_ns, accept.pointer), (raw.time_ns, raw.socket));
    assert_eq!(accept.cookie.unwrap_or(0), raw.cookie);
    assert_eq!((accept.owner.pid, accept.owner.uid), (raw.pid, raw.uid));
    shown(accept.owner.comm.as_bytes(), &accept.owner.comm.to_string(), raw.comm);
}

fn noted(note: &SocketEvent, raw: &RawSocketEvent) {
    assert_eq!((note.mono_ns, note.pointer, note.tid), (raw.time_ns, raw.socket, raw.tid));
    assert_eq!(note.cookie.unwrap_or(0), raw.cookie);
    assert_eq!(note.netns.map_or(0, |netns| netns.0), raw.netns);
    assert_eq!(note.state as u8, raw.state);
    ends(&note.tuple, [(raw.local_address, raw.local_port), (raw.remote_address, raw.remote_port)]);
    let kind = match note.kind {
        SocketEventKind::Timewait(_) => Kind::TIMEWAIT,
        SocketEventKind::Request(_) => Kind::REQUEST,
        SocketEventKind::ResetSent { reason } => {
            assert_eq!(reason.map_or(0, |reason| reason + 1), raw.reason);
            Kind::RESET_SENT
        }
        SocketEventKind::Retransmit => Kind::RETRANSMIT,
        SocketEventKind::RetransmitSynAck => Kind::RETRANSMIT_SYNACK,
    };
    assert_eq!(kind, raw.kind);
}
