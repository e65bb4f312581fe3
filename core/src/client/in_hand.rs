//! What does a program work on? A few records of a partition, each since some moment.
//!
//! They are begun in order, and mostly done in order: a line that grows at its end and shrinks at its front.

use alloc::collections::VecDeque;

use crate::ids::Offset;
use crate::time::Time;

/// The records of one partition that a program works on, in order of offset.
#[derive(Clone, Debug, Default)]
pub(super) struct InHand(VecDeque<(Offset, Time)>);

impl InHand {
    fn find(&self, offset: Offset) -> Result<usize, usize> {
        match self.0.front() {
            Some((first, _)) if *first == offset => Ok(0),
            _ => self.0.binary_search_by_key(&offset, |(other, _)| *other),
        }
    }

    pub(super) fn insert(&mut self, offset: Offset, since: Time) {
        match self.find(offset) {
            Ok(at) => self.0[at].1 = since,
            Err(at) => self.0.insert(at, (offset, since)),
        }
    }

    /// Whether it was there.
    pub(super) fn remove(&mut self, offset: Offset) -> bool {
        self.find(offset).is_ok_and(|at| self.0.remove(at).is_some())
    }

    pub(super) fn contains(&self, offset: Offset) -> bool {
        self.find(offset).is_ok()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn first(&self) -> Option<Offset> {
        self.0.front().map(|(offset, _)| *offset)
    }

    pub(super) fn last(&self) -> Option<Offset> {
        self.0.back().map(|(offset, _)| *offset)
    }

    pub(super) fn offsets(&self) -> impl Iterator<Item = Offset> {
        self.0.iter().map(|(offset, _)| *offset)
    }

    /// Since when it has had the one that it has had for longest.
    pub(super) fn oldest(&self) -> Option<Time> {
        self.0.iter().map(|(_, since)| *since).min()
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeMap;
    use alloc::vec::Vec;

    use super::*;
    use crate::rng::{Rng, Stream};

    #[test]
    fn it_is_a_map_in_order() {
        let (mut rng, mut line, mut model) =
            (Rng::new(7, Stream::Workload), InHand::default(), BTreeMap::new());
        for step in 0..5_000 {
            let offset = Offset(rng.below(40));
            if rng.below(2) == 0 {
                line.insert(offset, Time(step));
                model.insert(offset, Time(step));
            } else {
                assert_eq!(line.remove(offset), model.remove(&offset).is_some());
            }
            assert_eq!(line.offsets().collect::<Vec<_>>(), model.keys().copied().collect::<Vec<_>>());
            assert_eq!(line.oldest(), model.values().min().copied());
            assert_eq!((line.first(), line.is_empty()), (model.keys().next().copied(), model.is_empty()));
            assert_eq!(line.last(), model.keys().next_back().copied());
            assert_eq!(line.contains(offset), model.contains_key(&offset));
        }
    }
}
