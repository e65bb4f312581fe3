//! What can be wrong with a file that should be a scenario? It is large, no text, no JSON, another JSON, or impossible.
//!
//! [`Scenario::from_json`] says it in one sentence of English. Who speaks other languages, or wants to say what to do
//! about it, needs to know the kind and the place.

use alloc::string::{String, ToString};
use core::fmt;

use serde_json::error::Category;

use super::scenario::{InvalidScenario, Scenario};

/// The most bytes of a scenario's file: a thousand times what one usually has.
pub const SCENARIO_FILE_MAX: usize = 1024 * 1024;

/// Why a file is no scenario.
///
/// ```
/// use mqlab_core::sim::{BadFile, Scenario};
/// assert_eq!(Scenario::from_file(&[0xff]), Err(BadFile::NoText));
/// assert_eq!(Scenario::from_file(b"{\n  oh"), Err(BadFile::NotJson { line: 2, column: 3 }));
/// assert_eq!(Scenario::from_file(b"{\"format\": 1,"), Err(BadFile::CutOff));
/// assert!(matches!(Scenario::from_file(b"[]"), Err(BadFile::Shape { line: 1, .. })));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadFile {
    /// It has more than [`SCENARIO_FILE_MAX`] bytes.
    TooLarge,
    /// It is empty.
    Empty,
    /// Its bytes are no UTF-8.
    NoText,
    /// From this place on it is no JSON.
    NotJson {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
    },
    /// It ends before it is complete.
    CutOff,
    /// It is JSON, but at this place not what a scenario has there.
    Shape {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// What was found, in English.
        what: String,
    },
    /// It is a scenario that cannot be run.
    Impossible(InvalidScenario),
}

impl fmt::Display for BadFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge => write!(f, "a scenario's file has at most {SCENARIO_FILE_MAX} bytes"),
            Self::Empty => f.write_str("the file is empty"),
            Self::NoText => f.write_str("the file is no text"),
            Self::NotJson { line, column } => write!(f, "no JSON at line {line} column {column}"),
            Self::CutOff => f.write_str("the file ends too early"),
            Self::Shape { line, column, what } => write!(f, "{what} at line {line} column {column}"),
            Self::Impossible(why) => why.fmt(f),
        }
    }
}

impl core::error::Error for BadFile {}

impl Scenario {
    /// Reads a scenario's file as it came from a disk.
    ///
    /// ```
    /// use mqlab_core::sim::Scenario;
    /// let scenario = Scenario::built_in("hundred-messages").ok_or("no such scenario")?;
    /// assert_eq!(Scenario::from_file(scenario.to_json().as_bytes())?, scenario);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`BadFile`] with the first thing that is wrong.
    pub fn from_file(bytes: &[u8]) -> Result<Self, BadFile> {
        if bytes.len() > SCENARIO_FILE_MAX {
            return Err(BadFile::TooLarge);
        }
        // Some editors begin a file with a mark that JSON does not know.
        let bytes = bytes.strip_prefix(&[0xef, 0xbb, 0xbf]).unwrap_or(bytes);
        let text = core::str::from_utf8(bytes).map_err(|_| BadFile::NoText)?;
        if text.trim().is_empty() {
            return Err(BadFile::Empty);
        }
        let scenario: Self = serde_json::from_str(text).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            match error.classify() {
                Category::Eof => BadFile::CutOff,
                Category::Data => BadFile::Shape { line, column, what: without_place(&error) },
                Category::Syntax | Category::Io => BadFile::NotJson { line, column },
            }
        })?;
        scenario.check().map_err(BadFile::Impossible)?;
        Ok(scenario)
    }
}

/// JSON on one line as lines that a person can read and change: two spaces for each step inwards. The same text as
/// `serde_json`'s own pretty writer makes, which would be all of a scenario's writers once more in the page's download.
pub(super) fn in_lines(json: &str) -> String {
    let mut out = String::with_capacity(json.len() * 2);
    let (mut depth, mut quoted, mut escaped) = (0, false, false);
    let line = |out: &mut String, depth: usize| {
        out.push('\n');
        (0..depth).for_each(|_| out.push_str("  "));
    };
    let mut letters = json.chars().peekable();
    while let Some(letter) = letters.next() {
        if quoted {
            out.push(letter);
            quoted = escaped || letter != '"';
            escaped = !escaped && letter == '\\';
            continue;
        }
        match letter {
            '{' | '[' if letters.peek().is_some_and(|next| "}]".contains(*next)) => {
                out.push(letter);
                out.extend(letters.next());
            }
            '{' | '[' => {
                depth += 1;
                out.push(letter);
                line(&mut out, depth);
            }
            '}' | ']' => {
                depth = usize::saturating_sub(depth, 1);
                line(&mut out, depth);
                out.push(letter);
            }
            ',' => {
                out.push(letter);
                line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            _ => {
                quoted = letter == '"';
                out.push(letter);
            }
        }
    }
    out
}

/// What is wrong, without the place, which is said apart.
fn without_place(error: &serde_json::Error) -> String {
    let words = error.to_string();
    match words.rsplit_once(" at line ") {
        Some((what, _)) => what.into(),
        None => words,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn what_is_wrong_is_told_apart() {
        let json = Scenario::built_in("hundred-messages").expect("it is built in").to_json();
        let table: [(&str, BadFile); 4] = [
            ("", BadFile::Empty),
            (" \n", BadFile::Empty),
            (&json[..json.len() / 2], BadFile::CutOff),
            ("hello", BadFile::NotJson { line: 1, column: 1 }),
        ];
        for (text, expected) in table {
            assert_eq!(Scenario::from_file(text.as_bytes()), Err(expected), "{text}");
        }
        assert_eq!(Scenario::from_file(&vec![b' '; SCENARIO_FILE_MAX + 1]), Err(BadFile::TooLarge));
        let odd = json.replacen("\"brokers\"", "\"brokerz\"", 1);
        let Err(BadFile::Shape { what, .. }) = Scenario::from_file(odd.as_bytes()) else {
            panic!("no such field")
        };
        assert!(what.starts_with("unknown field `brokerz`"), "{what}");
        let many = json.replacen("\"brokers\": 1", "\"brokers\": 60000", 1);
        assert_ne!(many, json);
        assert!(matches!(Scenario::from_file(many.as_bytes()), Err(BadFile::Impossible(_))));
        let marked = [&[0xef, 0xbb, 0xbf], json.as_bytes()].concat();
        assert!(Scenario::from_file(&marked).is_ok());
    }

    #[test]
    fn a_file_is_written_as_the_usual_pretty_writer_writes_it() {
        for name in Scenario::names() {
            let mut scenario = Scenario::built_in(name).expect("it is built in");
            scenario.name = String::from("{\"a\": [1, \\\"], \u{1}中");
            let pretty = serde_json::to_string_pretty(&scenario).expect("plain data");
            assert_eq!(scenario.to_json(), pretty, "{name}");
        }
    }

    #[test]
    fn however_a_file_is_cut_or_spoilt_it_is_an_error_and_no_panic() {
        let json = Scenario::built_in("kill-the-leader").expect("it is built in").to_json();
        for end in 0..json.len() - 1 {
            assert!(Scenario::from_file(&json.as_bytes()[..end]).is_err(), "{end} bytes of it");
        }
    }
}
