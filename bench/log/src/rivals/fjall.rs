//! The crate fjall: sorted tables with a journal in front. Its keys are numbers that rise.

use std::path::Path;

use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};

use super::{Pool, Rival};
use crate::read::look;

pub(super) struct Log {
    database: Database,
    keyspace: Keyspace,
    pool: Pool,
    next: u64,
    durable: bool,
}

impl Log {
    pub(super) fn open(dir: &Path, pool: Pool, durable: bool) -> Self {
        let database = Database::builder(dir.join("fjall")).open().expect("the directory is new");
        let keyspace = database.keyspace("log", KeyspaceCreateOptions::default).expect("the name is legal");
        Self { database, keyspace, pool, next: 0, durable }
    }
}

impl Rival for Log {
    fn append(&mut self, slot: usize) {
        let mode = if self.durable { PersistMode::SyncData } else { PersistMode::Buffer };
        let mut batch = self.database.batch().durability(Some(mode));
        for body in &self.pool[slot] {
            batch.insert(&self.keyspace, self.next.to_be_bytes(), &body[..]);
            self.next += 1;
        }
        batch.commit().expect("there is room");
    }

    fn read(&mut self) -> u64 {
        self.keyspace.iter().fold(0, |sum, entry| look(sum, &entry.value().expect("it is sound")))
    }
}
