//! Hooks besides the main one: a trace works without each of them, and reports what it then cannot see.

use anyhow::{Context as _, anyhow};
use aya::{
    Btf, Ebpf,
    programs::{BtfTracePoint, FEntry, FExit, ProgramError, ProgramFd, TracePoint},
};

use super::explain::{explain, lacks_descriptors};

/// A kind of event that only hooks of its own can see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Extra {
    /// The life of minisockets and request sockets: `TIME_WAIT`, orphaned `FIN_WAIT2`, half-open connections.
    Minisockets,
    /// The peer's FIN to an orphan in `FIN_WAIT2`, also where the timer of its minisocket has no event.
    OrphanFins,
    /// RSTs that are sent.
    Resets,
    /// Segments retransmitted.
    Retransmits,
    /// Forks: the parent of each new process. Only where descendants are asked for.
    Forks,
    /// Accepts: the process that takes a connection.
    Accepts,
    /// Accepts by the system calls of that name alone, where [`Accepts`](Self::Accepts) is refused. Only on request, because
    /// this slows every system call of the host.
    AcceptCalls,
}

impl Extra {
    /// Extras that every trace wants.
    pub const USUAL: [Self; 5] =
        [Self::Minisockets, Self::OrphanFins, Self::Resets, Self::Retransmits, Self::Accepts];

    /// The word in records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Minisockets => "stand_ins",
            Self::OrphanFins => "orphan_fins",
            Self::Resets => "resets",
            Self::Retransmits => "retransmits",
            Self::Forks => "forks",
            Self::Accepts => "accepts",
            Self::AcceptCalls => "accept_calls",
        }
    }

    /// Title in a few words.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Minisockets => "TIME_WAIT",
            Self::OrphanFins => "FINs to orphans",
            Self::Resets => "RSTs sent",
            Self::Retransmits => "retransmits",
            Self::Forks => "new processes",
            Self::Accepts => "who accepts",
            Self::AcceptCalls => "with --accepts",
        }
    }

    /// The programs and their tracepoints. Of each group the first that loads is used.
    const fn hooks(self) -> &'static [&'static [(&'static str, &'static str)]] {
        match self {
            Self::Minisockets => &[
                &[("tcptrace_timer_start", "timer_start")],
                &[("tcptrace_timer_cancel", "timer_cancel")],
                &[("tcptrace_timer_expire", "timer_expire_entry")],
            ],
            Self::Resets => {
                &[&[("tcptrace_reset_out_why", "tcp_send_reset"), ("tcptrace_reset_out", "tcp_send_reset")]]
            }
            Self::Retransmits => &[
                &[("tcptrace_retransmit", "tcp_retransmit_skb")],
                &[("tcptrace_retransmit_synack", "tcp_retransmit_synack")],
            ],
            Self::Forks => &[&[("tcptrace_fork", "sched_process_fork")]],
            Self::OrphanFins | Self::Accepts | Self::AcceptCalls => &[],
        }
    }

    /// Whether one that is attached already sees all that this one would.
    fn is_covered(self, attached: &[Self]) -> bool {
        self == Self::AcceptCalls && attached.contains(&Self::Accepts)
    }

    /// Loads and attaches the programs; returns those that the kernel may have to skip. Timers' events come with
    /// interrupts disabled or from softirqs alone (kernel/time/timer.c), so nothing runs inside their programs that would
    /// run them again.
    fn attach(self, ebpf: &mut Ebpf, btf: &Btf) -> anyhow::Result<Vec<ProgramFd>> {
        match self {
            Self::OrphanFins => return Ok(vec![attach_orphan_fins(ebpf, btf)?]),
            Self::Accepts => return Ok(vec![attach_accepts(ebpf, btf)?]),
            Self::AcceptCalls => return Ok(vec![attach_accept_calls(ebpf)?]),
            _ => {}
        }
        let mut programs = Vec::new();
        for group in self.hooks() {
            let mut outcome = Err(anyhow!("no hook"));
            for (program, tracepoint) in *group {
                outcome = attach(ebpf, btf, program, tracepoint);
                if outcome.is_ok() {
                    break;
                }
            }
            programs.push(outcome?);
        }
        if self == Self::Minisockets {
            programs.clear();
        }
        Ok(programs)
    }
}

