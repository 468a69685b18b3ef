//! Reads the kernel's answer to a dump request: bytes in, sockets out.

use std::time::Duration;

use netlink_packet_core::{
    NLM_F_DUMP_INTR, NLMSG_DONE, NLMSG_ERROR, NLMSG_NOOP, NLMSG_OVERRUN, NetlinkBuffer, Parseable,
};
use netlink_packet_sock_diag::{SOCK_DIAG_BY_FAMILY, inet::InetResponseHeader};

use crate::dumped::{DumpedSocket, Timer, TimerKind};
use crate::{
    address::{Endpoint, Netns, Tuple},
    tcp::TcpState,
};

/// Netlink messages begin at multiples of this (`NLMSG_ALIGNTO`).
const ALIGN: usize = 4;

/// `TCP_BOUND_INACTIVE`: not a state of a socket but the dump's word for "`CLOSE`, with a port" (`tcp_states.h`).
const BOUND_INACTIVE: u8 = 13;

/// The sockets of one dump, and how it went so far.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    /// Sockets that were understood, in the kernel's order.
    pub sockets: Vec<DumpedSocket>,
    /// How the dump ended, once it has: an errno if it failed.
    pub end: Option<Result<(), i32>>,
    /// Whether the kernel says that something changed under the dump, so that it may be inconsistent.
    pub interrupted: bool,
    /// Messages that could not be understood.
    pub damaged: usize,
}

impl Answer {
    /// Takes in one datagram. Messages with another sequence number belong to an earlier question and are left out.
    pub fn read(&mut self, mut datagram: &[u8], sequence: u32, netns: Netns) {
        while !datagram.is_empty() {
            let Ok(message) = NetlinkBuffer::new_checked(datagram) else {
                // Without a length that can be trusted there is no telling where the next message begins.
                self.damaged += 1;
                return;
            };
            if message.sequence_number() == sequence {
                self.message(&message, netns);
            }
            let length = (message.length() as usize).next_multiple_of(ALIGN);
            datagram = datagram.get(length..).unwrap_or_default();
        }
    }

    fn message(&mut self, message: &NetlinkBuffer<&[u8]>, netns: Netns) {
        self.interrupted |= message.flags() & NLM_F_DUMP_INTR != 0;
        match message.message_type() {
            NLMSG_NOOP => {}
            NLMSG_DONE => self.end = Some(status(message.payload())),
            // An acknowledgement, code 0, is not the end of a dump.
            NLMSG_ERROR => self.end = status(message.payload()).err().map(Err).or(self.end),
            NLMSG_OVERRUN => self.interrupted = true,
            SOCK_DIAG_BY_FAMILY => match socket(message.payload(), netns) {
                Some(socket) => self.sockets.push(socket),
                None => self.damaged += 1,
            },
            _ => self.damaged += 1,
        }
    }
}

/// The number that both `NLMSG_DONE` and `NLMSG_ERROR` begin with. Before Linux 4.16 a failed dump just ends, with 0.
fn status(payload: &[u8]) -> Result<(), i32> {
    match payload.first_chunk().map_or(0, |code| i32::from_ne_bytes(*code)) {
        0 => Ok(()),
        code => Err(code.saturating_neg()),
    }
}

/// One `struct inet_diag_msg`, and the one attribute behind it that is needed:
/// [`InetResponse`](netlink_packet_sock_diag::inet::InetResponse) refuses the whole socket for one that it does not like.
fn socket(payload: &[u8], netns: Netns) -> Option<DumpedSocket> {
    let header = InetResponseHeader::parse(payload).ok()?;
    let id = header.socket_id;
    let state = match header.state {
        BOUND_INACTIVE => TcpState::Close,
        number => TcpState::try_from(number).ok()?,
    };
    let [low, high] =
        [0, 4].map(|at| id.cookie[at..].first_chunk().map_or(0, |word| u32::from_ne_bytes(*word)));
    Some(DumpedSocket {
        netns,
        tuple: Tuple {
            local: Endpoint { address: id.source_address.to_canonical(), port: id.source_port },
            remote: Endpoint { address: id.destination_address.to_canonical(), port: id.destination_port },
        },
        state,
        // Two 32-bit words, the low one first on every machine (`sock_diag_save_cookie`).
        cookie: u64::from(high) << 32 | u64::from(low),
        inode: header.inode,
        uid: header.uid,
        recv_q: header.recv_queue,
        send_q: header.send_queue,
        timer: timer(payload),
        cgroup_id: cgroup(payload),
        cgroup: None,
        holder: None,
    })
}

