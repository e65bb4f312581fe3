//! How many messages came in each second? Windows over a stream that does not come in order.
//!
//! ```text
//!   event time    0        100       200       300
//!                 ├─────────┼─────────┼─────────┤
//!   arrives       12  80  95  130  60  210  190  350 ...
//!                              │    │   │
//!                              │    │   └ greatest 210: with lateness 50 the watermark is at 160: [0, 100) is closed
//!                              │    └ 60: its window is still open with lateness 50; without, it was closed at 130
//!                              └ greatest 130: without lateness the watermark is at 130: [0, 100) is closed
//! ```
//!
//! What a message tells of happened before it arrives, and not all arrive equally late. So nobody can know that a window
//! is complete; one can only decide how long to wait. The *watermark* is that decision: the greatest event time seen,
//! less the allowed lateness. It only rises, and a window is given out when it passes the window's end. A message of a
//! window that was given out is *late*: it is dropped, or the count is given out again, corrected.
//!
//! More lateness is more right and later; less is sooner and less right. No setting is both.
//!
//! The watermark is the messages' clock: when no messages come it stands still, and the last windows stay open.
//!
//! What real systems do: Flink and Beam (`allowedLateness`, corrections as new panes) work like this, and take the least
//! watermark of all partitions; Kafka Streams has a grace period, and drops what is later.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::time::{Span, Time};

/// The most windows, one for each key, that are remembered after they were given out; a late message for one that is
/// forgotten is dropped.
pub const WINDOWS_MAX: usize = 10_000;

/// What becomes of a message whose window was given out already.
///
/// ```
/// use mqlab_core::client::Late;
/// assert_eq!(Late::default(), Late::Drop);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Late {
    /// It is not counted.
    #[default]
    Drop,
    /// Its window's count is given out again.
    Correct,
}

/// How messages are counted.
///
/// ```
/// use mqlab_core::client::{Late, WindowOptions};
/// let options: WindowOptions = serde_json::from_str(r#"{ "size": 100000, "lateness": 50000 }"#)?;
/// assert_eq!((options.late, options.by_key), (Late::Drop, false));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WindowOptions {
    /// How long a window is, in microseconds; they follow each other from time zero.
    pub size: Span,
    /// How much later than the latest message one may come, in microseconds.
    #[serde(default)]
    pub lateness: Span,
    /// What becomes of those that are later still.
    #[serde(default)]
    pub late: Late,
    /// Whether each key is counted for itself.
    #[serde(default)]
    pub by_key: bool,
}

/// What comes of a message.
///
/// ```
/// use mqlab_core::client::{Late, Outcome, WindowOptions, Windows};
/// use mqlab_core::time::{Span, Time};
/// let options = WindowOptions { size: Span(100), lateness: Span::ZERO, late: Late::Correct, by_key: false };
/// let mut windows = Windows::new(options);
/// windows.add(Time(12), None);
/// windows.add(Time(130), None); // the first window is given out with a count of 1
/// let corrected = Outcome::Closed { start: Time(0), key: None, count: 2, corrected: true };
/// assert!(windows.add(Time(60), None).contains(&corrected));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A window's count is given out.
    Closed {
        /// When it began; it is as long as all are.
        start: Time,
        /// Of which key.
        key: Option<Bytes>,
        /// How many messages.
        count: u64,
        /// Whether it was given out before, with one less.
        corrected: bool,
    },
    /// The message was late.
    Late {
        /// When its window began.
        start: Time,
        /// Whether the window was corrected.
        counted: bool,
    },
}

/// Counts messages by windows of event time.
///
/// ```
/// use mqlab_core::client::{Late, Outcome, WindowOptions, Windows};
/// use mqlab_core::time::{Span, Time};
/// let options = WindowOptions { size: Span(100), lateness: Span::ZERO, late: Late::Drop, by_key: false };
/// let mut windows = Windows::new(options);
/// assert!(windows.add(Time(12), None).is_empty());
/// let closed = windows.add(Time(130), None);
/// assert_eq!(closed, [Outcome::Closed { start: Time(0), key: None, count: 1, corrected: false }]);
/// assert_eq!(windows.add(Time(60), None), [Outcome::Late { start: Time(0), counted: false }]);
/// ```
#[derive(Clone, Debug)]
pub struct Windows {
    options: WindowOptions,
    greatest: Time,
    open: BTreeMap<(Time, Option<Bytes>), u64>,
    /// What was given out, as far as it may be corrected.
    closed: BTreeMap<(Time, Option<Bytes>), u64>,
    /// What was given out before this is forgotten.
    forgotten: Time,
}

