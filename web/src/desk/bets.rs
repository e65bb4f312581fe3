//! What did a person bet, and what have they brought about? The part of the desk that asks, and ticks.
//!
//! ```text
//!              the turn of the bet          it is known
//!   ───────────────┼──────────────────────────┼──────────────▶ time of the run
//!     may bet      │ too late, or it runs     │ told: what it was, and where that came from
//! ```
//!
//! The state of a bet is that of the present moment: who goes back before its turn may bet anew. Goals stay reached.

use std::collections::BTreeSet;

use mqlab_core::ids::MessageId;
use mqlab_core::observe::{Event, Stamped, Turn};
use mqlab_core::time::Time;

use super::Desk;
use super::action::Count;
use super::panel::{BetPart, ChoicePart, GoalPart, GoalsPart, Proof};
use super::run::Run;
use crate::claim::{Known, Of, known, past};
use crate::text::bets::{self, Bet};
use crate::text::goals::{self, GOALS, Goal};
use crate::text::moment;
use crate::text::sentence::sentence;

/// What a person bet in the run on the desk, and which goals they have reached, ever.
#[derive(Debug, Default)]
pub(super) struct Wagers {
    /// The answer that they chose.
    chosen: Option<usize>,
    /// Whether they have been told how it ended.
    told: bool,
    /// Goals reached, as `scenario/name`.
    reached: BTreeSet<String>,
}

impl Wagers {
    /// Another run: no bet is placed in it yet.
    pub(super) fn begin_anew(&mut self) {
        (self.chosen, self.told) = (None, false);
    }
}

/// By which name a goal is remembered.
fn key(goal: &Goal) -> String {
    format!("{}/{}", goal.scenario, goal.name)
}

/// The answer that the run has given by now, if it has: its number.
fn answer(bet: &Bet, run: &Run) -> Option<usize> {
    bet.answers().position(|answer| answer.known(&run.timeline) == Known::So)
}

impl Desk {
    fn bet(&self) -> Option<(&'static Bet, &Run)> {
        let run = self.run.as_ref()?;
        Some((bets::of(&run.name)?, run))
    }

    /// A person bets, while nothing has begun.
    pub(super) fn place(&mut self, choice: usize) {
        let Some((bet, run)) = self.bet() else { return };
        let has_begun = past(&run.timeline).iter().any(|fact| (bet.turn)(fact));
        if !has_begun && choice <= bet.cuts.len() {
            self.wagers.chosen = Some(choice);
        }
    }

    /// Goes to just before a bet begins to be decided, where it has.
    pub(super) fn before_the_bet(&mut self) {
        let Some((bet, run)) = self.bet() else { return };
        let turn = past(&run.timeline).iter().find(|fact| (bet.turn)(fact)).map(|fact| fact.at);
        if let (Some(at), Some(run)) = (turn, &mut self.run) {
            self.player.set_playing(false);
            run.timeline.seek(Time(at.0.saturating_sub(1)));
            run.refresh();
        }
    }

    pub(super) fn bet_part(&self) -> BetPart {
        let Some((bet, run)) = self.bet() else { return BetPart::default() };
        let (lang, timeline, chosen) = (self.lang, &run.timeline, self.wagers.chosen);
        let has_begun = past(timeline).iter().any(|fact| (bet.turn)(fact));
        let known = answer(bet, run).filter(|_| has_begun);
        let choice = |(place, answer)| ChoicePart {
            text: bets::answer(&answer, lang),
            chosen: chosen == Some(place),
            right: known == Some(place),
        };
        let over = timeline.now() >= timeline.ends_at();
        let (state, words) = match (known, has_begun, chosen) {
            (Some(right), _, chosen) => {
                let won = chosen.map(|chosen| chosen == right);
                let state = won.map_or("told", |won| if won { "right" } else { "wrong" });
                (state, bets::told(bet.of.count(timeline), !over, won, lang))
            }
            (None, true, Some(_)) => ("running", bets::running(timeline.ends_at(), lang)),
            (None, true, None) => ("late", bets::LATE.get(lang).into()),
            (None, false, Some(_)) => ("placed", bets::PLACED.get(lang).into()),
            (None, false, None) => ("open", String::new()),
        };
        BetPart {
            title: bets::TITLE.get(lang),
            question: bet.question.get(lang),
            choices: bet.answers().enumerate().map(choice).collect(),
            state,
            words,
            before: bets::BEFORE.get(lang),
            proof: known.and_then(|_| self.proof(bet, run)),
        }
    }

    /// Where it was decided: what the first of those that were counted went through; or, where there is none, the turn.
    fn proof(&self, bet: &Bet, run: &Run) -> Option<Proof> {
        let facts = past(&run.timeline);
        let first: Option<MessageId> = match bet.of {
            Of::Messages(count) => count.messages(run.timeline.verdict()).into_iter().next(),
            _ => None,
        };
        let of_the_first = |message: MessageId| {
            let about = |fact: &&Stamped| fact.event.messages().contains(&message);
            // What is done more than once was done too often by the last of them.
            let done = |fact: &&Stamped| about(fact) && matches!(fact.event, Event::Processed { .. });
            facts.iter().rfind(done).or_else(|| facts.iter().rfind(about))
        };
        let lost = matches!(bet.of, Of::Messages(Count::Lost));
        let losses = run.timeline.landmarks().iter().filter(|mark| mark.turn == Turn::Loss);
        let loss = losses.map(|mark| mark.fact).find_map(|fact| facts.get(fact));
        let counted = match (bet.of, first) {
            (_, Some(_)) if lost && loss.is_some() => loss,
            (_, Some(message)) => of_the_first(message),
            (Of::Facts(is), None) => facts.iter().find(|fact| is(fact)),
            _ => None,
        };
        let see = if counted.is_some() { bets::SEE } else { bets::SEE_TURN };
        let fact = counted.or_else(|| facts.iter().find(|fact| (bet.turn)(fact)))?;
        Some(Proof {
            label: see.get(self.lang),
            at: fact.at.0,
            time: moment(fact.at),
            text: sentence(fact, &run.names, self.lang),
            message: first.map(|message| message.0),
        })
    }

    /// Goals that the page remembers from another day; what it does not know, it leaves alone.
    pub fn remember_goals(&mut self, text: &str) {
        let known = GOALS.iter().map(key).filter(|key| text.split(' ').any(|word| word == key));
        self.wagers.reached.extend(known);
    }

    pub(super) fn goals_part(&self) -> GoalsPart {
        let name = self.run.as_ref().map_or("", |run| run.name.as_str());
        let part = |goal: &Goal| GoalPart {
            name: goal.name,
            text: goal.text.get(self.lang),
            done: self.wagers.reached.contains(&key(goal)),
        };
        GoalsPart {
            title: goals::TITLE.get(self.lang),
            goals: goals::of(name).map(part).collect(),
            kept: self.wagers.reached.iter().cloned().collect::<Vec<_>>().join(" "),
        }
    }

    /// Looks whether a goal was reached just now, or a bet decided, and has it said aloud.
    pub(super) fn settle_wagers(&mut self) {
        let Some(run) = &self.run else { return };
        let fresh = goals::of(&run.name).find(|goal| {
            !self.wagers.reached.contains(&key(goal)) && known(goal.claim, &run.timeline) == Known::So
        });
        if let Some(goal) = fresh {
            self.wagers.reached.insert(key(goal));
            self.say = goals::reached(goal, self.lang);
        }
        let part = self.bet_part();
        let told = matches!(part.state, "right" | "wrong");
        if told && !self.wagers.told {
            self.say = part.words;
        }
        self.wagers.told = told;
    }
}
