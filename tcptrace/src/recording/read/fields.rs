//! The fields of a line to the record that they make.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Arc,
};

use crate::{
    address::{Endpoint, Netns, Tuple},
    cgroup::Cgroup,
    process::{self, Comm, Evidence, Owner, signal_number},
    record::{
        self, Cause, CauseDetails, ConnectionId, Context, Existing, Inference, Loss, Lost, Numbers, Orphan,
        Record, Reset, Retransmit, Start, Stuck, Subject, Totals, Transition,
    },
    recording::{
        line::{End, Line, Process, Unseen},
        names,
        values::{Illegal, Quoted},
    },
    tcp::TcpState,
    time::Moment,
};

/// Words that were not understood, each behind its field's name.
#[derive(Default)]
pub(super) struct Words(Vec<String>);

impl Words {
    /// Looks up what the word of an optional field stands for, and takes note of it if that is not known.
    fn look_up<T>(
        &mut self,
        field: &str,
        word: Option<&str>,
        from_name: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let found = from_name(word?);
        if found.is_none() {
            self.0.push(format!("{field} {}", word?));
        }
        found
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &String> {
        self.0.iter()
    }
}

impl Line {
    pub(super) fn start(&self) -> Option<Record> {
        let text = |field: &Option<_>| field.as_deref().map(str::to_owned);
        Some(Record::Start(Start {
            at: self.at()?,
            version: text(&self.version).unwrap_or_default(),
            probe: text(&self.probe).unwrap_or_default(),
            fallback: text(&self.probe_fallback),
            kernel: text(&self.kernel).unwrap_or_default(),
            filter: text(&self.filter).unwrap_or_default(),
            sees: self.sees.iter().flatten().map(|what| str::to_owned(what)).collect(),
            unseen: self.unseen.iter().flatten().filter_map(Unseen::read).collect(),
        }))
    }

    pub(super) fn existing(&self, words: &mut Words) -> Option<Record> {
        Some(Record::Existing(Existing {
            at: self.at()?,
            subject: self.subject(words)?,
            state: self.state()?,
        }))
    }

    pub(super) fn transition(&self, words: &mut Words) -> Option<Record> {
        let details = CauseDetails {
            // Without a name for the direction: a recording from before there was one.
            both: words.look_up("how", self.how.as_deref(), names::both).or(Some(false)),
            signal: self.signal.as_deref().and_then(signal_number),
            errno: self.errno,
        };
        Some(Record::Transition(Transition {
            at: self.at()?,
            subject: self.subject(words)?,
            from: TcpState::from_name(self.from.as_deref()?)?,
            to: TcpState::from_name(self.to.as_deref()?)?,
            in_from_ns: self.in_from_ns,
            since_first_ns: self.since_first_ns,
            context: self.context(words),
            cause: words.look_up("cause", self.cause.as_deref(), |name| Cause::from_name(name, details)),
            numbers: self.numbers(),
        }))
    }

    pub(super) fn orphan(&self, words: &mut Words) -> Option<Record> {
        Some(Record::Orphan(Orphan {
            at: self.at()?,
            subject: self.subject(words)?,
            state: self.state()?,
            since_first_ns: self.since_first_ns,
            context: self.context(words),
        }))
    }

    pub(super) fn retransmit(&self, words: &mut Words) -> Option<Record> {
        Some(Record::Retransmit(Retransmit {
            at: self.at()?,
            subject: self.subject(words)?,
            state: self.state()?,
            count: self.count?,
            since_first_ns: self.since_first_ns,
        }))
    }

    pub(super) fn reset(&self, words: &mut Words) -> Option<Record> {
        Some(Record::Reset(Reset {
            at: self.at()?,
            subject: self.subject(words)?,
            state: self.state()?,
            reason: self.reason.as_deref().map(str::to_owned),
            since_first_ns: self.since_first_ns,
        }))
    }

    pub(super) fn stuck(&self, words: &mut Words) -> Option<Record> {
        Some(Record::Stuck(Stuck {
            at: self.at()?,
            subject: self.subject(words)?,
            state: self.state()?,
            for_ns: self.for_ns?,
            at_least: self.at_least.unwrap_or(false),
            count: self.count?,
            fd: self.fd,
        }))
    }

