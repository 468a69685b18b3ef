//! What `tcptrace list` shows people: the article's sockets and a few hard ones, on wide and narrow terminals.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::time::Duration;

use tcptrace::{
    address::{Endpoint, Netns, Tuple},
    dumped::{DumpedSocket, Holder, Timer, TimerKind},
    render::{Palette, Table},
    tcp::TcpState::{self, CloseWait, Established, FinWait2, Listen, SynSent, TimeWait},
};
use unicode_width::UnicodeWidthStr as _;

/// `127.0.0.1 80`; `0.0.0.0 0` for nobody.
fn end(text: &str) -> Endpoint {
    let (address, port) = text.split_once(' ').unwrap();
    Endpoint { address: address.parse().unwrap(), port: port.parse().unwrap() }
}

fn found(state: TcpState, local: &str, remote: &str, comm: Option<&[u8]>) -> DumpedSocket {
    let tuple = Tuple { local: end(local), remote: end(remote) };
    DumpedSocket {
        inode: 5,
        holder: comm.map(|comm| Holder { pid: 2502, comm: comm.to_vec(), uid: 0, fd: 4, others: 0 }),
        ..DumpedSocket::new(Netns(4_026_531_840), tuple, state, 121_910)
    }
}

fn timer(kind: TimerKind, ms: u64, retransmits: u8) -> Option<Timer> {
    Some(Timer { kind, expires: Duration::from_millis(ms), retransmits })
}

fn sockets() -> Vec<DumpedSocket> {
    let server = Some(&b"server"[..]);
    let mut listener = found(Listen, "0.0.0.0 10050", "0.0.0.0 0", server);
    (listener.recv_q, listener.send_q) = (1, 4096);
    listener.holder.as_mut().unwrap().others = 3;
    let dual = found(Listen, ":: 443", ":: 0", None);
    let open = found(Established, "127.0.0.1 10050", "127.0.0.1 54998", server);
    let orphan = DumpedSocket {
        timer: timer(TimerKind::TimeWait, 58_213, 0),
        ..found(FinWait2, "127.0.0.1 10050", "127.0.0.1 54996", None)
    };
    let unread = DumpedSocket {
        recv_q: 1,
        timer: timer(TimerKind::Keepalive, 7_199_000, 0),
        // A name that would turn a terminal red and the line around.
        ..found(CloseWait, "127.0.0.1 54996", "127.0.0.1 10050", Some(b"\x1b[31mclient\xe2\x80\xae"))
    };
    let over = DumpedSocket {
        timer: timer(TimerKind::TimeWait, 999, 0),
        ..found(TimeWait, "fe80::1 50000", "2001:db8:1:2:3:4:5:6 443", None)
    };
    let calling = DumpedSocket {
        send_q: 1,
        timer: timer(TimerKind::Retransmit, 1_200, 3),
        ..found(SynSent, "192.168.100.200 65535", "203.0.113.255 65535", server)
    };
    vec![listener, dual, open, orphan, unread, over, calling]
}

fn shown(palette: Palette, width: Option<usize>, sockets: &[DumpedSocket]) -> String {
    let mut out = Vec::new();
    Table { palette, width }.write(&mut out, sockets).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn as_wide_as_it_gets() {
    insta::assert_snapshot!(shown(Palette::default(), None, &sockets()));
}

#[test]
fn within_100_columns() {
    insta::assert_snapshot!(shown(Palette::default(), Some(100), &sockets()));
}

#[test]
fn within_80_columns() {
    insta::assert_snapshot!(shown(Palette::default(), Some(80), &sockets()));
}

#[test]
fn nothing_to_list_is_a_heading_alone() {
    insta::assert_snapshot!(
        shown(Palette::default(), None, &[]),
        @"PROTO LOCAL REMOTE STATE       PROCESS RECV-Q SEND-Q TIMER MEANING"
    );
}

#[test]
fn no_row_is_wider_than_the_terminal() {
    for width in 60..200 {
        let table = shown(Palette::default(), Some(width), &sockets());
        let longest = table.lines().map(|row| row.width()).max().unwrap();
        assert!(longest <= width, "{longest} in {width} columns:\n{table}");
    }
}

#[test]
fn colours_change_nothing_but_colours() {
    let coloured = shown(Palette::new(true), Some(100), &sockets());
    assert!(coloured.contains("\x1b[33m"), "{coloured:?}");
    let plain = anstream::adapter::strip_str(&coloured).to_string();
    assert_eq!(plain, shown(Palette::default(), Some(100), &sockets()));
}
