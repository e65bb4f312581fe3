//! What does a broker do all the time with a topic that is open? It delivers, reads what is missing, writes cursors, and
//! looks what may go.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::vec::Vec;

use super::compacting::{Compaction, compacted_entry};
use super::facts::{delivered, tell_held_back, unread};
use super::{For, Subscribed, Topic, TopicOut};
use crate::ids::{Name, NodeId};
use crate::observe::{Event, PulsarEvent};
use crate::systems::pulsar::compaction::CompactedLedger;
use crate::systems::pulsar::cursor::RANGES_MAX;
use crate::systems::pulsar::entries::facts;
use crate::systems::pulsar::ledger::{BookieReply, BookieRequest, LedgerId, ledger_path};
use crate::systems::pulsar::ledger_list::LedgerFact;
use crate::systems::pulsar::position::Position;
use crate::systems::pulsar::protocol::Answer;
use crate::systems::pulsar::retention::expired;
use crate::systems::pulsar::store_op::{Expected, StoreOp};
use crate::systems::pulsar::{SubscriptionType, TopicName};
use crate::time::Time;

impl Topic {
    /// Delivers what can be delivered, reads what is missing, writes what has changed.
    pub(super) fn pump(&mut self, now: Time, out: &mut Vec<TopicOut>) {
        if !self.open {
            return;
        }
        let (mut missing, paths) = (BTreeSet::new(), self.cursor_path(""));
        for (name, subscribed) in &mut self.subscriptions {
            let copies = view(self.compaction.as_ref(), subscribed);
            let Subscribed { subscription, clients, .. } = subscribed;
            while let Some(copies) = copies {
                let (entries, mut lacks) = (&self.entries, Vec::new());
                let load = |position| {
                    let found = compacted_entry(entries, copies, position);
                    found.map(|payload| facts(&payload)).map_err(|at| lacks.push(at)).ok()
                };
                let (sent, _) = subscription.dispatch_view(now, self.managed.extents(), copies, load);
                missing.extend(lacks);
                if sent.is_empty() {
                    break;
                }
                for dispatched in sent {
                    let payload = compacted_entry(entries, copies, dispatched.position).unwrap_or_default();
                    let Some(&(client, consumer)) = clients.get(&dispatched.to) else { continue };
                    let (position, redeliveries) = (dispatched.position, dispatched.redeliveries);
                    delivered(name, client, redeliveries, &payload, out);
                    let epoch = subscription.dispatcher().epoch(dispatched.to);
                    let message = Answer::Message { consumer, position, redeliveries, epoch, payload };
                    out.push(TopicOut::Client(client, message));
                }
            }
            tell_held_back(name, subscription, &self.entries, out);
            tell_active(&self.name, name, subscribed, out);
            if subscribed.dirty && !subscribed.writing {
                (subscribed.dirty, subscribed.writing) = (false, true);
                let value = subscribed.subscription.cursor().to_bytes(RANGES_MAX);
                let expected = subscribed.version.map_or(Expected::Absent, Expected::Version);
                let path = format!("{paths}{name}");
                let op = StoreOp::Put { path, value, expected, ephemeral: false };
                out.push(TopicOut::Store(For::Cursor(name.clone()), op));
            }
        }
        missing.into_iter().for_each(|position| self.want(now, position, out));
        self.offload(now, out);
        self.compact(now, out);
    }

    /// Hands the next entry over that the object store should get.
    fn offload(&mut self, now: Time, out: &mut Vec<TopicOut>) {
        let Some(position) = self.managed.wants_to_offload() else { return };
        let Some(payload) = self.entries.get(position).cloned() else { return self.want(now, position, out) };
        let mut facts = Vec::new();
        self.managed.offload(now, payload, &mut facts);
        for fact in facts {
            if let LedgerFact::Ask(to, request) = fact {
                out.push(TopicOut::Bookie(to, request));
            }
        }
    }

