//! What can a puller be told? Where to begin, when to ask, how much to take, what to keep.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::broker::Isolation;
use crate::ids::Offset;
use crate::selector::Selector;
use crate::time::{Span, Time};

/// Where a reader begins that has no place of its own yet.
///
/// ```
/// use mqlab_core::client::StartAt;
/// use mqlab_core::time::Time;
/// let start: StartAt = serde_json::from_str(r#"{ "time": 250000 }"#)?;
/// assert_eq!(start, StartAt::Time(Time(250_000)));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StartAt {
    /// With the oldest that is there.
    #[default]
    Earliest,
    /// With what comes from now on.
    Latest,
    /// At this offset.
    Offset(Offset),
    /// With the first that is of this time or later.
    Time(Time),
}

/// Where a reader goes on when its leader no longer keeps its offset (Kafka: `auto.offset.reset`).
///
/// ```
/// use mqlab_core::client::{PullOptions, Reset};
/// assert_eq!(PullOptions::default().reset, Reset::Earliest);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reset {
    /// With the oldest that is there.
    #[default]
    Earliest,
    /// With what comes from now on.
    Latest,
}

/// Where a reader keeps what it has fetched and not done.
///
/// ```
/// use mqlab_core::client::{PullOptions, Staging};
/// let options: PullOptions = serde_json::from_str(r#"{ "staging": "memory" }"#)?;
/// assert_eq!(options.staging, Staging::Memory);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Staging {
    /// In memory: a crash takes it.
    Memory,
    /// On its own disk.
    #[default]
    Disk,
}

/// When a reader notes that a message need not come again.
///
/// ```
/// use mqlab_core::client::{Commits, PullOptions};
/// let at_most_once = PullOptions { commits: Commits::Before, ..PullOptions::default() };
/// assert_ne!(at_most_once, PullOptions::default());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Commits {
    /// Before its program works on it.
    Before,
    /// When its program is done with it.
    #[default]
    After,
}

/// To go back at some moment, and process again.
///
/// ```
/// use mqlab_core::client::{Replay, StartAt};
/// use mqlab_core::time::Time;
/// let replay: Replay = serde_json::from_str(r#"{ "at": 400000, "from": "earliest" }"#)?;
/// assert_eq!(replay, Replay { at: Time(400_000), from: StartAt::Earliest });
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Replay {
    /// When, in microseconds.
    pub at: Time,
    /// To where.
    pub from: StartAt,
}

fn is_default(isolation: &Isolation) -> bool {
    *isolation == Isolation::default()
}

/// How a puller reads.
///
/// ```
/// use mqlab_core::client::{PullOptions, Staging};
/// assert_eq!(PullOptions::default().staging, Staging::Disk);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PullOptions {
    /// Which partitions; all of the topic when none is named.
    pub partitions: Vec<u32>,
    /// Where it begins.
    pub start: StartAt,
    /// It asks no more often than this, in microseconds; 0 for as soon as it has nothing left to begin.
    pub poll_every: Span,
    /// With fewer bytes than this the leader waits, but no longer than `wait_max`.
    pub bytes_min: u32,
    /// How long the leader may wait, in microseconds (long poll); 0 to be answered at once.
    pub wait_max: Span,
    /// The most bytes that one question brings; the first batch comes however large it is.
    pub bytes_max: u32,
    /// Which messages it wants.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter: Option<Selector>,
    /// Where it keeps what it has fetched and not done.
    pub staging: Staging,
    /// When it notes that a message need not come again.
    pub commits: Commits,
    /// What it sees of transactions (Kafka: `isolation.level`).
    #[serde(skip_serializing_if = "is_default")]
    pub isolation: Isolation,
    /// Where it goes on when its offset is gone.
    pub reset: Reset,
    /// To go back once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replay: Option<Replay>,
}

impl Default for PullOptions {
    fn default() -> Self {
        Self {
            partitions: Vec::new(),
            start: StartAt::default(),
            poll_every: Span::ZERO,
            bytes_min: 1,
            wait_max: Span::from_millis(25),
            bytes_max: 4096,
            filter: None,
            staging: Staging::default(),
            commits: Commits::default(),
            isolation: Isolation::default(),
            reset: Reset::default(),
            replay: None,
        }
    }
}
