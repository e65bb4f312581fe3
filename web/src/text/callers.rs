//! The words of users, services and calls.

use mqlab_core::observe::{Answer, OrderEvent};
use mqlab_core::sim::picture::{Picture, ServiceView, UserView};

use super::sentence::{Names, Tone};
use super::{Both, Lang, both, lasting, stage};

/// Above those who ask.
const USERS: Both = both("users", "用户");
/// Above those who work.
const SERVICES: Both = both("services", "服务");

/// Above the left column: who sends, or who asks.
pub fn askers(picture: &Picture, lang: Lang) -> String {
    if picture.users.is_empty() { stage::PRODUCERS.get(lang).into() } else { USERS.get(lang).into() }
}

/// Above the right column: who receives, or who works.
pub fn workers(picture: &Picture, lang: Lang) -> String {
    match (picture.consumers.is_empty(), picture.services.is_empty()) {
        (true, false) => SERVICES.get(lang).into(),
        _ => stage::readers(&picture.consumers, picture.system, lang),
    }
}

/// What came of a call, within a sentence.
pub fn answer(answer: Answer, lang: Lang) -> &'static str {
    let (en, zh) = match answer {
        Answer::Done => ("done", "已完成"),
        Answer::Accepted => ("accepted", "已受理"),
        Answer::Failed => ("failed", "失败"),
        Answer::Overloaded => ("overloaded", "过载"),
        Answer::TimedOut => ("no answer in time", "超时未答复"),
        Answer::Unreachable => ("cannot be reached", "连不上"),
        _ => ("an unknown answer", "未知答复"),
    };
    match lang {
        Lang::En => en,
        Lang::Zh => zh,
    }
}

pub(super) fn english(event: &OrderEvent, node: &str, names: &Names) -> String {
    let lang = Lang::En;
    let order = format!("order {}", event.order().0);
    match event {
        OrderEvent::Asked { of, .. } => format!("{node} ask {} for {order}", names.node(*of, lang)),
        OrderEvent::Waiting { ahead: 0, .. } => format!("{node} is busy: {order} waits"),
        OrderEvent::Waiting { ahead, .. } => format!("{node} is busy: {order} waits behind {ahead} others"),
        OrderEvent::TurnedAway { .. } => format!("{node} has no room for {order} and turns it away"),
        OrderEvent::Began { .. } => format!("{node} begins {order}"),
        OrderEvent::Put { message, .. } => format!("{node} writes message {} for {order}", message.0),
        OrderEvent::TriesAgain { of, why, .. } => {
            format!("{node} will call {} again for {order}: {}", names.node(*of, lang), answer(*why, lang))
        }
        OrderEvent::Worked { .. } => format!("{node} has done its part of {order}"),
        OrderEvent::GaveUp { by, .. } if names.node(*by, lang) == node => {
            format!("{node} cannot do its part of {order}")
        }
        OrderEvent::GaveUp { by, why, .. } => {
            format!("{node} gives {order} up because of {}: {}", names.node(*by, lang), answer(*why, lang))
        }
        OrderEvent::Answered { answer: told, waited, .. } if told.is_success() => {
            format!("{node} hear after {} that {order} is {}", lasting(*waited, lang), answer(*told, lang))
        }
        OrderEvent::Answered { answer: told, waited, .. } => {
            format!(
                "{node} get an error for {order} after {}: {}",
                lasting(*waited, lang),
                answer(*told, lang)
            )
        }
        OrderEvent::Notified { done: true, after, .. } => {
            format!("{node} are let know, {} after asking, that {order} is done", lasting(*after, lang))
        }
        OrderEvent::Notified { done: false, after, .. } => {
            format!("{node} are let know, {} after asking, that {order} failed", lasting(*after, lang))
        }
        OrderEvent::Fulfilled { after, .. } => {
            format!("{order} of {node} is really done, {} after it was asked for", lasting(*after, lang))
        }
        OrderEvent::Disappointed { .. } => {
            format!("{order} failed, and {node} had been told that all is well")
        }
        other => format!("{node}: {other}"),
    }
}

