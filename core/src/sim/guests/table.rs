//! Which guest is this? It stands in the row of its kind, at the place of its number: in each step of the world several are
//! looked up.
//!
//! ```text
//!   brokers     ▶ (none) broker-1 broker-2 broker-3          people count from 1
//!   producers   ▶ (none) producer-1
//! ```

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::Guest;
use crate::ids::NodeId;
use crate::sim::world::Node;

/// A guest, and what every node has.
type Slot = Node<Box<dyn Guest>>;

/// All guests.
#[derive(Clone, Debug)]
pub(in super::super) struct Guests {
    /// For each kind a row with a place for each number.
    rows: [Vec<Option<(NodeId, Slot)>>; NodeId::KINDS],
}

impl Guests {
    pub(in super::super) fn get(&self, node: NodeId) -> Option<&Slot> {
        let (kind, number) = node.kind_and_number();
        let (_, slot) = self.rows[usize::from(kind)].get(usize::from(number))?.as_ref()?;
        Some(slot)
    }

    pub(in super::super) fn get_mut(&mut self, node: NodeId) -> Option<&mut Slot> {
        let (kind, number) = node.kind_and_number();
        let (_, slot) = self.rows[usize::from(kind)].get_mut(usize::from(number))?.as_mut()?;
        Some(slot)
    }

    pub(in super::super) fn has(&self, node: NodeId) -> bool {
        self.get(node).is_some()
    }

    /// All of them, in order of their nodes.
    pub(in super::super) fn iter(&self) -> impl Iterator<Item = (NodeId, &Slot)> {
        self.rows.iter().flatten().flatten().map(|(node, slot)| (*node, slot))
    }
}

impl FromIterator<(NodeId, Slot)> for Guests {
    fn from_iter<I: IntoIterator<Item = (NodeId, Slot)>>(all: I) -> Self {
        let mut rows: [Vec<Option<(NodeId, Slot)>>; NodeId::KINDS] = Default::default();
        for (node, slot) in all {
            let (kind, number) = node.kind_and_number();
            let (row, number) = (&mut rows[usize::from(kind)], usize::from(number));
            if row.len() <= number {
                row.resize_with(number + 1, || None);
            }
            row[number] = Some((node, slot));
        }
        Self { rows }
    }
}
