//! Makes a [`Picture`] of a [`World`]: reads facts, decides nothing.

use alloc::vec::Vec;

use super::draw_host::{exchange_views, held_up, queue_strip};
use super::draw_share::shared;
use super::guests::SystemSpec;
use super::network::Packet;
use super::onward::OnwardSpec;
use super::picture::{
    BrokerView, Cell, CellState, ConsumerView, HeldUp, Mark, PacketView, Picture, ProducerView,
    Role as Shown, StripView,
};
use super::program::Worker;
use super::scenario::{SourceSpec, TargetSpec};
use super::service_spec::{name_of, source_name};
use super::world::{BrokerProcess, Disk, Power, World};
use crate::broker::{Acks, Broker, Replica, Role, View, is_internal};
use crate::ids::{Epoch, LogName, MessageId, Name, NodeId, Offset, PartitionId};
use crate::log::{Log, Slice as _, Storage as _};
use crate::observe::Place;
use crate::record::Record;
use crate::time::Time;
use crate::vhost::VirtualHost;

impl World {
    /// What the world looks like at `now`, which lies at or after its last step.
    pub fn picture(&self, now: Time, cells_max: usize) -> Picture {
        Picture { packets: self.packet_views(), ..self.standing(now, cells_max) }
    }

    /// The same without what is on its way.
    pub(super) fn standing(&self, now: Time, cells_max: usize) -> Picture {
        let brokers = (1..).map(NodeId::Broker).zip(&self.brokers);
        let mut picture = Picture {
            now,
            producers: self.producer_views(),
            controllers: self.controllers.views(|node, at| self.true_time(node, at)),
            brokers: brokers
                .map(|(node, slot)| self.broker_view(node, slot.power, &slot.process, cells_max))
                .collect(),
            consumers: self.consumer_views(),
            services: self.calls.service_views(self.metrics()),
            users: self.calls.user_views(),
            packets: Vec::new(),
            flows: Vec::new(),
            frozen: self.frozen().collect(),
            cut: self.network.links.cuts().collect(),
            lost: self.verdict().lost().iter().map(|&message| self.mark(message)).collect(),
            system: self.scenario.system.as_ref().map(SystemSpec::system),
            clusters: Vec::new(),
        };
        self.show_guests(&mut picture, cells_max);
        picture
    }

    /// A message, and its key: what is drawn of it.
    pub fn mark(&self, message: MessageId) -> Mark {
        let index = usize::try_from(message.0).ok().and_then(|number| number.checked_sub(1));
        Mark { message, key: index.and_then(|index| self.keys.get(index).copied()).flatten() }
    }

    fn producer_views(&self) -> Vec<ProducerView> {
        let view = |(node, slot): (NodeId, &super::world::Node<super::shop::Shop>)| {
            let shop = &slot.process;
            let (to, acks) = match &shop.spec.to {
                TargetSpec::Topic { name, acks } => (name.clone(), Some(acks)),
                other => (name_of(other), None),
            };
            let or_to = match &shop.spec.to {
                TargetSpec::AnyOf(names) => names.iter().skip(1).cloned().collect(),
                _ => Vec::new(),
            };
            let waiting = shop.waiting().into_iter().map(|message| self.mark(message));
            ProducerView {
                node,
                name: shop.spec.name.clone(),
                up: slot.power == Power::On,
                to,
                or_to,
                reads: shop.spec.asks.as_ref().map(|asks| asks.reply_to.clone()),
                publishes: matches!(shop.spec.to, TargetSpec::Exchange { .. }),
                held_up: held_up(shop.client())
                    .or_else(|| self.is_in_flow(node).then_some(HeldUp::Flow))
                    .filter(|_| slot.power == Power::On),
                acks: acks.map(|acks| match acks {
                    Acks::None => 0,
                    Acks::Leader => 1,
                    Acks::All => -1,
                }),
                sent: shop.sent,
                planned: shop.spec.messages,
                acknowledged: self.metrics().acknowledged_by(node),
                waiting: if slot.power == Power::On { waiting.collect() } else { Vec::new() },
            }
        };
        (1..).map(NodeId::Producer).zip(&self.producers).map(view).collect()
    }

