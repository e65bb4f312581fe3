//! What a producer does so that no message is lost or invented: the words of its scenarios.

use super::both;
use super::story::Story;

pub(super) const FAILOVER_DOUBLES: Story = Story {
    scenario: "failover-doubles",
    kicker: both("Kept until processed", "处理完才删除"),
    title: both("A broker dies, and orders are done twice", "Broker 宕机，订单被处理两次"),
    paragraphs: &[
        both(
            "The producer sends to *two queues in turn*, each on a broker of its own. It keeps every message until a consumer says that it has really done it.",
            "生产者*轮流向两个队列*发送，每个队列在各自的 Broker 上。每条消息它都保存着，直到消费者说真正处理完了才删除。",
        ),
        both(
            "At 200 ms broker 1 goes dark. What is not done comes again, *to the other broker*. Nothing is lost.",
            "200 毫秒时 Broker 1 断电。没处理完的消息会*改发给另一个 Broker*，一条也不丢。",
        ),
        both(
            "At 450 ms broker 1 is back, with all that it had stored. Its consumer does these orders *a second time*.",
            "450 毫秒时 Broker 1 恢复，它存下的消息都还在。它的消费者把这些订单*又处理了一遍*。",
        ),
    ],
    look: &[
        both(
            "Each message has two signs: “stored” from a broker, and later “done” from a consumer",
            "每条消息有两次回音：先是 Broker 的“已存储”，然后是消费者的“已处理”",
        ),
        both(
            "What is sent again comes late: the order of messages is not kept",
            "重发的消息来得晚：消息的顺序保不住",
        ),
    ],
    tries: &[
        both("Open the same fail-over with a memory", "打开有记忆的同一次故障切换"),
        both(
            "Kill the producer: its store survives, and is sent again",
            "让生产者宕机：它保存的消息还在，会重发",
        ),
    ],
};

pub(super) const FAILOVER_ONCE: Story = Story {
    scenario: "failover-once",
    kicker: both("Idempotent consumers", "幂等消费"),
    title: both("A broker dies, and every order is done once", "Broker 宕机，每个订单只处理一次"),
    paragraphs: &[
        both(
            "The same fail-over. Now both consumers write what they have done into *one database*, in the same transaction as the work itself.",
            "同样的故障切换。这次两个消费者把处理过的订单记在*同一个数据库*里，与业务操作在同一个事务中提交。",
        ),
        both(
            "When broker 1 is back and delivers what it had, its consumer finds these orders there. It acknowledges them and *does nothing*.",
            "Broker 1 恢复后再次投递时，消费者在数据库里查到这些订单已处理过，于是只确认，*不再处理*。",
        ),
    ],
    look: &[both(
        "Messages that are recognised take no time: they are not worked on",
        "被认出的消息不花时间：它们不会再被处理",
    )],
    tries: &[both("Kill both consumers for a while", "让两个消费者都宕机一会儿")],
};

pub(super) const STORED_IS_NOT_DONE: Story = Story {
    scenario: "stored-is-not-done",
    kicker: both("Kept until stored", "存储成功就删除"),
    title: both("Stored is not done", "存下来不等于处理完"),
    paragraphs: &[
        both(
            "Here the producer forgets a message as soon as *a broker says “stored”*. These brokers say so before it is on disk.",
            "这里只要 *Broker 回复“已存储”*，生产者就把消息删掉。而这些 Broker 在落盘之前就回复了。",
        ),
        both(
            "At 200 ms broker 1 goes dark, and *never comes back*. New messages go to the other broker. What broker 1 had is gone, or lies on a disk that nobody starts.",
            "200 毫秒时 Broker 1 断电，*再也没有恢复*。新消息改发给另一个 Broker，而 Broker 1 上的消息要么丢了，要么留在没人启动的磁盘里。",
        ),
    ],
    look: &[both(
        "The verdict: acknowledged messages that nobody will ever get",
        "结论：有消息已经确认，却再也没有人能拿到",
    )],
    tries: &[
        both("Revive broker 1: only what reached its disk is there", "恢复 Broker 1：只有落了盘的消息还在"),
        both("Open the same fault with a producer that keeps its messages", "打开生产者保留消息的同一次故障"),
    ],
};

pub(super) const KEPT_UNTIL_DONE: Story = Story {
    scenario: "kept-until-done",
    kicker: both("Kept until processed", "处理完才删除"),
    title: both("Kept until it is done", "处理完之前一直保留"),
    paragraphs: &[
        both(
            "The same brokers and the same fault. The producer keeps each message on *its own disk* until a consumer says that it is done.",
            "同样的 Broker，同样的故障。生产者把每条消息保存在*自己的磁盘*上，直到消费者说处理完了。",
        ),
        both(
            "Of what broker 1 had, it hears nothing. After 250 ms it sends that again, the broker that does not answer is *avoided*, and everything is done.",
            "Broker 1 上的那些消息一直没有回音。250 毫秒后生产者重新发送，并*避开*没有应答的 Broker，最终全部处理完。",
        ),
    ],
    look: &[both(
        "The producer's column of waiting messages, and how it empties",
        "生产者那里等待的消息，以及它们如何逐渐清空",
    )],
    tries: &[both("Kill the producer too, and revive it", "让生产者也宕机，再恢复它")],
};

