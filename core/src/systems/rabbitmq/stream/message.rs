//! What do the members of a stream, its coordinator and its clients say to each other?

use alloc::vec::Vec;

use crate::ids::{Epoch, Name, NodeId, Offset};
use crate::log::Slice;
use crate::message::Message;
use crate::record::Batches;
use crate::time::Time;

/// Where a consumer begins (RabbitMQ's offset specification).
///
/// ```
/// use mqlab_core::systems::rabbitmq::OffsetSpec;
/// assert_eq!(OffsetSpec::default(), OffsetSpec::Next); // what comes from now on
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OffsetSpec {
    /// At the first chunk that is kept.
    First,
    /// At the last chunk.
    Last,
    /// Behind everything that is there.
    #[default]
    Next,
    /// At an offset, or the first that is kept behind it. The chunk that holds it comes whole.
    Offset(Offset),
    /// At the first chunk that has something of this moment or later.
    Timestamp(Time),
}

/// What is said. `D` is how stored chunks are carried.
///
/// ```
/// use mqlab_core::ids::{Epoch, NodeId};
/// use mqlab_core::systems::rabbitmq::StreamMessage;
/// let copy: StreamMessage = StreamMessage::Copy { epoch: Epoch(2), writer: NodeId::Broker(1) };
/// assert!(matches!(copy, StreamMessage::Copy { epoch: Epoch(2), .. }));
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum StreamMessage<D = Batches> {
    /// The coordinator: an election begins, stop what you do. Answer: [`Stopped`](Self::Stopped).
    Stop {
        /// The new epoch.
        epoch: Epoch,
    },
    /// I do nothing in this epoch yet, and my log ends there.
    Stopped {
        /// The new epoch.
        epoch: Epoch,
        /// The epoch of its last chunk.
        last_epoch: Option<Epoch>,
        /// Where its log ends, durably.
        end: Offset,
    },
    /// The coordinator: you write, with these replicas.
    Write {
        /// In which epoch.
        epoch: Epoch,
        /// The other members.
        replicas: Vec<NodeId>,
    },
    /// The coordinator: you copy from this writer.
    Copy {
        /// In which epoch.
        epoch: Epoch,
        /// Who writes.
        writer: NodeId,
    },
    /// A replica has everything below an offset, durably, and wants what follows.
    Fetch {
        /// In which epoch.
        epoch: Epoch,
        /// Its number: an answer to an earlier one that cuts is not obeyed.
        number: u64,
        /// Where it goes on.
        from: Offset,
        /// The epoch of what stands before.
        last_epoch: Option<Epoch>,
        /// How much it knows to be committed.
        committed: Offset,
    },
    /// What follows.
    Chunks {
        /// In which epoch.
        epoch: Epoch,
        /// Whole chunks; perhaps none.
        chunks: D,
        /// A majority has everything below.
        committed: Offset,
    },
    /// Your log is another one, or ends too early: cut it, or begin anew, there.
    Begin {
        /// In which epoch.
        epoch: Epoch,
        /// The number of the fetch that this answers.
        number: u64,
        /// Where.
        at: Offset,
        /// Whether nothing before it is kept any more.
        anew: bool,
    },
    /// Messages, each with a number that grows. One who has a name can send again what was not confirmed: what is there
    /// is not stored twice. Answer: [`Confirmed`](Self::Confirmed).
    Publish {
        /// The publisher's name, if it wants that.
        publisher: Option<Name>,
        /// The messages with their publishing ids.
        messages: Vec<(u64, Message)>,
    },
    /// A majority has them.
    Confirmed {
        /// Their publishing ids.
        ids: Vec<u64>,
    },
    /// They cannot be stored: too large, or with a header that is the stream's own.
    Refused {
        /// Their publishing ids.
        ids: Vec<u64>,
    },
    /// A consumer begins. It gets one [`Chunk`](Self::Chunk) for each credit.
    Subscribe {
        /// Which of the client's.
        tag: u32,
        /// Where.
        from: OffsetSpec,
        /// For how many chunks.
        credit: u32,
    },
    /// A consumer may be sent more.
    Credit {
        /// Which.
        tag: u32,
        /// So many chunks more.
        credit: u32,
    },
    /// A consumer wants no more.
    Unsubscribe {
        /// Which.
        tag: u32,
    },
    /// A chunk, whole. What lies before the offset that was asked for is to be passed over, and so is what is the stream's
    /// own ([`messages_of`](super::messages_of)).
    Chunk {
        /// For which consumer.
        tag: u32,
        /// The chunk.
        chunk: D,
        /// From where on it is wanted.
        from: Offset,
    },
    /// A consumer has come so far: it is kept in the stream itself.
    StoreOffset {
        /// The consumer's name.
        reference: Name,
        /// How far.
        offset: Offset,
    },
    /// How far had it come? Answer: [`StoredOffset`](Self::StoredOffset).
    QueryOffset {
        /// The consumer's name.
        reference: Name,
    },
    /// So far; `None` when nothing is known.
    StoredOffset {
        /// The consumer's name.
        reference: Name,
        /// How far.
        offset: Option<Offset>,
    },
    /// Which was the last number of a publisher? Answer: [`Sequence`](Self::Sequence).
    QuerySequence {
        /// The publisher's name.
        publisher: Name,
    },
    /// The last number; 0 when nothing is known.
    Sequence {
        /// The publisher's name.
        publisher: Name,
        /// Its last publishing id.
        id: u64,
    },
    /// Ask another member.
    NotWriter {
        /// Who writes, if it is known.
        writer: Option<NodeId>,
    },
}

impl<D: Slice> StreamMessage<D> {
    /// Fetches the stored chunks that a message refers to.
    ///
    /// # Errors
    ///
    /// When the storage fails.
    pub fn load(self) -> Result<StreamMessage, D::Error> {
        use StreamMessage as To;
        Ok(match self {
            Self::Stop { epoch } => To::Stop { epoch },
            Self::Stopped { epoch, last_epoch, end } => To::Stopped { epoch, last_epoch, end },
            Self::Write { epoch, replicas } => To::Write { epoch, replicas },
            Self::Copy { epoch, writer } => To::Copy { epoch, writer },
            Self::Fetch { epoch, number, from, last_epoch, committed } => {
                To::Fetch { epoch, number, from, last_epoch, committed }
            }
            Self::Chunks { epoch, chunks, committed } => {
                To::Chunks { epoch, chunks: chunks.load()?, committed }
            }
            Self::Begin { epoch, number, at, anew } => To::Begin { epoch, number, at, anew },
            Self::Publish { publisher, messages } => To::Publish { publisher, messages },
            Self::Confirmed { ids } => To::Confirmed { ids },
            Self::Refused { ids } => To::Refused { ids },
            Self::Subscribe { tag, from, credit } => To::Subscribe { tag, from, credit },
            Self::Credit { tag, credit } => To::Credit { tag, credit },
            Self::Unsubscribe { tag } => To::Unsubscribe { tag },
            Self::Chunk { tag, chunk, from } => To::Chunk { tag, chunk: chunk.load()?, from },
            Self::StoreOffset { reference, offset } => To::StoreOffset { reference, offset },
            Self::QueryOffset { reference } => To::QueryOffset { reference },
            Self::StoredOffset { reference, offset } => To::StoredOffset { reference, offset },
            Self::QuerySequence { publisher } => To::QuerySequence { publisher },
            Self::Sequence { publisher, id } => To::Sequence { publisher, id },
            Self::NotWriter { writer } => To::NotWriter { writer },
        })
    }
}
