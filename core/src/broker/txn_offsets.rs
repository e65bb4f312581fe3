//! How does a group get on in a transaction? Its coordinator keeps the offsets as *pending*, until the marker comes.
//!
//! ```text
//!   log of the offsets    │ orders/0 → 12 │ 7, epoch 4: orders/0 → 17 │ ... │ 7, epoch 5: commit │
//!   the group goes on at          12          12, and 17 is pending                17
//! ```
//!
//! What is read and what is written count together, or not at all: this is what makes the work *effectively once*.
//!
//! Two rules keep others from going on at the wrong place. A partition whose offset is pending is given to nobody until
//! it is known what becomes of it; else its next reader would begin at 12, though the work up to 17 may be committed.
//! And only a member may commit what it reads: one that was put out, and wakes up late, is refused.
//!
//! What real systems do: Kafka answers who asks for such an offset with an error until it is stable (KIP-447).

use alloc::vec::Vec;

use super::group::{Groups, to_records_with};
use super::group_turn::Asker;
use super::txn_request::TxnProducer;
use super::waiting::Then;
use super::{Broker, Done, Out, offsets_partition, refuse};
use crate::ids::{Name, Offset, PartitionId};
use crate::log::{SliceOf, Storage};
use crate::observe::{Event, Refusal};
use crate::record::{BatchBuilder, Batches, Marker, Producer};
use crate::time::Time;

impl Groups {
    /// Checks that `from` is a member that reads all of these partitions.
    pub(super) fn must_read(
        &self,
        from: crate::ids::NodeId,
        name: &Name,
        offsets: &[(PartitionId, Offset)],
    ) -> Result<(), Refusal> {
        let owned = self.owned_by(from, name).ok_or(Refusal::NotAMember)?;
        let all = offsets.iter().all(|(partition, _)| owned.contains(partition));
        if all { Ok(()) } else { Err(Refusal::NotAMember) }
    }

    /// Takes note of what batches of the log of offsets say.
    pub(super) fn learn_batches(&mut self, batches: &Batches) {
        for batch in batches.iter() {
            match Marker::of(&batch) {
                Some(marker) => {
                    self.resolve(&marker);
                }
                None if batch.is_control() => {}
                None if batch.is_of_transaction() => {
                    self.learn_pending(batch.producer().id, batch.records());
                }
                None => self.learn_records(batch.records()),
            }
        }
    }
}

impl<S: Storage> Broker<S> {
    /// Keeps where a group goes on, if a transaction is committed.
    pub(super) fn commit_offsets_in_txn(
        &mut self,
        now: Time,
        asker: Asker,
        who: &TxnProducer,
        group: &Name,
        offsets: &[(PartitionId, Offset)],
        out: &mut Out<SliceOf<S>>,
    ) -> Done<S> {
        if !self.is_coordinator() {
            return refuse(asker, Refusal::NotLeader, out);
        }
        let Some(replica) = self.replicas.get_mut(&offsets_partition()) else {
            return refuse(asker, Refusal::NotLeader, out);
        };
        let may = self.groups.must_read(asker.0, group, offsets);
        if let Err(refusal) = may.and_then(|()| replica.producers.check_epoch(who.producer, who.epoch)) {
            return refuse(asker, refusal, out);
        }
        let producer = Producer { id: who.producer, epoch: who.epoch, sequence: -1 };
        let batch = || BatchBuilder::of(producer).transactional();
        let offsets = self.groups.not_before(who.producer, group, offsets);
        let batches = to_records_with(batch, group, &offsets, now.as_millis() as i64);
        match replica.store(now, &batches, out)? {
            Err(refusal) => return refuse(asker, refusal, out),
            Ok(below) => {
                self.groups.learn_pending(who.producer, batches.records());
                replica.when_committed(below, asker, Then::OffsetsStored { events: Vec::new() }, out);
            }
        }
        Ok(())
    }

    /// A transaction that committed offsets is over: what was pending counts, or is forgotten.
    pub(super) fn resolve_offsets(&mut self, partition: &PartitionId, marker: &Marker) -> Vec<Event> {
        if *partition != offsets_partition() {
            return Vec::new();
        }
        let stored = |(group, partition, next)| Event::OffsetStored { group, partition, next };
        self.groups.resolve(marker).into_iter().map(stored).collect()
    }
}
