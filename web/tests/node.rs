//! Tests of the web crate that need no page: they run in Node.
#![cfg(target_arch = "wasm32")]

use wasm_bindgen_test::wasm_bindgen_test;

#[wasm_bindgen_test]
fn the_page_names_the_engines_version() {
    assert_eq!(mqlab_web::version(), env!("CARGO_PKG_VERSION"));
}
