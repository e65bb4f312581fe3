//! What is promised to users? That an order of which they were told "accepted" is done in the end.
//!
//! | how the order goes on | promised |
//! |---|---|
//! | a service calls all who have to work on it, and answers "done" | nothing more: "done" is said when it is true, and no answer says nothing |
//! | a service puts it into a queue or a topic, and answers "accepted" | it is done in the end, if the queue or the topic keeps it, if whoever reads it cannot fail, and if there is time |
//! | who reads it calls others, or hands it to an exchange | nothing: what comes of a call in vain, and whom an exchange leads to, settings do not tell |
//!
//! Whoever can fail at an order that is accepted breaks it, and its user is disappointed: that is what the user pays for not
//! waiting, and why such programs let users know (`StepSpec::Notify`).
//!
//! Beside services nothing else is promised of queues and topics: what services send has no account there.

use alloc::vec::Vec;

use super::super::scenario::{ConsumerSpec, Scenario, SourceSpec, TargetSpec, is_default};
use super::super::service_spec::{ServiceSpec, StepSpec, UserSpec, needed_of};
use super::{Promises, readers};
use crate::broker::Acks;
use crate::ids::NodeId;
use crate::observe::{Needed, Promise, Promised, Subject};
use crate::sorted::SortedSet;
use crate::time::{Span, Time};

impl<'a> Promises<'a> {
    pub(super) fn of_orders(&self, made: &mut Vec<Promised>) {
        let Scenario { users, limits, settings, .. } = self.scenario;
        let puts = |user: &UserSpec| self.first(user).is_some_and(|first| first.then.iter().any(is_put));
        let holds = users.iter().any(puts)
            && users.iter().all(|user| self.is_kept(user))
            && limits.is_empty()
            && settings.intake == Span::ZERO
            && self.adversity.disks_keep(settings.flush_before_reply)
            && !self.adversity.replaces()
            && self.has_time_for_orders();
        if holds {
            made.push(Promised { promise: Promise::AcceptedIsDone, of: Subject::Users });
        }
    }

    /// The service that a crowd calls.
    fn first(&self, user: &UserSpec) -> Option<&'a ServiceSpec> {
        self.scenario.services.iter().find(|service| service.name == user.calls)
    }

    /// Whether what a crowd was told is accepted is kept, and reaches everybody who has to work on it.
    fn is_kept(&self, user: &UserSpec) -> bool {
        let Some(first) = self.first(user) else { return false };
        let mut works: SortedSet<Needed> = SortedSet::new();
        works.extend(self.scenario.service(&user.calls).map(Needed::Service));
        for step in &first.then {
            match step {
                StepSpec::Call { service, .. } => {
                    // It works while its caller waits: what it says is in the answer, unless it hands on itself.
                    let callee = self.scenario.services.iter().find(|other| other.name == *service);
                    if callee.is_none_or(|callee| !callee.then.is_empty()) {
                        return false;
                    }
                    works.extend(self.scenario.service(service).map(Needed::Service));
                }
                StepSpec::Send { to } => {
                    if !self.keeps_orders(to) || !self.gather(to, &mut works) {
                        return false;
                    }
                }
                StepSpec::Notify => {}
            }
        }
        self.scenario.needed_by(user).is_subset(&works)
    }

    /// Whether what is put there stays until it is done.
    fn keeps_orders(&self, to: &TargetSpec) -> bool {
        let Scenario { queues, topics, .. } = self.scenario;
        match to {
            TargetSpec::Queue(name) => {
                queues.iter().any(|queue| queue.name == *name && is_default(&queue.options))
            }
            TargetSpec::Topic { name, acks: Acks::All } => topics.iter().any(|topic| {
                let log = self.log_of(topic);
                topic.name == *name && log.keeps && !log.trims
            }),
            _ => false,
        }
    }

    /// Gathers who works on what is put there; whether all of them get everything and cannot fail.
    fn gather(&self, to: &TargetSpec, works: &mut SortedSet<Needed>) -> bool {
        let Scenario { services, consumers, .. } = self.scenario;
        let reads = |from: &SourceSpec| match (to, from) {
            (TargetSpec::Queue(to), SourceSpec::Queue { name, .. }) => to == name,
            (TargetSpec::Topic { name, .. }, SourceSpec::Group { topic, .. }) => name == topic,
            _ => false,
        };
        let mut all = true;
        for (node, service) in (1..).map(NodeId::Service).zip(services) {
            let Some(from) = service.from.as_ref().filter(|from| reads(from)) else { continue };
            let goes_on = |step: &StepSpec| !matches!(step, StepSpec::Notify);
            let fails = service.fails_per_mille > 0 || service.then.iter().any(goes_on);
            all &= !fails && is_careful(from);
            works.extend([Needed::Service(node), needed_of(from)]);
        }
        for ConsumerSpec { from, program, .. } in consumers.iter().filter(|consumer| reads(&consumer.from)) {
            // Whatever else a program may do is no part of this story.
            let plain =
                super::super::program_spec::ProgramSpec { workers: program.workers, ..Default::default() };
            all &= *program == plain && is_careful(from);
            works.insert(needed_of(from));
        }
        all
    }

    /// Whether the run goes on for long enough after everything that goes wrong, and after the last order, as if one worker
    /// did everything at each place.
    fn has_time_for_orders(&self) -> bool {
        let Scenario { users, services, consumers, ends_at, .. } = self.scenario;
        let orders = users.iter().fold(0_u64, |sum, user| sum.saturating_add(user.requests));
        let last =
            users.iter().map(|user| user.starts_at.saturating_add(user.requests.saturating_mul(user.every)));
        let begun = services.iter().map(|service| service.starts_at);
        let last = Time(last.chain(begun).max().unwrap_or(0));
        let Some(over) = self.adversity.over else { return false };
        let longest = services.iter().map(|service| service.work.high / u64::from(service.workers.max(1)));
        let longest = longest.chain(consumers.iter().map(|consumer| consumer.work)).max().unwrap_or(0);
        let needed = self.silence().saturating_add(orders.saturating_mul(longest));
        // They are worked on while they come.
        let from_the_first = Time(0) + Span(orders.saturating_mul(longest));
        ends_at.since(over) >= Span(needed) && ends_at.since(last.max(from_the_first)) >= Span(self.silence())
    }
}

const fn is_put(step: &StepSpec) -> bool {
    matches!(step, StepSpec::Send { .. })
}

/// Whether it takes whatever comes, and says that it is done when it is.
fn is_careful(from: &SourceSpec) -> bool {
    match from {
        SourceSpec::Queue { reading, .. } => {
            !reading.automatic && reading.selector.is_none() && !reading.exclusive
        }
        SourceSpec::Group { .. } => {
            let reader = ConsumerSpec::new("", from.clone());
            readers::reads_all(&reader) && readers::commits_after(&reader)
        }
        _ => false,
    }
}
