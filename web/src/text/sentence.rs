//! What happened, as one plain sentence.

use mqlab_core::ids::{MessageId, NodeId, Offset};
use mqlab_core::observe::{Event, Place, Refusal, Stamped};

pub use super::names::Names;
use super::{
    Lang, activemq, callers, changes, cluster, faults, membership, producers, pulls, pulsar, queues, rabbits,
    rocketmq, row, shares, spaced, txns,
};

/// How many messages a sentence names before it counts them.
const NAMED_MAX: usize = 4;

/// What a sentence calls the messages it is about.
#[derive(Clone, Copy)]
enum Subject {
    /// By number.
    Named,
    /// "it": the reader has one message in mind.
    It(MessageId),
}

impl Subject {
    fn words(self, messages: &[MessageId], lang: Lang) -> String {
        let (subject, numbers) = (self, || messages.iter().map(|id| id.0.to_string()).collect::<Vec<_>>());
        if let Self::It(_) = subject {
            return match lang {
                Lang::En => "it".into(),
                Lang::Zh => "它".into(),
            };
        }
        match (lang, messages) {
            (Lang::En, []) => "nothing".into(),
            (Lang::Zh, []) => "空内容".into(),
            (Lang::En, [one]) => format!("message {}", one.0),
            (Lang::Zh, [one]) => format!("消息 {}", one.0),
            (Lang::En, few) if few.len() <= NAMED_MAX => format!("messages {}", row(&numbers(), lang)),
            (Lang::Zh, few) if few.len() <= NAMED_MAX => format!("消息 {}", row(&numbers(), lang)),
            (Lang::En, [first, .., last]) => {
                format!("{} messages ({} … {})", messages.len(), first.0, last.0)
            }
            (Lang::Zh, [first, .., last]) => {
                format!("{} 条消息（{} … {}）", messages.len(), first.0, last.0)
            }
        }
    }

    /// The offset that the sentence should name, for a batch that begins at `base`.
    fn offset(self, base: Offset, messages: &[MessageId]) -> Offset {
        let place = match self {
            Self::Named => 0,
            Self::It(one) => messages.iter().position(|id| *id == one).unwrap_or(0),
        };
        base.plus(place as u64)
    }
}

/// Messages by their numbers.
pub(super) fn named(messages: &[MessageId], lang: Lang) -> String {
    Subject::Named.words(messages, lang)
}

/// A place, as a sentence names it: `orders/0`, or `queue hello`.
pub fn place(place: &Place, lang: Lang) -> String {
    match (place, lang) {
        (Place::Queue(name), lang) => queues::queue_of(name, lang),
        (Place::Partition(partition), Lang::En) => format!("{partition}"),
        (Place::Partition(partition), Lang::Zh) => format!("分区 {partition}"),
        (Place::Exchange(name), lang) => queues::exchange(name, lang),
        (Place::Topic(name), Lang::En) => format!("topic {name}"),
        (Place::Topic(name), Lang::Zh) => format!("主题 {name}"),
    }
}

