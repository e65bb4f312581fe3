//! The ways between nodes: what a cut, a loss, a double and a delay do to a connection, and to whom.

use mqlab_core::observe::Parcel;
use mqlab_core::time::Span;

use super::*;

fn broke(timeline: &Timeline) -> Vec<(NodeId, NodeId, Time)> {
    let events = timeline.events().iter();
    events
        .filter_map(|fact| match fact.event {
            Event::Fault(FaultEvent::Broke { peer }) => Some((fact.node, peer, fact.at)),
            _ => None,
        })
        .collect()
}

fn count(timeline: &Timeline, what: impl Fn(&Event) -> bool) -> usize {
    timeline.events().iter().filter(|fact| what(&fact.event)).count()
}

#[test]
fn a_cut_one_way_stops_one_way_and_the_connection_ends_when_it_heals() {
    let timeline = run(queue(&["57.5 cut producer-1 to broker-1", "100 heal producer-1 to broker-1"]));
    let appended = facts(&timeline, BROKER, 58, 100);
    assert!(!appended.iter().any(|fact| matches!(fact.event, Event::Appended { .. })), "nothing comes");
    // What had come before is still delivered and settled: the other ways are whole.
    assert!(appended.iter().any(|fact| matches!(fact.event, Event::Settled { .. })));
    assert_eq!(broke(&timeline), [(BROKER, SHOP, Time(100_000))]);
    all_came(&timeline);
    assert!(timeline.verdict().is_clean(), "nothing was stored, so nothing is stored twice");
}

#[test]
fn a_cut_the_other_way_loses_answers_and_so_doubles() {
    let timeline = run(queue(&["60 cut broker-1 to producer-1", "300 heal broker-1 to producer-1"]));
    let appended = facts(&timeline, BROKER, 61, 300);
    let twice = appended.iter().any(|fact| matches!(&fact.event, Event::Appended { .. }));
    assert!(twice, "requests come through, and the same again when no answer comes");
    let verdict = timeline.verdict();
    assert_eq!((verdict.sent(), verdict.delivered(), verdict.lost().len()), (50, 50, 0));
    assert!(!verdict.doubled().is_empty(), "at least once");
}

#[test]
fn deliveries_never_go_on_behind_a_gap() {
    let timeline = run(queue(&["60 cut broker-1 to consumer-1", "90 heal broker-1 to consumer-1"]));
    assert_eq!(broke(&timeline).len(), 1);
    let lost = |fault: &&FaultEvent| matches!(fault, FaultEvent::Lost { what: Parcel::Delivery, .. });
    assert!(faults(&timeline).iter().any(lost), "the cut swallowed deliveries");
    // Each message is received for the first time in the order of the queue.
    let mut first: Vec<MessageId> = Vec::new();
    for (_, message) in received(&timeline, WORKER) {
        if !first.contains(&message) {
            first.push(message);
        }
    }
    assert!(first.is_sorted(), "{first:?}");
    all_came(&timeline);
}

#[test]
fn a_cut_that_met_nothing_breaks_nothing() {
    let timeline = run(queue(&["900 cut producer-1 and broker-1", "901 heal producer-1 and broker-1"]));
    assert_eq!(broke(&timeline), []);
    assert!(timeline.verdict().is_clean());
}

#[test]
fn a_cut_hides_that_a_process_died() {
    let lines =
        ["60 cut broker-1 to consumer-1", "80 crash broker-1", "100 restart broker-1", "500 heal everywhere"];
    let timeline = run(queue(&lines));
    all_came(&timeline);
}

#[test]
fn a_cut_between_leader_and_follower_shrinks_the_set_in_sync_and_loses_nothing() {
    let timeline =
        run(topic(Acks::All, false, &["60 cut broker-1 and broker-3", "500 heal broker-1 and broker-3"]));
    let sets: Vec<usize> = timeline
        .events()
        .iter()
        .filter_map(|fact| match &fact.event {
            Event::InSync { replicas, .. } => Some(replicas.len()),
            _ => None,
        })
        .collect();
    assert!(sets.contains(&2) && sets.last() == Some(&3), "{sets:?}");
    all_came(&timeline);
}

#[test]
fn a_leader_cut_off_from_the_controller_is_replaced_though_it_lives() {
    let lines = ["60 cut broker-1 and controller", "600 heal broker-1 and controller"];
    let timeline = run(topic(Acks::All, false, &lines));
    assert!(count(&timeline, |event| matches!(event, Event::Fenced { broker } if *broker == BROKER)) == 1);
    all_came(&timeline);
}

#[test]
fn a_lost_acknowledgement_is_a_message_twice() {
    let timeline = run(queue(&["60 lose-next broker-1 to producer-1"]));
    let lost = faults(&timeline).into_iter().filter(|fault| matches!(fault, FaultEvent::Lost { .. }));
    let lost: Vec<_> = lost.collect();
    assert!(
        matches!(lost[..], [FaultEvent::Lost { to: SHOP, what: Parcel::Answer, .. }]),
        "one answer, and nothing else: {lost:?}"
    );
    assert_eq!(broke(&timeline).len(), 1, "a connection does not outlive what it lost");
    assert_eq!(timeline.verdict().doubled().len(), 1);
    all_came(&timeline);
}

