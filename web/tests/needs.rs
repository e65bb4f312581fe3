//! The decision aid: does each run show what its answer says?
#![cfg(not(target_arch = "wasm32"))]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use expect_test::expect_file;
use mqlab_core::ids::{MessageId, NodeId};
use mqlab_core::observe::Event;
use mqlab_core::sim::compare::{Contender, Mishap, Outcome, Plan, Row, Workload};
use mqlab_core::sim::swarm::Trial;
use mqlab_core::sim::{PageLink, Scenario, SystemName, Timeline};
use mqlab_core::time::{Span, Time};
use mqlab_web::compare::needs::{Shown, markdown, shown};
use mqlab_web::compare::panel::NeedsPart;
use mqlab_web::compare::{CompareDesk, Visitor};
use mqlab_web::text::Lang;
use mqlab_web::text::needs::{NEEDS, Serves};

/// What came of a run, message by message.
#[derive(Default)]
struct Came {
    sent: BTreeMap<MessageId, Time>,
    /// When each was received for the first time.
    received: BTreeMap<MessageId, Time>,
    /// Who processed what.
    processed: BTreeMap<NodeId, BTreeSet<MessageId>>,
    /// How often each was processed.
    times: BTreeMap<MessageId, usize>,
    reordered: usize,
    lost: usize,
    acknowledged: u64,
    delivered: u64,
}

impl Came {
    /// How many messages were processed more than once.
    fn again(&self) -> usize {
        self.times.values().filter(|times| **times > 1).count()
    }
}

fn scenario(need: &str, of: SystemName) -> Option<Scenario> {
    match shown(need, of) {
        Shown::BuiltIn(name) => Scenario::built_in(name),
        Shown::Small(name, json) => {
            let scenario = Scenario::from_json(json).unwrap_or_else(|why| panic!("{name}: {why}"));
            assert_eq!(scenario.name, name);
            Some(scenario)
        }
        Shown::Compared(_) | Shown::Nothing => None,
    }
}

fn run(scenario: &Scenario) -> Came {
    let mut timeline = Timeline::new(scenario.clone(), scenario.seed).expect("it can be run");
    timeline.advance(timeline.ends_at());
    let mut came = Came::default();
    for fact in timeline.events() {
        match &fact.event {
            Event::Sent { messages, .. } => {
                for message in messages {
                    came.sent.entry(*message).or_insert(fact.at);
                }
            }
            Event::Received { messages, .. } => {
                for message in messages {
                    came.received.entry(*message).or_insert(fact.at);
                }
            }
            Event::Processed { messages, .. } => {
                came.processed.entry(fact.node).or_default().extend(messages.iter().copied());
                for message in messages {
                    *came.times.entry(*message).or_default() += 1;
                }
            }
            _ => {}
        }
    }
    let verdict = timeline.verdict();
    came.reordered = verdict.reordered().len();
    came.lost = verdict.lost().len();
    (came.acknowledged, came.delivered) = (verdict.acknowledged(), verdict.delivered());
    came
}

/// A run shows the system that it is said of. Of two answers the lab has its own broker alone, and their words say it.
#[test]
fn each_run_is_of_its_system() {
    for need in NEEDS {
        for (of, answer) in SystemName::ALL.into_iter().zip(need.answers) {
            let Some(scenario) = scenario(need.name, of) else { continue };
            let plays = match &scenario.system {
                Some(spec) => Some(spec.system()),
                None => (!scenario.topics.is_empty()).then_some(SystemName::Kafka),
            };
            let says = answer.by.en.ends_with("(the run: the lab’s own broker)")
                && answer.by.zh.ends_with("（运行的是实验台自带的 broker）");
            assert_eq!(plays.is_none(), says, "{}, {of:?}", need.name);
            assert!(plays.is_none_or(|plays| plays == of), "{}, {of:?}: {plays:?}", need.name);
        }
    }
}

fn serves(need: &str, of: SystemName) -> Serves {
    let need = NEEDS.iter().find(|other| other.name == need).expect("it is asked about");
    let place = SystemName::ALL.iter().position(|other| *other == of).expect("it is one of five");
    need.answers[place].serves
}

