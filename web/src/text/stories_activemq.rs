//! What only ActiveMQ has: the words of its scenarios.

use super::both;
use super::story::Story;

/// The stories of this file.
pub(super) const STORIES: &[Story] = &[MASTER_SLAVE, NO_SYNC, POISON, PREFETCH, VIRTUAL_TOPIC];

const MASTER_SLAVE: Story = Story {
    scenario: "activemq-master-slave",
    kicker: both("ActiveMQ: shared store", "ActiveMQ：共享存储"),
    title: both("One lock, one master", "一把锁，一个 master"),
    paragraphs: &[
        both(
            "Two brokers share *one store*, and a lock on it. Broker 1 has the lock: it is the master, and all clients are connected with it. Broker 2 is a *slave*: it serves nobody and asks for the lock every 100 ms.",
            "两个 Broker 共用*一份存储*，存储上有一把锁。Broker 1 持有锁，是 master，所有客户端都连着它。Broker 2 是 *slave*：不服务任何人，每 100 毫秒申请一次锁。",
        ),
        both(
            "At 252 ms the master crashes. Its connection to the store breaks, so *the lock is free at once*; broker 2 takes it, reads the store, and has everything that was ever confirmed. Clients find it by themselves: `failover:` tries one broker after the other.",
            "252 毫秒时 master 崩溃。它与存储的连接断开，*锁立刻释放*；Broker 2 拿到锁，读取存储，凡是确认过的消息它都有。客户端自己找到它：`failover:` 逐个尝试各个 Broker。",
        ),
        both(
            "At 700 ms broker 2 loses its power, and *nobody says so*. The store waits until the lease of the lock is over; clients wait until the connection was silent for too long. So this fail-over takes longer. Nothing is lost, and what producers said again is stored once: the store knows *how far each producer has got*.",
            "700 毫秒时 Broker 2 断电，*没有任何人得到通知*。存储要等锁的租约到期，客户端要等连接沉默太久，所以这次故障切换更慢。消息一条也没丢；生产者重发的也只存一份，因为存储记得*每个生产者发到了第几条*。",
        ),
    ],
    look: &[
        both(
            "Nothing leaves the master before the store has said that it is written",
            "存储没有答复“已写入”之前，master 不会发出任何确认",
        ),
        both(
            "Consumers throw away what they were ahead by when the connection breaks: it comes again, marked redelivered",
            "连接断开时，消费者丢弃已预取的消息：之后会带着重投标记再次到来",
        ),
    ],
    tries: &[
        both(
            "Freeze the master for 400 ms: its lease runs out, and when it goes on the store refuses what it writes",
            "让 master 冻结 400 毫秒：租约到期，等它恢复时，存储会拒绝它的写入",
        ),
        both(
            "Cut the power of the shared store: there is nothing else, so nobody serves until it is back",
            "给共享存储断电：除此之外别无副本，它恢复之前谁也无法服务",
        ),
    ],
};

const NO_SYNC: Story = Story {
    scenario: "activemq-no-sync",
    kicker: both("ActiveMQ: the journal", "ActiveMQ：日志文件"),
    title: both("Confirmed, and not on the disk", "确认了，却还没落盘"),
    paragraphs: &[
        both(
            "One broker, and a journal that is *never flushed* (`journalDiskSyncStrategy=\"never\"`). A producer is told “stored” when the operating system has the bytes.",
            "一个 Broker，日志*从不刷盘*（`journalDiskSyncStrategy=\"never\"`）。字节一交给操作系统，生产者就收到“已存储”。",
        ),
        both(
            "At 300 ms the power goes. What the disk had not written by itself is *gone*, though producers were told that it is stored.",
            "300 毫秒时断电。磁盘还没来得及写下的消息*全部丢失*，尽管生产者收到过确认。",
        ),
        both(
            "With `always`, the default, a message costs a flush, and nothing that was confirmed is lost. A crash of the *process* alone loses nothing either way.",
            "默认的 `always` 让每次写入都等一次刷盘，确认过的就不会丢。如果只是*进程*崩溃，两种设置都不会丢。",
        ),
    ],
    look: &[both(
        "The mark of the loss on the time axis, right at the power cut",
        "时间轴上断电那一刻的丢失标记",
    )],
    tries: &[
        both(
            "Crash the broker instead of cutting its power: nothing is lost",
            "改成让 Broker 崩溃而不是断电：什么都不丢",
        ),
        both(
            "Set journal_sync to always in the scenario, and run it again",
            "在场景里把 journal_sync 设为 always，再运行一次",
        ),
    ],
};

