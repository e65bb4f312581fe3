//! Why bytes are not a batch.

use core::fmt;

/// What is wrong with bytes that should have been a RecordBatch v2.
///
/// ```
/// use mqlab_core::record::{Batches, Malformed};
/// let error = Batches::parse(vec![0; 10].into()).expect_err("ten bytes are no batch");
/// assert!(matches!(error, Malformed::CutOff { have: 10, .. }));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Malformed {
    /// The bytes end before the batch does: what a torn write leaves.
    CutOff {
        /// Bytes that are there.
        have: usize,
        /// Bytes that the batch needs, as far as is known.
        need: usize,
    },
    /// The length field cannot be right.
    Length(i32),
    /// Another record format: 0 and 1 are those of Kafka before 0.11.
    Magic(u8),
    /// The checksum in the batch and the one of its bytes differ: damage.
    Checksum {
        /// What the batch says.
        stored: u32,
        /// What its bytes give.
        computed: u32,
    },
    /// The records are compressed, which this engine does not read.
    Compressed(Codec),
    /// The checksum is right and the content is not: written by a program with a fault.
    Content(&'static str),
    /// A batch does not follow the one before it.
    OutOfOrder {
        /// The least base offset that would do.
        expected: u64,
        /// The base offset found.
        found: u64,
    },
}

/// A compression codec, by the number in a batch's attributes.
///
/// ```
/// use mqlab_core::record::{Codec, Malformed};
/// let error = Malformed::Compressed(Codec(4));
/// assert!(error.to_string().contains("zstd"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Codec(pub u8);

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            1 => f.write_str("gzip"),
            2 => f.write_str("snappy"),
            3 => f.write_str("lz4"),
            4 => f.write_str("zstd"),
            other => write!(f, "codec {other}"),
        }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CutOff { have, need } => {
                write!(f, "the batch is cut off: {have} bytes of {need}")
            }
            Self::Length(length) => write!(f, "a batch cannot be {length} bytes long"),
            Self::Magic(magic) => write!(f, "record format {magic} is not supported, only 2"),
            Self::Checksum { stored, computed } => {
                write!(f, "the checksum is {stored:08x} and should be {computed:08x}: the batch is damaged")
            }
            Self::Compressed(codec) => {
                write!(f, "records compressed with {codec} are not supported")
            }
            Self::Content(what) => write!(f, "the batch contradicts itself: {what}"),
            Self::OutOfOrder { expected, found } => {
                write!(f, "a batch begins at offset {found} where {expected} or more must follow")
            }
        }
    }
}

impl core::error::Error for Malformed {}
