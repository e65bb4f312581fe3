//! Where are the queues? In one data directory: opened once, closed by the last who uses it.

use std::path::Path;
use std::sync::{Arc, Mutex};

use mqlab_core::ids::Name;
use mqlab_core::queue::QueueOptions;
use mqlab_core::vhost::VirtualHost;

use super::handle::Queue;
use super::{Shared, lock};
use crate::error::Error;
use crate::log::disk::Disk;
use crate::log::{FileStorage, Options, Recovered};
use crate::now;

/// All queues of a data directory. One process at a time has it open; its threads share it.
///
/// ```
/// use mqlab::{Message, QueueOptions, Queues};
/// use mqlab_core::queue::DeadLetter;
/// # let scratch = tempfile::tempdir()?;
/// # let dir = scratch.path().join("data");
///
/// let queues = Queues::open(&dir)?;
/// let dead = queues.queue("dead")?;
/// let options = QueueOptions {
///     delivery_limit: Some(2), // it may come back twice
///     dead_letter: Some(DeadLetter::to_queue("dead")),
///     ..QueueOptions::default()
/// };
/// let orders = queues.queue_with("orders", options)?;
/// orders.send(Message::new("a poison"))?;
/// while let Some(order) = orders.receive()? {
///     orders.nack(&order)?;
/// }
/// assert_eq!(dead.receive()?.ok_or("it died")?.message.text(), "a poison");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Queues {
    host: Shared,
}

impl Queues {
    /// Opens a data directory; one that is missing or empty is made one.
    ///
    /// # Errors
    ///
    /// [`Error`] when the directory cannot be used, another process has it open, or what it holds is damaged.
    pub fn open(dir: impl AsRef<Path>) -> Result<Self, Error> {
        Self::open_with(dir, Options::default())
    }

    /// The same with other options of the files than the usual.
    ///
    /// # Errors
    ///
    /// As for [`open`](Self::open).
    pub fn open_with(dir: impl AsRef<Path>, options: Options) -> Result<Self, Error> {
        Self::over(FileStorage::open_with(dir, options)?)
    }

    /// The same on a disk that is not quite the system's: for tests of what happens when one fails.
    ///
    /// # Errors
    ///
    /// As for [`open`](Self::open), and whatever the disk comes up with.
    pub fn open_on(disk: Arc<dyn Disk>, dir: impl AsRef<Path>, options: Options) -> Result<Self, Error> {
        Self::over(FileStorage::open_on(disk, dir, options)?)
    }

    fn over(storage: FileStorage) -> Result<Self, Error> {
        Ok(Self { host: Arc::new(Mutex::new(VirtualHost::open(storage, now())?)) })
    }

    /// A queue; one that is not there is made, with the default options: first in, first out, without limits.
    ///
    /// # Errors
    ///
    /// A name that is none; [`Error::NoSpace`]; failures of the disk.
    pub fn queue(&self, name: &str) -> Result<Queue, Error> {
        match self.find(name)? {
            Some(queue) => Ok(queue),
            None => self.queue_with(name, QueueOptions::default()),
        }
    }

    /// A queue with these options; one that is not there is made, durably. A queue keeps the options that it was made with.
    ///
    /// # Errors
    ///
    /// [`Error::Host`] when it is there with other options, or the options cannot work; a name that is none;
    /// [`Error::NoSpace`]: then it was not made; failures of the disk.
    pub fn queue_with(&self, name: &str, options: QueueOptions) -> Result<Queue, Error> {
        let mut host = lock(&self.host)?;
        if host.declare_queue(now(), name, options)? {
            host.flush()?;
        }
        Ok(Queue::new(Arc::clone(&self.host), name))
    }

    /// A queue that is there; `None` when there is none of this name.
    ///
    /// # Errors
    ///
    /// [`Error::Refusing`] after a panic in another thread.
    pub fn find(&self, name: &str) -> Result<Option<Queue>, Error> {
        let there = lock(&self.host)?.queue(name).is_some();
        Ok(there.then(|| Queue::new(Arc::clone(&self.host), name)))
    }

    /// The names of the queues.
    ///
    /// # Errors
    ///
    /// [`Error::Refusing`] after a panic in another thread.
    pub fn names(&self) -> Result<Vec<Name>, Error> {
        let host = lock(&self.host)?;
        Ok(host.queues().map(|queue| queue.name().clone()).collect())
    }

    /// What was cut off the logs' ends when they were opened: a crash had torn it.
    ///
    /// # Errors
    ///
    /// [`Error::Refusing`] after a panic in another thread.
    pub fn recovered(&self) -> Result<Vec<Recovered>, Error> {
        Ok(lock(&self.host)?.storage().recovered().to_vec())
    }

    /// Makes everything durable, and gives this handle back; the last one that is given back closes the directory, and
    /// another process may open it.
    ///
    /// # Errors
    ///
    /// [`Error::NoSpace`] and failures of the disk: what was not durable before may be lost.
    pub fn close(self) -> Result<(), Error> {
        close(self.host)
    }
}

/// Makes everything durable; whoever has the last handle closes the files.
pub(super) fn close(host: Shared) -> Result<(), Error> {
    lock(&host)?.flush()?;
    match Arc::try_unwrap(host) {
        Ok(host) => {
            let host = host.into_inner().map_err(|_| Error::Refusing)?;
            host.close().map(drop).map_err(Error::from)
        }
        Err(_) => Ok(()), // others go on with it
    }
}
