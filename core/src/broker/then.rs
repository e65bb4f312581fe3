//! What is somebody told who waited until something is on every replica in sync?

use alloc::vec::Vec;

use super::protocol::{Out, Reply, RequestId};
use super::share_request::ShareReply;
use crate::ids::{NodeId, Offset};
use crate::observe::Event;

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
        }
    }
}
