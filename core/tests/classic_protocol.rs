//! The rules of the classic protocol, on one coordinator that is fed by hand: who waits, who is refused, and why.

use std::sync::Arc;

use mqlab_core::broker::{
    Assignor, Broker, GroupReply, GroupRequest, Identity, Input, Join, MemberId, Message, Out,
    PartitionState, Reply, Request, Settings, View, offsets_partition,
};
use mqlab_core::ids::{Epoch, Name, NodeId, Offset, PartitionId};
use mqlab_core::log::memory::{MemorySlice, MemoryStorage};
use mqlab_core::observe::Refusal;
use mqlab_core::time::{Span, Time};

const BROKER: NodeId = NodeId::Broker(1);
const SESSION: Span = Span::from_millis(120);
const REBALANCE: Span = Span::from_millis(300);

fn name(text: &str) -> Name {
    Name::new(text).expect("a legal name")
}

fn partition(index: u32) -> PartitionId {
    PartitionId { topic: name("t"), index }
}

/// A coordinator, and the test in the place of all members.
struct Desk {
    broker: Broker<MemoryStorage>,
    now: Time,
    view: View,
    asked: u64,
}

/// What one client was told, in the order of its questions.
type Told = Vec<(NodeId, u64, Result<GroupReply, Refusal>)>;

impl Desk {
    fn new() -> Self {
        let settings = Settings {
            rebalance_delay: Span::from_millis(30),
            flush_before_reply: false,
            ..Settings::default()
        };
        let broker = Broker::new(BROKER, 1, settings, MemoryStorage::default()).expect("memory opens");
        let mut desk = Self { broker, now: Time::ZERO, view: View::default(), asked: 0 };
        desk.lead(Some(BROKER), 1);
        desk
    }

    fn lead(&mut self, leader: Option<NodeId>, epoch: u32) -> Told {
        self.view.version += 1;
        let state = PartitionState {
            leader,
            epoch: Epoch(epoch),
            version: self.view.version,
            ..PartitionState::new(vec![BROKER], 1)
        };
        self.view.partitions.insert(offsets_partition(), state);
        let message = Message::Cluster(Arc::new(self.view.clone()));
        self.hand(Input::Message { from: NodeId::Controller, message })
    }

    fn hand(&mut self, input: Input) -> Told {
        let mut out = Out::<MemorySlice>::default();
        self.broker.handle(self.now, input, &mut out);
        self.broker.settle(self.now, &mut out).expect("memory does not fail");
        let told = |envelope: mqlab_core::broker::Envelope<MemorySlice>| match envelope.message {
            Message::Reply(id, Reply::Group(reply)) => Some((envelope.to, id, Ok(reply))),
            // To be stored is as good as to be alive, here.
            Message::Reply(id, Reply::OffsetsStored) => Some((envelope.to, id, Ok(GroupReply::Alive))),
            Message::Reply(id, Reply::Refused(why)) => Some((envelope.to, id, Err(why))),
            _ => None,
        };
        out.sends.into_iter().filter_map(told).collect()
    }

    fn pass(&mut self, span: Span) -> Told {
        self.now = self.now + span;
        self.hand(Input::Wake)
    }

    fn ask(&mut self, from: u16, request: GroupRequest) -> Told {
        self.asked += 1;
        let message = Message::Request(self.asked, Request::Group { group: name("g"), request });
        self.hand(Input::Message { from: NodeId::Consumer(from), message })
    }

    fn join(&mut self, from: u16, member: Option<MemberId>, instance: Option<&str>, owned: &[u32]) -> Told {
        self.join_with(from, member, instance, owned, &[Assignor::Range])
    }

    fn join_with(
        &mut self,
        from: u16,
        member: Option<MemberId>,
        instance: Option<&str>,
        owned: &[u32],
        assignors: &[Assignor],
    ) -> Told {
        let join = Join {
            member,
            instance: instance.map(name),
            topic: name("t"),
            owned: owned.iter().copied().map(partition).collect(),
            generation: 0,
            assignors: assignors.into(),
            session: SESSION,
            rebalance: REBALANCE,
        };
        self.ask(from, GroupRequest::Join(join))
    }

    /// Gets an id and waits at the gate with it.
    fn enter(&mut self, from: u16) -> MemberId {
        let told = self.join(from, None, None, &[]);
        let [(_, _, Ok(GroupReply::MemberIs(id)))] = told[..] else { panic!("an id comes first: {told:?}") };
        assert_eq!(self.join(from, Some(id), None, &[]), [], "it waits at the gate");
        id
    }

