//! Who of a group reads what? Four rules by which partitions are dealt to members, as pure functions.
//!
//! ```text
//!                   orders/0 1 2 3   among a, b          then b leaves, c comes
//!   range            a: 0 1    b: 2 3                     blocks, each topic for itself
//!   round robin      a: 0 2    b: 1 3                     all topics in one circle
//!   sticky           a: 0 2    b: 1 3     a: 0 2  c: 1 3  balanced, and who has something keeps it
//!   cooperative      the same, but what changes hands is first let go, and given to the new owner a round later
//! ```
//!
//! Where the classic protocol is spoken, one of the members (the *leader* of the group) computes this and hands the
//! result to the coordinator; with the newer protocol the coordinator does it. Either way the rule sees the members and
//! the partitions, nothing else, and the same input gives the same shares.
//!
//! | rule | balance | when members come or go |
//! |---|---|---|
//! | `range` | within one *for each topic*: with many topics the first members have more of all | many partitions move |
//! | `round_robin` | within one over all topics, where all subscribe to the same | nearly everything moves |
//! | `sticky` | within one over all topics, where all subscribe to the same | only what must |
//! | `cooperative_sticky` | the same, a round later | only what must, and nobody else stops reading |
//! | `uniform` | as sticky: the name that the newer protocol has for it | only what must |
//!
//! What real systems do: Kafka has these five; its default is range. RocketMQ's *averagely* is range over one topic, and
//! its *circle* is round robin.
//!
//! Sources: Kafka `RangeAssignor`, `RoundRobinAssignor`, `StickyAssignor`, `CooperativeStickyAssignor`,
//! `UniformAssignor`; KIP-54 (sticky), KIP-429 (cooperative), KIP-848 (uniform). Left out: racks.

mod cooperative_sticky;
mod range;
mod round_robin;
mod sticky;

use alloc::vec::Vec;
use core::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::{Name, PartitionId};
use crate::sorted::{SortedMap, SortedSet};

/// A rule by which partitions are dealt.
///
/// ```
/// use mqlab_core::broker::Assignor;
/// let rule: Assignor = serde_json::from_str(r#""cooperative_sticky""#)?;
/// assert!(rule.is_cooperative() && !Assignor::Range.is_cooperative());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Assignor {
    /// Contiguous blocks of each topic.
    #[default]
    Range,
    /// All partitions of all topics in one circle.
    RoundRobin,
    /// Balanced, and everybody keeps as much as possible. Everybody lets go of everything in between.
    Sticky,
    /// The same, but nobody lets go of what he keeps; what changes hands does so in two rounds.
    CooperativeSticky,
    /// As sticky, computed by the coordinator. (With the newer protocol nobody lets go of what he keeps anyway.)
    Uniform,
}

/// A member of a group, as a rule sees it.
///
/// ```
/// use mqlab_core::broker::Candidate;
/// use mqlab_core::ids::Name;
/// let fresh = Candidate::new("c1", [Name::new("orders")?]);
/// assert!(fresh.owned.is_empty() && fresh.instance.is_none());
/// # Ok::<(), mqlab_core::ids::BadName>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate<M> {
    /// Who: members are sorted by this.
    pub id: M,
    /// The name that it keeps over restarts, if it has one: who has one comes before all who have none, sorted by it.
    pub instance: Option<Name>,
    /// What it subscribes to.
    pub topics: SortedSet<Name>,
    /// What it says that it has.
    pub owned: Vec<PartitionId>,
    /// The generation of the group in which it got that. When two members claim the same partition, the later
    /// generation is right; of two of the same generation neither is.
    pub generation: u32,
}

impl<M> Candidate<M> {
    /// A member that has nothing yet.
    pub fn new(id: M, topics: impl IntoIterator<Item = Name>) -> Self {
        let topics = topics.into_iter().collect();
        Self { id, instance: None, topics, owned: Vec::new(), generation: 0 }
    }

    fn wants(&self, partition: &PartitionId) -> bool {
        self.topics.contains(&partition.topic)
    }
}

/// What each member is to read, sorted; a member that gets nothing has an empty share.
///
/// ```
/// use mqlab_core::broker::{Assignor, Candidate, Shares};
/// let alone: Shares<&str> = Assignor::Range.assign(&[Candidate::new("c1", [])], &[]);
/// assert!(alone["c1"].is_empty());
/// ```
pub type Shares<M> = SortedMap<M, Vec<PartitionId>>;

/// The shares by place in the sorted list of members.
type Dealt = Vec<Vec<PartitionId>>;

impl Assignor {
    /// Deals these partitions. The order of `members` and `partitions` does not matter, partitions of topics that
    /// nobody subscribes to are left, and of a partition that is named twice one is enough.
    ///
    /// ```
    /// use mqlab_core::broker::{Assignor, Candidate};
    /// use mqlab_core::ids::{Name, PartitionId};
    /// let topic = Name::new("orders")?;
    /// let partitions: Vec<_> = (0..3).map(|index| PartitionId { topic: topic.clone(), index }).collect();
    /// let members = ["c1", "c2"].map(|id| Candidate::new(id, [topic.clone()]));
    /// let shares = Assignor::Range.assign(&members, &partitions);
    /// assert_eq!(shares["c1"], partitions[..2]); // contiguous, and one more for the first
    /// # Ok::<(), mqlab_core::ids::BadName>(())
    /// ```
    pub fn assign<M: Ord + Clone>(self, members: &[Candidate<M>], partitions: &[PartitionId]) -> Shares<M> {
        let mut members: Vec<&Candidate<M>> = members.iter().collect();
        members.sort_by(|a, b| by_instance(a, b).then_with(|| a.id.cmp(&b.id)));
        let wanted = |partition: &&PartitionId| members.iter().any(|member| member.wants(partition));
        let partitions: SortedSet<&PartitionId> = partitions.iter().filter(wanted).collect();
        let partitions: Vec<&PartitionId> = partitions.into_iter().collect();
        let dealt = match self {
            Self::Range => range::deal(&members, &partitions),
            Self::RoundRobin => round_robin::deal(&members, &partitions),
            Self::Sticky | Self::Uniform => sticky::deal(&members, &partitions),
            Self::CooperativeSticky => cooperative_sticky::deal(&members, &partitions),
        };
        let share = |(member, mut share): (&&Candidate<M>, Vec<PartitionId>)| {
            share.sort();
            (member.id.clone(), share)
        };
        members.iter().zip(dealt).map(share).collect()
    }

    /// Whether members keep what they have while the group is dealt anew, and let go of it in a round of its own.
    pub const fn is_cooperative(self) -> bool {
        matches!(self, Self::CooperativeSticky)
    }

    /// Whether the coordinator of the newer protocol knows it.
    pub const fn is_for_server(self) -> bool {
        matches!(self, Self::Range | Self::Uniform)
    }

    /// Whether a member that leads a group of the classic protocol knows it.
    pub const fn is_for_classic(self) -> bool {
        !matches!(self, Self::Uniform)
    }
}

/// Who has an instance name comes first, by that name.
fn by_instance<M>(a: &Candidate<M>, b: &Candidate<M>) -> core::cmp::Ordering {
    match (&a.instance, &b.instance) {
        (Some(a), Some(b)) => a.cmp(b),
        (a, b) => b.is_some().cmp(&a.is_some()),
    }
}

impl fmt::Display for Assignor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Range => "range",
            Self::RoundRobin => "round_robin",
            Self::Sticky => "sticky",
            Self::CooperativeSticky => "cooperative_sticky",
            Self::Uniform => "uniform",
        })
    }
}
