//! Leaders and followers that delete or compact, each in its own time: do their logs still tell the same?

mod bench;

use bench::{Cluster, KEYS};
use mqlab_core::broker::{Cleanup, CleanupPolicy, Reply, Retention, Settings};
use mqlab_core::ids::Offset;
use mqlab_core::observe::{Event, PullEvent, Refusal};
use mqlab_core::rng::{Rng, Stream};
use mqlab_core::time::Span;

/// How many random runs there are.
const SEEDS: u64 = 60;
/// How many operations each has.
const OPERATIONS: usize = 160;

fn for_millis(millis: u64) -> Option<Retention> {
    Some(Retention { bytes: None, time: Some(Span::from_millis(millis)) })
}

fn marks(cluster: &Cluster) -> Vec<(u64, u64)> {
    let of = |broker: usize| cluster.marks(broker).map(|marks| (marks.start.0, marks.end.0));
    (0..cluster.len()).filter_map(of).collect()
}

#[test]
fn every_replica_deletes_by_its_own_clock() {
    let mut cluster = Cluster::new(3);
    cluster.retention = for_millis(100);
    cluster.skew[1] = 40; // its clock is ahead
    cluster.lead(0);
    for _ in 0..5 {
        cluster.append(0, &[("a", Some("x"))]);
        cluster.run(10);
    }
    assert_eq!(marks(&cluster), [(0, 5), (0, 5), (0, 5)]);
    cluster.run(20);
    assert_eq!(marks(&cluster), [(0, 5), (2, 5), (0, 5)], "the fast clock is first");
    cluster.run(20);
    assert_eq!(marks(&cluster), [(0, 5), (4, 5), (0, 5)]);
    cluster.skew[2] = -1_000; // this one would keep everything
    cluster.run(20);
    assert_eq!(marks(&cluster), [(2, 5), (5, 5), (0, 5)], "it has not heard yet");
    cluster.run(40);
    let all = marks(&cluster);
    assert_eq!(all[2], all[0], "it deletes what its leader deleted");
    cluster.run(100);
    assert_eq!(marks(&cluster), [(5, 5), (5, 5), (5, 5)], "all of it is too old");
    cluster.append(0, &[("a", Some("y"))]);
    cluster.run(10);
    assert_eq!(marks(&cluster), [(5, 6), (5, 6), (5, 6)], "and the log goes on");
    let told = |is: &dyn Fn(&PullEvent) -> bool| {
        let is_one = |(_, event): &&(usize, Event)| matches!(event, Event::Pull(event) if is(event));
        cluster.events.iter().filter(is_one).count()
    };
    assert_eq!(told(&|event| matches!(event, PullEvent::Trimmed { .. })), 5, "the leader says so");
    assert!(told(&|event| matches!(event, PullEvent::CopyTrimmed { .. })) >= 6, "and so do its followers");
}

#[test]
fn a_replica_with_a_fast_clock_that_is_elected_has_less() {
    let mut cluster = Cluster::new(2);
    cluster.retention = for_millis(100);
    cluster.skew[1] = 60;
    cluster.lead(0);
    cluster.append(0, &[("a", Some("old"))]);
    cluster.run(50);
    assert_eq!(marks(&cluster), [(0, 1), (1, 1)]);
    assert!(
        matches!(cluster.read(0, 0), Some(Reply::Fetched { batches, .. }) if batches.records().count() == 1)
    );
    cluster.lead(1);
    cluster.run(10);
    assert!(matches!(cluster.read(1, 0), Some(Reply::Refused(Refusal::OffsetOutOfRange))));
    cluster.append(1, &[("a", Some("new"))]);
    cluster.run(10);
    assert_eq!(marks(&cluster), [(1, 2), (1, 2)], "no offset is given twice");
}

#[test]
fn who_was_away_for_too_long_begins_where_its_leader_begins() {
    for rest in [0, 2] {
        let mut cluster = Cluster::new(3);
        cluster.retention = for_millis(100);
        cluster.lead(0);
        for _ in 0..3 {
            cluster.append(0, &[("a", Some("x"))]);
        }
        cluster.run(10);
        cluster.cut_off(2, true);
        cluster.in_sync = vec![0, 1];
        cluster.lead(0);
        for _ in 0..4 {
            cluster.append(0, &[("a", Some("y"))]);
            cluster.run(5);
        }
        cluster.run(300);
        assert_eq!(marks(&cluster)[..2], [(7, 7), (7, 7)]);
        for _ in 0..rest {
            cluster.append(0, &[("a", Some("z"))]);
        }
        cluster.run(10);
        cluster.cut_off(2, false);
        cluster.in_sync = vec![0, 1, 2];
        cluster.lead(0);
        cluster.run(100);
        let end = 7 + rest;
        assert_eq!(marks(&cluster)[2], marks(&cluster)[0], "{rest}: it begins there, with {end} as its end");
        assert_eq!(marks(&cluster)[2].1, end);
        cluster.lead(2);
        cluster.append(2, &[("a", Some("later"))]);
        cluster.run(10);
        assert_eq!(marks(&cluster).iter().map(|(_, end)| *end).collect::<Vec<_>>(), [end + 1; 3]);
        assert_eq!(cluster.marks(2).map(|marks| marks.high_watermark), Some(Offset(end + 1)));
    }
}

