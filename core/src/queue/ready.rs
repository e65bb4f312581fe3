//! Who is next? The messages that wait for a consumer, in the order in which they are served.
//!
//! ```text
//!   front      ▸ m9 m2                    came back, served first (Requeue::Front), in the order of coming back
//!   priority 9 ▸ m4 │ m6 m7 ...           each priority is a line: those that came back to their old place
//!   priority 8 ▸                          (a small ordered set) and the fresh ones (a plain queue), merged
//!   ...        ▸ returned │ fresh         by offset
//! ```
//!
//! A message that is taken from the middle of the fresh ones (a selector asked for it) leaves its entry behind; the
//! entry is void, because its slot says so, and is skipped when it comes to the front.

use alloc::collections::{BTreeSet, VecDeque};
use alloc::vec::Vec;

use super::slots::{Seat, Slot, Slots, State};
use crate::ids::Offset;

/// One line.
#[derive(Clone, Debug, Default)]
struct Lane {
    returned: BTreeSet<Offset>,
    fresh: VecDeque<Offset>,
}

/// A place in the order of serving: smaller is sooner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank(u8, u8, u64);

impl Rank {
    /// Before everything.
    pub(super) const FIRST: Self = Self(0, 0, 0);

    /// The place right after this one.
    pub(super) fn after(self) -> Self {
        Self(self.0, self.1, self.2 + 1)
    }
}

/// All lines, and how much stands in them.
#[derive(Clone, Debug)]
pub(super) struct Ready {
    front: VecDeque<Offset>,
    lanes: Vec<Lane>,
    len: u64,
    bytes: u64,
}

fn is_live(slots: &Slots, offset: Offset, seat: Seat) -> bool {
    slots.get(offset).is_some_and(|slot| slot.state == State::Ready && slot.seat == seat)
}

impl Ready {
    pub(super) fn new(lanes: usize) -> Self {
        Self { front: VecDeque::new(), lanes: alloc::vec![Lane::default(); lanes], len: 0, bytes: 0 }
    }

    /// How many messages are ready.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// How many bytes their bodies have.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Puts a message into its line; the slot must be the one of that offset, and is marked.
    pub(super) fn add(&mut self, offset: Offset, slot: &mut Slot, seat: Seat) {
        (slot.state, slot.seat) = (State::Ready, seat);
        self.len += 1;
        self.bytes += u64::from(slot.bytes);
        let lane = &mut self.lanes[usize::from(slot.lane)];
        match seat {
            Seat::Fresh => lane.fresh.push_back(offset),
            Seat::Returned => {
                lane.returned.insert(offset);
            }
            Seat::Front => self.front.push_back(offset),
        }
    }

    /// Takes a message out of its line; the caller gives its slot another state, or removes it.
    pub(super) fn take(&mut self, offset: Offset, slot: &Slot) {
        self.len -= 1;
        self.bytes -= u64::from(slot.bytes);
        let lane = &mut self.lanes[usize::from(slot.lane)];
        match slot.seat {
            Seat::Fresh => {
                // Otherwise the entry stays, void.
                if lane.fresh.front() == Some(&offset) {
                    lane.fresh.pop_front();
                }
            }
            Seat::Returned => {
                lane.returned.remove(&offset);
            }
            Seat::Front => {
                if self.front.front() == Some(&offset) {
                    self.front.pop_front();
                } else {
                    self.front.retain(|other| *other != offset);
                }
            }
        }
    }

    /// The message that is served next.
    pub(super) fn first(&mut self, slots: &Slots) -> Option<(Rank, Offset)> {
        if self.len == 0 {
            self.clear();
            return None;
        }
        if let Some(&offset) = self.front.front() {
            return Some((Rank(0, 0, 0), offset));
        }
        for (lane, line) in self.lanes.iter_mut().enumerate().rev() {
            while line.fresh.front().is_some_and(|&offset| !is_live(slots, offset, Seat::Fresh)) {
                line.fresh.pop_front();
            }
            let first = line.fresh.front().into_iter().chain(line.returned.first()).min();
            if let Some(&offset) = first {
                return Some((rank(lane, offset), offset));
            }
        }
        None
    }

    /// Nothing is ready: what entries there are, are void.
    fn clear(&mut self) {
        for lane in &mut self.lanes {
            lane.fresh.clear();
        }
    }

    /// The ready messages from a place in the order on.
    pub(super) fn from<'a>(
        &'a self,
        slots: &'a Slots,
        rank_min: Rank,
    ) -> impl Iterator<Item = (Rank, Offset)> + 'a {
        let front = (0_u64..).zip(&self.front).map(|(place, &offset)| (Rank(0, 0, place), offset));
        let lanes = self.lanes.iter().enumerate().rev().flat_map(move |(lane, line)| {
            let from = match Rank(1, u8::MAX - lane as u8, 0) {
                start if start >= rank_min => Offset::ZERO,
                _ if rank(lane, Offset(u64::MAX)) < rank_min => Offset(u64::MAX),
                _ => Offset(rank_min.2),
            };
            merged(line, from).map(move |(offset, seat)| (rank(lane, offset), offset, seat))
        });
        let lanes = lanes
            .filter(|&(_, offset, seat)| is_live(slots, offset, seat))
            .map(|(rank, offset, _)| (rank, offset));
        front.filter(move |_| rank_min.0 == 0).chain(lanes)
    }

    /// The place of a ready message of a line in the order.
    pub(super) fn rank_of(offset: Offset, slot: &Slot) -> Rank {
        match slot.seat {
            Seat::Front => Rank::FIRST,
            Seat::Fresh | Seat::Returned => rank(usize::from(slot.lane), offset),
        }
    }
}

fn rank(lane: usize, offset: Offset) -> Rank {
    Rank(1, u8::MAX - lane as u8, offset.0)
}

/// The entries of a line from an offset on, in order of offset.
fn merged(line: &Lane, from: Offset) -> impl Iterator<Item = (Offset, Seat)> + '_ {
    let mut returned = line.returned.range(from..).copied().peekable();
    let start = line.fresh.partition_point(|&offset| offset < from);
    let mut fresh = line.fresh.range(start..).copied().peekable();
    core::iter::from_fn(move || match (returned.peek(), fresh.peek()) {
        (Some(back), Some(new)) if back <= new => returned.next().map(|offset| (offset, Seat::Returned)),
        (Some(_), None) => returned.next().map(|offset| (offset, Seat::Returned)),
        _ => fresh.next().map(|offset| (offset, Seat::Fresh)),
    })
}
