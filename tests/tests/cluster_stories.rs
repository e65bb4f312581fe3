//! What the stories about clusters and groups say, under many seeds: rebalances, truncation, more partitions, moving
//! one, and controllers that die.

use std::collections::{BTreeMap, BTreeSet};

use mqlab_core::ids::{MessageId, NodeId, PartitionId};
use mqlab_core::observe::{ClusterEvent, Event, GroupEvent, Place};
use mqlab_core::sim::{SourceSpec, Timeline};
use mqlab_core::time::{Span, Time};
use mqlab_tests::claims::{all, each, ended, scenario, story};

/// How many seeds each claim is held against.
const SEEDS: u64 = 30;

/// How many of the six partitions stand still at most at one moment after carl came, while he gets his share.
fn standing_still(timeline: &Timeline) -> usize {
    let (mut read, mut most) = (BTreeSet::<PartitionId>::new(), 0);
    for stamped in timeline.events() {
        match &stamped.event {
            Event::Assigned { partitions, .. } => read.extend(partitions.iter().cloned()),
            Event::Group(GroupEvent::Revoked { partitions, .. }) => {
                partitions.iter().for_each(|one| assert!(read.remove(one), "nobody read {one}"));
            }
            _ => continue,
        }
        if stamped.at > Time(300_000) {
            most = most.max(6 - read.len());
        }
    }
    assert_eq!(read.len(), 6, "in the end each has a reader");
    most
}

#[test]
fn an_eager_group_stands_still_and_a_cooperative_one_reads_on() {
    for seed in 0..SEEDS {
        assert_eq!(standing_still(&story("rebalance-eager", seed)), 6, "seed {seed}");
        assert_eq!(standing_still(&story("rebalance-cooperative", seed)), 2, "seed {seed}");
    }
}

/// How often a member was too slow, how many commits were refused, and how often the message that was processed most
/// often was.
fn stormy(timeline: &Timeline) -> (usize, usize, usize) {
    let group = |wanted: fn(&GroupEvent) -> bool| {
        all(timeline, |event| matches!(event, Event::Group(group) if wanted(group)).then_some(())).len()
    };
    let mut times = BTreeMap::<MessageId, usize>::new();
    for (_, _, message) in each(timeline, |event| matches!(event, Event::Processed { .. })) {
        *times.entry(message).or_default() += 1;
    }
    (
        group(|event| matches!(event, GroupEvent::PollOverdue { .. })),
        group(|event| matches!(event, GroupEvent::CommitRefused { .. })),
        times.into_values().max().unwrap_or(0),
    )
}

#[test]
fn a_program_that_is_too_slow_makes_a_storm_and_patience_ends_it() {
    let mut again = 0;
    for seed in 0..SEEDS {
        let (overdue, refused, most) = stormy(&story("rebalance-storm", seed));
        assert!(overdue > 0 && refused > 0, "seed {seed}: {overdue} too slow, {refused} commits refused");
        again += usize::from(most > 2);

        let mut patient = scenario("rebalance-storm");
        for consumer in &mut patient.consumers {
            let SourceSpec::Group { options, .. } = &mut consumer.from else { panic!("it is in a group") };
            options.poll_max = Some(Span::from_millis(100));
        }
        let (overdue, refused, most) = stormy(&ended(patient, seed));
        assert_eq!((overdue, refused, most), (0, 0, 1), "seed {seed}: nobody is too slow");
    }
    assert!(again as u64 > SEEDS / 2, "in {again} of {SEEDS} runs a message was done more than twice");
}

/// KIP-101: with the high watermark as the place to cut, an acknowledged message is lost and copies differ.
#[test]
fn cutting_by_the_watermark_loses_what_leader_epochs_keep() {
    for seed in 0..SEEDS {
        let by_watermark = story("truncation-by-watermark", seed);
        assert_eq!(by_watermark.verdict().lost().len(), 1, "seed {seed}");
        assert!(copies_differ(&by_watermark), "seed {seed}");
        let by_epoch = story("truncation-by-epoch", seed);
        assert!(by_epoch.verdict().is_clean() && !copies_differ(&by_epoch), "seed {seed}");
    }
}

