//! Variable-length integers, zig-zag coded: small numbers of either sign take one byte.
//!
//! ```text
//! value   zig-zag   bytes (7 bits each, the lowest first; the top bit says "more follows")
//!     0         0   00
//!    -1         1   01
//!     1         2   02
//!    64       128   80 01
//! ```
//!
//! Source: Kafka `ByteUtils.java`; Protocol Buffers' `sint32` and `sint64`.

use alloc::vec::Vec;

/// The most bytes that a 64-bit number takes.
const BYTES_MAX: usize = 10;

/// Appends `value` to `out`.
pub(crate) fn put(out: &mut Vec<u8>, value: i64) {
    let mut rest = zig_zag(value);
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

/// How many bytes `value` takes.
pub(crate) fn len(value: i64) -> usize {
    let bits = 64 - (zig_zag(value) | 1).leading_zeros() as usize;
    bits.div_ceil(7)
}

fn zig_zag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// Takes a number from the front of `bytes`; `None` when it is cut off or longer than 64 bits.
///
/// Half a dozen stand before each record's value, and a log that is read or checked takes them all: so this is put into
/// its callers, which halves the time of a walk over small records.
#[inline(always)]
pub(crate) fn take(bytes: &mut &[u8]) -> Option<i64> {
    // Most are short: deltas, and lengths below 8 KiB.
    match bytes {
        [byte @ ..0x80, rest @ ..] => {
            *bytes = rest;
            Some(i64::from(*byte >> 1) ^ -i64::from(*byte & 1))
        }
        [low, high @ ..0x80, rest @ ..] => {
            let raw = i64::from(*low & 0x7f) | i64::from(*high) << 7;
            *bytes = rest;
            Some((raw >> 1) ^ -(raw & 1))
        }
        _ => take_long(bytes),
    }
}

#[cold]
fn take_long(bytes: &mut &[u8]) -> Option<i64> {
    let mut raw = 0_u64;
    for at in 0..BYTES_MAX {
        let byte = *bytes.get(at)?;
        let bits = u64::from(byte & 0x7f);
        if at == BYTES_MAX - 1 && bits > 1 {
            return None;
        }
        raw |= bits << (7 * at);
        if byte & 0x80 == 0 {
            *bytes = &bytes[at + 1..];
            return Some((raw >> 1) as i64 ^ -((raw & 1) as i64));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors() {
        let table: [(i64, &[u8]); 10] = [
            (0, &[0x00]),
            (-1, &[0x01]),
            (1, &[0x02]),
            (-2, &[0x03]),
            (63, &[0x7e]),
            (-64, &[0x7f]),
            (64, &[0x80, 0x01]),
            (8191, &[0xfe, 0x7f]),
            (8192, &[0x80, 0x80, 0x01]),
            (i64::from(i32::MAX), &[0xfe, 0xff, 0xff, 0xff, 0x0f]),
        ];
        for (value, bytes) in table {
            let mut out = Vec::new();
            put(&mut out, value);
            assert_eq!((out.as_slice(), len(value)), (bytes, bytes.len()), "{value}");
            let mut rest = bytes;
            assert_eq!(take(&mut rest), Some(value));
            assert!(rest.is_empty());
        }
    }

    #[test]
    fn both_ends_and_nonsense() {
        for value in [i64::MIN, i64::MAX] {
            let mut out = Vec::new();
            put(&mut out, value);
            assert_eq!((out.len(), len(value)), (BYTES_MAX, BYTES_MAX));
            assert_eq!(take(&mut out.as_slice()), Some(value));
        }
        assert_eq!(take(&mut [].as_slice()), None);
        assert_eq!(take(&mut [0x80].as_slice()), None);
        assert_eq!(take(&mut [0xff; 11].as_slice()), None);
    }
}
