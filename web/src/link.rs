//! A link, as the page takes it: in one of the languages that it speaks.
//!
//! What stands in it and how it is written is the engine's ([`PageLink`](mqlab_core::sim::PageLink)): the command line
//! follows the same links.

pub use mqlab_core::sim::{BadLink, COMMANDS_MAX, LinkPlace as Place, PageLink as Link, SCENARIO_USUAL};

use crate::text::Lang;

/// The views that a link may name, the usual one first.
pub const VIEWS: [&str; 4] = ["stage", "space-time", "logs", "together"];
/// What stands behind a view that has charts below it.
const WITH_CHARTS: &str = ",charts";

/// Reads a link.
///
/// # Errors
///
/// [`BadLink`], also when it asks for a language that the page does not speak, or a view that it has not.
pub fn read(query: &str) -> Result<Link, BadLink> {
    let link = Link::read(query)?;
    if let Some(tag) = link.lang.as_ref().filter(|tag| Lang::from_tag(tag).is_none()) {
        return Err(BadLink::Lang(tag.clone()));
    }
    if let Some(view) = link.view.as_ref().filter(|view| view_in(view).is_none()) {
        return Err(BadLink::View(view.clone()));
    }
    Ok(link)
}

/// Which of the [views](VIEWS) a link means, and whether with charts.
pub fn view_in(view: &str) -> Option<(&'static str, bool)> {
    let (name, charts) = view.strip_suffix(WITH_CHARTS).map_or((view, false), |name| (name, true));
    Some((VIEWS.into_iter().find(|known| *known == name)?, charts))
}

/// How a link names a view.
pub fn view_of(name: &str, charts: bool) -> String {
    format!("{name}{}", if charts { WITH_CHARTS } else { "" })
}

/// The language that a link asks for, however little of the rest can be read: its reader should be told in it.
pub fn language(query: &str) -> Option<Lang> {
    Link::language(query).as_deref().and_then(Lang::from_tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_that_nobody_speaks_here_is_named() {
        assert_eq!(read("?lang=%66r"), Err(BadLink::Lang("fr".into())));
        assert_eq!(read("?lang=zh-CN&seed=7").map(|link| link.seed), Ok(Some(7)));
        assert_eq!(language("?v=9.9.9&lang=zh#x"), Some(Lang::Zh));
        assert_eq!(language("?lang=fr"), None);
    }

    #[test]
    fn a_view_comes_back_and_one_that_is_not_there_is_named() {
        for (name, charts) in VIEWS.into_iter().flat_map(|name| [(name, false), (name, true)]) {
            let query = Link { view: Some(view_of(name, charts)), ..Link::default() }.write();
            let view = read(&query).expect("a link of the page").view.expect("it names a view");
            assert_eq!(view_in(&view), Some((name, charts)), "{query}");
        }
        for wrong in ["nowhere", "stage,chart"] {
            assert_eq!(read(&format!("?view={wrong}")), Err(BadLink::View(wrong.into())));
        }
    }
}
