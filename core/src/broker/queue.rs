//! How does each message reach exactly one of several consumers? A point-to-point queue with push.
//!
//! ```text
//!             append                 dispatch                    done
//!   producer ───────▶ ready ─────────────────────▶ delivered ───────────▶ settled (removed)
//!                       ▲       to the consumers       │
//!                       │       in turn, as far as     │ the consumer goes away:
//!                       │       their prefetch allows  │ back to its old place,
//!                       └──────────────────────────────┘ marked redelivered, counted
//! ```
//!
//! Everything durable is a log, so a queue has two: its messages, and its *cursor*, which gets one record for
//! each delivery and each acknowledgement. Read together after a restart they give back what the queue held:
//! what was not acknowledged is ready again, with its count of deliveries.
//!
//! What real systems do: RabbitMQ's classic queues put returned messages in their old place, as here; its
//! quorum queues serve them first, or last, by their delivery limit. ActiveMQ counts what a consumer has
//! *received and not yet acknowledged* differently (prefetch extension).
//!
//! Shown by the scenario `hundred-messages`: kill a consumer while it works.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;

use bytes::Bytes;

use super::protocol::{Delivery, Message, Out};
use crate::ids::{LogName, MessageId, Name, NodeId, Offset};
use crate::log::{Log, LogError, Slice as _, Storage, StorageError};
use crate::observe::{Event, Place};
use crate::record::{BatchBuilder, Batches, NewRecord, Record};
use crate::time::Time;

/// How many bytes are read at once when a queue is recovered.
const RECOVERY_BYTES: u32 = 1024 * 1024;

/// A message that the queue holds.
#[derive(Clone, Debug)]
pub struct Held {
    /// Its identity, if its producer gave it one.
    pub message: Option<MessageId>,
    /// How often it was delivered.
    pub deliveries: u32,
    /// The consumer that has it now; `None` when it is ready.
    pub with: Option<NodeId>,
}

impl Held {
    fn ready(record: &Record) -> Self {
        Self { message: record.message_id(), deliveries: 0, with: None }
    }
}

#[derive(Clone, Debug)]
struct Subscriber {
    node: NodeId,
    prefetch: u32,
    outstanding: u32,
    /// When it is given up, unless it is heard before.
    deadline: Time,
}

impl Subscriber {
    fn has_room(&self) -> bool {
        self.prefetch == 0 || self.outstanding < self.prefetch
    }
}

/// What a cursor record says of a message.
const DELIVERED: &[u8] = b"d";
const DONE: &[u8] = b"a";

/// A queue and its logs.
#[derive(Clone, Debug)]
pub(crate) struct Queue<L> {
    name: Name,
    messages: L,
    cursor: L,
    held: BTreeMap<Offset, Held>,
    ready: BTreeSet<Offset>,
    /// The front is the next to be served.
    consumers: VecDeque<Subscriber>,
    /// Where the next message goes. Never an offset that was used before, even if its message was lost.
    next: Offset,
}

impl<L: Log> Queue<L> {
    /// Opens a queue with what its logs hold.
    pub(crate) fn open<S: Storage<Log = L>>(
        storage: &mut S,
        name: Name,
    ) -> Result<Self, LogError<StorageError<S>>> {
        let messages = storage.open(&LogName::Queue(name.clone()))?;
        let cursor = storage.open(&LogName::QueueCursor(name.clone()))?;
        let next = messages.end();
        let (held, ready, consumers) = Default::default();
        let mut queue = Self { name, messages, cursor, held, ready, consumers, next };
        queue.recover()?;
        Ok(queue)
    }

    /// Gives the logs back.
    pub(super) fn close<S: Storage<Log = L>>(self, storage: &mut S) -> Result<(), StorageError<S>> {
        storage.close(&LogName::Queue(self.name.clone()), self.messages)?;
        storage.close(&LogName::QueueCursor(self.name), self.cursor)
    }

    fn recover(&mut self) -> Result<(), LogError<L::Error>> {
        let (mut held, mut next) = (BTreeMap::new(), self.next);
        read_all(&self.messages, |batches| {
            held.extend(batches.records().map(|record| (record.offset, Held::ready(&record))));
        })?;
        read_all(&self.cursor, |batches| {
            for record in batches.records() {
                let Some(offset) = record.key.as_deref().and_then(offset_from) else { continue };
                next = next.max(offset.next());
                if record.value.as_deref() == Some(DONE) {
                    held.remove(&offset);
                } else if let Some(held) = held.get_mut(&offset) {
                    held.deliveries += 1;
                }
            }
        })?;
        self.ready = held.keys().copied().collect();
        (self.held, self.next) = (held, next);
        Ok(())
    }

    /// Its name.
    pub(crate) fn name(&self) -> &Name {
        &self.name
    }

    /// The messages that the queue holds, by their place.
    pub(crate) fn held(&self) -> &BTreeMap<Offset, Held> {
        &self.held
    }

    /// Where the next message goes.
    pub(crate) fn next(&self) -> Offset {
        self.next
    }

    /// Whether something was appended that a power cut would take.
    pub(super) fn is_dirty(&self) -> bool {
        self.messages.durable() < self.messages.end() || self.cursor.durable() < self.cursor.end()
    }

    /// Makes everything durable: messages first, so that the cursor never speaks of one that is not there.
    pub(super) fn flush(&mut self) -> Result<(), LogError<L::Error>> {
        self.messages.flush()?;
        self.cursor.flush()
    }

