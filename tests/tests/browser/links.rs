//! A link that leads nowhere is answered in words, and the page goes on from there.

use fantoccini::Locator;

use crate::Form;
use crate::driver::{Page, Visitor, with_page_for};
use crate::hands::native;

/// Links, with what the page says in English and in Chinese.
const BAD: &[(&str, &str, &str)] = &[
    ("?scenario=no-such-thing", "There is no experiment “no-such-thing”.", "没有名为“no-such-thing”的实验"),
    ("?scenario=%3Cimg%20src=x%3E", "There is no experiment “<img src=x>”.", "没有名为“<img src=x>”的实验"),
    ("?scenario=kill-the-leader&seed=twelve", "The link's seed “twelve” is not", "链接里的种子“twelve”不是"),
    ("?seed=-1", "The link's seed “-1” is not", "链接里的种子“-1”不是"),
    (
        "?seed=18446744073709551616",
        "The link's seed “18446744073709551616” is",
        "链接里的种子“18446744073709551616”",
    ),
    ("?seed=", "The link's seed “” is not", "链接里的种子“”不是"),
];

#[tokio::test]
async fn a_bad_link_is_answered_in_words_and_the_page_goes_on() {
    for (language, form) in [("en-US", Form::Site), ("zh-CN", Form::SingleFile)] {
        with_page_for(Visitor { language, ..Visitor::default() }, form, async |page: &Page| {
            for (query, en, zh) in BAD {
                page.open(query).await;
                let words = page.text("#notice").await;
                let expected = if language == "en-US" { en } else { zh };
                assert!(words.starts_with(expected), "{query}: {words}");
                assert_eq!(page.attribute("#notice", "role").await, "alert");
                assert!(page.area("#notice").await.3 > 0.0, "{query}: the words are seen");
                assert_eq!(page.texts("#events > *").await.len(), 0, "{query}: nothing was loaded");
                // Whatever is pressed now, nothing breaks.
                for key in [" ", "ArrowRight", "End", "1", "k", "Escape"] {
                    page.press(key).await;
                }
                assert!(page.text("#notice").await.starts_with(expected), "{query}: the words stay");
            }
            let chosen = page.element(Locator::Css("#scenario")).await;
            chosen.select_by_value("kill-the-leader").await.expect("it is offered");
            page.settle().await;
            assert_eq!(page.area("#notice").await.3, 0.0, "the words are gone");
            page.focus("#scrub").await;
            page.press("End").await;
            let seed = page.text("#seed").await.parse().expect("a seed is a number");
            assert_eq!(page.digest().await, native("kill-the-leader", seed, &[]));
        })
        .await;
    }
}
