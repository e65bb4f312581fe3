//! What becomes of a consumer's program when it dies? What it forgets, what it leaves, and when it comes again.

use super::program::{Kept, Worker};
use super::source::{DiskLog, Source};
use super::world::Disk;
use crate::broker::Out;
use crate::client::Puller;
use crate::ids::MessageId;
use crate::log::Storage as _;
use crate::time::{Span, Time};

use alloc::vec::Vec;

impl Worker {
    /// It goes for good: its client says so to whom it concerns.
    pub(super) fn go(&mut self, now: Time, out: &mut Out) {
        match &mut self.source {
            Source::Pull(member) => member.go(now, out),
            Source::Classic(member) => member.go(now, out),
            // Who is connected closes the connection; who pulls on its own account has told nobody.
            Source::Push(_) | Source::Poll(_) | Source::Share(_) => {}
        }
    }

    /// Works so long on each message that it begins from now on.
    pub(super) fn work_for(&mut self, takes: Span) {
        self.takes = takes;
    }

    /// Has at most so many messages that it did not acknowledge.
    pub(super) fn set_prefetch(&mut self, most: u32, out: &mut Out) {
        if let Source::Push(subscriber) = &mut self.source {
            subscriber.set_prefetch(most, out);
        }
    }

    /// What its client had noted as done, and the program has not done: it dies with the program.
    pub(crate) fn forgets(&self) -> Vec<MessageId> {
        match &self.source {
            Source::Poll(puller) => {
                puller.at_stake().filter_map(|staged| staged.record.message_id()).collect()
            }
            _ => Vec::new(),
        }
    }

    /// What is there when the program is gone; after a power cut, only what was flushed.
    pub(crate) fn kept(&self, power_cut: bool) -> Kept {
        let mut disk = Disk::default();
        if let Source::Poll(puller) = &self.source {
            let log = puller.clone().into_log();
            disk.close(&Puller::<DiskLog>::log_name(), log).expect("memory closes its logs");
            if power_cut {
                disk.cut_power(|_, _| 0).expect("the lab's memory can be cut");
            }
        }
        Kept { inbox: self.inbox.clone(), windows: self.windows.clone(), disk }
    }

    /// How many messages it holds, if those are more than it has room for.
    pub(crate) fn out_of_memory(&self) -> Option<u32> {
        let held = self.held();
        (self.spec.memory_max > 0 && held > self.spec.memory_max).then_some(held)
    }

    /// When it is started again after it died for want of memory.
    pub(crate) fn restarts_after(&self) -> Option<Span> {
        (self.spec.restarts_after > 0).then_some(Span(self.spec.restarts_after))
    }

    /// The numbers of the partitions that it reads.
    pub(crate) fn partitions(&self) -> Vec<u32> {
        self.source.partitions()
    }
}
