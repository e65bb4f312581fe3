//! Who takes records out of a topic as if it were a queue? A member of a share group: it fetches, has what it gets for
//! itself alone for a while, and says of each record what became of it.
//!
//! ```text
//!                 heartbeat               fetch, long poll             the program
//!   coordinator ◀───────────▶ member ◀──────────────────── leaders     takes one, works
//!                 my shares     │ staged, each with a lock ───────────────▶ │
//!                               │      accept, release, reject  ◀───────────┘
//!                               └───── acknowledge ──▶ leaders
//! ```
//!
//! What it has to say when it asks for more goes with that question, so the leader has it before it hands out anything.
//!
//! It needs no place in the log and commits no offset: the leader keeps account of every record. Whatever is late is no
//! harm but a second delivery: who acknowledges a record that it does not have any more hears so, and the work was in vain.
//!
//! All locks of a fetch begin when the leader answers it, also those of records that wait here for their turn. So a member
//! takes no more than it can do in the time of a lock, or renews.
//!
//! Sources: Kafka's `ShareConsumer`, KIP-932, KIP-1222 (renew).

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::asked::Asked;
use super::metadata::Metadata;
use super::share_options::{Acknowledges, ShareOptions};
use super::subscriber::Staged;
use crate::broker::{
    AcknowledgeType, Input, Message, Out, Reply, Request, RequestId, Settings, ShareReply, ShareRequest,
};
use crate::ids::{Epoch, MessageId, Name, NodeId, Offset, PartitionId};
use crate::observe::{Event, Place, QueueEvent, Refusal, ShareEvent};
use crate::record::Batches;
use crate::sorted::SortedMap;
use crate::time::{Span, Time};

/// A member of a share group.
///
/// ```
/// use mqlab_core::broker::{Input, Message, Out, Request, Settings};
/// use mqlab_core::client::{ShareConsumer, ShareOptions};
/// use mqlab_core::ids::{Name, NodeId};
/// use mqlab_core::time::Time;
/// let (group, topic, brokers) = (Name::new("packing")?, Name::new("orders")?, vec![NodeId::Broker(1)]);
/// let mut consumer = ShareConsumer::new(Settings::default(), ShareOptions::default(), group, topic, brokers);
/// let mut out = Out::default();
/// consumer.handle(Time::ZERO, Input::Wake, &mut out);
/// assert!(matches!(out.sends[0].message, Message::Request(_, Request::Metadata))); // it looks for the coordinator
/// # Ok::<(), mqlab_core::ids::BadName>(())
/// ```
#[derive(Clone, Debug)]
pub struct ShareConsumer {
    settings: Settings,
    options: ShareOptions,
    group: Name,
    topic: Name,
    metadata: Metadata,
    epoch: Epoch,
    heartbeat: Option<Asked>,
    next_heartbeat: Time,
    lanes: SortedMap<PartitionId, Lane>,
    staged: VecDeque<Staged>,
    /// The coordinator refused it for good.
    refused: Option<Refusal>,
    last_request: RequestId,
}

/// What a member has to do with one partition.
#[derive(Clone, Debug, Default)]
struct Lane {
    /// It is somebody else's now: what is here is finished, and nothing more is fetched.
    leaving: bool,
    /// The fetch under way.
    asked: Option<Asked>,
    /// Nothing is fetched before this moment.
    not_before: Time,
    /// What it has: staged, or with the program.
    held: SortedMap<Offset, Held>,
    /// What is done, and not said yet.
    unsaid: Vec<Unsaid>,
    /// What was said, and not answered yet.
    said: Vec<(Asked, Vec<Said>)>,
}

/// What became of a record.
type Unsaid = (Offset, AcknowledgeType, Option<MessageId>);

/// Of which record something was said.
type Said = (Offset, Option<MessageId>);

/// A record that it has.
#[derive(Clone, Copy, Debug)]
struct Held {
    message: Option<MessageId>,
    /// Who gave it.
    leader: NodeId,
    /// When to renew its lock, unless that was refused.
    renew_at: Option<Time>,
    lock: Span,
}

impl ShareConsumer {
    /// A member that knows these brokers by name.
    pub fn new(
        settings: Settings,
        options: ShareOptions,
        group: Name,
        topic: Name,
        brokers: Vec<NodeId>,
    ) -> Self {
        let (epoch, lanes, staged) = Default::default();
        Self {
            settings,
            options,
            group,
            topic,
            metadata: Metadata::new(brokers),
            epoch,
            heartbeat: None,
            next_heartbeat: Time::ZERO,
            lanes,
            staged,
            refused: None,
            last_request: 0,
        }
    }

