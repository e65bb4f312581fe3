//! How does another broker go on where one has died? They share one disk, and a lock on it: who has the lock is master,
//! the others wait.
//!
//! ```text
//!   broker 1  ███ master ███ ✝            (its process ends: the file system frees the lock)
//!   broker 2  · slave ·  · ·  ██ master ████████       opens the journal, and has everything that was flushed
//!   broker 3  · slave ·  · ·   · slave · ·   ·
//!             └ asks for the lock every 10 s
//! ```
//!
//! A slave serves nobody: clients that try it are turned away, and try the next ([`Failover`](super::Failover)). So a
//! fail-over takes up to the period of asking, the time to read the store, and the clients' own waits. Nothing is
//! replicated: what the disk loses is lost.
//!
//! Left out: a lock that is lost while its owner lives (over NFS), and the lease of a database.
//!
//! Sources: ActiveMQ `AbstractLocker.java`, `SharedFileLocker.java`; "Shared File System Master Slave".

use alloc::boxed::Box;

use super::{Broker, BrokerError, DestinationPolicy};
use crate::ids::NodeId;
use crate::log::{Storage, StorageError};
use crate::time::{Span, Time};

/// How often a slave asks for the lock (`lockAcquireSleepInterval`).
pub const LOCK_ACQUIRE_SLEEP_INTERVAL: Span = Span::from_millis(10_000);

/// A disk that several brokers can open, one at a time.
///
/// ```
/// use mqlab_core::ids::NodeId;
/// use mqlab_core::log::memory::MemoryStorage;
/// use mqlab_core::systems::activemq::SharedStore;
/// let mut store = SharedStore::new(MemoryStorage::default());
/// let storage = store.lock(NodeId::Broker(1)).ok_or("it was free")?;
/// assert!(store.lock(NodeId::Broker(2)).is_none());
/// store.unlock(storage);
/// assert!(store.lock(NodeId::Broker(2)).is_some());
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone, Debug)]
pub struct SharedStore<S> {
    /// There while nobody has the lock.
    storage: Option<S>,
    holder: Option<NodeId>,
}

impl<S> SharedStore<S> {
    /// A disk that nobody has opened.
    pub fn new(storage: S) -> Self {
        Self { storage: Some(storage), holder: None }
    }

    /// Takes the lock, and with it the disk; `None` while another has it.
    pub fn lock(&mut self, who: NodeId) -> Option<S> {
        let storage = self.storage.take()?;
        self.holder = Some(who);
        Some(storage)
    }

    /// Gives the disk back, and with it the lock: its owner stopped, in good order or not.
    pub fn unlock(&mut self, storage: S) {
        (self.storage, self.holder) = (Some(storage), None);
    }

    /// Who has the lock.
    pub fn holder(&self) -> Option<NodeId> {
        self.holder
    }
}

/// A broker of several that share a store.
///
/// ```
/// use mqlab_core::ids::NodeId;
/// use mqlab_core::log::memory::MemoryStorage;
/// use mqlab_core::systems::activemq::{DestinationPolicy, Station, SharedStore};
/// use mqlab_core::time::Time;
/// let mut store = SharedStore::new(MemoryStorage::default());
/// let mut first = Station::new(NodeId::Broker(1), DestinationPolicy::default(), Time::ZERO);
/// first.wake(Time::ZERO, &mut store)?;
/// assert!(first.broker_mut().is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Station<S: Storage> {
    me: NodeId,
    policy: DestinationPolicy,
    /// How often it asks for the lock.
    interval: Span,
    state: State<S>,
}

enum State<S: Storage> {
    /// It asks for the lock at that moment.
    Slave(Time),
    Master(Box<Broker<S>>),
}

type Result<T, S> = core::result::Result<T, BrokerError<StorageError<S>>>;

impl<S: Storage> Station<S> {
    /// A broker that begins as a slave, and asks for the lock at once.
    pub fn new(me: NodeId, policy: DestinationPolicy, now: Time) -> Self {
        Self { me, policy, interval: LOCK_ACQUIRE_SLEEP_INTERVAL, state: State::Slave(now) }
    }

    /// Asks for the lock this often instead.
    #[must_use]
    pub fn asking_every(self, interval: Span) -> Self {
        Self { interval, ..self }
    }

    /// Which broker it is.
    pub fn node(&self) -> NodeId {
        self.me
    }

    /// The broker, while it is master: a slave serves nobody.
    pub fn broker_mut(&mut self) -> Option<&mut Broker<S>> {
        match &mut self.state {
            State::Slave(_) => None,
            State::Master(broker) => Some(broker),
        }
    }

    /// When it wants to be woken: a slave to ask again, a master for what is due in it.
    pub fn next_wakeup(&self) -> Option<Time> {
        match &self.state {
            State::Slave(at) => Some(*at),
            State::Master(broker) => broker.host().next_wakeup(),
        }
    }

    /// Asks for the lock when it is time, and opens the store when it gets it; says whether it has become master.
    ///
    /// # Errors
    ///
    /// When the storage fails, or holds something else: the lock is held then by nobody who serves.
    pub fn wake(&mut self, now: Time, store: &mut SharedStore<S>) -> Result<bool, S> {
        match &mut self.state {
            State::Master(broker) => {
                broker.host_mut().tick(now)?;
                Ok(false)
            }
            State::Slave(at) if now < *at => Ok(false),
            State::Slave(at) => {
                *at = now + self.interval;
                let Some(storage) = store.lock(self.me) else { return Ok(false) };
                let broker = Broker::open(storage, self.policy.clone(), now)?;
                self.state = State::Master(broker.into());
                Ok(true)
            }
        }
    }

    /// Its process ends: a master's disk and lock are free. What was not flushed is the disk's affair.
    ///
    /// # Errors
    ///
    /// When the storage fails.
    pub fn stop(self, store: &mut SharedStore<S>) -> Result<(), S> {
        if let State::Master(broker) = self.state {
            store.unlock(broker.close()?);
        }
        Ok(())
    }
}
