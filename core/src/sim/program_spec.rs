//! What may a scenario say of a consumer's program? How it reads, when it acknowledges, and what goes wrong.

use serde::{Deserialize, Serialize};

use super::onward::OnwardSpec;
use super::transactional_spec::TransformSpec;
use crate::client::WindowOptions;
use crate::ids::Name;
use crate::queue::{AckMode, ConsumerOptions, Flow};
use crate::selector::Selector;

/// How a consumer reads a queue or a subscription, besides its prefetch.
///
/// ```
/// use mqlab_core::sim::ReadingSpec;
/// let reading: ReadingSpec = serde_json::from_str(r#"{ "priority": 5, "selector": "price > 100" }"#)?;
/// assert!(reading.selector.is_some() && !reading.automatic);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReadingSpec {
    /// Whether a message counts as consumed when it is handed over.
    pub automatic: bool,
    /// Whether it grants credit, one for each message that is done, instead of having a window.
    pub credit: bool,
    /// Higher is served first.
    pub priority: i32,
    /// Whether it wants the queue for itself.
    pub exclusive: bool,
    /// Which messages it wants.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selector: Option<Selector>,
}

impl ReadingSpec {
    pub(super) fn options(&self, prefetch: u32) -> ConsumerOptions {
        ConsumerOptions {
            flow: if self.credit { Flow::Credit } else { Flow::Prefetch(prefetch) },
            ack: if self.automatic { AckMode::Automatic } else { AckMode::Explicit },
            priority: self.priority,
            exclusive: self.exclusive,
            selector: self.selector.clone(),
        }
    }
}

/// What a consumer's program does.
///
/// ```
/// use mqlab_core::sim::{OnFailure, ProgramSpec};
/// let program: ProgramSpec = serde_json::from_str(r#"{ "fails_per_mille": 100, "on_failure": "reject" }"#)?;
/// assert_eq!(program.on_failure, OnFailure::Reject);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProgramSpec {
    /// How many messages it works on at once; 0 is 1.
    pub workers: u16,
    /// If more than the work: each message takes a time drawn between the two, in microseconds.
    pub work_max: u64,
    /// When it acknowledges.
    pub settles: Settles,
    /// How many of a thousand attempts fail.
    pub fails_per_mille: u32,
    /// Every message whose number is a multiple of this fails always; 0 for none.
    pub fails_every: u64,
    /// What it does with a message that it failed at.
    pub on_failure: OnFailure,
    /// The most messages that it has room for; with more it dies. 0 for no limit.
    pub memory_max: u32,
    /// After so long a program that died for want of memory is started again, in microseconds; 0 for never.
    pub restarts_after: u64,
    /// Whether it remembers what it has done, and does nothing twice. The memory is in its own database, and survives.
    pub remembers: bool,
    /// Whether it counts what it has processed, by windows of time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub windows: Option<WindowOptions>,
    /// The database in which it remembers, if it is not its own: consumers that name the same one do nothing twice
    /// among them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database: Option<Name>,
    /// What it sends on when its part is done, before it acknowledges.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub onward: Option<OnwardSpec>,
    /// What it writes to another topic when its part is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transform: Option<TransformSpec>,
}

/// The most messages that a program works on at once.
pub(super) const WORKERS_MAX: u16 = 64;

/// When a program acknowledges.
///
/// ```
/// use mqlab_core::sim::Settles;
/// assert_eq!(serde_json::from_str::<Settles>(r#"{ "every": 10 }"#)?, Settles::Every(10));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Settles {
    /// Each message, when it is done.
    #[default]
    Each,
    /// Each message, before it begins.
    Before,
    /// So many at once, when they are done; and what there is when nothing is left to do.
    Every(u32),
}

/// What a program does with a message that it failed at.
///
/// ```
/// use mqlab_core::sim::OnFailure;
/// assert_eq!(OnFailure::default(), OnFailure::Requeue);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// It gives it back.
    #[default]
    Requeue,
    /// It refuses it for good.
    Reject,
}
