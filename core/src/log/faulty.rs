//! What can go wrong with a disk? A wrapper around any log that does it on demand.
//!
//! | fault | how it is asked for | what is left |
//! |---|---|---|
//! | the power goes | [`FaultyStorage::cut_power`] | what was flushed, and as many bytes of the unflushed tail as the caller says, cut back to the last whole batch |
//! | a write is torn | [`Fault::TearAppend`] | the whole batches among the first bytes; the log refuses until it is opened again |
//! | I/O fails | [`Fault::FailAppend`], [`Fault::FailFlush`] | what was there; the log refuses until it is opened again |
//! | no space | [`Condition::Full`] | what was there; nothing is added as long as there is no room |
//! | fsync lies | [`Condition::Lying`] | everything, until the power goes: then what was there before the lies began |
//!
//! ```text
//!   a disk that lies:    flushed in truth │ said to be flushed │ not flushed
//!                                         ▲                    ▲          ▲
//!                                     truth               durable()     end()
//!   the power goes:      stays            │ gone               │ gone
//! ```
//!
//! A disk that is honest again writes out what it had only called flushed: a real one's cache is flushed as a whole.
//! How long a flush takes is the host's affair: a log only counts them.
//!
//! What real systems do: consumer disks with a volatile write cache that ignore flushes, and hypervisors that do
//! (`PostgreSQL`'s manual has a chapter on it: Reliability). On a full disk Kafka takes the log directory offline
//! and stops when it has no other (KIP-112); `RabbitMQ` warns before, by an alarm.

use alloc::vec::Vec;
use core::fmt;

use super::{Log, LogError, Segment, Slice, Storage, StorageError};
use crate::ids::{LogName, Offset};
use crate::record::{Batches, whole_prefix};
use crate::sorted::SortedMap;

/// A fault that the next fitting operation of a log meets.
///
/// ```
/// use mqlab_core::ids::Offset;
/// use mqlab_core::log::contract::batch;
/// use mqlab_core::log::faulty::{Fault, FaultyLog};
/// use mqlab_core::log::memory::MemoryLog;
/// use mqlab_core::log::Log;
/// let mut log = FaultyLog::new(MemoryLog::default());
/// log.inject(Fault::TearAppend { bytes: 10 });
/// assert!(log.append(&batch(0, 1)).is_err());
/// assert_eq!(log.end(), Offset(0)); // ten bytes are no whole batch
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The next append writes nothing and fails.
    FailAppend,
    /// The next append writes only so many bytes and fails.
    TearAppend {
        /// Bytes that reach the log.
        bytes: usize,
    },
    /// The next flush fails.
    FailFlush,
}

/// The state of a disk.
///
/// ```
/// use mqlab_core::log::contract::batch;
/// use mqlab_core::log::faulty::{Condition, FaultyLog};
/// use mqlab_core::log::memory::MemoryLog;
/// use mqlab_core::log::Log;
/// let mut log = FaultyLog::new(MemoryLog::default());
/// log.set_condition(Condition::Full);
/// let error = log.append(&batch(0, 1)).expect_err("there is no room");
/// assert_eq!(error.to_string(), "no space left on the disk");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Condition {
    /// It does what it says.
    #[default]
    Sound,
    /// It says that it has flushed, and has not.
    Lying,
    /// It takes nothing more.
    Full,
}

/// A storage failed: by a fault that was asked for, or truly.
///
/// ```
/// use mqlab_core::log::contract::batch;
/// use mqlab_core::log::faulty::{Fault, FaultyError, FaultyLog};
/// use mqlab_core::log::memory::MemoryLog;
/// use mqlab_core::log::{Log, LogError};
/// let mut log = FaultyLog::new(MemoryLog::default());
/// log.inject(Fault::FailAppend);
/// let failed = log.append(&batch(0, 1));
/// assert_eq!(failed, Err(LogError::Storage(FaultyError::Injected(Fault::FailAppend))));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FaultyError<E> {
    /// The fault that was injected.
    Injected(Fault),
    /// What the storage below says.
    Inner(E),
}

impl<E: fmt::Display> fmt::Display for FaultyError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Injected(fault) => write!(f, "injected fault: {fault:?}"),
            Self::Inner(error) => error.fmt(f),
        }
    }
}

impl<E: core::error::Error> core::error::Error for FaultyError<E> {}

