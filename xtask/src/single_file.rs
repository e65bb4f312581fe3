//! The page as one HTML file that works when it is opened from disk.
//!
//! A browser loads no module and no wasm from a `file://` neighbour, so everything goes into the HTML itself:
//!
//! - a stylesheet (`<link rel="stylesheet" href="./page.css">`) becomes a `<style>`, an icon a `data:` URL;
//! - each module becomes a `data:` URL in an import map, under the name `mqlab/<file>`, and every `"./<file>"` that
//!   imports it becomes that name. Modules stay modules: each runs once, in its own scope, in the order of its imports;
//! - the wasm, compressed as a web server would send it, becomes text in a `<script>` that no browser runs; where the
//!   bindings would fetch the file, they unpack that text. So `await init()` in the page is the same in both forms, and
//!   the file is a third as long.
//!
//! What the page's sources keep to, and what is an error here if they do not: all files lie in `web/www` itself, no
//! folder deeper; modules are imported statically and by `"./name.js"`; attributes are in double quotes; CSS loads
//! nothing. Other files (a font, a JSON file) have no place in the single file: put them into a module.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;

use crate::error::{Context, Error, Result};
use crate::site::MODULE;

/// Where the wasm's text is in the file; the bindings look it up by this id.
const WASM_ID: &str = "mqlab-wasm";

/// Makes the single file out of the files in `site`.
pub fn assemble(site: &Path) -> Result<String> {
    Page::new(read(site)?).html()
}

/// What serves a page that is fetched: what keeps it for when there is no network, what puts it into others, and what
/// compares systems, which needs workers: a browser starts none from a file. The cards are a page of their own, too.
const NOT_FOR_A_FILE: [&str; 7] =
    ["sw.js", "mq-lab.js", "compare.html", "compare.js", "compare-worker.js", "fidelity.html", "fidelity.js"];

/// The site's files by name.
type Files = BTreeMap<String, Vec<u8>>;

fn read(site: &Path) -> Result<Files> {
    let mut files = Files::new();
    for entry in fs::read_dir(site).context(|| format!("cannot read {}", site.display()))? {
        let entry = entry.context(|| format!("cannot read {}", site.display()))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.path().is_dir() {
            return Err(refused(&format!("{name}/"), "the single file has no folders"));
        }
        if NOT_FOR_A_FILE.contains(&name.as_str()) {
            continue;
        }
        files.insert(
            name,
            fs::read(entry.path()).context(|| format!("cannot read {}", entry.path().display()))?,
        );
    }
    Ok(files)
}

fn refused(file: &str, why: &str) -> Error {
    Error::new(format!(
        "{file} cannot go into the single HTML file: {why} (see the head of xtask/src/single_file.rs)"
    ))
}

/// The page on its way into one file.
struct Page {
    files: Files,
    /// Whether the import map was written: it must come before the first module.
    mapped: bool,
}

impl Page {
    fn new(files: Files) -> Self {
        Self { files, mapped: false }
    }

    fn html(mut self) -> Result<String> {
        let source = self.text("index.html")?;
        let mut html = String::with_capacity(source.len() * 2);
        let mut rest = source.as_str();
        while let Some((before, tag, after)) = next_tag(rest) {
            html.push_str(before);
            rest = after;
            match attribute(tag, "src")
                .or_else(|| attribute(tag, "href"))
                .and_then(|url| url.strip_prefix("./"))
            {
                // A script's element ends with its own tag, which goes with it.
                Some(file) if tag.starts_with("<script") => {
                    html.push_str(&self.script(tag, file)?);
                    rest = rest
                        .trim_start()
                        .strip_prefix("</script>")
                        .ok_or_else(|| refused("index.html", "a script with src has no end"))?;
                }
                Some(file) => html.push_str(&self.element(tag, file)?),
                None => html.push_str(tag),
            }
        }
        html.push_str(rest);
        if self.mapped { Ok(html) } else { Err(refused("index.html", "it loads no module by <script src>")) }
    }

