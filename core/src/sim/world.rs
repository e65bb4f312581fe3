//! What happens? A whole cluster and its clients, on one agenda, under one seed.
//!
//! The world is a host like any other: it hands inputs and time to brokers and clients, carries what they send,
//! and wakes them. Here time is a number on an agenda, the network a seeded delay, the disk memory that can
//! lose its tail; so a run is the same each time, can be cloned at any moment, and can be taken back.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::agenda::{Agenda, Rank};
use super::calls::Calls;
use super::changing::Wanted;
use super::clocks::Skews;
use super::command::Command;
use super::controllers::Controllers;
use super::cost::Accounts;
use super::disks::Disks;
use super::guests::{GuestOut, Guests, guests};
use super::links::Way;
use super::network::{Network, Packet};
use super::onward::Errand;
use super::program::Worker;
use super::remember::Databases;
use super::scenario::{InvalidScenario, Scenario};
use super::shop::Shop;
use super::still::StillNodes;
use super::txn_facts::OpenTransactions;
use super::wakes::{Came, Wakes};
use super::words::{Incoming, opened, own};
use crate::broker::{Broker, Out};
use crate::ids::{MessageId, Name, NodeId, Offset};
use crate::log::faulty::FaultyStorage;
use crate::log::memory::MemoryStorage;
use crate::log::{SliceOf, Storage};
use crate::observe::{Digest, Digester, Event, Metrics, Stamped, Verdict};
use crate::rng::{Rng, Stream};
use crate::sorted::SortedSet;
use crate::time::Time;

/// The disk of a broker in the lab.
pub(crate) type Disk = FaultyStorage<MemoryStorage>;
/// A log on it.
pub(super) type DiskLog = <Disk as Storage>::Log;

/// Something that will happen.
#[derive(Clone, Debug)]
pub(super) enum Happening {
    Arrival(u64),
    HangUp {
        node: NodeId,
        incarnation: u64,
        peer: NodeId,
    },
    Wake {
        node: NodeId,
        incarnation: u64,
    },
    Break(Way),
    DiskDone {
        node: NodeId,
        incarnation: u64,
    },
    Command(Box<Command>),
    /// An order to the controller, by its place in the scenario.
    Order(usize),
    /// The controllers are to bring the cluster in line with what somebody changed.
    Adjust(Wanted),
}

/// Whether a node's process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Power {
    /// It runs.
    On,
    /// Its process died; its machine answers that nobody is there.
    Crashed,
    /// Its machine is dark.
    Off,
}

/// What every node has.
#[derive(Clone, Debug)]
pub(crate) struct Node<P> {
    pub(crate) power: Power,
    /// How often it was started.
    pub(super) incarnation: u64,
    pub(super) wakes: Wakes,
    pub(crate) process: P,
}

impl<P> Node<P> {
    pub(super) fn new(process: P) -> Self {
        Self { power: Power::On, incarnation: 1, wakes: Wakes::default(), process }
    }
}

/// A broker's process, or, while there is none, its disk.
#[derive(Clone, Debug)]
pub(crate) enum BrokerProcess {
    Runs(Box<Broker<Disk>>),
    Disk(Disk),
}

