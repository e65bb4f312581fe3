//! What a worker of the page runs: one run of a comparison after the other.
//!
//! ```text
//!   page ── plan (a link), number of a run ──▶ worker ── Runner::run ──▶ Ran ──▶ page: table, charts
//!                                                 │ how many messages are processed, from time to time
//!                                                 └────────────────────────────▶ page: progress
//! ```
//!
//! A worker runs the page's own module, which the page hands over compiled ([`module`]): nothing is downloaded twice.

use js_sys::Function;
use mqlab_core::sim::compare::{Contender, FIRST_SEED, Mishap, Outcome, Plan};
use wasm_bindgen::prelude::*;

/// The module of this instance, for workers to make theirs of.
#[wasm_bindgen]
pub fn module() -> JsValue {
    wasm_bindgen::module()
}

/// A comparison whose runs can be asked for one by one.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Runner {
    plan: Plan,
    runs: Vec<(Contender, Mishap, u64)>,
}

/// What came of one run, ready to be handed over.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Ran {
    outcome: Outcome,
}

#[wasm_bindgen]
impl Runner {
    /// Takes the comparison of a link.
    ///
    /// # Errors
    ///
    /// In words, when the link is none: the page has looked at it before.
    #[wasm_bindgen(constructor)]
    pub fn new(query: &str) -> Result<Self, JsError> {
        // What panics by mistake says so to the page; this instance is then thrown away with its worker.
        std::panic::set_hook(Box::new(|info| wasm_bindgen::throw_str(&info.to_string())));
        let plan = Plan::read(query)?;
        let runs = plan.runs();
        Ok(Self { plan, runs })
    }

    /// Runs one, and calls `tell` from time to time with the share of its messages that are processed.
    ///
    /// # Errors
    ///
    /// In words, when there is no such run, or the workload asks for what the system has not.
    pub fn run(&self, number: usize, tell: &Function) -> Result<Ran, JsError> {
        let (contender, mishap, seed) =
            *self.runs.get(number).ok_or_else(|| JsError::new("there is no such run"))?;
        let messages = self.plan.workload.messages as f64;
        let mut share = |processed: u64| {
            // Whoever does not listen misses nothing but the progress.
            let _ = tell.call1(&JsValue::NULL, &JsValue::from_f64(processed as f64 / messages));
        };
        let outcome = Outcome::run_told(&self.plan.workload, contender, mishap, seed, &mut share)?;
        Ok(Ran { outcome })
    }
}

#[wasm_bindgen]
impl Ran {
    /// Everything but the messages one by one, as JSON.
    ///
    /// # Errors
    ///
    /// Never: it is plain data.
    pub fn outcome(&self) -> Result<String, JsError> {
        Ok(serde_json::to_string(&self.outcome)?)
    }

    /// What became of each message, as numbers; of the first seed alone, with which runs are compared message by message.
    pub fn fates(&self) -> Vec<u8> {
        let all = if self.outcome.seed == FIRST_SEED { &self.outcome.fates[..] } else { &[] };
        all.iter().map(|fate| *fate as u8).collect()
    }

    /// When that was decided, in microseconds; of the first seed alone.
    pub fn decided(&self) -> Vec<u32> {
        let all = if self.outcome.seed == FIRST_SEED { &self.outcome.decided[..] } else { &[] };
        all.iter().map(|at| u32::try_from(at.0).unwrap_or(u32::MAX)).collect()
    }
}
