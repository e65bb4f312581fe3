//! What is delivered next, and what again? A subscription is a cursor, those who consume, and what came back.
//!
//! ```text
//!   mark                      read
//!    ▼                         ▼
//!   ─●──✓──●──✓──✓──●──●──●────○────○────○──▶     ● given out   ✓ acknowledged   ○ not read yet
//!          │        │
//!          └────────┴─▶ came back: the replay set, which goes first, in order of position
//! ```
//!
//! | what happens | shared, key-shared | exclusive, failover |
//! |---|---|---|
//! | a message is given back | it goes to the replay set | everything that is not acknowledged is delivered again |
//! | its consumer is gone | all that it had goes to the replay set | the next active one begins at the mark |
//! | it says when it wants to be delivered | it waits for that | it does not wait |
//!
//! How often a message came back is counted in memory, and forgotten with the broker. It counts what was given back, not
//! what was lost with a consumer.
//!
//! Source: Pulsar `PersistentSubscription`, `PersistentDispatcherMultipleConsumers`, `MessageRedeliveryController`,
//! `InMemoryDelayedDeliveryTracker`.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use super::compaction::CompactedLedger;
use super::cursor::Cursor;
use super::dispatch::{Candidate, Dispatcher, NewConsumer, NotSubscribed, SubscriptionType};
use super::position::{Extents, Position};
use super::ranges::ConsumerId;
use crate::time::Time;

/// The most entries that are looked at together (`dispatcherMaxReadBatchSize`).
pub const READ_BATCH: usize = 100;

/// So many entries that came back or wait for their key, and no new ones are read
/// (`keySharedLookAheadMsgInReplayThresholdPerConsumer`).
pub const LOOK_AHEAD: usize = 2_000;

/// What is known of an entry that has been read.
///
/// ```
/// use mqlab_core::systems::pulsar::EntryFacts;
/// let facts = EntryFacts { messages: 3, key: None, deliver_at: None };
/// assert_eq!(facts.messages, 3);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryFacts {
    /// How many messages it has.
    pub messages: u32,
    /// Its ordering key, or else its key.
    pub key: Option<bytes::Bytes>,
    /// When it wants to be delivered at the earliest.
    pub deliver_at: Option<Time>,
}

/// An entry on its way to a consumer.
///
/// ```
/// use mqlab_core::systems::pulsar::{ConsumerId, Dispatched, Position};
/// let sent = Dispatched { to: ConsumerId(1), position: Position::default(), redeliveries: 0 };
/// assert_eq!(sent.redeliveries, 0); // the first time
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dispatched {
    /// To whom.
    pub to: ConsumerId,
    /// Which.
    pub position: Position,
    /// How often it was given back before.
    pub redeliveries: u32,
}

/// One subscription of a topic.
///
/// ```
/// use mqlab_core::systems::pulsar::{
///     Cursor, EntryFacts, Extents, NewConsumer, Position, Subscription, SubscriptionType,
/// };
/// use mqlab_core::systems::pulsar::ledger::LedgerId;
/// use mqlab_core::time::Time;
///
/// let extents = Extents::from_iter([(LedgerId(7), 2)]);
/// let at = |entry| Position::new(LedgerId(7), entry);
/// let mut subscription = Subscription::new(SubscriptionType::Shared, Cursor::new(at(0)), None, "t");
/// let consumer = subscription.add(NewConsumer::default())?;
/// subscription.flow(consumer, 1_000);
/// let load = |_| Some(EntryFacts { messages: 1, key: None, deliver_at: None });
/// let (sent, _) = subscription.dispatch(Time::ZERO, &extents, load);
/// assert_eq!(sent.len(), 2);
/// subscription.acknowledge(consumer, at(1), &extents);
/// subscription.give_back(consumer, &[at(0)], &extents);
/// let (again, _) = subscription.dispatch(Time::ZERO, &extents, load);
/// assert_eq!((again[0].position, again[0].redeliveries), (at(0), 1));
/// # Ok::<(), mqlab_core::systems::pulsar::NotSubscribed>(())
/// ```
#[derive(Clone, Debug)]
pub struct Subscription {
    dispatcher: Dispatcher,
    cursor: Cursor,
    /// The first position that was not looked at.
    read: Position,
    replay: BTreeSet<Position>,
    delayed: BTreeSet<(Time, Position)>,
    redeliveries: BTreeMap<Position, u32>,
    /// What was not sent though somebody is there, and until when it waits, where that is known.
    held_back: Vec<(Position, Option<Time>)>,
}

impl Subscription {
    /// A subscription that has got to where its cursor says, without consumers.
    pub fn new(kind: SubscriptionType, cursor: Cursor, partition: Option<u32>, topic: &str) -> Self {
        Self::with(Dispatcher::new(kind, partition, topic), cursor)
    }

    /// The same with a dispatcher of one's own.
    pub fn with(dispatcher: Dispatcher, cursor: Cursor) -> Self {
        let read = cursor.mark();
        Self {
            dispatcher,
            cursor,
            read,
            replay: BTreeSet::new(),
            delayed: BTreeSet::new(),
            redeliveries: BTreeMap::new(),
            held_back: Vec::new(),
        }
    }

