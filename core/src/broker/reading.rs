//! What does a leader do for those who read with a wish? It selects records, and finds where a time begins.
//!
//! ```text
//!   fetch from 4, "color = 'red'"      ┌ 4 ┬ 5 ┬ 6 ┬ 7 ┬ 8 ┬ 9 ┐
//!                                      │red│   │   │red│   │   │
//!   selected: 4 and 7, go on at 10  ◀──└───┴───┴───┴───┴───┴───┘
//! ```
//!
//! Records that are not selected stay here, and the offset goes on behind them: otherwise the next fetch would look
//! through them again. Without a filter the broker never looks at what it sends; a host can hand a range of the file
//! to the network card (`sendfile`). Whoever wants a filter pays for it with the broker's time instead of the network's.
//!
//! What real systems do: Kafka has no filter, its consumers drop what they do not want. RocketMQ filters on the broker,
//! by tag or by SQL-92, and maps its files into memory (`mmap`), where it can look at them.

use super::committed::committed_batches;
use super::protocol::{Fetch, Isolation, Out, Reply, RequestId};
use super::replica::{Replica, Role};
use crate::ids::{NodeId, Offset};
use crate::log::{Log, LogError, Slice as _, read_all};
use crate::message::Message;
use crate::observe::Refusal;
use crate::record::Batches;

impl<L: Log> Replica<L> {
    /// What a fetch with a filter brings, and where to go on. It looks at no more stored bytes than it may bring.
    pub(super) fn select(
        &self,
        fetch: &Fetch,
        until: Offset,
    ) -> Result<(Batches, Offset), LogError<L::Error>> {
        let looked_at = self.log.read(fetch.from, until, fetch.bytes_max)?.load()?;
        let next = looked_at.next().map_or(fetch.from, |next| next.max(fetch.from));
        let selects = |message: &Message| fetch.filter.as_ref().is_none_or(|filter| filter.matches(message));
        let counts = match fetch.isolation {
            Isolation::Uncommitted => looked_at,
            Isolation::Committed => {
                let aborted = self.producers.aborted(fetch.from, next);
                Batches::joined(&committed_batches(&looked_at, aborted))
            }
        };
        let wanted =
            counts.selected(|record| record.offset >= fetch.from && selects(&Message::from_record(record)));
        Ok((wanted, next))
    }

    /// Says where the first record stands that is of this time or later.
    pub(super) fn offset_for_time(
        &self,
        (to, id): (NodeId, RequestId),
        (timestamp, isolation): (i64, Isolation),
        out: &mut Out<L::Slice>,
    ) -> Result<(), LogError<L::Error>> {
        if !matches!(self.role, Role::Leader(_)) {
            out.reply(to, id, Reply::Refused(Refusal::NotLeader));
            return Ok(());
        }
        let (start, end) = (self.log.start(), self.visible(isolation));
        let mut found = None;
        read_all(&self.log, |batches| {
            let late_enough = |batch: &crate::record::Batch| batch.max_timestamp() >= timestamp;
            if found.is_none() {
                // A batch may have no record left.
                let of = |batch: crate::record::Batch| {
                    batch.records().find(|record| record.timestamp >= timestamp)
                };
                found = batches.iter().filter(late_enough).find_map(of);
            }
        })?;
        let offset = found.map_or(end, |record| record.offset.clamp(start, end));
        out.reply(to, id, Reply::OffsetForTime { offset, start, end });
        Ok(())
    }
}
