//! The words of Pulsar: owners, ledgers and bookies, subscriptions, and who is shut out.

use mqlab_core::ids::{Name, NodeId};
use mqlab_core::observe::PulsarEvent;
use mqlab_core::sim::SystemName;
use mqlab_core::sim::picture::{BrokerView, Picture, Role};

use super::sentence::{Names, Tone};
use super::stage::counted;
use super::{Both, Lang, both, lasting, pulsar_compaction, pulsar_recovery};

/// The node that knows who owns what.
pub(crate) const STORE: Both = both("metadata store", "元数据存储");

/// A metadata store, where each cluster has one.
pub(crate) fn store_of(cluster: &Name, lang: Lang) -> String {
    match lang {
        Lang::En => format!("{cluster}'s store"),
        Lang::Zh => format!("{cluster} 的存储"),
    }
}

/// The node that keeps what is old.
pub(crate) const OBJECTS: Both = both("object store", "对象存储");

/// Whether it is Pulsar that plays.
pub(crate) fn plays(picture: &Picture) -> bool {
    picture.brokers.iter().any(|view| matches!(view.node, NodeId::Bookie(_)))
}

/// A bookie's title.
pub(crate) fn bookie(number: u16, lang: Lang) -> String {
    match lang {
        Lang::En => format!("bookie {number}"),
        Lang::Zh => format!("Bookie {number}"),
    }
}

/// Whether a node keeps ledgers: a bookie, or the store for old ones.
pub(super) fn keeps_ledgers(node: NodeId, system: Option<SystemName>) -> bool {
    matches!(node, NodeId::Bookie(_)) || node == NodeId::Store && system == Some(SystemName::Pulsar)
}

/// What a bookie keeps, beside its title.
pub(super) fn ledgers(bookie: &BrokerView, lang: Lang) -> String {
    let (all, fenced) = (bookie.strips.len(), Role::Keeper { fenced: true });
    let fenced = bookie.strips.iter().filter(|strip| strip.role == fenced).count();
    match (all, lang) {
        (0, Lang::En) => "keeps nothing".into(),
        (0, Lang::Zh) => "没有数据".into(),
        (_, Lang::En) if fenced == 0 => counted(all, "ledger"),
        (_, Lang::En) => format!("{}, {fenced} fenced", counted(all, "ledger")),
        (_, Lang::Zh) if fenced == 0 => format!("{all} 个 ledger"),
        (_, Lang::Zh) => format!("{all} 个 ledger，{fenced} 个已 fence"),
    }
}

/// A subscription's cursor moves.
pub(super) fn settled(subscription: &Name, node: &str, what: &str, by: &str, lang: Lang) -> String {
    match lang {
        Lang::En => format!("{node} notes for subscription {subscription} that {by} is done with {what}"),
        Lang::Zh => format!("{by} 已处理完：{node} 在订阅 {subscription} 的游标里记下{what}"),
    }
}