    /// How far it has got.
    pub fn cursor(&self) -> &Cursor {
        &self.cursor
    }

    /// Who consumes.
    pub fn dispatcher(&self) -> &Dispatcher {
        &self.dispatcher
    }

    /// The first position that nobody has been given yet.
    pub fn read_position(&self) -> Position {
        self.read
    }

    /// How many entries wait to be delivered again, or for their key.
    pub fn replaying(&self) -> usize {
        self.replay.len()
    }

    /// Until when an entry waits, if it does.
    pub fn waits_until(&self, position: Position) -> Option<Time> {
        self.delayed.iter().find(|(_, other)| *other == position).map(|(until, _)| *until)
    }

    /// How many entries wait for their moment.
    pub fn delayed(&self) -> usize {
        self.delayed.len()
    }

    /// How often an entry was given back.
    pub fn redeliveries_of(&self, position: Position) -> u32 {
        self.redeliveries.get(&position).copied().unwrap_or(0)
    }

    /// Takes a consumer in.
    ///
    /// # Errors
    ///
    /// [`NotSubscribed`] when there is no place for it.
    pub fn add(&mut self, new: NewConsumer) -> Result<ConsumerId, NotSubscribed> {
        let before = self.dispatcher.active();
        let id = self.dispatcher.add(new)?;
        self.follow(before);
        Ok(id)
    }

    /// Lets a consumer go: what it had is delivered to others.
    pub fn remove(&mut self, consumer: ConsumerId) {
        let before = self.dispatcher.active();
        let had = self.dispatcher.remove(consumer);
        if self.dispatcher.kind().is_shared() {
            self.replay.extend(had.into_iter().filter(|position| !self.cursor.has(*position)));
        }
        self.follow(before);
    }

    /// Another is active now: it begins with what is not acknowledged.
    fn follow(&mut self, before: Option<ConsumerId>) {
        if self.dispatcher.kind().is_shared() || self.dispatcher.active() == before {
            return;
        }
        if let Some(before) = before {
            self.dispatcher.settle_to(before, None);
        }
        self.read = self.cursor.mark();
    }

    /// A consumer says how often it has asked for everything again: what it is sent from now on bears that number.
    pub fn set_epoch(&mut self, consumer: ConsumerId, epoch: u64) {
        self.dispatcher.set_epoch(consumer, epoch);
    }

    /// A consumer can take so many messages more.
    pub fn flow(&mut self, consumer: ConsumerId, permits: u32) {
        self.dispatcher.flow(consumer, permits);
    }

    /// Acknowledges an entry. Says whether the cursor has changed. Who acknowledges need not have it: it may have been
    /// taken from a consumer that was gone for a moment.
    pub fn acknowledge(&mut self, by: ConsumerId, position: Position, extents: &Extents) -> bool {
        let holder = self.dispatcher.holder(position).unwrap_or(by);
        self.dispatcher.settle(holder, position);
        self.forget(position);
        self.cursor.acknowledge(position, extents)
    }

    /// Acknowledges an entry and all before it. Says whether the cursor has changed; nothing happens where consumers share
    /// the messages.
    pub fn acknowledge_to(&mut self, by: ConsumerId, position: Position, extents: &Extents) -> bool {
        if self.dispatcher.kind().is_shared() {
            return false;
        }
        self.dispatcher.settle_to(by, Some(position));
        let changed = self.cursor.acknowledge_to(position, extents);
        self.redeliveries = self.redeliveries.split_off(&self.cursor.mark());
        self.read = self.read.max(self.cursor.mark());
        changed
    }

    /// Acknowledges everything up to an entry, whoever has it: it has lived for too long, or there is too much.
    pub fn skip_to(&mut self, position: Position, extents: &Extents) -> bool {
        let consumers: Vec<ConsumerId> = self.dispatcher.consumers().collect();
        for consumer in consumers {
            self.dispatcher.settle_to(consumer, Some(position));
        }
        let changed = self.cursor.acknowledge_to(position, extents);
        let mark = self.cursor.mark();
        self.replay = self.replay.split_off(&mark);
        self.redeliveries = self.redeliveries.split_off(&mark);
        self.delayed.retain(|(_, position)| *position >= mark);
        self.read = self.read.max(mark);
        changed
    }

    fn forget(&mut self, position: Position) {
        self.replay.remove(&position);
        self.redeliveries.remove(&position);
    }

    /// A consumer gives entries back. Where there is one consumer at a time, all that it has comes back with them.
    pub fn give_back(&mut self, by: ConsumerId, positions: &[Position], extents: &Extents) {
        let back: Vec<Position> = if self.dispatcher.kind().is_shared() {
            positions.iter().copied().filter(|position| self.dispatcher.settle(by, *position)).collect()
        } else {
            self.dispatcher.settle_to(by, None)
        };
        for position in back {
            if !self.cursor.has(position) && extents.contains(position) {
                *self.redeliveries.entry(position).or_default() += 1;
                if self.dispatcher.kind().is_shared() {
                    self.replay.insert(position);
                }
            }
        }
        if !self.dispatcher.kind().is_shared() && self.dispatcher.active() == Some(by) {
            self.read = self.cursor.mark();
        }
    }

