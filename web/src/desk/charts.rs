//! The charts' drawer: gauges gathered once for each branch, as far as it was visited; and what was before the last fault,
//! beside what is now.

use mqlab_core::observe::{Event, Gauges, Reading, Stamped, Verdict};
use mqlab_core::time::{Span, Time};

use super::Desk;
use super::panel::{ChangePart, ChartsPart};
use super::run::Run;
use crate::scene::axis::moment_at;
use crate::scene::charts::{BadChart, Chart, Charts, charts, reading_at};
use crate::scene::shape::Scene;
use crate::text::charts as words;
use crate::text::judged::tenths;
use crate::text::sentence::{Tone, sentence};
use crate::text::{Both, moment};

/// What is measured, and what of it is shown.
#[derive(Debug, Default)]
pub(super) struct Measured {
    pub(super) open: bool,
    /// Whether somebody said whether they want them.
    chosen: bool,
    width: f64,
    /// Where the pointer is, in pixels from the left.
    hover: Option<f64>,
    gauges: Option<Gauges>,
    readings: Vec<Reading>,
    gathered: usize,
    last: Option<Stamped>,
    /// The number of the last fault's event, and how many messages were lost before it.
    lost_before: Option<(usize, usize)>,
}

impl Measured {
    /// Takes in the events that are new, and the time that has passed without any.
    fn gather(&mut self, run: &Run) {
        let timeline = &run.timeline;
        let events = timeline.events();
        let known = self.gathered.checked_sub(1).and_then(|last| events.get(last));
        if self.gauges.is_none() || known != self.last.as_ref() {
            let Self { open, chosen, width, hover, .. } = *self;
            *self = Self { open, chosen, width, hover, ..Self::default() };
        }
        let gauges = self.gauges.get_or_insert_with(|| {
            let scenario = timeline.scenario();
            let brokers = u32::from(scenario.brokers);
            let replicated = scenario.topics.iter().filter(|topic| topic.replicas > 1);
            let replicated =
                replicated.map(|topic| (topic.name.clone(), u32::from(topic.replicas).min(brokers)));
            Gauges::new(scenario.ends_at, replicated, run.has_calls_alone())
        });
        let before = gauges.len();
        events[self.gathered..].iter().for_each(|fact| gauges.observe(fact));
        gauges.pass(timeline.now());
        if self.gathered != events.len() || gauges.len() != before {
            self.gathered = events.len();
            self.last = events.last().cloned();
            // The slice that was the last one may have gone on.
            self.readings.truncate(before.saturating_sub(1));
            let interval = gauges.interval().0;
            let fresh = self.readings.len()..gauges.len();
            self.readings.extend(fresh.map(|slice| gauges.reading(Time((slice as u64 + 1) * interval - 1))));
        }
    }

    /// Which charts have something to show.
    fn charts(&self, run: &Run) -> Vec<Chart> {
        let mut charts = vec![Chart::Rates, Chart::Backlog, Chart::Latency];
        if self.readings.iter().any(|reading| reading.in_sync.is_some()) {
            charts.push(Chart::InSync);
        }
        let queues = !run.timeline.scenario().queues.is_empty();
        if queues || self.gauges.as_ref().is_some_and(Gauges::has_again) {
            charts.push(Chart::Again);
        }
        charts
    }
}

impl Desk {
    /// Another scenario, or another seed: what was measured is of no use.
    pub(super) fn measure_anew(&mut self) {
        let Measured { open, chosen, width, .. } = self.measured;
        self.measured = Measured { open, chosen, width, ..Measured::default() };
    }

    /// Whether the charts are shown.
    pub(super) const fn charts_open(&self) -> bool {
        self.measured.open
    }

    /// Somebody said whether they want charts: the page's size no longer decides it.
    pub(super) const fn charts_are_chosen(&mut self) {
        self.measured.chosen = true;
    }

    /// There is room for charts: they are shown, unless somebody has chosen.
    pub fn offer_charts(&mut self) {
        if !self.measured.chosen {
            self.open_charts(Some(true));
        }
    }

    /// Opens or closes the drawer.
    pub(super) fn open_charts(&mut self, open: Option<bool>) {
        self.measured.open = open.unwrap_or(!self.measured.open);
        self.measured.hover = None;
    }

    /// The charts have this width now, in pixels of the page.
    pub fn resize_charts(&mut self, width: f64) {
        self.measured.width = width;
    }

    /// The pointer is over the charts, or nowhere.
    pub fn hover_charts(&mut self, x: Option<f64>) {
        self.measured.hover = x;
    }

