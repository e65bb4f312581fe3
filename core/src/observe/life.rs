//! What happened to a message? The facts that name it, in order; and the chain of events that led to its end.

use alloc::vec::Vec;

use super::event::{Event, Place, Stamped};
use super::pulsar_event::is_ledger;
use super::share_event::ShareEvent;
use super::txn_event::TxnEvent;
use crate::ids::{MessageId, Name, NodeId, PartitionId};
use crate::sorted::SortedSet;

/// The most events of a chain: what is more is left out in the middle.
pub const CHAIN_MAX: usize = 24;

/// The events in a message's life, each with its number: those that name it, and the first that commits it.
///
/// ```
/// use mqlab_core::ids::MessageId;
/// use mqlab_core::observe::life;
/// use mqlab_core::sim::{Scenario, Timeline};
/// let mut timeline = Timeline::new(Scenario::built_in("hundred-messages").ok_or("no such scenario")?, 7)?;
/// timeline.advance(timeline.ends_at());
/// let life: Vec<_> = life(timeline.events(), MessageId(1)).map(|(_, fact)| fact.event.to_string()).collect();
/// assert_eq!(life[0], "sent m1 to orders");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn life(events: &[Stamped], message: MessageId) -> impl Iterator<Item = (usize, &Stamped)> {
    let mut stands = None;
    let mut committed = false;
    // A leader that does not hold the message speaks of another one at the same offset.
    let mut holders = SortedSet::new();
    events.iter().enumerate().filter(move |(_, fact)| match &fact.event {
        Event::Committed { partition, below } if !committed => {
            let reached = stands.as_ref().is_some_and(|(place, offset)| place == partition && below > offset);
            // Of a ledger its writer speaks, which holds nothing; its entries never change.
            committed = reached && (holders.contains(&fact.node) || is_ledger(partition));
            committed
        }
        Event::Appended { to: Place::Partition(partition), base, messages } => {
            let index = messages.iter().position(|id| *id == message);
            if let Some(index) = index {
                let index = if is_ledger(partition) { 0 } else { index as u64 }; // an entry has all of its messages
                stands = Some((partition.clone(), base.plus(index)));
                holders.insert(fact.node);
                // The other bookies of the write set say the same once more.
                committed &= is_ledger(partition);
            }
            index.is_some()
        }
        other => {
            let concerned = other.messages().contains(&message);
            match other {
                Event::Copied { .. } if concerned => _ = holders.insert(fact.node),
                Event::Truncated { .. } | Event::TailLost { .. } if concerned => {
                    _ = holders.remove(&fact.node)
                }
                _ => {}
            }
            concerned
        }
    })
}

/// The chain of events that led to what became of a message: its life, and from its first moment on whatever happened to
/// those that had to do with it: who died and came back, who was elected for its partition, who is in sync there.
///
/// ```
/// use mqlab_core::ids::MessageId;
/// use mqlab_core::observe::{Event, chain};
/// use mqlab_core::sim::{Scenario, Timeline};
/// let scenario = Scenario::built_in("kill-the-leader-acks-1").ok_or("no such scenario")?;
/// let mut timeline = Timeline::new(scenario, 20)?;
/// timeline.advance(timeline.ends_at());
/// let chain = chain(timeline.events(), MessageId(88)); // it is lost, because its leader died
/// assert!(chain.iter().any(|fact| fact.event == Event::Crashed));
/// assert!(chain.iter().any(|fact| matches!(fact.event, Event::Elected { .. })));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn chain(events: &[Stamped], message: MessageId) -> Vec<&Stamped> {
    let own: SortedSet<usize> = life(events, message).map(|(index, _)| index).collect();
    let Some(&first) = own.first() else { return Vec::new() };
    let last = own.last().copied().unwrap_or(first);
    let place = own.iter().find_map(|&index| partition_of(&events[index].event));
    let concerned: SortedSet<NodeId> = own.iter().map(|&index| events[index].node).collect();
    let ids: SortedSet<&Name> =
        own.iter().filter_map(|&index| transactional_id(&events[index].event)).collect();
    let belongs = |(index, fact): &(usize, &Stamped)| {
        own.contains(index)
            || match &fact.event {
                Event::Elected { partition, .. } | Event::InSync { partition, .. } => {
                    Some(partition) == place
                }
                Event::Crashed | Event::PowerCut | Event::Restarted => concerned.contains(&fact.node),
                Event::Fenced { broker } => concerned.contains(broker),
                Event::Fault(fault) => fault.is_landmark() && concerned.contains(&fact.node),
                Event::Txn(
                    TxnEvent::Began { id, .. } | TxnEvent::Decided { id, .. } | TxnEvent::Fenced { id, .. },
                ) => ids.contains(id),
                Event::Share(ShareEvent::Began { partition, .. }) => Some(partition) == place,
                _ => false,
            }
    };
    // What came after the last of it matters while nothing of it is settled: an election may be what lost it.
    let after =
        events.iter().enumerate().skip(last + 1).filter(belongs).map(|(index, _)| index).take(CHAIN_MAX / 4);
    let end = after.last().unwrap_or(last);
    let mut chain: Vec<&Stamped> =
        events.iter().enumerate().take(end + 1).skip(first).filter(belongs).map(|(_, fact)| fact).collect();
    if chain.len() > CHAIN_MAX {
        // The beginning and the end say most.
        let tail = chain.len() - CHAIN_MAX / 2;
        chain.drain(CHAIN_MAX / 2..tail);
    }
    chain
}

fn partition_of(event: &Event) -> Option<&PartitionId> {
    match event {
        Event::Sent { to: Place::Partition(partition), .. }
        | Event::Appended { to: Place::Partition(partition), .. } => Some(partition),
        _ => None,
    }
}

/// In whose transaction a message was.
fn transactional_id(event: &Event) -> Option<&Name> {
    match event {
        Event::Txn(TxnEvent::Committed { id, .. } | TxnEvent::Aborted { id, .. }) => Some(id),
        _ => None,
    }
}
