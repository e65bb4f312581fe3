//! How do nodes of another system live in the lab? As guests: the world has its agenda, network, faults and observers, and
//! drives whatever process it is given.
//!
//! ```text
//!   world:  agenda, network, power, disks, clocks, judges
//!             │ handle, settle, next_wakeup, stop, start        the same as for the engine's own brokers
//!             ▼
//!   guest:  a broker, a name server, a bookie, a producer's or consumer's program of RocketMQ, Pulsar, ...
//! ```
//!
//! A scenario whose `system` names one is played by guests alone: no node of it speaks the engine's own protocol. What a
//! system's node does stands in [`systems`](crate::systems); here it is only housed: made from the scenario, killed and
//! started, shown.

pub(super) mod activemq;
mod hands;
mod hosting;
mod message;
mod pace;
pub(super) mod pulsar;
pub(super) mod rabbitmq;
pub(super) mod rocketmq;
mod spec;
mod table;

pub(super) use hands::{Hands, HasId, Over};
pub(super) use message::{GuestMessage, Speaks, Talk};
pub(super) use pace::{Drafted, Pace};
pub use rabbitmq::{
    GivesBack, OnNack, RabbitmqLimit, RabbitmqQueue, RabbitmqSettings, RabbitmqSource, RabbitmqSpec,
    RabbitmqTarget, StreamOffset,
};
pub use rocketmq::{
    RocketmqBrokerSpec, RocketmqClientSpec, RocketmqControllerSpec, RocketmqReplication, RocketmqSend,
    RocketmqSource, RocketmqSpec, RocketmqTarget,
};
pub use spec::{SystemName, SystemSource, SystemSpec, SystemTarget};
pub(super) use table::Guests;

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::adversity::Adversity;
use super::picture::{BrokerView, ConsumerView, ControllerView, Mark, ProducerView};
use super::scenario::Scenario;
use super::world::{Disk, DiskLog, Node, Power, World};
use crate::ids::{LogName, MessageId, NodeId};
use crate::observe::{Change, Event, Place, Promised, Refusal, Verdict};
use crate::record::Batches;
use crate::systems::{Input, Out};
use crate::time::Time;

/// What a guest wants done.
pub(super) type GuestOut = Out<GuestMessage>;

/// Why a process cannot go on: it halts, and nothing that it wanted sent leaves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Halts(pub(super) Refusal);

/// What a guest may use of the world while it acts.
pub(super) struct Run<'a> {
    pub(super) keys: &'a mut Vec<Option<char>>,
    pub(super) verdict: &'a mut Verdict,
}

impl Run<'_> {
    /// The number of a new message.
    pub(super) fn mint(&mut self, key: Option<char>) -> MessageId {
        self.keys.push(key);
        let id = MessageId(self.keys.len() as u64);
        self.verdict.learn_key(id, key);
        id
    }

    /// A message belongs to a transaction of its sender's own.
    pub(super) fn is_in_transaction(&mut self, id: MessageId, sender: NodeId) {
        self.verdict.learn_transaction(id, sender);
    }

    /// A message says that its key is no more.
    pub(super) fn is_tombstone(&mut self, id: MessageId) {
        self.verdict.learn_tombstone(id);
    }

    /// A message may be received in another order than it was sent.
    pub(super) fn is_unordered(&mut self, id: MessageId) {
        self.verdict.learn_unordered(id);
    }
}

/// What a guest may know when it is asked for its picture.
pub(super) struct Look<'a> {
    pub(super) world: &'a World,
    pub(super) node: NodeId,
    pub(super) power: Power,
    pub(super) cells_max: usize,
}

impl Look<'_> {
    /// Whether its process runs.
    pub(super) fn is_up(&self) -> bool {
        self.power == Power::On
    }

    /// What is drawn of a message.
    pub(super) fn mark(&self, message: MessageId) -> Mark {
        self.world.mark(message)
    }

    /// When a moment of the node's clock is.
    pub(super) fn true_time(&self, at: Time) -> Time {
        self.world.true_time(self.node, at)
    }
}

/// What is seen of a guest.
#[derive(Debug)]
pub(super) enum GuestView {
    Producer(ProducerView),
    Broker(BrokerView),
    Consumer(ConsumerView),
    /// Who keeps no messages, and knows who does.
    Keeper(ControllerView),
}

/// A disk, and the logs of it that are open.
pub(super) struct OpenDisk<'a> {
    pub(super) disk: &'a mut Disk,
    pub(super) logs: Vec<&'a mut DiskLog>,
}

/// A process of a system, or, while it is down, what it left.
pub(super) trait Guest: fmt::Debug + Send + Sync {
    /// The same once more.
    fn boxed(&self) -> Box<dyn Guest>;

    /// Takes one input of a burst.
    fn handle(&mut self, now: Time, input: Input<GuestMessage>, run: &mut Run<'_>, out: &mut GuestOut);

    /// Ends a burst: flushes, and releases what waited for that.
    fn settle(&mut self, _now: Time, _out: &mut GuestOut) -> Result<(), Halts> {
        Ok(())
    }

    /// What is so though its process stopped in the middle of a burst: asked when [`settle`](Self::settle) has failed.
    fn untold(&mut self) -> Vec<Event> {
        Vec::new()
    }

    /// When it wants to be woken, by its own clock.
    fn next_wakeup(&self) -> Option<Time>;

    /// Its process is gone; what it gave to the operating system is not. Returns what was in its memory alone.
    fn stop(&mut self) -> Vec<Event>;

    /// It starts again, over what it left, for the `incarnation`th time.
    fn start(&mut self, now: Time, incarnation: u64) -> Result<(), Halts>;

    /// Whether it has a disk.
    fn has_disk(&self) -> bool {
        false
    }

    /// What it has on disk, each with the logs of it that are open: one, unless it keeps several things apart. Nothing for
    /// who has no disk.
    fn disks(&mut self) -> Vec<OpenDisk<'_>> {
        Vec::new()
    }

