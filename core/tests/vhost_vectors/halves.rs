//! Half messages: section Q-6.

use super::*;
use mqlab_core::queue::Overflow;
use mqlab_core::vhost::{CHECKS_MAX, Decision, HalfId};

fn begin(host: &mut Host, now: Time, text: &str) -> HalfId {
    host.begin_half(now, "", "q", Message::new(text.to_owned())).expect("taken")
}

fn decide(host: &mut Host, now: Time, id: HalfId, decision: Decision) {
    host.decide_half(now, id, decision).expect("undecided");
}

#[test]
fn decided_in_time() {
    let mut host = host("q");
    let [kept, undone, open] = ["kept", "undone", "open"].map(|text| begin(&mut host, START, text));
    assert_eq!((held(&host, "q"), host.queues().count()), (0, 1), "nobody sees it");
    decide(&mut host, START, open, Decision::Unknown);
    decide(&mut host, START, undone, Decision::Rollback);
    decide(&mut host, START, kept, Decision::Commit);
    assert_eq!(ready(&mut host, START, "q"), "kept");
    for id in [kept, undone, HalfId(99)] {
        assert_eq!(host.decide_half(START, id, Decision::Commit).expect_err("decided").code(), 406);
    }
    assert_eq!(host.halves().collect::<Vec<_>>(), [open]);
    let mut host = restarted(host, START);
    assert_eq!(host.halves().collect::<Vec<_>>(), [open]);
    decide(&mut host, START, open, Decision::Commit);
    assert_eq!(ready(&mut host, START, "q"), "kept open");
    assert_eq!(restarted(host, START).halves().count(), 0);
}

#[test]
fn asked_about_after_six_seconds_then_every_thirty_and_given_up_after_fifteen() {
    let mut host = host("q");
    let id = begin(&mut host, START, "m");
    let mut asked = Vec::new();
    // A restart in between: it is asked about again after six seconds, and the earlier times count.
    for (restart, checks) in [(false, 4), (true, CHECKS_MAX)] {
        let start = if restart { ms(100_000) } else { START };
        if restart {
            host.commit().expect("written");
            host = restarted(host, start);
        }
        while asked.len() < checks as usize {
            let at = host.next_wakeup().expect("it is undecided");
            run_until(&mut host, at);
            let said = said(&mut host);
            assert_eq!(said, format!("check:{}:{}:m", id.0, asked.len() + 1));
            asked.push(at.since(start).0 / 1_000_000);
        }
    }
    let thirty = |n: u64| 6 + 30 * n;
    let expected: Vec<u64> = (0..4).map(thirty).chain((0..11).map(thirty)).collect();
    assert_eq!(asked, expected, "in seconds");
    let at = host.next_wakeup().expect("the last time");
    run_until(&mut host, at);
    assert_eq!((said(&mut host).as_str(), host.halves().count(), host.next_wakeup()), ("", 0, None));
    assert_eq!(host.decide_half(at, id, Decision::Commit).expect_err("given up").code(), 406);
    let mut host = restarted(host, at);
    assert_eq!(ready(&mut host, at, "amq.half-discarded"), "m");
    assert_eq!(held(&host, "q"), 0);
}

#[test]
fn what_a_message_wants_begins_when_it_is_published() {
    let mut host = host("q");
    let wants =
        Message::new("m").with_ttl(span(1_000)).with_delay(span(500)).with_priority(3).with_header("a", 1);
    let id = host.begin_half(START, "", "q", wants.clone().transient()).expect("taken");
    host.flush().expect("flushed");
    let mut host = restarted(host, START);
    run_until(&mut host, ms(10_000));
    assert_eq!(said(&mut host), format!("check:{}:1:m", id.0));
    decide(&mut host, ms(10_000), id, Decision::Commit);
    assert_eq!(host.halves().count(), 0);
    assert!(host.receive(ms(10_000), "q").expect("there").is_none(), "it waits");
    run_until(&mut host, ms(10_500));
    let got = host.receive(ms(10_500), "q").expect("there").expect("it is due").message;
    assert_eq!((got.ttl(), got.priority(), got.headers()), (wants.ttl(), Some(3), wants.headers()));
    assert!(got.is_transient());

    // One that nobody decides is there for whoever looks, whenever that is.
    host.set_check_times(span(1), Span::ZERO);
    host.begin_half(ms(20_000), "", "q", wants).expect("taken");
    run_until(&mut host, ms(90_000));
    assert_eq!(ready(&mut host, ms(90_000), "amq.half-discarded"), "m");
}

#[test]
fn it_stays_undecided_where_it_cannot_be_published() {
    let mut host = host("");
    for (queue, overflow) in [("blocks", Overflow::Block), ("refuses", Overflow::RejectPublish)] {
        declare(&mut host, queue, QueueOptions { length_max: Some(1), overflow, ..QueueOptions::default() });
        send(&mut host, START, queue, "first");
        let id = host.begin_half(START, "", queue, Message::new("half")).expect("taken");
        assert_eq!(host.decide_half(START, id, Decision::Commit).expect_err("no room").code(), 506);
        assert_eq!(host.halves().collect::<Vec<_>>(), [id]);
        take(&mut host, START, queue, 1);
        decide(&mut host, START, id, Decision::Commit);
        assert_eq!((ready(&mut host, START, queue).as_str(), host.halves().count()), ("half", 0));
    }
    let unknown = host.begin_half(START, "nowhere", "k", Message::new("m")).expect_err("no exchange");
    let reserved = Message::new("m").with_header("mq-ttl", 1);
    assert_eq!(unknown.code(), 404);
    assert!(host.begin_half(START, "", "q", reserved).is_err());
    assert_eq!(host.halves().count(), 0);
}
