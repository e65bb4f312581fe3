//! Who is given up when? A moment for each client, with an index by moment, so that to ask who is overdue does not
//! mean to ask everybody.

use crate::ids::NodeId;
use crate::sorted::{SortedMap, SortedSet};
use crate::time::Time;

/// When each client is given up, unless it is heard before.
#[derive(Clone, Debug, Default)]
pub(super) struct Deadlines {
    of: SortedMap<NodeId, Time>,
    in_order: SortedSet<(Time, NodeId)>,
}

impl Deadlines {
    /// A client was heard: it is given up at this moment, and not before.
    pub(super) fn set(&mut self, client: NodeId, at: Time) {
        self.remove(client);
        self.of.insert(client, at);
        self.in_order.insert((at, client));
    }

    /// The same for a client that has a deadline; all others are left without one.
    pub(super) fn put_off(&mut self, client: NodeId, at: Time) {
        if self.of.contains_key(&client) {
            self.set(client, at);
        }
    }

    /// A client is gone.
    pub(super) fn remove(&mut self, client: NodeId) {
        if let Some(at) = self.of.remove(&client) {
            self.in_order.remove(&(at, client));
        }
    }

    /// The first of those that were not heard in time, in order of name.
    pub(super) fn overdue(&self, now: Time) -> Option<NodeId> {
        self.in_order.iter().take_while(|(at, _)| *at <= now).map(|(_, client)| *client).min()
    }

    /// When the first is given up.
    pub(super) fn first(&self) -> Option<Time> {
        self.in_order.first().map(|(at, _)| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use NodeId::Consumer;

    #[test]
    fn who_is_silent_is_found_and_who_was_heard_is_not() {
        let mut deadlines = Deadlines::default();
        deadlines.set(Consumer(2), Time(5));
        deadlines.set(Consumer(1), Time(7));
        deadlines.put_off(Consumer(3), Time(1));
        assert_eq!((deadlines.first(), deadlines.overdue(Time(4))), (Some(Time(5)), None));
        assert_eq!(deadlines.overdue(Time(7)), Some(Consumer(1)), "of two, the first by name");
        deadlines.put_off(Consumer(2), Time(9));
        assert_eq!(deadlines.first(), Some(Time(7)));
        deadlines.remove(Consumer(1));
        assert_eq!((deadlines.first(), deadlines.overdue(Time(9))), (Some(Time(9)), Some(Consumer(2))));
    }
}