    /// The partitions that it fetches from.
    pub fn partitions(&self) -> impl Iterator<Item = &PartitionId> {
        self.lanes.iter().filter(|(_, lane)| !lane.leaving).map(|(partition, _)| partition)
    }

    /// What was fetched and not begun, oldest first.
    pub fn staged(&self) -> impl Iterator<Item = &Staged> {
        self.staged.iter()
    }

    /// Why it is no member and will not become one, if the coordinator refused it for good.
    pub fn refused(&self) -> Option<Refusal> {
        self.refused
    }

    /// Takes at most so many records of a partition at once, from its next question on.
    pub fn set_records_max(&mut self, most: u32) {
        self.options.records_max = most;
    }

    /// Acknowledges then, from now on.
    pub fn set_acknowledges(&mut self, when: Acknowledges) {
        self.options.acknowledges = when;
    }

    /// Takes the next record to work on.
    pub fn take(&mut self) -> Option<Staged> {
        self.staged.pop_front()
    }

    /// Says what became of records. Where the member acknowledges implicitly it says nothing before it asks for more.
    pub fn acknowledge(&mut self, now: Time, all: &[Staged], what: AcknowledgeType, out: &mut Out) {
        for staged in all {
            let Place::Partition(partition) = &staged.from else { continue };
            let Some(lane) = self.lanes.get_mut(partition) else { continue };
            lane.held.remove(&staged.record.offset);
            lane.unsaid.push((staged.record.offset, what, staged.record.message_id()));
        }
        self.pump(now, out);
    }

