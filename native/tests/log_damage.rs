//! Whatever stands in the files, opening them ends in the right data or in a clear error: never in a panic, never
//! in wrong data, and nothing is dropped unsaid.

mod common;

use std::fs;

use common::{
    TINY, bases, batch_bytes, index, log_dir, name, offsets, open, scratch, segment, write, write_and_die,
};
use mqlab::Error;
use mqlab::log::Options;
use mqlab_core::ids::Offset;
use mqlab_core::log::contract::batch;
use mqlab_core::log::{Log, LogError, Slice, Storage};
use mqlab_core::record::{Malformed, crc32c};

#[test]
fn a_torn_tail_is_cut_at_every_length() {
    // The first seven bytes are zeros of the offset, as are blocks that were written ahead.
    let whole = batch_bytes(0) + batch_bytes(1);
    for torn in 8..batch_bytes(2) {
        let root = scratch();
        write_and_die(root.path(), Options::default(), 2, 3);
        let path = segment(root.path(), 0);
        let file = fs::File::options().write(true).open(&path).expect("opens");
        file.set_len(whole + torn).expect("cut");
        let (mut storage, mut log) =
            open(root.path(), Options::default()).expect("a torn tail is not an error");
        let [recovered] = storage.recovered() else { panic!("one cut is reported") };
        assert_eq!((&recovered.log, &recovered.path), (&name(), &path));
        assert_eq!((recovered.bytes_kept, recovered.bytes_cut), (whole, torn));
        assert!(matches!(recovered.reason, Malformed::CutOff { .. }), "{recovered}");
        assert_eq!((log.end(), log.durable()), (Offset(2), Offset(2)));
        log.append(&batch(2, 1)).expect("the log goes on where it was cut");
        assert_eq!(offsets(&log), [0, 1, 2]);
        storage.close(&name(), log).expect("closes");
        storage.open(&name()).expect("opens");
        assert_eq!(storage.recovered().len(), 1, "then there is nothing left to cut");
    }
}

#[test]
fn what_was_durable_is_not_cut_off_like_a_torn_tail() {
    let whole = batch_bytes(0) + batch_bytes(1);
    for torn in 0..batch_bytes(2) {
        let root = scratch();
        write_and_die(root.path(), Options::default(), 3, 3);
        let path = segment(root.path(), 0);
        let file = fs::File::options().write(true).open(&path).expect("opens");
        file.set_len(whole + torn).expect("cut");
        let error = open(root.path(), Options::default()).expect_err("it was flushed");
        let told = match error {
            // So far there are only zeros of the offset.
            Error::Gap { ends: Offset(2), next: Offset(3), .. } => torn < 8,
            Error::Damaged { position, .. } => position == whole,
            _ => false,
        };
        assert!(told, "{torn} bytes left of the last batch");
        assert_eq!(fs::metadata(&path).expect("there").len(), whole + torn, "nothing was changed");
    }
}

#[test]
fn later_batches_of_which_an_earlier_one_is_missing_are_set_aside() {
    // What a disk may leave that writes later pages before earlier ones: nothing of it was durable.
    for options in [Options::default(), TINY] {
        let root = scratch();
        write_and_die(root.path(), options, 3, 9);
        let (base, at) =
            if options == TINY { (2, batch_bytes(2)) } else { (0, (0..3).map(batch_bytes).sum()) };
        let path = segment(root.path(), base);
        let mut bytes = fs::read(&path).expect("read");
        bytes[at as usize..(at + batch_bytes(3)) as usize].fill(0);
        fs::write(&path, &bytes).expect("written");
        let (mut storage, mut log) = open(root.path(), options).expect("it was never durable");
        assert_eq!(offsets(&log), [0, 1, 2]);
        let [recovered] = storage.recovered() else { panic!("one cut is reported") };
        let kept: u64 = recovered.set_aside.iter().map(|path| fs::metadata(path).expect("kept").len()).sum();
        assert!(recovered.to_string().contains("whole batches among them"), "{recovered}");
        assert!(recovered.bytes_cut >= (4..9).map(batch_bytes).sum::<u64>());
        assert!(kept >= (4..9).map(batch_bytes).sum::<u64>(), "whole batches are kept: {recovered:?}");
        log.append(&batch(3, 1)).expect("the log goes on where it was cut");
        storage.close(&name(), log).expect("closes");
        let log = storage.open(&name()).expect("opens");
        assert_eq!(offsets(&log), [0, 1, 2, 3]);
        assert_eq!(storage.recovered().len(), 1);
    }
}

