//! How does a queue survive a restart? Two logs: its messages, and its *cursor*, which says what became of them.
//!
//! ```text
//!   messages   │ m0 │ m1 │ m2 │ m3 │ m4 │            a record each, at the message's offset
//!   cursor     │ delivered 0..3 │ done 0 │ done 2 │  runs of offsets
//!   ───────────────────────────────────────────────
//!   after a restart: m1 (delivered once before), m3, m4
//! ```
//!
//! What is sent or settled is gathered here and written by [`Journal::commit`], once for a burst; nothing that depends
//! on it may leave the queue's owner before. Messages are flushed before the cursor, so that the cursor never speaks
//! of a message that is not there.
//!
//! The cursor would grow for ever beside a message that is never settled. When it is much longer than what it
//! describes, it is written anew and its old part given up.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use bytes::{BufMut as _, Bytes};

use crate::ids::{Epoch, LogName, Name, Offset};
use crate::log::{Log, LogError, Slice as _, Storage, StorageError};
use crate::message::Message;
use crate::record::{BatchBuilder, Batches, NewRecord, Record};

/// How many bytes are read at once when a queue is recovered.
const RECOVERY_BYTES: u32 = 1024 * 1024;
/// How many bytes are read at once when messages are needed that memory no longer has.
const PAGE_BYTES: u32 = 64 * 1024;
/// What is gathered is written when it has so many bytes, without waiting for the end of the burst.
const GATHERED_BYTES_MAX: usize = 1024 * 1024;
/// The cursor is written anew when it has this many records more than four for each message that is held.
const CURSOR_SLACK: u64 = 4096;

/// The record header of a message that was moved: the offset that it had before, and has no more.
const MOVED_FROM: &str = "mq-moved-from";

/// What a cursor record says of a run of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Note {
    /// Each was delivered once more.
    Delivered,
    /// Each is gone for good.
    Done,
    /// Each was delivered so often: takes the place of what was said before.
    Count(u32),
}

/// A message that a restart found.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) message: Message,
    /// When it was stored, in milliseconds.
    pub(super) stored_ms: i64,
    pub(super) deliveries: u32,
}

/// The logs of a queue.
#[derive(Clone, Debug)]
pub(super) struct Journal<L> {
    messages: L,
    cursor: L,
    gathered: Gathered,
    notes: Vec<(Note, Offset, u64)>,
}

/// Messages that are not in the log yet: consecutive ones, which go into one batch.
#[derive(Clone, Debug, Default)]
struct Gathered {
    base: Offset,
    count: u64,
    batch: BatchBuilder,
}

impl<L: Log> Journal<L> {
    pub(super) fn open<S: Storage<Log = L>>(
        storage: &mut S,
        name: &Name,
    ) -> Result<Self, LogError<StorageError<S>>> {
        let messages = storage.open(&LogName::Queue(name.clone()))?;
        let cursor = storage.open(&LogName::QueueCursor(name.clone()))?;
        Ok(Self { messages, cursor, gathered: Gathered::default(), notes: Vec::new() })
    }

    pub(super) fn close<S: Storage<Log = L>>(
        mut self,
        storage: &mut S,
        name: Name,
    ) -> Result<(), LogError<StorageError<S>>> {
        // What a process wrote outlives it; if the log refuses to take it, it was never promised to anyone.
        let written = self.commit();
        storage.close(&LogName::Queue(name.clone()), self.messages)?;
        storage.close(&LogName::QueueCursor(name), self.cursor)?;
        match written {
            Err(LogError::Refusing) => Ok(()),
            other => other,
        }
    }

    /// Reads what the logs hold: the messages that are not done, by offset, and where the next one goes. That is
    /// never an offset that was used before, even if its message was lost.
    pub(super) fn recover(&self) -> Result<(BTreeMap<Offset, Found>, Offset), LogError<L::Error>> {
        let (mut next, mut moved) = (self.messages.end(), BTreeSet::new());
        let mut found = BTreeMap::new();
        read_all(&self.messages, |batches| {
            for record in batches.records() {
                moved.extend(moved_from(&record));
                let message = Message::from_record(&record);
                let entry = Found { message, stored_ms: record.timestamp, deliveries: 0 };
                found.insert(record.offset, entry);
            }
        })?;
        read_all(&self.cursor, |batches| {
            for record in batches.records() {
                let Some((note, first, count)) = to_note(&record) else { continue };
                let last = Offset(first.0.saturating_add(count));
                next = next.max(last);
                let run = found.range_mut(first..last);
                match note {
                    Note::Delivered => run.for_each(|(_, entry)| entry.deliveries += 1),
                    Note::Count(deliveries) => run.for_each(|(_, entry)| entry.deliveries = deliveries),
                    Note::Done => {
                        let gone: Vec<Offset> = run.map(|(&offset, _)| offset).collect();
                        for offset in gone {
                            found.remove(&offset);
                        }
                    }
                }
            }
        })?;
        for offset in moved {
            found.remove(&offset);
        }
        Ok((found, next))
    }

