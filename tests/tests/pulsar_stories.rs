//! What the stories of Pulsar's scenarios say must be so under several seeds.

use std::collections::BTreeSet;

use mqlab_core::ids::{MessageId, NodeId};
use mqlab_core::observe::{CompactionEvent, Event, PulsarEvent, RecoveryEvent, Stamped};
use mqlab_core::sim::{Scenario, SystemSpec, Timeline};
use mqlab_core::time::Time;

const SEEDS: u64 = 8;

/// Plays a scenario to its end under several seeds.
fn each(name: &str, change: impl Fn(&mut Scenario), holds: impl Fn(&Timeline, u64)) {
    let mut scenario = Scenario::built_in(name).expect("it is built in");
    change(&mut scenario);
    for seed in scenario.seed..scenario.seed + SEEDS {
        let mut timeline = Timeline::new(scenario.clone(), seed).expect("it can be run");
        timeline.advance(timeline.ends_at());
        holds(&timeline, seed);
    }
}

fn all_is_delivered(timeline: &Timeline, seed: u64, messages: u64) {
    let verdict = timeline.verdict();
    assert_eq!((verdict.acknowledged(), verdict.delivered()), (messages, messages), "seed {seed}");
    assert!(verdict.lost().is_empty() && verdict.reordered().is_empty(), "seed {seed}");
}

fn facts(timeline: &Timeline) -> impl Iterator<Item = (&Stamped, &PulsarEvent)> {
    timeline.events().iter().filter_map(|fact| match &fact.event {
        Event::Pulsar(event) => Some((fact, event)),
        _ => None,
    })
}

/// Who was told to keep entries of a ledger, and by whom.
fn added(timeline: &Timeline) -> Vec<(Time, NodeId, u64, u64)> {
    let of = |(fact, event): (&Stamped, &PulsarEvent)| match event {
        PulsarEvent::Added { ledger, entry, .. } => Some((fact.at, fact.node, *ledger, *entry)),
        _ => None,
    };
    facts(timeline).filter_map(of).collect()
}

#[test]
fn a_topic_changes_its_broker_and_no_message_moves() {
    each(
        "pulsar-broker-fails-over",
        |_| {},
        |timeline, seed| {
            all_is_delivered(timeline, seed, 120);
            let (one, two) = (NodeId::Broker(1), NodeId::Broker(2));
            let fenced: BTreeSet<NodeId> = facts(timeline)
                .filter(|(_, event)| matches!(event, PulsarEvent::Fenced { ledger: 0, by } if *by == two))
                .map(|(fact, _)| fact.node)
                .collect();
            assert!(fenced.len() >= 2, "seed {seed}: fenced by {fenced:?}");
            let closed = facts(timeline).find_map(|(fact, event)| match event {
                PulsarEvent::LedgerClosed { ledger: 0, entries, .. } => Some((fact.node, *entries)),
                _ => None,
            });
            let (by, entries) = closed.expect("it is closed");
            assert_eq!(by, two, "seed {seed}");
            // What the first owner wrote stays in ledger 0, and the second writes to another.
            for (_, node, ledger, entry) in added(timeline) {
                assert!((node, ledger) == (one, 0) || (node == two && ledger > 0), "seed {seed}");
                assert!(ledger > 0 || entry <= entries, "seed {seed}");
            }
        },
    );
}

#[test]
fn a_bookie_is_replaced_from_the_next_entry_on() {
    each(
        "pulsar-bookie-fails",
        |_| {},
        |timeline, seed| {
            all_is_delivered(timeline, seed, 120);
            let changed = facts(timeline).find_map(|(fact, event)| match event {
                PulsarEvent::LedgerChanged { ledger: 0, first, bookies } => {
                    Some((fact.at, *first, bookies.clone()))
                }
                _ => None,
            });
            let (at, first, bookies) = changed.expect("another takes its place");
            assert!(
                first > 0 && !bookies.contains(&NodeId::Bookie(2)),
                "seed {seed}: from {first} on {bookies:?}"
            );
            assert!(Time(300_000) <= at && at < Time(330_000), "seed {seed}: at {at}");
            // The new one has nothing of what came before.
            let newcomer = timeline.events().iter().find(|fact| {
                fact.at > at && bookies.contains(&fact.node) && matches!(fact.event, Event::Appended { .. })
            });
            assert!(newcomer.is_some(), "seed {seed}");
            let early = timeline.events().iter().filter(|fact| fact.at < Time(300_000));
            let had: BTreeSet<NodeId> = early
                .filter(|fact| matches!(fact.event, Event::Appended { .. }))
                .map(|fact| fact.node)
                .collect();
            let new: Vec<&NodeId> = bookies.iter().filter(|bookie| !had.contains(bookie)).collect();
            assert_eq!(new.len(), 1, "seed {seed}");
            for fact in timeline.events().iter().filter(|fact| fact.node == *new[0]) {
                if let Event::Appended { base, .. } = &fact.event {
                    assert!(base.0 >= first, "seed {seed}: {fact}");
                }
            }
            assert!(
                facts(timeline).all(|(_, event)| !matches!(event, PulsarEvent::Recovers { .. })),
                "seed {seed}"
            );
        },
    );
}

