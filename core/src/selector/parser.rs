//! Which text is a selector? One function for each line of the grammar, from what binds loosest to what binds most.
//!
//! ```text
//!   or          and { OR and }
//!   and         not { AND not }
//!   not         NOT not | comparison
//!   comparison  sum [ ( = | <> | < | <= | > | >= ) sum
//!                   | [NOT] BETWEEN sum AND sum
//!                   | [NOT] IN ( text {, text} )              on the left a property
//!                   | [NOT] LIKE text [ESCAPE text]           on the left a property
//!                   | IS [NOT] NULL ]                         on the left a property
//!   sum         product { ( + | - ) product }
//!   product     sign { ( * | / | % ) sign }
//!   sign        ( + | - ) sign | operand
//!   operand     name | text | number | TRUE | FALSE | ( or )
//! ```
//!
//! Comparisons have no chain: `1 < a < 5` is refused, as in SQL. What can be seen to be of the wrong type, whatever
//! a message holds, is refused too: `flag > FALSE`, `'a' + 1`, a number alone where a condition belongs.
//!
//! What real systems do: in ActiveMQ `NOT` binds more than `=`, so `NOT color = 'blue' AND flag` means
//! `((NOT color) = 'blue') AND flag` there, and comparisons chain.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use super::lexer::{Keyword, Lexer, Placed, Token, unexpected};
use super::like::Pattern;
use super::number::{Arithmetic, Comparison};
use super::program::{Condition, ConditionAt, Program, PropertyAt, Value, ValueAt};
use super::{InvalidSelector, NESTING_MAX, SELECTOR_BYTES_MAX};

type Parsed<T> = Result<T, InvalidSelector>;

/// What a part of the text was read as, and where it begins.
#[derive(Clone, Copy)]
struct Part {
    at: usize,
    kind: Kind,
}

/// What is known of a part before any message is there.
#[derive(Clone, Copy)]
enum Kind {
    Number(ValueAt),
    Text(ValueAt),
    Bool(ValueAt),
    /// It can have any type.
    Property(PropertyAt),
    Condition(ConditionAt),
}

/// Compiles a text.
pub(super) fn parse(text: &str) -> Parsed<Program> {
    if text.len() > SELECTOR_BYTES_MAX {
        return Err(InvalidSelector::TooLong { bytes: text.len() });
    }
    let mut lexer = Lexer::new(text);
    let next = lexer.next()?;
    let mut parser = Parser { text, lexer, next, depth: 0, program: Program::default() };
    let whole = parser.or()?;
    if parser.next.token != Token::End {
        return Err(parser.unexpected("an operator such as AND, OR or =, or nothing more"));
    }
    let condition = parser.condition(whole, "a selector")?;
    Ok(parser.program.finish(condition))
}

struct Parser<'a> {
    text: &'a str,
    lexer: Lexer<'a>,
    next: Placed<'a>,
    /// How many parentheses, NOTs and signs are open.
    depth: usize,
    program: Program,
}

