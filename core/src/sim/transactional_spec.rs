//! What may a scenario say of those who send in transactions over partitions? And of programs that read one topic, and
//! write another.

use alloc::format;

use serde::{Deserialize, Serialize};

use super::own_transaction::Keeps;
use super::program_spec::Settles;
use super::scenario::{ConsumerSpec, InvalidScenario, ProducerSpec, Scenario, SourceSpec, is_default};
use super::shop::target;
use super::spec::TargetSpec;
use crate::broker::{Acks, Isolation, TRANSACTION_TIMEOUT_MAX};
use crate::client::{CommitMode, GroupProtocol, ProducerOptions, Target};
use crate::ids::Name;
use crate::time::Span;

/// The most messages of a transaction.
pub const TXN_MESSAGES_MAX: u32 = 1_000;

/// How somebody sends in transactions.
///
/// ```
/// use mqlab_core::sim::TransactionalSpec;
/// let spec: TransactionalSpec = serde_json::from_str(r#"{ "id": "billing", "messages": 4 }"#)?;
/// assert_eq!(spec.timeout.to_string(), "500 ms"); // unless it says something else
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TransactionalSpec {
    /// The transactional id (`transactional.id`). Whoever comes under the same one takes over, and the other is fenced.
    pub id: Name,
    /// How many messages are in a transaction: of a producer those that it sends, of a program those that it reads. Fewer,
    /// when no more come.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub messages: u32,
    /// The coordinator aborts what is open for so long, in microseconds. Kafka: a minute (`transaction.timeout.ms`).
    #[serde(default = "timeout", skip_serializing_if = "is_timeout")]
    pub timeout: Span,
    /// How many of a thousand transactions the program aborts: what a producer sent in them is given up, what a program
    /// read is done again.
    #[serde(default, skip_serializing_if = "is_default")]
    pub aborts_per_mille: u32,
    /// A program that is fenced stops; after so long it is started again, in microseconds; 0 for never.
    #[serde(default, skip_serializing_if = "is_default")]
    pub restarts_after: u64,
}

const fn one() -> u32 {
    1
}

const fn is_one(messages: &u32) -> bool {
    *messages == 1
}

const fn timeout() -> Span {
    Span::from_millis(500)
}

fn is_timeout(span: &Span) -> bool {
    *span == timeout()
}

/// A program that reads as a member of a group, and writes a message to a topic for each that it is done with.
///
/// ```
/// use mqlab_core::sim::TransformSpec;
/// let spec: TransformSpec = serde_json::from_str(r#"{ "to": "bills", "transactional": { "id": "billing" } }"#)?;
/// assert!(spec.transactional.is_some()); // what it writes, and where its group goes on, count together
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TransformSpec {
    /// The topic that it writes.
    pub to: Name,
    /// That it works in transactions: each input counts once in what it writes. Without, an input whose output is written
    /// and whose offset is not committed is done again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transactional: Option<TransactionalSpec>,
}

impl ConsumerSpec {
    /// Where it receives from. Who works in transactions commits with them, and in no other way.
    pub(super) fn source(&self) -> SourceSpec {
        let mut from = self.from.clone();
        let transacts = self.program.transform.as_ref().is_some_and(|spec| spec.transactional.is_some());
        if let (SourceSpec::Group { options, .. }, true) = (&mut from, transacts) {
            options.commits = CommitMode::Never;
        }
        from
    }
}

impl Scenario {
    /// Everybody who sends in transactions.
    pub(super) fn transactionals(&self) -> impl Iterator<Item = &TransactionalSpec> {
        let producers = self.producers.iter().filter_map(|producer| producer.transactional.as_ref());
        let transforms = self.consumers.iter().filter_map(|consumer| consumer.program.transform.as_ref());
        producers.chain(transforms.filter_map(|transform| transform.transactional.as_ref()))
    }

    /// Whether the cluster needs coordinators of transactions.
    pub(super) fn has_transactionals(&self) -> bool {
        self.transactionals().next().is_some()
    }

    /// The groups and readers that read what is committed alone.
    pub(super) fn committed_groups(&self) -> impl Iterator<Item = &Name> {
        self.consumers.iter().filter_map(|consumer| match &consumer.from {
            SourceSpec::Group { name, options, .. } if options.isolation == Isolation::Committed => {
                Some(name)
            }
            SourceSpec::Poll { reader, options, .. } if options.isolation == Isolation::Committed => {
                Some(reader)
            }
            _ => None,
        })
    }

    pub(super) fn check_transactions(&self) -> Result<(), InvalidScenario> {
        for TransactionalSpec { id, messages, timeout, aborts_per_mille, .. } in self.transactionals() {
            if !(1..=TXN_MESSAGES_MAX).contains(messages) {
                return Err(InvalidScenario(format!(
                    "a transaction of {id} has {messages} messages, use 1 to {TXN_MESSAGES_MAX}"
                )));
            }
            if *timeout == Span::ZERO || *timeout > TRANSACTION_TIMEOUT_MAX || *aborts_per_mille > 1_000 {
                return Err(InvalidScenario(format!(
                    "{id} has a timeout of {timeout}, use up to {TRANSACTION_TIMEOUT_MAX}; or it aborts more than 1000 of 1000"
                )));
            }
        }
        self.producers.iter().try_for_each(|producer| self.check_transactional(producer))?;
        self.consumers.iter().try_for_each(|consumer| self.check_transform(consumer))
    }

    fn check_transactional(&self, spec: &ProducerSpec) -> Result<(), InvalidScenario> {
        let ProducerSpec { name, to, options, keeps, transaction, asks, transactional, .. } = spec;
        if transactional.is_none() {
            return Ok(());
        }
        let invalid = |what: &str| Err(InvalidScenario(format!("{name} sends in transactions: {what}")));
        if !matches!(to, TargetSpec::Topic { acks: Acks::All, .. }) {
            return invalid("let it send to a topic, with acks all");
        }
        if *keeps != Keeps::UntilStored || transaction.is_some() || asks.is_some() {
            return invalid("it cannot ask, keep messages until processed, or have a transaction of its own");
        }
        let options = ProducerOptions { idempotent: true, ..*options };
        options.check(&target(to), &self.settings).or_else(|why| invalid(&format!("{why}")))
    }

    pub(super) fn check_transform(&self, spec: &ConsumerSpec) -> Result<(), InvalidScenario> {
        let ConsumerSpec { name, from, program, .. } = spec;
        let Some(transform) = &program.transform else { return Ok(()) };
        let invalid =
            |what: &str| Err(InvalidScenario(format!("{name} reads one topic and writes another: {what}")));
        let SourceSpec::Group { topic, options, .. } = from else {
            return invalid("let it read as a member of a group");
        };
        let target = self.topics.iter().find(|known| known.name == transform.to && known.name != *topic);
        if target.is_none() {
            return invalid(&format!("{} is no other topic", transform.to));
        }
        if program.workers > 1 || program.settles != Settles::Each || program.onward.is_some() {
            return invalid("let it work on one message at a time, settle each, and send on in no other way");
        }
        if transform.transactional.is_some()
            && (options.protocol != GroupProtocol::Server
                || !matches!(options.commits, CommitMode::Interval | CommitMode::Never))
        {
            return invalid("its transactions commit offsets: use the protocol server, and commits never");
        }
        let sends = ProducerOptions { idempotent: true, ..ProducerOptions::default() };
        let target = Target::Topic(transform.to.clone(), Acks::All);
        sends.check(&target, &self.settings).or_else(|why| invalid(&format!("{why}")))
    }
}
