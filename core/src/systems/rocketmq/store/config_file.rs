//! How does a broker keep a small table, such as its groups' offsets? As JSON that is written anew, whole, from time to time.
//!
//! ```text
//!   │ {..} │ {..} │ {"orders@payers":{"0":17}} │      the last record counts; those before are forgotten when it is durable
//! ```
//!
//! Between two writes a crash loses what changed: a group then reads again what it had read, at most for as long as a write is
//! apart from the next (5 s for groups' offsets). RocketMQ writes a file beside the old one and renames it, to the same end.
//!
//! Source: `ConfigManager.java`, `ConsumerOffsetManager.java`.

use core::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::StoreError;
use crate::ids::Epoch;
use crate::log::{Log, read_all};
use crate::record::{BatchBuilder, NewRecord};
use crate::systems::rocketmq::layout::BadLayout;

/// A table over a log.
///
/// ```
/// use mqlab_core::log::memory::MemoryLog;
/// use mqlab_core::systems::rocketmq::store::ConfigFile;
/// let (mut file, none) = ConfigFile::<_, Vec<u32>>::open(MemoryLog::default())?;
/// assert_eq!(none, None);
/// file.write(&vec![1, 2])?;
/// file.write(&vec![3])?;
/// let (_, last) = ConfigFile::<_, Vec<u32>>::open(file.into_log())?;
/// assert_eq!(last, Some(vec![3]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct ConfigFile<L, T> {
    log: L,
    of: PhantomData<T>,
}

impl<L: Log, T: Serialize + DeserializeOwned> ConfigFile<L, T> {
    /// Opens a file, and returns what was written last.
    ///
    /// # Errors
    ///
    /// [`StoreError::BadConfig`] when it is not such a table; [`StoreError::Log`] when the storage fails.
    pub fn open(log: L) -> Result<(Self, Option<T>), StoreError<L::Error>> {
        let mut last = None;
        read_all(&log, |batches| {
            last = batches.records().last().and_then(|record| record.value).or(last.take())
        })?;
        let table =
            last.map(|json| serde_json::from_slice(&json)).transpose().map_err(|_| StoreError::BadConfig)?;
        Ok((Self { log, of: PhantomData }, table))
    }

    /// Writes the table, durably.
    ///
    /// # Errors
    ///
    /// [`StoreError::Log`] when the storage fails.
    pub fn write(&mut self, table: &T) -> Result<(), StoreError<L::Error>> {
        let json = serde_json::to_vec(table).map_err(|_| StoreError::BadConfig)?;
        let mut builder = BatchBuilder::new();
        let record = NewRecord { value: Some(json.into()), ..NewRecord::default() };
        builder.push(&record).map_err(|_| StoreError::Rejected(BadLayout::TooLarge))?;
        let at = self.log.end();
        self.log.append(&builder.build().into_stamped(at, Epoch(0)))?;
        self.log.roll()?;
        self.log.trim(at)?;
        Ok(())
    }

    /// Gives the log back.
    pub fn into_log(self) -> L {
        self.log
    }

    /// The log below, to inject faults.
    pub fn log_mut(&mut self) -> &mut L {
        &mut self.log
    }
}
