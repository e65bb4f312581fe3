//! Durable queues and topics in files: the mqlab engine on a machine's disk.
//!
//! The engine itself does no I/O. This crate is one of its hosts:
//!
//! * [`log`] keeps its logs in files, and recovers them after a crash;
//! * a [`VirtualHost`](mqlab_core::vhost::VirtualHost) over them has queues, exchanges and subscriptions that survive a
//!   restart; [`now`] is the time to hand in (see the examples `durable_queue`, `durable_topic` and `durable_exchange`);
//! * [`Queue`] is the shortest way: a durable queue in a directory, for a program or a shell script;
//! * [`Local`] runs a broker over them in this process: the embedded, durable queue;
//! * the command `mqlab` does the same from a shell.

mod clock;
mod error;
mod local;
pub mod log;
mod queue;

pub use clock::now;
pub use error::Error;
pub use local::{Local, Moved, PARTITIONS_MAX, Received, Receiver, Sender};
pub use queue::{Delivery, Flushing, Message, Queue, QueueOptions, QueueStats, Queues, Receipt, Sent};
