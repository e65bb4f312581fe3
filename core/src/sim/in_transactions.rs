//! How does a program send its messages in transactions? So many at a time, and again what was broken off.
//!
//! ```text
//!   handed over:  m1 m2 m3 m4 m5 ...      of three messages each
//!                 └ begin ─ m1 m2 m3 ─ commit ┘ ─▶ m4 begins the next
//!                                    broken: abort, and m1 m2 m3 go again in the next
//! ```
//!
//! What is under way is in the program's memory: when it dies, its open transaction is aborted by whoever takes over its
//! transactional id, or by the coordinator when it takes too long; nobody sees a part of it.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::scenario::ProducerSpec;
use super::transactional_spec::TransactionalSpec;
use crate::broker::{Input, Out, Settings};
use crate::client::{Producer, Transactional, TxnStanding};
use crate::ids::{MessageId, Name, NodeId};
use crate::record::NewRecord;
use crate::rng::{Rng, Stream};
use crate::time::Time;

/// A message on its way into a transaction.
#[derive(Clone, Debug)]
struct Row {
    id: MessageId,
    record: NewRecord,
    /// How often it was sent.
    attempts: u32,
}

/// The part of a program that sends in transactions.
#[derive(Clone, Debug)]
pub(super) struct InTransactions {
    spec: TransactionalSpec,
    client: Transactional,
    waiting: VecDeque<Row>,
    /// What is in the open transaction.
    open: Vec<Row>,
    /// What becomes of it when it is over: nothing while it is open.
    outcome: Option<Outcome>,
    /// No more messages will come.
    complete: bool,
    seed: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Committed,
    /// The program wanted it so: what was in it is given up.
    GivenUp,
    /// It was broken: what was in it goes again.
    Again,
}

impl InTransactions {
    /// No more messages come: what is open may be committed with what it has.
    pub(super) fn complete(&mut self) {
        self.complete = true;
    }

    pub(super) fn new(
        spec: &ProducerSpec,
        transactional: &TransactionalSpec,
        topic: &Name,
        settings: &Settings,
        (brokers, seed): (Vec<NodeId>, u64),
    ) -> Self {
        let id = (transactional.id.clone(), transactional.timeout);
        let client = Transactional::new(settings.clone(), id, topic.clone(), brokers);
        let client = client.with_options(spec.options, seed);
        Self {
            spec: transactional.clone(),
            client: client.expect("its options were checked with the scenario"),
            waiting: VecDeque::new(),
            open: Vec::new(),
            outcome: None,
            complete: false,
            seed,
        }
    }

    /// The client below that sends.
    pub(super) fn producer(&self) -> &Producer {
        self.client.producer()
    }

    /// Whether somebody else took over, and after how many microseconds the program is started again; 0 for never.
    pub(super) fn fenced(&self) -> Option<u64> {
        matches!(self.client.standing(), TxnStanding::Fenced(_)).then_some(self.spec.restarts_after)
    }

    /// What is not known to be committed, oldest first.
    pub(super) fn held(&self) -> impl Iterator<Item = MessageId> {
        self.open.iter().chain(&self.waiting).map(|row| row.id)
    }

    /// Takes over a message; `last` says that it is the last one.
    pub(super) fn send(&mut self, now: Time, id: MessageId, record: NewRecord, last: bool, out: &mut Out) {
        self.waiting.push_back(Row { id, record, attempts: 0 });
        self.complete |= last;
        self.go_on(now, out);
    }

    pub(super) fn handle(&mut self, now: Time, input: Input, out: &mut Out) {
        self.client.handle(now, input, out);
        self.go_on(now, out);
    }

    pub(super) fn next_wakeup(&self) -> Option<Time> {
        self.client.next_wakeup()
    }

    fn go_on(&mut self, now: Time, out: &mut Out) {
        loop {
            let (before, moved) = (self.client.standing(), self.step(now, out));
            if !moved && self.client.standing() == before {
                return;
            }
        }
    }

    /// Does the next thing that is to be done; says whether something was.
    fn step(&mut self, now: Time, out: &mut Out) -> bool {
        match self.client.standing() {
            TxnStanding::Starting | TxnStanding::Ending | TxnStanding::Fenced(_) => false,
            TxnStanding::Broken(_) => {
                self.outcome = Some(Outcome::Again);
                self.client.abort(now, out);
                true
            }
            TxnStanding::Ready => {
                match self.outcome.take() {
                    Some(Outcome::Again) => {
                        for row in self.open.drain(..).rev() {
                            self.waiting.push_front(row);
                        }
                    }
                    Some(Outcome::Committed | Outcome::GivenUp) | None => self.open.clear(),
                }
                let begins = !self.waiting.is_empty();
                if begins {
                    self.client.begin(out);
                }
                begins
            }
            TxnStanding::Open => {
                let is_full = self.open.len() >= self.spec.messages as usize;
                if !is_full && let Some(mut row) = self.waiting.pop_front() {
                    let sent = self.client.send(now, row.id, row.record.clone(), row.attempts, out);
                    sent.expect("a body's size was checked with the scenario");
                    row.attempts += 1;
                    self.open.push(row);
                    return true;
                }
                let none_come = self.complete && self.waiting.is_empty();
                if !is_full && !none_come {
                    return false; // more will come
                }
                let first = self.open.first().map_or(0, |row| row.id.0);
                let chance =
                    Rng::new(self.seed ^ first.wrapping_mul(0x9e37_79b9_7f4a_7c15), Stream::Services);
                if { chance }.below(1_000) < u64::from(self.spec.aborts_per_mille) {
                    self.outcome = Some(Outcome::GivenUp);
                    self.client.abort(now, out);
                } else {
                    self.outcome = Some(Outcome::Committed);
                    self.client.commit(now, out);
                }
                true
            }
        }
    }
}
