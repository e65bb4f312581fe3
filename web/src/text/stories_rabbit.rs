//! RabbitMQ: the words of the scenarios in which a cluster of it plays.

use super::both;
use super::story::Story;

pub(super) const STORIES: &[Story] = &[QUORUM, CLASSIC, NO_MAJORITY, LIMIT, STREAM, ALARM];

const QUORUM: Story = Story {
    scenario: "rabbitmq-quorum-queue",
    kicker: both("RabbitMQ, quorum queue", "RabbitMQ：仲裁队列"),
    title: both("Its leader is gone for good", "leader 连硬盘都没了"),
    paragraphs: &[
        both(
            "Three nodes, one *quorum queue*: each node has a member, and a *Raft* of the three agrees on one log of commands. A client speaks to whichever node it is connected to; *that node* routes, and asks the queue's *leader* for it.",
            "三个节点，一个*仲裁队列*：每个节点一个成员，三者用 *Raft* 就一份命令日志达成一致。客户端连哪个节点都行，由*那个节点*路由，再替它去找队列的 *leader*。",
        ),
        both(
            "A *confirm* is sent when *a majority has the message on disk*. So has every settling: what a consumer has done stays done.",
            "*多数派都已落盘*，才发出*确认（confirm）*。消费者的 ack 也写进这份日志：处理过的就是处理过了。",
        ),
        both(
            "At 400 ms node 1 *loses power*, and with it the leader. Another member is elected; publishers' nodes say again what was not answered, under the *same numbers*, so nothing is stored twice. At 1 s node 1 is replaced, *disk and all*, and copies everything.",
            "400 毫秒时节点 1 *断电*，leader 没了。其余成员选出新的 leader；各节点把没得到答复的内容用*同样的编号*再说一遍，所以不会存两份。1 秒时换上新的节点 1，*硬盘是空的*，它把一切抄回来。",
        ),
    ],
    look: &[
        both(
            "The members that follow have the same messages: count the cells at each node",
            "跟随的成员有同样的消息：数一数每个节点的格子",
        ),
        both(
            "Between the power cut and the election nothing is confirmed and nothing delivered",
            "断电到选举之间，既没有确认，也没有投递",
        ),
    ],
    tries: &[
        both(
            "The same mishap with a classic queue: the next story",
            "换成经典队列，同样的事故：看下一个故事",
        ),
        both(
            "Kill a second node before the first is back: see what two of three cannot do",
            "第一个节点还没回来，再弄宕一个：看看三缺二时什么做不了",
        ),
    ],
};

const CLASSIC: Story = Story {
    scenario: "rabbitmq-classic-queue",
    kicker: both("RabbitMQ, classic queue", "RabbitMQ：经典队列"),
    title: both("The same mishap, with a queue on one node", "同样的事故，队列只在一个节点上"),
    paragraphs: &[
        both(
            "Nothing else is changed: the same cluster, clients and faults. But the queue is *classic*: it is on the node where it was declared, and *nowhere else*. The other nodes only know where it is.",
            "其他都不变：同样的集群、客户端和故障。但队列是*经典队列*：只在声明它的节点上，*别处没有*，其他节点只知道它在哪里。",
        ),
        both(
            "A confirm means that *this one disk* has the message. That is faster, a single write, and it survives a power cut.",
            "确认表示*这一块硬盘*有了消息。只写一次，更快，也扛得住断电。",
        ),
        both(
            "From 400 ms on node 1 is dark: *nobody can publish or consume*, though two nodes run. At 1 s the machine is replaced with an empty disk: what was confirmed and not consumed is *lost*.",
            "400 毫秒起节点 1 断电：另外两个节点还在，却*没人能发布或消费*。1 秒时换上空硬盘的机器：已确认而没消费的消息就此*丢失*。",
        ),
    ],
    look: &[
        both(
            "The tray of lost messages: all of them had been confirmed",
            "丢失消息的托盘：它们全都得到过确认",
        ),
        both(
            "The publisher holds what was not confirmed, and publishes it when the queue is back",
            "发布者保留着没确认的消息，队列一回来就重新发布",
        ),
    ],
    tries: &[
        both(
            "Restart broker 1 instead of replacing it: late, but nothing is lost",
            "不换机器，只重启 Broker 1：晚了些，但一条不丢",
        ),
        both(
            "Add \"x-queue-type\": \"quorum\" to the queue's arguments in the JSON",
            "在 JSON 里给队列的 arguments 加上 \"x-queue-type\": \"quorum\"",
        ),
    ],
};

