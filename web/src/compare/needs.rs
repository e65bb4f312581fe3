//! Which of the five serve what somebody needs? A table of needs and systems, and for each answer the run, or the comparison,
//! that shows it.
//!
//! ```text
//!   need ticked ─▶ who serves all of them?
//!   answer ──────▶ a scenario that comes with the engine, one of web/needs/*.json, or a comparison
//! ```
//!
//! That each run shows what its answer says is tested in `web/tests/needs.rs`.

use std::cell::OnceCell;

use mqlab_core::sim::compare::{Mishap, Plan, Workload};
use mqlab_core::sim::{PageLink, Scenario, SystemName};

use super::panel::{NeedPart, NeedsPart, Served};
use crate::text::Lang;
use crate::text::needs::{self as words, NEEDS, Need, Serves};

/// What shows an answer.
#[derive(Clone, Debug)]
pub enum Shown {
    /// A scenario that comes with the engine.
    BuiltIn(&'static str),
    /// A small one of `web/needs`: its name there, and its text.
    Small(&'static str, &'static str),
    /// A comparison.
    Compared(Box<Plan>),
    /// Nothing does.
    Nothing,
}

macro_rules! small {
    ($name:literal) => {
        Shown::Small($name, include_str!(concat!("../../needs/", $name, ".json")))
    };
}

/// What shows the answer of a system to a need.
///
/// # Panics
///
/// Never: a test asks for every answer.
pub fn shown(need: &str, of: SystemName) -> Shown {
    use SystemName::{ActiveMq, Kafka, Pulsar, RabbitMq, RocketMq};
    match (need, of) {
        ("order-per-key", ActiveMq) => small!("activemq-order-per-key"),
        ("order-per-key", RabbitMq) => small!("rabbitmq-order-per-key"),
        ("order-per-key", RocketMq) => Shown::BuiltIn("rocketmq-orderly"),
        ("order-per-key", Kafka) => small!("kafka-order-per-key"),
        ("order-per-key", Pulsar) => small!("pulsar-order-per-key"),
        ("replay", ActiveMq) => small!("activemq-replay"),
        ("replay", RabbitMq) => Shown::BuiltIn("rabbitmq-stream"),
        ("replay", RocketMq) => small!("rocketmq-replay"),
        ("replay", Kafka) => Shown::BuiltIn("replay"),
        ("replay", Pulsar) => small!("pulsar-replay"),
        ("fan-out", ActiveMq) => Shown::BuiltIn("activemq-virtual-topic"),
        ("fan-out", RabbitMq) => small!("rabbitmq-fan-out"),
        ("fan-out", RocketMq) => small!("rocketmq-fan-out"),
        ("fan-out", Kafka) => small!("kafka-fan-out"),
        ("fan-out", Pulsar) => Shown::BuiltIn("pulsar-subscriptions"),
        ("delay", ActiveMq) => small!("activemq-delay"),
        ("delay", RabbitMq) => small!("rabbitmq-delay"),
        ("delay", RocketMq) => small!("rocketmq-delay"),
        ("delay", Kafka) => small!("kafka-fan-out"),
        ("delay", Pulsar) => small!("pulsar-delay"),
        // The lab plays neither's transactions; its own broker has the same, and the answers say so.
        ("transactions", ActiveMq | RabbitMq) => Shown::BuiltIn("local-transaction"),
        ("transactions", RocketMq) => small!("rocketmq-half-messages"),
        ("transactions", Kafka) => Shown::BuiltIn("exactly-once"),
        ("throughput" | "latency" | "loss", _) => Shown::Compared(Box::new(compared(need, of))),
        _ => Shown::Nothing,
    }
}

/// The comparison that shows an answer: as a careful operator sets it, and with the setting that turns the answer.
fn compared(need: &str, of: SystemName) -> Plan {
    let others = match (need, of) {
        ("throughput" | "latency", SystemName::ActiveMq) => "async-send",
        ("throughput" | "latency" | "loss", SystemName::RabbitMq) => "classic",
        ("latency", SystemName::Kafka) => "no-linger",
        ("latency", SystemName::Pulsar) => "no-batching",
        (_, SystemName::ActiveMq) => "single",
        (_, SystemName::RabbitMq) => "classic-transient",
        (_, SystemName::RocketMq) => "async",
        (_, SystemName::Kafka) => "acks-1",
        (_, SystemName::Pulsar) => "qw2-qa2",
    };
    let contender = |name: String| name.parse().expect("a test asks for every comparison");
    let load = |name| Workload::built_in(name).expect("it comes with the engine");
    let calm = vec![Mishap::None];
    let (workload, mishaps) = match need {
        "throughput" => (load("flood"), calm),
        "latency" => (load("trickle"), calm),
        _ => (load("kept"), vec![Mishap::Crash, Mishap::PowerCut, Mishap::DiskLost]),
    };
    let contenders = vec![contender(of.name().into()), contender(format!("{}:{others}", of.name()))];
    Plan { contenders, workload, mishaps, seeds: 3 }
}

/// The needs that are ticked, and the links, which are made once.
#[derive(Debug, Default)]
pub(super) struct Needs {
    ticked: Vec<&'static str>,
    links: OnceCell<Vec<[String; 5]>>,
}

impl Needs {
    /// Ticks a need, or no longer; whether there is such a need.
    pub(super) fn toggle(&mut self, name: &str) -> bool {
        let Some(need) = NEEDS.iter().find(|need| need.name == name) else { return false };
        match self.ticked.iter().position(|ticked| *ticked == need.name) {
            Some(place) => drop(self.ticked.remove(place)),
            None => self.ticked.push(need.name),
        }
        true
    }

