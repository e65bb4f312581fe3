//! Other logs that a Rust program could take, all doing the same work.
//!
//! | crate | what it is | how it is used here |
//! |---|---|---|
//! | commitlog | a segmented log after Kafka's | a batch is a message set |
//! | raft-engine | the log of many Raft groups (TiKV) | a batch is a write of 100 entries of one group; its compression is off |
//! | okaywal | a write-ahead log whose every commit is flushed | a batch is an entry of 100 chunks; read by recovering it |
//! | fjall | a store of sorted tables with a journal | a batch is a write batch, keys are numbers; its compression is off |
//! | redb | a store in one file, a copy-on-write tree | a batch is a transaction, keys are numbers |
//! | walrus-rust | a log with topics, through io_uring | a batch is an atomic append |
//!
//! The reading of walrus-rust is not compared: read in batches, version 0.2.0 left out what lay in a block that was full
//! (of 16,300 entries of 1 KiB it handed out 7,626), and what was read once is gone for the next reader.
//!
//! Each gets its bodies before the clock starts, in whatever form its calls take them, and everything else at its default
//! where nothing is said.

mod commitlog;
mod fjall;
mod okaywal;
mod raft_engine;
mod redb;
mod walrus;

use std::path::Path;
use std::rc::Rc;

use bytes::Bytes;

/// Batches of bodies, from which contenders draw in turn.
pub(crate) type Pool = Rc<Vec<Vec<Bytes>>>;

/// A log that a batch of bodies can be appended to, and that can be read from its beginning.
pub(crate) trait Rival {
    /// Appends the batch of this number of the pool; if the log was opened as a durable one, it is on the disk then.
    fn append(&mut self, slot: usize);

    /// Reads all, and says what a visitor of each body kept ([`look`](crate::read::look)).
    fn read(&mut self) -> u64;
}

/// What a contest must know of a rival.
#[derive(Clone, Copy)]
pub(crate) struct Entrant {
    pub(crate) name: &'static str,
    /// What it does otherwise, where that matters.
    pub(crate) note: &'static str,
    /// Whether it can append without flushing.
    pub(crate) undurable: bool,
    /// Whether its reading is compared.
    pub(crate) read: bool,
    pub(crate) open: fn(&Path, Pool, bool) -> Box<dyn Rival>,
}

/// All of them.
pub(crate) const ALL: [Entrant; 6] = [
    Entrant {
        name: "commitlog",
        note: "a sum for each message; its flush does not sync: fdatasync beside it, where durable",
        undurable: true,
        read: true,
        open: |dir, pool, durable| Box::new(commitlog::Log::open(dir, pool, durable)),
    },
    Entrant {
        name: "raft-engine",
        note: "a map of all entries in memory",
        undurable: true,
        read: true,
        open: |dir, pool, durable| Box::new(raft_engine::Log::open(dir, pool, durable)),
    },
    Entrant {
        name: "okaywal",
        note: "always flushes, into a file that it uses again; a sum for each chunk",
        undurable: false,
        read: true,
        open: |dir, pool, durable| Box::new(okaywal::Log::open(dir, pool, !durable)),
    },
    Entrant {
        name: "fjall",
        note: "sorts by key, too, partly in the background; up to 64 MiB are read from memory",
        undurable: true,
        read: true,
        open: |dir, pool, durable| Box::new(fjall::Log::open(dir, pool, durable)),
    },
    Entrant {
        name: "redb",
        note: "a tree by key; without durability, what it writes is lost with the process",
        undurable: true,
        read: true,
        open: |dir, pool, durable| Box::new(redb::Log::open(dir, pool, durable)),
    },
    Entrant {
        name: "walrus-rust",
        note: "a slow sum (FNV-1a) for each entry",
        undurable: true,
        read: false,
        open: |dir, pool, durable| Box::new(walrus::Log::open(dir, pool, durable)),
    },
];
