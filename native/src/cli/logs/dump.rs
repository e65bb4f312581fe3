//! `mqlab log dump`: what is in the files?

use std::io::Write;
use std::time::{Duration, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use clap::Args;
use mqlab::log::LogReader;
use mqlab_core::ids::{LogName, Offset};
use mqlab_core::log::Slice as _;
use mqlab_core::record::{Batch, Producer, Record};
use serde_json::{Map, Value, json};

use super::super::{Stop, output};
use super::{Which, stdout};

/// How many bytes are read at once.
const READ_BYTES: u32 = 1024 * 1024;
/// How many characters of a key or a value are printed for a person.
const SHOWN_CHARS_MAX: usize = 100;

const EXAMPLES: &str = "\
Only reads, also while another process writes. A batch that is damaged ends the output with an
error; 'mqlab log verify' looks behind it.

With --json each batch is an object on a line of its own, or with --records each record. Keys,
values and headers that are not text come as base64, under a name that ends in _base64.

Examples:
  mqlab log dump --dir data --topic orders
  mqlab log dump --dir data --topic orders --records --from 1000 --to 1010
  mqlab log dump --dir data --log queues/payments/cursor --records --json";

/// Options of `mqlab log dump`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Options {
    #[command(flatten)]
    which: Which,
    /// Print the records, too
    #[arg(long)]
    records: bool,
    /// Print no batch that ends before this offset
    #[arg(long, value_name = "OFFSET", default_value_t = 0)]
    from: u64,
    /// Print no batch that begins at this offset or after it
    #[arg(long, value_name = "OFFSET", default_value_t = u64::MAX, hide_default_value = true)]
    to: u64,
    /// Print JSON objects
    #[arg(long)]
    json: bool,
}

/// Prints batches.
pub(super) fn dump(options: &Options) -> Result<(), Stop> {
    if options.from > options.to {
        return Err(Stop::Failure(format!("--from {} is after --to {}", options.from, options.to)));
    }
    let mut out = stdout();
    for name in options.which.names()? {
        let reader = LogReader::open(&options.which.dir, &name)?;
        if !options.json {
            writeln!(out, "{name}: offsets {} to {}", reader.start(), reader.end()).map_err(output)?;
        }
        let dumped = dump_log(&mut out, &name, &reader, options);
        out.flush().map_err(output)?;
        dumped?;
    }
    Ok(())
}

fn dump_log(out: &mut impl Write, name: &LogName, reader: &LogReader, options: &Options) -> Result<(), Stop> {
    let failure = |error: &dyn std::fmt::Display| Stop::Failure(error.to_string());
    for segment in reader.segments() {
        if segment.end.0 <= options.from || segment.base.0 >= options.to {
            continue;
        }
        let (mut at, mut position) = (segment.base, 0);
        while at < segment.end {
            let slice = reader.read(at, segment.end, READ_BYTES).map_err(|error| failure(&error))?;
            let batches = slice.load()?;
            for batch in batches.iter() {
                if batch.next().0 > options.from && batch.base().0 < options.to {
                    let place = Place { name, segment: segment.base, position };
                    print(out, &place, &batch, options).map_err(output)?;
                }
                position += batch.bytes().len() as u64;
            }
            let Some(next) = batches.next() else { break };
            at = next;
        }
    }
    Ok(())
}

/// Where a batch stands.
struct Place<'a> {
    name: &'a LogName,
    segment: Offset,
    position: u64,
}

fn print(out: &mut impl Write, place: &Place<'_>, batch: &Batch, options: &Options) -> std::io::Result<()> {
    match (options.json, options.records) {
        (true, true) => {
            for record in batch.records() {
                writeln!(out, "{}", record_json(place, &record))?;
            }
        }
        (true, false) => writeln!(out, "{}", batch_json(place, batch))?,
        (false, records) => {
            writeln!(out, "{}", batch_line(place, batch))?;
            for record in batch.records().filter(|_| records) {
                writeln!(out, "{}", record_line(&record))?;
            }
        }
    }
    Ok(())
}

fn kind(batch: &Batch) -> &'static str {
    match (batch.is_control(), batch.is_of_transaction()) {
        (true, _) => "transaction marker",
        (false, true) => "of a transaction",
        (false, false) => "",
    }
}

