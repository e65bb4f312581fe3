//! A disk that fails on demand: after so many writes one of its logs meets a fault, or the power is gone for all.

use std::cell::Cell;
use std::rc::Rc;

use mqlab_core::ids::{LogName, Offset};
use mqlab_core::log::faulty::{Condition, Fault, FaultyLog, FaultyStorage};
use mqlab_core::log::memory::{MemoryLog, MemoryStorage};
use mqlab_core::log::{Log, LogError, Segment, Storage, StorageError};
use mqlab_core::record::Batches;

#[allow(dead_code, reason = "not every model keeps its logs in memory")]
pub(crate) type Disk = FaultyStorage<MemoryStorage>;

/// What goes wrong, and when.
#[derive(Debug)]
pub(crate) struct Rig {
    left: Cell<u32>,
    fault: Cell<Option<Fault>>,
    full: Cell<bool>,
}

impl Rig {
    /// After so many writes, of whatever log, the log whose turn it is then meets a fault, and the others go on; where a
    /// flush shall fail, flushes are counted, else appends. Without a fault all are, and none takes anything more.
    #[allow(dead_code, reason = "not every model makes it fail")]
    pub(crate) fn after(&self, left: u32, fault: Option<Fault>) {
        self.left.set(left);
        self.fault.set(fault);
    }

    /// Whether nothing can be added to any log.
    #[allow(dead_code, reason = "not every model fills its disk")]
    pub(crate) fn set_full(&self, full: bool) {
        self.full.set(full);
    }
}

/// Logs that share a rig.
#[derive(Clone, Debug)]
pub(crate) struct Rigged<S = MemoryStorage> {
    pub(crate) disk: FaultyStorage<S>,
    pub(crate) rig: Rc<Rig>,
}

impl<S> Rigged<S> {
    pub(crate) fn new(disk: FaultyStorage<S>) -> Self {
        Self {
            disk,
            rig: Rc::new(Rig { left: Cell::new(u32::MAX), fault: Cell::new(None), full: Cell::new(false) }),
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct RiggedLog<L = MemoryLog> {
    log: FaultyLog<L>,
    rig: Rc<Rig>,
}

type Failed<L> = <FaultyLog<L> as Log>::Error;

#[derive(Clone, Copy, PartialEq)]
enum What {
    Append,
    Flush,
    Cut,
}

impl<L: Log> RiggedLog<L> {
    fn count(&mut self, what: What) -> Result<(), LogError<Failed<L>>> {
        let counted = match self.rig.fault.get() {
            None => true,
            Some(Fault::FailFlush) => what == What::Flush,
            Some(_) => what == What::Append,
        };
        if !counted {
            return Ok(());
        }
        if let Some(left) = self.rig.left.get().checked_sub(1) {
            self.rig.left.set(left);
            return Ok(());
        }
        let fault = self.rig.fault.take().ok_or(LogError::Refusing)?;
        self.log.inject(fault);
        self.rig.left.set(u32::MAX);
        Ok(())
    }
}

impl<L: Log> Log for RiggedLog<L> {
    type Slice = <FaultyLog<L> as Log>::Slice;
    type Error = Failed<L>;

    fn start(&self) -> Offset {
        self.log.start()
    }

    fn end(&self) -> Offset {
        self.log.end()
    }

    fn durable(&self) -> Offset {
        self.log.durable()
    }

    fn append(&mut self, batches: &Batches) -> Result<(), LogError<Failed<L>>> {
        self.count(What::Append)?;
        self.log.set_condition(if self.rig.full.get() { Condition::Full } else { Condition::Sound });
        self.log.append(batches)
    }

    fn read(&self, from: Offset, until: Offset, bytes_max: u32) -> Result<Self::Slice, LogError<Failed<L>>> {
        self.log.read(from, until, bytes_max)
    }

    fn flush(&mut self) -> Result<(), LogError<Failed<L>>> {
        self.count(What::Flush)?;
        self.log.flush()
    }

    fn truncate(&mut self, to: Offset) -> Result<(), LogError<Failed<L>>> {
        self.count(What::Cut)?;
        self.log.truncate(to)
    }

    fn trim(&mut self, to: Offset) -> Result<(), LogError<Failed<L>>> {
        self.count(What::Cut)?;
        self.log.trim(to)
    }

    fn begin_anew(&mut self, at: Offset) -> Result<(), LogError<Failed<L>>> {
        self.count(What::Cut)?;
        self.log.begin_anew(at)
    }

    fn segments(&self) -> Vec<Segment> {
        self.log.segments()
    }

    fn roll(&mut self) -> Result<(), LogError<Failed<L>>> {
        self.count(What::Flush)?;
        self.log.roll()
    }

    fn replace(&mut self, from: Offset, until: Offset, batches: &Batches) -> Result<(), LogError<Failed<L>>> {
        self.count(What::Cut)?;
        self.log.replace(from, until, batches)
    }
}

impl<S: Storage> Storage for Rigged<S> {
    type Log = RiggedLog<S::Log>;

    fn open(&mut self, name: &LogName) -> Result<Self::Log, StorageError<Self>> {
        Ok(RiggedLog { log: self.disk.open(name)?, rig: Rc::clone(&self.rig) })
    }

    fn close(&mut self, name: &LogName, log: Self::Log) -> Result<(), StorageError<Self>> {
        self.disk.close(name, log.log)
    }

    fn names(&self) -> Result<Vec<LogName>, StorageError<Self>> {
        self.disk.names()
    }
}
