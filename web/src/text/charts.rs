//! The words of the charts, and of the table that compares before and after.

use mqlab_core::observe::Reading;

use super::{Both, Lang, both, lasting};
use crate::scene::charts::Chart;

/// What comes.
pub const IN: Both = both("in", "进");
/// What goes.
pub const OUT: Both = both("out", "出");
/// What waits.
pub const WAITING: Both = both("waiting", "等待");
/// What the slowest group has before it.
pub const LAG: Both = both("group lag", "消费组落后");
/// How long the oldest message has waited.
pub const OLDEST: Both = both("oldest waiting", "最久的已等");
/// The smallest in-sync set.
pub const SMALLEST: Both = both("smallest", "最少");
/// Since the beginning.
pub const SO_FAR: Both = both("so far", "累计");

/// A chart's title, with its unit.
pub const fn title(chart: Chart, calls: bool, lang: Lang) -> &'static str {
    let title = match chart {
        Chart::Rates if calls => both("users per second", "用户/秒"),
        Chart::Rates => both("messages per second", "消息/秒"),
        Chart::Backlog if calls => both("users", "用户数"),
        Chart::Backlog => both("messages", "消息数"),
        Chart::Latency if calls => both("waited, ms", "等待，毫秒"),
        Chart::Latency => both("sent to processed, ms", "发送到处理，毫秒"),
        Chart::InSync => both("replicas in sync", "同步副本数"),
        Chart::Again => both("redelivered", "重新投递"),
    };
    title.get(lang)
}

/// What else there is to say at a moment.
pub fn more(chart: Chart, reading: &Reading, lang: Lang) -> Option<String> {
    if chart != Chart::Backlog || reading.backlog == 0 {
        return None;
    }
    Some(match (reading.drains_in, lang) {
        (Some(span), Lang::En) => format!("empty in {}", lasting(span, lang)),
        (Some(span), Lang::Zh) => format!("再过 {} 排空", lasting(span, lang)),
        (None, Lang::En) => "does not shrink".into(),
        (None, Lang::Zh) => "没有减少".into(),
    })
}

/// The moment that is pointed at.
pub fn at(moment: &str, lang: Lang) -> String {
    match lang {
        Lang::En => format!("{moment} ms"),
        Lang::Zh => format!("{moment} 毫秒"),
    }
}

/// Lines of the table: messages per second that come.
pub const RATE_IN: Both = both("in, per second", "进，每秒");
/// Messages per second that go.
pub const RATE_OUT: Both = both("out, per second", "出，每秒");
/// Messages that wait.
pub const BACKLOG: Both = both("backlog", "积压");
/// How long half of the messages took.
pub const HALF: Both = both("latency p50, ms", "延迟 p50，毫秒");
/// How long nearly all took.
pub const NEARLY_ALL: Both = both("latency p99, ms", "延迟 p99，毫秒");
/// The smallest in-sync set.
pub const IN_SYNC: Both = both("in sync", "同步副本");
/// Acknowledged messages that are lost.
pub const LOST: Both = both("lost", "丢失");

/// What stands above the table: the fault, and when it was.
pub fn fault(words: &str, moment: &str, lang: Lang) -> String {
    match lang {
        Lang::En => format!("{moment} ms: {words}"),
        Lang::Zh => format!("{moment} 毫秒：{words}"),
    }
}

/// Where no fault was yet.
pub const NO_FAULT: Both = both(
    "After a fault, what was before it stands here beside what is now.",
    "发生故障后，这里对照故障前和现在的数据。",
);
