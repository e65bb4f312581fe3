//! How much of the bare system calls' speed is left when a log's slices are sent to a socket? Each way against its own
//! calls, and the way that is chosen by itself against the best of them.
//!
//! | contender | bar |
//! |---|---|
//! | `Courier` by read and write, by mmap and write, by sendfile | 0.9 of the same calls without a log |
//! | `Courier::suited_to` the socket | 0.8 of the best of the bare calls |
//!
//! The log is one segment in the page cache. Its slice is found once: what is compared is the sending. The bare calls and
//! the courier move the same bytes of the same file, so many a call; both map the file anew for each round.
//!
//! A row for the congestion control that the machine has, and if that is BBR, which sends by a timer, one for Reno, which
//! does not: the order of the ways is another (`native/src/log/transfer.rs` says why).

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::rc::Rc;
use std::thread;

use mqlab::log::{Courier, FileSlice, Transfer};
use mqlab_bench_contest::contest::{Bar, Contest, Done, Plan, Took};
use mqlab_bench_contest::report::Row;
use mqlab_core::log::{Log as _, Slice as _};
use rustix::net::{AddressFamily, SocketType, connect, socket, sockopt};
use tempfile::TempDir;

use crate::load::MEDIUM;
use crate::ours::Ours;
use crate::place::Place;
use crate::watch::Watch;

/// What is sent in one measurement: a little less than a segment holds.
const BYTES: usize = 1000 * 1024 * 1024;
/// How much the reader takes at once.
const READ_BYTES: usize = 1024 * 1024;
const CONGESTION: &str = "/proc/sys/net/ipv4/tcp_congestion_control";

const DEFAULT: &str = "mqlab log, the way that suits";
const BARE: [&str; 3] = ["bare read and write", "bare mmap and write", "bare sendfile"];
const OURS: [&str; 3] = ["mqlab log, read and write", "mqlab log, mmap and write", "mqlab log, sendfile"];

/// What is sent, from where.
struct Stored {
    _ours: Ours,
    /// Goes when the value does.
    _dir: TempDir,
    slice: FileSlice,
    file: File,
}

type Sent = (Done, Took);

pub(crate) fn rows(place: &Place) -> Vec<Row> {
    let own =
        fs::read_to_string(CONGESTION).map_or_else(|_| "reno".to_owned(), |name| name.trim().to_owned());
    let controls = if own == "bbr" { vec![own, "reno".to_owned()] } else { vec![own] };
    let mut rows: Vec<Row> = Vec::new();
    for control in controls {
        for (text, piece) in
            [("16 KiB", 16 << 10), ("64 KiB", 64 << 10), ("256 KiB", 256 << 10), ("1 MiB", 1 << 20)]
        {
            for (number, way) in Transfer::ALL.into_iter().enumerate() {
                let name = format!("socket: {}, slices of {text}, {control}", way.name());
                let (own_name, place, control) = (name.clone(), place.clone(), control.clone());
                rows.push((
                    name,
                    Box::new(move |plan| {
                        let stored = Rc::new(Stored::new(plan, &place));
                        Contest::new(own_name.as_str(), "bytes")
                            .with_timed(OURS[number], "", ours(&stored, &control, piece, Some(way)))
                            .with_timed(
                                BARE[number],
                                "the same bytes of the same file",
                                bare(&stored, &control, piece, way),
                            )
                            .bar(Bar::Times(0.9, BARE[number]))
                    }),
                ));
            }
            let name = format!("socket: the way that suits, slices of {text}, {control}");
            let (own_name, place, control) = (name.clone(), place.clone(), control.clone());
            rows.push((
                name,
                Box::new(move |plan| {
                    let stored = Rc::new(Stored::new(plan, &place));
                    let contest = Contest::new(own_name.as_str(), "bytes").with_timed(
                        DEFAULT,
                        "",
                        ours(&stored, &control, piece, None),
                    );
                    Transfer::ALL.into_iter().zip(BARE).fold(contest, |contest, (way, name)| {
                        let contest = contest.with_timed(name, "", bare(&stored, &control, piece, way));
                        contest.bar(Bar::Times(0.8, name))
                    })
                }),
            ));
        }
    }
    rows
}

