//! The words of the views beside the stage: space and time, and the logs.

use mqlab_core::sim::picture::StripView;
use mqlab_core::time::Time;

use super::{Both, Lang, between, both};

/// The unit of the ruler.
pub const MILLISECONDS: Both = both("ms", "毫秒");
/// A node that does not run.
pub const DOWN: Both = both("down", "宕机");
/// A node whose process stands still.
pub const STANDS_STILL: Both = both("stands still", "停顿");
/// A system without brokers.
pub const NO_LOGS: Both = both(
    "Nothing is kept here: there is no queue, and no topic.",
    "这里什么也不保存：没有队列，也没有主题。",
);

/// What is summed up where very many packets travelled: how many, and from when on they are known.
pub fn summed(ways: usize, bundled: bool, since: Option<Time>, lang: Lang) -> Option<String> {
    let bands = || match lang {
        Lang::En => format!("{ways} packets here: those alike are drawn as one band, with their number"),
        Lang::Zh => format!("这里有 {ways} 个数据包：相同的画成一条带，旁边是数量"),
    };
    let before = |since: Time| match lang {
        Lang::En => format!("what left before {since} ms is too much to be drawn"),
        Lang::Zh => format!("{since} 毫秒之前发出的太多，没有画"),
    };
    let parts: Vec<String> = bundled.then(bands).into_iter().chain(since.map(before)).collect();
    (!parts.is_empty()).then(|| parts.join(if lang == Lang::En { "; " } else { "；" }))
}

/// The logs that are not drawn, because there are so many: how many, and how many records they hold.
pub fn more_logs(logs: usize, records: u64, lang: Lang) -> String {
    match lang {
        Lang::En => format!("and {logs} more logs, with {records} records in all"),
        Lang::Zh => format!("还有 {logs} 个日志，共 {records} 条记录"),
    }
}

/// In a small pane: how many logs lie below what is seen.
pub fn below(logs: usize, lang: Lang) -> String {
    match (logs, lang) {
        (1, Lang::En) => "↓ one more log".into(),
        (_, Lang::En) => format!("↓ {logs} more logs"),
        (_, Lang::Zh) => format!("↓ 还有 {logs} 个日志"),
    }
}

/// What is known of a partition as a whole: who leads it, and how far it is committed.
pub fn partition(leader: Option<(String, &StripView)>, is_ledger: bool, lang: Lang) -> String {
    let Some((name, strip)) = leader else {
        return match lang {
            // The entries of a ledger nobody leads: who writes them stands with its topic.
            _ if is_ledger => "",
            Lang::En => "nobody leads it",
            Lang::Zh => "没有 leader",
        }
        .into();
    };
    let owner = matches!(strip.role, mqlab_core::sim::picture::Role::Owner { .. });
    let mut parts = vec![match lang {
        Lang::En if owner => format!("owned by {name}"),
        Lang::Zh if owner => format!("拥有者是 {name}"),
        Lang::En => format!("led by {name}"),
        Lang::Zh => format!("leader 是 {name}"),
    }];
    if let mqlab_core::sim::picture::Role::Owner { ledger } = strip.role {
        parts.push(format!("ledger {ledger}"));
    }
    if let mqlab_core::sim::picture::Role::Leader { epoch } = strip.role {
        parts.push(match lang {
            Lang::En => format!("epoch {epoch}"),
            Lang::Zh => format!("纪元 {epoch}"),
        });
    }
    if let Some(mark) = strip.high_watermark {
        parts.push(match lang {
            Lang::En => format!("high watermark {mark}"),
            Lang::Zh => format!("高水位 {mark}"),
        });
    }
    if let Some(stable) = strip.last_stable {
        parts.push(match lang {
            Lang::En => format!("last stable {stable}"),
            Lang::Zh => format!("最后稳定偏移量 {stable}"),
        });
    }
    parts.join(between(lang))
}

/// What is known of a queue.
pub fn queue(broker: &str, strip: &StripView, lang: Lang) -> String {
    let Some(queue) = &strip.queue else { return broker.into() };
    let (ready, out) = (queue.ready, queue.unacked);
    let mut parts = vec![match lang {
        Lang::En => format!("on {broker}"),
        Lang::Zh => format!("在 {broker} 上"),
    }];
    parts.push(match lang {
        Lang::En => format!("{ready} ready, {out} with consumers"),
        Lang::Zh => format!("{ready} 条待投递，{out} 条在消费者手里"),
    });
    if queue.waiting > 0 {
        parts.push(match lang {
            Lang::En => format!("{} wait for their moment", queue.waiting),
            Lang::Zh => format!("{} 条还没到时候", queue.waiting),
        });
    }
    parts.join(between(lang))
}

/// A replica holds something else than its leader, from an offset on.
pub fn differs(offset: u64, lang: Lang) -> String {
    match lang {
        Lang::En => format!("differs from {offset}"),
        Lang::Zh => format!("从 {offset} 起不同"),
    }
}

/// The first offset that a log still holds.
pub fn start(offset: u64, lang: Lang) -> String {
    match lang {
        Lang::En => format!("starts at {offset}"),
        Lang::Zh => format!("从 {offset} 开始"),
    }
}

/// Where a group goes on, and how far that is from the end.
pub fn group(name: &str, next: u64, lag: u64, lang: Lang) -> String {
    match lang {
        Lang::En => format!("{name} {next}, lag {lag}"),
        Lang::Zh => format!("{name} {next}，落后 {lag}"),
    }
}