/// What came of the runs that show a need, system by system.
fn runs(need: &'static str) -> impl Iterator<Item = (SystemName, Scenario, Came)> {
    SystemName::ALL.into_iter().filter_map(move |of| {
        let scenario = scenario(need, of)?;
        let came = run(&scenario);
        Some((of, scenario, came))
    })
}

#[test]
fn one_key_stays_in_order_while_several_readers_work() {
    for (of, _, came) in runs("order-per-key") {
        assert_eq!((came.reordered, came.lost), (0, 0), "{of:?}");
        assert_eq!(came.delivered, came.sent.len() as u64, "{of:?}");
        let readers = came.processed.values().filter(|messages| messages.len() >= 5).count();
        assert!(readers >= 2, "{of:?}: {readers} readers");
    }
}

#[test]
fn who_comes_later_reads_what_was_there() {
    for (of, scenario, came) in runs("replay") {
        let again = came.again();
        if serves("replay", of) == Serves::No {
            let late = NodeId::Consumer(scenario.consumers.len() as u16);
            assert_eq!((again, came.processed.get(&late)), (0, None), "{of:?}");
        } else {
            assert!(again * 2 >= came.sent.len(), "{of:?}: {again} of {} read again", came.sent.len());
        }
        assert_eq!(came.lost, 0, "{of:?}");
    }
}

#[test]
fn each_message_comes_to_several_applications() {
    for (of, _, came) in runs("fan-out") {
        for message in came.sent.keys() {
            let readers = came.processed.values().filter(|messages| messages.contains(message)).count();
            assert!(readers >= 2, "{of:?}: {message} came to {readers}");
        }
    }
}

#[test]
fn a_message_waits_for_its_time() {
    let (soon, long) = (Span::from_millis(50), Span::from_millis(200));
    for (of, scenario, came) in runs("delay") {
        assert_eq!(came.delivered, came.sent.len() as u64, "{of:?}");
        let waits: Vec<Span> =
            came.sent.iter().map(|(message, sent)| came.received[message].since(*sent)).collect();
        if serves("delay", of) == Serves::No {
            assert!(waits.iter().all(|wait| *wait < soon), "{of:?}: {waits:?}");
            continue;
        }
        assert!(waits.iter().any(|wait| *wait >= long), "{of:?}: {waits:?}");
        let delays = &scenario.producers[0].message.delays;
        for (wait, delay) in waits.iter().zip(delays.iter().cycle()).filter(|_| !delays.is_empty()) {
            assert!((*delay..delay + soon.0).contains(&wait.0), "{of:?}: {wait:?} in place of {delay}");
        }
    }
}

#[test]
fn what_belongs_together_comes_together_or_not_at_all() {
    for (of, scenario, came) in runs("transactions") {
        let trial = Trial::of(&scenario, scenario.seed).expect("it can be run");
        let broken: Vec<String> = trial.broken().map(|judged| judged.promised.to_string()).collect();
        assert!(!trial.judged.is_empty() && broken.is_empty(), "{of:?}: {broken:?}");
        if of == SystemName::RocketMq {
            let undone = came.sent.len() - came.received.len();
            assert!(undone >= 5 && came.delivered == came.acknowledged, "{of:?}: {undone} undone");
        }
    }
}

fn row(workload: &Workload, contender: Contender, mishap: Mishap, seeds: u64) -> Row {
    let run = |seed| Outcome::run(workload, contender, mishap, seed).expect("it can be run");
    Row::of(&(1..=seeds).map(run).collect::<Vec<_>>()).remove(0)
}

fn compared(need: &str, of: SystemName) -> Plan {
    let Shown::Compared(plan) = shown(need, of) else { panic!("{need} is compared") };
    assert_eq!(Plan::read(&plan.write()).as_ref(), Ok(&*plan), "its link leads to it");
    assert_eq!(plan.contenders[0], Contender::usual(of));
    *plan
}

#[test]
fn who_carries_a_hundred_thousand_a_second_does() {
    for of in SystemName::ALL {
        let plan = compared("throughput", of);
        let rate = |contender| row(&plan.workload, contender, Mishap::None, 1).per_second;
        let rates: Vec<u64> = plan.contenders.iter().copied().map(rate).collect();
        match serves("throughput", of) {
            Serves::No => assert!(rates.iter().all(|rate| *rate < 100_000), "{of:?}: {rates:?}"),
            _ => assert!(rates[0] >= 100_000, "{of:?}: {rates:?}"),
        }
    }
}

