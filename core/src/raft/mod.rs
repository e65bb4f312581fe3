//! How do several machines agree on one log, so that no minority's death or isolation undoes what was agreed? By a
//! leader for each term, and a majority for each entry: Raft.
//!
//! ```text
//!               nothing heard for too long          a majority would
//!   ┌──────────┐ ─────────────────────▶ ┌─────────┐ ───────────────▶ ┌───────────┐ majority ┌────────┐
//!   │ follower │                        │ on trial│                  │ candidate │ ───────▶ │ leader │
//!   └──────────┘ ◀───────────────────── └─────────┘                  └───────────┘          └────────┘
//!        ▲          a leader is heard                                      │ a higher term      │
//!        └─────────────────────────────────────────────────────────────────┴────────────────────┘
//! ```
//!
//! * A member votes once in a term, and only for a log that has at least what its own has. Two majorities share a
//!   member, so a term has one leader, and that leader has everything that was agreed on before.
//! * An entry is *committed* when a majority has it and the leader's own term wrote an entry that a majority has: what an
//!   earlier term left is committed by what comes after it, never by counting alone (a leader of a term between could
//!   still remove it). So a new leader begins with an entry of its own, which says nothing.
//! * Before a member wants to lead, it asks *on trial* whether a majority would vote for it. One that is cut off for a
//!   while cannot raise its term meanwhile, and does not depose a leader who is heard by all others.
//! * A leader that does not hear a majority for as long as others would wait for it steps down: it could agree on
//!   nothing, and should not look as if it led.
//!
//! What must not be forgotten, the log, the term and the vote, is flushed before anything is sent: see
//! [`Raft::settle`]. The term of an entry is the leader epoch of its batch; an entry is one batch.
//!
//! What real systems do: Kafka's controllers (`KRaft`) and RabbitMQ's quorum queues (Ra) are Rafts. Kafka's followers
//! fetch, here the leader sends. Left out: changes of membership, and snapshots.
//!
//! Sources: D. Ongaro and J. Ousterhout, "In Search of an Understandable Consensus Algorithm"; D. Ongaro's dissertation,
//! 9.6 (pre-vote) and 6.2 (leaders that step down).

mod ballot;
mod election;
mod error;
mod message;
mod replication;

pub use error::RaftError;
pub use message::RaftMessage;

use alloc::vec::Vec;

use ballot::Ballot;

use crate::ids::{Epoch, LogName, Name, NodeId, Offset};
use crate::log::{Epochs, Log, LogError, Storage, StorageError, read_all};
use crate::record::Batches;
use crate::rng::Rng;
use crate::sorted::{SortedMap, SortedSet};
use crate::time::{Span, Time};

/// The most bytes of entries in one message, unless the first entry alone is larger.
const APPEND_BYTES_MAX: u32 = 256 * 1024;

/// How patient the members of a quorum are.
///
/// ```
/// use mqlab_core::raft::Timing;
/// let timing = Timing::default();
/// assert!(timing.beat.0 * 2 < timing.patience.0); // a lost heartbeat deposes nobody
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// A leader is heard this often.
    pub beat: Span,
    /// A member waits for a leader at least so long, and at most twice as long: by chance, so that two of them seldom
    /// begin at once. Kafka: 2 s (`controller.quorum.fetch.timeout.ms`).
    pub patience: Span,
}

impl Default for Timing {
    fn default() -> Self {
        Self { beat: Span::from_millis(20), patience: Span::from_millis(80) }
    }
}

/// A member of a quorum.
///
/// ```
/// use mqlab_core::ids::{Name, NodeId, Offset};
/// use mqlab_core::log::memory::MemoryStorage;
/// use mqlab_core::raft::{Raft, RaftOut, Timing};
/// use mqlab_core::record::{BatchBuilder, NewRecord};
/// use mqlab_core::rng::{Rng, Stream};
/// use mqlab_core::time::Time;
///
/// // Alone it is a majority.
/// let (me, mut storage) = (NodeId::Broker(1), MemoryStorage::default());
/// let (name, rng) = (Name::new("metadata")?, Rng::new(7, Stream::Elections));
/// let mut raft = Raft::open(&mut storage, name, me, vec![me], Timing::default(), rng, Time::ZERO)?;
/// let mut out = RaftOut::default();
/// raft.tick(Time::ZERO, &mut out)?;
/// assert_eq!(raft.leader(), Some(me));
/// let mut builder = BatchBuilder::new();
/// builder.push(&NewRecord { value: Some("broker 2 is gone".into()), ..NewRecord::default() })?;
/// let end = raft.propose(builder.build(), &mut out)?.ok_or("it leads")?;
/// raft.settle()?; // before anything of `out` is sent
/// assert_eq!((raft.committed(), end), (Offset(2), Offset(2))); // the first entry is the new leader's own
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Raft<L> {
    name: Name,
    me: NodeId,
    voters: Vec<NodeId>,
    timing: Timing,
    rng: Rng,
    log: L,
    /// Where terms begin in the log.
    terms: Epochs,
    ballot: Ballot<L>,
    committed: Offset,
    role: Role,
}

