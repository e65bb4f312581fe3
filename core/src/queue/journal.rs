//! How does a queue survive a restart? Two logs: its messages, and its *cursor*, which says what became of them.
//!
//! ```text
//!   messages   │ m0 │ m1 │ m2 │ m3 │ m4 │            a record each, at the message's offset
//!   cursor     │ delivered 0..3 │ done 0 │ done 2 │  runs of offsets
//!   ───────────────────────────────────────────────
//!   after a restart: m1 (delivered once before), m3, m4
//!
//!   messages   │ m0 │ m1 │ m2 from 0, delivered 1 │    a message that changed its place is stored anew; its new record
//!   ───────────────────────────────────────────────   ends the old one, and the cursor is not asked about it
//!   after a restart: m1, m2
//! ```
//!
//! What is sent or settled is gathered here and written by [`Journal::commit`], once for a burst; nothing that depends
//! on it may leave the queue's owner before. A power cut may take the unflushed end of each log, of one more than of
//! the other; so nothing in one log may be needed for what is durable in the other:
//!
//! * the cursor ends no message because of another record that may be lost (a move ends the old place by itself);
//! * a message that moved is not forgotten at its old place before it is durable at the new one;
//! * an offset that the cursor speaks of is not given again, though its message may be lost.
//!
//! A full disk is no failure: what was gathered stays gathered, and is written when there is room ([`Journal::commit`] tries
//! it each time). So that memory stays bounded, the queue takes no new messages when [`UNWRITTEN_BYTES_MAX`] wait; and when
//! more became of messages than [`NOTES_MAX`] notes say, the notes are dropped and the cursor is written anew from what the
//! queue holds. No acknowledgement is ever lost by it.
//!
//! The cursor would grow for ever. When it is much longer than what it describes, it is written anew, after the
//! messages are durable, and its old part given up. Logs may keep more than they must (files keep whole segments), so
//! what is old is also read over without harm: the new part says all.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::cursor::{Note, Past, Stands, to_note, to_record};
use crate::ids::{Epoch, LogName, Name, Offset};
use crate::log::{Log, LogError, Slice as _, Storage, StorageError, read_all};
use crate::message::Message;
use crate::record::{BatchBuilder, Batches, Malformed, Record};

/// How many bytes are read at once when messages are needed that memory no longer has.
const PAGE_BYTES: u32 = 64 * 1024;
/// What is gathered is written when it has so many bytes, without waiting for the end of the burst.
const GATHERED_BYTES_MAX: usize = 1024 * 1024;
/// The cursor is written anew when it has this many records more than four for each message that is held.
const CURSOR_SLACK: u64 = 4096;

/// So many bytes of messages may wait for room on a full disk; then the queue refuses new ones.
pub const UNWRITTEN_BYTES_MAX: usize = 16 * 1024 * 1024;
/// So many notes may wait for room.
const NOTES_MAX: usize = 64 * 1024;

/// So many moves may be not durable before the messages are flushed for them alone.
const MOVES_MAX: u32 = 4096;

/// The record header of a message that was moved: the offset that it had before, and has no more, and how often it was
/// delivered there.
const MOVED_FROM: &str = "mq-moved-from";

/// Whose place a message takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moved {
    pub(super) from: Offset,
    /// How often it was delivered there.
    pub(super) deliveries: u32,
}

/// A message that a restart found.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) message: Message,
    /// When it was stored, in milliseconds.
    pub(super) stored_ms: i64,
    pub(super) deliveries: u32,
    pub(super) stands: Stands,
}

/// The logs of a queue.
#[derive(Clone, Debug)]
pub(super) struct Journal<L> {
    messages: L,
    cursor: L,
    gathered: Gathered,
    /// Batches that found no room, the oldest first, and their bytes.
    unwritten: VecDeque<Batches>,
    unwritten_bytes: usize,
    notes: Vec<(Note, Offset, u64)>,
    /// Whether the cursor must be written anew, because notes were dropped.
    pub(super) rewrite: bool,
    /// Whether the last notes found no room.
    full: bool,
    /// Where the part of the cursor begins that is needed.
    cursor_from: Offset,
    /// The first place that a message left for one that is not durable yet.
    moved_from: Option<Offset>,
    moves: u32,
    /// A write or a flush failed, and what was gathered for it may be lost: nothing is promised any more.
    failed: bool,
}

/// Messages that are not in the log yet: consecutive ones, which go into one batch.
#[derive(Clone, Debug, Default)]
struct Gathered {
    base: Offset,
    count: u64,
    batch: BatchBuilder,
    /// How many bytes the last batch had: the next one is likely to have as many, and need not grow step by step.
    likely: usize,
}

