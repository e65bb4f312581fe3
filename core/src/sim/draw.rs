//! Makes a [`Picture`] of a [`World`]: reads facts, decides nothing.

use alloc::vec::Vec;

use super::actors::Worker;
use super::network::Packet;
use super::picture::{
    BrokerView, Cell, CellState, ConsumerView, Mark, PacketKind, PacketView, Picture, ProducerView,
    Role as Shown, StripView,
};
use super::scenario::{SourceSpec, TargetSpec};
use super::world::{BrokerProcess, Disk, Power, World};
use crate::broker::{Acks, Broker, Message, OFFSETS_TOPIC, Queue, Replica, Reply, Request, Role, View};
use crate::ids::{LogName, MessageId, NodeId, Offset, PartitionId};
use crate::log::{Log, Slice as _, Storage as _};
use crate::observe::Place;
use crate::record::{Batches, Record};
use crate::time::Time;

impl World {
    /// What the world looks like at `now`, which lies at or after its last step.
    pub fn picture(&self, now: Time, cells_max: usize) -> Picture {
        let brokers = (1..).map(NodeId::Broker).zip(&self.brokers);
        Picture {
            now,
            producers: self.producer_views(),
            brokers: brokers
                .map(|(node, slot)| self.broker_view(node, slot.power, &slot.process, cells_max))
                .collect(),
            consumers: self.consumer_views(),
            services: self.calls.service_views(self.metrics()),
            users: self.calls.user_views(),
            packets: self.packet_views(),
            lost: self.verdict().lost().iter().map(|&message| self.mark(message)).collect(),
        }
    }

    fn mark(&self, message: MessageId) -> Mark {
        let index = usize::try_from(message.0).ok().and_then(|number| number.checked_sub(1));
        Mark { message, key: index.and_then(|index| self.keys.get(index).copied()).flatten() }
    }

    fn producer_views(&self) -> Vec<ProducerView> {
        let view =
            |(node, slot): (NodeId, &super::world::Node<(super::actors::Shop, crate::client::Producer)>)| {
                let (shop, client) = &slot.process;
                let (to, acks) = match &shop.spec.to {
                    TargetSpec::Queue(name) => (name.clone(), None),
                    TargetSpec::Topic { name, acks } => (name.clone(), Some(acks)),
                };
                let unstored = client.unstored().map(|(message, _)| self.mark(message));
                ProducerView {
                    node,
                    name: shop.spec.name.clone(),
                    up: slot.power == Power::On,
                    to,
                    acks: acks.map(|acks| match acks {
                        Acks::None => 0,
                        Acks::Leader => 1,
                        Acks::All => -1,
                    }),
                    sent: shop.sent,
                    planned: shop.spec.messages,
                    acknowledged: self.metrics().acknowledged_by(node),
                    waiting: if slot.power == Power::On { unstored.collect() } else { Vec::new() },
                }
            };
        (1..).map(NodeId::Producer).zip(&self.producers).map(view).collect()
    }

    fn consumer_views(&self) -> Vec<ConsumerView> {
        let slots = self.consumers.iter().zip(&self.scenario.consumers);
        let view = |(node, (slot, spec)): (
            NodeId,
            (&super::world::Node<Worker>, &super::scenario::ConsumerSpec),
        )| {
            let (from, group) = match &spec.from {
                SourceSpec::Queue { name, .. } => (name.clone(), None),
                SourceSpec::Group { name, topic } => (topic.clone(), Some(name.clone())),
            };
            let up = slot.power == Power::On;
            let worker = &slot.process;
            let mark = |record: &Record| Some(self.mark(record.message_id()?));
            let working = worker.work.as_ref().filter(|_| up);
            ConsumerView {
                node,
                name: spec.name.clone(),
                up,
                from,
                group,
                assigned: if up { worker.partitions() } else { Vec::new() },
                working: working.and_then(|work| Some((mark(&work.staged.record)?, work.since, work.until))),
                staged: match up {
                    true => worker.source.staged().iter().filter_map(|staged| mark(&staged.record)).collect(),
                    false => Vec::new(),
                },
                processed: self.metrics().processed.get(&node).copied().unwrap_or(0),
            }
        };
        (1..).map(NodeId::Consumer).zip(slots).map(view).collect()
    }

    fn broker_view(
        &self,
        node: NodeId,
        power: Power,
        process: &BrokerProcess,
        cells_max: usize,
    ) -> BrokerView {
        let strips = match process {
            BrokerProcess::Runs(broker) => self.live_strips(node, broker, cells_max),
            BrokerProcess::Disk(disk) => self.disk_strips(disk, cells_max),
        };
        BrokerView { node, up: power == Power::On, strips }
    }

