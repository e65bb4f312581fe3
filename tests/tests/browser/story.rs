//! The main job: kill a node on the picture, see what it does, and follow a lost message to where it was lost.

use fantoccini::Locator;

use crate::Form;
use crate::driver::{Page, with_page};
use crate::hands::Written;

/// How often a word stands on the stage.
fn count(stage: &[Written], word: &str) -> usize {
    stage.iter().filter(|written| written.text == word).count()
}

#[tokio::test]
async fn a_broker_is_killed_and_revived_on_the_picture() {
    with_page(Form::Site, async |page: &Page| {
        page.open("?scenario=kill-the-leader&seed=20&lang=en").await;
        page.seek(150_000).await;
        let button = "[data-node='broker-3']";
        assert_eq!(page.attribute(button, "aria-label").await, "Kill broker 3");
        assert_eq!(count(&page.written_on("stage").await, "down"), 0);

        let (x, y, width, height) = page.area(button).await;
        page.click_at(x + width / 2.0, y + height / 2.0).await;
        assert_eq!(page.attribute(button, "aria-label").await, "Revive broker 3");
        assert_eq!(count(&page.written_on("stage").await, "down"), 1, "its card says so");
        let last = page.texts("#events > [data-when='now']").await;
        assert!(last.iter().any(|row| row.ends_with("broker 3 crashes")), "{last:?}");
        let said = async || page.text("#live").await.contains("broker 3 crashes");
        page.until("it is said aloud", said).await;

        page.click("#lang").await;
        assert_eq!(page.attribute(button, "aria-label").await, "恢复 Broker 3");
        assert_eq!(count(&page.written_on("stage").await, "宕机"), 1);
        page.click("#lang").await;

        page.seek(350_000).await;
        page.click_at(x + width / 2.0, y + height / 2.0).await;
        assert_eq!(page.attribute(button, "data-up").await, "1");
        let last = page.texts("#events > [data-when='now']").await;
        assert!(last.iter().any(|row| row.ends_with("broker 3 is back")), "{last:?}");
        // Broker 1 lies where the scenario itself has killed it.
        assert_eq!(count(&page.written_on("stage").await, "down"), 1);
        assert_eq!(page.attribute("[data-node='broker-1']", "data-up").await, "0");

        page.press("End").await;
        page.click(button).await;
        assert_eq!(page.text("#notice").await, "The run is over: go back in time to change it.");
    })
    .await;
}

#[tokio::test]
async fn a_lost_message_is_followed_to_where_it_was_lost() {
    with_page(Form::SingleFile, async |page: &Page| {
        page.open("?scenario=kill-the-leader-acks-1&seed=20").await;
        page.press("End").await;
        assert_eq!(page.text("#verdict-lost").await, "2");
        assert!(page.text("#verdict-sentence").await.starts_with("2 acknowledged messages are lost"));
        assert_eq!(count(&page.written_on("stage").await, "lost: 2"), 1, "the tray counts them too");
        page.click("#count-lost").await;
        assert_eq!(page.texts("#verdict-named > button").await, ["message 88", "message 89"]);

        page.click("#verdict-named > button:first-child").await;
        assert_eq!(page.text("#life-title").await, "The life of message 88");
        let rows = page.texts("#life > li").await;
        assert!(rows[0].contains("sends it to orders/"), "{rows:?}");
        assert!(rows.iter().any(|row| row.contains("is told that it is stored")), "{rows:?}");
        assert!(rows.iter().any(|row| row.contains("and so removes it")), "{rows:?}");
        let watermark = rows.iter().any(|row| row.contains("high watermark"));
        assert!(!watermark, "it was never committed; what later stands at its offset is another: {rows:?}");
        let last = rows.last().expect("it has a present");
        assert!(last.contains("lost: it was acknowledged, and no log will ever serve it"), "{rows:?}");

        for row in [0, 1] {
            let row = format!("#life > li:nth-child({}) > button", row + 1);
            let at = page.attribute(&row, "data-at").await;
            page.click(&row).await;
            assert_eq!(page.now().await.to_string(), at, "a click leads to its moment");
        }
        let next = page.element(Locator::Css("#life [data-when='next']")).await;
        assert!(next.is_displayed().await.expect("it is there"), "what comes later is still told");
        assert_eq!(page.text("#verdict-lost").await, "0", "by then nothing was lost");
    })
    .await;
}

#[tokio::test]
async fn a_message_on_the_stage_tells_its_life_when_it_is_clicked() {
    with_page(Form::Site, async |page: &Page| {
        page.open("?scenario=kill-the-leader-acks-1&seed=20").await;
        page.press("End").await;
        let is_89 = |word: &&Written| word.text.trim_start_matches(|c: char| c.is_ascii_uppercase()) == "89";
        let stage = page.written_on("stage").await;
        let disc = stage.iter().find(is_89).unwrap_or_else(|| panic!("89 lies in the tray: {stage:?}"));
        page.click_at(disc.x, disc.y).await;
        assert_eq!(page.text("#life-title").await, "The life of message 89");
        assert_eq!(page.text("#life-mark").await, disc.text, "the disc is shown beside its life");
        page.press("Escape").await;
        assert_eq!(page.text("#life-title").await, "The life of a message");
        assert!(page.texts("#life > li").await.is_empty());
    })
    .await;
}
