//! Writes a tree down as the text of a selector, each time another way: spaces, letters, parentheses, numbers.

use mqlab_core::message::Value;

use crate::model::{Bit, NAMES, Tree};

/// Writes a tree down, each time another way: a cheap generator of numbers decides.
struct Printer {
    chance: u64,
    words: Vec<String>,
}

/// How much binds a tree: OR 0, AND 1, NOT 2, comparisons 3, sums 4, products 5, signs 6, operands 7.
fn binds(tree: &Tree) -> u8 {
    match tree {
        Tree::Or(..) => 0,
        Tree::And(..) => 1,
        Tree::Not(..) => 2,
        Tree::Compare(..) | Tree::Between(..) | Tree::In(..) | Tree::Like(..) | Tree::IsNull(..) => 3,
        Tree::Arithmetic(_, '+' | '-', _) => 4,
        Tree::Arithmetic(..) => 5,
        Tree::Sign(..) => 6,
        Tree::Constant(_) | Tree::Property(_) => 7,
    }
}

impl Printer {
    /// One of so many.
    fn roll(&mut self, sides: u64) -> u64 {
        self.chance = self.chance.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.chance >> 33) % sides
    }

    fn push(&mut self, word: impl Into<String>) {
        self.words.push(word.into());
    }

    /// A keyword in letters of random case; several with spaces between.
    fn keywords(&mut self, keywords: &str) {
        for keyword in keywords.split(' ') {
            let letters = keyword.chars();
            let word = letters
                .map(|c| if self.roll(2) == 0 { c.to_ascii_lowercase() } else { c })
                .collect::<String>();
            self.push(word);
        }
    }

    fn negation(&mut self, not: bool) {
        if not {
            self.keywords("NOT");
        }
    }

    fn text(&mut self, text: &str) {
        self.push(format!("'{}'", text.replace('\'', "''")));
    }

    fn constant(&mut self, value: &Value) {
        match value {
            Value::Bool(true) => self.keywords("TRUE"),
            Value::Bool(false) => self.keywords("FALSE"),
            Value::Int(n) => {
                let word = match self.roll(5) {
                    0 => format!("{n}L"),
                    1 => format!("0x{n:X}"),
                    2 => format!("0{n:o}"),
                    _ => n.to_string(),
                };
                self.push(word);
            }
            Value::Double(n) => self.push(format!("{n:?}")),
            Value::Text(text) => self.text(text),
            other => panic!("no selector can write {other}"),
        }
    }

    /// The tree, in parentheses where it binds less than is needed, and sometimes without need.
    fn print(&mut self, tree: &Tree, needed: u8) {
        let parentheses = usize::from(binds(tree) < needed) + usize::from(self.roll(6) == 0);
        (0..parentheses).for_each(|_| self.push("("));
        self.bare(tree);
        (0..parentheses).for_each(|_| self.push(")"));
    }

    fn bare(&mut self, tree: &Tree) {
        match tree {
            Tree::Constant(value) => self.constant(value),
            Tree::Property(name) => self.push(NAMES[*name]),
            Tree::Sign(minus, of) => {
                self.push(if *minus { "-" } else { "+" });
                self.print(of, 6);
            }
            // From left to right: what stands on the right must bind more.
            Tree::Arithmetic(left, operator, right) => {
                self.print(left, binds(tree));
                self.push(*operator);
                self.print(right, binds(tree) + 1);
            }
            Tree::Compare(left, operator, right) => {
                self.print(left, 4);
                self.push(*operator);
                self.print(right, 4);
            }
            Tree::Between(of, not, low, high) => {
                self.print(of, 4);
                self.negation(*not);
                self.keywords("BETWEEN");
                self.print(low, 4);
                self.keywords("AND");
                self.print(high, 4);
            }
            Tree::In(name, not, texts) => {
                self.print(&Tree::Property(*name), 7);
                self.negation(*not);
                self.keywords("IN");
                for (place, text) in texts.iter().enumerate() {
                    self.push(if place == 0 { "(" } else { "," });
                    self.text(text);
                }
                self.push(")");
            }
            Tree::Like(name, not, bits, escape) => self.like(*name, *not, bits, *escape),
            Tree::IsNull(name, not) => {
                self.print(&Tree::Property(*name), 7);
                self.keywords(if *not { "IS NOT NULL" } else { "IS NULL" });
            }
            Tree::Not(of) => {
                self.keywords("NOT");
                self.print(of, 2);
            }
            Tree::And(left, right) | Tree::Or(left, right) => {
                let (keyword, level) = if binds(tree) == 1 { ("AND", 1) } else { ("OR", 0) };
                self.print(left, level);
                self.keywords(keyword);
                self.print(right, level);
            }
        }
    }

    fn like(&mut self, name: usize, not: bool, bits: &[Bit], escape: Option<char>) {
        // An escape is needed for the literal % and _, and a wildcard cannot be written where it is the escape.
        let taken = |c: char| bits.iter().any(|bit| matches!((bit, c), (Bit::One, '_') | (Bit::Many, '%')));
        let needed = bits.iter().any(|bit| matches!(bit, Bit::Literal('%' | '_')));
        let escape = escape.filter(|&c| !taken(c)).or(needed.then_some('\\'));
        let mut pattern = String::new();
        for bit in bits {
            match *bit {
                Bit::One => pattern.push('_'),
                Bit::Many => pattern.push('%'),
                Bit::Literal(letter) => {
                    if matches!(letter, '%' | '_') || Some(letter) == escape {
                        pattern.extend(escape);
                    }
                    pattern.push(letter);
                }
            }
        }
        self.print(&Tree::Property(name), 7);
        self.negation(not);
        self.keywords("LIKE");
        self.text(&pattern);
        if let Some(escape) = escape {
            self.keywords("ESCAPE");
            self.text(&escape.to_string());
        }
    }

    /// The words with white space between: as little as can be, or more.
    fn join(&mut self) -> String {
        let wordy = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '$' | '.'));
        let mut text = String::new();
        for word in std::mem::take(&mut self.words) {
            let must = wordy(text.chars().last()) && wordy(word.chars().next());
            let spaces = [" ", " ", "  ", "\t", "\n", "\x0c\r\n"];
            if must || self.roll(2) == 0 {
                text.push_str(spaces[self.roll(6) as usize]);
            }
            text.push_str(&word);
        }
        text
    }
}

pub(crate) fn written(tree: &Tree, chance: u64) -> String {
    let mut printer = Printer { chance, words: Vec::new() };
    printer.print(tree, 0);
    printer.join()
}
