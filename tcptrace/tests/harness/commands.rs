//! What an actor can be told: one line, one call.

use std::{
    collections::HashMap,
    io::{IoSlice, IoSliceMut},
    mem::MaybeUninit,
    net::SocketAddr,
    os::{
        fd::{AsFd as _, AsRawFd as _, OwnedFd},
        linux::net::SocketAddrExt as _,
        unix::{net::UnixDatagram, process::CommandExt as _},
    },
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::Duration,
};

use rustix::{
    io::Errno,
    net::{
        AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
        SendAncillaryMessage, SendFlags, Shutdown, SocketAddrAny, SocketType, ipproto, sockopt,
    },
    process::{Pid, PidfdFlags, PidfdGetfdFlags, Signal, Uid},
};

use super::ring;

/// Possessions of an actor: sockets by name, a child, and where others hand sockets in.
#[derive(Default)]
pub struct Stage {
    mine: HashMap<String, OwnedFd>,
    child: Option<Child>,
    crowd: Vec<Child>,
    mailbox: Option<UnixDatagram>,
}

impl Stage {
    pub fn execute(&mut self, order: &str) -> Result<String, Errno> {
        let words: Vec<&str> = order.split_whitespace().collect();
        if let ["thread", ..] = words[..] {
            let rest = order.trim_start().strip_prefix("thread").unwrap();
            // In one that calls itself by its own number.
            let worker = || {
                let name = format!("worker-{}", rustix::thread::gettid().as_raw_nonzero());
                rustix::thread::set_name(&std::ffi::CString::new(name).unwrap())?;
                self.execute(rest)
            };
            return std::thread::scope(|scope| scope.spawn(worker).join().unwrap());
        }
        let mine = &mut self.mine;
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
            // Not bound, not connected; an address of its family.
            ["socket", name, address] => (name, stream(&address.parse().unwrap())?),
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
                // One that was made before stays also if this fails.
                if !mine.contains_key(name) {
                    let socket = stream(&to)?;
                    rustix::net::connect(&socket, &to)?;
                    mine.insert(name.to_owned(), socket);
                } else {
                    rustix::net::connect(&mine[name], &to)?;
                }
                return describe(&mine[name]);
            }
            // A SYN with data; whether it takes depends on `tcp_fastopen`.
            ["fast-open", name, address] => {
                let to: SocketAddr = address.parse().unwrap();
                let socket = stream(&to)?;
                let flags = SendFlags::from_bits_retain(libc::MSG_FASTOPEN.cast_unsigned());
                rustix::net::sendto(&socket, b"x", flags, &to)?;
                (name, socket)
            }
            ["ring"] => return ring::new().map(|_| "done".to_owned()),
            // In this thread, or in a worker of the kernel's on its behalf.
            ["accept-by-ring", listener, name, place] => {
                (name, ring::accept(mine[listener].as_fd(), place == "worker")?)
            }
            ["accept", listener, name] => (name, rustix::net::accept(&mine[listener])?),
            // What a forked child has: the same open file as its parent.
            ["adopt", name, pid, fd] => {
                let pid = Pid::from_raw(pid.parse().unwrap()).unwrap();
                let process = rustix::process::pidfd_open(pid, PidfdFlags::empty())?;
                let fd = fd.parse().unwrap();
                (name, rustix::process::pidfd_getfd(process, fd, PidfdGetfdFlags::empty())?)
            }
            // Another program that inherits all sockets, and ends when it is told so.
            ["spawn", program] => {
                let child =
                    Command::new(program).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
                let pid = child.id();
                self.child = Some(child);
                return Ok(format!("child {pid}"));
            }
            ["end-child"] => {
                let mut child = self.child.take().unwrap();
                drop(child.stdin.take());
                child.wait().unwrap();
                return done;
            }
            // Many programs that have a connection each, and nobody else has it; they answer with their process ids.
            ["gather-crowd", address, count] => {
                let to: SocketAddr = address.parse().unwrap();
                for _ in 0..count.parse::<u32>().unwrap() {
                    let socket = stream(&to)?;
                    rustix::net::connect(&socket, &to)?;
                    // One process group, that of the first.
                    let group = self.crowd.first().map_or(0, Child::id).cast_signed();
                    let mut command = Command::new("sleep");
                    command.arg("1000").stdin(socket).stdout(Stdio::null()).process_group(group);
                    self.crowd.push(command.spawn().unwrap());
                }
                let pids: Vec<_> = self.crowd.iter().map(|child| child.id().to_string()).collect();
                return Ok(pids.join(" "));
            }
            ["kill-crowd"] => {
                let group = Pid::from_child(self.crowd.first().unwrap());
                rustix::process::kill_process_group(group, Signal::KILL)?;
                for mut child in self.crowd.drain(..) {
                    child.wait().unwrap();
                }
                return done;
            }
            ["open-mailbox"] => {
                self.mailbox = Some(UnixDatagram::bind_addr(&mailbox(std::process::id())).unwrap());
                return done;
            }
            ["pass", name, pid] => {
                let to = UnixDatagram::unbound().unwrap();
                to.connect_addr(&mailbox(pid.parse().unwrap())).unwrap();
                let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
                let mut control = SendAncillaryBuffer::new(&mut space);
                let fds = [mine[name].as_fd()];
                assert!(control.push(SendAncillaryMessage::ScmRights(&fds)));
                rustix::net::sendmsg(&to, &[IoSlice::new(b"x")], &mut control, SendFlags::empty())?;
                return done;
            }
            ["take", name] => {
                let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
                let mut control = RecvAncillaryBuffer::new(&mut space);
                let mailbox = self.mailbox.as_ref().unwrap();
                rustix::net::recvmsg(
                    mailbox,
                    &mut [IoSliceMut::new(&mut [0; 1])],
                    &mut control,
                    RecvFlags::empty(),
                )?;
                let mut messages = control.drain();
                let Some(RecvAncillaryMessage::ScmRights(mut fds)) = messages.next() else {
                    panic!("no socket came")
                };
                (name, fds.next().unwrap())
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
            ["shutdown-both", name] => {
                rustix::net::shutdown(&mine[name], Shutdown::Both)?;
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
}

/// In the abstract namespace, which a network namespace has of its own.
fn mailbox(pid: u32) -> std::os::unix::net::SocketAddr {
    std::os::unix::net::SocketAddr::from_abstract_name(format!("tcptrace-test-{pid}")).unwrap()
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
