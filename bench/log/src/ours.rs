//! mqlab's log, as the contests use it.

use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use mqlab::log::{Durability, FileLog, FileStorage, Options, SCANNED_BYTES, SharedLog};
use mqlab_core::ids::{Epoch, LogName, Name, Offset};
use mqlab_core::log::{Log as _, Slice as _, Storage as _};
use mqlab_core::record::{BatchBuilder, Batches, NewRecord};

use crate::load::encoded;

/// The size of a segment: one holds a whole run, as one of commitlog does.
const SEGMENT_BYTES: u32 = 1024 * 1024 * 1024;
/// How much is written ahead at most.
const AHEAD_BYTES: u32 = 16 * 1024 * 1024;
/// Whoever leads.
const EPOCH: Epoch = Epoch(1);
/// How much is read at once, by all who read by chunks.
pub(crate) const CHUNK_BYTES: u32 = SCANNED_BYTES as u32;

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
        Self::open_with(dir, Options::default())
    }

    /// The same for whoever flushes each batch: the blocks for so many bytes of batches are written ahead when this
    /// returns. They are doubled as the log grows, so it gets batches until they are enough.
    pub(crate) fn open_ahead(dir: &Path, bytes: usize, filler: &Batches) -> Self {
        let mut ours = Self::open_with(dir, Options { preallocate_bytes: AHEAD_BYTES, ..Options::default() });
        while ours.ahead() < bytes as u64 {
            ours.append(filler.clone());
        }
        ours.flush();
        ours
    }

    fn open_with(dir: &Path, options: Options) -> Self {
        let options = Options { segment_bytes: SEGMENT_BYTES, ..options };
        let mut storage = FileStorage::open_with(dir, options).expect("the directory is new");
        let log = storage.open(&name()).expect("the directory is new");
        Self::of(storage, log)
    }

    /// How many bytes its only segment's file is longer than the log.
    fn ahead(&self) -> u64 {
        let len = fs::metadata(self.segment()).expect("it is there").len();
        len - self.log.segments()[0].bytes
    }

    /// The file of its only segment.
    pub(crate) fn segment(&self) -> PathBuf {
        let entries = fs::read_dir(self.log.path()).expect("the log is there");
        let mut paths = entries.map(|entry| entry.expect("it can be listed").path());
        assert_eq!(self.log.segments().len(), 1, "a run fits a segment");
        paths
            .find(|path| path.extension().is_some_and(|ending| ending == "log"))
            .expect("a log has a segment")
    }

    /// A log of this storage.
    pub(crate) fn of(storage: FileStorage, log: FileLog) -> Self {
        Self { storage, log, spare: Bytes::new() }
    }

    /// A new log for several threads. The directory is locked as long as it lives.
    pub(crate) fn shared(dir: &Path, durability: Durability) -> SharedLog {
        let options = Options { durability, ..Options::default() };
        Self::open_with(dir, options).log.share()
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
        let scan = self.log.scan(self.log.start()).expect("it is in range");
        scan.each(|record| visit(record.value.unwrap_or_default())).expect("it is sound");
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
