//! The bets themselves, by topic: which story asks what.

use mqlab_core::ids::NodeId;
use mqlab_core::message::DeathReason;
use mqlab_core::observe::{Event, FaultEvent, GroupEvent, OrderEvent, QueueEvent, Stamped};

use super::bets::Bet;
use super::both;
use crate::claim::Of;
use crate::desk::action::Count;

const LOST: Of = Of::Messages(Count::Lost);
const DOUBLED: Of = Of::Messages(Count::Doubled);
const REORDERED: Of = Of::Messages(Count::Reordered);
const DELIVERED: Of = Of::Messages(Count::Delivered);

fn falls(fact: &Stamped) -> bool {
    matches!(fact.event, Event::Crashed | Event::PowerCut | Event::Queue(QueueEvent::OutOfMemory { .. }))
}

fn broker_falls(fact: &Stamped) -> bool {
    falls(fact) && matches!(fact.node, NodeId::Broker(_))
}

fn processed(fact: &Stamped) -> bool {
    matches!(fact.event, Event::Processed { .. })
}

fn processed_by_the_first(fact: &Stamped) -> bool {
    processed(fact) && fact.node == NodeId::Consumer(1)
}

fn received(fact: &Stamped) -> bool {
    matches!(fact.event, Event::Received { .. })
}

fn asked(fact: &Stamped) -> bool {
    matches!(fact.event, Event::Order(OrderEvent::Asked { .. }))
}

fn asked_in_vain(fact: &Stamped) -> bool {
    matches!(&fact.event, Event::Order(OrderEvent::Answered { answer, .. }) if !answer.is_success())
}

fn sent(fact: &Stamped) -> bool {
    matches!(fact.event, Event::Sent { .. })
}

fn fails(fact: &Stamped) -> bool {
    matches!(fact.event, Event::Queue(QueueEvent::Failed { .. }))
}

fn out_of_memory(fact: &Stamped) -> bool {
    matches!(fact.event, Event::Queue(QueueEvent::OutOfMemory { .. }))
}

fn delivered_too_often(fact: &Stamped) -> bool {
    matches!(fact.event, Event::Queue(QueueEvent::Died { reason: DeathReason::DeliveryLimit, .. }))
}

fn not_stored(fact: &Stamped) -> bool {
    matches!(fact.event, Event::NotStored { .. })
}

fn unroutable(fact: &Stamped) -> bool {
    matches!(fact.event, Event::Queue(QueueEvent::Unroutable { .. }))
}

fn frozen(fact: &Stamped) -> bool {
    matches!(fact.event, Event::Fault(FaultEvent::Frozen))
}

fn own_transaction(fact: &Stamped) -> bool {
    matches!(fact.event, Event::Queue(QueueEvent::OwnTransaction { .. }))
}

fn checked_back(fact: &Stamped) -> bool {
    matches!(fact.event, Event::Queue(QueueEvent::CheckedBack { .. }))
}

fn rebalances(fact: &Stamped) -> bool {
    matches!(fact.event, Event::Group(GroupEvent::RebalanceBegan { .. }))
}

