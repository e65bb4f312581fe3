//! How do ledgers make a topic? One behind the other: a list in the metadata store, and a writer on the last of them.
//!
//! ```text
//!   open     read the list ─▶ recover the last two of its ledgers ─▶ make a new one ─▶ ready
//!                             (their writer is shut out)             (appended to the list by compare-and-set:
//!                                                                     of two brokers one is told that it is late)
//!   full     wait for what is under way ─▶ close ─▶ make a new one
//!   broken   the writer closes at its last acknowledged entry; what was under way goes to the new one, in order
//!   fenced   another broker has the topic: this one has lost it, and does not know what became of what was under way
//! ```
//!
//! The broker keeps nothing of this on a disk. Whoever opens the topic next finds all of it: list, ledgers, cursors.
//!
//! Only the last two can be open: a broker that dies between making a ledger and closing the one before leaves two.
//!
//! Source: Pulsar `ManagedLedgerImpl`, `ManagedLedgerConfig`.

mod offloading;
mod opening;
mod trimming;

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::ledger::{BookieReply, Effect, LedgerEnd, LedgerId, LedgerMetadata, LedgerRecovery, LedgerWriter};
use super::ledger_list::{LedgerFact, LedgerInfo, LedgerNews, LedgerSettings, Offloaded};
use super::position::{Extents, Position};
use super::store_op::{StoreAnswer, StoreOp};
use crate::ids::NodeId;
use crate::record::Batches;
use crate::time::Time;
use offloading::Offloading;

/// What the store was asked for.
#[derive(Clone, Debug)]
enum Asked {
    List,
    Number,
    Create(LedgerId, LedgerMetadata),
    /// The list with one more, and the writer that begins then.
    Append(Vec<LedgerInfo>, Box<LedgerWriter>),
    /// The list without these.
    Drop(Vec<LedgerInfo>),
    /// The list that says of a ledger that an object store has it, and whether bookies have it.
    Offloaded(LedgerId, Offloaded),
    /// The metadata of one that goes.
    Delete,
    Writer(LedgerId),
    Recovery,
}

#[derive(Clone, Debug)]
enum Stage {
    /// Something is under way with the store.
    Opening,
    /// One by one, the last first.
    Recovering(Box<LedgerRecovery>, Vec<LedgerId>),
    Ready,
    /// The writer is asked to close, or will be when all is acknowledged.
    Closing,
    /// A new ledger must be made: at this time, if it was tried in vain.
    Waiting(Time),
    Lost,
}

/// The ledgers of one topic, at the broker that owns it.
///
/// ```
/// use mqlab_core::ids::NodeId::Broker;
/// use mqlab_core::systems::pulsar::{LedgerFact, LedgerSettings, ManagedLedger, StoreOp};
/// let mut facts = Vec::new();
/// let bookies = [Broker(11), Broker(12)];
/// let topic = ManagedLedger::open("persistent://public/default/t", LedgerSettings::default(), &bookies, &mut facts);
/// assert!(matches!(&facts[..], [LedgerFact::Store(_, StoreOp::Get { path })] if path.starts_with("managed-ledgers/")));
/// assert!(!topic.is_ready());
/// ```
#[derive(Clone, Debug)]
pub struct ManagedLedger {
    path: String,
    settings: LedgerSettings,
    bookies: Vec<NodeId>,
    list: Vec<LedgerInfo>,
    /// Of the list in the store; none before it is there.
    version: Option<u64>,
    extents: Extents,
    metadata: BTreeMap<LedgerId, LedgerMetadata>,
    stage: Stage,
    writer: Option<LedgerWriter>,
    began: Time,
    recovering_since: Time,
    /// Bytes given to the writer.
    bytes: u64,
    /// What waits for a ledger.
    queue: VecDeque<(u64, Batches)>,
    /// Whether it was ready once: from then on nobody else changes the list but who takes the topic.
    opened: bool,
    /// What the writer has and has not acknowledged, by entry.
    sent: BTreeMap<u64, (u64, Batches)>,
    tickets: u64,
    asked: BTreeMap<u64, Asked>,
    tags: u64,
    /// What is being copied to the object store.
    offloading: Option<Offloading>,
    /// Where entries are of ledgers that the object store has.
    objects: BTreeMap<LedgerId, LedgerMetadata>,
}