#[test]
fn a_broker_that_wakes_up_too_late_acknowledges_nothing() {
    each(
        "pulsar-zombie-broker",
        |_| {},
        |timeline, seed| {
            all_is_delivered(timeline, seed, 160);
            let woke = Time(1_500_000);
            let zombie = NodeId::Broker(1);
            assert!(facts(timeline).any(|(fact, event)| {
                fact.node == NodeId::Broker(2) && matches!(event, PulsarEvent::Recovers { ledger: 0, .. })
            }));
            // What bookies had answered before they were closed to it may be waiting for it: that is in the ledger as its new
            // owner closed it. Beyond that it acknowledges nothing.
            let closed = |(fact, event): (&Stamped, &PulsarEvent)| match event {
                PulsarEvent::LedgerClosed { ledger: 0, entries, .. } if fact.node == NodeId::Broker(2) => {
                    Some(*entries)
                }
                _ => None,
            };
            let entries = facts(timeline).find_map(closed).expect("the new owner closed its ledger");
            let late = timeline.events().iter().filter(|fact| fact.node == zombie && fact.at >= woke);
            for fact in late {
                let Event::Committed { partition, below } = &fact.event else { continue };
                assert!(
                    partition.index == 0 && below.0 <= entries,
                    "seed {seed}: {fact}, closed with {entries}"
                );
            }
        },
    );
    // Awake before its session is over, it is the owner still.
    let early = |scenario: &mut Scenario| scenario.actions[1].at = Time(380_000);
    each("pulsar-zombie-broker", early, |timeline, seed| {
        all_is_delivered(timeline, seed, 160);
        assert!(
            facts(timeline).all(|(_, event)| !matches!(event, PulsarEvent::Recovers { .. })),
            "seed {seed}"
        );
    });
}

#[test]
fn each_subscription_shares_out_in_its_own_way() {
    each(
        "pulsar-subscriptions",
        |_| {},
        |timeline, seed| {
            let verdict = timeline.verdict();
            assert_eq!(verdict.acknowledged(), 60, "seed {seed}");
            assert!(verdict.lost().is_empty(), "seed {seed}");
            // Every subscription has everything; of mail the three that always fail are dead letters.
            for (group, done) in [("audit", 60), ("mail", 57), ("pay", 60)] {
                let messages: BTreeSet<_> = timeline
                    .events()
                    .iter()
                    .filter_map(|fact| match &fact.event {
                        Event::Processed { messages, group: Some(of), .. } if of.as_str() == group => {
                            Some(messages)
                        }
                        _ => None,
                    })
                    .flat_map(|messages| messages.iter().copied())
                    .collect();
                assert_eq!(messages.len(), done, "seed {seed}: {group}");
            }
            let buried: usize = facts(timeline)
                .map(|(_, event)| match event {
                    PulsarEvent::Buried { messages, to } => {
                        assert_eq!(to.as_str(), "orders-mail-DLQ");
                        messages.len()
                    }
                    _ => 0,
                })
                .sum();
            assert_eq!(buried, 3, "seed {seed}");
            let failed = timeline.events().iter().filter(|fact| {
                matches!(&fact.event, Event::Queue(mqlab_core::observe::QueueEvent::Failed { .. }))
            });
            assert_eq!(failed.count(), 9, "seed {seed}: each of them three times");
            let active: Vec<NodeId> = facts(timeline)
                .filter_map(|(_, event)| match event {
                    PulsarEvent::Active { consumer, .. } => Some(*consumer),
                    _ => None,
                })
                .collect();
            assert!(
                active.contains(&NodeId::Consumer(1)) && active.contains(&NodeId::Consumer(2)),
                "seed {seed}"
            );
        },
    );
}

