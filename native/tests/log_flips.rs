//! A bit flips, a file is cut short, is empty, is another's, or is gone: each of them, everywhere, in a log that was closed
//! in good order and in one whose process was killed. Opening and reading end in an error that names the place, or in
//! the right data.
//!
//! What no checksum covers is left out by name: a batch's leader epoch anywhere; in a log that was killed also the offset
//! of its very last batch, and whether there was a segment before the first.

mod common;

use std::path::{Path, PathBuf};

use common::power::{Image, read_image, write_image};
use common::{name, scratch};
use mqlab::Error;
use mqlab::log::{FileLog, FileStorage, Options};
use mqlab_core::ids::Offset;
use mqlab_core::log::contract::batch;
use mqlab_core::log::{Log, LogError, Slice, Storage};
use mqlab_core::record::{Batches, Record};

const OPTIONS: Options = Options { segment_bytes: 420, index_interval_bytes: 60, ..Options::DEFAULT };
/// The records of the log: batches of one and two.
const END: u64 = 15;
/// What is flushed of the one that is killed.
const DURABLE: u64 = 10;

/// A log, and what stands in its files.
struct Sound {
    image: Image,
    records: Vec<Record>,
    is_closed: bool,
}

fn sound(is_closed: bool) -> Sound {
    let root = scratch();
    let mut storage = FileStorage::open_with(root.path(), OPTIONS).expect("opens");
    let mut log = storage.open(&name()).expect("opens");
    let (mut at, mut records) = (0, Vec::new());
    while at < END {
        let new = batch(at, 1 + at % 3 % 2);
        at = new.next().expect("it has records").0;
        log.append(&new).expect("in order");
        records.extend(new.records());
        if at == DURABLE {
            log.flush().expect("flushes");
        }
    }
    assert_eq!((at, log.durable() >= Offset(DURABLE)), (END, true));
    if is_closed {
        storage.close(&name(), log).expect("closes");
    }
    drop(storage);
    Sound { image: read_image(root.path()), records, is_closed }
}

/// Errors that say what is wrong with the files.
fn is_clear(error: &Error) -> bool {
    matches!(
        error,
        Error::Damaged { .. }
            | Error::Gap { .. }
            | Error::Changed { .. }
            | Error::NotOurs { .. }
            | Error::Format { .. }
    )
}

fn load(log: &FileLog, from: u64, bytes_max: u32) -> Result<Option<Batches>, String> {
    let read = log.read(Offset(from), log.end(), bytes_max).and_then(|slice| Ok(slice.load()?));
    match read {
        Ok(batches) => Ok(Some(batches)),
        Err(LogError::Storage(error)) if is_clear(&error) => Ok(None),
        Err(error) => Err(format!("read at {from}: {error}")),
    }
}

impl Sound {
    /// Opens these files, and reads them in every way.
    fn look(&self, root: &Path, image: &Image) -> Result<(), String> {
        write_image(root, image);
        let mut storage = match FileStorage::open_with(root, OPTIONS) {
            Ok(storage) => storage,
            Err(error) if is_clear(&error) => return Ok(()),
            Err(error) => return Err(error.to_string()),
        };
        let log = match storage.open(&name()) {
            Ok(log) => log,
            Err(error) if is_clear(&error) => return Ok(()),
            Err(error) => return Err(error.to_string()),
        };
        let least = if self.is_closed { END } else { DURABLE };
        if log.end().0 < least {
            return Err(format!("it ends at {}", log.end()));
        }
        if log.start() != Offset::ZERO {
            return Err(format!("it starts at {}", log.start()));
        }
        let is_right = |records: &[Record], from: u64| {
            let wanted = self.records.iter().skip(from as usize);
            records.iter().eq(wanted.take(records.len()))
        };
        if let Some(all) = load(&log, 0, u32::MAX)? {
            let records: Vec<Record> = all.records().collect();
            if !is_right(&records, 0) || (records.len() as u64) != log.end().0 {
                return Err(format!("all at once: {records:?}"));
            }
        }
        for from in 0..log.end().0 {
            self.scan(&log, from)?;
            for bytes_max in [1, 200] {
                let Some(read) = load(&log, from, bytes_max)? else { continue };
                let records: Vec<Record> = read.records().filter(|record| record.offset.0 >= from).collect();
                if records.is_empty() || !is_right(&records, from) {
                    return Err(format!("from {from}, {bytes_max} bytes: {records:?}"));
                }
            }
            match log.offset_at(from as i64) {
                Ok(Some(Offset(found))) if found == from => {}
                Err(LogError::Storage(error)) if is_clear(&error) => {}
                other => return Err(format!("time {from}: {other:?}")),
            }
        }
        Ok(())
    }

