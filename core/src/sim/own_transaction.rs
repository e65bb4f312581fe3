//! How do a program's database and a queue agree? Each order is a transaction of the program's own *and* a message, and
//! the program may die between the two. Four ways:
//!
//! ```text
//!   publish first   message ── stored ──┄ pause ┄── transaction          dies: a message without an order
//!   commit first    transaction ──┄ pause ┄── message                    dies: an order that nobody hears of
//!   outbox          transaction over order row and message row ──┄ pause ┄── relay sends the row
//!   half            half message ── stored ── transaction ──┄ pause ┄── decision
//! ```
//!
//! The first two write twice, and no order of two writes is safe. The outbox writes once. The half message is asked
//! back: its broker wants to know, and the database answers.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::scenario::{InvalidScenario, PATIENCE_MAX, ProducerSpec, Scenario, TargetSpec};
use crate::client::Outbox;
use crate::ids::MessageId;
use crate::record::NewRecord;
use crate::rng::{Rng, Stream};
use crate::sorted::SortedMap;
use crate::time::{Span, Time};
use crate::vhost::Decision;

/// How long a producer's program keeps each message.
///
/// ```
/// use mqlab_core::sim::{Keeps, Scenario};
/// let scenario = Scenario::built_in("kept-until-done").ok_or("no such scenario")?;
/// assert_eq!(scenario.producers[0].keeps, Keeps::UntilProcessed);
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Keeps {
    /// Until a broker says "stored". In memory: a crash of the program forgets what was under way.
    #[default]
    UntilStored,
    /// Until a consumer says "processed". On its own disk: it survives a crash, and is sent again.
    UntilProcessed,
}

/// How a program makes its own transaction and its message agree.
///
/// ```
/// use mqlab_core::sim::{HowTransaction, Scenario};
/// let scenario = Scenario::built_in("half-messages").ok_or("no such scenario")?;
/// let transaction = scenario.producers[0].transaction.ok_or("it has one")?;
/// assert_eq!(transaction.how, HowTransaction::Half);
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HowTransaction {
    /// The message is sent, and when it is stored the transaction begins.
    PublishFirst,
    /// The transaction ends, and then the message is sent.
    CommitFirst,
    /// The message is a row of the database, which a relay sends.
    Outbox,
    /// The message is a half one until the transaction is decided.
    Half,
}

/// The transaction that belongs to each message of a producer.
///
/// ```
/// use mqlab_core::sim::{HowTransaction, TransactionSpec};
/// let json = r#"{ "how": "outbox", "takes": 2000, "fails_per_mille": 100 }"#;
/// let spec: TransactionSpec = serde_json::from_str(json)?;
/// assert_eq!((spec.how, spec.pause), (HowTransaction::Outbox, 0));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TransactionSpec {
    /// How it goes together with the message.
    pub how: HowTransaction,
    /// How long it takes, in microseconds.
    pub takes: u64,
    /// What the program does between the one and the other takes so long, in microseconds; for an outbox: how long a
    /// row waits for the relay to look.
    #[serde(default)]
    pub pause: u64,
    /// How many of a thousand transactions are rolled back.
    #[serde(default)]
    pub fails_per_mille: u32,
}

impl Scenario {
    /// Whether what producers do for their messages' safety can be done.
    pub(super) fn check_producers(&self) -> Result<(), InvalidScenario> {
        for ProducerSpec { name, to, keeps, receipt_timeout, transaction, .. } in &self.producers {
            let invalid = |what: &str| Err(InvalidScenario(format!("{name} {what}")));
            if *receipt_timeout > PATIENCE_MAX.0 {
                return invalid("waits longer than an hour for a receipt");
            }
            let reads = self.services.iter().any(|service| service.from.is_some());
            if *keeps == Keeps::UntilProcessed && reads {
                return invalid("waits for receipts, and services send none: let consumers read");
            }
            let Some(spec) = transaction else { continue };
            if spec.takes.max(spec.pause) > PATIENCE_MAX.0 || spec.fails_per_mille > 1_000 {
                return invalid(
                    "has a transaction that takes over an hour, or fails more than 1000 times in 1000",
                );
            }
            let half = spec.how == HowTransaction::Half;
            let takes_halves =
                matches!(to, TargetSpec::Queue(_) | TargetSpec::Exchange { .. } | TargetSpec::System(_));
            if half && !takes_halves {
                return invalid("sends half messages: that goes to a queue or an exchange only");
            }
            if half && *keeps == Keeps::UntilProcessed {
                return invalid("sends half messages: their broker keeps them, use until_stored");
            }
        }
        Ok(())
    }
}

/// What a program knows across its crashes.
#[derive(Clone, Debug, Default)]
pub(super) struct Database {
    /// The orders that are committed.
    committed: BTreeSet<MessageId>,
    pub(super) outbox: Outbox,
}

