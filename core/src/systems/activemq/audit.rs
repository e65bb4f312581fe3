//! How does a broker know that a producer sends what it has already? It remembers the last number of each, also over a
//! fail-over: the store keeps them.
//!
//! ```text
//!   p1 sends 41, 42 ─▶ stored, p1: 42 ── the answer to 42 is lost, the master dies ──▶ p1 sends 42 again: 42 ≤ 42, known
//! ```
//!
//! A producer numbers what it sends and waits for each answer, so the last number says it all. A producer that is started
//! again is another one, and is not known.
//!
//! In KahaDB this is rebuilt from the journal's messages (`ActiveMQMessageAuditNoSync`), and checked where a connection says
//! that it is there again; here it is a small log of its own, flushed with the messages. Where the journal is never flushed,
//! it is kept in memory alone.
//!
//! Sources: `TransportConnection.java#getProducerBrokerExchange`, `MessageDatabase.java` (`producerSequenceIdTracker`).

use alloc::string::String;
use core::fmt::Write as _;

use crate::ids::{Epoch, LogName, NodeId};
use crate::log::{Log, LogError, Storage, StorageError, read_all};
use crate::record::{BatchBuilder, Record};
use crate::sorted::SortedMap;

/// How many records the log may have for each producer that is known, before what is old goes.
const RECORDS_PER_PRODUCER: u64 = 8;

/// A client, and which of its processes.
type Producer = (NodeId, u64);

/// The last numbers of producers.
#[derive(Clone, Debug)]
pub(super) struct Audit<L> {
    log: L,
    last: SortedMap<Producer, u64>,
    /// Those that the log does not say yet.
    news: SortedMap<Producer, u64>,
}

fn read(record: &Record) -> Option<(Producer, u64)> {
    let text = |bytes: &[u8]| core::str::from_utf8(bytes).ok().map(String::from);
    let (key, value) = (text(record.key.as_deref()?)?, text(record.value.as_deref()?)?);
    let (node, life) = key.split_once(' ')?;
    Some(((node.parse().ok()?, life.parse().ok()?), value.parse().ok()?))
}

impl<L: Log> Audit<L> {
    pub(super) fn open<S: Storage<Log = L>>(storage: &mut S) -> Result<Self, LogError<StorageError<S>>> {
        let log = storage.open(&LogName::Producers)?;
        let mut last = SortedMap::new();
        read_all(&log, |batches| {
            for (producer, sequence) in batches.records().filter_map(|record| read(&record)) {
                last.insert(producer, sequence);
            }
        })?;
        Ok(Self { log, last, news: SortedMap::new() })
    }

    pub(super) fn close<S: Storage<Log = L>>(self, storage: &mut S) -> Result<(), StorageError<S>> {
        storage.close(&LogName::Producers, self.log)
    }

    pub(super) fn log_mut(&mut self) -> &mut L {
        &mut self.log
    }

    /// Whether a producer has sent this before.
    pub(super) fn knows(&self, producer: NodeId, life: u64, sequence: u64) -> bool {
        self.last.get(&(producer, life)).is_some_and(|last| sequence <= *last)
    }

    /// A producer's message is stored.
    pub(super) fn note(&mut self, producer: NodeId, life: u64, sequence: u64) {
        // Of a client's earlier processes nothing will come.
        self.last.retain(|(node, other), _| *node != producer || *other == life);
        self.news.retain(|(node, other), _| *node != producer || *other == life);
        self.last.insert((producer, life), sequence);
        self.news.insert((producer, life), sequence);
    }

    /// Writes what is new, and makes it durable.
    pub(super) fn flush(&mut self) -> Result<(), LogError<L::Error>> {
        if self.news.is_empty() {
            return Ok(());
        }
        let (start, end) = (self.log.start(), self.log.end());
        let anew = end.0 - start.0 > RECORDS_PER_PRODUCER * (self.last.len() as u64 + 1);
        let all = if anew { &self.last } else { &self.news };
        let (mut builder, mut key, mut value) = (BatchBuilder::new(), String::new(), String::new());
        for ((node, life), sequence) in all.iter() {
            key.clear();
            value.clear();
            let written = write!(key, "{node} {life}").and_then(|()| write!(value, "{sequence}"));
            debug_assert!(written.is_ok(), "a string takes what it is given");
            let pushed = builder.push_parts(0, Some(key.as_bytes()), Some(value.as_bytes()), |_| {});
            debug_assert!(pushed.is_ok(), "two numbers fit a batch");
        }
        self.log.append(&builder.build_at(end, Epoch::default()))?;
        self.log.flush()?;
        self.news.clear();
        if anew { self.log.trim(end) } else { Ok(()) }
    }
}
