//! What is RabbitMQ in this engine? Most of it is what every broker of queues has, under other names; a queue that a
//! quorum keeps, and streams, are only its own.
//!
//! | RabbitMQ | here | by default | facts |
//! |---|---|---|---|
//! | exchange, binding, alternate exchange | `routing` | direct, fanout, topic, headers, `x-consistent-hash` | R-1 to R-3, R-12 |
//! | `mandatory`, `basic.return` 312 | [`Publish`](crate::vhost::Publish) | off | R-3 |
//! | `basic.qos`, prefetch | [`Flow::Prefetch`](crate::queue::Flow); of a channel: its window | 0: no limit | R-4 |
//! | delivery tag, `multiple` | [`Handle`](crate::vhost::Handle) | 1, 2, 3 ... on each channel | R-4 |
//! | `no-ack` | [`AckMode::Automatic`](crate::queue::AckMode) | off | R-4 |
//! | classic queue: requeue | [`Requeue::OldPlace`](crate::queue::Requeue) | its old place | R-5 |
//! | publisher confirms | [`ChannelOptions`](crate::vhost::ChannelOptions) | off; after the flush | R-6 |
//! | time to live, `x-expires` | `ttl`, `unused_max` | none; noticed at the head | R-7 |
//! | `x-max-length`, `x-overflow` | `length_max`, `bytes_max`, [`Overflow`](crate::queue::Overflow) | none, `drop-head` | R-8 |
//! | dead-letter exchange, `x-death` | `dead_letter`, [`x_death`] | none | R-9 |
//! | `x-max-priority` | `priority_max` | 0: none; messages without one have 0 | R-10 |
//! | `x-priority` of a consumer | [`ConsumerOptions`](crate::queue::ConsumerOptions) | 0 | R-10 |
//! | single active consumer | `single_active` | off | R-10 |
//! | credit flow, alarms | [`Credit`](crate::vhost::Credit), [`Alarm`](crate::vhost::Alarm) | 400 and 200 messages | chapter 7 |
//! | quorum queue | [`QuorumQueue`] over [`Raft`](crate::raft::Raft), its state [`Fifo`] | 3 members, limit 20, priorities 0 to 31 | R-5, R-10, R-11 |
//! | stream | [`Stream`] | segments of 500 MB, nothing goes by itself | "Streams" |
//! | `queue.declare` and its arguments | [`declare`](declare()) | classic | 406 where they cannot be |
//!
//! Sources stand in each file. The version is 4.3, and 3.10 where that differs and a setting says so.

mod arguments;
pub(crate) mod cluster;
mod deaths;
mod fifo;
mod quorum;
mod stream;

pub use arguments::{Declared, EXPIRY_MAX_MILLIS, PreconditionFailed, STREAM_SEGMENT_BYTES, declare};
pub use deaths::{XDeath, x_death};
pub use fifo::{
    Command, ConsumerTag, Counting, DELIVERY_LIMIT, DeadLetters, Effect, Entry, Fifo, FifoOptions,
    LOW_LIMIT_PERCENT, QUORUM_PRIORITY_DEFAULT, QUORUM_PRIORITY_MAX, first_of_session,
};
pub use quorum::{QUORUM_MEMBERS, QuorumConfig, QuorumError, QuorumMessage, QuorumQueue};
pub use stream::{OffsetSpec, Stream, StreamConfig, StreamMessage, elect, messages_of};
