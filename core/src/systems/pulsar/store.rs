//! Who owns a topic, and where are a ledger's entries? The metadata store knows: small values under paths, which change
//! only for those who know what stands there.
//!
//! ```text
//!   put ledgers/7, if its version is 3 ─▶ written, now 4          of two who read 3 the second is told that it
//!   put ledgers/7, if its version is 3 ─▶ conflict, it is 4       must look again
//!
//!   put owner/t, if absent, ephemeral  ─▶ gone as soon as the store has not heard its owner for a session
//! ```
//!
//! Everything else that Pulsar keeps apart by agreement is kept apart here, by this one operation. Its watchers are told
//! what changed. Here it is one node, whose state is a log; in truth it is several that agree (`core/src/raft` shows how),
//! and fails only when a majority does.
//!
//! What real systems do: Pulsar uses ZooKeeper, etcd or Oxia; ZooKeeper's sessions are 30 s.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::fmt;

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};

use super::Message;
use super::store_op::{Expected, StoreAnswer, StoreOp, StoreReply, StoreRequest, Stored};
use crate::ids::{Epoch, LogName, Name, NodeId, Offset, PartitionId};
use crate::log::{Log, LogError, Storage, StorageError, read_all};
use crate::observe::{Event, PulsarEvent};
use crate::record::{BatchBuilder, NewRecord, Record};
use crate::systems::{Input, Out};
use crate::time::{Span, Time};

/// How long a node may be silent before what it has put for as long as it lives is gone: 30 s
/// (`metadataStoreSessionTimeoutMillis`).
pub const STORE_SESSION: Span = Span::from_millis(30_000);

/// The longest path or value, in bytes (ZooKeeper's `jute.maxbuffer`).
pub const STORE_BYTES_MAX: usize = 1024 * 1024;

/// So many records more than there are values, and the log is written anew.
const SLACK_RECORDS: u64 = 1_000;

/// Why the metadata store stopped.
///
/// ```
/// use mqlab_core::ids::Offset;
/// use mqlab_core::systems::pulsar::StoreFailure;
/// let failure = StoreFailure::<std::convert::Infallible>::NotAStore(Offset(3));
/// assert_eq!(failure.to_string(), "what stands at offset 3 of the metadata store's log is no value");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreFailure<E> {
    /// Its disk failed.
    Log(LogError<E>),
    /// Its log holds something else.
    NotAStore(Offset),
}

impl<E: fmt::Display> fmt::Display for StoreFailure<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Log(error) => error.fmt(f),
            Self::NotAStore(at) => {
                write!(f, "what stands at offset {at} of the metadata store's log is no value")
            }
        }
    }
}

impl<E: core::error::Error> core::error::Error for StoreFailure<E> {}

impl<E> From<LogError<E>> for StoreFailure<E> {
    fn from(error: LogError<E>) -> Self {
        Self::Log(error)
    }
}

/// The node that keeps the cluster's metadata.
///
/// ```
/// use mqlab_core::ids::NodeId::Broker;
/// use mqlab_core::log::memory::MemoryStorage;
/// use mqlab_core::systems::pulsar::{Expected, MetadataStore, STORE_SESSION, StoreAnswer, StoreOp};
/// use mqlab_core::time::Time;
///
/// let mut store = MetadataStore::open(MemoryStorage::default(), STORE_SESSION, Time::ZERO)?;
/// let mut own = |node| {
///     let (path, expected) = ("owner/t".into(), Expected::Absent);
///     store.apply(Time::ZERO, node, StoreOp::Put { path, value: "".into(), expected, ephemeral: true })
/// };
/// assert_eq!(own(Broker(1)), StoreAnswer::Written { version: 0 });
/// assert_eq!(own(Broker(2)), StoreAnswer::Conflict); // a topic has one owner
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct MetadataStore<S: Storage> {
    storage: S,
    log: S::Log,
    session: Span,
    values: BTreeMap<String, Stored>,
    /// When each node was last heard that watches, or has something which goes with it: its session.
    heard: BTreeMap<NodeId, Time>,
    watchers: BTreeMap<String, BTreeSet<NodeId>>,
    /// Whose session began before this process: they must watch anew.
    strangers: BTreeSet<NodeId>,
    /// What watchers are still to be told.
    news: Vec<(NodeId, Message)>,
    failed: Option<LogError<StorageError<S>>>,
}

impl<S: Storage + Clone> Clone for MetadataStore<S>
where
    S::Log: Clone,
    StorageError<S>: Clone,
{
    fn clone(&self) -> Self {
        Self {
            storage: self.storage.clone(),
            log: self.log.clone(),
            session: self.session,
            values: self.values.clone(),
            heard: self.heard.clone(),
            watchers: self.watchers.clone(),
            strangers: self.strangers.clone(),
            news: self.news.clone(),
            failed: self.failed.clone(),
        }
    }
}

impl<S: Storage> MetadataStore<S> {
    fn log_name() -> LogName {
        let topic = Name::new("__metadata").expect("a legal name");
        LogName::Partition(PartitionId { topic, index: 0 })
    }

