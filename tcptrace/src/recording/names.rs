//! The words of records, back to what they stand for.

use crate::{
    process::{Evidence, signal_name},
    record::{Cause, Context, Inference, Loss},
    tcp::TcpState,
};

/// Something that a word stands for.
pub(super) trait Named: Sized {
    /// What the word stands for; `None` if it is not known here.
    fn named(word: &str) -> Option<Self>;
}

impl Named for TcpState {
    fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == word)
    }
}

impl Named for Loss {
    fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|loss| loss.name() == word)
    }
}

impl Named for Inference {
    fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|inference| inference.name() == word)
    }
}

impl Named for Evidence {
    fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|evidence| evidence.name() == word)
    }
}

/// Whether `shutdown()` was of both directions.
pub(super) fn both(word: &str) -> Option<bool> {
    match word {
        "both" => Some(true),
        "write" => Some(false),
        _ => None,
    }
}

// The context of a word, and the cause of one, need what stands beside them.

pub(super) fn context(word: &str, inference: Option<Inference>) -> Option<Context> {
    Some(match word {
        "process" => Context::Process,
        "softirq" => Context::Softirq,
        "inferred" => Context::Inferred(inference?),
        _ => return None,
    })
}

pub(super) fn cause(
    word: &str,
    both: Option<bool>,
    signal: Option<&str>,
    errno: Option<u16>,
) -> Option<Cause> {
    Some(match word {
        "close" => Cause::Close,
        // Without a word for the direction: a recording from before there was one.
        "shutdown" => Cause::Shutdown { both: both.unwrap_or(false) },
        "exit" => Cause::Exit,
        "killed" => Cause::Killed { signal: self::signal(signal?)? },
        "syn_received" => Cause::SynReceived,
        "syn_cookie" => Cause::SynCookie,
        "fin_received" => Cause::FinReceived,
        "reset_received" => Cause::ResetReceived,
        "abort" => Cause::Abort,
        "unread_data" => Cause::UnreadData,
        "linger_zero" => Cause::LingerZero,
        "orphan_limit" => Cause::OrphanLimit,
        "time_wait_limit" => Cause::TimeWaitLimit,
        "refused" => Cause::Refused,
        "timed_out" => Cause::TimedOut,
        "retransmission_timeout" => Cause::RetransmissionTimeout,
        "keepalive_timeout" => Cause::KeepaliveTimeout,
        "user_timeout" => Cause::UserTimeout,
        "unreachable" => Cause::Unreachable { errno: errno? },
        "destroyed" => Cause::Destroyed,
        "error" => Cause::Error { errno: errno? },
        "elapsed" => Cause::Elapsed,
        "reused" => Cause::Reused,
        "listener_closed" => Cause::ListenerClosed,
        _ => return None,
    })
}

fn signal(name: &str) -> Option<u8> {
    (0..=u8::MAX).find(|number| signal_name(*number) == name)
}
