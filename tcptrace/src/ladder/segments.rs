//! The segments behind the steps of a connection: which were sent, which arrived, and which state came with them.

use std::collections::VecDeque;

use super::{Pair, Segment, Side, StateMark};
use crate::{
    connection::{self, ConnectionHistory, Step, What},
    record::{Cause, Context},
    render::{
        EXISTING_TEXT, Phase, describe_cause, describe_reset, describe_retransmit, describe_transition,
    },
    tcp::TcpState::{
        self, Close, CloseWait, Closing, Established, FinWait1, FinWait2, LastAck, Listen, NewSynRecv,
        SynRecv, SynSent, TimeWait,
    },
};

/// Something that one end did, as far as it can be concluded.
#[derive(Clone, Debug)]
pub(super) struct SegmentEvent {
    pub(super) what: Act,
    /// Time, nanoseconds, as far as it can be known.
    pub(super) at: Option<u64>,
    /// State that the end entered with it.
    pub(super) mark: Option<StateMark>,
    /// Words on why it was done.
    pub(super) words: String,
}

/// Kinds of segment events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    Sent(Segment),
    Received(Segment),
    /// None: a state that no segment led into.
    Nothing,
    /// Giving up a segment that had no answer.
    GaveUp(Segment),
}

/// Segment events of each end, in its order.
pub(super) fn segment_events(history: &ConnectionHistory, sides: &[Side]) -> Pair<VecDeque<SegmentEvent>> {
    let mut events = Pair::<VecDeque<_>>::default();
    let began = history.steps.first().map(|step| step.at);
    for step in &history.steps {
        let Some(side) = sides.get(step.side) else { continue };
        let (acts, with_state) = acts(history, step);
        let late = acts.len().saturating_sub(1) == with_state && with_state > 0;
        let mark = mark(history, step, began.map(|began| step.at.since(began)));
        for (i, act) in acts.into_iter().enumerate() {
            events[*side].push_back(SegmentEvent {
                what: act,
                // What the state came long after has no time of its own.
                at: (!late || i == with_state).then_some(step.at.mono_ns),
                mark: (i == with_state).then(|| mark.clone()),
                words: words_on(act, step),
            });
        }
    }
    events
}

/// Acts behind a step, and which of them the new state belongs to.
fn acts(history: &ConnectionHistory, step: &Step) -> (Vec<Act>, usize) {
    use Act::{GaveUp, Nothing, Received, Sent};
    use Segment::{Ack, Fin, FinAck, Rst, Syn, SynAck};
    let What::Changed(from, to, context, cause) = step.what else { return (vec![Nothing], 0) };
    if context.is_some_and(|context| context.is_gap_after(from)) {
        return (vec![Nothing], 0);
    }
    let acts = match (from, Cause::reached_state(cause, to)) {
        (Close, SynSent) => vec![Sent(Syn)],
        (SynSent, Established) => vec![Received(SynAck), Sent(Ack)],
        (SynSent, SynRecv) => vec![Received(Syn), Sent(SynAck)],
        (Listen | Close, SynRecv) if is_at_the_ack(history, step) => {
            return (vec![Received(Syn), Sent(SynAck), Received(Ack)], 2);
        }
        (Listen | Close, SynRecv | NewSynRecv) => vec![Received(Syn), Sent(SynAck)],
        (SynRecv, Established) => match entered_syn_recv(history, step.side) {
            // Both connected at once: the other SYN+ACK is the ACK.
            Some((SynSent, _)) => vec![Received(SynAck)],
            // The ACK was there before.
            Some((_, opening)) if is_at_the_ack(history, opening) => vec![Nothing],
            _ => vec![Received(Ack)],
        },
        (Established | SynRecv | SynSent, FinWait1) | (CloseWait, LastAck) => vec![Sent(Fin)],
        (Established | SynRecv, CloseWait) | (FinWait1, Closing) | (FinWait1 | FinWait2, TimeWait) => {
            vec![Received(Fin), Sent(FinAck)]
        }
        (FinWait1, FinWait2) | (Closing, TimeWait) => vec![Received(FinAck)],
        (LastAck, Close) if cause.is_none() => vec![Received(FinAck)],
        (_, Close) => match cause {
            Some(Cause::ResetReceived | Cause::Refused) => vec![Received(Rst)],
            _ if from == SynSent => vec![GaveUp(Syn)],
            Some(cause) if cause.is_timeout() || matches!(cause, Cause::Unreachable { .. }) => match from {
                SynRecv => vec![GaveUp(SynAck)],
                FinWait1 | Closing | LastAck => vec![GaveUp(Fin)],
                _ => vec![Nothing],
            },
            Some(cause) if sends_reset(from, cause) => vec![Sent(Rst)],
            _ => vec![Nothing],
        },
        _ => vec![Nothing],
    };
    (acts, 0)
}

