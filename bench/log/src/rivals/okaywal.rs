//! The crate okaywal: a write-ahead log. It can be read from the beginning only by recovering it.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use okaywal::{Configuration, Entry, EntryId, LogManager, ReadChunkResult, SegmentReader, WriteAheadLog};

use super::{Pool, Rival};
use crate::read::look;

/// As much is kept as a run writes, and more.
const KEPT_BYTES: u32 = 128 * 1024 * 1024;

/// Looks at what is recovered.
#[derive(Debug, Default)]
struct Looker {
    sum: Arc<AtomicU64>,
}

impl LogManager for Looker {
    fn recover(&mut self, entry: &mut Entry<'_>) -> io::Result<()> {
        let (mut sum, mut body) = (self.sum.load(Ordering::Relaxed), Vec::new());
        while let ReadChunkResult::Chunk(mut chunk) = entry.read_chunk()? {
            body.clear();
            chunk.read_to_end(&mut body)?;
            if !chunk.check_crc()? {
                return Err(io::Error::other("a sum is wrong"));
            }
            sum = look(sum, &body);
        }
        self.sum.store(sum, Ordering::Relaxed);
        Ok(())
    }

    fn checkpoint_to(&mut self, _: EntryId, _: &mut SegmentReader, _: &WriteAheadLog) -> io::Result<()> {
        Ok(())
    }
}

pub(super) struct Log {
    dir: PathBuf,
    kept: bool,
    log: Option<WriteAheadLog>,
    pool: Pool,
}

impl Log {
    pub(super) fn open(dir: &Path, pool: Pool, kept: bool) -> Self {
        let dir = dir.join("okaywal");
        let log = Some(opened(&dir, kept, Looker::default()));
        Self { dir, kept, log, pool }
    }
}

/// At its defaults it throws away what is older than some hundred kilobytes, which whoever uses it has stored elsewhere by
/// then, and uses the file again; that is how it is meant to be written. What is to be read is kept.
fn opened(dir: &Path, kept: bool, looker: Looker) -> WriteAheadLog {
    let configuration = Configuration::default_for(dir);
    let configuration = match kept {
        true => configuration.preallocate_bytes(KEPT_BYTES).checkpoint_after_bytes(u64::from(KEPT_BYTES)),
        false => configuration,
    };
    configuration.open(looker).expect("the directory is new, or sound")
}

impl Rival for Log {
    fn append(&mut self, slot: usize) {
        let mut entry = self.log.as_ref().expect("it is open").begin_entry().expect("it is open");
        for body in &self.pool[slot] {
            entry.write_chunk(body).expect("there is room");
        }
        entry.commit().expect("the disk takes it");
    }

    fn read(&mut self) -> u64 {
        drop(self.log.take());
        let looker = Looker::default();
        let sum = Arc::clone(&looker.sum);
        self.log = Some(opened(&self.dir, self.kept, looker));
        sum.load(Ordering::Relaxed)
    }
}
