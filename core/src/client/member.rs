//! Who reads a topic? A member of a group: it pulls, remembers where it is, and says so to the coordinator.
//!
//! ```text
//!                   heartbeat                 fetch, long poll               the program
//!   coordinator ◀──────────────▶ member ◀────────────────────── leaders      takes one, is done
//!        ▲      my partitions      │ staged: fetched, not begun ────────────────▶ │
//!        └──── commit: next to read ◀─── done ────────────────────────────────────┘
//! ```
//!
//! Three positions for each partition, and the gaps between them are what a crash costs:
//!
//! | position | behind it | a crash of the consumer |
//! |---|---|---|
//! | *fetched* | staged in memory | forgotten, and fetched again: nothing is lost |
//! | *done* | processed | |
//! | *committed* | processed, and known to be | what is done and not committed is processed again: doubled |
//!
//! A partition that the coordinator takes away is let go in good order: what is staged of it is forgotten, what the
//! program has in hand is finished, how far it got is committed; only then does the member say that it no longer
//! reads it, and the next one goes on from there. Nothing is doubled by a member that comes or goes politely.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

use super::asked::Asked;
use super::metadata::Metadata;
use super::subscriber::Staged;
use crate::broker::{Fetch, Input, Message, Out, Reply, Request, RequestId, Settings};
use crate::ids::{Epoch, Name, NodeId, Offset, PartitionId};
use crate::observe::{Event, Place, Refusal};
use crate::record::Batches;
use crate::time::Time;

/// While a partition has so many records staged, no more are fetched.
pub const STAGED_MAX: usize = 8;

/// How a member stands in one partition.
#[derive(Clone, Debug)]
struct Position {
    /// The next offset to fetch.
    fetched: Offset,
    /// The program is done with everything below.
    done: Offset,
    /// The coordinator was told of everything below.
    committed: Offset,
    /// How many records are staged.
    staged: usize,
    /// The record that the program works on.
    in_hand: Option<Offset>,
    /// The coordinator wants the partition back; it gets it when the program is done with what it has in hand.
    leaving: bool,
    /// The fetch under way.
    asked: Option<Asked>,
    /// Nothing is fetched before this moment.
    not_before: Time,
}

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
    settings: Settings,
    group: Name,
    topic: Name,
    metadata: Metadata,
    epoch: Epoch,
    positions: BTreeMap<PartitionId, Position>,
    staged: VecDeque<Staged>,
    heartbeat: Option<Asked>,
    next_heartbeat: Time,
    /// The commit under way, and what is committed by it.
    commit: Option<(Asked, Vec<(PartitionId, Offset)>)>,
    next_commit: Time,
    last_request: RequestId,
}

impl Member {
    /// A member that knows these brokers by name.
    pub fn new(settings: Settings, group: Name, topic: Name, brokers: Vec<NodeId>) -> Self {
        let (epoch, positions, staged) = Default::default();
        let (next_heartbeat, next_commit) = (Time::ZERO, Time::ZERO);
        let (heartbeat, commit) = (None, None);
        Self {
            settings,
            group,
            topic,
            metadata: Metadata::new(brokers),
            epoch,
            positions,
            staged,
            heartbeat,
            next_heartbeat,
            commit,
            next_commit,
            last_request: 0,
        }
    }

    /// The partitions that it reads.
    pub fn partitions(&self) -> impl Iterator<Item = &PartitionId> {
        self.positions.iter().filter(|(_, position)| !position.leaving).map(|(partition, _)| partition)
    }

    /// What was fetched and not begun, oldest first.
    pub fn staged(&self) -> impl Iterator<Item = &Staged> {
        self.staged.iter()
    }

    /// Takes the next message to work on.
    pub fn take(&mut self) -> Option<Staged> {
        let next = self.staged.pop_front()?;
        if let Some(position) = self.position_of(&next.from) {
            position.staged -= 1;
            position.in_hand = Some(next.record.offset);
        }
        Some(next)
    }

    /// The program is done with a message.
    pub fn done(&mut self, now: Time, from: &Place, offset: Offset, out: &mut Out) {
        let Some(position) = self.position_of(from) else { return };
        if position.in_hand.take_if(|in_hand| *in_hand == offset).is_none() {
            return; // the partition was lost and given back in between: it goes on from what is committed
        }
        position.done = position.done.max(offset.next());
        if position.leaving {
            self.commit_now(now, out);
            self.positions.retain(|_, position| !position.leaving || position.in_hand.is_some());
            self.next_heartbeat = now;
        }
    }

    /// Takes what reaches the member.
    pub fn handle(&mut self, now: Time, input: Input, out: &mut Out) {
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
        let fetches = self.positions.values().filter_map(|position| match position.asked {
            Some(asked) => Some(asked.deadline),
            None => position.wants_more().then_some(position.not_before),
        });
        let heartbeat = self.heartbeat.as_ref().map_or(self.next_heartbeat, |asked| asked.deadline);
        let commit = match &self.commit {
            Some((asked, _)) => Some(asked.deadline),
            None => self.positions.values().any(Position::has_news).then_some(self.next_commit),
        };
        fetches.chain(Some(heartbeat)).chain(commit).chain(self.metadata.next_wakeup()).min()
    }

