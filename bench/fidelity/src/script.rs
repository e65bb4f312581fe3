//! What is a script? Steps, one a line, that any broker of a kind can do.
//!
//! ```text
//!   == requeue-to-the-old-place             its name
//!   about: what is nacked takes its old place
//!   facts: R-5                              where semantics.md has it
//!   show: route                             what else of a message is noted (rabbitmq: route)
//!   broker: prioritized                     how the broker is set (activemq)
//!   differs: why the real broker does something else     (only where it is known)
//!     queue q x-max-length=3                a verb, words, settings
//!     send q m1 m2 "m 3" expiration=200
//!     get q 3
//!     nack get m2 requeue
//! ```
//!
//! A setting is `name=value`; its value is a number, `true`, `false`, `void` or a text, and always a text in quotes. Some
//! words are flags, wherever they stand ([`FLAGS`]). Lines that begin with `#` say something to the reader.

use mqlab_core::message::{Headers, Value};

use crate::broker::Result;

/// Words that say how a step is done.
pub const FLAGS: [&str; 11] = [
    "auto",
    "client",
    "durable",
    "exclusive",
    "individual",
    "internal",
    "mandatory",
    "multiple",
    "requeue",
    "transacted",
    "transient",
];

/// Whose scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum System {
    /// RabbitMQ: AMQP 0-9-1.
    Rabbitmq,
    /// ActiveMQ Classic: JMS.
    Activemq,
}

impl System {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Rabbitmq, Self::Activemq];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rabbitmq => "RabbitMQ",
            Self::Activemq => "ActiveMQ",
        }
    }

    /// Where its report stands.
    pub fn report(self) -> &'static str {
        match self {
            Self::Rabbitmq => "docs/fidelity/rabbitmq-classic.md",
            Self::Activemq => "docs/fidelity/activemq-real.md",
        }
    }

    /// The document beside the report that says what is modelled, and what is not.
    pub fn card(self) -> &'static str {
        match self {
            Self::Rabbitmq => "rabbitmq.md",
            Self::Activemq => "activemq.md",
        }
    }
}

/// A script.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Script {
    /// Its name.
    pub name: String,
    /// What it shows.
    pub about: String,
    /// Which entries of the semantics it is about.
    pub facts: String,
    /// What else of messages is noted.
    pub show: Vec<String>,
    /// How the broker is set.
    pub broker: Vec<String>,
    /// Why the real broker does something else, where that is known.
    pub differs: Option<String>,
    /// What is done.
    pub steps: Vec<Step>,
}

/// A step.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Step {
    /// The line, as it stands in the script.
    pub line: String,
    /// What is done.
    pub verb: String,
    /// To what.
    pub words: Vec<String>,
    /// In which ways.
    pub flags: Vec<String>,
    /// With which settings, in their order.
    pub settings: Vec<(String, Value)>,
}

impl Step {
    /// Reads a line.
    ///
    /// # Errors
    ///
    /// When a quote is open at its end, or it is empty.
    pub fn parse(line: &str) -> Result<Self> {
        let mut step = Self { line: line.trim().into(), ..Self::default() };
        for token in tokens(line)? {
            match token {
                Token::Word(word) if step.verb.is_empty() => step.verb = word,
                Token::Word(word) if FLAGS.contains(&word.as_str()) => step.flags.push(word),
                Token::Word(word) => step.words.push(word),
                Token::Setting(name, value) => step.settings.push((name, value)),
            }
        }
        if step.verb.is_empty() { Err(format!("no verb in {line:?}").into()) } else { Ok(step) }
    }

    /// The word at a place.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub fn word(&self, at: usize) -> Result<&str> {
        let word = self.words.get(at).map(String::as_str);
        word.ok_or_else(|| format!("`{}` lacks its word {}", self.line, at + 1).into())
    }

    /// The words from a place on.
    pub fn from(&self, at: usize) -> impl Iterator<Item = &str> {
        self.words.iter().skip(at).map(String::as_str)
    }

    /// The word at a place as a number; one that is not there is another.
    ///
    /// # Errors
    ///
    /// When it is no number.
    pub fn count(&self, at: usize, otherwise: u64) -> Result<u64> {
        match self.words.get(at) {
            Some(word) => word.parse().map_err(|_| format!("`{}`: {word} is no number", self.line).into()),
            None => Ok(otherwise),
        }
    }

    /// Whether it is done in this way.
    pub fn is(&self, flag: &str) -> bool {
        self.flags.iter().any(|other| other == flag)
    }

    /// A setting.
    pub fn setting(&self, name: &str) -> Option<&Value> {
        self.settings.iter().find(|(other, _)| other == name).map(|(_, value)| value)
    }

    /// A setting as a number.
    pub fn number(&self, name: &str) -> Option<i64> {
        if let Some(Value::Int(number)) = self.setting(name) { Some(*number) } else { None }
    }

    /// A setting as a text.
    pub fn text(&self, name: &str) -> Option<&str> {
        if let Some(Value::Text(text)) = self.setting(name) { Some(text) } else { None }
    }

    /// The settings whose names begin so, without that beginning.
    pub fn headers(&self, prefix: &str) -> Headers {
        let named =
            |(name, value): &(String, Value)| Some((name.strip_prefix(prefix)?.to_owned(), value.clone()));
        let mut headers = Headers::default();
        for (name, value) in self.settings.iter().filter_map(named) {
            headers.insert(&name, value);
        }
        headers
    }

    /// What a broker says that does not know the step.
    ///
    /// # Errors
    ///
    /// Always.
    pub fn unknown<T>(&self) -> Result<T> {
        Err(format!("nobody knows how to `{}`", self.line).into())
    }
}

