//! Why is a text no selector? The place, and what is wrong there.

use alloc::string::String;
use core::fmt;

use super::{NESTING_MAX, SELECTOR_BYTES_MAX};

/// Why a text is no selector. Places are counted in bytes from the beginning of the text, from 0.
///
/// ```
/// use mqlab_core::selector::Selector;
/// let wrong = Selector::parse("color != 'blue'").expect_err("that is Java, not SQL");
/// assert_eq!(wrong.at(), 6);
/// assert_eq!(wrong.to_string(), "at byte 6: `!=` does not belong here, write <> for unequal");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidSelector {
    /// The text is longer than [`SELECTOR_BYTES_MAX`].
    TooLong {
        /// How long it is, in bytes.
        bytes: usize,
    },
    /// Parentheses, `NOT`s or signs are nested more than [`NESTING_MAX`] deep.
    TooDeep {
        /// Where the one too many stands.
        at: usize,
    },
    /// Something else should stand here.
    Unexpected {
        /// Where.
        at: usize,
        /// What stands here: a word or sign of the text, or `the end`.
        found: String,
        /// What could stand here.
        expected: &'static str,
    },
    /// A text in single quotes does not end.
    UnendedText {
        /// Where it begins.
        at: usize,
    },
    /// A number is too large for its type: an integer of 64 bits, or a double.
    NumberTooLarge {
        /// Where it begins.
        at: usize,
    },
    /// An operator stands beside something that it cannot be used with, whatever the message holds.
    WrongType {
        /// Where the operand begins.
        at: usize,
        /// The operator.
        operator: &'static str,
        /// What it takes.
        takes: &'static str,
    },
    /// In a `LIKE` pattern the escape stands before something else than `%`, `_` or itself.
    BadEscape {
        /// Where the pattern begins.
        at: usize,
    },
}

impl InvalidSelector {
    /// Where the text is wrong, in bytes from its beginning: at most its length.
    pub fn at(&self) -> usize {
        match self {
            Self::TooLong { .. } => SELECTOR_BYTES_MAX,
            Self::TooDeep { at }
            | Self::Unexpected { at, .. }
            | Self::UnendedText { at }
            | Self::NumberTooLarge { at }
            | Self::WrongType { at, .. }
            | Self::BadEscape { at } => *at,
        }
    }
}

impl fmt::Display for InvalidSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::TooLong { bytes } = self {
            return write!(
                f,
                "the selector has {bytes} bytes, at most {SELECTOR_BYTES_MAX}: write a shorter one"
            );
        }
        write!(f, "at byte {}: ", self.at())?;
        match self {
            Self::TooLong { .. } => Ok(()),
            Self::TooDeep { .. } => {
                write!(f, "nested more than {NESTING_MAX} deep, take some parentheses, NOTs or signs away")
            }
            Self::Unexpected { found, expected, .. } => {
                write!(f, "`{found}` does not belong here, write {expected}")
            }
            Self::UnendedText { .. } => {
                f.write_str("the text does not end, write ' behind it ('' for one inside)")
            }
            Self::NumberTooLarge { .. } => {
                f.write_str("the number is too large, integers have 64 bits and doubles end at 1.8E308")
            }
            Self::WrongType { operator, takes, .. } => {
                write!(f, "{operator} takes {takes}, this is something else")
            }
            Self::BadEscape { .. } => f.write_str(
                "behind the escape of a pattern comes %, _ or the escape itself, double it to mean it",
            ),
        }
    }
}

impl core::error::Error for InvalidSelector {}