    /// Whether a broker reads nothing of what a client sends.
    fn is_in_flow(&self, client: NodeId) -> bool {
        let runs = self.brokers.iter().filter_map(|slot| match &slot.process {
            BrokerProcess::Runs(broker) => Some(broker),
            BrokerProcess::Disk(_) => None,
        });
        runs.flat_map(|broker| broker.in_flow()).any(|other| other == client)
    }

    fn consumer_views(&self) -> Vec<ConsumerView> {
        let slots = self.consumers.iter().zip(&self.scenario.consumers);
        let view = |(node, (slot, spec)): (
            NodeId,
            (&super::world::Node<Worker>, &super::scenario::ConsumerSpec),
        )| {
            let (from, group) = match &spec.from {
                SourceSpec::Group { name, topic, .. }
                | SourceSpec::Share { name, topic, .. }
                | SourceSpec::Poll { reader: name, topic, .. } => (topic.clone(), Some(name.clone())),
                SourceSpec::System(from) => (from.name(), from.group().cloned()),
                other => (source_name(other), None),
            };
            let up = slot.power == Power::On;
            let worker = &slot.process;
            let mark = |record: &Record| Some(self.mark(record.message_id()?));
            let working = worker.work.front().filter(|_| up);
            let onward = spec.program.onward.as_ref();
            ConsumerView {
                node,
                name: spec.name.clone(),
                up,
                from,
                group,
                shares: matches!(spec.from, SourceSpec::Share { .. }),
                assigned: if up { worker.partitions() } else { Vec::new() },
                working: working.and_then(|work| {
                    let at = |moment| self.true_time(node, moment);
                    Some((mark(&work.staged.record)?, at(work.since), at(work.until)))
                }),
                staged: match up {
                    true => worker.source.staged().iter().filter_map(|staged| mark(&staged.record)).collect(),
                    false => Vec::new(),
                },
                held: if up { worker.held() } else { 0 },
                memory_max: spec.program.memory_max,
                sends_to: onward.map_or_else(Vec::new, |onward| self.sends_to(onward)),
                processed: self.metrics().processed.get(&node).copied().unwrap_or(0),
            }
        };
        (1..).map(NodeId::Consumer).zip(slots).map(view).collect()
    }

    /// Where a program sends on: to the queues it names, and to those of whoever asks.
    fn sends_to(&self, onward: &OnwardSpec) -> Vec<Name> {
        let replies = self.scenario.producers.iter().filter_map(|producer| producer.asks.as_ref());
        let mut all = onward.to.clone();
        for asks in replies.filter(|_| onward.answers) {
            if !all.contains(&asks.reply_to) {
                all.push(asks.reply_to.clone());
            }
        }
        all
    }

    fn broker_view(
        &self,
        node: NodeId,
        power: Power,
        process: &BrokerProcess,
        cells_max: usize,
    ) -> BrokerView {
        let up = power == Power::On;
        match process {
            BrokerProcess::Runs(broker) => BrokerView {
                node,
                up,
                alarms: broker.host().alarms().collect(),
                mailbox: broker.untaken().messages,
                exchanges: exchange_views(broker.host()),
                strips: self.live_strips(node, broker, cells_max),
            },
            BrokerProcess::Disk(disk) => {
                // A queue's messages and its cursor make sense only together: open the host as the broker would.
                let host = VirtualHost::open(disk.clone(), self.now()).expect("memory opens its logs");
                let strips = self.disk_strips(node, disk, &host, cells_max);
                BrokerView {
                    node,
                    up,
                    alarms: Vec::new(),
                    mailbox: 0,
                    exchanges: exchange_views(&host),
                    strips,
                }
            }
        }
    }