/// Who gets what, and who cannot take any more.
pub(super) const DELIVERY: &[Bet] = &[
    Bet {
        scenario: "hundred-messages",
        question: both("How many of the 100 will worker-1 do?", "100 条里，worker-1 会处理多少条？"),
        turn: processed,
        of: Of::Facts(processed_by_the_first),
        cuts: &[40, 61],
    },
    Bet {
        scenario: "checkout-by-calls",
        question: both("How many of the 50 buyers will hear “no”?", "50 个买家里，多少人会得到“失败”？"),
        turn: asked,
        of: Of::Facts(asked_in_vain),
        cuts: &[1, 8, 25],
    },
    Bet {
        scenario: "checkout-by-queue",
        question: both(
            "And with a queue: how many buyers hear “no” at once?",
            "有了队列：多少买家当场得到“失败”？",
        ),
        turn: asked,
        of: Of::Facts(asked_in_vain),
        cuts: &[1, 8, 25],
    },
    Bet {
        scenario: "flash-sale-by-calls",
        question: both("How many of the 300 will ask in vain?", "300 人里，多少人会白跑一趟？"),
        turn: |fact| asked(fact) && fact.node == NodeId::User(2),
        of: Of::Facts(asked_in_vain),
        cuts: &[1, 100, 200],
    },
    Bet {
        scenario: "flash-sale-by-queue",
        question: both("How many of the 300 will ask in vain?", "300 人里，多少人会白跑一趟？"),
        turn: |fact| asked(fact) && fact.node == NodeId::User(2),
        of: Of::Facts(asked_in_vain),
        cuts: &[1, 100, 200],
    },
    Bet {
        scenario: "shop-by-calls",
        question: both(
            "A service dies. How many of the 80 orders fail?",
            "一个服务宕机。80 个订单里多少个失败？",
        ),
        turn: falls,
        of: Of::Facts(asked_in_vain),
        cuts: &[1, 10, 40],
    },
    Bet {
        scenario: "shop-by-topic",
        question: both(
            "The same service dies. How many orders fail now?",
            "同一个服务宕机。这次多少订单失败？",
        ),
        turn: falls,
        of: Of::Facts(asked_in_vain),
        cuts: &[1, 10, 40],
    },
    Bet {
        scenario: "poison-forever",
        question: both(
            "One message in twelve cannot be done. How many of the 60 are done by the end?",
            "每十二条有一条处理不了。结束时 60 条里处理完多少？",
        ),
        turn: fails,
        of: DELIVERED,
        cuts: &[20, 40, 55],
    },
    Bet {
        scenario: "poison-message",
        question: both("How many messages will be taken out as poison?", "多少条会作为毒消息被移走？"),
        turn: fails,
        of: Of::Facts(delivered_too_often),
        cuts: &[1, 3, 10],
    },
    Bet {
        scenario: "push-unlimited",
        question: both("How often will the worker run out of memory?", "worker 会内存耗尽多少次？"),
        turn: received,
        of: Of::Facts(out_of_memory),
        cuts: &[1, 2, 5],
    },
    Bet {
        scenario: "push-automatic",
        question: both("How many of the 120 will be lost?", "120 条里会丢失多少条？"),
        turn: received,
        of: LOST,
        cuts: &[1, 10, 60],
    },
    Bet {
        scenario: "push-with-prefetch",
        question: both("How often will the worker run out of memory now?", "这次 worker 会内存耗尽多少次？"),
        turn: received,
        of: Of::Facts(out_of_memory),
        cuts: &[1, 2, 5],
    },
    Bet {
        scenario: "push-overload",
        question: both("How many of the 150 are done by the end?", "结束时 150 条里处理完多少？"),
        turn: received,
        of: DELIVERED,
        cuts: &[50, 100, 150],
    },
    Bet {
        scenario: "pull-overload",
        question: both("How many of the 150 are done by the end?", "结束时 150 条里处理完多少？"),
        turn: received,
        of: DELIVERED,
        cuts: &[50, 100, 150],
    },
    Bet {
        scenario: "full-queue-drops",
        question: both("How many of the 100 will have to go?", "100 条里，多少条会被挤走？"),
        turn: received,
        of: Of::Messages(Count::Dead),
        cuts: &[1, 20, 60],
    },
    Bet {
        scenario: "full-queue-refuses",
        question: both("How often will the shop hear “no”?", "shop 会被拒绝多少次？"),
        turn: received,
        of: Of::Facts(not_stored),
        cuts: &[1, 20, 100],
    },
    Bet {
        scenario: "expiry",
        question: both("How many of the 20 offers come too late?", "20 条报价里，多少条来不及？"),
        turn: received,
        of: Of::Messages(Count::Dead),
        cuts: &[1, 5, 15],
    },
    Bet {
        scenario: "exchanges",
        question: both("How many messages will fit no queue?", "多少条消息找不到队列？"),
        turn: sent,
        of: Of::Facts(unroutable),
        cuts: &[1, 4, 12],
    },
    Bet {
        scenario: "away",
        question: both("How many of the 60 will somebody read?", "60 条里，多少条会有人读到？"),
        turn: received,
        of: DELIVERED,
        cuts: &[30, 60],
    },
];

