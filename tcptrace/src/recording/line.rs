//! A line of JSON, as it is written and as it is read: one list of all fields, so that the two cannot drift apart.
//!
//! A new field is a line here, in the place where it is written, a line in `write.rs`, and one in `read.rs`. A name means
//! the same in every record: readers of tables (Miller, pandas) make one column of it.

use std::{borrow::Cow, net::IpAddr};

use serde::{Deserialize, Serialize};

/// Version of the contract: the `v` of every object.
pub(crate) const VERSION: u64 = 1;

/// What is said in words.
pub(super) type Text<'a> = Cow<'a, str>;

/// An object whose fields are absent where they are not known.
macro_rules! object {
    ($(#[$about:meta])* $name:ident<$life:lifetime> { $($field:ident: $kind:ty,)* }) => {
        $(#[$about])*
        #[derive(Clone, Debug, Default, Deserialize, Serialize)]
        #[serde(default)]
        pub(crate) struct $name<$life> {
            $(
                #[serde(skip_serializing_if = "Option::is_none")]
                pub(crate) $field: Option<$kind>,
            )*
        }
    };
}

object! {
    /// Every field of every record, in the order of writing.
    Line<'a> {
        v: u64,
        r#type: Text<'a>,
        time: Text<'a>,
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
        socket: Text<'a>,
        connection: Text<'a>,
        family: Text<'a>,
        netns: Text<'a>,
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
        socket: Text<'a>,
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
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
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

/// One end of a socket.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(crate) struct End {
    pub(crate) address: IpAddr,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) port: Option<u16>,
}
