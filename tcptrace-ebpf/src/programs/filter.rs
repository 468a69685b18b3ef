//! The filters that run in the kernel, as pure functions of a [`Subject`]. User space compiles this file too, for its tests.
//!
//! A port of 0 is not known yet, and lets the event through: a client's local port is 0 at `CLOSE -> SYN_SENT`, and
//! before Linux 6.15 a child's remote port is 0 at `LISTEN -> SYN_RECV`. User space decides when the port is known. But a
//! client gets one of those that its namespace offers, and where none of them is wanted nobody has to wait: else every
//! connection from here would cost a record, and wake the reader.

use tcptrace_ebpf::PortWord;

use super::globals::{FILTER, PORTS, global};

/// The part of an event that the filters look at.
pub struct Subject {
    pub ipv6: bool,
    pub local_port: u16,
    pub remote_port: u16,
    pub netns: u32,
    /// The lowest and the highest of the ports of which the socket gets one, where it has none yet and these are known.
    pub offered: Option<(u16, u16)>,
}

/// Whether user space wants to see this event.
#[inline(always)]
pub fn is_wanted(subject: &Subject) -> bool {
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
    ports_match(subject)
}

#[inline(always)]
fn ports_match(subject: &Subject) -> bool {
    let &Subject { local_port: local, remote_port: remote, offered, .. } = subject;
    if global(&FILTER.either_port) != 0
        && remote != 0
        && !has(remote, |word| word.either)
        && !local_matches(local, offered, |word| word.either)
    {
        return false;
    }
    if global(&FILTER.local_port) != 0 && !local_matches(local, offered, |word| word.local) {
        return false;
    }
    if global(&FILTER.remote_port) != 0 && remote != 0 && !has(remote, |word| word.remote) {
        return false;
    }
    true
}

/// Whether the local port is in the set, or may still become one that is.
#[inline(always)]
fn local_matches(local: u16, offered: Option<(u16, u16)>, set: impl Fn(&PortWord) -> u64) -> bool {
    match (local, offered) {
        (0, None) => true,
        (0, Some((lowest, highest))) => {
            u32::from(lowest) <= global(&FILTER.highest_local)
                && global(&FILTER.lowest_local) <= u32::from(highest)
        }
        _ => has(local, set),
    }
}

#[inline(always)]
fn has(port: u16, set: impl Fn(&PortWord) -> u64) -> bool {
    PORTS.get(u32::from(port) / 64).is_some_and(|word| set(word) >> (port % 64) & 1 != 0)
}
