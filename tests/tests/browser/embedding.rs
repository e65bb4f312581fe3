//! `<mq-lab>` in somebody's page, which lies on another origin.

use std::fs;
use std::sync::Arc;
use std::thread;

use mqlab_core::sim::{Scenario, Timeline};
use serde_json::{Value, json};
use xtask::serve::SiteServer;

use crate::Form;
use crate::driver::{Page, with_page};
use crate::hands::native;

/// A page of somebody else's: its own style and its own words, one script tag, and labs with room between them.
fn foreign(labs: &str, script: &str) -> String {
    format!(
        "<!doctype html><html lang='en'><meta charset='utf-8'><link rel='icon' href='data:,'><title>A page</title>
        <style>button {{ display: none }} canvas {{ opacity: 0 }} .lab {{ display: none }}</style>
        <body><p id='notice'>mine</p><p id='stage'>mine</p>{labs}<script type='module' src='{script}mq-lab.js'></script></body></html>"
    )
}

/// Opens such a page from a server of its own and runs `test` on it.
async fn in_a_foreign_page(labs: &str, test: impl AsyncFnOnce(&Page)) {
    with_page(Form::Site, async |page: &Page| {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("index.html"), foreign(labs, &page.url)).expect("written");
        let server = Arc::new(SiteServer::bind(folder.path(), 0).expect("a port is free"));
        let running = Arc::clone(&server);
        thread::spawn(move || running.run());
        assert_ne!(server.address(), page.url, "another origin");
        page.client.goto(&server.address()).await.expect("the page opens");
        test(page).await;
        server.stop();
    })
    .await;
}

/// What an expression of a lab is, which is called `lab`; its shadow is `root`.
async fn ask(page: &Page, id: &str, expression: &str) -> Value {
    let script = format!(
        "const lab = document.getElementById(arguments[0]), root = lab.shadowRoot, find = (css) => root.querySelector(css);
        return {expression}"
    );
    let answer = page.client.execute(&script, vec![json!(id)]).await;
    answer.unwrap_or_else(|error| panic!("{expression}: {error}"))
}

async fn words(page: &Page, id: &str, expression: &str) -> String {
    ask(page, id, expression).await.as_str().unwrap_or_default().to_owned()
}

async fn ready(page: &Page, id: &str) {
    page.until(&format!("{id} is drawn"), async || {
        ask(page, id, "lab.dataset.ready === '1'").await == json!(true)
    })
    .await;
}

async fn digest(page: &Page, id: &str) -> String {
    page.settle().await;
    page.settle().await;
    words(page, id, "lab.dataset.digest").await
}

#[tokio::test]
async fn several_labs_run_in_a_foreign_page_each_by_itself() {
    let labs = "<mq-lab id='one' scenario='kill-the-leader' seed='7' controls='play step reset time open'></mq-lab>
        <mq-lab id='two' scenario='hundred-messages' seed='3' controls='step' lang='zh' theme='dark'></mq-lab>";
    in_a_foreign_page(labs, async |page: &Page| {
        ready(page, "one").await;
        ready(page, "two").await;
        let labels = "[...root.querySelectorAll('[data-control]')].map((one) => one.ariaLabel).join(', ')";
        assert_eq!(
            words(page, "one", labels).await,
            "Play, Back one event, Forward one event, Back to the beginning, same seed, Time axis, Open in mqlab"
        );
        assert_eq!(words(page, "two", labels).await, "后退一个事件, 前进一个事件");
        assert_eq!(ask(page, "two", "find('.lab').classList.contains('dark')").await, json!(true));
        assert_eq!(ask(page, "one", "find('[data-control=play]').offsetWidth > 0").await, json!(true), "its own style");

        // The one is taken to its end; the other stays where it is.
        let still = digest(page, "two").await;
        ask(page, "one", "(find('input').value = 1e12, find('input').dispatchEvent(new Event('input', { bubbles: true })))").await;
        assert_eq!(digest(page, "one").await, native("kill-the-leader", 7, &[]));
        assert_eq!(digest(page, "two").await, still);
        let link = words(page, "one", "find('[data-control=open]').href").await;
        assert!(link.starts_with(&page.url) && link.contains("?scenario=kill-the-leader&seed=7&at="), "{link}");

        // A step by its button, and one by key: the keys reach the lab that has the focus.
        ask(page, "two", "find('[data-control=forward]').click()").await;
        ask(page, "two", "find('.lab').focus()").await;
        page.press("ArrowRight").await;
        let mut timeline = Timeline::new(Scenario::built_in("hundred-messages").expect("it is built in"), 3).expect("it runs");
        timeline.step();
        timeline.step();
        assert_eq!(digest(page, "two").await, timeline.digest().to_string());
        page.press(" ").await;
        assert_eq!(digest(page, "two").await, timeline.digest().to_string(), "it has no play among its controls");
        // A node is stopped with its button, and the page around is left alone.
        ask(page, "one", "find('[data-control=reset]').click()").await;
        ask(page, "one", "find('[data-node=broker-1]').focus()").await;
        page.press("Enter").await;
        page.settle().await;
        assert_eq!(words(page, "one", "find('[data-node=broker-1]').ariaLabel").await, "Revive broker 1");
        assert_eq!(page.text("#notice").await, "mine");
        assert_eq!(page.text("#stage").await, "mine");
    })
    .await;
}

