//! A broker with exchanges and several queues, and clients that must wait.

use mqlab_core::ids::{Name, NodeId, Offset};
use mqlab_core::message::DeathReason;
use mqlab_core::observe::Place;
use mqlab_core::queue::{DeadLetter, Overflow};
use mqlab_core::routing::{Binding, Destination, ExchangeKind, ExchangeName};
use mqlab_core::sim::picture::{
    BrokerView, Cell, CellState, ConsumerView, ExchangeView, HeldUp, PacketKind, Picture, ProducerView,
    QueueView, Role, StripView,
};
use mqlab_core::time::Time;
use mqlab_core::vhost::Alarm;

use super::{keyed, name, packet};

fn exchange(text: &str) -> ExchangeName {
    text.parse().expect("a good name")
}

fn view() -> QueueView {
    QueueView {
        ready: 0,
        waiting: 0,
        unacked: 0,
        length_max: None,
        bytes_max: None,
        full: false,
        overflow: Overflow::DropHead,
        priority_max: 0,
        dead_letter: None,
        died: vec![],
        readers: vec![],
        active: None,
    }
}

fn strip(queue: &str, view: QueueView, cells: &[(u64, CellState, u32, u8)]) -> StripView {
    let cell = |&(number, state, deliveries, priority): &(u64, CellState, u32, u8)| Cell {
        offset: Offset(number - 10),
        mark: Some(keyed(number)),
        state,
        deliveries,
        priority,
    };
    StripView {
        place: Place::Queue(name(queue)),
        role: Role::Queue,
        start: Offset(1),
        end: Offset(20),
        high_watermark: None,
        last_stable: None,
        behind: 0,
        held: view.ready + view.waiting + view.unacked,
        groups: vec![],
        queue: Some(view),
        epochs: Vec::new(),
        cells: cells.iter().map(cell).collect(),
    }
}

fn binding(from: &str, queue: &str, key: &str) -> Binding {
    Binding::new(exchange(from), Destination::Queue(name(queue)), key)
}

fn broker(node: NodeId, c1: NodeId, c2: NodeId) -> BrokerView {
    let graves = DeadLetter { exchange: String::new(), routing_key: Some("graves".into()) };
    let (ready, later) = (CellState::Ready, CellState::Waiting(Time(460_000)));
    let europe = QueueView {
        ready: 3,
        waiting: 2,
        unacked: 2,
        priority_max: 9,
        dead_letter: Some(graves),
        died: vec![(DeathReason::Expired, 2), (DeathReason::DeliveryLimit, 1)],
        readers: vec![c1],
        ..view()
    };
    let full = QueueView {
        ready: 4,
        length_max: Some(4),
        full: true,
        overflow: Overflow::Block,
        readers: vec![c2],
        ..view()
    };
    let orders = ExchangeView {
        name: exchange("orders"),
        kind: ExchangeKind::Topic,
        alternate: Some(exchange("rest")),
        bindings: vec![
            binding("orders", "europe", "order.eu.#"),
            binding("orders", "audit", "order.#"),
            binding("orders", "audit", "refund.#"),
        ],
    };
    let rest = ExchangeView {
        name: exchange("rest"),
        kind: ExchangeKind::Fanout,
        alternate: None,
        bindings: vec![binding("rest", "audit", "")],
    };
    let with = CellState::Delivered(c1);
    BrokerView {
        node,
        up: true,
        alarms: vec![Alarm::Memory],
        mailbox: 7,
        exchanges: vec![orders, rest],
        strips: vec![
            strip(
                "audit",
                full,
                &[(11, ready, 0, 0), (12, ready, 0, 0), (13, ready, 0, 0), (14, ready, 0, 0)],
            ),
            strip(
                "europe",
                europe,
                &[
                    (11, with, 1, 9),
                    (12, with, 2, 4),
                    (13, ready, 0, 4),
                    (14, ready, 1, 0),
                    (15, later, 0, 0),
                    (16, later, 1, 4),
                    (17, ready, 0, 0),
                ],
            ),
            strip(
                "graves",
                QueueView { ready: 3, ..view() },
                &[(18, ready, 0, 0), (19, ready, 0, 0), (20, ready, 0, 0)],
            ),
        ],
    }
}

/// Two exchanges before three queues: one with priorities, delays and dead letters, one that is full.
pub(crate) fn exchanges() -> Picture {
    let (p1, p2, b1) = (NodeId::Producer(1), NodeId::Producer(2), NodeId::Broker(1));
    let (c1, c2) = (NodeId::Consumer(1), NodeId::Consumer(2));
    let producer = |node, called: &str, to: Name, publishes, held_up| ProducerView {
        node,
        name: called.into(),
        up: true,
        to,
        or_to: vec![],
        reads: None,
        publishes,
        held_up,
        acks: None,
        sent: 20,
        planned: 40,
        acknowledged: 17,
        waiting: [21, 22].map(keyed).into(),
    };
    let consumer = |node, called: &str, from: &str, held, memory_max| ConsumerView {
        node,
        name: called.into(),
        up: true,
        from: name(from),
        group: None,
        shares: false,
        assigned: vec![],
        working: None,
        staged: vec![],
        held,
        memory_max,
        sends_to: Vec::new(),
        processed: 12,
    };
    let (orders, europe) = (Place::Exchange(exchange("orders")), Place::Queue(name("europe")));
    Picture {
        now: Time(412_000),
        controllers: vec![super::controller()],
        producers: vec![
            producer(p1, "shop", name("orders"), true, Some(HeldUp::Alarm)),
            producer(p2, "office", name("audit"), false, Some(HeldUp::Full)),
        ],
        brokers: vec![broker(b1, c1, c2)],
        consumers: vec![consumer(c1, "anna", "europe", 7, 8), consumer(c2, "archive", "all-orders", 0, 0)],
        services: vec![],
        users: vec![],
        flows: Vec::new(),
        packets: vec![
            packet(1, p1, b1, PacketKind::Produce, (410_000, 414_000), &orders, &[keyed(21)]),
            packet(2, b1, p1, PacketKind::Refused, (411_000, 415_000), &orders, &[]),
            packet(3, b1, c1, PacketKind::Delivery, (411_000, 413_000), &europe, &[keyed(12)]),
        ],
        frozen: Vec::new(),
        cut: Vec::new(),
        lost: vec![],
        system: None,
        clusters: Vec::new(),
    }
}
