//! Two languages, each of them whole: nothing of one is left over in the other, and a choice is remembered.

use std::collections::BTreeSet;

use fantoccini::Locator;

use crate::Form;
use crate::driver::{Page, Visitor, with_page, with_page_for};

const CHINESE: Visitor = Visitor { language: "zh-CN", window: (1440, 900) };

/// All that is seen or heard: texts, names, tooltips, spoken values, the title. Not what is the same in every
/// language: the digest, and the switch that names the other language. Nor what is said in both languages at once, where
/// the engine with all of the words is missing.
const ALL_WORDS: &str = r##"
    const words = [document.title], skipped = "#digest, #lang, [data-text='key-lang'], #trouble *, script, style";
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const element = walker.currentNode.parentElement;
        if (!element.closest(skipped)) words.push(walker.currentNode.data);
    }
    for (const element of document.querySelectorAll("*")) {
        if (element.matches(skipped)) continue;
        for (const name of ["aria-label", "title", "aria-valuetext", "alt", "placeholder"]) {
            if (element.hasAttribute(name)) words.push(element.getAttribute(name));
        }
    }
    return words.map((text) => text.trim()).filter((text) => text);
"##;

/// Words that are the same in both languages: names of settings, of roles, of nodes, of units and of keys.
const SHARED: &[&str] = &[
    "mqlab", "Broker", "leader", "follower", "key", "acks", "all", "ack", "prefetch", "ms", "orders", "shop",
    "app", "billing", "worker", "Space", "Home", "End", "Tab", "Esc", "Ctrl", "Shift", "SVG", "PNG", "JSON",
    "Lines", "run", "Kafka", "RocketMQ", "sendfile", "Reno", "BBR", "KiB", "MiB", "ActiveMQ", "RabbitMQ",
    "Pulsar", "Bookie", "entry", "ledger", "master", "SEND", "OK",
];

fn is_chinese(c: char) -> bool {
    matches!(c, '\u{3000}'..='\u{303f}' | '\u{4e00}'..='\u{9fff}' | '\u{ff00}'..='\u{ffef}')
}

/// The words of two letters and more that are not shared. Where there is little room a name is cut, and shows that it is:
/// it must still be the beginning of one that is shared.
fn english_in(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    let words = text.split(|c: char| !c.is_ascii_alphabetic()).filter_map(move |word| {
        let after = rest.get(word.len()..)?;
        let is_cut = after.starts_with('…');
        rest = after.get(after.chars().next().map_or(0, char::len_utf8)..)?;
        Some((word, is_cut))
    });
    let known = |word: &str, is_cut: bool| {
        SHARED.contains(&word) || is_cut && SHARED.iter().any(|shared| shared.starts_with(word))
    };
    words.filter(move |(word, is_cut)| word.len() > 1 && !known(word, *is_cut)).map(|(word, _)| word)
}

#[test]
fn a_cut_name_is_known_by_its_beginning_and_nothing_else_is() {
    assert_eq!(english_in("billi…-1 和 Broker 2").count(), 0);
    assert_eq!(english_in("bill…、 bills lost…").collect::<Vec<_>>(), ["bills", "lost"]);
}

async fn all_words(page: &Page) -> Vec<String> {
    let mut words: Vec<String> = serde_json::from_value(page.script(ALL_WORDS).await).expect("texts");
    for view in ["#view-space-time", "#view-logs", "#view-stage"] {
        page.click(view).await;
        words.extend(page.written_on("stage").await.into_iter().map(|written| written.text));
    }
    words.extend(page.written_on("charts").await.into_iter().map(|written| written.text));
    words.extend(page.written_on("scrub").await.into_iter().map(|written| written.text));
    words
}

/// Brings up everything that can be read: a verdict with its messages, a life, branches, a notice, the help.
async fn show_everything(page: &Page, scenario: &str) {
    page.open(&format!("?scenario={scenario}&seed=20")).await;
    page.press("End").await;
    page.seek(300_000).await;
    page.press("1").await;
    page.press(if scenario == "hundred-messages" { "k" } else { "r" }).await;
    page.press("End").await;
    for count in ["#count-lost", "#count-doubled", "#count-reordered"] {
        if !page.texts(count).await.is_empty() {
            page.click(count).await;
        }
    }
    if !page.texts("#verdict-named > button").await.is_empty() {
        page.click("#verdict-named > button").await;
    }
    // Two branches beside each other, with the first difference on the axis and in the list.
    page.press("b").await;
    page.click("#difference-go").await;
    page.press("b").await;
    page.press("End").await;
    if page.attribute("#charts-open", "aria-expanded").await == "false" {
        page.click("#charts-open").await;
    }
    page.press("k").await;
    assert_ne!(page.text("#notice").await, "", "the run is over, and that is said");
    page.press("?").await;
}

#[tokio::test]
async fn chinese_is_whole() {
    with_page_for(CHINESE, Form::SingleFile, async |page: &Page| {
        for scenario in ["hundred-messages", "kill-the-leader", "kill-the-leader-acks-1"] {
            show_everything(page, scenario).await;
            assert_eq!(page.attribute("html", "lang").await, "zh-CN");
            let words = all_words(page).await;
            assert!(words.iter().any(|text| text.contains(is_chinese)));
            let left: BTreeSet<_> = words.iter().filter(|text| english_in(text).next().is_some()).collect();
            assert!(left.is_empty(), "{scenario}: not Chinese: {left:#?}");
        }
    })
    .await;
}

#[tokio::test]
async fn english_is_whole() {
    with_page(Form::Site, async |page: &Page| {
        for scenario in ["hundred-messages", "kill-the-leader", "kill-the-leader-acks-1"] {
            show_everything(page, scenario).await;
            assert_eq!(page.attribute("html", "lang").await, "en");
            let words = all_words(page).await;
            let left: BTreeSet<_> = words.iter().filter(|text| text.contains(is_chinese)).collect();
            assert!(left.is_empty(), "{scenario}: not English: {left:#?}");
        }
    })
    .await;
}

#[tokio::test]
async fn the_visitors_language_comes_first_and_then_their_choice() {
    for form in [Form::Site, Form::SingleFile] {
        with_page_for(CHINESE, form, async |page: &Page| {
            page.open("").await;
            let shown = async || (page.attribute("html", "lang").await, page.text("#events-title").await);
            assert_eq!(shown().await, ("zh-CN".into(), "事件".into()), "the browser's language");
            page.click("#lang").await;
            assert_eq!(shown().await, ("en".into(), "Events".into()));
            page.client.refresh().await.expect("the page is loaded anew");
            page.element(Locator::Css("html[data-ready='1']")).await;
            page.settle().await;
            assert_eq!(shown().await, ("en".into(), "Events".into()), "the choice is remembered");
            page.press("l").await;
            page.open("").await;
            assert_eq!(shown().await, ("zh-CN".into(), "事件".into()), "so is the choice by key");
            page.open("?lang=en").await;
            assert_eq!(shown().await, ("en".into(), "Events".into()), "a link has its own language");
        })
        .await;
    }
}