    /// Gathers a message for the log.
    pub(super) fn store(
        &mut self,
        offset: Offset,
        message: &Message,
        stored_ms: i64,
        moved: Option<Offset>,
    ) -> Result<(), LogError<L::Error>> {
        if self.gathered.base.plus(self.gathered.count) != offset
            || self.gathered.batch.len() > GATHERED_BYTES_MAX
        {
            self.write_messages()?;
        }
        if self.gathered.count == 0 {
            self.gathered.base = offset;
        }
        let mut record = message.to_record(stored_ms);
        if let Some(from) = moved {
            let value = Bytes::copy_from_slice(&from.0.to_be_bytes());
            record.headers.push((Bytes::from_static(MOVED_FROM.as_bytes()), Some(value)));
        }
        if self.gathered.batch.push(&record).is_err() {
            self.write_messages()?;
            self.gathered.base = offset;
            self.gathered.batch.push(&record).expect("its size was checked when it was sent");
        }
        self.gathered.count += 1;
        Ok(())
    }

    /// Gathers what became of a message. Runs of neighbours become one record.
    pub(super) fn note(&mut self, note: Note, offset: Offset) {
        if let Some((last, first, count)) = self.notes.last_mut()
            && *last == note
            && first.plus(*count) == offset
        {
            *count += 1;
            return;
        }
        self.notes.push((note, offset, 1));
    }

    fn write_messages(&mut self) -> Result<(), LogError<L::Error>> {
        if self.gathered.count == 0 {
            return Ok(());
        }
        let Gathered { base, batch, .. } = core::mem::take(&mut self.gathered);
        self.messages.append(&batch.build().stamped(base, Epoch(0)))
    }

    fn write_notes(&mut self) -> Result<(), LogError<L::Error>> {
        let mut batch = BatchBuilder::new();
        for (note, first, count) in self.notes.drain(..) {
            batch.push(&to_record(note, first, count)).expect("a burst's notes fit in a batch");
        }
        self.cursor.append(&batch.build().stamped(self.cursor.end(), Epoch(0)))
    }

    /// Writes what was gathered; it is not durable yet.
    pub(super) fn commit(&mut self) -> Result<(), LogError<L::Error>> {
        self.write_messages()?;
        if self.notes.is_empty() { Ok(()) } else { self.write_notes() }
    }

    /// Whether something is not durable.
    pub(super) fn is_dirty(&self) -> bool {
        self.gathered.count > 0
            || !self.notes.is_empty()
            || self.messages.durable() < self.messages.end()
            || self.cursor.durable() < self.cursor.end()
    }

    /// Writes the messages that were gathered, and not what became of any.
    pub(super) fn commit_messages(&mut self) -> Result<(), LogError<L::Error>> {
        self.write_messages()
    }

    /// [`commit_messages`](Self::commit_messages), and makes them durable.
    pub(super) fn flush_messages(&mut self) -> Result<(), LogError<L::Error>> {
        self.write_messages()?;
        flush_if_dirty(&mut self.messages)
    }

    /// Writes what was gathered and makes everything durable.
    pub(super) fn flush(&mut self) -> Result<(), LogError<L::Error>> {
        self.commit()?;
        flush_if_dirty(&mut self.messages)?;
        flush_if_dirty(&mut self.cursor)
    }

    /// Lets the logs drop what is needed no more: every message before `first`, or all when the queue is empty.
    pub(super) fn forget(&mut self, first: Option<Offset>) -> Result<(), LogError<L::Error>> {
        match first {
            Some(first) if first > self.messages.start() => {
                self.messages.trim(first.min(self.messages.end()))
            }
            Some(_) => Ok(()),
            None => {
                self.messages.trim(self.messages.end())?;
                self.cursor.trim(self.cursor.end())
            }
        }
    }

