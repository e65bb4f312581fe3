//! What may a person try to bring about? Goals that tick themselves when the run at hand fulfils them.
//!
//! A goal is a claim about a run ([`crate::claim`]): what must have become of messages, and which commands may have been
//! given for it. None is reached by watching alone, and each can be: a test shows commands that do it.

use mqlab_core::ids::NodeId;
use mqlab_core::observe::{AcksLevel, Change, Event, LinkFault, Stamped};
use mqlab_core::sim::Command;

use super::{Both, Lang, both};
use crate::claim::{Is, Of, at_least, no};
use crate::desk::action::Count;

/// A goal of a story.
#[derive(Clone, Copy, Debug)]
pub struct Goal {
    /// Its name, by which a browser remembers that it was reached.
    pub name: &'static str,
    /// In which scenario.
    pub scenario: &'static str,
    /// What is to be brought about.
    pub text: Both,
    /// What must hold for it.
    pub claim: &'static [Is],
}

/// The goals of a scenario, the easiest first.
pub fn of(scenario: &str) -> impl Iterator<Item = &'static Goal> {
    GOALS.iter().filter(move |goal| goal.scenario == scenario)
}

const LOST: Of = Of::Messages(Count::Lost);
const DOUBLED: Of = Of::Messages(Count::Doubled);
const DELIVERED: Of = Of::Messages(Count::Delivered);
const COMMANDS: Of = Of::Given(|_| true);
const ONE_COMMAND: Is = Is { of: COMMANDS, least: 1, most: 1 };

fn falls(fact: &Stamped) -> bool {
    matches!(fact.event, Event::Crashed | Event::PowerCut)
}

fn brings_down(command: &Command) -> bool {
    matches!(command, Command::Crash(_) | Command::CutPower(_) | Command::CrashOnceDone(_))
}

fn brings_a_broker_down(command: &Command) -> bool {
    matches!(command, Command::Crash(NodeId::Broker(_)) | Command::CutPower(NodeId::Broker(_)))
}

fn loses_the_next(command: &Command) -> bool {
    matches!(command, Command::Link { fault: LinkFault::LoseNext | LinkFault::Lose(_), .. })
}

