//! The words on the stage.

use mqlab_core::ids::PartitionId;
use mqlab_core::observe::{LEDGER, Place};
use mqlab_core::sim::SystemName;
use mqlab_core::sim::picture::{ConsumerView, ProducerView, Role, StripView};
use mqlab_core::sorted::SortedSet;

pub use super::callers::{askers, workers};
use super::{Both, Lang, both, row, spaced};

/// Above the producers.
pub const PRODUCERS: Both = both("producers", "生产者");
/// Above the consumers of queues.
pub const CONSUMERS: Both = both("consumers", "消费者");
/// The node that holds elections.
pub const CONTROLLER: Both = both("controller", "控制器");
/// What several controllers are called.
pub const CONTROLLERS: Both = both("controllers", "控制器");
/// What several brokers of ActiveMQ share.
pub const STORE: Both = both("shared store", "共享存储");
/// A node that does not run.
pub const DOWN: Both = both("down", "宕机");
/// The replica that serves clients.
pub const LEADER: Both = both("leader", "leader");
/// A replica that keeps up.
pub const FOLLOWER: Both = both("follower", "follower");
/// Where RocketMQ's clients learn which broker has what.
pub const NAME_SERVER: Both = both("name server", "NameServer");
/// Several of them.
pub const NAME_SERVERS: Both = both("name servers", "NameServer");
/// A broker of RocketMQ that takes messages.
pub const MASTER: Both = both("master", "主节点");
/// A broker of RocketMQ that copies a master.
pub const SLAVE: Both = both("slave", "从节点");
/// A consumer of RocketMQ to which no queue was dealt.
pub const NO_QUEUE: Both = both("no queue", "没有队列");
/// A consumer of RocketMQ that pops.
pub const POPS: Both = both("pops any queue", "Pop：不分队列");
/// A replica that fell behind.
pub const OUT_OF_SYNC: Both = both("out of sync", "不同步");
/// A consumer without work.
pub const IDLE: Both = both("idle", "空闲");
/// A consumer without a partition.
pub const NO_PARTITION: Both = both("no partition", "没有分区");
/// An empty tray.
pub const NONE_LOST: Both = both("lost: none", "丢失：无");

/// Above the brokers: what they keep, behind how many exchanges.
pub fn kept(places: &[&Place], exchanges: usize, system: Option<SystemName>, lang: Lang) -> String {
    let topic = places.iter().find_map(|place| match place {
        Place::Partition(partition) if !is_of_no_topic(partition) => Some(partition),
        _ => None,
    });
    let queues: Vec<&Place> =
        places.iter().copied().filter(|place| matches!(place, Place::Queue(_))).collect();
    let mut parts = Vec::new();
    parts.extend(topic.map(|first| kept_topic(first, places, system, lang)));
    let is_ledger = |place: &&Place| matches!(place, Place::Partition(of) if of.topic.as_str() == LEDGER);
    let subscriptions = places.iter().any(is_ledger);
    match (queues.as_slice(), lang) {
        ([], _) => {}
        (many, Lang::En) if subscriptions => parts.push(counted(many.len(), "subscription")),
        (many, Lang::Zh) if subscriptions => parts.push(format!("{} 个订阅", many.len())),
        ([one], _) => parts.push(super::sentence::place(one, lang)),
        (many, Lang::En) => parts.push(counted(many.len(), "queue")),
        (many, Lang::Zh) => parts.push(format!("{} 个队列", many.len())),
    }
    match (exchanges, lang) {
        (0, _) => {}
        (_, Lang::En) => parts.push(counted(exchanges, "exchange")),
        (_, Lang::Zh) => parts.push(format!("{exchanges} 个交换机")),
    }
    row(&parts, lang)
}

/// Whether it is no topic's, but RocketMQ's one log of all, or a bookie's ledger, which says so itself.
pub fn is_of_no_topic(partition: &PartitionId) -> bool {
    ["CommitLog", LEDGER].contains(&partition.topic.as_str())
}

