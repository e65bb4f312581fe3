//! How does a member of a group read its share? It fetches, stages, hands out, and knows what is done; whichever protocol
//! gave it the share.
//!
//! ```text
//!    leaders ──── fetch, long poll ────▶ staged ──── take ────▶ in hand ──── done ────▶ to be committed
//!                                          │ pause: none is taken, none is fetched
//!                                          └ let go: forgotten; another member fetches it again
//! ```

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::asked::Asked;
use super::fetching::{question, stage};
use super::member_options::{CommitMode, MemberOptions};
use super::metadata::Metadata;
use super::position::Position;
use super::pull_options::StartAt;
use super::subscriber::Staged;
use crate::broker::{Message, Mutant, Out, Reply, Request, RequestId, Settings, committed_records};
use crate::ids::{Name, NodeId, Offset, PartitionId};
use crate::observe::{Event, GroupEvent, Place, PullEvent, Refusal};
use crate::sorted::{SortedMap, SortedSet};
use crate::time::{Span, Time};

/// How long a consumer reads from a replica that it was sent to, where views are trusted for ever. Kafka: 5 min
/// (`metadata.max.age.ms`).
const CLOSER_FOR: Span = Span::from_millis(5 * 60 * 1_000);

/// For each partition the next offset to read.
pub(super) type Offsets = Vec<(PartitionId, Offset)>;

/// What became of a message that the program is done with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Finished {
    /// It counts.
    Counts,
    /// It counts, and its partition is being let go.
    Leaving,
    /// The partition was lost meanwhile: somebody else reads it.
    Lost,
    /// The partition was lost and came back: it goes on from what was committed.
    Void,
}

/// The reading half of a member.
#[derive(Clone, Debug)]
pub(super) struct Reader {
    pub(super) settings: Settings,
    pub(super) group: Name,
    pub(super) topic: Name,
    pub(super) options: MemberOptions,
    pub(super) metadata: Metadata,
    pub(super) positions: SortedMap<PartitionId, Position>,
    staged: VecDeque<Staged>,
    paused: SortedSet<PartitionId>,
    /// What the program works on though its partition was lost.
    overdue: SortedSet<(PartitionId, Offset)>,
    /// Nothing is handed out.
    pub(super) holds: bool,
    /// The commit under way, and what is committed by it.
    pub(super) commit: Option<(Asked, Offsets)>,
    pub(super) next_commit: Time,
    pub(super) last_request: RequestId,
    /// The moment of the last call.
    pub(super) now: Time,
}

impl Reader {
    pub(super) fn new(
        settings: Settings,
        options: MemberOptions,
        group: Name,
        topic: Name,
        brokers: Vec<NodeId>,
    ) -> Self {
        let (positions, staged, paused, overdue) = Default::default();
        Self {
            settings,
            group,
            topic,
            options,
            metadata: Metadata::new(brokers),
            positions,
            staged,
            paused,
            overdue,
            holds: false,
            commit: None,
            next_commit: Time::ZERO,
            last_request: 0,
            now: Time::ZERO,
        }
    }

    /// The partitions that it reads.
    pub(super) fn partitions(&self) -> impl Iterator<Item = &PartitionId> {
        self.positions.iter().filter(|(_, position)| !position.leaving).map(|(partition, _)| partition)
    }

    pub(super) fn staged(&self) -> impl Iterator<Item = &Staged> {
        self.staged.iter()
    }

    /// Takes the next message to work on.
    pub(super) fn take(&mut self) -> Option<Staged> {
        let next = self.staged.iter().position(|staged| self.may_begin(staged))?;
        let next = self.staged.remove(next)?;
        let now = self.now;
        let hasty = self.settings.mutated().is(Mutant::CommitsBeforeWork);
        if let Some(position) = self.position_of(&next.from) {
            position.staged -= 1;
            if hasty {
                position.reached = position.fetched;
            } else {
                position.in_hand.insert(next.record.offset, now);
            }
        }
        Some(next)
    }

    fn may_begin(&self, staged: &Staged) -> bool {
        let Place::Partition(partition) = &staged.from else { return false };
        let known = || {
            let position = self.positions.get(partition)?;
            Some(position.committed? > staged.record.offset)
        };
        let may = self.options.commits != CommitMode::Before || known().unwrap_or(false);
        !self.holds && !self.paused.contains(partition) && may
    }

