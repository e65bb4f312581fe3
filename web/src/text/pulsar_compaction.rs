//! The words of Pulsar's compaction: who writes the latest of each key, and who reads it.

use mqlab_core::observe::CompactionEvent;

use super::Lang;
use super::sentence::{Names, Tone};

pub(super) fn english(event: &CompactionEvent, node: &str, what: &str, names: &Names) -> String {
    match event {
        CompactionEvent::Began { partition, ledger, keys, bookies } => {
            let bookies = names.nodes(bookies, Lang::En);
            format!(
                "{node} has read {partition} once, {keys} keys, and writes the latest of each to compacted ledger {ledger} on \
                 {bookies}"
            )
        }
        CompactionEvent::Wrote { partition, ledger, entries, messages } => {
            let without = if messages.is_empty() { String::new() } else { format!(", without {what}") };
            format!("{node} has compacted {partition} into ledger {ledger}, {entries} entries{without}")
        }
        CompactionEvent::Serves { partition, ledger, .. } => {
            format!("{node} sends who reads {partition} compacted to ledger {ledger} from now on")
        }
        CompactionEvent::GaveUp { partition } => {
            format!("{node} gives the compaction of {partition} up; all is as before")
        }
        CompactionEvent::Reads { partition, subscription, consumer } => {
            let consumer = names.node(*consumer, Lang::En);
            format!("{node} lets {consumer} read {partition} compacted, in subscription {subscription}")
        }
        CompactionEvent::Gone { ledger, .. } => {
            format!("{node} deletes its entries of compacted ledger {ledger}: nobody reads them any more")
        }
        other => format!("{node}: {other}"),
    }
}

pub(super) fn chinese(event: &CompactionEvent, node: &str, what: &str, names: &Names) -> String {
    match event {
        CompactionEvent::Began { partition, ledger, keys, bookies } => {
            let bookies = names.nodes(bookies, Lang::Zh);
            format!(
                "{node} 读完分区 {partition} 第一遍，共 {keys} 个键，把每个键的最新一条写到 {bookies} 上的压实 ledger {ledger}"
            )
        }
        CompactionEvent::Wrote { partition, ledger, entries, messages } => {
            let without = if messages.is_empty() { String::new() } else { format!("，其中没有{what}") };
            format!("{node} 把分区 {partition} 压实到 ledger {ledger}，共 {entries} 个 entry{without}")
        }
        CompactionEvent::Serves { partition, ledger, .. } => {
            format!("{node} 从此让压实读取分区 {partition} 的消费者去读 ledger {ledger}")
        }
        CompactionEvent::GaveUp { partition } => format!("{node} 放弃压实分区 {partition}，一切照旧"),
        CompactionEvent::Reads { partition, subscription, consumer } => {
            let consumer = names.node(*consumer, Lang::Zh);
            format!("{node} 让 {consumer} 在订阅 {subscription} 里压实读取分区 {partition}")
        }
        CompactionEvent::Gone { ledger, .. } => {
            format!("{node} 删除自己的压实 ledger {ledger} 的 entry：已经没人读")
        }
        other => format!("{node}：{other}"),
    }
}

pub(super) fn tone(event: &CompactionEvent) -> Tone {
    match event {
        CompactionEvent::Wrote { .. } | CompactionEvent::Serves { .. } => Tone::Turn,
        CompactionEvent::GaveUp { .. } => Tone::Harm,
        _ => Tone::Plain,
    }
}
