//! The words of the menus: what a command is called in a list, and what it will do.

use mqlab_core::ids::NodeId;
use mqlab_core::observe::{AckWhen, AcksLevel, Change, DiskState, LinkFault};
use mqlab_core::sim::Command;
use mqlab_core::sim::picture::Picture;
use mqlab_core::time::Span;

use super::sentence::Names;
use super::{Both, Lang, both, broker, lasting, spaced};

/// Commands of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    /// The process.
    Process,
    /// The disk.
    Disk,
    /// The clock.
    Clock,
    /// A link, whichever way.
    BothWays,
    /// What goes the one way.
    There,
    /// What goes the other.
    Back,
    /// What a client does.
    Settings,
    /// A broker's queues.
    Queues,
    /// The topics.
    Topics,
    /// A broker's exchanges.
    Exchanges,
    /// Who is there.
    Members,
}

/// How something that can be set is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Now {
    /// It takes so long.
    Lasts(Span),
    /// It takes between these.
    Between(Span, Span),
    /// So many.
    Count(u64),
    /// An answer of this kind is waited for.
    Acks(AcksLevel),
    /// It acknowledges then.
    Ack(AckWhen),
    /// There is no limit.
    None,
    /// There is nothing to say.
    Unsaid,
}

impl Family {
    /// What stands above its lines. Of a link's two ways the arrows in the title say which is which.
    pub(crate) const fn title(self, lang: Lang) -> &'static str {
        match self {
            Self::Process => both("Process", "进程"),
            Self::Disk => both("Disk", "磁盘"),
            Self::Clock => both("Clock", "时钟"),
            Self::BothWays => both("Both ways", "双向"),
            Self::There => both("→ This way only", "→ 只有这个方向"),
            Self::Back => both("← That way only", "← 只有反方向"),
            Self::Settings => both("Settings", "设置"),
            Self::Queues => both("Queues", "队列"),
            Self::Topics => both("Topics", "主题"),
            Self::Exchanges => both("Exchanges", "交换机"),
            Self::Members => both("Members", "成员"),
        }
        .get(lang)
    }
}

/// The way between two nodes, as a title.
pub(crate) fn between(a: NodeId, b: NodeId, names: &Names, lang: Lang) -> String {
    format!("{} ⇄ {}", names.node(a, lang), names.node(b, lang))
}

/// How a node stands.
pub(crate) fn condition(picture: &Picture, node: NodeId, lang: Lang) -> &'static str {
    let clients = picture.producers.iter().map(|view| (view.node, view.up));
    let clients = clients.chain(picture.consumers.iter().map(|view| (view.node, view.up)));
    let others = picture.brokers.iter().map(|view| (view.node, view.up));
    let others = others.chain(picture.services.iter().map(|view| (view.node, view.up)));
    let others = others.chain(picture.controllers.iter().map(|view| (view.node, view.up)));
    let others = others.chain(picture.users.iter().map(|view| (view.node, true)));
    let up = clients.chain(others).any(|(other, up)| other == node && up);
    match (up, picture.frozen.contains(&node)) {
        (true, true) => both("stands still", "停顿中"),
        (true, false) => both("runs", "运行中"),
        (false, _) => both("is down", "已停机"),
    }
    .get(lang)
}

/// What a command is called in a list.
pub(crate) fn title_of(command: &Command, lang: Lang) -> String {
    let plain: Both = match command {
        Command::Crash(_) => both("Crash", "宕机"),
        Command::CutPower(_) => both("Cut the power", "断电"),
        Command::ShutDown(_) => both("Shut down", "正常停机"),
        Command::Restart(_) => both("Restart", "重启"),
        Command::Replace(_) => both("Empty disk", "换上空磁盘"),
        Command::Freeze(_) => both("Freeze", "停顿"),
        Command::Thaw(_) => both("Go on", "继续运行"),
        Command::CrashOnceDone(_) => both("Crash before the acknowledgement", "确认之前宕机"),
        Command::Skew { by, .. } => {
            let off = lasting(Span(by.unsigned_abs()), lang);
            return match (by, lang) {
                (0, Lang::En) => "Set it right".into(),
                (0, Lang::Zh) => "对准".into(),
                (1.., Lang::En) => format!("{off} ahead"),
                (1.., Lang::Zh) => format!("快 {off}"),
                (_, Lang::En) => format!("{off} behind"),
                (_, Lang::Zh) => format!("慢 {off}"),
            };
        }
        Command::Disk { is, .. } => match is {
            DiskState::Sound => both("Mend it", "修好"),
            DiskState::Full => both("Full", "写满"),
            DiskState::Lying => both("Lying", "撒谎"),
            DiskState::Slow(_) => both("Slow", "变慢"),
            _ => both("Another state", "其他状态"),
        },
        Command::Link { fault, .. } => match fault {
            LinkFault::Heal => both("Mend it", "修好"),
            LinkFault::Cut => both("Cut", "切断"),
            LinkFault::Slow(_) => both("Slow", "变慢"),
            LinkFault::Lose(_) => both("Lose some", "丢一些"),
            LinkFault::Duplicate(_) => both("Double some", "重复一些"),
            LinkFault::Reorder(_) => both("Reorder some", "打乱一些"),
            LinkFault::LoseNext => both("Lose the next", "丢下一个"),
            LinkFault::DuplicateNext => both("Double the next", "下一个到两次"),
            LinkFault::ReorderNext => both("Hold up the next", "耽搁下一个"),
            _ => both("Another fault", "其他故障"),
        },
        _ => both("Another change", "其他改动"),
    };
    plain.get(lang).into()
}

