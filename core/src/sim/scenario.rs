//! What is tried? A scenario: who there is, what they send, what goes wrong when. Plain data, kept as JSON.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use serde::{Deserialize, Serialize};

use super::admin::AdminAction;
use super::built_in::BUILT_IN;
use super::command::{Action, Command};
use super::controllers::CONTROLLERS_MAX;
use super::cost::Costs;
use super::drawn::FaultPlan;
use super::guests::SystemSpec;
use super::permits::CommandRefused;
use super::program_spec::{Settles, WORKERS_MAX};
use super::service_spec::{ServiceSpec, UserSpec};
use super::shop::target;
pub(super) use super::spec::is_default;
pub use super::spec::{
    ConsumerSpec, ExchangeSpec, LimitSpec, ProducerSpec, QueueSpec, SourceSpec, TargetSpec, TopicSpec,
};
use crate::broker::{Settings, is_internal};
use crate::ids::{Name, NodeId};
use crate::observe::Change;
use crate::routing::Binding;
use crate::sorted::SortedSet;
use crate::time::{Span, Time};

/// The version of the scenario format.
pub const SCENARIO_FORMAT: u32 = 1;
/// The most brokers, services or crowds of users of a scenario, each.
pub const NODES_MAX: usize = 100;
/// The most producers or consumers of a scenario, each.
pub const CLIENTS_MAX: usize = 10_000;
/// The most partitions of a topic.
pub const PARTITIONS_MAX: u32 = 1_000;
/// The most messages that a producer hands over at once.
pub const BURST_MAX: u32 = 10_000;
/// The most messages that all producers of a scenario send.
pub const MESSAGES_MAX: u64 = 1_000_000;
/// The shortest time that a setting may name: whoever did something every microsecond would do nothing else.
pub const PATIENCE_MIN: Span = Span::from_micros(100);
/// The longest time that a setting may name: an hour.
pub const PATIENCE_MAX: Span = Span::from_millis(3_600_000);
/// The longest run, in microseconds: ten minutes.
pub const RUN_MICROS_MAX: u64 = 600_000_000;

/// A whole experiment except for its seed, which only proposes one.
///
/// ```
/// use mqlab_core::sim::Scenario;
/// let mut scenario = Scenario::built_in("hundred-messages").ok_or("no such scenario")?;
/// scenario.producers[0].messages = 0;
/// scenario.consumers[0].work = 20_000; // in microseconds, as every time in a scenario
/// assert_eq!(Scenario::from_json(&scenario.to_json())?, scenario);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
    /// How many controllers there are, up to [`CONTROLLERS_MAX`]: one, which cannot die; or several, which agree by
    /// quorum.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub controllers: u16,
    /// The rack that each broker's machine stands in, in their order; empty where racks are not known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub racks: Vec<Name>,
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
    /// Another system that plays instead of the engine's own brokers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<SystemSpec>,
    /// What brokers' work takes; without it they answer at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub costs: Option<Costs>,
    /// What goes wrong, and when.
    #[serde(default)]
    pub actions: Vec<Action>,
    /// What whoever runs the cluster orders, and when.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub admin: Vec<AdminAction>,
    /// What else goes wrong, drawn from the seed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub faults: Option<FaultPlan>,
}

/// Why a scenario cannot be run.
///
/// ```
/// use mqlab_core::sim::Scenario;
/// let mut scenario = Scenario::built_in("hundred-messages").ok_or("no such scenario")?;
/// scenario.queues[0].broker = 9;
/// let error = scenario.check().expect_err("there is no ninth broker");
/// assert!(error.to_string().starts_with("the scenario cannot be run: "));
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidScenario(pub String);

impl fmt::Display for InvalidScenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the scenario cannot be run: {}", self.0)
    }
}

impl core::error::Error for InvalidScenario {}

const fn one() -> u16 {
    1
}

