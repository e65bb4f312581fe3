//! What does the store do that several brokers share? It gives one of them the lock, takes writes from it alone, and
//! flushes before it says that they are written.
//!
//! ```text
//!   free ── Lock ──▶ held by broker 1, token 7, until its lease is over ── Unlock, or the connection breaks ──▶ free
//!                       │ ▲ KeepAlive, Write                              the lease is over, and another asks ──▶ held by
//!                       └─┘                                                                              broker 2, token 8
//!   Write with token 7 after that: LockLost, nothing is done
//! ```
//!
//! That is a file server of NFSv4: a lock belongs to a client whose lease runs, and what comes under an old one is refused.
//! (On a file system that does not know that, a master that stood still and goes on writes into the journal of its
//! successor; a database's lease has the same hole.)
//!
//! Sources: `SharedFileLocker.java`, `LockFile.java`, `LeaseDatabaseLocker.java`; RFC 8881 section 8.3 (leases) and 9.1.2.

use alloc::vec::Vec;

use super::noted::copy_of;
use super::protocol::{StoreReply, StoreRequest};
use super::{JournalSync, LogOp, StoreOp};
use crate::ids::{LogName, NodeId};
use crate::log::memory::MemoryStorage;
use crate::log::{Log, LogError, Storage, StorageError};
use crate::observe::{ActivemqEvent, Event};
use crate::sorted::{SortedMap, SortedSet};
use crate::time::{Span, Time};

/// Who has the lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Lock {
    by: NodeId,
    token: u64,
    until: Time,
}

/// A store that several brokers share.
///
/// ```
/// use mqlab_core::ids::NodeId;
/// use mqlab_core::log::memory::MemoryStorage;
/// use mqlab_core::systems::activemq::protocol::{StoreReply, StoreRequest};
/// use mqlab_core::systems::activemq::{JournalSync, StoreServer};
/// use mqlab_core::time::{Span, Time};
/// let lease = Span::from_millis(200);
/// let mut store = StoreServer::open(MemoryStorage::default(), 1, lease, JournalSync::Always)?;
/// let (mut events, now) = (Vec::new(), Time::ZERO);
/// let first = store.handle(now, NodeId::Broker(1), StoreRequest::Lock, &mut events)?;
/// assert!(matches!(first, Some(StoreReply::Locked { .. })));
/// let second = store.handle(now, NodeId::Broker(2), StoreRequest::Lock, &mut events)?;
/// assert_eq!(second, Some(StoreReply::Held));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct StoreServer<S: Storage> {
    storage: S,
    logs: SortedMap<LogName, S::Log>,
    lock: Option<Lock>,
    last_token: u64,
    lease: Span,
    sync: JournalSync,
    /// What was written and not flushed.
    dirty: SortedSet<LogName>,
    next_sync: Option<Time>,
}

impl<S: Storage + Clone> Clone for StoreServer<S>
where
    S::Log: Clone,
{
    fn clone(&self) -> Self {
        Self { storage: self.storage.clone(), logs: self.logs.clone(), dirty: self.dirty.clone(), ..*self }
    }
}

type Result<T, S> = core::result::Result<T, LogError<StorageError<S>>>;

impl<S: Storage> StoreServer<S> {
    /// Opens everything that is on its disk; the server was started for the `incarnation`th time.
    ///
    /// # Errors
    ///
    /// When the storage fails.
    pub fn open(mut storage: S, incarnation: u64, lease: Span, sync: JournalSync) -> Result<Self, S> {
        let mut logs = SortedMap::new();
        for name in storage.names()? {
            let log = storage.open(&name)?;
            logs.insert(name, log);
        }
        let (dirty, next_sync) = Default::default();
        // No token is ever given twice, whatever was forgotten.
        Ok(Self { storage, logs, lock: None, last_token: incarnation << 32, lease, sync, dirty, next_sync })
    }

    /// Gives the storage back. What was not flushed is the disk's affair.
    ///
    /// # Errors
    ///
    /// When the storage fails.
    pub fn close(mut self) -> Result<S, S> {
        for (name, log) in core::mem::take(&mut self.logs) {
            self.storage.close(&name, log)?;
        }
        Ok(self.storage)
    }

    /// Takes what a broker asks, and says what is to be answered.
    ///
    /// # Errors
    ///
    /// When the storage fails; want of room is an answer.
    pub fn handle(
        &mut self,
        now: Time,
        from: NodeId,
        request: StoreRequest,
        events: &mut Vec<Event>,
    ) -> Result<Option<StoreReply>, S> {
        Ok(match request {
            StoreRequest::Lock => Some(self.lock(now, from, events)?),
            StoreRequest::KeepAlive { token } => Some(match self.holds(now, from, token) {
                true => StoreReply::Kept { token },
                false => StoreReply::LockLost { token },
            }),
            StoreRequest::Unlock { token } => {
                if self.holds(now, from, token) {
                    self.free(events);
                }
                None
            }
            StoreRequest::Write { token, number, ops, mut facts } => {
                if !self.holds(now, from, token) {
                    return Ok(Some(StoreReply::LockLost { token }));
                }
                match self.write(now, &ops) {
                    Ok(()) => {
                        events.append(&mut facts);
                        Some(StoreReply::Written { token, number })
                    }
                    Err(LogError::Full) => Some(StoreReply::NoSpace { token }),
                    Err(error) => return Err(error),
                }
            }
        })
    }

