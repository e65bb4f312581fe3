//! What does the active controller do? It hears the brokers, answers them, and proposes what follows.

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::super::mutant::Mutant;
use super::super::producer_ids::PRODUCER_IDS_A_BLOCK;
use super::super::protocol::{Out, Reply, Request, RequestId};
use super::super::view::View;
use super::decisions::{self, is_alive};
use super::metadata::{Change, Registration};
use super::reassignment;
use super::{Answer, Controller, Done};
use crate::ids::{Epoch, NodeId, PartitionId};
use crate::log::Log;
use crate::observe::Refusal;
use crate::time::Time;

impl<L: Log> Controller<L> {
    pub(super) fn request(
        &mut self,
        now: Time,
        (from, id): (NodeId, RequestId),
        request: Request,
        out: &mut Out,
    ) -> Done<L> {
        let Some(reign) = &self.reign else {
            out.reply(from, id, Reply::Refused(Refusal::NotController));
            return Ok(());
        };
        let refused = match request {
            Request::Alive { incarnation, version } => {
                self.alive(now, from, incarnation, out)?;
                // A broker that could turn to another controller wants to hear that this one lives.
                if version < self.agreed.view.version || !self.alone {
                    self.tell(from, id, out);
                }
                return Ok(());
            }
            Request::Leave { incarnation } => return self.leave(now, (from, id), incarnation, out),
            Request::Metadata => {
                self.tell(from, id, out);
                return Ok(());
            }
            Request::AllocateProducerIds => {
                let first = reign.latest.view.producer_ids;
                let next = Change::ProducerIds { next: first + PRODUCER_IDS_A_BLOCK };
                return self.propose([next].into(), Some((from, id, Answer::ProducerIds { first })), out);
            }
            Request::SetInSync { partition, epoch, version, in_sync } => {
                match may_set_in_sync(&reign.latest.view, from, &partition, (epoch, version), &in_sync) {
                    Ok(()) => {
                        let view = &reign.latest.view;
                        let moved = view
                            .partitions
                            .get(&partition)
                            .map(|state| reassignment::complete(view, &partition, state, &in_sync));
                        let mut changes = [Change::InSync { partition, replicas: in_sync }].to_vec();
                        changes.extend(moved.into_iter().flatten());
                        return self.propose(changes, Some((from, id, Answer::Cluster)), out);
                    }
                    Err(refusal) => refusal,
                }
            }
            _ => Refusal::Unknown,
        };
        out.reply(from, id, Reply::Refused(refused));
        Ok(())
    }

    pub(super) fn tell(&self, to: NodeId, id: RequestId, out: &mut Out) {
        out.reply(to, id, Reply::Cluster(Arc::clone(&self.agreed.view)));
    }

    fn alive(&mut self, now: Time, broker: NodeId, incarnation: u64, out: &mut Out) -> Done<L> {
        let Some(known) = self.hear(now, broker) else { return Ok(()) };
        let restarted = known.incarnation.is_some_and(|known| known != incarnation);
        if known.leaves && !restarted {
            return Ok(()); // said before it asked to leave, and late
        }
        if known.incarnation != Some(incarnation) {
            self.propose([Change::Registered { broker, incarnation, leaves: false }].into(), None, out)?;
        }
        if restarted && self.counts(broker) {
            // It came back before anybody missed it, but may have forgotten what it knew: it must not lead on.
            self.fence(broker, Change::Fenced { broker }, None, out)?;
        }
        match &self.reign {
            Some(reign) if !is_alive(&reign.latest.view, broker) => {
                let changes = decisions::unfence(&reign.latest.view, broker);
                self.propose(changes, None, out)
            }
            _ => Ok(()),
        }
    }

    /// A broker is heard; returns which start of it was known, if it is one of the cluster's.
    fn hear(&mut self, now: Time, broker: NodeId) -> Option<Registration> {
        let reign = self.reign.as_mut()?;
        let known = *reign.latest.registered.get(&broker)?;
        reign.heard.insert(broker, now);
        Some(known)
    }

    /// A broker is about to stop: what it leads others lead from now on, if they can.
    fn leave(
        &mut self,
        now: Time,
        (broker, id): (NodeId, RequestId),
        incarnation: u64,
        out: &mut Out,
    ) -> Done<L> {
        let leaves = Registration { incarnation: Some(incarnation), leaves: true };
        if self.hear(now, broker).is_some_and(|known| known != leaves) {
            self.propose([Change::Registered { broker, incarnation, leaves: true }].into(), None, out)?;
        }
        if self.counts(broker) {
            return self.fence(broker, Change::Relieved { broker }, Some((broker, id, Answer::Cluster)), out);
        }
        self.tell(broker, id, out);
        Ok(())
    }

    /// Whether a broker counts as alive, with all that was proposed.
    fn counts(&self, broker: NodeId) -> bool {
        self.reign.as_ref().is_some_and(|reign| is_alive(&reign.latest.view, broker))
    }

    fn fence(
        &mut self,
        broker: NodeId,
        why: Change,
        answer: Option<(NodeId, RequestId, Answer)>,
        out: &mut Out,
    ) -> Done<L> {
        let Some(reign) = &self.reign else { return Ok(()) };
        let mut view = Arc::clone(&reign.latest.view);
        if self.settings.mutated().is(Mutant::ElectsAnyone) {
            decisions::believe_all_in_sync(Arc::make_mut(&mut view));
        }
        let changes = decisions::fence(&view, broker, why);
        self.propose(changes, answer, out)
    }

    pub(super) fn fence_silent(&mut self, now: Time, out: &mut Out) -> Done<L> {
        let Some(reign) = &self.reign else { return Ok(()) };
        let session = self.settings.broker_session;
        let silent: Vec<NodeId> = (reign.heard.iter())
            .filter(|(broker, heard)| is_alive(&reign.latest.view, **broker) && **heard + session <= now)
            .map(|(&broker, _)| broker)
            .collect();
        silent.into_iter().try_for_each(|broker| self.fence(broker, Change::Fenced { broker }, None, out))
    }

    /// Gives leadership back to preferred replicas, when that is due.
    pub(super) fn balance_if_due(&mut self, now: Time, out: &mut Out) -> Done<L> {
        let Some(reign) = &mut self.reign else { return Ok(()) };
        let Some((at, every)) = reign.next_balance.zip(self.settings.leader_balance) else { return Ok(()) };
        if at > now {
            return Ok(());
        }
        reign.next_balance = Some(now + every);
        match decisions::balance(&reign.latest.view) {
            changes if changes.is_empty() => Ok(()),
            changes => self.propose(changes, None, out),
        }
    }
}

/// A leader's in-sync set may change if the leader knows how the partition stands, and names none that is dead.
fn may_set_in_sync(
    view: &View,
    from: NodeId,
    partition: &PartitionId,
    known: (Epoch, u64),
    in_sync: &[NodeId],
) -> Result<(), Refusal> {
    let state = view.partitions.get(partition).ok_or(Refusal::Unknown)?;
    if state.leader != Some(from) || (state.epoch, state.version) != known {
        return Err(Refusal::Stale);
    }
    let fits = |replica: &NodeId| state.replicas.contains(replica) && is_alive(view, *replica);
    if !in_sync.contains(&from) || !in_sync.iter().all(fits) {
        return Err(Refusal::NotEnoughReplicas);
    }
    Ok(())
}
