//! How a command can fail, and the exit code for it.

use std::{io, process::ExitCode};

use crate::probe::RAISE;

/// Kinds of failure. The exit codes are part of the outside contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It went wrong while running.
    Run,
    /// The command line makes no sense here.
    Usage,
    /// This kernel or these privileges do not allow it.
    CannotTrace,
    /// What `--fail-on` names was met.
    Condition,
    /// The command to trace cannot be run: with the exit code that shells have for it.
    Command(u8),
}

/// A failure: one sentence with the next step, and its kind.
#[derive(Debug)]
pub struct Failure {
    /// The kind.
    pub kind: Kind,
    /// What went wrong.
    pub error: anyhow::Error,
}

impl Failure {
    /// A wrong command line.
    pub fn usage(error: impl Into<anyhow::Error>) -> Self {
        Self { kind: Kind::Usage, error: error.into() }
    }

    /// Tracing is not possible here.
    pub fn cannot_trace(error: impl Into<anyhow::Error>) -> Self {
        Self { kind: Kind::CannotTrace, error: error.into() }
    }

    /// What `--fail-on` names was met.
    pub fn condition(words: String) -> Self {
        Self { kind: Kind::Condition, error: anyhow::Error::msg(words) }
    }

    /// Whether the reader of our output has gone away: that is a normal end (`| head -1`).
    #[must_use]
    pub fn is_closed_pipe(&self) -> bool {
        self.error.chain().any(|cause| {
            cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
        })
    }

    /// The next step, where the error itself cannot know it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        let no_descriptor = |cause: &(dyn std::error::Error + 'static)| {
            cause.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error) == Some(libc::EMFILE)
        };
        if self.error.chain().any(no_descriptor) { RAISE } else { "" }
    }

    /// The exit code.
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
