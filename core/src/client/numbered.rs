//! How does a batch stay the same batch? It gets its numbers once, and keeps them however often it is sent.
//!
//! ```text
//!   line of one partition, epoch 0:    [16..=20]   [21..=36]   [37..=41]      and behind it what has no number yet
//!                                      under way   under way   under way      (five under way at most)
//!
//!   16..=20 refused, or lost            at home    under way   under way
//!   21..=36 is out of sequence then     at home    at home     under way      it waits for the one before it
//!   only the first goes again        ▶ under way   at home     at home
//!   "stored"                                     ▶ under way   at home        and so on: the order is kept
//! ```
//!
//! Nothing new goes while something is at home, nor when four others were sent after the first of the line, stored or not:
//! the partition would forget that one. And the very first batch goes alone: a partition that does not know a producer
//! takes any number for its first, also that of the second batch.
//!
//! *A gap.* When a batch is given up, nobody knows whether it is stored. Those behind it go on under their numbers: if
//! one is stored, so was the one that was given up. If one is *first* in line and still out of sequence, the gap is
//! real. Then, and when nothing is left to tell, the producer counts from 0 in a higher epoch. A late copy of what was
//! given up is refused from then on.
//!
//! What real systems do: Kafka's producer, since KIP-360. It, too, sends what goes again one by one.
//!
//! Source: Kafka `TransactionManager.java`, `RecordAccumulator.shouldStopDrainBatchesForPartition`.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::asked::Asked;
use super::identity::ProducerId;
use super::lane::Unstored;
use crate::broker::{BATCHES_REMEMBERED, RequestId};
use crate::ids::{MessageId, NodeId};
use crate::record::{BatchBuilder, Batches, Producer};
use crate::time::{Span, Time};

/// A batch that has its numbers.
#[derive(Clone, Debug)]
pub(super) struct NumberedBatch {
    /// Its place among all that were ever formed here.
    place: u64,
    pub(super) messages: Vec<Unstored>,
    batches: Batches,
    asked: Option<Asked>,
    /// Whether it was first in line when it was sent: then the partition must have had all that was before it.
    was_first: bool,
}

/// What can be sent next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// The first in line, once more.
    Again,
    /// A new batch.
    New,
}

/// The batches of one partition that have numbers, and are not known to be stored.
#[derive(Clone, Debug, Default)]
pub(super) struct Numbered {
    /// Whose numbers they are.
    identity: Option<ProducerId>,
    /// The number of the next message.
    next: i32,
    /// Whether a batch of this identity was stored.
    is_known: bool,
    line: VecDeque<NumberedBatch>,
    formed: u64,
    /// The last batch that was stored in this count: so is all that was before it.
    stored: u64,
    /// The last batch that was given up, if it is not known whether it is stored.
    gap: Option<u64>,
    /// Whether the numbers are no good.
    begins_anew: bool,
}

impl Numbered {
    pub(super) fn is_empty(&self) -> bool {
        self.line.is_empty()
    }

    /// What stands in line, first to last.
    pub(super) fn messages(&self) -> impl Iterator<Item = &Unstored> {
        self.line.iter().flat_map(|batch| &batch.messages)
    }

    pub(super) fn has(&self, id: RequestId) -> bool {
        self.place_of(id).is_some()
    }

    fn place_of(&self, id: RequestId) -> Option<usize> {
        self.line.iter().position(|batch| Asked::is(batch.asked.as_ref(), id))
    }

    /// Whom a request was sent to.
    pub(super) fn broker(&self, id: RequestId) -> Option<NodeId> {
        Some(self.line.get(self.place_of(id)?)?.asked?.broker)
    }

    /// The first that will be taken for lost.
    pub(super) fn deadline(&self) -> Option<Time> {
        self.line.iter().filter_map(|batch| Some(batch.asked?.deadline)).min()
    }

    /// What may go next, where so many may be under way.
    pub(super) fn next(&self, most: u32, me: Option<ProducerId>) -> Option<Next> {
        let me = me.filter(|_| !self.must_begin_anew())?;
        let Some(first) = self.line.front() else { return Some(Next::New) };
        if first.asked.is_none() {
            return Some(Next::Again);
        }
        // Also those behind the first that are stored count: the partition remembers no more than so many.
        let since_first = self.formed - first.place + 1;
        let room = since_first < u64::from(most).min(BATCHES_REMEMBERED as u64);
        let all_away = self.line.iter().all(|batch| batch.asked.is_some());
        let same = self.identity == Some(me) && self.gap.is_none();
        (room && all_away && same && self.is_known).then_some(Next::New)
    }

    /// Gives a new batch its numbers, and puts it behind the others.
    pub(super) fn form(&mut self, me: ProducerId, messages: Vec<Unstored>) {
        if self.line.is_empty() && self.identity != Some(me) {
            self.begin(me);
        }
        let (batches, next) = build(me, self.next, &messages);
        self.next = next;
        self.formed += 1;
        let batch = NumberedBatch { place: self.formed, messages, batches, asked: None, was_first: false };
        self.line.push_back(batch);
    }

