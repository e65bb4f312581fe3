//! What may a scenario say of RabbitMQ? Its queues, exchanges and bindings in the words of `queue.declare`, how patient the
//! nodes are, and how its clients publish and consume.
//!
//! Times are in microseconds, as everywhere in a scenario; what counts in seconds there is scaled for a run of seconds
//! here. Arguments of queues (`x-...`) are what RabbitMQ takes, in its own units: `x-message-ttl` in milliseconds.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::ids::{Name, Offset};
use crate::message::Headers;
use crate::routing::{Binding, Declaration, ExchangeName};
use crate::sim::spec::is_default;
use crate::systems::rabbitmq::{Declared, OffsetSpec, declare};
use crate::time::{Span, Time};
use crate::vhost::{DiskLimit, INITIAL_CREDIT, MORE_CREDIT_AFTER};

/// A cluster of RabbitMQ. Every node has a member of every quorum queue and of every stream; a classic queue is on the node
/// where it was declared.
///
/// ```
/// use mqlab_core::sim::RabbitmqSpec;
/// let json = r#"{ "queues": [{ "name": "orders", "arguments": { "x-queue-type": "quorum" } }] }"#;
/// let spec: RabbitmqSpec = serde_json::from_str(json)?;
/// assert_eq!((spec.queues.len(), spec.settings.heartbeat.0), (1, 300_000));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RabbitmqSpec {
    /// The queues and streams.
    pub queues: Vec<RabbitmqQueue>,
    /// The exchanges, besides those that are always there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exchanges: Vec<Declaration>,
    /// What leads where.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bindings: Vec<Binding>,
    /// Nodes that are short of memory or disk some day.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<RabbitmqLimit>,
    /// How patient everybody is.
    #[serde(default, skip_serializing_if = "is_default")]
    pub settings: RabbitmqSettings,
}

/// What a node's machine has. When a node has too little left, all nodes block the connections of publishers.
///
/// ```
/// use mqlab_core::sim::RabbitmqLimit;
/// let limit: RabbitmqLimit = serde_json::from_str(r#"{ "node": 1, "memory": 5000 }"#)?;
/// assert_eq!((limit.watermark, limit.memory_max()), (60, Some(3_000)));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RabbitmqLimit {
    /// Which node, from 1.
    pub node: u16,
    /// How many bytes of memory it has; of these the bodies of messages count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<u64>,
    /// Beyond so many hundredths of its memory it raises the alarm. (`vm_memory_high_watermark`: 0.6 since 4.0, 0.4 before.)
    #[serde(default = "most", skip_serializing_if = "is_most")]
    pub watermark: u8,
    /// How large its disk is, and how much of it must stay free. (`disk_free_limit`: 50 MB.)
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk: Option<DiskLimit>,
}

impl RabbitmqLimit {
    /// With more bytes in memory than this it raises the alarm.
    pub fn memory_max(&self) -> Option<u64> {
        let part = |memory: u64| (u128::from(memory) * u128::from(self.watermark) / 100) as u64;
        self.memory.map(part)
    }
}

const fn most() -> u8 {
    60
}

const fn is_most(percent: &u8) -> bool {
    *percent == most()
}

/// A queue or a stream, as it is declared.
///
/// ```
/// use mqlab_core::sim::RabbitmqQueue;
/// let queue: RabbitmqQueue = serde_json::from_str(r#"{ "name": "orders", "arguments": { "x-max-length": 10 } }"#)?;
/// assert_eq!(queue.node, 1);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RabbitmqQueue {
    /// Its name.
    pub name: Name,
    /// The node that it was declared at, from 1: a classic queue stays there, and of a quorum queue or a stream this node
    /// would lead first.
    #[serde(default = "first", skip_serializing_if = "is_first")]
    pub node: u16,
    /// `x-queue-type` (classic without one), and what that type takes.
    #[serde(default, skip_serializing_if = "Headers::is_empty")]
    pub arguments: Headers,
}

const fn first() -> u16 {
    1
}

const fn is_first(node: &u16) -> bool {
    *node == 1
}

