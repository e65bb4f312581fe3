//! The words of faults: nodes that stand still, clocks, disks, and the ways between nodes.

use mqlab_core::ids::NodeId;
use mqlab_core::observe::{DiskState, FaultEvent, Link, LinkFault, Parcel};
use mqlab_core::sim::{BRANCHES_MAX, Command, CommandRefused};
use mqlab_core::time::Span;

use super::sentence::{Names, Tone, place};
use super::{Lang, changes, lasting, spaced};

/// Between whom.
fn link(link: Link, names: &Names, lang: Lang) -> String {
    let name = |node: NodeId| names.node(node, lang);
    match (link, lang) {
        (Link::OneWay(from, to), Lang::En) => format!("from {} to {}", name(from), name(to)),
        (Link::OneWay(from, to), Lang::Zh) => format!("从 {} 到 {}", name(from), name(to)),
        (Link::Both(a, b), Lang::En) => format!("between {} and {}", name(a), name(b)),
        (Link::Both(a, b), Lang::Zh) => format!("{} 与 {} 之间", name(a), name(b)),
        (Link::Everywhere, Lang::En) => "everywhere".into(),
        (Link::Everywhere, Lang::Zh) => "整个网络里".into(),
    }
}

/// A link, and what is wrong on it.
fn on_link(at: Link, fault: LinkFault, names: &Names, lang: Lang) -> String {
    let at = link(at, names, lang);
    match (fault, lang) {
        (LinkFault::Cut, Lang::En) => format!("nothing passes {at}, and nobody is told"),
        (LinkFault::Cut, Lang::Zh) => format!("{at}什么都过不去，谁也收不到通知"),
        (LinkFault::Slow(extra), Lang::En) => {
            format!("everything takes {} longer {at}", lasting(extra, lang))
        }
        (LinkFault::Slow(extra), Lang::Zh) => format!("{at}每条都要多花 {}", lasting(extra, lang)),
        (LinkFault::Lose(chance), Lang::En) => {
            format!("{chance} of 1000 are lost {at}, each with its connection")
        }
        (LinkFault::Lose(chance), Lang::Zh) => format!("{at}每千条丢 {chance} 条，连接随之断开"),
        (LinkFault::Duplicate(chance), Lang::En) => {
            format!("{chance} of 1000 requests and answers come twice {at}")
        }
        (LinkFault::Duplicate(chance), Lang::Zh) => format!("{at}每千个请求和应答有 {chance} 个到两次"),
        (LinkFault::Reorder(chance), Lang::En) => {
            format!("{chance} of 1000 requests and answers are overtaken by later ones {at}")
        }
        (LinkFault::Reorder(chance), Lang::Zh) => {
            format!("{at}每千个请求和应答有 {chance} 个被后面的赶超")
        }
        (LinkFault::LoseNext, Lang::En) => format!("the next one will be lost {at}"),
        (LinkFault::LoseNext, Lang::Zh) => format!("{at}的下一条会丢"),
        (LinkFault::DuplicateNext, Lang::En) => format!("the next request or answer will come twice {at}"),
        (LinkFault::DuplicateNext, Lang::Zh) => format!("{at}的下一个请求或应答会到两次"),
        (LinkFault::ReorderNext, Lang::En) => {
            format!("the next request or answer will be overtaken {at}")
        }
        (LinkFault::ReorderNext, Lang::Zh) => format!("{at}的下一个请求或应答会被赶超"),
        (LinkFault::Heal, Lang::En) => format!("all is well again {at}"),
        (LinkFault::Heal, Lang::Zh) => format!("{at}恢复正常"),
        (_, Lang::En) => format!("something is wrong {at}"),
        (_, Lang::Zh) => format!("{at}出了问题"),
    }
}

