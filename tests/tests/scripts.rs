//! Plays every script of `tests/scripts` and compares what came out.

use std::collections::BTreeSet;
use std::path::Path;

use expect_test::expect_file;
use mqlab_core::sim::Scenario;

#[test]
fn scripts() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts");
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .expect("the folder of scripts is there")
        .map(|entry| entry.expect("an entry of the folder can be read").path())
        .collect();
    paths.sort();
    let mut told = BTreeSet::new();
    for path in paths {
        let script = std::fs::read_to_string(&path).expect("a script is text");
        let played =
            mqlab_tests::script::play(&script).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
        expect_file![&path].assert_eq(&played);
        let scenes = script.lines().filter_map(|line| line.strip_prefix("> scenario "));
        told.extend(scenes.filter_map(|line| Some(line.split_whitespace().next()?.to_owned())));
    }
    let untold: Vec<_> = Scenario::names().filter(|name| !told.contains(*name)).collect();
    assert!(untold.is_empty(), "no script tells what happens in {untold:?}");
}

/// Each scenario is held against several seeds by a test that names it: what its story says must be so.
#[test]
fn every_scenario_has_claims() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let files = std::fs::read_dir(folder).expect("the folder of tests is there").flatten();
    let rust = files.filter(|file| file.path().extension().is_some_and(|extension| extension == "rs"));
    let text: String = rust.map(|file| std::fs::read_to_string(file.path()).expect("it is text")).collect();
    let unheld: Vec<_> = Scenario::names().filter(|name| !text.contains(&format!("\"{name}\""))).collect();
    assert!(unheld.is_empty(), "no test holds what is said of {unheld:?}");
}
