//! The words of the verdict: its counts, what each of them means, and the lines of figures below.

use mqlab_core::observe::{Answer, OrderMetrics, PullMetrics};
use mqlab_core::time::Span;

use super::{Both, Lang, both, callers, row};
use crate::desk::action::Count;

/// How many messages are not named.
pub fn more(count: usize, lang: Lang) -> String {
    match lang {
        Lang::En => format!("and {count} more"),
        Lang::Zh => format!("还有 {count} 条"),
    }
}

/// What became of users, where there are no messages: label and meaning.
pub const USERS: [(Both, Both); 6] = [
    (both("asked", "请求"), both("Orders that users asked for", "用户提交的订单")),
    (both("served", "成功"), both("Their users were told “done”", "用户得到了“已完成”的答复")),
    (both("waiting", "等待中"), both("Users without an answer so far", "还没有得到答复的用户")),
    (
        both("failed", "失败"),
        both("Users who were told no, or heard nothing in time", "被拒绝、失败或超时未得到答复的用户"),
    ),
    (
        both("ms, half", "毫秒，P50"),
        both("Half of the answers came within this time (p50)", "一半的答复在这段时间之内（P50）"),
    ),
    (
        both("ms, p99", "毫秒，P99"),
        both("99 of 100 answers came within this time (p99)", "99% 的答复在这段时间之内（P99）"),
    ),
];

/// What is on its way when the run is over.
pub const STUCK: (Both, Both) =
    (both("stuck", "滞留"), both("The run is over, and nobody has processed them", "运行结束时还没有人处理"));

/// Of those that are always there, and no harm.
const fn plain(count: Count) -> (Both, Both) {
    match count {
        Count::Acknowledged => {
            (both("acknowledged", "已确认"), both("Their producer was told “stored”", "生产者已得知“已存好”"))
        }
        Count::Delivered => (
            both("delivered", "已投递"),
            both("A consumer's program is done with them", "消费者的程序已处理完"),
        ),
        _ => (
            both("on their way", "在途"),
            both(
                "Sent, and neither done nor given up: they may yet come",
                "已发送，还没有处理完，也没有放弃：之后还会到",
            ),
        ),
    }
}

/// The label of a count that can be opened, and what it means.
pub const fn of(count: Count) -> (Both, Both) {
    match count {
        Count::Acknowledged | Count::Delivered | Count::OnTheirWay => plain(count),
        Count::Lost => (
            both("lost", "丢失"),
            both("Acknowledged, and nobody will ever get them", "已确认，但再也不会有人收到"),
        ),
        Count::Doubled => (
            both("doubled", "重复"),
            both("Processed more than once for the same purpose", "为同一个目的处理了不止一次"),
        ),
        Count::Reordered => (
            both("out of order", "乱序"),
            both("Came after a later message of the same key", "排在同一 key 更晚的消息之后才到"),
        ),
        Count::Dead => (
            both("dead letters", "死信"),
            both(
                "Expired, too many, refused or failed too often: moved to a queue for such messages, where nobody has processed them",
                "过期、放不下、被拒绝或失败次数太多：已移到死信队列，还没有人处理",
            ),
        ),
        Count::Dropped => (
            both("dropped", "丢弃"),
            both(
                "A queue let them go as it was told to: expired, too many, refused too often, fitting no queue, or removed with their queue or topic",
                "队列按设置丢弃：过期、放不下、重投次数太多、没有队列可去，或随队列、主题一起删掉",
            ),
        ),
        Count::Returned => (
            both("returned", "退回"),
            both(
                "Mandatory, and fitting no queue: their producer has them back, and knows it",
                "设为 mandatory 却没有队列可去：已退回给生产者，生产者也知道",
            ),
        ),
        Count::GivenUp => (
            both("given up", "放弃"),
            both(
                "A broker will never take them, or did not acknowledge them in time: their producer knows",
                "Broker 永远不会接收，或没有在时限内确认：生产者已知道",
            ),
        ),
        Count::Trimmed => (
            both("trimmed", "被清理"),
            both(
                "Retention took them from the log before anybody had processed them",
                "还没有人处理，就因保留策略从日志里清掉了",
            ),
        ),
        Count::Superseded => (
            both("superseded", "被取代"),
            both(
                "Nobody had processed them when a later message of the same key took their place in the table",
                "还没有人处理，就被同一个 key 的新消息取代，从表里清掉了",
            ),
        ),
        Count::Archived => (
            both("archived", "已归档"),
            both(
                "A share group gave them up: rejected, or delivered too often. The log still has them",
                "共享组放弃投递：被拒绝，或投递次数已到上限。日志里仍有",
            ),
        ),
        Count::Invented => (
            both("invented", "凭空多出"),
            both(
                "Processed, though their transaction was rolled back: no such order exists",
                "处理了，但对应的事务已回滚：并没有这个订单",
            ),
        ),
        Count::Unheard => (
            both("unheard", "无人知晓"),
            both(
                "Their transaction was committed, and no message will ever tell of it",
                "事务提交了，却再也不会有消息通知任何人",
            ),
        ),
    }
}

