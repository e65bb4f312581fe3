//! How is it drawn where very many packets went between nodes? Those that are alike, and left within a little time, are one
//! band, with how many they are.
//!
//! ```text
//!   up to WAYS_MAX in the window     ╲ ╲╲ ╲      an arrow for each
//!   more                             ╲▒▒▒╲ ×37   from when the first left and came to when the last did
//! ```
//!
//! What is chosen stays an arrow of its own, and so does what has none like it.

use std::collections::BTreeMap;

use mqlab_core::ids::NodeId;
use mqlab_core::sim::Trip;
use mqlab_core::sim::picture::PacketKind;
use mqlab_core::time::Time;

/// With more than this in the window, ways that are alike are drawn as one.
pub(super) const WAYS_MAX: usize = 500;
/// What leaves within so many pixels of time is together.
const SLOT: f64 = 26.0;

/// Ways that are alike.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bundle<'a> {
    /// The first of them.
    pub(super) first: &'a Trip,
    /// When the first left and came.
    pub(super) early: (Time, Time),
    /// When the last left and came.
    pub(super) late: (Time, Time),
    /// How many there are.
    pub(super) count: usize,
    /// Whether they were lost on their way.
    pub(super) lost: bool,
}

/// From whom to whom, what, whether lost, and in which slot of time it left.
type Alike = (NodeId, NodeId, PacketKind, bool, i64);

/// Ways that are drawn together, and those that are not. `along` says where a moment lies, in pixels.
pub(super) fn bundled<'a>(
    trips: impl Iterator<Item = &'a Trip>,
    along: impl Fn(Time) -> f64,
    chosen: impl Fn(&Trip) -> bool,
) -> (Vec<Bundle<'a>>, Vec<&'a Trip>) {
    let trips: Vec<&Trip> = trips.collect();
    if trips.len() <= WAYS_MAX {
        return (Vec::new(), trips);
    }
    let (mut alike, mut alone): (BTreeMap<Alike, Vec<&Trip>>, Vec<&Trip>) = Default::default();
    for trip in trips {
        if chosen(trip) {
            alone.push(trip);
            continue;
        }
        let packet = &trip.packet;
        let slot = (along(packet.departed) / SLOT).floor() as i64;
        let key = (packet.from, packet.to, packet.kind, trip.lost.is_some(), slot);
        alike.entry(key).or_default().push(trip);
    }
    let mut bundles = Vec::new();
    for ((.., lost, _), together) in alike {
        let [first, .., last] = together.as_slice() else {
            alone.extend(together);
            continue;
        };
        let (first, last) = (*first, *last);
        let end = |trip: &Trip| trip.lost.unwrap_or(trip.packet.arrives);
        let ends = || together.iter().map(|trip| end(trip));
        let (early, late) = (ends().min().unwrap_or_default(), ends().max().unwrap_or_default());
        bundles.push(Bundle {
            first,
            early: (first.packet.departed, early),
            late: (last.packet.departed, late),
            count: together.len(),
            lost,
        });
    }
    (bundles, alone)
}

#[cfg(test)]
mod tests {
    use mqlab_core::sim::{Scenario, Timeline, Trips};

    use super::*;

    #[test]
    fn ways_are_bundled_where_there_are_very_many_and_none_is_forgotten() {
        let scenario = Scenario::built_in("kill-the-leader").expect("it is built in");
        let mut timeline = Timeline::new(scenario, 20).expect("it can be run");
        let mut trips = Trips::default();
        timeline.seek(Time(120_000));
        trips.follow(&timeline, Time(100_000), Time(120_000));
        let along = |moment: Time| moment.0 as f64 / 3_000.0;
        let (bundles, alone) = bundled(trips.all(), along, |_| false);
        assert!(bundles.is_empty() && alone.len() == trips.all().count(), "few: an arrow for each");

        timeline.seek(timeline.ends_at());
        trips.follow(&timeline, Time::ZERO, timeline.ends_at());
        let all = trips.all().count();
        assert!(all > WAYS_MAX);
        let chosen = trips.all().nth(all / 2).map(|trip| trip.packet.id);
        let (bundles, alone) = bundled(trips.all(), along, |trip| Some(trip.packet.id) == chosen);
        assert_eq!(bundles.iter().map(|bundle| bundle.count).sum::<usize>() + alone.len(), all);
        assert!(bundles.len() + alone.len() < all / 2, "{} {} {all}", bundles.len(), alone.len());
        assert!(alone.iter().any(|trip| Some(trip.packet.id) == chosen), "what is chosen stands by itself");
        for bundle in &bundles {
            assert!(bundle.count > 1 && bundle.early.0 <= bundle.late.0 && bundle.early.1 <= bundle.late.1);
            assert!(along(bundle.late.0) - along(bundle.early.0) <= SLOT);
        }
    }
}
