//! The cluster as a whole: the words of the scenarios about controllers, and about where replicas stand.

use super::both;
use super::story::Story;

pub(super) const STORIES: &[Story] = &[BY_WATERMARK, BY_EPOCH, CONTROLLERS, MORE, MOVE, CLOSEST];

const CONTROLLERS: Story = Story {
    scenario: "controllers-fail-over",
    kicker: both("Three controllers, one quorum", "三个控制器，过半数"),
    title: both("Who elects, when the one who elects is dead?", "负责选举的也宕机了，谁来选？"),
    paragraphs: &[
        both(
            "The cluster's metadata is a *replicated log* of its own. Three controllers agree on it by majority (*Raft*); the one who leads them is *active*, and holds the elections of the partitions.",
            "集群的元数据自己也是一份*复制日志*。三个控制器按过半数达成一致（*Raft*），其中的 leader 是*活跃控制器*，由它主持分区选举。",
        ),
        both(
            "At 300 ms the active one dies, and right after it *broker 1*, which leads a partition. Nobody misses the broker yet: the other controllers first wait, then *vote*. The new one gives every broker a new session, and only then fences broker 1.",
            "300 毫秒时活跃控制器宕机，紧接着领导一个分区的 *Broker 1* 也宕机。暂时没人管它：其余控制器先等待超时，再*投票*。新的活跃控制器给每个 Broker 一段新的会话时间，之后才判定 Broker 1 失联。",
        ),
        both(
            "At 700 ms a *second controller* dies. One of three is no majority: when broker 2 dies at 750 ms, *nobody elects*. Broker 3 still takes messages for the partition that it leads, but none counts as stored: the dead broker 2 is *in sync* on paper, and nobody can strike it off. At 1000 ms a controller returns, and everything is made up for.",
            "700 毫秒时*第二个控制器*也宕机。三个只剩一个，不到半数：750 毫秒 Broker 2 宕机后，*没有人主持选举*。Broker 3 领导的分区照样写入，却一条也不算存好：宕机的 Broker 2 名义上还在*同步副本集*里，没人能把它移出去。1000 毫秒一个控制器恢复，之前欠下的才补上。",
        ),
    ],
    look: &[
        both(
            "The filled number above the brokers is the active controller",
            "Broker 上方，实心的数字是活跃控制器",
        ),
        both(
            "Messages that wait in the shop: their partition has no leader",
            "在商店里等待的消息：它们的分区没有 leader",
        ),
    ],
    tries: &[
        both(
            "Kill the third controller as well. What goes on, and for how long?",
            "把第三个控制器也弄宕机。哪些还在继续，能继续多久？",
        ),
        both(
            "Go back, and kill a controller that is not active. Does anybody notice?",
            "退回去，让一个不活跃的控制器宕机。有人察觉吗？",
        ),
    ],
};

const MORE: Story = Story {
    scenario: "more-partitions",
    kicker: both("Two partitions become four", "两个分区变成四个"),
    title: both("More partitions, and another order", "分区变多，顺序也变了"),
    paragraphs: &[
        both(
            "The *key* of an order decides its partition: a hash, divided by *how many partitions there are*. Within a partition everything is in order, and so is everything with one key.",
            "订单的 *key* 决定它进哪个分区：哈希值对*分区数*取余。同一分区内有序，所以同一个 key 的消息也有序。",
        ),
        both(
            "At 300 ms the topic gets *two more partitions*. What is there stays where it is. But the hash is divided by four now: orders with a key of anna's partition may go to one of the new ones, which *ben* reads.",
            "300 毫秒时主题*增加两个分区*。已有的消息不动，但哈希值现在对四取余：原先进 anna 那个分区的 key，可能改进新分区，由 *ben* 消费。",
        ),
        both(
            "anna is slow, and has a backlog. Ben works on the *later* orders of a customer before anna has come to the *earlier* ones.",
            "anna 处理得慢，有积压。于是同一个客户*后来*的订单，ben 先处理完了，*之前*的订单还在 anna 那里排队。",
        ),
    ],
    look: &[
        both(
            "“Out of order” in the verdict: one key in two partitions",
            "裁决里的“乱序”：同一个 key 分在两个分区",
        ),
        both(
            "Nobody learns of the new partitions before his view of the cluster is 50 ms old",
            "客户端的元数据满 50 毫秒才刷新，在那之前没人知道有新分区",
        ),
    ],
    tries: &[both(
        "Kill anna before 300 ms, and revive her later: is the order kept then?",
        "300 毫秒之前让 anna 宕机，之后再恢复：顺序还能保住吗？",
    )],
};

const MOVE: Story = Story {
    scenario: "move-a-partition",
    kicker: both("From brokers 1, 2, 3 to 3, 4, 5", "从 Broker 1、2、3 到 3、4、5"),
    title: both("A partition moves, and nobody waits", "分区搬家，业务不停"),
    paragraphs: &[
        both(
            "At 300 ms somebody orders that *orders/0* shall be kept by brokers 3, 4 and 5. For a while it is kept by *all five*: brokers 4 and 5 copy it from the leader like any follower.",
            "300 毫秒时有人下令：*orders/0* 改由 Broker 3、4、5 保存。有一阵子*五个都在存*：Broker 4 和 5 像普通 follower 一样从 leader 拉取。",
        ),
        both(
            "Only when all three are *in sync* does the controller take 1 and 2 out. They empty their logs. Broker 1 was the leader, so broker 3 is elected; clients are refused once, ask again, and go on.",
            "等这三个都进入*同步副本集*，控制器才把 1 和 2 移出，它们清空日志。Broker 1 原是 leader，于是改选 Broker 3；客户端被拒绝一次，重新查询后继续。",
        ),
    ],
    look: &[both("At no moment are there fewer copies than before", "任何时刻副本数都不比之前少")],
    tries: &[
        both(
            "Kill broker 4 at 302 ms. Does the move ever end?",
            "302 毫秒让 Broker 4 宕机。搬迁还能完成吗？",
        ),
        both("Kill broker 1 at 302 ms instead", "改为 302 毫秒让 Broker 1 宕机"),
    ],
};

