//! What happens to messages that fail, are late, are urgent or must wait: the words of the scenarios about time.

use super::both;
use super::story::Story;

/// The stories of this file.
pub(super) const STORIES: &[Story] = &[FOREVER, POISON, BACKOFF, EXPIRY, SWEPT, PRIORITIES, DELAYED];

const FOREVER: Story = Story {
    scenario: "poison-forever",
    kicker: both("A message that always fails", "永远失败的消息"),
    title: both("One poison message stops everything", "一条毒消息堵住一切"),
    paragraphs: &[
        both(
            "Every 12th order has something in it that the consumer cannot stand: *it fails each time*. A failed message goes back into the queue, to its old place.",
            "每第 12 个订单里有消费者处理不了的内容：*每次都失败*。失败的消息回到队列里原来的位置。",
        ),
        both(
            "That place is the head. So it is delivered again at once, and fails again. Everything behind it *waits for ever*, and the consumer is busy the whole time.",
            "那个位置就是队头，于是马上又投递，又失败。后面的消息*永远等下去*，而消费者一直在忙。",
        ),
    ],
    look: &[
        both("The count on message 12: it grows and grows", "消息 12 上的次数：越来越大"),
        both("11 orders are done, and never a twelfth", "完成了 11 个订单，永远等不到第 12 个"),
    ],
    tries: &[
        both("Restart the consumer. Does it help?", "重启消费者。有用吗？"),
        both("Open the same queue with a delivery limit", "打开设了投递上限的同一个队列"),
    ],
};

const POISON: Story = Story {
    scenario: "poison-message",
    kicker: both("A limit, and a place for the dead", "一个上限，一个死信去处"),
    title: both("Three times back, then out", "退回三次，就出局"),
    paragraphs: &[
        both(
            "The same orders. But the queue has a *delivery limit of 3*: a message may come back three times. So it is delivered *four times*, and then taken out of the queue.",
            "同样的订单。但队列设了*投递上限 3*：一条消息最多退回三次，也就是一共投递*四次*，然后移出队列。",
        ),
        both(
            "It is not thrown away. It goes through the exchange “dead” into *the dead-letter queue*, with its history: which queue, why, how often. The inspector looks at each of them.",
            "它没有被扔掉，而是经交换机 “dead” 进入*死信队列*，带着它的经历：来自哪个队列、为什么、几次。检查员会逐个查看。",
        ),
        both(
            "The others wait for four attempts, about 20 ms, and go on. All healthy orders are done, *in order*, each once.",
            "其他消息等这四次尝试，大约 20 毫秒，然后继续。所有正常的订单都*按顺序*完成，每个一次。",
        ),
    ],
    look: &[both(
        "The counts 2, 3, 4 on message 12; then it moves to the other queue",
        "消息 12 上的次数 2、3、4；然后它去了另一个队列",
    )],
    tries: &[
        both(
            "Kill the inspector: the dead letters wait for it, the orders do not",
            "让检查员宕机：死信等它，订单不等",
        ),
        both(
            "Kill the worker while it has a healthy order: that counts as one delivery too",
            "在 worker 拿着正常订单时让它宕机：这也算一次投递",
        ),
    ],
};

const BACKOFF: Story = Story {
    scenario: "retry-with-backoff",
    kicker: both("Try again, but later", "再试一次，但晚一点"),
    title: both("Retries that wait longer each time", "每次重试多等一会"),
    paragraphs: &[
        both(
            "Three of ten attempts fail, by chance: somebody the consumer needs is not there just now. Trying again *at once* would mostly fail for the same reason.",
            "十次尝试里有三次会偶然失败：消费者依赖的某个服务此刻不在。*马上*再试，多半会因为同样的原因失败。",
        ),
        both(
            "So a message that came back waits *20 ms*, then 40, 80, at most 160. Meanwhile *others go on*: what waits does not stand in their way. The price is the order.",
            "所以退回的消息先等 *20 毫秒*，再失败等 40、80，最多 160。期间*其他消息照常*：等待的不挡它们的路。代价是顺序。",
        ),
        both(
            "Who fails once more after five times back is given up, and goes to the queue “given-up”.",
            "退回超过五次就放弃，进入 “given-up” 队列。",
        ),
    ],
    look: &[both(
        "Messages that wait in the queue for their moment, while others pass",
        "在队列里等待时机的消息，其他消息从旁边过去",
    )],
    tries: &[
        both("Choose a message with a high count and read its life", "选一条次数多的消息，看它的一生"),
        both("Try other seeds: which message needs longest?", "换几个种子：哪条消息用时最长？"),
    ],
};