/// What a member is at present.
#[derive(Clone, Debug)]
enum Role {
    Follower(Follower),
    Candidate(Candidate),
    Leader(Leader),
}

/// It does what a leader says, if it knows one.
#[derive(Clone, Copy, Debug)]
struct Follower {
    leader: Option<NodeId>,
    /// When the leader was heard last.
    heard: Option<Time>,
    /// When it wants to lead itself.
    until: Time,
}

/// It wants to lead.
#[derive(Clone, Debug)]
struct Candidate {
    trial: bool,
    votes: SortedSet<NodeId>,
    /// When it begins again.
    until: Time,
}

/// It leads.
#[derive(Clone, Debug)]
struct Leader {
    peers: SortedMap<NodeId, Peer>,
    /// Where its own term begins in the log.
    begins: Offset,
    next_beat: Time,
}

/// What a leader knows of another member.
#[derive(Clone, Copy, Debug)]
struct Peer {
    /// Its log is the leader's up to there.
    same: Offset,
    /// What to send next.
    next: Offset,
    /// How many words it was sent.
    number: u64,
    /// The number of the one with entries whose answer is waited for; a heartbeat does not wait for one.
    asked: Option<u64>,
    heard: Time,
}

/// What a member wants sent. It may be sent after [`Raft::settle`], not before.
///
/// ```
/// use mqlab_core::raft::RaftOut;
/// use mqlab_core::record::Batches;
/// assert!(RaftOut::<Batches>::default().sends.is_empty());
/// ```
#[derive(Clone, Debug)]
pub struct RaftOut<D = Batches> {
    /// To whom, and what.
    pub sends: Vec<(NodeId, RaftMessage<D>)>,
    /// What was cut off the log, because another leader has something else there: the new end.
    pub truncated: Option<Offset>,
}

impl<D> Default for RaftOut<D> {
    fn default() -> Self {
        Self { sends: Vec::new(), truncated: None }
    }
}

type Result<T, L> = core::result::Result<T, LogError<<L as Log>::Error>>;

impl<L: Log> Raft<L> {
    /// Opens a member's log and ballot. `voters` are all members, itself among them, and the same everywhere.
    ///
    /// # Errors
    ///
    /// When the storage fails, or the ballot cannot be read.
    pub fn open<S: Storage<Log = L>>(
        storage: &mut S,
        name: Name,
        me: NodeId,
        voters: Vec<NodeId>,
        timing: Timing,
        rng: Rng,
        now: Time,
    ) -> core::result::Result<Self, RaftError<StorageError<S>>> {
        let ballot = Ballot::open(storage, &name)?;
        let log = storage.open(&LogName::Quorum(name.clone())).map_err(LogError::Storage)?;
        let mut terms = Epochs::default();
        read_all(&log, |batches| terms.learn(batches))?;
        let role = Role::Follower(Follower { leader: None, heard: None, until: now });
        let committed = log.start();
        let mut raft = Self { name, me, voters, timing, rng, log, terms, ballot, committed, role };
        if raft.voters.len() > 1 {
            raft.follow(None, now);
        }
        Ok(raft)
    }

    /// Gives the logs back.
    ///
    /// # Errors
    ///
    /// When the storage fails.
    pub fn close<S: Storage<Log = L>>(self, storage: &mut S) -> core::result::Result<(), StorageError<S>> {
        storage.close(&LogName::Quorum(self.name.clone()), self.log)?;
        self.ballot.close(storage, &self.name)
    }

    /// Makes durable what must not be forgotten. Nothing of what came out before may be sent earlier.
    ///
    /// # Errors
    ///
    /// When the storage fails: the member must be stopped, and nothing may be sent.
    pub fn settle(&mut self) -> Result<(), L> {
        self.ballot.flush()?;
        if self.log.durable() < self.log.end() { self.log.flush() } else { Ok(()) }
    }

    /// The term that it is in.
    pub fn term(&self) -> Epoch {
        self.ballot.term()
    }

    /// Who leads, as far as it knows.
    pub fn leader(&self) -> Option<NodeId> {
        match &self.role {
            Role::Follower(follower) => follower.leader,
            Role::Candidate(_) => None,
            Role::Leader(_) => Some(self.me),
        }
    }

    /// Whether it leads.
    pub fn leads(&self) -> bool {
        matches!(self.role, Role::Leader(_))
    }

