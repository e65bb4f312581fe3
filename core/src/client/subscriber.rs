//! Who receives what a queue pushes? A consumer that subscribes, and acknowledges each message by itself.
//!
//! What was delivered and not begun is *staged* here. When the connection breaks, the broker puts all of it back,
//! so the consumer forgets it too; a message that its program has in hands is finished all the same, and will
//! then be processed twice: once here, once by whoever gets it again.
//!
//! Who acknowledges automatically has all of it for good, and keeps it: nobody else will get it.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::asked::Asked;
use super::metadata::Metadata;
use crate::broker::{Delivery, Input, Message, Out, Reads, Reply, Request, RequestId, Settings, Settlement};
use crate::ids::{Name, NodeId};
use crate::observe::{Event, Place, QueueEvent, Refusal};
use crate::queue::{AckMode, ConsumerOptions, Flow};
use crate::record::Record;
use crate::time::Time;

/// How many messages a consumer whose flow is by credit lets come at first.
const FIRST_CREDIT: u64 = 1;

/// A message in a consumer's hands.
///
/// ```
/// use mqlab_core::client::Staged;
/// use mqlab_core::ids::Name;
/// use mqlab_core::log::contract::batch;
/// use mqlab_core::observe::Place;
/// let record = batch(0, 1).records().next().ok_or("a record")?;
/// let staged = Staged { from: Place::Queue(Name::new("orders")?), record, delivery: 2, session: 1, tag: 7 };
/// assert!(staged.delivery > 1); // somebody had it before, as far as the broker knows
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Staged {
    /// Where it came from.
    pub from: Place,
    /// The record, with its offset there.
    pub record: Record,
    /// 1 for the first delivery, as far as the broker says.
    pub delivery: u32,
    /// The subscription that it came to; 0 for what was pulled.
    pub session: RequestId,
    /// What an acknowledgement to a queue names.
    pub tag: u64,
}

/// A consumer of a queue.
///
/// ```
/// use mqlab_core::broker::{Input, Message, Out, Reads, Request, Settings};
/// use mqlab_core::client::Subscriber;
/// use mqlab_core::ids::{Name, NodeId};
/// use mqlab_core::queue::ConsumerOptions;
/// use mqlab_core::time::Time;
/// let reads = Reads::Queue(Name::new("orders")?);
/// let brokers = vec![NodeId::Broker(1)];
/// let mut subscriber = Subscriber::new(Settings::default(), reads, ConsumerOptions::default(), brokers);
/// let mut out = Out::default();
/// subscriber.handle(Time::ZERO, Input::Wake, &mut out);
/// assert!(matches!(out.sends[0].message, Message::Request(_, Request::Metadata))); // who has the queue?
/// # Ok::<(), mqlab_core::ids::BadName>(())
/// ```
#[derive(Clone, Debug)]
pub struct Subscriber {
    settings: Settings,
    reads: Reads,
    options: ConsumerOptions,
    /// Where the messages come from, once the broker has said so.
    queue: Option<Name>,
    metadata: Metadata,
    state: State,
    staged: VecDeque<Staged>,
    last_request: RequestId,
    /// The last subscriptions to which it was enough to hand messages over: after this one, up to that one.
    handed_over: (RequestId, RequestId),
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// Not subscribed; to be tried at this moment.
    Apart(Time),
    /// The broker was asked, and is given up at this moment.
    Asked(Asked),
    /// The broker refused for good: nothing is asked again.
    Refused(Refusal),
    /// The broker pushes, since this request. It is asked from time to time whether it is still there.
    Subscribed { broker: NodeId, session: RequestId, next_ping: Time, asked: Option<(RequestId, Time)> },
}

impl State {
    /// The broker that it has to do with, and the request that its subscription began with.
    fn session(&self) -> Option<(NodeId, RequestId)> {
        match *self {
            Self::Apart(_) | Self::Refused(_) => None,
            Self::Asked(Asked { broker, id, .. }) | Self::Subscribed { broker, session: id, .. } => {
                Some((broker, id))
            }
        }
    }
}

impl Subscriber {
    /// A consumer that knows these brokers by name.
    pub fn new(settings: Settings, reads: Reads, options: ConsumerOptions, brokers: Vec<NodeId>) -> Self {
        let metadata = Metadata::new(brokers);
        let state = State::Apart(Time::ZERO);
        let (staged, queue) = Default::default();
        let handed_over = (0, if options.ack == AckMode::Automatic { RequestId::MAX } else { 0 });
        Self { settings, reads, options, queue, metadata, state, staged, last_request: 0, handed_over }
    }

    /// What was received and not begun, oldest first.
    pub fn staged(&self) -> impl Iterator<Item = &Staged> {
        self.staged.iter()
    }

    /// Takes the next message to work on.
    pub fn take(&mut self) -> Option<Staged> {
        self.staged.pop_front()
    }

