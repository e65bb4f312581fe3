//! How could a command go on? What fits its next word: verbs, then nodes, topics, queues and exchanges that are there.
//!
//! ```text
//!   cr            crash ▏  crash-once-done ▏
//!   crash         crash broker-1   crash broker-2   crash consumer-1     those to which that can be done now
//!   lose br       lose broker-1 ▏  lose broker-2 ▏
//! ```
//!
//! This only proposes: what a line means, the engine's parser says.

use mqlab_core::ids::{Name, NodeId};
use mqlab_core::sim::{Command, Scenario};

use super::run::Run;

/// The most lines that are proposed at once.
const LINES_MAX: usize = 8;

/// What a word of a command can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Slot {
    /// A node of these kinds, by their first letters.
    Node(&'static str),
    /// One end of a link, or everywhere.
    End,
    /// Both ways or one.
    Way,
    Topic,
    Queue,
    Exchange,
    /// A durable subscription, with its client.
    Subscription,
    /// Whose a durable subscription is.
    Client,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// Something that a person must choose: a name, a number, a key.
    Own,
}

const LINK: &[Slot] = &[Slot::End, Slot::Way, Slot::Node("bpcsv")];
const LINK_AND_NUMBER: &[Slot] = &[Slot::End, Slot::Way, Slot::Node("bpcsv"), Slot::Own];
const KINDS: &[&str] = &["topic", "direct", "fanout", "headers", "hierarchy", "consistent-hash"];

/// Every verb, how it is written, and the words that follow it.
pub(crate) const VERBS: &[(&str, &str, &[Slot])] = &[
    ("crash", "crash NODE", &[Slot::Node("bpcsv")]),
    ("cut-power", "cut-power NODE", &[Slot::Node("bpcsv")]),
    ("shut-down", "shut-down BROKER", &[Slot::Node("b")]),
    ("restart", "restart NODE", &[Slot::Node("bpcsv")]),
    ("replace", "replace NODE", &[Slot::Node("bpc")]),
    ("freeze", "freeze NODE", &[Slot::Node("bpcsv")]),
    ("thaw", "thaw NODE", &[Slot::Node("bpcsv")]),
    ("crash-once-done", "crash-once-done CONSUMER", &[Slot::Node("c")]),
    ("skew", "skew NODE MS", &[Slot::Node("bpcsv"), Slot::Own]),
    (
        "disk",
        "disk BROKER sound|lying|full|slow MS",
        &[Slot::Node("b"), Slot::OneOf(&["sound", "lying", "full", "slow"])],
    ),
    ("cut", "cut LINK", LINK),
    ("heal", "heal LINK", LINK),
    ("slow", "slow LINK MS", LINK_AND_NUMBER),
    ("lose", "lose LINK N", LINK_AND_NUMBER),
    ("duplicate", "duplicate LINK N", LINK_AND_NUMBER),
    ("reorder", "reorder LINK N", LINK_AND_NUMBER),
    ("lose-next", "lose-next LINK", LINK),
    ("duplicate-next", "duplicate-next LINK", LINK),
    ("reorder-next", "reorder-next LINK", LINK),
    ("every", "every PRODUCER|CONSUMER|USER MS", &[Slot::Node("pcu"), Slot::Own]),
    ("acks", "acks PRODUCER 0|1|all", &[Slot::Node("p"), Slot::OneOf(&["0", "1", "all"])]),
    ("work", "work CONSUMER|SERVICE MS", &[Slot::Node("cs"), Slot::Own]),
    ("prefetch", "prefetch CONSUMER N", &[Slot::Node("c"), Slot::Own]),
    (
        "ack",
        "ack CONSUMER each|before|automatic|every N",
        &[Slot::Node("c"), Slot::OneOf(&["each", "before", "automatic", "every"]), Slot::Own],
    ),
    ("join", "join NODE", &[Slot::Node("bpc")]),
    ("leave", "leave NODE", &[Slot::Node("bpc")]),
    (
        "topic",
        "topic NAME partitions N replicas N",
        &[Slot::Own, Slot::OneOf(&["partitions"]), Slot::Own, Slot::OneOf(&["replicas"]), Slot::Own],
    ),
    ("drop-topic", "drop-topic TOPIC", &[Slot::Topic]),
    ("partitions", "partitions TOPIC N", &[Slot::Topic, Slot::Own]),
    ("min-in-sync", "min-in-sync TOPIC N", &[Slot::Topic, Slot::Own]),
    ("retention-time", "retention-time TOPIC MS|none", &[Slot::Topic, Slot::OneOf(&["none"])]),
    ("retention-bytes", "retention-bytes TOPIC N|none", &[Slot::Topic, Slot::OneOf(&["none"])]),
    ("queue", "queue NAME on BROKER", &[Slot::Own, Slot::OneOf(&["on"]), Slot::Node("b")]),
    ("drop-queue", "drop-queue QUEUE", &[Slot::Queue]),
    ("drop-subscription", "drop-subscription NAME CLIENT", &[Slot::Subscription, Slot::Client]),
    ("ttl", "ttl QUEUE MS|none", &[Slot::Queue, Slot::OneOf(&["none"])]),
    ("length", "length QUEUE N|none", &[Slot::Queue, Slot::OneOf(&["none"])]),
    (
        "exchange",
        "exchange NAME KIND on BROKER",
        &[Slot::Own, Slot::OneOf(KINDS), Slot::OneOf(&["on"]), Slot::Node("b")],
    ),
    ("drop-exchange", "drop-exchange EXCHANGE", &[Slot::Exchange]),
    ("bind", "bind EXCHANGE QUEUE KEY", &[Slot::Exchange, Slot::Queue, Slot::Own]),
    ("unbind", "unbind EXCHANGE QUEUE KEY", &[Slot::Exchange, Slot::Queue, Slot::Own]),
];