/// A disk's state, as a part of a sentence.
fn disk(is: DiskState, lang: Lang) -> String {
    match (is, lang) {
        (DiskState::Sound, Lang::En) => "has a sound disk".into(),
        (DiskState::Sound, Lang::Zh) => "的磁盘正常".into(),
        (DiskState::Slow(span), Lang::En) => {
            format!("has a slow disk: {} for each flush", lasting(span, lang))
        }
        (DiskState::Slow(span), Lang::Zh) => format!("的磁盘变慢：每次刷盘要 {}", lasting(span, lang)),
        (DiskState::Lying, Lang::En) => "has a disk that lies: what it calls flushed is not".into(),
        (DiskState::Lying, Lang::Zh) => "的磁盘会撒谎：说刷盘了，其实没有".into(),
        (DiskState::Full, Lang::En) => "has a full disk".into(),
        (DiskState::Full, Lang::Zh) => "的磁盘满了".into(),
        (_, Lang::En) => "has another disk".into(),
        (_, Lang::Zh) => "的磁盘变了".into(),
    }
}

/// A clock, as a part of a sentence.
fn clock(by: i64, lang: Lang) -> String {
    let off = lasting(Span(by.unsigned_abs()), lang);
    match (by, lang) {
        (0, Lang::En) => "has the true time".into(),
        (0, Lang::Zh) => "的时钟对准了".into(),
        (1.., Lang::En) => format!("has a clock that is {off} ahead"),
        (1.., Lang::Zh) => format!("的时钟快了 {off}"),
        (_, Lang::En) => format!("has a clock that is {off} behind"),
        (_, Lang::Zh) => format!("的时钟慢了 {off}"),
    }
}

/// What the network did something to: with its messages, if it carries any.
fn parcel(what: Parcel, messages: &str, lang: Lang) -> String {
    match (what, messages, lang) {
        (Parcel::Request, "", Lang::En) => "a request".into(),
        (Parcel::Answer, "", Lang::En) => "an answer".into(),
        (Parcel::Delivery, "", Lang::En) => "a delivery".into(),
        (Parcel::Word, "", Lang::En) => "a word".into(),
        (Parcel::Request, "", Lang::Zh) => "一个请求".into(),
        (Parcel::Answer, "", Lang::Zh) => "一个应答".into(),
        (Parcel::Delivery, "", Lang::Zh) => "一次投递".into(),
        (Parcel::Word, "", Lang::Zh) => "一个通知".into(),
        (_, messages, _) => messages.into(),
    }
}

pub(super) fn english(event: &FaultEvent, node: &str, what: &str, names: &Names) -> String {
    let lang = Lang::En;
    let thing =
        |kind: Parcel, messages: &[_]| parcel(kind, if messages.is_empty() { "" } else { what }, lang);
    match event {
        FaultEvent::Frozen => format!("{node} stands still: what comes waits, and it says nothing"),
        FaultEvent::Doomed => {
            format!("{node} will die when it has done its next message, before it says so to anybody")
        }
        FaultEvent::Thawed { waited: 0 } => format!("{node} goes on; nothing had come"),
        FaultEvent::Thawed { waited: 1 } => format!("{node} goes on, and takes in the one thing that waited"),
        FaultEvent::Thawed { waited } => {
            format!("{node} goes on, and takes in the {waited} things that waited")
        }
        FaultEvent::Link { link, fault } => on_link(*link, *fault, names, lang),
        FaultEvent::Lost { to, what: kind, messages } => {
            let thing = thing(*kind, messages);
            format!("the network loses {thing} on the way from {node} to {}", names.node(*to, lang))
        }
        FaultEvent::Doubled { to, what: kind, messages } => {
            let thing = thing(*kind, messages);
            format!("the network makes two of {thing} on the way from {node} to {}", names.node(*to, lang))
        }
        FaultEvent::HeldUp { to, what: kind, messages } => {
            let thing = thing(*kind, messages);
            format!("the network holds {thing} up on the way from {node} to {}", names.node(*to, lang))
        }
        FaultEvent::Broke { peer } => {
            format!(
                "the connection between {node} and {} breaks: something in it was lost",
                names.node(*peer, lang)
            )
        }
        FaultEvent::Skewed { by } => format!("{node} {}", clock(*by, lang)),
        FaultEvent::Disk { is } => format!("{node} {}", disk(*is, lang)),
        FaultEvent::NoSpace => format!("{node} stops: there is no room on its disk"),
        FaultEvent::DiskLied { of, .. } => {
            format!("{node} loses of {} what its disk had called flushed: {what}", place(of, lang))
        }
        FaultEvent::Replaced => format!("{node} has a new disk, and it is empty"),
        FaultEvent::DiskGone { of, .. } => {
            format!("{node} loses what its old disk held of {}: {what}", place(of, lang))
        }
        other => format!("{node}: {other}"),
    }
}

