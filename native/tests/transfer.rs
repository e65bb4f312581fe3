//! Every way to send stored bytes sends the very same ones, and says clearly why it cannot.

mod common;

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use common::scratch;
use mqlab::Error;
use mqlab::log::{Courier, FileLog, FileSlice, FileStorage, Options, Progress, SystemCalls, Transfer};
use mqlab_core::ids::{Epoch, LogName, Name, Offset};
use mqlab_core::log::{Log as _, Slice as _, Storage as _};
use mqlab_core::record::{BatchBuilder, Batches, NewRecord};
use proptest::prelude::*;
use rustix::net::sockopt;

/// A log in a directory that goes when it goes.
struct Stored {
    root: tempfile::TempDir,
    storage: FileStorage,
    log: FileLog,
}

/// A batch of one record at `base`, whose value is `bytes` long and tells one place from another.
fn batch(base: u64, bytes: usize) -> Batches {
    let value: Vec<u8> = (0..bytes).map(|at| (at as u64 * 31 + base * 7) as u8).collect();
    let mut builder = BatchBuilder::new();
    builder.push(&NewRecord { value: Some(value.into()), ..NewRecord::default() }).expect("fits");
    builder.build().stamped(Offset(base), Epoch(0))
}

impl Stored {
    fn new(segment_bytes: u32, values: &[usize]) -> Self {
        let root = scratch();
        let options = Options { segment_bytes, ..Options::default() };
        let mut storage = FileStorage::open_with(root.path().join("data"), options).expect("opens");
        let mut log = storage.open(&LogName::Queue(Name::new("q").expect("a name"))).expect("opens");
        for (base, bytes) in values.iter().enumerate() {
            log.append(&batch(base as u64, *bytes)).expect("in order");
        }
        Self { root, storage, log }
    }

    fn all(&self) -> FileSlice {
        self.log.read(Offset(0), self.log.end(), u32::MAX).expect("in range")
    }

    /// The file of the segment that begins at `base`.
    fn segment(&self, base: u64) -> PathBuf {
        self.root
            .path()
            .join(format!("data/{}/{base:020}.log", LogName::Queue(Name::new("q").expect("a name"))))
    }
}

/// A sender that blocks or does not, and a receiver: over TCP, or over a local socket with as small a buffer as can be had.
fn sockets(small: bool, blocking: bool) -> (OwnedFd, Box<dyn io::Read + Send>) {
    let (sender, receiver): (OwnedFd, Box<dyn io::Read + Send>) = if small {
        let (sender, receiver) = UnixStream::pair().expect("a pair");
        sockopt::set_socket_send_buffer_size(&sender, 1).expect("can be asked for");
        (sender.into(), Box::new(receiver))
    } else {
        let (sender, receiver) = tcp();
        (sender.into(), Box::new(receiver))
    };
    rustix::io::ioctl_fionbio(&sender, !blocking).expect("can be asked for");
    (sender, receiver)
}

fn tcp() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
    let sender = TcpStream::connect(listener.local_addr().expect("an address")).expect("connects");
    let (receiver, _) = listener.accept().expect("accepts");
    (sender, receiver)
}

/// Reads until the sender closes, so many bytes at a time, with a rest now and then.
fn slowly(mut receiver: Box<dyn io::Read + Send>, step: usize) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let (mut received, mut buffer, mut reads) = (Vec::new(), vec![0; step], 0);
        loop {
            match receiver.read(&mut buffer).expect("reads") {
                0 => return received,
                read => received.extend(&buffer[..read]),
            }
            reads += 1;
            if reads % 64 == 1 {
                thread::sleep(Duration::from_micros(200));
            }
        }
    })
}

