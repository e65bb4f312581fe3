//! `mqlab log` from outside: what it finds, what it prints, what it saves.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{run, scratch};
use mqlab::log::FileStorage;
use serde_json::Value;

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

/// A data directory with a topic of 30 messages in three batches, and another.
fn data() -> (tempfile::TempDir, String) {
    let root = scratch();
    let dir = root.path().join("data").to_str().expect("UTF-8").to_owned();
    for batch in 0..3 {
        let lines: String = (0..10).map(|n| format!("k{n}:message {batch}{n}\n")).collect();
        let arguments = ["produce", "--dir", &dir, "--topic", "t", "--key-separator", ":"];
        assert!(run(&arguments, lines.as_bytes()).status.success());
    }
    assert!(run(&["produce", "--dir", &dir, "--topic", "other"], b"\xff\xfe\n").status.success());
    (root, dir)
}

fn segment(dir: &str) -> PathBuf {
    Path::new(dir).join("topics/t/0/00000000000000000000.log")
}

#[test]
fn sound_logs_are_sound() {
    let (_root, dir) = data();
    let output = run(&["log", "verify", "--dir", &dir], b"");
    assert_eq!(output.status.code(), Some(0));
    let said = text(&output.stdout);
    assert!(said.contains("topics/t/0: sound, 30 records in 3 batches, offsets 0 to 30, "), "{said}");
    assert_eq!(text(&output.stderr), "");
    let json = run(&["log", "verify", "--dir", &dir, "--topic", "t", "--json"], b"");
    let json: Value = serde_json::from_slice(&json.stdout).expect("JSON");
    assert_eq!((&json["sound"], &json["records"], &json["end"]), (&true.into(), &30.into(), &30.into()));
}

#[test]
fn what_is_stored_is_printed() {
    let (_root, dir) = data();
    // Also while somebody writes.
    let _writer = FileStorage::open(&dir).expect("opens");
    let dump = |more: &[&str]| {
        let output = run(&[&["log", "dump", "--dir", &dir], more].concat(), b"");
        assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
        text(&output.stdout)
    };
    let batches = dump(&["--topic", "t"]);
    let lines: Vec<&str> = batches.lines().collect();
    assert_eq!(lines[0], "topics/t/0: offsets 0 to 30");
    assert!(lines[2].starts_with("offsets 10 to 19: 10 records, "), "{batches}");
    assert_eq!(lines.len(), 4);
    let some = dump(&["--topic", "t", "--records", "--from", "12", "--to", "13"]);
    assert_eq!(some.lines().count(), 12, "the batch that holds it:\n{some}");
    assert!(some.contains("key \"k2\"  \"message 12\""), "{some}");
    let json = dump(&["--log", "topics/t/0", "--records", "--json"]);
    let values: Vec<Value> = json.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(values.len(), 30);
    assert_eq!((&values[12]["offset"], &values[12]["value"]), (&12.into(), &"message 12".into()));
    let other = dump(&["--topic", "other", "--records", "--json"]);
    assert!(other.contains("\"value_base64\":\"//4=\""), "{other}");
}

#[test]
fn damage_is_found_and_what_is_whole_is_saved() {
    let (_root, dir) = data();
    let sound = fs::read(segment(&dir)).expect("read");
    let mut bytes = sound.clone();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(segment(&dir), &bytes).expect("written");
    let output = run(&["log", "verify", "--dir", &dir], b"");
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stdout);
    assert!(said.contains("topics/t/0: DAMAGED, 20 records in 2 batches"), "{said}");
    assert!(said.contains("damage: ") && said.contains("the checksum is"), "{said}");
    assert!(text(&output.stderr).contains("1 of "), "{}", text(&output.stderr));
    assert_eq!(fs::read(segment(&dir)).expect("read"), bytes, "nothing was changed");
    let dumped = run(&["log", "dump", "--dir", &dir, "--topic", "t"], b"");
    assert_eq!(dumped.status.code(), Some(1), "it does not pass over it in silence");
    assert!(text(&dumped.stderr).contains("is damaged at byte"), "{}", text(&dumped.stderr));

    let repaired = run(&["log", "repair", "--dir", &dir], b"");
    assert_eq!(repaired.status.code(), Some(0));
    let said = text(&repaired.stdout);
    assert!(said.contains("topics/t/0: repaired, 20 records saved\n  lost: offsets 10 to 19\n"), "{said}");
    assert!(said.contains("topics/other/0: sound, not touched"), "{said}");
    let aside = segment(&dir).with_extension("log.damaged1");
    assert_eq!(fs::read(aside).expect("kept"), bytes);
    let output = run(&["log", "verify", "--dir", &dir], b"");
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stdout).contains("damaged1 was set aside earlier"), "{}", text(&output.stdout));
    let consumed = run(&["consume", "--dir", &dir, "--topic", "t", "--group", "g"], b"");
    let lines = text(&consumed.stdout);
    assert_eq!((lines.lines().next(), lines.lines().count()), (Some("message 00"), 20));
}

