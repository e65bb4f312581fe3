//! What a person can ask for, by pointer, by key or by a control of the page.

use std::collections::BTreeSet;

use mqlab_core::ids::{MessageId, NodeId};
use mqlab_core::observe::Verdict;
use mqlab_core::sim::Command;
use mqlab_core::time::Time;

use super::adding::Wish;
use super::menu::Subject;
use super::views::Which;
use crate::text::Lang;

/// The verdict's counts that name messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// Their producers were told "stored".
    Acknowledged,
    /// Processed at least once.
    Delivered,
    /// Sent, and neither done nor over.
    OnTheirWay,
    /// Acknowledged, and in no log.
    Lost,
    /// Processed more than once.
    Doubled,
    /// Processed before one that was sent earlier with the same key.
    Reordered,
    /// Among dead letters.
    Dead,
    /// Let go by a queue, as it was told to.
    Dropped,
    /// Back at its producer, because it fits no queue.
    Returned,
    /// Refused for good: its producer gave it up.
    GivenUp,
    /// Taken by retention before anybody had processed it.
    Trimmed,
    /// Taken by compaction before anybody had processed it: a later message of its key is there.
    Superseded,
    /// Given up by a share group, and processed by nobody.
    Archived,
    /// Processed, though its sender's transaction was rolled back.
    Invented,
    /// Its sender's transaction was committed, and nobody will hear of it.
    Unheard,
}

impl Count {
    /// Those that are always there, and no harm.
    pub const PLAIN: [Self; 3] = [Self::Acknowledged, Self::Delivered, Self::OnTheirWay];

    /// The others, in the order of the page.
    pub const ALL: [Self; 12] = [
        Self::Lost,
        Self::Doubled,
        Self::Reordered,
        Self::Dead,
        Self::Dropped,
        Self::Returned,
        Self::GivenUp,
        Self::Trimmed,
        Self::Superseded,
        Self::Archived,
        Self::Invented,
        Self::Unheard,
    ];

    /// Whether one of it is one too many. What is a dead letter, dropped, returned, trimmed, superseded or archived went as
    /// somebody had set it, and of what was given up nobody was promised anything.
    pub const fn breaks_a_promise(self) -> bool {
        !matches!(
            self,
            Self::Acknowledged
                | Self::Delivered
                | Self::OnTheirWay
                | Self::Dead
                | Self::Dropped
                | Self::Returned
                | Self::GivenUp
                | Self::Trimmed
                | Self::Superseded
                | Self::Archived
        )
    }

    /// The messages that a verdict counts so.
    pub fn messages(self, verdict: &Verdict) -> BTreeSet<MessageId> {
        match self {
            Self::Acknowledged => verdict.messages_acknowledged().collect(),
            Self::Delivered => verdict.messages_delivered().collect(),
            Self::OnTheirWay => verdict.messages_on_their_way().collect(),
            Self::Lost => verdict.lost().clone(),
            Self::Doubled => verdict.doubled().clone(),
            Self::Reordered => verdict.reordered().clone(),
            Self::Dropped => verdict.dropped().clone(),
            Self::Returned => verdict.returned().clone(),
            Self::GivenUp => verdict.given_up().clone(),
            Self::Trimmed => verdict.trimmed().collect(),
            Self::Superseded => verdict.superseded().collect(),
            Self::Archived => verdict.archived().clone(),
            Self::Dead => verdict.dead_letters().collect(),
            Self::Invented => verdict.agreement().invented().clone(),
            Self::Unheard => verdict.agreement().unheard().clone(),
        }
    }

    /// The one of a name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::PLAIN.into_iter().chain(Self::ALL).find(|count| count.name() == name)
    }

    /// Its name in the page.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Acknowledged => "acknowledged",
            Self::Delivered => "delivered",
            Self::OnTheirWay => "on-their-way",
            Self::Lost => "lost",
            Self::Doubled => "doubled",
            Self::Reordered => "reordered",
            Self::Dead => "dead",
            Self::Dropped => "dropped",
            Self::Returned => "returned",
            Self::GivenUp => "given-up",
            Self::Trimmed => "trimmed",
            Self::Superseded => "superseded",
            Self::Archived => "archived",
            Self::Invented => "invented",
            Self::Unheard => "unheard",
        }
    }
}

