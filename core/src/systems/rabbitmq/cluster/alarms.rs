//! When does a cluster take nothing more from publishers? While one of its nodes is short of memory or of disk: then all nodes
//! stop reading from connections that publish, and consumers go on, who alone make room.
//!
//! ```text
//!   node 1   memory 61 % ─▶ alarm ─┬─▶ node 2   reads no more from who publishes there; who publishes first now is read once
//!                                  └─▶ node 3   the same: which queue it is for, and where that is, does not matter
//!   node 1   memory 40 % ─▶ over ───▶ all read on
//! ```
//!
//! * A node looks at itself now and then, so that an alarm comes a little late, and ends a little late.
//! * What was read before is taken: an alarm undoes nothing.
//! * The alarm of a node that is taken for dead is forgotten with it; it says so again while it lasts.
//!
//! What counts here are bodies of messages: those that its queues hold, a member's copies too, and those that its channels have
//! read and no queue has answered for; on disk, of each log what is behind the first message that is held. A real node asks the
//! operating system what its process has; a quorum queue has bodies in memory only until they are moved to segments.
//!
//! Sources: RabbitMQ, "Memory and Disk Alarms"; `rabbit_alarm.erl`, `vm_memory_monitor.erl`, `rabbit_disk_monitor.erl`.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use super::hosted::Hosted;
use super::node::{ClusterNode, Fallible, failed};
use super::protocol::ClusterMessage;
use crate::ids::NodeId;
use crate::log::{Log as _, Slice as _};
use crate::observe::{Event, QueueEvent};
use crate::time::Time;
use crate::vhost::{Alarm, DiskLimit};

/// What a node has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Limits {
    /// With more bytes of messages than this it is short of memory.
    pub(crate) memory_max: Option<u64>,
    pub(crate) disk: Option<DiskLimit>,
}

/// What a node knows of alarms.
#[derive(Clone, Debug, Default)]
pub(super) struct Alarms {
    limits: Limits,
    /// When it looks at itself; never, where nothing is limited.
    next_look: Option<Time>,
    /// Whose alarms are on, and which; its own among them.
    on: BTreeMap<NodeId, BTreeSet<Alarm>>,
}

impl Alarms {
    pub(super) fn new(limits: Option<Limits>, now: Time) -> Self {
        let next_look = limits.map(|_| now);
        Self { limits: limits.unwrap_or_default(), next_look, on: BTreeMap::new() }
    }

    /// Whether any is on, of whatever node.
    pub(super) fn are_on(&self) -> bool {
        !self.on.is_empty()
    }

    pub(super) fn next_look(&self) -> Option<Time> {
        self.next_look
    }

    /// Those of a node that are on.
    fn of(&self, node: NodeId) -> Vec<Alarm> {
        self.on.get(&node).into_iter().flatten().copied().collect()
    }

    /// A node has these alarms now.
    fn set(&mut self, node: NodeId, on: impl IntoIterator<Item = Alarm>) {
        let on: BTreeSet<Alarm> = on.into_iter().collect();
        if on.is_empty() { _ = self.on.remove(&node) } else { _ = self.on.insert(node, on) }
    }
}

impl ClusterNode {
    /// Looks at itself, when it is time.
    pub(super) fn look_at_itself(&mut self, now: Time) -> Fallible<()> {
        if self.alarms.next_look.is_none_or(|at| at > now) {
            return Ok(());
        }
        self.alarms.next_look = Some(now + self.config.look_every);
        let Limits { memory_max, disk } = self.alarms.limits;
        let mut on = Vec::new();
        if memory_max.is_some_and(|most| self.memory() > most) {
            on.push(Alarm::Memory);
        }
        if let Some(DiskLimit { size, free_min }) = disk
            && size.saturating_sub(self.disk_bytes()?) < free_min
        {
            on.push(Alarm::Disk);
        }
        let before = self.alarms.of(self.me);
        if on == before {
            return Ok(());
        }
        let raised = on.iter().filter(|alarm| !before.contains(alarm)).copied();
        self.events.extend(raised.map(|alarm| Event::Queue(QueueEvent::Blocked { alarm })));
        let over = before.iter().filter(|alarm| !on.contains(alarm)).copied();
        self.events.extend(over.map(|alarm| Event::Queue(QueueEvent::Unblocked { alarm })));
        self.alarms.set(self.me, on);
        self.tell_of_alarms();
        Ok(())
    }

    /// Tells all nodes which of its alarms are on.
    pub(super) fn tell_of_alarms(&mut self) {
        let (me, on) = (self.me, self.alarms.of(self.me));
        for node in self.config.nodes.clone().into_iter().filter(|node| *node != me) {
            self.send(node, ClusterMessage::Alarms { on: on.clone() });
        }
    }

    /// The same, to be heard by those who did not then.
    pub(super) fn tell_of_alarms_again(&mut self) {
        if self.alarms.on.contains_key(&self.me) {
            self.tell_of_alarms();
        }
    }

    pub(super) fn hears_of_alarms(&mut self, peer: NodeId, on: Vec<Alarm>) {
        self.alarms.set(peer, on);
    }

    /// A node is gone, and with it what it was short of.
    pub(super) fn forget_alarms(&mut self, peer: NodeId) {
        self.alarms.set(peer, []);
    }

    /// Its own alarms that are on.
    pub(crate) fn alarms_on(&self) -> Vec<Alarm> {
        self.alarms.of(self.me)
    }

    /// How many bytes of messages it has in memory.
    fn memory(&self) -> u64 {
        let queues = self.hosted.values().map(|own| match own {
            Hosted::Quorum(host) => host.member.state().bytes(),
            Hosted::Classic(own) => own.queue().stats().ready_bytes,
            Hosted::Stream(_) | Hosted::Elsewhere(_) => 0,
        });
        let channels = self.channels.values().map(|own| own.bytes());
        queues.chain(channels).sum()
    }

    /// How many bytes the logs of its queues and streams take.
    fn disk_bytes(&self) -> Fallible<u64> {
        let mut bytes = 0;
        for own in self.hosted.values() {
            bytes += match own {
                Hosted::Quorum(host) => host.member.disk_bytes().map_err(failed)?,
                Hosted::Classic(own) => own.queue().disk_bytes().map_err(failed)?,
                Hosted::Stream(member) => {
                    let log = member.log();
                    log.read(log.start(), log.end(), u32::MAX).map_err(failed)?.bytes()
                }
                Hosted::Elsewhere(_) => 0,
            };
        }
        Ok(bytes)
    }
}