#[test]
fn who_has_deleted_more_than_its_new_leader_ever_had_begins_there() {
    let mut cluster = Cluster::new(2);
    cluster.lead(0);
    cluster.append(0, &[("a", Some("1"))]);
    cluster.run(10);
    cluster.cut_off(1, true);
    cluster.in_sync = vec![0];
    cluster.retention = for_millis(20);
    cluster.lead(0);
    for _ in 0..4 {
        cluster.append(0, &[("a", Some("2"))]);
    }
    cluster.run(100);
    assert_eq!(marks(&cluster)[0], (5, 5));
    // An unclean election: the other has one record, and leads.
    cluster.retention = None;
    cluster.cut_off(1, false);
    cluster.in_sync = vec![1];
    cluster.lead(1);
    cluster.append(1, &[("a", Some("other"))]);
    cluster.run(50);
    assert_eq!(marks(&cluster)[0].1, 2, "it follows: {:?}", marks(&cluster));
    assert_eq!(cluster.text(0), "1:a=other");
}

#[test]
fn a_table_of_what_happened_lately_is_kept_by_every_replica() {
    let mut cluster = Cluster::new(3);
    cluster.retention = for_millis(200);
    cluster.cleanup = vec![
        Some(Cleanup {
            policy: CleanupPolicy::CompactAndDelete,
            segment_bytes: 100,
            ..Cleanup::default()
        });
        3
    ];
    cluster.lead(0);
    for number in 0..12 {
        cluster.append(0, &[(["a", "b", "c"][number % 3], Some("x"))]);
        cluster.run(10);
    }
    cluster.run(60);
    for broker in 0..3 {
        assert_eq!(cluster.table(broker).len(), 3, "broker {broker}: {}", cluster.text(broker));
        assert!(cluster.text(broker).split(' ').count() < 8, "it is compacted: {}", cluster.text(broker));
    }
    cluster.run(500);
    for broker in 0..3 {
        assert_eq!(cluster.text(broker), "", "all of it is old");
    }
}

/// The log of a leader with several reigns, of which one side was compacted and the other was not; then they part, and the
/// side that went its own way is cut back.
#[test]
fn logs_that_part_find_where_though_one_of_them_is_compacted() {
    // Who is compacted: the one that goes its own way, or the one that leads in the end.
    for (compacted, lost) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
        let mut cluster = Cluster::new(2);
        let (winner, loser) = (1 - lost, lost);
        let cleanup = Cleanup {
            policy: CleanupPolicy::Compact,
            segment_bytes: 1,
            dirty_per_mille: 0,
            ..Cleanup::default()
        };
        let idle = Cleanup { dirty_per_mille: 1_000, ..cleanup };
        cluster.cleanup = vec![Some(idle); 2];
        // Of the second reign nothing stays: all that is known of it is where it began.
        for keys in [["a", "b"], ["a", "b"], ["a", "b"], ["c", "d"]] {
            cluster.lead(winner);
            for key in keys {
                cluster.append(winner, &[(key, Some("v"))]);
            }
            cluster.run(10);
        }
        cluster.cleanup[compacted] = Some(cleanup);
        cluster.lead(loser);
        cluster.run(60);
        let whole = "0:a=v 1:b=v 2:a=v 3:b=v 4:a=v 5:b=v 6:c=v 7:d=v";
        assert_eq!(cluster.text(compacted), "4:a=v 5:b=v 6:c=v 7:d=v");
        assert_eq!(cluster.text(1 - compacted), whole);
        // The loser writes what nobody else gets, in one reign; the winner in the next.
        cluster.cut_off(loser, true);
        cluster.append(loser, &[("a", Some("lost"))]);
        cluster.append(loser, &[("e", Some("lost"))]);
        cluster.lead(winner);
        cluster.append(winner, &[("b", Some("won"))]);
        cluster.cut_off(loser, false);
        cluster.lead_again();
        cluster.run(150);
        let table = |broker| cluster.table(broker).into_iter().collect::<Vec<_>>();
        assert_eq!(table(loser), table(winner), "compacted {compacted}, cut back {lost}");
        assert_eq!(cluster.marks(loser).map(|marks| marks.end), Some(Offset(9)));
        assert!(cluster.text(loser).ends_with("8:b=won"), "{}", cluster.text(loser));
    }
}

