//! `mqlab bench zero-copy` from outside: its figures differ from run to run, what they are of does not.
#![cfg(target_os = "linux")]

use std::fs;
use std::process::{Command, Output};

use serde_json::Value;

fn bench(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mqlab"));
    command.args(["bench", "zero-copy"]).args(arguments).output().expect("it runs")
}

/// The output of a run that must succeed, in a directory that must be as empty afterwards as before.
fn ok(arguments: &[&str]) -> String {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().to_str().expect("text");
    let output = bench(&[arguments, &["--dir", path]].concat());
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(fs::read_dir(dir.path()).expect("lists").count(), 0, "nothing is left behind");
    String::from_utf8(output.stdout).expect("text")
}

const WAYS: [&str; 3] = ["read and write", "mmap and write", "sendfile"];

#[test]
fn every_way_is_measured_and_counted() {
    let text =
        ok(&["--bytes", "1MiB", "--slice", "16KiB", "--rounds", "3", "--congestion", "reno", "--json"]);
    let report: Value = serde_json::from_str(&text).expect("JSON");
    let bytes = report["bytes"].as_u64().expect("a number");
    assert!((1 << 20..(1 << 20) + 20_000).contains(&bytes), "{bytes}");
    assert_eq!((report["slice"].as_u64(), report["rounds"].as_u64()), (Some(16_384), Some(3)));
    assert_eq!(report["parts"].as_array().map(Vec::len), Some(1));
    let part = &report["parts"][0];
    assert_eq!(part["congestion"], "reno");
    let slices = bytes.div_ceil(16_384);
    for (number, (name, calls)) in WAYS.into_iter().zip([2 * slices, slices, slices]).enumerate() {
        let way = &part["ways"][number];
        assert_eq!((&way["name"], way["calls_in_theory"].as_u64()), (&Value::from(name), Some(calls)));
        let rounds = way["rounds"].as_array().expect("a list");
        assert_eq!(rounds.len(), 3);
        for round in rounds {
            let number = |value: &Value| value.as_u64().expect("a number");
            assert!(number(&round["moves"]) >= calls, "a call moves at most a slice: {round}");
            assert_eq!(number(&round["maps"]), u64::from(name == "mmap and write"), "{round}");
            assert!(number(&round["took_us"]) > 0, "{round}");
            for end in ["sender", "receiver"] {
                assert!(
                    ["user_us", "system_us", "waits", "page_faults"].iter().all(|of| round[end][of].is_u64()),
                    "{round}"
                );
            }
        }
    }
}

#[test]
fn a_person_reads_theory_and_measurement() {
    let text = ok(&["--bytes", "256KiB", "--rounds", "1", "--congestion", "reno"]);
    for needed in [
        "By the books",
        "Measured, TCP congestion control reno",
        "The fastest way was ",
        "Why a broker may want mmap",
    ] {
        assert_eq!(text.matches(needed).count(), 1, "{needed}: {text}");
    }
    for way in WAYS {
        let lines = text.lines().filter(|line| line.trim_start().starts_with(&format!("{way} ")));
        assert!(lines.count() >= 3, "{way} has a line in each table: {text}");
    }
    assert!(text.lines().all(|line| line.chars().count() <= 120), "{text}");
    assert_eq!(text.contains("Why bbr"), text.contains("control bbr"), "{text}");
}

#[test]
fn nonsense_is_refused_in_one_line_and_before_anything_is_written() {
    for (code, arguments, said) in [
        (2, &["--bytes", "none"][..], "there is no unit \"none\": use KiB, MiB or GiB"),
        (2, &["--bytes", "1KiB"], "use 64 KiB to 2 GiB"),
        (2, &["--bytes", "5 parsecs"], "there is no unit"),
        (2, &["--slice", "0"], "use 4 KiB to 64 MiB"),
        (2, &["--rounds", "0"], "0 is not in 1..=1000"),
        (
            1,
            &["--bytes", "64KiB", "--slice", "1MiB"],
            "a slice of 1 MiB is more than the 64 KiB that are sent",
        ),
        (1, &["--congestion", "telepathy"], "no socket can have the congestion control \"telepathy\""),
        (1, &["--dir", "/nowhere/at/all"], "cannot make a directory in /nowhere/at/all"),
    ] {
        let output = bench(arguments);
        let stderr = String::from_utf8(output.stderr).expect("text");
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {stderr}");
        assert!(
            stderr.starts_with("mqlab: ") && stderr.contains(said) && stderr.lines().count() == 1,
            "{arguments:?}: {stderr}"
        );
        assert!(output.stdout.is_empty());
    }
}
