//! The words of a query.

use jiff::Timestamp;

use super::Literal;
use crate::salesforce::problem::Problem;

/// A word.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// A name or a keyword.
    Word(String),
    Literal(Literal),
    /// `=`, `<=`, `(`, `,` ...
    Symbol(&'static str),
}

const SYMBOLS: [&str; 11] = ["!=", "<>", "<=", ">=", "=", "<", ">", "(", ")", ",", ";"];

pub(super) fn tokens(text: &str) -> Result<Vec<Token>, Problem> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (token, length) = token(rest)?;
        tokens.push(token);
        rest = rest[length..].trim_start();
    }
    Ok(tokens)
}

/// The first word, and its length in bytes.
fn token(text: &str) -> Result<(Token, usize), Problem> {
    if let Some(quoted) = text.strip_prefix('\'') {
        return string(quoted);
    }
    if let Some(symbol) = SYMBOLS.iter().find(|symbol| text.starts_with(**symbol)) {
        return Ok((Token::Symbol(symbol), symbol.len()));
    }
    let is_part = |letter: char| letter.is_alphanumeric() || "_.:+-".contains(letter);
    let length = text.find(|letter| !is_part(letter)).unwrap_or(text.len());
    if length == 0 {
        return Err(malformed(text));
    }
    Ok((word(&text[..length])?, length))
}

fn string(quoted: &str) -> Result<(Token, usize), Problem> {
    let mut value = String::new();
    let mut letters = quoted.char_indices();
    while let Some((place, letter)) = letters.next() {
        match letter {
            '\'' => return Ok((Token::Literal(Literal::Text(value)), place + 2)),
            '\\' => match letters.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, 'r')) => value.push('\r'),
                Some((_, 't')) => value.push('\t'),
                Some((_, other)) => value.push(other),
                None => break,
            },
            other => value.push(other),
        }
    }
    Err(malformed(quoted))
}

fn word(text: &str) -> Result<Token, Problem> {
    let literal = match text.to_ascii_lowercase().as_str() {
        "null" => Literal::Null,
        "true" => Literal::Bool(true),
        "false" => Literal::Bool(false),
        _ if !text.starts_with(|first: char| first.is_ascii_digit() || first == '-') => {
            return Ok(Token::Word(text.to_owned()));
        }
        _ => date_or_number(text).ok_or_else(|| malformed(text))?,
    };
    Ok(Token::Literal(literal))
}

fn date_or_number(text: &str) -> Option<Literal> {
    if text.contains('T') {
        let time: Timestamp = with_colon(text).parse().ok()?;
        return Some(Literal::Time(time.as_millisecond()));
    }
    if text.len() == 10 && text.as_bytes()[4] == b'-' {
        return text.parse().ok().map(Literal::Date);
    }
    text.parse::<f64>().ok().map(|_| Literal::Number(text.to_owned()))
}

/// `+0000` as `+00:00`.
fn with_colon(text: &str) -> String {
    match text.len().checked_sub(5).map(|place| text.split_at(place)) {
        Some((start, zone)) if zone.starts_with(['+', '-']) && !zone.contains(':') => {
            format!("{start}{}:{}", &zone[..3], &zone[3..])
        }
        _ => text.to_owned(),
    }
}

fn malformed(near: &str) -> Problem {
    let near: String = near.chars().take(20).collect();
    Problem::bad("MALFORMED_QUERY", format!("line 1: unexpected token: '{near}'"))
}
