//! A browser for each test: started, asked, and ended whatever the test does.
//!
//! [`with_page`] is all that a test needs. It starts chromedriver on a port of its own and a headless Chromium with an
//! empty profile, opens the page, runs the test, closes everything (also when the test panics), and then fails the test
//! if the console showed an error.

use std::cell::RefCell;
use std::env;
use std::io::{BufRead, BufReader};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::PathBuf;
use std::pin::pin;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc;
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

use fantoccini::elements::Element;
use fantoccini::wd::{Capabilities, WebDriverCompatibleCommand};
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use url::Url;
use xtask::serve::SiteServer;

use crate::Form;

/// How long the page may take for anything. Long: a loaded machine is no failure, and a good run never waits for it.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often a condition is looked at.
const GLANCE: Duration = Duration::from_millis(50);

/// What Chromium is told. It runs as root in containers (no sandbox) and has no business on the network.
const CHROME_ARGUMENTS: [&str; 9] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
];

/// The person a test imagines.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Visitor {
    /// The browser's first language.
    pub(crate) language: &'static str,
    /// The window's width and height, in CSS pixels.
    pub(crate) window: (u32, u32),
}

impl Default for Visitor {
    fn default() -> Self {
        Self { language: "en-US", window: (1440, 900) }
    }
}

/// Opens the page for the usual visitor and runs `test` on it.
pub(crate) async fn with_page(form: Form, test: impl AsyncFnOnce(&Page)) {
    with_page_for(Visitor::default(), form, test).await;
}

/// Opens the page for `visitor` and runs `test` on it.
pub(crate) async fn with_page_for(visitor: Visitor, form: Form, test: impl AsyncFnOnce(&Page)) {
    let served = Served::start(form);
    let driver = Driver::start();
    let profile = tempfile::tempdir().expect("a folder for the browser's profile");
    let mut builder = ClientBuilder::new(HttpConnector::new());
    builder.capabilities(capabilities(visitor, &profile.path().display().to_string()));
    let client = builder.connect(&driver.address).await.expect("chromedriver starts Chromium");
    let page = Page { client, url: served.url.clone(), served: RefCell::new(Some(served)) };
    let outcome = caught(async {
        page.set_window(visitor.window).await;
        page.client.goto(&page.url).await.expect("the page opens");
        test(&page).await;
        page.expect_silent_console().await;
    })
    .await;
    // The session's end closes the browser, which is no child of ours; the driver ends when it is dropped.
    let closed = page.client.close().await;
    if let Err(panic) = outcome {
        resume_unwind(panic);
    }
    closed.expect("the browser closes");
}

/// A future's value, or what it panicked with: the browser must be closed before the test may fail.
async fn caught<T>(future: impl Future<Output = T>) -> thread::Result<T> {
    let mut future = pin!(future);
    std::future::poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(value)) => Poll::Ready(Ok(value)),
        Err(panic) => Poll::Ready(Err(panic)),
    })
    .await
}

fn capabilities(visitor: Visitor, profile: &str) -> Capabilities {
    let mut arguments: Vec<String> = CHROME_ARGUMENTS.map(String::from).into();
    arguments.push(format!("--user-data-dir={profile}"));
    arguments.push(format!("--accept-lang={}", visitor.language));
    let mut options = json!({ "args": arguments });
    if let Some(chrome) = env::var_os("CHROME") {
        options["binary"] = chrome.to_str().expect("CHROME is UTF-8").into();
    }
    let wanted = json!({ "goog:chromeOptions": options, "goog:loggingPrefs": { "browser": "ALL" } });
    wanted.as_object().expect("it is an object").clone()
}

/// The page's address, and the server behind it if there is one.
struct Served {
    url: String,
    server: Option<Arc<SiteServer>>,
}

impl Served {
    fn start(form: Form) -> Self {
        match form {
            Form::Site => {
                let server = SiteServer::bind(&built("MQLAB_SITE", "site"), 0).expect("the site is served");
                let server = Arc::new(server);
                let running = Arc::clone(&server);
                thread::spawn(move || running.run());
                Self { url: server.address(), server: Some(server) }
            }
            Form::SingleFile => {
                let file = built("MQLAB_SINGLE_FILE", "mqlab.html");
                let url = Url::from_file_path(&file).expect("an absolute path");
                Self { url: url.into(), server: None }
            }
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if let Some(server) = &self.server {
            server.stop();
        }
    }
}

/// What was built before: where the variable says, else where `cargo xtask dist` puts it.
fn built(variable: &str, name: &str) -> PathBuf {
    let usual = || PathBuf::from(env!("CARGO_TARGET_TMPDIR")).with_file_name(name);
    let path = env::var_os(variable).map_or_else(usual, PathBuf::from);
    assert!(path.exists(), "{} is not there: build it with `cargo xtask dist`", path.display());
    path
}

/// A running chromedriver; it ends with this value.
struct Driver {
    process: Child,
    address: String,
}

impl Driver {
    fn start() -> Self {
        let program = env::var_os("CHROMEDRIVER").unwrap_or_else(|| "chromedriver".into());
        let mut process = Command::new(&program)
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| {
                panic!("cannot start {program:?}: {error}; run `cargo xtask test --only browser`")
            });
        let lines = BufReader::new(process.stdout.take().expect("it is piped")).lines();
        let (sender, port) = mpsc::channel();
        // Read to the end: a driver blocks when nobody takes what it says.
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if let Some((_, port)) = line.rsplit_once("successfully on port ") {
                    let _ = sender.send(port.trim_end_matches('.').to_owned());
                }
            }
        });
        let port = port.recv_timeout(PATIENCE).expect("chromedriver says which port it took");
        Self { process, address: format!("http://127.0.0.1:{port}") }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A line of the browser's console.
