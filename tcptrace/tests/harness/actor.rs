//! Processes with a name of their own that hold sockets and do as they are told, one call at a time.
//!
//! An actor is this test's own program, run again under another name. Sockets belong to actors and never to the test:
//! between fork and exec a child of a parallel test holds all that the test has open, and may be the last to close it.

use std::{
    cell::RefCell,
    collections::HashMap,
    ffi::OsStr,
    io::{BufRead as _, BufReader, Write as _},
    net::SocketAddr,
    os::{
        fd::{AsRawFd as _, FromRawFd as _, OwnedFd},
        unix::{net::UnixStream, process::CommandExt as _},
    },
    process::{Child, Command, ExitStatus, Stdio},
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::Duration,
};

use rustix::{
    io::Errno,
    net::{AddressFamily, RecvFlags, SendFlags, Shutdown, SocketAddrAny, SocketType, ipproto, sockopt},
    process::{Pid, PidfdFlags, PidfdGetfdFlags, Signal, Uid},
};
use tempfile::TempDir;

use super::{Reaped, patience};

const SUMMONS: &str = "TCPTRACE_TEST_ACTOR";

thread_local! {
    /// The names of this test's actors, by process id.
    static CAST: RefCell<HashMap<u32, String>> = RefCell::default();
}

/// The actor with this process id.
pub fn name_of(pid: u32) -> Option<String> {
    CAST.with_borrow(|cast| cast.get(&pid).cloned())
}

/// Gives a process id a name.
pub fn cast(pid: u32, name: &str) {
    CAST.with_borrow_mut(|cast| cast.insert(pid, name.to_owned()));
}

/// What an actor says of a socket of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sock {
    /// `SO_COOKIE`: the name under which records speak of it.
    pub cookie: String,
    pub local: SocketAddr,
    /// `0.0.0.0:0` of a listening socket.
    pub remote: SocketAddr,
    pub fd: i32,
}

/// A process that does as it is told.
pub struct Actor {
    process: Reaped,
    line: RefCell<BufReader<UnixStream>>,
    _directory: TempDir,
}

impl Actor {
    pub fn new(name: impl AsRef<OsStr>) -> Self {
        Self::inside(&[], name)
    }

    /// Started by another program, like `unshare --pid --fork`.
    pub fn inside(wrapper: &[&str], name: impl AsRef<OsStr>) -> Self {
        // The kernel takes a process's name from the path that was executed, here of a symbolic link.
        let directory = tempfile::tempdir().unwrap();
        let program = directory.path().join(name.as_ref());
        std::os::unix::fs::symlink(std::env::current_exe().unwrap(), &program).unwrap();
        let mut command = match wrapper {
            [] => {
                let mut command = Command::new(&program);
                // A test program wants its arguments in UTF-8; the name need not be.
                command.arg0("actor");
                command
            }
            [first, rest @ ..] => {
                let mut command = Command::new(first);
                command.args(rest).arg(&program);
                command
            }
        };
        let (ours, theirs) = UnixStream::pair().unwrap();
        ours.set_read_timeout(Some(patience())).unwrap();
        let child = command
            .args(["--exact", "harness::actor::act", "--nocapture"])
            .env(SUMMONS, "1")
            .stdin(OwnedFd::from(theirs))
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let actor =
            Self { process: Reaped(child), line: RefCell::new(BufReader::new(ours)), _directory: directory };
        assert_eq!(actor.speak("are you there?"), "here");
        let pid = actor.pid();
        cast(pid, &name.as_ref().to_string_lossy());
        actor
    }

    /// Its process id out here, also if it has another one in a pid namespace.
    pub fn pid(&self) -> u32 {
        let child = self.process.0.id();
        let children = format!("/proc/{child}/task/{child}/children");
        let children = std::fs::read_to_string(children).unwrap_or_default();
        children.split_whitespace().next().and_then(|pid| pid.parse().ok()).unwrap_or(child)
    }

    /// Has it do something that succeeds and is about a socket.
    #[track_caller]
    pub fn tell(&self, order: &str) -> Sock {
        let answer = self.speak(order);
        let words: Vec<&str> = answer.split_whitespace().collect();
        let ["socket", cookie, local, remote, fd] = words[..] else { panic!("{order}: {answer}") };
        Sock {
            cookie: cookie.to_owned(),
            local: local.parse().unwrap(),
            remote: remote.parse().unwrap(),
            fd: fd.parse().unwrap(),
        }
    }

    /// Has it do something that ends the matter.
    #[track_caller]
    pub fn order(&self, order: &str) {
        assert_eq!(self.speak(order), "done", "{order}");
    }

    /// What it answers, in its own words.
    #[track_caller]
    pub fn speak(&self, order: &str) -> String {
        self.begin(order);
        self.answer()
    }

