//! When is a node woken? When it asked to be, the last time somebody looked; what it asked for before counts no more.
//!
//! ```text
//!   wanted           t+1             then the answer comes, and nothing is due before the deadline of the next request
//!   on the agenda    t+1, t+30,000   ── t+1 comes: awake ──▶   wanted t+30,002: the entry at t+30,000 will do. When it comes,
//!                                                              nobody is woken, and a new one is planned for t+30,002
//! ```
//!
//! A node in traffic has a new deadline with each request, and mostly none of them comes. Were each put on the agenda,
//! it would be full of moments at which nothing happens. So an entry stays where it is, and only when its time comes is it
//! asked whether it is still wanted. (Timers of operating systems and of Kafka's purgatory are handled as lazily.)

use alloc::vec::Vec;

use crate::time::Time;

/// What a node's timer is set to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wakes {
    wanted: Option<Time>,
    /// The moments on the agenda, the next one last: seldom more than three.
    entries: Vec<Time>,
}

/// What an entry of the agenda turns out to be when its time has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Came {
    /// The node wants to be woken.
    Due,
    /// It does not, any more; there is to be another entry at this moment, or there is one.
    Void(Option<Time>),
}

impl Wakes {
    /// The node wants to be woken at a moment, or not at all. Returns when an entry must be planned, if one must.
    pub(super) fn want(&mut self, wanted: Option<Time>) -> Option<Time> {
        self.wanted = wanted;
        let at = wanted?;
        if self.entries.last().is_some_and(|entry| *entry <= at) {
            return None;
        }
        self.entries.push(at);
        Some(at)
    }

    /// The node was woken for another reason, or is not to be woken.
    pub(super) fn forget(&mut self) {
        self.wanted = None;
    }

    /// What an entry is whose time has come, before anything is done about it.
    pub(super) fn is_void(&self, at: Time) -> bool {
        self.wanted != Some(at)
    }

    /// An entry has come to the front of the agenda, and is taken from it.
    pub(super) fn comes(&mut self, at: Time) -> Came {
        self.entries.pop_if(|entry| *entry == at);
        if self.wanted == Some(at) {
            self.wanted = None;
            return Came::Due;
        }
        Came::Void(self.wanted.and_then(|wanted| self.want(Some(wanted))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_serves_whoever_wants_a_later_moment() {
        let mut wakes = Wakes::default();
        assert_eq!(wakes.want(Some(Time(30))), Some(Time(30)));
        assert_eq!(wakes.want(Some(Time(1))), Some(Time(1)), "sooner: an entry of its own");
        assert_eq!(wakes.want(Some(Time(1))), None);
        assert_eq!(wakes.comes(Time(1)), Came::Due);
        assert_eq!(wakes.want(Some(Time(32))), None, "the one at 30 will do");
        assert_eq!(wakes.want(Some(Time(40))), None);
        assert!(wakes.is_void(Time(30)));
        assert_eq!(wakes.comes(Time(30)), Came::Void(Some(Time(40))));
        assert_eq!(wakes.want(None), None);
        assert_eq!(wakes.comes(Time(40)), Came::Void(None));
        assert_eq!(wakes.want(Some(Time(50))), Some(Time(50)));
        wakes.forget();
        assert_eq!(wakes.comes(Time(50)), Came::Void(None));
    }
}
