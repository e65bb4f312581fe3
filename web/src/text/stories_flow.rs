//! What keeps a broker's memory from filling with what its queues have not taken: the words of two scenarios.

use super::both;
use super::story::Story;

/// The stories of this file.
pub(super) const STORIES: &[Story] = &[WITH, WITHOUT];

const WITH: Story = Story {
    scenario: "credit-flow",
    kicker: both("Back-pressure for one connection", "针对单个连接的背压"),
    title: both("Credit flow", "信用流控"),
    paragraphs: &[
        both(
            "The import sends a message every 0.05 ms, in a stream: it does not wait for answers. The queue needs *0.5 ms to take one in*. What has come and is not taken yet waits in *the mailbox*: that is memory, on no disk, and confirmed to nobody.",
            "import 每 0.05 毫秒发一条消息，连续发送，不等应答。队列*收下一条要 0.5 毫秒*。已经到达、队列还没收下的消息在*信箱*里等：那只是内存，不在磁盘上，也没有向任何人确认。",
        ),
        both(
            "Each connection has *credit for 400 messages*. The broker takes one for each message that it reads, and gives 200 back for every 200 that the queue took in. At 0 the connection is *in flow*: the broker reads no more from it, and says nothing. The import hears no answers, and soon has as many requests under way as it may.",
            "每个连接有 *400 条消息的信用*。Broker 每读一条扣一点，队列每收下 200 条就还给它 200 点。扣到 0，连接就处于*流控（flow）状态*：Broker 不再读它，也不通知它。import 收不到应答，很快，在途的请求就到了上限。",
        ),
        both(
            "So the import goes at the queue's pace, and the mailbox stays small. The till, which is slow, *is never in flow*: credit belongs to each connection. Its messages wait behind at most 400 of the import's. An alarm would stop them both.",
            "于是 import 只能按队列的节奏走，信箱始终不大。till 发得慢，*从不进入流控*：信用是每个连接各自的。它的消息前面最多排着 import 的 400 条。换成告警，两个都会被拦住。",
        ),
    ],
    look: &[
        both(
            "The mailbox on the broker's card: never much more than 400",
            "Broker 卡片上的信箱：从不会比 400 多多少",
        ),
        both(
            "“in flow” on the import's card, and never on the till's",
            "import 卡片上的“流控”字样；till 上从来没有",
        ),
        both(
            "The green bar of the import grows evenly, at the queue's pace",
            "import 的绿色进度条匀速增长：那是队列的节奏",
        ),
    ],
    tries: &[
        both(
            "Kill the broker: what was in the mailbox is gone, and the import sends it again",
            "让 Broker 宕机：信箱里的消息没了，import 会重新发送",
        ),
        both("Open the same load without credit", "打开同样负载、没有信用流控的场景"),
    ],
};

const WITHOUT: Story = Story {
    scenario: "no-credit-flow",
    kicker: both("One setting changed", "只改一个设置"),
    title: both("The mailbox that only grows", "只增不减的信箱"),
    paragraphs: &[
        both(
            "The same load, the same queue, and *no credit*. The broker reads whatever comes, as fast as it comes. The queue still takes one in each 0.5 ms, so the mailbox grows, and *nobody tells anybody*.",
            "同样的负载，同样的队列，但*没有信用*。来多少 Broker 就读多少，来多快读多快。队列还是 0.5 毫秒收下一条，信箱越来越大，*没有任何人得到通知*。",
        ),
        both(
            "The mailbox has room for 65 000 bytes, some 600 messages. With more *the broker runs out of memory and dies*, and the whole mailbox with it. Nothing that was confirmed is lost: both producers still hold what was not, *also the till*, which did nothing wrong.",
            "信箱只容得下 65 000 字节，大约 600 条消息。超过了，*Broker 就因内存耗尽而退出*，整个信箱一起没了。已确认的一条没丢：没确认的两个生产者都还留着，*包括 till*，它什么也没做错。",
        ),
        both(
            "When the broker is back, all of it comes again, at once, and it dies again. Between two deaths the queue takes in a few dozen messages. *It hardly gets anywhere*: a few may even come twice.",
            "Broker 一恢复，这些消息又一次全涌过来，它又退出。两次退出之间，队列只收下几十条。*几乎没有进展*，有几条甚至会重复。",
        ),
    ],
    look: &[
        both("The mailbox on the broker's card grows up to its death", "Broker 卡片上的信箱一路涨到它退出"),
        both("The marks on the time axis: death after death", "时间轴上的标记：一次又一次退出"),
    ],
    tries: &[
        both(
            "Compare how much is done at the end with the run with credit",
            "与有信用流控的运行比较，最后处理了多少",
        ),
        both(
            "Kill the import: without it the broker recovers, and serves the till",
            "让 import 宕机：没有了它，Broker 就恢复过来，继续为 till 服务",
        ),
    ],
};