/// What one count adds to the sentence: one message, many, and in Chinese.
const fn said(count: Count) -> (&'static str, &'static str, &'static str) {
    match count {
        Count::Acknowledged => ("message is acknowledged", "messages are acknowledged", "消息已确认"),
        Count::Delivered => ("message is delivered", "messages are delivered", "消息已投递"),
        Count::OnTheirWay => ("message is on its way", "messages are on their way", "消息在途"),
        Count::Lost => ("acknowledged message is lost", "acknowledged messages are lost", "已确认的消息丢失"),
        Count::Doubled => {
            ("message was delivered more than once", "messages were delivered more than once", "消息重复投递")
        }
        Count::Reordered => ("message came out of order", "messages came out of order", "消息乱序"),
        Count::Dead => ("message is a dead letter", "messages are dead letters", "消息成了死信"),
        Count::Dropped => ("message was dropped as told", "messages were dropped as told", "消息按设置丢弃"),
        Count::Returned => {
            ("message came back to its producer", "messages came back to their producers", "消息退回给生产者")
        }
        Count::GivenUp => ("message was given up", "messages were given up", "消息被生产者放弃"),
        Count::Trimmed => (
            "message was trimmed before it was read",
            "messages were trimmed before they were read",
            "消息还没读就被清理",
        ),
        Count::Superseded => (
            "message was superseded before it was read",
            "messages were superseded before they were read",
            "消息还没读就被新值取代",
        ),
        Count::Archived => ("message was archived", "messages were archived", "消息已归档"),
        Count::Invented => ("order does not exist", "orders do not exist", "消息所说的订单并不存在"),
        Count::Unheard => ("order was never heard of", "orders were never heard of", "订单没有人知道"),
    }
}

/// The verdict in a sentence.
pub fn sentence(found: &[(Count, usize)], lang: Lang) -> String {
    let words = |&(count, number): &(Count, usize)| {
        let (one, many, zh) = said(count);
        match (number, lang) {
            (1, Lang::En) => format!("1 {one}"),
            (_, Lang::En) => format!("{number} {many}"),
            (_, Lang::Zh) => {
                let measure = if count == Count::Unheard { "个" } else { "条" };
                format!("{number} {measure}{zh}")
            }
        }
    };
    let broken = |&&(count, number): &&(Count, usize)| number > 0 && count.breaks_a_promise();
    let as_told = |&&(count, number): &&(Count, usize)| number > 0 && !count.breaks_a_promise();
    let mut parts: Vec<String> = found.iter().filter(broken).map(words).collect();
    let mild: Vec<String> = found.iter().filter(as_told).map(words).collect();
    if parts.is_empty() {
        let none = match lang {
            Lang::En => "No promise was broken",
            Lang::Zh => "没有违背任何承诺",
        };
        return match (mild.is_empty(), lang) {
            (true, Lang::En) => format!("{none}."),
            (true, Lang::Zh) => format!("{none}。"),
            (false, Lang::En) => format!("{none}; {}.", row(&mild, lang)),
            (false, Lang::Zh) => format!("{none}；{}。", mild.join("，")),
        };
    }
    parts.extend(mild);
    match lang {
        Lang::En => format!("{}.", row(&parts, lang)),
        Lang::Zh => format!("{}。", parts.join("，")),
    }
}

/// A time in milliseconds, with one decimal where it says something.
pub fn tenths(span: Span) -> String {
    match span.0 {
        0..100_000 => format!("{}.{}", span.0 / 1_000, span.0 % 1_000 / 100),
        _ => (span.0 / 1_000).to_string(),
    }
}

fn milliseconds(span: Span, lang: Lang) -> String {
    let unit = match lang {
        Lang::En => "ms",
        Lang::Zh => "毫秒",
    };
    format!("{} {unit}", tenths(span))
}

/// How many users were told no, and why, in a sentence.
pub fn answers(orders: &OrderMetrics, lang: Lang) -> String {
    let bad = orders.answered.iter().filter(|(answer, _)| !answer.is_success());
    let bad: Vec<String> = bad.map(|(&answer, &count)| counted(answer, count, lang)).collect();
    match (bad.is_empty(), lang) {
        (true, Lang::En) => "No user was told no.".into(),
        (true, Lang::Zh) => "没有用户失败。".into(),
        (false, Lang::En) => format!("Of the failed: {}.", bad.join(", ")),
        (false, Lang::Zh) => format!("失败的用户：{}。", bad.join("，")),
    }
}

fn counted(answer: Answer, count: u64, lang: Lang) -> String {
    let word = callers::answer(answer, lang);
    match lang {
        Lang::En => format!("{count} {word}"),
        Lang::Zh => format!("{count} 个{word}"),
    }
}

