//! What becomes of what a node wants sent? The network takes it, or loses it; and connections break.

use alloc::vec::Vec;

use super::agenda::Rank;
use super::links::{Fate, Way};
use super::network::Gone;
use super::words::{Incoming, Words};
use super::world::{Happening, Power, World};
use crate::ids::NodeId;
use crate::observe::{Event, FaultEvent, Link, LinkFault};
use crate::time::Time;

impl World {
    /// Sends what a node wants sent, in order.
    pub(super) fn send_all(&mut self, node: NodeId, sends: impl IntoIterator<Item = (NodeId, Words)>) {
        let own = self.incarnation(node);
        for (to, mut message) in sends {
            message.mark(own);
            let incarnation = self.incarnation(to);
            let leaves = self.has_left(node, &message);
            let sending = self.network.send(leaves, (node, to), incarnation, message);
            for (id, at) in sending.arrivals.into_iter().flatten() {
                self.agenda.plan(at, Rank::Course, Happening::Arrival(id));
            }
            if let Some(at) = sending.breaks {
                let ends = (node.min(to), node.max(to));
                self.agenda.plan(at, Rank::Course, Happening::Break(ends));
            }
            let Some((what, messages)) = sending.what else { continue };
            let event = match sending.fate {
                Fate::Doubled => FaultEvent::Doubled { to, what, messages },
                Fate::HeldUp => FaultEvent::HeldUp { to, what, messages },
                // What keeps a cluster together meets a cut all the time: of that nobody wants to read.
                Fate::Cut if messages.is_empty() => continue,
                Fate::Cut | Fate::Lost => FaultEvent::Lost { to, what, messages },
                Fate::Arrives => continue,
            };
            self.note(node, Event::Fault(event));
        }
    }

    /// Something is wrong on a link from now on, or all is well again.
    pub(super) fn hurt_link(&mut self, link: Link, fault: LinkFault) {
        let at = link.nodes().next().unwrap_or(NodeId::Controller);
        self.note(at, Event::Fault(FaultEvent::Link { link, fault }));
        self.network.links.suffer(link, fault);
        match fault {
            LinkFault::Cut => {
                let gone = self.network.swallow();
                self.tell_of(gone);
            }
            LinkFault::Heal => {
                for ends in self.network.gaping() {
                    self.break_connection(ends);
                }
            }
            _ => {}
        }
    }

    /// A connection in which something is missing ends, at both ends at once: so neither takes what belongs to the next
    /// one for part of it.
    pub(super) fn break_connection(&mut self, (a, b): Way) {
        let gone = self.network.reset((a, b));
        self.note(a, Event::Fault(FaultEvent::Broke { peer: b }));
        self.tell_of(gone);
        for (node, peer) in [(a, b), (b, a)] {
            if self.power(node) == Some(Power::On) {
                self.reach(node, Incoming::HangUp { peer });
            }
        }
    }

    fn tell_of(&mut self, gone: Vec<Gone>) {
        for Gone { way: (from, to), what, messages } in gone {
            self.note(from, Event::Fault(FaultEvent::Lost { to, what, messages }));
        }
    }

    /// Plans the moment at which a disk has done what it was asked to.
    pub(super) fn plan_disk_done(&mut self, node: NodeId, at: Time) {
        let incarnation = self.incarnation(node);
        self.agenda.plan(at, Rank::Course, Happening::DiskDone { node, incarnation });
    }
}
