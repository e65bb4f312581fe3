//! Record batches against bytes that were written elsewhere, and against every byte that might come.

use bytes::Bytes;
use mqlab_core::ids::{Epoch, MessageId, Offset};
use mqlab_core::record::{
    BATCH_BYTES_MAX, BATCH_HEADER_BYTES, Batch, BatchBuilder, BatchHeader, Batches, Headers, Malformed,
    NewRecord, Producer, Record, crc32c, whole_prefix,
};
use proptest::prelude::*;

/// Written by a Kafka 0.11 broker: one record, no key, value "123".
const FROM_KAFKA: &str = "00000000000000000000003b00000001020318a2700000000000000000015dff7b063c0000015dff7b063c\
                          ffffffffffffffffffffffffffff0000000112000000010631323300";
/// One record, no key, value "hello", time 0, epoch 0.
const HELLO: &str = "00000000000000000000003d00000000026636fc5900000000000000000000000000000000000000000000\
                     ffffffffffffffffffffffffffff0000000116000000010a68656c6c6f00";
/// At offset 100 in epoch 7: a record with two headers, one of them null, and a tombstone 123 ms later.
const HEADERS: &str = "0000000000000064000000550000000702ca3bce490000000000010000018bcfe568000000018bcfe5687b\
                       ffffffffffffffffffffffffffff0000000230000000066b65790a76616c75650404683104763104683201\
                       1400f60102066b65790100";
/// The marker of a committed transaction: a control batch at offset 8.
const COMMIT: &str = "00000000000000080000004200000000025ec1d0ff0030000000000000000000000006000000000000000600\
                      0000000000000d0000ffffffff000000012000000008000000010c00000000000900";

fn hex(digits: &str) -> Bytes {
    let pairs = digits.as_bytes().chunks(2).map(|pair| str::from_utf8(pair).expect("ASCII"));
    pairs.map(|pair| u8::from_str_radix(pair, 16).expect("hexadecimal")).collect()
}

fn parse(digits: &str) -> (Batch, Vec<Record>) {
    let batches = Batches::parse(hex(digits)).expect("a sound batch");
    let batch = batches.iter().next().expect("one batch");
    assert_eq!(batches.iter().count(), 1);
    let records = batch.records().collect();
    (batch, records)
}

/// The same bytes with the checksum that they should have.
fn summed(mut bytes: Vec<u8>) -> Bytes {
    let sum = crc32c(&bytes[21..]);
    bytes[17..21].copy_from_slice(&sum.to_be_bytes());
    bytes.into()
}

/// A batch with `count` records in its header and `records` behind it, its length and checksum right.
fn crafted(last_delta: i32, count: i32, records: &[u8]) -> Bytes {
    let mut bytes = hex(HELLO)[..BATCH_HEADER_BYTES].to_vec();
    bytes.extend_from_slice(records);
    let length = (bytes.len() - 12) as i32;
    bytes[8..12].copy_from_slice(&length.to_be_bytes());
    bytes[23..27].copy_from_slice(&last_delta.to_be_bytes());
    bytes[57..61].copy_from_slice(&count.to_be_bytes());
    summed(bytes)
}

#[test]
fn checksum_vectors() {
    assert_eq!(crc32c(b""), 0);
    assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
    for digits in [FROM_KAFKA, HELLO, HEADERS, COMMIT] {
        let bytes = hex(digits);
        assert_eq!(crc32c(&bytes[21..]).to_be_bytes(), bytes[17..21]);
    }
}

#[test]
fn a_batch_from_kafka_is_read() {
    let (batch, records) = parse(FROM_KAFKA);
    assert_eq!((batch.base(), batch.next(), batch.count()), (Offset(0), Offset(1), 1));
    assert_eq!((batch.epoch(), batch.is_control()), (Some(Epoch(1)), false));
    assert_eq!(batch.max_timestamp(), 1_503_229_838_908);
    let wanted = Record {
        offset: Offset(0),
        timestamp: 1_503_229_838_908,
        key: None,
        value: Some("123".into()),
        headers: Headers::new(),
    };
    assert_eq!(records, [wanted]);
}

