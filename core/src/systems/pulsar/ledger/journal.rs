//! How do entries of many ledgers stand in one log? Behind each other as they come, each behind a word about it.
//!
//! ```text
//!   │ entry 7:0 │ batch │ entry 9:4 │ batch │ fenced 7 │ entry 9:5 │ batch │ deleted 9 │ ...
//!     └ a word: a record of its own, which says what follows
//! ```
//!
//! The batch is the producer's own, so that what stands in a bookie is what was sent, checksum and all. A word whose batch
//! is not there whole was never answered, and counts for nothing.

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};

use super::LedgerId;
use crate::record::{Batch, BatchBuilder, Batches, NewRecord, Producer};

/// Who writes words: no producer has this number, so no message is taken for one.
const JOURNAL: Producer = Producer { id: -2, epoch: -1, sequence: -1 };

/// What a word of the journal says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// So many records follow: the payload of an entry.
    Entry { ledger: LedgerId, entry: u64, lac: Option<u64>, records: u64 },
    /// The ledger is fenced.
    Fenced(LedgerId),
    /// The ledger is gone.
    Deleted(LedgerId),
}

const ENTRY: u8 = 0;
const FENCED: u8 = 1;
const DELETED: u8 = 2;

impl Word {
    /// The batch that it stands in, at offset 0.
    pub(super) fn to_batch(self) -> Batches {
        let mut bytes = BytesMut::new();
        match self {
            Self::Entry { ledger, entry, lac, records } => {
                bytes.put_u8(ENTRY);
                bytes.put_u64(ledger.0);
                bytes.put_u64(entry);
                bytes.put_i64(lac.map_or(-1, |lac| lac as i64));
                bytes.put_u64(records);
            }
            Self::Fenced(ledger) => {
                bytes.put_u8(FENCED);
                bytes.put_u64(ledger.0);
            }
            Self::Deleted(ledger) => {
                bytes.put_u8(DELETED);
                bytes.put_u64(ledger.0);
            }
        }
        let mut builder = BatchBuilder::of(JOURNAL);
        let record = NewRecord { value: Some(bytes.freeze()), ..NewRecord::default() };
        builder.push(&record).expect("a few numbers fit a batch");
        builder.build()
    }

    /// The word that a batch is, if it is one.
    pub(super) fn of(batch: &Batch) -> Option<Self> {
        if batch.producer() != JOURNAL {
            return None;
        }
        Self::parse(&batch.records().next()?.value?)
    }

    fn parse(value: &Bytes) -> Option<Self> {
        let mut bytes = &value[..];
        let kind = bytes.try_get_u8().ok()?;
        let ledger = LedgerId(bytes.try_get_u64().ok()?);
        let word = match kind {
            ENTRY => {
                let entry = bytes.try_get_u64().ok()?;
                let lac = u64::try_from(bytes.try_get_i64().ok()?).ok();
                Self::Entry { ledger, entry, lac, records: bytes.try_get_u64().ok()? }
            }
            FENCED => Self::Fenced(ledger),
            DELETED => Self::Deleted(ledger),
            _ => return None,
        };
        bytes.is_empty().then_some(word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_back_and_nothing_else_is_one() {
        let ledger = LedgerId(u64::MAX);
        let entry = |lac| Word::Entry { ledger, entry: 9, lac, records: 3 };
        for word in [entry(None), entry(Some(0)), Word::Fenced(ledger), Word::Deleted(ledger)] {
            let value = word.to_batch().records().next().and_then(|record| record.value).expect("one record");
            assert_eq!(Word::parse(&value), Some(word));
            for cut in 0..value.len() {
                assert_eq!(Word::parse(&value.slice(..cut)), None, "{word:?} cut to {cut} bytes");
            }
        }
        assert_eq!(Word::parse(&Bytes::from_static(&[3; 9])), None);
    }
}
