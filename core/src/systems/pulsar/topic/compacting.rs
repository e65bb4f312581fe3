//! When is a topic compacted, and who reads what came of it?
//!
//! ```text
//!   every 60 s:  more bytes behind __compaction than the threshold?  ─▶ a Compactor, entry by entry
//!
//!   who reads compacted   before the mark of __compaction: the copies, in the order of the topic
//!                         from there on: the topic
//! ```
//!
//! The cursor `__compaction` is there from the moment that the topic is first opened, so that retention deletes nothing that
//! is not compacted yet. It is written anew when the topic is opened, like all cursors: an owner that has lost the topic
//! cannot say any more that it has compacted it.
//!
//! Source: Pulsar `PersistentTopic` (`checkCompaction`), `PulsarCompactorSubscription`, `CompactedTopicImpl`.

use alloc::vec::Vec;

use super::{For, Topic, TopicOut};
use crate::ids::NodeId;
use crate::observe::{CompactionEvent, PulsarEvent};
use crate::record::Batches;
use crate::systems::pulsar::compaction::{COMPACTION_CURSOR, CompactedLedger, original_of};
use crate::systems::pulsar::compactor::{Compactor, Compacts};
use crate::systems::pulsar::cursor::Cursor;
use crate::systems::pulsar::entries::Entries;
use crate::systems::pulsar::ledger::{BookieReply, Effect, Goes, LedgerState};
use crate::systems::pulsar::ledger_list::LedgerFact;
use crate::systems::pulsar::position::{Extents, Position};
use crate::systems::pulsar::settings::CompactionSettings;
use crate::systems::pulsar::store_op::{Expected, StoreAnswer, StoreOp};
use crate::time::Time;

/// What a topic that is compacted has for it.
#[derive(Clone, Debug)]
pub(super) struct Compaction {
    settings: CompactionSettings,
    /// As it stands in the store, and its version; as it is to stand there, while the store is asked.
    cursor: Option<Cursor>,
    version: Option<u64>,
    writing: Option<Cursor>,
    /// What is compacted, as far as it was looked through.
    copies: Option<CompactedLedger>,
    is_read: bool,
    running: Option<Compactor>,
    /// Which compaction it is: answers to an earlier one are not its.
    run: u64,
    next_check: Time,
}

impl Compaction {
    pub(super) fn new(now: Time, settings: CompactionSettings) -> Self {
        Self {
            settings,
            cursor: None,
            version: None,
            writing: None,
            copies: None,
            is_read: true,
            running: None,
            run: 0,
            next_check: now + settings.check_interval,
        }
    }

    /// The cursor that the owner before left.
    pub(super) fn found(&mut self, cursor: Cursor, version: u64) {
        self.copies = cursor.compacted().map(|ledger| CompactedLedger::new(ledger, cursor.mark()));
        self.is_read = self.copies.is_none();
        (self.cursor, self.version) = (Some(cursor), Some(version));
    }

    /// The first entry that is not compacted: what comes before may go.
    pub(super) fn mark(&self, extents: &Extents) -> Position {
        self.cursor.as_ref().map_or(extents.start(), |cursor| extents.settle(cursor.mark()))
    }

    /// What who reads compacted gets, once that is known; the topic itself where nothing is compacted.
    pub(super) fn view(&self) -> Option<Option<&CompactedLedger>> {
        self.is_read.then_some(self.copies.as_ref())
    }

    pub(super) fn next_wakeup(&self) -> Option<Time> {
        let running = self.running.as_ref().and_then(Compactor::next_wakeup);
        running.into_iter().chain([self.next_check]).min()
    }
}

/// An entry as who reads compacted gets it, if it is at hand; and where it is to be read, if not.
pub(super) fn compacted_entry(
    entries: &Entries,
    copies: Option<&CompactedLedger>,
    position: Position,
) -> Result<Batches, Position> {
    let copies = copies.filter(|copies| copies.covers(position));
    let Some(copies) = copies else { return entries.get(position).cloned().ok_or(position) };
    let at = copies.copy_at(position).ok_or(position)?;
    let (_, payload) = entries.get(at).and_then(original_of).ok_or(at)?;
    Ok(payload)
}

impl Topic {
    /// The topic is open: its cursor is written anew, or for the first time.
    pub(super) fn open_compaction(&mut self, out: &mut Vec<TopicOut>) {
        let start = self.managed.extents().start();
        let Some(compaction) = &mut self.compaction else { return };
        let cursor = compaction.cursor.clone().unwrap_or_else(|| Cursor::new(start));
        self.write_compaction(cursor, out);
    }