pub(super) fn english(event: &PulsarEvent, node: &str, what: &str, names: &Names) -> String {
    let all = |nodes: &[_]| names.nodes(nodes, Lang::En);
    let who = |other: &_| names.node(*other, Lang::En);
    match event {
        PulsarEvent::Owns { partition } => format!("{node} owns {partition} from now on"),
        PulsarEvent::Opened { partition, entries } => {
            format!("{node} has opened {partition}, with {entries} entries, and serves it")
        }
        PulsarEvent::LetGo { partition } => {
            format!("{node} lets {partition} go: it is another's, or may be")
        }
        PulsarEvent::Recovers { partition, ledger } => {
            format!("{node} ends ledger {ledger} of {partition}, which its last owner left open")
        }
        PulsarEvent::ShutOut { partition, ledger } => {
            format!("{node} is shut out of ledger {ledger}: another broker owns {partition} now")
        }
        PulsarEvent::LedgerBegan { partition, ledger, bookies } => {
            format!("{node} begins ledger {ledger} of {partition} on {}", all(bookies))
        }
        PulsarEvent::LedgerChanged { ledger, first, bookies } => {
            format!(
                "{node} writes ledger {ledger} to {} from entry {first} on; what came before stays where it is",
                all(bookies)
            )
        }
        PulsarEvent::LedgerClosed { partition, ledger, entries } => {
            format!("{node} closes ledger {ledger} of {partition} for ever, with {entries} entries")
        }
        PulsarEvent::LedgerDropped { partition, ledger } => {
            format!("{node} drops ledger {ledger} of {partition}: nobody needs it any more")
        }
        PulsarEvent::Added { ledger, entry, bookies, .. } => {
            format!("{node} gives {what} to {} as entry {entry} of ledger {ledger}", all(bookies))
        }
        PulsarEvent::Fenced { ledger, by } => {
            format!("{node} fences ledger {ledger}, as {} asks: its writer is shut out", who(by))
        }
        PulsarEvent::FencedOff { ledger, writer, .. } => {
            format!("{node} refuses {what} of {}: ledger {ledger} is fenced", who(writer))
        }
        PulsarEvent::SessionOver { node: silent } => {
            format!("{node} has not heard {} for a session: what it owned is free", who(silent))
        }
        PulsarEvent::Subscribed { partition, subscription, consumer } => {
            format!("{node} takes {} into subscription {subscription} of {partition}", who(consumer))
        }
        PulsarEvent::Busy { partition, subscription, consumer } => {
            format!("{node} refuses {} a place in subscription {subscription} of {partition}", who(consumer))
        }
        PulsarEvent::Active { partition, subscription, consumer } => {
            format!(
                "{node} makes {} the active one of subscription {subscription} of {partition}",
                who(consumer)
            )
        }
        PulsarEvent::KeyWaits { subscription, .. } => {
            format!("{node} holds {what} back in subscription {subscription}: who has its key is not ready")
        }
        PulsarEvent::Expired { subscription, .. } => {
            format!("{node} lets {what} expire in subscription {subscription}: it counts as acknowledged")
        }
        PulsarEvent::Evicted { subscription, .. } => {
            format!(
                "{node} takes {what} from the backlog of subscription {subscription}: it is over its quota"
            )
        }
        PulsarEvent::Quota { partition, over: true } => {
            format!("{node} finds {partition} over its backlog quota")
        }
        PulsarEvent::Quota { partition, .. } => {
            format!("{node} finds room in the backlog of {partition} again")
        }
        PulsarEvent::AckOverdue { .. } => format!("{node} asks for {what} again: not acknowledged in time"),
        PulsarEvent::Later { to, times, delay, .. } => {
            let delay = lasting(*delay, Lang::En);
            format!("{node} wants {what} again in {delay}, by way of {to}; time {times}")
        }
        PulsarEvent::Buried { to, .. } => format!("{node} has put {what} among the dead letters, in {to}"),
        PulsarEvent::Delayed { subscription, until, .. } => {
            format!(
                "{node} keeps {what} from subscription {subscription} until {until} ms, as its sender wants"
            )
        }
        PulsarEvent::Known { .. } => format!("{node} has {what} already, and does not store it twice"),
        PulsarEvent::Missed { subscription, .. } => {
            format!("{node} has nobody ready for {what} in subscription {subscription}, and keeps nothing")
        }
        other => english_elsewhere(other, node, what, names),
    }
}

/// Of what is not only here: what was sent before, what another cluster has, and what an object store has.
fn english_elsewhere(event: &PulsarEvent, node: &str, what: &str, names: &Names) -> String {
    match event {
        PulsarEvent::Outdated { subscription, epoch, .. } => {
            format!(
                "{node} drops {what}: it was sent before subscription {subscription} asked for everything again, epoch \
                 {epoch}, and comes once more in its turn"
            )
        }
        PulsarEvent::Offloaded { partition, ledger, entries, to } => {
            let to = names.node(*to, Lang::En);
            format!(
                "{node} has copied ledger {ledger} of {partition}, {entries} entries, to {to}: it is read there now"
            )
        }
        PulsarEvent::LeftBookies { partition, ledger } => {
            format!("{node} lets bookies delete ledger {ledger} of {partition}: the object store has it")
        }
        PulsarEvent::Moved { ledger, .. } => {
            format!("{node} deletes its entries of ledger {ledger}: the object store has them")
        }
        PulsarEvent::Compaction(event) => pulsar_compaction::english(event, node, what, names),
        PulsarEvent::Recovery(event) => pulsar_recovery::english(event, node, names),
        PulsarEvent::TooLarge { there, .. } => {
            format!(
                "{node} cannot send {what} to cluster {there}: with the header that says where it comes from it is too large"
            )
        }
        PulsarEvent::Replicated { there, .. } => {
            format!("{node} hears that {what} is stored in cluster {there}, too")
        }
        other => format!("{node}: {other}"),
    }
}

