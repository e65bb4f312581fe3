//! What can the metadata store be asked, and what does it answer?
//!
//! Values stand under paths, and have versions: 0 when they are written first, one more each time after. A path that was
//! removed begins again at 0.

use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;

use crate::ids::NodeId;

/// What must stand at a path for it to be written.
///
/// ```
/// use mqlab_core::systems::pulsar::Expected;
/// assert_ne!(Expected::Absent, Expected::Version(0));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Nothing.
    Absent,
    /// A value of this version.
    Version(u64),
    /// Whatever.
    Any,
}

/// What the metadata store is asked to do.
///
/// ```
/// use mqlab_core::systems::pulsar::StoreOp;
/// let op = StoreOp::Get { path: "ledgers/7".into() };
/// assert_eq!(op, op.clone());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreOp {
    /// What stands at a path?
    Get {
        /// Which.
        path: String,
    },
    /// Write a value.
    Put {
        /// Where.
        path: String,
        /// What.
        value: Bytes,
        /// What must stand there.
        expected: Expected,
        /// Whether it goes with its writer.
        ephemeral: bool,
    },
    /// Remove a value.
    Delete {
        /// Which.
        path: String,
        /// What must stand there.
        expected: Expected,
    },
    /// Count up, and say the number: 0 the first time. Nobody is given a number twice.
    Next {
        /// The counter.
        path: String,
    },
    /// What stands at all paths that begin so?
    List {
        /// The beginning.
        prefix: String,
    },
    /// What stands there, and from now on: what changes there?
    Watch {
        /// The beginning.
        prefix: String,
    },
    /// I am alive: who watches, or has put something for as long as it lives, must be heard once a session.
    Ping,
}

/// A request, with a number that its answer has too.
///
/// ```
/// use mqlab_core::systems::pulsar::{StoreOp, StoreRequest};
/// let request = StoreRequest { tag: 1, op: StoreOp::Ping };
/// assert_eq!(request.tag, 1);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreRequest {
    /// The asker's number for it.
    pub tag: u64,
    /// What.
    pub op: StoreOp,
}

/// A value of the metadata store.
///
/// ```
/// use mqlab_core::systems::pulsar::Stored;
/// let stored = Stored { value: "broker-1".into(), version: 0, owner: None };
/// assert_eq!(&stored.value[..], b"broker-1");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// What.
    pub value: Bytes,
    /// How often it was written before.
    pub version: u64,
    /// With whom it goes.
    pub owner: Option<NodeId>,
}

/// What the metadata store answers.
///
/// ```
/// use mqlab_core::systems::pulsar::StoreAnswer;
/// assert_ne!(StoreAnswer::Written { version: 0 }, StoreAnswer::Number(0));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreAnswer {
    /// What stands there, if anything does.
    Value(Option<Stored>),
    /// It is written.
    Written {
        /// Its version now.
        version: u64,
    },
    /// It is not: something else stands there.
    Conflict,
    /// It is not: it is too large, or the store's disk is full.
    Refused,
    /// It is gone.
    Deleted,
    /// The next number.
    Number(u64),
    /// All that stands there.
    All(Vec<(String, Stored)>),
    /// You were heard.
    Pong,
    /// You were not heard for a session, and what was yours is gone. Watch, to begin another.
    Expired,
}

/// What the metadata store says.
///
/// ```
/// use mqlab_core::systems::pulsar::{StoreAnswer, StoreReply};
/// let reply = StoreReply::Answer { tag: 1, answer: StoreAnswer::Pong };
/// assert_eq!(reply, reply.clone());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreReply {
    /// An answer.
    Answer {
        /// To which request.
        tag: u64,
        /// What.
        answer: StoreAnswer,
    },
    /// Something that is watched has changed.
    Changed {
        /// Where.
        path: String,
        /// What stands there now.
        now: Option<Stored>,
    },
}
