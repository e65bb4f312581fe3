//! The names of what is compared, in both languages: settings, workloads, their numbers, machines, what goes wrong.
//!
//! Systems' own names are names and the same in every language. A setting without words here fails a test.

use mqlab_core::sim::compare::{Contender, Fate, Field, Mishap, Profile};

use super::{Both, both};

/// What the settings of ActiveMQ mean.
const ACTIVEMQ: &[(&str, Both)] = &[
    (
        "shared-store",
        both(
            "A master and a slave over one store; persistent messages, flushed before the answer.",
            "主备共用一份存储；消息持久化，先刷盘再应答。",
        ),
    ),
    ("single", both("One broker with a disk of its own.", "单个 broker，用自己的磁盘。")),
    (
        "async-send",
        both(
            "As shared-store, and producers do not wait for answers.",
            "同 shared-store，但生产者不等应答。",
        ),
    ),
    ("no-sync", both("As shared-store, and nobody flushes the journal.", "同 shared-store，但日志不刷盘。")),
];

/// What the settings of RabbitMQ mean.
const RABBITMQ: &[(&str, Both)] = &[
    (
        "quorum",
        both(
            "Quorum queue: three nodes; a message is confirmed when two have flushed it.",
            "仲裁队列：三个节点，两个刷盘之后才确认。",
        ),
    ),
    (
        "classic",
        both(
            "Classic queue: one node keeps it, and confirms after its flush.",
            "经典队列：只有一个节点保存，刷盘之后才确认。",
        ),
    ),
    ("classic-transient", both("Classic queue, in one node’s memory.", "经典队列，只在一个节点的内存里。")),
];

/// What the settings of RocketMQ mean.
const ROCKETMQ: &[(&str, Both)] = &[
    (
        "sync",
        both(
            "Two masters with a slave each; a send waits for flush and slave.",
            "两主两从；发送要等刷盘，也要等从节点。",
        ),
    ),
    ("sync-flush", both("A send waits for the master’s flush alone.", "同步刷盘：发送只等主节点刷盘。")),
    ("sync-replication", both("A send waits for the slave alone.", "同步复制：发送只等从节点。")),
    ("async", both("A send waits for neither flush nor slave.", "异步：发送既不等刷盘，也不等从节点。")),
];

/// What the settings of Kafka mean.
const KAFKA: &[(&str, Both)] = &[
    (
        "acks-all",
        both(
            "acks=all: three replicas, two at least in sync; idempotent producers; nobody flushes.",
            "acks=all：三个副本，至少两个同步；生产者幂等；都不主动刷盘。",
        ),
    ),
    (
        "acks-1",
        both("acks=1: the leader alone says that it has a message.", "acks=1：只要 leader 写入就确认。"),
    ),
    ("acks-0", both("acks=0: nobody says anything.", "acks=0：谁也不确认。")),
    (
        "acks-all-flushed",
        both("acks=all, and each replica flushes before it answers.", "acks=all，并且每个副本先刷盘再应答。"),
    ),
    (
        "no-linger",
        both(
            "acks=all, and a batch leaves at once, as before 4.0.",
            "acks=all，批次立即发出，不等待（4.0 之前的默认）。",
        ),
    ),
];

/// What the settings of Pulsar mean.
const PULSAR: &[(&str, Both)] = &[
    (
        "qw3-qa2",
        both(
            "Entries on three bookies, stored when two have flushed them.",
            "每条写三个 bookie，两个刷盘即存好。",
        ),
    ),
    (
        "qw2-qa2",
        both(
            "Entries on two bookies, stored when both have flushed them: Pulsar’s default.",
            "每条写两个 bookie，都刷盘才存好：Pulsar 的默认设置。",
        ),
    ),
    (
        "qw2-qa1",
        both(
            "Entries on two bookies, stored when one has flushed them.",
            "每条写两个 bookie，一个刷盘即存好。",
        ),
    ),
    ("no-journal-sync", both("As qw3-qa2, and bookies do not flush.", "同 qw3-qa2，但 bookie 不刷盘。")),
    (
        "no-batching",
        both(
            "As qw3-qa2, and each message is an entry of its own, which leaves at once.",
            "同 qw3-qa2，但不攒批：每条消息单独成一个 entry，立刻发出。",
        ),
    ),
];

/// What a contender's setting means; nothing where there are no words for it yet.
pub fn setting(contender: &Contender) -> Option<Both> {
    let known = match contender.profile {
        Profile::ActiveMq => ACTIVEMQ,
        Profile::RabbitMq => RABBITMQ,
        Profile::RocketMq => ROCKETMQ,
        Profile::Kafka => KAFKA,
        Profile::Pulsar => PULSAR,
    };
    known.iter().find(|(name, _)| *name == contender.setting()).map(|(_, words)| *words)
}

