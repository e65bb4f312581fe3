//! How does a consumer read a stream? From where it likes, chunk by chunk, as far as a majority has it, and as many chunks
//! as it has granted credit for.

use super::*;
use crate::log::read_range;
use crate::record::Batch;

/// A consumer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader {
    /// Where its next chunk is.
    next: Offset,
    /// From where on it wants messages.
    from: Offset,
    credit: u32,
}

impl<S: Storage> Stream<S> {
    pub(super) fn subscribe(
        &mut self,
        consumer: (NodeId, u32),
        spec: OffsetSpec,
        credit: u32,
    ) -> Fallible<(), S> {
        let from = self.find(spec)?;
        self.readers.insert(consumer, Reader { next: from, from, credit });
        Ok(())
    }

    pub(super) fn grant(&mut self, consumer: (NodeId, u32), credit: u32) {
        if let Some(reader) = self.readers.get_mut(&consumer) {
            reader.credit = reader.credit.saturating_add(credit);
        }
    }

    /// The offset that is meant.
    fn find(&self, spec: OffsetSpec) -> Fallible<Offset, S> {
        let start = self.log.start();
        let first = |suits: &dyn Fn(&Batch) -> bool, last: bool| {
            let mut found = None;
            read_range(&self.log, start, self.committed.max(start), |chunks| {
                for chunk in chunks.iter().filter(|chunk| suits(chunk)) {
                    if last || found.is_none() {
                        found = Some(chunk.base());
                    }
                }
            })?;
            Ok::<_, LogError<StorageError<S>>>(found)
        };
        let has_messages = |chunk: &Batch| !messages_of(&Batches::joined([chunk]), Offset::ZERO).is_empty();
        Ok(match spec {
            OffsetSpec::First => start,
            OffsetSpec::Next => self.committed.max(start),
            OffsetSpec::Offset(offset) => offset.max(start),
            OffsetSpec::Last => first(&has_messages, true)?.unwrap_or(self.committed).max(start),
            OffsetSpec::Timestamp(time) => {
                let millis = i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
                let late = |chunk: &Batch| chunk.max_timestamp() >= millis;
                first(&late, false)?.unwrap_or(self.committed).max(start)
            }
        })
    }

    /// Sends each consumer what it has credit for.
    pub(super) fn serve_readers(&mut self, out: &mut OutOf<S>) -> Fallible<(), S> {
        for (&(client, tag), reader) in &mut self.readers {
            // What went while it was slow is gone.
            reader.next = reader.next.max(self.log.start());
            while reader.credit > 0 && reader.next < self.committed {
                // One byte at most is one chunk, since the first comes however large it is.
                let chunk = self.log.read(reader.next, self.committed, 1)?;
                let loaded = chunk.load().map_err(LogError::Storage)?;
                let Some(next) = loaded.next() else { break };
                let from = reader.from;
                reader.next = next;
                if !messages_of(&loaded, from).is_empty() {
                    reader.credit -= 1;
                    out.sends.push((client, StreamMessage::Chunk { tag, chunk, from }));
                }
            }
        }
        Ok(())
    }
}
