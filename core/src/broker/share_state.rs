//! What of a share group's account is written down? Its start, and every record behind it that is not as if it had never
//! been handed out; in runs of records that stand alike.
//!
//! ```text
//!   17 free, 2   18 done, 1   19 done, 1   20 as new   21 dead, 5
//!   └─────────┘  └───────────────────────┘             └─────────┘      start 17, and three runs
//! ```
//!
//! It is kept in the topic `__share_group_state`: one record for each time, each of them the whole account, keyed by group
//! and partition; the last one counts. (Kafka writes what changed, and a snapshot now and then.)

use alloc::string::ToString as _;
use alloc::vec::Vec;

use bytes::Bytes;

use crate::ids::{Epoch, Name, Offset, PartitionId};
use crate::record::{BatchBuilder, Batches, Malformed, NewRecord, Record};

/// How a record stands, where nobody has it.
///
/// ```
/// use mqlab_core::broker::Fate;
/// assert_ne!(Fate::Available, Fate::Archived);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Anybody may have it.
    Available,
    /// It is processed.
    Acknowledged,
    /// It is given up.
    Archived,
}

impl Fate {
    /// Kafka's numbers.
    const fn number(self) -> u8 {
        match self {
            Self::Available => 0,
            Self::Acknowledged => 2,
            Self::Archived => 4,
        }
    }

    const fn of(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Available),
            2 => Some(Self::Acknowledged),
            4 => Some(Self::Archived),
            _ => None,
        }
    }
}

/// Records beside each other that stand alike.
///
/// ```
/// use mqlab_core::broker::{Fate, ShareRun};
/// use mqlab_core::ids::Offset;
/// let run = ShareRun { first: Offset(3), last: Offset(5), fate: Fate::Available, deliveries: 2 };
/// assert_eq!(run.last.0 - run.first.0 + 1, 3); // both ends belong to it
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShareRun {
    /// The first of them.
    pub first: Offset,
    /// The last of them.
    pub last: Offset,
    /// How they stand.
    pub fate: Fate,
    /// How often each was delivered.
    pub deliveries: u32,
}

/// A group's account of a partition, as it is written down.
///
/// ```
/// use mqlab_core::broker::ShareState;
/// use mqlab_core::ids::Offset;
/// let state = ShareState::at(Offset(17));
/// assert!(state.runs.is_empty()); // nothing was handed out yet
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShareState {
    /// Everything below is over.
    pub start: Offset,
    /// What is in flight and was delivered, in order.
    pub runs: Vec<ShareRun>,
}

impl ShareState {
    /// A group that begins.
    pub fn at(start: Offset) -> Self {
        Self { start, runs: Vec::new() }
    }
}

/// Who keeps an account: a partition's leader, in one of its lives. A later one shuts out the earlier.
///
/// ```
/// use mqlab_core::broker::ShareWriter;
/// use mqlab_core::ids::Epoch;
/// let before = ShareWriter { epoch: Epoch(3), incarnation: 7 };
/// assert!(before < ShareWriter { epoch: Epoch(4), incarnation: 1 }); // the epoch decides
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ShareWriter {
    /// The leader's epoch.
    pub epoch: Epoch,
    /// How often its process was started.
    pub incarnation: u64,
}

/// What the share coordinator has of one account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Saved {
    pub(super) writer: ShareWriter,
    /// Its writer's count: a copy that comes late is known by it.
    pub(super) version: u64,
    pub(super) state: ShareState,
}

/// A group and a partition.
pub(super) type ShareKey = (Name, PartitionId);

/// The record that keeps an account.
pub(super) fn to_record(
    (group, partition): &ShareKey,
    saved: &Saved,
    timestamp: i64,
) -> Result<Batches, Malformed> {
    let mut value = Vec::new();
    value.extend(saved.writer.epoch.0.to_be_bytes());
    value.extend(saved.writer.incarnation.to_be_bytes());
    value.extend(saved.version.to_be_bytes());
    value.extend(saved.state.start.0.to_be_bytes());
    for run in &saved.state.runs {
        value.extend(run.first.0.to_be_bytes());
        value.extend(run.last.0.to_be_bytes());
        value.push(run.fate.number());
        value.extend(run.deliveries.to_be_bytes());
    }
    let key = Bytes::from(alloc::format!("{group}/{partition}").to_string().into_bytes());
    let record =
        NewRecord { timestamp, key: Some(key), value: Some(value.into()), headers: Default::default() };
    let mut builder = BatchBuilder::new();
    builder.push(&record)?;
    Ok(builder.build())
}

/// Reads it back; nothing when it is something else.
pub(super) fn from_record(record: &Record) -> Option<(ShareKey, Saved)> {
    let mut parts = core::str::from_utf8(record.key.as_deref()?).ok()?.split('/');
    let (group, topic, index) = (parts.next()?, parts.next()?, parts.next()?);
    let partition = PartitionId { topic: Name::new(topic).ok()?, index: index.parse().ok()? };
    let mut rest = record.value.as_deref()?;
    let writer =
        ShareWriter { epoch: Epoch(u32::from_be_bytes(take(&mut rest)?)), incarnation: long(&mut rest)? };
    let (version, start) = (long(&mut rest)?, Offset(long(&mut rest)?));
    let mut runs = Vec::new();
    while !rest.is_empty() {
        let (first, last) = (Offset(long(&mut rest)?), Offset(long(&mut rest)?));
        let [fate] = take(&mut rest)?;
        let (fate, deliveries) = (Fate::of(fate)?, u32::from_be_bytes(take(&mut rest)?));
        runs.push(ShareRun { first, last, fate, deliveries });
    }
    let saved = Saved { writer, version, state: ShareState { start, runs } };
    Some(((Name::new(group).ok()?, partition), saved))
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, behind) = rest.split_first_chunk()?;
    *rest = behind;
    Some(*taken)
}

fn long(rest: &mut &[u8]) -> Option<u64> {
    take(rest).map(u64::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back_and_anything_else_is_passed_over() {
        let name = |text| Name::new(text).expect("a legal name");
        let key = (name("g"), PartitionId { topic: name("t"), index: 7 });
        let run = |first, last, fate, deliveries| ShareRun {
            first: Offset(first),
            last: Offset(last),
            fate,
            deliveries,
        };
        let runs = [
            run(17, 17, Fate::Available, 2),
            run(18, 19, Fate::Acknowledged, 1),
            run(u64::MAX - 1, u64::MAX, Fate::Archived, 5),
        ];
        for count in 0..=runs.len() {
            let saved = Saved {
                writer: ShareWriter { epoch: Epoch(3), incarnation: 2 },
                version: 99,
                state: ShareState { start: Offset(17), runs: runs[..count].into() },
            };
            let batches = to_record(&key, &saved, 0).expect("it fits");
            let record = batches.records().next().expect("one record");
            assert_eq!(from_record(&record), Some((key.clone(), saved)));
            let value = record.value.clone().expect("it has a value");
            for cut in (0..value.len()).filter(|cut| *cut < 28 || (cut - 28) % 21 != 0) {
                let torn = Record { value: Some(value.slice(..cut)), ..record.clone() };
                assert_eq!(from_record(&torn), None, "cut after {cut} bytes");
            }
        }
    }
}
