//! What happens around queues, as sentences: routing, dying, waiting, failing.

use mqlab_core::ids::Name;
use mqlab_core::message::DeathReason;
use mqlab_core::observe::{QueueEvent, Refusal};
use mqlab_core::queue::ReturnReason;
use mqlab_core::routing::ExchangeName;
use mqlab_core::vhost::{Alarm, Decision};

use super::sentence::{Names, Tone, place, refusal};
use super::{Lang, broker, halves, lasting, together};

/// A queue within a sentence: that of a subscription is called as the subscription.
pub(super) fn queue_of(name: &Name, lang: Lang) -> String {
    match (broker::subscription(name), lang) {
        (Some(_), _) => broker::queue(name, lang),
        (None, Lang::En) => format!("queue {name}"),
        (None, Lang::Zh) => format!("队列 {name}"),
    }
}

/// An exchange within a sentence.
pub(super) fn exchange(name: &ExchangeName, lang: Lang) -> String {
    match (name.is_default(), lang) {
        (true, Lang::En) => "the default exchange".into(),
        (true, Lang::Zh) => "默认交换机".into(),
        (false, Lang::En) => format!("exchange {name}"),
        (false, Lang::Zh) => format!("交换机 {name}"),
    }
}

/// Why a message left its queue unconsumed, as the second half of a sentence.
pub(super) fn death(reason: DeathReason, lang: Lang) -> &'static str {
    let (en, zh) = match reason {
        DeathReason::Rejected => ("a consumer refused it", "消费者拒绝了它"),
        DeathReason::Expired => ("its time to live is over", "它的存活时间到了"),
        DeathReason::MaxLength => ("the queue is full", "队列已满"),
        DeathReason::DeliveryLimit => {
            ("it came back as often as the queue allows", "它被退回的次数已到队列的上限")
        }
        other => return broker::death(other, lang),
    };
    match lang {
        Lang::En => en,
        Lang::Zh => zh,
    }
}

/// How a message came back to its queue.
pub(super) fn returned(why: ReturnReason, node: &str, what: &str, from: &str, lang: Lang) -> String {
    match (why, lang) {
        (ReturnReason::Nacked, Lang::En) => format!("{from} gives {what} back: {node} will deliver it again"),
        (ReturnReason::Nacked, Lang::Zh) => format!("{from} 退回{what}：{node} 会再次投递"),
        (ReturnReason::LeaseOver, Lang::En) => {
            format!("{from} was silent for too long: {node} takes {what} back")
        }
        (ReturnReason::LeaseOver, Lang::Zh) => format!("{from} 太久没有回音：{node} 收回{what}"),
        (_, Lang::En) => format!("{from} is gone: {node} puts {what} back in the queue"),
        (_, Lang::Zh) => format!("{from} 不在了：{node} 把{what} 放回队列"),
    }
}

