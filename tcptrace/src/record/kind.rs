//! All kinds of records in one table, and what they have in common: a moment, and most of them a socket.

use super::{
    ConnectionSummary, Context, End, Existing, Lost, Orphan, Reset, Retransmit, Start, Stuck, Subject,
    Transition,
};
use crate::{named::named, time::Moment};

/// Defines [`Record`] and [`RecordKind`] by a table: variant and type, the `type` in JSON, and the fields that other
/// kinds of records have too.
macro_rules! records {
    ($($(#[$doc:meta])* $kind:ident($record:ty) => $name:literal, [$($field:ident)*];)+) => {
        named! {
            /// Kind of a record, by name the `type` of a JSON line.
            #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
            pub enum RecordKind {
                $($(#[$doc])* $kind => $name,)+
            }
        }

        /// Record of a trace: one thing that happened, or was noticed.
        ///
        /// ```
        /// use tcptrace::record::{Loss, Lost, Record, RecordKind};
        /// # use tcptrace::time::Moment;
        /// # let at = Moment { mono_ns: 7, wall_ns: 1_795_341_600_123_456_789 };
        /// let record = Record::Lost(Lost { at, count: 4, reason: Loss::RingFull });
        /// assert_eq!(record.kind(), RecordKind::Lost);
        /// assert_eq!(record.kind().name(), "lost");
        /// assert_eq!(record.at(), at);
        /// assert_eq!(record.subject(), None);
        /// ```
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Record {
            $($(#[$doc])* $kind($record),)+
        }

        impl Record {
            /// Kind of the record.
            #[must_use]
            pub const fn kind(&self) -> RecordKind {
                match self {
                    $(Self::$kind(_) => RecordKind::$kind,)+
                }
            }

            /// Moment at which it happened, or was noticed.
            #[must_use]
            pub const fn at(&self) -> Moment {
                match self {
                    $(Self::$kind(record) => record.at,)+
                }
            }

            /// Moment at which it happened, to be changed.
            pub(crate) const fn at_mut(&mut self) -> &mut Moment {
                match self {
                    $(Self::$kind(record) => &mut record.at,)+
                }
            }

            /// Socket that the record is about; `None` if it is about the trace or about a connection.
            #[must_use]
            pub const fn subject(&self) -> Option<&Subject> {
                match self {
                    $(Self::$kind(record) => records!(@subject(record, &) $($field)*),)+
                }
            }

            /// Socket that the record is about, to be changed.
            pub const fn subject_mut(&mut self) -> Option<&mut Subject> {
                match self {
                    $(Self::$kind(record) => records!(@subject(record, &mut) $($field)*),)+
                }
            }

            /// Time since the connection's first event, nanoseconds, to be changed; `None` if it is not known.
            pub(crate) const fn since_first_mut(&mut self) -> Option<&mut u64> {
                match self {
                    $(Self::$kind(record) => records!(@since_first(record) $($field)*),)+
                }
            }
        }
    };
    (@subject($record:ident, $($borrow:tt)+) subject $(since_first_ns)?) => {
        Some($($borrow)+ $record.subject)
    };
    (@subject($record:ident, $($borrow:tt)+)) => {{
        _ = $record;
        None
    }};
    (@since_first($record:ident) subject since_first_ns) => {
        $record.since_first_ns.as_mut()
    };
    (@since_first($record:ident) $(subject)?) => {{
        _ = $record;
        None
    }};
}

records! {
    /// Beginning of a trace.
    Start(Start) => "start", [];
    /// Socket that existed before.
    Existing(Existing) => "socket", [subject];
    /// State change of a socket.
    Transition(Transition) => "transition", [subject since_first_ns];
    /// Socket in `FIN_WAIT2` that lost its process.
    Orphan(Orphan) => "orphan", [subject since_first_ns];
    /// Segment that was sent again.
    Retransmit(Retransmit) => "retransmit", [subject since_first_ns];
    /// RST that was sent.
    Reset(Reset) => "reset", [subject since_first_ns];
    /// Socket that has been in a state for too long.
    Stuck(Stuck) => "stuck", [subject];
    /// Summary of a connection.
    Connection(Box<ConnectionSummary>) => "connection", [];
    /// Events that are missing.
    Lost(Lost) => "lost", [];
    /// End of a trace.
    End(End) => "end", [];
}

impl Record {
    /// Whether the record stands for an event of the kernel, and so counts in [`Totals`](super::Totals).
    #[must_use]
    pub const fn is_event(&self) -> bool {
        match self {
            Self::Transition(Transition { context: Some(Context::Inferred(inference)), .. }) => {
                inference.is_event()
            }
            Self::Transition(_) | Self::Orphan(_) => true,
            Self::Start(_)
            | Self::Existing(_)
            | Self::Retransmit(_)
            | Self::Reset(_)
            | Self::Stuck(_)
            | Self::Connection(_)
            | Self::Lost(_)
            | Self::End(_) => false,
        }
    }
}
