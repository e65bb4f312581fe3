//! What becomes of a consumer's program when it dies? What it forgets, what it leaves, and when it comes again.

use super::program::{Kept, Worker};
use super::scenario::{ConsumerSpec, SourceSpec};
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

    /// Has at most so many messages that it did not acknowledge; of a share group, takes at most so many at once.
    pub(super) fn set_prefetch(&mut self, most: u32, out: &mut Out) {
        match &mut self.source {
            Source::Push(subscriber) => subscriber.set_prefetch(most, out),
            Source::Share(consumer) => consumer.set_records_max(most),
            Source::Pull(_) | Source::Classic(_) | Source::Poll(_) => {}
        }
    }

    /// Asks no more often than this, where it pulls on its own account.
    pub(super) fn ask_every(&mut self, every: Span) {
        if let Source::Poll(puller) = &mut self.source {
            puller.set_poll_every(every);
        }
    }

    /// Acknowledges as its part of the scenario says from now on. What it has begun it ends as it began it.
    pub(super) fn acknowledge_as(&mut self, spec: &ConsumerSpec) {
        self.spec.settles = spec.program.settles;
        match (&mut self.source, &spec.from) {
            (
                Source::Push(subscriber),
                SourceSpec::Queue { reading, .. } | SourceSpec::Subscription { reading, .. },
            ) => {
                self.turns_automatic = reading.automatic && !subscriber.is_automatic();
                if !reading.automatic {
                    subscriber.set_automatic(false);
                }
            }
            (Source::Pull(member), SourceSpec::Group { options, .. }) => member.set_commits(options.commits),
            (Source::Classic(member), SourceSpec::Group { options, .. }) => {
                member.set_commits(options.commits);
            }
            (Source::Poll(puller), SourceSpec::Poll { options, .. }) => puller.set_commits(options.commits),
            (Source::Share(consumer), SourceSpec::Share { options, .. }) => {
                consumer.set_acknowledges(options.acknowledges);
            }
            _ => {}
        }
    }

    /// Whether the next message was handed over for good already.
    pub(super) fn is_next_given(&self) -> bool {
        matches!(&self.source, Source::Push(subscriber) if subscriber.is_next_given())
    }

    /// It was told that the delivery is to be enough. Of what it has in hand it gives account first: that came under the
    /// old rule, and would be delivered again.
    pub(super) fn turn_automatic(&mut self, now: Time, out: &mut Out) {
        let is_busy = !self.work.is_empty() || self.sends_on() > 0 || self.is_next_given();
        if !self.turns_automatic || is_busy {
            return;
        }
        self.settle_done(now, 1, out);
        self.turns_automatic = false;
        if let Source::Push(subscriber) = &mut self.source {
            subscriber.set_automatic(true);
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