/// In which order things are done.
pub(super) const ORDER: &[Bet] = &[
    Bet {
        scenario: "order-parallel",
        question: both("How many of the 90 are done out of order?", "90 条里，多少条会乱序？"),
        turn: received,
        of: REORDERED,
        cuts: &[1, 10, 40],
    },
    Bet {
        scenario: "order-retry",
        question: both("How many of the 90 are done out of order?", "90 条里，多少条会乱序？"),
        turn: fails,
        of: REORDERED,
        cuts: &[1, 15, 40],
    },
    Bet {
        scenario: "order-per-key",
        question: both(
            "Two work at once. How many keys' messages are out of order?",
            "两人同时干活。多少条会在自己的 key 内乱序？",
        ),
        turn: received,
        of: REORDERED,
        cuts: &[1, 10, 40],
    },
    Bet {
        scenario: "more-partitions",
        question: both(
            "Partitions are added. How many of the 200 are out of order then?",
            "增加分区之后，200 条里多少条会乱序？",
        ),
        turn: received,
        of: REORDERED,
        cuts: &[1, 10, 50],
    },
];

/// What producers and consumers can do so that nothing is lost, doubled or invented.
pub(super) const SAFETY: &[Bet] = &[
    Bet {
        scenario: "failover-doubles",
        question: both(
            "Broker 1 goes dark. How many of the 60 are done twice?",
            "Broker 1 断电。60 条里多少条处理两次？",
        ),
        turn: broker_falls,
        of: DOUBLED,
        cuts: &[1, 5, 20],
    },
    Bet {
        scenario: "failover-once",
        question: both("The same fault. How many are done twice now?", "同样的故障。这次多少条处理两次？"),
        turn: broker_falls,
        of: DOUBLED,
        cuts: &[1, 5, 20],
    },
    Bet {
        scenario: "stored-is-not-done",
        question: both("How many of the 60 “stored” messages are lost?", "60 条“已存储”的消息会丢失多少？"),
        turn: broker_falls,
        of: LOST,
        cuts: &[1, 10, 30],
    },
    Bet {
        scenario: "kept-until-done",
        question: both("The same fault. How many are lost now?", "同样的故障。这次丢失多少？"),
        turn: broker_falls,
        of: LOST,
        cuts: &[1, 10, 30],
    },
    Bet {
        scenario: "dual-write-publish-first",
        question: both(
            "How many orders that do not exist will be worked on?",
            "多少个不存在的订单会被处理？",
        ),
        turn: own_transaction,
        of: Of::Messages(Count::Invented),
        cuts: &[1, 4, 20],
    },
    Bet {
        scenario: "dual-write-commit-first",
        question: both("Of how many orders will nobody hear?", "多少个订单会无人知晓？"),
        turn: own_transaction,
        of: Of::Messages(Count::Unheard),
        cuts: &[1, 4, 20],
    },
    Bet {
        scenario: "outbox",
        question: both(
            "The shop dies four times. How many messages come twice?",
            "商城宕机四次。多少条消息会来两次？",
        ),
        turn: own_transaction,
        of: DOUBLED,
        cuts: &[1, 5, 20],
    },
    Bet {
        scenario: "half-messages",
        question: both("How often will the broker have to ask back?", "Broker 要回查多少次？"),
        turn: own_transaction,
        of: Of::Facts(checked_back),
        cuts: &[1, 10, 40],
    },
    Bet {
        scenario: "without-transaction",
        question: both("How many messages will be done twice?", "多少条消息会处理两次？"),
        turn: received,
        of: DOUBLED,
        cuts: &[1, 15, 40],
    },
    Bet {
        scenario: "local-transaction",
        question: both("And with a transaction: how many are done twice?", "有了事务：多少条会处理两次？"),
        turn: received,
        of: DOUBLED,
        cuts: &[1, 15, 40],
    },
    Bet {
        scenario: "exactly-once",
        question: both(
            "The program dies in the middle. How many count twice?",
            "程序中途宕机。多少条会算两次？",
        ),
        turn: falls,
        of: DOUBLED,
        cuts: &[1, 5, 20],
    },
    Bet {
        scenario: "zombie-doubles",
        question: both(
            "A program freezes and wakes up. How many are billed twice?",
            "程序卡住又醒来。多少条会开两遍账单？",
        ),
        turn: frozen,
        of: DOUBLED,
        cuts: &[1, 5, 20],
    },
    Bet {
        scenario: "zombie-fenced",
        question: both(
            "The same zombie, in a transaction. How many are billed twice?",
            "同一个僵尸，在事务里。多少条会开两遍账单？",
        ),
        turn: frozen,
        of: DOUBLED,
        cuts: &[1, 5, 20],
    },
    Bet {
        scenario: "staging-in-memory",
        question: both(
            "How many of the 100 are noted as read, and never done?",
            "100 条里，多少条记为已读却没处理？",
        ),
        turn: falls,
        of: LOST,
        cuts: &[1, 10, 40],
    },
    Bet {
        scenario: "staging-on-disk",
        question: both("With a disk of its own: how many are never done?", "有了自己的磁盘：多少条没处理？"),
        turn: falls,
        of: LOST,
        cuts: &[1, 10, 40],
    },
];

