//! What can a member of a group be told? How the group agrees, when it says how far it got, where it begins.

use alloc::string::String;

use serde::{Deserialize, Serialize};

use super::pull_options::StartAt;
use crate::broker::{Assignor, Isolation};
use crate::ids::Name;
use crate::time::Span;

/// How the members of a group agree on who reads what.
///
/// ```
/// use mqlab_core::client::GroupProtocol;
/// assert_eq!(GroupProtocol::default(), GroupProtocol::Server);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupProtocol {
    /// The coordinator deals; each member changes what it reads by itself (KIP-848, `group.protocol=consumer`).
    #[default]
    Server,
    /// All members join, one of them deals, all go on together (`group.protocol=classic`).
    Classic,
}

/// When a member of a group commits.
///
/// ```
/// use mqlab_core::client::{CommitMode, MemberOptions};
/// let options: MemberOptions = serde_json::from_str(r#"{ "commits": "before" }"#)?;
/// assert_eq!(options.commits, CommitMode::Before); // at most once
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CommitMode {
    /// From time to time, what is done by then (`enable.auto.commit`). A crash: what was done since is done *again*.
    #[default]
    Interval,
    /// Each message, when the program is done with it. A crash: the one that it works on, and what was done and not yet
    /// answered, is done *again*: at least once.
    After,
    /// Each message, before the program begins: it begins when the commit is answered. A crash: the one that it works on
    /// is *lost*: at most once.
    Before,
    /// It does not: whoever began in the group begins again where the group last said. A program that reads and writes in
    /// transactions commits with them instead.
    Never,
}

fn is_default(isolation: &Isolation) -> bool {
    *isolation == Isolation::default()
}

/// How a member of a group reads.
///
/// ```
/// use mqlab_core::broker::Assignor;
/// use mqlab_core::client::{GroupProtocol, MemberOptions};
/// let options: MemberOptions =
///     serde_json::from_str(r#"{ "protocol": "classic", "assignor": "cooperative_sticky", "instance": "desk-1" }"#)?;
/// assert_eq!((options.protocol, options.check()), (GroupProtocol::Classic, Ok(())));
/// let wrong = MemberOptions { assignor: Some(Assignor::Sticky), ..MemberOptions::default() };
/// assert!(wrong.check().is_err()); // the coordinator of the newer protocol does not know it
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MemberOptions {
    /// How the group agrees.
    pub protocol: GroupProtocol,
    /// By which rule its topics are dealt; range without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assignor: Option<Assignor>,
    /// A name that the member keeps over restarts (`group.instance.id`): its share waits for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<Name>,
    /// It is put out when it is not heard for so long, in microseconds; the setting `consumer_session` without. Only
    /// with the classic protocol: with the newer one the brokers say so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<Span>,
    /// Its program may work on one message for so long, in microseconds (`max.poll.interval.ms`). Without, the setting
    /// `poll_max` with the classic protocol, and for ever with the newer one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub poll_max: Option<Span>,
    /// The rack that it is in (`client.rack`): with the setting `read_closest` it may read from a follower there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rack: Option<Name>,
    /// When it says how far it got.
    pub commits: CommitMode,
    /// What it sees of transactions (`isolation.level`).
    #[serde(skip_serializing_if = "is_default")]
    pub isolation: Isolation,
    /// Where the group begins in a partition of which it never said anything (`auto.offset.reset`).
    pub start: StartAt,
}

impl MemberOptions {
    /// Checks that they go together.
    ///
    /// # Errors
    ///
    /// What does not, in words.
    pub fn check(&self) -> Result<(), String> {
        let assignor = self.assignor();
        match self.protocol {
            GroupProtocol::Server if !assignor.is_for_server() => {
                Err(alloc::format!("asks the coordinator for {assignor}, which knows range and uniform"))
            }
            GroupProtocol::Classic if !assignor.is_for_classic() => {
                Err(alloc::format!("speaks the classic protocol, which has no {assignor}: use sticky"))
            }
            GroupProtocol::Server if self.session.is_some() => {
                Err("has a session of its own, which only the classic protocol has".into())
            }
            _ => Ok(()),
        }
    }

    /// The rule by which its topics are dealt.
    pub fn assignor(&self) -> Assignor {
        self.assignor.unwrap_or_default()
    }
}
