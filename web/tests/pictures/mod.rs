//! Pictures made by hand, so that the drawing is tested without the engine.

mod hosting;

pub(crate) use hosting::exchanges;

use mqlab_core::ids::{Epoch, MessageId, Name, NodeId, Offset, OrderId, PartitionId};
use mqlab_core::observe::Place;
use mqlab_core::sim::picture::{
    BrokerView, Cell, CellState, ConsumerView, ControllerView, Mark, PacketKind, PacketView, Picture,
    ProducerView, Role, ServiceView, StripView, UserView,
};
use mqlab_core::time::Time;

pub(crate) fn name(text: &str) -> Name {
    Name::new(text).expect("a good name")
}

/// Message `number`; its key follows from it.
pub(crate) fn keyed(number: u64) -> Mark {
    let keys = ['A', 'B', 'C', 'D', 'E', 'F'];
    Mark { message: MessageId(number), key: Some(keys[(number * 7 % 6) as usize]) }
}

pub(crate) fn plain(number: u64) -> Mark {
    Mark { message: MessageId(number), key: None }
}

pub(crate) fn packet(
    id: u64,
    from: NodeId,
    to: NodeId,
    kind: PacketKind,
    times: (u64, u64),
    place: &Place,
    marks: &[Mark],
) -> PacketView {
    PacketView {
        id,
        from,
        to,
        departed: Time(times.0),
        arrives: Time(times.1),
        kind,
        place: Some(place.clone()),
        marks: marks.to_vec(),
        repeats: 0,
        order: None,
    }
}

/// One queue, two consumers, some way into a hundred messages.
pub(crate) fn queue() -> Picture {
    let place = Place::Queue(name("hello"));
    let (p1, b1, c1, c2) = (NodeId::Producer(1), NodeId::Broker(1), NodeId::Consumer(1), NodeId::Consumer(2));
    let cells = (12..45).filter(|offset| *offset != 13).map(|offset| Cell {
        offset: Offset(offset),
        mark: Some(plain(offset + 1)),
        state: match offset {
            12 | 14 | 16 => CellState::Delivered(c1),
            15 | 17 => CellState::Delivered(c2),
            _ => CellState::Ready,
        },
        deliveries: match offset {
            12 | 14 | 16 | 15 | 17 => 1,
            18 | 19 => 2,
            _ => 0,
        },
        priority: 0,
    });
    let consumer = |node, name_of: &str, working: u64, staged: &[u64], processed| ConsumerView {
        node,
        name: name_of.into(),
        up: true,
        from: name("hello"),
        group: None,
        shares: false,
        assigned: vec![],
        working: Some((plain(working), Time(98_000), Time(106_000))),
        staged: staged.iter().copied().map(plain).collect(),
        held: staged.len() as u32 + 1,
        memory_max: 0,
        sends_to: Vec::new(),
        processed,
    };
    let mut again = packet(6, b1, c2, PacketKind::Delivery, (101_500, 103_500), &place, &[plain(18)]);
    again.repeats = 1;
    Picture {
        now: Time(102_000),
        controllers: vec![controller()],
        producers: vec![ProducerView {
            node: p1,
            name: "shop".into(),
            up: true,
            to: name("hello"),
            or_to: vec![],
            reads: None,
            publishes: false,
            held_up: None,
            acks: None,
            sent: 48,
            planned: 100,
            acknowledged: 44,
            waiting: [45, 46, 47, 48].map(plain).into(),
        }],
        brokers: vec![BrokerView {
            node: b1,
            up: true,
            alarms: vec![],
            mailbox: 0,
            exchanges: vec![],
            strips: vec![StripView {
                place: place.clone(),
                role: Role::Queue,
                start: Offset(12),
                end: Offset(45),
                high_watermark: None,
                last_stable: None,
                behind: 0,
                held: 32,
                groups: vec![],
                queue: None,
                epochs: Vec::new(),
                cells: cells.collect(),
            }],
        }],
        consumers: vec![consumer(c1, "alice", 13, &[15, 17], 6), consumer(c2, "bob", 16, &[], 7)],
        services: vec![],
        users: vec![],
        packets: vec![
            packet(1, p1, b1, PacketKind::Produce, (100_000, 103_000), &place, &[plain(46)]),
            packet(2, p1, b1, PacketKind::Produce, (101_500, 103_500), &place, &[plain(47), plain(48)]),
            packet(3, b1, p1, PacketKind::Stored, (100_000, 103_000), &place, &[plain(45)]),
            packet(4, b1, c1, PacketKind::Delivery, (101_000, 103_000), &place, &[plain(17)]),
            packet(5, c2, b1, PacketKind::Done, (101_000, 103_000), &place, &[plain(14)]),
            again,
        ],
        ..nothing()
    }
}