    /// The program is done with a message.
    pub(super) fn done(&mut self, from: &Place, offset: Offset) -> Finished {
        let Place::Partition(partition) = from else { return Finished::Void };
        if !self.overdue.is_empty() && self.overdue.remove(&(partition.clone(), offset)) {
            return Finished::Lost;
        }
        let Some(position) = self.positions.get_mut(partition) else { return Finished::Lost };
        if !position.in_hand.remove(offset) {
            return Finished::Void;
        }
        position.reached = position.reached.max(offset.next());
        if position.leaving { Finished::Leaving } else { Finished::Counts }
    }

    /// Neither fetches nor hands out anything of these partitions, until [`resume`](Self::resume).
    pub(super) fn pause(&mut self, partitions: &[PartitionId]) {
        self.paused.extend(partitions.iter().cloned());
    }

    pub(super) fn resume(&mut self, partitions: &[PartitionId]) {
        self.paused.retain(|paused| !partitions.contains(paused));
    }

    /// Since when the program works on what it has had for longest.
    pub(super) fn busy_since(&self) -> Option<Time> {
        self.positions.values().filter_map(|position| position.in_hand.oldest()).min()
    }

    /// Whether the program has something in hand, also of what was lost.
    pub(super) fn is_busy(&self) -> bool {
        !self.overdue.is_empty() || self.busy_since().is_some()
    }

    fn position_of(&mut self, from: &Place) -> Option<&mut Position> {
        match from {
            Place::Partition(partition) => self.positions.get_mut(partition),
            Place::Queue(_) | Place::Exchange(_) | Place::Topic(_) => None,
        }
    }

    /// Reads these partitions from now on, and lets go of all others: at once, or when the program is done with what it
    /// has in hand of them.
    pub(super) fn assign(&mut self, partitions: Vec<(PartitionId, Option<Offset>)>, out: &mut Out) {
        let before: Vec<PartitionId> = self.partitions().cloned().collect();
        for (owned, position) in &mut self.positions {
            let stays = partitions.iter().any(|(kept, _)| kept == owned);
            if !stays || position.leaving {
                position.unstage();
            }
            position.leaving = !stays;
        }
        self.drop_left();
        self.begin(partitions);
        self.forget_unstaged();
        self.say_assigned(&before, out);
    }

    /// Reads these partitions, too. What is being let go stays as it is.
    pub(super) fn add(&mut self, partitions: Vec<(PartitionId, Option<Offset>)>, out: &mut Out) {
        let before: Vec<PartitionId> = self.partitions().cloned().collect();
        self.begin(partitions);
        self.say_assigned(&before, out);
    }

    fn begin(&mut self, partitions: Vec<(PartitionId, Option<Offset>)>) {
        let (start, now) = (self.options.start, self.now);
        for (partition, offset) in partitions {
            let fresh =
                || offset.map_or_else(|| Position::starting(start, now), |offset| Position::at(offset, now));
            self.positions.entry(partition).or_insert_with(fresh);
        }
    }

    fn say_assigned(&self, before: &[PartitionId], out: &mut Out) {
        let partitions: Vec<PartitionId> = self.partitions().cloned().collect();
        if partitions != before {
            out.event(Event::Assigned { group: self.group.clone(), partitions });
        }
    }

    /// Begins to let go of what is not to be kept: nothing of it is begun any more, and how far the program got in it is
    /// still known.
    pub(super) fn let_go(&mut self, keeps: impl Fn(&PartitionId) -> bool, out: &mut Out) {
        let mut partitions = Vec::new();
        for (owned, position) in self.positions.iter_mut().filter(|(owned, _)| !keeps(owned)) {
            if !position.leaving {
                position.unstage();
                position.leaving = true;
                partitions.push(owned.clone());
            }
        }
        self.forget_unstaged();
        self.say_revoked(partitions, false, out);
    }

    /// Gives up what is let go and not in hand.
    pub(super) fn drop_left(&mut self) {
        self.positions.retain(|_, position| !position.leaving || !position.in_hand.is_empty());
        let positions = &self.positions;
        self.paused.retain(|paused| positions.contains_key(paused));
    }

    /// Others may read its partitions already: there is no time to let go in good order.
    pub(super) fn lose_all(&mut self, out: &mut Out) {
        self.commit = None;
        let partitions = self.partitions().cloned().collect();
        for (partition, position) in core::mem::take(&mut self.positions) {
            self.overdue.extend(position.in_hand.offsets().map(|offset| (partition.clone(), offset)));
        }
        self.drop_left();
        self.staged.clear();
        self.say_revoked(partitions, true, out);
    }

