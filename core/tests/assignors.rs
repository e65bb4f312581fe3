//! The assignors: Kafka's own results as a table, and what each rule promises over random groups.

use std::collections::{BTreeMap, BTreeSet};

use mqlab_core::broker::{Assignor, Candidate, Shares};
use mqlab_core::ids::{Name, PartitionId};
use mqlab_core::sorted::SortedSet;
use proptest::prelude::*;

fn name(text: &str) -> Name {
    Name::new(text).expect("a legal name")
}

/// `t1-0,1 t2-0` names the partitions 0 and 1 of `t1`, and 0 of `t2`.
fn parse(text: &str) -> Vec<PartitionId> {
    let topic = |word: &str| {
        let (topic, numbers) = word.split_once('-').expect("topic-numbers");
        let number = |number: &str| number.parse::<u32>().expect("a number");
        numbers.split(',').map(|at| PartitionId { topic: name(topic), index: number(at) }).collect::<Vec<_>>()
    };
    text.split_whitespace().flat_map(topic).collect()
}

/// `t1:3 t2:2` has so many partitions of each.
fn layout(text: &str) -> Vec<PartitionId> {
    let topic = |word: &str| {
        let (topic, count) = word.split_once(':').expect("topic:count");
        let topic = name(topic);
        (0..count.parse().expect("a number")).map(move |index| PartitionId { topic: topic.clone(), index })
    };
    text.split_whitespace().flat_map(topic).collect()
}

/// `c1 t1,t2 = t1-0,1 @3` subscribes to two topics, and has two partitions since generation 3.
fn member(text: &str) -> Candidate<String> {
    let (text, generation) = text.split_once('@').unwrap_or((text, "0"));
    let (who, owned) = text.split_once('=').unwrap_or((text, ""));
    let mut words = who.split_whitespace();
    let (id, topics) = (words.next().expect("an id"), words.next().expect("topics"));
    let (id, instance) = id.split_once('#').map_or((id, None), |(id, instance)| (id, Some(name(instance))));
    let topics = topics.split(',').map(name).collect();
    let generation = generation.trim().parse().expect("a number");
    Candidate { id: id.into(), instance, topics, owned: parse(owned), generation }
}

fn check(assignor: Assignor, topics: &str, members: &str, expected: &str) -> Shares<String> {
    let members: Vec<_> = members.split(';').map(member).collect();
    let got = assignor.assign(&members, &layout(topics));
    let row = |row: &str| {
        let (id, share) = row.split_once('=').expect("id = share");
        (id.trim().to_owned(), parse(share))
    };
    let expected: Shares<String> = expected.split(';').map(row).collect();
    assert_eq!(got, expected, "{assignor} of {topics} among {members:?}");
    got
}

/// What came out of Kafka's classes, row by row.
#[test]
fn as_kafka_deals() {
    use Assignor::{CooperativeSticky as Coop, Range, RoundRobin as Circle, Sticky, Uniform};
    let table = [
        (Range, "t1:3 t2:3", "C0 t1,t2; C1 t1,t2", "C0 = t1-0,1 t2-0,1; C1 = t1-2 t2-2"),
        (Range, "t1:3 t2:2", "c1 t1; c2 t1,t2; c3 t1", "c1 = t1-0; c2 = t1-1 t2-0,1; c3 = t1-2"),
        (Range, "t:10", "c1 t; c2 t; c3 t", "c1 = t-0,1,2,3; c2 = t-4,5,6; c3 = t-7,8,9"),
        (
            Range,
            "t1:3 t2:3",
            "consumer-b#instance1 t1,t2; consumer-a#instance2 t1,t2",
            "consumer-b = t1-0,1 t2-0,1; consumer-a = t1-2 t2-2",
        ),
        // Text, not numbers: c1 < c10 < c2. And who has an instance name comes before all who have none.
        (Range, "t:3", "c2 t; c10 t; c1 t", "c1 = t-0; c10 = t-1; c2 = t-2"),
        (Range, "t:2", "a t; z#i t", "z = t-0; a = t-1"),
        (Circle, "t0:3 t1:3", "C0 t0,t1; C1 t0,t1", "C0 = t0-0,2 t1-1; C1 = t0-1 t1-0,2"),
        (
            Circle,
            "t0:1 t1:2 t2:3",
            "C0 t0; C1 t0,t1; C2 t0,t1,t2",
            "C0 = t0-0; C1 = t1-0; C2 = t1-1 t2-0,1,2",
        ),
        (
            Sticky,
            "t0:2 t1:2 t2:2 t3:2",
            "C0 t0,t1,t2,t3; C1 t0,t1,t2,t3; C2 t0,t1,t2,t3",
            "C0 = t0-0 t1-1 t3-0; C1 = t0-1 t2-0 t3-1; C2 = t1-0 t2-1",
        ),
        (
            Sticky,
            "t0:2 t1:2 t2:2 t3:2",
            "C0 t0,t1,t2,t3 = t0-0 t1-1 t3-0 @1; C2 t0,t1,t2,t3 = t1-0 t2-1 @1",
            "C0 = t0-0,1 t1-1 t3-0; C2 = t1-0 t2-0,1 t3-1",
        ),
        (Sticky, "t0:1 t1:2 t2:3", "C0 t0; C1 t0,t1; C2 t0,t1,t2", "C0 = t0-0; C1 = t1-0,1; C2 = t2-0,1,2"),
        (Coop, "t:4", "c1 t = t-0,1,2,3 @1; c2 t", "c1 = t-0,1; c2 ="),
        (Coop, "t:4", "c1 t = t-0,1 @2; c2 t @2", "c1 = t-0,1; c2 = t-2,3"),
        (Coop, "t:6", "c1 t = t-0,2,4 @1; c2 t = t-1,3,5 @1; c3 t", "c1 = t-0,2; c2 = t-1,3; c3 ="),
        (Coop, "t:6", "c1 t = t-0,2 @2; c2 t = t-1,3 @2; c3 t @2", "c1 = t-0,2; c2 = t-1,3; c3 = t-4,5"),
        (Coop, "t:5", "c1 t = t-0,1,2 @2; c2 t = t-2,3,4 @3", "c1 = t-0,1; c2 = t-2,3,4"),
        (Coop, "t:4", "c1 t = t-0,1 @1; c2 t = t-1,2 @1", "c1 = t-0; c2 = t-2,3"),
        (Uniform, "t:5", "c1 t = t-0,1,2,3,4 @1; c2 t", "c1 = t-0,1,2; c2 = t-3,4"),
    ];
    for (assignor, topics, members, expected) in table {
        check(assignor, topics, members, expected);
    }
}

