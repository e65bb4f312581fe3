//! Is there time until everything is answered and done? How long a run goes on after all that goes wrong in it.

use super::super::scenario::{ProducerSpec, Scenario};
use super::Promises;
use crate::time::{Span, Time};

/// When processes died, so many times the longest silence that is borne pass until everything is delivered.
const ROUNDS_AFTER_DEATHS: u64 = 7;
/// After faults of networks, clocks and disks it is so many.
const ROUNDS_AFTER_MORE: u64 = 15;
/// Where nothing goes wrong, this is enough.
const ROUNDS_IN_PEACE: u64 = 1;

impl Promises<'_> {
    /// Whether the run goes on for long enough after everything that goes wrong, and after the last message.
    pub(super) fn has_time(&self) -> bool {
        let Scenario { producers, consumers, ends_at, .. } = self.scenario;
        let Some(over) = self.adversity.over else { return false };
        let sent = |producer: &ProducerSpec| {
            let span = producer.messages.saturating_mul(producer.every).saturating_add(producer.starts_at);
            Time(span.saturating_add(producer.options.linger.0))
        };
        let last = producers.iter().map(sent).max().unwrap_or_default();
        let come = consumers.iter().map(|consumer| Time(consumer.starts_at)).max().unwrap_or_default();
        let ordered = self.scenario.admin.iter().map(|action| action.at).max().unwrap_or_default();
        let messages: u64 = producers.iter().map(|producer| producer.messages).fold(0, u64::saturating_add);
        // As if one consumer did everything.
        let slowest = consumers.iter().map(|consumer| consumer.work.max(consumer.program.work_max)).max();
        let work = messages.saturating_mul(slowest.unwrap_or(0));
        let needed = [work, self.transactions_take().0, self.locks_take(messages).0];
        let needed = needed.into_iter().fold(self.silence(), u64::saturating_add);
        ends_at.since(over.max(last).max(come).max(ordered)) >= Span(needed)
    }

    /// So long, in microseconds, it may take until everybody has noticed that everybody is there again.
    pub(super) fn silence(&self) -> u64 {
        let settings = &self.scenario.settings;
        let silence = [settings.broker_session, settings.consumer_session, settings.request_timeout];
        let silence: u64 = silence.iter().map(|span| span.0).sum();
        let silence = silence.saturating_add(self.longest_transaction().0);
        let rounds = match (self.adversity.more_than_deaths, self.adversity.actions.is_empty()) {
            (true, _) => ROUNDS_AFTER_MORE,
            (false, false) => ROUNDS_AFTER_DEATHS,
            (false, true) => ROUNDS_IN_PEACE,
        };
        silence.saturating_mul(rounds)
    }
}