    fn live_strips(&self, node: NodeId, broker: &Broker<Disk>, cells_max: usize) -> Vec<StripView> {
        let queues = broker
            .queues()
            .iter()
            .map(|(name, queue)| queue_strip(Place::Queue(name.clone()), queue, self, cells_max));
        let view = self.controller.process.view();
        let shown =
            broker.replicas().iter().filter(|(partition, _)| partition.topic.as_str() != OFFSETS_TOPIC);
        let partitions = shown.map(|(partition, replica)| {
            let groups = broker_of(self, view.coordinator()).map_or_else(Vec::new, |coordinator| {
                let offsets = coordinator.groups().offsets_in(partition);
                offsets.map(|(group, offset)| (group.clone(), offset)).collect()
            });
            let leads = matches!(replica.role(), Role::Leader(_));
            StripView {
                role: shown_role(node, partition, replica, view),
                behind: self.behind(view, partition, replica.log().end()),
                groups: if leads { groups } else { Vec::new() },
                high_watermark: Some(replica.high_watermark()),
                ..log_strip(
                    Place::Partition(partition.clone()),
                    replica.log(),
                    replica.high_watermark(),
                    self,
                    cells_max,
                )
            }
        });
        queues.chain(partitions).collect()
    }

    /// What a dead broker's disk holds.
    fn disk_strips(&self, disk: &Disk, cells_max: usize) -> Vec<StripView> {
        let mut disk = disk.clone();
        let names = disk.names().expect("memory lists its logs");
        let mut strips = Vec::new();
        for name in names {
            let place = match &name {
                LogName::Partition(partition) if partition.topic.as_str() == OFFSETS_TOPIC => continue,
                LogName::QueueCursor(_) | LogName::Definitions => continue,
                LogName::Partition(partition) => Place::Partition(partition.clone()),
                LogName::Queue(queue) => {
                    // A queue's messages and its cursor make sense only together: open it as the broker would.
                    let queue = Queue::open(&mut disk, queue.clone()).expect("memory opens its logs");
                    let strip = queue_strip(Place::Queue(queue.name().clone()), &queue, self, cells_max);
                    strips.push(StripView { role: Shown::Down, ..strip });
                    continue;
                }
            };
            let log = disk.open(&name).expect("memory opens its logs");
            strips.push(log_strip(place, &log, log.end(), self, cells_max));
        }
        strips
    }

    /// How many records a replica lacks of what its leader has.
    fn behind(&self, view: &View, partition: &PartitionId, end: Offset) -> u64 {
        let leader = broker_of(self, view.leader_of(partition));
        let leader_end = leader.and_then(|leader| leader.marks(partition)).map_or(end, |marks| marks.end);
        leader_end.0.saturating_sub(end.0)
    }

    fn packet_views(&self) -> Vec<PacketView> {
        let mut views: Vec<PacketView> =
            self.network.under_way().map(|packet| self.packet_view(packet)).collect();
        views.sort_by_key(|packet| (packet.arrives, packet.id));
        views
    }

    fn packet_view(&self, packet: &Packet) -> PacketView {
        let (kind, place, batches, repeats) = describe(packet);
        let marks = batches.into_iter().flat_map(|(batches, only)| {
            let records =
                batches.records().filter(move |record| only.is_none_or(|offset| record.offset == offset));
            records.filter_map(|record| record.message_id()).collect::<Vec<_>>()
        });
        PacketView {
            id: packet.id,
            from: packet.from,
            to: packet.to,
            departed: packet.departed,
            arrives: packet.arrives,
            kind,
            place,
            marks: marks.map(|message| self.mark(message)).collect(),
            repeats,
            order: match packet.message {
                Message::Request(_, Request::Call(order)) => Some(order.id),
                Message::Notice { order, .. } | Message::Reply(_, Reply::Called { order, .. }) => Some(order),
                _ => None,
            },
        }
    }
}

fn broker_of(world: &World, node: Option<NodeId>) -> Option<&Broker<Disk>> {
    let NodeId::Broker(number) = node? else { return None };
    match &world.brokers.get(usize::from(number).checked_sub(1)?)?.process {
        BrokerProcess::Runs(broker) => Some(broker),
        BrokerProcess::Disk(_) => None,
    }
}

fn shown_role<L: Log>(node: NodeId, partition: &PartitionId, replica: &Replica<L>, view: &View) -> Shown {
    match replica.role() {
        Role::Leader(leader) => Shown::Leader { epoch: leader.epoch() },
        Role::Follower(_) | Role::Idle => {
            let in_sync = view.partitions.get(partition).is_some_and(|state| state.in_sync.contains(&node));
            Shown::Follower { in_sync }
        }
    }
}

