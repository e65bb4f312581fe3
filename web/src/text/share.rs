//! The words of links and files: what can be taken along, and what is wrong with what is brought.

use mqlab_core::sim::{Action, BadFile, BadPacked, SCENARIO_FILE_MAX};
use mqlab_core::time::Time;

use super::{Both, Lang, both};
use crate::link::{BadLink, COMMANDS_MAX, VIEWS};

/// Texts that the page's elements name.
pub const TEXTS: &[(&str, Both)] = &[
    ("share", both("Share", "分享")),
    ("share-menu", both("Take along or bring", "带走或带来")),
    ("copy-link", both("Copy link", "复制链接")),
    ("copy-link-hint", both("this moment, with everything you did", "当前时刻，包括你做过的一切")),
    ("keep-svg", both("Save picture (SVG)", "保存图片（SVG）")),
    ("keep-svg-hint", both("the stage, sharp at any size", "舞台，放大也清晰")),
    ("keep-png", both("Save picture (PNG)", "保存图片（PNG）")),
    ("keep-png-hint", both("the stage, for chats and slides", "舞台，适合聊天和幻灯片")),
    ("keep-scenario", both("Save scenario (JSON)", "保存场景（JSON）")),
    ("keep-scenario-hint", both("for mqlab run, and for this page", "可交给 mqlab run，也可在本页打开")),
    ("keep-events", both("Save events (JSON Lines)", "保存事件（JSON Lines）")),
    ("keep-events-hint", both("what has happened so far", "到目前为止发生的一切")),
    ("open-file", both("Open scenario file…", "打开场景文件…")),
    ("open-file-hint", both("or drop one anywhere on the page", "也可以把文件拖到页面任意位置")),
    ("link-copied", both("The link is copied.", "链接已复制。")),
    (
        "link-refused",
        both(
            "The browser gives no access to the clipboard. Here is the link, selected: copy it with Ctrl+C or ⌘C.",
            "浏览器不允许写剪贴板。链接在这里，已选中：按 Ctrl+C 或 ⌘C 复制。",
        ),
    ),
    (
        "link-none",
        both(
            "This scenario is too large for a link. Save it as a file instead.",
            "这个场景太大，放不进链接。请改为保存成文件。",
        ),
    ),
    ("link-field", both("The link", "链接")),
    ("drop-here", both("Drop a scenario file to open it", "松开即打开场景文件")),
    (
        "unremembered",
        both(
            "This browser lets the page remember nothing: language and colours will be the usual ones next time.",
            "浏览器不允许本页保存任何东西：下次打开时，语言和配色会恢复默认。",
        ),
    ),
];

/// A link that cannot be followed.
pub fn bad_link(why: &BadLink, lang: Lang) -> String {
    let (en, zh) = match why {
        BadLink::Seed(seed) => (
            format!("The link's seed “{seed}” is not a whole number from 0 to {}.", u64::MAX),
            format!("链接里的种子“{seed}”不是 0 到 {} 之间的整数，", u64::MAX),
        ),
        BadLink::Lang(tag) => {
            return match lang {
                Lang::En => format!("This page does not speak “{tag}”; it speaks en and zh."),
                Lang::Zh => format!("本页没有“{tag}”这种语言，只有 en 和 zh。"),
            };
        }
        BadLink::Engine(theirs) => {
            let ours = mqlab_core::VERSION;
            (
                format!(
                    "Engine {theirs} made this link, and this page has engine {ours}: the same seed would give another run."
                ),
                format!("这个链接来自引擎 {theirs}，本页的引擎是 {ours}：同样的种子会得到不同的运行，"),
            )
        }
        BadLink::CutOff => (
            "The end of the link is missing, where the engine's version stands (v=…): was all of it copied?"
                .into(),
            "链接的末尾（引擎版本 v=…）不完整，是不是没有复制全？".into(),
        ),
        BadLink::Command(line) => (
            format!("“{line}” in the link is no command with its moment, such as “412.8 crash broker-1”."),
            format!("链接里的“{line}”不是带时刻的命令，例如“412.8 crash broker-1”，"),
        ),
        BadLink::TooMany(count) => (
            format!("The link has {count} commands, and at most {COMMANDS_MAX} are carried out."),
            format!("链接里有 {count} 条命令，最多执行 {COMMANDS_MAX} 条，"),
        ),
        BadLink::Packed(why) => packed(why),
        BadLink::View(view) => (
            format!(
                "“{view}” in the link is no view: there are {}, each with “,charts” or without.",
                VIEWS.join(", ")
            ),
            format!("链接里的“{view}”不是视图；可用的有 {}，后面可以加“,charts”，", VIEWS.join("、")),
        ),
        BadLink::Moment(at) => (
            format!("“{at}” in the link is no moment in milliseconds, such as “412.8”."),
            format!("链接里的“{at}”不是以毫秒计的时刻，例如“412.8”，"),
        ),
    };
    match lang {
        Lang::En => format!("{en} Nothing was loaded."),
        Lang::Zh => format!("{zh}什么也没有加载。"),
    }
}