    /// Whether it leads, and knows of everything that was agreed on before: an entry of its own term is committed.
    pub fn is_ready(&self) -> bool {
        matches!(&self.role, Role::Leader(leader) if self.committed > leader.begins)
    }

    /// Everything below is agreed on, and never changes.
    pub fn committed(&self) -> Offset {
        self.committed
    }

    /// Its log, of which only what is [committed](Self::committed) counts.
    pub fn log(&self) -> &L {
        &self.log
    }

    /// It wants to lead as soon as it is woken, where nobody is heard.
    pub fn hurry(&mut self, now: Time) {
        if let Role::Follower(follower) = &mut self.role {
            follower.until = now;
        }
    }

    /// Its logs, for whoever tends the disk.
    pub fn logs_mut(&mut self) -> [&mut L; 2] {
        [&mut self.log, self.ballot.log_mut()]
    }

    /// When it wants to be woken.
    pub fn next_wakeup(&self) -> Time {
        match &self.role {
            Role::Follower(Follower { until, .. }) | Role::Candidate(Candidate { until, .. }) => *until,
            Role::Leader(leader) => leader.next_beat,
        }
    }

    /// When it wants to lead, if it hears no leader before, and the longest that it ever waits for one; nothing while it
    /// leads itself.
    pub fn runs_at(&self) -> Option<(Time, Span)> {
        match &self.role {
            Role::Follower(Follower { until, .. }) | Role::Candidate(Candidate { until, .. }) => {
                Some((*until, Span(self.timing.patience.0 * 2)))
            }
            Role::Leader(_) => None,
        }
    }

    /// Does what is due.
    ///
    /// # Errors
    ///
    /// When the storage fails.
    pub fn tick(&mut self, now: Time, out: &mut RaftOut<L::Slice>) -> Result<(), L> {
        if now < self.next_wakeup() {
            return Ok(());
        }
        match &self.role {
            Role::Follower(_) | Role::Candidate(_) => self.run(now, true, out),
            Role::Leader(_) => self.beat(now, out),
        }
    }

    /// Takes what another member says. What comes from others is passed over.
    ///
    /// # Errors
    ///
    /// When the storage fails.
    pub fn handle(
        &mut self,
        now: Time,
        from: NodeId,
        message: RaftMessage,
        out: &mut RaftOut<L::Slice>,
    ) -> Result<(), L> {
        if from == self.me || !self.voters.contains(&from) {
            return Ok(());
        }
        // A vote that is asked or given on trial binds nobody: its term is not yet anybody's.
        let trial = matches!(
            message,
            RaftMessage::Vote { trial: true, .. } | RaftMessage::Voted { trial: true, granted: true, .. }
        );
        if message.term() > self.term() && !trial {
            self.ballot.set(message.term(), None)?;
            self.follow(None, now);
        }
        match message {
            RaftMessage::Vote { term, trial, last_term, end } => {
                self.asked_for_vote(now, (from, term), trial, (last_term, end), out)
            }
            RaftMessage::Voted { term, trial, granted } => self.voted(now, (from, term), trial, granted, out),
            RaftMessage::Append { term, from: at, last_term, batches, committed, number } => {
                self.append(now, (from, term), (at, last_term), &batches, (committed, number), out)
            }
            RaftMessage::Appended { term, end, same, answers } => {
                self.appended(now, (from, term), (end, same), answers, out)
            }
        }
    }

    /// Adds an entry, if it leads: the batches become one. Returns where the log ends then; the entry is agreed on when
    /// [`committed`](Self::committed) is as far, in this term.
    ///
    /// # Errors
    ///
    /// When the storage fails.
    pub fn propose(&mut self, batches: Batches, out: &mut RaftOut<L::Slice>) -> Result<Option<Offset>, L> {
        if !self.leads() {
            return Ok(None);
        }
        self.write(batches)?;
        self.send_to_all(out)?;
        self.advance();
        Ok(Some(self.log.end()))
    }

    fn majority(&self) -> usize {
        self.voters.len() / 2 + 1
    }

    /// The term of the last entry below an offset.
    fn term_before(&self, offset: Offset) -> Option<Epoch> {
        self.terms.at(Offset(offset.0.checked_sub(1)?))
    }

    /// Does what a leader says from now on; or waits for one.
    fn follow(&mut self, leader: Option<NodeId>, now: Time) {
        let until = now + self.patience();
        self.role = Role::Follower(Follower { leader, heard: leader.map(|_| now), until });
    }

    /// How long it waits this time.
    fn patience(&mut self) -> Span {
        let least = self.timing.patience.0;
        Span(self.rng.between(least, least * 2))
    }
}
