//! How far is each group? A table at the broker that keeps the queues, written down every few seconds.
//!
//! ```text
//!   orders@payers  →  { 0: 17, 1: 12 }          the next offset that the group needs of each queue
//! ```
//!
//! A crash takes what was not written down yet: the group then reads some messages again.
//!
//! Source: `ConsumerOffsetManager.java`.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;

use crate::ids::Name;
use crate::systems::rocketmq::Topic;

/// `topic@group`, and the next offset of each queue.
pub type OffsetTable = BTreeMap<String, BTreeMap<u32, u64>>;

/// How far each group is.
#[derive(Clone, Debug, Default)]
pub(super) struct Offsets {
    table: OffsetTable,
    is_dirty: bool,
}

impl Offsets {
    pub(super) fn new(table: OffsetTable) -> Self {
        Self { table, is_dirty: false }
    }

    pub(super) fn get(&self, group: &str, topic: &Topic, queue: u32) -> Option<u64> {
        self.table.get(&format!("{topic}@{group}"))?.get(&queue).copied()
    }

    /// Takes note; whether it is news.
    pub(super) fn set(&mut self, group: &str, topic: &Topic, queue: u32, offset: u64) -> bool {
        let before = self.table.entry(format!("{topic}@{group}")).or_default().insert(queue, offset);
        self.is_dirty |= before != Some(offset);
        before != Some(offset)
    }

    pub(super) fn group_set(&mut self, group: &Name, topic: &Topic, queue: u32, offset: u64) -> bool {
        self.set(group.as_str(), topic, queue, offset)
    }

    /// The whole, as a slave copies it.
    pub(super) fn table(&self) -> &OffsetTable {
        &self.table
    }

    pub(super) fn replace(&mut self, table: OffsetTable) {
        self.is_dirty |= self.table != table;
        self.table = table;
    }

    /// What is to be written down, if something changed since it was asked last.
    pub(super) fn take_dirty(&mut self) -> Option<&OffsetTable> {
        core::mem::take(&mut self.is_dirty).then_some(&self.table)
    }
}
