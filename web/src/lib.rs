//! The page: a stage that draws what the engine did.

use wasm_bindgen::prelude::wasm_bindgen;

/// The version of the engine behind the page, as the workspace names it.
#[wasm_bindgen]
pub fn version() -> String {
    mqlab_core::VERSION.into()
}
