//! The words of the scenarios that Pulsar plays: brokers that keep nothing, bookies that own nothing, and four ways to share.

use super::both;
use super::story::Story;

/// The stories of this file.
pub(super) const STORIES: &[Story] = &[
    BROKER,
    BOOKIE,
    ZOMBIE,
    SUBSCRIPTIONS,
    WITHOUT_SYNC,
    GEO_CUT,
    GEO_BURNS,
    OFFLOAD,
    COMPACTION,
    AUTORECOVERY,
];

const BROKER: Story = Story {
    scenario: "pulsar-broker-fails-over",
    kicker: both("Pulsar: brokers keep nothing", "Pulsar：Broker 不存数据"),
    title: both("A broker dies, and no message moves", "Broker 宕机，一条消息也不用搬"),
    paragraphs: &[
        both(
            "The *broker* that owns a topic takes messages and delivers them, and keeps none. *Bookies* keep them, as entries of a *ledger*: each entry goes to two of three, and counts when both have answered.",
            "拥有主题的 *Broker* 负责收发，自己不存。消息由 *Bookie* 保存，是某个 *ledger* 的 entry：每个 entry 写到三个 Bookie 中的两个，两个都答复才算数。",
        ),
        both(
            "At 300 ms *broker 1 crashes*. When the metadata store has not heard it for a session, broker 2 takes the topic. It *fences* the open ledger, so that the old owner could write no more, finds its last entry, closes it, and begins ledger 1.",
            "300 毫秒时 *Broker 1 宕机*。元数据存储整个会话期没听到它，Broker 2 便接手主题：先 *fence* 没关的 ledger，让旧主再也写不进去，找到最后一个 entry 后关闭，再新开 ledger 1。",
        ),
        both(
            "What stood on the bookies stays there. So a topic of a terabyte changes its broker as fast as an empty one.",
            "Bookie 上的数据原地不动。所以一个 1 TB 的主题换 Broker，和空主题一样快。",
        ),
    ],
    look: &[
        both("Each entry on two bookies, by turns", "每个 entry 轮流落在两个 Bookie 上"),
        both(
            "Ledger 0 is fenced on every bookie, then closed",
            "ledger 0 在每个 Bookie 上被 fence，然后关闭",
        ),
    ],
    tries: &[
        both("Crash broker 2 as well, before broker 1 is back", "在 Broker 1 回来之前，让 Broker 2 也宕机"),
        both(
            "Crash a bookie at the same moment. Can the ledger still be closed?",
            "同一时刻再让一个 Bookie 宕机，ledger 还关得上吗？",
        ),
    ],
};

const BOOKIE: Story = Story {
    scenario: "pulsar-bookie-fails",
    kicker: both("Pulsar: ensembles", "Pulsar：ensemble"),
    title: both(
        "A bookie dies, and another takes its place from the next entry on",
        "Bookie 宕机，从下一个 entry 起换人",
    ),
    paragraphs: &[
        both(
            "A ledger is spread over an *ensemble* of three bookies out of four; an entry counts when two of three have it. At 300 ms *bookie 2 crashes*.",
            "ledger 分布在一个 *ensemble* 上，四个 Bookie 里选三个；三个中两个有了，entry 就算数。300 毫秒时 *Bookie 2 宕机*。",
        ),
        both(
            "The writer asks the metadata store to let the fourth bookie stand in its place *from the first entry on that is not confirmed*, and goes on. Nothing is copied: a new bookie is of use with the next entry.",
            "写入者请元数据存储从*第一个未确认的 entry* 起让第四个 Bookie 顶上，然后继续。什么都不用复制：新 Bookie 从下一个 entry 起就有用。",
        ),
        both(
            "Kafka and quorum queues have one set of replicas for a whole log, and a new replica must copy all of it before it counts.",
            "Kafka 和仲裁队列的一份日志只有一组副本，新副本要先复制完整份日志才算数。",
        ),
    ],
    look: &[both("Bookie 4 has the ledger's later entries alone", "Bookie 4 上只有 ledger 后半段的 entry")],
    tries: &[
        both("Crash a second bookie. Who is left to take its place?", "再让一个 Bookie 宕机，还有谁能顶上？"),
        both("Make a bookie's disk slow instead", "改成让一个 Bookie 的磁盘变慢"),
    ],
};