/// Why a broker refused, in words.
pub fn refusal(why: Refusal, lang: Lang) -> &'static str {
    let (en, zh) = match why {
        Refusal::NotLeader => ("that broker does not lead the partition", "那个 Broker 不是该分区的 leader"),
        Refusal::Unknown => ("there is nothing of that name", "没有这个名字的队列、交换机或主题"),
        Refusal::NotEnoughReplicas => ("too few replicas are in sync", "同步副本不够"),
        Refusal::NotEnoughReplicasAfterAppend => {
            ("it is written, and too few replicas are in sync by now", "已写入，但此时同步副本不够")
        }
        Refusal::OffsetOutOfRange => ("the log does not hold that offset", "日志里没有这个偏移量"),
        Refusal::NotAMember => ("the group does not know this member", "消费者组不认识这个成员"),
        Refusal::Rebalancing => ("the group is being dealt anew", "消费者组正在重平衡"),
        Refusal::IllegalGeneration => ("it speaks of an earlier generation", "代号已过期"),
        Refusal::FencedInstance => {
            ("somebody else came with the same instance id", "同一实例 ID 已被别的成员使用")
        }
        Refusal::InconsistentProtocol => {
            ("the group's members agree in another way", "与组内成员的协议或分配策略不一致")
        }
        Refusal::NotController => ("that controller is not the active one", "那个控制器不是活跃控制器"),
        Refusal::Stale => ("the request comes from an earlier epoch", "请求来自更早的纪元"),
        Refusal::OutOfSequence => ("an earlier batch is missing", "前面的批次还没到"),
        Refusal::ProducerEpoch => ("the producer has begun anew since", "该生产者已换用更新的纪元"),
        Refusal::ConcurrentTransactions => {
            ("the last transaction is still being ended", "上一个事务还没收尾")
        }
        Refusal::InvalidTransaction => ("there is no such transaction to end", "事务的状态不允许这样做"),
        Refusal::ProducerFenced => {
            ("another instance has taken over the transactional id", "事务 ID 已由另一个实例接手")
        }
        Refusal::TransactionTimedOut => ("the transaction took too long", "事务超时"),
        Refusal::CoordinatorFenced => {
            ("that coordinator of transactions was replaced", "那个事务协调者已被取代")
        }
        Refusal::CoordinatorLoading => {
            ("the new coordinator of transactions is still reading its log", "新的事务协调者还在读日志")
        }
        Refusal::Overdue => ("it was not acknowledged in time", "在投递时限内没有等到确认"),
        Refusal::NoAnswer => ("nobody answered in time", "没有及时收到回应"),
        Refusal::Storage => ("the broker's disk failed", "Broker 的磁盘出错"),
        Refusal::Full => ("the queue is full", "队列已满"),
        Refusal::Blocked => ("there is no room: wait, and try again", "没有空间，等一等再试"),
        Refusal::InUse => ("somebody else has it for himself", "已被别人独占"),
        Refusal::RetainedFull => ("too many last values are retained", "保留的最新值太多"),
        Refusal::UnknownDelivery => {
            ("the delivery was settled or taken back", "这次投递已经确认过，或已被收回")
        }
        Refusal::Incomplete => ("parts of the transaction are missing", "事务不完整"),
        Refusal::Denied => ("it is not for clients", "不允许客户端使用"),
        Refusal::Different => ("it is there with other options", "同名的已经存在，但选项不同"),
        Refusal::Invalid => ("it cannot be so", "请求本身不合法"),
        Refusal::TooLarge => ("it is too large", "消息太大"),
        Refusal::Unsupported => ("that node does not do that", "那个节点不支持这个操作"),
        _ => ("the broker said no", "Broker 拒绝了"),
    };
    match lang {
        Lang::En => en,
        Lang::Zh => zh,
    }
}

/// One event as a sentence that names its messages.
pub fn sentence(fact: &Stamped, names: &Names, lang: Lang) -> String {
    say(fact, names, Subject::Named, lang)
}

/// One event as a line in the life of `message`, which the line calls "it".
pub fn life_line(fact: &Stamped, message: MessageId, names: &Names, lang: Lang) -> String {
    say(fact, names, Subject::It(message), lang)
}

fn say(fact: &Stamped, names: &Names, subject: Subject, lang: Lang) -> String {
    let node = names.node(fact.node, lang);
    match lang {
        Lang::En => english(&fact.event, &node, names, subject),
        Lang::Zh => spaced(&chinese(&fact.event, &node, names, subject)),
    }
}

