//! `mqlab queue` from outside, each command a process of its own: what one receives another settles, whoever is killed in
//! between; and whatever is wrong is said in one line and changes nothing.

mod common;

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Output, Stdio};
use std::thread::{self, sleep};
use std::time::Duration;

use common::scratch;
use mqlab::{Message, Queues};

struct Data {
    root: tempfile::TempDir,
}

fn mqlab(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mqlab"));
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

impl Data {
    fn new() -> Self {
        Self { root: scratch() }
    }

    fn dir(&self) -> String {
        self.root.path().join("data").to_str().expect("text").to_owned()
    }

    fn start(&self, what: &str, queue: &str, more: &[&str]) -> Child {
        let place = ["queue", what, "--dir", &self.dir(), "--queue", queue].map(String::from);
        let all: Vec<&str> = place.iter().map(String::as_str).chain(more.iter().copied()).collect();
        mqlab(&all).spawn().expect("the command starts")
    }

    fn run(&self, what: &str, queue: &str, more: &[&str], input: &[u8]) -> Output {
        let mut child = self.start(what, queue, more);
        let mut stdin = child.stdin.take().expect("piped");
        let input = input.to_vec();
        // The command may end before it has read everything; that is its affair.
        let writer = thread::spawn(move || drop(stdin.write_all(&input)));
        let output = child.wait_with_output().expect("the command ends");
        writer.join().expect("writing does not panic");
        output
    }

    /// What a command prints that must succeed.
    fn ok(&self, what: &str, queue: &str, more: &[&str], input: &[u8]) -> String {
        let output = self.run(what, queue, more, input);
        assert_eq!(output.status.code(), Some(0), "{what} {more:?}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    /// What a command says that must fail: one line, and nothing printed.
    fn fails(&self, code: i32, what: &str, queue: &str, more: &[&str]) -> String {
        let output = self.run(what, queue, more, b"a line\n");
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{what} {more:?}: {said}");
        assert!(said.starts_with("mqlab: ") && said.ends_with('\n') && said.lines().count() == 1, "{said:?}");
        assert_eq!(output.stdout, b"", "{what} {more:?}");
        said
    }

    /// Ready, leased, delayed, dead letters.
    fn counts(&self, queue: &str) -> [u64; 4] {
        let json = self.ok("stats", queue, &["--json"], b"");
        let stats: serde_json::Value = serde_json::from_str(&json).expect("JSON");
        ["ready", "leased", "delayed", "dead_letters"].map(|name| stats[name].as_u64().expect("a number"))
    }
}

#[test]
fn lines_are_sent_received_and_acknowledged_by_separate_processes() {
    let data = Data::new();
    let sent = data.run("send", "jobs", &[], b"one\ntwo\nthree");
    assert_eq!(text(&sent.stderr), "mqlab: 3 messages kept in jobs\n");
    assert_eq!(data.ok("peek", "jobs", &[], b""), "0\tone\n1\ttwo\n2\tthree\n");
    assert_eq!(data.ok("receive", "jobs", &["--max", "2"], b""), "0-1\tone\n1-1\ttwo\n");
    assert_eq!(data.counts("jobs"), [1, 2, 0, 0]);
    data.ok("ack", "jobs", &["0-1", "0-1"], b"");
    data.ok("nack", "jobs", &["1-1"], b"");
    assert_eq!(data.ok("receive", "jobs", &["--max", "9", "--ack"], b""), "1-2\ttwo\n2-1\tthree\n");
    assert_eq!(data.counts("jobs"), [0, 0, 0, 0]);
    let none = data.run("receive", "jobs", &[], b"");
    assert_eq!((none.status.code(), text(&none.stdout)), (Some(0), String::new()));
    assert_eq!(text(&none.stderr), "mqlab: nothing is ready in jobs (0 leased, 0 delayed)\n");
}

#[test]
fn priorities_delays_and_times_to_live_hold_over_processes() {
    let data = Data::new();
    data.ok("send", "jobs", &["--message", "low"], b"");
    data.ok("send", "jobs", &["--message", "high", "--priority", "9"], b"");
    data.ok("send", "jobs", &["--message", "late", "--delay", "1s"], b"");
    data.ok("send", "jobs", &["--message", "brief", "--ttl", "1ms"], b"");
    assert_eq!(data.counts("jobs")[2], 1);
    assert_eq!(data.ok("receive", "jobs", &["--max", "9", "--ack"], b""), "1-1\thigh\n0-1\tlow\n");
    let waited = data.ok("receive", "jobs", &["--wait", "20s", "--ack"], b"");
    assert!(waited.ends_with("\tlate\n"), "{waited}");
    assert_eq!(data.counts("jobs"), [0, 0, 0, 0]);
}

#[test]
fn a_message_that_nobody_can_process_becomes_a_dead_letter() {
    let data = Data::new();
    data.ok("send", "jobs", &["--message", "poison", "--delivery-limit", "2", "--dead-letter", "dead"], b"");
    for receipt in ["0-1", "0-2"] {
        assert_eq!(data.ok("receive", "jobs", &[], b""), format!("{receipt}\tpoison\n"));
        data.ok("nack", "jobs", &[receipt], b"");
    }
    assert_eq!(data.counts("jobs"), [0, 0, 0, 1]);
    assert_eq!(data.ok("receive", "dead", &["--ack"], b""), "0-1\tpoison\n");
    data.ok("send", "jobs", &["--message", "refused"], b"");
    let taken = data.ok("receive", "jobs", &[], b"");
    data.ok("nack", "jobs", &[taken.split('\t').next().expect("a receipt"), "--reject"], b"");
    assert_eq!(data.counts("jobs"), [0, 0, 0, 1]);
}

#[test]
fn a_lease_hides_until_it_ends_and_then_the_old_receipt_settles_nothing() {
    let data = Data::new();
    data.ok("send", "jobs", &[], b"one\n");
    assert_eq!(data.ok("receive", "jobs", &["--lease", "1500ms"], b""), "0-1\tone\n");
    assert_eq!(data.ok("receive", "jobs", &[], b""), "", "somebody has it");
    assert_eq!(data.ok("receive", "jobs", &["--wait", "20s", "--lease", "1h"], b""), "0-2\tone\n");
    let refused = data.fails(1, "ack", "jobs", &["0-1"]);
    assert!(refused.contains("0-1") && refused.contains("received its message again"), "{refused}");
    data.fails(1, "nack", "jobs", &["0-1"]);
    data.ok("ack", "jobs", &["0-2"], b"");
    assert!(data.fails(1, "ack", "jobs", &["0-2"]).contains("is not in the queue"));
    // A late acknowledgement is good as long as nobody has the message.
    data.ok("send", "jobs", &[], b"two\n");
    assert_eq!(data.ok("receive", "jobs", &["--lease", "1ms"], b""), "1-1\ttwo\n");
    sleep(Duration::from_millis(20));
    data.ok("ack", "jobs", &["1-1"], b"");
    assert_eq!(data.counts("jobs"), [0, 0, 0, 0]);
}

#[test]
fn a_worker_that_is_killed_between_receive_and_ack_loses_nothing() {
    let data = Data::new();
    let numbers: String = (0..20).map(|number| format!("{number}\n")).collect();
    data.ok("send", "jobs", &[], numbers.as_bytes());
    let mut done = Vec::new();
    let mut killed = 0;
    while done.len() < 20 {
        // It prints, and is killed before it could acknowledge: it waits for nobody, so whoever is slow is too late.
        let mut child = data.start("receive", "jobs", &["--max", "3", "--lease", "700ms", "--wait", "20s"]);
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let first = lines.next().expect("something came").expect("text");
        child.kill().expect("SIGKILL");
        child.wait().expect("it is dead");
        killed += 1;
        let printed: Vec<String> =
            std::iter::once(first).chain(lines.map(|line| line.expect("text"))).collect();
        // Of what it printed, some was done.
        for line in printed.iter().take(if killed % 3 == 0 { 0 } else { 2 }) {
            let (receipt, job) = line.split_once('\t').expect("a receipt and a message");
            data.ok("ack", "jobs", &[receipt], b"");
            assert!(!done.contains(&job.to_owned()), "{job} was acknowledged, and came again");
            done.push(job.to_owned());
        }
    }
    assert_eq!(data.counts("jobs"), [0, 0, 0, 0]);
    assert!(killed >= 10);
}

#[test]
fn a_sender_that_is_killed_has_kept_what_it_called_kept_and_invented_nothing() {
    let data = Data::new();
    let mut kept = 0;
    for round in 0..10 {
        let mut child = data.start("send", "jobs", &[]);
        let mut input = child.stdin.take().expect("piped");
        for number in 0..100 {
            writeln!(input, "{round} {number}").expect("it reads");
        }
        input.flush().expect("it reads");
        sleep(Duration::from_millis(25 * round));
        child.kill().expect("SIGKILL");
        child.wait().expect("it is dead");
        data.ok("send", "jobs", &["--message", &format!("{round} kept")], b"");
        kept += 1;
    }
    let all = data.ok("receive", "jobs", &["--max", "100000"], b"");
    let bodies: Vec<&str> = all.lines().map(|line| line.split_once('\t').expect("a receipt").1).collect();
    assert_eq!(bodies.iter().filter(|body| body.ends_with("kept")).count(), kept);
    for round in 0..10 {
        let of: Vec<&&str> = bodies.iter().filter(|body| body.starts_with(&format!("{round} "))).collect();
        let expected: Vec<String> = (0..of.len() - 1).map(|number| format!("{round} {number}")).collect();
        assert_eq!(
            of[..of.len() - 1].iter().map(|body| **body).collect::<Vec<_>>(),
            expected,
            "a beginning, in order"
        );
    }
}

#[test]
fn commands_wait_for_each_other() {
    let data = Data::new();
    data.ok("send", "jobs", &["--message", "first"], b"");
    let senders: Vec<Child> =
        (0..8).map(|number: u32| data.start("send", "jobs", &["--message", &number.to_string()])).collect();
    for child in senders {
        let output = child.wait_with_output().expect("it ends");
        assert!(output.status.success(), "{}", text(&output.stderr));
    }
    assert_eq!(data.counts("jobs")[0], 9);
}

#[test]
fn programs_read_json() {
    let data = Data::new();
    data.ok("send", "jobs", &["--message", "say \"hi\"\nthere", "--priority", "3"], b"");
    let taken: serde_json::Value =
        serde_json::from_str(&data.ok("receive", "jobs", &["--json"], b"")).expect("JSON");
    let expected =
        serde_json::json!({"id": "0-1", "deliveries": 1, "priority": 3, "body": "say \"hi\"\nthere"});
    assert_eq!(taken, expected);
    data.ok("send", "jobs", &[], b"\xff\x00\n");
    let seen: serde_json::Value =
        serde_json::from_str(&data.ok("peek", "jobs", &["--json"], b"")).expect("JSON");
    assert_eq!(seen, serde_json::json!({"place": 1, "deliveries": 0, "priority": 0, "body_base64": "/wA="}));
    let stats: serde_json::Value =
        serde_json::from_str(&data.ok("stats", "jobs", &["--json"], b"")).expect("JSON");
    assert!(
        stats["disk_bytes"].as_u64() > Some(0)
            && stats["oldest_age_ms"].is_u64()
            && stats["dead_letter_queue"].is_null()
    );
    let table = data.ok("stats", "jobs", &[], b"");
    assert!(table.starts_with("ready         1\nleased        1\ndelayed       0\non disk "), "{table}");
}

#[test]
fn what_is_wrong_is_said_in_one_line_and_changes_nothing() {
    let data = Data::new();
    for what in ["receive", "peek", "stats"] {
        assert!(data.fails(1, what, "jobs", &[]).contains("there is no data directory at"));
    }
    assert!(!data.root.path().join("data").exists(), "looking makes nothing");
    // Wrong words.
    data.fails(2, "send", "jobs", &["--priority", "10"]);
    data.fails(2, "send", "jobs", &["--ttl", "soon"]);
    data.fails(2, "send", "jobs", &["--delivery-limit", "0"]);
    data.fails(2, "send", "a b", &[]);
    data.fails(2, "receive", "jobs", &["--max", "0"]);
    data.fails(2, "ack", "jobs", &[]);
    data.fails(2, "nack", "jobs", &["0-1", "--delay", "1s", "--reject"]);
    data.fails(1, "send", "jobs", &["--dead-letter", "jobs"]);
    assert!(!data.root.path().join("data").exists(), "what is wrong makes nothing");
    for id in ["17", "1-1-1", "-1", "01-1", "1-", "x-1"] {
        data.fails(2, "ack", "jobs", &["--", id]);
    }

    data.ok("send", "jobs", &["--delivery-limit", "3"], b"one\ntwo\n");
    let unknown = data.fails(1, "receive", "jops", &[]);
    assert!(unknown.contains("there is no queue jops") && unknown.contains("there are jobs"), "{unknown}");
    data.fails(1, "receive", "jobs", &["--lease", "0s"]);
    for (option, value, has) in [("--delivery-limit", "4", "3"), ("--dead-letter", "dead", "none")] {
        assert!(data.fails(1, "send", "jobs", &[option, value]).contains(&format!("is {has}")));
    }
    data.ok("receive", "jobs", &[], b"");
    data.fails(1, "ack", "jobs", &["0-1", "1-1"]);
    data.fails(1, "nack", "jobs", &["0-1", "7-1"]);
    data.fails(1, "ack", "jobs", &["0-0"]);
    assert_eq!(data.counts("jobs"), [1, 1, 0, 0], "all or none");
    // A queue that a program made has no priorities unless it said so.
    let queues = Queues::open(data.dir()).expect("opens");
    queues.queue("plain").expect("made").send(Message::new("x")).expect("kept");
    queues.close().expect("closes");
    assert!(data.fails(1, "send", "plain", &["--priority", "5"]).contains("highest priority is 0"));
    // Another one's directory.
    let other = data.root.path().join("other");
    std::fs::create_dir(&other).and_then(|()| std::fs::write(other.join("file"), "x")).expect("written");
    let output =
        mqlab(&["queue", "send", "--dir", other.to_str().expect("text"), "--queue", "q", "--message", "m"])
            .output()
            .expect("runs");
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("is not a data directory"), "{}", text(&output.stderr));
}

#[test]
fn help_has_examples() {
    for what in ["send", "receive", "ack", "nack", "peek", "stats"] {
        let output = mqlab(&["queue", what, "--help"]).output().expect("runs");
        let help = text(&output.stdout);
        assert_eq!(output.status.code(), Some(0));
        assert!(
            help.contains("Examples:") && help.contains(&format!("mqlab queue {what} --dir data")),
            "{help}"
        );
        assert!(help.lines().all(|line| line.chars().count() <= 120), "{help}");
    }
}
