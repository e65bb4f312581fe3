//! The words on a broker's card: exchanges, a queue's figures, what died, and who must wait.

use mqlab_core::ids::{Name, NodeId};
use mqlab_core::message::{DeathReason, Value};
use mqlab_core::queue::{DeadLetter, Overflow};
use mqlab_core::routing::{Binding, ExchangeKind, ExchangeName, RESERVED_PREFIX};
use mqlab_core::sim::SystemName;
use mqlab_core::sim::picture::{BrokerView, ConsumerView, ExchangeView, HeldUp, QueueView, Role};
use mqlab_core::vhost::Alarm;

use super::sentence::place;
use super::{Both, Lang, both, row, stage};

/// Of a queue that is not there (yet, or any more).
pub const ABSENT: Both = both("not there", "不存在");
/// Of a broker that was not told yet what to keep.
pub const UNTOLD: Both = both("does not know yet what to keep", "还不知道要保存什么");

/// Of a node of ActiveMQ that serves nobody: the store, while a master has its lock, or a broker without it.
pub fn idle(node: NodeId) -> Both {
    match node {
        NodeId::Store => both("the master has the lock", "锁在 master 手里"),
        _ => both("slave: waits for the lock", "slave：等待锁"),
    }
}

/// What a broker is to a queue that several of them have.
pub fn role(role: Role, lang: Lang) -> String {
    match (role, lang) {
        (Role::Queue | Role::Down | Role::Owner { .. } | Role::Keeper { .. }, _) => String::new(),
        (Role::Leader { epoch }, Lang::En) => format!("leader, term {epoch}"),
        (Role::Leader { epoch }, Lang::Zh) => format!("leader，任期 {epoch}"),
        (Role::Follower { in_sync: true }, _) => "follower".into(),
        (Role::Follower { in_sync: false }, Lang::En) => "no leader".into(),
        (Role::Follower { in_sync: false }, Lang::Zh) => "没有 leader".into(),
    }
}

/// An exchange's name; the default one has none.
pub fn exchange(name: &ExchangeName, lang: Lang) -> String {
    match (name.as_str(), lang) {
        ("", Lang::En) => "default".into(),
        ("", Lang::Zh) => "默认".into(),
        (name, _) => name.into(),
    }
}

/// What the queue of a subscription is called after: the subscription's name, or its number, and its client if it has
/// one. The broker itself names these queues: `amq.sub.4.shop.orders`, `amq.sub-1`.
pub(super) fn subscription(queue: &Name) -> Option<(String, Option<String>)> {
    let rest = queue.as_str().strip_prefix(RESERVED_PREFIX)?.strip_prefix("sub")?;
    if let Some(number) = rest.strip_prefix('-') {
        return Some((number.into(), None));
    }
    let (bytes, rest) = rest.strip_prefix('.')?.split_once('.')?;
    let (client, name) = rest.split_at_checked(bytes.parse().ok()?)?;
    let name = name.strip_prefix('.')?;
    // Who calls a subscription after itself is named once.
    Some((name.into(), (!client.is_empty() && client != name).then(|| client.into())))
}

/// A durable subscription that is named by its name and its client.
pub(super) fn durable(name: &Name, client: Option<&Name>, lang: Lang) -> String {
    match (client.filter(|client| *client != name), lang) {
        (None, Lang::En) => format!("durable subscription {name}"),
        (None, Lang::Zh) => format!("持久订阅 {name}"),
        (Some(client), Lang::En) => format!("durable subscription {name} of {client}"),
        (Some(client), Lang::Zh) => format!(" {client} 的持久订阅 {name}"),
    }
}

/// A queue's name, as it is drawn.
pub fn queue(name: &Name, lang: Lang) -> String {
    match (subscription(name), lang) {
        (None, _) => name.to_string(),
        (Some((name, None)), Lang::En) => format!("subscription {name}"),
        (Some((name, None)), Lang::Zh) => format!("订阅 {name}"),
        (Some((name, Some(client))), Lang::En) => format!("subscription {name} of {client}"),
        (Some((name, Some(client))), Lang::Zh) => format!("{client} 的订阅 {name}"),
    }
}

