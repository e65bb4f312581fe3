//! Who processes what, and what comes of it? The program takes a message at a time, and says whether it is done.
//!
//! | | done | failed |
//! |---|---|---|
//! | concurrently, shared | gone | sent back: the broker gives it again, later each time |
//! | orderly | gone | tried again here after a second; nothing behind it goes on |
//! | each gets all | gone | gone: it does not come again |
//!
//! Source: `ConsumeMessageConcurrentlyService.processConsumeResult`, `ConsumeMessageOrderlyService.processConsumeResult`.

use super::*;
use crate::observe::{Event, Place};
use crate::systems::rocketmq::layout::StoredMessage;

/// A message for the program.
///
/// ```
/// use mqlab_core::ids::Name;
/// use mqlab_core::systems::rocketmq::allocate::MessageQueue;
/// use mqlab_core::systems::rocketmq::consumer::Work;
/// use mqlab_core::systems::rocketmq::layout::StoredMessage;
/// use mqlab_core::systems::rocketmq::Topic;
/// let topic = Topic::new("orders")?;
/// let queue = MessageQueue { topic: topic.clone(), broker: Name::new("broker-a")?, queue: 0 };
/// let work = Work { number: 1, queue, message: StoredMessage::new(topic, 0, "paid".into()) };
/// assert_eq!(work.message.reconsumed, 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Work {
    /// Its number, with which the program says how it ended.
    pub number: u64,
    /// Where it is from.
    pub queue: MessageQueue,
    /// The message.
    pub message: StoredMessage,
}

/// How the program's work on a message ended.
///
/// ```
/// use mqlab_core::systems::rocketmq::consumer::Consumed;
/// assert_ne!(Consumed::Success, Consumed::Later);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consumed {
    /// It is done (`CONSUME_SUCCESS`, `SUCCESS`).
    Success,
    /// It is to come again (`RECONSUME_LATER`, `SUSPEND_CURRENT_QUEUE_A_MOMENT`).
    Later,
    /// It is to come never again: it goes among the dead letters (`delayLevelWhenNextConsume` = -1). In order it is tried again
    /// all the same.
    Never,
}

/// What the program has.
#[derive(Clone, Debug)]
pub(super) struct InWork {
    queue: MessageQueue,
    offset: u64,
    physical: u64,
    id: Option<MessageId>,
}

impl Consumer {
    /// The next message to process: of those that may be, the one that came first, from whichever queue.
    fn next_ready(&self, now: Time) -> Option<(MessageQueue, u64)> {
        let ready = self.queues.iter().filter_map(|(queue, process)| {
            let offset = process.ready(now, &self.settings)?;
            Some((process.cached.get(&offset)?.arrival, queue, offset))
        });
        ready.min().map(|(_, queue, offset)| (queue.clone(), offset))
    }

    /// Gives the program what it may have.
    pub(super) fn hand_out(&mut self, now: Time) {
        while self.in_work.len() < self.settings.at_once as usize
            && let Some((queue, offset)) = self.next_ready(now)
            && let Some(process) = self.queues.get_mut(&queue)
            && let Some(cached) = process.cached.get_mut(&offset)
        {
            cached.in_work = true;
            self.last_work += 1;
            let message = cached.message.clone();
            let (physical, id) = (message.physical_offset, message.properties.message_id());
            self.in_work.insert(self.last_work, InWork { queue: queue.clone(), offset, physical, id });
            self.work.push(Work { number: self.last_work, queue, message });
        }
    }

    /// What the program is to process: each message once for each time that it is given out.
    pub fn take_work(&mut self) -> Vec<Work> {
        core::mem::take(&mut self.work)
    }

    /// The program is done with a message, or failed. A number that is not known, or was said already, changes nothing.
    pub fn finish(&mut self, now: Time, number: u64, how: Consumed, out: &mut Output) {
        let Some(InWork { queue, offset, physical, id }) = self.in_work.remove(&number) else { return };
        if how == Consumed::Success {
            if let Some(id) = id {
                // In a group that shares, twice is once too often; where each gets all, it is not.
                let group = (self.settings.model == Model::Clustering).then(|| self.settings.group.clone());
                let from = Place::Partition(self.settings.numbering.of(&queue));
                out.events.push(Event::Processed { from, messages: id.into(), group });
            }
            self.is_done(&queue, offset);
        } else if self.settings.model == Model::Broadcasting {
            self.is_done(&queue, offset);
        } else if self.settings.order == Order::Orderly {
            self.wait_with(&queue, offset, now + self.settings.suspend);
        } else if let Some(master) = self.master(&queue).filter(|_| self.queues.contains_key(&queue)) {
            let group = self.settings.group.clone();
            let retries_max = self.settings.retries_max;
            let level = if how == Consumed::Never { -1 } else { 0 };
            let request = Request::SendBack { group, physical, level, retries_max };
            self.ask(now, master, About::SendBack(queue, offset), request, out);
        } else {
            self.try_locally(now, &queue, offset);
        }
        self.do_what_is_due(now, out);
    }

    pub(super) fn is_done(&mut self, queue: &MessageQueue, offset: u64) {
        if let Some(process) = self.queues.get_mut(queue) {
            process.remove(offset);
        }
    }

    /// What could not be sent back is tried again here.
    pub(super) fn try_locally(&mut self, now: Time, queue: &MessageQueue, offset: u64) {
        self.wait_with(queue, offset, now + self.settings.local_delay);
    }

    fn wait_with(&mut self, queue: &MessageQueue, offset: u64, not_before: Time) {
        let process = self.queues.get_mut(queue);
        if let Some(cached) = process.and_then(|process| process.cached.get_mut(&offset)) {
            (cached.in_work, cached.not_before) = (false, not_before);
            cached.message.reconsumed += u32::from(self.settings.order == Order::Orderly);
        }
    }
}
