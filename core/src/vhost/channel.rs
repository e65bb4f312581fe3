//! What does one client see? A channel: it numbers deliveries, bounds them, and may hold back until a commit.
//!
//! ```text
//!   channel  ┌ window: so many unacknowledged, over all its consumers (0: no limit)
//!            │ deliveries 1 2 3 4 ...  ack(3, all up to it) settles 1, 2, 3
//!            │ confirms: messages 1 2 3 ... are confirmed after the flush, runs of them at once
//!            └ or a transaction: messages and acknowledgements wait for commit, or are undone by rollback
//! ```
//!
//! AMQP's channel and JMS's session. Closing one gives back everything that it had. Its window stands in `window.rs`,
//! its transactions in `transaction.rs`.

use alloc::vec::Vec;

use super::transaction::Step;
use super::*;
use crate::queue::{AckMode, Delivery, Tag, WindowId};
use crate::sorted::SortedMap;

/// A channel. Whoever opens it chooses the number, from 1; 0 is the default channel, which is always open.
///
/// ```
/// use mqlab_core::vhost::{ChannelId, ChannelOptions, VirtualHost};
/// use mqlab_core::{message::Message, queue::QueueOptions, time::Time};
/// let (mut host, now) = (VirtualHost::in_memory(), Time::ZERO);
/// host.declare_queue(now, "q", QueueOptions::default())?;
/// host.open_channel(now, ChannelId(1), ChannelOptions::default())?;
/// host.send(now, "q", Message::new("a"))?;
/// assert!(host.receive_on(now, ChannelId(1), "q")?.is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct ChannelId(pub u64);

/// One delivery of a channel: what an acknowledgement names.
///
/// ```
/// use mqlab_core::vhost::{VirtualHost};
/// use mqlab_core::{message::Message, queue::QueueOptions, time::Time};
/// let (mut host, now) = (VirtualHost::in_memory(), Time::ZERO);
/// host.declare_queue(now, "q", QueueOptions::default())?;
/// host.send(now, "q", Message::new("a"))?;
/// let handle = host.receive(now, "q")?.ok_or("it is there")?.handle;
/// host.ack(now, handle)?;
/// assert_eq!(host.ack(now, handle).map_err(|error| error.code()), Err(406));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct Handle {
    /// The channel that it came on; only there can it be settled.
    pub channel: ChannelId,
    /// Its number on the channel, from 1, never used twice.
    pub tag: u64,
}

/// What a channel does.
///
/// ```
/// use mqlab_core::vhost::ChannelOptions;
/// let publisher = ChannelOptions { confirms: true, ..ChannelOptions::default() };
/// assert_eq!(publisher.window, 0);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ChannelOptions {
    /// How many deliveries may be unacknowledged over all its consumers; 0 for no limit (`basic.qos` with `global`).
    pub window: u32,
    /// Whether its publisher is told what is stored (`confirm.select`).
    pub confirms: bool,
    /// Whether messages and acknowledgements wait for a commit (`tx.select`, JMS's `SESSION_TRANSACTED`).
    pub transactional: bool,
    /// Whether its publisher has to wait when it is too far ahead of what is stored: see [`INITIAL_CREDIT`].
    pub credit_flow: bool,
}

/// A delivery that its channel has not settled.
#[derive(Clone, Debug)]
pub(super) struct Unsettled {
    pub(super) queue: Name,
    pub(super) tag: Tag,
    /// Whether it counts for the window: what was asked for does not.
    pushed: bool,
    /// Whether its queue was deleted: settling it does nothing any more.
    pub(super) gone: bool,
    /// Whether it is settled as soon as the transaction is committed: nobody else can settle it until then.
    pub(super) waits: bool,
}

/// How a delivery ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
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
    pub(super) unsettled: BTreeMap<u64, Unsettled>,
    /// What its publisher may still send, where that is bounded.
    pub(super) credit: Option<Ahead>,
    confirms: bool,
    sequence: u64,
    unconfirmed: Vec<(u64, bool)>,
    pub(super) transaction: Option<Vec<Step>>,
}

impl Channel {
    /// Numbers a delivery. One that was `pushed` counts for the window.
    pub(super) fn deliver(
        &mut self,
        channel: ChannelId,
        queue: &Name,
        delivery: Delivery,
        pushed: bool,
    ) -> Delivered {
        self.last_tag += 1;
        let Delivery { tag, consumer, offset, count, message, settled } = delivery;
        if !settled {
            self.pushed += u32::from(pushed);
            let unsettled = Unsettled { queue: queue.clone(), tag, pushed, gone: false, waits: false };
            self.unsettled.insert(self.last_tag, unsettled);
        }
        let handle = Handle { channel, tag: self.last_tag };
        Delivered { handle, queue: queue.clone(), consumer, offset, count, message }
    }

