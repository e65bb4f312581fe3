//! What is tried? A scenario: who there is, what they send, what goes wrong when. Plain data, kept as JSON.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use serde::{Deserialize, Serialize};

use super::asking::AskSpec;
use super::built_in::BUILT_IN;
use super::command::Action;
use super::draft::MessageSpec;
use super::own_transaction::{Keeps, TransactionSpec};
use super::program_spec::{ProgramSpec, ReadingSpec, Settles, WORKERS_MAX};
use super::service_spec::{ServiceSpec, UserSpec};
use crate::broker::{Acks, OFFSETS_TOPIC, Settings};
use crate::client::PullOptions;
use crate::ids::{Name, NodeId};
use crate::queue::QueueOptions;
use crate::routing::{Binding, Declaration, ExchangeName};
use crate::time::{Span, Time};
use crate::vhost::{DiskLimit, Subscription};

/// The version of the scenario format.
pub const SCENARIO_FORMAT: u32 = 1;
/// The most brokers, producers or consumers of a scenario, each.
pub const NODES_MAX: usize = 100;
/// The most partitions of a topic.
pub const PARTITIONS_MAX: u32 = 1_000;
/// The most messages that all producers of a scenario send.
pub const MESSAGES_MAX: u64 = 1_000_000;
/// The shortest time that a setting may name: whoever did something every microsecond would do nothing else.
pub const PATIENCE_MIN: Span = Span::from_micros(100);
/// The longest time that a setting may name: an hour.
pub const PATIENCE_MAX: Span = Span::from_millis(3_600_000);
/// The longest run, in microseconds: ten minutes.
pub const RUN_MICROS_MAX: u64 = 600_000_000;

/// A whole experiment except for its seed, which only proposes one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// [`SCENARIO_FORMAT`].
    pub format: u32,
    /// What it is called.
    pub name: String,
    /// The seed to run it with unless another is asked for.
    pub seed: u64,
    /// When the run is over, in microseconds.
    pub ends_at: Time,
    /// How many brokers there are.
    pub brokers: u16,
    /// The shortest and the longest time that a message travels, in microseconds.
    pub latency: (u64, u64),
    /// The queues.
    #[serde(default)]
    pub queues: Vec<QueueSpec>,
    /// The exchanges.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exchanges: Vec<ExchangeSpec>,
    /// What leads where; each stands on its exchange's broker.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bindings: Vec<Binding>,
    /// Brokers with limits of their own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<LimitSpec>,
    /// The topics.
    #[serde(default)]
    pub topics: Vec<TopicSpec>,
    /// Who sends.
    #[serde(default)]
    pub producers: Vec<ProducerSpec>,
    /// Who receives.
    #[serde(default)]
    pub consumers: Vec<ConsumerSpec>,
    /// Who works when called, or when a message comes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<ServiceSpec>,
    /// Who calls.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<UserSpec>,
    /// How patient everybody is.
    #[serde(default)]
    pub settings: Settings,
    /// What goes wrong, and when.
    #[serde(default)]
    pub actions: Vec<Action>,
}

/// A queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QueueSpec {
    /// Its name.
    pub name: Name,
    /// The broker that keeps it, from 1.
    pub broker: u16,
    /// What it does.
    #[serde(default, skip_serializing_if = "is_default")]
    pub options: QueueOptions,
}

/// An exchange.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExchangeSpec {
    /// The broker that has it, from 1.
    pub broker: u16,
    /// The exchange.
    pub exchange: Declaration,
}

/// A broker's limits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitSpec {
    /// The broker, from 1.
    pub broker: u16,
    /// How many bytes of ready messages raise its memory alarm.
    #[serde(default)]
    pub memory_max: Option<u64>,
    /// How large its disk is, and how much of it must stay free; what its queues' messages take there counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk: Option<DiskLimit>,
    /// When half messages are asked about for the first time, and how long after each time again, in microseconds.
    #[serde(default)]
    pub check_times: Option<(Span, Span)>,
}

pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// A topic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TopicSpec {
    /// Its name.
    pub name: Name,
    /// How many partitions it has.
    pub partitions: u32,
    /// How many brokers keep each partition.
    pub replicas: u16,
    /// How few replicas in sync are enough for `acks=all`.
    pub min_in_sync: u32,
    /// In each partition at least so many bytes are kept, once there were as many; all of them without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention_bytes: Option<u64>,
    /// Messages are kept until they are so old, in microseconds; for ever without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention_time: Option<Span>,
}

