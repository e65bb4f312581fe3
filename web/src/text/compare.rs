//! The words of the page that compares: places, columns, notes, and what is wrong with a choice.

use mqlab_core::sim::compare::{
    BadPlan, Contender, Field, FirstDifference, PLAN_CONTENDERS_MAX, PLAN_SEEDS_MAX, Plan, Profile, Workload,
};
use mqlab_core::time::{Span, Time};

use super::compare_names as names;
use super::{Both, Lang, both};

/// Texts that the page's elements name.
pub const TEXTS: &[(&str, Both)] = &[
    ("compare-title", both("Which one, at what price?", "选哪个，代价是什么？")),
    (
        "compare-lead",
        both(
            "The same messages and the same mishaps for each system, or for settings of one. Every figure comes out of a \
             simulated run, and opens it.",
            "让各个系统（或同一系统的不同设置）面对同样的消息和同样的故障。每个数字都来自一次模拟运行，点开就能看到那次运行。",
        ),
    ),
    ("to-lab", both("The lab", "实验台")),
    ("presets", both("Ready to run", "现成的对比")),
    ("who", both("Who is compared", "比较谁")),
    ("add-contender", both("One more", "再加一个")),
    ("what", both("What is sent", "发送什么")),
    ("workload", both("Workload", "负载")),
    ("numbers", both("Its numbers", "具体数字")),
    ("wrong", both("What goes wrong", "出什么故障")),
    ("on", both("On what", "运行环境")),
    ("machine", both("Machine under the brokers", "broker 所在的机器")),
    ("seeds", both("Seeds", "种子数")),
    ("run", both("Run", "运行")),
    ("cancel", both("Stop", "停止")),
    ("progress", both("Progress", "进度")),
    ("outcome", both("Outcome", "结果")),
    ("keep", both("Keep", "保存")),
    ("copy-link", both("Copy link", "复制链接")),
    ("link-copied", both("Copied.", "已复制。")),
    ("link-refused", both("The browser refused; copy it from here:", "浏览器不允许，请从这里复制：")),
    ("link-field", both("The link", "链接")),
    ("drawn", both("Drawn", "图表")),
    ("together", both("Side by side", "并排观看")),
    (
        "together-lead",
        both(
            "The runs of one mishap and one seed, in step: one clock for all.",
            "同一故障、同一种子的几次运行，同步播放，共用一个时钟。",
        ),
    ),
    ("together-mishap", both("Mishap", "故障")),
    ("together-seed", both("Seed", "种子")),
    ("together-open", both("Show", "打开")),
    ("back", both("Back to the beginning", "回到开头")),
    ("clock", both("The moment that all of them show", "共同的时刻")),
    ("pace", both("A second shows", "每秒播放")),
    ("about", both("What to make of it", "怎么看这些数字")),
    (
        "about-tenth",
        both(
            "Every timeout is a tenth of the system’s own default, so that half a minute tells what five would. Divide no \
             pause by ten: multiply it.",
            "所有超时都是系统默认值的十分之一，让半分钟的运行等于五分钟。停顿的实际长度要乘以十。",
        ),
    ),
    (
        "about-costs",
        both(
            "What a system call, a copy, a flush and a packet take is the same for all of them. Each figure has its source: \
             some are measured, some are assumed, and it says which.",
            "系统调用、拷贝、刷盘、网络包的耗时对所有系统相同。每个数字都注明来源：有的是实测，有的是假设。",
        ),
    ),
    ("costs-link", both("The costs and their sources (JSON)", "成本及其来源（JSON）")),
    (
        "about-mechanism",
        both(
            "What is compared are mechanisms. Figures of one machine are no promise for another; which of two is ahead, and \
             why, can be looked at.",
            "比较的是机制。一台机器上的数字不能保证另一台；但谁领先、为什么领先，可以亲眼看到。",
        ),
    ),
    ("needs-title", super::needs::TITLE),
    ("needs-lead", super::needs::LEAD),
    ("fidelity-link", both("How true each system is, line by line", "每个系统有多真，逐条说明")),
];