    /// The systems that serve all that is ticked.
    pub(super) fn served_by(&self) -> Vec<SystemName> {
        let all = NEEDS.iter().filter(|need| self.ticked.contains(&need.name));
        let serves = |need: &Need, place: usize| need.answers[place].serves != Serves::No;
        let systems = SystemName::ALL.into_iter().enumerate();
        systems.filter(|(place, _)| all.clone().all(|need| serves(need, *place))).map(|(_, of)| of).collect()
    }

    /// What the page shows.
    pub(super) fn part(&self, lang: Lang) -> NeedsPart {
        let links = self.links.get_or_init(|| NEEDS.iter().map(links).collect());
        let who = self.served_by();
        let needs = NEEDS.iter().zip(links).map(|(need, links)| self.need(need, links, lang));
        let chosen = |of: &SystemName| !self.ticked.is_empty() && who.contains(of);
        NeedsPart {
            need: words::NEED.get(lang),
            systems: SystemName::ALL.iter().map(|of| (of.title(), chosen(of))).collect(),
            needs: needs.collect(),
            signs: words::SIGNS.get(lang),
            answer: words::served_by(self.ticked.len(), &who, lang),
        }
    }

    fn need(&self, need: &Need, links: &[String; 5], lang: Lang) -> NeedPart {
        let answers = need.answers.iter().zip(SystemName::ALL).zip(links).map(|((answer, of), link)| {
            let opens = match shown(need.name, of) {
                Shown::Compared(_) => words::OPENS_COMPARISON,
                _ => words::OPENS_RUN,
            };
            Served {
                serves: answer.serves.name(),
                sign: answer.serves.sign(),
                heard: answer.serves.words().get(lang),
                by: answer.by.get(lang),
                link: link.clone(),
                opens: opens.get(lang),
            }
        });
        NeedPart {
            name: need.name,
            title: need.title.get(lang),
            asks: need.asks.get(lang),
            ticked: self.ticked.contains(&need.name),
            answers: answers.collect(),
        }
    }
}

/// Where the answers to a need lead, from the page that compares; empty where nothing shows one.
fn links(need: &Need) -> [String; 5] {
    SystemName::ALL.map(|of| match shown(need.name, of) {
        Shown::BuiltIn(name) => PageLink { scenario: Some(name.into()), ..PageLink::default() }.write(),
        Shown::Small(_, json) => {
            let scenario = Scenario::from_json(json).expect("a test reads it");
            let seed = Some(scenario.seed);
            PageLink { run: Some(scenario.pack()), seed, ..PageLink::default() }.write()
        }
        Shown::Compared(plan) => format!("compare.html{}", plan.write()),
        Shown::Nothing => String::new(),
    })
}

/// The table as a document, with a command for each answer.
pub fn markdown(lang: Lang) -> String {
    let titles: Vec<&str> = SystemName::ALL.iter().map(|of| of.title()).collect();
    let mut text = format!("# {}\n\n{}\n\n", words::TITLE.get(lang), words::SIGNS.get(lang));
    text += &format!("| {} | {} |\n|---|---|---|---|---|---|\n", words::NEED.get(lang), titles.join(" | "));
    for need in NEEDS {
        let answers = need.answers.iter().zip(SystemName::ALL).map(|(answer, of)| {
            let command =
                command(&shown(need.name, of)).map_or_else(String::new, |command| format!("<br>`{command}`"));
            format!("{} {}{command}", answer.serves.sign(), answer.by.get(lang))
        });
        let answers: Vec<String> = answers.collect();
        text +=
            &format!("| **{}**: {} | {} |\n", need.title.get(lang), need.asks.get(lang), answers.join(" | "));
    }
    text
}

/// What shows the same on a command line.
fn command(shown: &Shown) -> Option<String> {
    Some(match shown {
        Shown::BuiltIn(name) => format!("mqlab run {name}"),
        Shown::Small(name, _) => format!("mqlab run web/needs/{name}.json"),
        Shown::Compared(plan) => {
            let names = |all: &mut dyn Iterator<Item = String>| all.collect::<Vec<_>>().join(",");
            let who = names(&mut plan.contenders.iter().map(ToString::to_string));
            let wrong = names(&mut plan.mishaps.iter().map(ToString::to_string));
            format!("mqlab compare --systems {who} --workload {} --faults {wrong}", plan.workload.name)
        }
        Shown::Nothing => return None,
    })
}
