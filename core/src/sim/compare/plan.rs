//! A link is the comparison: who, what is sent, what goes wrong, how often, on what.
//!
//! ```text
//!   ?who=kafka:acks-1,kafka:acks-all&load=steady&messages=500&wrong=none,power-cut&seeds=3&machine=server&v=0.1.0
//!    contenders, the first is the  │           │             │                   │       │              engine
//!    one that others differ from   workload    its numbers,  what goes wrong     seeds   or none
//!                                              where they are others than the workload's own
//! ```
//!
//! Everything may be left out, and then it is as in [`Plan::usual`]. A person can write it by hand.

use alloc::borrow::ToOwned;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use super::super::cost::Catalogue;
use super::super::page_link::{decoded, format_of, parts, value_of};
use super::{Comparison, Contender, Field, Mishap, Profile, Workload};

/// The most contenders that a page shows side by side.
pub const PLAN_CONTENDERS_MAX: usize = 5;
/// The most seeds that a page runs with.
pub const PLAN_SEEDS_MAX: u64 = 100;
/// How a link says that brokers' work takes no time.
const NO_MACHINE: &str = "none";

/// A comparison as it is planned.
///
/// ```
/// use mqlab_core::sim::compare::Plan;
/// let plan = Plan::read("?who=kafka:acks-1,kafka:acks-all&load=trickle&wrong=none&seeds=2")?;
/// assert_eq!((plan.contenders.len(), plan.workload.messages, plan.runs().len()), (2, 200, 4));
/// assert_eq!(Plan::read(&plan.write())?, plan);
/// # Ok::<(), mqlab_core::sim::compare::BadPlan>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Who is compared, two at least and [`PLAN_CONTENDERS_MAX`] at most; the others differ from the first.
    pub contenders: Vec<Contender>,
    /// What is sent and read, on which machine.
    pub workload: Workload,
    /// What goes wrong.
    pub mishaps: Vec<Mishap>,
    /// With how many seeds, from 1 on.
    pub seeds: u64,
}

/// Why a plan cannot be.
///
/// ```
/// use mqlab_core::sim::compare::{BadPlan, Plan};
/// assert_eq!(Plan::read("?load=drizzle"), Err(BadPlan::Workload("drizzle".into())));
/// assert_eq!(Plan::read("?who=kafka"), Err(BadPlan::Contenders(1)));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadPlan {
    /// So many contenders: two at least, [`PLAN_CONTENDERS_MAX`] at most.
    Contenders(usize),
    /// There is no such system.
    System(String),
    /// The system has no such setting.
    Setting(Profile, String),
    /// Somebody is named twice.
    Twice(Contender),
    /// There is no such workload.
    Workload(String),
    /// A number of the workload is none, or out of its limits.
    Number(Field, String),
    /// The shortest way of a packet is longer than the longest, in microseconds.
    Latency(u64, u64),
    /// Nothing of the kind goes wrong.
    Mishap(String),
    /// Nothing is said to happen, not even that nothing goes wrong.
    NoMishap,
    /// No number of seeds, or too many.
    Seeds(String),
    /// There is no such machine.
    Machine(String),
    /// An engine of another format made it.
    Engine(String),
}

impl fmt::Display for BadPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Contenders(count) => write!(f, "{count} to compare, use 2 to {PLAN_CONTENDERS_MAX}"),
            Self::System(name) => write!(f, "there is no system {name}"),
            Self::Setting(profile, name) => write!(f, "{profile} has no setting {name}"),
            Self::Twice(contender) => write!(f, "{contender} is named twice"),
            Self::Workload(name) => write!(f, "there is no workload {name}"),
            Self::Number(field, given) => {
                let (least, most) = field.limits();
                write!(f, "{given:?} {}, use {least} to {most}", field.words())
            }
            Self::Latency(low, high) => write!(f, "a latency from {low} to {high} microseconds"),
            Self::Mishap(name) => write!(f, "nothing of the kind goes wrong: {name}"),
            Self::NoMishap => f.write_str("name what goes wrong, or none"),
            Self::Seeds(given) => write!(f, "{given:?} seeds, use 1 to {PLAN_SEEDS_MAX}"),
            Self::Machine(name) => write!(f, "there is no machine {name}"),
            Self::Engine(theirs) => {
                write!(f, "engine {theirs} made it, and this is engine {}", crate::VERSION)
            }
        }
    }
}

impl core::error::Error for BadPlan {}

