//! The words of what is set, added and removed while a cluster runs: what is wanted, that it happens, and why it cannot be.

use mqlab_core::ids::NodeId;
use mqlab_core::observe::{AckWhen, AcksLevel, Change, PlainKind, QueueEvent, Refusal};
use mqlab_core::routing::RouteError;
use mqlab_core::sim::CommandRefused;
use mqlab_core::vhost::VhostError;

use super::queues::{exchange, queue_of};
use super::sentence::{Names, refusal};
use super::{Both, Lang, both, broker, lasting, spaced};

/// What is wanted, in a few words: also what a branch begins with.
pub(super) fn wish(change: &Change, names: &Names, lang: Lang) -> String {
    match lang {
        Lang::En => english_wish(change, names),
        Lang::Zh => spaced(&chinese_wish(change, names)),
    }
}

/// That it happens. A newcomer is `node`; all else says itself whom it concerns.
pub(super) fn english(change: &Change, node: &str, names: &Names) -> String {
    match change {
        Change::Join(like) => format!("{node} joins: another one like {}", names.node(*like, Lang::En)),
        Change::Leave(_) => format!("{node} is asked to leave, in good order"),
        change => format!("somebody changes the running cluster: {}", english_wish(change, names)),
    }
}

pub(super) fn chinese(change: &Change, node: &str, names: &Names) -> String {
    match change {
        Change::Join(like) => format!("{node} 加入，和 {} 一样", names.node(*like, Lang::Zh)),
        Change::Leave(_) => format!("{node} 被要求有序退出"),
        change => format!("有人改动了运行中的集群：{}", chinese_wish(change, names)),
    }
}

fn english_wish(change: &Change, names: &Names) -> String {
    let lang = Lang::En;
    let name = |node: &NodeId| names.node(*node, lang);
    match change {
        Change::Every { node: node @ NodeId::Consumer(_), span } => {
            format!("{} asks no more often than every {}", name(node), lasting(*span, lang))
        }
        Change::Every { node: node @ NodeId::User(_), span } => {
            format!("{} asks every {}", name(node), lasting(*span, lang))
        }
        Change::Every { node, span } => {
            format!("{} sends every {}", name(node), lasting(*span, lang))
        }
        Change::Acks { node, level: AcksLevel::None } => format!("{} waits for no answer", name(node)),
        Change::Acks { node, level: AcksLevel::Leader } => {
            format!("{} waits for the leader alone", name(node))
        }
        Change::Acks { node, level: AcksLevel::All } => {
            format!("{} waits for all replicas in sync", name(node))
        }
        Change::Work { node: node @ NodeId::Service(_), span } => {
            format!("{} works {} on each order", name(node), lasting(*span, lang))
        }
        Change::Work { node, span } => {
            format!("{} works {} on a message", name(node), lasting(*span, lang))
        }
        Change::Prefetch { node, most: 0 } => format!("no prefetch limit for {}", name(node)),
        Change::Prefetch { node, most } => format!("a prefetch of {most} for {}", name(node)),
        Change::Ack { node, when } => match when {
            AckWhen::Each => format!("{} acknowledges each message when it is done", name(node)),
            AckWhen::Every(many) => {
                format!("{} acknowledges {many} messages at once when they are done", name(node))
            }
            AckWhen::Before => format!("{} acknowledges each message before the work", name(node)),
            AckWhen::Automatic => format!("{} acknowledges by itself, done or not", name(node)),
        },
        Change::Join(node) => format!("another one like {}", name(node)),
        Change::Leave(node) => format!("{} leaves", name(node)),
        Change::Partitions { topic, total } => format!("{total} partitions for topic {topic}"),
        Change::MinInSync { topic, least } => format!("topic {topic} needs {least} in sync"),
        Change::RetentionTime { topic, keep: Some(keep) } => {
            format!("topic {topic} keeps messages for {}", lasting(*keep, lang))
        }
        Change::RetentionTime { topic, keep: None } => format!("topic {topic} keeps messages of any age"),
        Change::RetentionBytes { topic, keep: Some(keep) } => {
            format!("topic {topic} keeps {keep} bytes of each partition")
        }
        Change::RetentionBytes { topic, keep: None } => format!("topic {topic} keeps any number of bytes"),
        Change::Topic { name, partitions, replicas } => {
            format!("a new topic {name}: partitions {partitions}, replicas of each {replicas}")
        }
        Change::DropTopic(old) => format!("no topic {old} any more"),
        Change::Queue { name: new, on } => format!("a new queue {new} on {}", name(on)),
        Change::DropQueue(old) => format!("no queue {old} any more"),
        Change::DropSubscription { name, client } => {
            format!("no {} any more", broker::durable(name, client.as_ref(), lang))
        }
        Change::Ttl { queue, ttl: Some(ttl) } => {
            format!("messages live {} in queue {queue}", lasting(*ttl, lang))
        }
        Change::Ttl { queue, ttl: None } => format!("messages live for ever in queue {queue}"),
        Change::Length { queue, most: Some(most) } => format!("at most {most} ready in queue {queue}"),
        Change::Length { queue, most: None } => format!("no limit for the length of queue {queue}"),
        Change::Exchange { name: new, kind, on } => {
            format!("a new {} {} on {}", kind_of(*kind, lang), exchange(new, lang), name(on))
        }
        Change::DropExchange(old) => format!("no {} any more", exchange(old, lang)),
        Change::Bind { exchange: from, queue, key } if key.is_empty() => {
            format!("queue {queue} gets what {} has", exchange(from, lang))
        }
        Change::Bind { exchange: from, queue, key } => {
            format!("queue {queue} gets “{key}” from {}", exchange(from, lang))
        }
        Change::Unbind { exchange: from, queue, key } if key.is_empty() => {
            format!("queue {queue} gets nothing more from {}", exchange(from, lang))
        }
        Change::Unbind { exchange: from, queue, key } => {
            format!("queue {queue} gets no more “{key}” from {}", exchange(from, lang))
        }
        other => other.to_string(),
    }
}

