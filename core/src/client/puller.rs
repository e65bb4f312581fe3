//! Who reads a topic on its own account? A puller: in no group, it asks when it wants, for what it wants, and keeps
//! its place itself.
//!
//! ```text
//!                  every so often, or as soon as it has finished
//!      ┌──────────────────────────── fetch from 17, 'red' only ────────────────────────────▶ leader
//!      │                                                                                       │
//!   puller ◀──────────────────────────── 17, 18, 20; go on at 21 ──────────────────────────────┘
//!      │ own disk: 17 18 20, on at 21
//!      └──▶ staged ──▶ the program takes one, is done ──▶ crossed out on the own disk
//! ```
//!
//! The broker keeps no account of it: not that it exists, not how far it has got, not what it wants. So everything that
//! can go wrong between "fetched" and "done" is the puller's own affair, and what a crash costs follows from two choices:
//!
//! | `staging` | `commits` | what is noted, when | a crash costs |
//! |---|---|---|---|
//! | memory | before | the offset behind a fetch, with the fetch | all that is staged and in work: *lost* |
//! | memory | after | the offset of the first that is not done | what is done and not yet noted is *doubled*; the rest is asked for again |
//! | disk | before | each message, when the program takes it | what is in work: *lost* |
//! | disk | after | each message, when it is done | nothing: it goes on with what it finds, and asks for nothing twice; what is done and not yet noted is *doubled* |
//!
//! "Done and not yet noted" is empty when the program says of each message at once that it is done.
//!
//! It asks with a *long poll* when `wait_max` is not zero: the leader answers when there is something, or when that time
//! is over. Then messages come nearly as soon as pushed ones, and an idle topic costs few questions. With an interval
//! instead a message waits half of it in the mean, and every question is answered, mostly with nothing.
//!
//! A puller that is too slow leaves its backlog on the broker, not in its memory. But the topic does not wait for it:
//! when the leader no longer keeps its offset, it goes on where `reset` says.
//!
//! Real ones, Kafka's consumer with `assign`, RocketMQ's `DefaultLitePullConsumer`, keep what is staged in memory alone.

mod retuned;

use alloc::collections::VecDeque;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use super::asked::Asked;
use super::metadata::Metadata;
use super::pull_options::{Commits, PullOptions, Reset, Staging, StartAt};
use super::shelf::{Mark, Shelf};
use super::subscriber::Staged;
use crate::broker::{
    Fetch, Input, Message, Mutant, Out, Reply, Request, RequestId, Settings, committed_records,
};
use crate::ids::{LogName, Name, NodeId, Offset, PartitionId};
use crate::log::{Log, LogError};
use crate::observe::{Event, Place, PullEvent, Refusal};
use crate::record::Record;
use crate::sorted::SortedMap;
use crate::time::{Span, Time};

/// How a puller stands in one partition.
#[derive(Clone, Debug)]
struct Position {
    /// The next offset to fetch; none while it is not known where to begin.
    next: Option<Offset>,
    /// Where to begin while that is not known, and whether because the offset wanted was gone.
    seek: (StartAt, Option<Offset>),
    reading: u32,
    /// The request under way.
    asked: Option<Asked>,
    /// Nothing is asked before this moment.
    not_before: Time,
}

/// A message that was fetched and is not done.
#[derive(Clone, Debug)]
struct Held {
    staged: Staged,
    /// Where it stands on the own disk.
    own: Option<Offset>,
    /// Whether it is crossed out there, before it is done.
    noted: bool,
}

