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
/// The enum has `ALL`, `name()` and `from_name()`. A name that stands twice does not compile: the second is unreachable.
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
}

pub(crate) use named;