    /// Its disk is another one, and empty; asked only while it is down. Returns what was on the old one.
    fn replace_disk(&mut self) -> Vec<Disk> {
        self.disks().into_iter().map(|open| core::mem::take(open.disk)).collect()
    }

    /// The messages in a part of one of its logs, by where they belong.
    fn messages_in(&self, _log: &LogName, _batches: &Batches) -> Vec<(Place, Vec<MessageId>)> {
        Vec::new()
    }

    /// Somebody changes how it works; `false` for what it cannot change.
    fn change(&mut self, _now: Time, _change: &Change) -> bool {
        false
    }

    /// What is seen of it.
    fn view(&self, look: &Look<'_>) -> GuestView;
}

impl Clone for Box<dyn Guest> {
    fn clone(&self) -> Self {
        self.boxed()
    }
}

/// A process that runs over a disk, or its disk alone.
#[derive(Clone, Debug)]
pub(super) enum Housed<P> {
    Runs(Box<P>),
    Down(Disk),
}

impl<P> Housed<P> {
    /// Its disk, and the logs of it that are open: a process says which, a disk alone has none.
    pub(super) fn disk<'a, L: IntoIterator<Item = &'a mut DiskLog>>(
        &'a mut self,
        of: impl FnOnce(&'a mut P) -> (&'a mut Disk, L),
    ) -> Vec<OpenDisk<'a>> {
        let open = match self {
            Self::Runs(process) => {
                let (disk, logs) = of(process);
                OpenDisk { disk, logs: logs.into_iter().collect() }
            }
            Self::Down(disk) => OpenDisk { disk, logs: Vec::new() },
        };
        Vec::from([open])
    }
}

/// The guests of a scenario that was checked.
pub(super) fn guests(scenario: &Scenario, seed: u64) -> Guests {
    let all = match &scenario.system {
        None => Vec::new(),
        Some(SystemSpec::Rocketmq(spec)) => rocketmq::guests(spec, scenario, seed),
        Some(SystemSpec::Pulsar(spec)) => pulsar::guests(spec, scenario, seed),
        Some(SystemSpec::Activemq(spec)) => activemq::guests(spec, scenario, seed),
        Some(SystemSpec::Rabbitmq(spec)) => rabbitmq::guests(spec, scenario, seed),
    };
    all.into_iter().map(|(node, guest)| (node, Node::new(guest))).collect()
}

impl Scenario {
    /// Whether a node is there that only a system has.
    pub(super) fn has_guest(&self, node: NodeId) -> bool {
        self.guest_nodes().contains(&node)
    }

    /// The nodes that only a system has.
    pub(super) fn guest_nodes(&self) -> Vec<NodeId> {
        match &self.system {
            None | Some(SystemSpec::Rabbitmq(_)) => Vec::new(),
            Some(SystemSpec::Rocketmq(spec)) => (1..=spec.name_servers).map(NodeId::NameServer).collect(),
            Some(SystemSpec::Pulsar(spec)) => {
                let second = spec.has_second_store().then_some(NodeId::Store);
                let stores = [NodeId::Controller].into_iter().chain(second);
                stores.chain((1..=spec.bookies).map(NodeId::Bookie)).collect()
            }
            Some(SystemSpec::Activemq(_)) => {
                activemq::shares_store(self).then_some(NodeId::Store).into_iter().collect()
            }
        }
    }

    /// The nodes that a system has besides brokers and clients, and that may die like them.
    pub(super) fn further_nodes(&self) -> Vec<NodeId> {
        match &self.system {
            Some(SystemSpec::Pulsar(spec)) => {
                let second = spec.has_second_store().then_some(NodeId::Store);
                (1..=spec.bookies).map(NodeId::Bookie).chain([NodeId::Controller]).chain(second).collect()
            }
            _ => Vec::new(),
        }
    }

    /// What a system promises here: what is judged, and what a swarm looks for counterexamples to.
    pub(super) fn promises_of_system(&self, adversity: &Adversity) -> Vec<Promised> {
        match &self.system {
            None => Vec::new(),
            Some(SystemSpec::Rocketmq(spec)) => rocketmq::promises(spec, self, adversity),
            Some(SystemSpec::Pulsar(spec)) => pulsar::promises(spec, self, adversity),
            Some(SystemSpec::Activemq(spec)) => activemq::promises(spec, self, adversity),
            Some(SystemSpec::Rabbitmq(spec)) => rabbitmq::promises(spec, self, adversity),
        }
    }

    /// Whether what is said of another system makes sense, and nothing is asked for that it has not.
    pub(super) fn check_system(&self) -> Result<(), String> {
        self.check_only_guests()?;
        match &self.system {
            None => Ok(()),
            Some(SystemSpec::Rocketmq(spec)) => rocketmq::check(spec, self),
            Some(SystemSpec::Pulsar(spec)) => pulsar::check(spec, self),
            Some(SystemSpec::Activemq(spec)) => activemq::check(spec, self),
            Some(SystemSpec::Rabbitmq(spec)) => rabbitmq::check(spec, self),
        }
    }
}
