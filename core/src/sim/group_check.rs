//! Does it make sense how a scenario's consumers form groups? Checked before a run begins.

use alloc::format;

use super::scenario::{ConsumerSpec, InvalidScenario, PATIENCE_MAX, PATIENCE_MIN, Scenario, SourceSpec};
use super::service_spec::ServiceSpec;
use crate::client::{CommitMode, MemberOptions};
use crate::ids::Name;
use crate::sorted::SortedMap;

impl Scenario {
    pub(super) fn check_groups(&self) -> Result<(), InvalidScenario> {
        let consumers = self.consumers.iter().map(|ConsumerSpec { name, from, .. }| (name, Some(from)));
        let services = self.services.iter().map(|ServiceSpec { name, from, .. }| (name, from.as_ref()));
        let mut agreed: SortedMap<&Name, &MemberOptions> = SortedMap::new();
        for (name, from) in consumers.chain(services) {
            let Some(SourceSpec::Group { name: group, options, .. }) = from else { continue };
            options.check().map_err(|what| InvalidScenario(format!("{name} {what}")))?;
            for (what, span) in [("session", options.session), ("poll_max", options.poll_max)] {
                if span.is_some_and(|span| !(PATIENCE_MIN..=PATIENCE_MAX).contains(&span)) {
                    return Err(InvalidScenario(format!(
                        "the {what} of {name} is not from {PATIENCE_MIN} to {PATIENCE_MAX}"
                    )));
                }
            }
            let first = *agreed.entry(group).or_insert(options);
            let how = |options: &MemberOptions| (options.protocol, options.assignor());
            if how(first) != how(options) {
                return Err(InvalidScenario(format!(
                    "{name} and another member of {group} differ in protocol or assignor"
                )));
            }
        }
        for ConsumerSpec { name, from, program, .. } in &self.consumers {
            if let SourceSpec::Group { options, .. } = from
                && options.commits != CommitMode::Interval
                && program.settles != Default::default()
            {
                return Err(InvalidScenario(format!(
                    "{name} commits each message, so its program says of each when it is done: use settles each"
                )));
            }
        }
        Ok(())
    }
}
