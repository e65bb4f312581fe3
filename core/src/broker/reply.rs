//! What may a node answer?

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::group_request::GroupReply;
use super::open_transactions::Aborted;
use super::share_request::ShareReply;
use super::transaction::TransactionState;
use super::txn_request::TxnReply;
use super::view::View;
use crate::ids::{Epoch, Name, NodeId, Offset, OrderId, PartitionId};
use crate::log::Slice;
use crate::observe::{Answer, Refusal};
use crate::record::Batches;
use crate::vhost::HalfId;

/// What a node may answer.
///
/// ```
/// use mqlab_core::broker::Reply;
/// use mqlab_core::observe::Refusal;
/// let reply: Reply = Reply::Refused(Refusal::NotLeader);
/// assert!(matches!(reply, Reply::Refused(Refusal::NotLeader)));
/// ```
#[derive(Clone, Debug)]
pub enum Reply<D = Batches> {
    /// The messages are kept; the first of them at this offset.
    Stored {
        /// The offset of the first message.
        base: Offset,
    },
    /// The messages are kept, except for some.
    Published {
        /// The places in the batch of those that are not, and why each is not.
        refused: Vec<(u32, Refusal)>,
    },
    /// The half message is kept.
    HalfStored(HalfId),
    /// The decision is carried out.
    Decided,
    /// How a transaction stands after its step.
    Transaction(TransactionState),
    /// The subscription stands; its messages come from this queue.
    Subscribed {
        /// The queue.
        queue: Name,
    },
    /// Another replica is closer: read from it.
    ReadFrom {
        /// Which.
        replica: NodeId,
    },
    /// The subscription still stands.
    Pong,
    /// Who a producer is.
    Producer {
        /// Its number: no other producer has it.
        id: i64,
        /// How often it began anew.
        epoch: i16,
    },
    /// A broker may give these numbers to producers.
    ProducerIds {
        /// The first.
        first: u64,
        /// How many.
        count: u64,
    },
    /// Records, or none when there are none yet.
    Fetched {
        /// The records.
        batches: D,
        /// What lies below is on every replica in sync.
        high_watermark: Offset,
        /// Where the log begins.
        start: Offset,
    },
    /// Records below the last stable offset, and which of them are of aborted transactions.
    Stable {
        /// The records.
        batches: D,
        /// The aborted transactions among them; their reader leaves them out.
        aborted: Vec<Aborted>,
        /// What lies below is decided.
        last_stable: Offset,
    },
    /// Those of the records that the filter of a fetch selects, or none when there are none yet.
    Selected {
        /// The records, each at its own offset.
        batches: Batches,
        /// Where to go on: everything below was looked at.
        next: Offset,
        /// What lies below is on every replica in sync.
        high_watermark: Offset,
    },
    /// Where a time begins in a log, and what the log has.
    OffsetForTime {
        /// The first record that is of that time or later; the end when there is none.
        offset: Offset,
        /// The first record that there is.
        start: Offset,
        /// Consumers read below this.
        end: Offset,
    },
    /// A replica's log and its leader's part ways: cut back to where this epoch ended for the leader.
    Diverged {
        /// The last epoch that both may share.
        epoch: Epoch,
        /// Where it ended in the leader's log.
        end: Offset,
    },
    /// How the cluster stands.
    Cluster(Arc<View>),
    /// The member's share of the topic, and where the group has got to in it.
    Membership {
        /// The group's epoch: it rises whenever members come or go.
        epoch: Epoch,
        /// The member's partitions, and where to go on in each, if the group ever said; whatever else it reads it must
        /// give up.
        partitions: Vec<(PartitionId, Option<Offset>)>,
    },
    /// What the coordinator says in the classic protocol of groups.
    Group(GroupReply),
    /// What is answered about a share group.
    Share(ShareReply),
    /// The offsets are kept.
    OffsetsStored,
    /// Where the group has got to; `None` when it never said.
    OffsetIs(Option<Offset>),
    /// What is said of a transaction over partitions.
    Txn(TxnReply),
    /// What a service says of the order that it was called for.
    Called {
        /// Which order.
        order: OrderId,
        /// What.
        answer: Answer,
    },
    /// No, and why.
    Refused(Refusal),
}

impl<D: Slice> Reply<D> {
    pub(super) fn load(self) -> Result<Reply, D::Error> {
        Ok(match self {
            Self::Stored { base } => Reply::Stored { base },
            Self::Published { refused } => Reply::Published { refused },
            Self::HalfStored(id) => Reply::HalfStored(id),
            Self::Decided => Reply::Decided,
            Self::Transaction(state) => Reply::Transaction(state),
            Self::Subscribed { queue } => Reply::Subscribed { queue },
            Self::ReadFrom { replica } => Reply::ReadFrom { replica },
            Self::Pong => Reply::Pong,
            Self::Producer { id, epoch } => Reply::Producer { id, epoch },
            Self::ProducerIds { first, count } => Reply::ProducerIds { first, count },
            Self::Fetched { batches, high_watermark, start } => {
                Reply::Fetched { batches: batches.load()?, high_watermark, start }
            }
            Self::Stable { batches, aborted, last_stable } => {
                Reply::Stable { batches: batches.load()?, aborted, last_stable }
            }
            Self::Selected { batches, next, high_watermark } => {
                Reply::Selected { batches, next, high_watermark }
            }
            Self::OffsetForTime { offset, start, end } => Reply::OffsetForTime { offset, start, end },
            Self::Diverged { epoch, end } => Reply::Diverged { epoch, end },
            Self::Cluster(view) => Reply::Cluster(view),
            Self::Membership { epoch, partitions } => Reply::Membership { epoch, partitions },
            Self::Group(reply) => Reply::Group(reply),
            Self::Share(reply) => Reply::Share(reply),
            Self::OffsetsStored => Reply::OffsetsStored,
            Self::OffsetIs(offset) => Reply::OffsetIs(offset),
            Self::Txn(reply) => Reply::Txn(reply),
            Self::Called { order, answer } => Reply::Called { order, answer },
            Self::Refused(refusal) => Reply::Refused(refusal),
        })
    }
}
