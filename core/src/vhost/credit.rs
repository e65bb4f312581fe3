//! How is a publisher slowed down that is faster than the disk? It spends credit, and gets more for what was handled.
//!
//! ```text
//!   publisher   400 ── publish ─▶ 399 ── ... ─▶ 0   refused: wait
//!                                 ▲
//!   host        handled 200 (stored by a flush) ────┘ + 200
//! ```
//!
//! So what was taken and is not stored yet is bounded, whatever the publisher does, and a publisher that keeps pace
//! never notices. Alarms are for the whole host; this is for each channel.
//!
//! Source: RabbitMQ's credit flow between its processes, `{400, 200}`: `credit_flow.erl`, `deps/rabbit/Makefile`.

use super::*;

/// How many messages a publisher may send at first.
pub const INITIAL_CREDIT: u32 = 400;
/// It gets so much more each time as many were handled.
pub const MORE_CREDIT_AFTER: u32 = 200;

/// What a publisher may still send, and what of it was taken and is not stored.
#[derive(Clone, Copy, Debug)]
pub(super) struct Credit {
    left: u32,
    /// Taken since the last flush.
    taken: u32,
    /// Stored since the last grant.
    handled: u32,
}

impl Default for Credit {
    fn default() -> Self {
        Self { left: INITIAL_CREDIT, taken: 0, handled: 0 }
    }
}

impl Credit {
    /// Whether one more message may come.
    pub(super) fn is_spent(self) -> bool {
        self.left == 0
    }

    /// A message was taken.
    pub(super) fn spend(&mut self) {
        self.left = self.left.saturating_sub(1);
        self.taken += 1;
    }

    /// What was taken is stored; says how much more may be sent.
    fn handle(&mut self) -> u32 {
        self.handled += core::mem::take(&mut self.taken);
        let more = self.handled / MORE_CREDIT_AFTER * MORE_CREDIT_AFTER;
        self.handled -= more;
        self.left += more;
        more
    }
}

impl<S: Storage> VirtualHost<S> {
    /// Grants publishers more credit for what is stored now.
    pub(super) fn grant_publishers(&mut self) {
        for (&channel, open) in &mut self.channels {
            let more = open.credit.as_mut().map_or(0, Credit::handle);
            if more > 0 {
                self.outputs.push_back(Output::Credit { channel, more });
            }
        }
    }
}
