//! Lives of connections, as the tracker emits them.

use tcptrace::{
    address::{Endpoint, Tuple},
    process::{Comm, Evidence, Owner},
    record::{
        Cause, ConnectionId, Context, Existing, Inference, Orphan, Record, SocketId, Subject, Transition,
    },
    tcp::TcpState::{self, *},
    time::Moment,
};

/// Moment this number of microseconds after ten o'clock.
pub fn moment(us: u64) -> Moment {
    const TEN: i64 = 1_763_287_200_000_000_000;
    Moment { mono_ns: us * 1_000, wall_ns: TEN + i64::try_from(us).unwrap() * 1_000 }
}

/// One end of a connection, with what its records have in common.
#[derive(Clone, Copy)]
pub struct End {
    cookie: u64,
    tuple: Tuple,
    owner: Option<(u32, &'static [u8])>,
}

impl End {
    fn subject(&self) -> Subject {
        let owner =
            self.owner.map(|(pid, comm)| Owner::new(pid, Comm::from_slice(comm), 1000, Evidence::Syscall));
        Subject {
            socket: SocketId::Cookie(self.cookie),
            connection: Some(ConnectionId(1)),
            netns: None,
            tuple: self.tuple,
            owner,
            cgroup: None,
        }
    }

    pub fn step(
        &self,
        us: u64,
        from: TcpState,
        to: TcpState,
        context: Context,
        cause: Option<Cause>,
    ) -> Record {
        Record::Transition(Transition {
            at: moment(us),
            subject: self.subject(),
            from,
            to,
            in_from_ns: None,
            since_first_ns: None,
            context: Some(context),
            cause,
            numbers: None,
        })
    }

    /// A step by a packet or a timer.
    fn goes(&self, us: u64, from: TcpState, to: TcpState) -> Record {
        self.step(us, from, to, Context::Softirq, None)
    }

    /// A step with a cause.
    fn does(&self, us: u64, from: TcpState, to: TcpState, cause: Cause) -> Record {
        self.step(us, from, to, Context::Process, Some(cause))
    }

    /// A step that was concluded.
    fn must(&self, us: u64, from: TcpState, to: TcpState, from_what: Inference) -> Record {
        self.step(us, from, to, Context::Inferred(from_what), None)
    }

    pub fn was_in(&self, state: TcpState) -> Record {
        Record::Existing(Existing { at: moment(0), subject: self.subject(), state })
    }

