//! What is a classic queue in a cluster? On one node, and not copied: whoever is connected to another node reaches it through
//! that one, and while its node is down there is no such queue.
//!
//! It speaks to channels as a quorum queue does, but what it says it says by itself: a message is confirmed when it is on this
//! node's disk.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use super::super::QuorumMessage;
use super::hosted::DiskLog;
use super::node::{NodeFailed, failed};
use super::{Channel, Disk};
use crate::ids::{Name, NodeId, Offset};
use crate::log::StorageError;
use crate::observe::{Event, Place, QueueEvent};
use crate::queue::{
    AckMode, ConsumerId, ConsumerOptions, Departure, Fact, Flow, Queue, QueueError, QueueOptions, Tag,
};
use crate::time::Time;

/// A consumer of it.
#[derive(Clone, Debug)]
struct Reader {
    channel: Channel,
    node: NodeId,
    next: u64,
    /// What it has, by the numbers of deliveries.
    out: BTreeMap<u64, Tag>,
}

/// A classic queue on its node.
#[derive(Clone, Debug)]
pub(crate) struct ClassicQueue {
    name: Name,
    disk: Disk,
    queue: Queue<DiskLog>,
    readers: BTreeMap<ConsumerId, Reader>,
    next_reader: u64,
    /// Which messages came of the latest session of each client: what comes again in it is known. They may come in another
    /// order than they were sent, where a connection between nodes broke.
    had: BTreeMap<NodeId, (u32, BTreeSet<u64>)>,
    /// What was refused in the latest session of each client, and whether for ever.
    refused: BTreeMap<(Channel, u64), bool>,
    /// To be told when it is on disk.
    after_flush: Told,
    events: Vec<Event>,
}

/// A later life of the node gives its consumers higher numbers than an earlier one.
const READERS_SHIFT: u32 = 32;

/// What channels are told, each through its node.
pub(super) type Told = Vec<(NodeId, Channel, QuorumMessage)>;

impl ClassicQueue {
    pub(super) fn open(
        mut disk: Disk,
        name: Name,
        options: QueueOptions,
        incarnation: u64,
        now: Time,
    ) -> Result<Self, NodeFailed> {
        let mut queue = Queue::open(&mut disk, name.clone(), options, now).map_err(failed)?;
        queue.watch(true);
        let (readers, had, refused, after_flush, events) = Default::default();
        let next_reader = (incarnation << READERS_SHIFT) + 1;
        Ok(Self { name, disk, queue, readers, next_reader, had, refused, after_flush, events })
    }

    pub(super) fn close(mut self) -> Disk {
        match self.queue.close(&mut self.disk) {
            // What there was no room for was promised to nobody.
            Ok(()) | Err(_) => self.disk,
        }
    }

    pub(super) fn storage_mut(&mut self) -> (&mut Disk, Vec<&mut DiskLog>) {
        (&mut self.disk, self.queue.logs_mut().collect())
    }

    /// The queue itself.
    pub(crate) fn queue(&self) -> &Queue<DiskLog> {
        &self.queue
    }

    /// Who has its deliveries.
    pub(crate) fn client(&self, consumer: ConsumerId) -> Option<NodeId> {
        self.readers.get(&consumer).map(|reader| reader.channel.client)
    }

    /// Who reads it.
    pub(crate) fn clients(&self) -> impl Iterator<Item = NodeId> {
        self.readers.values().map(|reader| reader.channel.client)
    }

    pub(super) fn next_wakeup(&self) -> Option<Time> {
        self.queue.next_wakeup()
    }

    pub(super) fn tick(&mut self, now: Time) -> Result<(), NodeFailed> {
        self.queue.tick(now).map_err(failed)
    }

    /// A channel asks for something.
    pub(super) fn handle(
        &mut self,
        now: Time,
        node: NodeId,
        channel: Channel,
        word: QuorumMessage,
    ) -> Result<(), NodeFailed> {
        match word {
            QuorumMessage::Publish { sequence, message } => {
                let (session, had) = self.had.entry(channel.client).or_default();
                if *session < channel.session {
                    (*session, *had) = (channel.session, BTreeSet::new());
                }
                if *session > channel.session {
                    return Ok(()); // that channel is gone, and its client publishes in another
                }
                if !had.insert(sequence) {
                    // What became of it was said before, and perhaps not heard.
                    let refused = self.refused.get(&(channel, sequence)).copied();
                    let answer = match refused {
                        Some(never) => QuorumMessage::Refused { sequence, never },
                        None => QuorumMessage::Confirmed { sequence },
                    };
                    return self.tell(node, channel, answer);
                }
                let answer = match self.queue.send(now, message) {
                    Ok(_) => QuorumMessage::Confirmed { sequence },
                    Err(QueueError::Full | QueueError::Blocked) => {
                        QuorumMessage::Refused { sequence, never: false }
                    }
                    Err(QueueError::BadMessage(_)) => QuorumMessage::Refused { sequence, never: true },
                    Err(other) => return Err(failed(other)),
                };
                if let QuorumMessage::Refused { never, .. } = answer {
                    self.refused.retain(|(other, _), _| other.client != channel.client || *other == channel);
                    self.refused.insert((channel, sequence), never);
                }
                self.tell(node, channel, answer)
            }
            QuorumMessage::Consume { tag, prefetch, priority, .. } => {
                let known = self.readers.iter().find(|(_, reader)| reader.channel == channel);
                if let Some((&id, _)) = known {
                    let (key, active) = (Offset(id.0), self.is_active(id));
                    return self.tell(node, channel, QuorumMessage::Consuming { tag, key, active });
                }
                let id = ConsumerId(self.next_reader);
                self.next_reader += 1;
                let reader = Reader { channel, node, next: 0, out: BTreeMap::new() };
                self.readers.insert(id, reader);
                let flow = if prefetch == 0 { Flow::Unlimited } else { Flow::Prefetch(prefetch) };
                let options =
                    ConsumerOptions { flow, ack: AckMode::Explicit, priority, ..ConsumerOptions::default() };
                self.queue.attach(now, id, options).map_err(failed)?;
                let (key, active) = (Offset(id.0), self.is_active(id));
                self.tell(node, channel, QuorumMessage::Consuming { tag, key, active })
            }
            QuorumMessage::Settle { key, deliveries } => {
                self.settle_each(key, &deliveries, |queue, tag| queue.ack(now, tag))?;
                self.tell(node, channel, QuorumMessage::Done { key, deliveries })
            }
            QuorumMessage::Return { key, deliveries, .. } => {
                self.settle_each(key, &deliveries, |queue, tag| queue.nack(now, tag, true))?;
                self.tell(node, channel, QuorumMessage::Done { key, deliveries })
            }
            QuorumMessage::Discard { key, deliveries } => {
                self.settle_each(key, &deliveries, |queue, tag| queue.nack(now, tag, false))?;
                self.tell(node, channel, QuorumMessage::Done { key, deliveries })
            }
            QuorumMessage::Leave { tag } => {
                self.leave(now, |reader| reader.channel == channel)?;
                self.tell(node, channel, QuorumMessage::Cancelled { tag })
            }
            _ => Ok(()),
        }
    }

