//! The words of the page around the stage.
//!
//! The page's elements ask for them by name (`data-text`, `data-label`); a test checks that every name that the page
//! asks for exists, and that none is left over.

use mqlab_core::ids::NodeId;
use mqlab_core::sim::{BadPacked, CommandRefused};
use mqlab_core::time::Time;

use super::near::near;
use super::sentence::Names;
use super::{Both, Lang, both, changes, faults, moment};

/// Texts that the page's elements name.
pub const TEXTS: &[(&str, Both)] = &[
    ("scenario", both("Experiment", "实验")),
    ("story", both("Story", "故事")),
    ("look", both("What to look for", "看什么")),
    ("tries", both("What to try", "试一试")),
    ("stage", both("Stage: messages on their way through the cluster", "舞台：消息在集群中流动")),
    ("views", both("The same moment, seen in several ways", "同一时刻的多种视图")),
    ("view-stage", both("Stage", "舞台")),
    ("view-space-time", both("Space-time", "时空图")),
    ("view-logs", both("Logs", "日志")),
    (
        "space-time",
        both(
            "Space and time: a lane for each node, an arrow for each message’s way",
            "时空图：每个节点一条线，每条消息的去路一支箭头",
        ),
    ),
    ("logs", both("Logs: every replica and queue, record by record", "日志：逐条记录显示每个副本和队列")),
    ("view-together", both("All three", "三图并列")),
    ("together", both("The stage, the logs, and space and time, side by side", "舞台、日志与时空图并列")),
    ("fit", both("See all of it", "看全部")),
    ("zoom-in", both("Finer", "放大")),
    ("zoom-out", both("Coarser", "缩小")),
    ("pan-back", both("Earlier records", "更早的记录")),
    ("pan-on", both("Later records", "更晚的记录")),
    ("key-view", both("next view", "切换视图")),
    ("key-zoom", both("finer, coarser", "放大、缩小视图")),
    ("key-fit", both("all of the stage", "看整个舞台")),
    ("key-move", both("move the stage that is zoomed", "移动放大后的舞台")),
    ("hands", both("Mouse and fingers", "鼠标与手指")),
    (
        "hand-tap",
        both(
            "Click or tap a message: its life. A node or a way: what can be done to it.",
            "点击消息：看它的一生；点击节点或链路：看能对它做什么。",
        ),
    ),
    (
        "hand-long",
        both("Press long, or with the right button: the same menu.", "长按或右键：打开同一个菜单。"),
    ),
    (
        "hand-pinch",
        both(
            "Ctrl and the wheel, or two fingers: closer, further away.",
            "Ctrl + 滚轮，或双指：放大、缩小。",
        ),
    ),
    ("hand-drag", both("Drag, once it is zoomed: move the stage.", "放大之后拖动：移动舞台。")),
    (
        "hand-axis",
        both("Drag along the time axis or a chart: through time.", "在时间轴或图表上拖动：穿梭时间。"),
    ),
    ("key-pan", both("earlier, later records in the logs", "日志里更早、更晚的记录")),
    ("charts", both("Charts", "图表")),
    ("charts-title", both("Measured", "测量")),
    (
        "charts-hint",
        both(
            "Rates and percentiles are those of the last 4% of the run. What lies ahead is faint.",
            "速率和百分位取自最近 4% 的时间段；还没到的部分颜色较淡。",
        ),
    ),
    (
        "charts-drawing",
        both(
            "Charts over the time axis; the words beside them say what they show",
            "时间轴上方的图表，旁边的文字说明其内容",
        ),
    ),
    ("was", both("was", "之前")),
    ("is", both("now", "现在")),
    ("key-charts", both("open, close the charts", "打开、收起图表")),
    ("nodes", both("Stop or revive a node", "停掉或恢复一个节点")),
    ("menu-ways", both("The way to", "链路")),
    ("menu-back", both("Back to the node", "回到节点")),
    ("verdict", both("Verdict so far", "目前的结论")),
    ("figures", both("Figures", "数据")),
    ("life", both("The life of a message", "一条消息的一生")),
    ("life-hint", both("Click any message to read its whole life.", "点击任意一条消息，看它的一生。")),
    ("events", both("Events", "事件")),
    (
        "events-list",
        both("Events, one after the other; arrow keys go through them", "按顺序排列的事件，用方向键逐个浏览"),
    ),
    ("transport", both("Playback", "播放控制")),
    ("reset", both("Back to the beginning, same seed", "回到开头，种子不变")),
    ("back", both("Back one event", "后退一个事件")),
    ("forward", both("Forward one event", "前进一个事件")),
    ("new-seed", both("New seed", "换个种子")),
    ("seed", both("seed", "种子")),
    ("digest", both("digest", "摘要")),
    ("version", both("engine", "引擎")),
    ("run", both("This run", "本次运行")),
    ("time-axis", both("Time axis", "时间轴")),
    ("pace", both("Pace", "快慢")),
    ("branches", both("Branches", "分支")),
    ("mark-back", both("To the mark before this", "跳到上一个标记")),
    ("mark-forward", both("To the next mark", "跳到下一个标记")),
    ("slow", both("slow at turns", "关键处放慢")),
    ("leap", both("jump gaps", "跳过空闲")),
    ("undo", both("Take the last command back", "撤销上一个操作")),
    ("branches-open", both("Branches, compare", "分支与比较")),
    (
        "branches-hint",
        both(
            "Whatever you do in the past makes a branch. The old future stays.",
            "在过去做任何操作都会产生一个分支，原来的未来会保留。",
        ),
    ),
    ("compare", both("Compare", "比较")),
    ("compare-one", both("was", "之前")),
    ("compare-other", both("now", "之后")),
    ("compare-none", both("Compare no more", "停止比较")),
    ("compare-table", both("What differs", "差别")),
    ("branch-name", both("A name for this branch", "给分支起个名字")),
    ("help", both("Help", "帮助")),
    ("close", both("Close", "关闭")),
    ("help-title", both("How to read and drive this", "怎么看、怎么操作")),
    ("legend", both("The marks", "图例")),
    ("legend-solid", both("a message: its key's letter and its number", "一条消息：key 的字母和编号")),
    (
        "legend-faded",
        both("a replica's copy, or a message that is with a consumer", "副本上的拷贝，或已交给消费者的消息"),
    ),
    ("legend-dashed", both("appended, not committed yet", "已追加，还没有提交")),
    ("legend-waiting", both("in a queue: waits for its moment", "在队列里：还没到时候")),
    ("legend-priority", both("a message and its priority", "一条消息和它的优先级")),
    (
        "legend-again",
        both(
            "sent or delivered again, with a count; in a row, equal counts are said once",
            "重发或重新投递，带次数；一行里相同的次数只写一次",
        ),
    ),
    ("legend-yes", both("“stored”, or “done”", "确认：“已存好”或“处理完了”")),
    ("legend-no", both("“no”: the producer will try again", "拒绝：生产者会再试")),
    ("legend-request", both("a request without messages", "不带消息的请求")),
    (
        "legend-dots",
        both(
            "where hundreds are on their way: each message a dot, a larger one for several, a small one for an answer or a request",
            "上百条在途时：每条消息一个点，大点是一批，小点是应答或请求",
        ),
    ),
    (
        "legend-flow",
        both(
            "where they are too many to tell apart: a flow; its width and its number say how many there are now",
            "多得分不清时：画成一股流，宽度和数字是此刻在途的条数",
        ),
    ),
    (
        "legend-flow-back",
        both(
            "what flows back: answers with +, refusals broken and with −",
            "往回的流：应答带 +，拒绝是虚线、带 −",
        ),
    ),
    ("legend-batch", both("several messages in one packet, with their number", "一个包里有多条消息，带数量")),
    ("legend-empty", both("an answer without messages", "不带消息的应答")),
    (
        "legend-stable",
        both("in a log with transactions: up to here all are decided", "有事务的日志：到此为止都已有定论"),
    ),
    ("legend-bar", both("how much is sent, and in green, stored", "已发送的进度，绿色为已存好")),
    (
        "legend-patience",
        both(
            "how long this controller still waits to hear an active one before it stands for election",
            "这个控制器还会等多久：等不到活动的控制器，就发起选举",
        ),
    ),
    ("legend-more", both("what can be changed of these users", "看这些用户能改什么")),
    ("legend-revive", both("bring this node back", "恢复这个节点")),
    ("legend-frozen", both("it stands still", "它停住了")),
    ("legend-cut", both("nothing passes here", "这里不通")),
    (
        "legend-list",
        both(
            "where there are many logs: a line each, strong where it is led, with its end or what is missing",
            "日志很多时：一行一个，粗体为 leader，右边是末尾或落后的条数",
        ),
    ),
    ("legend-hw", both("the high watermark: consumers read below it", "高水位：消费者只能读到它以下")),
    ("legend-group", both("where a group has got to", "消费者组读到的位置")),
    (
        "legend-exchange",
        both(
            "an exchange, and its way to queues; the keys of its bindings stand beside their names",
            "交换机，以及通向队列的路；绑定的 key 写在队列名旁边",
        ),
    ),
    ("legend-dead", both("where a queue's dead letters go", "队列的死信去哪里")),
    ("axis-legend", both("The marks on the time axis", "时间轴上的标记")),
    ("mark-loss", both("an acknowledged message is lost for good", "已确认的消息彻底丢失")),
    ("mark-copy", both("one copy of messages is gone", "一份副本数据没了")),
    ("mark-doubled", both("a message is processed twice", "消息被重复处理")),
    ("mark-crash", both("a node is gone", "节点宕机")),
    ("mark-election", both("somebody else leads, or nobody", "leader 变了，或没有 leader")),
    ("mark-rebalance", both("a group is dealt anew", "消费者组重平衡")),
    ("mark-refusal", both("a client is told no", "客户端被拒绝")),
    ("mark-fault", both("a node, a link or a disk fails", "节点、链路或磁盘出故障")),
    ("mark-again", both("messages come back, to be delivered again", "消息退回，等待重新投递")),
    ("mark-return", both("a node is back, or all is well again", "节点恢复，或故障消除")),
    ("mark-change", both("another turn", "其他转折")),
    ("mark-leap", both("jumped over: nothing happened", "跳过：期间没有事件")),
    ("mark-differs", both("the first difference of two branches", "两个分支的首个不同")),
    ("legend-kill", both("kill this node", "让这个节点宕机")),
    ("legend-changed", both("the last step changed this", "上一步改变了它")),
    (
        "legend-ways",
        both(
            "in space-time: a way from node to node, and one that was lost",
            "时空图里：从一个节点到另一个的去路，以及途中丢失的一条",
        ),
    ),
    ("copies", both("What copies cost", "拷贝的代价")),
    ("zero-copy", ZERO_COPY),
    ("keys", both("Keys", "快捷键")),
    ("key-menu", both("what can be done to the chosen node", "看能对选中的节点做什么")),
    ("key-play", both("play, pause", "播放、暂停")),
    ("key-step", both("back, forward by one event", "后退、前进一个事件")),
    ("key-ends", both("to the beginning, to the end", "跳到开头、结尾")),
    ("key-pace", both("slower, faster", "变慢、变快")),
    ("key-broker", both("choose a broker", "选择 Broker")),
    ("key-mark", both("to the mark before, to the next mark", "跳到上一个、下一个标记")),
    ("key-undo", both("take the last command back", "撤销上一个操作")),
    ("key-branches", both("branches, and how two of them differ", "分支，以及两个分支的差别")),
    ("key-difference", both("to the first difference of two branches", "跳到两个分支的首个不同")),
    ("key-slow", both("be slow at decisive moments, or not", "关键时刻放慢，或不放慢")),
    ("key-leap", both("jump where nothing happens, or not", "没有事件时跳过，或不跳过")),
    ("key-kill", both("kill, revive the chosen node", "让选中的节点宕机、恢复")),
    (
        "key-tab",
        both("walk through the nodes; Enter kills or revives", "依次走过各个节点，回车使其宕机或恢复"),
    ),
    ("key-clear", both("clear the choice", "取消选择")),
    ("key-lang", both("中文", "English")),
    ("key-help", both("this help", "打开帮助")),
    ("compare-page", both("Compare", "对比")),
    ("lang", both("中文", "English")),
    ("upkeep", both("Show heartbeats", "显示心跳")),
    (
        "failed",
        both("Something went wrong in the page. Reload it to start over.", "页面出错了，请重新加载。"),
    ),
];

