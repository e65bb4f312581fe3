//! What do members of a group and its coordinator say to each other in the classic protocol?
//!
//! ```text
//!   member                                coordinator
//!     │── join, I have no id ──────────────▶│
//!     │◀── you are consumer-1#7 ────────────│      so that a join whose answer got lost leaves no ghost behind
//!     │── join as consumer-1#7 ────────────▶│      parked until everybody has joined
//!     │◀── generation 4; you lead: a, b, c ─│      one of them is told who all are, and computes the shares
//!     │── sync: a reads .., b .., c .. ────▶│      the others sync, too, and are parked until the leader has
//!     │◀── you read orders/0 from 17 on ────│
//!     │── heartbeat, generation 4 ─────────▶│
//!     │◀── rebalance in progress ───────────│      somebody has come or gone: let go, and join again
//! ```
//!
//! Sources: Kafka's `JoinGroup`, `SyncGroup`, `Heartbeat`, `LeaveGroup`, `OffsetCommit`; KIP-394 (the id), KIP-345
//! (instance ids).

use alloc::vec::Vec;
use core::fmt;

use super::assignor::{Assignor, Candidate, Shares};
use crate::ids::{Name, NodeId, Offset, PartitionId};
use crate::time::Span;

/// A member of a group, from one join to the end of its membership: a new one has a new number.
///
/// ```
/// use mqlab_core::broker::MemberId;
/// use mqlab_core::ids::NodeId;
/// assert_eq!(MemberId { client: NodeId::Consumer(1), number: 7 }.to_string(), "consumer-1#7");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberId {
    /// Where it runs.
    pub client: NodeId,
    /// Given by the coordinator, and never twice: the upper half is the epoch of the coordinator's partition.
    pub number: u64,
}

impl fmt::Display for MemberId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.client, self.number)
    }
}

/// As whom a member speaks. What does not fit the group as it is now is refused: that is what keeps a member that was
/// put out from doing harm.
///
/// ```
/// use mqlab_core::broker::{Identity, MemberId};
/// use mqlab_core::ids::NodeId;
/// let member = MemberId { client: NodeId::Consumer(1), number: 7 };
/// let now = Identity { member, instance: None, generation: 4 };
/// assert_ne!(now, Identity { generation: 5, ..now.clone() }); // a generation later it is somebody else
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The member.
    pub member: MemberId,
    /// Its instance id, if it is a static member.
    pub instance: Option<Name>,
    /// The generation that it knows.
    pub generation: u32,
}

/// What a member asks for that joins.
///
/// ```
/// use mqlab_core::broker::{Assignor, Join};
/// use mqlab_core::ids::Name;
/// use mqlab_core::time::Span;
/// let join = Join {
///     member: None, // the first time: the coordinator answers with an id
///     instance: None,
///     topic: Name::new("orders")?,
///     owned: vec![],
///     generation: 0,
///     assignors: vec![Assignor::Range, Assignor::CooperativeSticky], // Kafka's default
///     session: Span::from_millis(45_000),
///     rebalance: Span::from_millis(300_000),
/// };
/// assert_eq!(join.assignors[0], Assignor::Range);
/// # Ok::<(), mqlab_core::ids::BadName>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Join {
    /// Its id, if it was given one.
    pub member: Option<MemberId>,
    /// Its instance id: a static member has one, and keeps its share under it when it comes back.
    pub instance: Option<Name>,
    /// What it subscribes to.
    pub topic: Name,
    /// What it has, where its assignor asks for that.
    pub owned: Vec<PartitionId>,
    /// The generation in which it got it.
    pub generation: u32,
    /// The assignors that it knows, the best first.
    pub assignors: Vec<Assignor>,
    /// It is put out when it was not heard for so long.
    pub session: Span,
    /// It needs so long, at most, to join again when the group is dealt anew: the longest that its program may work
    /// between two messages.
    pub rebalance: Span,
}

/// What a member asks of its coordinator.
///
/// ```
/// use mqlab_core::broker::{GroupRequest, MemberId};
/// use mqlab_core::ids::NodeId;
/// let leave = GroupRequest::Leave { member: Some(MemberId { client: NodeId::Consumer(1), number: 7 }) };
/// assert!(matches!(leave, GroupRequest::Leave { .. }));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupRequest {
    /// I want to be a member. Answer: [`GroupReply::MemberIs`] the first time, then [`GroupReply::Joined`].
    Join(Join),
    /// What do I read? Answer: [`GroupReply::Synced`].
    Sync {
        /// As whom.
        identity: Identity,
        /// What everybody shall read, if I lead the group.
        shares: Option<Shares<MemberId>>,
    },
    /// I am alive. Answer: [`GroupReply::Alive`].
    Heartbeat(Identity),
    /// I am no member any more. Answer: [`GroupReply::Left`].
    Leave {
        /// Which member; `None` with the newer protocol, which knows members by their node.
        member: Option<MemberId>,
    },
    /// Keep where the group has got to. Answer: [`OffsetsStored`](super::Reply::OffsetsStored).
    Commit {
        /// As whom.
        identity: Identity,
        /// For each partition, the next offset to read.
        offsets: Vec<(PartitionId, Offset)>,
    },
}

/// What a coordinator answers.
///
/// ```
/// use mqlab_core::broker::GroupReply;
/// assert_ne!(GroupReply::Alive, GroupReply::Left);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupReply {
    /// That is your id: join again with it.
    MemberIs(MemberId),
    /// Everybody has joined.
    Joined {
        /// As whom.
        member: MemberId,
        /// The generation that begins.
        generation: u32,
        /// The assignor that most members prefer of those that all know.
        assignor: Assignor,
        /// All members, for the one that leads the group: it must compute the shares. Empty for the others.
        members: Vec<Candidate<MemberId>>,
    },
    /// Your share, and where the group has got to in it, if it ever said.
    Synced(Vec<(PartitionId, Option<Offset>)>),
    /// Go on.
    Alive,
    /// You are no member any more.
    Left,
}
