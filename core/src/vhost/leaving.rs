//! What counts as delivered when a client leaves in good order? What it has seen.
//!
//! ```text
//!   pushed m1 m2 m3      the client's program saw m1 and acknowledged nothing
//!   the connection breaks       m1 m2 m3 come back, all marked as redelivered: nobody knows
//!   the client leaves           m1 comes back marked; m2 and m3 as if they had never gone
//! ```
//!
//! A client that keeps messages for its program until it asks knows more than the broker, and says it when it goes. AMQP
//! has no word for it, so there every message that was sent is marked.
//!
//! What real systems do: ActiveMQ's client names the last message that its program got. If that one is among those that
//! come back, all up to it are marked; if it was acknowledged, none is, also where earlier ones were not. Here each is
//! marked that was seen, which is the same unless messages are acknowledged one by one.
//!
//! Source: ActiveMQ `Queue.java#removeSubscription`, `RemoveInfo.java#getLastDeliveredSequenceId`.

use alloc::vec::Vec;

use super::*;

impl<S: Storage> VirtualHost<S> {
    /// [Closes a channel](Self::close_channel) whose client has told what it [saw](Self::seen): what it has not seen does
    /// not count as delivered.
    ///
    /// # Errors
    ///
    /// Failures of the storage.
    pub fn leave(&mut self, now: Time, id: ChannelId) -> Result<(), S> {
        let unsettled = self.channels.get(&id).into_iter().flat_map(|channel| channel.unsettled.values());
        let there = unsettled.filter(|unsettled| !unsettled.gone);
        let held: Vec<(Name, Tag)> =
            there.map(|unsettled| (unsettled.queue.clone(), unsettled.tag)).collect();
        for (name, tag) in held {
            if let Some(queue) = self.queues.get_mut(&name) {
                queue.forget_unseen(tag);
                self.touched.insert(name);
            }
        }
        self.close_channel(now, id)
    }
}
