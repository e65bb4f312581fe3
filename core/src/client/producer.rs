//! How does a message get to where it is kept? A producer holds it until it is told that it is stored.
//!
//! ```text
//!   send ─▶ no place yet ──── metadata known ───▶ waiting, by place ──▶ in flight ── "stored" ──▶ forgotten
//!                                                        ▲                 │
//!                                                        └── refused, no answer, connection broken
//!                                    refused for good: given up, so that what stands behind it goes on
//! ```
//!
//! For each place (a queue, or a partition) one request is under way at a time, so that a retry never overtakes
//! what came after it; or as many as the settings allow, in a stream (`core/src/client/in_flight.rs`). What waits meanwhile
//! goes together in the next batch. A retry may store a message twice: when it was stored and only the answer was lost.
//! That is *at least once*. An *idempotent* producer numbers its batches, so that a partition knows one again: stored
//! once, and in order with several requests under way (`core/src/client/numbered.rs`).
//!
//! A broker that has no room asks to wait, and says when to go on. After that the first batch is one message, and each
//! next one twice as large, so that what does not fit does not travel in vain (TCP's slow start is the same idea).
//!
//! A *mandatory* message that fits no queue comes back, just before the answer to its request: it is forgotten too.
//!
//! What real systems do: Kafka's producer is idempotent unless it is told otherwise, has up to five requests under way to
//! a broker, and keeps order by sequence numbers. AMQP's publishers do not know a message again.

use alloc::collections::{BTreeSet, VecDeque};
use alloc::vec::Vec;

use super::asked::Asked;
use super::identity::Identity;
use super::lane::Unstored;
use super::lanes::Lanes;
use super::metadata::Metadata;
use super::producer_options::{BadOptions, ProducerOptions};
use super::target::Target;
use super::txn_gate::Gate;
use crate::broker::{
    Acks, Input, Message, Out, Partitioner, Reply, RequestId, STICKY_BYTES, Settings, StickyPartitioner,
};
use crate::ids::{MessageId, Name, NodeId};
use crate::observe::{Event, Place, Refusal};
use crate::record::{Malformed, NewRecord};
use crate::sorted::SortedMap;
use crate::time::Time;

/// The most messages that go in one batch.
pub const BATCH_RECORDS_MAX: usize = 16;

/// A producer.
///
/// ```
/// use mqlab_core::broker::{Out, Settings};
/// use mqlab_core::client::{Producer, Target};
/// use mqlab_core::ids::{MessageId, Name, NodeId};
/// use mqlab_core::record::NewRecord;
/// use mqlab_core::time::Time;
/// let to = Target::Queue(Name::new("orders")?);
/// let mut producer = Producer::new(Settings::default(), to, vec![NodeId::Broker(1)]);
/// producer.send(Time::ZERO, MessageId(1), NewRecord::default(), &mut Out::default())?;
/// assert!(producer.holds(MessageId(1))); // until it is told that it is stored
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Producer {
    pub(super) settings: Settings,
    pub(super) options: ProducerOptions,
    pub(super) brokers: Vec<NodeId>,
    pub(super) identity: Identity,
    pub(super) target: Target,
    pub(super) metadata: Metadata,
    pub(super) partitioner: Partitioner,
    /// For messages without key, if their partitions are filled one after the other.
    pub(super) sticky: Option<StickyPartitioner>,
    /// Messages for which no place was chosen, because nothing is known of the cluster.
    pub(super) unplaced: VecDeque<Unstored>,
    pub(super) lanes: Lanes,
    /// How many partitions its topic has in which version of the view.
    pub(super) partitions: (u64, u32),
    /// Which of several queues is next.
    pub(super) turn: usize,
    /// Queues whose broker did not answer, and until when they are left alone.
    pub(super) avoided: SortedMap<Name, Time>,
    /// Brokers that asked to wait, and until when they are believed: the word to go on may be lost.
    pub(super) blocked: SortedMap<NodeId, Time>,
    /// How many messages go in a batch to those that asked lately: one at first, and twice as many each time.
    pub(super) slowed: SortedMap<NodeId, usize>,
    /// What each broker returned since its last answer: it belongs to the request that it answers next.
    returned: SortedMap<NodeId, BTreeSet<MessageId>>,
    /// Messages that nobody will ever take, for whoever wants to know.
    pub(super) given_up: VecDeque<MessageId>,
    pub(super) last_request: RequestId,
    /// When all lanes were looked at last.
    pub(super) pumped: Option<Time>,
    /// Where it may send, if it sends in transactions.
    pub(super) gate: Option<Gate>,
}

