//! Text to [`Path`]: dot and bracket notation and functions. Filters are read in
//! [`super::filter_parser`].

use super::function::Function;
use super::{Path, Root, Step};
use crate::variable;

/// Filters within filters and parentheses within parentheses, at most. Bounds the recursion of parser and
/// evaluation, so that no path can exhaust the stack.
const DEPTH_MAX: usize = 16;
/// `..` in one path, at most: each can multiply the number of values by the depth of the input.
const DEEP_SCANS_MAX: usize = 3;

/// A text that is no path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}{}", at_character(*at))]
pub struct PathError {
    /// Byte offset in the path.
    pub at: usize,
    /// What is wrong there.
    pub reason: String,
}

/// Where a mistake is; at the first character that goes without saying.
pub(crate) fn at_character(at: usize) -> String {
    if at == 0 { String::new() } else { format!(" at character {at}") }
}

/// Parses a whole path that starts with `$` or `$$`.
pub(super) fn parse(text: &str) -> Result<Path, PathError> {
    let trimmed = text.trim();
    let mut parser = Parser { text: trimmed, at: 0, depth: 0 };
    let path = parser.path_from_root()?;
    if parser.at < trimmed.len() {
        return Err(parser.error("unexpected text after the path"));
    }
    Ok(path)
}

pub(super) struct Parser<'t> {
    text: &'t str,
    pub(super) at: usize,
    depth: usize,
}

pub(super) type Parsed<T> = Result<T, PathError>;

impl<'t> Parser<'t> {
    pub(super) fn error(&self, reason: impl Into<String>) -> PathError {
        PathError { at: self.at, reason: reason.into() }
    }