    fn is_active(&self, id: ConsumerId) -> bool {
        self.queue.active().is_none_or(|active| active == id)
    }

    fn tell(&mut self, node: NodeId, channel: Channel, word: QuorumMessage) -> Result<(), NodeFailed> {
        self.after_flush.push((node, channel, word));
        Ok(())
    }

    fn settle_each(
        &mut self,
        key: Offset,
        deliveries: &[u64],
        settle: impl Fn(&mut Queue<DiskLog>, Tag) -> Result<(), QueueError<StorageError<Disk>>>,
    ) -> Result<(), NodeFailed> {
        let Some(reader) = self.readers.get_mut(&ConsumerId(key.0)) else { return Ok(()) };
        for number in deliveries {
            let Some(tag) = reader.out.remove(number) else { continue };
            match settle(&mut self.queue, tag) {
                Ok(()) | Err(QueueError::UnknownTag(_)) => {}
                Err(other) => return Err(failed(other)),
            }
        }
        Ok(())
    }

    /// A node is gone, and all channels on it.
    pub(super) fn node_down(&mut self, now: Time, node: NodeId) -> Result<(), NodeFailed> {
        self.leave(now, |reader| reader.node == node)
    }

    fn leave(&mut self, now: Time, goes: impl Fn(&Reader) -> bool) -> Result<(), NodeFailed> {
        let gone: Vec<ConsumerId> =
            self.readers.iter().filter(|(_, reader)| goes(reader)).map(|(id, _)| *id).collect();
        for id in gone {
            self.queue.detach(now, id).map_err(failed)?;
            self.note_facts(); // while it is known who that was
            if let Some(Reader { channel, node, .. }) = self.readers.remove(&id) {
                // It is told, if it is there after all.
                self.after_flush.push((node, channel, QuorumMessage::Cancelled { tag: channel.session }));
            }
        }
        Ok(())
    }

    /// What happened since that was asked last.
    pub(super) fn untold(&mut self) -> Vec<Event> {
        self.note_facts();
        core::mem::take(&mut self.events)
    }

    fn note_facts(&mut self) {
        while let Some(fact) = self.queue.poll_fact() {
            self.events.extend(self.event(fact));
        }
    }

    /// Writes what was done to disk; then says what follows.
    pub(super) fn settle(
        &mut self,
        events: &mut Vec<Event>,
        departures: &mut Vec<Departure>,
    ) -> Result<Told, NodeFailed> {
        if self.queue.is_dirty() {
            self.queue.flush().map_err(failed)?;
        }
        let mut told = core::mem::take(&mut self.after_flush);
        events.append(&mut self.untold());
        while let Some(delivery) = self.queue.poll_delivery() {
            let Some(reader) = self.readers.get_mut(&delivery.consumer) else { continue };
            let number = reader.next;
            reader.next += 1;
            reader.out.insert(number, delivery.tag);
            let acquired = delivery.count.saturating_sub(1);
            let (tag, key) = (reader.channel.session, Offset(delivery.consumer.0));
            let message = delivery.message;
            let word = QuorumMessage::Delivery { tag, key, number, acquired, failed: 0, message };
            told.push((reader.node, reader.channel, word));
        }
        departures.extend(core::iter::from_fn(|| self.queue.poll_departure()));
        Ok(told)
    }

    fn event(&self, fact: Fact) -> Option<Event> {
        let queue = self.name.clone();
        Some(match fact {
            Fact::Stored { offset, id } => {
                Event::Appended { to: Place::Queue(queue), base: offset, messages: id.into_iter().collect() }
            }
            Fact::Delivered { id, to, count, .. } => {
                Event::Delivered { queue, message: id?, to: self.client(to)?, delivery: count }
            }
            Fact::Settled { id, by, .. } => Event::Settled { queue, message: id?, by: self.client(by)? },
            Fact::Returned { id, from, why, .. } => {
                Event::Requeued { queue, messages: [id?].into(), from: self.client(from)?, why }
            }
            Fact::Died { id, reason, .. } => Event::Queue(QueueEvent::Died { queue, message: id?, reason }),
            Fact::Due { id, .. } => Event::Queue(QueueEvent::Due { queue, message: id? }),
            Fact::Activated(id) => Event::Queue(QueueEvent::Activated { queue, consumer: self.client(id)? }),
        })
    }
}
