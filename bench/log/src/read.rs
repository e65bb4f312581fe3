//! How fast is a log read from its beginning to its end, each checksum checked and each record visited?
//!
//! | records | against | bar |
//! |---|---|---|
//! | 100 x 1 KiB, 100 x 100 B | a raw framed read | 0.9, 0.7 |
//!
//! The raw framed read knows nothing of batches: its file holds the same bodies, each with four bytes of length in front,
//! and it reads a length and a body, a length and a body, by a `BufReader` with as large a buffer as our chunks, into memory
//! that it uses again. The leanest that we can think of stands beside it: it shows the bodies where they lie in the buffer.
//! Neither has a checksum, offsets, times. A visitor looks at a body's length, first and last byte: what all of them must
//! have seen alike.
//!
//! The files are in the page cache, and have been written to the disk before.

use std::fs::File;
use std::io::{BufReader, Read as _, Write as _};
use std::path::Path;
use std::rc::Rc;

use mqlab_bench_contest::contest::{Bar, Contest, Done, Plan};
use mqlab_bench_contest::report::Row;

use crate::append::batches;
use crate::load::{MEDIUM, SMALL, Size};
use crate::ours::{CHUNK_BYTES, Ours};
use crate::place::Place;
use crate::raw::read_frames;
use crate::watch::Watch;

const FRAMED: &str = "raw framed read";

pub(crate) fn rows(place: &Place) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for (size, bar) in [(MEDIUM, 0.9), (SMALL, 0.7)] {
        let (name, place) = (format!("read: from beginning to end, 100 x {}", size.text), place.clone());
        let own_name = name.clone();
        rows.push((name, Box::new(move |plan| contest(&own_name, plan, &place, size, bar))));
    }
    rows
}

/// What a visitor keeps of a body.
pub(crate) fn look(sum: u64, body: &[u8]) -> u64 {
    let (Some(first), Some(last)) = (body.first(), body.last()) else { return sum };
    sum.wrapping_mul(31)
        .wrapping_add(body.len() as u64 + (u64::from(*first) << 16) + (u64::from(*last) << 32))
}

fn contest(name: &str, plan: &Plan, place: &Place, size: Size, bar: f64) -> Contest {
    let count = batches(plan, size);
    let dir = Rc::new(place.scratch());
    let mut ours = Ours::open(&dir.path().join("log"));
    let pool = size.records();
    (0..count).for_each(|number| ours.append_records(&pool[number % pool.len()]));
    ours.flush();
    let ours = Rc::new(ours);
    let frames = dir.path().join("frames");
    write_frames(&frames, count, size);
    let work = count * size.batch_bytes();
    let (borrowed, segment) = (Rc::clone(&ours), ours.segment());
    let kept = Rc::clone(&dir);
    let each = move || {
        let watch = Watch::start();
        let mut sum = 0;
        ours.read(|body| sum = look(sum, body));
        (Done { work, sum }, watch.took())
    };
    let in_place = move || {
        let watch = Watch::start();
        let mut sum = 0;
        borrowed.read_in_place(|body| sum = look(sum, body));
        (Done { work, sum }, watch.took())
    };
    let (buffered, lean_dir) = (frames.clone(), Rc::clone(&dir));
    let framed = move || {
        let _dir = &kept;
        let watch = Watch::start();
        let mut sum = 0;
        read_buffered(&buffered, |body| sum = look(sum, body));
        (Done { work, sum }, watch.took())
    };
    let lean = move || {
        let _dir = &lean_dir;
        let watch = Watch::start();
        let mut sum = 0;
        read_frames(&frames, CHUNK_BYTES as usize, length_in_front, |frame| sum = look(sum, &frame[4..]));
        (Done { work, sum }, watch.took())
    };
    let same_file = move || {
        let watch = Watch::start();
        let (mut sum, mut bytes) = (0, 0);
        read_frames(&segment, CHUNK_BYTES as usize, batch_length, |batch| {
            (sum, bytes) = (look(sum, batch), bytes + batch.len());
        });
        (Done { work: bytes, sum }, watch.took())
    };
    Contest::new(name, "bytes")
        .with_timed("mqlab log", "sums checked, records lent", in_place)
        .with_timed(FRAMED, "BufReader: a length, a body; nothing checked", framed)
        .with_timed("the same, bodies shown in the buffer", "the leanest; nothing checked", lean)
        .with_timed("mqlab log, records handed out", "each shares its batch's memory", each)
        .with_timed("raw read of the same file", "batch by batch: no record is looked at", same_file)
        .bar(Bar::Times(bar, FRAMED))
}

/// Reads lengths and bodies one by one.
fn read_buffered(path: &Path, mut visit: impl FnMut(&[u8])) {
    let file = File::open(path).expect("it was written");
    let mut left = file.metadata().expect("it is there").len();
    let mut reader = BufReader::with_capacity(CHUNK_BYTES as usize, file);
    let (mut length, mut body) = ([0; 4], Vec::new());
    while left > 0 {
        reader.read_exact(&mut length).expect("there is a frame");
        body.resize(u32::from_le_bytes(length) as usize, 0);
        reader.read_exact(&mut body).expect("it is whole");
        left -= (length.len() + body.len()) as u64;
        visit(&body);
    }
}

/// A file of the same bodies, each with its length in front.
fn write_frames(path: &Path, count: usize, size: Size) {
    let pool = size.bodies();
    let mut file = File::create_new(path).expect("the directory is new");
    let mut batch = Vec::new();
    for number in 0..count {
        batch.clear();
        for body in &pool[number % pool.len()] {
            batch.extend_from_slice(&(body.len() as u32).to_le_bytes());
            batch.extend_from_slice(body);
        }
        file.write_all(&batch).expect("there is room");
    }
    file.sync_all().expect("the disk takes it");
}

/// How long the frame at the front is, its four bytes of length included.
fn length_in_front(bytes: &[u8]) -> Option<usize> {
    Some(u32::from_le_bytes(*bytes.first_chunk()?) as usize + 4)
}

/// How long the batch at the front is.
fn batch_length(bytes: &[u8]) -> Option<usize> {
    Some(u32::from_be_bytes(*bytes.get(8..)?.first_chunk()?) as usize + 12)
}
