//! How patient are Pulsar's brokers, and what do they promise?

use super::ledger_list::LedgerSettings;
use super::retention::{BacklogQuota, Retention};
use super::session::KEEP_ALIVE;
use super::store::STORE_SESSION;
use crate::time::Span;

/// What holds for a topic; in Pulsar a namespace's policies.
///
/// ```
/// use mqlab_core::systems::pulsar::TopicSettings;
/// let settings = TopicSettings::default();
/// assert!(!settings.deduplication && settings.time_to_live.is_none());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopicSettings {
    /// Its ledgers.
    pub ledgers: LedgerSettings,
    /// What of it is kept though everybody has it.
    pub retention: Retention,
    /// When a message counts as acknowledged though it is not; never by default (`ttlDurationDefaultInSeconds`: 0).
    pub time_to_live: Option<Span>,
    /// How far a subscription may be behind, and what then; without limit by default.
    pub backlog_quota: Option<BacklogQuota>,
    /// Whether what a producer sends twice is stored once; not by default (`brokerDeduplicationEnabled`).
    pub deduplication: bool,
    /// How often is looked what has lived for too long, may go, or is too much: 5 min
    /// (`messageExpiryCheckIntervalInMinutes`; for the quota 60 s, `backlogQuotaCheckIntervalInSeconds`).
    pub check_interval: Span,
    /// Whether topics are compacted, and when; not by default.
    pub compaction: Option<CompactionSettings>,
}

/// When a topic is compacted.
///
/// ```
/// use mqlab_core::systems::pulsar::CompactionSettings;
/// use mqlab_core::time::Span;
/// assert_eq!(CompactionSettings::default().check_interval, Span::from_millis(60_000));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompactionSettings {
    /// When more than so many bytes are not compacted (a policy's `compactionThreshold`).
    pub threshold: u64,
    /// That is looked at so often: 60 s (`brokerServiceCompactionMonitorIntervalInSeconds`).
    pub check_interval: Span,
    /// Whether what has no key stays; not by default (`topicCompactionRetainNullKey`).
    pub retain_null_key: bool,
}

impl Default for CompactionSettings {
    fn default() -> Self {
        Self { threshold: 0, check_interval: Span::from_millis(60_000), retain_null_key: false }
    }
}

impl Default for TopicSettings {
    fn default() -> Self {
        Self {
            ledgers: LedgerSettings::default(),
            retention: Retention::default(),
            time_to_live: None,
            backlog_quota: None,
            deduplication: false,
            check_interval: Span::from_millis(5 * 60_000),
            compaction: None,
        }
    }
}

/// What holds for a broker.
///
/// ```
/// use mqlab_core::systems::pulsar::BrokerSettings;
/// use mqlab_core::time::Span;
/// assert_eq!(BrokerSettings::default().ping, Span::from_millis(10_000));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BrokerSettings {
    /// All its topics.
    pub topics: TopicSettings,
    /// It tells the metadata store this often that it is alive: a third of a session.
    pub ping: Span,
    /// A bookie that has failed is not used again for so long: 30 min (`bookkeeperClientQuarantineTimeInSeconds`).
    pub quarantine: Span,
    /// After so much silence it asks whether a client's connection is still there: 30 s (`keepAliveIntervalSeconds`).
    pub keep_alive: Span,
}

impl Default for BrokerSettings {
    fn default() -> Self {
        Self {
            topics: TopicSettings::default(),
            ping: Span(STORE_SESSION.0 / 3),
            quarantine: Span::from_millis(30 * 60_000),
            keep_alive: KEEP_ALIVE,
        }
    }
}
