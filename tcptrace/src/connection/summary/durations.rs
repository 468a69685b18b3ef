//! How long the parts of a connection took, where both of their ends were seen.

use crate::{
    connection::{ConnectionHistory, Step, What},
    record::{Cause, Context, Inference},
    tcp::TcpState::{self, *},
    time::Moment,
};

/// The moments between the parts; each is absent if it was not seen.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Durations {
    open: Option<Moment>,
    leaving: Option<Moment>,
    /// The first FIN, and the second.
    fins: [Option<Moment>; 2],
    /// When one of the FINs came is not known.
    vague: bool,
}

impl Durations {
    pub(super) fn of(history: &ConnectionHistory) -> Self {
        let mut durations = Self::default();
        // Which of a side's own FIN and the peer's were seen, by side.
        let mut fins = vec![[false; 2]; history.sides.len()];
        for step in &history.steps {
            let What::Changed(from, to, _, cause) = step.what else { continue };
            let to = Cause::reached_state(cause, to);
            let at = is_timed(step).then_some(step.at);
            if to == Established && durations.open.is_none() {
                durations.open = at;
            }
            if from == Established && durations.leaving.is_none() {
                durations.leaving = at;
            }
            let Some(seen) = fins.get_mut(step.side) else { continue };
            let which = match (from, to) {
                (FinWait1 | LastAck, FinWait1 | LastAck) => continue,
                (_, FinWait1 | LastAck) => 0,
                (_, CloseWait | Closing) | (FinWait1 | FinWait2, TimeWait) => 1,
                _ => continue,
            };
            seen[which] = true;
            let [own, peers] = *seen;
            let other = fins.iter().enumerate().find(|(index, _)| *index != step.side);
            // What one end sends, the other one receives: the second FIN is the one that makes both.
            let both = own && peers || which == 0 && other.is_some_and(|(_, [sent, _])| *sent);
            let place = usize::from(both);
            durations.vague |= at.is_none();
            durations.fins[place] = durations.fins[place].or(at);
        }
        durations
    }

    pub(super) fn established(&self) -> Option<u64> {
        Some(self.leaving?.since(self.open?))
    }

    pub(super) fn half_closed(&self, until: Moment) -> Option<u64> {
        let first = self.fins[0].filter(|_| !self.vague)?;
        Some(self.fins[1].unwrap_or(until).since(first))
    }

    pub(super) fn teardown(&self, until: Moment) -> Option<u64> {
        Some(until.since(self.leaving?))
    }
}

/// From a side's SYN, or from the peer's, to `ESTABLISHED`.
pub(super) fn handshake(history: &ConnectionHistory, side: usize) -> Option<u64> {
    let entered = |state: TcpState, seen: fn(TcpState, Option<Cause>) -> bool| {
        history.steps.iter().find_map(|step| match step.what {
            What::Changed(from, to, _, cause)
                if step.side == side && to == state && is_timed(step) && seen(from, cause) =>
            {
                Some(step.at)
            }
            _ => None,
        })
    };
    let begun = entered(SynSent, |_, _| true).or_else(|| {
        // Without the note of the SYN the kernel reports this step when the handshake is over.
        entered(SynRecv, |from, cause| from == SynSent || cause == Some(Cause::SynReceived))
    })?;
    entered(Established, |_, _| true).map(|open| open.since(begun))
}

/// Whether the step's time is the time at which it happened.
fn is_timed(step: &Step) -> bool {
    match step.what {
        What::Changed(_, _, Some(Context::Inferred(Inference::Minisocket)), _) => false,
        What::Changed(from, _, Some(context), _) => !context.is_gap_after(from),
        _ => true,
    }
}
