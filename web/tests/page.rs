//! Tests of the web crate that need a page: they run in a browser.
#![cfg(target_arch = "wasm32")]

use wasm_bindgen::JsCast as _;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

use mqlab_web::lab::Lab;
use web_sys::HtmlCanvasElement;

wasm_bindgen_test_configure!(run_in_browser);

#[wasm_bindgen_test]
fn the_page_names_the_engines_version() {
    assert_eq!(mqlab_web::version(), env!("CARGO_PKG_VERSION"));
}

fn canvas() -> HtmlCanvasElement {
    let document = web_sys::window().and_then(|window| window.document()).expect("a page");
    let canvas = document.create_element("canvas").expect("an element");
    canvas.unchecked_into()
}

#[wasm_bindgen_test]
fn a_lab_draws_plays_and_fills_the_panels() {
    let stage = canvas();
    let query = "?scenario=kill-the-leader&seed=7&lang=zh".into();
    let made = Lab::new(stage.clone(), canvas(), canvas(), query, "en-US,zh".into(), 0, false);
    let mut lab = made.expect("a lab");
    lab.resize_stage(816.0, 700.0, 2.0);
    lab.frame(0.0).expect("it draws");
    assert_eq!((stage.width(), lab.lang().as_str()), (1_632, "zh-CN"));
    assert!(lab.panel(0.0).expect("a panel").is_object());
    assert!(lab.panel(1.0).expect("no panel").is_undefined(), "nothing has changed");
    assert!(lab.key(" "), "space plays");
    lab.frame(10.0).expect("it draws");
    lab.frame(60.0).expect("it draws");
    assert!(lab.panel(1_000.0).expect("a panel").is_object());
    assert!(!lab.key("F5"), "other keys are the browser's");
}

#[wasm_bindgen_test]
fn what_makes_no_sense_does_nothing() {
    let made = Lab::new(canvas(), canvas(), canvas(), "?scenario=%00&seed=x".into(), String::new(), 9, true);
    let mut lab = made.expect("a lab without a run");
    lab.frame(f64::NAN).expect("nothing to draw");
    for (name, value) in [("toggle", "broker-1"), ("seek", "99999999999999999999"), ("", ""), ("play", "")] {
        lab.act(name, value);
    }
    lab.press(f64::INFINITY, f64::NAN);
    lab.scrub(f64::NAN);
    lab.resize_stage(0.0, 0.0, 0.0);
    lab.resize_axis(-5.0, f64::NAN, f64::NAN);
    lab.frame(1.0).expect("nothing to draw");
    assert!(lab.panel(1.0).expect("a notice").is_object());
    lab.act("scenario", "hundred-messages");
    lab.resize_stage(0.0, 0.0, 0.0);
    lab.press(f64::INFINITY, f64::NAN);
    lab.scrub(f64::NAN);
    lab.frame(2.0).expect("it draws what fits");
}
