//! The handle that the page holds: opaque, and the only way in.
//!
//! Whatever goes wrong here comes to the page as words; nothing panics across the boundary on purpose, and what
//! panics by mistake shows a sentence.

use mqlab_core::sim::SCENARIO_FILE_MAX;
use serde::Serialize as _;
use wasm_bindgen::prelude::*;
use web_sys::HtmlCanvasElement;

use crate::canvas::Canvas;
use crate::desk::action::Action;
use crate::desk::{Desk, Visitor};

/// Seeds that a person can read aloud and remember.
const SEED_MAX: u32 = 9_999;

/// Dots for a pixel of the page, in a picture that is kept: it should look well on any screen.
const PICTURE_DOTS: f64 = 2.0;

/// A stage, a time axis, and the run that they show.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Lab {
    desk: Desk,
    stage: Canvas,
    axis: Canvas,
    charts: Canvas,
    dots: f64,
    /// Whether what is drawn is no longer what is.
    stale: bool,
    /// Whether what stands behind what moves is drawn by itself.
    has_ground: bool,
}

#[wasm_bindgen]
impl Lab {
    /// Takes over three canvases, of the stage, the time axis and the charts, and opens what the address asks for.
    ///
    /// # Errors
    ///
    /// When the browser has no canvas to draw on.
    #[wasm_bindgen(constructor)]
    pub fn new(
        stage: HtmlCanvasElement,
        axis: HtmlCanvasElement,
        charts: HtmlCanvasElement,
        query: String,
        languages: String,
        theme: usize,
        dark: bool,
    ) -> Result<Self, JsValue> {
        tell_of_panics();
        let visitor = Visitor { query, languages, dark, less_motion: false, theme };
        Ok(Self {
            desk: Desk::new(&visitor),
            stage: Canvas::new(stage)?,
            axis: Canvas::new(axis)?,
            charts: Canvas::new(charts)?,
            dots: 1.0,
            stale: true,
            has_ground: false,
        })
    }

    /// Lets time pass and draws.
    ///
    /// # Errors
    ///
    /// When the browser refuses to draw.
    pub fn frame(&mut self, now_ms: f64) -> Result<(), JsValue> {
        let moved = self.desk.frame(now_ms);
        let touched = std::mem::take(&mut self.stale);
        if !(touched || moved) {
            return Ok(());
        }
        if self.desk.is_layered() {
            if !self.draw_in_layers(touched)? {
                return Ok(()); // what stands still around the stage is as old as what stands still on it
            }
        } else if let Some(scene) = self.desk.main_scene() {
            self.has_ground = false;
            self.stage.draw(&scene, self.dots)?;
        }
        if let Some(scene) = self.desk.axis_scene() {
            self.axis.draw(&scene, self.dots)?;
        }
        if let Some(scene) = self.desk.charts_scene().map_err(|bad| bad.0)? {
            self.charts.draw(&scene, self.dots)?;
        }
        Ok(())
    }

    /// The parts of the panels that have changed, or nothing.
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

    /// Does what a control of the page means; a control that means nothing does nothing.
    pub fn act(&mut self, name: &str, value: &str) {
        self.stale = true;
        let drawn =
            if name == "new-seed" { other_seed(self.desk.seed()).to_string() } else { value.to_owned() };
        if let Some(action) = Action::from_control(name, &drawn) {
            self.desk.act(action);
        }
    }

    /// Does what a key means; whether it means anything.
    pub fn key(&mut self, key: &str) -> bool {
        let action = Action::from_key(key, self.desk.lang());
        let known = action.is_some();
        self.stale |= known;
        action.into_iter().for_each(|action| self.desk.act(action));
        known
    }

    /// The stage has a new size.
    pub fn resize_stage(&mut self, width: f64, height: f64, dots: f64) {
        self.dots = dots;
        self.stale = true;
        self.desk.resize_stage(width, height);
    }

    /// The time axis has a new size.
    pub fn resize_axis(&mut self, width: f64, height: f64, dots: f64) {
        self.dots = dots;
        self.stale = true;
        self.desk.resize_axis(width, height);
    }

    /// The charts have a new size.
    pub fn resize_charts(&mut self, width: f64, dots: f64) {
        self.dots = dots;
        self.stale = true;
        self.desk.resize_charts(width);
    }

    /// The pointer is over the charts.
    pub fn hover_charts(&mut self, x: f64) {
        self.stale = true;
        self.desk.hover_charts(Some(x));
    }

    /// The pointer left the charts.
    pub fn leave_charts(&mut self) {
        self.stale = true;
        self.desk.hover_charts(None);
    }

    /// The pointer is over the stage; whether it points at anything.
    pub fn hover(&mut self, x: f64, y: f64) -> bool {
        self.stale = true;
        self.desk.hover(Some((x, y)))
    }

    /// The pointer left the stage.
    pub fn leave(&mut self) {
        self.stale = true;
        self.desk.hover(None);
    }

    /// The pointer was pressed on the stage.
    pub fn press(&mut self, x: f64, y: f64) {
        self.stale = true;
        self.desk.press(x, y);
    }

    /// The stage was pressed for long, or with the other button.
    pub fn ask(&mut self, x: f64, y: f64) {
        self.stale = true;
        self.desk.ask(x, y);
    }

    /// A finger, or the mouse's button, went down on the stage.
    pub fn pointer_down(&mut self, id: i32, x: f64, y: f64) {
        self.desk.pointer_down(id, x, y);
    }

