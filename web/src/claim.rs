//! What can be said of a run, and is it so? The ground on which bets and goals stand.
//!
//! A claim is a number of conditions on counts: messages of the verdict, facts of some kind, commands that a person gave.
//! Nothing here is told in advance, and nothing is made up: a claim looks at what the engine has done up to the present
//! moment of a [`Timeline`], and says that it is so, that it is not, or that this cannot be known yet.
//!
//! ```text
//!   at least 1 doubled     known as soon as one is: what is done twice stays done twice
//!   at most 0 doubled      known to be false as soon as one is, and to be true at the end of the run
//!   at least 1 lost        known at the end: a message that seems lost may come back with its disk, or be sent again
//! ```

use mqlab_core::observe::Stamped;
use mqlab_core::sim::{Command, Timeline};

use crate::desk::action::Count;

/// What is counted.
#[derive(Clone, Copy, Debug)]
pub enum Of {
    /// Messages, as the verdict counts them.
    Messages(Count),
    /// Facts of a kind.
    Facts(fn(&Stamped) -> bool),
    /// Commands of a kind that a person gave in this branch.
    Given(fn(&Command) -> bool),
}

/// A condition: a count lies between two numbers, both included.
#[derive(Clone, Copy, Debug)]
pub struct Is {
    /// What is counted.
    pub of: Of,
    /// The least that it may be.
    pub least: u64,
    /// The most that it may be.
    pub most: u64,
}

/// What is known of a claim at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// It is true, and will stay so whatever happens.
    So,
    /// It is false, and will stay so.
    NotSo,
    /// It depends on what is still to come.
    Open,
}

impl Of {
    /// How many there are by now.
    pub fn count(self, timeline: &Timeline) -> u64 {
        match self {
            Self::Messages(count) => count.messages(timeline.verdict()).len() as u64,
            Self::Facts(is) => past(timeline).iter().filter(|fact| is(fact)).count() as u64,
            Self::Given(is) => {
                let given = timeline.branches().into_iter().filter(|branch| branch.current);
                given.flat_map(|branch| branch.commands).filter(|(_, command)| is(command)).count() as u64
            }
        }
    }

    /// Whether it never becomes less. (A lost message may come back, and a dead letter be consumed after all.)
    const fn grows(self) -> bool {
        match self {
            Self::Messages(count) => {
                matches!(count, Count::Acknowledged | Count::Delivered | Count::Doubled | Count::Reordered)
            }
            Self::Facts(_) | Self::Given(_) => true,
        }
    }
}

/// At least so many.
pub const fn at_least(least: u64, of: Of) -> Is {
    Is { of, least, most: u64::MAX }
}

/// None at all.
pub const fn no(of: Of) -> Is {
    Is { of, least: 0, most: 0 }
}

impl Is {
    /// What is known of it.
    pub fn known(&self, timeline: &Timeline) -> Known {
        let count = self.of.count(timeline);
        let over = timeline.now() >= timeline.ends_at() && timeline.is_moment_over();
        if over {
            return if (self.least..=self.most).contains(&count) { Known::So } else { Known::NotSo };
        }
        match self.of.grows() {
            true if count > self.most => Known::NotSo,
            true if count >= self.least && self.most == u64::MAX => Known::So,
            _ => Known::Open,
        }
    }
}

/// What is known of a claim: all of its conditions must hold.
pub fn known(claim: &[Is], timeline: &Timeline) -> Known {
    let all = claim.iter().map(|condition| condition.known(timeline));
    all.fold(Known::So, |so_far, one| match (so_far, one) {
        (Known::NotSo, _) | (_, Known::NotSo) => Known::NotSo,
        (Known::So, Known::So) => Known::So,
        _ => Known::Open,
    })
}

/// What has happened by now.
pub fn past(timeline: &Timeline) -> &[Stamped] {
    &timeline.events()[..timeline.happened()]
}

#[cfg(test)]
mod tests {
    use mqlab_core::observe::Event;
    use mqlab_core::sim::Scenario;
    use mqlab_core::time::Time;

    use super::*;

    fn at(name: &str, seed: u64, moment: u64) -> Timeline {
        let scenario = Scenario::built_in(name).expect("it is built in");
        let mut timeline = Timeline::new(scenario, seed).expect("it can be run");
        timeline.seek(Time(moment));
        timeline
    }

    #[test]
    fn what_can_still_change_is_open() {
        let doubled = Of::Messages(Count::Doubled);
        let (some, none) = (at_least(1, doubled), no(doubled));
        let early = at("kill-the-leader", 20, 100_000);
        assert_eq!((some.known(&early), none.known(&early)), (Known::Open, Known::Open));
        let doubling = at("kill-the-leader", 20, 700_000);
        assert_eq!((some.known(&doubling), none.known(&doubling)), (Known::So, Known::NotSo));
        let end = at("idempotent-producer", 7, 700_000);
        assert_eq!((some.known(&end), none.known(&end)), (Known::NotSo, Known::So));
    }

    #[test]
    fn what_may_come_back_is_known_at_the_end() {
        let lost = at_least(1, Of::Messages(Count::Lost));
        let (late, end) =
            (at("kill-the-leader-acks-1", 20, 899_000), at("kill-the-leader-acks-1", 20, 900_000));
        assert_eq!((lost.known(&late), lost.known(&end)), (Known::Open, Known::So));
    }

    #[test]
    fn all_conditions_must_hold_and_one_that_fails_is_enough() {
        let crashes = Of::Facts(|fact| fact.event == Event::Crashed);
        let timeline = at("kill-the-leader", 20, 300_000);
        let (so, not_so) = (at_least(1, crashes), no(crashes));
        let open = at_least(2, crashes);
        assert_eq!(known(&[so, so], &timeline), Known::So);
        assert_eq!(known(&[so, open], &timeline), Known::Open);
        assert_eq!(known(&[open, not_so], &timeline), Known::NotSo);
        assert_eq!(known(&[], &timeline), Known::So);
        let given = at_least(1, Of::Given(|_| true));
        assert_eq!(given.known(&timeline), Known::Open, "the scenario's own commands are nobody's");
    }
}