    /// Takes what reaches the member.
    pub fn handle(&mut self, now: Time, input: Input, out: &mut Out) {
        match input {
            Input::Message { from, message: Message::Reply(id, reply) } => {
                self.reply(now, from, id, reply, out)
            }
            Input::HangUp { peer } => {
                self.metadata.hang_up(peer, now + self.settings.retry_backoff);
                self.lose(peer);
                self.give_up(now, |asked| asked.broker == peer, out);
            }
            Input::Wake => self.give_up(now, |asked| asked.deadline <= now, out),
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
        let lanes = self.lanes.values().flat_map(|lane| lane.wakeups(&self.options));
        lanes.chain(self.metadata.next_wakeup()).chain([heartbeat]).min()
    }

    fn reply(&mut self, now: Time, from: NodeId, id: RequestId, reply: Reply, out: &mut Out) {
        let retry = now + self.settings.retry_backoff;
        if let Reply::Cluster(view) = reply {
            self.metadata.learn(id, view, retry);
        } else if Asked::is(self.heartbeat.as_ref(), id) {
            self.heartbeat = None;
            match reply {
                Reply::Share(ShareReply::Member { epoch, partitions }) => {
                    self.epoch = epoch;
                    self.assign(&partitions, out);
                }
                Reply::Refused(why) => self.not_a_member(now, why, out),
                _ => {}
            }
        } else if let Some((partition, lane)) =
            self.lanes.iter_mut().find(|(_, lane)| Asked::is(lane.asked.as_ref(), id))
        {
            lane.asked = None;
            match reply {
                Reply::Share(ShareReply::Acquired { batches, deliveries, lock, refused }) => {
                    lane.word_answered(id, refused, (&self.group, partition), out);
                    let place = Place::Partition(partition.clone());
                    lane.stage(now, (from, lock), &batches, &deliveries, (&place, &mut self.staged), out);
                }
                other => {
                    let why = if let Reply::Refused(why) = other { why } else { Refusal::NoAnswer };
                    lane.word_answered(id, Some(why), (&self.group, partition), out);
                    lane.not_before = retry;
                    self.metadata.refresh(now);
                }
            }
        } else {
            self.heard(id, &reply, out);
        }
        self.drop_left();
    }

    /// A leader answers what was said of records.
    fn heard(&mut self, id: RequestId, reply: &Reply, out: &mut Out) {
        let refused = if let Reply::Refused(why) = reply { Some(*why) } else { None };
        for (partition, lane) in &mut self.lanes {
            lane.word_answered(id, refused, (&self.group, partition), out);
        }
    }

    /// The coordinator refused: it is another now, or this member was given up.
    fn not_a_member(&mut self, now: Time, why: Refusal, out: &mut Out) {
        self.next_heartbeat = now + self.settings.retry_backoff;
        if why.is_final() {
            self.lanes.clear();
            self.staged.clear();
            self.refused = Some(why);
            out.event(Event::Queue(QueueEvent::GaveUp { message: None, why }));
        } else if why == Refusal::NotAMember {
            self.epoch = Epoch::default(); // what it has stays its own: the leaders know nothing of members
        } else {
            self.metadata.refresh(now);
        }
    }

    fn assign(&mut self, partitions: &[PartitionId], out: &mut Out) {
        let before: Vec<PartitionId> = self.partitions().cloned().collect();
        for partition in partitions {
            self.lanes.entry(partition.clone()).or_default();
        }
        for (partition, lane) in &mut self.lanes {
            lane.leaving = !partitions.contains(partition);
        }
        let partitions: Vec<PartitionId> = self.partitions().cloned().collect();
        if partitions != before {
            out.event(Event::Assigned { group: self.group.clone(), partitions });
        }
    }

    fn drop_left(&mut self) {
        self.lanes.retain(|_, lane| !lane.leaving || lane.is_busy());
    }

    /// A leader's connection broke: it has taken back what it had given. What the program works on it finishes.
    fn lose(&mut self, leader: NodeId) {
        let lanes = &mut self.lanes;
        self.staged.retain(|staged| {
            let Place::Partition(partition) = &staged.from else { return false };
            let Some(lane) = lanes.get_mut(partition) else { return false };
            let lost = lane.held.get(&staged.record.offset).is_none_or(|held| held.leader == leader);
            if lost {
                lane.held.remove(&staged.record.offset);
            }
            !lost
        });
    }

    /// Takes requests for lost.
    fn give_up(&mut self, now: Time, lost: impl Fn(&Asked) -> bool, out: &mut Out) {
        let retry = now + self.settings.retry_backoff;
        let mut any = false;
        if self.heartbeat.take_if(|asked| lost(asked)).is_some() {
            self.next_heartbeat = retry;
            any = true;
        }
        for (partition, lane) in &mut self.lanes {
            if lane.asked.take_if(|asked| lost(asked)).is_some() {
                lane.not_before = retry;
                any = true;
            }
            for (_, said) in lane.said.extract_if(.., |(asked, _)| lost(asked)) {
                say_in_vain(&self.group, partition, &said, Refusal::NoAnswer, out);
                any = true;
            }
        }
        if any {
            self.metadata.refresh(now);
        }
    }

    /// Sends whatever is due.
    fn pump(&mut self, now: Time, out: &mut Out) {
        if self.refused.is_some() {
            return;
        }
        if self.heartbeat.is_none() && self.next_heartbeat <= now {
            self.heartbeat_now(now, out);
        }
        let partitions: Vec<PartitionId> = self.lanes.keys().cloned().collect();
        for partition in partitions {
            self.pump_lane(now, &partition, out);
        }
        self.drop_left();
        self.metadata.ask_if_due(now, &self.settings, &mut self.last_request, out);
    }

    fn pump_lane(&mut self, now: Time, partition: &PartitionId, out: &mut Out) {
        let Some(leader) = self.metadata.view().leader_of(partition) else {
            let retry = now + self.settings.retry_backoff;
            if let Some(lane) = self.lanes.get_mut(partition).filter(|lane| lane.not_before <= now) {
                lane.not_before = retry;
                self.metadata.refresh(retry);
            }
            return;
        };
        let Some(lane) = self.lanes.get_mut(partition) else { return };
        let mut says = Vec::new();
        let fetches = lane.wants_more() && lane.not_before <= now;
        let along = if fetches { core::mem::take(&mut lane.unsaid) } else { Vec::new() };
        if lane.may_say(&self.options) {
            says.push(core::mem::take(&mut lane.unsaid));
        }
        if self.options.renews {
            // Each by itself: of several all would be refused for one that is lost.
            says.extend(lane.renew(now).into_iter().map(|renewed| [renewed].into()));
        }
        let mut ask = |patience: Span, request: ShareRequest| {
            self.last_request += 1;
            let id = self.last_request;
            let request = Request::Share { group: self.group.clone(), request };
            out.send(leader, Message::Request(id, request));
            Asked { id, broker: leader, deadline: now + patience + self.settings.request_timeout }
        };
        let word_of = |say: &[Unsaid]| say.iter().map(|(offset, what, _)| (*offset, *what)).collect();
        for say in says {
            let word = word_of(&say);
            let asked = ask(Span::ZERO, ShareRequest::Acknowledge { partition: partition.clone(), word });
            lane.note_said(asked, say);
        }
        if fetches {
            let wait_max = self.settings.fetch_wait;
            let fetch = ShareRequest::Fetch {
                partition: partition.clone(),
                records_max: self.options.records_max,
                bytes_max: self.settings.fetch_bytes_max,
                wait_max,
                word: word_of(&along),
            };
            let asked = ask(wait_max, fetch);
            lane.asked = Some(asked);
            if !along.is_empty() {
                lane.note_said(asked, along);
            }
        }
    }

    fn heartbeat_now(&mut self, now: Time, out: &mut Out) {
        let Some(coordinator) = self.metadata.view().coordinator() else {
            self.next_heartbeat = now + self.settings.retry_backoff;
            return self.metadata.refresh(now);
        };
        self.last_request += 1;
        self.next_heartbeat = now + self.settings.consumer_heartbeat;
        let deadline = now + self.settings.request_timeout;
        self.heartbeat = Some(Asked { id: self.last_request, broker: coordinator, deadline });
        let request = ShareRequest::Heartbeat { topic: self.topic.clone(), epoch: self.epoch };
        let request = Request::Share { group: self.group.clone(), request };
        out.send(coordinator, Message::Request(self.last_request, request));
    }
}

impl Lane {
    fn is_busy(&self) -> bool {
        !self.held.is_empty() || !self.unsaid.is_empty() || !self.said.is_empty() || self.asked.is_some()
    }