    pub fn stays(&self, us: u64) -> Record {
        let subject = self.subject();
        Record::Orphan(Orphan {
            at: moment(us),
            subject,
            state: FinWait2,
            since_first_ns: None,
            context: None,
        })
    }
}

fn end(text: &str) -> Endpoint {
    let (address, port) = text.rsplit_once('-').unwrap();
    Endpoint { address: address.parse().unwrap(), port: port.parse().unwrap() }
}

fn pair(client: &str, server: &str) -> (End, End) {
    let tuple = Tuple { local: end(client), remote: end(server) };
    let client = End { cookie: 1, tuple, owner: Some((2503, b"client")) };
    let server = End { cookie: 2, tuple: tuple.reversed(), owner: Some((2502, b"server")) };
    (client, server)
}

pub fn usual() -> (End, End) {
    pair("127.0.0.1-47602", "127.0.0.1-10050")
}

/// Opening as Linux reports it: the child socket comes with the ACK.
fn opened(client: &End, server: &End) -> Vec<Record> {
    vec![
        client.goes(0, Close, SynSent),
        client.goes(197, SynSent, Established),
        server.goes(205, Listen, SynRecv),
        server.goes(211, SynRecv, Established),
    ]
}

fn opens(end: &End) -> Vec<Record> {
    vec![end.goes(0, Close, SynSent), end.goes(20_197, SynSent, Established)]
}

fn with(mut first: Vec<Record>, rest: impl IntoIterator<Item = Record>) -> Vec<Record> {
    first.extend(rest);
    first
}

/// Record of a minute after the end.
pub fn a_wait_ends() -> Record {
    usual().0.must(60_503_010, TimeWait, Close, Inference::FinReceived)
}

/// All kinds of lives, by name.
pub fn all() -> Vec<(&'static str, Vec<Record>)> {
    let shutdown = Cause::Shutdown { both: false };
    let fin = Cause::FinReceived;
    let (c, s) = usual();
    let hostile = End { owner: Some((7, b"a\n```;end%%<b>#")), ..c };
    let (far_c, far_s) = pair("2001:db8::10-41000", "2001:db8:0:1:ffff:ffff:ffff:ffff-10050");
    let loop_tuple = Tuple { local: c.tuple.local, remote: c.tuple.local };
    let itself = End { tuple: loop_tuple, ..c };
    vec![
        (
            "normal",
            with(
                opened(&c, &s),
                [
                    c.does(502_000, Established, FinWait1, Cause::Close),
                    s.does(502_047, Established, CloseWait, fin),
                    c.goes(502_060, FinWait1, FinWait2),
                    s.does(503_000, CloseWait, LastAck, Cause::Killed { signal: 2 }),
                    c.must(503_010, FinWait2, TimeWait, Inference::FinReceived),
                    s.goes(503_020, LastAck, Close),
                ],
            ),
        ),
        (
            "syn_recv_at_the_syn",
            vec![
                c.goes(0, Close, SynSent),
                s.must(50, Listen, SynRecv, Inference::FinReceived),
                c.goes(100, SynSent, Established),
                s.goes(150, SynRecv, Established),
            ],
        ),
        (
            "both_open",
            vec![
                c.goes(0, Close, SynSent),
                s.goes(10, Close, SynSent),
                c.goes(1_000, SynSent, SynRecv),
                s.goes(1_010, SynSent, SynRecv),
                c.goes(2_000, SynRecv, Established),
                s.goes(2_010, SynRecv, Established),
            ],
        ),
        (
            "both_close",
            with(
                opened(&c, &s),
                [
                    c.does(502_000, Established, FinWait1, Cause::Close),
                    s.does(502_010, Established, FinWait1, Cause::Killed { signal: 15 }),
                    c.does(502_100, FinWait1, Closing, fin),
                    s.does(502_105, FinWait1, Closing, fin),
                    c.must(502_200, Closing, TimeWait, Inference::FinReceived),
                    s.must(502_201, Closing, TimeWait, Inference::FinReceived),
                ],
            ),
        ),
        ("refused", vec![c.goes(0, Close, SynSent), c.does(40, SynSent, Close, Cause::Refused)]),
        ("no_answer", vec![c.goes(0, Close, SynSent), c.does(134_000_000, SynSent, Close, Cause::TimedOut)]),
        (
            "unreachable",
            vec![
                c.goes(0, Close, SynSent),
                c.does(3_000_000, SynSent, Close, Cause::Unreachable { errno: 113 }),
            ],
        ),
        (
            "reset",
            with(
                opened(&c, &s),
                [
                    c.does(502_000, Established, Close, Cause::Abort),
                    s.does(502_020, Established, Close, Cause::ResetReceived),
                ],
            ),
        ),
        (
            "reset_after_the_fin",
            with(
                opened(&c, &s),
                [
                    c.does(500_000, Established, FinWait1, shutdown),
                    s.does(500_047, Established, CloseWait, fin),
                    c.goes(500_060, FinWait1, FinWait2),
                    c.does(502_000, FinWait2, Close, Cause::Exit),
                    s.does(502_020, CloseWait, Close, Cause::ResetReceived),
                ],
            ),
        ),
        (
            "half_close",
            with(
                opened(&c, &s),
                [
                    c.does(500_000, Established, FinWait1, shutdown),
                    s.does(500_047, Established, CloseWait, fin),
                    c.goes(500_060, FinWait1, FinWait2),
                    s.does(9_000_000, CloseWait, LastAck, Cause::Shutdown { both: true }),
                    c.must(9_000_010, FinWait2, TimeWait, Inference::FinReceived),
                    s.goes(9_000_020, LastAck, Close),
                ],
            ),
        ),
        (
            "orphan",
            with(
                opened(&c, &s),
                [
                    s.does(502_000, Established, FinWait1, Cause::Killed { signal: 2 }),
                    c.does(502_047, Established, CloseWait, fin),
                    s.goes(502_600, FinWait1, FinWait2),
                    s.stays(502_606),
                ],
            ),
        ),
        (
            "orphan_and_its_late_fin",
            with(
                opened(&c, &s),
                [
                    s.does(502_000, Established, FinWait1, Cause::Killed { signal: 2 }),
                    c.does(502_047, Established, CloseWait, fin),
                    s.goes(502_600, FinWait1, FinWait2),
                    s.stays(502_606),
                    c.does(30_502_600, CloseWait, LastAck, Cause::Exit),
                    c.goes(30_502_620, LastAck, Close),
                ],
            ),
        ),
        (
            "joined_midway",
            vec![
                s.was_in(Established),
                c.was_in(Established),
                c.does(500_000, Established, FinWait1, Cause::Close),
                s.does(500_047, Established, CloseWait, fin),
                c.goes(500_060, FinWait1, FinWait2),
            ],
        ),
        (
            "lost_events",
            with(
                opened(&c, &s),
                [
                    s.does(500_047, Established, CloseWait, fin),
                    c.must(500_060, Established, FinWait1, Inference::Continuity),
                    c.goes(500_060, FinWait1, FinWait2),
                    s.must(700_000, CloseWait, Close, Inference::Continuity),
                ],
            ),
        ),
        (
            "server_elsewhere",
            with(
                opens(&c),
                [
                    c.does(500_000, Established, FinWait1, Cause::Close),
                    c.goes(520_000, FinWait1, FinWait2),
                    c.must(540_000, FinWait2, TimeWait, Inference::FinReceived),
                ],
            ),
        ),
        (
            "client_elsewhere",
            vec![
                s.goes(0, Listen, SynRecv),
                s.goes(6, SynRecv, Established),
                s.does(500_000, Established, CloseWait, fin),
                s.does(500_100, CloseWait, LastAck, Cause::Close),
                s.goes(520_000, LastAck, Close),
            ],
        ),
        ("destroyed", with(opened(&c, &s), [c.does(500_000, Established, Close, Cause::Destroyed)])),
        (
            "fin_without_an_answer",
            with(
                opens(&c),
                [
                    c.does(500_000, Established, FinWait1, Cause::Close),
                    c.does(90_000_000, FinWait1, Close, Cause::TimedOut),
                ],
            ),
        ),
        (
            "one_of_two_fins_comes_late",
            with(
                opened(&c, &s),
                [
                    c.does(500_000, Established, FinWait1, Cause::Close),
                    s.does(500_010, Established, FinWait1, Cause::Close),
                    s.does(500_020, FinWait1, Closing, fin),
                    c.goes(500_030, FinWait1, FinWait2),
                    c.must(700_000, FinWait2, TimeWait, Inference::FinReceived),
                    s.must(700_010, Closing, TimeWait, Inference::FinReceived),
                ],
            ),
        ),
        ("hostile_name", with(opened(&hostile, &s), [])),
        ("ipv6", with(opened(&far_c, &far_s), [far_s.does(500_000, Established, Close, Cause::Abort)])),
        (
            "itself",
            vec![
                itself.goes(0, Close, SynSent),
                itself.goes(10, SynSent, SynRecv),
                itself.goes(20, SynRecv, Established),
            ],
        ),
    ]
}
