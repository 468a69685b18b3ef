//! Recordings that were cut off, overwritten or filled with something else.

use proptest::{collection::vec, prelude::*, sample::Index};
use tcptrace::{record::Record, recording::Reader};

use super::{arbitrary, lines, read};

/// A good line, and the record that it is.
fn good() -> BoxedStrategy<(Record, Vec<u8>)> {
    // Boxed: the whole of it is more than a test's stack.
    arbitrary::record()
        .boxed()
        .prop_filter("made anew", |record| !matches!(record, Record::Connection(_)))
        .prop_map(|record| {
            let line = lines(&[record]);
            (read(&line).0.remove(0), line)
        })
        .boxed()
}

/// Bytes that may stand between two good lines.
fn bad() -> BoxedStrategy<Vec<u8>> {
    let half =
        || (good(), any::<Index>()).prop_map(|((_, line), at)| line[..at.index(line.len() - 2)].to_vec());
    prop_oneof![
        2 => half(),
        1 => half().prop_map(|half| [half, vec![b'\n']].concat()),
        1 => (1_usize..5_000).prop_map(|size| vec![0; size]),
        1 => "[^{]{0,30}\n".prop_map(String::into_bytes),
        1 => vec(any::<u8>().prop_filter("no object", |byte| *byte != b'{'), 0..100),
        1 => Just(b"{\"v\":1,\"type\":\"transition\"}".to_vec()),
        1 => Just(b"{\"v\":1,\"type\":\"stuck\",\"state\":[{}]}".to_vec()),
        1 => Just(Vec::new()),
    ]
    .boxed()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn nothing_good_is_lost_next_to_what_is_bad(parts in vec((bad(), good()), 0..8), last in bad()) {
        let bytes: Vec<u8> =
            parts.iter().flat_map(|(bad, (_, good))| [bad.as_slice(), good]).flatten().copied().chain(last).collect();
        let (found, ..) = read(&bytes);
        let wanted: Vec<_> = parts.into_iter().map(|(_, (record, _))| record).collect();
        // Half a line may be a whole record but for its newline; nothing else comes on top.
        let mut wanted = wanted.iter().peekable();
        for record in &found {
            wanted.next_if(|next| *next == record);
        }
        prop_assert_eq!(wanted.next(), None);
    }

    /// A caller who writes what was read can flush before every line, for which it may have to wait.
    #[test]
    fn the_caller_gets_its_turn_after_every_line(parts in vec((bad(), good()), 0..8), last in bad()) {
        let bytes: Vec<u8> =
            parts.iter().flat_map(|(bad, (_, good))| [bad.as_slice(), good]).flatten().copied().chain(last).collect();
        let mut reader = Reader::new(&bytes[..]);
        let mut rest = &bytes[..];
        while reader.next().is_some() {
            let taken = &rest[..rest.len() - reader.input().len()];
            prop_assert!(taken.iter().filter(|byte| matches!(byte, b'\n' | 0)).count() <= 1);
            rest = reader.input();
        }
        prop_assert!(rest.is_empty());
    }

    #[test]
    fn any_bytes_are_read_to_their_end(bytes in vec(any::<u8>(), 0..2_000)) {
        read(&bytes);
    }

    #[test]
    fn a_line_with_some_other_bytes_is_read_or_counted(
        (_, mut line) in good(),
        changes in vec((any::<Index>(), any::<u8>()), 1..5),
    ) {
        for (at, byte) in changes {
            let at = at.index(line.len() - 1);
            line[at] = byte;
        }
        let (found, gaps, skipped) = read(&line);
        prop_assert!(!found.is_empty() || gaps > 0 || skipped.holes > 0 || skipped.types.total() > 0);
        // What was understood of it can be written, and reads back.
        let written = lines(&found);
        prop_assert_eq!(read(&written).0, found);
    }

    #[test]
    fn what_was_cut_off_is_read_up_to_there(all in vec(good(), 1..5), at in any::<Index>()) {
        let bytes: Vec<u8> = all.iter().flat_map(|(_, line)| line).copied().collect();
        let at = at.index(bytes.len());
        let whole = bytes[..at].iter().filter(|byte| **byte == b'\n').count();
        let (found, gaps, _) = read(&bytes[..at]);
        prop_assert!(found.len() == whole && gaps <= 1 || found.len() == whole + 1 && gaps == 0);
        prop_assert!(all.iter().map(|(record, _)| record).zip(&found).all(|(wanted, found)| wanted == found));
    }
}

#[test]
fn a_hole_is_told_apart_from_lines() {
    let line = lines(&[super::newer::step()]);
    let bytes = [&line[..], &[0; 4_096], &line, b"nonsense\n\n  \r\n", &line[..100], b"\n"].concat();
    let (found, gaps, skipped) = read(&bytes);
    assert_eq!((found.len(), gaps, skipped.holes), (2, 2, 4_096));
}

/// Neither takes all memory, nor all time.
#[test]
fn a_line_without_an_end_is_bounded() {
    let line = lines(&[super::newer::step()]);
    let endless = b"{\"v\":1,".repeat(1 << 20);
    let deep = b"{\"v\":".repeat(100_000);
    let many = line.strip_suffix(b"\n").unwrap().repeat(2_000);
    let (found, gaps, _) = read(&[&endless[..], b"\n", &deep, b"\n", &many, b"\n", &line].concat());
    assert_eq!(found.len(), 2_001);
    assert!(gaps > 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(50))]

    /// Some editors put one before a text, and texts are put together.
    #[test]
    fn a_byte_order_mark_costs_nothing(parts in vec(good(), 1..4)) {
        let mark = b"\xef\xbb\xbf";
        let bytes: Vec<u8> = parts.iter().flat_map(|(_, line)| [&mark[..], line]).flatten().copied().collect();
        let (found, gaps, _) = read(&bytes);
        let wanted: Vec<_> = parts.into_iter().map(|(record, _)| record).collect();
        prop_assert_eq!((found, gaps), (wanted, 0));
    }
}