fn inner<E>(error: LogError<E>) -> LogError<FaultyError<E>> {
    match error {
        LogError::OutOfOrder { end, base } => LogError::OutOfOrder { end, base },
        LogError::OutOfRange { start, end, asked } => LogError::OutOfRange { start, end, asked },
        LogError::NotSegments { from, until } => LogError::NotSegments { from, until },
        LogError::Full => LogError::Full,
        LogError::Refusing => LogError::Refusing,
        LogError::Storage(error) => LogError::Storage(FaultyError::Inner(error)),
    }
}

/// A log that fails when it is told to.
///
/// ```
/// use mqlab_core::log::contract::batch;
/// use mqlab_core::log::faulty::{Fault, FaultyLog};
/// use mqlab_core::log::memory::MemoryLog;
/// use mqlab_core::log::{Log, LogError};
/// let mut log = FaultyLog::new(MemoryLog::default());
/// log.append(&batch(0, 1))?;
/// log.inject(Fault::FailFlush);
/// assert!(log.flush().is_err());
/// assert_eq!(log.append(&batch(1, 1)), Err(LogError::Refusing)); // until it is opened again
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct FaultyLog<L> {
    log: L,
    next: Option<Fault>,
    refusing: bool,
    condition: Condition,
    /// What is durable in truth.
    truth: Offset,
    flushes: u64,
    /// Appends, and their bytes.
    appended: (u64, u64),
}

impl<L: Log> FaultyLog<L> {
    /// A log that works as `log` does until a fault is injected.
    pub fn new(log: L) -> Self {
        let truth = log.durable();
        Self {
            log,
            next: None,
            refusing: false,
            condition: Condition::Sound,
            truth,
            flushes: 0,
            appended: (0, 0),
        }
    }

    /// Changes the state of the disk below. One that is honest again writes out what it had called flushed.
    pub fn set_condition(&mut self, condition: Condition) {
        self.condition = condition;
        if condition != Condition::Lying {
            self.truth = self.log.durable();
        }
    }

    /// Takes nothing more until it is opened again, as after a failure.
    pub fn refuse(&mut self) {
        self.refusing = true;
    }

    /// How often it was flushed since it was opened.
    pub fn flushes(&self) -> u64 {
        self.flushes
    }

    /// How often it was appended to since it was opened, and how many bytes that were.
    pub fn appended(&self) -> (u64, u64) {
        self.appended
    }

    /// Makes the next fitting operation meet `fault`.
    pub fn inject(&mut self, fault: Fault) {
        self.next = Some(fault);
    }

    /// A log below may flush by itself, whatever it was asked to do.
    fn learn_truth(&mut self) {
        if self.condition != Condition::Lying {
            self.truth = self.log.durable();
        }
    }

    /// Fails if `hit` says that the fault waiting is for this operation.
    fn meet(&mut self, hit: impl Fn(Fault) -> bool) -> Result<(), LogError<FaultyError<L::Error>>> {
        if self.refusing {
            return Err(LogError::Refusing);
        }
        match self.next {
            Some(fault) if hit(fault) => {
                self.next = None;
                self.refusing = true;
                Err(LogError::Storage(FaultyError::Injected(fault)))
            }
            _ => Ok(()),
        }
    }

    /// Keeps of `batches` what is whole among their first `bytes`.
    fn tear(&mut self, batches: &Batches, bytes: usize) -> Result<(), LogError<FaultyError<L::Error>>> {
        let torn = &batches.bytes()[..bytes.min(batches.bytes().len())];
        let (_, next, _) = whole_prefix(torn, Offset::ZERO);
        self.log.append(&batches.below(next)).map_err(inner)
    }
}

impl<L: Log> Log for FaultyLog<L> {
    type Slice = FaultySlice<L::Slice>;
    type Error = FaultyError<L::Error>;

    fn start(&self) -> Offset {
        self.log.start()
    }

    fn end(&self) -> Offset {
        self.log.end()
    }

    fn durable(&self) -> Offset {
        self.log.durable()
    }

    fn append(&mut self, batches: &Batches) -> Result<(), LogError<Self::Error>> {
        if let (Some(Fault::TearAppend { bytes }), false) = (self.next, self.refusing) {
            self.tear(batches, bytes)?;
        }
        self.meet(|fault| matches!(fault, Fault::FailAppend | Fault::TearAppend { .. }))?;
        if self.condition == Condition::Full {
            return Err(LogError::Full);
        }
        self.log.append(batches).map_err(inner)?;
        self.appended = (self.appended.0 + 1, self.appended.1 + batches.bytes().len() as u64);
        self.learn_truth();
        Ok(())
    }

