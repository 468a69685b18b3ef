//! `tcptrace doctor`: tries everything a trace needs, and says what to do about what does not work.

use std::{fmt, io::Write as _, path::Path};

use anyhow::{Context as _, anyhow};
use rustix::thread::CapabilitySet;

use super::{Failure, runtime::runtime};
use crate::{
    live::{has_own_pids, kernel_release},
    output::Output,
    probe::{self, Choice, Extra, Settings},
    render::Palette,
    snapshot::{self, Options, Scope, States},
};

/// Outcome of a check.
enum Outcome {
    Good(String),
    /// A trace works without this, but shows less.
    Worse(String),
    Bad(String),
}

struct Check {
    name: &'static str,
    outcome: Outcome,
}

/// Runs the checks.
pub(super) fn run() -> Result<(), Failure> {
    let mut checks = vec![kernel(), privileges(), btf(), tracefs()];
    let runtime = runtime().context("start the runtime")?;
    let (btf_hook, classic) = runtime
        .block_on(async { (hook("tp_btf hook", Choice::Btf), hook("classic hook", Choice::Tracepoint)) });
    let works = |checks: &[Check]| matches!(checks.first(), Some(Check { outcome: Outcome::Good(_), .. }));
    let best = match (works(&btf_hook), works(&classic)) {
        (true, _) => Some("tp_btf"),
        (false, true) => Some("the classic tracepoint (no socket cookies)"),
        (false, false) => None,
    };
    checks.extend(btf_hook.into_iter().chain(classic));
    checks.extend(sockets());
    checks.extend(process_ids());

    let mut out = Output::stdout();
    let palette = Palette::new(out.is_coloured());
    let mut page = format!("tcptrace {} on Linux {}\n\n", env!("CARGO_PKG_VERSION"), kernel_release());
    for check in &checks {
        page.push_str(&check.line(palette));
    }
    match best {
        Some(hook) => page.push_str(&format!("\nTracing works here, with {hook}.\n")),
        None => page.push_str("\nTracing does not work here.\n"),
    }
    out.write_all(page.as_bytes()).and_then(|()| out.flush()).context("write to standard output")?;
    match best {
        Some(_) => Ok(()),
        None => {
            Err(Failure::cannot_trace(anyhow!("no hook can be attached: the lines above say what to do")))
        }
    }
}

impl Check {
    fn line(&self, palette: Palette) -> String {
        use crate::render::Phase;
        let (word, phase, text) = match &self.outcome {
            Outcome::Good(text) => ("ok", Phase::Open, text),
            Outcome::Worse(text) => ("warn", Phase::Closing, text),
            Outcome::Bad(text) => ("fail", Phase::Broken, text),
        };
        let style = palette.phase(phase);
        format!("  {style}{word:<4}{style:#}  {:<15} {text}\n", self.name)
    }
}

fn kernel() -> Check {
    let release = kernel_release();
    let mut numbers = release.split(['.', '-']).map(|part| part.parse::<u32>().unwrap_or(0));
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    let outcome = match version {
        (..=4, _) | (5, ..8) => Outcome::Bad(format!("{release}: the ring buffer needs Linux 5.8 or newer")),
        (5, ..12) => Outcome::Worse(format!(
            "{release}: socket cookies need Linux 5.12 or newer, so only the classic hook works"
        )),
        _ => Outcome::Good(release),
    };
    Check { name: "kernel", outcome }
}

fn privileges() -> Check {
    let wanted = [
        ("CAP_BPF", CapabilitySet::BPF),
        ("CAP_PERFMON", CapabilitySet::PERFMON),
        ("CAP_SYSLOG", CapabilitySet::SYSLOG),
        ("CAP_DAC_READ_SEARCH", CapabilitySet::DAC_READ_SEARCH),
        ("CAP_SYS_PTRACE", CapabilitySet::SYS_PTRACE),
        ("CAP_SYS_ADMIN", CapabilitySet::SYS_ADMIN),
    ];
    let outcome = match rustix::thread::capabilities(None) {
        Err(error) => Outcome::Worse(format!("cannot read the capabilities: {error}")),
        Ok(sets) => {
            let missing: Vec<_> = wanted
                .iter()
                .filter(|(_, cap)| !sets.effective.contains(*cap))
                .map(|(name, _)| *name)
                .collect();
            let lacks = |name| missing.contains(&name);
            if missing.is_empty() {
                Outcome::Good("every capability tcptrace can use".to_owned())
            } else if lacks("CAP_SYS_ADMIN") && (lacks("CAP_BPF") || lacks("CAP_PERFMON")) {
                Outcome::Bad(format!("missing {}: try sudo", Words(&missing)))
            } else {
                Outcome::Worse(format!(
                    "missing {}. CAP_SYSLOG adds TIME_WAIT as it happens, CAP_DAC_READ_SEARCH the classic hook, CAP_SYS_PTRACE the \
                     owners of sockets that already exist, CAP_SYS_ADMIN the sockets of other network namespaces",
                    Words(&missing)
                ))
            }
        }
    };
    Check { name: "privileges", outcome }
}