impl Windows {
    /// No window is open.
    pub fn new(options: WindowOptions) -> Self {
        let size = Span(options.size.0.max(1));
        let (open, closed) = Default::default();
        let options = WindowOptions { size, ..options };
        Self { options, greatest: Time::ZERO, open, closed, forgotten: Time::ZERO }
    }

    /// Windows that end at or before this are given out.
    pub fn watermark(&self) -> Time {
        Time(self.greatest.0.saturating_sub(self.options.lateness.0))
    }

    /// The windows that are not given out, with their counts so far.
    pub fn open(&self) -> impl Iterator<Item = (Time, Option<&Bytes>, u64)> {
        self.open.iter().map(|((start, key), count)| (*start, key.as_ref(), *count))
    }

    /// Counts a message; says which windows are over by it, oldest first.
    pub fn add(&mut self, happened: Time, key: Option<&Bytes>) -> Vec<Outcome> {
        let size = self.options.size.0;
        let start = Time(happened.0 - happened.0 % size);
        let key = key.filter(|_| self.options.by_key).cloned();
        if start.0.saturating_add(size) <= self.watermark().0 {
            return self.late(start, key);
        }
        *self.open.entry((start, key)).or_default() += 1;
        self.greatest = self.greatest.max(happened);
        let watermark = self.watermark();
        let mut outcomes = Vec::new();
        while let Some(first) = self.open.first_entry() {
            if first.key().0.0.saturating_add(size) > watermark.0 {
                break;
            }
            let ((start, key), count) = first.remove_entry();
            outcomes.push(Outcome::Closed { start, key: key.clone(), count, corrected: false });
            if self.options.late == Late::Correct {
                self.closed.insert((start, key), count);
            }
        }
        while self.closed.len() > WINDOWS_MAX
            && let Some(((start, _), _)) = self.closed.pop_first()
        {
            self.forgotten = Time(start.0.saturating_add(size));
        }
        outcomes
    }

    /// A message whose window was given out, or would have been.
    fn late(&mut self, start: Time, key: Option<Bytes>) -> Vec<Outcome> {
        if self.options.late == Late::Drop || start < self.forgotten {
            return [Outcome::Late { start, counted: false }].into();
        }
        let count = self.closed.entry((start, key.clone())).or_default();
        *count += 1;
        let corrected = Outcome::Closed { start, key, count: *count, corrected: true };
        [Outcome::Late { start, counted: true }, corrected].into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Counts = BTreeMap<(Time, Option<Bytes>), u64>;

    /// All counts as a list that is complete would give them.
    fn naive(messages: &[(u64, u8)], size: u64, by_key: bool) -> Counts {
        let mut counts = Counts::new();
        for &(happened, key) in messages {
            let key = by_key.then(|| Bytes::from(alloc::vec![key]));
            *counts.entry((Time(happened / size * size), key)).or_default() += 1;
        }
        counts
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        /// What was given out, what is still open and what was dropped are all messages, each once; with corrections or
        /// enough lateness nothing is dropped and every count is right.
        #[test]
        fn counts_as_a_complete_list_would(
            messages in prop::collection::vec((0_u64..1_000, 0_u8..3), 0..80),
            size in 1_u64..200,
            lateness in 0_u64..1_200,
            correct: bool,
            by_key: bool,
        ) {
            let late = if correct { Late::Correct } else { Late::Drop };
            let mut windows = Windows::new(WindowOptions { size: Span(size), lateness: Span(lateness), late, by_key });
            let (mut given, mut dropped) = (Counts::new(), 0);
            for (happened, key) in &messages {
                let before = windows.watermark();
                for outcome in windows.add(Time(*happened), Some(&Bytes::from(alloc::vec![*key]))) {
                    match outcome {
                        Outcome::Closed { start, key, count, corrected } => {
                            prop_assert!(start.0 + size <= windows.watermark().0);
                            let last = given.insert((start, key), count);
                            prop_assert!(corrected || last.is_none(), "given out once, unless corrected");
                        }
                        Outcome::Late { start, counted } => {
                            prop_assert!(start.0 + size <= before.0);
                            prop_assert_eq!(counted, correct);
                            dropped += u64::from(!counted);
                        }
                    }
                }
            }
            let all = naive(&messages, size, by_key);
            let mut got = given;
            for (start, key, count) in windows.open() {
                *got.entry((start, key.cloned())).or_default() += count;
            }
            prop_assert_eq!(got.values().sum::<u64>() + dropped, messages.len() as u64);
            if correct || lateness >= 1_000 {
                prop_assert_eq!((got, dropped), (all, 0));
            } else {
                prop_assert!(got.iter().all(|(window, count)| all[window] >= *count));
            }
        }
    }
}
