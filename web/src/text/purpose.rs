//! What a queue is for: the words of the scenarios that run one system without a queue and with one.

use super::both;
use super::story::Story;

pub(super) const CHECKOUT_CALLS: Story = Story {
    scenario: "checkout-by-calls",
    kicker: both("Without a queue", "没有队列"),
    title: both("Checkout, one call after another", "下单：逐个调用"),
    paragraphs: &[
        both(
            "An order has five steps: finance, stock, logistics, notification, risk. The shop *calls* one service after the other, and each takes 40 to 80 ms.",
            "一个订单有五步：财务、库存、物流、通知、风控。商城*逐个调用*这些服务，每个要 40 到 80 毫秒。",
        ),
        both(
            "The user *waits for all of them*: about 310 ms. When the last one, risk, says no, the user hears that the order failed.",
            "用户要*等所有服务都做完*：约 310 毫秒。如果最后的风控不通过，用户当场得知订单失败。",
        ),
    ],
    look: &[
        both(
            "How many workers of the shop are busy: each waits for somebody else",
            "商城有多少个工作线程在忙：它们都在等别的服务",
        ),
        both("An answer that says “done” means it", "答复“已完成”，就真的完成了"),
    ],
    tries: &[
        both("Kill finance: every order fails until it is back", "让财务宕机：它恢复之前，每个订单都会失败"),
        both("Open the same checkout with a queue", "打开带队列的同一个下单流程"),
    ],
};

pub(super) const CHECKOUT_QUEUE: Story = Story {
    scenario: "checkout-by-queue",
    kicker: both("Asynchronous processing", "异步处理"),
    title: both("Checkout, accepted at once", "下单：立即受理"),
    paragraphs: &[
        both(
            "The same five steps, the same load. But the shop only *writes a message* and answers “accepted”: after about 5 ms instead of 310.",
            "同样的五步，同样的负载。但商城只是*写一条消息*，然后答复“已受理”：大约 5 毫秒，而不是 310 毫秒。",
        ),
        both(
            "The work is done no sooner. A consumer takes the order from the queue, has the five services do it, and *lets the user know* at the end.",
            "事情并没有更早做完。消费者从队列取出订单，让五个服务做完，最后再*通知用户*。",
        ),
        both(
            "*Accepted is not done.* The orders that risk refuses fail here too, after their users were told that all is well. So the answer must not say more than is true.",
            "*受理不等于完成。*被风控拒绝的订单在这里同样会失败，而用户此前已被告知一切顺利。所以答复不能说得比事实更多。",
        ),
    ],
    look: &[
        both(
            "Two answers for each order: the quick one, and the notice at the end",
            "每个订单有两次答复：先是很快的受理，最后是结果通知",
        ),
        both(
            "Red lines in the list: orders that failed after they were accepted",
            "列表里的红色行：受理之后才失败的订单",
        ),
    ],
    tries: &[
        both(
            "Kill finance: users notice nothing, and the orders wait until it is back",
            "让财务宕机：用户毫无察觉，订单会等它恢复",
        ),
        both("Kill checkout with orders in its hands", "在 checkout 手里有订单时让它宕机"),
    ],
};

pub(super) const SALE_CALLS: Story = Story {
    scenario: "flash-sale-by-calls",
    kicker: both("Without a queue", "没有队列"),
    title: both("A flash sale turns users away", "秒杀：用户被拒之门外"),
    paragraphs: &[
        both(
            "The stock service does four orders in 10 ms. That is plenty for the regulars. Then 240 users come within *120 ms*, five times what it can do.",
            "库存服务 10 毫秒能做四个订单，平时绰绰有余。随后 *120 毫秒*内来了 240 个用户，是它能力的五倍。",
        ),
        both(
            "There is room for 20 orders to wait. Who comes then is *turned away*: more than half of all users get an error.",
            "最多只能有 20 个订单等待，后来的一律*被拒绝*：半数以上的用户收到报错。",
        ),
    ],
    look: &[both(
        "The stock service is full, and the shop is not: the slowest one decides",
        "库存服务满了，商城没有满：最慢的一环决定一切",
    )],
    tries: &[both("Open the same sale with a queue", "打开带队列的同一场秒杀")],
};

