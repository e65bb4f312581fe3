//! What is a condition worth when a part of it is not known? SQL's logic of three values.

use core::ops::Not;

use serde::{Deserialize, Serialize};

/// True, false, or unknown: what a condition is worth for a message that may lack what it asks about.
///
/// ```text
///    AND │ T  F  U        OR │ T  F  U        NOT │
///   ─────┼─────────     ─────┼─────────      ─────┼───
///     T  │ T  F  U        T  │ T  T  T         T  │ F
///     F  │ F  F  F        F  │ T  F  U         F  │ T
///     U  │ U  F  U        U  │ T  U  U         U  │ U
/// ```
///
/// Unknown is what could still be either. So false decides an AND, true decides an OR, whatever stands beside it,
/// and `NOT` of what is not known is not known.
///
/// ```
/// use mqlab_core::selector::Truth;
/// assert_eq!(Truth::Unknown.and(Truth::False), Truth::False);
/// assert_eq!(Truth::Unknown.or(Truth::False), Truth::Unknown);
/// assert_eq!(!Truth::Unknown, Truth::Unknown);
/// ```
///
/// Source: JMS 1.1, 3.8.1.2 "Null Values".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Truth {
    /// It holds. Only this selects a message.
    True,
    /// It does not hold.
    False,
    /// A value that it needs is not there.
    Unknown,
}

impl Truth {
    /// Both hold.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::False, _) | (_, Self::False) => Self::False,
            (Self::True, Self::True) => Self::True,
            _ => Self::Unknown,
        }
    }

    /// One of them holds.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::True, _) | (_, Self::True) => Self::True,
            (Self::False, Self::False) => Self::False,
            _ => Self::Unknown,
        }
    }

    /// The opposite where `negated`, as in `NOT IN`; itself otherwise.
    pub(super) fn negate_if(self, negated: bool) -> Self {
        if negated { !self } else { self }
    }
}

impl Not for Truth {
    type Output = Self;

    fn not(self) -> Self {
        match self {
            Self::True => Self::False,
            Self::False => Self::True,
            Self::Unknown => Self::Unknown,
        }
    }
}

impl From<bool> for Truth {
    fn from(value: bool) -> Self {
        if value { Self::True } else { Self::False }
    }
}
