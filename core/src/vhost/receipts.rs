//! How is a queue used without a channel? By receipts: what a short-lived program wants, and one that opens the files again.
//!
//! A channel numbers deliveries, and forgets them when it ends. Whoever settles a delivery in another process, or after a
//! restart, names it by its [`Receipt`].

use super::*;
use crate::queue::{Delivery, Receipt, Sent};
use crate::time::Span;

impl<S: Storage> VirtualHost<S> {
    /// Hands out the next message of a queue on no channel: settle it by its receipt. With a lease it is hidden for so long,
    /// also over a restart; without, it is there again when the process ends. `None` when none is ready.
    ///
    /// ```
    /// use mqlab_core::vhost::VirtualHost;
    /// use mqlab_core::{message::Message, queue::QueueOptions, time::{Span, Time}};
    /// let (mut host, now) = (VirtualHost::in_memory(), Time::ZERO);
    /// host.declare_queue(now, "q", QueueOptions::default())?;
    /// host.send(now, "q", Message::new("a"))?;
    /// let receipt = host.take(now, "q", Some(Span::from_millis(30_000)))?.ok_or("it is there")?.receipt();
    /// host.flush()?; // before anybody sees it: so no receipt is ever given twice
    /// host.ack_receipt(now, "q", receipt)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`VhostError::NoQueue`]; failures of the storage.
    pub fn take(&mut self, now: Time, queue: &str, lease: Option<Span>) -> Result<Option<Delivery>, S> {
        self.with_queue(now, &Name::new(queue)?, |queue| match lease {
            Some(lease) => queue.lease(now, lease),
            None => queue.receive(now),
        })
    }

    /// A delivery is done with: its message is gone for good. See [`Queue::ack_receipt`].
    ///
    /// # Errors
    ///
    /// [`VhostError::NoQueue`]; [`QueueError::Gone`], [`QueueError::DeliveredAgain`]; failures of the storage.
    pub fn ack_receipt(&mut self, now: Time, queue: &str, receipt: Receipt) -> Result<(), S> {
        self.with_queue(now, &Name::new(queue)?, |queue| queue.ack_receipt(now, receipt))
    }

    /// A delivery is given back, to be delivered again, after `delay` if there is one. See [`Queue::nack_receipt`].
    ///
    /// # Errors
    ///
    /// As for [`ack_receipt`](Self::ack_receipt), and [`QueueError::NotOut`].
    pub fn nack_receipt(
        &mut self,
        now: Time,
        queue: &str,
        receipt: Receipt,
        delay: Option<Span>,
    ) -> Result<(), S> {
        self.with_queue(now, &Name::new(queue)?, |queue| queue.nack_receipt(now, receipt, delay))
    }

    /// A delivery is refused for good: its message goes where dead letters go.
    ///
    /// # Errors
    ///
    /// As for [`nack_receipt`](Self::nack_receipt).
    pub fn reject_receipt(&mut self, now: Time, queue: &str, receipt: Receipt) -> Result<(), S> {
        self.with_queue(now, &Name::new(queue)?, |queue| queue.reject_receipt(now, receipt))
    }

    /// The lease of a delivery ends so long from now. See [`Queue::renew_receipt`].
    ///
    /// # Errors
    ///
    /// As for [`nack_receipt`](Self::nack_receipt).
    pub fn renew_receipt(&mut self, now: Time, queue: &str, receipt: Receipt, lease: Span) -> Result<(), S> {
        self.with_queue(now, &Name::new(queue)?, |queue| queue.renew_receipt(now, receipt, lease))
    }

    /// Puts a message straight into a queue, past all exchanges, and says where.
    ///
    /// # Errors
    ///
    /// [`VhostError::NoQueue`]; whatever [`Queue::send`] refuses; failures of the storage.
    pub fn enqueue(&mut self, now: Time, queue: &str, message: Message) -> Result<Sent, S> {
        self.with_queue(now, &Name::new(queue)?, |queue| queue.send(now, message))
    }

    /// Takes back messages that were put into a queue and found no room in its log: see [`Queue::withdraw`]. Says how many.
    ///
    /// # Errors
    ///
    /// [`VhostError::NoQueue`].
    pub fn withdraw(&mut self, queue: &str, sent: &[Offset]) -> Result<u64, S> {
        let name = Name::new(queue)?;
        let queue = self.queues.get_mut(&name).ok_or(VhostError::NoQueue(name))?;
        Ok(queue.withdraw(sent))
    }
}
