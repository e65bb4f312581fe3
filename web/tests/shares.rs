//! Every fact about share groups as a sentence, in both languages: `UPDATE_EXPECT=1` writes them anew.
#![cfg(not(target_arch = "wasm32"))]

use std::collections::BTreeSet;
use std::fmt::Write as _;

use expect_test::expect_file;
use mqlab_core::ids::{MessageId, Name, NodeId, Offset, PartitionId};
use mqlab_core::observe::{CameBack, Event, GivenUp, Refusal, ShareEvent, Stamped};
use mqlab_core::time::Time;
use mqlab_web::text::Lang;
use mqlab_web::text::sentence::{Names, sentence};

const B1: NodeId = NodeId::Broker(1);
const C1: NodeId = NodeId::Consumer(1);

fn facts() -> Vec<(NodeId, ShareEvent)> {
    let name = |text| Name::new(text).expect("a legal name");
    let group = || name("packing");
    let partition = || PartitionId { topic: name("orders"), index: 0 };
    let messages = || vec![MessageId(17), MessageId(18)];
    let began = |in_flight| {
        let (group, partition, start) = (group(), partition(), Offset(16));
        (B1, ShareEvent::Began { group, partition, start, in_flight })
    };
    let acquired = |delivery| {
        let (group, partition, messages) = (group(), partition(), messages());
        (B1, ShareEvent::Acquired { group, partition, by: C1, messages, delivery })
    };
    let returned = |why| {
        let (group, partition, messages) = (group(), partition(), messages());
        (B1, ShareEvent::Returned { group, partition, from: C1, messages, why })
    };
    let archived = |why| {
        let (group, partition, messages) = (group(), partition(), messages());
        (B1, ShareEvent::Archived { group, partition, messages, why })
    };
    let in_vain = |why| {
        let (group, partition, messages) = (group(), partition(), messages());
        (C1, ShareEvent::NotAcknowledged { group, partition, messages, why })
    };
    vec![
        began(0),
        began(3),
        acquired(1),
        acquired(3),
        (B1, ShareEvent::Renewed { group: group(), partition: partition(), by: C1, messages: messages() }),
        (B1, ShareEvent::Accepted { group: group(), partition: partition(), by: C1, messages: messages() }),
        returned(CameBack::Released),
        returned(CameBack::LockRanOut),
        returned(CameBack::MemberGone),
        archived(GivenUp::Rejected),
        archived(GivenUp::DeliveryLimit),
        in_vain(Refusal::UnknownDelivery),
        in_vain(Refusal::NoAnswer),
    ]
}

#[test]
fn the_facts_of_share_groups_have_sentences_in_both_languages() {
    let mut text = String::new();
    for (node, event) in facts() {
        let fact = Stamped { at: Time(412_800), step: 1, node, event: Event::Share(event) };
        for lang in [Lang::En, Lang::Zh] {
            let told = sentence(&fact, &Names::default(), lang);
            assert!(!told.contains(&fact.event.to_string()), "in the words of the engine: {told}");
            writeln!(text, "{told}").expect("a string takes it");
        }
    }
    expect_file!["snapshots/share-sentences.txt"].assert_eq(&text);
}

#[test]
fn no_fact_of_share_groups_is_missing() {
    let kind = |event: &ShareEvent| format!("{event:?}").split(' ').next().unwrap_or_default().to_owned();
    let listed: BTreeSet<String> = facts().iter().map(|(_, event)| kind(event)).collect();
    let source = include_str!("../../core/src/observe/share_event.rs");
    let body = source.split("pub enum ShareEvent {").nth(1).and_then(|rest| rest.split("\n}").next());
    let variants = body.expect("the facts are written there").lines();
    let variants = variants.filter_map(|line| line.strip_prefix("    ")?.strip_suffix(" {"));
    let variants = variants.filter(|name| name.starts_with(char::is_uppercase));
    assert_eq!(variants.map(str::to_owned).collect::<BTreeSet<_>>(), listed);
}
