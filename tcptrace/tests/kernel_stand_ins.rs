//! The sockets that change their state without an event: half-open connections, orphans and `TIME_WAIT`, to their end.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

#[expect(dead_code, reason = "each file of tests uses its part")]
mod harness;

use std::net::Ipv4Addr;

use harness::{
    actor::{Actor, Sock},
    in_a_namespace, run, ss,
    trace::line,
    tracer::Tracer,
    veth, wait_for,
};
use rustix::net::{AddressFamily, RawProtocol, SendFlags, SocketAddrV4, SocketType};
use serde_json::Value;

/// Milliseconds that the state before lasted.
fn lasted_ms(record: &Value) -> u64 {
    record["in_from_ns"].as_u64().unwrap() / 1_000_000
}

fn set(parameter: &str, value: &str) {
    std::fs::write(format!("/proc/sys/net/ipv4/{parameter}"), value).unwrap();
}

struct Pair {
    client: Actor,
    server: Actor,
    opened: Sock,
    accepted: Sock,
}

fn connect() -> Pair {
    let (server, client) = (Actor::new("server"), Actor::new("client"));
    let listener = server.tell("listen l 127.0.0.1:0");
    let opened = client.tell(&format!("connect c {}", listener.local));
    let accepted = server.tell("accept l s");
    Pair { client, server, opened, accepted }
}

/// A SYN from somebody who will never answer: the header alone, with its checksum.
fn send_syn(from: SocketAddrV4, to: SocketAddrV4) {
    let mut segment = [0_u8; 20];
    segment[0..2].copy_from_slice(&from.port().to_be_bytes());
    segment[2..4].copy_from_slice(&to.port().to_be_bytes());
    segment[12] = 5 << 4;
    segment[13] = 0x02;
    segment[14..16].copy_from_slice(&0x1000_u16.to_be_bytes());
    let pseudo = [&from.ip().octets()[..], &to.ip().octets()[..], &[0, 6, 0, 20], &segment[..]].concat();
    let mut sum: u32 = pseudo.chunks(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]]))).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    segment[16..18].copy_from_slice(&(!(sum as u16)).to_be_bytes());
    let mut packet = vec![0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0];
    packet.extend(from.ip().octets());
    packet.extend(to.ip().octets());
    packet.extend(segment);
    let raw = rustix::net::Protocol::from_raw(RawProtocol::new(libc::IPPROTO_RAW as u32).unwrap());
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::RAW, Some(raw)).unwrap();
    rustix::net::sendto(&socket, &packet, SendFlags::empty(), &to).unwrap();
}

/// SYN received, SYN+ACK sent again and again, nothing ever comes back.
#[test]
fn a_handshake_that_is_never_finished() {
    in_a_namespace(|| {
        if !veth(&[]) {
            return;
        }
        run("ip", &["address", "add", "192.0.2.1/24", "dev", "v0"]);
        for end in ["v0", "v1"] {
            run("ip", &["link", "set", end, "up"]);
        }
        run("ip", &["neighbour", "add", "192.0.2.9", "lladdr", "02:00:00:00:00:09", "dev", "v0"]);
        for parameter in ["conf/all/rp_filter", "conf/lo/rp_filter"] {
            set(parameter, "0");
        }
        set("tcp_synack_retries", "1");
        let tracer = Tracer::start(&[]);
        let server = Actor::new("server");
        let listener = server.tell("listen l 192.0.2.1:0");
        let port = listener.local.port();
        let (nobody, here) = (Ipv4Addr::new(192, 0, 2, 9), Ipv4Addr::new(192, 0, 2, 1));
        send_syn(SocketAddrV4::new(nobody, 4000), SocketAddrV4::new(here, port));
        let half_open =
            wait_for("ss to show it", || ss::all().into_iter().find(|line| line.state == "SYN_RECV"));
        assert_eq!((half_open.inode, half_open.remote.as_str()), (0, "192.0.2.9:4000"));
        // It is told while it hangs, not when it is over.
        let told = tracer.wait_for("the SYN", |record| record["to"] == "SYN_RECV");
        assert!(ss::all().iter().any(|line| line.state == "SYN_RECV"), "{told}");
        assert_eq!(line(&told), "LISTEN>SYN_RECV softirq server/listener syn_received");
        let end = tracer.wait_for("the end", |record| record["from"] == "SYN_RECV");
        assert_eq!(line(&end), "SYN_RECV>CLOSE softirq server/listener timed_out");
        assert_eq!(end["socket"], told["socket"]);
        // 1 s to the one retransmission, 2 s to the end.
        assert!((2_500..5_000).contains(&lasted_ms(&end)), "{end}");
        assert!(ss::all().iter().all(|line| line.state == "LISTEN"));
        let trace = tracer.finish();
        let again = trace.of_type("retransmit");
        assert_eq!(again.len(), 1, "{again:?}");
        assert_eq!((&again[0]["socket"], &again[0]["state"]), (&told["socket"], &"SYN_RECV".into()));
    });
}

/// The server waits for data before it makes a socket: the handshake is over for the client, and not for the server.
#[test]
fn the_time_to_the_last_segment_of_the_handshake() {
    in_a_namespace(|| {
        let tracer = Tracer::start(&[]);
        let (server, client) = (Actor::new("server"), Actor::new("client"));
        let listener = server.tell("listen l 127.0.0.1:0");
        server.order("defer l");
        let opened = client.tell(&format!("connect c {}", listener.local));
        wait_for("ss to show it", || ss::all().into_iter().find(|line| line.state == "SYN_RECV"));
        std::thread::sleep(std::time::Duration::from_millis(200));
        client.order("send c");
        let accepted = server.tell("accept l s");
        let trace = tracer.finish();
        trace.assert_life(
            &accepted,
            &[
                "LISTEN>SYN_RECV softirq server/listener syn_received",
                "SYN_RECV>ESTABLISHED softirq server/listener -",
            ],
        );
        let established = trace.of_socket(&accepted.cookie)[1];
        assert!((200..20_000).contains(&lasted_ms(established)), "{established}");
        let by_client = trace.of_socket(&opened.cookie)[1];
        assert!(lasted_ms(by_client) < 200, "{by_client}");
        assert_eq!(established["connection"], by_client["connection"]);
    });
}

