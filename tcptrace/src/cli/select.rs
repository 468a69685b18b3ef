//! Which sockets: the options that tracing and listing share.

use std::net::IpAddr;

use clap::{Args, builder::NonEmptyStringValueParser};
use ipnet::IpNet;

use crate::{
    filter::{Filter, IpVersion, Ports},
    tcp::TcpState,
};

/// Which sockets.
#[derive(Debug, Args)]
#[command(next_help_heading = "Which sockets (all conditions must hold)")]
pub struct SelectArgs {
    /// Port of either end
    #[arg(short, long, value_name = "N[,N|A-B…]")]
    pub port: Vec<Ports>,
    /// Port of the local end
    #[arg(long, value_name = "N[,N|A-B…]")]
    pub local_port: Vec<Ports>,
    /// Port of the remote end
    #[arg(long, value_name = "N[,N|A-B…]")]
    pub remote_port: Vec<Ports>,
    /// Address or network of either end
    #[arg(long, value_name = "CIDR", value_parser = network, value_delimiter = ',')]
    pub addr: Vec<IpNet>,
    /// Process id of the owner
    #[arg(long, value_name = "PID", value_delimiter = ',')]
    pub pid: Vec<u32>,
    /// User of the owner: a number, or a name in /etc/passwd
    #[arg(long, value_name = "USER", value_delimiter = ',')]
    pub uid: Vec<UserName>,
    /// Process name of the owner; * and ? stand for anything and for one character
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = NonEmptyStringValueParser::new())]
    pub comm: Vec<String>,
    /// Cgroup of the socket, with those below it: a path like /system.slice/nginx.service
    #[arg(long, value_name = "PATH", value_parser = below_root, value_delimiter = ',')]
    pub cgroup: Vec<String>,
    /// Container of the socket: the beginning of its id, or the name of a systemd machine
    #[arg(long, value_name = "ID", value_delimiter = ',', value_parser = NonEmptyStringValueParser::new())]
    pub container: Vec<String>,
    /// State, in any spelling; a change matches if it leaves or enters it
    #[arg(long, value_name = "STATE", value_delimiter = ',')]
    pub state: Vec<TcpState>,
    /// Network namespace: `self`, a name below /run/netns, a path like /proc/PID/ns/net, or an inode number
    #[arg(long, value_name = "NETNS")]
    pub netns: Option<NetnsName>,
    /// Only IPv4, also in IPv6 sockets
    #[arg(short = '4', long, conflicts_with = "ipv6")]
    pub ipv4: bool,
    /// Only IPv6
    #[arg(short = '6', long)]
    pub ipv6: bool,
}

/// A user as it was named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UserName {
    /// By number.
    Id(u32),
    /// By name.
    Name(String),
}

impl std::str::FromStr for UserName {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(text.parse().map_or_else(|_| Self::Name(text.to_owned()), Self::Id))
    }
}

/// A network namespace as it was named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NetnsName {
    /// By inode number.
    Inode(u32),
    /// By a file that stands for it.
    Path(String),
}

impl std::str::FromStr for NetnsName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() {
            return Err(
                "a network namespace has a name, a path or an inode number (`ip netns`, `lsns -t net`)",
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

/// A filter whose names have yet to be looked up.
#[derive(Debug)]
pub struct Selection {
    /// Everything but the names.
    pub filter: Filter,
    /// The users.
    pub users: Vec<UserName>,
    /// The namespace.
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

/// Also as a directory of the mounted hierarchy.
fn below_root(text: &str) -> Result<String, String> {
    if !text.starts_with('/') {
        return Err(format!("{text:?} is no path from the root: write it like /system.slice"));
    }
    let mounted = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"];
    let path = mounted.iter().find_map(|root| text.strip_prefix(root)).unwrap_or(text);
    Ok(format!("/{}", path.trim_matches('/')))
}

fn network(text: &str) -> Result<IpNet, String> {
    text.parse::<IpNet>()
        .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
        .map_err(|_| format!("{text:?} is no address or network: write it like 10.0.0.0/8 or fe80::1"))
}