/// How an exchange routes, and where the rest goes.
pub fn kind(view: &ExchangeView, lang: Lang) -> String {
    let kind = match view.kind {
        ExchangeKind::Direct => both("direct", "直连"),
        ExchangeKind::Fanout => both("fanout", "广播"),
        ExchangeKind::Topic => both("topic", "主题"),
        ExchangeKind::Hierarchy => both("hierarchy", "层级"),
        ExchangeKind::Headers => both("headers", "消息头"),
        ExchangeKind::ConsistentHash { .. } => both("consistent hash", "一致性哈希"),
        ExchangeKind::System => both("system", "系统"),
        _ => both("exchange", "交换机"),
    };
    match (&view.alternate, lang) {
        (None, _) => kind.get(lang).into(),
        (Some(other), Lang::En) => format!("{}, else to {}", kind.en, exchange(other, lang)),
        (Some(other), Lang::Zh) => format!("{}，不匹配的去 {}", kind.zh, exchange(other, lang)),
    }
}

/// What a binding asks of messages: its key, or the headers that it compares, without the word that only says how.
pub fn condition(binding: &Binding) -> String {
    if !binding.key.is_empty() || binding.arguments.is_empty() {
        return (*binding.key).into();
    }
    let wanted = binding.arguments.iter().filter(|(name, _)| !name.starts_with("x-"));
    let wanted = wanted.map(|(name, value)| match value {
        Value::Text(text) => format!("{name}={text}"),
        value => format!("{name}={value}"),
    });
    wanted.collect::<Vec<_>>().join(", ")
}

/// How large a share of the keys a binding of an exchange that hashes asks for.
pub fn weight(binding: &Binding, lang: Lang) -> String {
    match lang {
        Lang::En => format!("weight {}", binding.key),
        Lang::Zh => format!("权重 {}", binding.key),
    }
}

/// How much is in a queue, and whether it is full: then also what that means.
pub fn figures(queue: &QueueView, short: bool, lang: Lang) -> (String, bool) {
    let ready = match (queue.length_max, short, lang) {
        (Some(most), true, Lang::En) => format!("{}/{most} ready", queue.ready),
        (Some(most), false, Lang::En) => format!("{} of {most} ready", queue.ready),
        (None, _, Lang::En) => format!("{} ready", queue.ready),
        (Some(most), _, Lang::Zh) => format!("待投递 {}/{most}", queue.ready),
        (None, true, Lang::Zh) => format!("待投递 {}", queue.ready),
        (None, false, Lang::Zh) => format!("{} 条待投递", queue.ready),
    };
    let mut parts = vec![ready];
    if queue.waiting > 0 {
        parts.push(match (short, lang) {
            (true, Lang::En) => format!("{} later", queue.waiting),
            (false, Lang::En) => format!("{} wait for their time", queue.waiting),
            (true, Lang::Zh) => format!("延后 {}", queue.waiting),
            (false, Lang::Zh) => format!("{} 条还没到时候", queue.waiting),
        });
    }
    if queue.unacked > 0 || !short {
        parts.push(match (short, lang) {
            (true, Lang::En) => format!("{} out", queue.unacked),
            (false, Lang::En) => format!("{} with consumers", queue.unacked),
            (true, Lang::Zh) => format!("未确认 {}", queue.unacked),
            (false, Lang::Zh) => format!("{} 条在消费者手里", queue.unacked),
        });
    }
    if queue.full {
        let means = match queue.overflow {
            Overflow::DropHead => both("full: the oldest go", "已满：丢最旧的"),
            Overflow::RejectPublish | Overflow::RejectPublishDeadLetter => {
                both("full: refuses more", "已满：拒收")
            }
            Overflow::Block => both("full: senders wait", "已满：发送方等待"),
        };
        parts.insert(0, if short { both("full", "已满") } else { means }.get(lang).into());
    }
    let between = match lang {
        Lang::En => ", ",
        Lang::Zh => "，",
    };
    (parts.join(between), queue.full)
}

