//! Where do the accounts of share groups survive their leaders? In a partition of their own, whose leader is the share
//! coordinator.
//!
//! ```text
//!   leader of orders/0, epoch 3           share coordinator                  leader of orders/0, epoch 4
//!      │── keep: version 8 ──────────────────▶│ a record, replicated               │ (3 is dead, or cut off)
//!      │◀── kept ─────────────────────────────│◀───────────── I begin, epoch 4 ────│
//!      │── keep: version 9 ──────────────────▶│─────── version 8's account ───────▶│
//!      │◀── no: stale epoch ──────────────────│                                    │
//! ```
//!
//! To begin is itself written down: when the coordinator dies as well, the next one still refuses the earlier leader. What
//! that one is refused it tells nobody to be done, so nothing that a member was told is taken back.
//!
//! A copy of a request that comes late must not undo what came after it. (On one connection nothing comes late; here
//! requests may.) Its version tells.
//!
//! What real systems do: Kafka keeps `__share_group_state` in 50 partitions, each with its coordinator, and has a second
//! epoch that rises when an administrator sets a group's offsets; nobody does that here.
//!
//! Source: Kafka `ShareCoordinatorShard.java`.

use super::group_turn::Asker;
use super::share_request::{ShareReply, ShareRequest};
use super::share_state::{Saved, ShareKey, ShareState, from_record, to_record};
use super::view::share_partition;
use super::waiting::Then;
use super::{Acks, Broker, Done, Out, Role, refuse};
use crate::ids::{Epoch, Name, PartitionId};
use crate::log::{Log as _, SliceOf, Storage, read_all};
use crate::observe::Refusal;
use crate::sorted::SortedMap;
use crate::time::Time;

/// What the share coordinator knows.
#[derive(Clone, Debug, Default)]
pub(super) struct ShareStates {
    /// In which epoch it leads, if it has read its log since.
    reign: Option<Epoch>,
    saved: SortedMap<ShareKey, Saved>,
}

impl<S: Storage> Broker<S> {
    /// Keeps an account, or hands it to a new leader.
    pub(super) fn keep_share_state(
        &mut self,
        now: Time,
        asker: Asker,
        group: Name,
        request: ShareRequest,
        out: &mut Out<SliceOf<S>>,
    ) -> Done<S> {
        let replica = self.replicas.get_mut(&share_partition());
        let Some((replica, epoch)) = replica.and_then(|replica| {
            let epoch = replica.epoch().filter(|_| matches!(replica.role, Role::Leader(_)))?;
            Some((replica, epoch))
        }) else {
            return refuse(asker, Refusal::NotLeader, out);
        };
        let states = &mut self.shares.states;
        if states.reign != Some(epoch) {
            states.saved.clear();
            let saved = &mut states.saved;
            read_all(&replica.log, |batches| {
                saved.extend(batches.records().filter_map(|r| from_record(&r)))
            })?;
            states.reign = Some(epoch);
        }
        let decided = match request {
            ShareRequest::Begin { partition, writer, fresh } => {
                states.begin((group, partition), |known| match known {
                    Some(known) if known.writer > writer => None,
                    // A second copy: it goes on.
                    Some(known) if known.writer == writer => Some(known.clone()),
                    known => {
                        let state = known.map_or_else(|| ShareState::at(fresh), |known| known.state.clone());
                        Some(Saved { writer, version: 0, state })
                    }
                })
            }
            ShareRequest::Keep { partition, writer, version, state } => {
                let key = (group, partition);
                match states.saved.get(&key) {
                    Some(known) if known.writer > writer => None,
                    // Its writer has given this request up, and waits for the answer to a later one.
                    Some(known) if (known.writer, known.version) > (writer, version) => return Ok(()),
                    _ => Some((key, Saved { writer, version, state }, ShareReply::Kept { version })),
                }
            }
            _ => return refuse(asker, Refusal::Unsupported, out),
        };
        let Some((key, saved, reply)) = decided else { return refuse(asker, Refusal::Stale, out) };
        let Ok(batches) = to_record(&key, &saved, now.as_millis() as i64) else {
            return refuse(asker, Refusal::TooLarge, out);
        };
        let end = replica.log.end();
        replica.produce(now, asker, Acks::All, &batches, |_| Then::Share { reply }, out)?;
        if replica.log.end() > end {
            states.saved.insert(key, saved);
        }
        Ok(())
    }
}

impl ShareStates {
    fn begin(
        &self,
        key: (Name, PartitionId),
        decide: impl FnOnce(Option<&Saved>) -> Option<Saved>,
    ) -> Option<(ShareKey, Saved, ShareReply)> {
        let saved = decide(self.saved.get(&key))?;
        let reply = ShareReply::Begun { version: saved.version, state: saved.state.clone() };
        Some((key, saved, reply))
    }
}
