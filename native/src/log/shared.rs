//! How do many threads write to one log? They take turns to append, and wait for the disk together.
//!
//! ```text
//!   thread 1 ─ send ─┐                   ┌─▶ append: one write ─▶ flush: one fdatasync ─▶ all are told
//!   thread 2 ─ send ─┼─▶ one batch ──────┘
//!   thread 3 ─ send ─┘   while an earlier flush is under way, the next batch gathers
//! ```
//!
//! A write costs a system call, a flush a trip to the disk: a batch shares both among its messages. What is gathered
//! is in this process's memory until it is written; what that means for each [`Durability`] says
//! [`send`](SharedLog::send).
//!
//! Reading takes its turn only to find where the bytes are. They are fetched without the lock, from files that nobody
//! changes any more up to there: reading does not block writing.
//!
//! What real systems do: Kafka's producers gather in the client (`linger.ms`, `batch.size`), and its brokers write what
//! comes; RocketMQ's brokers gather what waits for a flush (`GroupCommitService`).

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use mqlab_core::ids::{Epoch, Offset};
use mqlab_core::log::{Log as _, LogError};
use mqlab_core::record::{BatchBuilder, Batches, NewRecord};

use super::durability::Durability;
use super::file_log::{FileLog, failed};
use super::slice::FileSlice;
use super::tail::Tail;
use crate::error::Error;

/// How many bytes of messages are gathered before they are written, whoever waits.
pub const GATHERED_BYTES_MAX: usize = 128 * 1024;

/// A log that many threads append to and read from: each has a clone.
///
/// ```
/// use mqlab::log::{Durability, FileStorage, Options};
/// use mqlab_core::ids::LogName;
/// use mqlab_core::log::Storage;
/// use mqlab_core::record::NewRecord;
/// # let scratch = tempfile::tempdir()?;
/// # let dir = scratch.path();
/// let options = Options { durability: Durability::EveryBatch, ..Options::default() };
/// let mut storage = FileStorage::open_with(dir, options)?;
/// let log = storage.open(&LogName::Definitions)?.share();
/// std::thread::scope(|scope| {
///     for n in 0..8 {
///         let log = log.clone();
///         scope.spawn(move || {
///             let value = Some(format!("message {n}").into());
///             log.send(&NewRecord { value, ..NewRecord::default() }) // returns when it is durable
///         });
///     }
/// });
/// assert_eq!(log.durable().0, 8);
/// let log = log.into_log().map_err(|_| "somebody else has it")??;
/// storage.close(&LogName::Definitions, log)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct SharedLog {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    writer: Mutex<Writer>,
    tail: Arc<Tail>,
    durability: Durability,
}

#[derive(Debug)]
struct Writer {
    log: FileLog,
    gathered: BatchBuilder,
    count: u64,
    /// Set when the batch that gathers is given up: whoever waits for it finds out.
    given_up: Arc<AtomicBool>,
    /// A batch for which there was no room yet. It is written before anything else.
    waiting: Batches,
    /// The same for that batch.
    waiting_given_up: Arc<AtomicBool>,
    /// A thread panicked in the middle of a change.
    broken: bool,
}

impl FileLog {
    /// Makes the log one that many threads can use. Its durability stays.
    pub fn share(mut self) -> SharedLog {
        self.flusher = None;
        let (tail, durability) = (self.tail.clone(), self.options.durability);
        tail.reopen();
        let gathered = BatchBuilder::new();
        let writer = Writer {
            log: self,
            gathered,
            count: 0,
            given_up: Arc::default(),
            waiting: Batches::default(),
            waiting_given_up: Arc::default(),
            broken: false,
        };
        let inner = Arc::new(Inner { writer: Mutex::new(writer), tail: tail.clone(), durability });
        if let Durability::Interval(interval) = durability {
            let inner = Arc::downgrade(&inner);
            thread::spawn(move || flush_when_due(&tail, &inner, interval));
        }
        SharedLog { inner }
    }
}

/// Flushes in intervals, until the log is closed or has failed.
fn flush_when_due(tail: &Tail, inner: &Weak<Inner>, interval: Duration) {
    while tail.wait_until_due(interval).is_some()
        && let Some(inner) = inner.upgrade()
    {
        match inner.flush() {
            Ok(()) => {}
            // What was gathered is kept; there may be room the next time.
            Err(LogError::Full) => thread::sleep(interval),
            Err(_) => return,
        }
    }
}