fn english(event: &Event, node: &str, names: &Names, subject: Subject) -> String {
    let lang = Lang::En;
    let what = subject.words(event.messages(), lang);
    let at = |spot: &Place| place(spot, lang);
    let who = |other: NodeId| names.node(other, lang);
    match event {
        Event::Sent { to, attempt: 1, .. } => format!("{node} sends {what} to {}", at(to)),
        Event::Sent { to, attempt, .. } => format!("{node} sends {what} to {} again, try {attempt}", at(to)),
        Event::Acknowledged { by: by @ (Place::Exchange(_) | Place::Topic(_)), .. } => {
            format!("{node} is told that {} has taken {what}", at(by))
        }
        Event::Acknowledged { .. } => format!("{node} is told that {what} is stored"),
        Event::NotStored { why, .. } => {
            format!("{node} hears that {what} is not stored: {}", refusal(*why, lang))
        }
        Event::Appended { to, base, messages } => {
            format!("{node} appends {what} to {} at offset {}", at(to), subject.offset(*base, messages))
        }
        Event::Copied { partition, base, messages } => {
            format!("{node} copies {what} into its {partition} at offset {}", subject.offset(*base, messages))
        }
        Event::Committed { partition, below } => {
            format!("{node} raises the high watermark of {partition} to {below}")
        }
        Event::Truncated { partition, to, messages } if messages.is_empty() => {
            format!("{node} cuts {partition} back to {to}; nothing is removed")
        }
        Event::Truncated { partition, to, .. } => {
            format!("{node} cuts {partition} back to {to} and so removes {what}")
        }
        Event::TailLost { of, .. } => format!("{node} loses what {} had not flushed: {what}", at(of)),
        Event::Delivered { to, delivery: 1, .. } => format!("{node} pushes {what} to {}", who(*to)),
        Event::Delivered { to, delivery, .. } => {
            format!("{node} pushes {what} to {}, marked redelivered, delivery {delivery}", who(*to))
        }
        Event::Requeued { from, why, .. } => queues::returned(*why, node, &what, &who(*from), lang),
        Event::Settled { queue, by, .. } if names.has_store => {
            pulsar::settled(queue, node, &what, &who(*by), lang)
        }
        Event::Settled { queue, by, .. } => {
            format!(
                "{node} removes {what} from {}: {} is done with it",
                queues::queue_of(queue, lang),
                who(*by)
            )
        }
        Event::Received { delivery: 1, .. } => format!("{node} receives {what}"),
        Event::Received { delivery, .. } => {
            format!("{node} receives {what}, delivered for the {} time", nth(*delivery))
        }
        Event::Processed { .. } => format!("{node} has processed {what}"),
        Event::OffsetStored { group, partition, next } => {
            format!("{node} keeps that group {group} goes on at offset {next} in {partition}")
        }
        Event::Assigned { partitions, .. } if partitions.is_empty() => {
            format!("{node} has no partition to read")
        }
        Event::Assigned { partitions, .. } => {
            let all: Vec<String> = partitions.iter().map(ToString::to_string).collect();
            format!("{node} now reads {}", row(&all, lang))
        }
        Event::Fenced { broker } => format!("{node} no longer hears {}", who(*broker)),
        Event::Elected { partition, leader: Some(leader), epoch } => {
            format!("{node} makes {} leader of {partition}, epoch {epoch}", who(*leader))
        }
        Event::Elected { partition, leader: None, .. } => {
            format!("{node} finds no replica in sync to lead {partition}")
        }
        Event::InSync { partition, replicas } if replicas.is_empty() => {
            format!("no replica of {partition} is in sync")
        }
        Event::InSync { partition, replicas } => {
            format!("in sync for {partition}: {}", names.nodes(replicas, lang))
        }
        Event::Crashed => format!("{node} crashes"),
        Event::PowerCut => format!("{node} loses power"),
        Event::Restarted => format!("{node} is back"),
        Event::Order(event) => callers::english(event, node, names),
        Event::Pull(event) => pulls::english(event, node, &what),
        Event::Cluster(event) => cluster::english(event, node, who),
        Event::Producer(event) => producers::english(event, node, &what),
        Event::Txn(event) => txns::english(event, node, &what),
        Event::Group(event) => membership::english(event, node, names),
        Event::Share(event) => shares::english(event, node, &what, names),
        Event::Queue(event) => queues::english(event, node, &what, names),
        Event::Fault(event) => faults::english(event, node, &what, names),
        Event::Changed(change) => changes::english(change, node, names),
        other => of_system_english(other, node, &what, names),
    }
}

