//! How is a topic compacted? Its owner reads it twice, and writes what stays to a ledger that nobody knows of before it is
//! complete.
//!
//! ```text
//!   1  read the compacted ledger before, then the topic from where it ends     where the latest of each key stands
//!   2  make a ledger; read the same again, and write what stays                at most 500 entries under way
//!      close it
//!      the cursor __compaction says: compacted up to here, in that ledger      of two owners one is told that it is late
//!      delete the compacted ledger before
//! ```
//!
//! Whatever fails on the way, nothing has changed: the ledger is deleted, and at the next look it begins anew. Of an owner that
//! dies on the way the ledger stays with bookies, and nobody knows it any more; so it is in Pulsar.
//!
//! Source: Pulsar `AbstractTwoPhaseCompactor`, `PulsarCompactorSubscription`.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use super::compaction::{CompactedLedger, Latest, copy_of, original_of, taken};
use super::ledger::{BookieReply, Effect, LedgerEnd, LedgerId, LedgerMetadata, LedgerWriter, ledger_path};
use super::ledger_list::LedgerSettings;
use super::position::Position;
use super::store_op::{Expected, StoreAnswer, StoreOp};
use crate::ids::{MessageId, NodeId};
use crate::record::Batches;
use crate::time::Time;

/// So many entries of the new ledger are under way at most (`MAX_OUTSTANDING`).
const UNDER_WAY: u64 = 500;

/// What it wants done, and what it has to say.
#[derive(Clone, Debug)]
pub(super) enum Compacts {
    /// Of a bookie or the store.
    Asks(Effect),
    /// The ledger is made, for so many keys.
    Began(LedgerId, usize, Vec<NodeId>),
    /// It is closed: so many entries, and what of the topic is not in it.
    Wrote(LedgerId, u64, Vec<MessageId>),
    /// It cannot go on.
    Failed,
}

#[derive(Clone, Debug)]
enum Stage {
    /// The first walk.
    Reading,
    Numbering,
    Creating(LedgerId, LedgerMetadata),
    /// The second walk.
    Writing(Box<LedgerWriter>),
    /// All is written: the cursor is about to say so.
    Written(LedgerId, LedgerMetadata),
    Failed,
}

/// One compaction of a topic.
#[derive(Clone, Debug)]
pub(super) struct Compactor {
    settings: LedgerSettings,
    /// The entries to be read, in order.
    entries: Vec<Position>,
    /// The ledger of copies among them.
    before: Option<LedgerId>,
    /// The first entry of the topic that is not read.
    end: Position,
    next: usize,
    latest: Latest,
    stage: Stage,
    /// What the new ledger has.
    copies: CompactedLedger,
    /// How many of them are confirmed.
    confirmed: u64,
    read: BTreeSet<MessageId>,
    kept: BTreeSet<MessageId>,
}

impl Compactor {
    /// Begins: with the copies of the compacted ledger before, if there is one, and then entries of the topic, up to `end`.
    pub(super) fn new(
        settings: LedgerSettings,
        before: Option<&CompactedLedger>,
        of_topic: impl Iterator<Item = Position>,
        end: Position,
        retain_null_key: bool,
    ) -> Self {
        let copies = before
            .into_iter()
            .flat_map(|before| (0..before.entries()).map(|entry| Position::new(before.ledger(), entry)));
        Self {
            settings,
            entries: copies.chain(of_topic).collect(),
            before: before.map(CompactedLedger::ledger),
            end,
            next: 0,
            latest: Latest::new(retain_null_key),
            stage: Stage::Reading,
            copies: CompactedLedger::new(LedgerId(0), end),
            confirmed: 0,
            read: BTreeSet::new(),
            kept: BTreeSet::new(),
        }
    }

    /// The first entry of the topic that is not compacted then.
    pub(super) fn end(&self) -> Position {
        self.end
    }

    /// The entry that it is to be [handed](Self::take) next.
    pub(super) fn wants(&self) -> Option<Position> {
        let able = match &self.stage {
            Stage::Reading => true,
            Stage::Writing(writer) => {
                writer.is_open() && self.copies.entries() < self.confirmed.saturating_add(UNDER_WAY)
            }
            _ => false,
        };
        self.entries.get(self.next).copied().filter(|_| able)
    }

    /// Takes the entry that it wants.
    pub(super) fn take(&mut self, now: Time, payload: &Batches, out: &mut Vec<Compacts>) {
        let Some(at) = self.wants() else { return };
        let original = match Some(at.ledger) == self.before {
            true => original_of(payload),
            false => Some((at, payload.clone())),
        };
        let Some((position, payload)) = original else { return out.push(Compacts::Failed) };
        self.next += 1;
        let mut effects = Vec::new();
        match &mut self.stage {
            Stage::Reading => self.latest.learn(position, &payload),
            Stage::Writing(writer) => {
                self.read.extend(payload.message_ids());
                if let Some(kept) = self.latest.kept_of(position, &payload) {
                    self.kept.extend(kept.message_ids());
                    self.copies.learn(position);
                    if writer.add(now, copy_of(position, &kept), &mut effects).is_err() {
                        return out.push(Compacts::Failed);
                    }
                }
            }
            _ => {}
        }
        self.of_writer(effects, out);
        self.go_on(out);
    }

    /// Looks whether a walk is over.
    pub(super) fn go_on(&mut self, out: &mut Vec<Compacts>) {
        if self.next < self.entries.len() {
            return;
        }
        match &mut self.stage {
            Stage::Reading => {
                self.stage = Stage::Numbering;
                let op = StoreOp::Next { path: "counters/ledgers".into() };
                out.push(Compacts::Asks(Effect::Store(op)));
            }
            Stage::Writing(writer) if writer.is_open() && self.confirmed >= self.copies.entries() => {
                let mut effects = Vec::new();
                writer.close(&mut effects);
                self.of_writer(effects, out);
            }
            _ => {}
        }
    }

