//! The words of RabbitMQ alone: who leads a queue, what its members have, where dead letters go, and who is connected.

use mqlab_core::ids::NodeId;
use mqlab_core::observe::RabbitmqEvent;

use super::sentence::Tone;
use super::{Lang, row};

fn names<T: ToString>(all: &[T], lang: Lang) -> String {
    row(&all.iter().map(ToString::to_string).collect::<Vec<_>>(), lang)
}

pub(super) fn english(
    event: &RabbitmqEvent,
    node: &str,
    what: &str,
    who: impl Fn(NodeId) -> String,
) -> String {
    match event {
        RabbitmqEvent::Leads { queue, term } => {
            format!("{node} is elected leader of the quorum queue {queue} (term {})", term.0)
        }
        RabbitmqEvent::StoppedLeading { queue, .. } => {
            format!("{node} does not lead {queue} any more")
        }
        RabbitmqEvent::Written { queue, base, .. } => {
            format!("{node} has {what} on disk, in its log of {queue} from {base} on")
        }
        RabbitmqEvent::CutBack { queue, messages, .. } if messages.is_empty() => {
            format!("{node} cuts its log of {queue} back to what the leader has")
        }
        RabbitmqEvent::CutBack { queue, .. } => {
            format!("{node} removes {what} from its log of {queue}: no majority ever had it")
        }
        RabbitmqEvent::Refusing { queue, refuses: true } => {
            format!("{queue} is full: {node} refuses what is published to it")
        }
        RabbitmqEvent::Refusing { queue, refuses: false } => {
            format!("{queue} has room again: {node} takes what is published to it")
        }
        RabbitmqEvent::DeadLettered { queue, to, .. } if to.is_empty() => {
            format!("{what} is dead in {queue}, and {node} finds no queue for dead letters yet")
        }
        RabbitmqEvent::DeadLettered { queue, to, .. } => {
            format!("{node} publishes {what}, dead in {queue}, to {}", names(to, Lang::En))
        }
        RabbitmqEvent::NodeDown { peer } => {
            format!("{node} hears nothing of {} and takes it for dead", who(*peer))
        }
        RabbitmqEvent::NodeUp { peer } => format!("{node} hears of {} again", who(*peer)),
        RabbitmqEvent::Connected { to, again: 0 } => format!("{node} has a channel on {}", who(*to)),
        RabbitmqEvent::Connected { to, again } => {
            format!("{node} has a channel on {}, and publishes {again} unconfirmed messages again", who(*to))
        }
        RabbitmqEvent::ConnectionBlocked { client } => {
            format!("{node} reads no more from {}: an alarm is on in the cluster", who(*client))
        }
        RabbitmqEvent::ConnectionUnblocked { client } => {
            format!("{node} reads on from {}: the alarm is over", who(*client))
        }
        RabbitmqEvent::Disconnected { from } => {
            format!("{node} is cut off from {}: its channel is gone", who(*from))
        }
        other => format!("{node}: {other}"),
    }
}

pub(super) fn chinese(
    event: &RabbitmqEvent,
    node: &str,
    what: &str,
    who: impl Fn(NodeId) -> String,
) -> String {
    match event {
        RabbitmqEvent::Leads { queue, term } => {
            format!("{node} 当选仲裁队列 {queue} 的 leader（任期 {}）", term.0)
        }
        RabbitmqEvent::StoppedLeading { queue, .. } => format!("{node} 不再是 {queue} 的 leader"),
        RabbitmqEvent::Written { queue, base, .. } => {
            format!("{node} 已把{what} 写入 {queue} 的日志并刷盘，从 {base} 起")
        }
        RabbitmqEvent::CutBack { queue, messages, .. } if messages.is_empty() => {
            format!("{node} 把 {queue} 的日志截到与 leader 一致")
        }
        RabbitmqEvent::CutBack { queue, .. } => {
            format!("{node} 从 {queue} 的日志里截掉{what}：从未有过多数派")
        }
        RabbitmqEvent::Refusing { queue, refuses: true } => {
            format!("{queue} 已满：{node} 拒绝新的发布")
        }
        RabbitmqEvent::Refusing { queue, refuses: false } => {
            format!("{queue} 又有空位：{node} 恢复接收")
        }
        RabbitmqEvent::DeadLettered { queue, to, .. } if to.is_empty() => {
            format!("{what} 在 {queue} 成为死信，{node} 暂时找不到收它的队列")
        }
        RabbitmqEvent::DeadLettered { queue, to, .. } => {
            format!("{node} 把 {queue} 的死信{what} 发往 {}", names(to, Lang::Zh))
        }
        RabbitmqEvent::NodeDown { peer } => format!("{node} 收不到 {} 的消息，认定它已宕机", who(*peer)),
        RabbitmqEvent::NodeUp { peer } => format!("{node} 又收到了 {} 的消息", who(*peer)),
        RabbitmqEvent::Connected { to, again: 0 } => format!("{node} 在 {} 上打开了信道", who(*to)),
        RabbitmqEvent::Connected { to, again } => {
            format!("{node} 在 {} 上打开信道，重发 {again} 条未确认的消息", who(*to))
        }
        RabbitmqEvent::ConnectionBlocked { client } => {
            format!("集群中有告警，{node} 阻塞 {} 的连接，不再读取", who(*client))
        }
        RabbitmqEvent::ConnectionUnblocked { client } => {
            format!("告警解除，{node} 恢复读取 {} 的连接", who(*client))
        }
        RabbitmqEvent::Disconnected { from } => format!("{node} 与 {} 断开，信道随之关闭", who(*from)),
        other => format!("{node}：{other}"),
    }
}

pub(super) fn tone(event: &RabbitmqEvent) -> Tone {
    match event {
        RabbitmqEvent::Leads { .. } | RabbitmqEvent::StoppedLeading { .. } => Tone::Turn,
        RabbitmqEvent::NodeDown { .. } | RabbitmqEvent::Disconnected { .. } => Tone::Harm,
        RabbitmqEvent::Refusing { refuses: true, .. } => Tone::Harm,
        RabbitmqEvent::ConnectionBlocked { .. } => Tone::Harm,
        RabbitmqEvent::Refusing { refuses: false, .. } | RabbitmqEvent::NodeUp { .. } => Tone::Back,
        RabbitmqEvent::ConnectionUnblocked { .. } => Tone::Back,
        RabbitmqEvent::CutBack { messages, .. } if !messages.is_empty() => Tone::Harm,
        RabbitmqEvent::DeadLettered { .. } => Tone::Again,
        RabbitmqEvent::Connected { again, .. } if *again > 0 => Tone::Again,
        _ => Tone::Plain,
    }
}
