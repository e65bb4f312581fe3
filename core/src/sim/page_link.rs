//! A link is the experiment: what the part of the address after `?` asks for.
//!
//! ```text
//!   ?scenario=kill-the-leader&seed=7&do=412.8+crash+broker-1,620+restart+broker-1&at=1043&view=logs&lang=en&v=0.1.0
//!    what is tried           chance  what a person did, and when, in milliseconds   │    │         │      engine
//!    (or run=, a packed one)                               which moment is looked at, in which view   language
//! ```
//!
//! A person can read it, and write it by hand. Where they did so much that it would be longer than a chat shows, `do` is
//! packed: then it begins with a letter. The engine's version stands last: a link that was cut off has none, or half of one.
//!
//! The page writes and follows it; the command line follows it, too.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use super::command::Action;
use super::packed::{BadPacked, pack_text, unpack_text};
use super::timeline::Timeline;
use crate::time::{Span, Time};

/// What a link says.
///
/// ```
/// use mqlab_core::sim::PageLink;
/// let link = PageLink::read("?scenario=kill-the-leader&seed=7&do=412.8+crash+broker-1&v=0.1")?;
/// assert_eq!((link.seed, link.actions.len()), (Some(7), 1));
/// # Ok::<(), mqlab_core::sim::BadLink>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PageLink {
    /// Which scenario that comes with the engine.
    pub scenario: Option<String>,
    /// A whole scenario of somebody's own, packed.
    pub run: Option<String>,
    /// With which seed.
    pub seed: Option<u64>,
    /// What a person did, in order.
    pub actions: Vec<Action>,
    /// Which moment is looked at.
    pub place: Option<LinkPlace>,
    /// In which view, as whoever draws it names it: `logs`, or `logs,charts`.
    pub view: Option<String>,
    /// In which language, as a tag such as `en`.
    pub lang: Option<String>,
    /// The engine that made it, where it is another one that speaks the same format.
    pub other_engine: Option<String>,
}

/// What is looked at in a run: a moment, and where in it.
///
/// ```
/// use mqlab_core::sim::{LinkPlace, PageLink};
/// use mqlab_core::time::Time;
/// let link = PageLink::read("?at=412.8~7&v=0.1")?;
/// assert_eq!(link.place, Some(LinkPlace { at: Time(412_800), happened: Some(7) }));
/// # Ok::<(), mqlab_core::sim::BadLink>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkPlace {
    /// The moment.
    pub at: Time,
    /// How many events have happened, where that is not all that happens by then.
    pub happened: Option<usize>,
}

/// A link that cannot be followed.
///
/// ```
/// use mqlab_core::sim::{BadLink, PageLink};
/// assert_eq!(PageLink::read("?seed=many"), Err(BadLink::Seed("many".into())));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadLink {
    /// The seed is not a number that a seed can be.
    Seed(String),
    /// There is no such language here.
    Lang(String),
    /// An engine of another format made it.
    Engine(String),
    /// Its end is missing: it has something a person did or looks at, and no version of an engine.
    CutOff,
    /// What should be a command with its moment is none.
    Command(String),
    /// More commands than [`COMMANDS_MAX`].
    TooMany(usize),
    /// The packed commands cannot be unpacked.
    Packed(BadPacked),
    /// What is looked at is no moment.
    Moment(String),
    /// There is no such view here.
    View(String),
}

/// The scenario that is shown when a link names none.
pub const SCENARIO_USUAL: &str = "hundred-messages";
/// The most letters that are kept readable, in all of the commands: what fits into a message to somebody.
pub const READABLE_MAX: usize = 800;
/// The most commands of a link. Each is carried out before the page shows anything.
pub const COMMANDS_MAX: usize = 1_000;