#[test]
fn what_two_bookies_had_in_memory_alone_is_lost() {
    let mut lost = 0;
    each(
        "pulsar-without-sync",
        |_| {},
        |timeline, _| {
            assert_eq!(timeline.verdict().sent(), 100);
        },
    );
    let scenario = Scenario::built_in("pulsar-without-sync").expect("it is built in");
    for seed in scenario.seed..scenario.seed + SEEDS {
        let mut timeline = Timeline::new(scenario.clone(), seed).expect("it can be run");
        timeline.advance(timeline.ends_at());
        lost += timeline.verdict().lost().len();
    }
    assert!(lost > 0, "the power went, and nothing with it");
    let synced = |scenario: &mut Scenario| {
        if let Some(SystemSpec::Pulsar(spec)) = &mut scenario.system {
            spec.journal_sync = true;
        }
    };
    each("pulsar-without-sync", synced, |timeline, seed| {
        assert!(timeline.verdict().lost().is_empty(), "seed {seed}: {:?}", timeline.verdict().lost());
    });
    let one_alone = |scenario: &mut Scenario| {
        scenario.actions.retain(|action| action.command.node() != Some(NodeId::Bookie(2)));
    };
    each("pulsar-without-sync", one_alone, |timeline, seed| {
        assert!(timeline.verdict().lost().is_empty(), "seed {seed}: {:?}", timeline.verdict().lost());
    });
}

/// The messages that a consumer was through with, in order, and when.
fn processed(timeline: &Timeline, by: NodeId) -> Vec<(Time, MessageId)> {
    let of = |fact: &Stamped| match &fact.event {
        Event::Processed { messages, .. } if fact.node == by => {
            messages.iter().map(|message| (fact.at, *message)).collect()
        }
        _ => Vec::new(),
    };
    timeline.events().iter().flat_map(of).collect()
}

/// When each message of a producer was acknowledged to it.
fn acknowledged(timeline: &Timeline, to: NodeId) -> Vec<(Time, MessageId)> {
    let of = |fact: &Stamped| match &fact.event {
        Event::Acknowledged { messages, .. } if fact.node == to => {
            messages.iter().map(|message| (fact.at, *message)).collect()
        }
        _ => Vec::new(),
    };
    timeline.events().iter().flat_map(of).collect()
}

const CUT: Time = Time(300_000);
const HEALED: Time = Time(700_000);

#[test]
fn two_clusters_go_on_without_each_other_and_the_backlog_arrives_in_order() {
    each(
        "pulsar-geo-cut",
        |_| {},
        |timeline, seed| {
            let (shop, branch) = (NodeId::Producer(1), NodeId::Producer(2));
            for (sender, messages) in [(shop, 100), (branch, 40)] {
                let stored = acknowledged(timeline, sender);
                assert_eq!(stored.len(), messages, "seed {seed}");
                let during = stored.iter().filter(|(at, _)| CUT < *at && *at < HEALED).count();
                assert!(during * 4 > messages, "seed {seed}: {sender} was held up: {during}");
                let ids: Vec<MessageId> = stored.into_iter().map(|(_, id)| id).collect();
                for reader in [NodeId::Consumer(1), NodeId::Consumer(2)] {
                    let mut its = processed(timeline, reader);
                    its.retain(|(_, id)| ids.contains(id));
                    // Everything, once, in the order of its producer, wherever that is.
                    let seen: Vec<MessageId> = its.iter().map(|(_, id)| *id).collect();
                    assert_eq!(seen, ids, "seed {seed}: {reader} of {sender}");
                    let is_far = (sender == shop) != (reader == NodeId::Consumer(1));
                    let in_cut = Time(CUT.0 + 20_000)..HEALED;
                    let during = its.iter().filter(|(at, _)| in_cut.contains(at)).count();
                    assert_eq!(during == 0, is_far, "seed {seed}: {during} reached {reader} from {sender}");
                }
            }
        },
    );
}

