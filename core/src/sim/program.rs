//! What does a consumer's program do with messages? It works on them, and says when it is done: before, after, or for
//! several at once. It may fail, run out of memory, or know a message already.
//!
//! ```text
//!   received ─▶ staged ─▶ in work ─┬─ done ──▶ acknowledged (each, or every so many)
//!                  │               ├─ failed ▶ given back, or refused
//!                  │               └─ known ─▶ acknowledged, not done again (it remembers what it did)
//!                  └─ more than memory holds: the program dies, and with it all that is here
//! ```
//!
//! *When* it acknowledges decides what a crash costs. Before the work: at most once, a crash loses the message. After
//! the work: at least once, a crash between work and acknowledgement does it twice. With a memory of what was done,
//! kept in the same transaction as the work's effect: effectively once.

use alloc::borrow::Cow;
use alloc::collections::{BTreeSet, VecDeque};
use alloc::format;
use alloc::vec::Vec;

use super::beside::for_mark;
use super::draft::receipt_to;
use super::onward::{End, Mint, Onward};
use super::program_spec::{OnFailure, ProgramSpec, Settles};
use super::scenario::{ConsumerSpec, SourceSpec};
use super::source::Source;
use super::stream;
use super::transform::Transform;
use super::world::Disk;
use crate::broker::{Input, Message, Out, RequestId, Settings, Settlement};
use crate::client::{Staged, Windows};
use crate::ids::{MessageId, Name, NodeId, Offset};
use crate::observe::{Event, Place, QueueEvent};
use crate::rng::{Rng, Stream};
use crate::time::{Span, Time};

/// What a program works on.
#[derive(Clone, Debug)]
pub(crate) struct Work {
    pub(crate) staged: Staged,
    pub(crate) since: Time,
    pub(crate) until: Time,
}

/// What a program has done, in its own database: it survives the program.
pub(crate) type Inbox = BTreeSet<MessageId>;

/// What survives a program: its own database, and its own disk.
#[derive(Clone, Debug, Default)]
pub(crate) struct Kept {
    pub(super) inbox: Inbox,
    pub(super) windows: Option<Windows>,
    pub(super) disk: Disk,
}

/// A program that works on messages.
#[derive(Clone, Debug)]
pub(crate) struct Worker {
    pub(crate) source: Source,
    /// In the order of being done.
    pub(crate) work: VecDeque<Work>,
    pub(crate) inbox: Inbox,
    pub(super) windows: Option<Windows>,
    pub(super) spec: ProgramSpec,
    group: Option<Name>,
    pub(super) takes: Span,
    by_credit: bool,
    /// When it comes.
    starts_at: Time,
    /// Whether it is there.
    started: bool,
    /// What its chances are drawn from.
    seed: u64,
    /// Done, and not acknowledged yet.
    unsettled: VecDeque<Staged>,
    /// Acknowledged, and not done yet.
    said: BTreeSet<(Place, Offset, RequestId)>,
    /// Whether it shall subscribe anew, and not acknowledge any more, when it is done with what it works on.
    pub(super) turns_automatic: bool,
    /// What is done here, and is being sent on.
    pub(super) onward: Option<Onward>,
    /// What is done here, and is written to another topic.
    pub(super) transform: Option<Transform>,
}

impl Worker {
    pub(crate) fn new(
        spec: &ConsumerSpec,
        settings: &Settings,
        brokers: Vec<NodeId>,
        seed: u64,
        mut kept: Kept,
    ) -> Self {
        let (group, by_credit) = match &spec.from {
            SourceSpec::Queue { reading, .. } | SourceSpec::Subscription { reading, .. } => {
                (None, reading.credit)
            }
            SourceSpec::Group { name, .. }
            | SourceSpec::Share { name, .. }
            | SourceSpec::Poll { reader: name, .. } => (Some(name.clone()), false),
            SourceSpec::System(_) => (None, false),
        };
        let source = Source::new(&spec.source(), settings, brokers.clone(), &mut kept.disk);
        let transform = spec
            .program
            .transform
            .as_ref()
            .zip(group.as_ref())
            .map(|(transform, group)| Transform::new(transform, group, settings, brokers.clone(), seed));
        let onward = spec.program.onward.as_ref().map(|onward| Onward::new(onward, settings, brokers));
        let Kept { inbox, windows, .. } = kept;
        let windows = windows.or_else(|| spec.program.windows.map(Windows::new));
        let (work, unsettled, said) = Default::default();
        let (takes, starts_at, started) = (Span(spec.work), Time(spec.starts_at), false);
        let spec = spec.program.clone();
        Self {
            source,
            work,
            inbox,
            windows,
            spec,
            group,
            takes,
            by_credit,
            starts_at,
            started,
            seed,
            unsettled,
            said,
            turns_automatic: false,
            onward,
            transform,
        }
    }