    fn live_strips(&self, node: NodeId, broker: &Broker<Disk>, cells_max: usize) -> Vec<StripView> {
        let host = broker.host();
        let client = |consumer| broker.client_of_consumer(consumer);
        let queues = host.queues().map(|queue| queue_strip(node, queue, &client, self, cells_max));
        let view = self.controllers.view();
        let shown = broker.replicas().iter().filter(|replica| !is_internal(&replica.partition().topic));
        let partitions = shown.map(|replica| {
            let partition = replica.partition();
            let groups = broker_of(self, view.coordinator()).map_or_else(Vec::new, |coordinator| {
                let offsets = coordinator.groups().offsets_in(partition);
                offsets.map(|(group, offset)| (group.clone(), offset)).collect()
            });
            let leads = matches!(replica.role(), Role::Leader(_));
            let strip = StripView {
                role: shown_role(node, partition, replica, view),
                behind: self.behind(view, partition, replica.log().end()),
                groups: if leads { groups } else { Vec::new() },
                high_watermark: Some(replica.high_watermark()),
                last_stable: Some(replica.last_stable())
                    .filter(|stable| leads && *stable < replica.high_watermark()),
                ..log_strip(
                    Place::Partition(partition.clone()),
                    replica.log(),
                    replica.high_watermark(),
                    self,
                    cells_max,
                )
            };
            shared(strip, broker, partition)
        });
        queues.chain(partitions).collect()
    }

    /// What a dead broker's disk holds.
    fn disk_strips(
        &self,
        node: NodeId,
        disk: &Disk,
        host: &VirtualHost<Disk>,
        cells_max: usize,
    ) -> Vec<StripView> {
        let queues = host.queues().map(|queue| queue_strip(node, queue, &|_| None, self, cells_max));
        let mut strips: Vec<StripView> =
            queues.map(|strip| StripView { role: Shown::Down, ..strip }).collect();
        let mut disk = disk.clone();
        let names = disk.names().expect("memory lists its logs");
        for name in names {
            let place = match &name {
                LogName::Partition(partition) if is_internal(&partition.topic) => continue,
                LogName::Partition(partition) => Place::Partition(partition.clone()),
                _ => continue,
            };
            let log = disk.open(&name).expect("memory opens its logs");
            // What it deleted with its topic leaves an empty log.
            let is_removed =
                matches!(&name, LogName::Partition(partition) if self.removed.contains(&partition.topic));
            if is_removed && log.start() == log.end() {
                continue;
            }
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

    /// What has left since a packet left, in order.
    pub(super) fn packets_after(&self, id: u64) -> impl Iterator<Item = PacketView> {
        self.network.under_way_after(id).map(|packet| self.packet_view(packet))
    }

    /// Whether a packet is still on its way.
    pub(super) fn is_under_way(&self, id: u64) -> bool {
        self.network.is_under_way(id)
    }

    pub(super) fn packet_view(&self, packet: &Packet) -> PacketView {
        let (kind, place, marks, repeats) = packet.message.describe(packet.to);
        PacketView {
            id: packet.id,
            from: packet.from,
            to: packet.to,
            departed: packet.departed,
            arrives: packet.arrives,
            kind,
            place,
            marks: marks.into_iter().map(|message| self.mark(message)).collect(),
            repeats,
            order: packet.message.order(),
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
pub(super) fn log_strip<L: Log>(
    place: Place,
    log: &L,
    committed: Offset,
    world: &World,
    cells_max: usize,
) -> StripView {
    let first = Offset(log.end().0.saturating_sub(cells_max as u64)).max(log.start());
    let read = log.read(first, log.end(), u32::MAX).expect("in range").load().expect("memory can be read");
    let cell = |record: Record| Cell {
        offset: record.offset,
        mark: record.message_id().map(|message| world.mark(message)),
        state: if record.offset < committed { CellState::Committed } else { CellState::Uncommitted },
        deliveries: 0,
        priority: 0,
    };
    let mut epochs: Vec<(Epoch, Offset)> = Vec::new();
    for (epoch, batch) in read.iter().filter_map(|batch| Some((batch.epoch()?, batch))) {
        if epochs.last().is_none_or(|(last, _)| *last != epoch) {
            epochs.push((epoch, batch.base().max(first)));
        }
    }
    // Also the ends of transactions have their places, though no consumer sees them.
    let all = read.iter().flat_map(|batch| batch.records());
    StripView {
        place,
        role: Shown::Down,
        start: log.start(),
        end: log.end(),
        high_watermark: None,
        last_stable: None,
        behind: 0,
        held: log.end().0 - log.start().0,
        groups: Vec::new(),
        queue: None,
        epochs,
        cells: all.filter(|record| record.offset >= first).map(cell).collect(),
    }
}
