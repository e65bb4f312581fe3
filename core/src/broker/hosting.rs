//! What does a broker do with queues? It lets a virtual host do the work, and speaks for it: requests in, events out.
//!
//! Each client that is connected has a channel of the host's; when its connection breaks, the channel is closed, and
//! what it had goes back. A client that falls silent is taken for gone after a while.

use alloc::vec::Vec;

use super::deadlines::Deadlines;
use super::protocol::{Delivery, Message, Out, Reads, Reply, Request, RequestId, Settlement};
use super::transaction::Transaction;
use super::{Broker, BrokerError, refuse};
use crate::ids::{Name, NodeId};
use crate::log::{SliceOf, Storage, StorageError};
use crate::message::Message as Payload;
use crate::observe::{Event, QueueEvent, Refusal, state_fact};
use crate::queue::{ConsumerId, ConsumerOptions};
use crate::sorted::{SortedMap, SortedSet};
use crate::time::Time;
use crate::vhost::{ChannelId, ErrorOf, HalfId, Handle, Output, Publish, VhostError};

/// Who is connected to a broker's virtual host.
#[derive(Clone, Debug, Default)]
pub(super) struct Guests {
    /// The consumers of each client, by queue, and the request that made each: the number of its session.
    pub(super) consumers: SortedMap<(NodeId, Name), (ConsumerId, RequestId)>,
    /// Whose each consumer is, as long as anything is said of it.
    clients: SortedMap<ConsumerId, NodeId>,
    /// When a client that consumes is given up, unless it is heard before.
    pub(super) deadlines: Deadlines,
    /// Clients that publish: they are told when to wait.
    pub(super) publishers: SortedSet<NodeId>,
    /// Those of them that wait for room.
    pub(super) waiting: SortedSet<NodeId>,
    /// The last transaction of each client, while it is connected.
    pub(super) transactions: SortedMap<NodeId, Transaction>,
    /// Transactions that ended with their channels, and of which nobody was told so far.
    pub(super) undone: Vec<QueueEvent>,
}

/// The kinds of nodes, as they are counted in the number of a channel.
const KINDS: [fn(u16) -> NodeId; 4] = [NodeId::Producer, NodeId::Consumer, NodeId::Service, NodeId::User];

/// A client's channel: its kind and its number.
pub(super) fn channel_of(node: NodeId) -> ChannelId {
    let (kind, number) = match node {
        NodeId::Producer(number) => (0, number),
        NodeId::Consumer(number) => (1, number),
        NodeId::Service(number) => (2, number),
        NodeId::User(number) => (3, number),
        NodeId::Broker(_)
        | NodeId::Controller
        | NodeId::Voter(_)
        | NodeId::Bookie(_)
        | NodeId::NameServer(_)
        | NodeId::Store => return ChannelId::default(),
    };
    ChannelId((kind << 16 | u64::from(number)) + 1)
}

fn client_of(channel: ChannelId) -> Option<NodeId> {
    let number = channel.0.checked_sub(1)?;
    let kind = KINDS.get(usize::try_from(number >> 16).ok()?)?;
    Some(kind(number as u16))
}

/// Why a request is not done, or why the broker cannot go on.
pub(super) enum Failure<S: Storage> {
    Refused(Refusal),
    Fatal(BrokerError<StorageError<S>>),
}

impl<S: Storage> From<ErrorOf<S>> for Failure<S> {
    fn from(error: ErrorOf<S>) -> Self {
        match error {
            // What the files hold is not a client's doing.
            VhostError::Definitions(_) => Self::Fatal(error.into()),
            error if error.is_storage() => Self::Fatal(error.into()),
            error => Self::Refused(Refusal::from(&error)),
        }
    }
}

impl<S: Storage> Broker<S> {
    /// Does what a client asks of queues, exchanges and subscriptions.
    pub(super) fn host_request(
        &mut self,
        now: Time,
        asker: (NodeId, RequestId),
        request: Request,
        out: &mut Out<SliceOf<S>>,
    ) -> super::Done<S> {
        let (from, id) = asker;
        // A word in answer to each sign of life would put off the moment at which a waiting client tries by itself.
        let publishes = !matches!(request, Request::Subscribe { .. } | Request::Ping { .. });
        let done = match request {
            // It would wait with the transaction, and be taken for stored.
            Request::Send { .. } | Request::Publish { .. } | Request::BeginHalf { .. }
                if self.guests.in_transaction(from) =>
            {
                Err(Failure::Refused(Refusal::Invalid))
            }
            Request::Transaction { number, step } => self.transaction(now, from, (number, step), out),
            Request::Send { queue, batches } => self.send_to(now, from, &queue, &batches, out),
            Request::Publish { exchange, mandatory, retain, batches } => {
                let how = Publish { channel: channel_of(from), mandatory, retain };
                self.publish(now, from, &exchange, how, &batches, out)
            }
            Request::BeginHalf { exchange, batches } => self.begin_half(now, from, &exchange, &batches, out),
            Request::Decide { id, decision } => self.decide(now, id, decision, out),
            Request::Subscribe { reads, options } => self.subscribe(now, asker, reads, options),
            Request::Ping { queue } => self.ping(now, from, queue),
            _ => Err(Failure::Refused(Refusal::Unsupported)),
        };
        let refused = matches!(done, Err(Failure::Refused(Refusal::Blocked)));
        if refused || publishes && self.guests.waiting.contains(&from) {
            self.ask_to_wait(from, out);
        }
        let answered = match done {
            // The answer comes before what is pushed: who subscribes knows that it did when the first message comes.
            Ok(reply) => {
                out.reply(from, id, reply);
                Ok(())
            }
            Err(Failure::Refused(refusal)) => refuse(asker, refusal, out),
            Err(Failure::Fatal(error)) => Err(error),
        };
        answered.and_then(|()| self.drain(out))
    }