/// Extras that were asked for: attached or not.
#[derive(Default)]
pub(super) struct Extras {
    pub(super) attached: Vec<Extra>,
    /// Extras that could not be attached, and why.
    pub(super) missing: Vec<(Extra, String)>,
    /// Programs of the attached ones that the kernel may have to skip.
    pub(super) programs: Vec<ProgramFd>,
}

impl Extras {
    /// Attaches what can be attached; without the addresses of the timers' handlers there are no minisockets.
    ///
    /// # Errors
    /// When there are too few descriptors.
    pub(super) fn attach(
        wanted: &[Extra],
        no_handlers: Option<&anyhow::Error>,
        ebpf: &mut Ebpf,
        btf: &Btf,
    ) -> anyhow::Result<Self> {
        let mut extras = Self::default();
        for &extra in wanted {
            if extra.is_covered(&extras.attached) {
                continue;
            }
            let outcome = match (extra, no_handlers) {
                (Extra::Minisockets, Some(error)) => Err(anyhow!("{error:#}")),
                _ => extra.attach(ebpf, btf),
            };
            match outcome {
                Ok(programs) => {
                    extras.attached.push(extra);
                    extras.programs.extend(programs);
                }
                Err(error) if lacks_descriptors(&error) => return Err(error),
                Err(error) => extras.missing.push((extra, format!("{error:#}"))),
            }
        }
        Ok(extras)
    }

    /// None attached, all for the same reason.
    pub(super) fn refused(wanted: &[Extra], why: &str) -> Self {
        let missing = wanted.iter().map(|extra| (*extra, why.to_owned())).collect();
        Self { missing, ..Self::default() }
    }
}

fn attach(ebpf: &mut Ebpf, btf: &Btf, program: &str, tracepoint: &str) -> anyhow::Result<ProgramFd> {
    let what = format!("attach tp_btf {tracepoint}");
    let program: &mut BtfTracePoint =
        ebpf.program_mut(program).with_context(|| format!("find program {program}"))?.try_into()?;
    program.load(tracepoint, btf).map_err(|error| explain(&what, &error))?;
    program.attach().map_err(|error| explain(&what, &error))?;
    descriptor(&what, program.fd())
}

fn attach_orphan_fins(ebpf: &mut Ebpf, btf: &Btf) -> anyhow::Result<ProgramFd> {
    const WHAT: &str = "attach fentry __inet_twsk_schedule";
    let program: &mut FEntry =
        ebpf.program_mut("tcptrace_prolonged").context("find program tcptrace_prolonged")?.try_into()?;
    program.load("__inet_twsk_schedule", btf).map_err(|error| explain(WHAT, &error))?;
    program.attach().map_err(|error| explain(WHAT, &error))?;
    descriptor(WHAT, program.fd())
}

fn attach_accepts(ebpf: &mut Ebpf, btf: &Btf) -> anyhow::Result<ProgramFd> {
    const WHAT: &str = "attach fexit inet_csk_accept";
    let program: &mut FExit =
        ebpf.program_mut("tcptrace_accept").context("find program tcptrace_accept")?.try_into()?;
    program.load("inet_csk_accept", btf).map_err(|error| explain(WHAT, &error))?;
    program.attach().map_err(|error| explain(WHAT, &error))?;
    descriptor(WHAT, program.fd())
}

/// Attaches one program to both system calls.
fn attach_accept_calls(ebpf: &mut Ebpf) -> anyhow::Result<ProgramFd> {
    let program: &mut TracePoint = ebpf
        .program_mut("tcptrace_accept_calls")
        .context("find program tcptrace_accept_calls")?
        .try_into()?;
    program.load().map_err(|error| explain("attach tracepoint syscalls:sys_exit_accept", &error))?;
    for event in ["sys_exit_accept", "sys_exit_accept4"] {
        let what = format!("attach tracepoint syscalls:{event}");
        program.attach("syscalls", event).map_err(|error| explain(&what, &error))?;
    }
    descriptor("attach tracepoint syscalls:sys_exit_accept", program.fd())
}

/// Descriptor of a program for ourselves.
pub(super) fn descriptor(what: &str, program: Result<&ProgramFd, ProgramError>) -> anyhow::Result<ProgramFd> {
    program?.try_clone().map_err(|error| explain(what, &error))
}