fn way() -> impl Strategy<Value = Transfer> {
    prop::sample::select(&Transfer::ALL[..])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn every_way_sends_the_very_same_bytes(
        values in prop::collection::vec(0_usize..9_000, 1..40),
        segment_bytes in 100_u32..60_000,
        (from, until) in (0.0..1.0_f64, 0.0..1.0_f64),
        bytes_max in 1_u32..300_000,
        pieces in prop::collection::vec((way(), prop::sample::select(vec![1_000_usize, 4_096, 10_007, 65_536, 1 << 20])), 1..4),
        (blocking, small) in (any::<bool>(), any::<bool>()),
        step in prop::sample::select(vec![777_usize, 16_384, 100_000]),
    ) {
        let stored = Stored::new(segment_bytes, &values);
        let at = |part: f64| Offset((part * values.len() as f64) as u64);
        let (from, until) = (at(f64::min(from, until)), Offset(at(f64::max(from, until)).0 + 1));
        let slice = stored.log.read(from, until, bytes_max).expect("in range");
        let expected = slice.load().expect("sound");
        let mapped = slice.load_mapped().expect("sound");
        prop_assert_eq!(&mapped.iter().flat_map(|part| part.bytes().to_vec()).collect::<Vec<_>>(), &expected.bytes().to_vec());

        // One slice after the other to the same receiver, each its own way.
        let (sender, receiver) = sockets(small, blocking);
        let received = slowly(receiver, step);
        for (way, piece) in &pieces {
            let mut courier = Courier::new(*way).in_pieces(*piece);
            courier.put(&slice);
            courier.put(&slice);
            prop_assert_eq!(courier.left(), 2 * slice.bytes());
            courier.send_all(&sender).expect("sends");
            prop_assert_eq!((courier.left(), courier.way()), (0, *way));
        }
        slice.send(&sender).expect("sends");
        drop(sender);
        let received = received.join().expect("receives");
        prop_assert!(received == expected.bytes().repeat(2 * pieces.len() + 1));
    }
}

#[test]
fn a_receiver_that_takes_no_more_is_come_back_to() {
    let stored = Stored::new(300_000, &[100_000; 10]);
    let expected = stored.all().load().expect("sound").bytes().clone();
    for way in Transfer::ALL {
        let (sender, mut receiver) = sockets(true, false);
        let mut courier = Courier::new(way);
        courier.put(&stored.all());
        let (mut received, mut blocked) = (Vec::new(), 0);
        while courier.send(&sender).expect("sends") == Progress::Blocked {
            let left = courier.left();
            assert!(left > 0 && left < expected.len() as u64, "{way:?}: {left} of {}", expected.len());
            assert_eq!(courier.send(&sender).expect("still there"), Progress::Blocked);
            let mut buffer = [0; 30_000];
            let read = receiver.read(&mut buffer).expect("there is something");
            received.extend(&buffer[..read]);
            blocked += 1;
        }
        drop(sender);
        receiver.read_to_end(&mut received).expect("the rest");
        assert!(blocked > 3, "{way:?} was never in want of room");
        assert!(received == expected, "{way:?}");
    }
}

#[test]
fn a_receiver_that_is_gone_is_named() {
    let stored = Stored::new(1 << 20, &[100_000; 20]);
    for way in Transfer::ALL {
        let (sender, receiver) = sockets(false, true);
        let mut courier = Courier::new(way);
        courier.put(&stored.all());
        courier.put(&stored.all());
        drop(receiver);
        let failed = courier.send_all(&sender).expect_err("nobody is there");
        assert!(matches!(failed, Error::Peer { .. }), "{way:?}: {failed:?}");
        assert!(failed.to_string().starts_with("cannot send to the receiver: "), "{failed}");
        assert!(courier.left() > 0);
    }
    // What cannot be written to at all.
    let read_only = File::open(stored.segment(0)).expect("opens");
    for way in Transfer::ALL {
        let mut courier = Courier::new(way);
        courier.put(&stored.all());
        let failed = courier.send_all(&read_only).expect_err("it is for reading");
        assert!(matches!(failed, Error::Peer { .. }), "{way:?}: {failed:?}");
    }
}