pub(super) const SALE_QUEUE: Story = Story {
    scenario: "flash-sale-by-queue",
    kicker: both("Peak shaving", "削峰"),
    title: both("A flash sale waits in line", "秒杀：排队处理"),
    paragraphs: &[
        both(
            "The same rush and the same stock service. Now the orders go into *a queue*, and each user is told “accepted” within a few milliseconds. Nobody is turned away.",
            "同样的人潮，同样的库存服务。现在订单先进入*队列*，每个用户几毫秒内就得知“已受理”，没有人被拒绝。",
        ),
        both(
            "The stock service takes orders *as fast as it can*, no faster. The queue grows to two hundred and is worked off by about 1,060 ms. Some orders wait for 600 ms.",
            "库存服务*按自己的能力*取订单，不会更快。队列涨到两百条，到大约 1060 毫秒处理完，有的订单要等 600 毫秒。",
        ),
    ],
    look: &[both(
        "The backlog on the time axis: it rises like a wall and falls like a slope",
        "时间轴上的积压：像墙一样升起，像坡一样落下",
    )],
    tries: &[
        both(
            "Kill the stock service in the middle of the rush, then revive it",
            "在人潮中让库存服务宕机，再恢复",
        ),
        both(
            "Kill the broker: now users wait, for there is nobody to write to",
            "让 Broker 宕机：这时用户只能等，因为没有地方可写",
        ),
    ],
};

pub(super) const SHOP_CALLS: Story = Story {
    scenario: "shop-by-calls",
    kicker: both("Without a queue", "没有队列"),
    title: both("One service down, every order fails", "一个服务宕机，所有订单失败"),
    paragraphs: &[
        both(
            "The shop calls finance, stock, logistics, notification and risk. At 400 ms *notification crashes*, and comes back at 700 ms.",
            "商城依次调用财务、库存、物流、通知和风控。400 毫秒时*通知服务宕机*，700 毫秒时恢复。",
        ),
        both(
            "In between *every order fails*, only because nobody could be notified. And finance, stock and logistics have worked on it already: somebody has to undo that.",
            "这期间*每个订单都失败*，只因为通知发不出去。而财务、库存、物流已经做完了各自的部分：得有人去撤销。",
        ),
    ],
    look: &[both(
        "Risk, behind notification, has nothing to do during the outage",
        "排在通知后面的风控，在故障期间无事可做",
    )],
    tries: &[both("Open the same shop with a topic", "打开使用主题的同一个商城")],
};

pub(super) const SHOP_TOPIC: Story = Story {
    scenario: "shop-by-topic",
    kicker: both("Decoupling", "降低系统耦合"),
    title: both("One service down, and nobody notices", "一个服务宕机，无人察觉"),
    paragraphs: &[
        both(
            "The shop writes each order to *a topic* and knows nobody who reads it. Each service is a group of its own, and gets every order.",
            "商城把每个订单写到*主题*里，并不知道谁会来读。每个服务是一个独立的消费者组，都会收到每个订单。",
        ),
        both(
            "Notification is down from 400 to 700 ms, as before. *No order fails.* The others go on, and notification catches up when it is back.",
            "通知服务同样在 400 到 700 毫秒宕机。*没有订单失败。*其他服务照常工作，通知恢复后再追上来。",
        ),
        both(
            "At 900 ms *a new service* begins to read: rewards. It starts at the first order. Nothing in the shop was changed for it.",
            "900 毫秒时，*一个新服务* rewards 开始消费，从第一个订单读起。商城没有为它改动任何东西。",
        ),
    ],
    look: &[both(
        "The marks of the groups below the partition: one stands still, then runs",
        "分区下方各组的标记：有一个停住，然后追赶",
    )],
    tries: &[both("Kill the shop: that is the one that users do notice", "让商城宕机：这才是用户会察觉的")],
};
