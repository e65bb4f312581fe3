//! What happens in a share group, as sentences: records are handed out, come back, are done with, or are given up.

use mqlab_core::observe::{CameBack, GivenUp, ShareEvent};

use super::Lang;
use super::sentence::{Names, Tone, nth, refusal};

pub(super) fn english(event: &ShareEvent, node: &str, what: &str, names: &Names) -> String {
    let lang = Lang::En;
    match event {
        ShareEvent::Began { group, partition, start, in_flight: 0 } => {
            format!(
                "{node} keeps account of {partition} for share group {group}: it goes on at offset {start}"
            )
        }
        ShareEvent::Began { group, partition, start, in_flight } => format!(
            "{node} keeps account of {partition} for share group {group}, as it was written down: from offset {start}, \
             {in_flight} in flight"
        ),
        ShareEvent::Acquired { by, delivery: 1, .. } => {
            format!("{node} gives {what} to {} alone", names.node(*by, lang))
        }
        ShareEvent::Acquired { by, delivery, .. } => format!(
            "{node} gives {what} to {} alone, delivered for the {} time",
            names.node(*by, lang),
            nth(*delivery)
        ),
        ShareEvent::Renewed { by, .. } => {
            format!("{node} lets {} keep {what} for longer: the lock begins anew", names.node(*by, lang))
        }
        ShareEvent::Accepted { by, .. } => {
            format!("{node} has it written down that {} is done with {what}", names.node(*by, lang))
        }
        ShareEvent::Returned { from, why, .. } => {
            let from = names.node(*from, lang);
            match why {
                CameBack::Released => format!("{from} gives {what} back: anybody may have that again"),
                CameBack::LockRanOut => {
                    format!("{from} had {what} for too long: the lock runs out, anybody may have that again")
                }
                _ => format!("{from} is gone: {node} takes {what} back"),
            }
        }
        ShareEvent::Archived { group, why, .. } => match why {
            GivenUp::Rejected => format!("{what} was rejected: share group {group} gives up on that"),
            _ => format!("{what} was delivered as often as it may be: share group {group} gives up on that"),
        },
        ShareEvent::NotAcknowledged { why, .. } => {
            format!("{node} acknowledges {what} in vain: {}", refusal(*why, lang))
        }
        other => format!("{node}: {other}"),
    }
}

pub(super) fn chinese(event: &ShareEvent, node: &str, what: &str, names: &Names) -> String {
    let lang = Lang::Zh;
    match event {
        ShareEvent::Began { group, partition, start, in_flight: 0 } => {
            format!("{node} 开始为共享组 {group} 记录分区 {partition} 的状态，从偏移量 {start} 继续")
        }
        ShareEvent::Began { group, partition, start, in_flight } => format!(
            "{node} 读回共享组 {group} 在分区 {partition} 的状态：从偏移量 {start} 继续，{in_flight} 条还没了结"
        ),
        ShareEvent::Acquired { by, delivery: 1, .. } => {
            format!("{node} 把{what} 单独交给 {}，并加锁", names.node(*by, lang))
        }
        ShareEvent::Acquired { by, delivery, .. } => {
            format!("{node} 把{what} 单独交给 {}，这是第 {delivery} 次投递", names.node(*by, lang))
        }
        ShareEvent::Renewed { by, .. } => format!("{node} 为 {} 续期{what} 的锁", names.node(*by, lang)),
        ShareEvent::Accepted { by, .. } => {
            format!("{node} 已记下：{} 处理完{what}", names.node(*by, lang))
        }
        ShareEvent::Returned { from, why, .. } => {
            let from = names.node(*from, lang);
            match why {
                CameBack::Released => format!("{from} 交还{what}，别人可以再领取"),
                CameBack::LockRanOut => format!("{from} 持有{what} 太久，锁到期，别人可以再领取"),
                _ => format!("{from} 断开了：{node} 收回{what}"),
            }
        }
        ShareEvent::Archived { group, why, .. } => match why {
            GivenUp::Rejected => format!("{what} 被拒绝，共享组 {group} 不再投递"),
            _ => format!("{what} 的投递次数已到上限，共享组 {group} 不再投递"),
        },
        ShareEvent::NotAcknowledged { why, .. } => {
            format!("{node} 确认{what} 未被接受：{}", refusal(*why, lang))
        }
        other => format!("{node}：{other}"),
    }
}

pub(super) fn tone(event: &ShareEvent) -> Tone {
    match event {
        ShareEvent::Accepted { .. } => Tone::Good,
        ShareEvent::Archived { .. } | ShareEvent::NotAcknowledged { .. } => Tone::Harm,
        ShareEvent::Returned { .. } => Tone::Again,
        ShareEvent::Acquired { delivery, .. } if *delivery > 1 => Tone::Again,
        ShareEvent::Began { .. } => Tone::Turn,
        _ => Tone::Plain,
    }
}
