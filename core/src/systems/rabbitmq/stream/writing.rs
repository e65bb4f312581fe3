//! How does a chunk come into a stream, and when is it confirmed? The writer stores it once, and a majority has it.

use super::tracking::{Note, TRACKING};
use super::*;
use crate::message::Message;
use crate::record::BatchBuilder;

impl<S: Storage> Stream<S> {
    /// The coordinator says that this member writes.
    pub(super) fn begin_to_write(&mut self, now: Time, epoch: Epoch, replicas: &[NodeId]) -> Fallible<(), S> {
        if epoch < self.epoch || (epoch == self.epoch && !matches!(self.role, Role::Idle)) {
            return Ok(());
        }
        self.epoch = epoch;
        self.open.clear();
        let others = replicas.iter().filter(|replica| **replica != self.config.me);
        let replicas = others.map(|replica| (*replica, Copier::default())).collect();
        self.role = Role::Writer { begins: self.log.end(), replicas };
        self.write_snapshot(now)
    }

    /// A segment begins with everything that is known of clients; so does a reign, whose first entry it is.
    fn write_snapshot(&mut self, now: Time) -> Fallible<(), S> {
        let mut chunk = BatchBuilder::new();
        let note = Note::Snapshot(self.tracking.clone());
        // What is known of clients is far smaller than a batch may be, or it is not written.
        if chunk.push(&note.to_record(now)).is_err() {
            chunk = BatchBuilder::new();
        }
        self.write(now, chunk)
    }

    fn write(&mut self, now: Time, chunk: BatchBuilder) -> Fallible<(), S> {
        if chunk.is_empty() {
            return Ok(());
        }
        let chunk = chunk.build().stamped(self.log.end(), self.epoch);
        self.append(now, &chunk)
    }

    pub(super) fn publish(
        &mut self,
        now: Time,
        from: NodeId,
        publisher: Option<Name>,
        messages: Vec<(u64, Message)>,
        out: &mut OutOf<S>,
    ) -> Fallible<(), S> {
        if !self.writes() {
            return self.is_no_writer(from, out);
        }
        let ids: Vec<u64> = messages.iter().map(|(id, _)| *id).collect();
        let mut last = publisher.as_ref().and_then(|name| self.tracking.sequences.get(name).copied());
        let mut chunk = BatchBuilder::new();
        let mut fits = true;
        for (id, message) in &messages {
            if publisher.is_some() && last.is_some_and(|last| *id <= last) {
                continue; // it is here, or was
            }
            fits &= message.check().is_ok() && message.headers().get(TRACKING).is_none();
            fits = fits && chunk.push(&message.to_record(now.as_millis() as i64)).is_ok();
            last = Some(*id);
        }
        if let (Some(name), Some(last), false) = (publisher, last, chunk.is_empty()) {
            fits = fits && chunk.push(&Note::Sequence(name, last).to_record(now)).is_ok();
        }
        if !fits {
            out.sends.push((from, StreamMessage::Refused { ids }));
            return Ok(());
        }
        let full = self.log.segments().last().is_some_and(|last| last.bytes >= self.config.segment_bytes);
        if full && !chunk.is_empty() {
            self.write_snapshot(now)?;
        }
        self.write(now, chunk)?;
        self.open.push_back((self.log.end(), from, ids));
        Ok(())
    }

    pub(super) fn store_offset(
        &mut self,
        now: Time,
        from: NodeId,
        reference: Name,
        offset: Offset,
        out: &mut OutOf<S>,
    ) -> Fallible<(), S> {
        if !self.writes() {
            return self.is_no_writer(from, out);
        }
        let mut chunk = BatchBuilder::new();
        match chunk.push(&Note::Offset(reference, offset).to_record(now)) {
            Ok(()) => self.write(now, chunk),
            Err(_) => Ok(()), // a name and a number always fit
        }
    }

    fn is_no_writer(&self, from: NodeId, out: &mut OutOf<S>) -> Fallible<(), S> {
        let writer = match &self.role {
            Role::Replica { writer, .. } => Some(*writer),
            _ => None,
        };
        out.sends.push((from, StreamMessage::NotWriter { writer }));
        Ok(())
    }

    /// Counts who has what: what a majority has is committed, once an entry of this writer is among it.
    pub(super) fn commit(&mut self, out: &mut OutOf<S>) {
        let Role::Writer { begins, replicas } = &self.role else { return };
        let mut ends: Vec<Offset> = replicas.values().map(|copy| copy.end).collect();
        ends.push(self.log.durable());
        ends.sort_unstable();
        let majority = ends.len() / 2 + 1;
        let agreed = ends[ends.len() - majority];
        if agreed > *begins && agreed > self.committed {
            self.committed = agreed;
            out.events.push(Event::Committed { partition: self.partition(), below: agreed });
        }
        while let Some((end, to, ids)) = self.open.pop_front() {
            if end > self.committed {
                self.open.push_front((end, to, ids));
                break;
            }
            out.sends.push((to, StreamMessage::Confirmed { ids }));
        }
    }
}