    fn write_compaction(&mut self, cursor: Cursor, out: &mut Vec<TopicOut>) {
        let path = self.cursor_path(COMPACTION_CURSOR);
        let Some(compaction) = &mut self.compaction else { return };
        let expected = compaction.version.map_or(Expected::Absent, Expected::Version);
        let value = cursor.to_bytes(0);
        compaction.writing = Some(cursor);
        out.push(TopicOut::Store(For::Compacted, StoreOp::Put { path, value, expected, ephemeral: false }));
    }

    /// The cursor is written, or is not.
    pub(super) fn compaction_written(&mut self, now: Time, answer: &StoreAnswer, out: &mut Vec<TopicOut>) {
        let Some(compaction) = &mut self.compaction else { return };
        let cursor = compaction.writing.take();
        match answer {
            StoreAnswer::Written { version } => {
                (compaction.cursor, compaction.version) = (cursor, Some(*version));
                self.publish_compaction(out);
                let mut facts = Vec::new();
                self.trim(now, &mut facts);
                self.take(now, facts, out);
            }
            StoreAnswer::Conflict => out.push(TopicOut::Lost),
            _ => self.compaction_failed(out), // it is not written: at the next look again
        }
    }

    /// From now on who reads compacted gets what was just written, and the copies before go.
    fn publish_compaction(&mut self, out: &mut Vec<TopicOut>) {
        let Some(compaction) = &mut self.compaction else { return };
        let Some((copies, metadata)) = compaction.running.as_ref().and_then(Compactor::written) else {
            return;
        };
        let (copies, metadata) = (copies.clone(), metadata.clone());
        let (ledger, entries) = (copies.ledger(), copies.entries());
        self.managed.learn(ledger, metadata);
        let before = compaction.copies.replace(copies);
        (compaction.running, compaction.is_read) = (None, true);
        self.tell(out, |partition| {
            PulsarEvent::Compaction(CompactionEvent::Serves { partition, ledger: ledger.0, entries })
        });
        if let Some(before) = before.map(|before| before.ledger()) {
            self.entries.forget(before);
            let mut facts = Vec::new();
            self.managed.delete(before, Goes::Compacted, &mut facts);
            self.carry_asks(facts, out);
        }
    }

    /// Carries out what of the ledgers' wants is but a question.
    fn carry_asks(&self, facts: Vec<LedgerFact>, out: &mut Vec<TopicOut>) {
        for fact in facts {
            match fact {
                LedgerFact::Ask(to, request) => out.push(TopicOut::Bookie(to, request)),
                LedgerFact::Store(tag, op) => out.push(TopicOut::Store(For::Ledgers(tag), op)),
                _ => {}
            }
        }
    }

    /// It is given up: what of the new ledger is there goes. Not where the cursor may name it already.
    pub(in crate::systems::pulsar) fn compaction_failed(&mut self, out: &mut Vec<TopicOut>) {
        let Some(compaction) = &mut self.compaction else { return };
        if compaction.writing.is_some() {
            return;
        }
        let Some(compactor) = compaction.running.take() else { return };
        if let Some((ledger, metadata)) = compactor.ledger() {
            self.managed.learn(ledger, metadata.clone());
            let mut facts = Vec::new();
            self.managed.delete(ledger, Goes::Compacted, &mut facts);
            self.carry_asks(facts, out);
        }
        self.tell(out, |partition| PulsarEvent::Compaction(CompactionEvent::GaveUp { partition }));
    }

    /// Looks whether there is enough to be compacted.
    fn check_compaction(&mut self, now: Time, out: &mut Vec<TopicOut>) {
        let extents = self.managed.extents();
        let Some(compaction) = &mut self.compaction else { return };
        compaction.next_check = now + compaction.settings.check_interval;
        if compaction.running.is_some() || compaction.writing.is_some() || !compaction.is_read {
            return;
        }
        let Some(cursor) = compaction.cursor.clone() else { return self.open_compaction(out) };
        let (from, end) = (extents.settle(cursor.mark()), extents.end());
        if self.managed.bytes_from(from) <= compaction.settings.threshold {
            return;
        }
        let all = core::iter::successors(Some(from), |at| Some(extents.after(*at)));
        let all = all.take_while(|at| extents.contains(*at));
        let (ledgers, retains) = (self.settings.ledgers, compaction.settings.retain_null_key);
        let compactor = Compactor::new(ledgers, compaction.copies.as_ref(), all, end, retains);
        compaction.run += 1;
        compaction.running = Some(compactor);
    }

