//! How long may a message wait? One of eighteen times, each with a queue of its own, so that each queue is in order of time.
//!
//! ```text
//!   level   1   2   3    4    5   6   7   8   9   10  11  12  13  14   15   16   17  18
//!   delay   1s  5s  10s  30s  1m  2m  3m  4m  5m  6m  7m  8m  9m  10m  20m  30m  1h  2h
//! ```
//!
//! Whoever waits at the front of a level is due before all behind it: no heap, no timer for each message. Arbitrary times need
//! more, as the timer wheel of version 5 (precise to a second, three days at most), which is left out.
//!
//! Source: `MessageStoreConfig.messageDelayLevel`, `ScheduleMessageService.java`.

use alloc::vec::Vec;
use core::fmt;

use crate::time::{Span, Time};

/// The delays of the levels 1 to 18, in seconds.
pub const DELAY_SECONDS: [u64; 18] =
    [1, 5, 10, 30, 60, 120, 180, 240, 300, 360, 420, 480, 540, 600, 1_200, 1_800, 3_600, 7_200];

/// The most levels that can be set.
pub const LEVELS_MAX: usize = 64;

/// Which delays a broker knows.
///
/// ```
/// use mqlab_core::systems::rocketmq::delay::DelayLevels;
/// use mqlab_core::time::Span;
/// let levels = DelayLevels::default();
/// assert_eq!(levels.span(3), Some(Span::from_millis(10_000)));
/// assert_eq!(levels.clamped(0), None); // no delay
/// assert_eq!(levels.clamped(99), Some(18));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DelayLevels(Vec<Span>);

impl Default for DelayLevels {
    fn default() -> Self {
        Self(DELAY_SECONDS.iter().map(|seconds| Span::from_millis(seconds * 1_000)).collect())
    }
}

/// Levels that cannot be set.
///
/// ```
/// use mqlab_core::systems::rocketmq::delay::DelayLevels;
/// assert!(DelayLevels::new(vec![]).is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadLevels;

impl fmt::Display for BadLevels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "give 1 to {LEVELS_MAX} levels of delay")
    }
}

impl core::error::Error for BadLevels {}

impl DelayLevels {
    /// Levels with these delays, the first for level 1: the lab has shorter ones.
    ///
    /// # Errors
    ///
    /// [`BadLevels`] for none, or more than [`LEVELS_MAX`].
    pub fn new(spans: Vec<Span>) -> Result<Self, BadLevels> {
        if (1..=LEVELS_MAX).contains(&spans.len()) { Ok(Self(spans)) } else { Err(BadLevels) }
    }

    /// How many there are.
    pub fn count(&self) -> u32 {
        self.0.len() as u32
    }

    /// The level that a wish comes to: none for 0 and less, the greatest for more than there is.
    pub fn clamped(&self, level: i64) -> Option<u32> {
        let level = u32::try_from(level).unwrap_or(if level < 0 { 0 } else { u32::MAX });
        (level > 0).then(|| level.min(self.count()))
    }

    /// How long a level waits.
    pub fn span(&self, level: u32) -> Option<Span> {
        self.0.get(level.checked_sub(1)? as usize).copied()
    }

    /// When a message of this level is due that was stored then.
    pub fn due(&self, level: u32, stored: Time) -> Time {
        stored + self.span(level).unwrap_or(Span::ZERO)
    }
}
