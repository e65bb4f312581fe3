//! What programs are said to do that answer, or send on what they have done, they do under many seeds.

use mqlab_core::observe::{Event, QueueEvent};
use mqlab_core::sim::{Scenario, Timeline};

/// How many seeds each claim is held against.
const SEEDS: u64 = 30;

fn ended(name: &str, seed: u64) -> Timeline {
    let scenario = Scenario::built_in(name).expect("a scenario that comes with the engine");
    let mut timeline = Timeline::new(scenario, seed).expect("it is sound");
    timeline.advance(timeline.ends_at());
    timeline
}

/// What of some kind happened, in order.
fn all<T>(timeline: &Timeline, pick: impl Fn(&Event) -> Option<T>) -> Vec<T> {
    timeline.events().iter().filter_map(|stamped| pick(&stamped.event)).collect()
}

#[test]
fn answers_find_their_requests_in_whatever_order_they_come() {
    let mut answered_twice = 0;
    for seed in 0..SEEDS {
        let run = ended("request-reply", seed);
        let counts = &run.metrics().queues;
        let mut answered = all(&run, |event| match event {
            Event::Queue(QueueEvent::Answered { request, .. }) => Some(*request),
            _ => None,
        });
        let swapped = answered.windows(2).filter(|pair| pair[0] > pair[1]).count();
        assert!(swapped >= 5, "seed {seed}: {swapped} answers overtook another");
        // Each request is answered once or given up, and nothing of the work is lost.
        let given_up = all(&run, |event| match event {
            Event::Queue(QueueEvent::GaveUpWaiting { request, .. }) => Some(*request),
            _ => None,
        });
        let late = given_up.len() as u64;
        answered.extend(given_up);
        answered.sort_unstable();
        answered.dedup();
        assert_eq!((answered.len(), counts.answered + counts.given_up), (60, 60), "seed {seed}");
        assert!(run.verdict().lost().is_empty() && run.verdict().on_their_way() == 0, "seed {seed}");
        // Whoever gives up takes nothing back: the work is done, and the answer comes late.
        assert!((2..=12).contains(&late), "seed {seed}: {late} given up");
        assert!(counts.late >= late, "seed {seed}: {} of {late} came late", counts.late);
        answered_twice += u64::from(counts.recognised > 0);
    }
    assert!(answered_twice >= SEEDS / 2, "a dying server answers twice in {answered_twice} runs of {SEEDS}");
}

#[test]
fn a_client_that_is_started_anew_waits_for_no_old_answers() {
    for seed in 0..SEEDS {
        let scenario = Scenario::built_in("request-reply").expect("it comes with the engine");
        let mut run = Timeline::new(scenario, seed).expect("it is sound");
        run.advance("300".parse().expect("a moment"));
        let waiting = run.picture(0).producers[0].waiting.len() as u64;
        run.command("crash producer-1".parse().expect("a command")).expect("it runs");
        run.command("restart producer-1".parse().expect("a command")).expect("it is down");
        run.advance(run.ends_at());
        let counts = &run.metrics().queues;
        assert!(counts.late >= waiting.max(1), "seed {seed}: {} of {waiting}", counts.late);
        assert!(counts.answered + counts.given_up < 60, "seed {seed}: what was waited for is forgotten");
    }
}
