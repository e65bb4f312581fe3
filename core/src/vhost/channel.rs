//! What does one client see? A channel: it numbers deliveries, bounds them, and may hold back until a commit.
//!
//! ```text
//!   channel  ┌ window: so many unacknowledged, over all its consumers (0: no limit)
//!            │ deliveries 1 2 3 4 ...  ack(3, all up to it) settles 1, 2, 3
//!            │ confirms: messages 1 2 3 ... are confirmed after the flush, runs of them at once
//!            └ or a transaction: messages and acknowledgements wait for commit, or are undone by rollback
//! ```
//!
//! AMQP's channel and JMS's session. Closing one gives back everything that it had.
//!
//! A transaction is local: its messages and acknowledgements take effect together, in one burst, or not at all. A
//! power cut in the middle of the flush that follows may keep its messages and forget its acknowledgements: what was
//! consumed in it is delivered again, and nothing is lost. (AMQP promises no more, and for one queue only.)

use alloc::vec::Vec;

use super::*;
use crate::queue::{Delivery, Tag, WindowId};

/// A channel. Whoever opens it chooses the number, from 1; 0 is the default channel, which is always open.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct ChannelId(pub u64);

/// One delivery of a channel: what an acknowledgement names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct Handle {
    /// The channel that it came on; only there can it be settled.
    pub channel: ChannelId,
    /// Its number on the channel, from 1, never used twice.
    pub tag: u64,
}

/// What a channel does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ChannelOptions {
    /// How many deliveries may be unacknowledged over all its consumers; 0 for no limit (`basic.qos` with `global`).
    pub window: u32,
    /// Whether its publisher is told what is stored (`confirm.select`).
    pub confirms: bool,
    /// Whether messages and acknowledgements wait for a commit (`tx.select`, JMS's `SESSION_TRANSACTED`).
    pub transactional: bool,
}

/// What a rollback does with what was acknowledged in the transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rollback {
    /// It goes back to its queues and is delivered again (JMS).
    Redeliver,
    /// It stays with the channel, unacknowledged (AMQP).
    Keep,
}

/// A delivery that its channel has not settled.
#[derive(Clone, Debug)]
struct Unsettled {
    queue: Name,
    tag: Tag,
    /// Whether it counts for the window: what was asked for does not.
    pushed: bool,
}

/// What waits for a commit.
#[derive(Clone, Debug)]
enum Step {
    Publish(ExchangeName, Arc<str>, Arc<Message>, Publish),
    Settle(u64, Verdict),
}

/// How a delivery ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Ack,
    Requeue,
    Reject,
}

/// A channel as the host knows it.
#[derive(Clone, Debug, Default)]
pub(super) struct Channel {
    pub(super) window: u32,
    pushed: u32,
    last_tag: u64,
    unsettled: BTreeMap<u64, Unsettled>,
    confirms: bool,
    sequence: u64,
    unconfirmed: Vec<(u64, bool)>,
    transaction: Option<Vec<Step>>,
}

impl Channel {
    /// Numbers a delivery.
    pub(super) fn deliver(&mut self, channel: ChannelId, queue: &Name, delivery: Delivery) -> Delivered {
        self.last_tag += 1;
        let Delivery { tag, consumer, offset, count, message, settled } = delivery;
        if !settled {
            let pushed = consumer != ConsumerId::default();
            self.pushed += u32::from(pushed);
            self.unsettled.insert(self.last_tag, Unsettled { queue: queue.clone(), tag, pushed });
        }
        let handle = Handle { channel, tag: self.last_tag };
        Delivered { handle, queue: queue.clone(), consumer, offset, count, message }
    }

    fn take(&mut self, tag: u64) -> Option<Unsettled> {
        let unsettled = self.unsettled.remove(&tag)?;
        self.pushed -= u32::from(unsettled.pushed);
        Some(unsettled)
    }

