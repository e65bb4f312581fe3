//! Where should the run pass by more slowly, and where may it jump?
//!
//! A leader's death takes a thousandth of a run, and everything hangs on it; then nobody does anything for half of it.
//! Around a decisive turn the pace sinks to a fifth, smoothly, and comes back; a stretch without a fact is jumped over, if
//! one would have to wait for it.
//!
//! ```text
//!   pace  ────────╲          ╱──────────        both sides are NEAR_S long, measured in seconds
//!                  ╲________╱                   at the pace that was chosen
//!                      │ a turn
//! ```
//!
//! It is a pure function of the moment, the turns around it and the chosen pace: to go there again is to see the same.

use mqlab_core::observe::Turn;
use mqlab_core::sim::Next;
use mqlab_core::time::{Span, Time};

/// How far from a turn the run begins to slow down, in seconds of the chosen pace.
const NEAR_S: f64 = 0.8;
/// How far from it the run is slowest.
const CLOSE_S: f64 = 0.25;
/// What is left of the pace there.
pub const LEAST: f64 = 0.2;
/// A turn does not slow the run when another of its kind was so shortly before: then it is the ordinary course.
const CALM_S: f64 = 4.0;
/// A stretch without a fact is jumped over when it would take longer, in seconds of the chosen pace.
const GAP_S: f64 = 2.0;
/// How long before the next fact a jump ends: one must see it come.
const LEAD_S: f64 = 0.4;

/// How slow the run should be, and why.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slow {
    /// What is left of the chosen pace, from [`LEAST`] to 1.
    pub part: f64,
    /// For which turn.
    pub why: Option<Turn>,
}

/// Not at all.
pub const AS_CHOSEN: Slow = Slow { part: 1.0, why: None };

/// So many seconds at a pace, as a span of the run.
fn seconds(count: f64, pace: u64) -> Span {
    Span((count * pace as f64) as u64)
}

/// From when to when turns matter for a moment.
pub fn window(now: Time, pace: u64) -> (Time, Time) {
    (Time(now.0.saturating_sub(seconds(NEAR_S + CALM_S, pace).0)), now + seconds(NEAR_S, pace))
}

/// How far somebody must look ahead who wants to slow down and to jump.
pub fn foresight(pace: u64) -> Span {
    seconds(NEAR_S.max(GAP_S), pace)
}

/// How slow the run should be at a moment: the turns are those of its [`window`], in order; `pace` is what was chosen, in
/// microseconds of the run in a second.
pub fn slow(now: Time, turns: &[(Time, Turn)], pace: u64) -> Slow {
    let calm = seconds(CALM_S, pace);
    let counts = |place: usize| {
        let (at, turn) = turns[place];
        let earlier = turns[..place].iter().rev().take_while(|(before, _)| at.since(*before) < calm);
        // What happens at once is one turn with several sides.
        earlier.filter(|(before, other)| *other == turn && *before < at).count() == 0
    };
    let near = (0..turns.len()).filter(|place| counts(*place)).map(|place| {
        let (at, turn) = turns[place];
        (at.0.abs_diff(now.0), turn)
    });
    // The nearest decides; of several at one moment, the gravest.
    let nearest = near.min_by_key(|(distance, turn)| (*distance, std::cmp::Reverse(*turn)));
    let Some((distance, turn)) = nearest else { return AS_CHOSEN };
    let away = distance as f64 / pace.max(1) as f64;
    if away >= NEAR_S {
        return AS_CHOSEN;
    }
    let share = ((away - CLOSE_S) / (NEAR_S - CLOSE_S)).clamp(0.0, 1.0);
    let smooth = share * share * (3.0 - 2.0 * share);
    Slow { part: LEAST + (1.0 - LEAST) * smooth, why: Some(turn) }
}

/// Where a run that is at `now` should jump to, if it should.
pub fn leap(now: Time, next: Next, ends_at: Time, pace: u64) -> Option<Time> {
    let (until, lead) = match next {
        Next::At(at) => (at, seconds(LEAD_S, pace)),
        Next::Never => (ends_at, Span::ZERO),
        Next::NotBefore(_) => return None,
    };
    if until.since(now) <= seconds(GAP_S, pace) {
        return None;
    }
    Some(Time(until.0.saturating_sub(lead.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: u64 = 40_000;

    fn part(now: u64, turns: &[(u64, Turn)]) -> f64 {
        let turns: Vec<(Time, Turn)> = turns.iter().map(|(at, turn)| (Time(*at), *turn)).collect();
        slow(Time(now), &turns, PACE).part
    }

    #[test]
    fn the_pace_sinks_before_a_turn_and_comes_back_without_a_leap() {
        let turns = [(100_000, Turn::Crash)];
        assert_eq!((part(100_000, &turns), part(60_000, &turns), part(140_000, &turns)), (LEAST, 1.0, 1.0));
        // In a frame of 16 ms at this pace 640 µs pass by.
        let paces: Vec<f64> = (60_000..140_000).step_by(640).map(|now| part(now, &turns)).collect();
        assert!(paces.windows(2).all(|pair| (pair[0] - pair[1]).abs() < 0.06), "{paces:?}");
        assert!(paces.iter().all(|part| (LEAST..=1.0).contains(part)));
    }

    #[test]
    fn what_comes_again_and_again_is_no_longer_decisive() {
        let often: Vec<(u64, Turn)> =
            (0..20).map(|number| (100_000 + number * 50_000, Turn::Rebalance)).collect();
        assert_eq!(part(100_000, &often), LEAST);
        assert_eq!(part(150_000, &often), 1.0);
        let mut other = often;
        other.push((150_000, Turn::Loss));
        other.sort();
        let turns: Vec<(Time, Turn)> = other.iter().map(|(at, turn)| (Time(*at), *turn)).collect();
        assert_eq!(slow(Time(150_000), &turns, PACE), Slow { part: LEAST, why: Some(Turn::Loss) });
    }

    #[test]
    fn two_of_a_kind_at_one_moment_are_one_turn() {
        assert_eq!(part(100_000, &[(100_000, Turn::Election), (100_000, Turn::Election)]), LEAST);
    }

    #[test]
    fn a_jump_ends_before_the_next_fact_or_at_the_end() {
        let jump = |next| leap(Time(100_000), next, Time(900_000), PACE);
        assert_eq!(jump(Next::At(Time(150_000))), None, "that is worth waiting for");
        assert_eq!(jump(Next::At(Time(500_000))), Some(Time(484_000)));
        assert_eq!(jump(Next::Never), Some(Time(900_000)));
        assert_eq!(jump(Next::NotBefore(Time(800_000))), None, "who knows");
    }
}
