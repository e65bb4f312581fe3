//! How do all partitions learn that a transaction is over? Its coordinator tells each leader, again and again, until each has
//! answered.
//!
//! ```text
//!   decided ─┬─▶ bills/0    due ── asked ── marked            whoever does not answer, or leads no more, is due again:
//!            ├─▶ bills/2    due ── asked ── no answer ── due  at whoever leads by then
//!            └─▶ offsets    due ── asked ── marked
//!                                                all marked ──▶ complete
//! ```
//!
//! A coordinator that takes over finds in its log what is decided, and tells all of them once more. A leader that has the
//! marker answers as if it had written it now.

use super::group_turn::Asker;
use super::txn_request::TxnRequest;
use super::waiting::Then;
use super::{Broker, Done, Message, Out, Reply, Request, RequestId, TxnReply, refuse};
use crate::ids::{Epoch, Name, NodeId, Offset, PartitionId};
use crate::log::{SliceOf, Storage};
use crate::record::Marker;
use crate::sorted::SortedMap;
use crate::time::Time;

/// How far one partition is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// Its leader must be told, from this moment on.
    Due(Time),
    /// Its leader was told, and has not answered.
    Asked { id: RequestId, broker: NodeId, deadline: Time },
    /// This broker leads it: it is marked when everything below is committed in this reign.
    Here { below: Offset, epoch: Option<Epoch> },
}

/// The partitions that are not marked yet.
pub(super) type Marking = SortedMap<PartitionId, Mark>;

impl Mark {
    /// When something must be done about it.
    pub(super) fn wakeup(&self) -> Option<Time> {
        match self {
            Self::Due(at) => Some(*at),
            Self::Asked { deadline, .. } => Some(*deadline),
            Self::Here { .. } => None,
        }
    }
}

impl<S: Storage> Broker<S> {
    /// A coordinator says that a transaction is over.
    pub(super) fn write_marker(
        &mut self,
        now: Time,
        asker: Asker,
        partition: &PartitionId,
        marker: &Marker,
        out: &mut Out<SliceOf<S>>,
    ) -> Done<S> {
        let Some(replica) = self.replicas.get_mut(partition) else {
            return refuse(asker, self.not_here(partition), out);
        };
        match replica.mark(now, marker, out)? {
            Err(refusal) => refuse(asker, refusal, out),
            Ok(below) => {
                let events = self.resolve_offsets(partition, marker);
                if let Some(replica) = self.replicas.get_mut(partition) {
                    replica.when_committed(below, asker, Then::Marked { events }, out);
                }
                Ok(())
            }
        }
    }

    /// Tells the partitions that are due; says whether one was found to be marked.
    pub(super) fn tell_partitions(
        &mut self,
        now: Time,
        id: &Name,
        marker: &Marker,
        out: &mut Out<SliceOf<S>>,
    ) -> Result<bool, super::BrokerError<crate::log::StorageError<S>>> {
        let Some(mut marking) = self.txns.take_marking(id) else { return Ok(false) };
        let before = marking.len();
        // What was removed with its topic needs no marker: nobody will read it. (Kafka's coordinator passes it over, too.)
        marking.retain(|partition, _| !self.view.removed.contains(&partition.topic));
        let retry = Mark::Due(now + self.settings.retry_backoff);
        for (partition, mark) in &mut marking {
            if let Mark::Asked { deadline, .. } = mark
                && *deadline <= now
            {
                *mark = Mark::Due(now);
            }
            if !matches!(mark, Mark::Due(at) if *at <= now) {
                continue;
            }
            *mark = match self.view.leader_of(partition) {
                None => retry,
                Some(leader) if leader != self.me => {
                    self.last_request += 1;
                    let request = TxnRequest::Mark { partition: partition.clone(), marker: *marker };
                    out.send(leader, Message::Request(self.last_request, Request::Txn(request)));
                    let deadline = now + self.settings.request_timeout;
                    Mark::Asked { id: self.last_request, broker: leader, deadline }
                }
                Some(_) => match self.replicas.get_mut(partition) {
                    None => retry,
                    Some(replica) => match replica.mark(now, marker, out)? {
                        Err(_) => retry,
                        Ok(below) => {
                            let epoch = replica.epoch();
                            let events = self.resolve_offsets(partition, marker);
                            out.events.extend(events);
                            Mark::Here { below, epoch }
                        }
                    },
                },
            };
        }
        // Another reign: what was written here may have been cut off since.
        for (partition, mark) in &mut marking {
            if let Mark::Here { epoch, .. } = mark
                && self.replicas.get(partition).and_then(|replica| replica.epoch()) != *epoch
            {
                *mark = retry;
            }
        }
        let replicas = &self.replicas;
        marking.retain(|partition, mark| match mark {
            Mark::Here { below, .. } => {
                replicas.get(partition).is_none_or(|replica| replica.high_watermark < *below)
            }
            Mark::Due(_) | Mark::Asked { .. } => true,
        });
        let moved = marking.len() < before;
        self.txns.put_marking(id, marking);
        Ok(moved)
    }

    /// Takes a leader's answer to a marker; says whether it is one.
    pub(super) fn take_marked(&mut self, now: Time, id: RequestId, reply: &Reply) -> bool {
        let marked = matches!(reply, Reply::Txn(TxnReply::Marked));
        self.txns.marked(id, marked, now + self.settings.retry_backoff)
    }
}
