//! The pairs of a timer's events that are one step, and the events that something may still follow.

use super::{SocketEvent, SocketEventKind, TimerStep};
use SocketEventKind::{Request, Timewait};
use TimerStep::{Expired, Restarted, Started, Stopped};

/// Time within which an event follows that belongs to the one before, nanoseconds: the kernel does both in one go.
const TOGETHER: u64 = 1_000_000;

/// Time within which an event follows where nothing else can look like it, and a virtual CPU may be taken away in
/// between, or a SYN+ACK be sent: a minisocket or a request runs out or makes room, a request whose timer ran out gets
/// another one.
pub(super) const AT_LAST: u64 = 20_000_000;

/// Rule for two events of one timer that are one step.
struct Rule {
    first: SocketEventKind,
    second: SocketEventKind,
    within: Within,
    /// Step that both are.
    step: TimerStep,
}

/// Time within which the second event of a pair comes.
enum Within {
    Together,
    AtLast,
    /// `AtLast` if the first event has a cookie, which is nobody else's; else `Together`.
    AtLastIfNamed,
}

/// Rules for all pairs. A minisocket that ran out is gone, so nothing follows its end.
const RULES: [Rule; 5] = [
    rule(Timewait(Stopped), Timewait(Expired), Within::AtLast, Expired),
    rule(Timewait(Stopped), Timewait(Started), Within::AtLastIfNamed, Restarted),
    rule(Request(Stopped), Request(Expired), Within::AtLast, Expired),
    rule(Request(Stopped), Request(Started), Within::Together, Restarted),
    rule(Request(Expired), Request(Started), Within::AtLast, Restarted),
];

const fn rule(first: SocketEventKind, second: SocketEventKind, within: Within, step: TimerStep) -> Rule {
    Rule { first, second, within, step }
}

/// The step that two events of one timer are, if they belong together.
pub(super) fn step_of(first: &SocketEvent, second: &SocketEvent) -> Option<TimerStep> {
    let rule = RULES.iter().find(|rule| (rule.first, rule.second) == (first.kind, second.kind))?;
    let within = match rule.within {
        Within::AtLastIfNamed if first.cookie.is_some() => AT_LAST,
        Within::AtLast => AT_LAST,
        Within::Together | Within::AtLastIfNamed => TOGETHER,
    };
    comes_within(first.mono_ns, second.mono_ns, within).then_some(rule.step)
}

/// Whether the second time is after the first, by less than `within`.
pub(super) fn comes_within(first_ns: u64, second_ns: u64, within: u64) -> bool {
    second_ns.checked_sub(first_ns).is_some_and(|passed| passed < within)
}

/// Whether a later batch may bring what makes an event something else. A minisocket that ran out is gone; a request whose
/// timer runs out may get another one, and one that was stopped is completed if its child comes.
pub(super) const fn may_be_followed(event: &SocketEvent) -> bool {
    matches!(event.kind, Timewait(Stopped) | Request(Stopped | Expired))
}
