//! One field of plain numbers: lists, ranges, steps and names.

use std::collections::BTreeSet;

use super::items;
use crate::{ParseError, Word};

/// What a field holds.
pub(super) struct Field {
    name: &'static str,
    first: i16,
    last: i16,
    /// Names that stand for `first`, `first + 1`, ...
    names: &'static [&'static str],
}

pub(super) const MINUTE: Field = Field { name: "minute", first: 0, last: 59, names: &[] };
pub(super) const HOUR: Field = Field { name: "hour", first: 0, last: 23, names: &[] };
pub(super) const DAY_OF_MONTH: Field =
    Field { name: "day of the month", first: 1, last: 31, names: &[] };
pub(super) const MONTH: Field = Field {
    name: "month",
    first: 1,
    last: 12,
    names: &["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"],
};
pub(super) const DAY_OF_WEEK: Field = Field {
    name: "day of the week",
    first: 1,
    last: 7,
    names: &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"],
};
pub(super) const YEAR: Field = Field { name: "year", first: 1970, last: 2199, names: &[] };

impl Field {
    /// The values of a whole field.
    pub(super) fn parse(&self, word: Word<'_>) -> Result<BTreeSet<i16>, ParseError> {
        let mut values = BTreeSet::new();
        for item in items(word) {
            values.append(&mut self.item(item)?);
        }
        Ok(values)
    }

    /// `*`, `a`, `a-b`, each with an optional `/step`; `a/step` runs to the end of the field.
    fn item(&self, item: Word<'_>) -> Result<BTreeSet<i16>, ParseError> {
        let (range, step) = match split(item, '/') {
            (range, Some(step)) => (range, Some(parse_step(step)?)),
            (range, None) => (range, None),
        };
        let (first, last) = match split(range, '-') {
            _ if range.text == "*" => (self.first, self.last),
            (first, Some(last)) => (self.value(first)?, self.value(last)?),
            (first, None) if step.is_some() => (self.value(first)?, self.last),
            (only, None) => (self.value(only)?, self.value(only)?),
        };
        if last < first {
            let (from, to) = range.text.split_once('-').expect("only a range can be reversed");
            return Err(range
                .error(format!("the range `{}` ends before it begins", range.text))
                .help(format!(
                    "write `{from}-{},{}-{to}` if it should wrap around",
                    self.last, self.first
                )));
        }
        Ok((first..=last).step_by(step.unwrap_or(1)).collect())
    }

    /// One number or name.
    pub(super) fn value(&self, word: Word<'_>) -> Result<i16, ParseError> {
        if let Some(index) = self.names.iter().position(|name| name.eq_ignore_ascii_case(word.text))
        {
            return Ok(self.first + index as i16);
        }
        if word.text.is_empty() {
            return Err(word.error("a list item is empty"));
        }
        if !word.text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(word
                .error(format!("`{}` is not a {}", word.text, self.name))
                .help(self.values()));
        }
        match word.text.parse() {
            Ok(value) if self.first <= value && value <= self.last => Ok(value),
            _ => Err(word.error(format!(
                "the {} `{}` is not within {}-{}",
                self.name, word.text, self.first, self.last
            ))),
        }
    }

    fn values(&self) -> String {
        let names = match self.names {
            [first, .., last] => format!(", or {first} to {last}"),
            _ => String::new(),
        };
        format!("the {} is a number from {} to {}{names}", self.name, self.first, self.last)
    }
}

/// Splits at the first `separator`, keeping places.
pub(super) fn split(word: Word<'_>, separator: char) -> (Word<'_>, Option<Word<'_>>) {
    match word.text.split_once(separator) {
        Some((left, right)) => (
            Word { text: left, ..word },
            Some(Word { text: right, start: word.start + left.len() + separator.len_utf8() }),
        ),
        None => (word, None),
    }
}

fn parse_step(step: Word<'_>) -> Result<usize, ParseError> {
    step.text
        .parse()
        .ok()
        .filter(|step| *step > 0)
        .ok_or_else(|| step.error("a step is a whole number from 1"))
}
