//! Load and attach: `tp_btf` where the kernel allows it, else the classic tracepoint, else a reason.

use std::{env, fs};

use anyhow::{Context as _, Result, anyhow};
use aya::{
    Btf, Ebpf, EbpfLoader, VerifierLogLevel, include_bytes_aligned,
    maps::{Array, PerCpuArray, RingBuf},
    programs::{BtfTracePoint, ProgramError, ProgramFd, TracePoint},
};
use aya_log::EbpfLogger;
use tcptrace_ebpf::{EventFormat, Handlers, KernelFilter, PortWord};
use zerocopy::{IntoBytes as _, transmute};

use super::{
    accounting::Accounting,
    explain::{explain, is_denied},
    extras::{Extra, Extras, descriptor},
    format,
    layout::{BTF, Layouts},
    ring::Reader,
    symbols,
};
use crate::memory;

/// The kernel side, compiled beforehand by `cargo xtask ebpf`.
static OBJECT: &[u8] = include_bytes_aligned!(concat!(env!("CARGO_MANIFEST_DIR"), "/bpf/tcptrace.bpf.o"));

/// Environment variable that names a file to load instead: how a freshly built kernel side is tested. A release build does not
/// know it, and no build takes it from a caller who has fewer privileges than the program.
const OBJECT_VARIABLE: &str = "TCPTRACE_BPF_OBJECT";

const ATTACH_BTF: &str = "attach tp_btf inet_sock_set_state";

/// The hook that the user wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Choice {
    /// The best that works.
    #[default]
    Auto,
    /// `tp_btf` or nothing.
    Btf,
    /// The classic tracepoint or nothing.
    Tracepoint,
}

/// A hook that is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hook {
    /// `tp_btf/inet_sock_set_state`
    Btf,
    /// `sock:inet_sock_set_state`
    Tracepoint,
}

impl Hook {
    /// The word in options and records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Btf => "btf",
            Self::Tracepoint => "tracepoint",
        }
    }
}

/// Configuration of the kernel side.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The hook to attach.
    pub choice: Choice,
    /// Size of the ring buffer in bytes; rounded up to a power of two of pages.
    pub buffer: u32,
    /// The filters in the kernel.
    pub filter: KernelFilter,
    /// The ports of the filter: index and content of the words that are not empty.
    pub ports: Vec<(u32, PortWord)>,
    /// Hooks wanted besides the main one.
    pub extras: Vec<Extra>,
    /// Whether messages of the kernel side are wanted.
    pub messages: bool,
}

/// A hook that was tried first, and why it is not used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The hook.
    pub hook: Hook,
    /// The reason, in one line.
    pub why: String,
}

/// The attached kernel side.
pub struct Attached {
    /// The hook in use.
    pub hook: Hook,
    /// The better hook that was refused.
    pub refused: Option<Refusal>,
    /// The events.
    pub reader: Reader,
    /// The counters.
    pub accounting: Accounting,
    /// The kernel side's own messages.
    pub messages: Option<EbpfLogger<&'static dyn log::Log>>,
    /// Hooks attached besides the main one.
    pub extras: Vec<Extra>,
    /// Hooks that are wanted but not attached, and why.
    pub missing: Vec<(Extra, String)>,
    /// Names of the reasons for a RST: `enum sk_rst_reason` of this kernel.
    reset_reasons: Vec<(u32, String)>,
    ebpf: Ebpf,
}

impl Attached {
    /// The kernel's word for a reason to send a RST, without its prefix; none for "not specified".
    #[must_use]
    pub fn reset_reason(&self, number: u32) -> Option<String> {
        let (_, name) = self.reset_reasons.iter().find(|(value, _)| *value == number)?;
        let word = name.strip_prefix("SK_RST_REASON_").unwrap_or(name);
        (word != "NOT_SPECIFIED").then(|| word.to_owned())
    }