/// What a workload is called, and what it shows; nothing where there are no words for it yet.
pub fn workload(name: &str) -> Option<(Both, Both)> {
    Some(match name {
        "steady" => (
            both("Steady", "平稳"),
            both(
                "2,000 messages of 1 KiB, one every 10 ms from each of two producers: time enough for mishaps.",
                "2000 条 1 KiB 的消息，两个生产者每 10 ms 各发一条：时间足够长，便于观察故障。",
            ),
        ),
        "flood" => (
            both("Flood", "洪峰"),
            both(
                "20,000 messages of 1 KiB in bursts, as fast as they are taken: what is the most that it carries?",
                "20000 条 1 KiB 的消息成批涌来，收多快发多快：最多能承载多少？",
            ),
        ),
        "trickle" => (
            both("Trickle", "细流"),
            both(
                "200 messages of 100 B, one every 10 ms: how long is the way of one message that meets no other?",
                "200 条 100 B 的消息，每 10 ms 一条：没有拥挤时，一条消息要走多久？",
            ),
        ),
        "kept" => (
            both("Kept", "积压"),
            both(
                "4,000 messages of 1 KiB in 0.2 s, and nobody reads before 0.3 s: until then the system keeps them alone.",
                "0.2 秒内 4000 条 1 KiB 的消息，0.3 秒之前没有人读：在那之前全靠系统自己保存。",
            ),
        ),
        "hundred-thousand" => (
            both("A hundred thousand", "十万条"),
            both("100,000 messages of 100 B in bursts of 100.", "100000 条 100 B 的消息，每批 100 条。"),
        ),
        _ => return None,
    })
}

/// What a number of a workload is called.
pub const fn field(field: Field) -> Both {
    match field {
        Field::Messages => both("messages", "消息条数"),
        Field::Bytes => both("bytes each", "每条字节数"),
        Field::Producers => both("producers", "生产者"),
        Field::Consumers => both("consumers", "消费者"),
        Field::Burst => both("messages in a burst", "每批条数"),
        Field::Every => both("between bursts, µs", "批间隔，µs"),
        Field::Keys => both("keys", "key 的个数"),
        Field::Work => both("work on each, µs", "每条处理，µs"),
        Field::LatencyLow => both("shortest way, µs", "最短网络延迟，µs"),
        Field::LatencyHigh => both("longest way, µs", "最长网络延迟，µs"),
        Field::ReadersAt => both("consumers come at, µs", "消费者到场，µs"),
        Field::EndsAt => both("end of the run, µs", "运行终点，µs"),
    }
}

/// What stands under the brokers; nothing where there are no words for it yet.
pub fn machine(name: Option<&str>) -> Option<Both> {
    Some(match name {
        None => both("none: work costs no time", "无：工作不花时间"),
        Some("server") => both("a small virtual server", "小型虚拟服务器"),
        Some("spinning") => both("a server with a spinning disk", "机械硬盘服务器"),
        Some("fast") => both("a large server, disk with a kept cache", "大型服务器，磁盘缓存掉电不丢"),
        Some(_) => return None,
    })
}

/// What goes wrong: its name, and what happens.
pub const fn mishap(mishap: Mishap) -> (Both, Both) {
    match mishap {
        Mishap::None => (both("Nothing goes wrong", "一切正常"), both("To compare with.", "作为对照。")),
        Mishap::Crash => (
            both("Crash", "进程崩溃"),
            both(
                "The first broker’s process dies, and is started again.",
                "第一个 broker 的进程崩溃，之后重启。",
            ),
        ),
        Mishap::PowerCut => (
            both("Power cut", "断电"),
            both(
                "The first machine that keeps messages loses power and what was not flushed, and is started again.",
                "第一台保存消息的机器断电，没刷盘的都丢失，之后重启。",
            ),
        ),
        Mishap::DiskLost => (
            both("Disk lost", "磁盘损毁"),
            both(
                "The first machine that keeps messages is lost with its disk, and an empty one takes its place.",
                "第一台保存消息的机器连磁盘一起损毁，换上一台空机器。",
            ),
        ),
        Mishap::CutOff => (
            both("Cut off", "网络隔离"),
            both(
                "The first broker is cut off from everybody, and nobody is told.",
                "第一个 broker 与所有节点断网，而且没人得到通知。",
            ),
        ),
        Mishap::Freeze => (
            both("Freeze", "卡顿"),
            both("The first broker’s process stands still.", "第一个 broker 的进程停住不动。"),
        ),
        Mishap::SlowDisk => (
            both("Slow disk", "慢盘"),
            both(
                "The first disk that keeps messages takes 20 ms for each flush.",
                "第一块保存消息的磁盘每次刷盘要 20 ms。",
            ),
        ),
        Mishap::Loss => (
            both("Packet loss", "丢包"),
            both("One of a hundred packets is lost, everywhere.", "所有链路都有百分之一的丢包。"),
        ),
    }
}

/// What became of a message.
pub const fn fate(fate: Fate) -> Both {
    match fate {
        Fate::Once => both("processed once", "处理了一次"),
        Fate::Doubled => both("processed more than once", "处理了不止一次"),
        Fate::Waiting => both("kept and not processed", "已存好但没有处理"),
        Fate::Unanswered => both("not acknowledged", "没有得到确认"),
        Fate::Lost => both("lost", "丢失"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mqlab_core::sim::compare::{Plan, Workload};

    #[test]
    fn whatever_can_be_chosen_has_words() {
        for contender in Contender::all() {
            let words = setting(&contender);
            assert!(words.is_some_and(|both| !both.en.is_empty() && !both.zh.is_empty()), "{contender}");
        }
        for (name, _) in Workload::BUILT_IN {
            assert!(workload(name).is_some(), "the workload {name}");
        }
        for name in Plan::machines() {
            assert!(machine(Some(&name)).is_some(), "the machine {name}");
        }
    }
}