enum Token {
    Word(String),
    Setting(String, Value),
}

/// The tokens of a line. A quote may open a token, or a setting's value.
fn tokens(line: &str) -> Result<Vec<Token>> {
    let (mut found, mut rest) = (Vec::new(), line.trim_start());
    while !rest.is_empty() {
        let bare = rest.find(|c: char| c.is_whitespace() || c == '"' || c == '=').unwrap_or(rest.len());
        let (name, behind) = rest.split_at(bare);
        rest = match behind.chars().next() {
            Some('=') if !name.is_empty() => {
                let (text, quoted, behind) = value(&behind[1..])?;
                found.push(Token::Setting(name.into(), if quoted { text.into() } else { typed(text) }));
                behind
            }
            _ => {
                let (text, _, behind) = value(rest)?;
                found.push(Token::Word(text.into()));
                behind
            }
        }
        .trim_start();
    }
    Ok(found)
}

/// A text, quoted or up to the next space; whether it was quoted; and what stands behind it.
fn value(rest: &str) -> Result<(&str, bool, &str)> {
    if let Some(inside) = rest.strip_prefix('"') {
        let (text, behind) = inside.split_once('"').ok_or_else(|| format!("a quote is open: {rest}"))?;
        return Ok((text, true, behind));
    }
    let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
    Ok((&rest[..end], false, &rest[end..]))
}

fn typed(text: &str) -> Value {
    match text {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        "void" => Value::Null,
        _ => match text.parse::<i64>() {
            Ok(number) => number.into(),
            Err(_) => text.into(),
        },
    }
}

/// Reads the scripts of a file.
///
/// # Errors
///
/// With the line that is wrong.
pub fn parse(text: &str) -> Result<Vec<Script>> {
    let mut scripts: Vec<Script> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let wrong = |why: String| format!("line {}: {why}", number + 1);
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            continue;
        }
        if let Some(name) = trimmed.strip_prefix("== ") {
            scripts.push(Script { name: name.into(), ..Script::default() });
            continue;
        }
        let script = scripts.last_mut().ok_or_else(|| wrong("it belongs to no script".into()))?;
        if line.starts_with(' ') {
            script.steps.push(Step::parse(line).map_err(|error| wrong(error.to_string()))?);
            continue;
        }
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect();
        match line.split_once(": ") {
            Some(("about", text)) => script.about = text.into(),
            Some(("facts", text)) => script.facts = text.into(),
            Some(("show", text)) => script.show = words(text),
            Some(("broker", text)) => script.broker = words(text),
            Some(("differs", text)) => script.differs = Some(text.into()),
            _ => return Err(wrong(format!("neither a step nor a heading: {line}")).into()),
        }
    }
    Ok(scripts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_has_words_flags_and_typed_settings() {
        let step =
            Step::parse(r#"  send q m1 "m 2" mandatory h.a=1 h.b="1" h.c=void h.d=true selector="a = 'b'""#)
                .expect("it is a step");
        assert_eq!((step.verb.as_str(), step.words.join("|").as_str()), ("send", "q|m1|m 2"));
        assert!(step.is("mandatory") && !step.is("requeue"));
        let headers = step.headers("h.");
        let value = |name| headers.get(name).cloned();
        assert_eq!(value("a"), Some(Value::Int(1)));
        assert_eq!(value("b"), Some("1".into()));
        assert_eq!((value("c"), value("d")), (Some(Value::Null), Some(Value::Bool(true))));
        assert_eq!(step.text("selector"), Some("a = 'b'"));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let error = |text: &str| parse(text).expect_err("it is wrong").to_string();
        assert_eq!(error("  queue q"), "line 1: it belongs to no script");
        assert_eq!(error("== a\n  send \"q"), "line 2: a quote is open: \"q");
        assert_eq!(error("== a\nfact: R-1"), "line 2: neither a step nor a heading: fact: R-1");
    }
}
