//! A key moves to another consumer: when may that one have it? When the old one has nothing of it in its hands any more.
//!
//! ```text
//!   c1 has k: 4 5 6 unacknowledged     c2 joins, and k is in its half
//!             ack 4, ack 5             7 8 of k wait: blocked
//!             ack 6  ───────────────▶  drained: c2 gets 7, 8
//! ```
//!
//! Without it, c2 could be done with 7 before c1 is with 4, and the order of the key would be lost. Only keys that moved
//! and are in somebody's hands wait; everything else goes on. If the key comes back to its old owner meanwhile, there is
//! nothing to wait for.
//!
//! What real systems do: Pulsar before 4.0 held back *all* that a new consumer should get until everything that was
//! delivered before it joined was acknowledged. Kafka lets go of whole partitions before it gives them to another
//! (KIP-429, KIP-848).
//!
//! Source: Pulsar `DrainingHashesTracker` (PIP-379).

use alloc::collections::BTreeMap;

use super::ranges::ConsumerId;

/// The slots that are draining.
///
/// ```
/// use mqlab_core::systems::pulsar::{ConsumerId, Draining};
/// let (old, new) = (ConsumerId(1), ConsumerId(2));
/// let mut draining = Draining::default();
/// draining.add(old, 77);
/// draining.add(old, 77); // two messages of this slot are in its hands
/// assert!(draining.blocks(new, 77));
/// assert!(!draining.settle(old, 77)); // one is left
/// assert!(draining.settle(old, 77)); // somebody waited for this
/// assert!(!draining.blocks(new, 77));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Draining {
    slots: BTreeMap<u32, Drain>,
}

#[derive(Clone, Debug)]
struct Drain {
    /// In whose hands the messages are.
    holder: ConsumerId,
    /// How many.
    messages: u32,
    /// Whether a message was held back meanwhile.
    blocked: bool,
}

impl Draining {
    /// A message in `holder`'s hands has a slot that is another's now.
    pub fn add(&mut self, holder: ConsumerId, slot: u32) {
        // A slot is given out by one only, so nobody else can hold it: whoever drains it does so until the end.
        let drain = self.slots.entry(slot).or_insert(Drain { holder, messages: 0, blocked: false });
        if drain.holder == holder {
            drain.messages += 1;
        }
    }

    /// A message has left `holder`'s hands: acknowledged, given back, or with its holder gone. Says whether messages of the
    /// slot were held back and may go now.
    pub fn settle(&mut self, holder: ConsumerId, slot: u32) -> bool {
        let Some(drain) = self.slots.get_mut(&slot).filter(|drain| drain.holder == holder) else {
            return false;
        };
        drain.messages = drain.messages.saturating_sub(1);
        if drain.messages > 0 {
            return false;
        }
        self.slots.remove(&slot).is_some_and(|drain| drain.blocked)
    }

    /// Whether a message of the slot must not go to `consumer` yet. If the slot is its own again, it drains no more.
    pub fn blocks(&mut self, consumer: ConsumerId, slot: u32) -> bool {
        let Some(drain) = self.slots.get_mut(&slot) else { return false };
        if drain.holder == consumer {
            self.slots.remove(&slot);
            return false;
        }
        drain.blocked = true;
        true
    }

    /// Forgets all: who holds what is about to be counted anew, after the ranges have moved.
    pub fn clear(&mut self) {
        self.slots.clear();
    }

    /// How many slots are draining.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }
}
