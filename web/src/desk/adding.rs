//! What can be changed that no menu of a node offers? Any command, in a field; and what can be added, in short forms.
//!
//! ```text
//!   : or /   the field    crash broker-1           the words of the command line's --do, without the moment: it acts now
//!   a        the forms    topic, queue, exchange, binding, producer, consumer, broker
//! ```
//!
//! A form only writes a command: both ways end at the engine's one parser, and both say beforehand what will happen, or
//! why it cannot.

use std::collections::BTreeMap;

use mqlab_core::ids::NodeId;
use mqlab_core::sim::{Command, CommandRefused, Scenario};
use serde::Serialize;

use super::Desk;
use super::completing::complete;
use super::run::Run;
use crate::text::adding::{self as words, KINDS, Kind};
use crate::text::near::near;
use crate::text::{menu, ui};

/// The most letters of a command that are looked at: longer ones are none.
const LETTERS_MAX: usize = 300;
/// What a new topic has, where there are as many brokers.
const PARTITIONS_USUAL: u32 = 3;
const REPLICAS_USUAL: u16 = 3;
/// How an exchange can route, as the engine calls it.
const EXCHANGE_KINDS: [&str; 6] = ["topic", "direct", "fanout", "headers", "hierarchy", "consistent-hash"];

/// What a person asks of the field or the forms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Close both.
    Close,
    /// Write a command.
    Command,
    /// Fill a form.
    Add,
    /// The field has this text now.
    Typed(String),
    /// Do what the field says.
    Tell,
    /// Another form.
    Kind(Kind),
    /// A field of the form has this value now.
    Fill(String, String),
    /// Do what the form says.
    AddIt,
}

impl Wish {
    /// Reads what a control of the page says.
    pub(super) fn read(text: &str) -> Option<Self> {
        let (what, rest) = text.split_once(' ').unwrap_or((text, ""));
        Some(match what {
            "close" => Self::Close,
            "command" => Self::Command,
            "add" => Self::Add,
            "typed" => Self::Typed(rest.into()),
            "tell" => Self::Tell,
            "kind" => Self::Kind(Kind::of_name(rest)?),
            "fill" => {
                let (name, value) = rest.split_once(' ').unwrap_or((rest, ""));
                Self::Fill(name.into(), value.into())
            }
            "add-it" => Self::AddIt,
            _ => return None,
        })
    }
}

/// The field and the forms.
#[derive(Clone, Debug, Default)]
pub(super) struct Adding {
    /// Which was asked for, if they are open.
    open: Option<Wish>,
    text: String,
    /// Raised when the field is emptied here, and not by who types.
    turn: u32,
    /// What came of the last command, until the next is written.
    came: String,
    kind: Kind,
    filled: BTreeMap<(Kind, String), String>,
}

/// A field of a form.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FieldPart {
    /// Its name in the page.
    pub name: &'static str,
    /// What it is called.
    pub label: &'static str,
    /// What it has.
    pub value: String,
    /// What it can have: value and words; any text where there is none.
    pub options: Vec<(String, String)>,
    /// Whether it is a number.
    pub number: bool,
}

/// The field and the forms, filled.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct AddingPart {
    /// `command`, `add`, or nothing.
    pub open: &'static str,
    /// What the field has, when this is another turn than before.
    pub text: String,
    /// Raised when the field is emptied.
    pub turn: u32,
    /// What the command will do, or why it cannot be.
    pub hint: String,
    /// Whether it can be done.
    pub good: bool,
    /// How it could go on: the whole line, and what that does.
    pub options: Vec<(String, String)>,
    /// The forms: name, title, whether it is this one.
    pub kinds: Vec<(&'static str, &'static str, bool)>,
    /// The fields of this form.
    pub fields: Vec<FieldPart>,
    /// What it will do, or why it cannot.
    pub will: String,
    /// Whether it can be done.
    pub possible: bool,
}

impl Desk {
    /// Does what a person asks of the field or the forms.
    pub(super) fn change(&mut self, wish: Wish) {
        let Some(run) = &self.run else { return };
        match wish {
            Wish::Close => self.adding.open = None,
            Wish::Command | Wish::Add => {
                let kinds = kinds_of(run.timeline.scenario_now());
                if !kinds.contains(&self.adding.kind) {
                    self.adding.kind = kinds.first().copied().unwrap_or_default();
                }
                self.adding.open = Some(wish);
            }
            Wish::Typed(text) => {
                self.adding.text = text.chars().take(LETTERS_MAX).collect();
                self.adding.came.clear();
            }
            Wish::Kind(kind) => self.adding.kind = kind,
            Wish::Fill(name, value) => {
                let value = value.chars().take(LETTERS_MAX).collect();
                _ = self.adding.filled.insert((self.adding.kind, name), value);
            }
            Wish::Tell => {
                let text = self.adding.text.clone();
                if let Ok(command) = text.parse::<Command>()
                    && self.may(run, &command).is_ok()
                {
                    self.give(&command);
                    self.adding.text.clear();
                    self.adding.turn += 1;
                    self.adding.came = self.say.clone();
                }
            }
            Wish::AddIt => {
                let line = self.line(run);
                if let Ok(command) = line.parse::<Command>()
                    && self.may(run, &command).is_ok()
                {
                    self.give(&command);
                    let kind = self.adding.kind;
                    self.adding.filled.retain(|(of, _), _| *of != kind);
                }
            }
        }
    }