    /// Opens the store with what its log holds. Sessions go on: whoever is not heard for one is taken for dead.
    ///
    /// # Errors
    ///
    /// When the storage fails, or the log holds something else.
    pub fn open(mut storage: S, session: Span, now: Time) -> Result<Self, StoreFailure<StorageError<S>>> {
        let log = storage.open(&Self::log_name()).map_err(LogError::Storage)?;
        let (mut values, mut damaged) = (BTreeMap::new(), None);
        read_all(&log, |batches| {
            for record in batches.records() {
                match parse(&record) {
                    Some((path, Some(stored))) => {
                        values.insert(path, stored);
                    }
                    Some((path, None)) => {
                        values.remove(&path);
                    }
                    None => {
                        damaged.get_or_insert(record.offset);
                    }
                }
            }
        })?;
        if let Some(at) = damaged {
            return Err(StoreFailure::NotAStore(at));
        }
        let strangers: BTreeSet<NodeId> =
            values.values().filter_map(|stored: &Stored| stored.owner).collect();
        let heard = strangers.iter().map(|node| (*node, now)).collect();
        let (watchers, news) = (BTreeMap::new(), Vec::new());
        Ok(Self { storage, log, session, values, heard, watchers, strangers, news, failed: None })
    }

    /// Stops the store, and gives its storage back.
    ///
    /// # Errors
    ///
    /// When the log cannot be closed.
    pub fn into_storage(mut self) -> Result<S, StorageError<S>> {
        self.storage.close(&Self::log_name(), self.log)?;
        Ok(self.storage)
    }

    /// Its storage, and the log in it.
    pub fn disk(&mut self) -> (&mut S, &mut S::Log) {
        (&mut self.storage, &mut self.log)
    }

    /// Takes a request, or looks whose session has ended.
    pub fn handle(&mut self, now: Time, input: Input<Message>, out: &mut Out<Message>) {
        if let Input::Message { from, message: Message::ToStore(StoreRequest { tag, op }) } = input {
            let answer = self.apply(now, from, op);
            out.sends.push((from, Message::FromStore(StoreReply::Answer { tag, answer })));
        }
        self.expire(now, out);
        out.sends.append(&mut self.news);
    }

