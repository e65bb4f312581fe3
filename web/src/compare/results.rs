//! What came of the runs so far? Outcomes arrive in any order, from several workers; the table grows with each.

use std::cell::OnceCell;

use mqlab_core::sim::compare::{Contender, Fate, FirstDifference, Mishap, Outcome, Plan, Report, Row};
use mqlab_core::sim::{LinkPlace, PageLink};
use mqlab_core::time::Time;

/// How far a comparison is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Runs are under way.
    Running,
    /// All are over.
    Done,
    /// Somebody stopped it.
    Stopped,
    /// One could not be run: why.
    Failed(String),
    /// What runs them could not be loaded.
    Missing,
}

/// A comparison that was begun.
#[derive(Debug)]
pub struct Results {
    /// What is compared.
    pub plan: Plan,
    /// How far it is.
    pub state: State,
    runs: Vec<(Contender, Mishap, u64)>,
    /// Which runs are over, in order, and beside them their outcomes.
    places: Vec<usize>,
    done: Vec<Outcome>,
    /// The packed scenarios, made when a figure first needs one, by the run's place.
    packed: Vec<OnceCell<String>>,
    /// How much of a run that is under way is processed.
    shares: Vec<f64>,
    rows: Vec<Row>,
    differences: Vec<FirstDifference>,
}

impl Results {
    /// Nothing has come yet.
    pub fn new(plan: Plan) -> Self {
        let runs = plan.runs();
        let count = runs.len();
        Self {
            plan,
            state: State::Running,
            runs,
            places: Vec::new(),
            done: Vec::new(),
            packed: vec![OnceCell::new(); count],
            shares: vec![0.0; count],
            rows: Vec::new(),
            differences: Vec::new(),
        }
    }

    /// Which run that is.
    pub fn run(&self, number: usize) -> Option<(Contender, Mishap, u64)> {
        self.runs.get(number).copied()
    }

    /// How many runs are over, and how many there are.
    pub fn progress(&self) -> (usize, usize) {
        (self.done.len(), self.runs.len())
    }

    /// How much is done, from 0 to 1, with what is half done.
    pub fn share(&self) -> f64 {
        let whole: f64 = self.shares.iter().sum();
        whole / self.runs.len().max(1) as f64
    }

    /// A run is so far.
    pub fn tell(&mut self, number: usize, share: f64) {
        if let Some(slot) = self.shares.get_mut(number).filter(|slot| **slot < 1.0 && share.is_finite()) {
            *slot = share.clamp(0.0, 0.999);
        }
    }

    /// A run is over.
    ///
    /// # Errors
    ///
    /// In words, when that is no outcome of that run: the two modules of the page do not fit together.
    pub fn arrive(&mut self, number: usize, json: &str, fates: &[u8], decided: &[u32]) -> Result<(), String> {
        let mut outcome: Outcome = serde_json::from_str(json).map_err(|error| error.to_string())?;
        let expected = self.runs.get(number).copied();
        if expected != Some((outcome.contender, outcome.mishap, outcome.seed)) {
            return Err(format!("run {number} is none of {}", outcome.contender));
        }
        outcome.fates = fates.iter().filter_map(|fate| Fate::ALL.get(usize::from(*fate)).copied()).collect();
        outcome.decided = decided.iter().map(|at| Time(u64::from(*at))).collect();
        match self.places.binary_search(&number) {
            Ok(_) => return Ok(()), // it came before
            Err(place) => {
                self.places.insert(place, number);
                self.done.insert(place, outcome);
            }
        }
        self.shares[number] = 1.0;
        self.rows = Row::of(&self.done);
        self.differences = FirstDifference::all(&self.done);
        if self.done.len() == self.runs.len() {
            self.state = State::Done;
        }
        Ok(())
    }

    /// The table so far.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The first messages that fared differently, so far.
    pub fn differences(&self) -> &[FirstDifference] {
        &self.differences
    }

    /// The outcomes of a row.
    pub fn of_row<'a>(&'a self, row: &Row) -> impl Iterator<Item = &'a Outcome> + use<'a> {
        let (contender, mishap) = (row.contender, row.mishap);
        self.done.iter().filter(move |outcome| (outcome.contender, outcome.mishap) == (contender, mishap))
    }

    /// The page's link to a run, which need not be over, at a moment.
    pub fn link(&self, run: (Contender, Mishap, u64), at: Option<Time>) -> Option<String> {
        let place = self.runs.iter().position(|other| *other == run)?;
        let (contender, mishap, seed) = run;
        let packed = self.packed[place].get_or_init(|| {
            let mut scenario = contender.scenario(&self.plan.workload, mishap);
            scenario.seed = seed;
            scenario.pack()
        });
        let link = PageLink {
            run: Some(packed.clone()),
            seed: Some(seed),
            place: at.map(|at| LinkPlace { at, happened: None }),
            ..PageLink::default()
        };
        Some(link.write())
    }

    /// The table for a spreadsheet.
    pub fn csv(&self) -> String {
        Row::csv(&self.rows)
    }

    /// Everything, as JSON.
    pub fn json(&self) -> String {
        Report::new(&self.plan.workload, &self.done).to_json()
    }
}
