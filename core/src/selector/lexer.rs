//! Where does one word of a selector end and the next begin? Text in, tokens out, one at a time.

use alloc::string::String;

use super::InvalidSelector;
use super::number::{Arithmetic, Comparison};

/// A word that has a meaning of its own, in letters of either case. None of them can name a property.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keyword {
    And,
    Between,
    Escape,
    False,
    In,
    Is,
    Like,
    Not,
    Null,
    Or,
    True,
}

const KEYWORDS: [(&str, Keyword); 11] = [
    ("AND", Keyword::And),
    ("BETWEEN", Keyword::Between),
    ("ESCAPE", Keyword::Escape),
    ("FALSE", Keyword::False),
    ("IN", Keyword::In),
    ("IS", Keyword::Is),
    ("LIKE", Keyword::Like),
    ("NOT", Keyword::Not),
    ("NULL", Keyword::Null),
    ("OR", Keyword::Or),
    ("TRUE", Keyword::True),
];

/// The smallest piece of a selector that means something.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token<'a> {
    Keyword(Keyword),
    Name(&'a str),
    /// A text, as it is between its quotes, with `''` made one.
    Text(String),
    /// A whole number without a sign: at most 2^63, which only a minus before it makes an `i64`.
    Int(u64),
    Double(f64),
    Arithmetic(Arithmetic),
    Comparison(Comparison),
    Open,
    Close,
    Comma,
    End,
}

/// A token and its place in the text, in bytes.
#[derive(Clone, Debug)]
pub(super) struct Placed<'a> {
    pub(super) token: Token<'a>,
    pub(super) at: usize,
    pub(super) end: usize,
}

/// Cuts a text into tokens.
#[derive(Debug)]
pub(super) struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

fn is_name_start(c: u8) -> bool {
    c.is_ascii_alphabetic() || matches!(c, b'_' | b'$')
}