    /// Detaches: no event that begins after this is recorded. What is in the ring buffer stays readable.
    pub fn detach(&mut self) {
        for (name, program) in self.ebpf.programs_mut() {
            let unloaded = match program {
                aya::programs::Program::BtfTracePoint(program) => program.unload(),
                aya::programs::Program::TracePoint(program) => program.unload(),
                aya::programs::Program::FExit(program) => program.unload(),
                aya::programs::Program::FEntry(program) => program.unload(),
                _ => continue,
            };
            if let Err(error) = unloaded
                && !matches!(error, ProgramError::NotLoaded)
            {
                log::warn!("detach {name}: {error}");
            }
        }
    }
}

/// Loads the kernel side and attaches the hook of choice.
///
/// # Errors
/// When no hook of the choice can be attached: what was tried, why it failed, what to do.
pub fn attach(settings: &Settings) -> Result<Attached> {
    lift_memlock_limit();
    match settings.choice {
        Choice::Btf => attach_hook(Hook::Btf, settings),
        Choice::Tracepoint => attach_hook(Hook::Tracepoint, settings),
        Choice::Auto => attach_hook(Hook::Btf, settings).or_else(|first| {
            let why = format!("{first:#}");
            let mut attached = attach_hook(Hook::Tracepoint, settings).map_err(|second| {
                if is_denied(&first) { first } else { anyhow!("{why}; then {second:#}") }
            })?;
            attached.refused = Some(Refusal { hook: Hook::Btf, why });
            Ok(attached)
        }),
    }
}

fn attach_hook(hook: Hook, settings: &Settings) -> Result<Attached> {
    let layouts = match hook {
        Hook::Btf => Layouts::of_running_kernel()
            .with_context(|| format!("{ATTACH_BTF}: this kernel shows no BTF (CONFIG_DEBUG_INFO_BTF)"))?,
        // Nice to have: cookies and lock owners, read through the socket's address.
        Hook::Tracepoint => Layouts::of_running_kernel().unwrap_or(Layouts::NONE),
    };
    let format = match hook {
        Hook::Btf => EventFormat::NONE,
        Hook::Tracepoint => {
            format::of_running_kernel().context("attach tracepoint sock:inet_sock_set_state")?
        }
    };
    let handlers = match hook {
        Hook::Btf => symbols::handlers(),
        Hook::Tracepoint => Err(anyhow!("not with the classic tracepoint")),
    };
    let known = handlers.as_ref().copied().unwrap_or_default();
    let mut ebpf = load(settings, &layouts, &format, known)?;
    let messages =
        settings.messages.then(|| EbpfLogger::init(&mut ebpf)).transpose().unwrap_or_else(|error| {
            log::warn!("messages of the kernel side cannot be read: {error}");
            None
        });
    let reader = Reader::new(
        RingBuf::try_from(ebpf.take_map("EVENTS").context("find map EVENTS")?)?,
        Array::try_from(ebpf.take_map("SLEEPING").context("find map SLEEPING")?)?,
    )?;
    set_ports(&mut ebpf, &settings.ports)?;
    let (extras, program) = match hook {
        Hook::Btf => {
            let btf = Btf::from_sys_fs().with_context(|| format!("{ATTACH_BTF}: read {BTF}"))?;
            // Before the others: the child of each request that they show must be shown too.
            let program = attach_btf(&mut ebpf, &btf)?;
            (Extras::attach(&settings.extras, handlers.as_ref().err(), &mut ebpf, &btf)?, program)
        }
        Hook::Tracepoint => (
            Extras::refused(&settings.extras, "needs tp_btf, not the classic tracepoint"),
            attach_tracepoint(&mut ebpf)?,
        ),
    };
    // The kernel's BTF, parsed, took 20 MB for a moment.
    memory::trim_allocator();
    let counters = PerCpuArray::try_from(ebpf.take_map("COUNTERS").context("find map COUNTERS")?)?;
    let accounting = Accounting::new(counters, program, extras.programs);
    Ok(Attached {
        hook,
        refused: None,
        reader,
        accounting,
        messages,
        extras: extras.attached,
        missing: extras.missing,
        reset_reasons: layouts.reset_reasons,
        ebpf,
    })
}