    /// What stands for a `<script src>`.
    fn script(&mut self, tag: &str, file: &str) -> Result<String> {
        if attribute(tag, "type") != Some("module") {
            return Err(refused("index.html", "it has a script that is no module"));
        }
        let name = module_name(file);
        self.file(file)?;
        let start = format!("<script type=\"module\">import \"{name}\";</script>");
        if std::mem::replace(&mut self.mapped, true) {
            return Ok(start);
        }
        let wasm = STANDARD.encode(packed(self.file(&format!("{MODULE}_bg.wasm"))?)?);
        let map = self.import_map()?;
        Ok(format!(
            "<script type=\"text/plain\" id=\"{WASM_ID}\">{wasm}</script>\n\
             <script type=\"importmap\">{map}</script>\n{start}"
        ))
    }

    /// What stands for a `<link href>`, an `<img src>` and the like.
    fn element(&self, tag: &str, file: &str) -> Result<String> {
        match attribute(tag, "rel") {
            Some("stylesheet") => Ok(format!("<style>\n{}</style>", self.stylesheet(file)?)),
            // Everything is here already.
            Some("modulepreload" | "preload") => Ok(String::new()),
            _ => {
                let mime =
                    image_mime(file).ok_or_else(|| refused(file, "it is no image, stylesheet or module"))?;
                Ok(tag
                    .replace(&format!("\"./{file}\""), &format!("\"{}\"", data_url(mime, self.file(file)?))))
            }
        }
    }

    fn stylesheet(&self, file: &str) -> Result<String> {
        let css = self.text(file)?;
        let loads = css.contains("@import")
            || css
                .split("url(")
                .skip(1)
                .any(|url| !url.trim_start_matches(['"', '\'']).starts_with(['#', 'd']));
        if loads || css.contains("</") {
            return Err(refused(file, "it loads another file"));
        }
        Ok(css)
    }

    /// Every module by the name that its importers use.
    fn import_map(&self) -> Result<String> {
        let modules: Vec<&String> = self.files.keys().filter(|name| name.ends_with(".js")).collect();
        let mut imports = serde_json::Map::new();
        for file in &modules {
            let mut text = self.text(file)?;
            for other in &modules {
                for quote in ['"', '\''] {
                    text = text.replace(
                        &format!("{quote}./{other}{quote}"),
                        &format!("{quote}{}{quote}", module_name(other)),
                    );
                }
            }
            if text.contains("from \"./") || text.contains("from './") || text.contains("import(\"./") {
                return Err(refused(file, "it imports something that is no file beside it"));
            }
            if file.strip_suffix(".js") == Some(MODULE) {
                text = wasm_from_the_page(&text)?;
            }
            imports.insert(module_name(file), data_url("text/javascript", text.as_bytes()).into());
        }
        Ok(json!({ "imports": imports }).to_string())
    }

    fn file(&self, name: &str) -> Result<&[u8]> {
        self.files
            .get(name)
            .map(Vec::as_slice)
            .ok_or_else(|| refused(name, "index.html names it and it is not there"))
    }

    fn text(&self, name: &str) -> Result<String> {
        String::from_utf8(self.file(name)?.to_vec()).map_err(|_| refused(name, "it is no UTF-8"))
    }
}

/// The name by which modules import `file` in the single file: one that, unlike `./file`, means the same everywhere.
fn module_name(file: &str) -> String {
    format!("mqlab/{file}")
}

/// Compressed.
fn packed(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).and_then(|()| encoder.finish()).context(|| "cannot compress the wasm".into())
}

/// What unpacks the wasm out of the page, as a response of the type for which browsers compile while they read.
const UNPACKED: &str = "fetch('data:;base64,' + document.getElementById('mqlab-wasm').textContent)\
    .then(({ body }) => new Response(body.pipeThrough(new DecompressionStream('gzip')), \
    { headers: { 'Content-Type': 'application/wasm' } }))";

/// Makes the bindings take the wasm from the page's text instead of from a neighbouring file.
fn wasm_from_the_page(bindings: &str) -> Result<String> {
    let fetched = format!("new URL('{MODULE}_bg.wasm', import.meta.url)");
    if bindings.matches(&fetched).count() != 1 {
        return Err(refused(&format!("{MODULE}.js"), "wasm-bindgen no longer names the wasm file as it did"));
    }
    Ok(bindings.replace(&fetched, UNPACKED))
}

fn data_url(mime: &str, bytes: &[u8]) -> String {
    format!("data:{mime};base64,{}", STANDARD.encode(bytes))
}