    fn may(&self, run: &Run, command: &Command) -> Result<(), CommandRefused> {
        if run.timeline.now() >= run.timeline.ends_at() {
            return Err(CommandRefused::RunIsOver);
        }
        run.timeline.world().permits(command)
    }

    /// What a command will do, or why it cannot be; and whether it can.
    fn foretold(&self, run: &Run, command: &Command) -> (String, bool) {
        let (names, lang) = (&run.names, self.lang);
        match self.may(run, command) {
            Err(why) => {
                let meant = words::meant(&meant(&why, run.timeline.scenario_now()), lang);
                (ui::refused(why, names, lang) + &meant, false)
            }
            Ok(()) => {
                let wish = words::wish(command, names, lang);
                let effect = match command {
                    Command::Change(_) => String::new(),
                    command => menu::effect(command, names, lang),
                };
                (words::will(&wish, &effect, lang), true)
            }
        }
    }

    /// The field and the forms, filled; next to nothing while they are closed.
    pub(super) fn adding_part(&self, run: &Run) -> AddingPart {
        let Adding { open, text, turn, came, kind, .. } = &self.adding;
        let open = match open {
            None => return AddingPart { turn: *turn, ..AddingPart::default() },
            Some(Wish::Command) => "command",
            Some(_) => "add",
        };
        let lang = self.lang;
        let (hint, good) = match text.parse::<Command>() {
            Ok(command) => self.foretold(run, &command),
            Err(_) if text.is_empty() && !came.is_empty() => (words::done(came, lang), true),
            Err(_) => (words::usage(text, lang), words::may_become(text)),
        };
        let options = complete(text, run).into_iter().map(|line| {
            let gloss = words::gloss(&line, lang);
            let does = line.parse::<Command>().ok().map(|command| words::wish(&command, &run.names, lang));
            (line, does.unwrap_or(gloss))
        });
        let kinds = kinds_of(run.timeline.scenario_now());
        let (will, possible) = match self.line(run).parse::<Command>() {
            Ok(command) => {
                let (will, possible) = self.foretold(run, &command);
                (if possible { words::adds(*kind, &will, lang) } else { will }, possible)
            }
            Err(_) => (words::BAD_NAME.get(lang).into(), false),
        };
        AddingPart {
            open,
            text: text.clone(),
            turn: *turn,
            hint,
            good,
            options: options.collect(),
            kinds: kinds.iter().map(|of| (of.name(), of.title(lang), of == kind)).collect(),
            fields: self.fields(run),
            will,
            possible,
        }
    }

    /// The command that the form writes.
    fn line(&self, run: &Run) -> String {
        let fields = self.fields(run);
        let value = |name: &str| {
            let field = fields.iter().find(|field| field.name == name);
            field.map_or(String::new(), |field| field.value.trim().to_owned())
        };
        let line = match self.adding.kind {
            Kind::Topic => {
                format!(
                    "topic {} partitions {} replicas {}",
                    value("name"),
                    value("partitions"),
                    value("replicas")
                )
            }
            Kind::Queue => format!("queue {} on {}", value("name"), value("broker")),
            Kind::Exchange => {
                format!("exchange {} {} on {}", value("name"), value("routes"), value("broker"))
            }
            Kind::Binding => format!("bind {} {} {}", value("exchange"), value("queue"), value("key")),
            Kind::Producer | Kind::Consumer | Kind::Broker => format!("join {}", value("like")),
        };
        line.trim().into()
    }

