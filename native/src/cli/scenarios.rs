//! Which scenarios are there? A list with a line each, and for a name that is none, those that were perhaps meant.

use std::io::{self, Write};

use mqlab_core::sim::Scenario;

use super::count;

/// The most names that are proposed for a wrong one.
const PROPOSED_MAX: usize = 3;

/// Prints every scenario that comes with mqlab: its name, what stands in it, and how long it runs.
pub(super) fn list(out: &mut impl Write) -> io::Result<()> {
    let wide = Scenario::names().map(str::len).max().unwrap_or(0);
    for name in Scenario::names() {
        let scenario = Scenario::built_in(name).expect("a listed name has its scenario");
        writeln!(out, "{name:<wide$}  {}", summary(&scenario))?;
    }
    out.flush()
}

/// `1 broker, 2 queues, 1 producer, 3 consumers, 600.000 ms`: only what is there.
pub(super) fn summary(scenario: &Scenario) -> String {
    let parts = [
        (u64::from(scenario.brokers), "broker"),
        (scenario.exchanges.len() as u64, "exchange"),
        (scenario.queues.len() as u64, "queue"),
        (scenario.topics.len() as u64, "topic"),
        (scenario.producers.len() as u64, "producer"),
        (scenario.consumers.len() as u64, "consumer"),
        (scenario.users.len() as u64, "user"),
        (scenario.services.len() as u64, "service"),
    ];
    let parts = parts.into_iter().filter(|(number, _)| *number > 0).map(|(number, what)| count(number, what));
    let ends = format!("{} ms", scenario.ends_at.0 / 1_000);
    parts.chain([ends]).collect::<Vec<_>>().join(", ")
}

/// What to say about a name that is no scenario and no file.
pub(super) fn unknown(name: &str) -> String {
    let all = Scenario::names().count();
    let meant = nearest(name, &Scenario::names().collect::<Vec<_>>());
    let meant = match meant.as_slice() {
        [] => String::new(),
        [one] => format!("; did you mean {one}?"),
        [before @ .., last] => format!("; did you mean {} or {last}?", before.join(", ")),
    };
    format!("there is no scenario and no file {name}{meant} (mqlab run --list prints all {all} scenarios)")
}

/// The names that are most like a wrong one, the most likely first; none if nothing is like it.
fn nearest<'a>(wrong: &str, names: &[&'a str]) -> Vec<&'a str> {
    let wrong = wrong.trim_end_matches(".json").to_lowercase().replace(['_', ' '], "-");
    let words: Vec<&str> = wrong.split('-').filter(|word| word.len() > 2).collect();
    let mut found: Vec<(isize, &str)> = Vec::new();
    for name in names {
        let typed = distance(&wrong, name);
        let shared = name.split('-').filter(|word| words.contains(word)).count();
        let within = wrong.len() > 2 && name.contains(&wrong);
        if within || shared > 0 || typed <= wrong.chars().count() / 3 {
            // A word in common says as much as a few letters.
            // Who types less than the whole begins at the beginning.
            let begins = isize::from(within && name.starts_with(&wrong));
            let far = if within { typed / 4 } else { typed };
            found.push((far as isize - 3 * shared as isize - begins, name));
        }
    }
    found.sort();
    found.into_iter().take(PROPOSED_MAX).map(|(_, name)| name).collect()
}

/// How many letters must be added, left out or changed to make one word of another (Levenshtein's distance).
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (above, letter) in from.chars().enumerate() {
        let mut corner = row[0];
        row[0] = above + 1;
        for (index, other) in to.iter().enumerate() {
            let changed = corner + usize::from(letter != *other);
            corner = row[index + 1];
            row[index + 1] = changed.min(corner + 1).min(row[index] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distance_counts_letters() {
        for (from, to, far) in [("", "", 0), ("", "abc", 3), ("outbx", "outbox", 1), ("kitten", "sitting", 3)]
        {
            assert_eq!((distance(from, to), distance(to, from)), (far, far), "{from} {to}");
        }
    }

    #[test]
    fn a_slip_of_the_hand_finds_the_name_that_was_meant() {
        let names: Vec<&str> = Scenario::names().collect();
        for (wrong, meant) in [
            ("hunderd-messages", "hundred-messages"),
            ("Outbox.json", "outbox"),
            ("kill-leader", "kill-the-leader"),
            ("kill_the_leader_acks1", "kill-the-leader-acks-1"),
            ("leader", "kill-the-leader"),
            ("poison", "poison-forever"),
        ] {
            let found = nearest(wrong, &names);
            assert_eq!(found.first(), Some(&meant), "{wrong}: {found:?}");
            assert!(found.len() <= PROPOSED_MAX);
        }
        assert!(nearest("xyzzy", &names).is_empty());
        assert!(nearest("", &names).is_empty());
    }

    #[test]
    fn every_scenario_has_its_line() {
        let mut out = Vec::new();
        list(&mut out).expect("memory takes everything");
        let text = String::from_utf8(out).expect("names are text");
        assert_eq!(text.lines().count(), Scenario::names().count());
        assert!(text.lines().all(|line| line.ends_with(" ms")), "{text}");
    }
}