#[test]
fn a_cluster_that_burns_takes_along_what_was_not_replicated() {
    each(
        "pulsar-geo-burns",
        |_| {},
        |timeline, seed| {
            let stored: BTreeSet<MessageId> =
                acknowledged(timeline, NodeId::Producer(1)).into_iter().map(|(_, id)| id).collect();
            let seen: BTreeSet<MessageId> =
                processed(timeline, NodeId::Consumer(2)).into_iter().map(|(_, id)| id).collect();
            let replicated: BTreeSet<MessageId> = facts(timeline)
                .filter(|(fact, _)| fact.node == NodeId::Broker(1))
                .filter_map(|(_, event)| match event {
                    PulsarEvent::Replicated { messages, .. } => Some(messages),
                    _ => None,
                })
                .flatten()
                .copied()
                .collect();
            let missed = stored.difference(&seen).count();
            assert!((20..30).contains(&missed), "seed {seed}: {missed} burnt");
            assert!(replicated.is_subset(&seen), "seed {seed}: what had arrived is there");
            // The other cluster goes on.
            let branch = acknowledged(timeline, NodeId::Producer(2));
            assert_eq!(branch.len(), 40, "seed {seed}");
            assert!(branch.iter().all(|(_, id)| seen.contains(id)), "seed {seed}");
        },
    );
}

#[test]
fn old_ledgers_are_read_from_the_object_store_and_slower() {
    let replay = NodeId::Consumer(2);
    let took = |timeline: &Timeline, seed: u64| {
        let its = processed(timeline, replay);
        let ids: Vec<MessageId> = its.iter().map(|(_, id)| *id).collect();
        let sent: Vec<MessageId> =
            acknowledged(timeline, NodeId::Producer(1)).into_iter().map(|(_, id)| id).collect();
        assert_eq!((ids.len(), ids), (100, sent), "seed {seed}");
        its[99].0.since(its[0].0)
    };
    let mut slow = Vec::new();
    let store = std::cell::RefCell::new(&mut slow);
    each(
        "pulsar-offload",
        |_| {},
        |timeline, seed| {
            let offloaded: BTreeSet<u64> = facts(timeline)
                .filter_map(|(_, event)| match event {
                    PulsarEvent::Offloaded { ledger, .. } => Some(*ledger),
                    _ => None,
                })
                .collect();
            assert_eq!(offloaded, (0..7).collect::<BTreeSet<u64>>(), "seed {seed}: all that are closed");
            let moved = |(fact, event): &(&Stamped, &PulsarEvent)| {
                matches!(event, PulsarEvent::Moved { ledger: 0, .. }) && fact.at < Time(2_300_000)
            };
            assert_eq!(
                facts(timeline).filter(moved).count(),
                2,
                "seed {seed}: both bookies deleted ledger 0"
            );
            store.borrow_mut().push(took(timeline, seed));
        },
    );
    let slow = std::cell::RefCell::new(slow.into_iter());
    each(
        "pulsar-offload",
        |scenario| {
            let Some(SystemSpec::Pulsar(spec)) = &mut scenario.system else { panic!("it is Pulsar") };
            spec.offload = None;
        },
        |timeline, seed| {
            let (slow, fast) = (slow.borrow_mut().next().expect("as many seeds"), took(timeline, seed));
            assert!(slow.0 > 2 * fast.0, "seed {seed}: {slow} from the object store, {fast} from bookies");
        },
    );
}

/// The latest message of each key that a producer was told of: the judge's account, not the broker's.
fn latest(timeline: &Timeline) -> Vec<MessageId> {
    let mut of_key = std::collections::BTreeMap::new();
    for id in timeline.verdict().messages_acknowledged() {
        of_key.insert(timeline.world().mark(id).key, id);
    }
    of_key.remove(&Some('E')); // its last message has no value
    let mut all: Vec<MessageId> = of_key.into_values().collect();
    all.sort();
    all
}

