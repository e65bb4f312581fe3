//! How does a producer send a message that counts only if its own transaction does? In two phases: first a half
//! message that nobody sees, then what became of the transaction.
//!
//! ```text
//!   begin ─▶ half on its way ── "half stored" ──▶ own transaction ── decide ──▶ word on its way ── "decided" ──▶ over
//!                ▲     │                                                            ▲     │
//!                └─────┘ no answer: again                                           └─────┘
//! ```
//!
//! The client is the part in memory. When its process dies, nothing of this is known any more, and nothing has to be:
//! the broker asks what became of the transaction, and the program answers from its own database. A half that was
//! stored twice, because the answer was lost, is therefore also published twice: *at least once*.
//!
//! The broker's side is in `core/src/vhost/half.rs`. What real systems do: `RocketMQ`'s transactional producer.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::asked::Asked;
use super::metadata::Metadata;
use crate::broker::{Input, Message, Out, Reply, Request, RequestId, Settings};
use crate::ids::{MessageId, NodeId};
use crate::observe::{Event, Place, QueueEvent, Refusal};
use crate::record::{BatchBuilder, Malformed, NewRecord};
use crate::routing::ExchangeName;
use crate::sorted::SortedMap;
use crate::time::Time;
use crate::vhost::{Decision, HalfId};

/// A producer of half messages.
///
/// ```
/// use mqlab_core::broker::{Out, Settings};
/// use mqlab_core::client::TwoPhase;
/// use mqlab_core::ids::{MessageId, Name, NodeId};
/// use mqlab_core::observe::Place;
/// use mqlab_core::record::NewRecord;
/// use mqlab_core::time::Time;
/// let place = Place::Queue(Name::new("orders")?);
/// let mut producer = TwoPhase::new(Settings::default(), place, vec![NodeId::Broker(1)]);
/// producer.begin(Time::ZERO, MessageId(1), NewRecord::default(), &mut Out::default())?;
/// assert_eq!(producer.take_stored(), None); // the own transaction waits until the broker has the half
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct TwoPhase {
    settings: Settings,
    exchange: ExchangeName,
    place: Place,
    metadata: Metadata,
    pending: SortedMap<MessageId, Pending>,
    /// Halves that are stored, and of which the program does not know yet.
    stored: VecDeque<MessageId>,
    last_request: RequestId,
}

/// A half message on its way from begin to decided.
#[derive(Clone, Debug)]
struct Pending {
    record: NewRecord,
    attempts: u32,
    stage: Stage,
    asked: Option<Asked>,
    /// Nothing is sent before this moment.
    not_before: Time,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    /// The half is to be stored.
    Begin,
    /// It is stored, and the program is at its own transaction.
    Open(HalfId),
    /// The broker is to be told.
    Decide(HalfId, Decision),
}

impl TwoPhase {
    /// A producer of half messages for a queue or an exchange. Messages for a queue name it as their routing key.
    pub fn new(settings: Settings, place: Place, brokers: Vec<NodeId>) -> Self {
        let exchange = match &place {
            Place::Exchange(exchange) => exchange.clone(),
            // The default exchange leads to the queue that the routing key names.
            Place::Queue(_) | Place::Partition(_) | Place::Topic(_) => ExchangeName::default(),
        };
        let (pending, stored, last_request) = Default::default();
        let metadata = Metadata::new(brokers);
        Self { settings, exchange, place, metadata, pending, stored, last_request }
    }

    /// Sends half of a message. When it is stored, [`take_stored`](Self::take_stored) says so.
    ///
    /// # Errors
    ///
    /// [`Malformed::Length`] when no batch could hold it.
    pub fn begin(
        &mut self,
        now: Time,
        id: MessageId,
        record: NewRecord,
        out: &mut Out,
    ) -> Result<(), Malformed> {
        let record = record.with_id(id);
        record.check_size()?;
        let pending = Pending { record, attempts: 0, stage: Stage::Begin, asked: None, not_before: now };
        self.pending.insert(id, pending);
        self.pump(now, out);
        Ok(())
    }

    /// The next message whose half is stored: now is the time for its transaction.
    pub fn take_stored(&mut self) -> Option<MessageId> {
        self.stored.pop_front()
    }

    /// The transaction of a message has ended: its broker is told, until it has answered.
    pub fn decide(&mut self, now: Time, id: MessageId, committed: bool, out: &mut Out) {
        if let Some(pending) = self.pending.get_mut(&id)
            && let Stage::Open(half) = pending.stage
        {
            let decision = if committed { Decision::Commit } else { Decision::Rollback };
            pending.stage = Stage::Decide(half, decision);
            pending.not_before = now;
        }
        self.pump(now, out);
    }

