//! `cargo xtask fidelity`: plays the scripts on real brokers and on the engine, and says where they part.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::{Parser, ValueEnum};

use mqlab_bench_fidelity::compare::{Comparison, Transcript};
use mqlab_bench_fidelity::real::{self, NotInstalled};
use mqlab_bench_fidelity::{Broker, Result, Script, System, engine, report, scripts};

/// How the program ends where no script was played, because none is called so.
const NONE: u8 = 3;

/// Whose scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Which {
    /// RabbitMQ
    Rabbitmq,
    /// ActiveMQ Classic
    Activemq,
}

/// The profiles next to the real brokers, on the same scripts
#[derive(Debug, Parser)]
struct Options {
    /// One system [default: both]
    #[arg(long, value_enum)]
    system: Option<Which>,
    /// Only the scripts whose name holds this text
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Also write the reports, below this folder
    #[arg(long, value_name = "ROOT")]
    write: Option<PathBuf>,
    /// Where brokers keep what they keep; what is there is removed
    #[arg(long, value_name = "DIR")]
    folder: PathBuf,
    /// Also show what was seen, script by script
    #[arg(long)]
    verbose: bool,
}

impl Options {
    fn wants(&self, system: System) -> bool {
        self.system.is_none_or(|which| match which {
            Which::Rabbitmq => system == System::Rabbitmq,
            Which::Activemq => system == System::Activemq,
        })
    }
}

fn main() -> ExitCode {
    let options = Options::parse();
    if options.write.is_some() && options.only.is_some() {
        eprintln!("error: a report is of all scripts: leave --only or --write out");
        return ExitCode::FAILURE;
    }
    let (mut expected, mut any) = (true, false);
    for system in System::ALL.into_iter().filter(|system| options.wants(*system)) {
        match compare(system, &options) {
            Ok(None) => println!("{}: no script is called so", system.name()),
            Ok(Some(all)) => (expected, any) = (expected && all, true),
            Err(error) if error.is::<NotInstalled>() => {
                println!("{}: skipped ({error})", system.name());
                any = true;
            }
            Err(error) => {
                eprintln!("error: {}: {error}", system.name());
                (expected, any) = (false, true);
            }
        }
    }
    if !any {
        return ExitCode::from(NONE);
    }
    if expected { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Plays a system's scripts on both; says whether everything is as it is known to be, and nothing where none is called so.
fn compare(system: System, options: &Options) -> Result<Option<bool>> {
    let mut scripts = scripts::of(system)?;
    if let Some(only) = &options.only {
        scripts.retain(|script| script.name.contains(only.as_str()));
    }
    if scripts.is_empty() {
        return Ok(None);
    }
    let began = Instant::now();
    let mut broker = real::start(system, &options.folder)?;
    let version = broker.version();
    println!("{} next to {version}", engine::profile(system).version());
    let comparisons = play(broker.as_mut(), system, scripts)?;
    drop(broker);
    for one in &comparisons {
        let differs = one.real != one.engine;
        if options.verbose || differs {
            println!("\n{}: {}", one.script.name, one.script.differs.as_deref().unwrap_or(&one.script.about));
        }
        if options.verbose {
            one.real.lines().iter().for_each(|line| println!("  {line}"));
        }
        if differs {
            print!("{}", report::differences(one));
        }
    }
    println!("\n{}{:.0?}", report::table(&comparisons), began.elapsed());
    if let Some(root) = &options.write {
        let path = root.join(system.report());
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&path, report::document(system, &version, &comparisons))?;
        println!("written: {}", system.report());
    }
    Ok(Some(comparisons.iter().all(|one| one.outcome().is_expected())))
}

fn play(broker: &mut dyn Broker, system: System, scripts: Vec<Script>) -> Result<Vec<Comparison>> {
    let mut played = Vec::new();
    for script in scripts {
        let real = Transcript::of(broker, &script)?;
        let engine = Transcript::of(engine::profile(system).as_mut(), &script)?;
        played.push(Comparison { script, real, engine });
    }
    Ok(played)
}
