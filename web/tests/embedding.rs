//! A lab within somebody's page, without a browser: what its attributes mean, and what they cannot.
#![cfg(not(target_arch = "wasm32"))]

use mqlab_core::sim::{Scenario, Timeline};
use mqlab_web::desk::Visitor;
use mqlab_web::embed::Embed;

fn embed(attributes: &[(&str, &str)]) -> Embed {
    let value = |name: &str| {
        attributes.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    };
    Embed::new(value, Visitor { languages: "en".into(), ..Visitor::default() })
}

#[test]
fn an_element_has_the_controls_that_it_asks_for() {
    let names = |attributes: &[(&str, &str)]| {
        let panel = embed(attributes).panel(0.0).expect("a first panel");
        panel.controls.iter().map(|(name, _)| *name).collect::<Vec<_>>()
    };
    assert_eq!(names(&[]), ["play", "back", "forward"]);
    assert_eq!(names(&[("controls", "time  play time")]), ["time", "play"]);
    assert_eq!(names(&[("controls", "reset open")]), ["reset", "open"]);
}

#[test]
fn keys_do_only_what_the_controls_do() {
    let mut plain = embed(&[("scenario", "kill-the-leader"), ("seed", "7"), ("controls", "step")]);
    assert!(plain.key("ArrowRight") && plain.key("ArrowRight") && plain.key("ArrowLeft"));
    for key in [" ", "Home", "End", "k", "l", "1", "Tab"] {
        assert!(!plain.key(key), "{key}");
    }
    let mut timeline =
        Timeline::new(Scenario::built_in("kill-the-leader").expect("it is built in"), 7).expect("it runs");
    timeline.step();
    assert_eq!(plain.panel(0.0).expect("a panel").digest, timeline.digest().to_string());
}

#[test]
fn it_plays_and_says_what_happens() {
    let mut embed = embed(&[("scenario", "kill-the-leader"), ("lang", "zh"), ("theme", "dark")]);
    let first = embed.panel(0.0).expect("a first panel");
    assert_eq!((first.tag, first.theme, first.playing), ("zh-CN", "dark", false));
    assert!(embed.panel(1_000.0).is_none(), "nothing has changed");
    assert!(embed.key(" "));
    let (mut now, mut said) = (2_000.0, Vec::new());
    while now < 60_000.0 {
        now += 16.0;
        embed.frame(now);
        if let Some(panel) = embed.panel(now) {
            said.push(panel.say);
        }
    }
    assert!(said.iter().any(|words| words.contains("宕机")), "{said:?}");
    assert!(!embed.panel(now + 1.0).is_some_and(|panel| panel.playing), "it stops at the end");
}

#[test]
fn a_link_of_the_page_can_be_embedded() {
    let mut desk = embed(&[("scenario", "kill-the-leader"), ("seed", "5")]);
    for _ in 0..40 {
        assert!(desk.key("ArrowRight"));
    }
    let panel = desk.panel(0.0).expect("a panel");
    let link = format!("https://example.org/lab/{}", panel.address);
    let there = embed(&[("link", &link), ("lang", "zh")]).panel(0.0).expect("a panel");
    assert_eq!((there.digest, there.now, there.tag), (panel.digest, panel.now, "zh-CN"));
}

#[test]
fn an_attribute_that_cannot_be_meant_leaves_nothing_half() {
    for (attribute, value, words) in [
        ("scenario", "nope", "There is no experiment “nope”"),
        ("scenario", "kill-the-leader&seed=x", "There is no experiment “kill-the-leader&seed=x”"),
        ("seed", "18446744073709551616", "The attribute seed of <mq-lab> is “18446744073709551616”"),
        ("controls", "pause", "<mq-lab> has no control “pause”"),
        ("theme", "pink", "<mq-lab> has no theme “pink”"),
        ("lang", "fr", "<mq-lab> does not speak “fr”"),
        ("link", "?seed=x", "The link's seed “x”"),
    ] {
        let mut embed = embed(&[(attribute, value)]);
        let panel = embed.panel(0.0).expect("a panel");
        assert!(panel.notice.starts_with(words), "{attribute}: {}", panel.notice);
        assert!(!embed.runs() && panel.controls.is_empty() && panel.nodes.is_empty() && panel.end == 0);
        assert!(!embed.key(" ") && !embed.frame(1.0));
    }
}
