//! Who receives what a queue pushes? A consumer that subscribes, and acknowledges each message by itself.
//!
//! What was delivered and not begun is *staged* here. When the connection breaks, the broker puts all of it back,
//! so the consumer forgets it too; a message that its program has in hands is finished all the same, and will
//! then be processed twice: once here, once by whoever gets it again.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::metadata::Metadata;
use crate::broker::{Input, Message, Out, Reply, Request, RequestId, Settings};
use crate::ids::{Name, NodeId, Offset};
use crate::observe::{Event, Place};
use crate::record::Record;
use crate::time::Time;

/// A message in a consumer's hands.
#[derive(Clone, Debug)]
pub struct Staged {
    /// Where it came from.
    pub from: Place,
    /// The record, with its offset there.
    pub record: Record,
    /// 1 for the first delivery, as far as the broker says.
    pub delivery: u32,
}

/// A consumer of a queue.
#[derive(Clone, Debug)]
pub struct Subscriber {
    settings: Settings,
    queue: Name,
    prefetch: u32,
    metadata: Metadata,
    state: State,
    staged: VecDeque<Staged>,
    last_request: RequestId,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// Not subscribed; to be tried at this moment.
    Apart(Time),
    /// The broker was asked, and is given up at this moment.
    Asked { id: RequestId, broker: NodeId, deadline: Time },
    /// The broker pushes. It is asked from time to time whether it is still there.
    Subscribed { broker: NodeId, next_ping: Time, asked: Option<(RequestId, Time)> },
}

impl State {
    /// The broker that it has to do with.
    fn broker(&self) -> Option<NodeId> {
        match *self {
            Self::Apart(_) => None,
            Self::Asked { broker, .. } | Self::Subscribed { broker, .. } => Some(broker),
        }
    }
}

impl Subscriber {
    /// A consumer that knows these brokers by name. It takes `prefetch` messages at a time; 0 is without limit.
    pub fn new(settings: Settings, queue: Name, prefetch: u32, brokers: Vec<NodeId>) -> Self {
        let metadata = Metadata::new(brokers);
        let state = State::Apart(Time::ZERO);
        Self { settings, queue, prefetch, metadata, state, staged: VecDeque::new(), last_request: 0 }
    }

    /// What was received and not begun, oldest first.
    pub fn staged(&self) -> impl Iterator<Item = &Staged> {
        self.staged.iter()
    }

    /// Takes the next message to work on.
    pub fn take(&mut self) -> Option<Staged> {
        self.staged.pop_front()
    }

    /// Tells the broker that a message is done with.
    pub fn done(&mut self, offset: Offset, out: &mut Out) {
        if let State::Subscribed { broker, .. } = self.state {
            let offsets = [offset].into();
            out.send(broker, Message::Done { queue: self.queue.clone(), offsets });
        }
    }

    /// Takes what reaches the consumer.
    pub fn handle(&mut self, now: Time, input: Input, out: &mut Out) {
        let retry = now + self.settings.retry_backoff;
        match input {
            Input::Message { from, message: Message::Reply(id, reply) } => self.reply(now, from, id, reply),
            Input::Message { from, message: Message::Deliver(delivery) } => {
                let known = self.state.broker() == Some(from);
                let at = delivery.offset;
                let record = delivery.batch.records().find(|record| record.offset == at);
                if let (true, Some(record)) = (known, record) {
                    self.receive(
                        Staged { from: Place::Queue(delivery.queue), record, delivery: delivery.delivery },
                        out,
                    );
                }
            }
            Input::HangUp { peer } => {
                self.metadata.hang_up(peer, retry);
                if self.state.broker() == Some(peer) {
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
            State::Asked { deadline, .. } => Some(deadline),
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
            out.event(Event::Received { from: staged.from.clone(), message, delivery: staged.delivery });
        }
        self.staged.push_back(staged);
    }

    /// The broker is gone, or does not know this consumer any more: whatever it delivered it will deliver again.
    fn break_off(&mut self, retry: Time) {
        self.staged.clear();
        self.state = State::Apart(retry);
        self.metadata.refresh(retry);
    }

    fn reply(&mut self, now: Time, from: NodeId, id: RequestId, reply: Reply) {
        let retry = now + self.settings.retry_backoff;
        let waited_for = match self.state {
            State::Apart(_) => false,
            State::Asked { id: asked, .. } => asked == id,
            State::Subscribed { asked, .. } => asked.is_some_and(|(asked, _)| asked == id),
        };
        match reply {
            Reply::Cluster(view) => {
                self.metadata.learn(id, view, retry);
            }
            Reply::Subscribed | Reply::Pong if waited_for => {
                let next_ping = now + self.settings.consumer_heartbeat;
                self.state = State::Subscribed { broker: from, next_ping, asked: None };
            }
            Reply::Refused(_) if waited_for => self.break_off(retry),
            _ => {}
        }
    }

    /// Subscribes, or asks whether the broker is still there, if that is due.
    fn pump(&mut self, now: Time, out: &mut Out) {
        let silent = match self.state {
            State::Apart(_) => false,
            State::Asked { deadline, .. } => deadline <= now,
            State::Subscribed { asked, .. } => asked.is_some_and(|(_, deadline)| deadline <= now),
        };
        if silent {
            self.break_off(now);
        }
        if let State::Subscribed { broker, next_ping, asked: asked @ None } = &mut self.state
            && *next_ping <= now
        {
            self.last_request += 1;
            *asked = Some((self.last_request, now + self.settings.request_timeout));
            let ping = Request::Ping { queue: self.queue.clone() };
            out.send(*broker, Message::Request(self.last_request, ping));
        }
        if matches!(self.state, State::Apart(at) if at <= now) {
            match self.metadata.view().queues.get(&self.queue).copied() {
                Some(broker) => {
                    self.last_request += 1;
                    let (id, deadline) = (self.last_request, now + self.settings.request_timeout);
                    self.state = State::Asked { id, broker, deadline };
                    let request = Request::Subscribe { queue: self.queue.clone(), prefetch: self.prefetch };
                    out.send(broker, Message::Request(id, request));
                }
                None => {
                    self.state = State::Apart(now + self.settings.retry_backoff);
                    self.metadata.refresh(now);
                }
            }
        }
        self.metadata.ask_if_due(now, &self.settings, &mut self.last_request, out);
    }
}