    /// Has it begin with something that takes its time; the [`answer`](Self::answer) is due later.
    pub fn begin(&self, order: &str) {
        writeln!(self.line.borrow_mut().get_mut(), "{order}").unwrap();
    }

    /// The answer to the last order.
    #[track_caller]
    pub fn answer(&self) -> String {
        let mut answer = String::new();
        self.line.borrow_mut().read_line(&mut answer).unwrap();
        answer.trim_end().to_owned()
    }

    /// Sends it a signal and waits for its end.
    pub fn kill(mut self, signal: Signal) -> ExitStatus {
        let pid = i32::try_from(self.process.0.id()).unwrap();
        rustix::process::kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
        wait(&mut self.process.0)
    }

    /// Has it exit without closing anything itself.
    pub fn exit(mut self) -> ExitStatus {
        writeln!(self.line.get_mut().get_mut(), "exit").unwrap();
        wait(&mut self.process.0)
    }
}

/// Waits for the end of a child.
pub fn wait(child: &mut Child) -> ExitStatus {
    super::wait_for("the end of a child", || child.try_wait().unwrap())
}

/// Not a test: what an actor runs.
#[test]
fn act() {
    if std::env::var_os(SUMMONS).is_none() {
        return;
    }
    // SAFETY: descriptor 0 is the socket that `Actor::inside` put there, and nobody else uses it.
    let line = unsafe { UnixStream::from_raw_fd(0) };
    let mut answers = line.try_clone().unwrap();
    let mut mine = HashMap::new();
    for order in BufReader::new(line).lines() {
        let answer = match obey(&mut mine, &order.unwrap()) {
            Ok(answer) => answer,
            Err(errno) => format!("error {}", errno.raw_os_error()),
        };
        // Whoever listens may have gone.
        let _ = writeln!(answers, "{answer}");
    }
    // Standard input is a socket too, and its descriptor is not ours alone to close.
    std::process::exit(0);
}