#[test]
fn a_batch_with_headers_and_a_tombstone_is_read() {
    let (batch, records) = parse(HEADERS);
    assert_eq!((batch.base(), batch.next(), batch.epoch()), (Offset(100), Offset(102), Some(Epoch(7))));
    assert_eq!(batch.max_timestamp(), 1_700_000_000_123);
    let [first, second] = &records[..] else { panic!("two records") };
    assert_eq!((first.offset, first.timestamp), (Offset(100), 1_700_000_000_000));
    assert_eq!((first.key.as_deref(), first.value.as_deref()), (Some(&b"key"[..]), Some(&b"value"[..])));
    assert_eq!(
        first.headers.iter().collect::<Vec<_>>(),
        [(&b"h1"[..], Some(&b"v1"[..])), (&b"h2"[..], None)]
    );
    assert_eq!((second.offset, second.timestamp), (Offset(101), 1_700_000_000_123));
    assert_eq!((second.key.as_deref(), second.value.as_deref()), (Some(&b"key"[..]), None));
}

#[test]
fn a_control_batch_is_read_and_hidden_from_consumers() {
    let (batch, records) = parse(COMMIT);
    assert!(batch.is_control());
    assert_eq!((batch.base(), batch.next()), (Offset(8), Offset(9)));
    assert_eq!(records[0].key.as_deref(), Some(&[0, 0, 0, 1][..]), "version 0, type 1: commit");
    assert_eq!(records[0].value.as_deref(), Some(&[0, 0, 0, 0, 0, 9][..]), "version 0, coordinator epoch 9");
    assert_eq!(Batches::parse(hex(COMMIT)).expect("sound").records().count(), 0);
}

#[test]
fn batches_are_written_byte_for_byte() {
    let mut hello = BatchBuilder::new();
    hello.push(&NewRecord { value: Some("hello".into()), ..NewRecord::default() }).expect("small");
    assert_eq!(hello.build().stamped(Offset(0), Epoch(0)).bytes(), &hex(HELLO));

    let mut two = BatchBuilder::of(Producer::ANONYMOUS);
    let (key, timestamp) = (Some(Bytes::from("key")), 1_700_000_000_000);
    let headers = [("h1", Some("v1")), ("h2", None)].into_iter().collect();
    two.push(&NewRecord { timestamp, key: key.clone(), value: Some("value".into()), headers })
        .expect("small");
    two.push(&NewRecord { timestamp: timestamp + 123, key, ..NewRecord::default() }).expect("small");
    assert_eq!(two.build().stamped(Offset(100), Epoch(7)).bytes(), &hex(HEADERS));
}

#[test]
fn the_first_27_bytes_tell_where_the_next_batch_begins() {
    for digits in [FROM_KAFKA, HELLO, HEADERS, COMMIT] {
        let (bytes, batch) = (hex(digits), parse(digits).0);
        assert_eq!(BatchHeader::peek(&bytes[..BatchHeader::BYTES]), Ok(batch.header()));
        let short = BatchHeader::peek(&bytes[..BatchHeader::BYTES - 1]);
        assert!(matches!(short, Err(Malformed::CutOff { .. })), "{short:?}");
    }
}

#[test]
fn what_is_not_supported_is_refused_by_name() {
    for (codec, name) in [(1, "gzip"), (2, "snappy"), (3, "lz4"), (4, "zstd"), (7, "codec 7")] {
        let mut bytes = hex(HELLO).to_vec();
        bytes[22] |= codec;
        let error = Batches::parse(summed(bytes)).expect_err("compressed");
        assert_eq!(error.to_string(), format!("records compressed with {name} are not supported"));
    }
    for magic in [0, 1, 3, 255] {
        let mut bytes = hex(HELLO).to_vec();
        bytes[16] = magic;
        assert_eq!(Batches::parse(bytes.into()), Err(Malformed::Magic(magic)));
    }
}

#[test]
fn lengths_that_cannot_be_are_refused_before_anything_is_reserved() {
    for length in [i32::MIN, -1, 0, 48, i32::MAX, BATCH_BYTES_MAX as i32 - 11] {
        let mut bytes = hex(HELLO).to_vec();
        bytes[8..12].copy_from_slice(&length.to_be_bytes());
        assert_eq!(Batches::parse(bytes.clone().into()), Err(Malformed::Length(length)));
        assert_eq!(BatchHeader::peek(&bytes), Err(Malformed::Length(length)));
    }
    let mut bytes = hex(HELLO).to_vec();
    bytes[8..12].copy_from_slice(&(BATCH_BYTES_MAX as i32 - 12).to_be_bytes());
    assert_eq!(Batches::parse(bytes.into()), Err(Malformed::CutOff { have: 73, need: BATCH_BYTES_MAX }));
}

