//! A line of JSON, as it is written and as it is read: one list of all fields, so that the two cannot drift apart. A
//! field is read into its place in a `struct`; to write it is to call the method of its name.
//!
//! A new field is a line here, in the place where it is written, a line in `write.rs`, and one in `read.rs`. A name
//! means the same in every record: readers of tables (Miller, pandas) make one column of it.

use std::net::IpAddr;

use serde::Deserialize;

use super::{
    values::{Illegal, Quoted, Time},
    write_json::{Object, WriteJson},
};
use crate::record::SocketId;

/// Version of the contract: the `v` of every object.
pub(crate) const VERSION: u64 = 1;

/// An object whose fields are absent where they are not known: to be read, and to be written field by field.
macro_rules! object {
    ($(#[$about:meta])* $name:ident { $($field:ident $(($key:literal))?: $kind:ty,)* }) => {
        $(#[$about])*
        #[derive(Clone, Debug, Default, Deserialize)]
        #[serde(default)]
        pub(crate) struct $name {
            $(
                $(#[serde(rename = $key)])?
                pub(crate) $field: Option<$kind>,
            )*
        }

        impl Object<'_, $name> {
            $(
                #[inline]
                pub(crate) fn $field(&mut self, value: impl WriteJson) -> &mut Self {
                    self.field(object!(@key $field $($key)?), &value)
                }
            )*
        }
    };
    (@key $field:ident) => { concat!(",\"", stringify!($field), "\":") };
    (@key $field:ident $key:literal) => { concat!(",\"", $key, "\":") };
}

object! {
    /// Every field of every record, in the order of writing.
    Line {
        v: u64,
        kind("type"): String,
        time: Time,
        mono_ns: u64,
        // `start`
        version: String,
        kernel: String,
        probe: String,
        probe_fallback: String,
        filter: String,
        sees: Vec<String>,
        unseen: Vec<Unseen>,
        // The subject.
        socket: Quoted<SocketId>,
        connection: Quoted<u64>,
        family: String,
        netns: Quoted<u64>,
        cgroup: String,
        container: String,
        local: End,
        remote: End,
        // The summary of a connection.
        open: bool,
        ends: Vec<SummaryEnd>,
        opener: usize,
        closed_first: usize,
        ended: String,
        reset_by: usize,
        lasted_ns: u64,
        established_ns: u64,
        half_closed_ns: u64,
        teardown_ns: u64,
        completeness: String,
        // What became of a socket.
        from: String,
        to: String,
        state: String,
        in_from_ns: u64,
        since_first_ns: u64,
        context: String,
        evidence: String,
        process: Process,
        cause: String,
        cause_inferred: bool,
        how: String,
        signal: String,
        errno: u16,
        illegal: Illegal,
        srtt_us: u32,
        retransmits: u32,
        bytes_sent: u64,
        bytes_acked: u64,
        bytes_received: u64,
        // `retransmit`, `reset`, `lost`, `stuck`
        count: u64,
        reason: String,
        for_ns: u64,
        at_least: bool,
        fd: i32,
        advice: String,
        // `list` alone
        other_holders: u32,
        recv_queue: u32,
        send_queue: u32,
        timer: Timer,
        // `end`
        seen: u64,
        shown: u64,
        filtered: u64,
        lost: u64,
    }
}

object! {
    /// One end in the summary of a connection.
    SummaryEnd {
        address: IpAddr,
        port: u16,
        socket: Quoted<SocketId>,
        state: String,
        process: Process,
        handshake_ns: u64,
        payload_bytes: u64,
        retransmits: u64,
    }
}

object! {
    /// Hook that cannot be used.
    Unseen {
        what: String,
        why: String,
    }
}

object! {
    /// Owner of a socket.
    Process {
        pid: u32,
        comm: String,
        comm_hex: String,
        thread: Thread,
        uid: u32,
        evidence: String,
    }
}

object! {
    /// The thread that is in the system call.
    Thread {
        tid: u32,
        comm: String,
        comm_hex: String,
    }
}

object! {
    /// A timer of the kernel.
    Timer {
        kind: String,
        expires_ms: u64,
        retransmits: u8,
    }
}

object! {
    /// One end of a socket.
    End {
        address: IpAddr,
        port: u16,
    }
}
