//! The page that compares, without a browser: what is chosen, what comes of it, and where its figures lead.
#![cfg(not(target_arch = "wasm32"))]

use mqlab_core::sim::compare::{FIRST_SEED, Outcome, Plan, Report, Row};
use mqlab_core::sim::{PageLink, Scenario, World};
use mqlab_web::compare::panel::{Panel, TablePart};
use mqlab_web::compare::{CompareDesk, Visitor};
use mqlab_web::text::Lang;

/// A comparison that is over soon.
const SMALL: &str =
    "?who=kafka:acks-all,kafka:acks-0&load=steady&messages=300&wrong=none,power-cut&seeds=2&lang=en";

fn desk(query: &str) -> CompareDesk {
    CompareDesk::new(&Visitor { query: query.into(), languages: "en-GB,zh".into(), ..Visitor::default() })
}

fn all(desk: &mut CompareDesk) -> Panel {
    desk.act("nothing", ""); // whatever is asked for, it may have changed
    desk.panel(0.0).unwrap_or_default()
}

/// Runs everything as workers would, in an order of their own; the outcomes.
fn run(desk: &mut CompareDesk) -> Vec<Outcome> {
    let (link, count) = desk.start();
    let plan = Plan::read(&link).expect("the page made it");
    let runs = plan.runs();
    assert_eq!(runs.len(), count);
    let mut outcomes: Vec<(usize, Outcome)> = Vec::new();
    for number in (0..count).rev() {
        let (contender, mishap, seed) = runs[number];
        let outcome = Outcome::run(&plan.workload, contender, mishap, seed).expect("it can be run");
        let is_first = seed == FIRST_SEED;
        let fates: Vec<u8> = outcome.fates.iter().filter(|_| is_first).map(|fate| *fate as u8).collect();
        let decided: Vec<u32> = outcome.decided.iter().filter(|_| is_first).map(|at| at.0 as u32).collect();
        let json = serde_json::to_string(&outcome).expect("plain data");
        desk.tell(number, 0.5);
        desk.arrive(number, &json, &fates, &decided);
        desk.arrive(number, &json, &fates, &decided); // twice is once
        outcomes.insert(0, (number, outcome));
    }
    outcomes.into_iter().map(|(_, outcome)| outcome).collect()
}

fn tables(panel: &Panel) -> &[TablePart] {
    &panel.tables.as_ref().expect("there are tables").tables
}

#[test]
fn the_table_is_the_command_lines_and_grows_with_each_outcome() {
    let mut desk = desk(SMALL);
    assert!(desk.panel(0.0).expect("something is shown").tables.is_none(), "nothing was run yet");
    let outcomes = run(&mut desk);
    assert!(!desk.is_running());
    assert_eq!(desk.keep("csv").expect("there is a table").text, Row::csv(&Row::of(&outcomes)));
    let report = Report::new(&desk.plan().workload, &outcomes).to_json();
    assert_eq!(desk.keep("json").expect("there is a table").text, report);
    let svg = desk.keep("svg").expect("there is a table");
    assert!(svg.text.starts_with("<svg") && svg.text.contains("Kafka acks-0"), "{}", svg.name);
    let panel = all(&mut desk);
    let tables = tables(&panel);
    assert_eq!(tables.iter().map(|table| table.mishap).collect::<Vec<_>>(), ["none", "power-cut"]);
    for table in tables {
        let names: Vec<&str> = table.rows.iter().map(|row| row.name.as_str()).collect();
        assert_eq!(names, ["Kafka acks-all", "Kafka acks-0"], "in the order of the choice");
        assert!(table.rows.iter().all(|row| row.cells.len() == 10));
    }
    assert_eq!(panel.charts.expect("charts").len(), 3);
    assert_eq!(panel.run.expect("how far").state, "done");
}