impl Producer {
    /// A producer that knows these brokers by name.
    pub fn new(settings: Settings, target: Target, brokers: Vec<NodeId>) -> Self {
        let (partitioner, unplaced, lanes, partitions, avoided, blocked, slowed, returned) =
            Default::default();
        let metadata = Metadata::new(brokers.clone());
        let (turn, last_request, sticky) = (0, 0, None);
        let (options, identity) = Default::default();
        Self {
            settings,
            options,
            brokers,
            identity,
            target,
            metadata,
            partitioner,
            sticky,
            unplaced,
            lanes,
            partitions,
            turn,
            avoided,
            blocked,
            slowed,
            returned,
            given_up: VecDeque::new(),
            last_request,
            pumped: None,
            gate: None,
        }
    }

    /// The same producer, which sends in another way; `seed` is for what it draws by chance.
    ///
    /// # Errors
    ///
    /// [`BadOptions`] when it cannot work so.
    pub fn with_options(self, options: ProducerOptions, seed: u64) -> Result<Self, BadOptions> {
        options.check(&self.target, &self.settings)?;
        let limit = options.batch_bytes.unwrap_or(STICKY_BYTES);
        let sticky = options.sticky.then(|| StickyPartitioner::new(limit, seed));
        Ok(Self { options, sticky, ..self })
    }

    /// Lets so many replicas have a message before it counts as stored, from the next batch on. Where it sends to no topic
    /// nothing changes.
    ///
    /// # Errors
    ///
    /// [`BadOptions`] when it cannot work so: who numbers batches needs all.
    pub fn set_acks(&mut self, acks: Acks) -> Result<(), BadOptions> {
        let Target::Topic(name, _) = &self.target else { return Ok(()) };
        let target = Target::Topic(name.clone(), acks);
        self.options.check(&target, &self.settings)?;
        self.target = target;
        Ok(())
    }

    /// Takes over a message. The producer keeps it until it is stored.
    ///
    /// # Errors
    ///
    /// [`Malformed::Length`] when no batch could hold it; it is not taken over then.
    pub fn send(
        &mut self,
        now: Time,
        id: MessageId,
        record: NewRecord,
        out: &mut Out,
    ) -> Result<(), Malformed> {
        self.send_again(now, id, record, 0, out)
    }

    /// Takes over a message that was sent before, so often: by an earlier life of the program, or by this one, and
    /// nobody has said that it is done.
    ///
    /// # Errors
    ///
    /// [`Malformed::Length`] when no batch could hold it; it is not taken over then.
    pub fn send_again(
        &mut self,
        now: Time,
        id: MessageId,
        record: NewRecord,
        sent_before: u32,
        out: &mut Out,
    ) -> Result<(), Malformed> {
        let record = record.with_id(id);
        record.check_size()?;
        self.unplaced.push_back(Unstored::new(id, record, sent_before, now));
        self.pump_new(now, out);
        Ok(())
    }

    /// The messages that are not known to be stored, and their keys' bytes, oldest first.
    pub fn unstored(&self) -> impl Iterator<Item = (MessageId, Option<&[u8]>)> {
        let mut all: Vec<&Unstored> =
            self.lanes.busy().flat_map(|(_, lane)| lane.held()).chain(&self.unplaced).collect();
        all.sort_by_key(|message| message.id);
        all.into_iter().map(|message| (message.id, message.record.key.as_deref()))
    }

    /// Whether a message is still held, because it is not known to be stored.
    pub fn holds(&self, id: MessageId) -> bool {
        let mut held = self.lanes.busy().flat_map(|(_, lane)| lane.held()).chain(&self.unplaced);
        held.any(|message| message.id == id)
    }

    /// The next message that was refused for good, and is not held any more: sending it again would be in vain.
    pub fn take_given_up(&mut self) -> Option<MessageId> {
        self.given_up.pop_front()
    }

