//! What does the judge say? What became of how many messages, and which.

use alloc::collections::BTreeSet;

use super::accounts::Account;
use super::{Agreement, Verdict};
use crate::ids::MessageId;
use crate::observe::Place;

impl Verdict {
    /// How many messages producers sent at least once.
    pub fn sent(&self) -> u64 {
        self.sent
    }

    /// How many messages producers were told are stored.
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    /// How many messages were processed at least once.
    pub fn delivered(&self) -> u64 {
        self.delivered
    }

    /// How many messages were sent, and are neither processed nor lost, dropped, returned, given up, trimmed, archived or
    /// dead letters.
    pub fn on_their_way(&self) -> u64 {
        self.messages_on_their_way().count() as u64
    }

    /// These messages, in order.
    pub fn messages_on_their_way(&self) -> impl Iterator<Item = MessageId> {
        let sent = self.accounts.iter().filter(|(_, account)| account.sender.is_some());
        let open = sent.filter(|(id, account)| !self.is_settled(id, account) && !self.is_dead_letter(id));
        open.map(|(id, _)| id)
    }

    /// Messages that producers were told are stored, in order.
    pub fn messages_acknowledged(&self) -> impl Iterator<Item = MessageId> {
        self.accounts.iter().filter(|(_, account)| account.acknowledged).map(|(id, _)| id)
    }

    /// Messages that were processed at least once, in order.
    pub fn messages_delivered(&self) -> impl Iterator<Item = MessageId> {
        self.accounts.iter().filter(|(_, account)| account.delivered).map(|(id, _)| id)
    }

    /// Messages that stand among dead letters alone, and nobody has processed.
    pub fn dead_letters(&self) -> impl Iterator<Item = MessageId> {
        let is_settled =
            |id: &MessageId| self.accounts.get(*id).is_some_and(|account| self.is_settled(id, account));
        let all: BTreeSet<MessageId> = self.dead_letters.keys().chain(&self.buried).copied().collect();
        all.into_iter().filter(move |id| !is_settled(id) && self.is_dead_letter(id))
    }

    /// Acknowledged messages that nobody will ever get.
    pub fn lost(&self) -> &BTreeSet<MessageId> {
        &self.lost
    }

    /// Acknowledged messages that a leader's retention dropped before anybody had processed them. A consumer that has
    /// one in hands may yet process it.
    pub fn trimmed(&self) -> impl Iterator<Item = MessageId> {
        self.trimmed.iter().filter(|id| self.is_acknowledged(**id)).copied()
    }

    /// Messages that a share group gave up, and nobody has processed.
    pub fn archived(&self) -> &BTreeSet<MessageId> {
        &self.shared.archived
    }

    /// Acknowledged messages that are neither processed nor lost: some log holds them, and they may yet come.
    pub fn waiting(&self) -> impl Iterator<Item = MessageId> {
        let acknowledged = self.accounts.iter().filter(|(_, account)| account.acknowledged);
        acknowledged.filter(|(id, account)| !self.is_settled(id, account)).map(|(id, _)| id)
    }

    pub(super) fn is_acknowledged(&self, id: MessageId) -> bool {
        self.accounts.get(id).is_some_and(|account| account.acknowledged)
    }

    pub(super) fn is_delivered(&self, id: MessageId) -> bool {
        self.accounts.get(id).is_some_and(|account| account.delivered)
    }

    /// Messages that their producers gave up, because a broker will never take them or did not acknowledge them in time:
    /// no promise was broken.
    pub fn given_up(&self) -> &BTreeSet<MessageId> {
        &self.given_up
    }

    /// Whether a message is processed, lost, dropped, returned, trimmed, archived, undone or given up.
    pub(super) fn is_settled(&self, id: &MessageId, account: &Account) -> bool {
        let over = [&self.lost, &self.dropped, &self.returned, &self.trimmed, &self.given_up];
        let more = [&self.shared.archived, self.undone()];
        account.delivered
            || over.into_iter().chain(more).any(|messages| messages.contains(id))
            || self.tables.took(id)
            || self.tables.is_passed_over(id)
    }

    /// Whether no log holds a message but those of queues in which it is a dead letter.
    pub(super) fn is_dead_letter(&self, id: &MessageId) -> bool {
        if self.buried.contains(id) {
            return true;
        }
        let (Some(queues), Some(account)) = (self.dead_letters.get(id), self.accounts.get(*id)) else {
            return false;
        };
        let is_grave = |log| matches!(self.copies.place(log), Place::Queue(queue) if queues.contains(queue));
        !account.logs.is_empty() && account.logs.iter().all(is_grave)
    }

    /// Messages of which a queue let a copy go, as it was told to, and that are not among dead letters.
    pub fn dropped(&self) -> &BTreeSet<MessageId> {
        &self.dropped
    }

    /// Messages that fitted no queue, as their producers were told: they have them back.
    pub fn returned(&self) -> &BTreeSet<MessageId> {
        &self.returned
    }

    /// Messages processed more than once.
    pub fn doubled(&self) -> &BTreeSet<MessageId> {
        &self.doubled
    }

    /// Messages processed after one that was sent later.
    pub fn reordered(&self) -> &BTreeSet<MessageId> {
        &self.reordered
    }

    /// Whether nothing was lost, trimmed unprocessed, doubled or out of order so far.
    pub fn is_clean(&self) -> bool {
        self.lost.is_empty()
            && self.trimmed().next().is_none()
            && self.doubled.is_empty()
            && self.reordered.is_empty()
            && self.dirty().is_empty()
    }

    /// Whether producers' own transactions and their messages agree.
    pub fn agreement(&self) -> &Agreement {
        &self.agreement
    }
}
