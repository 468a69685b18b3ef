//! Lines to records: the inverse of `write.rs`.

mod fields;

use serde::Deserialize as _;
use serde_json::{Deserializer, de::SliceRead};

use super::{
    line::{Line, VERSION},
    skipped::SkippedReport,
};
use crate::record::{Record, RecordKind};
use fields::Words;

/// A text that is no record, or lacks what every record of its type has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken;

/// Reads the record that `text` begins with, and says how many bytes it takes; no record if it is of a type that is not
/// known here, because a newer version wrote it. What is not understood is counted.
///
/// # Errors
/// [`Broken`], which the caller counts.
pub fn read(text: &[u8], skipped: &mut SkippedReport) -> Result<(Option<Record>, usize), Broken> {
    let mut unknown = Vec::new();
    let mut input = Deserializer::from_slice(text);
    let line = serde_ignored::deserialize(&mut input, |path| {
        // A `?` stands for what may be absent.
        unknown.push(path.to_string().replace(".?", ""));
    });
    let Ok(line): Result<Line, _> = line else { return foreign(text, skipped) };
    let taken = taken(&mut input, text);
    let mut words = Words::default();
    let kind = line.kind.as_deref().ok_or(Broken)?;
    let Some(kind) = RecordKind::from_name(kind) else {
        skipped.types.add(kind);
        return Ok((None, taken));
    };
    let record = match kind {
        RecordKind::Start => line.start(),
        RecordKind::Existing => line.existing(&mut words),
        RecordKind::Transition => line.transition(&mut words),
        RecordKind::Orphan => line.orphan(&mut words),
        RecordKind::Retransmit => line.retransmit(&mut words),
        RecordKind::Reset => line.reset(&mut words),
        RecordKind::Stuck => line.stuck(&mut words),
        // Follows from the other records, so it is made anew of those that are emitted. The moment at which connections
        // were open still does not.
        RecordKind::Connection => {
            skipped.open_at = line.at().filter(|_| line.open == Some(true)).or(skipped.open_at);
            return Ok((None, taken));
        }
        RecordKind::Lost => line.lost(),
        RecordKind::End => line.end(),
    };
    let record = record.ok_or(Broken)?;
    if let Some(version) = line.v.filter(|version| *version != VERSION) {
        skipped.versions.add(&format!("v{version}"));
    }
    unknown.iter().for_each(|field| skipped.fields.add(field));
    words.iter().for_each(|word| skipped.words.add(word));
    Ok((Some(record), taken))
}

/// An object in which a field is of another kind than here may still say that it is of a type that is not known.
fn foreign(text: &[u8], skipped: &mut SkippedReport) -> Result<(Option<Record>, usize), Broken> {
    #[derive(serde::Deserialize)]
    struct Head {
        r#type: String,
    }
    let mut input = Deserializer::from_slice(text);
    match Head::deserialize(&mut input) {
        Ok(head) if RecordKind::from_name(&head.r#type).is_none() => {
            skipped.types.add(&head.r#type);
            Ok((None, taken(&mut input, text)))
        }
        _ => Err(Broken),
    }
}

/// Number of bytes that were read: everything is on one line, so the column of an error is the place of what follows.
fn taken(input: &mut Deserializer<SliceRead<'_>>, text: &[u8]) -> usize {
    input.end().map_or_else(|trailing| trailing.column().saturating_sub(1), |()| text.len())
}
