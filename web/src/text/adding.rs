//! The words of the field for any command, and of the forms in which something is added.

use mqlab_core::sim::Command;

use super::near::near;
use super::sentence::Names;
use super::{Both, Lang, both};
use crate::desk::completing::VERBS;

/// Texts that the page's elements name.
pub const TEXTS: &[(&str, Both)] = &[
    ("adding", both("Change the cluster", "改动集群")),
    ("adding-open", both("Change…", "改动…")),
    ("command", both("Any command", "任意命令")),
    ("command-list", both("How it could go on", "可以接着写")),
    ("command-do", both("Do it now", "立即执行")),
    ("add", both("Add", "添加")),
    ("add-do", both("Add it now", "立即添加")),
    ("key-command", both("write any command", "输入任意命令")),
    ("key-add", both("add something to the cluster", "向集群里添加东西")),
];

/// What can be added.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A topic.
    #[default]
    Topic,
    /// A queue.
    Queue,
    /// An exchange.
    Exchange,
    /// A binding.
    Binding,
    /// A producer.
    Producer,
    /// A consumer.
    Consumer,
    /// A broker.
    Broker,
}

/// All of them, in the order of the page.
pub(crate) const KINDS: [Kind; 7] =
    [Kind::Topic, Kind::Queue, Kind::Exchange, Kind::Binding, Kind::Producer, Kind::Consumer, Kind::Broker];

impl Kind {
    /// Its name in the page.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Topic => "topic",
            Self::Queue => "queue",
            Self::Exchange => "exchange",
            Self::Binding => "binding",
            Self::Producer => "producer",
            Self::Consumer => "consumer",
            Self::Broker => "broker",
        }
    }

    /// The one of a name.
    pub fn of_name(name: &str) -> Option<Self> {
        KINDS.into_iter().find(|kind| kind.name() == name)
    }

    pub(crate) const fn title(self, lang: Lang) -> &'static str {
        match self {
            Self::Topic => both("Topic", "主题"),
            Self::Queue => both("Queue", "队列"),
            Self::Exchange => both("Exchange", "交换机"),
            Self::Binding => both("Binding", "绑定"),
            Self::Producer => both("Producer", "生产者"),
            Self::Consumer => both("Consumer", "消费者"),
            Self::Broker => both("Broker", "Broker"),
        }
        .get(lang)
    }
}

/// What a field of a form is called.
pub(crate) fn field(name: &str, lang: Lang) -> &'static str {
    match name {
        "name" => both("Name", "名字"),
        "partitions" => both("Partitions", "分区数"),
        "replicas" => both("Replicas of each", "每个分区的副本数"),
        "broker" => both("On", "放在"),
        "routes" => both("Routes", "路由方式"),
        "exchange" => both("Exchange", "交换机"),
        "queue" => both("Queue", "队列"),
        "key" => both("Key, or pattern", "绑定键"),
        _ => both("Like", "照着"),
    }
    .get(lang)
}

/// How an exchange routes.
pub(crate) fn routes(kind: &str, lang: Lang) -> &'static str {
    match kind {
        "topic" => both("by patterns of words (topic)", "按单词模式（topic）"),
        "direct" => both("by the whole key (direct)", "按完整的键（direct）"),
        "fanout" => both("to everybody (fanout)", "发给所有队列（fanout）"),
        "headers" => both("by headers (headers)", "按消息头（headers）"),
        "hierarchy" => both("by patterns of levels (hierarchy)", "按层级模式（hierarchy）"),
        _ => both(
            "to one of all, by a hash of the key (consistent-hash)",
            "按键的哈希选一个（consistent-hash）",
        ),
    }
    .get(lang)
}

/// Where the form has something that cannot be a name or a number.
pub(crate) const BAD_NAME: Both = both(
    "A name has letters, digits, dots, dashes and underscores; a number has digits.",
    "名字只能用字母、数字、点、横线和下划线；数量要写数字。",
);

/// A command in a few words, as what happens by it.
pub(crate) fn wish(command: &Command, names: &Names, lang: Lang) -> String {
    super::faults::command(command.clone(), names, lang)
}

/// What a command will do.
pub(crate) fn will(wish: &str, effect: &str, lang: Lang) -> String {
    match (effect.is_empty(), lang) {
        (true, Lang::En) => format!("Effect: {wish}."),
        (true, Lang::Zh) => format!("效果：{wish}。"),
        (false, Lang::En) => format!("Effect: {wish}; {effect}."),
        (false, Lang::Zh) => format!("效果：{wish}；{effect}。"),
    }
}

