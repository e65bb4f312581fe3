//! Automation for the workspace: `cargo xtask demo`, `cargo xtask dist`, `cargo xtask test`,
//! `cargo xtask shots`, `cargo xtask bench`, `cargo xtask fidelity`.
//!
//! Written in Rust so that it runs wherever the project compiles, and a library so that the browser tests fetch the
//! page from the very server that the demo uses ([`serve::SiteServer`]).
//!
//! | file | question it answers |
//! |---|---|
//! | [`cli`] | which commands and options are there? |
//! | [`workspace`] | where is the workspace, where does cargo build, which versions are locked? |
//! | [`process`] | how is another program found and started? |
//! | [`progress`] | what does a person see while it runs? |
//! | [`tools`] | which cargo-made tools are needed, and where are they kept? |
//! | [`system`] | which programs must the machine have (Node, Chromium), and how do they get there? |
//! | [`site`] | how does the page become a folder of files? |
//! | [`offline`] | which build is it, and what does it need without a network? |
//! | [`single_file`] | how does that folder become one HTML file? |
//! | [`serve`] | how are the files served? |
//! | [`demo`], [`dist`], [`mod@test`], [`steps`], [`shots`], [`mod@bench`], [`fidelity`] | what do the commands do, in which order? |

pub mod bench;
pub mod cli;
pub mod demo;
pub mod dist;
pub mod error;
pub mod fidelity;
pub mod offline;
pub mod process;
pub mod progress;
pub mod serve;
pub mod shots;
pub mod single_file;
pub mod site;
pub mod steps;
pub mod system;
pub mod test;
pub mod tools;
pub mod workspace;
