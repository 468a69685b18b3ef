//! What the kernel tests share: a namespace per test, actors that do as told, the tracer as a child, and `ss` as witness.

pub mod actor;
mod commands;
pub mod example;
mod hidden;
pub mod inject;
mod ring;
pub mod ss;
pub mod trace;
pub mod tracer;

use std::{
    fmt::Write as _,
    fs::OpenOptions,
    io::Write as _,
    process::{Child, Command},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use hidden::Hidden;
use rustix::thread::{UnshareFlags, unshare_unsafe};

/// How long anything may take on a busy machine before the test fails.
pub fn patience() -> Duration {
    Duration::from_secs(20) * slowness()
}

/// How many times slower than a real machine this one is: an emulated one says so.
pub fn slowness() -> u32 {
    std::env::var("TCPTRACE_TEST_PATIENCE").map_or(1, |times| times.parse().unwrap())
}

/// Why a test has to begin anew: the kernel went a way that it takes once in some thousand times, and that leads elsewhere.
pub struct OnceMore(pub &'static str);

/// Begins the test anew.
pub fn once_more(why: &'static str) -> ! {
    std::panic::panic_any(OnceMore(why))
}

/// Runs `test` on a thread in a network namespace of its own, with `lo` up. If it fails while the kernel kept state changes
/// from the tracer, in a way that no tracer could notice, or wants to begin anew: again.
pub fn in_a_namespace(test: impl Fn() + Send + Sync + 'static) {
    if !rustix::process::geteuid().is_root() {
        skip("making a network namespace needs root");
        return;
    }
    let test = Arc::new(test);
    for left in (0..3).rev() {
        let hidden = Hidden::watch();
        let (name, test) = (thread::current().name().unwrap_or_default().to_owned(), Arc::clone(&test));
        let inside = thread::Builder::new().name(name).spawn(move || {
            // SAFETY: only the network namespace is left; memory and descriptors stay shared with the other threads.
            unsafe { unshare_unsafe(UnshareFlags::NEWNET) }.unwrap();
            run("ip", &["link", "set", "lo", "up"]);
            test();
        });
        let Err(panic) = inside.unwrap().join() else { return };
        let hidden = hidden.map_or(0, |hidden| hidden.count());
        match panic.downcast_ref::<OnceMore>() {
            Some(OnceMore(why)) if left > 0 => eprintln!("{why}: once more"),
            Some(OnceMore(why)) => panic!("{why}, each time"),
            None if hidden > 0 && left > 0 => {
                eprintln!("the kernel kept state changes from every tracer: once more");
            }
            _ => std::panic::resume_unwind(panic),
        }
    }
}

/// Says why this test cannot be done here, for `cargo xtask test` to list. The caller returns.
pub fn skip(reason: &str) {
    let test = thread::current().name().unwrap_or("?").to_owned();
    eprintln!("skipped: {reason}");
    if let Some(log) = std::env::var_os("TCPTRACE_SKIP_LOG") {
        // One write, because tests run side by side.
        let mut line = String::new();
        writeln!(line, "{test}: {reason}").unwrap();
        OpenOptions::new().append(true).create(true).open(log).unwrap().write_all(line.as_bytes()).unwrap();
    }
}

/// Output of a program that must succeed.
pub fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Makes the link `v0` to `v1`, whose other end may be elsewhere. Where the kernel has no such links: says so, and false.
pub fn veth(elsewhere: &[&str]) -> bool {
    let link = ["link", "add", "v0", "type", "veth", "peer", "v1"];
    let made = Command::new("ip").args(link).args(elsewhere).output().unwrap();
    if !made.status.success() {
        skip(&format!("no veth: {}", String::from_utf8_lossy(&made.stderr).trim()));
    }
    made.status.success()
}

/// Asks until there is an answer: what the kernel does takes its own time.
#[track_caller]
pub fn wait_for<T>(what: &str, answer: impl FnMut() -> Option<T>) -> T {
    patiently(answer).unwrap_or_else(|| panic!("waited in vain for {what}"))
}

/// The same, for whom has more to say if it does not come.
///
/// The patience is for what a process has of a CPU, and not for the clock: where eight others want it too, a tracer takes half a
/// minute to start. And a pause counts as long as it was meant to be: where this process may not run for a while (a quota, a
/// virtual machine that stands still), those that it waits for may not either.
pub fn patiently<T>(mut answer: impl FnMut() -> Option<T>) -> Option<T> {
    const PAUSE: Duration = Duration::from_millis(5);
    let mut left = patience();
    while !left.is_zero() {
        let asked = Instant::now();
        if let Some(answer) = answer() {
            return Some(answer);
        }
        let took = asked.elapsed() + PAUSE;
        thread::sleep(PAUSE);
        left = left.saturating_sub(took / want_each_cpu());
    }
    answer()
}

/// How many threads want each CPU now, this one among them.
fn want_each_cpu() -> u32 {
    // The running of all threads: `0.20 0.18 0.12 3/80 11206`.
    let load = std::fs::read_to_string("/proc/loadavg").unwrap();
    let want = load.split([' ', '/']).nth(3).unwrap().parse::<u32>().unwrap();
    let cpus = thread::available_parallelism().map_or(1, |cpus| cpus.get() as u32);
    want.div_ceil(cpus).max(1)
}

/// Ends the process also when the test fails.
pub struct Reaped(pub Child);

impl Drop for Reaped {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