const ALL: [Assignor; 5] =
    [Assignor::Range, Assignor::RoundRobin, Assignor::Sticky, Assignor::CooperativeSticky, Assignor::Uniform];

/// A group: how many partitions each topic has, and the members with what they claim.
#[derive(Clone, Debug)]
struct Group {
    partitions: Vec<PartitionId>,
    members: Vec<Candidate<u8>>,
}

/// What is drawn of a member: its wishes, its instance, what it claims, and since when.
type Drawn = ([bool; 5], Option<u8>, Vec<(u8, u32)>, u32);

fn topics() -> impl Strategy<Value = Vec<PartitionId>> {
    prop::collection::vec(0_u32..7, 1..5).prop_map(|counts| {
        let topic = |(at, count): (usize, u32)| {
            (0..count).map(move |index| PartitionId { topic: name(&format!("t{at}")), index })
        };
        counts.into_iter().enumerate().flat_map(topic).collect()
    })
}

/// Members with any claims: also contested ones, old ones, of topics that they do not want and that are not there.
fn group(equal: bool) -> impl Strategy<Value = Group> {
    let member =
        (any::<[bool; 5]>(), any::<Option<u8>>(), prop::collection::vec((0_u8..6, 0_u32..8), 0..9), 0_u32..3);
    (topics(), prop::collection::btree_map(any::<u8>(), member, 1..7)).prop_map(
        move |(partitions, members)| {
            let mut all: Option<SortedSet<Name>> = None;
            let member = |(id, (wants, instance, owned, generation)): (u8, Drawn)| {
                let wanted = (0..5).filter(|at| wants[*at]).map(|at| name(&format!("t{at}"))).collect();
                let own = |(topic, index)| PartitionId { topic: name(&format!("t{topic}")), index };
                Candidate {
                    id,
                    // Two of the same instance name do not come so far; but a rule must not fall over them either.
                    instance: instance.filter(|at| at % 4 == 0).map(|at| name(&format!("i{at}"))),
                    topics: if equal { all.get_or_insert(wanted).clone() } else { wanted },
                    owned: owned.into_iter().map(own).collect(),
                    generation,
                }
            };
            Group { members: members.into_iter().map(member).collect(), partitions }
        },
    )
}

/// Whose each partition is; fails when one is dealt twice, or to who does not want it, or is not there.
fn readers(group: &Group, shares: &Shares<u8>) -> BTreeMap<PartitionId, u8> {
    let mut readers = BTreeMap::new();
    assert_eq!(shares.len(), group.members.len(), "every member has a share");
    for member in &group.members {
        for partition in &shares[&member.id] {
            assert!(member.topics.contains(&partition.topic), "{} does not want {partition}", member.id);
            assert!(group.partitions.contains(partition), "{partition} is not there");
            assert_eq!(readers.insert(partition.clone(), member.id), None, "{partition} is dealt twice");
        }
    }
    readers
}

