//! How is a publisher slowed down that is faster than whoever takes its messages? It spends credit, and gets more for
//! what was handled.
//!
//! ```text
//!   publisher   400 ── publish ─▶ 399 ── ... ─▶ 0   it must wait
//!                                 ▲
//!   taker       handled 200 ──────┘ + 200
//! ```
//!
//! So what was taken over and is not handled yet is bounded, whatever the publisher does, and a publisher that keeps
//! pace never notices. Alarms are for the whole host; credit is for each publisher.
//!
//! Two use it. A program that embeds a host may ask for it on a channel: there, handled means stored by a flush, and
//! who has no credit is refused. A broker whose queues need time to take messages in counts it for each connection:
//! there, handled means taken in by the queue, and from who has no credit nothing is read (`core/src/broker/intake.rs`).
//!
//! Source: RabbitMQ's credit flow between its processes, `{400, 200}`: `credit_flow.erl`, `deps/rabbit/Makefile`.

use super::*;

/// How many messages a publisher may send at first.
pub const INITIAL_CREDIT: u32 = 400;
/// It gets so much more each time as many were handled.
pub const MORE_CREDIT_AFTER: u32 = 200;

/// What a publisher may still send.
///
/// ```
/// use mqlab_core::vhost::Credit;
/// let mut credit = Credit::new(3, 2);
/// for _ in 0..3 {
///     credit.spend();
/// }
/// assert!(credit.is_spent());
/// assert_eq!((credit.handle(1), credit.left()), (0, 0)); // one was handled: not yet
/// assert_eq!((credit.handle(1), credit.left()), (2, 2)); // two were
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Credit {
    left: u32,
    /// So much more each time as many were handled.
    more_after: u32,
    /// Handled since the last grant.
    handled: u32,
}

impl Default for Credit {
    fn default() -> Self {
        Self::new(INITIAL_CREDIT, MORE_CREDIT_AFTER)
    }
}

impl Credit {
    /// So much credit at first, and so much more each time as many messages were handled. With more than at first
    /// nobody would ever get any, so it is as much then; and at least 1.
    pub const fn new(initial: u32, more_after: u32) -> Self {
        let more_after = if more_after > initial { initial } else { more_after };
        Self { left: initial, more_after: if more_after == 0 { 1 } else { more_after }, handled: 0 }
    }

    /// How many messages may still come.
    pub const fn left(&self) -> u32 {
        self.left
    }

    /// Whether none may come.
    pub const fn is_spent(&self) -> bool {
        self.left == 0
    }

    /// A message came.
    pub const fn spend(&mut self) {
        self.left = self.left.saturating_sub(1);
    }

    /// So many messages were handled; says how much more may come for it.
    pub const fn handle(&mut self, messages: u32) -> u32 {
        self.handled = self.handled.saturating_add(messages);
        let more = self.handled / self.more_after * self.more_after;
        self.handled -= more;
        self.left = self.left.saturating_add(more);
        more
    }
}

/// A channel's credit, and what of it was taken since the last flush.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ahead {
    credit: Credit,
    taken: u32,
}

impl Ahead {
    /// Whether one more message may come.
    pub(super) fn may_send(self) -> bool {
        !self.credit.is_spent()
    }

    /// A message was taken.
    pub(super) fn take(&mut self) {
        self.credit.spend();
        self.taken += 1;
    }
}

impl<S: Storage> VirtualHost<S> {
    /// Grants publishers more credit for what is stored now.
    pub(super) fn grant_publishers(&mut self) {
        for (&channel, open) in &mut self.channels {
            let Some(ahead) = &mut open.credit else { continue };
            let more = ahead.credit.handle(core::mem::take(&mut ahead.taken));
            if more > 0 {
                self.outputs.push_back(Output::Credit { channel, more });
            }
        }
    }
}
