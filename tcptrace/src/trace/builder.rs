//! Builder of a trace, which takes its conditions step by step.

use std::io::BufRead;

use anyhow::Result;
use ipnet::IpNet;

use super::{Replay, Trace};
use crate::{
    address::Netns,
    filter::Filter,
    live::Live,
    probe::{Choice, Extra, Settings},
    stuck::Limits,
    tcp::TcpState,
};

/// Size of the buffer between kernel and user space, bytes, unless another one is asked for.
const BUFFER: u32 = 4 << 20;

/// Conditions of a trace: everything is traced unless some are added. All conditions must hold; of one kind, one value
/// must match.
#[derive(Clone, Debug)]
pub struct Builder {
    pub(crate) filter: Filter,
    pub(crate) stuck: Option<Limits>,
    buffer: u32,
    hook: Choice,
    sees_accept_calls: bool,
    has_messages: bool,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            filter: Filter::default(),
            stuck: None,
            buffer: BUFFER,
            hook: Choice::Auto,
            sees_accept_calls: false,
            has_messages: false,
        }
    }
}

impl Builder {
    /// Sets all conditions at once, in place of those that were added.
    #[must_use]
    pub fn filter(mut self, filter: Filter) -> Self {
        self.filter = filter;
        self
    }

    /// Traces sockets with this port at either end.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.filter.ports.insert(port);
        self
    }

    /// Traces sockets with this local port.
    #[must_use]
    pub fn local_port(mut self, port: u16) -> Self {
        self.filter.local_ports.insert(port);
        self
    }

    /// Traces sockets with this remote port.
    #[must_use]
    pub fn remote_port(mut self, port: u16) -> Self {
        self.filter.remote_ports.insert(port);
        self
    }

    /// Traces sockets with an address of this network at either end.
    #[must_use]
    pub fn network(mut self, network: IpNet) -> Self {
        self.filter.networks.push(network);
        self
    }

    /// Traces sockets that this process owns.
    #[must_use]
    pub fn pid(mut self, pid: u32) -> Self {
        self.filter.pids.push(pid);
        self
    }

    /// Traces the descendants of these processes too, including those yet to come.
    #[must_use]
    pub fn descendants(mut self) -> Self {
        self.filter.children = true;
        self
    }

    /// Traces sockets whose owner has this name; `*` and `?` are wildcards.
    #[must_use]
    pub fn comm(mut self, name: impl Into<String>) -> Self {
        self.filter.comms.push(name.into());
        self
    }

    /// Traces transitions into this state and out of it.
    #[must_use]
    pub fn state(mut self, state: TcpState) -> Self {
        self.filter.states.push(state);
        self
    }

    /// Traces sockets of this network namespace.
    #[must_use]
    pub fn netns(mut self, netns: Netns) -> Self {
        self.filter.netns = Some(netns);
        self
    }

    /// Reports sockets that stay in a transient state for longer than these limits.
    #[must_use]
    pub fn stuck(mut self, limits: Limits) -> Self {
        self.stuck = Some(limits);
        self
    }

    /// Sets the size of the buffer between kernel and user space, in bytes; 4 MiB if it is not set. The kernel rounds it up to
    /// a power of two of pages.
    #[must_use]
    pub fn buffer(mut self, bytes: u32) -> Self {
        self.buffer = bytes;
        self
    }

    /// Sees who accepts a connection also where the kernel does not allow `fexit`: that slows every system call of the host by
    /// some 28 ns.
    #[must_use]
    pub fn accept_calls(mut self) -> Self {
        self.sees_accept_calls = true;
        self
    }

    /// Uses this hook alone.
    #[cfg(feature = "cli")]
    #[must_use]
    pub(crate) fn hook(mut self, hook: Choice) -> Self {
        self.hook = hook;
        self
    }

    /// Logs the messages of the kernel side.
    #[cfg(feature = "cli")]
    #[must_use]
    pub(crate) fn messages(mut self) -> Self {
        self.has_messages = true;
        self
    }

    /// Attaches to the running kernel, inside the runtime of the caller.
    pub(crate) fn attach_live(&self) -> Result<Live> {
        Live::attach(&self.settings(), self.filter.clone(), self.stuck.clone())
    }

    /// Settings of the kernel side.
    fn settings(&self) -> Settings {
        let (filter, ports) = self.filter.for_kernel();
        let extras = Extra::USUAL
            .into_iter()
            .chain(self.filter.children.then_some(Extra::Forks))
            .chain(self.sees_accept_calls.then_some(Extra::AcceptCalls));
        Settings {
            choice: self.hook,
            buffer: self.buffer,
            filter,
            ports,
            extras: extras.collect(),
            messages: self.has_messages,
        }
    }

    /// Attaches to the running kernel. From now on every change is recorded, whether it is read yet or not, as far as there
    /// is room in the buffer.
    ///
    /// # Errors
    /// When privileges (`CAP_BPF` and `CAP_PERFMON`) or the kernel do not allow it: the error says what to do.
    pub fn attach(self) -> Result<Trace> {
        Trace::attach(&self)
    }

    /// Reads recordings (`tcptrace -f json`) in place of the kernel: one, or one of each of several hosts, which are merged by
    /// their wall clocks. Nothing is read yet, and no privilege is needed.
    #[must_use]
    pub fn replay<R: BufRead>(self, recordings: impl IntoIterator<Item = R>) -> Replay<R> {
        Replay::new(self.filter, self.stuck, recordings)
    }
}
