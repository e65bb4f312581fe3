//! A closer look: zoom and pan by wheel, keys, buttons, drag and fingers; and three views side by side.

use fantoccini::Locator;
use serde_json::json;

use crate::Form;
use crate::driver::{Page, Visitor, with_page, with_page_for};
use crate::hands::Written;

fn spot(stage: &[Written], word: &str) -> (f64, f64) {
    let found = stage.iter().find(|written| written.text == word);
    let found = found.unwrap_or_else(|| panic!("{word} is not on the stage: {stage:?}"));
    (found.x, found.y)
}

async fn where_is(page: &Page, word: &str) -> (f64, f64) {
    spot(&page.written_on("stage").await, word)
}

/// Turns the wheel over a spot of the window.
async fn wheel(page: &Page, (x, y): (f64, f64), down: f64, ctrl: bool) {
    let turn = "const [x, y, deltaY, ctrlKey] = arguments;
        document.elementFromPoint(x, y).dispatchEvent(
            new WheelEvent('wheel', { clientX: x, clientY: y, deltaY, ctrlKey, bubbles: true, cancelable: true }))";
    page.client
        .execute(turn, vec![json!(x), json!(y), json!(down), json!(ctrl)])
        .await
        .expect("a wheel turns");
    page.settle().await;
}

/// What fingers do, as Chromium hears it from a screen.
async fn touch(page: &Page, kind: &str, fingers: &[(f64, f64)]) {
    let points: Vec<_> =
        fingers.iter().enumerate().map(|(id, (x, y))| json!({ "x": x, "y": y, "id": id })).collect();
    page.devtools("Input.dispatchTouchEvent", json!({ "type": kind, "touchPoints": points })).await;
}

async fn tap(page: &Page, finger: (f64, f64)) {
    touch(page, "touchStart", &[finger]).await;
    touch(page, "touchEnd", &[]).await;
    page.settle().await;
}

async fn with_fingers(page: &Page) {
    page.devtools("Emulation.setTouchEmulationEnabled", json!({ "enabled": true, "maxTouchPoints": 5 }))
        .await;
}

#[tokio::test]
async fn the_stage_is_zoomed_and_moved_by_wheel_mouse_and_keys() {
    with_page(Form::Site, async |page: &Page| {
        page.open("?scenario=kill-the-leader&seed=20&lang=en").await;
        page.seek(150_000).await;
        let home = where_is(page, "broker 2").await;
        wheel(page, home, -300.0, true).await;
        let near = where_is(page, "broker 2").await;
        assert!((near.0 - home.0).abs() < 3.0 && (near.1 - home.1).abs() < 3.0, "it stays under the pointer");
        let shop = where_is(page, "shop").await;
        assert!(shop.0 < home.0, "and everything else moves away from it");
        // A click finds what is seen there.
        page.click_at(near.0 + 4.0, near.1).await;
        assert_eq!(page.text("#menu-title").await, "broker 2");
        page.press("Escape").await;

        page.press("Shift+ArrowDown").await;
        let moved = where_is(page, "broker 2").await;
        wheel(page, near, -60.0, false).await;
        assert_ne!(where_is(page, "broker 2").await, moved, "the wheel alone moves what is zoomed");

        // Dragged, it moves and nothing is clicked.
        let (left, top, _, _) = page.area("#stage-box").await;
        let before = where_is(page, "broker 2").await;
        page.drag((left + 300.0, top + 200.0), (left + 330.0, top + 240.0)).await;
        let after = where_is(page, "broker 2").await;
        assert!((after.0 - before.0 - 30.0).abs() < 3.0, "{before:?} {after:?}");
        assert_eq!(page.script("return document.getElementById('menu').hidden").await, true);

        page.click("#view-fit").await;
        assert_eq!(where_is(page, "broker 2").await, home);
        page.press("+").await;
        page.press("+").await;
        assert_ne!(where_is(page, "broker 2").await, home);
        page.press("f").await;
        assert_eq!(where_is(page, "broker 2").await, home, "a key does it, too");
        page.click("#lang").await;
        assert_eq!(page.attribute("#view-fit", "aria-label").await, "看全部");
    })
    .await;
}

#[tokio::test]
async fn who_walks_by_keyboard_sees_where_they_are() {
    with_page(Form::Site, async |page: &Page| {
        page.open("?scenario=kill-the-leader&seed=20&lang=en").await;
        page.focus("[data-node='producer-1']").await;
        for _ in 0..5 {
            page.press("+").await;
        }
        page.press("Tab").await;
        page.tab(4).await;
        let node = page.script("return document.activeElement.dataset.node").await;
        let (x, y, w, h) = page.area(&format!("[data-node='{}']", node.as_str().expect("a node"))).await;
        let (left, top, width, height) = page.area("#stage-box").await;
        assert!(
            x >= left && x + w <= left + width && y >= top && y + h <= top + height,
            "{node} is in sight"
        );
    })
    .await;
}

