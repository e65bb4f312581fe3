//! What can be done with a queue? Send, receive, settle, look; each call says what it guarantees.

use std::path::Path;
use std::time::Duration;

use mqlab_core::ids::{Name, Offset};
use mqlab_core::log::LogError;
use mqlab_core::message::Message;
use mqlab_core::queue::{Browsed, Delivery, QueueError, QueueOptions, Receipt, Sent};
use mqlab_core::vhost::{VhostError, VirtualHost};

use super::directory::{Queues, close};
use super::stats::QueueStats;
use super::{Shared, lock, span};
use crate::error::Error;
use crate::log::FileStorage;
use crate::now;

type Host = VirtualHost<FileStorage>;

/// When what was done becomes durable.
///
/// ```
/// use mqlab::{Flushing, Message, Queue};
/// # let scratch = tempfile::tempdir()?;
/// # let dir = scratch.path().join("data");
/// let events = Queue::open(&dir, "events")?.with_flushing(Flushing::OnRequest);
/// for number in 0..1_000 {
///     events.send(Message::new(number.to_string()))?;
/// }
/// events.flush()?; // one fsync for all of them
/// assert_eq!(events.stats()?.ready, 1_000);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Flushing {
    /// Before each call returns: `Ok` means that it survives a power cut.
    #[default]
    EachCall,
    /// When [`Queue::flush`] returns. What was done since may be lost in any crash, of the process too.
    OnRequest,
}

/// A durable point-to-point queue: each message goes to one receiver, and is kept until it is acknowledged.
///
/// A handle: clone it, and use it from any thread. The directory is closed when the last handle is given back.
/// [The module](super) says what each call guarantees.
///
/// ```
/// use mqlab::{Message, Queue};
/// use std::time::Duration;
/// # let scratch = tempfile::tempdir()?;
/// # let dir = scratch.path().join("data");
/// let orders = Queue::open(&dir, "orders")?;
/// orders.send_all(["a book", "a pen", "a lamp"].map(Message::new))?;
/// let two = orders.lease_up_to(2, Duration::from_secs(30))?; // nobody else gets them so long, come what may
/// orders.ack(&two[0])?;
/// orders.nack_after(&two[1], Duration::from_secs(60))?;
/// let stats = orders.stats()?;
/// assert_eq!((stats.ready, stats.leased, stats.delayed), (1, 0, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Queue {
    host: Shared,
    name: String,
    flushing: Flushing,
}

impl Queue {
    /// Opens a data directory and a queue in it; either is made if it is not there. For several queues in one directory,
    /// open [`Queues`].
    ///
    /// # Errors
    ///
    /// As for [`Queues::open`] and [`Queues::queue`].
    pub fn open(dir: impl AsRef<Path>, name: &str) -> Result<Self, Error> {
        Queues::open(dir)?.queue(name)
    }

    pub(super) fn new(host: Shared, name: &str) -> Self {
        Self { host, name: name.into(), flushing: Flushing::default() }
    }