const NO_MAJORITY: Story = Story {
    scenario: "rabbitmq-no-majority",
    kicker: both("RabbitMQ, quorum", "RabbitMQ：多数派"),
    title: both("One of three may say nothing", "三个只剩一个，什么也不能说"),
    paragraphs: &[
        both(
            "Publisher and consumer are connected to node 1, which stays up all the time. At 300 ms node 2 dies: *two of three are a majority*, and all goes on.",
            "发布者和消费者都连着一直在线的节点 1。300 毫秒时节点 2 宕机：*三个里有两个，仍是多数派*，一切照常。",
        ),
        both(
            "At 500 ms node 3 dies, too. Node 1 has every message, and *may not deliver one*: alone it cannot know whether the others have agreed on something else. Its leader *steps down*; what is published is neither confirmed nor refused.",
            "500 毫秒时节点 3 也宕机。节点 1 有全部消息，却*一条也不能投递*：它无法知道另外两个是否已达成别的决定。leader *退位*；发布的消息既不确认也不拒绝。",
        ),
        both(
            "When node 3 is back there is a majority again. What the publisher had waiting comes in at once. *Safety before availability*: that is what a quorum queue chooses.",
            "节点 3 一回来就又有了多数派，积压的发布随即涌入。*宁可不可用，也不出错*：这就是仲裁队列的选择。",
        ),
    ],
    look: &[
        both("The consumer idles beside a node that is full of messages", "消费者守着满是消息的节点，却闲着"),
        both("How long the election takes once two are there", "凑齐两个之后，选举花了多久"),
    ],
    tries: &[
        both(
            "Cut broker 1 off from both others instead of killing them",
            "不弄宕，而是把 Broker 1 与另外两个断开",
        ),
        both("Use five brokers in the JSON: how many may die?", "在 JSON 里改成五个 Broker：能宕几个？"),
    ],
};

const LIMIT: Story = Story {
    scenario: "rabbitmq-delivery-limit",
    kicker: both("RabbitMQ, delivery limit", "RabbitMQ：投递上限"),
    title: both("Back to the front, three times, then to the graveyard", "回到最前面，三次之后进死信队列"),
    paragraphs: &[
        both(
            "Every twentieth message fails each time, and its consumer gives it back (`basic.reject`). A classic queue would put it back in its *old place*; a quorum queue has a *line of its own for returns*, which is served *before* everything else.",
            "每二十条有一条总是失败，消费者把它退回（`basic.reject`）。经典队列把它放回*原位*；仲裁队列另有一条*退回队列*，*优先于*其他一切投递。",
        ),
        both(
            "The leader counts. `x-delivery-limit` is 2 here (20 by default since 4.0): with the *third failure* the message is dead.",
            "leader 记着次数。这里 `x-delivery-limit` 是 2（4.0 起默认 20）：*第三次失败*，消息就成了死信。",
        ),
        both(
            "It goes through the *dead-letter exchange* to the graveyard, a queue with a leader of its own on another node. With the strategy *at-least-once* it stays in orders until the graveyard has confirmed it.",
            "它经*死信交换机*进入 graveyard，那个队列的 leader 在另一个节点。策略是 *at-least-once*：graveyard 确认之前，它一直留在 orders 里。",
        ),
    ],
    look: &[
        both(
            "A message that came back carries a count, and is delivered again at once",
            "退回的消息带着次数，马上又被投递",
        ),
        both(
            "The dead letter travels from node 1 to node 2, and its confirm back",
            "死信从节点 1 走到节点 2，确认再走回来",
        ),
    ],
    tries: &[
        both(
            "Set \"gives_back\": \"nack\" for both consumers: since 4.3 that does not count, and the messages go round for ever",
            "给两个消费者加上 \"gives_back\": \"nack\"：4.3 起它不计数，消息会一直转下去",
        ),
        both(
            "Kill broker 1 while a dead letter is on its way: the next leader sends it again",
            "死信在路上时弄宕 Broker 1：新的 leader 会再发一次",
        ),
    ],
};