impl ManagedLedger {
    /// Begins to open a topic's ledgers. `bookies` are those that there are.
    pub fn open(
        topic: &str,
        settings: LedgerSettings,
        bookies: &[NodeId],
        facts: &mut Vec<LedgerFact>,
    ) -> Self {
        let mut opened = Self {
            path: format!("managed-ledgers/{topic}"),
            settings,
            bookies: bookies.to_vec(),
            list: Vec::new(),
            version: None,
            extents: Extents::default(),
            metadata: BTreeMap::new(),
            stage: Stage::Opening,
            writer: None,
            began: Time::ZERO,
            recovering_since: Time::ZERO,
            bytes: 0,
            queue: VecDeque::new(),
            opened: false,
            sent: BTreeMap::new(),
            tickets: 0,
            asked: BTreeMap::new(),
            tags: 0,
            offloading: None,
            objects: BTreeMap::new(),
        };
        opened.ask(Asked::List, StoreOp::Get { path: opened.path.clone() }, facts);
        opened
    }

    /// Whether it takes messages.
    pub fn is_ready(&self) -> bool {
        matches!(self.stage, Stage::Ready)
    }

    /// Whether another broker has taken the topic.
    pub fn is_lost(&self) -> bool {
        matches!(self.stage, Stage::Lost)
    }

    /// The ledgers, oldest first; the last is the one that is written to.
    pub fn ledgers(&self) -> &[LedgerInfo] {
        &self.list
    }

    /// Which positions there are.
    pub fn extents(&self) -> &Extents {
        &self.extents
    }

    /// What is on its way to bookies, and what waits to be, in order.
    pub fn pending(&self) -> impl Iterator<Item = &Batches> {
        self.sent.values().chain(&self.queue).map(|(_, payload)| payload)
    }

    /// Where the entries of a ledger are, if that is known here.
    pub fn metadata(&self, ledger: LedgerId) -> Option<&LedgerMetadata> {
        let writer = self.writer.as_ref().filter(|writer| writer.ledger() == ledger);
        let objects = self.objects.get(&ledger);
        writer.map(LedgerWriter::metadata).or(objects).or_else(|| self.metadata.get(&ledger))
    }

    /// How many bytes its entries have, as far as that is known.
    fn bytes_of(&self, ledger: LedgerId) -> u64 {
        match self.writer.as_ref().is_some_and(|writer| writer.ledger() == ledger) {
            true => self.bytes,
            false => self.list.iter().find(|info| info.ledger == ledger).map_or(0, |info| info.bytes),
        }
    }

    /// About how many bytes there are from `from` on: an entry counts as its ledger's average.
    pub fn bytes_from(&self, from: Position) -> u64 {
        let of = |(ledger, entries): (LedgerId, u64)| {
            let first = if ledger == from.ledger { from.entry } else { 0 };
            let left = if ledger < from.ledger { 0 } else { entries.saturating_sub(first) };
            let bytes = u128::from(self.bytes_of(ledger)) * u128::from(left) / u128::from(entries.max(1));
            u64::try_from(bytes).unwrap_or(u64::MAX)
        };
        self.extents.iter().map(of).sum()
    }

    /// The bookies that are used.
    pub(super) fn bookies(&self) -> &[NodeId] {
        &self.bookies
    }

    /// Learns where the entries of a ledger are.
    pub fn learn(&mut self, ledger: LedgerId, metadata: LedgerMetadata) {
        self.metadata.insert(ledger, metadata);
    }

    fn ask(&mut self, asked: Asked, op: StoreOp, facts: &mut Vec<LedgerFact>) {
        self.tags += 1;
        self.asked.insert(self.tags, asked);
        facts.push(LedgerFact::Store(self.tags, op));
    }

    /// Takes messages; [`LedgerFact::Stored`] says later with this number where they stand. They wait where there is no
    /// ledger for them at the moment; in one that is [lost](Self::is_lost) for ever.
    pub fn add(&mut self, now: Time, payload: Batches, facts: &mut Vec<LedgerFact>) -> u64 {
        self.tickets += 1;
        self.queue.push_back((self.tickets, payload));
        self.pump(now, facts);
        self.tickets
    }