/// One of the page's texts.
pub fn text(name: &str, lang: Lang) -> &'static str {
    TEXTS.iter().find(|(known, _)| *known == name).map_or("", |(_, text)| text.get(lang))
}

/// What the curve above the time axis shows.
pub const BACKLOG: Both = both("backlog", "积压");
/// What it shows where there are calls alone: users without an answer.
pub const WAITING: Both = both("waiting users", "等待的用户");
/// The big button.
pub const PLAY: Both = both("Play", "播放");
/// The big button while it plays.
pub const PAUSE: Both = both("Pause", "暂停");
/// Themes, in the order of the switch.
pub const THEMES: [Both; 3] = [
    both("Colours: as the system", "配色：跟随系统"),
    both("Colours: light", "配色：浅色"),
    both("Colours: dark", "配色：深色"),
];

/// Above a message's life.
pub fn life_of(number: u64, lang: Lang) -> String {
    match lang {
        Lang::En => format!("The life of message {number}"),
        Lang::Zh => format!("消息 {number} 的一生"),
    }
}

/// The word for the present in a list of moments.
pub const NOW: Both = both("now", "现在");

/// A message on a button.
pub fn message(number: u64, lang: Lang) -> String {
    match lang {
        Lang::En => format!("message {number}"),
        Lang::Zh => format!("消息 {number}"),
    }
}

