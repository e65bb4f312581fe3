//! What can be wrong with a broker's disk? It is slow, it lies, it is full, or it is a new one.
//!
//! ```text
//!   slow    append, flush ┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄▶ answers leave     the broker does nothing else meanwhile: one thread
//!                         what comes waits ▶ next burst        does all, and one flush serves the whole burst
//!   lying   append, "flush" ▶ answers leave … power cut ▶ gone from where the lies began
//!   full    append ▶ no space ▶ the process halts; nothing it wanted to say leaves it
//!   new     down ▶ starts over nothing
//! ```
//!
//! What is stated of a burst is stated when its flush begins; a power cut in the middle finds the flush done, and only the
//! answers missing.
//!
//! A disk's state is the machine's: it outlives the process, and a new disk is sound. Who halted for want of space can be
//! started again when there is room; before that it halts again at its first write.
//!
//! What real systems do: on a failed write Kafka takes the log directory offline, and stops when it has no other
//! (KIP-112); a slow disk holds up a broker's request threads, though not its heartbeats, which have a thread of their own
//! there. A broker that comes back with an empty disk under its old number is told apart by its directory's id (KIP-858).

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::program::{Kept, Worker};
use super::world::{BrokerProcess, Disk, DiskLog, World, index};
use crate::broker::{Broker, is_internal};
use crate::ids::{LogName, MessageId, NodeId};
use crate::log::faulty::Condition;
use crate::log::{Log as _, Slice as _, Storage as _};
use crate::observe::{DiskState, Event, FaultEvent, Place};
use crate::record::Batches;
use crate::sorted::SortedMap;
use crate::time::Span;

/// The disks that are not sound.
pub(super) type Disks = SortedMap<NodeId, DiskState>;

/// The place whose messages a log keeps; `None` for a log of something else.
pub(super) fn place_of(log: LogName) -> Option<Place> {
    match log {
        LogName::Queue(name) => Some(Place::Queue(name)),
        LogName::Partition(partition) if !is_internal(&partition.topic) => Some(Place::Partition(partition)),
        _ => None,
    }
}

/// The messages in batches.
pub(super) fn messages_in(batches: &Batches) -> Vec<MessageId> {
    batches.message_ids().collect()
}

/// How a disk's logs behave in this state.
pub(super) fn condition_of(is: DiskState) -> Condition {
    match is {
        DiskState::Lying => Condition::Lying,
        DiskState::Full => Condition::Full,
        DiskState::Sound | DiskState::Slow(_) => Condition::Sound,
    }
}

impl World {
    /// Changes the state of a broker's disk.
    pub(super) fn set_disk(&mut self, node: NodeId, is: DiskState) {
        match is {
            DiskState::Sound => _ = self.disks.remove(&node),
            other => _ = self.disks.insert(node, other),
        }
        let condition = condition_of(is);
        if self.guests.has(node) {
            self.set_guests_disk(node, is);
            return self.note(node, Event::Fault(FaultEvent::Disk { is }));
        }
        let NodeId::Broker(number) = node else { return };
        match &mut self.brokers[index(number)].process {
            BrokerProcess::Disk(disk) => disk.set_condition(condition),
            BrokerProcess::Runs(broker) => {
                let (storage, logs) = broker.disk_mut();
                logs.for_each(|log| log.set_condition(condition));
                storage.set_condition(condition);
            }
        }
        self.note(node, Event::Fault(FaultEvent::Disk { is }));
    }

    /// The state of a broker's disk.
    pub(super) fn disk_of(&self, node: NodeId) -> DiskState {
        self.disks.get(&node).copied().unwrap_or_default()
    }

    /// How long a flush takes on a slow disk.
    pub(super) fn flush_takes(&self, node: NodeId) -> Option<Span> {
        if let DiskState::Slow(span) = self.disk_of(node) { Some(span) } else { None }
    }

    /// Whether nothing can be written.
    pub(super) fn is_full(&self, node: NodeId) -> bool {
        self.disk_of(node) == DiskState::Full
    }

    /// A broker's process is gone: its disk stays. What could not be written is not written now.
    pub(super) fn disk_left_by(mut broker: Box<Broker<Disk>>, full: bool) -> Disk {
        if full {
            broker.disk_mut().1.for_each(DiskLog::refuse);
        }
        broker.into_storage().expect("memory closes its logs")
    }

    /// The node starts again, with an empty disk.
    pub(super) fn replace(&mut self, node: NodeId) {
        self.note(node, Event::Fault(FaultEvent::Replaced));
        if self.guests.has(node) {
            self.replace_guest(node);
            return self.start(node);
        }
        match node {
            NodeId::Broker(number) => {
                let slot = &mut self.brokers[index(number)];
                let old = core::mem::replace(&mut slot.process, BrokerProcess::Disk(Disk::default()));
                self.disks.remove(&node);
                if let BrokerProcess::Disk(old) = old {
                    self.tell_of_old_disk(node, old);
                }
            }
            NodeId::Producer(number) => self.producers[index(number)].process.lose_disk(),
            NodeId::Consumer(number) => {
                let brokers: Vec<NodeId> = (1..=self.scenario.brokers).map(NodeId::Broker).collect();
                let spec = &self.scenario.consumers[index(number)];
                let fresh = Worker::new(spec, &self.scenario.settings, brokers, self.seed, Kept::default());
                self.consumers[index(number)].process = fresh;
            }
            NodeId::Controller
            | NodeId::Voter(_)
            | NodeId::Service(_)
            | NodeId::User(_)
            | NodeId::Bookie(_)
            | NodeId::NameServer(_)
            | NodeId::Store => {}
        }
        self.start(node);
    }

    fn tell_of_old_disk(&mut self, node: NodeId, mut old: Disk) {
        for name in old.names().expect("memory lists its logs") {
            let log = old.open(&name).expect("memory opens its logs");
            let all = log.read(log.start(), log.end(), u32::MAX).expect("in range");
            let messages = messages_in(&all.load().expect("memory can be read"));
            if let (Some(of), false) = (place_of(name), messages.is_empty()) {
                self.note(node, Event::Fault(FaultEvent::DiskGone { of, messages }));
            }
        }
    }
}
