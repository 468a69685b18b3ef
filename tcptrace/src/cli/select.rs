//! Filters: the options that `tcptrace`, `tcptrace list` and `tcptrace replay` share.

use std::net::IpAddr;

use clap::{Args, builder::NonEmptyStringValueParser};
use ipnet::IpNet;

use crate::{
    filter::{Filter, IpVersion, Ports},
    tcp::TcpState,
};

/// Heading of the filters.
pub(super) const FILTERS: &str = "Filters (all must match)";

/// Filters. A socket is shown if it matches all of them.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = FILTERS)]
pub struct SelectArgs {
    /// Match the port of either end, like 443 or 80,443,8000-8100
    #[arg(short, long, value_name = "PORTS")]
    pub port: Vec<Ports>,
    /// Match the port of the local end
    #[arg(long, value_name = "PORTS")]
    pub local_port: Vec<Ports>,
    /// Match the port of the remote end
    #[arg(long, value_name = "PORTS")]
    pub remote_port: Vec<Ports>,
    /// Match the address of either end, like 10.0.0.1 or fe80::/10
    #[arg(long, value_name = "IP|NETWORK", value_parser = network, value_delimiter = ',')]
    pub addr: Vec<IpNet>,
    /// Match the process id of the owner
    #[arg(long, value_name = "PID", value_parser = pid, value_delimiter = ',')]
    pub pid: Vec<u32>,
    /// Match the user of the owner: a number, or a name from /etc/passwd
    #[arg(long, value_name = "USER", value_delimiter = ',')]
    pub uid: Vec<UserName>,
    /// Match the process name of the owner; * and ? are wildcards
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = NonEmptyStringValueParser::new())]
    pub comm: Vec<String>,
    /// Match a cgroup and those below it, like /system.slice/nginx.service
    #[arg(long, value_name = "PATH", value_parser = below_root, value_delimiter = ',')]
    pub cgroup: Vec<String>,
    /// Match a container: the start of its id, or the name of a systemd machine
    #[arg(long, value_name = "ID", value_delimiter = ',', value_parser = NonEmptyStringValueParser::new())]
    pub container: Vec<String>,
    /// Match a state, in any spelling; changes into it and out of it match
    #[arg(long, value_name = "STATE", value_delimiter = ',')]
    pub state: Vec<TcpState>,
    /// Match a network namespace: self, a name, a path, or an inode number
    ///
    /// A name is one below /run/netns (`ip netns`), a path is one like /proc/PID/ns/net, an inode number is what
    /// `lsns -t net` shows.
    #[arg(long, value_name = "NETNS")]
    pub netns: Option<NetnsName>,
    /// Match only IPv4, including IPv4 on IPv6 sockets
    #[arg(short = '4', long, conflicts_with = "ipv6")]
    pub ipv4: bool,
    /// Match only IPv6
    #[arg(short = '6', long)]
    pub ipv6: bool,
}

/// A user as the command line names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UserName {
    /// Number.
    Id(u32),
    /// Name.
    Name(String),
}

impl std::str::FromStr for UserName {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(text.parse().map_or_else(|_| Self::Name(text.to_owned()), Self::Id))
    }
}

/// A network namespace as the command line names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NetnsName {
    /// Inode number.
    Inode(u32),
    /// File that stands for the namespace.
    Path(String),
}

impl std::str::FromStr for NetnsName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() {
            return Err(
                "the name is empty: write self, a name (`ip netns`), a path, or an inode number (`lsns -t net`)",
            );
        }
        Ok(match text.parse() {
            Ok(inode) => Self::Inode(inode),
            Err(_) if text == "self" => Self::Path("/proc/self/ns/net".to_owned()),
            Err(_) if text.contains('/') => Self::Path(text.to_owned()),
            Err(_) => Self::Path(format!("/run/netns/{text}")),
        })
    }
}

/// A filter, before its names are looked up.
#[derive(Debug)]
pub struct Selection {
    /// Filter without users and network namespace.
    pub filter: Filter,
    /// Users.
    pub users: Vec<UserName>,
    /// Network namespace.
    pub netns: Option<NetnsName>,
}

impl From<SelectArgs> for Selection {
    fn from(args: SelectArgs) -> Self {
        let SelectArgs {
            port,
            local_port,
            remote_port,
            addr,
            pid,
            uid,
            comm,
            cgroup,
            container,
            state,
            netns,
            ipv4,
            ipv6,
        } = args;
        let union = |sets: Vec<Ports>| {
            sets.into_iter().fold(Ports::default(), |mut all, set| {
                all.extend(set);
                all
            })
        };
        let filter = Filter {
            ports: union(port),
            local_ports: union(local_port),
            remote_ports: union(remote_port),
            networks: addr,
            ip_version: match (ipv4, ipv6) {
                (true, _) => Some(IpVersion::V4),
                (_, true) => Some(IpVersion::V6),
                _ => None,
            },
            netns: None,
            pids: pid,
            children: false,
            uids: Vec::new(),
            comms: comm,
            cgroups: cgroup,
            containers: container,
            states: state,
        };
        Self { filter, users: uid, netns }
    }
}

/// Reads the path of a cgroup, which may also be its directory below `/sys/fs/cgroup`.
fn below_root(text: &str) -> Result<String, String> {
    if !text.starts_with('/') {
        return Err(format!("{text:?} is not an absolute path: write it like /system.slice/nginx.service"));
    }
    let mounted = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"];
    let path = mounted.iter().find_map(|root| text.strip_prefix(root)).unwrap_or(text);
    Ok(format!("/{}", path.trim_matches('/')))
}

/// Reads an address or a network.
fn network(text: &str) -> Result<IpNet, String> {
    text.parse::<IpNet>()
        .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
        .map_err(|_| format!("{text:?} is not an IP address or network: write it like 10.0.0.0/8 or fe80::1"))
}

/// Reads a process id.
fn pid(text: &str) -> Result<u32, String> {
    let pid = text.parse().ok().filter(|pid| *pid != 0);
    pid.ok_or_else(|| format!("{text:?} is not a process id: write a number like 4711"))
}