pub(super) fn chinese(event: &PulsarEvent, node: &str, what: &str, names: &Names) -> String {
    let all = |nodes: &[_]| names.nodes(nodes, Lang::Zh);
    let who = |other: &_| names.node(*other, Lang::Zh);
    let of = |name: &Name| format!("订阅 {name} ");
    match event {
        PulsarEvent::Owns { partition } => format!("{node} 从此拥有分区 {partition}"),
        PulsarEvent::Opened { partition, entries } => {
            format!("{node} 打开分区 {partition}，共 {entries} 个 entry，开始服务")
        }
        PulsarEvent::LetGo { partition } => format!("{node} 放开分区 {partition}：它已经或可能归别人"),
        PulsarEvent::Recovers { partition, ledger } => {
            format!("{node} 收尾 ledger {ledger}：分区 {partition} 的上一个拥有者没有关闭它")
        }
        PulsarEvent::ShutOut { partition, ledger } => {
            format!("{node} 被挡在 ledger {ledger} 之外：分区 {partition} 已归另一个 Broker")
        }
        PulsarEvent::LedgerBegan { partition, ledger, bookies } => {
            format!("{node} 为分区 {partition} 新开 ledger {ledger}，放在 {}", all(bookies))
        }
        PulsarEvent::LedgerChanged { ledger, first, bookies } => {
            format!("{node} 从 entry {first} 起把 ledger {ledger} 写到 {}；之前的留在原处", all(bookies))
        }
        PulsarEvent::LedgerClosed { partition, ledger, entries } => {
            format!("{node} 永久关闭分区 {partition} 的 ledger {ledger}，共 {entries} 个 entry")
        }
        PulsarEvent::LedgerDropped { partition, ledger } => {
            format!("{node} 删除分区 {partition} 的 ledger {ledger}：已经没人需要")
        }
        PulsarEvent::Added { ledger, entry, bookies, .. } => {
            format!("{node} 把{what} 交给 {}，作为 ledger {ledger} 的 entry {entry}", all(bookies))
        }
        PulsarEvent::Fenced { ledger, by } => {
            format!("{node} 应 {} 之请 fence 了 ledger {ledger}：原来的写入者被挡在外面", who(by))
        }
        PulsarEvent::FencedOff { ledger, writer, .. } => {
            format!("{node} 拒收 {} 的{what}：ledger {ledger} 已被 fence", who(writer))
        }
        PulsarEvent::SessionOver { node: silent } => {
            format!("{node} 整个会话期没听到 {} 的消息：它拥有的主题可以易主", who(silent))
        }
        PulsarEvent::Subscribed { partition, subscription, consumer } => {
            format!("{node} 让 {} 加入分区 {partition} 的{}", who(consumer), of(subscription).trim_end())
        }
        PulsarEvent::Busy { partition, subscription, consumer } => {
            format!("{node} 拒绝 {} 加入分区 {partition} 的{}", who(consumer), of(subscription).trim_end())
        }
        PulsarEvent::Active { partition, subscription, consumer } => {
            format!("{node} 在分区 {partition} 的{}里让 {} 成为活跃消费者", of(subscription), who(consumer))
        }
        PulsarEvent::KeyWaits { subscription, .. } => {
            format!("{node} 在{}里暂缓{what}：负责这个键的消费者还没准备好", of(subscription))
        }
        PulsarEvent::Expired { subscription, .. } => {
            format!("{node} 让{}里的{what} 过期，视同已确认", of(subscription))
        }
        PulsarEvent::Evicted { subscription, .. } => {
            format!("{node} 把{what} 从{}的积压中剔除：超出配额", of(subscription))
        }
        PulsarEvent::Quota { partition, over: true } => format!("{node} 发现分区 {partition} 的积压超出配额"),
        PulsarEvent::Quota { partition, .. } => format!("{node} 发现分区 {partition} 的积压又有余量"),
        PulsarEvent::AckOverdue { .. } => format!("{node} 要求重投{what}：确认超时"),
        PulsarEvent::Later { to, times, delay, .. } => {
            let delay = lasting(*delay, Lang::Zh);
            format!("{node} 想在 {delay} 后再处理{what}，经由重试主题 {to}，第 {times} 次")
        }
        PulsarEvent::Buried { to, .. } => format!("{node} 把{what} 放进死信主题 {to}"),
        PulsarEvent::Delayed { subscription, until, .. } => {
            format!("{node} 按发送者的要求，到 {until} 毫秒才向{}投递{what}", of(subscription))
        }
        PulsarEvent::Known { .. } => format!("{node} 已经有{what}，不再存第二份"),
        PulsarEvent::Missed { subscription, .. } => {
            format!("{node} 在{}里没有人能立刻接收{what}，也不保存", of(subscription))
        }
        other => chinese_elsewhere(other, node, what, names),
    }
}

