//! Which replica leads? One that has everything that was committed; or, where that is asked for, rather one that lacks
//! some of it than nobody.
//!
//! | what is asked | who wins |
//! |---|---|
//! | somebody must lead | the present leader, if it may go on; else the first replica that is in sync and alive |
//! | the preferred one shall lead | the first of the assignment, if it is in sync and alive; else as above |
//! | nobody in sync is alive | nobody; with unclean election the first replica that is alive, and it alone is in sync then |
//!
//! First always means the order of the assignment. The last replica of an in-sync set stays in it even when it dies, for
//! only it is known to have everything: when it comes back, it leads again.
//!
//! An *unclean* election makes the partition available, and whatever the new leader lacks is lost, though its producers
//! were told that it is safe: whoever comes back later cuts its log to the new leader's.
//!
//! Source: Kafka `PartitionChangeBuilder.java`. Left out: eligible replicas outside of the in-sync set (KIP-966).

use super::view::PartitionState;
use crate::ids::NodeId;

/// What an election is held for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Somebody must lead.
    Anyone,
    /// The preferred leader shall lead.
    Preferred,
}

/// Who won.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Won {
    pub(super) leader: Option<NodeId>,
    /// Whether it is not in sync.
    pub(super) unclean: bool,
}

/// Holds an election.
pub(super) fn elect(state: &PartitionState, wanted: Wanted, alive: impl Fn(&NodeId) -> bool) -> Won {
    let may_lead = |replica: &&NodeId| state.in_sync.contains(replica) && alive(replica);
    let first = state.replicas.iter().find(may_lead).copied();
    let present = state.leader.filter(|leader| may_lead(&leader));
    let preferred = state.replicas.first().filter(may_lead).copied();
    let clean = match wanted {
        Wanted::Anyone => present.or(first),
        Wanted::Preferred => preferred.or(present).or(first),
    };
    let unclean = state.replicas.iter().find(|replica| state.unclean_election && alive(replica)).copied();
    Won { leader: clean.or(unclean), unclean: clean.is_none() && unclean.is_some() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use NodeId::Broker;

    #[test]
    fn who_wins() {
        use Wanted::{Anyone, Preferred};
        // In sync, alive, the present leader; what is asked; who wins among 1, 2, 3: clean, and with unclean election.
        type Row = (&'static [u16], &'static [u16], Option<u16>, Wanted, Option<u16>, Option<u16>);
        let table: [Row; 11] = [
            (&[1, 2, 3], &[1, 2, 3], None, Anyone, Some(1), Some(1)),
            (&[1, 2, 3], &[2, 3], Some(1), Anyone, Some(2), Some(2)),
            (&[3, 2], &[2, 3], None, Anyone, Some(2), Some(2)), // the order is that of the assignment
            (&[1, 2, 3], &[1, 2, 3], Some(3), Anyone, Some(3), Some(3)), // whoever leads may go on
            (&[1, 2, 3], &[1, 2, 3], Some(3), Preferred, Some(1), Some(1)),
            (&[2, 3], &[1, 2, 3], Some(3), Preferred, Some(3), Some(3)), // the preferred one is not in sync
            (&[1, 2, 3], &[2, 3], Some(3), Preferred, Some(3), Some(3)), // or dead
            (&[1], &[2, 3], Some(1), Anyone, None, Some(2)), // alive, but not in sync: rather nobody, or rather it
            (&[1], &[3], Some(1), Preferred, None, Some(3)),
            (&[1], &[], Some(1), Anyone, None, None),
            (&[], &[1, 2, 3], None, Anyone, None, Some(1)),
        ];
        for (in_sync, alive, leader, wanted, clean, unclean) in table {
            let all = PartitionState::new([1, 2, 3].map(Broker).into(), 1);
            let in_sync: alloc::vec::Vec<NodeId> = in_sync.iter().copied().map(Broker).collect();
            for (allowed, expect) in [(false, clean), (true, unclean)] {
                let state = PartitionState {
                    in_sync: in_sync.clone(),
                    leader: leader.map(Broker),
                    unclean_election: allowed,
                    ..all.clone()
                };
                let won =
                    elect(&state, wanted, |broker| alive.iter().any(|&number| *broker == Broker(number)));
                let dirty = allowed && clean.is_none() && expect.is_some();
                assert_eq!(
                    won,
                    Won { leader: expect.map(Broker), unclean: dirty },
                    "{state:?}, alive {alive:?}"
                );
            }
        }
    }
}