#[tokio::test]
async fn fingers_do_what_a_mouse_does() {
    let phone = Visitor { language: "en-US", window: (390, 844) };
    with_page_for(phone, Form::Site, async |page: &Page| {
        with_fingers(page).await;
        page.open("?scenario=kill-the-leader-acks-1&seed=20&lang=en").await;
        // The axis is scrubbed.
        let (x, y, width, height) = page.area("#scrub").await;
        let bar = y + height - 30.0;
        touch(page, "touchStart", &[(x + 20.0, bar)]).await;
        touch(page, "touchMove", &[(x + 60.0, bar)]).await;
        touch(page, "touchMove", &[(x + width * 0.25, bar)]).await;
        touch(page, "touchEnd", &[]).await;
        page.settle().await;
        let now = page.now().await;
        assert!((120_000..300_000).contains(&now), "{now}");

        // A tap opens a node's menu; its lines are for fingers.
        let shop = where_is(page, "shop").await;
        tap(page, (shop.0 + 4.0, shop.1)).await;
        assert_eq!(page.text("#menu-title").await, "shop");
        let (.., tall) = page.area("#menu [data-act='do']").await;
        assert!(tall >= 40.0, "{tall}");
        page.press("Escape").await;

        // Two fingers zoom, and one moves it then.
        let home = where_is(page, "shop").await;
        let (cx, cy) = (195.0, home.1 + 40.0);
        touch(page, "touchStart", &[(cx - 30.0, cy), (cx + 30.0, cy)]).await;
        for step in 1..=6 {
            let by = 30.0 + 10.0 * f64::from(step);
            touch(page, "touchMove", &[(cx - by, cy), (cx + by, cy)]).await;
        }
        touch(page, "touchEnd", &[]).await;
        page.settle().await;
        let app = page.written_on("stage").await;
        let (shop, app) = (spot(&app, "shop"), spot(&app, "app"));
        let apart = app.0 - shop.0;
        assert!(apart > 1.5 * 176.0, "shop and app are {apart} apart");
        touch(page, "touchStart", &[(cx, cy)]).await;
        for step in 1..=5 {
            touch(page, "touchMove", &[(cx + 12.0 * f64::from(step), cy)]).await;
        }
        touch(page, "touchEnd", &[]).await;
        page.settle().await;
        let moved = where_is(page, "shop").await;
        assert!(moved.0 > shop.0 + 30.0, "{shop:?} {moved:?}");
        // The page scrolls to the button, so what counts is the place on the stage.
        let (left, top, ..) = page.area("#stage").await;
        page.script("window.scrollTo(0, 0)").await;
        page.click("#view-fit").await;
        let fitted = where_is(page, "shop").await;
        assert!((fitted.0 - home.0).abs() < 1.0 && fitted.0 > left && fitted.1 > top, "{home:?} {fitted:?}");

        // Nothing is too small for a finger.
        let small = "return [...document.querySelectorAll('button, select, input, [role=option]')]
            .filter((one) => one.checkVisibility({ visibilityProperty: true }))
            .map((one) => [one.outerHTML.slice(0, 80), one.getBoundingClientRect(), one.type])
            .filter(([, area, type]) => type !== 'radio' && type !== 'checkbox' && (area.width < 24 || area.height < 24))
            .map(([html, area]) => `${html}: ${area.width} x ${area.height}`)";
        assert_eq!(page.script(small).await, json!([]));
        for main in ["#play", "#back", "#forward", "#theme", "#help-open"] {
            let (.., width, height) = page.area(main).await;
            assert!(width >= 36.0 && height >= 40.0, "{main}: {width} x {height}");
        }
    })
    .await;
}

#[tokio::test]
async fn three_views_stand_side_by_side_and_a_link_opens_them() {
    let desk = Visitor { language: "en-US", window: (1920, 1080) };
    with_page_for(desk, Form::Site, async |page: &Page| {
        page.open("?scenario=kill-the-leader&seed=20&lang=en&view=stage").await;
        assert_eq!(page.attribute("#charts-open", "aria-expanded").await, "false", "the link says so");
        page.seek(200_000).await;
        for _ in 0..3 {
            page.press("v").await;
        }
        assert_eq!(page.attribute("#view-together", "aria-pressed").await, "true");
        let words = page.written_on("stage").await;
        assert!(words.iter().any(|written| written.text.contains("led by broker 1")), "logs: {words:?}");
        let brokers = words.iter().filter(|written| written.text == "broker 2").count();
        assert!(brokers >= 3, "on the stage, among the logs and as a lane: {brokers}");
        assert_eq!(page.texts("#nodes > button").await.len(), 8, "the stage's controls are there");
        page.press("c").await;
        let query = "return location.search";
        page.until("the address says it", async || {
            page.script(query).await.as_str().is_some_and(|query| query.contains("view=together,charts"))
        })
        .await;
        let link = page.script(query).await;
        page.open(link.as_str().expect("an address")).await;
        assert_eq!(page.attribute("#view-together", "aria-pressed").await, "true");
        assert_eq!(page.attribute("#charts-open", "aria-expanded").await, "true");

        // Where there is no room for three, the stage stands for them.
        page.set_window((1024, 768)).await;
        page.settle().await;
        page.settle().await;
        assert_eq!(page.attribute("#view-stage", "aria-pressed").await, "true");
        let gone = page.element(Locator::Css("#view-together")).await;
        assert!(!gone.is_displayed().await.expect("it is in the page"));

        page.open("?view=sideways&lang=zh").await;
        assert!(page.text("#notice").await.contains("sideways"), "{}", page.text("#notice").await);
        page.open("?view=logs&lang=zh").await;
        assert_eq!(page.attribute("#view-logs", "aria-pressed").await, "true");
    })
    .await;
}