/// Nobody, and nothing.
fn nothing() -> Picture {
    Picture {
        now: Time::ZERO,
        controllers: Vec::new(),
        producers: Vec::new(),
        brokers: Vec::new(),
        consumers: Vec::new(),
        services: Vec::new(),
        users: Vec::new(),
        packets: Vec::new(),
        flows: Vec::new(),
        frozen: Vec::new(),
        cut: Vec::new(),
        lost: Vec::new(),
        system: None,
        clusters: Vec::new(),
    }
}

fn orders(index: u32) -> Place {
    Place::Partition(PartitionId { topic: name("orders"), index })
}

fn strip(index: u32, role: Role, end: u64, high_watermark: u64, leader_end: u64) -> StripView {
    let cells = (end.saturating_sub(12)..end).map(|offset| Cell {
        offset: Offset(offset),
        mark: Some(keyed(offset * 3 + u64::from(index) + 1)),
        state: if offset < high_watermark { CellState::Committed } else { CellState::Uncommitted },
        deliveries: 0,
        priority: 0,
    });
    let groups = match role {
        Role::Leader { .. } => vec![(name("billing"), Offset(high_watermark.saturating_sub(2)))],
        _ => vec![],
    };
    StripView {
        place: orders(index),
        role,
        start: Offset(0),
        end: Offset(end),
        high_watermark: Some(Offset(high_watermark)),
        last_stable: None,
        behind: leader_end.saturating_sub(end),
        held: end,
        groups,
        queue: None,
        epochs: Vec::new(),
        cells: cells.collect(),
    }
}

/// Three partitions on three brokers; with `crashed` the first broker is down and its partition led by the second.
pub(crate) fn topic(crashed: bool) -> Picture {
    let brokers: Vec<BrokerView> = (1_u16..=3)
        .map(|number| {
            let node = NodeId::Broker(number);
            let up = !(crashed && number == 1);
            let strips = (0_u32..3).map(|index| {
                let home = index as u16 + 1;
                let leads = if crashed && index == 0 { number == 2 } else { number == home };
                let role = match (up, leads) {
                    (false, _) => Role::Down,
                    (_, true) => Role::Leader { epoch: Epoch(if crashed && index == 0 { 1 } else { 0 }) },
                    _ => Role::Follower { in_sync: !(crashed && index == 0) },
                };
                let end = 9 + u64::from(index);
                let lag = if leads { 0 } else { u64::from(number) % 3 };
                strip(index, role, end - lag, end - 2, end)
            });
            BrokerView { node, up, alarms: vec![], mailbox: 0, exchanges: vec![], strips: strips.collect() }
        })
        .collect();
    let (b1, b2, b3) = (NodeId::Broker(1), NodeId::Broker(2), NodeId::Broker(3));
    let producer = |number, called: &str| ProducerView {
        node: NodeId::Producer(number),
        name: called.into(),
        up: true,
        to: name("orders"),
        or_to: vec![],
        reads: None,
        publishes: false,
        held_up: None,
        acks: Some(-1),
        sent: 34,
        planned: 60,
        acknowledged: 30,
        waiting: [31, 32].map(keyed).into(),
    };
    let consumer = |number: u16, assigned: Vec<u32>| ConsumerView {
        node: NodeId::Consumer(number),
        name: format!("billing-{number}"),
        up: true,
        from: name("orders"),
        group: Some(name("billing")),
        shares: false,
        assigned,
        working: (number != 2).then(|| (keyed(u64::from(number) + 10), Time(410_000), Time(416_000))),
        staged: if number == 1 { [14, 17, 20].map(keyed).into() } else { vec![] },
        held: 4,
        memory_max: 0,
        sends_to: Vec::new(),
        processed: 5 + u64::from(number),
    };
    let (shop, app, c1, c3) =
        (NodeId::Producer(1), NodeId::Producer(2), NodeId::Consumer(1), NodeId::Consumer(3));
    let lead = if crashed { b2 } else { b1 };
    let mut again = packet(1, shop, lead, PacketKind::Produce, (411_000, 415_000), &orders(0), &[keyed(31)]);
    again.repeats = u32::from(crashed);
    let packets = vec![
        again,
        packet(2, app, b3, PacketKind::Produce, (412_000, 415_000), &orders(2), &[keyed(33), keyed(36)]),
        packet(3, b2, app, PacketKind::Stored, (412_500, 415_000), &orders(1), &[keyed(26)]),
        packet(4, b2, shop, PacketKind::Refused, (411_500, 416_000), &orders(0), &[keyed(28)]),
        packet(5, lead, b3, PacketKind::Copied, (412_000, 415_500), &orders(0), &[keyed(28)]),
        packet(6, b3, b2, PacketKind::Copy, (412_000, 415_500), &orders(1), &[]),
        packet(
            7,
            lead,
            c1,
            PacketKind::Fetched,
            (413_000, 415_500),
            &orders(0),
            &[keyed(19), keyed(22), keyed(25)],
        ),
        packet(8, c3, b3, PacketKind::Fetch, (413_000, 415_500), &orders(2), &[]),
        packet(9, NodeId::Consumer(2), b2, PacketKind::Commit, (413_500, 415_500), &orders(1), &[]),
        packet(10, b3, NodeId::Controller, PacketKind::Upkeep, (413_500, 415_500), &orders(0), &[]),
    ];
    Picture {
        now: Time(414_000),
        controllers: vec![controller()],
        producers: vec![producer(1, "shop"), producer(2, "app")],
        brokers,
        consumers: vec![consumer(1, vec![0]), consumer(2, vec![1]), consumer(3, vec![2])],
        packets,
        lost: if crashed { vec![keyed(28), keyed(31)] } else { vec![] },
        ..nothing()
    }
}

