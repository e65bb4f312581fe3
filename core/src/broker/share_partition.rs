//! Who has which record, when many share one partition? The leader's account of one group: for each record that is in
//! flight, how it stands and how often it was delivered.
//!
//! ```text
//!      start                                  end
//!   over │ in flight                           │ never handed out
//!   ─────┼──────┬──────┬──────┬──────┬─────────┼──────────────────▶ offsets
//!        │  17  │  18  │  19  │  20  │   21    │
//!        │ a, 2 │ done │ free │ dead │  b, 1   │     a has 17, for the second time
//!        └──────┴──────┴──────┴──────┴─────────┘
//!
//!                    handed out: count + 1
//!     Available ──────────────────────────────▶ Acquired by one member, until a moment
//!         ▲                                       │  accepted ─────────────────────▶ Acknowledged
//!         │  given back, time over, member gone   │  rejected ─────────────────────▶ Archived
//!         └───────────── count below the limit ◀──┤
//!                                                 └─ the same, count at the limit ─▶ Archived
//! ```
//!
//! What is acknowledged or archived at the front is over: the start moves on, and nobody remembers more of it. The window
//! from start to end is limited, so that one record that nobody finishes does not let the account grow without end.
//!
//! It is a queue's account of its messages, laid over a log that knows nothing of it: other groups have accounts of their
//! own over the same records, and consumer groups just read. No order is promised: what comes back is handed out again
//! behind what was handed out meanwhile.
//!
//! What real systems do: Kafka (KIP-932) keeps this for each group and partition at the partition's leader, batch by batch
//! where it can; here record by record. An offset at which no record stands is archived as it is passed. (In Kafka the
//! client finds the gap, and acknowledges it as one.)
//!
//! Source: Kafka `SharePartition.java`.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::share_settings::ShareSettings;
use super::share_state::{Fate, ShareRun, ShareState};
use crate::ids::{MessageId, NodeId, Offset};
use crate::observe::Refusal;
use crate::sorted::SortedSet;
use crate::time::Time;

/// How a record stands with a group.
///
/// ```
/// use mqlab_core::broker::RecordState;
/// use mqlab_core::ids::NodeId;
/// use mqlab_core::time::Time;
/// let held = RecordState::Acquired { by: NodeId::Consumer(1), until: Time(30_000_000) };
/// assert!(!held.is_over() && RecordState::Archived.is_over());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordState {
    /// Anybody may have it.
    Available,
    /// A member has it, and nobody else.
    Acquired {
        /// Who.
        by: NodeId,
        /// Until this moment; then it is available again.
        until: Time,
    },
    /// It is processed.
    Acknowledged,
    /// It is given up: rejected, or delivered too often.
    Archived,
}

impl RecordState {
    /// Whether it stays so for ever.
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Acknowledged | Self::Archived)
    }
}

/// What a member says of a record that it has.
///
/// ```
/// use mqlab_core::broker::AcknowledgeType;
/// assert_eq!(serde_json::from_str::<AcknowledgeType>(r#""release""#)?, AcknowledgeType::Release);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AcknowledgeType {
    /// It is processed.
    Accept,
    /// Not now: somebody shall try again.
    Release,
    /// Never: nobody shall try again.
    Reject,
    /// It takes longer: the lock begins anew (Kafka: since 4.2, KIP-1222).
    Renew,
}

/// A record that changed hands, or is in nobody's any more.
///
/// ```
/// use mqlab_core::broker::{RecordState, SharePartition, ShareSettings};
/// use mqlab_core::ids::{NodeId, Offset};
/// use mqlab_core::time::Time;
/// let mut account = SharePartition::new(Offset(0), &ShareSettings::default());
/// account.acquire(NodeId::Consumer(1), Time(100), &[(Offset(0), None)], Offset(1), 1);
/// let back = account.expire(Time(100)); // the lock ran out
/// assert_eq!((back[0].by, back[0].state), (NodeId::Consumer(1), RecordState::Available));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turned {
    /// Where it stands in the log.
    pub offset: Offset,
    /// Which message it is, if it says so.
    pub message: Option<MessageId>,
    /// Who had it.
    pub by: NodeId,
    /// How it stands now.
    pub state: RecordState,
}

/// One record of the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct InFlight {
    state: RecordState,
    /// How often it was handed out, the present time counted.
    deliveries: u32,
    message: Option<MessageId>,
}