fn wanted(group: &Group) -> BTreeSet<PartitionId> {
    let wants = |partition: &&PartitionId| group.members.iter().any(|m| m.topics.contains(&partition.topic));
    group.partitions.iter().filter(wants).cloned().collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Whoever claims what: each partition that somebody wants has one reader, or is withheld by the cooperative rule,
    /// and the order in which things are named does not matter.
    #[test]
    fn each_partition_has_one_reader(group in group(false)) {
        for assignor in ALL {
            let shares = assignor.assign(&group.members, &group.partitions);
            let read: BTreeSet<_> = readers(&group, &shares).into_keys().collect();
            if assignor.is_cooperative() {
                prop_assert!(read.is_subset(&wanted(&group)));
            } else {
                prop_assert_eq!(&read, &wanted(&group), "{}", assignor);
            }
            let mut turned = group.clone();
            turned.members.reverse();
            turned.partitions.reverse();
            // Who has the same instance name is sorted by id, so nothing depends on the order.
            prop_assert_eq!(assignor.assign(&turned.members, &turned.partitions), shares, "{}", assignor);
        }
    }

    /// Where all want the same, no share is larger than another by more than one: over all, or in each topic.
    #[test]
    fn shares_are_equal_within_one(group in group(true)) {
        let within_one = |counts: Vec<usize>| counts.iter().max().unwrap_or(&0) - counts.iter().min().unwrap_or(&0) <= 1;
        for assignor in [Assignor::RoundRobin, Assignor::Sticky, Assignor::Uniform] {
            let shares = assignor.assign(&group.members, &group.partitions);
            prop_assert!(within_one(shares.values().map(Vec::len).collect()), "{}: {:?}", assignor, shares);
        }
        let shares = Assignor::Range.assign(&group.members, &group.partitions);
        for topic in (0..5).map(|at| name(&format!("t{at}"))) {
            let count = |share: &Vec<PartitionId>| share.iter().filter(|partition| partition.topic == topic).count();
            prop_assert!(within_one(shares.values().map(count).collect()), "{}: {:?}", topic, shares);
        }
    }

    /// Where they do not want the same, no partition could move to somebody who has at least two less.
    #[test]
    fn sticky_shares_cannot_be_made_more_equal_by_one_move(group in group(false)) {
        let shares = Assignor::Sticky.assign(&group.members, &group.partitions);
        for (partition, reader) in readers(&group, &shares) {
            for other in group.members.iter().filter(|other| other.topics.contains(&partition.topic)) {
                prop_assert!(shares[&reader].len() < shares[&other.id].len() + 2, "{partition}: {shares:?}");
            }
        }
    }

    /// A member leaves: whoever stays loses nothing. A member comes: nobody gets anything from the old ones but he.
    #[test]
    fn who_stays_keeps_what_he_has(group in group(true), gone in any::<prop::sample::Index>(), news in any::<u8>()) {
        for assignor in [Assignor::Sticky, Assignor::CooperativeSticky] {
            let mut group = group.clone();
            group.members.iter_mut().for_each(|member| member.owned.clear());
            let shares = assignor.assign(&group.members, &group.partitions);
            let keep = |group: &mut Group| for member in &mut group.members {
                member.owned = shares.get(&member.id).cloned().unwrap_or_default();
                member.generation = 1;
            };
            let mut fewer = group.clone();
            fewer.members.remove(gone.index(fewer.members.len()));
            keep(&mut fewer);
            let after = assignor.assign(&fewer.members, &fewer.partitions);
            for member in &fewer.members {
                prop_assert!(shares[&member.id].iter().all(|kept| after[&member.id].contains(kept)), "{}", assignor);
            }
            if shares.contains_key(&news) {
                continue;
            }
            let mut more = group.clone();
            more.members.push(Candidate { id: news, ..Candidate::new(news, group.members[0].topics.clone()) });
            keep(&mut more);
            let after = assignor.assign(&more.members, &more.partitions);
            for member in &group.members {
                prop_assert!(after[&member.id].iter().all(|kept| shares[&member.id].contains(kept)), "{}", assignor);
            }
        }
    }

    /// Nobody is given what another may still be reading; and when those have let go, the next round deals it.
    #[test]
    fn cooperative_gives_nothing_away_before_it_is_free(group in group(false)) {
        let (rule, mut next) = (Assignor::CooperativeSticky, group.clone());
        let latest = |partition: &PartitionId| {
            let claims = group.members.iter().filter(|m| m.owned.contains(partition)).map(|m| m.generation);
            claims.max()
        };
        let shares = rule.assign(&group.members, &group.partitions);
        for (partition, reader) in readers(&group, &shares) {
            let claims = group.members.iter().filter(|member| member.owned.contains(&partition));
            for other in claims.filter(|other| other.id != reader) {
                let own = group.members.iter().find(|m| m.id == reader).expect("it is there");
                let keeps = own.owned.contains(&partition) && Some(own.generation) == latest(&partition);
                prop_assert!(keeps && other.generation < own.generation, "{partition} of {}: {shares:?}", other.id);
            }
        }
        // Who wants the same needs one more round; unequal wishes may need some more.
        let equal = group.members.windows(2).all(|pair| pair[0].topics == pair[1].topics);
        let (mut shares, mut rounds) = (shares, 0);
        while readers(&next, &shares).into_keys().collect::<BTreeSet<_>>() != wanted(&next) {
            rounds += 1;
            prop_assert!(rounds <= if equal { 1 } else { 4 }, "{rounds} rounds: {shares:?}");
            for member in &mut next.members {
                member.owned = shares[&member.id].clone();
                member.generation = 9;
            }
            shares = rule.assign(&next.members, &next.partitions);
        }
    }
}
