//! Reading ahead: what comes is followed in its order, and no more than 32 batches wait here.

use super::{
    super::{AT_ONCE, BATCH},
    *,
};

/// More than are read ahead.
const EVENTS: u64 = 40 * BATCH as u64;

/// A socket opens and closes again and again.
fn toggle(host: &mut Host, number: u64) {
    let steps = [(Close, SynSent), (SynSent, Close)];
    let (from, to) = steps[(number % 2) as usize];
    host.change(1, from, to);
    if let Some(Ok(RawEvent::StateChange(event))) = host.buffer.back_mut() {
        event.mono_ns = host.now * MS + number;
    }
}

#[test]
fn there_is_an_order_and_a_bound() {
    let mut host = Host::tracing(Config::default());
    host.now = 5;
    (0..EVENTS).for_each(|number| toggle(&mut host, number));
    host.read();
    assert_eq!(host.buffer.len(), 8 * BATCH);
    // A batch at a time; what has become free is filled again.
    assert_eq!(host.turn(), BATCH);
    assert_eq!((host.told.len(), host.buffer.len()), (BATCH, 7 * BATCH));
    assert!(host.session.is_waiting());
    while host.turn() > 0 {}
    assert!(!host.session.is_waiting());
    let times: Vec<_> = host.told.iter().map(|record| record.at().mono_ns - 5 * MS).collect();
    assert!(times.into_iter().eq(0..EVENTS));
    host.end();
}

/// Outputs get their turn, and the buffer too.
#[test]
fn so_many_at_once() {
    let mut host = Host::tracing(Config::default());
    (0..BATCH as u64).for_each(|number| toggle(&mut host, number));
    host.read();
    host.session.next_batch(at(10));
    let mut sizes = Vec::new();
    let mut out = Vec::new();
    loop {
        let is_left = host.session.advance(&mut (), &mut out);
        sizes.push(out.len());
        out.clear();
        if !is_left {
            break;
        }
    }
    assert_eq!(sizes, [AT_ONCE; BATCH / AT_ONCE]);
}

/// Two CPUs may take their times in another order than their places in the buffer.
#[test]
fn a_batch_is_followed_in_the_order_of_time() {
    let mut host = Host::tracing(Config::default());
    host.now = 20;
    host.change(1, SynSent, Established);
    host.now = 10;
    host.change(1, Close, SynSent);
    host.run_until(30);
    assert_eq!(host.lines(), ["1 CLOSE → SYN_SENT", "1 SYN_SENT → ESTABLISHED"]);
    host.end();
}

/// However much comes while the first dump is made, it is read: what is not would be lost.
#[test]
fn there_is_no_bound_while_a_dump_is_made() {
    let mut host = Host::new(Config::default(), 50);
    (0..EVENTS).for_each(|number| toggle(&mut host, number));
    host.run_until(5);
    assert_eq!((host.buffer.len(), host.told.len()), (0, 0));
    host.run_until(50);
    // There are more than the bound allows, so nothing is read before some of it is followed.
    host.forks(1);
    host.run_until(55);
    assert_eq!(host.buffer.len(), 1);
    while host.turn() > 0 {}
    assert_eq!((host.buffer.len(), host.told.len() as u64), (0, EVENTS));
    host.end();
}

/// The wall clock may be set at any time.
#[test]
fn wall_times_follow_the_wall_clock() {
    let mut host = Host::tracing(Config::default());
    host.change(1, Close, SynSent);
    host.run_until(5);
    host.session.read(Ok(change(6, 1, SynSent, Established)));
    host.session.next_batch(Moment { mono_ns: 10 * MS, wall_ns: 0 });
    host.session.advance(&mut (), &mut host.told);
    let times: Vec<_> = host.told.iter().map(Record::at).collect();
    assert_eq!(times, [at(0), Moment { mono_ns: 6 * MS, wall_ns: -4 * MS.cast_signed() }]);
}
