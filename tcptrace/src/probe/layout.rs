//! Offsets of kernel structures, from the running kernel's own BTF.

use std::{fs, path::Path};

use anyhow::{Context as _, Result};
use tcptrace_ebpf::{MISSING, SockLayout, TaskLayout};

use super::btf::Btf;

/// Where the kernel shows its BTF.
pub(super) const BTF: &str = "/sys/kernel/btf/vmlinux";

/// What the kernel side needs to know about this kernel's structures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layouts {
    pub(super) sock: SockLayout,
    pub(super) task: TaskLayout,
}

impl Layouts {
    /// Nothing known: what a kernel without BTF gives.
    pub(super) const NONE: Self = Self { sock: SockLayout::NONE, task: TaskLayout::NONE };

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
        let [sock, inet_sock, socket, file, net, task] =
            ["sock", "inet_sock", "socket", "file", "net", "task_struct"].map(|name| types.0.structure(name));
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
            },
            task: TaskLayout {
                flags: types.offset(task, "flags"),
                exit_code: types.offset(task, "exit_code"),
                group_leader: types.offset(task, "group_leader"),
                comm: types.offset(task, "comm"),
            },
        })
    }
}

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
    fn the_running_kernel_has_every_field_but_one_of_the_file_counters() {
        if !Path::new(BTF).exists() {
            eprintln!("this kernel has no BTF: nothing to look at");
            return;
        }
        let Layouts { sock, task } = Layouts::of_running_kernel().unwrap();
        assert!((sock.file_count == MISSING) != (sock.file_ref == MISSING), "{sock:?}");
        let text = format!("{:?}", SockLayout { file_count: 0, file_ref: 0, ..sock });
        assert!(!text.contains(&MISSING.to_string()), "{text}");
        assert!(!format!("{task:?}").contains(&MISSING.to_string()), "{task:?}");
        assert_eq!((sock.dead_bit, sock.done_bit), (0, 1));
    }
}