/// A cluster and its clients at one moment.
///
/// ```
/// use mqlab_core::sim::{Scenario, World};
/// let scenario = Scenario::built_in("hundred-messages").ok_or("no such scenario")?;
/// let (mut world, ends_at) = (World::new(scenario.clone(), 7)?, scenario.ends_at);
/// while world.next_time().is_some_and(|at| at <= ends_at) {
///     world.step();
/// }
/// assert_eq!(world.verdict().delivered(), 100);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct World {
    pub(crate) scenario: Scenario,
    pub(super) seed: u64,
    pub(super) now: Time,
    pub(super) step: u64,
    pub(super) agenda: Agenda<Happening>,
    pub(crate) network: Network,
    pub(super) still: StillNodes,
    /// Consumers that die when they have done their next message.
    pub(super) doomed: SortedSet<NodeId>,
    /// Brokers, and topics, that somebody removed or is removing.
    pub(super) retired: SortedSet<NodeId>,
    pub(super) removed: SortedSet<Name>,
    pub(super) disks: Disks,
    pub(super) skews: Skews,
    pub(super) disk_rng: Rng,
    /// What the machines did, where that costs something.
    pub(super) accounts: Accounts,
    pub(crate) controllers: Controllers,
    /// Up to where of the controllers' log the facts were stated.
    pub(super) stated: Offset,
    pub(crate) brokers: Vec<Node<BrokerProcess>>,
    pub(crate) producers: Vec<Node<Shop>>,
    pub(crate) consumers: Vec<Node<Worker>>,
    /// All nodes, instead of these, where another system plays.
    pub(super) guests: Guests,
    pub(super) databases: Databases,
    pub(super) transactions: OpenTransactions,
    pub(crate) calls: Calls,
    /// The key of each message, by its number from 1.
    pub(crate) keys: Vec<Option<char>>,
    /// The numbers of what was sent on for a message.
    pub(super) derived: BTreeMap<Errand, MessageId>,
    pub(super) digester: Digester,
    pub(super) verdict: Verdict,
    pub(super) metrics: Metrics,
    /// The events of the present step.
    pub(super) events: Vec<Stamped>,
    /// What nodes write into, empty between two steps: its memory serves them all.
    pub(super) spare: Spare,
}

/// Room for what a node wants done.
#[derive(Clone, Debug, Default)]
pub(super) struct Spare {
    pub(super) out: Out,
    pub(super) guests: GuestOut,
    /// For brokers, whose records are slices of their logs.
    pub(super) slices: Out<SliceOf<Disk>>,
}

impl World {
    /// The world of a scenario at time zero, before anything happened.
    ///
    /// # Errors
    ///
    /// [`InvalidScenario`] when it cannot be run.
    pub fn new(scenario: Scenario, seed: u64) -> Result<Self, InvalidScenario> {
        scenario.check()?;
        // Where another system plays, nobody of the engine's own does.
        let plays = scenario.system.is_none();
        let ids: Vec<NodeId> = (1..=scenario.brokers).map(NodeId::Broker).filter(|_| plays).collect();
        let settings = &scenario.settings;
        let mut workload = Rng::new(seed, Stream::Workload);
        let producers =
            (1..).map(NodeId::Producer).zip(&scenario.producers).filter(|_| plays).map(|(node, spec)| {
                let seeds = (seed, Rng::new(workload.below(u64::MAX), Stream::Workload));
                Node::new(Shop::new(node, spec.clone(), seeds, settings, ids.clone()))
            });
        let consumers = scenario
            .consumers
            .iter()
            .filter(|_| plays)
            .map(|spec| Node::new(Worker::new(spec, settings, ids.clone(), seed, Default::default())));
        let broker = |&id: &NodeId| {
            let broker = Broker::new(id, 1, settings.clone(), Disk::default());
            let broker = broker.expect("an empty disk opens").with_controllers(scenario.controller_ids());
            Node::new(BrokerProcess::Runs(Box::new(broker)))
        };
        let mut world = Self {
            seed,
            now: Time::ZERO,
            step: 0,
            agenda: Agenda::default(),
            network: Network::new(&scenario, seed),
            still: StillNodes::default(),
            doomed: SortedSet::new(),
            retired: SortedSet::new(),
            removed: SortedSet::new(),
            disks: Disks::default(),
            skews: Skews::default(),
            disk_rng: Rng::new(seed, Stream::Disk),
            accounts: Accounts::default(),
            controllers: Controllers::new(&scenario, seed),
            stated: Offset::ZERO,
            brokers: ids.iter().map(broker).collect(),
            producers: producers.collect(),
            consumers: consumers.collect(),
            guests: guests(&scenario, seed),
            databases: Databases::default(),
            transactions: OpenTransactions::default(),
            calls: Calls::new(&scenario, seed),
            keys: Vec::new(),
            derived: BTreeMap::new(),
            digester: Digester::default(),
            verdict: Verdict::default(),
            metrics: Metrics::default(),
            events: Vec::new(),
            spare: Spare::default(),
            scenario,
        };
        for group in world.scenario.committed_groups() {
            world.verdict.learn_reads_committed(group.clone());
        }
        for topic in world.scenario.system.iter().flat_map(|system| system.tables()) {
            world.verdict.learn_table(topic);
        }
        for (topic, _) in world.scenario.cleanups() {
            world.verdict.learn_table(topic);
        }
        let drawn = world.scenario.faults.as_ref().map(|plan| plan.draw(&world.scenario, seed));
        for action in world.scenario.actions.clone().into_iter().chain(drawn.into_iter().flatten()) {
            world.agenda.plan(action.at, Rank::Command, Happening::Command(Box::new(action.command)));
        }
        world.plan_orders();
        world.start_controllers();
        for node in world.nodes() {
            world.wants_waking(node, Some(Time::ZERO));
        }
        Ok(world)
    }

