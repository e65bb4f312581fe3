//! How does one process settle what another one received? By a receipt, and within a lease that outlives them both.
//!
//! ```text
//!   process 1   lease(30 s) ─▶ message, receipt 17-2      hidden from everybody, also after a restart
//!   process 2   ack 17-2    ─▶ gone                       or nack 17-2: it is there again, at once or later
//!   nobody      30 s later  ─▶ it is there again, counted; over the delivery limit: dead
//!   process 3   lease(30 s) ─▶ the same message, receipt 17-3; from now on 17-2 settles nothing
//! ```
//!
//! A [`Tag`] counts deliveries of one process; a [`Receipt`] names the place of a message and the how-many-eth delivery of it
//! this was. Both are durable when the lease is, so no receipt is ever given twice. Whoever hands one out
//! [flushes](Queue::flush) first.
//!
//! An acknowledgement that comes after the lease ended is still good as long as nobody has received the message again: the
//! work is done, and to do it twice would help nobody. Once somebody has, it is refused, and changes nothing.
//!
//! What real systems do: with Amazon SQS "you must provide the most recently received receipt handle": standard queues answer
//! "deleted" to an older one and may not delete, FIFO queues refuse it when the visibility timeout is over; changing the
//! timeout of a message that is not in flight is `MessageNotInflight`. Here a receipt that is too old is refused by name.

use core::fmt;
use core::str::FromStr;

use super::*;

/// One delivery of one message, for whoever settles it from elsewhere.
///
/// ```
/// use mqlab_core::message::Message;
/// use mqlab_core::queue::{Queue, QueueError, Receipt};
/// use mqlab_core::time::{Span, Time};
///
/// let mut queue = Queue::in_memory("q")?;
/// queue.send(Time::ZERO, Message::new("a"))?;
/// let first = queue.lease(Time::ZERO, Span::from_millis(30_000))?.ok_or("it is there")?;
/// assert_eq!(first.receipt().to_string(), "0-1");
/// let later = Time::ZERO + Span::from_millis(31_000);
/// let second = queue.lease(later, Span::from_millis(30_000))?.ok_or("it is there again")?;
/// let refused = queue.ack_receipt(later, first.receipt());
/// assert_eq!(refused, Err(QueueError::DeliveredAgain(first.receipt())));
/// queue.ack_receipt(later, "0-2".parse::<Receipt>()?)?;
/// assert_eq!(queue.stats().held, 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Receipt {
    /// Where the message stands.
    pub offset: Offset,
    /// The how-many-eth delivery of it this is.
    pub count: u32,
}

impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.offset.0, self.count)
    }
}

/// A text that is no receipt.
///
/// ```
/// use mqlab_core::queue::{BadReceipt, Receipt};
/// assert_eq!("17".parse::<Receipt>(), Err(BadReceipt));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadReceipt;

impl fmt::Display for BadReceipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a receipt has two numbers, as in 17-2")
    }
}

impl core::error::Error for BadReceipt {}

impl FromStr for Receipt {
    type Err = BadReceipt;

    /// Reads back what `Display` writes, and nothing else.
    fn from_str(text: &str) -> Result<Self, BadReceipt> {
        let (offset, count) = text.split_once('-').ok_or(BadReceipt)?;
        let receipt = Self {
            offset: Offset(offset.parse().map_err(|_| BadReceipt)?),
            count: count.parse().map_err(|_| BadReceipt)?,
        };
        if alloc::string::ToString::to_string(&receipt) == text { Ok(receipt) } else { Err(BadReceipt) }
    }
}

impl Delivery {
    /// What names this delivery in any process, as long as its message keeps its place: where the queue's options put what
    /// comes back [behind all others](Requeue::Back), it is void when the message came back.
    pub fn receipt(&self) -> Receipt {
        Receipt { offset: self.offset, count: self.count }
    }
}

impl From<&Delivery> for Receipt {
    fn from(delivery: &Delivery) -> Self {
        delivery.receipt()
    }
}

