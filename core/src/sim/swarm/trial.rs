//! What came of one drawn run? The promises that it made, and what it met on the way.
//!
//! A swarm in which nothing goes wrong proves nothing. So each run also says what it met: settings that promise nothing
//! must lose, double and reorder *sometimes*, and faults must have their effects.

use alloc::vec::Vec;

use super::super::scenario::{InvalidScenario, Scenario};
use super::super::world::World;
use crate::observe::{
    CameBack, ClusterEvent, CompactionEvent, Event, FaultEvent, GroupEvent, Judged, ProducerEvent, Promise,
    PromiseJudge, PullEvent, PulsarEvent, QueueEvent, RabbitmqEvent, RecoveryEvent, ShareEvent, Stamped,
    TxnEvent,
};
use crate::sorted::SortedSet;

/// Everything that a swarm should meet sometimes.
pub const SOMETIMES: [&str; 38] = [
    LOST,
    VANISHED,
    STORED_TWICE,
    OUT_OF_ORDER,
    UNANSWERED,
    STUCK,
    DOUBLED,
    "a leader elected again",
    "a leader elected that was not in sync",
    "a log cut back",
    "an unflushed tail lost",
    "a batch recognised as a duplicate",
    "a connection broken",
    "something lost on the way",
    "something doubled on the way",
    "something held up on the way",
    "a full disk",
    "a message given back to its queue",
    "a message that died in a queue",
    "a message given up",
    DIRTY,
    SHARED_TWICE,
    DISAPPOINTED,
    "a transaction committed",
    "a transaction aborted because its sender wanted so",
    "a transaction that its coordinator aborted",
    "a transaction that could not go on",
    "a zombie fenced",
    "a partition added",
    "a partition moved to other brokers",
    "a message cleaned from a table",
    "a consumer sent to a closer replica",
    "a controller replaced",
    "a record handed out again in a share group",
    "a lock that ran out",
    "a member gone with its records",
    "a record given up by a share group",
    "a record acknowledged in vain",
];

/// What a swarm of Pulsar clusters should meet sometimes, besides.
pub const SOMETIMES_IN_PULSAR: [&str; 25] = [
    "a topic compacted",
    "a compaction given up",
    "a compacted ledger deleted",
    "ledgers with too few copies",
    "a ledger copied",
    "a ledger recovered",
    "an ensemble changed",
    "a writer fenced off",
    "an owner shut out",
    "a session over",
    "a ledger dropped",
    "a key that waited",
    "a message that waited for its moment",
    "a message buried",
    "a message that went through a retry topic",
    "an acknowledgement overdue",
    "an entry known already",
    "a consumer refused",
    "an active consumer chosen",
    "a message expired",
    "a message evicted",
    "a message that was sent before all was asked for again",
    "a message replicated",
    "a ledger offloaded",
    "a ledger that left its bookies",
];

const LOST: &str = "acknowledged and lost";
const VANISHED: &str = "read, and in the log no more";
const STORED_TWICE: &str = "stored twice";
const OUT_OF_ORDER: &str = "out of order";
const UNANSWERED: &str = "never answered";
const STUCK: &str = "acknowledged and not processed";
const DOUBLED: &str = "processed twice";
const DIRTY: &str = "processed and not committed";
const DISAPPOINTED: &str = "accepted and not done";
const SHARED_TWICE: &str = "with two members at once";

/// What came of a run.
///
/// ```
/// use mqlab_core::sim::Scenario;
/// use mqlab_core::sim::swarm::Trial;
/// let unsafe_settings = Scenario::built_in("kill-the-leader-acks-1").ok_or("no such scenario")?;
/// let trial = Trial::of(&unsafe_settings, 20)?;
/// assert_eq!(trial.broken().count(), 0); // it lost what it had not promised to keep
/// assert!(trial.met.contains("acknowledged and lost"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trial {
    /// Every promise that was made.
    pub judged: Vec<Judged>,
    /// What was met, of [`SOMETIMES`], and [`SOMETIMES_IN_PULSAR`].
    pub met: SortedSet<&'static str>,
}

impl Trial {
    /// Runs a scenario to its end.
    ///
    /// # Errors
    ///
    /// [`InvalidScenario`] when it cannot be run.
    pub fn of(scenario: &Scenario, seed: u64) -> Result<Self, InvalidScenario> {
        let mut world = World::new(scenario.clone(), seed)?;
        let (mut judge, mut met) = (PromiseJudge::default(), SortedSet::new());
        while world.next_time().is_some_and(|at| at <= scenario.ends_at) {
            for fact in world.step().into_iter().flatten() {
                met.extend(met_in(&fact));
                judge.observe(&fact);
            }
        }
        let all = judge.broken(world.verdict());
        met.extend(all.iter().filter_map(|judged| name_of(judged.promised.promise)));
        Ok(Self { judged: judge.judge(&scenario.promises(seed), world.verdict()), met })
    }

    /// The promises that were broken.
    pub fn broken(&self) -> impl Iterator<Item = &Judged> {
        self.judged.iter().filter(|judged| !judged.is_kept())
    }
}

fn name_of(promise: Promise) -> Option<&'static str> {
    Some(match promise {
        Promise::NotLost => LOST,
        Promise::ReadStays => VANISHED,
        Promise::StoredOnce => STORED_TWICE,
        Promise::InOrder => OUT_OF_ORDER,
        Promise::Answered => UNANSWERED,
        Promise::AtLeastOnce => STUCK,
        Promise::AtMostOnce => DOUBLED,
        Promise::OnlyCommitted => DIRTY,
        Promise::WithOneAtATime => SHARED_TWICE,
        Promise::AcceptedIsDone => DISAPPOINTED,
        Promise::EffectivelyOnce | Promise::Agrees | Promise::CommittedOnce | Promise::ZombiesFenced => {
            return None;
        }
    })
}

