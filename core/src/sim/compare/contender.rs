//! Who is compared? A system with one of its settings, and the scenario that it plays for a workload.
//!
//! | system | settings, the first is meant where none is said |
//! |---|---|
//! | kafka | `acks-all`, `acks-1`, `acks-0`, `acks-all-flushed` |
//! | rabbitmq | `classic` |
//!
//! How patient everybody is decides how long a mishap is felt. Each system has its own defaults, from milliseconds to a minute;
//! here all of them are a tenth of that, so that a run of half a minute tells what five would. What is no patience (how long
//! a batch gathers) is as it is.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::super::scenario::{ConsumerSpec, QueueSpec, Scenario, SourceSpec, TargetSpec, TopicSpec};
use super::{Mishap, Workload};
use crate::broker::{Acks, Settings};
use crate::client::{MemberOptions, ProducerOptions, StartAt};
use crate::ids::Name;
use crate::time::{Span, Time};

/// One of the systems.
///
/// ```
/// use mqlab_core::sim::compare::Profile;
/// assert_eq!("kafka".parse(), Ok(Profile::Kafka));
/// assert_eq!(Profile::Kafka.settings()[0].0, "acks-all");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Profile {
    /// RabbitMQ.
    RabbitMq,
    /// Kafka.
    Kafka,
}

/// A system with one of its settings.
///
/// ```
/// use mqlab_core::sim::compare::Contender;
/// let fast: Contender = "kafka:acks-1".parse()?;
/// assert_eq!(fast.to_string(), "kafka:acks-1");
/// assert_eq!("kafka".parse::<Contender>()?.to_string(), "kafka:acks-all");
/// assert!("kafka:acks-9".parse::<Contender>().is_err());
/// # Ok::<(), mqlab_core::sim::compare::BadContender>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Contender {
    /// The system.
    pub profile: Profile,
    /// The name of the setting.
    setting: &'static str,
}

/// That there is no such contender.
///
/// ```
/// use mqlab_core::sim::compare::Contender;
/// let bad = "kafka:fast".parse::<Contender>().expect_err("no such setting");
/// assert_eq!(bad.to_string(), "kafka has no setting fast, use acks-all, acks-1, acks-0, acks-all-flushed");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadContender(String);

impl fmt::Display for BadContender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl core::error::Error for BadContender {}

impl BadContender {
    pub(super) fn new(why: String) -> Self {
        Self(why)
    }
}

impl Profile {
    /// All of them, in the order of the table that they are compared in.
    pub const ALL: [Self; 2] = [Self::RabbitMq, Self::Kafka];

    /// Its name in lower case, as it is written and as the catalogue of costs has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::RabbitMq => "rabbitmq",
            Self::Kafka => "kafka",
        }
    }

    /// Its name as it writes itself.
    pub const fn title(self) -> &'static str {
        match self {
            Self::RabbitMq => "RabbitMQ",
            Self::Kafka => "Kafka",
        }
    }

    /// Its settings, each with what it means; the first is what a careful operator sets.
    pub const fn settings(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::RabbitMq => &[("classic", "one node keeps the queue, and confirms after its flush")],
            Self::Kafka => &[
                ("acks-all", "three replicas, two at least in sync; idempotent producers; nobody flushes"),
                ("acks-1", "the leader alone says that it has a message"),
                ("acks-0", "nobody says anything"),
                ("acks-all-flushed", "as acks-all, and each replica flushes before it answers"),
            ],
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Profile {
    type Err = BadContender;

    fn from_str(text: &str) -> Result<Self, BadContender> {
        Self::ALL.into_iter().find(|profile| profile.name() == text).ok_or_else(|| {
            let all: Vec<&str> = Self::ALL.iter().map(|profile| profile.name()).collect();
            BadContender(alloc::format!("there is no system {text}, use {}", all.join(", ")))
        })
    }
}

impl Contender {
    /// A system as a careful operator sets it.
    pub const fn usual(profile: Profile) -> Self {
        Self { profile, setting: profile.settings()[0].0 }
    }

    /// Every setting of every system.
    pub fn all() -> impl Iterator<Item = Self> {
        Profile::ALL
            .into_iter()
            .flat_map(|profile| profile.settings().iter().map(move |(setting, _)| Self { profile, setting }))
    }

    /// The name of its setting.
    pub const fn setting(&self) -> &'static str {
        self.setting
    }

    /// What its setting means.
    pub fn says(&self) -> &'static str {
        let found = self.profile.settings().iter().find(|(name, _)| *name == self.setting);
        found.map_or("", |(_, says)| says)
    }

    /// What it plays for a workload when something goes wrong.
    pub fn scenario(&self, workload: &Workload, mishap: Mishap) -> Scenario {
        let mut scenario = Scenario {
            name: alloc::format!("{self}-{}-{mishap}", workload.name),
            ends_at: Time(workload.ends_at),
            latency: workload.latency,
            ..Scenario::empty("")
        };
        match self.profile {
            Profile::RabbitMq => self.rabbitmq(workload, &mut scenario),
            Profile::Kafka => self.kafka(workload, &mut scenario),
        }
        let machine = workload.machine.as_deref();
        scenario.costs = machine.and_then(|machine| workload.catalogue().costs(machine, self.profile.name()));
        scenario.actions = mishap.actions(workload, &scenario);
        scenario
    }

    fn kafka(&self, workload: &Workload, scenario: &mut Scenario) {
        let flushed = self.setting == "acks-all-flushed";
        let acks = match self.setting {
            "acks-0" => Acks::None,
            "acks-1" => Acks::Leader,
            _ => Acks::All,
        };
        scenario.brokers = 3;
        scenario.settings = Settings { flush_before_reply: flushed, ..kafka_in_tenths() };
        scenario.topics = Vec::from([TopicSpec::new(orders(), 3, 3, 2)]);
        let options = ProducerOptions {
            idempotent: acks == Acks::All,
            batch_bytes: Some(KAFKA_BATCH_BYTES),
            linger: KAFKA_LINGER,
            ..ProducerOptions::default()
        };
        scenario.producers = workload.producers(&TargetSpec::Topic { name: orders(), acks }).collect();
        scenario.producers.iter_mut().for_each(|producer| producer.options = options);
        let options = MemberOptions { start: StartAt::Earliest, ..MemberOptions::default() };
        let from = SourceSpec::Group { name: readers(), topic: orders(), options };
        scenario.consumers = consumers(workload, &from);
    }

    fn rabbitmq(&self, workload: &Workload, scenario: &mut Scenario) {
        scenario.brokers = 1;
        scenario.settings = Settings {
            flush_before_reply: true,
            in_flight_max: CONFIRMS_OUTSTANDING,
            consumer_heartbeat: Span::from_millis(3_000),
            consumer_session: Span::from_millis(6_000),
            request_timeout: Span::from_millis(6_000),
            ..Settings::default()
        };
        scenario.queues = Vec::from([QueueSpec::new(orders(), 1)]);
        scenario.producers = workload.producers(&TargetSpec::Queue(orders())).collect();
        scenario.consumers = consumers(workload, &SourceSpec::queue(orders(), PREFETCH));
    }
}

