//! How does a queue outlive its process? It opens with what its logs hold, writes once a burst, and keeps in memory no
//! more than it must.
//!
//! ```text
//!   open      logs ─────▶ slots, lines, moments        nobody is attached, nothing is with a consumer
//!   send,     slots ────▶ gathered
//!   ack ...
//!   commit    gathered ─▶ logs ─▶ bodies over RESIDENT_BYTES leave memory      survives the process
//!   flush     logs ─────▶ medium                                               survives a power cut
//! ```
//!
//! After a restart a message is delivered as the next time of those that were noted. What is forgotten: who had what, but
//! for [leases](Queue::lease); the order of those that came back to the front (theirs is that of their offsets then); the
//! rest of a wait before redelivery, unless it was [asked for](Queue::nack_receipt); transient messages; the identities of
//! messages that are gone.

use super::*;
use crate::log::{LogError, Storage, StorageError};
use journal::Found;

/// Messages that the logs say somebody has, and until when.
type Leases = Vec<(Offset, Time)>;

impl<L: Log> Queue<L> {
    /// Opens a queue with what its logs hold: every message that was not acknowledged, with its count of deliveries.
    /// A queue whose options call it transient opens no log, and is empty.
    ///
    /// # Errors
    ///
    /// When the storage fails, or is damaged.
    pub fn open<S: Storage<Log = L>>(
        storage: &mut S,
        name: Name,
        options: QueueOptions,
        now: Time,
    ) -> Result<Self, LogError<StorageError<S>>> {
        if options.transient {
            return Ok(Self::transient(name, options));
        }
        let mut journal = Journal::open(storage, &name)?;
        let mut queue = Self::with(name, options, None);
        let mut leases = Leases::new();
        let (moved, next) =
            journal.recover(|offset, found| queue.take_in(now, offset, found, &mut leases))?;
        for from in moved {
            queue.drop_slot(from, |_| ());
        }
        leases.into_iter().for_each(|(offset, until)| queue.resume_lease(offset, until));
        (queue.next, queue.unused_since, queue.journal) = (next, now, Some(journal));
        if queue.slots.iter().all(|(_, slot)| slot.expires == NEVER) {
            queue.next_sweep = None; // what may expire had moved elsewhere, and was consumed there
        }
        // What consumers had is ready again, and may be too much.
        queue.too_full_since = queue.drops_head().then_some(now);
        let held = queue.slots.iter().filter_map(|(_, slot)| Some((slot.since, slot.id()?)));
        let mut ids: Vec<(Time, MessageId)> = held.collect();
        ids.sort_unstable();
        for (since, id) in ids {
            queue.remembered.note(&queue.options, since, id);
        }
        Ok(queue)
    }

    /// Takes in a message that a restart found.
    fn take_in(&mut self, now: Time, offset: Offset, found: Found, leases: &mut Leases) {
        let Found { message, stored_ms, deliveries, stands } = found;
        let stored = Time(u64::try_from(stored_ms).unwrap_or_default().saturating_mul(1_000));
        let delay = waits(&message);
        let lane = self.options.lane(message.priority());
        let expires = self.expires(now, stored, &message);
        let mut slot = Slot::new(message, lane, stored, expires, State::Aside);
        slot.stored = true;
        slot.deliveries = deliveries;
        // A restart of the broker alone kills no message: it may be delivered once more. One that somebody has has not come
        // back from there yet.
        let came_back = deliveries.saturating_sub(u32::from(matches!(stands, Stands::Leased(_))));
        slot.returns = came_back.min(self.options.delivery_limit.unwrap_or(u32::MAX));
        slot.set_noted(stands != Stands::Free);
        if self.resident < RESIDENT_BYTES {
            self.resident += u64::from(slot.bytes);
        } else {
            slot.unload();
        }
        let delay = delay.filter(|_| deliveries == 0).map(|delay| stored + delay);
        let waits =
            if let Stands::Waits(until) = stands { Some(until).filter(|at| *at > now) } else { delay };
        match (stands, waits) {
            (Stands::Leased(until), _) => leases.push((offset, until)),
            (_, Some(until)) => {
                slot.state = State::Waiting(until);
                self.waiting.insert((until, offset));
            }
            _ => {
                let seat = match (deliveries, self.options.requeue) {
                    (1.., Requeue::Front) => Seat::Front,
                    _ => Seat::Fresh,
                };
                self.ready.add(offset, &mut slot, seat);
            }
        }
        self.slots.push(offset, slot);
    }

    /// A lease goes on that another process took.
    fn resume_lease(&mut self, offset: Offset, until: Time) {
        let Some(slot) = self.slots.get_mut(offset) else { return };
        let tag = self.unacked.push(offset, ConsumerId::default());
        slot.state = State::Out(tag);
        self.leases.insert((until, tag));
        if let Some(pending) = self.unacked.get_mut(tag) {
            pending.lease = until;
        }
    }

    /// Its logs, where it has some: for whoever drives the disk below.
    pub(crate) fn logs_mut(&mut self) -> impl Iterator<Item = &mut L> {
        self.journal.iter_mut().flat_map(Journal::logs_mut)
    }

    /// Gives the logs back to the storage they came from.
    ///
    /// # Errors
    ///
    /// When what was gathered cannot be written, or a log cannot be closed. [`LogError::Full`] when there was no room for
    /// what was gathered: it is lost, and was promised to nobody.
    pub fn close<S: Storage<Log = L>>(mut self, storage: &mut S) -> Result<(), LogError<StorageError<S>>> {
        let written = self.rewrite_cursor_if(Journal::must_rewrite);
        let Some(journal) = self.journal else { return Ok(()) };
        journal.close(storage, self.name)?;
        // What a log refuses since it failed was promised to nobody.
        written.or_else(|error| if matches!(error, LogError::Refusing) { Ok(()) } else { Err(error) })
    }

