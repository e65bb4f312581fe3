//! How is a message read here, written there, and counted once? The words of the scenarios about transactions over
//! partitions.

use super::both;
use super::story::Story;

/// The stories of this file.
pub(super) const STORIES: &[Story] = &[ONCE, DOUBLES, FENCED];

const ONCE: Story = Story {
    scenario: "exactly-once",
    kicker: both("Read, write, commit as one", "读、写、提交位点，一并生效"),
    title: both("Exactly once, though the program dies", "程序宕机，也恰好一次"),
    paragraphs: &[
        both(
            "Billing reads orders and writes a bill for each. Four bills *and* the offset from which its group goes on are *one transaction*, over several partitions on several brokers.",
            "billing 读订单，每笔订单写一张账单。四张账单，*连同*消费者组的消费位点，是*一个事务*，跨多个分区、多个 Broker。",
        ),
        both(
            "A *coordinator* keeps how the transaction stands in a replicated log. Once it has kept “commit”, it tells every partition, by a *marker* in the log, again and again until all have it. The ledger reads only what is committed.",
            "*事务协调者*把事务状态写进多副本日志。一旦写下“提交”，就往每个分区写一个*标记*，写到全部到位为止。ledger 只读已提交的消息。",
        ),
        both(
            "At 260 ms *billing crashes* in the middle. What was decided counts, though it never heard so; what was not is aborted when it comes back, and done again. Every order has exactly one bill.",
            "260 毫秒时 *billing 宕机*，事务做到一半。已拍板的照样算数，哪怕它没听到结果；没拍板的，等它回来时中止，再做一遍。每笔订单恰好一张账单。",
        ),
    ],
    look: &[
        both(
            "The red line left of the green one: below it all is decided, and the ledger reads no further",
            "绿线左边的红线：它以下的事务都有了结果，ledger 只读到这里",
        ),
        both(
            "Small dots in the log: markers take an offset, and no consumer sees them",
            "日志里的小点是事务标记：占一个偏移量，消费者看不到",
        ),
    ],
    tries: &[
        both("Kill broker 2 while a transaction is being ended", "事务正在结束时，让 Broker 2 宕机"),
        both("Freeze billing for longer than its transaction may be open", "让 billing 卡住，久到事务超时"),
    ],
};

const DOUBLES: Story = Story {
    scenario: "zombie-doubles",
    kicker: both("At least once", "至少一次"),
    title: both("A frozen program wakes up, and bills twice", "卡住的程序醒来，账单开了两遍"),
    paragraphs: &[
        both(
            "Biller a reads orders, writes a bill for each, and commits from time to time how far it got. Biller b stands by. At 205 ms *a freezes*: a long pause of its garbage collector, say.",
            "biller a 读订单，每笔写一张账单，隔一会儿提交一次位点。biller b 待命。205 毫秒时 *a 卡住了*，比如一次很长的 GC 停顿。",
        ),
        both(
            "Its group takes it for dead, and b goes on from the last committed offset: what a had written since is *written again*. When a wakes up, it does not know that it was given up, and finishes what it has in hand. To the brokers these are good messages.",
            "消费者组以为它死了，b 从上次提交的位点接着做：a 之后写过的账单*又写了一遍*。a 醒来时不知道自己已被踢出，还把手里的做完。在 Broker 看来，这些消息都没有问题。",
        ),
    ],
    look: &[
        both("“Doubled” in the verdict", "结论里的“重复”"),
        both("The same number twice in bills", "bills 里同一个编号出现两次"),
    ],
    tries: &[
        both("Open the same freeze with transactions", "打开同样的停顿、使用事务的场景"),
        both(
            "Kill a instead of freezing it: there is no zombie, and still some are doubled",
            "不卡住 a，直接让它宕机：没有僵尸，仍会有重复",
        ),
    ],
};

const FENCED: Story = Story {
    scenario: "zombie-fenced",
    kicker: both("One setting changed", "只改一个设置"),
    title: both("A zombie in a transaction is fenced", "事务里的僵尸被隔离"),
    paragraphs: &[
        both(
            "The same freeze, but bills and offsets are written in transactions. Both billers have one *transactional id*: only the last that came under it may speak.",
            "同样的停顿，但账单和位点在事务里写。两个 biller 用同一个*事务 ID*：只有最后登记的那个说了算。",
        ),
        both(
            "When b takes over, it says so to the coordinator. That *raises the epoch*, and aborts what a had open: markers say so in each partition. The ledger never sees those bills.",
            "b 接手时先向协调者登记。这会*抬高纪元*，并中止 a 没做完的事务：每个分区里都写下中止标记。那些账单 ledger 根本看不到。",
        ),
        both(
            "Then *a wakes up* and goes on in the old epoch. Whatever it asks is refused: it is fenced, and stops. Nothing is lost, and no order has two bills.",
            "之后 *a 醒来*，还用旧纪元继续。它的请求一律被拒：它被隔离，随即停止。一条没丢，也没有哪笔订单有两张账单。",
        ),
    ],
    look: &[
        both("“is fenced” in the events after 560 ms", "560 毫秒之后，事件里的“被隔离”"),
        both(
            "The log of bills has some numbers twice; the ledger processed each once",
            "bills 的日志里有的编号出现两次，ledger 却各只处理一次",
        ),
    ],
    tries: &[
        both(
            "Thaw a earlier, before its session is over: nobody took over, and it goes on",
            "早点解冻 a，赶在会话超时之前：没人接手，它照常继续",
        ),
        both("Kill b after a is gone, and revive a", "a 停止之后让 b 宕机，再恢复 a"),
    ],
};
