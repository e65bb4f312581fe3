//! Who decides whether a transaction counts? The coordinator of its transactional id.
//!
//! ```text
//!   transactional id ── hash ──▶ a partition of `__transactions` ── its leader ──▶ the coordinator
//!
//!   asked ─▶ what follows (txn_state.rs) ─▶ a record of that partition ─▶ high watermark ─▶ it is so, and is answered
//!                                                                                          └ decided: markers go out
//! ```
//!
//! Nothing is so before it is kept: the next state holds, is answered and acted on when its record is on every replica
//! in sync. Until then whoever asks is told to try again. So when the coordinator dies, the next leader reads the same
//! states from the log. It waits, too, until all that it read is committed: a decision that may yet be gone must not be
//! told to anybody.
//!
//! It aborts what is open for too long, so that nobody who reads committed records waits for a dead producer; and it
//! forgets a transactional id that nobody used for a week, by a tombstone. That holds, too, when it is committed.
//!
//! What real systems do: this is Kafka's way (`TransactionCoordinator.scala`, `TransactionStateManager.scala`); it looks for
//! what to forget once an hour.

use alloc::vec::Vec;

use super::group_turn::Asker;
use super::replica::{Replica, Role};
use super::txn_markers::{Mark, Marking};
use super::txn_request::{TxnReply, TxnRequest};
use super::txn_state::{Ended, Inited, Txn, TxnPhase};
use super::{Broker, BrokerError, Done, Out, Reply, RequestId, offsets_partition, refuse};
use crate::ids::{Name, NodeId, Offset, PartitionId};
use crate::log::{Log, LogError, SliceOf, Storage, StorageError, read_all};
use crate::observe::{Event, Refusal, TxnEvent};
use crate::record::{BatchBuilder, Marker};
use crate::sorted::SortedMap;
use crate::time::{Span, Time};

/// The longest that a transaction may be open. Kafka: 15 minutes (`transaction.max.timeout.ms`).
pub const TRANSACTION_TIMEOUT_MAX: Span = Span::from_millis(900_000);

/// The transactional ids that a broker coordinates.
#[derive(Clone, Debug, Default)]
pub(super) struct Txns {
    slots: SortedMap<Name, Slot>,
    /// The partitions of the topic that it leads: where each ended when it began to.
    led: SortedMap<PartitionId, Offset>,
}

#[derive(Clone, Debug)]
struct Slot {
    home: PartitionId,
    /// How it stands; nothing before the first record of it is committed.
    txn: Option<Txn>,
    pending: Option<Pending>,
    /// Who came last: a copy of its request is answered as the first.
    inited_by: Option<Asker>,
    /// Once it is decided: who has not heard of it.
    marking: Option<Marking>,
    /// It is not acted on before.
    not_before: Time,
}

/// A state that holds when its record is committed.
#[derive(Clone, Debug)]
struct Pending {
    /// Nothing when it is forgotten.
    next: Option<Txn>,
    below: Offset,
    answer: Option<(Asker, Answer)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Producer,
    AskAgain,
    Added,
    Ended,
}

impl Slot {
    fn new(home: PartitionId, txn: Option<Txn>) -> Self {
        let (pending, inited_by, marking) = (None, None, None);
        Self { home, txn, pending, inited_by, marking, not_before: Time::ZERO }
    }

    fn next_wakeup(&self, unused_for: Span) -> Option<Time> {
        let txn = self.txn.as_ref().filter(|_| self.pending.is_none())?;
        match &self.marking {
            Some(marking) if !marking.is_empty() => marking.values().filter_map(Mark::wakeup).min(),
            Some(_) => Some(self.not_before),
            None => Some(txn.deadline().or(txn.expires(unused_for))?.max(self.not_before)),
        }
    }
}

impl Txns {
    /// When something is due.
    pub(super) fn next_wakeup(&self, unused_for: Span) -> Option<Time> {
        self.slots.values().filter_map(|slot| slot.next_wakeup(unused_for)).min()
    }

    /// Begins to coordinate what falls to a partition, and learns from its log how that stands.
    pub(super) fn load<L: Log>(&mut self, replica: &Replica<L>) -> Result<(), LogError<L::Error>> {
        let home = &replica.partition;
        read_all(&replica.log, |batches| {
            for (id, txn) in batches.records().filter_map(|record| Txn::from_record(&record)) {
                match txn {
                    Some(txn) => self.slots.insert(id, Slot::new(home.clone(), Some(txn))),
                    None => self.slots.remove(&id),
                };
            }
        })?;
        self.led.insert(home.clone(), replica.log.end());
        Ok(())
    }

