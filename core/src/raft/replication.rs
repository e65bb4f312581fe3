//! How does an entry get to everybody, and when is it agreed on? The leader sends what follows, and counts who has it.

use alloc::vec::Vec;

use super::{APPEND_BYTES_MAX, Peer, Raft, RaftMessage, RaftOut, Result, Role};
use crate::ids::{Epoch, NodeId, Offset};
use crate::log::Log;
use crate::record::{Batch, Batches};
use crate::time::Time;

impl<L: Log> Raft<L> {
    /// Adds an entry at the end of the own log.
    pub(super) fn write(&mut self, batches: Batches) -> Result<(), L> {
        let stamped = batches.into_stamped(self.log.end(), self.term());
        self.log.append(&stamped)?;
        self.terms.learn(&stamped);
        Ok(())
    }

    /// Says that it leads; and steps down if it hears too few others.
    pub(super) fn beat(&mut self, now: Time, out: &mut RaftOut<L::Slice>) -> Result<(), L> {
        let (majority, timing) = (self.majority(), self.timing);
        let Role::Leader(leader) = &mut self.role else { return Ok(()) };
        let heard = leader.peers.values().filter(|peer| now.since(peer.heard) < timing.patience);
        if heard.count() + 1 < majority {
            self.follow(None, now);
            return Ok(());
        }
        leader.next_beat = now + timing.beat;
        // What was not answered since the last time is lost, or late: it is sent again from what is known.
        for peer in leader.peers.values_mut() {
            if peer.asked.take().is_some() {
                peer.next = peer.same;
            }
        }
        let peers: Vec<NodeId> = leader.peers.keys().copied().collect();
        peers.into_iter().try_for_each(|peer| self.send_to(peer, true, out))
    }

    /// Sends everybody what it does not have, where nothing is under way.
    pub(super) fn send_to_all(&mut self, out: &mut RaftOut<L::Slice>) -> Result<(), L> {
        let Role::Leader(leader) = &self.role else { return Ok(()) };
        let peers: Vec<NodeId> = leader.peers.keys().copied().collect();
        peers.into_iter().try_for_each(|peer| self.send_to(peer, false, out))
    }

    /// Sends a member what it does not have; with nothing to send, only where that says that the leader lives.
    fn send_to(&mut self, to: NodeId, beat: bool, out: &mut RaftOut<L::Slice>) -> Result<(), L> {
        let (term, committed, end) = (self.term(), self.committed, self.log.end());
        let Role::Leader(leader) = &self.role else { return Ok(()) };
        let Some(&Peer { next, asked, number, .. }) = leader.peers.get(&to) else { return Ok(()) };
        let more = next < end && asked.is_none();
        if !more && !beat {
            return Ok(());
        }
        let last_term = self.term_before(next);
        let until = if more { end } else { next };
        let batches = self.log.read(next, until, APPEND_BYTES_MAX)?;
        out.sends.push((to, RaftMessage::Append { term, from: next, last_term, batches, committed, number }));
        if let Role::Leader(leader) = &mut self.role
            && let Some(peer) = leader.peers.get_mut(&to)
        {
            peer.number += 1;
            if more {
                peer.asked = Some(number);
            }
        }
        Ok(())
    }

    /// A leader says what follows in the log.
    pub(super) fn append(
        &mut self,
        now: Time,
        (from, term): (NodeId, Epoch),
        (at, last_term): (Offset, Option<Epoch>),
        batches: &Batches,
        (committed, answers): (Offset, u64),
        out: &mut RaftOut<L::Slice>,
    ) -> Result<(), L> {
        let own = self.term();
        if term < own {
            out.sends
                .push((from, RaftMessage::Appended { term: own, end: self.log.end(), same: false, answers }));
            return Ok(());
        }
        self.follow(Some(from), now);
        if let Some(end) = self.parts_before(at, last_term) {
            out.sends.push((from, RaftMessage::Appended { term: own, end, same: false, answers }));
            return Ok(());
        }
        let mut same = at;
        let mut new: Vec<Batch> = Vec::new();
        for batch in batches.iter() {
            // What is there already stays; what another leader had there goes, with all that follows.
            if new.is_empty() && batch.base() < self.log.end() {
                if self.terms.at(batch.base()) == batch.epoch() {
                    same = batch.next();
                    continue;
                }
                self.log.truncate(batch.base())?;
                self.terms.truncate(self.log.end());
                out.truncated = Some(self.log.end());
            }
            same = batch.next();
            new.push(batch);
        }
        if !new.is_empty() {
            let new = Batches::joined(&new);
            self.log.append(&new)?;
            self.terms.learn(&new);
        }
        self.committed = self.committed.max(committed.min(same));
        out.sends.push((from, RaftMessage::Appended { term: own, end: same, same: true, answers }));
        Ok(())
    }

    /// Whether the own log is another one before an offset, or ends there; then how far it may be the same.
    fn parts_before(&self, at: Offset, last_term: Option<Epoch>) -> Option<Offset> {
        if at > self.log.end() {
            return Some(self.log.end());
        }
        let own = self.term_before(at);
        if own == last_term {
            return None;
        }
        // What later terms than the leader's wrote there is wrong. What an earlier one wrote may be right as far as the
        // leader knows of that term, and it will try from its beginning.
        let may_be = last_term.and_then(|term| Some(self.terms.end_of(term, self.log.end())?.1));
        let begin = own.and_then(|term| self.terms.begin_of(term)).unwrap_or(self.log.start());
        Some(may_be.unwrap_or(begin).min(Offset(at.0 - 1)).max(self.committed))
    }

    /// A member says how far its log is the leader's.
    pub(super) fn appended(
        &mut self,
        now: Time,
        (from, term): (NodeId, Epoch),
        (end, same): (Offset, bool),
        answers: u64,
        out: &mut RaftOut<L::Slice>,
    ) -> Result<(), L> {
        if term != self.term() {
            return Ok(()); // an answer to an earlier reign of this leader
        }
        let Role::Leader(leader) = &mut self.role else { return Ok(()) };
        let Some(peer) = leader.peers.get_mut(&from) else { return Ok(()) };
        peer.heard = now;
        // An answer to a beat, or to what came before, is none to what is under way. If it counted, more would be sent, and two
        // would be under way from then on: one more with each answer that is late, until nothing else is sent.
        peer.asked = peer.asked.filter(|asked| *asked != answers);
        if same {
            peer.same = peer.same.max(end);
            peer.next = peer.next.max(peer.same);
        } else {
            (peer.asked, peer.next) = (None, end.max(peer.same));
        }
        self.advance();
        self.send_to(from, false, out)
    }

    /// Counts who has what: what a majority has is agreed on, once an entry of this term is among it.
    pub(super) fn advance(&mut self) {
        let majority = self.majority();
        let Role::Leader(leader) = &self.role else { return };
        let ends = || leader.peers.values().map(|peer| peer.same).chain([self.log.end()]);
        let has_majority = |end: &Offset| ends().filter(|other| other >= end).count() >= majority;
        if let Some(agreed) = ends().filter(has_majority).max()
            && agreed > leader.begins
        {
            self.committed = self.committed.max(agreed);
        }
    }
}
