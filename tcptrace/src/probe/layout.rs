//! Offsets of kernel structures, from the running kernel's own BTF.

use std::{fs, path::Path};

use anyhow::{Context as _, Result};
use tcptrace_ebpf::{AcceptLayout, MISSING, MinisocketLayout, SockLayout, TaskLayout};

use super::btf::Btf;

/// Where the kernel shows its BTF.
pub(super) const BTF: &str = "/sys/kernel/btf/vmlinux";

/// Offsets in this kernel's structures, as the kernel side needs them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Layouts {
    pub(super) sock: SockLayout,
    pub(super) task: TaskLayout,
    pub(super) minisocket: MinisocketLayout,
    pub(super) accept: AcceptLayout,
    /// `enum sk_rst_reason`: numbers and names, which are not the same on every kernel. Empty before 6.10.
    pub(super) reset_reasons: Vec<(u32, String)>,
}

impl Layouts {
    /// Layouts of which nothing is known: those of a kernel without BTF.
    pub(super) const NONE: Self = Self {
        sock: SockLayout::NONE,
        task: TaskLayout::NONE,
        minisocket: MinisocketLayout::NONE,
        accept: AcceptLayout::NONE,
        reset_reasons: Vec::new(),
    };

    /// Reads the running kernel's BTF.
    ///
    /// # Errors
    /// When there is none, or it cannot be read or understood.
    pub(super) fn of_running_kernel() -> Result<Self> {
        let bytes = fs::read(Path::new(BTF)).with_context(|| format!("read {BTF}"))?;
        Self::parse(&bytes)
    }

