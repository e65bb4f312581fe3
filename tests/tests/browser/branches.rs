//! Futures beside each other: made by a command in the past, taken back, named, removed, compared.

use mqlab_core::ids::NodeId;
use mqlab_core::sim::{Action, Command};
use mqlab_core::time::Time;

use crate::Form;
use crate::driver::{Page, Visitor, with_page, with_page_for};
use crate::hands::native;

const NAME: &str = "kill-the-leader-acks-1";
const SEED: u64 = 20;

/// Two branches: as written, and one in which a consumer crashes at about 200 ms.
async fn branch(page: &Page, lang: &str) -> Action {
    page.open(&format!("?scenario={NAME}&seed={SEED}&lang={lang}")).await;
    page.press("End").await;
    page.seek(200_000).await;
    page.focus("[data-node='consumer-1']").await;
    page.press("Enter").await;
    page.seek(400_000).await;
    assert_eq!(page.texts("#branches > button").await.len(), 2);
    let deeds = page.attribute("#branches > button:last-child", "title").await;
    assert!(deeds.contains("billing-1"), "{deeds}");
    // The command's own moment is that of the first difference.
    let now = page.now().await;
    page.press("b").await;
    page.click("#difference-go").await;
    let crash = page.now().await;
    page.press("Escape").await;
    page.seek(now).await;
    Action { at: Time(crash), command: Command::Crash(NodeId::Consumer(1)) }
}

#[tokio::test]
async fn what_was_done_is_taken_back_by_button_and_by_key() {
    with_page(Form::Site, async |page: &Page| {
        page.open(&format!("?scenario={NAME}&seed={SEED}")).await;
        page.press("u").await;
        assert_eq!(page.text("#notice").await, "Nothing was done in this branch yet.");
        page.seek(120_000).await;
        let kill = async |page: &Page| page.click("[data-node='broker-2']").await;
        let action = page.toggle(NodeId::Broker(2), kill).await;
        page.press("End").await;
        assert_eq!(page.digest().await, native(NAME, SEED, std::slice::from_ref(&action)));
        page.click("#undo").await;
        assert!(page.now().await < action.at.0, "to before it was done");
        assert_eq!(page.text("#branches > [aria-current='true']").await, "as written");
        page.press("End").await;
        assert_eq!(page.digest().await, native(NAME, SEED, &[]), "as if nothing had been done");
        page.click("#branches > button:first-child").await;
        page.press("End").await;
        assert_eq!(
            page.digest().await,
            native(NAME, SEED, std::slice::from_ref(&action)),
            "and nothing is lost"
        );
        page.press("u").await;
        assert_eq!(page.text("#branches > [aria-current='true']").await, "as written");
        assert_eq!(page.attribute("#undo", "disabled").await, "true");
    })
    .await;
}

#[tokio::test]
async fn a_branch_is_named_and_removed_in_its_row() {
    for (lang, form) in [("en", Form::Site), ("zh", Form::SingleFile)] {
        with_page(form, async |page: &Page| {
            branch(page, lang).await;
            page.click("#branches-open").await;
            assert_eq!(page.attribute("#branches-open", "aria-expanded").await, "true");
            assert_eq!(page.script("return document.activeElement.id").await, "branch-close");
            let rows = async || page.texts("#branch-list .go").await;
            assert_eq!(rows().await, page.texts("#branches > button").await);

            page.click("#branch-list > li:last-child .rename").await;
            let write = "const name = document.querySelector('#branch-list input'); name.value = 'a b ≠ c';";
            page.script(write).await;
            page.press("Enter").await;
            assert_eq!(rows().await[1], "a b ≠ c");
            assert_eq!(page.texts("#branches > button").await[1], "a b ≠ c");
            let focused = page.script("return document.activeElement.className").await;
            assert_eq!(focused, "key rename", "the focus stays in the row");
            page.click("#branch-list > li:last-child .rename").await;
            page.script("document.querySelector('#branch-list input').value = 'no';").await;
            page.press("Escape").await;
            assert_eq!(rows().await[1], "a b ≠ c", "Escape keeps the old name");

            // The branch that is looked at cannot be removed; the other can.
            assert_eq!(page.texts("#branch-list > li:last-child .remove").await.len(), 0);
            page.click("#branch-list > li:first-child .remove").await;
            assert_eq!(rows().await, ["a b ≠ c"]);
            page.press("Escape").await;
            assert!(page.area("#branch-sheet").await.2 < 1.0, "Escape closes the sheet");
        })
        .await;
    }
}

