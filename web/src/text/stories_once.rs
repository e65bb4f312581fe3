//! Why is a message stored twice, and how is it stored once? The words of two scenarios.

use super::both;
use super::story::Story;

/// The stories of this file.
pub(super) const STORIES: &[Story] = &[TWICE, ONCE];

const TWICE: Story = Story {
    scenario: "duplicate-after-lost-answer",
    kicker: both("At least once", "至少一次"),
    title: both("The answer is lost, and the message is stored twice", "应答丢了，消息存了两份"),
    paragraphs: &[
        both(
            "Shop and app send to *one partition* with acks=all: the leader answers when both followers have a batch. Five batches may be on their way at a time.",
            "shop 和 app 以 acks=all 发往*同一个分区*：两个 follower 都有了这一批，leader 才应答。在途的批次最多五个。",
        ),
        both(
            "At 200 ms *the leader crashes*: it has written batches, the followers have copied them, and *nobody was told*. The producers cannot know. They send the same messages again, to the new leader.",
            "200 毫秒时 *leader 宕机*：有几批它已写下，follower 也已复制，*却还没来得及应答*。生产者无从得知，只能向新 leader 重发。",
        ),
        both(
            "The new leader has them already, and *writes them a second time*: to it they are new. Nothing is lost, and some orders are billed twice.",
            "新 leader 的日志里其实已有这些消息，但它认不出来，*又写了一遍*。一条没丢，有的订单却记了两次账。",
        ),
    ],
    look: &[
        both("The same number twice in the log, a few places apart", "日志里同一个编号出现两次，相隔几格"),
        both("“Doubled” in the verdict", "结论里的“重复”"),
    ],
    tries: &[
        both("Open the same crash with idempotent producers", "打开同一次宕机、生产者开启幂等的场景"),
        both(
            "Step back before the crash, and kill a follower instead: every answer comes, and nothing doubles",
            "退回到宕机之前，改让 follower 宕机：应答都能收到，没有重复",
        ),
    ],
};

const ONCE: Story = Story {
    scenario: "idempotent-producer",
    kicker: both("One setting changed", "只改一个设置"),
    title: both("The idempotent producer: stored once", "幂等生产者：只存一份"),
    paragraphs: &[
        both(
            "Each producer has *a number* from the cluster, and numbers its messages in each partition. A batch says: producer 1, messages 12 to 15.",
            "每个生产者向集群要一个*编号*（producer id），再给发往每个分区的消息编上序号。一批消息会写明：生产者 1，第 12 到 15 条。",
        ),
        both(
            "The numbers stand *in the log*, so the followers have them too. After the crash the new leader looks at what is sent again, *knows it*, writes nothing, and answers as the old one would have.",
            "序号就写*在日志里*，所以 follower 也有。宕机之后，新 leader 看到重发的批次，*认了出来*，不再写入，只把原来的应答补上。",
        ),
        both(
            "A batch that comes too early is refused until the one before it is there: so *order is kept*, with five on their way. The leader remembers the last five batches of each producer. Kafka's producers work so unless they are told otherwise.",
            "来得太早的批次会被拒绝，直到它前面的那批到了为止：在途五批，*顺序也不乱*。leader 记住每个生产者最近的五批。Kafka 的生产者默认就是这样。",
        ),
    ],
    look: &[
        both(
            "“recognises … as a duplicate” in the events after the crash",
            "宕机之后，事件里的“认出……是重复的”",
        ),
        both("Every number stands once in the log", "日志里每个编号只出现一次"),
    ],
    tries: &[
        both(
            "Kill the new leader too, right after the first recognition",
            "第一次认出重复之后，让新 leader 也宕机",
        ),
        both(
            "Kill the shop and revive it: it gets another number, and is somebody else from then on",
            "让 shop 宕机再恢复：它拿到新的编号，从此就是另一个生产者",
        ),
    ],
};
