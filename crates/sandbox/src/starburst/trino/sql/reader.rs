//! Goes through the tokens of a statement, with Trino's words for what is not as expected.

use super::parse::Name;
use super::token::{Kind, Token, tokenize};
use crate::starburst::trino::error::{Location, QueryError};

pub(crate) struct Reader<'a> {
    sql: &'a str,
    tokens: Vec<Token>,
    at: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(sql: &'a str) -> Result<Self, QueryError> {
        Ok(Self { sql, tokens: tokenize(sql)?, at: 0 })
    }

    pub(crate) fn peek(&self) -> &Token {
        &self.tokens[self.at]
    }

    pub(crate) fn peek_second(&self) -> &Token {
        &self.tokens[(self.at + 1).min(self.tokens.len() - 1)]
    }

    pub(crate) fn next(&mut self) -> Token {
        let token = self.tokens[self.at].clone();
        self.at = (self.at + 1).min(self.tokens.len() - 1);
        token
    }

    /// The text from the next token on.
    pub(crate) fn rest(&mut self) -> &'a str {
        let rest = self.sql[self.peek().start..].trim_end();
        self.at = self.tokens.len() - 1;
        rest
    }

    /// `mismatched input ...` at the next token.
    pub(crate) fn unexpected(&self) -> QueryError {
        let token = self.peek();
        let input = match token.kind {
            Kind::End => "<EOF>",
            _ => &self.sql[token.start..token.end],
        };
        let message = format!("mismatched input '{input}'");
        QueryError::syntax(message, self.location())
    }

    pub(crate) fn location(&self) -> Location {
        Location::of(self.sql, self.peek().start)
    }

    pub(crate) fn accept(&mut self, word: &str) -> bool {
        let is_there = self.peek().is_word(word);
        if is_there {
            self.next();
        }
        is_there
    }

    /// All of the words, or none of them.
    pub(crate) fn accept_all(&mut self, words: &[&str]) -> bool {
        let are_there = words.iter().enumerate().all(|(offset, word)| {
            self.tokens.get(self.at + offset).is_some_and(|t| t.is_word(word))
        });
        if are_there {
            self.at += words.len();
        }
        are_there
    }

    pub(crate) fn expect(&mut self, word: &str) -> Result<(), QueryError> {
        if self.accept(word) { Ok(()) } else { Err(self.unexpected()) }
    }

    pub(crate) fn accept_symbol(&mut self, symbol: char) -> bool {
        let is_there = self.peek().is_symbol(symbol);
        if is_there {
            self.next();
        }
        is_there
    }

    pub(crate) fn expect_symbol(&mut self, symbol: char) -> Result<(), QueryError> {
        if self.accept_symbol(symbol) { Ok(()) } else { Err(self.unexpected()) }
    }

    pub(crate) fn expect_end(&self) -> Result<(), QueryError> {
        if self.peek().kind == Kind::End { Ok(()) } else { Err(self.unexpected()) }
    }

    pub(crate) fn identifier(&mut self) -> Result<String, QueryError> {
        let name = self.peek().identifier().ok_or_else(|| self.unexpected())?;
        self.next();
        Ok(name)
    }

    /// `a`, `a.b` or `a.b.c`
    pub(crate) fn name(&mut self) -> Result<Name, QueryError> {
        let location = self.location();
        let mut parts = vec![self.identifier()?];
        while self.accept_symbol('.') {
            parts.push(self.identifier()?);
        }
        Ok(Name { parts, location })
    }

    pub(crate) fn text(&mut self) -> Result<String, QueryError> {
        match self.peek().kind.clone() {
            Kind::Text(text) => {
                self.next();
                Ok(text)
            }
            _ => Err(self.unexpected()),
        }
    }

    /// Past `(...)`, whatever is in it; its text without the brackets.
    pub(crate) fn brackets(&mut self) -> Result<&'a str, QueryError> {
        let start = self.peek().end;
        self.expect_symbol('(')?;
        let mut depth = 1;
        loop {
            let token = self.peek();
            match token.kind {
                Kind::Symbol('(') => depth += 1,
                Kind::Symbol(')') => depth -= 1,
                Kind::End => return Err(self.unexpected()),
                _ => {}
            }
            let end = token.start;
            self.next();
            if depth == 0 {
                return Ok(&self.sql[start..end]);
            }
        }
    }
}
