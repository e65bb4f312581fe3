//! Logs in memory: the plainest implementation, and the model that the others are compared with.

use alloc::vec::Vec;
use core::convert::Infallible;
use core::iter;

use super::{Log, LogError, Segment, Slice, Storage, check_replacement};
use crate::ids::{LogName, Offset};
use crate::record::{Batch, Batches};
use crate::sorted::SortedMap;

/// A log whose batches stand in a vector, sharing the bytes they arrived in.
///
/// ```
/// use mqlab_core::ids::Offset;
/// use mqlab_core::log::{Log, Slice, memory::MemoryLog};
/// use mqlab_core::record::{BatchBuilder, NewRecord};
///
/// let mut builder = BatchBuilder::new();
/// builder.push(&NewRecord { value: Some("hello".into()), ..Default::default() })?;
/// let mut log = MemoryLog::default();
/// log.append(&builder.build())?;
/// assert_eq!((log.durable(), log.end()), (Offset(0), Offset(1)));
/// log.flush()?;
/// assert_eq!(log.durable(), Offset(1));
/// let read = log.read(Offset(0), log.end(), 1_000)?.load()?;
/// assert_eq!(read.records().next().and_then(|record| record.value), Some("hello".into()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct MemoryLog {
    /// Each with the offset after it, so that nothing else is looked at when one is searched for.
    batches: Vec<(Offset, Batch)>,
    start: Offset,
    end: Offset,
    durable: Offset,
    /// Where segments begin, but the first.
    rolled: Vec<Offset>,
}

impl MemoryLog {
    /// The index of the first batch that reaches past `offset`.
    fn first_past(&self, offset: Offset) -> usize {
        if offset >= self.end {
            return self.batches.len(); // whoever waits for news asks here, and that is most who ask
        }
        // And of the others most want what came last: the search begins there, and doubles its steps.
        let (mut end, mut step) = (self.batches.len(), 1);
        while let Some(before) = end.checked_sub(step)
            && self.batches[before].0 > offset
        {
            (end, step) = (before, step * 2);
        }
        let start = end.saturating_sub(step);
        start + self.batches[start..end].partition_point(|(next, _)| *next <= offset)
    }

    fn out_of_range<T>(&self, asked: Offset) -> Result<T, LogError<Infallible>> {
        Err(LogError::OutOfRange { start: self.start, end: self.end, asked })
    }
}

impl Log for MemoryLog {
    type Slice = MemorySlice;
    type Error = Infallible;

    fn start(&self) -> Offset {
        self.start
    }

    fn end(&self) -> Offset {
        self.end
    }

    fn durable(&self) -> Offset {
        self.durable
    }

    fn append(&mut self, batches: &Batches) -> Result<(), LogError<Infallible>> {
        let Some(base) = batches.base() else {
            return Ok(());
        };
        if base < self.end {
            return Err(LogError::OutOfOrder { end: self.end, base });
        }
        for batch in batches.iter() {
            self.end = batch.next();
            self.batches.push((self.end, batch));
        }
        Ok(())
    }

    fn read(&self, from: Offset, until: Offset, bytes_max: u32) -> Result<MemorySlice, LogError<Infallible>> {
        if from < self.start || from > self.end {
            return self.out_of_range(from);
        }
        let behind = &self.batches[self.first_past(from)..];
        let (mut count, mut bytes) = (0, 0);
        for (next, batch) in behind {
            bytes += batch.bytes().len() as u64;
            if *next > until || (bytes > u64::from(bytes_max) && count > 0) {
                break;
            }
            count += 1;
        }
        Ok(MemorySlice { batches: behind[..count].iter().map(|(_, batch)| batch.clone()).collect() })
    }

    fn flush(&mut self) -> Result<(), LogError<Infallible>> {
        self.durable = self.end;
        Ok(())
    }

    fn truncate(&mut self, to: Offset) -> Result<(), LogError<Infallible>> {
        if to < self.start {
            return self.out_of_range(to);
        }
        self.batches.truncate(self.first_past(to));
        self.end = self.batches.last().map_or(self.start, |(next, _)| *next);
        self.durable = self.durable.min(self.end);
        self.rolled.retain(|&base| base <= to);
        Ok(())
    }