impl SharedLog {
    /// Appends whole batches, moved to where the log ends, and returns the offset of their first record. It returns when
    /// they are as durable as the log's [`Durability`] promises of an append.
    ///
    /// # Errors
    ///
    /// As for [`Log::append`](mqlab_core::log::Log::append).
    pub fn append(&self, batches: Batches) -> Result<Offset, LogError<Error>> {
        let mut writer = self.inner.writer()?;
        writer.write_gathered()?;
        let base = writer.log.end();
        writer.log.write(&batches.into_stamped(base, Epoch(0)))?;
        let end = writer.log.end();
        self.inner.finish(writer, end)?;
        Ok(base)
    }

    /// Appends one message, and returns its offset. Messages are gathered into batches:
    ///
    /// | durability | when it returns, the message is | and is written |
    /// |---|---|---|
    /// | [`Manual`](Durability::Manual) | in this process's memory | when [`GATHERED_BYTES_MAX`] are gathered, or with the next `append`, `flush` or `read` |
    /// | [`Interval`](Durability::Interval) | in this process's memory | the same, and when the time is over; then it is flushed, too |
    /// | [`Every`](Durability::Every) | in this process's memory | the same, and when so many are not durable; then they are flushed, too |
    /// | [`EveryBatch`](Durability::EveryBatch) | durable | at once, with all that others sent during the last flush |
    ///
    /// # Errors
    ///
    /// [`LogError::Full`] when there is no room: the message was not taken, so that to send it again is right. With
    /// [`EveryBatch`](Durability::EveryBatch) nothing of it is left; with the others what was gathered before is kept, and
    /// written when there is room. [`LogError::Storage`] with [`Error::TooLarge`] when the message does not fit into a
    /// batch. Otherwise as for [`Log::append`](mqlab_core::log::Log::append); what was gathered is lost then.
    pub fn send(&self, record: &NewRecord) -> Result<Offset, LogError<Error>> {
        let mut writer = self.inner.writer()?;
        if let Durability::Every(records) = self.inner.durability
            && writer.end().0 - self.inner.tail.durable().0 >= records.max(1)
        {
            // The flush that was due found no room: nothing more is taken before it is made.
            drop(writer);
            self.inner.flush()?;
            writer = self.inner.writer()?;
        }
        let offset = writer.gather(record)?;
        let given_up = writer.given_up.clone();
        drop(writer);
        match self.inner.durability {
            Durability::Manual => {}
            Durability::Interval(_) => self.inner.tail.owes(),
            Durability::Every(records) => {
                if offset.next().0 - self.inner.tail.durable().0 >= records.max(1) {
                    match self.inner.flush() {
                        Ok(()) | Err(LogError::Full) => {} // the next one hears of it
                        Err(error) => return Err(error),
                    }
                }
            }
            Durability::EveryBatch => self.inner.make_durable(offset.next(), &given_up)?,
        }
        Ok(offset)
    }

    /// Writes what was gathered, and makes everything durable.
    ///
    /// # Errors
    ///
    /// As for [`Log::flush`](mqlab_core::log::Log::flush), and [`LogError::Full`] when there is no room for what was
    /// gathered: it is kept.
    pub fn flush(&self) -> Result<(), LogError<Error>> {
        self.inner.flush()
    }

    /// Writes what was gathered, and finds batches, as [`Log::read`](mqlab_core::log::Log::read) does. To load them does
    /// not hinder anybody. Where nothing can be written, on a full disk or after a failure, it reads what is there.
    ///
    /// # Errors
    ///
    /// As for [`Log::read`](mqlab_core::log::Log::read).
    pub fn read(&self, from: Offset, until: Offset, bytes_max: u32) -> Result<FileSlice, LogError<Error>> {
        let mut writer = self.inner.lock();
        match writer.write_gathered() {
            Ok(()) | Err(LogError::Full | LogError::Refusing) => writer.log.read(from, until, bytes_max),
            Err(error) => Err(error),
        }
    }

    /// The offset after the last message, those that are gathered included.
    ///
    /// # Errors
    ///
    /// [`LogError::Refusing`] when a thread panicked while it changed the log.
    pub fn end(&self) -> Result<Offset, LogError<Error>> {
        Ok(self.inner.writer()?.end())
    }

    /// Every record below this offset survives a power cut.
    pub fn durable(&self) -> Offset {
        self.inner.tail.durable()
    }

