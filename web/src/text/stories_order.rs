//! What stays in order, who gets a copy, and which way a message goes: the words of the scenarios about order,
//! subscribers and routes.

use super::both;
use super::story::Story;

/// The stories of this file.
pub(super) const STORIES: &[Story] = &[
    ONE, PARALLEL, RETRY, PER_KEY, BROADCAST, AWAY, SHARED, SELECTORS, RETAINED, EXCHANGES, HASH, SINGLE,
    PRIORITY,
];

const ONE: Story = Story {
    scenario: "order-one-consumer",
    kicker: both("Order", "顺序"),
    title: both("One queue, one consumer, one at a time", "一个队列，一个消费者，一次一条"),
    paragraphs: &[
        both(
            "A queue is *first in, first out*. One consumer takes the messages in that order and works on one at a time. So all 90 are done *in the order in which they were sent*.",
            "队列*先进先出*。一个消费者按这个顺序取，一次处理一条。于是 90 条消息全都*按发送的顺序*完成。",
        ),
        both(
            "That is the only way to keep the order of *all* messages, and it is slow: nobody may help. The next scenarios change one thing each, and the order is gone.",
            "要保持*所有*消息的顺序，只有这一个办法，而且很慢：谁也不能来帮忙。接下来的场景各改一处，顺序就没了。",
        ),
    ],
    look: &[both(
        "The prefetch is 8, and does no harm: what waits at the consumer waits in order",
        "预取为 8，但没有妨碍：在消费者那里等待的也是按顺序等",
    )],
    tries: &[
        both("Open it with four workers, or with failures", "打开有四个工作线程的，或者会失败的"),
        both("Kill the consumer and revive it: does the order hold?", "让消费者宕机再恢复：顺序还在吗？"),
    ],
};

const PARALLEL: Story = Story {
    scenario: "order-parallel",
    kicker: both("One setting changed", "只改一个设置"),
    title: both("Four workers, and the order is gone", "四个工作线程，顺序没了"),
    paragraphs: &[
        both(
            "The consumer now works on *four messages at once*. It receives them in order, as before. But one takes 2 ms and another 8, so *they are done in another order*.",
            "消费者现在*同时处理四条消息*。收到时仍然有序，但有的要 2 毫秒，有的要 8 毫秒，*完成的顺序就不同了*。",
        ),
        both(
            "The queue kept its promise; the program broke it. Where “paid” is done before “ordered” *of the same customer*, that is an error. “Out of order” counts those: later in the same key.",
            "队列守住了承诺，是程序打乱了顺序。*同一个客户*的“已付款”先于“已下单”完成，就是错误。结论里的“乱序”统计的正是同一个 key 内的错乱。",
        ),
    ],
    look: &[both("Messages that leave the consumer before others that came first", "后到的消息先离开消费者")],
    tries: &[
        both("Open message groups: order and two consumers, both", "打开消息组：既有顺序，又有两个消费者"),
        both(
            "Click “out of order”, choose one of its messages and read its life",
            "点击结论里的“乱序”，选一条消息，看它的一生",
        ),
    ],
};

const RETRY: Story = Story {
    scenario: "order-retry",
    kicker: both("One setting changed", "只改一个设置"),
    title: both("A retry comes too late", "重试来晚了"),
    paragraphs: &[
        both(
            "One worker again, but about one attempt of eight *fails*, and the message goes back to its old place: the head of the queue.",
            "又只有一个工作线程，但大约八次里有一次*失败*，消息回到队列里原来的位置：队头。",
        ),
        both(
            "That is not enough. The next messages are *with the consumer already*, prefetched, and are done before the failed one comes again. A retry and order go together only when *nothing is prefetched*.",
            "这还不够。后面的消息*已经预取到消费者手里*，会在失败的那条再来之前做完。只有*什么都不预取*，重试和顺序才能兼得。",
        ),
    ],
    look: &[both("A message with the count 2 that comes behind later ones", "次数为 2 的消息排在后来者后面")],
    tries: &[both(
        "Click “out of order” and choose a message: who overtook it?",
        "点击结论里的“乱序”，选一条消息：谁超过了它？",
    )],
};