/// In the browser's title, and in the lab's link to the page.
pub const PAGE: Both = both("Compare", "对比");
/// The button that leaves a contender out.
pub const REMOVE: Both = both("Leave out", "去掉");
/// Above a contender's two lists.
pub const SYSTEM: Both = both("System", "系统");
/// Above a contender's two lists.
pub const SETTING: Both = both("Setting", "设置");
/// What a figure does, before the seed of its run.
pub const OPENS: Both = both("opens the run of seed", "打开这次运行，种子");
/// The first column.
pub const CONTENDER: Both = both("contender", "参赛者");
/// Plays, and stands still.
pub const PLAY: Both = super::ui::PLAY;
/// As above.
pub const PAUSE: Both = super::ui::PAUSE;
/// What a mark over the slider is.
pub const BEGINS: Both = both("it begins to go wrong", "故障开始");
/// As above.
pub const ENDS: Both = both("it is mended", "故障结束");
/// As above.
pub const DIFFERS: Both = both("the first difference", "第一处不同");
/// On the button of a difference.
pub const SEE: Both = both("See both runs at that moment", "看两次运行的这一刻");
/// The charts' titles: throughput, latency, pauses.
pub const CHARTS: [Both; 3] = [
    both("Messages processed a second", "每秒处理的消息数"),
    both("From handed over to processed", "从交出到处理完"),
    both("The longest pause while somebody waited", "有人在等时的最长停顿"),
];
/// What the two bars of a pause are.
pub const PAUSES: [Both; 2] = [both("storing", "存入"), both("delivery", "投递")];

/// What the columns are called, and what they mean.
pub const COLUMNS: [(&str, Both, Both); 10] = [
    (
        "a-second",
        both("a second", "每秒"),
        both("messages processed a second: the median", "每秒处理的消息数，取中位数"),
    ),
    ("p50", both("p50", "p50"), both("half of the messages took no longer", "一半的消息不超过这个时间")),
    ("p95", both("p95", "p95"), both("95 of 100 messages took no longer", "95% 的消息不超过这个时间")),
    ("p99", both("p99", "p99"), both("99 of 100 messages took no longer", "99% 的消息不超过这个时间")),
    (
        "no-storing",
        both("no storing", "存入停顿"),
        both(
            "the longest that producers waited while nothing was acknowledged: the median",
            "生产者在等、却没有任何确认的最长时间，取中位数",
        ),
    ),
    (
        "no-delivery",
        both("no delivery", "投递停顿"),
        both(
            "the longest that messages waited while none was processed: the median",
            "消息在等、却没有任何一条被处理的最长时间，取中位数",
        ),
    ),
    (
        "lost",
        both("lost", "丢失"),
        both("acknowledged, and nobody will ever get them: the sum", "已确认却再也收不到的消息，取总和"),
    ),
    (
        "doubled",
        both("doubled", "重复"),
        both("processed more than once: the sum", "处理了不止一次的消息，取总和"),
    ),
    (
        "flushes",
        both("flushes/1000", "刷盘/千条"),
        both("flushes for a thousand messages: the median", "每一千条消息的刷盘次数，取中位数"),
    ),
    (
        "written",
        both("KiB written", "写盘 KiB"),
        both(
            "written to disks for a message, all replicas together: the median",
            "每条消息写到磁盘的 KiB，含所有副本，取中位数",
        ),
    ),
];

/// A span that a table can hold.
pub fn brief(span: Span) -> String {
    match span.0 {
        micros @ ..1_000 => format!("{micros} µs"),
        micros @ ..100_000 => format!("{}.{} ms", micros / 1_000, micros % 1_000 / 100),
        micros @ ..10_000_000 => format!("{} ms", micros / 1_000),
        micros => format!("{}.{} s", micros / 1_000_000, micros % 1_000_000 / 100_000),
    }
}

