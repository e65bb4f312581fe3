//! What may a person bet on before it happens? One question for a story, about a number that the engine will have counted
//! at the end.
//!
//! A question has answers that leave nothing out: `cuts` of 1, 4 and 20 make "none", "1 to 3", "4 to 19" and "20 or more".
//! Which of them is right is seen in the run at hand, with whatever was done to it; nothing about it is written here.

use mqlab_core::observe::Stamped;
use mqlab_core::time::Time;

use super::bets_delivery::{DELIVERY, ORDER};
use super::bets_safety::{REPLICATION, SAFETY};
use super::{Both, Lang, both, moment};
use crate::claim::{Is, Of};

/// A bet on a story.
#[derive(Clone, Copy, Debug)]
pub struct Bet {
    /// Of which scenario.
    pub scenario: &'static str,
    /// What is asked.
    pub question: Both,
    /// The fact with which it begins to be decided: from then on, nobody may bet.
    pub turn: fn(&Stamped) -> bool,
    /// What is counted.
    pub of: Of,
    /// Where one answer ends and the next begins; in order, none of them 0.
    pub cuts: &'static [u64],
}

impl Bet {
    /// The answers, from the least number to the most.
    pub fn answers(&self) -> impl Iterator<Item = Is> {
        let least = std::iter::once(0).chain(self.cuts.iter().copied());
        let most = self.cuts.iter().map(|cut| cut - 1).chain(std::iter::once(u64::MAX));
        least.zip(most).map(|(least, most)| Is { of: self.of, least, most })
    }
}

/// Every bet.
pub fn all() -> impl Iterator<Item = &'static Bet> {
    [DELIVERY, ORDER, SAFETY, REPLICATION].into_iter().flatten()
}

/// The bet of a scenario, if it has one.
pub fn of(scenario: &str) -> Option<&'static Bet> {
    all().find(|bet| bet.scenario == scenario)
}

/// An answer in words.
pub fn answer(is: &Is, lang: Lang) -> String {
    match (lang, is.least, is.most) {
        (Lang::En, 0, 0) => "none".into(),
        (Lang::Zh, 0, 0) => "一个也没有".into(),
        (Lang::En, least, u64::MAX) => format!("{least} or more"),
        (Lang::Zh, least, u64::MAX) => format!("{least} 个或更多"),
        (Lang::En, 0, most) => format!("fewer than {}", most + 1),
        (Lang::Zh, 0, most) => format!("不到 {} 个", most + 1),
        (Lang::En, least, most) if least == most => format!("just {least}"),
        (Lang::Zh, least, most) if least == most => format!("刚好 {least} 个"),
        (Lang::En, least, most) => format!("{least} to {most}"),
        (Lang::Zh, least, most) => format!("{least} 到 {most} 个"),
    }
}

/// What is above a bet.
pub(crate) const TITLE: Both = both("Place a bet", "猜一猜");
/// Nobody has chosen, and it has begun.
pub(crate) const LATE: Both = both("It has begun. Go back to bet on it.", "已经开始了。退回去才能下注。");
/// The button that leads before it.
pub(crate) const BEFORE: Both = both("To just before it", "回到开始之前");
/// Somebody has chosen, and it has not begun.
pub(crate) const PLACED: Both = both("Placed. Now play, and see.", "已下注。播放，看结果。");

/// It has begun, and the answer is known at the end.
pub(crate) fn running(ends_at: Time, lang: Lang) -> String {
    let end = moment(ends_at);
    match lang {
        Lang::En => format!("It has begun. The answer is known at {end} ms, the end."),
        Lang::Zh => format!("已经开始，结束时（{end} 毫秒）见分晓。"),
    }
}

/// How a bet ended: what it was, and whether that was chosen.
pub(crate) fn told(count: u64, so_far: bool, right: Option<bool>, lang: Lang) -> String {
    let judged = match (right, lang) {
        (Some(true), Lang::En) => "You were right: ",
        (Some(true), Lang::Zh) => "猜对了：",
        (Some(false), Lang::En) => "You were wrong: ",
        (Some(false), Lang::Zh) => "猜错了：",
        (None, Lang::En) => "It came out as ",
        (None, Lang::Zh) => "结果是 ",
    };
    match (count, so_far, lang) {
        (0, _, Lang::En) => format!("{judged}none."),
        (0, _, Lang::Zh) => format!("{judged}一个也没有。"),
        (_, false, Lang::En) => format!("{judged}{count}."),
        (_, false, Lang::Zh) => format!("{judged}{count} 个。"),
        (_, true, Lang::En) => format!("{judged}{count} so far."),
        (_, true, Lang::Zh) => format!("{judged}目前 {count} 个。"),
    }
}