    /// Gives back all that a consumer has.
    pub fn give_back_all(&mut self, by: ConsumerId, extents: &Extents) {
        let held = self.dispatcher.held(by);
        self.give_back(by, &held, extents);
    }

    /// Begins anew at a position: what is in consumers' hands is theirs no more.
    pub fn seek(&mut self, to: Position, extents: &Extents) {
        let consumers: Vec<ConsumerId> = self.dispatcher.consumers().collect();
        for consumer in consumers {
            self.dispatcher.settle_to(consumer, None);
        }
        self.cursor.seek(to, extents);
        self.read = self.cursor.mark();
        self.replay.clear();
        self.delayed.clear();
        self.redeliveries.clear();
    }

    /// Ledgers are gone, or have ended: positions that were there are not any more.
    pub fn settle(&mut self, extents: &Extents) {
        self.cursor.advance(extents);
        self.read = extents.settle(self.read.max(self.cursor.mark()));
        self.replay.retain(|position| extents.contains(*position));
    }

    /// Shares out what can be. `load` says what an entry is, if it has been read; the second list has those that must be
    /// read for it to get on.
    pub fn dispatch(
        &mut self,
        now: Time,
        extents: &Extents,
        load: impl FnMut(Position) -> Option<EntryFacts>,
    ) -> (Vec<Dispatched>, Vec<Position>) {
        self.dispatch_view(now, extents, None, load)
    }

    /// The same, where of what is compacted only what stays is to be shared out.
    pub fn dispatch_view(
        &mut self,
        now: Time,
        extents: &Extents,
        copies: Option<&CompactedLedger>,
        mut load: impl FnMut(Position) -> Option<EntryFacts>,
    ) -> (Vec<Dispatched>, Vec<Position>) {
        while let Some((at, position)) = self.delayed.first().copied().filter(|(at, _)| *at <= now) {
            self.delayed.remove(&(at, position));
            self.replay.insert(position);
        }
        let (mut ready, mut missing) = (Vec::new(), Vec::new());
        if self.dispatcher.wants() == 0 {
            return (Vec::new(), missing);
        }
        for &position in &self.replay {
            match load(position) {
                Some(facts) => ready.push((position, facts)),
                None => missing.push(position),
            }
            if missing.len() >= READ_BATCH {
                break;
            }
        }
        let replayed = ready.len();
        let mut next = self.read;
        while ready.len() - replayed < READ_BATCH && self.replay.len() < LOOK_AHEAD {
            let Some(position) = self.cursor.next_unacknowledged(next, extents) else { break };
            let stays = copies.map_or(position, |copies| copies.next_after(position, extents));
            if stays != position {
                next = stays;
                continue;
            }
            if self.replay.contains(&position) {
                next = extents.after(position); // it waited for its time, or its key
                continue;
            }
            let Some(facts) = load(position) else {
                missing.push(position);
                break;
            };
            next = extents.after(position);
            match facts.deliver_at.filter(|at| *at > now && self.dispatcher.kind().is_shared()) {
                Some(at) => {
                    self.delayed.insert((at, position));
                    self.held_back.push((position, Some(at)));
                    if ready.len() == replayed {
                        self.read = next; // nothing before it is left to be sent
                    }
                }
                None => ready.push((position, facts)),
            }
        }
        (self.send(&ready, replayed, extents), missing)
    }

    fn send<'a>(
        &mut self,
        ready: &'a [(Position, EntryFacts)],
        replayed: usize,
        extents: &Extents,
    ) -> Vec<Dispatched> {
        let candidate = |(position, facts): &'a (Position, EntryFacts)| Candidate {
            position: *position,
            messages: facts.messages,
            key: facts.key.as_deref(),
        };
        let candidates: Vec<Candidate<'a>> = ready.iter().map(candidate).collect();
        let given = self.dispatcher.dispatch(&candidates);
        let sent: BTreeSet<Position> = given.iter().map(|(_, position)| *position).collect();
        for position in &sent {
            self.replay.remove(position);
        }
        let new = ready[replayed..].iter().map(|(position, _)| *position);
        if let Some(last) = new.clone().filter(|position| sent.contains(position)).max() {
            // What was passed over waits for its key.
            let passed = new.filter(|position| *position < last && !sent.contains(position));
            for position in passed {
                self.replay.insert(position);
                self.held_back.push((position, None));
            }
            self.read = extents.after(last);
        }
        let redeliveries = |position: Position| self.redeliveries.get(&position).copied().unwrap_or(0);
        given
            .into_iter()
            .map(|(to, position)| Dispatched { to, position, redeliveries: redeliveries(position) })
            .collect()
    }

    /// The entries that were held back since this was asked last: until their moment, or until who has their key can take
    /// them.
    pub fn take_held_back(&mut self) -> Vec<(Position, Option<Time>)> {
        core::mem::take(&mut self.held_back)
    }

    /// When the next message is to be delivered that waits for its time.
    pub fn next_wakeup(&self) -> Option<Time> {
        self.delayed.first().map(|(at, _)| *at)
    }
}