pub(super) fn chinese(event: &FaultEvent, node: &str, what: &str, names: &Names) -> String {
    let lang = Lang::Zh;
    let thing =
        |kind: Parcel, messages: &[_]| parcel(kind, if messages.is_empty() { "" } else { what }, lang);
    match event {
        FaultEvent::Frozen => format!("{node} 停顿：收到的都先等着，什么也不发"),
        FaultEvent::Doomed => format!("{node} 处理完下一条消息就会宕机，来不及确认"),
        FaultEvent::Thawed { waited: 0 } => format!("{node} 继续运行，期间什么也没来"),
        FaultEvent::Thawed { waited } => format!("{node} 继续运行，处理等着的 {waited} 项"),
        FaultEvent::Link { link, fault } => on_link(*link, *fault, names, lang),
        FaultEvent::Lost { to, what: kind, messages } => {
            let thing = thing(*kind, messages);
            format!("从 {node} 到 {} 的路上，网络丢了{thing}", names.node(*to, lang))
        }
        FaultEvent::Doubled { to, what: kind, messages } => {
            let thing = thing(*kind, messages);
            format!("从 {node} 到 {} 的路上，网络把{thing}变成了两份", names.node(*to, lang))
        }
        FaultEvent::HeldUp { to, what: kind, messages } => {
            let thing = thing(*kind, messages);
            format!("从 {node} 到 {} 的路上，网络耽搁了{thing}", names.node(*to, lang))
        }
        FaultEvent::Broke { peer } => {
            format!("{node} 与 {} 的连接断开：里面丢了东西", names.node(*peer, lang))
        }
        FaultEvent::Skewed { by } => format!("{node} {}", clock(*by, lang)),
        FaultEvent::Disk { is } => format!("{node} {}", disk(*is, lang)),
        FaultEvent::NoSpace => format!("{node} 停机：磁盘没有空间了"),
        FaultEvent::DiskLied { of, .. } => {
            format!("{node} 丢了{}里磁盘谎称已刷盘的内容：{what}", place(of, lang))
        }
        FaultEvent::Replaced => format!("{node} 换了一块空磁盘"),
        FaultEvent::DiskGone { of, .. } => format!("{node} 的{}随旧磁盘一起没了：{what}", place(of, lang)),
        other => format!("{node}：{other}"),
    }
}

pub(super) fn tone(event: &FaultEvent) -> Tone {
    match event {
        event if event.is_relief() => Tone::Back,
        FaultEvent::Doubled { .. } | FaultEvent::HeldUp { .. } => Tone::Again,
        FaultEvent::Skewed { .. } | FaultEvent::Replaced => Tone::Turn,
        _ => Tone::Harm,
    }
}

/// A command in a few words, as what happens by it.
pub(super) fn command(command: Command, names: &Names, lang: Lang) -> String {
    match lang {
        Lang::En => plain_command(command, names, lang),
        Lang::Zh => spaced(&plain_command(command, names, lang)),
    }
}