impl<'a> Parser<'a> {
    /// Goes on to the next token, and returns the one that it leaves.
    fn advance(&mut self) -> Parsed<Token<'a>> {
        let next = self.lexer.next()?;
        Ok(core::mem::replace(&mut self.next, next).token)
    }

    /// Goes on over this token, if it is the next.
    fn take(&mut self, token: &Token<'_>) -> Parsed<bool> {
        let is_next = self.next.token == *token;
        if is_next {
            self.advance()?;
        }
        Ok(is_next)
    }

    fn take_word(&mut self, keyword: Keyword) -> Parsed<bool> {
        self.take(&Token::Keyword(keyword))
    }

    fn expect(&mut self, token: &Token<'_>, expected: &'static str) -> Parsed<()> {
        if self.take(token)? { Ok(()) } else { Err(self.unexpected(expected)) }
    }

    fn expect_text(&mut self, expected: &'static str) -> Parsed<String> {
        if !matches!(self.next.token, Token::Text(_)) {
            return Err(self.unexpected(expected));
        }
        match self.advance()? {
            Token::Text(text) => Ok(text),
            _ => Err(self.unexpected(expected)),
        }
    }

    fn unexpected(&self, expected: &'static str) -> InvalidSelector {
        unexpected(self.text, self.next.at, self.next.end, expected)
    }

    /// Reads something that stands inside of something like itself: the one place where the calls grow deep.
    fn deeper(&mut self, read: fn(&mut Self) -> Parsed<Part>) -> Parsed<Part> {
        if self.depth == NESTING_MAX {
            return Err(InvalidSelector::TooDeep { at: self.next.at });
        }
        self.depth += 1;
        let part = read(self);
        self.depth -= 1;
        part
    }

    fn or(&mut self) -> Parsed<Part> {
        self.logic(Keyword::Or, "OR", Self::and, Condition::Or)
    }

    fn and(&mut self) -> Parsed<Part> {
        self.logic(Keyword::And, "AND", Self::not, Condition::And)
    }

    /// Parts with an operator between each two; a single part stays what it is.
    fn logic(
        &mut self,
        keyword: Keyword,
        operator: &'static str,
        part: fn(&mut Self) -> Parsed<Part>,
        join: fn(Box<[ConditionAt]>) -> Condition,
    ) -> Parsed<Part> {
        let first = part(self)?;
        if self.next.token != Token::Keyword(keyword) {
            return Ok(first);
        }
        let mut conditions = Vec::from([self.condition(first, operator)?]);
        while self.take_word(keyword)? {
            let next = part(self)?;
            conditions.push(self.condition(next, operator)?);
        }
        Ok(self.add(first.at, join(conditions.into())))
    }

    fn not(&mut self) -> Parsed<Part> {
        let at = self.next.at;
        if !self.take_word(Keyword::Not)? {
            return self.comparison();
        }
        let of = self.deeper(Self::not)?;
        let condition = self.condition(of, "NOT")?;
        Ok(self.add(at, Condition::Not(condition)))
    }

    fn comparison(&mut self) -> Parsed<Part> {
        let left = self.sum()?;
        if let Token::Comparison(comparison) = self.next.token {
            self.advance()?;
            let right = self.sum()?;
            return self.compare(left, comparison, right);
        }
        if self.take_word(Keyword::Is)? {
            let negated = self.take_word(Keyword::Not)?;
            self.expect(&Token::Keyword(Keyword::Null), "NULL or NOT NULL")?;
            let property = self.named(left, "IS NULL")?;
            return Ok(self.add(left.at, Condition::IsNull { property, negated }));
        }
        let negated = self.take_word(Keyword::Not)?;
        if self.take_word(Keyword::Between)? {
            self.between(left, negated)
        } else if self.take_word(Keyword::In)? {
            self.within(left, negated)
        } else if self.take_word(Keyword::Like)? {
            self.like(left, negated)
        } else if negated {
            Err(self.unexpected("BETWEEN, IN or LIKE behind this NOT"))
        } else {
            Ok(left)
        }
    }

    fn compare(&mut self, left: Part, comparison: Comparison, right: Part) -> Parsed<Part> {
        let (from, to) = if comparison.is_order() {
            (self.number(left, comparison.sign())?, self.number(right, comparison.sign())?)
        } else {
            (self.value(left), self.value(right))
        };
        Ok(self.add(left.at, Condition::Compare { left: from, comparison, right: to }))
    }

    fn between(&mut self, left: Part, negated: bool) -> Parsed<Part> {
        let value = self.number(left, "BETWEEN")?;
        let low = self.sum()?;
        let low = self.number(low, "BETWEEN")?;
        self.expect(&Token::Keyword(Keyword::And), "AND and the other end of BETWEEN")?;
        let high = self.sum()?;
        let high = self.number(high, "BETWEEN")?;
        Ok(self.add(left.at, Condition::Between { value, low, high, negated }))
    }

    fn within(&mut self, left: Part, negated: bool) -> Parsed<Part> {
        let property = self.named(left, "IN")?;
        self.expect(&Token::Open, "a list such as ('red', 'blue') behind IN")?;
        let mut texts = Vec::new();
        loop {
            texts.push(
                self.expect_text("a text in single quotes, the only thing in IN's list")?.into_boxed_str(),
            );
            if !self.take(&Token::Comma)? {
                break;
            }
        }
        self.expect(&Token::Close, "a comma and the next text, or ) to end IN's list")?;
        texts.sort_unstable();
        texts.dedup();
        Ok(self.add(left.at, Condition::In { property, texts: texts.into(), negated }))
    }

    fn like(&mut self, left: Part, negated: bool) -> Parsed<Part> {
        let property = self.named(left, "LIKE")?;
        let at = self.next.at;
        let text = self.expect_text("a pattern in single quotes, such as 'a%'")?;
        let mut escape = None;
        if self.take_word(Keyword::Escape)? {
            const ONE: &str = "one character in single quotes behind ESCAPE";
            let placed = unexpected(self.text, self.next.at, self.next.end, ONE);
            let one = self.expect_text(ONE)?;
            let mut characters = one.chars();
            escape = characters.next();
            if escape.is_none() || characters.next().is_some() {
                return Err(placed);
            }
        }
        let pattern = Pattern::new(&text, escape).ok_or(InvalidSelector::BadEscape { at })?;
        Ok(self.add(left.at, Condition::Like { property, pattern, negated }))
    }

    fn sum(&mut self) -> Parsed<Part> {
        self.chain(&[Arithmetic::Add, Arithmetic::Subtract], Self::product)
    }

    fn product(&mut self) -> Parsed<Part> {
        self.chain(&[Arithmetic::Multiply, Arithmetic::Divide, Arithmetic::Remainder], Self::sign)
    }

    /// Numbers with one of these operators between each two; a single part stays what it is.
    fn chain(&mut self, operators: &[Arithmetic], part: fn(&mut Self) -> Parsed<Part>) -> Parsed<Part> {
        let begin = part(self)?;
        let (mut first, mut rest) = (None, Vec::new());
        while let Token::Arithmetic(operator) = self.next.token {
            if !operators.contains(&operator) {
                break;
            }
            self.advance()?;
            if first.is_none() {
                first = Some(self.number(begin, operator.sign())?);
            }
            let next = part(self)?;
            rest.push((operator, self.number(next, operator.sign())?));
        }
        let Some(first) = first else { return Ok(begin) };
        let value = self.program.value(Value::Chain { first, rest: rest.into() });
        Ok(Part { at: begin.at, kind: Kind::Number(value) })
    }

    fn sign(&mut self) -> Parsed<Part> {
        let at = self.next.at;
        let Token::Arithmetic(operator @ (Arithmetic::Add | Arithmetic::Subtract)) = self.next.token else {
            return self.operand();
        };
        self.advance()?;
        let negative = operator == Arithmetic::Subtract;
        // The smallest integer has no positive twin, so a minus and its digits are read as one.
        let value = if let (Token::Int(digits), true) = (&self.next.token, negative) {
            let value = 0_i64.wrapping_sub_unsigned(*digits); // at most 2^63, so it does not wrap
            self.advance()?;
            Value::Int(value)
        } else {
            let of = self.deeper(Self::sign)?;
            Value::Signed { negative, of: self.number(of, operator.sign())? }
        };
        Ok(Part { at, kind: Kind::Number(self.program.value(value)) })
    }

    fn operand(&mut self) -> Parsed<Part> {
        const OPERAND: &str = "the name of a property, a number, a text in single quotes, TRUE, FALSE or (";
        let at = self.next.at;
        let kind = match &self.next.token {
            Token::Open => {
                self.advance()?;
                let inner = self.deeper(Self::or)?;
                self.expect(&Token::Close, "an operator, or ) to close the parenthesis")?;
                return Ok(Part { at, ..inner });
            }
            Token::Name(name) => Kind::Property(self.program.property(name)),
            Token::Int(digits) => {
                let value = i64::try_from(*digits).map_err(|_| InvalidSelector::NumberTooLarge { at })?;
                Kind::Number(self.program.value(Value::Int(value)))
            }
            Token::Double(value) => Kind::Number(self.program.value(Value::Double(*value))),
            Token::Text(text) => Kind::Text(self.program.value(Value::Text(text.as_str().into()))),
            Token::Keyword(Keyword::True) => Kind::Bool(self.program.value(Value::Bool(true))),
            Token::Keyword(Keyword::False) => Kind::Bool(self.program.value(Value::Bool(false))),
            Token::Keyword(Keyword::Null) => {
                return Err(self.unexpected("IS NULL or IS NOT NULL to ask for it"));
            }
            _ => return Err(self.unexpected(OPERAND)),
        };
        self.advance()?;
        Ok(Part { at, kind })
    }

    fn add(&mut self, at: usize, condition: Condition) -> Part {
        Part { at, kind: Kind::Condition(self.program.condition(condition)) }
    }

    /// The part as a value of whatever type.
    fn value(&mut self, part: Part) -> ValueAt {
        match part.kind {
            Kind::Number(value) | Kind::Text(value) | Kind::Bool(value) => value,
            Kind::Property(property) => self.program.value(Value::Property(property)),
            Kind::Condition(condition) => self.program.value(Value::Condition(condition)),
        }
    }

    /// The part as a value that can be a number.
    fn number(&mut self, part: Part, operator: &'static str) -> Parsed<ValueAt> {
        match part.kind {
            Kind::Number(_) | Kind::Property(_) => Ok(self.value(part)),
            _ => Err(InvalidSelector::WrongType { at: part.at, operator, takes: "numbers" }),
        }
    }

    /// The part as a condition.
    fn condition(&mut self, part: Part, operator: &'static str) -> Parsed<ConditionAt> {
        match part.kind {
            Kind::Condition(condition) => Ok(condition),
            Kind::Bool(_) | Kind::Property(_) => {
                let value = self.value(part);
                Ok(self.program.condition(Condition::Value(value)))
            }
            _ => Err(InvalidSelector::WrongType { at: part.at, operator, takes: "conditions" }),
        }
    }

    /// The part as the name of a property.
    fn named(&self, part: Part, operator: &'static str) -> Parsed<PropertyAt> {
        match part.kind {
            Kind::Property(property) => Ok(property),
            _ => Err(InvalidSelector::WrongType { at: part.at, operator, takes: "the name of a property" }),
        }
    }
}