/// Where on the axis one is, for who hears it.
pub fn at_of(now: Time, ends_at: Time, lang: Lang) -> String {
    let (now, ends_at) = (moment(now), moment(ends_at));
    match lang {
        Lang::En => format!("{now} of {ends_at} milliseconds"),
        Lang::Zh => format!("第 {now} 毫秒，共 {ends_at} 毫秒"),
    }
}

/// A node's control.
pub fn control(node: NodeId, up: bool, names: &Names, lang: Lang) -> String {
    let name = names.node(node, lang);
    match (up, lang) {
        // A crowd does not die.
        (_, Lang::En) if matches!(node, NodeId::User(_)) => format!("What can be changed of {name}"),
        (_, Lang::Zh) if matches!(node, NodeId::User(_)) => format!("看能改 {name} 的什么"),
        (true, Lang::En) => format!("Kill {name}"),
        (false, Lang::En) => format!("Revive {name}"),
        (true, Lang::Zh) => format!("让 {name} 宕机"),
        (false, Lang::Zh) => format!("恢复 {name}"),
    }
}

/// Why a command was refused.
pub fn refused(why: CommandRefused, names: &Names, lang: Lang) -> String {
    let name = |node| names.node(node, lang);
    match (why, lang) {
        (CommandRefused::IsDown(node), Lang::En) => format!("{} is down already.", name(node)),
        (CommandRefused::IsDown(node), Lang::Zh) => format!("{} 已经宕机了。", name(node)),
        (CommandRefused::IsUp(node), Lang::En) => format!("{} is running already.", name(node)),
        (CommandRefused::IsUp(node), Lang::Zh) => format!("{} 已经在运行。", name(node)),
        (CommandRefused::RunIsOver, Lang::En) => "The run is over: go back in time to change it.".into(),
        (CommandRefused::RunIsOver, Lang::Zh) => "运行已经结束：回到之前的时刻再改。".into(),
        (other, lang) => {
            changes::refused(&other, names, lang).unwrap_or_else(|| faults::refused(other, names, lang))
        }
    }
}

