//! A disk whose power goes after so many writes.

use std::cell::Cell;
use std::rc::Rc;

use mqlab_core::ids::{LogName, Offset};
use mqlab_core::log::faulty::FaultyStorage;
use mqlab_core::log::memory::MemoryStorage;
use mqlab_core::log::{Log, LogError, SliceOf, Storage, StorageError};
use mqlab_core::record::Batches;

pub(crate) type Disk = FaultyStorage<MemoryStorage>;

/// Logs that take only so many writes and flushes, and then no more: the power is gone.
#[derive(Debug)]
pub(crate) struct Fused {
    pub(crate) disk: Disk,
    pub(crate) left: Rc<Cell<u32>>,
}

#[derive(Debug)]
pub(crate) struct FusedLog {
    log: <Disk as Storage>::Log,
    left: Rc<Cell<u32>>,
}

type Failed = StorageError<Disk>;

impl FusedLog {
    fn burn(&self) -> Result<(), LogError<Failed>> {
        let left = self.left.get().checked_sub(1).ok_or(LogError::Refusing)?;
        self.left.set(left);
        Ok(())
    }
}

impl Log for FusedLog {
    type Slice = SliceOf<Disk>;
    type Error = Failed;

    fn start(&self) -> Offset {
        self.log.start()
    }

    fn end(&self) -> Offset {
        self.log.end()
    }

    fn durable(&self) -> Offset {
        self.log.durable()
    }

    fn append(&mut self, batches: &Batches) -> Result<(), LogError<Failed>> {
        self.burn()?;
        self.log.append(batches)
    }

    fn read(&self, from: Offset, until: Offset, bytes_max: u32) -> Result<Self::Slice, LogError<Failed>> {
        self.log.read(from, until, bytes_max)
    }

    fn flush(&mut self) -> Result<(), LogError<Failed>> {
        self.burn()?;
        self.log.flush()
    }

    fn truncate(&mut self, to: Offset) -> Result<(), LogError<Failed>> {
        self.burn()?;
        self.log.truncate(to)
    }

    fn trim(&mut self, to: Offset) -> Result<(), LogError<Failed>> {
        self.burn()?;
        self.log.trim(to)
    }
}

impl Storage for Fused {
    type Log = FusedLog;

    fn open(&mut self, name: &LogName) -> Result<FusedLog, Failed> {
        Ok(FusedLog { log: self.disk.open(name)?, left: Rc::clone(&self.left) })
    }

    fn close(&mut self, name: &LogName, log: FusedLog) -> Result<(), Failed> {
        self.disk.close(name, log.log)
    }

    fn names(&self) -> Result<Vec<LogName>, Failed> {
        self.disk.names()
    }
}