#[test]
fn a_file_that_ends_too_early_is_named_and_kills_nobody() {
    for way in Transfer::ALL {
        let stored = Stored::new(1 << 20, &[50_000; 4]);
        let slice = stored.all();
        let (sender, receiver) = sockets(true, false);
        let mut courier = Courier::new(way).in_pieces(4_096);
        courier.put(&slice);
        // It has begun, and has mapped what it maps, when somebody cuts the file.
        assert_eq!(courier.send(&sender).expect("sends"), Progress::Blocked);
        File::options().write(true).open(stored.segment(0)).expect("opens").set_len(10).expect("cuts");
        let received = slowly(receiver, 10_000);
        let failed = courier.send_all(&sender).expect_err("the file is too short");
        assert!(
            matches!(&failed, Error::Changed { path } if *path == stored.segment(0)),
            "{way:?}: {failed:?}"
        );
        drop(sender);
        assert!(received.join().expect("receives").len() < slice.bytes() as usize);

        let failed = slice.load_mapped().expect_err("too short to be mapped");
        assert!(matches!(failed, Error::Changed { .. }), "{failed:?}");
        assert!(matches!(slice.load(), Err(Error::Io { operation: "read", .. })));
    }
}

#[test]
fn damage_is_found_in_a_mapping_as_it_is_in_memory() {
    let stored = Stored::new(3_000, &[1_000; 9]);
    let path = stored.segment(2);
    let mut bytes = fs::read(&path).expect("reads");
    *bytes.last_mut().expect("not empty") ^= 1;
    fs::write(&path, bytes).expect("writes");
    let slice = stored.all();
    let (loaded, mapped) = (slice.load().expect_err("damaged"), slice.load_mapped().expect_err("damaged"));
    assert!(matches!(&loaded, Error::Damaged { path: found, .. } if *found == path), "{loaded:?}");
    assert_eq!(loaded.to_string(), mapped.to_string());
}

#[test]
fn what_was_trimmed_is_still_sent_to_whoever_found_it() {
    let mut stored = Stored::new(3_000, &[1_000; 9]);
    let (slice, expected) = (stored.all(), stored.all().load().expect("sound"));
    stored.log.trim(stored.log.end()).expect("trims");
    assert!(!stored.segment(0).exists());
    for way in Transfer::ALL {
        let (sender, receiver) = sockets(false, true);
        let received = slowly(receiver, 10_000);
        let mut courier = Courier::new(way);
        courier.put(&slice);
        courier.send_all(&sender).expect("sends");
        drop(sender);
        assert!(received.join().expect("receives") == *expected.bytes(), "{way:?}");
    }
}

/// A follower that is told to truncate must not change what a reader looks at.
#[test]
fn what_was_cut_off_is_still_there_for_whoever_has_it_mapped() {
    let mut stored = Stored::new(1 << 20, &[10_000; 6]);
    let before = fs::read(stored.segment(0)).expect("reads");
    let mapped = stored.all().load_mapped().expect("sound");
    stored.log.truncate(Offset(2)).expect("cuts");
    assert_eq!(stored.log.end(), Offset(2));
    for base in 2..9 {
        stored.log.append(&batch(base, 9_000)).expect("in order");
    }
    stored.log.flush().expect("flushes");
    assert!(*mapped[0].bytes() == before[..], "the old file, to its end");
    let after = stored.all().load().expect("sound");
    assert_eq!(after.records().map(|record| record.offset.0).collect::<Vec<_>>(), (0..9).collect::<Vec<_>>());

    // Nobody has it mapped any more: it is cut where it stands, and a slice of before says so.
    let (slice, courier) = (stored.all(), Courier::new(Transfer::MmapWrite));
    drop(mapped);
    drop(courier);
    stored.log.truncate(Offset(1)).expect("cuts");
    assert!(matches!(slice.load_mapped(), Err(Error::Changed { .. })));
    let name = LogName::Queue(Name::new("q").expect("a name"));
    stored.storage.close(&name, stored.log).expect("closes");
    let log = stored.storage.open(&name).expect("opens");
    assert_eq!((log.start(), log.end()), (Offset(0), Offset(1)));
    assert_eq!(
        fs::read_dir(log.path())
            .expect("lists")
            .filter(|entry| {
                entry.as_ref().expect("listed").path().extension().is_some_and(|ending| ending == "cut")
            })
            .count(),
        0
    );
}

