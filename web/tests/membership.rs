//! Every fact about consumer groups as a sentence, in both languages: `UPDATE_EXPECT=1` writes them anew.
#![cfg(not(target_arch = "wasm32"))]

use std::collections::BTreeSet;
use std::fmt::Write as _;

use expect_test::expect_file;
use mqlab_core::ids::{Name, NodeId, PartitionId};
use mqlab_core::observe::{Event, GroupEvent, Refusal, Removal, Stamped};
use mqlab_core::time::Time;
use mqlab_web::text::Lang;
use mqlab_web::text::sentence::{Names, sentence};

const B1: NodeId = NodeId::Broker(1);
const C1: NodeId = NodeId::Consumer(1);
const C2: NodeId = NodeId::Consumer(2);

fn name(text: &str) -> Name {
    Name::new(text).expect("a legal name")
}

fn facts() -> Vec<(NodeId, GroupEvent)> {
    let group = || name("billing");
    let orders = |index| PartitionId { topic: name("orders"), index };
    let partitions = || vec![orders(0), orders(1)];
    let refused = |why| (C1, GroupEvent::CommitRefused { group: group(), partitions: partitions(), why });
    let removed = |why| (B1, GroupEvent::Removed { group: group(), member: C2, why });
    vec![
        (B1, GroupEvent::RebalanceBegan { group: group(), generation: 0, because: C1 }),
        (B1, GroupEvent::RebalanceBegan { group: group(), generation: 3, because: C2 }),
        (B1, GroupEvent::RebalanceEnded { group: group(), generation: 4, members: vec![C1, C2] }),
        (B1, GroupEvent::RebalanceEnded { group: group(), generation: 5, members: vec![] }),
        removed(Removal::Silent),
        removed(Removal::TooSlow),
        removed(Removal::Left),
        (B1, GroupEvent::Fenced { group: group(), instance: name("desk-1"), member: C1, by: C2 }),
        (C1, GroupEvent::Revoked { group: group(), partitions: partitions(), lost: false }),
        (C1, GroupEvent::Revoked { group: group(), partitions: partitions(), lost: true }),
        (C1, GroupEvent::PollOverdue { group: group() }),
        refused(Refusal::NotAMember),
        refused(Refusal::Rebalancing),
        refused(Refusal::IllegalGeneration),
        refused(Refusal::FencedInstance),
        refused(Refusal::InconsistentProtocol),
        (C1, GroupEvent::ReadsFrom { partition: orders(0), replica: B1 }),
    ]
}

#[test]
fn the_facts_of_groups_have_sentences_in_both_languages() {
    let mut text = String::new();
    for (node, event) in facts() {
        let fact = Stamped { at: Time(412_800), step: 1, node, event: Event::Group(event) };
        for lang in [Lang::En, Lang::Zh] {
            let told = sentence(&fact, &Names::default(), lang);
            assert!(!told.contains(&fact.event.to_string()), "in the words of the engine: {told}");
            writeln!(text, "{told}").expect("a string takes it");
        }
    }
    expect_file!["snapshots/membership-sentences.txt"].assert_eq(&text);
}

#[test]
fn no_fact_of_groups_is_missing() {
    let kind = |event: &GroupEvent| format!("{event:?}").split(' ').next().unwrap_or_default().to_owned();
    let listed: BTreeSet<String> = facts().iter().map(|(_, event)| kind(event)).collect();
    let source = include_str!("../../core/src/observe/group_event.rs");
    let body = source.split("pub enum GroupEvent {").nth(1).and_then(|rest| rest.split("\n}").next());
    let variants = body.expect("the facts are written there").lines();
    let variants = variants.filter_map(|line| line.strip_prefix("    ")?.strip_suffix(" {"));
    let variants = variants.filter(|name| name.starts_with(char::is_uppercase));
    assert_eq!(listed, variants.map(String::from).collect(), "the engine's facts, and the list");
}
