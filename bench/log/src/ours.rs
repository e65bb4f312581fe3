//! mqlab's log, as the contests use it.

use std::path::Path;

use bytes::Bytes;
use mqlab::log::{FileLog, FileStorage, Options};
use mqlab_core::ids::{Epoch, LogName, Name, Offset};
use mqlab_core::log::{Log as _, Slice as _, Storage as _};
use mqlab_core::record::{BatchBuilder, Batches, NewRecord};

use crate::load::encoded;

/// The size of a segment: one holds a whole run, as one of commitlog does.
const SEGMENT_BYTES: u32 = 1024 * 1024 * 1024;
/// Whoever leads.
const EPOCH: Epoch = Epoch(1);
/// How much is read at once.
pub(crate) const CHUNK_BYTES: u32 = 1024 * 1024;

/// A log in files, and the directory that holds it.
#[derive(Debug)]
pub(crate) struct Ours {
    /// Locks the directory.
    storage: FileStorage,
    pub(crate) log: FileLog,
    /// The memory of the batch before.
    spare: Bytes,
}

impl Ours {
    pub(crate) fn open(dir: &Path) -> Self {
        let options = Options { segment_bytes: SEGMENT_BYTES, ..Options::default() };
        let mut storage = FileStorage::open_with(dir, options).expect("the directory is new");
        let log = storage.open(&name()).expect("the directory is new");
        Self::of(storage, log)
    }

    /// The same for whoever flushes each batch.
    pub(crate) fn open_durable(dir: &Path) -> Self {
        Self::open(dir)
    }

    /// A log of this storage.
    pub(crate) fn of(storage: FileStorage, log: FileLog) -> Self {
        Self { storage, log, spare: Bytes::new() }
    }

    /// Closes it cleanly.
    pub(crate) fn close(self) {
        let Self { mut storage, log, .. } = self;
        storage.close(&name(), log).expect("the disk takes it");
    }

    /// Appends a batch that came from outside: its checksum and records are checked, its offset is stamped, and it is
    /// written. Hands it back.
    pub(crate) fn append_bytes(&mut self, bytes: Bytes) -> Batches {
        self.append(Batches::parse(bytes).expect("it was made well"))
    }

    /// Appends a batch that was checked before.
    pub(crate) fn append(&mut self, batches: Batches) -> Batches {
        let batches = batches.into_stamped(self.log.end(), EPOCH);
        self.log.append(&batches).expect("there is room");
        batches
    }

    /// Appends records: they are encoded, summed and written.
    pub(crate) fn append_records(&mut self, records: &[NewRecord]) {
        let builder = BatchBuilder::reusing(std::mem::take(&mut self.spare));
        self.spare = self.append(encoded(builder, records)).into_bytes();
    }

    pub(crate) fn flush(&mut self) {
        self.log.flush().expect("the disk takes it");
    }

    /// Reads all from the beginning, and shows the value of each record, lent by its batch.
    pub(crate) fn read_in_place(&self, mut visit: impl FnMut(&[u8])) {
        self.read_batches(|batches| {
            batches.lent().for_each(|record| visit(record.value.unwrap_or_default()));
        });
    }

    /// The same with records of their own.
    pub(crate) fn read(&self, mut visit: impl FnMut(&[u8])) {
        self.read_batches(|batches| {
            batches.records().for_each(|record| visit(record.value.as_deref().unwrap_or_default()));
        });
    }

    fn read_batches(&self, mut visit: impl FnMut(&Batches)) {
        let (mut at, end) = (Offset::ZERO, self.log.end());
        while at < end {
            let slice = self.log.read(at, end, CHUNK_BYTES).expect("it is in range");
            let batches = slice.load().expect("it is sound");
            visit(&batches);
            at = batches.next().expect("there is something before the end");
        }
    }
}

/// The log's name.
pub(crate) fn name() -> LogName {
    LogName::Queue(Name::new("bench").expect("the name is legal"))
}