    /// Goes over the log: what is shown is right, and all of it when there is no error.
    fn scan(&self, log: &FileLog, from: u64) -> Result<(), String> {
        let mut seen = Vec::new();
        let scan = log.scan(Offset(from)).and_then(|scan| {
            Ok(scan.each(|record| seen.push((record.offset, record.value.map(<[u8]>::to_vec))))?)
        });
        let wanted = self.records.iter().skip(from as usize);
        let wanted = wanted.map(|record| (record.offset, record.value.as_deref().map(<[u8]>::to_vec)));
        let is_right = seen.iter().cloned().eq(wanted.take(seen.len()));
        match scan {
            Ok(()) if is_right && seen.len() as u64 == log.end().0 - from => Ok(()),
            Err(LogError::Storage(error)) if is_right && is_clear(&error) => Ok(()),
            other => Err(format!("scanned from {from}: {other:?}, {seen:?}")),
        }
    }

    fn files(&self) -> impl Iterator<Item = (&PathBuf, &Vec<u8>)> {
        self.image.iter().filter_map(|(path, content)| Some((path, content.as_ref()?)))
    }

    fn with(&self, path: &Path, bytes: Vec<u8>) -> Image {
        let mut image = self.image.clone();
        image.insert(path.to_owned(), Some(bytes));
        image
    }

    /// Whether a byte of a segment is one that no checksum and no neighbour knows.
    fn is_free(&self, path: &Path, bytes: &[u8], at: usize) -> bool {
        if path.extension() != Some("log".as_ref()) {
            return false;
        }
        let mut start = 0;
        loop {
            let length = u32::from_be_bytes(bytes[start + 8..start + 12].try_into().expect("four bytes"));
            let next = start + 12 + length as usize;
            if at < next {
                let is_last = next == bytes.len() && self.is_last(path);
                return (12..16).contains(&(at - start)) || !self.is_closed && is_last && at - start < 8;
            }
            start = next;
        }
    }

    fn is_last(&self, path: &Path) -> bool {
        let segments = self
            .files()
            .filter(|(path, bytes)| path.extension() == Some("log".as_ref()) && !bytes.is_empty());
        segments.last().is_some_and(|(last, _)| last == path)
    }
}

fn everywhere(mut see: impl FnMut(&Sound, &Path) -> Vec<String>) {
    let scratch = scratch();
    let mut wrong = Vec::new();
    for is_closed in [true, false] {
        let sound = sound(is_closed);
        sound.look(&scratch.path().join("d"), &sound.image).expect("it is sound");
        let found = see(&sound, &scratch.path().join("d"));
        wrong.extend(found.into_iter().map(|what| format!("closed {is_closed}: {what}")));
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong[..wrong.len().min(30)].join("\n"));
}

#[test]
fn a_bit_flips_anywhere() {
    everywhere(|sound, root| {
        let mut wrong = Vec::new();
        for (path, bytes) in sound.files() {
            for at in 0..bytes.len() {
                for bit in [at % 8, (at * 3 + 5) % 8] {
                    let mut flipped = bytes.clone();
                    flipped[at] ^= 1 << bit;
                    if sound.is_free(path, bytes, at) {
                        continue;
                    }
                    if let Err(why) = sound.look(root, &sound.with(path, flipped)) {
                        wrong.push(format!("{}, byte {at}, bit {bit}: {why}", path.display()));
                    }
                }
            }
        }
        wrong
    });
}

#[test]
fn a_file_is_short_or_long_or_empty_or_anothers() {
    everywhere(|sound, root| {
        let mut wrong = Vec::new();
        for (path, bytes) in sound.files() {
            let mut others: Vec<Vec<u8>> = (0..bytes.len()).map(|len| bytes[..len].to_vec()).collect();
            others.push([&bytes[..], &[0; 700]].concat());
            others.push([&bytes[..], b"and something more, which is not ours"].concat());
            others.push(b"To be, or not to be, that is the question. ".repeat(20));
            others.push(vec![0; bytes.len()]);
            others.push(vec![0xff; bytes.len()]);
            for (number, other) in others.into_iter().enumerate() {
                if let Err(why) = sound.look(root, &sound.with(path, other)) {
                    wrong.push(format!("{}, {number} of {}: {why}", path.display(), bytes.len()));
                }
            }
        }
        wrong
    });
}

#[test]
fn a_file_is_missing_or_in_anothers_place() {
    everywhere(|sound, root| {
        let mut wrong = Vec::new();
        let first = sound.files().find(|(path, _)| path.extension() == Some("log".as_ref()));
        let first = first.expect("there is a segment").0;
        for (path, bytes) in sound.files() {
            let mut image = sound.image.clone();
            image.remove(path);
            // What is gone in front looks like what was trimmed, to who has only the files.
            if (sound.is_closed || path != first)
                && let Err(why) = sound.look(root, &image)
            {
                wrong.push(format!("{} is missing: {why}", path.display()));
            }
            for (other, _) in sound.files().filter(|(other, _)| *other != path) {
                if (sound.is_closed || (other != first && path != first))
                    && let Err(why) = sound.look(root, &sound.with(other, bytes.clone()))
                {
                    wrong.push(format!("{} in place of {}: {why}", path.display(), other.display()));
                }
            }
        }
        wrong
    });
}