    /// Writes what was sent and settled since the last call, once for all. It is not durable yet: a crash of the
    /// process keeps it, a power cut may not.
    ///
    /// What left for where dead letters go is forgotten here by this call: write it there first.
    ///
    /// # Errors
    ///
    /// [`LogError::Full`] when the disk has no room: then nothing is lost, and the next call tries again. When the storage
    /// fails the queue must be closed and opened again; nothing of the burst was promised.
    pub fn commit(&mut self) -> Result<(), QueueError<L::Error>> {
        self.commit_where(true)
    }

    /// [`commit`](Self::commit), for whoever may stop when the disk is full: `gives_back` says whether what nobody needs any
    /// more is given back for room, though it could not be noted why.
    pub(crate) fn commit_where(&mut self, gives_back: bool) -> Result<(), QueueError<L::Error>> {
        self.departed_from = None;
        match self.write() {
            Err(QueueError::Log(LogError::Full)) if gives_back && self.make_room()? => self.write(),
            written => written,
        }
    }

    fn write(&mut self) -> Result<(), QueueError<L::Error>> {
        let Some(journal) = &mut self.journal else { return Ok(()) };
        journal.commit()?;
        self.shed();
        let Some(journal) = &mut self.journal else { return Ok(()) };
        journal.forget(self.slots.first())?;
        let held = self.slots.len();
        Ok(self.rewrite_cursor_if(|journal| journal.must_rewrite() || journal.is_cursor_long(held))?)
    }

    pub(super) fn rewrite_cursor_if(
        &mut self,
        wanted: impl FnOnce(&Journal<L>) -> bool,
    ) -> Result<(), LogError<L::Error>> {
        let Some(journal) = self.journal.as_mut().filter(|journal| wanted(journal)) else { return Ok(()) };
        let stands = |slot: &Slot| match slot.state {
            State::Waiting(until) if slot.is_noted() => Stands::Waits(until),
            State::Out(tag) if slot.is_noted() => {
                self.unacked.get(tag).map_or(Stands::Free, |pending| Stands::Leased(pending.lease))
            }
            _ => Stands::Free,
        };
        let held = self.slots.iter().filter(|(_, slot)| slot.stored);
        journal.compact(held.map(|(offset, slot)| (offset, slot.deliveries, stands(slot))), self.next)
    }

    /// Gives back what the messages' log has at its front and nobody needs, also where it could not be noted that it is
    /// gone. Says whether that made room.
    pub(crate) fn make_room(&mut self) -> Result<bool, QueueError<L::Error>> {
        let Some(journal) = &mut self.journal else { return Ok(false) };
        let first = [self.slots.first(), self.departed_from].into_iter().flatten().min();
        let before = journal.start();
        journal.forget(first)?;
        Ok(journal.start() > before)
    }

    /// [`commit`](Self::commit), and makes it durable: what was sent survives a power cut.
    ///
    /// # Errors
    ///
    /// As for `commit`.
    pub fn flush(&mut self) -> Result<(), QueueError<L::Error>> {
        self.flush_where(true)
    }

    /// [`flush`](Self::flush), as [`commit_where`](Self::commit_where) writes.
    pub(crate) fn flush_where(&mut self, gives_back: bool) -> Result<(), QueueError<L::Error>> {
        self.commit_where(gives_back)?;
        let Some(journal) = &mut self.journal else { return Ok(()) };
        journal.flush()?;
        journal.forget(self.slots.first())?;
        Ok(self.empty_segments()?)
    }

    /// Keeps no more than about so many bytes of bodies in memory, instead of [`RESIDENT_BYTES`]: what the log has and
    /// is too much leaves memory now, the latest first. A queue without logs keeps all it has.
    pub fn keep_resident(&mut self, bytes_max: u64) {
        self.resident_max = bytes_max;
        let mut too_much = self.resident.saturating_sub(bytes_max);
        let stored = self.slots.iter().filter(|(_, slot)| slot.stored && slot.message.is_some());
        let stored: Vec<(Offset, u32)> = stored.map(|(offset, slot)| (offset, slot.bytes)).collect();
        for (offset, bytes) in stored.into_iter().rev() {
            if too_much == 0 {
                break;
            }
            too_much = too_much.saturating_sub(bytes.into());
            self.leaving.push(offset);
        }
        self.shed();
    }

    /// How many bytes its messages take on disk: from the first that is held to the end of the log, whatever of it is
    /// done. No more than 4 GiB are counted.
    ///
    /// # Errors
    ///
    /// When the storage fails.
    pub fn disk_bytes(&self) -> Result<u64, QueueError<L::Error>> {
        Ok(self.journal.as_ref().map_or(Ok(0), Journal::bytes)?)
    }

    /// Lets messages leave memory that the log has by now.
    pub(super) fn shed(&mut self) {
        let Some(journal) = &self.journal else { return };
        self.leaving.retain(|&offset| {
            if !journal.has_written(offset) {
                return true;
            }
            if let Some(slot) = self.slots.get_mut(offset)
                && slot.unload()
            {
                self.resident -= u64::from(slot.bytes);
            }
            false
        });
    }

    /// Writes nothing more: what belongs with it, in another queue, could not be written.
    pub(crate) fn write_no_more(&mut self) {
        if let Some(journal) = &mut self.journal {
            journal.write_no_more();
        }
    }

    /// Whether something was sent or settled that a power cut would undo.
    pub fn is_dirty(&self) -> bool {
        self.journal.as_ref().is_some_and(Journal::is_dirty)
    }
}