fn batch_line(place: &Place<'_>, batch: &Batch) -> String {
    let mut line = format!(
        "offsets {} to {}: {} records, {} bytes at byte {} of segment {}",
        batch.base(),
        batch.next().0 - 1,
        batch.count(),
        batch.bytes().len(),
        place.position,
        place.segment,
    );
    if batch.count() > 0 {
        line += &format!(", newest {}", time(batch.max_timestamp()));
    }
    if let Some(epoch) = batch.epoch() {
        line += &format!(", epoch {epoch}");
    }
    let Producer { id, epoch, sequence } = batch.producer();
    if id >= 0 {
        line += &format!(", producer {id} of epoch {epoch} from number {sequence}");
    }
    match kind(batch) {
        "" => line,
        kind => line + ", " + kind,
    }
}

fn batch_json(place: &Place<'_>, batch: &Batch) -> Value {
    let Producer { id, epoch, sequence } = batch.producer();
    json!({
        "log": place.name.to_string(),
        "segment": place.segment.0,
        "position": place.position,
        "bytes": batch.bytes().len(),
        "base": batch.base().0,
        "next": batch.next().0,
        "records": batch.count(),
        "epoch": batch.epoch().map(|epoch| epoch.0),
        "max_timestamp": batch.max_timestamp(),
        "producer_id": id,
        "producer_epoch": epoch,
        "sequence": sequence,
        "control": batch.is_control(),
        "transactional": batch.is_of_transaction(),
    })
}

fn record_line(record: &Record) -> String {
    let mut line = format!("  {}  {}", record.offset, time(record.timestamp));
    if let Some(key) = &record.key {
        line += &format!("  key {}", shown(key));
    }
    line += &match &record.value {
        Some(value) => format!("  {}", shown(value)),
        None => "  no value".to_owned(),
    };
    for (name, value) in record.headers.iter() {
        let value = value.map_or_else(|| "no value".to_owned(), shown);
        line += &format!("  {}={value}", shown(name).trim_matches('"'));
    }
    line
}

fn record_json(place: &Place<'_>, record: &Record) -> Value {
    let mut object = Map::new();
    object.insert("log".into(), place.name.to_string().into());
    object.insert("offset".into(), record.offset.0.into());
    object.insert("timestamp".into(), record.timestamp.into());
    put(&mut object, "key", record.key.as_deref());
    put(&mut object, "value", record.value.as_deref());
    let headers = record.headers.iter().map(|(name, value)| {
        let mut header = Map::new();
        put(&mut header, "name", Some(name));
        put(&mut header, "value", value);
        Value::Object(header)
    });
    object.insert("headers".into(), headers.collect());
    object.into()
}

fn put(object: &mut Map<String, Value>, name: &str, bytes: Option<&[u8]>) {
    match bytes.map(|bytes| (str::from_utf8(bytes), bytes)) {
        None => object.insert(name.to_owned(), Value::Null),
        Some((Ok(text), _)) => object.insert(name.to_owned(), text.into()),
        Some((Err(_), bytes)) => object.insert(format!("{name}_base64"), BASE64.encode(bytes).into()),
    };
}

/// Bytes for a person: text in quotes, and what is not text as escapes.
fn shown(bytes: &[u8]) -> String {
    let text = match str::from_utf8(bytes) {
        Ok(text) => text.escape_debug().to_string(),
        Err(_) => bytes.escape_ascii().to_string(),
    };
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        None => format!("\"{text}\""),
        Some((end, _)) => format!("\"{}...\" ({} bytes)", &text[..end], bytes.len()),
    }
}

/// A record's time for a person: milliseconds since 1970 as a date, what is before that as it is.
fn time(milliseconds: i64) -> String {
    let since = u64::try_from(milliseconds).ok().map(Duration::from_millis);
    // The last moment that the format can say is in the year 9999.
    match since
        .filter(|since| since.as_secs() < 253_402_300_800)
        .and_then(|since| UNIX_EPOCH.checked_add(since))
    {
        Some(time) => humantime::format_rfc3339_millis(time).to_string(),
        None => format!("{milliseconds} ms"),
    }
}