    fn heartbeat(&mut self, identity: &Identity) -> Result<GroupReply, Refusal> {
        let NodeId::Consumer(from) = identity.member.client else { panic!("a consumer") };
        one(self.ask(from, GroupRequest::Heartbeat(identity.clone())))
    }

    fn commit(&mut self, identity: &Identity) -> Result<GroupReply, Refusal> {
        let NodeId::Consumer(from) = identity.member.client else { panic!("a consumer") };
        let (identity, offsets) = (identity.clone(), vec![(partition(0), Offset(7))]);
        one(self.ask(from, GroupRequest::Commit { identity, offsets }))
    }

    /// The leader deals partition n to the n-th member; the others wait for that.
    fn sync(&mut self, members: &[Identity], leader: usize) -> Told {
        for (at, member) in members.iter().enumerate().filter(|(at, _)| *at != leader) {
            let told = self.ask(at as u16 + 1, GroupRequest::Sync { identity: member.clone(), shares: None });
            assert_eq!(told, [], "it waits for the leader");
        }
        let shares = (0..).zip(members).map(|(at, member)| (member.member, vec![partition(at)])).collect();
        let identity = members[leader].clone();
        self.ask(leader as u16 + 1, GroupRequest::Sync { identity, shares: Some(shares) })
    }

    fn state(&self) -> (&'static str, u32, usize) {
        let (state, generation, members) = self.broker.classic_group(&name("g")).expect("there is a group");
        (state, generation, members.len())
    }
}

fn one(mut told: Told) -> Result<GroupReply, Refusal> {
    assert_eq!(told.len(), 1, "{told:?}");
    told.pop().expect("one").2
}

fn who(member: MemberId, generation: u32) -> Identity {
    Identity { member, instance: None, generation }
}

/// Two members, stable in generation 1; the first leads.
fn stable() -> (Desk, [Identity; 2]) {
    let mut desk = Desk::new();
    let ids = [desk.enter(1), desk.enter(2)];
    assert_eq!(desk.state(), ("preparing rebalance", 0, 2));
    // The delay is over; somebody came in it, so it waits once more, and then begins.
    assert_eq!(desk.pass(Span::from_millis(30)), []);
    let told = desk.pass(Span::from_millis(30));
    let leads =
        |reply: &GroupReply| matches!(reply, GroupReply::Joined { members, .. } if members.len() == 2);
    assert!(
        matches!(&told[..], [(_, _, Ok(first)), (_, _, Ok(second))] if leads(first) && !leads(second)),
        "{told:?}"
    );
    assert_eq!(desk.state(), ("completing rebalance", 1, 2));
    let members = ids.map(|id| who(id, 1));
    assert_eq!(desk.commit(&members[0]), Err(Refusal::Rebalancing), "no share of this generation yet");
    assert_eq!(desk.heartbeat(&members[0]), Ok(GroupReply::Alive), "it waits for its share, and is alive");
    let told = desk.sync(&members, 0);
    assert_eq!(told.len(), 2, "both are told: {told:?}");
    assert!(
        told.iter().all(|(_, _, told)| matches!(told, Ok(GroupReply::Synced(share)) if share.len() == 1))
    );
    assert_eq!(desk.state(), ("stable", 1, 2));
    (desk, members)
}

/// A coordinator that has just taken over knows nobody. A member that was put out by the one before, and has not heard of
/// it, must not begin with what another has begun since.
#[test]
fn who_commits_before_the_work_must_be_a_member() {
    let mut desk = Desk::new();
    let mut commit = |as_member| {
        let request =
            Request::Commit { group: name("g"), as_member, offsets: vec![(partition(0), Offset(9))] };
        let message = Message::Request(900, request);
        one(desk.hand(Input::Message { from: NodeId::Consumer(3), message }))
    };
    assert_eq!(commit(true), Err(Refusal::NotAMember));
    assert_eq!(commit(false), Ok(GroupReply::Alive));
    assert_eq!(commit(true), Err(Refusal::NotAMember));
}