fn chinese_wish(change: &Change, names: &Names) -> String {
    let lang = Lang::Zh;
    let name = |node: &NodeId| names.node(*node, lang);
    match change {
        Change::Every { node: node @ NodeId::Consumer(_), span } => {
            format!("{} 最多每 {} 拉取一次", name(node), lasting(*span, lang))
        }
        Change::Every { node: node @ NodeId::User(_), span } => {
            format!("{} 改为每 {} 下一单", name(node), lasting(*span, lang))
        }
        Change::Every { node, span } => format!("{} 改为每 {} 发一次", name(node), lasting(*span, lang)),
        Change::Acks { node, level: AcksLevel::None } => format!("{} 不再等确认（acks=0）", name(node)),
        Change::Acks { node, level: AcksLevel::Leader } => {
            format!("{} 只等 leader 确认（acks=1）", name(node))
        }
        Change::Acks { node, level: AcksLevel::All } => {
            format!("{} 等所有同步副本确认（acks=all）", name(node))
        }
        Change::Work { node: node @ NodeId::Service(_), span } => {
            format!("{} 处理一单改为 {}", name(node), lasting(*span, lang))
        }
        Change::Work { node, span } => format!("{} 处理一条消息改为 {}", name(node), lasting(*span, lang)),
        Change::Prefetch { node, most: 0 } => format!("{} 不限预取数", name(node)),
        Change::Prefetch { node, most } => format!("{} 的预取数改为 {most}", name(node)),
        Change::Ack { node, when } => match when {
            AckWhen::Each => format!("{} 每处理完一条就确认一条", name(node)),
            AckWhen::Every(many) => format!("{} 每处理完 {many} 条一起确认", name(node)),
            AckWhen::Before => format!("{} 先确认再处理", name(node)),
            AckWhen::Automatic => format!("{} 自动确认，不管处理完没有", name(node)),
        },
        Change::Join(node) => format!("再加一个 {}", name(node)),
        Change::Leave(node) => format!("{} 退出", name(node)),
        Change::Partitions { topic, total } => format!("主题 {topic} 增加到 {total} 个分区"),
        Change::MinInSync { topic, least } => format!("主题 {topic} 至少要有 {least} 个同步副本"),
        Change::RetentionTime { topic, keep: Some(keep) } => {
            format!("主题 {topic} 的消息保留 {}", lasting(*keep, lang))
        }
        Change::RetentionTime { topic, keep: None } => format!("主题 {topic} 不再按时间删除消息"),
        Change::RetentionBytes { topic, keep: Some(keep) } => {
            format!("主题 {topic} 的每个分区保留 {keep} 字节")
        }
        Change::RetentionBytes { topic, keep: None } => format!("主题 {topic} 不再按大小删除消息"),
        Change::Topic { name, partitions, replicas } => {
            format!("新建主题 {name}：{partitions} 个分区，每个 {replicas} 个副本")
        }
        Change::DropTopic(old) => format!("删除主题 {old}"),
        Change::Queue { name: new, on } => format!("在 {} 上新建队列 {new}", name(on)),
        Change::DropQueue(old) => format!("删除队列 {old}"),
        Change::DropSubscription { name, client } => {
            format!("取消{}", broker::durable(name, client.as_ref(), lang))
        }
        Change::Ttl { queue, ttl: Some(ttl) } => {
            format!("队列 {queue} 里的消息存活 {}", lasting(*ttl, lang))
        }
        Change::Ttl { queue, ttl: None } => format!("队列 {queue} 里的消息永不过期"),
        Change::Length { queue, most: Some(most) } => format!("队列 {queue} 最多 {most} 条就绪消息"),
        Change::Length { queue, most: None } => format!("队列 {queue} 不限长度"),
        Change::Exchange { name: new, kind, on } => {
            format!("在 {} 上新建{}{}", name(on), kind_of(*kind, lang), exchange(new, lang))
        }
        Change::DropExchange(old) => format!("删除{}", exchange(old, lang)),
        Change::Bind { exchange: from, queue, key } if key.is_empty() => {
            format!("把队列 {queue} 绑定到{}", exchange(from, lang))
        }
        Change::Bind { exchange: from, queue, key } => {
            format!("用“{key}”把队列 {queue} 绑定到{}", exchange(from, lang))
        }
        Change::Unbind { exchange: from, queue, key } if key.is_empty() => {
            format!("解除队列 {queue} 与{} 的绑定", exchange(from, lang))
        }
        Change::Unbind { exchange: from, queue, key } => {
            format!("解除队列 {queue} 与{} 的绑定“{key}”", exchange(from, lang))
        }
        other => other.to_string(),
    }
}

