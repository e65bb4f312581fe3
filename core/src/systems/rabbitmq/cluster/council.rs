//! Who writes which stream? A council of all nodes decides, which is a Raft: its leader ends a reign whose writer is gone, and
//! lets the member write whose log goes furthest.
//!
//! ```text
//!   the writer is gone ─▶ entry {stream, epoch 4} ─ a majority ─▶ stop in epoch 4 ─▶ all members
//!                         entry {stream, epoch 4, writer} ◀─ elect ── stopped, my log ends there ◀─ a majority
//!                         a majority ─▶ orders, with every tick: who writes, who copies
//! ```
//!
//! Source: RabbitMQ `rabbit_stream_coordinator.erl`.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::super::elect;
use super::hosted::DiskLog;
use super::node::{NodeFailed, failed};
use super::protocol::Order;
use super::{ClusterConfig, Disk};
use crate::ids::{Epoch, Name, NodeId, Offset};
use crate::log::{Log as _, Slice as _, SliceOf};
use crate::raft::{Raft, RaftMessage, RaftOut};
use crate::record::{BatchBuilder, NewRecord};
use crate::systems::Input;
use crate::time::Time;

/// The name of the council's log (RabbitMQ: `rabbit_stream_coordinator`).
pub(super) const COUNCIL: &str = "rabbit_stream_coordinator";
/// How many bytes of the log are read at once.
const READ_BYTES: u32 = 64 * 1024;

/// What is decided: an epoch begins, or who writes in it.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Decision {
    stream: Name,
    epoch: Epoch,
    writer: Option<NodeId>,
}

/// An election that goes on.
#[derive(Clone, Debug)]
struct Election {
    epoch: Epoch,
    stopped: BTreeMap<NodeId, (Option<Epoch>, Offset)>,
    decided: bool,
}

/// What the council wants done.
#[derive(Clone, Debug, Default)]
pub(super) struct Wishes {
    pub(super) sends: Vec<(NodeId, RaftMessage<SliceOf<Disk>>)>,
    /// All members of a stream are to stop.
    pub(super) stops: Vec<(Name, Epoch)>,
    /// Somebody is to write a stream.
    pub(super) chosen: Vec<Order>,
}

/// A node's seat in the council.
#[derive(Clone, Debug)]
pub(crate) struct Council {
    disk: Disk,
    raft: Raft<DiskLog>,
    applied: Offset,
    /// Of each stream: where it was declared.
    streams: BTreeMap<Name, NodeId>,
    members: usize,
    /// The latest epoch of each, and who writes in it.
    decided: BTreeMap<Name, (Epoch, Option<NodeId>)>,
    elections: BTreeMap<Name, Election>,
    /// The term in which it leads.
    leads: Option<Epoch>,
}

impl Council {
    pub(super) fn open(
        mut disk: Disk,
        config: &ClusterConfig,
        (me, incarnation): (NodeId, u64),
        now: Time,
    ) -> Result<Self, NodeFailed> {
        let name = Name::new(COUNCIL).map_err(|_| NodeFailed)?;
        let rng = super::hosted::rng(config.seed, &name, (me, incarnation));
        let members = config.nodes.clone();
        let mut raft =
            Raft::open(&mut disk, name, me, members, config.timing, rng, now).map_err(|_| NodeFailed)?;
        if incarnation == 1 && config.nodes.first() == Some(&me) {
            raft.hurry(now);
        }
        let is_stream = |kind: &super::super::Declared| matches!(kind, super::super::Declared::Stream { .. });
        let streams = config.queues.iter().filter(|queue| is_stream(&queue.kind));
        let streams = streams.map(|queue| (queue.name.clone(), queue.node)).collect();
        let applied = raft.committed();
        let (decided, elections) = Default::default();
        Ok(Self {
            disk,
            raft,
            applied,
            streams,
            members: config.nodes.len(),
            decided,
            elections,
            leads: None,
        })
    }

    pub(super) fn close(mut self) -> Result<Disk, NodeFailed> {
        self.raft.close(&mut self.disk).map_err(failed)?;
        Ok(self.disk)
    }

    pub(super) fn storage_mut(&mut self) -> (&mut Disk, Vec<&mut DiskLog>) {
        (&mut self.disk, self.raft.logs_mut().into())
    }

    pub(super) fn next_wakeup(&self) -> Time {
        self.raft.next_wakeup()
    }

    pub(super) fn handle(
        &mut self,
        now: Time,
        input: Input<RaftMessage>,
        wishes: &mut Wishes,
    ) -> Result<(), NodeFailed> {
        let mut out = RaftOut::default();
        match input {
            Input::Wake => self.raft.tick(now, &mut out).map_err(failed)?,
            Input::Message { from, message } => {
                self.raft.handle(now, from, message, &mut out).map_err(failed)?;
            }
            Input::HangUp { .. } => {}
        }
        wishes.sends.append(&mut out.sends);
        Ok(())
    }

