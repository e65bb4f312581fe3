//! The life of the chosen message, as a chain of causes: what happened, where, when, and why.

use mqlab_core::ids::{MessageId, NodeId};
use mqlab_core::observe::{Step, Why, causes, loss};
use mqlab_core::sim::TargetSpec;

use super::Desk;
use super::panel::{Life, LifeRow, Row};
use super::run::Run;
use crate::text::sentence::{Tone, life_line};
use crate::text::standing::standing;
use crate::text::{moment, ui, why as words};

/// Steps that are shown at the beginning of a life, and at its end. What lies between is counted.
const FIRST: usize = 24;
const LAST: usize = 36;

/// Whether a producer waits until all replicas in sync have what it sends.
fn waits(run: &Run, node: NodeId) -> bool {
    let NodeId::Producer(number) = node else { return false };
    let producers = &run.timeline.scenario().producers;
    let producer = usize::from(number).checked_sub(1).and_then(|index| producers.get(index));
    matches!(
        producer.map(|producer| &producer.to),
        Some(TargetSpec::Topic { acks: mqlab_core::broker::Acks::All, .. })
    )
}

impl Desk {
    pub(super) fn life(&self, run: &Run) -> Life {
        let Some(message) = self.selection.message else {
            let title = ui::text("life", self.lang).into();
            return Life { title, chosen: false, mark: (String::new(), "", ""), rows: Vec::new() };
        };
        let mark = run.mark(message);
        let (fill, edge) = self.theme().hue(mark.key);
        let steps = causes(run.timeline.events(), message, |node| waits(run, node));
        let mut rows = Vec::with_capacity(steps.len().min(FIRST + LAST) + 2);
        for (place, step) in steps.iter().enumerate() {
            let hidden = steps.len().saturating_sub(FIRST + LAST);
            if hidden > 0 && place == FIRST {
                rows.push(self.left_out(run, *step, hidden));
            }
            if hidden == 0 || place < FIRST || place >= FIRST + hidden {
                let above = place.checked_sub(1).map(|above| steps[above].index);
                rows.push(self.life_row(run, message, *step, above));
            }
        }
        if let Some(now) = standing(&run.picture, message, &run.names, self.lang) {
            let place = rows.iter().position(|row| row.row.when == "next").unwrap_or(rows.len());
            let lost = run.picture.lost.iter().any(|lost| lost.message == message);
            let past = &run.timeline.events()[..run.timeline.happened()];
            let cause = if lost { loss(past, message) } else { None };
            let row = Row {
                id: usize::MAX,
                at: run.timeline.now().0,
                time: ui::NOW.get(self.lang).into(),
                text: now.words,
                tone: if now.harm { Tone::Harm } else { Tone::Plain }.name(),
                when: "now",
            };
            let why = cause.map(|index| {
                let fact = &past[index];
                let said = life_line(fact, message, &run.names, self.lang);
                (fact.at.0, words::because(&said, &moment(fact.at), self.lang))
            });
            rows.insert(place, LifeRow { row, why, outside: false });
        }
        let label = mark.key.map_or(String::new(), |key| key.to_string()) + &message.0.to_string();
        Life { title: ui::life_of(message.0, self.lang), chosen: true, mark: (label, fill, edge), rows }
    }

    fn life_row(&self, run: &Run, message: MessageId, step: Step, above: Option<usize>) -> LifeRow {
        let events = run.timeline.events();
        let fact = &events[step.index];
        let row = Row {
            id: step.index,
            at: fact.at.0,
            time: moment(fact.at),
            text: life_line(fact, message, &run.names, self.lang),
            tone: Tone::of(&fact.event).name(),
            when: if step.index < run.timeline.happened() { "past" } else { "next" },
        };
        let why = match step.why {
            Why::Because(cause) if Some(cause) != above => {
                let cause = &events[cause];
                let said = life_line(cause, message, &run.names, self.lang);
                Some((cause.at.0, words::because(&said, &moment(cause.at), self.lang)))
            }
            Why::NoAnswer(since) => {
                let since = events[since].at;
                Some((since.0, words::no_answer(&moment(since), self.lang)))
            }
            Why::Because(_) | Why::First => None,
        };
        LifeRow { row, why, outside: !step.own }
    }

    /// In place of steps in the middle of a long life.
    fn left_out(&self, run: &Run, step: Step, hidden: usize) -> LifeRow {
        let fact = &run.timeline.events()[step.index];
        let row = Row {
            id: step.index,
            at: fact.at.0,
            time: moment(fact.at),
            text: words::left_out(hidden, self.lang),
            tone: Tone::Plain.name(),
            when: if step.index < run.timeline.happened() { "past" } else { "next" },
        };
        LifeRow { row, why: None, outside: true }
    }
}
