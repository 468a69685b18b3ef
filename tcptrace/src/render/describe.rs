//! A few plain words for what happened.

use crate::{
    process::signal_name,
    record::{Cause, Context, Inference, Transition},
    tcp::TcpState,
};

/// What it means that an orphan stays in `FIN_WAIT2`.
pub const ORPHAN_TEXT: &str = "no process left, waits for the FIN";

/// What it means that a socket was found at the start.
pub const EXISTING_TEXT: &str = "was there before";

/// What a step means, with its cause where there is evidence for one; and whether it is concluded.
#[must_use]
pub fn describe_transition(step: &Transition) -> String {
    let words = meaning(step);
    match step.context {
        Some(context) if step.is_illegal() || context.is_gap_after(step.from) => words,
        context => marked(words, context),
    }
}

/// The words, marked if what they say is concluded.
#[must_use]
pub fn marked(words: String, context: Option<Context>) -> String {
    match context {
        Some(Context::Inferred(_)) => format!("{words} (inferred)").trim_start().to_owned(),
        _ => words,
    }
}

fn meaning(step: &Transition) -> String {
    use TcpState::{
        Close, CloseWait, Closing, Established, FinWait1, FinWait2, LastAck, Listen, SynRecv, SynSent,
        TimeWait,
    };
    if step.is_illegal() {
        return "not a step of TCP: events in between were missed".to_owned();
    }
    match step.context {
        Some(Context::Inferred(Inference::Continuity)) => {
            return "(not seen; the next step begins here)".to_owned();
        }
        Some(context) if context.is_gap_after(step.from) => {
            return "(not seen; the kernel lists it so)".to_owned();
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
        _ => return cause.map_or_else(String::new, |cause| describe_cause(&cause)),
    };
    words.to_owned()
}

/// How a connection without a last FIN ended.
fn ending(from: TcpState, cause: Option<Cause>) -> String {
    match cause {
        Some(Cause::Abort) => "aborted, RST sent".to_owned(),
        Some(Cause::UnreadData | Cause::LingerZero) => because(cause, "RST sent"),
        Some(Cause::Exit | Cause::Killed { .. }) if from != TcpState::SynSent => because(cause, "RST sent"),
        Some(Cause::Close | Cause::Shutdown { .. } | Cause::Exit | Cause::Killed { .. }) => {
            because(cause, "gave up")
        }
        Some(cause) => describe_cause(&cause),
        None => "closed".to_owned(),
    }
}

fn because(cause: Option<Cause>, what: &str) -> String {
    cause.map_or_else(|| what.to_owned(), |cause| format!("{}, {what}", describe_cause(&cause)))
}

/// The cause alone.
#[must_use]
pub fn describe_cause(cause: &Cause) -> String {
    match cause {
        Cause::Close => "close()".to_owned(),
        Cause::Shutdown { both: false } => "shutdown(WR)".to_owned(),
        Cause::Shutdown { both: true } => "shutdown(RDWR)".to_owned(),
        Cause::Exit => "process exited".to_owned(),
        Cause::Killed { signal } => describe_signal(*signal),
        Cause::SynReceived => "SYN received".to_owned(),
        Cause::SynCookie => "SYN cookie received".to_owned(),
        Cause::FinReceived => "FIN received".to_owned(),
        Cause::ResetReceived => "RST received".to_owned(),
        Cause::Abort => "aborted".to_owned(),
        Cause::UnreadData => "closed with unread data".to_owned(),
        Cause::LingerZero => "closed with SO_LINGER 0".to_owned(),
        Cause::OrphanLimit => "too many orphans, or no memory for one".to_owned(),
        Cause::TimeWaitLimit => "no TIME_WAIT: too many, or no memory for one".to_owned(),
        Cause::Refused => "refused: RST received".to_owned(),
        Cause::TimedOut => "timed out, no answer".to_owned(),
        Cause::RetransmissionTimeout => "sent again in vain, gave up".to_owned(),
        Cause::KeepaliveTimeout => "keepalive not answered, gave up".to_owned(),
        Cause::UserTimeout => "TCP_USER_TIMEOUT is over".to_owned(),
        Cause::Unreachable { errno } => format!("unreachable ({})", error_name(*errno)),
        Cause::Destroyed => "destroyed from outside (ss -K)".to_owned(),
        Cause::Error { errno } => format!("error ({})", error_name(*errno)),
        Cause::Elapsed => "its time is over".to_owned(),
        Cause::ListenerClosed => "never accepted, its listener closed".to_owned(),
        Cause::Reused => "another connection takes its place".to_owned(),
    }
}

/// What can have been sent again in this state.
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
    reason.map_or_else(|| "RST sent".to_owned(), |reason| format!("RST sent ({reason})"))
}

/// What ended the process.
#[must_use]
pub fn describe_signal(signal: u8) -> String {
    format!("killed by {}", signal_name(signal))
}

/// The words of the C library for an errno.
fn error_name(errno: u16) -> String {
    let text = std::io::Error::from_raw_os_error(errno.into()).to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}
