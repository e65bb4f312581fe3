//! How does a program hand work on and acknowledge it at one moment? It sends both in a transaction, and asks its broker
//! to commit.
//!
//! ```text
//!   begin ─▶ open ── publish, settle: one after the other, each is answered ──▶ commit ─┬─ "committed" ──▶ Committed
//!                │                                                              ▲   │   ├─ no room ──▶ a while later
//!                │                                                              └───┘   ├─ no answer ─▶ once more
//!                │                                                  no room, no answer  │
//!                └─ refused, no answer, rolled back, broker lost ──▶ Undone             │
//!                          broker lost, or it knows nothing of what was asked before ───┴─▶ Unknown
//! ```
//!
//! *Unknown* is honest: the commit was asked for, and the connection broke. It may have been done or not, and nobody can
//! be asked any more. Whoever acknowledged a delivery in it waits: if the delivery comes again, it was not committed.
//!
//! The broker's side is in `core/src/broker/transaction.rs`. What real systems do: JMS throws
//! `TransactionInProgressException` and the like for what is known, and leaves the rest to `JMSRedelivered`; Spring calls
//! it a "heuristic" outcome.

use super::Staged;
use crate::broker::{
    Input, Message, Out, Reply, Request, RequestId, Settings, Settlement, TransactionState, TransactionStep,
};
use crate::ids::NodeId;
use crate::observe::{Place, Refusal};
use crate::record::{BatchBuilder, Malformed, NewRecord};
use crate::routing::ExchangeName;
use crate::time::Time;

/// A client of transactions: one at a time, with the broker at which its program has its deliveries.
///
/// ```
/// use mqlab_core::broker::{Message, Out, Request, Settings, Settlement, TransactionStep};
/// use mqlab_core::client::{Standing, Transacted};
/// use mqlab_core::ids::{Name, NodeId};
/// use mqlab_core::time::Time;
/// let (mut client, mut out) = (Transacted::new(Settings::default()), Out::default());
/// client.begin(Time::ZERO, NodeId::Broker(1), &mut out);
/// assert_eq!(client.standing(), Standing::Asked); // it goes on when that is answered
/// assert!(matches!(out.sends[0].message, Message::Request(_, Request::Transaction { number: 1, .. })));
/// # Ok::<(), mqlab_core::ids::BadName>(())
/// ```
#[derive(Clone, Debug)]
pub struct Transacted {
    settings: Settings,
    /// The number of the last transaction.
    number: u64,
    broker: Option<NodeId>,
    /// How many parts were sent.
    parts: u32,
    stage: Stage,
    last_request: RequestId,
}

/// How a transaction stands, as its program sees it.
///
/// ```
/// use mqlab_core::broker::Settings;
/// use mqlab_core::client::{Standing, Transacted};
/// assert_eq!(Transacted::new(Settings::default()).standing(), Standing::None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// There is none.
    None,
    /// The last step is not answered: wait.
    Asked,
    /// The next step may go.
    Open,
    /// All of it took effect.
    Committed,
    /// None of it took effect, and why not.
    Undone(Refusal),
    /// The commit was asked for, and nobody knows whether it was done.
    Unknown,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    Ended(Standing),
    Open,
    /// A part was sent, or the begin.
    Asked {
        id: RequestId,
        deadline: Time,
    },
    /// The commit is to be done. It is asked for again when the moment has come: because nobody answered, or because
    /// there was no room. It is in doubt while an earlier try was not answered.
    Committing {
        asked: Option<RequestId>,
        again: Time,
        doubt: bool,
    },
}

impl Transacted {
    /// A client without a transaction.
    pub fn new(settings: Settings) -> Self {
        let stage = Stage::Ended(Standing::None);
        Self { settings, number: 0, broker: None, parts: 0, stage, last_request: 0 }
    }

    /// How the transaction stands.
    pub fn standing(&self) -> Standing {
        match self.stage {
            Stage::Ended(standing) => standing,
            Stage::Open => Standing::Open,
            Stage::Asked { .. } | Stage::Committing { .. } => Standing::Asked,
        }
    }

    /// Begins a transaction. One that is open is over, and rolled back.
    pub fn begin(&mut self, now: Time, broker: NodeId, out: &mut Out) {
        (self.number, self.broker, self.parts) = (self.number + 1, Some(broker), 0);
        self.step(now, TransactionStep::Begin, out);
    }

    /// Publishes a message with the commit. Does nothing unless the transaction is [`Standing::Open`].
    ///
    /// # Errors
    ///
    /// [`Malformed::Length`] when no batch could hold it; the transaction is as it was.
    pub fn publish(
        &mut self,
        now: Time,
        exchange: ExchangeName,
        record: &NewRecord,
        out: &mut Out,
    ) -> Result<(), Malformed> {
        record.check_size()?;
        let mut batch = BatchBuilder::new();
        batch.push(record)?;
        self.part(now, TransactionStep::Publish { exchange, batches: batch.build() }, out);
        Ok(())
    }

    /// Says what becomes of a delivery with the commit. What did not come from a queue cannot be settled. Does nothing
    /// unless the transaction is [`Standing::Open`].
    pub fn settle(&mut self, now: Time, staged: &Staged, how: Settlement, out: &mut Out) {
        if let Place::Queue(queue) = &staged.from {
            let (queue, session, tag) = (queue.clone(), staged.session, staged.tag);
            self.part(now, TransactionStep::Settle { queue, session, tag, how }, out);
        }
    }

