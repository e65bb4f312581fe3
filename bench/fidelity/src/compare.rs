//! Where do two brokers part? A script is played on each, and what was seen after each step stands side by side.

use crate::broker::{Broker, Result};
use crate::script::Script;

/// What was seen of a script: for each step its line, and what anybody saw.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transcript(pub Vec<(String, Vec<String>)>);

impl Transcript {
    /// Plays a script.
    ///
    /// # Errors
    ///
    /// When the broker does not answer, with the step at which it did not.
    pub fn of(broker: &mut dyn Broker, script: &Script) -> Result<Self> {
        broker.begin(script)?;
        let mut steps = Vec::new();
        let mut failed = None;
        for step in &script.steps {
            match broker.perform(step) {
                Ok(seen) => steps.push((step.line.clone(), seen)),
                Err(error) => {
                    failed = Some(format!("{}, `{}`: {error}", script.name, step.line));
                    break;
                }
            }
        }
        broker.end()?;
        failed.map_or(Ok(Self(steps)), |failed| Err(failed.into()))
    }

    /// How many lines were seen.
    pub fn seen(&self) -> usize {
        self.0.iter().map(|(_, seen)| seen.len()).sum()
    }

    /// As it stands in a report: what was done, and indented what was seen.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for (step, seen) in &self.0 {
            lines.push(step.clone());
            lines.extend(seen.iter().map(|line| format!("    {line}")));
        }
        lines
    }
}

/// A step after which the two saw something else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The step.
    pub step: String,
    /// What was seen of the real broker.
    pub real: Vec<String>,
    /// What was seen here.
    pub engine: Vec<String>,
}

/// What came of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The same, line by line.
    Agrees,
    /// They differ, and it is known why.
    DiffersAsKnown,
    /// They differ, and nobody knows why.
    Differs,
    /// They were said to differ, and do not.
    AgreesAgainstWhatIsKnown,
}

impl Outcome {
    /// In a word or two.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Agrees => "agrees",
            Self::DiffersAsKnown => "differs, known",
            Self::Differs => "DIFFERS",
            Self::AgreesAgainstWhatIsKnown => "AGREES, said to differ",
        }
    }

    /// Whether it is as it is known to be.
    pub fn is_expected(&self) -> bool {
        matches!(self, Self::Agrees | Self::DiffersAsKnown)
    }
}

/// Both transcripts of a script, and where they part.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// The script.
    pub script: Script,
    /// What was seen of the real broker.
    pub real: Transcript,
    /// What was seen here.
    pub engine: Transcript,
}

impl Comparison {
    /// Where the two part.
    pub fn differences(&self) -> Vec<Difference> {
        let mut parted = Vec::new();
        for ((step, real), (_, engine)) in self.real.0.iter().zip(&self.engine.0) {
            if real != engine {
                parted.push(Difference { step: step.clone(), real: real.clone(), engine: engine.clone() });
            }
        }
        parted
    }

    /// What came of it.
    pub fn outcome(&self) -> Outcome {
        match (self.real == self.engine, self.script.differs.is_some()) {
            (true, false) => Outcome::Agrees,
            (true, true) => Outcome::AgreesAgainstWhatIsKnown,
            (false, true) => Outcome::DiffersAsKnown,
            (false, false) => Outcome::Differs,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transcript(seen: &[&[&str]]) -> Transcript {
        let lines = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect();
        Transcript(seen.iter().enumerate().map(|(at, seen)| (format!("step {at}"), lines(seen))).collect())
    }

    #[test]
    fn they_part_where_another_line_was_seen_or_in_another_order() {
        let comparison = |real: &[&[&str]], engine: &[&[&str]], differs: Option<&str>| Comparison {
            script: Script { differs: differs.map(str::to_owned), ..Script::default() },
            real: transcript(real),
            engine: transcript(engine),
        };
        let same = comparison(&[&["a"], &["b", "c"]], &[&["a"], &["b", "c"]], None);
        assert_eq!((same.outcome(), same.differences().len()), (Outcome::Agrees, 0));
        let order = comparison(&[&["a"], &["b", "c"]], &[&["a"], &["c", "b"]], None);
        assert_eq!((order.outcome(), order.differences().len()), (Outcome::Differs, 1));
        let other = comparison(&[&["a", "b"]], &[&["a"]], Some("known"));
        assert_eq!(other.outcome(), Outcome::DiffersAsKnown);
        assert_eq!((other.differences()[0].real.len(), other.differences()[0].engine.len()), (2, 1));
        assert!(!comparison(&[&["a"]], &[&["a"]], Some("known")).outcome().is_expected());
    }
}
