//! Without a mouse, without eyes, without motion: everything is reached, named and said.

use fantoccini::Locator;
use serde_json::Value;

use crate::Form;
use crate::driver::{Page, with_page};

/// Every control that is there to be used now.
const CONTROLS: &str = r#"[...document.querySelectorAll("button, select, input, [tabindex='0']")]
    .filter((one) => one.checkVisibility({ visibilityProperty: true }) && !one.disabled)"#;

/// How a control is called: a selector that a person can find it by.
const CALLED: &str =
    "((one) => one.id || Object.entries(one.dataset).map((pair) => pair.join('=')).join(' '))";

fn strings(value: Value) -> Vec<String> {
    serde_json::from_value(value).expect("they are texts")
}

#[tokio::test]
async fn every_control_is_reached_by_tab_and_has_a_name() {
    with_page(Form::Site, async |page: &Page| {
        // With a verdict opened, a life told and two branches, so that every kind of control is there.
        page.open("?scenario=kill-the-leader-acks-1&seed=20").await;
        page.press("End").await;
        page.click("#count-lost").await;
        page.click("#verdict-named > button").await;
        page.seek(450_000).await;
        page.click("[data-node='consumer-2']").await;
        page.press("End").await;

        let nameless = format!(
            "return {CONTROLS}.filter((one) => !(one.ariaLabel || one.textContent.trim() || one.labels?.length))
                .map({CALLED})"
        );
        assert_eq!(strings(page.script(&nameless).await), [""; 0], "controls without a name");

        let missing = format!("return {CONTROLS}.filter((one) => !window.reached.has(one)).map({CALLED})");
        let all = page.script(&format!("return {CONTROLS}.length")).await.as_u64().expect("a number");
        assert!(all > 30, "{all} controls");
        page.script(
            "window.reached = new Set(); window.unseen = [];
            document.addEventListener('focusin', ({ target }) => {
                window.reached.add(target);
                const style = getComputedStyle(target);
                if (style.outlineStyle === 'none' || style.opacity === '0') window.unseen.push(target.outerHTML);
            });
            document.activeElement.blur()",
        )
        .await;
        page.tab(all as usize + 8).await;
        assert_eq!(strings(page.script(&missing).await), [""; 0], "never reached by Tab");
        let unseen = page.script("return window.unseen").await;
        assert_eq!(strings(unseen), [""; 0], "the focus is not seen");
    })
    .await;
}

#[tokio::test]
async fn the_event_list_is_walked_by_arrows_and_said_aloud() {
    with_page(Form::Site, async |page: &Page| {
        page.open("?scenario=kill-the-leader&seed=20").await;
        page.seek(249_500).await;
        page.focus("#events").await;
        let here = async || page.attribute("#events > [aria-selected='true']", "id").await;
        let start = (here().await, page.digest().await);
        page.press("ArrowDown").await;
        let next = here().await;
        assert_ne!(next, start.0);
        assert_eq!(page.attribute("#events", "aria-activedescendant").await, next);
        assert_eq!(page.texts("#events > [aria-selected='true']").await.len(), 1);
        assert_eq!(page.attribute("#live", "aria-live").await, "polite");
        let words = page.text("#events > [aria-selected='true'] > span").await;
        page.until("the event is said", async || page.text("#live").await.ends_with(&words)).await;

        let (_, top, _, height) = page.area("#events").await;
        for _ in 0..5 {
            page.press("ArrowDown").await;
            let (_, row, _, tall) = page.area("#events > [aria-selected='true']").await;
            assert!(row >= top - 1.0 && row + tall <= top + height + 1.0, "the row is in sight");
        }
        for _ in 0..6 {
            page.press("ArrowUp").await;
        }
        assert_eq!((here().await, page.digest().await), start);
        let focused = page.client.active_element().await.expect("something has the focus");
        assert_eq!(focused.attr("id").await.expect("an attribute").as_deref(), Some("events"));
    })
    .await;
}

#[tokio::test]
async fn less_motion_goes_by_events() {
    with_page(Form::Site, async |page: &Page| {
        page.set_media("prefers-reduced-motion", "reduce").await;
        page.open("?scenario=hundred-messages&seed=7").await;
        page.seek(50_000).await;
        page.press(" ").await;
        // Every moment that is shown is one at which something happens: nothing glides.
        let watch = "const done = arguments[0], seen = new Map(), axis = document.getElementById('scrub');
            const look = () => {
                const row = document.querySelector('#events > [aria-selected=\"true\"]');
                seen.set(axis.ariaValueNow, row?.dataset.at === axis.ariaValueNow);
                if (seen.size < 4) requestAnimationFrame(look); else done([...seen]);
            };
            look();";
        let seen = page.client.execute_async(watch, Vec::new()).await.expect("it steps");
        let seen: Vec<(String, bool)> = serde_json::from_value(seen).expect("moments");
        assert!(seen.iter().skip(1).all(|(_, is_event)| *is_event), "{seen:?}");
        page.press(" ").await;
    })
    .await;
}

#[tokio::test]
async fn the_help_opens_by_key_and_gives_the_focus_back() {
    with_page(Form::Site, async |page: &Page| {
        page.open("").await;
        let help = page.element(Locator::Css("#help")).await;
        let shown = async || help.is_displayed().await.expect("it is in the page");
        assert!(!shown().await);
        page.press("?").await;
        assert!(shown().await);
        assert_eq!(page.attribute("#help-open", "aria-expanded").await, "true");
        assert_eq!(page.script("return document.activeElement.id").await, "help-close");
        page.press("Escape").await;
        assert!(!shown().await);
        assert_eq!(page.script("return document.activeElement.id").await, "help-open");
    })
    .await;
}