    pub(super) fn take_marking(&mut self, id: &Name) -> Option<Marking> {
        self.slots.get_mut(id)?.marking.take()
    }

    pub(super) fn put_marking(&mut self, id: &Name, marking: Marking) {
        if let Some(slot) = self.slots.get_mut(id) {
            slot.marking = Some(marking);
        }
    }

    /// A leader answered; says whether that was waited for.
    pub(super) fn marked(&mut self, request: RequestId, marked: bool, retry: Time) -> bool {
        let is = |mark: &Mark| matches!(mark, Mark::Asked { id, .. } if *id == request);
        for marking in self.slots.values_mut().filter_map(|slot| slot.marking.as_mut()) {
            let Some((partition, mark)) = marking.iter_mut().find(|(_, mark)| is(mark)) else { continue };
            *mark = Mark::Due(retry);
            let partition = partition.clone();
            if marked {
                marking.remove(&partition);
            }
            return true;
        }
        false
    }

    /// The connection to a broker broke.
    pub(super) fn hang_up(&mut self, peer: NodeId, retry: Time) {
        for marking in self.slots.values_mut().filter_map(|slot| slot.marking.as_mut()) {
            for mark in marking.values_mut() {
                if matches!(mark, Mark::Asked { broker, .. } if *broker == peer) {
                    *mark = Mark::Due(retry);
                }
            }
        }
    }
}

impl<S: Storage> Broker<S> {
    /// Where a transactional id stands, as far as this broker coordinates it.
    pub fn txn_phase(&self, id: &Name) -> Option<TxnPhase> {
        Some(self.txns.slots.get(id)?.txn.as_ref()?.phase)
    }

    /// Does what somebody asks about a transaction.
    pub(super) fn ask_about_txn(
        &mut self,
        now: Time,
        asker: Asker,
        request: TxnRequest,
        out: &mut Out<SliceOf<S>>,
    ) -> Done<S> {
        let id = match &request {
            TxnRequest::Mark { partition, marker } => {
                return self.write_marker(now, asker, partition, marker, out);
            }
            TxnRequest::CommitOffsets { who, group, offsets } => {
                return self.commit_offsets_in_txn(now, asker, who, group, offsets, out);
            }
            TxnRequest::Init { id, .. } => id,
            TxnRequest::AddPartitions { who, .. }
            | TxnRequest::AddOffsets { who, .. }
            | TxnRequest::End { who, .. } => &who.id,
        };
        if let Err(refusal) = self.coordinates(id, matches!(request, TxnRequest::Init { .. })) {
            return refuse(asker, refusal, out);
        }
        let id = id.clone();
        let Some(slot) = self.txns.slots.get_mut(&id) else {
            return refuse(asker, Refusal::Unknown, out);
        };
        if let Some(Pending { answer, .. }) = &slot.pending {
            if answer.is_some_and(|(other, _)| other == asker) {
                return Ok(()); // a copy of what is being done
            }
            return refuse(asker, Refusal::ConcurrentTransactions, out);
        }
        let ids = &mut self.producer_ids;
        let mut fresh = || ids.take();
        let decided = match (&request, &slot.txn) {
            (TxnRequest::Init { timeout, .. }, None) => fresh()
                .map(|producer| Some((Txn::new(producer, *timeout), Answer::Producer)))
                .ok_or(Refusal::ConcurrentTransactions),
            (TxnRequest::Init { .. }, Some(txn))
                if slot.inited_by == Some(asker) && txn.phase == TxnPhase::Empty =>
            {
                let (id, epoch) = txn.identity;
                out.reply(asker.0, asker.1, Reply::Producer { id, epoch });
                return Ok(());
            }
            (TxnRequest::Init { timeout, .. }, Some(txn)) => txn.init(*timeout, &mut fresh).map(|inited| {
                Some(match inited {
                    Inited::Now(next) => (next, Answer::Producer),
                    Inited::AbortFirst(next) => (next, Answer::AskAgain),
                })
            }),
            (_, None) => Err(Refusal::Unknown),
            (TxnRequest::AddPartitions { who, partitions }, Some(txn)) => {
                txn.add(now, who, partitions).map(|next| Some((next?, Answer::Added)))
            }
            (TxnRequest::AddOffsets { who, .. }, Some(txn)) => {
                txn.add(now, who, &[offsets_partition()]).map(|next| Some((next?, Answer::Added)))
            }
            (TxnRequest::End { who, commit, .. }, Some(txn)) => match txn.end(who, *commit, &mut fresh) {
                Ok(Ended::Before((producer, epoch))) => {
                    out.reply(asker.0, asker.1, Reply::Txn(TxnReply::Ended { producer, epoch }));
                    return Ok(());
                }
                Ok(Ended::Now(next)) => Ok(Some((next, Answer::Ended))),
                Err(refusal) => Err(refusal),
            },
            (TxnRequest::Mark { .. } | TxnRequest::CommitOffsets { .. }, Some(_)) => return Ok(()),
        };
        match decided {
            Err(refusal) => refuse(asker, refusal, out),
            Ok(None) => {
                out.reply(asker.0, asker.1, Reply::Txn(TxnReply::Added));
                Ok(())
            }
            Ok(Some((next, answer))) => self.keep_txn(now, &id, Some(next), Some((asker, answer)), out),
        }
    }

