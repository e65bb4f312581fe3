//! How patient is everybody? The times and limits of brokers, the controller and clients.

use serde::{Deserialize, Serialize};

use super::mutant::Mutated;
use super::share_settings::ShareSettings;
use super::truncation::Truncation;
use crate::time::Span;
use crate::vhost::{Credit, INITIAL_CREDIT, MORE_CREDIT_AFTER};

/// Times and limits. The defaults are small, so that a watcher sees a fail-over within a second; what Kafka
/// uses stands beside each.
///
/// ```
/// use mqlab_core::broker::Settings;
/// use mqlab_core::time::Span;
/// let patient: Settings = serde_json::from_str(r#"{ "request_timeout": 30000000 }"#)?; // microseconds
/// assert_eq!(patient.request_timeout, Span::from_millis(30_000));
/// assert_eq!(patient.retry_backoff, Settings::default().retry_backoff);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// A broker tells the controller this often that it is alive. Kafka: 2 s (`broker.heartbeat.interval.ms`).
    pub broker_heartbeat: Span,
    /// A broker that was not heard for this long is fenced. Kafka: 9 s (`broker.session.timeout.ms`).
    pub broker_session: Span,
    /// A follower that was behind for longer is not in sync. Kafka: 30 s (`replica.lag.time.max.ms`).
    pub replica_lag_max: Span,
    /// A follower's fetch waits this long for records. Kafka: 500 ms (`replica.fetch.wait.max.ms`).
    pub replica_fetch_wait: Span,
    /// A consumer's fetch waits this long for records. Kafka: 500 ms (`fetch.max.wait.ms`).
    pub fetch_wait: Span,
    /// The most bytes that a fetch brings. Kafka: 1 MiB a partition (`max.partition.fetch.bytes`).
    pub fetch_bytes_max: u32,
    /// A consumer says this often that it is alive: to its group's coordinator, or to its queue's broker.
    /// Kafka: 3 s (`heartbeat.interval.ms`); RabbitMQ: 30 s, half of the session.
    pub consumer_heartbeat: Span,
    /// A consumer that was not heard for this long loses its partitions, or what was delivered to it.
    /// Kafka: 45 s (`session.timeout.ms`); RabbitMQ: 60 s (`heartbeat`).
    pub consumer_session: Span,
    /// A consumer's program that works on one message for longer than this is put out of its group, where the classic
    /// protocol is spoken. Kafka: 5 min (`max.poll.interval.ms`), between two calls of `poll`.
    pub poll_max: Span,
    /// A new group of the classic protocol waits this long for more members. Kafka: 3 s
    /// (`group.initial.rebalance.delay.ms`).
    pub rebalance_delay: Span,
    /// A consumer commits this often where it has got to. Kafka: 5 s (`auto.commit.interval.ms`).
    pub commit_interval: Span,
    /// Who is not answered for this long takes the request for lost. Kafka: 30 s (`request.timeout.ms`).
    pub request_timeout: Span,
    /// Who was refused tries again after this. Kafka: 100 ms (`retry.backoff.ms`).
    pub retry_backoff: Span,
    /// Whether a broker flushes to disk before it says "stored". Kafka does not: it trusts replication.
    pub flush_before_reply: bool,
    /// How long a queue needs to take in one message; at most [`INTAKE_MAX`], and 0 for at once: then nothing ever
    /// waits in a mailbox. (A real queue needs some microseconds, or as long as its disk does.)
    pub intake: Span,
    /// A publishing connection's credit: how many messages may be read from it at first, and after how many that were
    /// taken in it gets as much again; `(0, 0)` for no credit flow. It matters where the intake takes time.
    /// RabbitMQ: {400, 200} (`credit_flow_default_credit`).
    pub credit_flow: (u32, u32),
    /// How many requests of a producer may be under way to one place, from 1 to [`IN_FLIGHT_MAX`]. With 1 it waits for
    /// each answer; with more it sends in a stream, as AMQP's publishers do.
    /// Kafka: 5 (`max.in.flight.requests.per.connection`).
    pub in_flight_max: u32,
    /// Whether nothing is called committed while fewer replicas are in sync than a partition needs for `acks=all`. Kafka:
    /// so since 4.0 (KIP-966). Before, the watermark went on, and producers heard that it was not enough, after the
    /// append; consumers read what one replica had.
    pub strict_watermark: bool,
    /// By what a follower finds out which records to cut off.
    #[serde(skip_serializing_if = "is_usual")]
    pub truncation: Truncation,
    /// Whether consumers that say which rack they are in may read from a follower there. Kafka: not unless
    /// `replica.selector.class` names the `RackAwareReplicaSelector`.
    #[serde(skip_serializing_if = "core::ops::Not::not")]
    pub read_closest: bool,
    /// How often the controller looks whether preferred replicas lead; never by default, so that a watcher sees who won.
    /// Kafka: 300 s (`leader.imbalance.check.interval.seconds`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leader_balance: Option<Span>,
    /// After how long a client gets a newer view, though the one that it has seems good; never by default. Without it nobody
    /// learns of new partitions. Kafka: 5 min (`metadata.max.age.ms`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata_age: Option<Span>,
    /// A partition forgets a producer that wrote nothing for this long: what it sends again after that is not known.
    /// At least a `request_timeout`, or what is still under way would be forgotten.
    /// Kafka: a day, too (`producer.id.expiration.ms`).
    pub producer_expiry: Span,
    /// A transactional id that nobody used for this long is forgotten, unless a transaction of it is open. At least a
    /// `request_timeout`. Kafka: 7 days, too (`transactional.id.expiration.ms`).
    #[serde(skip_serializing_if = "is_week")]
    pub transactional_id_expiration: Span,
    /// A replica that comes to a partition on its move copies no more bytes a second than this, until it is in sync; any
    /// number without. At least 1; with less than producers send it never gets there. Kafka: any number, too, unless
    /// whoever moves says (`follower.replication.throttled.rate`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub catch_up_rate: Option<u64>,
    /// A broker looks this often whether a log that it compacts is to be cleaned. Kafka: 15 s (`log.cleaner.backoff.ms`).
    pub cleaner_interval: Span,
    /// The cluster's own topics (where groups have got to, how transactions and share groups stand) are compacted, in
    /// segments of so many bytes: what was written there last stays, and what it supersedes goes. At least 1. Kafka: 100 MiB,
    /// too (`offsets.topic.segment.bytes`, `transaction.state.log.segment.bytes`).
    #[serde(skip_serializing_if = "is_internal_segment")]
    pub internal_segment_bytes: u64,
    /// What brokers allow share groups.
    #[serde(skip_serializing_if = "is_usual")]
    pub share: ShareSettings,
    /// A deliberate fault of the engine, to be found by tests; none by default.
    #[cfg(feature = "mutants")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mutant: Option<super::mutant::Mutant>,
}

