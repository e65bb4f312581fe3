//! Consumer groups: the words of the scenarios in which a group is dealt anew.

use super::both;
use super::story::Story;

pub(super) const STORIES: &[Story] = &[EAGER, COOPERATIVE, STORM];

const EAGER: Story = Story {
    scenario: "rebalance-eager",
    kicker: both("Rebalance, eager", "重平衡：一次性"),
    title: both("One comes, and all stand still", "来了一个，全体停下"),
    paragraphs: &[
        both(
            "Six partitions, and anna and ben read three each. At 300 ms carl joins. The group is *dealt anew*: everybody is told with the next heartbeat, lets go of *all* partitions, and joins again.",
            "六个分区，anna 和 ben 各消费三个。300 毫秒时 carl 加入。消费者组要*重平衡*：每个成员在下一次心跳时得知，放弃*全部*分区，再重新加入。",
        ),
        both(
            "But a member joins only between two messages, and ben may work up to 60 ms on one. Until he has joined, *nobody reads anything*, also of the partitions that stay where they are.",
            "但成员要处理完手里的消息才会重新加入，而 ben 处理一条最多要 60 毫秒。在他加入之前，*谁都不消费*，连归属不变的分区也停着。",
        ),
    ],
    look: &[both("Around 300 ms no partition has a reader", "300 毫秒前后，所有分区都没人消费")],
    tries: &[both("Open the same with the cooperative assignor", "打开协作式的版本")],
};

const COOPERATIVE: Story = Story {
    scenario: "rebalance-cooperative",
    kicker: both("Rebalance, cooperative", "重平衡：协作式"),
    title: both("Only what moves stands still", "只有要换手的分区停下"),
    paragraphs: &[
        both(
            "The same group, dealt by the *cooperative* assignor. When carl comes, anna and ben join again *with what they have*, and read on. The new shares name what each must give up: two partitions of six.",
            "同一个消费者组，换成*协作式*分配。carl 加入时，anna 和 ben *带着手里的分区*重新加入，继续消费。新的分配只指出各自要交出哪些：六个分区里的两个。",
        ),
        both(
            "What changes hands is given to nobody in this round: its old reader may still be at work. He finishes, commits, lets go, and *joins once more*; in the *second round* carl gets it.",
            "要换手的分区这一轮不给任何人，因为原来的成员可能还在处理。等他处理完、提交、放手，再*加入一次*，*第二轮*才交给 carl。",
        ),
    ],
    look: &[both(
        "Two rounds: carl has nothing in the first, two partitions in the second",
        "共两轮：carl 第一轮什么也没有，第二轮得到两个分区",
    )],
    tries: &[both(
        "Kill carl: who takes over, and does anybody stop?",
        "让 carl 宕机：谁来接手？有人停下吗？",
    )],
};

const STORM: Story = Story {
    scenario: "rebalance-storm",
    kicker: both("Rebalance storm", "重平衡风暴"),
    title: both("Too slow to be a member", "处理太慢，留不在组里"),
    paragraphs: &[
        both(
            "A program may work on one message for *40 ms* (Kafka: max.poll.interval.ms, 5 min); some of these take longer. Then its client takes it for stuck and *leaves the group*. Its partitions go to the other one.",
            "程序处理一条消息最多 *40 毫秒*（Kafka 的 max.poll.interval.ms，默认 5 分钟），而有几条要更久。超时后客户端认为程序卡住，*退出消费者组*，分区转给另一个成员。",
        ),
        both(
            "When it is done it may not commit: others read there now. The other one begins *the same message*, takes as long, and is out as well. The group is dealt again and again, and the work is done *again and again*.",
            "它处理完时已不能提交：分区已归别人。另一个成员从*同一条消息*开始，同样太慢，同样出局。消费者组反复重平衡，同样的活*一遍遍重做*。",
        ),
    ],
    look: &[
        both(
            "Refused commits, and messages that are processed many times",
            "提交被拒，有的消息被处理了很多遍",
        ),
        both("Other messages of the partition wait behind it", "同一分区后面的消息都在等"),
    ],
    tries: &[both(
        "Set poll_max to 100000 in the scenario's JSON: the storm is over",
        "把场景 JSON 里的 poll_max 改成 100000：风暴就停了",
    )],
};