/// The cells of a comparison, row by row: label, was and now at the moment, was and now at the end.
async fn table(page: &Page) -> Vec<Vec<String>> {
    let script = "return [...document.querySelectorAll('#comparison tbody tr')]
        .map((row) => [...row.children].map((cell) => cell.textContent))";
    serde_json::from_value(page.script(script).await).expect("rows of texts")
}

#[tokio::test]
async fn two_branches_are_compared_and_their_first_difference_is_one_click_away() {
    for lang in ["en", "zh"] {
        with_page(Form::Site, async |page: &Page| {
            let action = branch(page, lang).await;
            page.press("b").await;
            let rows = table(page).await;
            assert_eq!(rows.len(), 9);
            assert!(rows.iter().all(|row| row.len() == 5));
            // What the table says of the ends is what the page says there.
            let verdict = async || {
                page.press("End").await;
                let counts = ["acknowledged", "delivered", "on-their-way", "lost", "doubled", "reordered"];
                let mut found = Vec::new();
                for count in counts {
                    found.push(page.text(&format!("#verdict-{count}")).await);
                }
                found
            };
            let column = |column: usize| rows[..6].iter().map(|row| row[column].clone()).collect::<Vec<_>>();
            assert_eq!(verdict().await, column(4));
            page.click("#branches > button:first-child").await;
            assert_eq!(verdict().await, column(3));
            assert_ne!(column(1), column(2), "at 400 ms a consumer less is seen");
            assert!(page.texts("#comparison .differs").await.len() > 1);

            page.click("#difference-go").await;
            assert_eq!(page.now().await, action.at.0);
            let marked = page.texts("#events > [data-differs]").await;
            assert_eq!(marked.len(), 1, "one event is marked");
            let words = page.text("#difference-one").await;
            assert!(marked[0].ends_with(&words), "{marked:?}, {words}");
            page.click("#branches > button:last-child").await;
            let words = page.text("#difference-other").await;
            assert!(page.texts("#events > [data-differs]").await[0].ends_with(&words));
            assert!(words.starts_with("billing-1"), "{words}");

            // By keyboard, with the sheet closed.
            page.press("Escape").await;
            page.press("Home").await;
            page.press("d").await;
            assert_eq!(page.now().await, action.at.0);

            page.press("b").await;
            page.click("#compare-none").await;
            assert!(page.area("#comparison").await.2 < 1.0);
            assert_eq!(page.texts("#events > [data-differs]").await.len(), 0);
        })
        .await;
    }
}

#[tokio::test]
async fn branches_have_room_on_a_small_phone() {
    let small = Visitor { window: (360, 740), ..Visitor::default() };
    with_page_for(small, Form::Site, async |page: &Page| {
        branch(page, "en").await;
        page.press("b").await;
        page.screenshot("branches-small").await;
        let (left, top, width, height) = page.area("#branch-sheet").await;
        assert!(left >= 0.0 && left + width <= 360.0 && top >= 0.0 && width > 250.0);
        let (_, footer, ..) = page.area("footer").await;
        assert!(
            top + height <= footer + 1.0,
            "the sheet ends at {}, the transport begins at {footer}",
            top + height
        );
        let wide = page
            .script(
                "return [document, document.getElementById('branch-sheet')]
            .map((one) => one.scrollingElement ?? one).every((one) => one.scrollWidth <= one.clientWidth)",
            )
            .await;
        assert_eq!(wide, true, "nothing scrolls sideways");
    })
    .await;
}