pub(super) fn english(event: &QueueEvent, node: &str, what: &str, names: &Names) -> String {
    let lang = Lang::En;
    match event {
        QueueEvent::Unroutable { exchange: name, returned, .. } => {
            let then = if *returned { "it goes back to its producer" } else { "it is dropped" };
            format!("{node} finds no queue for {what} in {}: {then}", exchange(name, lang))
        }
        QueueEvent::Returned { exchange: name, .. } => {
            format!("{node} has {what} back: {} has no queue for it", exchange(name, lang))
        }
        QueueEvent::Died { queue, reason, .. } => {
            format!("{node} takes {what} out of {}: {}", queue_of(queue, lang), death(*reason, lang))
        }
        QueueEvent::Due { queue, .. } => {
            format!("{node} makes {what} ready in {}: the wait is over", queue_of(queue, lang))
        }
        QueueEvent::Activated { queue, consumer } => {
            format!("{node} now serves {} alone from {}", names.node(*consumer, lang), queue_of(queue, lang))
        }
        QueueEvent::Removed { queue } => {
            format!("{node} removes {}: nobody used it any more", queue_of(queue, lang))
        }
        QueueEvent::Blocked { alarm } => {
            let why = match alarm {
                Alarm::Memory => "its messages take too much memory",
                Alarm::Disk => "its disk is nearly full",
                _ => "an alarm is on",
            };
            format!("{node} asks its producers to wait: {why}")
        }
        QueueEvent::Unblocked { alarm } => {
            let why = match alarm {
                Alarm::Memory => "there is memory again",
                Alarm::Disk => "there is room on its disk again",
                _ => "the alarm is over",
            };
            format!("{node} lets its producers go on: {why}")
        }
        QueueEvent::Failed { from, .. } => {
            format!("{node} fails to process {what} from {}", place(from, lang))
        }
        QueueEvent::Recognised { .. } => format!("{node} has done {what} before, and does not do it again"),
        QueueEvent::OutOfMemory { held } => {
            format!("{node} runs out of memory with {held} messages, and dies")
        }
        QueueEvent::NotSettled { queue, by, why } => {
            let (by, why) = (names.node(*by, lang), refusal(*why, lang));
            format!("{node} settles nothing in {} at the word of {by}: {why}", queue_of(queue, lang))
        }
        QueueEvent::GaveUp { message: Some(_), why: why @ Refusal::Overdue } => {
            format!("{node} gives {what} up, which may be stored or not: {}", refusal(*why, lang))
        }
        QueueEvent::GaveUp { message: Some(_), why } => {
            format!("{node} gives {what} up, it will never be stored: {}", refusal(*why, lang))
        }
        QueueEvent::GaveUp { message: None, why } => {
            format!("{node} gives up subscribing: {}", refusal(*why, lang))
        }
        QueueEvent::Halted { why } => format!("{node} cannot go on, and stops: {}", refusal(*why, lang)),
        QueueEvent::InFlow { client, waiting } => {
            let client = names.node(*client, lang);
            format!(
                "{node} stops reading from {client}, whose credit is spent: {waiting} messages wait in the mailbox"
            )
        }
        QueueEvent::OutOfFlow { client, waiting } => {
            let client = names.node(*client, lang);
            format!("{node} reads from {client} again: {waiting} messages are left in the mailbox")
        }
        QueueEvent::MailboxLost { to, .. } => {
            let to = place(to, lang);
            format!("{node} had {what} in the mailbox of {to}: gone from its memory, and confirmed to nobody")
        }
        QueueEvent::Forgotten { .. } => format!("{node} hears that {what} is really done, and forgets it"),
        QueueEvent::Answered { request, after, .. } => {
            format!(
                "{node} has {what}: the answer to its request {}, after {}",
                request.0,
                lasting(*after, lang)
            )
        }
        QueueEvent::AnswerLate { .. } => {
            format!("{node} has {what}, an answer that it waits for no longer, and throws it away")
        }
        QueueEvent::GaveUpWaiting { after, .. } => {
            format!("{node} gives up waiting for an answer to {what}, after {}", lasting(*after, lang))
        }
        other => {
            together::english(other, node, what, names).unwrap_or_else(|| halves::english(other, node, what))
        }
    }
}

