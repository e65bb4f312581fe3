//! Who works when they are called, and who calls? The part of a scenario that needs no broker: services and users.
//!
//! A service gets its work in one of two ways, and is otherwise the same: it is called, or it reads a queue or a topic
//! (`from`). So a scenario with a queue and its twin without differ in a line or two, and can be compared.

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::scenario::{
    InvalidScenario, MESSAGES_MAX, NODES_MAX, PATIENCE_MAX, PATIENCE_MIN, Scenario, SourceSpec, TargetSpec,
};
use crate::ids::{Name, NodeId};
use crate::log::memory::MemoryStorage;
use crate::observe::{Needed, ORDERS_MAX};
use crate::sorted::{SortedMap, SortedSet};
use crate::time::Span;
use crate::vhost::{Subscription, VirtualHost};

/// The most orders that a service works on at once.
pub const WORKERS_MAX: u16 = 1_000;
/// The most orders that wait at a service for a worker.
pub const BACKLOG_MAX: u32 = 100_000;
/// The most steps of a service after its own work.
pub const STEPS_MAX: usize = 16;

/// A program with fixed capacity.
///
/// ```
/// use mqlab_core::sim::{ServiceSpec, StepSpec, WorkSpec};
/// use mqlab_core::time::Span;
/// let json = r#"{ "name": "shop", "workers": 4, "work": [1000, 2000], "backlog": 10,
///                 "then": [{ "call": { "service": "finance", "timeout": 50000 } }, "notify"] }"#;
/// let spec: ServiceSpec = serde_json::from_str(json)?;
/// assert_eq!(spec.work, WorkSpec { low: 1_000, high: 2_000 });
/// assert_eq!(spec.then[0], StepSpec::Call { service: "finance".into(), timeout: Span(50_000) });
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceSpec {
    /// What it is called; calls name it so.
    pub name: String,
    /// The queue or topic that it takes work from; without one it is only called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<SourceSpec>,
    /// When it begins to read `from`, in microseconds.
    #[serde(default)]
    pub starts_at: u64,
    /// How many orders it works on at once; 1 for a member of a group, which reads in order.
    pub workers: u16,
    /// How long its own work on an order takes, drawn from the seed.
    pub work: WorkSpec,
    /// How many calls wait when all workers are busy; who comes then is turned away. Messages wait in their queue.
    #[serde(default)]
    pub backlog: u32,
    /// How many of a thousand orders it fails at, drawn from the seed: no money, no stock.
    #[serde(default)]
    pub fails_per_mille: u32,
    /// What it does after its own work, one after the other.
    #[serde(default)]
    pub then: Vec<StepSpec>,
}

/// A span drawn between two, in microseconds: `[1000, 2000]` in JSON, or one number for both.
///
/// ```
/// use mqlab_core::sim::WorkSpec;
/// assert_eq!(serde_json::from_str::<WorkSpec>("[1000, 2000]")?, WorkSpec { low: 1_000, high: 2_000 });
/// assert_eq!(serde_json::from_str::<WorkSpec>("1500")?, WorkSpec { low: 1_500, high: 1_500 });
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "WorkText", into = "WorkText")]
pub struct WorkSpec {
    /// The shortest.
    pub low: u64,
    /// The longest.
    pub high: u64,
}

impl WorkSpec {
    /// Always the same.
    pub(super) fn always(span: Span) -> Self {
        Self { low: span.0, high: span.0 }
    }
}

/// How it is written.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum WorkText {
    Always(u64),
    Between(u64, u64),
}

impl From<WorkText> for WorkSpec {
    fn from(text: WorkText) -> Self {
        match text {
            WorkText::Always(span) => Self { low: span, high: span },
            WorkText::Between(low, high) => Self { low, high },
        }
    }
}

impl From<WorkSpec> for WorkText {
    fn from(WorkSpec { low, high }: WorkSpec) -> Self {
        if low == high { Self::Always(low) } else { Self::Between(low, high) }
    }
}