/// That a queue went, if the fact is that.
pub(super) fn removed(event: &QueueEvent, node: &str, what: &str, lang: Lang) -> Option<String> {
    let QueueEvent::Dropped { queue, messages } = event else { return None };
    let queue = queue_of(queue, lang);
    Some(match (messages.is_empty(), lang) {
        (true, Lang::En) => format!("{node} removes {queue}, which is empty"),
        (true, Lang::Zh) => format!("{node} 删除空的{queue}"),
        (false, Lang::En) => format!("{node} removes {queue}, and drops {what}"),
        (false, Lang::Zh) => format!("{node} 删除{queue}，连同{what} 一起丢弃"),
    })
}

fn kind_of(kind: PlainKind, lang: Lang) -> &'static str {
    let (en, zh) = match kind {
        PlainKind::Direct => ("direct", "直连"),
        PlainKind::Fanout => ("fanout", "广播"),
        PlainKind::Topic => ("topic", "主题"),
        PlainKind::Hierarchy => ("hierarchy", "层级"),
        PlainKind::Headers => ("headers", "头部"),
        PlainKind::ConsistentHash => ("consistent-hash", "一致性哈希"),
    };
    match lang {
        Lang::En => en,
        Lang::Zh => zh,
    }
}

/// Why something cannot be set where another system plays.
const OF_SYSTEM: Both = both(
    "that cannot be changed while another system plays: set it in the scenario.",
    "其他系统的场景运行中不能改这一项：请在场景文件里设置。",
);