/// A number, with its thousands apart.
pub fn number(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A contender's name in full: `Kafka acks-1`.
pub fn contender(contender: &Contender) -> String {
    format!("{} {}", contender.profile.title(), contender.setting())
}

/// A contender by its place in the form.
pub fn numbered(number: usize, lang: Lang) -> String {
    match lang {
        Lang::En => format!("Contender {number}"),
        Lang::Zh => format!("参赛者 {number}"),
    }
}

/// What a contender's setting means.
pub fn says(contender: &Contender, lang: Lang) -> String {
    names::setting(contender).map_or_else(|| contender.says().into(), |both| both.get(lang).into())
}

/// A workload whose numbers somebody changed.
pub fn own_numbers(name: &str, lang: Lang) -> String {
    match lang {
        Lang::En => format!("As “{name}”, with numbers of your own."),
        Lang::Zh => format!("基于“{name}”，数字有改动。"),
    }
}

/// How many runs that makes.
pub fn runs(count: usize, lang: Lang) -> String {
    match (lang, count) {
        (Lang::En, 1) => "1 run".into(),
        (Lang::En, _) => format!("{} runs", number(count as u64)),
        (Lang::Zh, _) => format!("共 {} 次运行", number(count as u64)),
    }
}

/// How far it is.
pub fn so_far(done: usize, all: usize, lang: Lang) -> String {
    match lang {
        Lang::En => format!("{done} of {all} runs"),
        Lang::Zh => format!("已完成 {done} / {all} 次"),
    }
}

/// All runs are over.
pub fn all_done(all: usize, lang: Lang) -> String {
    match lang {
        Lang::En => format!("Done: {}.", runs(all, lang)),
        Lang::Zh => format!("完成，{}。", runs(all, lang)),
    }
}

/// Somebody stopped it.
pub fn stopped(done: usize, all: usize, lang: Lang) -> String {
    match lang {
        Lang::En => format!("Stopped after {done} of {all} runs. What came until then stands below."),
        Lang::Zh => format!("已停止，完成了 {done} / {all} 次。下面是到此为止的结果。"),
    }
}

/// What the workers run did not come.
pub const MISSING: Both = both(
    "What runs the comparison could not be downloaded. Look whether the connection works, then run it again.",
    "用来运行对比的引擎下载失败。请检查网络，然后重新运行。",
);

/// A run failed.
pub fn failed(why: &str, lang: Lang) -> String {
    match lang {
        Lang::En => format!("A run failed: {why}"),
        Lang::Zh => format!("有一次运行失败：{why}"),
    }
}

/// What was compared, above the tables.
pub fn head(plan: &Plan, lang: Lang) -> String {
    let Workload { producers, consumers, messages, bytes, .. } = &plan.workload;
    let name =
        names::workload(&plan.workload.name).map_or(plan.workload.name.as_str(), |(name, _)| name.get(lang));
    let machine = names::machine(plan.workload.machine.as_deref()).map_or("", |words| words.get(lang));
    let (messages, bytes, seeds) = (number(*messages), number((*bytes).into()), plan.seeds);
    match lang {
        Lang::En => format!(
            "{name}: {messages} messages of {bytes} B, {producers} producers, {consumers} consumers, {seeds} seeds. Machine: {machine}."
        ),
        Lang::Zh => format!(
            "{name}：{messages} 条 {bytes} B 的消息，{producers} 个生产者，{consumers} 个消费者，{seeds} 个种子。机器：{machine}。"
        ),
    }
}

/// So many messages still wait when the run is over.
pub fn waiting(count: u64, lang: Lang) -> String {
    match lang {
        Lang::En => format!("{} still waiting at the end", number(count)),
        Lang::Zh => format!("结束时还有 {} 条未处理", number(count)),
    }
}

/// So many were lost, in so many runs.
pub fn lost_in(lost: u64, runs: u64, lang: Lang) -> String {
    match lang {
        Lang::En => format!("{} in {runs}", number(lost)),
        Lang::Zh => format!("{}，{runs} 次", number(lost)),
    }
}

/// The first message that fared differently.
pub fn difference(found: &FirstDifference, lang: Lang) -> String {
    let [one, other] = found.differs.of.map(|fate| names::fate(fate).get(lang));
    let (than, who, number) = (contender(&found.than), contender(&found.contender), found.differs.message.0);
    let at = super::moment(found.at);
    match lang {
        Lang::En => format!(
            "Message {number} is the first that fared differently: {one} with {than}, {other} with {who}. It shows at {at} ms."
        ),
        Lang::Zh => {
            format!("消息 {number} 是第一条结局不同的：{than} {one}，{who} {other}。{at} ms 时可以看到。")
        }
    }
}

/// Nothing fared differently, with the first seed.
pub fn alike(lang: Lang) -> &'static str {
    both("With seed 1, every message fared alike with all of them.", "种子 1 下，每条消息的结局都一样。")
        .get(lang)
}

