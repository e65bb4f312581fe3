//! What keeps a queue and its consumers from drowning: the words of the scenarios about limits.

use super::both;
use super::story::Story;

/// The stories of this file.
pub(super) const STORIES: &[Story] =
    &[UNLIMITED, AUTOMATIC, PREFETCH, CREDIT, DROPS, REFUSES, WAITS, ALARM, DISK_ALARM];

const UNLIMITED: Story = Story {
    scenario: "push-unlimited",
    kicker: both("Push without a limit", "不限量推送"),
    title: both("A consumer drowns, again and again", "消费者一次次被淹没"),
    paragraphs: &[
        both(
            "The producer sends a message every 2 ms. The consumer needs 6 ms for each, and has room for *20*. The queue *pushes all it has* at once: no prefetch limit is set.",
            "生产者每 2 毫秒发一条消息，消费者处理一条要 6 毫秒，最多放得下 *20* 条。队列有多少就*全部推过去*：没有设置预取上限。",
        ),
        both(
            "So the consumer runs out of memory and dies. It had acknowledged nothing of what it held, so the queue takes all of it back: *nothing is lost*.",
            "于是消费者内存耗尽，进程退出。它手里的消息都还没有确认，队列把它们全部收回：*一条也没有丢*。",
        ),
        both(
            "But when it starts again, everything comes at once, more than before, and it dies at once. *It never gets better.* A restart does not help whoever is given more than it can hold.",
            "可是它一重启，消息又一次全推过来，比之前更多，它马上又退出。*情况永远不会好转*：给得超过它能承受的，重启也没有用。",
        ),
    ],
    look: &[
        both(
            "Counts on the messages: each was delivered many times, and done not once",
            "消息上的次数：投递了很多次，却一次也没有处理完",
        ),
        both("The backlog on the time axis only grows", "时间轴上的积压只增不减"),
    ],
    tries: &[
        both("Open the same run with a prefetch of 4", "打开预取为 4 的同一次运行"),
        both(
            "Open it with automatic acknowledgement: now it does get better, at a price",
            "打开自动确认的同一次运行：情况会好转，但有代价",
        ),
    ],
};

const AUTOMATIC: Story = Story {
    scenario: "push-automatic",
    kicker: both("One setting changed", "只改一个设置"),
    title: both("Acknowledged before it was done", "还没处理就确认了"),
    paragraphs: &[
        both(
            "The same flood, the same consumer. But now a message counts as consumed *the moment it is sent* to the consumer: automatic acknowledgement.",
            "同样的洪流，同样的消费者。但现在消息*一发给消费者*就算消费完了：自动确认。",
        ),
        both(
            "The consumer dies of it all the same. What it held is in no queue any more, and in no program: *it is gone*, more than half of all messages. Nobody is told.",
            "消费者照样被淹没而退出。它手里的消息已不在队列里，也不在任何程序里：*就这样没了*，超过总数的一半，没有人得到通知。",
        ),
        both(
            "The queue looks healthy the whole time, because it is nearly empty. *An empty queue is no proof* that anything was done.",
            "队列自始至终看起来都很健康，因为它几乎是空的。*队列空了，并不证明事情做完了*。",
        ),
    ],
    look: &[both(
        "Messages leave the queue without a green ⊕ coming back",
        "消息离开了队列，却没有绿色 ⊕ 回来",
    )],
    tries: &[
        both("Click a message that was never done, and read its life", "点一条从未处理的消息，看它的一生"),
        both("Compare with explicit acknowledgement under the same seed", "用同一个种子与手动确认对比"),
    ],
};

const PREFETCH: Story = Story {
    scenario: "push-with-prefetch",
    kicker: both("One setting changed", "只改一个设置"),
    title: both("A window of four, and all is calm", "窗口为四，风平浪静"),
    paragraphs: &[
        both(
            "The same flood, the same consumer with room for 20. The only change: *prefetch 4*. The queue lets at most four messages be unacknowledged.",
            "同样的洪流，同样只放得下 20 条的消费者。唯一的改动：*预取为 4*。队列最多允许四条消息未确认。",
        ),
        both(
            "The backlog is as large as before. It only *waits somewhere else*: in the queue, which is made for that, and not in a program's memory.",
            "积压和之前一样多，只是*换了个地方等*：在专门为此准备的队列里，而不是在程序的内存里。",
        ),
        both(
            "Nobody dies, nothing is delivered twice. While the consumer works on one message, the next is there already, so no time is lost either.",
            "没有人退出，也没有重复投递。消费者处理一条时，下一条已经到了，所以也不浪费时间。",
        ),
    ],
    look: &[both(
        "Never more than four faded discs in the queue: those are with the consumer",
        "队列里变淡的圆点从不超过四个：它们在消费者手里",
    )],
    tries: &[
        both("Kill the consumer: at most four messages come back", "让消费者宕机：最多退回四条消息"),
        both("Compare with credit, one message at a time", "与信用（credit）方式对比：一次一条"),
    ],
};