    fn position_of(&mut self, from: &Place) -> Option<&mut Position> {
        match from {
            Place::Partition(partition) => self.positions.get_mut(partition),
            Place::Queue(_) | Place::Exchange(_) => None,
        }
    }

    fn reply(&mut self, now: Time, id: RequestId, reply: Reply, out: &mut Out) {
        let retry = now + self.settings.retry_backoff;
        if let Reply::Cluster(view) = reply {
            self.metadata.learn(id, view, retry);
        } else if Asked::is(self.heartbeat.as_ref(), id) {
            self.heartbeat = None;
            match reply {
                Reply::Membership { epoch, partitions } => self.assigned(now, epoch, partitions, out),
                Reply::Refused(why) => self.not_a_member(now, why, out),
                _ => {}
            }
        } else if let Some((_, offsets)) = self.commit.take_if(|(asked, _)| asked.id == id) {
            match reply {
                Reply::OffsetsStored => self.committed(&offsets),
                Reply::Refused(why) => self.not_a_member(now, why, out),
                _ => {}
            }
        } else {
            self.fetched(now, id, reply, out);
        }
    }

    fn committed(&mut self, offsets: &[(PartitionId, Offset)]) {
        for (partition, offset) in offsets {
            if let Some(position) = self.positions.get_mut(partition) {
                position.committed = position.committed.max(*offset);
            }
        }
    }

    /// The coordinator refused: it is another now, or this member was given up.
    fn not_a_member(&mut self, now: Time, why: Refusal, out: &mut Out) {
        self.next_heartbeat = now + self.settings.retry_backoff;
        self.next_commit = self.next_commit.max(self.next_heartbeat);
        if why == Refusal::NotAMember && self.epoch != Epoch::default() {
            // Others may read its partitions already: there is no time to let go in good order.
            self.epoch = Epoch::default();
            self.positions.values_mut().for_each(|position| position.in_hand = None);
            self.assign(now, Vec::new(), out);
        } else if why != Refusal::NotAMember {
            self.metadata.refresh(now);
        }
    }

    fn assigned(&mut self, now: Time, epoch: Epoch, partitions: Vec<(PartitionId, Offset)>, out: &mut Out) {
        self.epoch = epoch;
        let free = self.positions.iter().filter(|(_, position)| position.in_hand.is_none());
        let gives_up = free.into_iter().any(|(owned, _)| !partitions.iter().any(|(kept, _)| kept == owned));
        if gives_up {
            // Say how far it got while it still may, then that it has let go.
            self.commit_now(now, out);
        }
        self.next_heartbeat = if gives_up { now } else { now + self.settings.consumer_heartbeat };
        self.assign(now, partitions, out);
    }

    /// Reads these partitions from now on, and lets go of all others.
    fn assign(&mut self, now: Time, partitions: Vec<(PartitionId, Offset)>, out: &mut Out) {
        let before: Vec<PartitionId> = self.partitions().cloned().collect();
        for (owned, position) in &mut self.positions {
            let stays = partitions.iter().any(|(kept, _)| kept == owned);
            if !stays || position.leaving {
                position.staged = 0;
                position.fetched = position.in_hand.map_or(position.done, Offset::next);
                position.asked = None;
            }
            position.leaving = !stays;
        }
        self.positions.retain(|_, position| !position.leaving || position.in_hand.is_some());
        for (partition, offset) in partitions {
            self.positions.entry(partition).or_insert_with(|| Position::at(offset, now));
        }
        let positions = &self.positions;
        self.staged.retain(|staged| match &staged.from {
            Place::Partition(partition) => {
                positions.get(partition).is_some_and(|position| position.staged > 0)
            }
            Place::Queue(_) | Place::Exchange(_) => false,
        });
        let partitions: Vec<PartitionId> = self.partitions().cloned().collect();
        if partitions != before {
            out.event(Event::Assigned { group: self.group.clone(), partitions });
        }
    }

    fn fetched(&mut self, now: Time, id: RequestId, reply: Reply, out: &mut Out) {
        let asked = |position: &Position| Asked::is(position.asked.as_ref(), id);
        let Some((partition, position)) = self.positions.iter_mut().find(|(_, position)| asked(position))
        else {
            return;
        };
        position.asked = None;
        match reply {
            Reply::Fetched { batches, .. } => {
                let from = Place::Partition(partition.clone());
                stage(&mut self.staged, position, &from, &batches, out);
            }
            Reply::Refused(_) => {
                position.not_before = now + self.settings.retry_backoff;
                self.metadata.refresh(now);
            }
            _ => {}
        }
    }