/// An order that the program has in hand. In memory: a crash undoes its transaction.
#[derive(Clone, Debug)]
struct InHand {
    record: NewRecord,
    step: Step,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Until the message, or half of it, is stored.
    WaitsForBroker,
    /// Does something else before its transaction.
    PausesBefore(Time),
    /// The transaction ends then.
    Transaction(Time),
    /// Does something else before the message, or the decision.
    PausesAfter(Time),
}

/// What an order needs of the program's client next.
#[derive(Clone, Debug)]
pub(super) enum Next {
    /// The transaction has ended.
    Ended { message: MessageId, committed: bool },
    /// The message is to be sent.
    Send { message: MessageId, record: NewRecord },
    /// Its broker is to be told.
    Decide { message: MessageId, committed: bool },
}

/// The orders of one program, and its database.
#[derive(Clone, Debug)]
pub(super) struct Orders {
    spec: TransactionSpec,
    /// What its chances are drawn from.
    seed: u64,
    pub(super) database: Database,
    in_hand: SortedMap<MessageId, InHand>,
    /// When the relay looks next.
    relay_at: Option<Time>,
}

impl Orders {
    pub(super) fn new(spec: TransactionSpec, seed: u64) -> Self {
        let (database, in_hand, relay_at) = Default::default();
        Self { spec, seed, database, in_hand, relay_at }
    }

    pub(super) fn how(&self) -> HowTransaction {
        self.spec.how
    }

    /// A new order.
    pub(super) fn begin(&mut self, now: Time, message: MessageId, record: NewRecord) {
        let step = match self.spec.how {
            HowTransaction::PublishFirst | HowTransaction::Half => Step::WaitsForBroker,
            HowTransaction::CommitFirst | HowTransaction::Outbox => {
                Step::Transaction(now + Span(self.spec.takes))
            }
        };
        self.in_hand.insert(message, InHand { record, step });
    }

    /// A broker has the message, or half of it.
    pub(super) fn stored(&mut self, now: Time, message: MessageId) {
        let (pause, takes) = (Span(self.spec.pause), Span(self.spec.takes));
        if let Some(order) = self.in_hand.get_mut(&message)
            && order.step == Step::WaitsForBroker
        {
            order.step = match self.spec.how {
                HowTransaction::PublishFirst => Step::PausesBefore(now + pause),
                _ => Step::Transaction(now + takes),
            };
        }
    }

    /// The orders that wait until their message is stored.
    pub(super) fn waiting_for_broker(&self) -> Vec<MessageId> {
        let waits = |order: &InHand| order.step == Step::WaitsForBroker;
        self.in_hand.iter().filter(|(_, order)| waits(order)).map(|(&message, _)| message).collect()
    }

    /// Its message will never be stored, or was taken back: the transaction does not begin.
    pub(super) fn forget(&mut self, message: MessageId) {
        self.in_hand.remove(&message);
    }

    /// The next thing that is due, if one is; to be asked again until none is.
    pub(super) fn next(&mut self, now: Time) -> Option<Next> {
        let due = |order: &InHand| order.step.ends_at().is_some_and(|at| at <= now);
        let (&message, order) = self.in_hand.iter_mut().find(|(_, order)| due(order))?;
        let (pause, takes) = (Span(self.spec.pause), Span(self.spec.takes));
        match order.step {
            Step::WaitsForBroker => None,
            Step::PausesBefore(at) => {
                order.step = Step::Transaction(at + takes);
                self.next(now)
            }
            Step::Transaction(_) => {
                let committed = !fails(&self.spec, self.seed, message);
                if committed {
                    self.database.committed.insert(message);
                }
                match self.spec.how {
                    HowTransaction::Outbox if committed => {
                        // The same transaction: the order row and the message row.
                        self.database.outbox.insert(message, order.record.clone());
                        self.relay_at.get_or_insert(now + pause);
                        self.in_hand.remove(&message);
                    }
                    HowTransaction::Half => order.step = Step::PausesAfter(now + pause),
                    HowTransaction::CommitFirst if committed => order.step = Step::PausesAfter(now + pause),
                    _ => {
                        self.in_hand.remove(&message);
                    }
                }
                Some(Next::Ended { message, committed })
            }
            Step::PausesAfter(_) => {
                let record = self.in_hand.remove(&message)?.record;
                Some(match self.spec.how {
                    HowTransaction::Half => {
                        Next::Decide { message, committed: self.database.committed.contains(&message) }
                    }
                    _ => Next::Send { message, record },
                })
            }
        }
    }

    /// Whether the relay of an outbox is to look now; it looks once.
    pub(super) fn relay_looks(&mut self, now: Time) -> bool {
        let looks = self.relay_at.is_some_and(|at| at <= now);
        if looks {
            self.relay_at = None;
        }
        looks
    }

