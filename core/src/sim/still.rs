//! What waits for a node that stands still? All that has come, in order; and what it wanted sent.
//!
//! ```text
//!             comes ─▶ line: m1 hang-up m2 ─┐               a frozen process: until it is thawed
//!                                           ├─▶ one burst   a busy broker, or disk: until it is done
//!   goes out when it is over ◀─ answers ────┘
//! ```
//!
//! A process stands still for two reasons: it is frozen (its virtual machine collects garbage, its host is moved,
//! somebody sent SIGSTOP), or it is busy: it waits for its disk, or works, where work has a price. Its timers do not
//! go off meanwhile; its connections stand, because the operating system keeps them; and nobody is told, so others
//! may take it for dead. When it goes on it takes in all that waited, at the present time, as one burst: so a
//! broker's flush serves everything that came during the last one (group commit).
//!
//! What was frozen in the middle and comes back with old ideas is what fencing by epochs is for: a *zombie*.

use alloc::vec::Vec;

use super::line::Line;
use super::words::{Incoming, Words, own};
use super::world::{Power, World};
use crate::ids::NodeId;
use crate::observe::{Event, FaultEvent};
use crate::sorted::SortedMap;
use crate::time::{Span, Time};

/// A node that stands still.
#[derive(Clone, Debug, Default)]
pub(super) struct Still {
    frozen: bool,
    /// Until its disk has done what it was asked to.
    busy_until: Option<Time>,
    /// What has come.
    line: Line,
    /// What it wanted sent when it began to wait for its disk.
    leaves: Vec<(NodeId, Words)>,
}

/// Those that stand still.
pub(super) type StillNodes = SortedMap<NodeId, Still>;

impl World {
    /// Lets something reach a node that is on: at once, or when it goes on.
    pub(super) fn reach(&mut self, node: NodeId, input: Incoming) {
        match self.still.get_mut(&node) {
            Some(still) => still.line.push(input),
            None => self.hand(node, input),
        }
    }

    /// Whether a node takes nothing in at present.
    pub(super) fn stands_still(&self, node: NodeId) -> bool {
        self.still.contains_key(&node)
    }

    /// Whether a node is frozen.
    pub(super) fn is_frozen(&self, node: NodeId) -> bool {
        self.still.get(&node).is_some_and(|still| still.frozen)
    }

    /// The nodes that are frozen, in order.
    pub(super) fn frozen(&self) -> impl Iterator<Item = NodeId> {
        self.still.iter().filter(|(_, still)| still.frozen).map(|(node, _)| *node)
    }

    pub(super) fn freeze(&mut self, node: NodeId) {
        self.still.entry(node).or_default().frozen = true;
        self.note(node, Event::Fault(FaultEvent::Frozen));
    }

    pub(super) fn thaw(&mut self, node: NodeId) {
        let Some(still) = self.still.get_mut(&node) else { return };
        still.frozen = false;
        let waited = u32::try_from(still.line.len()).unwrap_or(u32::MAX);
        self.note(node, Event::Fault(FaultEvent::Thawed { waited }));
        self.go_on(node);
    }

    /// A broker is busy, or waits for its disk, so much longer: what it wants sent leaves when that is done, behind what
    /// waits so already.
    pub(super) fn is_busy_for(
        &mut self,
        node: NodeId,
        busy: Span,
        leaves: impl IntoIterator<Item = (NodeId, Words)>,
    ) {
        let now = self.now;
        let still = self.still.entry(node).or_default();
        let until = still.busy_until.unwrap_or(now).max(now) + busy;
        still.busy_until = Some(until);
        still.leaves.extend(leaves);
        self.plan_disk_done(node, until);
    }

    /// A disk has done what it was asked to.
    pub(super) fn disk_done(&mut self, node: NodeId) {
        if let Some(still) = self.still.get_mut(&node)
            && still.busy_until.is_some_and(|until| until <= self.now)
        {
            still.busy_until = None;
            self.go_on(node);
        }
    }

    /// Lets a node go on, unless something else keeps it.
    fn go_on(&mut self, node: NodeId) {
        if self.still.get(&node).is_none_or(|still| still.frozen || still.busy_until.is_some()) {
            return;
        }
        let Some(Still { mut line, leaves, .. }) = self.still.remove(&node) else { return };
        self.send_all(node, leaves);
        let incarnation = self.incarnation(node);
        let lives =
            |world: &Self| world.power(node) == Some(Power::On) && world.incarnation(node) == incarnation;
        self.wakes(node).forget();
        if !matches!(node, NodeId::Broker(_)) && !self.guests.has(node) {
            for input in line.take_all() {
                if lives(self) {
                    self.hand(node, input);
                }
            }
            if lives(self) {
                self.wake(node);
            }
            return;
        }
        let mut turn = self.turn(&mut line);
        turn.push(Incoming::Wake);
        loop {
            self.hand_burst(node, turn);
            if !lives(self) || line.is_empty() {
                return;
            }
            if let Some(still) = self.still.get_mut(&node) {
                return still.line.append(line); // it is busy with this, and the rest waits on
            }
            turn = self.turn(&mut line);
        }
    }

    /// Hands what came together to a broker, or to a guest.
    fn hand_burst(&mut self, node: NodeId, burst: Vec<Incoming>) {
        match node {
            NodeId::Broker(number) if !self.guests.has(node) => {
                self.hand_to_broker(number, burst.into_iter().filter_map(own));
            }
            _ => self.hand_to_guest(node, burst),
        }
    }
}
