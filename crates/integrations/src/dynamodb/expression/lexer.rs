//! The words of an expression.

use super::Parsed;

/// Source: Amazon DynamoDB Developer Guide, "Service, account, and table quotas".
const BYTES_MAX: usize = 4096;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// `status`, `AND`, `size`
    Word(String),
    /// `#status`
    NameRef(String),
    /// `:status`
    ValueRef(String),
    /// `12`, of an index.
    Number(String),
    /// `<=`
    Symbol(&'static str),
}

/// A token, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Spanned {
    pub(super) token: Token,
    pub(super) start: usize,
    pub(super) end: usize,
}

const SYMBOLS: &[&str] = &["<>", "<=", ">=", "(", ")", "[", "]", ".", ",", "=", "<", ">", "+", "-"];

pub(super) fn tokens(text: &str) -> Parsed<Vec<Spanned>> {
    if text.trim().is_empty() {
        return Err("The expression can not be empty;".to_owned());
    }
    if text.len() > BYTES_MAX {
        let size = text.len();
        return Err(format!(
            "Expression size has exceeded the maximum allowed size; expression size: {size}"
        ));
    }
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        if first.is_whitespace() {
            at += first.len_utf8();
            continue;
        }
        let (token, length) = token(&text[at..], first).ok_or_else(|| {
            let near: String = text[at..].chars().take(2).collect();
            format!("Syntax error; token: \"{first}\", near: \"{near}\"")
        })?;
        tokens.push(Spanned { token, start: at, end: at + length });
        at += length;
    }
    Ok(tokens)
}

fn token(rest: &str, first: char) -> Option<(Token, usize)> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let length = |rest: &str| rest.find(|c| !is_word(c)).unwrap_or(rest.len());
    match first {
        '#' | ':' => {
            let end = 1 + length(&rest[1..]);
            let text = rest[..end].to_owned();
            let token = if first == '#' { Token::NameRef(text) } else { Token::ValueRef(text) };
            (end > 1).then_some((token, end))
        }
        _ if first.is_ascii_digit() => {
            let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            Some((Token::Number(rest[..end].to_owned()), end))
        }
        _ if is_word(first) => {
            let end = length(rest);
            Some((Token::Word(rest[..end].to_owned()), end))
        }
        _ => {
            let symbol = SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol))?;
            Some((Token::Symbol(symbol), symbol.len()))
        }
    }
}
