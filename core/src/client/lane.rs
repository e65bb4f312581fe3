//! What waits for one place? A line of messages; the first of them may be on their way.
//!
//! ```text
//!   waiting:  m4  m5  m6  m7  m8 …          in flight: m4 m5 m6, one request
//!             └── in flight ──┘
//!
//!   answer to it                    m4 m5 m6
//!   stored                          leave the line
//!   stored, but m5 refused          m4 m6 leave, m5 is first again, and waits a while
//!   stored, but m5 refused for good all leave: m5 is given up, or it would stop the line for ever
//!   refused, or no answer           go again first, after a while
//! ```
//!
//! Several requests may be on their way: see `in_flight.rs`. Where each message is stored once, batches leave the line
//! when they get their numbers: see `numbered.rs`.

use alloc::collections::{BTreeSet, VecDeque};
use alloc::vec::Vec;
use core::ops::Range;

use super::identity::ProducerId;
use super::in_flight::InFlight;
use super::numbered::{Next, Numbered};
use crate::broker::{Out, RequestId};
use crate::ids::MessageId;
use crate::observe::{Event, Place, QueueEvent, Refusal};
use crate::record::{BATCH_HEADER_BYTES, BatchBuilder, Batches, NewRecord};
use crate::time::{Span, Time};

/// A message that is not known to be stored.
#[derive(Clone, Debug)]
pub(super) struct Unstored {
    pub(super) id: MessageId,
    pub(super) record: NewRecord,
    pub(super) attempts: u32,
    /// When it was handed over.
    pub(super) since: Time,
    /// The most bytes that it takes in a batch, and how many those before it in its line take with it: the difference
    /// between two messages says what lies between them, however many they are.
    bytes: usize,
    upto: usize,
}

impl Unstored {
    /// A message that was just handed over, and was sent so often before.
    pub(super) fn new(id: MessageId, record: NewRecord, attempts: u32, since: Time) -> Self {
        let bytes = record.bytes_max();
        Self { id, record, attempts, since, bytes, upto: bytes }
    }
}

/// When a batch is full, and when a lane may send one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    /// A batch has at most so many messages.
    pub(super) records: usize,
    /// And, if it has more than one, at most so many bytes.
    pub(super) bytes: usize,
    /// So many requests may be on their way.
    pub(super) in_flight_max: u32,
    /// One that is not full waits so long for more.
    pub(super) linger: Span,
    /// Whether batches get numbers.
    pub(super) numbers: bool,
    /// Whose numbers, if that is known.
    pub(super) me: Option<ProducerId>,
}

/// What waits for one place.
#[derive(Clone, Debug, Default)]
pub(super) struct Lane {
    pub(super) waiting: VecDeque<Unstored>,
    /// The requests on their way; their messages are the first that wait.
    pub(super) in_flight: InFlight,
    /// Batches that have their numbers; their messages are before all that wait.
    pub(super) numbered: Numbered,
    /// How many of those that are to go next went before.
    pub(super) again: usize,
    /// Nothing is sent before this moment.
    pub(super) not_before: Time,
    /// Why the last request was refused, if it asked to wait.
    pub(super) refused: Option<Refusal>,
}

impl Lane {
    /// Whether it made a request that is not answered.
    pub(super) fn asked(&self, id: RequestId) -> bool {
        self.in_flight.has(id) || self.numbered.has(id)
    }

    /// Whether nothing waits here, nothing is on its way, and the numbers are in order.
    pub(super) fn is_idle(&self) -> bool {
        let is_empty = self.waiting.is_empty() && self.in_flight.is_empty() && self.numbered.is_empty();
        is_empty && !self.numbered.must_begin_anew()
    }

    /// Puts a message behind all that wait.
    pub(super) fn push(&mut self, mut message: Unstored) {
        message.upto = message.bytes + self.waiting.back().map_or(0, |last| last.upto);
        self.waiting.push_back(message);
    }

    /// Counts the bytes of what waits anew from some place on: something was put there, or taken away.
    fn count_anew(&mut self, from: usize) {
        let before = from.checked_sub(1).and_then(|before| self.waiting.get(before));
        let mut upto = before.map_or(0, |before| before.upto);
        for message in self.waiting.range_mut(from..) {
            upto += message.bytes;
            message.upto = upto;
        }
    }

