//! The words of ActiveMQ: who has the lock, who is master, and what its clients do by themselves.

use mqlab_core::observe::ActivemqEvent;

use super::Lang;
use super::sentence::{Names, Tone};

pub(super) fn english(event: &ActivemqEvent, node: &str, what: &str, names: &Names) -> String {
    let who = |other| names.node(other, Lang::En);
    match event {
        ActivemqEvent::Locked { broker } => format!("{node} gives the lock to {}", who(*broker)),
        ActivemqEvent::Unlocked { broker } => {
            format!("{node} has the lock back: the connection of {} is gone", who(*broker))
        }
        ActivemqEvent::LeaseOver { broker } => {
            format!("{node} takes the lock from {}, whose lease is over", who(*broker))
        }
        ActivemqEvent::Master { messages } => {
            format!("{node} is master, with {messages} messages in the store")
        }
        ActivemqEvent::Slave => format!("{node} is a slave and waits for the lock"),
        ActivemqEvent::SteppedDown { fenced: true } => {
            format!("{node} is master no longer: it lost the lock")
        }
        ActivemqEvent::SteppedDown { fenced: false } => {
            format!("{node} is master no longer: it cannot write to the store")
        }
        ActivemqEvent::Connected { broker, again: false } => {
            format!("{node} is connected with {}", who(*broker))
        }
        ActivemqEvent::Connected { broker, again: true } => {
            format!("{node} is connected again, with {}", who(*broker))
        }
        ActivemqEvent::Interrupted { broker } => {
            format!("{node} lost {}, and its failover transport looks for another", who(*broker))
        }
        ActivemqEvent::TurnedAway { client } => {
            format!("{node} is no master, and turns {} away", who(*client))
        }
        ActivemqEvent::KnownAlready { .. } => {
            format!("{node} knows {what} by its producer's number, and does not store it again")
        }
        ActivemqEvent::WillRedeliver { tried, at, .. } => {
            format!(
                "{node} will try {what} again at {at} ms, after {tried}; until then it gives its program nothing"
            )
        }
        ActivemqEvent::Poison { tried, .. } => {
            format!("{node} gives {what} up as poison after {tried}, and tells the broker")
        }
        ActivemqEvent::SuppressedDuplicate { .. } => {
            format!("{node} has had {what} on this connection: it is not done again, and goes to the dead")
        }
        ActivemqEvent::ClearedPrefetch { messages } => {
            format!("{node} throws away {messages} that it was ahead by: the broker will send them again")
        }
        other => format!("{node}: {other}"),
    }
}

pub(super) fn chinese(event: &ActivemqEvent, node: &str, what: &str, names: &Names) -> String {
    let who = |other| names.node(other, Lang::Zh);
    match event {
        ActivemqEvent::Locked { broker } => format!("{node} 把锁交给 {}", who(*broker)),
        ActivemqEvent::Unlocked { broker } => format!("{node} 收回锁：{} 的连接已断开", who(*broker)),
        ActivemqEvent::LeaseOver { broker } => format!("{node} 收回锁：{} 的租约已到期", who(*broker)),
        ActivemqEvent::Master { messages } => format!("{node} 成为 master，存储中有 {messages} 条消息"),
        ActivemqEvent::Slave => format!("{node} 是 slave，等待锁"),
        ActivemqEvent::SteppedDown { fenced: true } => format!("{node} 不再是 master：锁已丢失"),
        ActivemqEvent::SteppedDown { fenced: false } => format!("{node} 不再是 master：无法写入存储"),
        ActivemqEvent::Connected { broker, again: false } => format!("{node} 连接到 {}", who(*broker)),
        ActivemqEvent::Connected { broker, again: true } => format!("{node} 重新连接到 {}", who(*broker)),
        ActivemqEvent::Interrupted { broker } => {
            format!("{node} 与 {} 断开，failover 传输开始寻找其他 Broker", who(*broker))
        }
        ActivemqEvent::TurnedAway { client } => format!("{node} 不是 master，拒绝 {} 的连接", who(*client)),
        ActivemqEvent::KnownAlready { .. } => format!("{node} 按生产者序号认出{what}，不再重复存储"),
        ActivemqEvent::WillRedeliver { tried, at, .. } => {
            format!("{node} 已尝试 {tried} 次，将在 {at} 毫秒时重试{what}；在此之前不向程序交付任何消息")
        }
        ActivemqEvent::Poison { tried, .. } => {
            format!("{node} 尝试 {tried} 次后放弃{what}，作为毒消息通知 Broker")
        }
        ActivemqEvent::SuppressedDuplicate { .. } => {
            format!("{node} 在本连接上已收到过{what}：不再处理，转入死信队列")
        }
        ActivemqEvent::ClearedPrefetch { messages } => {
            format!("{node} 丢弃 {messages} 条预取的消息，由 Broker 重新投递")
        }
        other => format!("{node}：{other}"),
    }
}

pub(super) fn tone(event: &ActivemqEvent) -> Tone {
    match event {
        ActivemqEvent::KnownAlready { .. } => Tone::Good,
        ActivemqEvent::Master { .. } => Tone::Turn,
        ActivemqEvent::WillRedeliver { .. } | ActivemqEvent::Connected { again: true, .. } => Tone::Again,
        ActivemqEvent::SteppedDown { .. }
        | ActivemqEvent::LeaseOver { .. }
        | ActivemqEvent::Poison { .. }
        | ActivemqEvent::SuppressedDuplicate { .. } => Tone::Harm,
        _ => Tone::Plain,
    }
}
