//! What is seen of share groups? Who has which record of a partition, how often each was delivered, and what travels.

use super::described::{Described, ids};
use super::picture::{CellState, PacketKind, StripView};
use super::world::Disk;
use crate::broker::{AcknowledgeType, Broker, RecordState, ShareReply, ShareRequest};
use crate::ids::{Offset, PartitionId};
use crate::observe::Place;

/// Draws into a partition's cells how its records stand with the group that shares it: the first by name, where several
/// do. Each group's start stands with the places of the other groups.
pub(super) fn shared(mut strip: StripView, broker: &Broker<Disk>, partition: &PartitionId) -> StripView {
    let starts = broker.share_partitions(partition).map(|(group, account)| (group.clone(), account.start()));
    strip.groups.extend(starts);
    if let Some((_, account)) = broker.share_partitions(partition).next() {
        for cell in &mut strip.cells {
            let Some((state, deliveries)) = account.look(cell.offset) else { continue };
            cell.deliveries = deliveries;
            if let RecordState::Acquired { by, .. } = state {
                cell.state = CellState::Delivered(by);
            }
        }
    }
    strip
}

/// What somebody asks.
pub(super) fn describe_share(request: &ShareRequest) -> Described {
    let at = |partition: &PartitionId| Some(Place::Partition(partition.clone()));
    match request {
        ShareRequest::Heartbeat { .. } | ShareRequest::Begin { .. } | ShareRequest::Keep { .. } => {
            (PacketKind::Upkeep, None, [].into(), 0)
        }
        ShareRequest::Fetch { partition, word, .. } if word.is_empty() => {
            (PacketKind::Fetch, at(partition), [].into(), 0)
        }
        // What a fetch says of records is what it is shown as: that it asks for more, too, is in its answer.
        ShareRequest::Fetch { partition, word, .. } | ShareRequest::Acknowledge { partition, word } => {
            let gives_back = |(_, what): &(Offset, AcknowledgeType)| {
                matches!(what, AcknowledgeType::Release | AcknowledgeType::Reject)
            };
            let kind = if word.iter().any(gives_back) { PacketKind::Refused } else { PacketKind::Done };
            (kind, at(partition), [].into(), 0)
        }
    }
}

/// What is answered. Of records that come again the highest count is told.
pub(super) fn describe_share_reply(reply: &ShareReply) -> Described {
    match reply {
        ShareReply::Acquired { batches, deliveries, .. } => {
            let most = deliveries.iter().map(|(_, delivery)| delivery.saturating_sub(1)).max();
            (PacketKind::Fetched, None, ids(batches), most.unwrap_or(0))
        }
        ShareReply::Acknowledged => (PacketKind::Commit, None, [].into(), 0),
        ShareReply::Member { .. } | ShareReply::Begun { .. } | ShareReply::Kept { .. } => {
            (PacketKind::Upkeep, None, [].into(), 0)
        }
    }
}
