//! What became of each message? The cursor says it, record by record; taken together its records say where each message
//! stands after a restart.
//!
//! ```text
//!   delivered 0..3 │ done 0 │ leased 1, until 12:00:30 │ waits 2, until 12:05:00 │ done 1
//!   ──────────────────────────────────────────────────────────────────────────────
//!   0, 1: gone    2: delivered once, hidden until 12:05:00
//! ```
//!
//! A *lease* is a delivery that outlives the process that asked for it: until it ends, or is settled, nobody else gets the
//! message, whoever opens the queue. What is said later takes the place of what was said before; but deliveries add up.
//!
//! What real systems do: Amazon SQS hides a received message for its visibility timeout, and its broker, which outlives
//! every consumer, remembers until when. RocketMQ's pop consumer writes a checkpoint for each delivery into a topic of its
//! own, with the same purpose.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use bytes::{BufMut as _, Bytes};

use crate::ids::Offset;
use crate::record::{NewRecord, Record};
use crate::time::Time;

/// What a cursor record says of a run of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Note {
    /// Each was delivered once more.
    Delivered,
    /// Each is gone for good.
    Done,
    /// Each was delivered so often, and is free: takes the place of what was said before.
    Count(u32),
    /// Each was delivered once more, to somebody who has it until then.
    Leased(Time),
    /// Each is with nobody any more, and is not delivered before then.
    Waits(Time),
}

/// Where a message stands, as far as the cursor knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Stands {
    /// It may be delivered. Whoever has it, has it no more after a restart.
    #[default]
    Free,
    /// Somebody has it until then, also after a restart.
    Leased(Time),
    /// It waits for this moment, also after a restart.
    Waits(Time),
}

/// What the cursor says of a message that is not gone.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    /// The last count, if there was one.
    count: Option<u32>,
    /// The deliveries since.
    since: u32,
    stands: Stands,
}

/// What the cursor says, taken together.
#[derive(Debug, Default)]
pub(super) struct Past {
    /// Runs of messages that are gone: the first of each, and the one after its last. No two touch.
    done: BTreeMap<Offset, Offset>,
    known: BTreeMap<Offset, Known>,
    /// The offset after the last that it speaks of.
    pub(super) next: Offset,
}

impl Past {
    /// Takes in what a record says. The messages' log ends at `end`.
    pub(super) fn learn(&mut self, note: Note, first: Offset, count: u64, end: Offset) {
        let last = Offset(first.0.saturating_add(count));
        self.next = self.next.max(last);
        if note == Note::Done {
            return self.learn_done(first, last);
        }
        // Of a message that the log does not have there is nothing to know.
        for offset in first.0..last.min(end).0 {
            let known = self.known.entry(Offset(offset)).or_default();
            match note {
                Note::Delivered => {
                    (known.since, known.stands) = (known.since.saturating_add(1), Stands::Free)
                }
                Note::Leased(until) => {
                    (known.since, known.stands) = (known.since.saturating_add(1), Stands::Leased(until));
                }
                Note::Waits(until) => known.stands = Stands::Waits(until),
                Note::Count(deliveries) => {
                    *known = Known { count: Some(deliveries), ..Known::default() };
                }
                Note::Done => {}
            }
        }
    }

    fn learn_done(&mut self, mut first: Offset, mut last: Offset) {
        while let Some((&from, &until)) = self.done.range(..=last).next_back()
            && until >= first
        {
            self.done.remove(&from);
            (first, last) = (first.min(from), last.max(until));
        }
        self.done.insert(first, last);
        while let Some((&offset, _)) = self.known.range(first..last).next() {
            self.known.remove(&offset);
        }
    }

    pub(super) fn is_done(&self, offset: Offset) -> bool {
        self.done.range(..=offset).next_back().is_some_and(|(_, &until)| until > offset)
    }

    /// How often a message was delivered, of which its own record says `before`; and where it stands.
    pub(super) fn of(&self, offset: Offset, before: u32) -> (u32, Stands) {
        let Known { count, since, stands } = self.known.get(&offset).copied().unwrap_or_default();
        (count.unwrap_or(before).saturating_add(since), stands)
    }
}

/// A note as a record: the key is the first offset; the value a letter, how many it is about, and what the letter asks
/// for: a number of deliveries, or a moment in microseconds.
pub(super) fn to_record(note: Note, first: Offset, count: u64) -> NewRecord {
    let mut value = Vec::with_capacity(17);
    let letter = match note {
        Note::Delivered => b'd',
        Note::Done => b'a',
        Note::Count(_) => b'c',
        Note::Leased(_) => b'l',
        Note::Waits(_) => b'w',
    };
    value.put_u8(letter);
    value.put_u64(count);
    match note {
        Note::Delivered | Note::Done => {}
        Note::Count(deliveries) => value.put_u32(deliveries),
        Note::Leased(until) | Note::Waits(until) => value.put_u64(until.0),
    }
    let key = Bytes::copy_from_slice(&first.0.to_be_bytes());
    NewRecord { key: Some(key), value: Some(value.into()), ..NewRecord::default() }
}

/// The same backwards; `None` for what no version has written that this one knows.
pub(super) fn to_note(record: &Record) -> Option<(Note, Offset, u64)> {
    let first = Offset(u64::from_be_bytes(record.key.as_deref()?.try_into().ok()?));
    let (letter, rest) = record.value.as_deref()?.split_first()?;
    let (count, rest) =
        rest.split_first_chunk::<8>().map_or((1, rest), |(count, rest)| (u64::from_be_bytes(*count), rest));
    let moment = || Some(Time(u64::from_be_bytes(rest.try_into().ok()?)));
    let note = match letter {
        b'd' => Note::Delivered,
        b'a' => Note::Done,
        b'c' => Note::Count(u32::from_be_bytes(rest.try_into().ok()?)),
        b'l' => Note::Leased(moment()?),
        b'w' => Note::Waits(moment()?),
        _ => return None,
    };
    Some((note, first, count))
}
