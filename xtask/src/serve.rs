//! A small web server for the page: files of one folder, to this machine only.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::error::{Context, Error, Result};

/// How many ports after the wanted one are tried before giving up.
const PORTS_TRIED: u16 = 100;

/// How long a browser may keep silent, or read nothing.
const PATIENCE: Duration = Duration::from_secs(10);

/// The most bytes of a request that are looked at: browsers send a tenth of it.
const HEAD_MAX: u64 = 64 * 1024;

/// Serves the files of one folder on 127.0.0.1.
#[derive(Debug)]
pub struct SiteServer {
    listener: TcpListener,
    address: SocketAddr,
    folder: PathBuf,
    stopped: AtomicBool,
}

impl SiteServer {
    /// Takes `port`, or the next one that is free; port 0 is any that is free.
    pub fn bind(folder: &Path, port: u16) -> Result<Self> {
        let folder = folder.canonicalize().context(|| format!("cannot serve {}", folder.display()))?;
        let listener = listen(port)?;
        let address = listener.local_addr().context(|| "the server has no address".into())?;
        Ok(Self { listener, address, folder, stopped: AtomicBool::new(false) })
    }

    /// The port it got.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Where the page is, as a browser wants it.
    pub fn address(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Answers requests until [`SiteServer::stop`]. Each connection has a thread of its own and one answer, so that nobody
    /// waits for somebody who reads slowly.
    pub fn run(&self) {
        for connection in self.listener.incoming() {
            if self.stopped.load(Ordering::SeqCst) {
                break;
            }
            // A connection that broke before it was taken has nobody at its end.
            let Ok(connection) = connection else { continue };
            let folder = self.folder.clone();
            thread::spawn(move || {
                // A browser that hung up before the answer has no claim to one.
                let _ = converse(&folder, &connection);
            });
        }
    }

    /// Ends [`SiteServer::run`], from any thread.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::SeqCst);
        // It looks up when somebody comes. Where nobody can, it has ended already.
        let _ = TcpStream::connect(self.address);
    }
}

/// One request and its answer.
fn converse(folder: &Path, connection: &TcpStream) -> io::Result<()> {
    connection.set_read_timeout(Some(PATIENCE))?;
    connection.set_write_timeout(Some(PATIENCE))?;
    let mut lines = BufReader::new(connection.take(HEAD_MAX)).lines();
    let Some(first) = lines.next().transpose()? else { return Ok(()) }; // opened ahead, and not needed
    // What else a browser tells of itself changes nothing; but it is read, or the connection would end with a reset.
    for line in lines {
        if line?.is_empty() {
            break;
        }
    }
    let mut words = first.split(' ');
    let (method, url) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    respond(connection, &answer(folder, method, url), method == "HEAD")
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

fn respond(mut connection: &TcpStream, answer: &Answer, head_only: bool) -> io::Result<()> {
    let Answer { status, mime, body } = answer;
    // Nothing is kept by the browser: after a new build a reload must show it. And anybody's page may embed the lab: there
    // is nothing here but what was published.
    let head = format!(
        "HTTP/1.1 {status} {}\r\nContent-Type: {mime}\r\nContent-Length: {}\r\nCache-Control: no-store\r\n\
         X-Content-Type-Options: nosniff\r\nAccess-Control-Allow-Origin: *\r\nConnection: close\r\n\r\n",
        if *status == 200 { "OK" } else { "No" },
        body.len()
    );
    connection.write_all(head.as_bytes())?;
    if !head_only {
        connection.write_all(body)?;
    }
    connection.flush()
}

fn answer(folder: &Path, method: &str, url: &str) -> Answer {
    if !matches!(method, "GET" | "HEAD") {
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
        answer(&folder, "GET", url)
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
        assert_eq!(answer(&site.path().join("site"), "POST", "/").status, 405);
    }

    #[test]
    fn many_are_answered_at_once_and_nobody_waits_for_who_says_nothing() {
        let site = site();
        let server = SiteServer::bind(&site.path().join("site"), 0).expect("a port is free");
        thread::scope(|scope| {
            scope.spawn(|| server.run());
            let silent: Vec<_> =
                (0..20).map(|_| TcpStream::connect(server.address).expect("taken")).collect();
            for name in ["/", "/a%20b.js", "/none"].into_iter().cycle().take(60) {
                let mut connection = TcpStream::connect(server.address).expect("taken");
                write!(connection, "GET {name} HTTP/1.1\r\nHost: here\r\n\r\n").expect("asked");
                let mut said = String::new();
                connection.read_to_string(&mut said).expect("answered");
                let (head, body) = said.split_once("\r\n\r\n").expect("a head and a body");
                assert_eq!(head.starts_with("HTTP/1.1 200 OK\r\n"), name != "/none", "{head}");
                assert!(head.contains(&format!("Content-Length: {}", body.len())), "{head}");
            }
            drop(silent);
            server.stop();
        });
    }

    #[test]
    fn a_taken_port_leads_to_the_next_free_one() {
        let site = site();
        let first = SiteServer::bind(&site.path().join("site"), 0).expect("a port is free");
        let second = SiteServer::bind(&site.path().join("site"), first.port()).expect("another is free");
        assert!(second.port() > first.port());
    }
}
