//! How does a message go out exactly when its order is committed? As a row in the same database, written in the same
//! local transaction: the *outbox*. A relay sends the rows in their order, and removes each that is stored.
//!
//! ```text
//!   ┌ one local transaction ┐
//!   │ order row             │        relay
//!   │ message row ──────────┼─▶ waits ──▶ on its way ── "stored" ──▶ removed
//!   └───────────────────────┘     ▲           │
//!                                 └── crash ──┘  what was on its way is sent again
//! ```
//!
//! A message without an order cannot be, nor an order without a message: one commit decides over both. What can be is
//! a message twice, when the relay dies between "stored" and removing the row. No protocol of the broker's is needed.
//!
//! What real systems do: a relay that polls the table, or one that reads the database's own log (Debezium).

use alloc::collections::VecDeque;

use crate::ids::MessageId;
use crate::record::NewRecord;

/// The message rows of a database, in the order of their commits.
///
/// ```
/// use mqlab_core::client::Outbox;
/// use mqlab_core::ids::MessageId;
/// use mqlab_core::record::NewRecord;
/// let mut outbox = Outbox::default();
/// outbox.insert(MessageId(1), NewRecord::default());
/// assert_eq!(outbox.take().map(|row| (row.id, row.sent_before)), Some((MessageId(1), 0)));
/// assert!(outbox.take().is_none(), "it is on its way");
/// outbox.restart(); // the relay died, and does not know whether it is stored
/// assert_eq!(outbox.take().map(|row| row.sent_before), Some(1));
/// outbox.remove_stored(|_| true);
/// assert!(outbox.is_empty());
/// ```
#[derive(Clone, Debug, Default)]
pub struct Outbox {
    rows: VecDeque<Row>,
    /// How many of the first rows are on their way.
    on_their_way: usize,
}

/// A message that is committed, and not known to be stored by a broker.
///
/// ```
/// use mqlab_core::client::Outbox;
/// use mqlab_core::ids::MessageId;
/// use mqlab_core::record::NewRecord;
/// let mut outbox = Outbox::default();
/// outbox.insert(MessageId(1), NewRecord::default());
/// let row = outbox.take().ok_or("a row")?;
/// assert_eq!((row.id, row.sent_before), (MessageId(1), 0));
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone, Debug)]
pub struct Row {
    /// Which message.
    pub id: MessageId,
    /// What it is.
    pub record: NewRecord,
    /// How often a relay took it before.
    pub sent_before: u32,
}

impl Outbox {
    /// Writes a row, in the transaction that commits its order.
    pub fn insert(&mut self, id: MessageId, record: NewRecord) {
        self.rows.push_back(Row { id, record, sent_before: 0 });
    }

    /// The relay takes the next row that is not on its way.
    pub fn take(&mut self) -> Option<Row> {
        let row = self.rows.get_mut(self.on_their_way)?;
        let taken = row.clone();
        row.sent_before += 1;
        self.on_their_way += 1;
        Some(taken)
    }

    /// Removes the rows on their way that a broker has stored.
    pub fn remove_stored(&mut self, is_stored: impl Fn(MessageId) -> bool) {
        for index in (0..self.on_their_way).rev() {
            if is_stored(self.rows[index].id) {
                self.rows.remove(index);
                self.on_their_way -= 1;
            }
        }
    }

    /// The relay starts again, and knows of nothing that is on its way.
    pub fn restart(&mut self) {
        self.on_their_way = 0;
    }

    /// Whether a row waits for the relay.
    pub fn waits(&self) -> bool {
        self.rows.len() > self.on_their_way
    }

    /// The messages in it, in order.
    pub fn messages(&self) -> impl Iterator<Item = MessageId> {
        self.rows.iter().map(|row| row.id)
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn taken(outbox: &mut Outbox) -> Vec<(u64, u32)> {
        core::iter::from_fn(|| outbox.take()).map(|row| (row.id.0, row.sent_before)).collect()
    }

    #[test]
    fn rows_go_in_order_and_after_a_crash_from_the_first_that_is_not_known_to_be_stored() {
        let mut outbox = Outbox::default();
        for id in 1..=3 {
            outbox.insert(MessageId(id), NewRecord::default());
        }
        assert_eq!(taken(&mut outbox), [(1, 0), (2, 0), (3, 0)]);
        outbox.insert(MessageId(4), NewRecord::default());
        assert!(outbox.waits());
        outbox.remove_stored(|id| id == MessageId(1) || id == MessageId(4));
        assert_eq!(
            outbox.messages().map(|id| id.0).collect::<Vec<_>>(),
            [2, 3, 4],
            "4 is not on its way yet"
        );
        outbox.restart();
        assert_eq!(taken(&mut outbox), [(2, 1), (3, 1), (4, 0)]);
        outbox.remove_stored(|_| true);
        assert!(outbox.is_empty() && !outbox.waits());
    }
}