const ZOMBIE: Story = Story {
    scenario: "pulsar-zombie-broker",
    kicker: both("Pulsar: fencing", "Pulsar：fencing"),
    title: both("A frozen owner wakes up, and cannot write", "卡住的旧主醒来，却写不进去"),
    paragraphs: &[
        both(
            "At 300 ms *broker 1 freezes*. It is not dead, but nobody can tell: its session ends, and broker 2 takes the topic, *fences* ledger 0 on the bookies and closes it.",
            "300 毫秒时 *Broker 1 卡住*。它没死，但没人分得清：会话过期，Broker 2 接手主题，在 Bookie 上 *fence* 并关闭 ledger 0。",
        ),
        both(
            "At 1.5 s it wakes up and believes that it owns the topic still. It cannot do harm: a bookie says *fenced*, or the store says *conflict*, and either is enough. It acknowledges nothing more.",
            "1.5 秒时它醒来，以为主题还是自己的。但它做不了坏事：Bookie 会答“已 fence”，元数据存储会答“冲突”，任何一个都够。它不再确认任何消息。",
        ),
    ],
    look: &[both("Who answers the producer after 1.5 s", "1.5 秒之后是谁在答复生产者")],
    tries: &[both("Wake it up earlier, before its session is over", "早点让它醒来，赶在会话过期之前")],
};

const SUBSCRIPTIONS: Story = Story {
    scenario: "pulsar-subscriptions",
    kicker: both("Pulsar: subscriptions", "Pulsar：订阅"),
    title: both("One topic, three ways to share it", "一个主题，三种分法"),
    paragraphs: &[
        both(
            "Each *subscription* gets every message, and shares them out in its own way. *audit* is failover: one consumer is active, the other stands by. *mail* is shared: by turns, to whoever has permits. *pay* is key-shared: all of one key goes to one consumer, in order.",
            "每个*订阅*都拿到全部消息，怎么分由订阅类型决定。*audit* 是 failover：一个活跃，一个待命。*mail* 是 shared：轮流给有 permit 的。*pay* 是 key_shared：同一个键的消息按序给同一个消费者。",
        ),
        both(
            "The mailers fail at every twentieth order. It is given back, comes again, and after three times stands in the *dead-letter topic* orders-mail-DLQ. The others never notice.",
            "mailer 每逢第二十笔订单都失败：退回、重投，三次之后进入*死信主题* orders-mail-DLQ。别的订阅毫无察觉。",
        ),
        both(
            "The active auditor dies at 300 ms, a payer at 350 ms: the one who stands by goes on from the last acknowledgement, and keys move to the payer that is left.",
            "300 毫秒时活跃的 auditor 宕机，350 毫秒时一个 payer 宕机：待命者从最后的确认处接着来，键则归剩下的 payer。",
        ),
    ],
    look: &[
        both(
            "Below the topic, one line for each subscription, with its own backlog",
            "主题下面每个订阅一行，各有各的积压",
        ),
        both(
            "A receiver queue of 5: the mailers get more permits when half of it is done",
            "接收队列为 5：处理掉一半，mailer 才发放新的 permit",
        ),
    ],
    tries: &[
        both("Let a mailer work four times as long", "让一个 mailer 慢四倍"),
        both("Crash the second payer, too, and bring it back", "让另一个 payer 也宕机，再恢复"),
    ],
};

const WITHOUT_SYNC: Story = Story {
    scenario: "pulsar-without-sync",
    kicker: both("Pulsar: journalSyncData=false", "Pulsar：journalSyncData=false"),
    title: both("Two bookies answer before their disks do", "两个 Bookie 没等落盘就答复"),
    paragraphs: &[
        both(
            "A bookie flushes its *journal* before it answers. Here that is switched off: an entry counts when two bookies have it *in memory*.",
            "Bookie 先把 *journal* 刷到磁盘再答复。这里关掉了：两个 Bookie 的*内存*里有了，entry 就算数。",
        ),
        both(
            "At 400 ms *the power of two bookies goes*, both at once. What only they had is gone, though the shop was told that it is stored. Whoever reads the topic finds a hole there, and stands still before it.",
            "400 毫秒时*两个 Bookie 同时断电*。只在它们那里的消息没了，尽管 shop 已经收到确认。谁来读这个主题，都会停在这个窟窿前面。",
        ),
    ],
    look: &[both("The tray of the lost, when the power goes", "断电那一刻的丢失托盘")],
    tries: &[
        both(
            "Cut the power of one bookie alone: the other copy is enough",
            "只断一个 Bookie 的电：另一份副本就够了",
        ),
        both("Set journal_sync to true: nothing is lost", "把 journal_sync 设为 true：一条不丢"),
    ],
};