const POISON: Story = Story {
    scenario: "activemq-poison",
    kicker: both("ActiveMQ: redelivery", "ActiveMQ：重投"),
    title: both("Seven tries, and all others wait", "试七次，其他消息都得等"),
    paragraphs: &[
        both(
            "The program fails at every seventh message, each time. In ActiveMQ it is *the client* that tries again: the broker does not even know.",
            "程序每逢第七条消息必定失败。在 ActiveMQ 里，重试的是*客户端*：Broker 甚至不知道。",
        ),
        both(
            "The consumer waits 20 ms (1 s in ActiveMQ) before each of *six* redeliveries, and gives its program *nothing else meanwhile*: order is kept, and everything behind stands still.",
            "每次重投前，消费者等 20 毫秒（ActiveMQ 默认 1 秒），共重投*六*次；在此期间*不向程序交付任何其他消息*：顺序保住了，后面的消息全部停下。",
        ),
        both(
            "After the *seventh* delivery it sends a poison acknowledgement, and the broker moves the message to `ActiveMQ.DLQ`, the queue of all dead letters.",
            "*第七*次投递失败后，它发出毒消息确认，Broker 把消息移入 `ActiveMQ.DLQ`，所有死信共用的队列。",
        ),
    ],
    look: &[
        both("The consumer's messages that wait behind the poison", "消费者手里排在毒消息后面等待的消息"),
        both("`ActiveMQ.DLQ` appears when the first letter comes", "第一封死信到来时，`ActiveMQ.DLQ` 才出现"),
    ],
    tries: &[
        both(
            "Compare with the poison message of a queue that counts itself: there others go on",
            "对比由队列自己计数的毒消息场景：那里其他消息照常处理",
        ),
        both(
            "Let the program work longer, and see how long the queue grows",
            "把处理时间调长，看看队列会积压多久",
        ),
    ],
};

const PREFETCH: Story = Story {
    scenario: "activemq-prefetch",
    kicker: both("ActiveMQ: prefetch 1000", "ActiveMQ：预取 1000"),
    title: both("The first takes all", "先到的拿走全部"),
    paragraphs: &[
        both(
            "Sixty messages lie in the queue when the first consumer comes at 150 ms. Its prefetch is *1000*, as by default, so the broker pushes *all sixty* to it.",
            "150 毫秒时第一个消费者到来，队列里已有六十条消息。它的预取值是默认的 *1000*，于是 Broker 把*六十条全部*推给它。",
        ),
        both(
            "The second comes 50 ms later and gets *nothing*: what is with the first is no longer in the queue's hands. One works for 700 ms, the other does nothing.",
            "第二个晚到 50 毫秒，*一条也没有*：推给第一个的消息已不归队列支配。一个忙了 700 毫秒，另一个闲着。",
        ),
        both(
            "A prefetch of 1 shares the work, and costs a round trip for each message.",
            "预取设为 1 就能分摊工作，代价是每条消息多一个来回。",
        ),
    ],
    look: &[both(
        "The staged messages of the first consumer, and the empty queue",
        "第一个消费者暂存的消息，以及空空的队列",
    )],
    tries: &[
        both("Set the prefetch of both to 1", "把两者的预取都设为 1"),
        both(
            "Crash the first: all that it had goes back, and the second gets it",
            "让第一个崩溃：它手里的消息全部回到队列，第二个就能拿到",
        ),
    ],
};

const VIRTUAL_TOPIC: Story = Story {
    scenario: "activemq-virtual-topic",
    kicker: both("ActiveMQ: virtual topics", "ActiveMQ：虚拟主题"),
    title: both("A topic that feeds queues", "把消息送进队列的主题"),
    paragraphs: &[
        both(
            "A *virtual topic* copies each message into every queue whose name says so: `Consumer.stock.VirtualTopic.orders`. Two consumers of that queue *share* the work, which subscribers of a plain topic cannot.",
            "*虚拟主题*把每条消息复制到名字对得上的队列里：`Consumer.stock.VirtualTopic.orders`。这个队列的两个消费者*分担*工作，普通主题的订阅者做不到这一点。",
        ),
        both(
            "The auditor has a *durable subscription*. It dies at 100 ms and is back at 220 ms: the broker kept what came meanwhile.",
            "审计员有一个*持久订阅*。它在 100 毫秒时崩溃，220 毫秒时回来：期间的消息 Broker 都替它留着。",
        ),
        both(
            "The screen subscribes without one. It hears nothing that was published before it came at 160 ms, nor while it is dead between 240 and 280 ms.",
            "屏幕是普通订阅。它 160 毫秒才来，之前发布的听不到；240 到 280 毫秒之间宕机，期间发布的也听不到。",
        ),
    ],
    look: &[
        both(
            "One message, copied into as many queues as there are subscriptions",
            "一条消息，按订阅数复制到多个队列",
        ),
        both("How many messages each of the four has processed in the end", "结束时四个消费者各处理了多少条"),
    ],
    tries: &[
        both(
            "Crash a consumer of stock: the other gets what it had",
            "让 stock 的一个消费者崩溃：它手里的消息由另一个接手",
        ),
        both(
            "Crash the auditor for good: its queue grows for ever",
            "让审计员一直不回来：它的队列会一直增长",
        ),
    ],
};
