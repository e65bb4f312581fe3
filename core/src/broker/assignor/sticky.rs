//! Who keeps what he has? Everybody, as far as the shares stay equal: only what must move moves.
//!
//! ```text
//!   a: 0 3 6    b: 1 4    c: 2 5        b leaves        a: 0 3 6 4    c: 2 5 1      nobody lost anything
//!   a: 0 3 6 4  c: 2 5 1                d comes         a: 0 3 4      c: 2 1   d: 5 6    (which ones go is open)
//! ```
//!
//! What a partition's reader has built up for it (a cache, the state of its sums, an open file) stays where it is.
//!
//! Where all subscribe to the same topics, each share is the floor or the ceiling of the average: that is done in one
//! pass. Where they do not, partitions that few want are dealt first, each to the one of its subscribers who has least;
//! then they are moved one by one while that makes two shares more equal.

use alloc::vec;
use alloc::vec::Vec;

use super::{Candidate, Dealt};
use crate::ids::{Name, PartitionId};
use crate::sorted::{SortedMap, SortedSet};

/// Whose a partition was, of all who claim it: nobody's when two claim it in the same generation.
type Owners = SortedMap<PartitionId, Option<usize>>;

/// Believes the latest claim to each partition.
fn owners<M>(members: &[&Candidate<M>], partitions: &[&PartitionId]) -> Owners {
    let mut claims: SortedMap<&PartitionId, (u32, Option<usize>)> = SortedMap::new();
    for (place, member) in members.iter().enumerate() {
        let owned: SortedSet<&PartitionId> = member.owned.iter().collect();
        for partition in owned.into_iter().filter(|owned| member.wants(owned)) {
            let claim = claims.entry(partition).or_insert((member.generation, Some(place)));
            if claim.0 < member.generation {
                *claim = (member.generation, Some(place));
            } else if claim.0 == member.generation && claim.1 != Some(place) {
                claim.1 = None;
            }
        }
    }
    let known = |partition: &&&PartitionId| claims.contains_key(**partition);
    partitions.iter().filter(known).map(|&partition| (partition.clone(), claims[partition].1)).collect()
}

/// Deals sorted partitions to sorted members.
pub(super) fn deal<M>(members: &[&Candidate<M>], partitions: &[&PartitionId]) -> Dealt {
    let owners = owners(members, partitions);
    let mut had = vec![vec![]; members.len()];
    for (partition, owner) in &owners {
        if let Some(owner) = *owner {
            had[owner].push(partition.clone());
        }
    }
    if members.windows(2).all(|pair| pair[0].topics == pair[1].topics) {
        deal_equally(had, partitions)
    } else {
        let mut dealt = had.clone();
        deal_rest(members, partitions, &mut dealt);
        while let Some((from, at, to)) = best_move(members, &dealt, &had) {
            let partition = dealt[from].remove(at);
            dealt[to].push(partition);
        }
        dealt
    }
}

/// All want the same. Everybody keeps up to the floor of the average, and as many as it takes keep one more; the rest is
/// dealt in a circle to those who have less, and then one each to those who have just the floor.
fn deal_equally(had: Dealt, partitions: &[&PartitionId]) -> Dealt {
    if had.is_empty() {
        return had;
    }
    let (floor, mut more) = (partitions.len() / had.len(), partitions.len() % had.len());
    let mut dealt = had;
    for share in &mut dealt {
        let keeps_more = share.len() > floor && more > 0;
        more -= usize::from(keeps_more);
        share.truncate(floor + usize::from(keeps_more));
    }
    let kept: SortedSet<PartitionId> = dealt.iter().flatten().cloned().collect();
    let mut rest = partitions.iter().filter(|partition| !kept.contains(**partition));
    while dealt.iter().any(|share| share.len() < floor) {
        for share in dealt.iter_mut().filter(|share| share.len() < floor) {
            share.extend(rest.next().map(|&partition| partition.clone()));
        }
    }
    for share in dealt.iter_mut().filter(|share| share.len() == floor) {
        share.extend(rest.next().map(|&partition| partition.clone()));
    }
    dealt
}

/// Deals what nobody has: the partitions that fewest want first, each to who has least.
fn deal_rest<M>(members: &[&Candidate<M>], partitions: &[&PartitionId], dealt: &mut Dealt) {
    let kept: SortedSet<PartitionId> = dealt.iter().flatten().cloned().collect();
    let wanted_by = |topic: &Name| members.iter().filter(|member| member.topics.contains(topic)).count();
    let mut rest: Vec<&PartitionId> =
        partitions.iter().copied().filter(|partition| !kept.contains(*partition)).collect();
    rest.sort_by_cached_key(|partition| (wanted_by(&partition.topic), (*partition).clone()));
    for partition in rest {
        if let Some(place) = least(members, dealt, &partition.topic) {
            dealt[place].push(partition.clone());
        }
    }
}

/// Who of a topic's subscribers has least; the first of several.
fn least<M>(members: &[&Candidate<M>], dealt: &Dealt, topic: &Name) -> Option<usize> {
    let takers = (0..members.len()).filter(|&place| members[place].topics.contains(topic));
    takers.min_by_key(|&place| dealt[place].len())
}

/// A partition that makes two shares more equal when it moves: from whom, which, to whom. Rather one that goes back to
/// who had it, or that nobody had, than one that its owner would have to give up.
fn best_move<M>(members: &[&Candidate<M>], dealt: &Dealt, had: &Dealt) -> Option<(usize, usize, usize)> {
    let mut takers: SortedMap<&Name, Option<usize>> = SortedMap::new();
    let mut best: Option<(u8, (usize, usize, usize))> = None;
    for (from, share) in dealt.iter().enumerate() {
        for (at, partition) in share.iter().enumerate() {
            let topic = &partition.topic;
            let Some(to) = *takers.entry(topic).or_insert_with(|| least(members, dealt, topic)) else {
                continue;
            };
            if share.len() < dealt[to].len() + 2 {
                continue;
            }
            let cost = match (had[to].contains(partition), had[from].contains(partition)) {
                (true, _) => 0,
                (false, false) => 1,
                (false, true) => 2,
            };
            if best.is_none_or(|(least, _)| cost < least) {
                best = Some((cost, (from, at, to)));
            }
        }
    }
    best.map(|(_, step)| step)
}
