//! What can a member of a share group be told? When it acknowledges, how much it takes at once, whether it renews.

use serde::{Deserialize, Serialize};

/// When a member of a share group acknowledges (Kafka: `share.acknowledgement.mode`).
///
/// ```
/// use mqlab_core::client::Acknowledges;
/// assert_eq!(serde_json::from_str::<Acknowledges>(r#""implicit""#)?, Acknowledges::Implicit);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Acknowledges {
    /// Each record by itself, when the program is done with it; it may also release or reject it. What is said of the last
    /// that it had goes with the question for more.
    #[default]
    Explicit,
    /// All that it had, as accepted, with the question for more. Kafka's default.
    Implicit,
}

/// How a member of a share group takes part.
///
/// ```
/// use mqlab_core::client::ShareOptions;
/// let options: ShareOptions = serde_json::from_str(r#"{ "records_max": 1, "renews": true }"#)?;
/// assert!(options.renews && options != ShareOptions::default());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ShareOptions {
    /// When it acknowledges.
    pub acknowledges: Acknowledges,
    /// The most records that it takes of a partition at once, from 1 to [`SHARE_RECORDS_MAX`]: it asks for more when it is
    /// done with all of them. Kafka: 500 (`max.poll.records`).
    pub records_max: u32,
    /// Whether it renews its locks at half time, as long as its program is not done. (Kafka: since 4.2, KIP-1222; the
    /// program does it.)
    pub renews: bool,
}

/// The most records that a member may take at once.
pub const SHARE_RECORDS_MAX: u32 = 10_000;

impl Default for ShareOptions {
    fn default() -> Self {
        Self { acknowledges: Acknowledges::default(), records_max: 4, renews: false }
    }
}
