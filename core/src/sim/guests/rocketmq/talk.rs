//! What is a packet of RocketMQ, for the one who carries and draws it?

use alloc::vec::Vec;

use super::super::Talk;
use crate::ids::NodeId;
use crate::observe::Parcel;
use crate::sim::cost::Weight;
use crate::sim::described::Described;
use crate::sim::picture::PacketKind;
use crate::systems::rocketmq::protocol::Message;

impl Talk for Message {
    fn describe(&self, _to: NodeId) -> Described {
        (PacketKind::Upkeep, None, Vec::new(), 0)
    }

    fn parcel(&self) -> Parcel {
        match self {
            Self::Request(..) => Parcel::Request,
            Self::Reply(..) => Parcel::Answer,
            Self::Notice(_) => Parcel::Word,
        }
    }

    fn stands_alone(&self) -> bool {
        true
    }

    fn weight(&self) -> Weight {
        Weight::default()
    }
}