    /// As whose work it counts. What is replayed is read anew, and on purpose: it is a reading of its own.
    fn reading(&self, staged: &Staged) -> Option<Cow<'_, Name>> {
        let group = self.group.as_ref()?;
        let again = match (&self.source, staged.tag) {
            (Source::Poll(_), 1..) => Name::new(&format!("{group}.{}", staged.tag)).ok(),
            _ => None,
        };
        Some(again.map_or(Cow::Borrowed(group), Cow::Owned))
    }

    /// Takes what reaches the consumer; finishes what is finished and begins the next.
    pub(crate) fn handle(&mut self, now: Time, input: Input, mint: Mint<'_>, out: &mut Out) {
        self.started |= self.starts_at <= now;
        if !self.started {
            return; // nobody knows of it yet, so this can only be a wake-up
        }
        while let Some(work) = self.work.pop_front_if(|work| work.until <= now) {
            self.finish(now, work.staged, mint, out);
        }
        self.turn_automatic(now, out);
        if let Some(onward) = &mut self.onward {
            onward.handle(now, &input, out);
        }
        if let Some(transform) = &mut self.transform {
            transform.handle(now, &input, out);
        }
        // Only where several clients live here can it be for another.
        let alone = self.onward.is_none() && self.transform.is_none();
        let input = if alone { Some(input) } else { for_mark(0, &input) };
        if let Some(input) = input {
            let before = self.source.session();
            self.source.handle(now, input, out);
            if before.is_some() && self.source.session() != before {
                self.break_off(out);
            }
        }
        self.send_on(now, out);
        self.transform_on(now, out);
        while (!self.turns_automatic || self.is_next_given())
            && self.transform.as_ref().is_none_or(Transform::may_begin)
            && self.work.len() + self.sends_on() < usize::from(self.spec.workers.max(1))
            && let Some(staged) = self.source.take()
        {
            self.begin(now, staged, out);
        }
        self.transform_on(now, out);
        if self.work.is_empty() && self.sends_on() == 0 {
            self.settle_done(now, 1, out);
        }
    }

    /// The subscription broke. A program that works in transactions stops what it is at: it will come again, and under
    /// its old number it cannot be acknowledged any more.
    fn break_off(&mut self, out: &mut Out) {
        let Some(onward) = self.onward.as_mut().filter(|onward| onward.transacts()) else { return };
        onward.break_off();
        for work in self.work.drain(..) {
            lost(&work.staged, false, out);
        }
    }

    fn begin(&mut self, now: Time, staged: Staged, out: &mut Out) {
        if let Some(message) = self.known(&staged) {
            out.event(Event::Queue(QueueEvent::Recognised { from: staged.from.clone(), message }));
            return self.over(now, staged, out);
        }
        if self.spec.settles == Settles::Before {
            self.said.insert(key_of(&staged));
            self.settle(now, core::slice::from_ref(&staged), Settlement::Done, out);
        }
        let most = self.spec.work_max.max(self.takes.0);
        let varies = most > self.takes.0;
        let takes = if varies { self.chance(&staged, 1).between(self.takes.0, most) } else { self.takes.0 };
        let work = Work { staged, since: now, until: now + Span(takes) };
        let at = self.work.partition_point(|other| other.until <= work.until);
        self.work.insert(at, work);
    }

    /// The message, if it is done already, as far as this program remembers.
    fn known(&self, staged: &Staged) -> Option<MessageId> {
        if !self.spec.remembers {
            return None;
        }
        staged.record.message_id().filter(|message| self.inbox.contains(message))
    }

    /// Chance follows from the message and how often it came, so that two consumers of one run are alike.
    fn chance(&self, staged: &Staged, salt: u64) -> Rng {
        let id = staged.record.message_id().map_or(0, |id| id.0);
        let attempt = u64::from(staged.delivery);
        let mixed = (id * 1_000 + attempt * 10 + salt).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Rng::new(self.seed ^ mixed, Stream::Services)
    }

    /// How many messages are done here, and sent on.
    pub(super) fn sends_on(&self) -> usize {
        self.onward.as_ref().map_or(0, |onward| onward.orders().len())
    }

    /// Goes on with what is sent on.
    fn send_on(&mut self, now: Time, out: &mut Out) {
        let broker = self.source.session().map(|(broker, _)| broker);
        while let Some(end) = self.onward.as_mut().and_then(|onward| onward.next(now, broker, out)) {
            match end {
                End::Done(staged) => self.conclude(now, staged, out),
                End::Committed(staged) => self.committed(&staged, out),
                End::Broken(staged) => self.fail(now, staged, out),
                End::Lost(staged) => lost(&staged, false, out),
                End::Unknown(staged) => lost(&staged, true, out),
            }
        }
    }

    fn finish(&mut self, now: Time, staged: Staged, mint: Mint<'_>, out: &mut Out) {
        let Some(message) = staged.record.message_id() else { return self.over(now, staged, out) };
        if self.known(&staged).is_some() {
            // Somebody was quicker: the database refuses the same message twice, and this work is undone.
            out.event(Event::Queue(QueueEvent::Recognised { from: staged.from.clone(), message }));
            return self.over(now, staged, out);
        }
        let hopeless = self.spec.fails_every > 0 && message.0 % self.spec.fails_every == 0;
        let per_mille = u64::from(self.spec.fails_per_mille);
        let fails = hopeless || per_mille > 0 && self.chance(&staged, 2).below(1_000) < per_mille;
        if fails {
            return self.fail(now, staged, out);
        }
        let breaks = if self.onward.is_some() { self.chance(&staged, 3).below(1_000) } else { 0 };
        if let Some(transform) = &mut self.transform {
            return transform.begin(now, staged, mint);
        }
        match &mut self.onward {
            Some(onward) => {
                let breaks = breaks < u64::from(onward.breaks_per_mille());
                onward.begin(now, staged, breaks, mint);
            }
            None => self.conclude(now, staged, out),
        }
    }

    fn fail(&mut self, now: Time, staged: Staged, out: &mut Out) {
        if let Some(message) = staged.record.message_id() {
            out.event(Event::Queue(QueueEvent::Failed { from: staged.from.clone(), message }));
        }
        self.said.remove(&key_of(&staged));
        let how = match self.spec.on_failure {
            OnFailure::Requeue => Settlement::Requeue,
            OnFailure::Reject => Settlement::Reject,
        };
        self.settle(now, &[staged], how, out);
    }

    pub(super) fn conclude(&mut self, now: Time, staged: Staged, out: &mut Out) {
        let Some(message) = staged.record.message_id() else { return self.over(now, staged, out) };
        out.processed(&staged.from, message, self.reading(&staged).as_deref());
        self.keep(message, &staged, out);
        self.over(now, staged, out);
    }

    /// A message is done with, and acknowledged: the broker committed both.
    fn committed(&mut self, staged: &Staged, out: &mut Out) {
        if let Some(message) = staged.record.message_id() {
            self.keep(message, staged, out);
        }
        tell_sender(staged, out);
        if let (true, Source::Push(subscriber)) = (self.by_credit, &mut self.source) {
            subscriber.grant(1, out);
        }
    }

    /// Keeps what came of a message.
    fn keep(&mut self, message: MessageId, staged: &Staged, out: &mut Out) {
        if let (Some(windows), Some(options)) = (&mut self.windows, self.spec.windows) {
            stream::count(windows, options, staged, out);
        }
        if self.spec.remembers {
            self.inbox.insert(message);
        }
    }

    /// A message is done with: it is acknowledged now, or with others.
    fn over(&mut self, now: Time, staged: Staged, out: &mut Out) {
        tell_sender(&staged, out);
        if self.said.remove(&key_of(&staged)) {
            return;
        }
        self.unsettled.push_back(staged);
        let at_once = match self.spec.settles {
            Settles::Each | Settles::Before => 1,
            Settles::Every(many) => many as usize,
        };
        self.settle_done(now, at_once, out);
    }

    pub(super) fn settle_done(&mut self, now: Time, at_least: usize, out: &mut Out) {
        if !self.unsettled.is_empty() && self.unsettled.len() >= at_least {
            let done: Vec<Staged> = self.unsettled.drain(..).collect();
            self.settle(now, &done, Settlement::Done, out);
        }
    }

    fn settle(&mut self, now: Time, all: &[Staged], how: Settlement, out: &mut Out) {
        self.source.settle(now, all, how, out);
        if let (true, Source::Push(subscriber)) = (self.by_credit, &mut self.source) {
            subscriber.grant(all.len() as u64, out);
        }
    }

    /// How many messages are in its memory.
    pub(crate) fn held(&self) -> u32 {
        let writes = self.transform.as_ref().map_or(0, Transform::held);
        (self.source.staged().len() + self.work.len() + self.sends_on() + self.unsettled.len() + writes)
            as u32
    }

    pub(crate) fn next_wakeup(&self) -> Option<Time> {
        if !self.started {
            return Some(self.starts_at);
        }
        let work = self.work.front().map(|work| work.until);
        let onward = self.onward.as_ref().and_then(Onward::next_wakeup);
        let onward = onward.into_iter().chain(self.transform.as_ref().and_then(Transform::next_wakeup));
        work.into_iter().chain(onward).chain(self.source.next_wakeup()).min()
    }
}

/// Which delivery it is.
fn key_of(staged: &Staged) -> (Place, Offset, RequestId) {
    (staged.from.clone(), staged.record.offset, staged.session)
}

/// A sender that keeps its messages until they are done hears that one is.
fn tell_sender(staged: &Staged, out: &mut Out) {
    let Some(to) = receipt_to(&staged.record) else { return };
    if let Some(message) = staged.record.message_id() {
        out.send(to, Message::Processed { message });
    }
}

/// A program lost its broker in the middle of a message's transaction.
fn lost(staged: &Staged, unknown: bool, out: &mut Out) {
    if let Some(message) = staged.record.message_id() {
        out.event(Event::Queue(QueueEvent::TransactionLost { message, unknown }));
    }
}
