//! How do a client's messages and acknowledgements take effect together? It begins a transaction on its channel; each
//! part waits in the host, and the commit lets all of them happen at one moment.
//!
//! ```text
//!                  ┌──────────── publish, settle: one part more waits ───────────┐
//!   begin 7 ──▶ open 7 ◀─────────────────────────────────────────────────────────┘
//!                  ├─ commit 7, and it is so many parts ──▶ committed 7 ── commit 7 once more: "committed", and no more
//!                  │        └─ another number of parts, or no room: refused, and open as before
//!                  ├─ rollback 7 ─────────────────────────▶ forgotten
//!                  └─ the client is gone, is silent, subscribes or begins anew; the broker dies ─▶ forgotten
//! ```
//!
//! * The channel is the client's own, on which it has its deliveries too. So it has one transaction at a time.
//! * Every part names its transaction, and the commit says how many there are. A client that was taken for gone in the
//!   middle, and does not know it yet, would otherwise commit the second half alone.
//! * The commit is not done twice. Whoever does not hear its answer may ask again, *on the same connection*: the broker
//!   knows the last number that it committed there, as long as the client is connected. After a connection that broke
//!   nobody knows any more, and the client does not learn how it ended. It need not: if its delivery comes again, it was
//!   not committed.
//! * It is local: one broker, one burst. Its messages are made durable before its acknowledgements; a power cut in the
//!   middle of a flush may keep the first and forget the second, so that the work is done again. It loses nothing.
//!
//! What real systems do: AMQP 0-9-1 has `tx.select` for the whole channel, and then `tx.commit` and `tx.rollback`; what
//! came before is committed, however much of it is missing. `RabbitMQ` promises it to be atomic for one queue only. JMS
//! has sessions that are transacted. STOMP (`BEGIN`, `COMMIT`, `ABORT`) and AMQP 1.0 number their transactions, as here.

use alloc::borrow::ToOwned as _;
use alloc::vec::Vec;

use super::Broker;
use super::hosting::{Failure, Guests, channel_of};
use super::protocol::{Out, Reply, RequestId, Settlement};
use crate::ids::{MessageId, Name, NodeId};
use crate::log::{SliceOf, Storage};
use crate::message::Message as Payload;
use crate::observe::{Event, QueueEvent, Refusal};
use crate::record::Batches;
use crate::routing::ExchangeName;
use crate::time::Time;
use crate::vhost::{ChannelOptions, Handle, Publish, Rollback};

/// A step of a transaction.
///
/// ```
/// use mqlab_core::broker::{Request, TransactionStep};
/// let commit = Request::Transaction { number: 7, step: TransactionStep::Commit { parts: 3 } };
/// assert!(matches!(commit, Request::Transaction { number: 7, .. }));
/// ```
#[derive(Clone, Debug)]
pub enum TransactionStep {
    /// It begins. One that was open on the channel is rolled back.
    Begin,
    /// These messages are published with the commit; each names its own routing key, and is one part.
    Publish {
        /// The exchange; the default one leads to the queue that is named by the routing key.
        exchange: ExchangeName,
        /// The messages.
        batches: Batches,
    },
    /// This becomes of a delivery with the commit. It is one part.
    Settle {
        /// The queue that it comes from.
        queue: Name,
        /// The number of the subscription that it came to.
        session: RequestId,
        /// Its number on the channel.
        tag: u64,
        /// What becomes of its message.
        how: Settlement,
    },
    /// All of it takes effect now, if it is so many parts.
    Commit {
        /// How many messages and deliveries belong to it.
        parts: u32,
    },
    /// None of it ever takes effect. What was acknowledged in it stays with the client, unacknowledged (as in AMQP).
    Rollback,
}

/// How a transaction stands.
///
/// ```
/// use mqlab_core::broker::{Reply, TransactionState};
/// let reply: Reply = Reply::Transaction(TransactionState::Open { parts: 2 });
/// assert!(matches!(reply, Reply::Transaction(TransactionState::Open { parts: 2 })));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransactionState {
    /// So many parts wait for the commit.
    Open {
        /// Messages and deliveries.
        parts: u32,
    },
    /// All of it took effect, except for messages that a full queue refuses rather than to let its senders wait.
    /// (`RabbitMQ` closes the channel then: "partial tx completion".)
    Committed {
        /// The places of the refused among its messages.
        refused: Vec<u32>,
    },
    /// None of it took effect, nor will.
    RolledBack,
}

