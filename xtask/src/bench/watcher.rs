//! The tracers that are measured: how each is started, and how we know that it has attached.

use super::flood;
use crate::workspace;
use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    fs,
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// A tracer, or none.
pub(super) struct Contender {
    pub(super) name: &'static str,
    program: Option<PathBuf>,
    arguments: &'static [&'static str],
}

/// What a tracer used in one run.
#[derive(Clone, Debug)]
pub(super) struct Cost {
    pub(super) cpu_seconds: f64,
    pub(super) peak_rss_kib: u64,
}

/// Everything that can be measured here. The first one is no tracer at all.
pub(super) fn contenders() -> Result<Vec<Contender>> {
    let tcptrace = workspace::target().join("release/tcptrace");
    let ours = |name, arguments| Contender { name, program: Some(tcptrace.clone()), arguments };
    let mut all = vec![
        Contender { name: "none", program: None, arguments: &[] },
        ours("tcptrace json", &["-f", "json"]),
        ours("tcptrace text, no report", &["--report", "none"]),
        ours("tcptrace, another port", &["-f", "json", "--port", "9"]),
        ours("tcptrace json, classic", &["-f", "json", "--probe", "tracepoint"]),
    ];
    match workspace::find_program("tcpstates", Some("/usr/sbin".as_ref())) {
        Ok(program) => all.push(Contender { name: "tcpstates", program: Some(program), arguments: &[] }),
        Err(_) => eprintln!("tcpstates (Debian: libbpf-tools) is not installed: left out"),
    }
    Ok(all)
}

/// A tracer that runs.
pub(super) struct Watcher {
    child: Option<Child>,
}

impl Watcher {
    pub(super) fn start(contender: &Contender) -> Result<Self> {
        let Some(program) = &contender.program else { return Ok(Self { child: None }) };
        let before = programs()?;
        let child = Command::new(program)
            .args(contender.arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("start {}", contender.name))?;
        let watcher = Self { child: Some(child) };
        let deadline = Instant::now() + Duration::from_secs(10);
        while programs()? <= before {
            if Instant::now() > deadline {
                bail!("{} did not attach within 10 s", contender.name);
            }
            thread::sleep(Duration::from_millis(20));
        }
        // Loaded is not yet attached, and the list of existing sockets comes after.
        thread::sleep(Duration::from_millis(300));
        Ok(watcher)
    }

    /// Ends it; what it used, if it is a tracer.
    pub(super) fn stop(mut self) -> Result<Option<Cost>> {
        let Some(child) = &mut self.child else { return Ok(None) };
        // Let it finish what is in its buffer: that work belongs to the events too.
        thread::sleep(Duration::from_millis(100));
        let cost = Cost { cpu_seconds: cpu_seconds(child.id())?, peak_rss_kib: peak_rss_kib(child.id())? };
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).context("name the tracer")?;
        kill_process(pid, Signal::INT).context("end the tracer")?;
        child.wait().context("wait for the tracer")?;
        Ok(Some(cost))
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // Fails only if it is gone already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// BPF programs on this host: one more says that a tracer has loaded its own.
fn programs() -> Result<usize> {
    let mut count = 0;
    for process in fs::read_dir("/proc").context("read /proc")?.flatten() {
        for entry in fs::read_dir(process.path().join("fdinfo")).into_iter().flatten().flatten() {
            count +=
                usize::from(fs::read_to_string(entry.path()).is_ok_and(|text| text.contains("prog_id:")));
        }
    }
    Ok(count)
}

fn cpu_seconds(pid: u32) -> Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).context("read the tracer's times")?;
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0);
    // utime and stime; Linux counts them in hundredths of a second for everybody outside (USER_HZ).
    Ok((ticks(11) + ticks(12)) / 100.0)
}

fn peak_rss_kib(pid: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).context("read the tracer's memory")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("find VmHWM")?;
    line.trim().trim_end_matches(" kB").parse().context("read VmHWM")
}

/// Nanoseconds per event in the kernel, by its own run-time statistics. In a run of its own, because they cost time.
pub(super) fn kernel_cost(connections: u32) -> Result<String> {
    const SWITCH: &str = "/proc/sys/kernel/bpf_stats_enabled";
    let before = fs::read_to_string(SWITCH).context("read kernel.bpf_stats_enabled")?;
    fs::write(SWITCH, "1").context("enable the kernel's BPF statistics")?;
    let measured = measure(connections);
    fs::write(SWITCH, before.trim()).context("restore kernel.bpf_stats_enabled")?;
    measured
}

fn measure(connections: u32) -> Result<String> {
    let mut text = String::new();
    for contender in contenders()?.iter().filter(|contender| contender.program.is_some()) {
        let watcher = Watcher::start(contender)?;
        flood::run(connections)?;
        let pid = watcher.child.as_ref().map_or(0, Child::id);
        let mut sums = (0_u64, 0_u64, 0_u64);
        for entry in fs::read_dir(format!("/proc/{pid}/fdinfo")).context("read fdinfo")?.flatten() {
            let info = fs::read_to_string(entry.path()).unwrap_or_default();
            let number = |key: &str| {
                info.lines().find_map(|line| line.strip_prefix(key)?.trim().parse::<u64>().ok()).unwrap_or(0)
            };
            // A program may be open under several descriptors: the busiest tells.
            if number("run_cnt:") > sums.1 {
                sums = (number("run_time_ns:"), number("run_cnt:"), number("recursion_misses:"));
            }
        }
        let (time, runs, misses) = sums;
        if let Some(each) = time.checked_div(runs) {
            text.push_str(&format!(
                "{:<28} {each:>5} ns a run in the kernel, {runs} runs, {misses} skipped by recursion\n",
                contender.name,
            ));
        }
        watcher.stop()?;
    }
    Ok(text)
}
