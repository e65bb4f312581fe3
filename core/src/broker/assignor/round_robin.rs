//! What is a circle? All partitions of all topics, one after the other, to the members in turn.
//!
//! ```text
//!   t0-0 t0-1 t0-2 t1-0 t1-1 t1-2
//!    a    b    a    b    a    b
//! ```
//!
//! Who does not subscribe to a topic is passed over, and the circle goes on behind him: with unequal subscriptions the
//! shares are not as equal as they could be.

use alloc::vec;

use super::{Candidate, Dealt};
use crate::ids::PartitionId;

/// Deals sorted partitions to sorted members.
pub(super) fn deal<M>(members: &[&Candidate<M>], partitions: &[&PartitionId]) -> Dealt {
    let mut dealt = vec![vec![]; members.len()];
    let mut circle = (0..members.len()).cycle();
    for &partition in partitions {
        // Somebody subscribes to it, so one turn of the circle finds him.
        if let Some(place) =
            circle.by_ref().take(members.len()).find(|&place| members[place].wants(partition))
        {
            dealt[place].push(partition.clone());
        }
    }
    dealt
}