#[test]
fn without_a_recovery_point_no_whole_batch_is_cut_off() {
    let root = scratch();
    write_and_die(root.path(), Options::default(), 0, 9);
    fs::write(log_dir(root.path()).join("recovery-point"), "gone").expect("written");
    let path = segment(root.path(), 0);
    let sound = fs::read(&path).expect("read");
    let mut bytes = sound.clone();
    bytes[70] ^= 1;
    fs::write(&path, &bytes).expect("written");
    let error = open(root.path(), Options::default()).expect_err("it may have been durable");
    assert!(matches!(error, Error::Damaged { position: 0, .. }), "{error}");
    fs::write(&path, &sound[..sound.len() - 1]).expect("written");
    let (storage, log) = open(root.path(), Options::default()).expect("a torn tail");
    assert_eq!((storage.recovered().len(), offsets(&log).len()), (1, 8));
}

#[test]
fn a_tail_of_rubbish_is_cut_and_zeros_are_no_tail() {
    for tail in [
        vec![0; 1],
        vec![0; 5_000],
        vec![0xff; 300],
        b"not a batch at all, but long enough to look at ".repeat(9),
    ] {
        let root = scratch();
        write_and_die(root.path(), Options::default(), 2, 2);
        let path = segment(root.path(), 0);
        let mut bytes = fs::read(&path).expect("read");
        bytes.extend_from_slice(&tail);
        fs::write(&path, bytes).expect("written");
        let (storage, log) = open(root.path(), Options::default()).expect("opens");
        let cut: Vec<u64> = storage.recovered().iter().map(|recovered| recovered.bytes_cut).collect();
        if tail.iter().all(|byte| *byte == 0) {
            assert!(cut.is_empty(), "blocks that were written ahead");
        } else {
            assert_eq!(cut, [tail.len() as u64]);
        }
        assert_eq!(offsets(&log), [0, 1]);
    }
}

#[test]
fn a_flipped_bit_is_never_passed_over() {
    // One segment of three batches. A flip in the first two is damage; in the last it may be a torn write.
    let root = scratch();
    write_and_die(root.path(), Options::default(), 2, 3);
    let path = segment(root.path(), 0);
    let point = log_dir(root.path()).join("recovery-point");
    let (sound, sound_point) = (fs::read(&path).expect("read"), fs::read(&point).expect("read"));
    let last = (batch_bytes(0) + batch_bytes(1)) as usize;
    for at in 0..sound.len() {
        let mut bytes = sound.clone();
        bytes[at] ^= 1 << (at % 8);
        fs::write(&path, &bytes).expect("written");
        match open(root.path(), Options::default()) {
            Ok((storage, log)) => {
                let cut = storage.recovered().to_vec();
                // Base offset and epoch lie outside the checksum. An offset in front of sound batches cannot rise
                // unnoticed; the last batch's can, and any batch's epoch.
                let field = at
                    - [0, batch_bytes(0) as usize, last].into_iter().rfind(|&start| start <= at).unwrap_or(0);
                if at >= last && !cut.is_empty() {
                    assert_eq!(cut[0].bytes_cut, batch_bytes(2), "byte {at}");
                    assert_eq!(offsets(&log), [0, 1], "byte {at}");
                } else {
                    assert!(
                        cut.is_empty() && (at >= last && field < 8 || (12..16).contains(&field)),
                        "byte {at}"
                    );
                    assert_eq!(offsets(&log).len(), 3, "byte {at}");
                }
            }
            Err(error) => {
                let Error::Damaged { path: named, position, .. } = &error else {
                    panic!("byte {at}: {error}")
                };
                // An offset that is too high shows only at the batch that follows it.
                let at = at as u64;
                assert!(
                    at < last as u64 && *position <= at + batch_bytes(0),
                    "byte {at} found at {position}"
                );
                assert_eq!(named, &path);
                assert_eq!(fs::read(&path).expect("read"), bytes, "nothing was changed");
            }
        }
        fs::write(&path, &sound).expect("written");
        fs::write(&point, &sound_point).expect("written");
    }
}

#[test]
fn damage_in_an_earlier_segment_is_an_error_where_it_is_read() {
    let root = scratch();
    write(root.path(), TINY, 6);
    assert_eq!(bases(root.path()), [0, 2, 4]);
    let path = segment(root.path(), 2);
    let mut bytes = fs::read(&path).expect("read");
    bytes[70] ^= 1; // in the first record, under the checksum
    fs::write(&path, bytes).expect("written");
    let (_storage, log) =
        open(root.path(), TINY).expect("checksums of earlier segments are checked when read");
    let error = log.read(Offset(0), Offset(6), u32::MAX).expect("in range").load().expect_err("damaged");
    assert!(
        matches!(&error, Error::Damaged { path: named, position: 0, reason: Malformed::Checksum { .. } } if *named == path),
        "{error}"
    );
    assert_eq!(
        log.read(Offset(4), Offset(6), u32::MAX).expect("in range").load().expect("sound").records().count(),
        2
    );
}

