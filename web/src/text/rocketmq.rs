//! The words of RocketMQ: what a send was told, delays, retries, locks, pops, held pulls, and what name servers know.

use mqlab_core::observe::{RocketmqEvent, SendStatus};

use super::sentence::{Names, Tone, nth};
use super::{Lang, row};

fn places<T: ToString>(all: &[T], lang: Lang) -> String {
    row(&all.iter().map(ToString::to_string).collect::<Vec<_>>(), lang)
}

pub(super) fn english(event: &RocketmqEvent, node: &str, what: &str, names: &Names) -> String {
    let who = |other| names.node(other, Lang::En);
    match event {
        RocketmqEvent::LessSafe { status: SendStatus::FlushDiskTimeout, .. } => {
            format!("{node} is told FLUSH_DISK_TIMEOUT: {what} is stored, and was not on the disk in time")
        }
        RocketmqEvent::LessSafe { status: SendStatus::FlushSlaveTimeout, .. } => {
            format!("{node} is told FLUSH_SLAVE_TIMEOUT: {what} is stored, and no slave had it in time")
        }
        RocketmqEvent::LessSafe { status: SendStatus::SlaveNotAvailable, .. } => {
            format!("{node} is told SLAVE_NOT_AVAILABLE: {what} is stored, and there is no slave to copy it")
        }
        RocketmqEvent::Delayed { level, .. } => {
            format!("{node} keeps {what} back at delay level {level}")
        }
        RocketmqEvent::SentBack { group, times, .. } => {
            format!("{group} sends {what} back for the {} time: {node} gives it again later", nth(*times))
        }
        RocketmqEvent::Buried { group, .. } => {
            format!("{node} puts {what} among the dead letters of {group}")
        }
        RocketmqEvent::Locked { queues, by, .. } => {
            format!("{node} gives {} the lock of {}", who(*by), places(queues, Lang::En))
        }
        RocketmqEvent::LockRefused { queue, by, holder, .. } => {
            format!("{node} refuses {} the lock of {queue}: {} has it", who(*by), who(*holder))
        }
        RocketmqEvent::Unlocked { queues, by, .. } => {
            format!("{} gives up the lock of {} at {node}", who(*by), places(queues, Lang::En))
        }
        RocketmqEvent::PullHeld { queue, by } => {
            format!("{node} has nothing new of {queue}, and holds what {} asks", who(*by))
        }
        RocketmqEvent::Popped { queue, by, .. } => {
            format!("{node} gives {} {what} of {queue}: nobody else sees it for a while", who(*by))
        }
        RocketmqEvent::Revived { .. } => {
            format!("{node} heard no acknowledgement of {what} in time: anybody may have it again")
        }
        RocketmqEvent::HalfDiscarded { .. } => {
            format!("{node} has asked often enough: it puts the half of {what} aside")
        }
        RocketmqEvent::SlaveCame { slave } => format!("{} follows {node} as its slave", who(*slave)),
        RocketmqEvent::SlaveGone { slave } => format!("{node} has lost its slave, {}", who(*slave)),
        RocketmqEvent::Registered { node: broker, broker: name, id: 0 } => {
            format!("{} registers at {node} as the master of {name}", who(*broker))
        }
        RocketmqEvent::Registered { node: broker, broker: name, .. } => {
            format!("{} registers at {node} as a slave of {name}", who(*broker))
        }
        RocketmqEvent::Unregistered { node: broker } => {
            format!("{node} takes {} out of its routes", who(*broker))
        }
        RocketmqEvent::MasterIs { broker, master, epoch } => {
            format!("the controller makes {} the master of {broker}, epoch {epoch}", who(*master))
        }
        RocketmqEvent::NoMaster { broker } => {
            format!("the controller finds nobody in sync who could be the master of {broker}")
        }
        RocketmqEvent::InSyncIs { broker, in_sync } => {
            format!("in sync for {broker}: {}", names.nodes(in_sync, Lang::En))
        }
        other => format!("{node}: {other}"),
    }
}

