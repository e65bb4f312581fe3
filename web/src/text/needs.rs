//! What may somebody need of a queue, and which of the five serve it? The words of the decision aid.

use mqlab_core::sim::SystemName;

use super::{Both, Lang, both};

/// Something that is needed.
#[derive(Clone, Copy, Debug)]
pub struct Need {
    /// Its name, for the page and for files.
    pub name: &'static str,
    /// What it is called.
    pub title: Both,
    /// What exactly is asked.
    pub asks: Both,
    /// What the systems say to it, in the order of [`SystemName::ALL`].
    pub answers: [Answer; 5],
}

/// How far a system serves a need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Serves {
    /// As it comes.
    Yes,
    /// With a setting, or another way to use it.
    With,
    /// Not by itself.
    No,
    /// It does, and the lab does not play it.
    Unplayed,
}

/// What a system says to a need.
#[derive(Clone, Copy, Debug)]
pub struct Answer {
    /// How far it serves it.
    pub serves: Serves,
    /// By what, or why not.
    pub by: Both,
}

const fn yes(en: &'static str, zh: &'static str) -> Answer {
    Answer { serves: Serves::Yes, by: both(en, zh) }
}

const fn with(en: &'static str, zh: &'static str) -> Answer {
    Answer { serves: Serves::With, by: both(en, zh) }
}

const fn no(en: &'static str, zh: &'static str) -> Answer {
    Answer { serves: Serves::No, by: both(en, zh) }
}

impl Serves {
    /// Before the answer, drawn.
    pub const fn sign(self) -> &'static str {
        match self {
            Self::Yes => "●",
            Self::With => "◐",
            Self::No => "○",
            Self::Unplayed => "?",
        }
    }

    /// The same in words.
    pub const fn words(self) -> Both {
        match self {
            Self::Yes => both("yes", "支持"),
            Self::With => both("with a setting", "要设置"),
            Self::No => both("no", "不支持"),
            Self::Unplayed => both("not played here", "本实验台未模拟"),
        }
    }

    /// For the page's style.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::With => "with",
            Self::No => "no",
            Self::Unplayed => "unplayed",
        }
    }
}

/// Above all.
pub const TITLE: Both = both("What do you need?", "你需要什么？");
/// Below the title.
pub const LEAD: Both = both(
    "Tick what you cannot do without. Each answer opens the run, or the comparison, that shows it.",
    "勾选必不可少的。点开每个回答，可以看到证明它的那次运行或对比。",
);
/// Above the first column.
pub const NEED: Both = both("need", "需求");
/// What a link does, for who hears it.
pub const OPENS_RUN: Both = both("opens the run", "打开这次运行");
/// As above.
pub const OPENS_COMPARISON: Both = both("opens the comparison", "打开这个对比");
/// What the signs mean.
pub const SIGNS: Both =
    both("● as it comes · ◐ with a setting · ○ not by itself", "● 直接支持 · ◐ 需要设置 · ○ 本身不支持");

