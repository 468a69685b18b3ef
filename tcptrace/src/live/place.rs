//! Namespaces in which tcptrace may run and whose numbers are not those of events: the kernel reports process ids and times as
//! the host has them.

use std::fs;

/// Link to the host's pid namespace (`PROC_PID_INIT_INO`, `include/linux/proc_ns.h`).
const HOST_PIDS: &str = "pid:[4026531836]";

/// Whether process ids here are others than the host's.
pub(crate) fn has_own_pids() -> bool {
    link("pid").is_some_and(|namespace| namespace != HOST_PIDS)
}

/// Nanoseconds by which the monotonic clock here is ahead of the host's (`time_namespaces(7)`).
pub(super) fn ahead_of_host_ns() -> i64 {
    // The file is about the namespace of children. Until a process has some, and after an exec, that is its own.
    let is_own = link("time") == link("time_for_children");
    let offsets = fs::read_to_string("/proc/self/timens_offsets").unwrap_or_default();
    if is_own { monotonic(&offsets).unwrap_or(0) } else { 0 }
}

/// Offset in a line like `monotonic  86400  0`: seconds, and nanoseconds.
fn monotonic(offsets: &str) -> Option<i64> {
    let mut words = offsets.lines().find_map(|line| line.strip_prefix("monotonic"))?.split_whitespace();
    let mut number = || words.next()?.parse::<i64>().ok();
    number()?.checked_mul(1_000_000_000)?.checked_add(number()?)
}

fn link(namespace: &str) -> Option<String> {
    fs::read_link(format!("/proc/self/ns/{namespace}")).ok()?.into_os_string().into_string().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_is_of_seconds_and_nanoseconds() {
        assert_eq!(
            monotonic("monotonic       86400         5\nboottime            0         0\n"),
            Some(86_400_000_000_005)
        );
        assert_eq!(monotonic("monotonic          -1         0\n"), Some(-1_000_000_000));
        assert_eq!(monotonic(""), None);
    }
}
