//! What is seen of a broker? Its CommitLog, and its queues, each as its ConsumeQueue shows it; those that clients read first, then those where
//! messages wait.

use alloc::vec::Vec;

use super::super::Look;
use crate::ids::{Epoch, Name, Offset};
use crate::sim::picture::{Cell, CellState, Role as Shown, StripView};
use crate::sim::world::Disk;
use crate::systems::rocketmq::broker::{Broker, Role};
use crate::systems::rocketmq::filter::Subscription;
use crate::systems::rocketmq::{OP_HALF_TOPIC, REVIVE_TOPIC, SCHEDULE_TOPIC, Topic};

/// What stands above the CommitLog, as if it were a topic.
pub(super) const COMMIT_LOG: &str = "CommitLog";

/// The CommitLog and the queues of a broker that runs, or whose disk is looked at.
pub(super) fn of(broker: &Broker<Disk>, look: &Look<'_>, is_up: bool) -> Vec<StripView> {
    let store = broker.store();
    let is_shown = |topic: &Topic| ![OP_HALF_TOPIC, REVIVE_TOPIC].contains(&topic.as_str());
    let own = broker.settings().topics.iter();
    let mut queues: Vec<(Topic, u32)> =
        own.flat_map(|(topic, queues)| (0..*queues).map(|queue| (topic.clone(), queue))).collect();
    let more = store.queues().filter(|(topic, _)| is_shown(topic));
    for (topic, queue) in more.map(|(topic, queue)| (topic.clone(), queue)) {
        if !queues.contains(&(topic.clone(), queue)) {
            queues.push((topic, queue));
        }
    }
    let queues = queues.iter().map(|(topic, queue)| strip(broker, look, is_up, (topic, *queue)));
    [commit_log(broker, look, is_up)].into_iter().chain(queues).collect()
}

/// What a broker is to its logs.
fn role(broker: &Broker<Disk>, is_up: bool) -> Shown {
    match broker.settings().role {
        _ if !is_up => Shown::Down,
        Role::Slave(_) | Role::Waiting => Shown::Follower { in_sync: true },
        Role::AsyncMaster | Role::SyncMaster => Shown::Leader { epoch: Epoch(0) },
    }
}

/// The end of the CommitLog, message by message: each stands in one of the queues, too.
fn commit_log(broker: &Broker<Disk>, look: &Look<'_>, is_up: bool) -> StripView {
    let (log, settings) = (broker.store().commit_log(), broker.settings());
    let (end, durable) = (log.messages() as u64, broker.durable());
    let (mut cells, mut place, mut offset) = (Vec::new(), u64::MAX, end);
    while cells.len() < look.cells_max
        && let Some(at) = log.last_below(place)
        && let Ok(Some(message)) = log.read(at.physical)
    {
        (place, offset) = (at.physical, offset - 1);
        let is_flushed = at.physical < durable;
        cells.push(Cell {
            offset: Offset(offset),
            mark: message.properties.message_id().map(|id| look.mark(id)),
            state: if is_flushed { CellState::Committed } else { CellState::Uncommitted },
            deliveries: 0,
            priority: 0,
        });
    }
    cells.reverse();
    let name = Topic::new(COMMIT_LOG).expect("a legal name");
    StripView {
        place: settings.numbering.place(&settings.name, &name, 0),
        role: role(broker, is_up),
        start: Offset::ZERO,
        end: Offset(end),
        high_watermark: None,
        last_stable: None,
        behind: 0,
        held: end,
        groups: Vec::new(),
        queue: None,
        epochs: Vec::new(),
        cells,
    }
}

fn strip(broker: &Broker<Disk>, look: &Look<'_>, is_up: bool, (topic, queue): (&Topic, u32)) -> StripView {
    let (store, settings) = (broker.store(), broker.settings());
    let (start, end) = (store.min_offset(topic, queue), store.max_offset(topic, queue));
    let role = role(broker, is_up);
    let leads = matches!(role, Shown::Leader { .. });
    let groups = if leads { groups(broker, topic, queue) } else { Vec::new() };
    StripView {
        place: settings.numbering.place(&settings.name, topic, queue),
        role,
        start: Offset(start),
        end: Offset(end),
        high_watermark: None, // what is stored may be read
        last_stable: None,
        behind: 0,
        held: end - start,
        groups,
        queue: None,
        epochs: Vec::new(),
        cells: cells(broker, look, (topic, queue)),
    }
}

/// How far each group is in a queue.
fn groups(broker: &Broker<Disk>, topic: &Topic, queue: u32) -> Vec<(Name, Offset)> {
    let of = |(name, offsets): (&alloc::string::String, &alloc::collections::BTreeMap<u32, u64>)| {
        let group = name.strip_prefix(topic.as_str())?.strip_prefix('@')?;
        Some((Name::new(group).ok()?, Offset(*offsets.get(&queue)?)))
    };
    broker.offsets().iter().filter_map(of).collect()
}

/// The last messages of a queue. What the disk does not have yet is not as firm as the rest.
fn cells(broker: &Broker<Disk>, look: &Look<'_>, (topic, queue): (&Topic, u32)) -> Vec<Cell> {
    let store = broker.store();
    let (end, durable) = (store.max_offset(topic, queue), broker.durable());
    let mut at = store.min_offset(topic, queue).max(end.saturating_sub(look.cells_max as u64));
    let waits = topic.as_str() == SCHEDULE_TOPIC;
    let mut cells = Vec::new();
    while at < end {
        let Ok(got) = store.get(topic, queue, at, look.cells_max as u32, &Subscription::All) else { break };
        for message in &got.messages {
            let state = match message.physical_offset < durable {
                _ if waits => {
                    let due = store.settings().levels.due(queue + 1, message.stored_at);
                    CellState::Waiting(look.true_time(due))
                }
                true => CellState::Committed,
                false => CellState::Uncommitted,
            };
            cells.push(Cell {
                offset: Offset(message.queue_offset),
                mark: message.properties.message_id().map(|id| look.mark(id)),
                state,
                deliveries: message.reconsumed,
                priority: 0,
            });
        }
        if got.next <= at {
            break;
        }
        at = got.next;
    }
    cells
}
