//! The snapshot against the real kernel, with `ss` as the independent witness. Each test has its own network namespace.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

#[expect(dead_code, reason = "each file of tests uses its part")]
mod harness;

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fs::File,
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    os::{
        fd::{AsFd, AsRawFd, OwnedFd},
        unix::{ffi::OsStrExt, fs::MetadataExt},
    },
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use harness::{Reaped, in_a_namespace, patience, run, skip};
use rustix::{
    process::{Resource, Rlimit, Uid, getrlimit, setrlimit},
    thread::{
        CapabilitySet, CapabilitySets, LinkNameSpaceType, move_into_link_name_space, set_capabilities,
        set_thread_res_uid,
    },
};
use tcptrace::{
    address::Netns,
    dumped::{DumpedSocket, Holder, TimerKind},
    snapshot::{Options, Scope, Snapshot, States, take},
    tcp::TcpState,
};

const HERE: Options = Options { scope: Scope::Here, states: States::All, owners: false };
const HERE_OWNED: Options = Options { scope: Scope::Here, states: States::All, owners: true };
const EVERYWHERE_OWNED: Options = Options { scope: Scope::Everywhere, states: States::All, owners: true };

/// A client and its accepted end.
fn pair(listener: &TcpListener) -> (TcpStream, TcpStream) {
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (client, listener.accept().unwrap().0)
}