/// Why a message died, in a few words.
pub fn death(reason: DeathReason, lang: Lang) -> &'static str {
    let words = match reason {
        DeathReason::Rejected => both("refused", "被拒绝"),
        DeathReason::Expired => both("expired", "过期"),
        DeathReason::MaxLength => both("had no room", "队列已满"),
        DeathReason::DeliveryLimit => both("came back too often", "退回次数过多"),
        _ => both("died", "死亡"),
    };
    words.get(lang)
}

/// What died in a queue and why, and where dead letters go; and whether anything died.
pub fn deaths(queue: &QueueView, lang: Lang) -> (String, bool) {
    let counts = |separate: fn(u64, &str) -> String| {
        queue.died.iter().map(|(reason, count)| separate(*count, death(*reason, lang))).collect::<Vec<_>>()
    };
    let to = queue.dead_letter.as_ref().map(|letter| target(letter, lang));
    let harm = !queue.died.is_empty();
    let died = match lang {
        Lang::En => format!("died: {}", counts(|count, why| format!("{count} {why}")).join(", ")),
        Lang::Zh => format!("死信：{}", counts(|count, why| format!("{why} {count}")).join("、")),
    };
    let text = match (harm, to, lang) {
        (false, None, _) => String::new(),
        (false, Some(to), Lang::En) => format!("dead letters go to {to}"),
        (false, Some(to), Lang::Zh) => format!("死信去 {to}"),
        (true, None, _) => died,
        (true, Some(to), _) => format!("{died} → {to}"),
    };
    (text, harm)
}

fn target(letter: &DeadLetter, lang: Lang) -> String {
    let own = both("the queue of their key", "各自 key 的队列").get(lang);
    match (letter.exchange.as_str(), letter.routing_key.as_deref()) {
        ("", key) => key.unwrap_or(own).into(),
        (exchange, None) => exchange.into(),
        (exchange, Some(key)) => format!("{exchange}, {key}"),
    }
}

/// Beside a broker's title: its alarms, or what it leads, or what died in its only queue; and whether that is harm. With
/// `named` the only queue is named, because there are others elsewhere.
pub fn beside(
    broker: &BrokerView,
    (alone, named): (bool, bool),
    system: Option<SystemName>,
    lang: Lang,
) -> (String, bool) {
    let only = broker.strips.first().filter(|_| alone);
    let (words, harm) = match only.and_then(|strip| strip.queue.as_ref()) {
        _ if broker.alarms.is_empty() && broker.mailbox > 0 => (mailbox(broker.mailbox, lang), false),
        _ if !broker.alarms.is_empty() => {
            let names: Vec<String> = broker.alarms.iter().map(|on| alarm(*on).get(lang).into()).collect();
            (row(&names, lang), true)
        }
        Some(queue) => deaths(queue, lang),
        None if super::pulsar::keeps_ledgers(broker.node, system) => {
            (super::pulsar::ledgers(broker, lang), false)
        }
        None => (stage::duties(&broker.strips, system, lang), false),
    };
    let name = only.filter(|_| named).map(|strip| place(&strip.place, lang));
    match name {
        Some(name) if words.is_empty() => (name, harm),
        Some(name) => (format!("{name} · {words}"), harm),
        None => (words, harm),
    }
}

/// What a broker has read, and no queue has taken in.
fn mailbox(messages: u64, lang: Lang) -> String {
    match lang {
        Lang::En => format!("mailbox: {messages}"),
        Lang::Zh => format!("信箱：{messages} 条"),
    }
}

