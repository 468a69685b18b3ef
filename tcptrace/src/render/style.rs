//! How text looks: time zone, colours, width.

use jiff::{Timestamp, tz::TimeZone};

use super::Palette;
use crate::time::{Moment, digits};

/// The style of everything that is written for people.
#[derive(Clone, Debug)]
pub struct TextStyle {
    /// Time zone of the times of day.
    pub zone: TimeZone,
    /// Colours.
    pub palette: Palette,
    /// Columns of the terminal; `None` never breaks a line.
    pub width: Option<usize>,
}

impl TextStyle {
    /// Time of day with microseconds.
    #[must_use]
    pub fn time(&self, at: Moment) -> String {
        let Ok(time) = Timestamp::from_nanosecond(at.wall_ns.into()) else { return "-".to_owned() };
        let time = self.zone.to_offset(time).to_datetime(time);
        let mut text = *b"00:00:00.000000";
        digits(&mut text[0..2], time.hour().unsigned_abs().into());
        digits(&mut text[3..5], time.minute().unsigned_abs().into());
        digits(&mut text[6..8], time.second().unsigned_abs().into());
        digits(&mut text[9..15], time.subsec_nanosecond().unsigned_abs() / 1_000);
        String::from_utf8_lossy(&text).into_owned()
    }
}
