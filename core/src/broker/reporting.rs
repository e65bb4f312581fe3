//! To whom does a broker report, and what if nobody answers?
//!
//! It says that it lives to the active controller, and asks it to change in-sync sets. Which one is active it learns when
//! one says how the cluster stands; when the one that it takes for active is silent, or says that it is not, it turns to
//! the next.
//!
//! A change that was asked for may be made long after: the controller that got the request may lose the lead, and its
//! successor find the change in the log and agree on it. Therefore a leader takes both sets for possible until it knows:
//! it asks again until it learns a newer state of the partition, or a refusal that excludes the change.
//!
//! What real systems do: Kafka's brokers read the metadata log themselves, and so know who leads it
//! (`BrokerLifecycleManager.scala`, `AlterPartitionManager.scala`: retried until answered). Here the active controller
//! sends them what it comes to.

use alloc::vec::Vec;

use super::replica::Role;
use super::{Broker, Message, Out, Reply, Request, RequestId};
use crate::ids::{NodeId, PartitionId};
use crate::log::{SliceOf, Storage};
use crate::observe::Refusal;
use crate::time::Time;

/// After so many words that were not answered a broker turns to another controller.
const UNANSWERED_MAX: u32 = 2;

/// The controllers of the cluster, as a broker sees them.
#[derive(Clone, Debug, Default)]
pub(super) struct Controllers {
    /// None where a broker is the whole cluster.
    all: Vec<NodeId>,
    /// Which of them it takes for the active one.
    at: usize,
    /// How often it said that it lives, and nobody answered.
    unanswered: u32,
}

/// A change of an in-sync set that was asked for, and may be made or not.
#[derive(Clone, Debug)]
pub(super) struct Proposal {
    partition: PartitionId,
    request: Request,
    /// When to ask again.
    again: Time,
}

impl Controllers {
    pub(super) fn new(all: Vec<NodeId>) -> Self {
        Self { all, at: 0, unanswered: 0 }
    }

    /// Whether there are any.
    pub(super) fn exist(&self) -> bool {
        !self.all.is_empty()
    }

    fn active(&self) -> Option<NodeId> {
        self.all.get(self.at).copied()
    }

    /// The broker will say that it lives: to the next one, if this one was silent for too long.
    fn speak(&mut self) {
        if self.unanswered >= UNANSWERED_MAX {
            self.turn_away();
        }
        self.unanswered += 1;
    }

    /// One of them said something.
    fn hear(&mut self, from: NodeId) {
        if self.active() == Some(from) {
            self.unanswered = 0;
        }
    }

    /// This one says how the cluster stands: it is the active one.
    fn turn_to(&mut self, controller: NodeId) {
        if let Some(at) = self.all.iter().position(|other| *other == controller) {
            (self.at, self.unanswered) = (at, 0);
        }
    }

    fn turn_away(&mut self) {
        self.unanswered = 0;
        self.at = (self.at + 1) % self.all.len().max(1);
    }
}

impl<S: Storage> Broker<S> {
    /// Takes note of who is active, from what a controller says.
    pub(super) fn hear_controller(&mut self, now: Time, from: NodeId, message: &Message) {
        if self.controllers.all.len() < 2 || !self.controllers.all.contains(&from) {
            return; // whoever has one controller has no choice
        }
        self.controllers.hear(from);
        match message {
            Message::Cluster(view) if view.version >= self.view.version => self.controllers.turn_to(from),
            Message::Reply(_, Reply::Refused(Refusal::NotController))
                if self.controllers.active() == Some(from) =>
            {
                self.controllers.turn_away();
                self.next_heartbeat = self.next_heartbeat.min(now + self.settings.retry_backoff);
            }
            _ => {}
        }
    }

    /// The connection to a controller broke.
    pub(super) fn controller_hung_up(&mut self, peer: NodeId) {
        if self.controllers.all.len() > 1 && self.controllers.active() == Some(peer) {
            self.controllers.turn_away();
        }
    }

