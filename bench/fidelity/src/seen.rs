//! What is noted of a message that somebody got? What its consumer can tell, in one line.

use std::collections::BTreeMap;
use std::fmt;

/// A line of `x-death`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Death {
    /// `queue`.
    pub queue: String,
    /// `reason`.
    pub reason: String,
    /// `count`.
    pub count: u64,
    /// `exchange`.
    pub exchange: String,
    /// `routing-keys`.
    pub keys: Vec<String>,
    /// `original-expiration`.
    pub expiration: Option<String>,
}

/// A message as somebody got it. `m2 #5 redelivered x-death=[q expired 1]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// Its body.
    pub body: String,
    /// The delivery's number on its channel.
    pub tag: Option<u64>,
    /// Whether it is marked as delivered before.
    pub redelivered: bool,
    /// The exchange and the key that it was published to, where they are to be noted.
    pub route: Option<(String, String)>,
    /// Its time to live, in milliseconds.
    pub expiration: Option<String>,
    /// Its history of dead-lettering, the latest first.
    pub deaths: Vec<Death>,
    /// Whatever else is to be noted.
    pub marks: Vec<String>,
}

/// A name, or two quotes where it is empty.
pub fn named(name: &str) -> &str {
    if name.is_empty() { "\"\"" } else { name }
}

impl fmt::Display for Death {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {} {} via {}/{}",
            self.queue,
            self.reason,
            self.count,
            named(&self.exchange),
            self.keys.join("+")
        )?;
        self.expiration.as_ref().map_or(Ok(()), |span| write!(f, " expiration={span}"))
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.body)?;
        if let Some(tag) = self.tag {
            write!(f, " #{tag}")?;
        }
        if self.redelivered {
            f.write_str(" redelivered")?;
        }
        if let Some((exchange, key)) = &self.route {
            write!(f, " via {}/{}", named(exchange), named(key))?;
        }
        if let Some(span) = &self.expiration {
            write!(f, " expiration={span}")?;
        }
        if !self.deaths.is_empty() {
            let deaths: Vec<String> = self.deaths.iter().map(Death::to_string).collect();
            write!(f, " x-death=[{}]", deaths.join("; "))?;
        }
        self.marks.iter().try_for_each(|mark| write!(f, " {mark}"))
    }
}

/// What everybody saw during a step: whoever did it first, then the others in order of their names.
#[derive(Clone, Debug, Default)]
pub struct Notes {
    own: Vec<String>,
    others: BTreeMap<String, Vec<String>>,
}

impl Notes {
    /// What whoever did the step was told.
    pub fn tell(&mut self, line: impl Into<String>) {
        self.own.push(line.into());
    }

    /// What somebody else saw.
    pub fn saw(&mut self, who: &str, what: &impl fmt::Display) {
        self.others.entry(who.into()).or_default().push(format!("{who} <- {what}"));
    }

    /// How many lines there are.
    pub fn count(&self) -> usize {
        self.own.len() + self.others.values().map(Vec::len).sum::<usize>()
    }

    /// All lines; there are none afterwards.
    pub fn take(&mut self) -> Vec<String> {
        let Self { own, others } = std::mem::take(self);
        own.into_iter().chain(others.into_values().flatten()).collect()
    }
}
