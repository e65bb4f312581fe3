//! How does a broker live in the lab? Over a disk that may lose what was not flushed.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::super::{Guest, GuestMessage, GuestOut, GuestView, Halts, Housed, Look, OpenDisk, Run};
use super::chart::Chart;
use super::strips;
use super::talk::{heard, say};
use crate::ids::{LogName, MessageId, NodeId};
use crate::observe::{Event, Place, Refusal};
use crate::record::Batches;
use crate::sim::picture::BrokerView;
use crate::sim::world::Disk;
use crate::systems::rocketmq::broker::{Broker, BrokerSettings};
use crate::systems::rocketmq::layout::Entry;
use crate::systems::rocketmq::store::commit_log_name;
use crate::systems::{Input, Out};
use crate::time::Time;

/// A broker, master or slave.
#[derive(Clone, Debug)]
pub(super) struct Keeper {
    node: NodeId,
    chart: Arc<Chart>,
    settings: BrokerSettings,
    process: Housed<Broker<Disk>>,
}

impl Keeper {
    pub(super) fn new(number: u16, chart: Arc<Chart>) -> Self {
        let settings = chart.broker(number);
        let process = Broker::new(Time::ZERO, Disk::default(), settings.clone());
        let process = Housed::Runs(Box::new(process.expect("an empty disk opens")));
        Self { node: NodeId::Broker(number), chart, settings, process }
    }
}

impl Guest for Keeper {
    fn boxed(&self) -> Box<dyn Guest> {
        Box::new(self.clone())
    }

    fn handle(&mut self, now: Time, input: Input<GuestMessage>, _run: &mut Run<'_>, out: &mut GuestOut) {
        let (Housed::Runs(broker), Some(input)) = (&mut self.process, heard(input)) else { return };
        let mut own = Out::default();
        broker.handle(now, input, &mut own);
        say(&self.chart, self.node, own, out);
    }

    fn settle(&mut self, now: Time, out: &mut GuestOut) -> Result<(), Halts> {
        let Housed::Runs(broker) = &mut self.process else { return Ok(()) };
        let mut own = Out::default();
        broker.settle(now, &mut own).map_err(|_| Halts(Refusal::Storage))?;
        say(&self.chart, self.node, own, out);
        Ok(())
    }

    fn next_wakeup(&self) -> Option<Time> {
        match &self.process {
            Housed::Runs(broker) => broker.next_wakeup(),
            Housed::Down(_) => None,
        }
    }

    fn stop(&mut self) -> Vec<Event> {
        if let Housed::Runs(broker) = &self.process {
            let disk = broker.as_ref().clone().close().expect("the lab's memory takes its logs back");
            self.process = Housed::Down(disk);
        }
        Vec::new() // every message is in the page cache before anybody is told
    }

    fn start(&mut self, now: Time, _incarnation: u64) -> Result<(), Halts> {
        let Housed::Down(disk) = &self.process else { return Ok(()) };
        let broker = Broker::new(now, disk.clone(), self.settings.clone());
        self.process = Housed::Runs(Box::new(broker.map_err(|_| Halts(Refusal::Storage))?));
        Ok(())
    }

    fn has_disk(&self) -> bool {
        true
    }

    fn disks(&mut self) -> Vec<OpenDisk<'_>> {
        self.process.disk(Broker::disk_mut)
    }

    fn messages_in(&self, log: &LogName, batches: &Batches) -> Vec<(Place, Vec<MessageId>)> {
        if *log != commit_log_name() {
            return Vec::new();
        }
        let mut places: BTreeMap<Place, Vec<MessageId>> = BTreeMap::new();
        for value in batches.records().filter_map(|record| record.value) {
            if let Ok(Entry::Message(message)) = Entry::decode(&value)
                && let Some(id) = message.properties.message_id()
            {
                let place = self.chart.numbering.place(&self.settings.name, &message.topic, message.queue);
                places.entry(place).or_default().push(id);
            }
        }
        places.into_iter().collect()
    }

    fn view(&self, look: &Look<'_>) -> GuestView {
        let strips = match &self.process {
            Housed::Runs(broker) => strips::of(broker, look, look.is_up()),
            Housed::Down(disk) => match Broker::new(Time::ZERO, disk.clone(), self.settings.clone()) {
                Ok(broker) => strips::of(&broker, look, false),
                Err(_) => Vec::new(), // what cannot be read is not shown
            },
        };
        let (alarms, exchanges) = Default::default();
        GuestView::Broker(BrokerView {
            node: self.node,
            up: look.is_up(),
            alarms,
            mailbox: 0,
            exchanges,
            strips,
        })
    }
}
