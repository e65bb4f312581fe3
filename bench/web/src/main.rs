//! How fast is the page? `cargo xtask bench web` runs this against the page as it is built for use, in a headless Chromium.
//!
//! A benchmark is not a test: a bar that is missed is said clearly, and the program still ends well.
//!
//! | file | question it answers |
//! |---|---|
//! | [`frames`] | how long does a frame take where very much moves? |
//! | [`seek`] | how long does it take to go anywhere in a long run? |
//! | [`weight`], [`opening`] | how large is the page, and when does its first message move? |
//! | [`engine`] | how fast is the engine in the page, against the same code natively? |
//! | [`comparing`] | how long does it take to compare all systems, and does the page feel it? |
//! | [`memory`] | does memory grow while one plays? |
//! | [`browser`], [`page`] | how is a browser started, asked and timed? |

mod browser;
mod comparing;
mod engine;
mod frames;
mod memory;
mod opening;
mod page;
mod seek;
mod weight;

use std::path::PathBuf;
use std::process::ExitCode;
use std::rc::Rc;

use clap::Parser;
use mqlab_bench_contest::report::{Options, Report, Row};

use browser::Browser;
use page::Served;

/// Measure the page in a headless browser
#[derive(Debug, Parser)]
struct Arguments {
    #[command(flatten)]
    options: Options,
    /// The page, as a folder
    #[arg(long, value_name = "DIR")]
    site: PathBuf,
    /// The simulated worlds for a browser, as a folder: built as the page is
    #[arg(long, value_name = "DIR")]
    worlds: PathBuf,
}

fn main() -> ExitCode {
    let Arguments { options, site, worlds } = Arguments::parse();
    let served = Rc::new(Served::start(&site));
    let rows: Vec<Row> = frames::rows(&served)
        .into_iter()
        .chain(seek::rows(&served))
        .chain(opening::rows(&served))
        .chain(weight::rows(&site))
        .chain(engine::rows(&worlds))
        .chain(comparing::rows(&served))
        .chain(memory::rows(&served))
        .collect();
    let place = vec![format!("browser: {}, headless, without a graphics card", Browser::start().version())];
    Report::measure(&rows, &options, place).finish(&options)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }
}
