//! RocketMQ: the words of the scenarios that show what only it has.

use super::both;
use super::story::Story;

pub(super) const STORIES: &[Story] = &[LONG_POLL, SEND_RESULTS, POWER_CUT, CONTROLLER, ORDERLY, RETRY, POP];

const LONG_POLL: Story = Story {
    scenario: "rocketmq-long-poll",
    kicker: both("RocketMQ: one log, many queues", "RocketMQ：一份日志，多个队列"),
    title: both("A pull that looks like a push", "看起来像推的拉"),
    paragraphs: &[
        both(
            "Brokers *register* at the name server, and clients ask it where a topic is. All topics of a broker go into *one CommitLog*; each of their queues is a *ConsumeQueue*, 20 bytes a message, built from it.",
            "Broker 向 NameServer *注册*，客户端向它询问主题在哪里。一个 Broker 上的所有主题都写进*同一份 CommitLog*；每个队列是一个 *ConsumeQueue*，每条消息 20 字节，由 CommitLog 构建。",
        ),
        both(
            "A consumer *pulls*. Where there is nothing new, the broker *holds the request* until something comes, 1.5 s at most here (15 s in RocketMQ). So a message is with its consumer as soon as if it were pushed.",
            "消费者主动*拉取*。没有新消息时，Broker 会*挂起请求*，直到有消息到来，这里最多 1.5 秒（RocketMQ 里是 15 秒）。于是消息到达的速度和推一样快。",
        ),
        both(
            "No coordinator deals out the queues: each member of a group sees *the same lists* of queues and members and *computes its own share*. The payer wants only the tag paid: the broker skips the others by a *hash* in the ConsumeQueue, without reading them.",
            "没有协调者来分配队列：组内每个成员看到*相同的*队列列表和成员列表，*各自算出*自己的一份。payer 只要标签 paid：Broker 只凭 ConsumeQueue 里的*哈希*就跳过其他消息，不用读它们。",
        ),
    ],
    look: &[
        both("“Holds what … asks” in the list: the long poll", "列表里的“挂起拉取请求”就是长轮询"),
        both(
            "Dashed discs are in the page cache only: with ASYNC_FLUSH the answer does not wait for the disk",
            "虚线圆点还只在页缓存里：异步刷盘时，答复不等磁盘",
        ),
    ],
    tries: &[
        both(
            "Kill audit b: audit a computes anew, and reads all four queues",
            "让 audit b 宕机：audit a 重新计算，读全部四个队列",
        ),
        both(
            "Kill the name server: nobody notices, for all know their routes",
            "让 NameServer 宕机：没人察觉，大家手里都有路由",
        ),
    ],
};

const SEND_RESULTS: Story = Story {
    scenario: "rocketmq-send-results",
    kicker: both("RocketMQ: SYNC_FLUSH, SYNC_MASTER", "RocketMQ：同步刷盘，同步复制"),
    title: both("Four answers, and all say “stored”", "四种发送结果，都表示“已存下”"),
    paragraphs: &[
        both(
            "The master answers when a message is *on its disk* and *at a slave*. From 400 ms on the slave hears nothing: after 300 ms the producer is told *FLUSH_SLAVE_TIMEOUT* (3 s in RocketMQ).",
            "消息*落了盘*、并且*从节点有了*，主节点才答复。400 毫秒起从节点什么也收不到：等 300 毫秒后，生产者收到 *FLUSH_SLAVE_TIMEOUT*（RocketMQ 里是 3 秒）。",
        ),
        both(
            "At 1.4 s the slave dies: *SLAVE_NOT_AVAILABLE*, at once. At 2 s the master's disk needs 150 ms for a flush, and a producer waits for one 100 ms at most: *FLUSH_DISK_TIMEOUT*.",
            "1.4 秒时从节点宕机：立刻答复 *SLAVE_NOT_AVAILABLE*。2 秒时主节点刷一次盘要 150 毫秒，而最多只等 100 毫秒：*FLUSH_DISK_TIMEOUT*。",
        ),
        both(
            "*None of them is a refusal.* The message is stored, and the consumer gets it. It is less safe than was asked for, and whoever sends it again *stores it twice*.",
            "*这些都不是拒绝。*消息已经存下，消费者会收到；只是不如要求的那么安全。谁要是重发，就会*存两遍*。",
        ),
    ],
    look: &[
        both(
            "The answers in the list, and that nothing is lost or doubled",
            "列表里的几种答复；没有丢失，也没有重复",
        ),
        both("How the slave catches up when the link is mended", "链路修好后，从节点如何追上来"),
    ],
    tries: &[
        both(
            "Set retries_unsafe to true in the scenario's JSON: an answer other than SEND_OK is sent again, and stands there twice",
            "把场景 JSON 里的 retries_unsafe 设为 true：答复不是 SEND_OK 就重发，于是存了两份",
        ),
        both(
            "Kill the master: the slave is read, and never takes over by itself",
            "让主节点宕机：可以读从节点，但它不会自动接管",
        ),
    ],
};