/// Kafka's own patience, a tenth of each.
fn kafka_in_tenths() -> Settings {
    Settings {
        broker_heartbeat: Span::from_millis(200),
        broker_session: Span::from_millis(900),
        replica_lag_max: Span::from_millis(3_000),
        replica_fetch_wait: Span::from_millis(50),
        fetch_wait: Span::from_millis(50),
        consumer_heartbeat: Span::from_millis(300),
        consumer_session: Span::from_millis(4_500),
        commit_interval: Span::from_millis(500),
        request_timeout: Span::from_millis(3_000),
        retry_backoff: Span::from_millis(10),
        in_flight_max: 5,
        ..Settings::default()
    }
}

/// What a producer of Kafka gathers at most (`batch.size`), in bytes, and for how long (`linger.ms`, since 4.0).
const KAFKA_BATCH_BYTES: u32 = 16_384;
const KAFKA_LINGER: Span = Span::from_millis(5);
/// How many messages a publisher of RabbitMQ has unconfirmed: it confirms in a stream, and does not wait for each.
const CONFIRMS_OUTSTANDING: u32 = 256;
/// How many deliveries a consumer of RabbitMQ has unacknowledged: enough that it never waits.
const PREFETCH: u32 = 256;

fn name(text: &str) -> Name {
    Name::new(text).expect("a legal name")
}

pub(super) fn orders() -> Name {
    name("orders")
}

fn readers() -> Name {
    name("readers")
}

/// The consumers of a workload, who read from `from`.
fn consumers(workload: &Workload, from: &SourceSpec) -> Vec<ConsumerSpec> {
    let numbers = 1..=workload.consumers;
    numbers
        .map(|number| ConsumerSpec {
            work: workload.work,
            ..ConsumerSpec::new(&alloc::format!("reader-{number}"), from.clone())
        })
        .collect()
}

impl fmt::Display for Contender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&alloc::format!("{}:{}", self.profile, self.setting))
    }
}

impl FromStr for Contender {
    type Err = BadContender;

    fn from_str(text: &str) -> Result<Self, BadContender> {
        let (system, setting) = text.split_once(':').unwrap_or((text, ""));
        let profile: Profile = system.parse()?;
        let settings = profile.settings();
        if setting.is_empty() && !text.contains(':') {
            return Ok(Self { profile, setting: settings[0].0 });
        }
        let found = settings.iter().find(|(name, _)| *name == setting);
        found.map(|(setting, _)| Self { profile, setting }).ok_or_else(|| {
            let all: Vec<&str> = settings.iter().map(|(name, _)| *name).collect();
            BadContender(alloc::format!("{profile} has no setting {setting}, use {}", all.join(", ")))
        })
    }
}

impl Serialize for Contender {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_string())
    }
}

impl<'de> Deserialize<'de> for Contender {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}
