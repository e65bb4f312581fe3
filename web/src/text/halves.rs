//! What is said of half messages, and of the transactions that they belong to.

use mqlab_core::observe::QueueEvent;
use mqlab_core::vhost::Decision;

use super::sentence::nth;

pub(super) fn english(event: &QueueEvent, node: &str, what: &str) -> String {
    match event {
        QueueEvent::HalfStored { .. } => {
            format!("{node} keeps {what} as a half message: nobody may see it yet")
        }
        QueueEvent::CheckedBack { check: 1, .. } => format!("{node} asks the producer what became of {what}"),
        QueueEvent::CheckedBack { check, .. } => {
            format!("{node} asks the producer for the {} time what became of {what}", nth(*check))
        }
        QueueEvent::HalfDecided { decision: Decision::Commit, .. } => {
            format!("{node} is told to commit {what}: now consumers may have it")
        }
        QueueEvent::HalfDecided { decision: Decision::Rollback, .. } => {
            format!("{node} is told to roll {what} back: nobody will ever see it")
        }
        QueueEvent::HalfDecided { decision: Decision::Unknown, .. } => {
            format!("{node} is told that {what} is undecided, and will ask again")
        }
        QueueEvent::OwnTransaction { committed: true, .. } => {
            format!("{node} commits its own transaction, to which {what} belongs")
        }
        QueueEvent::OwnTransaction { committed: false, .. } => {
            format!("{node} rolls its own transaction back, to which {what} belongs")
        }
        other => format!("{node}: {other}"),
    }
}

pub(super) fn chinese(event: &QueueEvent, node: &str, what: &str) -> String {
    match event {
        QueueEvent::HalfStored { .. } => format!("{node} 把{what} 存为半消息：还没有人能看到"),
        QueueEvent::CheckedBack { check: 1, .. } => format!("{node} 向生产者回查{what} 的结果"),
        QueueEvent::CheckedBack { check, .. } => format!("{node} 第 {check} 次向生产者回查{what} 的结果"),
        QueueEvent::HalfDecided { decision: Decision::Commit, .. } => {
            format!("{node} 得知{what} 要提交：消费者可以消费了")
        }
        QueueEvent::HalfDecided { decision: Decision::Rollback, .. } => {
            format!("{node} 得知{what} 要回滚：永远没有人会看到它")
        }
        QueueEvent::HalfDecided { decision: Decision::Unknown, .. } => {
            format!("{node} 得知{what} 还没有结果，稍后再回查")
        }
        QueueEvent::OwnTransaction { committed: true, .. } => format!("{node} 提交{what} 所属的本地事务"),
        QueueEvent::OwnTransaction { committed: false, .. } => format!("{node} 回滚{what} 所属的本地事务"),
        other => format!("{node}：{other}"),
    }
}
