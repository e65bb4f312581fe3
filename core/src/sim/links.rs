//! What can happen on the way? Nothing, in truth, as long as a connection stands: it is TCP's work that what was sent
//! arrives once and in order. So the lab's faults are those that a program above TCP sees.
//!
//! ```text
//!   cut      broker-1 ──d1──✂            consumer-1   nothing passes, nobody is told
//!            broker-1 ◀─────────── ping  consumer-1   a cut one way lets the other way pass
//!   heal     broker-1 ◀─ hang-up ─▶      consumer-1   d1 is missing, so the connection ends here: at both ends at once,
//!            broker-1 ──d1'─────────▶    consumer-1   and what follows goes over a new one
//!
//!   lose     broker-1 ──d1──✗  d2 d3     consumer-1   the connection breaks where d1 is missing: both ends are told, and
//!                                                     d2, d3 and all else that is on its way in it goes with it
//!   double   producer-1 ──p──▶ ──p──▶    broker-1     a proxy, or a client's library, asked again
//!   reorder  producer-1 ──p1───────▶     broker-1     p1 took another connection, or lay in a buffer:
//!                       ──p2──▶                       p2 comes first
//! ```
//!
//! Three rules keep this true to what real systems promise.
//!
//! 1. *Nothing is lost but with its connection.* A pushed stream of deliveries never goes on behind a gap: who pushed
//!    hears of the end and puts back what was not acknowledged. (Real TCP repeats what was lost in a short cut and
//!    brings it late, which is what a slow link shows; here it gives up as soon as it could speak again.) A lost
//!    acknowledgement is what it is in life: it was sent, the connection was reset, and nobody knows.
//! 2. *Only what stands by itself comes twice or late*: the requests of topics and groups, calls, and the answers to
//!    them, for which each asker has a number. What belongs to a session over one connection does not: subscriptions,
//!    deliveries, what is said of them, publishing to queues and exchanges, transactions. There only loss is drawn.
//! 3. *What is late dies with its connection*, and with its sender: no message of a process' earlier life comes after
//!    the first of its new one. (Kafka needed KIP-903 where it does.)
//!
//! Chance has a stream of its own, and is asked only where a fault says so: a run without faults is as it always was.
//!
//! Source of the ideas: Jepsen's `nemesis`, Linux' `tc netem`, `FoundationDB`'s simulator, TCP's RFC 9293 section 3.10.

use super::scenario::{Scenario, TargetSpec};
use super::service_spec::{ServiceSpec, StepSpec};
use super::words::Words;
use crate::broker::{Message, Reply, Request};
use crate::ids::NodeId;
use crate::observe::{Link, LinkFault, Parcel};
use crate::rng::{Rng, Stream};
use crate::sorted::{SortedMap, SortedSet};
use crate::time::Span;

/// A way from one node to another.
pub(super) type Way = (NodeId, NodeId);

/// What is wrong on one way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct State {
    cut: bool,
    slow: Span,
    /// Of a thousand messages.
    lose: u16,
    duplicate: u16,
    reorder: u16,
    lose_next: bool,
    duplicate_next: bool,
    reorder_next: bool,
}

impl State {
    fn suffer(&mut self, fault: LinkFault) {
        match fault {
            LinkFault::Cut => self.cut = true,
            LinkFault::Slow(extra) => self.slow = extra,
            LinkFault::Lose(chance) => self.lose = chance,
            LinkFault::Duplicate(chance) => self.duplicate = chance,
            LinkFault::Reorder(chance) => self.reorder = chance,
            LinkFault::LoseNext => self.lose_next = true,
            LinkFault::DuplicateNext => self.duplicate_next = true,
            LinkFault::ReorderNext => self.reorder_next = true,
            LinkFault::Heal => *self = Self::default(),
        }
    }
}

/// What becomes of one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It arrives.
    Arrives,
    /// It meets a cut.
    Cut,
    /// It is lost, and its connection with it.
    Lost,
    /// It arrives, and once more, later.
    Doubled,
    /// It arrives later than it should.
    HeldUp,
}

/// Every link on which something is wrong.
#[derive(Clone, Debug)]
pub(super) struct Links {
    rng: Rng,
    own: SortedMap<Way, State>,
    everywhere: State,
    /// Nodes that hear "stored" of topics alone.
    of_topics: SortedSet<NodeId>,
}

impl Links {
    /// Sound links between the nodes of a scenario.
    pub(super) fn new(scenario: &Scenario, seed: u64) -> Self {
        let (own, everywhere) = Default::default();
        let is_topic = |to: &TargetSpec| matches!(to, TargetSpec::Topic { .. });
        let producers = (1..).map(NodeId::Producer).zip(&scenario.producers);
        let producers = producers.filter(|(_, spec)| is_topic(&spec.to)).map(|(node, _)| node);
        let sends_well = |spec: &ServiceSpec| {
            spec.then.iter().all(|step| !matches!(step, StepSpec::Send { to } if !is_topic(to)))
        };
        let services = (1..).map(NodeId::Service).zip(&scenario.services);
        let services = services.filter(|(_, spec)| sends_well(spec)).map(|(node, _)| node);
        let of_topics = producers.chain(services).collect();
        Self { rng: Rng::new(seed, Stream::Links), own, everywhere, of_topics }
    }

    /// A producer came that was not there from the first.
    pub(super) fn learn_producer(&mut self, node: NodeId, to: &TargetSpec) {
        if matches!(to, TargetSpec::Topic { .. }) {
            self.of_topics.insert(node);
        }
    }