/// What a change is called in a list, and how that is now.
pub(crate) fn setting(change: &Change, now: Now, lang: Lang) -> (String, String) {
    let (title, now) = (set_to(change, lang), is_now(now, lang));
    match lang {
        Lang::En => (title, now),
        Lang::Zh => (spaced(&title), spaced(&now)),
    }
}

fn level(level: AcksLevel) -> String {
    format!("acks={level}")
}

fn set_to(change: &Change, lang: Lang) -> String {
    let span = |span: Span| lasting(span, lang);
    match (change, lang) {
        (Change::Every { node: NodeId::Consumer(_), span: every }, Lang::En) => {
            format!("Ask every {}", span(*every))
        }
        (Change::Every { node: NodeId::Consumer(_), span: every }, Lang::Zh) => {
            format!("每 {} 拉取一次", span(*every))
        }
        (Change::Every { node: NodeId::User(_), span: every }, Lang::En) => {
            format!("Ask every {}", span(*every))
        }
        (Change::Every { node: NodeId::User(_), span: every }, Lang::Zh) => {
            format!("每 {} 下一单", span(*every))
        }
        (Change::Every { span: every, .. }, Lang::En) => format!("Send every {}", span(*every)),
        (Change::Every { span: every, .. }, Lang::Zh) => format!("每 {} 发一次", span(*every)),
        (Change::Work { node: NodeId::Service(_), span: work }, Lang::En) => {
            format!("Work {} on each order", span(*work))
        }
        (Change::Work { node: NodeId::Service(_), span: work }, Lang::Zh) => {
            format!("每单处理 {}", span(*work))
        }
        (Change::Work { span: work, .. }, Lang::En) => format!("Work {} on each", span(*work)),
        (Change::Work { span: work, .. }, Lang::Zh) => format!("每条处理 {}", span(*work)),
        (Change::Acks { level: to, .. }, _) => level(*to),
        (Change::Prefetch { most: 0, .. }, Lang::En) => "No prefetch limit".into(),
        (Change::Prefetch { most: 0, .. }, Lang::Zh) => "prefetch 不限".into(),
        (Change::Prefetch { most, .. }, _) => format!("prefetch {most}"),
        (Change::Join(_), Lang::En) => "Another one like it".into(),
        (Change::Join(_), Lang::Zh) => "再加一个同样的".into(),
        (Change::Leave(NodeId::Broker(_)), Lang::En) => "Remove it from the cluster".into(),
        (Change::Leave(NodeId::Broker(_)), Lang::Zh) => "从集群中移除".into(),
        (Change::Leave(_), Lang::En) => "Let it leave".into(),
        (Change::Leave(_), Lang::Zh) => "让它退出".into(),
        (Change::Partitions { topic, total }, Lang::En) => format!("{topic}: {total} partitions"),
        (Change::Partitions { topic, total }, Lang::Zh) => format!("{topic}：{total} 个分区"),
        (Change::MinInSync { topic, least }, Lang::En) => format!("{topic}: {least} in sync at least"),
        (Change::MinInSync { topic, least }, Lang::Zh) => format!("{topic}：至少 {least} 个 ISR"),
        (Change::Ttl { queue, ttl: Some(ttl) }, Lang::En) => format!("{queue}: messages live {}", span(*ttl)),
        (Change::Ttl { queue, ttl: Some(ttl) }, Lang::Zh) => format!("{queue}：消息存活 {}", span(*ttl)),
        (Change::Ttl { queue, .. }, Lang::En) => format!("{queue}: messages live for ever"),
        (Change::Ttl { queue, .. }, Lang::Zh) => format!("{queue}：消息不过期"),
        (Change::Length { queue, most: Some(most) }, Lang::En) => format!("{queue}: {most} at most"),
        (Change::Length { queue, most: Some(most) }, Lang::Zh) => format!("{queue}：最多 {most} 条"),
        (Change::Length { queue, .. }, Lang::En) => format!("{queue}: no limit"),
        (Change::Length { queue, .. }, Lang::Zh) => format!("{queue}：不限长度"),
        (Change::DropQueue(queue), Lang::En) => format!("Remove {queue}, with all in it"),
        (Change::DropQueue(queue), Lang::Zh) => format!("删掉 {queue} 和里面的消息"),
        (Change::DropSubscription { name, client }, Lang::En) => {
            format!("End the {}, with all in it", broker::durable(name, client.as_ref(), lang))
        }
        (Change::DropSubscription { name, client }, Lang::Zh) => {
            format!("取消{}，连同里面的消息", broker::durable(name, client.as_ref(), lang))
        }
        (Change::DropTopic(topic), Lang::En) => format!("Remove {topic}, with all in it"),
        (Change::DropTopic(topic), Lang::Zh) => format!("删掉 {topic} 和里面的消息"),
        (Change::DropExchange(name), Lang::En) => format!("Remove {name}, with its bindings"),
        (Change::DropExchange(name), Lang::Zh) => format!("删掉 {name} 和它的绑定"),
        (Change::Unbind { exchange, queue, key }, Lang::En) => {
            format!("Unbind {queue} from {exchange}{}", with(key))
        }
        (Change::Unbind { exchange, queue, key }, Lang::Zh) => {
            format!("解除 {exchange} → {queue}{} 的绑定", with(key))
        }
        (Change::RetentionTime { topic, keep: Some(keep) }, Lang::En) => {
            format!("{topic}: keep for {}", span(*keep))
        }
        (Change::RetentionTime { topic, keep: Some(keep) }, Lang::Zh) => {
            format!("{topic}：保留 {}", span(*keep))
        }
        (Change::RetentionTime { topic, .. }, Lang::En) => format!("{topic}: keep for ever"),
        (Change::RetentionTime { topic, .. }, Lang::Zh) => format!("{topic}：永久保留"),
        (Change::Ack { when, .. }, lang) => acknowledges(*when, lang),
        (other, _) => other.to_string(),
    }
}

