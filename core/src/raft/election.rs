//! Who leads? Whoever a majority votes for, first on trial and then in earnest.

use super::{Candidate, Follower, Leader, Peer, Raft, RaftMessage, RaftOut, Result, Role};
use crate::ids::{Epoch, NodeId, Offset};
use crate::log::Log;
use crate::record::{BatchBuilder, NewRecord};
use crate::sorted::SortedSet;
use crate::time::Time;

impl<L: Log> Raft<L> {
    /// Wants to lead, and asks for votes.
    pub(super) fn run(&mut self, now: Time, trial: bool, out: &mut RaftOut<L::Slice>) -> Result<(), L> {
        let term = self.term().next();
        if !trial {
            self.ballot.set(term, Some(self.me))?;
        }
        let until = now + self.patience();
        self.role = Role::Candidate(Candidate { trial, votes: SortedSet::from([self.me]), until });
        let (last_term, end) = (self.terms.last(), self.log.end());
        for &voter in self.voters.iter().filter(|voter| **voter != self.me) {
            out.sends.push((voter, RaftMessage::Vote { term, trial, last_term, end }));
        }
        self.count(now, out)
    }

    /// Another wants to lead in a term. It gets the vote if it has all that this one has, and this one has given it to
    /// nobody else; on trial, if this one hears no leader itself.
    pub(super) fn asked_for_vote(
        &mut self,
        now: Time,
        (from, term): (NodeId, Epoch),
        trial: bool,
        (last_term, end): (Option<Epoch>, Offset),
        out: &mut RaftOut<L::Slice>,
    ) -> Result<(), L> {
        let has_all = (last_term, end) >= (self.terms.last(), self.log.end());
        let granted = if trial {
            has_all && term > self.term() && !self.hears_a_leader(now)
        } else {
            let free = self.ballot.vote().is_none_or(|vote| vote == from);
            has_all && term == self.term() && free && matches!(self.role, Role::Follower(_))
        };
        if granted && !trial {
            self.ballot.set(term, Some(from))?;
            self.follow(None, now);
        }
        // On trial the answer is for the term that was asked for; a refusal tells the own one.
        let term = if granted { term } else { self.term() };
        out.sends.push((from, RaftMessage::Voted { term, trial, granted }));
        Ok(())
    }

    fn hears_a_leader(&self, now: Time) -> bool {
        match &self.role {
            Role::Leader(_) => true,
            Role::Candidate(_) => false,
            Role::Follower(Follower { heard, .. }) => {
                heard.is_some_and(|heard| now.since(heard) < self.timing.patience)
            }
        }
    }

    /// A vote.
    pub(super) fn voted(
        &mut self,
        now: Time,
        (from, term): (NodeId, Epoch),
        trial: bool,
        granted: bool,
        out: &mut RaftOut<L::Slice>,
    ) -> Result<(), L> {
        let own = self.term();
        match &mut self.role {
            Role::Candidate(candidate) if granted && candidate.trial == trial => {
                if term == if trial { own.next() } else { own } {
                    candidate.votes.insert(from);
                }
                self.count(now, out)
            }
            _ => Ok(()),
        }
    }

    /// Whether it has a majority: then it runs in earnest, or leads.
    fn count(&mut self, now: Time, out: &mut RaftOut<L::Slice>) -> Result<(), L> {
        match &self.role {
            Role::Candidate(Candidate { trial, votes, .. }) if votes.len() >= self.majority() => {
                if *trial {
                    self.run(now, false, out)
                } else {
                    self.begin_to_lead(now, out)
                }
            }
            _ => Ok(()),
        }
    }

    fn begin_to_lead(&mut self, now: Time, out: &mut RaftOut<L::Slice>) -> Result<(), L> {
        let end = self.log.end();
        let peer = Peer { same: self.log.start(), next: end, number: 0, asked: None, heard: now };
        let others = self.voters.iter().filter(|voter| **voter != self.me);
        let peers = others.map(|&voter| (voter, peer)).collect();
        self.role = Role::Leader(Leader { peers, begins: end, next_beat: now });
        // An entry of its own, which says nothing: with it everything before is committed.
        let mut builder = BatchBuilder::new();
        builder.push(&NewRecord::default()).expect("an empty record fits a batch");
        self.write(builder.build())?;
        self.advance();
        self.beat(now, out)
    }
}