    /// The same queue, by a handle that flushes at other times.
    #[must_use]
    pub fn with_flushing(self, flushing: Flushing) -> Self {
        Self { flushing, ..self }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The options that it was made with.
    ///
    /// # Errors
    ///
    /// [`Error::Refusing`] after a panic in another thread.
    pub fn options(&self) -> Result<QueueOptions, Error> {
        let host = lock(&self.host)?;
        let queue = host.queue(&self.name).ok_or_else(|| self.gone())?;
        Ok(queue.options().clone())
    }

    fn gone(&self) -> Error {
        match Name::new(&self.name) {
            Ok(name) => VhostError::<Error>::NoQueue(name).into(),
            Err(error) => Error::Host { what: error.to_string() },
        }
    }

    /// Does something, and makes it durable if it is to be so at once.
    fn with<T>(&self, work: impl FnOnce(&mut Host, &str) -> Result<T, Error>) -> Result<T, Error> {
        let mut host = lock(&self.host)?;
        let done = work(&mut host, &self.name)?;
        while host.poll().is_some() {} // facts for who watches; nobody does
        if self.flushing == Flushing::EachCall {
            host.flush()?;
        }
        Ok(done)
    }

    /// Sends a message. [`Sent::Duplicate`] where the queue [remembers](QueueOptions::remember_ids) its identity.
    ///
    /// # Errors
    ///
    /// [`Error::Host`] when the queue is full by its own limits, or the message is too large; [`Error::NoSpace`] when the
    /// disk is full: in each case nothing has changed. Failures of the disk.
    pub fn send(&self, message: Message) -> Result<Sent, Error> {
        let sent = self.send_all([message])?;
        Ok(sent.first().copied().unwrap_or(Sent::Duplicate))
    }

    /// Sends several messages, and makes them durable at once: by one fsync.
    ///
    /// # Errors
    ///
    /// As for [`send`](Self::send). If the queue refuses one of them (it is full, or that one is too large), those before it
    /// are sent. On a full disk none is.
    pub fn send_all(&self, messages: impl IntoIterator<Item = Message>) -> Result<Vec<Sent>, Error> {
        let mut host = lock(&self.host)?;
        let at_once = self.flushing == Flushing::EachCall;
        let now = now();
        host.tick(now)?;
        if at_once {
            // Where there is no room for what was done before, there is none for more. And a message that has died meanwhile
            // must be durable where it went before it is crossed out here: no less than a flush does that.
            host.flush()?;
        }
        let mut sent = Vec::new();
        let mut done = Ok(());
        for message in messages {
            match host.enqueue(now, &self.name, message) {
                Ok(one) => sent.push(one),
                Err(error) => {
                    done = Err(error.into());
                    break;
                }
            }
        }
        while host.poll().is_some() {}
        if at_once && let Err(error) = host.flush() {
            if matches!(error, VhostError::Queue(QueueError::Log(LogError::Full))) {
                let place = |sent: &Sent| if let Sent::Stored(offset) = sent { Some(*offset) } else { None };
                let places: Vec<Offset> = sent.iter().filter_map(place).collect();
                host.withdraw(&self.name, &places)?;
            }
            return Err(error.into());
        }
        done.map(|()| sent)
    }

    /// The next message that is ready; `None` when there is none. It is hidden until it is settled; with
    /// [`QueueOptions::lease`] for so long at most, also over a restart; without, until this process ends.
    ///
    /// # Errors
    ///
    /// Failures of the disk.
    pub fn receive(&self) -> Result<Option<Delivery>, Error> {
        Ok(self.receive_up_to(1)?.pop())
    }

    /// As [`receive`](Self::receive), for up to so many: one fsync for all.
    ///
    /// # Errors
    ///
    /// Failures of the disk.
    pub fn receive_up_to(&self, most: usize) -> Result<Vec<Delivery>, Error> {
        self.take(most, None)
    }

    /// The next message that is ready, for so long: until then nobody else gets it, whatever becomes of this process. When
    /// it is not settled by then, it is there again, counted.
    ///
    /// # Errors
    ///
    /// Failures of the disk.
    pub fn lease(&self, lease: Duration) -> Result<Option<Delivery>, Error> {
        Ok(self.lease_up_to(1, lease)?.pop())
    }

    /// As [`lease`](Self::lease), for up to so many: one fsync for all.
    ///
    /// # Errors
    ///
    /// Failures of the disk.
    pub fn lease_up_to(&self, most: usize, lease: Duration) -> Result<Vec<Delivery>, Error> {
        self.take(most, Some(lease))
    }

    fn take(&self, most: usize, lease: Option<Duration>) -> Result<Vec<Delivery>, Error> {
        self.with(|host, name| {
            let now = now();
            host.tick(now)?;
            let lease = lease.map(span).or_else(|| host.queue(name)?.options().lease);
            let mut taken = Vec::new();
            while taken.len() < most
                && let Some(delivery) = host.take(now, name, lease)?
            {
                taken.push(delivery);
            }
            Ok(taken)
        })
    }

    /// The message is done: it is gone for good. That is right also after its lease, as long as nobody has received it again.
    ///
    /// # Errors
    ///
    /// [`Error::Gone`], [`Error::DeliveredAgain`]: nothing has changed then. [`Error::NoSpace`]: it has its effect, and is
    /// written later. Failures of the disk.
    pub fn ack(&self, receipt: impl Into<Receipt>) -> Result<(), Error> {
        self.ack_all([receipt])
    }

    /// As [`ack`](Self::ack), for several: all or none, and one fsync.
    ///
    /// # Errors
    ///
    /// As for [`ack`](Self::ack), for the first of them that cannot be: then none is acknowledged.
    pub fn ack_all(&self, receipts: impl IntoIterator<Item = impl Into<Receipt>>) -> Result<(), Error> {
        self.settle(receipts, false, |host, name, receipt| host.ack_receipt(now(), name, receipt))
    }

    /// The message is given back: it is there again, counted, at once or as
    /// [`QueueOptions::redelivery`] says.
    ///
    /// # Errors
    ///
    /// As for [`ack`](Self::ack), and [`Error::NotOut`] when it is there again already.
    pub fn nack(&self, receipt: impl Into<Receipt>) -> Result<(), Error> {
        self.nack_all([receipt], None)
    }

    /// The message is given back, and is there again after so long; also over a restart.
    ///
    /// # Errors
    ///
    /// As for [`nack`](Self::nack).
    pub fn nack_after(&self, receipt: impl Into<Receipt>, delay: Duration) -> Result<(), Error> {
        self.nack_all([receipt], Some(delay))
    }

    /// As [`nack`](Self::nack) or [`nack_after`](Self::nack_after), for several: all or none, and one fsync.
    ///
    /// # Errors
    ///
    /// As for [`nack`](Self::nack), for the first of them that cannot be: then none is given back.
    pub fn nack_all(
        &self,
        receipts: impl IntoIterator<Item = impl Into<Receipt>>,
        delay: Option<Duration>,
    ) -> Result<(), Error> {
        let delay = delay.map(span);
        self.settle(receipts, true, |host, name, receipt| host.nack_receipt(now(), name, receipt, delay))
    }

    /// The message is refused for good: it goes where the queue's dead letters go, or is dropped. For several: all or none.
    ///
    /// # Errors
    ///
    /// As for [`nack_all`](Self::nack_all).
    pub fn reject_all(&self, receipts: impl IntoIterator<Item = impl Into<Receipt>>) -> Result<(), Error> {
        self.settle(receipts, true, |host, name, receipt| host.reject_receipt(now(), name, receipt))
    }

    /// The work takes longer: the lease ends so long from now.
    ///
    /// # Errors
    ///
    /// As for [`nack`](Self::nack).
    pub fn extend(&self, receipt: impl Into<Receipt>, lease: Duration) -> Result<(), Error> {
        self.settle([receipt], true, |host, name, receipt| {
            host.renew_receipt(now(), name, receipt, span(lease))
        })
    }

    /// Settles several: asks of each whether it can be, before the first is.
    fn settle(
        &self,
        receipts: impl IntoIterator<Item = impl Into<Receipt>>,
        out: bool,
        work: impl Fn(&mut Host, &str, Receipt) -> Result<(), VhostError<Error>>,
    ) -> Result<(), Error> {
        let mut all: Vec<Receipt> = receipts.into_iter().map(Into::into).collect();
        let mut seen = std::collections::BTreeSet::new();
        all.retain(|receipt| seen.insert(*receipt));
        self.with(|host, name| {
            let queue = host.queue(name).ok_or_else(|| self.gone())?;
            for &receipt in &all {
                let can = if out { queue.check_out(receipt) } else { queue.check_receipt(receipt) };
                can.map_err(VhostError::from)?;
            }
            for receipt in all {
                work(host, name, receipt)?;
            }
            Ok(())
        })
    }

    /// Up to so many messages that are ready, in the order in which they would be received. They stay, and are not counted.
    ///
    /// # Errors
    ///
    /// Failures of the disk.
    pub fn peek(&self, most: usize) -> Result<Vec<Browsed>, Error> {
        self.with(|host, name| Ok(host.browse(now(), name, most)?))
    }

    /// How much is in it, and since when.
    ///
    /// # Errors
    ///
    /// Failures of the disk.
    pub fn stats(&self) -> Result<QueueStats, Error> {
        self.with(|host, name| {
            host.tick(now())?;
            QueueStats::of(host, name, now())?.ok_or_else(|| self.gone())
        })
    }

    /// Makes durable whatever was done so far, in every queue of the directory: one fsync for each log that changed.
    ///
    /// # Errors
    ///
    /// [`Error::NoSpace`]: nothing is lost, and the next call tries again. Failures of the disk.
    pub fn flush(&self) -> Result<(), Error> {
        Ok(lock(&self.host)?.flush()?)
    }

    /// [`flush`](Self::flush), and gives the handle back; the last one closes the directory. A handle that is dropped
    /// instead loses what was not flushed, as a crash does.
    ///
    /// # Errors
    ///
    /// As for [`flush`](Self::flush): what was not durable before may be lost.
    pub fn close(self) -> Result<(), Error> {
        close(self.host)
    }
}