#[test]
fn an_earlier_segment_that_is_short_or_missing_is_an_error() {
    for (keep, wanted) in
        [(batch_bytes(2), "gap"), (batch_bytes(2) + 30, "damaged"), (10, "damaged"), (0, "gap")]
    {
        let root = scratch();
        write(root.path(), TINY, 6);
        let path = segment(root.path(), 2);
        fs::File::options().write(true).open(&path).expect("opens").set_len(keep).expect("cut");
        let found = match open(root.path(), TINY).expect_err("not in silence") {
            Error::Gap { path: named, next: Offset(4), .. } if named == path => "gap",
            Error::Damaged { path: named, .. } if named == path => "damaged",
            other => panic!("{other}"),
        };
        assert_eq!(found, wanted, "{keep} bytes kept");
    }
    let root = scratch();
    write(root.path(), TINY, 6);
    fs::remove_file(segment(root.path(), 2)).expect("removed");
    let error = open(root.path(), TINY).expect_err("not in silence");
    assert!(matches!(error, Error::Gap { ends: Offset(2), next: Offset(4), .. }), "{error}");
}

#[test]
fn an_index_is_never_trusted() {
    let root = scratch();
    write(root.path(), TINY, 9);
    let sound: Vec<Vec<u8>> =
        [0, 2, 4, 6, 8].map(|base| fs::read(index(root.path(), base)).expect("read")).into();
    assert_eq!(sound[1], [0, 0, 0, 1, 0, 0, 0, batch_bytes(2) as u8]);
    let entry = |relative: i32, position: i32| [relative.to_be_bytes(), position.to_be_bytes()].concat();
    let wrong: [&[u8]; 8] = [
        b"",
        b"x",
        b"rubbish!",
        b"rubbish, three ent's....",
        &[0; 16],
        &[0xff; 8],
        &entry(0, 40),
        &entry(7, batch_bytes(2) as i32),
    ];
    for wrong in wrong {
        for base in [0, 2, 4, 6, 8] {
            fs::write(index(root.path(), base), wrong).expect("written");
        }
        let (storage, log) = open(root.path(), TINY).expect("opens");
        assert_eq!(offsets(&log), [0, 1, 2, 3, 4, 5, 6, 7, 8]);
        drop((storage, log));
        if !wrong.is_empty() {
            assert_eq!(
                fs::read(index(root.path(), 2)).expect("read"),
                sound[1],
                "{wrong:?}: it is built again"
            );
        }
    }
    for base in [0, 2, 4, 6, 8] {
        fs::remove_file(index(root.path(), base)).expect("removed");
    }
    let (_storage, log) = open(root.path(), TINY).expect("opens");
    assert_eq!(offsets(&log), [0, 1, 2, 3, 4, 5, 6, 7, 8]);
    for (number, base) in [0, 2, 4, 6, 8].into_iter().enumerate() {
        assert_eq!(fs::read(index(root.path(), base)).expect("read"), sound[number]);
    }
}

#[test]
fn an_index_that_is_wrong_in_the_middle_only_costs_time() {
    // Segments of many batches, so that an index has entries that opening does not look at.
    let options = Options { segment_bytes: 2_000, index_interval_bytes: 50, ..Options::DEFAULT };
    let root = scratch();
    write(root.path(), options, 40);
    let path = index(root.path(), 0);
    let mut bytes = fs::read(&path).expect("read");
    for entry in bytes.chunks_mut(8).skip(1).step_by(2) {
        entry[7] ^= 1; // the positions of every other entry
    }
    fs::write(&path, bytes).expect("written");
    let (_storage, mut log) = open(root.path(), options).expect("opens");
    assert_eq!(offsets(&log), (0..40).collect::<Vec<_>>());
    for to in (0..40).rev() {
        log.truncate(Offset(to)).expect("truncates");
        assert_eq!(log.end(), Offset(to));
    }
}

#[test]
fn an_index_that_names_the_place_of_another_batch_leads_nobody_past_one() {
    let options = Options { segment_bytes: 2_000, index_interval_bytes: 50, ..Options::DEFAULT };
    let root = scratch();
    write(root.path(), options, 40);
    let path = index(root.path(), 0);
    let mut bytes = fs::read(&path).expect("read");
    let entries = bytes.len() / 8;
    assert!(entries > 4, "{entries} entries");
    for entry in 0..entries - 1 {
        bytes.copy_within(8 * entry + 12..8 * entry + 16, 8 * entry + 4); // where the next one's batch begins
    }
    fs::write(&path, bytes).expect("written");
    let (_storage, log) = open(root.path(), options).expect("opens");
    // Backwards, so that no read goes on where one ended.
    for offset in (0..40).rev().map(Offset) {
        let read = log.read(offset, log.end(), 1).expect("in range").load().expect("loads");
        assert_eq!(read.base(), Some(offset));
    }
}

