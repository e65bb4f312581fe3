//! The crate commitlog: a segmented log after Kafka's, with an index of every message.

use std::fs::File;
use std::path::Path;

use commitlog::message::{MessageBuf, MessageSet as _};
use commitlog::{CommitLog, LogOptions, ReadLimit};

use super::{Pool, Rival};
use crate::ours::CHUNK_BYTES;
use crate::read::look;

/// Where its first messages are.
const SEGMENT: &str = "00000000000000000000.log";

pub(super) struct Log {
    log: CommitLog,
    pool: Pool,
    batch: MessageBuf,
    /// The file of its only segment: its own `flush` hands nothing to the disk, so that is done here.
    file: Option<File>,
}

impl Log {
    pub(super) fn open(dir: &Path, pool: Pool, durable: bool) -> Self {
        let mut options = LogOptions::new(dir.join("commitlog"));
        options.message_max_bytes(16 * 1024 * 1024);
        let log = CommitLog::new(options).expect("the directory is new");
        let file =
            durable.then(|| File::open(dir.join("commitlog").join(SEGMENT)).expect("it begins with one"));
        Self { log, pool, batch: MessageBuf::default(), file }
    }
}

impl Rival for Log {
    fn append(&mut self, slot: usize) {
        self.batch.clear();
        for body in &self.pool[slot] {
            self.batch.push(body).expect("it fits");
        }
        self.log.append(&mut self.batch).expect("there is room");
        if let Some(file) = &self.file {
            self.log.flush().expect("it has nothing to do");
            file.sync_data().expect("the disk takes it");
        }
    }

    fn read(&mut self) -> u64 {
        let (mut sum, mut at) = (0, 0);
        while at < self.log.next_offset() {
            let batch = self.log.read(at, ReadLimit::max_bytes(CHUNK_BYTES as usize)).expect("it is sound");
            for message in batch.iter() {
                sum = look(sum, message.payload());
                at = message.offset() + 1;
            }
        }
        sum
    }
}
