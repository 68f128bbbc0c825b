//! Text to [`Filter`]: `?(@.total > 100 && !(@.state in ['open', 'held']))`.

use serde_json::Value;

use super::Root;
use super::filter::{Comparison, Filter, Operand};
use super::parser::{Parsed, Parser};

/// Compiled size of a `=~` pattern, in bytes.
const REGEX_BYTES_MAX: usize = 1 << 20;

impl Parser<'_> {
    /// `?(...)`.
    pub(super) fn filter(&mut self) -> Parsed<Filter> {
        self.expect("?")?;
        self.skip_blanks();
        self.expect("(")?;
        let filter = self.nested(Self::any_of)?;
        self.skip_blanks();
        self.expect(")")?;
        Ok(filter)
    }

    fn any_of(&mut self) -> Parsed<Filter> {
        let mut filters = vec![self.all_of()?];
        self.skip_blanks();
        while self.eat("||") {
            filters.push(self.all_of()?);
            self.skip_blanks();
        }
        Ok(if filters.len() == 1 { filters.remove(0) } else { Filter::Any(filters) })
    }

    fn all_of(&mut self) -> Parsed<Filter> {
        let mut filters = vec![self.filter_term()?];
        self.skip_blanks();
        while self.eat("&&") {
            filters.push(self.filter_term()?);
            self.skip_blanks();
        }
        Ok(if filters.len() == 1 { filters.remove(0) } else { Filter::All(filters) })
    }

    fn filter_term(&mut self) -> Parsed<Filter> {
        self.skip_blanks();
        if self.eat("!") {
            return Ok(Filter::Not(Box::new(self.nested(Self::filter_term)?)));
        }
        if self.eat("(") {
            let inner = self.nested(Self::any_of)?;
            self.skip_blanks();
            self.expect(")")?;
            return Ok(inner);
        }
        let left = self.operand()?;
        self.skip_blanks();
        match self.comparison()? {
            Some(comparison) => {
                self.skip_blanks();
                let right = self.operand()?;
                Ok(Filter::Compare { left, comparison, right })
            }
            None => match left {
                Operand::Path(path) => Ok(Filter::Exists(path)),
                Operand::Literal(_) | Operand::Regex(_) => Err(self.error("expected a comparison")),
            },
        }
    }

    fn comparison(&mut self) -> Parsed<Option<Comparison>> {
        for (token, comparison) in Comparison::SYMBOLS {
            if self.eat(token) {
                return Ok(Some(*comparison));
            }
        }
        let word = self.take_while(char::is_alphabetic);
        if word.is_empty() {
            return Ok(None);
        }
        match Comparison::by_word(word) {
            Some(comparison) => Ok(Some(comparison)),
            None => Err(self.error(format!("there is no operator `{word}`"))),
        }
    }

    fn operand(&mut self) -> Parsed<Operand> {
        let start = self.at;
        match self.peek() {
            Some('@') => {
                self.at += 1;
                self.nested(|p| p.steps(Root::Current, start, ends_filter_name)).map(Operand::Path)
            }
            Some('$') => {
                self.at += 1;
                self.nested(|p| p.steps(Root::Input, start, ends_filter_name)).map(Operand::Path)
            }
            Some('\'' | '"') => self.quoted().map(|text| Operand::Literal(Value::String(text))),
            Some('/') => self.regex(),
            Some('[') => self.nested(Self::list),
            Some('{') => self.object(),
            _ => self.word(),
        }
    }

    /// A number, `true`, `false` or `null`.
    fn word(&mut self) -> Parsed<Operand> {
        let start = self.at;
        let word = self.take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
        serde_json::from_str(word).map(Operand::Literal).map_err(|_| {
            self.at = start;
            self.error("expected a path or a value")
        })
    }

    /// An object, as in JSON.
    fn object(&mut self) -> Parsed<Operand> {
        let mut stream = serde_json::Deserializer::from_str(self.rest()).into_iter::<Value>();
        match stream.next() {
            Some(Ok(value)) => {
                self.at += stream.byte_offset();
                Ok(Operand::Literal(value))
            }
            _ => Err(self.error("expected a JSON object")),
        }
    }

    fn list(&mut self) -> Parsed<Operand> {
        self.expect("[")?;
        let mut items = Vec::new();
        self.skip_blanks();
        while !self.eat("]") {
            if !items.is_empty() {
                self.expect(",")?;
                self.skip_blanks();
            }
            match self.operand()? {
                Operand::Literal(value) => items.push(value),
                Operand::Path(_) | Operand::Regex(_) => {
                    return Err(self.error("a list holds values only"));
                }
            }
            self.skip_blanks();
        }
        Ok(Operand::Literal(Value::Array(items)))
    }

    /// `/pattern/flags`; the pattern must match the whole text, as in Java's `matches()`.
    fn regex(&mut self) -> Parsed<Operand> {
        self.expect("/")?;
        let mut pattern = String::new();
        loop {
            match self.escaped().map_err(|_| self.error("the pattern is not closed"))? {
                '/' => break,
                '\\' if self.eat("/") => pattern.push('/'),
                '\\' => {
                    pattern.push('\\');
                    pattern.push(self.escaped()?);
                }
                c => pattern.push(c),
            }
        }
        let flags = self.take_while(|c| c.is_ascii_alphabetic());
        regex::RegexBuilder::new(&format!("^(?:{pattern})$"))
            .case_insensitive(flags.contains('i'))
            .dot_matches_new_line(flags.contains('s'))
            .ignore_whitespace(flags.contains('x'))
            .multi_line(flags.contains('m'))
            .size_limit(REGEX_BYTES_MAX)
            .build()
            .map(Operand::Regex)
            .map_err(|error| self.error(format!("`{pattern}` is not a pattern: {error}")))
    }
}

/// Within a filter a name ends where an operator, a blank or the end of the filter may follow.
fn ends_filter_name(c: char) -> bool {
    matches!(c, '<' | '>' | '=' | '~' | '!' | ')' | ']' | '&' | '|' | ',') || c.is_whitespace()
}
