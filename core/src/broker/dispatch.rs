//! Who takes what reaches a broker? Each message to the part of it that knows what to do.

use alloc::sync::Arc;

use super::replica::Role;
use super::waiting::Then;
use super::{Broker, Done, Message, Out, Reply, Request, RequestId, refuse};
use crate::ids::{NodeId, PartitionId};
use crate::log::{SliceOf, Storage};
use crate::observe::Refusal;
use crate::time::Time;

impl<S: Storage> Broker<S> {
    /// Does what a message asks that was read.
    pub(super) fn message(
        &mut self,
        now: Time,
        from: NodeId,
        message: Message,
        out: &mut Out<SliceOf<S>>,
    ) -> Done<S> {
        self.hear_controller(now, from, &message);
        match message {
            Message::Request(id, request) => self.request(now, (from, id), request, out),
            Message::Reply(id, reply) => self.reply(now, id, reply, out),
            Message::Settle { queue, session, tags, how } => {
                self.settle_deliveries(now, (from, queue, session), &tags, how, out)
            }
            Message::Credit { queue, session, more } => {
                self.grant_credit(now, (from, queue, session), more, out)
            }
            Message::Window { queue, session, most } => {
                self.set_window(now, (from, queue, session), most, out)
            }
            Message::Cluster(view) => self.learn(now, view, out),
            // For clients, or controllers, only.
            Message::Raft(_)
            | Message::Deliver(_)
            | Message::Notice { .. }
            | Message::Returned(_)
            | Message::Flow { .. }
            | Message::Processed { .. }
            | Message::CheckBack { .. } => Ok(()),
        }
    }

    pub(super) fn request(
        &mut self,
        now: Time,
        asker: (NodeId, RequestId),
        request: Request,
        out: &mut Out<SliceOf<S>>,
    ) -> Done<S> {
        let (from, id) = asker;
        match request {
            request @ (Request::Send { .. }
            | Request::Publish { .. }
            | Request::BeginHalf { .. }
            | Request::Decide { .. }
            | Request::Transaction { .. }
            | Request::Subscribe { .. }
            | Request::Ping { .. }) => self.host_request(now, asker, request, out),
            Request::Produce { partition, acks, batches } => match self.replicas.get_mut(&partition) {
                None => refuse(asker, self.not_here(&partition), out),
                Some(replica) if replica.lacks_a_key(&batches) => refuse(asker, Refusal::Invalid, out),
                Some(replica) => {
                    Ok(replica.produce(now, asker, acks, &batches, |base| Then::Stored { base }, out)?)
                }
            },
            Request::Fetch(fetch) => {
                let partition = fetch.partition.clone();
                let Some(replica) = self.replicas.get_mut(&partition) else {
                    return refuse(asker, self.not_here(&partition), out);
                };
                if self.settings.read_closest && fetch.replica.is_none() {
                    if let Some(closer) = replica.closer(self.me, &fetch, &self.view) {
                        out.reply(from, id, Reply::ReadFrom { replica: closer });
                        return Ok(());
                    }
                    if let Role::Follower(_) = replica.role {
                        return Ok(replica.fetch_of_follower(now, asker, fetch, out)?);
                    }
                }
                let proposal = replica.fetch(now, asker, fetch, out)?;
                self.propose(now, &partition, proposal, out);
                Ok(())
            }
            Request::OffsetForTime { partition, timestamp, isolation } => {
                match self.replicas.get(&partition) {
                    None => refuse(asker, self.not_here(&partition), out),
                    Some(replica) => Ok(replica.offset_for_time(asker, (timestamp, isolation), out)?),
                }
            }
            Request::Txn(request) => self.ask_about_txn(now, asker, request, out),
            Request::InitProducer => {
                self.init_producer(now, asker, out);
                Ok(())
            }
            Request::Metadata => {
                out.reply(from, id, Reply::Cluster(Arc::clone(&self.view)));
                Ok(())
            }
            request @ (Request::Heartbeat { .. }
            | Request::Commit { .. }
            | Request::OffsetOf { .. }
            | Request::Group { .. }) => self.ask_group(now, asker, request, out),
            Request::Share { group, request } => self.ask_share(now, asker, group, request, out),
            Request::Alive { .. }
            | Request::Leave { .. }
            | Request::SetInSync { .. }
            | Request::AllocateProducerIds
            | Request::Call(_) => refuse(asker, Refusal::Unsupported, out),
        }
    }

    /// Why a partition is not served here.
    pub(super) fn not_here(&self, partition: &PartitionId) -> Refusal {
        if self.view.partitions.contains_key(partition) { Refusal::NotLeader } else { Refusal::Unknown }
    }

    pub(super) fn reply(
        &mut self,
        now: Time,
        id: RequestId,
        reply: Reply,
        out: &mut Out<SliceOf<S>>,
    ) -> Done<S> {
        if self.take_producer_ids(now, id, &reply, out)
            || self.take_share_reply(now, id, &reply, out)
            || self.take_marked(now, id, &reply)
        {
            return Ok(());
        }
        let was_proposal = self.proposal_answered(now, id, &reply);
        if let Reply::Cluster(view) = reply {
            return self.learn(now, view, out);
        }
        if was_proposal {
            return Ok(());
        }
        match self.replicas.that_asked(id) {
            Some(replica) => Ok(replica.fetched(now, reply, &self.settings, out)?),
            None => Ok(()), // an answer that nobody waits for any more
        }
    }

    pub(super) fn hang_up(&mut self, now: Time, peer: NodeId, out: &mut Out<SliceOf<S>>) -> Done<S> {
        for replica in self.replicas.iter_mut() {
            replica.leader_hung_up(now, peer, &self.settings);
            replica.forget_fetches_of(peer);
        }
        self.controller_hung_up(peer);
        self.producer_ids.forget(peer);
        self.groups.hang_up(peer);
        self.share_hang_up(now, peer, out);
        self.txns.hang_up(peer, now + self.settings.retry_backoff);
        self.guest_left(now, peer, out)
    }
}
