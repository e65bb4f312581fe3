//! How does a partition change hands while everybody reads on? In two rounds: first the old owner lets go, then the new
//! one begins.
//!
//! ```text
//!   a has 0 1 2 3, b comes     round 1   a: 0 1       b: -        2 and 3 are withheld: a may be reading them
//!                              round 2   a: 0 1       b: 2 3      a joined again without them: they are free
//! ```
//!
//! The shares are those of the sticky rule; only what somebody else may still be reading is withheld from its new
//! owner. Whoever finds that he has lost something lets go of it and joins again, which makes the second round.

use super::{Candidate, Dealt, sticky};
use crate::ids::PartitionId;

/// Deals sorted partitions to sorted members.
pub(super) fn deal<M>(members: &[&Candidate<M>], partitions: &[&PartitionId]) -> Dealt {
    let mut dealt = sticky::deal(members, partitions);
    for (place, share) in dealt.iter_mut().enumerate() {
        share.retain(|partition| {
            let claims = (0..).zip(members).filter(|(_, member)| member.owned.contains(partition));
            // An old claim is void beside a later one; of two of the same generation nobody knows which is right.
            let own = claims.clone().find(|(owner, _)| *owner == place).map(|(_, own)| own.generation);
            claims.filter(|(other, _)| *other != place).all(|(_, other)| own > Some(other.generation))
        });
    }
    dealt
}
