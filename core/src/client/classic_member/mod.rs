//! How does a member take part when the members themselves agree on who reads what? It joins, syncs, reads; and when the
//! group is dealt anew, it lets go and joins again.
//!
//! ```text
//!              join           joined: generation 4          synced: you read 0, 1
//!    Apart ──────────▶ Joining ──────────────▶ Syncing ──────────────────────▶ Member ──┐ heartbeats
//!      ▲ ▲                ▲       (who leads computes the shares)                │       │
//!      │ │                └───────── all is let go and committed ── LettingGo ◀──┘       │
//!      │ └── put out, or late: all partitions are lost ──────────────────────────────────┤
//!      └──── the program works for too long: it leaves ──────────────────────────────────┘
//! ```
//!
//! *Eager* assignors: before it joins it lets go of everything, so the whole group stands still until all have joined.
//! *Cooperative*: it joins with what it has, reads on meanwhile, and lets go only of what its new share lacks; then it
//! joins once more, and what it let go of is dealt. Either way it joins only between two messages, as a program does that
//! calls `poll`; so a program that works for long keeps the group waiting.
//!
//! Two clocks watch it. The *session*: heartbeats go on while the program works, and tell that the process lives. The
//! *poll interval*: a program that works on one message for longer than that is taken for stuck, and its own client
//! leaves the group (a static member only falls silent, and is put out when its session is over). What it commits after
//! that is refused.
//!
//! What real systems do: Kafka's consumer, all of this (its program takes up to 500 messages a `poll`, here one).
//!
//! Sources: Kafka `ConsumerCoordinator.java`, `AbstractCoordinator.java`; KIP-62, KIP-345, KIP-429.

mod gate;

use alloc::vec::Vec;

use crate::broker::{
    Assignor, GroupRequest, Identity, Input, MemberId, Message, Out, Reply, Request, RequestId, Settings,
    Shares,
};
use crate::client::asked::Asked;
use crate::client::member_options::{CommitMode, MemberOptions};
use crate::client::reader::{Finished, Offsets, Reader};
use crate::client::subscriber::Staged;
use crate::ids::{Name, NodeId, Offset, PartitionId};
use crate::observe::{Event, GroupEvent, Place, QueueEvent, Refusal};
use crate::time::{Span, Time};

/// Where it stands between "no member" and "member".
#[derive(Clone, Debug)]
enum Stage {
    /// It joins at this moment, when the program has nothing in hand.
    Apart(Time),
    /// It lets go, and joins when that is committed.
    LettingGo,
    /// It waits at the gate.
    Joining(Asked),
    /// It waits for the leader's shares; who leads brings them.
    Syncing { asked: Option<Asked>, again: Time, shares: Option<Shares<MemberId>> },
    /// It has its share.
    Member,
    /// It was refused for good.
    Refused(Refusal),
}

/// A member of a group that speaks the classic protocol.
///
/// ```
/// use mqlab_core::broker::{Assignor, Input, Message, Out, Request, Settings};
/// use mqlab_core::client::{ClassicMember, MemberOptions};
/// use mqlab_core::ids::{Name, NodeId};
/// use mqlab_core::time::Time;
/// let options = MemberOptions { assignor: Some(Assignor::CooperativeSticky), ..MemberOptions::default() };
/// let (group, topic, brokers) = (Name::new("billing")?, Name::new("orders")?, vec![NodeId::Broker(1)]);
/// let mut member = ClassicMember::new(Settings::default(), options, group, topic, brokers);
/// let mut out = Out::default();
/// member.handle(Time::ZERO, Input::Wake, &mut out);
/// assert!(matches!(out.sends[0].message, Message::Request(_, Request::Metadata))); // it looks for the coordinator
/// assert_eq!(member.identity(), None);
/// # Ok::<(), mqlab_core::ids::BadName>(())
/// ```
#[derive(Clone, Debug)]
pub struct ClassicMember {
    reader: Reader,
    stage: Stage,
    id: Option<MemberId>,
    generation: u32,
    /// What it was given last, and in which generation: sticky assignors ask for it.
    claims: (Vec<PartitionId>, u32),
    heartbeat: Option<Asked>,
    next_heartbeat: Time,
    /// As whom the commit under way was asked for.
    commits_as: Option<Identity>,
    /// How many partitions there were when it dealt them, if it leads the group.
    dealt: Option<usize>,
    /// As whom it was put out while its program worked; and the commit that comes too late, until it is answered.
    late: Option<(Identity, Option<(Asked, Offsets)>)>,
}

