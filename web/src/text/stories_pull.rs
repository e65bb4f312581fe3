//! Push and pull: the words of the scenarios in which a consumer asks for itself.

use super::both;
use super::story::Story;

pub(super) const PUSH_ORDERS: Story = Story {
    scenario: "push-orders",
    kicker: both("Push", "推模式"),
    title: both("The broker sends as soon as it can", "Broker 一有消息就推送"),
    paragraphs: &[
        both(
            "An order every 5 ms, and 3 ms of work for each. The queue *pushes*: a message is processed about 5 ms after it was sent, most of which is the network and the work.",
            "每 5 毫秒一个订单，每个要处理 3 毫秒。队列*主动推送*：消息发出后约 5 毫秒就处理完，其中大部分是网络和处理时间。",
        ),
        both(
            "For this the broker *keeps account* of its consumer: that it is there, what it has in hands, what it has acknowledged. Each message costs a push and an acknowledgement.",
            "为此 Broker 要*记住消费者的状态*：它是否在线、手里有哪些消息、确认了哪些。每条消息都要一次推送和一次确认。",
        ),
    ],
    look: &[both("The backlog hardly ever has two messages", "积压几乎从不超过两条")],
    tries: &[both("Open the same load with pull", "打开拉模式下的同一负载")],
};

pub(super) const PULL_ORDERS: Story = Story {
    scenario: "pull-orders",
    kicker: both("Pull", "拉模式"),
    title: both("The consumer asks every 50 ms", "消费者每 50 毫秒问一次"),
    paragraphs: &[
        both(
            "The same orders. Now the broker only *answers*: the consumer asks every 50 ms, takes what there is, and keeps its own offset. The broker does not even know that it exists.",
            "同样的订单。现在 Broker 只*回答查询*：消费者每 50 毫秒来问一次，有多少取多少，位点由自己保存。Broker 甚至不知道它的存在。",
        ),
        both(
            "One question brings ten messages: an *eighth* of the traffic of push. The price is time: a message waits *about 40 ms*, where push takes 5.",
            "一次查询带回十条消息：通信量只有推模式的*八分之一*。代价是时间：一条消息要等*约 40 毫秒*，推模式只要 5 毫秒。",
        ),
    ],
    look: &[both("Ten messages arrive at once, then nothing for a while", "一次到达十条，然后安静一阵")],
    tries: &[both("Open the same with long poll", "打开长轮询的版本")],
};

pub(super) const LONG_POLL: Story = Story {
    scenario: "pull-long-poll",
    kicker: both("Pull, with long poll", "拉模式：长轮询"),
    title: both("Ask, and let the broker wait", "先问，让 Broker 等着"),
    paragraphs: &[
        both(
            "The consumer asks as soon as it has finished, and the broker *holds the question* until there is a message, or for 50 ms.",
            "消费者一处理完就来问，Broker *先不回答*，直到有消息，或者过了 50 毫秒。",
        ),
        both(
            "So pull is *as quick as push*, and still no acknowledgement is needed and nothing comes that was not asked for. It costs as many packets as push while messages trickle; under load one answer brings many.",
            "于是拉模式*和推一样快*，而且无需确认，也不会收到没有要过的消息。消息稀疏时包的数量与推相当；负载高时，一次回答带回许多条。",
        ),
    ],
    look: &[both("A question stands at the broker nearly all the time", "几乎总有一个查询挂在 Broker 上")],
    tries: &[both(
        "Kill the consumer for a while: what does it ask for when it is back?",
        "让消费者宕机一会儿：恢复后它从哪里开始要？",
    )],
};

