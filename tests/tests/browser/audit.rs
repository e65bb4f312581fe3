//! An accessibility audit of the page in its main states: axe-core finds nothing to object to.

use std::{env, fs};

use crate::Form;
use crate::driver::{Page, with_page};

/// What the audit objects to: the rule, how grave, and the elements.
const AUDIT: &str = r#"
    const done = arguments[arguments.length - 1];
    axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) => done(violations.map(
        ({ id, impact, nodes }) => `${id} (${impact}): ${nodes.map(({ target }) => target.join(" ")).join(", ")}`)));
"#;

async fn objections(page: &Page) -> Vec<String> {
    let script =
        env::var("MQLAB_AXE").expect("MQLAB_AXE names axe.min.js: run `cargo xtask test --only browser`");
    if page.script("return typeof axe").await == "undefined" {
        let source = fs::read_to_string(&script).unwrap_or_else(|error| panic!("{script}: {error}"));
        page.script(&format!("{source}\nwindow.axe = axe")).await;
        // A colour on its way to another is not what anybody reads.
        let still = "document.head.append(Object.assign(document.createElement('style'),
            { textContent: '* { transition: none !important }' }))";
        page.script(still).await;
    }
    let found = page.client.execute_async(AUDIT, Vec::new()).await.expect("the audit runs");
    serde_json::from_value(found).expect("texts")
}

async fn is_fine(page: &Page, state: &str) {
    assert_eq!(objections(page).await, [""; 0], "{state}");
}

#[tokio::test]
async fn the_audit_objects_to_nothing() {
    with_page(Form::Site, async |page: &Page| {
        for query in ["?scenario=kill-the-leader-acks-1&seed=20&lang=en", "?scenario=exchanges&lang=zh"] {
            page.open(query).await;
            is_fine(page, "at the beginning").await;
            page.press("+").await;
            is_fine(page, "zoomed").await;
            page.press("f").await;
            page.seek(200_000).await;
            page.click("#theme").await;
            is_fine(page, "in the middle, in another theme").await;
            page.press("c").await;
            is_fine(page, "with charts").await;
            page.press("c").await;
            page.focus("#nodes > button").await;
            page.press("m").await;
            is_fine(page, "with a menu").await;
            page.press("Enter").await;
            page.press("b").await;
            is_fine(page, "with branches").await;
            page.press("b").await;
            page.press("a").await;
            is_fine(page, "with a form").await;
            page.press("Escape").await;
            page.press(":").await;
            page.press("c").await;
            is_fine(page, "with a field for commands").await;
            page.press("Escape").await;
            page.click("#share-open").await;
            is_fine(page, "with the share menu").await;
            page.press("Escape").await;
            for _ in 0..2 {
                page.press("v").await;
                is_fine(page, "in another view").await;
            }
            page.press("?").await;
            is_fine(page, "with help").await;
        }
        page.set_window((390, 844)).await;
        page.open("?scenario=kill-the-leader&seed=20&lang=zh").await;
        page.press("End").await;
        is_fine(page, "narrow").await;
    })
    .await;
}

#[tokio::test]
async fn the_audit_objects_to_nothing_where_systems_are_compared() {
    with_page(Form::Site, async |page: &Page| {
        let link = "compare.html?who=kafka:acks-all,kafka:acks-0&messages=300&wrong=none,power-cut&seeds=1";
        for (lang, window) in [("en", (1440, 900)), ("zh", (390, 844))] {
            page.set_window(window).await;
            page.open(&format!("{link}&lang={lang}")).await;
            page.click("summary").await;
            is_fine(page, "compare: at the beginning").await;
            page.click("#theme").await;
            page.click("#run").await;
            let state = "return document.getElementById('outcome').dataset.state === 'done'";
            page.until("all is run", async || page.script(state).await == true).await;
            page.settle().await;
            is_fine(page, "compare: with an outcome").await;
            page.click("#together-open").await;
            let drawn = "return [...document.querySelectorAll('mq-lab')].some((lab) => lab.dataset.ready)";
            page.until("a run is drawn", async || page.script(drawn).await == true).await;
            is_fine(page, "compare: side by side").await;
        }
    })
    .await;
}

#[tokio::test]
async fn the_cards_are_read_in_both_languages_and_the_audit_objects_to_nothing() {
    with_page(Form::Site, async |page: &Page| {
        for (lang, first, window) in [
            ("en", "ActiveMQ: what the lab models", (1440, 900)),
            ("zh", "ActiveMQ：实验台模拟了什么", (390, 844)),
        ] {
            page.set_window(window).await;
            page.client
                .goto(&format!("{}fidelity.html?lang={lang}", page.url))
                .await
                .expect("the page opens");
            let heads = async || -> Vec<String> {
                let seen = "return [...document.querySelectorAll('.card > h2')].filter((head) => head.checkVisibility())
                    .map((head) => head.textContent)";
                serde_json::from_value(page.script(seen).await).expect("texts")
            };
            let seen = heads().await;
            assert_eq!((seen.len(), seen[0].as_str()), (5, first));
            is_fine(page, "the cards").await;
            page.click("#theme").await;
            is_fine(page, "the cards, in another theme").await;
            let wide = page.script("return document.scrollingElement.scrollWidth").await;
            assert!(wide.as_f64() <= Some(f64::from(window.0)), "{wide} wide in a window of {}", window.0);
            page.click("#lang").await;
            assert_ne!(heads().await[0], first);
            page.click(".systems > [href='#pulsar']").await;
            let top =
                "return document.getElementById('pulsar').getBoundingClientRect().top < innerHeight / 2";
            page.until("Pulsar's card is there", async || page.script(top).await == true).await;
        }
    })
    .await;
}
