//! What does a subscriber get that comes late? The last value of each topic, where it was published to be retained.
//!
//! A thermometer that reports once an hour is of no use for an hour to whoever begins to look now. So the host keeps
//! one message for each exchange and key, and gives it to each new subscription that it suits.
//!
//! Values live in memory alone: after a restart there are none until somebody publishes again. (MQTT brokers differ
//! in this; the standard lets them forget.) There is room for [`RETAINED_MAX`] values with [`RETAINED_BYTES_MAX`]
//! bytes in all. Beyond that a message to be retained is refused with
//! [`VhostError::RetainedFull`](super::VhostError::RetainedFull) and not published at all, so that nobody believes
//! that it is kept. Forgetting values makes room.
//!
//! Source: MQTT 5, section 3.3.1.3.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;

use crate::message::Message;
use crate::routing::ExchangeName;

/// The most values that a host retains.
pub const RETAINED_MAX: usize = 10_000;
/// The most bytes of bodies that they may have together.
pub const RETAINED_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// The last values, by exchange and key.
#[derive(Clone, Debug, Default)]
pub(super) struct Retained {
    values: BTreeMap<(ExchangeName, Arc<str>), Message>,
    bytes: u64,
}

impl Retained {
    /// By how many values and bytes a message would add to what is kept.
    pub(super) fn growth(&self, exchange: &ExchangeName, key: &str, message: &Message) -> (usize, u64) {
        let bytes = message.body().len() as u64;
        match self.values.get(&(exchange.clone(), key.into())) {
            Some(old) => (0, bytes.saturating_sub(old.body().len() as u64)),
            None => (usize::from(bytes > 0), bytes),
        }
    }

    /// Whether there is room for so many values and bytes more.
    pub(super) fn has_room(&self, (count, bytes): (usize, u64)) -> bool {
        self.values.len() + count <= RETAINED_MAX && self.bytes + bytes <= RETAINED_BYTES_MAX
    }

    /// Keeps a message as the last value of its topic; one without body forgets it.
    pub(super) fn keep(&mut self, exchange: &ExchangeName, key: &str, message: &Message) {
        let topic = (exchange.clone(), key.into());
        let size = |message: &Message| message.body().len() as u64;
        let old = if message.body().is_empty() {
            self.values.remove(&topic)
        } else {
            self.bytes += size(message);
            self.values.insert(topic, message.clone())
        };
        self.bytes -= old.as_ref().map_or(0, size);
    }

    /// The last values of an exchange, in order of key.
    pub(super) fn of<'a>(
        &'a self,
        exchange: &'a ExchangeName,
    ) -> impl Iterator<Item = (&'a str, &'a Message)> {
        let from = (exchange.clone(), Arc::from(""));
        let own = self.values.range(from..).take_while(move |((other, _), _)| other == exchange);
        own.map(|((_, key), message)| (&**key, message))
    }
}
