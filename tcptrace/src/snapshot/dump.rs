//! Asks the kernel for the TCP sockets of one network namespace, over `sock_diag` (`man 7 sock_diag`).

use std::{collections::HashSet, io, time::Duration};

use anyhow::{Context, Error, Result};
use netlink_packet_core::{NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage};
use netlink_packet_sock_diag::{
    SockDiagMessage,
    constants::{AF_INET, AF_INET6, IPPROTO_TCP},
    inet::{ExtensionFlags, InetRequest, SocketId, StateFlags},
};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_SOCK_DIAG};
use rustix::{io::Errno, net::sockopt};

use super::{Snapshot, States, answer::Answer};
use crate::address::Netns;
use crate::dumped::DumpedSocket;

/// Size of the buffer: the kernel fills at most 32 KiB of a larger one (`netlink_recvmsg`).
const BUFFER: usize = 64 << 10;

/// Number of attempts before taking a dump that the kernel calls inconsistent.
const ATTEMPTS: u32 = 4;

/// Longest wait for an answer. The kernel makes the dump inside `recv`: one that does not come at once will not come.
const PATIENCE: Duration = Duration::from_secs(5);

/// Adds the sockets of the calling thread's namespace, which is `netns`.
pub(super) fn namespace(netns: Netns, states: States, snapshot: &mut Snapshot) -> Result<()> {
    let socket = open().map_err(explain).context("open a sock_diag socket")?;
    let mut found = Vec::new();
    let mut sequence = 0;
    let mut complete = true;
    for (family, name) in [(AF_INET, "IPv4"), (AF_INET6, "IPv6")] {
        let mut attempt = || {
            sequence += 1;
            ask(&socket, family, states, sequence, netns)
        };
        let mut answer = attempt();
        for _ in 1..ATTEMPTS {
            if !answer.as_ref().is_ok_and(|answer| answer.interrupted) {
                break;
            }
            answer = attempt();
        }
        let what = format!("the {name} TCP sockets of network namespace {}", netns.0);
        let answer = answer.map_err(explain).with_context(|| format!("list {what}"))?;
        if answer.interrupted {
            let warning =
                format!("{what} changed faster than the kernel could list them: some may be missing");
            snapshot.warnings.push(warning);
        }
        if answer.damaged > 0 {
            let warning =
                format!("{what}: {} sock_diag messages were not understood, left out", answer.damaged);
            snapshot.warnings.push(warning);
        }
        complete &= !answer.interrupted && answer.damaged == 0;
        found.extend(answer.sockets);
    }
    if complete {
        snapshot.namespaces.insert(netns);
    }
    snapshot.sockets.extend(last_sights(found));
    Ok(())
}

/// Each socket once, as it was seen last. One that is bound and then connects moves on in the kernel's tables, and a walk can meet it twice
/// (seen under load: `CLOSE`, then `TIME_WAIT`); the later sight is the truer one.
fn last_sights(mut found: Vec<DumpedSocket>) -> impl Iterator<Item = DumpedSocket> {
    let mut seen = HashSet::with_capacity(found.len());
    found.reverse();
    found.retain(|socket| seen.insert(socket.cookie));
    found.into_iter().rev()
}

fn open() -> io::Result<Socket> {
    let socket = Socket::new(NETLINK_SOCK_DIAG)?;
    // Connected to the kernel, the socket takes messages from nobody else.
    socket.connect(&SocketAddr::new(0, 0))?;
    sockopt::set_socket_timeout(&socket, sockopt::Timeout::Recv, Some(PATIENCE))?;
    Ok(socket)
}

fn ask(socket: &Socket, family: u8, states: States, sequence: u32, netns: Netns) -> io::Result<Answer> {
    uninterrupted(|| socket.send(&request(family, states, sequence), 0))?;
    let mut answer = Answer::default();
    let mut buffer = Vec::with_capacity(BUFFER);
    loop {
        buffer.clear();
        uninterrupted(|| socket.recv(&mut buffer, 0))?;
        answer.read(&buffer, sequence, netns);
        match answer.end {
            None => {}
            Some(Ok(())) => return Ok(answer),
            Some(Err(errno)) => return Err(io::Error::from_raw_os_error(errno)),
        }
    }
}

/// Request for the sockets of one family. No extensions: the fixed part of the answer has all that is needed.
fn request(family: u8, states: States, sequence: u32) -> Vec<u8> {
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST | NLM_F_DUMP;
    header.sequence_number = sequence;
    let body = SockDiagMessage::InetRequest(InetRequest {
        family,
        protocol: IPPROTO_TCP,
        extensions: ExtensionFlags::empty(),
        states: match states {
            // `StateFlags::all()` ends at CLOSING: it lacks NEW_SYN_RECV and BOUND_INACTIVE. Kernels ignore unknown bits.
            States::All => StateFlags::from_bits_retain(u32::MAX),
            States::Minisockets => StateFlags::FIN_WAIT2 | StateFlags::TIME_WAIT,
        },
        socket_id: SocketId::new_v4(),
    });
    let mut message = NetlinkMessage::new(header, body.into());
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    bytes
}

fn uninterrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// Says what to do about the errors that have a remedy. The `io::Error` stays in the chain.
fn explain(error: io::Error) -> Error {
    let remedy = match Errno::from_io_error(&error) {
        Some(Errno::PROTONOSUPPORT | Errno::NOENT) => {
            "this kernel cannot list TCP sockets over netlink: load the modules inet_diag and tcp_diag (modprobe tcp_diag)"
        }
        Some(Errno::AGAIN) => "the kernel did not answer in time",
        _ => return error.into(),
    };
    Error::new(error).context(remedy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        address::{Endpoint, Tuple},
        tcp::TcpState,
    };

    #[test]
    fn a_socket_that_is_met_twice_counts_as_it_was_last() {
        let end = Endpoint { address: [127, 0, 0, 1].into(), port: 1 };
        let tuple = Tuple { local: end, remote: end };
        let sight = |cookie, state| DumpedSocket::new(Netns(1), tuple, state, cookie);
        let walk =
            [(1, TcpState::Close), (2, TcpState::Listen), (1, TcpState::Established), (3, TcpState::Close)];
        let once: Vec<_> = last_sights(walk.map(|(cookie, state)| sight(cookie, state)).into()).collect();
        assert_eq!(once, [walk[1], walk[2], walk[3]].map(|(cookie, state)| sight(cookie, state)));
    }

    #[test]
    fn the_request_asks_for_every_state() {
        let bytes = request(AF_INET6, States::All, 5);
        assert_eq!(bytes.len(), 16 + 56, "struct nlmsghdr and struct inet_diag_req_v2");
        let word = |at: usize| u32::from_ne_bytes(*bytes[at..].first_chunk().unwrap());
        assert_eq!((word(0), word(8)), (72, 5));
        assert_eq!(bytes[16..20], [AF_INET6, IPPROTO_TCP, 0, 0]);
        assert_eq!(word(20), u32::MAX);
        assert!(bytes[24..].iter().all(|byte| *byte == 0), "no filter");
    }

    #[test]
    fn a_missing_module_is_named_and_the_errno_kept() {
        for errno in [Errno::NOENT, Errno::PROTONOSUPPORT] {
            let error = explain(errno.into());
            assert!(format!("{error:#}").contains("modprobe tcp_diag"), "{error:#}");
            let source = error.downcast_ref::<io::Error>().unwrap();
            assert_eq!(Errno::from_io_error(source), Some(errno));
        }
    }
}