fn alarm(alarm: Alarm) -> Both {
    match alarm {
        Alarm::Memory => both("memory alarm: senders wait", "内存告警：发送方等待"),
        Alarm::Disk => both("disk alarm: senders wait", "磁盘告警：发送方等待"),
        _ => both("alarm: senders wait", "告警：发送方等待"),
    }
}

/// Why a producer sends nothing though it would.
pub fn held_up(why: HeldUp, lang: Lang) -> &'static str {
    match why {
        HeldUp::Alarm => both("waits: alarm", "等待：有告警"),
        HeldUp::Full => both("waits: queue full", "等待：队列已满"),
        HeldUp::Flow => both("in flow: not read", "流控（flow）：暂不读取"),
    }
    .get(lang)
}

/// How much a consumer has done, and how much of its memory is taken; and whether little is left.
pub fn done(consumer: &ConsumerView, lang: Lang) -> (String, bool) {
    let done = stage::done(consumer.processed, lang);
    let (held, most) = (consumer.held, consumer.memory_max);
    let text = match (most, lang) {
        (0, _) => return (done, false),
        (_, Lang::En) => format!("{done}, holds {held}/{most}"),
        (_, Lang::Zh) => format!("{done}，内存 {held}/{most}"),
    };
    (text, held * 4 >= most * 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue() -> QueueView {
        QueueView {
            ready: 9,
            waiting: 0,
            unacked: 2,
            length_max: Some(9),
            bytes_max: None,
            full: true,
            overflow: Overflow::Block,
            priority_max: 0,
            dead_letter: Some(DeadLetter { exchange: String::new(), routing_key: Some("graves".into()) }),
            died: Vec::new(),
            readers: Vec::new(),
            active: None,
        }
    }

    #[test]
    fn the_queue_of_a_subscription_is_called_after_it() {
        for (queue, en, zh) in [
            ("orders", "orders", "orders"),
            ("amq.sub-1", "subscription 1", "订阅 1"),
            ("amq.sub.0..office", "subscription office", "订阅 office"),
            ("amq.sub.4.shop.or.ders", "subscription or.ders of shop", "shop 的订阅 or.ders"),
            ("amq.sub.5.loyal.loyal", "subscription loyal", "订阅 loyal"),
            ("amq.sub.9.shop.orders", "amq.sub.9.shop.orders", "amq.sub.9.shop.orders"),
        ] {
            let name = Name::new(queue).expect("a legal name");
            assert_eq!((&*super::queue(&name, Lang::En), &*super::queue(&name, Lang::Zh)), (en, zh));
        }
    }

    #[test]
    fn a_full_queue_says_so_in_words() {
        let (full, calm) = (queue(), QueueView { full: false, waiting: 3, ..queue() });
        for (view, short, en, zh) in [
            (
                &full,
                false,
                "full: senders wait, 9 of 9 ready, 2 with consumers",
                "已满：发送方等待，待投递 9/9，2 条在消费者手里",
            ),
            (&full, true, "full, 9/9 ready, 2 out", "已满，待投递 9/9，未确认 2"),
            (&calm, true, "9/9 ready, 3 later, 2 out", "待投递 9/9，延后 3，未确认 2"),
        ] {
            assert_eq!(figures(view, short, Lang::En), (en.into(), view.full));
            assert_eq!(figures(view, short, Lang::Zh), (zh.into(), view.full));
        }
    }

    #[test]
    fn deaths_are_counted_by_reason() {
        assert_eq!(deaths(&queue(), Lang::En), ("dead letters go to graves".into(), false));
        let died = vec![(DeathReason::Expired, 3), (DeathReason::Rejected, 1)];
        let view = QueueView { died, ..queue() };
        assert_eq!(deaths(&view, Lang::En), ("died: 3 expired, 1 refused → graves".into(), true));
        assert_eq!(deaths(&view, Lang::Zh), ("死信：过期 3、被拒绝 1 → graves".into(), true));
    }
}