    /// Whether the cursor is much longer than what it describes.
    pub(super) fn is_cursor_long(&self, held: usize) -> bool {
        self.cursor.end().0 - self.cursor.start().0 > 4 * held as u64 + CURSOR_SLACK
    }

    /// Writes the cursor anew from what is held (offset and deliveries, by offset), and gives up its old part.
    pub(super) fn compact(
        &mut self,
        held: impl Iterator<Item = (Offset, u32)>,
        next: Offset,
    ) -> Result<(), LogError<L::Error>> {
        self.commit()?;
        let start = self.cursor.end();
        let mut at = self.messages.start();
        for (offset, deliveries) in held {
            if offset > at {
                self.notes.push((Note::Done, at, offset.0 - at.0));
            }
            if deliveries > 0 {
                self.note(Note::Count(deliveries), offset);
            }
            at = offset.next();
        }
        if next > at {
            self.notes.push((Note::Done, at, next.0 - at.0));
        }
        self.commit()?;
        self.messages.flush()?;
        self.cursor.flush()?;
        self.cursor.trim(start)
    }

    /// Reads a page of messages from the log, beginning with the one at `offset`.
    pub(super) fn page(&mut self, offset: Offset) -> Result<Vec<(Offset, Message)>, LogError<L::Error>> {
        if self.gathered.count > 0 && offset >= self.gathered.base {
            self.write_messages()?;
        }
        let batches = self.messages.read(offset, self.messages.end(), PAGE_BYTES)?.load()?;
        let from = |record: Record| {
            (record.offset >= offset).then(|| (record.offset, Message::from_record(&record)))
        };
        Ok(batches.records().filter_map(from).collect())
    }

    /// Whether a message is in the log, and not only gathered.
    pub(super) fn has_written(&self, offset: Offset) -> bool {
        offset < self.messages.end()
    }
}

/// Shows `see` everything that a log holds, piece by piece, so that no more than a piece is in memory.
pub(super) fn read_all<L: Log>(log: &L, mut see: impl FnMut(&Batches)) -> Result<(), LogError<L::Error>> {
    let mut at = log.start();
    while at < log.end() {
        let piece = log.read(at, log.end(), RECOVERY_BYTES)?.load()?;
        let Some(next) = piece.next() else { break };
        at = next;
        see(&piece);
    }
    Ok(())
}

fn flush_if_dirty<L: Log>(log: &mut L) -> Result<(), LogError<L::Error>> {
    if log.durable() < log.end() { log.flush() } else { Ok(()) }
}

fn moved_from(record: &Record) -> Option<Offset> {
    let header = record.headers.iter().find(|header| &header.name[..] == MOVED_FROM.as_bytes())?;
    Some(Offset(u64::from_be_bytes(header.value.as_deref()?.try_into().ok()?)))
}

/// A note as a record: the key is the first offset; the value a letter, how many it is about, and for a count the
/// number of deliveries.
fn to_record(note: Note, first: Offset, count: u64) -> NewRecord {
    let mut value = Vec::with_capacity(13);
    let (letter, deliveries) = match note {
        Note::Delivered => (b'd', None),
        Note::Done => (b'a', None),
        Note::Count(deliveries) => (b'c', Some(deliveries)),
    };
    value.put_u8(letter);
    value.put_u64(count);
    if let Some(deliveries) = deliveries {
        value.put_u32(deliveries);
    }
    let key = Bytes::copy_from_slice(&first.0.to_be_bytes());
    NewRecord { key: Some(key), value: Some(value.into()), ..NewRecord::default() }
}

fn to_note(record: &Record) -> Option<(Note, Offset, u64)> {
    let first = Offset(u64::from_be_bytes(record.key.as_deref()?.try_into().ok()?));
    let (letter, rest) = record.value.as_deref()?.split_first()?;
    let (count, rest) =
        rest.split_first_chunk::<8>().map_or((1, rest), |(count, rest)| (u64::from_be_bytes(*count), rest));
    let note = match letter {
        b'd' => Note::Delivered,
        b'a' => Note::Done,
        b'c' => Note::Count(u32::from_be_bytes(rest.try_into().ok()?)),
        _ => return None,
    };
    Some((note, first, count))
}
