//! Whether two view texts say the same, however they are laid out.
//!
//! A server keeps the text of a view in its own layout: white space, letter case, quotes around names, parentheses,
//! words that mean nothing. All that does not count here. Two texts that differ may still mean the same; two that
//! agree are the same but for the grouping of an expression, which is why a change in the source is found by the
//! hash of its own text and never by this.

use super::tokens::{Kind, Token, tokens};
use crate::digest::digest;

/// What a formatter writes or leaves out.
const NOISE: [&str; 4] = ["as", "inner", "outer", "asc"];

/// The fingerprint of a text.
pub(crate) fn fingerprint(text: &str) -> String {
    let said: Vec<String> = tokens(text).iter().filter_map(said).collect();
    digest(&said)
}

fn said(token: &Token) -> Option<String> {
    match &token.kind {
        Kind::Word(word) => (!NOISE.contains(&word.as_str())).then(|| word.clone()),
        Kind::Quoted(_) => token.name(),
        Kind::Text(text) | Kind::Number(text) => Some(text.clone()),
        Kind::Symbol(symbol) => match symbol.as_str() {
            "(" | ")" | ";" => None,
            "!=" => Some("<>".to_owned()),
            _ => Some(symbol.clone()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layout_of_a_server_does_not_count() {
        let ours = "select a, \"b\" AS c from lake.raw.t t join u on t.x != u.x order by a;";
        let theirs = "SELECT\n  a\n, b c\nFROM\n  (lake.raw.t t\nINNER JOIN u ON (t.x <> u.x))\nORDER BY a ASC";
        assert_eq!(fingerprint(ours), fingerprint(theirs));
    }

    #[test]
    fn another_column_table_or_value_counts() {
        let texts = [
            "SELECT a FROM t",
            "SELECT b FROM t",
            "SELECT a FROM u",
            "SELECT 'a' FROM t",
            "SELECT 'A' FROM t",
        ];
        for (index, text) in texts.iter().enumerate() {
            for other in &texts[index + 1..] {
                assert_ne!(fingerprint(text), fingerprint(other), "{text} / {other}");
            }
        }
    }
}