    /// The next batch that is at home leaves. Returns what to send; its messages were tried once more.
    pub(super) fn leave(&mut self, asked: Asked) -> Option<(&[Unstored], Batches)> {
        let at = self.line.iter().position(|batch| batch.asked.is_none())?;
        let batch = &mut self.line[at];
        (batch.asked, batch.was_first) = (Some(asked), at == 0);
        batch.messages.iter_mut().for_each(|message| message.attempts += 1);
        Some((&batch.messages, batch.batches.clone()))
    }

    /// The batch of a request is stored. Returns its messages.
    pub(super) fn stored(&mut self, id: RequestId) -> Option<Vec<Unstored>> {
        let batch = self.line.remove(self.place_of(id)?)?;
        self.is_known = true;
        self.stored = self.stored.max(batch.place);
        self.gap = self.gap.filter(|gap| *gap > self.stored);
        Some(batch.messages)
    }

    /// The batch of a request was refused, and stays. Returns its messages, and whether it is the first in line.
    pub(super) fn refused(&mut self, id: RequestId) -> Option<(Vec<MessageId>, bool)> {
        let at = self.place_of(id)?;
        let batch = &mut self.line[at];
        batch.asked = None;
        Some((ids(&batch.messages), at == 0))
    }

    /// The batch of a request does not follow what the partition has. When all that was before it is stored, waiting
    /// brings nothing.
    pub(super) fn out_of_sequence(&mut self, id: RequestId) -> Option<(Vec<MessageId>, bool)> {
        self.begins_anew |= self.line.get(self.place_of(id)?)?.was_first;
        self.refused(id)
    }

    /// The partition knows a later epoch of this number: somebody else has it.
    pub(super) fn fenced(&mut self, id: RequestId) -> Option<(Vec<MessageId>, bool)> {
        self.begins_anew = true;
        self.refused(id)
    }

    /// The batch of a request will never be stored. Returns its messages.
    pub(super) fn never_stored(&mut self, id: RequestId) -> Option<Vec<Unstored>> {
        let batch = self.line.remove(self.place_of(id)?)?;
        self.gap = Some(batch.place).filter(|gap| *gap > self.stored);
        Some(batch.messages)
    }

    /// Requests that are lost: their batches wait at home. Returns their messages.
    pub(super) fn lose(&mut self, lost: impl Fn(&Asked) -> bool) -> Vec<MessageId> {
        let mut at_home = Vec::new();
        for batch in &mut self.line {
            if batch.asked.take_if(|asked| lost(asked)).is_some() {
                at_home.extend(ids(&batch.messages));
            }
        }
        at_home
    }

    /// Gives up the first batches, if they are too old. Returns their messages.
    pub(super) fn give_up(&mut self, now: Time, after: Span) -> Vec<Unstored> {
        let mut given_up = Vec::new();
        while let Some(batch) = self.line.pop_front_if(|batch| since(batch) + after <= now) {
            self.gap = Some(batch.place).filter(|gap| *gap > self.stored);
            given_up.extend(batch.messages);
        }
        given_up
    }

    /// When the oldest message of the line was handed over.
    pub(super) fn oldest(&self) -> Option<Time> {
        self.line.front().map(since)
    }

    /// Whether the count is no good, or nobody can tell any more how it stands.
    pub(super) fn must_begin_anew(&self) -> bool {
        self.begins_anew || (self.gap.is_some() && self.line.is_empty())
    }

    /// Whether these numbers are those of an identity.
    pub(super) fn is_of(&self, me: ProducerId) -> bool {
        self.identity == Some(me)
    }

    /// Counts from 0 as somebody else: what is in line gets new numbers, and goes again. Returns its messages.
    pub(super) fn begin_anew(&mut self, me: ProducerId) -> Vec<MessageId> {
        self.begin(me);
        for batch in &mut self.line {
            (batch.batches, self.next) = build(me, self.next, &batch.messages);
            (batch.asked, batch.was_first) = (None, false);
        }
        self.line.iter().flat_map(|batch| ids(&batch.messages)).collect()
    }

    fn begin(&mut self, me: ProducerId) {
        (self.identity, self.next, self.is_known) = (Some(me), 0, false);
        (self.gap, self.begins_anew, self.stored) = (None, false, 0);
    }
}

fn since(batch: &NumberedBatch) -> Time {
    batch.messages.iter().map(|message| message.since).min().unwrap_or_default()
}

fn ids(messages: &[Unstored]) -> Vec<MessageId> {
    messages.iter().map(|message| message.id).collect()
}

/// The bytes of a batch, and the number after it.
fn build(me: ProducerId, sequence: i32, messages: &[Unstored]) -> (Batches, i32) {
    let builder = BatchBuilder::of(Producer { id: me.id, epoch: me.epoch, sequence });
    let mut builder = if me.transactional { builder.transactional() } else { builder };
    for message in messages {
        builder.push(&message.record).expect("these messages fitted a batch before");
    }
    (builder.build(), Producer::sequence_after(sequence, messages.len() as u32))
}
