//! What are blocks? Each topic is cut into contiguous ranges, one for each of its subscribers; the first ones are one
//! longer where it does not come out even.
//!
//! ```text
//!   3 partitions, 2 members     t1: 0 1 │ 2        a: t1-0 t1-1 t2-0 t2-1
//!                               t2: 0 1 │ 2        b: t1-2 t2-2             each topic for itself: a has two more
//! ```
//!
//! Partitions of the same number go to the same member, topic by topic: whoever joins two topics that are keyed alike
//! needs that.

use alloc::vec;

use super::{Candidate, Dealt};
use crate::ids::PartitionId;

/// Deals sorted partitions to sorted members.
pub(super) fn deal<M>(members: &[&Candidate<M>], partitions: &[&PartitionId]) -> Dealt {
    let mut dealt = vec![vec![]; members.len()];
    for block in partitions.chunk_by(|a, b| a.topic == b.topic) {
        let takers =
            || (0..).zip(members).filter(|(_, member)| member.wants(block[0])).map(|(place, _)| place);
        let (each, more) = (block.len() / takers().count(), block.len() % takers().count());
        let mut rest = block.iter();
        for (turn, place) in takers().enumerate() {
            let place: usize = place;
            let count = each + usize::from(turn < more);
            dealt[place].extend(rest.by_ref().take(count).map(|&partition| partition.clone()));
        }
    }
    dealt
}
