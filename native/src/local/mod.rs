//! One broker and its clients in one process: the engine as an embedded, durable queue.
//!
//! ```text
//!   your program ──▶ Sender ──┐                       ┌──▶ topics/orders/0/...log
//!                             ├──▶ Local: the broker ─┼──▶ topics/orders/1/...log
//!   your program ◀─ Receiver ─┘    of the engine      ├──▶ topics/__offsets/0   where groups have got to
//!                                                     └──▶ topics/__topics/0    which topics there are
//! ```
//!
//! [`Local`] drives the same [`Broker`] that the lab drives, only that its logs are files, its time is the
//! machine's and its one client is a function call away. It leads every partition: a cluster of one.
//!
//! Everything durable is a log, the list of topics too: a record in `__topics` for each, its key the topic's name
//! and its value the number of its partitions in decimal. A topic exists once that record is durable; the
//! directories of its partitions are made when it is used.

mod receiver;
mod sender;

pub use receiver::{Moved, Received, Receiver};
pub use sender::Sender;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use mqlab_core::broker::{
    Acks, Broker, Fetch, Input, Isolation, Marks, Message, OFFSETS_TOPIC, Out, PartitionState, Reply,
    Request, RequestId, Settings, View, offsets_partition,
};
use mqlab_core::ids::{Epoch, Name, NodeId, Offset, PartitionId};
use mqlab_core::log::Slice as _;
use mqlab_core::record::{BatchBuilder, Batches, NewRecord};
use mqlab_core::time::{Span, Time};

use crate::error::Error;
use crate::log::{FileSlice, FileStorage, Options, Recovered};

/// The most partitions of a topic. Each holds a file open, and most systems let a process have 1024.
pub const PARTITIONS_MAX: u32 = 512;

/// The topic in which the list of topics is kept.
const TOPICS_TOPIC: &str = "__topics";
/// What the names of the engine's own topics begin with.
const RESERVED: &str = "__";
/// The only broker.
const ME: NodeId = NodeId::Broker(1);
/// Its only client. It is a member of no group, so that it may commit for any.
const CLIENT: NodeId = NodeId::Producer(1);
/// How many bytes of the list of topics are read at once.
const READ_BYTES: u32 = 1024 * 1024;

/// A durable broker in this process.
///
/// ```
/// use mqlab::{Local, Receiver, Sender};
/// use mqlab_core::ids::Name;
/// # let scratch = tempfile::tempdir()?;
/// # let dir = scratch.path().join("data");
/// let (topic, group) = (Name::new("orders")?, Name::new("billing")?);
///
/// let mut local = Local::open(&dir)?;
/// local.create_topic(&topic, 3)?;
/// let mut sender = Sender::new(&mut local, &topic)?;
/// sender.send(Some("alice".into()), "a book".into())?;
/// sender.flush()?; // now it survives a power cut
///
/// let mut receiver = Receiver::new(&mut local, &topic, &group)?;
/// let received = receiver.receive()?.ok_or("there is one")?;
/// assert_eq!(received.record.value, Some("a book".into()));
/// receiver.commit()?; // the group goes on after it, also in another process
/// local.close()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Local {
    broker: Broker<FileStorage>,
    /// How the cluster of one stands, as far as it is in use: the broker opens what it is told of.
    view: View,
    topics: BTreeMap<Name, u32>,
    started: Instant,
    last_request: RequestId,
    out: Out<FileSlice>,
    /// Something could not be stored: what of its burst was, nobody knows but the logs.
    failed: bool,
}

impl Local {
    /// Opens a data directory; one that is missing or empty is made one.
    ///
    /// # Errors
    ///
    /// [`Error`] when the directory cannot be used, or what it holds is damaged.
    pub fn open(dir: impl AsRef<Path>) -> Result<Self, Error> {
        Self::open_with(dir, Options::default())
    }

    /// The same with other options than the usual.
    ///
    /// # Errors
    ///
    /// As for [`open`](Self::open).
    pub fn open_with(dir: impl AsRef<Path>, options: Options) -> Result<Self, Error> {
        let storage = FileStorage::open_with(dir, options)?;
        let settings = Settings { flush_before_reply: true, ..Settings::default() };
        let mut local = Self {
            broker: Broker::new(ME, 1, settings, storage)?,
            view: View::default(),
            topics: BTreeMap::new(),
            started: Instant::now(),
            last_request: 0,
            out: Out::default(),
            failed: false,
        };
        local.lead([topics_partition(), offsets_partition()])?;
        local.read_topics()?;
        Ok(local)
    }

