//! Tests of the web crate that need a page: they run in a browser.
#![cfg(target_arch = "wasm32")]

use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

#[wasm_bindgen_test]
fn the_page_names_the_engines_version() {
    assert_eq!(mqlab_web::version(), env!("CARGO_PKG_VERSION"));
}
