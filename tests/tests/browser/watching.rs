//! A run is watched slowly where something decides itself, with jumps where nothing happens, and from mark to mark.

use std::cell::RefCell;

use crate::Form;
use crate::driver::{Page, with_page};
use crate::hands::AXIS_MARGIN;

const NAME: &str = "kill-the-leader";

#[tokio::test]
async fn buttons_and_keys_lead_from_mark_to_mark() {
    with_page(Form::Site, async |page: &Page| {
        page.open(&format!("?scenario={NAME}&seed=20")).await;
        page.click("#mark-forward").await;
        assert_eq!(page.now().await, 250_000, "the crash, where nobody has been yet");
        let heard = page.attribute("#scrub", "aria-valuetext").await;
        assert!(heard.ends_with("broker 1 crashes"), "{heard}");
        let named = page.written_on("scrub").await;
        assert!(named.iter().any(|word| word.text.contains("250.0 ms: broker 1 crashes")), "{named:?}");
        page.press("]").await;
        let next = page.now().await;
        assert!(next > 250_000);
        page.focus("#scrub").await;
        page.press("PageUp").await;
        assert_eq!(page.now().await, 250_000);
        page.press("PageDown").await;
        assert_eq!(page.now().await, next);
        page.press("[").await;
        page.click("#mark-back").await;
        assert_eq!(page.now().await, 0);

        // A sign on the axis leads to its own moment, though the pointer is a little beside it.
        page.press("End").await;
        let (x, y, width, height) = page.area("#scrub").await;
        let crash = x + AXIS_MARGIN + 250.0 / 900.0 * (width - 2.0 * AXIS_MARGIN);
        page.click_at(crash + 3.0, y + height - 43.0).await;
        assert_eq!(page.now().await, 250_000);
        page.click("#lang").await;
        let named = page.written_on("scrub").await;
        assert!(named.iter().any(|word| word.text.contains("250.0 毫秒：Broker 1 宕机")), "{named:?}");
    })
    .await;
}

/// Plays until there is a note of the pace, and says which.
async fn first_note(page: &Page) -> String {
    let note = RefCell::new(String::new());
    page.click("#play").await;
    page.until("the pace has a note", async || {
        let seen = page.text("#pace-note").await;
        let is_there = !seen.is_empty();
        *note.borrow_mut() = seen; // it may be gone before anybody stops the run
        is_there
    })
    .await;
    page.click("#play").await;
    note.into_inner()
}

#[tokio::test]
async fn the_run_is_slow_around_a_crash_and_says_why() {
    for (lang, words) in [("en", "slow for a crash (1 s = 8 ms)"), ("zh", "因宕机放慢（1 秒 = 8 毫秒）")]
    {
        with_page(Form::Site, async |page: &Page| {
            page.open(&format!("?scenario={NAME}&seed=20&lang={lang}")).await;
            page.click("#leap").await;
            assert_eq!(page.attribute("#leap", "aria-pressed").await, "false");
            page.seek(215_000).await;
            page.press(" ").await;
            page.until("it is slow", async || page.text("#pace-note").await == words).await;
            assert!(page.now().await < 250_000, "before it happens");
            page.until("the note goes", async || page.text("#pace-note").await != words).await;
            page.press(" ").await;
            // Turned off, the same stretch has no note.
            page.press("s").await;
            assert_eq!(page.attribute("#slow", "aria-pressed").await, "false");
            page.seek(215_000).await;
            page.press(" ").await;
            page.until("it has passed by", async || page.now().await > 265_000).await;
            assert_eq!(page.text("#pace-note").await, "");
            page.press(" ").await;
        })
        .await;
    }
}

#[tokio::test]
async fn the_run_jumps_where_nothing_happens_and_says_so() {
    for (lang, before, after) in
        [("en", "jumped ", " ms without an event"), ("zh", "跳过了没有事件的 ", " 毫秒")]
    {
        with_page(Form::SingleFile, async |page: &Page| {
            page.open(&format!("?scenario=expiry-swept&lang={lang}")).await;
            page.click("#slow").await;
            let note = first_note(page).await;
            assert!(note.starts_with(before) && note.ends_with(after), "{note}");
            page.press("g").await;
            assert_eq!(page.attribute("#leap", "aria-pressed").await, "false");
        })
        .await;
    }
}
