//! When does a consumer of a scenario acknowledge, and when could it instead? One choice, by four names.
//!
//! [`AckWhen`] has the table. A program that works in transactions has no choice: it commits with them.

use super::program_spec::Settles;
use super::scenario::{ConsumerSpec, SourceSpec};
use crate::client::{Acknowledges, CommitMode, Commits};
use crate::observe::AckWhen;

impl ConsumerSpec {
    /// When it acknowledges; nothing where it has no such choice.
    ///
    /// ```
    /// use mqlab_core::observe::AckWhen;
    /// use mqlab_core::sim::Scenario;
    /// let scenario = Scenario::built_in("push-with-prefetch").ok_or("no such scenario")?;
    /// assert_eq!(scenario.consumers[0].acknowledges(), Some(AckWhen::Each));
    /// # Ok::<(), &str>(())
    /// ```
    pub fn acknowledges(&self) -> Option<AckWhen> {
        let settles = match self.program.settles {
            Settles::Each => AckWhen::Each,
            Settles::Before => AckWhen::Before,
            Settles::Every(many) => AckWhen::Every(many),
        };
        match &self.from {
            SourceSpec::Queue { reading, .. } | SourceSpec::Subscription { reading, .. } => match reading {
                reading if reading.credit => None,
                reading if reading.automatic => Some(AckWhen::Automatic),
                _ => Some(settles),
            },
            SourceSpec::Share { options, .. } => Some(match options.acknowledges {
                Acknowledges::Implicit => AckWhen::Automatic,
                Acknowledges::Explicit => settles,
            }),
            // What it settles for several at once is only said when it commits.
            SourceSpec::Group { .. } | SourceSpec::Poll { .. } if settles != AckWhen::Each => None,
            SourceSpec::Group { .. } if self.program.transform.is_some() => None,
            SourceSpec::Group { options, .. } => match options.commits {
                CommitMode::Interval => Some(AckWhen::Automatic),
                CommitMode::After => Some(AckWhen::Each),
                CommitMode::Before => Some(AckWhen::Before),
                CommitMode::Never => None,
            },
            SourceSpec::Poll { options, .. } => Some(match options.commits {
                Commits::After => AckWhen::Each,
                Commits::Before => AckWhen::Before,
            }),
            // Another system has its own ways.
            SourceSpec::System(_) => None,
        }
    }

    /// The same consumer, if it acknowledged then; nothing where it cannot.
    pub(super) fn acknowledging(&self, when: AckWhen) -> Option<Self> {
        self.acknowledges()?;
        let mut spec = self.clone();
        let settles = match when {
            AckWhen::Each | AckWhen::Automatic => Settles::Each,
            AckWhen::Before => Settles::Before,
            AckWhen::Every(many) => Settles::Every(many),
        };
        let automatic = when == AckWhen::Automatic;
        match (&mut spec.from, when) {
            (SourceSpec::Queue { reading, .. } | SourceSpec::Subscription { reading, .. }, _) => {
                reading.automatic = automatic;
                spec.program.settles = settles;
            }
            (SourceSpec::Share { options, .. }, _) => {
                options.acknowledges =
                    if automatic { Acknowledges::Implicit } else { Acknowledges::Explicit };
                spec.program.settles = settles;
            }
            (SourceSpec::Group { options, .. }, AckWhen::Each) => options.commits = CommitMode::After,
            (SourceSpec::Group { options, .. }, AckWhen::Before) => options.commits = CommitMode::Before,
            (SourceSpec::Group { options, .. }, AckWhen::Automatic) => options.commits = CommitMode::Interval,
            (SourceSpec::Poll { options, .. }, AckWhen::Each) => options.commits = Commits::After,
            (SourceSpec::Poll { options, .. }, AckWhen::Before) => options.commits = Commits::Before,
            (SourceSpec::Group { .. } | SourceSpec::Poll { .. } | SourceSpec::System(_), _) => return None,
        }
        Some(spec)
    }
}
