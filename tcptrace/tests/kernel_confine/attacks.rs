//! Attacks of somebody who has got code to run in a thread of the tracer.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::Path,
};

use super::puppet::Puppet;

/// A call that a trace must refuse: its name, its number, its arguments.
pub type Attack = (&'static str, i64, [u64; 6]);

/// Added to a number of x86-64 for the same call of its 32-bit kind (`__X32_SYSCALL_BIT`).
const X32: i64 = 0x4000_0000;

/// No descriptor, no process, no address: where a call gets this far, it fails with another error than `EPERM`.
const NONE: u64 = u64::MAX;

/// Signals to be sent are of this number, which only asks whether they could be.
const NO_SIGNAL: u64 = 0;

const HERE: u64 = libc::AT_FDCWD as u64;

/// Files to attack.
pub struct Ground<'a> {
    /// A directory with a file `file` that only its owner may read.
    pub directory: &'a Path,
    /// A process that it could signal.
    pub victim: u32,
}

impl Ground<'_> {
    /// Makes the file.
    pub fn prepare(&self) {
        fs::write(self.directory.join("file"), "untouched").unwrap();
        fs::set_permissions(self.directory.join("file"), fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// Checks that all is as it was prepared.
    pub fn assert_untouched(&self) {
        let file = self.directory.join("file");
        assert_eq!(fs::read_to_string(&file).unwrap(), "untouched");
        let about = fs::metadata(&file).unwrap();
        assert_eq!((about.mode() & 0o7777, about.uid(), about.nlink()), (0o600, 0, 1));
        assert_eq!(fs::read_dir(self.directory).unwrap().count(), 1);
    }

    /// All attacks, by way of this thread, whose memory holds what they need.
    pub fn attacks(&self, puppet: &mut Puppet) -> Vec<Attack> {
        let path = |name: &str| self.directory.join(name).into_os_string().into_encoded_bytes();
        let (file, other) = (puppet.put(&path("file")), puppet.put(&path("other")));
        let bytes = puppet.put(&[0; 256]);
        let read_only = puppet.call(libc::SYS_openat, [HERE, file, libc::O_RDONLY as u64, 0, 0, 0]);
        let fd = read_only.cast_unsigned();
        assert!(read_only >= 0, "a file can be read: {read_only}");
        let words = Words { file, other, bytes, fd, victim: self.victim.into() };
        [words.files(), words.programs(), words.processes(), words.reach(), words.kernel(), words.memory()]
            .concat()
    }
}

/// Arguments that the attacks are made of.
struct Words {
    file: u64,
    other: u64,
    /// Zeroes.
    bytes: u64,
    /// The file, open for reading.
    fd: u64,
    victim: u64,
}

const fn flags(flags: i32) -> u64 {
    flags as u64
}

impl Words {
    fn files(&self) -> Vec<Attack> {
        let Self { file, other, bytes, fd, .. } = *self;
        let write = flags(libc::O_WRONLY | libc::O_CREAT | libc::O_TRUNC);
        vec![
            ("open for writing", libc::SYS_open, [file, write, 0o777, 0, 0, 0]),
            ("empty by opening", libc::SYS_openat, [HERE, file, write, 0o777, 0, 0]),
            ("open for both", libc::SYS_openat, [HERE, file, flags(libc::O_RDWR), 0, 0, 0]),
            ("openat2", libc::SYS_openat2, [HERE, file, bytes, 24, 0, 0]),
            ("creat", libc::SYS_creat, [other, 0o777, 0, 0, 0, 0]),
            ("open in 32 bit", X32 + libc::SYS_openat, [HERE, file, write, 0, 0, 0]),
            ("truncate", libc::SYS_truncate, [file, 0, 0, 0, 0, 0]),
            ("chmod", libc::SYS_chmod, [file, 0o4777, 0, 0, 0, 0]),
            ("fchmod", libc::SYS_fchmod, [fd, 0o4777, 0, 0, 0, 0]),
            ("fchmodat", libc::SYS_fchmodat, [HERE, file, 0o4777, 0, 0, 0]),
            ("fchmodat2", 452, [HERE, file, 0o4777, 0, 0, 0]),
            ("chown", libc::SYS_chown, [file, 65534, 65534, 0, 0, 0]),
            ("fchown", libc::SYS_fchown, [fd, 65534, 65534, 0, 0, 0]),
            ("fchownat", libc::SYS_fchownat, [HERE, file, 65534, 65534, 0, 0]),
            ("setxattr", libc::SYS_setxattr, [file, bytes, bytes, 1, 0, 0]),
            ("fsetxattr", libc::SYS_fsetxattr, [fd, bytes, bytes, 1, 0, 0]),
            ("setxattrat", 463, [HERE, file, 0, bytes, bytes, 16]),
            ("file_setattr", 469, [HERE, file, bytes, 24, 0, 0]),
            ("unlink", libc::SYS_unlink, [file, 0, 0, 0, 0, 0]),
            ("unlinkat", libc::SYS_unlinkat, [HERE, file, 0, 0, 0, 0]),
            ("rename", libc::SYS_rename, [file, other, 0, 0, 0, 0]),
            ("renameat2", libc::SYS_renameat2, [HERE, file, HERE, other, 0, 0]),
            ("link", libc::SYS_link, [file, other, 0, 0, 0, 0]),
            ("linkat", libc::SYS_linkat, [HERE, file, HERE, other, 0, 0]),
            ("symlinkat", libc::SYS_symlinkat, [file, HERE, other, 0, 0, 0]),
            ("mkdir", libc::SYS_mkdir, [other, 0o777, 0, 0, 0, 0]),
            ("mknodat", libc::SYS_mknodat, [HERE, other, 0o100_777, 0, 0, 0]),
            ("utimensat", libc::SYS_utimensat, [HERE, file, 0, 0, 0, 0]),
            ("open_by_handle_at", libc::SYS_open_by_handle_at, [HERE, NONE, 0, 0, 0, 0]),
            ("fanotify_init", libc::SYS_fanotify_init, [NONE, 0, 0, 0, 0, 0]),
            ("inotify_init1", libc::SYS_inotify_init1, [NONE, 0, 0, 0, 0, 0]),
            ("ftruncate", libc::SYS_ftruncate, [fd, 0, 0, 0, 0, 0]),
            ("fallocate", libc::SYS_fallocate, [fd, 0, 0, 1, 0, 0]),
            ("sendfile", libc::SYS_sendfile, [NONE, fd, 0, 1, 0, 0]),
        ]
    }

    fn programs(&self) -> Vec<Attack> {
        let thread = libc::CLONE_VM | libc::CLONE_THREAD | libc::CLONE_SIGHAND;
        vec![
            ("execve", libc::SYS_execve, [NONE, 0, 0, 0, 0, 0]),
            ("execveat", libc::SYS_execveat, [HERE, NONE, 0, 0, 0, 0]),
            ("execve in 32 bit", X32 + 520, [NONE, 0, 0, 0, 0, 0]),
            // With flags that contradict each other, so that nobody makes any.
            ("a process", libc::SYS_clone, [flags(libc::CLONE_THREAD), 0, 0, 0, 0, 0]),
            (
                "a process in a user namespace",
                libc::SYS_clone,
                [flags(libc::CLONE_NEWUSER | libc::CLONE_FS), 0, 0, 0, 0, 0],
            ),
            (
                "a thread in a network namespace",
                libc::SYS_clone,
                [flags(thread | libc::CLONE_NEWUSER | libc::CLONE_NEWNET), 0, 0, 0, 0, 0],
            ),
        ]
    }

    fn processes(&self) -> Vec<Attack> {
        let Self { bytes, victim, .. } = *self;
        vec![
            ("kill", libc::SYS_kill, [victim, NO_SIGNAL, 0, 0, 0, 0]),
            ("tkill", libc::SYS_tkill, [victim, NO_SIGNAL, 0, 0, 0, 0]),
            ("tgkill", libc::SYS_tgkill, [victim, victim, NO_SIGNAL, 0, 0, 0]),
            ("kill by a descriptor", libc::SYS_pidfd_send_signal, [NONE, 9, 0, 0, 0, 0]),
            ("rt_sigqueueinfo", libc::SYS_rt_sigqueueinfo, [victim, NO_SIGNAL, NONE, 0, 0, 0]),
            ("pidfd_open", libc::SYS_pidfd_open, [victim, 0, 0, 0, 0, 0]),
            ("pidfd_getfd", libc::SYS_pidfd_getfd, [NONE, 0, 0, 0, 0, 0]),
            ("ptrace", libc::SYS_ptrace, [u64::from(libc::PTRACE_DETACH), victim, 0, 0, 0, 0]),
            ("process_vm_readv", libc::SYS_process_vm_readv, [victim, bytes, 1, bytes, 1, 0]),
            ("process_vm_writev", libc::SYS_process_vm_writev, [victim, bytes, 1, bytes, 1, 0]),
            ("process_madvise", libc::SYS_process_madvise, [NONE, bytes, 1, 0, 0, 0]),
            ("kcmp", libc::SYS_kcmp, [victim, victim, NONE, 0, 0, 0]),
            ("setpriority", libc::SYS_setpriority, [NONE, victim, 0, 0, 0, 0]),
            ("sched_setaffinity", libc::SYS_sched_setaffinity, [victim, 0, NONE, 0, 0, 0]),
            ("prlimit of another", libc::SYS_prlimit64, [victim, NONE, 0, 0, 0, 0]),
            ("setuid", libc::SYS_setuid, [NONE, 0, 0, 0, 0, 0]),
            ("setresuid", libc::SYS_setresuid, [NONE, NONE, NONE, 0, 0, 0]),
            ("setgroups", libc::SYS_setgroups, [1, NONE, 0, 0, 0, 0]),
            ("capset", libc::SYS_capset, [NONE, 0, 0, 0, 0, 0]),
            ("prctl", libc::SYS_prctl, [flags(libc::PR_GET_DUMPABLE), 0, 0, 0, 0, 0]),
            ("seccomp", libc::SYS_seccomp, [NONE, 0, 0, 0, 0, 0]),
            ("personality", libc::SYS_personality, [0xffff_ffff, 0, 0, 0, 0, 0]),
        ]
    }

    fn reach(&self) -> Vec<Attack> {
        let Self { bytes, fd, .. } = *self;
        let (stream, inet, unix) = (flags(libc::SOCK_STREAM), flags(libc::AF_INET), flags(libc::AF_UNIX));
        let (raw, netlink, packet) = (flags(libc::SOCK_RAW), flags(libc::AF_NETLINK), flags(libc::AF_PACKET));
        vec![
            ("a TCP socket", libc::SYS_socket, [inet, stream, 0, 0, 0, 0]),
            ("a UDP socket", libc::SYS_socket, [inet, flags(libc::SOCK_DGRAM), 0, 0, 0, 0]),
            ("a unix socket", libc::SYS_socket, [unix, stream, 0, 0, 0, 0]),
            ("a packet socket", libc::SYS_socket, [packet, raw, 0, 0, 0, 0]),
            ("a socket to set routes", libc::SYS_socket, [netlink, raw, flags(libc::NETLINK_ROUTE), 0, 0, 0]),
            ("a pair of sockets", libc::SYS_socketpair, [unix, stream, 0, bytes, 0, 0]),
            ("connect", libc::SYS_connect, [NONE, bytes, 16, 0, 0, 0]),
            ("send to an address", libc::SYS_sendto, [NONE, bytes, 1, 0, bytes, 16]),
            ("bind", libc::SYS_bind, [NONE, bytes, 16, 0, 0, 0]),
            ("listen", libc::SYS_listen, [NONE, 1, 0, 0, 0, 0]),
            ("accept4", libc::SYS_accept4, [NONE, 0, 0, 0, 0, 0]),
            ("sendmsg", libc::SYS_sendmsg, [NONE, bytes, 0, 0, 0, 0]),
            ("setsockopt", libc::SYS_setsockopt, [NONE, flags(libc::SOL_SOCKET), 36, bytes, 4, 0]),
            ("type into the terminal", libc::SYS_ioctl, [fd, libc::TIOCSTI, bytes, 0, 0, 0]),
            ("any ioctl", libc::SYS_ioctl, [fd, 0x8912, bytes, 0, 0, 0]),
            ("another mount namespace", libc::SYS_setns, [NONE, flags(libc::CLONE_NEWNS), 0, 0, 0, 0]),
            ("any namespace", libc::SYS_setns, [NONE, 0, 0, 0, 0, 0]),
            ("io_uring_setup", libc::SYS_io_uring_setup, [NONE, 0, 0, 0, 0, 0]),
            ("mq_open", libc::SYS_mq_open, [NONE, 0, 0, 0, 0, 0]),
            ("shmget", libc::SYS_shmget, [1, 0, 0, 0, 0, 0]),
        ]
    }

    fn kernel(&self) -> Vec<Attack> {
        let Self { bytes, .. } = *self;
        let bpf = |command| [command, bytes, 0, 0, 0, 0];
        vec![
            ("make a map", libc::SYS_bpf, bpf(0)),
            ("load a program", libc::SYS_bpf, bpf(5)),
            ("get a pinned object", libc::SYS_bpf, bpf(7)),
            ("a program by its number", libc::SYS_bpf, bpf(13)),
            ("a map by its number", libc::SYS_bpf, bpf(14)),
            ("perf_event_open", libc::SYS_perf_event_open, [NONE, 0, NONE, NONE, 0, 0]),
            ("mount", libc::SYS_mount, [NONE, NONE, NONE, 0, 0, 0]),
            ("umount2", libc::SYS_umount2, [NONE, NONE, 0, 0, 0, 0]),
            ("fsopen", libc::SYS_fsopen, [NONE, 0, 0, 0, 0, 0]),
            ("fspick", libc::SYS_fspick, [HERE, NONE, 0, 0, 0, 0]),
            ("fsconfig", libc::SYS_fsconfig, [NONE, 0, 0, 0, 0, 0]),
            ("fsmount", libc::SYS_fsmount, [NONE, 0, 0, 0, 0, 0]),
            ("move_mount", libc::SYS_move_mount, [HERE, NONE, HERE, NONE, 0, 0]),
            ("open_tree", libc::SYS_open_tree, [HERE, NONE, 0, 0, 0, 0]),
            ("open_tree_attr", 467, [HERE, NONE, 0, 0, 0, 0]),
            ("mount_setattr", libc::SYS_mount_setattr, [HERE, NONE, 0, 0, 0, 0]),
            ("pivot_root", libc::SYS_pivot_root, [NONE, NONE, 0, 0, 0, 0]),
            ("chroot", libc::SYS_chroot, [NONE, 0, 0, 0, 0, 0]),
            ("unshare", libc::SYS_unshare, [0, 0, 0, 0, 0, 0]),
            ("init_module", libc::SYS_init_module, [0, 0, 0, 0, 0, 0]),
            ("finit_module", libc::SYS_finit_module, [NONE, 0, 0, 0, 0, 0]),
            ("kexec_load", libc::SYS_kexec_load, [0, NONE, 0, 0, 0, 0]),
            ("reboot", libc::SYS_reboot, [0, 0, 0, 0, 0, 0]),
            ("sethostname", libc::SYS_sethostname, [NONE, 1, 0, 0, 0, 0]),
            ("setdomainname", libc::SYS_setdomainname, [NONE, 1, 0, 0, 0, 0]),
            ("quotactl", libc::SYS_quotactl, [NONE, 0, 0, 0, 0, 0]),
            ("swapon", libc::SYS_swapon, [NONE, 0, 0, 0, 0, 0]),
            ("acct", libc::SYS_acct, [NONE, 0, 0, 0, 0, 0]),
            ("syslog", libc::SYS_syslog, [NONE, 0, 0, 0, 0, 0]),
            ("clock_settime", libc::SYS_clock_settime, [NONE, 0, 0, 0, 0, 0]),
            ("adjtimex", libc::SYS_adjtimex, [NONE, 0, 0, 0, 0, 0]),
            ("iopl", libc::SYS_iopl, [7, 0, 0, 0, 0, 0]),
            ("keyctl", libc::SYS_keyctl, [NONE, 0, 0, 0, 0, 0]),
            ("add_key", libc::SYS_add_key, [NONE, 0, 0, 0, 0, 0]),
        ]
    }

    fn memory(&self) -> Vec<Attack> {
        let Self { bytes, fd, .. } = *self;
        let (all, code) =
            (flags(libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC), flags(libc::PROT_EXEC));
        let anonymous = flags(libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        vec![
            ("memory to write and run", libc::SYS_mmap, [0, 4096, all, anonymous, NONE, 0]),
            ("a file as code", libc::SYS_mmap, [0, 4096, code, flags(libc::MAP_PRIVATE), fd, 0]),
            ("its stack as code", libc::SYS_mprotect, [bytes & !4095, 4096, all, 0, 0, 0]),
            ("pkey_mprotect", libc::SYS_pkey_mprotect, [bytes & !4095, 4096, all, NONE, 0, 0]),
            ("memfd_create", libc::SYS_memfd_create, [NONE, 0, 0, 0, 0, 0]),
            ("userfaultfd", libc::SYS_userfaultfd, [NONE, 0, 0, 0, 0, 0]),
        ]
    }
}
