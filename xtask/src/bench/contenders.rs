//! The tracers that are measured, and how each reports what it lost.

use crate::workspace;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// A tracer, or none.
#[derive(Clone, Debug)]
pub(super) struct Contender {
    pub(super) name: &'static str,
    pub(super) program: Option<PathBuf>,
    pub(super) arguments: &'static [&'static str],
    says: Says,
}

/// Way in which a tracer reports losses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Says {
    Nothing,
    /// In the record at the end.
    Json,
    /// In the last line.
    Totals,
    /// At once: `lost 12 events on CPU #0!` (libbpf-tools), `Lost 12 events` (bpftrace).
    Warnings,
}

const BPFTRACE: &str = r#"tracepoint:sock:inet_sock_set_state /args->protocol == 6/ {
    printf("%llu %d %s %d %d %d %d\n",
        nsecs, pid, comm, args->sport, args->dport, args->oldstate, args->newstate)
}"#;

/// Everything that can be measured here. The first one is no tracer at all, and the second one too: what two equal
/// things differ by says how much a difference means.
pub(super) fn all() -> Vec<Contender> {
    let mut all = vec![
        Contender { name: "none", program: None, arguments: &[], says: Says::Nothing },
        Contender { name: "none, again", program: None, arguments: &[], says: Says::Nothing },
        ours("tcptrace text", &[], Says::Totals),
        ours("tcptrace text, no report", &["--report", "none"], Says::Totals),
        ours("tcptrace json", &["-f", "json"], Says::Json),
        ours("tcptrace json, other port", &["-f", "json", "--port", "9"], Says::Json),
        ours("tcptrace json, classic", &["-f", "json", "--probe", "tracepoint"], Says::Json),
    ];
    for (name, package, arguments) in [
        ("tcpstates", "libbpf-tools", &[] as &[_]),
        ("tcplife", "libbpf-tools", &[]),
        ("bpftrace", "bpftrace", &["-e", BPFTRACE]),
    ] {
        match workspace::find_program(name, Some(Path::new("/usr/sbin"))) {
            Ok(program) => {
                all.push(Contender { name, program: Some(program), arguments, says: Says::Warnings })
            }
            Err(_) => eprintln!("{name} (Debian: {package}) is not installed: left out"),
        }
    }
    all
}

/// tcptrace as it is built from these sources.
pub(super) fn tcptrace() -> PathBuf {
    workspace::target().join("release/tcptrace")
}

/// tcptrace with a format.
pub(super) fn with_format(format: &str) -> Contender {
    match format {
        "json" => ours("tcptrace json", &["-f", "json"], Says::Json),
        _ => ours("tcptrace text", &[], Says::Totals),
    }
}

fn ours(name: &'static str, arguments: &'static [&'static str], says: Says) -> Contender {
    Contender { name, program: Some(tcptrace()), arguments, says }
}

impl Contender {
    /// Number of events that the tracer reports as lost in its output; `None` if it does not report losses.
    pub(super) fn lost(&self, out: &str, err: &str) -> Option<u64> {
        let last = out.lines().next_back().unwrap_or_default();
        match self.says {
            Says::Nothing => None,
            Says::Json => serde_json::from_str::<Value>(last).ok()?["lost"].as_u64(),
            Says::Totals => last.strip_suffix(" lost")?.rsplit(' ').next()?.parse().ok(),
            Says::Warnings => {
                let warning = |line: &str| {
                    let rest = line.strip_prefix("lost ").or_else(|| line.strip_prefix("Lost "))?;
                    rest.split_once(" events")?.0.parse::<u64>().ok()
                };
                Some(out.lines().chain(err.lines()).filter_map(warning).sum())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_in_the_words_of_each() {
        let says = |says| Contender { name: "", program: None, arguments: &[], says };
        let json = "{\"type\":\"lost\",\"count\":3}\n{\"type\":\"end\",\"seen\":9,\"lost\":3}\n";
        assert_eq!(says(Says::Json).lost(json, ""), Some(3));
        let text = "3 events lost\n\n9 events seen = 4 shown + 2 filtered + 3 lost\n";
        assert_eq!(says(Says::Totals).lost(text, ""), Some(3));
        let warnings = says(Says::Warnings);
        assert_eq!(warnings.lost("", "lost 12 events on CPU #0!\nlost 1 events on CPU #1!\n"), Some(13));
        assert_eq!(warnings.lost("Attaching 1 probe...\nLost 7 events\n", ""), Some(7));
        assert_eq!((warnings.lost("", ""), says(Says::Nothing).lost("", "")), (Some(0), None));
        // It was killed: nothing is known.
        assert_eq!(says(Says::Json).lost("{\"type\":\"transition\"}\n{\"ty", ""), None);
    }
}