    /// Ends a burst: what was written is on disk when this returns, and the answers may leave.
    ///
    /// # Errors
    ///
    /// The first failure of the disk since the last call. Nothing in `out` may leave then: the store must be stopped.
    pub fn settle(&mut self, _now: Time, _out: &mut Out<Message>) -> Result<(), LogError<StorageError<S>>> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        if self.log.durable() == self.log.end() {
            return Ok(());
        }
        let records = self.log.end().0 - self.log.start().0;
        if records <= 2 * self.values.len() as u64 + SLACK_RECORDS {
            return self.log.flush();
        }
        // Written anew behind itself: if that is cut short, what is read twice is the same.
        let from = self.log.end();
        let values: Vec<(String, Stored)> = self.values.clone().into_iter().collect();
        for (path, stored) in values {
            self.append(&path, Some(&stored))?;
        }
        self.log.flush()?;
        self.log.trim(from)
    }

    /// When the next session ends, unless its node is heard.
    pub fn next_wakeup(&self) -> Option<Time> {
        self.heard.values().min().map(|heard| *heard + self.session)
    }

    /// Does what a node asks for.
    pub fn apply(&mut self, now: Time, from: NodeId, op: StoreOp) -> StoreAnswer {
        if let Some(heard) = self.heard.get_mut(&from) {
            *heard = now;
        }
        match op {
            StoreOp::Get { path } => StoreAnswer::Value(self.values.get(&path).cloned()),
            StoreOp::Put { path, value, expected, ephemeral } => {
                if !self.stands(&path, expected) {
                    return StoreAnswer::Conflict;
                }
                if path.len().max(value.len()) > STORE_BYTES_MAX {
                    return StoreAnswer::Refused;
                }
                let owner = ephemeral.then_some(from);
                if ephemeral {
                    self.heard.insert(from, now);
                }
                self.set(path, value, owner)
            }
            StoreOp::Delete { path, expected } => {
                if self.stands(&path, expected) {
                    self.remove(&path)
                } else {
                    StoreAnswer::Conflict
                }
            }
            StoreOp::Next { path } => {
                let counted = self.values.get(&path).map_or(0, |stored| stored.version + 1);
                match self.set(path, Bytes::new(), None) {
                    StoreAnswer::Written { .. } => StoreAnswer::Number(counted),
                    other => other,
                }
            }
            StoreOp::List { prefix } => StoreAnswer::All(self.all(&prefix)),
            StoreOp::Watch { prefix } => {
                let all = self.all(&prefix);
                self.watchers.entry(prefix).or_default().insert(from);
                self.heard.insert(from, now);
                self.strangers.remove(&from);
                StoreAnswer::All(all)
            }
            StoreOp::Ping if self.heard.contains_key(&from) && !self.strangers.contains(&from) => {
                StoreAnswer::Pong
            }
            StoreOp::Ping => StoreAnswer::Expired,
        }
    }

    fn all(&self, prefix: &str) -> Vec<(String, Stored)> {
        let from = self.values.range(String::from(prefix)..);
        let all = from.take_while(|(path, _)| path.starts_with(prefix));
        all.map(|(path, stored)| (path.clone(), stored.clone())).collect()
    }

    /// Whether what must stand there does.
    fn stands(&self, path: &str, expected: Expected) -> bool {
        match (expected, self.values.get(path)) {
            (Expected::Any, _) | (Expected::Absent, None) => true,
            (Expected::Version(version), Some(stored)) => stored.version == version,
            (Expected::Absent | Expected::Version(_), _) => false,
        }
    }

    fn set(&mut self, path: String, value: Bytes, owner: Option<NodeId>) -> StoreAnswer {
        let version = self.values.get(&path).map_or(0, |stored| stored.version + 1);
        let stored = Stored { value, version, owner };
        match self.append(&path, Some(&stored)) {
            Ok(()) => {}
            Err(LogError::Full) => return StoreAnswer::Refused,
            Err(error) => {
                self.failed.get_or_insert(error);
                return StoreAnswer::Refused; // it does not leave: the store stops
            }
        }
        self.tell(&path, Some(&stored));
        self.values.insert(path, stored);
        StoreAnswer::Written { version }
    }

    fn remove(&mut self, path: &str) -> StoreAnswer {
        if !self.values.contains_key(path) {
            return StoreAnswer::Deleted;
        }
        match self.append(path, None) {
            Ok(()) => {}
            Err(LogError::Full) => return StoreAnswer::Refused,
            Err(error) => {
                self.failed.get_or_insert(error);
                return StoreAnswer::Refused;
            }
        }
        self.values.remove(path);
        self.tell(path, None);
        StoreAnswer::Deleted
    }

    fn tell(&mut self, path: &str, now: Option<&Stored>) {
        let watching = self.watchers.iter().filter(|(prefix, _)| path.starts_with(prefix.as_str()));
        let nodes: BTreeSet<NodeId> = watching.flat_map(|(_, nodes)| nodes.iter().copied()).collect();
        for node in nodes {
            let changed = StoreReply::Changed { path: path.into(), now: now.cloned() };
            self.news.push((node, Message::FromStore(changed)));
        }
    }

    /// Removes what belongs to nodes that were silent for too long.
    fn expire(&mut self, now: Time, out: &mut Out<Message>) {
        let over = self.heard.iter().filter(|(_, heard)| now.since(**heard) >= self.session);
        let silent: BTreeSet<NodeId> = over.map(|(node, _)| *node).collect();
        if silent.is_empty() {
            return;
        }
        out.events.extend(silent.iter().map(|&node| Event::Pulsar(PulsarEvent::SessionOver { node })));
        let theirs =
            self.values.iter().filter(|(_, stored)| stored.owner.is_some_and(|of| silent.contains(&of)));
        let paths: Vec<String> = theirs.map(|(path, _)| path.clone()).collect();
        self.heard.retain(|node, _| !silent.contains(node));
        for nodes in self.watchers.values_mut() {
            nodes.retain(|node| !silent.contains(node));
        }
        for path in paths {
            // On a full disk it goes all the same: after a restart its session begins anew, and ends again.
            if self.remove(&path) == StoreAnswer::Refused {
                self.values.remove(&path);
                self.tell(&path, None);
            }
        }
    }

    fn append(&mut self, path: &str, stored: Option<&Stored>) -> Result<(), LogError<StorageError<S>>> {
        let value = stored.map(|stored| {
            let owner = stored.owner.map(|node| node.to_string()).unwrap_or_default();
            let mut bytes = BytesMut::new();
            bytes.put_u64(stored.version);
            bytes.put_u8(owner.len() as u8); // "controller-65535" is the longest
            bytes.put_slice(owner.as_bytes());
            bytes.put_slice(&stored.value);
            bytes.freeze()
        });
        let mut builder = BatchBuilder::new();
        let key = Some(Bytes::copy_from_slice(path.as_bytes()));
        builder.push(&NewRecord { key, value, ..NewRecord::default() }).expect("2 MiB fit a batch");
        self.log.append(&builder.build().into_stamped(self.log.end(), Epoch::default()))
    }
}

/// The path and the value of a record; no value where it was removed. `None` if it is no such record.
fn parse(record: &Record) -> Option<(String, Option<Stored>)> {
    let path = core::str::from_utf8(record.key.as_ref()?).ok()?.to_string();
    let Some(mut bytes) = record.value.clone() else { return Some((path, None)) };
    let version = bytes.try_get_u64().ok()?;
    let length = usize::from(bytes.try_get_u8().ok()?);
    let (owner, value) = (bytes.get(..length)?, bytes.slice(length..));
    let owner = match core::str::from_utf8(owner).ok()? {
        "" => None,
        name => Some(name.parse().ok()?),
    };
    Some((path, Some(Stored { value, version, owner })))
}
