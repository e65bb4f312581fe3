//! In a window of any size there is room for all that the page shows.

use crate::Form;
use crate::driver::{Page, Visitor, with_page_for};

/// Windows, and the name under which a picture of each is kept.
const WINDOWS: [(&str, (u32, u32)); 5] = [
    ("wide", (1440, 900)),
    ("narrow", (390, 844)),
    ("small", (360, 740)),
    ("middle", (1024, 768)),
    ("large", (2560, 1440)),
];

/// What must be at hand in every window without scrolling.
const AT_HAND: [&str; 15] = [
    "#scenario",
    "#theme",
    "#lang",
    "#help-open",
    "#reset",
    "#back",
    "#play",
    "#forward",
    "#new-seed",
    "#mark-back",
    "#scrub",
    "#mark-forward",
    "#slow",
    "#leap",
    "#pace",
];

/// Pictures to look at with a critical eye, and around them what can be checked without one.
#[tokio::test]
async fn everything_has_room_in_english() {
    every_window_has_room("en-US").await;
}

#[tokio::test]
async fn everything_has_room_in_chinese() {
    every_window_has_room("zh-CN").await;
}

async fn every_window_has_room(language: &'static str) {
    with_page_for(Visitor { language, ..Visitor::default() }, Form::Site, async |page: &Page| {
        for (name, window) in WINDOWS {
            page.set_window(window).await;
            show_the_loss(page).await;
            for scheme in ["light", "dark"] {
                page.set_media("prefers-color-scheme", scheme).await;
                page.settle().await;
                let moving = async || page.script("return document.getAnimations().length").await;
                page.until("colours have changed", async || moving().await == 0).await;
                page.screenshot(&format!("{language}-{name}-{scheme}")).await;
            }
            expect_room(page, window).await;
            page.press("?").await;
            page.screenshot(&format!("{language}-{name}-help")).await;
            let (left, top, width, height) = page.area("#help").await;
            assert!(width > 250.0 && left >= 0.0 && left + width <= f64::from(window.0), "{name}: the help");
            assert!(
                top >= 0.0 && top + height <= f64::from(window.1),
                "{name}: the help ends below the window"
            );
            page.press("?").await;
        }
    })
    .await;
}

/// The moment after the leader's death with acks=1, and the life of a message that is lost by it.
async fn show_the_loss(page: &Page) {
    page.open("?scenario=kill-the-leader-acks-1&seed=20").await;
    page.press("End").await;
    page.click("#count-lost").await;
    page.click("#verdict-named > button").await;
    page.press("Home").await;
    page.seek(252_000).await;
    page.script("window.scrollTo(0, 0)").await;
    page.settle().await;
}

async fn expect_room(page: &Page, (width, height): (u32, u32)) {
    let (width, height) = (f64::from(width), f64::from(height));
    let wide = page.script("return document.scrollingElement.scrollWidth").await;
    assert!(wide.as_f64() <= Some(width), "{wide} wide in a window of {width}");
    for control in AT_HAND {
        let (left, top, w, h) = page.area(control).await;
        let inside = left >= 0.0 && top >= 0.0 && left + w <= width && top + h <= height;
        assert!(
            inside && w >= 20.0 && h >= 20.0,
            "{control} at {left}, {top}, {w} × {h} of {width} × {height}"
        );
        let hit = format!(
            "return document.querySelector('{control}').contains(document.elementFromPoint({}, {}))",
            left + w / 2.0,
            top + h / 2.0
        );
        assert_eq!(page.script(&hit).await, true, "{control} is covered in a window of {width}");
    }
    let (left, _, stage, tall) = page.area("#stage").await;
    assert!(stage > 0.7 * 360.0 && tall > 200.0, "the stage is {stage} × {tall}");
    let words = page.written_on("stage").await;
    assert!(words.len() > 60, "{} words on the stage", words.len());
    let outside = words.iter().find(|word| word.x < left || word.x > left + stage);
    assert!(outside.is_none(), "{outside:?} of {left} + {stage}");
    let clipped = page.script(CLIPPED).await;
    assert_eq!(clipped.as_array().map(Vec::len), Some(0), "words without room at {width}: {clipped}");
}

/// Elements with words or controls that are wider than they are.
const CLIPPED: &str = "
    const holders = 'h1, h2, p, li, dt, dd, button, header, .keys, .pace, .row > *, .counts > *';
    return [...document.querySelectorAll(holders)]
        .filter((one) => one.checkVisibility() && !one.matches('.hidden') && one.scrollWidth > one.clientWidth + 1)
        .filter((one) => getComputedStyle(one).display !== 'inline')
        .map((one) => `${one.outerHTML.slice(0, 80)}: ${one.scrollWidth} > ${one.clientWidth}`)";
