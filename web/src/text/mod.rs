//! Every word that a person reads, in both languages.
//!
//! Drawing code and panels hold no text: they ask here. A text is a [`Both`], which cannot be written down in one
//! language only, or a function over [`Lang`] whose `match` must name both.

mod activemq;
pub mod adding;
mod bet_facts;
pub mod bets;
mod bets_delivery;
mod bets_safety;
pub mod branches;
pub mod broker;
pub mod callers;
mod changes;
pub mod charts;
mod cluster;
pub mod compare;
pub mod compare_names;
pub mod embed;
mod faults;
pub mod goals;
pub mod groups;
mod halves;
pub mod judged;
mod membership;
pub(crate) mod menu;
mod names;
pub(crate) mod near;
pub mod needs;
mod producers;
pub mod promises;
mod pulls;
pub(crate) mod pulsar;
mod pulsar_compaction;
mod pulsar_recovery;
mod purpose;
mod queues;
mod rabbits;
mod rocketmq;
pub mod sentence;
pub mod share;
mod shares;
pub mod stage;
pub mod standing;
mod stories_activemq;
mod stories_cluster;
mod stories_failures;
mod stories_flow;
mod stories_groups;
mod stories_once;
mod stories_onward;
mod stories_order;
mod stories_producer;
mod stories_pull;
mod stories_pulsar;
mod stories_queues;
mod stories_rabbit;
mod stories_rocketmq;
mod stories_share;
mod stories_stream;
mod stories_table;
mod stories_txns;
pub mod story;
pub mod time;
mod together;
mod txns;
pub mod ui;
pub mod views;
pub mod why;
pub mod words;

use mqlab_core::time::{Span, Time};

/// A language of the page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lang {
    /// English.
    #[default]
    En,
    /// Simplified Chinese.
    Zh,
}

/// All languages.
pub const LANGS: [Lang; 2] = [Lang::En, Lang::Zh];

impl Lang {
    /// Reads a tag such as `zh-CN`, `zh`, `en` or `en-GB`.
    pub fn from_tag(tag: &str) -> Option<Self> {
        let primary = tag.split(['-', '_']).next().unwrap_or_default();
        match primary.to_ascii_lowercase().as_str() {
            "zh" => Some(Self::Zh),
            "en" => Some(Self::En),
            _ => None,
        }
    }

    /// The tag for the page's `lang` attribute.
    pub const fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Zh => "zh-CN",
        }
    }

    /// The other language.
    pub const fn other(self) -> Self {
        match self {
            Self::En => Self::Zh,
            Self::Zh => Self::En,
        }
    }
}

/// A fixed text in both languages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Both {
    /// English.
    pub en: &'static str,
    /// Simplified Chinese.
    pub zh: &'static str,
}

impl Both {
    /// The text in one language.
    pub const fn get(self, lang: Lang) -> &'static str {
        match lang {
            Lang::En => self.en,
            Lang::Zh => self.zh,
        }
    }
}

/// Shorthand for a [`Both`].
pub(crate) const fn both(en: &'static str, zh: &'static str) -> Both {
    Both { en, zh }
}

/// A moment as panels show it: milliseconds with one decimal, `412.8`.
pub fn moment(at: Time) -> String {
    format!("{}.{}", at.0 / 1_000, at.0 % 1_000 / 100)
}

/// How long something took, within a sentence: milliseconds with at most one decimal, `377.3 ms` or `70 ms`.
pub(crate) fn lasting(span: Span, lang: Lang) -> String {
    let tenths = span.0.saturating_add(50) / 100;
    let number = match tenths % 10 {
        0 => (tenths / 10).to_string(),
        rest => format!("{}.{rest}", tenths / 10),
    };
    match lang {
        Lang::En => format!("{number} ms"),
        Lang::Zh => format!("{number} 毫秒"),
    }
}

/// Things in a row: `a, b and c`, or `a、b、c`.
pub(crate) fn row(items: &[String], lang: Lang) -> String {
    match (lang, items) {
        (_, []) => String::new(),
        (_, [one]) => one.clone(),
        (Lang::Zh, _) => items.join("、"),
        (Lang::En, [before @ .., last]) => format!("{} and {last}", before.join(", ")),
    }
}

/// What stands between the parts of a list without an end.
pub(crate) const fn between(lang: Lang) -> &'static str {
    match lang {
        Lang::En => ", ",
        Lang::Zh => "，",
    }
}

/// Chinese text with a space wherever Chinese meets Latin letters or digits, and nowhere else between them.
pub(crate) fn spaced(text: &str) -> String {
    let latin = |c: char| c.is_ascii_alphanumeric();
    let mut out = String::with_capacity(text.len() + 8);
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let before = out.chars().next_back();
        if c == ' ' {
            let after = rest.peek().copied();
            let wide = |side: Option<char>| side.is_some_and(is_chinese);
            let narrow = |side: Option<char>| side.is_some_and(|c| !is_chinese(c));
            let punctuation = |side: Option<char>| side.is_some_and(is_chinese_punctuation);
            let keep = (narrow(before) || narrow(after)) && !punctuation(before) && !punctuation(after);
            if keep && !(wide(before) && wide(after)) {
                out.push(c);
            }
            continue;
        }
        let meets = before.is_some_and(|b| (is_hanzi(b) && latin(c)) || (latin(b) && is_hanzi(c)));
        if meets {
            out.push(' ');
        }
        out.push(c);
    }
    out
}

const fn is_hanzi(c: char) -> bool {
    matches!(c, '\u{4e00}'..='\u{9fff}')
}

const fn is_chinese_punctuation(c: char) -> bool {
    matches!(c, '\u{3000}'..='\u{303f}' | '\u{ff00}'..='\u{ffef}')
}

const fn is_chinese(c: char) -> bool {
    is_hanzi(c) || is_chinese_punctuation(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_is_read_from_the_tags_that_browsers_send() {
        for tag in ["zh", "zh-CN", "zh-Hans-CN", "ZH_tw"] {
            assert_eq!(Lang::from_tag(tag), Some(Lang::Zh), "{tag}");
        }
        assert_eq!(Lang::from_tag("en-GB"), Some(Lang::En));
        assert_eq!(Lang::from_tag("fr"), None);
        assert_eq!(Lang::from_tag(""), None);
    }

    #[test]
    fn chinese_keeps_its_distance_from_latin_letters_and_only_from_them() {
        assert_eq!(
            spaced("把消息17 追加到分区orders/0，偏移量 16"),
            "把消息 17 追加到分区 orders/0，偏移量 16"
        );
        assert_eq!(spaced("把它 放回 原处"), "把它放回原处");
        assert_eq!(spaced("（1 … 5） 复制"), "（1 … 5）复制");
        assert_eq!(spaced("Broker 1 宕机"), "Broker 1 宕机");
    }

    #[test]
    fn a_sentence_counts_no_microseconds() {
        assert_eq!(lasting(Span(377_258), Lang::En), "377.3 ms");
        assert_eq!(lasting(Span(69_960), Lang::En), "70 ms");
        assert_eq!(lasting(Span(49), Lang::Zh), "0 毫秒");
        assert_eq!(lasting(Span(u64::MAX), Lang::En), "18446744073709551.6 ms");
    }

    #[test]
    fn rows_read_like_sentences() {
        let items: Vec<String> = ["a", "b", "c"].map(String::from).into();
        assert_eq!(row(&items, Lang::En), "a, b and c");
        assert_eq!(row(&items, Lang::Zh), "a、b、c");
        assert_eq!(row(&items[..1], Lang::En), "a");
    }
}