    fn propose(&mut self, decision: &Decision, wishes: &mut Wishes) -> Result<(), NodeFailed> {
        let value = Some(Bytes::from(serde_json::to_vec(decision).map_err(|_| NodeFailed)?));
        let mut entry = BatchBuilder::new();
        entry.push(&NewRecord { value, ..NewRecord::default() }).map_err(|_| NodeFailed)?;
        let mut out = RaftOut::default();
        self.raft.propose(entry.build(), &mut out).map_err(failed)?;
        wishes.sends.append(&mut out.sends);
        Ok(())
    }

    /// A stream's writer is gone, or there is none: an epoch begins.
    fn begin(&mut self, stream: &Name, wishes: &mut Wishes) -> Result<(), NodeFailed> {
        let going_on = self.elections.get(stream).map_or(Epoch(0), |election| election.epoch);
        let last = self.decided.get(stream).map_or(Epoch(0), |(epoch, _)| *epoch).max(going_on);
        let epoch = Epoch(last.0 + 1);
        self.elections.insert(stream.clone(), Election { epoch, stopped: BTreeMap::new(), decided: false });
        self.propose(&Decision { stream: stream.clone(), epoch, writer: None }, wishes)
    }

    /// A node is gone, or was: what it wrote needs another writer.
    pub(super) fn node_gone(&mut self, node: NodeId, wishes: &mut Wishes) -> Result<(), NodeFailed> {
        if !self.raft.is_ready() {
            return Ok(());
        }
        let of_it =
            |stream: &&Name| self.decided.get(*stream).is_some_and(|(_, writer)| *writer == Some(node));
        let is_free = |stream: &&Name| self.elections.get(*stream).is_none_or(|own| own.decided);
        let orphans: Vec<Name> = self.streams.keys().filter(of_it).filter(is_free).cloned().collect();
        orphans.iter().try_for_each(|stream| self.begin(stream, wishes))
    }

    /// A member has stopped, and says where its log ends.
    pub(super) fn stopped(
        &mut self,
        stream: &Name,
        from: NodeId,
        epoch: Epoch,
        tail: (Option<Epoch>, Offset),
        wishes: &mut Wishes,
    ) -> Result<(), NodeFailed> {
        let home = self.streams.get(stream).copied();
        let Some(election) = self.elections.get_mut(stream) else { return Ok(()) };
        if election.epoch != epoch || election.decided || !self.raft.is_ready() {
            return Ok(());
        }
        election.stopped.insert(from, tail);
        let tails: Vec<_> = election.stopped.iter().map(|(&node, &tail)| (node, tail)).collect();
        let Some(best) = elect(&tails, self.members) else { return Ok(()) };
        // Of equal ones the node where it was declared.
        let equal = |node: &NodeId| election.stopped.get(node) == election.stopped.get(&best);
        let writer = home.filter(equal).unwrap_or(best);
        election.decided = true;
        self.propose(&Decision { stream: stream.clone(), epoch, writer: Some(writer) }, wishes)
    }

    /// Flushes what must not be forgotten, and does what is decided.
    pub(super) fn settle(&mut self, wishes: &mut Wishes) -> Result<(), NodeFailed> {
        self.raft.settle().map_err(failed)?;
        let leads = self.raft.is_ready();
        while self.applied < self.raft.committed() {
            let read =
                self.raft.log().read(self.applied, self.raft.committed(), READ_BYTES).map_err(failed)?;
            for batch in read.load().map_err(failed)?.iter() {
                self.applied = batch.next();
                let decisions = batch
                    .records()
                    .filter_map(|record| serde_json::from_slice::<Decision>(record.value.as_ref()?).ok());
                for Decision { stream, epoch, writer } in decisions {
                    self.decided.insert(stream.clone(), (epoch, writer));
                    match writer {
                        None if leads => wishes.stops.push((stream, epoch)),
                        Some(writer) if leads => wishes.chosen.push(Order { stream, epoch, writer }),
                        _ => {}
                    }
                }
            }
        }
        let term = leads.then(|| self.raft.term());
        if term != self.leads {
            self.leads = term;
            self.elections.clear();
            if leads {
                // Its predecessor may have known of somebody's death.
                let all: Vec<Name> = self.streams.keys().cloned().collect();
                all.iter().try_for_each(|stream| self.begin(stream, wishes))?;
                self.raft.settle().map_err(failed)?;
            }
        }
        Ok(())
    }

    /// Once more, with every tick: who is to stop, and who writes.
    pub(super) fn orders(&self) -> (Vec<(Name, Epoch)>, Vec<Order>) {
        if self.leads.is_none() {
            return Default::default();
        }
        let open = self.elections.iter().filter(|(_, election)| !election.decided);
        let stops = open.map(|(stream, election)| (stream.clone(), election.epoch)).collect();
        let decided = self.decided.iter().filter_map(|(stream, &(epoch, writer))| {
            Some(Order { stream: stream.clone(), epoch, writer: writer? })
        });
        (stops, decided.collect())
    }
}