    /// Whether this broker may answer for a transactional id. One that comes for the first time gets its place.
    fn coordinates(&mut self, id: &Name, comes: bool) -> Result<(), Refusal> {
        if !self.controllers.exist() {
            return Err(Refusal::Unsupported); // nobody would give it numbers for producers
        }
        let home = self.view.transactions_partition(id).ok_or(Refusal::NotLeader)?;
        let loaded = self.txns.led.get(&home).ok_or(Refusal::NotLeader)?;
        let replica = self.replicas.get(&home).ok_or(Refusal::NotLeader)?;
        if replica.high_watermark < *loaded {
            return Err(Refusal::CoordinatorLoading);
        }
        if comes {
            self.txns.slots.entry(id.clone()).or_insert_with(|| Slot::new(home, None));
        }
        Ok(())
    }

    /// Writes the next state of a transactional id down; it holds when that is committed.
    fn keep_txn(
        &mut self,
        now: Time,
        id: &Name,
        mut next: Option<Txn>,
        answer: Option<(Asker, Answer)>,
        out: &mut Out<SliceOf<S>>,
    ) -> Done<S> {
        let Some(slot) = self.txns.slots.get_mut(id) else { return Ok(()) };
        let Some(replica) = self.replicas.get_mut(&slot.home) else { return Ok(()) };
        let (mut builder, millis) = (BatchBuilder::new(), now.as_millis());
        if let Some(next) = &mut next {
            next.updated = Time(millis * 1_000);
        }
        let record = match &next {
            Some(next) => next.to_record(id, millis as i64),
            None => Txn::forgotten(id, millis as i64),
        };
        let stored = match builder.push(&record) {
            Ok(()) => replica.store(now, &builder.build(), out)?,
            Err(_) => Err(Refusal::TooLarge),
        };
        match (stored, answer) {
            (Ok(below), answer) => slot.pending = Some(Pending { next, below, answer }),
            (Err(refusal), Some((asker, _))) => return refuse(asker, refusal, out),
            (Err(_), None) => slot.not_before = now + self.settings.retry_backoff,
        }
        Ok(())
    }

    /// Another broker coordinates what falls to a partition, or this one begins to.
    pub(super) fn forget_txns(&mut self, home: &PartitionId, out: &mut Out<SliceOf<S>>) {
        if self.txns.led.remove(home).is_none() {
            return;
        }
        self.txns.slots.retain(|_, slot| {
            if slot.home != *home {
                return true;
            }
            if let Some(((to, id), _)) = slot.pending.take().and_then(|pending| pending.answer) {
                out.reply(to, id, Reply::Refused(Refusal::NotLeader));
            }
            false
        });
    }

    /// Does with transactions whatever is due.
    pub(super) fn tick_txns(&mut self, now: Time, out: &mut Out<SliceOf<S>>) -> Done<S> {
        let ids: Vec<Name> = self.txns.slots.keys().cloned().collect();
        for id in &ids {
            while self.advance_txn(now, id, out)? {}
        }
        Ok(())
    }