const CREDIT: Story = Story {
    scenario: "push-by-credit",
    kicker: both("One setting changed", "只改一个设置"),
    title: both("The consumer says how many", "要多少，由消费者说"),
    paragraphs: &[
        both(
            "The same flood. Now the consumer *grants credit*: the queue may push as many messages as it was granted, and no more. Here it grants one when it is done with one.",
            "同样的洪流。现在由消费者*发放信用*：给了多少信用，队列就只能推多少条。这里它做完一条才再给一条。",
        ),
        both(
            "That is the safest of all, and *the slowest*: after each message the consumer waits for the next to travel. A window of four hides that way; here each message pays for it.",
            "这是最稳妥的，也是*最慢的*：每做完一条，都要等下一条在路上走完。窗口为四时这段路被掩盖了，这里每条消息都要付出这个时间。",
        ),
    ],
    look: &[
        both("At most one message is with the consumer", "消费者手里最多只有一条消息"),
        both("The end of the run: later than with a prefetch of 4", "结束的时刻：比预取为 4 时更晚"),
    ],
    tries: &[both("Put the end of both runs side by side", "比较两次运行结束的时刻")],
};

const DROPS: Story = Story {
    scenario: "full-queue-drops",
    kicker: both("A full queue, way one", "队列满了，做法一"),
    title: both("The oldest must go", "丢掉最老的"),
    paragraphs: &[
        both(
            "The queue holds at most *20 waiting messages*. The producer is faster than the consumer, so it is full soon. This queue *drops its head*: for each new message the oldest one goes.",
            "队列最多容纳 *20 条等待的消息*。生产者比消费者快，队列很快就满了。这个队列*丢弃队头*：每来一条新的，就丢掉最老的一条。",
        ),
        both(
            "The producer notices nothing. It was told “stored” a hundred times, and that was true at the time. For prices or positions this is right: *the newest counts*. For orders it is a disaster.",
            "生产者毫无察觉：它听到了一百次“已存好”，当时也确实如此。对行情或位置来说这是对的：*最新的才重要*。对订单来说却是灾难。",
        ),
        both(
            "What is dropped goes to *the dead-letter queue* “overflow”. Without one it would be gone.",
            "被丢弃的消息进入*死信队列* “overflow”。没有它，消息就没了。",
        ),
    ],
    look: &[both(
        "The second queue fills with the messages that waited longest",
        "第二个队列里装的是等得最久的消息",
    )],
    tries: &[both(
        "Open the queue that refuses, and the one that lets the producer wait",
        "打开拒绝新消息的队列，以及让生产者等待的队列",
    )],
};

const REFUSES: Story = Story {
    scenario: "full-queue-refuses",
    kicker: both("A full queue, way two", "队列满了，做法二"),
    title: both("No more, says the queue", "队列说：不收了"),
    paragraphs: &[
        both(
            "The same load. This queue keeps what it has and *refuses what is new*. The producer is told, for each message that did not fit.",
            "同样的负载。这个队列保留已有的，*拒绝新来的*，并且对每条放不下的消息都告诉生产者。",
        ),
        both(
            "So *the producer decides*. This one keeps the message and tries again after 10 ms, and again. Nothing is lost, but the same messages travel many times, only to hear no.",
            "于是*由生产者决定*怎么办。这里的生产者留着消息，10 毫秒后再试，不行再试。没有丢失，但同样的消息来回跑很多趟，只为听一句“不行”。",
        ),
    ],
    look: &[both(
        "Counts on messages on their way to the queue: attempts",
        "发往队列的消息上的次数：第几次尝试",
    )],
    tries: &[both(
        "Compare how many messages were sent with the queue that asks to wait",
        "与让生产者等待的队列比较发送的消息数",
    )],
};