/// Logs with copies, and those who read them.
pub(super) const REPLICATION: &[Bet] = &[
    Bet {
        scenario: "kill-the-leader",
        question: both(
            "Broker 1 will crash. How many of the 160 are delivered twice?",
            "Broker 1 将宕机。160 条里多少条会投递两次？",
        ),
        turn: broker_falls,
        of: DOUBLED,
        cuts: &[1, 4, 20],
    },
    Bet {
        scenario: "kill-the-leader-acks-1",
        question: both(
            "Broker 1 will crash. How many acknowledged messages are gone for good?",
            "Broker 1 将宕机。多少条已确认的消息会彻底丢失？",
        ),
        turn: broker_falls,
        of: LOST,
        cuts: &[1, 5, 20],
    },
    Bet {
        scenario: "duplicate-after-lost-answer",
        question: both(
            "Answers get lost. How many of the 100 are delivered twice?",
            "应答会丢。100 条里多少条投递两次？",
        ),
        turn: sent,
        of: DOUBLED,
        cuts: &[1, 10, 40],
    },
    Bet {
        scenario: "idempotent-producer",
        question: both(
            "Answers get lost as before. How many come twice now?",
            "应答照样会丢。这次多少条来两次？",
        ),
        turn: sent,
        of: DOUBLED,
        cuts: &[1, 10, 40],
    },
    Bet {
        scenario: "truncation-by-watermark",
        question: both(
            "Nobody's disk is lost. How many acknowledged messages are?",
            "磁盘都还在。已确认的消息会丢多少？",
        ),
        turn: broker_falls,
        of: LOST,
        cuts: &[1, 2, 5],
    },
    Bet {
        scenario: "truncation-by-epoch",
        question: both("The same crashes. How many are lost now?", "同样的宕机。这次丢多少？"),
        turn: broker_falls,
        of: LOST,
        cuts: &[1, 2, 5],
    },
    Bet {
        scenario: "controllers-fail-over",
        question: both(
            "Who elects will die, too. How many of the 200 are delivered twice?",
            "负责选举的也会宕机。200 条里多少条投递两次？",
        ),
        turn: |fact| falls(fact) && fact.node.is_controller(),
        of: DOUBLED,
        cuts: &[1, 5, 50],
    },
    Bet {
        scenario: "slow-puller-retention",
        question: both(
            "How many of the 150 are deleted before they were read?",
            "150 条里，多少条还没读就被清理？",
        ),
        turn: received,
        of: Of::Messages(Count::Trimmed),
        cuts: &[1, 20, 75],
    },
    Bet {
        scenario: "rebalance-storm",
        question: both("How many of the 60 are done by the end?", "结束时 60 条里处理完多少？"),
        turn: received,
        of: DELIVERED,
        cuts: &[25, 50, 60],
    },
    Bet {
        scenario: "rebalance-eager",
        question: both("How often will the group be dealt anew?", "消费者组会重平衡多少次？"),
        turn: received,
        of: Of::Facts(rebalances),
        cuts: &[1, 3, 6],
    },
    Bet {
        scenario: "share-group",
        question: both(
            "carl will freeze. How many of the 90 are done twice?",
            "carl 会冻结。90 条里多少条处理两次？",
        ),
        turn: frozen,
        of: DOUBLED,
        cuts: &[1, 5, 20],
    },
    Bet {
        scenario: "share-poison",
        question: both("How many of the 60 will be given up?", "60 条里，多少条会被放弃？"),
        turn: received,
        of: Of::Messages(Count::Archived),
        cuts: &[1, 5, 20],
    },
    Bet {
        scenario: "share-fail-over",
        question: both(
            "The leader dies with the account of all. How many are done twice?",
            "记着所有状态的 leader 宕机。多少条处理两次？",
        ),
        turn: broker_falls,
        of: DOUBLED,
        cuts: &[1, 5, 20],
    },
];
