//! Facts about the socket that only `struct sock` has.

use tcptrace_ebpf::{Flags, RawTransition};

use super::{
    globals::{SOCK, global},
    mark::mark,
    memory::Memory,
};

/// Fills in what `struct sock` tells about the context and the cause of a change.
///
/// # Safety
/// `sock` is a full `struct sock`, readable through `M`.
#[inline(always)]
pub unsafe fn fill<M: Memory>(sock: *const u8, record: &mut RawTransition) {
    // SAFETY: the layout's offsets are for `struct sock`.
    let fields = unsafe {
        (
            M::read::<u32>(sock, global(&SOCK.owned)),
            M::read::<u32>(sock, global(&SOCK.error)),
            M::read::<u8>(sock, global(&SOCK.shutdown)),
            M::read::<u64>(sock, global(&SOCK.flags)),
        )
    };
    let (Some(owned), Some(error), Some(shutdown), Some(flags)) = fields else {
        record.error = 0;
        record.shutdown = 0;
        return;
    };
    mark(record, Flags::HAS_SOCK);
    record.error = error as u16;
    record.shutdown = shutdown;
    // Masked: the verifier wants a shift that stays inside 64 bits.
    if flags >> (global(&SOCK.dead_bit) & 63) & 1 != 0 {
        mark(record, Flags::ORPHAN);
    }
    if flags >> (global(&SOCK.done_bit) & 63) & 1 != 0 {
        mark(record, Flags::FIN_RECEIVED);
    }
    if owned != 0 {
        mark(record, Flags::OWNED);
        // SAFETY: as above.
        match unsafe { file_released::<M>(sock) } {
            Some(true) => mark(record, Flags::HAS_FILE | Flags::FILE_RELEASED),
            Some(false) => mark(record, Flags::HAS_FILE),
            None => {}
        }
    }
}

/// Fills in the numbers that `struct tcp_sock` keeps.
///
/// # Safety
/// `tcp` is a `struct tcp_sock`, readable through `M`.
#[inline(always)]
pub unsafe fn numbers<M: Memory>(tcp: *const u8, record: &mut RawTransition) {
    // SAFETY: the layout's offsets are for `struct tcp_sock`.
    let (srtt, retransmits, sent, acked, received) = unsafe {
        (
            M::read(tcp, global(&SOCK.srtt)),
            M::read(tcp, global(&SOCK.retransmits)),
            M::read(tcp, global(&SOCK.bytes_sent)),
            M::read(tcp, global(&SOCK.bytes_acked)),
            M::read(tcp, global(&SOCK.bytes_received)),
        )
    };
    if let (Some(_), Some(_), Some(_), Some(_), Some(_)) = (srtt, retransmits, sent, acked, received) {
        mark(record, Flags::HAS_NUMBERS);
    }
    record.srtt = srtt.unwrap_or(0);
    record.retransmits = retransmits.unwrap_or(0);
    record.bytes_sent = sent.unwrap_or(0);
    record.bytes_acked = acked.unwrap_or(0);
    record.bytes_received = received.unwrap_or(0);
}

/// Fills in what the connection has in hand when it is closed for good.
///
/// # Safety
/// `tcp` is a `struct tcp_sock`, readable through `M`.
#[inline(always)]
pub unsafe fn ending<M: Memory>(tcp: *const u8, record: &mut RawTransition) {
    // SAFETY: the layout's offsets are for `struct tcp_sock`, which begins with all the others.
    let fields = unsafe {
        (
            M::read::<u64>(tcp, global(&SOCK.linger_time)),
            M::read::<u64>(tcp, global(&SOCK.flags)),
            M::read::<u32>(tcp, global(&SOCK.user_timeout)),
            M::read::<u32>(tcp, global(&SOCK.received_next)),
            M::read::<u32>(tcp, global(&SOCK.copied)),
            M::read::<u32>(tcp, global(&SOCK.unacknowledged)),
            M::read::<u32>(tcp, global(&SOCK.sent_next)),
            M::read::<u32>(tcp, global(&SOCK.written)),
        )
    };
    let (
        Some(linger_time),
        Some(flags),
        Some(user_timeout),
        Some(received),
        Some(copied),
        Some(unacknowledged),
        Some(sent),
        Some(written),
    ) = fields
    else {
        return;
    };
    mark(record, Flags::HAS_ENDING);
    if flags >> (global(&SOCK.linger_bit) & 63) & 1 != 0 && linger_time == 0 {
        mark(record, Flags::LINGER_ZERO);
    }
    // A FIN takes a number too, until the process has read that there is nothing more.
    let fin = u32::from(record.flags & Flags::FIN_RECEIVED != 0);
    if received.wrapping_sub(copied) as i32 > fin as i32 {
        mark(record, Flags::UNREAD);
    }
    if sent != unacknowledged {
        mark(record, Flags::UNACKNOWLEDGED);
    }
    if written != sent {
        mark(record, Flags::UNSENT);
    }
    if user_timeout != 0 {
        mark(record, Flags::USER_TIMEOUT);
    }
    // SAFETY: `skc_net.net` points to a `struct net`.
    let users: Option<u32> = unsafe {
        M::read::<*const u8>(tcp, global(&SOCK.net)).and_then(|net| M::read(net, global(&SOCK.net_users)))
    };
    if users.is_some_and(|users| users != 0) {
        mark(record, Flags::NETNS_IN_USE);
    }
}

