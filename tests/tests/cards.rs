//! The cards in `docs/fidelity` say which test holds each line: those tests must be there, and both languages must name the same.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The systems that have a card.
const SYSTEMS: [&str; 5] = ["activemq", "rabbitmq", "rocketmq", "kafka", "pulsar"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// What stands between backticks.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The rows of a card's first table, without its head; the last cell of each.
fn held_by(card: &str) -> Vec<&str> {
    let rows = card.lines().skip_while(|line| !line.starts_with("|---")).skip(1);
    rows.take_while(|line| line.starts_with('|'))
        .map(|row| row.trim_end_matches('|').rsplit_once('|').expect("a row has cells").1)
        .collect()
}

/// All Rust sources, as one text, and their paths.
fn sources() -> (String, BTreeSet<String>) {
    fn walk(folder: &Path, text: &mut String, paths: &mut BTreeSet<String>) {
        for entry in fs::read_dir(folder).expect("it can be read") {
            let path = entry.expect("it can be read").path();
            paths.insert(path.to_string_lossy().into_owned());
            if path.is_dir() {
                walk(&path, text, paths);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                text.push_str(&fs::read_to_string(&path).expect("a source is text"));
            }
        }
    }
    let (mut text, mut paths) = (String::new(), BTreeSet::new());
    for folder in ["core/tests", "core/src", "core/scenarios", "tests/tests", "native/tests"] {
        walk(&root().join(folder), &mut text, &mut paths);
    }
    (text, paths)
}

#[test]
fn each_line_of_a_card_names_tests_that_are_there() {
    let (text, paths) = sources();
    for system in SYSTEMS {
        let card = fs::read_to_string(root().join(format!("docs/fidelity/{system}.md"))).expect("a card");
        let rows = held_by(&card);
        assert!(rows.len() >= 10, "{system}: {} lines", rows.len());
        for row in rows {
            assert!(code(row).next().is_some(), "{system}: nothing holds {row:?}");
            for name in code(row) {
                let is_file = name.ends_with(".rs") || name.contains('/');
                let there = if is_file {
                    paths.iter().any(|path| path.ends_with(&format!("/{}", name.trim_end_matches('/'))))
                } else {
                    // A test, or a scenario whose story a test holds.
                    text.contains(&format!("fn {name}("))
                        || paths.iter().any(|path| path.ends_with(&format!("/{name}.json")))
                };
                assert!(there, "{system}: there is no {name}");
            }
        }
    }
}

#[test]
fn both_languages_name_the_same_tests_line_by_line() {
    for system in SYSTEMS {
        let read = |ending: &str| {
            fs::read_to_string(root().join(format!("docs/fidelity/{system}{ending}"))).expect("a card")
        };
        let (en, zh) = (read(".md"), read(".zh-CN.md"));
        let names = |card: &str| -> Vec<Vec<String>> {
            held_by(card).into_iter().map(|row| code(row).map(str::to_owned).collect()).collect()
        };
        assert_eq!(names(&en), names(&zh), "{system}");
        assert_eq!(en.matches("\n## ").count(), zh.matches("\n## ").count(), "{system}: parts");
        let items =
            |card: &str| card.lines().filter(|line| line.starts_with("- ") || line.starts_with("* ")).count();
        assert_eq!(items(&en), items(&zh), "{system}: items");
    }
}
