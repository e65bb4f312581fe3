//! `mqlab swarm` with an engine that is wrong on purpose: it is found, made small, written down, and the exit code says so.

mod common;

use std::process::Command;

use common::scratch;
use mqlab_core::sim::Scenario;

fn mqlab(arguments: &[&str]) -> (Option<i32>, String) {
    let output =
        Command::new(env!("CARGO_BIN_EXE_mqlab")).args(arguments).output().expect("the command runs");
    (output.status.code(), String::from_utf8(output.stdout).expect("text"))
}

#[test]
fn a_broken_promise_is_made_small_and_written_as_a_file_and_a_link() {
    let scratch = scratch();
    let out = scratch.path().join("findings");
    let out = out.to_str().expect("text");
    let arguments = ["swarm", "--runs", "40", "--mutant", "forgets_sequences", "--out", out, "--json"];
    let (code, said) = mqlab(&arguments);
    assert_eq!(code, Some(1), "{said}");
    let report: serde_json::Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!((report["sound"].as_bool(), report["runs"].as_u64()), (Some(false), Some(40)));
    let finding = &report["findings"][0];
    assert_eq!(finding["broken"], "nothing is stored twice");
    let file = finding["small"]["file"].as_str().expect("a file");
    let link = finding["small"]["link"].as_str().expect("a link");
    let scenario =
        Scenario::from_json(&std::fs::read_to_string(file).expect("it was written")).expect("sound");
    assert_eq!(Scenario::of_link(link), Some(Ok(scenario)));
    for again in [file, link] {
        let (code, said) = mqlab(&["run", again]);
        assert_eq!(code, Some(0));
        assert!(said.contains("BROKEN     topic t: nothing is stored twice, by"), "{said}");
        assert!(said.contains("stands in a log twice:") && said.contains("attempt 2"), "{said}");
    }
    // In words, with the same result.
    let (code, said) = mqlab(&arguments[..arguments.len() - 1]);
    assert_eq!(code, Some(1));
    assert!(said.contains("BROKEN       nothing is stored twice") && said.contains(file), "{said}");
}