/// The last transaction of a client.
#[derive(Clone, Debug)]
pub(super) struct Transaction {
    number: u64,
    /// Its messages, as far as they have an identity.
    messages: Vec<(ExchangeName, Option<MessageId>)>,
    /// What was answered to its commit.
    committed: Option<TransactionState>,
}

type Answer<S> = Result<Reply<SliceOf<S>>, Failure<S>>;

impl Guests {
    /// Whether a client's subscription is the one with this number.
    pub(super) fn is_current(&self, client: NodeId, queue: Name, session: RequestId) -> bool {
        self.consumers.get(&(client, queue)).is_some_and(|(_, own)| *own == session)
    }

    /// Whether a client is in the middle of a transaction: what it does on its channel would belong to it.
    pub(super) fn in_transaction(&self, client: NodeId) -> bool {
        self.transactions.get(&client).is_some_and(|transaction| transaction.committed.is_none())
    }

    /// A client's channel is closed, and with it its transaction.
    pub(super) fn forget_transaction(&mut self, client: NodeId) {
        if let Some(Transaction { messages, committed: None, .. }) = self.transactions.remove(&client) {
            let messages = messages.into_iter().filter_map(|(_, id)| id).collect();
            self.undone.push(QueueEvent::TransactionRolledBack { by: client, messages, asked: false });
        }
    }
}

impl<S: Storage> Broker<S> {
    /// Takes a step of a client's transaction.
    pub(super) fn transaction(
        &mut self,
        now: Time,
        from: NodeId,
        (number, step): (u64, TransactionStep),
        out: &mut Out<SliceOf<S>>,
    ) -> Answer<S> {
        if let TransactionStep::Begin = step {
            return self.begin(now, from, number);
        }
        let known = self.guests.transactions.get(&from).filter(|known| known.number == number);
        let committed = known.ok_or(Failure::Refused(Refusal::NotAMember))?.committed.clone();
        match (step, committed) {
            // The first answer was lost, or is late: it is given again, and nothing else.
            (TransactionStep::Commit { .. }, Some(answer)) => return Ok(Reply::Transaction(answer)),
            (_, Some(_)) => return Err(Failure::Refused(Refusal::NotAMember)),
            (TransactionStep::Begin, None) => {}
            (TransactionStep::Publish { exchange, batches }, None) => {
                self.hold_back(now, from, &exchange, &batches, out)?;
            }
            (TransactionStep::Settle { queue, session, tag, how }, None) => {
                if !self.guests.is_current(from, queue, session) {
                    return Err(Failure::Refused(Refusal::UnknownDelivery));
                }
                let handle = Handle { channel: channel_of(from), tag };
                let waits = match how {
                    Settlement::Done => self.host.ack(now, handle),
                    Settlement::Requeue => self.host.nack(now, handle, true),
                    Settlement::Reject => self.host.nack(now, handle, false),
                };
                waits?;
            }
            (TransactionStep::Commit { parts }, None) => return self.commit_all(now, from, parts, out),
            (TransactionStep::Rollback, None) => return self.roll_back(now, from, out),
        }
        Ok(Reply::Transaction(TransactionState::Open { parts: self.parts(from)? }))
    }

    /// How many parts of a client's transaction wait.
    fn parts(&self, client: NodeId) -> Result<u32, Failure<S>> {
        let waiting = self.host.waiting_parts(channel_of(client));
        let waiting = waiting.ok_or(Failure::Refused(Refusal::NotAMember))?;
        Ok(u32::try_from(waiting).unwrap_or(u32::MAX))
    }

