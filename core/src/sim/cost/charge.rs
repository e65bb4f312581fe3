//! Who pays? Each broker, in time: it is busy with a burst before its answers leave, and so is its network card after it.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::super::guests::GuestMessage;
use super::super::line::Line;
use super::super::words::{Incoming, Words};
use super::super::world::{Disk, DiskLog, World};
use super::bill::{Bill, Work, per_kib};
use super::machine::Costs;
use super::weight::{self, Lane};
use crate::broker::{Input, Out};
use crate::ids::NodeId;
use crate::log::SliceOf;
use crate::sorted::SortedMap;
use crate::time::{Span, Time};

/// How long a broker works before it answers what it has done: a millisecond. Its threads answer one by one; whoever waits
/// for a flush shares it with what came in the same turn.
const TURN: Span = Span::from_millis(1);

/// The accounts of all nodes.
pub(in super::super) type Accounts = BTreeMap<NodeId, Account>;

/// What a node's machine did, and what of it did not come to a microsecond yet.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct Account {
    bill: Bill,
    /// Nanoseconds of work that are still to be charged.
    owed: u64,
    /// When the network card has sent everything, in nanoseconds.
    wire_free: u64,
}

/// What the logs of a broker were asked.
#[derive(Clone, Copy, Debug, Default)]
pub(in super::super) struct Asked {
    appends: u64,
    bytes: u64,
    pub(in super::super) flushes: u64,
}

impl Asked {
    /// So far, of these logs.
    pub(in super::super) fn of<'a>(logs: impl IntoIterator<Item = &'a mut DiskLog>) -> Self {
        let mut asked = Self::default();
        for log in logs {
            let (appends, bytes) = log.appended();
            asked.appends += appends;
            asked.bytes += bytes;
            asked.flushes += log.flushes();
        }
        asked
    }

    /// Since then. A log that was removed meanwhile took its counts with it.
    pub(in super::super) fn since(self, before: Self) -> Self {
        Self {
            appends: self.appends.saturating_sub(before.appends),
            bytes: self.bytes.saturating_sub(before.bytes),
            flushes: self.flushes.saturating_sub(before.flushes),
        }
    }
}

/// What a burst amounts to: what is to be done in each queue or partition, and what belongs to none of them.
#[derive(Debug, Default)]
pub(in super::super) struct BurstCost {
    lanes: SortedMap<Option<Lane>, Work>,
}

impl BurstCost {
    fn add(&mut self, (lane, work): (Option<Lane>, Work)) {
        *self.lanes.entry(lane).or_default() += work;
    }

    /// Something reaches the broker.
    pub(in super::super) fn comes_to_own(&mut self, input: &Input) {
        if let Input::Message { message, .. } = input {
            self.add(weight::comes(message));
        }
    }

    /// The same, in whatever words.
    pub(in super::super) fn comes(&mut self, input: &Incoming) {
        if let Incoming::Message { message, .. } = input {
            self.add(message.comes());
        }
    }

    /// The node was asked this of its disk, and wants these sent.
    pub(in super::super) fn with_guests<'a>(
        mut self,
        sends: impl IntoIterator<Item = &'a GuestMessage>,
        asked: Asked,
    ) -> Self {
        for message in sends {
            self.add(message.talk().weight().leaves());
        }
        self.asked(asked);
        self
    }

    fn asked(&mut self, Asked { appends, bytes, flushes }: Asked) {
        self.add((None, Work { appends, bytes_written: bytes, flushes, ..Work::default() }));
    }

    /// The broker was asked this of its disk, and wants this sent.
    pub(in super::super) fn with(mut self, out: &Out<SliceOf<Disk>>, asked: Asked) -> Self {
        for envelope in &out.sends {
            self.add(weight::leaves(&envelope.message));
        }
        self.asked(asked);
        self
    }

    fn total(&self) -> Work {
        let mut total = Work::default();
        self.lanes.values().for_each(|work| total += *work);
        total
    }

    /// How long the processor has to do with it, in nanoseconds: its cores share the work, but what belongs to one queue or
    /// partition is done by one.
    fn processor(&self, costs: &Costs) -> u64 {
        let longest = self.lanes.iter().filter(|(lane, _)| lane.is_some());
        let longest = longest.map(|(_, work)| work.processor(costs)).max().unwrap_or(0);
        costs.machine.switch + longest.max(self.total().processor(costs) / u64::from(costs.machine.cores))
    }
}