/// A seed, of one run.
pub fn seed(seed: u64, lang: Lang) -> String {
    match lang {
        Lang::En => format!("seed {seed}"),
        Lang::Zh => format!("种子 {seed}"),
    }
}

/// How much of a run a second shows.
pub fn pace(span: Span) -> String {
    if span.0 >= 1_000_000 { format!("{} s", span.0 / 1_000_000) } else { format!("{} ms", span.0 / 1_000) }
}

/// A moment and the end, as they are heard.
pub fn heard(at: Time, end: Time, lang: Lang) -> String {
    let (at, end) = (super::moment(at), super::moment(end));
    match lang {
        Lang::En => format!("{at} of {end} milliseconds"),
        Lang::Zh => format!("{at} 毫秒，共 {end} 毫秒"),
    }
}

/// Why a link, or a choice, cannot be followed.
pub fn bad(why: &BadPlan, lang: Lang) -> String {
    let all = |items: Vec<&str>| items.join(if lang == Lang::En { ", " } else { "、" });
    let profiles = || all(Profile::ALL.iter().map(|profile| profile.name()).collect());
    let settings = |profile: &Profile| all(profile.settings().iter().map(|(name, _)| *name).collect());
    let workloads = || all(Workload::BUILT_IN.iter().map(|(name, _)| *name).collect());
    let mishaps = || all(mqlab_core::sim::compare::Mishap::ALL.iter().map(|mishap| mishap.name()).collect());
    let (en, zh) = match why {
        BadPlan::Contenders(count) => (
            format!("{count} to compare: there must be 2 to {PLAN_CONTENDERS_MAX}."),
            format!("要比较 2 到 {PLAN_CONTENDERS_MAX} 个，现在是 {count} 个。"),
        ),
        BadPlan::System(name) => (
            format!("There is no system “{name}”. There are {}.", profiles()),
            format!("没有名为“{name}”的系统。可选：{}。", profiles()),
        ),
        BadPlan::Setting(profile, name) => (
            format!("{} has no setting “{name}”. It has {}.", profile.title(), settings(profile)),
            format!("{} 没有“{name}”这种设置。可选：{}。", profile.title(), settings(profile)),
        ),
        BadPlan::Twice(twice) => {
            (format!("{} is named twice.", contender(twice)), format!("{} 重复了。", contender(twice)))
        }
        BadPlan::Workload(name) => (
            format!("There is no workload “{name}”. There are {}.", workloads()),
            format!("没有名为“{name}”的负载。可选：{}。", workloads()),
        ),
        BadPlan::Number(field, given) => bad_number(*field, given),
        BadPlan::Latency(low, high) => (
            format!("The shortest way, {low} µs, is longer than the longest, {high} µs."),
            format!("最短网络延迟 {low} µs 大于最长网络延迟 {high} µs。"),
        ),
        BadPlan::Mishap(name) => (
            format!("Nothing called “{name}” goes wrong here. There are {}.", mishaps()),
            format!("没有名为“{name}”的故障。可选：{}。", mishaps()),
        ),
        BadPlan::NoMishap => (
            "Choose what goes wrong, or that nothing does.".into(),
            "请选择出什么故障，或选“一切正常”。".into(),
        ),
        BadPlan::Seeds(given) => (
            format!("The number of seeds, “{given}”, must be 1 to {PLAN_SEEDS_MAX}."),
            format!("种子数“{given}”必须在 1 到 {PLAN_SEEDS_MAX} 之间。"),
        ),
        BadPlan::Machine(name) => (
            format!("There is no machine “{name}”. There are {}, none.", Plan::machines().join(", ")),
            format!("没有名为“{name}”的机器。可选：{}、none。", Plan::machines().join("、")),
        ),
        BadPlan::Engine(theirs) => (
            format!("Engine {theirs} made this link, and this page has engine {}.", mqlab_core::VERSION),
            format!("这个链接来自引擎 {theirs}，本页的引擎是 {}。", mqlab_core::VERSION),
        ),
    };
    match lang {
        Lang::En => en,
        Lang::Zh => zh,
    }
}