fn plain_command(command: Command, names: &Names, lang: Lang) -> String {
    let name = |node: NodeId| names.node(node, lang);
    let (node, en, zh) = match command {
        Command::Change(change) => return changes::wish(&change, names, lang),
        Command::Link { link, fault } => return on_link(link, fault, names, lang),
        Command::Skew { node, by } => return format!("{} {}", name(node), clock(by, lang)),
        Command::Disk { node, is } => return format!("{} {}", name(node), disk(is, lang)),
        Command::Crash(node) => (name(node), "crashes", "宕机"),
        Command::CutPower(node) => (name(node), "loses power", "断电"),
        Command::ShutDown(node) => (name(node), "stops in good order", "正常停机"),
        Command::Restart(node) => (name(node), "is back", "恢复"),
        Command::Replace(node) => (name(node), "gets an empty disk", "换上空磁盘"),
        Command::Freeze(node) => (name(node), "stands still", "停顿"),
        Command::Thaw(node) => (name(node), "goes on", "继续运行"),
        Command::CrashOnceDone(node) => (name(node), "dies before it acknowledges", "确认之前宕机"),
        other => (command_node(&other, names, lang), "is changed", "改动"),
    };
    match lang {
        Lang::En => format!("{node} {en}"),
        Lang::Zh => format!("{node} {zh}"),
    }
}

fn command_node(command: &Command, names: &Names, lang: Lang) -> String {
    command.node().map(|node| names.node(node, lang)).unwrap_or_default()
}

/// Why a command of a fault was refused.
pub(super) fn refused(why: CommandRefused, names: &Names, lang: Lang) -> String {
    let name = |node| names.node(node, lang);
    match (why, lang) {
        (CommandRefused::NoSuchNode(node), Lang::En) => format!("That cannot be done to {}.", name(node)),
        (CommandRefused::NoSuchNode(node), Lang::Zh) => format!("不能对 {} 这样做。", name(node)),
        (CommandRefused::IsFrozen(node), Lang::En) => format!("{} stands still already.", name(node)),
        (CommandRefused::IsFrozen(node), Lang::Zh) => format!("{} 已经停顿了。", name(node)),
        (CommandRefused::IsNotFrozen(node), Lang::En) => format!("{} does not stand still.", name(node)),
        (CommandRefused::IsNotFrozen(node), Lang::Zh) => format!("{} 没有停顿。", name(node)),
        (CommandRefused::IsSo(node), Lang::En) => format!("With {} it is so already.", name(node)),
        (CommandRefused::IsSo(node), Lang::Zh) => format!("{} 已经是这样了。", name(node)),
        (CommandRefused::HasNoDisk(node), Lang::En) => format!("{} has no disk for that.", name(node)),
        (CommandRefused::HasNoDisk(node), Lang::Zh) => format!("{} 没有这样的磁盘。", name(node)),
        (CommandRefused::SameNode(node), Lang::En) => format!("{} has no link to itself.", name(node)),
        (CommandRefused::SameNode(node), Lang::Zh) => format!("{} 和自己之间没有链路。", name(node)),
        (CommandRefused::NothingToHeal(at), Lang::En) => {
            format!("Nothing is wrong {}.", link(at, names, lang))
        }
        (CommandRefused::NothingToHeal(at), Lang::Zh) => format!("{}没有问题。", link(at, names, lang)),
        (CommandRefused::BadChance(chance), Lang::En) => {
            format!("{chance} of 1000 is no chance: use 1 to 1000.")
        }
        (CommandRefused::BadChance(chance), Lang::Zh) => {
            format!("千分之 {chance} 不是概率：请用 1 到 1000。")
        }
        (CommandRefused::BadSpan(span), Lang::En) => format!("A time of {} cannot be.", lasting(span, lang)),
        (CommandRefused::BadSpan(span), Lang::Zh) => format!("时长 {} 不行。", lasting(span, lang)),
        (CommandRefused::TooManyBranches, Lang::En) => {
            format!("There are {BRANCHES_MAX} branches already: remove one first.")
        }
        (CommandRefused::TooManyBranches, Lang::Zh) => {
            format!("已有 {BRANCHES_MAX} 个分支：请先删除一个。")
        }
        (CommandRefused::NothingToUndo, Lang::En) => "Nothing was done in this branch yet.".into(),
        (CommandRefused::NothingToUndo, Lang::Zh) => "这个分支里还没有做过任何操作。".into(),
        (other, Lang::En) => format!("That cannot be done: {other}."),
        (other, Lang::Zh) => format!("做不到：{other}。"),
    }
}
