//! Keep and share: links, files, pictures; by pointer and by keyboard, in both languages.

use std::path::{Path, PathBuf};

use mqlab_core::ids::NodeId;
use mqlab_core::sim::{Scenario, World};
use serde_json::json;

use crate::Form;
use crate::driver::{Page, Visitor, with_page, with_page_for};
use crate::hands::native;

/// The link that the address bar shows, once it has followed.
async fn address(page: &Page, holds: &str) -> String {
    let address =
        async || page.script("return location.search").await.as_str().unwrap_or_default().to_owned();
    page.until(&format!("the address holds {holds}"), async || address().await.contains(holds)).await;
    address().await
}

#[tokio::test]
async fn a_link_opens_the_same_digest_in_a_fresh_browser() {
    let (name, seed) = ("kill-the-leader", 7);
    let mut copied = String::new();
    let mut shown = (String::new(), 0);
    let mut actions = Vec::new();
    with_page(Form::Site, async |page: &Page| {
        page.allow_clipboard().await;
        page.open(&format!("?scenario={name}&seed={seed}")).await;
        page.press("End").await;
        page.seek(130_000).await;
        let broker = NodeId::Broker(2);
        actions.push(page.toggle(broker, async |page| page.click("[data-node='broker-2']").await).await);
        page.seek(380_000).await;
        actions.push(page.toggle(broker, async |page| page.click("[data-node='broker-2']").await).await);
        for _ in 0..9 {
            page.press("ArrowRight").await;
        }
        shown = (page.digest().await, page.now().await);
        let at = format!("&at={}.{:03}", shown.1 / 1_000, shown.1 % 1_000);
        let followed = address(page, at.trim_end_matches('0')).await;
        page.click("#share-open").await;
        page.click("#copy-link").await;
        page.until("it says so", async || {
            page.text("#share-said > :not([hidden])").await == "The link is copied."
        })
        .await;
        let text =
            page.client.execute_async("navigator.clipboard.readText().then(arguments[0])", Vec::new()).await;
        copied = text.expect("the clipboard is read").as_str().expect("it is text").to_owned();
        assert!(copied.ends_with(&followed), "{copied}: the address bar has the same link");
    })
    .await;
    let query = copied.split_once('?').expect("a link has a query").1;
    let said: Vec<String> = actions.iter().map(|action| action.to_string().replace(' ', "+")).collect();
    assert!(query.contains("do=") && query.contains("crash+broker-2,"), "{query}: {said:?}");
    for form in [Form::Site, Form::SingleFile] {
        with_page(form, async |page: &Page| {
            page.open(&format!("?{query}")).await;
            assert_eq!((page.digest().await, page.now().await), shown);
            page.focus("#scrub").await;
            page.press("End").await;
            assert_eq!(page.digest().await, native(name, seed, &actions));
        })
        .await;
    }
}

#[tokio::test]
async fn where_the_clipboard_is_refused_the_link_stands_selected() {
    for (language, form, words) in [
        ("en-US", Form::Site, "The browser gives no access to the clipboard."),
        ("zh-CN", Form::SingleFile, "浏览器不允许写剪贴板。"),
    ] {
        with_page_for(Visitor { language, ..Visitor::default() }, form, async |page: &Page| {
            page.open("?scenario=hundred-messages&seed=3").await;
            page.script("navigator.clipboard.writeText = () => Promise.reject(new Error('no'))").await;
            // By keyboard alone: open, copy, leave.
            page.focus("#share-open").await;
            page.press("Enter").await;
            assert_eq!(page.focused().await, "copy-link");
            page.press("Enter").await;
            page.until("the field has the link", async || page.focused().await == "link").await;
            assert!(page.text("#share-said > :not([hidden])").await.starts_with(words));
            let selected = page.script("return getSelection().toString()").await;
            let selected = selected.as_str().expect("text").to_owned();
            assert!(selected.contains("?scenario=hundred-messages&seed=3&lang="), "{selected}");
            page.press("Escape").await;
            assert_eq!(page.focused().await, "share-open");
            assert_eq!(page.area("#share").await.3, 0.0, "it is closed");
        })
        .await;
    }
}

#[tokio::test]
async fn the_menu_is_walked_by_arrows_and_leaves_the_run_alone() {
    with_page(Form::Site, async |page: &Page| {
        page.open("?scenario=kill-the-leader&seed=7").await;
        page.seek(100_000).await;
        let before = page.now().await;
        page.focus("#share-open").await;
        page.press("ArrowDown").await;
        let order = ["copy-link", "keep-svg", "keep-png", "keep-scenario", "keep-events", "open-file"];
        for id in order {
            assert_eq!(page.focused().await, id);
            assert!(!page.text(&format!("#{id}")).await.is_empty());
            page.press("ArrowDown").await;
        }
        assert_eq!(page.focused().await, "copy-link", "around the end");
        page.press("ArrowUp").await;
        assert_eq!(page.focused().await, "open-file");
        page.press("Home").await;
        page.press("ArrowRight").await;
        page.press("k").await;
        page.press("End").await;
        assert_eq!(page.focused().await, "open-file");
        assert_eq!(page.now().await, before, "keys of the menu are not those of the run");
        page.press("Escape").await;
        assert_eq!(page.attribute("#share-open", "aria-expanded").await, "false");
        // A click elsewhere closes it as well.
        page.click("#share-open").await;
        page.click("#story-title").await;
        assert_eq!(page.area("#share").await.3, 0.0);
    })
    .await;
}

