//! What does a broker's virtual host look like? Its exchanges, its queues, and who must wait for them.

use alloc::vec::Vec;

use super::picture::{Cell, CellState, ExchangeView, HeldUp, QueueView, Role, StripView};
use super::world::{Disk, World};
use crate::client::Producer;
use crate::ids::NodeId;
use crate::log::Log;
use crate::observe::{Place, Refusal};
use crate::queue::{ConsumerId, Queue, Standing};
use crate::routing::{ExchangeKind, RESERVED_PREFIX};
use crate::vhost::VirtualHost;

/// The exchanges that somebody declared: not the nameless one, nor those that every host has.
pub(super) fn exchange_views(host: &VirtualHost<Disk>) -> Vec<ExchangeView> {
    let router = host.router();
    let own = router.exchanges().filter(|(name, options)| {
        let given = name.as_str().is_empty() || name.as_str().starts_with(RESERVED_PREFIX);
        options.kind != ExchangeKind::System && (!given || router.bindings_of(name).next().is_some())
    });
    let view = own.map(|(name, options)| ExchangeView {
        name: name.clone(),
        kind: options.kind.clone(),
        alternate: options.alternate.clone(),
        bindings: router.bindings_of(name).cloned().collect(),
    });
    view.collect()
}

/// Why a producer's client does not send what it has.
pub(super) fn held_up(client: &Producer) -> Option<HeldUp> {
    match client.held_up()? {
        Refusal::Blocked => Some(HeldUp::Alarm),
        Refusal::Full => Some(HeldUp::Full),
        _ => None,
    }
}

/// What a queue holds, the oldest first.
pub(super) fn queue_strip<L: Log>(
    node: NodeId,
    queue: &Queue<L>,
    client: &dyn Fn(ConsumerId) -> Option<NodeId>,
    world: &World,
    cells_max: usize,
) -> StripView {
    let held = queue.held();
    let cells = held.take(cells_max).map(|held| Cell {
        offset: held.offset,
        mark: held.id.map(|message| world.mark(message)),
        state: match held.standing {
            Standing::With(consumer) => client(consumer).map_or(CellState::Ready, CellState::Delivered),
            Standing::Waiting(until) => CellState::Waiting(world.true_time(node, until)),
            Standing::Ready => CellState::Ready,
        },
        deliveries: held.deliveries,
        priority: held.priority,
    });
    let first = queue.held().next().map_or(queue.next(), |held| held.offset);
    let (stats, options) = (queue.stats(), queue.options());
    let over = |limit: Option<u64>, value: u64| limit.is_some_and(|most| value > 0 && value >= most);
    StripView {
        place: Place::Queue(queue.name().clone()),
        role: Role::Queue,
        start: first,
        end: queue.next(),
        high_watermark: None,
        last_stable: None,
        behind: 0,
        held: stats.held,
        groups: Vec::new(),
        queue: Some(QueueView {
            ready: stats.ready,
            waiting: stats.waiting,
            unacked: stats.unacked,
            length_max: options.length_max,
            bytes_max: options.bytes_max,
            full: over(options.length_max, stats.ready) || over(options.bytes_max, stats.ready_bytes),
            overflow: options.overflow,
            priority_max: options.priority_max,
            dead_letter: options.dead_letter.clone(),
            died: world.metrics().died_in(node, queue.name()).collect(),
            readers: queue.consumers().filter_map(client).collect(),
            active: queue.active().and_then(client),
        }),
        epochs: Vec::new(),
        cells: cells.collect(),
    }
}
