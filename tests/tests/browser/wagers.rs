//! Bets and goals: a person says what will happen before it does, and brings things about; the run says what came of it.

use crate::Form;
use crate::driver::{Page, with_page};

async fn state(page: &Page) -> String {
    page.attribute("#bet", "data-state").await
}

#[tokio::test]
async fn a_bet_is_placed_before_and_told_after() {
    with_page(Form::Site, async |page: &Page| {
        page.open("?scenario=kill-the-leader-acks-1&seed=20&lang=en").await;
        assert_eq!(state(page).await, "open");
        assert!(page.text("#bet-question").await.contains("gone for good"));
        assert_eq!(page.texts("#bet-choices span").await, ["none", "1 to 4", "5 to 19", "20 or more"]);
        page.click("#bet-choices [value='1']").await;
        assert_eq!(state(page).await, "placed");
        page.seek(300_000).await;
        assert_eq!(state(page).await, "running");
        assert!(page.text("#bet-words").await.contains("900.0"));
        page.press("End").await;
        assert_eq!(
            (state(page).await.as_str(), page.text("#bet-words").await.as_str()),
            ("right", "You were right: 2.")
        );
        page.until("it is said aloud", async || page.text("#live").await.contains("You were right")).await;

        // The proof leads to its moment, and tells the life of the message.
        let at = page.attribute("#bet-see", "data-value").await;
        page.click("#bet-see").await;
        assert_eq!(page.now().await.to_string(), at);
        assert_eq!(page.text("#life-title").await, "The life of message 88");

        page.press("End").await;
        page.click("#lang").await;
        assert_eq!(page.text("#bet-words").await, "猜对了：2 个。");
    })
    .await;
}

#[tokio::test]
async fn by_keyboard_alone_and_wrong() {
    with_page(Form::SingleFile, async |page: &Page| {
        page.open("?scenario=kill-the-leader-acks-1&seed=20&lang=zh").await;
        page.focus("#bet-choices [value='0']").await;
        page.press(" ").await;
        assert_eq!(page.now().await, 0, "the key bets, and does not play");
        page.press("ArrowDown").await;
        page.press("ArrowDown").await;
        page.press("ArrowDown").await;
        assert_eq!(page.script("return document.activeElement.value").await, "3");
        page.script("document.activeElement.blur()").await;
        page.press("End").await;
        assert_eq!(
            (state(page).await.as_str(), page.text("#bet-words").await.as_str()),
            ("wrong", "猜错了：2 个。")
        );

        // Nobody bets on what has begun; a button leads to before it.
        page.open("?scenario=kill-the-leader-acks-1&seed=20&lang=en").await;
        page.seek(300_000).await;
        assert_eq!(state(page).await, "late");
        page.click("#bet-before").await;
        assert_eq!(state(page).await, "open");
        assert!(page.now().await < 250_000);
    })
    .await;
}

#[tokio::test]
async fn a_goal_ticks_itself_and_is_remembered() {
    with_page(Form::Site, async |page: &Page| {
        page.open("?scenario=hundred-messages&seed=7&lang=en").await;
        let done = async || {
            page.script("return document.querySelector('[data-goal=twice]').dataset.done ?? ''").await
        };
        assert_eq!(page.texts("#goals-list > li").await.len(), 2);
        page.press("End").await;
        assert_eq!(done().await, "", "watching is not enough");
        page.seek(100_000).await;
        page.focus("[data-node='consumer-1']").await;
        page.press("m").await;
        page.click("#menu [data-value='crash-once-done consumer-1']").await;
        page.press("End").await;
        assert_eq!(done().await, "1");
        page.until("it is said aloud", async || page.text("#live").await.starts_with("Done: ")).await;
        page.open("?scenario=hundred-messages&seed=7&lang=zh").await;
        assert_eq!(done().await, "1", "it stays so");
        assert!(page.text("[data-goal='twice']").await.contains("处理两次"));
        page.press("?").await;
        page.script("localStorage.clear()").await;
    })
    .await;
}
