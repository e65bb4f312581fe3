//! How does a broker slow its producers down? It asks them to wait, and says when they may go on.
//!
//! ```text
//!   publish ──▶ queue full (it blocks), or an alarm is on ──▶ "wait" and a refusal
//!                                                                │
//!   a consumer takes something: there is room; the alarm is over ┴──▶ "go on"
//! ```
//!
//! The word goes over the connection, so it holds for all that a producer sends to this broker: whoever waits for one
//! full queue waits with everything. Consumers are never asked to wait, or there would never be room again.
//!
//! What real systems do: RabbitMQ tells publishers of its alarms (`connection.blocked`) and stops reading from their
//! sockets; ActiveMQ lets the call wait in which a producer sends to a full queue (producer flow control).

use super::Broker;
use super::protocol::{Message, Out};
use crate::ids::NodeId;
use crate::log::Storage;

impl<S: Storage> Broker<S> {
    /// Asks a producer to wait that was just refused.
    pub(super) fn ask_to_wait<D>(&mut self, producer: NodeId, out: &mut Out<D>) {
        self.guests.waiting.insert(producer);
        out.send(producer, Message::Flow { blocked: true });
    }

    /// A queue has room again: whoever waits may try. While an alarm is on, that would be in vain.
    pub(super) fn tell_of_room<D>(&mut self, out: &mut Out<D>) {
        if !self.host.has_alarm() {
            for producer in core::mem::take(&mut self.guests.waiting) {
                out.send(producer, Message::Flow { blocked: false });
            }
        }
    }

    /// An alarm is on, or over: all who publish hear of it.
    pub(super) fn tell_of_alarm<D>(&mut self, on: bool, out: &mut Out<D>) {
        if on || self.host.has_alarm() {
            for &producer in &self.guests.publishers {
                out.send(producer, Message::Flow { blocked: true });
            }
            return;
        }
        let mut told = core::mem::take(&mut self.guests.waiting);
        told.extend(self.guests.publishers.iter().copied());
        for producer in told {
            out.send(producer, Message::Flow { blocked: false });
        }
    }
}