pub(super) fn chinese(event: &RocketmqEvent, node: &str, what: &str, names: &Names) -> String {
    let who = |other| names.node(other, Lang::Zh);
    match event {
        RocketmqEvent::LessSafe { status: SendStatus::FlushDiskTimeout, .. } => {
            format!("{node} 收到 FLUSH_DISK_TIMEOUT：{what} 已存下，但没有及时刷盘")
        }
        RocketmqEvent::LessSafe { status: SendStatus::FlushSlaveTimeout, .. } => {
            format!("{node} 收到 FLUSH_SLAVE_TIMEOUT：{what} 已存下，但从节点没有及时复制")
        }
        RocketmqEvent::LessSafe { status: SendStatus::SlaveNotAvailable, .. } => {
            format!("{node} 收到 SLAVE_NOT_AVAILABLE：{what} 已存下，但没有可用的从节点")
        }
        RocketmqEvent::Delayed { level, .. } => format!("{node} 按延迟级别 {level} 暂存{what}"),
        RocketmqEvent::SentBack { group, times, .. } => {
            format!("{group} 第 {times} 次退回{what}：{node} 稍后再投递")
        }
        RocketmqEvent::Buried { group, .. } => format!("{node} 把{what} 放进 {group} 的死信队列"),
        RocketmqEvent::Locked { queues, by, .. } => {
            format!("{node} 把 {} 的锁给了 {}", places(queues, Lang::Zh), who(*by))
        }
        RocketmqEvent::LockRefused { queue, by, holder, .. } => {
            format!("{node} 拒绝 {} 锁 {queue}：锁在 {} 手里", who(*by), who(*holder))
        }
        RocketmqEvent::Unlocked { queues, by, .. } => {
            format!("{} 在 {node} 放开 {} 的锁", who(*by), places(queues, Lang::Zh))
        }
        RocketmqEvent::PullHeld { queue, by } => {
            format!("{queue} 没有新消息，{node} 挂起 {} 的拉取请求", who(*by))
        }
        RocketmqEvent::Popped { queue, by, .. } => {
            format!("{node} 把 {queue} 的{what} 弹给 {}：一段时间内别人看不到", who(*by))
        }
        RocketmqEvent::Revived { .. } => format!("{node} 没有按时等到{what} 的确认：谁都可以再取走它"),
        RocketmqEvent::HalfDiscarded { .. } => format!("{node} 回查次数已满：搁置{what} 的半消息"),
        RocketmqEvent::SlaveCame { slave } => format!("{} 成为 {node} 的从节点", who(*slave)),
        RocketmqEvent::SlaveGone { slave } => format!("{node} 失去从节点 {}", who(*slave)),
        RocketmqEvent::Registered { node: broker, broker: name, id: 0 } => {
            format!("{} 在 {node} 注册为 {name} 的主节点", who(*broker))
        }
        RocketmqEvent::Registered { node: broker, broker: name, .. } => {
            format!("{} 在 {node} 注册为 {name} 的从节点", who(*broker))
        }
        RocketmqEvent::Unregistered { node: broker } => format!("{node} 把 {} 移出路由表", who(*broker)),
        RocketmqEvent::MasterIs { broker, master, epoch } => {
            format!("控制器让 {} 成为 {broker} 的主节点，纪元 {epoch}", who(*master))
        }
        RocketmqEvent::NoMaster { broker } => format!("控制器找不到能当 {broker} 主节点的同步副本"),
        RocketmqEvent::InSyncIs { broker, in_sync } => {
            format!("{broker} 的同步副本：{}", names.nodes(in_sync, Lang::Zh))
        }
        other => format!("{node}：{other}"),
    }
}

pub(super) fn tone(event: &RocketmqEvent) -> Tone {
    match event {
        RocketmqEvent::LessSafe { .. }
        | RocketmqEvent::Buried { .. }
        | RocketmqEvent::LockRefused { .. }
        | RocketmqEvent::HalfDiscarded { .. }
        | RocketmqEvent::SlaveGone { .. }
        | RocketmqEvent::NoMaster { .. }
        | RocketmqEvent::Unregistered { .. } => Tone::Harm,
        RocketmqEvent::SentBack { .. } | RocketmqEvent::Revived { .. } => Tone::Again,
        RocketmqEvent::Locked { .. }
        | RocketmqEvent::Unlocked { .. }
        | RocketmqEvent::MasterIs { .. }
        | RocketmqEvent::InSyncIs { .. } => Tone::Turn,
        RocketmqEvent::SlaveCame { .. } | RocketmqEvent::Registered { .. } => Tone::Back,
        _ => Tone::Plain,
    }
}
