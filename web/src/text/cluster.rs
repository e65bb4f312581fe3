//! The words of a cluster as a whole: who may lead, and who leaves.

use mqlab_core::ids::NodeId;
use mqlab_core::observe::ClusterEvent;

use super::sentence::Tone;

pub(super) fn english(event: &ClusterEvent, node: &str, who: impl Fn(NodeId) -> String) -> String {
    match event {
        ClusterEvent::UncleanElection { partition, leader } => {
            format!("{node} finds nobody in sync for {partition}, and takes {} all the same", who(*leader))
        }
        ClusterEvent::Leaving => format!("{node} is about to stop: others shall lead"),
        ClusterEvent::Relieved { broker } => {
            format!("{node} lets others lead what {} leads, for that is about to stop", who(*broker))
        }
        ClusterEvent::Stopped => format!("{node} stops in good order"),
        ClusterEvent::PartitionAdded { partition, replicas } => {
            format!("{node} adds the partition {partition} on {}", row(replicas, &who, ", "))
        }
        ClusterEvent::Moving { partition, replicas } => {
            format!("{node} begins to move {partition} to {}", row(replicas, &who, ", "))
        }
        ClusterEvent::Moved { partition, replicas } => {
            format!("{partition} has moved: {} keep it, and nobody else", row(replicas, &who, ", "))
        }
        ClusterEvent::Controls { term } => format!("{node} is the active controller now (term {term})"),
        ClusterEvent::SteppedDown { term } => {
            format!("{node} is not the active controller any more (term {term})")
        }
        ClusterEvent::TopicRemoved { topic } => {
            format!("{node} removes the topic {topic}: whoever keeps something of it deletes that")
        }
        ClusterEvent::Unregistered { broker } => {
            format!("{} does not belong to the cluster any more", who(*broker))
        }
        other => format!("{node}: {other}"),
    }
}

pub(super) fn chinese(event: &ClusterEvent, node: &str, who: impl Fn(NodeId) -> String) -> String {
    match event {
        ClusterEvent::UncleanElection { partition, leader } => {
            format!("{node} 找不到分区 {partition} 的同步副本，仍选 {}（unclean 选举）", who(*leader))
        }
        ClusterEvent::Leaving => format!("{node} 准备停机：先把 leader 交给别人"),
        ClusterEvent::Relieved { broker } => {
            format!("{} 即将停机，{node} 把它的 leader 交给别的副本", who(*broker))
        }
        ClusterEvent::Stopped => format!("{node} 正常停机"),
        ClusterEvent::PartitionAdded { partition, replicas } => {
            format!("{node} 新增分区 {partition}，放在 {}", row(replicas, &who, "、"))
        }
        ClusterEvent::Moving { partition, replicas } => {
            format!("{node} 开始把 {partition} 迁往 {}", row(replicas, &who, "、"))
        }
        ClusterEvent::Moved { partition, replicas } => {
            format!("{partition} 迁移完成：只由 {} 保存", row(replicas, &who, "、"))
        }
        ClusterEvent::Controls { term } => format!("{node} 成为活跃控制器（任期 {term}）"),
        ClusterEvent::SteppedDown { term } => format!("{node} 不再是活跃控制器（任期 {term}）"),
        ClusterEvent::TopicRemoved { topic } => {
            format!("{node} 删除主题 {topic}：各 broker 随即删掉自己的副本")
        }
        ClusterEvent::Unregistered { broker } => format!("{} 已从集群中注销", who(*broker)),
        other => format!("{node}：{other}"),
    }
}

fn row(nodes: &[NodeId], who: impl Fn(NodeId) -> String, between: &str) -> String {
    nodes.iter().map(|node| who(*node)).collect::<Vec<_>>().join(between)
}

pub(super) fn tone(event: &ClusterEvent) -> Tone {
    match event {
        ClusterEvent::UncleanElection { .. } => Tone::Harm,
        ClusterEvent::Leaving
        | ClusterEvent::Relieved { .. }
        | ClusterEvent::Stopped
        | ClusterEvent::PartitionAdded { .. }
        | ClusterEvent::Moving { .. }
        | ClusterEvent::Moved { .. }
        | ClusterEvent::Controls { .. }
        | ClusterEvent::SteppedDown { .. }
        | ClusterEvent::TopicRemoved { .. }
        | ClusterEvent::Unregistered { .. } => Tone::Turn,
        _ => Tone::Plain,
    }
}
