//! `mqlab compare`: the same workload and the same mishaps on several systems, or on several settings of one.
//!
//! ```text
//!   contenders × mishaps × seeds ──▶ a thread for each core runs them ──▶ a table, or CSV, JSON, SVG
//! ```

mod chart;
mod table;

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use mqlab_core::sim::compare::{Comparison, Contender, Mishap, Outcome, Profile, Report, Row, Workload};
use mqlab_core::sim::{Catalogue, InvalidScenario};

use super::{Stop, output};

const EXAMPLES: &str = "\
Every figure follows from a simulated run: the mechanisms are each system's own, what a system call, a copy, a
flush and a packet take is the same for all, and stands with its sources in costs.json. So it can be doubted,
and changed: --costs FILE. A run is shown again by mqlab run with the file that --scenarios DIR writes.

Examples:
  mqlab compare
  mqlab compare --systems kafka:acks-1,kafka:acks-all --faults none,power-cut --seeds 20
  mqlab compare --workload flood --machine spinning
  mqlab compare --list
  mqlab compare --json > table.json; mqlab compare --csv > table.csv; mqlab compare --svg chart.svg";

/// Options of `mqlab compare`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Options {
    /// Which systems, as SYSTEM or SYSTEM:SETTING; all of them with their first setting unless it is said
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    systems: Vec<Contender>,
    /// A workload by its name, or a file
    #[arg(long, value_name = "NAME|FILE", default_value = "steady")]
    workload: String,
    /// What goes wrong: none, crash, power-cut, disk-lost, cut-off, freeze, slow-disk, loss, or all
    #[arg(long, value_name = "NAMES", value_delimiter = ',', default_value = "none,crash,power-cut")]
    faults: Vec<String>,
    /// How many seeds each is run with
    #[arg(long, value_name = "N", default_value_t = 5)]
    seeds: u64,
    /// What the brokers stand on: server, spinning, fast, a machine of --costs, or none
    #[arg(long, value_name = "NAME")]
    machine: Option<String>,
    /// Another file of costs
    #[arg(long, value_name = "FILE")]
    costs: Option<PathBuf>,
    /// Print what can be compared, and do nothing
    #[arg(long)]
    list: bool,
    /// Print JSON: the table, and every run
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// Print CSV
    #[arg(long)]
    csv: bool,
    /// Print the table as Markdown
    #[arg(long, conflicts_with_all = ["csv", "json"])]
    markdown: bool,
    /// Also draw the table
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Also write the scenario of each row's worst run, for mqlab run
    #[arg(long, value_name = "DIR")]
    scenarios: Option<PathBuf>,
}

/// Compares.
pub(super) fn compare(options: &Options) -> Result<(), Stop> {
    if options.list {
        return list();
    }
    let workload = workload(options)?;
    let comparison = comparison(options, &workload)?;
    let outcomes = run_all(&workload, comparison)?;
    let report = Report::new(&workload, &outcomes);
    let rows = &report.rows;
    if let Some(file) = &options.svg {
        let drawn = chart::draw(&workload, rows).map_err(Stop::Failure)?;
        write(file, &drawn)?;
    }
    if let Some(dir) = &options.scenarios {
        write_scenarios(dir, &workload, rows, &outcomes)?;
    }
    let text = if options.json {
        report.to_json()
    } else if options.csv {
        Row::csv(rows)
    } else if options.markdown {
        table::markdown(rows)
    } else {
        table::words(&workload, rows, &report.first_differences)
    };
    io::stdout().lock().write_all(text.as_bytes()).map_err(output)
}

fn workload(options: &Options) -> Result<Workload, Stop> {
    let mut workload = match Workload::built_in(&options.workload) {
        Some(workload) => workload,
        None => from_file(Path::new(&options.workload))?,
    };
    match options.machine.as_deref() {
        None => {}
        Some("none") => workload.machine = None,
        Some(machine) => workload.machine = Some(machine.to_owned()),
    }
    let catalogue = match &options.costs {
        None => Catalogue::built_in(),
        Some(file) => {
            let text = read(file)?;
            let bad = |why: &dyn std::fmt::Display| Stop::Failure(format!("{}: {why}", file.display()));
            let catalogue = Catalogue::from_json(&text).map_err(|why| bad(&why))?;
            workload.catalogue = Some(catalogue.clone());
            catalogue
        }
    };
    match &workload.machine {
        Some(machine) if catalogue.machine(machine).is_none() => {
            let known: Vec<&str> =
                catalogue.machines.iter().map(|machine| machine.what.name.as_str()).collect();
            Err(Stop::Failure(format!("there is no machine {machine}, use {}, or none", known.join(", "))))
        }
        _ => Ok(workload),
    }
}

