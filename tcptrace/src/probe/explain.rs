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
            let reason = io_reason(os);
            return if denied {
                anyhow!(Denied(format!("{what}: {reason}{hint}")))
            } else {
                anyhow!("{what}: {reason}{hint}")
            };
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

/// Refusal for want of privileges: another hook would be refused too.
#[derive(Debug)]
struct Denied(String);

impl std::fmt::Display for Denied {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Denied {}

/// Whether the kernel refused for want of privileges.
pub(super) fn is_denied(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| cause.is::<Denied>())
}