impl Plan {
    /// What is compared where nothing is said: every system as a careful operator sets it, when nothing goes wrong, when a
    /// broker dies, and when its machine loses power.
    ///
    /// # Panics
    ///
    /// Never: its workload comes with the engine.
    pub fn usual() -> Self {
        Self {
            contenders: Profile::ALL.into_iter().map(Contender::usual).take(PLAN_CONTENDERS_MAX).collect(),
            workload: Workload::built_in("steady").expect("it comes with the engine"),
            mishaps: Vec::from([Mishap::None, Mishap::Crash, Mishap::PowerCut]),
            seeds: 3,
        }
    }

    /// Reads a link; what it does not know, it leaves alone.
    ///
    /// # Errors
    ///
    /// [`BadPlan`] with the first thing that is wrong.
    pub fn read(query: &str) -> Result<Self, BadPlan> {
        if let Some(version) = value_of(query, "v").map(decoded)
            && format_of(&version) != format_of(crate::VERSION)
        {
            return Err(BadPlan::Engine(version));
        }
        let mut plan = Self::usual();
        if let Some(name) = value_of(query, "load").map(decoded) {
            plan.workload = Workload::built_in(&name).ok_or(BadPlan::Workload(name))?;
        }
        for (name, value) in parts(query) {
            let value = decoded(value);
            match name {
                "who" => plan.contenders = list(&value).map(contender).collect::<Result<_, _>>()?,
                "wrong" => plan.mishaps = list(&value).map(mishap).collect::<Result<_, _>>()?,
                "seeds" => plan.seeds = value.parse().map_err(|_| BadPlan::Seeds(value))?,
                "machine" => plan.workload.machine = (value != NO_MACHINE).then_some(value),
                _ => {
                    if let Some(field) = Field::by_name(name) {
                        let number = value.parse().ok();
                        if !number.is_some_and(|number| field.set(&mut plan.workload, number)) {
                            return Err(BadPlan::Number(field, value));
                        }
                    }
                }
            }
        }
        plan.check()?;
        Ok(plan)
    }

    /// Whether it can be.
    ///
    /// # Errors
    ///
    /// [`BadPlan`] with the first thing that is wrong.
    pub fn check(&self) -> Result<(), BadPlan> {
        if !(2..=PLAN_CONTENDERS_MAX).contains(&self.contenders.len()) {
            return Err(BadPlan::Contenders(self.contenders.len()));
        }
        for (place, contender) in self.contenders.iter().enumerate() {
            if self.contenders[..place].contains(contender) {
                return Err(BadPlan::Twice(*contender));
            }
        }
        for field in Field::ALL {
            let (given, (least, most)) = (field.of(&self.workload), field.limits());
            if !(least..=most).contains(&given) {
                return Err(BadPlan::Number(field, given.to_string()));
            }
        }
        let (low, high) = self.workload.latency;
        if low > high {
            return Err(BadPlan::Latency(low, high));
        }
        if self.mishaps.is_empty() {
            return Err(BadPlan::NoMishap);
        }
        if !(1..=PLAN_SEEDS_MAX).contains(&self.seeds) {
            return Err(BadPlan::Seeds(self.seeds.to_string()));
        }
        let catalogue = self.workload.catalogue();
        match &self.workload.machine {
            Some(name) if catalogue.machine(name).is_none() => Err(BadPlan::Machine(name.clone())),
            _ => Ok(()),
        }
    }

    /// The query that leads to this comparison.
    pub fn write(&self) -> String {
        let names = |all: Vec<String>| all.join(",");
        let mut query = String::from("?who=");
        query += &names(self.contenders.iter().map(ToString::to_string).collect());
        let mut add = |name: &str, value: &str| {
            query.push('&');
            query += name;
            query.push('=');
            query += value;
        };
        // Its names need no encoding; a workload of another name has all of its numbers in the link.
        let base = Workload::built_in(&self.workload.name).unwrap_or_else(|| Self::usual().workload);
        add("load", &base.name);
        for field in Field::ALL {
            if field.of(&self.workload) != field.of(&base) {
                add(field.name(), &field.of(&self.workload).to_string());
            }
        }
        add("wrong", &names(self.mishaps.iter().map(ToString::to_string).collect()));
        add("seeds", &self.seeds.to_string());
        add("machine", self.workload.machine.as_deref().unwrap_or(NO_MACHINE));
        add("v", crate::VERSION);
        query
    }