/// One wish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Play, or pause.
    Play,
    /// One event back.
    Back,
    /// One event on.
    Forward,
    /// To the beginning, with the same seed.
    Reset,
    /// To the beginning, with another seed.
    NewSeed(u64),
    /// To a moment.
    Seek(Time),
    /// To the end.
    End,
    /// At this pace.
    Pace(u8),
    /// A little slower or faster.
    ChangePace(i8),
    /// Another scenario.
    Scenario(String),
    /// Another branch.
    Branch(usize),
    /// Tell this message's life.
    Message(MessageId),
    /// Choose a node.
    Select(NodeId),
    /// Kill a node that is up, revive one that is down.
    Toggle(NodeId),
    /// Kill the chosen node.
    Kill,
    /// Revive the chosen node.
    Revive,
    /// Name the messages behind a count, or stop naming them.
    Count(Count),
    /// Show what can be done to a node, or to the way between two; or nothing any more.
    Menu(Option<Subject>),
    /// Show what can be done to the chosen node, or nothing any more.
    ToggleMenu,
    /// Do something to the cluster, now.
    Do(Command),
    /// Write a command, or fill a form to add something.
    Change(Wish),
    /// Choose nothing.
    Clear,
    /// Another language.
    Lang(Lang),
    /// The next theme.
    Theme,
    /// Show or hide heartbeats.
    Upkeep,
    /// To the next mark on the axis, or to the one before this.
    Mark {
        /// Whether to the next.
        forward: bool,
    },
    /// Be slow at decisive moments, or not.
    Slow,
    /// Jump where nothing happens, or not.
    Leap,
    /// Take the last command back.
    Undo,
    /// Call a branch by a name.
    Rename(usize, String),
    /// Forget a branch.
    Remove(usize),
    /// Compare two branches, or none any more.
    Compare(Option<(usize, usize)>),
    /// Compare the branch that is looked at with the one that it left, if none are compared yet.
    CompareUsual,
    /// To the first difference of the two that are compared.
    Difference,
    /// Show the same moment in this way.
    View(Which),
    /// Show it in the next way.
    NextView,
    /// See the view more finely, or more of it.
    Zoom(i8),
    /// Move the view's window.
    Pan(i8),
    /// See all of the stage, as it was laid out.
    Fit,
    /// Move over the stage: so many steps to the right, and down.
    Move(i8, i8),
    /// Open or close the charts, or whichever is possible.
    Charts(Option<bool>),
    /// Bet that this answer, by its number, will be right.
    Bet(usize),
    /// To just before the bet began to be decided.
    BeforeBet,
}

/// Steps of the pace for one key.
const PACE_KEY: i8 = 4;

impl Action {
    /// What a control of the page means: its name, and its value if it has one.
    pub fn from_control(name: &str, value: &str) -> Option<Self> {
        Some(match name {
            "play" => Self::Play,
            "back" => Self::Back,
            "forward" => Self::Forward,
            "reset" => Self::Reset,
            "new-seed" => Self::NewSeed(value.parse().ok()?),
            "seek" => Self::Seek(Time(value.parse().ok()?)),
            "end" => Self::End,
            "pace" => Self::Pace(value.parse().ok()?),
            "scenario" => Self::Scenario(value.into()),
            "branch" => Self::Branch(value.parse().ok()?),
            "message" => Self::Message(MessageId(value.parse().ok()?)),
            "select" => Self::Select(value.parse().ok()?),
            "toggle" => Self::Toggle(value.parse().ok()?),
            "count" => Self::Count(Count::of_name(value)?),
            "menu" if value.is_empty() => Self::Menu(None),
            "menu" => Self::Menu(Some(Subject::read(value)?)),
            "do" => Self::Do(value.parse().ok()?),
            "change" => Self::Change(Wish::read(value)?),
            "bet" => Self::Bet(value.parse().ok()?),
            "before-bet" => Self::BeforeBet,
            "clear" => Self::Clear,
            "lang" => Self::Lang(Lang::from_tag(value)?),
            "theme" => Self::Theme,
            "upkeep" => Self::Upkeep,
            "mark" => Self::Mark { forward: value == "next" },
            "slow" => Self::Slow,
            "leap" => Self::Leap,
            "undo" => Self::Undo,
            "rename" => {
                let (branch, name) = value.split_once(' ')?;
                Self::Rename(branch.parse().ok()?, name.into())
            }
            "remove" => Self::Remove(value.parse().ok()?),
            "compare-usual" => Self::CompareUsual,
            "compare" if value.is_empty() => Self::Compare(None),
            "compare" => {
                let (one, other) = value.split_once(' ')?;
                Self::Compare(Some((one.parse().ok()?, other.parse().ok()?)))
            }
            "difference" => Self::Difference,
            "view" => Self::View(Which::of_name(value)?),
            "zoom" => Self::Zoom(value.parse::<i8>().ok()?.signum()),
            "fit" => Self::Fit,
            "charts" => Self::Charts(match value {
                "on" => Some(true),
                "off" => Some(false),
                _ => None,
            }),
            "pan" => Self::Pan(value.parse::<i8>().ok()?.signum()),
            _ => return None,
        })
    }

