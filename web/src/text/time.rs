//! The words of time: what a mark on the axis stands for, why the run is slow just now, and what was jumped over.

use mqlab_core::observe::{Landmark, Stamped, Turn};
use mqlab_core::time::{Span, Time};

use super::sentence::{Names, sentence};
use super::{Both, Lang, both, lasting, moment, spaced};
use crate::player::span_words;

/// A kind of turn in a few words, as a reason to be slow.
pub const fn turn(turn: Turn) -> Both {
    match turn {
        Turn::Loss => both("a loss", "消息丢失"),
        Turn::Doubling => both("a second processing", "重复处理"),
        Turn::CopyLost => both("a lost copy", "副本数据丢失"),
        Turn::Crash => both("a crash", "宕机"),
        Turn::Election => both("an election", "选举"),
        Turn::Rebalance => both("a rebalance", "重平衡"),
        Turn::Fault => both("a fault", "故障"),
        Turn::Refusal => both("the first refusal", "首次拒绝"),
        Turn::Redelivery => both("a redelivery", "重新投递"),
        Turn::Return => both("a return", "恢复"),
        _ => both("a turn", "转折"),
    }
}

/// A mark on the axis: what happened there.
pub fn mark(mark: &Landmark, fact: &Stamped, names: &Names, lang: Lang) -> String {
    let said = || sentence(fact, names, lang);
    match (mark.turn, mark.messages, lang) {
        (Turn::Loss, 1, Lang::En) => "1 acknowledged message is lost for good".into(),
        (Turn::Loss, count, Lang::En) => format!("{count} acknowledged messages are lost for good"),
        (Turn::Loss, count, Lang::Zh) => format!("{count} 条已确认的消息彻底丢失"),
        (Turn::Doubling, 1, Lang::En) => "1 message is processed once too often".into(),
        (Turn::Doubling, count, Lang::En) => format!("{count} messages are processed once too often"),
        (Turn::Doubling, count, Lang::Zh) => format!("{count} 条消息被重复处理"),
        (Turn::Refusal, _, Lang::En) => format!("first refusal: {}", said()),
        (Turn::Refusal, _, Lang::Zh) => spaced(&format!("首次拒绝：{}", said())),
        _ => said(),
    }
}

/// Marks that lie so close that they show as one: the gravest by name, the others by their number.
pub fn marks(first: &str, others: usize, at: Time, lang: Lang) -> String {
    let at = moment(at);
    match (others, lang) {
        (0, Lang::En) => format!("{at} ms: {first}"),
        (0, Lang::Zh) => format!("{at} 毫秒：{first}"),
        (others, Lang::En) => format!("{at} ms: {first}, and {others} more"),
        (others, Lang::Zh) => format!("{at} 毫秒：{first}，另有 {others} 处"),
    }
}

/// The moment under the pointer.
pub fn here(at: Time, lang: Lang) -> String {
    match lang {
        Lang::En => format!("{} ms", moment(at)),
        Lang::Zh => format!("{} 毫秒", moment(at)),
    }
}

/// Why the run is slow just now: what a second is, and what decides itself.
pub fn slowed(second: Span, why: Turn, lang: Lang) -> String {
    let (second, why) = (span_words(second, lang), turn(why).get(lang));
    match lang {
        Lang::En => format!("slow for {why} (1 s = {second})"),
        Lang::Zh => spaced(&format!("因{why}放慢（1 秒 = {second}）")),
    }
}

/// The same where the run goes by steps.
pub fn lingers(why: Turn, lang: Lang) -> String {
    let why = turn(why).get(lang);
    match lang {
        Lang::En => format!("a longer pause: {why}"),
        Lang::Zh => format!("多停一会儿：{why}"),
    }
}

/// A stretch in which nothing happened, and over which the run has jumped.
pub fn leapt(over: Span, lang: Lang) -> String {
    let over = lasting(over, lang);
    match lang {
        Lang::En => format!("jumped {over} without an event"),
        Lang::Zh => format!("跳过了没有事件的 {over}"),
    }
}