fn obey(mine: &mut HashMap<String, OwnedFd>, order: &str) -> Result<String, Errno> {
    let words: Vec<&str> = order.split_whitespace().collect();
    let (done, here) = (Ok("done".to_owned()), Ok("here".to_owned()));
    let new = match words[..] {
        ["are", ..] => return here,
        ["exit"] => std::process::exit(0),
        // From now on sockets are MPTCP's, if the kernel makes such.
        ["mptcp"] => {
            MPTCP.store(true, Relaxed);
            return stream(&SocketAddr::from(([0, 0, 0, 0], 0))).map(|_| "done".to_owned());
        }
        // Only this thread, which makes all the calls.
        ["become", uid] => {
            let uid = Uid::from_raw(uid.parse().unwrap());
            rustix::thread::set_thread_res_uid(uid, uid, uid)?;
            return done;
        }
        ["pid"] => return Ok(std::process::id().to_string()),
        ["pin", cpu] => {
            let mut cpus = rustix::thread::CpuSet::new();
            cpus.set(cpu.parse().unwrap());
            rustix::thread::sched_setaffinity(None, &cpus)?;
            return done;
        }
        // Until it is killed.
        ["spin"] => loop {
            std::hint::spin_loop();
        },
        // Until then the thread has another name than the process.
        ["name-thread"] => {
            let name = std::fs::read("/proc/self/comm").unwrap();
            let name = std::ffi::CString::new(name.trim_ascii_end()).unwrap();
            rustix::thread::set_name(&name)?;
            return done;
        }
        ["listen", name, address] => {
            let socket = bound(address)?;
            rustix::net::listen(&socket, 4096)?;
            (name, socket)
        }
        // The kernel picks the port.
        ["listen-unbound", name] => {
            let socket = stream(&SocketAddr::from(([0, 0, 0, 0], 0)))?;
            rustix::net::listen(&socket, 4096)?;
            (name, socket)
        }
        ["bind", name, address] => (name, bound(address)?),
        ["connect", name, address] => {
            let to: SocketAddr = address.parse().unwrap();
            // One that was bound, or a new one.
            let socket = mine.remove(name).map_or_else(|| stream(&to), Ok)?;
            rustix::net::connect(&socket, &to)?;
            (name, socket)
        }
        // A SYN with data; whether it takes depends on `tcp_fastopen`.
        ["fast-open", name, address] => {
            let to: SocketAddr = address.parse().unwrap();
            let socket = stream(&to)?;
            let flags = SendFlags::from_bits_retain(libc::MSG_FASTOPEN.cast_unsigned());
            rustix::net::sendto(&socket, b"x", flags, &to)?;
            (name, socket)
        }
        ["accept", listener, name] => (name, rustix::net::accept(&mine[listener])?),
        // What a forked child has: the same open file as its parent.
        ["adopt", name, pid, fd] => {
            let pid = Pid::from_raw(pid.parse().unwrap()).unwrap();
            let process = rustix::process::pidfd_open(pid, PidfdFlags::empty())?;
            let fd = fd.parse().unwrap();
            (name, rustix::process::pidfd_getfd(process, fd, PidfdGetfdFlags::empty())?)
        }
        ["send", name] => {
            rustix::net::send(&mine[name], b"x", SendFlags::NOSIGNAL)?;
            return done;
        }
        ["receive", name] => {
            let (count, _) = rustix::net::recv(&mine[name], &mut [0; 1], RecvFlags::empty())?;
            return Ok(format!("received {count}"));
        }
        // Until there is something to read, which stays there.
        ["wait", name] => {
            rustix::net::recv(&mine[name], &mut [0; 1], RecvFlags::PEEK)?;
            return done;
        }
        ["linger0", name] => {
            sockopt::set_socket_linger(&mine[name], Some(Duration::ZERO))?;
            return done;
        }
        // After a second, one probe, and a second to answer it.
        ["keepalive", name] => {
            let second = Duration::from_secs(1);
            sockopt::set_tcp_keepidle(&mine[name], second)?;
            sockopt::set_tcp_keepintvl(&mine[name], second)?;
            sockopt::set_tcp_keepcnt(&mine[name], 1)?;
            sockopt::set_socket_keepalive(&mine[name], true)?;
            return done;
        }
        ["user-timeout", name] => {
            sockopt::set_tcp_user_timeout(&mine[name], 1_000)?;
            return done;
        }
        // connect(AF_UNSPEC): back to CLOSE, with the descriptor still open.
        ["disconnect", name] => {
            rustix::net::connect_unspec(&mine[name])?;
            return done;
        }
        ["stop-listening", name] => {
            rustix::net::shutdown(&mine[name], Shutdown::Read)?;
            return done;
        }
        ["listen-again", name, backlog] => {
            rustix::net::listen(&mine[name], backlog.parse().unwrap())?;
            return done;
        }
        // Nothing to accept before there is data.
        ["defer", name] => {
            let seconds = 10_i32;
            // SAFETY: the option takes an int, which lives as long as the call.
            let outcome = unsafe {
                libc::setsockopt(
                    mine[name].as_raw_fd(),
                    libc::IPPROTO_TCP,
                    libc::TCP_DEFER_ACCEPT,
                    (&raw const seconds).cast(),
                    size_of_val(&seconds) as u32,
                )
            };
            assert_eq!(outcome, 0);
            return done;
        }
        ["shutdown", name] => {
            rustix::net::shutdown(&mine[name], Shutdown::Write)?;
            return done;
        }
        ["close", name] => {
            drop(mine.remove(name).unwrap());
            return done;
        }
        // As a server does that answers and hangs up.
        ["serve", listener, count] => {
            for _ in 0..count.parse::<usize>().unwrap() {
                drop(rustix::net::accept(&mine[listener])?);
            }
            return done;
        }
        // Connects, and hangs up once the other end has: one port after another goes through TIME_WAIT there.
        ["visit", address, count] => {
            let to: SocketAddr = address.parse().unwrap();
            for _ in 0..count.parse::<usize>().unwrap() {
                let socket = stream(&to)?;
                rustix::net::connect(&socket, &to)?;
                rustix::net::recv(&socket, &mut [0; 1], RecvFlags::empty())?;
            }
            return done;
        }
        _ => panic!("no such order: {order}"),
    };
    let (name, socket) = new;
    let answer = describe(&socket)?;
    mine.insert(name.to_owned(), socket);
    Ok(answer)
}

static MPTCP: AtomicBool = AtomicBool::new(false);

fn stream(to: &SocketAddr) -> Result<OwnedFd, Errno> {
    let family = if to.is_ipv6() { AddressFamily::INET6 } else { AddressFamily::INET };
    let protocol = if MPTCP.load(Relaxed) { ipproto::MPTCP } else { ipproto::TCP };
    rustix::net::socket(family, SocketType::STREAM, Some(protocol))
}

fn bound(address: &str) -> Result<OwnedFd, Errno> {
    let address: SocketAddr = address.parse().unwrap();
    let socket = stream(&address)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    rustix::net::bind(&socket, &address)?;
    Ok(socket)
}

fn describe(socket: &OwnedFd) -> Result<String, Errno> {
    let readable = |address: SocketAddrAny| SocketAddr::try_from(address).map_err(|_| Errno::AFNOSUPPORT);
    let cookie = sockopt::socket_cookie(socket)?;
    let local = readable(rustix::net::getsockname(socket)?)?;
    let remote = rustix::net::getpeername(socket).ok().and_then(|address| address);
    let remote = remote.map_or(Ok(SocketAddr::from(([0, 0, 0, 0], 0))), readable)?;
    Ok(format!("socket {cookie} {local} {remote} {}", socket.as_raw_fd()))
}