    /// Stops the broker in good order. Whatever was flushed stays without it, too.
    ///
    /// # Errors
    ///
    /// When a log cannot be closed.
    pub fn close(self) -> Result<(), Error> {
        Ok(self.broker.into_storage().map(drop)?)
    }

    /// The torn tails that were cut off so far; see [`Recovered`].
    pub fn recovered(&self) -> &[Recovered] {
        self.broker.storage().recovered()
    }

    /// Every topic with the number of its partitions, in order of name.
    pub fn topics(&self) -> impl Iterator<Item = (&Name, u32)> {
        self.topics.iter().map(|(name, partitions)| (name, *partitions))
    }

    /// Sees to it that a topic is there and has so many partitions.
    ///
    /// # Errors
    ///
    /// [`Error::OtherPartitions`] when it is there and has another number; [`Error::PartitionCount`] and
    /// [`Error::ReservedName`] when it cannot be had at all.
    pub fn create_topic(&mut self, topic: &Name, partitions: u32) -> Result<(), Error> {
        if topic.as_str().starts_with(RESERVED) {
            return Err(Error::ReservedName { name: topic.clone() });
        }
        if !(1..=PARTITIONS_MAX).contains(&partitions) {
            return Err(Error::PartitionCount { asked: partitions, max: PARTITIONS_MAX });
        }
        if let Some(&has) = self.topics.get(topic) {
            let same = has == partitions;
            let other = || Error::OtherPartitions { topic: topic.clone(), has, asked: partitions };
            return same.then_some(()).ok_or_else(other);
        }
        let mut batch = BatchBuilder::new();
        let record = NewRecord {
            key: Some(topic.as_str().to_owned().into()),
            value: Some(partitions.to_string().into()),
            ..NewRecord::default()
        };
        batch.push(&record).expect("a small record fits an empty batch");
        self.send(&topics_partition(), batch.build());
        self.flush()?;
        self.topics.insert(topic.clone(), partitions);
        Ok(())
    }

    /// How many partitions a topic has, none when there is no such topic. Opens them, with recovery where it is
    /// needed.
    ///
    /// # Errors
    ///
    /// [`Error`] when a partition's files are damaged or cannot be used.
    pub fn open_topic(&mut self, topic: &Name) -> Result<Option<u32>, Error> {
        let Some(&partitions) = self.topics.get(topic) else { return Ok(None) };
        self.lead((0..partitions).map(|index| PartitionId { topic: topic.clone(), index }))?;
        Ok(Some(partitions))
    }

    /// Opens a topic that must be there.
    fn require_topic(&mut self, topic: &Name) -> Result<u32, Error> {
        let missing = |local: &Self| Error::NoSuchTopic {
            topic: topic.clone(),
            known: local.topics.keys().cloned().collect(),
        };
        self.open_topic(topic)?.ok_or_else(|| missing(self))
    }

    /// Where a partition begins and ends; none before its topic was [opened](Self::open_topic).
    pub fn marks(&self, partition: &PartitionId) -> Option<Marks> {
        self.broker.marks(partition)
    }

    /// Hands batches to the broker. They are kept when [`flush`](Self::flush) says so.
    pub fn send(&mut self, partition: &PartitionId, batches: Batches) {
        self.ask(Request::Produce { partition: partition.clone(), acks: Acks::All, batches });
    }

    /// Makes everything durable that was sent: one flush a partition, however many batches.
    ///
    /// # Errors
    ///
    /// [`Error`] when anything of it could not be stored, [`Error::NoSpace`] on a full disk. What was flushed before stays;
    /// of the rest some may be there. From then on everything answers [`Error::Refusing`]: open the directory again to go
    /// on.
    pub fn flush(&mut self) -> Result<(), Error> {
        for reply in self.settle()? {
            match reply {
                Reply::Stored { .. } => {}
                reply => return Err(unexpected("keep messages", reply)),
            }
        }
        Ok(())
    }

    /// Reads whole batches from the one that holds `from`, no more than `bytes_max` but at least one; none at the
    /// end.
    ///
    /// # Errors
    ///
    /// [`Error`] when the offset is outside the log, or the stored bytes are damaged.
    pub fn fetch(&mut self, partition: &PartitionId, from: Offset, bytes_max: u32) -> Result<Batches, Error> {
        let partition = partition.clone();
        let fetch = Fetch {
            partition,
            from,
            bytes_max,
            bytes_min: 0,
            wait_max: Span::ZERO,
            filter: None,
            rack: None,
            replica: None,
            isolation: Isolation::Uncommitted,
        };
        match self.call(Request::Fetch(fetch))? {
            Reply::Fetched { batches, .. } => batches.load(),
            reply => Err(unexpected("read messages", reply)),
        }
    }

