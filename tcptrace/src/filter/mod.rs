//! The filter: which sockets and records the user asked for. Pure: names and namespaces are resolved before.

mod pattern;
mod ports;
#[cfg(test)]
mod properties;
mod stage;

use std::net::IpAddr;

use ipnet::IpNet;
use tcptrace_ebpf::{KernelFilter, PortWord};

pub(crate) use pattern::is_match;
pub use ports::{ParsePortsError, Ports};
pub use stage::FilterStage;

use crate::{
    address::{Endpoint, Netns, Tuple},
    cgroup::Cgroup,
    dumped::DumpedSocket,
    process::Owner,
    record::{Existing, Orphan, Record, Stuck, Transition},
    tcp::TcpState,
};

/// An IP version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IpVersion {
    /// IPv4, in IPv6 sockets too.
    V4,
    /// IPv6 on the wire.
    V6,
}

/// Conditions that must all hold; an empty one always does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Ports of either end.
    pub ports: Ports,
    /// Ports of the local end.
    pub local_ports: Ports,
    /// Ports of the remote end.
    pub remote_ports: Ports,
    /// Networks in which either end may be.
    pub networks: Vec<IpNet>,
    /// The only IP version wanted.
    pub ip_version: Option<IpVersion>,
    /// The only network namespace wanted.
    pub netns: Option<Netns>,
    /// Process ids of the owner.
    pub pids: Vec<u32>,
    /// Whether the descendants of `pids` are wanted too.
    pub children: bool,
    /// User ids of the owner.
    pub uids: Vec<u32>,
    /// Names of the owner, with `*` and `?` for what may be anything.
    pub comms: Vec<String>,
    /// Paths of cgroups, which stand for those below them too.
    pub cgroups: Vec<String>,
    /// Beginnings of container ids, or names of containers.
    pub containers: Vec<String>,
    /// States that are left or entered.
    pub states: Vec<TcpState>,
}

/// Answer of a filter about a socket whose addresses may not be known yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Match {
    /// Not wanted.
    No,
    /// Not decided: an end is not known yet.
    Undecided,
    /// Wanted.
    Yes,
}

impl From<bool> for Match {
    fn from(wanted: bool) -> Self {
        if wanted { Self::Yes } else { Self::No }
    }
}

impl Filter {
    /// Whether a record is wanted, but for the socket's addresses. Records about no socket always are.
    pub(super) fn wants(&self, record: &Record) -> bool {
        let Some(subject) = record.subject() else { return true };
        let states: &[TcpState] = match record {
            Record::Transition(Transition { from, to, .. }) => &[*from, *to],
            Record::Existing(Existing { state, .. }) | Record::Orphan(Orphan { state, .. }) => &[*state],
            Record::Stuck(Stuck { state, .. }) => &[*state],
            _ => &[],
        };
        self.has_state(states)
            && self.has_owner(subject.owner.as_ref())
            && self.has_cgroup(subject.cgroup.as_deref())
    }

    /// Whether the addresses of a record's socket match.
    pub(super) fn match_address(&self, record: &Record) -> Match {
        let Some(subject) = record.subject() else { return Match::Yes };
        let listens = match record {
            Record::Transition(Transition { from, to, .. }) => {
                *to == TcpState::Listen || (*from == TcpState::Listen && *to == TcpState::Close)
            }
            Record::Existing(Existing { state, .. }) => *state == TcpState::Listen,
            _ => false,
        };
        let netns = self.netns.is_none_or(|wanted| subject.netns.is_none_or(|netns| netns == wanted));
        Match::from(netns).min(self.tuple(&subject.tuple, listens))
    }

    /// Whether a dumped socket matches.
    #[must_use]
    pub fn matches(&self, found: &DumpedSocket) -> bool {
        self.has_state(&[found.state])
            && self.has_owner(found.owner().as_ref())
            && self.matches_addresses(found)
    }

    /// Whether the addresses of a dumped socket match, whoever owns it and whatever its state.
    #[must_use]
    pub fn matches_addresses(&self, found: &DumpedSocket) -> bool {
        self.netns.is_none_or(|wanted| wanted == found.netns) && self.tuple(&found.tuple, true) == Match::Yes
    }

