//! The handle that an `<mq-lab>` element holds: one canvas, and the embedded desk.
//!
//! It touches nothing of the page around it, and knows nothing of it.

use mqlab_core::time::Time;
use serde::Serialize as _;
use wasm_bindgen::prelude::*;
use web_sys::HtmlCanvasElement;

use crate::canvas::Canvas;
use crate::desk::Visitor;
use crate::desk::action::Action;
use crate::embed::Embed;

/// A stage within somebody's page.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Element {
    embed: Embed,
    stage: Canvas,
    dots: f64,
    stale: bool,
}

#[wasm_bindgen]
impl Element {
    /// Takes over a canvas and opens what the attributes, names and values in turn, ask for.
    ///
    /// # Errors
    ///
    /// When the browser has no canvas to draw on.
    #[wasm_bindgen(constructor)]
    pub fn new(
        stage: HtmlCanvasElement,
        attributes: Vec<String>,
        languages: String,
        dark: bool,
        less_motion: bool,
    ) -> Result<Self, JsValue> {
        let value = |name: &str| {
            let pair = attributes.chunks_exact(2).find(|pair| pair[0] == name);
            pair.map(|pair| pair[1].clone())
        };
        let visitor = Visitor { languages, dark, less_motion, ..Visitor::default() };
        Ok(Self { embed: Embed::new(value, visitor), stage: Canvas::new(stage)?, dots: 1.0, stale: true })
    }

    /// Lets time pass and draws; whether anything was drawn.
    ///
    /// # Errors
    ///
    /// When the browser refuses to draw.
    pub fn frame(&mut self, now_ms: f64) -> Result<bool, JsValue> {
        self.stale |= self.embed.frame(now_ms);
        if !std::mem::take(&mut self.stale) || !self.embed.runs() {
            return Ok(false);
        }
        if let Some(scene) = self.embed.desk().stage_scene() {
            self.stage.draw(&scene, self.dots)?;
        }
        Ok(true)
    }

    /// What the element shows around the stage, or nothing when it has not changed.
    ///
    /// # Errors
    ///
    /// When it cannot be handed over.
    pub fn panel(&mut self, now_ms: f64) -> Result<JsValue, JsValue> {
        match self.embed.panel(now_ms) {
            None => Ok(JsValue::UNDEFINED),
            Some(panel) => Ok(panel.serialize(&serde_wasm_bindgen::Serializer::json_compatible())?),
        }
    }

    /// Does what a control means.
    pub fn act(&mut self, name: &str, value: &str) {
        self.stale = true;
        if let Some(action) = Action::from_control(name, value).filter(|_| self.embed.runs()) {
            self.embed.desk_mut().act(action);
        }
    }

    /// Does what a key means; whether it means anything.
    pub fn key(&mut self, key: &str) -> bool {
        self.stale = true;
        self.embed.key(key)
    }

    /// Goes to a moment, in microseconds.
    pub fn seek(&mut self, micros: f64) {
        self.stale = true;
        self.embed.desk_mut().act(Action::Seek(Time(micros.max(0.0) as u64)));
    }

    /// The moment that is shown, in microseconds; nothing where there is no run.
    pub fn now(&self) -> Option<f64> {
        self.embed.moment().map(|(now, _)| now.0 as f64)
    }

    /// The end of the run, in microseconds; nothing where there is no run.
    pub fn end(&self) -> Option<f64> {
        self.embed.moment().map(|(_, end)| end.0 as f64)
    }

    /// Whether it plays.
    pub fn playing(&self) -> bool {
        self.embed.desk().is_playing()
    }

    /// Plays, or stands still.
    pub fn play(&mut self, on: bool) {
        self.stale = true;
        self.embed.play(on);
    }

    /// The stage has a new size.
    pub fn resize(&mut self, width: f64, height: f64, dots: f64) {
        self.dots = dots;
        self.stale = true;
        self.embed.desk_mut().resize_stage(width, height);
    }

    /// The pointer is over the stage; whether it points at anything.
    pub fn hover(&mut self, x: f64, y: f64) -> bool {
        self.stale = true;
        self.embed.desk_mut().hover(Some((x, y)))
    }

    /// The pointer left the stage.
    pub fn leave(&mut self) {
        self.stale = true;
        self.embed.desk_mut().hover(None);
    }

    /// The pointer was pressed on the stage.
    pub fn press(&mut self, x: f64, y: f64) {
        self.stale = true;
        self.embed.desk_mut().press(x, y);
    }

    /// The system turned dark, or light.
    pub fn set_dark(&mut self, dark: bool) {
        self.stale = true;
        self.embed.desk_mut().set_system_dark(dark);
    }

    /// The visitor wants less motion, or no longer.
    pub fn set_less_motion(&mut self, less: bool) {
        self.embed.desk_mut().set_less_motion(less);
    }
}