/// A group's account of one partition.
///
/// ```
/// use mqlab_core::broker::{AcknowledgeType, SharePartition, ShareSettings};
/// use mqlab_core::ids::{NodeId, Offset};
/// use mqlab_core::time::Time;
/// let (a, b) = (NodeId::Consumer(1), NodeId::Consumer(2));
/// let mut account = SharePartition::new(Offset(0), &ShareSettings::default());
/// let log = [0, 1, 2].map(|offset| (Offset(offset), None));
/// assert_eq!(account.acquire(a, Time(100), &log, Offset(3), 2), [(Offset(0), 1), (Offset(1), 1)]);
/// assert_eq!(account.acquire(b, Time(100), &log[2..], Offset(3), 2), [(Offset(2), 1)]); // the same partition
/// account.acknowledge(a, Time(50), &[(Offset(0), AcknowledgeType::Release), (Offset(1), AcknowledgeType::Accept)])?;
/// assert_eq!(account.acquire(b, Time(150), &log, Offset(3), 2), [(Offset(0), 2)]); // again, and it is counted
/// # Ok::<(), mqlab_core::observe::Refusal>(())
/// ```
#[derive(Clone, Debug)]
pub struct SharePartition {
    start: Offset,
    /// From the start on, none left out.
    records: VecDeque<InFlight>,
    settings: ShareSettings,
}

impl SharePartition {
    /// The account of a group that begins at `start`.
    pub fn new(start: Offset, settings: &ShareSettings) -> Self {
        Self { start, records: VecDeque::new(), settings: settings.clone() }
    }

    /// The account as it was written down. What was with a member then is available again, with the count that it had
    /// before. What lies from `log_end` on is forgotten: the log lost it, and what will stand there is something else.
    pub fn restore(state: &ShareState, log_end: Offset, settings: &ShareSettings) -> Self {
        let mut account = Self::new(state.start.min(log_end), settings);
        for run in &state.runs {
            for offset in run.first.0..=run.last.0 {
                let offset = Offset(offset);
                if offset < account.end() || offset >= log_end {
                    continue;
                }
                while account.end() < offset {
                    account.records.push_back(InFlight::fresh());
                }
                let mut record = InFlight { deliveries: run.deliveries, ..InFlight::fresh() };
                match run.fate {
                    Fate::Available => record.give_back(account.settings.delivery_limit),
                    Fate::Acknowledged => record.state = RecordState::Acknowledged,
                    Fate::Archived => record.state = RecordState::Archived,
                }
                account.records.push_back(record);
            }
        }
        account.advance();
        account
    }

    /// Everything below is over (Kafka: the share-partition start offset, SPSO).
    pub fn start(&self) -> Offset {
        self.start
    }

    /// Nothing from here on was handed out (Kafka's end offset, SPEO, is the one before).
    pub fn end(&self) -> Offset {
        self.start.plus(self.records.len() as u64)
    }

    /// How a record of the window stands, and how often it was delivered.
    pub fn look(&self, offset: Offset) -> Option<(RecordState, u32)> {
        let record = self.records.get(self.place(offset)?)?;
        Some((record.state, record.deliveries))
    }

    /// How many records are with members.
    pub fn acquired(&self) -> usize {
        self.records.iter().filter(|record| matches!(record.state, RecordState::Acquired { .. })).count()
    }

    fn place(&self, offset: Offset) -> Option<usize> {
        usize::try_from(offset.0.checked_sub(self.start.0)?).ok()
    }

    fn has_room(&self) -> bool {
        self.records.len() < self.settings.locks_max as usize
    }

    /// Where the next fetch must read: at the first record that came back, else at the end; nowhere while the window is
    /// full of what is with members.
    pub fn next(&self) -> Option<Offset> {
        let back = self.records.iter().position(|record| record.state == RecordState::Available);
        match back {
            Some(place) => Some(self.start.plus(place as u64)),
            None => self.has_room().then(|| self.end()),
        }
    }

    /// Hands out what is available of the records that were read, all that stand from [`next`](Self::next) up to
    /// `read_to`: at most `max`, until a moment. Returns their offsets, and which delivery of each it is.
    pub fn acquire(
        &mut self,
        by: NodeId,
        until: Time,
        records: &[(Offset, Option<MessageId>)],
        read_to: Offset,
        max: u32,
    ) -> Vec<(Offset, u32)> {
        let mut acquired = Vec::new();
        let Some(from) = self.next() else { return acquired };
        let mut at = from;
        let mut there = records.iter().skip_while(|(offset, _)| *offset < from).peekable();
        while at < read_to && (acquired.len() as u64) < u64::from(max) {
            if at == self.end() {
                if !self.has_room() {
                    break;
                }
                self.records.push_back(InFlight::fresh());
            }
            let found = there.next_if(|(offset, _)| *offset == at);
            let record = self.place(at).and_then(|place| self.records.get_mut(place));
            if let Some(record) = record.filter(|record| record.state == RecordState::Available) {
                match found {
                    None => record.state = RecordState::Archived, // nothing stands there
                    Some((_, message)) => {
                        record.state = RecordState::Acquired { by, until };
                        record.deliveries += 1;
                        record.message = *message;
                        acquired.push((at, record.deliveries));
                    }
                }
            }
            at = at.next();
        }
        self.advance();
        acquired
    }

