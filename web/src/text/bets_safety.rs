//! Bets on what is lost, doubled or invented: producers, transactions, replicated logs and their readers.

use super::bet_facts::{
    DELIVERED, DOUBLED, LOST, bookie_falls, broker_falls, checked_back, falls, frozen, own_transaction,
    rebalances, received, sent,
};
use super::bets::Bet;
use super::both;
use crate::claim::Of;
use crate::desk::action::Count;

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
        scenario: "activemq-no-sync",
        question: both(
            "The power goes. How many of the confirmed messages are lost?",
            "断电了。已确认的消息会丢失多少条？",
        ),
        turn: broker_falls,
        of: LOST,
        cuts: &[1, 10, 50],
    },
    Bet {
        scenario: "pulsar-without-sync",
        question: both(
            "Two of three bookies lose power, and nobody had flushed. How many of the 100 are lost?",
            "三个 Bookie 中两个断电，谁也没有刷盘。100 条里会丢失多少条？",
        ),
        turn: bookie_falls,
        of: LOST,
        cuts: &[1, 10, 50],
    },
    Bet {
        scenario: "rabbitmq-classic-queue",
        question: both(
            "The only node with the queue is lost, with its disk. How many of the 100 are lost?",
            "唯一存放队列的节点连同磁盘一起没了。100 条里会丢失多少条？",
        ),
        turn: broker_falls,
        of: LOST,
        cuts: &[1, 10, 50],
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
        scenario: "rocketmq-power-cut",
        question: both(
            "The broker loses power. How many messages that were SEND_OK are lost?",
            "Broker 断电。SEND_OK 的消息会丢失多少？",
        ),
        turn: broker_falls,
        of: LOST,
        cuts: &[1, 5, 20],
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
