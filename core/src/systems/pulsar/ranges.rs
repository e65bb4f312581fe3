//! Which consumer of a key-shared subscription gets a key? The hash space is cut into ranges, and each has an owner.
//!
//! ```text
//!   auto split        0          16          32                     64
//!   (64 slots)        ├─── c3 ───┼─── c2 ────┼───── c4 ───┼── c1 ───┤     a new one takes the lower half of the
//!                                                                         largest range: c1, then c2, c3, c4
//!
//!   consistent hash   ──●c1──●c2────●c1─●c3──●c2──●c3──●c1─▶ wraps        100 points each; a key belongs to the
//!                                                                         next point at or after its hash
//!
//!   sticky            [0, 99] c1      [100, 499] c2    (500.. nobody)     consumers say what they want; what nobody
//!                                                                         wants is not delivered
//! ```
//!
//! Auto split moves few keys and shares badly unless consumers are a power of two; the ring shares about evenly and moves
//! about one key in n, from everybody a little.
//!
//! Sources: Pulsar `HashRangeAutoSplitStickyKeyConsumerSelector`, `ConsistentHashingStickyKeyConsumerSelector`,
//! `HashRangeExclusiveStickyKeyConsumerSelector`.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde::{Deserialize, Serialize};

use super::hash::{SLOTS, murmur3_32, sticky_slot};

/// How many points a consumer has on the ring (`subscriptionKeySharedConsistentHashingReplicaPoints`).
pub const RING_POINTS: u32 = 100;

/// A consumer, as its subscription numbers them: in order of arrival, never the same number twice.
///
/// ```
/// use mqlab_core::systems::pulsar::ConsumerId;
/// assert_eq!(ConsumerId(3).to_string(), "c3");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConsumerId(pub u64);

impl fmt::Display for ConsumerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "c{}", self.0)
    }
}

/// How the hash space is shared out.
///
/// ```
/// use mqlab_core::systems::pulsar::RangeMode;
/// assert_eq!(RangeMode::default(), RangeMode::AutoSplit { slots: 65_536 });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum RangeMode {
    /// A new consumer takes half of the largest range.
    AutoSplit {
        /// How finely: at most so many consumers.
        slots: u32,
    },
    /// Points on a ring.
    ConsistentHash {
        /// How many each consumer has.
        points: u32,
    },
    /// Consumers say which ranges they want.
    Sticky {
        /// How many slots there are to be had.
        slots: u32,
    },
}

impl Default for RangeMode {
    fn default() -> Self {
        Self::AutoSplit { slots: SLOTS }
    }
}

/// A consumer that wants a share.
///
/// ```
/// use mqlab_core::systems::pulsar::{ConsumerId, Sharer};
/// let sharer = Sharer { name: "c1", ..Sharer::new(ConsumerId(1)) };
/// assert!(sharer.wanted.is_empty());
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Sharer<'a> {
    /// Who.
    pub id: ConsumerId,
    /// Its name: the ring's points are made of it.
    pub name: &'a str,
    /// Its priority: where two points coincide, the larger number stands first, as Pulsar's ring has it.
    pub priority: u32,
    /// The ranges that it asks for, first and last slot; only where consumers say so.
    pub wanted: &'a [(u32, u32)],
}

impl Sharer<'_> {
    /// A consumer without a name.
    pub fn new(id: ConsumerId) -> Self {
        Self { id, name: "", priority: 0, wanted: &[] }
    }
}

/// Why a consumer got no share.
///
/// ```
/// use mqlab_core::systems::pulsar::{ConsumerId, RangeError, RangeMode, Ranges, Sharer};
/// let mut ranges = Ranges::new(RangeMode::Sticky { slots: 100 });
/// ranges.add(Sharer { wanted: &[(0, 49)], ..Sharer::new(ConsumerId(1)) })?;
/// let late = ranges.add(Sharer { wanted: &[(49, 99)], ..Sharer::new(ConsumerId(2)) });
/// assert_eq!(late, Err(RangeError::Taken { by: ConsumerId(1), first: 0, last: 49 }));
/// # Ok::<(), RangeError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RangeError {
    /// Every range is too small to be halved.
    NothingToSplit,
    /// A range that was asked for ends before it begins, or outside of the slots, or none was asked for.
    Bad {
        /// Its first slot.
        first: u32,
        /// Its last.
        last: u32,
    },
    /// A range overlaps one that was asked for before.
    Taken {
        /// Who has it.
        by: ConsumerId,
        /// Its first slot.
        first: u32,
        /// Its last.
        last: u32,
    },
}