    /// Why it does not send what it has: a broker asked it to wait ([`Refusal::Blocked`]), or a queue has no room
    /// ([`Refusal::Full`]).
    pub fn held_up(&self) -> Option<Refusal> {
        let mut stuck = self.lanes.busy().filter(|(_, lane)| lane.held().next().is_some());
        stuck.find_map(|(place, lane)| {
            let asked =
                self.metadata.broker_of(place).is_some_and(|broker| self.blocked.contains_key(&broker));
            if asked { Some(Refusal::Blocked) } else { lane.refused }
        })
    }

    /// Takes what reaches the producer.
    pub fn handle(&mut self, now: Time, input: Input, out: &mut Out) {
        match input {
            Input::Message { from, message: Message::Returned(message) } => {
                if let Some(id) = message.id().filter(|id| self.holds(*id)) {
                    self.returned.entry(from).or_default().insert(id);
                }
            }
            Input::Message { from, message: Message::Reply(id, reply) } => {
                let keeps = matches!(reply, Reply::Stored { .. } | Reply::Published { .. });
                let returned = keeps.then(|| self.returned.remove(&from)).flatten().unwrap_or_default();
                self.reply(now, id, reply, &returned, out);
            }
            Input::Message { from, message: Message::Flow { blocked } } => {
                if blocked {
                    self.blocked.insert(from, now + self.settings.request_timeout);
                    self.slowed.insert(from, 1);
                } else {
                    self.blocked.remove(&from);
                }
            }
            Input::HangUp { peer } => {
                self.blocked.remove(&peer);
                self.slowed.remove(&peer);
                self.returned.remove(&peer);
                self.metadata.hang_up(peer, now + self.settings.retry_backoff);
                self.identity.hang_up(peer, now + self.settings.retry_backoff);
                self.give_up(now, |asked| asked.broker == peer, out);
            }
            Input::Wake => self.give_up(now, |asked| asked.deadline <= now, out),
            Input::Message { .. } => {}
        }
        self.pump(now, out);
    }

    /// When the producer wants to be woken.
    pub fn next_wakeup(&self) -> Option<Time> {
        let rules = self.rules(None);
        let lanes = self.lanes.busy().filter_map(|(place, lane)| {
            // Without a broker to send to, the metadata's wake-up is the one that counts.
            let next = lane.next(&rules).filter(|_| self.metadata.next_wakeup().is_none());
            let next = next.filter(|_| self.gate.as_ref().is_none_or(|gate| !gate.holds_up(place)));
            let next = next.map(|(_, at)| at.max(self.blocked_until(place)));
            let overdue = self.options.delivery_timeout.and_then(|after| lane.overdue_at(after));
            let lost = lane.in_flight.deadline().into_iter().chain(lane.numbered.deadline());
            next.into_iter().chain(overdue).chain(lost).min()
        });
        let unplaced = self.unplaced.front().zip(self.options.delivery_timeout);
        let overdue = unplaced.map(|(message, after)| message.since + after);
        let identity = self.identity.next_wakeup().filter(|_| self.options.idempotent);
        lanes.chain(self.metadata.next_wakeup()).chain(overdue).chain(identity).min()
    }

    /// When the broker of a place is asked whether one must still wait.
    fn blocked_until(&self, place: &Place) -> Time {
        if self.blocked.is_empty() {
            return Time::ZERO;
        }
        let broker = self.metadata.broker_of(place);
        broker.and_then(|broker| self.blocked.get(&broker)).copied().unwrap_or_default()
    }

