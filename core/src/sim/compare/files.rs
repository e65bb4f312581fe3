//! The contenders that come with the engine, each a scenario file that a person can read and run.

/// The files, by name.
pub(super) const FILES: &[(&str, &str)] = &[
    ("activemq-async-send", include_str!("../../../contenders/activemq-async-send.json")),
    ("activemq-no-sync", include_str!("../../../contenders/activemq-no-sync.json")),
    ("activemq-shared-store", include_str!("../../../contenders/activemq-shared-store.json")),
    ("activemq-single", include_str!("../../../contenders/activemq-single.json")),
    ("kafka-acks-0", include_str!("../../../contenders/kafka-acks-0.json")),
    ("kafka-acks-1", include_str!("../../../contenders/kafka-acks-1.json")),
    ("kafka-acks-all", include_str!("../../../contenders/kafka-acks-all.json")),
    ("kafka-acks-all-flushed", include_str!("../../../contenders/kafka-acks-all-flushed.json")),
    ("kafka-no-linger", include_str!("../../../contenders/kafka-no-linger.json")),
    ("pulsar-no-batching", include_str!("../../../contenders/pulsar-no-batching.json")),
    ("pulsar-no-journal-sync", include_str!("../../../contenders/pulsar-no-journal-sync.json")),
    ("pulsar-qw2-qa1", include_str!("../../../contenders/pulsar-qw2-qa1.json")),
    ("pulsar-qw2-qa2", include_str!("../../../contenders/pulsar-qw2-qa2.json")),
    ("pulsar-qw3-qa2", include_str!("../../../contenders/pulsar-qw3-qa2.json")),
    ("rabbitmq-classic", include_str!("../../../contenders/rabbitmq-classic.json")),
    ("rabbitmq-classic-transient", include_str!("../../../contenders/rabbitmq-classic-transient.json")),
    ("rabbitmq-quorum", include_str!("../../../contenders/rabbitmq-quorum.json")),
    ("rocketmq-async", include_str!("../../../contenders/rocketmq-async.json")),
    ("rocketmq-sync", include_str!("../../../contenders/rocketmq-sync.json")),
    ("rocketmq-sync-flush", include_str!("../../../contenders/rocketmq-sync-flush.json")),
    ("rocketmq-sync-replication", include_str!("../../../contenders/rocketmq-sync-replication.json")),
];

#[cfg(test)]
mod tests {
    use super::super::{Contender, Mishap, Workload};
    use super::*;
    use alloc::string::{String, ToString};
    use alloc::vec::Vec;

    #[test]
    fn every_setting_has_a_file_and_can_be_run() {
        let all: Vec<String> = Contender::all().map(|one| one.to_string().replace(':', "-")).collect();
        let mut files: Vec<&str> = FILES.iter().map(|(name, _)| *name).collect();
        let mut names: Vec<&str> = all.iter().map(String::as_str).collect();
        files.sort_unstable();
        names.sort_unstable();
        assert_eq!(files, names);
        let workload = Workload::built_in("steady").expect("it comes with the engine");
        for contender in Contender::all() {
            for mishap in Mishap::ALL {
                assert_eq!(contender.scenario(&workload, mishap).check(), Ok(()), "{contender}, {mishap}");
            }
        }
    }
}