    /// Answers a broker that asked what became of a transaction. If the answer is lost, it asks again.
    pub fn answer(&mut self, broker: NodeId, id: HalfId, decision: Decision, out: &mut Out) {
        self.last_request += 1;
        out.send(broker, Message::Request(self.last_request, Request::Decide { id, decision }));
    }

    /// The messages that are not decided, oldest first.
    pub fn pending(&self) -> impl Iterator<Item = MessageId> {
        self.pending.keys().copied()
    }

    /// Takes what reaches the producer.
    pub fn handle(&mut self, now: Time, input: Input, out: &mut Out) {
        match input {
            Input::Message { message: Message::Reply(id, reply), .. } => self.reply(now, id, reply, out),
            Input::HangUp { peer } => {
                self.metadata.hang_up(peer, now + self.settings.retry_backoff);
                self.give_up(now, |asked| asked.broker == peer, out);
            }
            Input::Wake => self.give_up(now, |asked| asked.deadline <= now, out),
            Input::Message { .. } => {}
        }
        self.pump(now, out);
    }

    /// When the producer wants to be woken.
    pub fn next_wakeup(&self) -> Option<Time> {
        let known = self.metadata.next_wakeup().is_none();
        let pending = self.pending.values().filter_map(|pending| match (pending.asked, pending.stage) {
            (Some(asked), _) => Some(asked.deadline),
            (None, Stage::Begin | Stage::Decide(..)) if known => Some(pending.not_before),
            (None, _) => None,
        });
        pending.chain(self.metadata.next_wakeup()).min()
    }

    fn reply(&mut self, now: Time, id: RequestId, reply: Reply, out: &mut Out) {
        let retry = now + self.settings.retry_backoff;
        if let Reply::Cluster(view) = reply {
            self.metadata.learn(id, view, retry);
            return;
        }
        let asked = |pending: &Pending| Asked::is(pending.asked.as_ref(), id);
        let Some((&message, pending)) = self.pending.iter_mut().find(|(_, pending)| asked(pending)) else {
            return;
        };
        match (reply, pending.stage) {
            (Reply::HalfStored(half), Stage::Begin) => {
                (pending.asked, pending.stage) = (None, Stage::Open(half));
                self.stored.push_back(message);
            }
            (Reply::Decided, Stage::Decide(_, decision)) => {
                self.pending.remove(&message);
                if decision == Decision::Commit {
                    out.event(Event::Acknowledged { by: self.place.clone(), messages: message.into() });
                }
            }
            (Reply::Refused(why), _) if why.is_final() => {
                self.pending.remove(&message);
                out.event(Event::Queue(QueueEvent::GaveUp { message: Some(message), why }));
            }
            (Reply::Refused(why), _) => {
                not_done(&self.place, message, pending, why, retry, out);
                self.metadata.refresh(retry);
            }
            _ => {}
        }
    }

    /// Takes requests for lost; they are made again.
    fn give_up(&mut self, now: Time, lost: impl Fn(&Asked) -> bool, out: &mut Out) {
        let retry = now + self.settings.retry_backoff;
        for (&message, pending) in &mut self.pending {
            if pending.asked.as_ref().is_some_and(&lost) {
                not_done(&self.place, message, pending, Refusal::NoAnswer, retry, out);
                self.metadata.refresh(now);
            }
        }
    }

    /// Sends whatever can be sent.
    fn pump(&mut self, now: Time, out: &mut Out) {
        let broker = self.metadata.broker_of(&self.place);
        let mut lost_sight = false;
        for (&message, pending) in &mut self.pending {
            if pending.asked.is_some() || pending.not_before > now || matches!(pending.stage, Stage::Open(_))
            {
                continue;
            }
            // None overtakes another: they all wait until it is known whom to ask.
            let Some(broker) = broker else {
                lost_sight = true;
                break;
            };
            let request = match pending.stage {
                Stage::Decide(id, decision) => Request::Decide { id, decision },
                Stage::Begin | Stage::Open(_) => {
                    pending.attempts += 1;
                    let (to, attempt) = (self.place.clone(), pending.attempts);
                    out.event(Event::Sent { to, messages: message.into(), attempt });
                    let mut batch = BatchBuilder::new();
                    batch.push(&pending.record).expect("its size was checked when it was taken over");
                    Request::BeginHalf { exchange: self.exchange.clone(), batches: batch.build() }
                }
            };
            self.last_request += 1;
            let deadline = now + self.settings.request_timeout;
            pending.asked = Some(Asked { id: self.last_request, broker, deadline });
            out.send(broker, Message::Request(self.last_request, request));
        }
        if lost_sight {
            self.metadata.refresh(now + self.settings.retry_backoff);
        }
        self.metadata.ask_if_due(now, &self.settings, &mut self.last_request, out);
    }
}