fn is_usual<T: Default + PartialEq>(setting: &T) -> bool {
    *setting == T::default()
}

/// Seven days.
const WEEK: Span = Span::from_millis(7 * 24 * 60 * 60 * 1_000);

fn is_week(span: &Span) -> bool {
    *span == WEEK
}

/// How many bytes a segment of the cluster's own topics has, unless the settings say otherwise.
const INTERNAL_SEGMENT_BYTES: u64 = 100 * 1024 * 1024;

fn is_internal_segment(bytes: &u64) -> bool {
    *bytes == INTERNAL_SEGMENT_BYTES
}

/// The longest time that a queue may need for one message: a second.
pub const INTAKE_MAX: Span = Span::from_millis(1_000);
/// The most credit that a connection may have at first.
pub const CREDIT_MAX: u32 = 1_000_000;
/// The most requests that a producer may have under way to one place.
pub const IN_FLIGHT_MAX: u32 = 10_000;

impl Settings {
    /// Every setting that is a time, with its name.
    pub fn spans(&self) -> [(&'static str, Span); 14] {
        [
            ("broker_heartbeat", self.broker_heartbeat),
            ("broker_session", self.broker_session),
            ("replica_lag_max", self.replica_lag_max),
            ("replica_fetch_wait", self.replica_fetch_wait),
            ("fetch_wait", self.fetch_wait),
            ("consumer_heartbeat", self.consumer_heartbeat),
            ("consumer_session", self.consumer_session),
            ("poll_max", self.poll_max),
            ("rebalance_delay", self.rebalance_delay),
            ("commit_interval", self.commit_interval),
            ("request_timeout", self.request_timeout),
            ("retry_backoff", self.retry_backoff),
            ("cleaner_interval", self.cleaner_interval),
            ("share.lock", self.share.lock),
        ]
    }

    /// Which deliberate fault the engine has: none, unless it was built for that.
    pub(crate) fn mutated(&self) -> Mutated {
        #[cfg(feature = "mutants")]
        return Mutated(self.mutant);
        #[cfg(not(feature = "mutants"))]
        Mutated()
    }

    /// A new connection's credit; none where there is no credit flow.
    pub(super) fn credit(&self) -> Option<Credit> {
        let (initial, more_after) = self.credit_flow;
        (initial > 0).then(|| Credit::new(initial, more_after))
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            broker_heartbeat: Span::from_millis(20),
            broker_session: Span::from_millis(90),
            replica_lag_max: Span::from_millis(120),
            replica_fetch_wait: Span::from_millis(25),
            fetch_wait: Span::from_millis(25),
            fetch_bytes_max: 1024 * 1024,
            consumer_heartbeat: Span::from_millis(30),
            consumer_session: Span::from_millis(120),
            poll_max: Span::from_millis(1_000),
            rebalance_delay: Span::from_millis(30),
            commit_interval: Span::from_millis(40),
            request_timeout: Span::from_millis(80),
            retry_backoff: Span::from_millis(10),
            flush_before_reply: true,
            intake: Span::ZERO,
            credit_flow: (INITIAL_CREDIT, MORE_CREDIT_AFTER),
            in_flight_max: 1,
            strict_watermark: true,
            truncation: Truncation::Epoch,
            read_closest: false,
            leader_balance: None,
            metadata_age: None,
            producer_expiry: Span::from_millis(24 * 60 * 60 * 1_000),
            transactional_id_expiration: WEEK,
            catch_up_rate: None,
            cleaner_interval: Span::from_millis(50),
            internal_segment_bytes: INTERNAL_SEGMENT_BYTES,
            share: ShareSettings::default(),
            #[cfg(feature = "mutants")]
            mutant: None,
        }
    }
}