fn kept_topic(first: &PartitionId, places: &[&Place], system: Option<SystemName>, lang: Lang) -> String {
    let topic_of = |place: &&Place| match place {
        Place::Partition(partition) if is_of_no_topic(partition) => None,
        Place::Partition(partition) => Some(partition.topic.to_string()),
        Place::Queue(_) | Place::Exchange(_) | Place::Topic(_) => None,
    };
    let topics: SortedSet<String> = places.iter().filter_map(topic_of).collect();
    if topics.len() > 1 {
        // Each of their rows bears its topic's name.
        let names: Vec<String> = topics.into_iter().collect();
        return match lang {
            Lang::En => format!("topics {}", row(&names, lang)),
            Lang::Zh => format!("主题 {}", row(&names, lang)),
        };
    }
    let mut partitions: Vec<u32> = places
        .iter()
        .filter_map(|place| match place {
            Place::Partition(other) if other.topic == first.topic => Some(other.index),
            _ => None,
        })
        .collect();
    let all = partitions.len();
    partitions.sort_unstable();
    partitions.dedup();
    let replicas = all / partitions.len().max(1);
    let topic = &first.topic;
    let count = partitions.len();
    match (system, lang) {
        (Some(SystemName::RocketMq), Lang::En) => {
            let copies = if replicas == 1 { "no slave".into() } else { counted(replicas - 1, "slave") };
            format!("topic {topic}: {}, {copies}", counted(count, "queue"))
        }
        (Some(SystemName::RocketMq), Lang::Zh) => format!("主题 {topic}：{count} 个队列，{replicas} 份副本"),
        // What it is copied to are ledgers, by entries: a topic has no replicas.
        (Some(SystemName::Pulsar), Lang::En) if count == 1 => format!("topic {topic}"),
        (Some(SystemName::Pulsar), Lang::Zh) if count == 1 => format!("主题 {topic}"),
        (Some(SystemName::Pulsar), Lang::En) => format!("topic {topic}: {count} partitions"),
        (Some(SystemName::Pulsar), Lang::Zh) => format!("主题 {topic}：{count} 个分区"),
        (_, Lang::En) => {
            format!("topic {topic}: {}, {}", counted(count, "partition"), counted(replicas, "replica"))
        }
        (_, Lang::Zh) => format!("主题 {topic}：{count} 个分区，{replicas} 个副本"),
    }
}

pub(super) fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// Above the consumers: the group, if they are one.
pub fn readers(consumers: &[ConsumerView], system: Option<SystemName>, lang: Lang) -> String {
    let first = consumers.first().and_then(|consumer| consumer.group.as_ref());
    let one = consumers.iter().all(|consumer| consumer.group.as_ref() == first);
    let shares = system.is_none() && consumers.iter().any(|consumer| consumer.shares);
    match (first.filter(|_| one), lang) {
        (Some(group), Lang::En) if shares => format!("share group {group}"),
        (Some(group), Lang::Zh) if shares => format!("共享组 {group}"),
        (Some(group), Lang::En) => format!("group {group}"),
        (Some(group), Lang::Zh) => format!("消费者组 {group}"),
        (None, _) => CONSUMERS.get(lang).into(),
    }
}

/// A broker's title.
pub fn broker(number: u16, lang: Lang) -> String {
    match lang {
        Lang::En => format!("broker {number}"),
        Lang::Zh => format!("Broker {number}"),
    }
}

/// What a broker does, beside its title.
pub fn duties(strips: &[StripView], system: Option<SystemName>, lang: Lang) -> String {
    if system == Some(SystemName::RocketMq) {
        let role = strips.iter().map(|strip| strip.role).find(|role| *role != Role::Down);
        return role.map_or(String::new(), |is| role_in(is, system, lang));
    }
    let leads = strips.iter().filter(|strip| matches!(strip.role, Role::Leader { .. })).count();
    let partitions = strips.iter().filter(|strip| strip.high_watermark.is_some()).count();
    let owned = strips.iter().filter(|strip| matches!(strip.role, Role::Owner { .. })).count();
    if owned > 0 {
        return match lang {
            Lang::En => format!("owns {}", counted(owned, "topic")),
            Lang::Zh => format!("拥有 {owned} 个主题"),
        };
    }
    match (partitions, lang) {
        (0, _) => String::new(),
        (_, Lang::En) if leads == 0 => "leads nothing".into(),
        (_, Lang::Zh) if leads == 0 => "没有 leader 副本".into(),
        (_, Lang::En) => format!("leads {leads} of {partitions}"),
        (_, Lang::Zh) => format!("{leads}/{partitions} 个分区的 leader"),
    }
}

/// What a replica is, below its partition's number, in a system's words.
pub fn role_in(is: Role, system: Option<SystemName>, lang: Lang) -> String {
    match (system, is) {
        (Some(SystemName::RocketMq), Role::Leader { .. }) => MASTER.get(lang).into(),
        (Some(SystemName::RocketMq), Role::Follower { .. }) => SLAVE.get(lang).into(),
        _ => role(is, lang),
    }
}

/// The same where no other system plays.
pub fn role(role: Role, lang: Lang) -> String {
    match role {
        Role::Queue => String::new(),
        Role::Leader { epoch } => match lang {
            Lang::En => format!("leader, e{epoch}"),
            Lang::Zh => format!("leader e{epoch}"),
        },
        Role::Follower { in_sync: true } => FOLLOWER.get(lang).into(),
        Role::Follower { in_sync: false } => OUT_OF_SYNC.get(lang).into(),
        Role::Owner { ledger } => match lang {
            Lang::En => format!("owner, ledger {ledger}"),
            Lang::Zh => format!("拥有者，ledger {ledger}"),
        },
        Role::Keeper { fenced: false } => both("keeps it", "保存").get(lang).into(),
        Role::Keeper { fenced: true } => both("fenced", "已 fence").get(lang).into(),
        Role::Down => String::new(),
    }
}

