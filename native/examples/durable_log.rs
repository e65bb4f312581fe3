//! A log that many threads write to: each message is on the disk when `send` returns, and they share the flushes.
//!
//! `cargo run -p mqlab --example durable_log -- DIRECTORY`

use std::thread;

use mqlab::log::{Durability, FileStorage, LogReader, Options};
use mqlab_core::ids::LogName;
use mqlab_core::log::{Slice as _, Storage as _};
use mqlab_core::record::NewRecord;

fn run(dir: &str) -> Result<usize, Box<dyn std::error::Error>> {
    let name: LogName = "topics/measurements/0".parse()?;
    let options = Options {
        durability: Durability::EveryBatch,
        preallocate_bytes: 1024 * 1024, // a flush of small batches has less to do where blocks are
        ..Options::default()
    };
    let mut storage = FileStorage::open_with(dir, options)?;
    let log = storage.open(&name)?.share();
    thread::scope(|scope| {
        let send = |sensor| {
            let log = &log;
            move || {
                log.send(&NewRecord {
                    value: Some(format!("sensor {sensor}: 21 C").into()),
                    ..NewRecord::default()
                })
            }
        };
        let sending: Vec<_> = (0..4).map(|sensor| scope.spawn(send(sensor))).collect();
        sending.into_iter().try_for_each(|sent| sent.join().expect("no panic").map(drop))
    })?;

    // Another process may do the same at any time, without a lock.
    let reader = LogReader::open(dir, &name)?;
    let all = reader.read(reader.start(), reader.end(), u32::MAX)?.load()?;
    for record in all.records() {
        println!("{}: {}", record.offset, String::from_utf8_lossy(&record.value.unwrap_or_default()));
    }
    let log = log.into_log().map_err(|_| "somebody still writes")??;
    storage.close(&name, log)?; // the next start needs no recovery
    Ok(all.records().count())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    run(&std::env::args().nth(1).ok_or("say in which directory")?).map(drop)
}

#[test]
fn runs() -> Result<(), Box<dyn std::error::Error>> {
    let scratch = tempfile::tempdir()?;
    let dir = scratch.path().to_str().ok_or("a path in UTF-8")?;
    assert_eq!((run(dir)?, run(dir)?), (4, 8));
    Ok(())
}
