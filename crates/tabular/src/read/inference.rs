//! Guesses columns from the first rows of a file that declares none.

use std::io::BufRead;

use ::csv::ByteRecord;
use serde_json::Value;

use super::jsonl::Lines;
use super::{CsvOptions, INFERRED_ROWS, csv};
use crate::rows::{date, integer, timestamp};
use crate::{Column, ColumnType, Error, Location};

/// What all values of a column so far are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Guess {
    Nothing,
    Boolean,
    Bigint,
    Double,
    Date,
    Timestamp,
    String,
    Json,
}

impl Guess {
    fn of_text(text: &str) -> Self {
        match text {
            "" => Self::Nothing,
            "true" | "false" | "TRUE" | "FALSE" | "True" | "False" => Self::Boolean,
            _ if date(text).is_ok() && text.len() == 10 => Self::Date,
            _ if timestamp(text).is_ok() => Self::Timestamp,
            _ if is_a_name(text) => Self::String,
            _ if integer(text).is_ok() && !text.contains('.') => Self::Bigint,
            _ if text.parse::<f64>().is_ok() => Self::Double,
            _ => Self::String,
        }
    }

    fn of_json(value: &Value) -> Self {
        match value {
            Value::Null => Self::Nothing,
            Value::Bool(_) => Self::Boolean,
            Value::Number(number) if number.is_i64() => Self::Bigint,
            Value::Number(_) => Self::Double,
            Value::String(text) if date(text).is_ok() && text.len() == 10 => Self::Date,
            Value::String(text) if timestamp(text).is_ok() => Self::Timestamp,
            Value::String(_) => Self::String,
            Value::Array(_) | Value::Object(_) => Self::Json,
        }
    }

    fn and(self, other: Self) -> Self {
        match (self, other) {
            (one, other) if one == other => one,
            (Self::Nothing, some) | (some, Self::Nothing) => some,
            (Self::Bigint | Self::Double, Self::Bigint | Self::Double) => Self::Double,
            (Self::Date | Self::Timestamp, Self::Date | Self::Timestamp) => Self::Timestamp,
            (Self::Json, _) | (_, Self::Json) => Self::Json,
            _ => Self::String,
        }
    }

    fn kind(self) -> ColumnType {
        match self {
            Self::Nothing | Self::String => ColumnType::String,
            Self::Boolean => ColumnType::Boolean,
            Self::Bigint => ColumnType::Bigint,
            Self::Double => ColumnType::Double,
            Self::Date => ColumnType::Date,
            Self::Timestamp => ColumnType::Timestamp,
            Self::Json => ColumnType::Json,
        }
    }
}

/// Digits that name something: `007` is no number.
fn is_a_name(text: &str) -> bool {
    let digits = text.trim_start_matches(['-', '+']);
    digits.len() > 1 && digits.starts_with('0') && !digits.starts_with("0.")
}

pub(super) fn of_csv(
    bytes: impl BufRead,
    options: CsvOptions,
    at: &Location,
) -> Result<Vec<Column>, Error> {
    let mut reader = csv::reader(bytes, options, at)?;
    let mut record = ByteRecord::new();
    let mut is_there = csv::next(&mut reader, &mut record, at)?;
    if !is_there {
        return Err(Error::content(at, "it is empty, so it does not tell its columns"));
    }
    let names = if options.header {
        let names = csv::header(&record);
        is_there = csv::next(&mut reader, &mut record, at)?;
        names
    } else {
        (1..=record.len()).map(|index| format!("column_{index}")).collect()
    };
    let mut guesses = vec![Guess::Nothing; names.len()];
    let mut rows = 0;
    while is_there && rows < INFERRED_ROWS {
        for (guess, cell) in guesses.iter_mut().zip(&record) {
            *guess = guess.and(Guess::of_text(&String::from_utf8_lossy(cell)));
        }
        rows += 1;
        is_there = csv::next(&mut reader, &mut record, at)?;
    }
    Ok(names
        .into_iter()
        .zip(guesses)
        .map(|(name, guess)| Column::new(name, guess.kind()))
        .collect())
}

pub(super) fn of_jsonl(bytes: impl BufRead, at: &Location) -> Result<Vec<Column>, Error> {
    let mut lines = Lines::new(bytes, at);
    let mut found: Vec<(String, Guess)> = Vec::new();
    let mut rows = 0;
    while rows < INFERRED_ROWS
        && let Some(line) = lines.next()?
    {
        rows += 1;
        // What is no object will be rejected when it is read.
        let Ok(Value::Object(record)) = serde_json::from_slice(line.bytes) else { continue };
        for (name, value) in record {
            let guess = Guess::of_json(&value);
            match found.iter_mut().find(|(known, _)| *known == name) {
                Some((_, known)) => *known = known.and(guess),
                None => found.push((name, guess)),
            }
        }
    }
    if found.is_empty() {
        return Err(Error::content(at, "it has no record that tells the columns"));
    }
    Ok(found.into_iter().map(|(name, guess)| Column::new(name, guess.kind())).collect())
}
