//! For how long was there no service? As long as somebody waited, and nothing went on.
//!
//! ```text
//!   sent          m1   m2   m3                  m4
//!   acknowledged    m1        ·  ·  ·  ·  m2,m3    m4
//!                             ├──────────┤               the longest pause: something waited, nothing was acknowledged
//! ```

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

    fn done(&mut self, now: Time, message: MessageId) {
        if !mark(&mut self.done, message) {
            return;
        }
        if is_marked(&self.wanted, message) {
            self.longest = self.longest_until(now);
            self.since = now;
            self.waiting -= 1;
        }
        self.last = Some(now);
    }

    /// The longest pause until now.
    pub(super) fn longest_until(&self, now: Time) -> Span {
        let present = if self.waiting > 0 { now.since(self.since) } else { Span::ZERO };
        self.longest.max(present)
    }
}

/// Both directions.
#[derive(Clone, Debug, Default)]
pub(super) struct Pauses {
    /// From sent to acknowledged.
    pub(super) storing: Pause,
    /// From sent to processed.
    pub(super) delivering: Pause,
    first_sent: Option<Time>,
}

impl Pauses {
    pub(super) fn observe(&mut self, Stamped { at, event, .. }: &Stamped) {
        match event {
            Event::Sent { messages, .. } => {
                self.first_sent.get_or_insert(*at);
                for message in messages.iter() {
                    self.storing.want(*at, *message);
                    self.delivering.want(*at, *message);
                }
            }
            Event::Acknowledged { messages, .. } => {
                messages.iter().for_each(|message| self.storing.done(*at, *message));
            }
            Event::Processed { messages, .. } => {
                messages.iter().for_each(|message| self.delivering.done(*at, *message));
            }
            _ => {}
        }
    }

    /// From the first message sent to the last one processed.
    pub(super) fn took(&self) -> Option<Span> {
        Some(self.delivering.last?.since(self.first_sent?))
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
