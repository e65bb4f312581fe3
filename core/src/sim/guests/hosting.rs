//! What does the world do with a guest? It hands inputs to it, carries out what it wants, kills it and starts it again.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::mem;

use super::super::command::Command;
use super::super::cost::{Asked, BurstCost};
use super::super::disks::condition_of;
use super::super::permits::CommandRefused;
use super::super::scenario::Scenario;
use super::super::wakes::Wakes;
use super::super::words::{Incoming, Words, guest};
use super::super::world::{DiskLog, Power, World};
use super::{Guest, GuestView, Halts, Look, Run, SystemSource, SystemSpec, SystemTarget};
use crate::ids::{LogName, NodeId};
use crate::log::faulty::Lost;
use crate::log::{Log as _, Slice as _, Storage as _};
use crate::observe::{Change, DiskState, Event, FaultEvent, QueueEvent, Refusal};
use crate::record::Batches;
use crate::sim::picture::Picture;
use crate::time::Span;

impl World {
    /// Hands a burst to a guest that is on, and carries out what it wants.
    pub(in super::super) fn hand_to_guest(
        &mut self,
        node: NodeId,
        burst: impl IntoIterator<Item = Incoming>,
    ) {
        let (now, flush_takes, full) = (self.clock(node), self.flush_takes(node), self.is_full(node));
        let keeps = matches!(node, NodeId::Broker(_) | NodeId::Bookie(_) | NodeId::Store);
        let mut burst_cost = (keeps && self.scenario.costs.is_some()).then(BurstCost::default);
        let Self { guests, keys, verdict, spare, .. } = self;
        let Some(slot) = guests.get_mut(node) else { return };
        let asked = |guest: &mut dyn Guest| Asked::of(guest.disks().into_iter().flat_map(|disk| disk.logs));
        let counts = flush_takes.is_some() || burst_cost.is_some();
        let before = if counts { asked(&mut *slot.process) } else { Asked::default() };
        let (mut run, mut out) = (Run { keys, verdict }, mem::take(&mut spare.guests));
        for input in burst {
            if let Some(cost) = &mut burst_cost {
                cost.comes(&input);
            }
            if let Some(input) = guest(input) {
                slot.process.handle(now, input, &mut run, &mut out);
            }
        }
        if let Err(Halts(why)) = slot.process.settle(now, &mut out) {
            for event in slot.process.untold() {
                self.note(node, event);
            }
            return self.halt_guest(node, why, full);
        }
        let asked = if counts { asked(&mut *slot.process).since(before) } else { Asked::default() };
        let mut busy = flush_takes.map_or(Span::ZERO, |span| Span(span.0.saturating_mul(asked.flushes)));
        let dies = self.doomed.contains(&node)
            && out.events.iter().any(|event| matches!(event, Event::Processed { .. }));
        if let Some(cost) = burst_cost {
            let leaves = out.sends.iter().map(|(_, message)| message);
            busy.0 += self.charge(node, &cost.with_guests(leaves, asked)).0;
        }
        let words = |(to, message)| (to, Words::Guest(message));
        if busy > Span::ZERO {
            self.is_busy_for(node, busy, out.sends.drain(..).map(words));
        }
        for event in out.events.drain(..) {
            self.note(node, event);
        }
        if dies {
            return self.stop(node, Power::Crashed, Event::Crashed);
        }
        self.send_all(node, out.sends.drain(..).map(words));
        self.spare.guests = out;
        self.plan_wake(node);
    }

    /// A process that cannot go on stops, as a real one halts: nothing it wanted sent leaves it.
    fn halt_guest(&mut self, node: NodeId, why: Refusal, full: bool) {
        let halted = match why {
            Refusal::Storage if full => Event::Fault(FaultEvent::NoSpace),
            why => Event::Queue(QueueEvent::Halted { why }),
        };
        self.note(node, halted);
        self.stop(node, Power::Crashed, Event::Crashed);
    }

    /// A guest's process is gone.
    pub(in super::super) fn stop_guest(&mut self, node: NodeId, power: Power) {
        let full = self.is_full(node);
        let Some(slot) = self.guests.get_mut(node) else { return };
        slot.power = power;
        for open in slot.process.disks().into_iter().filter(|_| full) {
            open.logs.into_iter().for_each(DiskLog::refuse);
        }
        for event in slot.process.stop() {
            self.note(node, event);
        }
        if power == Power::Off {
            self.lose_guests_tails(node);
        }
    }

    /// The power is cut: of what was not flushed, only so much stays as chance had written.
    fn lose_guests_tails(&mut self, node: NodeId) {
        let Self { guests, disk_rng, .. } = self;
        let Some(slot) = guests.get_mut(node) else { return };
        let mut lost = Vec::new();
        for open in slot.process.disks() {
            let gone = open.disk.cut_power(|_, tail| disk_rng.between(0, tail));
            lost.extend(gone.expect("the lab's memory can be cut"));
        }
        let mut events = Vec::new();
        for Lost { log, batches, was_called_flushed } in lost {
            for (of, messages) in slot.process.messages_in(&log, &batches) {
                events.push(match was_called_flushed {
                    true => Event::Fault(FaultEvent::DiskLied { of, messages }),
                    false => Event::TailLost { of, messages },
                });
            }
        }
        for event in events {
            self.note(node, event);
        }
    }