/// Why a change was refused; nothing where it is no reason of a change.
pub(super) fn refused(why: &CommandRefused, names: &Names, lang: Lang) -> Option<String> {
    let name = |node: &NodeId| names.node(*node, lang);
    Some(match (why, lang) {
        (CommandRefused::NoSuchQueue(queue), Lang::En) => format!("There is no queue {queue}."),
        (CommandRefused::NoSuchQueue(queue), Lang::Zh) => format!("没有队列 {queue}。"),
        (CommandRefused::NoSuchTopic(topic), Lang::En) => format!("There is no topic {topic}."),
        (CommandRefused::NoSuchTopic(topic), Lang::Zh) => format!("没有主题 {topic}。"),
        (CommandRefused::NoSuchExchange(of), Lang::En) => {
            format!("There is no {} that could be changed.", exchange(of, lang))
        }
        (CommandRefused::NoSuchExchange(of), Lang::Zh) => format!("没有可以改动的{}。", exchange(of, lang)),
        (CommandRefused::IsThere(what), Lang::En) => format!("{what} is there already, or not gone yet."),
        (CommandRefused::IsThere(what), Lang::Zh) => format!("{what} 已经存在，或者还没有删完。"),
        (CommandRefused::DoesNotApply(node), Lang::En) => {
            format!("{} has nothing of that kind to change.", name(node))
        }
        (CommandRefused::DoesNotApply(node), Lang::Zh) => format!("这项设置不适用于 {}。", name(node)),
        (CommandRefused::NeedsAll(node), Lang::En) => {
            format!("{} is idempotent or transactional: it needs acks=all.", name(node))
        }
        (CommandRefused::NeedsAll(node), Lang::Zh) => {
            format!("{} 是幂等或事务生产者，必须用 acks=all。", name(node))
        }
        (CommandRefused::BadCount { given, least, most }, Lang::En) if least > most => {
            format!("{given} cannot be: it has the most already.")
        }
        (CommandRefused::BadCount { given, least, most }, Lang::Zh) if least > most => {
            format!("{given} 不行：已经到上限了。")
        }
        (CommandRefused::BadCount { given, least, most }, Lang::En) => {
            format!("{given} cannot be: use {least} to {most}.")
        }
        (CommandRefused::BadCount { given, least, most }, Lang::Zh) => {
            format!("{given} 不行：请用 {least} 到 {most}。")
        }
        (CommandRefused::IsSet(what), Lang::En) => format!("With {what} it is so already."),
        (CommandRefused::IsSet(what), Lang::Zh) => format!("{what} 已经是这样了。"),
        (CommandRefused::Apart(from, queue), Lang::En) => {
            format!("Queue {queue} and {} are on different brokers.", exchange(from, lang))
        }
        (CommandRefused::Apart(from, queue), Lang::Zh) => {
            format!("队列 {queue} 与{} 不在同一个 broker 上。", exchange(from, lang))
        }
        (CommandRefused::NotBound(from, queue), Lang::En) => {
            format!("Queue {queue} is not bound so to {}.", exchange(from, lang))
        }
        (CommandRefused::NotBound(from, queue), Lang::Zh) => {
            format!("队列 {queue} 与{} 没有这样的绑定。", exchange(from, lang))
        }
        (CommandRefused::WasRemoved(topic), Lang::En) => {
            format!(
                "A topic {topic} was removed, and its readers would take the new one for it: use another name."
            )
        }
        (CommandRefused::WasRemoved(topic), Lang::Zh) => {
            format!("主题 {topic} 删除过，原来的消费者会把新主题误认成它：请换个名字。")
        }
        (CommandRefused::StandsOn(what, node), Lang::En) => {
            format!("{what} is on {} alone: remove it first.", name(node))
        }
        (CommandRefused::StandsOn(what, node), Lang::Zh) => {
            format!("{what} 只在 {} 上：请先删掉它。", name(node))
        }
        (CommandRefused::KeepsAlone(node, partition), Lang::En) => {
            format!("Nobody but {} has all of {partition}: without it nobody could lead that.", name(node))
        }
        (CommandRefused::KeepsAlone(node, partition), Lang::Zh) => {
            format!("只有 {} 有 {partition} 的全部数据：它一走，这个分区就没有 leader 了。", name(node))
        }
        (CommandRefused::LastBroker(node), Lang::En) => format!("There is no broker but {}.", name(node)),
        (CommandRefused::LastBroker(node), Lang::Zh) => format!("除了 {} 没有别的 broker 了。", name(node)),
        (CommandRefused::NeedsEach(node), Lang::En) => {
            format!("{} works in transactions, and acknowledges each message with them.", name(node))
        }
        (CommandRefused::NeedsEach(node), Lang::Zh) => {
            format!("{} 在事务里处理消息，随事务逐条确认。", name(node))
        }
        (CommandRefused::OfSystem, lang) => OF_SYSTEM.get(lang).into(),
        (CommandRefused::Compacted(topic), Lang::En) => {
            format!("{topic} is compacted: its policy says whether it has a retention, too.")
        }
        (CommandRefused::Compacted(topic), Lang::Zh) => {
            format!("主题 {topic} 是压缩主题，能不能设保留期由它的清理策略决定。")
        }
        (CommandRefused::Unfit(why), _) => unfit(why, lang),
        _ => return of_subscription(why, names, lang),
    })
}