fn chinese(event: &Event, node: &str, names: &Names, subject: Subject) -> String {
    let lang = Lang::Zh;
    let what = subject.words(event.messages(), lang);
    let at = |spot: &Place| place(spot, lang);
    let who = |other: NodeId| names.node(other, lang);
    match event {
        Event::Sent { to, attempt: 1, .. } => format!("{node} 把{what} 发往{}", at(to)),
        Event::Sent { to, attempt, .. } => format!("{node} 第 {attempt} 次把{what} 发往{}", at(to)),
        Event::Acknowledged { by: by @ (Place::Exchange(_) | Place::Topic(_)), .. } => {
            format!("{node} 收到确认：{} 已收下{what}", at(by))
        }
        Event::Acknowledged { .. } => format!("{node} 收到确认：{what} 已存好"),
        Event::NotStored { why, .. } => format!("{node} 得知{what} 没有存下：{}", refusal(*why, lang)),
        Event::Appended { to, base, messages } => {
            format!("{node} 把{what} 追加到{}，偏移量 {}", at(to), subject.offset(*base, messages))
        }
        Event::Copied { partition, base, messages } => {
            format!(
                "{node} 把{what} 复制到自己的分区 {partition}，偏移量 {}",
                subject.offset(*base, messages)
            )
        }
        Event::Committed { partition, below } => format!("{node} 把分区 {partition} 的高水位推进到 {below}"),
        Event::Truncated { partition, to, messages } if messages.is_empty() => {
            format!("{node} 把分区 {partition} 截断到 {to}，没有删掉任何消息")
        }
        Event::Truncated { partition, to, .. } => {
            format!("{node} 把分区 {partition} 截断到 {to}，删掉{what}")
        }
        Event::TailLost { of, .. } => format!("{node} 丢掉了{}还没刷盘的尾部：{what}", at(of)),
        Event::Delivered { to, delivery: 1, .. } => format!("{node} 把{what} 推送给 {}", who(*to)),
        Event::Delivered { to, delivery, .. } => {
            format!("{node} 把{what} 重新投递给 {}，第 {delivery} 次投递", who(*to))
        }
        Event::Requeued { from, why, .. } => queues::returned(*why, node, &what, &who(*from), lang),
        Event::Settled { queue, by, .. } if names.has_store => {
            pulsar::settled(queue, node, &what, &who(*by), lang)
        }
        Event::Settled { queue, by, .. } => {
            format!("{} 已处理完：{node} 从{}删除{what}", who(*by), queues::queue_of(queue, lang))
        }
        Event::Received { delivery: 1, .. } => format!("{node} 收到{what}"),
        Event::Received { delivery, .. } => format!("{node} 收到{what}，这是第 {delivery} 次投递"),
        Event::Processed { .. } => format!("{node} 处理完{what}"),
        Event::OffsetStored { group, partition, next } => {
            format!("{node} 记下消费者组 {group} 在分区 {partition} 的偏移量：{next}")
        }
        Event::Assigned { partitions, .. } if partitions.is_empty() => format!("{node} 没有分到分区"),
        Event::Assigned { partitions, .. } => {
            let all: Vec<String> = partitions.iter().map(ToString::to_string).collect();
            format!("{node} 现在消费分区 {}", row(&all, lang))
        }
        Event::Fenced { broker } => format!("{node} 收不到 {} 的心跳了", who(*broker)),
        Event::Elected { partition, leader: Some(leader), epoch } => {
            format!("{node} 选出 {} 为分区 {partition} 的 leader，纪元 {epoch}", who(*leader))
        }
        Event::Elected { partition, leader: None, .. } => {
            format!("{node} 找不到同步副本来当分区 {partition} 的 leader")
        }
        Event::InSync { partition, replicas } if replicas.is_empty() => {
            format!("分区 {partition} 没有同步副本")
        }
        Event::InSync { partition, replicas } => {
            format!("分区 {partition} 的同步副本：{}", names.nodes(replicas, lang))
        }
        Event::Crashed => format!("{node} 宕机"),
        Event::PowerCut => format!("{node} 断电"),
        Event::Restarted => format!("{node} 恢复运行"),
        Event::Order(event) => callers::chinese(event, node, names),
        Event::Pull(event) => pulls::chinese(event, node, &what),
        Event::Cluster(event) => cluster::chinese(event, node, who),
        Event::Producer(event) => producers::chinese(event, node, &what),
        Event::Txn(event) => txns::chinese(event, node, &what),
        Event::Group(event) => membership::chinese(event, node, names),
        Event::Share(event) => shares::chinese(event, node, &what, names),
        Event::Queue(event) => queues::chinese(event, node, &what, names),
        Event::Fault(event) => faults::chinese(event, node, &what, names),
        Event::Changed(change) => changes::chinese(change, node, names),
        other => of_system_chinese(other, node, &what, names),
    }
}