impl PageLink {
    /// Reads a link; what it does not know, it leaves alone. A whole scenario of somebody's own stands as `run=` and
    /// [packed](super::Scenario::pack).
    ///
    /// # Errors
    ///
    /// [`BadLink`] when a part that it knows cannot be read, or it was cut off, or it comes from an engine of another format.
    pub fn read(query: &str) -> Result<Self, BadLink> {
        let mut link = Self::default();
        // A link of another format may have anything in it: its version is looked at first.
        let version = value_of(query, "v").map(decoded);
        if let Some(version) = &version {
            match format_of(version) {
                None => return Err(BadLink::CutOff),
                Some(format) if Some(format) != format_of(crate::VERSION) => {
                    return Err(BadLink::Engine(version.clone()));
                }
                Some(_) => {}
            }
            let same = version == crate::VERSION || version.matches('.').count() == 1;
            link.other_engine = (!same).then(|| version.clone());
        }
        for (name, value) in parts(query) {
            match name {
                "scenario" => link.scenario = Some(decoded(value)),
                "run" => link.run = Some(decoded(value)),
                "seed" => link.seed = Some(value.parse().map_err(|_| BadLink::Seed(decoded(value)))?),
                "view" => link.view = Some(decoded(value)),
                "lang" => link.lang = Some(decoded(value)),
                "do" if version.is_some() => link.actions = commands(value)?,
                "at" if version.is_some() => link.place = Some(place(value)?),
                "do" | "at" => return Err(BadLink::CutOff),
                _ => {}
            }
        }
        Ok(link)
    }

    /// The language that a link asks for, however little of the rest can be read: its reader should be told in it.
    pub fn language(query: &str) -> Option<String> {
        value_of(query, "lang").map(decoded)
    }

    /// The query that leads to this experiment.
    pub fn write(&self) -> String {
        let mut query = match (&self.run, &self.scenario) {
            // Its letters need no encoding.
            (Some(packed), _) => format!("?run={packed}"),
            (None, Some(scenario)) => format!("?scenario={}", encoded(scenario)),
            (None, None) => format!("?scenario={SCENARIO_USUAL}"),
        };
        let mut add = |name: &str, value: &str| {
            query.push('&');
            query.push_str(name);
            query.push('=');
            query.push_str(value);
        };
        if let Some(seed) = self.seed {
            add("seed", &seed.to_string());
        }
        if !self.actions.is_empty() {
            let all: Vec<String> = self.actions.iter().map(|action| encoded(&short(action))).collect();
            let readable = all.join(",");
            if readable.len() <= READABLE_MAX {
                add("do", &readable);
            } else {
                let plain: Vec<String> = self.actions.iter().map(short).collect();
                add("do", &pack_text(&plain.join("\n")));
            }
        }
        if let Some(LinkPlace { at, happened }) = self.place {
            let happened = happened.map_or(String::new(), |events| format!("~{events}"));
            add("at", &format!("{}{happened}", brief(at)));
        }
        if let Some(view) = &self.view {
            add("view", &encoded(view).replace("%2C", ",")); // it means nothing in an address, and is easier to read
        }
        if let Some(lang) = &self.lang {
            add("lang", &encoded(lang));
        }
        add("v", crate::VERSION);
        query
    }
}

impl Timeline {
    /// Goes to the place that a link looks at: a moment, or between two things that happen at it.
    pub fn go_to(&mut self, place: LinkPlace) {
        let Some(happened) = place.happened else { return self.seek(place.at) };
        if place.at == Time::ZERO {
            self.seek(Time::ZERO);
            while self.happened() > happened && self.back() {}
            return;
        }
        self.seek(place.at - Span(1));
        while self.happened() < happened && self.now() <= place.at && self.step() {}
        if self.now() > place.at || self.happened() > happened {
            self.seek(place.at); // the link means a place that this run has not
        }
    }
}

