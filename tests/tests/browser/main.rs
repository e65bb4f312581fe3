//! End-to-end tests: the built page in a real browser, driven over WebDriver as a person would use it.
//!
//! `cargo xtask test --only browser` builds the page, finds the browser and runs them. Each test gets a browser of its
//! own from [`driver::with_page`], which also holds every test to the rule that the console stays silent.

mod access;
mod adding;
mod audit;
mod branches;
mod closer;
mod comparing;
mod crowd;
mod digest;
mod driver;
mod embedding;
mod hands;
mod language;
mod links;
mod machine;
mod menus;
mod room;
mod sharing;
mod shots;
mod story;
mod transport;
mod views;
mod wagers;
mod watching;
mod without;

/// Where the page is opened from: every test of what the page is must hold for both.
#[derive(Debug, Clone, Copy)]
enum Form {
    /// The folder, fetched from the demo's own server.
    Site,
    /// The single HTML file, opened from disk.
    SingleFile,
}
