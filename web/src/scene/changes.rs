//! What did the last step change? The nodes, the logs and the messages of its facts: what a reader's eye should find.
//!
//! While the run stands, the marks stand; while it plays, they go as soon as the step lies back further than a moment of
//! the reader's time.

use std::collections::BTreeSet;

use mqlab_core::ids::{MessageId, NodeId};
use mqlab_core::observe::{Event, Place, Stamped};
use mqlab_core::sorted::SortedSet;

use super::theme::Theme;
use crate::text::sentence::Tone;

/// The most messages that are marked at once: a large batch is marked by its log.
const MESSAGES_MAX: usize = 64;

/// What the last step changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    nodes: SortedSet<NodeId>,
    logs: SortedSet<(NodeId, Place)>,
    messages: BTreeSet<MessageId>,
    harm: bool,
    turn: bool,
}

impl Changes {
    /// What these facts changed.
    pub fn of(facts: &[Stamped]) -> Self {
        let mut changes = Self::default();
        for fact in facts {
            let tone = Tone::of(&fact.event);
            changes.harm |= tone == Tone::Harm;
            changes.turn |= tone == Tone::Turn;
            changes.nodes.insert(fact.node);
            if let Event::Elected { leader: Some(leader), .. } = &fact.event {
                changes.nodes.insert(*leader);
            }
            let room = MESSAGES_MAX.saturating_sub(changes.messages.len());
            changes.messages.extend(fact.event.messages().iter().take(room));
            if let Some(place) = log_of(&fact.event) {
                changes.logs.insert((fact.node, place));
            }
        }
        changes
    }

    /// Whether a node did something.
    pub fn has_node(&self, node: NodeId) -> bool {
        self.nodes.contains(&node)
    }

    /// Whether a log of a broker is another one.
    pub fn has_log(&self, broker: NodeId, place: &Place) -> bool {
        self.logs.iter().any(|(node, changed)| *node == broker && changed == place)
    }

    /// Whether something happened to a message.
    pub fn has_message(&self, message: MessageId) -> bool {
        self.messages.contains(&message)
    }

    /// In which colour it is marked: harm and turns have theirs.
    pub fn color(&self, theme: &Theme) -> &'static str {
        match (self.harm, self.turn) {
            (true, _) => theme.vermilion,
            (_, true) => theme.purple,
            _ => theme.blue,
        }
    }
}

/// The log of its node that a fact changed.
fn log_of(event: &Event) -> Option<Place> {
    match event {
        Event::Appended { to, .. } | Event::TailLost { of: to, .. } => Some(to.clone()),
        Event::Copied { partition, .. }
        | Event::Committed { partition, .. }
        | Event::Truncated { partition, .. } => Some(Place::Partition(partition.clone())),
        Event::Delivered { queue, .. } | Event::Requeued { queue, .. } | Event::Settled { queue, .. } => {
            Some(Place::Queue(queue.clone()))
        }
        _ => None,
    }
}