    /// Its runs, in the order in which they are shown.
    pub fn runs(&self) -> Vec<(Contender, Mishap, u64)> {
        let (workload, contenders) = (self.workload.clone(), self.contenders.clone());
        let comparison = Comparison::new(workload, contenders, self.mishaps.clone(), self.seeds);
        comparison.map_or_else(|_| Vec::new(), |all| all.into_runs().collect())
    }

    /// The machines that there are.
    pub fn machines() -> Vec<String> {
        Catalogue::built_in().machines.iter().map(|machine| machine.what.name.clone()).collect()
    }
}

fn list(value: &str) -> impl Iterator<Item = &str> {
    value.split(',').filter(|part| !part.is_empty())
}

fn contender(text: &str) -> Result<Contender, BadPlan> {
    text.parse().map_err(|_| {
        let (system, setting) = text.split_once(':').unwrap_or((text, ""));
        match system.parse::<Profile>() {
            Ok(profile) => BadPlan::Setting(profile, setting.to_owned()),
            Err(_) => BadPlan::System(system.to_owned()),
        }
    })
}

fn mishap(text: &str) -> Result<Mishap, BadPlan> {
    text.parse().map_err(|_| BadPlan::Mishap(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    #[test]
    fn a_plan_comes_back_as_it_was_written() {
        let usual = Plan::usual();
        let settings = Profile::Kafka.settings().iter().take(PLAN_CONTENDERS_MAX);
        let contenders = settings.map(|(name, _)| format!("kafka:{name}").parse().expect("it is there"));
        let own = Plan {
            contenders: contenders.collect(),
            workload: Workload {
                messages: 77,
                bytes: 0,
                latency: (7, 9),
                machine: None,
                ..Workload::built_in("flood").expect("it is there")
            },
            mishaps: Mishap::ALL.to_vec(),
            seeds: PLAN_SEEDS_MAX,
        };
        for plan in [usual, own] {
            assert_eq!(Plan::read(&plan.write()), Ok(plan.clone()), "{}", plan.write());
            assert_eq!(plan.runs().len() as u64, {
                plan.contenders.len() as u64 * plan.mishaps.len() as u64 * plan.seeds
            });
        }
        assert_eq!(Plan::read(""), Ok(Plan::usual()));
        assert_eq!(Plan::read("?lang=zh&utm=x"), Ok(Plan::usual()));
        let encoded = Plan::read("?who=kafka%3Aacks-0%2Ckafka&wrong=none").expect("as a chat writes it");
        assert_eq!(encoded.contenders[0].to_string(), "kafka:acks-0");
    }

    #[test]
    fn what_cannot_be_is_named() {
        let text = ToString::to_string;
        let table = [
            ("?who=kafka", BadPlan::Contenders(1)),
            ("?who=", BadPlan::Contenders(0)),
            ("?who=kafka,kafka,kafka,kafka,kafka,kafka", BadPlan::Contenders(6)),
            ("?who=kafka,mosquito", BadPlan::System(text("mosquito"))),
            ("?who=kafka:acks-9,rabbitmq", BadPlan::Setting(Profile::Kafka, text("acks-9"))),
            ("?who=kafka:,rabbitmq", BadPlan::Setting(Profile::Kafka, text(""))),
            ("?who=kafka,kafka:acks-all", BadPlan::Twice(Contender::usual(Profile::Kafka))),
            ("?load=drizzle", BadPlan::Workload(text("drizzle"))),
            ("?messages=many", BadPlan::Number(Field::Messages, text("many"))),
            ("?messages=0", BadPlan::Number(Field::Messages, text("0"))),
            ("?bytes=9999999", BadPlan::Number(Field::Bytes, text("9999999"))),
            ("?latency_low=500&latency_high=50", BadPlan::Latency(500, 50)),
            ("?wrong=plague", BadPlan::Mishap(text("plague"))),
            ("?wrong=", BadPlan::NoMishap),
            ("?seeds=0", BadPlan::Seeds(text("0"))),
            ("?seeds=101", BadPlan::Seeds(text("101"))),
            ("?seeds=x", BadPlan::Seeds(text("x"))),
            ("?machine=abacus", BadPlan::Machine(text("abacus"))),
            ("?v=99.1.0&who=anything", BadPlan::Engine(text("99.1.0"))),
            ("?v=", BadPlan::Engine(text(""))),
        ];
        for (query, why) in table {
            assert_eq!(Plan::read(query), Err(why), "{query}");
        }
    }
}