fn not_done(
    place: &Place,
    message: MessageId,
    pending: &mut Pending,
    why: Refusal,
    retry: Time,
    out: &mut Out,
) {
    (pending.asked, pending.not_before) = (None, retry);
    if let Stage::Begin = pending.stage {
        out.event(Event::NotStored { to: place.clone(), message, why });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::View;
    use crate::ids::Name;
    use alloc::sync::Arc;

    const BROKER: NodeId = NodeId::Broker(1);

    /// A producer that knows where the queue is, and what it has sent since.
    fn producer() -> TwoPhase {
        let queue = Name::new("q").expect("a legal name");
        let mut producer = TwoPhase::new(Settings::default(), Place::Queue(queue.clone()), [BROKER].into());
        let mut out = Out::default();
        producer.handle(Time::ZERO, Input::Wake, &mut out);
        let view = View { version: 1, queues: [(queue, BROKER)].into(), ..View::default() };
        let id = requests(&out)[0].0;
        tell(&mut producer, Time::ZERO, id, Reply::Cluster(Arc::new(view)));
        producer
    }

    fn requests(out: &Out) -> Vec<(RequestId, Request)> {
        let request = |message: &Message| match message {
            Message::Request(id, request) => Some((*id, request.clone())),
            _ => None,
        };
        out.sends.iter().filter_map(|envelope| request(&envelope.message)).collect()
    }

    fn tell(producer: &mut TwoPhase, now: Time, id: RequestId, reply: Reply) -> Out {
        let mut out = Out::default();
        producer.handle(now, Input::Message { from: BROKER, message: Message::Reply(id, reply) }, &mut out);
        out
    }

    fn begin(producer: &mut TwoPhase) -> RequestId {
        let mut out = Out::default();
        producer.begin(Time::ZERO, MessageId(1), NewRecord::default(), &mut out).expect("a small one");
        let sent = requests(&out);
        assert!(matches!(sent[0].1, Request::BeginHalf { .. }), "{sent:?}");
        sent[0].0
    }

    #[test]
    fn a_half_and_then_the_decision_until_it_is_answered() {
        let mut producer = producer();
        let half = begin(&mut producer);
        assert_eq!(producer.take_stored(), None);
        tell(&mut producer, Time(2), half, Reply::HalfStored(HalfId(7)));
        assert_eq!(producer.take_stored(), Some(MessageId(1)));
        let mut out = Out::default();
        producer.decide(Time(3), MessageId(1), true, &mut out);
        let word = requests(&out);
        let commit = |request: &Request| {
            matches!(request, Request::Decide { id: HalfId(7), decision: Decision::Commit })
        };
        assert!(commit(&word[0].1), "{word:?}");
        // The answer does not come: the word is said again.
        let late = producer.next_wakeup().expect("it waits for the answer");
        producer.handle(late, Input::Wake, &mut Out::default());
        let mut again = Out::default();
        let retry = producer.next_wakeup().expect("it tries again");
        producer.handle(late + Settings::default().retry_backoff, Input::Wake, &mut again);
        assert!(retry > late || !requests(&again).is_empty());
        let id = requests(&again).iter().find(|(_, request)| commit(request)).expect("once more").0;
        let done = tell(&mut producer, late + Settings::default().request_timeout, id, Reply::Decided);
        assert!(
            matches!(&done.events[..], [Event::Acknowledged { messages, .. }] if messages[..] == [MessageId(1)])
        );
        assert_eq!(producer.pending().count(), 0);
    }

    #[test]
    fn a_half_that_is_not_answered_is_sent_again_and_a_rollback_acknowledges_nothing() {
        let mut producer = producer();
        begin(&mut producer);
        let mut out = Out::default();
        producer.handle(Time(1), Input::HangUp { peer: BROKER }, &mut out);
        assert!(matches!(out.events[..], [Event::NotStored { why: Refusal::NoAnswer, .. }]));
        let again = Time(1) + Settings::default().retry_backoff;
        producer.handle(again, Input::Wake, &mut out);
        let is_begin = |request: &Request| matches!(request, Request::BeginHalf { .. });
        let id = requests(&out).iter().find(|(_, request)| is_begin(request)).expect("once more").0;
        tell(&mut producer, again, id, Reply::HalfStored(HalfId(8)));
        assert_eq!(producer.take_stored(), Some(MessageId(1)));
        let mut out = Out::default();
        producer.decide(again, MessageId(1), false, &mut out);
        let id = requests(&out).last().expect("it says so").0;
        assert!(tell(&mut producer, again, id, Reply::Decided).events.is_empty());
        assert_eq!(producer.pending().count(), 0);
    }
}