fn chinese_elsewhere(event: &PulsarEvent, node: &str, what: &str, names: &Names) -> String {
    match event {
        PulsarEvent::Outdated { subscription, epoch, .. } => {
            format!(
                "{node} 丢弃{what}：它在订阅 {subscription} 要求全部重投（epoch {epoch}）之前发出，会按顺序再来一次"
            )
        }
        PulsarEvent::Offloaded { partition, ledger, entries, to } => {
            format!(
                "{node} 已把分区 {partition} 的 ledger {ledger}（{entries} 个 entry）复制到{}，从此到那里读",
                names.node(*to, Lang::Zh)
            )
        }
        PulsarEvent::LeftBookies { partition, ledger } => {
            format!("{node} 让 Bookie 删除分区 {partition} 的 ledger {ledger}：对象存储里已有")
        }
        PulsarEvent::Moved { ledger, .. } => {
            format!("{node} 删除自己的 ledger {ledger} 的 entry：对象存储里已有")
        }
        PulsarEvent::Compaction(event) => pulsar_compaction::chinese(event, node, what, names),
        PulsarEvent::Recovery(event) => pulsar_recovery::chinese(event, node, names),
        PulsarEvent::TooLarge { there, .. } => {
            format!("{node} 无法把{what} 发往集群 {there}：加上来源标头就太大了")
        }
        PulsarEvent::Replicated { there, .. } => format!("{node} 得知{what} 也已存入集群 {there}"),
        other => format!("{node}：{other}"),
    }
}

pub(super) fn tone(event: &PulsarEvent) -> Tone {
    match event {
        PulsarEvent::Compaction(event) => pulsar_compaction::tone(event),
        PulsarEvent::Recovery(event) => pulsar_recovery::tone(event),
        PulsarEvent::ShutOut { .. }
        | PulsarEvent::FencedOff { .. }
        | PulsarEvent::Expired { .. }
        | PulsarEvent::Evicted { .. }
        | PulsarEvent::Missed { .. }
        | PulsarEvent::TooLarge { .. }
        | PulsarEvent::Busy { .. } => Tone::Harm,
        PulsarEvent::AckOverdue { .. }
        | PulsarEvent::Later { .. }
        | PulsarEvent::Buried { .. }
        | PulsarEvent::Outdated { .. } => Tone::Again,
        PulsarEvent::Owns { .. }
        | PulsarEvent::LetGo { .. }
        | PulsarEvent::Recovers { .. }
        | PulsarEvent::LedgerBegan { .. }
        | PulsarEvent::LedgerChanged { .. }
        | PulsarEvent::LedgerClosed { .. }
        | PulsarEvent::Fenced { .. }
        | PulsarEvent::SessionOver { .. }
        | PulsarEvent::Offloaded { .. }
        | PulsarEvent::Active { .. }
        | PulsarEvent::Quota { over: true, .. } => Tone::Turn,
        PulsarEvent::Opened { .. } | PulsarEvent::Quota { .. } => Tone::Back,
        PulsarEvent::Known { .. } | PulsarEvent::Replicated { .. } => Tone::Good,
        _ => Tone::Plain,
    }
}