impl fmt::Display for RangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NothingToSplit => f.write_str("no range of hashes is large enough to be halved"),
            Self::Bad { first, last } => write!(f, "{first} to {last} is no range of slots"),
            Self::Taken { by, first, last } => write!(f, "{by} has the slots {first} to {last}"),
        }
    }
}

impl core::error::Error for RangeError {}

/// The ranges of a subscription, and who owns them.
///
/// ```
/// use mqlab_core::systems::pulsar::{ConsumerId, RangeMode, Ranges, Sharer};
/// let mut ranges = Ranges::new(RangeMode::default());
/// for number in 1..=4 {
///     ranges.add(Sharer::new(ConsumerId(number)))?;
/// }
/// let owner = |key: &str| ranges.select(ranges.slot_of(key.as_bytes())).map(|owner| owner.0);
/// assert_eq!((owner("key-1"), owner("key-2"), owner("user-42")), (Some(3), Some(2), Some(1)));
/// # Ok::<(), mqlab_core::systems::pulsar::RangeError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Ranges(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Split {
        slots: u32,
        /// The last slot of each range, and its owner.
        ends: BTreeMap<u32, ConsumerId>,
    },
    Ring {
        points: u32,
        /// Those whose point this is, in the order that decides; mostly one.
        ring: BTreeMap<u32, Vec<Point>>,
        /// How many points each really has.
        selections: BTreeMap<ConsumerId, u32>,
    },
    Wanted {
        slots: u32,
        /// By its first slot: the last, and who wants it.
        ranges: BTreeMap<u32, (u32, ConsumerId)>,
    },
}

/// A consumer at a point of the ring.
#[derive(Clone, Debug)]
struct Point {
    id: ConsumerId,
    name: String,
    priority: u32,
}

impl Ranges {
    /// Ranges that nobody owns yet.
    pub fn new(mode: RangeMode) -> Self {
        Self(match mode {
            RangeMode::AutoSplit { slots } => Kind::Split { slots, ends: BTreeMap::new() },
            RangeMode::ConsistentHash { points } => {
                Kind::Ring { points, ring: BTreeMap::new(), selections: BTreeMap::new() }
            }
            RangeMode::Sticky { slots } => Kind::Wanted { slots, ranges: BTreeMap::new() },
        })
    }

    /// The slot of a key: what [`select`](Self::select) is asked for, and the unit in which keys move. On the ring it is
    /// the whole hash.
    pub fn slot_of(&self, key: &[u8]) -> u32 {
        match &self.0 {
            Kind::Split { slots, .. } | Kind::Wanted { slots, .. } => sticky_slot(key, *slots),
            Kind::Ring { .. } => murmur3_32(key).max(1),
        }
    }

    /// Gives a new consumer its share.
    ///
    /// # Errors
    ///
    /// [`RangeError`] when there is none for it; nothing has changed then.
    pub fn add(&mut self, sharer: Sharer<'_>) -> Result<(), RangeError> {
        match &mut self.0 {
            Kind::Split { slots, ends } => split(*slots, ends, sharer.id),
            Kind::Ring { points, ring, selections } => {
                for index in 0..*points {
                    enter(ring.entry(point(sharer.name, index)).or_default(), sharer, selections);
                }
                Ok(())
            }
            Kind::Wanted { slots, ranges } => claim(*slots, ranges, sharer),
        }
    }

    /// Gives the share of one that goes to others; of one that wanted it for itself, to nobody.
    pub fn remove(&mut self, consumer: ConsumerId) {
        match &mut self.0 {
            Kind::Split { slots, ends } => merge(*slots, ends, consumer),
            Kind::Ring { ring, selections, .. } => {
                for at in ring.values_mut() {
                    leave(at, consumer, selections);
                }
                ring.retain(|_, at| !at.is_empty());
                selections.remove(&consumer);
            }
            Kind::Wanted { ranges, .. } => ranges.retain(|_, (_, owner)| *owner != consumer),
        }
    }

    /// Who owns a slot, if anybody does.
    pub fn select(&self, slot: u32) -> Option<ConsumerId> {
        match &self.0 {
            Kind::Split { ends, .. } => ends.range(slot..).next().map(|(_, owner)| *owner),
            Kind::Ring { ring, .. } => {
                let (_, at) = ring.range(slot..).next().or_else(|| ring.iter().next())?;
                at.first().map(|point| point.id)
            }
            Kind::Wanted { ranges, .. } => {
                let (_, (last, owner)) = ranges.range(..=slot).next_back()?;
                (slot <= *last).then_some(*owner)
            }
        }
    }