const POWER_CUT: Story = Story {
    scenario: "rocketmq-power-cut",
    kicker: both("RocketMQ: ASYNC_FLUSH", "RocketMQ：异步刷盘"),
    title: both("SEND_OK, and gone", "SEND_OK，然后没了"),
    paragraphs: &[
        both(
            "By default a broker answers when a message is *in the page cache*, and flushes every 500 ms, if four pages have come together; else once a second here (10 s in RocketMQ).",
            "默认情况下，消息*进了页缓存* Broker 就答复；每 500 毫秒刷一次盘，攒够四页才刷，否则这里每秒刷一次（RocketMQ 里是 10 秒）。",
        ),
        both(
            "The consumer is slower than the producer. At 1.25 s *the power is cut*: what was not flushed is gone, though its producer had heard SEND_OK. A crash of the process alone would have cost nothing.",
            "消费者比生产者慢。1.25 秒时*断电*：没刷盘的消息都没了，虽然生产者收到过 SEND_OK。如果只是进程宕机，则什么也不会丢。",
        ),
    ],
    look: &[
        both("Dashed discs: they are gone after the power cut", "虚线圆点：断电之后就没了"),
        both("“Lost” in the verdict", "结论里的“丢失”"),
    ],
    tries: &[
        both(
            "Set \"broker\": { \"flush\": \"sync\" } in the scenario's JSON: nothing is lost",
            "在场景 JSON 里设 \"broker\": { \"flush\": \"sync\" }：一条也不丢",
        ),
        both("Crash the broker instead of cutting its power", "不断电，而是让 Broker 进程宕机"),
    ],
};

const CONTROLLER: Story = Story {
    scenario: "rocketmq-controller",
    kicker: both("RocketMQ 5: controller mode", "RocketMQ 5：Controller 模式"),
    title: both("A slave becomes the master", "从节点成为主节点"),
    paragraphs: &[
        both(
            "Without more a slave never takes over: while the master is away, its queues take nothing. With a *controller* it does. The controller knows who is *in sync*, and with SYNC_MASTER a producer is answered when *all of those* have its message.",
            "默认情况下从节点从不接管：主节点不在，它的队列就收不了消息。有了 *Controller* 就可以。Controller 知道哪些副本*同步*；同步复制时，*它们都有了*消息，生产者才收到答复。",
        ),
        both(
            "At 600 ms the master *loses power*. Half a second later (10 s in RocketMQ) the controller misses it, and makes one of those in sync the master of a new *epoch*. Clients learn it from the name server.",
            "600 毫秒时主节点*断电*。半秒后（RocketMQ 里是 10 秒）Controller 发现它不在了，让一个同步副本成为新*纪元*的主节点。客户端从 NameServer 得知。",
        ),
        both(
            "At 1.8 s the old one is back, with *its own end* of the CommitLog. It says which epochs it has; what the new master does not have is *cut off*. Nothing that was acknowledged is lost, though nobody flushed.",
            "1.8 秒时旧主节点回来，CommitLog 的*末尾是它自己的*。它报出自己有哪些纪元，新主节点没有的部分被*截掉*。虽然没有人同步刷盘，确认过的消息一条也没丢。",
        ),
    ],
    look: &[
        both(
            "“Makes … the master” in the list, and who is in sync before and after",
            "列表里的“成为主节点”，以及前后哪些副本同步",
        ),
        both("How long the producer could not send", "生产者有多久发不出消息"),
    ],
    tries: &[
        both(
            "Set replication to async: what no slave had is lost",
            "把 replication 设为 async：从节点没有的消息就丢了",
        ),
        both(
            "Kill broker 2, too: the third takes over. Kill that: nobody may",
            "再让 Broker 2 宕机：第三个接管；它也宕机，就没人能接管了",
        ),
    ],
};

const ORDERLY: Story = Story {
    scenario: "rocketmq-orderly",
    kicker: both("RocketMQ: orderly consumers", "RocketMQ：顺序消费"),
    title: both("A lock for each queue", "每个队列一把锁"),
    paragraphs: &[
        both(
            "The key decides the queue, and the producer sends *one after the other*. A consumer that keeps the order must have the *queue's lock* at the broker, and renews it.",
            "key 决定队列，生产者*一条接一条*地发。要保证顺序的消费者必须在 Broker 上持有*队列的锁*，并不断续期。",
        ),
        both(
            "What fails is tried again *in its place*, 100 ms later; everything behind it waits. There is no retry topic here, and no end.",
            "失败的消息 100 毫秒后*在原位*重试，后面的都等着。这里没有重试主题，也没有重试上限。",
        ),
        both(
            "At 500 ms *payer a dies*. Payer b is dealt its queues at once, but the broker refuses the locks: the dead one has them for another 1.2 s (60 s in RocketMQ). *Order costs time.*",
            "500 毫秒时 *payer a 宕机*。payer b 马上分到它的队列，但 Broker 不给锁：死者还占着 1.2 秒（RocketMQ 里是 60 秒）。*顺序要花时间来换。*",
        ),
    ],
    look: &[
        both("“Refuses … the lock” after the crash", "宕机之后的“拒绝……锁”"),
        both("No message is out of order, and some are done twice", "没有乱序，但有的处理了两遍"),
    ],
    tries: &[
        both(
            "Set order to concurrently in the scenario's JSON: no waiting, no order",
            "把场景 JSON 里的 order 设为 concurrently：不用等，也没有顺序",
        ),
        both(
            "Crash the broker: locks are in its memory, and are asked for anew",
            "让 Broker 宕机：锁在内存里，要重新申请",
        ),
    ],
};