/// What comes of it when something is added.
pub(crate) fn adds(kind: Kind, will: &str, lang: Lang) -> String {
    let more = match kind {
        Kind::Topic => both("Nobody sends to it yet.", "还没有人向它发消息。"),
        Kind::Queue => both("It is durable, and has no limit.", "它是持久的，没有上限。"),
        Kind::Exchange => both("Without a binding it drops what comes.", "没有绑定时，收到的消息会被丢弃。"),
        Kind::Binding => {
            both("From then on, and not for what came before.", "从那时起生效，之前的消息不算。")
        }
        Kind::Producer => both("It sends as many, to the same place.", "它向同一个地方发同样多的消息。"),
        Kind::Consumer => both(
            "It reads the same, in the same group if there is one.",
            "它读同样的内容；有消费者组就加入同一组。",
        ),
        Kind::Broker => {
            both("It is empty: only what is new can be placed there.", "它是空的：只有新建的东西才会放上去。")
        }
    };
    match lang {
        Lang::En => format!("{will} {}", more.en),
        Lang::Zh => format!("{will}{}", more.zh),
    }
}

/// What came of a command.
pub(crate) fn done(came: &str, lang: Lang) -> String {
    match lang {
        Lang::En => format!("Done: {came}."),
        Lang::Zh => format!("已执行：{came}。"),
    }
}

/// Whether a command may be on its way: then nothing is wrong yet.
pub(crate) fn may_become(text: &str) -> bool {
    let verb = text.trim_start().split(' ').next().unwrap_or_default();
    VERBS.iter().any(|(known, ..)| if text.contains(' ') { *known == verb } else { known.starts_with(verb) })
}

/// How the command that is begun is written, or what can be.
pub(crate) fn usage(text: &str, lang: Lang) -> String {
    let text = text.trim();
    let verb = text.split(' ').next().unwrap_or_default();
    let known = VERBS.iter().find(|(known, ..)| *known == verb);
    let begun = VERBS.iter().any(|(known, ..)| known.starts_with(verb));
    match (known, lang) {
        _ if text.is_empty() => both(
            "The words of mqlab run --do, without the moment: it happens now.",
            "和 mqlab run --do 的写法一样，但不写时刻：立即执行。",
        )
        .get(lang)
        .into(),
        (Some((_, usage, _)), Lang::En) => format!("Write: {usage}."),
        (Some((_, usage, _)), Lang::Zh) => format!("写法：{usage}。"),
        (None, Lang::En) if begun => "Which of these?".into(),
        (None, Lang::Zh) if begun => "是哪一个？".into(),
        (None, lang) => {
            let none = match lang {
                Lang::En => format!("No command begins with “{verb}”."),
                Lang::Zh => format!("没有以“{verb}”开头的命令。"),
            };
            none + &meant(&near(verb, VERBS.iter().map(|(verb, ..)| *verb)), lang)
        }
    }
}

/// What was perhaps meant, behind the sentence that it is not there; nothing where nothing is near.
pub(crate) fn meant(near: &[&str], lang: Lang) -> String {
    match (near, lang) {
        ([], _) => String::new(),
        ([one], Lang::En) => format!(" Did you mean {one}?"),
        ([before @ .., last], Lang::En) => format!(" Did you mean {} or {last}?", before.join(", ")),
        (all, Lang::Zh) => format!("是指 {} 吗？", all.join(" 或 ")),
    }
}