    /// Gives the writer what waits, or lets go of a ledger that is full.
    fn pump(&mut self, now: Time, facts: &mut Vec<LedgerFact>) {
        let mut effects = Vec::new();
        while matches!(self.stage, Stage::Ready) && !self.queue.is_empty() {
            if self.is_full(now) {
                self.stage = Stage::Closing;
                break;
            }
            let Some(writer) = &mut self.writer else { break };
            let Some((ticket, payload)) = self.queue.pop_front() else { break };
            match writer.add(now, payload.clone(), &mut effects) {
                Ok(entry) => {
                    self.bytes += payload.bytes().len() as u64;
                    let at = Position::new(writer.ledger(), entry);
                    let to = writer.metadata().write_set(entry);
                    let news = LedgerNews::Added(at, payload.message_ids().collect(), to);
                    facts.push(LedgerFact::Happened(news));
                    self.sent.insert(entry, (ticket, payload));
                }
                Err(_) => {
                    self.queue.push_front((ticket, payload));
                    self.stage = Stage::Closing;
                }
            }
        }
        if matches!(self.stage, Stage::Closing)
            && self.sent.is_empty()
            && let Some(writer) = self.writer.as_mut().filter(|writer| writer.is_open())
        {
            writer.close(&mut effects);
        }
        self.of_writer(now, effects, facts);
    }

    /// Whether the ledger should be the last no more.
    fn is_full(&self, now: Time) -> bool {
        let Some(writer) = &self.writer else { return false };
        let (settings, age) = (&self.settings, now.since(self.began));
        let large = writer.entries() >= settings.entries_max || self.bytes >= settings.bytes_max;
        writer.entries() > 0 && ((large && age >= settings.age_min) || age >= settings.age_max)
    }

    /// Carries out what the writer wants.
    fn of_writer(&mut self, now: Time, effects: Vec<Effect>, facts: &mut Vec<LedgerFact>) {
        let Some(ledger) = self.writer.as_ref().map(LedgerWriter::ledger) else { return };
        for effect in effects {
            match effect {
                Effect::Ask(to, request) => facts.push(LedgerFact::Ask(to, request)),
                Effect::Store(op) => self.ask(Asked::Writer(ledger), op, facts),
                Effect::Acknowledged { entry } => self.stored(ledger, entry, facts),
                Effect::Ended(LedgerEnd::Closed { last }) => self.closed(now, ledger, last, facts),
                Effect::Ended(_) => self.lose(facts),
            }
        }
        if matches!(self.stage, Stage::Closing) && self.sent.is_empty() {
            let mut more = Vec::new();
            if let Some(writer) = self.writer.as_mut().filter(|writer| writer.is_open()) {
                writer.close(&mut more);
            }
            if !more.is_empty() {
                self.of_writer(now, more, facts);
            }
        }
    }

    fn stored(&mut self, ledger: LedgerId, up_to: u64, facts: &mut Vec<LedgerFact>) {
        let rest = self.sent.split_off(&(up_to + 1));
        for (entry, (ticket, _)) in core::mem::replace(&mut self.sent, rest) {
            facts.push(LedgerFact::Stored { ticket, position: Position::new(ledger, entry) });
        }
        self.extents.set(ledger, up_to + 1);
    }

    /// The writer has closed its ledger: what it did not acknowledge goes to the next one, before what waits.
    fn closed(&mut self, now: Time, ledger: LedgerId, last: Option<u64>, facts: &mut Vec<LedgerFact>) {
        if let Some(writer) = self.writer.take() {
            self.metadata.insert(ledger, writer.metadata().clone());
        }
        let again: Vec<(u64, Batches)> = core::mem::take(&mut self.sent).into_values().collect();
        again.into_iter().rev().for_each(|add| self.queue.push_front(add));
        self.ended(now, ledger, last);
        facts.push(LedgerFact::Happened(LedgerNews::Closed(ledger, last.map_or(0, |last| last + 1))));
        self.make(facts);
    }

