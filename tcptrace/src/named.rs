//! Enums with a name for each variant, as one table: what can be written by name can be read by name.

/// Defines an enum by a table of its variants and their names.
///
/// ```text
/// named! {
///     pub enum Loss {
///         RingFull => "ring_full",
///         Recursion => "recursion",
///     }
/// }
/// ```
///
/// The enum has `ALL`, `name()` and `from_name()`. A name that stands twice does not compile: the second is
/// unreachable.
///
/// A variant may carry one value, which a record has in a field of its own. Then `enum Cause with CauseDetails` names
/// the struct of all such values, each an `Option`: the enum has `NAMES`, `name()`, `details()` and `from_name(name,
/// details)`.
macro_rules! named {
    (
        $(#[$about:meta])*
        $visible:vis enum $enum:ident {
            $($(#[$doc:meta])* $variant:ident $(= $number:literal)? => $name:literal,)+
        }
    ) => {
        $(#[$about])*
        $visible enum $enum {
            $($(#[$doc])* $variant $(= $number)?,)+
        }

        impl $enum {
            /// All values, in the order of the table.
            $visible const ALL: [Self; [$($name),+].len()] = [$(Self::$variant),+];

            /// Name of the value, as JSON has it.
            #[must_use]
            $visible const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// Value with this very name.
            #[must_use]
            $visible fn from_name(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }
    };
    (
        $(#[$about:meta])*
        $visible:vis enum $enum:ident with $details:ident {
            $(
                $(#[$doc:meta])*
                $variant:ident $({ $(#[$doc_of_value:meta])* $value:ident: $($of:tt)+ })? => $name:literal,
            )+
        }
    ) => {
        $(#[$about])*
        $visible enum $enum {
            $($(#[$doc])* $variant $({ $(#[$doc_of_value])* $value: $($of)+ })?,)+
        }

        impl $enum {
            /// All names, in the order of the table.
            $visible const NAMES: [&'static str; [$($name),+].len()] = [$($name),+];

            /// Name of the value, as JSON has it.
            #[must_use]
            $visible const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant { .. } => $name,)+
                }
            }

            /// Values that it carries besides its name.
            #[must_use]
            $visible fn details(self) -> $details {
                match self {
                    $(Self::$variant $({ $value })? => $details {
                        $($value: Option::from($value),)?
                        ..$details::default()
                    },)+
                }
            }

            /// Value with this very name, and with what it carries; `None` without that.
            #[must_use]
            $visible fn from_name(name: &str, details: $details) -> Option<Self> {
                match name {
                    $($name => Some(Self::$variant $({
                        $value: named!(@carried details.$value, $($of)+)
                    })?),)+
                    _ => None,
                }
            }
        }
    };
    (@carried $value:expr, Option<$of:ty> $(,)?) => { $value };
    (@carried $value:expr, $of:ty $(,)?) => { $value? };
}

pub(crate) use named;
