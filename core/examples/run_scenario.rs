//! Runs a scenario that comes with the engine and prints what happened, one fact a line.
//!
//! `cargo run -p mqlab-core --example run_scenario -- kill-the-leader`

use mqlab_core::sim::{Scenario, Timeline};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let name = std::env::args().nth(1).unwrap_or_else(|| "hundred-messages".into());
    let scenario = Scenario::built_in(&name).ok_or("no such scenario")?;
    let seed = std::env::args().nth(2).map_or(Ok(scenario.seed), |seed| seed.parse())?;
    let mut timeline = Timeline::new(scenario, seed)?;
    timeline.advance(timeline.ends_at());
    for stamped in timeline.events() {
        println!("{stamped}");
    }
    let verdict = timeline.verdict();
    println!(
        "sent {} acknowledged {} delivered {} on their way {} lost {:?} doubled {:?} reordered {:?}",
        verdict.sent(),
        verdict.acknowledged(),
        verdict.delivered(),
        verdict.on_their_way(),
        verdict.lost(),
        verdict.doubled(),
        verdict.reordered()
    );
    println!(
        "steps {} digest {} {:?}",
        timeline.world().steps(),
        timeline.digest(),
        timeline.metrics().processed
    );
    Ok(())
}