impl ClassicMember {
    /// A member that knows these brokers by name.
    pub fn new(
        settings: Settings,
        options: MemberOptions,
        group: Name,
        topic: Name,
        brokers: Vec<NodeId>,
    ) -> Self {
        Self {
            reader: Reader::new(settings, options, group, topic, brokers),
            stage: Stage::Apart(Time::ZERO),
            id: None,
            generation: 0,
            claims: (Vec::new(), 0),
            heartbeat: None,
            next_heartbeat: Time::ZERO,
            commits_as: None,
            dealt: None,
            late: None,
        }
    }

    /// The partitions that it reads.
    pub fn partitions(&self) -> impl Iterator<Item = &PartitionId> {
        self.reader.partitions()
    }

    /// The partitions that it reads, or finishes what it has in hand of.
    pub fn holds(&self) -> impl Iterator<Item = &PartitionId> {
        self.reader.positions.keys()
    }

    /// What was fetched and not begun, oldest first.
    pub fn staged(&self) -> impl Iterator<Item = &Staged> {
        self.reader.staged()
    }

    /// As whom it speaks at present; nothing while it is no member.
    pub fn identity(&self) -> Option<Identity> {
        let instance = self.reader.options.instance.clone();
        Some(Identity { member: self.id?, instance, generation: self.generation })
    }

    /// Why it is no member and will not become one, if the coordinator refused it for good.
    pub fn refused(&self) -> Option<Refusal> {
        if let Stage::Refused(why) = self.stage { Some(why) } else { None }
    }

    /// Takes the next message to work on.
    pub fn take(&mut self) -> Option<Staged> {
        self.reader.take()
    }

    /// Says then, from now on, how far it got.
    pub fn set_commits(&mut self, commits: CommitMode) {
        self.reader.options.commits = commits;
    }

    /// Neither fetches nor hands out anything of these partitions, and stays their reader.
    pub fn pause(&mut self, partitions: &[PartitionId]) {
        self.reader.pause(partitions);
    }

    /// Goes on with them.
    pub fn resume(&mut self, partitions: &[PartitionId]) {
        self.reader.resume(partitions);
    }

    /// The program is done with a message.
    pub fn done(&mut self, now: Time, from: &Place, offset: Offset, out: &mut Out) {
        self.reader.now = now;
        if let (Finished::Lost, Place::Partition(partition)) = (self.reader.done(from, offset), from) {
            self.commit_late((partition.clone(), offset.next()), out);
        }
        self.pump(now, out);
    }

    /// Takes what reaches the member.
    pub fn handle(&mut self, now: Time, input: Input, out: &mut Out) {
        self.reader.now = now;
        match input {
            Input::Message { message: Message::Reply(id, reply), .. } => self.reply(now, id, reply, out),
            Input::HangUp { peer } => self.give_up(now, |asked| asked.broker == peer),
            Input::Wake => self.give_up(now, |asked| asked.deadline <= now),
            Input::Message { .. } => {}
        }
        self.pump(now, out);
    }

    /// When the member wants to be woken.
    pub fn next_wakeup(&self) -> Option<Time> {
        let stage = match &self.stage {
            Stage::Refused(_) => return None,
            Stage::Apart(at) => (!self.reader.is_busy()).then_some(*at),
            Stage::Joining(asked) | Stage::Syncing { asked: Some(asked), .. } => Some(asked.deadline),
            Stage::Syncing { again, .. } => Some(*again),
            Stage::LettingGo | Stage::Member => None,
        };
        let heartbeat = self.heartbeat.as_ref().map_or(self.next_heartbeat, |asked| asked.deadline);
        let heartbeat = self.beats().then_some(heartbeat);
        let late = self.late.as_ref().and_then(|(_, asked)| Some(asked.as_ref()?.0.deadline));
        let commit = self.id.and_then(|_| self.reader.commit_due());
        let all = [stage, heartbeat, late, commit, self.overdue_at(), self.reader.next_wakeup()];
        all.into_iter().flatten().min()
    }

    fn assignor(&self) -> Assignor {
        self.reader.options.assignor()
    }

    /// How long its program may work on one message.
    fn poll_max(&self) -> Span {
        self.reader.options.poll_max.unwrap_or(self.reader.settings.poll_max)
    }

    /// Whether it tells that it lives: it is a member, and does not wait at the gate.
    fn beats(&self) -> bool {
        self.id.is_some() && matches!(self.stage, Stage::Member | Stage::LettingGo)
    }

    /// When the program has worked for too long on what it has in hand.
    fn overdue_at(&self) -> Option<Time> {
        Some(self.reader.busy_since()? + self.poll_max())
    }

    /// Whether the program has nothing in hand of what is let go; before it joins, nothing at all.
    fn has_let_go(&self) -> bool {
        let mut positions =
            self.reader.positions.values().filter(|position| position.leaving || self.reader.holds);
        positions.all(|position| position.in_hand.is_empty())
    }

