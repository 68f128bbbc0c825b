//! Tokens of Trino's SQL.

use crate::starburst::metastore::quote;
use crate::starburst::trino::error::{Location, QueryError};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An identifier or a keyword, as it was written.
    Word(String),
    /// `"..."`, unescaped.
    Quoted(String),
    /// `'...'`, unescaped.
    Text(String),
    /// Digits, perhaps with a point.
    Number(String),
    /// Punctuation or an operator.
    Symbol(char),
    /// The end of the text.
    End,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    /// Where it begins, in bytes.
    pub(crate) start: usize,
    /// Where it ends, in bytes.
    pub(crate) end: usize,
}

impl Token {
    pub(crate) fn is_word(&self, word: &str) -> bool {
        matches!(&self.kind, Kind::Word(text) if text.eq_ignore_ascii_case(word))
    }

    pub(crate) fn is_any_word(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.is_word(word))
    }

    pub(crate) fn is_symbol(&self, symbol: char) -> bool {
        self.kind == Kind::Symbol(symbol)
    }

    /// The name that it stands for, folded; none if it is no identifier. A reserved word has to be quoted.
    pub(crate) fn identifier(&self) -> Option<String> {
        match &self.kind {
            Kind::Quoted(name) => Some(name.to_lowercase()),
            Kind::Word(word) if !is_reserved(word) => Some(word.to_lowercase()),
            _ => None,
        }
    }
}

/// Source: Trino documentation, "Keywords and identifiers": reserved keywords.
const RESERVED: &[&str] = &[
    "ALTER",
    "AND",
    "AS",
    "BETWEEN",
    "BY",
    "CASE",
    "CAST",
    "CONSTRAINT",
    "CREATE",
    "CROSS",
    "CUBE",
    "CURRENT_CATALOG",
    "CURRENT_DATE",
    "CURRENT_PATH",
    "CURRENT_ROLE",
    "CURRENT_SCHEMA",
    "CURRENT_TIME",
    "CURRENT_TIMESTAMP",
    "CURRENT_USER",
    "DEALLOCATE",
    "DELETE",
    "DESCRIBE",
    "DISTINCT",
    "DROP",
    "ELSE",
    "END",
    "ESCAPE",
    "EXCEPT",
    "EXECUTE",
    "EXISTS",
    "EXTRACT",
    "FALSE",
    "FOR",
    "FROM",
    "FULL",
    "GROUP",
    "GROUPING",
    "HAVING",
    "IN",
    "INNER",
    "INSERT",
    "INTERSECT",
    "INTO",
    "IS",
    "JOIN",
    "LEFT",
    "LIKE",
    "LISTAGG",
    "LOCALTIME",
    "LOCALTIMESTAMP",
    "NATURAL",
    "NORMALIZE",
    "NOT",
    "NULL",
    "ON",
    "OR",
    "ORDER",
    "OUTER",
    "PREPARE",
    "RECURSIVE",
    "RIGHT",
    "ROLLUP",
    "SELECT",
    "SKIP",
    "TABLE",
    "THEN",
    "TRIM",
    "TRUE",
    "UESCAPE",
    "UNION",
    "UNNEST",
    "USING",
    "VALUES",
    "WHEN",
    "WHERE",
    "WITH",
];

fn is_reserved(word: &str) -> bool {
    RESERVED.iter().any(|reserved| reserved.eq_ignore_ascii_case(word))
}

/// Cuts a text into tokens; the last is [`Kind::End`].
///
/// # Errors
/// `SYNTAX_ERROR` for what no token begins with, and for quotes that do not end.
pub(crate) fn tokenize(sql: &str) -> Result<Vec<Token>, QueryError> {
    let mut tokens = Vec::new();
    let mut at = 0;
    loop {
        at = skip_blanks(sql, at);
        let Some(first) = sql[at..].chars().next() else { break };
        let (kind, end) = match first {
            '"' => read_quoted(sql, at, '"').map(|(text, end)| (Kind::Quoted(text), end))?,
            '\'' => read_quoted(sql, at, '\'').map(|(text, end)| (Kind::Text(text), end))?,
            '0'..='9' => {
                read_while(sql, at, |c| c.is_ascii_alphanumeric() || c == '.', Kind::Number)
            }
            c if c.is_ascii_alphabetic() || c == '_' => {
                // `@` and `:` are in Trino's grammar; `$` and `-` are not.
                read_while(
                    sql,
                    at,
                    |c| c.is_ascii_alphanumeric() || matches!(c, '_' | '@'),
                    Kind::Word,
                )
            }
            c if "(),.;=<>!+-*/%|?[]:".contains(c) => (Kind::Symbol(c), at + 1),
            c => {
                let message = format!("mismatched input '{c}'");
                return Err(QueryError::syntax(message, Location::of(sql, at)));
            }
        };
        tokens.push(Token { kind, start: at, end });
        at = end;
    }
    tokens.push(Token { kind: Kind::End, start: sql.len(), end: sql.len() });
    Ok(tokens)
}

