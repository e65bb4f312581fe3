//! Which lanes have something to do? A producer may send to thousands of places, and few of them have anything waiting.
//!
//! ```text
//!   all    orders/0   orders/1   orders/2   orders/3   ...   in order of place
//!   busy              ▲                     ▲                 these have messages, or are not done with their numbers
//! ```
//!
//! An idle lane is kept, because it knows what its place was sent before (`numbered.rs`, `in_flight.rs`); but nobody
//! looks at it.

use alloc::vec::Vec;

use super::lane::Lane;
use crate::broker::RequestId;
use crate::observe::Place;

/// The lanes of a producer.
#[derive(Clone, Debug, Default)]
pub(super) struct Lanes {
    all: Vec<(Place, Lane)>,
    /// The places in `all` of those that are busy, in order.
    busy: Vec<usize>,
}

impl Lanes {
    fn find(&self, place: &Place) -> Result<usize, usize> {
        self.all.binary_search_by(|(other, _)| other.cmp(place))
    }

    /// The lane of a place, if anything was ever sent there.
    pub(super) fn get(&self, place: &Place) -> Option<&Lane> {
        self.find(place).ok().map(|at| &self.all[at].1)
    }

    /// Where the lane of a place is, to put something in: it is busy then.
    pub(super) fn of(&mut self, place: Place) -> usize {
        let at = self.find(&place).unwrap_or_else(|at| {
            self.all.insert(at, (place, Lane::default()));
            self.busy.iter_mut().filter(|busy| **busy >= at).for_each(|busy| *busy += 1);
            at
        });
        if let Err(free) = self.busy.binary_search(&at) {
            self.busy.insert(free, at);
        }
        at
    }

    /// The lane at a place that [`of`](Self::of) said, until the next is made.
    pub(super) fn at(&mut self, at: usize) -> (&Place, &mut Lane) {
        let (place, lane) = &mut self.all[at];
        (place, lane)
    }

    /// The lane that made a request.
    pub(super) fn that_asked(&mut self, id: RequestId) -> Option<(Place, &mut Lane)> {
        let made = |at: &&usize| self.all[**at].1.asked(id);
        let &at = self.busy.iter().find(made)?;
        let (place, lane) = &mut self.all[at];
        Some((place.clone(), lane))
    }

    /// The busy lanes, in order.
    pub(super) fn busy(&self) -> impl Iterator<Item = (&Place, &Lane)> {
        self.busy.iter().map(|&at| (&self.all[at].0, &self.all[at].1))
    }

    /// Lets each busy lane do something, in order.
    pub(super) fn each_busy(&mut self, mut work: impl FnMut(&Place, &mut Lane)) {
        for &at in &self.busy {
            let (place, lane) = &mut self.all[at];
            work(place, lane);
        }
    }

    /// What waits in them and what they knew is forgotten; only whom to spare for a while is not.
    pub(super) fn forget(&mut self) {
        for (_, lane) in &mut self.all {
            *lane = Lane { not_before: lane.not_before, ..Lane::default() };
        }
        self.busy.clear();
    }

    /// Those that have nothing left to do are busy no longer.
    pub(super) fn rest(&mut self) {
        let all = &self.all;
        self.busy.retain(|&at| !all[at].1.is_idle());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::asked::Asked;
    use crate::client::lane::Unstored;
    use crate::ids::{MessageId, Name, NodeId, PartitionId};
    use crate::record::NewRecord;
    use crate::time::Time;

    fn place(index: u32) -> Place {
        Place::Partition(PartitionId { topic: Name::new("t").expect("a legal name"), index })
    }

    fn message(id: u32) -> Unstored {
        Unstored::new(MessageId(id.into()), NewRecord::default(), 0, Time::ZERO)
    }

    #[test]
    fn who_has_nothing_to_do_is_not_looked_at_and_comes_back_with_what_it_knew() {
        let mut lanes = Lanes::default();
        let asked = |id| Asked { id, broker: NodeId::Broker(1), deadline: Time(9) };
        for index in [5, 1, 9, 3] {
            let at = lanes.of(place(index));
            let lane = lanes.at(at).1;
            lane.again = index as usize;
            lane.push(message(index));
            lane.in_flight.push(asked(RequestId::from(index)), 1);
        }
        let busy = |lanes: &Lanes| lanes.busy().map(|(_, lane)| lane.again).collect::<Vec<usize>>();
        assert_eq!(busy(&lanes), [1, 3, 5, 9]);
        let (at, lane) = lanes.that_asked(3).expect("it is under way");
        assert_eq!(at, place(3));
        lane.in_flight.answered(3);
        lane.waiting.clear();
        lanes.rest();
        assert_eq!(busy(&lanes), [1, 5, 9]);
        let at = lanes.of(place(2));
        lanes.at(at).1.push(message(2));
        assert_eq!(busy(&lanes), [1, 0, 5, 9], "a new one among them");
        assert_eq!(lanes.get(&place(3)).map(|lane| lane.again), Some(3));
        lanes.of(place(3));
        assert_eq!(busy(&lanes), [1, 0, 3, 5, 9]);
        assert!(lanes.that_asked(3).is_none() && lanes.that_asked(9).is_some());
    }
}
