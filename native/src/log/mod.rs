//! Where do messages stay when the process ends? In a data directory, which one process at a time writes to.
//!
//! ```text
//!   data/
//!   ├── mqlab-format                      "mqlab data directory, format 1": whose it is
//!   ├── mqlab-lock                        locked while a process writes
//!   ├── topics/
//!   │   └── orders/
//!   │       ├── 0/                        one log: a directory, named as its LogName prints
//!   │       │   ├── 00000000000000000000.log      segments, each named by the offset that it begins at:
//!   │       │   ├── 00000000000000000000.index    batches as they travel, byte for byte, and a sparse
//!   │       │   ├── 00000000000000004711.log      index beside them that is never trusted
//!   │       │   └── 00000000000000004711.index
//!   │       └── 1/ ...
//!   └── queues/
//!       └── payments/
//!           ├── messages/ ...
//!           └── cursor/ ...
//! ```
//!
//! | what happens | what is done |
//! |---|---|
//! | append | one write at the end of the last segment, or a new segment when it is full |
//! | flush | `fdatasync`; names of new files were made durable when they were created |
//! | a new segment | the one before it is flushed first, so that a crash can tear only the last |
//! | opening | [a torn tail](Recovered) is cut off and reported; damage elsewhere is an error |
//! | reading | a [`FileSlice`] names parts of files; loading reads and checks them |
//! | sending | the same slice goes to a socket in one of three ways, of which [`transfer`] draws the copies |
//! | trim | whole segments are removed from the front; the first one's name is the log's start |
//! | replace | sealed segments are written anew beside the old, and [swapped in](swap) at once |
//! | truncate | segments are removed from the back, and the last is cut |
//! | any failure | the log refuses changes until it is opened again |
//!
//! Files are read and written at explicit positions (`pread`, `pwrite`), for which Rust's standard library has
//! names on Unix only: so has this crate.
//!
//! Sources: Kafka's `LogSegment.java`, `OffsetIndex.java`; PostgreSQL's fsync errors of 2018, after which a failed
//! fsync is not tried again. Left out so far: flushing less often than asked, rolling by age, a time index,
//! retention by age and size, readers beside the writer, a clean-shutdown mark that spares the last segment's
//! scan.

mod directory;
mod file_log;
mod index;
mod mapped;
mod recovery;
mod segment;
mod slice;
mod storage;
mod swap;
mod transfer;
mod walk;

pub use file_log::FileLog;
pub use index::INDEX_INTERVAL_BYTES;
pub use recovery::Recovered;
pub use slice::FileSlice;
pub use storage::{FileStorage, Options, SEGMENT_BYTES, SEGMENT_BYTES_MAX};
pub use transfer::{Courier, PIECE_BYTES, Progress, SystemCalls, Transfer};