    fn tuple(&self, tuple: &Tuple, listens: bool) -> Match {
        let Tuple { local, remote } = tuple;
        // A listening socket has no remote end: that is known, not unknown.
        let one = |ports: &Ports, end: &Endpoint, known: bool| match (ports.is_empty(), known) {
            (true, _) => Match::Yes,
            (false, false) => Match::Undecided,
            (false, true) => Match::from(ports.contains(end.port)),
        };
        let (local_known, remote_known) = (local.is_set(), remote.is_set() || listens);
        let either = one(&self.ports, local, local_known).max(one(&self.ports, remote, remote_known));
        // Before Linux 6.15 a child has its listener's addresses at first: any at all, and of an IPv6 one IPv4 too.
        let any = !remote_known && remote.address.is_unspecified();
        let network = self.networks.is_empty()
            || self.networks.iter().any(|net| [local, remote].iter().any(|end| within(net, end.address)));
        let network = if !network && any { Match::Undecided } else { Match::from(network) };
        let version = match self.ip_version {
            Some(_) if any && tuple.is_ipv6() => Match::Undecided,
            version => Match::from(version.is_none_or(|v| (v == IpVersion::V6) == tuple.is_ipv6())),
        };
        network.min(version).min(either).min(one(&self.local_ports, local, local_known)).min(one(
            &self.remote_ports,
            remote,
            remote_known,
        ))
    }

    fn has_state(&self, states: &[TcpState]) -> bool {
        self.states.is_empty() || states.iter().any(|state| self.states.contains(state))
    }

    fn has_owner(&self, owner: Option<&Owner>) -> bool {
        let of_pids = |owner: &Owner| {
            if self.children { owner.in_process_tree } else { self.pids.contains(&owner.pid) }
        };
        (self.pids.is_empty() || owner.is_some_and(of_pids))
            && (self.uids.is_empty() || owner.is_some_and(|owner| self.uids.contains(&owner.uid)))
            && (self.comms.is_empty()
                || owner.is_some_and(|owner| {
                    self.comms.iter().any(|comm| is_match(comm.as_bytes(), owner.comm.as_bytes()))
                }))
    }

