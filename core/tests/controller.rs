//! What a controller does: whom it fences, whom it elects, and when it gives leadership back.

use mqlab_core::broker::{
    BadOrder, Controller, Input, Message, Order, Out, PartitionState, Request, Settings, View,
};
use mqlab_core::ids::{Epoch, Name, NodeId, PartitionId};
use mqlab_core::observe::{ClusterEvent, Event};
use mqlab_core::time::{Span, Time};

const ALL: [NodeId; 3] = [NodeId::Broker(1), NodeId::Broker(2), NodeId::Broker(3)];

fn partition(index: u32) -> PartitionId {
    PartitionId { topic: Name::new("t").expect("a legal name"), index }
}

/// A controller, and the test in the place of the brokers.
struct Desk {
    controller: Controller,
    now: Time,
    events: Vec<Event>,
}

impl Desk {
    /// Three partitions; broker n is the preferred leader of the n-th.
    fn new(unclean_election: bool, leader_balance: Option<Span>) -> Self {
        let state = |index: usize| {
            let replicas = (0..3).map(|further| ALL[(index + further) % 3]).collect();
            PartitionState { unclean_election, ..PartitionState::new(replicas, 1) }
        };
        let view = View {
            brokers: ALL.map(|broker| (broker, true)).into(),
            partitions: (0..3).map(|index| (partition(index as u32), state(index))).collect(),
            ..View::default()
        };
        let settings = Settings { leader_balance, ..Settings::default() };
        let mut desk =
            Self { controller: Controller::new(settings, view), now: Time::ZERO, events: Vec::new() };
        desk.controller.start(&mut Out::default());
        desk
    }

    fn say(&mut self, from: NodeId, request: Request) {
        let mut out = Out::default();
        let message = Message::Request(1, request);
        self.controller.handle(self.now, Input::Message { from, message }, &mut out);
        self.events.extend(out.events);
    }

    /// So much time passes, in which these brokers say that they live.
    fn pass(&mut self, millis: u64, alive: &[u16]) {
        for _ in 0..millis / 10 {
            self.now = self.now + Span::from_millis(10);
            for &number in alive {
                self.say(NodeId::Broker(number), Request::Alive { incarnation: 1, version: 0 });
            }
            let mut out = Out::default();
            self.controller.handle(self.now, Input::Wake, &mut out);
            self.events.extend(out.events);
        }
    }

    /// Who leads each partition.
    fn leaders(&self) -> [u16; 3] {
        [0, 1, 2].map(|index| match self.controller.view().leader_of(&partition(index)) {
            Some(NodeId::Broker(number)) => number,
            _ => 0,
        })
    }

    fn state(&self, index: u32) -> &PartitionState {
        &self.controller.view().partitions[&partition(index)]
    }

    /// A leader says who is in sync.
    fn set_in_sync(&mut self, index: u32, in_sync: &[u16]) {
        let PartitionState { leader, epoch, version, .. } = *self.state(index);
        let in_sync = in_sync.iter().copied().map(NodeId::Broker).collect();
        let request = Request::SetInSync { partition: partition(index), epoch, version, in_sync };
        self.say(leader.expect("somebody leads"), request);
    }
}

#[test]
fn who_is_silent_is_fenced_and_others_lead() {
    let mut desk = Desk::new(false, None);
    assert_eq!(desk.leaders(), [1, 2, 3]);
    desk.pass(200, &[2, 3]);
    assert_eq!(desk.leaders(), [2, 2, 3]);
    assert_eq!(desk.state(0).in_sync, ALL[1..]);
    desk.pass(1_000, &[1, 2, 3]);
    assert_eq!(desk.leaders(), [2, 2, 3], "whoever leads goes on");
}

#[test]
fn rather_nobody_than_one_that_is_not_in_sync_unless_asked_for() {
    for unclean in [false, true] {
        let mut desk = Desk::new(unclean, None);
        desk.set_in_sync(0, &[1]);
        desk.events.clear();
        desk.pass(200, &[2, 3]);
        let taken = Event::Cluster(ClusterEvent::UncleanElection { partition: partition(0), leader: ALL[1] });
        assert_eq!(desk.events.contains(&taken), unclean);
        if unclean {
            assert_eq!((desk.leaders()[0], &desk.state(0).in_sync[..]), (2, &ALL[1..2]));
        } else {
            assert_eq!((desk.leaders()[0], &desk.state(0).in_sync[..]), (0, &ALL[..1]));
            desk.pass(100, &[1, 2, 3]);
            assert_eq!(desk.leaders()[0], 1, "the last of the in-sync set comes back, and leads");
        }
        assert_eq!(desk.state(0).epoch, Epoch(if unclean { 2 } else { 3 }));
    }
}

#[test]
fn a_broker_that_leaves_is_not_missed() {
    let mut desk = Desk::new(false, None);
    desk.pass(50, &[1, 2, 3]);
    desk.say(ALL[0], Request::Leave { incarnation: 1 });
    assert_eq!(desk.leaders(), [2, 2, 3], "at once, not after a session");
    assert!(desk.events.contains(&Event::Cluster(ClusterEvent::Relieved { broker: ALL[0] })));
    assert!(!desk.events.contains(&Event::Fenced { broker: ALL[0] }), "it is heard well");
    desk.pass(50, &[1, 2, 3]);
    assert_eq!(desk.leaders(), [2, 2, 3], "a late word of its old life does not bring it back");
    assert!(!desk.controller.view().brokers[&ALL[0]]);
    desk.say(ALL[0], Request::Alive { incarnation: 2, version: 0 });
    assert!(desk.controller.view().brokers[&ALL[0]], "a new start does");
}

