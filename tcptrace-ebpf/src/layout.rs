//! Where the running kernel keeps what we read. User space fills these in; nothing is hard-coded.
//!
//! rustc emits no CO-RE relocations, so the offsets come as read-only globals. The verifier treats them as constants,
//! follows direct loads at them, and prunes the branches of fields that are [`MISSING`].

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Offset of a field that this kernel does not have.
pub const MISSING: u32 = u32::MAX;

macro_rules! layout {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, IntoBytes, FromBytes, Immutable, KnownLayout)]
        #[repr(C)]
        pub struct $name { $($(#[$field_doc])* pub $field: u32,)+ }

        impl $name {
            /// A layout of which nothing is known.
            pub const NONE: Self = Self { $($field: MISSING,)+ };
        }
    };
}

layout! {
    /// Byte offsets from the start of `struct sock` (and of what it points to), from the kernel's BTF.
    SockLayout {
        /// `sock_common.skc_family`
        family,
        /// `sock_common.skc_daddr`
        remote_v4,
        /// `sock_common.skc_dport`
        remote_port,
        /// `sock_common.skc_v6_rcv_saddr`
        local_v6,
        /// `sock_common.skc_v6_daddr`
        remote_v6,
        /// `sock_common.skc_net.net`
        net,
        /// `sock_common.skc_cookie`
        cookie,
        /// `net.ns.inum`, from the start of `struct net`
        net_inum,
        /// `net.ns.count`, from 6.18 on `net.ns.__ns_ref`, from the start of `struct net`: 0 once nobody is in it
        net_users,
        /// `net.ipv4.ip_local_ports.range`, from the start of `struct net`: the lowest port; from 6.8 on the lower half of
        /// the word
        lowest_port,
        /// `net.ipv4.ip_local_ports.range` again: the highest port, where it has a word of its own (before 6.8)
        highest_port,
        /// `sock.sk_protocol`
        protocol,
        /// `sock.sk_lock.owned`
        owned,
        /// `sock.sk_err`
        error,
        /// `sock.sk_shutdown`
        shutdown,
        /// `sock.__sk_common.skc_flags`
        flags,
        /// Number of the bit `SOCK_DEAD` in the flags
        dead_bit,
        /// Number of the bit `SOCK_DONE` in the flags
        done_bit,
        /// `inet_sock.inet_sport`
        local_port,
        /// `inet_sock.inet_saddr`
        local_v4,
        /// `sock.sk_socket`
        socket,
        /// `socket.file`, from the start of `struct socket`
        file,
        /// `file.f_count`, from the start of `struct file`: 0 once the last reference is gone (to 6.12)
        file_count,
        /// `file.f_ref`, from the start of `struct file`: negative once the last reference is gone (from 6.13)
        file_ref,
        /// `sock.__sk_common.skc_state`
        state,
        /// `sock_common.skc_num`: the local port in host order, of minisockets too
        number,
        /// `sock_common.skc_rcv_saddr`: the local address, of minisockets too
        bound_v4,
        /// `sock.sk_cgrp_data.cgroup`
        cgroup,
        /// `cgroup.kn`, from the start of `struct cgroup`
        cgroup_node,
        /// `kernfs_node.id`, from the start of `struct kernfs_node`
        node_id,
        /// `sock.sk_lingertime`
        linger_time,
        /// Number of the bit `SOCK_LINGER` in the flags
        linger_bit,
        /// `inet_connection_sock.icsk_user_timeout`
        user_timeout,
        /// `tcp_sock.rcv_nxt`
        received_next,
        /// `tcp_sock.copied_seq`
        copied,
        /// `tcp_sock.snd_una`
        unacknowledged,
        /// `tcp_sock.snd_nxt`
        sent_next,
        /// `tcp_sock.write_seq`
        written,
        /// `tcp_sock.srtt_us`
        srtt,
        /// `tcp_sock.total_retrans`
        retransmits,
        /// `tcp_sock.bytes_sent`
        bytes_sent,
        /// `tcp_sock.bytes_acked`
        bytes_acked,
        /// `tcp_sock.bytes_received`
        bytes_received,
    }
}

layout! {
    /// Byte offsets for the sockets that have no state changes of their own: time-wait minisockets and request sockets.
    /// Both begin with a `struct sock_common`.
    MinisocketLayout {
        /// `timer_list.function`
        timer_function,
        /// `inet_timewait_sock.tw_timer`
        timewait_timer,
        /// `inet_timewait_sock.tw_substate`
        timewait_state,
        /// `request_sock.rsk_timer`
        request_timer,
    }
}

/// Addresses of the kernel's functions that run when a minisocket's timer does; 0 where not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, IntoBytes, FromBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Handlers {
    /// `tw_timer_handler`
    pub timewait: u64,
    /// `reqsk_timer_handler`
    pub request: u64,
}

layout! {
    /// Byte offsets from the start of `struct task_struct`, from the kernel's BTF.
    TaskLayout {
        /// `flags`
        flags,
        /// `exit_code`
        exit_code,
        /// `group_leader`
        group_leader,
        /// `comm`
        comm,
        /// `tgid`
        tgid,
        /// `pid`: the id of the thread
        pid,
        /// `cred`
        credentials,
        /// `cred.uid`, from the start of `struct cred`
        user,
    }
}

layout! {
    /// The way to an accepted socket: behind the arguments of a function, or from a task and a descriptor by byte offsets.
    AcceptLayout {
        /// Number of arguments of `inet_csk_accept`
        arguments,
        /// `syscall_trace_exit.ret`, in the event's record
        returned,
        /// `task_struct.files`
        files,
        /// `files_struct.fdt`
        table,
        /// `fdtable.fd`
        descriptors,
        /// `file.private_data`: of a socket's file its `struct socket`
        private,
        /// `socket.sk`
        sk,
    }
}

layout! {
    /// Byte offsets of the classic tracepoint's fields in its record, from the event's `format` file.
    EventFormat {
        /// `skaddr`
        skaddr,
        /// `oldstate`
        oldstate,
        /// `newstate`
        newstate,
        /// `sport`
        sport,
        /// `dport`
        dport,
        /// `family`
        family,
        /// `protocol`
        protocol,
        /// Size of `protocol` in bytes: 1 before 5.6, 2 since
        protocol_size,
        /// `saddr_v6`: for IPv4 in its v4-mapped form
        saddr_v6,
        /// `daddr_v6`: for IPv4 in its v4-mapped form
        daddr_v6,
    }
}