const PER_KEY: Story = Story {
    scenario: "order-per-key",
    kicker: both("Message groups", "消息组"),
    title: both("Order where it matters, and two who work", "该有序的有序，两人一起干"),
    paragraphs: &[
        both(
            "Hardly anybody needs the order of all messages. What matters is the order *of one customer*, one account, one key. So messages of a key are *a group*.",
            "几乎没有人需要所有消息的顺序。重要的是*同一个客户*、同一个账户、同一个 key 的顺序。所以同一个 key 的消息组成*一个组*。",
        ),
        both(
            "The queue gives each group to *one consumer*, and different groups to different ones. Each key stays in order, and both consumers work. Across keys the order is not kept.",
            "队列把每个组交给*一个消费者*，不同的组给不同的消费者。每个 key 内有序，两个消费者都在干活。key 之间不保证顺序。",
        ),
        both(
            "Topics reach the same with partitions: the key decides which one, and each partition has one reader in a group.",
            "主题用分区做到同样的事：由 key 决定分区，每个分区在一个组里只有一个读者。",
        ),
    ],
    look: &[both(
        "The letters: each goes to the same consumer every time",
        "看字母：每个字母每次都去同一个消费者",
    )],
    tries: &[both("Kill one consumer: its groups move to the other", "让一个消费者宕机：它的组转到另一个")],
};

const BROADCAST: Story = Story {
    scenario: "broadcast",
    kicker: both("Publish and subscribe", "发布与订阅"),
    title: both("Everybody gets a copy", "人人一份"),
    paragraphs: &[
        both(
            "The paper publishes to an exchange of kind *fanout* and does not know who reads. Each subscriber has *a queue of its own*, and the exchange puts every message into each of them.",
            "报社发布到一个 *fanout* 交换机，并不知道谁在读。每个订阅者都有*自己的队列*，交换机把每条消息放进每个队列。",
        ),
        both(
            "So all three get all 40, each in order. The third reader is slow: *its own queue* grows, and the others do not notice.",
            "于是三个读者都收到全部 40 条，各自有序。第三个读者很慢：只是*它自己的队列*变长，其他人毫无察觉。",
        ),
    ],
    look: &[both(
        "Three queues, filled alike, emptied each at its own pace",
        "三个队列，进得一样，出得各有快慢",
    )],
    tries: &[both(
        "Kill a reader and revive it: these subscriptions are not durable. What did it miss?",
        "让一个读者宕机再恢复：这些订阅不是持久的。它错过了什么？",
    )],
};

const AWAY: Story = Story {
    scenario: "away",
    kicker: both("Durable and not", "持久与非持久"),
    title: both("Away for a while", "离开一会儿"),
    paragraphs: &[
        both(
            "Two subscribers go at 120 ms and come back at 220. *Loyal* has a durable subscription: its queue stays while it is away. *Casual* has not: its queue goes with it.",
            "两个订阅者在 120 毫秒离开，220 毫秒回来。*loyal* 的订阅是持久的：它不在时队列还在。*casual* 的不是：人走队列也没了。",
        ),
        both(
            "When they come back, loyal finds everything and *catches up*. Casual gets what is published from now on. About *20 messages were never meant for it*, and nobody calls that a loss.",
            "回来之后，loyal 找到全部消息并*追上来*；casual 只收到此后发布的。大约 *20 条消息与它无关*，也没有人说这是丢失。",
        ),
    ],
    look: &[both(
        "One queue disappears at 120 ms, the other grows until 220",
        "120 毫秒时一个队列消失，另一个一直涨到 220",
    )],
    tries: &[both("Leave both away for good: only one queue grows", "让两个都不再回来：只有一个队列在涨")],
};

