//! Time is in the visitor's hands: play, pause, steps, the axis, the pace, the same seed again or another.

use crate::Form;
use crate::driver::{Page, with_page};
use crate::hands::native;

#[tokio::test]
async fn play_moves_time_and_messages_and_pause_stops_both() {
    with_page(Form::Site, async |page: &Page| {
        page.open("?scenario=hundred-messages&seed=7").await;
        let events =
            async || page.texts("#events > [data-when='past'], #events > [data-when='now']").await.len();
        page.seek(60_000).await;
        let (now, happened, stage) = (page.now().await, events().await, page.written_on("stage").await);
        let before = page.digest().await;

        page.click("#play").await;
        page.until("20 ms have passed by", async || page.now().await > now + 20_000).await;
        assert_eq!(page.attribute("#play", "aria-pressed").await, "true");
        assert_eq!(page.attribute("#play", "aria-label").await, "Pause");
        page.press(" ").await;
        assert_eq!(page.attribute("#play", "aria-pressed").await, "false", "the space bar stops it");
        assert!(events().await > happened, "things have happened");
        assert_ne!(page.digest().await, before);

        let (paused, still) = (page.now().await, page.written_on("stage").await);
        assert_ne!(still, stage, "the stage shows another moment");
        page.settle().await;
        page.settle().await;
        assert_eq!((page.now().await, page.written_on("stage").await), (paused, still), "it stands still");
    })
    .await;
}

#[tokio::test]
async fn playing_to_the_end_stops_there_and_misses_nothing() {
    with_page(Form::SingleFile, async |page: &Page| {
        page.open("?scenario=hundred-messages&seed=11").await;
        for _ in 0..10 {
            page.press(".").await;
        }
        page.press(" ").await;
        page.until("the run is over", async || page.now().await == 700_000).await;
        assert_eq!(page.attribute("#play", "aria-pressed").await, "false");
        assert_eq!(page.digest().await, native("hundred-messages", 11, &[]), "frame by frame as in one go");
        assert_eq!(page.text("#verdict-delivered").await, "100");
        assert_eq!(page.text("#verdict-sentence").await, "No promise was broken.");
        // Slowly, so that it is not over again before anybody can look.
        for _ in 0..10 {
            page.press(",").await;
        }
        page.press(" ").await;
        page.until("it plays again, from the beginning", async || page.now().await < 700_000).await;
    })
    .await;
}

#[tokio::test]
async fn one_event_back_undoes_one_event_forward() {
    with_page(Form::Site, async |page: &Page| {
        page.open("?scenario=kill-the-leader&seed=5").await;
        page.seek(249_000).await;
        page.click("#forward").await;
        // Across the crash, by buttons and by the keys of the two lists that hold the same steps.
        let mut seen = vec![(page.now().await, page.digest().await)];
        for _ in 0..8 {
            page.click("#forward").await;
            seen.push((page.now().await, page.digest().await));
        }
        assert!(seen.is_sorted() && seen.windows(2).all(|pair| pair[0].1 != pair[1].1), "{seen:?}");
        page.focus("#scrub").await;
        for (index, moment) in seen.iter().rev().skip(1).enumerate() {
            match index % 3 {
                0 => page.click("#back").await,
                1 => page.press("ArrowLeft").await,
                _ => page.press("ArrowUp").await,
            }
            assert_eq!(&(page.now().await, page.digest().await), moment);
            page.focus("#scrub").await;
        }
    })
    .await;
}

#[tokio::test]
async fn the_axis_is_a_slider_for_the_keyboard() {
    with_page(Form::Site, async |page: &Page| {
        page.open("?scenario=kill-the-leader&seed=5").await;
        page.focus("#scrub").await;
        let heard = async || page.attribute("#scrub", "aria-valuetext").await;
        assert_eq!((page.now().await, heard().await.as_str()), (0, "0.0 of 900.0 milliseconds"));
        page.press("ArrowRight").await;
        let first = page.now().await;
        assert!(first > 0, "to the first event");
        page.press("ArrowRight").await;
        assert!(page.now().await > first, "to the one after it");
        page.press("End").await;
        assert_eq!((page.now().await, heard().await.as_str()), (900_000, "900.0 of 900.0 milliseconds"));
        assert_eq!(page.text("#now").await, "900.0");
        page.press("Home").await;
        assert_eq!(page.now().await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_seed_is_kept_until_another_is_asked_for() {
    with_page(Form::Site, async |page: &Page| {
        page.open("?scenario=kill-the-leader-acks-1").await;
        let seed = page.text("#seed").await;
        page.press("End").await;
        let end = page.digest().await;
        page.click("#reset").await;
        assert_eq!((page.now().await, page.text("#seed").await), (0, seed.clone()));
        assert_ne!(page.digest().await, end);
        page.press("End").await;
        assert_eq!(page.digest().await, end, "the same seed gives the same run");

        // By chance it may be the same one once, but not for long.
        page.until("another seed comes", async || {
            page.click("#new-seed").await;
            page.text("#seed").await != seed
        })
        .await;
        let other: u64 = page.text("#seed").await.parse().expect("a seed is a number");
        assert_eq!(page.now().await, 0, "from the beginning");
        page.press("End").await;
        let drawn = page.digest().await;
        assert_eq!(drawn, native("kill-the-leader-acks-1", other, &[]));
        assert_ne!(drawn, end, "another seed gives another run");
        page.until("the address follows", async || {
            let link = page.client.current_url().await.expect("an address");
            link.query().is_some_and(|query| query.contains(&format!("seed={other}")))
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn the_pace_is_spoken_out_and_obeyed() {
    with_page(Form::Site, async |page: &Page| {
        page.open("?scenario=hundred-messages").await;
        assert_eq!(page.text("#pace-words").await, "1 s here = 40 ms in the cluster");
        page.focus("#pace").await;
        page.press("Home").await;
        assert_eq!(page.text("#pace-words").await, "1 s here = 1 ms in the cluster");
        assert_eq!(page.attribute("#pace", "aria-valuetext").await, page.text("#pace-words").await);
        page.click("#play").await;
        page.until("a little time has passed by", async || page.now().await > 100).await;
        page.click("#play").await;
        assert!(page.now().await < 60_000, "slowly: a minute at most was waited for");
        page.focus("#pace").await;
        page.press("End").await;
        page.click("#lang").await;
        assert_eq!(page.text("#pace-words").await, "这里 1 秒 = 集群里 1 秒");
        page.press(",").await;
        assert_eq!(page.text("#pace-words").await, "这里 1 秒 = 集群里 630 毫秒");
    })
    .await;
}