    fn read(
        &self,
        from: Offset,
        until: Offset,
        bytes_max: u32,
    ) -> Result<Self::Slice, LogError<Self::Error>> {
        self.log.read(from, until, bytes_max).map(FaultySlice).map_err(inner)
    }

    fn flush(&mut self) -> Result<(), LogError<Self::Error>> {
        self.meet(|fault| fault == Fault::FailFlush)?;
        self.flushes += 1;
        self.log.flush().map_err(inner)?;
        self.learn_truth();
        Ok(())
    }

    fn truncate(&mut self, to: Offset) -> Result<(), LogError<Self::Error>> {
        self.meet(|_| false)?;
        self.log.truncate(to).map_err(inner)?;
        self.truth = self.truth.min(self.log.durable());
        self.learn_truth();
        Ok(())
    }

    fn trim(&mut self, to: Offset) -> Result<(), LogError<Self::Error>> {
        self.meet(|_| false)?;
        self.log.trim(to).map_err(inner)?;
        self.learn_truth();
        Ok(())
    }

    /// What a disk that lies brings back of it is not played: the log is empty after a power cut, too.
    fn begin_anew(&mut self, at: Offset) -> Result<(), LogError<Self::Error>> {
        self.meet(|_| false)?;
        self.log.begin_anew(at).map_err(inner)?;
        self.truth = at;
        Ok(())
    }

    fn segments(&self) -> Vec<Segment> {
        self.log.segments()
    }

    /// It flushes, so it fails as that does.
    fn roll(&mut self) -> Result<(), LogError<Self::Error>> {
        self.meet(|fault| fault == Fault::FailFlush)?;
        self.flushes += 1;
        self.log.roll().map_err(inner)?;
        self.learn_truth();
        Ok(())
    }

    /// The new is written beside the old, so it needs room. What a disk that lies loses of it is not played: it would be
    /// damage, and no loss of a tail.
    fn replace(
        &mut self,
        from: Offset,
        until: Offset,
        batches: &Batches,
    ) -> Result<(), LogError<Self::Error>> {
        self.meet(|fault| matches!(fault, Fault::FailAppend | Fault::TearAppend { .. }))?;
        if self.condition == Condition::Full {
            return Err(LogError::Full);
        }
        self.log.replace(from, until, batches).map_err(inner)?;
        self.learn_truth();
        Ok(())
    }
}

/// A slice of a [`FaultyLog`]: reading does not fail by injection.
///
/// ```
/// use mqlab_core::ids::Offset;
/// use mqlab_core::log::contract::batch;
/// use mqlab_core::log::faulty::FaultyLog;
/// use mqlab_core::log::memory::MemoryLog;
/// use mqlab_core::log::{Log, Slice};
/// let mut log = FaultyLog::new(MemoryLog::default());
/// log.append(&batch(0, 2))?;
/// assert_eq!(log.read(Offset(0), Offset(2), u32::MAX)?.load()?, batch(0, 2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct FaultySlice<S>(S);

impl<S: Slice> Slice for FaultySlice<S> {
    type Error = FaultyError<S::Error>;

    fn bytes(&self) -> u64 {
        self.0.bytes()
    }

    fn load(&self) -> Result<Batches, Self::Error> {
        self.0.load().map_err(FaultyError::Inner)
    }
}

/// What a log lost in a power cut.
///
/// ```
/// use mqlab_core::ids::LogName;
/// use mqlab_core::log::contract::batch;
/// use mqlab_core::log::faulty::Lost;
/// let lost = Lost { log: LogName::Definitions, batches: batch(7, 1), was_called_flushed: false };
/// assert_eq!(lost.batches.records().count(), 1);
/// ```
#[derive(Clone, Debug)]
pub struct Lost {
    /// Which log.
    pub log: LogName,
    /// What is gone.
    pub batches: Batches,
    /// Whether the disk had said that it is flushed.
    pub was_called_flushed: bool,
}