    fn begin(&mut self, now: Time, from: NodeId, number: u64) -> Answer<S> {
        let channel = channel_of(from);
        if self.guests.in_transaction(from) {
            self.host.rollback_transaction(now, channel, Rollback::Keep)?;
        }
        self.guests.forget_transaction(from);
        let options = ChannelOptions { transactional: true, ..ChannelOptions::default() };
        self.host.open_channel(now, channel, options)?;
        // It publishes, if only in the end: it is told when to wait.
        self.guests.publishers.insert(from);
        let transaction = Transaction { number, messages: Vec::new(), committed: None };
        self.guests.transactions.insert(from, transaction);
        Ok(Reply::Transaction(TransactionState::Open { parts: 0 }))
    }

    fn hold_back(
        &mut self,
        now: Time,
        from: NodeId,
        exchange: &ExchangeName,
        batches: &Batches,
        out: &mut Out<SliceOf<S>>,
    ) -> Result<(), Failure<S>> {
        let how = Publish { channel: channel_of(from), ..Publish::default() };
        for record in batches.records() {
            let message = Payload::from_record(&record);
            let (key, id) = (message.routing_key().unwrap_or_default().to_owned(), message.id());
            self.host.publish_with(now, exchange.as_str(), &key, message, how)?;
            if let Some(transaction) = self.guests.transactions.get_mut(&from) {
                transaction.messages.push((exchange.clone(), id));
            }
            if let Some(message) = id {
                out.event(Event::Queue(QueueEvent::HeldBack { message, by: from }));
            }
        }
        Ok(())
    }

    fn commit_all(&mut self, now: Time, from: NodeId, parts: u32, out: &mut Out<SliceOf<S>>) -> Answer<S> {
        if self.parts(from)? != parts {
            return Err(Failure::Refused(Refusal::Incomplete));
        }
        self.guests.waiting.remove(&from);
        let channel = channel_of(from);
        let each = self.host.commit_each(now, channel)?;
        self.host.leave_transactions(channel)?;
        let Some(transaction) = self.guests.transactions.get_mut(&from) else {
            return Err(Failure::Refused(Refusal::NotAMember));
        };
        let (mut refused, mut sent, mut unroutable) = (Vec::new(), Vec::new(), Vec::new());
        let messages = core::mem::take(&mut transaction.messages);
        for (place, (published, (exchange, id))) in (0..).zip(each.iter().zip(messages)) {
            let Some(message) = id else { continue };
            if !published.is_stored() {
                refused.push(place);
                continue;
            }
            sent.push(message);
            if published.queues == 0 {
                let returned = published.returned;
                unroutable.push(QueueEvent::Unroutable { exchange, message, returned });
            }
        }
        let answer = TransactionState::Committed { refused };
        transaction.committed = Some(answer.clone());
        // That it is committed is said before what comes of it.
        let mut facts = Out::default();
        self.drain(&mut facts).map_err(Failure::Fatal)?;
        let done = facts.events.iter().filter_map(|event| match event {
            Event::Settled { queue, message, by } if *by == from => Some((queue.clone(), *message)),
            _ => None,
        });
        let done = done.collect();
        out.event(Event::Queue(QueueEvent::TransactionCommitted { by: from, done, sent }));
        unroutable.into_iter().for_each(|event| out.event(Event::Queue(event)));
        out.events.append(&mut facts.events);
        out.sends.append(&mut facts.sends);
        Ok(Reply::Transaction(answer))
    }

    fn roll_back(&mut self, now: Time, from: NodeId, out: &mut Out<SliceOf<S>>) -> Answer<S> {
        let channel = channel_of(from);
        self.host.rollback_transaction(now, channel, Rollback::Keep)?;
        self.host.leave_transactions(channel)?;
        if let Some(Transaction { messages, .. }) = self.guests.transactions.remove(&from) {
            let messages = messages.into_iter().filter_map(|(_, id)| id).collect();
            out.event(Event::Queue(QueueEvent::TransactionRolledBack { by: from, messages, asked: true }));
        }
        Ok(Reply::Transaction(TransactionState::RolledBack))
    }

    /// Says which transactions ended with their channels.
    pub(super) fn tell_of_undone<D>(&mut self, out: &mut Out<D>) {
        for event in self.guests.undone.drain(..) {
            out.event(Event::Queue(event));
        }
    }
}