    fn say_revoked(&self, partitions: Vec<PartitionId>, lost: bool, out: &mut Out) {
        if !partitions.is_empty() {
            out.event(Event::Group(GroupEvent::Revoked { group: self.group.clone(), partitions, lost }));
        }
    }

    pub(super) fn forget_unstaged(&mut self) {
        let positions = &self.positions;
        self.staged.retain(|staged| match &staged.from {
            Place::Partition(partition) => {
                positions.get(partition).is_some_and(|position| position.staged > 0)
            }
            Place::Queue(_) | Place::Exchange(_) | Place::Topic(_) => false,
        });
    }

    /// What the coordinator should hear.
    pub(super) fn news(&self) -> Offsets {
        match self.options.commits {
            CommitMode::Before => return self.to_begin(),
            CommitMode::Never => return Offsets::new(),
            CommitMode::Interval | CommitMode::After => {}
        }
        let news = self.positions.iter().filter(|(_, position)| position.has_news());
        let untold = |position: &Position| {
            // By hand only what is done is committed, not where it begins.
            self.options.commits == CommitMode::Interval
                || position.done() > position.committed.unwrap_or_default()
        };
        let news = news.filter(|(_, position)| untold(position));
        news.map(|(partition, position)| (partition.clone(), position.done())).collect()
    }

    /// Behind the first message of each partition, which may begin when that is committed.
    fn to_begin(&self) -> Offsets {
        let mut first: Offsets = Vec::new();
        for staged in self.staged.iter().filter(|_| !self.holds) {
            let Place::Partition(partition) = &staged.from else { continue };
            if self.paused.contains(partition) || first.iter().any(|(seen, _)| seen == partition) {
                continue;
            }
            first.push((partition.clone(), staged.record.offset.next()));
        }
        let untold = |(partition, next): &(PartitionId, Offset)| {
            let committed = self.positions.get(partition).and_then(|position| position.committed);
            committed.is_none_or(|committed| committed < *next)
        };
        first.retain(untold);
        first
    }

    /// When the news are due, if there are any.
    pub(super) fn commit_due(&self) -> Option<Time> {
        match &self.commit {
            Some((asked, _)) => Some(asked.deadline),
            None if self.options.commits == CommitMode::Interval => {
                self.positions.values().any(Position::has_news).then_some(self.next_commit)
            }
            None => (!self.news().is_empty()).then_some(self.next_commit),
        }
    }

    /// The commit under way is answered.
    pub(super) fn take_commit(&mut self, id: RequestId) -> Option<Offsets> {
        self.commit.take_if(|(asked, _)| asked.id == id).map(|(_, offsets)| offsets)
    }

    pub(super) fn committed(&mut self, offsets: &[(PartitionId, Offset)]) {
        for (partition, offset) in offsets {
            if let Some(position) = self.positions.get_mut(partition) {
                position.committed = position.committed.max(Some(*offset));
            }
        }
    }

    pub(super) fn say_commit_refused(&self, offsets: &[(PartitionId, Offset)], why: Refusal, out: &mut Out) {
        let partitions = offsets.iter().map(|(partition, _)| partition.clone()).collect();
        out.event(Event::Group(GroupEvent::CommitRefused { group: self.group.clone(), partitions, why }));
    }

