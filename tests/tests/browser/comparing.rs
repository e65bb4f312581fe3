//! The page that compares: chosen, run in workers, stopped, read, kept, and opened where a figure came from.

use fantoccini::Locator;
use mqlab_core::sim::compare::{Mishap, Outcome, Plan};
use serde_json::{Value, json};

use crate::Form;
use crate::driver::{Page, Visitor, with_page, with_page_for};

/// A comparison that is over soon.
const SMALL: &str =
    "compare.html?who=kafka:acks-all,kafka:acks-0&load=steady&messages=300&wrong=none,power-cut&seeds=2";

async fn state(page: &Page) -> String {
    let state = page.script("return document.getElementById('outcome').dataset.state ?? ''").await;
    state.as_str().unwrap_or_default().to_owned()
}

async fn run(page: &Page) {
    page.click("#run").await;
    page.until("all is run", async || state(page).await == "done").await;
    page.settle().await;
}

#[tokio::test]
async fn a_comparison_is_run_and_its_figures_open_the_runs() {
    with_page(Form::Site, async |page: &Page| {
        let query = format!("{SMALL}&lang=en");
        page.open(&query).await;
        assert_eq!(page.text("#run-count").await, "8 runs");
        run(page).await;
        let tables = page.texts("#tables > section > h3").await;
        assert_eq!(tables, ["Nothing goes wrong", "Power cut"]);
        let names = page.texts("[data-mishap='power-cut'] tbody th b").await;
        assert_eq!(names, ["Kafka acks-all", "Kafka acks-0"]);
        assert_eq!(page.texts("#charts > figure").await.len(), 3);
        assert!(page.text("#live").await.starts_with("Done"), "it is said aloud");

        // The figures are those of the engine, run here.
        let plan = Plan::read(query.split_once('?').expect("a query").1).expect("a link");
        let csv = "const kept = []; const click = HTMLAnchorElement.prototype.click;
            HTMLAnchorElement.prototype.click = function () { kept.push(this.href); };
            for (const what of ['csv', 'json', 'svg']) document.getElementById(`keep-${what}`).click();
            HTMLAnchorElement.prototype.click = click;
            Promise.all(kept.map((href) => fetch(href).then((answer) => answer.text()))).then(arguments[0]);";
        let kept = page.client.execute_async(csv, Vec::new()).await.expect("files are kept");
        let outcomes: Vec<Outcome> = plan
            .runs()
            .into_iter()
            .map(|(who, mishap, seed)| {
                Outcome::run(&plan.workload, who, mishap, seed).expect("it can be run")
            })
            .collect();
        let rows = mqlab_core::sim::compare::Row::of(&outcomes);
        assert_eq!(
            kept[0],
            json!(mqlab_core::sim::compare::Row::csv(&rows)),
            "the browser's table is the native one"
        );
        let report = kept[1].as_str().and_then(|text| serde_json::from_str::<Value>(text).ok());
        assert_eq!(report.expect("it is JSON")["runs"].as_array().map(Vec::len), Some(8));
        assert!(kept[2].as_str().is_some_and(|svg| svg.starts_with("<svg") && svg.contains("Kafka acks-0")));

        // A figure's link shows its run in the lab.
        let figure = "[data-mishap='power-cut'] tbody tr:nth-child(2) [data-column='lost'] a";
        let href = page.attribute(figure, "href").await;
        let seed: u64 =
            href.split("seed=").nth(1).and_then(|rest| rest.split('&').next()?.parse().ok()).expect("a seed");
        page.open(href.trim_start_matches("./")).await;
        assert_eq!(page.text("#seed").await, seed.to_string());
        page.focus("#scrub").await;
        page.press("End").await;
        let one = outcomes.iter().find(|one| {
            (one.contender, one.mishap, one.seed) == (plan.contenders[1], Mishap::PowerCut, seed)
        });
        assert_eq!(page.digest().await, one.expect("it was run").digest);
        page.client.back().await.expect("back to the comparison");
    })
    .await;
}

