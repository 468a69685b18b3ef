//! The events of a socket besides its state changes.

use tcptrace_ebpf::{Kind, RawSocketEvent, TimerStep as Raw};
use zerocopy::FromBytes as _;

use super::DecodeError;
use crate::{
    address::{Endpoint, Netns, Tuple},
    tcp::TcpState,
};

/// Event of a socket that is no state change, or that the kernel does not report as one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocketEvent {
    /// Time: `CLOCK_MONOTONIC`, nanoseconds.
    pub mono_ns: u64,
    /// Address of the socket, minisocket or request socket in the kernel's memory.
    pub pointer: u64,
    /// Socket cookie, if it has one. A minisocket has that of the full socket before it.
    pub cookie: Option<u64>,
    /// Network namespace of the socket.
    pub netns: Option<Netns>,
    /// Both ends.
    pub tuple: Tuple,
    /// State of the socket; of a minisocket the state that it stands for.
    pub state: TcpState,
    /// Thread that was current. On the loopback way it is often the one that sent the segment.
    pub tid: u32,
    /// Kind of event.
    pub kind: SocketEventKind,
}

/// Kinds of socket events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocketEventKind {
    /// Step of the timer of a time-wait minisocket, which lives as long as its timer.
    Timewait(TimerStep),
    /// Step of the timer of a request socket, the kernel's half-open connection.
    Request(TimerStep),
    /// RST that is sent.
    ResetSent {
        /// Number of the reason on the running kernel (`enum sk_rst_reason`), if it gives one.
        reason: Option<u32>,
    },
    /// Segment that is sent again.
    Retransmit,
    /// SYN+ACK that is sent again.
    RetransmitSynAck,
}

/// Steps of a timer. The kernel reports the first three; [`Timers`](super::Timers) makes one step of those that belong
/// together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimerStep {
    /// Started.
    Started,
    /// Stopped; as the kernel reports it also the first half of running out and of being started again.
    Stopped,
    /// Run out.
    Expired,
    /// Stopped or run out, and started again; or seen to get a new end, of which its own events may say nothing.
    Restarted,
    /// Stopped because another connection takes over its addresses.
    Reused,
}

impl SocketEvent {
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let raw = RawSocketEvent::read_from_bytes(bytes).map_err(|_| DecodeError::Size(bytes.len()))?;
        let step = || match raw.detail {
            Raw::STARTED => Ok(TimerStep::Started),
            Raw::STOPPED => Ok(TimerStep::Stopped),
            Raw::EXPIRED => Ok(TimerStep::Expired),
            Raw::PROLONGED => Ok(TimerStep::Restarted),
            detail => Err(DecodeError::Kind(detail)),
        };
        let kind = match raw.kind {
            Kind::TIMEWAIT => SocketEventKind::Timewait(step()?),
            Kind::REQUEST => SocketEventKind::Request(step()?),
            Kind::RESET_SENT => SocketEventKind::ResetSent { reason: raw.reason.checked_sub(1) },
            Kind::RETRANSMIT => SocketEventKind::Retransmit,
            Kind::RETRANSMIT_SYNACK => SocketEventKind::RetransmitSynAck,
            other => return Err(DecodeError::Kind(other)),
        };
        Ok(Self {
            mono_ns: raw.time_ns,
            pointer: raw.socket,
            cookie: (raw.cookie != 0).then_some(raw.cookie),
            netns: (raw.netns != 0).then_some(Netns(raw.netns)),
            tuple: Tuple {
                local: Endpoint::from_bytes(raw.local_address, raw.local_port),
                remote: Endpoint::from_bytes(raw.remote_address, raw.remote_port),
            },
            state: TcpState::try_from(raw.state).map_err(|_| DecodeError::State(raw.state))?,
            tid: raw.tid,
            kind,
        })
    }
}
