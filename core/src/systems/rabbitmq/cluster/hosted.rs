//! What of a queue or stream does a node have? A member of it, or all of it, or only the knowledge where it is.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::vec::Vec;

use super::super::{
    ConsumerTag, Declared, FifoOptions, QuorumConfig, QuorumMessage, QuorumQueue, Stream, StreamConfig,
};
use super::classic::ClassicQueue;
use super::node::{NodeFailed, failed};
use super::{Channel, ClusterConfig, DeclaredQueue, Disk};
use crate::ids::{Epoch, Name, NodeId, Offset};
use crate::log::{SliceOf, Storage};
use crate::queue::DeadLetter;
use crate::rng::{Rng, Stream as Chance};
use crate::systems::Out;
use crate::time::Time;

/// The log of a disk.
pub(crate) type DiskLog = <Disk as Storage>::Log;

/// What a member of a quorum queue wants done.
pub(super) type QuorumOut = Out<QuorumMessage<SliceOf<Disk>>>;

/// A queue or stream on a node.
#[derive(Clone, Debug)]
pub(crate) enum Hosted {
    /// A member of a quorum queue.
    Quorum(Box<QuorumHost>),
    /// A member of a stream.
    Stream(Box<Stream<Disk>>),
    /// A classic queue.
    Classic(Box<ClassicQueue>),
    /// A classic queue of another node.
    Elsewhere(NodeId),
}

/// A member of a quorum queue, and through which nodes its clients speak.
#[derive(Clone, Debug)]
pub(crate) struct QuorumHost {
    pub(crate) member: QuorumQueue<Disk>,
    /// The latest channel of each client, and its node.
    pub(super) via: BTreeMap<NodeId, (NodeId, u32)>,
    /// Through which nodes consumers came: also those of channels that are not the latest of their clients.
    consumers: BTreeMap<ConsumerTag, NodeId>,
    pub(crate) dead_letter: Option<DeadLetter>,
}

impl QuorumHost {
    /// A channel speaks through a node.
    pub(super) fn speaks(&mut self, channel: Channel, node: NodeId) {
        let known = self.via.entry(channel.client).or_insert((node, channel.session));
        if channel.session >= known.1 {
            *known = (node, channel.session);
        }
    }

    /// A channel consumes, through a node.
    pub(super) fn consumes(&mut self, channel: Channel, node: NodeId) {
        self.consumers.insert(ConsumerTag { node: channel.client, tag: channel.session }, node);
    }

    /// The consumers that came through a node: it is gone, and does not speak for them any more.
    pub(super) fn came_through(&mut self, node: NodeId) -> Vec<ConsumerTag> {
        let gone = self.consumers.extract_if(.., |_, through| *through == node);
        gone.map(|(consumer, _)| consumer).collect()
    }

    /// The node of a client's latest channel, and that channel.
    pub(super) fn channel_of(&self, client: NodeId) -> Option<(NodeId, Channel)> {
        self.via.get(&client).map(|&(node, session)| (node, Channel { client, session }))
    }

    /// Where dead letters go.
    pub(crate) fn options(&self) -> &FifoOptions {
        self.member.state().options()
    }
}

impl Hosted {
    /// Opens what a node has of a queue.
    pub(super) fn open(
        declared: &DeclaredQueue,
        (disk, applied): (Disk, Offset),
        (me, incarnation): (NodeId, u64),
        config: &ClusterConfig,
        now: Time,
    ) -> Result<Self, NodeFailed> {
        let DeclaredQueue { name, node, kind } = declared;
        Ok(match kind {
            Declared::Classic(_) if *node != me => Self::Elsewhere(*node),
            Declared::Classic(options) => {
                let options = options.clone();
                Self::Classic(Box::new(ClassicQueue::open(disk, name.clone(), options, incarnation, now)?))
            }
            Declared::Quorum { options, dead_letter, .. } => {
                let (timing, grace) = (config.timing, config.grace);
                let options = FifoOptions { counting: config.counting, ..options.clone() };
                let own = QuorumConfig {
                    options,
                    timing,
                    grace,
                    applied,
                    ..QuorumConfig::new(name.clone(), me, config.nodes.clone())
                };
                let rng = rng(config.seed, name, (me, incarnation));
                let mut member = QuorumQueue::open(disk, own, rng, now).map_err(|_| NodeFailed)?;
                if *node == me && incarnation == 1 {
                    member.hurry(now);
                }
                let dead_letter = dead_letter.clone();
                let (via, consumers) = Default::default();
                Self::Quorum(Box::new(QuorumHost { member, via, consumers, dead_letter }))
            }
            Declared::Stream { bytes_max, age_max, segment_bytes } => {
                let (bytes_max, age_max, segment_bytes) = (*bytes_max, *age_max, *segment_bytes);
                let own =
                    StreamConfig { bytes_max, age_max, segment_bytes, ..StreamConfig::new(name.clone(), me) };
                Self::Stream(Box::new(Stream::open(disk, own).map_err(failed)?))
            }
        })
    }

    /// Up to where a member of a quorum queue has applied its log, in this life or an earlier one.
    pub(super) fn applied(&self) -> Option<Offset> {
        match self {
            Self::Quorum(host) => Some(host.member.applied_ever()),
            _ => None,
        }
    }

    /// Gives its disk back.
    pub(super) fn close(self) -> Option<Disk> {
        match self {
            Self::Quorum(host) => host.member.close().ok(),
            Self::Stream(member) => member.close().ok(),
            Self::Classic(queue) => Some(queue.close()),
            Self::Elsewhere(_) => None,
        }
    }

    /// Its disk, and the logs of it that are open.
    pub(super) fn storage_mut(&mut self) -> Option<(&mut Disk, Vec<&mut DiskLog>)> {
        match self {
            Self::Quorum(host) => {
                let (disk, logs) = host.member.storage_mut();
                Some((disk, logs.into()))
            }
            Self::Stream(member) => {
                let (disk, log) = member.storage_mut();
                Some((disk, [log].into()))
            }
            Self::Classic(queue) => Some(queue.storage_mut()),
            Self::Elsewhere(_) => None,
        }
    }

    /// Who leads it, as far as this node knows.
    pub(super) fn leader(&self, me: NodeId) -> Option<NodeId> {
        match self {
            Self::Quorum(host) => host.member.leader(),
            Self::Stream(member) => member.writer().map(|(writer, _)| writer),
            Self::Classic(_) => Some(me),
            Self::Elsewhere(node) => Some(*node),
        }
    }

    /// The epoch in which a stream is written, as far as this node knows.
    pub(super) fn epoch(&self) -> Option<Epoch> {
        match self {
            Self::Stream(member) => member.writer().map(|(_, epoch)| epoch),
            _ => None,
        }
    }

    pub(super) fn is_stream(&self) -> bool {
        matches!(self, Self::Stream(_))
    }

    pub(super) fn next_wakeup(&self) -> Option<Time> {
        match self {
            Self::Quorum(host) => host.member.next_wakeup(),
            Self::Stream(member) => member.next_wakeup(),
            Self::Classic(queue) => queue.next_wakeup(),
            Self::Elsewhere(_) => None,
        }
    }
}

/// Chance for one member in one of its lives.
pub(super) fn rng(seed: u64, name: &Name, (me, incarnation): (NodeId, u64)) -> Rng {
    let words = format!("{name} {me} {incarnation}");
    let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    Rng::new(seed ^ words.bytes().fold(0xcbf2_9ce4_8422_2325, mix), Chance::Elections)
}