pub(super) const PUBLISH_FIRST: Story = Story {
    scenario: "dual-write-publish-first",
    kicker: both("A database and a queue", "数据库与队列"),
    title: both("Message first: orders that do not exist", "先发消息：不存在的订单"),
    paragraphs: &[
        both(
            "An order is a row in the shop's database *and* a message. The shop sends the message, and when it is stored it begins the transaction.",
            "一个订单既是商城数据库里的一行，*也*是一条消息。商城先发消息，存储成功后再开始本地事务。",
        ),
        both(
            "Some transactions are rolled back, and four times the shop dies before the commit. The message is out already: *an order that does not exist* is worked on.",
            "有的事务回滚了，还有四次商城在提交之前宕机。消息却已经发出：*不存在的订单*被处理了。",
        ),
    ],
    look: &[both(
        "A message that is processed, although its transaction was rolled back",
        "事务回滚了，消息却被处理了",
    )],
    tries: &[both("Open the other order: transaction first", "打开另一种顺序：先提交事务")],
};

pub(super) const COMMIT_FIRST: Story = Story {
    scenario: "dual-write-commit-first",
    kicker: both("A database and a queue", "数据库与队列"),
    title: both("Transaction first: orders that nobody hears of", "先提交事务：无人知晓的订单"),
    paragraphs: &[
        both(
            "Now the shop commits first and sends the message *afterwards*. What is rolled back is never sent: no order is invented.",
            "现在商城先提交事务，*然后*再发消息。回滚的事务不会发消息，所以不会凭空多出订单。",
        ),
        both(
            "But the shop dies between the two. The order stands in the database, and *no message was ever sent*. No broker and no retry can know of it.",
            "但商城可能在两步之间宕机：订单已在数据库里，*消息却从未发出*。没有哪个 Broker、哪次重试能知道它。",
        ),
    ],
    look: &[both("A commit, then a crash, and no message after it", "先提交，再宕机，之后没有消息")],
    tries: &[
        both("Kill the shop yourself right after a commit", "在某次提交之后立刻让商城宕机"),
        both("Open the outbox", "打开发件箱模式"),
    ],
};

pub(super) const OUTBOX: Story = Story {
    scenario: "outbox",
    kicker: both("A database and a queue", "数据库与队列"),
    title: both("The outbox: one write instead of two", "发件箱：一次写入代替两次"),
    paragraphs: &[
        both(
            "The message is *a row of the same database*, written in the same transaction as the order. One commit decides over both.",
            "消息是*同一个数据库里的一行*，与订单在同一个事务中写入。一次提交同时决定两者。",
        ),
        both(
            "A relay sends the rows in their order, and removes each when it is stored. The same crashes, and *nothing is invented, nothing unheard*.",
            "中继按顺序发送这些行，存储成功后逐行删除。同样的几次宕机，*既没有多出的订单，也没有无人知晓的订单*。",
        ),
        both(
            "What can happen: the relay dies between “stored” and removing the row. Then the message *comes twice*, so consumers must be idempotent.",
            "可能发生的只有：中继在“已存储”和删除之间宕机，消息就会*来两次*，因此消费者必须幂等。",
        ),
    ],
    look: &[both(
        "After a restart the shop sends what was committed before the crash",
        "重启之后，商城会发送宕机前已提交的消息",
    )],
    tries: &[both("Kill the broker for 100 ms: the rows wait", "让 Broker 宕机 100 毫秒：消息在表里等待")],
};

pub(super) const HALF_MESSAGES: Story = Story {
    scenario: "half-messages",
    kicker: both("Transactional messages", "事务消息"),
    title: both("Half messages: the broker asks back", "半消息：Broker 回查"),
    paragraphs: &[
        both(
            "The shop first sends *half a message*: the broker keeps it and shows it to nobody. Then comes the transaction, and then the word: commit or rollback.",
            "商城先发一条*半消息*：Broker 存下它，但谁也看不到。然后执行本地事务，最后告诉 Broker：提交还是回滚。",
        ),
        both(
            "When the shop dies before its word, the broker *asks back* after 40 ms, and the shop answers from its database. RocketMQ waits 6 s, and asks at most 15 times.",
            "如果商城没来得及说就宕机了，Broker 会在 40 毫秒后*回查*，商城根据数据库回答。RocketMQ 等待 6 秒，最多回查 15 次。",
        ),
        both(
            "Nothing is invented and nothing unheard. What was asked about *comes late*, after orders that were made later.",
            "既没有多出的订单，也没有无人知晓的订单。只是经过回查的消息*来得晚*，排在后来的订单之后。",
        ),
    ],
    look: &[both("The checks on the time axis, one for each crash", "时间轴上的回查，每次宕机对应一次")],
    tries: &[both(
        "Kill the shop, and leave it dead: the broker goes on asking",
        "让商城宕机且不恢复：Broker 会一直回查",
    )],
};