#[test]
fn preferred_replicas_lead_again_where_that_is_asked_for() {
    for balance in [None, Some(Span::from_millis(500))] {
        let mut desk = Desk::new(false, balance);
        desk.pass(200, &[2, 3]);
        desk.pass(100, &[1, 2, 3]);
        assert_eq!(desk.leaders(), [2, 2, 3]);
        desk.pass(300, &[1, 2, 3]);
        assert_eq!(desk.leaders(), [2, 2, 3], "it is not in sync yet");
        desk.set_in_sync(0, &[1, 2, 3]);
        desk.pass(600, &[1, 2, 3]);
        assert_eq!(desk.leaders(), if balance.is_some() { [1, 2, 3] } else { [2, 2, 3] });
        let version = desk.controller.view().version;
        desk.pass(2_000, &[1, 2, 3]);
        assert_eq!(desk.controller.view().version, version, "there is nothing left to do");
    }
}

/// Brokers 4 and 5 are there, too; partition 0 is kept by 1, 2 and 3.
fn five() -> Desk {
    let mut desk = Desk::new(false, None);
    let mut view = View::clone(desk.controller.view());
    view.brokers = (1..=5).map(|number| (NodeId::Broker(number), true)).collect();
    desk.controller = Controller::new(Settings::default(), view);
    desk.controller.start(&mut Out::default());
    desk.pass(40, &[1, 2, 3, 4, 5]);
    desk
}

fn brokers(numbers: &[u16]) -> Vec<NodeId> {
    numbers.iter().copied().map(NodeId::Broker).collect()
}

fn move_to(numbers: &[u16]) -> Order {
    Order::Reassign { partition: partition(0), replicas: brokers(numbers) }
}

/// The leader says who is in sync.
fn in_sync(desk: &mut Desk, numbers: &[u16]) {
    let state = desk.state(0);
    let (epoch, version, leader) = (state.epoch, state.version, state.leader.expect("somebody leads"));
    let request = Request::SetInSync { partition: partition(0), epoch, version, in_sync: brokers(numbers) };
    desk.say(leader, request);
}

#[test]
fn a_move_that_is_under_way_can_be_cancelled_and_another_cannot() {
    let cancel = Order::Cancel { partition: partition(0) };
    // To where it moves, who is in sync then, and what the cancelled move leaves: replicas, in sync, leader.
    type Row = (&'static [u16], &'static [u16], &'static [u16], &'static [u16], u16);
    let table: [Row; 4] = [
        (&[3, 4, 5], &[1, 2, 3], &[3, 1, 2], &[1, 2, 3], 1),
        (&[3, 4, 5], &[1, 2, 3, 4], &[3, 1, 2], &[1, 2, 3], 1),
        (&[4, 5], &[1, 2, 5], &[1, 2, 3], &[1, 2], 1),
        (&[1, 2, 3, 4], &[1, 4], &[1, 2, 3], &[1], 1),
    ];
    for (target, synced, replicas, left, leader) in table {
        let mut desk = five();
        assert_eq!(desk.controller.order(&cancel, &mut Out::default()), Err(BadOrder::NotMoving));
        desk.controller.order(&move_to(target), &mut Out::default()).expect("it can be moved");
        assert!(!desk.state(0).adding.is_empty());
        in_sync(&mut desk, synced);
        desk.controller.order(&cancel, &mut Out::default()).expect("it is under way");
        let state = desk.state(0).clone();
        assert_eq!(state.replicas, brokers(replicas), "to {target:?}, in sync {synced:?}");
        let sorted = |mut all: Vec<NodeId>| {
            all.sort_unstable();
            all
        };
        assert_eq!(sorted(state.in_sync.clone()), brokers(left), "to {target:?}, in sync {synced:?}");
        assert_eq!(state.leader, Some(NodeId::Broker(leader)));
        assert!(state.adding.is_empty() && state.removing.is_empty());
        assert_eq!(desk.controller.order(&cancel, &mut Out::default()), Err(BadOrder::NotMoving));
        let unknown = Order::Cancel { partition: partition(9) };
        assert_eq!(desk.controller.order(&unknown, &mut Out::default()), Err(BadOrder::Unknown));
    }
}

#[test]
fn a_move_is_not_cancelled_when_only_those_that_come_have_everything() {
    let mut desk = five();
    desk.controller.order(&move_to(&[4, 5]), &mut Out::default()).expect("it can be moved");
    in_sync(&mut desk, &[1, 4]);
    desk.pass(200, &[2, 3, 4, 5]); // the leader dies, and 4 leads
    assert_eq!((desk.state(0).leader, &desk.state(0).in_sync), (Some(NodeId::Broker(4)), &brokers(&[4])));
    let cancel = Order::Cancel { partition: partition(0) };
    assert_eq!(desk.controller.order(&cancel, &mut Out::default()), Err(BadOrder::NoneInSync));
    in_sync(&mut desk, &[4, 2]);
    desk.controller.order(&cancel, &mut Out::default()).expect("2 has everything again");
    assert_eq!(desk.state(0).replicas, brokers(&[1, 2, 3]));
    assert_eq!((desk.state(0).leader, &desk.state(0).in_sync), (Some(NodeId::Broker(2)), &brokers(&[2])));
}