/// Waits, because the peer's ACK and FIN take their own time.
fn take_when(options: Options, ready: impl Fn(&Snapshot) -> bool) -> Snapshot {
    let deadline = Instant::now() + patience();
    loop {
        let snapshot = take(options).unwrap();
        if ready(&snapshot) {
            return snapshot;
        }
        assert!(Instant::now() < deadline, "it never got there: {snapshot:#?}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Keeps request sockets in `NEW_SYN_RECV` until the client sends something.
fn defer_accept(listener: &TcpListener) {
    let seconds: libc::c_int = 60;
    // SAFETY: the pointer and the length are those of one `int`, which outlives the call.
    let result = unsafe {
        libc::setsockopt(
            listener.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_DEFER_ACCEPT,
            (&raw const seconds).cast(),
            size_of_val(&seconds) as libc::socklen_t,
        )
    };
    assert_eq!(result, 0);
}

/// A socket as both `ss` and we describe it, in `ss`'s words: `ESTAB 0 0 127.0.0.1:80 127.0.0.1:1234 on ino:5 sk:1a`.
type Line = String;

fn as_ss_prints(found: &DumpedSocket) -> Line {
    let state = match found.state {
        TcpState::Established => "ESTAB".to_owned(),
        TcpState::Close => "UNCONN".to_owned(),
        state => state.name().replace("WAIT1", "WAIT-1").replace("WAIT2", "WAIT-2").replace('_', "-"),
    };
    let timer = match found.timer.map(|timer| timer.kind) {
        None => "-",
        Some(TimerKind::Retransmit) => "on",
        Some(TimerKind::Keepalive) => "keepalive",
        Some(TimerKind::TimeWait) => "timewait",
        Some(TimerKind::Probe) => "persist",
    };
    let DumpedSocket { recv_q, send_q, tuple, inode, cookie, .. } = found;
    format!("{state} {recv_q} {send_q} {} {} {timer} ino:{inode} sk:{cookie:x}", tuple.local, tuple.remote)
}

/// The same line from `ss`: its unset ends are `0.0.0.0:*`, `[::]:*` or `*:*`, its v4-mapped ones `[::ffff:1.2.3.4]`.
fn from_ss(line: &str) -> Line {
    let words: Vec<&str> = line.split_whitespace().collect();
    let end = |word: &str| {
        let (address, port) = word.rsplit_once(':').unwrap();
        match address.strip_prefix("[::ffff:").and_then(|rest| rest.strip_suffix(']')) {
            Some(mapped) => format!("{mapped}:{port}"),
            None if port == "*" => "*:*".to_owned(),
            None if address == "*" => format!("[::]:{port}"),
            None => word.to_owned(),
        }
    };
    let named = |prefix: &str| words.iter().find_map(|word| word.strip_prefix(prefix)).unwrap_or("-");
    let timer = named("timer:(").split(',').next().unwrap();
    let [state, recv_q, send_q, local, remote] = words[..5] else { panic!("{line}") };
    let (local, remote, ino, sk) = (end(local), end(remote), named("ino:"), named("sk:"));
    format!("{state} {recv_q} {send_q} {local} {remote} {timer} ino:{ino} sk:{sk}")
}

fn ss() -> BTreeSet<Line> {
    run("ss", &["-tanoOeH"]).lines().map(from_ss).collect()
}

#[test]
fn every_socket_is_as_ss_has_it() {
    in_a_namespace(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let listener6 = TcpListener::bind("[::1]:0").unwrap();
        let dual = TcpListener::bind("[::]:0").unwrap();
        let dual_port = dual.local_addr().unwrap().port();

        let _established = pair(&listener);
        let _established6 = pair(&listener6);
        let mapped = TcpStream::connect(("127.0.0.1", dual_port)).unwrap();
        let mapped_server = dual.accept().unwrap().0;
        assert!(mapped_server.peer_addr().unwrap().is_ipv6(), "v4-mapped");

        let (time_wait, last) = pair(&listener);
        let time_wait_port = time_wait.local_addr().unwrap().port();
        drop(time_wait);
        drop(last);
        let (orphan, mut close_wait) = pair(&listener);
        let orphan_port = orphan.local_addr().unwrap().port();
        (&orphan).write_all(b"unread").unwrap();
        drop(orphan);
        let (half_closed, _close_wait6) = pair(&listener6);
        half_closed.shutdown(Shutdown::Write).unwrap();
        let _waits_in_the_backlog = TcpStream::connect(listener.local_addr().unwrap()).unwrap();

        let deferred = TcpListener::bind("[::]:0").unwrap();
        defer_accept(&deferred);
        let deferred_port = deferred.local_addr().unwrap().port();
        let _requests = ["127.0.0.1", "::1"].map(|ip| TcpStream::connect((ip, deferred_port)).unwrap());

        let state_of = |snapshot: &Snapshot, port: u16| {
            snapshot.sockets.iter().find(|found| found.tuple.local.port == port).map(|found| found.state)
        };
        let snapshot = take_when(HERE, |snapshot| {
            state_of(snapshot, time_wait_port) == Some(TcpState::TimeWait)
                && state_of(snapshot, orphan_port) == Some(TcpState::FinWait2)
        });
        assert_eq!(snapshot.warnings, [""; 0]);

        let ours: BTreeSet<Line> = snapshot.sockets.iter().map(as_ss_prints).collect();
        assert_eq!(ours.len(), snapshot.sockets.len(), "nothing twice");
        assert_eq!(ours, ss());

        // `ss` could be blind in the same way, so what must be there by construction is counted too.
        let count = |state| snapshot.sockets.iter().filter(|found| found.state == state).count();
        for (state, expected) in [
            (TcpState::Listen, 4),
            // Three accepted pairs, one in the backlog with its client, two clients of requests.
            (TcpState::Established, 3 * 2 + 2 + 2),
            (TcpState::TimeWait, 1),
            (TcpState::FinWait2, 2),
            (TcpState::CloseWait, 2),
            (TcpState::SynRecv, 2),
        ] {
            assert_eq!(count(state), expected, "{state}: {ours:#?}");
        }
        let of = |local: SocketAddr| {
            let same = |found: &&DumpedSocket| {
                (found.tuple.local.address, found.tuple.local.port)
                    == (local.ip().to_canonical(), local.port())
                    && found.state != TcpState::Listen
            };
            snapshot.sockets.iter().find(same).unwrap()
        };
        let mapped = of(mapped.local_addr().unwrap());
        let mirrored = |found: &&DumpedSocket| found.tuple == mapped.tuple.reversed();
        assert!(snapshot.sockets.iter().any(|found| mirrored(&found)), "v4-mapped is IPv4: {ours:#?}");
        let orphan = snapshot.sockets.iter().find(|found| found.tuple.local.port == orphan_port).unwrap();
        assert_eq!((orphan.inode, orphan.holder.as_ref()), (0, None));
        let timer = orphan.timer.unwrap();
        assert!(timer.expires > Duration::from_secs(1), "it has the rest of tcp_fin_timeout: {timer:?}");
        let unread = snapshot.sockets.iter().find(|found| found.tuple.remote.port == orphan_port).unwrap();
        assert_eq!(unread.recv_q, b"unread".len() as u32 + 1, "Linux counts the FIN");
        close_wait.read_exact(&mut [0; 6]).unwrap();
    });
}

#[test]
fn a_port_that_is_only_bound_is_close() {
    in_a_namespace(|| {
        let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
        let mut numbers = release.split(['.', '-']).map_while(|word| word.parse::<u32>().ok());
        if (numbers.next(), numbers.next()) < (Some(6), Some(8)) {
            skip("sock_diag lists bound sockets since Linux 6.8");
            return;
        }
        let socket = rustix::net::socket(
            rustix::net::AddressFamily::INET,
            rustix::net::SocketType::STREAM,
            Some(rustix::net::ipproto::TCP),
        )
        .unwrap();
        rustix::net::bind(&socket, &"127.0.0.1:4711".parse::<SocketAddr>().unwrap()).unwrap();
        let snapshot = take(HERE_OWNED).unwrap();
        let [found] = &snapshot.sockets[..] else { panic!("{snapshot:#?}") };
        assert_eq!((found.state, found.tuple.local.port), (TcpState::Close, 4711));
        let owner = found.holder.as_ref().unwrap();
        assert_eq!((owner.pid, owner.fd), (std::process::id(), socket.as_raw_fd()));
    });
}

/// A process that does nothing but hold `socket` as its standard input.
fn sleeper(program: impl AsRef<OsStr>, socket: OwnedFd) -> Reaped {
    Reaped(Command::new(program).arg("60").stdin(Stdio::from(socket)).spawn().unwrap())
}

#[test]
fn the_owner_is_the_process_that_holds_it() {
    in_a_namespace(|| {
        // A name that a terminal, a parser of /proc/PID/stat and UTF-8 all choke on.
        let name = b"x) R\n\x1b[1m\xff\n";
        let directory = tempfile::tempdir().unwrap();
        let program = directory.path().join(OsStr::from_bytes(name));
        // In a process of its own: a child of a parallel test would hold what we write, which cannot be run until then.
        assert!(Command::new("cp").arg("/bin/sleep").arg(&program).status().unwrap().success());

        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let shared = TcpListener::bind("[::1]:0").unwrap();
        let ports = [&listener, &shared].map(|listener| listener.local_addr().unwrap().port());
        let second = shared.try_clone().unwrap();
        let helper = sleeper(&program, shared.try_clone().unwrap().into());
        let child = sleeper(&program, listener.into());

        let me = std::process::id();
        assert!(me < helper.0.id(), "process ids wrapped around: run the test again");
        let comm = std::fs::read("/proc/self/comm").unwrap().trim_ascii_end().to_vec();
        let fd = shared.as_raw_fd().min(second.as_raw_fd());
        let expected = [
            Holder { pid: child.0.id(), comm: name.to_vec(), uid: 0, fd: 0, others: 0 },
            Holder { pid: me, comm, uid: 0, fd, others: 1 },
        ];
        // Not at once: between fork and exec a child, also one of another test, has our name and all our descriptors.
        take_when(HERE_OWNED, |snapshot| {
            let owner =
                |port| snapshot.sockets.iter().find(|found| found.tuple.local.port == port)?.holder.as_ref();
            ports.map(owner) == expected.each_ref().map(Some)
        });
    });
}

#[test]
fn what_cannot_be_seen_is_said() {
    in_a_namespace(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let _child = sleeper("/bin/sleep", listener.into());
        take_when(HERE_OWNED, |snapshot| {
            snapshot.sockets[0].holder.as_ref().is_some_and(|owner| owner.comm == b"sleep")
        });

        // A thread cannot get back what it gives up, so each way to lack CAP_SYS_PTRACE has a thread of its own.
        let nobody = || {
            let id = Uid::from_raw(65_534);
            set_thread_res_uid(id, id, id).unwrap();
        };
        let weak_root = || {
            let few = CapabilitySet::DAC_READ_SEARCH;
            let sets = CapabilitySets { effective: few, permitted: few, inheritable: CapabilitySet::empty() };
            set_capabilities(None, sets).unwrap();
        };
        for (way, give_up) in [("nobody", nobody as fn()), ("root, few capabilities", weak_root)] {
            let snapshot = thread::spawn(move || {
                give_up();
                take(EVERYWHERE_OWNED).unwrap()
            });
            let snapshot = snapshot.join().unwrap();
            let [found] = &snapshot.sockets[..] else { panic!("{way}: {snapshot:#?}") };
            assert!(found.inode != 0 && found.holder.is_none(), "{way}: {found:?}");
            for part in ["owner not known of 1 of the sockets", "network namespace not readable of"] {
                let about = snapshot.warnings.iter().find(|warning| warning.starts_with(part));
                let told = about.is_some_and(|warning| warning.contains("CAP_SYS_PTRACE"));
                assert!(told, "{way}: {:#?}", snapshot.warnings);
            }
        }
    });
}

/// A namespace under a name, as `ip netns` and container engines keep them.
struct Named(String);

impl Named {
    fn new() -> Self {
        let name = format!("tcptrace-test-{}", std::process::id());
        run("ip", &["netns", "add", &name]);
        Self(name)
    }

    fn file(&self) -> File {
        File::open(format!("/run/netns/{}", self.0)).unwrap()
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "delete", &self.0]).status();
    }
}