/// The file that was saved, once it is there as a whole.
async fn saved(page: &Page, folder: &Path, name: &str) -> Vec<u8> {
    let file = folder.join(name);
    page.until(&format!("{name} is saved"), async || file.exists()).await;
    std::fs::read(&file).expect("it can be read")
}

#[tokio::test]
async fn what_is_saved_is_what_the_command_line_takes_and_gives() {
    for form in [Form::Site, Form::SingleFile] {
        let folder = tempfile::tempdir().expect("a folder");
        with_page(form, async |page: &Page| {
            page.save_into(folder.path()).await;
            page.open("?scenario=kill-the-leader&seed=7").await;
            page.seek(130_000).await;
            page.toggle(NodeId::Broker(2), async |page| page.click("[data-node='broker-2']").await).await;
            page.focus("#scrub").await;
            page.press("End").await;
            let digest = page.digest().await;
            page.click("#share-open").await;
            for id in ["#keep-scenario", "#keep-events", "#keep-svg", "#keep-png"] {
                page.click(id).await;
            }
            let json = saved(page, folder.path(), "kill-the-leader-seed7.json").await;
            let scenario = Scenario::from_file(&json).expect("it is a scenario");
            let seed = scenario.seed;
            let mut world = World::new(scenario.clone(), seed).expect("it can be run");
            let mut lines = String::new();
            while world.next_time().is_some_and(|next| next <= scenario.ends_at) {
                for fact in world.step().into_iter().flatten() {
                    lines += &(serde_json::to_string(&fact).expect("plain data") + "\n");
                }
            }
            assert_eq!(world.digest().to_string(), digest);
            let events = saved(page, folder.path(), "kill-the-leader-seed7.jsonl").await;
            assert!(events == lines.as_bytes(), "the events are those of the run");
            let moment = format!("{}.{}", scenario.ends_at.0 / 1_000, scenario.ends_at.0 % 1_000 / 100);
            let svg = saved(page, folder.path(), &format!("kill-the-leader-seed7-{moment}ms.svg")).await;
            assert!(svg.starts_with(b"<svg xmlns=\"http://www.w3.org/2000/svg\""));
            let png = saved(page, folder.path(), &format!("kill-the-leader-seed7-{moment}ms.png")).await;
            assert!(png.starts_with(b"\x89PNG\r\n") && png.len() > 10_000, "{} bytes", png.len());

            // And back in, as a person brings it: a run of its own, with the same end.
            page.press("Escape").await;
            page.open("?scenario=hundred-messages").await;
            page.bring(&folder.path().join("kill-the-leader-seed7.json")).await;
            page.until("it is open", async || page.text("#seed").await == "7").await;
            page.focus("#scrub").await;
            page.press("End").await;
            assert_eq!(page.digest().await, digest);
        })
        .await;
    }
}

/// Files that are no scenario: what is in them, with what the page says.
fn spoilt() -> Vec<(&'static str, Vec<u8>, &'static str, &'static str)> {
    let json = Scenario::built_in("hundred-messages").expect("it is built in").to_json();
    let many = json.replacen("\"brokers\": 1", "\"brokers\": 60000", 1).into_bytes();
    vec![
        ("half.json", json.as_bytes()[..json.len() / 2].to_vec(), "ends too early", "文件不完整"),
        ("film.json", vec![b' '; 3 << 20], "too large", "文件太大"),
        ("many.json", many, "cannot be run: 60000 brokers", "无法运行"),
        ("photo.json", vec![0xff, 0xd8, 0xff, 0xe0], "no text", "不是文本"),
    ]
}

#[tokio::test]
async fn a_file_that_is_no_scenario_changes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    for (language, form) in [("en-US", Form::Site), ("zh-CN", Form::SingleFile)] {
        with_page_for(Visitor { language, ..Visitor::default() }, form, async |page: &Page| {
            page.open("?scenario=kill-the-leader&seed=7").await;
            page.seek(200_000).await;
            let before = (page.digest().await, page.text("#story-title").await);
            for (name, bytes, en, zh) in spoilt() {
                let file: PathBuf = folder.path().join(name);
                std::fs::write(&file, bytes).expect("written");
                page.bring(&file).await;
                let words = if language == "en-US" { en } else { zh };
                page.until(&format!("{name}: {words}"), async || {
                    let said = page.text("#notice").await;
                    said.contains(name) && said.contains(words)
                })
                .await;
                assert_eq!((page.digest().await, page.text("#story-title").await), before);
            }
        })
        .await;
    }
}

#[tokio::test]
async fn a_file_is_opened_where_it_is_dropped() {
    with_page(Form::Site, async |page: &Page| {
        page.open("?scenario=kill-the-leader&seed=7").await;
        let mut scenario = Scenario::built_in("hundred-messages").expect("it is built in");
        (scenario.name, scenario.seed) = ("dropped".into(), 77);
        let drop = "const [json] = arguments, data = new DataTransfer();
            data.items.add(new File([json], 'dropped.json'));
            const tell = (type) => document.body.dispatchEvent(
                new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true }));
            tell('dragover');
            const shown = !document.getElementById('drop').hidden;
            tell('drop');
            return shown && document.getElementById('drop').hidden";
        let seen = page.client.execute(drop, vec![json!(scenario.to_json())]).await.expect("it is dropped");
        assert_eq!(seen, json!(true), "while it hovers, the page says what will be");
        page.until("it is open", async || page.text("#story-title").await == "dropped").await;
        assert_eq!(page.text("#seed").await, "77");
    })
    .await;
}
