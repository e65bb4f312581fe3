//! `mqlab swarm` from outside: what it says, that it says it again, and what it refuses.

use std::process::{Command, Output};

fn mqlab(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mqlab")).args(arguments).output().expect("the command runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

#[test]
fn a_sound_engine_keeps_every_promise_and_the_summary_comes_again() {
    let arguments = ["swarm", "--runs", "60", "--seed", "5", "--json"];
    let output = mqlab(&arguments);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((report["sound"].as_bool(), report["runs"].as_u64()), (Some(true), Some(60)));
    assert_eq!(report["findings"].as_array().map(Vec::len), Some(0));
    let kept = |promise: &str| report["promises"][promise].as_u64().unwrap_or(0);
    assert!(
        kept("what was acknowledged is not lost") > 30 && kept("nothing is stored twice") > 3,
        "{report}"
    );
    let sometimes = report["sometimes"].as_array().expect("a list");
    let doubled = sometimes.iter().find(|met| met["what"] == "processed twice").expect("it is looked for");
    assert!(doubled["runs"].as_u64() > Some(5) && doubled["first_seed"].as_u64() >= Some(5), "{doubled}");
    // However many threads there are, and whoever is first: the same seeds, the same summary.
    assert_eq!(text(&mqlab(&arguments).stdout), text(&output.stdout));
}

#[test]
fn it_says_so_in_words() {
    let output = mqlab(&["swarm", "--runs", "20"]);
    assert_eq!(output.status.code(), Some(0));
    let said = text(&output.stdout);
    assert!(said.starts_with("swarm        20 runs, seeds 0 to 19, in "), "{said}");
    assert!(
        said.contains(" made, all kept\n") && said.contains("processed twice, first under seed "),
        "{said}"
    );
}

#[test]
fn whatever_is_wrong_is_said_in_one_line() {
    for arguments in [
        &["swarm", "--runs", "0"][..],
        &["swarm", "--runs", "many"],
        &["swarm", "--seed", "-1"],
        &["swarm", "--minutes", "0"],
        &["swarm", "hundred-messages"],
    ] {
        let output = mqlab(arguments);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(said.starts_with("mqlab: ") && said.lines().count() == 1, "{said}");
    }
    let output = mqlab(&["swarm", "--runs", "2", "--seed", &u64::MAX.to_string()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("there are not so many seeds from 18446744073709551615 on"));
}

#[test]
fn a_run_tells_of_its_promises_and_a_link_is_a_scenario() {
    let scenario = mqlab_core::sim::Scenario::built_in("kill-the-leader").expect("it comes with the engine");
    let link = format!("http://127.0.0.1:8080/?run={}&seed=20", scenario.pack());
    for name in ["kill-the-leader", &link] {
        let said = text(&mqlab(&["run", name]).stdout);
        assert!(said.contains("promises     3 made, all kept\n"), "{said}");
        assert!(said.contains("  kept       topic orders: what was acknowledged is not lost\n"), "{said}");
    }
    let json: serde_json::Value =
        serde_json::from_slice(&mqlab(&["run", &link, "--json"]).stdout).expect("JSON");
    assert_eq!(json["promises"][0]["promise"], "not_lost");
    assert_eq!(json["promises"][0]["of"]["topic"], "orders");
    assert_eq!(json["promises"][0]["kept"], true);
    // What is done by hand counts among the faults: a lying disk, and the power goes.
    let faults = ["--do", "50 disk broker-1 lying", "--do", "120 cut-power broker-1"];
    let said = text(&mqlab(&[&["run", "kill-the-leader"], &faults[..]].concat()).stdout);
    assert!(said.contains("promises     none"), "{said}");
    let torn = mqlab(&["run", &link[..link.len() - 40]]);
    assert_eq!(torn.status.code(), Some(1));
    assert!(text(&torn.stderr).starts_with("mqlab: the link: a part of the packed scenario is missing"));
}

#[test]
fn all_that_a_link_of_the_page_says_is_run() {
    let v = mqlab_core::VERSION;
    let report = |arguments: &[&str]| -> serde_json::Value {
        let output = mqlab(arguments);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("JSON")
    };
    let scenario = mqlab_core::sim::Scenario::built_in("kill-the-leader").expect("it comes with the engine");
    let by_hand = report(&["run", "kill-the-leader", "--seed", "7", "--do", "50 crash broker-1", "--json"]);
    for holds in ["scenario=kill-the-leader".to_owned(), format!("run={}", scenario.pack())] {
        let link =
            format!("http://127.0.0.1:8080/?{holds}&seed=7&do=50+crash+broker-1&at=120.5&lang=zh&v={v}");
        let linked = report(&["run", &link, "--json"]);
        assert_eq!(linked["digest"], by_hand["digest"]);
        assert_eq!(linked["looked_at"]["at"], 120_500);
        let said = text(&mqlab(&["run", &link]).stdout);
        let digest = linked["looked_at"]["digest"].as_str().expect("a digest");
        assert!(said.contains(&format!("looked at    120.500 ms, digest {digest}\n")), "{said}");
        let other = report(&["run", &link, "--seed", "8", "--json"]);
        assert_eq!(other["seed"], 8, "the option counts more");
        let also = report(&["run", &link, "--do", "400 restart broker-1", "--json"]);
        assert_ne!(also["digest"], linked["digest"]);
    }
    for (link, why) in [
        (
            format!("?scenario=kill-the-leader&do=50+crush+broker-1&v={v}"),
            "mqlab: the link: \"50 crush broker-1\" in it is",
        ),
        ("?scenario=kill-the-leader&do=50+crash+broker-1".into(), "mqlab: the link: its end is missing"),
        ("?scenario=nothing".into(), "mqlab: "),
        ("?scenario=kill-the-leader&v=9.0.1".into(), "mqlab: the link: engine 9.0.1 made it"),
        (format!("?do=50+crash+broker-7&v={v}"), "mqlab: --do '50.000 crash broker-7': there is no broker-7"),
    ] {
        let refused = mqlab(&["run", &link]);
        assert_eq!(refused.status.code(), Some(1), "{link}");
        assert!(text(&refused.stderr).starts_with(why), "{link}: {}", text(&refused.stderr));
    }
}

#[test]
fn a_swarm_with_a_time_ends_when_the_runs_are_made_or_there_are_no_more_seeds() {
    let report = |arguments: &[&str]| -> serde_json::Value {
        let output = mqlab(arguments);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("JSON")
    };
    let runs = report(&["swarm", "--runs", "9", "--minutes", "60", "--seed", "3", "--json"]);
    assert_eq!((runs["runs"].as_u64(), runs["first_seed"].as_u64()), (Some(9), Some(3)));
    let last = (u64::MAX - 1).to_string();
    let seeds = report(&["swarm", "--minutes", "60", "--seed", &last, "--json"]);
    assert_eq!(seeds["runs"].as_u64(), Some(2), "there is one seed after it");
}

#[cfg(not(feature = "mutants"))]
#[test]
fn an_engine_for_use_knows_no_deliberate_faults() {
    let mut scenario: serde_json::Value = serde_json::from_str(
        &mqlab_core::sim::Scenario::built_in("kill-the-leader").expect("it comes with the engine").to_json(),
    )
    .expect("JSON");
    scenario["settings"]["mutant"] = "hasty_watermark".into();
    let error =
        mqlab_core::sim::Scenario::from_json(&scenario.to_string()).expect_err("there is no such setting");
    assert!(error.to_string().contains("unknown field `mutant`"), "{error}");
    assert_eq!(mqlab(&["swarm", "--mutant", "hasty_watermark"]).status.code(), Some(2));
}