/// The local port, by `skc_num`. `None` if only `inet_sport` still tells it: at X -> CLOSE the port has been put already
/// (`tcp_set_state`). After connect(AF_UNSPEC) that keeps the old one until the next connection has one of its own.
///
/// # Safety
/// As [`fill`].
#[inline(always)]
pub unsafe fn local_port<M: Memory>(sock: *const u8, old_state: u8, new_state: u8) -> Option<u16> {
    const SYN_SENT: u8 = 2;
    const CLOSE: u8 = 7;
    // SAFETY: passed on.
    match unsafe { M::read::<u16>(sock, global(&SOCK.number)) } {
        Some(0) if (old_state, new_state) == (CLOSE, SYN_SENT) => Some(0),
        Some(0) => None,
        number => number,
    }
}

/// The lowest and the highest of the ports of which a socket gets one that has none (`net.ipv4.ip_local_port_range`;
/// `IP_LOCAL_PORT_RANGE` can only make that narrower).
///
/// # Safety
/// As [`fill`].
#[inline(always)]
pub unsafe fn offered<M: Memory>(sock: *const u8) -> Option<(u16, u16)> {
    // SAFETY: `skc_net.net` points to a `struct net`.
    unsafe {
        let net = M::read::<*const u8>(sock, global(&SOCK.net))?;
        let lowest: u32 = M::Beyond::read(net, global(&SOCK.lowest_port))?;
        let highest = M::Beyond::read::<u32>(net, global(&SOCK.highest_port)).unwrap_or(lowest >> 16);
        Some((lowest as u16, highest as u16))
    }
}

/// Id of the cgroup that the socket belongs to: that of the task that made it, or of its listener; 0 if unknown.
///
/// # Safety
/// As [`fill`].
#[inline(always)]
pub unsafe fn cgroup<M: Memory>(sock: *const u8) -> u64 {
    // SAFETY: `sk_cgrp_data.cgroup` points to a `struct cgroup`, its `kn` to a `struct kernfs_node`.
    unsafe {
        M::read::<*const u8>(sock, global(&SOCK.cgroup))
            .and_then(|cgroup| M::read::<*const u8>(cgroup, global(&SOCK.cgroup_node)))
            .and_then(|node| M::read(node, global(&SOCK.node_id)))
            .unwrap_or(0)
    }
}

/// Whether the last reference to the socket's file is gone: that is what tells `close()` from `shutdown(RDWR)`, which
/// leave the same bits in `sk_shutdown`.
#[inline(always)]
unsafe fn file_released<M: Memory>(sock: *const u8) -> Option<bool> {
    // SAFETY: `sk_socket` points to a `struct socket`, its `file` to a `struct file`; either may be null.
    unsafe {
        let socket: *const u8 = M::read(sock, global(&SOCK.socket))?;
        let file: *const u8 = M::read(socket, global(&SOCK.file))?;
        if let Some(references) = M::read::<i64>(file, global(&SOCK.file_ref)) {
            // include/linux/file_ref.h: a dead count lies at FILE_REF_DEAD (0xE000…), a live one from 0 up.
            return Some(references < 0);
        }
        M::read::<i64>(file, global(&SOCK.file_count)).map(|references| references == 0)
    }
}

/// The inode number of the socket's network namespace; 0 if it cannot be read.
///
/// # Safety
/// As [`fill`].
#[inline(always)]
pub unsafe fn netns<M: Memory>(sock: *const u8) -> u32 {
    // SAFETY: `skc_net.net` points to a `struct net`.
    unsafe {
        M::read::<*const u8>(sock, global(&SOCK.net))
            .and_then(|net| M::Beyond::read(net, global(&SOCK.net_inum)))
            .unwrap_or(0)
    }
}
