//! How is a browser started, asked, and timed? Over WebDriver, one call after the other.
//!
//! How long the page's main thread worked is told by Chromium itself: the processor's time of all that ran on it, so also
//! what no script sees: style, layout, painting, and the canvas's own work, which without a graphics card is done there, too.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use std::{env, thread};

use fantoccini::wd::{Capabilities, WebDriverCompatibleCommand};
use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use url::Url;

/// The window, in pixels of the page.
const WINDOW: (u32, u32) = (1440, 900);
/// How long the page may take for anything.
const PATIENCE: Duration = Duration::from_secs(120);
/// How often a condition is looked at.
const GLANCE: Duration = Duration::from_millis(20);

/// What Chromium is told: as the browser tests do.
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

/// What stands before the page's own scripts.
const PROBE: &str = include_str!("probe.js");

/// A headless Chromium with one page. It ends with this value.
#[derive(Debug)]
pub(crate) struct Browser {
    runtime: Runtime,
    client: Client,
    _driver: Driver,
    _profile: TempDir,
}

impl Browser {
    /// Starts one, with an empty profile.
    pub(crate) fn start() -> Self {
        let driver = Driver::start();
        let profile = tempfile::tempdir().expect("a folder for the browser's profile");
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let mut builder = ClientBuilder::new(HttpConnector::new());
        builder.capabilities(capabilities(&profile.path().display().to_string()));
        let client =
            runtime.block_on(builder.connect(&driver.address)).expect("chromedriver starts Chromium");
        let browser = Self { runtime, client, _driver: driver, _profile: profile };
        let (width, height) = WINDOW;
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        browser.devtools("Emulation.setDeviceMetricsOverride", size);
        browser.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": PROBE }));
        browser
    }

    /// What it calls itself.
    pub(crate) fn version(&self) -> String {
        let version = self.devtools("Browser.getVersion", json!({}));
        version["product"].as_str().unwrap_or("an unknown browser").to_owned()
    }

    /// Goes to an address.
    pub(crate) fn open(&self, address: &str) {
        self.runtime.block_on(self.client.goto(address)).expect("the page opens");
        self.devtools("Performance.enable", json!({ "timeDomain": "threadTicks" }));
    }

    /// Runs a script in the page; `return` gives the value, and a promise is waited for.
    pub(crate) fn ask(&self, script: &str) -> Value {
        let answer = self.runtime.block_on(self.client.execute(script, Vec::new()));
        answer.unwrap_or_else(|error| panic!("{script}: {error}"))
    }

    /// Waits until an expression is true.
    pub(crate) fn until(&self, expression: &str) {
        let end = Instant::now() + PATIENCE;
        while self.ask(&format!("return Boolean({expression})")) != Value::Bool(true) {
            assert!(Instant::now() < end, "waited {PATIENCE:?} until {expression}, in vain");
            thread::sleep(GLANCE);
        }
    }

    /// A command of Chromium's own.
    pub(crate) fn devtools(&self, command: &str, parameters: Value) -> Value {
        let body = json!({ "cmd": command, "params": parameters });
        let answer = self.runtime.block_on(self.client.issue_cmd(DevTools { body }));
        answer.unwrap_or_else(|error| panic!("{command}: {error}"))
    }

    /// For how long the processor has worked for the page's main thread.
    pub(crate) fn worked(&self) -> Duration {
        let answer = self.devtools("Performance.getMetrics", json!({}));
        let metrics = answer["metrics"].as_array().map_or(&[] as &[Value], Vec::as_slice);
        let found = metrics.iter().find(|metric| metric["name"] == "TaskDuration");
        let seconds = found.and_then(|metric| metric["value"].as_f64()).expect("Chromium counts its work");
        Duration::from_secs_f64(seconds)
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The session's end closes the browser, which is no child of ours.
        let closed = self.runtime.block_on(self.client.clone().close());
        if let Err(error) = closed {
            eprintln!("warning: the browser did not close: {error}");
        }
    }
}

fn capabilities(profile: &str) -> Capabilities {
    let mut arguments: Vec<String> = CHROME_ARGUMENTS.map(String::from).into();
    arguments.push(format!("--user-data-dir={profile}"));
    let mut options = json!({ "args": arguments });
    if let Some(chrome) = env::var_os("CHROME") {
        options["binary"] = chrome.to_str().expect("CHROME is UTF-8").into();
    }
    let patience = 10 * PATIENCE.as_millis() as u64;
    let timeouts = json!({ "script": patience, "pageLoad": patience });
    let wanted = json!({ "goog:chromeOptions": options, "timeouts": timeouts });
    wanted.as_object().expect("it is an object").clone()
}

/// A running chromedriver; it ends with this value.
#[derive(Debug)]
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
            .unwrap_or_else(|error| panic!("cannot start {}: {error}", program.display()));
        let lines = BufReader::new(process.stdout.take().expect("it is piped")).lines();
        let (sender, port) = mpsc::channel();
        // Read to the end: a driver blocks when nobody takes what it says.
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if let Some((_, port)) = line.rsplit_once("successfully on port ") {
                    // Whoever waited for it has given up: then nobody is left to tell.
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
        let ended = self.process.kill().and_then(|()| self.process.wait());
        if let Err(error) = ended {
            eprintln!("warning: chromedriver did not end: {error}");
        }
    }
}

/// A command that chromedriver has beyond WebDriver.
#[derive(Debug)]
struct DevTools {
    body: Value,
}

impl WebDriverCompatibleCommand for DevTools {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, url::ParseError> {
        base.join(&format!("session/{}/goog/cdp/execute", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(self.body.to_string()))
    }
}