/// Every goal.
pub const GOALS: &[Goal] = &[
    Goal {
        name: "twice",
        scenario: "hundred-messages",
        text: both("Have a message done twice, by one command", "用一个操作，让一条消息处理两次"),
        claim: &[ONE_COMMAND, at_least(1, DOUBLED)],
    },
    Goal {
        name: "broker-back",
        scenario: "hundred-messages",
        text: both(
            "Bring the broker down, and still have all 100 done",
            "让 Broker 宕机，而 100 条仍全部处理完",
        ),
        claim: &[at_least(1, Of::Given(brings_a_broker_down)), at_least(100, DELIVERED), no(LOST)],
    },
    Goal {
        name: "two-leaders",
        scenario: "kill-the-leader",
        text: both("Bring a second broker down, and lose nothing", "再弄垮一个 Broker，一条也不丢"),
        claim: &[
            at_least(2, Of::Facts(|fact| falls(fact) && matches!(fact.node, NodeId::Broker(_)))),
            at_least(160, DELIVERED),
            no(LOST),
        ],
    },
    Goal {
        name: "calm",
        scenario: "kill-the-leader",
        text: both(
            "Have one of three brokers down before the crash, and lose nothing",
            "在那次宕机之前，先停掉三个 Broker 之一，仍一条不丢",
        ),
        claim: &[
            Is {
                of: Of::Given(|command| {
                    matches!(
                        command,
                        Command::ShutDown(NodeId::Broker(_)) | Command::Crash(NodeId::Broker(_))
                    )
                }),
                least: 1,
                most: u64::MAX,
            },
            at_least(160, DELIVERED),
            no(LOST),
        ],
    },
    Goal {
        name: "keep-all",
        scenario: "kill-the-leader-acks-1",
        text: both("Lose nothing, by a setting of the producers", "改生产者的一个设置，一条也不丢"),
        claim: &[
            at_least(
                1,
                Of::Given(|command| {
                    matches!(command, Command::Change(Change::Acks { level: AcksLevel::All, .. }))
                }),
            ),
            at_least(160, DELIVERED),
            no(LOST),
        ],
    },
    Goal {
        name: "lose-four",
        scenario: "kill-the-leader-acks-1",
        text: both("Lose four or more, without bringing anybody down", "不弄垮任何节点，丢掉四条或更多"),
        claim: &[at_least(1, COMMANDS), no(Of::Given(brings_down)), at_least(4, LOST)],
    },
    Goal {
        name: "unblock",
        scenario: "poison-forever",
        text: both("Get the other messages through, by one command", "用一个操作，让其余的消息通过"),
        claim: &[ONE_COMMAND, at_least(55, DELIVERED)],
    },
    Goal {
        name: "in-order",
        scenario: "order-parallel",
        text: both("All 90 in their order, by one command", "用一个操作，让 90 条全部按顺序"),
        claim: &[ONE_COMMAND, at_least(90, DELIVERED), no(Of::Messages(Count::Reordered))],
    },
    Goal {
        name: "survive",
        scenario: "push-unlimited",
        text: both("Save the worker by one command: all 120 done", "用一个操作救下 worker：120 条全部处理完"),
        claim: &[ONE_COMMAND, at_least(120, DELIVERED)],
    },
    Goal {
        name: "survive",
        scenario: "push-overload",
        text: both("All 150 done, by one command", "用一个操作，让 150 条全部处理完"),
        claim: &[ONE_COMMAND, at_least(150, DELIVERED)],
    },
    Goal {
        name: "none-dropped",
        scenario: "full-queue-drops",
        text: both("No message has to go, by one command", "用一个操作，一条也不被挤走"),
        claim: &[ONE_COMMAND, at_least(100, DELIVERED), no(Of::Messages(Count::Dead))],
    },
    Goal {
        name: "never-no",
        scenario: "full-queue-refuses",
        text: both("The shop never hears “no”, by one command", "用一个操作，shop 一次也不被拒绝"),
        claim: &[
            ONE_COMMAND,
            at_least(100, DELIVERED),
            no(Of::Facts(|fact| matches!(fact.event, Event::NotStored { .. }))),
        ],
    },
    Goal {
        name: "lose-an-answer",
        scenario: "idempotent-producer",
        text: both("Lose an answer yourself, and have nothing twice", "亲手丢掉一个应答，仍没有重复"),
        claim: &[at_least(1, Of::Given(loses_the_next)), at_least(100, DELIVERED), no(DOUBLED)],
    },
    Goal {
        name: "in-time",
        scenario: "slow-puller-retention",
        text: both("All 150 read, by one command", "用一个操作，150 条全部读到"),
        claim: &[ONE_COMMAND, at_least(150, DELIVERED)],
    },
    Goal {
        name: "in-the-middle",
        scenario: "exactly-once",
        text: both(
            "Bring a program down once more, and count nothing twice",
            "再弄垮一次程序，一条也不重复计算",
        ),
        claim: &[at_least(1, Of::Given(brings_down)), at_least(72, DELIVERED), no(DOUBLED)],
    },
    Goal {
        name: "two-frozen",
        scenario: "share-group",
        text: both("Freeze a second member, and have all 90 done", "再冻结一个成员，90 条仍全部处理完"),
        claim: &[
            at_least(1, Of::Given(|command| matches!(command, Command::Freeze(_)))),
            at_least(90, DELIVERED),
        ],
    },
    Goal {
        name: "ten-twice",
        scenario: "outbox",
        text: both("Make ten messages or more come twice", "让十条或更多消息来两次"),
        claim: &[at_least(1, COMMANDS), at_least(10, DOUBLED)],
    },
];

