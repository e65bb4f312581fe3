//! Branches: listed, named, kept, removed, left again, and compared two at a time.
//!
//! Of two that are compared, the one that is looked at is on the stage; the other is played beside it, unseen, and what
//! the judge says of both stands in one table: now, and at the end.

use mqlab_core::sim::{BranchView, Difference, World};
use mqlab_core::time::{Span, Time};

use super::Desk;
use super::Notice;
use super::action::Action;
use super::panel::{BranchPart, ComparedRow, Comparison, FirstDifference};
use super::run::Run;
use crate::text::sentence::sentence;
use crate::text::{Both, branches as words, judged, time};

/// Two branches that are compared.
#[derive(Debug)]
pub(super) struct Pair {
    /// The one that was.
    one: usize,
    /// The one that is now.
    other: usize,
    difference: Option<Difference>,
    /// What they amount to at their ends.
    ends: [Vec<String>; 2],
    /// Those of them that are not looked at, at the present moment.
    beside: [Option<World>; 2],
    /// How many commands each had when that was found out: with another, it is found out anew.
    given: [usize; 2],
}

/// How many commands were given in a branch.
fn given(branches: &[BranchView], id: usize) -> Option<usize> {
    branches.iter().find(|branch| branch.id == id).map(|branch| branch.commands.len())
}

impl Pair {
    /// Compares two branches; nothing when one of them is not there, or they are one.
    fn new(run: &Run, one: usize, other: usize) -> Option<Self> {
        let branches = run.timeline.branches();
        let given = [given(&branches, one)?, given(&branches, other)?];
        if one == other {
            return None;
        }
        let calls_alone = run.has_calls_alone();
        let end =
            |branch| Some(figures(&run.timeline.world_of(branch, run.timeline.ends_at())?, calls_alone));
        Some(Self {
            one,
            other,
            difference: run.timeline.first_difference(one, other),
            ends: [end(one)?, end(other)?],
            beside: [None, None],
            given,
        })
    }

    /// What the two amount to at the present moment of the timeline.
    fn present(&mut self, run: &Run) -> [Vec<String>; 2] {
        let (timeline, calls_alone) = (&run.timeline, run.has_calls_alone());
        let now = timeline.now();
        let mut figures_of = |place: usize, branch: usize| {
            if branch == timeline.branch_id() {
                self.beside[place] = None;
                return figures(timeline.world(), calls_alone);
            }
            // On the way on it goes along; on the way back it is fetched anew.
            let kept = self.beside[place].take().filter(|world| world.now() <= now);
            let Some(mut world) = kept.or_else(|| timeline.world_of(branch, now)) else { return Vec::new() };
            while world.next_time().is_some_and(|next| next <= now) {
                world.pass();
            }
            let found = figures(&world, calls_alone);
            self.beside[place] = Some(world);
            found
        };
        [figures_of(0, self.one), figures_of(1, self.other)]
    }
}

/// What a world amounts to, in the order of the words.
fn figures(world: &World, calls_alone: bool) -> Vec<String> {
    let (verdict, metrics) = (world.verdict(), world.metrics());
    let span = |span: Span, measured: u64| if measured == 0 { "–".into() } else { judged::tenths(span) };
    if calls_alone {
        let orders = &metrics.orders;
        let waited = orders.waited.figures();
        let served = orders.answered.values().sum::<u64>() - orders.errors();
        return vec![
            orders.asked.to_string(),
            served.to_string(),
            orders.unanswered().to_string(),
            orders.errors().to_string(),
            span(waited.p50, waited.count),
            span(waited.p99, waited.count),
        ];
    }
    let latency = metrics.latency();
    vec![
        verdict.acknowledged().to_string(),
        verdict.delivered().to_string(),
        verdict.on_their_way().to_string(),
        verdict.lost().len().to_string(),
        verdict.doubled().len().to_string(),
        verdict.reordered().len().to_string(),
        metrics.pulls.late.to_string(),
        span(latency.p50, latency.count),
        span(latency.p99, latency.count),
    ]
}

impl Desk {
    /// The branches that can be chosen; none while there is nothing to choose from.
    pub(super) fn branches(&self, run: &Run) -> Vec<BranchPart> {
        let all = run.timeline.branches();
        if all.len() < 2 && run.timeline.commands_given() == 0 {
            return Vec::new();
        }
        let part = |branch: BranchView| {
            let label = words::name(&branch, &run.names, self.lang);
            let (rename, remove) = words::tools(&label, self.lang);
            BranchPart {
                id: branch.id,
                deeds: words::deeds(&branch, &run.names, self.lang),
                current: branch.current,
                named: branch.name.is_some(),
                rename,
                remove: (!branch.current).then_some(remove),
                label,
            }
        };
        all.into_iter().map(part).collect()
    }