impl fmt::Display for BadLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Seed(seed) => write!(f, "its seed {seed:?} is no whole number from 0 to {}", u64::MAX),
            Self::Lang(tag) => write!(f, "nobody here speaks {tag:?}"),
            Self::Engine(theirs) => write!(
                f,
                "engine {theirs} made it, and this is engine {}: the same seed would give another run",
                crate::VERSION
            ),
            Self::CutOff => f.write_str(
                "its end is missing, where the engine's version stands (v=...): was all of it copied, and is it quoted?",
            ),
            Self::Command(line) => write!(f, "{line:?} in it is no command with its moment"),
            Self::TooMany(count) => write!(f, "it has {count} commands, use at most {COMMANDS_MAX}"),
            Self::Packed(why) => write!(f, "its commands: {why}"),
            Self::Moment(at) => write!(f, "{at:?} in it is no moment in milliseconds"),
            Self::View(view) => write!(f, "there is no view {view:?}"),
        }
    }
}

impl core::error::Error for BadLink {}

pub(super) fn parts(query: &str) -> impl Iterator<Item = (&str, &str)> {
    let query = query.split('#').next().unwrap_or_default();
    query.trim_start_matches('?').split('&').map(|part| part.split_once('=').unwrap_or((part, "")))
}

pub(super) fn value_of<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    parts(query).find(|(known, _)| *known == name).map(|(_, value)| value)
}

/// The format that an engine of this version reads and writes: the first two numbers. `None` for what is no version.
pub(super) fn format_of(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.split('.').map(|number| number.parse().ok());
    let format = (numbers.next()??, numbers.next()??);
    numbers.all(|number: Option<u32>| number.is_some()).then_some(format)
}

fn commands(value: &str) -> Result<Vec<Action>, BadLink> {
    let packed = value.starts_with(|first: char| first.is_ascii_alphabetic());
    let lines: Vec<String> = if packed {
        let text = unpack_text(value).map_err(BadLink::Packed)?;
        text.split('\n').map(String::from).collect()
    } else {
        value.split(',').map(decoded).collect()
    };
    if lines.len() > COMMANDS_MAX {
        return Err(BadLink::TooMany(lines.len()));
    }
    lines.into_iter().map(|line| line.parse().map_err(|_| BadLink::Command(line))).collect()
}

fn place(value: &str) -> Result<LinkPlace, BadLink> {
    let bad = || BadLink::Moment(decoded(value));
    let (at, happened) = match value.split_once('~') {
        None => (value, None),
        Some((at, events)) => (at, Some(events.parse().map_err(|_| bad())?)),
    };
    Ok(LinkPlace { at: at.parse().map_err(|_| bad())?, happened })
}

/// A moment in milliseconds, without the zeros that say nothing.
fn brief(at: Time) -> String {
    at.to_string().trim_end_matches('0').trim_end_matches('.').into()
}

/// A command with its moment, without the zeros that say nothing.
fn short(action: &Action) -> String {
    format!("{} {}", brief(action.at), action.command)
}

/// Percent encoding of what has a meaning in an address, with `+` for a space.
pub fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'*' => out.push(char::from(byte)),
            b' ' => out.push('+'),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

