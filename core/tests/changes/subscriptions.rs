//! Durable subscriptions that are ended by hand: only while nobody reads them, for good, and with what they kept.

use mqlab_core::ids::NodeId;
use mqlab_core::observe::{Event, QueueEvent};
use mqlab_core::sim::{Command, Scenario, Timeline};
use mqlab_core::time::Time;

use super::{give, happened, processed, refusal};

const QUEUE: &str = "amq.sub.5.loyal.loyal";

/// A paper is published each 5 ms from 45 ms on; its two readers are away from 120 to 220 ms.
fn away() -> Timeline {
    let scenario = Scenario::built_in("away").expect("it is built in");
    Timeline::new(scenario, 16).expect("it can be run")
}

/// How many messages the subscription keeps, if it is there.
fn keeps(timeline: &Timeline) -> Option<usize> {
    let picture = timeline.picture(100);
    let mut strips = picture.brokers.iter().flat_map(|broker| &broker.strips);
    strips.find(|strip| strip.place.to_string() == QUEUE).map(|strip| strip.cells.len())
}

fn dropped(timeline: &Timeline) -> Option<usize> {
    let past = &timeline.events()[..timeline.happened()];
    past.iter().find_map(|fact| match &fact.event {
        Event::Queue(QueueEvent::Dropped { queue, messages }) if queue.as_str() == QUEUE => {
            assert_eq!(fact.node, NodeId::Broker(1));
            Some(messages.len())
        }
        _ => None,
    })
}

#[test]
fn a_subscription_that_nobody_reads_ends_with_what_it_kept() {
    let mut untouched = away();
    untouched.advance(untouched.ends_at());
    let mut timeline = away();
    timeline.advance(Time(200_999));
    let kept = keeps(&timeline).expect("it keeps what comes while its reader is away");
    assert!(kept > 10, "{kept}");
    give(&mut timeline, 201, "drop-subscription loyal loyal");
    assert_eq!(dropped(&timeline), Some(kept));
    assert_eq!(keeps(&timeline), None);
    assert_eq!(
        refusal(&mut timeline, "drop-subscription loyal loyal"),
        "there is no durable subscription loyal, or none of that client",
        "it is gone"
    );
    timeline.advance(timeline.ends_at());
    // Its reader came back, and began anew.
    assert!(keeps(&timeline).is_some());
    let (had, has) = (processed(&untouched, 1), processed(&timeline, 1));
    assert!(had >= 60 && has + 12 < had, "{had} {has}");
    let verdict = timeline.verdict();
    assert!(verdict.lost().is_empty(), "as somebody wanted: {:?}", verdict.lost());
    assert!(verdict.dropped().len() > 10, "nobody had them: {:?}", verdict.dropped());
}

#[test]
fn it_cannot_end_while_somebody_reads_it_or_its_broker_cannot_do_it() {
    let mut timeline = away();
    timeline.advance(Time(80_000));
    for (text, why) in [
        ("drop-subscription loyal loyal", "consumer-1 reads the subscription loyal: let it leave first"),
        ("drop-subscription loyal", "there is no durable subscription loyal, or none of that client"),
        ("drop-subscription loyal shop", "there is no durable subscription loyal, or none of that client"),
        ("drop-subscription casual", "there is no durable subscription casual, or none of that client"),
    ] {
        assert_eq!(refusal(&mut timeline, text), why, "{text}");
    }
    give(&mut timeline, 90, "leave consumer-1");
    timeline.advance(Time(110_000));
    assert!(keeps(&timeline).is_some_and(|kept| kept > 0), "it outlives its reader");
    give(&mut timeline, 111, "freeze broker-1");
    assert_eq!(refusal(&mut timeline, "drop-subscription loyal loyal"), "broker-1 stands still already");
    give(&mut timeline, 112, "thaw broker-1");
    give(&mut timeline, 113, "crash broker-1");
    assert_eq!(refusal(&mut timeline, "drop-subscription loyal loyal"), "broker-1 is down already");
    give(&mut timeline, 114, "restart broker-1");
    give(&mut timeline, 115, "drop-subscription loyal loyal");
    assert_eq!(keeps(&timeline), None);
}

#[test]
fn what_ended_stays_ended_when_its_broker_loses_power() {
    let mut timeline = away();
    give(&mut timeline, 150, "drop-subscription loyal loyal");
    give(&mut timeline, 151, "cut-power broker-1");
    give(&mut timeline, 160, "restart broker-1");
    timeline.advance(Time(200_000));
    assert_eq!(keeps(&timeline), None, "it was flushed before anybody was told");
    timeline.advance(timeline.ends_at());
    assert!(timeline.verdict().lost().is_empty());
}

#[test]
fn a_schedule_can_end_it_and_undo_takes_that_back() {
    let mut scenario = Scenario::built_in("away").expect("it is built in");
    scenario.actions.push("150 drop-subscription loyal loyal".parse().expect("an action"));
    scenario.actions.sort_by_key(|action| action.at);
    let json = serde_json::to_string(&scenario).expect("plain data");
    assert!(json.contains(r#""drop_subscription":{"name":"loyal","client":"loyal"}"#), "{json}");
    let mut planned =
        Timeline::new(Scenario::from_json(&json).expect("it was written so"), 16).expect("it runs");
    planned.advance(Time(200_000));
    assert!(dropped(&planned).is_some_and(|messages| messages > 0));
    scenario.actions.push("160 drop-subscription audit shop".parse().expect("an action"));
    let error = scenario.check().expect_err("nobody has that").to_string();
    assert!(error.contains("there is no durable subscription audit"), "{error}");

    let mut timeline = away();
    give(&mut timeline, 150, "drop-subscription loyal loyal");
    timeline.undo().expect("a command was given");
    timeline.advance(Time(200_000));
    assert!(keeps(&timeline).is_some_and(|kept| kept > 10), "as if nothing had been said");
    assert!(happened(&timeline, |event| matches!(event, Event::Changed(_))).is_none());
}

/// Whatever the disk is at: nothing that its broker wanted to say before is lost by it.
#[test]
fn a_broker_that_waits_for_its_disk_ends_it_all_the_same() {
    // It has noticed by then that its reader is gone.
    for at in 145..185 {
        let mut timeline = away();
        give(&mut timeline, 100, "disk broker-1 slow 7");
        timeline.advance(Time(at * 1_000 - 1));
        timeline
            .command("drop-subscription loyal loyal".parse::<Command>().expect("a command"))
            .expect("nobody reads it");
        timeline.advance(timeline.ends_at());
        assert!(dropped(&timeline).is_some(), "at {at}");
        let verdict = timeline.verdict();
        assert!(verdict.lost().is_empty(), "at {at}: {:?}", verdict.lost());
        let sent = |event: &Event| matches!(event, Event::Sent { attempt, .. } if *attempt > 1);
        assert!(happened(&timeline, sent).is_none(), "at {at}: every answer came");
    }
}