#[test]
fn a_lost_request_is_sent_again() {
    let timeline = run(queue(&["60 lose-next producer-1 to broker-1"]));
    let again = count(&timeline, |event| matches!(event, Event::Sent { attempt: 2, .. }));
    assert!((1..=2).contains(&again), "{again}");
    all_came(&timeline);
    assert!(timeline.verdict().is_clean());
}

#[test]
fn loss_everywhere_loses_nothing_of_a_queue() {
    let timeline = run(Scenario {
        ends_at: Time(6_000_000),
        ..queue(&["20 lose everywhere 80", "900 heal everywhere"])
    });
    let lost = count(&timeline, |event| matches!(event, Event::Fault(FaultEvent::Lost { .. })));
    assert!(lost > 10, "{lost}");
    let verdict = timeline.verdict();
    assert_eq!((verdict.sent(), verdict.delivered(), verdict.lost().len()), (50, 50, 0));
}

#[test]
fn what_belongs_to_a_session_comes_once_and_in_order() {
    let mut plain = run(queue(&[]));
    plain.seek(plain.ends_at());
    let timeline = run(queue(&["20 duplicate everywhere 1000", "21 reorder everywhere 1000"]));
    let doubled = |event: &Event| matches!(event, Event::Fault(FaultEvent::Doubled { messages, .. }) if !messages.is_empty());
    assert_eq!(count(&timeline, doubled), 0);
    assert!(timeline.verdict().is_clean());
    all_came(&timeline);
}

#[test]
fn what_stands_by_itself_comes_twice_and_late() {
    let twice = run(topic(Acks::All, false, &["60 duplicate-next producer-1 to broker-1"]));
    assert_eq!(
        twice.verdict().doubled().len(),
        1,
        "a request stored twice, by a broker that does not know it again"
    );
    all_came(&twice);

    let all = run(topic(Acks::All, false, &["20 duplicate everywhere 1000", "600 heal everywhere"]));
    let doubled = count(&all, |event| matches!(event, Event::Fault(FaultEvent::Doubled { .. })));
    assert!(doubled > 100, "{doubled}");
    all_came(&all);

    let late = run(topic(Acks::All, false, &["20 reorder everywhere 500", "600 heal everywhere"]));
    let held = count(&late, |event| matches!(event, Event::Fault(FaultEvent::HeldUp { .. })));
    assert!(held > 100, "{held}");
    all_came(&late);
}

#[test]
fn a_slow_link_is_slow_one_way_and_keeps_order() {
    let timeline = run(queue(&["60 slow producer-1 to broker-1 20", "120 heal everywhere"]));
    let arrival = |fact: &&&Stamped| matches!(fact.event, Event::Appended { .. });
    let sent =
        facts(&timeline, SHOP, 61, 120).into_iter().find(|fact| matches!(fact.event, Event::Sent { .. }));
    let sent = sent.expect("it sends").at;
    let came = facts(&timeline, BROKER, 62, 160);
    let came =
        came.iter().filter(arrival).find(|fact| fact.at > sent + Span::from_millis(2)).expect("it comes").at;
    assert_eq!(came.since(sent), Span::from_millis(21), "a millisecond as ever, and twenty");
    assert!(timeline.verdict().is_clean());
    all_came(&timeline);
}

#[test]
fn what_is_late_does_not_come_after_its_sender_has_died() {
    // Every fetch of a follower is held up, and it dies with some on their way: none comes from its earlier life.
    let lines = [
        "60 reorder broker-2 to broker-1 1000",
        "90 crash broker-2",
        "91 restart broker-2",
        "300 heal everywhere",
    ];
    let timeline = run(topic(Acks::All, false, &lines));
    let mut world = timeline.clone();
    world.seek(Time(90_000));
    let late = |picture: mqlab_core::sim::picture::Picture| {
        picture
            .packets
            .iter()
            .filter(|packet| packet.from == NodeId::Broker(2) && packet.to == BROKER)
            .count()
    };
    assert_eq!(late(world.picture(0)), 0);
    all_came(&timeline);
}

#[test]
fn the_picture_shows_who_stands_still_and_what_is_cut() {
    let mut timeline =
        run(queue(&["60 freeze consumer-1", "61 cut broker-1 to consumer-1", "100 heal everywhere"]));
    timeline.seek(Time(80_000));
    let picture = timeline.picture(4);
    assert_eq!((picture.frozen, picture.cut), (vec![WORKER], vec![(BROKER, WORKER)]));
    timeline.seek(Time(110_000));
    assert_eq!(timeline.picture(4).cut, []);
}