    /// Writes down in the list how a ledger ended. (It reaches the store with the next change.)
    fn ended(&mut self, now: Time, ledger: LedgerId, last: Option<u64>) {
        let entries = last.map_or(0, |last| last + 1);
        self.extents.set(ledger, entries);
        let bytes = self.bytes;
        if let Some(info) = self.list.iter_mut().find(|info| info.ledger == ledger) {
            *info = LedgerInfo { entries, bytes, closed: Some(now), ..info.clone() };
        }
    }

    fn lose(&mut self, facts: &mut Vec<LedgerFact>) {
        if !self.is_lost() {
            self.stage = Stage::Lost;
            let ledger = self.writer.as_ref().map(LedgerWriter::ledger);
            facts.extend(ledger.map(|ledger| LedgerFact::Happened(LedgerNews::ShutOut(ledger))));
            facts.push(LedgerFact::Lost);
        }
    }

    /// The store has answered.
    pub fn on_store(&mut self, now: Time, tag: u64, answer: &StoreAnswer, facts: &mut Vec<LedgerFact>) {
        let Some(asked) = self.asked.remove(&tag) else { return };
        if self.is_lost() {
            return;
        }
        match (asked, answer) {
            (Asked::List, StoreAnswer::Value(stored)) => {
                self.version = stored.as_ref().map(|stored| stored.version);
                match stored.as_ref().map(|stored| serde_json::from_slice(&stored.value)) {
                    None => {}
                    Some(Ok(list)) => self.list = list,
                    Some(Err(_)) => return self.lose(facts),
                }
                self.recover(now, facts);
            }
            (Asked::Number, StoreAnswer::Number(number)) => {
                let number = self.settings.first_ledger.saturating_add(*number);
                self.create(now, LedgerId(number), facts);
            }
            (Asked::Create(ledger, metadata), StoreAnswer::Written { version }) => {
                let writer = LedgerWriter::new(ledger, metadata, *version);
                let mut list = self.list.clone();
                list.push(LedgerInfo { ledger, entries: 0, bytes: 0, closed: None, offloaded: None });
                let op = self.put_list(&list);
                self.ask(Asked::Append(list, Box::new(writer)), op, facts);
            }
            (Asked::Append(list, writer), StoreAnswer::Written { version }) => {
                (self.list, self.version) = (list, Some(*version));
                self.extents.set(writer.ledger(), 0);
                let (_, ensemble) = writer.metadata().last_fragment();
                let began = LedgerNews::Began(writer.ledger(), ensemble.to_vec());
                facts.push(LedgerFact::Happened(began));
                (self.writer, self.began, self.bytes) = (Some(*writer), now, 0);
                (self.stage, self.opened) = (Stage::Ready, true);
                facts.push(LedgerFact::Ready);
                self.pump(now, facts);
            }
            (Asked::Drop(gone), StoreAnswer::Written { version }) => {
                // A ledger may have been closed meanwhile.
                self.list.retain(|info| gone.iter().all(|gone| gone.ledger != info.ledger));
                self.version = Some(*version);
                gone.iter().for_each(|info| self.forget(info.ledger, facts));
            }
            (Asked::Offloaded(ledger, how), StoreAnswer::Written { version }) => {
                self.version = Some(*version);
                self.is_offloaded(ledger, how, facts);
            }
            // Somebody else has changed the list: who had the topic before this one had it, or who has it now.
            (Asked::Append(..) | Asked::Drop(..) | Asked::Offloaded(..), StoreAnswer::Conflict)
                if self.opened =>
            {
                self.lose(facts);
            }
            // Who had it before was still at work: look at the list again.
            (Asked::Append(..), StoreAnswer::Conflict) => {
                (self.version, self.stage) = (None, Stage::Waiting(now + self.settings.retry));
            }
            (Asked::Writer(ledger), answer) => {
                let Some(writer) = self.writer.as_mut().filter(|writer| writer.ledger() == ledger) else {
                    return;
                };
                let (mut effects, before) = (Vec::new(), writer.metadata().last_fragment().1.to_vec());
                writer.on_store(answer, &mut effects);
                let (first, ensemble) = writer.metadata().last_fragment();
                if *ensemble != before {
                    let changed = LedgerNews::Changed(ledger, first, ensemble.to_vec());
                    facts.push(LedgerFact::Happened(changed));
                }
                self.of_writer(now, effects, facts);
            }
            (Asked::Recovery, answer) => {
                let mut effects = Vec::new();
                if let Stage::Recovering(recovery, _) = &mut self.stage {
                    recovery.on_store(answer, &mut effects);
                }
                self.of_recovery(now, effects, facts);
            }
            (Asked::Drop(..) | Asked::Offloaded(..) | Asked::Delete, _) => {} // it is tried again when somebody asks again
            // Nothing was done, or nobody knows: again, from the list on.
            _ => self.stage = Stage::Waiting(now + self.settings.retry),
        }
    }