/// How a line could go on: whole lines, with a space at the end where more must follow.
pub(super) fn complete(text: &str, run: &Run) -> Vec<String> {
    let text = text.trim_start();
    let Some((verb, rest)) = text.split_once(' ') else {
        let verbs = VERBS.iter().filter(|(verb, ..)| verb.starts_with(text) && !text.is_empty());
        return verbs.map(|(verb, ..)| format!("{verb} ")).take(LINES_MAX).collect();
    };
    let Some((_, _, slots)) = VERBS.iter().find(|(known, ..)| *known == verb) else { return Vec::new() };
    let (before, begun) = rest.rsplit_once(' ').map_or(("", rest), |(before, begun)| (before, begun));
    let place = before.split_whitespace().count();
    // Everywhere has no other end.
    let slots = match (slots.first(), before.split_whitespace().next()) {
        (Some(Slot::End), Some("everywhere")) => [&slots[..1], &slots[3..]].concat(),
        _ => slots.to_vec(),
    };
    let Some(slot) = slots.get(place) else { return Vec::new() };
    let world = run.timeline.world();
    let head = if before.is_empty() { String::new() } else { format!("{before} ") };
    let lines = candidates(*slot, run.timeline.scenario_now()).into_iter().filter_map(|word| {
        if !word.starts_with(begun) || word == begun {
            return None;
        }
        let line = format!("{verb} {head}{word}");
        // What would be refused is not proposed.
        match line.parse::<Command>() {
            Ok(command) => world.permits(&command).is_ok().then_some(line),
            Err(_) => Some(line + " "),
        }
    });
    lines.take(LINES_MAX).collect()
}

fn candidates(slot: Slot, scenario: &Scenario) -> Vec<String> {
    match slot {
        Slot::Node(kinds) => nodes(kinds, scenario),
        Slot::End => nodes("bpcsv", scenario).into_iter().chain(["everywhere".into()]).collect(),
        Slot::Way => ["to", "and"].map(Into::into).into(),
        Slot::Topic => scenario.topics.iter().map(|topic| topic.name.to_string()).collect(),
        Slot::Queue => scenario.queues.iter().map(|queue| queue.name.to_string()).collect(),
        Slot::Exchange => scenario.exchanges.iter().map(|spec| spec.exchange.name.to_string()).collect(),
        Slot::Subscription => {
            let whole = |name: &Name, client: Option<&Name>| match client {
                Some(client) => format!("{name} {client}"),
                None => name.to_string(),
            };
            let all = scenario.durable_subscriptions();
            all.filter_map(|durable| Some(whole(durable.name.as_ref()?, durable.client.as_ref()))).collect()
        }
        Slot::Client => {
            let all = scenario.durable_subscriptions();
            all.filter_map(|durable| Some(durable.client.as_ref()?.to_string())).collect()
        }
        Slot::OneOf(words) => words.iter().map(|word| (*word).to_owned()).collect(),
        Slot::Own => Vec::new(),
    }
}