    /// Forgets a delivery that its queue took back; says whether there was one.
    pub(super) fn recall(&mut self, queue: &Name, tag: Tag) -> bool {
        let same = |(_, unsettled): &(&u64, &Unsettled)| unsettled.tag == tag && unsettled.queue == *queue;
        let found = self.unsettled.iter().find(same).map(|(&tag, _)| tag);
        found.and_then(|tag| self.take(tag)).is_some()
    }

    /// How many more may be pushed.
    fn left(&self) -> u32 {
        self.window.saturating_sub(self.pushed)
    }

    pub(super) fn forget_queue(&mut self, name: &Name) {
        let gone: Vec<u64> = self
            .unsettled
            .iter()
            .filter(|(_, unsettled)| unsettled.queue == *name)
            .map(|(&tag, _)| tag)
            .collect();
        for tag in gone {
            self.take(tag);
        }
    }

    /// Keeps a message until the commit, if the channel is in a transaction.
    pub(super) fn hold_back(
        &mut self,
        exchange: &ExchangeName,
        key: &str,
        message: &Arc<Message>,
        options: Publish,
    ) -> bool {
        let Some(steps) = &mut self.transaction else { return false };
        steps.push(Step::Publish(exchange.clone(), key.into(), Arc::clone(message), options));
        true
    }

    /// Numbers a published message, to be confirmed after the flush.
    pub(super) fn note_published(&mut self, stored: bool) {
        if self.confirms {
            self.sequence += 1;
            self.unconfirmed.push((self.sequence, stored));
        }
    }

    /// The deliveries that an acknowledgement means, of those not settled.
    fn meant(&self, tag: u64, multiple: bool) -> Option<Vec<u64>> {
        match (multiple, tag) {
            // AMQP: 0 stands for all there are, and none is fine.
            (true, 0) => Some(self.unsettled.keys().copied().collect()),
            (true, _) if self.unsettled.contains_key(&tag) => {
                Some(self.unsettled.range(..=tag).map(|(&tag, _)| tag).collect())
            }
            (false, _) if self.unsettled.contains_key(&tag) => Some([tag].into()),
            _ => None,
        }
    }
}

impl<S: Storage> VirtualHost<S> {
    /// Opens a channel, or changes one that is open.
    ///
    /// # Errors
    ///
    /// [`VhostError::Mode`] when it shall be in a transaction and confirm, or is in one and shall do the other.
    pub fn open_channel(&mut self, now: Time, id: ChannelId, options: ChannelOptions) -> Result<(), S> {
        let channel = self.channels.entry(id).or_default();
        let confirms = channel.confirms || options.confirms;
        let transactional = channel.transaction.is_some() || options.transactional;
        if confirms && transactional {
            return Err(VhostError::Mode);
        }
        (channel.window, channel.confirms) = (options.window, confirms);
        if transactional {
            channel.transaction.get_or_insert_default();
        }
        self.sync_windows(now)
    }

    /// Closes a channel: its consumers end, what they had goes back to the queues, what waits for a commit is
    /// forgotten. The default channel is open again at once.
    ///
    /// # Errors
    ///
    /// Failures of the storage.
    pub fn close_channel(&mut self, now: Time, id: ChannelId) -> Result<(), S> {
        let Some(mut channel) = self.channels.remove(&id) else { return Ok(()) };
        if id == ChannelId::default() {
            self.channels.insert(id, Channel::default());
        }
        let own = |(_, attached): &(&ConsumerId, &Attached)| attached.channel == id;
        let consumers: Vec<ConsumerId> = self.consumers.iter().filter(own).map(|(&id, _)| id).collect();
        let mut queues: BTreeMap<Name, Vec<Tag>> = BTreeMap::new();
        for unsettled in core::mem::take(&mut channel.unsettled).into_values() {
            queues.entry(unsettled.queue).or_default().push(unsettled.tag);
        }
        for consumer in consumers {
            self.cancel(now, consumer)?;
        }
        for (name, tags) in queues {
            self.with_queue(now, &name, |queue| queue.give_up(now, tags))?;
        }
        Ok(())
    }