    /// It moved; whether that moved the stage.
    pub fn pointer_move(&mut self, id: i32, x: f64, y: f64) -> bool {
        let moved = self.desk.pointer_move(id, x, y);
        self.stale |= moved;
        moved
    }

    /// It is up, or gone.
    pub fn pointer_up(&mut self, id: i32) {
        self.desk.pointer_up(id);
    }

    /// The wheel was turned over the stage, perhaps to zoom; whether that meant anything.
    pub fn wheel(&mut self, dx: f64, dy: f64, x: f64, y: f64, zooms: bool) -> bool {
        let meant = self.desk.wheel((dx, dy), (x, y), zooms);
        self.stale |= meant;
        meant
    }

    /// There is room for charts, where nobody has said whether they want them.
    pub fn offer_charts(&mut self) {
        self.stale = true;
        self.desk.offer_charts();
    }

    /// The time axis was pressed: at a mark that leads to its moment.
    pub fn press_axis(&mut self, x: f64, y: f64) {
        self.stale = true;
        self.desk.press_axis(x, y);
    }

    /// The pointer is over the time axis; whether it points at a mark.
    pub fn hover_axis(&mut self, x: f64, y: f64) -> bool {
        self.stale = true;
        self.desk.hover_axis(Some((x, y)))
    }

    /// The pointer left the time axis.
    pub fn leave_axis(&mut self) {
        self.stale = true;
        self.desk.hover_axis(None);
    }

    /// The time axis was dragged.
    pub fn scrub(&mut self, x: f64) {
        self.stale = true;
        self.desk.scrub(x);
    }

    /// The system turned dark, or light.
    pub fn set_dark(&mut self, dark: bool) {
        self.stale = true;
        self.desk.set_system_dark(dark);
    }

    /// The visitor wants less motion, or no longer.
    pub fn set_less_motion(&mut self, less: bool) {
        self.desk.set_less_motion(less);
    }

    /// The address of this moment, after `?`; empty where no link can hold it, and nothing where there is no run.
    pub fn link(&self) -> Option<String> {
        self.desk.link()
    }

    /// Something to keep, `scenario`, `events` or `picture`: the file's name, kind and text. Empty where there is nothing.
    pub fn keep(&self, what: &str) -> Vec<String> {
        self.desk.keep(what).map_or(Vec::new(), |keep| vec![keep.name, keep.kind.into(), keep.text])
    }

    /// Paints the stage on a canvas, as a picture to keep; its name, or nothing where there is no run.
    ///
    /// # Errors
    ///
    /// When the browser refuses to draw.
    pub fn paint(&self, canvas: HtmlCanvasElement) -> Result<Option<String>, JsValue> {
        let (Some(scene), Some(keep)) = (self.desk.stage_scene(), self.desk.keep("picture")) else {
            return Ok(None);
        };
        Canvas::new(canvas)?.paint(&scene, PICTURE_DOTS, self.desk.theme().sunk)?;
        Ok(Some(keep.name.replace(".svg", ".png")))
    }

    /// How many bytes of a file are worth reading: one more than a scenario may have.
    pub fn file_max(&self) -> usize {
        SCENARIO_FILE_MAX + 1
    }

    /// A file was brought: its name, its size, and as many of its bytes as are [worth reading](Self::file_max).
    pub fn open_file(&mut self, name: &str, size: f64, bytes: &[u8]) {
        self.stale = true;
        self.desk.open_file(name, size, bytes);
    }

    /// Goals that the page remembers from another day.
    pub fn remember_goals(&mut self, text: &str) {
        self.desk.remember_goals(text);
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

impl Lab {
    /// Draws what moves, and what stands behind it only when it is due; whether it was.
    fn draw_in_layers(&mut self, touched: bool) -> Result<bool, JsValue> {
        let due = touched || !self.has_ground || self.desk.is_ground_fresh();
        if let Some(ground) = due.then(|| self.desk.ground_scene()).flatten() {
            self.stage.draw_behind(&ground, self.dots)?;
            self.has_ground = true;
        }
        if let Some(moving) = self.desk.moving_scene() {
            self.stage.draw_over(&moving, self.dots)?;
        }
        Ok(due)
    }
}

/// A seed other than the present one, from the browser's own chance; the only chance there is outside the engine.
fn other_seed(present: Option<u64>) -> u64 {
    // One seed fewer to draw from: those above the present one move down by one.
    let drawn = getrandom::u32().map_or(1, |number| u64::from(number % (SEED_MAX - 1)) + 1);
    if present.is_some_and(|present| (1..=drawn).contains(&present)) { drawn + 1 } else { drawn }
}

/// Where a panic's sentence goes: the page has an element for it.
const NOTICE_ID: &str = "notice";

/// A panic is a mistake of ours; the person at the page gets a sentence, and the details go where developers look.
pub(crate) fn tell_of_panics() {
    std::panic::set_hook(Box::new(|info| {
        let document = web_sys::window().and_then(|window| window.document());
        if let Some(notice) = document.and_then(|document| document.get_element_by_id(NOTICE_ID)) {
            let both = crate::text::LANGS.map(|lang| crate::text::ui::text("failed", lang));
            notice.set_text_content(Some(&format!("{} ({info})", both.join(" "))));
            let shown = notice.remove_attribute("hidden");
            debug_assert!(shown.is_ok(), "an attribute can be removed");
        }
    }));
}
