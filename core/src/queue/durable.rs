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
//! After a restart a message is delivered as the next time of those that were noted. What is forgotten: who had what;
//! the order of those that came back to the front (theirs is that of their offsets then); the rest of a wait before
//! redelivery; transient messages; the identities of messages that are gone.

use super::*;
use crate::log::{LogError, Storage, StorageError};
use journal::Found;

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
        let journal = Journal::open(storage, &name)?;
        let mut queue = Self::with(name, options, None);
        let (moved, next) = journal.recover(|offset, found| queue.take_in(now, offset, found))?;
        for from in moved {
            queue.drop_slot(from, |_| ());
        }
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
    fn take_in(&mut self, now: Time, offset: Offset, Found { message, stored_ms, deliveries }: Found) {
        let stored = Time(u64::try_from(stored_ms).unwrap_or_default().saturating_mul(1_000));
        let delay = waits(&message);
        let lane = self.options.lane(message.priority());
        let expires = self.expires(now, stored, &message);
        let mut slot = Slot::new(message, lane, stored, expires, State::Aside);
        slot.stored = true;
        slot.deliveries = deliveries;
        // A restart of the broker alone kills no message: it may be delivered once more.
        slot.returns = deliveries.min(self.options.delivery_limit.unwrap_or(u32::MAX));
        if self.resident < RESIDENT_BYTES {
            self.resident += u64::from(slot.bytes);
        } else {
            slot.unload();
        }
        match delay {
            Some(delay) if deliveries == 0 => {
                slot.state = State::Waiting(stored + delay);
                self.waiting.insert((stored + delay, offset));
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

    /// Its logs, where it has some: for whoever drives the disk below.
    pub(crate) fn logs_mut(&mut self) -> impl Iterator<Item = &mut L> {
        self.journal.iter_mut().flat_map(Journal::logs_mut)
    }

    /// Gives the logs back to the storage they came from.
    ///
    /// # Errors
    ///
    /// When what was gathered cannot be written, or a log cannot be closed.
    pub fn close<S: Storage<Log = L>>(self, storage: &mut S) -> Result<(), LogError<StorageError<S>>> {
        match self.journal {
            Some(journal) => journal.close(storage, self.name),
            None => Ok(()),
        }
    }

    /// Writes what was sent and settled since the last call, once for all. It is not durable yet: a crash of the
    /// process keeps it, a power cut may not.
    ///
    /// # Errors
    ///
    /// When the storage fails. The queue must be closed and opened again then; nothing of the burst was promised.
    pub fn commit(&mut self) -> Result<(), QueueError<L::Error>> {
        let Some(journal) = &mut self.journal else { return Ok(()) };
        journal.commit()?;
        self.shed();
        let Some(journal) = &mut self.journal else { return Ok(()) };
        journal.forget(self.slots.first())?;
        if journal.is_cursor_long(self.slots.len()) {
            let held = self.slots.iter().filter(|(_, slot)| slot.stored);
            journal.compact(held.map(|(offset, slot)| (offset, slot.deliveries)), self.next)?;
        }
        Ok(())
    }

    /// [`commit`](Self::commit), and makes it durable: what was sent survives a power cut.
    ///
    /// # Errors
    ///
    /// As for `commit`.
    pub fn flush(&mut self) -> Result<(), QueueError<L::Error>> {
        self.commit()?;
        let Some(journal) = &mut self.journal else { return Ok(()) };
        journal.flush()?;
        Ok(journal.forget(self.slots.first())?)
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
