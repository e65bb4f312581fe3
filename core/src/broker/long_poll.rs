//! What does a fetch wait for? Records: with nothing to give the leader does not answer, for as long as the fetch says.
//!
//! ```text
//!   consumer ── fetch from 17, wait up to 500 ms ──▶ leader: ends at 17, so it waits      (long poll)
//!   producer ── 17 ────────────────────────────────▶ appended, committed
//!   consumer ◀───────────────────────────────── 17 ─ at once: not every so often, and not for nothing
//! ```

use super::leader::Leader;
use super::protocol::{Fetch, Isolation, Out, Reply, RequestId};
use super::replica::Replica;
use crate::ids::{NodeId, Offset};
use crate::log::{Log, LogError};
use crate::observe::Refusal;
use crate::time::Time;

#[derive(Clone, Debug)]
pub(super) struct Parked {
    pub(super) to: NodeId,
    pub(super) id: RequestId,
    pub(super) fetch: Fetch,
    pub(super) until: Time,
}

impl Leader {
    /// When the next fetch that waits must be answered.
    pub(super) fn next_deadline(&self) -> Option<Time> {
        self.parked.iter().map(|parked| parked.until).min()
    }
}

impl<L: Log> Replica<L> {
    /// Forgets the fetches of a node whose connection broke.
    pub(super) fn forget_fetches_of(&mut self, peer: NodeId) {
        if let Some(parked) = self.parked() {
            parked.retain(|parked| parked.to != peer);
        }
    }

    /// Answers the fetches that waited, where there is enough now or their time is over.
    pub(super) fn answer_parked(
        &mut self,
        now: Time,
        out: &mut Out<L::Slice>,
    ) -> Result<(), LogError<L::Error>> {
        let Some(waiting) = self.parked() else { return Ok(()) };
        let mut parked = core::mem::take(waiting);
        let mut failed = Ok(());
        parked.retain(|parked| {
            let answered = self.answer(parked, self.high_watermark, now >= parked.until, out);
            answered.map(|answered| !answered).unwrap_or_else(|error| {
                failed = Err(error);
                true
            })
        });
        if let Some(waiting) = self.parked() {
            *waiting = parked;
        }
        failed
    }

    /// Answers a fetch if it has enough, or must be answered now; says whether it was.
    pub(super) fn answer(
        &self,
        Parked { to, id, fetch, .. }: &Parked,
        high_watermark: Offset,
        now_or_never: bool,
        out: &mut Out<L::Slice>,
    ) -> Result<bool, LogError<L::Error>> {
        use crate::log::Slice as _;
        let until = match fetch.replica {
            Some(_) => self.log.end(),
            None => self.visible(fetch.isolation),
        };
        let start = self.log.start();
        if fetch.replica.is_some() && fetch.from < start {
            // What it wants next was deleted: it hears where the log begins, and begins there.
            let batches = self.log.read(start, start, 0)?;
            out.reply(*to, *id, Reply::Fetched { batches, high_watermark, start });
            return Ok(true);
        }
        if fetch.from < start || fetch.from > self.log.end() {
            out.reply(*to, *id, Reply::Refused(Refusal::OffsetOutOfRange));
            return Ok(true);
        }
        if fetch.filter.is_some() && fetch.replica.is_none() {
            let (batches, next) = self.select(fetch, until.max(fetch.from))?;
            // With more behind what was looked at, waiting brings nothing: the reader must go on.
            let enough = batches.bytes().len() as u64 >= u64::from(fetch.bytes_min) || next < until;
            if enough || now_or_never {
                out.reply(*to, *id, Reply::Selected { batches, next, high_watermark });
            }
            return Ok(enough || now_or_never);
        }
        if fetch.from >= until && fetch.bytes_min > 0 && !now_or_never {
            return Ok(false); // nothing is there: most who wait are answered so, each time
        }
        let batches = self.log.read(fetch.from, until.max(fetch.from), fetch.bytes_max)?;
        if batches.bytes() < u64::from(fetch.bytes_min) && !now_or_never {
            return Ok(false);
        }
        let reply = match (fetch.isolation, &fetch.replica) {
            (Isolation::Committed, None) => {
                let aborted = self.producers.aborted(fetch.from, until);
                Reply::Stable { batches, aborted, last_stable: until }
            }
            _ => Reply::Fetched { batches, high_watermark, start },
        };
        out.reply(*to, *id, reply);
        Ok(true)
    }
}
