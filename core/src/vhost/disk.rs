//! When is the disk nearly full? When less is free than the host wants for itself: then publishers must wait.
//!
//! ```text
//!   size  ├────────── messages ──────────┤┄┄┄┄┄ free ┄┄┄┄┄┤      free < free_min: alarm, nothing is taken
//!          m4 done m5 m6 done done m7 ... m31
//!          ▲ the first that is held: a log is given back only up to here
//! ```
//!
//! A full disk is worse than a full memory: what cannot be written cannot be promised, and an acknowledgement is
//! written, too. So there must be room left when publishers are stopped, and consumers go on: they make the room.
//!
//! Memory is free again with each message that leaves. A log is given back from its front, and in files by whole segments:
//! one message that nobody acknowledges keeps its segment, and in memory everything that was written after it.
//!
//! What counts are the logs of the queues' messages. The machine's disk cannot be asked from here, so whoever wants
//! this alarm says how large it is; a program that has a real disk to watch calls
//! [`set_alarm`](VirtualHost::set_alarm) itself.
//!
//! What real systems do: RabbitMQ's `disk_free_limit` (50 MB at first), looked at every 10 s or more often; `ActiveMQ`'s
//! `storeUsage`.

use super::*;

/// How large a disk is, and how much of it must stay free.
///
/// ```
/// use mqlab_core::vhost::{Alarm, DiskLimit, VirtualHost};
/// use mqlab_core::{message::Message, queue::QueueOptions, time::Time};
/// let (mut host, now) = (VirtualHost::in_memory(), Time::ZERO);
/// host.declare_queue(now, "q", QueueOptions::default())?;
/// host.set_disk(Some(DiskLimit { size: 1_000, free_min: 400 }))?;
/// host.send(now, "q", Message::new("x".repeat(700)))?;
/// host.flush()?;
/// assert!(host.alarms().eq([Alarm::Disk]) && host.send(now, "q", Message::new("y")).is_err());
/// let taken = host.receive(now, "q")?.ok_or("it is there")?;
/// host.ack(now, taken.handle)?;
/// host.flush()?;
/// assert!(!host.has_alarm());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DiskLimit {
    /// How many bytes it has.
    pub size: u64,
    /// With fewer bytes free than this, publishers must wait.
    pub free_min: u64,
}

impl<S: Storage> VirtualHost<S> {
    /// Says how large the disk is; without, it is not watched.
    ///
    /// # Errors
    ///
    /// When the storage fails.
    pub fn set_disk(&mut self, limit: Option<DiskLimit>) -> Result<(), S> {
        if limit.is_none() && self.disk.is_some() {
            self.set_alarm(Alarm::Disk, false);
        }
        self.disk = limit;
        self.check_disk()
    }

    /// How many bytes of messages the logs of all queues keep.
    ///
    /// # Errors
    ///
    /// When the storage fails.
    pub fn disk_bytes(&self) -> Result<u64, S> {
        let mut bytes = 0;
        for queue in self.queues.values() {
            bytes += queue.disk_bytes()?;
        }
        Ok(bytes)
    }

    /// The storage and every log in use: for whoever drives the disk below.
    pub(crate) fn disk_mut(&mut self) -> (&mut S, impl Iterator<Item = &mut S::Log>) {
        let queues = self.queues.values_mut().flat_map(Queue::logs_mut);
        let logs = queues.chain(self.halves.logs_mut()).chain([self.definitions.log_mut()]);
        (&mut self.storage, logs)
    }

    /// Looks at the disk, after what was done in a burst is written.
    pub(super) fn check_disk(&mut self) -> Result<(), S> {
        if let Some(DiskLimit { size, free_min }) = self.disk {
            let free = size.saturating_sub(self.disk_bytes()?);
            self.set_alarm(Alarm::Disk, free < free_min);
        }
        Ok(())
    }
}
