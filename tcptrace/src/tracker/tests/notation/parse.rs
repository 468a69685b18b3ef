//! The lines of a ladder, parsed.

use super::{Ladder, Named};
use crate::{
    address::{Endpoint, Netns, Tuple},
    event::{Activity, SockFacts, SocketEvent, SocketEventKind, StateChange, Task, TimerStep},
    process::{Comm, Evidence, Owner},
    tcp::TcpState,
    time::Moment,
    tracker::SocketInfo,
};

impl Ladder {
    pub(super) fn named(&self, local: &str, remote: &str, more: &[&str]) -> Named {
        let number = self.sockets.len() as u64 + 1;
        let tuple = Tuple { local: endpoint(local), remote: endpoint(remote) };
        let mut named = Named { cookie: Some(number), pointer: number << 8, netns: Some(Netns(1)), tuple };
        for word in more {
            match word.split_once('=').unwrap_or((word, "")) {
                ("cookie", "none") => named.cookie = None,
                ("cookie", cookie) => named.cookie = Some(cookie.parse().unwrap()),
                ("at", name) => named.pointer = self.sockets[name].pointer,
                ("netns", "none") => named.netns = None,
                ("netns", netns) => named.netns = Some(Netns(netns.parse().unwrap())),
                _ => panic!("no word about a socket: {word}"),
            }
        }
        named
    }

    pub(super) fn found(&self, name: &str, state: &str, more: &[&str]) -> SocketInfo {
        let Named { cookie, tuple, .. } = self.sockets[name];
        let owner = more.iter().find_map(|word| word.strip_prefix("pid=")).map(|who| {
            let (pid, comm) = process(who);
            Owner::new(pid, comm, 0, Evidence::Procfs)
        });
        let netns = Some(self.sockets[name].netns.unwrap_or(Netns(1)));
        SocketInfo { cookie, netns, tuple, state: state.parse().unwrap(), owner, cgroup: None }
    }

    pub(super) fn state_change(
        &self,
        time: &str,
        name: &str,
        [from, to]: [&str; 2],
        more: &[&str],
    ) -> StateChange {
        let Named { cookie, pointer, netns, tuple } = self.sockets[name];
        let (from, to) = (from.parse().unwrap(), to.parse().unwrap());
        let swapper = Task {
            pid: 0,
            tid: 0,
            uid: 0,
            comm: Comm::from_slice(b"swapper"),
            thread: Comm::from_slice(b"swapper"),
            activity: Some(Activity::Kernel),
        };
        let mut event = StateChange {
            mono_ns: nanoseconds(time),
            pointer,
            cookie,
            netns,
            tuple,
            from,
            to,
            sock: Some(SockFacts::default()),
            numbers: None,
            cgroup: None,
            task: swapper,
        };
        if (from, to) == (TcpState::Close, TcpState::SynSent) && !more.contains(&"bound") {
            event.tuple.local.port = 0;
        }
        for word in more {
            self.word(&mut event, word);
        }
        event
    }

    pub(super) fn socket_event(&self, time: &str, name: &str, kind: &str, more: &[&str]) -> SocketEvent {
        let Named { cookie, pointer, netns, tuple } = self.sockets[name];
        let mut event = SocketEvent {
            mono_ns: nanoseconds(time),
            pointer,
            cookie,
            netns,
            tuple,
            state: TcpState::Established,
            tid: 0,
            kind: SocketEventKind::Retransmit,
        };
        let mut step = TimerStep::Started;
        let mut reason = None;
        for word in more {
            match word.split_once('=').unwrap_or((word, "")) {
                ("started", _) => step = TimerStep::Started,
                ("stopped", _) => step = TimerStep::Stopped,
                ("expired", _) => step = TimerStep::Expired,
                ("restarted", _) => step = TimerStep::Restarted,
                ("reused", _) => step = TimerStep::Reused,
                ("in", state) => event.state = state.parse().unwrap(),
                ("tid", tid) => event.tid = tid.parse().unwrap(),
                ("nameless", _) => event.cookie = None,
                ("reason", number) => reason = Some(number.parse().unwrap()),
                _ => panic!("no word about a socket event: {word}"),
            }
        }
        // Minisockets and requests live elsewhere in memory than the full socket.
        (event.pointer, event.kind) = match kind {
            "request" => (pointer | 1, SocketEventKind::Request(step)),
            "minisocket" => (pointer | 2, SocketEventKind::Timewait(step)),
            "RST" => (pointer, SocketEventKind::ResetSent { reason }),
            _ => (pointer, SocketEventKind::Retransmit),
        };
        event
    }

