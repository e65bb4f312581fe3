//! What is there again after a restart? Durable exchanges, queues, bindings and subscriptions, each change a record of
//! one more log.
//!
//! A record is JSON, so that a person can read it: `{"queue":{"name":"orders","options":{...}}}`, and the same with
//! `null` for what was removed. When the log has many more records than there are definitions, it is written anew at
//! the next opening.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::subscribe::Filter;
use super::*;
use crate::ids::{Epoch, LogName};
use crate::log::{Log, LogError, StorageError, read_all};
use crate::queue::QueueOptions;
use crate::record::{BatchBuilder, NewRecord};

/// The most bytes that a definition may have as JSON.
pub const DEFINITION_BYTES_MAX: usize = 256 * 1024;
/// The log is written anew when it has this many records more than two for each definition.
const SLACK: usize = 256;

/// One change. What is removed stands with `None`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Definition {
    Queue { name: Name, options: Option<QueueOptions> },
    Exchange { name: ExchangeName, options: Option<ExchangeOptions> },
    Binding { binding: Binding, bound: bool },
    Filter { queue: Name, filter: Filter },
}

impl Definition {
    /// Whether this one makes an earlier one void.
    fn replaces(&self, earlier: &Self) -> bool {
        match (self, earlier) {
            (Self::Queue { name, options }, earlier) => match earlier {
                Self::Queue { name: other, .. } => name == other,
                Self::Binding { binding, .. } => {
                    options.is_none() && binding.to == Destination::Queue(name.clone())
                }
                Self::Filter { queue, .. } => options.is_none() && queue == name,
                Self::Exchange { .. } => false,
            },
            (Self::Exchange { name, options }, earlier) => match earlier {
                Self::Exchange { name: other, .. } => name == other,
                Self::Binding { binding, .. } => {
                    options.is_none()
                        && (binding.exchange == *name || binding.to == Destination::Exchange(name.clone()))
                }
                Self::Queue { .. } | Self::Filter { .. } => false,
            },
            (Self::Binding { binding, .. }, Self::Binding { binding: other, .. }) => binding == other,
            (Self::Filter { queue, .. }, Self::Filter { queue: other, .. }) => queue == other,
            _ => false,
        }
    }

    fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("plain data can be written")
    }

    /// Whether it can be noted.
    pub(super) fn check<E>(&self) -> core::result::Result<(), VhostError<E>> {
        match self.to_json().len() {
            bytes if bytes > DEFINITION_BYTES_MAX => Err(VhostError::TooLarge(bytes)),
            _ => Ok(()),
        }
    }

    /// What must be there first has a smaller rank.
    fn rank(&self) -> u8 {
        match self {
            Self::Queue { .. } | Self::Exchange { .. } => 0,
            Self::Binding { .. } => 1,
            Self::Filter { .. } => 2,
        }
    }

    fn is_removal(&self) -> bool {
        matches!(
            self,
            Self::Queue { options: None, .. }
                | Self::Exchange { options: None, .. }
                | Self::Binding { bound: false, .. }
        )
    }
}

/// The log of definitions.
#[derive(Clone, Debug)]
pub(super) struct Definitions<L> {
    log: L,
}

type Opened<L> = (Definitions<L>, Vec<Definition>);

impl<L: Log> Definitions<L> {
    /// Opens the log, and returns what is defined, in an order in which it can be defined anew.
    pub(super) fn open<S: Storage<Log = L>>(
        storage: &mut S,
    ) -> core::result::Result<Opened<L>, VhostError<StorageError<S>>> {
        let mut definitions = Self { log: storage.open(&LogName::Definitions).map_err(LogError::Storage)? };
        let (mut live, mut records) = (Vec::<Definition>::new(), 0);
        let mut strange = None;
        read_all(&definitions.log, |batches| {
            for record in batches.records() {
                records += 1;
                let json = record.value.unwrap_or_default();
                match str::from_utf8(&json)
                    .ok()
                    .and_then(|json| serde_json::from_str::<Definition>(json).ok())
                {
                    Some(definition) => {
                        live.retain(|earlier| !definition.replaces(earlier));
                        if !definition.is_removal() {
                            live.push(definition);
                        }
                    }
                    None => strange = Some(String::from_utf8_lossy(&json).to_string()),
                }
            }
        })?;
        if let Some(what) = strange {
            return Err(VhostError::Definitions(what));
        }
        // A crash while the log was written anew leaves bindings of the old part before queues of the new one.
        live.sort_by_key(Definition::rank);
        if records > 2 * live.len() + SLACK {
            let start = definitions.log.end();
            for definition in &live {
                definitions.note(definition)?;
            }
            definitions.log.flush()?;
            definitions.log.trim(start)?;
        }
        Ok((definitions, live))
    }

    /// Its log.
    pub(super) fn log_mut(&mut self) -> &mut L {
        &mut self.log
    }

    pub(super) fn close<S: Storage<Log = L>>(
        self,
        storage: &mut S,
    ) -> core::result::Result<(), StorageError<S>> {
        storage.close(&LogName::Definitions, self.log)
    }

    fn note(&mut self, definition: &Definition) -> core::result::Result<(), LogError<L::Error>> {
        let mut batch = BatchBuilder::new();
        let record = NewRecord { value: Some(definition.to_json().into()), ..NewRecord::default() };
        batch.push(&record).expect("it was checked to be far smaller than a batch may be");
        self.log.append(&batch.build().stamped(self.log.end(), Epoch(0)))
    }

    pub(super) fn note_queue(
        &mut self,
        name: Name,
        options: Option<QueueOptions>,
    ) -> core::result::Result<(), LogError<L::Error>> {
        self.note(&Definition::Queue { name, options })
    }

    pub(super) fn note_exchange(
        &mut self,
        name: ExchangeName,
        options: Option<ExchangeOptions>,
    ) -> core::result::Result<(), LogError<L::Error>> {
        self.note(&Definition::Exchange { name, options })
    }

    pub(super) fn note_binding(
        &mut self,
        binding: Binding,
        bound: bool,
    ) -> core::result::Result<(), LogError<L::Error>> {
        self.note(&Definition::Binding { binding, bound })
    }

    pub(super) fn note_filter(
        &mut self,
        queue: Name,
        filter: Filter,
    ) -> core::result::Result<(), LogError<L::Error>> {
        self.note(&Definition::Filter { queue, filter })
    }

    pub(super) fn is_dirty(&self) -> bool {
        self.log.durable() < self.log.end()
    }

    pub(super) fn flush(&mut self) -> core::result::Result<(), LogError<L::Error>> {
        if self.is_dirty() { self.log.flush() } else { Ok(()) }
    }
}

impl<S: Storage> VirtualHost<S> {
    /// Defines anew what a restart found.
    pub(super) fn define(&mut self, now: Time, definition: Definition) -> Result<(), S> {
        match definition {
            Definition::Queue { name, options: Some(options) } => self.open_queue(now, name, options)?,
            Definition::Exchange { name, options: Some(options) } => {
                self.router.declare(name, options)?;
            }
            Definition::Binding { binding, bound: true } => {
                self.router.bind(binding)?;
            }
            Definition::Filter { queue, filter } => {
                self.filters.insert(queue, filter);
            }
            _ => {}
        }
        Ok(())
    }
}