#[test]
fn whoever_leads_and_whoever_compacts_all_have_one_table() {
    let (mut cuts, mut passes) = (0, 0);
    for seed in 0..SEEDS {
        let mut rng = Rng::new(seed, Stream::Workload);
        let mut cluster = Cluster::new(3);
        let segment_bytes = rng.between(1, 400);
        let cleanup = |eager: bool| {
            let dirty_per_mille = if eager { 0 } else { 1_000 };
            Some(Cleanup {
                policy: CleanupPolicy::Compact,
                segment_bytes,
                dirty_per_mille,
                ..Cleanup::default()
            })
        };
        cluster.cleanup = vec![cleanup(false); 3];
        cluster.lead(0);
        let mut leader = 0;
        for step in 0..OPERATIONS {
            match rng.below(16) {
                0..=7 => {
                    let key = KEYS[rng.below(KEYS.len() as u64) as usize];
                    let value = (rng.below(5) > 0).then(|| format!("{step}"));
                    cluster.append(leader, &[(key, value.as_deref())]);
                }
                8 | 9 => cluster.cut_off(rng.below(3) as usize, true),
                10 => (0..3).for_each(|broker| cluster.cut_off(broker, false)),
                11 => {
                    let who = rng.below(3) as usize;
                    cluster.cleanup[who] = cleanup(rng.below(3) > 0);
                    cluster.lead_again();
                }
                12 => cluster.restart(rng.below(3) as usize),
                13 => {
                    // All three are in sync, so each has everything that was committed.
                    leader = rng.below(3) as usize;
                    cluster.lead(leader);
                }
                _ => cluster.run(rng.between(1, 80)),
            }
        }
        (0..3).for_each(|broker| cluster.cut_off(broker, false));
        cluster.lead(leader);
        cluster.run(400);
        for broker in 0..3 {
            assert_eq!(cluster.table(broker), cluster.truth_table(), "seed {seed}: broker {broker}");
            assert!(cluster.is_true(broker), "seed {seed}: broker {broker} has what was never committed");
            assert_eq!(
                cluster.marks(broker).map(|m| m.end),
                cluster.marks(leader).map(|m| m.end),
                "seed {seed}"
            );
        }
        let count = |is: fn(&Event) -> bool| cluster.events.iter().filter(|(_, event)| is(event)).count();
        cuts += count(|event| matches!(event, Event::Truncated { messages, .. } if !messages.is_empty()));
        passes += count(|event| matches!(event, Event::Pull(PullEvent::Compacted { .. })));
    }
    assert!(cuts > 50 && passes > 300, "{cuts} cuts and {passes} passes: nothing was tried");
}

#[test]
fn who_comes_to_a_partition_copies_no_faster_than_it_may() {
    const RATE: u64 = 20_000;
    let value = "x".repeat(500);
    // How many records of some 600 bytes it has after a tenth of a second, and after a second.
    for (rate, comes, early, late) in [
        (Some(RATE), true, 1..=8, 25..=50),
        (Some(RATE), false, 100..=100, 100..=100),
        (None, true, 100..=100, 100..=100),
    ] {
        let settings = Settings { catch_up_rate: rate, fetch_bytes_max: 2_000, ..Settings::default() };
        let mut cluster = Cluster::with(3, settings);
        cluster.in_sync = vec![0, 1];
        cluster.cut_off(2, true);
        cluster.lead(0);
        for _ in 0..100 {
            cluster.append(0, &[("a", Some(&value))]);
        }
        cluster.run(100);
        cluster.cut_off(2, false);
        cluster.adding = if comes { vec![2] } else { Vec::new() };
        cluster.lead(0);
        cluster.run(100);
        let has = |cluster: &Cluster| cluster.marks(2).map_or(0, |marks| marks.end.0);
        assert!(early.contains(&has(&cluster)), "{rate:?}, {comes}: {} in 100 ms", has(&cluster));
        cluster.run(900);
        assert!(late.contains(&has(&cluster)), "{rate:?}, {comes}: {} in a second", has(&cluster));
        // In sync it is like the others.
        cluster.in_sync = vec![0, 1, 2];
        cluster.lead_again();
        cluster.run(200);
        assert_eq!(has(&cluster), 100, "{rate:?}, {comes}");
    }
}
