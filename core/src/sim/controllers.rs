//! How do controllers live in the lab? One that cannot die, or several that agree by quorum, each over a disk of its own.
//!
//! Several controllers state each fact once: whoever of them knows first that a change was agreed on. That is a matter of
//! watching, not of the cluster: each is told what the others stated.

use alloc::vec::Vec;

use super::picture::ControllerView;
use super::scenario::Scenario;
use super::wakes::Wakes;
use super::world::{Disk, DiskLog, Node, Power, World};
use crate::broker::{Controller, Input, Out, View};
use crate::ids::NodeId;
use crate::observe::{Event, QueueEvent, Refusal};
use crate::rng::{Rng, Stream};
use crate::time::Time;

/// The most controllers of a cluster: of seven, three may die.
pub const CONTROLLERS_MAX: u16 = 7;

/// A controller's process, while it runs, and its disk.
#[derive(Clone, Debug)]
pub(crate) struct Seat {
    process: Option<Controller<DiskLog>>,
    disk: Disk,
}

/// All controllers of a world.
#[derive(Clone, Debug)]
pub(crate) struct Controllers {
    pub(super) seats: Vec<Node<Seat>>,
    ids: Vec<NodeId>,
    /// The first view, which each begins with.
    view: View,
    seeds: Rng,
}

impl Scenario {
    /// The controllers of its cluster, in order.
    pub fn controller_ids(&self) -> Vec<NodeId> {
        match self.controllers {
            0 | 1 => [NodeId::Controller].into(),
            several => (1..=several).map(NodeId::Voter).collect(),
        }
    }
}

impl Controllers {
    pub(super) fn new(scenario: &Scenario, seed: u64) -> Self {
        // Another system has its own way to know who leads.
        let ids = if scenario.system.is_some() { Vec::new() } else { scenario.controller_ids() };
        let mut all = Self {
            seats: Vec::new(),
            view: scenario.first_view(),
            seeds: Rng::new(seed, Stream::Elections),
            ids,
        };
        for me in all.ids.clone() {
            let mut disk = Disk::default();
            let process = all.open(me, &mut disk, scenario, Time::ZERO);
            all.seats.push(Node::new(Seat { process, disk }));
        }
        all
    }

    /// `None` when it cannot begin with what is on its disk.
    fn open(
        &mut self,
        me: NodeId,
        disk: &mut Disk,
        scenario: &Scenario,
        now: Time,
    ) -> Option<Controller<DiskLog>> {
        let (voters, settings, view) = (self.ids.clone(), scenario.settings.clone(), self.view.clone());
        let seed = self.seeds.below(u64::MAX);
        Controller::open(disk, me, voters, settings, view, seed, now).ok()
    }

    pub(super) fn ids(&self) -> &[NodeId] {
        &self.ids
    }

    pub(super) fn get(&self, node: NodeId) -> Option<&Node<Seat>> {
        self.seats.get(self.place(node)?)
    }

    pub(super) fn get_mut(&mut self, node: NodeId) -> Option<&mut Node<Seat>> {
        let place = self.place(node)?;
        self.seats.get_mut(place)
    }

    pub(super) fn wakes(&mut self, node: NodeId) -> &mut Wakes {
        let place = self.place(node).unwrap_or(0);
        &mut self.seats[place].wakes
    }

    /// The process of a controller that runs.
    pub(super) fn process(&mut self, node: NodeId) -> Option<&mut Controller<DiskLog>> {
        self.get_mut(node)?.process.process.as_mut()
    }

    fn place(&self, node: NodeId) -> Option<usize> {
        self.ids.iter().position(|id| *id == node)
    }

    /// How the cluster stands, by the one that knows most. Whoever is down may have known more, and does not say it.
    pub(super) fn view(&self) -> &View {
        let known = self.seats.iter().filter_map(|seat| seat.process.process.as_ref());
        known.map(|controller| &**controller.view()).max_by_key(|view| view.version).unwrap_or(&self.view)
    }

