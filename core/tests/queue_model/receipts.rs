//! The same by receipts: leases that outlive processes; and sending what is taken back where there is no room for it.

use mqlab_core::ids::Offset;
use mqlab_core::queue::{Receipt, Sent};
use proptest::sample::Index;

use crate::drive::{Disk, Pair, delivered, refusal};
use crate::list::Refusal;
use crate::plan::{Operation, Wish};

impl<S: Disk> Pair<S> {
    pub(crate) fn by_receipt(&mut self, operation: Operation) -> String {
        let now = self.now;
        let receipts = &self.receipts;
        let receipt = |index: &Index| if receipts.is_empty() { None } else { Some(*index.get(receipts)) };
        let queue = self.queue.as_mut().expect("it is open");
        match operation {
            Operation::Lease(span) => {
                let real = queue.lease(now, span).map(|found| found.map(delivered)).map_err(refusal);
                self.count(real.iter().flatten().cloned());
                let leased = real.iter().flatten().map(|(_, _, offset, count, _)| (*offset, *count));
                self.receipts.extend(leased);
                self.agree(real, |list| Ok(list.lease(now, span)))
            }
            Operation::AckReceipt(index) => {
                let Some((offset, count)) = receipt(&index) else { return String::new() };
                let real = queue.ack_receipt(now, Receipt { offset: Offset(offset), count }).map_err(refusal);
                self.agree(real, |list| list.ack_receipt(now, (offset, count)))
            }
            Operation::NackReceipt(index, delay) => {
                let Some((offset, count)) = receipt(&index) else { return String::new() };
                let name = Receipt { offset: Offset(offset), count };
                let real = queue.nack_receipt(now, name, delay).map_err(refusal);
                self.agree(real, |list| list.nack_receipt(now, (offset, count), delay))
            }
            Operation::RejectReceipt(index) => {
                let Some((offset, count)) = receipt(&index) else { return String::new() };
                let real =
                    queue.reject_receipt(now, Receipt { offset: Offset(offset), count }).map_err(refusal);
                self.agree(real, |list| list.reject_receipt(now, (offset, count)))
            }
            Operation::RenewReceipt(index, span) => {
                let Some((offset, count)) = receipt(&index) else { return String::new() };
                let name = Receipt { offset: Offset(offset), count };
                let real = queue.renew_receipt(now, name, span).map_err(refusal);
                self.agree(real, |list| list.renew_receipt(now, (offset, count), span))
            }
            other => unreachable!("{other:?}"),
        }
    }

    /// Sends what is durable then, or is told that there is no room and has changed nothing.
    pub(crate) fn send_or_not(&mut self, wish: Wish) -> String {
        let now = self.now;
        self.perform(Operation::Tick);
        let queue = self.queue.as_mut().expect("it is open");
        if self.failed || queue.commit().is_err() {
            self.failed |= !self.full;
            return String::new();
        }
        let message = self.message(wish);
        let queue = self.queue.as_mut().expect("it is open");
        let real = queue.send(now, message.clone()).map(|sent| match sent {
            Sent::Stored(offset) => Some(offset.0),
            Sent::Duplicate => None,
        });
        let stored = real.as_ref().ok().copied().flatten();
        let real = real.map_err(refusal);
        self.since_flush.extend(message.id());
        let logged_before = self.list.logged;
        let answer = self.agree(real, |list| list.send(now, message));
        let queue = self.queue.as_mut().expect("it is open");
        match (queue.flush().map_err(refusal), stored) {
            (Err(Refusal::NoRoom), Some(offset)) if self.full && !self.failed => {
                let back = queue.withdraw(&[Offset(offset)]);
                let expected = self.list.withdraw(offset, logged_before);
                assert_eq!(back, u64::from(expected), "taken back");
            }
            (Err(Refusal::NoRoom), _) => assert!(self.full, "there is room"),
            (flushed, _) => {
                self.failed |= flushed.is_err();
                if !self.failed {
                    self.flushed = self.list.clone();
                    self.since_flush.clear();
                }
            }
        }
        answer
    }
}