    /// Whether all is let go, and committed. Who commits before the work has nothing left to say then.
    fn may_join_again(&self) -> bool {
        let said = || self.reader.news().is_empty() || self.reader.options.commits == CommitMode::Before;
        self.has_let_go() && self.reader.commit.is_none() && said()
    }

    fn reply(&mut self, now: Time, id: RequestId, reply: Reply, out: &mut Out) {
        let retry = now + self.reader.settings.retry_backoff;
        if let Reply::Cluster(view) = reply {
            self.reader.metadata.learn(id, view, retry);
            self.join_again_if_topics_grew(now, out);
        } else if Asked::is(self.heartbeat.as_ref(), id) {
            self.heartbeat = None;
            if let Reply::Refused(why) = reply {
                self.refused_as_member(now, why, out);
            }
        } else if let Some(offsets) = self.reader.take_commit(id) {
            match reply {
                Reply::OffsetsStored => self.reader.committed(&offsets),
                Reply::Refused(why) => self.commit_refused(now, &offsets, why, out),
                _ => {}
            }
        } else if self.is_late_reply(|asked| asked.id == id) {
            if let (Some((_, Some((_, offsets)))), Reply::Refused(why)) = (self.late.take(), reply) {
                self.reader.say_commit_refused(&offsets, why, out);
            }
        } else if self.is_stage_reply(id) {
            self.stage_reply(now, reply, out);
        } else {
            self.reader.fetched(id, reply, out);
        }
    }

    fn is_late_reply(&self, is: impl Fn(&Asked) -> bool) -> bool {
        matches!(&self.late, Some((_, Some((asked, _)))) if is(asked))
    }

    /// The coordinator does not take it for a member of this generation.
    fn refused_as_member(&mut self, now: Time, why: Refusal, out: &mut Out) {
        let retry = now + self.reader.settings.retry_backoff;
        self.next_heartbeat = if why == Refusal::Rebalancing { self.next_heartbeat } else { retry };
        match why {
            Refusal::Rebalancing if matches!(self.stage, Stage::Member) => self.join_again(now, out),
            Refusal::Rebalancing => {}
            Refusal::NotAMember => self.put_out(retry, None, out),
            Refusal::IllegalGeneration => self.put_out(retry, self.id, out),
            why if why.is_final() => {
                self.put_out(retry, None, out);
                self.stage = Stage::Refused(why);
                out.event(Event::Queue(QueueEvent::GaveUp { message: None, why }));
            }
            _ => self.reader.metadata.refresh(now),
        }
    }

    /// It leads, and has dealt fewer partitions than there are now: the group must be dealt anew. Kafka's leader does so,
    /// too (`ConsumerCoordinator`, its assignment snapshot).
    fn join_again_if_topics_grew(&mut self, now: Time, out: &mut Out) {
        let there = self.reader.metadata.view().partitions_of(&self.reader.topic).count();
        if matches!(self.stage, Stage::Member) && self.dealt.is_some_and(|dealt| dealt < there) {
            self.join_again(now, out);
        }
    }

    /// It is dealt anew: let go of what must be, commit, and join.
    fn join_again(&mut self, now: Time, out: &mut Out) {
        self.stage = Stage::LettingGo;
        (self.reader.holds, self.reader.next_commit) = (true, now);
        if !self.assignor().is_cooperative() {
            self.reader.let_go(|_| false, out);
        }
    }

    /// It is no member any more, and may know it late.
    fn put_out(&mut self, again: Time, id: Option<MemberId>, out: &mut Out) {
        if let (Some(identity), true) = (self.identity(), self.reader.is_busy()) {
            self.late = Some((identity, None));
        }
        self.reader.lose_all(out);
        (self.id, self.generation, self.heartbeat, self.commits_as) = (id, 0, None, None);
        self.claims = (Vec::new(), 0);
        self.stand_apart(again);
    }

    /// It joins later; until then it begins nothing, so that the moment between two messages comes.
    fn stand_apart(&mut self, until: Time) {
        (self.stage, self.reader.holds) = (Stage::Apart(until), true);
    }

    fn commit_refused(&mut self, now: Time, offsets: &[(PartitionId, Offset)], why: Refusal, out: &mut Out) {
        self.reader.next_commit = now + self.reader.settings.retry_backoff;
        let current = self.commits_as == self.identity();
        match why {
            // It has joined the next generation since, or is about to: it says so again.
            Refusal::Rebalancing => {}
            _ if !current => {}
            Refusal::NotAMember | Refusal::IllegalGeneration | Refusal::FencedInstance => {
                self.reader.say_commit_refused(offsets, why, out);
                self.refused_as_member(now, why, out);
            }
            _ => self.reader.metadata.refresh(now),
        }
    }

