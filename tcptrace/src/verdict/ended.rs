//! How a connection ended: what broke it, or whose FINs closed it.

use super::ends::Places;
use crate::{
    record::{Cause, Ended},
    report::{Account, What},
    tcp::TcpState::*,
};

/// What the steps say, if they say anything. What happened at one end goes before what that end's RST did to the other,
/// and a stand-in that ran out before what its absence did.
pub(super) fn ended(account: &Account, places: &Places) -> Option<Ended> {
    let (mut local, mut reset, mut ran_out) = (None, None, None);
    for step in &account.steps {
        let What::Changed(from, Close, _, cause) = step.what else { continue };
        let by = |end| Ended::Reset { by: end };
        let broken = match cause {
            _ if step.is_unseen() || matches!(from, TimeWait | Listen) => continue,
            Some(Cause::ResetReceived) => {
                reset = reset.or(Some(by(places.of_peer(step.side))));
                continue;
            }
            Some(Cause::Elapsed) => {
                ran_out = ran_out.or(Some(Ended::HalfClosed));
                continue;
            }
            Some(Cause::Refused) => Ended::Refused,
            Some(cause) if cause.is_timeout() => Ended::TimedOut,
            Some(Cause::Unreachable { errno }) => Ended::Unreachable { errno },
            Some(Cause::Destroyed) => Ended::Destroyed,
            Some(Cause::Error { errno }) => Ended::Error { errno },
            Some(Cause::Close | Cause::Shutdown { .. } | Cause::Exit | Cause::Killed { .. })
                if from == SynSent =>
            {
                Ended::Abandoned
            }
            Some(Cause::Exit | Cause::Killed { .. }) => by(places.of_side(step.side)),
            Some(cause) if cause.is_abort() => by(places.of_side(step.side)),
            _ => continue,
        };
        local = local.or(Some(broken));
    }
    local.or(ran_out).or(reset).or_else(|| closed(account))
}

/// Whose FINs closed it.
fn closed(account: &Account) -> Option<Ended> {
    let changed = |wanted: &dyn Fn(usize, (_, _)) -> bool| {
        account.steps.iter().any(|step| match step.what {
            What::Changed(from, to, _, cause) => wanted(step.side, (from, Cause::stands_for(cause, to))),
            What::Existing(state) => wanted(step.side, (state, state)),
            _ => false,
        })
    };
    let closes_first = |side: usize| changed(&|index, (_, to)| index == side && to == FinWait1);
    let both = (0..account.sides.len()).filter(|side| closes_first(*side)).count() > 1;
    if both || changed(&|_, (from, to)| from == Closing || to == Closing) {
        return Some(Ended::Simultaneous);
    }
    let in_order = changed(&|_, (from, to)| to == TimeWait || (from, to) == (LastAck, Close));
    in_order.then_some(Ended::InOrder)
}