    /// What is shown of them; `true_time` is when a node's clock shows a time.
    pub(super) fn views(&self, true_time: impl Fn(NodeId, Time) -> Time) -> Vec<ControllerView> {
        let active = self.active();
        let view = |(&node, seat): (&NodeId, &Node<Seat>)| ControllerView {
            node,
            up: seat.power == Power::On,
            active: active == Some(node),
            term: seat.process.process.as_ref().map(Controller::term).unwrap_or_default(),
            runs_at: seat.process.process.as_ref().filter(|_| seat.power == Power::On).and_then(
                |controller| {
                    let (at, most) = controller.runs_at()?;
                    Some((true_time(node, at), most))
                },
            ),
        };
        self.ids.iter().zip(&self.seats).map(view).collect()
    }

    /// Which one is active: of two that take themselves for it, the later.
    pub(super) fn active(&self) -> Option<NodeId> {
        let running = self.ids.iter().zip(&self.seats);
        let active = running.filter_map(|(id, seat)| {
            let controller = seat.process.process.as_ref().filter(|controller| controller.is_active())?;
            Some((controller.term(), *id))
        });
        active.max().map(|(_, id)| id)
    }
}

impl Node<Seat> {
    pub(super) fn next_wakeup(&self) -> Option<Time> {
        self.process.process.as_ref().and_then(Controller::next_wakeup)
    }

    /// The process is gone; its disk stays.
    fn stop(&mut self, power: Power, rng: &mut Rng) {
        self.power = power;
        if let Some(controller) = self.process.process.take() {
            controller.close(&mut self.process.disk).expect("memory closes its logs");
        }
        if power == Power::Off {
            let lost = self.process.disk.cut_power(|_, tail| rng.between(0, tail));
            lost.expect("the lab's memory can be cut");
        }
    }
}

impl World {
    /// Lets the controllers begin.
    pub(super) fn start_controllers(&mut self) {
        for node in self.controllers.ids().to_vec() {
            self.hand_to_controller(node, Input::Wake);
        }
    }

    /// Hands an input to a controller that is on, and carries out what it wants.
    pub(super) fn hand_to_controller(&mut self, node: NodeId, input: Input) {
        let (now, stated) = (self.clock(node), self.stated);
        let Some(controller) = self.controllers.process(node) else { return };
        let mut out = Out::default();
        controller.stated(stated);
        controller.handle(now, input, &mut out);
        self.settle_controller(node, out);
    }

    /// Ends a controller's burst, and carries out what it wants.
    pub(super) fn settle_controller(&mut self, node: NodeId, out: Out) {
        let Some(controller) = self.controllers.process(node) else { return };
        if controller.settle().is_err() {
            // It halts as a broker does: nothing that it wanted sent leaves it.
            self.note(node, Event::Queue(QueueEvent::Halted { why: Refusal::Storage }));
            return self.stop(node, Power::Crashed, Event::Crashed);
        }
        self.stated = self.stated.max(controller.agreed_until());
        self.carry_out(node, out);
    }

    pub(super) fn stop_controller(&mut self, node: NodeId, power: Power) {
        if let Some(seat) = self.controllers.get_mut(node) {
            seat.stop(power, &mut self.disk_rng);
        }
    }