/// What a service does after its own work.
///
/// ```
/// use mqlab_core::sim::StepSpec;
/// let step: StepSpec = serde_json::from_str(r#"{ "call": { "service": "stock", "timeout": 100000 } }"#)?;
/// assert!(matches!(step, StepSpec::Call { service, .. } if service == "stock"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum StepSpec {
    /// Calls another service and waits; its worker is held meanwhile. If that fails, the order does. An order that
    /// came from a queue has nobody who waits: what was refused or lost is called for again, only "failed" is final.
    Call {
        /// The other service.
        service: String,
        /// How long it waits, in microseconds.
        timeout: Span,
    },
    /// Puts a message for the order into a queue or a topic, and goes on when it was told "stored".
    Send {
        /// Where to.
        to: TargetSpec,
    },
    /// Lets the user know that the order is done; when the order failed before this step, that it failed.
    Notify,
}

/// A crowd that asks for something at a pace, whether or not the answers keep up (an open loop). A rush is a second
/// crowd.
///
/// ```
/// use mqlab_core::sim::UserSpec;
/// let json = r#"{ "name": "rush", "calls": "shop", "requests": 240, "every": 500, "timeout": 150000 }"#;
/// let rush: UserSpec = serde_json::from_str(json)?;
/// assert_eq!(rush.every * rush.requests, 120_000); // all of them within 120 ms
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserSpec {
    /// What it is called.
    pub name: String,
    /// The service that it calls.
    pub calls: String,
    /// When it begins, in microseconds; the first order is asked for one interval later.
    #[serde(default)]
    pub starts_at: u64,
    /// How many orders it asks for.
    pub requests: u64,
    /// The time between two orders, in microseconds.
    pub every: u64,
    /// How long each of the crowd waits for an answer, in microseconds.
    pub timeout: Span,
    /// Who has to work on an order until it is really done: services, or the queue or group of consumers. Without
    /// any it is the service that is called.
    #[serde(default)]
    pub done_by: Vec<String>,
}

fn invalid<T>(what: String) -> Result<T, InvalidScenario> {
    Err(InvalidScenario(what))
}

impl Scenario {
    /// The node of a service.
    pub(super) fn service(&self, name: &str) -> Option<NodeId> {
        let index = self.services.iter().position(|service| service.name == name)?;
        Some(NodeId::Service(index as u16 + 1))
    }

    /// Who is meant by a name in `done_by`.
    fn needed(&self, name: &str) -> Option<Needed> {
        if let Some(service) = self.service(name) {
            return Some(Needed::Service(service));
        }
        let sources = self.consumers.iter().map(|consumer| &consumer.from);
        let sources = sources.chain(self.services.iter().filter_map(|service| service.from.as_ref()));
        sources.map(needed_of).find(|needed| match needed {
            Needed::Queue(known) | Needed::Group(known) => known.as_str() == name,
            Needed::Service(_) => false,
        })
    }

    /// Who has to work on what a crowd asks for.
    pub(super) fn needed_by(&self, user: &UserSpec) -> SortedSet<Needed> {
        let names: &[String] =
            if user.done_by.is_empty() { core::slice::from_ref(&user.calls) } else { &user.done_by };
        names.iter().filter_map(|name| self.needed(name)).collect()
    }

