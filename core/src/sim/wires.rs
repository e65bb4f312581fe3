//! Who is connected with whom, and when did something arrive last? A row for each node, with a place for each peer.
//!
//! ```text
//!   broker-1    ▶ producer-1: 5.2 ms, connected    producer-2: 5.9 ms, connected    consumer-1: 4.8 ms
//!   producer-1  ▶ broker-1: 5.0 ms, connected
//! ```

use alloc::vec::Vec;

use super::links::Way;
use crate::ids::NodeId;
use crate::time::Time;

/// What is known of one way.
#[derive(Clone, Copy, Debug, Default)]
struct Wire {
    last_arrival: Time,
    /// Always the same both ways.
    connected: bool,
}

/// Everything that ever went from one node to another.
#[derive(Clone, Debug, Default)]
pub(super) struct Wires {
    /// By kind of node and by number; each row in order of peer.
    rows: [Vec<Vec<(NodeId, Wire)>>; NodeId::KINDS],
}

impl Wires {
    fn row(&mut self, node: NodeId) -> &mut Vec<(NodeId, Wire)> {
        let (kind, number) = node.kind_and_number();
        let rows = &mut self.rows[usize::from(kind)];
        let number = usize::from(number);
        if rows.len() <= number {
            rows.resize_with(number + 1, Vec::new);
        }
        &mut rows[number]
    }

    fn wire(&mut self, (from, to): Way) -> &mut Wire {
        let row = self.row(from);
        let at = row.binary_search_by(|(peer, _)| peer.cmp(&to)).unwrap_or_else(|at| {
            row.insert(at, (to, Wire::default()));
            at
        });
        &mut row[at].1
    }

    /// When something arrived last on a way, to be moved on.
    pub(super) fn last_arrival(&mut self, way: Way) -> &mut Time {
        &mut self.wire(way).last_arrival
    }

    /// Two nodes are connected from now on.
    pub(super) fn connect(&mut self, (a, b): Way) {
        if !core::mem::replace(&mut self.wire((a, b)).connected, true) {
            self.wire((b, a)).connected = true;
        }
    }

    /// They are no longer.
    pub(super) fn disconnect(&mut self, (a, b): Way) {
        self.wire((a, b)).connected = false;
        self.wire((b, a)).connected = false;
    }

    /// Ends all connections of a node. Returns whom they were with, in order.
    pub(super) fn disconnect_all(&mut self, node: NodeId) -> Vec<NodeId> {
        let connected = self.row(node).iter().filter(|(_, wire)| wire.connected);
        let peers: Vec<NodeId> = connected.map(|(peer, _)| *peer).collect();
        peers.iter().for_each(|&peer| self.disconnect((node, peer)));
        peers
    }
}