    pub(super) fn lost(&self) -> Option<Record> {
        let reason = Loss::from_name(self.reason.as_deref()?)?;
        Some(Record::Lost(Lost { at: self.at()?, count: self.count?, reason }))
    }

    pub(super) fn end(&self) -> Option<Record> {
        let (seen, shown) = (self.seen?, self.shown?);
        let totals = Totals { seen, shown, filtered: self.filtered?, lost: self.lost? };
        let illegal = match self.illegal {
            Some(Illegal::Steps(count)) => count,
            _ => 0,
        };
        Some(Record::End(record::End { at: self.at()?, totals, illegal }))
    }

    fn state(&self) -> Option<TcpState> {
        TcpState::from_name(self.state.as_deref()?)
    }

    pub(super) fn at(&self) -> Option<Moment> {
        Some(Moment { mono_ns: self.mono_ns?, wall_ns: self.time?.0 })
    }

    fn subject(&self, words: &mut Words) -> Option<Subject> {
        let Quoted(socket) = self.socket?;
        let local = self.local.as_ref()?.endpoint()?;
        let remote = match &self.remote {
            Some(remote) => remote.endpoint()?,
            None => self.nobody(local),
        };
        Some(Subject {
            socket,
            connection: self.connection.map(|Quoted(id)| ConnectionId(id)),
            netns: match self.netns {
                Some(Quoted(netns)) => Some(Netns(netns.try_into().ok()?)),
                None => None,
            },
            tuple: Tuple { local, remote },
            owner: self.process.as_ref().and_then(|process| process.owner(words)),
            cgroup: self.cgroup.as_deref().map(|path| {
                let container = self.container.as_deref().map(str::to_owned);
                Arc::new(Cgroup { path: path.to_owned(), is_older: false, container })
            }),
        })
    }

    /// The other end of a socket that has none: of the same family, as far as that shows.
    fn nobody(&self, local: Endpoint) -> Endpoint {
        let six = local.address.is_ipv6() && self.family.as_deref() != Some("ipv4");
        let address = if six { Ipv6Addr::UNSPECIFIED.into() } else { IpAddr::from(Ipv4Addr::UNSPECIFIED) };
        Endpoint { address, port: 0 }
    }

    fn context(&self, words: &mut Words) -> Option<Context> {
        let from = words.look_up("evidence", self.evidence.as_deref(), Inference::from_name);
        words.look_up("context", self.context.as_deref(), |name| names::context(name, from))
    }

    fn numbers(&self) -> Option<Numbers> {
        Some(Numbers {
            srtt_us: self.srtt_us,
            retransmits: self.retransmits?,
            bytes_sent: self.bytes_sent?,
            bytes_acked: self.bytes_acked?,
            bytes_received: self.bytes_received?,
        })
    }
}

impl End {
    fn endpoint(&self) -> Option<Endpoint> {
        Some(Endpoint { address: self.address?.to_canonical(), port: self.port.unwrap_or(0) })
    }
}

impl Unseen {
    fn read(&self) -> Option<record::Unseen> {
        Some(record::Unseen { what: self.what.as_deref()?.to_owned(), why: self.why.as_deref()?.to_owned() })
    }
}

impl Process {
    /// Without evidence that is understood there is no owner.
    fn owner(&self, words: &mut Words) -> Option<Owner> {
        let evidence = words.look_up("process.evidence", self.evidence.as_deref(), Evidence::from_name)?;
        let comm = comm_of(self.comm.as_deref(), self.comm_hex.as_deref())?;
        let thread = self.thread.as_ref().and_then(|thread| {
            let comm = comm_of(thread.comm.as_deref(), thread.comm_hex.as_deref())?;
            Some(process::Thread { tid: thread.tid?, comm })
        });
        Some(Owner { thread, ..Owner::new(self.pid?, comm, self.uid?, evidence) })
    }
}

/// A name, by its bytes where they are no text.
fn comm_of(text: Option<&str>, hex: Option<&str>) -> Option<Comm> {
    match hex.and_then(bytes) {
        Some(bytes) => Some(Comm::from_slice(&bytes)),
        None => text.map(|text| Comm::from_slice(text.as_bytes())),
    }
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    hex.as_bytes().chunks(2).map(|pair| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok()).collect()
}