impl<L: Log> Queue<L> {
    /// [`receive`](Self::receive) for so long, also over a restart: until then, or until the delivery is settled, nobody else
    /// gets the message. The lease is durable after [`flush`](Self::flush). It takes the place of the one that the
    /// [options](QueueOptions::lease) may have, which ends with the process.
    ///
    /// # Errors
    ///
    /// [`QueueError::Log`] when the storage fails.
    pub fn lease(&mut self, now: Time, lease: Span) -> Result<Option<Delivery>, QueueError<L::Error>> {
        self.tick(now)?;
        self.unused_since = now;
        let Some((_, offset)) = self.ready.first(&self.slots) else { return Ok(None) };
        let message = self.load(offset)?;
        let consumer = ConsumerId::default();
        let (tag, count) = self.let_out(now, offset, consumer, Some(now + lease))?;
        Ok(Some(Delivery { tag, consumer, offset, count, settled: false, message }))
    }

    /// Which delivery a receipt is of; `None` when it has ended and its message is free.
    fn find(&self, receipt: Receipt) -> Result<Option<Tag>, QueueError<L::Error>> {
        let slot = self
            .slots
            .get(receipt.offset)
            .filter(|slot| receipt.count > 0 && slot.deliveries >= receipt.count);
        let slot = slot.ok_or(QueueError::Gone(receipt))?;
        if slot.deliveries > receipt.count {
            return Err(QueueError::DeliveredAgain(receipt));
        }
        Ok(if let State::Out(tag) = slot.state { Some(tag) } else { None })
    }

    /// [`ack`](Self::ack) by a receipt. It is good as long as nobody has received the message again.
    ///
    /// # Errors
    ///
    /// [`QueueError::Gone`] and [`QueueError::DeliveredAgain`]: nothing has changed then. [`QueueError::Log`] when the
    /// storage fails.
    pub fn ack_receipt(&mut self, now: Time, receipt: Receipt) -> Result<(), QueueError<L::Error>> {
        if let Some(tag) = self.find(receipt)? {
            return self.ack(now, tag);
        }
        let offset = receipt.offset;
        if let Some(id) = self.remove(offset, |slot| slot.id()) {
            self.fact(Fact::Settled { offset, id, by: ConsumerId::default() });
        }
        self.push(now)
    }

    /// [`nack`](Self::nack) by a receipt: the message is there again, after `delay` if there is one, else when the options
    /// say so. This wait is remembered over a restart.
    ///
    /// # Errors
    ///
    /// As for [`ack_receipt`](Self::ack_receipt), and [`QueueError::NotOut`] when the message is free already.
    pub fn nack_receipt(
        &mut self,
        now: Time,
        receipt: Receipt,
        delay: Option<Span>,
    ) -> Result<(), QueueError<L::Error>> {
        let tag = self.find(receipt)?.ok_or(QueueError::NotOut(receipt))?;
        self.take_back(now, tag, ReturnReason::Nacked, delay)?;
        self.settle_down(now)
    }

    /// Refuses a delivery for good, by its receipt: the message goes where dead letters go.
    ///
    /// # Errors
    ///
    /// As for [`nack_receipt`](Self::nack_receipt).
    pub fn reject_receipt(&mut self, now: Time, receipt: Receipt) -> Result<(), QueueError<L::Error>> {
        let tag = self.find(receipt)?.ok_or(QueueError::NotOut(receipt))?;
        self.nack(now, tag, false)
    }

    /// Lets the lease of a delivery end so long from now, whatever it was: its consumer is alive and works on it. It is
    /// remembered over a restart, as that of [`lease`](Self::lease) is.
    ///
    /// # Errors
    ///
    /// As for [`nack_receipt`](Self::nack_receipt).
    pub fn renew_receipt(
        &mut self,
        now: Time,
        receipt: Receipt,
        lease: Span,
    ) -> Result<(), QueueError<L::Error>> {
        let tag = self.find(receipt)?.ok_or(QueueError::NotOut(receipt))?;
        self.renew_until(tag, now + lease, |_| true)
    }

    /// Whether a receipt can still be acknowledged; changes nothing.
    ///
    /// # Errors
    ///
    /// [`QueueError::Gone`] and [`QueueError::DeliveredAgain`].
    pub fn check_receipt(&self, receipt: Receipt) -> Result<(), QueueError<L::Error>> {
        self.find(receipt).map(drop)
    }

    /// Whether a receipt's delivery can still be given back; changes nothing.
    ///
    /// # Errors
    ///
    /// As for [`nack_receipt`](Self::nack_receipt).
    pub fn check_out(&self, receipt: Receipt) -> Result<(), QueueError<L::Error>> {
        self.find(receipt)?.map(drop).ok_or(QueueError::NotOut(receipt))
    }
}
