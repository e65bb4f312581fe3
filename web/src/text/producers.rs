//! The words of a producer that wants each message stored once, and of brokers that know a batch again.

use mqlab_core::observe::ProducerEvent;

use super::sentence::Tone;

pub(super) fn english(event: &ProducerEvent, node: &str, what: &str) -> String {
    match event {
        ProducerEvent::Identified { id, epoch } => {
            format!("{node} learns who it is: producer {id}, epoch {epoch}")
        }
        ProducerEvent::Recognised { partition, base, .. } => {
            format!(
                "{node} recognises {what} as a duplicate: {partition} has it at offset {base}, nothing is written"
            )
        }
        ProducerEvent::BeganAnew { partition, epoch, messages } if messages.is_empty() => {
            format!("{node} does not know how {partition} stands, and counts from 0 in epoch {epoch}")
        }
        ProducerEvent::BeganAnew { partition, epoch, .. } => {
            format!(
                "{node} counts from 0 in epoch {epoch} for {partition}, and sends {what} under new numbers"
            )
        }
        other => format!("{node}: {other}"),
    }
}

pub(super) fn chinese(event: &ProducerEvent, node: &str, what: &str) -> String {
    match event {
        ProducerEvent::Identified { id, epoch } => {
            format!("{node} 拿到自己的编号：生产者 {id}，纪元 {epoch}")
        }
        ProducerEvent::Recognised { partition, base, .. } => {
            format!("{node} 认出{what} 是重复的：分区 {partition} 的偏移量 {base} 处已有，不再写入")
        }
        ProducerEvent::BeganAnew { partition, epoch, messages } if messages.is_empty() => {
            format!("{node} 不确定分区 {partition} 写到了哪里，改用纪元 {epoch}，从 0 重新编号")
        }
        ProducerEvent::BeganAnew { partition, epoch, .. } => {
            format!("{node} 对分区 {partition} 改用纪元 {epoch}，从 0 重新编号，再发{what}")
        }
        other => format!("{node}：{other}"),
    }
}

pub(super) fn tone(event: &ProducerEvent) -> Tone {
    match event {
        ProducerEvent::Recognised { .. } => Tone::Good,
        ProducerEvent::BeganAnew { .. } => Tone::Again,
        _ => Tone::Plain,
    }
}
