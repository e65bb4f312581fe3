//! How did followers find out what to cut off, before there were leader epochs? By the high watermark that they knew, and
//! that loses data. It can be chosen, so that a run shows why it was given up.
//!
//! ```text
//!   A leads    m1 m2 │      watermark 2: both have m2, its producer was told
//!   B follows  m1 │ m2      its watermark is still 1: it hears of 2 with the next answer to a fetch
//!
//!   another leads: B cuts back to 1, for it cannot know better, and means to fetch m2 again
//!   now that other dies: B is in sync, and is elected, and m2 is nowhere
//! ```
//!
//! A broker keeps the watermark of each partition (`checkpoint.rs`), so that it survives the process. Real brokers write it
//! every few seconds (`replica.high.watermark.checkpoint.interval.ms`: 5 s); here whenever it has moved, which is the best
//! that the old way could do.
//!
//! Source: KIP-101, "Alter Replication Protocol to use Leader Epoch rather than High Watermark for Truncation".

use serde::{Deserialize, Serialize};

/// By what a follower finds out which records its leader does not have.
///
/// ```
/// use mqlab_core::broker::Truncation;
/// assert_eq!(serde_json::from_str::<Truncation>(r#""high_watermark""#)?, Truncation::HighWatermark);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Truncation {
    /// It asks the leader where its last epoch ended. Kafka: since 0.11.
    #[default]
    Epoch,
    /// It keeps what is below the high watermark as it knows it: acknowledged messages may be lost, and logs may differ for
    /// ever. Kafka: before 0.11.
    HighWatermark,
}