fn is_name(c: u8) -> bool {
    is_name_start(c) || c.is_ascii_digit()
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// The next token; [`Token::End`] behind the last one, as often as it is asked.
    pub(super) fn next(&mut self) -> Result<Placed<'a>, InvalidSelector> {
        // What Java calls white space: space, tab, form feed, and the ends of lines.
        self.skip(|c| matches!(c, b' ' | b'\t' | b'\x0c' | b'\n' | b'\r'));
        let at = self.at;
        let rest = &self.text.as_bytes()[at..];
        let second = rest.get(1).copied();
        let token = match rest.first() {
            None => Token::End,
            Some(&c) if is_name_start(c) => self.word(),
            Some(b'0'..=b'9') => self.number()?,
            Some(b'.') if second.is_some_and(|c| c.is_ascii_digit()) => self.number()?,
            Some(b'\'') => self.quoted()?,
            Some(_) => self.sign()?,
        };
        Ok(Placed { token, at, end: self.at })
    }

    /// Goes on while the bytes are of a kind.
    fn skip(&mut self, kind: impl Fn(u8) -> bool) {
        self.at += self.text.as_bytes()[self.at..].iter().take_while(|&&c| kind(c)).count();
    }

    /// Goes on over this byte, if it is the next.
    fn take(&mut self, wanted: u8) -> bool {
        let is_next = self.text.as_bytes().get(self.at) == Some(&wanted);
        self.at += usize::from(is_next);
        is_next
    }

    fn word(&mut self) -> Token<'a> {
        let begin = self.at;
        self.skip(is_name);
        let word = &self.text[begin..self.at];
        let keyword = KEYWORDS.iter().find(|(keyword, _)| word.eq_ignore_ascii_case(keyword));
        keyword.map_or(Token::Name(word), |&(_, keyword)| Token::Keyword(keyword))
    }

    /// A text in single quotes; two quotes inside are one.
    fn quoted(&mut self) -> Result<Token<'a>, InvalidSelector> {
        let begin = self.at;
        let mut text = String::new();
        self.at += 1;
        loop {
            let piece = self.at;
            self.skip(|c| c != b'\'');
            text.push_str(&self.text[piece..self.at]);
            if !self.take(b'\'') {
                return Err(InvalidSelector::UnendedText { at: begin });
            }
            if !self.take(b'\'') {
                return Ok(Token::Text(text));
            }
            text.push('\'');
        }
    }

    /// A number as Java writes them: `12`, `12L`, `0x1F`, `017` (octal: 15), `5.`, `.5`, `5E-10`.
    fn number(&mut self) -> Result<Token<'a>, InvalidSelector> {
        let begin = self.at;
        let bytes = self.text.as_bytes();
        let token = if bytes[begin] == b'0' && matches!(bytes.get(begin + 1), Some(b'x' | b'X')) {
            self.at += 2;
            self.skip(|c| c.is_ascii_hexdigit());
            self.whole(begin, begin + 2, 16)?
        } else {
            self.skip(|c| c.is_ascii_digit());
            let digits = self.at;
            if self.take(b'.') {
                self.skip(|c| c.is_ascii_digit());
            }
            if self.take(b'e') || self.take(b'E') {
                let _signed = self.take(b'-') || self.take(b'+');
                let exponent = self.at;
                self.skip(|c| c.is_ascii_digit());
                if self.at == exponent {
                    return Err(self.unexpected(begin, "the digits of the exponent"));
                }
            }
            if self.at > digits {
                let value: Option<f64> = self.text[begin..self.at].parse().ok();
                let finite = value.filter(|value| value.is_finite());
                Token::Double(finite.ok_or(InvalidSelector::NumberTooLarge { at: begin })?)
            } else if bytes[begin] == b'0' {
                self.whole(begin, begin, 8)?
            } else {
                self.whole(begin, begin, 10)?
            }
        };
        // `12abc`, `1.2.3`: most likely a name or a text that lost something.
        if bytes.get(self.at).is_some_and(|&c| is_name(c) || c == b'.') {
            self.skip(|c| is_name(c) || c == b'.');
            return Err(
                self.unexpected(begin, "a number such as 12, 12L, 0x1F, 017, 1.5 or 5E10, and a space")
            );
        }
        Ok(token)
    }

    /// A whole number, whose digits begin at `digits` and end here.
    fn whole(&mut self, begin: usize, digits: usize, radix: u32) -> Result<Token<'a>, InvalidSelector> {
        let text = &self.text[digits..self.at];
        if text.is_empty() || !text.chars().all(|c| c.is_digit(radix)) {
            let expected =
                if radix == 8 { "digits 0 to 7 behind the 0 of an octal number" } else { "digits" };
            return Err(self.unexpected(begin, expected));
        }
        let value = u64::from_str_radix(text, radix).ok().filter(|&value| value <= 1 << 63);
        let _long = self.take(b'l') || self.take(b'L');
        value.map(Token::Int).ok_or(InvalidSelector::NumberTooLarge { at: begin })
    }

    fn sign(&mut self) -> Result<Token<'a>, InvalidSelector> {
        let begin = self.at;
        let first = self.text[begin..].chars().next().unwrap_or_default();
        self.at += first.len_utf8();
        Ok(match first {
            '(' => Token::Open,
            ')' => Token::Close,
            ',' => Token::Comma,
            '+' => Token::Arithmetic(Arithmetic::Add),
            '-' => Token::Arithmetic(Arithmetic::Subtract),
            '*' => Token::Arithmetic(Arithmetic::Multiply),
            '/' => Token::Arithmetic(Arithmetic::Divide),
            '%' => Token::Arithmetic(Arithmetic::Remainder),
            '<' if self.take(b'=') => Token::Comparison(Comparison::LessOrEqual),
            '<' if self.take(b'>') => Token::Comparison(Comparison::Unequal),
            '<' => Token::Comparison(Comparison::Less),
            '>' if self.take(b'=') => Token::Comparison(Comparison::GreaterOrEqual),
            '>' => Token::Comparison(Comparison::Greater),
            '=' if self.take(b'=') => return Err(self.unexpected(begin, "one = for equal")),
            '=' => Token::Comparison(Comparison::Equal),
            '!' => {
                self.take(b'=');
                return Err(self.unexpected(begin, "<> for unequal"));
            }
            '"' => return Err(self.unexpected(begin, "a text in single quotes, such as 'red'")),
            _ => return Err(self.unexpected(begin, "a name of letters, digits, _ and $, or an operator")),
        })
    }

    /// That what was read since `begin` is none of what is expected.
    fn unexpected(&self, begin: usize, expected: &'static str) -> InvalidSelector {
        unexpected(self.text, begin, self.at, expected)
    }
}

/// How much of a wrong text an error repeats, in characters.
const FOUND_CHARS_MAX: usize = 40;

/// The error that says so of this piece of the text.
pub(super) fn unexpected(text: &str, at: usize, end: usize, expected: &'static str) -> InvalidSelector {
    let found = if at == text.len() { "the end" } else { &text[at..end] };
    InvalidSelector::Unexpected { at, found: found.chars().take(FOUND_CHARS_MAX).collect(), expected }
}
