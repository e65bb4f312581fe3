//! How does a broker live in the lab that keeps its messages on a disk of its own? It is master as long as it runs.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::super::{Guest, GuestMessage, GuestOut, GuestView, Halts, Housed, Look, OpenDisk, Run, Speaks};
use super::view;
use crate::ids::{LogName, MessageId};
use crate::log::Storage;
use crate::observe::{Event, Place, Refusal};
use crate::record::Batches;
use crate::sim::disks::{messages_in, place_of};
use crate::sim::world::Disk;
use crate::systems::activemq::protocol::Message;
use crate::systems::activemq::{Serving, ServingOptions};
use crate::systems::{Input, Out};
use crate::time::Time;

/// A broker with a disk of its own.
#[derive(Clone, Debug)]
pub(super) struct Own {
    options: ServingOptions,
    process: Housed<Serving<Disk>>,
    /// What it does in the burst that goes on.
    burst: Out<Message>,
    failed: bool,
}

impl Own {
    pub(super) fn new(options: ServingOptions) -> Self {
        let process = match Serving::open(Disk::default(), options.clone(), Time::ZERO) {
            Ok(serving) => Housed::Runs(Box::new(serving)),
            Err(_) => Housed::Down(Disk::default()), // an empty disk opens
        };
        Self { options, process, burst: Out::default(), failed: false }
    }
}

impl Guest for Own {
    fn boxed(&self) -> Box<dyn Guest> {
        Box::new(self.clone())
    }

    fn handle(&mut self, now: Time, input: Input<GuestMessage>, _run: &mut Run<'_>, _out: &mut GuestOut) {
        let Housed::Runs(serving) = &mut self.process else { return };
        let done = match Message::input(input) {
            Some(Input::Message { from, message: Message::Client { wire, command } }) => {
                serving.handle(now, from, (wire, command), &mut self.burst)
            }
            Some(Input::HangUp { peer }) => serving.leave(now, peer, &mut self.burst),
            _ => Ok(()),
        };
        self.failed |= done.is_err();
    }

    fn settle(&mut self, now: Time, out: &mut GuestOut) -> Result<(), Halts> {
        let Housed::Runs(serving) = &mut self.process else { return Ok(()) };
        let failed = core::mem::take(&mut self.failed);
        let mut burst = core::mem::take(&mut self.burst);
        if failed || serving.settle(now, &mut burst).is_err() {
            return Err(Halts(Refusal::Storage));
        }
        out.events.append(&mut burst.events);
        out.sends.extend(burst.sends.into_iter().map(|(to, message)| (to, message.wrap())));
        Ok(())
    }

    fn next_wakeup(&self) -> Option<Time> {
        match &self.process {
            Housed::Runs(serving) => serving.next_wakeup(),
            Housed::Down(_) => None,
        }
    }

    fn stop(&mut self) -> Vec<Event> {
        let process = core::mem::replace(&mut self.process, Housed::Down(Disk::default()));
        (self.burst, self.failed) = (Out::default(), false);
        match process {
            down @ Housed::Down(_) => {
                self.process = down;
                Vec::new()
            }
            Housed::Runs(serving) => {
                let lost = volatile(&serving);
                self.process = Housed::Down(serving.close().expect("the lab's memory closes"));
                lost
            }
        }
    }

    fn start(&mut self, now: Time, _incarnation: u64) -> Result<(), Halts> {
        let Housed::Down(disk) = &self.process else { return Ok(()) };
        let mut serving =
            Serving::open(disk.clone(), self.options.clone(), now).map_err(|_| Halts(Refusal::Storage))?;
        // What opening it brought is written before anybody is served.
        serving.settle(now, &mut self.burst).map_err(|_| Halts(Refusal::Storage))?;
        self.process = Housed::Runs(Box::new(serving));
        Ok(())
    }

    fn has_disk(&self) -> bool {
        true
    }

    fn disks(&mut self) -> Vec<OpenDisk<'_>> {
        self.process.disk(Serving::disk_mut)
    }

    fn messages_in(&self, log: &LogName, batches: &Batches) -> Vec<(Place, Vec<MessageId>)> {
        in_log(log, batches)
    }

    fn view(&self, look: &Look<'_>) -> GuestView {
        match &self.process {
            Housed::Runs(serving) => view::serving(look, serving),
            Housed::Down(disk) => view::disk(look, disk.clone()),
        }
    }
}

/// The messages in a part of a log, by the queue that they stand in.
pub(super) fn in_log(log: &LogName, batches: &Batches) -> Vec<(Place, Vec<MessageId>)> {
    let messages = messages_in(batches);
    let place = place_of(log.clone()).filter(|_| !messages.is_empty());
    place.map(|place| (place, messages)).into_iter().collect()
}

/// What a broker loses that dies, because it had it in memory alone.
pub(super) fn volatile<S: Storage>(serving: &Serving<S>) -> Vec<Event> {
    let lost = serving.volatile().into_iter().map(|(of, messages)| Event::TailLost { of, messages });
    lost.collect()
}
