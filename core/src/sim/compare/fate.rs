//! What became of one message? And which message fared differently with another system?

use alloc::vec::Vec;

use serde::Serialize;

use crate::ids::MessageId;
use crate::observe::Verdict;

/// What became of a message by the end.
///
/// ```
/// use mqlab_core::sim::compare::Fate;
/// assert!(Fate::Lost > Fate::Once); // worse
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// It was processed once.
    #[default]
    Once,
    /// It was processed more than once.
    Doubled,
    /// It is kept, and nobody has processed it yet.
    Waiting,
    /// Its producer was never told that it is stored, and it was not processed: the producer knows.
    Unanswered,
    /// Its producer was told that it is stored, and nobody will ever get it.
    Lost,
}

impl Fate {
    /// All, in order.
    pub const ALL: [Self; 5] = [Self::Once, Self::Doubled, Self::Waiting, Self::Unanswered, Self::Lost];
}

/// The first message that fared differently.
///
/// ```
/// use mqlab_core::ids::MessageId;
/// use mqlab_core::sim::compare::{Fate, FateDiffers};
/// let fates = [vec![Fate::Once, Fate::Once], vec![Fate::Once, Fate::Lost]];
/// let first = FateDiffers::between(&fates[0], &fates[1]);
/// assert_eq!(first, Some(FateDiffers { message: MessageId(2), of: [Fate::Once, Fate::Lost] }));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct FateDiffers {
    /// Which.
    pub message: MessageId,
    /// What became of it in each.
    pub of: [Fate; 2],
}

impl FateDiffers {
    /// Of two runs, message by message, from number 1 on.
    pub fn between(one: &[Fate], other: &[Fate]) -> Option<Self> {
        let pairs = (1..).map(MessageId).zip(one.iter().zip(other));
        pairs
            .map(|(message, (one, other))| Self { message, of: [*one, *other] })
            .find(|differs| differs.of[0] != differs.of[1])
    }
}

/// Of the messages from number 1 on, when the run is over.
pub(super) fn fates(verdict: &Verdict, messages: u64) -> Vec<Fate> {
    let mut fates: Vec<Fate> = (0..messages).map(|_| Fate::Unanswered).collect();
    let mut put = |message: MessageId, fate: Fate| {
        if let Some(at) = usize::try_from(message.0).ok().and_then(|number| number.checked_sub(1))
            && let Some(slot) = fates.get_mut(at)
        {
            *slot = fate;
        }
    };
    verdict.messages_acknowledged().for_each(|message| put(message, Fate::Waiting));
    verdict.messages_delivered().for_each(|message| put(message, Fate::Once));
    verdict.doubled().iter().for_each(|&message| put(message, Fate::Doubled));
    verdict.lost().iter().for_each(|&message| put(message, Fate::Lost));
    fates
}