struct Words<'a>(&'a [&'a str]);

impl fmt::Display for Words<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(", "))
    }
}

fn btf() -> Check {
    let outcome = if Path::new("/sys/kernel/btf/vmlinux").exists() {
        Outcome::Good("/sys/kernel/btf/vmlinux".to_owned())
    } else {
        Outcome::Worse(
            "none: this kernel was built without CONFIG_DEBUG_INFO_BTF, so only the classic hook works"
                .to_owned(),
        )
    };
    Check { name: "kernel BTF", outcome }
}

fn tracefs() -> Check {
    let event = "/sys/kernel/tracing/events/sock/inet_sock_set_state/format";
    let outcome = match std::fs::read(event) {
        Ok(_) => Outcome::Good("/sys/kernel/tracing".to_owned()),
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            Outcome::Worse("not readable: the classic hook needs root or CAP_DAC_READ_SEARCH".to_owned())
        }
        Err(_) => Outcome::Worse(
            "not mounted: the classic hook needs it (mount -t tracefs tracefs /sys/kernel/tracing)"
                .to_owned(),
        ),
    };
    Check { name: "tracefs", outcome }
}

/// Attaches the hook and detaches it again. With `tp_btf` come the hooks that see more.
fn hook(name: &'static str, choice: Choice) -> Vec<Check> {
    let settings = Settings {
        choice,
        buffer: 1 << 16,
        filter: Default::default(),
        ports: Vec::new(),
        extras: Extra::USUAL.into_iter().chain([Extra::Forks, Extra::AcceptCalls]).collect(),
        messages: false,
    };
    let (outcome, attached) = match probe::attach(&settings) {
        Ok(attached) => (Outcome::Good("attaches".to_owned()), Some(attached)),
        Err(error) => (Outcome::Bad(format!("{error:#}")), None),
    };
    let extras = attached.filter(|_| choice == Choice::Btf).map_or_else(Vec::new, |attached| {
        let seen = attached.extras.iter().map(|extra| (*extra, Outcome::Good("seen".to_owned())));
        let unseen = attached
            .missing
            .iter()
            .map(|(extra, why)| (*extra, Outcome::Worse(format!("{why}; {}", without(*extra)))));
        let mut all: Vec<_> = seen.chain(unseen).collect();
        all.sort_by_key(|(extra, _)| *extra);
        all.into_iter().map(|(extra, outcome)| Check { name: extra.title(), outcome }).collect()
    });
    std::iter::once(Check { name, outcome }).chain(extras).collect()
}

/// How a trace differs without one of the hooks.
const fn without(extra: Extra) -> &'static str {
    match extra {
        Extra::Minisockets => "TIME_WAIT, orphans and half-open connections are inferred",
        Extra::OrphanFins => "some FINs to orphans are inferred, and reported late",
        Extra::Resets => "RSTs are not reported",
        Extra::Retransmits => "retransmits are not reported",
        Extra::Forks => "--children and `tcptrace -- COMMAND` miss new processes",
        Extra::Accepts => {
            "until another process changes its state, a connection has the owner of its listener; --accepts sees more"
        }
        Extra::AcceptCalls => "--accepts has no effect",
    }
}

/// A place where process ids are others than those of events.
fn process_ids() -> Option<Check> {
    let outcome = Outcome::Worse(
        "are the host's: this is a pid namespace of its own, so --pid and `tcptrace -- COMMAND` are refused"
            .to_owned(),
    );
    has_own_pids().then_some(Check { name: "process ids", outcome })
}

fn sockets() -> Vec<Check> {
    match snapshot::take(Options { scope: Scope::Everywhere, states: States::All, owners: true }) {
        Err(error) => vec![Check {
            name: "sockets now",
            outcome: Outcome::Worse(format!(
                "cannot be listed, so sockets that already exist are not shown: {error:#}"
            )),
        }],
        Ok(snapshot) => {
            let listed = Check {
                name: "sockets now",
                outcome: Outcome::Good(format!("{} listed", snapshot.sockets.len())),
            };
            let warnings = snapshot
                .warnings
                .into_iter()
                .map(|warning| Check { name: "", outcome: Outcome::Worse(warning) });
            std::iter::once(listed).chain(warnings).collect()
        }
    }
}