#[test]
fn an_empty_last_segment_is_where_the_log_goes_on() {
    let root = scratch();
    write(root.path(), TINY, 4);
    fs::write(segment(root.path(), 4), b"").expect("written");
    let (mut storage, mut log) = open(root.path(), TINY).expect("a crash after rolling leaves this");
    assert_eq!(log.end(), Offset(4));
    log.append(&batch(4, 1)).expect("in order");
    assert_eq!(offsets(&log), [0, 1, 2, 3, 4]);
    storage.close(&name(), log).expect("closes");

    let root = scratch();
    fs::create_dir_all(root.path()).expect("created");
    drop(open(root.path(), TINY).expect("opens"));
    fs::remove_file(segment(root.path(), 0)).expect("removed");
    let (_storage, log) = open(root.path(), TINY).expect("a crash before the first segment leaves this");
    assert_eq!((log.start(), log.end()), (Offset(0), Offset(0)));
}

#[test]
fn files_of_others_beside_the_segments_are_left_alone() {
    let root = scratch();
    write(root.path(), TINY, 3);
    let dir = log_dir(root.path());
    for name in [
        "00000000000000000000.timeindex",
        "leader-epoch-checkpoint",
        "1.log",
        "0000000000000000000x.log",
        "notes",
    ] {
        fs::write(dir.join(name), b"mine").expect("written");
    }
    let (_storage, log) = open(root.path(), TINY).expect("opens");
    assert_eq!(offsets(&log), [0, 1, 2]);
    assert_eq!(fs::read(dir.join("notes")).expect("read"), b"mine");
}

#[test]
fn a_batch_inside_a_torn_message_is_not_taken_for_damage_when_it_is_older() {
    use mqlab_core::record::{BatchBuilder, NewRecord};
    let root = scratch();
    write_and_die(root.path(), Options::default(), 3, 3);
    let mut builder = BatchBuilder::new();
    let value = Some(batch(1, 2).bytes().clone()); // a whole batch as a message, as a mirror may send it
    builder.push(&NewRecord { value, ..NewRecord::default() }).expect("small");
    let outer = builder.build().stamped(Offset(3), mqlab_core::ids::Epoch(1));
    let path = segment(root.path(), 0);
    let mut bytes = fs::read(&path).expect("read");
    bytes.extend_from_slice(&outer.bytes()[..outer.bytes().len() - 1]);
    fs::write(&path, bytes).expect("written");
    let (storage, log) = open(root.path(), Options::default()).expect("a torn tail is not an error");
    assert_eq!(storage.recovered().len(), 1);
    assert_eq!(offsets(&log), [0, 1, 2]);
}

#[test]
fn a_whole_last_batch_that_cannot_be_read_is_not_cut() {
    let root = scratch();
    write_and_die(root.path(), Options::default(), 2, 3);
    let path = segment(root.path(), 0);
    let mut bytes = fs::read(&path).expect("read");
    let last = (batch_bytes(0) + batch_bytes(1)) as usize;
    bytes[last + 22] |= 4; // says: compressed with zstd
    let sum = crc32c(&bytes[last + 21..]);
    bytes[last + 17..last + 21].copy_from_slice(&sum.to_be_bytes());
    fs::write(&path, &bytes).expect("written");
    let error = open(root.path(), Options::default()).expect_err("its checksum is right: no write was torn");
    assert!(error.to_string().contains("compressed with zstd are not supported"), "{error}");
    assert_eq!(fs::read(&path).expect("read"), bytes);
}

#[test]
fn what_others_do_to_an_open_file_is_an_error() {
    let root = scratch();
    write(root.path(), Options::default(), 3);
    let (_storage, log) = open(root.path(), Options::default()).expect("opens");
    let slice = log.read(Offset(0), Offset(3), u32::MAX).expect("in range");
    let path = segment(root.path(), 0);
    fs::File::options().write(true).open(&path).expect("opens").set_len(100).expect("cut");
    let error = slice.load().expect_err("cut behind our back");
    assert!(matches!(error, Error::Io { operation: "read", .. }), "{error}");
    let error = log.read(Offset(2), Offset(3), 1).expect_err("cut behind our back");
    assert!(matches!(error, LogError::Storage(_)), "{error}");
}
