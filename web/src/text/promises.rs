//! The words of promises: which of them a run kept, and which it broke.

use mqlab_core::observe::{Judged, Promise};

use super::{Both, Lang, both, row};

/// A promise in a few words.
const fn of(promise: Promise) -> Both {
    match promise {
        Promise::NotLost => both("what was acknowledged is not lost", "已确认的不丢"),
        Promise::ReadStays => both("what was read stays", "读到过的不会消失"),
        Promise::StoredOnce => both("nothing is stored twice", "不重复存储"),
        Promise::InOrder => both("each key stays in order", "同一 key 有序"),
        Promise::Answered => both("everything sent is answered", "发出的都有答复"),
        Promise::AtLeastOnce => both("everything is processed at least once", "至少处理一次"),
        Promise::AtMostOnce => both("nothing is processed twice", "至多处理一次"),
        Promise::EffectivelyOnce => both("everything is processed effectively once", "效果上恰好一次"),
        Promise::Agrees => both("transactions and messages agree", "事务与消息一致"),
        Promise::CommittedOnce => both("what is committed counts once", "提交的只生效一次"),
        Promise::OnlyCommitted => both("nothing uncommitted is seen", "未提交的不可见"),
        Promise::ZombiesFenced => both("nothing of a zombie counts", "僵尸实例的写入不生效"),
        Promise::WithOneAtATime => {
            both("each message is with one member at a time", "同一消息同时只归一个成员")
        }
        Promise::AcceptedIsDone => both("every accepted order is done", "已受理的订单都会办完"),
        _ => both("another promise", "其他承诺"),
    }
}

/// What was kept and what was broken, for a run that is over; nothing where nothing was promised.
pub fn judged(judged: &[Judged], lang: Lang) -> Option<(Both, String)> {
    let named = |kept: bool| {
        let mut names: Vec<String> = Vec::new();
        for promise in Promise::ALL {
            let mut of_it = judged.iter().filter(|judged| judged.promised.promise == promise).peekable();
            if of_it.peek().is_some() && of_it.all(Judged::is_kept) == kept {
                names.push(of(promise).get(lang).to_owned());
            }
        }
        (!names.is_empty()).then(|| row(&names, lang))
    };
    let (kept, broken) = (named(true), named(false));
    let words = match (broken, kept, lang) {
        (None, None, _) => return None,
        (None, Some(kept), Lang::En) => format!("all kept: {kept}"),
        (Some(broken), None, Lang::En) => format!("broken: {broken}"),
        (Some(broken), Some(kept), Lang::En) => format!("broken: {broken}; kept: {kept}"),
        (None, Some(kept), Lang::Zh) => format!("全部兑现：{kept}"),
        (Some(broken), None, Lang::Zh) => format!("违背：{broken}"),
        (Some(broken), Some(kept), Lang::Zh) => format!("违背：{broken}；兑现：{kept}"),
    };
    Some((both("promises", "承诺"), words))
}

#[cfg(test)]
mod tests {
    use super::*;
    use mqlab_core::ids::MessageId;
    use mqlab_core::observe::{Promised, Subject};

    #[test]
    fn what_was_broken_comes_first() {
        let made = |promise, broken: &[u64]| Judged {
            promised: Promised { promise, of: Subject::Producers },
            broken_by: broken.iter().copied().map(MessageId).collect(),
        };
        let words = |all: &[Judged], lang| judged(all, lang).map(|(_, words)| words);
        assert_eq!(words(&[], Lang::En), None);
        let kept = [made(Promise::NotLost, &[]), made(Promise::InOrder, &[])];
        assert_eq!(
            words(&kept, Lang::En).as_deref(),
            Some("all kept: what was acknowledged is not lost and each key stays in order")
        );
        assert_eq!(words(&kept, Lang::Zh).as_deref(), Some("全部兑现：已确认的不丢、同一 key 有序"));
        // One topic kept it, another did not: it is broken.
        let mixed = [made(Promise::NotLost, &[]), made(Promise::NotLost, &[7]), made(Promise::Answered, &[])];
        assert_eq!(
            words(&mixed, Lang::En).as_deref(),
            Some("broken: what was acknowledged is not lost; kept: everything sent is answered")
        );
    }

    #[test]
    fn every_promise_has_its_words() {
        for promise in Promise::ALL {
            assert_ne!(of(promise).get(Lang::En), "another promise", "{promise:?}");
        }
    }
}
