//! `mqlab compare` as somebody uses it: a table, the same for a spreadsheet and for programs, and a run that can be opened.

use std::fs;
use std::process::Command;

use serde_json::Value;

/// What a command prints, and whether it succeeds.
fn mqlab(arguments: &[&str]) -> (bool, String, String) {
    let ran = Command::new(env!("CARGO_BIN_EXE_mqlab")).args(arguments).output().expect("it can be run");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("it prints text");
    (ran.status.success(), text(ran.stdout), text(ran.stderr))
}

const FEW: [&str; 7] = [
    "compare",
    "--seeds",
    "2",
    "--systems",
    "kafka:acks-all,kafka:acks-1,rabbitmq:classic",
    "--faults",
    "none,power-cut",
];

#[test]
fn a_table_names_who_stood_still_and_what_was_lost() {
    let (succeeds, table, errors) = mqlab(&FEW);
    assert!(succeeds && errors.is_empty(), "{errors}");
    for expected in [
        "steady: 2000 messages of 1024 B from 2 producers to 2 consumers, on a machine \"server\"; 2 seeds",
        "none: nothing goes wrong",
        "power-cut: the first machine that keeps messages loses power",
        "kafka:acks-1",
        "rabbitmq:classic",
        "Every timeout is a tenth of the system's own.",
    ] {
        assert!(table.contains(expected), "{expected:?} is not in\n{table}");
    }
    assert_eq!(mqlab(&FEW).1, table, "the same runs give the same table");
}

#[test]
fn a_spreadsheet_and_a_program_read_the_same_figures() {
    let (_, csv, _) = mqlab(&[&FEW[..], &["--csv"]].concat());
    let mut lines = csv.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let heads = lines.next().expect("a line of heads");
    let rows: Vec<Vec<&str>> = lines.collect();
    assert_eq!(rows.len(), 6, "three contenders, two mishaps");
    assert!(rows.iter().all(|row| row.len() == heads.len()), "{csv}");

    let (_, json, _) = mqlab(&[&FEW[..], &["--json"]].concat());
    let report: Value = serde_json::from_str(&json).expect("it is JSON");
    let place = |name| heads.iter().position(|head| *head == name).expect("such a head");
    for (row, told) in rows.iter().zip(report["rows"].as_array().expect("rows")) {
        assert_eq!(told["contender"], format!("{}:{}", row[place("system")], row[place("setting")]));
        for (head, field) in
            [("sent", "sent"), ("per_second", "per_second"), ("p99_us", "p99"), ("lost", "lost")]
        {
            assert_eq!(told[field].to_string(), row[place(head)], "{head}");
        }
    }
    assert_eq!(report["runs"].as_array().map(Vec::len), Some(12), "each run is there: six rows, two seeds");
}

#[test]
fn a_figure_opens_the_run_that_gave_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let at = dir.path().to_str().expect("its name is text");
    let compare = ["compare", "--systems", "kafka:acks-1", "--faults", "power-cut", "--seeds", "3", "--json"];
    let (_, json, _) = mqlab(&[&compare[..], &["--scenarios", at]].concat());
    let report: Value = serde_json::from_str(&json).expect("it is JSON");
    let worst = &report["rows"][0]["worst"];
    let run = report["runs"].as_array().and_then(|runs| runs.iter().find(|run| &run["seed"] == worst));
    let run = run.expect("the worst run is among them");
    let file = dir.path().join("kafka-acks-1-steady-power-cut.json");
    let (succeeds, again, errors) = mqlab(&["run", file.to_str().expect("text"), "--json"]);
    assert!(succeeds, "{errors}");
    let again: Value = serde_json::from_str(&again).expect("it is JSON");
    assert_eq!(again["digest"], run["digest"]);
}

#[test]
fn a_drawing_is_one_that_can_be_shown() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("chart.svg");
    let (succeeds, _, errors) = mqlab(&[&FEW[..], &["--svg", file.to_str().expect("text")]].concat());
    assert!(succeeds, "{errors}");
    let svg = fs::read_to_string(file).expect("it was written");
    assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
    assert!(svg.contains("kafka:acks-1, power-cut"));
}

#[test]
fn what_cannot_be_compared_is_said_in_a_line() {
    for (arguments, expected) in [
        (&["--systems", "kafka:fast"][..], "kafka has no setting fast, use acks-all"),
        (&["--systems", "nats"], "there is no system nats, use "),
        (&["--faults", "fire"], "nothing of the kind goes wrong: fire, use none, crash"),
        (&["--seeds", "0"], "0 seeds, use 1 to 1000"),
        (&["--machine", "abacus"], "there is no machine abacus, use server"),
        (&["--workload", "nothing"], "there is no workload and no file nothing, use steady"),
        (&["--costs", "/nowhere"], "cannot read /nowhere"),
    ] {
        let (succeeds, printed, errors) = mqlab(&[&["compare"], arguments].concat());
        assert!(!succeeds && printed.is_empty() && errors.contains(expected), "{arguments:?}: {errors}");
        assert_eq!(errors.trim_end().lines().count(), 1, "{errors}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_machine_that_was_measured_can_be_compared_on() {
    let (succeeds, costs, errors) = mqlab(&["bench", "machine", "--json", "--network", "25"]);
    assert!(succeeds, "{errors}");
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("costs.json");
    fs::write(&file, costs).expect("it can be written");
    let file = file.to_str().expect("text");
    let compare = [
        "compare",
        "--costs",
        file,
        "--machine",
        "here",
        "--systems",
        "kafka",
        "--seeds",
        "1",
        "--faults",
        "none",
    ];
    let (succeeds, table, errors) = mqlab(&compare);
    assert!(succeeds && table.contains("on a machine \"here\""), "{errors}{table}");
}