/// What is wrong with commands that were packed.
fn packed(why: &BadPacked) -> (String, String) {
    match why {
        BadPacked::Letter(letter) => (
            format!("The commands in the link cannot have the character “{letter}”."),
            format!("链接里的命令不该出现字符“{letter}”，"),
        ),
        BadPacked::TooLarge => {
            ("The commands in the link are too many to unpack.".into(), "链接里的命令太多，无法展开，".into())
        }
        BadPacked::Kind | BadPacked::Torn | BadPacked::Scenario(_) => (
            "A part of the commands in the link is missing: was all of the link copied?".into(),
            "链接里的命令不完整，是不是没有复制全？".into(),
        ),
    }
}

/// A link that another engine made, which speaks the same format.
pub fn other_engine(theirs: &str, lang: Lang) -> String {
    let ours = mqlab_core::VERSION;
    match lang {
        Lang::En => {
            format!("Engine {theirs} made this link, and this page has engine {ours}: the run may differ.")
        }
        Lang::Zh => format!("这个链接来自引擎 {theirs}，本页的引擎是 {ours}：运行结果可能不同。"),
    }
}

/// A command of a link that cannot be carried out, and why.
pub fn misplaced(action: &Action, why: &str, lang: Lang) -> String {
    match lang {
        Lang::En => format!("The link's command “{action}” cannot be carried out: {why} Nothing was loaded."),
        Lang::Zh => format!("链接里的命令“{action}”无法执行：{why}什么也没有加载。"),
    }
}

/// A command of a link that does not lie in the run.
pub fn outside(action: &Action, ends_at: Time, lang: Lang) -> String {
    match lang {
        Lang::En => format!(
            "The link's command “{action}” does not lie in the run, which goes from 0.001 to {ends_at} ms. Nothing was loaded."
        ),
        Lang::Zh => {
            format!("链接里的命令“{action}”不在运行之内（0.001 到 {ends_at} 毫秒），什么也没有加载。")
        }
    }
}

/// Two commands of a link at one moment.
pub fn same_moment(action: &Action, lang: Lang) -> String {
    match lang {
        Lang::En => format!(
            "The link's command “{action}” has the same moment as another, so their order is unknown. Nothing was loaded."
        ),
        Lang::Zh => format!("链接里的命令“{action}”和另一条在同一时刻，分不出先后，什么也没有加载。"),
    }
}

/// A file was opened.
pub fn opened(name: &str, lang: Lang) -> String {
    match lang {
        Lang::En => format!("{name} is open."),
        Lang::Zh => format!("已打开 {name}。"),
    }
}

/// A file that cannot be opened.
pub fn bad_file(name: &str, why: &BadFile, lang: Lang) -> String {
    let most = SCENARIO_FILE_MAX / 1024;
    let (en, zh) = match why {
        BadFile::TooLarge => (
            format!("it is too large for a scenario, which has at most {most} KiB."),
            format!("文件太大，场景文件最多 {most} KiB。"),
        ),
        BadFile::Empty => ("it is empty.".into(), "文件是空的。".into()),
        BadFile::NoText => {
            ("it is no text; a scenario is a JSON file.".into(), "它不是文本；场景是 JSON 文件。".into())
        }
        BadFile::NotJson { line, column } => (
            format!("it is no JSON from line {line}, column {column} on."),
            format!("从第 {line} 行第 {column} 列起不是合法的 JSON。"),
        ),
        BadFile::CutOff => (
            "it ends too early: is a part of it missing?".into(),
            "文件不完整，是不是缺了后面一部分？".into(),
        ),
        BadFile::Shape { line, column, what } => (
            format!("it is JSON, but no scenario: {what} (line {line}, column {column})."),
            format!("它是 JSON，但不是场景：第 {line} 行第 {column} 列，{what}。"),
        ),
        BadFile::Impossible(why) => (
            format!("it is a scenario that cannot be run: {}.", why.0),
            format!("这个场景无法运行：{}。", why.0),
        ),
    };
    match lang {
        Lang::En => format!("“{name}” was not opened: {en} Nothing has changed."),
        Lang::Zh => format!("没有打开“{name}”：{zh}一切照旧。"),
    }
}
