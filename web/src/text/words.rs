//! What is the same thing called in another system? A table: a row for each thing, a column for each system.
//!
//! Names are terms of the field, and stand as they are in both languages. Where a system has nothing of the kind the cell is
//! empty.

use mqlab_core::sim::SystemName;

use super::{Both, both};

/// The systems, in the order of the columns.
pub const SYSTEMS: [(SystemName, &str); 5] = [
    (SystemName::ActiveMq, "ActiveMQ"),
    (SystemName::RabbitMq, "RabbitMQ"),
    (SystemName::RocketMq, "RocketMQ"),
    (SystemName::Kafka, "Kafka"),
    (SystemName::Pulsar, "Pulsar"),
];

/// One thing.
#[derive(Clone, Copy, Debug)]
pub struct Thing {
    /// What it is.
    pub is: Both,
    /// What each system calls it, in the order of [`SYSTEMS`].
    pub called: [&'static str; 5],
}

const fn thing(is: Both, called: [&'static str; 5]) -> Thing {
    Thing { is, called }
}

/// Above the table.
pub const TITLE: Both = both("The same in other systems", "在别的系统里叫什么");
/// Above its first column.
pub const WHAT: Both = both("What", "是什么");

/// Every thing that has a name of its own somewhere.
pub const THINGS: &[Thing] = &[
    thing(
        both("keeps messages", "存消息的节点"),
        ["broker", "node", "broker (master, slave)", "broker", "bookie"],
    ),
    thing(
        both("knows where what is", "知道东西在哪里"),
        ["", "metadata store (Khepri)", "name server", "controller (KRaft)", "metadata store"],
    ),
    thing(both("where one sends", "发往哪里"), ["queue, topic", "exchange", "topic", "topic", "topic"]),
    thing(
        both("decides where a message goes", "决定消息去向"),
        ["destination", "binding, routing key", "queue selector", "partitioner", "router"],
    ),
    thing(
        both("the unit of order", "保证顺序的单位"),
        ["queue, message group", "queue", "message queue", "partition", "partition, key"],
    ),
    thing(
        both("what is written to", "写到哪里"),
        ["journal (KahaDB)", "queue log, Raft log", "CommitLog", "log segment", "ledger"],
    ),
    thing(
        both("finds a message in it", "怎么在里面找消息"),
        ["index", "queue index", "ConsumeQueue, IndexFile", "offset index", "managed ledger cursor"],
    ),
    thing(
        both("a message's place", "消息的位置"),
        ["message id", "delivery tag", "queue offset", "offset", "ledger:entry"],
    ),
    thing(
        both("a copy elsewhere", "别处的副本"),
        ["shared store", "quorum queue member", "slave", "follower replica", "write quorum"],
    ),
    thing(
        both("how safe “stored” is", "“已存下”有多可靠"),
        [
            "journalDiskSyncStrategy",
            "publisher confirm",
            "flushDiskType, brokerRole",
            "acks, min.insync.replicas",
            "ack quorum",
        ],
    ),
    thing(
        both("who share the work", "一起分担的消费者"),
        ["queue consumers", "queue consumers", "consumer group", "consumer group", "subscription"],
    ),
    thing(
        both("decides who reads what", "决定谁读什么"),
        ["broker", "broker", "each client (rebalance)", "group coordinator", "dispatcher"],
    ),
    thing(both("how messages come", "消息怎么到消费者"), ["push", "push", "long poll, pop", "poll", "push"]),
    thing(
        both("how many may be on their way", "最多有多少在途"),
        [
            "prefetch",
            "prefetch (QoS)",
            "pullThresholdForQueue",
            "max.poll.records",
            "receiver queue, permits",
        ],
    ),
    thing(
        both("“done”", "“处理完了”"),
        ["acknowledge", "basic.ack", "CONSUME_SUCCESS, offset", "offset commit", "acknowledge"],
    ),
    thing(
        both("“again, later”", "“稍后再来”"),
        [
            "redelivery policy",
            "basic.nack, requeue",
            "RECONSUME_LATER, %RETRY%",
            "",
            "negative ack, retry letter topic",
        ],
    ),
    thing(
        both("where failures end", "失败的归宿"),
        ["ActiveMQ.DLQ", "dead letter exchange", "%DLQ%group", "", "dead letter topic"],
    ),
    thing(
        both("not before a time", "到时才投递"),
        ["AMQ_SCHEDULED_DELAY", "delayed message exchange", "delay level", "", "deliverAfter"],
    ),
    thing(both("which of them", "只要其中一些"), ["selector", "binding", "tag, SQL92", "", "entry filter"]),
    thing(
        both("in order for one reader", "按序只给一个消费者"),
        [
            "exclusive consumer",
            "single active consumer",
            "queue lock (orderly)",
            "assignment",
            "exclusive, failover, key_shared",
        ],
    ),
    thing(
        both("agrees with a database", "与数据库一致"),
        ["XA transaction", "", "half message, check-back", "", ""],
    ),
    thing(
        both("all or nothing", "要么全有，要么全无"),
        ["JMS transaction", "tx.commit", "", "transactional.id", "transaction coordinator"],
    ),
];

/// The name of a system.
pub fn name(system: SystemName) -> &'static str {
    SYSTEMS.iter().find(|(other, _)| *other == system).map_or("", |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_thing_has_a_name_in_two_systems_at_least_and_no_two_are_one() {
        for thing in THINGS {
            let named = thing.called.iter().filter(|name| !name.is_empty()).count();
            assert!(named >= 2, "{:?}", thing.is);
            assert_eq!(THINGS.iter().filter(|other| other.is == thing.is).count(), 1, "{:?}", thing.is);
        }
        assert_eq!(SYSTEMS.map(|(system, _)| name(system)).len(), 5);
    }
}