/// Undoes percent encoding; what is no encoding stays as it is.
pub(super) fn decoded(text: impl AsRef<str>) -> String {
    let mut rest = text.as_ref().as_bytes();
    let mut bytes = Vec::with_capacity(rest.len());
    while let [first, after @ ..] = rest {
        let hex = after.get(..2).and_then(|pair| core::str::from_utf8(pair).ok());
        match (first, hex.and_then(|pair| u8::from_str_radix(pair, 16).ok())) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            (b'+', _) => {
                bytes.push(b' ');
                rest = after;
            }
            (byte, _) => {
                bytes.push(*byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    fn full() -> PageLink {
        let action = |text: &str| text.parse::<Action>().expect("a command");
        PageLink {
            scenario: Some("kill-the-leader".into()),
            seed: Some(7),
            actions: vec![
                action("412.8 crash broker-1"),
                action("500.001 slow broker-1 and broker-2 2.5"),
                action("501 skew broker-2 -12.5"),
            ],
            place: Some(LinkPlace { at: Time(620_000), happened: None }),
            lang: Some("en".into()),
            ..PageLink::default()
        }
    }

    #[test]
    fn a_link_can_be_read() {
        let version = crate::VERSION;
        assert_eq!(
            full().write(),
            format!(
                "?scenario=kill-the-leader&seed=7&do=412.8+crash+broker-1,500.001+slow+broker-1+and+broker-2+2.500,\
                 501+skew+broker-2+-12.500&at=620&lang=en&v={version}"
            )
        );
    }

    #[test]
    fn a_link_comes_back_as_it_was_written() {
        let between = PageLink { place: Some(LinkPlace { at: Time(1), happened: Some(12) }), ..full() };
        let own = PageLink { scenario: None, run: Some("jAb-_9".into()), ..full() };
        let text = (1..=200).map(|at| format!("{at}.5 crash broker-1").parse().expect("a command"));
        let long = PageLink { actions: text.collect(), ..full() };
        for link in [full(), between, own, long, PageLink { scenario: Some("a b&c=中".into()), ..full() }] {
            let query = link.write();
            assert!(query.len() < READABLE_MAX + 200, "{query}");
            assert_eq!(PageLink::read(&query), Ok(link), "{query}");
        }
        assert_eq!(PageLink::read(""), Ok(PageLink::default()));
        assert_eq!(PageLink::read("?utm=x&"), Ok(PageLink::default()));
        let by_hand =
            PageLink::read("?scenario=outbox&seed=7&lang=zh").expect("a link as a person writes it");
        assert_eq!((by_hand.seed, by_hand.lang), (Some(7), Some("zh".into())));
    }

    #[test]
    fn wherever_a_link_is_cut_nothing_is_done_that_it_did_not_say() {
        let query = full().write();
        for end in 0..query.len() {
            if let Ok(cut) = PageLink::read(&query[..end]) {
                let whole = end >= query.len() - 2; // v=0.1 says as much as v=0.1.0
                assert!(whole || (cut.actions.is_empty() && cut.place.is_none()), "{}", &query[..end]);
            }
        }
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let v = crate::VERSION;
        let table = [
            ("?seed=-1".into(), BadLink::Seed("-1".into())),
            ("?seed=99999999999999999999".into(), BadLink::Seed("99999999999999999999".into())),
            ("?v=7.0.2&do=what+is+this&seed=x".into(), BadLink::Engine("7.0.2".into())),
            ("?v=latest".into(), BadLink::CutOff),
            ("?do=1+crash+broker-1".into(), BadLink::CutOff),
            ("?at=1".into(), BadLink::CutOff),
            (format!("?do=1+crush+broker-1&v={v}"), BadLink::Command("1 crush broker-1".into())),
            (format!("?do=&v={v}"), BadLink::Command(String::new())),
            (format!("?do=zAAAA&v={v}"), BadLink::Packed(BadPacked::Torn)),
            (format!("?do=j%21&v={v}"), BadLink::Packed(BadPacked::Letter('%'))),
            (format!("?at=soon&v={v}"), BadLink::Moment("soon".into())),
            (format!("?at=1~&v={v}"), BadLink::Moment("1~".into())),
            (format!("?do={}&v={v}", ["1"; 1_001].join(",")), BadLink::TooMany(1_001)),
        ];
        for (query, why) in table {
            assert_eq!(PageLink::read(&query), Err(why), "{query}");
        }
        assert_eq!(PageLink::read("?scenario=%E4%B8%AD%").expect("text").scenario.as_deref(), Some("中%"));
        assert_eq!(PageLink::language("?v=9.9.9&lang=zh#x"), Some("zh".into()));
    }

    #[test]
    fn an_engine_of_the_same_format_is_named_and_followed() {
        let (major, minor) = format_of(crate::VERSION).expect("a version");
        let later = format!("{major}.{minor}.77");
        assert_eq!(PageLink::read(&format!("?v={later}")).map(|link| link.other_engine), Ok(Some(later)));
        assert_eq!(PageLink::read(&format!("?v={major}.{minor}")).map(|link| link.other_engine), Ok(None));
    }
}
