//! Who wants only the latest of each key, need not read all: a topic has a compacted copy beside it.
//!
//! ```text
//!   topic      a=1  b=1  a=2  c=1  b=∅  (no key)  a=3 │ c=2  d=1
//!                                             horizon ┘
//!   compacted                 c=1            a=3         b is gone: its last message has no value
//!
//!   who reads compacted       c=1  a=3              then   c=2  d=1  from the topic itself
//!   who does not              everything that is kept
//! ```
//!
//! Messages keep their places. Other than in Kafka, the topic itself is untouched: retention decides about it, and one
//! subscription may read compacted while another does not. Only one that is exclusive or failover may.
//!
//! Source: Pulsar `TwoPhaseCompactor`, `CompactedTopicImpl`.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use bytes::Bytes;

use super::position::{MessagePlace, Position};
use crate::record::{Batches, Record};

/// The latest message of each key, up to a point.
///
/// ```
/// use mqlab_core::record::{BatchBuilder, NewRecord};
/// use mqlab_core::systems::pulsar::{Compacted, Position};
/// use mqlab_core::systems::pulsar::ledger::LedgerId;
/// let mut builder = BatchBuilder::new();
/// for (key, value) in [("a", Some("1")), ("b", Some("1")), ("a", Some("2")), ("b", None)] {
///     builder.push(&NewRecord { key: Some(key.into()), value: value.map(Into::into), ..NewRecord::default() })?;
/// }
/// let at = Position::new(LedgerId(7), 0);
/// let compacted = Compacted::default().with([(at, builder.build())]);
/// assert_eq!((compacted.messages().count(), compacted.horizon()), (1, Some(at)));
/// # Ok::<(), mqlab_core::record::Malformed>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compacted {
    horizon: Option<Position>,
    latest: BTreeMap<Bytes, (MessagePlace, Record)>,
}

impl Compacted {
    /// The same, going on over these entries, which follow those before.
    #[must_use]
    pub fn with(mut self, entries: impl IntoIterator<Item = (Position, Batches)>) -> Self {
        for (position, payload) in entries {
            if self.horizon.is_some_and(|horizon| position <= horizon) {
                continue; // it was read before
            }
            let records: Vec<Record> = payload.records().collect();
            let is_batch = records.len() > 1;
            for (index, record) in (0_u32..).zip(records) {
                // What has no key has no place where only the latest of each is kept (`topicCompactionRetainNullKey`).
                let Some(key) = record.key.clone() else { continue };
                let place = MessagePlace { position, partition: None, batch: is_batch.then_some(index) };
                match record.value.as_ref().is_some_and(|value| !value.is_empty()) {
                    true => self.latest.insert(key, (place, record)),
                    false => self.latest.remove(&key),
                };
            }
            self.horizon = Some(position);
        }
        self
    }

    /// The last entry that was looked at: who reads compacted goes on behind it.
    pub fn horizon(&self) -> Option<Position> {
        self.horizon
    }

    /// The messages that are left, in the order of the topic.
    pub fn messages(&self) -> impl Iterator<Item = (MessagePlace, &Record)> {
        let mut all: Vec<(MessagePlace, &Record)> =
            self.latest.values().map(|(place, record)| (*place, record)).collect();
        all.sort_unstable_by_key(|(place, _)| *place);
        all.into_iter()
    }
}
