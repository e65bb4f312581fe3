//! What programs do that answer, or hand work on: the words of their scenarios.

use super::both;
use super::story::Story;

/// The stories of this file.
pub(super) const STORIES: &[Story] = &[REQUEST_REPLY];

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
