//! What is promised, and what takes a promise away: a row for each rule.

use super::running::one;
use super::*;
use mqlab_core::sim::{Settles, SourceSpec, SystemSource, SystemSpec, SystemTarget, TargetSpec};
use mqlab_core::systems::activemq::JournalSync;
use mqlab_core::time::Time;

use Promise::{Answered, AtLeastOnce, AtMostOnce, InOrder, NotLost};

fn made(scenario: &Scenario) -> Vec<Promise> {
    assert_eq!(scenario.check(), Ok(()));
    scenario.promises(1).into_iter().map(|promised| promised.promise).collect()
}

/// One consumer, and nothing that goes wrong.
fn calm() -> Scenario {
    let mut calm = one();
    calm.consumers.truncate(1);
    calm
}

fn acting(actions: &[&str]) -> impl Fn(&mut Scenario) {
    let actions: Vec<_> = actions.iter().map(|action| action.parse().expect("an action")).collect();
    move |scenario| scenario.actions.clone_from(&actions)
}

type Row<'a> = (&'a str, Box<dyn Fn(&mut Scenario)>, &'a [Promise]);

#[test]
fn each_rule_takes_what_it_says() {
    let all = [NotLost, InOrder, Answered, AtLeastOnce, AtMostOnce];
    assert_eq!(made(&calm()), all);
    let rows: Vec<Row<'_>> = vec![
        (
            "acknowledged before",
            Box::new(|s| s.consumers[0].program.settles = Settles::Before),
            &[NotLost, AtLeastOnce],
        ),
        (
            "transient",
            Box::new(|s| s.producers[0].message.transient = true),
            &[NotLost, InOrder, Answered, AtLeastOnce],
        ),
        (
            "asynchronous",
            Box::new(|s| {
                let TargetSpec::System(SystemTarget::Activemq(to)) = &mut s.producers[0].to else {
                    panic!("ActiveMQ")
                };
                to.use_async_send = true;
            }),
            &[NotLost, InOrder, Answered, AtLeastOnce],
        ),
        ("fails", Box::new(|s| s.consumers[0].program.fails_per_mille = 50), &[InOrder, AtLeastOnce]),
        ("two workers", Box::new(|s| s.consumers[0].program.workers = 2), &[InOrder]),
        ("no time", Box::new(|s| s.ends_at = Time(1_000_000)), &[Answered, AtLeastOnce]),
        (
            "groups and an exclusive consumer",
            Box::new(|s| {
                (s.producers[0].keys, s.producers[0].message.group_by_key) = (2, true);
                let SourceSpec::System(SystemSource::Activemq(from)) = &mut s.consumers[0].from else {
                    panic!("ActiveMQ")
                };
                from.exclusive = true;
            }),
            &[AtLeastOnce],
        ),
        (
            "a crash",
            Box::new(acting(&["200 crash broker-1", "300 restart broker-1"])),
            &[InOrder, AtMostOnce],
        ),
        (
            "it stays away",
            Box::new(acting(&["200 crash broker-1"])),
            &[InOrder, Answered, AtLeastOnce, AtMostOnce],
        ),
        (
            "a power cut",
            Box::new(acting(&["200 cut-power broker-1", "300 restart broker-1"])),
            &[InOrder, AtMostOnce],
        ),
        (
            "a power cut and no flush",
            Box::new(|s| {
                acting(&["200 cut-power broker-1", "300 restart broker-1"])(s);
                let Some(SystemSpec::Activemq(spec)) = &mut s.system else { panic!("ActiveMQ") };
                spec.journal_sync = JournalSync::Never;
            }),
            &[NotLost, InOrder, AtLeastOnce, AtMostOnce],
        ),
        (
            "a new disk",
            Box::new(acting(&["200 crash broker-1", "300 replace broker-1"])),
            &[NotLost, InOrder, AtLeastOnce, AtMostOnce],
        ),
    ];
    for (what, change, taken) in rows {
        let mut scenario = calm();
        change(&mut scenario);
        let left: Vec<Promise> = all.into_iter().filter(|promise| !taken.contains(promise)).collect();
        assert_eq!(made(&scenario), left, "{what}");
    }
}
