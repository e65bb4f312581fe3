//! What is a broker's part in the cluster? It learns the view, takes up its roles, and reports to the controller.

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::mutant::Mutant;
use super::replica::{Replica, Role};
use super::{
    Broker, Cleanup, Done, Out, PartitionState, TRANSACTIONS_TOPIC, View, is_internal, offsets_partition,
};
use crate::ids::PartitionId;
use crate::log::{LogError, SliceOf, Storage, StorageError, read_all};
use crate::observe::{ClusterEvent, Event, Refusal};
use crate::time::{Span, Time};

/// For how many times its patience with an answer a broker that is to stop waits for others to lead.
/// Kafka: 3 (`controlled.shutdown.max.retries`).
const LEAVE_TRIES: u64 = 3;

impl<S: Storage> Broker<S> {
    /// Learns how the cluster stands, and takes up its part in it.
    pub(super) fn learn(&mut self, now: Time, view: Arc<View>, out: &mut Out<SliceOf<S>>) -> Done<S> {
        if view.version <= self.view.version {
            return Ok(());
        }
        if let Some(layout) = view.hosts.get(&self.me) {
            self.try_out(layout)?;
        }
        let old = core::mem::replace(&mut self.view, view);
        if old.version == 0 {
            self.next_lag_check = now;
        }
        let (me, view) = (self.me, Arc::clone(&self.view));
        if let Some(layout) = view.hosts.get(&me) {
            self.lay_out(now, layout, out)?;
        }
        self.drop_replicas(&view, out)?;
        for (partition, state) in view.partitions.iter().filter(|(_, state)| state.replicas.contains(&me)) {
            self.take_part(now, partition, state, out)?;
        }
        Ok(())
    }

    /// Leads, follows or waits, as the view says.
    fn take_part(
        &mut self,
        now: Time,
        partition: &PartitionId,
        state: &PartitionState,
        out: &mut Out<SliceOf<S>>,
    ) -> Done<S> {
        if self.replicas.get(partition).is_none() {
            let replica =
                Replica::open(self.host.storage_mut(), partition.clone(), self.settings.truncation)?;
            self.replicas.insert(replica);
        }
        let same_epoch =
            self.replicas.get(partition).and_then(|replica| replica.epoch()) == Some(state.epoch);
        if *partition == offsets_partition() && (state.leader != Some(self.me) || !same_epoch) {
            self.forget_groups(now, out);
        }
        if state.leader != Some(self.me) || !same_epoch {
            self.forget_txns(partition, out);
        }
        let Some(replica) = self.replicas.get_mut(partition) else { return Ok(()) };
        let cleanup = match is_internal(&partition.topic) {
            true => Some(Cleanup::internal(self.settings.internal_segment_bytes)),
            false => self.view.cleanup.get(&partition.topic).copied(),
        };
        replica.compact_by(cleanup, self.host.storage_mut())?;
        replica.retain(self.view.retention.get(&partition.topic).copied())?;
        match state.leader {
            Some(leader) if leader == self.me => {
                replica.lead(now, self.me, state, (&self.settings, &self.view), out);
                if *partition == offsets_partition() && !same_epoch {
                    let groups = &mut self.groups;
                    read_all(&replica.log, |batches| groups.learn_batches(batches))?;
                }
                if partition.topic.as_str() == TRANSACTIONS_TOPIC && !same_epoch {
                    self.txns.load(replica)?;
                }
            }
            Some(_) | None if same_epoch => {}
            Some(leader) => {
                replica.follow(now, leader, state.epoch, out)?;
                if self.settings.mutated().is(Mutant::CutsAtWatermark) {
                    replica.cut_at_watermark(out)?;
                }
            }
            None => {
                replica.refuse_all(Refusal::NotLeader, out);
                replica.role = Role::Idle;
            }
        }
        replica.catch_up(state.adding.contains(&self.me) && !state.in_sync.contains(&self.me));
        Ok(())
    }

    /// Does whatever is due.
    pub(super) fn tick(&mut self, now: Time, out: &mut Out<SliceOf<S>>) -> Done<S> {
        let Self { replicas, settings, last_request, .. } = self;
        replicas.tick(now, |replica| {
            replica.answer_parked(now, out)?;
            replica.keep_watermark()?;
            replica.trim_if_due(now, out)?;
            replica.fetch_if_due(now, settings, last_request, out);
            replica.producers.expire(now, settings.producer_expiry);
            Ok::<(), LogError<StorageError<S>>>(())
        })?;
        self.clean_if_due(now, out)?;
        self.ask_for_producer_ids(now, out);
        self.tick_host(now, out)?;
        self.tick_groups(now, out);
        self.tick_shares(now, out)?;
        self.tick_txns(now, out)?;
        if self.controllers.exist() && self.next_heartbeat <= now {
            self.next_heartbeat = now + self.settings.broker_heartbeat;
            self.ask_again_if_due(now, out);
            self.report(out);
        }
        if self.controllers.exist() && self.next_lag_check <= now {
            // Half the time that a follower may lag: Kafka checks as often.
            self.next_lag_check = now + Span(self.settings.replica_lag_max.0 / 2);
            let Self { replicas, settings, .. } = self;
            let shrunk = |replica: &mut Replica<S::Log>| {
                Some((replica.partition.clone(), replica.shrink(now, settings)?))
            };
            let proposals: Vec<_> = replicas.iter_mut().filter_map(shrunk).collect();
            for (partition, in_sync) in proposals {
                self.propose(now, &partition, Some(in_sync), out);
            }
        }
        Ok(())
    }

    /// Begins to stop in good order: it asks the controller to let others lead, and goes on until they do. Afterwards the
    /// host wakes it as always, and stops it when it [may be](Self::may_stop).
    pub fn shut_down(&mut self, now: Time, out: &mut Out<SliceOf<S>>) {
        if self.leaves_by.is_none() {
            self.leaves_by = Some(now + Span(self.settings.request_timeout.0 * LEAVE_TRIES));
            self.next_heartbeat = now;
            out.event(Event::Cluster(ClusterEvent::Leaving));
        }
    }

    /// Whether it was told to stop, and may: it leads nothing any more, or nobody answered for too long.
    pub fn may_stop(&self, now: Time) -> bool {
        let leads = || self.view.partitions.values().any(|state| state.leader == Some(self.me));
        let counted = || self.view.brokers.get(&self.me).copied().unwrap_or(false);
        let others_lead = || !counted() && !leads();
        self.leaves_by.is_some_and(|until| until <= now || !self.controllers.exist() || others_lead())
    }
}
