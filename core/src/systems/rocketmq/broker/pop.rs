//! How do consumers share one queue without dealing it out? They pop: what one has taken the others do not see, for a while.
//!
//! ```text
//!   queue      10   11   12   13   14                     the group's offset goes on with each pop
//!              └─ A, 60 s ─┘  └ B ┘
//!   revive     │ ck: 10 11 12 until 61 s │ ck: 13 until 62 s │ ack 10 │ ack 12 │
//!                         at 61 s: 11 is not acknowledged ──▶ %RETRY%group_topic, from where anybody pops it
//! ```
//!
//! A consumer that hangs holds up what it has in hand, and not the queue. The price is order, and a record for each pop and each
//! acknowledgement; these stand in a topic of the broker's, so that a restart knows what is out.
//!
//! What real systems do: RocketMQ keeps checkpoints in memory for a while, so that most are never written; looks at the retry
//! topic first for one pop in five, by chance, where here each fifth does; and rewrites a checkpoint that it cannot revive after 10,
//! 20, 30 s and so on, where here it is tried again a second later.
//!
//! Source: `PopMessageProcessor.java`, `AckMessageProcessor.java`, `PopReviveService.java`.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;

use serde::{Deserialize, Serialize};

use super::*;
use crate::ids::MessageId;
use crate::systems::rocketmq::REVIVE_TOPIC;
use crate::systems::rocketmq::filter::Subscription;
use crate::systems::rocketmq::properties::key;
use crate::systems::rocketmq::protocol::{Pop, PopHandle, Popped, Reply, RequestId};

/// In whose name the broker reads what is out.
const GROUP: &str = "CID_RMQ_SYS_REVIVE";
/// Each so many pops look at the retry topic first.
const RETRY_FIRST_EVERY: u64 = 5;
/// How many records are read at once.
const COUNT: u32 = 32;

/// What one pop took.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Checkpoint {
    group: String,
    topic: String,
    queue: u32,
    /// What is out of it.
    offsets: BTreeSet<u64>,
    until: Time,
}

/// A record of the revive topic.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Record {
    Ck(Checkpoint),
    /// One message of the checkpoint at this offset is done.
    Ack {
        ck: u64,
        offset: u64,
    },
}

/// What is out.
#[derive(Clone, Debug, Default)]
pub(super) struct Popping {
    open: BTreeMap<u64, Checkpoint>,
    /// The next record to read.
    next: Option<u64>,
    pops: u64,
    /// Pops that wait until there is something, in order.
    held: Vec<HeldPop>,
}

/// A pop that waits.
#[derive(Clone, Debug)]
struct HeldPop {
    to: (NodeId, RequestId),
    pop: Pop,
    until: Time,
}

impl Popping {
    /// A client is gone, and wants nothing more.
    pub(super) fn forget(&mut self, client: NodeId) {
        self.held.retain(|held| held.to.0 != client);
    }

    pub(super) fn next_deadline(&self) -> Option<Time> {
        self.held.iter().map(|held| held.until).min()
    }
}

/// The topic where a group's messages come again that were popped and not acknowledged.
fn pop_retry_topic(group: &Name, topic: &Topic) -> Option<Topic> {
    Topic::new(&format!("%RETRY%{group}_{topic}")).ok()
}

impl<S: Storage> Broker<S> {
    /// Answers a pop, or holds it.
    pub(super) fn take_pop(
        &mut self,
        now: Time,
        to: (NodeId, RequestId),
        pop: Pop,
        out: &mut Output,
    ) -> Done<S> {
        let reply = self.pop(now, to.0, &pop, out)?;
        if pop.hold && reply == Reply::Popped(Vec::new()) {
            let queue = self.partition(&pop.topic, pop.queue);
            out.events.push(Event::Rocketmq(RocketmqEvent::PullHeld { queue, by: to.0 }));
            self.popping.held.push(HeldPop { to, pop, until: now + self.settings.hold_max });
            return Ok(());
        }
        out.sends.push((to.0, Message::Reply(to.1, reply)));
        Ok(())
    }