#[test]
fn wrong_input_is_one_line() {
    let (_root, dir) = data();
    let fails = |code: i32, arguments: &[&str], wanted: &str| {
        let output = run(arguments, b"");
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(said.starts_with("mqlab: ") && said.lines().count() == 1 && said.contains(wanted), "{said}");
        assert_eq!(output.stdout, b"");
    };
    fails(1, &["log", "verify", "--dir", "/nowhere"], "there is no data directory at /nowhere");
    fails(1, &["log", "dump", "--dir", &dir, "--topic", "nope"], "there is no topic nope in");
    fails(1, &["log", "dump", "--dir", &dir, "--log", "queues/q/cursor"], "there is no log queues/q/cursor");
    fails(1, &["log", "dump", "--dir", &dir, "--from", "3", "--to", "2"], "--from 3 is after --to 2");
    fails(2, &["log", "dump", "--dir", &dir, "--log", "q"], "a log is named as in topics/orders/0");
    fails(2, &["log", "dump", "--dir", &dir, "--topic", "t", "--log", "topics/t/0"], "cannot be used with");
    fails(2, &["log", "repair"], "--dir <DIR>");
    let _writer = FileStorage::open(&dir).expect("opens");
    fails(1, &["log", "verify", "--dir", &dir], "is in use by another mqlab process");
    fails(1, &["log", "repair", "--dir", &dir], "is in use by another mqlab process");
}

/// A directory that can only be read, as a backup may be.
struct ReadOnly(PathBuf);

impl Drop for ReadOnly {
    fn drop(&mut self) {
        // If it stays mounted, the directory cannot be removed, and that is said by whoever tries.
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

#[test]
fn a_directory_that_can_only_be_read_is_read() {
    let (root, dir) = data();
    let mount = |arguments: &[&str]| {
        Command::new("mount").args(arguments).output().is_ok_and(|output| output.status.success())
    };
    let place = root.path().join("read-only");
    fs::create_dir(&place).expect("created");
    let at = place.to_str().expect("UTF-8");
    if !mount(&["--bind", &dir, at]) {
        return eprintln!("SKIPPED: nothing can be mounted here, so a read-only directory was not tried");
    }
    let _mounted = ReadOnly(place.clone());
    assert!(mount(&["-o", "remount,bind,ro", at]), "it was mounted a moment ago");
    let verified = run(&["log", "verify", "--dir", at], b"");
    assert_eq!(verified.status.code(), Some(0), "{}", text(&verified.stderr));
    assert!(text(&verified.stdout).contains("topics/t/0: sound, 30 records"));
    let dumped = run(&["log", "dump", "--dir", at, "--topic", "t", "--records", "--json"], b"");
    assert_eq!(text(&dumped.stdout).lines().count(), 30);
    for arguments in [
        &["log", "repair", "--dir", at][..],
        &["produce", "--dir", at, "--topic", "t"],
        &["consume", "--dir", at, "--topic", "t", "--group", "g"],
    ] {
        let output = run(arguments, b"x\n");
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("Read-only file system") && said.lines().count() == 1, "{said}");
    }
}