    /// Attaches a consumer to a queue on a channel.
    ///
    /// # Errors
    ///
    /// [`VhostError::NoQueue`], [`VhostError::NoChannel`]; failures of the storage.
    pub fn consume_on(
        &mut self,
        now: Time,
        channel: ChannelId,
        queue: &str,
        options: ConsumerOptions,
    ) -> Result<ConsumerId, S> {
        let name = Name::new(queue)?;
        let open = self.channels.get(&channel).ok_or(VhostError::NoChannel)?;
        if !self.queues.contains_key(&name) {
            return Err(VhostError::NoQueue(name));
        }
        self.last_consumer += 1;
        let id = ConsumerId(self.last_consumer);
        let window = (open.window > 0).then(|| (WindowId(channel.0), open.left()));
        self.consumers.insert(id, Attached { queue: name.clone(), channel });
        self.with_queue(now, &name, |queue| match window {
            Some(window) => queue.attach_within(now, id, options, window),
            None => queue.attach(now, id, options),
        })?;
        Ok(id)
    }

    /// Ends a consumer. What it has stays with its channel, to be acknowledged there. A queue that is to be removed
    /// with its last consumer is removed.
    ///
    /// # Errors
    ///
    /// [`VhostError::NoConsumer`]; failures of the storage.
    pub fn cancel(&mut self, now: Time, id: ConsumerId) -> Result<(), S> {
        let Some(Attached { queue: name, .. }) = self.consumers.remove(&id) else {
            return Err(VhostError::NoConsumer);
        };
        self.with_queue(now, &name, |queue| queue.cancel(now, id))?;
        let left = |queue: &Queue<S::Log>| queue.options().auto_delete && queue.consumers().next().is_none();
        if self.queues.get(&name).is_some_and(left) {
            self.delete_queue(now, name.as_str())?;
            self.outputs.push_back(Output::QueueRemoved(name));
        }
        Ok(())
    }

    /// Grants a consumer so much more credit.
    ///
    /// # Errors
    ///
    /// [`VhostError::NoConsumer`]; failures of the storage.
    pub fn grant(&mut self, now: Time, id: ConsumerId, credit: u64) -> Result<(), S> {
        let name = self.consumers.get(&id).ok_or(VhostError::NoConsumer)?.queue.clone();
        self.with_queue(now, &name, |queue| queue.grant(now, id, credit))
    }

    /// Hands out the next message of a queue on a channel; its window does not bind (AMQP's `basic.get`).
    ///
    /// # Errors
    ///
    /// [`VhostError::NoQueue`], [`VhostError::NoChannel`]; failures of the storage.
    pub fn receive_on(&mut self, now: Time, channel: ChannelId, queue: &str) -> Result<Option<Delivered>, S> {
        let name = Name::new(queue)?;
        if !self.channels.contains_key(&channel) {
            return Err(VhostError::NoChannel);
        }
        let Some(delivery) = self.with_queue(now, &name, |queue| queue.receive(now))? else {
            return Ok(None);
        };
        Ok(self.channels.get_mut(&channel).map(|open| open.deliver(channel, &name, delivery)))
    }

    /// Hands out the next message that suits a consumer whose flow is [`Flow::Pull`](crate::queue::Flow::Pull), or
    /// any other.
    ///
    /// # Errors
    ///
    /// [`VhostError::NoConsumer`]; failures of the storage.
    pub fn receive_for(&mut self, now: Time, id: ConsumerId) -> Result<Option<Delivered>, S> {
        let Attached { queue: name, channel } =
            self.consumers.get(&id).ok_or(VhostError::NoConsumer)?.clone();
        let Some(delivery) = self.with_queue(now, &name, |queue| queue.receive_for(now, id))? else {
            return Ok(None);
        };
        Ok(self.channels.get_mut(&channel).map(|open| open.deliver(channel, &name, delivery)))
    }

