//! What does a broker do with a message that comes back? It stores it again for the group, later; or among its dead letters.
//!
//! The message is a new one, in the group's own topic, whose delay is longer each time; [`retry`] has the rule.
//!
//! [`retry`]: crate::systems::rocketmq::retry
//!
//! Source: `AbstractSendMessageProcessor.consumerSendMsgBack`.

use alloc::format;

use super::*;
use crate::ids::Name;
use crate::systems::rocketmq::properties::key;
use crate::systems::rocketmq::retry::{AfterFailure, after_failure, dead_letter_topic, retry_topic};

impl<S: Storage> Broker<S> {
    pub(super) fn take_back(
        &mut self,
        now: Time,
        group: &Name,
        (physical, level, retries_max): (u64, i32, u32),
        out: &mut Output,
    ) -> Result<Reply, StoreError<StorageError<S>>> {
        if !self.is_master() {
            return Ok(Reply::Refused(Refused::SlaveMode));
        }
        let (Ok(retry), Ok(dead)) = (retry_topic(group.as_str()), dead_letter_topic(group.as_str())) else {
            return Ok(Reply::Refused(Refused::TopicNotExist));
        };
        let Some(mut message) = self.store.commit_log().read(physical)? else {
            return Ok(Reply::Refused(Refused::NoMessage));
        };
        if message.properties.get(key::RETRY_TOPIC).is_none() {
            let topic = message.topic.clone();
            message.properties.put(key::RETRY_TOPIC, topic.as_str());
        }
        let after = after_failure(message.reconsumed, level, retries_max);
        (message.topic, message.queue) = match after {
            AfterFailure::Retry { level } => {
                message.properties.put(key::DELAY, &format!("{level}"));
                message.reconsumed += 1;
                (retry, 0)
            }
            AfterFailure::Bury => {
                message.properties.remove(key::DELAY);
                (dead, 0)
            }
        };
        self.topics.entry(message.topic.clone()).or_insert(1);
        Ok(match or_refused(self.put(now, message))? {
            Err(refused) => Reply::Refused(refused),
            Ok(stored) => {
                self.stored(&stored, out);
                let (group, times) = (group.clone(), stored.message.reconsumed);
                out.events.extend(stored.id().map(|message| {
                    Event::Rocketmq(match after {
                        AfterFailure::Retry { .. } => RocketmqEvent::SentBack { message, group, times },
                        AfterFailure::Bury => RocketmqEvent::Buried { message, group },
                    })
                }));
                Reply::SentBack
            }
        })
    }
}
