//! A SQL text in tokens: as much as is needed to tell names from texts, comments and everything else.

use std::ops::Range;

/// A piece of the text. Together with the white space between them, tokens are the whole text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    /// Where it stands, in bytes.
    pub(super) range: Range<usize>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// A bare word: a keyword or a name, in lower case as Trino folds it.
    Word(String),
    /// A quoted name without its quotes.
    Quoted(String),
    /// A text literal with its quotes.
    Text(String),
    /// A number.
    Number(String),
    /// Any other character; `!=`, `<>`, `<=`, `>=`, `||`, `=>` and `->` are one.
    Symbol(String),
}

const PAIRS: [&str; 7] = ["!=", "<>", "<=", ">=", "||", "=>", "->"];

impl Token {
    /// The name that it is, folded as Trino folds all names.
    pub(super) fn name(&self) -> Option<String> {
        match &self.kind {
            Kind::Word(name) => Some(name.clone()),
            Kind::Quoted(name) => Some(name.to_lowercase()),
            Kind::Text(_) | Kind::Number(_) | Kind::Symbol(_) => None,
        }
    }

    pub(super) fn is_word(&self, word: &str) -> bool {
        matches!(&self.kind, Kind::Word(it) if it == word)
    }

    pub(super) fn is_symbol(&self, symbol: &str) -> bool {
        matches!(&self.kind, Kind::Symbol(it) if it == symbol)
    }
}

/// The tokens of a text. What is not closed goes on to the end.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        let rest = &text[at..];
        let length = match first {
            it if it.is_whitespace() => it.len_utf8(),
            _ if rest.starts_with("--") => rest.find('\n').unwrap_or(rest.len()),
            _ if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
            _ => {
                let (kind, length) = token(rest, first);
                found.push(Token { kind, range: at..at + length });
                length
            }
        };
        at += length;
    }
    found
}

fn token(rest: &str, first: char) -> (Kind, usize) {
    let run = |is_part: fn(char) -> bool| rest.find(|it| !is_part(it)).unwrap_or(rest.len());
    if first == '"' {
        let length = closed(rest, '"');
        let inner = rest[1..length].strip_suffix('"').unwrap_or(&rest[1..length]);
        return (Kind::Quoted(inner.replace("\"\"", "\"")), length);
    }
    if first == '\'' {
        let length = closed(rest, '\'');
        return (Kind::Text(rest[..length].to_owned()), length);
    }
    if first.is_alphabetic() || first == '_' {
        let length = run(|it| it.is_alphanumeric() || it == '_' || it == '$' || it == '@');
        return (Kind::Word(rest[..length].to_lowercase()), length);
    }
    if first.is_ascii_digit() {
        let length = run(|it| it.is_ascii_alphanumeric() || it == '_');
        return (Kind::Number(rest[..length].to_lowercase()), length);
    }
    let length =
        PAIRS.iter().find(|pair| rest.starts_with(**pair)).map_or(first.len_utf8(), |it| it.len());
    (Kind::Symbol(rest[..length].to_owned()), length)
}

/// The length of what begins with a quote, up to and with the quote that ends it. A doubled one does not.
fn closed(rest: &str, quote: char) -> usize {
    let mut at = 1;
    while let Some(found) = rest[at..].find(quote) {
        let after = at + found + 1;
        if !rest[after..].starts_with(quote) {
            return after;
        }
        at = after + 1;
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<Kind> {
        tokens(text).into_iter().map(|token| token.kind).collect()
    }

    #[test]
    fn names_texts_and_comments_are_told_apart() {
        let text =
            "SELECT \"a\"\"B\", 'x''y -- no' -- yes \"z\n/* FROM */ FROM t$1 WHERE 1 != 2.5e3";
        let word = |it: &str| Kind::Word(it.to_owned());
        let symbol = |it: &str| Kind::Symbol(it.to_owned());
        let number = |it: &str| Kind::Number(it.to_owned());
        assert_eq!(
            kinds(text),
            [
                word("select"),
                Kind::Quoted("a\"B".to_owned()),
                symbol(","),
                Kind::Text("'x''y -- no'".to_owned()),
                word("from"),
                word("t$1"),
                word("where"),
                number("1"),
                symbol("!="),
                number("2"),
                symbol("."),
                number("5e3"),
            ]
        );
    }

    #[test]
    fn what_is_not_closed_goes_on_to_the_end() {
        for text in ["'abc", "\"abc", "/* abc", "-- abc", "'", "\"", "x''", "é'ü"] {
            let last = tokens(text).last().map_or(text.len(), |token| token.range.end);
            assert_eq!(last, text.len(), "{text}");
        }
    }
}
