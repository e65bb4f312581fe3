//! Where does a run turn? The moments that a person must not miss, by kind.
//!
//! Most facts are the ordinary course: sent, appended, told. A few change what comes after them, and a time axis marks
//! those. Fewer still decide something ([`Landmark::decisive`]): whoever watches wants to be slow there.
//!
//! ```text
//!   0 ms ├───────┼──────────●────────★─────×────────────────┤ 900 ms
//!            a crash ───────┘        │     └── a loss: the judge's verdict grew, no single fact says so
//!                        an election ┘
//! ```

use alloc::vec::Vec;

use super::activemq_event::ActivemqEvent;
use super::cluster_event::ClusterEvent;
use super::event::{Event, Stamped};
use super::fault_event::FaultEvent;
use super::group_event::GroupEvent;
use super::order::{Answer, OrderEvent};
use super::queue_event::QueueEvent;
use super::rabbitmq_event::RabbitmqEvent;
use super::rocketmq_event::RocketmqEvent;
use super::share_event::ShareEvent;
use super::verdict::Verdict;
use crate::time::Time;

/// A kind of turn, the gravest last.
///
/// ```
/// use mqlab_core::ids::NodeId;
/// use mqlab_core::observe::{Event, Stamped, Turn};
/// use mqlab_core::time::Time;
/// let fact = |event| Stamped { at: Time(412_800), step: 9, node: NodeId::Broker(1), event };
/// assert_eq!(Turn::of(&fact(Event::Crashed)), Some(Turn::Crash));
/// assert_eq!(Turn::of(&fact(Event::Restarted)), Some(Turn::Return));
/// assert!(Turn::Loss > Turn::Crash);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Turn {
    /// Something else that changes what comes after it.
    Change,
    /// A node is back, or something that was wrong is well again.
    Return,
    /// Messages come back from a consumer, to be delivered again.
    Redelivery,
    /// A client is told no.
    Refusal,
    /// A node stands still, a link or a disk fails.
    Fault,
    /// A group is dealt anew.
    Rebalance,
    /// Who leads changes, or nobody leads any more.
    Election,
    /// A node is gone.
    Crash,
    /// One copy of messages is gone; others may be there.
    CopyLost,
    /// A message was processed once more than it should be.
    Doubling,
    /// An acknowledged message is gone for good.
    Loss,
}

impl Turn {
    /// All of them, the gravest last.
    pub const ALL: [Self; 11] = [
        Self::Change,
        Self::Return,
        Self::Redelivery,
        Self::Refusal,
        Self::Fault,
        Self::Rebalance,
        Self::Election,
        Self::Crash,
        Self::CopyLost,
        Self::Doubling,
        Self::Loss,
    ];

    /// What kind of turn a fact by itself is. The elections with which everything begins are none; a refusal is one only
    /// where it is the first of its run, and losses and doublings are known to the judge alone.
    pub fn of(fact: &Stamped) -> Option<Self> {
        Some(match &fact.event {
            Event::Elected { epoch, .. } if epoch.0 <= 1 => return None,
            Event::Cluster(ClusterEvent::Controls { term }) if term.0 <= 1 => return None,
            Event::Rabbitmq(RabbitmqEvent::Leads { term, .. }) if term.0 <= 1 => return None,
            event if !event.is_landmark() => return None,
            Event::Crashed
            | Event::PowerCut
            | Event::Queue(QueueEvent::OutOfMemory { .. } | QueueEvent::Halted { .. })
            | Event::Fault(FaultEvent::NoSpace) => Self::Crash,
            Event::Restarted => Self::Return,
            Event::Fault(fault) if fault.is_relief() => Self::Return,
            Event::TailLost { .. }
            | Event::Truncated { .. }
            | Event::Fault(FaultEvent::DiskLied { .. } | FaultEvent::DiskGone { .. }) => Self::CopyLost,
            Event::Fault(_) => Self::Fault,
            Event::Rocketmq(RocketmqEvent::MasterIs { .. } | RocketmqEvent::NoMaster { .. })
            | Event::Activemq(ActivemqEvent::Master { .. })
            | Event::Elected { .. }
            | Event::Cluster(ClusterEvent::Controls { .. } | ClusterEvent::UncleanElection { .. }) => {
                Self::Election
            }
            Event::Group(GroupEvent::RebalanceBegan { .. } | GroupEvent::PollOverdue { .. }) => {
                Self::Rebalance
            }
            Event::Rabbitmq(event) => match event {
                RabbitmqEvent::Leads { .. } | RabbitmqEvent::StoppedLeading { .. } => Self::Election,
                RabbitmqEvent::CutBack { .. } => Self::CopyLost,
                RabbitmqEvent::Refusing { .. } => Self::Refusal,
                _ => Self::Fault,
            },
            Event::Requeued { .. }
            | Event::Share(ShareEvent::Returned { .. })
            | Event::Rocketmq(RocketmqEvent::Revived { .. }) => Self::Redelivery,
            Event::Pulsar(event) => event.turn(),
            _ => Self::Change,
        })
    }