    /// Writes what was gathered, and does something with the log that only its owner may: trim it, retain, compact.
    /// Meanwhile all others wait.
    ///
    /// # Errors
    ///
    /// When what was gathered cannot be written: `work` is not done then.
    pub fn with<T>(&self, work: impl FnOnce(&mut FileLog) -> T) -> Result<T, LogError<Error>> {
        let mut writer = self.inner.writer()?;
        writer.write_gathered()?;
        Ok(work(&mut writer.log))
    }

    /// Takes the log back, to be closed, with what was gathered written.
    ///
    /// # Errors
    ///
    /// This very value when others have it, too. Inside, when what was gathered cannot be written: it is lost then.
    pub fn into_log(self) -> Result<Result<FileLog, LogError<Error>>, Self> {
        let inner = Arc::try_unwrap(self.inner).map_err(|inner| Self { inner })?;
        inner.tail.close();
        let mut writer = inner.writer.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok(writer.write_gathered().map(|()| writer.log))
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, Writer> {
        let mut writer = self.writer.lock().unwrap_or_else(|poisoned| {
            let mut writer = poisoned.into_inner();
            writer.broken = true;
            writer
        });
        if std::mem::take(&mut writer.broken) {
            self.tail.fail();
        }
        writer
    }

    fn writer(&self) -> Result<MutexGuard<'_, Writer>, LogError<Error>> {
        let writer = self.lock();
        if self.tail.has_failed() { Err(LogError::Refusing) } else { Ok(writer) }
    }

    /// Lets others have their turn, and sees to it that what was appended up to `end` is as durable as it must be.
    fn finish(&self, writer: MutexGuard<'_, Writer>, end: Offset) -> Result<(), LogError<Error>> {
        let owed = writer.log.owes_flush();
        drop(writer);
        if owed { self.tail.sync_to(end).map_err(failed) } else { Ok(()) }
    }

    /// Writes what is gathered once no flush is under way, so that much comes together; and flushes. If there is no room for
    /// it, all of it is given up, and everybody who waits for a part of it is told the same.
    fn make_durable(&self, target: Offset, given_up: &AtomicBool) -> Result<(), LogError<Error>> {
        self.tail.wait_for_flush();
        let mut writer = self.writer()?;
        if given_up.load(Ordering::Relaxed) {
            return Err(LogError::Full);
        }
        if writer.log.end() < target {
            writer.write_gathered().inspect_err(|_| writer.give_up())?;
        }
        drop(writer);
        self.tail.sync_to(target).map_err(failed)
    }

    fn flush(&self) -> Result<(), LogError<Error>> {
        let mut writer = self.writer()?;
        writer.write_gathered()?;
        let end = writer.log.end();
        drop(writer);
        self.tail.sync_to(end).map_err(failed)
    }
}

impl Writer {
    fn end(&self) -> Offset {
        let waiting = self.waiting.next().unwrap_or_else(|| self.log.end());
        waiting.plus(self.count)
    }

    /// Adds a message to the batch that gathers; returns its offset.
    fn gather(&mut self, record: &NewRecord) -> Result<Offset, LogError<Error>> {
        if !self.waiting.is_empty() || self.gathered.len() + record.bytes_max() > GATHERED_BYTES_MAX {
            self.write_gathered()?;
        }
        self.gathered.push(record).map_err(|_| {
            let bytes = record.bytes_max() as u64;
            LogError::Storage(Error::TooLarge { bytes, max: mqlab_core::record::BATCH_BYTES_MAX as u64 })
        })?;
        let offset = self.end();
        self.count += 1;
        Ok(offset)
    }

    /// Forgets what is gathered.
    fn give_up(&mut self) {
        for given_up in [&mut self.given_up, &mut self.waiting_given_up] {
            std::mem::take(given_up).store(true, Ordering::Relaxed);
        }
        (self.gathered, self.count, self.waiting) = (BatchBuilder::new(), 0, Batches::default());
    }

    fn write_gathered(&mut self) -> Result<(), LogError<Error>> {
        if self.count > 0 && self.waiting.is_empty() {
            self.count = 0;
            self.waiting_given_up = std::mem::take(&mut self.given_up);
            let batch = std::mem::take(&mut self.gathered).build();
            self.waiting = batch.into_stamped(self.log.end(), Epoch(0));
        }
        if !self.waiting.is_empty() {
            self.log.write(&self.waiting)?;
            self.waiting = Batches::default();
        }
        Ok(())
    }
}
