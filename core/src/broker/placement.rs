//! Which brokers keep a partition? Leaders in turn, followers on other brokers, and, where machines stand in racks, on
//! other racks: a rack may lose its power or its switch as a whole.
//!
//! ```text
//!   racks   A: 0 3      B: 1 4      C: 2 5      one broker of each rack in turn:  0 1 2 3 4 5
//!
//!   partition 0   leader 0, followers 1 2       the walk starts one further for each partition,
//!   partition 1   leader 1, followers 2 3       and passes by a rack that has a replica
//!   ...                                         while another rack has none
//!   partition 6   leader 0, followers 4 5       after a round the followers shift: when a broker
//!                                               dies, not one other gets all of its leaders
//! ```
//!
//! Kafka has had two ways. [`place_replicas`] is that of its tools and of its controller while there was ZooKeeper;
//! [`StripedPlacer`] is that of the controller since (`KRaft`). They differ in the order, not in the aim. Kafka begins at
//! a random broker; here both begin at the first, so that a run is the same each time.
//!
//! Sources: Kafka `AdminUtils.assignReplicasToBrokers`, `StripedReplicaPlacer.java`.

use alloc::vec::Vec;
use core::fmt;

use crate::ids::{Name, NodeId};
use crate::rng::Rng;
use crate::sorted::{SortedMap, SortedSet};

/// A broker, and the rack that its machine stands in.
///
/// ```
/// use mqlab_core::broker::Site;
/// use mqlab_core::ids::NodeId;
/// let site = Site::from(NodeId::Broker(1));
/// assert_eq!(site.rack, None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// The broker.
    pub broker: NodeId,
    /// Its rack, if racks are known.
    pub rack: Option<Name>,
}

impl From<NodeId> for Site {
    fn from(broker: NodeId) -> Self {
        Self { broker, rack: None }
    }
}

/// Why replicas cannot be placed.
///
/// ```
/// use mqlab_core::broker::{CannotPlace, place_replicas};
/// assert_eq!(place_replicas(&[], 1, 3), Err(CannotPlace::TooFewBrokers { replicas: 3, brokers: 0 }));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CannotPlace {
    /// There are fewer brokers than replicas are wanted, or none is wanted.
    TooFewBrokers {
        /// How many replicas are wanted.
        replicas: usize,
        /// How many brokers there are.
        brokers: usize,
    },
    /// Racks are known of some brokers, and not of others.
    SomeRacksUnknown,
    /// No broker is alive: nobody could lead.
    AllFenced,
}

impl fmt::Display for CannotPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooFewBrokers { replicas, brokers } => write!(
                f,
                "{replicas} replicas cannot be placed on {brokers} brokers: from 1 to {brokers} can"
            ),
            Self::SomeRacksUnknown => {
                f.write_str("some brokers have a rack and others have none: name all or none")
            }
            Self::AllFenced => f.write_str("no broker is alive to lead: start one first"),
        }
    }
}

impl core::error::Error for CannotPlace {}

/// Places partitions as Kafka's tools do: a list of brokers for each, its leader first.
///
/// # Errors
///
/// [`CannotPlace::TooFewBrokers`] and [`CannotPlace::SomeRacksUnknown`].
///
/// ```
/// use mqlab_core::broker::{Site, place_replicas};
/// use mqlab_core::ids::NodeId::Broker;
/// let brokers = [Broker(1), Broker(2), Broker(3)].map(Site::from);
/// assert_eq!(place_replicas(&brokers, 4, 2)?[3], [Broker(1), Broker(3)]);
/// # Ok::<(), mqlab_core::broker::CannotPlace>(())
/// ```
pub fn place_replicas(
    sites: &[Site],
    partitions: u32,
    replicas: usize,
) -> Result<Vec<Vec<NodeId>>, CannotPlace> {
    check(sites.len(), replicas)?;
    let (line, racks) = alternate(sites)?;
    Ok((0..partitions as usize).map(|partition| walk(&line, racks, partition, replicas)).collect())
}

fn check(brokers: usize, replicas: usize) -> Result<(), CannotPlace> {
    if (1..=brokers).contains(&replicas) {
        return Ok(());
    }
    Err(CannotPlace::TooFewBrokers { replicas, brokers })
}

/// The brokers, one of each rack in turn, each with the number of its rack; and how many racks there are. Without racks
/// each broker stands in one of its own.
fn alternate(sites: &[Site]) -> Result<(Vec<(NodeId, usize)>, usize), CannotPlace> {
    let known = sites.iter().filter(|site| site.rack.is_some()).count();
    if known == 0 {
        let line = sites.iter().enumerate().map(|(rack, site)| (site.broker, rack)).collect();
        return Ok((line, sites.len()));
    }
    if known < sites.len() {
        return Err(CannotPlace::SomeRacksUnknown);
    }
    let racks = by_rack(sites);
    let longest = racks.values().map(SortedSet::len).max().unwrap_or_default();
    let mut line = Vec::new();
    for place in 0..longest {
        let row = racks.values().enumerate();
        line.extend(row.filter_map(|(rack, brokers)| Some((*brokers.iter().nth(place)?, rack))));
    }
    Ok((line, racks.len()))
}

fn by_rack(sites: &[Site]) -> SortedMap<Option<&Name>, SortedSet<NodeId>> {
    let mut racks: SortedMap<Option<&Name>, SortedSet<NodeId>> = SortedMap::new();
    for site in sites {
        racks.entry(site.rack.as_ref()).or_default().insert(site.broker);
    }
    racks
}