    pub(super) fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(super) fn eat(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    pub(super) fn expect(&mut self, token: &str) -> Parsed<()> {
        if self.eat(token) { Ok(()) } else { Err(self.error(format!("expected `{token}`"))) }
    }

    pub(super) fn skip_blanks(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    pub(super) fn take_while(&mut self, keep: impl Fn(char) -> bool) -> &'t str {
        let rest = self.rest();
        let end = rest.find(|c| !keep(c)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    pub(super) fn nested<T>(&mut self, parse: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth == DEPTH_MAX {
            return Err(self.error("nested too deeply"));
        }
        self.depth += 1;
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    fn path_from_root(&mut self) -> Parsed<Path> {
        let root = if self.eat("$$") {
            Root::Context
        } else if self.eat("$") {
            Root::Input
        } else {
            return Err(self.error("a path starts with `$`"));
        };
        let root = match self.peek() {
            Some(c) if root == Root::Input && variable::starts_name(c) => {
                Root::Variable(self.take_while(variable::continues_name).into())
            }
            _ => root,
        };
        self.steps(root, 0, |_| false)
    }

    /// The steps behind a root, up to the end of the text or, within a filter, up to a character that
    /// `ends` a name.
    pub(super) fn steps(
        &mut self,
        root: Root,
        start: usize,
        ends: fn(char) -> bool,
    ) -> Parsed<Path> {
        let mut steps = Vec::new();
        let mut function = None;
        while function.is_none() {
            match self.peek() {
                Some('.') => function = self.dot_step(&mut steps, ends)?,
                Some('[') => steps.push(self.bracket_step()?),
                _ => break,
            }
        }
        if steps.iter().filter(|step| matches!(step, Step::Deep)).count() > DEEP_SCANS_MAX {
            return Err(self.error(format!("more than {DEEP_SCANS_MAX} deep scans (`..`)")));
        }
        Ok(Path::new(&self.text[start..self.at], root, steps, function))
    }

    /// `.name`, `.*`, `..name`, `..[0]`, `.[0]` or `.length()`.
    fn dot_step(
        &mut self,
        steps: &mut Vec<Step>,
        ends: fn(char) -> bool,
    ) -> Parsed<Option<Function>> {
        if self.eat("..") {
            steps.push(Step::Deep);
        } else {
            self.expect(".")?;
        }
        if self.peek() == Some('[') {
            steps.push(self.bracket_step()?);
            return Ok(None);
        }
        if self.eat("*") {
            steps.push(Step::Wildcard);
            return Ok(None);
        }
        let start = self.at;
        let name = self.name(ends)?;
        if self.eat("(") {
            return self.function(&name, start).map(Some);
        }
        steps.push(Step::Name(name));
        Ok(None)
    }

    /// A name in dot notation; a backslash takes the next character as it is.
    fn name(&mut self, ends: fn(char) -> bool) -> Parsed<String> {
        let mut name = String::new();
        while let Some(c) = self.peek() {
            if matches!(c, '.' | '[' | '(') || ends(c) {
                break;
            }
            self.at += c.len_utf8();
            match c {
                '\\' => name.push(self.escaped()?),
                _ => name.push(c),
            }
        }
        if name.is_empty() { Err(self.error("expected a name")) } else { Ok(name) }
    }

    pub(super) fn escaped(&mut self) -> Parsed<char> {
        let c = self.peek().ok_or_else(|| self.error("nothing follows the backslash"))?;
        self.at += c.len_utf8();
        Ok(c)
    }

    /// The function `name`, which begins at `start`, up to its closing parenthesis.
    fn function(&mut self, name: &str, start: usize) -> Parsed<Function> {
        let function = Function::by_name(name).ok_or_else(|| PathError {
            at: start,
            reason: format!("there is no function `{name}()`"),
        })?;
        self.skip_blanks();
        self.expect(")")?;
        Ok(function)
    }

    fn bracket_step(&mut self) -> Parsed<Step> {
        self.expect("[")?;
        self.skip_blanks();
        let step = match self.peek() {
            Some('*') => {
                self.at += 1;
                Step::Wildcard
            }
            Some('\'' | '"') => self.names()?,
            Some('?') => Step::Filter(self.filter()?),
            _ => self.indexes()?,
        };
        self.skip_blanks();
        self.expect("]")?;
        Ok(step)
    }

    fn names(&mut self) -> Parsed<Step> {
        let mut names = vec![self.quoted()?];
        self.skip_blanks();
        while self.eat(",") {
            self.skip_blanks();
            names.push(self.quoted()?);
            self.skip_blanks();
        }
        Ok(if names.len() == 1 { Step::Name(names.remove(0)) } else { Step::Names(names) })
    }

    /// A quoted text, with the escapes of Java's string literals.
    pub(super) fn quoted(&mut self) -> Parsed<String> {
        let Some(quote @ ('\'' | '"')) = self.peek() else {
            return Err(self.error("expected a quoted name"));
        };
        self.at += 1;
        let mut text = String::new();
        loop {
            let c = self.escaped().map_err(|_| self.error("the quote is not closed"))?;
            match c {
                '\\' => text.push(self.escape_sequence()?),
                c if c == quote => return Ok(text),
                c => text.push(c),
            }
        }
    }

    fn escape_sequence(&mut self) -> Parsed<char> {
        Ok(match self.escaped()? {
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'b' => '\u{8}',
            'f' => '\u{c}',
            'u' => self.unicode_escape()?,
            c => c,
        })
    }

    fn unicode_escape(&mut self) -> Parsed<char> {
        let code = self.rest().get(..4).and_then(|hex| u32::from_str_radix(hex, 16).ok());
        let c = code.and_then(char::from_u32);
        let c = c.ok_or_else(|| self.error("`\\u` needs four hexadecimal digits"))?;
        self.at += 4;
        Ok(c)
    }

    /// `0`, `-1`, `0,2`, `1:3`, `:3` or `1:`.
    fn indexes(&mut self) -> Parsed<Step> {
        let first = self.optional_integer()?;
        self.skip_blanks();
        if self.eat(":") {
            self.skip_blanks();
            return self.slice(first);
        }
        let first = first.ok_or_else(|| self.error("expected an index, a name or `*`"))?;
        let mut indexes = vec![first];
        while self.eat(",") {
            self.skip_blanks();
            let next = self.optional_integer()?;
            indexes.push(next.ok_or_else(|| self.error("expected an index"))?);
            self.skip_blanks();
        }
        Ok(if indexes.len() == 1 { Step::Index(first) } else { Step::Indexes(indexes) })
    }

    fn slice(&mut self, from: Option<i64>) -> Parsed<Step> {
        let to = self.optional_integer()?;
        if from.is_none() && to.is_none() {
            return Err(self.error("a slice needs a start or an end"));
        }
        Ok(Step::Slice(from, to))
    }

    fn optional_integer(&mut self) -> Parsed<Option<i64>> {
        let digits = self.take_while(|c| c.is_ascii_digit() || c == '-');
        if digits.is_empty() {
            return Ok(None);
        }
        digits.parse().map(Some).map_err(|_| self.error(format!("`{digits}` is not an index")))
    }
}
