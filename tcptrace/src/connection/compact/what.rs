//! Kinds of steps in full, for those that have no place in the table.

use super::{
    What,
    coder::{Coded, Coder},
};
use crate::{
    record::{Cause, Context, Inference},
    tcp::TcpState,
};

/// A type of several variants: each has a number, and then its fields.
macro_rules! variants {
    ($type:ident, else $blank:expr; $($number:literal => $variant:ident
        $({ $($field:ident: $default:expr),* })? $(( $($item:ident: $other:expr),* ))?,)*) => {
        impl Coded for $type {
            fn coded(self, coder: &mut impl Coder) -> Self {
                let number = match &self {
                    $(Self::$variant { .. } => $number,)*
                };
                match coder.number(number) {
                    $($number => {
                        // When read, the fields are in place of these.
                        $(let ($($field,)*) = match self {
                            Self::$variant { $($field),* } => ($($field,)*),
                            _ => ($($default,)*),
                        };)?
                        $(let ($($item,)*) = match self {
                            Self::$variant($($item),*) => ($($item,)*),
                            _ => ($($other,)*),
                        };)?
                        Self::$variant $({ $($field: $field.coded(coder)),* })? $(( $($item.coded(coder)),* ))?
                    })*
                    // Nobody but us has written it.
                    _ => $blank,
                }
            }
        }
    };
}

variants! {
    What, else Self::Existing(TcpState::Close);
    0 => Existing(state: TcpState::Close),
    1 => Changed(from: TcpState::Close, to: TcpState::Close, context: None, cause: None),
    2 => Orphaned(state: TcpState::Close),
    3 => Retransmitted(state: TcpState::Close, count: 0),
    4 => Reset(state: TcpState::Close, reason: None),
}

variants! {
    Context, else Self::Process;
    0 => Process,
    1 => Softirq,
    2 => Inferred(inference: Inference::Listed),
}

variants! {
    Inference, else Self::Listed;
    0 => FinReceived,
    1 => Orphaned,
    2 => Continuity,
    3 => PeerClosed,
    4 => Minisocket,
    5 => Listed,
}

variants! {
    Cause, else Self::Close;
    0 => Close,
    1 => Shutdown { both: false },
    2 => Exit,
    3 => Killed { signal: 0 },
    4 => SynReceived,
    5 => SynCookie,
    6 => FinReceived,
    7 => ResetReceived,
    8 => Abort,
    9 => UnreadData,
    10 => LingerZero,
    11 => OrphanLimit,
    12 => TimeWaitLimit,
    13 => Refused,
    14 => TimedOut,
    15 => RetransmissionTimeout,
    16 => KeepaliveTimeout,
    17 => UserTimeout,
    18 => Unreachable { errno: 0 },
    19 => Destroyed,
    20 => Error { errno: 0 },
    21 => Elapsed,
    22 => ListenerClosed,
    23 => Reused,
}

/// Passes what may not be there; `blank` is read into.
fn optional<T: Coded>(coder: &mut impl Coder, value: Option<T>, blank: T) -> Option<T> {
    let is_some = value.is_some().coded(coder);
    is_some.then(|| value.unwrap_or(blank).coded(coder))
}

impl Coded for Option<Context> {
    fn coded(self, coder: &mut impl Coder) -> Self {
        optional(coder, self, Context::Process)
    }
}

impl Coded for Option<Cause> {
    fn coded(self, coder: &mut impl Coder) -> Self {
        optional(coder, self, Cause::Close)
    }
}

impl Coded for Option<String> {
    fn coded(self, coder: &mut impl Coder) -> Self {
        optional(coder, self, String::new())
    }
}