/// The replicas of one partition.
fn walk(line: &[(NodeId, usize)], racks: usize, partition: usize, replicas: usize) -> Vec<NodeId> {
    let count = line.len();
    let (first, shift) = (partition % count, partition / count * racks);
    let (leader, rack) = line[first];
    let (mut placed, mut filled) = (alloc::vec![leader], SortedSet::from([rack]));
    // Everybody but the leader comes once in a round: after a round for each replica all are placed.
    for step in 0..count.saturating_sub(1) * replicas {
        if placed.len() == replicas {
            break;
        }
        let (broker, rack) = line[(first + 1 + (shift + step) % (count - 1)) % count];
        let doubled = filled.contains(&rack) && filled.len() < racks;
        if !doubled && !placed.contains(&broker) {
            placed.push(broker);
            filled.insert(rack);
        }
    }
    placed
}

/// Places partitions as Kafka's controller does since it keeps its own metadata: a stripe over the racks for each.
///
/// ```
/// use mqlab_core::broker::{Site, StripedPlacer};
/// use mqlab_core::ids::NodeId::Broker;
/// use mqlab_core::rng::{Rng, Stream};
/// let brokers = [Broker(0), Broker(1), Broker(2)].map(|broker| (Site::from(broker), true));
/// let mut placer = StripedPlacer::new(&brokers, Rng::new(7, Stream::Workload))?;
/// assert_eq!(placer.place(2)?, [Broker(0), Broker(1)]);
/// assert_eq!(placer.place(2)?, [Broker(1), Broker(2)]);
/// # Ok::<(), mqlab_core::broker::CannotPlace>(())
/// ```
#[derive(Clone, Debug)]
pub struct StripedPlacer {
    racks: Vec<Rack>,
    brokers: usize,
    alive: usize,
    /// The rack that the next stripe begins with.
    first: usize,
    /// How many stripes were placed.
    stripes: usize,
    rng: Rng,
}

#[derive(Clone, Debug, Default)]
struct Rack {
    alive: Ring,
    fenced: Ring,
}

/// Brokers of a rack. Each stripe that takes some begins with the next.
#[derive(Clone, Debug, Default)]
struct Ring {
    brokers: Vec<NodeId>,
    offset: usize,
    /// The stripe that took of them last, and how many.
    stripe: usize,
    taken: usize,
}

impl StripedPlacer {
    /// A placer over brokers, each with whether it is alive.
    ///
    /// # Errors
    ///
    /// [`CannotPlace::AllFenced`].
    pub fn new(brokers: &[(Site, bool)], rng: Rng) -> Result<Self, CannotPlace> {
        let of = |alive| {
            let sites = brokers.iter().filter(move |(_, is)| *is == alive).map(|(site, _)| site.clone());
            sites.collect::<Vec<Site>>()
        };
        let (living, fenced) = (of(true), of(false));
        if living.is_empty() {
            return Err(CannotPlace::AllFenced);
        }
        let mut racks: SortedMap<Option<&Name>, Rack> = SortedMap::new();
        for (rack, brokers) in by_rack(&living) {
            racks.entry(rack).or_default().alive.brokers.extend(brokers);
        }
        for (rack, brokers) in by_rack(&fenced) {
            racks.entry(rack).or_default().fenced.brokers.extend(brokers);
        }
        let racks = racks.into_values().collect();
        Ok(Self { racks, brokers: brokers.len(), alive: living.len(), first: 0, stripes: 0, rng })
    }

    /// The replicas of the next partition; the first is alive, and leads.
    ///
    /// # Errors
    ///
    /// [`CannotPlace::TooFewBrokers`]; nothing is placed then.
    pub fn place(&mut self, replicas: usize) -> Result<Vec<NodeId>, CannotPlace> {
        check(self.brokers, replicas)?;
        // The same brokers would stand beside each other for ever.
        if self.stripes > 0 && self.stripes.is_multiple_of(self.alive) && self.alive > 1 {
            self.shuffle();
        }
        let (count, stripe) = (self.racks.len(), self.stripes);
        let order: Vec<usize> = (0..count).map(|step| (self.first + step) % count).collect();
        let mut placed = Vec::with_capacity(replicas);
        let mut leads_at = None;
        for &rack in &order {
            if let Some(leader) = self.racks[rack].alive.take(stripe) {
                placed.push(leader);
                leads_at = Some(rack);
                break;
            }
        }
        // Rack after rack gives one; the first time the leader's own is passed by.
        for &rack in order.iter().cycle() {
            if placed.len() == replicas {
                break;
            }
            if leads_at.take_if(|leads| *leads == rack).is_none() {
                let Rack { alive, fenced } = &mut self.racks[rack];
                placed.extend(alive.take(stripe).or_else(|| fenced.take(stripe)));
            }
        }
        self.first = (self.first + 1) % count;
        self.stripes += 1;
        Ok(placed)
    }

    fn shuffle(&mut self) {
        let Self { racks, rng, .. } = self;
        shuffle(racks, rng);
        for Rack { alive, fenced } in racks {
            shuffle(&mut alive.brokers, rng);
            shuffle(&mut fenced.brokers, rng);
        }
    }
}

fn shuffle<T>(all: &mut [T], rng: &mut Rng) {
    for last in (1..all.len()).rev() {
        all.swap(last, rng.below(last as u64 + 1) as usize);
    }
}

impl Ring {
    /// The next one that a stripe does not have.
    fn take(&mut self, stripe: usize) -> Option<NodeId> {
        let count = self.brokers.len();
        if self.stripe != stripe {
            (self.stripe, self.taken) = (stripe, 0);
            self.offset = (self.offset + 1).checked_rem(count)?;
        }
        if self.taken == count {
            return None;
        }
        self.taken += 1;
        self.brokers.get((self.offset + self.taken - 1) % count).copied()
    }
}