#[tokio::test]
async fn presets_and_choices_are_in_the_link() {
    with_page_for(Visitor { language: "zh-CN", ..Visitor::default() }, Form::Site, async |page: &Page| {
        page.open("compare.html").await;
        page.click("#presets > [data-value='acks']").await;
        page.until("it is chosen", async || {
            page.attribute("#presets > [data-value='acks']", "aria-pressed").await == "true"
        })
        .await;
        let address =
            async || page.script("return location.search").await.as_str().unwrap_or_default().to_owned();
        page.until("it is in the link", async || {
            address().await.contains("who=kafka:acks-all,kafka:acks-1&")
        })
        .await;
        assert_eq!(page.text("#who-title").await, "比较谁");
        page.click("#lang").await;
        page.until("another language", async || page.text("#who-title").await == "Who is compared").await;
        page.click("#presets > [data-value='table-trickle']").await;
        page.until("a workload", async || address().await.contains("load=trickle&wrong=none&")).await;
        let select = page.element(Locator::Css("#machine")).await;
        select.select_by_value("none").await.expect("it is offered");
        page.until("a machine", async || address().await.contains("machine=none&lang=en&v=")).await;
        let link = address().await;
        page.open(&format!("compare.html{link}")).await;
        assert_eq!(address().await, link, "the link leads to itself");
        page.click("#to-lab").await;
        page.element(Locator::Css("#stage")).await;
        page.element(Locator::Css("html[data-ready='1']")).await;
        page.click("#compare-page").await;
        page.element(Locator::Css("#presets > button")).await;
    })
    .await;
}

#[tokio::test]
async fn a_bad_link_is_answered_in_words_and_the_page_goes_on() {
    with_page(Form::Site, async |page: &Page| {
        for (query, words) in [
            ("?who=kafka,mosquito&lang=en", "The link cannot be followed. There is no system “mosquito”."),
            ("?who=kafka:acks-9,rabbitmq&lang=zh", "无法打开这个链接。Kafka 没有“acks-9”这种设置。"),
            (
                "?seeds=%3Cimg%20src=x%3E&lang=en",
                "The link cannot be followed. The number of seeds, “<img src=x>”",
            ),
            ("?v=77.1.0&lang=en", "The link cannot be followed. Engine 77.1.0 made this link"),
        ] {
            page.open(&format!("compare.html{query}")).await;
            page.until("it is said", async || page.text("#notice").await.starts_with(words)).await;
            assert!(page.area("#notice").await.3 > 0.0, "{query}: the words are seen");
        }
        page.click("#presets > button").await;
        page.until("it goes on", async || page.area("#notice").await.3 == 0.0).await;
    })
    .await;
}

