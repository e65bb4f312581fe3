//! Who keeps entries? A bookie: it knows neither topics nor owners, only ledgers, and whether their writers are shut out.
//!
//! ```text
//!   add 7:0 ─┐                      ┌▶ index: ledger 7: 0 1 2 ...   where in the journal, in memory
//!   add 9:4 ─┼─▶ journal (one log) ─┤         ledger 9: 4 5
//!   fence 7 ─┘    flushed once      └▶ answers, after the flush
//!                 for the burst
//! ```
//!
//! All ledgers share one journal, so that a thousand topics cost one flush and not a thousand. The index is built anew from
//! it when the bookie opens. What is read of one topic is scattered: that is the price, and why a real bookie sorts entries
//! by ledger into a second file later (the entry log; left out, as its answers are the same).
//!
//! Room is given back from the journal's front, as far as all ledgers there are deleted.
//!
//! Source: BookKeeper, `Bookie`, `Journal`, `LedgerDescriptor`.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::fmt;

use super::index::Index;
use super::journal::Word;
use super::{BookieReply, BookieRequest, Entry, Goes, LedgerId, NotDone};
use crate::ids::{Epoch, LogName, MessageId, Name, NodeId, Offset, PartitionId};
use crate::log::{Log, LogError, Slice, Storage, StorageError, read_all};
use crate::observe::{CompactionEvent, Event, Place, PullEvent, PulsarEvent, ledger_place};
use crate::record::{Batch, Batches};
use crate::systems::pulsar::Message;
use crate::systems::{Input, Out};
use crate::time::Time;

/// Why a bookie stopped.
///
/// ```
/// use mqlab_core::ids::Offset;
/// use mqlab_core::systems::pulsar::ledger::BookieFailure;
/// let failure = BookieFailure::<std::convert::Infallible>::NotAJournal(Offset(3));
/// assert_eq!(failure.to_string(), "what stands at offset 3 of the bookie's journal is no entry");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BookieFailure<E> {
    /// Its disk failed.
    Log(LogError<E>),
    /// Its journal holds something else.
    NotAJournal(Offset),
}

impl<E: fmt::Display> fmt::Display for BookieFailure<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Log(error) => error.fmt(f),
            Self::NotAJournal(at) => {
                write!(f, "what stands at offset {at} of the bookie's journal is no entry")
            }
        }
    }
}

impl<E: core::error::Error> core::error::Error for BookieFailure<E> {}

impl<E> From<LogError<E>> for BookieFailure<E> {
    fn from(error: LogError<E>) -> Self {
        Self::Log(error)
    }
}

/// A node that keeps entries of ledgers.
///
/// ```
/// use mqlab_core::ids::NodeId;
/// use mqlab_core::log::contract::batch;
/// use mqlab_core::log::memory::MemoryStorage;
/// use mqlab_core::systems::pulsar::Message;
/// use mqlab_core::systems::pulsar::ledger::{Bookie, BookieReply, BookieRequest, Entry, LedgerId};
/// use mqlab_core::systems::{Input, Out};
/// use mqlab_core::time::Time;
///
/// let mut bookie = Bookie::open(MemoryStorage::default())?;
/// let entry = Entry { ledger: LedgerId(7), entry: 0, lac: None, payload: batch(0, 2) };
/// let message = Message::ToBookie(BookieRequest::Add { entry, recovery: false });
/// let mut out = Out::default();
/// bookie.handle(Time::ZERO, Input::Message { from: NodeId::Broker(1), message }, &mut out);
/// bookie.settle(Time::ZERO, &mut out)?; // on disk: now the answer may leave
/// let added = BookieReply::Added { ledger: LedgerId(7), entry: 0, done: Ok(()) };
/// assert_eq!(out.sends, [(NodeId::Broker(1), Message::FromBookie(added))]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Bookie<S: Storage> {
    storage: S,
    journal: S::Log,
    index: Index,
    failed: Option<LogError<StorageError<S>>>,
    /// Whether it answers only for what is flushed.
    syncs: bool,
}

impl<S: Storage + Clone> Clone for Bookie<S>
where
    S::Log: Clone,
    StorageError<S>: Clone,
{
    fn clone(&self) -> Self {
        Self {
            storage: self.storage.clone(),
            journal: self.journal.clone(),
            index: self.index.clone(),
            failed: self.failed.clone(),
            syncs: self.syncs,
        }
    }
}

impl<S: Storage> Bookie<S> {
    /// The bookie's journal.
    ///
    /// # Panics
    ///
    /// Never: the name is a legal one.
    pub fn journal_name() -> LogName {
        let topic = Name::new("__bookie_journal").expect("a legal name");
        LogName::Partition(PartitionId { topic, index: 0 })
    }