pub(super) fn chinese(event: &QueueEvent, node: &str, what: &str, names: &Names) -> String {
    let lang = Lang::Zh;
    match event {
        QueueEvent::Unroutable { exchange: name, returned, .. } => {
            let then = if *returned { "退回给生产者" } else { "丢弃" };
            format!("{node} 在{}里找不到可投的队列，于是把{what} {then}", exchange(name, lang))
        }
        QueueEvent::Returned { exchange: name, .. } => {
            format!("{what} 退回到 {node}：{}没有可投的队列", exchange(name, lang))
        }
        QueueEvent::Died { queue, reason, .. } => {
            format!("{node} 把{what} 移出{}：{}", queue_of(queue, lang), death(*reason, lang))
        }
        QueueEvent::Due { queue, .. } => {
            format!("{node} 的{}：等待结束，{what} 可以投递了", queue_of(queue, lang))
        }
        QueueEvent::Activated { queue, consumer } => {
            format!("{node} 的{}现在只投递给 {}", queue_of(queue, lang), names.node(*consumer, lang))
        }
        QueueEvent::Removed { queue } => {
            format!("{node} 删除{}：已经没有人使用", queue_of(queue, lang))
        }
        QueueEvent::Blocked { alarm } => {
            let why = match alarm {
                Alarm::Memory => "消息占用的内存太多",
                Alarm::Disk => "磁盘快满了",
                _ => "有告警",
            };
            format!("{node} 让生产者等待：{why}")
        }
        QueueEvent::Unblocked { alarm } => {
            let why = match alarm {
                Alarm::Memory => "内存又有空间了",
                Alarm::Disk => "磁盘又有空间了",
                _ => "告警解除",
            };
            format!("{node} 让生产者继续：{why}")
        }
        QueueEvent::Failed { from, .. } => format!("{node} 处理{what} 失败（来自{}）", place(from, lang)),
        QueueEvent::Recognised { .. } => format!("{node} 认出{what} 已经处理过，不再重做"),
        QueueEvent::OutOfMemory { held } => format!("{node} 手里有 {held} 条消息，内存耗尽而崩溃"),
        QueueEvent::NotSettled { queue, by, why } => {
            let (by, why) = (names.node(*by, lang), refusal(*why, lang));
            format!("{by} 对{}的确认没有生效（{node}）：{why}", queue_of(queue, lang))
        }
        QueueEvent::GaveUp { message: Some(_), why: why @ Refusal::Overdue } => {
            format!("{node} 放弃{what}，它存没存下无从得知：{}", refusal(*why, lang))
        }
        QueueEvent::GaveUp { message: Some(_), why } => {
            format!("{node} 放弃{what}，它不可能存下：{}", refusal(*why, lang))
        }
        QueueEvent::GaveUp { message: None, why } => format!("{node} 放弃订阅：{}", refusal(*why, lang)),
        QueueEvent::Halted { why } => format!("{node} 无法继续，停止运行：{}", refusal(*why, lang)),
        QueueEvent::InFlow { client, waiting } => {
            let client = names.node(*client, lang);
            format!("{node} 暂停读取 {client}：它的信用用完了，信箱里有 {waiting} 条消息在等")
        }
        QueueEvent::OutOfFlow { client, waiting } => {
            let client = names.node(*client, lang);
            format!("{node} 继续读取 {client}：信箱里还剩 {waiting} 条消息")
        }
        QueueEvent::MailboxLost { to, .. } => {
            format!("{node} 的{}信箱里还有{what}：随内存一起没了，从未向任何人确认过", place(to, lang))
        }
        QueueEvent::Forgotten { .. } => format!("{node} 得知{what} 真正处理完了，不再保留它"),
        QueueEvent::Answered { request, after, .. } => {
            format!("{node} 拿到{what}：这是对请求 {} 的应答，用时 {}", request.0, lasting(*after, lang))
        }
        QueueEvent::AnswerLate { .. } => format!("{node} 收到应答{what}，但已经不再等它，只好丢掉"),
        QueueEvent::GaveUpWaiting { after, .. } => {
            format!("{node} 等{what} 的应答等了 {}，放弃", lasting(*after, lang))
        }
        other => {
            together::chinese(other, node, what, names).unwrap_or_else(|| halves::chinese(other, node, what))
        }
    }
}

/// How a fact about queues looks in a list.
pub(super) fn tone(event: &QueueEvent) -> Tone {
    match event {
        QueueEvent::Unroutable { .. }
        | QueueEvent::Returned { .. }
        | QueueEvent::Died { .. }
        | QueueEvent::Blocked { .. }
        | QueueEvent::Failed { .. }
        | QueueEvent::OutOfMemory { .. }
        | QueueEvent::GaveUp { .. }
        | QueueEvent::Halted { .. }
        | QueueEvent::GaveUpWaiting { .. } => Tone::Harm,
        QueueEvent::Unblocked { .. }
        | QueueEvent::Recognised { .. }
        | QueueEvent::HalfDecided { decision: Decision::Commit, .. }
        | QueueEvent::OwnTransaction { committed: true, .. }
        | QueueEvent::TransactionCommitted { .. }
        | QueueEvent::Answered { .. }
        | QueueEvent::Forgotten { .. } => Tone::Good,
        QueueEvent::InFlow { .. }
        | QueueEvent::MailboxLost { .. }
        | QueueEvent::Dropped { .. }
        | QueueEvent::CheckedBack { .. }
        | QueueEvent::NotSettled { .. }
        | QueueEvent::AnswerLate { .. }
        | QueueEvent::TransactionRolledBack { .. }
        | QueueEvent::TransactionLost { .. }
        | QueueEvent::HalfDecided { .. }
        | QueueEvent::OwnTransaction { committed: false, .. } => Tone::Again,
        QueueEvent::Activated { .. } => Tone::Turn,
        _ => Tone::Plain,
    }
}
