//! How do nodes of RabbitMQ make one broker? Each knows all exchanges, bindings and queues; a client speaks to the node that
//! it is connected to, and that node speaks for it to whoever leads the queue.
//!
//! ```text
//!   publisher ── publish ─▶ node 2 ── routes; asks for its channel ─▶ node 1, which leads orders ─▶ members on 2 and 3
//!             ◀─ confirm ──        ◀─ a majority has it ────────────
//!   consumer  ◀─ deliver ── node 3 ◀─ a delivery for its channel ────
//!             ── ack ─────▶        ── settle ────────────────────────▶
//! ```
//!
//! * A *channel* is a client in one of its sessions. When its connection breaks it is gone for good, with its consumers: what
//!   they held comes back. The client opens another, on the same node or the next, and publishes again what was not
//!   confirmed: there it is a new publisher, so the same message may be stored twice.
//! * A node asks on behalf of a channel, again and again, until the queue's leader has answered, whoever that is by then: numbers
//!   tell the leader what it has had.
//! * Nodes tick, and take one for dead that is silent (Erlang's net ticks). Then its channels are suspect.
//! * Of a classic queue the node where it was declared is the only one that has it.
//! * Who writes a stream is decided by a council of all nodes, which is a Raft (RabbitMQ's stream coordinator).
//!
//! Left out: memberships of queues that change or that are smaller than the cluster, AMQP's frames and several channels in a
//! connection, network partitions' pause modes (there is no Mnesia any more).
//!
//! Sources: RabbitMQ, "Clustering", "Quorum Queues", "Consumer Acknowledgements and Publisher Confirms"; `rabbit_channel.erl`,
//! `rabbit_fifo_client.erl`, `rabbit_fifo_dlx_worker.erl`, `rabbit_stream_coordinator.erl`.

mod alarms;
mod asking;
mod burying;
mod channels;
mod classic;
mod consumer;
mod council;
mod hosted;
mod link;
mod node;
mod protocol;
mod publisher;
mod reader;
mod reading;
mod tending;

use alloc::vec::Vec;

pub(crate) use alarms::Limits;
pub(crate) use consumer::{ConsumerClient, Given, How, Reads};
pub(crate) use hosted::{Hosted, QuorumHost};
pub(crate) use node::{ClusterNode, Stopped};
pub(crate) use protocol::{Channel, ClusterMessage, ToClient, ToNode, Word};
pub(crate) use publisher::{Fate, HeldUpBy, PublisherClient, Publishes};
pub(crate) use reader::FlowLimits;

use crate::ids::{Name, NodeId};
use crate::log::faulty::FaultyStorage;
use crate::log::memory::MemoryStorage;
use crate::raft::Timing;
use crate::time::Span;

/// The disk of a node.
pub(crate) type Disk = FaultyStorage<MemoryStorage>;

/// A queue or stream that is declared.
#[derive(Clone, Debug)]
pub(crate) struct DeclaredQueue {
    pub(crate) name: Name,
    /// Where it was declared.
    pub(crate) node: NodeId,
    pub(crate) kind: super::Declared,
}

/// What every node of a cluster is told.
#[derive(Clone, Debug)]
pub(crate) struct ClusterConfig {
    /// All nodes.
    pub(crate) nodes: Vec<NodeId>,
    pub(crate) queues: Vec<DeclaredQueue>,
    pub(crate) heartbeat: Span,
    pub(crate) net_tick: Span,
    pub(crate) timing: Timing,
    pub(crate) grace: Span,
    pub(crate) ask_again: Span,
    /// What counts towards delivery limits.
    pub(crate) counting: super::Counting,
    /// What nodes have of memory and disk, where that is limited.
    pub(crate) limits: Vec<(NodeId, Limits)>,
    /// How often such a node looks at itself.
    pub(crate) look_every: Span,
    /// How much may be under way before a publisher is stopped.
    pub(crate) flow: FlowLimits,
    pub(crate) seed: u64,
}

/// How many beats or ticks fit into the time after which silence is death.
const BEATS: u64 = 4;
/// Whoever lost a connection waits so long before trying again, so that it does not do nothing else.
const AFTER_HANG_UP: Span = Span::from_millis(10);
