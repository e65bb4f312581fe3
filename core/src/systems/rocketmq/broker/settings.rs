//! How is a broker set? As RocketMQ's is, where nothing is said; the lab makes times shorter.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::ids::{Name, NodeId};
use crate::systems::rocketmq::Topic;
use crate::systems::rocketmq::numbering::Numbering;
use crate::systems::rocketmq::store::StoreSettings;
use crate::time::Span;

/// The size of a page of memory, in bytes.
pub const PAGE_BYTES: u64 = 4096;

/// Whether an answer waits until a message is on the disk (`flushDiskType`).
///
/// ```
/// use mqlab_core::systems::rocketmq::broker::Flush;
/// assert_eq!(Flush::default(), Flush::Async);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Flush {
    /// It does not: flushed is from time to time.
    #[default]
    Async,
    /// It does, and all that wait are flushed at once.
    Sync,
}

/// What a broker is to others of its name (`brokerRole`).
///
/// ```
/// use mqlab_core::systems::rocketmq::broker::Role;
/// assert_eq!(Role::default(), Role::AsyncMaster);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// It takes messages, and slaves copy them when they can.
    #[default]
    AsyncMaster,
    /// It takes messages, and answers when a slave has them.
    SyncMaster,
    /// It copies this master's messages, and is only read. It never becomes a master by itself.
    Slave(NodeId),
    /// A controller will say what it is; until then it is only read.
    Waiting,
}

/// How a broker is set.
///
/// ```
/// use mqlab_core::ids::Name;
/// use mqlab_core::systems::rocketmq::broker::BrokerSettings;
/// use mqlab_core::time::Span;
/// let settings = BrokerSettings::new(Name::new("broker-a")?, 0);
/// assert_eq!(settings.slave_timeout, Span::from_millis(3_000));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerSettings {
    /// The name that master and slaves share.
    pub name: Name,
    /// The number among them; the master's is 0.
    pub id: u32,
    /// What it is to the others.
    pub role: Role,
    /// When it flushes.
    pub flush: Flush,
    /// Its topics, and how many queues each has here.
    pub topics: BTreeMap<Topic, u32>,
    /// Who says who is the master, if masters may change. Then this broker has a node's name, and `role` and `id` are as the
    /// controller says.
    pub controller: Option<NodeId>,
    /// Its node, where there is a controller.
    pub me: Option<NodeId>,
    /// What kind of master it is when it is one.
    pub as_master: Role,
    /// Its number while it is no master.
    pub own_id: u32,
    /// How often it tells the controller that it is there (`brokerHeartbeatInterval`): 1 s.
    pub alive_every: Span,
    /// A slave that did not have everything for so long is not in sync (`haMaxTimeSlaveNotCatchup`): 15 s.
    pub catch_up_max: Span,
    /// How facts number its queues among those of all brokers.
    pub numbering: Numbering,
    /// The name servers.
    pub name_servers: Vec<NodeId>,
    /// Its store.
    pub store: StoreSettings,
    /// The time between two flushes that nobody waits for (`flushIntervalCommitLog`): 500 ms.
    pub flush_every: Span,
    /// Less than so many pages of [`PAGE_BYTES`] are not flushed for now (`flushCommitLogLeastPages`): 4.
    pub flush_least_pages: u64,
    /// Everything is flushed so often, however little it is (`flushCommitLogThoroughInterval`): 10 s.
    pub flush_all_every: Span,
    /// So long a producer waits for a flush (`syncFlushTimeout`): 5 s.
    pub flush_timeout: Span,
    /// So long a producer waits for a slave (`slaveTimeout`): 3 s.
    pub slave_timeout: Span,
    /// A slave that is further behind, in bytes, does not count (`haMaxGapNotInSync`): 256 MiB.
    pub slave_gap_max: u64,
    /// A slave that hears nothing for so long says where it is (`haSendHeartbeatInterval`): 5 s.
    pub slave_reports_every: Span,
    /// A slave from which nothing came for so long is not connected (`haHousekeepingInterval`): 20 s.
    pub slave_expires: Span,
    /// So long a pull is held at most (`brokerSuspendMaxTimeMillis`): 15 s.
    pub hold_max: Span,
    /// And looked at so often: 5 s.
    pub hold_check_every: Span,
    /// How often offsets are written down (`flushConsumerOffsetInterval`): 5 s.
    pub persist_every: Span,
    /// A lock of a queue that is not renewed is over after so long (`rocketmq.broker.rebalance.lockMaxLiveTime`): 60 s.
    pub lock_expires: Span,
    /// How often it tells the name servers of itself (`registerNameServerPeriod`): 30 s.
    pub register_every: Span,
    /// A client that is silent for so long is gone: 120 s.
    pub client_expires: Span,
    /// How often half messages are looked through (`transactionCheckInterval`): 30 s.
    pub check_every: Span,
    /// A half message that is younger is not asked about (`transactionTimeOut`): 6 s.
    pub check_after: Span,
    /// So often a producer is asked (`transactionCheckMax`): 15 times.
    pub checks_max: u32,
    /// How often it looks for what was popped and not acknowledged (`reviveInterval`): 1 s.
    pub revive_every: Span,
    /// How often old files are looked for (`cleanResourceInterval`): 10 s.
    pub clean_every: Span,
}

impl BrokerSettings {
    /// A broker of this name and number, with everything else as RocketMQ has it.
    pub fn new(name: Name, id: u32) -> Self {
        let seconds = |seconds: u64| Span::from_millis(seconds * 1_000);
        Self {
            name,
            id,
            role: Role::AsyncMaster,
            flush: Flush::Async,
            topics: BTreeMap::new(),
            controller: None,
            me: None,
            as_master: Role::AsyncMaster,
            own_id: id,
            alive_every: seconds(1),
            catch_up_max: seconds(15),
            numbering: Numbering::default(),
            name_servers: Vec::new(),
            store: StoreSettings::default(),
            flush_every: Span::from_millis(500),
            flush_least_pages: 4,
            flush_all_every: seconds(10),
            flush_timeout: seconds(5),
            slave_timeout: seconds(3),
            slave_gap_max: 256 * 1024 * 1024,
            slave_reports_every: seconds(5),
            slave_expires: seconds(20),
            hold_max: seconds(15),
            hold_check_every: seconds(5),
            persist_every: seconds(5),
            lock_expires: seconds(60),
            register_every: seconds(30),
            client_expires: seconds(120),
            check_every: seconds(30),
            check_after: seconds(6),
            checks_max: 15,
            revive_every: seconds(1),
            clean_every: seconds(10),
        }
    }

    /// The same under a controller: its role is what that says.
    #[must_use]
    pub fn under(mut self, controller: NodeId, me: NodeId) -> Self {
        (self.controller, self.me, self.as_master) = (Some(controller), Some(me), self.role);
        (self.own_id, self.role) = (self.id + 1, Role::Waiting);
        self.id = self.own_id;
        self
    }

    /// The same with a topic of so many queues.
    #[must_use]
    pub fn with_topic(mut self, topic: Topic, queues: u32) -> Self {
        self.topics.insert(topic, queues);
        self
    }
}
