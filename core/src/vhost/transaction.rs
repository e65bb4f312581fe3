//! How do several messages and acknowledgements take effect together? They wait on their channel for a commit.
//!
//! ```text
//!   publish, ack, nack ──▶ wait ──┬─ commit ───▶ checked as a whole, then all of it, in one burst
//!                                 └─ rollback ─▶ none of it
//! ```
//!
//! A transaction is local: its parts take effect in one burst or not at all. The flush that follows makes messages
//! durable before anything that was acknowledged: a power cut in the middle of it may keep the messages and forget the
//! acknowledgements. What was consumed is delivered again then, and nothing is lost. (AMQP promises no more, and for
//! one queue only.)

use alloc::vec::Vec;

use super::channel::{Channel, Verdict};
use super::publish::is_full;
use super::*;
use crate::queue::Overflow;
use crate::routing::Routes;
use crate::sorted::SortedMap;

/// What waits for a commit.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Publish(ExchangeName, Arc<str>, Message, Publish),
    Settle(u64, Verdict),
}

/// What a rollback does with what was acknowledged in the transaction.
///
/// ```
/// use mqlab_core::vhost::{ChannelId, ChannelOptions, Publish, Rollback, VirtualHost};
/// use mqlab_core::{message::Message, queue::QueueOptions, time::Time};
/// let (mut host, now) = (VirtualHost::in_memory(), Time::ZERO);
/// host.declare_queue(now, "q", QueueOptions::default())?;
/// let channel = ChannelId(1);
/// host.open_channel(now, channel, ChannelOptions { transactional: true, ..ChannelOptions::default() })?;
/// host.publish_with(now, "", "q", Message::new("a"), Publish { channel, ..Publish::default() })?;
/// host.rollback_transaction(now, channel, Rollback::Keep)?;
/// assert!(host.receive(now, "q")?.is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rollback {
    /// It goes back to its queues and is delivered again (JMS).
    Redeliver,
    /// It stays with the channel, unacknowledged (AMQP).
    Keep,
}

/// How much a publish, or a whole transaction, would add.
#[derive(Debug, Default)]
struct Plan {
    /// Messages and bytes for each queue that asks its senders to wait.
    queues: SortedMap<Name, (u64, u64)>,
    /// Values to be retained, and their bytes.
    retained: (usize, u64),
}

impl Channel {
    /// Keeps a message until the commit, if the channel is in a transaction.
    pub(super) fn hold_back(
        &mut self,
        exchange: &ExchangeName,
        key: &str,
        message: &Message,
        options: Publish,
    ) -> bool {
        let Some(steps) = &mut self.transaction else { return false };
        steps.push(Step::Publish(exchange.clone(), key.into(), message.clone(), options));
        true
    }

    /// Keeps what becomes of deliveries until the commit.
    pub(super) fn wait(&mut self, tags: &[u64], verdict: Verdict) {
        for &tag in tags {
            if let Some(unsettled) = self.unsettled.get_mut(&tag) {
                unsettled.waits = true;
            }
        }
        let steps = tags.iter().map(|&tag| Step::Settle(tag, verdict));
        self.transaction.get_or_insert_default().extend(steps);
    }
}

impl<S: Storage> VirtualHost<S> {
    /// Lets everything that waited take effect: acknowledgements first, then messages, in their order.
    ///
    /// # Errors
    ///
    /// [`VhostError::Mode`] when the channel is in no transaction. When one of the messages could not be published
    /// now ([`VhostError::Route`], [`VhostError::Blocked`], [`VhostError::RetainedFull`]): nothing took effect, and
    /// the commit can be tried again, or rolled back. (A transaction with more messages than a queue that blocks may
    /// hold at all is never taken.) Failures of the storage.
    pub fn commit_transaction(&mut self, now: Time, id: ChannelId) -> Result<Published, S> {
        let mut all = Published::default();
        for published in self.commit_each(now, id)? {
            all.queues += published.queues;
            all.refused.extend(published.refused);
            all.returned |= published.returned;
            all.full |= published.full;
        }
        Ok(all)
    }