/// The attribute `INET_DIAG_CGROUP_ID` (`inet_diag_msg_attrs_fill`); minisockets and request sockets have none.
fn cgroup(payload: &[u8]) -> Option<u64> {
    const MESSAGE: usize = 72;
    const CGROUP_ID: u16 = 21;
    let mut rest = payload.get(MESSAGE..)?;
    while let Some(([a, b, c, d], body)) = rest.split_first_chunk() {
        let length = usize::from(u16::from_ne_bytes([*a, *b]));
        if u16::from_ne_bytes([*c, *d]) == CGROUP_ID && length == 12 {
            return body.first_chunk().map(|id| u64::from_ne_bytes(*id)).filter(|id| *id != 0);
        }
        // A length that makes no sense is the end of it.
        rest = rest.get(length.next_multiple_of(ALIGN)..).filter(|_| length >= 4)?;
    }
    None
}

/// The running timer. By hand, because the crate's own `Timer` drops how long `TIME_WAIT` has left, and the count of probes.
fn timer(payload: &[u8]) -> Option<Timer> {
    const TIMER: usize = 2;
    const RETRANS: usize = 3;
    const EXPIRES: usize = 52;
    let kind = match payload.get(TIMER)? {
        1 => TimerKind::Retransmit,
        2 => TimerKind::Keepalive,
        3 => TimerKind::TimeWait,
        4 => TimerKind::Probe,
        _ => return None,
    };
    let expires = u32::from_ne_bytes(*payload.get(EXPIRES..)?.first_chunk()?);
    Some(Timer { kind, expires: Duration::from_millis(expires.into()), retransmits: *payload.get(RETRANS)? })
}

