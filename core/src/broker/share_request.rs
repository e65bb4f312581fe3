//! What do members, leaders and coordinators say to each other about share groups?
//!
//! ```text
//!   member                  group's coordinator       partition's leader          share coordinator
//!     │── heartbeat ─────────────▶│                         │                            │
//!     │◀── your partitions ───────│                         │── I begin, epoch 4 ───────▶│
//!     │── fetch, I have time ──────────────────────────────▶│◀── your account ───────────│
//!     │◀── records 17, 18: yours for 30 s ──────────────────│                            │
//!     │── 17 accepted, 18 released, and I have time ───────▶│── keep this account ──────▶│  a record, replicated
//!     │◀── that is written down; records 19, 20 ────────────│◀── kept ───────────────────│
//! ```
//!
//! What became of records travels with the next fetch. Who does not want more yet says it by itself.
//!
//! Sources: Kafka's `ShareGroupHeartbeat`, `ShareFetch`, `ShareAcknowledge`, `ReadShareGroupState`,
//! `WriteShareGroupState`.

use alloc::vec::Vec;

use super::share_partition::AcknowledgeType;
use super::share_state::{ShareState, ShareWriter};
use crate::ids::{Epoch, Name, Offset, PartitionId};
use crate::observe::Refusal;
use crate::record::Batches;
use crate::time::Span;

/// What is asked about a share group.
///
/// ```
/// use mqlab_core::broker::{AcknowledgeType, ShareRequest};
/// use mqlab_core::ids::{Name, Offset, PartitionId};
/// let partition = PartitionId { topic: Name::new("orders")?, index: 0 };
/// let word = vec![(Offset(17), AcknowledgeType::Accept)];
/// assert!(matches!(ShareRequest::Acknowledge { partition, word }, ShareRequest::Acknowledge { .. }));
/// # Ok::<(), mqlab_core::ids::BadName>(())
/// ```
#[derive(Clone, Debug)]
pub enum ShareRequest {
    /// To the group's coordinator: I am a member. Answer: [`ShareReply::Member`].
    Heartbeat {
        /// What it subscribes to.
        topic: Name,
        /// The group's epoch as it knows it; 0 to join.
        epoch: Epoch,
    },
    /// To a partition's leader: give me records, for me alone. Answer: [`ShareReply::Acquired`].
    Fetch {
        /// Of which partition.
        partition: PartitionId,
        /// The most records.
        records_max: u32,
        /// The most bytes that the leader looks through.
        bytes_max: u32,
        /// With nothing to give the leader waits so long (long poll).
        wait_max: Span,
        /// Which records that I had are done, and what of each. All of it is taken, or nothing; it is answered, with
        /// records or without, when that is written down.
        word: Vec<(Offset, AcknowledgeType)>,
    },
    /// To a partition's leader: that became of records I have. All of it is taken, or nothing. Answer:
    /// [`ShareReply::Acknowledged`].
    Acknowledge {
        /// Of which partition.
        partition: PartitionId,
        /// Which records, and what of each.
        word: Vec<(Offset, AcknowledgeType)>,
    },
    /// A leader to the share coordinator: I keep this account from now on, whoever did before. Answer:
    /// [`ShareReply::Begun`].
    Begin {
        /// Of which partition.
        partition: PartitionId,
        /// As whom.
        writer: ShareWriter,
        /// Where the group begins if there is no account.
        fresh: Offset,
    },
    /// A leader to the share coordinator: keep my account as it stands now. Answer: [`ShareReply::Kept`].
    Keep {
        /// Of which partition.
        partition: PartitionId,
        /// As whom.
        writer: ShareWriter,
        /// The writer's count of its changes.
        version: u64,
        /// The account.
        state: ShareState,
    },
}

/// What is answered.
///
/// ```
/// use mqlab_core::broker::ShareReply;
/// assert_ne!(ShareReply::Acknowledged, ShareReply::Kept { version: 1 });
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShareReply {
    /// The member's partitions. Others may have the same ones.
    Member {
        /// The group's epoch: it rises whenever members come or go.
        epoch: Epoch,
        /// Which.
        partitions: Vec<PartitionId>,
    },
    /// Records for this member alone, or none when there are none yet.
    Acquired {
        /// The records.
        batches: Batches,
        /// For each of them, which delivery it is.
        deliveries: Vec<(Offset, u32)>,
        /// For so long, from the moment at which the leader gave them away.
        lock: Span,
        /// Why the word that came with the fetch was not taken; it is written down, if nothing is said here.
        refused: Option<Refusal>,
    },
    /// It is written down.
    Acknowledged,
    /// The account as it was written down last.
    Begun {
        /// The writer goes on counting from here.
        version: u64,
        /// The account.
        state: ShareState,
    },
    /// Everything up to this version is written down.
    Kept {
        /// The writer's count.
        version: u64,
    },
}