    /// Takes a delivery out, whatever comes of it.
    pub(super) fn take(&mut self, tag: u64) -> Option<Unsettled> {
        let unsettled = self.unsettled.remove(&tag)?;
        self.pushed -= u32::from(unsettled.pushed);
        Some(unsettled)
    }

    /// How many more may be pushed within the window.
    pub(super) fn left(&self) -> u32 {
        self.window.saturating_sub(self.pushed)
    }

    /// A queue is deleted: what came from it may still be settled, without effect, and bounds nothing any more.
    pub(super) fn forget_queue(&mut self, name: &Name) {
        for unsettled in self.unsettled.values_mut().filter(|unsettled| unsettled.queue == *name) {
            unsettled.gone = true;
            self.pushed -= u32::from(core::mem::take(&mut unsettled.pushed));
        }
    }

    /// Numbers a published message, to be confirmed after the flush.
    pub(super) fn note_published(&mut self, stored: bool) {
        if let Some(ahead) = &mut self.credit {
            ahead.take();
        }
        if self.confirms {
            self.sequence += 1;
            self.unconfirmed.push((self.sequence, stored));
        }
    }

    /// The deliveries that an acknowledgement means, of those not settled.
    fn meant(&self, tag: u64, multiple: bool) -> Option<Vec<u64>> {
        let is_open = |tag: u64| self.unsettled.get(&tag).is_some_and(|unsettled| !unsettled.waits);
        let open = |last: u64| {
            let open = self.unsettled.range(..=last).filter(|(_, unsettled)| !unsettled.waits);
            open.map(|(&tag, _)| tag).collect()
        };
        match (multiple, tag) {
            // AMQP: 0 stands for all there are, and none is fine.
            (true, 0) => Some(open(u64::MAX)),
            (true, _) => is_open(tag).then(|| open(tag)),
            (false, _) => is_open(tag).then(|| [tag].into()),
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
        let there = self.channels.get(&id);
        let confirms = options.confirms || there.is_some_and(|channel| channel.confirms);
        let transactional =
            options.transactional || there.is_some_and(|channel| channel.transaction.is_some());
        if confirms && transactional {
            return Err(VhostError::Mode);
        }
        let channel = self.channels.entry(id).or_default();
        let before = core::mem::replace(&mut channel.window, options.window);
        channel.confirms = confirms;
        if options.credit_flow {
            channel.credit.get_or_insert_default();
        }
        if transactional {
            channel.transaction.get_or_insert_default();
        }
        if (before == 0) != (options.window == 0) {
            self.change_windows(now, id)?;
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
        let own = |(_, attached): &(&ConsumerId, &Attached)| attached.channel == id;
        let consumers: Vec<(ConsumerId, Name)> =
            self.consumers.iter().filter(own).map(|(&id, attached)| (id, attached.queue.clone())).collect();
        // While they end one after the other, none takes over what another one leaves.
        for (consumer, queue) in &consumers {
            self.with_queue(now, queue, |queue| queue.block(now, *consumer, true))?;
        }
        for (consumer, _) in consumers {
            self.cancel(now, consumer)?;
        }
        let Some(channel) = self.channels.remove(&id) else { return Ok(()) };
        if id == ChannelId::default() {
            self.channels.insert(id, Channel::default());
        }
        for filter in self.filters.values_mut() {
            filter.forget_channel(id);
        }
        for (name, tags) in self.by_queue(channel.unsettled.into_values()) {
            self.with_queue(now, &name, |queue| queue.give_up(now, tags))?;
        }
        Ok(())
    }

    /// Deliveries that end, by the queue that is told. Those of deleted queues are left out.
    fn by_queue(&mut self, ended: impl IntoIterator<Item = Unsettled>) -> SortedMap<Name, Vec<Tag>> {
        let mut queues: SortedMap<Name, Vec<Tag>> = SortedMap::new();
        for Unsettled { queue, tag, .. } in ended.into_iter().filter(|unsettled| !unsettled.gone) {
            let key = (queue, tag);
            self.leased.remove(&key);
            queues.entry(key.0).or_default().push(tag);
        }
        queues
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
        // What is never unacknowledged is bounded by no window.
        let bounded = open.window > 0 && options.ack == AckMode::Explicit;
        let window = bounded.then(|| (WindowId(channel.0), open.left()));
        self.consumers.insert(id, Attached { queue: name.clone(), channel, ack: options.ack });
        let attached = self.with_queue(now, &name, |queue| match window {
            Some(window) => queue.attach_within(now, id, options, window),
            None => queue.attach(now, id, options),
        });
        if attached.is_err() {
            self.consumers.remove(&id);
        }
        attached.map(|()| id)
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
        let delivery = self.with_queue(now, &name, |queue| queue.receive(now))?;
        Ok(delivery.and_then(|delivery| self.hand_over(channel, &name, delivery, false)))
    }

    /// Hands out the next message that suits a consumer whose flow is [`Flow::Pull`](crate::queue::Flow::Pull), or
    /// any other.
    ///
    /// # Errors
    ///
    /// [`VhostError::NoConsumer`]; failures of the storage.
    pub fn receive_for(&mut self, now: Time, id: ConsumerId) -> Result<Option<Delivered>, S> {
        let Attached { queue: name, channel, .. } =
            self.consumers.get(&id).ok_or(VhostError::NoConsumer)?.clone();
        let delivery = self.with_queue(now, &name, |queue| queue.receive_for(now, id))?;
        Ok(delivery.and_then(|delivery| self.hand_over(channel, &name, delivery, false)))
    }

    /// Gives a delivery to a channel, and remembers where it is if its queue may take it back.
    pub(super) fn hand_over(
        &mut self,
        channel: ChannelId,
        queue: &Name,
        delivery: Delivery,
        pushed: bool,
    ) -> Option<Delivered> {
        let open = self.channels.get_mut(&channel)?;
        let (tag, settled) = (delivery.tag, delivery.settled);
        let delivered = open.deliver(channel, queue, delivery, pushed);
        if !settled && self.queues.get(queue).is_some_and(|queue| queue.options().lease.is_some()) {
            self.leased.insert((queue.clone(), tag), delivered.handle);
        }
        Some(delivered)
    }

    /// Lets the lease of a delivery begin anew: whoever has it is alive and works on it.
    ///
    /// # Errors
    ///
    /// [`VhostError::UnknownDelivery`] when it was settled or taken back; [`VhostError::NoChannel`].
    pub fn renew(&mut self, now: Time, handle: Handle) -> Result<(), S> {
        let channel = self.channels.get(&handle.channel).ok_or(VhostError::NoChannel)?;
        let found = channel.unsettled.get(&handle.tag).ok_or(VhostError::UnknownDelivery(handle.tag))?;
        if found.gone {
            return Ok(());
        }
        let (name, tag) = (found.queue.clone(), found.tag);
        self.with_queue(now, &name, |queue| queue.renew(now, tag))
    }

    /// A consumer has seen a delivery, and acknowledges it later. Where the queue's options extend windows, it may get
    /// another one (ActiveMQ).
    ///
    /// # Errors
    ///
    /// As for [`ack`](Self::ack).
    pub fn seen(&mut self, now: Time, handle: Handle) -> Result<(), S> {
        let channel = self.channels.get(&handle.channel).ok_or(VhostError::NoChannel)?;
        let Some(unsettled) = channel.unsettled.get(&handle.tag) else {
            return Err(VhostError::UnknownDelivery(handle.tag));
        };
        if unsettled.gone {
            return Ok(());
        }
        let (queue, tag) = (unsettled.queue.clone(), unsettled.tag);
        self.with_queue(now, &queue, |queue| queue.seen(now, tag))
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
        if channel.transaction.is_some() {
            channel.wait(&meant, verdict);
            return Ok(());
        }
        self.settle(now, handle.channel, &meant, verdict)
    }

    /// Settles deliveries, queue by queue, so that those that go back are all back before one is delivered again.
    pub(super) fn settle(
        &mut self,
        now: Time,
        id: ChannelId,
        tags: &[u64],
        verdict: Verdict,
    ) -> Result<(), S> {
        let Some(channel) = self.channels.get_mut(&id) else { return Err(VhostError::NoChannel) };
        let ended: Vec<Unsettled> = tags.iter().filter_map(|tag| channel.take(*tag)).collect();
        for (name, tags) in self.by_queue(ended) {
            self.with_queue(now, &name, |queue| match verdict {
                Verdict::Ack => tags.into_iter().try_for_each(|tag| queue.ack_if_out(now, tag)),
                Verdict::Requeue => queue.nack_if_out(now, tags, true),
                Verdict::Reject => queue.nack_if_out(now, tags, false),
            })?;
        }
        self.sync_windows(now)
    }

    /// Says of deliveries that what they are consumed for is yet to be written: their messages stay in the log until then.
    pub(super) fn keeps_until_written(&mut self, id: ChannelId, tags: impl Iterator<Item = u64>) {
        let Some(channel) = self.channels.get(&id) else { return };
        for unsettled in tags.filter_map(|tag| channel.unsettled.get(&tag)) {
            if let Some(queue) = self.queues.get_mut(&unsettled.queue).filter(|_| !unsettled.gone) {
                queue.keeps_until_written(unsettled.tag);
            }
        }
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
