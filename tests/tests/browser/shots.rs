//! Pictures of the page in its main states, for somebody to look at: `cargo xtask shots`.
//!
//! A state is a link and what a person does then. Each is shown in some windows, in both languages and themes, and an
//! index shows them side by side. What a picture shows is judged by eyes alone; the console must be silent, as ever.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use fantoccini::Locator;

use crate::Form;
use crate::driver::{Page, Visitor, with_page_for};

/// Wherever a layout changes, and between.
const EVERY: &[(u32, u32)] =
    &[(360, 740), (390, 844), (768, 1024), (1024, 768), (1440, 900), (1920, 1080), (2560, 1440)];
/// A phone, a desk, and a large desk.
const SOME: &[(u32, u32)] = &[(390, 844), (1440, 900), (1920, 1080)];
/// A desk.
const ONE: &[(u32, u32)] = &[(1440, 900)];

/// What a person does.
enum Deed {
    /// Goes to a moment, in microseconds.
    Seek(u64),
    Press(&'static str),
    Click(&'static str),
    Focus(&'static str),
    /// Waits until something is there.
    Until(&'static str),
    /// Scrolls to something, below the header.
    Show(&'static str),
}

use Deed::{Click, Focus, Press, Seek, Show, Until};

/// What is shown.
struct State {
    name: &'static str,
    /// After `?`, or of another page with its name; without the language.
    link: &'static str,
    deeds: &'static [Deed],
    windows: &'static [(u32, u32)],
}

/// A comparison that is over soon, and in which something goes wrong.
const COMPARE: &str = "compare.html?who=kafka:acks-all,kafka:acks-1,kafka:acks-0,rabbitmq:classic&load=steady&messages=600\
                       &wrong=none,power-cut&seeds=3";

const STATES: &[State] = &[
    State {
        name: "stage",
        link: "scenario=kill-the-leader-acks-1&seed=20",
        deeds: &[Seek(252_000)],
        windows: EVERY,
    },
    State { name: "start", link: "", deeds: &[], windows: EVERY },
    State { name: "queue", link: "scenario=hundred-messages&seed=7", deeds: &[Seek(180_000)], windows: SOME },
    State {
        name: "life",
        link: "scenario=kill-the-leader-acks-1&seed=20",
        deeds: &[Press("End"), Click("#count-lost"), Seek(302_000)],
        windows: SOME,
    },
    State { name: "exchanges", link: "scenario=exchanges", deeds: &[Seek(200_000)], windows: SOME },
    State { name: "calls", link: "scenario=checkout-by-calls", deeds: &[Seek(300_000)], windows: SOME },
    State { name: "share-group", link: "scenario=share-group", deeds: &[Seek(200_000)], windows: SOME },
    State { name: "outbox", link: "scenario=outbox", deeds: &[Seek(300_000)], windows: SOME },
    State { name: "quorum", link: "scenario=controllers-fail-over", deeds: &[Seek(600_000)], windows: SOME },
    State {
        name: "space-time",
        link: "scenario=kill-the-leader&seed=20",
        deeds: &[Press("v"), Seek(296_000)],
        windows: SOME,
    },
    State {
        name: "logs",
        link: "scenario=kill-the-leader-acks-1&seed=20",
        deeds: &[Press("v"), Press("v"), Seek(420_000)],
        windows: SOME,
    },
    State {
        name: "charts",
        link: "scenario=kill-the-leader&seed=20",
        deeds: &[Seek(420_000), Click("#charts-open[aria-expanded='false']")],
        windows: SOME,
    },
    State {
        name: "menu",
        link: "scenario=kill-the-leader&seed=20",
        deeds: &[Seek(150_000), Focus("[data-node='broker-2']"), Press("m")],
        windows: SOME,
    },
    State {
        name: "branches",
        link: "scenario=kill-the-leader&seed=20",
        deeds: &[Press("End"), Seek(150_000), Press("2"), Press("k"), Press("End"), Press("b")],
        windows: SOME,
    },
    State {
        name: "bet",
        link: "scenario=kill-the-leader-acks-1&seed=20",
        deeds: &[Click("#bet-choices [value='1']"), Press("End")],
        windows: SOME,
    },
    State {
        name: "zoomed",
        link: "scenario=kill-the-leader&seed=20",
        deeds: &[Seek(252_000), Press("+"), Press("+")],
        windows: SOME,
    },
    State {
        name: "together",
        link: "scenario=kill-the-leader&seed=20&view=together",
        deeds: &[Seek(270_000)],
        windows: &[(1600, 900), (1920, 1080), (2560, 1440)],
    },
    State { name: "help", link: "", deeds: &[Press("?")], windows: SOME },
    State { name: "share", link: "", deeds: &[Click("#share-open")], windows: ONE },
    State { name: "compare", link: COMPARE, deeds: &[], windows: EVERY },
    State {
        name: "compare-outcome",
        link: COMPARE,
        deeds: &[Click("#run"), Until("#outcome[data-state='done']"), Show("#outcome")],
        windows: EVERY,
    },
    State {
        name: "compare-together",
        link: COMPARE,
        deeds: &[
            Click("#run"),
            Until("#outcome[data-state='done']"),
            Click("[data-mishap='power-cut'] .difference > button"),
            Until("#stages mq-lab[data-digest]"),
            Show("#together"),
        ],
        windows: SOME,
    },
    State {
        name: "compare-needs",
        link: COMPARE,
        deeds: &[Click("[data-need='replay'] input"), Show("#needs")],
        windows: EVERY,
    },
    State { name: "bad-link", link: "scenario=nothing-like-it", deeds: &[], windows: SOME },
];

/// Language and theme, each with each other twice where there are many windows.
const LOOKS: [(&str, &str); 2] = [("en", "light"), ("zh", "dark")];

struct Shot {
    file: String,
    caption: String,
    width: u32,
}

async fn do_all(page: &Page, deeds: &[Deed]) {
    for deed in deeds {
        match *deed {
            Seek(to) => {
                page.seek(to).await;
            }
            Press(key) => page.press(key).await,
            Click(css) => {
                // What is so already (charts that are open) need not be made so.
                let there = format!("return !!document.querySelector({css:?})");
                if page.script(&there).await == true {
                    page.click(css).await;
                }
            }
            Focus(css) => page.focus(css).await,
            Show(css) => {
                page.script(&format!("window.scrollTo(0, document.querySelector({css:?}).offsetTop - 64)"))
                    .await;
            }
            Until(css) => _ = page.element(Locator::Css(css)).await,
        }
    }
}

async fn show(page: &Page, state: &State, folder: &Path) -> Vec<Shot> {
    let mut shots = Vec::new();
    for (lang, theme) in LOOKS {
        page.set_media("prefers-color-scheme", theme).await;
        for window in state.windows {
            page.set_window(*window).await;
            let page_too = if state.link.contains('?') { "" } else { "?" };
            page.open(&format!("{page_too}{}&lang={lang}", state.link)).await;
            do_all(page, state.deeds).await;
            if !state.deeds.iter().any(|deed| matches!(deed, Show(_))) {
                page.script("window.scrollTo(0, 0)").await;
            }
            page.settle().await;
            let file = format!("{}-{lang}-{theme}-{}.png", state.name, window.0);
            let picture = page.client.screenshot().await.expect("the browser takes a picture");
            fs::write(folder.join(&file), picture).expect("the picture is written");
            let caption = format!("{} × {} {lang} {theme}", window.0, window.1);
            shots.push(Shot { file, caption, width: window.0 });
        }
    }
    shots
}

/// The pictures side by side, each as wide as its window is beside the others.
fn index(all: &[(&str, Vec<Shot>)]) -> String {
    let mut html = String::from(
        "<!doctype html><meta charset=\"utf-8\"><title>mqlab: shots</title><style>
body { font: 14px system-ui; margin: 20px; background: #ddd } section { display: flex; gap: 14px; align-items: start; overflow: auto }
figure { margin: 0; flex: none } img { width: 100%; display: block; border: 1px solid #999 } figcaption { padding: 4px 0 }
</style>\n",
    );
    for (name, shots) in all {
        write!(html, "<h2 id=\"{name}\">{name}</h2><section>").expect("a string takes all");
        for Shot { file, caption, width } in shots {
            let wide = f64::from(*width) / 3.2;
            let figure = format!(
                "<figure style=\"width:{wide}px\"><a href=\"{file}\"><img src=\"{file}\" loading=\"lazy\" alt=\"{name}: {caption}\"></a>\
                 <figcaption>{caption}</figcaption></figure>"
            );
            html.push_str(&figure);
        }
        html.push_str("</section>\n");
    }
    html
}

/// Makes the pictures of all states, or of the one that is named.
#[tokio::test]
#[ignore = "it proves nothing, and writes pictures: cargo xtask shots"]
async fn the_main_states() {
    let folder = PathBuf::from(env::var_os("MQLAB_SHOTS").expect("MQLAB_SHOTS names a folder"));
    let only = env::var("MQLAB_SHOTS_ONLY").unwrap_or_default();
    let names: Vec<&str> = STATES.iter().map(|state| state.name).collect();
    assert!(
        only.is_empty() || names.contains(&only.as_str()),
        "no state is called {only}; there are {}",
        names.join(", ")
    );
    fs::create_dir_all(&folder).expect("a folder for pictures");
    with_page_for(Visitor::default(), Form::Site, async |page: &Page| {
        let mut all = Vec::new();
        for state in STATES.iter().filter(|state| only.is_empty() || state.name == only) {
            all.push((state.name, show(page, state, &folder).await));
        }
        fs::write(folder.join("index.html"), index(&all)).expect("the index is written");
    })
    .await;
}