    /// A guest starts again.
    pub(in super::super) fn start_guest(&mut self, node: NodeId) {
        let (now, full) = (self.clock(node), self.is_full(node));
        let Some(slot) = self.guests.get_mut(node) else { return };
        let incarnation = slot.incarnation + 1;
        if let Err(Halts(why)) = slot.process.start(now, incarnation) {
            let halted = match why {
                Refusal::Storage if full => Event::Fault(FaultEvent::NoSpace),
                why => Event::Queue(QueueEvent::Halted { why }),
            };
            return self.note(node, halted);
        }
        (slot.power, slot.incarnation, slot.wakes) = (Power::On, incarnation, Wakes::default());
        self.note(node, Event::Restarted);
        self.wake(node);
    }

    /// A guest's disk is another one, and empty.
    pub(in super::super) fn replace_guest(&mut self, node: NodeId) {
        self.disks.remove(&node);
        let Some(slot) = self.guests.get_mut(node) else { return };
        let mut events = Vec::new();
        for mut old in slot.process.replace_disk() {
            for name in old.names().expect("memory lists its logs") {
                let all = everything(&mut old, &name);
                for (of, messages) in slot.process.messages_in(&name, &all) {
                    events.push(Event::Fault(FaultEvent::DiskGone { of, messages }));
                }
            }
        }
        for event in events {
            self.note(node, event);
        }
    }

    /// A guest's disk is like this from now on.
    pub(in super::super) fn set_guests_disk(&mut self, node: NodeId, is: DiskState) {
        let Some(slot) = self.guests.get_mut(node) else { return };
        for open in slot.process.disks() {
            open.logs.into_iter().for_each(|log| log.set_condition(condition_of(is)));
            open.disk.set_condition(condition_of(is));
        }
    }

    /// Whether a command could be carried out with a guest; of all others nothing is said.
    pub(in super::super) fn permits_of_guest(&self, command: &Command) -> Result<(), CommandRefused> {
        let Some((node, slot)) = command.node().and_then(|node| Some((node, self.guests.get(node)?))) else {
            return Ok(());
        };
        match command {
            Command::Disk { .. } if !slot.process.has_disk() => Err(CommandRefused::HasNoDisk(node)),
            Command::ShutDown(_) => Err(CommandRefused::DoesNotApply(node)),
            _ => Ok(()),
        }
    }

    /// Somebody changes how a guest works.
    pub(in super::super) fn change_guest(&mut self, node: NodeId, change: &Change) {
        let now = self.clock(node);
        if let Some(slot) = self.guests.get_mut(node) {
            slot.process.change(now, change);
        }
        self.plan_wake(node);
    }

    /// Adds what is seen of the guests.
    pub(in super::super) fn show_guests(&self, picture: &mut Picture, cells_max: usize) {
        for (node, slot) in self.guests.iter() {
            match slot.process.view(&Look { world: self, node, power: slot.power, cells_max }) {
                GuestView::Producer(view) => picture.producers.push(view),
                GuestView::Broker(view) => picture.brokers.push(view),
                GuestView::Consumer(view) => picture.consumers.push(view),
                GuestView::Keeper(view) => picture.controllers.push(view),
            }
        }
        picture.clusters = match &self.scenario.system {
            Some(SystemSpec::Pulsar(spec)) => spec.named_clusters(self.scenario.brokers),
            _ => Vec::new(),
        };
        // What belongs together stands together.
        let place = |node: NodeId| picture.clusters.iter().position(|(_, nodes)| nodes.contains(&node));
        picture.brokers.sort_by_key(|view| place(view.node));
    }
}

/// All that a log holds.
fn everything(disk: &mut super::Disk, name: &LogName) -> Batches {
    let log = disk.open(name).expect("memory opens its logs");
    let all = log.read(log.start(), log.end(), u32::MAX).expect("in range");
    all.load().expect("memory can be read")
}

impl Scenario {
    /// Where a system plays, nothing of the engine's own may be asked for.
    pub(super) fn check_only_guests(&self) -> Result<(), String> {
        if self.system.is_none() {
            return Ok(());
        }
        for (there, what) in [
            (!self.queues.is_empty(), "queues"),
            (!self.exchanges.is_empty(), "exchanges"),
            (!self.bindings.is_empty(), "bindings"),
            (!self.topics.is_empty(), "topics"),
            (!self.services.is_empty(), "services"),
            (!self.users.is_empty(), "users"),
            (!self.admin.is_empty(), "admin"),
            (!self.limits.is_empty(), "limits"),
            (!self.racks.is_empty(), "racks"),
            (self.controllers != 1, "controllers"),
        ] {
            if there {
                return Err(alloc::format!("{what} and a system of its own: put into system what it has"));
            }
        }
        for spec in &self.producers {
            let to = spec.to.system().map(SystemTarget::system);
            if to.is_some_and(|to| Some(to) != self.system.as_ref().map(SystemSpec::system)) {
                return Err(alloc::format!("{} sends to another system", spec.name));
            }
        }
        for spec in &self.consumers {
            let from = spec.from.system().map(SystemSource::system);
            if from.is_some_and(|from| Some(from) != self.system.as_ref().map(SystemSpec::system)) {
                return Err(alloc::format!("{} reads from another system", spec.name));
            }
        }
        let outside =
            "sends or reads elsewhere than in the system: use \"to\": {\"system\": ...}".to_string();
        let inside = self.producers.iter().all(|spec| spec.to.system().is_some())
            && self.consumers.iter().all(|spec| spec.from.system().is_some());
        if inside { Ok(()) } else { Err(outside) }
    }
}