pub(crate) struct ConsoleLine {
    /// `SEVERE`, `WARNING`, `INFO` or `DEBUG`.
    pub(crate) level: String,
    /// What it says, with its source.
    pub(crate) message: String,
}

/// The open page, and what a test asks of it. Every question waits; none returns an error, it fails the test.
pub(crate) struct Page {
    /// The session, for what has no shorthand here.
    pub(crate) client: Client,
    /// The page's address, without a fragment.
    pub(crate) url: String,
    /// The server, while there is one.
    served: RefCell<Option<Served>>,
}

impl Page {
    /// Ends the page's server: from now on there is no network.
    pub(crate) fn stop_server(&self) {
        self.served.take();
    }

    /// The element, once it is there.
    pub(crate) async fn element(&self, locator: Locator<'_>) -> Element {
        let wait = self.client.wait().at_most(PATIENCE);
        wait.for_element(locator).await.unwrap_or_else(|error| panic!("no {locator:?}: {error}"))
    }

    /// Waits until `condition` holds.
    pub(crate) async fn until(&self, what: &str, condition: impl AsyncFn() -> bool) {
        let end = Instant::now() + PATIENCE;
        while !condition().await {
            assert!(Instant::now() < end, "waited {PATIENCE:?} until {what}, in vain");
            tokio::time::sleep(GLANCE).await;
        }
    }

    /// Runs JavaScript in the page; `return` gives the value.
    pub(crate) async fn script(&self, script: &str) -> Value {
        self.client.execute(script, Vec::new()).await.unwrap_or_else(|error| panic!("{script}: {error}"))
    }

    /// Makes the page's viewport this wide and high.
    pub(crate) async fn set_window(&self, (width, height): (u32, u32)) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.devtools("Emulation.setDeviceMetricsOverride", size).await;
    }

    /// Makes a media feature have a value: `("prefers-color-scheme", "dark")`, `("prefers-reduced-motion", "reduce")`.
    pub(crate) async fn set_media(&self, feature: &str, value: &str) {
        let features = json!({ "features": [{ "name": feature, "value": value }] });
        self.devtools("Emulation.setEmulatedMedia", features).await;
    }

    /// What the console showed since it was last asked.
    pub(crate) async fn console(&self) -> Vec<ConsoleLine> {
        let lines = self.ask("se/log", json!({ "type": "browser" })).await;
        let text = |line: &Value, key: &str| line[key].as_str().unwrap_or_default().to_owned();
        let lines = lines.as_array().expect("the log is a list").iter();
        lines.map(|line| ConsoleLine { level: text(line, "level"), message: text(line, "message") }).collect()
    }

    /// Fails if the console showed an error or a warning since it was last asked.
    pub(crate) async fn expect_silent_console(&self) {
        let lines = self.console().await;
        let loud = lines.iter().filter(|line| matches!(line.level.as_str(), "SEVERE" | "WARNING"));
        let loud: Vec<String> = loud.map(|line| format!("{}: {}", line.level, line.message)).collect();
        assert!(loud.is_empty(), "the console is not silent:\n{}", loud.join("\n"));
    }

    /// Writes what is seen to `NAME.png` in the target folder's `screenshots`.
    pub(crate) async fn screenshot(&self, name: &str) {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).with_file_name("screenshots");
        let picture = self.client.screenshot().await.expect("the browser takes a picture");
        std::fs::create_dir_all(&folder).expect("a folder for pictures");
        std::fs::write(folder.join(name).with_extension("png"), picture).expect("the picture is written");
    }

    /// A command of Chromium's own, for what WebDriver has no word for.
    pub(crate) async fn devtools(&self, command: &str, parameters: Value) -> Value {
        self.ask("goog/cdp/execute", json!({ "cmd": command, "params": parameters })).await
    }

    async fn ask(&self, endpoint: &'static str, body: Value) -> Value {
        let answer = self.client.issue_cmd(Extension { endpoint, body }).await;
        answer.unwrap_or_else(|error| panic!("{endpoint}: {error}"))
    }
}

/// A command that chromedriver has beyond WebDriver.
#[derive(Debug)]
struct Extension {
    endpoint: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for Extension {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, url::ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.endpoint))
    }

    fn method_and_body(&self, _: &Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(self.body.to_string()))
    }
}
