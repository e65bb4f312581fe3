//! What is said about transactions over partitions? Producers to their coordinator, and the coordinator to leaders.
//!
//! ```text
//!   producer                          coordinator                     leaders of partitions, and of the offsets
//!      │── init "billing" ───────────────▶│  who was "billing" before is fenced
//!      │◀── producer 7, epoch 4 ──────────│
//!      │── add bills/0, bills/2 ─────────▶│  kept, before anything is written there
//!      │── produce, in the transaction ───┼──────────────────────────────▶│
//!      │── add the offsets of "billers" ─▶│                               │
//!      │── orders/0 goes on at 17 ────────┼──────────────────────────────▶│  pending
//!      │── end: commit ──────────────────▶│  decided, as soon as it is kept
//!      │◀── your next epoch is 5 ─────────│── marker: 7, epoch 5, commit ▶│  again, until each has it
//! ```
//!
//! Sources: Kafka's `InitProducerId`, `AddPartitionsToTxn`, `AddOffsetsToTxn`, `TxnOffsetCommit`, `EndTxn`,
//! `WriteTxnMarkers`; KIP-98, KIP-890 (an epoch for each transaction).

use alloc::vec::Vec;

use crate::ids::{Name, Offset, PartitionId};
use crate::record::Marker;
use crate::time::Span;

/// Who speaks: a transactional id, and the number and epoch that its producer has.
///
/// ```
/// use mqlab_core::broker::TxnProducer;
/// use mqlab_core::ids::Name;
/// let who = TxnProducer { id: Name::new("billing")?, producer: 7, epoch: 4 };
/// assert_ne!(who, TxnProducer { epoch: 5, ..who.clone() }); // an epoch later it is another transaction
/// # Ok::<(), mqlab_core::ids::BadName>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TxnProducer {
    /// The transactional id.
    pub id: Name,
    /// The producer's number.
    pub producer: i64,
    /// Its epoch.
    pub epoch: i16,
}

/// What is asked about transactions.
///
/// ```
/// use mqlab_core::broker::TxnRequest;
/// use mqlab_core::ids::Name;
/// use mqlab_core::time::Span;
/// let init = TxnRequest::Init { id: Name::new("billing")?, timeout: Span::from_millis(60_000) };
/// assert!(matches!(init, TxnRequest::Init { .. }));
/// # Ok::<(), mqlab_core::ids::BadName>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TxnRequest {
    /// I am this transactional id now, and nobody else is. Answer: [`Producer`](super::Reply::Producer).
    Init {
        /// The transactional id.
        id: Name,
        /// A transaction that is open for longer is aborted.
        timeout: Span,
    },
    /// My transaction writes to these. Answer: [`TxnReply::Added`]; the first begins the transaction.
    AddPartitions {
        /// Who.
        who: TxnProducer,
        /// Which.
        partitions: Vec<PartitionId>,
    },
    /// My transaction commits offsets of this group. Answer: [`TxnReply::Added`].
    AddOffsets {
        /// Who.
        who: TxnProducer,
        /// Which group.
        group: Name,
    },
    /// To the group's coordinator: that is where the group goes on, if my transaction is committed. Only a member may say
    /// so of what it reads. Answer: [`OffsetsStored`](super::Reply::OffsetsStored).
    CommitOffsets {
        /// Who.
        who: TxnProducer,
        /// Which group.
        group: Name,
        /// For each partition, the next offset to read.
        offsets: Vec<(PartitionId, Offset)>,
    },
    /// That was all. Answer: [`TxnReply::Ended`].
    End {
        /// Who.
        who: TxnProducer,
        /// Whether it counts.
        commit: bool,
    },
    /// A coordinator to the leader of a partition: the transaction is over. Answer: [`TxnReply::Marked`].
    Mark {
        /// The partition.
        partition: PartitionId,
        /// How it is over.
        marker: Marker,
    },
}

/// What is answered.
///
/// ```
/// use mqlab_core::broker::TxnReply;
/// assert_ne!(TxnReply::Added, TxnReply::Ended { producer: 7, epoch: 5 });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TxnReply {
    /// It is kept: write there.
    Added,
    /// The transaction is decided. The next one is under this number and epoch.
    Ended {
        /// The number.
        producer: i64,
        /// The epoch.
        epoch: i16,
    },
    /// The marker is on every replica in sync.
    Marked,
}