/// A storage whose logs fail when they are told to, and whose power can be cut.
///
/// ```
/// use mqlab_core::ids::{LogName, Name, Offset};
/// use mqlab_core::log::contract::batch;
/// use mqlab_core::log::faulty::FaultyStorage;
/// use mqlab_core::log::memory::MemoryStorage;
/// use mqlab_core::log::{Log, Storage};
///
/// let name = LogName::Queue(Name::new("orders")?);
/// let mut storage = FaultyStorage::new(MemoryStorage::default());
/// let mut log = storage.open(&name)?;
/// log.append(&batch(0, 1))?;
/// log.flush()?;
/// log.append(&batch(1, 1))?;
/// storage.close(&name, log)?;
/// let lost = storage.cut_power(|_, _| 0)?; // nothing of the unflushed tail had reached the disk
/// assert!(lost.len() == 1 && !lost[0].was_called_flushed);
/// assert_eq!(storage.open(&name)?.end(), Offset(1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct FaultyStorage<S> {
    storage: S,
    condition: Condition,
    /// Closed logs with more in them than is durable: what is durable in truth, and what the disk said when they were
    /// closed. (A storage may make all of a log durable when it opens it: that comes after the cut.)
    tails: SortedMap<LogName, (Offset, Offset)>,
}

impl<S: Storage> FaultyStorage<S> {
    /// A storage that works as `storage` does until a fault is injected.
    pub fn new(storage: S) -> Self {
        Self { storage, condition: Condition::Sound, tails: SortedMap::new() }
    }

    /// Changes the state of the disk, for closed logs and those that will be opened; open ones have to be
    /// [told](FaultyLog::set_condition) too.
    pub fn set_condition(&mut self, condition: Condition) {
        self.condition = condition;
        if condition != Condition::Lying {
            self.tails.values_mut().for_each(|(truth, said)| *truth = *said);
        }
    }

    /// Cuts the power of a storage whose logs are all closed. Of each log's unflushed tail `bytes_kept` says,
    /// from its size in bytes, how much had reached the medium; half a batch at its end is recovered away.
    /// Where the disk lied, nothing is left of what came after the lies began.
    /// Returns what each log lost.
    ///
    /// # Errors
    ///
    /// When the storage below fails.
    pub fn cut_power(
        &mut self,
        mut bytes_kept: impl FnMut(&LogName, u64) -> u64,
    ) -> Result<Vec<Lost>, LogError<StorageError<Self>>> {
        let mut lost = Vec::new();
        let storage = |error| LogError::Storage(FaultyError::Inner(error));
        for name in self.storage.names().map_err(storage)? {
            let mut log = self.storage.open(&name).map_err(storage)?;
            let said = log.durable();
            let (truth, said) = self.tails.remove(&name).unwrap_or((said, said));
            let (truth, said) = (truth.clamp(log.start(), log.end()), said.clamp(log.start(), log.end()));
            let tail = log.read(truth, log.end(), u32::MAX).map_err(inner)?.load().map_err(storage)?;
            let bytes = tail.bytes();
            let kept = if truth < said { 0 } else { bytes_kept(&name, bytes.len() as u64) };
            let kept = usize::try_from(kept).unwrap_or(usize::MAX);
            let (_, next, _) = whole_prefix(&bytes[..kept.min(bytes.len())], truth);
            log.truncate(next).map_err(inner)?;
            log.flush().map_err(inner)?;
            self.storage.close(&name, log).map_err(storage)?;
            for was_called_flushed in [true, false] {
                let is_of = |base: Offset| (base < said) == was_called_flushed;
                let gone = tail.iter().filter(|batch| batch.next() > next && is_of(batch.base()));
                let gone: Vec<_> = gone.collect();
                if !gone.is_empty() {
                    let batches = Batches::joined(&gone);
                    lost.push(Lost { log: name.clone(), batches, was_called_flushed });
                }
            }
        }
        Ok(lost)
    }
}

impl<S: Storage> Storage for FaultyStorage<S> {
    type Log = FaultyLog<S::Log>;

    fn open(&mut self, name: &LogName) -> Result<Self::Log, StorageError<Self>> {
        let mut log = FaultyLog::new(self.storage.open(name).map_err(FaultyError::Inner)?);
        log.condition = self.condition;
        if let Some(&(truth, said)) = self.tails.get(name)
            && truth < said
        {
            log.truth = truth;
        }
        Ok(log)
    }

    fn close(&mut self, name: &LogName, log: Self::Log) -> Result<(), StorageError<Self>> {
        if log.truth < log.log.end() {
            self.tails.insert(name.clone(), (log.truth, log.log.durable()));
        } else {
            self.tails.remove(name);
        }
        self.storage.close(name, log.log).map_err(FaultyError::Inner)
    }

    fn names(&self) -> Result<Vec<LogName>, StorageError<Self>> {
        self.storage.names().map_err(FaultyError::Inner)
    }
}

#[cfg(test)]
mod tests;