    /// A bookie has answered.
    pub fn on_reply(&mut self, now: Time, from: NodeId, reply: BookieReply, facts: &mut Vec<LedgerFact>) {
        let mut effects = Vec::new();
        if let Stage::Recovering(recovery, _) = &mut self.stage {
            recovery.on_reply(from, reply, &mut effects);
            self.of_recovery(now, effects, facts);
        } else if let Some(writer) = &mut self.writer {
            writer.on_reply(from, &reply, &self.bookies, &mut effects);
            self.of_writer(now, effects, facts);
            self.pump(now, facts);
        }
    }

    /// Which bookies there are now.
    pub fn set_bookies(&mut self, now: Time, bookies: &[NodeId], facts: &mut Vec<LedgerFact>) {
        let gone: Vec<NodeId> =
            self.bookies.iter().copied().filter(|bookie| !bookies.contains(bookie)).collect();
        self.bookies = bookies.to_vec();
        gone.into_iter().for_each(|bookie| self.bookie_failed(now, bookie, facts));
    }

    /// A bookie has failed: it is not used again before [`set_bookies`](Self::set_bookies) names it.
    pub fn bookie_failed(&mut self, now: Time, bookie: NodeId, facts: &mut Vec<LedgerFact>) {
        let mut effects = Vec::new();
        self.bookies.retain(|other| *other != bookie);
        if let Stage::Recovering(recovery, _) = &mut self.stage {
            recovery.bookie_failed(bookie, &mut effects);
            self.of_recovery(now, effects, facts);
        } else if let Some(writer) = &mut self.writer {
            writer.bookie_failed(bookie, &self.bookies, &mut effects);
            self.of_writer(now, effects, facts);
            self.pump(now, facts);
        }
    }

    /// Looks who is late, and tries again what was in vain.
    pub fn tick(&mut self, now: Time, facts: &mut Vec<LedgerFact>) {
        self.tick_offload(now, facts);
        match self.stage {
            Stage::Waiting(until) if now >= until => {
                self.stage = Stage::Opening;
                if self.list.iter().rev().take(2).any(|info| info.closed.is_none()) || self.version.is_none()
                {
                    self.ask(Asked::List, StoreOp::Get { path: self.path.clone() }, facts);
                } else {
                    self.make(facts);
                }
            }
            Stage::Recovering(..) => self.tick_recovery(now, facts),
            Stage::Ready | Stage::Closing => {
                let mut effects = Vec::new();
                if let Some(writer) = &mut self.writer {
                    writer.tick(now, self.settings.add_timeout, &self.bookies, &mut effects);
                }
                self.of_writer(now, effects, facts);
                self.pump(now, facts);
            }
            _ => {}
        }
    }

    /// When it wants to be [ticked](Self::tick).
    pub fn next_wakeup(&self) -> Option<Time> {
        let of_stage = match &self.stage {
            Stage::Waiting(until) => Some(*until),
            Stage::Recovering(..) => Some(self.recovering_since + self.settings.add_timeout),
            Stage::Ready | Stage::Closing => {
                self.writer.as_ref().and_then(|writer| writer.next_wakeup(self.settings.add_timeout))
            }
            _ => None,
        };
        of_stage.into_iter().chain(self.next_offload_look()).min()
    }
}