const GEO_CUT: Story = Story {
    scenario: "pulsar-geo-cut",
    kicker: both("Pulsar: geo-replication", "Pulsar：跨地域复制"),
    title: both("A cluster is cut off, and both go on", "集群之间断了线，两边照常工作"),
    paragraphs: &[
        both(
            "There are *two clusters*, north and south, each with a broker, two bookies and a metadata store. Both have the topic orders. A *replicator* at the topic's owner reads it like any subscription, *pulsar.repl.south*, and publishes to the other cluster like any producer.",
            "有南北*两个集群*，各有一个 Broker、两个 Bookie 和一个元数据存储，都有主题 orders。主题拥有者上的*复制器*像普通订阅（*pulsar.repl.south*）一样读它，再像普通生产者一样发往另一个集群。",
        ),
        both(
            "At 300 ms *the link between the clusters is cut*. No producer notices: its receipt comes from its own cluster. What the other lacks is the replicator's *backlog*.",
            "300 毫秒时*两个集群之间断线*。生产者毫无察觉：回执由本集群给出。对方还缺的，就是复制器的*积压*。",
        ),
        both(
            "At 700 ms the link is back, and the backlog goes over, in order. What arrives says where it came from, and is *not replicated again*: so nothing goes round in circles.",
            "700 毫秒时线路恢复，积压按顺序送过去。送到的消息注明来自哪个集群，*不再被复制*，所以不会来回打转。",
        ),
    ],
    look: &[
        both(
            "The backlog of pulsar.repl.south grows, while payers have everything",
            "pulsar.repl.south 的积压在涨，payers 却一条不缺",
        ),
        both(
            "Order is kept for each producer; the two clusters mix shop and branch differently",
            "每个生产者的消息有序；shop 和 branch 怎么交错，两个集群各不相同",
        ),
    ],
    tries: &[
        both("Crash broker 1 during the cut, and bring it back", "断线期间让 Broker 1 宕机，再恢复"),
        both("Never heal the link. What does the auditor miss?", "线路一直不恢复，auditor 会缺什么？"),
    ],
};

const GEO_BURNS: Story = Story {
    scenario: "pulsar-geo-burns",
    kicker: both("Pulsar: geo-replication", "Pulsar：跨地域复制"),
    title: both("A cluster burns, and takes its backlog along", "集群烧毁，积压陪葬"),
    paragraphs: &[
        both(
            "Geo-replication is *asynchronous*: a receipt says that one cluster has the message. At 300 ms the clusters are cut apart, and the shop goes on sending to the north.",
            "跨地域复制是*异步*的：回执只说明一个集群有了这条消息。300 毫秒时两个集群断线，shop 继续往北方发。",
        ),
        both(
            "At 500 ms *everything in the north loses its power* for good. What the replicator had not sent is nowhere else, though the shop has receipts for it: the south gets none of it, even when the link is whole again.",
            "500 毫秒时*北方全部断电*，再不恢复。复制器没来得及发的别处都没有，尽管 shop 已经收到回执：线路恢复了，南方也拿不到。",
        ),
    ],
    look: &[
        both("What the auditor has ends with the cut", "auditor 拿到的止于断线那一刻"),
        both("The south goes on by itself, for the branch", "南方独自继续为 branch 服务"),
    ],
    tries: &[
        both("Heal the link before the fire, at 450 ms", "在起火之前，450 毫秒时恢复线路"),
        both("Let the power come back at 900 ms", "900 毫秒时让电力恢复"),
    ],
};

const OFFLOAD: Story = Story {
    scenario: "pulsar-offload",
    kicker: both("Pulsar: tiered storage", "Pulsar：分层存储"),
    title: both(
        "Old ledgers go to an object store, and are read there",
        "旧 ledger 搬到对象存储，也从那里读",
    ),
    paragraphs: &[
        both(
            "All orders are kept for ever, but not by bookies. A ledger that is *closed* is copied to an *object store*, entry by entry; then the topic's list of ledgers says so.",
            "订单永久保留，但不必放在 Bookie 上。ledger 一*关闭*，就逐个 entry 复制到*对象存储*，然后记进主题的 ledger 列表。",
        ),
        both(
            "Some time later, so that nobody is reading there any more, *bookies delete* their copies. For consumers nothing changes: ledger and entry are the same.",
            "再过一段时间，等没有人还在读，*Bookie 删除*自己的副本。消费者看不出区别：ledger 和 entry 都没变。",
        ),
        both(
            "At 2.3 s broker 1 crashes, and with it what it had at hand. At 3 s *replay* wants everything from the start: broker 2 fetches it from the object store, *slower* than from a bookie.",
            "2.3 秒时 Broker 1 宕机，手头的缓存也没了。3 秒时 *replay* 要从头读起：Broker 2 从对象存储取，比从 Bookie 取*慢*。",
        ),
    ],
    look: &[
        both(
            "Ledgers pile up in the object store, and leave the bookies",
            "ledger 在对象存储里越积越多，从 Bookie 上消失",
        ),
        both("The ledger that is written to stays on bookies", "正在写的 ledger 留在 Bookie 上"),
    ],
    tries: &[
        both(
            "Crash the object store at 3.2 s. What does replay get until it is back?",
            "3.2 秒时让对象存储宕机。在它恢复之前，replay 拿得到什么？",
        ),
        both(
            "Do not crash broker 1: who reads from the object store then?",
            "不让 Broker 1 宕机：那时谁会去对象存储读？",
        ),
    ],
};