pub(super) const PUSH_OVERLOAD: Story = Story {
    scenario: "push-overload",
    kicker: both("Push, without a limit", "推模式：没有上限"),
    title: both("Pushed to death", "被推垮的消费者"),
    paragraphs: &[
        both(
            "An order every 4 ms, but 12 ms of work for each. The queue pushes *without a limit*, and the consumer has room for 30 messages.",
            "每 4 毫秒一个订单，但每个要处理 12 毫秒。队列*不设上限*地推送，而消费者的内存只放得下 30 条。",
        ),
        both(
            "It *runs out of memory and dies*. When it is started again, everything that it had not acknowledged is pushed at once, and it dies at once.",
            "它*内存耗尽而宕机*。重启之后，所有没确认的消息一下子全推过来，它又立刻宕机。",
        ),
    ],
    look: &[both("How little gets done, again and again", "反复折腾，真正处理完的很少")],
    tries: &[both("Open the same load with pull", "打开拉模式下的同一负载")],
};

pub(super) const PULL_OVERLOAD: Story = Story {
    scenario: "pull-overload",
    kicker: both("Pull, under the same load", "拉模式：同样的负载"),
    title: both("The backlog stays on the broker", "积压留在 Broker 上"),
    paragraphs: &[
        both(
            "The same load and the same slow consumer. It asks only when it has *nothing left to do*, and for no more than it has room for.",
            "同样的负载，同样慢的消费者。它*手头做完了*才去要，而且只要自己放得下的量。",
        ),
        both(
            "It never dies. The messages *pile up on the broker*, a hundred of them, and are worked off when the rush is over. That is what pull costs, and why a topic must say how long it keeps them.",
            "它从不宕机。消息*堆积在 Broker 上*，多达上百条，高峰过后再慢慢消化。这是拉模式的代价，所以主题必须规定消息保留多久。",
        ),
    ],
    look: &[both(
        "The backlog on the time axis grows, but never the row at the consumer",
        "时间轴上的积压在涨，消费者手里的却始终只有几条",
    )],
    tries: &[both("Kill the consumer: it goes on where it was", "让消费者宕机：它会从原处继续")],
};

pub(super) const RETENTION: Story = Story {
    scenario: "slow-puller-retention",
    kicker: both("Backlog and retention", "堆积与保留期"),
    title: both("Too slow: the offset is gone", "消费太慢：位点已被清理"),
    paragraphs: &[
        both(
            "The topic keeps about 30 messages, *read or not*. The consumer works at half the speed at which they come.",
            "主题只保留约 30 条消息，*不管有没有人读过*。消费者的速度只有消息到来速度的一半。",
        ),
        both(
            "When it has fallen behind far enough, it asks for an offset that is *no longer there*. It goes on with the oldest that is, and what lies between it never gets.",
            "落后太多时，它要的位点*已经不存在*。它只好从现存最早的一条继续，中间的那些再也拿不到。",
        ),
        both(
            "The broker broke no promise: it kept what it was told to keep. The verdict calls these messages *trimmed*, not lost. The application misses them all the same.",
            "Broker 没有违背承诺：该保留的它都保留了。因此裁决把这些消息称为*被清理*，而不是丢失。但对应用来说同样是没收到。",
        ),
    ],
    look: &[both(
        "Red marks on the time axis: the consumer asks for an offset that is gone",
        "时间轴上的红色标记：消费者要读的偏移量已经不在了",
    )],
    tries: &[both(
        "Kill the consumer for 100 ms: how many more does it miss?",
        "让消费者宕机 100 毫秒：又错过多少条？",
    )],
};

pub(super) const REPLAY: Story = Story {
    scenario: "replay",
    kicker: both("The offset is yours", "位点在自己手里"),
    title: both("Go back, and process again", "回到过去，重新消费"),
    paragraphs: &[
        both(
            "A queue forgets what was acknowledged. A topic keeps it, and whoever holds the offset *may go back*.",
            "队列会忘掉已确认的消息。主题则保留着，谁掌握位点，谁就*可以回退*。",
        ),
        both(
            "At 450 ms the consumer asks where 180 ms begins in the log, and *reads from there again*: as one does after a bug was fixed. The second reading is judged for itself; nothing is called doubled.",
            "450 毫秒时，消费者询问 180 毫秒对应日志的哪个位置，然后*从那里重新读*：就像修复了程序错误之后那样。第二遍单独评判，不算重复。",
        ),
    ],
    look: &[both("One question for a time, and its answer is an offset", "用时间提问，回答是一个位点")],
    tries: &[both(
        "Kill the consumer during the replay: it does not begin anew",
        "在重放期间让消费者宕机：它不会从头再来",
    )],
};