    fn trim(&mut self, to: Offset) -> Result<(), LogError<Infallible>> {
        if to > self.end {
            return self.out_of_range(to);
        }
        self.batches.drain(..self.first_past(to));
        let kept = self.batches.first().map_or(self.end, |(_, batch)| batch.base());
        self.start = self.start.max(kept.min(to));
        self.durable = self.durable.max(self.start);
        let start = self.start;
        self.rolled.retain(|&base| base > start);
        Ok(())
    }

    fn begin_anew(&mut self, at: Offset) -> Result<(), LogError<Infallible>> {
        *self = Self { start: at, end: at, durable: at, ..Self::default() };
        Ok(())
    }

    fn segments(&self) -> Vec<Segment> {
        let rolled = self.rolled.iter().copied();
        let bases = iter::once(self.start).chain(rolled.clone());
        let segment = |(base, end)| {
            let batches = &self.batches[self.first_past(base)..self.first_past(end)];
            let bytes = batches.iter().map(|(_, batch)| batch.bytes().len() as u64).sum();
            Segment { base, end, bytes }
        };
        bases.zip(rolled.chain([self.end])).map(segment).collect()
    }

    fn roll(&mut self) -> Result<(), LogError<Infallible>> {
        self.durable = self.end;
        if self.rolled.last().copied().unwrap_or(self.start) < self.end {
            self.rolled.push(self.end);
        }
        Ok(())
    }

    fn replace(
        &mut self,
        from: Offset,
        until: Offset,
        batches: &Batches,
    ) -> Result<(), LogError<Infallible>> {
        check_replacement(&self.segments(), (from, until), batches)?;
        let new = batches.iter().map(|batch| (batch.next(), batch));
        self.batches.splice(self.first_past(from)..self.first_past(until), new);
        self.rolled.retain(|&base| base <= from || until <= base);
        Ok(())
    }
}

/// Batches of a [`MemoryLog`], sharing its bytes.
///
/// ```
/// use mqlab_core::ids::Offset;
/// use mqlab_core::log::contract::batch;
/// use mqlab_core::log::memory::MemoryLog;
/// use mqlab_core::log::{Log, Slice};
/// let mut log = MemoryLog::default();
/// log.append(&batch(0, 2))?;
/// assert_eq!(log.read(Offset(0), Offset(2), u32::MAX)?.load()?, batch(0, 2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct MemorySlice {
    batches: Vec<Batch>,
}

impl Slice for MemorySlice {
    type Error = Infallible;

    fn bytes(&self) -> u64 {
        self.batches.iter().map(|batch| batch.bytes().len() as u64).sum()
    }

    fn load(&self) -> Result<Batches, Infallible> {
        Ok(Batches::joined(&self.batches))
    }
}

/// Logs that live as long as this value.
///
/// ```
/// use mqlab_core::ids::LogName;
/// use mqlab_core::log::memory::MemoryStorage;
/// use mqlab_core::log::Storage;
/// let mut storage = MemoryStorage::default();
/// let log = storage.open(&LogName::Definitions)?;
/// assert!(storage.names()?.is_empty()); // a log that is open belongs to who opened it
/// storage.close(&LogName::Definitions, log)?;
/// assert_eq!(storage.names()?, [LogName::Definitions]);
/// # Ok::<(), core::convert::Infallible>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct MemoryStorage {
    closed: SortedMap<LogName, MemoryLog>,
}

impl Storage for MemoryStorage {
    type Log = MemoryLog;

    fn open(&mut self, name: &LogName) -> Result<MemoryLog, Infallible> {
        Ok(self.closed.remove(name).unwrap_or_default())
    }

    fn close(&mut self, name: &LogName, log: MemoryLog) -> Result<(), Infallible> {
        self.closed.insert(name.clone(), log);
        Ok(())
    }

    fn names(&self) -> Result<Vec<LogName>, Infallible> {
        Ok(self.closed.keys().cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_contract() {
        crate::log::contract::suite(MemoryStorage::default, |storage| storage);
    }
}
