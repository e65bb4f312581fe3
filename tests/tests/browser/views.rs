//! Three views of one moment, the charts above the axis, and why things happened to a message.

use crate::Form;
use crate::driver::{Page, with_page};
use crate::hands::Written;

/// Whether any of the words on a canvas contain this.
fn says(canvas: &[Written], words: &str) -> bool {
    canvas.iter().any(|written| written.text.contains(words))
}

#[tokio::test]
async fn three_views_show_the_same_moment_in_both_languages() {
    with_page(Form::Site, async |page: &Page| {
        page.open("?scenario=kill-the-leader&seed=20&lang=en").await;
        page.seek(200_000).await;
        let (now, digest) = (page.now().await, page.digest().await);
        page.press("v").await;
        assert_eq!(page.attribute("#view-space-time", "aria-pressed").await, "true");
        assert_eq!(page.attribute("#view-stage", "aria-pressed").await, "false");
        assert!(page.attribute("#stage", "aria-label").await.starts_with("Space and time"));
        let lanes = page.written_on("stage").await;
        for lane in ["shop", "broker 1", "broker 3", "billing-2"] {
            assert!(says(&lanes, lane), "{lane}: {lanes:?}");
        }
        assert!(page.texts("#nodes > button").await.is_empty(), "the stage alone has controls");
        page.click("#zoom-in").await;
        page.press("-").await;
        page.click("#lang").await;
        assert_eq!(page.text("#view-space-time").await, "时空图");
        assert!(page.attribute("#stage", "aria-label").await.starts_with("时空图"));
        page.click("#lang").await;

        page.click("#view-logs").await;
        let logs = page.written_on("stage").await;
        assert!(says(&logs, "led by broker 1, epoch"), "{logs:?}");
        assert!(says(&logs, "caught up") && says(&logs, "lag"), "{logs:?}");
        page.click("#pan-back").await;
        page.press(">").await;
        page.click("#zoom-out").await;
        assert_eq!((page.now().await, page.digest().await), (now, digest), "it is the same moment");

        page.click("#view-stage").await;
        assert_eq!(page.texts("#nodes > button").await.len(), 8);
    })
    .await;
}

#[tokio::test]
async fn an_arrow_leads_to_its_message_and_its_moment() {
    with_page(Form::SingleFile, async |page: &Page| {
        page.open("?scenario=hundred-messages&seed=7&lang=en").await;
        let now = page.seek(400_000).await;
        page.click("#view-space-time").await;
        let words = page.written_on("stage").await;
        let is_message = |written: &&Written| {
            written.text.parse::<u64>().is_ok_and(|number| number < 100) && written.y > 200.0
        };
        let label =
            words.iter().find(is_message).unwrap_or_else(|| panic!("no message has a label: {words:?}"));
        page.click_at(label.x + 3.0, label.y).await;
        assert_eq!(page.text("#life-title").await, format!("The life of message {}", label.text));
        assert!(page.now().await < now, "its way began earlier");
    })
    .await;
}

#[tokio::test]
async fn charts_lie_over_the_axis_and_a_fault_has_a_before_and_an_after() {
    with_page(Form::Site, async |page: &Page| {
        page.open("?scenario=kill-the-leader&seed=20&lang=en").await;
        page.seek(100_000).await;
        page.click("#charts-open").await;
        assert_eq!(page.attribute("#charts-open", "aria-expanded").await, "true");
        assert!(page.text("#fault").await.starts_with("After a fault"));
        let charts = page.written_on("charts").await;
        for title in ["messages per second", "messages", "sent to processed, ms", "replicas in sync"] {
            assert!(charts.iter().any(|written| written.text == title), "{title}: {charts:?}");
        }

        page.seek(320_000).await;
        assert!(page.text("#fault").await.ends_with("broker 1 crashes"), "{}", page.text("#fault").await);
        let rows = page.texts("#changes-rows > tr").await;
        assert!(rows.iter().any(|row| row.starts_with("backlog")) && rows.len() >= 5, "{rows:?}");
        assert!(page.text("#charts-heard").await.contains("backlog"), "who cannot see the charts hears them");

        // The same place is the same moment on both.
        let (left, top, width, _) = page.area("#charts").await;
        let (axis, _, wide, _) = page.area("#scrub").await;
        assert_eq!((left, width), (axis, wide));
        page.click_at(left + width / 2.0, top + 40.0).await;
        let half = page.now().await;
        page.seek(100_000).await;
        assert_eq!(page.seek(450_000).await, half, "half of 900 milliseconds");

        page.click("#lang").await;
        assert!(says(&page.written_on("charts").await, "消息/秒"));
        assert!(page.text("#changes-rows").await.contains("积压"));
        page.press("c").await;
        assert_eq!(page.attribute("#charts-open", "aria-expanded").await, "false");
    })
    .await;
}

#[tokio::test]
async fn every_number_leads_to_its_messages_and_every_step_says_why() {
    with_page(Form::Site, async |page: &Page| {
        page.open("?scenario=kill-the-leader-acks-1&seed=20&lang=en").await;
        page.press("End").await;
        page.click("#count-acknowledged").await;
        assert_eq!(page.texts("#verdict-named > button").await.len(), 60, "not all of them");
        assert!(page.text("#verdict-named > span").await.starts_with("and "));
        page.click("#count-lost").await;
        assert_eq!(
            page.text("#life-title").await,
            "The life of message 88",
            "the first of them is told at once"
        );
        let whys = page.texts("#life .why").await;
        let elected = whys.iter().any(|why| why.starts_with("because the controller makes broker"));
        assert!(elected, "who leads now has not got it: {whys:?}");
        let at = page.attribute("#life .why", "data-value").await;
        page.click("#life .why").await;
        assert_eq!(page.now().await.to_string(), at, "a cause leads to its moment");
        page.click("#lang").await;
        assert!(page.texts("#life .why").await.iter().all(|why| why.starts_with("因为")));
    })
    .await;
}
