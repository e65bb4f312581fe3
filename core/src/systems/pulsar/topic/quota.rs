//! A subscription is far behind: who suffers? As the quota says, its producers, or the subscription itself.
//!
//! ```text
//!   looked at every check_interval:   backlog of the slowest > quota?
//!     hold     what is sent waits here, without a receipt       until a look finds room
//!     refuse   what is sent is refused at once                  until a look finds room
//!     evict    the slowest lose their oldest entries, down to 90 % of the quota
//! ```
//!
//! How many bytes a backlog has is estimated: an entry counts as its ledger's average. Entries that only a recovery counted
//! have no bytes.
//!
//! Source: Pulsar `BacklogQuotaManager`.

use alloc::vec::Vec;

use super::facts::unread;
use super::{Topic, TopicOut};
use crate::observe::{Event, PulsarEvent};
use crate::systems::pulsar::ledger_list::LedgerFact;
use crate::systems::pulsar::retention::OverQuota;
use crate::time::Time;

impl Topic {
    /// Looks whether the slowest subscription is too far behind, and does what is to be done about it.
    pub(super) fn check_quota(&mut self, now: Time, facts: &mut Vec<LedgerFact>, out: &mut Vec<TopicOut>) {
        let Some(quota) = self.settings.backlog_quota else { return };
        let was_over = self.over.is_some();
        self.over = quota.check(self.backlog());
        if was_over != self.over.is_some() {
            self.tell(out, |partition| PulsarEvent::Quota { partition, over: !was_over });
        }
        if let Some(OverQuota::Evict { down_to }) =
            self.over.take_if(|over| matches!(over, OverQuota::Evict { .. }))
        {
            self.evict(down_to, out);
            self.trim(now, facts);
        }
        if self.over.is_none() {
            for (to, sequence, payload) in core::mem::take(&mut self.held) {
                self.send(now, to, sequence, payload, out);
            }
        }
    }

    /// The bytes that the slowest subscription has before it.
    fn backlog(&self) -> u64 {
        let marks = self.subscriptions.values().map(|subscribed| subscribed.subscription.cursor().mark());
        marks.min().map_or(0, |slowest| self.managed.bytes_from(slowest))
    }

    /// Acknowledges, for every subscription that has more than so many bytes before it, its oldest entries.
    fn evict(&mut self, down_to: u64, out: &mut Vec<TopicOut>) {
        let extents = self.managed.extents();
        for (name, subscribed) in &mut self.subscriptions {
            let mut at = subscribed.subscription.cursor().mark();
            let mut last = None;
            while extents.contains(at) && self.managed.bytes_from(at) > down_to {
                last = Some(at);
                at = extents.after(at);
            }
            if let Some(last) = last {
                let messages = unread(subscribed.subscription.cursor(), extents, &self.entries, last);
                let subscription = name.clone();
                out.push(TopicOut::Event(Event::Pulsar(PulsarEvent::Evicted { subscription, messages })));
                subscribed.dirty |= subscribed.subscription.skip_to(last, extents);
            }
        }
    }
}
