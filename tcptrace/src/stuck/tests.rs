//! When which socket is due, on ladders of events.

use super::{Limits, StuckDetector};
use crate::{time::Moment, tracker::tests::notation::emitted};

const SECOND: u64 = 1_000_000_000;

fn at(seconds: u64) -> Moment {
    Moment { mono_ns: seconds * SECOND, wall_ns: 0 }
}

fn watching(limits: &str, ladder: &str) -> StuckDetector {
    let mut watch = StuckDetector::new(limits.parse().unwrap());
    emitted(ladder).iter().for_each(|record| watch.follow(record));
    watch
}

/// Sockets that are due by then: state, seconds in it, and the number of the report.
fn due(watch: &mut StuckDetector, seconds: u64) -> Vec<String> {
    let stuck = watch.due(at(seconds));
    let words = stuck.iter().map(|stuck| {
        let least = if stuck.at_least { " at least" } else { "" };
        format!("{} {}{least} #{}", stuck.state, stuck.for_ns / SECOND, stuck.count)
    });
    words.collect()
}

const CLOSE_WAIT: &str = "far = 10.0.0.1:4000 > 10.0.0.2:80
    +0     far CLOSE → SYN_SENT pid=7/curl bound
    +1ms   far SYN_SENT → ESTABLISHED
    +10s   far ESTABLISHED → CLOSE_WAIT";

#[test]
fn told_when_the_limit_is_over_and_at_every_doubling() {
    let mut watch = watching("30s", CLOSE_WAIT);
    assert_eq!(watch.next_due(), Some(40 * SECOND));
    assert_eq!(due(&mut watch, 39), [""; 0]);
    assert_eq!(due(&mut watch, 40), ["CLOSE_WAIT 30 #1"]);
    assert_eq!(watch.next_due(), Some(70 * SECOND));
    assert_eq!(due(&mut watch, 71), ["CLOSE_WAIT 61 #2"]);
    assert_eq!(watch.next_due(), Some(130 * SECOND));
    // What was slept through is reported once.
    assert_eq!(due(&mut watch, 1_000), ["CLOSE_WAIT 990 #3"]);
    assert_eq!(watch.next_due(), Some((10 + 1_920) * SECOND));
}

#[test]
fn who_moves_on_is_not_stuck() {
    let closed = format!("{CLOSE_WAIT}\n +12s far CLOSE_WAIT → LAST_ACK pid=7/curl close");
    assert_eq!(watching("30s", &closed).next_due(), Some(42 * SECOND));
    let over = format!("{closed}\n +13s far LAST_ACK → CLOSE");
    assert_eq!(watching("30s", &over).next_due(), None);
    assert_eq!(watching("FIN_WAIT2=1s", CLOSE_WAIT).next_due(), None);
}

#[test]
fn what_was_there_before_counts_from_the_start() {
    let found = "far = 10.0.0.1:4000 > 10.0.0.2:80\n found far CLOSE_WAIT pid=7/curl";
    assert_eq!(due(&mut watching("CLOSE_WAIT=30s", found), 30), ["CLOSE_WAIT 30 at least #1"]);
}

/// close() after shutdown() is no new state.
#[test]
fn a_step_that_stays_is_none() {
    let ladder = "far = 10.0.0.1:4000 > 10.0.0.2:80
        opened far far
        +1s far ESTABLISHED → FIN_WAIT1 pid=7/curl
        +2s far FIN_WAIT1 → FIN_WAIT2
        +5s far FIN_WAIT2 → FIN_WAIT2 pid=7/curl close";
    assert_eq!(watching("10s", ladder).next_due(), Some(12 * SECOND));
}

#[test]
fn limits_are_read() {
    let limit = |text: &str, state: &str| {
        text.parse::<Limits>().map(|limits| limits.of(state.parse().unwrap()).map(|ns| ns / SECOND))
    };
    assert_eq!(limit("30s", "CLOSE_WAIT"), Ok(Some(30)));
    assert_eq!(limit("30s", "ESTABLISHED"), Ok(None));
    assert_eq!(limit("CLOSE_WAIT=30s,fin-wait-2=2m", "FIN_WAIT2"), Ok(Some(120)));
    assert_eq!(limit("CLOSE_WAIT=30s", "FIN_WAIT2"), Ok(None));
    assert_eq!(limit("1m,CLOSE_WAIT=30s", "CLOSE_WAIT"), Ok(Some(30)));
    for wrong in ["", "soon", "LISTEN=3s", "CLOSE_WAIT=0", "CLOSE_WAIT", "OPEN=3s"] {
        assert!(wrong.parse::<Limits>().is_err(), "{wrong}");
    }
}
