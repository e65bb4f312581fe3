//! Very much at once: the page draws flows and says how much they are, and the chosen message stays what it is.

use mqlab_core::sim::Scenario;

use crate::Form;
use crate::driver::{Page, with_page};

/// A shop that hands over 5,000 messages at once.
fn rush() -> Scenario {
    let mut scenario = Scenario::built_in("hundred-messages").expect("it is built in");
    let shop = &mut scenario.producers[0];
    (shop.messages, shop.burst, shop.every) = (5_000, 5_000, 1_000);
    scenario.settings.in_flight_max = 10_000;
    scenario
}

async fn says(page: &Page, words: &str) -> bool {
    page.written_on("stage").await.iter().any(|written| written.text == words)
}

#[tokio::test]
async fn very_many_messages_are_a_flow_with_its_number() {
    with_page(Form::Site, async |page: &Page| {
        let version = mqlab_core::VERSION;
        page.open(&format!("?run={}&seed=7&at=31.3&lang=en&v={version}", rush().pack())).await;
        assert!(says(page, "5000 →").await);
        assert!(!says(page, "2345").await);
        // While it plays the stage has two layers, and nothing is missing when it stands still again.
        page.press(" ").await;
        page.until("messages arrive", async || page.now().await > 33_000).await;
        page.press(" ").await;
        page.until("it stands still", async || page.attribute("#play", "aria-pressed").await == "false")
            .await;
        page.settle().await;
        let words = page.written_on("stage").await;
        for word in ["shop", "worker-1", "worker-2"] {
            assert!(words.iter().any(|written| written.text == word), "{word}: {words:?}");
        }
        page.seek(31_300).await;
        assert!(says(page, "5000 →").await);

        page.press("?").await;
        let legend = |text: &'static str| async move { page.text(&format!("[data-text='{text}']")).await };
        assert!(legend("legend-flow").await.contains("a flow"));
        assert!(legend("legend-dots").await.contains("a dot"));
        page.press("Escape").await;
        page.click("#lang").await;
        page.press("?").await;
        assert!(legend("legend-flow").await.contains("一股流"));
        assert!(legend("legend-flow-back").await.contains("应答带 +"));
    })
    .await;
}
