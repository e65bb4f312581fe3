//! Every step of every message's life in every scenario has a cause that comes before it, and the causes are the right ones.

use std::collections::BTreeSet;

use mqlab_core::ids::{MessageId, NodeId};
use mqlab_core::observe::{Event, QueueEvent, Stamped, Why, causes, life, loss};
use mqlab_core::sim::{Scenario, Timeline};

fn run(name: &str) -> Timeline {
    let scenario = Scenario::built_in(name).expect("it is built in");
    let seed = scenario.seed;
    let mut timeline = Timeline::new(scenario, seed).expect("it can be run");
    timeline.seek(timeline.ends_at());
    timeline
}

/// What each kind of step followed from, in the lives of all messages: `(effect, cause)`.
fn pairs(timeline: &Timeline, message: MessageId) -> Vec<(&Stamped, Option<&Stamped>)> {
    let events = timeline.events();
    let steps = causes(events, message, |_| true);
    let own = steps.iter().filter(|step| step.own);
    own.map(|step| {
        let cause = match step.why {
            Why::Because(cause) => Some(&events[cause]),
            Why::First | Why::NoAnswer(_) => None,
        };
        (&events[step.index], cause)
    })
    .collect()
}

fn messages(timeline: &Timeline) -> BTreeSet<MessageId> {
    timeline.events().iter().flat_map(|fact| fact.event.messages().iter().copied()).collect()
}

#[test]
fn every_step_follows_from_one_before_it() {
    for name in Scenario::names() {
        let timeline = run(name);
        let events = timeline.events();
        for message in messages(&timeline).into_iter().step_by(7) {
            let steps = causes(events, message, |node| matches!(node, NodeId::Producer(1)));
            let own: Vec<usize> = steps.iter().filter(|step| step.own).map(|step| step.index).collect();
            let life: Vec<usize> = life(events, message).map(|(index, _)| index).collect();
            assert_eq!(own, life, "{name}, {message}: the life is whole");
            assert!(steps.is_sorted_by_key(|step| step.index));
            let known: BTreeSet<usize> = steps.iter().map(|step| step.index).collect();
            for step in &steps {
                match step.why {
                    Why::First => {}
                    Why::Because(cause) | Why::NoAnswer(cause) => {
                        assert!(cause < step.index, "{name}, {message}: {}", events[step.index]);
                        assert!(known.contains(&cause), "{name}, {message}: a cause can be read, too");
                    }
                }
            }
            let first = steps.iter().filter(|step| step.own && step.why == Why::First).count();
            assert!(first <= 3, "{name}, {message}: {first} steps come from nowhere");
        }
    }
}

#[test]
fn what_is_sent_again_was_refused_lost_or_not_answered() {
    let timeline = run("duplicate-after-lost-answer");
    let mut again = 0;
    for message in messages(&timeline) {
        for step in causes(timeline.events(), message, |_| true) {
            let fact = &timeline.events()[step.index];
            if !matches!(fact.event, Event::Sent { attempt: 2.., .. }) {
                continue;
            }
            again += 1;
            assert_ne!(step.why, Why::First, "{fact}");
        }
    }
    assert!(again > 0);
}

#[test]
fn a_message_comes_again_because_its_consumer_failed_or_died() {
    let timeline = run("poison-message");
    let pairs: Vec<_> = messages(&timeline)
        .into_iter()
        .flat_map(|message| {
            pairs(&timeline, message)
                .into_iter()
                .map(|(fact, cause)| (fact.event.clone(), cause.map(|cause| cause.event.clone())))
                .collect::<Vec<_>>()
        })
        .collect();
    let requeued = |event: &Event| matches!(event, Event::Requeued { .. });
    let failed = |event: &Event| matches!(event, Event::Queue(QueueEvent::Failed { .. }) | Event::Crashed);
    assert!(pairs.iter().any(|(fact, cause)| requeued(fact) && cause.as_ref().is_some_and(failed)));
    let redelivered = |event: &Event| matches!(event, Event::Delivered { delivery: 2.., .. });
    let again: Vec<_> = pairs.iter().filter(|(fact, _)| redelivered(fact)).collect();
    assert!(!again.is_empty());
    assert!(again.iter().all(|(_, cause)| cause.as_ref().is_some_and(requeued)));
    // A dead letter is stored where it is because it died where it was.
    let died = |event: &Event| matches!(event, Event::Queue(QueueEvent::Died { .. }));
    let buried = pairs
        .iter()
        .any(|(fact, cause)| matches!(fact, Event::Appended { .. }) && cause.as_ref().is_some_and(died));
    assert!(buried);
}

#[test]
fn what_was_lost_was_lost_by_the_election_of_who_has_not_got_it() {
    let timeline = run("kill-the-leader-acks-1");
    let lost: Vec<MessageId> = timeline.verdict().lost().iter().copied().collect();
    assert!(!lost.is_empty());
    for message in lost {
        let index = loss(timeline.events(), message).expect("it is known");
        let Event::Elected { leader: Some(leader), .. } = timeline.events()[index].event else {
            panic!("{}", timeline.events()[index]);
        };
        assert_ne!(leader, NodeId::Broker(1), "the dead one had it");
        assert!(pairs(&timeline, message).iter().any(|(fact, cause)| {
            matches!(fact.event, Event::Truncated { .. })
                && cause.is_some_and(|cause| matches!(cause.event, Event::Elected { .. }))
        }));
    }
}
