//! Which brokers keep a partition: the vectors of Kafka's two placers, and what holds of any cluster.

use std::collections::BTreeSet;

use mqlab_core::broker::{CannotPlace, Site, StripedPlacer, place_replicas};
use mqlab_core::ids::{Name, NodeId};
use mqlab_core::rng::{Rng, Stream};
use proptest::prelude::*;

/// Brokers with these numbers; `0a` stands in the rack `a`.
fn sites(text: &str) -> Vec<Site> {
    let site = |word: &str| {
        let (number, rack) = word.split_at(word.find(|c: char| !c.is_ascii_digit()).unwrap_or(word.len()));
        let rack = (!rack.is_empty()).then(|| Name::new(rack).expect("a legal name"));
        Site { broker: NodeId::Broker(number.parse().expect("a number")), rack }
    };
    text.split_whitespace().map(site).collect()
}

/// `[0,1] [1,2]`.
fn shown(placed: &[Vec<NodeId>]) -> String {
    let number = |node: &NodeId| node.to_string().trim_start_matches("broker-").to_owned();
    let row = |row: &Vec<NodeId>| format!("[{}]", row.iter().map(number).collect::<Vec<_>>().join(","));
    placed.iter().map(row).collect::<Vec<_>>().join(" ")
}

#[test]
fn vectors_of_the_tools() {
    let table = [
        (
            "0 1 2 3 4",
            10,
            3,
            "[0,1,2] [1,2,3] [2,3,4] [3,4,0] [4,0,1] [0,2,3] [1,3,4] [2,4,0] [3,0,1] [4,1,2]",
        ),
        ("0 1 2", 6, 2, "[0,1] [1,2] [2,0] [0,2] [1,0] [2,1]"),
        ("0r1 1r3 2r3 3r2 4r2 5r1", 7, 3, "[0,3,1] [3,1,5] [1,5,4] [5,4,2] [4,2,0] [2,0,3] [0,4,2]"),
        ("0r1 1r1 2r2 3r2", 4, 2, "[0,2] [2,1] [1,3] [3,0]"),
        ("7", 2, 1, "[7] [7]"),
    ];
    for (brokers, partitions, replicas, expect) in table {
        let placed = place_replicas(&sites(brokers), partitions, replicas).expect("enough brokers");
        assert_eq!(shown(&placed), expect, "{brokers}");
    }
}

#[test]
fn vectors_of_the_controller() {
    let table = [
        ("0a 1a 2a 10b 11b 12b 20c 21c 22c", 3, "[0,10,20] [11,21,1] [22,2,12]"),
        ("0 1 2", 2, "[0,1] [1,2] [2,0]"),
        // A rack turns only when a stripe takes of it.
        ("0a 1a 10b 11b 20c 21c", 2, "[0,10] [11,21] [20,1]"),
    ];
    for (brokers, replicas, expect) in table {
        let alive: Vec<(Site, bool)> = sites(brokers).into_iter().map(|site| (site, true)).collect();
        let mut placer = StripedPlacer::new(&alive, Rng::new(1, Stream::Workload)).expect("they are alive");
        let placed: Vec<Vec<NodeId>> = (0..3).map(|_| placer.place(replicas).expect("enough")).collect();
        assert_eq!(shown(&placed), expect, "{brokers}");
    }
}

#[test]
fn what_cannot_be_placed_is_refused() {
    let too_few = |replicas, brokers| CannotPlace::TooFewBrokers { replicas, brokers };
    assert_eq!(place_replicas(&sites("0 1"), 1, 3), Err(too_few(3, 2)));
    assert_eq!(place_replicas(&sites("0 1"), 1, 0), Err(too_few(0, 2)));
    assert_eq!(place_replicas(&sites("0a 1"), 1, 1), Err(CannotPlace::SomeRacksUnknown));
    let fenced: Vec<(Site, bool)> = sites("0 1").into_iter().map(|site| (site, false)).collect();
    let rng = || Rng::new(1, Stream::Workload);
    assert_eq!(StripedPlacer::new(&fenced, rng()).err(), Some(CannotPlace::AllFenced));
    let mut placer = StripedPlacer::new(&[(sites("0").remove(0), true)], rng()).expect("one is alive");
    assert_eq!(placer.place(2), Err(too_few(2, 1)));
    assert_eq!(placer.place(1), Ok(vec![NodeId::Broker(0)]), "a refusal places nothing");
}

/// Brokers over racks, each alive or not; and how many partitions and replicas.
fn clusters() -> impl Strategy<Value = (Vec<(Site, bool)>, u32, usize)> {
    (
        prop::collection::vec((prop::option::of(0..4_u8), any::<bool>()), 1..12),
        any::<bool>(),
        1..40_u32,
        1..6_usize,
    )
        .prop_map(|(brokers, racks, partitions, replicas)| {
            let rack =
                |rack: Option<u8>| Name::new(&format!("r{}", rack.unwrap_or(9))).expect("a legal name");
            let site = |(number, (on, alive)): (u16, (Option<u8>, bool))| {
                (Site { broker: NodeId::Broker(number), rack: racks.then(|| rack(on)) }, alive || number == 0)
            };
            let sites: Vec<_> = (0..).zip(brokers).map(site).collect();
            let replicas = replicas.min(sites.len());
            (sites, partitions, replicas)
        })
}

/// What holds of any placement: no broker twice, and no rack twice while another has none.
fn check(sites: &[(Site, bool)], placed: &[Vec<NodeId>], replicas: usize) -> Result<(), TestCaseError> {
    let rack_of = |broker: &NodeId| {
        sites.iter().find(|(site, _)| site.broker == *broker).map(|(site, _)| site.rack.clone())
    };
    let racks: BTreeSet<_> = sites.iter().map(|(site, _)| site.rack.clone()).collect();
    for row in placed {
        prop_assert_eq!(row.len(), replicas);
        prop_assert_eq!(row.iter().collect::<BTreeSet<_>>().len(), replicas, "{:?}", row);
        let used: BTreeSet<_> = row.iter().map(rack_of).collect();
        prop_assert!(used.len() == replicas.min(racks.len()), "{row:?} on {used:?}");
    }
    Ok(())
}

proptest! {
    #[test]
    fn the_tools_spread_over_racks_and_leaders_over_brokers((sites, partitions, replicas) in clusters()) {
        let brokers: Vec<Site> = sites.iter().map(|(site, _)| site.clone()).collect();
        let placed = place_replicas(&brokers, partitions, replicas).expect("enough brokers");
        check(&sites, &placed, replicas)?;
        let leads = |site: &Site| placed.iter().filter(|row| row[0] == site.broker).count();
        let most = brokers.iter().map(leads).max().unwrap_or_default();
        let least = brokers.iter().map(leads).min().unwrap_or_default();
        prop_assert!(most - least <= 1, "leaders are in turn");
    }

    #[test]
    fn the_controller_lets_only_the_living_lead((sites, partitions, replicas) in clusters(), seed in 0..99_u64) {
        let mut placer = StripedPlacer::new(&sites, Rng::new(seed, Stream::Workload)).expect("one is alive");
        let placed: Vec<_> = (0..partitions).map(|_| placer.place(replicas).expect("enough")).collect();
        check(&sites, &placed, replicas)?;
        for row in &placed {
            prop_assert!(sites.iter().any(|(site, alive)| site.broker == row[0] && *alive));
        }
    }
}