    /// Whether things may be decided by it. A message that comes back, and a node that does, repair what was decided.
    pub const fn is_decisive(self) -> bool {
        !matches!(self, Self::Change | Self::Return | Self::Redelivery)
    }
}

/// A turn of a run, with its place.
///
/// ```
/// use mqlab_core::observe::Turn;
/// use mqlab_core::sim::{Scenario, Timeline};
/// let mut timeline = Timeline::new(Scenario::built_in("kill-the-leader-acks-1").ok_or("no such scenario")?, 20)?;
/// timeline.seek(timeline.ends_at());
/// let kinds: Vec<Turn> = timeline.landmarks().iter().map(|mark| mark.turn).collect();
/// assert!([Turn::Crash, Turn::Election, Turn::Loss].iter().all(|turn| kinds.contains(turn)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Landmark {
    /// When, in microseconds of the run.
    pub at: Time,
    /// The place among the run's facts of the fact that it stands for.
    pub fact: usize,
    /// What kind of turn.
    pub turn: Turn,
    /// Of losses and doublings, how many messages.
    pub messages: u32,
    /// Whether something is decided here. Nothing is before anybody sent or asked for anything: then a cluster only finds
    /// itself.
    pub decisive: bool,
}

/// What must be known of a run to see how it turns in its next step.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Before {
    lost: usize,
    doubled: usize,
}

impl Before {
    pub(crate) fn new(verdict: &Verdict) -> Self {
        Self { lost: verdict.lost().len(), doubled: verdict.doubled().len() }
    }

    /// The turns of a step: its facts, the first of which is the run's fact number `first`; what the judge says now; the
    /// turns before it; and whether there is anything yet to decide.
    pub(crate) fn turns(
        self,
        (first, facts): (usize, &[Stamped]),
        now: &Verdict,
        earlier: &[Landmark],
        decides: bool,
    ) -> Vec<Landmark> {
        let mut found = Vec::new();
        let mut refused = false;
        let mut note = |place: usize, turn: Turn, messages: usize| {
            found.push(Landmark {
                at: facts[place].at,
                fact: first + place,
                turn,
                messages: u32::try_from(messages).unwrap_or(u32::MAX),
                decisive: decides && turn.is_decisive(),
            });
        };
        for (place, fact) in facts.iter().enumerate() {
            if let Some(turn) = Turn::of(fact) {
                note(place, turn, 0);
            } else if is_refusal(&fact.event) && !refused {
                refused = true;
                if earlier.iter().all(|mark| mark.turn != Turn::Refusal) {
                    note(place, Turn::Refusal, 0);
                }
            }
        }
        if let Some(last) = facts.len().checked_sub(1) {
            for (turn, before, now) in [
                (Turn::Doubling, self.doubled, now.doubled().len()),
                (Turn::Loss, self.lost, now.lost().len()),
            ] {
                if now > before {
                    note(last, turn, now - before);
                }
            }
        }
        found
    }
}

/// Whether a client is told no.
fn is_refusal(event: &Event) -> bool {
    match event {
        Event::NotStored { .. } => true,
        Event::Order(OrderEvent::Answered { answer, .. }) => {
            !matches!(answer, Answer::Done | Answer::Accepted)
        }
        _ => false,
    }
}
