//! How do stored bytes get into a socket? A gibibyte to a reader on this machine, by the three ways that there are.
//!
//! | way | system calls a slice | copies by the processor |
//! |---|---|---|
//! | read, write | 2 | page cache to memory, memory to socket; the reader's |
//! | mmap, write | 1 | page cache to socket; the reader's |
//! | sendfile | 1 | none to the socket, which gets the pages themselves; the reader's |
//!
//! The file is in the page cache. The reader is another thread, which reads into memory that it uses again and throws it
//! away; the clock stops when it has seen the end. So the processor's time is that of both.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::FileExt as _;
use std::rc::Rc;
use std::thread;

use mqlab_bench_contest::contest::{Contest, Done, Plan, Took};
use mqlab_bench_contest::report::Row;

use crate::place::Place;
use crate::watch::Watch;

/// What is sent in one measurement.
const BYTES: usize = 1024 * 1024 * 1024;
/// How much the reader takes at once.
const READ_BYTES: usize = 1024 * 1024;

const READ_WRITE: &str = "read + write";
const SENDFILE: &str = "sendfile";

pub(crate) fn rows(place: &Place) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for (text, slice) in
        [("16 KiB", 16 * 1024), ("64 KiB", 64 * 1024), ("256 KiB", 256 * 1024), ("1 MiB", 1024 * 1024)]
    {
        let (name, place) = (format!("socket: bare system calls, slices of {text}"), place.clone());
        let own_name = name.clone();
        rows.push((name, Box::new(move |plan| bare(&own_name, plan, &place, slice))));
    }
    rows
}

/// A connection to a thread of this process that reads all and keeps nothing.
pub(crate) fn sent(bytes: usize, send: impl FnOnce(&mut TcpStream)) -> (Done, Took) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    let reader = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("somebody connects");
        let (mut buffer, mut seen) = (vec![0; READ_BYTES], 0);
        loop {
            match stream.read(&mut buffer).expect("it is connected") {
                0 => return seen,
                got => seen += got,
            }
        }
    });
    let mut stream = TcpStream::connect(address).expect("it listens");
    let watch = Watch::start();
    send(&mut stream);
    drop(stream);
    let seen = reader.join().expect("it ends");
    let took = watch.took();
    assert_eq!(seen, bytes, "all of it came");
    (Done { work: bytes, sum: 0 }, took)
}

fn bare(name: &str, plan: &Plan, place: &Place, slice: usize) -> Contest {
    let bytes = plan.work(BYTES);
    let dir = Rc::new(place.scratch());
    let path = dir.path().join("stored");
    let mut file = File::create_new(&path).expect("the directory is new");
    let piece: Vec<u8> = (0..1024 * 1024_u32).map(|at| (at.wrapping_mul(0x9e37_79b1) >> 24) as u8).collect();
    (0..bytes / piece.len()).for_each(|_| file.write_all(&piece).expect("there is room"));
    file.sync_all().expect("the disk takes it");
    let file = Rc::new(File::open(&path).expect("it was written"));
    let by_read = {
        let (file, dir) = (Rc::clone(&file), Rc::clone(&dir));
        move || {
            let (_dir, mut buffer) = (&dir, vec![0; slice]);
            sent(bytes, |stream| {
                for at in (0..bytes).step_by(slice) {
                    file.read_exact_at(&mut buffer, at as u64).expect("it is there");
                    stream.write_all(&buffer).expect("somebody reads");
                }
            })
        }
    };
    let by_sendfile = move || {
        sent(bytes, |stream| {
            let mut at = 0;
            while at < bytes as u64 {
                let until = (at + slice as u64).min(bytes as u64);
                while at < until {
                    let left = (until - at) as usize;
                    let sent = rustix::fs::sendfile(&*stream, &*file, Some(&mut at), left);
                    assert!(sent.expect("somebody reads") > 0, "the file is long enough");
                }
            }
        })
    };
    Contest::new(name, "bytes").with_timed(SENDFILE, "", by_sendfile).with_timed(
        READ_WRITE,
        "into memory that is used again",
        by_read,
    )
}