/// The only controller, which cannot die.
fn controller() -> ControllerView {
    ControllerView { node: NodeId::Controller, up: true, active: true, term: Epoch(1), runs_at: None }
}

fn service(number: u16, name: &str, calls: &[u16], busy: u64, waiting: u64) -> ServiceView {
    ServiceView {
        node: NodeId::Service(number),
        name: name.into(),
        up: true,
        from: None,
        group: None,
        assigned: vec![],
        calls: calls.iter().copied().map(NodeId::Service).collect(),
        sends_to: vec![],
        workers: 4,
        backlog: 20,
        working: (1..=busy).map(|order| (OrderId(order), Time(97_000))).collect(),
        waiting: (5..5 + waiting).map(OrderId).collect(),
        worked: 31,
        gave_up: 0,
        turned_away: if waiting > 0 { 7 } else { 0 },
    }
}

/// Two crowds, a shop that calls three services, and no broker; with `queue` the shop sends to one instead.
pub(crate) fn calls(with_queue: bool) -> Picture {
    let user = |number, name: &str, errors| UserView {
        node: NodeId::User(number),
        name: name.into(),
        calls: NodeId::Service(1),
        asked: 60,
        planned: 120,
        waiting: 12,
        done: 20,
        accepted: 28,
        errors,
        notified: 0,
    };
    let mut shop = service(1, "shop", &[2, 3, 4], 3, 0);
    let mut finance = service(2, "finance", &[], 4, 12);
    let mut risk = service(4, "risk", &[], 0, 0);
    risk.up = false;
    let call = |id, from, to, kind, times: (u64, u64), order| PacketView {
        place: None,
        order: Some(OrderId(order)),
        ..packet(id, from, to, kind, times, &Place::Queue(name("hello")), &[])
    };
    let (u1, s1, s2, s3) = (NodeId::User(1), NodeId::Service(1), NodeId::Service(2), NodeId::Service(3));
    let packets = vec![
        call(1, u1, s1, PacketKind::Call, (100_000, 103_000), 48),
        call(2, s1, s2, PacketKind::Call, (101_000, 103_500), 31),
        call(3, s3, s1, PacketKind::Answer, (101_000, 103_000), 29),
        call(4, s1, NodeId::User(2), PacketKind::Refused, (101_500, 104_000), 30),
    ];
    let queue = queue();
    if with_queue {
        shop.calls.clear();
        shop.sends_to = vec![name("hello")];
        finance.from = Some(name("hello"));
    }
    Picture {
        producers: vec![],
        brokers: if with_queue { queue.brokers.clone() } else { vec![] },
        consumers: vec![],
        services: vec![shop, finance, service(3, "notification", &[], 2, 0), risk],
        users: vec![user(1, "regulars", 0), user(2, "rush", 14)],
        flows: Vec::new(),
        packets,
        ..queue
    }
}