/// A consumer that reads for itself. Its log is on its own disk: whoever drives it opens it first, under the name
/// [`Puller::log_name`], and closes it after [`into_log`](Self::into_log).
///
/// ```
/// use mqlab_core::client::Puller;
/// use mqlab_core::log::memory::MemoryLog;
/// assert_eq!(Puller::<MemoryLog>::log_name().to_string(), "queues/staged/messages");
/// ```
#[derive(Clone, Debug)]
pub struct Puller<L> {
    settings: Settings,
    options: PullOptions,
    topic: Name,
    metadata: Metadata,
    shelf: Shelf<L>,
    positions: SortedMap<u32, Position>,
    staged: VecDeque<Held>,
    /// What the program works on, by partition and offset.
    in_hand: SortedMap<(u32, Offset), Held>,
    /// What was found on the disk, until that is told.
    recovered: bool,
    replayed: bool,
    failed: Option<String>,
    last_request: RequestId,
}

impl<L: Log> Puller<L> {
    /// A puller that knows these brokers by name, over what its disk holds.
    ///
    /// # Errors
    ///
    /// When its log cannot be read.
    ///
    /// ```
    /// use mqlab_core::broker::Settings;
    /// use mqlab_core::client::{PullOptions, Puller};
    /// use mqlab_core::ids::{Name, NodeId};
    /// use mqlab_core::log::memory::MemoryLog;
    /// use mqlab_core::time::Time;
    /// let options = PullOptions::default();
    /// let brokers = vec![NodeId::Broker(1)];
    /// let puller = Puller::new(Settings::default(), options, Name::new("orders")?, brokers, MemoryLog::default())?;
    /// assert_eq!(puller.next_wakeup(), Some(Time::ZERO), "it wants to ask how the cluster stands");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(
        settings: Settings,
        options: PullOptions,
        topic: Name,
        brokers: Vec<NodeId>,
        log: L,
    ) -> Result<Self, LogError<L::Error>> {
        let (shelf, found) = Shelf::open(log)?;
        let held = |found: super::shelf::Found| Held {
            noted: false,
            staged: Staged {
                from: Place::Partition(PartitionId { topic: topic.clone(), index: found.partition }),
                tag: shelf.mark(found.partition).map_or(0, |mark| mark.reading.into()),
                record: found.record,
                delivery: 1,
                session: 0,
            },
            own: Some(found.own),
        };
        let staged: VecDeque<Held> = found.into_iter().map(held).collect();
        let replayed = shelf.replayed();
        let (positions, in_hand) = Default::default();
        Ok(Self {
            settings,
            options,
            metadata: Metadata::new(brokers),
            shelf,
            positions,
            in_hand,
            recovered: !staged.is_empty(),
            staged,
            replayed,
            topic,
            failed: None,
            last_request: 0,
        })
    }

    /// What its log is called on its own disk: it is a queue of what is still to do.
    ///
    /// # Panics
    ///
    /// Never: it is a legal name.
    pub fn log_name() -> LogName {
        LogName::Queue(Name::new("staged").expect("a legal name"))
    }

    /// Gives its log back, when its program ends or dies.
    pub fn into_log(self) -> L {
        self.shelf.into_log()
    }

    /// Why its own disk failed, if it did: it does nothing any more, until it is made anew over what the disk holds.
    pub fn failure(&self) -> Option<&str> {
        self.failed.as_deref()
    }

    /// What was fetched and not begun, oldest first.
    pub fn staged(&self) -> impl Iterator<Item = &Staged> {
        self.staged.iter().map(|held| &held.staged)
    }

    /// The partitions that it reads.
    pub fn partitions(&self) -> impl Iterator<Item = u32> {
        self.positions.keys().copied()
    }

    /// The next offset that it will ask a partition's leader for, once it knows.
    pub fn position(&self, partition: u32) -> Option<Offset> {
        self.positions.get(&partition)?.next
    }

    /// Takes the next message to work on. [`Staged::tag`] says how often its partition was replayed.
    pub fn take(&mut self) -> Option<Staged> {
        if self.failed.is_some() {
            return None;
        }
        let before = (self.options.staging, self.options.commits) == (Staging::Disk, Commits::Before);
        let held = Held { noted: before, ..self.staged.pop_front()? };
        let (staged, own) = (held.staged.clone(), held.own);
        // It is at stake before its disk is asked: if that fails, nobody knows whether it was crossed out.
        self.in_hand.insert((partition_of(&staged.from)?, staged.record.offset), held);
        if let (true, Some(own)) = (before, own) {
            let noted = self.shelf.done(own);
            if !self.ok(noted) {
                return None;
            }
        }
        Some(staged)
    }

    /// The program is done with messages.
    pub fn done(&mut self, all: &[Staged]) {
        for staged in all {
            let Some(partition) = partition_of(&staged.from) else { continue };
            let reading = self.positions.get(&partition).map_or(0, |position| position.reading);
            if staged.tag != u64::from(reading) {
                continue; // it was begun before a replay
            }
            if let Some(Held { own: Some(own), noted: false, .. }) =
                self.in_hand.remove(&(partition, staged.record.offset))
                && self.options.commits == Commits::After
            {
                let noted = self.shelf.done(own);
                self.ok(noted);
            }
        }
        if (self.options.staging, self.options.commits) == (Staging::Memory, Commits::After) {
            self.note_positions();
        }
    }

    /// Takes what reaches the puller.
    pub fn handle(&mut self, now: Time, input: Input, out: &mut Out) {
        if core::mem::take(&mut self.recovered) {
            let messages = self.staged.iter().filter_map(|held| held.staged.record.message_id()).collect();
            out.event(Event::Pull(PullEvent::Recovered { messages }));
        }
        match input {
            Input::Message { message: Message::Reply(id, reply), .. } => self.reply(now, id, reply, out),
            Input::HangUp { peer } => {
                self.metadata.hang_up(peer, now + self.settings.retry_backoff);
                self.give_up(now, |asked| asked.broker == peer);
            }
            Input::Wake => self.give_up(now, |asked| asked.deadline <= now),
            Input::Message { .. } => {}
        }
        self.pump(now, out);
    }

    /// When the puller wants to be woken.
    pub fn next_wakeup(&self) -> Option<Time> {
        let free = self.staged.is_empty() && self.failed.is_none();
        let positions = self.positions.values().filter_map(|position| match position.asked {
            Some(asked) => Some(asked.deadline),
            None => (free || position.next.is_none()).then_some(position.not_before),
        });
        let replay = self.options.replay.filter(|_| !self.replayed).map(|replay| replay.at);
        positions.chain(replay).chain(self.metadata.next_wakeup()).min()
    }

    /// Whether the disk did what it was asked.
    fn ok<T>(&mut self, result: Result<T, LogError<L::Error>>) -> bool {
        if let Err(error) = result {
            self.failed.get_or_insert_with(|| error.to_string());
        }
        self.failed.is_none()
    }

    /// Notes for each partition the first offset that is not done.
    fn note_positions(&mut self) {
        let mut marks = Vec::new();
        for (&partition, position) in &self.positions {
            let Some(next) = position.next else { continue };
            let staged = self.staged.iter().filter(|held| partition_of(&held.staged.from) == Some(partition));
            let waiting = staged.map(|held| held.staged.record.offset);
            let working = self.in_hand.keys().filter(|(of, _)| *of == partition).map(|(_, offset)| *offset);
            let next = waiting.chain(working).min().unwrap_or(next);
            marks.push((partition, Mark { next, reading: position.reading }));
        }
        for (partition, mark) in marks {
            let noted = self.shelf.set(partition, mark);
            self.ok(noted);
        }
    }

    fn reply(&mut self, now: Time, id: RequestId, reply: Reply, out: &mut Out) {
        let retry = now + self.settings.retry_backoff;
        if let Reply::Cluster(view) = reply {
            self.metadata.learn(id, view, retry);
            return self.find_partitions(now);
        }
        let asked = |position: &Position| Asked::is(position.asked.as_ref(), id);
        let Some((&partition, position)) = self.positions.iter_mut().find(|(_, position)| asked(position))
        else {
            return;
        };
        position.asked = None;
        match (reply, position.next) {
            (Reply::Fetched { batches, .. }, Some(from)) => {
                let next = batches.next().map_or(from, |next| next.max(from));
                let records = batches.records().filter(|record| record.offset >= from).collect();
                self.stage(partition, records, next, out);
            }
            (Reply::Stable { batches, aborted, .. }, Some(from)) => {
                let next = batches.next().map_or(from, |next| next.max(from));
                let ignores = self.settings.mutated().is(Mutant::IgnoresMarkers);
                let counts = committed_records(&batches, if ignores { Vec::new() } else { aborted });
                let records = counts.into_iter().filter(|record| record.offset >= from).collect();
                self.stage(partition, records, next, out);
            }
            (Reply::Selected { batches, next, .. }, Some(from)) => {
                let records = batches.records().filter(|record| record.offset >= from).collect();
                self.stage(partition, records, next.max(from), out);
            }
            (Reply::OffsetForTime { offset, start, end }, None) => {
                let (seek, gone) = position.seek;
                let next = match seek {
                    StartAt::Earliest => start,
                    StartAt::Latest => end,
                    StartAt::Offset(offset) => offset,
                    StartAt::Time(_) => offset,
                };
                self.begin(now, partition, next, gone, out);
            }
            (Reply::Refused(Refusal::OffsetOutOfRange), Some(wanted)) => {
                let at = match self.options.reset {
                    Reset::Earliest => StartAt::Earliest,
                    Reset::Latest => StartAt::Latest,
                };
                (position.next, position.seek, position.not_before) = (None, (at, Some(wanted)), now);
            }
            (Reply::Refused(_), _) => {
                position.not_before = retry;
                self.metadata.refresh(now);
            }
            _ => {}
        }
    }

    /// The partitions that it is to read, now that it knows the topic.
    fn find_partitions(&mut self, now: Time) {
        let known = self.metadata.view().partitions_of(&self.topic).map(|partition| partition.index);
        let wanted = &self.options.partitions;
        let mine: Vec<u32> = known.filter(|index| wanted.is_empty() || wanted.contains(index)).collect();
        for index in mine {
            let mark = self.shelf.mark(index);
            self.positions.entry(index).or_insert_with(|| Position {
                next: mark.map(|mark| mark.next),
                seek: (self.options.start, None),
                reading: mark.map_or(0, |mark| mark.reading),
                asked: None,
                not_before: now,
            });
        }
    }

    /// It is known where to begin in a partition.
    fn begin(&mut self, now: Time, partition: u32, next: Offset, gone: Option<Offset>, out: &mut Out) {
        let Some(position) = self.positions.get_mut(&partition) else { return };
        (position.next, position.not_before) = (Some(next), now);
        let mark = Mark { next, reading: position.reading };
        let of = PartitionId { topic: self.topic.clone(), index: partition };
        if let Some(wanted) = gone {
            out.event(Event::Pull(PullEvent::OffsetGone { partition: of, wanted, goes_on: next }));
        } else if mark.reading > 0 {
            out.event(Event::Pull(PullEvent::Replays { partition: of, from: next }));
        }
        let noted = self.shelf.set(partition, mark);
        self.ok(noted);
    }

    /// Keeps what was fetched until the program takes it.
    fn stage(&mut self, partition: u32, records: Vec<Record>, next: Offset, out: &mut Out) {
        let Some(position) = self.positions.get_mut(&partition) else { return };
        position.next = Some(next);
        let (tag, mark) = (u64::from(position.reading), Mark { next, reading: position.reading });
        let noted = match (self.options.staging, self.options.commits) {
            _ if records.is_empty() => Ok(Vec::new()), // where to go on is noted with the next that comes
            (Staging::Disk, _) => self.shelf.stage(partition, &records, mark),
            (Staging::Memory, Commits::Before) => self.shelf.set(partition, mark).map(|()| Vec::new()),
            (Staging::Memory, Commits::After) => Ok(Vec::new()),
        };
        let own = match noted {
            Ok(own) => own,
            Err(error) => {
                self.ok::<()>(Err(error));
                if self.options.staging == Staging::Disk {
                    return;
                }
                Vec::new() // its disk may say that it has them already: they are at stake
            }
        };
        let from = Place::Partition(PartitionId { topic: self.topic.clone(), index: partition });
        let mut own = own.into_iter();
        for record in records {
            if let Some(message) = record.message_id() {
                out.received(&from, message, 1);
            }
            let staged = Staged { from: from.clone(), record, delivery: 1, session: 0, tag };
            self.staged.push_back(Held { staged, own: own.next(), noted: false });
        }
    }

    /// Takes requests for lost.
    fn give_up(&mut self, now: Time, lost: impl Fn(&Asked) -> bool) {
        let retry = now + self.settings.retry_backoff;
        for position in self.positions.values_mut() {
            if position.asked.take_if(|asked| lost(asked)).is_some() {
                position.not_before = retry;
                self.metadata.refresh(now);
            }
        }
    }

    /// Goes back, if that is due.
    fn replay_if_due(&mut self, now: Time) {
        let Some(replay) = self.options.replay.filter(|replay| !self.replayed && replay.at <= now) else {
            return;
        };
        if self.positions.is_empty() {
            return; // it does not know the topic yet
        }
        self.replayed = true;
        for held in self.staged.drain(..) {
            if let Some(own) = held.own {
                self.shelf.forget(own);
            }
        }
        for held in core::mem::take(&mut self.in_hand).into_values() {
            if let Some(own) = held.own {
                self.shelf.forget(own);
            }
        }
        for position in self.positions.values_mut() {
            (position.next, position.seek, position.asked) = (None, (replay.from, None), None);
            (position.reading, position.not_before) = (position.reading + 1, now);
        }
    }

    /// Sends whatever is due.
    fn pump(&mut self, now: Time, out: &mut Out) {
        if self.failed.is_some() {
            return;
        }
        self.replay_if_due(now);
        let free = self.staged.is_empty();
        for (&index, position) in &mut self.positions {
            if position.asked.is_some() || position.not_before > now || (position.next.is_some() && !free) {
                continue;
            }
            let partition = PartitionId { topic: self.topic.clone(), index };
            let Some(leader) = self.metadata.view().leader_of(&partition) else {
                position.not_before = now + self.settings.retry_backoff;
                self.metadata.refresh(now + self.settings.retry_backoff);
                continue;
            };
            self.last_request += 1;
            let mut wait = Span::ZERO;
            let request = match (position.next, position.seek.0) {
                (Some(from), _) => {
                    wait = self.options.wait_max;
                    position.not_before = now + self.options.poll_every;
                    Request::Fetch(Fetch {
                        partition,
                        from,
                        bytes_max: self.options.bytes_max,
                        bytes_min: if wait == Span::ZERO { 0 } else { self.options.bytes_min },
                        wait_max: wait,
                        filter: self.options.filter.clone(),
                        replica: None,
                        rack: None,
                        isolation: self.options.isolation,
                    })
                }
                (None, seek) => {
                    let timestamp = if let StartAt::Time(at) = seek { at.as_millis() as i64 } else { 0 };
                    Request::OffsetForTime { partition, timestamp, isolation: self.options.isolation }
                }
            };
            let deadline = now + wait + self.settings.request_timeout;
            position.asked = Some(Asked { id: self.last_request, broker: leader, deadline });
            out.send(leader, Message::Request(self.last_request, request));
        }
        self.metadata.ask_if_due(now, &self.settings, &mut self.last_request, out);
    }
}

fn partition_of(from: &Place) -> Option<u32> {
    match from {
        Place::Partition(partition) => Some(partition.index),
        Place::Queue(_) | Place::Exchange(_) | Place::Topic(_) => None,
    }
}
