//! Who waits until something is committed, and what are they told then?

use alloc::vec::Vec;

use super::protocol::{Out, Reply, RequestId};
use super::share_request::ShareReply;
use super::txn_request::TxnReply;
use crate::ids::{NodeId, Offset};
use crate::observe::Event;

/// Somebody who is answered when everything below `below` is committed.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    pub(super) below: Offset,
    pub(super) to: NodeId,
    pub(super) id: RequestId,
    pub(super) then: Then,
}

/// What a waiting request is answered with.
#[derive(Clone, Debug)]
pub(super) enum Then {
    /// To a producer.
    Stored {
        /// The offset of its first message.
        base: Offset,
    },
    /// To a member of a group.
    OffsetsStored {
        /// What happened thereby.
        events: Vec<Event>,
    },
    /// To a leader that keeps the account of a share group.
    Share {
        /// What it hears.
        reply: ShareReply,
    },
    /// To a coordinator of transactions.
    Marked {
        /// What happened thereby.
        events: Vec<Event>,
    },
}

impl Then {
    pub(super) fn release<D>(self, to: NodeId, id: RequestId, out: &mut Out<D>) {
        match self {
            Self::Stored { base } => out.reply(to, id, Reply::Stored { base }),
            Self::OffsetsStored { events } => {
                out.events.extend(events);
                out.reply(to, id, Reply::OffsetsStored);
            }
            Self::Share { reply } => out.reply(to, id, Reply::Share(reply)),
            Self::Marked { events } => {
                out.events.extend(events);
                out.reply(to, id, Reply::Txn(TxnReply::Marked));
            }
        }
    }
}
