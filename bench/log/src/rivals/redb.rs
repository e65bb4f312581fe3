//! The crate redb: a tree in a file, never written in place. Its keys are numbers that rise.

use std::path::Path;

use redb::{Database, Durability, ReadableDatabase as _, ReadableTable as _, TableDefinition};

use super::{Pool, Rival};
use crate::read::look;

const TABLE: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("log");

pub(super) struct Log {
    database: Database,
    pool: Pool,
    next: u64,
    durable: bool,
}

impl Log {
    pub(super) fn open(dir: &Path, pool: Pool, durable: bool) -> Self {
        let database = Database::create(dir.join("redb")).expect("the directory is new");
        Self { database, pool, next: 0, durable }
    }
}

impl Rival for Log {
    fn append(&mut self, slot: usize) {
        let mut transaction = self.database.begin_write().expect("one writer");
        let durability = if self.durable { Durability::Immediate } else { Durability::None };
        transaction.set_durability(durability).expect("nothing speaks against it");
        {
            let mut table = transaction.open_table(TABLE).expect("its types are these");
            for body in &self.pool[slot] {
                table.insert(self.next, &body[..]).expect("there is room");
                self.next += 1;
            }
        }
        transaction.commit().expect("the disk takes it");
    }

    fn read(&mut self) -> u64 {
        let transaction = self.database.begin_read().expect("it can be read");
        let table = transaction.open_table(TABLE).expect("it was made");
        let entries = table.iter().expect("it is sound");
        entries.fold(0, |sum, entry| look(sum, entry.expect("it is sound").1.value()))
    }
}