/// What stands above them.
pub(crate) const TITLE: Both = both("Bring it about", "试着做到");

/// A goal was reached: said aloud.
pub(crate) fn reached(goal: &Goal, lang: Lang) -> String {
    match lang {
        Lang::En => format!("Done: {}", goal.text.en),
        Lang::Zh => format!("做到了：{}", goal.text.zh),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use mqlab_core::sim::{Action, Scenario, Timeline};

    use super::*;
    use crate::claim::{Known, known};

    /// Commands that reach each goal, with the seed of its story.
    const WAYS: &[(&str, &str, &[&str])] = &[
        ("hundred-messages", "twice", &["100.3 crash-once-done consumer-1"]),
        ("hundred-messages", "broker-back", &["200.1 crash broker-1", "260 restart broker-1"]),
        ("kill-the-leader", "two-leaders", &["400 crash broker-2"]),
        ("kill-the-leader", "calm", &["150 shut-down broker-3"]),
        ("kill-the-leader-acks-1", "keep-all", &["50 acks producer-1 all", "50.1 acks producer-2 all"]),
        (
            "kill-the-leader-acks-1",
            "lose-four",
            &["240 cut broker-2 and broker-1", "240.1 cut broker-3 and broker-1"],
        ),
        ("poison-forever", "unblock", &["20 ttl orders 60"]),
        ("order-parallel", "in-order", &["1 prefetch consumer-1 1"]),
        ("push-unlimited", "survive", &["10 prefetch consumer-1 5"]),
        ("push-overload", "survive", &["10 prefetch consumer-1 4"]),
        ("full-queue-drops", "none-dropped", &["10 length orders none"]),
        ("full-queue-refuses", "never-no", &["10 work consumer-1 3"]),
        ("idempotent-producer", "lose-an-answer", &["100 lose-next broker-1 to producer-1"]),
        ("slow-puller-retention", "in-time", &["10 retention-bytes orders none"]),
        ("exactly-once", "in-the-middle", &["500 crash consumer-1", "700 restart consumer-1"]),
        ("share-group", "two-frozen", &["400 freeze consumer-1"]),
        ("outbox", "ten-twice", &["300 crash broker-1", "400 restart broker-1"]),
    ];

    fn after(scenario: &str, commands: &[&str]) -> Timeline {
        let scenario = Scenario::built_in(scenario).expect("it is built in");
        let seed = scenario.seed;
        let mut timeline = Timeline::new(scenario, seed).expect("it can be run");
        let actions: Vec<Action> =
            commands.iter().map(|text| text.parse().unwrap_or_else(|_| panic!("{text}"))).collect();
        timeline.replay(&actions).unwrap_or_else(|(action, why)| panic!("{action:?}: {why}"));
        timeline.seek(timeline.ends_at());
        timeline
    }

    #[test]
    fn every_goal_can_be_reached() {
        for goal in GOALS {
            let way =
                WAYS.iter().find(|(scenario, name, _)| (*scenario, *name) == (goal.scenario, goal.name));
            let (.., commands) = way.unwrap_or_else(|| panic!("nobody shows how: {}", goal.text.en));
            assert_eq!(known(goal.claim, &after(goal.scenario, commands)), Known::So, "{}", goal.text.en);
        }
        assert!(GOALS.len() >= 12 && WAYS.len() == GOALS.len());
    }

    #[test]
    fn no_goal_is_reached_by_watching() {
        for goal in GOALS {
            assert_eq!(known(goal.claim, &after(goal.scenario, &[])), Known::NotSo, "{}", goal.text.en);
        }
    }

    #[test]
    fn names_are_their_own_and_can_be_remembered() {
        let names: BTreeSet<(&str, &str)> = GOALS.iter().map(|goal| (goal.scenario, goal.name)).collect();
        assert_eq!(names.len(), GOALS.len());
        assert!(GOALS.iter().all(|goal| !goal.name.contains([' ', '/']) && !goal.text.zh.is_ascii()));
    }
}