    /// Checks the services and users.
    pub(super) fn check_services(&self) -> Result<(), InvalidScenario> {
        for (what, count) in [("services", self.services.len()), ("users", self.users.len())] {
            if count > NODES_MAX {
                return invalid(format!("{count} {what}, use at most {NODES_MAX}"));
            }
        }
        let mut names = SortedSet::new();
        for service in &self.services {
            if service.name.is_empty() || !names.insert(&service.name) {
                return invalid(format!("two services, or none, can be called {:?}", service.name));
            }
            self.check_service(service)?;
        }
        let visits = self.visits()?;
        let (mut orders, mut works) = (0_u64, 0_u64);
        for user in &self.users {
            let UserSpec { name, calls, requests, every, timeout, done_by, .. } = user;
            let Some(service) = self.service(calls) else {
                return invalid(format!("{name} calls {calls}, which is no service"));
            };
            if let Some(unknown) = done_by.iter().find(|name| self.needed(name).is_none()) {
                let words = "which is no service, and no queue or group that anybody reads";
                return invalid(format!("an order of {name} is done by {unknown}, {words}"));
            }
            if *every == 0 {
                return invalid(format!("{name} asks every {every} microseconds"));
            }
            check_timeout(name, *timeout)?;
            orders = orders.saturating_add(*requests);
            let each = visits.get(&service).copied().unwrap_or(1);
            works = works.saturating_add(requests.saturating_mul(each));
        }
        if orders > ORDERS_MAX {
            return invalid(format!("{orders} orders, use at most {ORDERS_MAX}"));
        }
        if works > MESSAGES_MAX {
            return invalid(format!("services would have to work {works} times, use at most {MESSAGES_MAX}"));
        }
        Ok(())
    }

    fn check_service(&self, service: &ServiceSpec) -> Result<(), InvalidScenario> {
        let ServiceSpec { name, from, starts_at, workers, work, backlog, fails_per_mille, then } = service;
        if !(1..=WORKERS_MAX).contains(workers) {
            return invalid(format!("{name} has {workers} workers, use 1 to {WORKERS_MAX}"));
        }
        if work.low == 0 || work.low > work.high || Span(work.high) > PATIENCE_MAX {
            return invalid(format!("{name} works {} to {} microseconds", work.low, work.high));
        }
        if *backlog > BACKLOG_MAX {
            return invalid(format!("{backlog} may wait at {name}, use at most {BACKLOG_MAX}"));
        }
        if *fails_per_mille > 1_000 {
            return invalid(format!("{name} fails at {fails_per_mille} of a thousand orders"));
        }
        if then.len() > STEPS_MAX {
            return invalid(format!("{name} has {} steps, use at most {STEPS_MAX}", then.len()));
        }
        match from {
            None if *starts_at > 0 => {
                return invalid(format!("{name} starts at {starts_at}, but has nothing to read"));
            }
            Some(SourceSpec::Group { .. }) if *workers > 1 => {
                return invalid(format!("{name} is a member of a group and has {workers} workers, use 1"));
            }
            Some(source) if !self.has_source(source) => {
                return invalid(format!("{name} reads what is not there"));
            }
            _ => {}
        }
        for step in then {
            match step {
                StepSpec::Call { service, timeout } => {
                    if self.service(service).is_none() {
                        return invalid(format!("{name} calls {service}, which is no service"));
                    }
                    check_timeout(name, *timeout)?;
                }
                StepSpec::Send { to } if !self.has_target(to) => {
                    return invalid(format!("{name} sends to a queue or topic that is not there"));
                }
                StepSpec::Send { .. } | StepSpec::Notify => {}
            }
        }
        Ok(())
    }

    /// Who works next on what a service hands on: those that it calls, and those that read what it sends to.
    fn next_to(&self, service: &ServiceSpec) -> Vec<NodeId> {
        let reads = |target: &TargetSpec, source: &SourceSpec| match (target, source) {
            (TargetSpec::Queue(to), SourceSpec::Queue { name, .. }) => to == name,
            (
                TargetSpec::Topic { name, .. },
                SourceSpec::Group { topic, .. } | SourceSpec::Share { topic, .. },
            ) => name == topic,
            (TargetSpec::AnyOf(names), SourceSpec::Queue { name, .. }) => names.contains(name),
            // Whom an exchange leads to depends on each message: whoever may be reached counts.
            (TargetSpec::Exchange { .. }, SourceSpec::Queue { .. } | SourceSpec::Subscription { .. }) => true,
            _ => false,
        };
        let mut next = Vec::new();
        for step in &service.then {
            match step {
                StepSpec::Call { service, .. } => next.extend(self.service(service)),
                StepSpec::Send { to } => {
                    let readers = (1..).map(NodeId::Service).zip(&self.services);
                    let reader =
                        |reader: &ServiceSpec| reader.from.as_ref().is_some_and(|source| reads(to, source));
                    next.extend(readers.filter(|(_, spec)| reader(spec)).map(|(node, _)| node));
                }
                StepSpec::Notify => {}
            }
        }
        next
    }

