//! A process is killed while it writes, two hundred times. Whatever it had said is stored is there, in order, nothing is
//! there that nobody sent, and the next process goes on.
//!
//! This program starts itself anew as the one that is killed. `KILLS` says how often.

mod common;

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use common::scratch;
use mqlab::log::{Durability, FileLog, FileStorage, Options};
use mqlab_core::ids::{LogName, Name, Offset};
use mqlab_core::log::contract::batch;
use mqlab_core::log::{Log, Slice, Storage};
use mqlab_core::record::NewRecord;
use mqlab_core::rng::{Rng, Stream};

/// How often a process is killed, unless `KILLS` says otherwise.
const KILLS: u64 = 200;
/// How many threads send to the log that they share.
const THREADS: u64 = 3;
/// How many records a log keeps, or a few more.
const KEPT: u64 = 2_000;
/// Where the process that is killed finds its directory and its seed.
const DIR: &str = "MQLAB_KILLED_DIR";
const SEED: &str = "MQLAB_KILLED_SEED";

fn queue(name: &str) -> LogName {
    LogName::Queue(Name::new(name).expect("a legal name"))
}

fn options(seed: u64) -> Options {
    let durability = match seed % 4 {
        0 => Durability::Manual,
        1 => Durability::Every(5),
        2 => Durability::Interval(Duration::from_millis(1)),
        _ => Durability::EveryBatch,
    };
    let segment_bytes = [300, 4_000, 1 << 20][seed as usize / 4 % 3];
    let preallocate_bytes = [0, 2_000][seed as usize / 2 % 2];
    Options { segment_bytes, index_interval_bytes: 100, durability, preallocate_bytes, ..Options::DEFAULT }
}

/// Says that something is stored, in one line and one write.
fn say(line: &str) {
    std::io::stdout().lock().write_all(format!("ack {line}\n").as_bytes()).expect("somebody listens");
}

/// The one that is killed.
#[test]
#[ignore = "it writes until it is killed: the test below starts it"]
fn writer() {
    let Ok(dir) = std::env::var(DIR) else { return };
    let seed = std::env::var(SEED).expect("it has a seed").parse().expect("a number");
    let mut storage = FileStorage::open_with(Path::new(&dir).join("own"), options(seed)).expect("opens");
    let own = ["a", "b"].map(|name| (name, storage.open(&queue(name)).expect("opens")));
    let shared = Options { durability: Durability::EveryBatch, ..options(seed) };
    let mut storage = FileStorage::open_with(Path::new(&dir).join("shared"), shared).expect("opens");
    let log = storage.open(&queue("s")).expect("opens").share();
    say("begin 0 0");
    for thread in 0..THREADS {
        let log = log.clone();
        thread::spawn(move || {
            for number in 0.. {
                let text = format!("{seed} {thread} {number}");
                let record = NewRecord { value: Some(text.clone().into()), ..NewRecord::default() };
                let offset = log.send(&record).expect("is stored");
                say(&format!("s {offset} {text}"));
                thread::sleep(Duration::from_micros(300));
            }
        });
    }
    let writers = own.map(|(name, log)| thread::spawn(move || append(name, log, seed)));
    for writer in writers {
        writer.join().expect("it writes until it is killed");
    }
}

/// Appends, flushes, rolls and trims for ever.
fn append(name: &str, mut log: FileLog, seed: u64) {
    let mut rng = Rng::new(seed ^ u64::from(name.as_bytes()[0]), Stream::Workload);
    loop {
        let (end, start) = (log.end().0, log.start().0);
        match rng.below(40) {
            0 => log.flush().expect("flushes"),
            1 => log.roll().expect("rolls"),
            2 if end - start > KEPT => log.trim(Offset(end - KEPT / 2)).expect("trims"),
            _ => {
                let records = rng.between(1, 5);
                log.append(&batch(end, records)).expect("appends");
                say(&format!("{name} {} 0", end + records));
            }
        }
        thread::sleep(Duration::from_micros(rng.below(300)));
    }
}

/// What was said to be stored, by all that were killed.
#[derive(Default)]
struct Said {
    ends: BTreeMap<String, u64>,
    sent: BTreeMap<u64, String>,
}

