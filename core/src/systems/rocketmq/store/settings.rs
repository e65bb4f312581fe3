//! How is a store set? As RocketMQ's is, where nothing is said.

use crate::systems::rocketmq::delay::DelayLevels;
use crate::systems::rocketmq::layout::Host;
use crate::systems::rocketmq::store::index_file;
use crate::time::Span;

/// The size of a file of the CommitLog, in bytes: 1 GiB (`mappedFileSizeCommitLog`).
pub const FILE_BYTES: u64 = 1024 * 1024 * 1024;
/// So long a file is kept (`fileReservedTime`): 72 hours.
pub const RESERVED: Span = Span::from_millis(72 * 60 * 60 * 1_000);
/// In this hour of the day what is too old is deleted (`deleteWhen`).
pub const DELETE_HOUR: u64 = 4;
/// With so much of the disk in use it is deleted at any hour (`diskMaxUsedSpaceRatio`), in percent.
pub const DISK_USED_MAX: u64 = 75;
/// And with so much, even what is not too old (`diskSpaceCleanForciblyRatio`), in percent.
pub const DISK_FORCES: u64 = 85;
/// Whoever reads what lies further back than this part of the memory is sent to a slave (`accessMessageInMemoryMaxRatio`), in
/// percent.
pub const MEMORY_SHARE: u64 = 40;
/// At most so many bytes of messages are read at once (`maxTransferBytesOnMessageInMemory`).
pub const READ_BYTES_MAX: u32 = 256 * 1024;
/// At most so many entries of a queue are looked at for one reader at once (`maxFilterMessageCount`, 16,000 bytes).
pub const SCANNED_MAX: u64 = 800;

/// How a store is set.
///
/// ```
/// use mqlab_core::systems::rocketmq::store::StoreSettings;
/// assert_eq!(StoreSettings::default().file_bytes, 1 << 30);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreSettings {
    /// The size of a file of the CommitLog, in bytes: [`FILE_BYTES`].
    pub file_bytes: u64,
    /// Slots of an index file: [`index_file::SLOTS`].
    pub index_slots: u32,
    /// Entries of an index file: [`index_file::ENTRIES`].
    pub index_entries: u32,
    /// How long delayed messages wait.
    pub levels: DelayLevels,
    /// How long a file is kept: [`RESERVED`].
    pub reserved: Span,
    /// In which hour of the day old files are deleted: [`DELETE_HOUR`]. A run begins at midnight.
    pub delete_hour: u64,
    /// How much the disk holds, in bytes; unlimited without.
    pub disk_bytes: Option<u64>,
    /// How much memory the machine has, in bytes: 16 GiB.
    pub memory_bytes: u64,
    /// The address that messages are said to be stored at.
    pub host: Host,
}

impl Default for StoreSettings {
    fn default() -> Self {
        Self {
            file_bytes: FILE_BYTES,
            index_slots: index_file::SLOTS,
            index_entries: index_file::ENTRIES,
            levels: DelayLevels::default(),
            reserved: RESERVED,
            delete_hour: DELETE_HOUR,
            disk_bytes: None,
            memory_bytes: 16 * 1024 * 1024 * 1024,
            host: Host::V4([127, 0, 0, 1], 10_911),
        }
    }
}