    /// The store has answered. `bookies` are those that there are.
    pub(super) fn on_store(&mut self, answer: &StoreAnswer, bookies: &[NodeId], out: &mut Vec<Compacts>) {
        match (core::mem::replace(&mut self.stage, Stage::Failed), answer) {
            (Stage::Numbering, StoreAnswer::Number(number)) => {
                let ledger = LedgerId(self.settings.first_ledger.saturating_add(*number));
                let mut bookies = bookies.to_vec();
                if let Some(turn) = ledger.0.checked_rem(bookies.len() as u64) {
                    bookies.rotate_left(turn as usize);
                }
                let Ok(metadata) = LedgerMetadata::new(self.settings.quorums, &bookies) else {
                    return out.push(Compacts::Failed);
                };
                let (path, value) = (ledger_path(ledger), metadata.to_bytes());
                let put = StoreOp::Put { path, value, expected: Expected::Absent, ephemeral: false };
                out.push(Compacts::Asks(Effect::Store(put)));
                self.stage = Stage::Creating(ledger, metadata);
            }
            (Stage::Creating(ledger, metadata), StoreAnswer::Written { version }) => {
                let (_, ensemble) = metadata.last_fragment();
                out.push(Compacts::Began(ledger, self.latest.keys(), ensemble.to_vec()));
                self.stage = Stage::Writing(Box::new(LedgerWriter::new(ledger, metadata, *version)));
                (self.next, self.copies) = (0, CompactedLedger::new(ledger, self.end));
                self.go_on(out);
            }
            (Stage::Writing(mut writer), answer) => {
                let mut effects = Vec::new();
                writer.on_store(answer, &mut effects);
                self.stage = Stage::Writing(writer);
                self.of_writer(effects, out);
                self.go_on(out);
            }
            (Stage::Numbering | Stage::Creating(..), _) => out.push(Compacts::Failed),
            (stage, _) => self.stage = stage, // nothing was asked
        }
    }

    /// A bookie has answered.
    pub(super) fn on_reply(
        &mut self,
        from: NodeId,
        reply: &BookieReply,
        bookies: &[NodeId],
        out: &mut Vec<Compacts>,
    ) {
        self.with_writer(out, |writer, effects| writer.on_reply(from, reply, bookies, effects));
    }

    /// A bookie has failed.
    pub(super) fn bookie_failed(&mut self, bookie: NodeId, bookies: &[NodeId], out: &mut Vec<Compacts>) {
        self.with_writer(out, |writer, effects| writer.bookie_failed(bookie, bookies, effects));
    }

    /// Looks who is late.
    pub(super) fn tick(&mut self, now: Time, bookies: &[NodeId], out: &mut Vec<Compacts>) {
        let timeout = self.settings.add_timeout;
        self.with_writer(out, |writer, effects| writer.tick(now, timeout, bookies, effects));
    }

    fn with_writer(
        &mut self,
        out: &mut Vec<Compacts>,
        what: impl FnOnce(&mut LedgerWriter, &mut Vec<Effect>),
    ) {
        let Stage::Writing(writer) = &mut self.stage else { return };
        let mut effects = Vec::new();
        what(writer, &mut effects);
        self.of_writer(effects, out);
        self.go_on(out);
    }

    fn of_writer(&mut self, effects: Vec<Effect>, out: &mut Vec<Compacts>) {
        for effect in effects {
            match effect {
                Effect::Ask(..) | Effect::Store(_) => out.push(Compacts::Asks(effect)),
                Effect::Acknowledged { entry } => self.confirmed = entry + 1,
                Effect::Ended(LedgerEnd::Closed { last }) => self.closed(last, out),
                Effect::Ended(_) => out.push(Compacts::Failed),
            }
        }
    }

    fn closed(&mut self, last: Option<u64>, out: &mut Vec<Compacts>) {
        let Stage::Writing(writer) = &self.stage else { return };
        let (ledger, metadata) = (writer.ledger(), writer.metadata().clone());
        let entries = last.map_or(0, |last| last + 1);
        if self.next < self.entries.len() || entries != self.copies.entries() {
            return out.push(Compacts::Failed); // too few bookies were left for the rest of it
        }
        let taken = taken(core::mem::take(&mut self.read), &self.kept);
        out.push(Compacts::Wrote(ledger, entries, taken));
        self.stage = Stage::Written(ledger, metadata);
    }

    /// What the new ledger has, and where its entries are, once all of it is written.
    pub(super) fn written(&self) -> Option<(&CompactedLedger, &LedgerMetadata)> {
        match &self.stage {
            Stage::Written(_, metadata) => Some((&self.copies, metadata)),
            _ => None,
        }
    }

    /// The ledger that it has begun, and where that is.
    pub(super) fn ledger(&self) -> Option<(LedgerId, &LedgerMetadata)> {
        match &self.stage {
            Stage::Writing(writer) => Some((writer.ledger(), writer.metadata())),
            Stage::Written(ledger, metadata) => Some((*ledger, metadata)),
            _ => None,
        }
    }

    /// When it wants to be [ticked](Self::tick).
    pub(super) fn next_wakeup(&self) -> Option<Time> {
        match &self.stage {
            Stage::Writing(writer) => writer.next_wakeup(self.settings.add_timeout),
            _ => None,
        }
    }
}