#[test]
fn an_orphan_whose_peer_never_closes() {
    in_a_namespace(|| {
        set("tcp_fin_timeout", "2");
        let tracer = Tracer::start(&[]);
        let Pair { client, server: _server, opened, accepted } = connect();
        client.order("close c");
        let end = tracer.wait_for_step(&opened.cookie, "CLOSE");
        assert!(ss::of(&opened).is_none());
        assert_eq!(ss::of(&accepted).unwrap().state, "CLOSE_WAIT");
        // The timer wheel rounds up by as much as 2 s.
        assert!((1_900..10_000).contains(&lasted_ms(&end)), "{end}");
        let trace = tracer.finish();
        trace.assert_as_ss_says();
        trace.assert_life(
            &opened,
            &[
                "CLOSE>SYN_SENT process client/syscall -",
                "SYN_SENT>ESTABLISHED process|softirq client/syscall -",
                "ESTABLISHED>FIN_WAIT1 process client/syscall close",
                "FIN_WAIT1>FIN_WAIT2 process|softirq client/syscall -",
                "orphan:FIN_WAIT2 process|softirq client/syscall -",
                "FIN_WAIT2>CLOSE softirq client/syscall elapsed",
            ],
        );
    });
}

/// Where stand-ins cannot be seen, the kernel's list tells of them, and it is said so.
#[test]
fn an_orphan_that_only_a_list_shows() {
    in_a_namespace(|| {
        set("tcp_fin_timeout", "3");
        let tracer = Tracer::start(&["--probe", "tracepoint"]);
        let Pair { client, server, .. } = connect();
        client.order("close c");
        let orphan = tracer.wait_for("the orphan", |record| record["type"] == "orphan");
        let cookie = orphan["socket"].as_str().unwrap();
        let end = tracer.wait_for_step(cookie, "CLOSE");
        assert_eq!(line(&end), "FIN_WAIT2>CLOSE inferred:sock_diag client/syscall -");
        assert!((2_900..30_000).contains(&lasted_ms(&end)), "{end}");
        assert!(ss::all().iter().all(|line| line.state != "FIN_WAIT2"));
        // And one that gets its FIN.
        client.tell(&format!("connect d {}", server.tell("listen m 127.0.0.1:0").local));
        server.tell("accept m t");
        client.order("close d");
        let is_second = |record: &Value| record["type"] == "orphan" && record["socket"] != cookie;
        let second = tracer.wait_for("the second orphan", is_second);
        server.order("close t");
        let closed = tracer.wait_for_step(second["socket"].as_str().unwrap(), "TIME_WAIT");
        assert_eq!(line(&closed), "FIN_WAIT2>TIME_WAIT inferred:peer_closed client/syscall fin_received");
        assert!(tracer.finish().of_type("start")[0]["sees"].as_array().unwrap().is_empty());
    });
}

#[test]
fn a_new_connection_takes_the_place_of_one_in_time_wait() {
    in_a_namespace(|| {
        let tracer = Tracer::start(&[]);
        let (server, client) = (Actor::new("server"), Actor::new("client"));
        let listener = server.tell("listen l 127.0.0.1:0");
        client.tell("bind c 127.0.0.1:4000");
        client.tell(&format!("connect c {}", listener.local));
        let old = server.tell("accept l s");
        server.order("close s");
        assert_eq!(client.speak("receive c"), "received 0");
        client.order("close c");
        ss::wait(&old, "TIME_WAIT");
        client.tell("bind d 127.0.0.1:4000");
        client.tell(&format!("connect d {}", listener.local));
        let new = server.tell("accept l t");
        assert_eq!((new.local, new.remote), (old.local, old.remote));
        let trace = tracer.finish();
        trace.assert_as_ss_says();
        assert_eq!(trace.life(&old).last().unwrap(), "TIME_WAIT>CLOSE softirq server/syscall reused");
        assert_ne!(
            trace.of_socket(&old.cookie)[0]["connection"],
            trace.of_socket(&new.cookie)[0]["connection"]
        );
    });
}

/// `TCP_TIMEWAIT_LEN` is 60 s on every Linux; nothing makes it shorter.
#[test]
fn time_wait_to_its_end() {
    in_a_namespace(|| {
        let tracer = Tracer::start(&[]);
        let Pair { client, server, opened, .. } = connect();
        client.order("close c");
        assert_eq!(server.speak("receive s"), "received 0");
        server.order("close s");
        ss::wait(&opened, "TIME_WAIT");
        std::thread::sleep(std::time::Duration::from_secs(50));
        assert_eq!(ss::of(&opened).unwrap().state, "TIME_WAIT");
        let end = tracer.wait_for_step(&opened.cookie, "CLOSE");
        assert!(ss::of(&opened).is_none());
        assert_eq!(line(&end), "TIME_WAIT>CLOSE softirq client/syscall elapsed");
        assert!((59_900..66_000).contains(&lasted_ms(&end)), "{end}");
        let trace = tracer.finish();
        trace.assert_as_ss_says();
    });
}
