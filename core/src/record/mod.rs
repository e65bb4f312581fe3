//! Which bytes is a message? Kafka's RecordBatch v2: one format in memory, on disk and on the wire.
//!
//! Records travel and are stored in *batches*. A batch is a header of 61 bytes and its records, all big-endian:
//!
//! ```text
//!  0        8      12      16 17    21  23      27        35       43       51 53    57    61
//!  ┌────────┬──────┬───────┬──┬─────┬───┬───────┬─────────┬────────┬────────┬──┬─────┬─────┬─────────┐
//!  │ base   │ len- │leader │ma│ crc │at-│ last  │ base    │ max    │producer│pr│base │count│ records │
//!  │ offset │ gth  │epoch  │gi│ 32C │tri│ offset│timestamp│time-   │id      │ep│seq. │     │ ...     │
//!  │        │      │       │c │     │bu.│ delta │         │stamp   │        │. │     │     │         │
//!  └────────┴──────┴───────┴──┴─────┴───┴───────┴─────────┴────────┴────────┴──┴─────┴─────┴─────────┘
//!   stamped by the broker       └──────── covered by the checksum: everything from here to the end ───┘
//! ```
//!
//! Base offset and leader epoch lie outside the checksum, so that a broker stamps them without summing again.
//! A record inside holds only what differs from its batch, as [zig-zag varints](varint):
//! length, attributes, timestamp delta, offset delta, key, value, headers.
//!
//! [`Batches`] are bytes that were checked: they are made only by [`Batches::parse`] and [`BatchBuilder`], so
//! whoever holds them may read records without a thought for errors.
//!
//! Sources: Kafka `DefaultRecordBatch.java`, `DefaultRecord.java`. Left out so far: compressed batches, which
//! [`Batches::parse`] refuses by name.

mod batch;
mod builder;
mod check;
mod header;
mod headers;
mod lent;
mod malformed;
mod marker;
mod order;
mod retain;
mod select;
mod varint;

pub use batch::{Batch, Batches, Record};
pub(crate) use builder::HeaderWriter;
pub use builder::{BatchBuilder, NewRecord, Producer};
pub use check::{show_prefix, whole_prefix};
pub use header::BatchHeader;
pub use headers::{Header, Headers};
pub use lent::{Lent, LentRecord};
pub use malformed::{Codec, Malformed};
pub use marker::Marker;
pub use order::{Order, REPLY_TO_HEADER};

/// The bytes before the first record of a batch.
pub const BATCH_HEADER_BYTES: usize = 61;

/// The bytes before the `length` field's count begins: base offset and the length itself.
pub const LENGTH_END: usize = 12;

/// The largest batch, in bytes. A length beyond it is taken for damage, not for a reason to allocate.
pub const BATCH_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The checksum of batches: CRC-32C (Castagnoli).
///
/// By tables, 16 bytes at a step; with the feature `hardware-crc`, by the processor's own instructions where it has them
/// (carry-less multiplication, up to 64 bytes at a step), which is ten to fifty times as fast.
///
/// ```
/// assert_eq!(mqlab_core::record::crc32c(b"123456789"), 0xe306_9283);
/// ```
pub fn crc32c(bytes: &[u8]) -> u32 {
    #[cfg(feature = "hardware-crc")]
    return crc_fast::crc32_iscsi(bytes);
    #[cfg(not(feature = "hardware-crc"))]
    by_tables(bytes)
}

#[cfg(any(test, not(feature = "hardware-crc")))]
fn by_tables(bytes: &[u8]) -> u32 {
    use crc::{CRC_32_ISCSI, Crc, Table};
    static CRC_32C: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISCSI);
    CRC_32C.checksum(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_to_sum_agree() {
        let bytes: alloc::vec::Vec<u8> =
            (0..20_000_u32).map(|n| (n.wrapping_mul(0x9e37_79b1) >> 13) as u8).collect();
        for (start, len) in
            (0..40).flat_map(|start| (0..300).chain([1_023, 1_024, 16_384]).map(move |len| (start, len)))
        {
            let slice = &bytes[start..start + len];
            assert_eq!(crc32c(slice), by_tables(slice), "{len} bytes from {start}");
        }
    }
}