    fn parse(bytes: &[u8]) -> Result<Self> {
        let types = Types(Btf::new(bytes).with_context(|| format!("understand {BTF}"))?);
        let [sock, inet_sock, connection_sock, tcp_sock, socket, file, net, task] =
            ["sock", "inet_sock", "inet_connection_sock", "tcp_sock", "socket", "file", "net", "task_struct"]
                .map(|name| types.0.structure(name));
        let [timer, timewait, request, cgroup, node] =
            ["timer_list", "inet_timewait_sock", "request_sock", "cgroup", "kernfs_node"]
                .map(|name| types.0.structure(name));
        Ok(Self {
            sock: SockLayout {
                family: types.offset(sock, "__sk_common.skc_family"),
                remote_v4: types.offset(sock, "__sk_common.skc_daddr"),
                remote_port: types.offset(sock, "__sk_common.skc_dport"),
                local_v6: types.offset(sock, "__sk_common.skc_v6_rcv_saddr"),
                remote_v6: types.offset(sock, "__sk_common.skc_v6_daddr"),
                net: types.offset(sock, "__sk_common.skc_net.net"),
                cookie: types.offset(sock, "__sk_common.skc_cookie"),
                net_inum: types.offset(net, "ns.inum"),
                net_users: match types.offset(net, "ns.count") {
                    MISSING => types.offset(net, "ns.__ns_ref"),
                    offset => offset,
                },
                lowest_port: types.offset(net, "ipv4.ip_local_ports.range"),
                // Two words under a lock, before they became one.
                highest_port: match types.offset(net, "ipv4.ip_local_ports.lock") {
                    MISSING => MISSING,
                    _ => types.offset(net, "ipv4.ip_local_ports.range").saturating_add(4),
                },
                protocol: types.offset(sock, "sk_protocol"),
                owned: types.offset(sock, "sk_lock.owned"),
                error: types.offset(sock, "sk_err"),
                shutdown: types.offset(sock, "sk_shutdown"),
                flags: types.offset(sock, "__sk_common.skc_flags"),
                dead_bit: types.enumerator("sock_flags", "SOCK_DEAD"),
                done_bit: types.enumerator("sock_flags", "SOCK_DONE"),
                local_port: types.offset(inet_sock, "inet_sport"),
                local_v4: types.offset(inet_sock, "inet_saddr"),
                socket: types.offset(sock, "sk_socket"),
                file: types.offset(socket, "file"),
                file_count: types.offset(file, "f_count"),
                file_ref: types.offset(file, "f_ref"),
                state: types.offset(sock, "__sk_common.skc_state"),
                number: types.offset(sock, "__sk_common.skc_num"),
                bound_v4: types.offset(sock, "__sk_common.skc_rcv_saddr"),
                cgroup: types.offset(sock, "sk_cgrp_data.cgroup"),
                cgroup_node: types.offset(cgroup, "kn"),
                node_id: types.offset(node, "id"),
                linger_time: types.offset(sock, "sk_lingertime"),
                linger_bit: types.enumerator("sock_flags", "SOCK_LINGER"),
                user_timeout: types.offset(connection_sock, "icsk_user_timeout"),
                received_next: types.offset(tcp_sock, "rcv_nxt"),
                copied: types.offset(tcp_sock, "copied_seq"),
                unacknowledged: types.offset(tcp_sock, "snd_una"),
                sent_next: types.offset(tcp_sock, "snd_nxt"),
                written: types.offset(tcp_sock, "write_seq"),
                srtt: types.offset(tcp_sock, "srtt_us"),
                retransmits: types.offset(tcp_sock, "total_retrans"),
                bytes_sent: types.offset(tcp_sock, "bytes_sent"),
                bytes_acked: types.offset(tcp_sock, "bytes_acked"),
                bytes_received: types.offset(tcp_sock, "bytes_received"),
            },
            task: TaskLayout {
                flags: types.offset(task, "flags"),
                exit_code: types.offset(task, "exit_code"),
                group_leader: types.offset(task, "group_leader"),
                comm: types.offset(task, "comm"),
                tgid: types.offset(task, "tgid"),
                pid: types.offset(task, "pid"),
                credentials: types.offset(task, "cred"),
                user: types.offset(types.0.structure("cred"), "uid"),
            },
            accept: AcceptLayout {
                arguments: types.0.arguments("inet_csk_accept").unwrap_or(MISSING),
                returned: types.offset(types.0.structure("syscall_trace_exit"), "ret"),
                files: types.offset(task, "files"),
                table: types.offset(types.0.structure("files_struct"), "fdt"),
                descriptors: types.offset(types.0.structure("fdtable"), "fd"),
                private: types.offset(file, "private_data"),
                sk: types.offset(socket, "sk"),
            },
            minisocket: MinisocketLayout {
                timer_function: types.offset(timer, "function"),
                timewait_timer: types.offset(timewait, "tw_timer"),
                timewait_state: types.offset(timewait, "tw_substate"),
                request_timer: types.offset(request, "rsk_timer"),
            },
            reset_reasons: types.0.enumerators("sk_rst_reason"),
        })
    }
}

/// BTF that reads as [`MISSING`] what it does not have.
struct Types<'a>(Btf<'a>);

impl Types<'_> {
    /// Byte offset of a member, [`MISSING`] if this kernel has none.
    fn offset(&self, structure: Option<u32>, path: &str) -> u32 {
        structure.and_then(|id| self.0.offset(id, path)).unwrap_or(MISSING)
    }

    fn enumerator(&self, enumeration: &str, name: &str) -> u32 {
        self.0.enumerator(enumeration, name).unwrap_or(MISSING)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_running_kernel_has_every_field_but_what_only_others_have() {
        if !Path::new(BTF).exists() {
            eprintln!("this kernel has no BTF: nothing to look at");
            return;
        }
        let Layouts { sock, task, minisocket, .. } = Layouts::of_running_kernel().unwrap();
        assert!((sock.file_count == MISSING) != (sock.file_ref == MISSING), "{sock:?}");
        let text = format!("{:?}", SockLayout { file_count: 0, file_ref: 0, highest_port: 0, ..sock });
        assert!(!text.contains(&MISSING.to_string()), "{text}");
        assert!(!format!("{minisocket:?}").contains(&MISSING.to_string()), "{minisocket:?}");
        assert!(!format!("{task:?}").contains(&MISSING.to_string()), "{task:?}");
        assert_eq!((sock.dead_bit, sock.done_bit), (0, 1));
    }
}