pub(super) const STAGING_MEMORY: Story = Story {
    scenario: "staging-in-memory",
    kicker: both("Staged in memory", "暂存在内存"),
    title: both("Noted as read, and never done", "记为已读，却没处理"),
    paragraphs: &[
        both(
            "A puller fetches twenty messages at a time and works on one after the other. Here it *notes the new offset at once*, and keeps the messages in memory.",
            "消费者一次拉取约二十条，再逐条处理。这里它*立刻保存新位点*，消息只放在内存里。",
        ),
        both(
            "Then it crashes. When it is back it goes on behind them: the broker still has these messages, but *nobody will ever ask for them*. They are lost.",
            "然后它宕机了。恢复之后从它们后面继续：Broker 上其实还有这些消息，但*再也没有人会来要*。它们丢失了。",
        ),
    ],
    look: &[both("The row at the consumer, just before the crash", "宕机前一刻，消费者手里的那一排消息")],
    tries: &[both("Open the same crash with a disk", "打开带磁盘的同一次宕机")],
};

pub(super) const STAGING_DISK: Story = Story {
    scenario: "staging-on-disk",
    kicker: both("Staged on its own disk", "暂存在自己的磁盘"),
    title: both("It finds what it had fetched", "找回已拉取的消息"),
    paragraphs: &[
        both(
            "The same crash. But what is fetched goes to the consumer's *own disk*, together with the offset, and each message is crossed out there *when it is done*.",
            "同一次宕机。但拉取到的消息连同位点一起写进消费者*自己的磁盘*，每条*处理完才划掉*。",
        ),
        both(
            "When it is back it *finds them and goes on*, without asking the broker. Nothing is lost, and nothing is done twice. What the broker does for a queue's consumer, a puller does for itself.",
            "恢复之后它*找到这些消息，继续处理*，无需再问 Broker。没有丢失，也没有重复。Broker 为队列消费者做的事，拉模式的消费者要自己做。",
        ),
    ],
    look: &[both(
        "After the crash it works at once, before anything arrives",
        "恢复后不等任何消息到达，立刻开始处理",
    )],
    tries: &[both(
        "Cut its power instead: it flushes before it counts on anything",
        "改为断电：它在依赖任何数据之前都先刷盘",
    )],
};

pub(super) const FILTERED: Story = Story {
    scenario: "filtered-pull",
    kicker: both("Ask for what you want", "按需获取"),
    title: both("Only the red ones travel", "只传红色的"),
    paragraphs: &[
        both(
            "Two consumers read the same topic. One takes everything; the other sends a *filter* with each question: color = 'red'. The broker looks at the headers, and sends a quarter.",
            "两个消费者读同一个主题。一个全都要；另一个每次查询都带上*过滤条件*：color = 'red'。Broker 查看消息头，只发四分之一。",
        ),
        both(
            "The offset *goes on over the others* too, so that nobody looks at them twice. It costs the broker work: it must read each message, where it otherwise sends bytes as they lie on its disk.",
            "位点会*越过其余消息*，不必再看第二遍。代价是 Broker 要干活：它得读每条消息，否则本可以把磁盘上的字节原样发出去。",
        ),
    ],
    look: &[both(
        "The counts: “reds” gets a quarter of what “everything” gets",
        "两边的条数：reds 收到的只有 everything 的四分之一",
    )],
    tries: &[both("Kill the broker, then revive it. Both go on", "让 Broker 宕机，再恢复。两个都会继续")],
};