impl Gathered {
    /// Adds a message to the batch.
    fn push(&mut self, message: &Message, stored_ms: i64, moved: Option<Moved>) -> Result<(), Malformed> {
        message.write_into(&mut self.batch, stored_ms, |headers| {
            if let Some(Moved { from, deliveries }) = moved {
                let value: [&[u8]; 2] = [&from.0.to_be_bytes(), &deliveries.to_be_bytes()];
                headers.put(MOVED_FROM.as_bytes(), Some(&value));
            }
        })
    }
}

impl<L: Log> Journal<L> {
    pub(super) fn open<S: Storage<Log = L>>(
        storage: &mut S,
        name: &Name,
    ) -> Result<Self, LogError<StorageError<S>>> {
        let messages = storage.open(&LogName::Queue(name.clone()))?;
        let cursor = storage.open(&LogName::QueueCursor(name.clone()))?;
        let (cursor_from, gathered, notes) = (cursor.start(), Gathered::default(), Vec::new());
        let (unwritten, unwritten_bytes, moves, moved_from) = Default::default();
        let (rewrite, full, failed) = (false, false, false);
        Ok(Self {
            messages,
            cursor,
            gathered,
            unwritten,
            unwritten_bytes,
            notes,
            rewrite,
            full,
            cursor_from,
            moved_from,
            moves,
            failed,
        })
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
        if matches!(written, Err(LogError::Refusing)) { Ok(()) } else { written }
    }

    /// Reads what the logs hold: shows `see` each message that is not done, in order of offset, and returns the places
    /// that messages left (of those that were shown, too), and where the next message goes. That is never an offset
    /// that the logs speak of, even if its message was lost.
    pub(super) fn recover(
        &mut self,
        mut see: impl FnMut(Offset, Found),
    ) -> Result<(Vec<Offset>, Offset), LogError<L::Error>> {
        let (mut past, mut moved) = (Past::default(), Vec::new());
        // What moved before the process ended may still be lost at its new place.
        let (durable, mut in_doubt) = (self.messages.durable(), Vec::new());
        read_all(&self.cursor, |batches| {
            for (note, first, count) in batches.records().filter_map(|record| to_note(&record)) {
                past.learn(note, first, count, self.messages.end());
            }
        })?;
        read_all(&self.messages, |batches| {
            for record in batches.records() {
                let move_here = moved_from(&record);
                moved.extend(move_here.map(|moved| moved.from));
                in_doubt.extend(move_here.filter(|_| record.offset >= durable).map(|moved| moved.from));
                if !past.is_done(record.offset) {
                    let before = move_here.map_or(0, |moved| moved.deliveries);
                    let (deliveries, stands) = past.of(record.offset, before);
                    let message = Message::from_record(&record);
                    see(record.offset, Found { message, stored_ms: record.timestamp, deliveries, stands });
                }
            }
        })?;
        (self.moved_from, self.moves) = (in_doubt.iter().min().copied(), in_doubt.len() as u32);
        Ok((moved, self.messages.end().max(past.next)))
    }

    /// Gathers a message for the log; says whether what was gathered before had to be written for it.
    pub(super) fn store(
        &mut self,
        offset: Offset,
        message: &Message,
        stored_ms: i64,
        moved: Option<Moved>,
    ) -> Result<bool, LogError<L::Error>> {
        let before = self.messages.end();
        if self.gathered.base.plus(self.gathered.count) != offset
            || self.gathered.batch.len() > GATHERED_BYTES_MAX
        {
            self.write_if_room()?;
        }
        if self.gathered.count == 0 {
            self.gathered.base = offset;
            self.gathered.batch.reserve(self.gathered.likely);
        }
        if let Some(Moved { from, .. }) = moved {
            self.moved_from = Some(self.moved_from.map_or(from, |first| first.min(from)));
            self.moves += 1;
        }
        if self.gathered.push(message, stored_ms, moved).is_err() {
            self.write_if_room()?;
            self.gathered.base = offset;
            self.gathered.push(message, stored_ms, moved).expect("its size was checked when it was sent");
        }
        self.gathered.count += 1;
        Ok(self.messages.end() > before)
    }

    /// Gathers what became of a message. Runs of neighbours become one record.
    pub(super) fn note(&mut self, note: Note, offset: Offset) {
        if self.rewrite {
            return; // what the queue holds says it all
        }
        if let Some((last, first, count)) = self.notes.last_mut()
            && *last == note
            && first.plus(*count) == offset
        {
            *count += 1;
            return;
        }
        self.notes.push((note, offset, 1));
        if self.full && self.notes.len() > NOTES_MAX {
            self.drop_notes();
        }
    }