    /// What a key means, as browsers name it.
    pub fn from_key(key: &str, lang: Lang) -> Option<Self> {
        Some(match key {
            " " => Self::Play,
            "ArrowLeft" => Self::Back,
            "ArrowRight" => Self::Forward,
            "Home" => Self::Reset,
            "End" => Self::End,
            "," => Self::ChangePace(-PACE_KEY),
            "." => Self::ChangePace(PACE_KEY),
            "k" | "K" => Self::Kill,
            "r" | "R" => Self::Revive,
            "m" | "M" | "ContextMenu" => Self::ToggleMenu,
            "a" | "A" => Self::Change(Wish::Add),
            ":" | "/" => Self::Change(Wish::Command),
            "l" | "L" => Self::Lang(lang.other()),
            "c" | "C" => Self::Charts(None),
            "v" | "V" => Self::NextView,
            "+" | "=" => Self::Zoom(1),
            "-" => Self::Zoom(-1),
            "f" | "F" => Self::Fit,
            "Shift+ArrowLeft" => Self::Move(-1, 0),
            "Shift+ArrowRight" => Self::Move(1, 0),
            "Shift+ArrowUp" => Self::Move(0, -1),
            "Shift+ArrowDown" => Self::Move(0, 1),
            "<" => Self::Pan(-1),
            ">" => Self::Pan(1),
            "Escape" => Self::Clear,
            "[" => Self::Mark { forward: false },
            "]" => Self::Mark { forward: true },
            "s" | "S" => Self::Slow,
            "g" | "G" => Self::Leap,
            "u" | "U" => Self::Undo,
            "d" | "D" => Self::Difference,
            digit => match digit.parse::<u16>() {
                Ok(number @ 1..=9) if digit.len() == 1 => Self::Select(NodeId::Broker(number)),
                _ => return None,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_say_what_they_mean() {
        assert_eq!(Action::from_control("play", ""), Some(Action::Play));
        assert_eq!(Action::from_control("toggle", "broker-1"), Some(Action::Toggle(NodeId::Broker(1))));
        assert_eq!(Action::from_control("seek", "412800"), Some(Action::Seek(Time(412_800))));
        assert_eq!(Action::from_control("seek", "soon"), None);
        assert_eq!(Action::from_control("toggle", "../etc"), None);
        assert_eq!(Action::from_control("", ""), None);
        assert_eq!(Action::from_control("mark", "next"), Some(Action::Mark { forward: true }));
        assert_eq!(
            Action::from_control("rename", "3 as I like it"),
            Some(Action::Rename(3, "as I like it".into()))
        );
        assert_eq!(Action::from_control("rename", "3 "), Some(Action::Rename(3, String::new())));
        assert_eq!(Action::from_control("rename", "three"), None);
        assert_eq!(Action::from_control("compare", "0 2"), Some(Action::Compare(Some((0, 2)))));
        assert_eq!(Action::from_control("compare", ""), Some(Action::Compare(None)));
        assert_eq!(Action::from_control("compare", "0"), None);
    }

    #[test]
    fn keys_are_those_of_the_help() {
        assert_eq!(Action::from_key("3", Lang::En), Some(Action::Select(NodeId::Broker(3))));
        assert_eq!(Action::from_key("l", Lang::En), Some(Action::Lang(Lang::Zh)));
        for key in ["0", "F5", "10", "e", "Tab", ""] {
            assert_eq!(Action::from_key(key, Lang::En), None, "{key}");
        }
    }
}
