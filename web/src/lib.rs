//! The page: a stage that draws what the engine did.
//!
//! ```text
//! page.js --keys, pointers, frames--> lab --actions--> desk --commands--> mqlab_core::sim::Timeline
//!                                                       |
//!            canvas <--shapes-- scene <--a picture------+------sentences--> panel --> page.js fills the page
//! ```
//!
//! All but what is compiled for wasm32 alone is pure and tested natively. JavaScript holds no logic: it forwards input and fills
//! elements with text.
#![deny(clippy::unwrap_used)]

#[cfg(target_arch = "wasm32")]
mod canvas;
pub mod claim;
pub mod compare;
#[cfg(target_arch = "wasm32")]
pub mod comparing;
pub mod desk;
#[cfg(target_arch = "wasm32")]
pub mod element;
pub mod embed;
#[cfg(target_arch = "wasm32")]
pub mod lab;
pub mod link;
pub mod player;
#[cfg(target_arch = "wasm32")]
pub mod runner;
pub mod scene;
pub mod slowing;
pub mod svg;
pub mod text;

use wasm_bindgen::prelude::wasm_bindgen;

/// The version of the engine behind the page, as the workspace names it.
#[wasm_bindgen]
pub fn version() -> String {
    mqlab_core::VERSION.into()
}