    /// How many messages are here and not begun.
    pub fn len(&self) -> usize {
        self.staged.len()
    }

    /// Whether nothing is here that was not begun.
    pub fn is_empty(&self) -> bool {
        self.staged.is_empty()
    }

    /// Why it will never get anything, if a broker refused it for good.
    pub fn refused(&self) -> Option<Refusal> {
        if let State::Refused(why) = self.state { Some(why) } else { None }
    }

    /// Whether a message counts as consumed when it is handed over.
    pub fn is_automatic(&self) -> bool {
        self.options.ack == AckMode::Automatic
    }

    /// The broker that pushes, and the number of the subscription; nothing while there is none. What came to an earlier
    /// one is not its own any more: it will be delivered again.
    pub fn session(&self) -> Option<(NodeId, RequestId)> {
        self.state.session()
    }

    /// Tells the broker what becomes of messages. The first of them come before the answer to the subscription. Of
    /// those that came to an earlier subscription nothing is said: they went back to their queue, and their numbers
    /// are used again. (RabbitMQ's Java client does the same after it connected anew.)
    pub fn settle(&mut self, all: &[Staged], how: Settlement, out: &mut Out) {
        let Some((broker, session)) = self.state.session() else { return };
        let current = all.iter().filter(|staged| staged.session == session);
        let tags: Vec<u64> = current.map(|staged| staged.tag).collect();
        if let (Some(queue), false, false) = (&self.queue, self.is_automatic(), tags.is_empty()) {
            out.send(broker, Message::Settle { queue: queue.clone(), session, tags, how });
        }
    }

    /// Lets the broker push so many messages more.
    pub fn grant(&mut self, more: u64, out: &mut Out) {
        if let (Some((broker, session)), Some(queue)) = (self.state.session(), &self.queue) {
            out.send(broker, Message::Credit { queue: queue.clone(), session, more });
        }
    }

    /// Has at most so many messages that it did not acknowledge, from now on; 0 for no limit. Nothing changes where it
    /// gives credit instead.
    pub fn set_prefetch(&mut self, most: u32, out: &mut Out) {
        if !matches!(self.options.flow, Flow::Unlimited | Flow::Prefetch(_)) {
            return;
        }
        self.options.flow = Flow::Prefetch(most);
        if let State::Asked(_) = self.state {
            self.state = State::Apart(Time::ZERO); // it asks again, for what it wants now
            return;
        }
        if let (Some((broker, session)), Some(queue)) = (self.state.session(), &self.queue) {
            out.send(broker, Message::Window { queue: queue.clone(), session, most });
        }
    }

    /// Acknowledges by itself from now on, or not any more. It subscribes anew for that, as a queue knows it of each
    /// subscription (AMQP: `no-ack` of `basic.consume`): what it has not begun goes back, unless it is its own already.
    pub fn set_automatic(&mut self, automatic: bool) {
        if automatic == self.is_automatic() || self.refused().is_some() {
            return;
        }
        if automatic {
            self.forget_what_goes_back();
            self.handed_over = (self.last_request, RequestId::MAX);
        } else {
            self.handed_over.1 = self.last_request;
        }
        self.options.ack = if automatic { AckMode::Automatic } else { AckMode::Explicit };
        self.state = State::Apart(Time::ZERO);
    }

    /// Whether what came to a subscription is its own since then.
    fn is_given(&self, session: RequestId) -> bool {
        let (after, until) = self.handed_over;
        (after.saturating_add(1)..=until).contains(&session)
    }

    /// Whether the next message to work on is its own already, and needs no acknowledgement.
    pub fn is_next_given(&self) -> bool {
        self.staged.front().is_some_and(|staged| self.is_given(staged.session))
    }

    fn forget_what_goes_back(&mut self) {
        let mut staged = core::mem::take(&mut self.staged);
        staged.retain(|staged| self.is_given(staged.session));
        self.staged = staged;
    }

    /// Takes what reaches the consumer.
    pub fn handle(&mut self, now: Time, input: Input, out: &mut Out) {
        let retry = now + self.settings.retry_backoff;
        match input {
            Input::Message { from, message: Message::Reply(id, reply) } => {
                self.reply(now, from, id, reply, out)
            }
            Input::Message { from, message: Message::Deliver(delivery) } => {
                // What came to an earlier subscription went back to its queue, unless to hand it over was enough.
                let is_given = self.is_given(delivery.session);
                let own = |(broker, session)| broker == from && session == delivery.session;
                let is_near = |(broker, _)| broker == from;
                let session = self.state.session();
                if session.is_some_and(own) || is_given && session.is_none_or(is_near) {
                    let Delivery { queue, session, tag, offset, delivery, message } = delivery;
                    self.queue = Some(queue.clone());
                    let record = message.to_record_at(offset, now.as_millis() as i64);
                    self.receive(Staged { from: Place::Queue(queue), record, delivery, session, tag }, out);
                }
            }
            Input::HangUp { peer } => {
                self.metadata.hang_up(peer, retry);
                if self.state.session().is_some_and(|(broker, _)| broker == peer) {
                    self.break_off(retry);
                }
            }
            Input::Message { .. } | Input::Wake => {}
        }
        self.pump(now, out);
    }

