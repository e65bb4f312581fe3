//! Tests that cross crates, and what they have in common.

pub mod replay;
pub mod script;
