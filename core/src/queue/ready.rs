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
//! entry is void, because its slot says so, and is skipped when it comes to the front. When half of a line is void, it
//! is swept.

use alloc::collections::{BTreeSet, VecDeque};
use alloc::vec::Vec;

use super::slots::{Seat, Slot, Slots, State};
use crate::ids::Offset;

/// One line.
#[derive(Clone, Debug, Default)]
struct Lane {
    returned: BTreeSet<Offset>,
    fresh: VecDeque<Offset>,
    /// How many of the fresh entries are void.
    void: usize,
}

impl Lane {
    /// Takes out what is void at the front of the fresh ones.
    #[cold]
    fn skip_void(&mut self, slots: &Slots) {
        while self.void > 0 && self.fresh.front().is_some_and(|&offset| !is_live(slots, offset, Seat::Fresh))
        {
            self.fresh.pop_front();
            self.void -= 1;
        }
    }
}

/// So many void entries are not worth a sweep.
const VOID_SLACK: usize = 64;

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
    /// Each with a number that grows, so that a place in the order stays one.
    front: VecDeque<(u64, Offset)>,
    next_front: u64,
    lanes: Vec<Lane>,
    len: u64,
    bytes: u64,
}

fn is_live(slots: &Slots, offset: Offset, seat: Seat) -> bool {
    slots.get(offset).is_some_and(|slot| slot.state == State::Ready && slot.seat == seat)
}

impl Ready {
    pub(super) fn new(lanes: usize) -> Self {
        Self {
            front: VecDeque::new(),
            next_front: 0,
            lanes: alloc::vec![Lane::default(); lanes],
            len: 0,
            bytes: 0,
        }
    }

    /// How many messages are ready.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// How many entries there are, void ones too.
    #[cfg(test)]
    pub(super) fn entries(&self) -> usize {
        self.lanes.iter().map(|lane| lane.fresh.len() + lane.returned.len()).sum::<usize>() + self.front.len()
    }

    /// How many bytes their bodies have.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Puts a message at the end of its line, and says where; the caller makes its slot, which is ready and fresh.
    #[inline]
    pub(super) fn add_fresh(&mut self, offset: Offset, lane: u8, bytes: u32) -> Rank {
        self.len += 1;
        self.bytes += u64::from(bytes);
        self.lanes[usize::from(lane)].fresh.push_back(offset);
        rank(usize::from(lane), offset)
    }

    /// Puts a message into its line, and says where; the slot must be the one of that offset, and is marked.
    pub(super) fn add(&mut self, offset: Offset, slot: &mut Slot, seat: Seat) -> Rank {
        (slot.state, slot.seat) = (State::Ready, seat);
        if seat == Seat::Fresh {
            return self.add_fresh(offset, slot.lane, slot.bytes);
        }
        self.len += 1;
        self.bytes += u64::from(slot.bytes);
        if seat == Seat::Front {
            self.front.push_back((self.next_front, offset));
            self.next_front += 1;
            return Rank(0, 0, self.next_front - 1);
        }
        self.lanes[usize::from(slot.lane)].returned.insert(offset);
        rank(usize::from(slot.lane), offset)
    }

    /// Takes a message out of its line, if it stands in one; the slot must be the one of that offset, and stands aside
    /// then. Says whether it is time to [`sweep`](Self::sweep) that line.
    #[inline]
    #[must_use]
    pub(super) fn take(&mut self, offset: Offset, slot: &mut Slot) -> bool {
        if slot.state != State::Ready {
            return false;
        }
        slot.state = State::Aside;
        self.len -= 1;
        self.bytes -= u64::from(slot.bytes);
        let line = &mut self.lanes[usize::from(slot.lane)];
        if slot.seat == Seat::Fresh && line.fresh.front() == Some(&offset) {
            line.fresh.pop_front();
            return false;
        }
        self.take_from_the_middle(offset, slot)
    }

    #[inline(never)]
    fn take_from_the_middle(&mut self, offset: Offset, slot: &Slot) -> bool {
        let line = &mut self.lanes[usize::from(slot.lane)];
        match slot.seat {
            Seat::Fresh => {
                line.void += 1;
                return line.void > VOID_SLACK && 2 * line.void > line.fresh.len();
            }
            Seat::Returned => {
                line.returned.remove(&offset);
            }
            Seat::Noted => {}
            Seat::Front => {
                if let Some(at) = self.front.iter().position(|(_, other)| *other == offset) {
                    self.front.remove(at);
                }
            }
        }
        false
    }

    /// Takes the void entries out of a line.
    #[cold]
    pub(super) fn sweep(&mut self, slots: &Slots, lane: u8) {
        let line = &mut self.lanes[usize::from(lane)];
        line.fresh.retain(|&offset| is_live(slots, offset, Seat::Fresh));
        line.void = 0;
    }

    /// The message that is served next.
    #[inline]
    pub(super) fn first(&mut self, slots: &Slots) -> Option<(Rank, Offset)> {
        if self.len == 0 {
            self.clear(); // what entries there are, are void
            return None;
        }
        if let Some(&(number, offset)) = self.front.front() {
            return Some((Rank(0, 0, number), offset));
        }
        for (lane, line) in self.lanes.iter_mut().enumerate().rev() {
            if line.void > 0 {
                line.skip_void(slots);
            }
            // Most lines have nothing that came back.
            let back = if line.returned.is_empty() { None } else { line.returned.first() };
            let first = match (line.fresh.front(), back) {
                (Some(new), Some(back)) => Some(new.min(back)),
                (new, back) => new.or(back),
            };
            if let Some(&offset) = first {
                return Some((rank(lane, offset), offset));
            }
        }
        None
    }

    /// Takes everything out; the caller removes the slots.
    pub(super) fn clear(&mut self) {
        for lane in &mut self.lanes {
            lane.returned.clear();
            lane.fresh.clear();
            lane.void = 0;
        }
        self.front.clear();
        (self.len, self.bytes) = (0, 0);
    }

    /// The ready messages from a place in the order on.
    pub(super) fn from<'a>(
        &'a self,
        slots: &'a Slots,
        rank_min: Rank,
    ) -> impl Iterator<Item = (Rank, Offset)> + 'a {
        let from = match rank_min {
            Rank(0, _, number) => self.front.partition_point(|(other, _)| *other < number),
            _ => self.front.len(),
        };
        let front = self.front.range(from..).map(|&(number, offset)| (Rank(0, 0, number), offset));
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
        front.chain(lanes)
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
