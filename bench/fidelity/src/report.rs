//! How is it told? A table on the terminal, and a document that is the record, too: what the real broker did can be read
//! back from it.

use crate::broker::Result;
use crate::compare::{Comparison, Outcome, Transcript};
use crate::script::{Script, System};

/// What stands before the real broker's version in a document.
const PLAYED_ON: &str = "Each script was played on ";
/// And behind it.
const AND_ON: &str = " and on";

/// One line for each script.
pub fn table(comparisons: &[Comparison]) -> String {
    let width = comparisons.iter().map(|one| one.script.name.len()).max().unwrap_or_default();
    let mut text = String::new();
    for one in comparisons {
        let (name, outcome) = (&one.script.name, one.outcome().word());
        let (steps, seen) = (one.real.0.len(), one.real.seen());
        let line =
            format!("{name:width$}  {steps:>3} steps {seen:>4} lines  {outcome:<24} {}", one.script.facts);
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Where two brokers part, step by step.
pub fn differences(one: &Comparison) -> String {
    let mut text = String::new();
    for difference in one.differences() {
        text.push_str(&format!("{}\n", difference.step));
        for (who, lines) in [("real  ", &difference.real), ("engine", &difference.engine)] {
            match lines.as_slice() {
                [] => text.push_str(&format!("    {who} | nothing\n")),
                lines => lines.iter().for_each(|line| text.push_str(&format!("    {who} | {line}\n"))),
            }
        }
    }
    text
}

/// The document about a system.
pub fn document(system: System, version: &str, comparisons: &[Comparison]) -> String {
    let count = |outcome: Outcome| comparisons.iter().filter(|one| one.outcome() == outcome).count();
    let seen: usize = comparisons.iter().map(|one| one.real.seen()).sum();
    let steps: usize = comparisons.iter().map(|one| one.real.0.len()).sum();
    let (name, card) = (system.name(), system.card());
    let mut text = format!(
        "# {name}: the profile next to the real broker\n\n\
         Written by `cargo xtask fidelity --write`. {PLAYED_ON}{version}{AND_ON} the engine's profile, and\n\
         what anybody saw was compared after each step: {} scripts, {steps} steps, {seen} lines. What is modelled at all, and\n\
         what is not: [{card}]({card}).\n\n\
         | outcome | scripts |\n|---|---|\n\
         | the same, line by line | {} |\n| another, and it is known why | {} |\n| another, unexplained | {} |\n\n\
         A line is what a program could see: `A <- m1 #1` says that consumer A got message m1 as its channel's delivery 1.\n\
         The steps stand at the left, what was seen of the real broker is indented. The facts are entries of the\n\
         semantics that this project goes by.\n\n\
         | script | what it shows | facts | outcome |\n|---|---|---|---|\n",
        comparisons.len(),
        count(Outcome::Agrees),
        count(Outcome::DiffersAsKnown),
        count(Outcome::Differs) + count(Outcome::AgreesAgainstWhatIsKnown),
    );
    for one in comparisons {
        let Script { name, about, facts, .. } = &one.script;
        text.push_str(&format!("| [{name}](#{name}) | {about} | {facts} | {} |\n", one.outcome().word()));
    }
    for one in comparisons {
        let Script { name, about, .. } = &one.script;
        text.push_str(&format!("\n## {name}\n\n{}.\n\n```text\n", capital(about)));
        one.real.lines().iter().for_each(|line| text.push_str(&format!("{line}\n")));
        text.push_str("```\n");
        if let Some(why) = &one.script.differs {
            text.push_str(&format!("\nThe engine differs: {why}.\n"));
        }
        if one.real != one.engine {
            text.push_str(&format!("\n```text\n{}```\n", differences(one)));
        }
    }
    text
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// Which broker it was when a document was written.
///
/// # Errors
///
/// When the document is not one.
pub fn version(document: &str) -> Result<&str> {
    let behind = document.split_once(PLAYED_ON).and_then(|(_, rest)| rest.split_once(AND_ON));
    behind.map(|(version, _)| version).ok_or_else(|| "the report names no broker".into())
}

/// What was seen of the real broker when a document was written: by the script's name.
///
/// # Errors
///
/// When the document is not one.
pub fn recorded(document: &str, script: &Script) -> Result<Transcript> {
    let name = &script.name;
    let heading = format!("\n## {name}\n");
    let missing = || format!("the report has no record of {name}: cargo xtask fidelity --write");
    let (_, rest) = document.split_once(&heading).ok_or_else(missing)?;
    let (_, rest) = rest.split_once("```text\n").ok_or_else(missing)?;
    let (block, _) = rest.split_once("```\n").ok_or_else(missing)?;
    let mut steps: Vec<(String, Vec<String>)> = Vec::new();
    for line in block.lines() {
        match (line.strip_prefix("    "), steps.last_mut()) {
            (Some(seen), Some((_, lines))) => lines.push(seen.into()),
            (None, _) => steps.push((line.into(), Vec::new())),
            (Some(_), None) => return Err(format!("the record of {name} begins with what was seen").into()),
        }
    }
    Ok(Transcript(steps))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::parse;

    #[test]
    fn a_document_is_its_own_record() {
        let scripts =
            parse("== one\nabout: it is so\n  send q a\n  get q\n== two\n  wait 5\n").expect("it is one");
        let real =
            Transcript(vec![("send q a".into(), vec!["a: confirmed".into()]), ("get q".into(), vec![])]);
        let of = |script: &Script, real: &Transcript| Comparison {
            script: script.clone(),
            real: real.clone(),
            engine: real.clone(),
        };
        let idle = Transcript(vec![("wait 5".into(), vec![])]);
        let both = [of(&scripts[0], &real), of(&scripts[1], &idle)];
        let text = document(System::Rabbitmq, "RabbitMQ 0", &both);
        assert_eq!(recorded(&text, &scripts[0]).expect("it is there"), real);
        assert_eq!(recorded(&text, &scripts[1]).expect("it is there"), idle);
        assert!(recorded("", &scripts[0]).is_err());
        assert_eq!(version(&text).expect("it is there"), "RabbitMQ 0");
        assert!(version("").is_err());
    }
}
