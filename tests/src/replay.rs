//! The file of recorded runs: scenario, seed, commands, and the digest that they must give everywhere.

use mqlab_core::observe::Digest;
use mqlab_core::sim::{Action, Scenario, Timeline};

/// One recorded run: `scenario | seed | commands with their moments, separated by ; | digest`.
#[derive(Clone, Debug)]
pub struct Replay {
    /// The scenario's name.
    pub scenario: String,
    /// The seed.
    pub seed: u64,
    /// What is done to the cluster.
    pub actions: Vec<Action>,
    /// The digest on record.
    pub digest: String,
}

/// Reads the file of recorded runs.
///
/// # Errors
///
/// The line that cannot be read.
pub fn read(text: &str) -> Result<Vec<Replay>, String> {
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(read_line).collect()
}

fn read_line(line: &str) -> Result<Replay, String> {
    let parts: Vec<&str> = line.split('|').map(str::trim).collect();
    let [scenario, seed, actions, digest] = parts[..] else { return Err(format!("not four parts: {line}")) };
    let seed = seed.parse().map_err(|_| format!("not a seed: {line}"))?;
    let actions = actions.split(';').map(str::trim).filter(|action| !action.is_empty());
    let actions = actions.map(str::parse).collect::<Result<_, _>>().map_err(|error| format!("{error}"))?;
    Ok(Replay { scenario: scenario.into(), seed, actions, digest: digest.into() })
}

/// Makes the run, and returns its digest at the end.
///
/// # Errors
///
/// When the scenario is unknown or a command cannot be carried out.
pub fn run(replay: &Replay) -> Result<Digest, String> {
    let scenario =
        Scenario::built_in(&replay.scenario).ok_or_else(|| format!("no scenario {}", replay.scenario))?;
    let mut timeline = Timeline::new(scenario, replay.seed).map_err(|error| error.to_string())?;
    timeline.replay(&replay.actions).map_err(|(action, refused)| format!("{action}: {refused}"))?;
    timeline.seek(timeline.ends_at());
    Ok(timeline.digest())
}
