//! The crate raft-engine: the logs of many Raft groups in one, of which one is used.

use std::path::Path;

use protobuf::well_known_types::BytesValue;
use raft_engine::{Config, Engine, LogBatch, MessageExt, ReadableSize};

use super::{Pool, Rival};
use crate::read::look;

/// The only group.
const GROUP: u64 = 1;
/// How many entries are fetched at once.
const FETCH: u64 = 1_000;
/// The bytes of an entry's number, in front of its body.
const NUMBER_BYTES: usize = 8;

/// Entries are protobuf messages that know their number: here one of bytes, of which the first say it.
#[derive(Clone)]
struct Numbered;

impl MessageExt for Numbered {
    type Entry = BytesValue;

    fn index(entry: &BytesValue) -> u64 {
        u64::from_be_bytes(*entry.get_value().first_chunk().expect("an entry begins with its number"))
    }
}

pub(super) struct Log {
    engine: Engine,
    batches: Vec<Vec<BytesValue>>,
    batch: LogBatch,
    next: u64,
    durable: bool,
}

impl Log {
    pub(super) fn open(dir: &Path, pool: Pool, durable: bool) -> Self {
        let dir = dir.join("raft-engine").to_str().expect("the path is UTF-8").to_owned();
        let batch_compression_threshold = ReadableSize(0); // the bodies cannot be compressed: it would only try
        let config = Config { dir, batch_compression_threshold, ..Config::default() };
        let engine = Engine::open(config).expect("the directory is new");
        let entry = |body: &bytes::Bytes| {
            let mut entry = BytesValue::new();
            entry.set_value([&[0; NUMBER_BYTES], &body[..]].concat());
            entry
        };
        let batches = pool.iter().map(|batch| batch.iter().map(entry).collect()).collect();
        Self { engine, batches, batch: LogBatch::default(), next: 1, durable }
    }
}

impl Rival for Log {
    fn append(&mut self, slot: usize) {
        let entries = &mut self.batches[slot];
        for entry in entries.iter_mut() {
            entry.mut_value()[..NUMBER_BYTES].copy_from_slice(&self.next.to_be_bytes());
            self.next += 1;
        }
        self.batch.add_entries::<Numbered>(GROUP, entries).expect("it fits");
        self.engine.write(&mut self.batch, self.durable).expect("there is room");
    }

    fn read(&mut self) -> u64 {
        let (mut sum, mut entries) = (0, Vec::new());
        for from in (1..self.next).step_by(FETCH as usize) {
            let until = self.next.min(from + FETCH);
            entries.clear();
            let fetched = self.engine.fetch_entries_to::<Numbered>(GROUP, from, until, None, &mut entries);
            fetched.expect("it is sound");
            sum = entries.iter().fold(sum, |sum, entry| look(sum, &entry.get_value()[NUMBER_BYTES..]));
        }
        sum
    }
}