/// A producer, and what its program sends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProducerSpec {
    /// What it is called.
    pub name: String,
    /// Where it sends.
    pub to: TargetSpec,
    /// When it begins, in microseconds; the first message leaves one interval later.
    #[serde(default)]
    pub starts_at: u64,
    /// How many messages it sends.
    pub messages: u64,
    /// The time between two messages, in microseconds.
    pub every: u64,
    /// How many keys its messages have, `A`, `B`, and so on, drawn by chance; 0 for messages without key.
    #[serde(default)]
    pub keys: u8,
    /// What its messages are like.
    #[serde(default, skip_serializing_if = "MessageSpec::is_plain")]
    pub message: MessageSpec,
    /// How long its program keeps each message.
    #[serde(default, skip_serializing_if = "is_default")]
    pub keeps: Keeps,
    /// A message that is kept until it is processed is sent again when nothing was heard of it for so long, in
    /// microseconds; 0 for [`RECEIPT_TIMEOUT`](crate::client::RECEIPT_TIMEOUT).
    #[serde(default, skip_serializing_if = "is_default")]
    pub receipt_timeout: u64,
    /// The transaction of its own that belongs to each message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transaction: Option<TransactionSpec>,
    /// That its messages are requests, and where their answers go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asks: Option<AskSpec>,
}

/// Where a producer sends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum TargetSpec {
    /// To a queue.
    Queue(Name),
    /// To a topic.
    Topic {
        /// Its name.
        name: Name,
        /// How many replicas must have a message before the producer is told.
        acks: Acks,
    },
    /// To an exchange.
    Exchange {
        /// Its name.
        name: ExchangeName,
        /// Whether a message that fits no queue comes back.
        #[serde(default)]
        mandatory: bool,
        /// Whether the last value is kept for subscribers that come later.
        #[serde(default)]
        retain: bool,
    },
    /// To any of these queues, in turn; to another one when a broker does not answer.
    AnyOf(Vec<Name>),
}

/// A consumer, and what its program does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsumerSpec {
    /// What it is called.
    pub name: String,
    /// Where it receives from.
    pub from: SourceSpec,
    /// When it comes, in microseconds.
    #[serde(default, skip_serializing_if = "is_default")]
    pub starts_at: u64,
    /// How long its program works on a message, in microseconds.
    pub work: u64,
    /// What else its program does.
    #[serde(default, skip_serializing_if = "is_default")]
    pub program: ProgramSpec,
}

/// Where a consumer receives from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SourceSpec {
    /// A queue pushes to it.
    Queue {
        /// The queue.
        name: Name,
        /// The most messages that it has unacknowledged; 0 for no limit.
        prefetch: u32,
        /// How else it reads.
        #[serde(default, skip_serializing_if = "is_default")]
        reading: ReadingSpec,
    },
    /// It subscribes to a topic of a broker's virtual host.
    Subscription {
        /// To what.
        subscription: Subscription,
        /// The most messages that it has unacknowledged; 0 for no limit.
        prefetch: u32,
        /// How else it reads.
        #[serde(default, skip_serializing_if = "is_default")]
        reading: ReadingSpec,
    },
    /// It pulls its share of a topic.
    Group {
        /// The group.
        name: Name,
        /// The topic.
        topic: Name,
    },
    /// It pulls a topic on its own account, and keeps its place itself.
    Poll {
        /// What its reading is called: what it processes is judged by that name, as a group's is.
        reader: Name,
        /// The topic.
        topic: Name,
        /// How it reads.
        #[serde(default, skip_serializing_if = "is_default")]
        options: PullOptions,
    },
}

/// Why a scenario cannot be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidScenario(pub String);

impl fmt::Display for InvalidScenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the scenario cannot be run: {}", self.0)
    }
}

impl core::error::Error for InvalidScenario {}

impl Scenario {
    /// A scenario that comes with the engine; `None` when there is none of that name.
    ///
    /// # Panics
    ///
    /// Never: tests read every one of them.
    pub fn built_in(name: &str) -> Option<Self> {
        let (_, json) = BUILT_IN.iter().find(|(known, _)| *known == name)?;
        Some(Self::from_json(json).expect("the scenarios that come with the engine are sound"))
    }