    /// Takes a member's word for records that it has; `until` is how long a renewed lock lasts.
    ///
    /// # Errors
    ///
    /// [`Refusal::UnknownDelivery`] when it does not have one of them, or not any more: nothing is taken then. Of what is
    /// over for the whole group (below the start) any word is good. [`Refusal::Invalid`] when one is named twice.
    pub fn acknowledge(
        &mut self,
        by: NodeId,
        until: Time,
        word: &[(Offset, AcknowledgeType)],
    ) -> Result<Vec<Turned>, Refusal> {
        let mut seen = SortedSet::new();
        for (offset, _) in word {
            if !seen.insert(*offset) {
                return Err(Refusal::Invalid);
            }
            let held = self.look(*offset).map(|(state, _)| state);
            let its_own = matches!(held, Some(RecordState::Acquired { by: holder, .. }) if holder == by);
            if *offset >= self.start && !its_own {
                return Err(Refusal::UnknownDelivery);
            }
        }
        let limit = self.settings.delivery_limit;
        let mut turned = Vec::new();
        for (offset, what) in word {
            let Some(record) = self.place(*offset).and_then(|place| self.records.get_mut(place)) else {
                continue;
            };
            match what {
                AcknowledgeType::Accept => record.state = RecordState::Acknowledged,
                AcknowledgeType::Reject => record.state = RecordState::Archived,
                AcknowledgeType::Release => record.give_back(limit),
                AcknowledgeType::Renew => record.state = RecordState::Acquired { by, until },
            }
            turned.push(Turned { offset: *offset, message: record.message, by, state: record.state });
        }
        self.advance();
        Ok(turned)
    }

    /// Takes back what has been out for too long.
    pub fn expire(&mut self, now: Time) -> Vec<Turned> {
        self.take_back(|_, until| until <= now)
    }

    /// A member is gone: takes back all that it has.
    pub fn take_from(&mut self, member: NodeId) -> Vec<Turned> {
        self.take_back(|by, _| by == member)
    }

    fn take_back(&mut self, which: impl Fn(NodeId, Time) -> bool) -> Vec<Turned> {
        let (start, limit) = (self.start, self.settings.delivery_limit);
        let mut turned = Vec::new();
        for (place, record) in (0..).zip(&mut self.records) {
            let RecordState::Acquired { by, until } = record.state else { continue };
            if which(by, until) {
                record.give_back(limit);
                let (offset, message, state) = (start.plus(place), record.message, record.state);
                turned.push(Turned { offset, message, by, state });
            }
        }
        self.advance();
        turned
    }

    /// When the next lock runs out.
    pub fn next_expiry(&self) -> Option<Time> {
        let until = |record: &InFlight| match record.state {
            RecordState::Acquired { until, .. } => Some(until),
            _ => None,
        };
        self.records.iter().filter_map(until).min()
    }

    /// The log begins here now: what lies before is gone, whoever has it. Says whether anything changed.
    pub fn trim(&mut self, log_start: Offset) -> bool {
        if log_start <= self.start {
            return false;
        }
        let gone = (log_start.0 - self.start.0).min(self.records.len() as u64);
        self.records.drain(..gone as usize);
        self.start = log_start;
        self.advance();
        true
    }

    /// What must be written down so that another leader can go on. What a member has counts as it stood before.
    pub fn state(&self) -> ShareState {
        let mut runs: Vec<ShareRun> = Vec::new();
        for (offset, record) in (self.start.0..).map(Offset).zip(&self.records) {
            let (fate, deliveries) = match record.state {
                RecordState::Available => (Fate::Available, record.deliveries),
                RecordState::Acquired { .. } => (Fate::Available, record.deliveries - 1),
                RecordState::Acknowledged => (Fate::Acknowledged, record.deliveries),
                RecordState::Archived => (Fate::Archived, record.deliveries),
            };
            if (fate, deliveries) == (Fate::Available, 0) {
                continue; // as if it had never been handed out
            }
            match runs.last_mut() {
                Some(run) if (run.last.next(), run.fate, run.deliveries) == (offset, fate, deliveries) => {
                    run.last = offset;
                }
                _ => runs.push(ShareRun { first: offset, last: offset, fate, deliveries }),
            }
        }
        ShareState { start: self.start, runs }
    }

    /// What is over at the front is forgotten.
    fn advance(&mut self) {
        while self.records.pop_front_if(|record| record.state.is_over()).is_some() {
            self.start = self.start.next();
        }
    }
}

impl InFlight {
    fn fresh() -> Self {
        Self { state: RecordState::Available, deliveries: 0, message: None }
    }

    /// Nobody has it any more, and it is not done: it is handed out again, unless that was tried often enough.
    fn give_back(&mut self, limit: u32) {
        let tried_enough = self.deliveries >= limit;
        self.state = if tried_enough { RecordState::Archived } else { RecordState::Available };
    }
}
