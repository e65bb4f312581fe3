//! What time is it for a node? What its own clock says, which may be ahead or behind.
//!
//! ```text
//!   true time   ├────────────100────────────150────────▶
//!   node's      ├───────────────70───────120───────────▶     30 ms behind: its wake-up for 120 comes at 150
//! ```
//!
//! A node sees nothing but its clock: it stamps messages by it, and its leases, sessions and timeouts run by it. When the
//! clock is set, they jump: what was to be in 20 ms is over when it goes ahead by 30. (Real programs have a second clock
//! for that, which nobody sets; those that forget it behave as here.) A clock does not go back behind the beginning of the
//! run. Facts are stamped with the true time.

use super::world::World;
use crate::ids::NodeId;
use crate::observe::{Event, FaultEvent};
use crate::sorted::SortedMap;
use crate::time::Time;

/// By how much clocks are ahead, in microseconds; those that are right are not in it.
pub(super) type Skews = SortedMap<NodeId, i64>;

impl World {
    pub(super) fn skew_of(&self, node: NodeId) -> i64 {
        if self.skews.is_empty() { 0 } else { self.skews.get(&node).copied().unwrap_or_default() }
    }

    /// What a node takes for the present.
    pub(super) fn clock(&self, node: NodeId) -> Time {
        Time(self.now.0.saturating_add_signed(self.skew_of(node)))
    }

    /// When a moment of a node's clock is.
    pub(super) fn true_time(&self, node: NodeId, at: Time) -> Time {
        Time(at.0.saturating_add_signed(self.skew_of(node).saturating_neg()))
    }

    /// Sets a node's clock. What it waits for is due by the new time.
    pub(super) fn skew(&mut self, node: NodeId, by: i64) {
        if by == 0 {
            self.skews.remove(&node);
        } else {
            self.skews.insert(node, by);
        }
        self.note(node, Event::Fault(FaultEvent::Skewed { by }));
        self.plan_wake(node);
    }
}
