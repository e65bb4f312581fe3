//! One engine: what the browser shows is what the same run gives natively, whatever a person does to it.

use mqlab_core::ids::NodeId;
use mqlab_core::sim::{Scenario, Timeline};
use mqlab_core::time::Time;

use crate::Form;
use crate::driver::{Page, with_page};
use crate::hands::native;

#[tokio::test]
async fn the_site_ends_every_run_as_the_engine_does_natively() {
    with_page(Form::Site, every_run_ends_alike).await;
}

#[tokio::test]
async fn the_single_file_ends_every_run_as_the_engine_does_natively() {
    with_page(Form::SingleFile, every_run_ends_alike).await;
}

async fn every_run_ends_alike(page: &Page) {
    for name in Scenario::names() {
        for seed in [20, u64::MAX] {
            page.open(&format!("?scenario={name}&seed={seed}")).await;
            assert_eq!(page.text("#version").await, mqlab_core::VERSION);
            assert_eq!(page.text("#seed").await, seed.to_string());
            let scenario = Scenario::built_in(name).expect("it is built in");
            let mut timeline = Timeline::new(scenario, seed).expect("it can be run");
            // On the way too, and back again: a digest covers everything up to its moment, and nothing after it.
            for share in [6, 3] {
                let now = page.seek(timeline.ends_at().0 * share / 10).await;
                timeline.seek(Time(now));
                assert_eq!(page.digest().await, timeline.digest().to_string(), "{name}, {seed}, at {now}");
            }
            page.press("End").await;
            assert_eq!(page.now().await, timeline.ends_at().0);
            assert_eq!(page.digest().await, native(name, seed, &[]), "{name}, {seed}");
        }
    }
}

#[tokio::test]
async fn commands_on_the_site_do_what_they_do_natively() {
    with_page(Form::Site, commands_do_the_same).await;
}

#[tokio::test]
async fn commands_in_the_single_file_do_what_they_do_natively() {
    with_page(Form::SingleFile, commands_do_the_same).await;
}

/// A broker killed by its button and revived by key, a consumer killed by key and revived by its button.
async fn commands_do_the_same(page: &Page) {
    let (name, seed) = ("kill-the-leader", 7);
    page.open(&format!("?scenario={name}&seed={seed}")).await;
    let mut actions = Vec::new();

    page.seek(130_000).await;
    let broker = NodeId::Broker(2);
    actions.push(page.toggle(broker, async |page| page.click("[data-node='broker-2']").await).await);
    page.seek(240_000).await;
    let consumer = NodeId::Consumer(1);
    actions.push(
        page.toggle(consumer, async |page| {
            page.focus("[data-node='consumer-1']").await;
            page.press("Enter").await;
        })
        .await,
    );
    page.seek(380_000).await;
    actions.push(
        page.toggle(broker, async |page| {
            page.press("2").await;
            page.press("r").await;
        })
        .await,
    );
    for _ in 0..20 {
        page.press("ArrowRight").await;
    }
    actions.push(page.toggle(consumer, async |page| page.click("[data-node='consumer-1']").await).await);
    page.press("End").await;
    let shown = page.digest().await;
    assert_eq!(shown, native(name, seed, &actions), "{actions:?}");
    assert_ne!(shown, native(name, seed, &[]), "it was another run");
}

#[tokio::test]
async fn a_command_in_the_past_makes_a_branch_and_both_futures_are_the_engines() {
    with_page(Form::Site, async |page: &Page| {
        let (name, seed) = ("hundred-messages", 3);
        page.open(&format!("?scenario={name}&seed={seed}")).await;
        page.press("End").await;
        page.seek(200_000).await;
        let killed = async |page: &Page| {
            page.press("1").await;
            page.press("k").await;
        };
        let action = page.toggle(NodeId::Broker(1), killed).await;
        let forked = action.at.0 - 1;
        let label = format!("without broker 1 from {}.{} ms", forked / 1_000, forked % 1_000 / 100);
        assert_eq!(page.texts("#branches > button").await, ["as written", label.as_str()]);
        page.press("End").await;
        assert_eq!(page.digest().await, native(name, seed, std::slice::from_ref(&action)), "{action}");

        page.click("#branches > button:first-child").await;
        assert_eq!(page.attribute("#branches > button:first-child", "aria-current").await, "true");
        page.press("End").await;
        assert_eq!(page.digest().await, native(name, seed, &[]), "the old future is untouched");
    })
    .await;
}