const SHARED: Story = Story {
    scenario: "shared-subscription",
    kicker: both("One subscription, two consumers", "一个订阅，两个消费者"),
    title: both("The office shares, the archive gets all", "办公室分着看，档案室全都要"),
    paragraphs: &[
        both(
            "Two clerks share *one subscription*, “office”: each message goes to one of the two. The archive has a subscription of its own and gets *every* message.",
            "两个职员共用*一个订阅* “office”：每条消息只交给其中一个。档案室有自己的订阅，*每条*都收到。",
        ),
        both(
            "So publishing and sharing go together: between subscriptions everything is copied, *inside a subscription* it is divided. Groups of consumers on a topic are the same thing.",
            "发布与分担可以兼得：订阅之间是复制，*订阅之内*是分摊。主题上的消费者组也是同一回事。",
        ),
    ],
    look: &[both("The counts at the end: 30, 30 and 60", "最后的条数：30、30 和 60")],
    tries: &[both("Kill one clerk: the other does it all", "让一个职员宕机：另一个全包了")],
};

const SELECTORS: Story = Story {
    scenario: "selectors",
    kicker: both("Only what fits", "只要合适的"),
    title: both("A condition instead of a name", "用条件代替名字"),
    paragraphs: &[
        both(
            "Messages carry named values: a region and an amount. A subscriber says what it wants as *a condition*: region = 'eu', or amount > 100. The broker compares, message by message.",
            "消息带着有名字的值：地区和金额。订阅者用*一个条件*说明想要什么：region = 'eu'，或 amount > 100。Broker 逐条比对。",
        ),
        both(
            "Of 60 messages each of the two gets 40, and *20 are in both*. The sender knows of none of this. The price is work for the broker: every condition, for every message.",
            "60 条消息里两者各得 40 条，其中 *20 条两边都有*。发送者对此一无所知。代价由 Broker 承担：每条消息都要比对每个条件。",
        ),
    ],
    look: &[both("One of three messages stands in all three queues", "三条消息里有一条出现在全部三个队列")],
    tries: &[both(
        "Click a message: its life tells which queues took it",
        "点一条消息：它的一生会说明进了哪些队列",
    )],
};

const RETAINED: Story = Story {
    scenario: "retained",
    kicker: both("The last value", "最后的值"),
    title: both("Who comes late still knows the weather", "来晚了，也知道天气"),
    paragraphs: &[
        both(
            "A station reports from three cities in turn, for 150 ms, and then is silent. At 300 ms *a late subscriber* comes. Without more it would know nothing until the next report.",
            "气象站轮流报告三个城市，持续 150 毫秒，然后沉默。300 毫秒时来了*一个迟到的订阅者*。照理它在下次报告之前什么都不知道。",
        ),
        both(
            "But the reports are *retained*: the broker keeps the last one of each city and gives it to every new subscriber. The late one gets *three messages*, not thirty.",
            "但这些报告是*保留消息*：Broker 为每个城市保留最后一条，交给每个新的订阅者。迟到者收到*三条*消息，而不是三十条。",
        ),
    ],
    look: &[both(
        "Messages 28, 29 and 30 come at 300 ms, long after they were sent",
        "消息 28、29、30 在 300 毫秒才到，离发送已经很久",
    )],
    tries: &[both(
        "Kill the broker and revive it before 300 ms: what is kept is in memory alone",
        "在 300 毫秒之前让 Broker 宕机再恢复：保留的值只在内存里",
    )],
};

const EXCHANGES: Story = Story {
    scenario: "exchanges",
    kicker: both("Routing", "路由"),
    title: both("Four ways to find a queue", "找到队列的四种方式"),
    paragraphs: &[
        both(
            "Producers send to exchanges, and bindings say what goes on to which queue. *Direct*: the key is the name. *Fanout*: everywhere. *Topic*: the key fits a pattern such as order.#. *Headers*: named values fit.",
            "生产者发到交换机，绑定说明什么进哪个队列。*direct*：key 就是名字。*fanout*：处处都去。*topic*：key 符合 order.# 这样的模式。*headers*：命名的值相符。",
        ),
        both(
            "And when nothing fits? The topic exchange has *an alternate* that takes it: “unknown”. The direct one's messages are *mandatory*: they come back. The headers exchange has neither, so its message is *dropped*, and its producer is told that all is well.",
            "都不符合呢？topic 交换机有*备用*交换机接手，进入 “unknown”。发给 direct 的消息是*必达*的：会退回来。headers 交换机两样都没有，消息被*丢弃*，而生产者听到的是一切顺利。",
        ),
    ],
    look: &[
        both("“fax” fits no binding, and goes back", "“fax” 不符合任何绑定，被退回"),
        both("A message of the fanout stands in three queues", "fanout 的一条消息出现在三个队列里"),
    ],
    tries: &[both("Follow one message of each producer", "给每个生产者各跟踪一条消息")],
};

