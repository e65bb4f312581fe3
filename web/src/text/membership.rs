//! What happens to a consumer group, as sentences: it is dealt anew, members are put out or fenced.

use mqlab_core::ids::PartitionId;
use mqlab_core::observe::{GroupEvent, Removal};

use super::sentence::{Names, Tone, refusal};
use super::{Lang, row};

fn all(partitions: &[PartitionId], lang: Lang) -> String {
    let all: Vec<String> = partitions.iter().map(ToString::to_string).collect();
    row(&all, lang)
}

pub(super) fn english(event: &GroupEvent, node: &str, names: &Names) -> String {
    let lang = Lang::En;
    match event {
        GroupEvent::RebalanceBegan { group, generation: 0, because } => {
            format!(
                "{node} waits for the members of group {group}: {} is the first",
                names.node(*because, lang)
            )
        }
        GroupEvent::RebalanceBegan { group, generation, because } => format!(
            "{node} has group {group} dealt anew because of {}: generation {generation} is over",
            names.node(*because, lang)
        ),
        GroupEvent::RebalanceEnded { group, members, .. } if members.is_empty() => {
            format!("group {group} on {node} has no members any more")
        }
        GroupEvent::RebalanceEnded { group, generation, members } => {
            format!("group {group} is dealt: generation {generation} is {}", names.nodes(members, lang))
        }
        GroupEvent::Removed { group, member, why } => {
            let member = names.node(*member, lang);
            match why {
                Removal::Silent => format!("{node} has not heard {member}, and puts it out of group {group}"),
                Removal::TooSlow => {
                    format!("{member} did not join again in time, and is out of group {group}")
                }
                _ => format!("{member} has left group {group}"),
            }
        }
        GroupEvent::Fenced { instance, member, by, .. } => format!(
            "{} takes over {instance}: {} is fenced",
            names.node(*by, lang),
            names.node(*member, lang)
        ),
        GroupEvent::Revoked { partitions, lost: false, .. } => {
            format!("{node} stops reading {}", all(partitions, lang))
        }
        GroupEvent::Revoked { partitions, lost: true, .. } => {
            format!("{node} has lost {}: others may read it already", all(partitions, lang))
        }
        GroupEvent::PollOverdue { group } => {
            format!("{node} works on one message for too long: its client leaves group {group}")
        }
        GroupEvent::CommitRefused { partitions, why, .. } => {
            format!("{node} may not say how far it got in {}: {}", all(partitions, lang), refusal(*why, lang))
        }
        GroupEvent::ReadsFrom { partition, replica } => {
            format!("{node} is told to read {partition} from {}, which is closer", names.node(*replica, lang))
        }
        other => format!("{node}: {other}"),
    }
}

pub(super) fn chinese(event: &GroupEvent, node: &str, names: &Names) -> String {
    let lang = Lang::Zh;
    match event {
        GroupEvent::RebalanceBegan { group, generation: 0, because } => {
            format!("{node} 等待消费者组 {group} 的成员：{} 第一个到", names.node(*because, lang))
        }
        GroupEvent::RebalanceBegan { group, generation, because } => format!(
            "{node} 因 {} 让消费者组 {group} 重平衡，第 {generation} 代结束",
            names.node(*because, lang)
        ),
        GroupEvent::RebalanceEnded { group, members, .. } if members.is_empty() => {
            format!("{node} 上的消费者组 {group} 已没有成员")
        }
        GroupEvent::RebalanceEnded { group, generation, members } => {
            format!("消费者组 {group} 重平衡完成，第 {generation} 代：{}", names.nodes(members, lang))
        }
        GroupEvent::Removed { group, member, why } => {
            let member = names.node(*member, lang);
            match why {
                Removal::Silent => format!("{node} 收不到 {member} 的心跳，把它移出消费者组 {group}"),
                Removal::TooSlow => format!("{member} 没有及时重新加入，被移出消费者组 {group}"),
                _ => format!("{member} 离开消费者组 {group}"),
            }
        }
        GroupEvent::Fenced { instance, member, by, .. } => {
            format!("{} 接管静态成员 {instance}：{} 被隔离", names.node(*by, lang), names.node(*member, lang))
        }
        GroupEvent::Revoked { partitions, lost: false, .. } => {
            format!("{node} 停止消费分区 {}", all(partitions, lang))
        }
        GroupEvent::Revoked { partitions, lost: true, .. } => {
            format!("{node} 失去分区 {}：可能已由别人消费", all(partitions, lang))
        }
        GroupEvent::PollOverdue { group } => {
            format!("{node} 处理一条消息太久：它的客户端退出消费者组 {group}")
        }
        GroupEvent::CommitRefused { partitions, why, .. } => {
            format!("{node} 提交分区 {} 的偏移量被拒：{}", all(partitions, lang), refusal(*why, lang))
        }
        GroupEvent::ReadsFrom { partition, replica } => {
            format!("{node} 得知 {} 离它更近，改从那里读分区 {partition}", names.node(*replica, lang))
        }
        other => format!("{node}：{other}"),
    }
}

pub(super) fn tone(event: &GroupEvent) -> Tone {
    match event {
        GroupEvent::CommitRefused { .. }
        | GroupEvent::PollOverdue { .. }
        | GroupEvent::Revoked { lost: true, .. }
        | GroupEvent::Fenced { .. } => Tone::Harm,
        GroupEvent::RebalanceEnded { .. } => Tone::Good,
        _ => Tone::Turn,
    }
}
