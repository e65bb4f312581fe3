//! Where something is missing: a network, WebAssembly, a canvas, storage, a file on the way. Each is answered in words.

use fantoccini::Locator;
use serde_json::json;

use crate::Form;
use crate::driver::{Page, Visitor, with_page, with_page_for};
use crate::hands::native;

#[tokio::test]
async fn after_the_first_load_the_page_works_without_a_network() {
    with_page(Form::Site, async |page: &Page| {
        page.open("?scenario=kill-the-leader&seed=7").await;
        let kept = "const done = arguments[0]; navigator.serviceWorker.ready.then(() => done(true))";
        assert_eq!(page.client.execute_async(kept, Vec::new()).await.expect("it is kept"), json!(true));
        page.stop_server();
        for query in ["?scenario=kill-the-leader&seed=7", "?scenario=hundred-messages&seed=3&lang=zh", ""] {
            page.open(query).await;
            page.focus("#scrub").await;
            page.press("End").await;
            if let Some((_, rest)) = query.split_once("scenario=") {
                let (name, rest) = rest.split_once("&seed=").expect("a seed");
                let seed = rest.split('&').next().and_then(|seed| seed.parse().ok()).expect("a number");
                assert_eq!(page.digest().await, native(name, seed, &[]), "{query}");
            }
        }
        // The browser notes that the server is gone; the page is none the worse for it.
        page.console().await;
    })
    .await;
}

#[tokio::test]
async fn a_new_build_takes_over_cleanly() {
    with_page(Form::Site, async |page: &Page| {
        page.open("").await;
        let ready =
            "const done = arguments[0]; navigator.serviceWorker.ready.then(() => caches.keys()).then(done)";
        let first = page.client.execute_async(ready, Vec::new()).await.expect("it is kept");
        // What an older build left behind is gone when the present one has taken over.
        let older = "const done = arguments[0];
            caches.open('mqlab older').then((cache) => cache.put('./', new Response('stale')))
                .then(() => navigator.serviceWorker.getRegistration())
                .then((known) => known.unregister()).then(done)";
        page.client.execute_async(older, Vec::new()).await.expect("an older build was there");
        page.open("?scenario=kill-the-leader").await;
        assert!(
            !page.text("#story-title").await.is_empty(),
            "the page is the server's, not the older build's"
        );
        page.until("the older build is gone", async || {
            page.client.execute_async("caches.keys().then(arguments[0])", Vec::new()).await.expect("names")
                == first
        })
        .await;
    })
    .await;
}

/// What is missing, how it is taken away, and what is said in both languages at once.
const MISSING: [(&str, &str, &str, &str); 2] = [
    ("wasm", "delete globalThis.WebAssembly", "This browser runs no WebAssembly", "不能运行 WebAssembly"),
    (
        "canvas",
        "HTMLCanvasElement.prototype.getContext = () => null",
        "This browser draws on no canvas",
        "不提供 Canvas 绘图",
    ),
];

#[tokio::test]
async fn a_browser_without_webassembly_or_canvas_is_told_so() {
    for form in [Form::Site, Form::SingleFile] {
        with_page(form, async |page: &Page| {
            for (what, taken, en, zh) in MISSING {
                let id = page.before_each_page(taken).await;
                page.client.goto(&page.url).await.expect("the page opens");
                let shown = format!("[data-trouble='{what}']:not([hidden])");
                page.element(Locator::Css(&shown)).await;
                let words = page.text(&shown).await;
                assert!(words.contains(en) && words.contains(zh), "{words}");
                assert!(page.area(&shown).await.3 > 0.0, "the words are seen");
                page.forget_before_each_page(&id).await;
            }
            page.open("").await;
            assert_eq!(page.area("[data-trouble='wasm']").await.3, 0.0, "and none where nothing is missing");
        })
        .await;
    }
}

#[tokio::test]
async fn an_engine_that_cannot_be_downloaded_is_said_in_words() {
    with_page(Form::Site, async |page: &Page| {
        for file in ["*mqlab_web_bg.wasm", "*mqlab_web.js", "*page.js"] {
            page.block(&[file]).await;
            page.client.goto(&page.url).await.expect("the page opens");
            let shown = "[data-trouble='download']:not([hidden])";
            page.element(Locator::Css(shown)).await;
            let words = page.text(shown).await;
            assert!(
                words.contains("could not be downloaded") && words.contains("引擎下载失败"),
                "{file}: {words}"
            );
        }
        page.block(&[]).await;
        page.open("").await;
        page.console().await; // the browser told of the files that did not come
    })
    .await;
}

#[tokio::test]
async fn where_storage_is_refused_the_page_runs_and_says_so() {
    let refuse = "Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('denied', 'SecurityError') } })";
    for (language, form, words) in [
        ("en-US", Form::Site, "This browser lets the page remember nothing"),
        ("zh-CN", Form::SingleFile, "浏览器不允许本页保存任何东西"),
    ] {
        with_page_for(Visitor { language, ..Visitor::default() }, form, async |page: &Page| {
            page.open("").await;
            assert_eq!(page.area("#unremembered").await.3, 0.0, "not where storage is given");
            page.before_each_page(refuse).await;
            page.open("?scenario=hundred-messages&seed=3").await;
            assert!(page.text("#unremembered").await.starts_with(words));
            assert!(page.area("#unremembered").await.3 > 0.0, "the words are seen");
            page.focus("#scrub").await;
            page.press("End").await;
            assert_eq!(page.digest().await, native("hundred-messages", 3, &[]));
        })
        .await;
    }
}