    pub(super) fn open(&mut self, now: Time, client: NodeId) -> Result<ChannelId, Failure<S>> {
        let channel = channel_of(client);
        self.host.open_channel(now, channel, Default::default())?;
        Ok(channel)
    }

    fn subscribe(
        &mut self,
        now: Time,
        (from, session): (NodeId, RequestId),
        reads: Reads,
        options: ConsumerOptions,
    ) -> Result<Reply<SliceOf<S>>, Failure<S>> {
        let channel = self.open(now, from)?;
        // Asking again begins anew: what the client had goes back. So does the first subscription: a transaction that is
        // open before it belongs to an earlier one, which the broker forgot when it was started anew.
        let is_first = !self.guests.consumers.keys().any(|(client, _)| *client == from);
        if let Reads::Queue(queue) = &reads
            && (self.guests.consumers.contains_key(&(from, queue.clone()))
                || is_first && self.guests.in_transaction(from))
        {
            self.leave(now, from)?;
            self.open(now, from)?;
        }
        let consumer = match reads {
            Reads::Queue(queue) => self.host.consume_on(now, channel, queue.as_str(), options)?,
            Reads::Topic(subscription) => {
                if !is_first || self.guests.in_transaction(from) {
                    self.leave(now, from)?;
                    self.open(now, from)?;
                }
                self.host.subscribe(now, channel, subscription, options)?
            }
        };
        let queue = self.host.queue_of(consumer).ok_or(Failure::Refused(Refusal::Unknown))?.clone();
        self.guests.consumers.insert((from, queue.clone()), (consumer, session));
        self.guests.clients.insert(consumer, from);
        self.guests.deadlines.set(from, now + self.settings.consumer_session);
        Ok(Reply::Subscribed { queue })
    }

    fn ping(&mut self, now: Time, from: NodeId, queue: Name) -> Result<Reply<SliceOf<S>>, Failure<S>> {
        if self.host.queue(queue.as_str()).is_none() {
            return Err(Failure::Refused(Refusal::Unknown));
        }
        if !self.guests.consumers.contains_key(&(from, queue)) {
            return Err(Failure::Refused(Refusal::NotAMember));
        }
        self.guests.deadlines.set(from, now + self.settings.consumer_session);
        Ok(Reply::Pong)
    }

    /// What a consumer says of deliveries. Nobody waits for an answer, so one that it does not have any more is only
    /// told of: it went back in the meantime (its lease was over, or its client subscribed anew), and will be delivered
    /// again. (RabbitMQ closes the channel with 406.)
    pub(super) fn settle_deliveries(
        &mut self,
        now: Time,
        (from, queue, session): (NodeId, Name, RequestId),
        tags: &[u64],
        how: Settlement,
        out: &mut Out<SliceOf<S>>,
    ) -> super::Done<S> {
        let channel = channel_of(from);
        let current =
            self.guests.consumers.get(&(from, queue.clone())).is_some_and(|(_, own)| *own == session);
        for &tag in tags {
            let handle = Handle { channel, tag };
            let settled = match how {
                _ if !current => Err(VhostError::UnknownDelivery(tag)),
                Settlement::Done => self.host.ack(now, handle),
                Settlement::Requeue => self.host.nack(now, handle, true),
                Settlement::Reject => self.host.nack(now, handle, false),
            };
            match settled {
                Err(VhostError::UnknownDelivery(_) | VhostError::NoChannel) => {
                    let why = Refusal::UnknownDelivery;
                    out.event(Event::Queue(QueueEvent::NotSettled { queue: queue.clone(), by: from, why }));
                }
                settled => settled?,
            }
        }
        self.drain(out)
    }

    /// A consumer grants more deliveries.
    pub(super) fn grant_credit(
        &mut self,
        now: Time,
        (from, queue, session): (NodeId, Name, RequestId),
        more: u64,
        out: &mut Out<SliceOf<S>>,
    ) -> super::Done<S> {
        if let Some(&(consumer, own)) = self.guests.consumers.get(&(from, queue))
            && own == session
        {
            // The host has each consumer that a client has here: they come and go together.
            self.host.grant(now, consumer, more)?;
        }
        self.drain(out)
    }