    /// Whatever is done with branches, but looking at one of them.
    pub(super) fn branch_out(&mut self, action: Action) {
        let Some(run) = &mut self.run else { return };
        self.notice = None;
        match action {
            Action::Undo => {
                let current = run.timeline.branches().into_iter().find(|branch| branch.current);
                let last = current.and_then(|branch| branch.commands.last().cloned());
                self.player.set_playing(false);
                match run.timeline.undo() {
                    Ok(()) => {
                        let words =
                            last.map(|(at, command)| words::undone(command, at, &run.names, self.lang));
                        self.say = words.unwrap_or_default();
                        run.forget_the_curve();
                    }
                    Err(why) => self.notice = Some(Notice::Refused(why)),
                }
                run.refresh();
            }
            Action::Rename(branch, name) => run.timeline.rename(branch, &name),
            Action::Remove(branch) => {
                run.timeline.remove(branch);
            }
            Action::Compare(pair) => {
                self.pair = pair.and_then(|(one, other)| Pair::new(run, one, other));
            }
            Action::CompareUsual if self.pair.is_none() => {
                let branches = run.timeline.branches();
                let current = branches.iter().find(|branch| branch.current);
                let before = current.and_then(|branch| branch.parent);
                let other = || branches.iter().rev().find(|branch| !branch.current).map(|branch| branch.id);
                if let (Some(current), Some(before)) = (current, before.or_else(other)) {
                    self.pair = Pair::new(run, before, current.id);
                }
            }
            Action::Difference => {
                let to = self.pair.as_ref().and_then(|pair| pair.difference.as_ref()).map(|first| first.at);
                if let Some(to) = to {
                    self.player.set_playing(false);
                    run.timeline.seek(to);
                    run.refresh();
                    self.say = run.last_words(self.lang);
                }
            }
            _ => {}
        }
    }

    /// After something was done, the two that are compared may have become others, or be gone.
    pub(super) fn compare_anew(&mut self) {
        let (Some(run), Some(pair)) = (&self.run, &self.pair) else { return };
        let branches = run.timeline.branches();
        let now = [given(&branches, pair.one), given(&branches, pair.other)];
        if now != pair.given.map(Some) {
            self.pair = Pair::new(run, pair.one, pair.other);
        }
    }

    /// When the two that are compared part.
    pub(super) fn difference_at(&self) -> Option<Time> {
        self.pair.as_ref()?.difference.as_ref().map(|first| first.at)
    }

    /// The event at which they part, and what to say of it.
    pub(super) fn row_that_differs(&self) -> Option<(usize, &'static str)> {
        let pair = self.pair.as_ref()?;
        let run = self.run.as_ref()?;
        // Another branch than those two may be looked at: it need not have that event.
        let current = run.timeline.branch_id();
        let first = pair.difference.as_ref().filter(|_| current == pair.one || current == pair.other)?;
        Some((first.fact, words::FIRST_DIFFERENCE.get(self.lang)))
    }

    /// How the two differ.
    pub(super) fn comparison(&mut self) -> Option<Comparison> {
        let lang = self.lang;
        let run = self.run.as_ref()?;
        let Some(pair) = &mut self.pair else {
            return Some(Comparison::default());
        };
        let present = pair.present(run);
        let labels: &[Both] = if run.has_calls_alone() { &words::CALLS } else { &words::MESSAGES };
        let row = |(place, label): (usize, &Both)| {
            let of = |figures: &[Vec<String>; 2]| (figures[0][place].clone(), figures[1][place].clone());
            let (present, end) = (of(&present), of(&pair.ends));
            let differs = (present.0 != present.1, end.0 != end.1);
            ComparedRow { label: label.get(lang), present, end, differs }
        };
        let fact = |fact: &Option<mqlab_core::observe::Stamped>| match fact {
            Some(fact) => sentence(fact, &run.names, lang),
            None => words::NOTHING_MORE.get(lang).into(),
        };
        let first = pair.difference.as_ref().map(|first| FirstDifference {
            at: first.at.0,
            time: time::here(first.at, lang),
            label: words::FIRST_DIFFERENCE.get(lang),
            one: fact(&first.one),
            other: fact(&first.other),
        });
        Some(Comparison {
            pair: Some((pair.one, pair.other)),
            alike: if first.is_none() { words::ALIKE.get(lang) } else { "" },
            first,
            columns: words::columns(run.timeline.now(), lang),
            rows: labels.iter().enumerate().map(row).collect(),
        })
    }
}