    /// Keeps where a group has got to; durable when this returns.
    ///
    /// # Errors
    ///
    /// [`Error`] when it could not be stored.
    pub fn commit(&mut self, group: &Name, offsets: Vec<(PartitionId, Offset)>) -> Result<(), Error> {
        match self.call(Request::Commit { group: group.clone(), as_member: false, offsets })? {
            Reply::OffsetsStored => Ok(()),
            reply => Err(unexpected("keep offsets", reply)),
        }
    }

    /// Where a group has got to in a partition, if it ever said.
    ///
    /// # Errors
    ///
    /// [`Error`] when the storage fails.
    pub fn offset_of(&mut self, group: &Name, partition: &PartitionId) -> Result<Option<Offset>, Error> {
        match self.call(Request::OffsetOf { group: group.clone(), partition: partition.clone() })? {
            Reply::OffsetIs(offset) => Ok(offset),
            reply => Err(unexpected("tell an offset", reply)),
        }
    }

    /// Tells the broker that it leads these partitions. It opens those that it did not know.
    fn lead(&mut self, partitions: impl IntoIterator<Item = PartitionId>) -> Result<(), Error> {
        let known = self.view.partitions.len();
        let version = self.view.version + 1;
        for partition in partitions {
            self.view.partitions.entry(partition).or_insert_with(|| PartitionState {
                leader: Some(ME),
                epoch: Epoch(1), // nobody else ever leads: there is one reign
                version,
                ..PartitionState::new(vec![ME], 1)
            });
        }
        if self.view.partitions.len() > known {
            self.view.version = version;
            let message = Message::Cluster(Arc::new(self.view.clone()));
            self.hand(NodeId::Controller, message);
            self.settle()?;
        }
        Ok(())
    }

    fn read_topics(&mut self) -> Result<(), Error> {
        let partition = topics_partition();
        let mut from = self.marks(&partition).map_or(Offset::ZERO, |marks| marks.start);
        while let batches = self.fetch(&partition, from, READ_BYTES)?
            && let Some(next) = batches.next()
        {
            for record in batches.records() {
                let text = |bytes: &Option<bytes::Bytes>| String::from_utf8(bytes.clone()?.into()).ok();
                let topic = text(&record.key).and_then(|name| Name::new(&name).ok());
                let partitions = text(&record.value).and_then(|count| count.parse().ok());
                if let (Some(topic), Some(partitions)) = (topic, partitions) {
                    self.topics.insert(topic, partitions);
                }
            }
            from = next;
        }
        Ok(())
    }

    /// Asks something and ends the burst.
    fn call(&mut self, request: Request) -> Result<Reply<FileSlice>, Error> {
        self.flush()?; // what was sent before is answered first
        self.ask(request);
        Ok(self.settle()?.pop().expect("a broker that leads alone answers at once"))
    }

    fn ask(&mut self, request: Request) {
        self.last_request += 1;
        self.hand(CLIENT, Message::Request(self.last_request, request));
    }

    fn hand(&mut self, from: NodeId, message: Message) {
        let now = self.now();
        self.broker.handle(now, Input::Message { from, message }, &mut self.out);
    }

    /// Ends a burst, and returns the answers to everything asked in it.
    fn settle(&mut self) -> Result<Vec<Reply<FileSlice>>, Error> {
        if self.failed {
            return Err(Error::Refusing);
        }
        let now = self.now();
        let settled = self.broker.settle(now, &mut self.out);
        let Out { sends, .. } = std::mem::take(&mut self.out);
        self.failed = settled.is_err();
        settled?;
        let replies = sends.into_iter().filter_map(|envelope| match envelope.message {
            Message::Reply(_, reply) => Some(reply),
            _ => None,
        });
        Ok(replies.collect())
    }

    fn now(&self) -> Time {
        Time(u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX))
    }
}

fn topics_partition() -> PartitionId {
    PartitionId { topic: Name::new(TOPICS_TOPIC).expect("a legal name"), index: 0 }
}

fn unexpected(what: &'static str, reply: Reply<FileSlice>) -> Error {
    match reply {
        Reply::Refused(refusal) => Error::Refused { what, refusal },
        other => unreachable!("asked to {what}, the broker answered {other:?}"),
    }
}

const _: () = assert!(matches!(OFFSETS_TOPIC.as_bytes(), [b'_', b'_', ..]), "it is among the reserved names");
