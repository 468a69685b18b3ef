//! The events that the kernel side reports, decoded and typed.
//!
//! Decoding never panics: a record that makes no sense is an error to count.

mod accept;
mod fork;
mod socket_event;
mod state_change;
mod timers;

use std::fmt;

use tcptrace_ebpf::{Kind, RECORD_VERSION};

pub use accept::Accept;
pub use fork::Fork;
pub use socket_event::{SocketEvent, SocketEventKind, TimerStep};
pub use state_change::{Activity, Ending, SockFacts, StateChange, Task};
pub use timers::Timers;

/// One record of the ring buffer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RawEvent {
    /// A state change.
    StateChange(StateChange),
    /// A connection that a process has accepted.
    Accept(Accept),
    /// A new process.
    Fork(Fork),
    /// Any other event of a socket.
    SocketEvent(SocketEvent),
}

impl RawEvent {
    /// Decodes one record of the ring buffer.
    ///
    /// # Errors
    /// [`DecodeError`] if size, version, kind or states are not those of this version.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let &[version, kind, ..] = bytes else { return Err(DecodeError::Size(bytes.len())) };
        if version != RECORD_VERSION {
            return Err(DecodeError::Version(version));
        }
        match kind {
            Kind::TRANSITION => StateChange::decode(bytes).map(Self::StateChange),
            Kind::ACCEPT => Accept::decode(bytes).map(Self::Accept),
            Kind::FORK => Fork::decode(bytes).map(Self::Fork),
            _ => SocketEvent::decode(bytes).map(Self::SocketEvent),
        }
    }

    /// The state change, if it is one.
    #[must_use]
    pub const fn state_change(&self) -> Option<&StateChange> {
        match self {
            Self::StateChange(event) => Some(event),
            Self::Accept(_) | Self::Fork(_) | Self::SocketEvent(_) => None,
        }
    }

    /// Time of the event: `CLOCK_MONOTONIC`, nanoseconds.
    #[must_use]
    pub const fn mono_ns(&self) -> u64 {
        match self {
            Self::StateChange(event) => event.mono_ns,
            Self::Accept(accept) => accept.mono_ns,
            Self::Fork(fork) => fork.mono_ns,
            Self::SocketEvent(event) => event.mono_ns,
        }
    }
}

/// Reason why a record could not be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// Size that no record of this version has.
    Size(usize),
    /// Version of another kernel side.
    Version(u8),
    /// Kind that this version does not know.
    Kind(u8),
    /// State that this version does not know.
    State(u8),
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Size(size) => {
                write!(f, "record of {size} bytes, which no kind has")
            }
            Self::Version(version) => {
                write!(f, "record of version {version} instead of {RECORD_VERSION}")
            }
            Self::Kind(kind) => write!(f, "unknown kind of record {kind}"),
            Self::State(state) => write!(f, "unknown TCP state {state}"),
        }
    }
}

impl std::error::Error for DecodeError {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use zerocopy::IntoBytes as _;

    use tcptrace_ebpf::{Flags, RawAccept, RawFork, RawSocketEvent, RawTransition};
    use zerocopy::FromBytes as _;

    use super::*;
    use crate::tcp::TcpState;

    fn raw() -> RawTransition {
        let mut raw = RawTransition::read_from_bytes(&[0; size_of::<RawTransition>()]).unwrap();
        raw.version = RECORD_VERSION;
        raw.kind = Kind::TRANSITION;
        raw.old_state = 7;
        raw.new_state = 2;
        raw.family = 2;
        raw.remote_port = 10050;
        raw.remote_address = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1];
        raw
    }

    fn change(bytes: &[u8]) -> StateChange {
        match RawEvent::decode(bytes) {
            Ok(RawEvent::StateChange(event)) => event,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_unknown_is_absent() {
        let event = change(raw().as_bytes());
        assert_eq!((event.from, event.to), (TcpState::Close, TcpState::SynSent));
        assert_eq!(event.tuple.remote.to_string(), "127.0.0.1:10050");
        assert_eq!((event.cookie, event.netns, event.sock, event.task.activity), (None, None, None, None));
    }

    #[test]
    fn an_exit_tells_its_signal() {
        let mut raw = raw();
        raw.flags = Flags::HAS_TASK | Flags::EXITING;
        raw.exit_code = 2 | 0x80;
        let event = change(raw.as_bytes());
        assert_eq!(event.task.activity, Some(Activity::Exiting { signal: 2 }));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let mut old = raw();
        old.version = 0;
        assert_eq!(RawEvent::decode(old.as_bytes()), Err(DecodeError::Version(0)));
        let mut odd = raw();
        odd.new_state = 13;
        assert_eq!(RawEvent::decode(odd.as_bytes()), Err(DecodeError::State(13)));
        let mut kind = raw();
        kind.kind = 99;
        assert!(matches!(
            RawEvent::decode(kind.as_bytes()),
            Err(DecodeError::Size(_) | DecodeError::Kind(99))
        ));
        assert_eq!(RawEvent::decode(&[RECORD_VERSION, Kind::TRANSITION, 3]), Err(DecodeError::Size(3)));
        assert_eq!(RawEvent::decode(&[RECORD_VERSION]), Err(DecodeError::Size(1)));
    }

    /// Only a record that has the size of its kind is read.
    #[test]
    fn every_length_of_every_kind_is_read_or_refused() {
        let size = |kind| match kind {
            Kind::TRANSITION => size_of::<RawTransition>(),
            Kind::ACCEPT => size_of::<RawAccept>(),
            Kind::FORK => size_of::<RawFork>(),
            _ => size_of::<RawSocketEvent>(),
        };
        for (kind, length, fill) in (0..=u8::MAX).flat_map(|kind| {
            (0..=200).flat_map(move |length| [(kind, length, 0), (kind, length, 1), (kind, length, 0xff)])
        }) {
            let mut bytes = vec![fill; length];
            bytes.iter_mut().zip([RECORD_VERSION, kind]).for_each(|(byte, value)| *byte = value);
            let decoded = RawEvent::decode(&bytes);
            assert!(decoded.is_err() || length == size(kind), "{kind} {length}: {decoded:?}");
            if length < 2 {
                assert_eq!(decoded, Err(DecodeError::Size(length)));
            }
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..200), kind in 0_u8..11) {
            let fit = [size_of::<RawTransition>(), size_of::<RawSocketEvent>(), size_of::<RawFork>(), size_of::<RawAccept>()].get(usize::from(kind % 5));
            if let Some(size) = fit {
                bytes.resize(*size, 0xff);
                bytes[..2].copy_from_slice(&[RECORD_VERSION, kind]);
            }
            let _ = RawEvent::decode(&bytes);
        }
    }
}