/// Why a subscription cannot end.
fn of_subscription(why: &CommandRefused, names: &Names, lang: Lang) -> Option<String> {
    let name = |node: &NodeId| names.node(*node, lang);
    Some(match (why, lang) {
        (CommandRefused::NoSuchSubscription(of), Lang::En) => {
            format!("There is no durable subscription {of}, or none of that client.")
        }
        (CommandRefused::NoSuchSubscription(of), Lang::Zh) => {
            format!("没有持久订阅 {of}，或者不属于这个客户端。")
        }
        (CommandRefused::IsRead(of, node), Lang::En) => {
            format!("{} reads the subscription {of}: let it leave first.", name(node))
        }
        (CommandRefused::IsRead(of, node), Lang::Zh) => {
            format!("{} 正在读订阅 {of}：请先让它退出。", name(node))
        }
        _ => return None,
    })
}

/// Why a broker would not declare something.
fn unfit<E>(why: &VhostError<E>, lang: Lang) -> String {
    match (why, lang) {
        (VhostError::Route(RouteError::Reserved(name)), Lang::En) => {
            format!("{name} is a name of the broker's own: choose another one.")
        }
        (VhostError::Route(RouteError::Reserved(name)), Lang::Zh) => {
            format!("{name} 是 broker 保留的名字：请换一个。")
        }
        (VhostError::Route(RouteError::BadWeight(key)), Lang::En) => {
            format!("The key of such a binding is a weight, a whole number from 1: “{key}” is none.")
        }
        (VhostError::Route(RouteError::BadWeight(key)), Lang::Zh) => {
            format!("这种交换机的绑定键是权重，要从 1 起的整数：“{key}”不行。")
        }
        (VhostError::Route(RouteError::TooManyBuckets), Lang::En) => {
            "All weights together are too many: use smaller ones.".into()
        }
        (VhostError::Route(RouteError::TooManyBuckets), Lang::Zh) => "权重总和太大：请用小一些的。".into(),
        (VhostError::Route(RouteError::TooManyWildcards(count)), Lang::En) => {
            format!("A key with {count} words # is too costly: use fewer.")
        }
        (VhostError::Route(RouteError::TooManyWildcards(count)), Lang::Zh) => {
            format!("绑定键里有 {count} 个 #，太多了：请少用几个。")
        }
        (VhostError::Route(RouteError::KeyTooLong(bytes)), Lang::En) => {
            format!("The key has {bytes} bytes, which is too long.")
        }
        (VhostError::Route(RouteError::KeyTooLong(bytes)), Lang::Zh) => {
            format!("绑定键有 {bytes} 字节，太长了。")
        }
        (why, Lang::En) => format!("The broker would refuse that: {}.", refusal(Refusal::from(why), lang)),
        (why, Lang::Zh) => format!("broker 会拒绝：{}。", refusal(Refusal::from(why), lang)),
    }
}

#[cfg(test)]
mod tests {
    use mqlab_core::ids::{Name, PartitionId};

    use super::*;

