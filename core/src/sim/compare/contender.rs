//! Who is compared? A system with one of its settings: a scenario file with one producer and one consumer, which a workload
//! makes many of.
//!
//! ```text
//!   core/contenders/kafka-acks-1.json ─┐
//!   workload: who sends how much ──────┼─▶ a scenario, as any other
//!   mishap: what happens when ─────────┘
//! ```
//!
//! How patient everybody is decides how long a mishap is felt. Each system has its own defaults, from milliseconds to a
//! minute; in these files all of them are a tenth of that, so that a run of half a minute tells what five would. What is no
//! patience (how long a batch gathers) is as it is.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::super::scenario::{ConsumerSpec, Scenario};
use super::files::FILES;
use super::{Mishap, Workload};
use crate::sim::SystemName as Profile;
use crate::time::Time;

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
/// assert_eq!(bad.to_string(), "kafka has no setting fast, use acks-all, acks-1, acks-0, acks-all-flushed, no-linger");
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
    /// Its settings, each with what it means; the first is what a careful operator sets.
    pub const fn settings(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::ActiveMq => &[
                (
                    "shared-store",
                    "a master and a slave over one store; persistent messages, flushed before the answer",
                ),
                ("single", "one broker with a disk of its own"),
                ("async-send", "as shared-store, and producers do not wait for answers"),
                ("no-sync", "as shared-store, and nobody flushes the journal"),
            ],
            Self::RabbitMq => &[
                ("quorum", "three nodes; a message is confirmed when two have flushed it"),
                ("classic", "one node keeps the queue, and confirms after its flush"),
                ("classic-transient", "one node keeps the queue in memory"),
            ],
            Self::RocketMq => &[
                ("sync", "two masters with a slave each; a send waits for flush and slave"),
                ("sync-flush", "a send waits for the master's flush alone"),
                ("sync-replication", "a send waits for the slave alone"),
                ("async", "a send waits for neither"),
            ],
            Self::Kafka => &[
                ("acks-all", "three replicas, two at least in sync; idempotent producers; nobody flushes"),
                ("acks-1", "the leader alone says that it has a message"),
                ("acks-0", "nobody says anything"),
                ("acks-all-flushed", "as acks-all, and each replica flushes before it answers"),
                ("no-linger", "as acks-all, and a batch leaves at once, as before 4.0"),
            ],
            Self::Pulsar => &[
                ("qw3-qa2", "entries on three bookies, stored when two have flushed them"),
                ("qw2-qa2", "entries on two bookies, stored when both have flushed them: Pulsar's default"),
                ("qw2-qa1", "entries on two bookies, stored when one has flushed them"),
                ("no-journal-sync", "as qw3-qa2, and bookies do not flush"),
                ("no-batching", "as qw3-qa2, and each message is an entry of its own, which leaves at once"),
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
            BadContender(format!("there is no system {text}, use {}", all.join(", ")))
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

    /// Its file.
    fn file(&self) -> &'static str {
        let name = format!("{}-{}", self.profile, self.setting);
        let found = FILES.iter().find(|(file, _)| *file == name);
        found.map(|(_, json)| *json).expect("a test reads the file of each setting")
    }

    /// What it plays for a workload when something goes wrong.
    ///
    /// # Panics
    ///
    /// Never: tests read the file of every contender.
    pub fn scenario(&self, workload: &Workload, mishap: Mishap) -> Scenario {
        let mut scenario = Scenario::from_json(self.file()).expect("the contenders' files are sound");
        scenario.name = format!("{self}-{}-{mishap}", workload.name);
        scenario.ends_at = Time(workload.ends_at);
        scenario.latency = workload.latency;
        scenario.producers = workload.shared_out(&scenario.producers[0]).collect();
        let reader = &scenario.consumers[0];
        let readers = (1..=workload.consumers).map(|number| ConsumerSpec {
            name: format!("reader-{number}"),
            work: workload.work,
            starts_at: workload.readers_at,
            ..reader.clone()
        });
        scenario.consumers = readers.collect();
        let machine = workload.machine.as_deref();
        scenario.costs = machine.and_then(|machine| workload.catalogue().costs(machine, self.profile.name()));
        scenario.actions = mishap.actions(workload, &scenario);
        scenario
    }
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
            BadContender(format!("{profile} has no setting {setting}, use {}", all.join(", ")))
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