const WAITS: Story = Story {
    scenario: "full-queue-waits",
    kicker: both("A full queue, way three", "队列满了，做法三"),
    title: both("Wait until there is room", "等有空位再说"),
    paragraphs: &[
        both(
            "The same load. When the queue is full, the broker *asks the producer to wait*, and tells it when there is room. The consumer's pace becomes the producer's pace: *back-pressure*.",
            "同样的负载。队列满时，Broker *请生产者等待*，有空位时再通知它。消费者的节奏变成了生产者的节奏：这就是*背压*。",
        ),
        both(
            "Nothing is lost, and few messages travel in vain. The price: the producer stands still, and so does everybody who waits for the producer. The queue *hides the slow consumer no longer*.",
            "没有丢失，也很少有消息白跑一趟。代价是：生产者停在那里，等它的人也一起停。队列*不再掩盖消费者的慢*。",
        ),
    ],
    look: &[both("Messages pile up at the producer, not in the queue", "消息堆在生产者那里，而不是队列里")],
    tries: &[
        both("Kill the consumer: soon the producer stands still", "让消费者宕机：生产者很快就停住了"),
        both("Revive it: everything moves again", "再让它恢复：一切又动起来"),
    ],
};

const ALARM: Story = Story {
    scenario: "memory-alarm",
    kicker: both("Back-pressure for a whole broker", "整个 Broker 的背压"),
    title: both("The memory alarm", "内存告警"),
    paragraphs: &[
        both(
            "Two producers send photos faster than they are printed. When the waiting messages have more bytes than the broker may hold, it raises *the memory alarm* and asks *all producers* to wait.",
            "两个生产者发照片的速度超过了打印的速度。等待中的消息字节数超过 Broker 的上限时，它就发出*内存告警*，请*所有生产者*等待。",
        ),
        both(
            "*Consumers go on.* They are the only ones who can make room, so they must never be stopped. When enough is consumed, the alarm is over and the producers go on.",
            "*消费者照常工作。*只有它们能腾出空间，所以绝不能停下它们。消费得足够多之后，告警解除，生产者继续。",
        ),
        both(
            "Nothing is lost. What could not be sent waits with the producers.",
            "没有丢失。发不出去的消息在生产者那里等着。",
        ),
    ],
    look: &[both(
        "The red marks on the time axis: each is an alarm",
        "时间轴上的红色标记：每一个都是一次告警",
    )],
    tries: &[both(
        "Kill the printer during the alarm: the producers wait until it is back",
        "告警期间让打印机宕机：生产者一直等到它回来",
    )],
};

const DISK_ALARM: Story = Story {
    scenario: "disk-alarm",
    kicker: both("Back-pressure for a whole broker", "整个 Broker 的背压"),
    title: both("The disk alarm", "磁盘告警"),
    paragraphs: &[
        both(
            "The same two producers, and a disk of 10 000 bytes of which *4 000 must stay free*. When less is free, the broker asks *all producers* to wait. It must be able to write what consumers acknowledge.",
            "还是那两个生产者，磁盘只有 10 000 字节，其中 *4 000 字节必须空着*。剩余少于这个数，Broker 就请*所有生产者*等待：消费者的确认也要写盘，得给它留地方。",
        ),
        both(
            "Memory is free again with each message that leaves. A disk is not: the log is given back *from its front alone*. The retoucher works 120 ms on one photo, and as long as that one is not acknowledged, *everything written after it stays*, also what the printer has long done.",
            "消息一离开，内存就空出来；磁盘不一样：日志*只能从头部*回收。修图师一张照片要做 120 毫秒，只要它还没确认，*写在它后面的就全都留着*，包括打印机早就做完的。",
        ),
        both(
            "So the printer takes one message after the other out of the queue, and *the disk stays full*. When the old one is done, the log is cut up to the next one held, the alarm is over, and the producers go on. *Nothing is lost.*",
            "于是打印机从队列里取走一条又一条，*磁盘却还是满的*。等那条旧的做完，日志一直截到下一条还在的消息，告警解除，生产者继续。*没有丢失。*",
        ),
    ],
    look: &[
        both(
            "The alarm on the broker's card stays, while the queue gets shorter",
            "队列越来越短，Broker 卡片上的告警却还在",
        ),
        both(
            "The retoucher is done with its first photo, and at once the producers go on",
            "修图师做完第一张，生产者马上就能继续",
        ),
    ],
    tries: &[
        both(
            "Kill the retoucher during the alarm: what it had goes to the printer",
            "告警期间让修图师宕机：它手里的照片会交给打印机",
        ),
        both("Compare with the memory alarm", "与内存告警对比"),
    ],
};