    /// Reads an entry from a bookie that has it.
    pub(super) fn want(&mut self, now: Time, position: Position, out: &mut Vec<TopicOut>) {
        let Some(metadata) = self.managed.metadata(position.ledger) else {
            return self.look_where(position.ledger, out);
        };
        let (mut asks, down) = (Vec::new(), &self.down);
        let vain = self.entries.read(now, position, metadata, |bookie| !down.contains(&bookie), &mut asks);
        self.asked(now, vain.then_some(position.ledger), asks, out);
    }

    fn look_where(&mut self, ledger: LedgerId, out: &mut Vec<TopicOut>) {
        if self.looking.insert(ledger) {
            let path = ledger_path(ledger);
            out.push(TopicOut::Store(For::Metadata(ledger), StoreOp::Get { path }));
        }
    }

    /// Who was asked; of which ledger in vain. Perhaps its entries are elsewhere by now.
    fn asked(
        &mut self,
        now: Time,
        vain: Option<LedgerId>,
        asks: Vec<(NodeId, BookieRequest)>,
        out: &mut Vec<TopicOut>,
    ) {
        if let Some(ledger) = vain {
            self.retry = Some(now + self.settings.ledgers.retry);
            self.look_where(ledger, out);
        }
        out.extend(asks.into_iter().map(|(to, request)| TopicOut::Bookie(to, request)));
    }

    /// Lets go of ledgers that nobody needs.
    pub(super) fn trim(&mut self, now: Time, facts: &mut Vec<LedgerFact>) {
        let marks = self.subscriptions.values().map(|subscribed| subscribed.subscription.cursor().mark());
        let extents = self.managed.extents();
        let compacted = self.compaction.as_ref().map(|compaction| compaction.mark(extents));
        let slowest = marks.chain(compacted).min().unwrap_or(extents.end());
        let gone = self.settings.retention.gone(self.managed.ledgers(), slowest, now);
        if self.managed.drop_ledgers(&gone, facts) {
            gone.into_iter().for_each(|ledger| self.entries.forget(ledger));
        }
    }

    /// A bookie has answered.
    pub(in crate::systems::pulsar) fn on_bookie(
        &mut self,
        now: Time,
        from: NodeId,
        reply: BookieReply,
        out: &mut Vec<TopicOut>,
    ) {
        let mut facts = Vec::new();
        if let Some(position) = self.entries.on_reply(from, &reply) {
            self.elsewhere(now, position, out);
        }
        match self.managed.is_object_store(from) {
            true => self.managed.on_object_store(now, &reply, &mut facts),
            false => {
                self.compaction_on_bookie(from, &reply, out);
                self.managed.on_reply(now, from, reply, &mut facts);
            }
        }
        self.take(now, facts, out);
    }

    /// Asks another for an entry, unless it is here.
    pub(super) fn elsewhere(&mut self, now: Time, position: Position, out: &mut Vec<TopicOut>) {
        let Some(metadata) = self.managed.metadata(position.ledger) else {
            return self.entries.forget(position.ledger); // it is gone meanwhile
        };
        let (mut asks, down) = (Vec::new(), &self.down);
        let vain =
            self.entries.read_elsewhere(now, position, metadata, |bookie| !down.contains(&bookie), &mut asks);
        self.asked(now, vain.then_some(position.ledger), asks, out);
    }

    /// Which bookies there are now.
    pub(in crate::systems::pulsar) fn set_bookies(
        &mut self,
        now: Time,
        bookies: &[NodeId],
        out: &mut Vec<TopicOut>,
    ) {
        self.down.retain(|bookie| !bookies.contains(bookie));
        let mut facts = Vec::new();
        self.managed.set_bookies(now, bookies, &mut facts);
        self.take(now, facts, out);
    }

    /// A bookie has failed.
    pub(in crate::systems::pulsar) fn bookie_failed(
        &mut self,
        now: Time,
        bookie: NodeId,
        out: &mut Vec<TopicOut>,
    ) {
        self.down.insert(bookie);
        for position in self.entries.asked_of(bookie) {
            self.elsewhere(now, position, out);
        }
        let mut facts = Vec::new();
        self.managed.bookie_failed(now, bookie, &mut facts);
        self.compaction_lacks(bookie, out);
        self.take(now, facts, out);
    }

