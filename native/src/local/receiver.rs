//! Reading a topic for a group, and remembering where it stopped.

use std::fmt;

use mqlab_core::ids::{Name, Offset, PartitionId};
use mqlab_core::record::Record;

use super::Local;
use crate::error::Error;

/// How many bytes of a partition are read at once.
const FETCH_BYTES: u32 = 256 * 1024;

/// Receives the messages of a topic for a group, from where the group stopped.
///
/// Within a partition they come in their order; of several partitions, the one whose next message is the oldest
/// comes first, so that none waits for the others to be read out.
pub struct Receiver<'a> {
    local: &'a mut Local,
    group: Name,
    lanes: Vec<Lane>,
    moved: Vec<Moved>,
}

/// A message and where it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// The partition.
    pub partition: PartitionId,
    /// The message.
    pub record: Record,
}

/// A group stood where its partition's log does not reach (any more), and goes on at the nearest place that is
/// there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// The partition.
    pub partition: PartitionId,
    /// Where the group stood.
    pub from: Offset,
    /// Where it goes on.
    pub to: Offset,
}

impl fmt::Display for Moved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { partition, from, to } = self;
        write!(f, "{partition}: the group stood at offset {from}, which is not there: it goes on at {to}")
    }
}

/// One partition as it is read.
struct Lane {
    partition: PartitionId,
    /// The offset after the last message that was handed out.
    position: Offset,
    /// What the group last said.
    committed: Option<Offset>,
    /// What was read and not handed out: the next message, those after it, and where to read on.
    next: Option<Record>,
    rest: Box<dyn Iterator<Item = Record> + Send>,
    read_to: Offset,
}

impl<'a> Receiver<'a> {
    /// A receiver for a topic that is there.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchTopic`] when it is not, or whatever hinders opening it.
    pub fn new(local: &'a mut Local, topic: &Name, group: &Name) -> Result<Self, Error> {
        let partitions = local.require_topic(topic)?;
        let (mut lanes, mut moved) = (Vec::new(), Vec::new());
        for index in 0..partitions {
            let partition = PartitionId { topic: topic.clone(), index };
            let marks = local.marks(&partition).expect("a topic that was opened");
            let committed = local.offset_of(group, &partition)?;
            let position = committed.unwrap_or(marks.start).clamp(marks.start, marks.high_watermark);
            if let Some(from) = committed.filter(|&from| from != position) {
                moved.push(Moved { partition: partition.clone(), from, to: position });
            }
            let rest = Box::new(std::iter::empty());
            lanes.push(Lane { partition, position, committed, next: None, rest, read_to: position });
        }
        Ok(Self { local, group: group.clone(), lanes, moved })
    }

    /// Where the group had to be moved: its data was removed, or cut off by a recovery.
    pub fn moved(&self) -> &[Moved] {
        &self.moved
    }

    /// The next message; none when everything was received.
    ///
    /// # Errors
    ///
    /// [`Error`] when stored bytes cannot be read.
    pub fn receive(&mut self) -> Result<Option<Received>, Error> {
        for lane in &mut self.lanes {
            lane.fill(self.local)?;
        }
        let oldest = self.lanes.iter_mut().filter(|lane| lane.next.is_some());
        let Some(lane) = oldest.min_by_key(|lane| lane.next.as_ref().map(|record| record.timestamp)) else {
            return Ok(None);
        };
        let received = lane.next.take().map(|record| {
            lane.position = record.offset.next();
            Received { partition: lane.partition.clone(), record }
        });
        Ok(received)
    }

    /// Remembers for the group that it is done with everything received so far; durable when this returns.
    ///
    /// # Errors
    ///
    /// [`Error`] when it could not be stored. The group then receives these messages again.
    pub fn commit(&mut self) -> Result<(), Error> {
        let changed = self.lanes.iter().filter(|lane| lane.committed.unwrap_or_default() != lane.position);
        let offsets: Vec<_> = changed.map(|lane| (lane.partition.clone(), lane.position)).collect();
        if !offsets.is_empty() {
            self.local.commit(&self.group, offsets)?;
        }
        for lane in &mut self.lanes {
            lane.committed = Some(lane.position);
        }
        Ok(())
    }

    /// How many offsets lie between what was received and the end.
    pub fn left(&self) -> u64 {
        let left = |lane: &Lane| {
            let end = self.local.marks(&lane.partition).map_or(lane.position, |marks| marks.high_watermark);
            end.0 - lane.position.0
        };
        self.lanes.iter().map(left).sum()
    }
}

impl Lane {
    /// Sees to it that `next` holds the next message, if there is one.
    fn fill(&mut self, local: &mut Local) -> Result<(), Error> {
        while self.next.is_none() {
            let from = self.position;
            self.next = self.rest.find(|record| record.offset >= from);
            if self.next.is_some() {
                break;
            }
            let batches = local.fetch(&self.partition, self.read_to, FETCH_BYTES)?;
            let Some(next) = batches.next() else { break };
            // What lies before it and is no message (a gap, a transaction's marker) is behind us then.
            self.position = self.position.max(self.read_to);
            self.read_to = next;
            self.rest = Box::new(batches.records());
        }
        Ok(())
    }
}

impl fmt::Debug for Receiver<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("group", &self.group).finish_non_exhaustive()
    }
}
