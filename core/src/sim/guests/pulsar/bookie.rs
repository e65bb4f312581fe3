//! How does a bookie live in the lab? It keeps entries in its journal, and knows nothing of topics.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::super::{
    Guest, GuestMessage, GuestOut, GuestView, Halts, Housed, Look, OpenDisk, Run, Speaks as _,
};
use super::carry;
use crate::ids::{LogName, MessageId, NodeId, Offset};
use crate::observe::{Event, Place, Refusal, ledger_place};
use crate::record::Batches;
use crate::sim::picture::{BrokerView, Cell, CellState, Role, StripView};
use crate::sim::world::Disk;
use crate::systems::pulsar::ledger::{Bookie, LedgerId};
use crate::systems::pulsar::{AutoRecovery, Message};
use crate::systems::{Input, Out};
use crate::time::Time;

/// The most ledgers of a bookie that are drawn: the youngest.
const LEDGERS_SHOWN: usize = 6;

/// A bookie.
#[derive(Clone, Debug)]
pub(super) struct Keeper {
    node: NodeId,
    syncs: bool,
    housed: Housed<Bookie<Disk>>,
    /// As it is when its process starts, and as it is now, if there is one.
    fresh: Option<AutoRecovery>,
    recovery: Option<AutoRecovery>,
}

impl Keeper {
    pub(super) fn new(node: NodeId, syncs: bool) -> Self {
        let bookie = Bookie::open(Disk::default()).expect("an empty disk opens").with_sync(syncs);
        let housed = Housed::Runs(Box::new(bookie));
        Self { node, syncs, housed, fresh: None, recovery: None }
    }

    /// The same, with an auditor and worker beside it.
    pub(super) fn with(self, recovery: Option<AutoRecovery>) -> Self {
        Self { fresh: recovery.clone(), recovery, ..self }
    }

    /// Hands the auditor and worker what has come. What that asks of its own bookie is asked at once.
    fn recover(&mut self, now: Time, input: Input<Message>, out: &mut Out<Message>) {
        let Some(recovery) = &mut self.recovery else { return };
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            let mut own = Out::default();
            recovery.handle(now, input, &mut own);
            out.events.append(&mut own.events);
            for (to, message) in own.sends {
                if to != self.node {
                    out.sends.push((to, message));
                    continue;
                }
                let (Housed::Runs(bookie), mut answers) = (&mut self.housed, Out::default()) else { return };
                bookie.handle(now, Input::Message { from: to, message }, &mut answers);
                out.events.append(&mut answers.events);
                let answers = answers.sends.into_iter();
                inputs.extend(answers.map(|(_, message)| Input::Message { from: self.node, message }));
            }
        }
    }

    fn strip(&self, bookie: &Bookie<Disk>, ledger: LedgerId, look: &Look<'_>) -> StripView {
        let entries: Vec<u64> = bookie.entries_of(ledger).collect();
        let lac = bookie.last_add_confirmed(ledger);
        let mut cells = Vec::new();
        for &entry in entries.iter().rev() {
            let messages = bookie.messages_of(ledger, entry).expect("memory can be read");
            let state = if Some(entry) <= lac { CellState::Committed } else { CellState::Uncommitted };
            cells.extend(messages.into_iter().rev().map(|message| Cell {
                offset: Offset(entry),
                mark: Some(look.mark(message)),
                state,
                deliveries: 0,
                priority: 0,
            }));
            if cells.len() >= look.cells_max {
                break;
            }
        }
        cells.truncate(look.cells_max);
        cells.reverse();
        let end = entries.last().map_or(0, |last| last + 1);
        StripView {
            place: Place::Partition(ledger_place(ledger.0)),
            role: if look.is_up() { Role::Keeper { fenced: bookie.is_fenced(ledger) } } else { Role::Down },
            start: Offset(entries.first().copied().unwrap_or(0)),
            end: Offset(end),
            high_watermark: Some(Offset(lac.map_or(0, |lac| lac + 1).min(end))),
            last_stable: None,
            behind: 0,
            held: entries.len() as u64,
            groups: Vec::new(),
            queue: None,
            epochs: Vec::new(),
            cells,
        }
    }

    fn strips(&self, bookie: &Bookie<Disk>, look: &Look<'_>) -> Vec<StripView> {
        let ledgers: Vec<LedgerId> = bookie.entries().map(|(ledger, _)| ledger).collect();
        let shown = &ledgers[ledgers.len().saturating_sub(LEDGERS_SHOWN)..];
        shown.iter().map(|&ledger| self.strip(bookie, ledger, look)).collect()
    }
}

impl Guest for Keeper {
    fn boxed(&self) -> Box<dyn Guest> {
        Box::new(self.clone())
    }

    fn handle(&mut self, now: Time, input: Input<GuestMessage>, _run: &mut Run<'_>, out: &mut GuestOut) {
        let (Housed::Runs(bookie), Some(input)) = (&mut self.housed, Message::input(input)) else { return };
        let mut own = Out::default();
        bookie.handle(now, input.clone(), &mut own);
        self.recover(now, input, &mut own);
        carry(own, out);
    }

    fn settle(&mut self, now: Time, _out: &mut GuestOut) -> Result<(), Halts> {
        let Housed::Runs(bookie) = &mut self.housed else { return Ok(()) };
        bookie.settle(now, &mut Out::default()).map_err(|_| Halts(Refusal::Storage))
    }

    fn next_wakeup(&self) -> Option<Time> {
        self.recovery.as_ref().filter(|_| matches!(self.housed, Housed::Runs(_)))?.next_wakeup()
    }

    fn stop(&mut self) -> Vec<Event> {
        if let Housed::Runs(bookie) = &self.housed {
            let disk = bookie.as_ref().clone().into_storage().expect("memory closes its logs");
            self.housed = Housed::Down(disk);
        }
        self.recovery = None;
        Vec::new()
    }

    fn start(&mut self, now: Time, _incarnation: u64) -> Result<(), Halts> {
        self.recovery = self.fresh.clone().map(|recovery| recovery.at(now));
        if let Housed::Down(disk) = &self.housed {
            let bookie = Bookie::open(disk.clone()).map_err(|_| Halts(Refusal::Storage))?;
            self.housed = Housed::Runs(Box::new(bookie.with_sync(self.syncs)));
        }
        Ok(())
    }

    fn has_disk(&self) -> bool {
        true
    }

    fn disks(&mut self) -> Vec<OpenDisk<'_>> {
        self.housed.disk(|bookie| {
            let (disk, journal) = bookie.disk();
            (disk, [journal])
        })
    }

    fn messages_in(&self, _log: &LogName, batches: &Batches) -> Vec<(Place, Vec<MessageId>)> {
        let before = match &self.housed {
            Housed::Down(disk) => Bookie::unfinished(disk.clone()).expect("memory opens its logs"),
            Housed::Runs(_) => None,
        };
        let all = Bookie::<Disk>::messages_in(before, batches).into_iter();
        all.map(|(ledger, messages)| (Place::Partition(ledger_place(ledger.0)), messages)).collect()
    }

    fn view(&self, look: &Look<'_>) -> GuestView {
        let strips = match &self.housed {
            Housed::Runs(bookie) => self.strips(bookie, look),
            Housed::Down(disk) => {
                let bookie = Bookie::open(disk.clone());
                bookie.map_or_else(|_| Vec::new(), |bookie| self.strips(&bookie, look))
            }
        };
        GuestView::Broker(BrokerView {
            node: self.node,
            up: look.is_up(),
            alarms: Vec::new(),
            mailbox: 0,
            exchanges: Vec::new(),
            strips,
        })
    }
}