    /// The scenario as it is now, with everything that was set, added and removed.
    pub fn scenario_now(&self) -> &Scenario {
        &self.scenario
    }

    /// The moment of the last step.
    pub fn now(&self) -> Time {
        self.now
    }

    /// How many messages were begun with.
    pub(super) fn begun(&self) -> usize {
        self.keys.len()
    }

    /// How many steps were taken.
    pub fn steps(&self) -> u64 {
        self.step
    }

    /// When the next step will be; nothing happens before.
    pub fn next_time(&self) -> Option<Time> {
        self.agenda.next_time()
    }

    /// The digest of all events so far.
    pub fn digest(&self) -> Digest {
        self.digester.digest()
    }

    /// What the judge found so far.
    pub fn verdict(&self) -> &Verdict {
        &self.verdict
    }

    /// What was counted so far.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Whether anybody sent or asked for anything yet.
    pub(super) fn has_work(&self) -> bool {
        self.verdict.sent() > 0 || self.metrics.orders.asked > 0
    }

    /// Plans a command.
    pub fn plan(&mut self, at: Time, command: Command) {
        self.agenda.plan(at, Rank::Command, Happening::Command(Box::new(command)));
    }

    /// Lets the next thing happen, and returns what events that brought; `None` when nothing is planned any more.
    pub fn step(&mut self) -> Option<Vec<Stamped>> {
        self.happen().then(|| core::mem::take(&mut self.events))
    }

    /// Takes back what [`step`](Self::step) brought, when it was looked at: its memory serves the next step.
    pub(super) fn reuse(&mut self, mut events: Vec<Stamped>) {
        events.clear();
        self.events = events;
    }

    /// The same for whoever asks only what the run amounts to: observers have seen the events, and nobody keeps them.
    /// `false` when nothing is planned any more.
    pub fn pass(&mut self) -> bool {
        let happened = self.happen();
        self.events.clear();
        happened
    }

    fn happen(&mut self) -> bool {
        let Some((at, happening)) = self.agenda.pop() else { return false };
        self.metrics.pass(at);
        self.now = at;
        self.step += 1;
        match happening {
            Happening::Arrival(id) => self.arrival(id),
            Happening::HangUp { node, incarnation, peer } => {
                if self.network.links.is_cut((peer, node)) {
                    self.network.swallow_hang_up((peer, node));
                } else if self.is_on(node, incarnation) {
                    self.reach(node, Incoming::HangUp { peer });
                }
            }
            Happening::Wake { node, incarnation } => {
                if self.is_on(node, incarnation) && self.wakes(node).comes(at) == Came::Due {
                    self.wake(node);
                }
            }
            Happening::Break(ends) => {
                if self.network.is_to_break(at, ends) {
                    self.break_connection(ends);
                }
            }
            Happening::DiskDone { node, incarnation } => {
                if self.is_on(node, incarnation) {
                    self.disk_done(node);
                }
            }
            Happening::Command(command) => self.command(*command),
            Happening::Order(index) => self.give_order(index),
            Happening::Adjust(wanted) => self.adjust(wanted),
        }
        self.skip_void();
        true
    }

