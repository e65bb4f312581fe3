//! What is stored? Batches of a hundred records, of the sizes that the table names.

use bytes::Bytes;
use mqlab_core::record::{BatchBuilder, Batches, NewRecord};

/// Records of a batch.
pub(crate) const RECORDS: usize = 100;
/// How many bytes of records are made, from which contenders draw in turn: more than the nearest cache holds.
const POOL_BYTES: usize = 4 * 1024 * 1024;

/// How large the records are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    pub(crate) text: &'static str,
    pub(crate) bytes: usize,
}

pub(crate) const SMALL: Size = Size { text: "100 B", bytes: 100 };
pub(crate) const MEDIUM: Size = Size { text: "1 KiB", bytes: 1024 };
pub(crate) const LARGE: Size = Size { text: "16 KiB", bytes: 16 * 1024 };

impl Size {
    /// The bytes of the bodies of a batch.
    pub(crate) fn batch_bytes(self) -> usize {
        RECORDS * self.bytes
    }

    /// Different batches of bodies, as bytes that no compression could shorten.
    pub(crate) fn bodies(self) -> Vec<Vec<Bytes>> {
        let mut noise = Noise(self.bytes as u64);
        let body = |_| {
            let body = noise.by_ref().flat_map(u64::to_ne_bytes).take(self.bytes);
            Bytes::from(body.collect::<Vec<u8>>())
        };
        let bodies = (0..POOL_BYTES.div_ceil(self.batch_bytes()) * RECORDS).map(body).collect::<Vec<_>>();
        bodies.chunks(RECORDS).map(<[Bytes]>::to_vec).collect()
    }

    /// The same bodies as records.
    pub(crate) fn records(self) -> Vec<Vec<NewRecord>> {
        let record =
            |body| NewRecord { timestamp: 1_700_000_000_000, value: Some(body), ..NewRecord::default() };
        self.bodies().into_iter().map(|batch| batch.into_iter().map(record).collect()).collect()
    }

    /// The same records as batches.
    pub(crate) fn batches(self) -> Vec<Batches> {
        self.records().iter().map(|records| encoded(BatchBuilder::new(), records)).collect()
    }

    /// The bytes of one such batch.
    pub(crate) fn encoded_bytes(self) -> usize {
        self.batches()[0].bytes().len()
    }
}

/// Records as a batch.
pub(crate) fn encoded(mut builder: BatchBuilder, records: &[NewRecord]) -> Batches {
    for record in records {
        builder.push(record).expect("a batch is smaller than the largest");
    }
    builder.build()
}

/// Numbers that look drawn, the same in each run (xorshift64*, Vigna 2016).
#[derive(Debug)]
struct Noise(u64);

impl Iterator for Noise {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        Some(self.0.wrapping_mul(0x2545_f491_4f6c_dd1d))
    }
}