    /// Opens a bookie with what its journal holds.
    ///
    /// # Errors
    ///
    /// When the storage fails, or the journal is none.
    pub fn open(mut storage: S) -> Result<Self, BookieFailure<StorageError<S>>> {
        let journal = storage.open(&Self::journal_name()).map_err(LogError::Storage)?;
        let mut bookie = Self { storage, journal, index: Index::default(), failed: None, syncs: true };
        bookie.rebuild()?;
        Ok(bookie)
    }

    /// The same, if `syncs` is false without waiting for the disk: then what it has answered for may go with the power
    /// (`journalSyncData`, true by default).
    #[must_use]
    pub fn with_sync(self, syncs: bool) -> Self {
        Self { syncs, ..self }
    }

    /// Its storage, and the journal in it.
    pub fn disk(&mut self) -> (&mut S, &mut S::Log) {
        (&mut self.storage, &mut self.journal)
    }

    /// Where its journal ends: who asks for it again sees whether anything was written.
    pub fn journal_end(&self) -> Offset {
        self.journal.end()
    }

    /// Stops the bookie, and gives its storage back.
    ///
    /// # Errors
    ///
    /// When the journal cannot be closed.
    pub fn into_storage(mut self) -> Result<S, StorageError<S>> {
        self.storage.close(&Self::journal_name(), self.journal)?;
        Ok(self.storage)
    }

    /// Reads the journal.
    fn rebuild(&mut self) -> Result<(), BookieFailure<StorageError<S>>> {
        let mut index = Index::default();
        // The word whose payload is being read, where it stands, and where the payload must end.
        let mut reading: Option<(Word, Offset, Offset)> = None;
        let (mut damaged, start) = (None, self.journal.start());
        read_all(&self.journal, |batches| {
            for batch in batches.iter() {
                let done = match reading.take() {
                    Some((word, at, end)) if batch.next() < end => {
                        reading = Some((word, at, end));
                        None
                    }
                    Some((word, at, end)) if batch.next() == end => Some((word, at, end)),
                    Some((_, at, _)) => {
                        damaged.get_or_insert(at);
                        None
                    }
                    None => match Word::of(&batch) {
                        // The log was trimmed between a word and its batch.
                        None if start > Offset::ZERO && index.first_needed().is_none() => None,
                        None => {
                            damaged.get_or_insert(batch.base());
                            None
                        }
                        Some(word @ Word::Entry { records, .. }) if records > 0 => {
                            reading = Some((word, batch.base(), batch.next().plus(records)));
                            None
                        }
                        Some(word) => Some((word, batch.base(), batch.next())),
                    },
                };
                if let Some((word, at, end)) = done {
                    index.learn(word, at, end);
                }
            }
        })?;
        if let Some((_, at, _)) = reading {
            self.journal.truncate(at)?; // half an entry, which nobody was told of
        }
        self.index = index;
        damaged.map_or(Ok(()), |at| Err(BookieFailure::NotAJournal(at)))
    }

    /// Takes a request; what it answers may leave after [`settle`](Self::settle).
    pub fn handle(&mut self, _now: Time, input: Input<Message>, out: &mut Out<Message>) {
        let Input::Message { from, message: Message::ToBookie(request) } = input else { return };
        match self.answer(from, request, &mut out.events) {
            Ok(reply) => out.sends.extend(reply.map(|reply| (from, Message::FromBookie(reply)))),
            Err(error) => {
                self.failed.get_or_insert(error);
            }
        }
    }