    /// Says that the broker lives, or is about to stop.
    pub(super) fn report(&mut self, out: &mut Out<SliceOf<S>>) {
        self.controllers.speak();
        let (incarnation, version) = (self.incarnation, self.view.version);
        let word = match self.leaves_by {
            None => Request::Alive { incarnation, version },
            Some(_) => Request::Leave { incarnation },
        };
        self.ask_controller(word, out);
    }

    /// Asks for another in-sync set.
    pub(super) fn propose(
        &mut self,
        now: Time,
        partition: &PartitionId,
        in_sync: Option<Vec<NodeId>>,
        out: &mut Out<SliceOf<S>>,
    ) {
        let (Some(in_sync), Some(Role::Leader(leader))) =
            (in_sync, self.replicas.get(partition).map(|replica| &replica.role))
        else {
            return;
        };
        let (epoch, version) = (leader.epoch, leader.version);
        let request = Request::SetInSync { partition: partition.clone(), epoch, version, in_sync };
        self.ask_for(now, partition.clone(), request, out);
    }

    fn ask_for(&mut self, now: Time, partition: PartitionId, request: Request, out: &mut Out<SliceOf<S>>) {
        let id = self.ask_controller(request.clone(), out);
        let again = now + self.settings.request_timeout;
        self.proposals.insert(id, Proposal { partition, request, again });
    }

    /// Asks again for what was not answered, as long as it is in doubt.
    pub(super) fn ask_again_if_due(&mut self, now: Time, out: &mut Out<SliceOf<S>>) {
        let due: Vec<RequestId> =
            self.proposals.iter().filter(|(_, proposal)| proposal.again <= now).map(|(id, _)| *id).collect();
        for id in due {
            let Some(Proposal { partition, request, .. }) = self.proposals.remove(&id) else { continue };
            if self.is_in_doubt(&partition, &request) {
                self.ask_for(now, partition, request, out);
            }
        }
    }

    /// Whether the state that a change was asked for is still the last that is known.
    fn is_in_doubt(&self, partition: &PartitionId, request: &Request) -> bool {
        let Some(Role::Leader(leader)) = self.replicas.get(partition).map(|replica| &replica.role) else {
            return false;
        };
        let same = |epoch, version| (epoch, version) == (leader.epoch, leader.version);
        leader.has_proposed()
            && matches!(request, Request::SetInSync { epoch, version, .. } if same(*epoch, *version))
    }

    /// A change was not made, and will not be; or that is not known yet.
    pub(super) fn proposal_answered(&mut self, now: Time, id: RequestId, reply: &Reply) -> bool {
        let Some(proposal) = self.proposals.remove(&id) else { return false };
        match reply {
            Reply::Cluster(_) => {}
            Reply::Refused(Refusal::Stale | Refusal::NotController) => {
                let again = now + self.settings.retry_backoff;
                self.proposals.insert(id, Proposal { again, ..proposal });
            }
            _ => {
                let in_doubt = self.is_in_doubt(&proposal.partition, &proposal.request);
                if let Some(Role::Leader(leader)) =
                    self.replicas.get_mut(&proposal.partition).map(|replica| &mut replica.role)
                    && in_doubt
                {
                    leader.withdraw_proposal();
                }
            }
        }
        true
    }

    pub(super) fn ask_controller(&mut self, request: Request, out: &mut Out<SliceOf<S>>) -> RequestId {
        self.last_request += 1;
        if let Some(active) = self.controllers.active() {
            out.send(active, Message::Request(self.last_request, request));
        }
        self.last_request
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_silent_or_hangs_up_is_left_for_the_next() {
        let [a, b, c] = [1, 2, 3].map(NodeId::Voter);
        let mut controllers = Controllers::new([a, b, c].into());
        controllers.speak();
        controllers.speak();
        assert_eq!(controllers.active(), Some(a), "two words are under way");
        controllers.speak();
        assert_eq!(controllers.active(), Some(b));
        controllers.speak();
        controllers.hear(a);
        controllers.hear(b);
        controllers.speak();
        controllers.speak();
        assert_eq!(controllers.active(), Some(b), "it was heard");
        controllers.turn_to(c);
        controllers.turn_away();
        assert_eq!(controllers.active(), Some(a), "after the last comes the first");
    }
}
