//! What programs do that answer, or hand work on: the words of their scenarios.

use super::both;
use super::story::Story;

/// The stories of this file.
pub(super) const STORIES: &[Story] = &[REQUEST_REPLY, WITHOUT_TRANSACTION, LOCAL_TRANSACTION];

const REQUEST_REPLY: Story = Story {
    scenario: "request-reply",
    kicker: both("Request and reply", "请求与应答"),
    title: both("Questions in one queue, answers in another", "问题进一个队列，答案从另一个队列来"),
    paragraphs: &[
        both(
            "The shop asks for 60 prices. Each request names the *queue for the answer* and carries a *correlation id*. Three servers of different speed take requests from one queue; each answer repeats the id of its request.",
            "商店询价 60 次。每个请求都写明*应答队列*，并带一个*关联 ID*（correlation id）。三个快慢不同的服务端从同一个队列取请求，应答里带回同样的 ID。",
        ),
        both(
            "Answers come *in another order* than they were asked for. Nothing but the id says which answer is whose: two queues know nothing of each other.",
            "应答到来的*顺序与提问不同*。只有靠 ID 才知道哪个应答对应哪个请求：两个队列互不相干。",
        ),
        both(
            "After 70 ms the shop *gives up*. The work is done all the same, and its answer comes *too late*. At 200 and at 400 ms the quick server dies before it has acknowledged what it answered: such requests come again, and their *second answers* are recognised.",
            "等了 70 毫秒，商店就*放弃*。活还是做完了，只是应答*来得太晚*。200 和 400 毫秒时，快的服务端宕机，它答过的请求还没有确认：这些请求会重新投递，*第二个应答*会被认出来。",
        ),
    ],
    look: &[
        both(
            "The shop reads, too: a line leads back to it from the queue of answers",
            "商店也是读者：有一条线从应答队列通向它",
        ),
        both(
            "In the events: “waits no longer”, and a little later an answer that nobody waits for",
            "事件里先是“放弃等待”，过一会儿才来一个没人等的应答",
        ),
    ],
    tries: &[
        both(
            "Kill the slow server: what it had goes to a quicker one, perhaps still in time",
            "让慢的服务端宕机：它手里的请求会交给更快的，也许还来得及",
        ),
        both(
            "Kill the shop: its new process has asked nothing, and all old answers come too late for it",
            "让商店宕机：新进程什么也没问过，旧的应答对它来说全都太晚了",
        ),
        both(
            "Compare with the checkout by calls: there the user waits for each step on the line",
            "与同步调用的下单对比：那里用户一直在线等每一步",
        ),
    ],
};

const WITHOUT_TRANSACTION: Story = Story {
    scenario: "without-transaction",
    kicker: both("One after the other", "一条接一条"),
    title: both("Without a transaction: the customer pays twice", "没有事务：客户付了两次钱"),
    paragraphs: &[
        both(
            "Two desks take orders. For each order a desk sends *a payment*, a little later *a parcel*, and acknowledges the order when both are stored.",
            "两个前台处理订单。每个订单先发出*一笔付款*，稍后再发出*一个包裹*，两条都存好之后才确认订单。",
        ),
        both(
            "Some attempts break off after the payment, and three times a desk crashes. What is not acknowledged *comes again*, and its payment goes out *a second time*.",
            "有的尝试发完付款就中断了，还有三次前台宕机。没有确认的订单会*再来一次*，付款也就发出*第二次*。",
        ),
        both(
            "Nothing is lost: this is *at least once*. But the cashier charges some customers twice, and in between there is a payment without a parcel.",
            "什么也没丢：这就是*至少一次*。但收银台向一些客户收了两次钱，而且中间有一段时间只有付款、没有包裹。",
        ),
    ],
    look: &[
        both(
            "“A desk fails to process an order”, and a little later its payment is sent again, try 2",
            "先是“前台处理订单失败”，不久之后它的付款第 2 次发出",
        ),
        both(
            "In the verdict: messages processed twice, all of them payments",
            "判定结果：处理了两次的消息，全都是付款",
        ),
    ],
    tries: &[
        both("Open the same with a transaction", "打开有事务的同一个场景"),
        both("Kill a desk between its payment and its parcel", "在付款与包裹之间让一个前台宕机"),
    ],
};

const LOCAL_TRANSACTION: Story = Story {
    scenario: "local-transaction",
    kicker: both("Local transaction", "本地事务"),
    title: both("Payment, parcel and acknowledgement at one moment", "付款、包裹与确认，在同一时刻生效"),
    paragraphs: &[
        both(
            "The same desks, orders and faults. Now a desk sends both messages *and the acknowledgement* in one transaction: all three *wait at the broker*, and nobody sees them.",
            "同样的前台、订单和故障。现在前台把两条消息*和确认*放进同一个事务：三者都*在 Broker 上等着*，谁也看不到。",
        ),
        both(
            "With the *commit* they take effect at one moment. If the desk breaks off or dies before it, the broker *rolls back*: the order comes again, and nothing of the first attempt was ever there.",
            "*提交*时三者在同一时刻生效。如果前台在此之前中断或宕机，Broker 就*回滚*：订单再来一次，第一次尝试没有留下任何痕迹。",
        ),
        both(
            "It costs three more questions for each order, and holds for *one broker* only. JMS calls it a transacted session, AMQP tx; RabbitMQ promises it for one queue. Over two systems it takes an outbox, or half messages.",
            "代价是每个订单多问三次，而且只在*一个 Broker* 之内有效。JMS 叫它事务会话，AMQP 叫 tx；RabbitMQ 只对单个队列保证原子性。跨两个系统就要用发件箱或半消息。",
        ),
    ],
    look: &[
        both(
            "In the events: messages are kept back; then one commit, and at the same time the order goes and both messages come",
            "事件里：消息先被留住；然后一次提交，订单在同一时刻删除，两条消息同时出现",
        ),
        both(
            "After each crash: “rolls back what a desk left unfinished”",
            "每次宕机之后：“回滚前台没做完的事务”",
        ),
    ],
    tries: &[
        both(
            "Kill the broker and revive it: a desk whose commit was under way does not know how it ended. Its order comes again, or it was done",
            "让 Broker 宕机再恢复：正在提交的前台不知道结果如何。订单要么再来，要么已经完成",
        ),
        both(
            "Cut the power of a desk: no connection breaks, and the broker rolls back only when it has been silent for too long",
            "切断一个前台的电源：连接不会断开，Broker 要等它沉默太久才回滚",
        ),
        both("Compare with the same without a transaction", "与没有事务的同一个场景对比"),
    ],
};
