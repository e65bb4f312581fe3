//! Time, as the engine knows it: a number that somebody else hands in.
//!
//! Nothing in this crate reads a clock. Every call that depends on time takes `now` as an argument, so that a
//! simulated hour takes milliseconds, a run can go back, and a test never waits.

use core::fmt;
use core::ops::{Add, Sub};
use core::str::FromStr;

use serde::{Deserialize, Serialize};

/// A moment: microseconds since the run (or the process) began.
///
/// ```
/// use mqlab_core::time::{Span, Time};
/// let later = Time::ZERO + Span::from_millis(3);
/// assert_eq!(later.since(Time(1_000)), Span::from_millis(2));
/// assert_eq!(later.to_string(), "3.000"); // in milliseconds
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Time(pub u64);

/// A length of time in microseconds.
///
/// ```
/// use mqlab_core::time::Span;
/// assert_eq!(Span::from_millis(2), Span::from_micros(2_000));
/// assert_eq!(Span(250).to_string(), "0.25 ms");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Span(pub u64);

impl Time {
    /// The moment at which every run begins.
    pub const ZERO: Self = Self(0);

    /// The span from `earlier` to this moment; nothing when `earlier` is in fact later.
    pub const fn since(self, earlier: Self) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }

    /// Whole milliseconds, as record timestamps count them.
    pub const fn as_millis(self) -> u64 {
        self.0 / 1_000
    }
}

impl Span {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// A span of so many microseconds.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// A span of so many milliseconds.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis * 1_000)
    }
}

impl Add<Span> for Time {
    type Output = Self;

    fn add(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}

impl Sub<Span> for Time {
    type Output = Self;

    fn sub(self, span: Span) -> Self {
        Self(self.0.saturating_sub(span.0))
    }
}

impl fmt::Display for Time {
    /// Milliseconds with three decimals: `412.800`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}", self.0 / 1_000, self.0 % 1_000)
    }
}

impl FromStr for Time {
    type Err = BadTime;

    /// Reads what `Display` writes: milliseconds with up to three decimals.
    ///
    /// ```
    /// use mqlab_core::time::Time;
    /// assert_eq!("412.8".parse(), Ok(Time(412_800)));
    /// assert!("412,8".parse::<Time>().is_err());
    /// ```
    fn from_str(text: &str) -> Result<Self, BadTime> {
        let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole) || !digits(decimals) || decimals.len() > 3 {
            return Err(BadTime);
        }
        let (whole, rest): (u64, u64) =
            (whole.parse().map_err(|_| BadTime)?, decimals.parse().map_err(|_| BadTime)?);
        let scale = [1, 100, 10, 1][decimals.len()];
        whole.checked_mul(1_000).and_then(|micros| micros.checked_add(rest * scale)).map(Self).ok_or(BadTime)
    }
}

/// A text that is not a moment.
///
/// ```
/// use mqlab_core::time::{BadTime, Time};
/// assert_eq!("soon".parse::<Time>(), Err(BadTime));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadTime;

impl fmt::Display for BadTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a moment is given in milliseconds with up to three decimals, such as 412.8")
    }
}

impl core::error::Error for BadTime {}

impl fmt::Display for Span {
    /// Milliseconds, with as many decimals as are needed: `3 ms`, `0.25 ms`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0 / 1_000, self.0 % 1_000);
        match rest {
            0 => write!(f, "{whole} ms"),
            _ if rest % 100 == 0 => write!(f, "{whole}.{} ms", rest / 100),
            _ if rest % 10 == 0 => write!(f, "{whole}.{:02} ms", rest / 10),
            _ => write!(f, "{whole}.{rest:03} ms"),
        }
    }
}