/// 2nd, 3rd, 4th.
pub(super) fn nth(number: u32) -> String {
    let ending = match (number % 100, number % 10) {
        (11..=13, _) => "th",
        (_, 1) => "st",
        (_, 2) => "nd",
        (_, 3) => "rd",
        _ => "th",
    };
    format!("{number}{ending}")
}

/// How an event looks in a list and on the time axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Ordinary.
    Plain,
    /// A promise was made or kept.
    Good,
    /// Something broke.
    Harm,
    /// Something was broken off, or taken back, and goes on.
    Again,
    /// Who leads or reads has changed.
    Turn,
    /// A node is back.
    Back,
}

impl Tone {
    /// Of an event.
    pub fn of(event: &Event) -> Self {
        match event {
            Event::Acknowledged { .. } | Event::Processed { .. } | Event::Settled { .. } => Self::Good,
            Event::Crashed
            | Event::PowerCut
            | Event::TailLost { .. }
            | Event::NotStored { .. }
            | Event::Elected { leader: None, .. } => Self::Harm,
            Event::Truncated { messages, .. } if !messages.is_empty() => Self::Harm,
            Event::Requeued { .. } => Self::Again,
            Event::Sent { attempt, .. } if *attempt > 1 => Self::Again,
            Event::Delivered { delivery, .. } if *delivery > 1 => Self::Again,
            Event::Elected { .. }
            | Event::InSync { .. }
            | Event::Assigned { .. }
            | Event::Fenced { .. }
            | Event::Changed(_) => Self::Turn,
            Event::Restarted => Self::Back,
            Event::Order(event) => callers::tone(event),
            Event::Pull(event) => pulls::tone(event),
            Event::Cluster(event) => cluster::tone(event),
            Event::Producer(event) => producers::tone(event),
            Event::Txn(event) => txns::tone(event),
            Event::Pulsar(event) => pulsar::tone(event),
            Event::Activemq(event) => activemq::tone(event),
            Event::Rocketmq(event) => rocketmq::tone(event),
            Event::Rabbitmq(event) => rabbits::tone(event),
            Event::Group(event) => membership::tone(event),
            Event::Share(event) => shares::tone(event),
            Event::Queue(event) => queues::tone(event),
            Event::Fault(event) => faults::tone(event),
            _ => Self::Plain,
        }
    }

    /// The name of its icon and colour in the page.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Good => "good",
            Self::Harm => "harm",
            Self::Again => "again",
            Self::Turn => "turn",
            Self::Back => "back",
        }
    }
}

/// What only one of the systems does.
fn of_system_english(event: &Event, node: &str, what: &str, names: &Names) -> String {
    let who = |node: NodeId| names.node(node, Lang::En);
    match event {
        Event::Pulsar(event) => pulsar::english(event, node, what, names),
        Event::Activemq(event) => activemq::english(event, node, what, names),
        Event::Rocketmq(event) => rocketmq::english(event, node, what, names),
        Event::Rabbitmq(event) => rabbits::english(event, node, what, who),
        other => format!("{node}: {other}"),
    }
}

/// What only one of the systems does.
fn of_system_chinese(event: &Event, node: &str, what: &str, names: &Names) -> String {
    let who = |node: NodeId| names.node(node, Lang::Zh);
    match event {
        Event::Pulsar(event) => pulsar::chinese(event, node, what, names),
        Event::Activemq(event) => activemq::chinese(event, node, what, names),
        Event::Rocketmq(event) => rocketmq::chinese(event, node, what, names),
        Event::Rabbitmq(event) => rabbits::chinese(event, node, what, who),
        other => format!("{node}：{other}"),
    }
}