/// How patient the nodes of a cluster are.
///
/// ```
/// use mqlab_core::sim::RabbitmqSettings;
/// let settings: RabbitmqSettings = serde_json::from_str(r#"{ "net_tick": 100000 }"#)?;
/// assert_eq!(settings.net_tick.0, 100_000);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RabbitmqSettings {
    /// A client and its node close a connection on which nothing came for so long. (RabbitMQ: `heartbeat`, 60 s.)
    pub heartbeat: Span,
    /// A node takes another one for dead when nothing came from it for so long. (Erlang: `net_ticktime`, 60 s.)
    pub net_tick: Span,
    /// How often the leader of a quorum queue is heard. (Ra watches processes, and beats only where it must.)
    pub beat: Span,
    /// After how long without it a member wants to lead: a time between this and twice as much. (Ra: some seconds.)
    pub patience: Span,
    /// How long a new leader waits for the consumers of the old one before what they hold comes back.
    pub grace: Span,
    /// A node asks again for what a queue's leader does not answer. (`rabbit_fifo_client`: 10 s.)
    pub ask_again: Span,
    /// Whether whatever comes back counts towards the delivery limit, as it did up to 4.2; since 4.3 a `basic.nack` does not.
    pub counts_nacks: bool,
    /// How often a node that has limits looks at itself. (`vm_memory_monitor`: each second; the disk from ten times a second to
    /// once in ten seconds.)
    pub check_every: Span,
    /// Credit between the processes of a node: a reader's of its channel, and a channel's of each classic queue; at first, and
    /// each time so much was handled. (`credit_flow_default_credit`.)
    pub credit_flow: (u32, u32),
    /// With more commands under way to a quorum queue its channel is held up. (`quorum_commands_soft_limit`.)
    pub quorum_commands_soft_limit: u32,
    /// The same for messages to a stream. (`stream_messages_soft_limit`.)
    pub stream_messages_soft_limit: u32,
}

impl Default for RabbitmqSettings {
    fn default() -> Self {
        Self {
            heartbeat: Span::from_millis(300),
            net_tick: Span::from_millis(300),
            beat: Span::from_millis(20),
            patience: Span::from_millis(80),
            grace: Span::from_millis(300),
            ask_again: Span::from_millis(150),
            counts_nacks: false,
            check_every: Span::from_millis(5),
            credit_flow: (INITIAL_CREDIT, MORE_CREDIT_AFTER),
            quorum_commands_soft_limit: 32,
            stream_messages_soft_limit: 256,
        }
    }
}

impl RabbitmqSettings {
    /// Its times, by name.
    pub(super) fn spans(&self) -> [(&'static str, Span); 6] {
        [
            ("heartbeat", self.heartbeat),
            ("net_tick", self.net_tick),
            ("beat", self.beat),
            ("patience", self.patience),
            ("grace", self.grace),
            ("ask_again", self.ask_again),
        ]
    }
}

/// What a publisher does with a message that was refused (`basic.nack`).
///
/// ```
/// use mqlab_core::sim::OnNack;
/// assert_eq!(OnNack::default(), OnNack::Retry);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnNack {
    /// It publishes it again after a while.
    #[default]
    Retry,
    /// It gives it up.
    GiveUp,
}

/// Where a producer publishes, and how: to a queue through the default exchange, or to an exchange with the routing keys of
/// its messages.
///
/// ```
/// use mqlab_core::sim::RabbitmqTarget;
/// let to: RabbitmqTarget = serde_json::from_str(r#"{ "queue": "orders" }"#)?;
/// assert!(to.confirms && !to.mandatory);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RabbitmqTarget {
    /// The queue or stream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<Name>,
    /// The exchange, instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exchange: Option<ExchangeName>,
    /// Whether what fits no queue comes back (`mandatory`).
    #[serde(default, skip_serializing_if = "is_default")]
    pub mandatory: bool,
    /// Whether its channel is in confirm mode. RabbitMQ confirms nothing unless asked to (`confirm.select`); here it is asked
    /// to unless a scenario says otherwise, for without it nothing is promised.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub confirms: bool,
    /// How many messages it has unconfirmed at most; 0 for no limit, as with RabbitMQ.
    #[serde(default, skip_serializing_if = "is_default")]
    pub unconfirmed_max: u32,
    /// What it does with a message that was refused.
    #[serde(default, skip_serializing_if = "is_default")]
    pub on_nack: OnNack,
    /// When it publishes again what was refused.
    #[serde(default = "soon", skip_serializing_if = "is_soon")]
    pub retry_after: Span,
    /// Of a stream: a name, by which it is known after a reconnect, so that nothing is stored twice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publisher: Option<Name>,
    /// The nodes that it connects to, in this order; all of them, another first for each client, without.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<u16>,
}

const fn yes() -> bool {
    true
}

const fn is_yes(value: &bool) -> bool {
    *value
}

const fn soon() -> Span {
    Span::from_millis(50)
}

fn is_soon(span: &Span) -> bool {
    *span == soon()
}