#[test]
fn who_is_refused_and_why() {
    let (mut desk, [a, b]) = stable();
    assert_eq!(desk.heartbeat(&a), Ok(GroupReply::Alive));
    assert_eq!(desk.commit(&a), Ok(GroupReply::Alive));
    assert_eq!(desk.heartbeat(&who(a.member, 0)), Err(Refusal::IllegalGeneration));
    assert_eq!(desk.commit(&who(a.member, 2)), Err(Refusal::IllegalGeneration));
    let stranger = who(MemberId { client: NodeId::Consumer(1), number: 99 }, 1);
    assert_eq!(desk.heartbeat(&stranger), Err(Refusal::NotAMember));
    assert_eq!(desk.commit(&stranger), Err(Refusal::NotAMember));
    // Who names no member may commit for an empty group only.
    let request =
        Request::Commit { group: name("g"), as_member: false, offsets: vec![(partition(0), Offset(9))] };
    let told = desk
        .hand(Input::Message { from: NodeId::Consumer(3), message: Message::Request(900, request.clone()) });
    assert_eq!(one(told), Err(Refusal::NotAMember));
    // Another assignor than all know.
    let told = desk.join_with(3, None, None, &[], &[Assignor::Sticky]);
    assert_eq!(one(told), Err(Refusal::InconsistentProtocol));
    // Somebody comes: the others are told with their next heartbeat, and may still commit in their generation.
    desk.enter(3);
    assert_eq!(desk.state(), ("preparing rebalance", 1, 3));
    assert_eq!(desk.heartbeat(&b), Err(Refusal::Rebalancing));
    assert_eq!(desk.commit(&b), Ok(GroupReply::Alive), "it must say how far it got before it lets go");
    let told = desk.ask(1, GroupRequest::Sync { identity: a.clone(), shares: None });
    assert_eq!(one(told), Err(Refusal::Rebalancing));
    // All join: generation 2, and what is of generation 1 is refused.
    assert_eq!(desk.join(1, Some(a.member), None, &[]), []);
    assert_eq!(desk.join(2, Some(b.member), None, &[]).len(), 3, "the last one opens the gate");
    assert_eq!(desk.state(), ("completing rebalance", 2, 3));
    assert_eq!(desk.commit(&b), Err(Refusal::IllegalGeneration));
    // Everybody leaves: empty, and anybody may commit.
    for (from, id) in [(1, a.member), (2, b.member)] {
        assert_eq!(one(desk.ask(from, GroupRequest::Leave { member: Some(id) })), Ok(GroupReply::Left));
    }
    desk.pass(REBALANCE);
    assert_eq!(desk.state().0, "empty");
    let told =
        desk.hand(Input::Message { from: NodeId::Consumer(3), message: Message::Request(901, request) });
    assert_eq!(one(told), Ok(GroupReply::Alive));
}

#[test]
fn who_does_not_come_is_not_waited_for_for_ever() {
    let (mut desk, [a, b]) = stable();
    let c = desk.enter(3);
    // b is heard, and does not join: after the rebalance timeout it is out, and its commit is refused.
    for _ in 0..5 {
        assert_eq!(desk.join(1, Some(a.member), None, &[]), []);
        assert_eq!(desk.heartbeat(&b), Err(Refusal::Rebalancing));
        assert_eq!(desk.pass(Span::from_millis(55)), []);
    }
    let told = desk.pass(Span::from_millis(25));
    assert_eq!(told.len(), 2, "a and c go on: {told:?}");
    assert_eq!(desk.state(), ("completing rebalance", 2, 2));
    assert_eq!(desk.commit(&b), Err(Refusal::NotAMember));
    // The leader says nothing: it is silent for its session, and c is sent back to the gate.
    let sync = GroupRequest::Sync { identity: who(c, 2), shares: None };
    assert_eq!(desk.ask(3, sync), []);
    let told = desk.pass(SESSION);
    assert_eq!(one(told), Err(Refusal::Rebalancing));
    assert_eq!(desk.state(), ("preparing rebalance", 2, 1));
    // A member that falls silent while the group is stable.
    let (mut desk, [a, b]) = stable();
    desk.pass(Span::from_millis(60));
    assert_eq!(desk.heartbeat(&a), Ok(GroupReply::Alive));
    desk.pass(Span::from_millis(60));
    assert_eq!(desk.heartbeat(&b), Err(Refusal::NotAMember));
    assert_eq!(desk.heartbeat(&a), Err(Refusal::Rebalancing));
}

#[test]
fn an_id_that_was_given_out_and_never_came_does_not_hold_the_gate() {
    let (mut desk, [a, b]) = stable();
    desk.join(3, None, None, &[]);
    let c = desk.enter(4);
    desk.join(1, Some(a.member), None, &[]);
    assert_eq!(desk.join(2, Some(b.member), None, &[]), [], "one more was promised an id");
    let told = desk.pass(SESSION);
    assert_eq!(told.len(), 3, "it did not come: {told:?}");
    assert!(told.iter().any(|(to, _, _)| *to == c.client));
}