impl Account {
    /// Adds a burst; returns for how long the node is busy with it.
    fn charge(&mut self, burst: &BurstCost, costs: &Costs) -> Span {
        let work = burst.total();
        if work.is_nothing() {
            return Span::ZERO; // it looked at its clock
        }
        self.bill.add(&work, costs.system.path);
        self.owed = self.owed.saturating_add(burst.processor(costs)).saturating_add(work.disk(costs));
        let busy = Span(self.owed / 1_000);
        self.owed %= 1_000;
        self.bill.busy = Span(self.bill.busy.0.saturating_add(busy.0));
        busy
    }

    /// When so many bytes have left, if they are given to the network card now.
    fn sent(&mut self, now: Time, bytes: u64, cost: u64) -> Time {
        self.wire_free = self.wire_free.max(now.0.saturating_mul(1_000)).saturating_add(per_kib(bytes, cost));
        Time(self.wire_free / 1_000)
    }
}

impl World {
    /// Takes out of the line what a broker does in one turn: all, unless that is more than a [`TURN`] in some queue or
    /// partition. Then others go on meanwhile, but for those whose sender waits there: what one sends stays in order, and a
    /// connection ends behind what came in it.
    pub(in super::super) fn turn(&self, line: &mut Line) -> Vec<Incoming> {
        let Some(costs) = &self.scenario.costs else { return line.take_all() };
        let mut spent = SortedMap::<Option<Lane>, u64>::new();
        line.take(|input| {
            let Incoming::Message { message, .. } = input else { return true };
            let (lane, work) = message.comes();
            let spent = spent.entry(lane).or_default();
            let goes = *spent < TURN.0 * 1_000;
            if goes {
                *spent += work.processor(costs);
            }
            goes
        })
    }

    /// What a broker's machine did so far; `None` where nothing costs anything.
    pub fn bill(&self, node: NodeId) -> Option<Bill> {
        self.scenario.costs.as_ref()?;
        Some(self.accounts.get(&node).map_or(Bill::default(), |account| account.bill))
    }

    /// Charges a broker for a burst; returns for how long it is busy with it.
    pub(in super::super) fn charge(&mut self, node: NodeId, burst: &BurstCost) -> Span {
        let Some(costs) = &self.scenario.costs else { return Span::ZERO };
        self.accounts.entry(node).or_default().charge(burst, costs)
    }

    /// When a packet has left a node that sends it now: its network card sends one byte after the other.
    pub(in super::super) fn has_left(&mut self, node: NodeId, message: &Words) -> Time {
        match &self.scenario.costs {
            Some(costs) if costs.machine.network > 0 => {
                let (bytes, cost) = (message.bytes(), costs.machine.network);
                self.accounts.entry(node).or_default().sent(self.now, bytes, cost)
            }
            _ => self.now,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Catalogue;
    use super::*;
    use crate::broker::{Message, Request};
    use crate::ids::Name;
    use crate::log::contract::batch;
    use crate::sim::Scenario;

    #[test]
    fn a_connection_ends_behind_what_came_in_it() {
        let mut scenario = Scenario::built_in("hundred-messages").expect("it comes with the engine");
        scenario.costs = Catalogue::built_in().costs("server", "rabbitmq");
        let world = World::new(scenario, 1).expect("it can be run");
        let (slow, other) = (NodeId::Producer(1), NodeId::Producer(2));
        let send = || {
            let queue = Name::new("orders").expect("a legal name");
            let request = Request::Send { queue, batches: batch(0, 10) };
            Incoming::Message { from: slow, message: Words::Own(Message::Request(1, request)) }
        };
        let mut line = Line::default();
        (0..5).for_each(|_| line.push(send()));
        [slow, other].into_iter().for_each(|peer| line.push(Incoming::HangUp { peer }));
        let turn = world.turn(&mut line);
        assert!(
            matches!(turn.last(), Some(Incoming::HangUp { peer }) if *peer == other),
            "nothing of it waits"
        );
        assert!(turn.len() < 5, "ten messages take most of a turn: {}", turn.len());
        assert!(
            matches!(line.take_all().last(), Some(Incoming::HangUp { peer }) if *peer == slow),
            "it comes last"
        );
    }
}
