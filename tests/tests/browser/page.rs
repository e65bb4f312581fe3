//! The page comes up, in both its forms and for every kind of visitor.

use fantoccini::Locator;

use crate::Form;
use crate::driver::{Page, Visitor, with_page, with_page_for};

async fn expect_version(page: &Page) {
    // Its text content, for it may stand in a panel that is folded away, and WebDriver's `text` is what is seen.
    let version = page.element(Locator::Css("#version")).await;
    page.until("the engine's version is shown", async || {
        version
            .prop("textContent")
            .await
            .is_ok_and(|text| text.is_some_and(|text| text.contains(mqlab_core::VERSION)))
    })
    .await;
}

#[tokio::test]
async fn the_site_shows_the_engines_version() {
    with_page(Form::Site, expect_version).await;
}

#[tokio::test]
async fn the_single_file_shows_the_engines_version_from_disk() {
    with_page(Form::SingleFile, expect_version).await;
}

/// Pictures to look at with a critical eye; what can be checked is only that nothing stands out at the side.
#[tokio::test]
async fn pictures_are_taken_and_nothing_is_wider_than_the_window() {
    for language in ["en-US", "zh-CN"] {
        for (name, window) in [("wide", (1440, 900)), ("narrow", (390, 844))] {
            with_page_for(Visitor { language, window }, Form::Site, async |page: &Page| {
                expect_version(page).await;
                for scheme in ["light", "dark"] {
                    page.set_media("prefers-color-scheme", scheme).await;
                    page.screenshot(&format!("{language}-{name}-{scheme}")).await;
                }
                let width = page.script("return document.documentElement.scrollWidth").await;
                assert!(width.as_u64() <= Some(window.0.into()), "{width} wide in a window of {}", window.0);
            })
            .await;
        }
    }
}
