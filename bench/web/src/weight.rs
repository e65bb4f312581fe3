//! How large is the engine that a visitor downloads, as servers send it? The workers of the page that
//! compares run the same.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use mqlab_bench_contest::contest::{Bar, Contest};
use mqlab_bench_contest::report::Row;

/// What is asked for, in thousands of bytes.
const COMPRESSED: f64 = 300.0;

pub(crate) fn rows(site: &Path) -> Vec<Row> {
    let site = site.to_owned();
    vec![("weight: WebAssembly, compressed".into(), Box::new(move |_| contest(&site)))]
}

fn contest(site: &Path) -> Contest {
    let (mut raw, mut gzip, mut brotli) = (0, 0, 0);
    let entries = fs::read_dir(site).expect("the page was built");
    for path in entries.map(|entry| entry.expect("it can be listed").path()) {
        if path.extension().is_some_and(|ending| ending == "wasm") {
            let bytes = fs::read(&path).expect("it can be read");
            raw += bytes.len();
            gzip += zipped(&bytes);
            brotli += smallest(&bytes);
        }
    }
    let thousands = |bytes: usize| bytes as f64 / 1e3;
    let (raw, gzip, brotli) = (thousands(raw), thousands(gzip), thousands(brotli));
    Contest::new("weight: WebAssembly, compressed", "size")
        .bar(Bar::AtMost(COMPRESSED, brotli, "KB"))
        .remark(move || format!("{raw:.0} KB as it is, {gzip:.0} KB with gzip, {brotli:.0} KB with brotli"))
}

fn zipped(bytes: &[u8]) -> usize {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let packed = encoder.write_all(bytes).and_then(|()| encoder.finish());
    packed.expect("memory takes what it is given").len()
}

fn smallest(bytes: &[u8]) -> usize {
    let mut packed = Vec::new();
    let mut encoder = brotli::CompressorWriter::new(&mut packed, 1 << 16, 11, 22);
    encoder.write_all(bytes).expect("memory takes what it is given");
    drop(encoder);
    packed.len()
}
