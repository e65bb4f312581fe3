//! What is seen of a node? Its exchanges, and of each queue or stream what it has of it.

use alloc::vec::Vec;

use super::super::Look;
use super::node::{NodeGuest, State};
use crate::ids::{Epoch, LogName, Name, NodeId, Offset, PartitionId};
use crate::log::{Log as _, Storage as _};
use crate::observe::Place;
use crate::queue::Overflow;
use crate::sim::draw::log_strip;
use crate::sim::draw_host::queue_strip;
use crate::sim::picture::{BrokerView, Cell, CellState, ExchangeView, QueueView, Role, StripView};
use crate::systems::rabbitmq::cluster::{ClusterNode, Disk, Hosted, QuorumHost};
use crate::systems::rabbitmq::{QUORUM_PRIORITY_MAX, Stream};

/// A node as it is drawn.
pub(super) fn broker_view(guest: &NodeGuest, look: &Look<'_>) -> BrokerView {
    let exchanges = guest.router.exchanges().filter(|(name, _)| !name.is_default() && !name.is_reserved());
    let exchanges = exchanges.map(|(name, options)| ExchangeView {
        name: name.clone(),
        kind: options.kind.clone(),
        alternate: options.alternate.clone(),
        bindings: guest.router.bindings_of(name).cloned().collect(),
    });
    let strips = match &guest.state {
        State::Runs(node) => running(node, look),
        State::Down(left) => {
            let each = left.queues.iter();
            each.filter_map(|(name, disk)| at_rest(name, disk, look)).collect()
        }
    };
    let alarms = match &guest.state {
        State::Runs(node) if look.is_up() => node.alarms_on(),
        _ => Vec::new(),
    };
    BrokerView {
        node: guest.node,
        up: look.is_up(),
        alarms,
        mailbox: 0,
        exchanges: exchanges.collect(),
        strips,
    }
}

fn running(node: &ClusterNode, look: &Look<'_>) -> Vec<StripView> {
    let strip = |(name, own): (&Name, &Hosted)| match own {
        Hosted::Quorum(host) => Some(quorum(name, host, node.readers(name), look)),
        Hosted::Stream(member) => Some(stream(member, look)),
        Hosted::Classic(own) => {
            let mut strip = queue_strip(
                look.node,
                own.queue(),
                &|consumer| own.client(consumer),
                look.world,
                look.cells_max,
            );
            if let Some(queue) = &mut strip.queue {
                queue.readers = own.clients().collect();
            }
            Some(strip)
        }
        Hosted::Elsewhere(_) => None,
    };
    node.hosted().iter().filter_map(strip).collect()
}

/// What the disk of a node that is down holds.
fn at_rest(name: &Name, disk: &Disk, look: &Look<'_>) -> Option<StripView> {
    let mut disk = disk.clone();
    let partition = PartitionId { topic: name.clone(), index: 0 };
    for log in disk.names().ok()? {
        let place = match &log {
            LogName::Quorum(_) | LogName::Queue(_) => Place::Queue(name.clone()),
            LogName::Partition(_) => Place::Partition(partition.clone()),
            _ => continue,
        };
        let log = disk.open(&log).ok()?;
        return Some(log_strip(place, &log, log.end(), look.world, look.cells_max));
    }
    None
}

fn quorum(name: &Name, host: &QuorumHost, readers: Vec<NodeId>, look: &Look<'_>) -> StripView {
    let (member, options) = (&host.member, host.options());
    let state = member.state();
    let with = state.with_consumers().into_iter().map(|(offset, id, node, acquired)| Cell {
        offset,
        mark: id.map(|id| look.mark(id)),
        state: CellState::Delivered(node),
        deliveries: acquired + 1,
        priority: 0,
    });
    let ready = state.ready_messages().map(|(offset, id, priority, acquired)| Cell {
        offset,
        mark: id.map(|id| look.mark(id)),
        state: CellState::Ready,
        deliveries: acquired,
        priority,
    });
    // By their places, as they stand in the log; what came back is served first all the same.
    let mut cells: Vec<Cell> = with.chain(ready).collect();
    cells.sort_by_key(|cell| cell.offset);
    cells.truncate(look.cells_max);
    let leads = member.leader() == Some(look.node);
    let over = |limit: Option<u64>| limit.is_some_and(|most| state.ready() > 0 && state.ready() >= most);
    let (ready_count, unacked) = (state.ready(), state.unsettled());
    let log = member.log();
    StripView {
        place: Place::Queue(name.clone()),
        role: if leads {
            Role::Leader { epoch: member.term() }
        } else {
            Role::Follower { in_sync: member.leader().is_some() }
        },
        start: log.start(),
        end: log.end(),
        high_watermark: None,
        last_stable: None,
        behind: 0,
        held: ready_count + unacked,
        groups: Vec::new(),
        queue: Some(QueueView {
            ready: ready_count,
            waiting: 0,
            unacked,
            length_max: options.length_max,
            bytes_max: options.bytes_max,
            full: state.refuses() || over(options.length_max),
            overflow: if options.reject_publish { Overflow::RejectPublish } else { Overflow::DropHead },
            priority_max: QUORUM_PRIORITY_MAX,
            dead_letter: host.dead_letter.clone(),
            died: Vec::new(),
            readers,
            active: state.active().map(|consumer| consumer.node),
        }),
        epochs: Vec::new(),
        cells,
    }
}

fn stream(member: &Stream<Disk>, look: &Look<'_>) -> StripView {
    let place = Place::Partition(member.partition());
    let strip = log_strip(place, member.log(), member.committed(), look.world, look.cells_max);
    let role = match member.writer() {
        Some((writer, epoch)) if writer == look.node => Role::Leader { epoch },
        other => Role::Follower { in_sync: other.is_some() },
    };
    let groups: Vec<(Name, Offset)> = if member.writes() { member.offsets().collect() } else { Vec::new() };
    let epochs: Vec<(Epoch, Offset)> = strip.epochs.clone();
    StripView { role, high_watermark: Some(member.committed()), groups, epochs, ..strip }
}