fn with(key: &str) -> String {
    if key.is_empty() { String::new() } else { format!(" (“{key}”)") }
}

fn acknowledges(when: AckWhen, lang: Lang) -> String {
    match (when, lang) {
        (AckWhen::Each, Lang::En) => "Acknowledge each when done".into(),
        (AckWhen::Each, Lang::Zh) => "处理完逐条确认".into(),
        (AckWhen::Every(many), Lang::En) => format!("Acknowledge {many} at once when done"),
        (AckWhen::Every(many), Lang::Zh) => format!("处理完 {many} 条一起确认"),
        (AckWhen::Before, Lang::En) => "Acknowledge before the work".into(),
        (AckWhen::Before, Lang::Zh) => "先确认再处理".into(),
        (AckWhen::Automatic, Lang::En) => "Acknowledge automatically".into(),
        (AckWhen::Automatic, Lang::Zh) => "自动确认".into(),
    }
}

fn is_now(now: Now, lang: Lang) -> String {
    let value = match now {
        Now::Unsaid => return String::new(),
        Now::Lasts(span) => lasting(span, lang),
        Now::Between(least, most) => match lang {
            Lang::En => format!("{} to {}", lasting(least, lang), lasting(most, lang)),
            Lang::Zh => format!("{}到 {}", lasting(least, lang), lasting(most, lang)),
        },
        Now::Count(0) | Now::None => both("no limit", "不限").get(lang).into(),
        Now::Count(count) => count.to_string(),
        Now::Acks(now) => level(now),
        Now::Ack(now) => match (now, lang) {
            (AckWhen::Each, Lang::En) => "each when done".into(),
            (AckWhen::Each, Lang::Zh) => "逐条确认".into(),
            (AckWhen::Every(many), Lang::En) => format!("{many} at once"),
            (AckWhen::Every(many), Lang::Zh) => format!("{many} 条一起"),
            (AckWhen::Before, Lang::En) => "before the work".into(),
            (AckWhen::Before, Lang::Zh) => "先确认".into(),
            (AckWhen::Automatic, Lang::En) => "automatically".into(),
            (AckWhen::Automatic, Lang::Zh) => "自动".into(),
        },
    };
    match lang {
        Lang::En => format!("now {value}"),
        Lang::Zh => format!("现在 {value}"),
    }
}

