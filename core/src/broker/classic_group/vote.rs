//! By which rule does a group of the classic protocol deal its partitions? By one that all members know, and most like best.

use super::{Assignor, ClassicGroup, Join, MemberId};
use crate::sorted::{SortedMap, SortedSet};

impl ClassicGroup {
    /// The assignors that all know: with this join in the place of the member that it comes from.
    pub(super) fn common(&self, from: Option<MemberId>, join: Option<&Join>) -> SortedSet<Assignor> {
        let instance = join.and_then(|join| join.instance.as_ref()).and_then(|name| self.instances.get(name));
        let others = self.members.iter().filter(|(id, _)| Some(**id) != from && Some(*id) != instance);
        let mut all = others.map(|(_, member)| &member.join).chain(join).map(|join| &join.assignors);
        let first: SortedSet<Assignor> = all.next().into_iter().flatten().copied().collect();
        all.fold(first, |common, known| common.into_iter().filter(|one| known.contains(one)).collect())
    }

    /// The assignor that most members like best of those that all know; the first of several.
    pub(super) fn vote(&self) -> Assignor {
        let common = self.common(None, None);
        let mut votes: SortedMap<Assignor, usize> = SortedMap::new();
        for member in self.members.values() {
            if let Some(best) = member.join.assignors.iter().find(|one| common.contains(one)) {
                *votes.entry(*best).or_default() += 1;
            }
        }
        let most = votes.values().max().copied().unwrap_or_default();
        votes.into_iter().find(|(_, count)| *count == most).map(|(one, _)| one).unwrap_or_default()
    }
}