    /// Takes a leader's answer.
    pub(super) fn fetched(&mut self, id: RequestId, reply: Reply, out: &mut Out) {
        let asked = |position: &Position| Asked::is(position.asked.as_ref(), id);
        let Some((partition, position)) = self.positions.iter_mut().find(|(_, position)| asked(position))
        else {
            return;
        };
        position.asked = None;
        match reply {
            Reply::Fetched { batches, .. } => {
                let from = Place::Partition(partition.clone());
                stage(&mut self.staged, position, &from, (&batches, batches.records()), out);
            }
            Reply::Stable { batches, aborted, .. } => {
                let from = Place::Partition(partition.clone());
                let ignores = self.settings.mutated().is(Mutant::IgnoresMarkers);
                let aborted = if ignores { Vec::new() } else { aborted };
                let counts = committed_records(&batches, aborted).into_iter();
                stage(&mut self.staged, position, &from, (&batches, counts), out);
            }
            Reply::OffsetForTime { offset, start, end } => {
                let Some((at, gone)) = position.seek else { return };
                let goes_on = match at {
                    StartAt::Earliest => start,
                    StartAt::Latest => end,
                    StartAt::Time(_) => offset,
                    StartAt::Offset(offset) => offset,
                };
                position.found(goes_on);
                if let Some(wanted) = gone {
                    let partition = partition.clone();
                    out.event(Event::Pull(PullEvent::OffsetGone { partition, wanted, goes_on }));
                }
            }
            Reply::ReadFrom { replica } => {
                let age = self.settings.metadata_age.unwrap_or(CLOSER_FOR);
                position.closer = Some((replica, self.now + age));
                let partition = partition.clone();
                out.event(Event::Group(GroupEvent::ReadsFrom { partition, replica }));
            }
            // Who is closer may not have it yet, or have gone: the leader knows.
            Reply::Refused(_) if position.closer.take().is_some() => {
                position.not_before = self.now + self.settings.retry_backoff;
            }
            Reply::Refused(Refusal::OffsetOutOfRange)
                if self.metadata.view().retention.contains_key(&partition.topic) =>
            {
                // Its front is gone. (Without retention it is the end that is not there yet: it will come.)
                let at = match self.options.start {
                    StartAt::Latest => StartAt::Latest,
                    _ => StartAt::Earliest,
                };
                position.seek = Some((at, Some(position.fetched)));
            }
            Reply::Refused(_) => {
                position.not_before = self.now + self.settings.retry_backoff;
                self.metadata.refresh(self.now);
            }
            _ => {}
        }
    }

    /// Takes fetches and commits for lost; says whether there were any.
    pub(super) fn give_up(&mut self, lost: impl Fn(&Asked) -> bool) -> bool {
        let retry = self.now + self.settings.retry_backoff;
        let mut any = false;
        for position in self.positions.values_mut() {
            if position.asked.take_if(|asked| lost(asked)).is_some() {
                position.closer = None;
                position.not_before = retry;
                any = true;
            }
        }
        if self.commit.take_if(|(asked, _)| lost(asked)).is_some() {
            self.next_commit = retry;
            any = true;
        }
        any
    }

    /// Fetches what is wanted and due.
    pub(super) fn fetch_due(&mut self, out: &mut Out) {
        let (now, mut lost_sight) = (self.now, false);
        for (partition, position) in &mut self.positions {
            let wants = position.wants_more() && !self.paused.contains(partition);
            if !wants || position.asked.is_some() || position.not_before > now {
                continue;
            }
            let Some(leader) =
                self.metadata.view().leader_of(partition).map(|leader| position.broker(leader, now))
            else {
                position.not_before = now + self.settings.retry_backoff;
                lost_sight = true;
                continue;
            };
            self.last_request += 1;
            let (request, wait) = question(partition, position, (&self.settings, &self.options));
            // The leader may take its whole waiting time, and the answer its way.
            let deadline = now + wait + self.settings.request_timeout;
            position.asked = Some(Asked { id: self.last_request, broker: leader, deadline });
            out.send(leader, Message::Request(self.last_request, request));
        }
        if lost_sight {
            self.metadata.refresh(now + self.settings.retry_backoff);
        }
        self.metadata.ask_if_due(now, &self.settings, &mut self.last_request, out);
    }

    /// When something of this is due.
    pub(super) fn next_wakeup(&self) -> Option<Time> {
        let fetches = self.positions.iter().filter_map(|(partition, position)| match position.asked {
            Some(asked) => Some(asked.deadline),
            None => {
                let wants = position.wants_more() && !self.paused.contains(partition);
                wants.then_some(position.not_before)
            }
        });
        fetches.chain(self.metadata.next_wakeup()).min()
    }

    /// Sends something to the coordinator; nothing, when nobody knows who that is.
    pub(super) fn ask_coordinator(
        &mut self,
        request: Request,
        patience: Span,
        out: &mut Out,
    ) -> Option<Asked> {
        let Some(broker) = self.metadata.view().coordinator() else {
            self.metadata.refresh(self.now);
            return None;
        };
        self.last_request += 1;
        out.send(broker, Message::Request(self.last_request, request));
        Some(Asked {
            id: self.last_request,
            broker,
            deadline: self.now + patience + self.settings.request_timeout,
        })
    }
}