/// A partition's number.
pub fn partition(index: u32, short: bool, system: Option<SystemName>, lang: Lang) -> String {
    match lang {
        Lang::En if system == Some(SystemName::RocketMq) => format!("queue {index}"),
        Lang::Zh if system == Some(SystemName::RocketMq) => format!("队列 {index}"),
        Lang::En if short => format!("part. {index}"),
        Lang::En => format!("partition {index}"),
        Lang::Zh => format!("分区 {index}"),
    }
}

/// A leader's right-hand word: the offset that the next record gets.
pub fn next(offset: u64, lang: Lang) -> String {
    match lang {
        Lang::En => format!("next {offset}"),
        Lang::Zh => format!("末尾 {offset}"),
    }
}

/// A follower's right-hand word.
pub fn behind(records: u64, short: bool, lang: Lang) -> String {
    match (records, lang) {
        (0, Lang::En) if short => "level".into(),
        (0, Lang::En) => "caught up".into(),
        (0, Lang::Zh) => "已追平".into(),
        (_, Lang::En) => format!("{records} behind"),
        (_, Lang::Zh) => format!("落后 {records}"),
    }
}

/// At the line that consumers may not cross.
pub fn high_watermark(offset: u64, short: bool, lang: Lang) -> String {
    match (short, lang) {
        (false, Lang::En) => format!("high watermark {offset}"),
        (true, Lang::En) => format!("hw {offset}"),
        (false, Lang::Zh) => format!("高水位 {offset}"),
        (true, Lang::Zh) => format!("水位 {offset}"),
    }
}

/// Under a queue's cells.
pub fn held(held: u64, out: u64, lang: Lang) -> String {
    match lang {
        Lang::En => format!("{} ready, {out} with consumers", held - out.min(held)),
        Lang::Zh => format!("{} 条待投递，{out} 条在消费者手里", held - out.min(held)),
    }
}

/// A producer's second line.
pub fn acks(producer: &ProducerView, lang: Lang) -> String {
    match (producer.acks, lang) {
        (Some(-1), _) => "acks=all".into(),
        (Some(acks), _) => format!("acks={acks}"),
        (None, Lang::En) => format!("to {}", producer.to),
        (None, Lang::Zh) => format!("发往 {}", producer.to),
    }
}

/// How far a producer is.
pub fn sent(producer: &ProducerView, lang: Lang) -> String {
    let (sent, planned) = (producer.sent, producer.planned);
    match lang {
        // A card has room for two numbers of three digits in words.
        Lang::En if planned >= 1_000 => format!("{sent}/{planned} sent"),
        Lang::En => format!("{sent} of {planned} sent"),
        Lang::Zh => format!("已发 {sent}/{planned}"),
    }
}

/// How many messages a producer still holds.
pub fn unacknowledged(count: usize, lang: Lang) -> String {
    match lang {
        Lang::En => format!("{count} unconfirmed"),
        Lang::Zh => format!("{count} 条待确认"),
    }
}

/// A consumer's second line.
pub fn reads(consumer: &ConsumerView, system: Option<SystemName>, lang: Lang) -> String {
    if system == Some(SystemName::RocketMq) {
        return queues_of(consumer, lang);
    }
    if consumer.group.is_none() {
        return match lang {
            Lang::En => format!("from {}", consumer.from),
            Lang::Zh => format!("来自 {}", consumer.from),
        };
    }
    if consumer.assigned.is_empty() {
        return NO_PARTITION.get(lang).into();
    }
    let list: Vec<String> = consumer.assigned.iter().map(ToString::to_string).collect();
    match lang {
        Lang::En if list.len() == 1 => format!("partition {}", list[0]),
        Lang::En => format!("partitions {}", list.join(", ")),
        Lang::Zh => spaced(&format!("分区{}", list.join("、"))),
    }
}

/// The same of RocketMQ's, whose queues are not called partitions.
fn queues_of(consumer: &ConsumerView, lang: Lang) -> String {
    let list: Vec<String> = consumer.assigned.iter().map(ToString::to_string).collect();
    match (list.as_slice(), lang) {
        ([], _) if consumer.shares => POPS.get(lang).into(),
        ([], _) => NO_QUEUE.get(lang).into(),
        ([one], Lang::En) => format!("queue {one}"),
        (many, Lang::En) => format!("queues {}", many.join(", ")),
        (many, Lang::Zh) => spaced(&format!("队列{}", many.join("、"))),
    }
}

/// How much a consumer has done.
pub fn done(count: u64, lang: Lang) -> String {
    match lang {
        Lang::En => format!("{count} done"),
        Lang::Zh => format!("完成 {count}"),
    }
}

/// How many more there are than were drawn.
pub fn more(count: u64, lang: Lang) -> String {
    match lang {
        Lang::En => format!("+{count} more"),
        Lang::Zh => format!("还有 {count} 条"),
    }
}

/// While nothing has begun.
pub const START: Both = both("Press Space or ▶ to play", "按空格键或 ▶ 开始播放");

/// The tray's label.
pub fn lost(count: usize, lang: Lang) -> String {
    match (count, lang) {
        (0, _) => NONE_LOST.get(lang).into(),
        (_, Lang::En) => format!("lost: {count}"),
        (_, Lang::Zh) => format!("丢失：{count}"),
    }
}