    /// Takes requests for lost.
    fn give_up(&mut self, now: Time, lost: impl Fn(&Asked) -> bool) {
        let retry = now + self.settings.retry_backoff;
        let mut any = false;
        for position in self.positions.values_mut() {
            if position.asked.take_if(|asked| lost(asked)).is_some() {
                position.not_before = retry;
                any = true;
            }
        }
        if self.heartbeat.take_if(|asked| lost(asked)).is_some() {
            self.next_heartbeat = retry;
            any = true;
        }
        if self.commit.take_if(|(asked, _)| lost(asked)).is_some() {
            self.next_commit = retry;
            any = true;
        }
        if any {
            self.metadata.refresh(now);
        }
    }

    /// Sends whatever is due.
    fn pump(&mut self, now: Time, out: &mut Out) {
        if self.heartbeat.is_none() && self.next_heartbeat <= now {
            self.heartbeat_now(now, out);
        }
        if self.commit.is_none() && self.next_commit <= now {
            self.commit_now(now, out);
        }
        let mut lost_sight = false;
        for (partition, position) in &mut self.positions {
            if !position.wants_more() || position.asked.is_some() || position.not_before > now {
                continue;
            }
            let Some(leader) = self.metadata.view().leader_of(partition) else {
                position.not_before = now + self.settings.retry_backoff;
                lost_sight = true;
                continue;
            };
            self.last_request += 1;
            // The leader may take its whole waiting time, and the answer its way.
            let deadline = now + self.settings.fetch_wait + self.settings.request_timeout;
            position.asked = Some(Asked { id: self.last_request, broker: leader, deadline });
            let fetch = Fetch {
                partition: partition.clone(),
                from: position.fetched,
                bytes_max: self.settings.fetch_bytes_max,
                bytes_min: 1,
                wait_max: self.settings.fetch_wait,
                filter: None,
                replica: None,
            };
            out.send(leader, Message::Request(self.last_request, Request::Fetch(fetch)));
        }
        if lost_sight {
            self.metadata.refresh(now + self.settings.retry_backoff);
        }
        self.metadata.ask_if_due(now, &self.settings, &mut self.last_request, out);
    }

    fn heartbeat_now(&mut self, now: Time, out: &mut Out) {
        let owned = self.positions.keys().cloned().collect();
        let (group, topic) = (self.group.clone(), self.topic.clone());
        let request = Request::Heartbeat { group, topic, epoch: self.epoch, owned };
        self.next_heartbeat = now + self.settings.consumer_heartbeat;
        self.heartbeat = self.ask_coordinator(now, request, out);
    }

    /// Tells the coordinator how far the program got, if there is news.
    fn commit_now(&mut self, now: Time, out: &mut Out) {
        let news = self.positions.iter().filter(|(_, position)| position.has_news());
        let offsets: Vec<_> = news.map(|(partition, position)| (partition.clone(), position.done)).collect();
        if offsets.is_empty() {
            return;
        }
        let request = Request::Commit { group: self.group.clone(), offsets: offsets.clone() };
        self.next_commit = now + self.settings.commit_interval;
        self.commit = self.ask_coordinator(now, request, out).map(|asked| (asked, offsets));
    }

    fn ask_coordinator(&mut self, now: Time, request: Request, out: &mut Out) -> Option<Asked> {
        let Some(broker) = self.metadata.view().coordinator() else {
            self.next_heartbeat = now + self.settings.retry_backoff;
            self.metadata.refresh(now);
            return None;
        };
        self.last_request += 1;
        out.send(broker, Message::Request(self.last_request, request));
        Some(Asked { id: self.last_request, broker, deadline: now + self.settings.request_timeout })
    }
}

impl Position {
    /// Goes on at `offset`.
    fn at(offset: Offset, now: Time) -> Self {
        Self {
            fetched: offset,
            done: offset,
            committed: offset,
            staged: 0,
            in_hand: None,
            leaving: false,
            asked: None,
            not_before: now,
        }
    }

    fn wants_more(&self) -> bool {
        self.staged < STAGED_MAX && !self.leaving
    }

    fn has_news(&self) -> bool {
        self.done > self.committed
    }
}

/// Stages what was fetched, from the offset asked for on: a batch may begin before it.
fn stage(
    staged: &mut VecDeque<Staged>,
    position: &mut Position,
    from: &Place,
    batches: &Batches,
    out: &mut Out,
) {
    for record in batches.records().filter(|record| record.offset >= position.fetched) {
        if let Some(message) = record.message_id() {
            out.event(Event::Received { from: from.clone(), message, delivery: 1 });
        }
        position.staged += 1;
        staged.push_back(Staged { from: from.clone(), record, delivery: 1, session: 0, tag: 0 });
    }
    position.fetched = batches.next().map_or(position.fetched, |next| next.max(position.fetched));
}