    /// How often services work on one order that reaches a service, itself included.
    fn visits(&self) -> Result<SortedMap<NodeId, u64>, InvalidScenario> {
        let all: Vec<(NodeId, Vec<NodeId>)> = (1..)
            .map(NodeId::Service)
            .zip(&self.services)
            .map(|(node, spec)| (node, self.next_to(spec)))
            .collect();
        let mut visits: SortedMap<NodeId, u64> = SortedMap::new();
        // Those first whose followers are all known; where none is left but circles, orders would go round for ever.
        while visits.len() < all.len() {
            let before = visits.len();
            for (node, next) in &all {
                let known: Option<Vec<u64>> = next.iter().map(|next| visits.get(next).copied()).collect();
                if let Some(known) = known {
                    visits.insert(*node, known.into_iter().fold(1, u64::saturating_add));
                }
            }
            if visits.len() == before {
                let circle = all.iter().zip(&self.services);
                let names = circle.filter(|((node, _), _)| !visits.contains_key(node));
                let names: Vec<String> = names.map(|(_, spec)| spec.name.to_string()).collect();
                return invalid(format!("orders go round in a circle: {}", names.join(", ")));
            }
        }
        Ok(visits)
    }
}

/// As whose work the work of those who read something counts.
pub(super) fn needed_of(source: &SourceSpec) -> Needed {
    match source {
        SourceSpec::Queue { name, .. } => Needed::Queue(name.clone()),
        SourceSpec::Group { name, .. }
        | SourceSpec::Share { name, .. }
        | SourceSpec::Poll { reader: name, .. } => Needed::Group(name.clone()),
        SourceSpec::Subscription { subscription, .. } => Needed::Queue(subscription_queue(subscription)),
        SourceSpec::System(from) => match from.group() {
            Some(group) => Needed::Group(group.clone()),
            None => Needed::Queue(from.name()),
        },
    }
}

/// The queue, topic or exchange that is read.
pub(super) fn source_name(source: &SourceSpec) -> Name {
    match source {
        SourceSpec::Queue { name, .. } => name.clone(),
        SourceSpec::Group { topic, .. }
        | SourceSpec::Share { topic, .. }
        | SourceSpec::Poll { topic, .. } => topic.clone(),
        SourceSpec::Subscription { subscription, .. } => named(subscription.topic.as_str()),
        SourceSpec::System(from) => from.name(),
    }
}

/// The queue, topic or exchange that is meant; the first of several.
pub(super) fn name_of(target: &TargetSpec) -> Name {
    match target {
        TargetSpec::Queue(name) | TargetSpec::Topic { name, .. } => name.clone(),
        TargetSpec::Exchange { name, .. } => named(name.as_str()),
        TargetSpec::System(to) => to.name(),
        TargetSpec::AnyOf(names) => names.first().cloned().unwrap_or_else(|| named("")),
    }
}

/// The queue of a subscription, as far as its name says; a subscription without one is called as its topic.
pub(super) fn subscription_queue(subscription: &Subscription) -> Name {
    let queue = subscription.name.as_ref().and_then(|name| {
        VirtualHost::<MemoryStorage>::subscription_queue(subscription.client.as_ref(), name).ok()
    });
    queue.unwrap_or_else(|| named(subscription.topic.as_str()))
}

/// A name, or the word for the exchange that has none.
fn named(text: &str) -> Name {
    Name::new(text).unwrap_or_else(|_| Name::new("default").expect("a legal name"))
}

fn check_timeout(name: &str, timeout: Span) -> Result<(), InvalidScenario> {
    if (PATIENCE_MIN..=PATIENCE_MAX).contains(&timeout) {
        return Ok(());
    }
    invalid(format!("{name} waits {timeout} for an answer, use {PATIENCE_MIN} to {PATIENCE_MAX}"))
}