const STREAM: Story = Story {
    scenario: "rabbitmq-stream",
    kicker: both("RabbitMQ, stream", "RabbitMQ：流"),
    title: both("A log that is read, not emptied", "只读不取的日志"),
    paragraphs: &[
        both(
            "A *stream* is a log: reading takes nothing out of it. *Billing* reads from the first message on; *audit* comes at 900 ms and reads *everything once more*. Each has its own offset.",
            "*流*是一份日志，读了也不会少。*billing* 从第一条读起；*audit* 在 900 毫秒才来，把*一切重读一遍*。各有各的偏移量。",
        ),
        both(
            "One member writes, the others copy; consumers read *from the node that they are connected to*, up to what a majority has. At 400 ms the *writer dies*: the coordinator, a Raft of its own, stops the others and lets the one whose log goes furthest write.",
            "一个成员写，其余的抄；消费者从*自己连的节点*读，只读到多数派都有的地方。400 毫秒时*写者宕机*：协调者（自己也是一个 Raft）叫停其余成员，让日志最长的来写。",
        ),
        both(
            "Billing dies at 600 ms. Every ten messages it had *stored its offset* in the stream, and goes on from there: a few messages are *done twice*, none is left out.",
            "billing 在 600 毫秒宕机。它每十条就把*偏移量存进流里*，回来后从那里继续：有几条会*处理两遍*，但一条不漏。",
        ),
    ],
    look: &[
        both(
            "The publisher has a name, so what it publishes again after the writer's death is stored once",
            "发布者有名字：写者宕机后重发的消息只存一份",
        ),
        both("Both readers' offsets, below the log of the writer", "写者日志下方，两个读者的偏移量"),
    ],
    tries: &[
        both(
            "Set \"offset\": \"next\" for audit: it sees only what comes from then on",
            "把 audit 的 offset 改成 \"next\"：它只看得到之后来的",
        ),
        both(
            "Take the publisher's name out of the JSON, and look for doubles",
            "在 JSON 里去掉 publisher 的名字，找找重复",
        ),
    ],
};

const ALARM: Story = Story {
    scenario: "rabbitmq-alarm",
    kicker: both("RabbitMQ, resource alarms", "RabbitMQ：资源告警"),
    title: both("One node is short of memory, and all publishers wait", "一个节点缺内存，所有发布者都等"),
    paragraphs: &[
        both(
            "*Photos* is a classic queue on broker 1, whose memory is small, and nobody prints them yet. With more than *0.6 of its memory* taken the broker raises an alarm, and tells the others.",
            "*photos* 是 Broker 1 上的经典队列，它内存很小，而照片还没人打印。占用超过*内存的 0.6*，它就拉响告警，并通知其余节点。",
        ),
        both(
            "*Every node* stops reading from connections that publish. The shop is connected to broker 3, and its queue is far from full: it is *blocked all the same* (`connection.blocked`). What was read before is taken. The till first publishes at 400 ms, so nobody has blocked it: its *first message is still taken*, then it waits, too.",
            "*每个节点*都不再读取发布者的连接。shop 连的是 Broker 3，它的队列也远没有满：*照样被阻塞*（`connection.blocked`）。此前已读到的照收。till 在 400 毫秒才第一次发布，之前没有人阻塞它：*第一条消息仍被收下*，然后它也得等。",
        ),
        both(
            "*Consumers go on*: they alone make room. At 700 ms the printer comes; as soon as enough is printed the alarm is over, and all publish what they had waiting, which may raise it once more.",
            "*消费者照常工作*：只有它们能腾出空间。700 毫秒时打印机来了；打印掉足够多之后告警解除，大家把攒下的消息一齐发出，告警可能因此再响。",
        ),
    ],
    look: &[
        both(
            "The alarm stands on broker 1's card alone; \"waits: alarm\" on every publisher's",
            "告警只写在 Broker 1 的卡片上；“等待：有告警”写在每个发布者的卡片上",
        ),
        both(
            "While all publishers wait, anna works off her queue",
            "所有发布者都在等的时候，anna 把她的队列处理完",
        ),
    ],
    tries: &[
        both(
            "Set \"watermark\": 40 for the limits of node 1, as before 4.0: the alarm comes earlier",
            "给节点 1 的 limits 加上 \"watermark\": 40（4.0 以前的默认值）：告警来得更早",
        ),
        both(
            "Kill broker 1 during the alarm: a dead node has none, and the shop goes on",
            "告警期间弄宕 Broker 1：宕机的节点没有告警，shop 继续发布",
        ),
    ],
};
