//! The words of transactions over partitions: who begins, decides, marks, and who is fenced.

use mqlab_core::ids::MessageId;
use mqlab_core::observe::TxnEvent;

use super::sentence::{Tone, named, refusal};
use super::{Lang, row};

fn places<T: ToString>(all: &[T], lang: Lang) -> String {
    row(&all.iter().map(ToString::to_string).collect::<Vec<_>>(), lang)
}

pub(super) fn english(event: &TxnEvent, node: &str, what: &str) -> String {
    let end = |commit: &bool| if *commit { "commit" } else { "abort" };
    match event {
        TxnEvent::Began { id, epoch, .. } => format!("{node} begins a transaction as {id}, epoch {epoch}"),
        TxnEvent::Enlisted { id, partitions } => {
            format!("{node} notes that the transaction of {id} writes to {}", places(partitions, Lang::En))
        }
        TxnEvent::Includes { group, done, .. } => {
            let messages: Vec<MessageId> = done.iter().map(|(_, message)| *message).collect();
            format!("{node} adds to its transaction that {group} has done {}", named(&messages, Lang::En))
        }
        TxnEvent::Ending { id, commit, .. } => {
            format!("{node} wants the transaction of {id} ended: {}", end(commit))
        }
        TxnEvent::Decided { id, commit: true, .. } => {
            format!("{node} decides: the transaction of {id} is committed, whatever fails from here on")
        }
        TxnEvent::Decided { id, why: None, .. } => {
            format!("{node} decides: the transaction of {id} is aborted")
        }
        TxnEvent::Decided { id, why: Some(why), .. } => {
            format!("{node} decides: the transaction of {id} is aborted, because {}", refusal(*why, Lang::En))
        }
        TxnEvent::Marked { partition, producer, commit, at, .. } => {
            format!(
                "{node} writes the marker of producer {producer} to {partition} at offset {at}: {}",
                end(commit)
            )
        }
        TxnEvent::Completed { id, .. } => {
            format!("{node} has told all partitions: the transaction of {id} is over")
        }
        TxnEvent::Committed { .. } => format!("{what} of {node} now counts: its transaction is committed"),
        TxnEvent::Aborted { messages, .. } if messages.is_empty() => {
            format!("the transaction of {node} is aborted; it had sent nothing")
        }
        TxnEvent::Aborted { .. } => format!("{what} of {node} does not count: its transaction is aborted"),
        TxnEvent::Failed { why, .. } => {
            format!("{node} must abort its transaction: {}", refusal(*why, Lang::En))
        }
        TxnEvent::Fenced { id, epoch, .. } => {
            format!("{node} is fenced: another instance is {id} now, and epoch {epoch} is over")
        }
        TxnEvent::Forgotten { id } => {
            format!("{node} forgets {id}: nobody has used this transactional id for long")
        }
        other => format!("{node}: {other}"),
    }
}

pub(super) fn chinese(event: &TxnEvent, node: &str, what: &str) -> String {
    let end = |commit: &bool| if *commit { "提交" } else { "中止" };
    match event {
        TxnEvent::Began { id, epoch, .. } => format!("{node} 以 {id} 的身份开始事务，纪元 {epoch}"),
        TxnEvent::Enlisted { id, partitions } => {
            format!("{node} 记下：{id} 的事务会写 {}", places(partitions, Lang::Zh))
        }
        TxnEvent::Includes { group, done, .. } => {
            let messages: Vec<MessageId> = done.iter().map(|(_, message)| *message).collect();
            format!("{node} 把 {group} 处理完{}这件事也放进事务", named(&messages, Lang::Zh))
        }
        TxnEvent::Ending { id, commit, .. } => format!("{node} 请求结束 {id} 的事务：{}", end(commit)),
        TxnEvent::Decided { id, commit: true, .. } => {
            format!("{node} 拍板：{id} 的事务提交，此后再出什么故障也不会变")
        }
        TxnEvent::Decided { id, why: None, .. } => format!("{node} 拍板：{id} 的事务中止"),
        TxnEvent::Decided { id, why: Some(why), .. } => {
            format!("{node} 拍板：{id} 的事务中止，原因：{}", refusal(*why, Lang::Zh))
        }
        TxnEvent::Marked { partition, producer, commit, at, .. } => {
            format!("{node} 在分区 {partition} 的偏移量 {at} 写入生产者 {producer} 的{}标记", end(commit))
        }
        TxnEvent::Completed { id, .. } => format!("{node} 已通知所有分区，{id} 的事务结束"),
        TxnEvent::Committed { .. } => format!("{node} 的{what}从此算数：所在事务已提交"),
        TxnEvent::Aborted { messages, .. } if messages.is_empty() => {
            format!("{node} 的事务中止，里面还没有消息")
        }
        TxnEvent::Aborted { .. } => format!("{node} 的{what}作废：所在事务已中止"),
        TxnEvent::Failed { why, .. } => {
            format!("{node} 的事务只能中止：{}", refusal(*why, Lang::Zh))
        }
        TxnEvent::Fenced { id, epoch, .. } => {
            format!("{node} 被隔离：{id} 已由另一个实例接手，纪元 {epoch} 作废")
        }
        TxnEvent::Forgotten { id } => format!("{node} 忘掉事务 ID {id}：已经很久没人用它"),
        other => format!("{node}：{other}"),
    }
}

pub(super) fn tone(event: &TxnEvent) -> Tone {
    match event {
        TxnEvent::Committed { .. } | TxnEvent::Decided { commit: true, .. } => Tone::Good,
        TxnEvent::Decided { .. } | TxnEvent::Aborted { .. } | TxnEvent::Failed { .. } => Tone::Again,
        TxnEvent::Fenced { .. } => Tone::Harm,
        _ => Tone::Plain,
    }
}
