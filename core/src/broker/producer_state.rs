//! Was this batch stored before? What a partition remembers of each producer, and how it knows a batch again.
//!
//! A producer that hears nothing sends its batch again, and cannot know whether the first was stored. So a producer that
//! wants each message stored *once* has a number from the cluster (its id, and an epoch that rises when it begins anew),
//! and numbers its messages in each partition: a batch names the number of its first record. The partition remembers
//! for each producer the last five batches, and looks at the next one:
//!
//! ```text
//!   remembered, epoch 0:   0..=15 at 100   16..=20 at 116   21..=36 at 121
//!
//!   comes        epoch 0   16..=20    known: "stored at 116", and nothing is written
//!                epoch 0   37..=40    follows the last: it is new
//!                epoch 0   41..=50    37 to 40 are missing: out of sequence; they must come first
//!                epoch 0   16..=18    not one of the five, and does not follow: out of sequence
//!                epoch 1    0..=7     the producer began anew: it is new, and what was remembered goes
//!                (then)    epoch 0    from before that: refused
//! ```
//!
//! Five batches, because a producer has at most five under way: what it may send again is among them.
//!
//! Nothing of this is kept beside the log: each batch carries its numbers, so a log that is read from its beginning
//! tells all of it. Followers learn from what they copy, and whoever is elected knows what its predecessor knew of all
//! that is in its log. A producer that is not known (it was silent for too long, or never here) may begin with any
//! number: there is nothing to compare it with.
//!
//! What real systems do: this is Kafka's way. It keeps snapshots of this state beside the log, so that it need not read
//! all of it, and knows producers whose batches retention has deleted. RabbitMQ's streams have one number a message
//! (`publishing id`), and remember the last one of each named producer. Pulsar does the same by sequence id.
//!
//! Which of a producer's batches are part of a transaction, and what became of it, is in `open_transactions.rs`. The end of a
//! transaction raises the epoch: what the producer sent in it and comes late is refused.
//!
//! Source: Kafka `ProducerAppendInfo.java`, `ProducerStateEntry.java`; KIP-890, KIP-1228 (epochs of markers).

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::open_transactions::{Aborted, Transactions};
use crate::ids::Offset;
use crate::observe::Refusal;
use crate::record::{Batch, Batches, Marker, Producer};
use crate::sorted::{SortedMap, SortedSet};
use crate::time::{Span, Time};

/// So many batches of a producer are remembered, the last ones.
pub const BATCHES_REMEMBERED: usize = 5;

/// A batch that is in the log already.
///
/// ```
/// use mqlab_core::broker::StoredBatch;
/// use mqlab_core::ids::Offset;
/// let batch = StoredBatch { first: 16, last: 20, base: Offset(116), next: Offset(121) };
/// assert_eq!((batch.last - batch.first) as u64, batch.next.0 - batch.base.0 - 1);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredBatch {
    /// The number of its first record.
    pub first: i32,
    /// The number of its last record.
    pub last: i32,
    /// The offset of its first record.
    pub base: Offset,
    /// The offset after its last record.
    pub next: Offset,
}

impl StoredBatch {
    fn of(batch: &Batch) -> Self {
        let (first, base, next) = (batch.producer().sequence, batch.base(), batch.next());
        let last = Producer::sequence_after(first, (next.0 - base.0 - 1) as u32);
        Self { first, last, base, next }
    }
}

/// What is known of one producer.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Known {
    epoch: i16,
    /// Its last batches of this epoch, oldest first; none when all that was heard of the epoch is a transaction's end.
    batches: VecDeque<StoredBatch>,
    /// Everything that it wrote lies below.
    end: Offset,
    /// When somebody looked and it had written since; `None` when nobody has looked yet.
    heard: Option<Time>,
}

