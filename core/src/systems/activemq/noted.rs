//! How does a master write what is not its own? It works on what it has read of the store, notes what it does to each log,
//! and sends that on.
//!
//! ```text
//!   store     logs ── contents ─▶ master: logs in memory ── append, trim ... ─▶ ops ─▶ store: the same, and a flush
//! ```
//!
//! Nobody else writes while it has the lock, so what it has in memory is what the store will have.

use alloc::vec::Vec;
use core::convert::Infallible;

use crate::ids::{LogName, Offset};
use crate::log::memory::{MemoryLog, MemorySlice, MemoryStorage};
use crate::log::{Log, LogError, Segment, Slice as _, Storage};
use crate::record::Batches;

/// Something that was done to a log.
///
/// ```
/// use mqlab_core::ids::Offset;
/// use mqlab_core::systems::activemq::LogOp;
/// assert_ne!(LogOp::Trim(Offset(3)), LogOp::Truncate(Offset(3)));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogOp {
    /// Batches were added.
    Append(Batches),
    /// Everything from an offset on is gone.
    Truncate(Offset),
    /// Everything below an offset may go.
    Trim(Offset),
    /// It is empty, and begins at an offset.
    BeginAnew(Offset),
    /// A segment was sealed.
    Roll,
    /// Sealed segments were replaced.
    Replace(Offset, Offset, Batches),
}

/// The same, and to which log.
///
/// ```
/// use mqlab_core::ids::{LogName, Offset};
/// use mqlab_core::systems::activemq::{LogOp, StoreOp};
/// let op = StoreOp { log: LogName::Definitions, op: LogOp::Trim(Offset(3)) };
/// assert_eq!(op.bytes(), 0);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreOp {
    /// Which.
    pub log: LogName,
    /// What.
    pub op: LogOp,
}

impl StoreOp {
    /// How many bytes it brings.
    pub fn bytes(&self) -> u64 {
        match &self.op {
            LogOp::Append(batches) | LogOp::Replace(_, _, batches) => batches.bytes().len() as u64,
            _ => 0,
        }
    }

    /// Does the same to a log of that name.
    ///
    /// # Errors
    ///
    /// What the log says.
    pub fn apply<L: Log>(&self, log: &mut L) -> Result<(), LogError<L::Error>> {
        match &self.op {
            LogOp::Append(batches) => log.append(batches),
            LogOp::Truncate(to) => log.truncate(*to),
            LogOp::Trim(to) => log.trim(*to),
            LogOp::BeginAnew(at) => log.begin_anew(*at),
            LogOp::Roll => log.roll(),
            LogOp::Replace(from, until, batches) => log.replace(*from, *until, batches),
        }
    }
}

/// Logs in memory that note what is done to them.
///
/// ```
/// use mqlab_core::ids::LogName;
/// use mqlab_core::log::contract::batch;
/// use mqlab_core::log::{Log, Storage};
/// use mqlab_core::systems::activemq::NotedStorage;
/// let mut storage = NotedStorage::default();
/// let mut log = storage.open(&LogName::Definitions)?;
/// log.append(&batch(0, 1))?;
/// assert_eq!(storage.take_noted([&mut log]).len(), 1);
/// assert!(storage.take_noted([&mut log]).is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct NotedStorage {
    storage: MemoryStorage,
    /// What was done to logs that are closed.
    noted: Vec<StoreOp>,
}

impl NotedStorage {
    /// Over what a store holds.
    pub fn new(storage: MemoryStorage) -> Self {
        Self { storage, noted: Vec::new() }
    }

    /// What was done since the last call, to closed logs and to these.
    pub fn take_noted<'a>(&mut self, logs: impl IntoIterator<Item = &'a mut NotedLog>) -> Vec<StoreOp> {
        let mut all = core::mem::take(&mut self.noted);
        logs.into_iter().for_each(|log| all.append(&mut log.noted));
        all
    }
}

impl Storage for NotedStorage {
    type Log = NotedLog;