#[test]
fn who_reads_compacted_gets_the_latest_of_each_key_whoever_died_meanwhile() {
    let (archive, board) = (NodeId::Consumer(1), NodeId::Consumer(2));
    let compacted = |timeline: &Timeline| -> Vec<(NodeId, u64)> {
        let of = |(fact, event): (&Stamped, &PulsarEvent)| match event {
            PulsarEvent::Compaction(CompactionEvent::Serves { ledger, .. }) => Some((fact.node, *ledger)),
            _ => None,
        };
        facts(timeline).filter_map(of).collect()
    };
    each(
        "pulsar-compaction",
        |_| {},
        |timeline, seed| {
            let verdict = timeline.verdict();
            assert_eq!((verdict.acknowledged(), verdict.delivered()), (152, 152), "seed {seed}");
            assert!(verdict.lost().is_empty() && verdict.reordered().is_empty(), "seed {seed}");
            let read = |by| processed(timeline, by).into_iter().map(|(_, id)| id).collect::<Vec<MessageId>>();
            // What the producer sent again when its broker died may be stored twice.
            let all: BTreeSet<MessageId> = read(archive).into_iter().collect();
            let few = read(board);
            assert_eq!(all.len(), 152, "seed {seed}: the topic is as it was");
            assert!(few.len() < 25, "seed {seed}: {few:?}");
            let all: BTreeSet<&MessageId> = few.iter().collect();
            assert!(latest(timeline).iter().all(|id| all.contains(id)), "seed {seed}: {few:?}");
            // Both owners have compacted. Each ledger went when its owner had the next; where it died at that moment, it stayed.
            let compacted = compacted(timeline);
            let by: BTreeSet<NodeId> = compacted.iter().map(|(node, _)| *node).collect();
            assert_eq!(by.len(), 2, "seed {seed}: {compacted:?}");
            let pairs = compacted.windows(2).filter(|pair| pair[0].0 == pair[1].0);
            for (_, ledger) in pairs.map(|pair| &pair[0]) {
                let gone = |(_, event): &(&Stamped, &PulsarEvent)| matches!(event, PulsarEvent::Compaction(CompactionEvent::Gone { ledger: of, .. }) if of == ledger);
                assert_eq!(
                    facts(timeline).filter(gone).count(),
                    2,
                    "seed {seed}: ledger {ledger} on two bookies"
                );
            }
        },
    );
    each(
        "pulsar-compaction",
        |scenario| {
            let Some(SystemSpec::Pulsar(spec)) = &mut scenario.system else { panic!("it is Pulsar") };
            spec.compaction = None;
        },
        |timeline, seed| {
            let all: BTreeSet<MessageId> = processed(timeline, board).into_iter().map(|(_, id)| id).collect();
            assert_eq!(all.len(), 152, "seed {seed}: there is nothing compacted");
        },
    );
}

#[test]
fn what_a_lost_bookie_had_is_copied_before_the_next_is_lost() {
    let copied = |timeline: &Timeline, of: NodeId| -> BTreeSet<u64> {
        let ledger = |(_, event): (&Stamped, &PulsarEvent)| match event {
            PulsarEvent::Recovery(RecoveryEvent::Copied { ledger, lost, .. }) if *lost == of => Some(*ledger),
            _ => None,
        };
        facts(timeline).filter_map(ledger).collect()
    };
    each(
        "pulsar-autorecovery",
        |_| {},
        |timeline, seed| {
            all_is_delivered(timeline, seed, 100);
            let auditors = |(_, event): &(&Stamped, &PulsarEvent)| {
                matches!(event, PulsarEvent::Recovery(RecoveryEvent::Audits))
            };
            let first = facts(timeline).find(auditors).map(|(fact, _)| fact.at);
            assert!(first.is_some_and(|at| at < Time(100_000)), "seed {seed}: one of them is the auditor");
            for lost in [NodeId::Bookie(1), NodeId::Bookie(2)] {
                assert!(
                    copied(timeline, lost).len() >= 3,
                    "seed {seed}: {lost}: {:?}",
                    copied(timeline, lost)
                );
            }
            // Nothing goes back to those who came back empty.
            for fact in timeline.events().iter().filter(|fact| fact.at > Time(2_600_000)) {
                let old = |base: u64| base < 15 && matches!(fact.node, NodeId::Bookie(1 | 2));
                if let Event::Appended { base, messages, .. } = &fact.event {
                    assert!(!old(base.0) || messages.is_empty(), "seed {seed}: {fact}");
                }
            }
        },
    );
    each(
        "pulsar-autorecovery",
        |scenario| {
            let Some(SystemSpec::Pulsar(spec)) = &mut scenario.system else { panic!("it is Pulsar") };
            spec.auto_recovery = None;
        },
        |timeline, seed| {
            let lost = timeline.verdict().lost().len();
            assert!(lost >= 15, "seed {seed}: {lost} were on these two alone");
        },
    );
}
