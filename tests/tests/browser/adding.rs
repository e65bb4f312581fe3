//! What is changed by a written command or by a form: from the keyboard alone, in both languages, with the reason where it
//! cannot be.

use crate::Form;
use crate::driver::{Page, with_page};

/// Presses one key after the other.
async fn write(page: &Page, text: &str) {
    for letter in text.chars() {
        page.press(&letter.to_string()).await;
    }
}

/// The lines that are proposed.
async fn proposed(page: &Page) -> Vec<String> {
    let script =
        "return [...document.querySelectorAll('#command-list [data-line]')].map((one) => one.dataset.line)";
    serde_json::from_value(page.script(script).await).expect("they are texts")
}

/// What has the focus, by its id.
async fn focused(page: &Page) -> String {
    page.script("return document.activeElement.id").await.as_str().unwrap_or_default().to_owned()
}

async fn is_open(page: &Page) -> bool {
    page.script("return !document.getElementById('adding').hidden").await == true
}

/// What happened in the present step.
async fn happened(page: &Page) -> String {
    page.texts("#events > [data-when='now']").await.join("\n")
}

#[tokio::test]
async fn a_command_is_written_completed_and_done() {
    with_page(Form::Site, async |page: &Page| {
        page.open("?scenario=hundred-messages&seed=7&lang=en").await;
        page.seek(100_000).await;
        page.press(":").await;
        assert_eq!(focused(page).await, "command");
        assert!(page.text("#command-hint").await.contains("mqlab run --do"));
        write(page, "cr").await;
        assert_eq!(proposed(page).await, ["crash ", "crash-once-done "]);
        page.press("Tab").await;
        assert!(proposed(page).await.contains(&"crash consumer-2".to_owned()));
        write(page, "consumer-").await;
        assert_eq!(proposed(page).await, ["crash consumer-1", "crash consumer-2"]);
        page.press("ArrowDown").await;
        page.press("ArrowDown").await;
        page.press("Enter").await;
        let hint = page.text("#command-hint").await;
        assert!(hint.starts_with("Effect: worker-2 crashes; what it has"), "{hint}");
        page.press("Enter").await;
        assert!(happened(page).await.contains("worker-2 crashes"));
        assert!(page.text("#command-hint").await.starts_with("Done: "));
        let value = "return document.getElementById('command').value";
        assert_eq!(page.script(value).await, "", "the field is free for the next");

        write(page, "crash consumer-2").await;
        assert_eq!(page.text("#command-hint").await, "worker-2 is down already.");
        let digest = page.digest().await;
        page.press("Enter").await;
        assert_eq!(page.digest().await, digest, "nothing is done that cannot be");
        page.press("Escape").await;
        assert!(!is_open(page).await);

        page.click("#lang").await;
        page.press("/").await;
        assert_eq!(page.text("#command-hint").await, "worker-2 已经宕机了。");
        page.press("Escape").await;
        assert!(happened(page).await.contains("宕机"));
        page.press("u").await;
        assert!(!happened(page).await.contains("宕机"), "it is taken back");
    })
    .await;
}

#[tokio::test]
async fn a_topic_is_added_in_a_form_by_keyboard_and_removed_in_the_field() {
    with_page(Form::SingleFile, async |page: &Page| {
        page.open("?scenario=kill-the-leader&seed=20&lang=zh").await;
        page.seek(60_000).await;
        page.press("a").await;
        assert_eq!(focused(page).await, "kind-topic");
        assert_eq!(
            page.text("#add-will").await,
            "效果：新建主题 topic-1：3 个分区，每个 3 个副本。还没有人向它发消息。"
        );
        while focused(page).await != "add-name" {
            page.tab(1).await;
        }
        // Who comes by Tab has all of it selected.
        write(page, "bills").await;
        page.tab(2).await;
        assert_eq!(focused(page).await, "add-replicas");
        page.press("End").await;
        write(page, "9").await;
        assert_eq!(page.text("#add-will").await, "39 不行：请用 1 到 3。");
        page.press("Enter").await;
        assert!(is_open(page).await);
        page.press("Backspace").await;
        page.press("Enter").await;
        assert!(happened(page).await.contains("bills"), "{}", happened(page).await);
        page.press("Escape").await;
        assert!(!is_open(page).await);

        page.seek(160_000).await;
        page.click("#lang").await;
        let stage = page.written_on("stage").await;
        assert!(stage.iter().any(|word| word.text.contains("bills")), "it is on the stage: {stage:?}");
        page.press(":").await;
        write(page, "drop-t").await;
        page.press("Tab").await;
        let all = proposed(page).await;
        let new = all.iter().find(|line| line.contains("bills")).expect("it is there").clone();
        write(page, new.strip_prefix("drop-topic ").expect("its name")).await;
        page.press("Enter").await;
        page.press("Escape").await;
        page.seek(260_000).await;
        let stage = page.written_on("stage").await;
        assert!(!stage.iter().any(|word| word.text.contains("bills")), "it is gone: {stage:?}");
    })
    .await;
}