    /// Whether a socket's cgroup matches.
    #[must_use]
    pub fn has_cgroup(&self, cgroup: Option<&Cgroup>) -> bool {
        let below = |wanted: &String| {
            let rest = cgroup.and_then(|cgroup| cgroup.path.strip_prefix(wanted.trim_end_matches('/')));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let in_container = |wanted: &String| {
            cgroup
                .and_then(|cgroup| cgroup.container.as_ref())
                .is_some_and(|id| id.starts_with(wanted.as_str()))
        };
        (self.cgroups.is_empty() || self.cgroups.iter().any(below))
            && (self.containers.is_empty() || self.containers.iter().any(in_container))
    }

    /// The part that the kernel side can check.
    #[must_use]
    pub fn for_kernel(&self) -> (KernelFilter, Vec<(u32, PortWord)>) {
        let bounds = [&self.ports, &self.local_ports].into_iter().filter_map(Ports::bounds);
        let filter = KernelFilter {
            ip_version: match self.ip_version {
                None => 0,
                Some(IpVersion::V4) => 4,
                Some(IpVersion::V6) => 6,
            },
            netns: self.netns.map_or(0, |netns| netns.0),
            either_port: (!self.ports.is_empty()).into(),
            local_port: (!self.local_ports.is_empty()).into(),
            remote_port: (!self.remote_ports.is_empty()).into(),
            lowest_local: bounds.clone().map(|(lowest, _)| lowest).min().unwrap_or(u16::MAX).into(),
            highest_local: bounds.map(|(_, highest)| highest).max().unwrap_or(0).into(),
        };
        let words = (0..tcptrace_ebpf::PORT_WORDS)
            .map(|index| {
                let word = |ports: &Ports| ports.word(index);
                let [either, local, remote] =
                    [word(&self.ports), word(&self.local_ports), word(&self.remote_ports)];
                (index, PortWord { either, local, remote })
            })
            .filter(|(_, word)| *word != PortWord::default())
            .collect();
        (filter, words)
    }

    /// The filter in words, empty for everything: `port 10050, remote port 443`.
    #[must_use]
    pub fn describe(&self) -> String {
        let mut words = Vec::new();
        for (name, ports) in
            [("port", &self.ports), ("local port", &self.local_ports), ("remote port", &self.remote_ports)]
        {
            if !ports.is_empty() {
                words.push(format!("{name} {ports}"));
            }
        }
        let mut list = |name: &str, items: Vec<String>| {
            if !items.is_empty() {
                words.push(format!("{name} {}", items.join(",")));
            }
        };
        list("address", self.networks.iter().map(ToString::to_string).collect());
        list("state", self.states.iter().map(ToString::to_string).collect());
        let pid = if self.children { "pid with children" } else { "pid" };
        list(pid, self.pids.iter().map(ToString::to_string).collect());
        list("uid", self.uids.iter().map(ToString::to_string).collect());
        list("comm", self.comms.clone());
        list("cgroup", self.cgroups.clone());
        list("container", self.containers.clone());
        list("netns", self.netns.iter().map(|netns| netns.0.to_string()).collect());
        match self.ip_version {
            None => {}
            Some(IpVersion::V4) => words.push("IPv4".to_owned()),
            Some(IpVersion::V6) => words.push("IPv6".to_owned()),
        }
        words.join(", ")
    }
}

fn within(net: &IpNet, address: IpAddr) -> bool {
    net.contains(&address)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tuple(local: &str, remote: &str) -> Tuple {
        let end = |text: &str| {
            let (address, port) = text.rsplit_once(':').unwrap();
            Endpoint { address: address.parse().unwrap(), port: port.parse().unwrap() }
        };
        Tuple { local: end(local), remote: end(remote) }
    }

    #[test]
    fn a_port_that_is_not_known_yet_leaves_it_open() {
        let filter = Filter { ports: "10050".parse().unwrap(), ..Filter::default() };
        let matches = |local, remote| filter.tuple(&tuple(local, remote), false);
        assert_eq!(matches("127.0.0.1:0", "127.0.0.1:10050"), Match::Yes);
        assert_eq!(matches("127.0.0.1:0", "127.0.0.1:80"), Match::Undecided);
        assert_eq!(matches("127.0.0.1:4000", "127.0.0.1:80"), Match::No);
        assert_eq!(filter.tuple(&tuple("0.0.0.0:80", "0.0.0.0:0"), true), Match::No);
        assert_eq!(filter.tuple(&tuple("0.0.0.0:10050", "0.0.0.0:0"), true), Match::Yes);
    }

    #[test]
    fn sides_networks_and_versions() {
        let remote = Filter { remote_ports: "443".parse().unwrap(), ..Filter::default() };
        assert_eq!(remote.tuple(&tuple("10.0.0.1:443", "10.0.0.2:999"), false), Match::No);
        assert_eq!(remote.tuple(&tuple("10.0.0.1:0", "10.0.0.2:443"), false), Match::Yes);
        let net = Filter { networks: vec!["10.0.0.0/24".parse().unwrap()], ..Filter::default() };
        assert_eq!(net.tuple(&tuple("192.168.0.1:5", "10.0.0.2:443"), false), Match::Yes);
        assert_eq!(net.tuple(&tuple("192.168.0.1:5", "10.0.1.2:443"), false), Match::No);
        let six = Filter { ip_version: Some(IpVersion::V6), ..Filter::default() };
        assert_eq!(six.tuple(&tuple("10.0.0.1:1", "10.0.0.2:2"), false), Match::No);
        assert_eq!(six.tuple(&tuple("::1:1", "::1:2"), false), Match::Yes);
    }

    #[test]
    fn the_kernel_gets_the_ports_as_bits() {
        let filter = Filter {
            ports: "10050".parse().unwrap(),
            remote_ports: "63-64".parse().unwrap(),
            ..Filter::default()
        };
        let (kernel, words) = filter.for_kernel();
        assert_eq!((kernel.either_port, kernel.local_port, kernel.remote_port), (1, 0, 1));
        assert_eq!((kernel.lowest_local, kernel.highest_local), (10050, 10050));
        assert_eq!(
            words,
            [
                (0, PortWord { either: 0, local: 0, remote: 1 << 63 }),
                (1, PortWord { either: 0, local: 0, remote: 1 }),
                (157, PortWord { either: 1 << 2, local: 0, remote: 0 }),
            ]
        );
        assert_eq!(filter.describe(), "port 10050, remote port 63-64");
    }
}
