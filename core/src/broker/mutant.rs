//! Would the judge notice? Deliberate faults of the engine, each of which breaks one promise.
//!
//! A test that has never failed proves little. So the engine can be built wrong on purpose, and the swarm must find it:
//! each fault here was once a real one in a real system, or is what a well-meant simplification would do.
//!
//! | fault | what is right instead | it breaks |
//! |---|---|---|
//! | the watermark rises with the append | it waits for all in sync (`leader.rs`) | not lost |
//! | any replica that is alive may lead | one that is in sync (`election.rs`) | not lost |
//! | sequence numbers are not looked at | a known batch is not written again (`producer_state.rs`) | stored once |
//! | what is fetched is committed | what is done is (`core/src/client/position.rs`) | at least once |
//! | a follower cuts its log at its watermark | where its leader's epochs say (`follower.rs`; KIP-101) | not lost |
//! | a reader takes what was aborted for committed | what markers say (`core/src/broker/committed.rs`) | only what is committed is seen |
//! | a new leader begins a share group's account anew | it goes on with what is written down (`share_leader.rs`) | with one at a time |
//!
//! They exist only with the feature `mutants`, which nothing switches on but their tests: without it
//! [`Mutated::is`] is `false`, the compiler removes what hangs on it, and a scenario that asks for one is refused.

use serde::{Deserialize, Serialize};

/// A deliberate fault.
///
/// ```
/// # #[cfg(feature = "mutants")]
/// # {
/// use mqlab_core::broker::{Mutant, Settings};
/// let settings: Settings = serde_json::from_str(r#"{ "mutant": "forgets_sequences" }"#).expect("a mutant");
/// assert_eq!(settings.mutant, Some(Mutant::ForgetsSequences));
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
#[cfg_attr(
    not(feature = "mutants"),
    expect(unreachable_pub, reason = "users see it where it can be switched on")
)]
pub enum Mutant {
    /// The high watermark follows the leader's own end: "stored" is said before a follower has it.
    HastyWatermark,
    /// When a broker is fenced, every replica that is alive counts as one in sync.
    ElectsAnyone,
    /// A batch that is in the log already is appended again.
    ForgetsSequences,
    /// A member commits what it has fetched, not what its program has done.
    CommitsBeforeWork,
    /// Who begins to follow cuts its log at its own high watermark, and no epochs are compared.
    CutsAtWatermark,
    /// A consumer that reads what is committed does not leave out what was aborted.
    IgnoresMarkers,
    /// Who begins to keep a share group's account knows nothing of what the leader before wrote down.
    ForgetsAccounts,
}

/// Which fault an engine has: none, where the feature is off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mutated(#[cfg(feature = "mutants")] pub(super) Option<Mutant>);

impl Mutated {
    /// Whether it is this one.
    #[cfg(feature = "mutants")]
    pub(crate) fn is(self, mutant: Mutant) -> bool {
        self.0 == Some(mutant)
    }

    /// Whether it is this one: never.
    #[cfg(not(feature = "mutants"))]
    pub(crate) const fn is(self, _: Mutant) -> bool {
        false
    }
}
