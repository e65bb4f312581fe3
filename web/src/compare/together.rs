//! One clock for all: which runs stand side by side, and at which moment?

use mqlab_core::sim::compare::{FIRST_SEED, Mishap, Plan};
use mqlab_core::time::{Span, Time};

use super::panel::{Choice, ClockPart, MarkPart, StagePart, TogetherPart};
use super::results::Results;
use crate::text::{Lang, compare as words, compare_names as names, moment};

/// How much of a run a second can show.
const PACES: [Span; 7] = [
    Span::from_millis(1),
    Span::from_millis(10),
    Span::from_millis(50),
    Span::from_millis(200),
    Span::from_millis(500),
    Span::from_millis(1_000),
    Span::from_millis(2_000),
];
/// What it shows where nothing is said.
const PACE_USUAL: usize = 4;
/// The longest that passes in one frame, in real milliseconds: a page that was hidden does not leap.
const FRAME_MAX_MS: f64 = 100.0;

/// Runs side by side, and their clock.
#[derive(Debug)]
pub(super) struct Together {
    /// What is chosen to be shown.
    mishap: Option<Mishap>,
    seed: u64,
    /// Whether it is shown.
    open: bool,
    now: f64,
    playing: bool,
    pace: usize,
    last_frame: Option<f64>,
}

impl Default for Together {
    fn default() -> Self {
        Self {
            mishap: None,
            seed: FIRST_SEED,
            open: false,
            now: 0.0,
            playing: false,
            pace: PACE_USUAL,
            last_frame: None,
        }
    }
}

impl Together {
    /// Another comparison was begun.
    pub(super) fn begin_anew(&mut self) {
        *self = Self { pace: self.pace, last_frame: self.last_frame, ..Self::default() };
    }

    /// What is chosen: of a plan's own, the first mishap that is one unless somebody chose.
    fn mishap_in(&self, plan: &Plan) -> Option<Mishap> {
        let first = || plan.mishaps.iter().find(|mishap| **mishap != Mishap::None).or(plan.mishaps.first());
        self.mishap.filter(|mishap| plan.mishaps.contains(mishap)).or_else(|| first().copied())
    }

    /// Shows the runs of a mishap and a seed at a moment.
    pub(super) fn show(&mut self, mishap: Mishap, seed: u64, at: Time) {
        (self.mishap, self.seed, self.open, self.playing) = (Some(mishap), seed, true, false);
        self.now = at.0 as f64;
    }

    /// Shows what is chosen.
    pub(super) fn open(&mut self) {
        self.open = true;
    }

    /// Chooses a mishap.
    pub(super) fn choose(&mut self, mishap: Mishap) {
        self.mishap = Some(mishap);
    }

    /// Chooses a seed.
    pub(super) fn choose_seed(&mut self, seed: u64) {
        self.seed = seed;
    }

    /// Plays, or stands still.
    pub(super) fn play(&mut self, plan: &Plan) {
        if !self.playing && self.now >= plan.workload.ends_at as f64 {
            self.now = 0.0;
        }
        self.playing = !self.playing && self.open;
    }

    /// Goes to a moment.
    pub(super) fn seek(&mut self, at: Time, plan: &Plan) {
        self.now = (at.0 as f64).min(plan.workload.ends_at as f64);
    }

    /// Goes to the beginning, and stands still.
    pub(super) fn reset(&mut self) {
        (self.now, self.playing) = (0.0, false);
    }

    /// Chooses how fast.
    pub(super) fn set_pace(&mut self, pace: usize) {
        self.pace = pace.min(PACES.len() - 1);
    }

    /// Lets real time pass; the moment that all should show, where any is shown.
    pub(super) fn tick(&mut self, now_ms: f64, plan: &Plan) -> Option<f64> {
        let elapsed = self.last_frame.map_or(0.0, |last| now_ms - last);
        self.last_frame = Some(now_ms);
        if self.playing && elapsed > 0.0 {
            let end = plan.workload.ends_at as f64;
            self.now += elapsed.min(FRAME_MAX_MS) / 1_000.0 * PACES[self.pace].0 as f64;
            if self.now >= end {
                (self.now, self.playing) = (end, false);
            }
        }
        self.open.then_some(self.now)
    }

    /// What is shown of the clock.
    pub(super) fn clock(&self, plan: &Plan, lang: Lang) -> ClockPart {
        let now = Time(self.now as u64);
        ClockPart {
            playing: self.playing,
            play: (if self.playing { words::PAUSE } else { words::PLAY }).get(lang),
            now: now.0,
            time: moment(now),
            heard: words::heard(now, Time(plan.workload.ends_at), lang),
        }
    }

    /// What is shown around it.
    pub(super) fn part(&self, results: Option<&Results>, lang: Lang) -> TogetherPart {
        let paces = PACES.iter().enumerate().map(|(place, pace)| Choice {
            value: place.to_string(),
            label: words::pace(*pace),
            says: String::new(),
            chosen: place == self.pace,
        });
        let mut part = TogetherPart {
            offered: false,
            mishaps: Vec::new(),
            seeds: Vec::new(),
            stages: Vec::new(),
            end: 0,
            marks: Vec::new(),
            paces: paces.collect(),
        };
        let Some(results) = results else { return part };
        let plan = &results.plan;
        let Some(mishap) = self.mishap_in(plan) else { return part };
        let seed = self.seed.clamp(FIRST_SEED, plan.seeds);
        part.offered = true;
        part.end = plan.workload.ends_at;
        part.mishaps = plan.mishaps.iter().map(|other| choice(*other, *other == mishap, lang)).collect();
        part.seeds = (FIRST_SEED..=plan.seeds)
            .map(|other| Choice {
                value: other.to_string(),
                label: other.to_string(),
                says: String::new(),
                chosen: other == seed,
            })
            .collect();
        if self.open {
            part.stages = stages(results, mishap, seed);
            part.marks = marks(results, mishap, seed, lang);
        }
        part
    }
}

fn choice(mishap: Mishap, chosen: bool, lang: Lang) -> Choice {
    let (name, says) = names::mishap(mishap);
    Choice { value: mishap.name().into(), label: name.get(lang).into(), says: says.get(lang).into(), chosen }
}

fn stages(results: &Results, mishap: Mishap, seed: u64) -> Vec<StagePart> {
    let all = results.plan.contenders.iter();
    all.filter_map(|contender| {
        let link = results.link((*contender, mishap, seed), None)?;
        Some(StagePart { name: words::contender(contender), link })
    })
    .collect()
}

/// Where the mishap begins and ends, and where the first message fared differently.
fn marks(results: &Results, mishap: Mishap, seed: u64, lang: Lang) -> Vec<MarkPart> {
    let (from, until) = Mishap::lasts(&results.plan.workload);
    let mark = |kind, at: Time, label: &str| MarkPart {
        kind,
        at: at.0,
        label: format!("{label}: {} ms", moment(at)),
    };
    let mut marks = Vec::new();
    if mishap != Mishap::None {
        marks.push(mark("begins", from, words::BEGINS.get(lang)));
        marks.push(mark("ends", until, words::ENDS.get(lang)));
    }
    let differs = results.differences().iter().filter(|found| (found.mishap, found.seed) == (mishap, seed));
    if let Some(found) = differs.min_by_key(|found| found.at) {
        marks.push(mark("differs", found.at, words::DIFFERS.get(lang)));
    }
    marks
}
