//! In which order is written what was done? So that no crash finds a message in neither of two queues.
//!
//! ```text
//!   commit    every queue's messages ─▶ then what became of messages          survives the process
//!   flush     definitions, every queue's messages ─▶ what became of messages  survives a power cut
//! ```
//!
//! A message that died in one queue and went to another is written there before it is crossed out where it was.
//!
//! On a full disk nothing fails: what was done is kept in memory, [`LogError::Full`] is
//! returned, and the next call tries again. Logs whose front nobody needs are given back at once, because that makes room:
//! acknowledgements that cannot be written have their effect all the same. But a broker stops on a full disk, and nobody hears
//! of what it did last: so nothing of that may have an effect ([`stops_when_full`](VirtualHost::stops_when_full)).

use super::*;
use crate::log::LogError;

impl<S: Storage> VirtualHost<S> {
    /// Writes everything, and gives the storage back. After a failure nothing more is written: it was promised to nobody.
    ///
    /// # Errors
    ///
    /// When the storage fails. When there is no room for what was done since the last [`flush`](Self::flush), that is lost.
    pub fn close(mut self) -> Result<S, S> {
        // What came into one queue is written before another crosses out that it left there, or that is not. Nothing is
        // trimmed: none of it is durable yet.
        let written = self.queues.values_mut().try_for_each(Queue::commit_messages);
        if written.is_err() {
            self.queues.values_mut().for_each(Queue::write_no_more);
            self.halves.write_no_more();
        }
        let queues = core::mem::take(&mut self.queues);
        for queue in queues.into_values() {
            queue.close(&mut self.storage)?;
        }
        self.halves.close(&mut self.storage)?;
        self.definitions.close(&mut self.storage).map_err(storage::<S>)?;
        match written {
            Err(error @ QueueError::Log(LogError::Full)) => Err(error.into()),
            _ => Ok(self.storage),
        }
    }

    /// Says that whoever uses the host stops when a disk is full, and says nothing of what was done since it was last written:
    /// so none of that is to have an effect, and no room is made by it.
    pub fn stops_when_full(&mut self) {
        self.stops_when_full = true;
    }

    /// Writes what was done since the last call, once for all; it survives a crash of the process. (Not a power cut,
    /// which may then keep that a message left one queue and lose that it came into another:
    /// [`flush`](Self::flush) sees to that.)
    ///
    /// # Errors
    ///
    /// Failures of the storage. The host must be stopped then, and opened again: nothing of the burst was promised. But
    /// where there is only no room, nothing is lost and the next call tries again.
    pub fn commit(&mut self) -> Result<(), S> {
        // A message that went from one queue to another is written there before it is crossed out here.
        self.in_room(|host| host.each_touched(Queue::commit_messages))?;
        let gives_back = !self.stops_when_full;
        self.each_touched(|queue| queue.commit_where(gives_back))?;
        self.halves.commit()?;
        self.check_disk()
    }

    /// [`commit`](Self::commit), makes it durable, and confirms what was published on channels that asked for it.
    ///
    /// # Errors
    ///
    /// As for `commit`.
    pub fn flush(&mut self) -> Result<(), S> {
        self.definitions.flush()?;
        self.in_room(Self::flush_messages)?;
        let gives_back = !self.stops_when_full;
        self.each_touched(|queue| queue.flush_where(gives_back))?;
        self.halves.flush()?;
        // Not before all of it is durable: whoever flushes once more after a failure is refused again.
        self.touched.clear();
        self.confirm();
        self.grant_publishers();
        self.check_disk()
    }

    /// Makes the messages of every queue durable that took some: what left a queue for another one is there before the
    /// first forgets it.
    pub(super) fn flush_messages(&mut self) -> Result<(), S> {
        self.each_touched(Queue::flush_messages)
    }

    /// Does something to every queue that something was done to since it was last written. That one finds no room keeps none
    /// from being asked: another may make some.
    fn each_touched(
        &mut self,
        mut work: impl FnMut(&mut Queue<S::Log>) -> core::result::Result<(), QueueError<StorageError<S>>>,
    ) -> Result<(), S> {
        let mut done = Ok(());
        for name in &self.touched {
            let Some(queue) = self.queues.get_mut(name) else { continue };
            match work(queue) {
                Err(QueueError::Log(LogError::Full)) => done = Err(LogError::Full.into()),
                worked => worked?,
            }
        }
        done
    }

    /// Does something; where there is no room for it, once more after what nobody needs is given back.
    fn in_room(&mut self, mut work: impl FnMut(&mut Self) -> Result<(), S>) -> Result<(), S> {
        let done = work(self);
        if self.stops_when_full || !matches!(done, Err(VhostError::Queue(QueueError::Log(LogError::Full)))) {
            return done;
        }
        let mut is_more = false;
        self.each_touched(|queue| {
            is_more |= queue.make_room()?;
            Ok(())
        })?;
        if is_more { work(self) } else { done }
    }

    /// Whether something was done that a power cut would undo.
    pub fn is_dirty(&self) -> bool {
        self.definitions.is_dirty() || self.halves.is_dirty() || self.queues.values().any(Queue::is_dirty)
    }
}
