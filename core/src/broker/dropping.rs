//! What does a broker do with a replica that it shall not keep any more? It empties and closes its log.
//!
//! Whoever asks it about the partition is refused from then on, and finds the others. Nothing is lost by that: the
//! controller takes a replica away only when all that shall keep the partition are in sync.
//!
//! Of a topic that was removed everybody gives up everything, also who was away then and finds it on its disk when it is
//! back. Whoever asks hears that there is no such partition.
//!
//! What real systems do: Kafka renames the directory and deletes it a minute later (`file.delete.delay.ms`).

use alloc::vec::Vec;

use super::replica::Replica;
use super::{Broker, Done, Out, View};
use crate::ids::{LogName, PartitionId};
use crate::log::{Log as _, LogError, SliceOf, Storage};
use crate::observe::{Event, PullEvent, Refusal};

impl<S: Storage> Broker<S> {
    /// Gives up every replica that the view gives to others alone.
    pub(super) fn drop_replicas(&mut self, view: &View, out: &mut Out<SliceOf<S>>) -> Done<S> {
        let me = self.me;
        self.find_removed(view)?;
        let is_removed = |partition: &PartitionId| view.removed.contains(&partition.topic);
        let keeps = |partition: &PartitionId| {
            let state = view.partitions.get(partition);
            !is_removed(partition) && state.is_none_or(|state| state.replicas.contains(&me))
        };
        let gone: Vec<PartitionId> = self
            .replicas
            .iter()
            .map(Replica::partition)
            .filter(|partition| !keeps(partition))
            .cloned()
            .collect();
        for partition in gone {
            let Some(mut replica) = self.replicas.remove(&partition) else { continue };
            let removed = is_removed(&partition);
            replica.refuse_all(if removed { Refusal::Unknown } else { Refusal::NotLeader }, out);
            self.forget_txns(&partition, out);
            let to = replica.log.start();
            let messages = if removed { replica.begin_anew(to)? } else { replica.truncate(to)? };
            replica.log.flush()?;
            replica.close(self.host.storage_mut()).map_err(LogError::Storage)?;
            out.event(match removed {
                true => Event::Pull(PullEvent::Removed { partition, messages }),
                false => Event::Truncated { partition, to, messages },
            });
        }
        Ok(())
    }

    /// Opens what its disk still has of topics that were removed while it was away.
    fn find_removed(&mut self, view: &View) -> Done<S> {
        if view.removed.is_empty() {
            return Ok(());
        }
        for name in self.host.storage().names().map_err(LogError::Storage)? {
            let LogName::Partition(partition) = name else { continue };
            if !view.removed.contains(&partition.topic) || self.replicas.get(&partition).is_some() {
                continue;
            }
            let truncation = self.settings.truncation;
            let replica = Replica::open(self.host.storage_mut(), partition, truncation)?;
            if replica.log.start() < replica.log.end() {
                self.replicas.insert(replica);
            } else {
                replica.close(self.host.storage_mut()).map_err(LogError::Storage)?;
            }
        }
        Ok(())
    }
}
