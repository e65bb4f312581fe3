//! The cluster as a whole: the words of the scenarios about controllers, and about where replicas stand.

use super::both;
use super::story::Story;

pub(super) const STORIES: &[Story] = &[CONTROLLERS];

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
            "At 700 ms a *second controller* dies. One of three is no majority: when broker 2 dies at 750 ms, *nobody elects*. The partitions that broker 3 leads go on all the same. At 1000 ms a controller returns, and everything is made up for.",
            "700 毫秒时*第二个控制器*也宕机。三个只剩一个，不到半数：750 毫秒 Broker 2 宕机后，*没有人主持选举*。但 Broker 3 领导的分区照常读写。1000 毫秒一个控制器恢复，之前欠下的选举才补上。",
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