const fn is_one(count: &u16) -> bool {
    *count == 1
}

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
        super::scenario_file::in_lines(&serde_json::to_string(self).expect("plain data can be written"))
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
        for (what, count, most) in [
            ("brokers", brokers, NODES_MAX),
            ("producers", self.producers.len(), CLIENTS_MAX),
            ("consumers", self.consumers.len(), CLIENTS_MAX),
        ] {
            // Where users call services, there need be nobody who sends and nobody who keeps.
            let least = usize::from(self.users.is_empty());
            require((least..=most).contains(&count), &|| format!("{count} {what}, use {least} to {most}"))?;
        }
        require((1..=CONTROLLERS_MAX).contains(&self.controllers), &|| {
            format!("{} controllers, use 1 to {CONTROLLERS_MAX}", self.controllers)
        })?;
        let (low, high) = self.latency;
        require(low <= high && low > 0, &|| format!("a latency from {low} to {high} microseconds"))?;
        require((1..=RUN_MICROS_MAX).contains(&self.ends_at.0), &|| {
            format!("it ends at {} microseconds, use 1 to {RUN_MICROS_MAX}", self.ends_at.0)
        })?;
        self.check_system().map_err(InvalidScenario)?;
        self.check_places()?;
        self.check_clients()?;
        self.check_producers()?;
        self.check_asking()?;
        self.check_onward()?;
        self.check_services()?;
        self.check_pulls()?;
        self.check_cleanups()?;
        self.check_groups()?;
        self.check_shares()?;
        self.check_transactions()?;
        for (what, span) in self.settings.spans() {
            require((PATIENCE_MIN..=PATIENCE_MAX).contains(&span), &|| {
                format!("the setting {what} is {span}, use {PATIENCE_MIN} to {PATIENCE_MAX}")
            })?;
        }
        self.check_pace()?;
        self.check_admin()?;
        self.costs.as_ref().map_or(Ok(()), Costs::check)?;
        if let Some(plan) = &self.faults {
            plan.check(self)?;
        }
        let (mut changed, mut removed) = (self.clone(), SortedSet::new());
        let mut actions: Vec<&Action> = self.actions.iter().collect();
        actions.sort_by_key(|action| action.at);
        for Action { at, command } in actions {
            command.check(changed.system.is_some(), |node| changed.has(node)).map_err(|refused| {
                InvalidScenario(match refused {
                    CommandRefused::NoSuchNode(node) => format!("there is no {node} to {command}"),
                    refused => format!("the action {command}: {refused}"),
                })
            })?;
            require(*at <= self.ends_at, &|| format!("{command} comes at {at} ms, after the end"))?;
            if let Command::Change(change) = command {
                match change {
                    Change::DropTopic(topic) => _ = removed.insert(topic),
                    Change::Topic { name, .. } => require(!removed.contains(name), &|| {
                        format!("the action {command}: {}", CommandRefused::WasRemoved(name.clone()))
                    })?,
                    _ => {}
                }
                changed
                    .accepts(change)
                    .map_err(|refused| InvalidScenario(format!("the action {command}: {refused}")))?;
                changed.alter(*at, change);
            }
        }
        Ok(())
    }

    fn check_places(&self) -> Result<(), InvalidScenario> {
        let invalid = |what: String| Err(InvalidScenario(what));
        let names =
            self.queues.iter().map(|queue| &queue.name).chain(self.topics.iter().map(|topic| &topic.name));
        let mut seen = SortedSet::new();
        for name in names {
            if is_internal(name) || !seen.insert(name) {
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
        self.check_racks()?;
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
        for ProducerSpec { name, to, every, burst, keys, options, .. } in &self.producers {
            if !self.has_target(to) {
                return Err(InvalidScenario(format!("{name} sends to a queue or topic that is not there")));
            }
            if *every == 0 || *keys > 26 {
                return Err(InvalidScenario(format!(
                    "{name} sends every {every} microseconds with {keys} keys"
                )));
            }
            if *burst > BURST_MAX {
                return Err(InvalidScenario(format!(
                    "{name} sends {burst} at once, use at most {BURST_MAX}"
                )));
            }
            if let Err(why) = options.check(&target(to), &self.settings) {
                return Err(InvalidScenario(format!("{name} cannot send so: {why}")));
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

    /// Every node that it begins with, in order.
    pub fn nodes(&self) -> impl Iterator<Item = NodeId> {
        let controllers = if self.system.is_some() { Vec::new() } else { self.controller_ids() };
        let brokers = (1..=self.brokers).map(NodeId::Broker);
        let numbers = |count: usize| 1..=count as u16;
        let producers = numbers(self.producers.len()).map(NodeId::Producer);
        let consumers = numbers(self.consumers.len()).map(NodeId::Consumer);
        let services = numbers(self.services.len()).map(NodeId::Service);
        let users = numbers(self.users.len()).map(NodeId::User);
        let own = brokers.chain(producers).chain(consumers).chain(services).chain(users);
        controllers.into_iter().chain(own).chain(self.guest_nodes())
    }

    /// Whether the scenario has this node.
    pub fn has(&self, node: NodeId) -> bool {
        match node {
            NodeId::Bookie(_) | NodeId::NameServer(_) | NodeId::Store => self.has_guest(node),
            NodeId::Controller if self.system.is_some() => self.has_guest(node),
            NodeId::Controller => self.controllers <= 1,
            NodeId::Voter(number) => self.controllers > 1 && (1..=self.controllers).contains(&number),
            NodeId::Broker(number) => (1..=self.brokers).contains(&number),
            NodeId::Producer(number) => (1..=self.producers.len()).contains(&number.into()),
            NodeId::Consumer(number) => (1..=self.consumers.len()).contains(&number.into()),
            NodeId::Service(number) => (1..=self.services.len()).contains(&number.into()),
            NodeId::User(number) => (1..=self.users.len()).contains(&number.into()),
        }
    }
}