    /// A delivery is done with.
    ///
    /// # Errors
    ///
    /// [`VhostError::UnknownDelivery`] (406) when its channel has no such delivery; failures of the storage.
    pub fn ack(&mut self, now: Time, handle: Handle) -> Result<(), S> {
        self.judge(now, handle, false, Verdict::Ack)
    }

    /// Everything that the channel has is done with, up to and with this delivery; number 0 means all there is.
    ///
    /// # Errors
    ///
    /// As for [`ack`](Self::ack).
    pub fn ack_until(&mut self, now: Time, handle: Handle) -> Result<(), S> {
        self.judge(now, handle, true, Verdict::Ack)
    }

    /// A delivery goes back to its queue (`requeue`), or is refused for good.
    ///
    /// # Errors
    ///
    /// As for [`ack`](Self::ack).
    pub fn nack(&mut self, now: Time, handle: Handle, requeue: bool) -> Result<(), S> {
        self.judge(now, handle, false, if requeue { Verdict::Requeue } else { Verdict::Reject })
    }

    /// [`nack`](Self::nack) for everything that the channel has, up to and with this delivery.
    ///
    /// # Errors
    ///
    /// As for [`ack`](Self::ack).
    pub fn nack_until(&mut self, now: Time, handle: Handle, requeue: bool) -> Result<(), S> {
        self.judge(now, handle, true, if requeue { Verdict::Requeue } else { Verdict::Reject })
    }

    fn judge(&mut self, now: Time, handle: Handle, multiple: bool, verdict: Verdict) -> Result<(), S> {
        let channel = self.channels.get_mut(&handle.channel).ok_or(VhostError::NoChannel)?;
        let meant = channel.meant(handle.tag, multiple).ok_or(VhostError::UnknownDelivery(handle.tag))?;
        if let Some(steps) = &mut channel.transaction {
            steps.extend(meant.into_iter().map(|tag| Step::Settle(tag, verdict)));
            return Ok(());
        }
        self.settle(now, handle.channel, &meant, verdict)
    }

    /// Settles deliveries, queue by queue, so that those that go back are all back before one is delivered again.
    fn settle(&mut self, now: Time, id: ChannelId, tags: &[u64], verdict: Verdict) -> Result<(), S> {
        let Some(channel) = self.channels.get_mut(&id) else { return Err(VhostError::NoChannel) };
        let mut queues: BTreeMap<Name, Vec<Tag>> = BTreeMap::new();
        for unsettled in tags.iter().filter_map(|tag| channel.take(*tag)) {
            queues.entry(unsettled.queue).or_default().push(unsettled.tag);
        }
        for (name, tags) in queues {
            self.with_queue(now, &name, |queue| match verdict {
                Verdict::Ack => tags.into_iter().try_for_each(|tag| queue.ack_if_out(now, tag)),
                Verdict::Requeue => queue.nack_if_out(now, tags, true),
                Verdict::Reject => queue.nack_if_out(now, tags, false),
            })?;
        }
        self.sync_windows(now)
    }

    /// Lets everything that waited take effect: acknowledgements first, then messages, in their order.
    ///
    /// # Errors
    ///
    /// [`VhostError::Mode`] when the channel is in no transaction; [`VhostError::Blocked`] when messages cannot be
    /// stored now: nothing took effect, and the commit can be tried again. Failures of the storage.
    pub fn commit_transaction(&mut self, now: Time, id: ChannelId) -> Result<Published, S> {
        let channel = self.channels.get_mut(&id).ok_or(VhostError::NoChannel)?;
        let steps = core::mem::take(channel.transaction.as_mut().ok_or(VhostError::Mode)?);
        let refused = steps.iter().find_map(|step| match step {
            Step::Publish(exchange, key, message, _) => self.refusal(exchange, key, message),
            Step::Settle(..) => None,
        });
        if let Some(refused) = refused {
            if let Some(channel) = self.channels.get_mut(&id) {
                channel.transaction = Some(steps);
            }
            return Err(refused);
        }
        for verdict in [Verdict::Ack, Verdict::Reject, Verdict::Requeue] {
            let own = |step: &Step| match step {
                Step::Settle(tag, other) if *other == verdict => Some(*tag),
                _ => None,
            };
            let tags: Vec<u64> = steps.iter().filter_map(own).collect();
            self.settle(now, id, &tags, verdict)?;
        }
        let mut all = Published::default();
        for step in steps {
            let Step::Publish(exchange, key, message, options) = step else { continue };
            let published = self.put(now, &exchange, &key, message, options)?;
            all.queues += published.queues;
            all.refused.extend(published.refused);
            all.returned |= published.returned;
        }
        Ok(all)
    }

