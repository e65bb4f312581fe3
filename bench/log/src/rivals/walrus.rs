//! The crate walrus-rust: a log with topics, written through io_uring.
//!
//! It takes its directory from the environment, and keeps a thread and its files as long as the process lives. So the
//! process has one of each kind, in a directory that goes at the end (`main.rs`), and each run is a topic of its own.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;

use walrus_rust::{FsyncSchedule, ReadConsistency, Walrus};

use super::{Pool, Rival};
use crate::ours::CHUNK_BYTES;
use crate::read::look;

thread_local! {
    /// The one that never flushes, and the one that always does.
    static OPEN: RefCell<BTreeMap<bool, Rc<Walrus>>> = RefCell::default();
    /// How many topics there are.
    static TOPICS: Cell<u64> = const { Cell::new(0) };
}

pub(super) struct Log {
    log: Rc<Walrus>,
    topic: String,
    pool: Pool,
}

impl Log {
    pub(super) fn open(_: &Path, pool: Pool, durable: bool) -> Self {
        let log =
            OPEN.with_borrow_mut(|open| Rc::clone(open.entry(durable).or_insert_with(|| opened(durable))));
        let number = TOPICS.replace(TOPICS.get() + 1);
        Self { log, topic: format!("bench-{number}"), pool }
    }
}

fn opened(durable: bool) -> Rc<Walrus> {
    let (schedule, key) =
        if durable { (FsyncSchedule::SyncEach, "durable") } else { (FsyncSchedule::NoFsync, "not") };
    let consistency = ReadConsistency::AtLeastOnce { persist_every: 1_000_000 };
    let walrus = Walrus::with_consistency_and_schedule_for_key(key, consistency, schedule);
    Rc::new(walrus.expect("the directory is new"))
}

impl Rival for Log {
    fn append(&mut self, slot: usize) {
        let bodies: Vec<&[u8]> = self.pool[slot].iter().map(|body| &body[..]).collect();
        self.log.batch_append_for_topic(&self.topic, &bodies).expect("there is room");
    }

    /// What was read is gone for whoever reads after.
    fn read(&mut self) -> u64 {
        let mut sum = 0;
        loop {
            let entries = self.log.batch_read_for_topic(&self.topic, CHUNK_BYTES as usize, true);
            let entries = entries.expect("it is sound");
            if entries.is_empty() {
                return sum;
            }
            sum = entries.iter().fold(sum, |sum, entry| look(sum, &entry.data));
        }
    }
}
