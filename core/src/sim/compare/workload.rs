//! What is sent and read, whoever carries it?

use alloc::format;
use alloc::string::{String, ToString};
use core::fmt;

use serde::{Deserialize, Serialize};

use super::super::cost::Catalogue;
use super::super::draft::MessageSpec;
use super::super::scenario::{ProducerSpec, is_default};
use super::Field;
use crate::time::Time;

/// A workload: who sends how much how fast, and who reads it.
///
/// ```
/// use mqlab_core::sim::compare::Workload;
/// let steady = Workload::built_in("steady").ok_or("no such workload")?;
/// let json = steady.to_json();
/// assert_eq!(Workload::from_json(&json)?, steady);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Workload {
    /// What it is called.
    pub name: String,
    /// How many producers there are.
    pub producers: u16,
    /// How many consumers there are, who share the messages.
    pub consumers: u16,
    /// How many messages are sent, by all producers together.
    pub messages: u64,
    /// The time between two bursts of one producer, in microseconds.
    pub every: u64,
    /// How many messages come in one burst.
    pub burst: u32,
    /// How many bytes each has.
    pub bytes: u32,
    /// How many keys there are, up to 26; 0 for none.
    pub keys: u8,
    /// How long a consumer works on a message, in microseconds.
    pub work: u64,
    /// When the consumers come, in microseconds; from the first unless it is said. What is kept until then is kept by the
    /// system alone.
    #[serde(default, skip_serializing_if = "is_default")]
    pub readers_at: u64,
    /// The shortest and the longest way of a packet, in microseconds.
    pub latency: (u64, u64),
    /// What stands under the brokers: a machine of the catalogue of costs; none when they take no time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<String>,
    /// Another catalogue of costs than the one that comes with the engine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub catalogue: Option<Catalogue>,
    /// When the run is over, in microseconds.
    pub ends_at: u64,
}

/// Why a workload cannot be.
///
/// ```
/// use mqlab_core::sim::compare::Workload;
/// let bad = Workload { producers: 0, ..Workload::built_in("steady").ok_or("no such workload")? };
/// assert!(bad.check().is_err());
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadWorkload(pub String);

impl fmt::Display for BadWorkload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the workload cannot be: {}", self.0)
    }
}

impl core::error::Error for BadWorkload {}

impl Workload {
    /// The workloads that come with the engine, each with what it shows.
    pub const BUILT_IN: [(&'static str, &'static str); 5] = [
        (
            "steady",
            "2,000 messages of 1 KiB, one every 10 ms from each of two producers: time enough for mishaps",
        ),
        (
            "flood",
            "20,000 messages of 1 KiB as fast as they are taken, in bursts: what is the most that it carries?",
        ),
        (
            "trickle",
            "200 messages of 100 B, one every 10 ms: how long is the way of one message that meets no other?",
        ),
        (
            "kept",
            "4,000 messages of 1 KiB in 0.2 s, and nobody reads before 0.3 s: until then the system keeps them alone",
        ),
        ("hundred-thousand", "100,000 messages of 100 B in bursts of 100"),
    ];

    /// A workload that comes with the engine; `None` when there is none of that name.
    pub fn built_in(name: &str) -> Option<Self> {
        let steady = Self {
            name: name.to_string(),
            producers: 2,
            consumers: 2,
            messages: 2_000,
            every: 10_000,
            burst: 1,
            bytes: 1_024,
            keys: 4,
            work: 100,
            readers_at: 0,
            latency: (100, 200),
            machine: Some("server".into()),
            catalogue: None,
            ends_at: 30_000_000,
        };
        Some(match name {
            "steady" => steady,
            "flood" => Self {
                producers: 4,
                consumers: 4,
                messages: 20_000,
                every: 1_000,
                burst: 250,
                keys: 0,
                work: 1,
                ends_at: 20_000_000,
                ..steady
            },
            "trickle" => Self {
                producers: 1,
                consumers: 1,
                messages: 200,
                every: 10_000,
                bytes: 100,
                keys: 0,
                work: 1,
                latency: (20, 40),
                ends_at: 4_000_000,
                ..steady
            },
            "kept" => Self {
                producers: 4,
                consumers: 4,
                messages: 4_000,
                every: 1_000,
                burst: 5,
                readers_at: 300_000,
                ends_at: 20_000_000,
                ..steady
            },
            "hundred-thousand" => Self {
                producers: 10,
                consumers: 10,
                messages: 100_000,
                every: 20_000,
                burst: 100,
                bytes: 100,
                keys: 0,
                work: 1,
                ends_at: 60_000_000,
                ..steady
            },
            _ => return None,
        })
    }

    /// Reads a workload file.
    ///
    /// # Errors
    ///
    /// [`BadWorkload`] with the place and the reason.
    pub fn from_json(json: &str) -> Result<Self, BadWorkload> {
        let workload: Self = serde_json::from_str(json).map_err(|error| BadWorkload(error.to_string()))?;
        workload.check()?;
        Ok(workload)
    }

    /// The workload as a file.
    ///
    /// # Panics
    ///
    /// Never: it is plain data.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("plain data can be written")
    }

    /// Whether it can be.
    ///
    /// # Errors
    ///
    /// [`BadWorkload`] with the first thing that is wrong.
    pub fn check(&self) -> Result<(), BadWorkload> {
        for field in Field::ALL {
            let (given, (least, most)) = (field.of(self), field.limits());
            if !(least..=most).contains(&given) {
                return Err(BadWorkload(format!("{given} {}, use {least} to {most}", field.words())));
            }
        }
        let (low, high) = self.latency;
        if low > high {
            return Err(BadWorkload(format!("a latency from {low} to {high} microseconds")));
        }
        Ok(())
    }

    /// What its machine is looked up in.
    pub(super) fn catalogue(&self) -> Catalogue {
        self.catalogue.clone().unwrap_or_else(Catalogue::built_in)
    }

    /// When the last message is sent, if nothing holds a producer up.
    pub fn sent_by(&self) -> Time {
        let each = self.messages.div_ceil(self.producers.into());
        Time(each.div_ceil(self.burst.into()).saturating_mul(self.every).min(self.ends_at))
    }

    /// Its producers, each like `pattern`: the first one sends what does not divide.
    pub(super) fn shared_out(&self, pattern: &ProducerSpec) -> impl Iterator<Item = ProducerSpec> {
        let producers = u64::from(self.producers);
        let (each, rest) = (self.messages / producers, self.messages % producers);
        (0..producers).map(move |number| ProducerSpec {
            name: format!("shop-{}", number + 1),
            messages: each + if number == 0 { rest } else { 0 },
            every: self.every,
            burst: self.burst,
            keys: self.keys,
            message: MessageSpec { bytes: self.bytes, ..pattern.message.clone() },
            ..pattern.clone()
        })
    }
}