/// Past white space, `-- ...` and `/* ... */`.
fn skip_blanks(sql: &str, mut at: usize) -> usize {
    loop {
        let rest = &sql[at..];
        let trimmed = rest.trim_start();
        let skipped = if trimmed.starts_with("--") {
            trimmed.find('\n').map_or(trimmed.len(), |end| end + 1)
        } else if trimmed.starts_with("/*") {
            trimmed.find("*/").map_or(trimmed.len(), |end| end + 2)
        } else {
            return at + rest.len() - trimmed.len();
        };
        at += rest.len() - trimmed.len() + skipped;
    }
}

/// A quote inside is doubled.
fn read_quoted(sql: &str, start: usize, quote: char) -> Result<(String, usize), QueryError> {
    let mut text = String::new();
    let mut rest = sql[start + 1..].char_indices().peekable();
    while let Some((offset, c)) = rest.next() {
        if c != quote {
            text.push(c);
        } else if rest.next_if(|(_, next)| *next == quote).is_some() {
            text.push(quote);
        } else {
            return Ok((text, start + 1 + offset + 1));
        }
    }
    let message = format!("mismatched input '{quote}'");
    Err(QueryError::syntax(message, Location::of(sql, start)))
}

fn read_while(
    sql: &str,
    start: usize,
    belongs: impl Fn(char) -> bool,
    kind: fn(String) -> Kind,
) -> (Kind, usize) {
    let text = &sql[start..];
    let length = text.find(|c| !belongs(c)).unwrap_or(text.len());
    (kind(text[..length].to_owned()), start + length)
}

/// Whether a text is made of tokens; more is not known of a statement with parameters.
pub(crate) fn check_tokens(sql: &str) -> Result<(), QueryError> {
    tokenize(sql).map(|_| ())
}

/// As Trino writes an identifier: quoted only if it has to be.
pub(crate) fn identifier_text(name: &str) -> String {
    let is_plain = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if is_plain && !is_reserved(name) { name.to_owned() } else { quote(name) }
}

/// The query as the server writes it anew: comments gone, keywords in capitals, the main clauses on lines of their own.
pub(crate) fn reformat(sql: &str) -> Result<String, QueryError> {
    let mut text = String::new();
    let mut last_end = 0;
    for token in tokenize(sql)? {
        let source = &sql[token.start..token.end];
        if token.is_any_word(&["FROM", "WHERE", "GROUP", "ORDER"]) {
            text.push('\n');
        } else if token.start > last_end && !text.is_empty() && token.kind != Kind::End {
            text.push(' ');
        }
        match &token.kind {
            Kind::Word(word) if is_reserved(word) => text.push_str(&word.to_uppercase()),
            _ => text.push_str(source),
        }
        last_end = token.end;
    }
    Ok(text)
}

/// Puts the texts of the parameters in the places of `?`, as `EXECUTE ... USING` does.
///
/// # Errors
/// `SYNTAX_ERROR`, and `GENERIC_USER_ERROR` if their number is another.
pub(crate) fn substitute(sql: &str, parameters: &[String]) -> Result<String, QueryError> {
    let tokens = tokenize(sql)?;
    let places: Vec<_> = tokens.iter().filter(|token| token.is_symbol('?')).collect();
    if places.len() != parameters.len() {
        let (expected, found) = (places.len(), parameters.len());
        let message =
            format!("Incorrect number of parameters: expected {expected} but found {found}");
        return Err(QueryError::new("GENERIC_USER_ERROR").message(message));
    }
    let mut whole = String::new();
    let mut at = 0;
    for (place, parameter) in places.into_iter().zip(parameters) {
        whole.push_str(&sql[at..place.start]);
        whole.push_str(parameter);
        at = place.end;
    }
    whole.push_str(&sql[at..]);
    Ok(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_inside_are_doubled_and_names_are_folded() {
        let tokens = tokenize(
            r#""A ""b""" 'it''s' -- a comment
            x_1 /* another */ "ORDER""#,
        )
        .unwrap();
        let kinds: Vec<_> = tokens.iter().map(|token| token.kind.clone()).collect();
        let expected = [
            Kind::Quoted("A \"b\"".to_owned()),
            Kind::Text("it's".to_owned()),
            Kind::Word("x_1".to_owned()),
            Kind::Quoted("ORDER".to_owned()),
            Kind::End,
        ];
        assert_eq!(kinds, expected);
        assert_eq!(tokens[0].identifier().unwrap(), "a \"b\"");
        assert_eq!(tokens[3].identifier().unwrap(), "order");
        assert_eq!(tokenize("order").unwrap()[0].identifier(), None);
    }

    #[test]
    fn what_has_to_be_quoted_is_a_syntax_error_without() {
        for sql in ["mv$storage", "günstig", "'open", "\"open"] {
            assert_eq!(tokenize(sql).unwrap_err().name, "SYNTAX_ERROR", "{sql}");
        }
    }

    #[test]
    fn parameters_take_the_places_of_question_marks_outside_of_quotes() {
        let sql = substitute("SELECT '?', ?, ?", &["1".to_owned(), "'a'".to_owned()]).unwrap();
        assert_eq!(sql, "SELECT '?', 1, 'a'");
        assert_eq!(substitute("SELECT ?", &[]).unwrap_err().name, "GENERIC_USER_ERROR");
    }
}
