//! Failures of a command, and their exit codes.

use std::{io, process::ExitCode};

use crate::probe::RAISE;

/// Kinds of failure. Their exit codes are part of the contract with users.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A failure while running.
    Run,
    /// A wrong command line.
    Usage,
    /// Tracing is not possible with this kernel or these privileges.
    CannotTrace,
    /// A condition of `--fail-on` occurred.
    Condition,
    /// The command to trace cannot be run. Holds the exit code that shells use for this.
    Command(u8),
}

/// A failure: its kind, and a sentence that says what to do.
#[derive(Debug)]
pub struct Failure {
    /// Kind of the failure.
    pub kind: Kind,
    /// Error that caused the failure.
    pub error: anyhow::Error,
}

impl Failure {
    /// A failure of the kind [`Kind::Usage`].
    pub fn usage(error: impl Into<anyhow::Error>) -> Self {
        Self { kind: Kind::Usage, error: error.into() }
    }

    /// A failure of the kind [`Kind::CannotTrace`].
    pub fn cannot_trace(error: impl Into<anyhow::Error>) -> Self {
        Self { kind: Kind::CannotTrace, error: error.into() }
    }

    /// A failure of the kind [`Kind::Condition`], with the sentence that describes the condition.
    pub fn condition(words: String) -> Self {
        Self { kind: Kind::Condition, error: anyhow::Error::msg(words) }
    }

    /// Whether the reader of the output closed the pipe, as `| head -1` does: a normal end.
    #[must_use]
    pub fn is_closed_pipe(&self) -> bool {
        self.error.chain().any(|cause| {
            cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
        })
    }

    /// Advice on the failure, where the error itself gives none; otherwise empty.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        let no_descriptor = |cause: &(dyn std::error::Error + 'static)| {
            cause.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error) == Some(libc::EMFILE)
        };
        if self.error.chain().any(no_descriptor) { RAISE } else { "" }
    }

    /// Exit code of the failure.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        match self.kind {
            _ if self.is_closed_pipe() => ExitCode::SUCCESS,
            Kind::Run => ExitCode::from(1),
            Kind::Usage => ExitCode::from(2),
            Kind::CannotTrace => ExitCode::from(3),
            Kind::Condition => ExitCode::from(4),
            Kind::Command(code) => ExitCode::from(code),
        }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self { kind: Kind::Run, error }
    }
}