    /// Answers held pops for which there is something now, or whose time is over.
    pub(super) fn serve_pops(&mut self, now: Time, out: &mut Output) -> Done<S> {
        for held in core::mem::take(&mut self.popping.held) {
            let reply = self.pop(now, held.to.0, &held.pop, out)?;
            if reply == Reply::Popped(Vec::new()) && now < held.until {
                self.popping.held.push(held);
            } else {
                out.sends.push((held.to.0, Message::Reply(held.to.1, reply)));
            }
        }
        Ok(())
    }

    pub(super) fn pop(
        &mut self,
        now: Time,
        by: NodeId,
        pop: &Pop,
        out: &mut Output,
    ) -> Result<Reply, StoreError<StorageError<S>>> {
        if !self.is_master() {
            return Ok(Reply::Refused(Refused::SlaveMode));
        }
        let retries = pop_retry_topic(&pop.group, &pop.topic);
        let exists = self.topics.get(&pop.topic).is_some_and(|queues| pop.queue < *queues);
        let (Some(retries), true) = (retries, exists) else {
            return Ok(Reply::Refused(Refused::TopicNotExist));
        };
        self.popping.pops += 1;
        let mut places = [(pop.topic.clone(), pop.queue), (retries, 0)];
        if self.popping.pops.is_multiple_of(RETRY_FIRST_EVERY) {
            places.reverse();
        }
        let mut popped = Vec::new();
        for (topic, queue) in places {
            let left = pop.count.saturating_sub(popped.len() as u32);
            if left > 0 {
                let more = self.pop_from(now, pop, (&topic, queue), left)?;
                let (queue, until) = (self.partition(&topic, queue), now + pop.invisible);
                let ids = |popped: &Popped| popped.message.properties.message_id();
                let messages: Vec<MessageId> = more.iter().filter_map(ids).collect();
                if !messages.is_empty() {
                    out.events.push(Event::Rocketmq(RocketmqEvent::Popped { queue, messages, by, until }));
                }
                popped.extend(more);
            }
        }
        Ok(Reply::Popped(popped))
    }

    fn pop_from(
        &mut self,
        now: Time,
        pop: &Pop,
        (topic, queue): (&Topic, u32),
        count: u32,
    ) -> Result<Vec<Popped>, StoreError<StorageError<S>>> {
        let begin = self.store.min_offset(topic, queue);
        let at = self.offsets.get(pop.group.as_str(), topic, queue).unwrap_or(begin).max(begin);
        let got = self.store.get(topic, queue, at, count, &pop.wants)?;
        if !got.messages.is_empty() {
            let checkpoint = Checkpoint {
                group: pop.group.as_str().into(),
                topic: topic.as_str().into(),
                queue,
                offsets: got.messages.iter().map(|message| message.queue_offset).collect(),
                until: now + pop.invisible,
            };
            // Without a record of it nothing is given out.
            let Some(ck) = self.note_out(now, &Record::Ck(checkpoint))? else { return Ok(Vec::new()) };
            self.offsets.set(pop.group.as_str(), topic, queue, got.next);
            let of = |message: StoredMessage| Popped {
                handle: PopHandle { ck, offset: message.queue_offset },
                message,
            };
            return Ok(got.messages.into_iter().map(of).collect());
        }
        if got.next != at {
            self.offsets.set(pop.group.as_str(), topic, queue, got.next);
        }
        Ok(Vec::new())
    }

    /// Takes note that a message is done; too late, it came again already.
    pub(super) fn ack_popped(&mut self, now: Time, PopHandle { ck, offset }: PopHandle) -> Done<S> {
        if self.is_master() {
            self.note_out(now, &Record::Ack { ck, offset })?;
        }
        Ok(())
    }