    /// Whether it is done with all that it had.
    fn wants_more(&self) -> bool {
        !self.leaving && self.asked.is_none() && self.held.is_empty()
    }

    /// Whether there is something to say: implicitly, not before all of it is done.
    fn may_say(&self, options: &ShareOptions) -> bool {
        let explicit = options.acknowledges == Acknowledges::Explicit;
        !self.unsaid.is_empty() && (explicit || self.held.is_empty())
    }

    /// When something of this is due.
    fn wakeups(&self, options: &ShareOptions) -> impl Iterator<Item = Time> {
        let renews = options.renews;
        let fetch = match &self.asked {
            Some(asked) => Some(asked.deadline),
            None => (self.wants_more() || self.may_say(options)).then_some(self.not_before),
        };
        let renew = self.held.values().filter_map(|held| held.renew_at).filter(move |_| renews);
        self.said.iter().map(|(asked, _)| asked.deadline).chain(fetch).chain(renew)
    }

    /// Stages what a leader gave.
    fn stage(
        &mut self,
        now: Time,
        (leader, lock): (NodeId, Span),
        batches: &Batches,
        deliveries: &[(Offset, u32)],
        (from, staged): (&Place, &mut VecDeque<Staged>),
        out: &mut Out,
    ) {
        for record in batches.records() {
            let of = deliveries.binary_search_by_key(&record.offset, |(offset, _)| *offset);
            let delivery = of.map_or(1, |at| deliveries[at].1);
            let message = record.message_id();
            if let Some(message) = message {
                out.received(from, message, delivery);
            }
            let renew_at = Some(now + Span(lock.0 / 2));
            self.held.insert(record.offset, Held { message, leader, renew_at, lock });
            staged.push_back(Staged { from: from.clone(), record, delivery, session: 0, tag: 0 });
        }
    }

    /// Something was said, and will be answered.
    fn note_said(&mut self, asked: Asked, say: Vec<Unsaid>) {
        self.said.push((asked, say.into_iter().map(|(offset, _, message)| (offset, message)).collect()));
    }

    /// What was said in a request is answered, if anything was: it was taken, or not.
    fn word_answered(
        &mut self,
        id: RequestId,
        refused: Option<Refusal>,
        (group, partition): (&Name, &PartitionId),
        out: &mut Out,
    ) {
        let Some(at) = self.said.iter().position(|(asked, _)| asked.id == id) else { return };
        let (_, said) = self.said.swap_remove(at);
        if let Some(why) = refused {
            self.lost(&said);
            say_in_vain(group, partition, &said, why, out);
        }
    }

    /// A leader says that it does not have these: there is nothing to renew.
    fn lost(&mut self, said: &[Said]) {
        for (offset, _) in said {
            if let Some(held) = self.held.get_mut(offset) {
                held.renew_at = None;
            }
        }
    }

    /// What is to be renewed now.
    fn renew(&mut self, now: Time) -> Vec<Unsaid> {
        let due = self.held.iter_mut().filter(|(_, held)| held.renew_at.is_some_and(|at| at <= now));
        due.map(|(offset, held)| {
            held.renew_at = Some(now + Span(held.lock.0 / 2));
            (*offset, AcknowledgeType::Renew, held.message)
        })
        .collect()
    }
}

/// What a member said was not taken.
fn say_in_vain(group: &Name, of: &PartitionId, said: &[Said], why: Refusal, out: &mut Out) {
    let messages = said.iter().filter_map(|(_, message)| *message).collect();
    let (group, partition) = (group.clone(), of.clone());
    out.event(Event::Share(ShareEvent::NotAcknowledged { group, partition, messages, why }));
}