const EXPIRY: Story = Story {
    scenario: "expiry",
    kicker: both("Time to live", "存活时间"),
    title: both("Expired, and nobody has noticed", "过期了，却没人发现"),
    paragraphs: &[
        both(
            "Offers live for a long or a *short time (40 ms)*, in turn. There is no reader before 250 ms, so every short one expires in the queue.",
            "优惠信息的存活时间长短交替，*短的只有 40 毫秒*。250 毫秒之前没有读者，所以短的都在队列里过期了。",
        ),
        both(
            "But this queue looks *only at its head*, as RabbitMQ does. The head is alive, and behind it the dead stand and take up room. They go when they come to the head, 100 ms too late and more.",
            "但这个队列像 RabbitMQ 那样*只看队头*。队头还活着，死掉的就站在它后面占着位置，轮到它们到队头时才离开，晚了 100 毫秒以上。",
        ),
        both(
            "*No expired message is ever delivered*: that much is certain. When it leaves the queue is another matter.",
            "*过期的消息绝不会被投递*，这一点是肯定的。至于它何时离开队列，是另一回事。",
        ),
    ],
    look: &[both(
        "From 250 ms on: one is delivered, the next one drops into “expired”",
        "从 250 毫秒起：投递一条，下一条落入 “expired”",
    )],
    tries: &[both("Open the same queue with a sweep", "打开会定期清扫的同一个队列")],
};

const SWEPT: Story = Story {
    scenario: "expiry-swept",
    kicker: both("One setting changed", "只改一个设置"),
    title: both("A queue that is swept", "定期清扫的队列"),
    paragraphs: &[
        both(
            "The same offers. This queue looks through *all* its messages every 10 ms, as ActiveMQ does every 30 s. What has expired goes, wherever it stands.",
            "同样的优惠信息。这个队列每 10 毫秒查看*所有*消息，就像 ActiveMQ 每 30 秒做一次。过期的不论站在哪里都移走。",
        ),
        both(
            "So each short-lived offer is gone *at most 10 ms* after its time, long before anybody reads. The price is the work of looking, which grows with the queue.",
            "于是短命的消息到期后*最多 10 毫秒*就离开，远在有人来读之前。代价是查看的工作量，队列越长越多。",
        ),
    ],
    look: &[both("The queue shrinks while nobody reads it", "没人读，队列却在变短")],
    tries: &[both(
        "Compare the length of the queue at 200 ms with the other run",
        "与另一次运行比较 200 毫秒时队列的长度",
    )],
};

const PRIORITIES: Story = Story {
    scenario: "priorities",
    kicker: both("Some are more urgent", "有的更急"),
    title: both("The urgent go first", "急件优先"),
    paragraphs: &[
        both(
            "Every fourth order has *priority 9*, the others 0. The consumer is too slow for all of them, so a backlog grows, and the queue serves *the highest priority first*.",
            "每四个订单里有一个*优先级为 9*，其他为 0。消费者应付不过来，积压增长，队列*先投递优先级最高的*。",
        ),
        both(
            "An urgent order waits for a few milliseconds, whatever the backlog. An ordinary one waits for hundreds. *Who is overtaken pays for it*, and if the urgent were more, ordinary ones would never come.",
            "急件不论积压多少，只等几毫秒；普通订单要等几百毫秒。*被超过的付出代价*：如果急件再多些，普通订单就永远轮不到。",
        ),
        both(
            "Only what waits *in the queue* can be overtaken. What a consumer has prefetched is not sorted any more. That is why the prefetch is 1 here.",
            "只有*还在队列里*的才会被超过，消费者预取走的不再排序。所以这里预取为 1。",
        ),
    ],
    look: &[both("Messages 4, 8 and 12 jump the line", "消息 4、8、12 插队")],
    tries: &[both(
        "Kill the consumer for a while: whom does it serve first when it is back?",
        "让消费者停一会：它回来后先处理谁？",
    )],
};

const DELAYED: Story = Story {
    scenario: "delayed",
    kicker: both("Not now", "先别投递"),
    title: both("Messages for later", "延迟消息"),
    paragraphs: &[
        both(
            "Reminders are sent with a *delay*: none, 60 ms, or 200 ms. The queue has them from the beginning, safe on its disk, but *shows them to nobody* before they are due.",
            "提醒消息带着*延迟*发送：不延迟、60 毫秒或 200 毫秒。队列一开始就收下并存盘，但到期之前*不让任何人看到*。",
        ),
        both(
            "A message is *never early*. It may be a little late, when others are due at the same moment. And of course messages overtake each other: their sender wanted it so.",
            "消息*绝不会提前*。同一时刻到期的多了，可能稍晚一点。当然它们会互相超过：这正是发送者想要的。",
        ),
    ],
    look: &[both(
        "Messages that wait in the queue, each with its moment",
        "在队列里等待的消息，各有各的时刻",
    )],
    tries: &[both(
        "Kill the broker while some wait, and revive it: they come all the same",
        "在有消息等待时让 Broker 宕机再恢复：它们照样会来",
    )],
};
