//! Bets on what becomes of messages between a queue and those who work: who gets what, and in which order.

use mqlab_core::ids::NodeId;

use super::bet_facts::{
    DELIVERED, LOST, REORDERED, asked, asked_in_vain, delivered_too_often, fails, falls, not_stored,
    out_of_memory, processed, processed_by_the_first, received, sent, unroutable,
};
use super::bets::Bet;
use super::both;
use crate::claim::Of;
use crate::desk::action::Count;

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
