//! The fuzzers' corpus, and what a seed makes of it: a bounded run of what `fuzz/` does without end.
//!
//! | variable | what |
//! |---|---|
//! | `FUZZ_CASES` | how many changed inputs each target is given (the usual number is a few seconds' work) |
//! | `FUZZ_SEED` | where they begin |
//! | `UPDATE_EXPECT` | the corpus's files that are made from real logs are written anew |

#[path = "common/fuzzed.rs"]
mod fuzzed;

use std::fs;
use std::path::{Path, PathBuf};

use fuzzed::{Kind, Part, input, parts, sound};
use mqlab_core::ids::{Epoch, Offset};
use mqlab_core::log::contract::batch;
use mqlab_core::record::{BatchBuilder, Headers, Marker, NewRecord, Producer};
use mqlab_core::rng::{Rng, Stream};

/// The longest changed input, in bytes.
const INPUT_BYTES_MAX: usize = 16 * 1024;

fn folder(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(target)
}

fn number(variable: &str, usual: u64) -> u64 {
    std::env::var(variable).map_or(usual, |text| text.parse().expect("a number"))
}

/// The inputs of a target, in order of their names.
fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(folder(target)).expect("there is a corpus");
    let read = |path: PathBuf| {
        let name = path.file_name().expect("it has one").to_string_lossy().into_owned();
        (name, fs::read(path).expect("read"))
    };
    let mut inputs: Vec<_> = entries.map(|entry| read(entry.expect("listed").path())).collect();
    inputs.sort();
    inputs
}

/// Changes an input in a few places, as fuzzers do.
fn change(input: &mut Vec<u8>, others: &[(String, Vec<u8>)], rng: &mut Rng) {
    for _ in 0..rng.between(1, 4) {
        let place = |rng: &mut Rng, len: usize| rng.below(len as u64 + 1) as usize;
        let (from, len) = (place(rng, input.len()), rng.between(1, 40) as usize);
        let to = (from + len).min(input.len());
        match rng.below(7) {
            0 | 1 if from < input.len() => input[from] ^= 1 << rng.below(8),
            2 if from < input.len() => input[from] = [0, 1, 0x7f, 0x80, 0xff][rng.below(5) as usize],
            3 => drop(input.drain(from..to)),
            4 => input.truncate(from),
            5 => {
                let at = place(rng, input.len());
                let again = input[from..to].to_vec();
                input.splice(at..at, again);
            }
            _ => {
                let other = &others[rng.below(others.len() as u64) as usize].1;
                let start = place(rng, other.len());
                input.splice(from..to, other[start..(start + 20 * len).min(other.len())].iter().copied());
            }
        }
    }
    input.truncate(INPUT_BYTES_MAX);
}

/// Runs a target on its corpus, and on so many inputs that are made of it.
fn run(target: &str, check: fn(&[u8]), usual: u64) {
    let inputs = corpus(target);
    assert!(inputs.len() > 3, "{target} has a corpus");
    let seen = |what: &str, input: &[u8]| {
        if std::panic::catch_unwind(|| check(input)).is_err() {
            let kept = std::env::temp_dir().join(format!("mqlab-fuzz-{target}"));
            fs::write(&kept, input).expect("written");
            panic!("{what} of {target} (kept as {})", kept.display());
        }
    };
    for (name, input) in &inputs {
        seen(name, input);
    }
    let first = number("FUZZ_SEED", 0);
    for seed in first..first + number("FUZZ_CASES", usual) {
        let mut rng = Rng::new(seed, Stream::Network);
        let mut input = inputs[rng.below(inputs.len() as u64) as usize].1.clone();
        change(&mut input, &inputs, &mut rng);
        seen(&format!("FUZZ_SEED={seed}"), &input);
    }
}

#[test]
fn batches() {
    run("batches", fuzzed::batches, 4_000);
}

#[test]
fn indexes() {
    run("indexes", fuzzed::indexes, 150);
}

#[test]
fn recovery() {
    run("recovery", fuzzed::recovery, 1_000);
}

