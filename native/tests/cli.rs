//! The command line from outside: what goes in comes out, and whatever is wrong is said in one line.

mod common;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use common::scratch;
use mqlab::log::FileStorage;
use mqlab_core::sim::{Scenario, Timeline};

const DPKG_LOG: &str = "/var/log/dpkg.log";
const DPKG_EXCERPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/dpkg-excerpt.log");

fn mqlab(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mqlab"));
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn start(arguments: &[&str]) -> Child {
    mqlab(arguments).stdin(Stdio::piped()).spawn().expect("the command starts")
}

/// Runs a command over some input.
fn run(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = start(arguments);
    let mut stdin = child.stdin.take().expect("piped");
    let input = input.to_vec();
    // The command may end before it has read everything; that is its affair.
    let writer = thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().expect("the command ends");
    writer.join().expect("writing does not panic");
    output
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("messages are text")
}

/// The output of a command that must succeed.
fn ok(arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let output = run(arguments, input);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", stderr(&output));
    output.stdout
}

/// What a command says that must fail with `code`: one line, and nothing printed.
fn fails(code: i32, arguments: &[&str], input: &[u8]) -> String {
    let output = run(arguments, input);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
    assert!(said.starts_with("mqlab: ") && said.ends_with('\n'), "{said:?}");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert_eq!(output.stdout, b"", "{arguments:?}");
    said
}

struct Data {
    root: tempfile::TempDir,
}

impl Data {
    fn new() -> Self {
        Self { root: scratch() }
    }

    fn dir(&self) -> String {
        self.root.path().join("data").to_str().expect("text").to_owned()
    }

    fn produce(&self, topic: &str, more: &[&str], input: &[u8]) {
        ok(&[&["produce", "--dir", &self.dir(), "--topic", topic], more].concat(), input);
    }

    fn consume(&self, topic: &str, group: &str, more: &[&str]) -> Vec<u8> {
        ok(&[&["consume", "--dir", &self.dir(), "--topic", topic, "--group", group], more].concat(), b"")
    }

    fn segment(&self, topic: &str) -> PathBuf {
        self.root.path().join(format!("data/topics/{topic}/0/00000000000000000000.log"))
    }
}

fn lines(bytes: &[u8]) -> Vec<&[u8]> {
    bytes.split_inclusive(|&byte| byte == b'\n').collect()
}

fn sorted(bytes: &[u8]) -> Vec<&[u8]> {
    let mut lines = lines(bytes);
    lines.sort_unstable();
    lines
}

/// The fourth word of a line of dpkg's log: the package, where there is one.
fn package(line: &[u8]) -> &[u8] {
    line.split(|&byte| byte == b' ').nth(3).unwrap_or_default().trim_ascii_end()
}

fn by_package(log: &[u8]) -> BTreeMap<&[u8], Vec<&[u8]>> {
    let mut packages: BTreeMap<&[u8], Vec<&[u8]>> = BTreeMap::new();
    for line in lines(log) {
        packages.entry(package(line)).or_default().push(line);
    }
    packages
}

fn dpkg_log_goes_in_and_out(path: &str) {
    let log = fs::read(path).expect("a log");
    assert!(log.ends_with(b"\n"));
    let keyed: Vec<u8> = lines(&log).iter().flat_map(|line| [package(line), b"\t", line].concat()).collect();
    let data = Data::new();
    let (first, second) = keyed.split_at(lines(&keyed)[..lines(&keyed).len() / 2].concat().len());
    data.produce("packages", &["--partitions", "3", "--key-separator", "\t"], first);
    data.produce("packages", &["--key-separator", "\t"], second);

    let half = (lines(&log).len() / 2).to_string();
    let mut out = data.consume("packages", "audit", &["--max", &half]);
    assert_eq!(lines(&out).len().to_string(), half);
    out.extend(data.consume("packages", "audit", &[]));
    assert_eq!(sorted(&out), sorted(&log), "not a byte is lost or invented");
    assert_eq!(by_package(&out), by_package(&log), "each package's lines are in their order");
    assert_eq!(data.consume("packages", "audit", &[]), b"", "the group has had everything");

    let with_keys = data.consume("packages", "others", &["--key-separator", "\t"]);
    assert_eq!(sorted(&with_keys), sorted(&keyed), "another group begins at the front, and keys are kept");
}

#[test]
fn the_excerpt_of_a_package_log_goes_in_and_out() {
    dpkg_log_goes_in_and_out(DPKG_EXCERPT);
}

#[test]
fn this_machines_package_log_goes_in_and_out() {
    if fs::metadata(DPKG_LOG).is_ok_and(|log| log.len() > 0) {
        dpkg_log_goes_in_and_out(DPKG_LOG);
    } else {
        eprintln!("skipped: there is no {DPKG_LOG} here");
    }
}

#[test]
fn lines_are_bytes() {
    let data = Data::new();
    let input = b"\xff\xfe\n\nno text: \0\x01\x7f\r\n  spaces \n:\nlast without newline";
    data.produce("raw", &[], input);
    let out = data.consume("raw", "g", &[]);
    assert_eq!(out, [&input[..], b"\n"].concat());
    data.produce("raw", &[], b"");
    assert_eq!(data.consume("raw", "g", &[]), b"");
}

#[test]
fn keys_may_be_empty_and_separators_long() {
    let data = Data::new();
    data.produce("t", &["--key-separator", "=>"], b"=>no key, yet one\na=>b=>c\n=>\n");
    assert_eq!(data.consume("t", "g", &[]), b"no key, yet one\nb=>c\n\n");
    assert_eq!(data.consume("t", "h", &["--key-separator", "|"]), b"|no key, yet one\na|b=>c\n|\n");
}

#[test]
fn groups_go_on_where_they_stopped() {
    let data = Data::new();
    data.produce("t", &[], b"1\n2\n3\n4\n5\n");
    assert_eq!(data.consume("t", "g", &["--max", "2"]), b"1\n2\n");
    assert_eq!(data.consume("t", "h", &["--max", "1"]), b"1\n");
    assert_eq!(data.consume("t", "g", &["--max", "1"]), b"3\n");
    data.produce("t", &[], b"6\n");
    assert_eq!(data.consume("t", "g", &[]), b"4\n5\n6\n");
    assert_eq!(data.consume("t", "h", &[]), b"2\n3\n4\n5\n6\n");
}

#[test]
fn what_has_arrived_is_kept_while_more_is_waited_for() {
    let data = Data::new();
    let dir = data.dir();
    let mut child = start(&["produce", "--dir", &dir, "--topic", "t"]);
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(b"first\nsecond\nnot yet a li").expect("taken");
    let deadline = Instant::now() + Duration::from_secs(20);
    while fs::metadata(data.segment("t")).map_or(0, |segment| segment.len()) == 0 {
        assert!(Instant::now() < deadline, "nothing was kept");
        thread::sleep(Duration::from_millis(5));
    }
    child.kill().expect("killed");
    child.wait().expect("ended");
    assert_eq!(data.consume("t", "g", &[]), b"first\nsecond\n");
}

#[test]
fn a_closed_pipe_ends_quietly_and_skips_nothing() {
    let data = Data::new();
    let input: Vec<u8> = (0..5_000).flat_map(|n| format!("{n:0100}\n").into_bytes()).collect();
    data.produce("t", &[], &input);
    let mut child = start(&["consume", "--dir", &data.dir(), "--topic", "t", "--group", "g"]);
    let mut head = [0; 101];
    let mut stdout = child.stdout.take().expect("piped");
    stdout.read_exact(&mut head).expect("a line");
    drop(stdout);
    let output = child.wait_with_output().expect("ends");
    assert_eq!((output.status.code(), stderr(&output)), (Some(0), String::new()));
    assert_eq!(data.consume("t", "g", &[]), input, "what was not written comes again");

    let mut child = start(&["run", "kill-the-leader", "--trace"]);
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("ends");
    assert_eq!((output.status.code(), stderr(&output)), (Some(0), String::new()));
}

#[test]
fn what_cannot_be_printed_is_not_done_with() {
    let data = Data::new();
    data.produce("t", &[], b"precious\n");
    let Ok(full) = File::options().write(true).open("/dev/full") else {
        eprintln!("skipped: there is no /dev/full here");
        return;
    };
    let mut command = mqlab(&["consume", "--dir", &data.dir(), "--topic", "t", "--group", "g"]);
    let output = command.stdout(full).output().expect("ends");
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).starts_with("mqlab: cannot write standard output: "), "{}", stderr(&output));
    assert_eq!(data.consume("t", "g", &[]), b"precious\n");
}