    fn word(&self, event: &mut StateChange, word: &str) {
        let facts = event.sock.get_or_insert_default();
        let (key, value) = word.split_once('=').unwrap_or((word, ""));
        match key {
            "pid" | "task" => {
                (event.task.pid, event.task.comm) = process(value);
                (event.task.tid, event.task.thread) = (event.task.pid, event.task.comm);
                event.task.activity = Some(Activity::Running);
                facts.owned = key == "pid";
                facts.file_released = facts.owned.then_some(false);
            }
            "thread" => (event.task.tid, event.task.thread) = process(value),
            "close" => facts.file_released = Some(true),
            "exit" | "kill" => {
                facts.file_released = Some(true);
                event.task.activity = Some(Activity::Exiting { signal: value.parse().unwrap_or(0) });
            }
            "kthread" => event.task.activity = Some(Activity::Kernel),
            "used" => facts.ending.get_or_insert_default().netns_in_use = true,
            "fin" => facts.fin_received = true,
            "acknowledged" => _ = facts.ending.get_or_insert_default(),
            "unacknowledged" => facts.ending.get_or_insert_default().unacknowledged = true,
            "unsent" => facts.ending.get_or_insert_default().unsent = true,
            // sock_orphan takes the way to the file away.
            "orphan" => (facts.orphan, facts.file_released) = (true, None),
            "rd" => facts.receive_shutdown = true,
            "err" => facts.error = value.parse().unwrap(),
            "sent" => event.numbers.get_or_insert_default().bytes_sent = value.parse().unwrap(),
            "acked" => event.numbers.get_or_insert_default().bytes_acked = value.parse().unwrap(),
            "got" => event.numbers.get_or_insert_default().bytes_received = value.parse().unwrap(),
            "resent" => event.numbers.get_or_insert_default().retransmits = value.parse().unwrap(),
            "bound" => {}
            "as" => {
                let Named { cookie, tuple, .. } = self.sockets[value];
                (event.cookie, event.tuple) = (cookie, tuple);
            }
            // The classic hook without BTF: nothing of the socket, the thread's name for the task.
            "blind" => {
                (event.sock, event.cookie, event.netns, event.task.activity) = (None, None, None, None);
            }
            _ => panic!("no word about an event: {word}"),
        }
    }
}

pub(super) fn at(mono_ns: u64) -> Moment {
    Moment { mono_ns, wall_ns: i64::try_from(mono_ns).unwrap() }
}

pub(super) fn nanoseconds(time: &str) -> u64 {
    let time = time.strip_prefix('+').unwrap();
    let unit = time.trim_start_matches(|c: char| c.is_ascii_digit());
    let number: u64 = time.strip_suffix(unit).unwrap().parse().unwrap();
    number
        * match unit {
            "s" => 1_000_000_000,
            "ms" => 1_000_000,
            "us" => 1_000,
            "" => 1,
            _ => panic!("no unit of time: {unit}"),
        }
}

/// An end as the kernel's bytes would come: of `127.0.0.1:80`, `[::ffff:127.0.0.1]:80`, or `*` for none.
fn endpoint(text: &str) -> Endpoint {
    let (address, port) = text.rsplit_once(':').unwrap_or(("0.0.0.0", "0"));
    let address: std::net::IpAddr = address.trim_matches(['[', ']']).parse().unwrap();
    let bytes = match address {
        std::net::IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
        std::net::IpAddr::V6(v6) => v6.octets(),
    };
    Endpoint::from_bytes(bytes, port.parse().unwrap())
}

pub(super) fn process(text: &str) -> (u32, Comm) {
    let (pid, comm) = text.split_once('/').unwrap();
    (pid.parse().unwrap(), Comm::from_slice(comm.as_bytes()))
}
