//! Colours by phase of a connection: opening, open, closing, over, reset.

use anstyle::{AnsiColor, Style};

use crate::{
    record::Cause,
    tcp::{self, TcpState},
};

/// Phase of the life of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Listening or shaking hands.
    Opening,
    /// Open.
    Open,
    /// One FIN is on its way, or both.
    Closing,
    /// Over, in order.
    Over,
    /// Broken off.
    Broken,
}

impl Phase {
    /// The phase that a state belongs to.
    #[must_use]
    pub const fn of(state: TcpState) -> Self {
        match state {
            TcpState::Listen | TcpState::SynSent | TcpState::SynRecv | TcpState::NewSynRecv => Self::Opening,
            TcpState::Established => Self::Open,
            TcpState::FinWait1
            | TcpState::FinWait2
            | TcpState::CloseWait
            | TcpState::LastAck
            | TcpState::Closing => Self::Closing,
            TcpState::TimeWait | TcpState::Close => Self::Over,
        }
    }

    /// The phase that a step leads into.
    #[must_use]
    pub const fn after(from: TcpState, to: TcpState, cause: Option<Cause>) -> Self {
        match (to, cause) {
            _ if matches!(tcp::step(from, to), tcp::Step::Impossible) => Self::Broken,
            (TcpState::Close, Some(cause)) if cause.is_abort() || cause.is_timeout() => Self::Broken,
            (
                TcpState::Close,
                Some(
                    Cause::ResetReceived
                    | Cause::Refused
                    | Cause::Unreachable { .. }
                    | Cause::Destroyed
                    | Cause::Error { .. },
                ),
            ) => Self::Broken,
            _ => Self::of(to),
        }
    }
}

/// Styles; the default is plain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Palette {
    coloured: bool,
}

impl Palette {
    /// Colours if `coloured`, else nothing.
    #[must_use]
    pub const fn new(coloured: bool) -> Self {
        Self { coloured }
    }

    /// The style of a phase.
    #[must_use]
    pub const fn phase(self, phase: Phase) -> Style {
        if !self.coloured {
            return Style::new();
        }
        match phase {
            Phase::Opening => AnsiColor::Cyan.on_default(),
            Phase::Open => AnsiColor::Green.on_default(),
            Phase::Closing => AnsiColor::Yellow.on_default(),
            Phase::Over => AnsiColor::BrightBlack.on_default(),
            Phase::Broken => AnsiColor::Red.on_default(),
        }
    }

    /// Headings.
    #[must_use]
    pub const fn heading(self) -> Style {
        if self.coloured { Style::new().bold() } else { Style::new() }
    }

    /// Style of what matters less.
    #[must_use]
    pub const fn faint(self) -> Style {
        if self.coloured { Style::new().dimmed() } else { Style::new() }
    }
}
