//! How long was a message on its way, and for how long was there no service? No service is as long as somebody waits, and
//! nothing goes on.
//!
//! ```text
//!   sent          m1   m2   m3                  m4
//!   acknowledged    m1        ·  ·  ·  ·  m2,m3    m4
//!                             ├──────────┤               the longest pause: something waited, nothing was acknowledged
//! ```

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use crate::ids::MessageId;
use crate::observe::{Event, Stamped};
use crate::time::{Span, Time};

/// One direction: from being wanted to being done.
#[derive(Clone, Debug, Default)]
pub(super) struct Pause {
    /// What was wanted, and what of it was done, by number of the message.
    wanted: Vec<bool>,
    done: Vec<bool>,
    waiting: u64,
    /// Since when something has waited without any progress.
    since: Time,
    longest: Span,
    last: Option<Time>,
}

/// Marks a message; whether that is news.
fn mark(all: &mut Vec<bool>, message: MessageId) -> bool {
    let at = message.0 as usize;
    if all.len() <= at {
        all.resize(at + 1, false);
    }
    !core::mem::replace(&mut all[at], true)
}

fn is_marked(all: &[bool], message: MessageId) -> bool {
    all.get(message.0 as usize).copied().unwrap_or_default()
}

impl Pause {
    fn want(&mut self, now: Time, message: MessageId) {
        if mark(&mut self.wanted, message) && !is_marked(&self.done, message) {
            if self.waiting == 0 {
                self.since = now;
            }
            self.waiting += 1;
        }
    }

    /// Whether that is news.
    fn done(&mut self, now: Time, message: MessageId) -> bool {
        if !mark(&mut self.done, message) {
            return false;
        }
        if is_marked(&self.wanted, message) {
            self.longest = self.longest_until(now);
            self.since = now;
            self.waiting -= 1;
        }
        self.last = Some(now);
        true
    }

    /// The longest pause until now.
    pub(super) fn longest_until(&self, now: Time) -> Span {
        let present = if self.waiting > 0 && now > self.since { now.since(self.since) } else { Span::ZERO };
        self.longest.max(present)
    }
}

/// What is watched of a run, from the moment on at which a program hands a message over: what its client gathers before it
/// sends, the message waits for all the same.
#[derive(Clone, Debug, Default)]
pub(super) struct Watch {
    /// From handed over to acknowledged.
    pub(super) storing: Pause,
    /// From handed over to processed.
    pub(super) delivering: Pause,
    /// When each message was handed over, from number 1 on.
    handed: Vec<Time>,
    /// How long those were on their way that arrived.
    took: Vec<Span>,
    /// When something was decided of each message last, from number 1 on.
    decided: Vec<Time>,
    /// How many were lost when that was looked at last, and which of them were seen.
    lost: usize,
    seen_lost: Vec<bool>,
}

impl Watch {
    /// So many messages were handed over by now.
    pub(super) fn handed(&mut self, now: Time, messages: usize) {
        while self.handed.len() < messages {
            self.handed.push(now);
            let message = MessageId(self.handed.len() as u64);
            self.storing.want(now, message);
            self.delivering.want(now, message);
        }
    }

    pub(super) fn observe(&mut self, Stamped { at, event, .. }: &Stamped) {
        match event {
            Event::Acknowledged { messages, .. } => {
                for message in messages.iter() {
                    let is_news = self.storing.done(*at, *message);
                    if is_news && !is_marked(&self.delivering.done, *message) {
                        self.decide(*at, *message);
                    }
                }
            }
            Event::Processed { messages, .. } => {
                for message in messages.iter() {
                    self.decide(*at, *message);
                    if self.delivering.done(*at, *message)
                        && let Some(handed) = self.handed.get((message.0 as usize).saturating_sub(1))
                    {
                        self.took.push(at.since(*handed));
                    }
                }
            }
            _ => {}
        }
    }

    /// These are lost by now.
    pub(super) fn judged(&mut self, now: Time, lost: &BTreeSet<MessageId>) {
        if lost.len() > self.lost {
            for message in lost {
                if mark(&mut self.seen_lost, *message) {
                    self.decide(now, *message);
                }
            }
        }
        self.lost = lost.len();
    }

    fn decide(&mut self, at: Time, message: MessageId) {
        let Some(place) = (message.0 as usize).checked_sub(1) else { return };
        if self.decided.len() <= place {
            self.decided.resize(place + 1, Time::ZERO);
        }
        self.decided[place] = at;
    }

    /// When something was decided of each of so many messages last.
    pub(super) fn decided(&mut self, messages: u64) -> Vec<Time> {
        let mut decided = core::mem::take(&mut self.decided);
        decided.resize(messages as usize, Time::ZERO);
        decided
    }

    /// Whether anything was ever acknowledged: some producers do not ask for it.
    pub(super) fn acknowledges(&self) -> bool {
        self.storing.last.is_some()
    }

    /// When something was processed last; at the beginning when nothing was.
    pub(super) fn last_delivery(&self) -> Time {
        self.delivering.last.unwrap_or(Time::ZERO)
    }

    /// From the first message handed over to the last one processed.
    pub(super) fn took(&self) -> Option<Span> {
        Some(self.delivering.last?.since(*self.handed.first()?))
    }

    /// How long so many of a hundred messages were on their way at most, of those that arrived.
    pub(super) fn percentiles(mut self, of: [usize; 3]) -> [Span; 3] {
        self.took.sort_unstable();
        of.map(|hundredth| {
            let at = (self.took.len() * hundredth).div_ceil(100).saturating_sub(1);
            self.took.get(at).copied().unwrap_or(Span::ZERO)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_only_where_somebody_waits() {
        let mut pause = Pause::default();
        pause.want(Time(10), MessageId(1));
        pause.done(Time(15), MessageId(1));
        assert_eq!(pause.longest_until(Time(1_000)), Span(5), "nobody waits any more");
        pause.want(Time(1_000), MessageId(2));
        pause.want(Time(1_010), MessageId(3));
        pause.done(Time(1_030), MessageId(2));
        pause.done(Time(1_090), MessageId(3));
        assert_eq!(pause.longest_until(Time(9_000)), Span(60), "from one success to the next");
        pause.want(Time(9_000), MessageId(4));
        assert_eq!(pause.longest_until(Time(9_100)), Span(100), "it goes on");
        pause.done(Time(9_200), MessageId(2));
        assert_eq!(pause.longest_until(Time(9_200)), Span(200), "done twice is no progress");
    }
}
