//! Tests that cross crates, and what they have in common.

pub mod claims;
pub mod replay;
pub mod script;

/// What the README shows is compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
#[doc = include_str!("../../README.zh-CN.md")]
pub struct Readme;