const RETRY: Story = Story {
    scenario: "rocketmq-retry",
    kicker: both("RocketMQ: delay levels", "RocketMQ：延迟级别"),
    title: both("Again later, each time later, then buried", "稍后重试，越来越晚，最后成死信"),
    paragraphs: &[
        both(
            "Every tenth message fails, always. The consumer *sends it back*, and goes on: its offset may pass the message, for the broker has stored it *once more*.",
            "每第十条消息总是失败。消费者把它*退回*，然后继续：位点可以越过它，因为 Broker *另存了一份*。",
        ),
        both(
            "The copy waits in *SCHEDULE_TOPIC_XXXX*, in the queue of *delay level 3*, the next time of level 4, and so on. Whoever waits at the front of a level is due first: no timer for each message. When it is due it goes to the group's own topic, *%RETRY%payers*.",
            "副本在 *SCHEDULE_TOPIC_XXXX* 里等，先进*延迟级别 3* 的队列，下次是级别 4，依次递增。同一级别里排在前面的先到期，不必给每条消息配定时器。到期后进入该组自己的主题 *%RETRY%payers*。",
        ),
        both(
            "After four retries (16 in RocketMQ) it stands in *%DLQ%payers*, where nobody reads it.",
            "重试四次后（RocketMQ 里是 16 次）进入 *%DLQ%payers*，那里没有人读。",
        ),
    ],
    look: &[
        both(
            "The strips of SCHEDULE_TOPIC_XXXX, .RETRY.payers and .DLQ.payers",
            "SCHEDULE_TOPIC_XXXX、.RETRY.payers 和 .DLQ.payers 这几条队列",
        ),
        both("That nothing behind a failing message waits for it", "失败消息后面的消息不用等它"),
    ],
    tries: &[
        both("Set on_failure to reject: it is buried at once", "把 on_failure 设为 reject：直接进死信"),
        both(
            "Set order to orderly, and fails_every to 0 with fails_per_mille 100",
            "把 order 设为 orderly，fails_every 设为 0，fails_per_mille 设为 100",
        ),
    ],
};

const POP: Story = Story {
    scenario: "rocketmq-pop",
    kicker: both("RocketMQ 5: pop", "RocketMQ 5：Pop 消费"),
    title: both("Three consumers on one queue", "三个消费者，一个队列"),
    paragraphs: &[
        both(
            "Of a group that pulls, *one member has a queue*: two of three would be idle here. Who *pops* shares it: what one has taken is *invisible* to the others, for 500 ms here (60 s in RocketMQ), and acknowledged one by one.",
            "拉取模式下，*一个队列只归组内一个成员*：这里三个里有两个会闲着。*Pop* 则共享队列：取走的消息在一段时间内对别人*不可见*，这里是 500 毫秒（RocketMQ 里是 60 秒），逐条确认。",
        ),
        both(
            "At 300 ms *payer a freezes* with messages in its hands. The queue does not wait: the others go on, and what a had is *revived* into a retry topic, from where anybody pops it.",
            "300 毫秒时 *payer a 卡住*，手里还有消息。队列不用等：别人继续，它手里的消息被*恢复*到重试主题，谁都可以再取走。",
        ),
        both(
            "The price: no order, and a record for each pop and each acknowledgement. When a wakes up it finishes what it has, and *that is done twice*.",
            "代价是：没有顺序，而且每次取走、每次确认都要写一条记录。payer a 醒来后处理完手里的消息，*这些就处理了两遍*。",
        ),
    ],
    look: &[
        both("“Heard no acknowledgement in time” in the list", "列表里的“没有按时等到确认”"),
        both("“Doubled” in the verdict", "结论里的“重复”"),
    ],
    tries: &[
        both(
            "Crash payer a instead of freezing it: the others need not wait for anything but the time",
            "让 payer a 宕机而不是卡住：别人只需等时间到",
        ),
        both(
            "Take pop_invisible out of the scenario's JSON: one of the three does all the work",
            "去掉场景 JSON 里的 pop_invisible：三个里只有一个在干活",
        ),
    ],
};
