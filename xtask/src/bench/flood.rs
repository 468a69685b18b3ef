//! A flood of short connections on loopback: connect, accept, close, as fast as it goes.
//!
//! Client and server share one CPU. On two, what a virtual machine takes to wake the other one is most of the time, and
//! a tracer that keeps it awake makes the flood faster.

use anyhow::{Context, Result};
use rustix::{
    net::sockopt::set_socket_linger,
    thread::{CpuSet, sched_setaffinity},
};
use std::{
    fmt,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream},
    sync::{
        Barrier,
        mpsc::{SyncSender, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

/// Connections that may wait to be accepted: fewer than the backlog of the standard library's listener.
const QUEUE: usize = 64;

/// Parameters of a flood.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(super) struct Flood {
    /// Connections in each run, over all threads
    #[arg(long, default_value_t = 20_000)]
    pub(super) connections: u32,
    /// How connections end
    #[arg(long, value_enum, default_value_t = Close::Rst)]
    pub(super) close: Close,
    /// Pairs of a client and a server, one after the other on the CPUs
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=100))]
    pub(super) threads: u8,
    /// IPv6 instead of IPv4
    #[arg(long)]
    pub(super) ipv6: bool,
}

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Close {
    /// The client closes with SO_LINGER 0
    Rst,
    /// The client closes, then the server
    Fin,
}

impl fmt::Display for Flood {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { connections, close, threads, .. } = self;
        let threads = if *threads == 1 { "1 thread".to_owned() } else { format!("{threads} threads") };
        write!(f, "{connections} connections, {}, {}, {threads}", close.word(), self.family())
    }
}

impl Close {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Rst => "RST",
            Self::Fin => "FIN",
        }
    }

    /// State changes of a connection, both ends: `sock:inet_sock_set_state` fires as often.
    const fn changes(self) -> u32 {
        match self {
            Self::Rst => 6,
            Self::Fin => 10,
        }
    }
}

impl Flood {
    pub(super) const fn family(&self) -> &'static str {
        if self.ipv6 { "IPv6" } else { "IPv4" }
    }

    /// State changes in one run.
    pub(super) fn changes(&self) -> f64 {
        f64::from(self.connections) * f64::from(self.close.changes())
    }

    /// Runs the flood in this thread's network namespace; returns the rate in connections a second.
    pub(super) fn run(&self) -> Result<f64> {
        self.paced(Duration::ZERO)
    }

    /// Runs the flood with a connection per `interval` on each thread, or as fast as it goes if that is less.
    pub(super) fn paced(&self, interval: Duration) -> Result<f64> {
        let cpus = thread::available_parallelism().map_or(1, usize::from);
        let begin = Barrier::new(usize::from(self.threads));
        let longest = thread::scope(|scope| {
            let pairs: Vec<_> = (0..self.threads)
                .map(|thread| {
                    let pair = Pair { flood: *self, thread, cpu: usize::from(thread) % cpus, interval };
                    let begin = &begin;
                    scope.spawn(move || pair.run(begin))
                })
                .collect();
            pairs.into_iter().try_fold(Duration::ZERO, |longest, pair| {
                let elapsed = pair.join().ok().context("end a client of the flood")??;
                anyhow::Ok(longest.max(elapsed))
            })
        })?;
        Ok(f64::from(self.connections) / longest.as_secs_f64())
    }

    /// The address of a thread's connection. Another one each time, so that no port has to wait for its `TIME_WAIT`.
    fn server(&self, thread: u8, connection: u32, port: u16) -> SocketAddr {
        let [_, a, b, c] = connection.to_be_bytes();
        if self.ipv6 {
            let low = u16::from_be_bytes([b, c]);
            return (Ipv6Addr::new(0xfd00, 0, 0, 0, 0, thread.into(), a.into(), low), port).into();
        }
        (Ipv4Addr::new(127, 1 + thread, b, c), port).into()
    }
}

/// A client and its server.
struct Pair {
    flood: Flood,
    thread: u8,
    cpu: usize,
    interval: Duration,
}

impl Pair {
    fn run(&self, begin: &Barrier) -> Result<Duration> {
        let any = if self.flood.ipv6 {
            SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0))
        } else {
            (Ipv4Addr::UNSPECIFIED, 0).into()
        };
        let listener = TcpListener::bind(any).context("listen for the flood");
        begin.wait();
        let listener = listener?;
        let port = listener.local_addr().context("name the flood's port")?.port();
        // A full accept queue would cost the client a second (the SYN is dropped, and sent again).
        let (connected, accepts) = sync_channel(QUEUE);
        thread::scope(|scope| {
            scope.spawn(move || {
                // Where it cannot be had, the numbers are only less steady.
                let _ = stay_on(self.cpu);
                for () in accepts {
                    // A connection that is reset before it is accepted is an error of accept, and counts all the same.
                    let _ = listener.accept();
                }
            });
            self.client(port, connected)
        })
    }

    fn client(&self, port: u16, connected: SyncSender<()>) -> Result<Duration> {
        let _ = stay_on(self.cpu);
        let Self { flood, thread, interval, .. } = self;
        let each = flood.connections / u32::from(flood.threads);
        let rest = flood.connections % u32::from(flood.threads);
        let connections = each + u32::from(u32::from(*thread) < rest);
        let start = Instant::now();
        for connection in 0..connections {
            let due = start + *interval * connection;
            if !interval.is_zero() {
                thread::sleep(due.saturating_duration_since(Instant::now()));
            }
            let client = TcpStream::connect(flood.server(*thread, connection, port)).context("connect")?;
            if flood.close == Close::Rst {
                set_socket_linger(&client, Some(Duration::ZERO)).context("set SO_LINGER")?;
            }
            // Before the server knows of it, or now and then it would be the first to close.
            drop(client);
            connected.send(()).context("tell the flood's server")?;
        }
        Ok(start.elapsed())
    }
}

/// Binds the thread to a CPU.
fn stay_on(cpu: usize) -> rustix::io::Result<()> {
    let mut only = CpuSet::new();
    only.set(cpu);
    sched_setaffinity(None, &only)
}
