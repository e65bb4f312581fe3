//! What may a scenario say of RocketMQ's brokers? When they flush, for whom they wait, and how long they keep what.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::systems::rocketmq::broker::Flush;
use crate::systems::rocketmq::delay::DELAY_SECONDS;
use crate::systems::rocketmq::store::FILE_BYTES;
use crate::time::Span;

/// Whether a master answers before a slave has a message (`brokerRole`).
///
/// ```
/// use mqlab_core::sim::RocketmqReplication;
/// assert_eq!(RocketmqReplication::default(), RocketmqReplication::Async);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RocketmqReplication {
    /// It does (`ASYNC_MASTER`).
    #[default]
    Async,
    /// It does not (`SYNC_MASTER`); with no slave it answers all the same, and says so.
    Sync,
}

/// How brokers are set.
///
/// ```
/// use mqlab_core::sim::RocketmqBrokerSpec;
/// let broker: RocketmqBrokerSpec = serde_json::from_str(r#"{ "flush": "sync" }"#)?;
/// assert_eq!((broker.levels.len(), broker.levels[2].0), (18, 1_000_000)); // level 3: 10 s there
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RocketmqBrokerSpec {
    /// When it flushes (`flushDiskType`): `async`.
    pub flush: Flush,
    /// Whether a slave must have a message before its producer is told: `async`.
    pub replication: RocketmqReplication,
    /// The time between two flushes that nobody waits for (`flushIntervalCommitLog`): 500 ms.
    pub flush_every: Span,
    /// Less than so many pages of 4 KiB are not flushed for now (`flushCommitLogLeastPages`): 4.
    pub flush_least_pages: u64,
    /// Everything is flushed so often, however little it is (`flushCommitLogThoroughInterval`): 1 s (there 10 s).
    pub flush_all_every: Span,
    /// So long a producer waits for a flush (`syncFlushTimeout`): 500 ms (there 5 s).
    pub flush_timeout: Span,
    /// So long a producer waits for a slave (`slaveTimeout`): 300 ms (there 3 s).
    pub slave_timeout: Span,
    /// A slave that is further behind, in bytes, does not count (`haMaxGapNotInSync`): 256 MiB.
    pub slave_gap_max: u64,
    /// A slave that hears nothing for so long says where it is (`haSendHeartbeatInterval`): 500 ms (there 5 s).
    pub slave_reports_every: Span,
    /// A slave from which nothing came for so long is not connected (`haHousekeepingInterval`): 2 s (there 20 s).
    pub slave_expires: Span,
    /// So long a pull is held at most (`brokerSuspendMaxTimeMillis`): 1.5 s (there 15 s).
    pub hold_max: Span,
    /// And looked at so often: 500 ms (there 5 s).
    pub hold_check_every: Span,
    /// How often offsets are written down (`flushConsumerOffsetInterval`): 500 ms (there 5 s).
    pub persist_every: Span,
    /// A lock of a queue that is not renewed is over after so long: 6 s (there 60 s).
    pub lock_expires: Span,
    /// How often it tells the name servers of itself (`registerNameServerPeriod`): 3 s (there 30 s).
    pub register_every: Span,
    /// A client that is silent for so long is gone: 12 s (there 120 s).
    pub client_expires: Span,
    /// How often half messages are looked through (`transactionCheckInterval`): 3 s (there 30 s).
    pub check_every: Span,
    /// A half message that is younger is not asked about (`transactionTimeOut`): 600 ms (there 6 s).
    pub check_after: Span,
    /// So often a producer is asked (`transactionCheckMax`): 15 times.
    pub checks_max: u32,
    /// How often it looks for what was popped and not acknowledged (`reviveInterval`): 100 ms (there 1 s).
    pub revive_every: Span,
    /// The delays of the levels, from level 1 (`messageDelayLevel`): 100 ms, 500 ms, 1 s, ... 12 min (there 1 s to 2 h). What fails
    /// waits at level 3 first, and at one more each time.
    pub levels: Vec<Span>,
    /// The size of a file of the CommitLog, in bytes (`mappedFileSizeCommitLog`): 1 GiB.
    pub file_bytes: u64,
    /// A file whose youngest message is older is deleted, read or not (`fileReservedTime`, there 72 h); never without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reserved: Option<Span>,
    /// How often old files are looked for (`cleanResourceInterval`): 1 s (there 10 s).
    pub clean_every: Span,
    /// How much the disk holds, in bytes: what is too full is emptied by age, read or not. No limit without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk_bytes: Option<u64>,
    /// How much memory the machine has, in bytes: whoever reads what lies further back than 40 % of it is sent to a slave. 16 GiB.
    pub memory_bytes: u64,
}

impl Default for RocketmqBrokerSpec {
    fn default() -> Self {
        let millis = Span::from_millis;
        Self {
            flush: Flush::Async,
            replication: RocketmqReplication::Async,
            flush_every: millis(500),
            flush_least_pages: 4,
            flush_all_every: millis(1_000),
            flush_timeout: millis(500),
            slave_timeout: millis(300),
            slave_gap_max: 256 * 1024 * 1024,
            slave_reports_every: millis(500),
            slave_expires: millis(2_000),
            hold_max: millis(1_500),
            hold_check_every: millis(500),
            persist_every: millis(500),
            lock_expires: millis(6_000),
            register_every: millis(3_000),
            client_expires: millis(12_000),
            check_every: millis(3_000),
            check_after: millis(600),
            checks_max: 15,
            revive_every: millis(100),
            levels: DELAY_SECONDS.iter().map(|seconds| millis(seconds * 100)).collect(),
            file_bytes: FILE_BYTES,
            reserved: None,
            clean_every: millis(1_000),
            disk_bytes: None,
            memory_bytes: 16 * 1024 * 1024 * 1024,
        }
    }
}
