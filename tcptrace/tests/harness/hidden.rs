//! What the kernel keeps from every BPF program, ours and others', and counts nowhere. Some kernels of virtual machines are
//! patched to run none while a thread of process 1 is current, and a softirq may come just then. ftrace sees it.

use std::{fs, path::PathBuf, sync::OnceLock, thread};

const TRACEFS: &str = "/sys/kernel/tracing";

/// Whether this kernel does so: by the field of `bpf_prog_aux` that makes an exception of that process's own programs.
fn keeps_secrets() -> bool {
    static KEEPS: OnceLock<bool> = OnceLock::new();
    *KEEPS.get_or_init(|| {
        let btf = fs::read("/sys/kernel/btf/vmlinux").unwrap_or_default();
        let field = b"\0init_owned\0";
        btf.windows(field.len()).any(|bytes| bytes == field)
    })
}

/// Watches for that as long as it lives, with a buffer of its own.
pub struct Hidden {
    instance: PathBuf,
}

impl Hidden {
    /// `None` where the kernel keeps nothing back, or cannot be asked.
    pub fn watch() -> Option<Self> {
        if !keeps_secrets() {
            return None;
        }
        let thread = format!("{:?}", thread::current().id()).replace(|c: char| !c.is_ascii_digit(), "");
        let name = format!("tcptrace-test-{}-{thread}", std::process::id());
        let hidden = Self { instance: PathBuf::from(TRACEFS).join("instances").join(name) };
        fs::create_dir(&hidden.instance).ok()?;
        let threads = fs::read_dir("/proc/1/task").ok()?.flatten().map(|thread| thread.file_name());
        let threads = any(threads.map(|thread| format!("common_pid == {}", thread.to_string_lossy())));
        let of_stand_ins = format!("{threads} && {}", any(handlers().into_iter()));
        for (event, filter) in [
            ("sock/inet_sock_set_state", &threads),
            ("tcp/tcp_retransmit_skb", &threads),
            ("tcp/tcp_send_reset", &threads),
            ("timer/timer_start", &of_stand_ins),
            ("timer/timer_expire_entry", &of_stand_ins),
        ] {
            let event = hidden.instance.join("events").join(event);
            fs::write(event.join("filter"), filter).ok()?;
            fs::write(event.join("enable"), "1").ok()?;
        }
        Some(hidden)
    }

    /// How many events that were.
    pub fn count(&self) -> usize {
        let trace = fs::read_to_string(self.instance.join("trace")).unwrap_or_default();
        trace.lines().filter(|line| !line.starts_with('#')).count()
    }
}

/// Functions that the timers of requests and of minisockets call.
fn handlers() -> Vec<String> {
    let symbols = fs::read_to_string("/proc/kallsyms").unwrap_or_default();
    let handler = |line: &str| {
        let mut words = line.split(' ');
        let (address, name) = (words.next()?, words.nth(1)?);
        let is_one = ["tw_timer_handler", "reqsk_timer_handler"].contains(&name);
        is_one.then(|| format!("function == 0x{address}"))
    };
    symbols.lines().filter_map(handler).collect()
}

fn any(conditions: impl Iterator<Item = String>) -> String {
    format!("({})", conditions.collect::<Vec<_>>().join(" || "))
}

impl Drop for Hidden {
    fn drop(&mut self) {
        // An instance with an event that is on cannot be removed.
        let _ = fs::write(self.instance.join("events/enable"), "0");
        let _ = fs::remove_dir(&self.instance);
    }
}
