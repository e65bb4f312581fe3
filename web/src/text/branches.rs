//! The words of branches: how one is called, and how two differ.

use mqlab_core::sim::{BranchView, Command};
use mqlab_core::time::Time;

use super::sentence::Names;
use super::{Both, Lang, between, both, faults};

/// The run without anybody's commands.
const AS_WRITTEN: Both = both("as written", "原来的故事");

/// A moment in a name: `412 ms`, with a decimal only where there is one.
fn at_moment(at: Time, lang: Lang) -> String {
    let number = match at.0 % 1_000 / 100 {
        0 => (at.0 / 1_000).to_string(),
        tenth => format!("{}.{tenth}", at.0 / 1_000),
    };
    match lang {
        Lang::En => format!("{number} ms"),
        Lang::Zh => format!("{number} 毫秒"),
    }
}

/// What somebody did, and when: `broker 1 crashes at 412 ms`.
pub fn deed(command: Command, at: Time, names: &Names, lang: Lang) -> String {
    let (what, at) = (faults::command(command, names, lang), at_moment(at, lang));
    match lang {
        Lang::En => format!("{what} at {at}"),
        Lang::Zh => format!("{at}：{what}"),
    }
}

/// All that was done in a branch, in a row.
pub fn deeds(branch: &BranchView, names: &Names, lang: Lang) -> String {
    if branch.commands.is_empty() {
        return AS_WRITTEN.get(lang).into();
    }
    let all: Vec<String> =
        branch.commands.iter().map(|(at, command)| deed(command.clone(), *at, names, lang)).collect();
    all.join(between(lang))
}

/// How a branch is called: as somebody called it, or after the last thing that was done in it.
pub fn name(branch: &BranchView, names: &Names, lang: Lang) -> String {
    if let Some(name) = &branch.name {
        return name.clone();
    }
    let Some((at, command)) = branch.commands.last() else { return AS_WRITTEN.get(lang).into() };
    let last = deed(command.clone(), *at, names, lang);
    match (branch.commands.len() - 1, lang) {
        (0, _) => last,
        (before, Lang::En) => format!("{last} (+{before})"),
        (before, Lang::Zh) => format!("{last}（+{before}）"),
    }
}

/// What a command was, after it was taken back.
pub fn undone(command: Command, at: Time, names: &Names, lang: Lang) -> String {
    let deed = deed(command, at, names, lang);
    match lang {
        Lang::En => format!("taken back: {deed}"),
        Lang::Zh => format!("已撤销：{deed}"),
    }
}

/// A branch's button for a new name, and its button that removes it.
pub fn tools(name: &str, lang: Lang) -> (String, String) {
    match lang {
        Lang::En => (format!("Rename “{name}”"), format!("Remove “{name}”")),
        Lang::Zh => (format!("重命名“{name}”"), format!("删除“{name}”")),
    }
}

/// The mark of the first difference: on the axis, beside the event, on the button that leads there.
pub const FIRST_DIFFERENCE: Both = both("first difference", "首个不同");

/// Two branches that do not differ.
pub const ALIKE: Both = both("These two are the same to the end.", "两个分支直到结尾都一样。");

/// One that has come to its end, where the other goes on.
pub const NOTHING_MORE: Both = both("nothing more happens", "不再有事件");

/// The columns of a comparison: the moment that is looked at, and the end.
pub fn columns(now: Time, lang: Lang) -> (String, &'static str) {
    let at = at_moment(now, lang);
    match lang {
        Lang::En => (format!("at {at}"), "at the end"),
        Lang::Zh => (format!("{at}时"), "结尾"),
    }
}

/// What is compared of messages, in the order of the table.
pub const MESSAGES: [Both; 9] = [
    both("acknowledged", "已确认"),
    both("delivered", "已处理"),
    both("on their way", "在途"),
    both("lost", "丢失"),
    both("doubled", "重复"),
    both("out of order", "乱序"),
    both("came too late", "迟到"),
    both("latency p50, ms", "延迟 p50，毫秒"),
    both("latency p99, ms", "延迟 p99，毫秒"),
];

/// What is compared where there are calls alone.
pub const CALLS: [Both; 6] = [
    both("asked", "请求"),
    both("served", "成功"),
    both("unanswered", "未答复"),
    both("failed", "失败"),
    both("waited p50, ms", "等待 p50，毫秒"),
    both("waited p99, ms", "等待 p99，毫秒"),
];
