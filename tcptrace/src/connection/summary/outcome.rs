//! How a connection ended: what broke it, or whose FINs closed it.

use super::ends::Places;
use crate::{
    connection::{ConnectionHistory, What},
    record::{Cause, Outcome},
    tcp::TcpState::*,
};

/// What the steps say, if they say anything. What happened at one end goes before what that end's RST did to the other,
/// and a stand-in that ran out before what its absence did.
pub(super) fn outcome(history: &ConnectionHistory, places: &Places) -> Option<Outcome> {
    let (mut local, mut reset, mut ran_out) = (None, None, None);
    for step in &history.steps {
        let What::Changed(from, Close, _, cause) = step.what else { continue };
        let by = |end| Outcome::Reset { by: end };
        let broken = match cause {
            _ if step.is_unseen() || matches!(from, TimeWait | Listen) => continue,
            Some(Cause::ResetReceived) => {
                reset = reset.or(Some(by(places.of_peer(step.side))));
                continue;
            }
            Some(Cause::Elapsed) => {
                ran_out = ran_out.or(Some(Outcome::HalfClosed));
                continue;
            }
            Some(Cause::Refused) => Outcome::Refused,
            Some(cause) if cause.is_timeout() => Outcome::TimedOut,
            Some(Cause::Unreachable { errno }) => Outcome::Unreachable { errno },
            Some(Cause::Destroyed) => Outcome::Destroyed,
            Some(Cause::Error { errno }) => Outcome::Error { errno },
            Some(Cause::Close | Cause::Shutdown { .. } | Cause::Exit | Cause::Killed { .. })
                if from == SynSent =>
            {
                Outcome::Abandoned
            }
            Some(Cause::Exit | Cause::Killed { .. }) => by(places.of_side(step.side)),
            Some(cause) if cause.is_abort() => by(places.of_side(step.side)),
            _ => continue,
        };
        local = local.or(Some(broken));
    }
    local.or(ran_out).or(reset).or_else(|| closed(history))
}

/// Whose FINs closed it.
fn closed(history: &ConnectionHistory) -> Option<Outcome> {
    let changed = |wanted: &dyn Fn(usize, (_, _)) -> bool| {
        history.steps.iter().any(|step| match step.what {
            What::Changed(from, to, _, cause) => wanted(step.side, (from, Cause::reached_state(cause, to))),
            What::Existing(state) => wanted(step.side, (state, state)),
            _ => false,
        })
    };
    let closes_first = |side: usize| changed(&|index, (_, to)| index == side && to == FinWait1);
    let both = (0..history.sides.len()).filter(|side| closes_first(*side)).count() > 1;
    if both || changed(&|_, (from, to)| from == Closing || to == Closing) {
        return Some(Outcome::Simultaneous);
    }
    let in_order = changed(&|_, (from, to)| to == TimeWait || (from, to) == (LastAck, Close));
    in_order.then_some(Outcome::InOrder)
}