fn met_in(fact: &Stamped) -> Option<&'static str> {
    Some(match &fact.event {
        Event::Elected { leader: Some(_), epoch, .. } if epoch.0 > 1 => "a leader elected again",
        Event::Cluster(ClusterEvent::UncleanElection { .. }) => "a leader elected that was not in sync",
        Event::Truncated { messages, .. } if !messages.is_empty() => "a log cut back",
        Event::TailLost { .. } => "an unflushed tail lost",
        Event::Producer(ProducerEvent::Recognised { .. }) => "a batch recognised as a duplicate",
        Event::Fault(FaultEvent::Broke { .. }) => "a connection broken",
        Event::Fault(FaultEvent::Lost { .. }) => "something lost on the way",
        Event::Fault(FaultEvent::Doubled { .. }) => "something doubled on the way",
        Event::Fault(FaultEvent::HeldUp { .. }) => "something held up on the way",
        Event::Fault(FaultEvent::NoSpace) => "a full disk",
        Event::Requeued { .. } => "a message given back to its queue",
        Event::Queue(QueueEvent::Died { .. }) => "a message that died in a queue",
        Event::Queue(QueueEvent::GaveUp { message: Some(_), .. }) => "a message given up",
        Event::Queue(QueueEvent::InFlow { .. }) => "a client in flow",
        Event::Rabbitmq(RabbitmqEvent::ConnectionBlocked { .. }) => "a publisher blocked by an alarm",
        Event::Cluster(ClusterEvent::PartitionAdded { .. }) => "a partition added",
        Event::Cluster(ClusterEvent::Moved { .. }) => "a partition moved to other brokers",
        Event::Cluster(ClusterEvent::Controls { term }) if term.0 > 1 => "a controller replaced",
        Event::Group(GroupEvent::ReadsFrom { .. }) => "a consumer sent to a closer replica",
        Event::Pull(PullEvent::Compacted { messages, .. }) if !messages.is_empty() => {
            "a message cleaned from a table"
        }
        Event::Txn(event) => return met_in_transactions(event),
        Event::Share(event) => return met_in_shares(event),
        Event::Pulsar(event) => return met_in_pulsar(event),
        _ => return None,
    })
}

fn met_in_transactions(event: &TxnEvent) -> Option<&'static str> {
    Some(match event {
        TxnEvent::Committed { .. } => "a transaction committed",
        TxnEvent::Decided { commit: false, why: None, .. } => {
            "a transaction aborted because its sender wanted so"
        }
        TxnEvent::Decided { commit: false, why: Some(_), .. } => "a transaction that its coordinator aborted",
        TxnEvent::Failed { .. } => "a transaction that could not go on",
        TxnEvent::Fenced { .. } => "a zombie fenced",
        _ => return None,
    })
}

/// Of what only Pulsar has a swarm of its own asks.
fn met_in_pulsar(event: &PulsarEvent) -> Option<&'static str> {
    Some(match event {
        PulsarEvent::Recovers { .. } => "a ledger recovered",
        PulsarEvent::LedgerChanged { .. } => "an ensemble changed",
        PulsarEvent::FencedOff { .. } => "a writer fenced off",
        PulsarEvent::ShutOut { .. } => "an owner shut out",
        PulsarEvent::SessionOver { .. } => "a session over",
        PulsarEvent::LedgerDropped { .. } => "a ledger dropped",
        PulsarEvent::KeyWaits { .. } => "a key that waited",
        PulsarEvent::Delayed { .. } => "a message that waited for its moment",
        PulsarEvent::Buried { .. } => "a message buried",
        PulsarEvent::Later { .. } => "a message that went through a retry topic",
        PulsarEvent::AckOverdue { .. } => "an acknowledgement overdue",
        PulsarEvent::Known { .. } => "an entry known already",
        PulsarEvent::Busy { .. } => "a consumer refused",
        PulsarEvent::Active { .. } => "an active consumer chosen",
        PulsarEvent::Expired { .. } => "a message expired",
        PulsarEvent::Evicted { .. } => "a message evicted",
        PulsarEvent::Outdated { .. } => "a message that was sent before all was asked for again",
        PulsarEvent::Replicated { .. } => "a message replicated",
        PulsarEvent::Offloaded { .. } => "a ledger offloaded",
        PulsarEvent::LeftBookies { .. } => "a ledger that left its bookies",
        PulsarEvent::Compaction(CompactionEvent::Serves { .. }) => "a topic compacted",
        PulsarEvent::Compaction(CompactionEvent::GaveUp { .. }) => "a compaction given up",
        PulsarEvent::Compaction(CompactionEvent::Gone { .. }) => "a compacted ledger deleted",
        PulsarEvent::Recovery(RecoveryEvent::Marked { .. }) => "ledgers with too few copies",
        PulsarEvent::Recovery(RecoveryEvent::Copied { .. }) => "a ledger copied",
        _ => return None,
    })
}

fn met_in_shares(event: &ShareEvent) -> Option<&'static str> {
    Some(match event {
        ShareEvent::Acquired { delivery: 2.., .. } => "a record handed out again in a share group",
        ShareEvent::Returned { why: CameBack::LockRanOut, .. } => "a lock that ran out",
        ShareEvent::Returned { why: CameBack::MemberGone, .. } => "a member gone with its records",
        ShareEvent::Archived { .. } => "a record given up by a share group",
        ShareEvent::NotAcknowledged { .. } => "a record acknowledged in vain",
        _ => return None,
    })
}
