//! What all expressions have: tokens one after the other, paths, placeholders, and the words for what does not fit.

use std::collections::HashSet;
use std::sync::LazyLock;

use super::lexer::{Spanned, Token, tokens};
use super::path::{Path, Step};
use super::{Parsed, Placeholders};
use crate::dynamodb::AttributeValue;

/// Names that cannot stand in an expression as they are. Source: Developer Guide, "Reserved words in DynamoDB".
static RESERVED: LazyLock<HashSet<&str>> =
    LazyLock::new(|| include_str!("reserved_words.txt").lines().collect());

/// Source: Developer Guide, "Service, account, and table quotas".
const OPERATORS_MAX: usize = 300;

/// An expression that is being read.
pub(in crate::dynamodb) struct Parser<'e> {
    text: &'e str,
    tokens: Vec<Spanned>,
    at: usize,
    depth: usize,
    placeholders: &'e Placeholders,
}

impl<'e> Parser<'e> {
    /// Reads an expression whole; `member` is its name in the request and stands before every error.
    pub(in crate::dynamodb) fn read<T>(
        member: &str,
        text: &'e str,
        placeholders: &'e Placeholders,
        read: impl FnOnce(&mut Self) -> Parsed<T>,
    ) -> Parsed<T> {
        let run = || {
            let tokens = tokens(text)?;
            let mut parser = Self { text, tokens, at: 0, depth: 0, placeholders };
            let read = read(&mut parser)?;
            match parser.peek() {
                None => Ok(read),
                Some(_) => Err(parser.syntax_error()),
            }
        };
        run().map_err(|problem| format!("Invalid {member}: {problem}"))
    }

    pub(super) fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|it| &it.token)
    }

    /// Whether a symbol or keyword comes next, which is then taken.
    pub(super) fn takes(&mut self, wanted: &str) -> bool {
        let is_next = self.is_next(wanted);
        self.at += usize::from(is_next);
        is_next
    }

    pub(super) fn is_next(&self, wanted: &str) -> bool {
        match self.peek() {
            Some(Token::Symbol(symbol)) => *symbol == wanted,
            Some(Token::Word(word)) => word.eq_ignore_ascii_case(wanted),
            _ => false,
        }
    }

    pub(super) fn expect(&mut self, wanted: &str) -> Parsed<()> {
        if self.takes(wanted) { Ok(()) } else { Err(self.syntax_error()) }
    }

    /// The token that does not fit, between its neighbours.
    pub(super) fn syntax_error(&self) -> String {
        let at = self.at.min(self.tokens.len());
        let token = self.tokens.get(at).map_or("<EOF>", |it| &self.text[it.start..it.end]);
        let first = self.tokens.get(at.saturating_sub(1)).map_or(0, |it| it.start);
        let last = self.tokens.get(at + 1).or(self.tokens.last()).map_or(0, |it| it.end);
        format!(
            "Syntax error; token: \"{token}\", near: \"{}\"",
            &self.text[first..last.max(first)]
        )
    }

    /// Goes one level deeper.
    pub(super) fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        self.depth += 1;
        if self.depth > OPERATORS_MAX {
            return Err(format!(
                "The expression contains too many operators; maximum: {OPERATORS_MAX}"
            ));
        }
        let read = read(self);
        self.depth -= 1;
        read
    }

    /// The name of a function, if one is called next; its bracket is taken too.
    pub(super) fn function(&mut self) -> Option<String> {
        let Some(Token::Word(name)) = self.peek().cloned() else { return None };
        let bracket = self.tokens.get(self.at + 1).map(|it| &it.token);
        if bracket != Some(&Token::Symbol("(")) {
            return None;
        }
        self.at += 2;
        Some(name)
    }

    pub(super) fn value(&mut self) -> Parsed<Option<AttributeValue>> {
        let Some(Token::ValueRef(reference)) = self.peek().cloned() else { return Ok(None) };
        self.at += 1;
        self.placeholders.value(&reference).map(Some)
    }

    pub(in crate::dynamodb) fn path(&mut self) -> Parsed<Path> {
        let mut steps = vec![Step::Name(self.name()?)];
        loop {
            if self.takes(".") {
                steps.push(Step::Name(self.name()?));
            } else if self.takes("[") {
                let Some(Token::Number(index)) = self.peek() else {
                    return Err(self.syntax_error());
                };
                let index = index.parse().map_err(|_| self.syntax_error())?;
                steps.push(Step::Index(index));
                self.at += 1;
                self.expect("]")?;
            } else {
                return Ok(Path(steps));
            }
        }
    }

    fn name(&mut self) -> Parsed<String> {
        match self.peek().cloned() {
            Some(Token::Word(name)) => {
                if RESERVED.contains(&*name.to_ascii_lowercase()) {
                    return Err(format!(
                        "Attribute name is a reserved keyword; reserved keyword: {name}"
                    ));
                }
                self.at += 1;
                Ok(name)
            }
            Some(Token::NameRef(reference)) => {
                self.at += 1;
                self.placeholders.name(&reference)
            }
            _ => Err(self.syntax_error()),
        }
    }

    /// Something, and more of it behind commas.
    pub(in crate::dynamodb) fn list<T>(
        &mut self,
        mut one: impl FnMut(&mut Self) -> Parsed<T>,
    ) -> Parsed<Vec<T>> {
        let mut all = vec![one(self)?];
        while self.takes(",") {
            all.push(one(self)?);
        }
        Ok(all)
    }
}