fn from_file(file: &Path) -> Result<Workload, Stop> {
    let known = || Workload::BUILT_IN.map(|(name, _)| name).join(", ");
    if !file.exists() {
        let name = file.display();
        return Err(Stop::Failure(format!("there is no workload and no file {name}, use {}", known())));
    }
    Workload::from_json(&read(file)?).map_err(|why| Stop::Failure(format!("{}: {why}", file.display())))
}

fn read(file: &Path) -> Result<String, Stop> {
    fs::read_to_string(file).map_err(|why| Stop::Failure(format!("cannot read {}: {why}", file.display())))
}

fn write(file: &Path, text: &str) -> Result<(), Stop> {
    fs::write(file, text).map_err(|why| Stop::Failure(format!("cannot write {}: {why}", file.display())))
}

fn comparison(options: &Options, workload: &Workload) -> Result<Comparison, Stop> {
    let contenders = match &options.systems[..] {
        [] => Profile::ALL.into_iter().map(Contender::usual).collect(),
        some => some.to_vec(),
    };
    let mishaps: Result<Vec<Mishap>, _> = match &options.faults[..] {
        [all] if all == "all" => Ok(Mishap::ALL.to_vec()),
        some => some.iter().map(|name| name.parse()).collect(),
    };
    let mishaps = mishaps.map_err(|why| Stop::Failure(why.to_string()))?;
    Comparison::new(workload.clone(), contenders, mishaps, options.seeds)
        .map_err(|why| Stop::Failure(why.to_string()))
}

/// Runs everything, on as many cores as there are; the outcomes come in order all the same.
fn run_all(workload: &Workload, comparison: Comparison) -> Result<Vec<Outcome>, Stop> {
    let (all, _) = comparison.progress();
    let bar = ProgressBar::new(all as u64);
    bar.set_style(ProgressStyle::with_template("{bar:40} {pos}/{len} runs").expect("a template"));
    let left = Mutex::new(comparison.into_runs().enumerate());
    let done: Mutex<BTreeMap<usize, Result<Outcome, InvalidScenario>>> = Mutex::default();
    let threads = thread::available_parallelism().map_or(1, usize::from).min(all);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let next = left.lock().expect("nobody panics with it").next();
                    let Some((place, (contender, mishap, seed))) = next else { return };
                    let outcome = Outcome::run(workload, contender, mishap, seed);
                    done.lock().expect("nobody panics with it").insert(place, outcome);
                    bar.inc(1);
                }
            });
        }
    });
    bar.finish_and_clear();
    let done = done.into_inner().expect("nobody panics with it");
    done.into_values().collect::<Result<_, _>>().map_err(Stop::from)
}

fn write_scenarios(dir: &Path, workload: &Workload, rows: &[Row], outcomes: &[Outcome]) -> Result<(), Stop> {
    fs::create_dir_all(dir).map_err(|why| Stop::Failure(format!("cannot make {}: {why}", dir.display())))?;
    for row in rows {
        let worst = outcomes.iter().find(|outcome| {
            (outcome.contender, outcome.mishap, outcome.seed) == (row.contender, row.mishap, row.worst)
        });
        if let Some(worst) = worst {
            let scenario = worst.scenario(workload);
            let name = scenario.name.replace(':', "-");
            write(&dir.join(format!("{name}.json")), &scenario.to_json())?;
        }
    }
    Ok(())
}

fn list() -> Result<(), Stop> {
    let mut text = String::from("Systems and their settings; the first is meant where none is said:\n");
    for contender in Contender::all() {
        text += &format!("  {contender:28} {}\n", contender.says());
    }
    text += "\nWorkloads:\n";
    for (name, says) in Workload::BUILT_IN {
        text += &format!("  {name:28} {says}\n");
    }
    text += "\nWhat goes wrong, from 2/5 to 4/5 of the time of sending:\n";
    for mishap in Mishap::ALL {
        text += &format!("  {mishap:28} {}\n", mishap.says());
    }
    text += "\nMachines:\n";
    for machine in &Catalogue::built_in().machines {
        text += &format!("  {}\n", machine.what.name);
    }
    io::stdout().lock().write_all(text.as_bytes()).map_err(output)
}
