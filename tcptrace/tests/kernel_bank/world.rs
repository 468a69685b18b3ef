//! Networks for a case, within its namespace: a link to nobody, and a wire that holds back what is sent.

use std::net::SocketAddrV4;

use rustix::net::{AddressFamily, RawProtocol, SendFlags, SocketType};

use crate::harness::{run, veth};

/// Sets a parameter below `/proc/sys/net/ipv4`.
pub fn set(parameter: &str, value: &str) {
    std::fs::write(format!("/proc/sys/net/ipv4/{parameter}"), value).unwrap();
}

fn ip(command: &str) -> String {
    run("ip", &command.split(' ').collect::<Vec<_>>())
}

/// 192.0.2.1 is here, on a link on which nobody answers. 192.0.2.9 is said to be there, but is not.
pub fn link() -> bool {
    if !veth(&[]) {
        return false;
    }
    for command in ["address add 192.0.2.1/24 dev v0", "link set v0 up", "link set v1 up"] {
        ip(command);
    }
    ip("neighbour add 192.0.2.9 lladdr 02:00:00:00:00:09 dev v0");
    // What comes from there would come from here.
    for parameter in ["conf/all/rp_filter", "conf/lo/rp_filter"] {
        set(parameter, "0");
    }
    true
}

/// 192.0.2.1 and 192.0.2.2 are both here, and yet what one sends to the other goes over a link, where it can be held.
pub fn wire() -> bool {
    if !veth(&[]) {
        return false;
    }
    set("conf/all/rp_filter", "0");
    for (end, address) in [("v0", "192.0.2.1"), ("v1", "192.0.2.2")] {
        // Nobody asks who has an address, and nobody is told; but whoever waits for the answer waits long.
        for (parameter, value) in [("rp_filter", "0"), ("accept_local", "1"), ("arp_ignore", "8")] {
            set(&format!("conf/{end}/{parameter}"), value);
        }
        set(&format!("neigh/{end}/mcast_solicit"), "100");
        ip(&format!("address add {address}/32 dev {end}"));
        ip(&format!("link set {end} up"));
    }
    // To be delivered here only after a way over the link.
    for command in ["pref 10 iif v0 lookup local", "pref 11 iif v1 lookup local", "pref 40000 lookup local"] {
        ip(&format!("rule add {command}"));
    }
    ip("rule delete pref 0");
    for to in ["192.0.2.1", "192.0.2.2"] {
        let (from, dev, _) = ends(to);
        ip(&format!("route add {to}/32 dev {dev} src {from}"));
        release(to);
    }
    true
}

/// Holds segments to this address back (in the neighbour entry's queue, `__neigh_event_send`).
pub fn hold(to: &str) {
    ip(&format!("neighbour delete {to} dev {}", ends(to).1));
}

/// Lets the segments that have waited go, and all that follow.
pub fn release(to: &str) {
    let (_, dev, other) = ends(to);
    // Not from /sys, which shows another namespace's.
    let link = ip(&format!("-o link show {other}"));
    let address = link.split_whitespace().skip_while(|word| *word != "link/ether").nth(1).unwrap();
    ip(&format!("neighbour replace {to} lladdr {address} dev {dev} nud permanent"));
}

/// Who sends there, by which end of the link, and the other end.
fn ends(to: &str) -> (&'static str, &'static str, &'static str) {
    if to == "192.0.2.2" { ("192.0.2.1", "v0", "v1") } else { ("192.0.2.2", "v1", "v0") }
}

/// A SYN from somebody who will never answer: the header alone, with its checksum.
pub fn send_syn(from: SocketAddrV4, to: SocketAddrV4) {
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