    fn lock(&mut self, now: Time, from: NodeId, events: &mut Vec<Event>) -> Result<StoreReply, S> {
        if let Some(lock) = self.lock
            && lock.by != from
        {
            if now < lock.until {
                return Ok(StoreReply::Held);
            }
            events.push(Event::Activemq(ActivemqEvent::LeaseOver { broker: lock.by }));
        }
        self.last_token += 1;
        let token = self.last_token;
        self.lock = Some(Lock { by: from, token, until: now + self.lease });
        events.push(Event::Activemq(ActivemqEvent::Locked { broker: from }));
        let (mut contents, mut bytes) = (MemoryStorage::default(), 0);
        for (name, log) in &self.logs {
            let (copy, size) = copy_of(log)?;
            _ = contents.close(name, copy); // memory does not fail
            bytes += size;
        }
        Ok(StoreReply::Locked { token, contents, bytes })
    }

    /// Whether this broker has this lock; if so its lease begins anew.
    fn holds(&mut self, now: Time, from: NodeId, token: u64) -> bool {
        let lease = self.lease;
        let Some(lock) = self.lock.as_mut().filter(|lock| (lock.by, lock.token) == (from, token)) else {
            return false;
        };
        lock.until = now + lease;
        true
    }

    fn free(&mut self, events: &mut Vec<Event>) {
        if let Some(Lock { by: broker, .. }) = self.lock.take() {
            events.push(Event::Activemq(ActivemqEvent::Unlocked { broker }));
        }
    }

    /// A connection broke: who had the lock has it no longer.
    pub fn hang_up(&mut self, peer: NodeId, events: &mut Vec<Event>) {
        if self.lock.is_some_and(|lock| lock.by == peer) {
            self.free(events);
        }
    }

    /// On a full disk it takes nothing of the write: who asked stops, and what it had begun with it.
    fn write(&mut self, now: Time, ops: &[StoreOp]) -> Result<(), S> {
        // What makes room comes last: where there is none for the first of it, nothing is done.
        let trims = |op: &&StoreOp| matches!(op.op, LogOp::Trim(_));
        for op in ops.iter().filter(|op| !trims(op)).chain(ops.iter().filter(trims)) {
            if self.logs.get(&op.log).is_none() {
                let log = self.storage.open(&op.log)?;
                self.logs.insert(op.log.clone(), log);
            }
            let Some(log) = self.logs.get_mut(&op.log) else { continue };
            op.apply(log)?;
            self.dirty.insert(op.log.clone());
        }
        match self.sync {
            JournalSync::Never => self.dirty = SortedSet::new(),
            JournalSync::Periodic(every) => {
                if !self.dirty.is_empty() {
                    self.next_sync.get_or_insert(now + every);
                }
            }
            JournalSync::Always => {}
        }
        Ok(())
    }

    /// Ends a burst: flushes what was written, if it is time. Answers may leave after that.
    ///
    /// # Errors
    ///
    /// When the storage fails.
    pub fn settle(&mut self, now: Time) -> Result<(), S> {
        let due = match self.sync {
            JournalSync::Always => true,
            JournalSync::Never => false,
            JournalSync::Periodic(_) => self.next_sync.is_some_and(|at| at <= now),
        };
        if !due {
            return Ok(());
        }
        self.next_sync = None;
        for name in core::mem::take(&mut self.dirty) {
            if let Some(log) = self.logs.get_mut(&name) {
                log.flush()?;
            }
        }
        Ok(())
    }

    /// When it flushes next, where that is done from time to time.
    pub fn next_wakeup(&self) -> Option<Time> {
        self.next_sync
    }

    /// Who has the lock; its lease may be over.
    pub fn holder(&self) -> Option<NodeId> {
        self.lock.map(|lock| lock.by)
    }

    /// The storage below, and the logs that are open: for whoever drives the disk.
    pub(crate) fn disk_mut(&mut self) -> (&mut S, impl Iterator<Item = &mut S::Log>) {
        (&mut self.storage, self.logs.values_mut())
    }

    /// What is in it, as a broker that opens it would find it.
    ///
    /// # Errors
    ///
    /// When the storage fails.
    pub fn contents(&self) -> Result<MemoryStorage, S> {
        let mut contents = MemoryStorage::default();
        for (name, log) in &self.logs {
            _ = contents.close(name, copy_of(log)?.0); // memory does not fail
        }
        Ok(contents)
    }
}
