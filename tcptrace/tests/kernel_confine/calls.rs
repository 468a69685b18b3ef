//! The list of system calls, against those that the tracer makes while other tests run: none is missing, none is unused.
//!
//! `strace` records them, because `cargo xtask test` asks for it (`harness/tracer.rs`), and then has this judge.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use tcptrace::confine::{self, Confinement};

use crate::harness::tracer::RECORD_CALLS;

/// Calls that may stay unused, each with the reason why it is allowed.
const RARELY: [(i64, &str); 13] = [
    (libc::SYS_tgkill, "when a process aborts"),
    (libc::SYS_writev, "before the C library aborts it"),
    (libc::SYS_mremap, "blocks that are large, and grow"),
    (libc::SYS_fstat, "C libraries since 2.33; older ones take newfstatat"),
    (libc::SYS_newfstatat, "the other way round"),
    (libc::SYS_epoll_pwait, "machines without epoll_wait"),
    (libc::SYS_brk, "the heap may have grown enough before"),
    (libc::SYS_sched_yield, "where two threads meet"),
    (libc::SYS_restart_syscall, "after the process was stopped"),
    (libc::SYS_clock_gettime, "clocks that no program can read by itself"),
    (libc::SYS_getpid, "when a thread panics"),
    (libc::SYS_rseq, "C libraries since 2.35"),
    (libc::SYS_set_robust_list, "the GNU C library"),
];

/// Calls that the kernel refuses for reasons of its own: a regular file cannot be waited for.
const REFUSED_BY_THE_KERNEL: [&str; 1] = ["epoll_ctl("];

/// A line of `strace --syscall-number`: the number, and the line.
fn call(line: &str) -> Option<(i64, &str)> {
    let (number, call) = line.strip_prefix('[')?.split_once("] ")?;
    Some((number.trim().parse().ok()?, call))
}

/// Adds the calls of a tracer's threads after its confinement.
fn add(main: &Path, into: &mut BTreeMap<i64, String>) {
    let text = String::from_utf8_lossy(&fs::read(main).unwrap()).into_owned();
    // The second filter is the last act.
    let filters = text.match_indices("seccomp(SECCOMP_SET_MODE_FILTER");
    let Some((last, _)) = filters.skip(1).last() else { return };
    let rest = text[last..].split_once('\n').map_or("", |(_, rest)| rest);
    let mut add = |text: &str| {
        for (number, line) in text.lines().filter_map(call) {
            let refused = line.contains(" = -1 EPERM")
                && !REFUSED_BY_THE_KERNEL.iter().any(|call| line.starts_with(call));
            assert!(!refused, "{}: {line}", main.display());
            // Refused as if the kernel had none, so that the C library takes `clone`.
            if number == libc::SYS_clone3 {
                assert!(line.contains("ENOSYS"), "{line}");
                continue;
            }
            into.entry(number).or_insert_with(|| line.to_owned());
        }
    };
    add(rest);
    let threads = rest.lines().filter_map(call).filter(|(number, _)| *number == libc::SYS_clone);
    for (_, line) in threads {
        let thread = line.rsplit_once("= ").unwrap().1;
        let file = main.with_extension(thread);
        add(&fs::read_to_string(&file).unwrap_or_default());
    }
}

#[test]
#[ignore = "judges what other tests have recorded: `cargo xtask test`"]
fn what_is_allowed_is_what_is_used() {
    let directory = PathBuf::from(std::env::var_os(RECORD_CALLS).unwrap());
    let mut used = BTreeMap::new();
    for entry in fs::read_dir(directory).unwrap() {
        add(&entry.unwrap().path(), &mut used);
    }
    assert!(!used.is_empty(), "nothing was recorded");
    let allowed = confine::calls(Confinement { user: None, writes_file: true, has_command: true });
    let missing: Vec<_> = used.iter().filter(|(number, _)| !allowed.contains(number)).collect();
    assert!(missing.is_empty(), "not allowed: {missing:#?}");
    let rarely: BTreeSet<i64> = RARELY.into_iter().map(|(number, _)| number).collect();
    let unused: Vec<_> =
        allowed.into_iter().filter(|number| !used.contains_key(number) && !rarely.contains(number)).collect();
    assert!(unused.is_empty(), "allowed, and not used: {unused:?}");
}