#[test]
fn bad_input_is_named_and_what_came_before_is_kept() {
    let data = Data::new();
    let dir = data.dir();
    let produce = ["produce", "--dir", &dir, "--topic", "t"];
    let said = fails(1, &[&produce[..], &["--key-separator", ":"]].concat(), b"a:1\nb:2\nbad\nc:3\n");
    assert_eq!(said, "mqlab: line 3: there is no separator \":\" in it; 2 messages kept before it\n");

    let mut endless = b"3\n".to_vec();
    endless.resize(70 * 1024 * 1024, b'x');
    let said = fails(1, &produce, &endless);
    assert!(said.starts_with("mqlab: line 2: the line is longer than"), "{said}");
    assert!(said.ends_with("; 1 message kept before it\n"), "{said}");

    let mut command = mqlab(&produce);
    let output = command.stdin(File::open("/").expect("opens")).output().expect("ends");
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).starts_with("mqlab: cannot read standard input: "), "{}", stderr(&output));
    assert_eq!(data.consume("t", "g", &[]), b"1\n2\n3\n");
}

#[test]
fn what_makes_no_sense_is_refused_in_one_line() {
    let data = Data::new();
    data.produce("orders", &["--partitions", "2"], b"1\n");
    data.produce("bills", &[], b"");
    let dir = data.dir();
    let foreign = data.root.path().join("foreign");
    fs::create_dir(&foreign).expect("created");
    fs::write(foreign.join("thesis.tex"), "years of work").expect("written");
    let newer = data.root.path().join("newer");
    fs::create_dir(&newer).expect("created");
    fs::write(newer.join("mqlab-format"), "mqlab data directory, format 9\n").expect("written");
    let (foreign, newer) = (foreign.to_str().expect("text"), newer.to_str().expect("text"));
    let nowhere = data.root.path().join("nowhere");

    let produce = |more: &[&'static str]| [&["produce", "--dir", &dir, "--topic", "orders"], more].concat();
    let consume = |dir, topic, more: &[&'static str]| {
        [&["consume", "--dir", dir, "--topic", topic, "--group", "g"], more].concat()
    };
    let cases: [(i32, Vec<&str>, &str); 16] = [
        (1, produce(&["--partitions", "3"]), "the topic orders has 2 partitions and cannot get 3"),
        (2, produce(&["--partitions", "0"]), "0 is not in 1..=512"),
        (2, produce(&["--partitions", "513"]), "513 is not in 1..=512"),
        (2, produce(&["--partitions", "many"]), "invalid value 'many'"),
        (2, produce(&["--key-separator", ""]), "a separator has at least one character"),
        (2, produce(&["--colour"]), "unexpected argument '--colour'"),
        (2, vec!["produce", "--dir", &dir, "--topic", "../x"], "is not a usable name"),
        (1, vec!["produce", "--dir", &dir, "--topic", "__offsets"], "the name __offsets is the engine's own"),
        (1, vec!["produce", "--dir", foreign, "--topic", "t"], "is not a data directory of mqlab"),
        (1, vec!["produce", "--dir", newer, "--topic", "t"], "was written by a newer mqlab (format 9;"),
        (2, vec!["produce", "--topic", "t"], "required arguments were not provided: --dir <DIR>"),
        (1, consume(nowhere.to_str().expect("text"), "t", &[]), "there is no data directory at"),
        (1, consume(foreign, "t", &[]), "is not a data directory of mqlab"),
        (1, consume(&dir, "order", &[]), "there is no topic order: there are bills, orders"),
        (2, consume(&dir, "orders", &["--max", "0"]), "invalid value '0' for '--max <N>'"),
        (2, vec!["prduce"], "a similar subcommand exists: 'produce'"),
    ];
    for (code, arguments, wanted) in cases {
        let said = fails(code, &arguments, b"lost?\n");
        assert!(said.contains(wanted), "{arguments:?}: {said}");
    }
    assert!(!nowhere.exists(), "nothing is made where something was only looked for");
    assert_eq!(fs::read_dir(foreign).expect("listed").count(), 1, "nothing is put among files of others");
    assert_eq!(data.consume("orders", "g", &[]), b"1\n");
}

#[test]
fn a_second_writer_is_told_to_wait() {
    let data = Data::new();
    data.produce("t", &[], b"1\n");
    let dir = data.dir();
    let held = FileStorage::open(&dir).expect("opens");
    for arguments in [
        &["produce", "--dir", &dir, "--topic", "t"][..],
        &["consume", "--dir", &dir, "--topic", "t", "--group", "g"],
    ] {
        assert!(fails(1, arguments, b"2\n").contains("is in use by another mqlab process"));
    }
    drop(held);
    assert_eq!(data.consume("t", "g", &[]), b"1\n");
}

#[test]
fn a_damaged_segment_is_named_and_left_as_it_is() {
    let data = Data::new();
    data.produce("t", &[], b"one\n");
    data.produce("t", &[], b"two\n");
    data.produce("sound", &[], b"three\n");
    let (dir, segment) = (data.dir(), data.segment("t"));
    let mut bytes = fs::read(&segment).expect("read");
    let at = bytes.windows(3).position(|part| part == b"one").expect("it is stored as it is");
    bytes[at] ^= 1;
    fs::write(&segment, &bytes).expect("written");
    for arguments in [
        &["produce", "--dir", &dir, "--topic", "t"][..],
        &["consume", "--dir", &dir, "--topic", "t", "--group", "g"],
    ] {
        let said = fails(1, arguments, b"more\n");
        assert!(said.contains(&format!("{} is damaged at byte 0: ", segment.display())), "{said}");
    }
    assert_eq!(fs::read(&segment).expect("read"), bytes);
    assert_eq!(data.consume("sound", "g", &[]), b"three\n", "other topics are not touched by it");
}

#[test]
fn a_torn_tail_is_cut_off_and_said() {
    let data = Data::new();
    data.produce("t", &[], b"one\n");
    // What a process leaves that was killed while it wrote: no mark of a clean shutdown, and a part of a batch.
    let segment = data.segment("t");
    let batch = fs::read(&segment).expect("read");
    let size = batch.len();
    fs::write(&segment, [&batch[..], &batch[..size - 1]].concat()).expect("written");
    fs::remove_file(segment.with_file_name("clean-shutdown")).expect("removed");
    let output = run(&["consume", "--dir", &data.dir(), "--topic", "t", "--group", "g"], b"");
    assert_eq!((output.status.code(), &output.stdout[..]), (Some(0), &b"one\n"[..]));
    let said = stderr(&output);
    let wanted =
        format!("mqlab: topics/t/0: a write was interrupted, {} bytes after byte {size} of", size - 1);
    assert!(said.starts_with(&wanted), "{said}");
    data.produce("t", &[], b"three\n");
    assert_eq!(data.consume("t", "g", &[]), b"three\n");
}

fn text(arguments: &[&str]) -> String {
    String::from_utf8(ok(arguments, b"")).expect("text")
}

fn json(arguments: &[&str]) -> serde_json::Value {
    serde_json::from_str(&text(arguments)).expect("JSON")
}

#[test]
fn a_run_has_the_digest_of_the_timeline() {
    for (name, seed) in [("hundred-messages", None), ("kill-the-leader", None), ("kill-the-leader", Some(99))]
    {
        let scenario = Scenario::built_in(name).expect("it comes with the engine");
        let mut timeline = Timeline::new(scenario.clone(), seed.unwrap_or(scenario.seed)).expect("it runs");
        timeline.seek(timeline.ends_at());
        let digest = timeline.digest().to_string();

        let number = seed.map(|seed| seed.to_string());
        let more: Vec<&str> = number.iter().flat_map(|seed| ["--seed", seed]).collect();
        let said = text(&[&["run", name], &more[..]].concat());
        assert!(said.lines().any(|line| line.split_whitespace().eq(["digest", &digest])), "{said}");
        let report = json(&[&["run", name, "--json", "--trace"], &more[..]].concat());
        assert_eq!(report["digest"], digest);
        assert_eq!(report["trace"].as_array().map(Vec::len), Some(timeline.happened()));
        let traced = text(&[&["run", name, "--trace"], &more[..]].concat());
        let events = traced.lines().take_while(|line| !line.is_empty());
        assert!(events.eq(timeline.events().iter().map(ToString::to_string)), "{name}");
    }
}

#[test]
fn what_is_done_to_a_run_is_what_the_page_does() {
    let actions = [
        "208 crash consumer-2",
        "150.5 cut-power broker-1",
        "300 restart broker-1",
        "20 lose broker-1 and producer-1 50",
        "350 freeze producer-1",
    ];
    let options: Vec<&str> = actions.iter().flat_map(|action| ["--do", action]).collect();
    let report = json(&[&["run", "hundred-messages", "--seed", "9", "--json"], &options[..]].concat());
    let scenario = Scenario::built_in("hundred-messages").expect("it comes with the engine");
    let mut timeline = Timeline::new(scenario, 9).expect("it is sound");
    let in_order = [actions[3], actions[1], actions[0], actions[2], actions[4]]
        .map(|action| action.parse().expect("an action"));
    timeline.replay(&in_order).expect("every action can be done");
    timeline.seek(timeline.ends_at());
    assert_eq!(report["digest"], timeline.digest().to_string());
}

#[test]
fn what_cannot_be_done_to_a_run_is_said() {
    for (action, words) in [
        ("208 explode consumer-2", "is not understood"),
        ("0 crash broker-1", "the run goes from 0.001"),
        ("9000 crash broker-1", "the run goes from 0.001"),
        ("208 crash broker-9", "there is no broker-9"),
        ("208 restart broker-1", "runs already"),
        ("208 cut broker-1 producer-1", "is not understood"),
        ("208 lose everywhere 1001", "use 1 to 1000"),
        ("208 thaw broker-1", "does not stand still"),
    ] {
        let output = run(&["run", "hundred-messages", "--do", action], b"");
        assert!(!output.status.success(), "{action}");
        let said = String::from_utf8(output.stderr).expect("words");
        assert!(said.contains(words) && said.trim_end().lines().count() == 1, "{action}: {said}");
        assert!(output.stdout.is_empty(), "{action}");
    }
}

#[test]
fn a_run_says_who_got_how_much() {
    let report = json(&["run", "hundred-messages", "--json"]);
    assert_eq!(report["deliveries"], serde_json::json!({ "consumer-1": 50, "consumer-2": 50 }));
    assert_eq!(report["verdict"]["delivered"], 100);
    assert_eq!(report["verdict"]["clean"], true);
    let said = text(&["run", "hundred-messages"]);
    for line in [
        "verdict      nothing lost, doubled or out of order",
        "consumer-2   50 messages processed (worker-2)",
    ] {
        assert!(said.lines().any(|found| found == line), "{said}");
    }
}

#[test]
fn a_scenario_may_come_from_a_file() {
    let root = scratch();
    let path = root.path().join("mine.json");
    let name = path.to_str().expect("text");
    let mut scenario = Scenario::built_in("hundred-messages").expect("it comes with the engine");
    scenario.name = "mine".into();
    scenario.producers[0].messages = 7;
    fs::write(&path, serde_json::to_string(&scenario).expect("JSON")).expect("written");
    assert_eq!(json(&["run", name, "--json"])["verdict"]["delivered"], 7);

    fs::write(&path, "{").expect("written");
    assert!(fails(1, &["run", name], b"").contains("mine.json: the scenario cannot be run: "));
    let said = fails(1, &["run", "mine"], b"");
    assert!(said.contains("there is no scenario and no file mine (mqlab run --list prints all "), "{said}");
    let said = fails(1, &["run", "kill-leader"], b"");
    assert!(said.contains("did you mean kill-the-leader or kill-the-leader-acks-1?"), "{said}");
    let listed = String::from_utf8(ok(&["run", "--list"], b"")).expect("text");
    assert!(listed.lines().any(|line| line.starts_with("away ")), "{listed}");
    fails(2, &["run"], b"");
    fails(1, &["run", "/"], b"");
    fails(2, &["run", "hundred-messages", "--seed", "-1"], b"");
}

#[test]
fn every_command_has_help_with_examples() {
    for command in ["produce", "consume", "run", "swarm"] {
        for arguments in [&["help", command][..], &[command, "--help"]] {
            let help = text(arguments);
            assert!(help.contains("Examples:\n") && help.contains(&format!("mqlab {command} ")), "{help}");
        }
    }
    assert!(text(&["--version"]).starts_with("mqlab "));
    let output = run(&[], b"");
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("Usage: mqlab <COMMAND>"));
}

#[test]
fn nothing_but_the_data_directory_is_written() {
    let data = Data::new();
    let elsewhere = scratch();
    let mut command = mqlab(&["produce", "--dir", "here", "--topic", "t"]);
    assert!(command.current_dir(&elsewhere).output().expect("ends").status.success());
    let found: Vec<_> =
        fs::read_dir(&elsewhere).expect("listed").map(|entry| entry.expect("listed").file_name()).collect();
    assert_eq!(found, ["here"]);
    assert!(!Path::new(&data.dir()).exists());
}
