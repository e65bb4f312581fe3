//! What is said of local transactions: what waits, what takes effect together, and what never does; and of queues that go
//! with all that is in them.

use mqlab_core::ids::{MessageId, Name};
use mqlab_core::observe::QueueEvent;

use super::sentence::{Names, named};
use super::{Lang, changes};

/// What a transaction did.
fn effects(done: &[(Name, MessageId)], sent: &[MessageId], what: &str, lang: Lang) -> String {
    let ids: Vec<MessageId> = done.iter().map(|(_, message)| *message).collect();
    let done = named(&ids, lang);
    match (ids.is_empty(), sent.is_empty(), lang) {
        (false, false, Lang::En) => format!("removes {done} and publishes {what}"),
        (false, false, Lang::Zh) => format!("删除{done}，并发布{what}"),
        (false, true, Lang::En) => format!("removes {done}"),
        (false, true, Lang::Zh) => format!("删除{done}"),
        (true, _, Lang::En) => format!("publishes {what}"),
        (true, _, Lang::Zh) => format!("发布{what}"),
    }
}

/// The sentence, if the fact is about such a transaction.
pub(super) fn english(event: &QueueEvent, node: &str, what: &str, names: &Names) -> Option<String> {
    let lang = Lang::En;
    Some(match event {
        QueueEvent::HeldBack { by, .. } => {
            format!("{node} keeps {what} back until {} commits: nobody may see it yet", names.node(*by, lang))
        }
        QueueEvent::TransactionCommitted { by, done, sent } => {
            let effects = effects(done, sent, what, lang);
            format!("{node} commits for {}: at one moment it {effects}", names.node(*by, lang))
        }
        QueueEvent::TransactionRolledBack { by, messages, asked } => {
            let by = names.node(*by, lang);
            let how = match asked {
                true => format!("the transaction of {by} back, as it asked"),
                false => format!("back what {by} left unfinished"),
            };
            match messages.is_empty() {
                true => format!("{node} rolls {how}: nothing was published in it"),
                false => format!("{node} rolls {how}: nobody saw {what}"),
            }
        }
        QueueEvent::TransactionLost { unknown: true, .. } => {
            format!("{node} loses its broker during the commit, and does not know whether {what} is done")
        }
        QueueEvent::TransactionLost { unknown: false, .. } => {
            format!("{node} loses its broker in the transaction for {what}: it is rolled back")
        }
        other => return changes::removed(other, node, what, lang),
    })
}

/// The sentence, if the fact is about such a transaction.
pub(super) fn chinese(event: &QueueEvent, node: &str, what: &str, names: &Names) -> Option<String> {
    let lang = Lang::Zh;
    Some(match event {
        QueueEvent::HeldBack { by, .. } => {
            format!("{node} 先留住{what}，等 {} 提交：还没有人能看到", names.node(*by, lang))
        }
        QueueEvent::TransactionCommitted { by, done, sent } => {
            let effects = effects(done, sent, what, lang);
            format!("{node} 提交 {} 的事务：在同一时刻{effects}", names.node(*by, lang))
        }
        QueueEvent::TransactionRolledBack { by, messages, asked } => {
            let by = names.node(*by, lang);
            let how = match asked {
                true => format!("按要求回滚 {by} 的事务"),
                false => format!("回滚 {by} 没做完的事务"),
            };
            match messages.is_empty() {
                true => format!("{node} {how}：其中没有发布消息"),
                false => format!("{node} {how}：没有人看到过{what}"),
            }
        }
        QueueEvent::TransactionLost { unknown: true, .. } => {
            format!("{node} 在提交途中失去 Broker，不知道{what} 是否已经完成")
        }
        QueueEvent::TransactionLost { unknown: false, .. } => {
            format!("{node} 在{what} 的事务途中失去 Broker：事务已回滚")
        }
        other => return changes::removed(other, node, what, lang),
    })
}
