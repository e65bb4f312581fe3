//! A link, as the page takes it: in one of the languages that it speaks.
//!
//! What stands in it and how it is written is the engine's ([`PageLink`](mqlab_core::sim::PageLink)): the command line
//! follows the same links.

pub use mqlab_core::sim::{BadLink, COMMANDS_MAX, LinkPlace as Place, PageLink as Link, SCENARIO_USUAL};

use crate::text::Lang;

/// Reads a link.
///
/// # Errors
///
/// [`BadLink`], also when it asks for a language that the page does not speak.
pub fn read(query: &str) -> Result<Link, BadLink> {
    let link = Link::read(query)?;
    match &link.lang {
        Some(tag) if Lang::from_tag(tag).is_none() => Err(BadLink::Lang(tag.clone())),
        _ => Ok(link),
    }
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
}