    /// A consumer wants another bound for what it did not acknowledge.
    pub(super) fn set_window(
        &mut self,
        now: Time,
        (from, queue, session): (NodeId, Name, RequestId),
        most: u32,
        out: &mut Out<SliceOf<S>>,
    ) -> super::Done<S> {
        if let Some(&(consumer, own)) = self.guests.consumers.get(&(from, queue))
            && own == session
        {
            self.host.set_prefetch(now, consumer, most)?;
        }
        self.drain(out)
    }

    /// A client is gone.
    pub(super) fn guest_left(
        &mut self,
        now: Time,
        client: NodeId,
        out: &mut Out<SliceOf<S>>,
    ) -> super::Done<S> {
        self.guests.publishers.remove(&client);
        self.guests.waiting.remove(&client);
        self.intake.forget(client);
        // Whatever ends here is the channel's own, so nothing but the storage can refuse.
        self.leave(now, client)?;
        self.drain(out)?;
        let attached: SortedSet<ConsumerId> =
            self.guests.consumers.values().map(|(consumer, _)| *consumer).collect();
        self.guests.clients.retain(|consumer, _| attached.contains(consumer));
        Ok(())
    }

    fn leave(&mut self, now: Time, client: NodeId) -> Result<(), ErrorOf<S>> {
        self.guests.consumers.retain(|(other, _), _| *other != client);
        self.guests.deadlines.remove(client);
        self.guests.forget_transaction(client);
        self.host.close_channel(now, channel_of(client))
    }

    /// Does what is due in the host, and gives up clients that were not heard in time: a machine without power says
    /// no goodbye.
    pub(super) fn tick_host(&mut self, now: Time, out: &mut Out<SliceOf<S>>) -> super::Done<S> {
        while let Some(silent) = self.guests.deadlines.overdue(now) {
            self.guest_left(now, silent, out)?;
        }
        self.take_in_due(now, out)?;
        if self.host.next_wakeup().is_some_and(|at| at <= now) {
            // It touches what it finds, and asks nobody: nothing but the storage can refuse.
            self.host.tick(now)?;
            self.drain(out)?;
        }
        Ok(())
    }

    /// When the host or a silent client wants attention.
    pub(super) fn next_host_wakeup(&self) -> Option<Time> {
        self.host
            .next_wakeup()
            .into_iter()
            .chain(self.guests.deadlines.first())
            .chain(self.intake.next_due())
            .min()
    }

    /// Carries out what the host wants, and says what happened in it.
    pub(super) fn drain(&mut self, out: &mut Out<SliceOf<S>>) -> super::Done<S> {
        self.tell_of_undone(out);
        while let Some(output) = self.host.poll() {
            match output {
                Output::Deliver(delivered) => {
                    let Some(to) = client_of(delivered.handle.channel) else { continue };
                    let subscribed = (to, delivered.queue);
                    // A client that left meanwhile has given it back.
                    let Some(&(_, session)) = self.guests.consumers.get(&subscribed) else { continue };
                    out.send(
                        to,
                        Message::Deliver(Delivery {
                            queue: subscribed.1,
                            session,
                            tag: delivered.handle.tag,
                            offset: delivered.offset,
                            delivery: delivered.count,
                            message: delivered.message,
                        }),
                    );
                }
                Output::Returned { channel, message } => {
                    if let Some(to) = client_of(channel) {
                        out.send(to, Message::Returned(message));
                    }
                }
                Output::CheckBack { id, check, message } => self.ask_back(id, check, message, out),
                Output::Blocked(alarm) => {
                    out.event(Event::Queue(QueueEvent::Blocked { alarm }));
                    self.tell_of_alarm(true, out);
                }
                Output::Unblocked(alarm) => {
                    out.event(Event::Queue(QueueEvent::Unblocked { alarm }));
                    self.tell_of_alarm(false, out);
                }
                Output::QueueRemoved(queue) => {
                    self.guests.consumers.retain(|(_, name), _| *name != queue);
                    out.event(Event::Queue(QueueEvent::Removed { queue }));
                }
                Output::Fact(queue, fact) => {
                    let client = |consumer| self.client_of_consumer(consumer);
                    state_fact(&queue, fact, &client, &mut out.events);
                }
                Output::Room(_) => {
                    self.intake.may_have_room();
                    self.tell_of_room(out);
                }
                // Replies do the one; and who has lost its queue hears so when it asks.
                Output::Confirmed { .. } | Output::Credit { .. } | Output::Cancelled { .. } => {}
            }
        }
        Ok(())
    }

    fn ask_back(&self, id: HalfId, check: u32, message: Payload, out: &mut Out<SliceOf<S>>) {
        let Some(to) = message.correlation().and_then(|sender| sender.parse::<NodeId>().ok()) else { return };
        if let Some(message) = message.id() {
            out.event(Event::Queue(QueueEvent::CheckedBack { message, check }));
        }
        out.send(to, Message::CheckBack { id, message });
    }

    /// The client that a consumer of the host's belongs to.
    pub(crate) fn client_of_consumer(&self, consumer: ConsumerId) -> Option<NodeId> {
        self.guests.clients.get(&consumer).copied()
    }
}
