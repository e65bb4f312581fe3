//! What each scenario is about: the words to the left of the stage.

use super::{
    Both, both, purpose, stories_activemq, stories_cluster, stories_failures, stories_flow, stories_groups,
    stories_once, stories_onward, stories_order, stories_producer, stories_pull, stories_pulsar,
    stories_queues, stories_rabbit, stories_rocketmq, stories_share, stories_stream, stories_table,
    stories_txns,
};

/// One scenario's words.
#[derive(Clone, Copy, Debug)]
pub struct Story {
    /// Its name in code and links.
    pub scenario: &'static str,
    /// A few words above the title.
    pub kicker: Both,
    /// The title.
    pub title: Both,
    /// What happens; two or three short paragraphs. `*words*` are stressed.
    pub paragraphs: &'static [Both],
    /// What to look for.
    pub look: &'static [Both],
    /// What to try.
    pub tries: &'static [Both],
}

/// Every story that we tell.
pub const STORIES: &[Story] = &[
    HUNDRED,
    LEADER,
    LEADER_ACKS_1,
    purpose::CHECKOUT_CALLS,
    purpose::CHECKOUT_QUEUE,
    purpose::SALE_CALLS,
    purpose::SALE_QUEUE,
    purpose::SHOP_CALLS,
    purpose::SHOP_TOPIC,
    stories_pull::PUSH_ORDERS,
    stories_pull::PULL_ORDERS,
    stories_pull::LONG_POLL,
    stories_pull::PUSH_OVERLOAD,
    stories_pull::PULL_OVERLOAD,
    stories_pull::RETENTION,
    stories_table::COMPACTED,
    stories_pull::REPLAY,
    stories_pull::STAGING_MEMORY,
    stories_pull::STAGING_DISK,
    stories_pull::FILTERED,
    stories_stream::COUNT,
    stories_stream::LATENESS,
    stories_producer::FAILOVER_DOUBLES,
    stories_producer::FAILOVER_ONCE,
    stories_producer::STORED_IS_NOT_DONE,
    stories_producer::KEPT_UNTIL_DONE,
    stories_producer::PUBLISH_FIRST,
    stories_producer::COMMIT_FIRST,
    stories_producer::OUTBOX,
    stories_producer::HALF_MESSAGES,
];

/// More stories, from files of their own.
const MORE: &[&[Story]] = &[
    stories_queues::STORIES,
    stories_flow::STORIES,
    stories_once::STORIES,
    stories_failures::STORIES,
    stories_onward::STORIES,
    stories_order::STORIES,
    stories_groups::STORIES,
    stories_share::STORIES,
    stories_cluster::STORIES,
    stories_txns::STORIES,
    stories_pulsar::STORIES,
    stories_activemq::STORIES,
    stories_rocketmq::STORIES,
    stories_rabbit::STORIES,
];

/// Every story.
pub fn all() -> impl Iterator<Item = &'static Story> {
    STORIES.iter().chain(MORE.iter().copied().flatten())
}

/// The words of a scenario, if it has any of its own.
pub fn of(scenario: &str) -> Option<&'static Story> {
    all().find(|story| story.scenario == scenario)
}

const HUNDRED: Story = Story {
    scenario: "hundred-messages",
    kicker: both("One queue, two consumers", "一个队列，两个消费者"),
    title: both("A hundred messages", "一百条消息"),
    paragraphs: &[
        both(
            "A producer sends 100 messages to *one queue*. Two consumers compete for them: each message goes to one of the two, never to both.",
            "一个生产者向*一个队列*发送 100 条消息，两个消费者竞争消费：每条消息只会交给其中一个，不会两个都给。",
        ),
        both(
            "The queue serves them *in turn*, so each gets 50. It pushes ahead of what a consumer has finished, but only a few at a time: that limit is the prefetch.",
            "队列*轮流*投递，于是每个消费者各得 50 条。它不等消费者处理完就提前推送，但一次只推几条：这个上限叫预取（prefetch）。",
        ),
        both(
            "A message leaves the queue only when its consumer says “done”. Until then it stays in its place, in case the consumer dies.",
            "只有消费者回复“处理完了”，消息才会从队列删除。在那之前它一直占着原来的位置，以防消费者宕机。",
        ),
    ],
    look: &[
        both(
            "Faded discs stand in the queue, but are already with a consumer",
            "变淡的圆点还在队列里，但已经交给了消费者",
        ),
        both("The green ⊕ that comes back is an acknowledgement", "往回走的绿色 ⊕ 是确认（ack）"),
    ],
    tries: &[
        both(
            "Kill a consumer halfway. What it held goes back to its old place and is sent again, marked with a count",
            "中途让一个消费者宕机：它手里的消息回到原位，重新投递，并标上次数",
        ),
        both("Kill the broker, then revive it. Is anything lost?", "让 Broker 宕机，再恢复。有消息丢失吗？"),
    ],
};

