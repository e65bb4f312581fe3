//! What does a group say in answer to one call? Replies, also to those who waited, and facts.

use alloc::vec::Vec;

use super::group_request::GroupReply;
use super::protocol::{Out, Reply, RequestId};
use super::settings::Settings;
use crate::ids::{Epoch, Name, NodeId, Offset, PartitionId};
use crate::observe::{Event, GroupEvent, Refusal};
use crate::sorted::SortedMap;
use crate::time::{Span, Time};

/// Who waits for an answer.
pub(super) type Asker = (NodeId, RequestId);

/// The request of a client that is gone: its own count from 1.
pub(super) const NOBODY: RequestId = 0;

/// For each partition the next offset to read.
pub(super) type Offsets = SortedMap<PartitionId, Offset>;

/// One call of a group: what it may know, and what it says.
pub(super) struct Turn<'a> {
    pub(super) now: Time,
    pub(super) group: &'a Name,
    /// How long a new group waits for more members.
    pub(super) delay: Span,
    /// The epoch of the coordinator's partition.
    pub(super) reign: u32,
    /// Where the group has got to.
    pub(super) offsets: &'a Offsets,
    pub(super) answers: Vec<(Asker, Result<GroupReply, Refusal>)>,
    pub(super) events: Vec<Event>,
}

impl<'a> Turn<'a> {
    pub(super) fn new(
        now: Time,
        group: &'a Name,
        settings: &Settings,
        reign: Epoch,
        offsets: &'a Offsets,
    ) -> Self {
        let (answers, events) = Default::default();
        Self { now, group, delay: settings.rebalance_delay, reign: reign.0, offsets, answers, events }
    }

    /// Sends what was said.
    pub(super) fn send<D>(self, out: &mut Out<D>) {
        for ((to, id), answer) in self.answers.into_iter().filter(|((_, id), _)| *id != NOBODY) {
            out.reply(to, id, answer.map_or_else(Reply::Refused, Reply::Group));
        }
        out.events.extend(self.events);
    }

    pub(super) fn answer(&mut self, asker: Asker, answer: GroupReply) {
        self.answers.push((asker, Ok(answer)));
    }

    pub(super) fn refuse(&mut self, askers: impl IntoIterator<Item = Asker>, why: Refusal) {
        self.answers.extend(askers.into_iter().map(|asker| (asker, Err(why))));
    }

    pub(super) fn event(&mut self, event: GroupEvent) {
        self.events.push(Event::Group(event));
    }
}