    /// One of each kind, as a person writes them.
    const TEXTS: [&str; 40] = [
        "every producer-1 5",
        "acks producer-1 0",
        "acks producer-1 1",
        "acks producer-1 all",
        "work consumer-1 20",
        "prefetch consumer-1 0",
        "prefetch consumer-1 10",
        "join consumer-1",
        "join broker-1",
        "leave consumer-1",
        "partitions orders 6",
        "min-in-sync orders 2",
        "retention-time orders 500",
        "retention-time orders none",
        "retention-bytes orders 65536",
        "retention-bytes orders none",
        "topic bills partitions 3 replicas 2",
        "queue hello on broker-1",
        "drop-queue hello",
        "drop-subscription audit",
        "drop-subscription audit shop",
        "ttl hello 100",
        "ttl hello none",
        "length hello 50",
        "length hello none",
        "exchange news fanout on broker-1",
        "drop-exchange news",
        "bind news hello",
        "bind news hello a.*",
        "unbind news hello",
        "unbind news hello a.*",
        "drop-topic orders",
        "leave broker-1",
        "ack consumer-1 each",
        "ack consumer-1 every 10",
        "ack consumer-1 before",
        "ack consumer-1 automatic",
        "every consumer-1 10",
        "every user-1 5",
        "work service-1 20",
    ];

    #[test]
    fn every_change_has_words_of_its_own_in_both_languages() {
        let mut kinds = std::collections::BTreeSet::new();
        for text in TEXTS {
            let change: Change = text.parse().expect("a change");
            kinds.insert(text.split(' ').next());
            for lang in [Lang::En, Lang::Zh] {
                let words = wish(&change, &Names::default(), lang);
                assert!(!words.contains(&change.to_string()), "{words}");
                let is_zh = words.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
                assert_eq!(is_zh, lang == Lang::Zh, "{words}");
            }
        }
        let source = include_str!("../../../core/src/observe/change.rs");
        let body = source.split("pub enum Change {").nth(1).and_then(|rest| rest.split("\n}").next());
        let variants = body.expect("they are written there").lines().filter(|line| {
            line.strip_prefix("    ").is_some_and(|line| line.starts_with(char::is_uppercase))
        });
        assert_eq!(kinds.len(), variants.count(), "each kind is in the list");
    }

    #[test]
    fn every_refusal_of_a_change_has_words_in_both_languages() {
        let (name, exchange) = (Name::new("news").expect("a name"), "news".parse().expect("a name"));
        let node = NodeId::Consumer(1);
        let refusals = [
            CommandRefused::NoSuchQueue(name.clone()),
            CommandRefused::NoSuchSubscription(name.clone()),
            CommandRefused::IsRead(name.clone(), node),
            CommandRefused::NoSuchTopic(name.clone()),
            CommandRefused::NoSuchExchange(exchange),
            CommandRefused::IsThere(name.clone().into()),
            CommandRefused::DoesNotApply(node),
            CommandRefused::NeedsAll(node),
            CommandRefused::BadCount { given: 9, least: 1, most: 3 },
            CommandRefused::BadCount { given: 9, least: 9, most: 8 },
            CommandRefused::IsSet(name.clone()),
            CommandRefused::Apart(name.clone().into(), name.clone()),
            CommandRefused::NotBound(name.clone().into(), name.clone()),
            CommandRefused::WasRemoved(name.clone()),
            CommandRefused::StandsOn(name.clone().into(), node),
            CommandRefused::KeepsAlone(node, PartitionId { topic: name.clone(), index: 0 }),
            CommandRefused::LastBroker(node),
            CommandRefused::NeedsEach(node),
            CommandRefused::Compacted(name.clone()),
            CommandRefused::OfSystem,
            CommandRefused::Unfit(VhostError::Route(RouteError::Reserved(name.clone().into()))),
            CommandRefused::Unfit(VhostError::Route(RouteError::TooManyBuckets)),
            CommandRefused::Unfit(VhostError::Route(RouteError::TooManyWildcards(9))),
            CommandRefused::Unfit(VhostError::Route(RouteError::KeyTooLong(999))),
            CommandRefused::Unfit(VhostError::Route(RouteError::DefaultExchange)),
            CommandRefused::Unfit(VhostError::Different(name)),
        ];
        for why in refusals {
            let en = refused(&why, &Names::default(), Lang::En).expect("it has words");
            let zh = refused(&why, &Names::default(), Lang::Zh).expect("it has words");
            assert!(en.is_ascii() && !zh.is_ascii() && zh.ends_with('。'), "{en} {zh}");
        }
    }
}
