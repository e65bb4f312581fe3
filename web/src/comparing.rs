//! The handle that the page which compares holds: opaque, and the only way in.

use serde::Serialize as _;
use wasm_bindgen::prelude::*;

use crate::compare::{CompareDesk, Visitor};

/// A comparison in a page.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Comparing {
    desk: CompareDesk,
}

#[wasm_bindgen]
impl Comparing {
    /// Opens what the address asks for.
    #[wasm_bindgen(constructor)]
    pub fn new(query: String, languages: String, theme: usize, dark: bool) -> Self {
        crate::lab::tell_of_panics();
        Self { desk: CompareDesk::new(&Visitor { query, languages, dark, theme }) }
    }

    /// Does what a control of the page means.
    pub fn act(&mut self, name: &str, value: &str) {
        self.desk.act(name, value);
    }

    /// Begins: the link for the workers.
    pub fn start(&mut self) -> String {
        self.desk.start().0
    }

    /// How many runs the comparison that was begun has.
    pub fn runs(&self) -> usize {
        self.desk.plan().runs().len()
    }

    /// A run is so far, from 0 to 1.
    pub fn tell(&mut self, number: usize, share: f64) {
        self.desk.tell(number, share);
    }

    /// A run is over.
    pub fn arrive(&mut self, number: usize, outcome: &str, fates: &[u8], decided: &[u32]) {
        self.desk.arrive(number, outcome, fates, decided);
    }

    /// A run could not be run.
    pub fn fail(&mut self, number: i32, why: &str) {
        self.desk.fail(usize::try_from(number).ok(), why);
    }

    /// What the workers run could not be loaded.
    pub fn miss(&mut self) {
        self.desk.miss();
    }

    /// Somebody stops it.
    pub fn stop(&mut self) {
        self.desk.stop();
    }

    /// Whether runs are under way.
    pub fn is_running(&self) -> bool {
        self.desk.is_running()
    }

    /// Lets time pass; the moment in microseconds that the runs side by side should show, where there are any.
    pub fn tick(&mut self, now_ms: f64) -> Option<f64> {
        self.desk.tick(now_ms)
    }

    /// A run side by side was moved by hand.
    pub fn follow(&mut self, micros: f64) {
        self.desk.follow(micros);
    }

    /// The parts of the page that have changed, or nothing.
    ///
    /// # Errors
    ///
    /// When they cannot be handed over.
    pub fn panel(&mut self, now_ms: f64) -> Result<JsValue, JsValue> {
        match self.desk.panel(now_ms) {
            None => Ok(JsValue::UNDEFINED),
            Some(panel) => Ok(panel.serialize(&serde_wasm_bindgen::Serializer::json_compatible())?),
        }
    }

    /// A file to keep: its name, its kind and its text; empty where there is none.
    pub fn keep(&mut self, what: &str) -> Vec<String> {
        self.desk.keep(what).map_or(Vec::new(), |keep| vec![keep.name, keep.kind.into(), keep.text])
    }

    /// A chart may be this wide now.
    pub fn resize_charts(&mut self, width: f64) {
        self.desk.resize_charts(width);
    }

    /// The system turned dark, or light.
    pub fn set_dark(&mut self, dark: bool) {
        self.desk.set_system_dark(dark);
    }

    /// The language's tag, to be remembered.
    pub fn lang(&self) -> String {
        self.desk.lang().tag().into()
    }

    /// The theme's number, to be remembered.
    pub fn theme(&self) -> usize {
        self.desk.theme_choice()
    }
}
