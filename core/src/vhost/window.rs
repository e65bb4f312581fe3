//! How are many queues kept from sending one client too much? Its channel has one window for all of them.
//!
//! ```text
//!   window 3   queue a ──▶ m1 m2 ┐
//!              queue b ──▶ m3    ┴ 3 unacknowledged: both queues know that nothing is left
//!              ack m2            ─ each may push one; whoever does tells the other
//! ```
//!
//! A queue counts its own pushes down at once; after each of them, and after each acknowledgement, the host tells the
//! others. What a client asks for, and what needs no acknowledgement, is not counted.

use super::*;
use crate::queue::{AckMode, WindowId};
use crate::sorted::SortedSet;

impl<S: Storage> VirtualHost<S> {
    /// Tells every queue of a channel with a window how much of it is left.
    pub(super) fn sync_windows(&mut self, now: Time) -> Result<(), S> {
        let windowed = |(_, attached): &(&ConsumerId, &Attached)| {
            self.channels.get(&attached.channel).is_some_and(|channel| channel.window > 0)
        };
        let places: SortedSet<(ChannelId, Name)> = self
            .consumers
            .iter()
            .filter(windowed)
            .map(|(_, attached)| (attached.channel, attached.queue.clone()))
            .collect();
        for (id, name) in places {
            let left = self.channels.get(&id).map_or(0, Channel::left);
            let Some(queue) = self.queues.get_mut(&name) else { continue };
            if queue.window_left(WindowId(id.0)) != Some(left) {
                self.with_queue(now, &name, |queue| queue.set_window(now, WindowId(id.0), left))?;
            }
        }
        Ok(())
    }

    /// The window of a channel begins or ends: its consumers are put under it, or under none.
    pub(super) fn change_windows(&mut self, now: Time, id: ChannelId) -> Result<(), S> {
        let bounded = |attached: &Attached| attached.channel == id && attached.ack == AckMode::Explicit;
        let consumers: alloc::vec::Vec<(ConsumerId, Name)> = self
            .consumers
            .iter()
            .filter(|(_, attached)| bounded(attached))
            .map(|(&consumer, attached)| (consumer, attached.queue.clone()))
            .collect();
        for (consumer, name) in consumers {
            let Some(channel) = self.channels.get(&id) else { break };
            let window = (channel.window > 0).then(|| (WindowId(id.0), channel.left()));
            self.with_queue(now, &name, |queue| queue.share_window(now, consumer, window))?;
        }
        Ok(())
    }
}