/// Everything that is asked about.
pub const NEEDS: &[Need] = &[
    Need {
        name: "order-per-key",
        title: both("Order per key", "同键有序"),
        asks: both(
            "Messages of one key are processed in order, with several readers at work.",
            "多个消费者并行时，同一个键的消息仍按顺序处理。",
        ),
        answers: [
            with("message groups (JMSXGroupID)", "消息组（JMSXGroupID）"),
            with(
                "consistent-hash exchange, a queue for each part, single active consumers",
                "一致性哈希交换机分到多个队列，每个队列单活消费者",
            ),
            yes("one key to one queue, which its reader locks", "同键进同一队列，消费者锁定队列"),
            yes("one key to one partition, one reader for each", "同键进同一分区，每个分区只归一个消费者"),
            yes("key-shared subscription", "Key_Shared 订阅"),
        ],
    },
    Need {
        name: "replay",
        title: both("Replay", "重放"),
        asks: both(
            "Who comes later reads what was there before, though others have read it.",
            "后来的消费者能读到之前的消息，哪怕别人已经读过。",
        ),
        answers: [
            no("what is acknowledged is gone", "确认即删除"),
            with("a stream in place of a queue", "用 Stream 代替队列"),
            yes("kept for 72 hours, whoever has read it", "默认保留 72 小时，与谁读过无关"),
            yes("kept for 7 days, and offsets can be set back", "默认保留 7 天，位点可以回拨"),
            with(
                "retention: by default what all have acknowledged goes",
                "要设保留策略：默认全部确认后就删除",
            ),
        ],
    },
    Need {
        name: "fan-out",
        title: both("Fan-out", "一对多"),
        asks: both("Each message goes to several applications.", "每条消息都交给多个应用。"),
        answers: [
            with("virtual topics: a queue for each application", "虚拟主题：每个应用一个队列"),
            yes("a fanout exchange, and a queue for each", "fanout 交换机，每个应用绑一个队列"),
            yes("consumer groups", "消费者组"),
            yes("consumer groups", "消费者组"),
            yes("subscriptions", "订阅"),
        ],
    },
    Need {
        name: "delay",
        title: both("Delay", "延迟投递"),
        asks: both("A message is not delivered before its time.", "消息到了时间才投递。"),
        answers: [
            with("schedulerSupport, off by default", "需打开 schedulerSupport（默认关闭）"),
            with(
                "a queue to expire in, and its dead-letter exchange",
                "先进会过期的队列，再由死信交换机转投",
            ),
            yes("18 levels; since 5.0 any time", "18 个延迟级别；5.0 起可以任意时间"),
            no("a reader gets it at once", "写入后立刻就能读到"),
            with("for shared and key-shared subscriptions", "仅限 Shared 与 Key_Shared 订阅"),
        ],
    },
    Need {
        name: "transactions",
        title: both("Transactions", "事务"),
        asks: both(
            "Several messages, or a message and a database, as one.",
            "多条消息，或消息与数据库，要么都成要么都不成。",
        ),
        answers: [
            with(
                "transacted sessions, of one broker (the run: the lab’s own broker)",
                "事务会话，限于一个 broker（运行的是实验台自带的 broker）",
            ),
            with(
                "tx on a channel, atomic for one queue (the run: the lab’s own broker)",
                "信道上的 tx，只对单个队列是原子的（运行的是实验台自带的 broker）",
            ),
            yes("half messages, about which the broker asks", "半消息，broker 会回查"),
            yes("over partitions, with the offsets that were read", "跨分区，连同消费位点一起提交"),
            Answer {
                serves: Serves::Unplayed,
                by: both("since 2.8; not played here", "2.8 起支持，本实验台未模拟"),
            },
        ],
    },
    Need {
        name: "throughput",
        title: both("100,000 a second", "每秒十万条"),
        asks: both(
            "A small cluster carries a hundred thousand messages of 1 KiB a second.",
            "小集群每秒承载十万条 1 KiB 的消息。",
        ),
        answers: [
            no("each message, and its flush, by itself", "逐条处理，逐条刷盘"),
            no("each message by itself", "逐条处理"),
            yes("one log to write, for all queues", "所有队列顺序写同一个日志"),
            yes("batches from end to end", "从头到尾成批处理"),
            yes("batches, spread over bookies", "成批，分散到各 bookie"),
        ],
    },
    Need {
        name: "latency",
        title: both("Under a millisecond", "毫秒以内"),
        asks: both(
            "Half of the messages are processed within a millisecond, where there is little to do.",
            "负载很轻时，一半的消息在 1 毫秒内处理完。",
        ),
        answers: [
            yes("sent and pushed at once", "立即发送，立即推送"),
            yes("sent and pushed at once", "立即发送，立即推送"),
            yes("sent at once; a waiting pull is answered at once", "立即发送；长轮询立即应答"),
            with("linger.ms=0: since 4.0 a batch waits for 5 ms", "linger.ms=0：4.0 起默认攒批等 5 毫秒"),
            with("no batching: by default a batch waits for 1 ms", "关闭攒批：默认等 1 毫秒"),
        ],
    },
    Need {
        name: "loss",
        title: both("Nothing lost", "零丢失"),
        asks: both(
            "A broker’s process, its power or its disk fails: nothing that was acknowledged is lost.",
            "broker 进程崩溃、断电或磁盘损坏，已确认的消息都不丢。",
        ),
        answers: [
            no("master and slave share one store", "主备共用一份存储"),
            with("quorum queues", "仲裁队列"),
            with("flush and slave both sync; by default neither is", "同步刷盘加同步复制（默认都不是）"),
            with("acks=all and min.insync.replicas=2", "acks=all 且 min.insync.replicas=2"),
            yes("two bookies flush it before the answer", "两个 bookie 刷盘之后才应答"),
        ],
    },
];

/// Who serves all that is ticked; nothing is said where nothing is.
pub fn served_by(ticked: usize, who: &[SystemName], lang: Lang) -> String {
    let names: Vec<&str> = who.iter().map(|system| system.title()).collect();
    match (ticked, names.is_empty(), lang) {
        (0, _, _) => String::new(),
        (_, true, Lang::En) => "None of the five serves all of that.".into(),
        (_, true, Lang::Zh) => "五个系统都不能全部满足。".into(),
        (_, false, Lang::En) => format!("All of that: {}.", names.join(", ")),
        (_, false, Lang::Zh) => format!("全部满足：{}。", names.join("、")),
    }
}