    /// Lets all of it take effect. Does nothing unless the transaction is [`Standing::Open`].
    pub fn commit(&mut self, now: Time, out: &mut Out) {
        if let Stage::Open = self.stage {
            self.ask_to_commit(now, false, out);
        }
    }

    /// Undoes the transaction, unless its commit was asked for: then it is too late.
    pub fn roll_back(&mut self, out: &mut Out) {
        if let Stage::Open | Stage::Asked { .. } = self.stage {
            self.undo(Standing::None, out);
        }
    }

    /// The connection to the broker is not what it was: whatever was open is rolled back there.
    pub fn break_off(&mut self) {
        self.stage = match self.stage {
            Stage::Open | Stage::Asked { .. } => Stage::Ended(Standing::Undone(Refusal::NoAnswer)),
            // A commit that was refused is not done; one that is under way may be.
            Stage::Committing { asked: None, doubt: false, .. } => {
                Stage::Ended(Standing::Undone(Refusal::NoAnswer))
            }
            Stage::Committing { .. } => Stage::Ended(Standing::Unknown),
            ended @ Stage::Ended(_) => ended,
        };
    }

    /// Takes what reaches the client.
    pub fn handle(&mut self, now: Time, input: &Input, out: &mut Out) {
        match input {
            Input::Message { message: Message::Reply(id, reply), .. } => self.reply(now, *id, reply, out),
            // There is room, as far as the broker knows.
            Input::Message { from, message: Message::Flow { blocked: false } }
                if self.broker == Some(*from) =>
            {
                if let Stage::Committing { asked: None, doubt, .. } = self.stage {
                    self.ask_to_commit(now, doubt, out);
                }
            }
            Input::HangUp { peer } if self.broker == Some(*peer) => self.break_off(),
            Input::Message { .. } | Input::HangUp { .. } | Input::Wake => {}
        }
        match self.stage {
            Stage::Asked { deadline, .. } if deadline <= now => {
                self.undo(Standing::Undone(Refusal::NoAnswer), out);
            }
            Stage::Committing { asked, again, doubt } if again <= now => {
                self.ask_to_commit(now, doubt || asked.is_some(), out);
            }
            _ => {}
        }
    }

    /// When the client wants to be woken.
    pub fn next_wakeup(&self) -> Option<Time> {
        match self.stage {
            Stage::Asked { deadline: at, .. } | Stage::Committing { again: at, .. } => Some(at),
            Stage::Open | Stage::Ended(_) => None,
        }
    }

    fn reply(&mut self, now: Time, answered: RequestId, reply: &Reply, out: &mut Out) {
        match (self.stage, reply) {
            (Stage::Asked { id, .. }, Reply::Transaction(TransactionState::Open { parts }))
                if id == answered =>
            {
                self.stage = Stage::Open;
                if *parts != self.parts {
                    self.undo(Standing::Undone(Refusal::Incomplete), out);
                }
            }
            (Stage::Asked { id, .. }, Reply::Refused(why)) if id == answered => {
                self.undo(Standing::Undone(*why), out);
            }
            (Stage::Committing { asked, .. }, Reply::Transaction(TransactionState::Committed { .. }))
                if asked == Some(answered) =>
            {
                self.stage = Stage::Ended(Standing::Committed);
            }
            (Stage::Committing { asked, doubt, .. }, Reply::Refused(why)) if asked == Some(answered) => {
                match why {
                    // It stands as it did, so no earlier try was done either. There may be room soon.
                    Refusal::Blocked | Refusal::Full => {
                        let again = now + self.settings.retry_backoff;
                        self.stage = Stage::Committing { asked: None, again, doubt: false };
                    }
                    // The broker knows nothing of it: it was started anew, and who knows what it had answered before?
                    Refusal::NotAMember if doubt => self.stage = Stage::Ended(Standing::Unknown),
                    why => self.undo(Standing::Undone(*why), out),
                }
            }
            _ => {}
        }
    }

    fn ask_to_commit(&mut self, now: Time, doubt: bool, out: &mut Out) {
        let id = self.send(TransactionStep::Commit { parts: self.parts }, out);
        let again = now + self.settings.request_timeout;
        self.stage = Stage::Committing { asked: Some(id), again, doubt };
    }

    /// Nobody waits for the answer: if it is lost, the broker is, and the transaction with it.
    fn undo(&mut self, standing: Standing, out: &mut Out) {
        self.send(TransactionStep::Rollback, out);
        self.stage = Stage::Ended(standing);
    }

    fn part(&mut self, now: Time, step: TransactionStep, out: &mut Out) {
        if let Stage::Open = self.stage {
            self.parts += 1;
            self.step(now, step, out);
        }
    }

    fn step(&mut self, now: Time, step: TransactionStep, out: &mut Out) {
        let id = self.send(step, out);
        self.stage = Stage::Asked { id, deadline: now + self.settings.request_timeout };
    }

    fn send(&mut self, step: TransactionStep, out: &mut Out) -> RequestId {
        self.last_request += 1;
        if let Some(broker) = self.broker {
            let request = Request::Transaction { number: self.number, step };
            out.send(broker, Message::Request(self.last_request, request));
        }
        self.last_request
    }
}