/// What a partition remembers of its producers.
///
/// ```
/// use mqlab_core::broker::ProducerStates;
/// use mqlab_core::ids::{Epoch, Offset};
/// use mqlab_core::observe::Refusal;
/// use mqlab_core::record::{BatchBuilder, Batches, Malformed, NewRecord, Producer};
///
/// let batch = |sequence| -> Result<Batches, Malformed> {
///     let mut builder = BatchBuilder::of(Producer { id: 7, epoch: 0, sequence });
///     builder.push(&NewRecord::default())?;
///     Ok(builder.build())
/// };
/// let mut states = ProducerStates::default();
/// assert_eq!(states.check(&batch(0)?), Ok(None)); // it is new: append it, and learn it
/// states.learn(&batch(0)?.stamped(Offset(100), Epoch(1)));
/// assert!(matches!(states.check(&batch(0)?), Ok(Some(known)) if known.base == Offset(100)));
/// assert_eq!(states.check(&batch(2)?), Err(Refusal::OutOfSequence)); // 1 is missing
/// # Ok::<(), Malformed>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct ProducerStates {
    known: SortedMap<i64, Known>,
    transactions: Transactions,
    /// Who wrote since somebody looked at the clock.
    wrote: SortedSet<i64>,
    /// Nobody was silent for longer than since this.
    oldest: Time,
}

impl PartialEq for ProducerStates {
    /// Whether both know the same of the same producers, whenever they heard it.
    fn eq(&self, other: &Self) -> bool {
        let same = |(a, b): ((&i64, &Known), (&i64, &Known))| {
            a.0 == b.0 && (a.1.epoch, &a.1.batches) == (b.1.epoch, &b.1.batches)
        };
        let known = self.known.len() == other.known.len() && self.known.iter().zip(&other.known).all(same);
        known && self.transactions == other.transactions
    }
}

impl ProducerStates {
    /// Looks at what a client wants stored: `None` when it is new and may be appended, or the batch that it is.
    ///
    /// # Errors
    ///
    /// * [`Refusal::Invalid`]: several batches, a number that is none, or a transaction's end, which is not for clients.
    /// * [`Refusal::ProducerEpoch`]: the producer has begun anew since.
    /// * [`Refusal::OutOfSequence`]: an earlier batch is missing, or it was stored and is forgotten.
    /// * [`Refusal::InvalidTransaction`]: it is in no transaction, and the producer has one open here.
    pub fn check(&self, batches: &Batches) -> Result<Option<StoredBatch>, Refusal> {
        let Some(batch) = batches.iter().find(|batch| batch.producer().id >= 0) else { return Ok(None) };
        let Producer { id, epoch, sequence } = batch.producer();
        if batch.is_control() || epoch < 0 || sequence < 0 || batches.iter().nth(1).is_some() {
            return Err(Refusal::Invalid);
        }
        let Some(known) = self.known.get(&id) else { return Ok(None) };
        let asked = StoredBatch::of(&batch);
        let same = |stored: &&StoredBatch| (stored.first, stored.last) == (asked.first, asked.last);
        if known.epoch == epoch
            && let Some(stored) = known.batches.iter().find(same)
        {
            return Ok(Some(*stored));
        }
        let expected = match known.batches.back() {
            _ if epoch < known.epoch => return Err(Refusal::ProducerEpoch),
            Some(last) if epoch == known.epoch => Producer::sequence_after(last.last, 1),
            _ => 0,
        };
        if asked.first != expected {
            return Err(Refusal::OutOfSequence);
        }
        let in_one = batch.is_of_transaction() || !self.transactions.is_open(id);
        if in_one { Ok(None) } else { Err(Refusal::InvalidTransaction) }
    }

    /// Whether a producer may write what a broker writes for it, without a number.
    pub(super) fn check_epoch(&self, id: i64, epoch: i16) -> Result<(), Refusal> {
        let old = self.known.get(&id).is_some_and(|known| epoch < known.epoch);
        if old { Err(Refusal::ProducerEpoch) } else { Ok(()) }
    }

    /// Looks at the end of a transaction: `None` when it is new and may be appended, or the offset below which it is.
    /// A marker raises the epoch: one that does not was written before, and may not end what the producer began since.
    pub(super) fn check_marker(&self, marker: &Marker) -> Result<Option<Offset>, Refusal> {
        if self.transactions.coordinator(marker.producer).is_some_and(|known| marker.coordinator < known) {
            return Err(Refusal::CoordinatorFenced);
        }
        self.check_epoch(marker.producer, marker.epoch)?;
        let known = self.known.get(&marker.producer).filter(|known| known.epoch == marker.epoch);
        Ok(known.map(|known| known.end))
    }