fn number(namespace: &File) -> Netns {
    Netns(u32::try_from(namespace.metadata().unwrap().ino()).unwrap())
}

#[test]
fn sockets_of_other_namespaces_are_found_from_outside() {
    in_a_namespace(|| {
        let here = number(&File::open("/proc/thread-self/ns/net").unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();

        // Only the name keeps the first one: the socket in it is held by this process, which is not inside.
        let named = Named::new();
        let file = named.file();
        let elsewhere = thread::spawn({
            let file = file.try_clone().unwrap();
            move || {
                move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
                run("ip", &["link", "set", "lo", "up"]);
                TcpListener::bind("127.0.0.1:0").unwrap()
            }
        })
        .join()
        .unwrap();

        // Only a process keeps the second one.
        let _inside = Reaped(Command::new("unshare").args(["--net", "sleep", "60"]).spawn().unwrap());

        let snapshot = take(EVERYWHERE_OWNED).unwrap();
        let namespace_of = |listener: &TcpListener| {
            let address = listener.local_addr().unwrap();
            let inode = rustix::fs::fstat(listener).unwrap().st_ino;
            let found = snapshot.sockets.iter().find(|found| u64::from(found.inode) == inode).unwrap();
            assert_eq!(found.tuple.local.port, address.port());
            assert_eq!(found.holder.as_ref().unwrap().pid, std::process::id());
            found.netns
        };
        assert_eq!(namespace_of(&listener), here);
        assert_eq!(namespace_of(&elsewhere), number(&file));
        assert_eq!(
            number(&File::open("/proc/thread-self/ns/net").unwrap()),
            here,
            "this thread has not moved"
        );

        let only_here = take(HERE).unwrap();
        assert!(
            only_here.sockets.iter().all(|found| found.netns == here && found.holder.is_none()),
            "{only_here:#?}"
        );
        assert_eq!(only_here.sockets.len(), 1);
    });
}

#[test]
fn thousands_of_sockets_are_all_there() {
    const PAIRS: usize = 4_000;
    in_a_namespace(|| {
        let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
        setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let _pairs: Vec<_> = (0..PAIRS).map(|_| pair(&listener)).collect();

        for options in [HERE, HERE_OWNED, EVERYWHERE_OWNED] {
            let started = Instant::now();
            let snapshot = take(options).unwrap();
            eprintln!("{options:?}: {} sockets in {:?}", snapshot.sockets.len(), started.elapsed());
            let here = snapshot.sockets.iter().filter(|found| {
                [found.tuple.local.port, found.tuple.remote.port]
                    .contains(&listener.local_addr().unwrap().port())
            });
            let owned_as_asked = here.filter(|found| {
                found.holder.as_ref().map(|owner| owner.pid) == options.owners.then(std::process::id)
            });
            assert_eq!(owned_as_asked.count(), 2 * PAIRS + 1);
        }
        let cookies: BTreeSet<u64> = take(HERE).unwrap().sockets.iter().map(|found| found.cookie).collect();
        assert_eq!(cookies.len(), 2 * PAIRS + 1);
    });
}