/// Whether two brokers have different messages at one offset of the topic.
fn copies_differ(timeline: &Timeline) -> bool {
    let mut at = BTreeMap::new();
    let picture = timeline.picture(usize::MAX);
    let strips = picture.brokers.iter().flat_map(|broker| &broker.strips);
    strips.flat_map(|strip| strip.cells.iter().map(move |cell| (&strip.place, cell))).any(|(place, cell)| {
        let message = cell.mark.as_ref().map(|mark| mark.message);
        *at.entry((place.clone(), cell.offset)).or_insert(message) != message
    })
}

#[test]
fn more_partitions_cost_the_order_of_keys_and_nothing_else() {
    let mut reordered = 0;
    for seed in 0..SEEDS {
        let timeline = story("more-partitions", seed);
        let verdict = timeline.verdict();
        assert!(verdict.lost().is_empty() && verdict.doubled().is_empty(), "seed {seed}");
        reordered += usize::from(!verdict.reordered().is_empty());

        let mut as_it_was = scenario("more-partitions");
        as_it_was.admin.clear();
        assert!(ended(as_it_was, seed).verdict().is_clean(), "seed {seed}: two partitions keep the order");
    }
    assert!(reordered as u64 > SEEDS * 3 / 4, "out of order in {reordered} of {SEEDS} runs");
}

#[test]
fn a_partition_moves_without_a_moment_of_fewer_copies() {
    for seed in 0..SEEDS {
        let timeline = story("move-a-partition", seed);
        let verdict = timeline.verdict();
        assert!(verdict.lost().is_empty(), "seed {seed}: lost {:?}", verdict.lost());
        assert_eq!((verdict.delivered(), verdict.on_their_way()), (150, 0), "seed {seed}");
        let in_sync = all(&timeline, |event| match event {
            Event::InSync { partition, replicas } if partition.to_string() == "orders/0" => {
                Some(replicas.clone())
            }
            _ => None,
        });
        assert!(in_sync.iter().all(|(_, _, replicas)| replicas.len() >= 3), "seed {seed}: {in_sync:?}");
        let (_, _, last) = in_sync.last().expect("it moved");
        assert_eq!(last[..], [3, 4, 5].map(NodeId::Broker), "seed {seed}");
    }
}

#[test]
fn without_a_majority_of_controllers_nobody_elects_and_nothing_counts_as_stored() {
    for seed in 0..SEEDS {
        let mut longer = scenario("controllers-fail-over");
        longer.ends_at = Time(2_500_000); // time enough to make up for everything, whoever is elected when
        let timeline = ended(longer, seed);
        let verdict = timeline.verdict();
        assert!(verdict.lost().is_empty(), "seed {seed}: lost {:?}", verdict.lost());
        assert_eq!((verdict.delivered(), verdict.on_their_way()), (200, 0), "seed {seed}");

        let alone = |at: Time| at > Time(750_000) && at < Time(1_000_000);
        let elected = all(&timeline, |event| matches!(event, Event::Elected { .. }).then_some(()));
        assert!(!elected.iter().any(|(at, ..)| alone(*at)), "seed {seed}: one of three elected");
        let appended =
            each(&timeline, |event| matches!(event, Event::Appended { to: Place::Partition(_), .. }));
        assert!(appended.iter().any(|(at, ..)| alone(*at)), "seed {seed}: broker 3 takes messages");
        let stored = each(&timeline, |event| matches!(event, Event::Acknowledged { .. }));
        let told = stored.iter().filter(|(at, ..)| *at > Time(770_000) && alone(*at)).count();
        assert_eq!(told, 0, "seed {seed}: broker 2 is in sync on paper");

        let active = all(&timeline, |event| {
            matches!(event, Event::Cluster(ClusterEvent::Controls { .. })).then_some(())
        });
        assert!(active.len() >= 2, "seed {seed}: one at the start, and one after it");
        let fenced = all(&timeline, |event| match event {
            Event::Fenced { broker } => Some(*broker),
            _ => None,
        });
        for (at, by, broker) in fenced {
            let since = active.iter().rfind(|(began, node, ())| *node == by && *began <= at);
            let (since, ..) = since.expect("only the active controller fences");
            assert!(
                at.since(*since) >= Span::from_millis(90),
                "seed {seed}: {broker} had no session of its own"
            );
        }
    }
}