/// Whether the end of a connection without a FIN sends a RST (`tcp_need_reset`, `tcp_disconnect`, `__tcp_close`).
const fn sends_reset(from: TcpState, cause: Cause) -> bool {
    match from {
        Close | Listen | SynSent | NewSynRecv | TimeWait => false,
        SynRecv | Established | CloseWait | FinWait1 | FinWait2 => {
            cause.is_abort() || matches!(cause, Cause::Exit | Cause::Killed { .. } | Cause::Destroyed)
        }
        Closing | LastAck => cause.is_abort(),
    }
}

/// Whether the step into `SYN_RECV` came with the ACK and not with the SYN: Linux makes the child socket only then, and
/// its own event says so (`inet_csk_clone_lock`). One that was concluded for the time of the SYN is marked as inferred;
/// and if the client was not connected yet (Fast Open), it was the SYN.
fn is_at_the_ack(history: &ConnectionHistory, step: &Step) -> bool {
    let What::Changed(_, _, context, cause) = step.what else { return false };
    if cause == Some(Cause::SynReceived) {
        return false;
    }
    let connected = history.steps.iter().find(|other| {
        other.side != step.side && matches!(other.what, What::Changed(SynSent, Established, ..))
    });
    match connected {
        Some(connected) => step.at.mono_ns >= connected.at.mono_ns,
        None => !matches!(context, Some(Context::Inferred(_))),
    }
}

/// State from which a side came into `SYN_RECV`, and the step.
fn entered_syn_recv(history: &ConnectionHistory, side: usize) -> Option<(TcpState, &Step)> {
    history.steps.iter().filter(|step| step.side == side).find_map(|step| match step.what {
        What::Changed(from, SynRecv, ..) => Some((from, step)),
        _ => None,
    })
}

/// Words on why a FIN or a RST was sent, as far as the step says it.
fn words_on(act: Act, step: &Step) -> String {
    match (act, &step.what) {
        (Act::Received(Segment::Rst), What::Changed(_, _, _, Some(Cause::Refused))) => "refused".to_owned(),
        (Act::Sent(Segment::Fin | Segment::Rst), What::Changed(_, _, _, Some(cause))) => {
            describe_cause(cause).into_owned()
        }
        _ => String::new(),
    }
}

/// Mark of the state that a step leads into, with the words that it has without an arrow.
fn mark(history: &ConnectionHistory, step: &Step, since_ns: Option<u64>) -> StateMark {
    let (state, phase, words) = match step.what {
        What::Existing(state) => (state, Phase::of(state), EXISTING_TEXT.to_owned()),
        What::Orphaned(state) => (state, Phase::of(state), "no process left, stays".to_owned()),
        What::Retransmitted(state, count) => (state, Phase::of(state), describe_retransmit(state, count)),
        What::Reset(state, ref reason) => (state, Phase::Broken, describe_reset(reason.as_deref())),
        What::Changed(from, to, Some(context), _) if context.is_gap_after(from) => {
            (to, Phase::of(to), "(the step was not seen)".to_owned())
        }
        What::Changed(from, to, _, cause) => {
            let subject = history.sides.get(step.side).map(connection::Side::subject);
            let transition = subject.and_then(|subject| step.transition(subject));
            (
                to,
                Phase::after(from, to, cause),
                transition
                    .map_or_else(String::new, |transition| describe_transition(&transition).into_owned()),
            )
        }
    };
    StateMark { since_ns, state, phase, words }
}
