//! Where does a message stand right now? The last line of its life.

use mqlab_core::ids::{MessageId, Name};
use mqlab_core::observe::Place;
use mqlab_core::sim::SystemName;
use mqlab_core::sim::picture::{Cell, CellState, Mark, Picture, Role, StripView};

use super::queues::queue_of;
use super::sentence::Names;
use super::{Lang, moment, row, spaced};

/// The line, and whether it is worth a worry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// What to read.
    pub words: String,
    /// Whether the message is lost, or would be by one more fault.
    pub harm: bool,
}

fn calm(words: String) -> Option<Standing> {
    Some(Standing { words, harm: false })
}

/// What a picture says about one message; nothing when its story is over or has not begun.
pub fn standing(picture: &Picture, message: MessageId, names: &Names, lang: Lang) -> Option<Standing> {
    let is = |mark: &Mark| mark.message == message;
    if picture.lost.iter().any(is) {
        let words = match lang {
            Lang::En => "lost: it was acknowledged, and no log will ever serve it",
            Lang::Zh => "丢失：它已被确认，但再没有日志会把它交给消费者",
        };
        return Some(Standing { words: words.into(), harm: true });
    }
    for consumer in &picture.consumers {
        let name = names.node(consumer.node, lang);
        if consumer.working.as_ref().is_some_and(|(mark, ..)| is(mark)) {
            return calm(match lang {
                Lang::En => format!("{name} is working on it"),
                Lang::Zh => format!("{name} 正在处理它"),
            });
        }
        if consumer.staged.iter().any(is) {
            return calm(match lang {
                Lang::En => format!("waits at {name} for its turn"),
                Lang::Zh => format!("在 {name} 处排队等待处理"),
            });
        }
    }
    if let Some(packet) = picture.packets.iter().find(|packet| packet.marks.iter().any(is)) {
        let (from, to) = (names.node(packet.from, lang), names.node(packet.to, lang));
        return calm(match lang {
            Lang::En => format!("on its way from {from} to {to}"),
            Lang::Zh => format!("正从 {from} 发往 {to}"),
        });
    }
    on_disk(picture, message, names, lang).or_else(|| {
        let producer = picture.producers.iter().find(|producer| producer.waiting.iter().any(is))?;
        let name = names.node(producer.node, lang);
        calm(match lang {
            Lang::En => format!("{name} keeps it until it is confirmed"),
            Lang::Zh => format!("{name} 留着它，等待确认"),
        })
    })
}

fn cell_of(strip: &StripView, message: MessageId) -> Option<&Cell> {
    strip.cells.iter().find(|cell| cell.mark.is_some_and(|mark| mark.message == message))
}

fn on_disk(picture: &Picture, message: MessageId, names: &Names, lang: Lang) -> Option<Standing> {
    let (mut up, mut down) = (Vec::new(), Vec::new());
    let mut committed = false;
    let mut queues = Vec::new();
    for broker in &picture.brokers {
        for strip in &broker.strips {
            let Some(cell) = cell_of(strip, message) else { continue };
            if let Place::Queue(queue) = &strip.place {
                queues.push(queued(cell, queue, names, lang));
                continue;
            }
            let (on, name) = (if broker.up { &mut up } else { &mut down }, names.node(broker.node, lang));
            if !on.contains(&name) {
                on.push(name);
            }
            committed |= matches!(strip.role, Role::Leader { .. } | Role::Owner { .. })
                && cell.state == CellState::Committed;
        }
    }
    if !queues.is_empty() {
        // An exchange may have filled several.
        return calm(queues.join(if lang == Lang::En { "; " } else { "；" }));
    }
    let place = place(&up, &down, lang)?;
    if picture.system == Some(SystemName::RocketMq) {
        let words = match (committed, lang) {
            (true, Lang::En) => format!("stored {place}"),
            (true, Lang::Zh) => format!("存{place}"),
            (false, Lang::En) => format!("stored {place}, in the page cache: not flushed yet"),
            (false, Lang::Zh) => format!("存{place}，只在页缓存里，还没有刷盘"),
        };
        return Some(Standing { words, harm: !committed && up.len() <= 1 });
    }
    let words = match (committed, lang) {
        (true, Lang::En) => format!("committed; {place}"),
        (true, Lang::Zh) => format!("已提交，{place}"),
        (false, Lang::En) if !down.is_empty() => format!("{place}; not committed yet"),
        (false, Lang::En) if up.len() == 1 => format!("{place} only, not committed"),
        (false, Lang::En) => format!("{place}, not committed yet"),
        (false, Lang::Zh) if down.is_empty() && up.len() == 1 => format!("只{place}，还没有提交"),
        (false, Lang::Zh) => format!("{place}，还没有提交"),
    };
    Some(Standing { words, harm: !committed && up.len() <= 1 })
}

/// Who holds a copy: brokers that run, and those of which only the disk is left.
fn place(up: &[String], down: &[String], lang: Lang) -> Option<String> {
    let (on, off) = (row(up, lang), row(down, lang));
    let (disks, are) = if down.len() == 1 { ("disk", "is") } else { ("disks", "are") };
    Some(match (up.is_empty(), down.is_empty(), lang) {
        (true, true, _) => return None,
        (false, true, Lang::En) => format!("on {on}"),
        (false, true, Lang::Zh) => format!("在 {on} 上"),
        (false, false, Lang::En) => format!("on {on}, and on the {disks} of {off}, which {are} down"),
        (false, false, Lang::Zh) => format!("在 {on} 上，也在已宕机的 {off} 的磁盘上"),
        (true, false, Lang::En) => format!("only on the {disks} of {off}, which {are} down"),
        (true, false, Lang::Zh) => format!("只在已宕机的 {off} 的磁盘上"),
    })
}

fn queued(cell: &Cell, queue: &Name, names: &Names, lang: Lang) -> String {
    let queue = queue_of(queue, lang);
    match (cell.state, lang) {
        (CellState::Delivered(consumer), Lang::En) => {
            format!("in {queue}, with {}, not acknowledged", names.node(consumer, lang))
        }
        (CellState::Delivered(consumer), Lang::Zh) => {
            spaced(&format!("在{queue}中，已交给 {}，还没有确认", names.node(consumer, lang)))
        }
        (CellState::Waiting(until), Lang::En) => format!("waits in {queue} until {} ms", moment(until)),
        (CellState::Waiting(until), Lang::Zh) => spaced(&format!("在{queue}里等到 {} 毫秒", moment(until))),
        (_, Lang::En) => format!("ready in {queue}"),
        (_, Lang::Zh) => spaced(&format!("在{queue}里等待投递")),
    }
}
