//! The filters that run in the kernel.
//!
//! A port of 0 is not known yet, and lets the event through: a client's local port is 0 at `CLOSE -> SYN_SENT`, and
//! before Linux 6.15 a child's remote port is 0 at `LISTEN -> SYN_RECV`. User space decides when the port is known.

use tcptrace_ebpf::PortWord;

use super::globals::{FILTER, PORTS, global};

/// What the filters look at.
pub struct Subject {
    pub ipv6: bool,
    pub local_port: u16,
    pub remote_port: u16,
    pub netns: u32,
}

/// Whether user space wants to see this event.
#[inline(always)]
pub fn wanted(subject: &Subject) -> bool {
    let ip_version = global(&FILTER.ip_version);
    // An IPv6 listener may have IPv4 children, and passes its process on to them; before Linux 6.15 they look like it at
    // first.
    let either = subject.ipv6 && subject.remote_port == 0;
    if ip_version != 0 && !either && (ip_version == 6) != subject.ipv6 {
        return false;
    }
    let netns = global(&FILTER.netns);
    // A namespace of 0 could not be read: let user space decide.
    if netns != 0 && subject.netns != 0 && netns != subject.netns {
        return false;
    }
    ports_match(subject.local_port, subject.remote_port)
}

#[inline(always)]
fn ports_match(local: u16, remote: u16) -> bool {
    if global(&FILTER.either_port) != 0
        && local != 0
        && remote != 0
        && !has(local, |word| word.either)
        && !has(remote, |word| word.either)
    {
        return false;
    }
    if global(&FILTER.local_port) != 0 && local != 0 && !has(local, |word| word.local) {
        return false;
    }
    if global(&FILTER.remote_port) != 0 && remote != 0 && !has(remote, |word| word.remote) {
        return false;
    }
    true
}

#[inline(always)]
fn has(port: u16, set: impl Fn(&PortWord) -> u64) -> bool {
    PORTS.get(u32::from(port) / 64).is_some_and(|word| set(word) >> (port % 64) & 1 != 0)
}