pub(super) fn chinese(event: &OrderEvent, node: &str, names: &Names) -> String {
    let lang = Lang::Zh;
    let order = format!("订单 {}", event.order().0);
    match event {
        OrderEvent::Asked { of, .. } => format!("{node} 向 {} 提交{order}", names.node(*of, lang)),
        OrderEvent::Waiting { ahead: 0, .. } => format!("{node} 忙不过来：{order} 在等待"),
        OrderEvent::Waiting { ahead, .. } => format!("{node} 忙不过来：{order} 在等待，前面还有 {ahead} 个"),
        OrderEvent::TurnedAway { .. } => format!("{node} 没有余力，拒绝了{order}"),
        OrderEvent::Began { .. } => format!("{node} 开始处理{order}"),
        OrderEvent::Put { message, .. } => format!("{node} 为{order} 写了消息 {}", message.0),
        OrderEvent::TriesAgain { of, why, .. } => {
            format!("{node} 会为{order} 再次调用 {}：{}", names.node(*of, lang), answer(*why, lang))
        }
        OrderEvent::Worked { .. } => format!("{node} 做完了{order} 中自己的部分"),
        OrderEvent::GaveUp { by, .. } if names.node(*by, lang) == node => {
            format!("{node} 办不成{order} 中自己的部分")
        }
        OrderEvent::GaveUp { by, why, .. } => {
            format!("{node} 因 {} 而放弃{order}：{}", names.node(*by, lang), answer(*why, lang))
        }
        OrderEvent::Answered { answer: told, waited, .. } if told.is_success() => {
            format!("{node} 等了 {} 后得知：{order} {}", lasting(*waited, lang), answer(*told, lang))
        }
        OrderEvent::Answered { answer: told, waited, .. } => {
            format!("{node} 等了 {} 后，{order} 报错：{}", lasting(*waited, lang), answer(*told, lang))
        }
        OrderEvent::Notified { done: true, after, .. } => {
            format!("{node} 在提交 {} 后收到通知：{order} 已完成", lasting(*after, lang))
        }
        OrderEvent::Notified { done: false, after, .. } => {
            format!("{node} 在提交 {} 后收到通知：{order} 失败", lasting(*after, lang))
        }
        OrderEvent::Fulfilled { after, .. } => {
            format!("{node} 的{order} 在提交 {} 后真正完成", lasting(*after, lang))
        }
        OrderEvent::Disappointed { .. } => format!("{order} 失败了，而 {node} 此前已被告知成功"),
        other => format!("{node}：{other}"),
    }
}

/// How a fact about an order looks in a list.
pub(super) fn tone(event: &OrderEvent) -> Tone {
    match event {
        OrderEvent::Fulfilled { .. } | OrderEvent::Notified { done: true, .. } => Tone::Good,
        OrderEvent::Answered { answer, .. } if answer.is_success() => Tone::Good,
        OrderEvent::Answered { .. }
        | OrderEvent::TurnedAway { .. }
        | OrderEvent::GaveUp { .. }
        | OrderEvent::Disappointed { .. }
        | OrderEvent::Notified { done: false, .. } => Tone::Harm,
        OrderEvent::TriesAgain { .. } => Tone::Again,
        _ => Tone::Plain,
    }
}

/// How many of a service's workers are busy, and how many orders wait.
pub fn busy(service: &ServiceView, lang: Lang) -> String {
    let (busy, workers, waiting) = (service.working.len(), service.workers, service.waiting.len());
    match (waiting, lang) {
        (0, Lang::En) => format!("{busy} of {workers} busy"),
        (0, Lang::Zh) => format!("忙碌 {busy}/{workers}"),
        (_, Lang::En) => format!("{busy} of {workers} busy, {waiting} wait"),
        (_, Lang::Zh) => format!("忙碌 {busy}/{workers}，等待 {waiting}"),
    }
}

/// What a service has done, and what it has not.
pub fn worked(service: &ServiceView, lang: Lang) -> String {
    let (worked, errors) = (service.worked, service.gave_up + service.turned_away);
    match (errors, lang) {
        (0, _) => stage::done(worked, lang),
        (_, Lang::En) => format!("{worked} done, {errors} not"),
        (_, Lang::Zh) => format!("完成 {worked}，失败 {errors}"),
    }
}

/// How many users wait for an answer.
pub fn waiting(user: &UserView, lang: Lang) -> String {
    match lang {
        Lang::En => format!("{} wait", user.waiting),
        Lang::Zh => format!("{} 人在等", user.waiting),
    }
}

/// How many users were answered well, and how many were not.
pub fn answered(user: &UserView, lang: Lang) -> String {
    let (good, errors) = (user.done + user.accepted, user.errors);
    match (errors, lang) {
        (0, Lang::En) => format!("{good} answered"),
        (0, Lang::Zh) => format!("已答复 {good}"),
        (_, Lang::En) => format!("{good} good, {errors} not"),
        (_, Lang::Zh) => format!("成功 {good}，失败 {errors}"),
    }
}