    /// Something is wrong from now on, or well again. What is well everywhere is well on each link.
    pub(super) fn suffer(&mut self, link: Link, fault: LinkFault) {
        if link == Link::Everywhere {
            self.everywhere.suffer(fault);
            if fault == LinkFault::Heal {
                self.own.clear();
            }
        }
        for way in link.ways() {
            self.own.entry(way).or_default().suffer(fault);
        }
        self.own.retain(|_, state| *state != State::default());
    }

    /// Whether anything is wrong that healing this link would mend.
    pub(super) fn is_hurt(&self, link: Link) -> bool {
        match link {
            Link::Everywhere => !self.own.is_empty() || self.everywhere != State::default(),
            link => link.ways().any(|way| self.own.contains_key(&way)),
        }
    }

    /// Whether nothing passes.
    pub(super) fn is_cut(&self, way: Way) -> bool {
        self.everywhere.cut || self.own.get(&way).is_some_and(|state| state.cut)
    }

    /// The ways between two named nodes on which nothing passes.
    pub(super) fn cuts(&self) -> impl Iterator<Item = Way> {
        self.own.iter().filter(|(_, state)| state.cut).map(|(way, _)| *way)
    }

    /// By how much a message is slower than it would be.
    pub(super) fn extra(&self, way: Way) -> Span {
        let own = self.own.get(&way).map_or(Span::ZERO, |state| state.slow);
        own.max(self.everywhere.slow)
    }

    /// By how much a message that is held up is late, where `longest` is the longest latency.
    pub(super) fn delay(&mut self, longest: Span) -> Span {
        Span(self.rng.between(1, longest.0.saturating_mul(LATE_FACTOR).max(1)))
    }

    /// What becomes of a message that leaves now. Where several faults could, the first of loss, doubling and being
    /// held up decides.
    pub(super) fn fate(&mut self, way: Way, message: &Words) -> Fate {
        if self.is_cut(way) {
            return Fate::Cut;
        }
        if self.own.is_empty() && self.everywhere == State::default() {
            return Fate::Arrives;
        }
        // Of queues, "stored" is said in a session, of topics it stands by itself.
        let of_session = message.says_stored() && !self.of_topics.contains(&way.1);
        let alone = message.stands_alone() && !of_session;
        let (lose, lose_next) = self.chances(way, |state| (state.lose, &mut state.lose_next));
        if self.befalls(lose, lose_next) {
            return Fate::Lost;
        }
        if !alone {
            return Fate::Arrives;
        }
        let (double, double_next) = self.chances(way, |state| (state.duplicate, &mut state.duplicate_next));
        if self.befalls(double, double_next) {
            return Fate::Doubled;
        }
        let (reorder, reorder_next) = self.chances(way, |state| (state.reorder, &mut state.reorder_next));
        if self.befalls(reorder, reorder_next) {
            return Fate::HeldUp;
        }
        Fate::Arrives
    }

    /// The chance of one kind of fault on a way, and whether the next message is to suffer it: this one is.
    fn chances(&mut self, way: Way, of: impl Fn(&mut State) -> (u16, &mut bool)) -> (u16, bool) {
        let (mut chance, mut is_next) = (0, false);
        for state in self.own.get_mut(&way).into_iter().chain([&mut self.everywhere]) {
            let (own, next) = of(state);
            chance = chance.max(own);
            is_next |= core::mem::take(next);
        }
        if is_next {
            self.own.retain(|_, state| *state != State::default());
        }
        (chance, is_next)
    }

    fn befalls(&mut self, chance: u16, is_next: bool) -> bool {
        is_next || chance > 0 && self.rng.below(1_000) < u64::from(chance)
    }
}

/// What is held up is late by at most so many times the longest latency.
const LATE_FACTOR: u64 = 8;

/// Whether a message means the same whenever and however often it comes: rule 2.
pub(super) fn stands_alone(message: &Message) -> bool {
    match message {
        Message::Request(_, request) => matches!(
            request,
            Request::Produce { .. }
                | Request::Fetch(_)
                | Request::OffsetForTime { .. }
                | Request::Metadata
                | Request::Call(_)
                | Request::Heartbeat { .. }
                | Request::Commit { .. }
                | Request::OffsetOf { .. }
                | Request::Group { .. }
                | Request::Txn(_)
                | Request::InitProducer
                | Request::AllocateProducerIds
                | Request::Alive { .. }
                | Request::Leave { .. }
                | Request::SetInSync { .. }
        ),
        Message::Reply(_, reply) => matches!(
            reply,
            Reply::Stored { .. }
                | Reply::Fetched { .. }
                | Reply::Selected { .. }
                | Reply::OffsetForTime { .. }
                | Reply::Diverged { .. }
                | Reply::Cluster(_)
                | Reply::Membership { .. }
                | Reply::OffsetsStored
                | Reply::OffsetIs(_)
                | Reply::Group(_)
                | Reply::Txn(_)
                | Reply::Stable { .. }
                | Reply::Producer { .. }
                | Reply::ProducerIds { .. }
                | Reply::Called { .. }
        ),
        _ => false,
    }
}

/// What kind of thing a message is.
pub(super) fn parcel(message: &Message) -> Parcel {
    match message {
        Message::Request(..) => Parcel::Request,
        Message::Reply(..) => Parcel::Answer,
        Message::Deliver(_) => Parcel::Delivery,
        _ => Parcel::Word,
    }
}