fn nodes(kinds: &str, scenario: &Scenario) -> Vec<String> {
    let some = |letter: char, count: usize, node: fn(u16) -> NodeId| {
        let most = if kinds.contains(letter) { u16::try_from(count).unwrap_or(u16::MAX) } else { 0 };
        (1..=most).map(move |number| node(number).to_string())
    };
    let controllers = scenario.controller_ids().into_iter().filter(|_| kinds.contains('v'));
    some('b', scenario.brokers.into(), NodeId::Broker)
        .chain(some('p', scenario.producers.len(), NodeId::Producer))
        .chain(some('c', scenario.consumers.len(), NodeId::Consumer))
        .chain(some('s', scenario.services.len(), NodeId::Service))
        .chain(some('u', scenario.users.len(), NodeId::User))
        .chain(controllers.map(|node| node.to_string()))
        .collect()
}

#[cfg(test)]
mod tests {
    use mqlab_core::time::Time;

    use super::*;

    fn run(name: &str) -> Run {
        let scenario = Scenario::built_in(name).expect("it is built in");
        let mut run = Run::new(name, scenario, 7, (800.0, 600.0)).expect("it can be run");
        run.timeline.advance(Time(100_000));
        run.refresh();
        run
    }

    #[test]
    fn a_line_goes_on_with_what_is_there_and_can_be_done() {
        let mut run = run("hundred-messages");
        assert_eq!(complete("cr", &run), ["crash ", "crash-once-done "]);
        assert_eq!(complete("crash con", &run), ["crash consumer-1", "crash consumer-2"]);
        run.give("crash consumer-2".parse().expect("a command")).expect("it runs");
        assert_eq!(complete("crash con", &run), ["crash consumer-1"], "the other is down already");
        assert_eq!(complete("restart ", &run), ["restart consumer-2"]);
        assert_eq!(
            complete("lose-next broker-1 ", &run),
            ["lose-next broker-1 to ", "lose-next broker-1 and "]
        );
        assert!(
            complete("lose-next broker-1 to p", &run).contains(&"lose-next broker-1 to producer-1".into())
        );
        assert_eq!(complete("slow every", &run), ["slow everywhere "]);
        assert!(complete("slow everywhere ", &run).is_empty(), "a number must be chosen");
        assert_eq!(complete("drop-queue ", &run).len(), 1);
        for nothing in ["", " ", "what is this", "crash broker-9", "crash broker-1 now", "每"] {
            assert!(complete(nothing, &run).is_empty(), "{nothing}");
        }
    }

    /// Whoever always takes a proposal, and writes a name or a number where there is none, ends at a command that is read.
    #[test]
    fn every_verb_leads_to_a_command() {
        let (with_topics, with_queues) = (run("kill-the-leader"), run("exchanges"));
        for (verb, usage, slots) in VERBS {
            assert!(usage.starts_with(verb), "{verb}");
            let mut read = false;
            for run in [&with_topics, &with_queues] {
                let mut line = format!("{verb} ");
                for _ in 0..slots.len() + 2 {
                    read |= line.parse::<Command>().is_ok();
                    line = match complete(&line, run).first() {
                        Some(next) => next.clone(),
                        None if line.ends_with(' ') => format!("{line}7 "),
                        None => line,
                    };
                }
            }
            // Nothing is down, frozen or hurt, so there is nothing to undo.
            let relieves = ["restart", "replace", "thaw", "heal"].contains(verb);
            assert!(read || relieves, "{verb} leads nowhere");
        }
    }
}
