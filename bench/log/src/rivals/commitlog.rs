//! The crate commitlog: a segmented log after Kafka's, with an index of every message.

use std::path::Path;

use commitlog::message::{MessageBuf, MessageSet as _};
use commitlog::{CommitLog, LogOptions, ReadLimit};

use super::{Pool, Rival};
use crate::ours::CHUNK_BYTES;
use crate::read::look;

pub(super) struct Log {
    log: CommitLog,
    pool: Pool,
    batch: MessageBuf,
    durable: bool,
}

impl Log {
    pub(super) fn open(dir: &Path, pool: Pool, durable: bool) -> Self {
        let mut options = LogOptions::new(dir.join("commitlog"));
        options.message_max_bytes(16 * 1024 * 1024);
        let log = CommitLog::new(options).expect("the directory is new");
        Self { log, pool, batch: MessageBuf::default(), durable }
    }
}

impl Rival for Log {
    fn append(&mut self, slot: usize) {
        self.batch.clear();
        for body in &self.pool[slot] {
            self.batch.push(body).expect("it fits");
        }
        self.log.append(&mut self.batch).expect("there is room");
        if self.durable {
            self.log.flush().expect("the disk takes it");
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
