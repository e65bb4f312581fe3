//! What must a member of a quorum never forget? In which term it is, and whom it voted for in it.
//!
//! If it forgot its vote and gave it again, two could lead in one term. So the ballot is a log of its own: whatever
//! stands last in it counts, and all before it may go.

use alloc::format;
use alloc::string::ToString as _;

use bytes::Bytes;

use crate::ids::{Epoch, LogName, Name, NodeId, Offset};
use crate::log::{Log, LogError, Storage, StorageError, read_all};
use crate::record::{BatchBuilder, NewRecord};

/// The term and the vote of a member.
#[derive(Clone, Debug)]
pub(super) struct Ballot<L> {
    log: L,
    term: Epoch,
    vote: Option<NodeId>,
}

impl<L: Log> Ballot<L> {
    pub(super) fn open<S: Storage<Log = L>>(
        storage: &mut S,
        quorum: &Name,
    ) -> Result<Self, LogError<StorageError<S>>> {
        let log = storage.open(&LogName::Ballot(quorum.clone()))?;
        let (mut term, mut vote) = (Epoch::default(), None);
        read_all(&log, |batches| {
            for record in batches.records() {
                let text = |bytes: &Option<Bytes>| {
                    bytes.as_deref().and_then(|bytes| core::str::from_utf8(bytes).ok()).map(str::to_string)
                };
                if let Some(number) = text(&record.key).and_then(|text| text.parse().ok()) {
                    term = Epoch(number);
                    vote = text(&record.value).and_then(|text| text.parse().ok());
                }
            }
        })?;
        Ok(Self { log, term, vote })
    }

    pub(super) fn close<S: Storage<Log = L>>(
        self,
        storage: &mut S,
        quorum: &Name,
    ) -> Result<(), StorageError<S>> {
        storage.close(&LogName::Ballot(quorum.clone()), self.log)
    }

    pub(super) fn term(&self) -> Epoch {
        self.term
    }

    pub(super) fn vote(&self) -> Option<NodeId> {
        self.vote
    }

    /// Enters a term, or votes in it. It is durable after the next flush.
    pub(super) fn set(&mut self, term: Epoch, vote: Option<NodeId>) -> Result<(), LogError<L::Error>> {
        if (self.term, self.vote) == (term, vote) {
            return Ok(());
        }
        let mut builder = BatchBuilder::new();
        let value = vote.map(|node| Bytes::from(node.to_string()));
        let record = NewRecord { key: Some(format!("{}", term.0).into()), value, ..NewRecord::default() };
        builder.push(&record).expect("two short words fit a batch");
        let end = self.log.end();
        self.log.append(&builder.build().stamped(end, term))?;
        (self.term, self.vote) = (term, vote);
        Ok(())
    }

    pub(super) fn flush(&mut self) -> Result<(), LogError<L::Error>> {
        if self.log.durable() == self.log.end() {
            return Ok(());
        }
        self.log.flush()?;
        // Only now: the last entry must not go before its successor is safe.
        self.log.trim(Offset(self.log.end().0 - 1))
    }
}