const BY_WATERMARK: Story = Story {
    scenario: "truncation-by-watermark",
    kicker: both("How it was before leader epochs", "还没有 leader epoch 的时候"),
    title: both("In sync, elected, and without the message", "同步、当选，却没有那条消息"),
    paragraphs: &[
        both(
            "Three brokers have *m20*, and the shop was told so. But followers hear of the high watermark *late*, with the answer to their next fetch. Theirs still stands before m20.",
            "三个 Broker 都有 *m20*，商店也收到了“已存好”。但 follower 要等下一次拉取的响应才知道高水位，*总是慢一步*：它们的高水位还停在 m20 之前。",
        ),
        both(
            "At 265 ms the leader dies, and broker 2 is elected. Broker 3 follows it, and *cuts off what is above its watermark*, as Kafka did before 0.11: it means to fetch m20 again. At 353 ms, right before it has, broker 2 dies. Broker 3 is *in sync*, so it leads. m20 is lost.",
            "265 毫秒 leader 宕机，Broker 2 当选。Broker 3 跟随它，先*截掉自己高水位以上的部分*（Kafka 0.11 之前就是这样），准备重新拉取 m20。还没拉到，353 毫秒 Broker 2 宕机。Broker 3 在*同步副本集*里，于是当选。m20 丢了。",
        ),
        both(
            "Worse: at 600 ms broker 1 comes back with m20, which is below *its* watermark, and keeps it. At that offset the others have *another message*. Nobody ever notices.",
            "更糟的是：600 毫秒 Broker 1 带着 m20 回来，它低于*自己的*高水位，所以留着不动。而同一个偏移量上，别人存的是*另一条消息*。谁也不会发现。",
        ),
    ],
    look: &[
        both("Broker 3 at 352 ms: m20 is gone from its log", "352 毫秒的 Broker 3：日志里没有 m20 了"),
        both(
            "The logs at the end: where one has 20, the others have 21",
            "结束时的日志：有一个存着 20 的位置，别人存的是 21",
        ),
    ],
    tries: &[both("Open the same with leader epochs", "打开用 leader epoch 的版本")],
};

const BY_EPOCH: Story = Story {
    scenario: "truncation-by-epoch",
    kicker: both("The same, with leader epochs", "同样的经过，用 leader epoch"),
    title: both("Ask the leader where your epoch ended", "先问 leader，再截断日志"),
    paragraphs: &[
        both(
            "The same brokers die at the same moments. But every batch carries the *epoch* of the leader that wrote it, and whoever follows a new leader *asks* it: where did my last epoch end for you?",
            "同样的 Broker 在同样的时刻宕机。但每个批次都带着写入它的 leader 的 *epoch*，跟随新 leader 时先*问一句*：我最后的 epoch，在你那里到哪为止？",
        ),
        both(
            "Broker 2 has everything that broker 3 has, so broker 3 cuts *nothing* off. When broker 2 dies it leads, with m20. Whoever comes back later cuts off exactly what its leader does not have.",
            "Broker 3 有的 Broker 2 都有，所以 Broker 3 *一条也不截*。Broker 2 宕机后它带着 m20 当选。之后回来的副本，只截掉 leader 没有的那部分。",
        ),
    ],
    look: &[both("In the end all logs are the same", "结束时所有日志都一样")],
    tries: &[both(
        "Cut the power of broker 3 before 265 ms: what does it cut off when it comes back?",
        "265 毫秒之前给 Broker 3 断电：它回来时会截掉什么？",
    )],
};

const CLOSEST: Story = Story {
    scenario: "read-from-the-closest",
    kicker: both("Three racks, far apart", "三个机架，相距很远"),
    title: both("Read next door, not across the ocean", "就近读，不必漂洋过海"),
    paragraphs: &[
        both(
            "Broker 1 leads, in Lima. From Rome every message takes *30 ms* more to it, and 30 ms back. The consumer in Rome says which rack it is in; the leader answers: *read from broker 3*, which is in Rome, too.",
            "leader 是利马的 Broker 1。罗马到那里，单程要多花 *30 毫秒*，回来又是 30 毫秒。罗马的消费者报上自己的机架，leader 回答：*去读 Broker 3*，它也在罗马。",
        ),
        both(
            "A follower gives out only what is below *its* high watermark, and learns that one fetch later than the leader. So what is read there is a little later, and never anything that could be lost.",
            "follower 只给出低于*自己*高水位的消息，而它的高水位要晚一次拉取才更新。所以就近读会晚一点点，但绝不会读到可能丢失的消息。",
        ),
        both(
            "At 500 ms broker 3 dies. The consumer goes back to the leader, across the ocean, until broker 3 has caught up again.",
            "500 毫秒 Broker 3 宕机。消费者回到 leader，重新漂洋过海，直到 Broker 3 追上来。",
        ),
    ],
    look: &[both("Whom in-rome fetches from, before and after 500 ms", "500 毫秒前后，in-rome 从谁那里拉取")],
    tries: &[both(
        "Kill broker 1 instead: who is close to whom then?",
        "改为让 Broker 1 宕机：这时谁离谁近？",
    )],
};
