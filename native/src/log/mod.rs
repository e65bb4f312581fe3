//! Where do messages stay when the process ends? In a data directory, which one process at a time writes to.
//!
//! ```text
//!   data/
//!   ├── mqlab-format                      "mqlab data directory, format 1": whose it is
//!   ├── mqlab-lock                        locked while a process writes
//!   ├── topics/
//!   │   └── orders/
//!   │       ├── 0/                        one log: a directory, named as its LogName prints
//!   │       │   ├── 00000000000000000000.log        segments, each named by the offset that it begins at:
//!   │       │   ├── 00000000000000000000.index      batches as they travel, byte for byte, and sparse indexes
//!   │       │   ├── 00000000000000000000.timeindex  beside them, of offsets and of times
//!   │       │   ├── 00000000000000004711.log
//!   │       │   ├── recovery-point                  before it everything was durable
//!   │       │   └── clean-shutdown                  there while nobody has the log open
//!   │       └── 1/ ...
//!   └── queues/
//!       └── payments/
//!           ├── messages/ ...
//!           └── cursor/ ...
//! ```
//!
//! | what happens | what is done | where |
//! |---|---|---|
//! | append | one write at the end of the last segment, or a new segment when it is full or old | [`FileLog`] |
//! | flush | one `fdatasync` for all who wait, as often as the [`Durability`] asks for | `tail` |
//! | small flushes | zeros are [written ahead](Options::preallocate_bytes), so that a flush has less to do | `ahead` |
//! | opening | without a look after a [clean shutdown](marks); else [a torn tail](Recovered) is cut off and reported | `recovery` |
//! | reading | a [`FileSlice`] names parts of files; loading reads and checks them | `slice` |
//! | sending | the same slice goes to a socket by read and write, mmap and write, or sendfile | `transfer` |
//! | truncate, while a reader has the segment mapped | the segment is written anew, so that nothing vanishes under a reader | `mapped` |
//! | finding an offset, or a time | indexes that are never trusted, and built again when they are wrong | `index`, `time_index` |
//! | trim | whole segments are removed from the front; the first one's name is the log's start | |
//! | replace | sealed segments are written anew beside the old, and [swapped in](swap) at once | `swap` |
//! | truncate | segments are removed from the back, and the last is cut | |
//! | a full disk | the append is refused, and nothing else | |
//! | any other failure | the log refuses changes until it is opened again | |
//!
//! Every change of a file goes through a [`Disk`](disk::Disk), so that tests can make it fail.
//!
//! Files are read and written at explicit positions (`pread`, `pwrite`), for which Rust's standard library has
//! names on Unix only: so has this crate.
//!
//! Sources: Kafka's `LogSegment.java`, `OffsetIndex.java`; PostgreSQL's fsync errors of 2018, after which a failed
//! fsync is not tried again.

mod ahead;
mod directory;
pub mod disk;
mod durability;
mod file_log;
mod index;
mod mapped;
mod marks;
mod reader;
mod reading;
mod recovery;
mod repair;
mod retention;
mod search;
mod segment;
mod shared;
mod slice;
mod storage;
mod swap;
mod tail;
mod time_index;
mod transfer;
mod verify;
mod walk;

pub use durability::Durability;
pub use file_log::FileLog;
pub use index::INDEX_INTERVAL_BYTES;
pub use reader::LogReader;
pub use recovery::Recovered;
pub use repair::Repaired;
pub use retention::{Removed, Retention};
pub use shared::{GATHERED_BYTES_MAX, SharedLog};
pub use slice::FileSlice;
pub use storage::{FileStorage, Options, SEGMENT_BYTES, SEGMENT_BYTES_MAX, names_in, verify_in};
pub use tail::UNFLUSHED_SEGMENTS_MAX;
pub use transfer::{Courier, PIECE_BYTES, Progress, SystemCalls, Transfer};
pub use verify::{Finding, Verified};