#[test]
fn a_member_of_the_same_instance_takes_its_share() {
    let mut desk = Desk::new();
    assert_eq!(desk.join(1, None, Some("desk"), &[]), [], "a static member has its id at once");
    let other = desk.enter(2);
    desk.pass(Span::from_millis(30));
    let told = desk.pass(Span::from_millis(30));
    let ids: Vec<MemberId> = told
        .iter()
        .map(|(_, _, told)| match told {
            Ok(GroupReply::Joined { member, .. }) => *member,
            other => panic!("{other:?}"),
        })
        .collect();
    let first = Identity { instance: Some(name("desk")), ..who(ids[0], 1) };
    desk.sync(&[first.clone(), who(other, 1)], 0);
    // It comes again, from somewhere else: the same generation, the same share, and the earlier one is fenced.
    let told = one(desk.join(3, None, Some("desk"), &[]));
    let Ok(GroupReply::Joined { member, generation: 1, ref members, .. }) = told else { panic!("{told:?}") };
    assert!(members.is_empty(), "nothing is dealt anew");
    let second = Identity { member, ..first.clone() };
    let told = one(desk.ask(3, GroupRequest::Sync { identity: second.clone(), shares: None }));
    assert_eq!(told, Ok(GroupReply::Synced(vec![(partition(0), None)])));
    assert_eq!(desk.heartbeat(&first), Err(Refusal::FencedInstance));
    assert_eq!(desk.commit(&first), Err(Refusal::FencedInstance));
    assert_eq!(desk.heartbeat(&second), Ok(GroupReply::Alive));
    assert_eq!(desk.heartbeat(&who(other, 1)), Ok(GroupReply::Alive), "the other one notices nothing");
}

#[test]
fn a_request_that_comes_twice_does_not_fence_whom_it_made_a_member() {
    let mut desk = Desk::new();
    let first = desk.asked;
    let copy = |desk: &mut Desk| {
        let asked = std::mem::replace(&mut desk.asked, first);
        let told = desk.join(1, None, Some("desk"), &[]);
        desk.asked = asked.max(desk.asked);
        told
    };
    assert_eq!(desk.join(1, None, Some("desk"), &[]), []);
    assert_eq!(copy(&mut desk), [], "it waits at the gate already");
    let told = one(desk.pass(Span::from_millis(30)));
    let Ok(GroupReply::Joined { member, .. }) = told else { panic!("{told:?}") };
    let identity = Identity { instance: Some(name("desk")), ..who(member, 1) };
    assert_eq!(copy(&mut desk), [], "and this copy comes late");
    desk.sync(std::slice::from_ref(&identity), 0);
    assert_eq!(desk.heartbeat(&identity), Ok(GroupReply::Alive));
}

#[test]
fn another_coordinator_sends_away_who_waits() {
    let (mut desk, [a, _]) = stable();
    desk.enter(3);
    assert_eq!(desk.join(1, Some(a.member), None, &[]), []);
    let told = desk.lead(None, 2);
    assert_eq!(told.len(), 2, "both who waited: {told:?}");
    assert!(told.iter().all(|(_, _, told)| *told == Err(Refusal::NotLeader)));
    assert_eq!(desk.heartbeat(&a), Err(Refusal::NotLeader));
    // Back again it knows where the group has got to, and no member; a new id is none of the old ones.
    desk.lead(Some(BROKER), 3);
    assert_eq!(desk.heartbeat(&a), Err(Refusal::NotAMember));
    assert!(desk.enter(1).number > a.member.number);
}

#[test]
fn a_commit_is_a_record_that_the_next_coordinator_reads() {
    let (mut desk, [a, _]) = stable();
    desk.commit(&a).expect("it may");
    desk.lead(None, 2);
    desk.lead(Some(BROKER), 3);
    let request = Request::OffsetOf { group: name("g"), partition: partition(0) };
    let mut out = Out::<MemorySlice>::default();
    let input = Input::Message { from: NodeId::Consumer(1), message: Message::Request(1, request) };
    desk.broker.handle(desk.now, input, &mut out);
    let reply = out.sends.pop().expect("an answer").message;
    assert!(matches!(reply, Message::Reply(1, Reply::OffsetIs(Some(Offset(7))))), "{reply:?}");
}
