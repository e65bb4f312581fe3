//! How does the store live in the lab that several brokers share? It is a machine with a disk, which gives one of them the
//! lock.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::super::{Guest, GuestMessage, GuestOut, GuestView, Halts, Housed, Look, OpenDisk, Run, Speaks};
use super::broker::in_log;
use super::view;
use crate::ids::{LogName, MessageId, NodeId};
use crate::observe::{Event, Place, Refusal};
use crate::record::Batches;
use crate::sim::world::{Disk, Power};
use crate::systems::Input;
use crate::systems::activemq::protocol::Message;
use crate::systems::activemq::{JournalSync, StoreServer};
use crate::time::{Span, Time};

/// The store.
#[derive(Clone, Debug)]
pub(super) struct Store {
    lease: Span,
    sync: JournalSync,
    process: Housed<StoreServer<Disk>>,
    failed: bool,
}

impl Store {
    pub(super) fn new(lease: Span, sync: JournalSync) -> Self {
        let process = match StoreServer::open(Disk::default(), 1, lease, sync) {
            Ok(server) => Housed::Runs(Box::new(server)),
            Err(_) => Housed::Down(Disk::default()), // an empty disk opens
        };
        Self { lease, sync, process, failed: false }
    }
}

impl Guest for Store {
    fn boxed(&self) -> Box<dyn Guest> {
        Box::new(self.clone())
    }

    fn handle(&mut self, now: Time, input: Input<GuestMessage>, _run: &mut Run<'_>, out: &mut GuestOut) {
        let Housed::Runs(server) = &mut self.process else { return };
        match Message::input(input) {
            Some(Input::Message { from, message: Message::Store(request) }) => {
                match server.handle(now, from, request, &mut out.events) {
                    Ok(Some(reply)) => out.sends.push((from, Message::Stored(reply).wrap())),
                    Ok(None) => {}
                    Err(_) => self.failed = true,
                }
            }
            Some(Input::HangUp { peer }) => server.hang_up(peer, &mut out.events),
            _ => {}
        }
    }

    fn settle(&mut self, now: Time, _out: &mut GuestOut) -> Result<(), Halts> {
        let Housed::Runs(server) = &mut self.process else { return Ok(()) };
        let failed = core::mem::take(&mut self.failed);
        if failed || server.settle(now).is_err() { Err(Halts(Refusal::Storage)) } else { Ok(()) }
    }

    fn next_wakeup(&self) -> Option<Time> {
        match &self.process {
            Housed::Runs(server) => server.next_wakeup(),
            Housed::Down(_) => None,
        }
    }

    fn stop(&mut self) -> Vec<Event> {
        let process = core::mem::replace(&mut self.process, Housed::Down(Disk::default()));
        self.process = match process {
            Housed::Runs(server) => Housed::Down(server.close().expect("the lab's memory closes")),
            down @ Housed::Down(_) => down,
        };
        self.failed = false;
        Vec::new()
    }

    fn start(&mut self, _now: Time, incarnation: u64) -> Result<(), Halts> {
        let Housed::Down(disk) = &self.process else { return Ok(()) };
        let server = StoreServer::open(disk.clone(), incarnation, self.lease, self.sync);
        self.process = Housed::Runs(Box::new(server.map_err(|_| Halts(Refusal::Storage))?));
        Ok(())
    }

    fn has_disk(&self) -> bool {
        true
    }

    fn disks(&mut self) -> Vec<OpenDisk<'_>> {
        self.process.disk(StoreServer::disk_mut)
    }

    fn messages_in(&self, log: &LogName, batches: &Batches) -> Vec<(Place, Vec<MessageId>)> {
        in_log(log, batches)
    }

    fn view(&self, look: &Look<'_>) -> GuestView {
        let serves = |holder: NodeId| look.world.power(holder) == Some(Power::On);
        match &self.process {
            // Who has the lock shows what is in it; one that is dead, and has not lost it yet, does not.
            Housed::Runs(server) if server.holder().is_some_and(serves) => view::empty(look),
            Housed::Runs(server) => view::disk(look, server.contents().expect("memory can be read")),
            Housed::Down(disk) => view::disk(look, disk.clone()),
        }
    }
}