#[test]
fn content_that_contradicts_itself_is_refused() {
    let record = &hex(HELLO)[BATCH_HEADER_BYTES..];
    let huge = &[0xfe, 0xff, 0xff, 0xff, 0x0f][..]; // 2^31 - 1 as a varint
    let cases: [(&str, Bytes); 17] = [
        ("fewer records than said", crafted(1, 2, record)),
        ("more records than said", crafted(1, 1, &[record, record].concat())),
        ("records and none said", crafted(0, 0, record)),
        ("a count that is negative", crafted(0, -1, record)),
        ("a count beyond the offsets", crafted(0, i32::MAX, record)),
        ("offsets that are negative", crafted(-1, 1, record)),
        ("the least number of offsets", crafted(i32::MIN, 0, &[])),
        ("an offset twice", crafted(1, 2, &[record, record].concat())),
        ("an offset past the last", crafted(0, 1, &[0x0c, 0, 0, 2, 1, 1, 0])),
        ("an offset before the first", crafted(0, 1, &[0x0c, 0, 0, 1, 1, 1, 0])),
        ("a record of negative length", crafted(0, 1, &[0x01])),
        ("a record of huge length", crafted(0, 1, &[huge, &[0, 0, 0, 1, 1, 0]].concat())),
        ("a key of huge length", crafted(0, 1, &[&[0x14, 0, 0, 0], huge, &[1, 0]].concat())),
        ("a key of length -2", crafted(0, 1, &[0x0c, 0, 0, 0, 3, 1, 0])),
        ("a huge number of headers", crafted(0, 1, &[&[0x14, 0, 0, 0, 1, 1], huge].concat())),
        ("a number without an end", crafted(0, 1, &[0xff; 9])),
        ("a header without a name", crafted(0, 1, &[0x10, 0, 0, 0, 1, 1, 2, 1, 1])),
    ];
    for (what, bytes) in cases {
        let found = Batches::parse(bytes);
        assert!(matches!(found, Err(Malformed::Content(_))), "{what}: {found:?}");
    }
    Batches::parse(crafted(0, 1, &[0x0c, 0, 0, 0, 1, 1, 0])).expect("the smallest record is sound");
}

#[test]
fn offsets_end_where_numbers_do() {
    let at = |base: i64| {
        let mut bytes = hex(HEADERS).to_vec(); // takes two offsets
        bytes[..8].copy_from_slice(&base.to_be_bytes());
        Batches::parse(bytes.into())
    };
    assert_eq!(at(i64::MAX - 2).expect("fits").next(), Some(Offset(i64::MAX as u64)));
    for base in [i64::MAX - 1, i64::MAX, -1, i64::MIN] {
        assert!(matches!(at(base), Err(Malformed::Content(_))), "{base}");
    }
}

#[test]
fn a_batch_with_gaps_or_without_records_keeps_its_offsets() {
    let compacted = Batches::parse(crafted(9, 1, &hex(HELLO)[BATCH_HEADER_BYTES..])).expect("sound");
    assert_eq!((compacted.next(), compacted.records().count()), (Some(Offset(10)), 1));
    let emptied = Batches::parse(crafted(4, 0, &[])).expect("sound");
    assert_eq!((emptied.next(), emptied.records().count()), (Some(Offset(5)), 0));
}

#[test]
fn batches_must_follow_each_other() {
    let (first, second) = (hex(HELLO), hex(HEADERS));
    let both = Batches::parse([&first[..], &second[..]].concat().into()).expect("0, a gap, 100 and 101");
    assert_eq!((both.base(), both.next()), (Some(Offset(0)), Some(Offset(102))));
    let back = Batches::parse([&second[..], &first[..]].concat().into());
    assert_eq!(back, Err(Malformed::OutOfOrder { expected: 102, found: 0 }));
}

/// Records as a producer may send them, key, value and headers possibly missing.
fn record() -> impl Strategy<Value = NewRecord> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..80).prop_map(Bytes::from);
    let headers = prop::collection::vec((bytes(), prop::option::of(bytes())), 0..4);
    (any::<i64>(), prop::option::of(bytes()), prop::option::of(bytes()), headers).prop_map(
        |(timestamp, key, value, headers)| NewRecord {
            timestamp,
            key,
            value,
            headers: headers.into_iter().collect(),
        },
    )
}

