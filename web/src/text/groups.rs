//! Under which topic does each story stand in the list? Every scenario that comes with the engine belongs to one group;
//! a test demands it.

use super::{Both, both};

/// Stories on one topic, in the order in which they are best read.
#[derive(Clone, Copy, Debug)]
pub struct Group {
    /// The topic.
    pub title: Both,
    /// Names of scenarios.
    pub scenarios: &'static [&'static str],
}

/// Above stories of no group: those that come with the engine have one.
pub const OTHERS: Both = both("More", "其他");

/// Every group, in order.
pub const GROUPS: &[Group] = &[
    Group {
        title: both("What a queue is for", "队列有什么用"),
        scenarios: &[
            "checkout-by-calls",
            "checkout-by-queue",
            "flash-sale-by-calls",
            "flash-sale-by-queue",
            "shop-by-calls",
            "shop-by-topic",
            "request-reply",
        ],
    },
    Group {
        title: both("Point to point", "点对点"),
        scenarios: &[
            "hundred-messages",
            "poison-forever",
            "poison-message",
            "retry-with-backoff",
            "expiry",
            "expiry-swept",
            "priorities",
            "delayed",
            "single-active",
            "consumer-priority",
        ],
    },
    Group {
        title: both("Push", "推模式"),
        scenarios: &[
            "push-unlimited",
            "push-automatic",
            "push-with-prefetch",
            "push-by-credit",
            "push-orders",
            "push-overload",
            "full-queue-drops",
            "full-queue-refuses",
            "full-queue-waits",
            "memory-alarm",
            "disk-alarm",
            "credit-flow",
            "no-credit-flow",
        ],
    },
    Group {
        title: both("Pull", "拉模式"),
        scenarios: &[
            "pull-orders",
            "pull-long-poll",
            "pull-overload",
            "staging-in-memory",
            "staging-on-disk",
            "filtered-pull",
        ],
    },
    Group {
        title: both("Order", "顺序"),
        scenarios: &["order-one-consumer", "order-parallel", "order-retry", "order-per-key"],
    },
    Group {
        title: both("Publish and subscribe", "发布与订阅"),
        scenarios: &["broadcast", "away", "shared-subscription", "selectors", "retained"],
    },
    Group { title: both("Routing", "路由"), scenarios: &["exchanges", "consistent-hash"] },
    Group {
        title: both("Safety of the producer", "生产者的可靠性"),
        scenarios: &["failover-doubles", "failover-once", "stored-is-not-done", "kept-until-done"],
    },
    Group {
        title: both("Transactions", "事务"),
        scenarios: &[
            "without-transaction",
            "local-transaction",
            "dual-write-publish-first",
            "dual-write-commit-first",
            "outbox",
            "half-messages",
            "exactly-once",
            "zombie-doubles",
            "zombie-fenced",
        ],
    },
    Group {
        title: both("Consumer groups", "消费者组"),
        scenarios: &["rebalance-eager", "rebalance-cooperative", "rebalance-storm"],
    },
    Group {
        title: both("Share groups", "共享组"),
        scenarios: &["share-group", "share-poison", "share-fail-over"],
    },
    Group {
        title: both("Replicated log", "复制日志"),
        scenarios: &[
            "kill-the-leader",
            "kill-the-leader-acks-1",
            "duplicate-after-lost-answer",
            "idempotent-producer",
            "truncation-by-watermark",
            "truncation-by-epoch",
            "controllers-fail-over",
            "more-partitions",
            "move-a-partition",
            "read-from-the-closest",
            "replay",
            "slow-puller-retention",
            "compacted-topic",
            "windowed-count",
            "windowed-count-lateness",
        ],
    },
    Group {
        title: both("Pulsar", "Pulsar"),
        scenarios: &[
            "pulsar-broker-fails-over",
            "pulsar-bookie-fails",
            "pulsar-zombie-broker",
            "pulsar-subscriptions",
            "pulsar-without-sync",
            "pulsar-geo-cut",
            "pulsar-geo-burns",
            "pulsar-offload",
            "pulsar-compaction",
            "pulsar-autorecovery",
        ],
    },
    Group {
        title: both("ActiveMQ", "ActiveMQ"),
        scenarios: &[
            "activemq-master-slave",
            "activemq-no-sync",
            "activemq-poison",
            "activemq-prefetch",
            "activemq-virtual-topic",
        ],
    },
    Group {
        title: both("RocketMQ", "RocketMQ"),
        scenarios: &[
            "rocketmq-long-poll",
            "rocketmq-send-results",
            "rocketmq-power-cut",
            "rocketmq-controller",
            "rocketmq-orderly",
            "rocketmq-retry",
            "rocketmq-pop",
        ],
    },
    Group {
        title: both("RabbitMQ, a cluster", "RabbitMQ 集群"),
        scenarios: &[
            "rabbitmq-quorum-queue",
            "rabbitmq-classic-queue",
            "rabbitmq-no-majority",
            "rabbitmq-delivery-limit",
            "rabbitmq-stream",
            "rabbitmq-alarm",
        ],
    },
];

/// The known scenarios under their topics: groups that have any, in order, and last what belongs to none.
pub fn grouped<'a>(names: &[&'a str]) -> Vec<(Both, Vec<&'a str>)> {
    let all = |group: &Group| -> Vec<&'a str> {
        let known = group.scenarios.iter().filter_map(|name| names.iter().find(|other| *other == name));
        known.copied().collect()
    };
    let mut groups: Vec<(Both, Vec<&str>)> = GROUPS.iter().map(|group| (group.title, all(group))).collect();
    let in_a_group = |name: &&str| GROUPS.iter().any(|group| group.scenarios.contains(name));
    groups.push((OTHERS, names.iter().copied().filter(|name| !in_a_group(name)).collect()));
    groups.retain(|(_, names)| !names.is_empty());
    groups
}

#[cfg(test)]
mod tests {
    use mqlab_core::sim::Scenario;

    use super::*;

    #[test]
    fn every_scenario_stands_in_one_group() {
        for name in Scenario::names() {
            let count =
                GROUPS.iter().flat_map(|group| group.scenarios).filter(|other| **other == name).count();
            assert_eq!(count, 1, "{name} belongs to {count} groups: list it once in web/src/text/groups.rs");
        }
    }

    #[test]
    fn what_belongs_nowhere_stands_last_and_nothing_is_left_out() {
        let groups = grouped(&["hundred-messages", "a-scenario-of-mine", "kill-the-leader"]);
        let flat: Vec<&str> = groups.iter().flat_map(|(_, names)| names.iter().copied()).collect();
        assert_eq!(flat, ["hundred-messages", "kill-the-leader", "a-scenario-of-mine"]);
        assert_eq!(groups.last().map(|(title, _)| *title), Some(OTHERS));
    }
}
