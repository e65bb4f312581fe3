//! What can be done to a node, or to the way between two: offered with what it will do, by mouse and by keyboard.

use crate::Form;
use crate::driver::{Page, with_page};

/// The commands that the open menu offers.
async fn offered(page: &Page) -> Vec<String> {
    let script =
        "return [...document.querySelectorAll('#menu [data-act=do]')].map((one) => one.dataset.value)";
    serde_json::from_value(page.script(script).await).expect("they are texts")
}

async fn is_open(page: &Page) -> bool {
    page.script("return !document.getElementById('menu').hidden").await == true
}

/// Clicks on a word of the stage.
async fn click_word(page: &Page, word: &str) {
    let stage = page.written_on("stage").await;
    let spot = stage.iter().find(|written| written.text == word);
    let spot = spot.unwrap_or_else(|| panic!("{word} is not on the stage: {stage:?}"));
    page.click_at(spot.x + 4.0, spot.y).await;
}

#[tokio::test]
async fn a_node_is_clicked_and_says_what_can_be_done_to_it() {
    with_page(Form::Site, async |page: &Page| {
        page.open("?scenario=kill-the-leader&seed=20&lang=en").await;
        page.seek(150_000).await;
        click_word(page, "broker 3").await;
        assert_eq!(page.text("#menu-title").await, "broker 3");
        let all = offered(page).await;
        for command in ["crash broker-3", "cut-power broker-3", "freeze broker-3", "disk broker-3 lying"] {
            assert!(all.iter().any(|other| other == command), "{command} is not in {all:?}");
        }
        assert!(!all.iter().any(|command| command.starts_with("restart")), "it runs: {all:?}");
        let full = "#menu [data-value='disk broker-3 full']";
        assert_eq!(page.text(full).await, "Fullstops at its next write");

        page.click("#lang").await;
        assert_eq!(page.text(full).await, "写满下次写盘就停机");
        page.click("#lang").await;

        page.click(full).await;
        assert!(!is_open(page).await, "it is done");
        let last = page.texts("#events > [data-when='now']").await;
        assert!(last.iter().any(|row| row.ends_with("broker 3 has a full disk")), "{last:?}");
        click_word(page, "broker 3").await;
        assert!(offered(page).await.contains(&"disk broker-3 sound".to_owned()), "now it can be mended");
        click_word(page, "broker 3").await;
        assert!(!is_open(page).await, "a second click closes it");
    })
    .await;
}

#[tokio::test]
async fn a_way_is_cut_and_mended_by_keyboard() {
    with_page(Form::SingleFile, async |page: &Page| {
        page.open("?scenario=kill-the-leader&seed=20&lang=en").await;
        page.seek(150_000).await;
        let node = "[data-node='broker-2']";
        page.focus(node).await;
        page.press("m").await;
        let focused = "return document.activeElement.dataset.value ?? document.activeElement.dataset.node";
        assert_eq!(page.script(focused).await, "crash broker-2", "the first line has the focus");
        page.press("ArrowUp").await;
        page.press("ArrowUp").await;
        let way = page.script(focused).await;
        let way = way.as_str().expect("the last lines are ways").to_owned();
        assert!(way.starts_with("broker-2 and "), "{way}");
        page.press("Enter").await;
        assert!(page.text("#menu-title").await.contains(" ⇄ "));
        let cut = format!("cut {way}");
        assert_eq!(offered(page).await[0], cut, "there is nothing to mend");
        page.press("Enter").await;
        assert!(!is_open(page).await);
        assert_eq!(page.script(focused).await, "broker-2", "the focus is where it was");

        page.press("m").await;
        page.click(&format!("#menu [data-value='{way}']")).await;
        assert_eq!(offered(page).await[0], format!("heal {way}"), "it is cut, and can be mended");
        page.press("Escape").await;
        assert!(!is_open(page).await);
    })
    .await;
}

#[tokio::test]
async fn who_dies_before_the_acknowledgement_makes_a_duplicate() {
    with_page(Form::Site, async |page: &Page| {
        page.open("?scenario=hundred-messages&seed=7&lang=en").await;
        page.seek(100_000).await;
        page.focus("[data-node='consumer-1']").await;
        page.press("m").await;
        page.click("#menu [data-value='crash-once-done consumer-1']").await;
        page.press("End").await;
        assert_eq!(page.text("#verdict-doubled").await, "1");
        assert_eq!(page.text("#verdict-lost").await, "0");
        assert_eq!(page.text("#verdict-delivered").await, "100");
    })
    .await;
}
