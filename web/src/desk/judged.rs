//! What the verdict says, as counts to read and to open, and what else was measured, as lines of figures.
//!
//! Six counts are always there. More come where a scenario is about them, or where they are not zero: what stands among
//! dead letters, what a queue let go, what came back to its producer, what retention or compaction took, what a share group
//! gave up, and where a database and a queue disagree. A story of calls alone has no messages to judge: there the six places tell what became of its
//! users.

use mqlab_core::observe::{Metrics, OrderMetrics};
use mqlab_core::sim::{Scenario, SourceSpec, TargetSpec};
use mqlab_core::time::Span;

use super::Desk;
use super::action::Count;
use super::panel::{CountPart, FigurePart, VerdictPart};
use super::run::Run;
use crate::text::judged as words;
use crate::text::{Both, Lang, promises, ui};

/// Messages named behind a count.
const NAMED_MAX: usize = 60;

/// Whether a scenario is about a count, so that even its zero says something.
fn is_about(scenario: &Scenario, count: Count) -> bool {
    match count {
        Count::Acknowledged | Count::Delivered | Count::OnTheirWay => true,
        Count::Lost | Count::Doubled | Count::Reordered => true,
        Count::Dropped => scenario.queues.iter().any(|queue| {
            let options = &queue.options;
            let lets_go =
                options.length_max.is_some() || options.bytes_max.is_some() || options.ttl.is_some();
            lets_go && options.dead_letter.is_none()
        }),
        Count::Dead => scenario.queues.iter().any(|queue| queue.options.dead_letter.is_some()),
        Count::Returned => scenario
            .producers
            .iter()
            .any(|producer| matches!(producer.to, TargetSpec::Exchange { mandatory: true, .. })),
        // A scenario is tried out before it runs, so that none is about what can never be: only about what takes too long.
        Count::GivenUp => {
            scenario.producers.iter().any(|producer| producer.options.delivery_timeout.is_some())
        }
        Count::Trimmed => scenario
            .topics
            .iter()
            .any(|topic| topic.retention_bytes.is_some() || topic.retention_time.is_some()),
        Count::Superseded => scenario.topics.iter().any(|topic| topic.cleanup.policy.compacts()),
        Count::Archived => {
            let shares = |from: &SourceSpec| matches!(from, SourceSpec::Share { .. });
            scenario.consumers.iter().any(|consumer| shares(&consumer.from))
        }
        Count::Invented | Count::Unheard => {
            scenario.producers.iter().any(|producer| producer.transaction.is_some())
        }
    }
}

impl Desk {
    pub(super) fn verdict(&self, run: &Run) -> VerdictPart {
        if run.has_calls_alone() {
            return self.answers(&run.timeline.metrics().orders);
        }
        let verdict = run.timeline.verdict();
        let lang = self.lang;
        let plain = Count::PLAIN.map(|count| {
            let number = match count {
                Count::Acknowledged => verdict.acknowledged(),
                Count::Delivered => verdict.delivered(),
                _ => verdict.on_their_way(),
            };
            let can_open = number > 0;
            let over = run.timeline.now() >= run.timeline.ends_at();
            let what = match count {
                Count::OnTheirWay if can_open && over => words::STUCK,
                _ => words::of(count),
            };
            CountPart {
                open: can_open && self.opened == Some(count),
                can_open,
                ..part(count.name(), number.to_string(), what, lang)
            }
        });
        let mut counts: Vec<CountPart> = plain.into();
        let mut found = Vec::new();
        for count in Count::ALL {
            let messages = count.messages(verdict);
            if messages.is_empty() && !is_about(run.timeline.scenario_now(), count) {
                continue;
            }
            let can_open = !messages.is_empty();
            counts.push(CountPart {
                harm: can_open && count.breaks_a_promise(),
                open: can_open && self.opened == Some(count),
                can_open,
                ..part(count.name(), messages.len().to_string(), words::of(count), lang)
            });
            found.push((count, messages.len()));
        }
        let opened = self.opened.map(|count| count.messages(verdict)).unwrap_or_default();
        VerdictPart {
            sentence: words::sentence(&found, lang),
            counts,
            figures: figures(run, lang),
            more: match opened.len().saturating_sub(NAMED_MAX) {
                0 => String::new(),
                more => words::more(more, lang),
            },
            chosen: self.selection.message.map(|id| id.0),
            named: opened.into_iter().take(NAMED_MAX).map(|id| (id.0, ui::message(id.0, lang))).collect(),
        }
    }

    /// Names the messages behind a count, and tells how the first of them came there; or stops naming them.
    pub(super) fn open_count(&mut self, count: Count) {
        if self.opened == Some(count) {
            self.opened = None;
            return;
        }
        self.opened = Some(count);
        let Some(run) = &self.run else { return };
        let messages = count.messages(run.timeline.verdict());
        if self.selection.message.is_none_or(|chosen| !messages.contains(&chosen)) {
            self.selection.message = messages.first().copied().or(self.selection.message);
        }
    }

    /// Where nobody sends a message: what users were told, and how long they waited for it.
    fn answers(&self, orders: &OrderMetrics) -> VerdictPart {
        let lang = self.lang;
        let waited = orders.waited.figures();
        let served = orders.answered.values().sum::<u64>() - orders.errors();
        let values = [
            ("asked", orders.asked.to_string()),
            ("served", served.to_string()),
            ("unanswered", orders.unanswered().to_string()),
            ("failed", orders.errors().to_string()),
            ("waited-p50", span(waited.p50, waited.count)),
            ("waited-p99", span(waited.p99, waited.count)),
        ];
        let counts = values.into_iter().zip(words::USERS).map(|((name, value), what)| CountPart {
            harm: name == "failed" && orders.errors() > 0,
            ..part(name, value, what, lang)
        });
        VerdictPart {
            sentence: words::answers(orders, lang),
            counts: counts.collect(),
            figures: Vec::new(),
            named: Vec::new(),
            more: String::new(),
            chosen: None,
        }
    }
}

fn part(name: &'static str, value: String, (label, meaning): (Both, Both), lang: Lang) -> CountPart {
    CountPart {
        name,
        value,
        label: label.get(lang),
        meaning: meaning.get(lang),
        harm: false,
        open: false,
        can_open: false,
    }
}

/// A time among figures, to a tenth of a millisecond; a dash where nothing was measured.
fn span(span: Span, measured: u64) -> String {
    match measured {
        0 => "–".into(),
        _ => words::tenths(span),
    }
}

/// What else was measured: of users, of windows, of what is kept and trimmed; and at the end what became of promises.
fn figures(run: &Run, lang: Lang) -> Vec<FigurePart> {
    let Metrics { orders, pulls, .. } = run.timeline.metrics();
    let mut figures = Vec::new();
    let mut say = |name, (label, words): (Both, String)| {
        figures.push(FigurePart { name, label: label.get(lang), words });
    };
    if orders.asked > 0 {
        say("users", words::users(orders, lang));
    }
    if pulls.windows > 0 {
        say("windows", words::windows(pulls, lang));
    }
    if pulls.trimmed > 0 || pulls.offsets_gone > 0 {
        say("retention", words::retention(pulls, lang));
    }
    if pulls.compacted > 0 {
        say("compaction", words::compaction(pulls, lang));
    }
    if pulls.recovered > 0 || pulls.forgotten > 0 {
        say("staged", words::staged(pulls, lang));
    }
    if let Some(judged) = promises::judged(&run.judged(), lang) {
        say("promises", judged);
    }
    figures
}
