//! Which replica should a consumer read from? One in its own rack, where that is asked for: links between racks, or
//! between data centres, are slow and cost money.
//!
//! ```text
//!   consumer in rack c          leader in rack a             follower in rack c
//!     │ fetch, I am in c          │                             │
//!     │──────────────────────────▶│                             │
//!     │◀── read from broker 3 ────│                             │
//!     │ fetch                                                   │
//!     │────────────────────────────────────────────────────────▶│
//!     │◀───────────────── what is below its high watermark ─────│
//! ```
//!
//! A follower learns the high watermark a little later than its leader, so what is read there is a little later, too; never
//! more. The leader sends a consumer to the follower that has got furthest, and only if that has what is asked for. The
//! consumer comes back after a while, or when it is refused: the follower may have died, or fallen behind.
//!
//! Source: KIP-392, Kafka `RackAwareReplicaSelector.java`.

use super::long_poll::Parked;
use super::protocol::{Fetch, Out, Reply, RequestId};
use super::replica::{Replica, Role};
use super::view::View;
use crate::ids::{Name, NodeId};
use crate::log::{Log, LogError};
use crate::observe::Refusal;
use crate::time::Time;

impl<L: Log> Replica<L> {
    /// The follower that a consumer should rather read from; `None` for this broker, which leads, or when there is none.
    pub(super) fn closer(&self, me: NodeId, fetch: &Fetch, view: &View) -> Option<NodeId> {
        let (Role::Leader(leader), Some(rack), None) = (&self.role, &fetch.rack, &fetch.replica) else {
            return None;
        };
        let is_there = |broker: &NodeId| view.racks.get(broker) == Some::<&Name>(rack);
        if is_there(&me) {
            return None;
        }
        let all = leader.followers().filter(|(follower, end)| is_there(follower) && *end >= fetch.from);
        // Of those that have got equally far, the first.
        all.max_by_key(|(follower, end)| (*end, core::cmp::Reverse(*follower))).map(|(follower, _)| follower)
    }

    /// A follower answers a consumer, or lets it wait, as a leader does.
    pub(super) fn fetch_of_follower(
        &mut self,
        now: Time,
        (to, id): (NodeId, RequestId),
        fetch: Fetch,
        out: &mut Out<L::Slice>,
    ) -> Result<(), LogError<L::Error>> {
        if fetch.from < self.log.start() || fetch.from > self.log.end() {
            out.reply(to, id, Reply::Refused(Refusal::OffsetOutOfRange));
            return Ok(());
        }
        let until = now + fetch.wait_max;
        let parked = Parked { to, id, fetch, until };
        if !self.answer(&parked, self.high_watermark, now >= until, out)?
            && let Some(all) = self.parked()
        {
            all.push(parked);
        }
        Ok(())
    }

    /// The fetches that wait here.
    pub(super) fn parked(&mut self) -> Option<&mut alloc::vec::Vec<Parked>> {
        match &mut self.role {
            Role::Idle => None,
            Role::Leader(leader) => Some(&mut leader.parked),
            Role::Follower(follower) => Some(&mut follower.parked),
        }
    }
}
