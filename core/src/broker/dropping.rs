//! What does a broker do with a replica that it shall not keep any more? It empties and closes its log.
//!
//! Whoever asks it about the partition is refused from then on, and finds the others. Nothing is lost by that: the
//! controller takes a replica away only when all that shall keep the partition are in sync.
//!
//! What real systems do: Kafka renames the directory and deletes it a minute later (`file.delete.delay.ms`).

use alloc::vec::Vec;

use super::{Broker, Done, Out, View};
use crate::ids::PartitionId;
use crate::log::{Log as _, LogError, SliceOf, Storage};
use crate::observe::{Event, Refusal};

impl<S: Storage> Broker<S> {
    /// Gives up every replica that the view gives to others alone.
    pub(super) fn drop_replicas(&mut self, view: &View, out: &mut Out<SliceOf<S>>) -> Done<S> {
        let me = self.me;
        let keeps = |partition: &PartitionId| {
            view.partitions.get(partition).is_none_or(|state| state.replicas.contains(&me))
        };
        let gone: Vec<PartitionId> =
            self.replicas.keys().filter(|partition| !keeps(partition)).cloned().collect();
        for partition in gone {
            let Some(mut replica) = self.replicas.remove(&partition) else { continue };
            replica.refuse_all(Refusal::NotLeader, out);
            let to = replica.log.start();
            let messages = replica.truncate(to)?;
            replica.log.flush()?;
            replica.close(self.host.storage_mut()).map_err(LogError::Storage)?;
            out.event(Event::Truncated { partition, to, messages });
        }
        Ok(())
    }
}