/// Into a file each call moves all that it is asked to, so the calls can be foretold.
#[test]
fn system_calls_are_one_or_two_a_piece() {
    let stored = Stored::new(100_000, &[10_000; 25]);
    let slice = stored.all();
    let expected = slice.load().expect("sound");
    let segments =
        slice.load_mapped().expect("sound").iter().map(|part| part.bytes().len() as u64).collect::<Vec<_>>();
    assert!(segments.len() > 2);
    let calls = segments.iter().map(|bytes| bytes.div_ceil(16_384)).sum();
    let target = stored.root.path().join("sent");
    for (way, counted) in Transfer::ALL.into_iter().zip([
        SystemCalls { reads: calls, writes: calls, ..SystemCalls::default() },
        SystemCalls { writes: calls, maps: segments.len() as u64, ..SystemCalls::default() },
        SystemCalls { sendfiles: calls, ..SystemCalls::default() },
    ]) {
        let mut courier = Courier::new(way).in_pieces(16_384);
        courier.put(&slice);
        courier.send_all(File::create(&target).expect("creates")).expect("sends");
        assert!(fs::read(&target).expect("reads") == *expected.bytes(), "{way:?}");
        assert_eq!(courier.calls(), counted, "{way:?}");
        // A mapping is made once, and used as long as it is at hand.
        courier.put(&stored.log.read(Offset(24), Offset(25), 1).expect("in range"));
        courier.send_all(File::create(&target).expect("creates")).expect("sends");
        assert_eq!(courier.calls().maps, counted.maps, "{way:?}");
    }
}

#[test]
fn a_log_that_grows_is_mapped_again() {
    let mut stored = Stored::new(1 << 20, &[10_000; 2]);
    let target = stored.root.path().join("sent");
    let mut courier = Courier::new(Transfer::MmapWrite);
    let out = File::create(&target).expect("creates");
    courier.put(&stored.all());
    courier.send_all(&out).expect("sends");
    stored.log.append(&batch(2, 10_000)).expect("in order");
    courier.put(&stored.log.read(Offset(2), Offset(3), u32::MAX).expect("in range"));
    courier.send_all(&out).expect("sends");
    assert!(fs::read(&target).expect("reads") == *stored.all().load().expect("sound").bytes());
    let name = LogName::Queue(Name::new("q").expect("a name"));
    stored.storage.close(&name, stored.log).expect("closes");
}

#[test]
fn where_sendfile_is_refused_it_is_read_and_written() {
    let stored = Stored::new(1 << 20, &[10_000; 3]);
    let target = stored.root.path().join("sent");
    let out = File::options().create(true).append(true).open(&target).expect("opens");
    let mut courier = Courier::new(Transfer::SendFile);
    courier.put(&stored.all());
    courier.send_all(&out).expect("sends");
    assert_eq!(courier.way(), Transfer::ReadWrite);
    assert!(fs::read(&target).expect("reads") == *stored.all().load().expect("sound").bytes());
}

#[test]
fn a_pipe_is_sent_to_as_well() {
    let stored = Stored::new(20_000, &[10_000; 30]);
    let expected = stored.all().load().expect("sound");
    for way in Transfer::ALL {
        let (mut reader, writer) = io::pipe().expect("a pipe");
        let received = thread::spawn(move || {
            let mut all = Vec::new();
            reader.read_to_end(&mut all).map(|_| all)
        });
        let mut courier = Courier::new(way);
        courier.put(&stored.all());
        courier.send_all(&writer).expect("sends");
        drop(writer);
        assert!(received.join().expect("receives").expect("reads") == *expected.bytes(), "{way:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn the_way_suits_the_receiver() {
    let (sender, _receiver) = tcp();
    for (congestion, way) in [("reno", Transfer::SendFile), ("bbr", Transfer::MmapWrite)] {
        if sockopt::set_tcp_congestion(&sender, congestion).is_ok() {
            assert_eq!(Transfer::suited_to(&sender), way, "{congestion}");
        } else {
            eprintln!("skipped: this machine has no {congestion}");
        }
    }
    let file = tempfile::tempfile().expect("a file");
    assert_eq!(Transfer::suited_to(&file), Transfer::SendFile);
}