    /// The names of the scenarios that come with the engine.
    pub fn names() -> impl Iterator<Item = &'static str> {
        BUILT_IN.iter().map(|(name, _)| *name)
    }

    /// Reads a scenario file.
    ///
    /// # Errors
    ///
    /// [`InvalidScenario`] with the place and the reason, when it is not JSON of the right shape or cannot be run.
    pub fn from_json(json: &str) -> Result<Self, InvalidScenario> {
        let scenario: Self =
            serde_json::from_str(json).map_err(|error| InvalidScenario(error.to_string()))?;
        scenario.check()?;
        Ok(scenario)
    }

    /// The scenario as a file: what [`from_json`](Self::from_json) reads.
    ///
    /// # Panics
    ///
    /// Never: a scenario is plain data with text for keys.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("plain data can be written")
    }

    /// Checks that the scenario can be run.
    ///
    /// # Errors
    ///
    /// [`InvalidScenario`] with the first thing that is wrong.
    pub fn check(&self) -> Result<(), InvalidScenario> {
        let require = |holds: bool, what: &dyn Fn() -> String| {
            if holds { Ok(()) } else { Err(InvalidScenario(what())) }
        };
        require(self.format == SCENARIO_FORMAT, &|| {
            format!("its format is {}, this engine reads {SCENARIO_FORMAT}", self.format)
        })?;
        let brokers = usize::from(self.brokers);
        for (what, count) in
            [("brokers", brokers), ("producers", self.producers.len()), ("consumers", self.consumers.len())]
        {
            // Where users call services, there need be nobody who sends and nobody who keeps.
            let least = usize::from(self.users.is_empty());
            require((least..=NODES_MAX).contains(&count), &|| {
                format!("{count} {what}, use {least} to {NODES_MAX}")
            })?;
        }
        let (low, high) = self.latency;
        require(low <= high && low > 0, &|| format!("a latency from {low} to {high} microseconds"))?;
        require((1..=RUN_MICROS_MAX).contains(&self.ends_at.0), &|| {
            format!("it ends at {} microseconds, use 1 to {RUN_MICROS_MAX}", self.ends_at.0)
        })?;
        self.check_places()?;
        self.check_clients()?;
        self.check_producers()?;
        self.check_asking()?;
        self.check_onward()?;
        self.check_services()?;
        self.check_pulls()?;
        for (what, span) in self.settings.spans() {
            require((PATIENCE_MIN..=PATIENCE_MAX).contains(&span), &|| {
                format!("the setting {what} is {span}, use {PATIENCE_MIN} to {PATIENCE_MAX}")
            })?;
        }
        for Action { at, command } in &self.actions {
            let node = command.node();
            let dies = !matches!(node, NodeId::Controller | NodeId::User(_));
            require(self.has(node) && dies, &|| format!("there is no {node} to {command}"))?;
            require(*at <= self.ends_at, &|| format!("{command} comes at {at} ms, after the end"))?;
        }
        Ok(())
    }

    fn check_places(&self) -> Result<(), InvalidScenario> {
        let invalid = |what: String| Err(InvalidScenario(what));
        let names =
            self.queues.iter().map(|queue| &queue.name).chain(self.topics.iter().map(|topic| &topic.name));
        let mut seen = BTreeSet::new();
        for name in names {
            if name.as_str() == OFFSETS_TOPIC || !seen.insert(name) {
                return invalid(format!("the name {name} is taken"));
            }
        }
        for QueueSpec { name, broker, .. } in &self.queues {
            if !(1..=self.brokers).contains(broker) {
                return invalid(format!(
                    "the queue {name} is on broker {broker}, there are {}",
                    self.brokers
                ));
            }
        }
        self.check_host()?;
        for TopicSpec { name, partitions, replicas, min_in_sync, .. } in &self.topics {
            if !(1..=PARTITIONS_MAX).contains(partitions) {
                return invalid(format!("{name} has {partitions} partitions, use 1 to {PARTITIONS_MAX}"));
            }
            if !(1..=self.brokers).contains(replicas) {
                return invalid(format!(
                    "{name} has {replicas} replicas, there are {} brokers",
                    self.brokers
                ));
            }
            if !(1..=u32::from(*replicas)).contains(min_in_sync) {
                return invalid(format!("{name} needs {min_in_sync} in sync of {replicas} replicas"));
            }
        }
        Ok(())
    }

    fn check_clients(&self) -> Result<(), InvalidScenario> {
        for ProducerSpec { name, to, every, keys, .. } in &self.producers {
            if !self.has_target(to) {
                return Err(InvalidScenario(format!("{name} sends to a queue or topic that is not there")));
            }
            if *every == 0 || *keys > 26 {
                return Err(InvalidScenario(format!(
                    "{name} sends every {every} microseconds with {keys} keys"
                )));
            }
        }
        for ConsumerSpec { name, from, work, program, .. } in &self.consumers {
            if program.workers > WORKERS_MAX || program.settles == Settles::Every(0) {
                return Err(InvalidScenario(format!(
                    "{name} works on {} messages at once, use at most {WORKERS_MAX}; and acknowledges at least 1 at a time",
                    program.workers
                )));
            }
            if !self.has_source(from) || *work == 0 {
                return Err(InvalidScenario(format!(
                    "{name} works {work} microseconds, or reads what is not there"
                )));
            }
        }
        let messages =
            self.producers.iter().fold(0_u64, |sum, producer| sum.saturating_add(producer.messages));
        if messages > MESSAGES_MAX {
            return Err(InvalidScenario(format!("{messages} messages, use at most {MESSAGES_MAX}")));
        }
        Ok(())
    }

    /// Whether the scenario has this node.
    pub fn has(&self, node: NodeId) -> bool {
        match node {
            NodeId::Controller => true,
            NodeId::Broker(number) => (1..=self.brokers).contains(&number),
            NodeId::Producer(number) => (1..=self.producers.len()).contains(&number.into()),
            NodeId::Consumer(number) => (1..=self.consumers.len()).contains(&number.into()),
            NodeId::Service(number) => (1..=self.services.len()).contains(&number.into()),
            NodeId::User(number) => (1..=self.users.len()).contains(&number.into()),
        }
    }
}
