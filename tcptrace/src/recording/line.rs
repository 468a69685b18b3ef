//! A line of JSON, as it is written and as it is read: one list of all fields, so that the two cannot drift apart.
//!
//! A new field is a line here, in the place where it is written, a line in `write.rs`, and one in `read.rs`. A name means
//! the same in every record: readers of tables (Miller, pandas) make one column of it.

use std::net::IpAddr;

use serde::Deserialize;

use super::{
    put::{self, Put},
    text::Text,
};
use crate::record::SocketId;

/// Version of the contract: the `v` of every object.
pub(crate) const VERSION: u64 = 1;

/// An object whose fields are absent where they are not known.
macro_rules! object {
    ($(#[$about:meta])* $name:ident<$life:lifetime> { $($field:ident $(($key:literal))?: $kind:ty,)* }) => {
        $(#[$about])*
        #[derive(Clone, Debug, Default, Deserialize)]
        #[serde(default)]
        pub(crate) struct $name<$life> {
            $(
                $(#[serde(rename = $key)])?
                pub(crate) $field: Option<$kind>,
            )*
        }

        impl Put for $name<'_> {
            fn put(&self, out: &mut Vec<u8>) {
                let start = out.len();
                $(put::field(out, object!(@key $field $($key)?), self.$field.as_ref());)*
                put::close(out, start);
            }
        }
    };
    (@key $field:ident) => { concat!(",\"", stringify!($field), "\":") };
    (@key $field:ident $key:literal) => { concat!(",\"", $key, "\":") };
}

object! {
    /// Every field of every record, in the order of writing.
    Line<'a> {
        v: u64,
        kind("type"): Text<'a>,
        time: Time,
        mono_ns: u64,
        // `start`
        version: Text<'a>,
        kernel: Text<'a>,
        probe: Text<'a>,
        probe_fallback: Text<'a>,
        filter: Text<'a>,
        sees: Vec<Text<'a>>,
        unseen: Vec<Unseen<'a>>,
        // The subject.
        socket: Quoted<SocketId>,
        connection: Quoted<u64>,
        family: Text<'a>,
        netns: Quoted<u64>,
        cgroup: Text<'a>,
        container: Text<'a>,
        local: End,
        remote: End,
        // The verdict on a connection.
        open: bool,
        ends: Vec<VerdictEnd<'a>>,
        opener: usize,
        closed_first: usize,
        ended: Text<'a>,
        reset_by: usize,
        lasted_ns: u64,
        established_ns: u64,
        half_closed_ns: u64,
        teardown_ns: u64,
        completeness: Text<'a>,
        // What became of a socket.
        from: Text<'a>,
        to: Text<'a>,
        state: Text<'a>,
        in_from_ns: u64,
        since_first_ns: u64,
        context: Text<'a>,
        evidence: Text<'a>,
        process: Process<'a>,
        cause: Text<'a>,
        cause_inferred: bool,
        how: Text<'a>,
        signal: Text<'a>,
        errno: u16,
        illegal: Illegal,
        srtt_us: u32,
        retransmits: u32,
        bytes_sent: u64,
        bytes_acked: u64,
        bytes_received: u64,
        // `retransmit`, `reset`, `lost`, `stuck`
        count: u64,
        reason: Text<'a>,
        for_ns: u64,
        at_least: bool,
        fd: i32,
        advice: Text<'a>,
        // `list` alone
        other_holders: u32,
        recv_queue: u32,
        send_queue: u32,
        timer: Timer<'a>,
        // `end`
        seen: u64,
        shown: u64,
        filtered: u64,
        lost: u64,
    }
}

object! {
    /// One end of a connection that is judged.
    VerdictEnd<'a> {
        address: IpAddr,
        port: u16,
        socket: Quoted<SocketId>,
        state: Text<'a>,
        process: Process<'a>,
        handshake_ns: u64,
        payload_bytes: u64,
        retransmits: u64,
    }
}

object! {
    /// What is not seen.
    Unseen<'a> {
        what: Text<'a>,
        why: Text<'a>,
    }
}

/// Of a step, that it is one; at the end, how many there were.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Illegal {
    Step(bool),
    Steps(u64),
}

object! {
    /// A socket's owner.
    Process<'a> {
        pid: u32,
        comm: Text<'a>,
        comm_hex: Text<'a>,
        thread: Thread<'a>,
        uid: u32,
        evidence: Text<'a>,
    }
}

object! {
    /// The thread that is in the system call.
    Thread<'a> {
        tid: u32,
        comm: Text<'a>,
        comm_hex: Text<'a>,
    }
}

object! {
    /// A timer of the kernel.
    Timer<'a> {
        kind: Text<'a>,
        expires_ms: u64,
        retransmits: u8,
    }
}

/// An id of up to 64 bits, in quotes, because many readers keep only 53 of a number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quoted<T>(pub(crate) T);

/// A wall-clock time, in nanoseconds since the Unix epoch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Time(pub(crate) i64);

/// One end of a socket.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct End {
    pub(crate) address: IpAddr,
    pub(crate) port: Option<u16>,
}
