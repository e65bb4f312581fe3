//! Share groups: the words of the scenarios in which a topic is read as if it were a queue.

use super::both;
use super::story::Story;

pub(super) const STORIES: &[Story] = &[SHARED, POISON, FAIL_OVER];

const SHARED: Story = Story {
    scenario: "share-group",
    kicker: both("Share group", "共享组"),
    title: both("Three consumers on one partition", "三个消费者，一个分区"),
    paragraphs: &[
        both(
            "In a *consumer group* each partition has one reader, so of three consumers on one partition two would be idle. A *share group* reads the same log as if it were a queue: the leader hands out *single records*, each to one member alone.",
            "在*消费者组*里，一个分区只有一个消费者，三个里有两个闲着。*共享组*把同一份日志当队列读：leader *逐条*交出消息，每条只给一个成员。",
        ),
        both(
            "What is handed out is *locked for 100 ms* (Kafka: 30 s). The member accepts, gives back, or rejects it. It stays in the log as always: the leader only keeps account of it, until everything up to some offset is done.",
            "交出的消息*加锁 100 毫秒*（Kafka：30 秒），成员可以确认、交还或拒绝。消息照旧留在日志里，leader 只记录每条的状态，直到某个偏移量之前全部了结。",
        ),
        both(
            "At 300 ms *carl freezes*, with a record in hand. A queue would wait for his connection; here the *lock runs out*, and somebody else gets it for the second time. The price of sharing: *no order*, and some are done twice.",
            "300 毫秒时 *carl 冻结*，手里还有消息。队列要等连接断开；这里等*锁到期*，消息就会第二次交给别人。共享的代价：*不保证顺序*，有的会处理两遍。",
        ),
    ],
    look: &[
        both(
            "Faded discs in the partition are with a member; the number is how often they were delivered",
            "分区里变淡的圆点已交给某个成员，数字是投递次数",
        ),
        both(
            "When carl thaws he finishes what he has: it was done long ago, so it is done twice",
            "carl 解冻后继续处理手里的消息，其实早已有人处理过：于是重复了一次",
        ),
    ],
    tries: &[
        both(
            "Kill carl instead of freezing him: his connection breaks, and what he had comes back at once",
            "不冻结，而是让 carl 宕机：连接断开，他手里的消息立刻收回",
        ),
        both(
            "Set work to 60000 in the scenario's JSON: two at a time are too many for one lock. Then add \"renews\": true",
            "把场景 JSON 里的 work 改成 60000：一次两条，一把锁的时间不够。再加上 \"renews\": true 试试",
        ),
    ],
};

const POISON: Story = Story {
    scenario: "share-poison",
    kicker: both("Share group, poison message", "共享组：毒消息"),
    title: both("Five deliveries, then no more", "投递五次，到此为止"),
    paragraphs: &[
        both(
            "Messages 20, 40 and 60 fail each time. Whoever has one gives it back, and it is *handed out again*: the leader counts. After the *fifth delivery* the group gives it up: it is *archived*.",
            "消息 20、40、60 每次都失败。拿到的成员交还它，它会被*再次交出*，leader 记着次数。*第五次投递*之后，共享组放弃它：状态变为*已归档*。",
        ),
        both(
            "*Nothing waits for it.* A queue without a limit would deliver it for ever; a consumer group, which only knows how far it got, must stop before it or step over it. Here each record has its own state, and the others go by.",
            "*别的消息不用等它。*没有上限的队列会一直重投；消费者组只知道自己读到哪里，要么停在它前面，要么跳过。这里每条消息各有状态，别的照常通过。",
        ),
    ],
    look: &[
        both(
            "The share group's mark below the partition stands still before message 20, until that is archived",
            "分区下方共享组的标记停在消息 20 前面，直到它归档",
        ),
        both(
            "Archived is not lost: the log still has it, and other groups read it",
            "归档不是丢失：日志里还有，别的组照样能读",
        ),
    ],
    tries: &[both(
        "Add \"on_failure\": \"reject\" to both programs: the first delivery is the last",
        "给两个程序加上 \"on_failure\": \"reject\"：第一次投递就是最后一次",
    )],
};

const FAIL_OVER: Story = Story {
    scenario: "share-fail-over",
    kicker: both("Share group, the leader dies", "共享组：leader 宕机"),
    title: both("The account survives", "状态不随 leader 丢失"),
    paragraphs: &[
        both(
            "The leader keeps account of every record: who has it, how often it was delivered. Each change is written to the topic *__share_group_state*, replicated as any other; a member hears “acknowledged” *when it is written*.",
            "leader 记录每条消息的状态：谁持有、投递过几次。每次变化都写入主题 *__share_group_state*，和别的主题一样有副本；*写好之后*成员才得到“已确认”。",
        ),
        both(
            "At 300 ms broker 1 dies. The next leader *reads the account back*. What is done stays done. What members had was written nowhere: it is free again, and *that delivery does not count*. An old leader that still lives is refused by its epoch.",
            "300 毫秒时 Broker 1 宕机，新 leader *读回状态*。已处理的仍算已处理；成员手里的没有写下，于是重新可领，*那次投递也不计数*。如果旧 leader 还活着，它的写入会因纪元过旧被拒。",
        ),
    ],
    look: &[both(
        "The new leader reads the account, and hands out again what was with anna and ben",
        "新 leader 读回状态，再次交出 anna 和 ben 手里的消息",
    )],
    tries: &[both(
        "Kill broker 3, too: it keeps the accounts. The next one has them, for they are a log",
        "再让 Broker 3 宕机：状态由它保管。接任者照样有，因为那也是日志",
    )],
};
