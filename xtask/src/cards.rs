//! The cards that say how true each system is, as a page: `docs/fidelity/*.md` in both languages, put into
//! `web/www/fidelity.html` where it says so.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd, html};

use crate::error::{Context, Error, Result};

/// The systems, by file and name, in the order of the page.
const SYSTEMS: [(&str, &str); 5] = [
    ("activemq", "ActiveMQ"),
    ("rabbitmq", "RabbitMQ"),
    ("rocketmq", "RocketMQ"),
    ("kafka", "Kafka"),
    ("pulsar", "Pulsar"),
];

/// The languages: the ending of a card's file, and the tag.
const LANGUAGES: [(&str, &str); 2] = [(".md", "en"), (".zh-CN.md", "zh-CN")];

/// Where the cards go in the template.
const PLACE: &str = "<!-- cards -->";

/// Puts the cards of `root/docs/fidelity` into the page `file`.
pub fn complete(root: &Path, file: &Path) -> Result<()> {
    let template = fs::read_to_string(file).context(|| format!("cannot read {}", file.display()))?;
    if template.matches(PLACE).count() != 1 {
        return Err(Error::new(format!("{} has no one place {PLACE}", file.display())));
    }
    let mut cards = String::new();
    for (name, title) in SYSTEMS {
        let _ = write!(cards, "<section id=\"{name}\" aria-label=\"{title}\">");
        for (ending, lang) in LANGUAGES {
            let card = root.join("docs/fidelity").join(format!("{name}{ending}"));
            let text = fs::read_to_string(&card).context(|| format!("cannot read {}", card.display()))?;
            let _ = write!(cards, "<div class=\"card\" lang=\"{lang}\">{}</div>", rendered(&text));
        }
        cards.push_str("</section>");
    }
    fs::write(file, template.replace(PLACE, &cards)).context(|| format!("cannot write {}", file.display()))
}

/// A card as HTML, its headings one level down: the page has a first of its own. Links to other documents are words there, for
/// those documents are not in the site.
fn rendered(text: &str) -> String {
    let lower = |level| match level {
        HeadingLevel::H1 => HeadingLevel::H2,
        HeadingLevel::H2 => HeadingLevel::H3,
        _ => HeadingLevel::H4,
    };
    let mut beside = false;
    let events = Parser::new_ext(text, Options::ENABLE_TABLES).filter_map(|event| {
        match &event {
            Event::Start(Tag::Link { dest_url, .. }) if !dest_url.contains("://") => {
                beside = true;
                return None;
            }
            Event::End(TagEnd::Link) if std::mem::take(&mut beside) => return None,
            _ => {}
        }
        Some(event)
    });
    let events = events.map(|event| match event {
        Event::Start(Tag::Heading { level, id, classes, attrs }) => {
            Event::Start(Tag::Heading { level: lower(level), id, classes, attrs })
        }
        Event::End(TagEnd::Heading(level)) => Event::End(TagEnd::Heading(lower(level))),
        other => other,
    });
    let mut made = String::new();
    html::push_html(&mut made, events);
    // A table is wider than a phone: it is scrolled by itself, also by keys.
    made.replace("<table>", "<div class=\"scrolled\" tabindex=\"0\" role=\"group\"><table>")
        .replace("</table>", "</table></div>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_is_a_section_in_each_language() {
        let folder = tempfile::tempdir().expect("a folder");
        let docs = folder.path().join("docs/fidelity");
        fs::create_dir_all(&docs).expect("a folder");
        for (name, title) in SYSTEMS {
            for (ending, lang) in LANGUAGES {
                let text =
                    format!("# {title} {lang}\n\n| a | b |\n|---|---|\n| `x` < y | [z](z.md) |\n\n## More\n");
                fs::write(docs.join(format!("{name}{ending}")), text).expect("written");
            }
        }
        let page = folder.path().join("fidelity.html");
        fs::write(&page, format!("<main>{PLACE}</main>")).expect("written");
        complete(folder.path(), &page).expect("it is complete");
        let made = fs::read_to_string(&page).expect("it is there");
        assert!(
            made.starts_with("<main><section id=\"activemq\"") && made.ends_with("</section></main>"),
            "{made}"
        );
        assert!(made.contains("<h2>Kafka zh-CN</h2>") && made.contains("<h3>More</h3>"), "{made}");
        assert!(made.contains("<td><code>x</code> &lt; y</td><td>z</td>"), "{made}");
        let again = complete(folder.path(), &page).expect_err("it has no place any more").to_string();
        assert!(again.contains(PLACE), "{again}");
    }
}