    /// Takes one a step further; says whether it got on.
    fn advance_txn(
        &mut self,
        now: Time,
        id: &Name,
        out: &mut Out<SliceOf<S>>,
    ) -> Result<bool, BrokerError<StorageError<S>>> {
        let Some(slot) = self.txns.slots.get_mut(id) else { return Ok(false) };
        let Some(replica) = self.replicas.get(&slot.home) else { return Ok(false) };
        let (high_watermark, Role::Leader(leader)) = (replica.high_watermark, &replica.role) else {
            return Ok(false);
        };
        if self.txns.led.get(&slot.home).is_none_or(|loaded| high_watermark < *loaded) {
            slot.not_before = now + self.settings.retry_backoff; // it looks again, and not all the time
            return Ok(false);
        }
        if let Some(pending) = slot.pending.take_if(|pending| pending.below <= high_watermark) {
            let forgotten = pending.next.is_none();
            slot.comes_true(id, pending, out);
            if forgotten {
                self.txns.slots.remove(id);
            }
            return Ok(!forgotten);
        }
        let Some(txn) = slot.txn.as_ref().filter(|_| slot.pending.is_none()) else { return Ok(false) };
        if txn.phase.is_decided() {
            let (producer, epoch) = txn.ending;
            let commit = txn.phase == TxnPhase::PrepareCommit;
            let marker = Marker { producer, epoch, coordinator: leader.epoch(), commit };
            let Some(marking) = &slot.marking else {
                slot.marking = Some(txn.partitions.iter().map(|one| (one.clone(), Mark::Due(now))).collect());
                let why = txn.aborted_by().filter(|_| !commit);
                let (id, epoch) = (id.clone(), epoch - 1);
                out.event(Event::Txn(TxnEvent::Decided { id, producer, epoch, commit, why }));
                return Ok(true);
            };
            if !marking.is_empty() {
                return self.tell_partitions(now, id, &marker, out);
            }
            if slot.not_before > now {
                return Ok(false);
            }
            let completed = txn.completed();
            self.keep_txn(now, id, Some(completed), None, out)?;
            return Ok(self.txns.slots.get(id).is_some_and(|slot| slot.pending.is_some()));
        }
        if txn.deadline().is_some_and(|at| at <= now) && slot.not_before <= now {
            let ids = &mut self.producer_ids;
            match txn.time_out(&mut || ids.take()) {
                Ok(next) => self.keep_txn(now, id, Some(next), None, out)?,
                Err(_) => slot.not_before = now + self.settings.retry_backoff,
            }
            return Ok(self.txns.slots.get(id).is_some_and(|slot| slot.pending.is_some()));
        }
        let unused_for = self.settings.transactional_id_expiration;
        if txn.expires(unused_for).is_some_and(|at| at <= now) && slot.not_before <= now {
            self.keep_txn(now, id, None, None, out)?;
            return Ok(self.txns.slots.get(id).is_some_and(|slot| slot.pending.is_some()));
        }
        Ok(false)
    }
}

impl Slot {
    /// What was written down holds.
    fn comes_true<D>(&mut self, id: &Name, Pending { next, answer, .. }: Pending, out: &mut Out<D>) {
        let before = core::mem::replace(&mut self.txn, next);
        let Some(txn) = &self.txn else {
            return out.event(Event::Txn(TxnEvent::Forgotten { id: id.clone() }));
        };
        let (producer, epoch) = txn.identity;
        let id = id.clone();
        match txn.phase {
            TxnPhase::Ongoing => {
                let known = before.map(|before| before.partitions).unwrap_or_default();
                let partitions = txn.partitions.difference(&known).cloned().collect();
                out.event(Event::Txn(TxnEvent::Enlisted { id, partitions }));
            }
            TxnPhase::CompleteCommit | TxnPhase::CompleteAbort => {
                self.marking = None;
                let commit = txn.phase == TxnPhase::CompleteCommit;
                out.event(Event::Txn(TxnEvent::Completed { id, commit }));
            }
            TxnPhase::Empty | TxnPhase::PrepareCommit | TxnPhase::PrepareAbort => {}
        }
        let Some((asker, answer)) = answer else { return };
        self.inited_by = Some(asker).filter(|_| answer == Answer::Producer);
        out.reply(
            asker.0,
            asker.1,
            match answer {
                Answer::Producer => Reply::Producer { id: producer, epoch },
                Answer::AskAgain => Reply::Refused(Refusal::ConcurrentTransactions),
                Answer::Added => Reply::Txn(TxnReply::Added),
                Answer::Ended => Reply::Txn(TxnReply::Ended { producer, epoch }),
            },
        );
    }
}