fn image_mime(file: &str) -> Option<&'static str> {
    match file.rsplit_once('.')?.1 {
        "svg" => Some("image/svg+xml"),
        "png" => Some("image/png"),
        "ico" => Some("image/x-icon"),
        _ => None,
    }
}

/// Splits HTML at its next start tag that may load something: what is before it, the tag, what is after it.
fn next_tag(html: &str) -> Option<(&str, &str, &str)> {
    let loads = |at: &(usize, &str)| {
        ["<script ", "<link ", "<img "].iter().any(|start| html[at.0..].starts_with(start))
    };
    let (start, _) = html.match_indices('<').find(loads)?;
    let end = start + html[start..].find('>')? + 1;
    Some((&html[..start], &html[start..end], &html[end..]))
}

/// The value of a tag's attribute, where it is in double quotes.
fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let start = tag.find(&format!(" {name}=\""))? + name.len() + 3;
    tag[start..].split('"').next()
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::GzDecoder;

    use super::*;

    fn page(files: &[(&str, &str)]) -> Result<String> {
        let bindings = "export default (u = new URL('mqlab_web_bg.wasm', import.meta.url)) => fetch(u);";
        let usual = [("mqlab_web.js", bindings), ("mqlab_web_bg.wasm", "wasm")];
        let all =
            usual.iter().chain(files).map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec()));
        Page::new(all.collect()).html()
    }

    fn decoded(html: &str, module: &str) -> String {
        let (_, rest) =
            html.split_once(&format!("\"mqlab/{module}\":\"data:text/javascript;base64,")).expect("mapped");
        let bytes = STANDARD.decode(rest.split('"').next().unwrap_or_default()).expect("base64");
        String::from_utf8(bytes).expect("UTF-8")
    }

    const INDEX: &str = "<!doctype html><link rel=\"stylesheet\" href=\"./page.css\"><p id=\"x\"></p>\
        <script type=\"module\" src=\"./page.js\"></script></html>";

    #[test]
    fn nothing_outside_the_file_is_left() {
        let js = "import init from \"./mqlab_web.js\";\nimport { a } from './a.js';\nawait init();";
        let files = [
            ("index.html", INDEX),
            ("page.css", "p { color: red }"),
            ("page.js", js),
            ("a.js", "export const a = 1;"),
        ];
        let html = page(&files).expect("it fits");
        assert!(!html.contains("./"), "{html}");
        assert!(html.contains("<style>\np { color: red }</style><p id=\"x\"></p>"), "{html}");
        assert!(
            html.ends_with("<script type=\"module\">import \"mqlab/page.js\";</script></html>"),
            "{html}"
        );
        assert!(
            decoded(&html, "page.js")
                .starts_with("import init from \"mqlab/mqlab_web.js\";\nimport { a } from 'mqlab/a.js'")
        );
        assert!(decoded(&html, "mqlab_web.js").contains("getElementById('mqlab-wasm')"));
        let text = html.split(&format!("id=\"{WASM_ID}\">")).nth(1).and_then(|rest| rest.split('<').next());
        let bytes = STANDARD.decode(text.expect("the wasm's text")).expect("base64");
        let mut unpacked = String::new();
        GzDecoder::new(&bytes[..]).read_to_string(&mut unpacked).expect("gzip");
        assert_eq!(unpacked, "wasm");
    }

    #[test]
    fn what_would_break_from_disk_is_an_error_that_names_the_file() {
        let refuses = |files: &[(&str, &str)], file: &str| {
            let error = page(files).expect_err(file).to_string();
            assert!(error.starts_with(file), "{error}");
        };
        refuses(&[("index.html", INDEX), ("page.css", "")], "page.js");
        refuses(&[("index.html", INDEX), ("page.css", "a { b: url(x.png) }"), ("page.js", "")], "page.css");
        refuses(
            &[
                ("index.html", INDEX),
                ("page.css", ""),
                ("page.js", "import \"./b.js\"; import x from \"./c.js\""),
            ],
            "page.js",
        );
        refuses(&[("index.html", "<script type=\"module\">import \"./page.js\"</script>")], "index.html");
        refuses(&[("index.html", "<script src=\"./page.js\"></script>"), ("page.js", "")], "index.html");
    }
}