    /// What lies below is decided: it is in no transaction, or in one that is committed or aborted.
    pub fn last_stable(&self, high_watermark: Offset) -> Offset {
        self.transactions.last_stable(high_watermark)
    }

    /// The aborted transactions that a reader must know of that gets what lies from one offset up to another.
    pub fn aborted(&self, from: Offset, until: Offset) -> Vec<Aborted> {
        self.transactions.aborted(from, until)
    }

    /// The high watermark has risen.
    pub(super) fn rise(&mut self, high_watermark: Offset) {
        self.transactions.rise(high_watermark);
    }

    /// The log begins later now.
    pub(super) fn trim(&mut self, start: Offset) {
        self.transactions.trim(start);
    }

    /// Remembers batches that were appended, by whom and in whatever order: what is in the log is the truth.
    pub fn learn(&mut self, batches: &Batches) {
        for batch in batches.iter() {
            self.learn_batch(&batch);
            self.transactions.learn(&batch);
        }
    }

    fn learn_batch(&mut self, batch: &Batch) {
        let Producer { id, epoch, .. } = batch.producer();
        if id < 0 {
            return;
        }
        self.wrote.insert(id);
        let fresh = || Known { epoch, batches: VecDeque::new(), end: batch.next(), heard: None };
        let known = self.known.entry(id).or_insert_with(fresh);
        known.end = batch.next();
        if known.epoch != epoch {
            known.epoch = epoch;
            known.batches.clear();
        }
        if batch.producer().sequence < 0 {
            return; // the end of a transaction has no number, nor has what a broker writes in one
        }
        if known.batches.len() == BATCHES_REMEMBERED {
            known.batches.pop_front();
        }
        known.batches.push_back(StoredBatch::of(batch));
    }

    /// Whether what is remembered of a producer comes from this batch: who reads the log anew must find it there.
    pub(super) fn remembers(&self, batch: &Batch) -> bool {
        let Producer { id, epoch, .. } = batch.producer();
        self.known.get(&id).is_some_and(|known| match batch.is_control() {
            true => known.end == batch.next(),
            false => known.epoch == epoch && known.batches.iter().any(|stored| stored.base == batch.base()),
        })
    }

    /// The log was cut at `end`. Returns those of whom something was cut off: what was before it must be
    /// [read again](Self::relearn), because more than five batches back nothing is remembered.
    #[must_use]
    pub(super) fn cut(&mut self, end: Offset) -> Vec<i64> {
        let cut: Vec<i64> =
            self.known.iter().filter(|(_, known)| known.end > end).map(|(&id, _)| id).collect();
        for id in &cut {
            self.known.remove(id);
            self.wrote.remove(id);
        }
        if !cut.is_empty() {
            self.transactions = Transactions::default();
        }
        cut
    }

    /// Learns from batches of the log what some producers wrote, and how all transactions stand.
    pub(super) fn relearn(&mut self, ids: &[i64], batches: &Batches) {
        batches.iter().for_each(|batch| self.transactions.learn(&batch));
        let of_them = batches.iter().filter(|batch| ids.contains(&batch.producer().id));
        of_them.for_each(|batch| self.learn_batch(&batch));
    }

    /// Looks at the clock: whoever wrote nothing for so long is forgotten. What was written since the last look counts
    /// as written now, so an idle broker remembers longer, and never shorter.
    pub fn expire(&mut self, now: Time, after: Span) {
        for id in core::mem::take(&mut self.wrote) {
            if let Some(known) = self.known.get_mut(&id) {
                known.heard = Some(now);
            }
        }
        if self.oldest + after > now {
            return;
        }
        let Self { known, transactions, .. } = self;
        known.retain(|id, known| {
            transactions.is_open(*id) || known.heard.is_none_or(|heard| heard + after > now)
        });
        self.oldest = self.known.values().filter_map(|known| known.heard).min().unwrap_or(now);
    }

    /// How many producers are known.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether none is known.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }
}