/// Inputs made of real logs. Findings of the fuzzers lie beside them, under names that say what was wrong.
fn made() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let mut made = made_of_batches();
    let files = |is_closed| sound(is_closed).into_iter().filter_map(|(name, bytes)| part(&name, bytes));
    let whole: Vec<Part> = files(true).collect();
    let of = |kinds: &[Kind]| {
        let wanted: Vec<Part> = whole.iter().filter(|part| kinds.contains(&part.kind)).cloned().collect();
        input(&wanted)
    };
    made.push(("indexes", "closed", of(&[Kind::Index, Kind::TimeIndex])));
    made.push(("indexes", "offsets", of(&[Kind::Index])));
    made.push(("indexes", "times", of(&[Kind::TimeIndex])));
    made.push(("indexes", "none", Vec::new()));
    made.push(("recovery", "closed", input(&whole)));
    made.push(("recovery", "unmarked", of(&[Kind::SegmentSummed, Kind::Index, Kind::PointSummed])));
    made.push(("recovery", "only-segments", of(&[Kind::SegmentSummed])));
    made.push(("recovery", "no-segments", of(&[Kind::PointSummed, Kind::CleanSummed])));
    let whole: Vec<Part> = files(false).collect();
    made.push(("recovery", "killed", input(&whole)));
    let mut torn = whole.clone();
    let last = torn.iter_mut().rfind(|part| part.kind == Kind::SegmentSummed).expect("there is one");
    last.bytes.truncate(last.bytes.len() - 9);
    made.push(("recovery", "torn", input(&torn)));
    let mut hurt = whole.clone();
    let first = hurt.iter_mut().find(|part| part.kind == Kind::SegmentSummed).expect("there is one");
    first.kind = Kind::Segment;
    first.bytes[150] ^= 1;
    made.push(("recovery", "hurt", input(&hurt)));
    let mut ahead = whole;
    let last = ahead.iter_mut().rfind(|part| part.kind == Kind::SegmentSummed).expect("there is one");
    last.bytes.extend_from_slice(&[0; 300]);
    made.push(("recovery", "written-ahead", input(&ahead)));
    let swap = |kind, base, bytes: &[u8]| Part { kind, base, bytes: bytes.into() };
    let old = [batch(0, 2), batch(2, 1), batch(3, 2)].map(|batches| batches.bytes().clone());
    let mut swapped: Vec<Part> =
        [0, 2, 3].iter().zip(&old).map(|(base, bytes)| swap(Kind::SegmentSummed, *base, bytes)).collect();
    swapped.push(swap(Kind::SwapSummed, 0, batch(0, 3).bytes()));
    made.push(("recovery", "swap", input(&swapped)));
    swapped[3].kind = Kind::Cleaned;
    made.push(("recovery", "cleaned", input(&swapped)));
    let gap = BatchBuilder::gap(Offset(3), Offset(9), Epoch(1));
    let gapped = [&old[0][..], &gap.bytes()[..], &batch(9, 1).bytes()[..]].concat();
    made.push(("recovery", "gap", input(&[swap(Kind::SegmentSummed, 0, &gapped)])));
    made
}

fn made_of_batches() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let mut builder = BatchBuilder::of(Producer { id: 7, epoch: 2, sequence: 40 });
    for (number, key) in [None, Some("k"), Some("")].into_iter().enumerate() {
        let headers = Headers::from_iter([("tenant", Some("acme")), ("none", None)]);
        let key = key.map(|key| key.into());
        let value = (number > 0).then(|| "value".into());
        let record = NewRecord { timestamp: 5 - number as i64, key, value, headers };
        builder.push(&record.with_id(mqlab_core::ids::MessageId(9))).expect("small");
    }
    let rich = builder.transactional().build().stamped(Offset(30), Epoch(4));
    let several = [batch(0, 3), batch(3, 1), batch(9, 2)].map(|batches| batches.bytes().clone()).concat();
    let mut zstd = batch(0, 1).bytes().to_vec();
    zstd[22] |= 4;
    let marker = Marker { producer: 7, epoch: 2, coordinator: Epoch(3), commit: true }.build(3);
    vec![
        ("batches", "one", batch(5, 2).bytes().to_vec()),
        ("batches", "several", several),
        ("batches", "rich", rich.bytes().to_vec()),
        ("batches", "gap", BatchBuilder::gap(Offset(3), Offset(9), Epoch(1)).bytes().to_vec()),
        ("batches", "marker", marker.bytes().to_vec()),
        ("batches", "zstd", zstd),
        ("batches", "empty", Vec::new()),
    ]
}

/// A log's file as a part of an input: without its checksum, if it is to be put right.
fn part(name: &str, mut bytes: Vec<u8>) -> Option<Part> {
    let (stem, ending) = name.split_once('.').unwrap_or((name, ""));
    let kind = match (stem, ending) {
        (_, "log") => Kind::SegmentSummed,
        (_, "index") => Kind::Index,
        (_, "timeindex") => Kind::TimeIndex,
        ("recovery-point", _) => Kind::PointSummed,
        ("clean-shutdown", _) => Kind::CleanSummed,
        _ => return None,
    };
    let sum = match kind {
        Kind::PointSummed => 10, // a space, eight digits, and the line's end
        Kind::CleanSummed => 9,
        _ => 0,
    };
    bytes.truncate(bytes.len() - sum);
    Some(Part { kind, base: stem.parse().unwrap_or(0), bytes })
}

#[test]
fn the_corpus_is_what_logs_are_today() {
    for (target, name, bytes) in made() {
        let path = folder(target).join(name);
        if std::env::var("UPDATE_EXPECT").is_ok() {
            fs::create_dir_all(folder(target)).expect("created");
            fs::write(&path, &bytes).expect("written");
        }
        assert_eq!(fs::read(&path).expect("read"), bytes, "{target}/{name}: UPDATE_EXPECT=1 writes it anew");
        let whole = target == "batches" || input(&parts(&bytes)) == bytes;
        assert!(whole, "{target}/{name} is read as it was written");
    }
}