    fn fields(&self, run: &Run) -> Vec<FieldPart> {
        let (lang, kind) = (self.lang, self.adding.kind);
        let scenario = run.timeline.scenario_now();
        let named = |node: NodeId| (node.to_string(), run.names.node(node, lang));
        let brokers = || (1..=scenario.brokers).map(NodeId::Broker).map(named).collect::<Vec<_>>();
        let same = |name: &dyn std::fmt::Display| (name.to_string(), name.to_string());
        let field = |name: &'static str, usual: String, options: Vec<(String, String)>| {
            let filled = self.adding.filled.get(&(kind, name.to_owned())).cloned();
            let fits = |value: &String| options.is_empty() || options.iter().any(|(known, _)| known == value);
            let first = || options.first().map(|(value, _)| value.clone());
            let value = filled.filter(fits).or(Some(usual).filter(fits)).or_else(first).unwrap_or_default();
            let number = matches!(name, "partitions" | "replicas");
            FieldPart { name, label: words::field(name, lang), value, options, number }
        };
        let name = || field("name", free_name(kind, scenario), Vec::new());
        match kind {
            Kind::Topic => {
                let replicas = REPLICAS_USUAL.min(scenario.brokers);
                let number = |name, usual: String| field(name, usual, Vec::new());
                let partitions = number("partitions", PARTITIONS_USUAL.to_string());
                vec![name(), partitions, number("replicas", replicas.to_string())]
            }
            Kind::Queue => vec![name(), field("broker", String::new(), brokers())],
            Kind::Exchange => {
                let routes =
                    EXCHANGE_KINDS.map(|kind| (kind.to_owned(), words::routes(kind, lang).to_owned()));
                vec![
                    name(),
                    field("routes", String::new(), routes.into()),
                    field("broker", String::new(), brokers()),
                ]
            }
            Kind::Binding => {
                let exchanges = scenario.exchanges.iter().map(|spec| same(&spec.exchange.name)).collect();
                let exchange = field("exchange", String::new(), exchanges);
                let known =
                    |spec: &&mqlab_core::sim::ExchangeSpec| spec.exchange.name.to_string() == exchange.value;
                let on = scenario.exchanges.iter().find(known).map(|spec| spec.broker);
                let there = scenario.queues.iter().filter(|queue| Some(queue.broker) == on);
                let queues: Vec<_> = there.map(|queue| same(&queue.name)).collect();
                vec![exchange, field("queue", String::new(), queues), field("key", String::new(), Vec::new())]
            }
            Kind::Producer => {
                let all = (1..=scenario.producers.len() as u16).map(NodeId::Producer);
                vec![field("like", String::new(), all.map(named).collect())]
            }
            Kind::Consumer => {
                let all = (1..=scenario.consumers.len() as u16).map(NodeId::Consumer);
                vec![field("like", String::new(), all.map(named).collect())]
            }
            Kind::Broker => vec![field("like", String::new(), brokers())],
        }
    }
}

/// What is there under a name like one that is not.
fn meant<'a>(why: &CommandRefused, scenario: &'a Scenario) -> Vec<&'a str> {
    match why {
        CommandRefused::NoSuchTopic(name) => {
            near(name.as_str(), scenario.topics.iter().map(|topic| topic.name.as_str()))
        }
        CommandRefused::NoSuchQueue(name) => {
            near(name.as_str(), scenario.queues.iter().map(|queue| queue.name.as_str()))
        }
        CommandRefused::NoSuchExchange(name) => {
            near(name.as_str(), scenario.exchanges.iter().map(|spec| spec.exchange.name.as_str()))
        }
        CommandRefused::NoSuchSubscription(name) => {
            let names = scenario.durable_subscriptions().filter_map(|durable| durable.name.as_ref());
            let others = names.filter(|known| *known != name);
            near(name.as_str(), others.map(|known| known.as_str()))
        }
        _ => Vec::new(),
    }
}

/// What can be added to what there is.
fn kinds_of(scenario: &Scenario) -> Vec<Kind> {
    let has = |kind: &Kind| match kind {
        Kind::Topic | Kind::Queue | Kind::Exchange | Kind::Broker => scenario.brokers > 0,
        Kind::Binding => !scenario.exchanges.is_empty() && !scenario.queues.is_empty(),
        Kind::Producer => !scenario.producers.is_empty(),
        Kind::Consumer => !scenario.consumers.is_empty(),
    };
    KINDS.into_iter().filter(has).collect()
}

/// The first name of its kind that nothing has.
fn free_name(kind: Kind, scenario: &Scenario) -> String {
    let taken = |name: &str| {
        let topics = scenario.topics.iter().map(|topic| topic.name.as_str());
        let queues = scenario.queues.iter().map(|queue| queue.name.as_str());
        let exchange = scenario.exchanges.iter().any(|spec| spec.exchange.name.to_string() == name);
        exchange || topics.chain(queues).any(|known| known == name)
    };
    let mut names = (1..).map(|number: u32| format!("{}-{number}", kind.name()));
    names.find(|name| !taken(name)).unwrap_or_default()
}