    /// What is on top of the agenda happens: a wake-up that nobody wants any more is not left there.
    fn skip_void(&mut self) {
        while let Some((at, &Happening::Wake { node, incarnation })) = self.agenda.peek() {
            let is_on = self.is_on(node, incarnation);
            if is_on && self.wakes(node).comes_at(at) {
                return;
            }
            self.agenda.pop();
            if is_on && let Came::Void(Some(at)) = self.wakes(node).comes(at) {
                self.agenda.plan(at, Rank::Course, Happening::Wake { node, incarnation });
            }
        }
    }

    fn arrival(&mut self, id: u64) {
        let Some(Packet { from, to, incarnation, mut message, .. }) = self.network.take(id) else { return };
        if self.is_on(to, incarnation) {
            if message.is_for(incarnation) {
                self.reach(to, Incoming::Message { from, message });
            }
        } else if self.power(to) != Some(Power::Off) {
            // The machine is there and the process is not, or is another: it says so.
            self.hang_up(to, from);
        }
    }

    /// Lets `peer` know that its connection to `node` is broken.
    pub(super) fn hang_up(&mut self, node: NodeId, peer: NodeId) {
        let at = self.network.hang_up(self.now, node, peer);
        let incarnation = self.incarnation(peer);
        self.agenda.plan(at, Rank::Course, Happening::HangUp { node: peer, incarnation, peer: node });
    }

    pub(super) fn wake(&mut self, node: NodeId) {
        self.wakes(node).forget();
        if self.stands_still(node) {
            return; // it wakes when it goes on
        }
        self.hand(node, Incoming::Wake);
    }

    /// Hands an input to a node that is on, and carries out what it wants.
    pub(super) fn hand(&mut self, node: NodeId, input: Incoming) {
        if self.guests.has(node) {
            return self.hand_to_guest(node, [input]);
        }
        let Some(input) = own(input) else { return };
        let now = self.clock(node);
        let mut out = core::mem::take(&mut self.spare.out);
        match node {
            NodeId::Producer(number) => self.hand_to_shop(number, input, &mut out),
            NodeId::Consumer(number) => {
                self.hand_to_worker(number, input, &mut out);
                if self.dies_once_done(node, &mut out) {
                    self.carry_out(node, out);
                    return self.stop(node, Power::Crashed, Event::Crashed);
                }
                if self.consumers[index(number)].process.out_of_memory().is_some() {
                    self.carry_out(node, out);
                    return self.run_out_of_memory(node);
                }
            }
            NodeId::Service(_) | NodeId::User(_) => {
                let keys = &mut self.keys;
                let mut mint = || {
                    keys.push(None);
                    MessageId(keys.len() as u64)
                };
                self.calls.hand(now, node, input, &mut mint, &mut out);
            }
            NodeId::Broker(number) => {
                self.spare.out = out;
                return self.hand_to_broker(number, [input]);
            }
            NodeId::Controller | NodeId::Voter(_) => {
                self.spare.out = out;
                return self.hand_to_controller(node, input);
            }
            NodeId::Bookie(_) | NodeId::NameServer(_) | NodeId::Store => {} // only guests are that
        }
        self.carry_out(node, out);
        self.stop_if_fenced(node);
        self.stop_if_gone(node);
    }

    /// Sends what a node wants sent, stamps what happened to it, and plans its next wake-up.
    pub(super) fn carry_out(&mut self, node: NodeId, mut out: Out) {
        for event in out.events.drain(..) {
            self.note(node, event);
        }
        self.send_all(node, out.sends.drain(..).map(opened));
        self.spare.out = out;
        self.plan_wake(node);
    }
}

/// The place of a node in its vector: people count from 1.
pub(super) fn index(number: u16) -> usize {
    usize::from(number).wrapping_sub(1)
}