impl Stored {
    fn new(plan: &Plan, place: &Place) -> Self {
        let dir = place.scratch();
        let mut ours = Ours::open(dir.path());
        let pool = MEDIUM.batches();
        let count = plan.work(BYTES) / pool[0].bytes().len();
        (0..count).for_each(|number| drop(ours.append(pool[number % pool.len()].clone())));
        ours.flush();
        let slice = ours.log.read(ours.log.start(), ours.log.end(), u32::MAX).expect("it is in range");
        let file = File::open(segment(&ours)).expect("it was written");
        Self { _ours: ours, _dir: dir, slice, file }
    }
}

/// The file of the log's only segment.
fn segment(ours: &Ours) -> PathBuf {
    let entries = fs::read_dir(ours.log.path()).expect("the log is there");
    let mut paths = entries.map(|entry| entry.expect("it can be listed").path());
    assert_eq!(ours.log.segments().len(), 1, "a run fits a segment");
    paths.find(|path| path.extension().is_some_and(|ending| ending == "log")).expect("a log has a segment")
}

/// A connection to a thread of this process that reads all and keeps nothing.
fn sent(bytes: u64, control: &str, send: impl FnOnce(&mut TcpStream)) -> Sent {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    let stream = socket(AddressFamily::INET, SocketType::STREAM, None).expect("there are sockets");
    // Before it connects: BBR leaves its pacing to whoever comes after it.
    sockopt::set_tcp_congestion(&stream, control).expect("this machine has it");
    connect(&stream, &address).expect("it listens");
    let (mut from, _) = listener.accept().expect("somebody connects");
    let reader = thread::spawn(move || {
        let (mut buffer, mut seen) = (vec![0; READ_BYTES], 0);
        loop {
            match from.read(&mut buffer).expect("it is connected") {
                0 => return seen,
                got => seen += got as u64,
            }
        }
    });
    let mut stream = TcpStream::from(stream);
    let watch = Watch::start();
    send(&mut stream);
    drop(stream);
    let seen = reader.join().expect("it ends");
    let took = watch.took();
    assert_eq!(seen, bytes, "all of it came");
    (Done { work: bytes as usize, sum: 0 }, took)
}

fn ours(
    stored: &Rc<Stored>,
    control: &str,
    piece: usize,
    way: Option<Transfer>,
) -> impl FnMut() -> Sent + 'static {
    let (stored, control) = (Rc::clone(stored), control.to_owned());
    move || {
        sent(stored.slice.bytes(), &control, |stream| {
            let courier = way.map_or_else(|| Courier::suited_to(&*stream), Courier::new);
            let mut courier = courier.in_pieces(piece);
            courier.put(&stored.slice);
            courier.send_all(&*stream).expect("somebody reads");
        })
    }
}

fn bare(stored: &Rc<Stored>, control: &str, piece: usize, way: Transfer) -> impl FnMut() -> Sent + 'static {
    let (stored, control) = (Rc::clone(stored), control.to_owned());
    move || {
        let (bytes, file) = (stored.slice.bytes(), &stored.file);
        let pieces = || (0..bytes).step_by(piece).map(|at| (at, (bytes - at).min(piece as u64) as usize));
        sent(bytes, &control, |stream| match way {
            Transfer::ReadWrite => {
                let mut buffer = vec![0; piece];
                for (at, length) in pieces() {
                    file.read_exact_at(&mut buffer[..length], at).expect("it is there");
                    stream.write_all(&buffer[..length]).expect("somebody reads");
                }
            }
            Transfer::MmapWrite => {
                let own = file.try_clone().expect("there are descriptors");
                let map = mmap_io::MemoryMappedFile::from_file(own, mmap_io::MmapMode::ReadOnly, "")
                    .expect("it maps");
                for (at, length) in pieces() {
                    let seen = map.as_slice_bytes(at, length as u64).expect("it is there");
                    stream.write_all(seen).expect("somebody reads");
                }
            }
            Transfer::SendFile => {
                for (mut at, length) in pieces() {
                    let until = at + length as u64;
                    while at < until {
                        let left = (until - at) as usize;
                        let sent = rustix::fs::sendfile(&*stream, file, Some(&mut at), left);
                        assert!(sent.expect("somebody reads") > 0, "the file is long enough");
                    }
                }
            }
        })
    }
}