    /// Hands what is to be compacted over, as far as it is here, and reads what is not.
    pub(super) fn compact(&mut self, now: Time, out: &mut Vec<TopicOut>) {
        self.read_copies(now, out);
        let mut all = Vec::new();
        while let Some(compactor) = self.compaction.as_mut().and_then(|it| it.running.as_mut())
            && let Some(at) = compactor.wants()
        {
            let Some(payload) = self.entries.get(at).cloned() else {
                self.want(now, at, out);
                break;
            };
            compactor.take(now, &payload, &mut all);
        }
        self.of_compactor(all, out);
    }

    /// Looks through what the owner before has compacted: who reads compacted must know where everything is.
    fn read_copies(&mut self, now: Time, out: &mut Vec<TopicOut>) {
        while let Some(compaction) = self.compaction.as_mut().filter(|compaction| !compaction.is_read)
            && let Some(copies) = &mut compaction.copies
        {
            let at = Position::new(copies.ledger(), copies.entries());
            let state = self.managed.metadata(at.ledger).map(|metadata| metadata.state);
            if matches!(state, Some(LedgerState::Closed { last }) if last.is_none_or(|last| last < at.entry))
            {
                compaction.is_read = true;
                return;
            }
            match self.entries.get(at).map(original_of) {
                Some(Some((position, _))) if copies.copy_at(position).is_none() => copies.learn(position),
                Some(_) => return, // it is no such copy: nobody reads compacted
                None => return self.want(now, at, out),
            }
        }
    }

    fn with_compactor(
        &mut self,
        out: &mut Vec<TopicOut>,
        what: impl FnOnce(&mut Compactor, &[NodeId], &mut Vec<Compacts>),
    ) {
        let bookies = self.managed.bookies();
        let Some(compactor) = self.compaction.as_mut().and_then(|it| it.running.as_mut()) else { return };
        let mut all = Vec::new();
        what(compactor, bookies, &mut all);
        self.of_compactor(all, out);
    }

    /// Carries out what the compaction wants.
    fn of_compactor(&mut self, all: Vec<Compacts>, out: &mut Vec<TopicOut>) {
        let run = self.compaction.as_ref().map_or(0, |compaction| compaction.run);
        for one in all {
            match one {
                Compacts::Asks(Effect::Ask(to, request)) => out.push(TopicOut::Bookie(to, request)),
                Compacts::Asks(Effect::Store(op)) => out.push(TopicOut::Store(For::Compaction(run), op)),
                Compacts::Asks(_) => {}
                Compacts::Began(ledger, keys, bookies) => self.tell(out, |partition| {
                    let ledger = ledger.0;
                    PulsarEvent::Compaction(CompactionEvent::Began { partition, ledger, keys, bookies })
                }),
                Compacts::Wrote(ledger, entries, messages) => {
                    self.tell(out, |partition| {
                        let ledger = ledger.0;
                        PulsarEvent::Compaction(CompactionEvent::Wrote {
                            partition,
                            ledger,
                            entries,
                            messages,
                        })
                    });
                    let running = self.compaction.as_ref().and_then(|it| it.running.as_ref());
                    if let Some(end) = running.map(Compactor::end) {
                        self.write_compaction(Cursor::new(end).with_compacted(ledger), out);
                    }
                }
                Compacts::Failed => self.compaction_failed(out),
            }
        }
    }

    /// The store has answered what the compaction of this number has asked.
    pub(super) fn compaction_answered(&mut self, run: u64, answer: &StoreAnswer, out: &mut Vec<TopicOut>) {
        if self.compaction.as_ref().is_some_and(|compaction| compaction.run == run) {
            self.with_compactor(out, |compactor, bookies, all| compactor.on_store(answer, bookies, all));
        }
    }

    pub(super) fn compaction_on_bookie(
        &mut self,
        from: NodeId,
        reply: &BookieReply,
        out: &mut Vec<TopicOut>,
    ) {
        self.with_compactor(out, |compactor, bookies, all| compactor.on_reply(from, reply, bookies, all));
    }

    pub(super) fn compaction_lacks(&mut self, bookie: NodeId, out: &mut Vec<TopicOut>) {
        self.with_compactor(out, |compactor, bookies, all| compactor.bookie_failed(bookie, bookies, all));
    }

    pub(super) fn tick_compaction(&mut self, now: Time, out: &mut Vec<TopicOut>) {
        self.with_compactor(out, |compactor, bookies, all| compactor.tick(now, bookies, all));
        if self.open && self.compaction.as_ref().is_some_and(|it| it.next_check <= now) {
            self.check_compaction(now, out);
        }
    }
}
