//! A small web server for the page: files of one folder, to this machine only.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Component, Path, PathBuf};
use std::thread;

use tiny_http::{Header, Method, Request, Response, Server};

use crate::error::{Context, Error, Result};

/// How many ports after the wanted one are tried before giving up.
const PORTS_TRIED: u16 = 100;

/// How many requests are answered at once: as many connections as a browser opens to one host, and one to spare.
const AT_ONCE: usize = 7;

/// Serves the files of one folder on 127.0.0.1.
pub struct SiteServer {
    server: Server,
    address: SocketAddr,
    folder: PathBuf,
}

impl SiteServer {
    /// Takes `port`, or the next one that is free; port 0 is any that is free.
    pub fn bind(folder: &Path, port: u16) -> Result<Self> {
        let folder = folder.canonicalize().context(|| format!("cannot serve {}", folder.display()))?;
        let listener = listen(port)?;
        let address = listener.local_addr().context(|| "the server has no address".into())?;
        let server = Server::from_listener(listener, None).context(|| "the server does not start".into())?;
        Ok(Self { server, address, folder })
    }

    /// The port it got.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Where the page is, as a browser wants it.
    pub fn address(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Answers requests until [`SiteServer::stop`]; several at once, for one who reads slowly must not hold up the others.
    pub fn run(&self) {
        thread::scope(|scope| {
            for _ in 0..AT_ONCE {
                scope.spawn(|| self.answer_all());
            }
        });
    }

    fn answer_all(&self) {
        for request in self.server.incoming_requests() {
            let answer = answer(&self.folder, request.method(), request.url());
            // A browser that hung up before the answer has no claim to one.
            let _ = respond(request, answer);
        }
    }

    /// Ends [`SiteServer::run`], from any thread.
    pub fn stop(&self) {
        (0..AT_ONCE).for_each(|_| self.server.unblock());
    }
}

fn listen(wanted: u16) -> Result<TcpListener> {
    let last = wanted.saturating_add(PORTS_TRIED);
    for port in wanted..=last {
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
            other => return other.context(|| format!("cannot listen on 127.0.0.1:{port}")),
        }
    }
    Err(Error::new(format!("every port from {wanted} to {last} is taken: name another with --port")))
}

/// What goes back to the browser.
#[derive(Debug)]
struct Answer {
    status: u16,
    mime: &'static str,
    body: Vec<u8>,
}

impl Answer {
    fn words(status: u16, words: &str) -> Self {
        Self { status, mime: "text/plain; charset=utf-8", body: format!("{status}: {words}\n").into_bytes() }
    }
}

fn respond(request: Request, answer: Answer) -> io::Result<()> {
    // Nothing is kept by the browser: after a new build a reload must show it. And anybody's page may embed the lab: there
    // is nothing here but what was published.
    let headers = [
        ("Content-Type", answer.mime),
        ("Cache-Control", "no-store"),
        ("X-Content-Type-Options", "nosniff"),
        ("Access-Control-Allow-Origin", "*"),
    ];
    let mut response = Response::from_data(answer.body).with_status_code(answer.status);
    for (name, value) in headers {
        if let Ok(header) = Header::from_bytes(name, value) {
            response.add_header(header);
        }
    }
    request.respond(response)
}

fn answer(folder: &Path, method: &Method, url: &str) -> Answer {
    if !matches!(method, Method::Get | Method::Head) {
        return Answer::words(405, "this server only hands out files");
    }
    let found = file(folder, url).and_then(|file| Some((fs::read(&file).ok()?, mime(&file))));
    match found {
        Some((body, mime)) => Answer { status: 200, mime, body },
        None => Answer::words(404, "there is no such file here"),
    }
}

/// The file that a URL's path names, if it lies in `folder`.
fn file(folder: &Path, url: &str) -> Option<PathBuf> {
    let path = url.split(['?', '#']).next()?.strip_prefix('/')?;
    let path = PathBuf::from(decode(path)?);
    // Only plain names: no `..`, no second root, no drive, nothing that leads elsewhere.
    if !path.components().all(|part| matches!(part, Component::Normal(_))) {
        return None;
    }
    let path = folder.join(path);
    let path = if path.is_dir() { path.join("index.html") } else { path };
    // A link in the folder may still point out of it.
    path.canonicalize().ok().filter(|file| file.starts_with(folder) && file.is_file())
}

/// Undoes percent-encoding; `None` where it is malformed or no UTF-8.
fn decode(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut plain = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
            let (high, low) = (digit(bytes.next())?, digit(bytes.next())?);
            plain.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            plain.push(byte);
        }
    }
    String::from_utf8(plain).ok().filter(|text| !text.contains(['\0', '\\']))
}

/// The type a browser needs to be told: it compiles no WebAssembly and runs no module under a wrong one.
fn mime(file: &Path) -> &'static str {
    match file.extension().and_then(OsStr::to_str).unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" => "application/json",
        "wasm" => "application/wasm",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "txt" | "md" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site() -> tempfile::TempDir {
        let parent = tempfile::tempdir().expect("a folder");
        let site = parent.path().join("site");
        fs::create_dir_all(site.join("sub")).expect("made");
        fs::write(parent.path().join("secret.txt"), "secret").expect("written");
        for name in ["index.html", "a b.js", "sub/index.html"] {
            fs::write(site.join(name), name).expect("written");
        }
        parent
    }

    fn get(parent: &tempfile::TempDir, url: &str) -> Answer {
        let folder = parent.path().join("site").canonicalize().expect("there");
        answer(&folder, &Method::Get, url)
    }

    #[test]
    fn files_come_with_their_type() {
        let site = site();
        for (url, mime, body) in [
            ("/", "text/html; charset=utf-8", "index.html"),
            ("/?lang=zh#x", "text/html; charset=utf-8", "index.html"),
            ("/a%20b.js", "text/javascript; charset=utf-8", "a b.js"),
            ("/sub/", "text/html; charset=utf-8", "sub/index.html"),
        ] {
            let answer = get(&site, url);
            assert_eq!(
                (answer.status, answer.mime, answer.body.as_slice()),
                (200, mime, body.as_bytes()),
                "{url}"
            );
        }
        assert_eq!(mime(Path::new("x_bg.wasm")), "application/wasm");
    }

    #[test]
    fn nothing_outside_the_folder_is_served() {
        let site = site();
        for url in [
            "/../secret.txt",
            "/%2e%2e/secret.txt",
            "/sub/..%2f..%2fsecret.txt",
            "//etc/passwd",
            "/%",
            "/%zz",
            "x",
            "/..\\secret.txt",
        ] {
            assert_eq!(get(&site, url).status, 404, "{url}");
        }
        #[cfg(unix)]
        {
            let link = site.path().join("site/link.txt");
            std::os::unix::fs::symlink(site.path().join("secret.txt"), link).expect("linked");
            assert_eq!(get(&site, "/link.txt").status, 404, "a link out of the folder");
        }
    }

    #[test]
    fn only_reading_is_allowed() {
        let site = site();
        assert_eq!(answer(&site.path().join("site"), &Method::Post, "/").status, 405);
    }

    #[test]
    fn a_taken_port_leads_to_the_next_free_one() {
        let site = site();
        let first = SiteServer::bind(&site.path().join("site"), 0).expect("a port is free");
        let second = SiteServer::bind(&site.path().join("site"), first.port()).expect("another is free");
        assert!(second.port() > first.port());
    }
}