    /// Who owns what: first and last slot, in order. On the ring what lies after the last point belongs to the first one.
    pub fn owned(&self) -> Vec<(u32, u32, ConsumerId)> {
        let mut first = 0;
        let mut up_to =
            |last: u32, owner| (core::mem::replace(&mut first, last.saturating_add(1)), last, owner);
        match &self.0 {
            Kind::Split { ends, .. } => ends.iter().map(|(&last, &owner)| up_to(last, owner)).collect(),
            Kind::Ring { ring, .. } => {
                let owner = |at: &Vec<Point>| at.first().map(|point| point.id);
                ring.iter().filter_map(|(&last, at)| Some(up_to(last, owner(at)?))).collect()
            }
            Kind::Wanted { ranges, .. } => {
                ranges.iter().map(|(&first, &(last, owner))| (first, last, owner)).collect()
            }
        }
    }
}

/// Halves the largest range: the new consumer takes what is below. Of several equal ones the first.
fn split(slots: u32, ends: &mut BTreeMap<u32, ConsumerId>, new: ConsumerId) -> Result<(), RangeError> {
    let mut low = 0;
    let mut largest: Option<(u32, u32)> = None;
    for &end in ends.keys() {
        if largest.is_none_or(|(low_of, end_of)| end - low > end_of - low_of) {
            largest = Some((low, end));
        }
        low = end;
    }
    let Some((low, end)) = largest else {
        ends.insert(slots, new);
        return Ok(());
    };
    let half = (end - low) / 2;
    if half == 0 {
        return Err(RangeError::NothingToSplit);
    }
    ends.insert(end - half, new);
    Ok(())
}

/// The range of one that goes falls to the next higher one; that of the last to the one before.
fn merge(slots: u32, ends: &mut BTreeMap<u32, ConsumerId>, gone: ConsumerId) {
    let Some(end) = ends.iter().find_map(|(&end, &owner)| (owner == gone).then_some(end)) else { return };
    ends.remove(&end);
    if end == slots
        && let Some((_, heir)) = ends.pop_last()
    {
        ends.insert(slots, heir);
    }
}

/// The place of a consumer's point on the ring.
fn point(name: &str, index: u32) -> u32 {
    murmur3_32(format!("{name}\0{index}").as_bytes())
}

/// A consumer comes to a point where others may be: by priority, then by name, then who has fewer points.
fn enter(at: &mut Vec<Point>, sharer: Sharer<'_>, selections: &mut BTreeMap<ConsumerId, u32>) {
    let count = |selections: &BTreeMap<ConsumerId, u32>, id| selections.get(&id).copied().unwrap_or(0);
    let own = count(selections, sharer.id);
    let stands_after = |other: &Point| {
        let order = sharer.priority.cmp(&other.priority).then(other.name.as_str().cmp(sharer.name));
        order.then(count(selections, other.id).cmp(&own)).is_gt()
    };
    let place = at.iter().position(stands_after).unwrap_or(at.len());
    let before = at.first().map(|first| first.id);
    at.insert(place, Point { id: sharer.id, name: sharer.name.into(), priority: sharer.priority });
    reselect(before, at, selections);
}

fn leave(at: &mut Vec<Point>, gone: ConsumerId, selections: &mut BTreeMap<ConsumerId, u32>) {
    let before = at.first().map(|first| first.id);
    at.retain(|point| point.id != gone);
    reselect(before, at, selections);
}

/// Keeps count of the points that each really has.
fn reselect(before: Option<ConsumerId>, at: &[Point], selections: &mut BTreeMap<ConsumerId, u32>) {
    let now = at.first().map(|first| first.id);
    if before == now {
        return;
    }
    if let Some(count) = before.and_then(|id| selections.get_mut(&id)) {
        *count = count.saturating_sub(1);
    }
    if let Some(id) = now {
        *selections.entry(id).or_default() += 1;
    }
}

/// Enters what a consumer wants, if it is all free.
fn claim(
    slots: u32,
    ranges: &mut BTreeMap<u32, (u32, ConsumerId)>,
    sharer: Sharer<'_>,
) -> Result<(), RangeError> {
    if sharer.wanted.is_empty() {
        return Err(RangeError::Bad { first: 0, last: 0 });
    }
    let mut after = ranges.clone();
    for &(first, last) in sharer.wanted {
        if first > last || last >= slots {
            return Err(RangeError::Bad { first, last });
        }
        if let Some((&first, &(last, by))) =
            after.range(..=last).next_back().filter(|(_, (other_last, _))| *other_last >= first)
        {
            return Err(RangeError::Taken { by, first, last });
        }
        after.insert(first, (last, sharer.id));
    }
    *ranges = after;
    Ok(())
}