fn bad_number(field: Field, given: &str) -> (String, String) {
    let (least, most) = field.limits();
    let (least, most) = (number(least), number(most));
    let words = names::field(field);
    (
        format!("“{given}” cannot be the number of {}: it must be {least} to {most}.", words.en),
        format!("“{}”不能是“{given}”，必须在 {least} 到 {most} 之间。", words.zh),
    )
}

/// After what is wrong with a link: what is shown instead.
pub fn bad_link(why: &BadPlan, lang: Lang) -> String {
    match lang {
        Lang::En => {
            format!("The link cannot be followed. {} The usual choice stands here instead.", bad(why, lang))
        }
        Lang::Zh => format!("无法打开这个链接。{}下面换成了常用的选择。", bad(why, lang)),
    }
}

/// The link asks for a language that the page does not speak.
pub fn bad_lang(tag: &str, lang: Lang) -> String {
    super::share::bad_link(&crate::link::BadLink::Lang(tag.into()), lang)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::text::LANGS;

    #[test]
    fn the_page_asks_for_texts_that_exist_and_for_all_of_them() {
        let html = include_str!("../../www/compare.html");
        let asked: BTreeSet<&str> = ["data-text=\"", "data-label=\""]
            .into_iter()
            .flat_map(|attribute| html.split(attribute).skip(1))
            .filter_map(|rest| rest.split('"').next())
            .collect();
        let known: BTreeSet<&str> = TEXTS.iter().map(|(name, _)| *name).collect();
        let shared = ["lang", "failed"];
        let missing: Vec<_> = asked.difference(&known).filter(|name| !shared.contains(name)).collect();
        assert!(missing.is_empty(), "the page asks for {missing:?}");
        let unused: Vec<_> = known.difference(&asked).collect();
        assert!(unused.is_empty(), "nobody asks for {unused:?}");
    }

    #[test]
    fn spans_and_numbers_are_short() {
        let spans = [(250, "250 µs"), (2_340, "2.3 ms"), (250_000, "250 ms"), (12_340_000, "12.3 s")];
        for (micros, words) in spans {
            assert_eq!(brief(Span(micros)), words);
        }
        assert_eq!([0, 999, 1_000, 1_234_567].map(number), ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn whatever_is_wrong_is_said_in_both_languages() {
        let table = [
            BadPlan::Contenders(1),
            BadPlan::System("x".into()),
            BadPlan::Setting(Profile::Kafka, "x".into()),
            BadPlan::Twice(Contender::usual(Profile::Kafka)),
            BadPlan::Workload("x".into()),
            BadPlan::Number(Field::Messages, "x".into()),
            BadPlan::Latency(2, 1),
            BadPlan::Mishap("x".into()),
            BadPlan::NoMishap,
            BadPlan::Seeds("x".into()),
            BadPlan::Machine("x".into()),
            BadPlan::Engine("9.9.9".into()),
        ];
        for why in table {
            let [en, zh] = LANGS.map(|lang| bad_link(&why, lang));
            assert!(en.is_ascii() || en.contains('“') || en.contains('µ'), "{en}");
            assert!(zh.starts_with("无法打开这个链接。") && zh != en, "{zh}");
        }
    }
}
