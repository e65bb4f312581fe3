//! The words of those who pull: what a topic no longer keeps, what a consumer finds on its own disk, windows.

use mqlab_core::observe::PullEvent;

use super::moment;
use super::sentence::Tone;

pub(super) fn english(event: &PullEvent, node: &str, what: &str) -> String {
    match event {
        PullEvent::Trimmed { partition, below, .. } => {
            format!("{node} no longer keeps {what}: {partition} begins at {below} now")
        }
        PullEvent::CopyTrimmed { partition, below, .. } => {
            format!("{node} deletes {what} from its copy, too: {partition} begins at {below} here")
        }
        PullEvent::OffsetGone { partition, wanted, goes_on } => {
            format!("{node} asks for {wanted} of {partition}, which is gone: it goes on at {goes_on}")
        }
        PullEvent::Removed { partition, messages } if messages.is_empty() => {
            format!("{node} deletes its copy of {partition}, which is empty: the topic is removed")
        }
        PullEvent::Removed { partition, .. } => {
            format!("{node} deletes its copy of {partition}, and {what} with it: the topic is removed")
        }
        PullEvent::Recovered { .. } => format!("{node} finds {what} on its own disk"),
        PullEvent::Forgotten { .. } => {
            format!("{node} had {what} in memory only, noted as done: nobody will ask for it again")
        }
        PullEvent::Replays { partition, from } => format!("{node} goes back to {from} in {partition}"),
        PullEvent::Happened { at, .. } => format!("{node} writes {what}, which tells of {} ms", moment(*at)),
        PullEvent::WindowClosed { start, end, key, count, corrected } => {
            let of = key.as_ref().map_or(String::new(), |key| format!(" of {key}"));
            let verb = if *corrected { "corrects" } else { "closes" };
            let (start, end) = (moment(*start), moment(*end));
            format!("{node} {verb} the window from {start} to {end} ms: {count} messages{of}")
        }
        PullEvent::Late { start, counted, .. } => {
            let so = if *counted { "it corrects the count" } else { "it is not counted" };
            format!("{node} gets {what} when the window from {} ms is closed: {so}", moment(*start))
        }
        PullEvent::Compacted { partition, below, tombstones, bytes, .. } => {
            let over = match tombstones {
                0 => String::new(),
                1 => ", one of them a tombstone whose time is over".into(),
                many => format!(", {many} of them tombstones whose time is over"),
            };
            format!("{node} compacts {partition} below {below}: {what} superseded{over}; {bytes} bytes less")
        }
        other => format!("{node}: {other}"),
    }
}

pub(super) fn chinese(event: &PullEvent, node: &str, what: &str) -> String {
    match event {
        PullEvent::Trimmed { partition, below, .. } => {
            format!("{node} 不再保留{what}：{partition} 现在从 {below} 开始")
        }
        PullEvent::CopyTrimmed { partition, below, .. } => {
            format!("{node} 也从自己的副本中清理{what}：{partition} 在这里从 {below} 开始")
        }
        PullEvent::OffsetGone { partition, wanted, goes_on } => {
            format!("{node} 要读 {partition} 的 {wanted}，但已被清理：改从 {goes_on} 继续")
        }
        PullEvent::Removed { partition, messages } if messages.is_empty() => {
            format!("主题已删除，{node} 删掉 {partition} 的空副本")
        }
        PullEvent::Removed { partition, .. } => {
            format!("主题已删除，{node} 删掉 {partition} 的副本，连同{what}")
        }
        PullEvent::Recovered { .. } => format!("{node} 在自己的磁盘上找回{what}"),
        PullEvent::Forgotten { .. } => format!("{node} 只在内存里存有{what}，却已记为完成：再也不会有人来取"),
        PullEvent::Replays { partition, from } => format!("{node} 回到 {partition} 的 {from} 重新消费"),
        PullEvent::Happened { at, .. } => format!("{node} 写下{what}，说的是 {} 毫秒时的事", moment(*at)),
        PullEvent::WindowClosed { start, end, key, count, corrected } => {
            let of = key.as_ref().map_or(String::new(), |key| format!("（{key}）"));
            let verb = if *corrected { "更正" } else { "关闭" };
            let (start, end) = (moment(*start), moment(*end));
            format!("{node} {verb}窗口 {start} 到 {end} 毫秒：{count} 条消息{of}")
        }
        PullEvent::Late { start, counted, .. } => {
            let so = if *counted { "更正计数" } else { "不再计入" };
            format!("{node} 收到{what} 时，{} 毫秒开始的窗口已关闭：{so}", moment(*start))
        }
        PullEvent::Compacted { partition, below, tombstones, bytes, .. } => {
            let over = match tombstones {
                0 => String::new(),
                many => format!("，其中 {many} 条是到期的墓碑"),
            };
            format!(
                "{node} 压缩 {partition} 中 {below} 之前的部分：清掉已被取代的{what}{over}，省下 {bytes} 字节"
            )
        }
        other => format!("{node}：{other}"),
    }
}

pub(super) fn tone(event: &PullEvent) -> Tone {
    match event {
        PullEvent::OffsetGone { .. }
        | PullEvent::Forgotten { .. }
        | PullEvent::Late { counted: false, .. } => Tone::Harm,
        PullEvent::Recovered { .. } => Tone::Back,
        PullEvent::Replays { .. }
        | PullEvent::Late { .. }
        | PullEvent::WindowClosed { corrected: true, .. } => Tone::Again,
        PullEvent::WindowClosed { .. } => Tone::Good,
        _ => Tone::Plain,
    }
}