    /// Writes a record down, and returns its offset; none where the disk is full.
    fn note_out(&mut self, now: Time, record: &Record) -> Result<Option<u64>, StoreError<StorageError<S>>> {
        let json = serde_json::to_vec(record).map_err(|_| StoreError::BadConfig)?;
        let mut message = StoredMessage::new(Topic::system(REVIVE_TOPIC), 0, json.into());
        message.born_at = now;
        let stored = unless_full(self.put(now, message))?;
        self.read_out()?;
        Ok(stored.map(|stored| stored.message.queue_offset))
    }

    /// Reads the records that came since, after a restart from the first checkpoint that was open.
    pub(super) fn read_out(&mut self) -> Done<S> {
        let topic = Topic::system(REVIVE_TOPIC);
        let kept = self.offsets.get(GROUP, &topic, 0).unwrap_or(0);
        let mut at = self.popping.next.unwrap_or(kept).max(self.store.min_offset(&topic, 0));
        while at < self.store.max_offset(&topic, 0) {
            let got = self.store.get(&topic, 0, at, COUNT, &Subscription::All)?;
            for message in &got.messages {
                let record = serde_json::from_slice(&message.body).map_err(|_| StoreError::BadConfig)?;
                match record {
                    Record::Ck(checkpoint) => _ = self.popping.open.insert(message.queue_offset, checkpoint),
                    Record::Ack { ck, offset } => {
                        if let Some(open) = self.popping.open.get_mut(&ck) {
                            open.offsets.remove(&offset);
                        }
                    }
                }
            }
            at = got.next.max(at + 1);
        }
        self.popping.next = Some(at);
        self.popping.open.retain(|_, open| !open.offsets.is_empty());
        Ok(())
    }

    /// Gives out again what was not acknowledged in time.
    pub(super) fn revive(&mut self, now: Time, out: &mut Output) -> Done<S> {
        self.read_out()?;
        let over = self.popping.open.iter().filter(|(_, open)| open.until <= now);
        let over: Vec<_> = over.map(|(ck, open)| (*ck, open.clone())).collect();
        for (ck, open) in over {
            let (Ok(group), Ok(topic)) = (Name::new(&open.group), Topic::new(&open.topic)) else { continue };
            for offset in open.offsets {
                if !self.revive_one(now, &group, (&topic, open.queue, offset), out)? {
                    return Ok(()); // the disk is full: later
                }
                self.ack_popped(now, PopHandle { ck, offset })?;
            }
        }
        let topic = Topic::system(REVIVE_TOPIC);
        let first = self.popping.open.keys().next().copied().or(self.popping.next).unwrap_or(0);
        self.offsets.set(GROUP, &topic, 0, first);
        Ok(())
    }

    fn revive_one(
        &mut self,
        now: Time,
        group: &Name,
        (topic, queue, offset): (&Topic, u32, u64),
        out: &mut Output,
    ) -> Result<bool, StoreError<StorageError<S>>> {
        let got = self.store.get(topic, queue, offset, 1, &Subscription::All)?;
        let Some(mut message) = got.messages.into_iter().find(|message| message.queue_offset == offset)
        else {
            return Ok(true); // it is deleted by now
        };
        // What comes from the topic of retries goes back there.
        let retries = if topic.as_str().starts_with("%RETRY%") {
            Some(topic.clone())
        } else {
            pop_retry_topic(group, topic)
        };
        let Some(retries) = retries else { return Ok(true) };
        if message.properties.get(key::FIRST_POP).is_none() {
            message.properties.put(key::FIRST_POP, &format!("{}", message.stored_at.as_millis()));
        }
        message.reconsumed += 1;
        (message.topic, message.queue) = (retries, 0);
        self.topics.entry(message.topic.clone()).or_insert(1);
        let stored = unless_full(self.put(now, message))?;
        if let Some(stored) = &stored {
            self.stored(stored, out);
            let group = group.clone();
            let fact = |message| Event::Rocketmq(RocketmqEvent::Revived { message, group });
            out.events.extend(stored.id().map(fact));
        }
        Ok(stored.is_some())
    }

    /// When what is out longest may come again.
    pub(super) fn next_revival(&self) -> Option<Time> {
        self.popping.open.values().map(|open| open.until).min()
    }
}
