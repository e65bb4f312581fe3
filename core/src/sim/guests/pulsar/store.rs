//! How does the metadata store live in the lab? As one node; what it was told is on its disk before it answers.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::super::{
    Guest, GuestMessage, GuestOut, GuestView, Halts, Housed, Look, OpenDisk, Run, Speaks as _,
};
use super::carry;
use crate::ids::Epoch;
use crate::observe::{Event, Refusal};
use crate::sim::picture::ControllerView;
use crate::sim::world::Disk;
use crate::systems::pulsar::{Message, MetadataStore};
use crate::systems::{Input, Out};
use crate::time::{Span, Time};

/// The metadata store.
#[derive(Clone, Debug)]
pub(super) struct Store {
    session: Span,
    housed: Housed<MetadataStore<Disk>>,
}

impl Store {
    pub(super) fn new(session: Span) -> Self {
        let store = MetadataStore::open(Disk::default(), session, Time::ZERO).expect("an empty disk opens");
        Self { session, housed: Housed::Runs(Box::new(store)) }
    }
}

impl Guest for Store {
    fn boxed(&self) -> Box<dyn Guest> {
        Box::new(self.clone())
    }

    fn handle(&mut self, now: Time, input: Input<GuestMessage>, _run: &mut Run<'_>, out: &mut GuestOut) {
        let (Housed::Runs(store), Some(input)) = (&mut self.housed, Message::input(input)) else { return };
        let mut own = Out::default();
        store.handle(now, input, &mut own);
        carry(own, out);
    }

    fn settle(&mut self, now: Time, _out: &mut GuestOut) -> Result<(), Halts> {
        let Housed::Runs(store) = &mut self.housed else { return Ok(()) };
        store.settle(now, &mut Out::default()).map_err(|_| Halts(Refusal::Storage))
    }

    fn next_wakeup(&self) -> Option<Time> {
        if let Housed::Runs(store) = &self.housed { store.next_wakeup() } else { None }
    }

    fn stop(&mut self) -> Vec<Event> {
        if let Housed::Runs(store) = &self.housed {
            let disk = store.as_ref().clone().into_storage().expect("memory closes its logs");
            self.housed = Housed::Down(disk);
        }
        Vec::new()
    }

    fn start(&mut self, now: Time, _incarnation: u64) -> Result<(), Halts> {
        if let Housed::Down(disk) = &self.housed {
            let store = MetadataStore::open(disk.clone(), self.session, now);
            self.housed = Housed::Runs(Box::new(store.map_err(|_| Halts(Refusal::Storage))?));
        }
        Ok(())
    }

    fn has_disk(&self) -> bool {
        true
    }

    fn disks(&mut self) -> Vec<OpenDisk<'_>> {
        self.housed.disk(|store| {
            let (disk, log) = store.disk();
            (disk, [log])
        })
    }

    fn view(&self, look: &Look<'_>) -> GuestView {
        let (up, term) = (look.is_up(), Epoch(0)); // it is alone: nobody is elected
        GuestView::Keeper(ControllerView { node: look.node, up, active: up, term, runs_at: None })
    }
}
