//! The matching rules of the conformance corpus: recorded values with placeholders against actual ones.

use std::collections::BTreeMap;

use serde_json::Value;

/// What a placeholder stands for.
#[derive(Clone, Copy, PartialEq)]
enum Mode {
    /// Some text, the same everywhere in the case.
    Bind,
    /// Some text.
    Any,
    /// Any value, where the recorded value is just this word.
    Value,
}

/// Matches the parts of one case, in order; remembers what placeholders stand for.
#[derive(Clone)]
pub(crate) struct Matcher {
    /// Longest name first.
    modes: Vec<(String, Mode)>,
    bindings: BTreeMap<String, String>,
}

/// A piece of a recorded text.
enum Piece<'a> {
    Literal(&'a str),
    Wildcard(&'a str, Mode),
}

impl Matcher {
    pub(crate) fn new(wildcards: &Value) -> Self {
        let modes = wildcards.as_object().into_iter().flatten().map(|(name, mode)| {
            let mode = match mode.as_str() {
                Some("bind") => Mode::Bind,
                Some("any") => Mode::Any,
                _ => Mode::Value,
            };
            (name.clone(), mode)
        });
        let mut modes: Vec<_> = modes.collect();
        modes.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
        Self { modes, bindings: BTreeMap::new() }
    }

    /// Whether it matches. If not, what was bound on the way is forgotten.
    pub(crate) fn matches(&mut self, recorded: &Value, actual: &Value) -> bool {
        let before = self.bindings.clone();
        let is_match = self.value(recorded, actual);
        if !is_match {
            self.bindings = before;
        }
        is_match
    }

    fn value(&mut self, recorded: &Value, actual: &Value) -> bool {
        match (recorded, actual) {
            (Value::String(word), actual) if self.mode(word).is_some() => self.whole(word, actual),
            (Value::String(recorded), Value::String(actual)) => self.text(recorded, actual),
            (Value::String(recorded), actual) => {
                serde_json::from_str(recorded).is_ok_and(|recorded| self.value(&recorded, actual))
            }
            (Value::Object(_) | Value::Array(_), Value::String(text)) => serde_json::from_str(text)
                .is_ok_and(|actual: Value| !actual.is_string() && self.value(recorded, &actual)),
            (Value::Object(recorded), Value::Object(actual)) => {
                recorded.len() == actual.len()
                    && recorded.iter().all(|(key, value)| {
                        actual.get(key).is_some_and(|actual| self.value(value, actual))
                    })
            }
            (Value::Array(recorded), Value::Array(actual)) => {
                recorded.len() == actual.len()
                    && recorded.iter().zip(actual).all(|(a, b)| self.value(a, b))
            }
            (Value::Number(recorded), Value::Number(actual)) => {
                recorded == actual || recorded.as_f64() == actual.as_f64()
            }
            (recorded, actual) => recorded == actual,
        }
    }

    fn mode(&self, word: &str) -> Option<Mode> {
        self.modes.iter().find(|(name, _)| name == word).map(|(_, mode)| *mode)
    }

    /// A recorded value that is nothing but one placeholder.
    fn whole(&mut self, word: &str, actual: &Value) -> bool {
        let text = actual.as_str().map_or_else(|| actual.to_string(), str::to_owned);
        match self.mode(word) {
            Some(Mode::Value) => true,
            Some(Mode::Any) => !text.is_empty(),
            _ => text == word || self.bind(word, &text),
        }
    }

    fn bind(&mut self, word: &str, text: &str) -> bool {
        let bound = self.bindings.entry(word.to_owned()).or_insert_with(|| text.to_owned());
        bound == text && !text.is_empty()
    }

    fn text(&mut self, recorded: &str, actual: &str) -> bool {
        let pieces = self.cut(recorded);
        recorded == actual || self.pieces(&pieces, actual)
    }

    /// Cuts a recorded text at its placeholders.
    fn cut<'a>(&self, recorded: &'a str) -> Vec<Piece<'a>> {
        let mut pieces = Vec::new();
        let (mut literal, mut at) = (0, 0);
        while at < recorded.len() {
            match self.placeholder_at(recorded, at) {
                Some((length, mode)) => {
                    pieces.push(Piece::Literal(&recorded[literal..at]));
                    pieces.push(Piece::Wildcard(&recorded[at..at + length], mode));
                    at += length;
                    literal = at;
                }
                None => at += recorded[at..].chars().next().map_or(1, char::len_utf8),
            }
        }
        pieces.push(Piece::Literal(&recorded[literal..]));
        pieces
    }

    fn placeholder_at(&self, recorded: &str, at: usize) -> Option<(usize, Mode)> {
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        self.modes.iter().filter(|(_, mode)| *mode != Mode::Value).find_map(|(name, mode)| {
            let rest = recorded[at..].strip_prefix(name.as_str())?;
            let is_apart = name.starts_with('<')
                || !(recorded[..at].ends_with(is_word) || rest.starts_with(is_word));
            is_apart.then_some((name.len(), *mode))
        })
    }

    /// Tries every way to fit the pieces, the shortest first.
    fn pieces(&mut self, pieces: &[Piece<'_>], actual: &str) -> bool {
        match pieces {
            [] => actual.is_empty(),
            [Piece::Literal(literal), rest @ ..] => {
                actual.strip_prefix(literal).is_some_and(|actual| self.pieces(rest, actual))
            }
            [Piece::Wildcard(word, mode), rest @ ..] => {
                let ends = actual.char_indices().map(|(i, c)| i + c.len_utf8());
                ends.into_iter().any(|end| {
                    let (text, others) = actual.split_at(end);
                    let before = self.bindings.clone();
                    let fits = *mode == Mode::Any || text == *word || self.bind(word, text);
                    let is_match = fits && self.pieces(rest, others);
                    if !is_match {
                        self.bindings = before;
                    }
                    is_match
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(recorded: &Value, actual: &Value, expected: bool) {
        let wildcards =
            json!({ "<id>": "bind", "<any>": "any", "word": "bind", "timestamp": "value" });
        let mut matcher = Matcher::new(&wildcards);
        assert_eq!(matcher.matches(recorded, actual), expected, "{recorded} {actual}");
    }

    #[test]
    fn a_bound_placeholder_stands_for_the_same_text_everywhere() {
        check(&json!(["<id>", "a-<id>-b"]), &json!(["x", "a-x-b"]), true);
        check(&json!(["<id>", "a-<id>-b"]), &json!(["x", "a-y-b"]), false);
        check(&json!(["<any>", "<any>"]), &json!(["x", "y"]), true);
        check(&json!("<id>-<id>"), &json!("a-a-a-a"), true);
    }

    #[test]
    fn a_plain_word_counts_only_where_it_stands_alone() {
        check(&json!("a word."), &json!("a thing."), true);
        check(&json!("a words."), &json!("a things."), false);
    }

    #[test]
    fn a_value_word_fits_any_value_but_not_within_a_text() {
        check(&json!("timestamp"), &json!({"a": 1}), true);
        check(&json!("at timestamp"), &json!("at noon"), false);
    }

    #[test]
    fn decoded_recordings_match_json_texts() {
        check(&json!({"a": [1]}), &json!("{\"a\": [1.0]}"), true);
        check(&json!("{\"a\":1}"), &json!({"a": 1}), true);
        check(&json!([1]), &json!([1, 2]), false);
        check(&json!({"a": 1}), &json!({"a": 1, "b": 2}), false);
        check(&json!(null), &json!(false), false);
    }
}