    /// The program is done with a message of a partition that was lost: the coordinator will not hear of it.
    fn commit_late(&mut self, next: (PartitionId, Offset), out: &mut Out) {
        if self.reader.options.commits == CommitMode::Before {
            return;
        }
        if let Some((identity, asked)) = self.late.take() {
            let offsets: Offsets = [next].into();
            let asked = match asked {
                Some(asked) => Some(asked),
                None => self.ask_commit(identity.clone(), offsets.clone(), out).map(|asked| (asked, offsets)),
            };
            self.late = Some((identity, asked));
        }
    }

    /// Takes requests for lost.
    fn give_up(&mut self, now: Time, lost: impl Fn(&Asked) -> bool) {
        let retry = now + self.reader.settings.retry_backoff;
        let mut any = self.reader.give_up(&lost);
        if self.heartbeat.take_if(|asked| lost(asked)).is_some() {
            self.next_heartbeat = retry;
            any = true;
        }
        if self.is_late_reply(&lost) {
            (self.late, any) = (None, true);
        }
        if let Stage::Syncing { asked, again, .. } = &mut self.stage
            && asked.take_if(|asked| lost(asked)).is_some()
        {
            (*again, any) = (retry, true);
        }
        if matches!(&self.stage, Stage::Joining(asked) if lost(asked)) {
            self.stand_apart(retry);
            any = true;
        }
        if any {
            self.reader.metadata.refresh(now);
        }
    }

    /// Sends whatever is due.
    fn pump(&mut self, now: Time, out: &mut Out) {
        if matches!(self.stage, Stage::Refused(_)) {
            return;
        }
        if self.overdue_at().is_some_and(|at| at <= now) {
            self.leave(now, out);
        }
        if self.beats() && self.heartbeat.is_none() && self.next_heartbeat <= now {
            self.next_heartbeat = now + self.reader.settings.consumer_heartbeat;
            if let Some(identity) = self.identity() {
                self.heartbeat = self.ask(GroupRequest::Heartbeat(identity), Span::ZERO, out);
            }
        }
        if self.reader.commit.is_none() && self.reader.next_commit <= now {
            self.commit_now(now, out);
        }
        match &self.stage {
            Stage::LettingGo if self.may_join_again() => self.join(now, out),
            Stage::Apart(at) if *at <= now && !self.reader.is_busy() => self.join(now, out),
            Stage::Syncing { asked: None, again, .. } if *again <= now => self.sync(now, out),
            _ => {}
        }
        self.reader.fetch_due(out);
    }

    /// It goes for good: it says how far it got, and that others shall read its partitions, unless it is a static member.
    pub(crate) fn go(&mut self, now: Time, out: &mut Out) {
        self.reader.now = now;
        if matches!(self.reader.options.commits, CommitMode::Interval | CommitMode::After) {
            self.commit_now(now, out);
        }
        if let (Some(member), None) = (self.id, &self.reader.options.instance) {
            self.ask(GroupRequest::Leave { member: Some(member) }, Span::ZERO, out);
        }
    }

    /// Its program works for too long: others shall read its partitions. It joins again when the program is done.
    fn leave(&mut self, now: Time, out: &mut Out) {
        out.event(Event::Group(GroupEvent::PollOverdue { group: self.reader.group.clone() }));
        // A static member says nothing: it may be back before its session is over.
        if let (Some(member), None) = (self.id, &self.reader.options.instance) {
            // Whether it arrives does not matter: else the session ends it.
            self.ask(GroupRequest::Leave { member: Some(member) }, Span::ZERO, out);
        }
        self.put_out(now, None, out);
    }

    /// Tells the coordinator how far the program got, if there is news.
    fn commit_now(&mut self, now: Time, out: &mut Out) {
        let (Some(identity), offsets) = (self.identity(), self.reader.news()) else { return };
        if offsets.is_empty() {
            return;
        }
        if self.reader.options.commits == CommitMode::Interval && !matches!(self.stage, Stage::LettingGo) {
            self.reader.next_commit = now + self.reader.settings.commit_interval;
        }
        self.commits_as = Some(identity.clone());
        self.reader.commit = self.ask_commit(identity, offsets.clone(), out).map(|asked| (asked, offsets));
        if self.reader.commit.is_none() {
            self.reader.next_commit = now + self.reader.settings.retry_backoff;
        }
    }

    fn ask_commit(&mut self, identity: Identity, offsets: Offsets, out: &mut Out) -> Option<Asked> {
        self.ask(GroupRequest::Commit { identity, offsets }, Span::ZERO, out)
    }

    fn ask(&mut self, request: GroupRequest, patience: Span, out: &mut Out) -> Option<Asked> {
        let request = Request::Group { group: self.reader.group.clone(), request };
        self.reader.ask_coordinator(request, patience, out)
    }
}