    /// When the consumer wants to be woken.
    pub fn next_wakeup(&self) -> Option<Time> {
        let own = match self.state {
            State::Apart(at) => Some(at),
            State::Refused(_) => return None,
            State::Asked(asked) => Some(asked.deadline),
            State::Subscribed { next_ping, asked, .. } => {
                Some(asked.map_or(next_ping, |(_, deadline)| deadline))
            }
        };
        match self.metadata.next_wakeup() {
            Some(at) if matches!(self.state, State::Apart(_)) => Some(at),
            at => [at, own].into_iter().flatten().min(),
        }
    }

    fn receive(&mut self, staged: Staged, out: &mut Out) {
        if let Some(message) = staged.record.message_id() {
            out.received(&staged.from, message, staged.delivery);
        }
        self.staged.push_back(staged);
    }

    /// The broker is gone, or does not know this consumer any more: whatever it delivered it will deliver again.
    fn break_off(&mut self, retry: Time) {
        self.forget_what_goes_back();
        self.state = State::Apart(retry);
        self.metadata.refresh(retry);
    }

    /// Who gives credit begins with as much as a window would have: one message, and one more each time one is done.
    fn first_credit(&mut self, out: &mut Out) {
        if self.options.flow == Flow::Credit {
            self.grant(FIRST_CREDIT, out);
        }
    }

    fn reply(&mut self, now: Time, from: NodeId, id: RequestId, reply: Reply, out: &mut Out) {
        let retry = now + self.settings.retry_backoff;
        let waited_for = match self.state {
            State::Apart(_) | State::Refused(_) => false,
            State::Asked(asked) => asked.id == id,
            State::Subscribed { asked, .. } => asked.is_some_and(|(asked, _)| asked == id),
        };
        match reply {
            Reply::Cluster(view) => {
                self.metadata.learn(id, view, retry);
            }
            Reply::Subscribed { .. } | Reply::Pong if waited_for => {
                let next_ping = now + self.settings.consumer_heartbeat;
                let session = self.state.session().map_or(id, |(_, session)| session);
                self.state = State::Subscribed { broker: from, session, next_ping, asked: None };
                if let Reply::Subscribed { queue } = reply {
                    self.queue = Some(queue);
                    self.first_credit(out);
                }
            }
            Reply::Refused(why) if waited_for && why.is_final() => {
                self.break_off(retry);
                self.state = State::Refused(why);
                out.event(Event::Queue(QueueEvent::GaveUp { message: None, why }));
            }
            Reply::Refused(_) if waited_for => self.break_off(retry),
            _ => {}
        }
    }

    /// The broker to subscribe at.
    fn broker(&self) -> Option<NodeId> {
        let view = self.metadata.view();
        match &self.reads {
            Reads::Queue(queue) => view.queues.get(queue).copied(),
            Reads::Topic(subscription) => view.exchanges.get(&subscription.topic).copied(),
        }
    }

    /// Subscribes, or asks whether the broker is still there, if that is due.
    fn pump(&mut self, now: Time, out: &mut Out) {
        let silent = match self.state {
            State::Apart(_) | State::Refused(_) => false,
            State::Asked(asked) => asked.deadline <= now,
            State::Subscribed { asked, .. } => asked.is_some_and(|(_, deadline)| deadline <= now),
        };
        if silent {
            self.break_off(now);
        }
        if let State::Subscribed { broker, next_ping, asked: asked @ None, .. } = &mut self.state
            && *next_ping <= now
        {
            self.last_request += 1;
            *asked = Some((self.last_request, now + self.settings.request_timeout));
            if let Some(queue) = self.queue.clone() {
                out.send(*broker, Message::Request(self.last_request, Request::Ping { queue }));
            }
        }
        if matches!(self.state, State::Apart(at) if at <= now) {
            match self.broker() {
                Some(broker) => {
                    self.last_request += 1;
                    let (id, deadline) = (self.last_request, now + self.settings.request_timeout);
                    self.state = State::Asked(Asked { id, broker, deadline });
                    let (reads, options) = (self.reads.clone(), self.options.clone());
                    let request = Request::Subscribe { reads, options };
                    out.send(broker, Message::Request(id, request));
                }
                None => {
                    self.state = State::Apart(now + self.settings.retry_backoff);
                    self.metadata.refresh(now);
                }
            }
        }
        if !matches!(self.state, State::Refused(_)) {
            self.metadata.ask_if_due(now, &self.settings, &mut self.last_request, out);
        }
    }
}
