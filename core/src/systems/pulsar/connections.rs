//! Whose connections are there? A broker hears nothing of a machine that went dark, and must ask.
//!
//! ```text
//!   look      look        look
//!   ├─ heard ─┼─ silent ──┼─ silent ─▶ gone: what it had goes to others
//!                    ping ┘
//! ```
//!
//! Source: Pulsar `PulsarHandler.handleKeepAliveTimeout`.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::ids::NodeId;
use crate::time::{Span, Time};

/// A client, and its number for a producer or a consumer.
pub(super) type Connection = (NodeId, u64);

/// When each connection was heard last, and whether it was asked since.
#[derive(Clone, Debug, Default)]
pub(super) struct Connections {
    heard: BTreeMap<Connection, (Time, bool)>,
    next_look: Time,
}

impl Connections {
    /// Something came over a connection.
    pub(super) fn hears(&mut self, now: Time, from: Connection) {
        self.heard.insert(from, (now, false));
    }

    /// A connection is closed.
    pub(super) fn forget(&mut self, connection: Connection) {
        self.heard.remove(&connection);
    }

    /// All of a client are.
    pub(super) fn forget_all(&mut self, client: NodeId) {
        self.heard.retain(|(of, _), _| *of != client);
    }

    /// Who is to be asked, and who was asked in vain, if it is time to look.
    pub(super) fn look(&mut self, now: Time, patience: Span) -> (Vec<Connection>, Vec<Connection>) {
        let (mut asked, mut gone) = (Vec::new(), Vec::new());
        if now < self.next_look {
            return (asked, gone);
        }
        self.next_look = now + patience;
        for (connection, (heard, was_asked)) in &mut self.heard {
            if now.since(*heard) < patience {
                continue;
            }
            if core::mem::replace(was_asked, true) {
                gone.push(*connection);
            } else {
                asked.push(*connection);
            }
        }
        gone.iter().for_each(|connection| _ = self.heard.remove(connection));
        (asked, gone)
    }

    /// When to look again; nobody need be looked after where nobody is.
    pub(super) fn next_look(&self) -> Option<Time> {
        (!self.heard.is_empty()).then_some(self.next_look)
    }
}