    /// All that is not known to be stored.
    pub(super) fn held(&self) -> impl Iterator<Item = &Unstored> {
        self.numbered.messages().chain(&self.waiting)
    }

    /// How many messages make the next batch, and whether it is full.
    pub(super) fn next_size(&self, rules: &Rules) -> (usize, bool) {
        let first = self.in_flight.messages();
        let waiting = self.waiting.len() - first;
        if let (Some(next), Some(last)) = (self.waiting.get(first), self.waiting.back()) {
            // All of it, as mostly; else what is in the batch must be counted.
            let bytes = BATCH_HEADER_BYTES + last.upto - (next.upto - next.bytes);
            if waiting <= rules.records && (waiting == 1 || bytes <= rules.bytes) {
                return (waiting, waiting == rules.records || bytes >= rules.bytes);
            }
        }
        let (mut count, mut bytes) = (0, BATCH_HEADER_BYTES);
        for message in self.waiting.range(first..) {
            let with_it = bytes + message.bytes;
            if count == rules.records || (count > 0 && with_it > rules.bytes) {
                return (count, true);
            }
            (count, bytes) = (count + 1, with_it);
        }
        (count, count == rules.records || bytes >= rules.bytes)
    }

    /// What may be sent next, and from when on.
    pub(super) fn next(&self, rules: &Rules) -> Option<(Next, Time)> {
        let next = match rules.numbers {
            true => self.numbered.next(rules.in_flight_max, rules.me)?,
            false if self.in_flight.has_room(rules.in_flight_max) => Next::New,
            false => return None,
        };
        if next == Next::Again {
            return Some((next, self.not_before));
        }
        let first = self.waiting.get(self.in_flight.messages())?;
        let at_once = rules.linger == Span::ZERO || self.again > 0 || self.next_size(rules).1;
        let ready = if at_once { Time::ZERO } else { first.since + rules.linger };
        Some((next, self.not_before.max(ready)))
    }

    /// When the first message will be too old, if it may be so old at most. (A line is in the order in which messages
    /// were handed over, but for some that came back: those are given up when they are first.)
    pub(super) fn overdue_at(&self, after: Span) -> Option<Time> {
        let next = self.waiting.get(self.in_flight.messages());
        let waiting = self.waiting.front().into_iter().chain(next).map(|message| message.since);
        self.numbered.oldest().into_iter().chain(waiting).min().map(|since| since + after)
    }

    /// Gives up what is too old; of what is on its way, whole batches by their first message. Returns it.
    pub(super) fn give_up_overdue(&mut self, now: Time, after: Span, out: &mut Out) -> Vec<MessageId> {
        let mut old: Vec<Unstored> = self.numbered.give_up(now, after);
        let is_old = |message: Option<&Unstored>| message.is_some_and(|message| message.since + after <= now);
        while !self.in_flight.is_empty()
            && is_old(self.waiting.front())
            && let Some(count) = self.in_flight.forget_first()
        {
            old.extend(self.waiting.drain(..count));
        }
        while let at = self.in_flight.messages()
            && is_old(self.waiting.get(at))
        {
            old.extend(self.waiting.remove(at));
            self.again = self.again.saturating_sub(1);
        }
        let ids: Vec<MessageId> = old.iter().map(|message| message.id).collect();
        ids.iter().for_each(|&id| out.event(gave_up(id, Refusal::Overdue)));
        ids
    }

    /// The messages to go next, and how many they are. After a failure the same come again.
    pub(super) fn next_batch(&self, rules: &Rules) -> (usize, Batches) {
        let mut builder = BatchBuilder::new();
        let mut count = 0;
        let most = self.next_size(rules).0;
        let next = self.waiting.range(self.in_flight.messages()..).take(most);
        builder.reserve(BATCH_HEADER_BYTES + next.map(|message| message.bytes).sum::<usize>());
        for message in self.waiting.range(self.in_flight.messages()..).take(most) {
            if builder.push(&message.record).is_err() {
                break; // the batch is full; the rest goes in the next
            }
            count += 1;
        }
        (count, builder.build())
    }