fn build(records: &[NewRecord]) -> Batches {
    let mut builder = BatchBuilder::new();
    for record in records {
        builder.push(record).expect("small");
    }
    builder.build()
}

fn assert_same(read: &Record, written: &NewRecord) {
    assert_eq!((read.timestamp, &read.key, &read.value), (written.timestamp, &written.key, &written.value));
    assert_eq!(read.headers.iter().collect::<Vec<_>>(), written.headers.iter().collect::<Vec<_>>());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read(
        records in prop::collection::vec(record(), 1..20),
        base in 0_u64..1 << 40,
        epoch in 0_u32..1 << 31,
    ) {
        let written = build(&records).stamped(Offset(base), Epoch(epoch));
        let parsed = Batches::parse(written.bytes().clone()).expect("sound");
        prop_assert_eq!(&parsed, &written);
        let batch = parsed.iter().next().expect("one batch");
        prop_assert_eq!((batch.base(), batch.epoch()), (Offset(base), Some(Epoch(epoch))));
        prop_assert_eq!(batch.count() as usize, records.len());
        prop_assert_eq!(Some(batch.max_timestamp()), records.iter().map(|record| record.timestamp).max());
        let read: Vec<Record> = parsed.records().collect();
        prop_assert_eq!(read.len(), records.len());
        for (number, (read, written)) in read.iter().zip(&records).enumerate() {
            prop_assert_eq!(read.offset, Offset(base + number as u64));
            assert_same(read, written);
        }
    }

    #[test]
    fn an_identity_is_found_again(id in any::<u64>()) {
        let read = build(&[NewRecord::default().with_id(MessageId(id))]).records().next().expect("one record");
        prop_assert_eq!(read.message_id(), Some(MessageId(id)));
    }

    /// Two fields lie outside the checksum, the base offset (0 to 7) and the leader's epoch (12 to 15): a flip there
    /// changes them and nothing else. A flip anywhere else is found.
    #[test]
    fn a_flipped_bit_is_found(
        records in prop::collection::vec(record(), 1..5),
        at: prop::sample::Index,
        bit in 0_u8..8,
    ) {
        let sound = build(&records).stamped(Offset(1 << 40), Epoch(1));
        let at = at.index(sound.bytes().len());
        let mut bytes = sound.bytes().to_vec();
        bytes[at] ^= 1 << bit;
        match Batches::parse(bytes.into()) {
            Ok(found) => {
                prop_assert!(at < 8 || (12..16).contains(&at), "byte {} bit {}", at, bit);
                for (read, written) in found.records().zip(&records) {
                    assert_same(&read, written);
                }
            }
            Err(_) => prop_assert!(!(12..16).contains(&at), "an epoch is never wrong"),
        }
    }

    #[test]
    fn rubbish_is_refused_without_a_panic(
        bytes in prop::collection::vec(any::<u8>(), 1..400),
        from in any::<u64>(),
    ) {
        prop_assert!(Batches::parse(bytes.clone().into()).is_err());
        let _ = BatchHeader::peek(&bytes);
        let (good, next, bad) = whole_prefix(&bytes, Offset(from));
        prop_assert_eq!((good, next), (0, Offset(from)));
        prop_assert!(bad.is_some());
    }

    /// Rubbish behind a right checksum comes to the checks that rubbish alone never reaches.
    #[test]
    fn rubbish_with_a_right_checksum_does_no_harm(
        records in prop::collection::vec(any::<u8>(), 0..200),
        last_delta in prop_oneof![0_i32..4, any::<i32>()],
        count in prop_oneof![0_i32..4, any::<i32>()],
        (at, byte) in (21_usize..120, any::<u8>()),
        written in prop::collection::vec(record(), 1..4),
    ) {
        if let Ok(read) = Batches::parse(crafted(last_delta, count, &records)) {
            prop_assert_eq!(read.iter().flat_map(|batch| batch.records()).count(), count as usize);
        }
        let mut bytes = build(&written).bytes().to_vec();
        if let Some(found) = bytes.get_mut(at) {
            *found = byte;
        }
        if let Ok(read) = Batches::parse(summed(bytes)) {
            let batch = read.iter().next().expect("one batch");
            prop_assert!(batch.records().all(|record| record.offset < batch.next()));
            prop_assert_eq!(batch.records().count(), batch.count() as usize);
        }
    }

    /// Whatever is done to batches, the walk that shows says what the walk that only checks says; and it shows no record at or
    /// behind an offset that what follows contradicts, none of a batch whose sum is wrong, and none twice.
    #[test]
    fn what_is_shown_while_it_is_checked_stands_before_what_is_wrong(
        batches in prop::collection::vec((prop::collection::vec(record(), 1..4), 0_u64..3, any::<bool>()), 1..5),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), any::<bool>()), 0..3),
    ) {
        let (mut parts, mut next) = (Vec::new(), Offset(0));
        for (records, gap, is_control) in &batches {
            let mut bytes = build(records).stamped(next.plus(*gap), Epoch(0)).bytes().to_vec();
            bytes[22] |= u8::from(*is_control) << 5;
            let bytes = summed(bytes);
            next = Batches::parse(bytes.clone()).expect("sound").next().expect("a batch");
            parts.push(bytes.to_vec());
        }
        for (at, byte, is_summed) in &damage {
            let part = at.index(parts.len());
            let place = at.index(parts[part].len());
            parts[part][place] = *byte;
            if *is_summed {
                parts[part] = summed(std::mem::take(&mut parts[part])).to_vec();
            }
        }
        let bytes = Bytes::from(parts.concat());
        let mut shown = Vec::new();
        let found = Batches::parse_each(bytes.clone(), |record| {
            shown.push((record.offset, record.timestamp, record.key.map(Bytes::copy_from_slice)));
        });
        prop_assert_eq!(&found, &Batches::parse(bytes.clone()));
        let (good, end, bad) = whole_prefix(&bytes, Offset(0));
        prop_assert_eq!(found.err(), bad.clone());
        let sound = Batches::parse(bytes.slice(..good)).expect("what is good");
        let plain = |record: Record| (record.offset, record.timestamp, record.key);
        let wanted: Vec<_> = sound.records().map(plain).collect();
        let before = sound.iter().last().map_or(Offset(0), |last| last.base());
        match bad {
            None => prop_assert_eq!(shown, wanted),
            Some(Malformed::Content(_)) => {
                let common = shown.len().min(wanted.len());
                prop_assert_eq!(&shown[..common], &wanted[..common]);
                prop_assert!(shown[common..].iter().all(|(offset, ..)| *offset >= end));
                prop_assert!(wanted[common..].iter().all(|(offset, ..)| *offset >= before));
            }
            Some(Malformed::OutOfOrder { .. }) => {
                prop_assert_eq!(shown, wanted.into_iter().filter(|(offset, ..)| *offset < before).collect::<Vec<_>>());
            }
            Some(_) => {
                prop_assert_eq!(&shown[..], &wanted[..shown.len()]);
                prop_assert!(wanted[shown.len()..].iter().all(|(offset, ..)| *offset >= before));
            }
        }
    }

    #[test]
    fn every_cut_is_seen_and_whole_batches_before_it_are_kept(
        batches in prop::collection::vec(prop::collection::vec(record(), 1..3), 1..4),
    ) {
        let mut bytes = Vec::new();
        let mut ends = vec![(0, Offset(0))];
        for records in &batches {
            let (length, base) = ends[ends.len() - 1];
            let batch = build(records).stamped(base, Epoch(0));
            bytes.extend_from_slice(batch.bytes());
            ends.push((length + batch.bytes().len(), batch.next().expect("records")));
        }
        for cut in 0..=bytes.len() {
            let (good, next) = ends.iter().copied().rfind(|(length, _)| *length <= cut).expect("0 is the least");
            let (found, end, bad) = whole_prefix(&bytes[..cut], Offset(0));
            prop_assert_eq!((found, end), (good, next));
            let is_cut = matches!(bad, Some(Malformed::CutOff { have, need }) if have == cut - good && need > have);
            prop_assert!(is_cut || (bad.is_none() && cut == good), "cut at {}: {:?}", cut, bad);
            prop_assert_eq!(Batches::parse(bytes[..cut].to_vec().into()).err(), bad);
        }
    }
}
