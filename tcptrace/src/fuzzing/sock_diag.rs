//! Answers of `sock_diag`: what an answer says of a socket stands in its message, and nothing of one message depends on another.

use crate::{address::Netns, snapshot::Answer};

const NETNS: Netns = Netns(1);
/// Length of a message's header; fewer bytes are no message.
const HEADER: usize = 16;

fn read(datagrams: &[&[u8]], sequence: u32) -> Answer {
    let mut answer = Answer::default();
    datagrams.iter().for_each(|datagram| answer.read(datagram, sequence, NETNS));
    answer
}

/// Takes the first four bytes as the sequence number, the rest as a datagram.
pub fn sock_diag(bytes: &[u8]) {
    let Some((sequence, datagram)) = bytes.split_first_chunk() else { return };
    let sequence = u32::from_ne_bytes(*sequence);
    let answer = read(&[datagram], sequence);
    assert!(
        answer.sockets.len() + answer.damaged <= datagram.len().div_ceil(HEADER),
        "one at most of each message"
    );
    for found in &answer.sockets {
        assert_eq!(found.netns, NETNS);
        assert!(holds(datagram, &found.cookie.to_le_bytes()) || cfg!(target_endian = "big"));
        assert!(holds(datagram, &found.inode.to_ne_bytes()) && holds(datagram, &found.uid.to_ne_bytes()));
        assert!(holds(datagram, &found.tuple.local.port.to_be_bytes()));
        assert!(found.cgroup_id.is_none_or(|id| id != 0 && holds(datagram, &id.to_ne_bytes())));
    }
    if let Some(Err(errno)) = answer.end {
        assert_ne!(errno, 0);
    }
    // The same, message by message.
    let alone = read(&messages(datagram), sequence);
    assert_eq!(
        (&alone.sockets, alone.end, alone.interrupted),
        (&answer.sockets, answer.end, answer.interrupted)
    );
    assert_eq!(alone.damaged, answer.damaged);
    // An answer to an earlier question says nothing; what looks like a message stays counted.
    let other = read(&[datagram], sequence.wrapping_add(1));
    let of_this: Vec<_> =
        messages(datagram).into_iter().filter(|message| of(message) == Some(sequence)).collect();
    let without = read(&[datagram], sequence).sockets.len();
    assert_eq!(read(&of_this, sequence).sockets.len(), without);
    assert!(other.damaged <= messages(datagram).len());
}

/// The sequence number of a message.
fn of(message: &[u8]) -> Option<u32> {
    Some(u32::from_ne_bytes(*message.get(8..)?.first_chunk()?))
}

/// The messages of a datagram; the last one may be none.
fn messages(mut datagram: &[u8]) -> Vec<&[u8]> {
    let mut messages = Vec::new();
    while !datagram.is_empty() {
        let length = datagram.first_chunk().map_or(0, |length| u32::from_ne_bytes(*length) as usize);
        let cut = match length {
            ..HEADER => datagram.len(),
            length => length.next_multiple_of(4).min(datagram.len()),
        };
        let (message, rest) = datagram.split_at(cut);
        messages.push(message);
        datagram = rest;
    }
    messages
}

fn holds(datagram: &[u8], value: &[u8]) -> bool {
    datagram.windows(value.len()).any(|window| window == value)
}