    fn drop_notes(&mut self) {
        self.notes = Vec::new();
        self.rewrite = true;
    }

    /// Writes, trims or flushes; after the first failure no more, whichever of the logs it was. That there is no room is
    /// no failure.
    pub(super) fn unless_failed(
        &mut self,
        write: impl FnOnce(&mut Self) -> Result<(), LogError<L::Error>>,
    ) -> Result<(), LogError<L::Error>> {
        if self.failed {
            return Err(LogError::Refusing);
        }
        let written = write(self);
        self.failed = matches!(&written, Err(error) if !matches!(error, LogError::Full));
        written
    }

    fn write_messages(&mut self) -> Result<(), LogError<L::Error>> {
        self.unless_failed(|own| {
            own.seal_batch();
            while let Some(batch) = own.unwritten.front() {
                own.messages.append(batch)?;
                own.unwritten_bytes -= batch.bytes().len();
                own.unwritten.pop_front();
            }
            Ok(())
        })
    }

    /// The same; what finds no room waits.
    fn write_if_room(&mut self) -> Result<(), LogError<L::Error>> {
        match self.write_messages() {
            Err(LogError::Full) => Ok(()),
            written => written,
        }
    }

    /// What was gathered becomes a batch, to be written as it is.
    fn seal_batch(&mut self) {
        if self.gathered.count > 0 {
            let Gathered { base, batch, .. } = core::mem::take(&mut self.gathered);
            self.gathered.likely = batch.len().min(GATHERED_BYTES_MAX);
            let batch = batch.build_at(base, Epoch(0));
            self.unwritten_bytes += batch.bytes().len();
            self.unwritten.push_back(batch);
        }
    }

    fn write_notes(&mut self) -> Result<(), LogError<L::Error>> {
        let written = self.unless_failed(Self::append_notes);
        self.full = matches!(written, Err(LogError::Full));
        written
    }

    /// Writes notes, a batch at a time; those that are not written stay.
    fn append_notes(&mut self) -> Result<(), LogError<L::Error>> {
        let (mut batch, mut written) = (BatchBuilder::new(), 0);
        for at in 0..self.notes.len() {
            let (note, first, count) = self.notes[at];
            batch.push(&to_record(note, first, count)).expect("a batch has room beyond what is gathered");
            // What is said of one message by two notes is written at once.
            let next = self.notes.get(at + 1).map(|(_, next, _)| *next);
            if next.is_none() || (batch.len() > GATHERED_BYTES_MAX && next != Some(first)) {
                let full = core::mem::take(&mut batch).build_at(self.cursor.end(), Epoch(0));
                if let Err(error) = self.cursor.append(&full) {
                    self.notes.drain(..written);
                    return Err(error);
                }
                written = at + 1;
            }
        }
        self.notes.clear();
        Ok(())
    }

    /// The first offset that the messages' log still has.
    pub(super) fn start(&self) -> Offset {
        self.messages.start()
    }

    /// Its two logs.
    pub(super) fn logs_mut(&mut self) -> [&mut L; 2] {
        [&mut self.messages, &mut self.cursor]
    }

    /// Writes what was gathered; it is not durable yet. What finds no room stays gathered, and where one log has none the
    /// other may have some.
    pub(super) fn commit(&mut self) -> Result<(), LogError<L::Error>> {
        let messages = self.write_messages();
        if let Err(LogError::Full) | Ok(()) = messages {
            self.write_notes()?;
        }
        messages
    }

    /// Whether the cursor must be written anew by [`compact`](Self::compact): else what was noted is lost.
    pub(super) fn must_rewrite(&self) -> bool {
        self.rewrite && !self.failed
    }

    /// Whether as much waits for room as may.
    pub(super) fn is_cramped(&mut self) -> bool {
        self.unwritten_bytes + self.gathered.batch.len() > UNWRITTEN_BYTES_MAX
            && matches!(self.write_messages(), Err(LogError::Full))
    }

    /// Forgets the messages from an offset on, if none of them is written. Says whether it could; else they must be
    /// noted to be gone.
    pub(super) fn withdraw(&mut self, from: Offset) -> bool {
        self.seal_batch();
        let base = |batch: &Batches| batch.base().is_some_and(|base| base >= from);
        while self.unwritten.back().is_some_and(base)
            && let Some(batch) = self.unwritten.pop_back()
        {
            self.unwritten_bytes -= batch.bytes().len();
        }
        let last = self.unwritten.back().and_then(Batches::next);
        last.is_none_or(|next| next <= from) && self.messages.end() <= from
    }

    /// As after a failure: writes nothing more.
    pub(super) fn write_no_more(&mut self) {
        self.failed = true;
    }