impl Said {
    fn hear(&mut self, line: &str) {
        // A test's harness speaks, too, and puts its words before the first.
        let Some((_, said)) = line.split_once("ack ") else { return };
        let mut words = said.splitn(3, ' ');
        let (log, number) = (words.next().expect("a log"), words.next().expect("a number"));
        let number = number.parse().expect("a number");
        if log == "s" {
            assert_eq!(
                self.sent.insert(number, words.next().expect("a text").to_owned()),
                None,
                "given twice"
            );
        } else if log != "begin" {
            self.ends.insert(log.to_owned(), number);
        }
    }
}

/// Lets a process write for a while, and kills it.
fn kill_one(dir: &Path, seed: u64, said: &mut Said, rng: &mut Rng) {
    let mut child = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "writer", "--ignored", "--nocapture", "--test-threads=1"])
        .env(DIR, dir)
        .env(SEED, seed.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut line = String::new();
    let hear = |lines: &mut BufReader<_>, line: &mut String, said: &mut Said| {
        line.clear();
        let more = lines.read_line(line).expect("read") > 0;
        if line.ends_with('\n') {
            said.hear(line.trim_end());
        }
        more
    };
    // It may be killed while it recovers, too.
    let patient = rng.below(5) > 0;
    while patient && hear(&mut lines, &mut line, said) && !line.contains("begin") {}
    thread::sleep(Duration::from_micros(rng.below(30_000)));
    child.kill().expect("killed");
    while hear(&mut lines, &mut line, said) {}
    let ended = child.wait().expect("it ended");
    assert_eq!(ended.code(), None, "seed {seed}: it was killed, and did not end by itself");
}

/// Reads what is there, in another process than wrote it.
fn check(dir: &Path, seed: u64, said: &Said) {
    let mut storage = FileStorage::open_with(dir.join("own"), options(seed)).expect("opens");
    for name in ["a", "b"] {
        let log = storage.open(&queue(name)).expect("opens");
        let end = said.ends.get(name).copied().unwrap_or(0);
        assert!(log.end().0 >= end, "seed {seed}, {name}: {end} was stored, it ends at {}", log.end());
        assert_eq!(log.durable(), log.end());
        let mut expected = log.start().0;
        read(&log, |offset, value| {
            assert_eq!((offset, value), (expected, format!("value {expected}")), "seed {seed}, {name}");
            expected += 1;
        });
        assert_eq!(expected, log.end().0, "seed {seed}, {name}");
    }
    let shared = Options { durability: Durability::EveryBatch, ..options(seed) };
    let mut storage = FileStorage::open_with(dir.join("shared"), shared).expect("opens");
    let log = storage.open(&queue("s")).expect("opens");
    let (mut found, mut expected) = (BTreeMap::new(), 0);
    read(&log, |offset, value| {
        assert_eq!(offset, expected, "seed {seed}: in order");
        expected += 1;
        found.insert(offset, value);
    });
    for (offset, text) in &said.sent {
        assert_eq!(found.get(offset), Some(text), "seed {seed}: it was stored at {offset}");
    }
    // Each thread's messages are there once, and from its first on.
    let mut last: BTreeMap<String, u64> = BTreeMap::new();
    for text in found.values() {
        let (thread, number) = text.rsplit_once(' ').expect("as it was sent");
        let number: u64 = number.parse().expect("a number");
        let wanted = last.get(thread).map_or(0, |last| last + 1);
        assert_eq!(number, wanted, "seed {seed}: what thread {thread} sent");
        last.insert(thread.to_owned(), number);
    }
}

fn read(log: &FileLog, mut see: impl FnMut(u64, String)) {
    let mut at = log.start();
    while at < log.end() {
        let batches = log.read(at, log.end(), 100_000).expect("in range").load().expect("loads");
        for record in batches.records() {
            let value = record.value.expect("each has a value");
            see(record.offset.0, String::from_utf8(value.to_vec()).expect("a text"));
        }
        at = batches.next().expect("there is more");
    }
}

#[test]
fn what_a_killed_process_had_stored_is_there() {
    let dir = scratch();
    let kills = std::env::var("KILLS").map_or(KILLS, |text| text.parse().expect("a number"));
    let (mut said, mut rng) = (Said::default(), Rng::new(1, Stream::Faults));
    let began = Instant::now();
    for seed in 0..kills {
        kill_one(dir.path(), seed, &mut said, &mut rng);
        check(dir.path(), seed, &said);
    }
    let stored = said.sent.len();
    assert!(stored > kills as usize && said.ends.len() == 2, "{stored} messages: too few to prove anything");
    println!("{kills} kills in {:?}: {:?} and {stored} messages were stored", began.elapsed(), said.ends);
}
