//! How does a program keep messages safe until they are done? A durable queue in a directory, without a server.
//!
//! ```text
//!   send ──▶ queues/orders/messages ──▶ receive ──▶ your work ──▶ ack ──▶ queues/orders/cursor: done
//!                                          ▲                      │
//!                                          └── nack, lease over ◀─┘      too often: queues/dead/messages
//! ```
//!
//! ```
//! use mqlab::{Message, Queue};
//! # let scratch = tempfile::tempdir()?;
//! # let dir = scratch.path().join("data");
//!
//! let orders = Queue::open(&dir, "orders")?;
//! orders.send(Message::new("a book"))?; // from here on it survives a power cut
//! if let Some(order) = orders.receive()? {
//!     println!("{}", order.message.text());
//!     orders.ack(&order)?; // or nack: then it is there again, counted
//! }
//! orders.close()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! It is the engine's [`VirtualHost`] over files, since dead letters go from one queue to another and the host knows in which
//! order both are to be written; its default exchange, its options and what it knows of restarts come with it. A bare
//! [`Queue`](mqlab_core::queue::Queue) of the engine would have to be told all of that anew.
//!
//! # What is promised
//!
//! | call | with [`Flushing::EachCall`] (default), when it returns `Ok` | with [`Flushing::OnRequest`] |
//! |---|---|---|
//! | `send`, `send_all` | all of it survives a power cut | after [`flush`](Queue::flush) |
//! | `receive`, `receive_up_to` | that it was delivered is counted for good; a lease holds, whatever happens | the count and the lease, after `flush` |
//! | `ack`, `nack`, `reject`, and for several | it holds: what is acknowledged never comes again | after `flush`; until then a crash may bring it again |
//! | any that returns an error | nothing has changed (but see below) | the same |
//!
//! A batch costs one fsync for each log that it changed: `send_all` one, `receive_up_to` and `ack_all` one each. Whoever
//! works through many messages uses those, or [`Flushing::OnRequest`] and a `flush` for many calls.
//!
//! After a crash at any moment: what was acknowledged for good is not delivered again; what was sent and not acknowledged is,
//! with its count of deliveries. Exactly once is not possible by a queue alone: a program that dies between its work and
//! its `ack` gets the message again, and [`Delivery::count`] says so.
//!
//! *A full disk*: [`Error::NoSpace`]. A message that was sent is taken back, so that to send it again is right. What else was
//! done is kept in memory, and written by the next call that finds room; an acknowledgement that found no room has its
//! effect in this process, and is lost only if the process ends before. *Any other failure of the disk*: close the queue and
//! open it again, as after a crash.
//!
//! Time comes from the machine's clock. Messages expire, waits and leases end by it.
//!
//! What real systems do: `SQLite` gives a program a database in the same way; there is no queue of that kind in wide use.
//! Amazon SQS has the same calls over a network: a visibility timeout is a lease here, a receipt handle a [`Receipt`].

mod directory;
mod handle;
mod stats;

pub use directory::Queues;
pub use handle::{Flushing, Queue};
pub use mqlab_core::message::Message;
pub use mqlab_core::queue::{Delivery, QueueOptions, Receipt, Sent};
pub use stats::QueueStats;

use std::sync::{Arc, Mutex, MutexGuard};

use mqlab_core::time::{Span, Time};
use mqlab_core::vhost::VirtualHost;

use crate::error::Error;
use crate::log::FileStorage;

/// The host that all handles of a directory share.
type Shared = Arc<Mutex<VirtualHost<FileStorage>>>;

/// Waits for its turn with the host.
fn lock(host: &Shared) -> Result<MutexGuard<'_, VirtualHost<FileStorage>>, Error> {
    // Whoever panicked in the middle of it may have left it half done: what the files say counts.
    host.lock().map_err(|_| Error::Refusing)
}

/// A span of the standard library, as the engine counts it.
fn span(duration: std::time::Duration) -> Span {
    Span(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX))
}

/// How long ago a moment was.
fn age(now: Time, since: Time) -> std::time::Duration {
    std::time::Duration::from_micros(now.since(since).0)
}
