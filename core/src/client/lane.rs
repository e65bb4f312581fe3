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
//! Several requests may be on their way: see `in_flight.rs`.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;
use core::ops::Range;

use super::in_flight::InFlight;
use crate::broker::{Out, RequestId};
use crate::ids::MessageId;
use crate::observe::{Event, Place, QueueEvent, Refusal};
use crate::record::{BatchBuilder, Batches, NewRecord};
use crate::time::Time;

/// A message that is not known to be stored.
#[derive(Clone, Debug)]
pub(super) struct Unstored {
    pub(super) id: MessageId,
    pub(super) record: NewRecord,
    pub(super) attempts: u32,
}

/// What waits for one place.
#[derive(Clone, Debug, Default)]
pub(super) struct Lane {
    pub(super) waiting: VecDeque<Unstored>,
    /// The requests on their way; their messages are the first that wait.
    pub(super) in_flight: InFlight,
    /// How many of those that are to go next went before.
    pub(super) again: usize,
    /// Nothing is sent before this moment.
    pub(super) not_before: Time,
    /// Why the last request was refused, if it asked to wait.
    pub(super) refused: Option<Refusal>,
}

impl Lane {
    /// The lane that made a request.
    pub(super) fn of(lanes: &mut BTreeMap<Place, Self>, id: RequestId) -> Option<(Place, &mut Self)> {
        lanes.iter_mut().find(|(_, lane)| lane.in_flight.has(id)).map(|(place, lane)| (place.clone(), lane))
    }

    /// The messages to go next, and how many they are. After a failure the same come again.
    pub(super) fn next_batch(&self, most: usize) -> (usize, Batches) {
        let mut builder = BatchBuilder::new();
        let mut count = 0;
        for message in self.waiting.iter().skip(self.in_flight.messages()).take(most) {
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
                    place => Event::Acknowledged { by: place.clone(), message: id },
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
        let mut at = self.in_flight.messages();
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
    }
}

fn gave_up(message: MessageId, why: Refusal) -> Event {
    Event::Queue(QueueEvent::GaveUp { message: Some(message), why })
}