    /// Ends a burst: what was added is on disk when this returns, and the answers may leave.
    ///
    /// # Errors
    ///
    /// The first failure of the disk since the last call. Nothing in `out` may leave then: the bookie must be stopped.
    pub fn settle(&mut self, now: Time, _out: &mut Out<Message>) -> Result<(), LogError<StorageError<S>>> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        if self.syncs && self.journal.durable() < self.journal.end() {
            self.journal.flush()?;
        }
        self.index.forget(now);
        self.journal.trim(self.index.first_needed().unwrap_or(self.journal.end()))
    }

    /// A bookie never acts by itself.
    pub fn next_wakeup(&self) -> Option<Time> {
        None
    }

    /// The ledgers of which it keeps something, and which entries those are.
    pub fn entries(&self) -> impl Iterator<Item = (LedgerId, impl Iterator<Item = u64>)> {
        self.index.ledgers().map(|(ledger, known)| (*ledger, known.entries.keys().copied()))
    }

    /// The entries of a ledger that it keeps.
    pub fn entries_of(&self, ledger: LedgerId) -> impl Iterator<Item = u64> {
        self.index.get(ledger).into_iter().flat_map(|known| known.entries.keys().copied())
    }

    /// The greatest last add confirmed that came with an entry of a ledger.
    pub fn last_add_confirmed(&self, ledger: LedgerId) -> Option<u64> {
        self.index.get(ledger)?.lac
    }

    /// The ledger of the entry that a journal ends in the middle of, if it does, and how many records it lacks.
    ///
    /// # Errors
    ///
    /// When the storage fails.
    pub fn unfinished(mut storage: S) -> Result<Option<(LedgerId, u64)>, BookieFailure<StorageError<S>>> {
        let journal = storage.open(&Self::journal_name()).map_err(LogError::Storage)?;
        let mut open = None;
        read_all(&journal, |batches| open = follow(open, batches, &mut |_, _| {}))?;
        Ok(open)
    }

    /// The messages in a part of a journal, by their ledgers; `open` is the entry that it begins in the middle of.
    pub fn messages_in(open: Option<(LedgerId, u64)>, batches: &Batches) -> Vec<(LedgerId, Vec<MessageId>)> {
        let mut found: BTreeMap<LedgerId, Vec<MessageId>> = BTreeMap::new();
        follow(open, batches, &mut |ledger, batch| {
            found.entry(ledger).or_default().extend(batch.records().filter_map(|record| record.message_id()))
        });
        found.into_iter().filter(|(_, messages)| !messages.is_empty()).collect()
    }

    /// Nothing when the disk is too full to write down that a ledger is fenced or gone: then it is not so, and nobody may
    /// be told that it is.
    fn answer(
        &mut self,
        from: NodeId,
        request: BookieRequest,
        events: &mut Vec<Event>,
    ) -> Result<Option<BookieReply>, LogError<StorageError<S>>> {
        let was_fenced = self.is_fenced(request.ledger());
        let asks_to_fence =
            matches!(request, BookieRequest::Fence { .. } | BookieRequest::Read { fence: true, .. });
        let ledger = request.ledger();
        let reply = self.reply(from, request, events)?;
        if asks_to_fence && !was_fenced && self.is_fenced(ledger) {
            events.push(Event::Pulsar(PulsarEvent::Fenced { ledger: ledger.0, by: from }));
        }
        Ok(reply)
    }

    /// Whether a ledger is fenced here.
    pub fn is_fenced(&self, ledger: LedgerId) -> bool {
        self.index.is_fenced(ledger)
    }

    fn reply(
        &mut self,
        from: NodeId,
        request: BookieRequest,
        events: &mut Vec<Event>,
    ) -> Result<Option<BookieReply>, LogError<StorageError<S>>> {
        Ok(match request {
            BookieRequest::Add { entry, recovery } => {
                let (ledger, number) = (entry.ledger, entry.entry);
                let messages: Vec<MessageId> = entry.payload.message_ids().collect();
                let end = self.journal.end();
                let done = or_full(self.add(entry, recovery))?;
                if self.journal.end() > end {
                    let (to, base) = (Place::Partition(ledger_place(ledger.0)), Offset(number));
                    events.push(Event::Appended { to, base, messages });
                } else if done == Some(Err(NotDone::Fenced)) {
                    let (ledger, writer) = (ledger.0, from);
                    events.push(Event::Pulsar(PulsarEvent::FencedOff { ledger, writer, messages }));
                }
                Some(BookieReply::Added { ledger, entry: number, done: done.unwrap_or(Err(NotDone::Full)) })
            }
            BookieRequest::Read { ledger, entry, fence } => {
                let found = match if fence { or_full(self.fence(ledger))? } else { Some(()) } {
                    None => Err(NotDone::Full),
                    Some(()) => self.read(ledger, entry)?.ok_or(NotDone::NoEntry),
                };
                Some(BookieReply::Found { ledger, entry, found })
            }
            BookieRequest::Fence { ledger } => {
                let lac = self.index.get(ledger).and_then(|known| known.lac);
                or_full(self.fence(ledger))?.map(|()| BookieReply::Fenced { ledger, lac })
            }
            BookieRequest::Delete { ledger, why } => {
                let done = match self.index.get(ledger).is_some() {
                    true => {
                        let goes = self.tell_trimmed(ledger, why)?;
                        let done = or_full(self.write(Word::Deleted(ledger), &Batches::default()))?;
                        events.extend(goes.filter(|_| done.is_some()));
                        done
                    }
                    false => Some(()),
                };
                done.map(|()| BookieReply::Deleted { ledger })
            }
        })
    }

    /// What is told when a ledger goes.
    fn tell_trimmed(&self, ledger: LedgerId, why: Goes) -> Result<Option<Event>, LogError<StorageError<S>>> {
        let Some(last) = self.index.get(ledger).and_then(|known| known.entries.keys().next_back()) else {
            return Ok(None);
        };
        let (partition, below, mut messages) = (ledger_place(ledger.0), Offset(*last + 1), Vec::new());
        for entry in self.index.get(ledger).iter().flat_map(|known| known.entries.keys()) {
            messages.extend(self.messages_of(ledger, *entry)?);
        }
        let ledger = ledger.0;
        Ok(Some(match why {
            Goes::Moved => Event::Pulsar(PulsarEvent::Moved { ledger, messages }),
            Goes::NotNeeded => Event::Pull(PullEvent::Trimmed { partition, below, messages }),
            Goes::Compacted => {
                Event::Pulsar(PulsarEvent::Compaction(CompactionEvent::Gone { ledger, messages }))
            }
        }))
    }

    /// The messages of an entry.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn messages_of(
        &self,
        ledger: LedgerId,
        entry: u64,
    ) -> Result<Vec<MessageId>, LogError<StorageError<S>>> {
        let found = self.read(ledger, entry)?;
        Ok(found.map(|entry| entry.payload.message_ids().collect()).unwrap_or_default())
    }

    fn add(
        &mut self,
        entry: Entry,
        recovery: bool,
    ) -> Result<Result<(), NotDone>, LogError<StorageError<S>>> {
        let Entry { ledger, entry, lac, payload } = entry;
        if self.is_fenced(ledger) && !recovery {
            return Ok(Err(NotDone::Fenced));
        }
        if self.index.get(ledger).is_some_and(|known| known.entries.contains_key(&entry)) {
            return Ok(Ok(())); // an entry never changes
        }
        let records = payload.next().zip(payload.base()).map_or(0, |(next, base)| next.0 - base.0);
        self.write(Word::Entry { ledger, entry, lac, records }, &payload)?;
        Ok(Ok(()))
    }

    fn fence(&mut self, ledger: LedgerId) -> Result<(), LogError<StorageError<S>>> {
        if self.is_fenced(ledger) {
            return Ok(());
        }
        self.write(Word::Fenced(ledger), &Batches::default())
    }

    /// Appends a word and what follows it.
    fn write(&mut self, word: Word, payload: &Batches) -> Result<(), LogError<StorageError<S>>> {
        let parts: Vec<Batch> = word.to_batch().iter().chain(payload.iter()).collect();
        let at = self.journal.end();
        let batches = Batches::joined(&parts).into_stamped(at, Epoch::default());
        self.journal.append(&batches)?;
        self.index.learn(word, at, self.journal.end());
        Ok(())
    }

    fn read(&self, ledger: LedgerId, entry: u64) -> Result<Option<Entry>, LogError<StorageError<S>>> {
        let known = self.index.get(ledger);
        let Some(&(at, end)) = known.and_then(|known| known.entries.get(&entry)) else { return Ok(None) };
        let found = self.journal.read(at, end, u32::MAX)?.load()?;
        let mut batches = found.iter();
        let Some(Word::Entry { lac, .. }) = batches.next().as_ref().and_then(Word::of) else {
            return Ok(None);
        };
        let payload: Vec<Batch> = batches.collect();
        let payload = Batches::joined(&payload).into_stamped(Offset::ZERO, Epoch::default());
        Ok(Some(Entry { ledger, entry, lac, payload }))
    }
}

/// Walks over words and what follows them, and hands each batch of an entry over. Which entry lacks how many records at the
/// beginning, and at the end.
fn follow(
    mut open: Option<(LedgerId, u64)>,
    batches: &Batches,
    found: &mut impl FnMut(LedgerId, &Batch),
) -> Option<(LedgerId, u64)> {
    for batch in batches.iter() {
        open = match (open, Word::of(&batch)) {
            (_, Some(Word::Entry { ledger, records, .. })) => Some((ledger, records)),
            (_, Some(_)) | (None, None) => None,
            (Some((ledger, lacks)), None) => {
                found(ledger, &batch);
                Some((ledger, lacks.saturating_sub(batch.next().0 - batch.base().0)))
            }
        }
        .filter(|(_, lacks)| *lacks > 0);
    }
    open
}

/// A full disk is an answer, not a failure.
fn or_full<T, E>(done: Result<T, LogError<E>>) -> Result<Option<T>, LogError<E>> {
    match done {
        Err(LogError::Full) => Ok(None),
        done => done.map(Some),
    }
}
