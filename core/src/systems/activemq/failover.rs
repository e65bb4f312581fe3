//! How does a client find the broker that serves? It tries one after the other, waits longer each time, and says again
//! what was not answered: the failover transport.
//!
//! ```text
//!   failover:(tcp://broker-1,tcp://broker-2)
//!
//!   connected ── broken ──▶ try 1 ✗  try 2 ✗  wait 10 ms  try 1 ✗  try 2 ✗  wait 20 ms  try 1 ✓ ──▶ connected
//!                                                                                                    says again
//! ```
//!
//! What it says again the broker may have had: a message may be stored twice (ActiveMQ's broker knows the last numbers
//! of a producer, here the queue remembers identities where its options say so).
//!
//! Sources: ActiveMQ `FailoverTransport.java` (its constants and `doReconnect`); "Failover Transport Reference".

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::ids::NodeId;
use crate::rng::Rng;
use crate::time::{Span, Time};

/// How long it waits when it has tried all for the first time (`initialReconnectDelay`).
pub const INITIAL_RECONNECT_DELAY: Span = Span::from_millis(10);
/// The longest wait (`maxReconnectDelay`).
pub const MAX_RECONNECT_DELAY: Span = Span::from_millis(30_000);
/// By how much each wait is longer (`backOffMultiplier`).
pub const RECONNECT_MULTIPLIER: u64 = 2;

/// A client's connection to one of several brokers. `M` is what it says.
///
/// ```
/// use mqlab_core::ids::NodeId;
/// use mqlab_core::rng::{Rng, Stream};
/// use mqlab_core::systems::activemq::Failover;
/// use mqlab_core::time::Time;
/// let mut rng = Rng::new(1, Stream::Workload);
/// let mut link = Failover::new(vec![NodeId::Broker(1), NodeId::Broker(2)]).in_order();
/// let number = link.say("a book");
/// assert_eq!(link.try_next(Time::ZERO, &mut rng), Some(NodeId::Broker(1)));
/// assert_eq!(link.connected(), [(number, "a book")]); // to be said now
/// link.answered(number);
/// link.broken(Time::ZERO);
/// assert_eq!(link.try_next(Time::ZERO, &mut rng), Some(NodeId::Broker(1)));
/// ```
#[derive(Clone, Debug)]
pub struct Failover<M> {
    brokers: Vec<NodeId>,
    /// Whether the order of trying is by chance (`randomize`, on by default).
    randomize: bool,
    /// The first wait, and the longest.
    delays: (Span, Span),
    state: State,
    next: u64,
    /// What was said and not answered, in order.
    open: BTreeMap<u64, M>,
}

#[derive(Clone, Debug)]
enum State {
    Connected(NodeId),
    /// It tries these, the last first; when there is none left, it waits.
    Tries {
        left: Vec<NodeId>,
        trying: Option<NodeId>,
        delay: Span,
        not_before: Time,
    },
}

impl State {
    fn begin(now: Time, delay: Span) -> Self {
        let (left, trying) = (Vec::new(), None);
        Self::Tries { left, trying, delay, not_before: now }
    }
}

impl<M: Clone> Failover<M> {
    /// A client that is not connected, and tries these brokers in an order that chance gives.
    pub fn new(brokers: Vec<NodeId>) -> Self {
        let (randomize, state) = (true, State::begin(Time::ZERO, INITIAL_RECONNECT_DELAY));
        let delays = (INITIAL_RECONNECT_DELAY, MAX_RECONNECT_DELAY);
        Self { brokers, randomize, delays, state, next: 0, open: BTreeMap::new() }
    }

    /// Tries them in their order instead.
    #[must_use]
    pub fn in_order(self) -> Self {
        Self { randomize: false, ..self }
    }

    /// Waits this long at first, and so long at most.
    #[must_use]
    pub fn waiting(self, initial: Span, max: Span) -> Self {
        Self { delays: (initial, max), state: State::begin(Time::ZERO, initial), ..self }
    }

    /// The broker that it is connected to.
    pub fn broker(&self) -> Option<NodeId> {
        match &self.state {
            State::Connected(broker) => Some(*broker),
            State::Tries { .. } => None,
        }
    }

    /// When it tries again.
    pub fn next_wakeup(&self) -> Option<Time> {
        match &self.state {
            State::Tries { trying: None, not_before, .. } => Some(*not_before),
            _ => None,
        }
    }

    /// Which broker is to be tried now; `None` while it is connected, tries one, or waits.
    pub fn try_next(&mut self, now: Time, rng: &mut Rng) -> Option<NodeId> {
        let State::Tries { left, trying, not_before, .. } = &mut self.state else { return None };
        if trying.is_some() || now < *not_before {
            return None;
        }
        if left.is_empty() {
            left.extend(self.brokers.iter().rev());
            if self.randomize {
                for at in (1..left.len()).rev() {
                    left.swap(at, rng.below(at as u64 + 1) as usize);
                }
            }
        }
        *trying = left.pop();
        *trying
    }

    /// The broker that was tried serves nobody, or is not there.
    pub fn refused(&mut self, now: Time) {
        let State::Tries { left, trying, delay, not_before, .. } = &mut self.state else { return };
        *trying = None;
        if left.is_empty() {
            *not_before = now + *delay;
            *delay = Span(delay.0.saturating_mul(RECONNECT_MULTIPLIER)).min(self.delays.1);
        }
    }

    /// The broker that was tried serves it. Returns what is to be said: everything that was not answered, in order.
    pub fn connected(&mut self) -> Vec<(u64, M)> {
        if let State::Tries { trying: Some(broker), .. } = &self.state {
            self.state = State::Connected(*broker);
        }
        self.open.iter().map(|(&number, said)| (number, said.clone())).collect()
    }

    /// The connection is broken: it tries at once.
    pub fn broken(&mut self, now: Time) {
        self.state = State::begin(now, self.delays.0);
    }

    /// The number that the next thing gets that is said.
    pub fn next_number(&self) -> u64 {
        self.next + 1
    }

    /// Notes what is said, until it is answered; says under which number. It is to be sent now if it is
    /// [connected](Self::broker).
    pub fn say(&mut self, what: M) -> u64 {
        self.next += 1;
        self.open.insert(self.next, what);
        self.next
    }

    /// What was said under a number was answered.
    pub fn answered(&mut self, number: u64) {
        self.open.remove(&number);
    }

    /// How much is not answered.
    pub fn open(&self) -> usize {
        self.open.len()
    }
}