/// What came of zero copy when it was measured, and not what is said of it.
const ZERO_COPY: Both = both(
    "Kafka hands stored records to the network by sendfile, without a copy of its own: measured over loopback (Reno), that is 1.4 times as fast as read and write in slices of 16 KiB, and 2.3 times in slices of 64 KiB. Where the congestion control paces every segment (BBR), it is the slower way: in slices of 1 MiB, writing from a mapping, as RocketMQ does, is 1.5 times as fast.",
    "Kafka 用 sendfile 把存好的记录直接交给网络，自己不拷贝：本机回环（Reno）实测，每次 16 KiB 时是先读后写的 1.4 倍快，每次 64 KiB 时是 2.3 倍。拥塞控制逐段限速时（BBR）它反而更慢：每次 1 MiB 时，从内存映射写出（RocketMQ 的做法）是它的 1.5 倍快。",
);

/// A link that names a scenario which does not exist.
pub fn no_such_scenario(name: &str, known: &[&str], lang: Lang) -> String {
    let (near, all) = (near(name, known.iter().copied()), known.len());
    match (near.is_empty(), lang) {
        (true, Lang::En) => format!("There is no experiment “{name}”. The list above has all {all}."),
        (true, Lang::Zh) => format!("没有名为“{name}”的实验。上面的列表里有全部 {all} 个。"),
        (false, Lang::En) => format!(
            "There is no experiment “{name}”. Names like it: {}. The list above has all {all}.",
            near.join(", ")
        ),
        (false, Lang::Zh) => {
            format!("没有名为“{name}”的实验。相近的有：{}。上面的列表里有全部 {all} 个。", near.join("、"))
        }
    }
}

