//! Commands in a field, and forms to add something: what they say beforehand, and what comes of it.
#![cfg(not(target_arch = "wasm32"))]

mod visiting;

use mqlab_core::sim::Scenario;
use mqlab_core::time::Time;
use mqlab_web::desk::Desk;
use mqlab_web::desk::action::Action;
use mqlab_web::desk::panel::AddingPart;
use visiting::{after, visit};

/// The part after a control was used; the same as before where nothing changed.
fn told(desk: &mut Desk, clock: &mut f64, last: &mut AddingPart, control: &str) -> AddingPart {
    let action = Action::from_control("change", control).unwrap_or_else(|| panic!("{control}"));
    if let Some(part) = after(desk, clock, action).adding {
        *last = part;
    }
    last.clone()
}

#[test]
fn a_command_says_what_it_will_do_or_why_it_cannot_be() {
    for (lang, table) in [
        (
            "en",
            [
                ("", "The words of mqlab run --do, without the moment: it happens now."),
                ("crash con", "Write: crash NODE."),
                ("crush broker-1", "No command begins with “crush”. Did you mean crash?"),
                ("drop-topic oders", "There is no topic oders. Did you mean orders?"),
                (
                    "crash broker-1",
                    "Effect: broker 1 crashes; the process dies; its disk stays, and its peers are told.",
                ),
                ("crash broker-9", "That cannot be done to broker 9."),
                ("topic orders partitions 1 replicas 1", "orders is there already, or not gone yet."),
                ("drop-topic bills", "There is no topic bills."),
                (
                    "exchange amq.mine fanout on broker-1",
                    "amq.mine is a name of the broker's own: choose another one.",
                ),
            ],
        ),
        (
            "zh",
            [
                ("", "和 mqlab run --do 的写法一样，但不写时刻：立即执行。"),
                ("crash con", "写法：crash NODE。"),
                ("crush broker-1", "没有以“crush”开头的命令。是指 crash 吗？"),
                ("drop-topic oders", "没有主题 oders。是指 orders 吗？"),
                ("crash broker-1", "效果：Broker 1 宕机；进程没了，磁盘还在，对端会发现。"),
                ("crash broker-9", "不能对 Broker 9 这样做。"),
                ("topic orders partitions 1 replicas 1", "orders 已经存在，或者还没有删完。"),
                ("drop-topic bills", "没有主题 bills。"),
                ("exchange amq.mine fanout on broker-1", "amq.mine 是 broker 保留的名字：请换一个。"),
            ],
        ),
    ] {
        let (mut desk, mut clock) = (visit(&format!("?scenario=kill-the-leader&seed=20&lang={lang}")), 0.0);
        let mut last = AddingPart::default();
        desk.act(Action::Seek(Time(100_000)));
        assert_eq!(told(&mut desk, &mut clock, &mut last, "command").open, "command");
        for (line, hint) in table {
            let part = told(&mut desk, &mut clock, &mut last, &format!("typed {line}"));
            assert_eq!(part.hint, hint, "{line}");
        }
        assert_eq!(told(&mut desk, &mut clock, &mut last, "close").open, "");
    }
}

#[test]
fn forms_write_commands_with_free_names() {
    let (mut desk, mut clock) = (visit("?scenario=exchanges&seed=7"), 0.0);
    let mut last = AddingPart::default();
    desk.act(Action::Seek(Time(100_000)));
    let part = told(&mut desk, &mut clock, &mut last, "add");
    assert_eq!(part.kinds.len(), 7);
    told(&mut desk, &mut clock, &mut last, "kind queue");
    let name = |part: &AddingPart| part.fields[0].value.clone();
    let part = told(&mut desk, &mut clock, &mut last, "add-it");
    assert_eq!(name(&part), "queue-2", "the first is there now");
    let part = told(&mut desk, &mut clock, &mut last, "fill name a queue");
    assert!(!part.possible && part.will.starts_with("A name has letters"), "{}", part.will);
    let turn = part.turn;
    told(&mut desk, &mut clock, &mut last, "add-it");
    let part = told(&mut desk, &mut clock, &mut last, "fill name queue-1");
    assert_eq!(part.will, "queue-1 is there already, or not gone yet.");
    let part = told(&mut desk, &mut clock, &mut last, "kind binding");
    let labels: Vec<&str> = part.fields.iter().map(|field| field.name).collect();
    assert_eq!(labels, ["exchange", "queue", "key"]);
    assert!(part.fields[1].options.iter().any(|(queue, _)| queue == "queue-1"), "it can be bound at once");
    assert_eq!(part.turn, turn);
    desk.act(Action::End);
    let part = told(&mut desk, &mut clock, &mut last, "kind broker");
    assert_eq!(
        (part.possible, part.will.as_str()),
        (false, "The run is over: go back in time to change it.")
    );
}

/// Wherever one opens the forms, each that is offered says what it would do, and does it.
#[test]
fn every_form_of_every_scenario_does_what_it_says() {
    for name in Scenario::names() {
        let (mut desk, mut clock) = (visit(&format!("?scenario={name}&seed=7")), 0.0);
        let mut last = AddingPart::default();
        let ends = Scenario::built_in(name).expect("it is built in").ends_at.0;
        desk.act(Action::Seek(Time(ends / 3)));
        let part = told(&mut desk, &mut clock, &mut last, "add");
        for (kind, ..) in part.kinds {
            let part = told(&mut desk, &mut clock, &mut last, &format!("kind {kind}"));
            assert!(!part.will.is_empty(), "{name}, {kind}");
            let before = desk.link();
            told(&mut desk, &mut clock, &mut last, "add-it");
            assert_eq!(desk.link() != before, part.possible, "{name}, {kind}: {}", part.will);
        }
    }
}