    pub(super) fn start_controller(&mut self, node: NodeId, incarnation: u64) {
        let now = self.clock(node);
        let Some(seat) = self.controllers.get_mut(node) else { return };
        let mut disk = core::mem::take(&mut seat.process.disk);
        let process = self.controllers.open(node, &mut disk, &self.scenario, now);
        let begins = process.is_some();
        if let Some(seat) = self.controllers.get_mut(node) {
            let process = Seat { process, disk };
            *seat = Node { power: Power::On, incarnation, wakes: Wakes::default(), process };
        }
        if !begins {
            self.note(node, Event::Queue(QueueEvent::Halted { why: Refusal::Storage }));
            self.stop(node, Power::Crashed, Event::Crashed);
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeMap;
    use alloc::sync::Arc;

    use super::*;
    use crate::broker::Order;
    use crate::ids::{Name, PartitionId};
    use crate::observe::ClusterEvent;
    use crate::sim::world::BrokerProcess;
    use crate::sim::{AdminAction, FaultKind, FaultPlan};
    use crate::time::Span;

    fn name(text: &str) -> Name {
        Name::new(text).expect("a legal name")
    }

    /// The scenario of the story with drawn faults instead of its own, while partitions come and move.
    fn shaken() -> Scenario {
        let mut scenario = Scenario::built_in("controllers-fail-over").expect("it is built in");
        scenario.brokers = 4;
        scenario.topics[0].min_in_sync = 2;
        scenario.settings.metadata_age = Some(Span::from_millis(60));
        let moves = [(400, 0, [2, 3, 4]), (700, 1, [4, 1, 2]), (1_000, 0, [1, 2, 4])];
        let topic = scenario.topics[0].name.clone();
        scenario.admin = moves
            .map(|(at, index, replicas)| {
                let partition = PartitionId { topic: topic.clone(), index };
                let order = Order::Reassign { partition, replicas: replicas.map(NodeId::Broker).into() };
                AdminAction { at: Time(at * 1_000), order }
            })
            .into();
        for (at, index) in [(415, 0), (740, 1)] {
            let order = Order::Cancel { partition: PartitionId { topic: topic.clone(), index } };
            scenario.admin.push(AdminAction { at: Time(at * 1_000), order });
        }
        let order = Order::AddPartitions { topic, total: 5 };
        scenario.admin.push(AdminAction { at: Time(600_000), order });
        scenario.settings.flush_before_reply = true;
        scenario.actions.clear();
        scenario.ends_at = Time(6_000_000);
        let kinds = [
            FaultKind::Crash,
            FaultKind::PowerCut,
            FaultKind::Freeze,
            FaultKind::Skew,
            FaultKind::Cut,
            FaultKind::SlowLink,
            FaultKind::Loss,
            FaultKind::Duplication,
            FaultKind::Reordering,
        ];
        let (from, until) = (Time(50_000), Time(1_500_000));
        scenario.faults = Some(FaultPlan { kinds: kinds.into(), from, until, faults: (3, 10) });
        scenario
    }

    /// Whatever happens to controllers, brokers and links: a version of the view is one and the same wherever it is known,
    /// a term has one active controller, and nothing that was acknowledged is lost.
    #[test]
    fn controllers_never_disagree() {
        let (mut terms, mut reigns, mut steps) = (0, 0, 0);
        for seed in 0..60 {
            let mut world = World::new(shaken(), seed).expect("it can be run");
            let mut views: BTreeMap<u64, Arc<View>> = BTreeMap::new();
            let mut active: BTreeMap<u32, NodeId> = BTreeMap::new();
            while world.now() < world.scenario.ends_at
                && let Some(events) = world.step()
            {
                let controllers =
                    world.controllers.seats.iter().filter_map(|seat| seat.process.process.as_ref());
                let brokers = world.brokers.iter().filter_map(|slot| match &slot.process {
                    BrokerProcess::Runs(broker) => Some(broker.view()),
                    BrokerProcess::Disk(_) => None,
                });
                for view in controllers.map(Controller::view).chain(brokers).filter(|view| view.version > 0) {
                    let known = views.entry(view.version).or_insert_with(|| Arc::clone(view));
                    assert!(
                        Arc::ptr_eq(known, view) || known == view,
                        "seed {seed}, version {}",
                        view.version
                    );
                }
                for stamped in events {
                    if let Event::Cluster(ClusterEvent::Controls { term }) = stamped.event {
                        let first = active.insert(term.0, stamped.node);
                        assert!(first.is_none_or(|first| first == stamped.node), "seed {seed}, term {term}");
                        reigns += 1;
                    }
                }
            }
            terms += active.len();
            let view = world.controllers.view();
            let state = |index| view.partitions.get(&PartitionId { topic: name("orders"), index });
            assert_eq!(
                state(0).map(|state| &state.replicas[..]),
                Some(&[1, 2, 4].map(NodeId::Broker)[..]),
                "seed {seed}"
            );
            assert!(state(4).is_some_and(|state| state.leader.is_some()), "seed {seed}: it leads");
            let verdict = world.verdict();
            assert!(verdict.lost().is_empty(), "seed {seed}: {:?}", verdict.lost());
            assert!(verdict.delivered() >= verdict.acknowledged(), "seed {seed}: not everything came");
            steps += views.len();
        }
        assert!(terms > 70 && reigns >= terms, "{terms} terms: hardly a controller failed over");
        assert!(steps > 400, "{steps} versions: hardly anything was agreed on");
    }

    /// A controller that cannot read whom it voted for halts, and says so once; the two others go on.
    #[test]
    fn a_controller_with_a_damaged_ballot_halts() {
        use crate::broker::METADATA_LOG;
        use crate::ids::{LogName, Offset};
        use crate::log::contract::batch;
        use crate::log::{Log as _, Storage as _};
        let mut scenario = Scenario::built_in("controllers-fail-over").expect("it is built in");
        scenario.actions.clear();
        let mut world = World::new(scenario, 3).expect("it can be run");
        while world.now() < Time(200_000) && world.step().is_some() {}
        let voter = world.controllers.ids()[0];
        world.stop(voter, Power::Crashed, Event::Crashed);
        let ballot = LogName::Ballot(name(METADATA_LOG));
        let seat = world.controllers.get_mut(voter).expect("it is a controller");
        let mut log = seat.process.disk.open(&ballot).expect("memory opens");
        let end = log.end();
        log.append(&batch(end.0, 1)).expect("in order"); // what stands there is no term
        assert!(end > Offset::ZERO, "it had voted");
        seat.process.disk.close(&ballot, log).expect("memory closes");
        world.start(voter);
        let mut halted = 0;
        while world.now() < Time(800_000)
            && let Some(events) = world.step()
        {
            let is_halt = |event: &Event| matches!(event, Event::Queue(QueueEvent::Halted { .. }));
            halted +=
                events.iter().filter(|stamped| stamped.node == voter && is_halt(&stamped.event)).count();
        }
        assert_eq!(halted, 1, "it is said once");
        assert!(world.controllers.get(voter).is_some_and(|seat| seat.process.process.is_none()));
        assert!(world.controllers.active().is_some_and(|active| active != voter), "the others go on");
    }

    /// One of three is no majority: nobody elects until another comes back.
    #[test]
    fn without_a_majority_nobody_elects() {
        let mut world = World::new(Scenario::built_in("controllers-fail-over").expect("it is built in"), 3)
            .expect("fine");
        let mut elected = Vec::new();
        while world.now() < Time(1_400_000)
            && let Some(events) = world.step()
        {
            let elections = events.iter().filter(|stamped| matches!(stamped.event, Event::Elected { .. }));
            elected.extend(elections.map(|stamped| stamped.at.0 / 1_000));
        }
        let between = |from: u64, until: u64| elected.iter().filter(|at| (from..until).contains(*at)).count();
        assert!(between(300, 700) > 0, "the second controller elects: {elected:?}");
        assert_eq!(between(705, 1_000), 0, "{elected:?}");
        assert!(between(1_000, 1_250) > 0, "{elected:?}");
    }

    /// What is shown of a controller's patience is so: nobody takes over before somebody's is used up.
    #[test]
    fn the_patience_that_is_shown_is_the_one_that_counts() {
        let mut scenario = Scenario::built_in("controllers-fail-over").expect("it is built in");
        scenario.actions.clear();
        let mut world = World::new(scenario, 3).expect("it can be run");
        let shown = |world: &World| world.controllers.views(|node, at| world.true_time(node, at));
        while world.now() < Time(300_000) && world.step().is_some() {}
        let active = world.controllers.active().expect("one is active");
        assert!(shown(&world).iter().all(|view| view.runs_at.is_none() == (view.node == active)));
        world.stop(active, Power::Crashed, Event::Crashed);
        let waiting: Vec<(Time, Span)> = shown(&world).iter().filter_map(|view| view.runs_at).collect();
        assert_eq!(waiting.len(), 2, "who is down waits for nobody");
        assert!(waiting.iter().all(|(at, most)| *at > world.now() && at.since(world.now()) <= *most));
        let first = waiting.iter().map(|(at, _)| *at).min().expect("two wait");
        while world.controllers.active().is_none() && world.step().is_some() {}
        assert!(world.now() >= first, "{} before {first}", world.now());
        assert!(world.now().since(first) < Span::from_millis(200), "{} long after {first}", world.now());
    }
}