    /// Appends messages, and returns the offset of the first.
    pub(super) fn append(
        &mut self,
        batches: &Batches,
        out: &mut Out<L::Slice>,
    ) -> Result<Offset, LogError<L::Error>> {
        let base = self.next;
        let stamped = batches.stamped(base, crate::ids::Epoch(0));
        self.messages.append(&stamped)?;
        self.next = self.messages.end();
        let mut messages = Vec::new();
        for record in stamped.records() {
            self.held.insert(record.offset, Held::ready(&record));
            self.ready.insert(record.offset);
            messages.extend(record.message_id());
        }
        out.event(Event::Appended { to: Place::Queue(self.name.clone()), base, messages });
        Ok(base)
    }

    /// Adds a consumer at the end of the turn. Asking again begins anew: what it had is ready again.
    pub(super) fn subscribe(&mut self, node: NodeId, prefetch: u32, deadline: Time, out: &mut Out<L::Slice>) {
        self.remove_consumer(node, out);
        self.consumers.push_back(Subscriber { node, prefetch, outstanding: 0, deadline });
    }

    /// A consumer is alive; says whether it is known here.
    pub(super) fn heard(&mut self, node: NodeId, deadline: Time) -> bool {
        let consumer = self.consumers.iter_mut().find(|consumer| consumer.node == node);
        consumer.map(|consumer| consumer.deadline = deadline).is_some()
    }

    /// When the next consumer is given up.
    pub(super) fn next_deadline(&self) -> Option<Time> {
        self.consumers.iter().map(|consumer| consumer.deadline).min()
    }

    /// Gives up the consumers that were not heard in time: a machine without power says no goodbye.
    pub(super) fn expire(&mut self, now: Time, out: &mut Out<L::Slice>) {
        while let Some(silent) = self.consumers.iter().find(|consumer| consumer.deadline <= now) {
            self.remove_consumer(silent.node, out);
        }
    }

    /// Takes a consumer away; what it had not acknowledged stands in its old place again.
    pub(super) fn remove_consumer(&mut self, node: NodeId, out: &mut Out<L::Slice>) {
        self.consumers.retain(|consumer| consumer.node != node);
        let mut messages = Vec::new();
        for (&offset, held) in self.held.iter_mut().filter(|(_, held)| held.with == Some(node)) {
            held.with = None;
            self.ready.insert(offset);
            messages.extend(held.message);
        }
        if !messages.is_empty() {
            out.event(Event::Requeued { queue: self.name.clone(), messages, from: node });
        }
    }

    /// Removes messages that a consumer acknowledged. One that it does not have any more is left alone: it was
    /// given back in the meantime, and will be delivered again.
    pub(super) fn done(
        &mut self,
        by: NodeId,
        offsets: &[Offset],
        out: &mut Out<L::Slice>,
    ) -> Result<(), LogError<L::Error>> {
        for offset in offsets {
            if self.held.get(offset).is_none_or(|held| held.with != Some(by)) {
                continue;
            }
            self.note(*offset, DONE)?;
            let settled = self.held.remove(offset);
            if let Some(consumer) = self.consumers.iter_mut().find(|consumer| consumer.node == by) {
                consumer.outstanding -= 1;
            }
            if let Some(message) = settled.and_then(|held| held.message) {
                out.event(Event::Settled { queue: self.name.clone(), message, by });
            }
        }
        self.forget()
    }

    /// Lets the logs drop what no message needs any more.
    fn forget(&mut self) -> Result<(), LogError<L::Error>> {
        match self.held.first_key_value() {
            Some((&first, _)) => self.messages.trim(first),
            None => {
                self.messages.trim(self.messages.end())?;
                self.cursor.trim(self.cursor.end())
            }
        }
    }

    /// Delivers ready messages, in order, to the consumers in turn, until either runs out.
    pub(super) fn dispatch(&mut self, out: &mut Out<L::Slice>) -> Result<(), LogError<L::Error>> {
        while let Some(&offset) = self.ready.first() {
            let Some(turn) = self.consumers.iter().position(Subscriber::has_room) else { break };
            let batch = self.messages.read(offset, Offset(u64::MAX), 0)?;
            self.note(offset, DELIVERED)?;
            self.ready.remove(&offset);
            let Some(mut consumer) = self.consumers.remove(turn) else { break };
            consumer.outstanding += 1;
            let to = consumer.node;
            self.consumers.push_back(consumer);
            let Some(held) = self.held.get_mut(&offset) else { continue };
            held.with = Some(to);
            held.deliveries += 1;
            let delivery = held.deliveries;
            if let Some(message) = held.message {
                out.event(Event::Delivered { queue: self.name.clone(), message, to, delivery });
            }
            out.send(to, Message::Deliver(Delivery { queue: self.name.clone(), offset, delivery, batch }));
        }
        Ok(())
    }

    /// Writes to the cursor what became of a message.
    fn note(&mut self, offset: Offset, what: &'static [u8]) -> Result<(), LogError<L::Error>> {
        let mut builder = BatchBuilder::new();
        let key = Bytes::copy_from_slice(&offset.0.to_be_bytes());
        let record =
            NewRecord { key: Some(key), value: Some(Bytes::from_static(what)), ..NewRecord::default() };
        builder.push(&record).expect("a record of a few bytes fits");
        self.cursor.append(&builder.build().stamped(self.cursor.end(), crate::ids::Epoch(0)))
    }
}

/// Shows `see` everything that a log holds, piece by piece, so that no more than a piece is in memory.
pub(super) fn read_all<L: Log>(log: &L, mut see: impl FnMut(&Batches)) -> Result<(), LogError<L::Error>> {
    let mut at = log.start();
    while at < log.end() {
        let piece = log.read(at, log.end(), RECOVERY_BYTES)?.load()?;
        let Some(next) = piece.next() else { break };
        at = next;
        see(&piece);
    }
    Ok(())
}

fn offset_from(key: &[u8]) -> Option<Offset> {
    Some(Offset(u64::from_be_bytes(key.try_into().ok()?)))
}
