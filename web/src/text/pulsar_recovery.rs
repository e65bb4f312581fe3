//! The words of BookKeeper's autorecovery: who misses a bookie, and who copies what it had.

use mqlab_core::observe::RecoveryEvent;

use super::Lang;
use super::sentence::{Names, Tone};

fn numbers(ledgers: &[u64], between: &str) -> String {
    let all: Vec<String> = ledgers.iter().map(u64::to_string).collect();
    all.join(between)
}

pub(super) fn english(event: &RecoveryEvent, node: &str, names: &Names) -> String {
    let who = |other: &_| names.node(*other, Lang::En);
    let all = |nodes: &[_]| names.nodes(nodes, Lang::En);
    match event {
        RecoveryEvent::Audits => format!("{node} is the auditor from now on"),
        RecoveryEvent::Marked { bookies, ledgers } => {
            let ledgers = numbers(ledgers, ", ");
            format!("{node} misses {}: there are too few copies of ledgers {ledgers}", all(bookies))
        }
        RecoveryEvent::Copies { ledger, lost } => {
            format!("{node} begins to copy what {} had of ledger {ledger}", who(lost))
        }
        RecoveryEvent::Copied { ledger, lost, to } if to.is_empty() => {
            format!("{node} finds nothing that {} had of ledger {ledger}", who(lost))
        }
        RecoveryEvent::Copied { ledger, lost, to } => {
            format!(
                "{node} has copied what {} had of ledger {ledger} to {}, and the metadata store knows",
                who(lost),
                all(to)
            )
        }
        other => format!("{node}: {other}"),
    }
}

pub(super) fn chinese(event: &RecoveryEvent, node: &str, names: &Names) -> String {
    let who = |other: &_| names.node(*other, Lang::Zh);
    let all = |nodes: &[_]| names.nodes(nodes, Lang::Zh);
    match event {
        RecoveryEvent::Audits => format!("{node} 从此担任 auditor"),
        RecoveryEvent::Marked { bookies, ledgers } => {
            format!("{node} 发现 {} 不在了：ledger {} 的副本不够", all(bookies), numbers(ledgers, "、"))
        }
        RecoveryEvent::Copies { ledger, lost } => {
            format!("{node} 开始复制 {} 上 ledger {ledger} 的 entry", who(lost))
        }
        RecoveryEvent::Copied { ledger, lost, to } if to.is_empty() => {
            format!("{node} 查明 {} 上没有 ledger {ledger} 的 entry", who(lost))
        }
        RecoveryEvent::Copied { ledger, lost, to } => {
            format!(
                "{node} 已把 {} 上 ledger {ledger} 的 entry 复制到 {}，并记入元数据存储",
                who(lost),
                all(to)
            )
        }
        other => format!("{node}：{other}"),
    }
}

pub(super) fn tone(event: &RecoveryEvent) -> Tone {
    match event {
        RecoveryEvent::Marked { .. } => Tone::Harm,
        RecoveryEvent::Copied { .. } => Tone::Good,
        _ => Tone::Plain,
    }
}