    /// The messages of a request are stored, except for what was returned, and for what was refused: that is tried
    /// again, where it is not in vain. Returns what is given up.
    pub(super) fn stored(
        &mut self,
        place: &Place,
        messages: Range<usize>,
        refused: &[(u32, Refusal)],
        returned: &BTreeSet<MessageId>,
        retry: Time,
        out: &mut Out,
    ) -> Vec<MessageId> {
        let (mut again, mut given_up) = (Vec::new(), Vec::new());
        for (number, message) in (0..).zip(self.waiting.drain(messages)) {
            let id = message.id;
            match refused.iter().find(|(place, _)| *place == number) {
                Some(&(_, why)) if why.is_final() => {
                    out.event(gave_up(id, why));
                    given_up.push(id);
                }
                Some(&(_, why)) => {
                    out.event(Event::NotStored { to: place.clone(), message: id, why });
                    again.push(message);
                }
                None => out.event(match place {
                    Place::Exchange(exchange) if returned.contains(&id) => {
                        Event::Queue(QueueEvent::Returned { exchange: exchange.clone(), message: id })
                    }
                    place => Event::Acknowledged { by: place.clone(), messages: id.into() },
                }),
            }
        }
        self.refused = (!again.is_empty()).then_some(Refusal::Full);
        if !again.is_empty() {
            self.not_before = retry;
        }
        self.goes_again(again);
        given_up
    }

    /// A numbered batch is stored: now, or long since. Its messages leave.
    pub(super) fn numbered_stored(&mut self, place: &Place, id: RequestId, out: &mut Out) {
        for message in self.numbered.stored(id).into_iter().flatten() {
            out.event(Event::Acknowledged { by: place.clone(), messages: message.id.into() });
        }
    }

    /// A numbered batch was refused: it waits at home, or is given up. Returns what is.
    pub(super) fn numbered_refused(
        &mut self,
        place: &Place,
        id: RequestId,
        why: Refusal,
        retry: Time,
        out: &mut Out,
    ) -> Vec<MessageId> {
        if why.is_final() {
            let never: Vec<MessageId> =
                self.numbered.never_stored(id).into_iter().flatten().map(|message| message.id).collect();
            never.iter().for_each(|&id| out.event(gave_up(id, why)));
            return never;
        }
        let refused = match why {
            Refusal::OutOfSequence => self.numbered.out_of_sequence(id),
            Refusal::ProducerEpoch => self.numbered.fenced(id),
            _ => self.numbered.refused(id),
        };
        let Some((messages, is_first)) = refused else { return Vec::new() };
        for message in messages {
            out.event(Event::NotStored { to: place.clone(), message, why });
        }
        if is_first {
            self.not_before = retry; // the others wait for it
        }
        Vec::new()
    }

    /// The messages of a request will never be stored. Returns them.
    pub(super) fn never_stored(
        &mut self,
        messages: Range<usize>,
        why: Refusal,
        out: &mut Out,
    ) -> Vec<MessageId> {
        let given_up: Vec<MessageId> = self.waiting.drain(messages).map(|message| message.id).collect();
        given_up.iter().for_each(|&id| out.event(gave_up(id, why)));
        given_up
    }

    /// The messages of a request are not stored: they will be sent again.
    pub(super) fn not_stored(
        &mut self,
        place: &Place,
        messages: Range<usize>,
        why: Refusal,
        retry: Time,
        out: &mut Out,
    ) {
        let again: Vec<Unstored> = self.waiting.drain(messages).collect();
        for message in &again {
            out.event(Event::NotStored { to: place.clone(), message: message.id, why });
        }
        self.goes_again(again);
        // A refusal for want of room is the queue's: an alarm is told apart, by name.
        self.refused = matches!(why, Refusal::Full | Refusal::Blocked).then_some(Refusal::Full);
        self.not_before = retry;
    }

    /// These go again, before all that never went, and among those that go again in their old order.
    fn goes_again(&mut self, messages: Vec<Unstored>) {
        if messages.is_empty() {
            return;
        }
        let first = self.in_flight.messages();
        let mut at = first;
        for message in messages {
            let end = self.in_flight.messages() + self.again;
            let older = |other: &Unstored| other.id < message.id;
            while at < end && self.waiting.get(at).is_some_and(older) {
                at += 1;
            }
            self.waiting.insert(at, message);
            self.again += 1;
            at += 1;
        }
        self.count_anew(first);
    }
}

pub(super) fn gave_up(message: MessageId, why: Refusal) -> Event {
    Event::Queue(QueueEvent::GaveUp { message: Some(message), why })
}