const COMPACTION: Story = Story {
    scenario: "pulsar-compaction",
    kicker: both("Pulsar: topic compaction", "Pulsar：主题压实"),
    title: both("Of each price the latest, and the topic stays as it is", "每个价格只要最新的，主题原样保留"),
    paragraphs: &[
        both(
            "A market sends 150 prices of four keys. When more than 2,000 bytes are *not compacted*, the topic's owner reads the topic *twice*: first it notes where the latest of each key stands, then it writes these to a *compacted ledger* of its own.",
            "市场发来 150 条价格，分属四个键。*未压实*的超过 2000 字节时，主题的拥有者把主题读*两遍*：第一遍记下每个键最新的一条在哪里，第二遍把它们写进单独的*压实 ledger*。",
        ),
        both(
            "Only when that is complete the cursor *__compaction* says so, and the compacted ledger before is deleted. At 620 ms *broker 1 crashes*, wherever it is just then: broker 2 finds what the cursor names, and goes on from there.",
            "写完之后，游标 *__compaction* 才指向它，上一个压实 ledger 随即删除。620 毫秒时 *Broker 1 宕机*，不管正做到哪里：Broker 2 按游标所指接着做。",
        ),
        both(
            "At 1.5 s two consumers begin at the oldest. *archive* gets all 152 messages. *board* reads *compacted*: a few prices, each the latest of its key, and nothing of E, whose last message has no value.",
            "1.5 秒时两个消费者从最早处读起。*archive* 拿到全部 152 条。*board* *压实读取*：只有几条，各是所属键的最新价格；E 的最后一条没有值，所以一条也没有。",
        ),
    ],
    look: &[
        both(
            "A ledger with a few entries appears on two bookies, and the one before goes",
            "两个 Bookie 上出现只有几个 entry 的 ledger，上一个随即消失",
        ),
        both(
            "board is done at once; archive is at it for most of a second",
            "board 一下子读完；archive 要读大半秒",
        ),
    ],
    tries: &[
        both("Let board read without read_compacted", "去掉 board 的 read_compacted"),
        both(
            "Make the subscription board shared: who shares may not read compacted",
            "把 board 改成 shared 订阅：共享的订阅不能压实读取",
        ),
    ],
};

const AUTORECOVERY: Story = Story {
    scenario: "pulsar-autorecovery",
    kicker: both("Pulsar: autorecovery", "Pulsar：自动恢复"),
    title: both(
        "Two bookies burn one after the other, and nothing is lost",
        "两个 Bookie 先后烧毁，一条都没丢",
    ),
    paragraphs: &[
        both(
            "Every entry is on two of four bookies. At 700 ms *bookie 1 crashes*, and comes back only with an empty disk. Writers need nothing of it; but what is closed has *one copy* left.",
            "每个 entry 在四个 Bookie 中的两个上。700 毫秒时 *Bookie 1 宕机*，再来时磁盘已空。写入者不需要它，可已关闭的 ledger 就只剩*一份*了。",
        ),
        both(
            "One of the bookies is the *auditor*: when the session of bookie 1 is over, it marks the ledgers of which a copy is missing. The others copy, ledger by ledger, and write into each one's metadata who has it now.",
            "Bookie 之一是 *auditor*：Bookie 1 的会话一过期，它就标出缺了副本的 ledger。其他 Bookie 逐个 ledger 复制，并在各自的元数据里写明现在谁有。",
        ),
        both(
            "So at 1.8 s *bookie 2 may crash*, too, and for good. At 3 s replay reads all from the start, from the two that are left.",
            "于是 1.8 秒时 *Bookie 2 也宕机*、再不复原，也无妨。3 秒时 replay 从头读起，靠剩下的两个全部读到。",
        ),
    ],
    look: &[
        both(
            "Ledgers of bookie 1 appear on others, some 300 ms after it died",
            "Bookie 1 宕机约 300 毫秒后，它的 ledger 出现在别处",
        ),
        both(
            "When bookies 1 and 2 come back they are empty, and stay so: no ledger names them",
            "Bookie 1 和 2 回来时是空的，也一直空着：没有 ledger 写着它们",
        ),
    ],
    tries: &[
        both(
            "Take auto_recovery away: what only these two had is lost",
            "去掉 auto_recovery：只在这两个上的就丢了",
        ),
        both(
            "Crash bookie 2 at 800 ms, before anything is copied",
            "让 Bookie 2 在 800 毫秒、还没复制时就宕机",
        ),
    ],
};