#[tokio::test]
async fn everything_that_can_be_added_is_added() {
    with_page(Form::Site, async |page: &Page| {
        for lang in ["en", "zh"] {
            page.open(&format!("?scenario=exchanges&seed=7&lang={lang}")).await;
            let mut at = 40_000;
            for kind in ["queue", "exchange", "binding", "producer", "consumer", "broker", "topic"] {
                page.seek(at).await;
                at += 30_000;
                page.press("a").await;
                page.focus(&format!("#kind-{kind}")).await;
                page.press("Enter").await;
                page.settle().await;
                assert_eq!(focused(page).await, format!("kind-{kind}"));
                if kind == "binding" {
                    page.focus("#add-key").await;
                    write(page, "x.7").await;
                }
                let will = page.text("#add-will").await;
                let starts = if lang == "en" { "Effect: " } else { "效果：" };
                assert!(will.starts_with(starts), "{kind}: {will}");
                let digest = page.digest().await;
                page.focus("#add-do").await;
                page.press("Enter").await;
                assert_ne!(page.digest().await, digest, "{kind} is added: {}", page.text("#notice").await);
                page.press("Escape").await;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_there_is_removed_in_the_menu() {
    with_page(Form::Site, async |page: &Page| {
        page.open("?scenario=kill-the-leader&seed=20&lang=en").await;
        page.seek(60_000).await;
        page.focus("[data-node='consumer-1']").await;
        page.press("m").await;
        page.click("#menu [data-value='ack consumer-1 before']").await;
        assert!(happened(page).await.contains("acknowledges each message before the work"));
        page.seek(90_000).await;
        page.focus("[data-node='broker-3']").await;
        page.press("m").await;
        page.click("#menu [data-value='leave broker-3']").await;
        page.seek(200_000).await;
        assert_eq!(page.attribute("[data-node='broker-3']", "data-up").await, "0");
        page.focus("[data-node='broker-1']").await;
        page.press("m").await;
        page.click("#menu [data-value='drop-topic orders']").await;
        page.press("End").await;
        assert_eq!(page.text("#verdict-lost").await, "0", "what was removed is not called lost");
    })
    .await;
}

#[tokio::test]
async fn a_durable_subscription_ends_in_the_field_and_in_the_menu() {
    with_page(Form::Site, async |page: &Page| {
        page.open("?scenario=away&lang=en").await;
        page.seek(80_000).await;
        page.press(":").await;
        write(page, "drop-s").await;
        assert_eq!(proposed(page).await, ["drop-subscription "]);
        page.press("Tab").await;
        assert!(proposed(page).await.is_empty(), "while somebody reads it, it cannot end");
        write(page, "loyal loyal").await;
        let hint = page.text("#command-hint").await;
        assert_eq!(hint, "loyal reads the subscription loyal: let it leave first.");
        page.press("Escape").await;

        // Its reader is away.
        page.open("?scenario=away&lang=en").await;
        page.seek(180_000).await;
        page.press(":").await;
        write(page, "drop-s").await;
        page.press("Tab").await;
        assert_eq!(proposed(page).await, ["drop-subscription loyal loyal"]);
        page.press("ArrowDown").await;
        page.press("Enter").await;
        assert_eq!(page.text("#command-hint").await, "Effect: no durable subscription loyal any more.");
        page.press("Enter").await;
        assert!(
            happened(page).await.contains("removes subscription loyal, and drops"),
            "{}",
            happened(page).await
        );
        page.press("Escape").await;
        page.press("u").await;
        assert!(!happened(page).await.contains("removes"), "it is taken back");

        page.click("#lang").await;
        page.focus("[data-node='broker-1']").await;
        page.press("m").await;
        let line = "#menu [data-value='drop-subscription loyal loyal']";
        assert_eq!(page.text(line).await, "取消持久订阅 loyal，连同里面的消息");
        page.click(line).await;
        assert!(happened(page).await.contains("删除订阅 loyal"), "{}", happened(page).await);
        page.press("End").await;
        assert_eq!(page.text("#verdict-lost").await, "0", "what went with it is not called lost");
    })
    .await;
}

#[tokio::test]
async fn services_and_users_are_set_in_their_menus() {
    with_page(Form::Site, async |page: &Page| {
        for (lang, work, every, now) in [
            ("en", "Work 20 ms on each order", "Ask every 5 ms", "now 8 ms to 12 ms"),
            ("zh", "每单处理 20 毫秒", "每 5 毫秒下一单", "现在 8 毫秒到 12 毫秒"),
        ] {
            page.open(&format!("?scenario=flash-sale-by-calls&lang={lang}")).await;
            page.seek(120_000).await;
            page.focus("[data-node='service-2']").await;
            page.press("m").await;
            let line = "#menu [data-value='work service-2 20.000']";
            assert_eq!(page.text(line).await, format!("{work}{now}"));
            let digest = page.digest().await;
            page.click(line).await;
            assert_ne!(page.digest().await, digest);
            page.focus("[data-node='user-1']").await;
            page.press("m").await;
            let line = "#menu [data-value='every user-1 5.000']";
            assert!(page.text(line).await.starts_with(every), "{}", page.text(line).await);
            let digest = page.digest().await;
            page.click(line).await;
            assert_ne!(page.digest().await, digest);
            // Both are in the journal, and each is taken back by itself.
            page.press("u").await;
            page.press("u").await;
            page.press(":").await;
            write(page, "every user-1 10").await;
            let so = page.text("#command-hint").await;
            assert!(so.contains("so already") || so.contains("已经是这样"), "{so}");
            page.press("Escape").await;
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_not_there_is_proposed_only_where_something_is_near() {
    with_page(Form::Site, async |page: &Page| {
        page.open("?scenario=kill-the-leader&seed=20&lang=en").await;
        page.press(":").await;
        write(page, "drop-topic oders").await;
        assert_eq!(page.text("#command-hint").await, "There is no topic oders. Did you mean orders?");
        page.press("Escape").await;
        page.open("?scenario=kill-the-laeder&lang=en").await;
        assert!(page.text("#notice").await.contains("Names like it: kill-the-leader."));
        page.open("?scenario=qqqq&lang=zh").await;
        let notice = page.text("#notice").await;
        assert!(notice.contains("没有名为“qqqq”的实验") && !notice.contains("相近"), "{notice}");
    })
    .await;
}