const LEADER: Story = Story {
    scenario: "kill-the-leader",
    kicker: both("Three partitions, three replicas", "三个分区，三个副本"),
    title: both("The leader dies, and nothing is lost", "leader 宕机，一条也不丢"),
    paragraphs: &[
        both(
            "Orders go to a topic with 3 partitions; *the key decides* which one. Each partition has a leader and two followers that fetch from it. Producers and consumers talk to leaders only.",
            "订单发往有 3 个分区的主题，*由 key 决定*进哪个分区。每个分区有一个 leader 和两个 follower，follower 从 leader 拉取消息。生产者和消费者只与 leader 交互。",
        ),
        both(
            "With *acks=all* a producer hears “stored” only when every replica in sync has the message. Up to there reaches the *high watermark*, and consumers read only below it.",
            "*acks=all* 时，要等所有同步副本都有了这条消息，生产者才会收到“已存好”。*高水位*就推进到这里，消费者只能读到它以下的消息。",
        ),
        both(
            "Then *broker 1 crashes*. The controller misses its heartbeat and makes a replica that was in sync the new leader. Later broker 1 returns, cuts off what was never committed, and catches up.",
            "接着 *Broker 1 宕机*。控制器收不到它的心跳，就从同步副本里选出新的 leader。之后 Broker 1 回来，截掉从未提交的消息，再追上进度。",
        ),
    ],
    look: &[
        both(
            "Dashed rings are not committed yet; the green line is the high watermark",
            "虚线圆圈是还没提交的消息；绿线是高水位",
        ),
        both(
            "Messages sent again after the crash carry a count: whoever heard nothing tries again, so some may be delivered twice",
            "宕机后重发的消息带有次数：没收到回应就再试一次，所以有些消息可能投递两次",
        ),
    ],
    tries: &[
        both("Kill the new leader too. Who is left to lead?", "把新的 leader 也弄宕机。还有谁能当 leader？"),
        both(
            "Step back to just before the crash and kill another broker instead: the run branches",
            "退回到宕机前一刻，换一个 Broker 宕机：运行会分出另一条分支",
        ),
        both(
            "Choose the same story with acks=1, and watch the tray",
            "换成 acks=1 的同一个故事，留意底部的托盘",
        ),
    ],
};

const LEADER_ACKS_1: Story = Story {
    scenario: "kill-the-leader-acks-1",
    kicker: both("One setting changed", "只改一个设置"),
    title: both("The leader dies with acks=1", "acks=1 时 leader 宕机"),
    paragraphs: &[
        both(
            "Everything is as before, except that a producer is told *“stored” as soon as the leader has* the message. The followers fetch it a moment later.",
            "其他都和之前一样，只有一点不同：*leader 一收到*消息就告诉生产者“已存好”，follower 稍后才来拉取。",
        ),
        both(
            "In that moment the message stands on one machine only. When the leader dies just then, the new leader has never heard of it: an acknowledged message is *lost*, and nobody is told.",
            "在这一刻，消息只存在一台机器上。如果 leader 恰好此时宕机，新的 leader 根本不知道有过这条消息：已确认的消息就此*丢失*，没有人会收到通知。",
        ),
    ],
    look: &[
        both(
            "The green ⊕ comes back before the followers have a copy",
            "follower 还没有副本，绿色 ⊕ 就已经回来了",
        ),
        both(
            "The tray at the bottom: click a message in it to read its whole life",
            "底部的托盘：点击里面的消息，看它的一生",
        ),
    ],
    tries: &[
        both("Try other seeds: how many are lost each time?", "换几个种子：每次丢失多少条？"),
        both("Compare with acks=all under the same seed", "用同一个种子与 acks=all 对比"),
    ],
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_story_is_complete_in_both_languages() {
        for story in all() {
            let all = [story.kicker, story.title]
                .into_iter()
                .chain(story.paragraphs.iter().chain(story.look).chain(story.tries).copied());
            for text in all {
                assert!(!text.en.is_empty() && !text.zh.is_empty(), "{text:?}");
                assert_eq!(text.en.matches('*').count() % 2, 0, "{text:?}");
                assert_eq!(text.zh.matches('*').count() % 2, 0, "{text:?}");
                // What is written as code stands within one piece.
                let pieces = text.en.split('*').chain(text.zh.split('*'));
                assert!(pieces.into_iter().all(|piece| piece.matches('`').count() % 2 == 0), "{text:?}");
                assert!(!text.zh.is_ascii(), "{text:?} is not Chinese");
            }
            assert!((2..=3).contains(&story.paragraphs.len()), "{}", story.scenario);
        }
    }
}