#[test]
fn who_is_quick_is_quick_and_with_what() {
    let millisecond = Span::from_millis(1);
    for of in SystemName::ALL {
        let plan = compared("latency", of);
        let half = |contender| row(&plan.workload, contender, Mishap::None, 1).p50;
        let halves: Vec<Span> = plan.contenders.iter().copied().map(half).collect();
        match serves("latency", of) {
            Serves::Yes => assert!(halves[0] < millisecond, "{of:?}: {halves:?}"),
            Serves::With => {
                assert!(halves[0] >= millisecond && halves[1] < millisecond, "{of:?}: {halves:?}")
            }
            other => panic!("{of:?}: {other:?}"),
        }
    }
}

#[test]
fn who_loses_nothing_loses_nothing() {
    for of in SystemName::ALL {
        let plan = compared("loss", of);
        let lost = |mishap: &Mishap| row(&plan.workload, plan.contenders[0], *mishap, plan.seeds).lost;
        let lost: u64 = plan.mishaps.iter().map(lost).sum();
        assert_eq!(lost > 0, serves("loss", of) == Serves::No, "{of:?}: {lost} lost");
    }
}

fn part(desk: &mut CompareDesk) -> NeedsPart {
    desk.panel(0.0).and_then(|panel| panel.needs).expect("it has changed")
}

#[test]
fn ticking_says_who_serves_all_of_it_and_answers_lead_there() {
    let mut desk =
        CompareDesk::new(&Visitor { query: "?lang=en".into(), languages: "en".into(), ..Visitor::default() });
    let first = part(&mut desk);
    assert!(first.answer.is_empty() && first.systems.iter().all(|(_, chosen)| !chosen));
    for (need, answers) in NEEDS.iter().zip(&first.needs) {
        for (of, answer) in SystemName::ALL.into_iter().zip(&answers.answers) {
            match shown(need.name, of) {
                Shown::Nothing => assert!(answer.link.is_empty() && answer.serves == "unplayed"),
                Shown::Compared(plan) => {
                    let query = answer.link.strip_prefix("compare.html").expect("the page that compares");
                    assert_eq!(Plan::read(query), Ok(*plan));
                }
                _ => {
                    let link = PageLink::read(&answer.link).expect("the lab takes it");
                    let led = match (link.run, link.scenario) {
                        (Some(packed), _) => Scenario::unpack(&packed).ok(),
                        (None, name) => name.and_then(|name| Scenario::built_in(&name)),
                    };
                    assert_eq!(led, scenario(need.name, of));
                }
            }
        }
    }
    desk.act("need", "replay");
    assert_eq!(part(&mut desk).answer, "All of that: RabbitMQ, RocketMQ, Kafka, Pulsar.");
    desk.act("need", "delay");
    assert_eq!(part(&mut desk).answer, "All of that: RabbitMQ, RocketMQ, Pulsar.");
    desk.act("need", "throughput");
    desk.act("lang", "");
    assert_eq!(part(&mut desk).answer, "全部满足：RocketMQ、Pulsar。");
    for name in ["replay", "delay", "throughput"] {
        desk.act("need", name);
    }
    assert!(part(&mut desk).answer.is_empty());
}

/// The small scenarios are files that somebody may run; none lies about unused.
#[test]
fn the_documents_say_the_same() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = std::fs::read_dir(root.join("needs")).expect("they are there");
    let files: BTreeSet<String> =
        files.map(|file| file.expect("it can be read").file_name().to_string_lossy().into_owned()).collect();
    let used = NEEDS.iter().flat_map(|need| SystemName::ALL.map(|of| shown(need.name, of)));
    let used: BTreeSet<String> = used
        .filter_map(|shown| match shown {
            Shown::Small(name, _) => Some(format!("{name}.json")),
            _ => None,
        })
        .collect();
    assert_eq!(files, used);
    expect_file![root.join("../docs/choosing.md")].assert_eq(&markdown(Lang::En));
    expect_file![root.join("../docs/choosing.zh-CN.md")].assert_eq(&markdown(Lang::Zh));
}