/// What is wrong with the scenario that a link holds.
pub fn bad_run(why: &BadPacked, lang: Lang) -> String {
    match (why, lang) {
        (BadPacked::Kind, Lang::En) => {
            "What follows run= in the link is no scenario. Nothing was loaded.".into()
        }
        (BadPacked::Kind, Lang::Zh) => "链接里 run= 后面的内容不是场景，什么也没有加载。".into(),
        (BadPacked::Letter(letter), Lang::En) => {
            format!("The scenario in the link cannot have the character “{letter}”. Nothing was loaded.")
        }
        (BadPacked::Letter(letter), Lang::Zh) => {
            format!("链接里的场景不该出现字符“{letter}”，什么也没有加载。")
        }
        (BadPacked::Torn, Lang::En) => {
            "A part of the scenario in the link is missing: was all of the link copied? Nothing was loaded."
                .into()
        }
        (BadPacked::Torn, Lang::Zh) => "链接里的场景不完整，是不是没有复制全？什么也没有加载。".into(),
        (BadPacked::TooLarge, Lang::En) => {
            "The scenario in the link is too large. Nothing was loaded.".into()
        }
        (BadPacked::TooLarge, Lang::Zh) => "链接里的场景太大，什么也没有加载。".into(),
        (BadPacked::Scenario(why), Lang::En) => format!("The link's scenario cannot be loaded: {}", why.0),
        (BadPacked::Scenario(why), Lang::Zh) => format!("无法加载链接里的场景：{}", why.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_name_that_is_not_known_leads_to_those_like_it() {
        let known = ["outbox", "push-orders", "pull-orders", "hundred-messages", "replay"];
        let words = no_such_scenario("pul-orders", &known, Lang::En);
        assert!(words.contains("Names like it: pull-orders, push-orders."), "{words}");
        for lang in [Lang::En, Lang::Zh] {
            let words = no_such_scenario("nothing-near", &known, lang);
            assert!(known.iter().all(|name| !words.contains(name)) && words.contains('5'), "{words}");
        }
    }

    /// What is said of zero copy was measured: each figure lies within what the table of the log's figures has.
    #[test]
    fn the_figures_of_zero_copy_are_measured_ones() {
        let table = include_str!("../../../docs/bench-log.md");
        for (work, against, cited) in [
            ("slices of 16 KiB, reno", "bare read and write", "1.4"),
            ("slices of 64 KiB, reno", "bare read and write", "2.3"),
            ("slices of 1 MiB, bbr", "bare sendfile", "1.5"),
        ] {
            let row = format!("| socket: the way that suits, {work} | {against} | ");
            let figures = table.split(&row).nth(1).expect("the row is there");
            let median: f64 = figures.split(' ').next().and_then(|text| text.parse().ok()).expect("a figure");
            let said: f64 = cited.parse().expect("a figure");
            assert!((median - said).abs() <= 0.05, "{work} against {against}: {median}, and {cited} is said");
            assert!(ZERO_COPY.en.contains(cited) && ZERO_COPY.zh.contains(cited), "{cited}");
        }
    }

    #[test]
    fn the_page_asks_for_texts_that_exist_and_for_all_of_them() {
        let html = include_str!("../../www/index.html");
        let asked: BTreeSet<&str> = ["data-text=\"", "data-label=\""]
            .into_iter()
            .flat_map(|attribute| html.split(attribute).skip(1))
            .filter_map(|rest| rest.split('"').next())
            .collect();
        let known: BTreeSet<&str> = TEXTS
            .iter()
            .chain(crate::text::share::TEXTS)
            .chain(crate::text::adding::TEXTS)
            .map(|(name, _)| *name)
            .collect();
        let missing: Vec<_> = asked.difference(&known).collect();
        assert!(missing.is_empty(), "the page asks for {missing:?}");
        let unused: Vec<_> = known
            .difference(&asked)
            .filter(|name| !["failed", "life", "space-time", "logs", "together"].contains(*name))
            .collect();
        assert!(unused.is_empty(), "nobody asks for {unused:?}");
        for (name, text) in TEXTS.iter().chain(crate::text::share::TEXTS).chain(crate::text::adding::TEXTS) {
            assert!(!text.en.is_empty() && !text.zh.is_empty(), "{name}");
        }
    }
}