    /// Whether something is not durable.
    pub(super) fn is_dirty(&self) -> bool {
        self.failed
            || self.gathered.count > 0
            || !self.unwritten.is_empty()
            || !self.notes.is_empty()
            || self.rewrite
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
        self.unless_failed(|own| flush_if_dirty(&mut own.messages))?;
        (self.moved_from, self.moves) = (None, 0);
        Ok(())
    }

    /// Writes what was gathered and makes everything durable.
    pub(super) fn flush(&mut self) -> Result<(), LogError<L::Error>> {
        self.commit()?;
        self.flush_messages()?;
        self.unless_failed(|own| flush_if_dirty(&mut own.cursor))
    }

    /// How many bytes of messages the log keeps, those that are done included as long as it has not dropped them.
    pub(super) fn bytes(&self) -> Result<u64, LogError<L::Error>> {
        let log = &self.messages;
        Ok(log.read(log.start(), log.end(), u32::MAX)?.bytes())
    }

    /// Lets the log drop what is needed no more: every message before `first`, or all when the queue is empty; but not
    /// the old place of one that is not durable at its new one.
    pub(super) fn forget(&mut self, first: Option<Offset>) -> Result<(), LogError<L::Error>> {
        if self.moves > MOVES_MAX && self.unwritten.is_empty() {
            self.flush_messages()?;
        }
        let end = self.messages.end();
        let to = first.unwrap_or(end).min(self.moved_from.unwrap_or(end)).min(end);
        if to > self.messages.start() { self.unless_failed(|own| own.messages.trim(to)) } else { Ok(()) }
    }

    /// Whether the cursor is much longer than what it describes.
    pub(super) fn is_cursor_long(&self, held: usize) -> bool {
        self.cursor.end().0 - self.cursor_from.0 > 4 * held as u64 + CURSOR_SLACK
    }

    /// Writes the cursor anew from what is held (by offset: deliveries, and where it stands), and gives up its old part.
    pub(super) fn compact(
        &mut self,
        held: impl Iterator<Item = (Offset, u32, Stands)>,
        next: Offset,
    ) -> Result<(), LogError<L::Error>> {
        self.commit()?;
        // What is said now to be gone may be so because it stands elsewhere: there it must be durable first.
        self.flush_messages()?;
        let start = self.cursor.end();
        (self.rewrite, self.full) = (false, false);
        // What stands beyond the log was never to be kept: nothing is said of it, or its places would be taken for used.
        self.note_all(held, next.min(self.messages.end()));
        if let Err(error) = self.write_notes() {
            self.drop_notes(); // part of the new is written, and true; the whole is written when there is room
            return Err(error);
        }
        self.unless_failed(|own| {
            own.cursor.flush()?;
            own.cursor_from = start;
            own.cursor.trim(start)
        })
    }

    /// Notes of every message what there is to say.
    fn note_all(&mut self, held: impl Iterator<Item = (Offset, u32, Stands)>, next: Offset) {
        let mut at = self.messages.start();
        for (offset, deliveries, stands) in held {
            if offset > at {
                self.notes.push((Note::Done, at, offset.0 - at.0));
            }
            match stands {
                Stands::Free if deliveries == 0 => {}
                Stands::Free => self.note(Note::Count(deliveries), offset),
                Stands::Leased(until) => {
                    self.note(Note::Count(deliveries.saturating_sub(1)), offset);
                    self.note(Note::Leased(until), offset);
                }
                Stands::Waits(until) => {
                    self.note(Note::Count(deliveries), offset);
                    self.note(Note::Waits(until), offset);
                }
            }
            at = offset.next();
        }
        if next > at {
            self.notes.push((Note::Done, at, next.0 - at.0));
        }
    }

    /// Reads a page of messages from the log, beginning with the one at `offset`.
    pub(super) fn page(&self, offset: Offset) -> Result<Vec<(Offset, Message)>, LogError<L::Error>> {
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

    /// Whether a message survives a power cut.
    pub(super) fn has_flushed(&self, offset: Offset) -> bool {
        offset < self.messages.durable()
    }
}

fn moved_from(record: &Record) -> Option<Moved> {
    let (from, deliveries) = record.headers.get(MOVED_FROM.as_bytes())??.split_first_chunk::<8>()?;
    let from = Offset(u64::from_be_bytes(*from));
    Some(Moved { from, deliveries: u32::from_be_bytes(deliveries.try_into().ok()?) })
}

fn flush_if_dirty<L: Log>(log: &mut L) -> Result<(), LogError<L::Error>> {
    if log.durable() < log.end() { log.flush() } else { Ok(()) }
}