    /// [`commit_transaction`](Self::commit_transaction), and says of each message what became of it, in their order.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn commit_each(&mut self, now: Time, id: ChannelId) -> Result<Vec<Published>, S> {
        let channel = self.channels.get_mut(&id).ok_or(VhostError::NoChannel)?;
        let steps = core::mem::take(channel.transaction.as_mut().ok_or(VhostError::Mode)?);
        let mut plan = Plan::default();
        let checked = steps.iter().try_for_each(|step| match step {
            Step::Publish(exchange, key, message, options) => {
                self.plan(&mut plan, exchange, key, message, *options).map(drop)
            }
            Step::Settle(..) => Ok(()),
        });
        if let Err(refused) = checked {
            // Any room that comes about in one of these may be enough: it will be told.
            for name in plan.queues.into_keys() {
                let ready = self.queues.get(&name).map_or(0, |queue| queue.stats().ready);
                // Where nothing is ready, nothing can leave: room comes about in another of them.
                if ready > 0 {
                    self.full.entry(name).or_insert(ready);
                }
            }
            if let Some(channel) = self.channels.get_mut(&id) {
                channel.transaction = Some(steps);
            }
            return Err(refused);
        }
        // What was consumed for messages is not given back before those are written.
        if steps.iter().any(|step| matches!(step, Step::Publish(..))) {
            let consumed = steps.iter().filter_map(|step| match step {
                Step::Settle(tag, Verdict::Ack | Verdict::Reject) => Some(*tag),
                _ => None,
            });
            self.keeps_until_written(id, consumed);
        }
        for verdict in [Verdict::Ack, Verdict::Reject, Verdict::Requeue] {
            let own = |step: &Step| match step {
                Step::Settle(tag, other) if *other == verdict => Some(*tag),
                _ => None,
            };
            let tags: Vec<u64> = steps.iter().filter_map(own).collect();
            self.settle(now, id, &tags, verdict)?;
        }
        let mut each = Vec::new();
        for step in steps {
            let Step::Publish(exchange, key, message, options) = step else { continue };
            let routes = self.router.route(&exchange, &key, message.headers())?;
            each.push(self.store(now, &routes, &exchange, &key, message, options)?);
        }
        Ok(each)
    }

    /// How many messages and acknowledgements wait on a channel for its commit; nothing when it is in no transaction.
    pub fn waiting_parts(&self, id: ChannelId) -> Option<usize> {
        Some(self.channels.get(&id)?.transaction.as_ref()?.len())
    }

    /// Ends the mode, when nothing waits: what comes on the channel takes effect at once again. AMQP 0-9-1 and JMS have
    /// no way back; whoever begins each transaction by itself, as in STOMP and AMQP 1.0, needs one.
    ///
    /// # Errors
    ///
    /// [`VhostError::NoChannel`]; [`VhostError::Mode`] when something waits: it is to be committed or rolled back.
    pub fn leave_transactions(&mut self, id: ChannelId) -> Result<(), S> {
        let channel = self.channels.get_mut(&id).ok_or(VhostError::NoChannel)?;
        if channel.transaction.as_ref().is_some_and(|steps| !steps.is_empty()) {
            return Err(VhostError::Mode);
        }
        channel.transaction = None;
        Ok(())
    }

    /// Forgets what waited: its messages were never sent; what it acknowledged goes back, or stays unacknowledged.
    ///
    /// # Errors
    ///
    /// [`VhostError::Mode`] when the channel is in no transaction; failures of the storage.
    pub fn rollback_transaction(&mut self, now: Time, id: ChannelId, how: Rollback) -> Result<(), S> {
        let channel = self.channels.get_mut(&id).ok_or(VhostError::NoChannel)?;
        let steps = core::mem::take(channel.transaction.as_mut().ok_or(VhostError::Mode)?);
        for unsettled in channel.unsettled.values_mut() {
            unsettled.waits = false;
        }
        if how == Rollback::Keep {
            return Ok(());
        }
        let own = |step: Step| if let Step::Settle(tag, _) = step { Some(tag) } else { None };
        let tags: Vec<u64> = steps.into_iter().filter_map(own).collect();
        self.settle(now, id, &tags, Verdict::Requeue)
    }

    /// Where a message goes, if it can be published now.
    pub(super) fn check_publish(
        &self,
        exchange: &ExchangeName,
        key: &str,
        message: &Message,
        options: Publish,
    ) -> Result<Routes, S> {
        self.plan(&mut Plan::default(), exchange, key, message, options)
    }

    /// Adds a message to a plan, if it can be published after all that is planned already.
    fn plan(
        &self,
        plan: &mut Plan,
        exchange: &ExchangeName,
        key: &str,
        message: &Message,
        options: Publish,
    ) -> Result<Routes, S> {
        if !self.alarms.is_empty() && !self.takes_in {
            return Err(VhostError::Blocked);
        }
        let routes = self.router.route(exchange, key, message.headers())?;
        for name in routes.queues() {
            let Some(queue) = self.queues.get(name) else { continue };
            if queue.options().overflow != Overflow::Block {
                continue;
            }
            let (count, bytes) = plan.queues.entry(name.clone()).or_default();
            let stats = queue.stats();
            if is_full(queue.options(), stats.ready + *count, stats.ready_bytes + *bytes) {
                return Err(VhostError::Blocked);
            }
            *count += 1;
            *bytes += message.body().len() as u64;
        }
        if options.retain {
            let (count, bytes) = self.retained.growth(exchange, key, message);
            plan.retained = (plan.retained.0 + count, plan.retained.1 + bytes);
            if !self.retained.has_room(plan.retained) {
                return Err(VhostError::RetainedFull);
            }
        }
        Ok(routes)
    }
}