/// Where a consumer of a stream begins, when it comes for the first time.
///
/// ```
/// use mqlab_core::ids::Offset;
/// use mqlab_core::sim::StreamOffset;
/// let from: StreamOffset = serde_json::from_str(r#"{ "offset": 40 }"#)?;
/// assert_eq!(from, StreamOffset::Offset(Offset(40)));
/// assert_eq!(StreamOffset::default(), StreamOffset::Next); // what comes from now on, as with RabbitMQ
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StreamOffset {
    /// At the first message that is kept.
    First,
    /// At the last chunk.
    Last,
    /// Behind everything that is there.
    #[default]
    Next,
    /// At an offset.
    Offset(Offset),
    /// At the first chunk that has something of this moment or later.
    Timestamp(Time),
}

impl From<StreamOffset> for OffsetSpec {
    fn from(from: StreamOffset) -> Self {
        match from {
            StreamOffset::First => Self::First,
            StreamOffset::Last => Self::Last,
            StreamOffset::Next => Self::Next,
            StreamOffset::Offset(offset) => Self::Offset(offset),
            StreamOffset::Timestamp(time) => Self::Timestamp(time),
        }
    }
}

/// By which word a consumer gives back what it failed at.
///
/// ```
/// use mqlab_core::sim::GivesBack;
/// assert_eq!(GivesBack::default(), GivesBack::Reject);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GivesBack {
    /// `basic.reject`: it counts towards the delivery limit.
    #[default]
    Reject,
    /// `basic.nack`: since 4.3 it does not.
    Nack,
}

/// What a consumer reads, and how.
///
/// ```
/// use mqlab_core::sim::RabbitmqSource;
/// let from: RabbitmqSource = serde_json::from_str(r#"{ "queue": "orders", "prefetch": 10 }"#)?;
/// assert!(!from.no_ack && from.priority == 0);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RabbitmqSource {
    /// The queue or stream.
    pub queue: Name,
    /// The most messages that it has unacknowledged (`basic.qos`); of a stream, chunks that it has not worked off. 0 for no
    /// limit, as with RabbitMQ; a stream needs one.
    #[serde(default, skip_serializing_if = "is_default")]
    pub prefetch: u32,
    /// Whether a message counts as consumed when it is sent (`no-ack`).
    #[serde(default, skip_serializing_if = "is_default")]
    pub no_ack: bool,
    /// Higher is served first (`x-priority`).
    #[serde(default, skip_serializing_if = "is_default")]
    pub priority: i32,
    /// By which word it gives back what it failed at.
    #[serde(default, skip_serializing_if = "is_default")]
    pub gives_back: GivesBack,
    /// Of a stream: where it begins (`x-stream-offset`).
    #[serde(default, skip_serializing_if = "is_default")]
    pub offset: StreamOffset,
    /// Of a stream, which everybody reads for themselves: as whose reading it counts, and the name under which it keeps how far
    /// it has come, to go on from there when it comes again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<Name>,
    /// Of a stream: after how many messages it says how far it has come; 0 for never: then it begins each time as it began first.
    #[serde(default = "few", skip_serializing_if = "is_few")]
    pub store_every: u32,
    /// The nodes that it connects to, in this order; all of them, another first for each client, without.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<u16>,
}

const fn few() -> u32 {
    10
}

const fn is_few(count: &u32) -> bool {
    *count == few()
}

impl RabbitmqSpec {
    /// What a queue is declared as; nothing where there is none of that name, or it cannot be so.
    pub(super) fn declared(&self, name: &Name) -> Option<Declared> {
        let queue = self.queues.iter().find(|queue| queue.name == *name)?;
        declare(&queue.arguments).ok()
    }

    /// Whether a name is that of a stream.
    pub(super) fn is_stream(&self, name: Option<&Name>) -> bool {
        name.and_then(|name| self.declared(name)).is_some_and(|kind| matches!(kind, Declared::Stream { .. }))
    }
}

/// What AMQP's default exchange is drawn as; no queue or exchange can have the name of nothing.
const DEFAULT_EXCHANGE: &str = "default";

impl RabbitmqTarget {
    /// What it publishes to, as it is drawn.
    pub(crate) fn name(&self) -> Name {
        let exchange = || self.exchange.as_ref().and_then(|exchange| Name::new(exchange.as_str()).ok());
        let named = self.queue.clone().or_else(exchange);
        named.unwrap_or_else(|| Name::new(DEFAULT_EXCHANGE).expect("a legal name"))
    }
}