/// Before the button that leads to where it was decided.
pub(crate) const SEE: Both = both("See how the first came about", "看第一个是怎么来的");
/// The same, where there was none: what the bet was about.
pub(crate) const SEE_TURN: Both = both("See where it was decided", "看关键的一刻");

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use mqlab_core::sim::{Scenario, Timeline};
    use mqlab_core::time::{Span, Time};

    use super::*;
    use crate::claim::{Known, past};
    use crate::text::groups::GROUPS;

    fn ended(scenario: &str, seed: u64) -> Timeline {
        let scenario = Scenario::built_in(scenario).expect("it is built in");
        let mut timeline = Timeline::new(scenario, seed).expect("it can be run");
        timeline.seek(timeline.ends_at());
        timeline
    }

    #[test]
    fn answers_leave_nothing_out_and_overlap_nowhere() {
        for bet in all() {
            assert!(bet.cuts.is_sorted_by(|a, b| a < b) && bet.cuts[0] > 0, "{}", bet.scenario);
            let answers: Vec<Is> = bet.answers().collect();
            assert!((3..=4).contains(&answers.len()), "{}: {} answers", bet.scenario, answers.len());
            assert_eq!((answers[0].least, answers.last().map(|last| last.most)), (0, Some(u64::MAX)));
            assert!(answers.windows(2).all(|pair| pair[0].most + 1 == pair[1].least), "{}", bet.scenario);
        }
    }

    /// The engine answers each bet, whatever the seed: one answer is right at the end, and there was time to bet before.
    #[test]
    fn every_bet_is_answered_by_the_run_at_hand() {
        for bet in all() {
            let own = Scenario::built_in(bet.scenario).expect("it is built in").seed;
            for seed in [own, 1, 2] {
                let timeline = ended(bet.scenario, seed);
                let known: Vec<Known> = bet.answers().map(|answer| answer.known(&timeline)).collect();
                let right = known.iter().filter(|known| **known == Known::So).count();
                assert_eq!(right, 1, "{} with seed {seed}: {known:?}", bet.scenario);
                assert!(!known.contains(&Known::Open), "{} with seed {seed}: {known:?}", bet.scenario);
                let turn = past(&timeline).iter().find(|fact| (bet.turn)(fact));
                let turn = turn.unwrap_or_else(|| panic!("{} with seed {seed} does not turn", bet.scenario));
                assert!(turn.at > Time::ZERO + Span(1), "{} with seed {seed}: no time to bet", bet.scenario);
            }
        }
    }

    /// What was said to be known stays so: an answer that is right or wrong on the way is so at the end.
    #[test]
    fn no_answer_is_taken_back() {
        for bet in all() {
            let scenario = Scenario::built_in(bet.scenario).expect("it is built in");
            let seed = scenario.seed;
            let end: Vec<Known> =
                bet.answers().map(|answer| answer.known(&ended(bet.scenario, seed))).collect();
            let mut timeline = Timeline::new(scenario, seed).expect("it can be run");
            for part in 1..8 {
                timeline.seek(Time(timeline.ends_at().0 * part / 8));
                for (answer, end) in bet.answers().zip(&end) {
                    let now = answer.known(&timeline);
                    assert!(now == Known::Open || now == *end, "{} at {}", bet.scenario, timeline.now());
                }
            }
        }
    }

    #[test]
    fn every_topic_has_a_bet_and_a_story_has_at_most_one() {
        let names: BTreeSet<&str> = all().map(|bet| bet.scenario).collect();
        assert_eq!(names.len(), all().count(), "a story has two bets");
        for group in GROUPS {
            let any = group.scenarios.iter().any(|name| names.contains(name));
            assert!(any, "{} has no bet", group.title.en);
        }
        for bet in all() {
            assert!(bet.question.en.ends_with('?') && bet.question.zh.ends_with('？'), "{}", bet.scenario);
        }
    }
}