#[test]
fn a_figure_leads_to_the_run_that_gave_it() {
    let mut desk = desk(SMALL);
    let outcomes = run(&mut desk);
    let panel = all(&mut desk);
    let mut followed = 0;
    for (table, row) in tables(&panel).iter().flat_map(|table| table.rows.iter().map(move |row| (table, row)))
    {
        for cell in row.cells.iter().filter(|cell| ["p99", "lost"].contains(&cell.column)) {
            let link = PageLink::read(&cell.link).expect("a link of the lab");
            let scenario = Scenario::unpack(&link.run.expect("a packed run")).expect("a scenario");
            let seed = link.seed.expect("with its seed");
            let outcome = outcomes
                .iter()
                .find(|one| {
                    let name = format!("{} {}", one.contender.profile.title(), one.contender.setting());
                    (name, one.mishap.name(), one.seed) == (row.name.clone(), table.mishap, seed)
                })
                .expect("it was run");
            // The lab plays the same run: up to its end, or to where the comparison had seen enough.
            let ends_at = scenario.ends_at;
            let mut world = World::new(scenario, seed).expect("it can be run");
            while world.next_time().is_some_and(|at| at <= ends_at) {
                world.step();
                if world.digest().to_string() == outcome.digest {
                    break;
                }
            }
            assert_eq!(world.digest().to_string(), outcome.digest, "{} {}", row.name, cell.column);
            followed += 1;
        }
    }
    assert_eq!(followed, 8);
}

#[test]
fn the_first_difference_is_named_and_leads_to_its_moment() {
    let mut desk = desk(SMALL);
    run(&mut desk);
    let panel = all(&mut desk);
    let table = tables(&panel).iter().find(|table| table.mishap == "power-cut").expect("it was compared");
    let [found] = &table.differences[..] else { panic!("acks=0 fares differently: {:?}", table.differences) };
    assert!(found.words.contains("is the first that fared differently"), "{}", found.words);
    let at: f64 = found.value.rsplit(' ').next().and_then(|at| at.parse().ok()).expect("a moment");
    assert!(at > 0.0);
    desk.act("see", &found.value);
    assert_eq!(desk.tick(1_000.0), Some(at));
    let panel = all(&mut desk);
    let together = panel.together.expect("runs side by side");
    assert_eq!(together.stages.len(), 2);
    let kinds: Vec<&str> = together.marks.iter().map(|mark| mark.kind).collect();
    assert_eq!(kinds, ["begins", "ends", "differs"]);
    assert_eq!(together.marks[2].at as f64, at);
}

#[test]
fn one_clock_moves_all_and_stops_at_the_end() {
    let mut desk = desk(SMALL);
    assert_eq!(desk.tick(0.0), None);
    desk.act("play", ""); // nothing to play
    desk.start();
    desk.act("play", "");
    assert_eq!(desk.tick(10.0), None, "nothing is open");
    desk.act("together-open", "");
    assert_eq!(desk.tick(20.0), Some(0.0));
    desk.act("pace", "5"); // a second shows a second
    desk.act("play", "");
    assert_eq!(desk.tick(70.0), Some(50_000.0));
    desk.follow(1_234.0); // somebody steps one of them
    assert_eq!(desk.tick(70.0), Some(1_234.0));
    desk.act("seek", "999999999999");
    assert_eq!(desk.tick(80.0), Some(30_000_000.0));
    assert!(!desk.panel(5_000.0).and_then(|panel| panel.clock).expect("a clock").playing, "it is over");
    desk.act("play", "");
    assert_eq!(desk.tick(80.0), Some(0.0), "from the beginning");
}

#[test]
fn what_cannot_be_chosen_is_said_and_changes_nothing() {
    let mut desk = desk(SMALL);
    let before = desk.plan().clone();
    let wrong = [
        ("number", "messages 0", "“0” cannot be the number of messages"),
        ("number", "bytes many", "“many” cannot be the number of bytes each"),
        ("number", "latency_low 9999", "The shortest way, 9999 µs, is longer"),
        ("remove-contender", "1", "1 to compare: there must be 2 to 5."),
        ("setting", "1 acks-all", "Kafka acks-all is named twice."),
        ("seeds", "0", "The number of seeds, “0”, must be 1 to 100."),
        ("seeds", "", "The number of seeds, “”, must be 1 to 100."),
    ];
    for (name, value, words) in wrong {
        desk.act(name, value);
        assert_eq!(desk.plan(), &before, "{name} {value}");
        let notice = all(&mut desk).notice;
        assert!(notice.as_ref().is_some_and(|notice| notice.starts_with(words)), "{notice:?}");
    }
    for (name, value) in
        [("mishap", "plague"), ("system", "9 kafka"), ("system", "0 mosquito"), ("preset", "x"), ("", "")]
    {
        desk.act(name, value);
        assert_eq!(desk.plan(), &before, "{name} {value} means nothing");
    }
    desk.act("mishap", "none");
    desk.act("mishap", "power-cut");
    assert_eq!(desk.plan().mishaps.len(), 1, "one at least stays");
}

