//! What it is worth to read from the closest replica: a consumer across the ocean hears of each message earlier.

use std::collections::BTreeMap;

use mqlab_core::ids::{MessageId, NodeId};
use mqlab_core::observe::{Event, GroupEvent};
use mqlab_core::sim::{Scenario, World};
use mqlab_core::time::Time;

/// How long it takes in the mean, in microseconds, from the first time that a message is sent until the consumer has it;
/// and how often it was told to read elsewhere.
fn heard_after(read_closest: bool, seed: u64) -> (u64, usize) {
    let mut scenario = Scenario::built_in("read-from-the-closest").expect("it is built in");
    scenario.settings.read_closest = read_closest;
    scenario.actions.retain(|action| action.at == Time::ZERO); // only the ocean
    let mut world = World::new(scenario, seed).expect("it can be run");
    let (mut sent, mut took, mut redirected) = (BTreeMap::<MessageId, Time>::new(), Vec::new(), 0);
    while world.now() < Time(900_000)
        && let Some(events) = world.step()
    {
        for stamped in events {
            match (stamped.node, stamped.event) {
                (NodeId::Producer(_), Event::Sent { messages, .. }) => {
                    messages.iter().for_each(|message| _ = sent.entry(*message).or_insert(stamped.at));
                }
                (NodeId::Consumer(2), Event::Received { messages, .. }) => {
                    took.extend(messages.iter().map(|message| stamped.at.since(sent[message]).0));
                }
                (_, Event::Group(GroupEvent::ReadsFrom { replica, .. })) => {
                    assert_eq!(replica, NodeId::Broker(3));
                    redirected += 1;
                }
                _ => {}
            }
        }
    }
    assert_eq!(took.len(), 100, "seed {seed}: it reads everything, once");
    (took.iter().sum::<u64>() / 100, redirected)
}

#[test]
fn reading_next_door_is_worth_the_way_across_the_ocean() {
    for seed in 0..20 {
        let ((near, redirected), (far, never)) = (heard_after(true, seed), heard_after(false, seed));
        assert!(redirected > 0 && never == 0, "seed {seed}");
        assert!(near + 20_000 < far, "seed {seed}: {near} and {far} microseconds");
    }
}