    /// Why a message cannot be published now.
    fn refusal(&self, exchange: &ExchangeName, key: &str, message: &Message) -> Option<ErrorOf<S>> {
        if !self.alarms.is_empty() {
            return Some(VhostError::Blocked);
        }
        match self.router.route(exchange, key, message.headers()) {
            Err(error) => Some(error.into()),
            Ok(routes) => {
                let blocking = |name: &Name| self.queues.get(name).is_some_and(Queue::is_blocking);
                routes.queues().iter().any(blocking).then_some(VhostError::Blocked)
            }
        }
    }

    /// Forgets what waited: its messages were never sent; what it acknowledged goes back, or stays unacknowledged.
    ///
    /// # Errors
    ///
    /// [`VhostError::Mode`] when the channel is in no transaction; failures of the storage.
    pub fn rollback_transaction(&mut self, now: Time, id: ChannelId, how: Rollback) -> Result<(), S> {
        let channel = self.channels.get_mut(&id).ok_or(VhostError::NoChannel)?;
        let steps = core::mem::take(channel.transaction.as_mut().ok_or(VhostError::Mode)?);
        if how == Rollback::Keep {
            return Ok(());
        }
        let own = |step: Step| if let Step::Settle(tag, _) = step { Some(tag) } else { None };
        let tags: Vec<u64> = steps.into_iter().filter_map(own).collect();
        self.settle(now, id, &tags, Verdict::Requeue)
    }

    /// Tells every queue of a channel with a window how much of it is left.
    pub(super) fn sync_windows(&mut self, now: Time) -> Result<(), S> {
        let windowed = |(_, attached): &(&ConsumerId, &Attached)| {
            self.channels.get(&attached.channel).is_some_and(|channel| channel.window > 0)
        };
        let places: BTreeSet<(ChannelId, Name)> = self
            .consumers
            .iter()
            .filter(windowed)
            .map(|(_, attached)| (attached.channel, attached.queue.clone()))
            .collect();
        for (id, name) in places {
            let left = self.channels.get(&id).map_or(0, Channel::left);
            let Some(queue) = self.queues.get_mut(&name) else { continue };
            if queue.window_left(WindowId(id.0)) != Some(left) {
                self.with_queue(now, &name, |queue| queue.set_window(now, WindowId(id.0), left))?;
            }
        }
        Ok(())
    }

    /// Confirms what was published and is durable now, runs of the same answer at once.
    pub(super) fn confirm(&mut self) {
        for (&id, channel) in &mut self.channels {
            let mut unconfirmed = core::mem::take(&mut channel.unconfirmed).into_iter().peekable();
            let mut first = true;
            while let Some((sequence, stored)) = unconfirmed.next() {
                if unconfirmed.peek().is_some_and(|(_, other)| *other == stored) {
                    first = false;
                    continue;
                }
                let multiple = !core::mem::replace(&mut first, true);
                self.outputs.push_back(Output::Confirmed { channel: id, sequence, multiple, stored });
            }
        }
    }

    /// The deliveries that a channel has not settled, oldest first.
    pub fn unsettled(&self, id: ChannelId) -> impl Iterator<Item = Handle> {
        let tags = self.channels.get(&id).into_iter().flat_map(|channel| channel.unsettled.keys());
        tags.map(move |&tag| Handle { channel: id, tag })
    }
}