    fn reply(
        &mut self,
        now: Time,
        id: RequestId,
        reply: Reply,
        returned: &BTreeSet<MessageId>,
        out: &mut Out,
    ) {
        let retry = now + self.settings.retry_backoff;
        match reply {
            Reply::Cluster(view) => {
                self.metadata.learn(id, view, retry);
            }
            Reply::Producer { id: me, epoch } => self.identity.learn(id, me, epoch, out),
            Reply::Stored { .. } => self.stored(id, &[], returned, retry, out),
            Reply::Published { refused } => self.stored(id, &refused, returned, retry, out),
            Reply::Refused(_) if self.identity.refused(id, retry) => {}
            Reply::Refused(why) => {
                let Some((place, lane)) = self.lanes.that_asked(id) else { return };
                if lane.numbered.has(id) {
                    self.given_up.extend(lane.numbered_refused(&place, id, why, retry, out));
                    match why {
                        Refusal::ProducerEpoch => {
                            self.identity.forget();
                            self.gate.iter_mut().for_each(|gate| gate.fail(why));
                        }
                        Refusal::OutOfSequence => {}
                        _ => self.metadata.refresh(retry),
                    }
                    return;
                }
                let Some(messages) = lane.in_flight.answered(id) else { return };
                if why.is_final() {
                    self.given_up.extend(lane.never_stored(messages, why, out));
                    return;
                }
                lane.not_stored(&place, messages, why, retry, out);
                if why != Refusal::Blocked {
                    self.metadata.refresh(retry);
                }
            }
            _ => {}
        }
    }

    /// The messages of a request are stored, except for some.
    fn stored(
        &mut self,
        id: RequestId,
        refused: &[(u32, Refusal)],
        returned: &BTreeSet<MessageId>,
        retry: Time,
        out: &mut Out,
    ) {
        let Some((place, lane)) = self.lanes.that_asked(id) else { return };
        if refused.is_empty()
            && let Some(broker) = lane.in_flight.broker(id).or_else(|| lane.numbered.broker(id))
            && let Some(most) = self.slowed.get_mut(&broker)
        {
            *most = (*most * 2).min(BATCH_RECORDS_MAX);
        }
        match &mut self.gate {
            None => lane.numbered_stored(&place, id, out),
            Some(gate) => {
                let messages = lane.numbered.stored(id).into_iter().flatten();
                gate.stored.extend(messages.map(|message| (place.clone(), message.id)));
            }
        }
        let Some(messages) = lane.in_flight.answered(id) else { return };
        self.given_up.extend(lane.stored(&place, messages, refused, returned, retry, out));
    }

    /// Takes requests for lost; their messages wait for another try.
    fn give_up(&mut self, now: Time, lost: impl Fn(&Asked) -> bool, out: &mut Out) {
        let retry = now + self.settings.retry_backoff;
        let Self { lanes, metadata, avoided, unplaced, target, settings, .. } = self;
        lanes.each_busy(|place, lane| {
            let numbered = lane.numbered.lose(&lost);
            if !numbered.is_empty() {
                let not_stored =
                    |message| Event::NotStored { to: place.clone(), message, why: Refusal::NoAnswer };
                out.events.extend(numbered.into_iter().map(not_stored));
                lane.not_before = retry;
                metadata.refresh(now);
            }
            if let Some(messages) = lane.in_flight.lose(&lost) {
                lane.not_stored(place, messages, Refusal::NoAnswer, retry, out);
                metadata.refresh(now);
                if let (Target::AnyOf(_), Place::Queue(queue)) = (&*target, place) {
                    avoided.insert(queue.clone(), now + settings.broker_session);
                    lane.again = 0;
                    for message in lane.waiting.drain(lane.in_flight.messages()..).rev() {
                        unplaced.push_front(message);
                    }
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{BATCH_BYTES_MAX, BatchBuilder};

    #[test]
    fn a_message_that_no_batch_can_hold_is_refused_and_not_taken_over() {
        let queue = Name::new("q").expect("a legal name");
        let mut producer =
            Producer::new(Settings::default(), Target::Queue(queue), [NodeId::Broker(1)].into());
        let record =
            |bytes: usize| NewRecord { value: Some(alloc::vec![0; bytes].into()), ..NewRecord::default() };
        let mut out = Out::default();
        let refused = producer.send(Time::ZERO, MessageId(1), record(BATCH_BYTES_MAX), &mut out);
        assert!(matches!(refused, Err(Malformed::Length(_))));
        assert_eq!(producer.unstored().count(), 0);
        let largest = record(BATCH_BYTES_MAX - 1_000);
        assert!(BatchBuilder::new().push(&largest).is_ok(), "what is taken over fits");
        assert_eq!(producer.send(Time::ZERO, MessageId(2), largest, &mut out), Ok(()));
        assert_eq!(producer.unstored().count(), 1);
    }
}