    /// What the program says when a broker asks what became of an order: what its database says. An order that is
    /// not there and not in hand was undone, and will never be.
    pub(super) fn what_became_of(&self, message: MessageId) -> Decision {
        if self.database.committed.contains(&message) {
            Decision::Commit
        } else if self.in_hand.contains_key(&message) {
            Decision::Unknown
        } else {
            Decision::Rollback
        }
    }

    /// The process starts again: the database is there, and nothing else.
    pub(super) fn restart(&mut self, now: Time) {
        self.in_hand.clear();
        self.database.outbox.restart();
        self.relay_at = self.database.outbox.waits().then_some(now + Span(self.spec.pause));
    }

    /// The messages of orders in hand, and those in the outbox.
    pub(super) fn messages(&self) -> impl Iterator<Item = MessageId> {
        self.in_hand.keys().copied().chain(self.database.outbox.messages())
    }

    pub(super) fn next_wakeup(&self) -> Option<Time> {
        self.in_hand.values().filter_map(|order| order.step.ends_at()).chain(self.relay_at).min()
    }
}

impl Step {
    fn ends_at(self) -> Option<Time> {
        match self {
            Self::WaitsForBroker => None,
            Self::PausesBefore(at) | Self::Transaction(at) | Self::PausesAfter(at) => Some(at),
        }
    }
}

/// Chance follows from the message, so that the same orders fail in whichever way they are sent.
fn fails(spec: &TransactionSpec, seed: u64, message: MessageId) -> bool {
    let mixed = message.0.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    Rng::new(seed ^ mixed, Stream::Workload).below(1_000) < u64::from(spec.fails_per_mille)
}

#[cfg(test)]
mod tests {
    use super::*;
    use HowTransaction::{CommitFirst, Half, Outbox, PublishFirst};

    const ORDER: MessageId = MessageId(1);

    fn orders(how: HowTransaction, fails_per_mille: u32) -> Orders {
        Orders::new(TransactionSpec { how, takes: 100, pause: 10, fails_per_mille }, 1)
    }

    fn named(next: &Next) -> &'static str {
        match next {
            Next::Ended { committed: true, .. } => "committed",
            Next::Ended { committed: false, .. } => "rolled back",
            Next::Send { .. } => "send",
            Next::Decide { committed: true, .. } => "decide commit",
            Next::Decide { committed: false, .. } => "decide rollback",
        }
    }

    /// What happens, and when, if a broker stores at 50 whatever it is sent.
    fn course(mut orders: Orders) -> Vec<(u64, &'static str)> {
        orders.begin(Time(0), ORDER, NewRecord::default());
        let mut course = Vec::new();
        for now in (0..400).map(Time) {
            if now == Time(50) {
                orders.stored(now, ORDER);
            }
            while let Some(next) = orders.next(now) {
                course.push((now.0, named(&next)));
            }
            if orders.relay_looks(now) {
                course.push((now.0, "relay"));
            }
        }
        course
    }

    #[test]
    fn each_way_has_its_own_order_of_steps() {
        assert_eq!(course(orders(PublishFirst, 0)), [(160, "committed")]);
        assert_eq!(course(orders(PublishFirst, 1_000)), [(160, "rolled back")], "and the message is out");
        assert_eq!(course(orders(CommitFirst, 0)), [(100, "committed"), (110, "send")]);
        assert_eq!(course(orders(CommitFirst, 1_000)), [(100, "rolled back")]);
        assert_eq!(course(orders(Outbox, 0)), [(100, "committed"), (110, "relay")]);
        assert_eq!(course(orders(Outbox, 1_000)), [(100, "rolled back")]);
        assert_eq!(course(orders(Half, 0)), [(150, "committed"), (160, "decide commit")]);
        assert_eq!(course(orders(Half, 1_000)), [(150, "rolled back"), (160, "decide rollback")]);
    }

    #[test]
    fn the_database_answers_for_what_memory_forgot() {
        let mut orders = orders(Half, 0);
        assert_eq!(orders.what_became_of(ORDER), Decision::Rollback, "it was never begun");
        orders.begin(Time(0), ORDER, NewRecord::default());
        assert_eq!(orders.what_became_of(ORDER), Decision::Unknown);
        orders.restart(Time(1));
        assert_eq!(orders.what_became_of(ORDER), Decision::Rollback, "a crash undid it");
        orders.begin(Time(2), MessageId(2), NewRecord::default());
        orders.stored(Time(2), MessageId(2));
        assert!(orders.next(Time(102)).is_some());
        orders.restart(Time(103));
        assert_eq!(orders.what_became_of(MessageId(2)), Decision::Commit);
    }
}
