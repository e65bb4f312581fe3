//! What does a dead letter tell of its past? The header `x-death`, as RabbitMQ writes it, and those of the first and the
//! last death.
//!
//! ```text
//!   x-death: [ {queue: d2, reason: expired,  count: 3, time: ..., exchange: "", routing-keys: [d2], original-expiration: "100"},
//!              {queue: d1, reason: rejected, count: 3, time: ..., exchange: "", routing-keys: [d1]} ]
//!              the latest first; one line for each queue and reason, whose count grows
//! ```
//!
//! The history itself is kept by the engine in the same order (`vhost/bury.rs`, with the rule that ends circles). A
//! host that [writes headers of deaths](crate::vhost::VirtualHost::write_death_headers) notes the moment of each line's
//! first death, and who was the first and the last, so that a headers exchange can route by it.
//!
//! Left out: the keys of the headers `CC` and `BCC` among the routing keys; the engine has neither.
//!
//! Sources: `rabbit_dead_letter.erl`, `mc.erl#record_death`; RabbitMQ, "Dead Letter Exchanges".

use alloc::string::{String, ToString as _};
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::ids::Name;
use crate::message::{Death, Message};

/// A line of the header `x-death`, field by field.
///
/// ```
/// use mqlab_core::queue::{DeadLetter, QueueOptions};
/// use mqlab_core::systems::rabbitmq::x_death;
/// use mqlab_core::{message::Message, time::{Span, Time}, vhost::VirtualHost};
/// let (mut host, now) = (VirtualHost::in_memory(), Time(5_000_000));
/// host.write_death_headers(true);
/// let dead_letter = Some(DeadLetter::to_queue("graveyard"));
/// host.declare_queue(now, "graveyard", QueueOptions::default())?;
/// host.declare_queue(now, "q", QueueOptions { dead_letter, ..QueueOptions::default() })?;
/// host.send(now, "q", Message::new("late").with_ttl(Span::ZERO))?;
/// let letter = host.receive(now, "graveyard")?.ok_or("it is there")?.message;
/// let line = &x_death(&letter)[0];
/// assert_eq!((line.queue.as_str(), line.reason, line.count), ("q", "expired", 1));
/// assert_eq!((line.time, line.original_expiration.as_deref()), (Some(5), Some("0")));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct XDeath {
    /// `queue`.
    pub queue: Name,
    /// `reason`: `rejected`, `expired`, `maxlen` or `delivery_limit`.
    pub reason: &'static str,
    /// `count`: how often it left this queue for this reason.
    pub count: u32,
    /// `time`: when it did so first, in seconds. None where the host did not note it.
    pub time: Option<u64>,
    /// `exchange`: where it was published to before; empty for the default exchange.
    pub exchange: Arc<str>,
    /// `routing-keys`.
    pub routing_keys: Vec<Arc<str>>,
    /// `original-expiration`: the time to live that it had of its own, in milliseconds, as a text.
    pub original_expiration: Option<String>,
}

impl From<&Death> for XDeath {
    fn from(death: &Death) -> Self {
        Self {
            queue: death.queue.clone(),
            reason: death.reason.as_str(),
            count: death.count,
            time: death.time.map(|time| time.as_millis() / 1_000),
            exchange: Arc::clone(&death.exchange),
            routing_keys: [Arc::clone(&death.routing_key)].into(),
            original_expiration: death.original_ttl.map(|ttl| (ttl.0 / 1_000).to_string()),
        }
    }
}

/// The header `x-death` of a message: empty for one that did not die.
pub fn x_death(message: &Message) -> Vec<XDeath> {
    message.deaths().iter().map(XDeath::from).collect()
}