/// What a command will do, in a few words.
pub(crate) fn effect(command: &Command, names: &Names, lang: Lang) -> String {
    let plain = match command {
        Command::Crash(NodeId::Broker(_) | NodeId::Voter(_)) => {
            both("the process dies; its disk stays, and its peers are told", "进程没了，磁盘还在，对端会发现")
        }
        Command::Crash(NodeId::Consumer(_)) => {
            both("what it has and did not acknowledge goes to others", "它手里没确认的消息会交给别人")
        }
        Command::Crash(_) => both("what it had in memory is gone", "内存里的东西没了"),
        Command::CutPower(NodeId::Broker(_) | NodeId::Voter(_)) => {
            both("what was not flushed is gone, and nobody is told", "没刷盘的数据没了，谁也收不到通知")
        }
        Command::CutPower(_) => both("it is gone, and nobody is told", "突然消失，谁也收不到通知"),
        Command::ShutDown(_) => both("others lead before it goes", "先把领导权交出去再停"),
        Command::Restart(_) => both("starts again over what its disk holds", "从磁盘上的数据恢复"),
        Command::Replace(_) => both("starts again, and remembers nothing", "重新启动，什么都不记得"),
        Command::Freeze(NodeId::Producer(_)) => {
            both("says nothing; when it goes on it may be a zombie", "不出声；再继续时可能成了僵尸")
        }
        Command::Freeze(_) => both(
            "stands still, as in a long pause; others may give it up",
            "像长时间 GC 一样停住，别人可能当它死了",
        ),
        Command::Thaw(_) => {
            both("goes on where it stood, with what it then believed", "带着停顿前的认知接着运行")
        }
        Command::CrashOnceDone(_) => both(
            "does its next message and dies before it says so: somebody does it again",
            "处理完下一条、还没确认就宕机：会有人再处理一遍",
        ),
        Command::Skew { by: 0, .. } => both("the true time again", "恢复准确时间"),
        Command::Skew { .. } => both("its time-outs and timestamps are off", "它的超时和时间戳都不准了"),
        Command::Disk { is, .. } => match is {
            DiskState::Sound => both("it takes and keeps everything again", "恢复正常读写"),
            DiskState::Full => both("stops at its next write", "下次写盘就停机"),
            DiskState::Lying => both(
                "says “flushed” and keeps nothing: a power cut shows it",
                "嘴上说刷盘了，其实没有：一断电就露馅",
            ),
            DiskState::Slow(span) => {
                let span = lasting(*span, lang);
                return match lang {
                    Lang::En => format!("each flush takes {span}"),
                    Lang::Zh => format!("每次刷盘要 {span}"),
                };
            }
            _ => both("", ""),
        },
        Command::Link { fault, .. } => match fault {
            LinkFault::Heal => both("all is well there again", "这里恢复正常"),
            LinkFault::Cut => both("nothing passes, and nobody is told", "什么都过不去，谁也收不到通知"),
            LinkFault::Slow(span) => {
                let span = lasting(*span, lang);
                return match lang {
                    Lang::En => format!("everything takes {span} longer"),
                    Lang::Zh => format!("每条都多花 {span}"),
                };
            }
            LinkFault::Lose(_) => both("one in ten, each with its connection", "十个丢一个，连接随之断开"),
            LinkFault::Duplicate(_) => both("one in ten comes twice", "十个里有一个到两次"),
            LinkFault::Reorder(_) => both("one in ten is overtaken", "十个里有一个被后面的赶超"),
            LinkFault::LoseNext => both(
                "a message, or its acknowledgement: whatever comes",
                "可能是消息，也可能是确认，来什么丢什么",
            ),
            LinkFault::DuplicateNext => both("the next request or answer", "下一个请求或应答"),
            LinkFault::ReorderNext => both("later ones overtake it", "后面的会超过它"),
            _ => both("", ""),
        },
        other => return super::faults::command(other.clone(), names, lang),
    };
    plain.get(lang).into()
}
