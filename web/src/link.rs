//! A link is the experiment: what the part of the address after `?` asks for.

use crate::text::Lang;

/// What a link says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Link {
    /// Which scenario that comes with the engine.
    pub scenario: Option<String>,
    /// A whole scenario of somebody's own, packed.
    pub run: Option<String>,
    /// With which seed.
    pub seed: Option<u64>,
    /// In which language.
    pub lang: Option<Lang>,
}

/// A link that cannot be followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadLink {
    /// The seed is not a number that a seed can be.
    Seed(String),
    /// There is no such language here.
    Lang(String),
}

/// The scenario that is shown when a link names none.
pub const SCENARIO_USUAL: &str = "hundred-messages";

/// Reads `?scenario=kill-the-leader&seed=7&lang=zh`, or `?run=` and a [packed](mqlab_core::sim::Scenario::pack) scenario;
/// what it does not know, it leaves alone.
///
/// # Errors
///
/// [`BadLink`] when a part that it knows cannot be read.
pub fn read(query: &str) -> Result<Link, BadLink> {
    let mut link = Link::default();
    for part in query.trim_start_matches('?').split('&') {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        match name {
            "scenario" => link.scenario = Some(decoded(value)),
            "run" => link.run = Some(decoded(value)),
            "seed" => link.seed = Some(value.parse().map_err(|_| BadLink::Seed(decoded(value)))?),
            "lang" => link.lang = Some(Lang::from_tag(value).ok_or_else(|| BadLink::Lang(decoded(value)))?),
            _ => {}
        }
    }
    Ok(link)
}

/// The query that leads to this experiment: a scenario by its name, or a packed one.
pub fn write(scenario: &str, packed: Option<&str>, seed: u64, lang: Lang) -> String {
    let lang = match lang {
        Lang::En => "en",
        Lang::Zh => "zh",
    };
    match packed {
        // Its letters need no encoding.
        Some(packed) => format!("?run={packed}&seed={seed}&lang={lang}"),
        None => format!("?scenario={scenario}&seed={seed}&lang={lang}"),
    }
}

/// Undoes percent encoding; what is no encoding stays as it is.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let hex = after.get(..2).and_then(|pair| std::str::from_utf8(pair).ok());
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
    use super::*;

    #[test]
    fn a_link_comes_back_as_it_was_written() {
        let link = read(&write("kill-the-leader", None, 7, Lang::Zh)).expect("a good link");
        assert_eq!(link.scenario.as_deref(), Some("kill-the-leader"));
        assert_eq!((link.seed, link.lang), (Some(7), Some(Lang::Zh)));
        let packed = read(&write("any", Some("jAb-_9"), 7, Lang::En)).expect("a good link");
        assert_eq!((packed.run.as_deref(), packed.scenario), (Some("jAb-_9"), None));
        assert_eq!(read(""), Ok(Link::default()));
        assert_eq!(read("?utm=x&"), Ok(Link::default()));
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        assert_eq!(read("?seed=-1"), Err(BadLink::Seed("-1".into())));
        assert_eq!(read("?seed=99999999999999999999"), Err(BadLink::Seed("99999999999999999999".into())));
        assert_eq!(read("?lang=%66r"), Err(BadLink::Lang("fr".into())));
        assert_eq!(read("?scenario=%E4%B8%AD%").expect("text").scenario.as_deref(), Some("中%"));
    }
}
