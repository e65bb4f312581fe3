//! Does the engine still do what the real brokers did? Each script is played, and what is seen is compared with the
//! record in the reports, which must be what would be written of it: also where the engine is known to differ, it does
//! so as it did then. It needs no broker.

use std::fs;
use std::path::Path;

use mqlab_bench_fidelity::compare::{Comparison, Transcript};
use mqlab_bench_fidelity::{Result, System, engine, report, scripts};

fn differences(system: System) -> Result<Vec<String>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).ok_or("the workspace is above")?;
    let document = fs::read_to_string(root.join(system.report()))?;
    let (mut wrong, mut comparisons) = (Vec::new(), Vec::new());
    for script in scripts::of(system)? {
        let real = report::recorded(&document, &script)?;
        let lines: Vec<&str> = script.steps.iter().map(|step| step.line.as_str()).collect();
        let recorded: Vec<&str> = real.0.iter().map(|(line, _)| line.as_str()).collect();
        if lines != recorded {
            wrong
                .push(format!("{}: the script was changed since: cargo xtask fidelity --write", script.name));
            continue;
        }
        let engine = Transcript::of(engine::profile(system).as_mut(), &script)?;
        let one = Comparison { script, real, engine };
        if !one.outcome().is_expected() {
            wrong.push(format!(
                "{}: {}\n{}",
                one.script.name,
                one.outcome().word(),
                report::differences(&one)
            ));
        }
        comparisons.push(one);
    }
    let written = report::document(system, report::version(&document)?, &comparisons);
    if wrong.is_empty() && document != written {
        let both = document.lines().zip(written.lines()).find(|(is, would_be)| is != would_be);
        wrong.push(format!("{} is not what would be written: {both:?}", system.report()));
    }
    Ok(wrong)
}

#[test]
fn the_engine_does_what_rabbitmq_did() -> Result<()> {
    let wrong = differences(System::Rabbitmq)?;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

#[test]
fn the_engine_does_what_activemq_did() -> Result<()> {
    let wrong = differences(System::Activemq)?;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}