#[tokio::test]
async fn it_can_be_stopped_and_the_page_stays_free() {
    with_page(Form::Site, async |page: &Page| {
        page.open("compare.html?who=kafka:acks-all,kafka:acks-1&load=hundred-thousand&wrong=none&seeds=10&lang=en").await;
        // How long the page's own thread was kept, at most, while the workers run.
        page.script("window.longest = window.frames_seen = 0; let last = performance.now();
            const look = (now) => { longest = Math.max(longest, now - last); last = now; frames_seen += 1; requestAnimationFrame(look); }; requestAnimationFrame(look);")
            .await;
        page.click("#run").await;
        page.until("it is under way", async || {
            page.script("return document.getElementById('progress').value > 0").await == true
        })
        .await;
        assert!(page.area("#cancel").await.3 > 0.0 && page.area("#run").await.3 == 0.0);
        page.press("Tab").await; // the keyboard is free, too
        page.focus("#cancel").await;
        page.press("Enter").await;
        page.until("it is stopped", async || state(page).await == "stopped").await;
        assert!(page.text("#progress-words").await.starts_with("Stopped after "));
        assert!(page.area("#run").await.3 > 0.0, "it can be run again");
        let longest = page.script("return longest").await.as_f64().unwrap_or(f64::MAX);
        let frames = page.script("return frames_seen").await.as_u64().unwrap_or_default();
        // A loaded machine may drop frames, but not whole seconds of them.
        assert!(longest < 1_000.0 && frames > 10, "{frames} frames, one of {longest} ms");
        // What was stopped sends nothing any more.
        let words = page.text("#progress-words").await;
        page.open(&format!("{SMALL}&lang=en")).await;
        run(page).await;
        assert_ne!(page.text("#progress-words").await, words);
    })
    .await;
}

#[tokio::test]
async fn it_is_driven_by_keys_alone() {
    with_page(Form::Site, async |page: &Page| {
        page.open(&format!("{SMALL}&lang=en")).await;
        page.focus("#seeds").await;
        page.press("ArrowDown").await;
        page.press("Enter").await; // the form's own way to run
        page.until("all is run", async || state(page).await == "done").await;
        assert!(page.script("return location.search").await.as_str().is_some_and(|link| link.contains("seeds=1&")));
        page.focus("#together-open").await;
        page.press("Enter").await;
        page.until("both are drawn", async || {
            let drawn = "return [...document.querySelectorAll('mq-lab')].filter((lab) => lab.dataset.ready && lab.now === 0).length";
            page.script(drawn).await == 2
        })
        .await;
        page.focus("#marks > [data-kind='differs']").await;
        page.press("Enter").await;
        let moments = "return [...document.querySelectorAll('mq-lab')].map((lab) => lab.now)";
        let mark = page.attribute("#marks > [data-kind='differs']", "data-value").await;
        let mark: u64 = mark.parse().expect("a moment");
        page.until("both are there", async || page.script(moments).await == json!([mark, mark])).await;
        assert_eq!(page.attribute("#clock", "aria-valuetext").await, format!("{}.{} of 30000.0 milliseconds", mark / 1_000, mark % 1_000 / 100));
        // One of them is stepped by hand, and the other follows.
        page.script("document.querySelector('mq-lab').shadowRoot.querySelector('[data-act=forward]').click()").await;
        page.until("both went on", async || {
            let at = page.script(moments).await;
            at[0] == at[1] && at[0].as_u64().is_some_and(|at| at > mark)
        })
        .await;
        page.focus("#play").await;
        page.press(" ").await;
        page.until("it plays", async || page.attribute("#play", "aria-pressed").await == "true").await;
        page.until("both play", async || {
            let at = page.script(moments).await;
            at[0].as_f64().is_some_and(|at| at > mark as f64 + 200_000.0)
        })
        .await;
        page.press(" ").await;
        page.until("both stand still at one moment", async || {
            let at = page.script(moments).await;
            page.attribute("#play", "aria-pressed").await == "false" && at[0] == at[1]
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_difference_is_one_click_from_both_runs() {
    with_page(Form::Site, async |page: &Page| {
        page.open(&format!("{SMALL}&lang=zh")).await;
        run(page).await;
        let see = "[data-mishap='power-cut'] .difference > button";
        let value = page.attribute(see, "data-value").await;
        let at: u64 = value.rsplit(' ').next().and_then(|at| at.parse().ok()).expect("a moment");
        page.click(see).await;
        let moments = "return [...document.querySelectorAll('mq-lab')].map((lab) => lab.now)";
        page.until("both runs are at that moment", async || page.script(moments).await == json!([at, at]))
            .await;
        let heads = page.texts("#stages h3").await;
        assert_eq!(heads, ["Kafka acks-all", "Kafka acks-0"]);
    })
    .await;
}

#[tokio::test]
async fn what_is_needed_is_ticked_and_its_answers_open_the_runs() {
    with_page(Form::Site, async |page: &Page| {
        page.open("compare.html?lang=en").await;
        let answer = async || page.text("#needs-answer").await;
        assert_eq!(answer().await, "");
        page.focus("[data-need='replay'] input").await;
        page.press(" ").await;
        page.until("it is answered", async || {
            answer().await == "All of that: RabbitMQ, RocketMQ, Kafka, Pulsar."
        })
        .await;
        page.focus("[data-need='delay'] input").await;
        page.press(" ").await;
        page.until("both count", async || answer().await == "All of that: RabbitMQ, RocketMQ, Pulsar.").await;
        assert_eq!(page.texts("[data-serves-all='true']").await, ["RabbitMQ", "RocketMQ", "Pulsar"]);
        page.click("#lang").await;
        page.until("in Chinese, too", async || answer().await == "全部满足：RabbitMQ、RocketMQ、Pulsar。")
            .await;
        let link = "[data-need='delay'] td:nth-of-type(3) a"; // RocketMQ
        let href = page.attribute(link, "href").await;
        page.open(href.trim_start_matches("./")).await;
        assert_eq!(page.text("#story-title").await, "rocketmq-delay");
        page.client.back().await.expect("back to the comparison");
    })
    .await;
}

/// Workers are started from a file that is not there, until `elsewhere` is emptied. (Requests of workers are not the page's:
/// its tools block none of them.)
const WORKERS_ELSEWHERE: &str = "globalThis.elsewhere = '.gone';
globalThis.Worker = class extends Worker {
  constructor(file, options) { super(file + elsewhere, options); }
};";

#[tokio::test]
async fn where_workers_or_webassembly_are_missing_it_says_so() {
    with_page(Form::Site, async |page: &Page| {
        // What the workers run and does not come is said, too, and the page can be asked again.
        let id = page.before_each_page(WORKERS_ELSEWHERE).await;
        page.open(&format!("{SMALL}&lang=en")).await;
        page.click("#run").await;
        page.until("it failed", async || {
            page.text("#progress-words").await.starts_with("What runs the comparison could not")
        })
        .await;
        page.script("globalThis.elsewhere = ''; return 0").await;
        run(page).await;
        page.forget_before_each_page(&id).await;
        page.console().await; // the browser told of the files that did not come
        let missing = [
            (
                "wasm",
                "delete globalThis.WebAssembly",
                "This browser runs no WebAssembly",
                "不能运行 WebAssembly",
            ),
            (
                "worker",
                "delete globalThis.Worker",
                "This browser starts no background workers",
                "不能启动后台 Worker",
            ),
        ];
        for (what, taken, en, zh) in missing {
            let id = page.before_each_page(taken).await;
            page.client.goto(&format!("{}compare.html", page.url)).await.expect("the page opens");
            let shown = format!("[data-trouble='{what}']:not([hidden])");
            page.element(Locator::Css(&shown)).await;
            let words = page.text(&shown).await;
            assert!(words.contains(en) && words.contains(zh), "{words}");
            assert!(page.area(&shown).await.3 > 0.0, "the words are seen");
            page.forget_before_each_page(&id).await;
        }
    })
    .await;
}

#[tokio::test]
async fn it_has_room_in_every_window_and_language() {
    with_page(Form::Site, async |page: &Page| {
        for (lang, scheme) in [("en", "light"), ("zh", "dark")] {
            page.set_media("prefers-color-scheme", scheme).await;
            page.open(&format!("{SMALL}&lang={lang}")).await;
            run(page).await;
            page.click("#together-open").await;
            for window in
                [(360, 740), (390, 844), (768, 1024), (1024, 768), (1440, 900), (1920, 1080), (2560, 1440)]
            {
                page.set_window(window).await;
                page.settle().await;
                let wide = page.script("return document.scrollingElement.scrollWidth").await;
                assert!(
                    wide.as_f64() <= Some(f64::from(window.0)),
                    "{wide} wide in a window of {}",
                    window.0
                );
                let clipped = page.script(CLIPPED).await;
                assert_eq!(
                    clipped.as_array().map(Vec::len),
                    Some(0),
                    "without room at {}: {clipped}",
                    window.0
                );
            }
        }
    })
    .await;
}

/// Elements with words or controls that are wider than they are, or stick out of the page.
const CLIPPED: &str = "
    const holders = 'h1, h2, h3, p, li, th, td, label, button, a, select, figure, .columns > section';
    return [...document.querySelectorAll(holders)]
        .filter((one) => one.checkVisibility() && !one.matches('.hidden') && one.getBoundingClientRect().width > 2)
        .filter((one) => !(one.closest('thead')?.getBoundingClientRect().width < 3))
        .filter((one) => one.getBoundingClientRect().right > innerWidth + 1
            || (one.tagName !== 'SELECT' && getComputedStyle(one).display !== 'inline' && one.scrollWidth > one.clientWidth + 1))
        .map((one) => `${one.outerHTML.slice(0, 90)}: ${one.scrollWidth} > ${one.clientWidth}`)";
