//! What waits, and what of it goes next? A line for each sender, and a number on everything that says what came first.
//!
//! ```text
//!   came       m1(a) m2(b) m3(a) m4(a) m5(b)
//!   waits      a: 1 3 4      b: 2 5               the lowest number at the front of a line goes first
//!   goes       1 2, and 3 has to wait: then 4 waits behind it, and 5 goes
//! ```
//!
//! What one sends stays in order. So once something of a sender has to wait, all that is behind it waits, and nobody looks at
//! it: a turn takes as long as what goes in it, however much waits.

use alloc::collections::{BinaryHeap, VecDeque};
use alloc::vec::Vec;
use core::cmp::Reverse;

use super::words::Incoming;
use crate::ids::NodeId;
use crate::sorted::SortedMap;

/// For how much there is room in a turn at once: mostly it is not more.
const TURN_ROOM: usize = 64;

/// What has come for a node, and waits.
#[derive(Clone, Debug, Default)]
pub(super) struct Line {
    /// By sender, each with its number. No line is empty.
    senders: SortedMap<NodeId, VecDeque<(u64, Incoming)>>,
    /// How much came so far.
    came: u64,
}

impl Line {
    /// Something comes. A wake-up does not wait: whoever goes on wakes.
    pub(super) fn push(&mut self, input: Incoming) {
        let from = match &input {
            Incoming::Message { from, .. } => *from,
            Incoming::HangUp { peer } => *peer,
            Incoming::Wake => return,
        };
        self.came += 1;
        self.senders.entry(from).or_default().push_back((self.came, input));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.senders.is_empty()
    }

    /// How much waits.
    pub(super) fn len(&self) -> usize {
        self.senders.values().map(VecDeque::len).sum()
    }

    /// Takes all, in the order in which it came.
    pub(super) fn take_all(&mut self) -> Vec<Incoming> {
        self.take(|_| true)
    }

    /// Takes what goes, in the order in which it came. Behind what does not go, nothing of the same sender is asked for.
    pub(super) fn take(&mut self, mut goes: impl FnMut(&Incoming) -> bool) -> Vec<Incoming> {
        let waiting = self.len();
        let mut lines: Vec<&mut VecDeque<(u64, Incoming)>> = self.senders.values_mut().collect();
        let number = |line: &VecDeque<(u64, Incoming)>| line.front().map(|(number, _)| *number);
        let fronts = lines.iter().zip(0_usize..).filter_map(|(line, at)| Some(Reverse((number(line)?, at))));
        let mut fronts: BinaryHeap<_> = fronts.collect();
        let mut taken = Vec::with_capacity(waiting.min(TURN_ROOM));
        while let Some(Reverse((_, at))) = fronts.pop() {
            if let Some((_, input)) = lines[at].pop_front_if(|(_, input)| goes(input)) {
                taken.push(input);
                fronts.extend(number(lines[at]).map(|number| Reverse((number, at))));
            }
        }
        self.senders.retain(|_, line| !line.is_empty());
        taken
    }

    /// Behind what is here, everything of another line.
    pub(super) fn append(&mut self, mut behind: Self) {
        if self.is_empty() {
            *self = behind;
        } else {
            behind.take_all().into_iter().for_each(|input| self.push(input));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_holds_up_its_sender_alone() {
        let [a, b] = [1, 2].map(NodeId::Producer);
        let mut line = Line::default();
        let comes = |peer: NodeId| Incoming::HangUp { peer };
        [a, b, a, a, b].into_iter().for_each(|from| line.push(comes(from)));
        line.push(Incoming::Wake);
        assert_eq!(line.len(), 5, "nobody waits to be woken");
        let of = |inputs: Vec<Incoming>| -> Vec<NodeId> {
            let peer = |input| if let Incoming::HangUp { peer } = input { Some(peer) } else { None };
            inputs.into_iter().filter_map(peer).collect()
        };
        let mut asked = 0;
        let taken = line.take(|_| {
            asked += 1;
            asked != 3
        });
        assert_eq!((of(taken), asked), (Vec::from([a, b, b]), 4));
        let mut more = Line::default();
        more.push(comes(b));
        more.append(line);
        assert_eq!(of(more.take_all()), [b, a, a]);
        assert!(more.is_empty());
    }
}
