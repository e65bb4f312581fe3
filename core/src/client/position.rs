//! Where does a member stand in one partition?
//!
//! | position | behind it | a crash of the consumer |
//! |---|---|---|
//! | *fetched* | staged in memory | forgotten, and fetched again: nothing is lost |
//! | *done* | processed | |
//! | *committed* | processed, and known to be | what is done and not committed is processed again: doubled |

use super::asked::Asked;
use super::in_hand::InHand;
use super::pull_options::StartAt;
use crate::ids::{NodeId, Offset};
use crate::time::Time;

/// While a partition has so many records staged, no more are fetched.
pub const STAGED_MAX: usize = 8;

/// How a member stands in one partition.
#[derive(Clone, Debug)]
pub(super) struct Position {
    /// The next offset to fetch.
    pub(super) fetched: Offset,
    /// What of it is not known yet: where to begin, and which offset was wanted and is gone.
    pub(super) seek: Option<(StartAt, Option<Offset>)>,
    /// The program is done with something below, and with all that it does not have in hand.
    pub(super) reached: Offset,
    /// The coordinator was told of everything below; nothing, where it must still hear where the group begins.
    pub(super) committed: Option<Offset>,
    /// How many records are staged.
    pub(super) staged: usize,
    /// The records that the program works on, and since when.
    pub(super) in_hand: InHand,
    /// It is being let go: nothing more is begun, and it is given up when the program is done with what it has in hand.
    pub(super) leaving: bool,
    /// The follower to read from rather than from the leader, and until when.
    pub(super) closer: Option<(NodeId, Time)>,
    /// The fetch under way.
    pub(super) asked: Option<Asked>,
    /// Nothing is fetched before this moment.
    pub(super) not_before: Time,
}

impl Position {
    /// Goes on at `offset`.
    pub(super) fn at(offset: Offset, now: Time) -> Self {
        Self {
            fetched: offset,
            seek: None,
            reached: offset,
            committed: Some(offset),
            staged: 0,
            in_hand: InHand::default(),
            leaving: false,
            closer: None,
            asked: None,
            not_before: now,
        }
    }

    /// Begins where the group never was.
    pub(super) fn starting(start: StartAt, now: Time) -> Self {
        match start {
            // A log that lost its front says so when it is asked.
            StartAt::Earliest => Self::at(Offset::ZERO, now),
            StartAt::Offset(offset) => Self::at(offset, now),
            StartAt::Latest | StartAt::Time(_) => {
                Self { seek: Some((start, None)), ..Self::at(Offset::ZERO, now) }
            }
        }
    }

    /// It is known now where to begin.
    pub(super) fn found(&mut self, offset: Offset) {
        (self.fetched, self.reached, self.committed, self.seek) = (offset, offset, None, None);
    }

    /// The program is done with everything below.
    pub(super) fn done(&self) -> Offset {
        self.in_hand.first().unwrap_or(self.reached)
    }

    /// What was fetched and not begun is forgotten.
    pub(super) fn unstage(&mut self) {
        self.staged = 0;
        self.fetched = self.in_hand.last().map_or(self.reached, |last| last.next().max(self.reached));
        self.asked = None;
    }

    /// Whom to ask, where `leader` leads.
    pub(super) fn broker(&mut self, leader: NodeId, now: Time) -> NodeId {
        self.closer.take_if(|(_, until)| *until <= now);
        self.closer.filter(|_| self.seek.is_none()).map_or(leader, |(closer, _)| closer)
    }

    pub(super) fn wants_more(&self) -> bool {
        self.staged < STAGED_MAX && !self.leaving
    }

    /// Whether the coordinator does not know yet how far the program got.
    pub(super) fn has_news(&self) -> bool {
        self.seek.is_none() && self.committed.is_none_or(|committed| self.done() > committed)
    }
}