const HASH: Story = Story {
    scenario: "consistent-hash",
    kicker: both("Spread by a hash", "按哈希分布"),
    title: both("Each customer has one queue", "每个客户一个队列"),
    paragraphs: &[
        both(
            "24 customers, three queues. The exchange *hashes the key* onto a ring on which each queue has some places. So a customer's messages always go to *the same queue*, and stay in order there.",
            "24 个客户，三个队列。交换机把 *key 的哈希*放到一个环上，每个队列在环上占若干位置。同一个客户的消息总去*同一个队列*，在那里保持顺序。",
        ),
        both(
            "The third queue has the *weight 2*, so it has twice as many places and gets most customers. With few customers the shares are uneven: a hash is *fair only on average*.",
            "第三个队列的*权重是 2*，位置多一倍，分到的客户最多。客户少时份额并不均匀：哈希*只在平均意义上公平*。",
        ),
    ],
    look: &[both(
        "The counts at the workers: a weight of 2 brings about twice the messages",
        "各个 worker 处理的条数：权重 2 的队列大约多一倍",
    )],
    tries: &[both(
        "Kill worker-3: its queue grows and nobody takes it over; the others do not notice",
        "让 worker-3 宕机：它的队列变长，没人接手；其他人毫无察觉",
    )],
};

const SINGLE: Story = Story {
    scenario: "single-active",
    kicker: both("One works, the others stand by", "一个干活，其他待命"),
    title: both("A single active consumer", "单活消费者"),
    paragraphs: &[
        both(
            "Three consumers have subscribed, but the queue serves *only one*: the first. The others wait without work. So the order is that of one consumer, and yet there is *a spare*.",
            "三个消费者都订阅了，但队列*只投递给一个*：第一个。其他的闲着待命。于是既有单个消费者的顺序，又有*备用*。",
        ),
        both(
            "At 150 ms worker-1 crashes, and *worker-2 takes over* what it held and all that follows. Worker-1 comes back, and must wait behind the others: when worker-2 dies at 300 ms, *worker-3* is next.",
            "150 毫秒时 worker-1 宕机，*worker-2 接手*它手里的和之后的全部消息。worker-1 回来后排在后面：300 毫秒 worker-2 宕机时，轮到 *worker-3*。",
        ),
    ],
    look: &[both(
        "The marks on the time axis where the queue turns to the next",
        "时间轴上队列转向下一个消费者的标记",
    )],
    tries: &[both(
        "Kill worker-3 too: now it is worker-1's turn again",
        "再让 worker-3 宕机：又轮到 worker-1",
    )],
};

const PRIORITY: Story = Story {
    scenario: "consumer-priority",
    kicker: both("Who is served first", "先给谁"),
    title: both("The near one first", "近的优先"),
    paragraphs: &[
        both(
            "Two consumers, not equal: *near* has priority 10, *far* has 0. As long as near has room in its window, it gets everything. Far is there, and has nothing to do.",
            "两个消费者并不平等：*near* 的优先级是 10，*far* 是 0。只要 near 的窗口还有空位，全都给它；far 在场，却无事可做。",
        ),
        both(
            "At 200 ms a rush comes. Near's window is full, and now *far helps out*. When the rush is over, it is idle again. Here too the prefetch decides: without a limit near would take it all.",
            "200 毫秒时来了一阵高峰，near 的窗口满了，这时 *far 来帮忙*。高峰过去，它又闲下来。这里也是预取说了算：没有上限，near 会全部拿走。",
        ),
    ],
    look: &[both(
        "Far begins to work only when near has three messages",
        "near 手里有三条消息时，far 才开始干活",
    )],
    tries: &[both("Kill near: far does everything", "让 near 宕机：far 全包了")],
};