fn load(settings: &Settings, layouts: &Layouts, format: &EventFormat, handlers: Handlers) -> Result<Ebpf> {
    let replacement = env::var_os(OBJECT_VARIABLE)
        .filter(|_| cfg!(debug_assertions) && !is_privileged_by_its_file())
        .map(|path| fs::read(&path).with_context(|| format!("read {} ({OBJECT_VARIABLE})", path.display())))
        .transpose()?;
    // 1 is aya-log's number for errors; 0 lets the verifier cut the messages out altogether.
    let level: u8 = if settings.messages { 5 } else { 0 };
    EbpfLoader::new()
        .verifier_log_level(VerifierLogLevel::STATS)
        .override_global("SOCK", layouts.sock.as_bytes(), true)
        .override_global("TASK", layouts.task.as_bytes(), true)
        .override_global("MINISOCKET", layouts.minisocket.as_bytes(), true)
        .override_global("ACCEPT", layouts.accept.as_bytes(), true)
        .override_global("HANDLERS", handlers.as_bytes(), true)
        .override_global("FORMAT", format.as_bytes(), true)
        .override_global("FILTER", settings.filter.as_bytes(), true)
        .override_global(aya_log::LEVEL, &level, false)
        .map_max_entries("EVENTS", settings.buffer)
        .load(replacement.as_deref().unwrap_or(OBJECT))
        .map_err(|error| explain("load the kernel side", &error))
}

/// Whether the program has privileges that its caller has not: by set-user-id bits or capabilities of its file.
fn is_privileged_by_its_file() -> bool {
    // SAFETY: reads a number that the kernel has given to this process (`AT_SECURE`, `getauxval(3)`).
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

/// [`PortWord`] as the map holds it.
type RawPortWord = [u8; size_of::<PortWord>()];

fn set_ports(ebpf: &mut Ebpf, ports: &[(u32, PortWord)]) -> Result<()> {
    let map = ebpf.map_mut("PORTS").context("find map PORTS")?;
    let mut map: Array<_, RawPortWord> = Array::try_from(map)?;
    for (index, word) in ports {
        let word: RawPortWord = transmute!(*word);
        map.set(*index, word, 0).context("set the port filter in the kernel")?;
    }
    Ok(())
}

fn attach_btf(ebpf: &mut Ebpf, btf: &Btf) -> Result<ProgramFd> {
    let mut attach = |name: &str| -> Result<ProgramFd> {
        let program: &mut BtfTracePoint =
            ebpf.program_mut(name).with_context(|| format!("find program {name}"))?.try_into()?;
        program.load("inet_sock_set_state", btf).map_err(|error| explain(ATTACH_BTF, &error))?;
        program.attach().map_err(|error| explain(ATTACH_BTF, &error))?;
        descriptor(ATTACH_BTF, program.fd())
    };
    let outer = attach("tcptrace_btf")?;
    // In this order: the nested one looks whether the outer one has run.
    attach("tcptrace_btf_nested")?;
    Ok(outer)
}

fn attach_tracepoint(ebpf: &mut Ebpf) -> Result<ProgramFd> {
    const WHAT: &str = "attach tracepoint sock:inet_sock_set_state";
    let program: &mut TracePoint =
        ebpf.program_mut("tcptrace_classic").context("find program tcptrace_classic")?.try_into()?;
    program.load().map_err(|error| explain(WHAT, &error))?;
    program.attach("sock", "inet_sock_set_state").map_err(|error| explain(WHAT, &error))?;
    descriptor(WHAT, program.fd())
}

/// Before Linux 5.11 maps count against `RLIMIT_MEMLOCK`. Later kernels do not care, so a refusal is no error.
fn lift_memlock_limit() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let _ = setrlimit(Resource::Memlock, Rlimit { current: None, maximum: None });
}
