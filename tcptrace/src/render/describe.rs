//! A few plain words for what happened.

use std::borrow::Cow;

use crate::{
    escape::Escaped,
    process::signal_name,
    record::{Cause, Context, Inference, Transition},
    tcp::TcpState,
};

/// Meaning of an orphan that stays in `FIN_WAIT2`.
pub const ORPHAN_TEXT: &str = "no process left, waits for the FIN";

/// Meaning of a socket that was found at the start.
pub const EXISTING_TEXT: &str = "was there before";

/// Meaning of a step, with its cause where there is evidence for one; and whether it is concluded.
#[must_use]
pub fn describe_transition(step: &Transition) -> Cow<'static, str> {
    let words = meaning(step);
    match step.context {
        Some(context) if step.is_illegal() || context.is_gap_after(step.from) => words,
        context => marked(words, context),
    }
}

/// The words, marked if what they say is concluded.
#[must_use]
pub fn marked(words: Cow<'static, str>, context: Option<Context>) -> Cow<'static, str> {
    match context {
        Some(Context::Inferred(_)) => format!("{words} (inferred)").trim_start().to_owned().into(),
        _ => words,
    }
}

fn meaning(step: &Transition) -> Cow<'static, str> {
    use TcpState::{
        Close, CloseWait, Closing, Established, FinWait1, FinWait2, LastAck, Listen, SynRecv, SynSent,
        TimeWait,
    };
    if step.is_illegal() {
        return "not a step of TCP: events in between were missed".into();
    }
    match step.context {
        Some(Context::Inferred(Inference::Continuity)) => {
            return "(not seen; the next step begins here)".into();
        }
        Some(context) if context.is_gap_after(step.from) => {
            return "(not seen; the kernel lists it so)".into();
        }
        _ => {}
    }
    let cause = step.cause;
    let words = match (step.from, step.to) {
        (Close, Listen) => "listening",
        (Close, SynSent) => "SYN sent",
        (Listen, SynRecv) if cause == Some(Cause::SynReceived) => "SYN received, SYN+ACK sent",
        (Listen, SynRecv) => "the listener's new socket",
        (SynSent, SynRecv) => "SYN received, both connect at once",
        (SynSent, Established) => "SYN+ACK received, connected",
        (SynRecv, Established) if cause == Some(Cause::SynCookie) => {
            "ACK received, with a SYN cookie as it seems, connected"
        }
        (SynRecv, Established) => "ACK received, connected",
        (_, FinWait1) => return because(cause, "FIN sent"),
        (_, LastAck) => return because(cause, "FIN sent"),
        (_, CloseWait) => "FIN received, peer closed first",
        (FinWait1, FinWait2) => "FIN acknowledged",
        (FinWait1, Closing) => "FIN received, both closed at once",
        (Closing, TimeWait) => "FIN acknowledged, waits 60 s",
        (_, TimeWait) => "FIN received, waits 60 s",
        (TimeWait, Close) if cause == Some(Cause::Elapsed) => "60 s are over",
        (FinWait2, Close) if cause == Some(Cause::Elapsed) => "no FIN came, tcp_fin_timeout is over",
        (FinWait2, Close) if cause == Some(Cause::TimeWaitLimit) => {
            "FIN received; no TIME_WAIT, too many as it seems"
        }
        (Closing, Close) if cause == Some(Cause::TimeWaitLimit) => {
            "FIN acknowledged; no TIME_WAIT, too many as it seems"
        }
        (SynRecv, Close) if cause == Some(Cause::TimedOut) => "the ACK never came",
        (Listen, Close) => return because(cause, "stopped listening"),
        (LastAck, Close) if cause.is_none() => "FIN acknowledged, closed in order",
        (_, Close) => return ending(step.from, cause),
        _ => return cause.map_or(Cow::Borrowed(""), |cause| describe_cause(&cause)),
    };
    words.into()
}

/// How a connection without a last FIN ended.
fn ending(from: TcpState, cause: Option<Cause>) -> Cow<'static, str> {
    match cause {
        Some(Cause::Abort) => "aborted, RST sent".into(),
        Some(Cause::UnreadData | Cause::LingerZero) => because(cause, "RST sent"),
        Some(Cause::Exit | Cause::Killed { .. }) if from != TcpState::SynSent => because(cause, "RST sent"),
        Some(Cause::Close | Cause::Shutdown { .. } | Cause::Exit | Cause::Killed { .. }) => {
            because(cause, "gave up")
        }
        Some(cause) => describe_cause(&cause),
        None => "closed".into(),
    }
}

fn because(cause: Option<Cause>, what: &'static str) -> Cow<'static, str> {
    cause.map_or(Cow::Borrowed(what), |cause| format!("{}, {what}", describe_cause(&cause)).into())
}

/// The cause alone.
#[must_use]
pub fn describe_cause(cause: &Cause) -> Cow<'static, str> {
    match cause {
        Cause::Close => "close()".into(),
        Cause::Shutdown { both: false } => "shutdown(WR)".into(),
        Cause::Shutdown { both: true } => "shutdown(RDWR)".into(),
        Cause::Exit => "process exited".into(),
        Cause::Killed { signal } => describe_signal(*signal).into(),
        Cause::SynReceived => "SYN received".into(),
        Cause::SynCookie => "SYN cookie received".into(),
        Cause::FinReceived => "FIN received".into(),
        Cause::ResetReceived => "RST received".into(),
        Cause::Abort => "aborted".into(),
        Cause::UnreadData => "closed with unread data".into(),
        Cause::LingerZero => "closed with SO_LINGER 0".into(),
        Cause::OrphanLimit => "too many orphans, or no memory for one".into(),
        Cause::TimeWaitLimit => "no TIME_WAIT: too many, or no memory for one".into(),
        Cause::Refused => "refused: RST received".into(),
        Cause::TimedOut => "timed out, no answer".into(),
        Cause::RetransmissionTimeout => "sent again in vain, gave up".into(),
        Cause::KeepaliveTimeout => "keepalive not answered, gave up".into(),
        Cause::UserTimeout => "TCP_USER_TIMEOUT is over".into(),
        Cause::Unreachable { errno } => format!("unreachable ({})", error_name(*errno)).into(),
        Cause::Destroyed => "destroyed from outside (ss -K)".into(),
        Cause::Error { errno } => format!("error ({})", error_name(*errno)).into(),
        Cause::Elapsed => "its time is over".into(),
        Cause::ListenerClosed => "never accepted, its listener closed".into(),
        Cause::Reused => "another connection takes its place".into(),
    }
}

/// Segments that can have been sent again in this state.
#[must_use]
pub fn describe_retransmit(state: TcpState, count: u64) -> String {
    let what = match state {
        TcpState::SynSent => "SYN",
        TcpState::SynRecv | TcpState::NewSynRecv => "SYN+ACK",
        TcpState::FinWait1 | TcpState::LastAck | TcpState::Closing => "FIN or data",
        _ => "data",
    };
    match count {
        0 | 1 => format!("{what} sent again"),
        count => format!("{what} sent again, {count} times now"),
    }
}

/// A RST, and why it was sent.
#[must_use]
pub fn describe_reset(reason: Option<&str>) -> String {
    reason
        .map_or_else(|| "RST sent".to_owned(), |reason| format!("RST sent ({})", Escaped(reason.as_bytes())))
}

/// Words for what ended the process.
#[must_use]
pub fn describe_signal(signal: u8) -> String {
    format!("killed by {}", signal_name(signal))
}

/// The words of the C library for an errno.
fn error_name(errno: u16) -> String {
    let text = std::io::Error::from_raw_os_error(errno.into()).to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}