#[cfg(test)]
#[cfg(target_endian = "little")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NETNS: Netns = Netns(4_026_531_840);
    const SEQUENCE: u32 = 7;

    // Captured from Linux 6.18 on loopback: what `sock_diag` really sends, headers and attributes included.
    const TIME_WAIT: &str = "\
        6000000014000200070000007245000002060300a104232b7f0000010000000000000000000000007f00000100000000\
        0000000000000000000000000510000000000000f0e900000000000000000000000000000000000008000f0000000000";
    const CLOSE_WAIT: &str = "\
        7c00000014000200070000007245000002080000232ba10a7f0000010000000000000000000000007f00000100000000\
        000000000000000000000000091000000000000000000000010000000000000000000000b98a00000500080001000000\
        08000f00000000000c00150001000000000000000600160052000000";
    const DUAL_STACK_LISTENER: &str = "\
        840000001400020007000000724500000a0a0000232a0000000000000000000000000000000000000000000000000000\
        0000000000000000000000000b1000000000000000000000000000000500000000000000b18a00000500080000000000\
        05000b000000000008000f00000000000c00150001000000000000000600160012000000";
    const MAPPED_REQUEST: &str = "\
        600000001400020007000000724500000a030100232acf9600000000000000000000ffff7f0000010000000000000000\
        0000ffff7f000001000000000e10000000000000400300000000000000000000000000000000000008000f0000000000";
    const DONE: &str = "1400000003000200070000007245000000000000";

    fn bytes(hex: &str) -> Vec<u8> {
        hex.as_bytes()
            .chunks(2)
            .map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect()
    }

    fn read(datagram: &[u8]) -> Answer {
        let mut answer = Answer::default();
        answer.read(datagram, SEQUENCE, NETNS);
        answer
    }

    fn endpoint(text: &str) -> Endpoint {
        let end: std::net::SocketAddr = text.parse().unwrap();
        Endpoint { address: end.ip(), port: end.port() }
    }

    #[test]
    fn a_captured_answer_is_read() {
        let answer =
            read(&bytes(&[TIME_WAIT, CLOSE_WAIT, DUAL_STACK_LISTENER, MAPPED_REQUEST, DONE].concat()));
        assert_eq!((answer.end, answer.interrupted, answer.damaged), (Some(Ok(())), false, 0));
        let socket = |local, remote, state, cookie| {
            let tuple = Tuple { local: endpoint(local), remote: endpoint(remote) };
            DumpedSocket::new(NETNS, tuple, state, cookie)
        };
        let timer = |kind, ms| Some(Timer { kind, expires: Duration::from_millis(ms), retransmits: 0 });
        assert_eq!(
            answer.sockets,
            [
                DumpedSocket {
                    timer: timer(TimerKind::TimeWait, 59_888),
                    ..socket("127.0.0.1:41220", "127.0.0.1:9003", TcpState::TimeWait, 0x1005)
                },
                DumpedSocket {
                    inode: 35_513,
                    recv_q: 1,
                    cgroup_id: Some(1),
                    ..socket("127.0.0.1:9003", "127.0.0.1:41226", TcpState::CloseWait, 0x1009)
                },
                DumpedSocket {
                    inode: 35_505,
                    send_q: 5,
                    cgroup_id: Some(1),
                    ..socket("[::]:9002", "[::]:0", TcpState::Listen, 0x100b)
                },
                DumpedSocket {
                    timer: timer(TimerKind::Retransmit, 832),
                    ..socket("127.0.0.1:9002", "127.0.0.1:53142", TcpState::SynRecv, 0x100e)
                },
            ]
        );
    }

    #[test]
    fn a_cookie_has_64_bits_and_a_state_may_be_unknown() {
        let mut message = bytes(CLOSE_WAIT);
        message[60..68].copy_from_slice(&[1, 2, 3, 4, 5, 6, 7, 8]);
        message[17] = BOUND_INACTIVE;
        let mut unknown = bytes(CLOSE_WAIT);
        unknown[17] = 14;
        let mut unix = bytes(CLOSE_WAIT);
        unix[16] = 1;
        let answer = read(&[unknown, message, unix].concat());
        assert_eq!(answer.damaged, 2);
        assert_eq!(
            answer.sockets.iter().map(|f| (f.state, f.cookie)).collect::<Vec<_>>(),
            [(TcpState::Close, 0x0807_0605_0403_0201)]
        );
    }

    #[test]
    fn an_attribute_that_makes_no_sense_costs_nothing() {
        let mut message = bytes(CLOSE_WAIT);
        message[88..90].copy_from_slice(&[3, 0]);
        let [mut found] = <[DumpedSocket; 1]>::try_from(read(&message).sockets).unwrap();
        assert_eq!(found.cgroup_id.take(), None, "what follows cannot be read");
        let [mut whole] = <[DumpedSocket; 1]>::try_from(read(&bytes(CLOSE_WAIT)).sockets).unwrap();
        assert_eq!(whole.cgroup_id.take(), Some(1));
        assert_eq!(found, whole);
    }

    #[test]
    fn a_failed_or_disturbed_dump_says_so() {
        let error = |code: i32| {
            let mut message = bytes(DONE);
            message[4] = 2;
            message[16..].copy_from_slice(&code.to_ne_bytes());
            message
        };
        assert_eq!(read(&error(-2)).end, Some(Err(2)));
        assert_eq!(read(&error(i32::MIN)).end, Some(Err(i32::MAX)));
        assert_eq!(read(&error(0)).end, None, "an acknowledgement");

        let mut done = bytes(DONE);
        done[6] |= 0x10;
        assert!(read(&done).interrupted);
        done[16..].copy_from_slice(&(-22_i32).to_ne_bytes());
        assert_eq!(read(&done).end, Some(Err(22)), "a dump can also fail at its end");
        done[8] = 6;
        assert_eq!(read(&done).end, None, "the end of an earlier question");
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(datagram in prop::collection::vec(any::<u8>(), 0..400)) {
            read(&datagram);
        }

        /// Arbitrary bytes again, but with a header that lets the reader get to the inside.
        #[test]
        fn a_good_socket_survives_what_stands_beside_it(
            kind in 0_u16..30,
            flags in any::<u16>(),
            payload in prop::collection::vec(any::<u8>(), 0..200),
            family in prop::sample::select(vec![2_u8, 10]),
        ) {
            let mut neighbour = Vec::new();
            neighbour.extend_from_slice(&(16 + payload.len() as u32).to_ne_bytes());
            neighbour.extend_from_slice(&kind.to_ne_bytes());
            neighbour.extend_from_slice(&flags.to_ne_bytes());
            neighbour.extend_from_slice(&SEQUENCE.to_ne_bytes());
            neighbour.extend_from_slice(&[0; 4]);
            neighbour.extend_from_slice(&payload);
            if let Some(first) = neighbour.get_mut(16) {
                *first = family;
            }
            neighbour.resize(neighbour.len().next_multiple_of(ALIGN), 0);
            let answer = read(&[neighbour, bytes(TIME_WAIT)].concat());
            prop_assert_eq!(answer.sockets.last().cloned(), read(&bytes(TIME_WAIT)).sockets.pop());
        }

        #[test]
        fn a_cut_off_message_is_counted_and_the_ones_before_it_stay(cut in 1_usize..96) {
            let answer = read(&[&bytes(CLOSE_WAIT)[..], &bytes(TIME_WAIT)[..cut]].concat());
            prop_assert_eq!((answer.sockets.len(), answer.damaged), (1, 1));
        }
    }
}