/// Users, where there are messages besides.
pub fn users(orders: &OrderMetrics, lang: Lang) -> (Both, String) {
    let answers: Vec<String> =
        orders.answered.iter().map(|(&answer, &count)| counted(answer, count, lang)).collect();
    let (waited, done) = (orders.waited.figures(), orders.until_fulfilled.figures());
    let ms = |span| milliseconds(span, lang);
    let mut words = match lang {
        Lang::En => format!("{} asked", orders.asked),
        Lang::Zh => format!("{} 个请求", orders.asked),
    };
    if waited.count > 0 {
        let between = super::between(lang);
        words += between;
        words += &answers.join(between);
        words += &match lang {
            Lang::En => format!("; answered in {} (p50), {} (p99)", ms(waited.p50), ms(waited.p99)),
            Lang::Zh => format!("；答复用时 {}（P50）、{}（P99）", ms(waited.p50), ms(waited.p99)),
        };
    }
    if done.count > 0 {
        words += &match lang {
            Lang::En => format!("; {} really done, in {} (p50)", done.count, ms(done.p50)),
            Lang::Zh => format!("；真正完成 {} 个，用时 {}（P50）", done.count, ms(done.p50)),
        };
    }
    (both("users", "用户"), words)
}

/// Windows that were counted.
pub fn windows(pulls: &PullMetrics, lang: Lang) -> (Both, String) {
    let PullMetrics { windows, counted, late, corrected, .. } = pulls;
    let waited = milliseconds(pulls.waited_mean(), lang);
    let words = match lang {
        Lang::En => format!(
            "{windows} closed, {counted} messages counted, {late} missing because late, {corrected} corrected; \
             given out {waited} after their ends on average"
        ),
        Lang::Zh => format!(
            "已关闭 {windows} 个，计入 {counted} 条，迟到漏计 {late} 条，更正 {corrected} 次；结束后平均 {waited}给出结果"
        ),
    };
    (both("windows", "窗口"), words)
}

/// What compaction took, each copy counted.
pub fn compaction(pulls: &PullMetrics, lang: Lang) -> (Both, String) {
    let PullMetrics { compacted, compacted_bytes, .. } = pulls;
    let words = match lang {
        Lang::En => format!("{compacted} superseded and removed, {compacted_bytes} bytes less"),
        Lang::Zh => format!("{compacted} 条旧值被清掉，省下 {compacted_bytes} 字节"),
    };
    (both("compaction", "日志压缩"), words)
}

/// What retention took.
pub fn retention(pulls: &PullMetrics, lang: Lang) -> (Both, String) {
    let PullMetrics { trimmed, offsets_gone, .. } = pulls;
    let words = match (lang, offsets_gone) {
        (Lang::En, 0) => format!("{trimmed} taken from the log"),
        (Lang::En, 1) => format!("{trimmed} taken from the log; a reader's offset was gone once"),
        (Lang::En, _) => {
            format!("{trimmed} taken from the log; a reader's offset was gone {offsets_gone} times")
        }
        (Lang::Zh, 0) => format!("从日志清掉 {trimmed} 条"),
        (Lang::Zh, _) => format!("从日志清掉 {trimmed} 条；{offsets_gone} 次发现要读的偏移量已不在"),
    };
    (both("retention", "保留策略"), words)
}

/// What consumers kept of their own.
pub fn staged(pulls: &PullMetrics, lang: Lang) -> (Both, String) {
    let PullMetrics { recovered, forgotten, .. } = pulls;
    let words = match lang {
        Lang::En => {
            format!("{recovered} found again on their own disks, {forgotten} noted as done and forgotten")
        }
        Lang::Zh => format!("从自己的磁盘找回 {recovered} 条；记为已取却丢在内存里 {forgotten} 条"),
    };
    (both("consumers", "消费者"), words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_is_a_sentence() {
        assert_eq!(sentence(&[(Count::Lost, 0), (Count::Dropped, 0)], Lang::En), "No promise was broken.");
        let found = [(Count::Lost, 2), (Count::Doubled, 1), (Count::Reordered, 0)];
        assert_eq!(
            sentence(&found, Lang::En),
            "2 acknowledged messages are lost and 1 message was delivered more than once."
        );
        assert_eq!(sentence(&found, Lang::Zh), "2 条已确认的消息丢失，1 条消息重复投递。");
    }

    #[test]
    fn what_was_told_to_go_is_no_broken_promise() {
        let found = [(Count::Lost, 0), (Count::Dropped, 3)];
        assert_eq!(sentence(&found, Lang::En), "No promise was broken; 3 messages were dropped as told.");
        assert_eq!(sentence(&found, Lang::Zh), "没有违背任何承诺；3 条消息按设置丢弃。");
        let found = [(Count::Dropped, 1), (Count::Unheard, 1)];
        assert_eq!(
            sentence(&found, Lang::En),
            "1 order was never heard of and 1 message was dropped as told."
        );
    }

    #[test]
    fn times_are_read_at_a_glance() {
        assert_eq!([Span(4_191), Span(99_950), Span(377_258)].map(tenths), ["4.1", "99.9", "377"]);
    }
}
