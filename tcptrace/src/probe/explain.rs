//! Why the kernel would not load or attach, in one sentence with the next step.

use anyhow::anyhow;
use aya::programs::ProgramError;

/// The next step where descriptors run out. A trace has 36 open while it begins, and the dump of sockets takes more.
pub const RAISE: &str = " (raise ulimit -n: a trace needs 64)";

/// Turns the loader's error into one sentence with the next step. The verifier's words go to the debug log.
pub(super) fn explain(what: &str, error: &(dyn std::error::Error + 'static)) -> anyhow::Error {
    if let Some(ProgramError::LoadError { verifier_log, .. }) = error.downcast_ref() {
        log::debug!("{what}: the verifier said:\n{verifier_log}");
    }
    let mut cause = Some(error);
    while let Some(current) = cause {
        if let Some(os) = current.downcast_ref::<std::io::Error>() {
            let denied = os.kind() == std::io::ErrorKind::PermissionDenied;
            let hint = match denied {
                true if what.contains("tracepoint ") => {
                    " (needs CAP_BPF, CAP_PERFMON and a readable tracefs; try sudo)"
                }
                // With every privilege: it is the kernel's configuration, or a policy of the host.
                true if what.contains("fexit ") || what.contains("fentry ") => "",
                true => " (needs CAP_BPF and CAP_PERFMON; try sudo)",
                false if os.raw_os_error() == Some(libc::EMFILE) => RAISE,
                false => "",
            };
            return anyhow!(Refused {
                said: format!("{what}: {}{hint}", io_reason(os)),
                kind: os.kind(),
                number: os.raw_os_error()
            });
        }
        cause = current.source();
    }
    anyhow!("{what}: {error}")
}

/// `operation not permitted`, without the number and the capital letter.
fn io_reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

/// Refusal by the kernel.
#[derive(Debug)]
struct Refused {
    /// The sentence for the user.
    said: String,
    kind: std::io::ErrorKind,
    number: Option<i32>,
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.said)
    }
}

impl std::error::Error for Refused {}

/// Whether the kernel refused for want of privileges: another hook would be refused too.
pub(super) fn is_denied(error: &anyhow::Error) -> bool {
    let denied = |refused: &Refused| refused.kind == std::io::ErrorKind::PermissionDenied;
    error.chain().filter_map(|cause| cause.downcast_ref()).any(denied)
}

/// Whether there are too few descriptors: then there are none left for the dumps either.
pub(super) fn lacks_descriptors(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let refused = cause.downcast_ref::<Refused>().and_then(|refused| refused.number);
        let direct = cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::raw_os_error);
        refused.or(direct) == Some(libc::EMFILE)
    })
}