#[test]
fn the_choice_is_in_the_address_and_a_bad_one_is_answered() {
    let mut first = desk(SMALL);
    for (name, value) in [
        ("add-contender", ""),
        ("workload", "trickle"),
        ("mishap", "freeze"),
        ("machine", "none"),
        ("seeds", "4"),
    ] {
        first.act(name, value);
    }
    let panel = all(&mut first);
    let address = panel.address.expect("an address");
    assert!(address.contains("&lang=en&v="), "{address}");
    assert!(
        panel.form.expect("a form").workload_says.starts_with("200 messages"),
        "it is the usual one again"
    );
    let mut own = desk(SMALL);
    let says = all(&mut own).form.expect("a form").workload_says;
    assert_eq!(says, "As “Steady”, with numbers of your own.");
    let other = desk(&address);
    assert_eq!(other.plan(), first.plan());
    first.act("lang", "");
    let address = all(&mut first).address.expect("an address");
    assert_eq!(desk(&address).lang(), Lang::Zh);

    let mut bad = desk("?who=kafka,mosquito&lang=zh");
    let notice = all(&mut bad).notice.expect("words");
    assert!(notice.starts_with("无法打开这个链接。没有名为“mosquito”的系统。"), "{notice}");
    assert_eq!(bad.plan(), &Plan::usual());
    let mut bad = desk("?lang=fr");
    assert!(all(&mut bad).notice.is_some_and(|words| words.starts_with("This page does not speak “fr”")));
}

#[test]
fn what_was_stopped_or_failed_keeps_what_came() {
    let mut desk = desk(SMALL);
    let (link, count) = desk.start();
    let plan = Plan::read(&link).expect("the page made it");
    let (contender, mishap, seed) = plan.runs()[0];
    let outcome = Outcome::run(&plan.workload, contender, mishap, seed).expect("it can be run");
    let json = serde_json::to_string(&outcome).expect("plain data");
    desk.arrive(0, &json, &[], &[]);
    desk.stop();
    desk.arrive(1, &json, &[], &[]); // too late
    let panel = all(&mut desk);
    let run = panel.run.as_ref().expect("how far");
    assert_eq!((run.state, run.has_outcome), ("stopped", true));
    assert_eq!(run.words, format!("Stopped after 1 of {count} runs. What came until then stands below."));
    assert_eq!(tables(&panel).len(), 1);

    desk.start();
    desk.arrive(1, &json, &[], &[]); // another run's
    let panel = all(&mut desk);
    assert_eq!(panel.run.expect("how far").state, "failed");
    desk.start();
    desk.arrive(0, "{}", &[], &[]);
    assert!(!desk.is_running(), "no outcome at all");

    desk.start();
    desk.fail(Some(0), "why");
    let words = all(&mut desk).run.expect("how far").words;
    assert_eq!(words, "A run failed: Kafka acks-all · Nothing goes wrong · seed 1: why");
}

#[test]
fn every_preset_can_be_chosen_and_says_so() {
    let mut desk = desk("?lang=zh");
    let presets = all(&mut desk).form.expect("a form").presets;
    assert!(presets.len() >= 5, "{presets:?}");
    for preset in presets {
        desk.act("preset", &preset.value);
        let form = desk.panel(1e9).and_then(|panel| panel.form);
        let chosen: Vec<String> = form
            .map(|form| form.presets.into_iter().filter(|one| one.chosen).map(|one| one.value).collect())
            .unwrap_or_else(|| vec![preset.value.clone()]); // it was chosen already
        assert!(chosen.contains(&preset.value), "{}: {chosen:?}", preset.value);
    }
}
