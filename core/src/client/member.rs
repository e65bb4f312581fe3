//! Who reads a topic? A member of a group: it pulls, remembers where it is, and says so to the coordinator.
//!
//! ```text
//!                   heartbeat                 fetch, long poll               the program
//!   coordinator ◀──────────────▶ member ◀────────────────────── leaders      takes one, is done
//!        ▲      my partitions      │ staged: fetched, not begun ────────────────▶ │
//!        └──── commit: next to read ◀─── done ────────────────────────────────────┘
//! ```
//!
//! This one speaks the newer protocol: the coordinator deals, and each member changes what it reads by itself. (The
//! classic one is in `classic_member.rs`; how both read is in `reader.rs`, and what a crash costs in `position.rs`.)
//!
//! A partition that the coordinator takes away is let go in good order: what is staged of it is forgotten, what the
//! program has in hand is finished, how far it got is committed; only then does the member say that it no longer
//! reads it, and the next one goes on from there. Nothing is doubled by a member that comes or goes politely.

use alloc::vec::Vec;

use super::asked::Asked;
use super::member_options::{CommitMode, MemberOptions};
use super::reader::{Finished, Reader};
use super::subscriber::Staged;
use crate::broker::{GroupRequest, Input, Message, Out, Reply, Request, RequestId, Settings};
use crate::ids::{Epoch, Name, NodeId, Offset, PartitionId};
use crate::observe::{Event, GroupEvent, Place, QueueEvent, Refusal};
use crate::time::{Span, Time};

/// A member of a group.
///
/// ```
/// use mqlab_core::broker::{Input, Message, Out, Request, Settings};
/// use mqlab_core::client::Member;
/// use mqlab_core::ids::{Name, NodeId};
/// use mqlab_core::time::Time;
/// let brokers = vec![NodeId::Broker(1)];
/// let mut member = Member::new(Settings::default(), Name::new("billing")?, Name::new("orders")?, brokers);
/// let mut out = Out::default();
/// member.handle(Time::ZERO, Input::Wake, &mut out);
/// assert!(matches!(out.sends[0].message, Message::Request(_, Request::Metadata))); // it looks for the coordinator
/// # Ok::<(), mqlab_core::ids::BadName>(())
/// ```
#[derive(Clone, Debug)]
pub struct Member {
    reader: Reader,
    epoch: Epoch,
    heartbeat: Option<Asked>,
    next_heartbeat: Time,
    /// It left because its program works for too long, and comes back when that is over.
    away: bool,
    /// The coordinator refused it for good.
    refused: Option<Refusal>,
}

impl Member {
    /// A member that knows these brokers by name.
    pub fn new(settings: Settings, group: Name, topic: Name, brokers: Vec<NodeId>) -> Self {
        Self::with_options(settings, MemberOptions::default(), group, topic, brokers)
    }