#[tokio::test]
async fn a_lab_off_screen_neither_draws_nor_runs() {
    let labs =
        "<mq-lab id='lab' controls='play'></mq-lab><div style='height: 4000px'></div><p id='end'>end</p>";
    in_a_foreign_page(labs, async |page: &Page| {
        ready(page, "lab").await;
        ask(page, "lab", "find('[data-control=play]').click()").await;
        let frames = async || ask(page, "lab", "lab.frames").await.as_u64().expect("a number");
        let first = frames().await;
        page.until("it plays", async || frames().await > first + 3).await;
        page.script("scrollTo(0, 4000)").await;
        page.settle().await;
        page.settle().await;
        let (drawn, shown) = (frames().await, digest(page, "lab").await);
        for _ in 0..10 {
            page.settle().await;
        }
        assert_eq!((frames().await, digest(page, "lab").await), (drawn, shown), "nobody sees it");
        page.script("scrollTo(0, 0)").await;
        page.until("it goes on", async || frames().await > drawn + 3).await;
        // It follows its element's size.
        page.script("document.getElementById('lab').style.width = '380px'").await;
        page.settle().await;
        page.until("it is narrower", async || {
            ask(page, "lab", "find('canvas').width <= 380").await == json!(true)
        })
        .await;
        // And it can go, and come back.
        page.script("const lab = document.getElementById('lab'); lab.remove(); document.body.prepend(lab)")
            .await;
        page.until("it is back", async || {
            ask(page, "lab", "lab.frames > 0 && find('[data-control=play]') !== null").await == json!(true)
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn an_attribute_that_is_wrong_says_so_in_the_element() {
    let table = [
        ("scenario='nope'", "There is no experiment “nope”."),
        ("seed='twelve'", "The attribute seed of <mq-lab> is “twelve”"),
        ("seed='-1' lang='zh'", "<mq-lab> 的 seed 属性“-1”不是"),
        (
            "controls='play fly'",
            "<mq-lab> has no control “fly”. The attribute controls takes: play, step, reset, time, open.",
        ),
        ("theme='pink' lang='zh'", "<mq-lab> 没有“pink”这种配色。"),
        ("lang='tlh'", "<mq-lab> does not speak “tlh”."),
        ("link='https://example.org/?do=1+crash+broker-1'", "The end of the link is missing"),
    ];
    let labs = table
        .iter()
        .enumerate()
        .map(|(index, (given, _))| format!("<mq-lab id='lab{index}' style='height: 90px' {given}></mq-lab>"));
    in_a_foreign_page(&labs.collect::<String>(), async |page: &Page| {
        for (index, (given, expected)) in table.iter().enumerate() {
            let id = format!("lab{index}");
            page.script(&format!("document.getElementById('{id}').scrollIntoView()")).await;
            ready(page, &id).await;
            let said = words(page, &id, "find('.notice').textContent").await;
            assert!(said.starts_with(expected), "{given}: {said}");
            assert_eq!(ask(page, &id, "find('.notice').offsetHeight > 0 && find('.stage').offsetHeight === 0").await, json!(true));
        }
        // Set right, it runs.
        page.script("document.getElementById('lab0').setAttribute('scenario', 'outbox'); document.getElementById('lab0').scrollIntoView()").await;
        page.until("it runs", async || ask(page, "lab0", "find('.notice').hidden && lab.frames > 0").await == json!(true)).await;
    })
    .await;
}

#[tokio::test]
async fn an_engine_that_does_not_come_is_said_in_the_element() {
    in_a_foreign_page("<mq-lab id='lab'></mq-lab>", async |page: &Page| {
        let address = page.client.current_url().await.expect("an address");
        page.block(&["*.wasm"]).await;
        page.client.goto(address.as_str()).await.expect("the page opens");
        ready(page, "lab").await;
        let said = words(page, "lab", "find('.notice').textContent").await;
        assert!(said.contains("could not be downloaded") && said.contains("引擎下载失败"), "{said}");
        page.console().await;
    })
    .await;
}

#[tokio::test]
async fn the_page_about_embedding_shows_two() {
    with_page(Form::Site, async |page: &Page| {
        let address = format!("{}embed.html", page.url);
        page.client.goto(&address).await.expect("the page opens");
        ready(page, "first").await;
        page.script("document.getElementById('second').scrollIntoView()").await;
        ready(page, "second").await;
        ask(page, "second", "find('.lab').focus()").await;
        page.press(" ").await;
        page.settle().await;
        assert_eq!(words(page, "second", "find('[data-control=play]').ariaLabel").await, "暂停");
    })
    .await;
}

#[tokio::test]
async fn a_script_drives_a_lab_and_hears_of_each_moment() {
    in_a_foreign_page("<mq-lab id='one' scenario='kill-the-leader' seed='7' controls='step'></mq-lab>", async |page: &Page| {
        ready(page, "one").await;
        ask(page, "one", "lab.heard = [], lab.addEventListener('mq-time', ({ detail }) => lab.heard.push(detail))").await;
        assert_eq!(ask(page, "one", "[lab.now, lab.playing]").await, json!([0, false]));
        ask(page, "one", "lab.seek(412800)").await;
        page.until("it is there", async || ask(page, "one", "lab.now").await == json!(412_800)).await;
        let last = "lab.heard.length ? [lab.heard.at(-1).now, lab.heard.at(-1).playing, lab.heard.at(-1).byHand] : null";
        assert_eq!(ask(page, "one", last).await, json!([412_800, false, false]));
        assert_eq!(ask(page, "one", "lab.heard.at(-1).end === lab.end && lab.end > 412800").await, json!(true));

        ask(page, "one", "lab.play()").await;
        page.until("it plays", async || ask(page, "one", "lab.playing && lab.now > 412800").await == json!(true)).await;
        ask(page, "one", "lab.pause()").await;
        page.until("it stands still", async || ask(page, "one", "!lab.playing").await == json!(true)).await;
        ask(page, "one", "find('[data-act=forward]').click()").await;
        page.until("it was moved by hand", async || ask(page, "one", "lab.heard.at(-1).byHand").await == json!(true)).await;

        ask(page, "one", "lab.seek(1e15)").await; // beyond the end is the end
        page.until("it is over", async || ask(page, "one", "lab.now === lab.end").await == json!(true)).await;
        ask(page, "one", "(lab.seek(NaN), lab.seek('soon'), lab.seek(-5))").await;
        page.until("before the beginning is the beginning", async || ask(page, "one", "lab.now").await == json!(0)).await;
    })
    .await;
}
