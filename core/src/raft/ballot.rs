//! What must a member of a quorum never forget? In which term it is, and whom it voted for in it.
//!
//! If it forgot its vote and gave it again, two could lead in one term. So the ballot is a log of its own: whatever
//! stands last in it counts, and all before it may go. One that cannot be read is an error, and stops its member: taken
//! for an empty one it would be a vote forgotten.

use alloc::format;
use alloc::string::ToString as _;

use bytes::Bytes;

use super::RaftError;
use crate::ids::{Epoch, LogName, Name, NodeId, Offset};
use crate::log::{Log, LogError, Storage, StorageError, read_all};
use crate::record::{BatchBuilder, NewRecord, Record};

/// What a record says: a term, and whom the member voted for in it, if for anybody. `None` if it is no such record.
fn entry(record: &Record) -> Option<(Epoch, Option<NodeId>)> {
    let text = |bytes: &Bytes| core::str::from_utf8(bytes).ok().map(str::to_string);
    let term = Epoch(text(record.key.as_ref()?)?.parse().ok()?);
    match &record.value {
        Some(value) => Some((term, Some(text(value)?.parse().ok()?))),
        None => Some((term, None)),
    }
}

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
    ) -> Result<Self, RaftError<StorageError<S>>> {
        let name = LogName::Ballot(quorum.clone());
        let log = storage.open(&name).map_err(LogError::Storage)?;
        // Of one that was never written nothing is there.
        let (mut last, mut damaged) = (None, (log.end() > Offset::ZERO).then_some(log.start()));
        read_all(&log, |batches| {
            for record in batches.records() {
                (last, damaged) = match entry(&record) {
                    Some(entry) => (Some(entry), None),
                    None => (last, Some(record.offset)),
                };
            }
        })?;
        if let Some(at) = damaged {
            storage.close(&name, log).map_err(LogError::Storage)?;
            return Err(RaftError::NotABallot(at));
        }
        let (term, vote) = last.unwrap_or_default();
        Ok(Self { log, term, vote })
    }

    pub(super) fn close<S: Storage<Log = L>>(
        self,
        storage: &mut S,
        quorum: &Name,
    ) -> Result<(), StorageError<S>> {
        storage.close(&LogName::Ballot(quorum.clone()), self.log)
    }

    pub(super) fn log_mut(&mut self) -> &mut L {
        &mut self.log
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::memory::MemoryStorage;

    fn quorum() -> Name {
        Name::new("q").expect("a legal name")
    }

    /// Opens a ballot over a log with these records, all but the last of which were trimmed away or not.
    fn opened(
        records: &[(Option<&str>, Option<&str>)],
        trims: bool,
    ) -> Result<(u32, Option<NodeId>), Offset> {
        let (mut storage, name) = (MemoryStorage::default(), LogName::Ballot(quorum()));
        let mut log = storage.open(&name).expect("memory opens");
        for (key, value) in records {
            let bytes = |text: &str| Bytes::copy_from_slice(text.as_bytes());
            let record = NewRecord { key: key.map(bytes), value: value.map(bytes), ..NewRecord::default() };
            let mut builder = BatchBuilder::new();
            builder.push(&record).expect("a small record");
            log.append(&builder.build().stamped(log.end(), Epoch(1))).expect("in order");
        }
        if trims {
            log.trim(log.end()).expect("in range");
        }
        let end = log.end();
        storage.close(&name, log).expect("memory closes");
        match Ballot::open(&mut storage, &quorum()) {
            Ok(ballot) => Ok((ballot.term().0, ballot.vote())),
            Err(RaftError::NotABallot(at)) => {
                let kept = storage.open(&name).expect("memory opens");
                assert_eq!(kept.end(), end, "it is kept as it was");
                Err(at)
            }
            Err(RaftError::Storage(error)) => panic!("memory does not fail: {error}"),
        }
    }

    #[test]
    fn a_ballot_that_cannot_be_read_is_an_error_and_not_an_empty_one() {
        let me = Some(NodeId::Voter(2));
        let good = (Some("7"), Some("controller-2"));
        for (records, trims, expected) in [
            (&[][..], false, Ok((0, None))),
            (&[(Some("7"), None)], false, Ok((7, None))),
            (&[good], false, Ok((7, me))),
            (&[(Some("6"), Some("controller-1")), good], false, Ok((7, me))),
            (&[(Some("six"), None), good], false, Ok((7, me))), // whatever stands last counts
            (&[good, (Some("eight"), None)], false, Err(Offset(1))),
            (&[good, (None, Some("controller-2"))], false, Err(Offset(1))),
            (&[good, (Some("8"), Some("nobody"))], false, Err(Offset(1))),
            (&[good, (Some("8"), Some(""))], false, Err(Offset(1))),
            (&[good], true, Err(Offset(1))), // it was written, and is gone
        ] {
            assert_eq!(opened(records, trims), expected, "{records:?}, trimmed: {trims}");
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let mut storage = MemoryStorage::default();
        for (term, vote) in [(1, None), (1, Some(NodeId::Voter(3))), (2, Some(NodeId::Controller)), (9, None)]
        {
            let mut ballot = Ballot::open(&mut storage, &quorum()).expect("it can be read");
            ballot.set(Epoch(term), vote).expect("memory does not fail");
            ballot.flush().expect("memory does not fail");
            ballot.close(&mut storage, &quorum()).expect("memory closes");
            let ballot = Ballot::open(&mut storage, &quorum()).expect("it can be read");
            assert_eq!((ballot.term(), ballot.vote()), (Epoch(term), vote));
            ballot.close(&mut storage, &quorum()).expect("memory closes");
        }
    }
}