    /// Looks what is due.
    pub(in crate::systems::pulsar) fn tick(&mut self, now: Time, out: &mut Vec<TopicOut>) {
        let mut facts = Vec::new();
        self.managed.tick(now, &mut facts);
        for position in self.entries.overdue(now, self.settings.ledgers.add_timeout) {
            self.elsewhere(now, position, out);
        }
        if self.retry.is_some_and(|at| at <= now) {
            self.retry = None;
            if !self.has_cursors {
                out.push(TopicOut::Store(For::Cursors, StoreOp::List { prefix: self.cursor_path("") }));
            }
        }
        if self.open && now >= self.next_check {
            self.next_check = now + self.settings.check_interval;
            self.expire(now, out);
            self.check_quota(now, &mut facts, out);
            self.trim(now, &mut facts);
            self.managed.look_what_to_offload(now, &mut facts);
        }
        self.tick_compaction(now, out);
        self.take(now, facts, out);
    }

    /// Acknowledges what has lived for too long.
    fn expire(&mut self, now: Time, out: &mut Vec<TopicOut>) {
        let Some(ttl) = self.settings.time_to_live else { return };
        let mut missing = Vec::new();
        for (name, subscribed) in &mut self.subscriptions {
            let (entries, extents) = (&self.entries, self.managed.extents());
            let published = |position| entries.published(position);
            if let Some(last) = expired(subscribed.subscription.cursor(), extents, published, ttl, now) {
                let messages = unread(subscribed.subscription.cursor(), extents, entries, last);
                let subscription = name.clone();
                out.push(TopicOut::Event(Event::Pulsar(PulsarEvent::Expired { subscription, messages })));
                subscribed.dirty |= subscribed.subscription.skip_to(last, extents);
            }
            let mark = subscribed.subscription.cursor().mark();
            if extents.contains(mark) && entries.get(mark).is_none() {
                missing.push(mark); // known by the next look
            }
        }
        missing.into_iter().for_each(|position| self.want(now, position, out));
    }

    /// When it wants to be [ticked](Self::tick).
    pub(in crate::systems::pulsar) fn next_wakeup(&self) -> Option<Time> {
        let delayed =
            self.subscriptions.values().filter_map(|subscribed| subscribed.subscription.next_wakeup());
        let check = self.open.then_some(self.next_check);
        let reads = self.entries.next_overdue(self.settings.ledgers.add_timeout);
        let compaction = self.compaction.as_ref().filter(|_| self.open).and_then(Compaction::next_wakeup);
        let all = delayed.chain(self.managed.next_wakeup()).chain(self.retry).chain(check).chain(reads);
        all.chain(compaction).min()
    }
}

/// What a subscription reads of what is compacted: nothing, but for one whose consumer wants that; unknown before all of it
/// was looked through.
pub(super) fn view<'a>(
    compaction: Option<&'a Compaction>,
    subscribed: &Subscribed,
) -> Option<Option<&'a CompactedLedger>> {
    let active = subscribed.subscription.dispatcher().active();
    let wants = active.is_some_and(|active| subscribed.compacted.contains(&active));
    compaction.filter(|_| wants).map_or(Some(None), Compaction::view)
}

/// Tells consumers of whom one is active at a time who that is now.
fn tell_active(topic: &TopicName, name: &Name, subscribed: &mut Subscribed, out: &mut Vec<TopicOut>) {
    let dispatcher = subscribed.subscription.dispatcher();
    let active = dispatcher.active();
    if active == subscribed.told_active || dispatcher.kind() != SubscriptionType::Failover {
        return;
    }
    for (id, (client, consumer)) in &subscribed.clients {
        let told = Answer::Active { consumer: *consumer, active: active == Some(*id) };
        out.push(TopicOut::Client(*client, told));
    }
    let client = active.and_then(|active| subscribed.clients.get(&active));
    if let (Some(&(consumer, _)), Ok(partition)) = (client, topic.place()) {
        let subscription = name.clone();
        out.push(TopicOut::Event(Event::Pulsar(PulsarEvent::Active { partition, subscription, consumer })));
    }
    subscribed.told_active = active;
}
