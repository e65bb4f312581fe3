//! What does a stream remember of its clients? The last number of each publisher that has a name, and how far each consumer
//! said that it had come. Both are records of the stream itself, between the messages: whoever has the log knows them.
//!
//! ```text
//!   segment   │ snapshot │ m m m │ m m + sequence of p1 │ offset of c1 │ m ...
//!               └ begins each segment, so that the ones before it may go
//! ```
//!
//! Source: RabbitMQ's osiris, `osiris_tracking.erl`, `osiris_log.erl` (chunk types: user, tracking delta, tracking
//! snapshot).

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::ids::{Name, Offset};
use crate::message::Message;
use crate::record::{Batches, Headers, NewRecord, Record};
use crate::time::Time;

/// The header by which a record is the stream's own.
pub(super) const TRACKING: &str = "x-stream-tracking";

/// What is remembered of clients.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tracking {
    pub(super) sequences: BTreeMap<Name, u64>,
    pub(super) offsets: BTreeMap<Name, Offset>,
}

/// What a record of the stream's own says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Note {
    /// Everything that was known there.
    Snapshot(Tracking),
    /// A publisher's last number.
    Sequence(Name, u64),
    /// How far a consumer has come.
    Offset(Name, Offset),
}

impl Note {
    pub(super) fn to_record(&self, now: Time) -> NewRecord {
        let value = serde_json::to_vec(self).expect("plain data can be written");
        let mut headers = Headers::new();
        headers.push(TRACKING.as_bytes(), None);
        NewRecord { timestamp: now.as_millis() as i64, value: Some(Bytes::from(value)), headers, key: None }
    }

    /// What a record says, if it is one; what cannot be read says nothing.
    fn read(record: &Record) -> Option<Self> {
        record.headers.get(TRACKING.as_bytes())?;
        serde_json::from_slice(record.value.as_ref()?).ok()
    }
}

impl Tracking {
    /// Learns from chunks, in order; says whether one of them begins with a snapshot.
    pub(super) fn learn(&mut self, chunks: &Batches) -> bool {
        let mut snapshot = false;
        for note in chunks.records().filter_map(|record| Note::read(&record)) {
            match note {
                Note::Snapshot(tracking) => (*self, snapshot) = (tracking, true),
                Note::Sequence(publisher, id) => {
                    self.sequences.insert(publisher, id);
                }
                Note::Offset(reference, offset) => {
                    self.offsets.insert(reference, offset);
                }
            }
        }
        snapshot
    }
}

/// The messages in a chunk from an offset on, with their offsets: without what is the stream's own.
///
/// ```
/// use mqlab_core::ids::Offset;
/// use mqlab_core::message::Message;
/// use mqlab_core::record::BatchBuilder;
/// use mqlab_core::systems::rabbitmq::messages_of;
/// let mut chunk = BatchBuilder::new();
/// for word in ["a", "b"] {
///     chunk.push(&Message::new(word).to_record(0))?;
/// }
/// assert_eq!(messages_of(&chunk.build(), Offset(1)), [(Offset(1), Message::new("b"))]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn messages_of(chunk: &Batches, from: Offset) -> Vec<(Offset, Message)> {
    let own = |record: &Record| record.headers.get(TRACKING.as_bytes()).is_some() || record.value.is_none();
    let wanted = chunk.records().filter(|record| record.offset >= from && !own(record));
    wanted.map(|record| (record.offset, Message::from_record(&record))).collect()
}
