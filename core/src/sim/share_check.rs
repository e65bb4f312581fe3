//! Does it make sense how a scenario's consumers share topics? Checked before a run begins.

use alloc::format;

use super::scenario::{ConsumerSpec, InvalidScenario, Scenario, SourceSpec};
use super::service_spec::ServiceSpec;
use crate::broker::{SHARE_DELIVERIES_MAX, SHARE_LOCKS_MAX};
use crate::client::{Acknowledges, SHARE_RECORDS_MAX};
use crate::ids::Name;
use crate::sorted::SortedMap;

impl Scenario {
    /// Everybody who reads, and what.
    fn readers(&self) -> impl Iterator<Item = (&str, &SourceSpec)> {
        let consumers = self.consumers.iter().map(|ConsumerSpec { name, from, .. }| (name.as_str(), from));
        let services = self.services.iter();
        let services =
            services.filter_map(|ServiceSpec { name, from, .. }| Some((name.as_str(), from.as_ref()?)));
        consumers.chain(services)
    }

    /// Whether anybody is a member of a share group.
    pub(super) fn has_share_groups(&self) -> bool {
        self.readers().any(|(_, from)| matches!(from, SourceSpec::Share { .. }))
    }

    pub(super) fn check_shares(&self) -> Result<(), InvalidScenario> {
        let invalid = |what| Err(InvalidScenario(what));
        let limits = &self.settings.share;
        for (what, value, most) in [
            ("delivery_limit", limits.delivery_limit, SHARE_DELIVERIES_MAX),
            ("locks_max", limits.locks_max, SHARE_LOCKS_MAX),
        ] {
            if !(1..=most).contains(&value) {
                return invalid(format!("the setting share.{what} is {value}, use 1 to {most}"));
            }
        }
        let mut groups: SortedMap<&Name, (&str, bool)> = SortedMap::new();
        for (reader, from) in self.readers() {
            let (group, shares) = match from {
                SourceSpec::Share { name, options, .. } => {
                    if !(1..=SHARE_RECORDS_MAX).contains(&options.records_max) {
                        return invalid(format!(
                            "{reader} takes {} records at once, use 1 to {SHARE_RECORDS_MAX}",
                            options.records_max
                        ));
                    }
                    (name, true)
                }
                SourceSpec::Group { name, .. } => (name, false),
                _ => continue,
            };
            let (first, as_first) = *groups.entry(group).or_insert((reader, shares));
            if as_first != shares {
                return invalid(format!(
                    "{first} and {reader} name the same group {group}, one as a share group and one as a consumer group"
                ));
            }
        }
        for ConsumerSpec { name, from, program, .. } in &self.consumers {
            let SourceSpec::Share { options, .. } = from else { continue };
            let says = program.fails_per_mille > 0
                || program.fails_every > 0
                || program.settles != Default::default();
            if options.acknowledges == Acknowledges::Implicit && says {
                return invalid(format!(
                    "{name} acknowledges implicitly, so it accepts whatever it had: it cannot fail, or acknowledge at \
                     another time; use explicit"
                ));
            }
        }
        Ok(())
    }
}