    fn open(&mut self, name: &LogName) -> Result<NotedLog, Infallible> {
        Ok(NotedLog { name: name.clone(), log: self.storage.open(name)?, noted: Vec::new() })
    }

    fn close(&mut self, name: &LogName, mut log: NotedLog) -> Result<(), Infallible> {
        self.noted.append(&mut log.noted);
        self.storage.close(name, log.log)
    }

    fn names(&self) -> Result<Vec<LogName>, Infallible> {
        self.storage.names()
    }
}

/// A log in memory that notes what is done to it.
///
/// ```
/// use mqlab_core::ids::{LogName, Offset};
/// use mqlab_core::log::{Log, Storage};
/// use mqlab_core::systems::activemq::NotedStorage;
/// let log = NotedStorage::default().open(&LogName::Definitions)?;
/// assert_eq!(log.end(), Offset(0));
/// # Ok::<(), core::convert::Infallible>(())
/// ```
#[derive(Clone, Debug)]
pub struct NotedLog {
    name: LogName,
    log: MemoryLog,
    noted: Vec<StoreOp>,
}

impl NotedLog {
    fn note(&mut self, op: LogOp) {
        self.noted.push(StoreOp { log: self.name.clone(), op });
    }
}

impl Log for NotedLog {
    type Slice = MemorySlice;
    type Error = Infallible;

    fn start(&self) -> Offset {
        self.log.start()
    }

    fn end(&self) -> Offset {
        self.log.end()
    }

    fn durable(&self) -> Offset {
        self.log.durable()
    }

    fn append(&mut self, batches: &Batches) -> Result<(), LogError<Infallible>> {
        self.log.append(batches)?;
        if batches.base().is_some() {
            self.note(LogOp::Append(batches.clone()));
        }
        Ok(())
    }

    fn read(&self, from: Offset, until: Offset, bytes_max: u32) -> Result<MemorySlice, LogError<Infallible>> {
        self.log.read(from, until, bytes_max)
    }

    /// The store flushes what it is sent.
    fn flush(&mut self) -> Result<(), LogError<Infallible>> {
        self.log.flush()
    }

    fn truncate(&mut self, to: Offset) -> Result<(), LogError<Infallible>> {
        self.log.truncate(to)?;
        self.note(LogOp::Truncate(to));
        Ok(())
    }

    fn trim(&mut self, to: Offset) -> Result<(), LogError<Infallible>> {
        let before = self.log.start();
        self.log.trim(to)?;
        if self.log.start() > before {
            self.note(LogOp::Trim(to));
        }
        Ok(())
    }

    fn begin_anew(&mut self, at: Offset) -> Result<(), LogError<Infallible>> {
        self.log.begin_anew(at)?;
        self.note(LogOp::BeginAnew(at));
        Ok(())
    }

    fn segments(&self) -> Vec<Segment> {
        self.log.segments()
    }

    fn roll(&mut self) -> Result<(), LogError<Infallible>> {
        self.log.roll()?;
        self.note(LogOp::Roll);
        Ok(())
    }

    fn replace(
        &mut self,
        from: Offset,
        until: Offset,
        batches: &Batches,
    ) -> Result<(), LogError<Infallible>> {
        self.log.replace(from, until, batches)?;
        self.note(LogOp::Replace(from, until, batches.clone()));
        Ok(())
    }
}

/// A copy of a log in memory, and how many bytes are in it.
pub(super) fn copy_of<L: Log>(log: &L) -> Result<(MemoryLog, u64), LogError<L::Error>> {
    let all = log.read(log.start(), log.end(), u32::MAX)?.load()?;
    let mut copy = MemoryLog::default();
    copy.begin_anew(log.start()).expect("memory does not fail");
    copy.append(&all).expect("it is read in order");
    copy.flush().expect("memory does not fail");
    Ok((copy, all.bytes().len() as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_contract() {
        crate::log::contract::suite(NotedStorage::default, |storage| storage);
    }
}