    /// The charts, drawn; nothing when there is no run, or they are closed.
    ///
    /// # Errors
    ///
    /// [`BadChart`] when one cannot be drawn.
    pub fn charts_scene(&mut self) -> Result<Option<Scene>, BadChart> {
        let Some(run) = self.run.as_ref().filter(|_| self.measured.open && self.measured.width > 0.0) else {
            return Ok(None);
        };
        self.measured.gather(run);
        let measured = &self.measured;
        let Some(gauges) = &measured.gauges else { return Ok(None) };
        let ends_at = run.timeline.ends_at();
        let scene = charts(&Charts {
            charts: &measured.charts(run),
            readings: &measured.readings,
            interval: gauges.interval(),
            now: run.timeline.now(),
            ends_at,
            hover: measured.hover.map(|x| moment_at(x, measured.width, ends_at)),
            calls: run.has_calls_alone(),
            theme: self.theme(),
            lang: self.lang,
            width: measured.width,
        })?;
        Ok(Some(scene))
    }

    /// Gathers what the drawer's words need.
    pub(super) fn measure(&mut self) {
        let Some(run) = self.run.as_ref().filter(|_| self.measured.open) else { return };
        self.measured.gather(run);
        let fault = last_fault(run);
        if self.measured.lost_before.map(|(index, _)| index) != fault {
            self.measured.lost_before = fault.map(|index| {
                let mut verdict = Verdict::default();
                run.timeline.events()[..index].iter().for_each(|fact| verdict.observe(fact));
                (index, verdict.lost().len())
            });
        }
    }

    pub(super) fn charts_part(&self, run: &Run) -> ChartsPart {
        let (measured, lang) = (&self.measured, self.lang);
        let closed =
            ChartsPart { open: measured.open, heard: String::new(), fault: String::new(), rows: Vec::new() };
        let (true, Some(gauges)) = (measured.open, &measured.gauges) else { return closed };
        let interval = gauges.interval();
        let now = run.timeline.now();
        let Some(present) = reading_at(&measured.readings, interval, now) else { return closed };
        let heard = self.values(present).map(|(label, value)| format!("{} {value}", label.get(lang)));
        let heard = heard.collect::<Vec<_>>().join(crate::text::between(lang));
        let Some((index, lost_before)) = measured.lost_before else {
            return ChartsPart { heard, fault: words::NO_FAULT.get(lang).into(), ..closed };
        };
        let fact = &run.timeline.events()[index];
        // The slice in which the fault lies has seen some of it.
        let before = Time(fact.at.0.saturating_sub(interval.0));
        let Some(past) = reading_at(&measured.readings, interval, before) else { return closed };
        let rows = self.values(past).zip(self.values(present));
        let mut rows: Vec<ChangePart> = rows
            .filter(|((_, was), (_, is))| was != "–" || is != "–")
            .map(|((label, was), (_, is))| ChangePart { label: label.get(lang), was, is })
            .collect();
        if !run.has_calls_alone() {
            let lost = run.timeline.verdict().lost().len();
            let label = words::LOST.get(lang);
            rows.push(ChangePart { label, was: lost_before.to_string(), is: lost.to_string() });
        }
        let said = sentence(fact, &run.names, lang);
        ChartsPart { open: true, heard, fault: words::fault(&said, &moment(fact.at), lang), rows }
    }

    /// The values of the table at one moment.
    fn values(&self, reading: &Reading) -> impl Iterator<Item = (Both, String)> + use<> {
        let millis = |span: Option<Span>| match span {
            None => "–".into(),
            Some(span) => tenths(span),
        };
        let in_sync = reading.in_sync.map_or("–".into(), |size| size.to_string());
        [
            (words::RATE_IN, reading.rate_in.to_string()),
            (words::RATE_OUT, reading.rate_out.to_string()),
            (words::BACKLOG, reading.backlog.to_string()),
            (words::HALF, millis(reading.p50)),
            (words::NEARLY_ALL, millis(reading.p99)),
            (words::IN_SYNC, in_sync),
        ]
        .into_iter()
    }
}

/// The number of the last event up to now that broke something, or that somebody did.
fn last_fault(run: &Run) -> Option<usize> {
    let past = &run.timeline.events()[..run.timeline.happened()];
    let ordered: Vec<Time> = run
        .timeline
        .branches()
        .into_iter()
        .filter(|branch| branch.current)
        .flat_map(|branch| branch.commands)
        .map(|(at, _)| at)
        .collect();
    past.iter().rposition(|fact| {
        let broke = fact.event.is_landmark() && Tone::of(&fact.event) == Tone::Harm;
        // Of what follows from a crash, the crash itself is the fault.
        let follows =
            matches!(fact.event, Event::TailLost { .. } | Event::Truncated { .. } | Event::Elected { .. });
        broke && !follows || ordered.contains(&fact.at)
    })
}