    /// The same with more to say.
    pub fn with_options(
        settings: Settings,
        options: MemberOptions,
        group: Name,
        topic: Name,
        brokers: Vec<NodeId>,
    ) -> Self {
        let reader = Reader::new(settings, options, group, topic, brokers);
        let epoch = Epoch::default();
        Self { reader, epoch, heartbeat: None, next_heartbeat: Time::ZERO, away: false, refused: None }
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

    /// Why it is no member and will not become one, if the coordinator refused it for good.
    pub fn refused(&self) -> Option<Refusal> {
        self.refused
    }

    /// Takes the next message to work on.
    pub fn take(&mut self) -> Option<Staged> {
        self.reader.take()
    }

    /// Whether the program has a message in hand, and its partition was not lost since.
    pub fn has_in_hand(&self, from: &Place, offset: Offset) -> bool {
        self.reader.has_in_hand(from, offset)
    }

    /// Nothing that the program has in hand is done: it goes back to where it was done last.
    pub fn rewind(&mut self) {
        self.reader.rewind();
    }

    /// Neither fetches nor hands out anything of these partitions, and stays their reader.
    pub fn pause(&mut self, partitions: &[PartitionId]) {
        self.reader.pause(partitions);
    }

    /// Goes on with them.
    pub fn resume(&mut self, partitions: &[PartitionId]) {
        self.reader.resume(partitions);
    }

    /// Says then, from now on, how far it got.
    pub fn set_commits(&mut self, commits: CommitMode) {
        self.reader.options.commits = commits;
    }

    /// The program is done with a message.
    pub fn done(&mut self, now: Time, from: &Place, offset: Offset, out: &mut Out) {
        self.reader.now = now;
        match self.reader.done(from, offset) {
            Finished::Counts if self.reader.options.commits == CommitMode::After => {
                if self.reader.commit.is_none() && self.reader.next_commit <= now {
                    self.commit_now(now, out);
                }
            }
            Finished::Leaving => {
                self.commit_now(now, out);
                self.reader.drop_left();
                self.next_heartbeat = now;
            }
            Finished::Lost if self.away => {
                if let Place::Partition(partition) = from {
                    let offsets = [(partition.clone(), offset.next())];
                    self.reader.say_commit_refused(&offsets, Refusal::NotAMember, out);
                }
                self.away = self.reader.is_busy();
                self.next_heartbeat = now;
            }
            // The partition was lost and given back in between: it goes on from what is committed.
            Finished::Counts | Finished::Lost | Finished::Void => {}
        }
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
        if self.refused.is_some() {
            return None;
        }
        let heartbeat = self.heartbeat.as_ref().map_or(self.next_heartbeat, |asked| asked.deadline);
        let heartbeat = Some(heartbeat).filter(|_| !self.away);
        let commit = self.reader.commit_due();
        self.reader.next_wakeup().into_iter().chain(heartbeat).chain(commit).chain(self.overdue_at()).min()
    }

    /// When the program has worked for too long on what it has in hand.
    fn overdue_at(&self) -> Option<Time> {
        Some(self.reader.busy_since()? + self.reader.options.poll_max?)
    }

    fn reply(&mut self, now: Time, id: RequestId, reply: Reply, out: &mut Out) {
        let retry = now + self.reader.settings.retry_backoff;
        if let Reply::Cluster(view) = reply {
            self.reader.metadata.learn(id, view, retry);
        } else if Asked::is(self.heartbeat.as_ref(), id) {
            self.heartbeat = None;
            match reply {
                Reply::Membership { epoch, partitions } => self.assigned(now, epoch, partitions, out),
                Reply::Refused(why) => self.not_a_member(now, why, out),
                _ => {}
            }
        } else if let Some(offsets) = self.reader.take_commit(id) {
            match reply {
                Reply::OffsetsStored => self.reader.committed(&offsets),
                Reply::Refused(why) => self.not_a_member(now, why, out),
                _ => {}
            }
        } else {
            self.reader.fetched(id, reply, out);
        }
    }

    /// The coordinator refused: it is another now, or this member was given up.
    fn not_a_member(&mut self, now: Time, why: Refusal, out: &mut Out) {
        self.next_heartbeat = now + self.reader.settings.retry_backoff;
        self.reader.next_commit = self.reader.next_commit.max(self.next_heartbeat);
        if why.is_final() {
            self.reader.lose_all(out);
            self.refused = Some(why);
            out.event(Event::Queue(QueueEvent::GaveUp { message: None, why }));
        } else if why == Refusal::NotAMember && self.epoch != Epoch::default() {
            // Others may read its partitions already: there is no time to let go in good order.
            self.epoch = Epoch::default();
            self.reader.positions.values_mut().for_each(|position| position.in_hand.clear());
            self.reader.assign(Vec::new(), out);
        } else if why != Refusal::NotAMember {
            self.reader.metadata.refresh(now);
        }
    }

    fn assigned(
        &mut self,
        now: Time,
        epoch: Epoch,
        partitions: Vec<(PartitionId, Option<Offset>)>,
        out: &mut Out,
    ) {
        if self.away {
            return;
        }
        self.epoch = epoch;
        let free = self.reader.positions.iter().filter(|(_, position)| position.in_hand.is_empty());
        let gives_up = free.into_iter().any(|(owned, _)| !partitions.iter().any(|(kept, _)| kept == owned));
        if gives_up {
            // Say how far it got while it still may, then that it has let go.
            self.commit_now(now, out);
        }
        self.next_heartbeat = if gives_up { now } else { now + self.reader.settings.consumer_heartbeat };
        self.reader.assign(partitions, out);
    }

    /// Takes requests for lost.
    fn give_up(&mut self, now: Time, lost: impl Fn(&Asked) -> bool) {
        let mut any = self.reader.give_up(&lost);
        if self.heartbeat.take_if(|asked| lost(asked)).is_some() {
            self.next_heartbeat = now + self.reader.settings.retry_backoff;
            any = true;
        }
        if any {
            self.reader.metadata.refresh(now);
        }
    }

    /// Sends whatever is due.
    fn pump(&mut self, now: Time, out: &mut Out) {
        if self.refused.is_some() {
            return;
        }
        if self.overdue_at().is_some_and(|at| at <= now) {
            self.leave(out);
        }
        if self.heartbeat.is_none() && self.next_heartbeat <= now && !self.away {
            self.heartbeat_now(now, out);
        }
        if self.reader.commit.is_none() && self.reader.next_commit <= now {
            self.commit_now(now, out);
        }
        self.reader.fetch_due(out);
    }

    /// It goes for good: it says how far it got, and that others shall read its partitions.
    pub(crate) fn go(&mut self, now: Time, out: &mut Out) {
        self.reader.now = now;
        if matches!(self.reader.options.commits, CommitMode::Interval | CommitMode::After) {
            self.commit_now(now, out);
        }
        let group = self.reader.group.clone();
        let request = Request::Group { group, request: GroupRequest::Leave { member: None } };
        self.reader.ask_coordinator(request, Span::ZERO, out);
    }

    /// Its program works for too long: others shall read its partitions.
    fn leave(&mut self, out: &mut Out) {
        let group = self.reader.group.clone();
        out.event(Event::Group(GroupEvent::PollOverdue { group: group.clone() }));
        let request = Request::Group { group, request: GroupRequest::Leave { member: None } };
        // Whether it arrives does not matter: else the session ends it.
        self.reader.ask_coordinator(request, Span::ZERO, out);
        self.reader.lose_all(out);
        (self.epoch, self.heartbeat, self.away) = (Epoch::default(), None, true);
    }

    fn heartbeat_now(&mut self, now: Time, out: &mut Out) {
        let owned = self.reader.positions.keys().cloned().collect();
        let (group, topic) = (self.reader.group.clone(), self.reader.topic.clone());
        let (instance, assignor) = (self.reader.options.instance.clone(), self.reader.options.assignor);
        let request = Request::Heartbeat { group, topic, epoch: self.epoch, owned, instance, assignor };
        self.next_heartbeat = now + self.reader.settings.consumer_heartbeat;
        self.heartbeat = self.ask_coordinator(now, request, out);
    }

    /// Tells the coordinator how far the program got, if there is news.
    fn commit_now(&mut self, now: Time, out: &mut Out) {
        let offsets = self.reader.news();
        if offsets.is_empty() {
            return;
        }
        let as_member = self.reader.options.commits == CommitMode::Before;
        let request =
            Request::Commit { group: self.reader.group.clone(), as_member, offsets: offsets.clone() };
        if self.reader.options.commits == CommitMode::Interval {
            self.reader.next_commit = now + self.reader.settings.commit_interval;
        }
        self.reader.commit = self.ask_coordinator(now, request, out).map(|asked| (asked, offsets));
    }

    fn ask_coordinator(&mut self, now: Time, request: Request, out: &mut Out) -> Option<Asked> {
        let asked = self.reader.ask_coordinator(request, Span::ZERO, out);
        if asked.is_none() {
            self.next_heartbeat = now + self.reader.settings.retry_backoff;
        }
        asked
    }
}