/// What a command of this line is for, in a few words.
pub(crate) fn gloss(line: &str, lang: Lang) -> String {
    let verb = line.split(' ').next().unwrap_or_default();
    match verb {
        "crash" => both("the process dies", "进程宕机"),
        "cut-power" => both("the machine goes dark", "机器断电"),
        "shut-down" => both("a broker stops in good order", "broker 正常停机"),
        "restart" => both("it starts again", "重新启动"),
        "replace" => both("it starts again, with an empty disk", "换上空磁盘再启动"),
        "freeze" => both("the process stands still", "进程停顿"),
        "thaw" => both("it goes on", "继续运行"),
        "crash-once-done" => both("it dies before its next acknowledgement", "下一次确认之前宕机"),
        "skew" => both("its clock is so far ahead, or behind", "时钟快或慢这么多"),
        "disk" => both("what a broker's disk is like", "broker 磁盘的状态"),
        "cut" => both("nothing passes there", "链路切断"),
        "heal" => both("all is well there again", "链路恢复"),
        "slow" => both("everything takes so much longer there", "链路变慢"),
        "lose" => both("so many of a thousand are lost there", "千分之几会丢"),
        "duplicate" => both("so many of a thousand come twice", "千分之几到两次"),
        "reorder" => both("so many of a thousand are overtaken", "千分之几乱序"),
        "lose-next" => both("the next one there is lost", "丢下一个"),
        "duplicate-next" => both("the next one there comes twice", "下一个到两次"),
        "reorder-next" => both("the next one there is overtaken", "下一个被赶超"),
        "every" => both("how often it sends, or asks", "多久发送、拉取或下单一次"),
        "acks" => both("when a message counts as stored", "怎样才算存好"),
        "work" => both("how long it works on a message, or an order", "处理一条消息或一单要多久"),
        "prefetch" => both("how many it may hold", "手里最多几条"),
        "ack" => both("when it acknowledges", "什么时候确认"),
        "join" => both("another one like it", "再加一个同样的"),
        "leave" => both("it goes, in good order", "有序退出"),
        "topic" => both("a new topic", "新建主题"),
        "drop-topic" => both("a topic goes, with all in it", "删除主题和里面的消息"),
        "partitions" => both("more partitions", "增加分区"),
        "min-in-sync" => both("how many must be in sync", "至少几个同步副本"),
        "retention-time" => both("how long it keeps messages", "消息保留多久"),
        "retention-bytes" => both("how much it keeps", "保留多少字节"),
        "queue" => both("a new queue", "新建队列"),
        "drop-queue" => both("a queue goes, with all in it", "删除队列和里面的消息"),
        "drop-subscription" => {
            both("a durable subscription ends, with all in it", "取消持久订阅和里面的消息")
        }
        "ttl" => both("how long messages live", "消息存活多久"),
        "length" => both("how many may wait", "最多积压几条"),
        "exchange" => both("a new exchange", "新建交换机"),
        "drop-exchange" => both("an exchange goes, with its bindings", "删除交换机和它的绑定"),
        "bind" => both("a queue gets what matches", "把队列绑定到交换机"),
        "unbind" => both("it does not any more", "解除绑定"),
        _ => both("", ""),
    }
    .get(lang)
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verb_has_a_gloss_and_a_usage_in_both_languages() {
        for (verb, usage, _) in VERBS {
            assert!(!gloss(verb, Lang::En).is_empty() && gloss(verb, Lang::En).is_ascii(), "{verb}");
            assert!(!gloss(verb, Lang::Zh).is_ascii(), "{verb}");
            for lang in [Lang::En, Lang::Zh] {
                assert!(super::usage(&format!("{verb} x"), lang).contains(usage), "{verb}");
            }
        }
        assert_eq!(usage("crush broker-1", Lang::En), "No command begins with “crush”. Did you mean crash?");
        assert_eq!(usage("what is this", Lang::En), "No command begins with “what”.");
        assert_eq!(
            usage("drop-tpoic orders", Lang::Zh),
            "没有以“drop-tpoic”开头的命令。是指 drop-topic 吗？"
        );
        assert_eq!(usage("cr", Lang::Zh), "是哪一个？");
    }

    #[test]
    fn the_engines_commands_are_all_here() {
        let here = |verb: &str| VERBS.iter().any(|(known, ..)| *known == verb);
        let words = include_str!("../../../core/src/sim/command.rs");
        let faults = words.split("match verb {").nth(1).and_then(|rest| rest.split("_ =>").next());
        let verbs = faults.expect("they are read there").split('"').skip(1).step_by(2);
        let change = include_str!("../../../core/src/observe/change.rs");
        let read = change.split("fn read(words").nth(1).and_then(|rest| rest.split("_ => return").next());
        let changes = read.expect("they are read there").split("[\"").skip(1);
        let changes = changes.filter_map(|rest| rest.split('"').next());
        let all: Vec<&str> = verbs.chain(changes).filter(|verb| verb.len() > 1).collect();
        assert!(all.len() >= VERBS.len(), "{all:?}");
        assert!(all.iter().all(|verb| here(verb)), "{all:?}");
    }
}