/// The end of a log, as cells.
fn log_strip<L: Log>(place: Place, log: &L, committed: Offset, world: &World, cells_max: usize) -> StripView {
    let first = Offset(log.end().0.saturating_sub(cells_max as u64)).max(log.start());
    let read = log.read(first, log.end(), u32::MAX).expect("in range").load().expect("memory can be read");
    let cell = |record: Record| Cell {
        offset: record.offset,
        mark: record.message_id().map(|message| world.mark(message)),
        state: if record.offset < committed { CellState::Committed } else { CellState::Uncommitted },
        deliveries: 0,
    };
    StripView {
        place,
        role: Shown::Down,
        start: log.start(),
        end: log.end(),
        high_watermark: None,
        behind: 0,
        held: log.end().0 - log.start().0,
        groups: Vec::new(),
        cells: read.records().filter(|record| record.offset >= first).map(cell).collect(),
    }
}

/// What a queue holds, the oldest first.
fn queue_strip<L: Log>(place: Place, queue: &Queue<L>, world: &World, cells_max: usize) -> StripView {
    let held = queue.held();
    let cells = held.iter().take(cells_max).map(|(&offset, held)| Cell {
        offset,
        mark: held.message.map(|message| world.mark(message)),
        state: held.with.map_or(CellState::Ready, CellState::Delivered),
        deliveries: held.deliveries,
    });
    StripView {
        place,
        role: Shown::Queue,
        start: held.first_key_value().map_or(queue.next(), |(&offset, _)| offset),
        end: queue.next(),
        high_watermark: None,
        behind: 0,
        held: held.len() as u64,
        groups: Vec::new(),
        cells: cells.collect(),
    }
}

/// What a packet is, what it is about, which records of which batches it carries, and how often they came before.
type Described = (PacketKind, Option<Place>, Option<(Batches, Option<Offset>)>, u32);

fn describe(packet: &Packet) -> Described {
    let partition = |partition: &PartitionId| {
        (partition.topic.as_str() != OFFSETS_TOPIC).then(|| Place::Partition(partition.clone()))
    };
    let is_broker = |node| matches!(node, NodeId::Broker(_));
    match &packet.message {
        Message::Request(_, request) => match request {
            Request::Send { queue, batches } => {
                (PacketKind::Produce, Some(Place::Queue(queue.clone())), Some((batches.clone(), None)), 0)
            }
            Request::Produce { partition: to, batches, .. } => {
                (PacketKind::Produce, partition(to), Some((batches.clone(), None)), 0)
            }
            Request::Fetch(fetch) => match (&fetch.replica, partition(&fetch.partition)) {
                (_, None) => (PacketKind::Upkeep, None, None, 0),
                (Some(_), place) => (PacketKind::Copy, place, None, 0),
                (None, place) => (PacketKind::Fetch, place, None, 0),
            },
            Request::Commit { .. } | Request::OffsetOf { .. } => (PacketKind::Commit, None, None, 0),
            Request::Call(_) => (PacketKind::Call, None, None, 0),
            _ => (PacketKind::Upkeep, None, None, 0),
        },
        Message::Reply(_, reply) => match reply {
            Reply::Stored { .. } => (PacketKind::Stored, None, None, 0),
            Reply::Fetched { batches, .. } if is_broker(packet.to) => {
                let carries_messages = batches.records().any(|record| record.message_id().is_some());
                let kind = if carries_messages || batches.is_empty() {
                    PacketKind::Copied
                } else {
                    PacketKind::Upkeep
                };
                (kind, None, Some((batches.clone(), None)), 0)
            }
            Reply::Fetched { batches, .. } => (PacketKind::Fetched, None, Some((batches.clone(), None)), 0),
            Reply::Diverged { .. } => (PacketKind::Copied, None, None, 0),
            Reply::OffsetsStored | Reply::OffsetIs(_) => (PacketKind::Commit, None, None, 0),
            Reply::Called { answer, .. } if answer.is_success() => (PacketKind::Answer, None, None, 0),
            Reply::Called { .. } | Reply::Refused(_) => (PacketKind::Refused, None, None, 0),
            Reply::Subscribed | Reply::Pong | Reply::Cluster(_) | Reply::Membership { .. } => {
                (PacketKind::Upkeep, None, None, 0)
            }
        },
        Message::Deliver(delivery) => (
            PacketKind::Delivery,
            Some(Place::Queue(delivery.queue.clone())),
            Some((delivery.batch.clone(), Some(delivery.offset))),
            delivery.delivery.saturating_sub(1),
        ),
        Message::Done { queue, .. } => (PacketKind::Done, Some(Place::Queue(queue.clone())), None, 0),
        Message::Cluster(_) => (PacketKind::Upkeep, None, None, 0),
        Message::Notice { done: true, .. } => (PacketKind::Answer, None, None, 0),
        Message::Notice { done: false, .. } => (PacketKind::Refused, None, None, 0),
    }
}
