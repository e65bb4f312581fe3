//! An answer is lost, and a message is sent again: what the two stories about it say, under many seeds.

use mqlab_core::ids::{MessageId, NodeId};
use mqlab_core::observe::{Event, ProducerEvent};
use mqlab_tests::claims::{all, stored_twice, story};

/// How many seeds each claim is held against.
const SEEDS: u64 = 120;

fn appended(event: &Event) -> Option<Vec<MessageId>> {
    if let Event::Appended { messages, .. } = event { Some(messages.clone()) } else { None }
}

#[test]
fn the_leader_dies_before_it_answers_and_messages_are_stored_twice() {
    for seed in 0..SEEDS {
        let timeline = story("duplicate-after-lost-answer", seed);
        let verdict = timeline.verdict();
        assert!(!stored_twice(&timeline).is_empty(), "seed {seed}: nothing is stored twice");
        assert_eq!(stored_twice(&timeline).len(), verdict.doubled().len(), "seed {seed}: and done twice");
        assert!(verdict.lost().is_empty() && verdict.delivered() == 100, "seed {seed}: {verdict:?}");
        // Each of them stands in the log twice: the first leader wrote it, and so did the second.
        let wrote = all(&timeline, appended);
        for message in verdict.doubled() {
            let by: Vec<NodeId> =
                wrote.iter().filter(|(_, _, batch)| batch.contains(message)).map(|(_, by, _)| *by).collect();
            assert!(
                matches!(by[..], [NodeId::Broker(1), NodeId::Broker(2 | 3)]),
                "seed {seed}: {message} was written by {by:?}"
            );
        }
    }
}

#[test]
fn with_numbers_the_new_leader_knows_what_is_sent_again() {
    let recognised = |event: &Event| {
        if let Event::Producer(ProducerEvent::Recognised { messages, .. }) = event {
            Some(messages.clone())
        } else {
            None
        }
    };
    let mut runs = 0;
    for seed in 0..SEEDS {
        let timeline = story("idempotent-producer", seed);
        let verdict = timeline.verdict();
        assert!(verdict.is_clean() && verdict.delivered() == 100, "seed {seed}: {verdict:?}");
        assert_eq!(verdict.acknowledged(), 100, "seed {seed}");
        let known = all(&timeline, recognised);
        runs += usize::from(!known.is_empty());
        for (at, leader, messages) in known {
            assert!(at.0 > 200_000 && leader != NodeId::Broker(1), "seed {seed}: {leader} at {at}");
            assert!(!messages.is_empty(), "seed {seed}");
        }
        assert!(stored_twice(&timeline).is_empty(), "seed {seed}");
    }
    assert!(runs > 110, "recognised in {runs} of {SEEDS} runs");
}
