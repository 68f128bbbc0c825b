//! Syntax: raw lines of the expected form.

use std::fmt;

use arrow::array::StringArray;

use super::Mode;
use crate::flag::Flag;

/// What is counted in a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unit {
    /// Fields between delimiters.
    Fields(String),
    /// Fields between delimiters of a line of pairs of hexadecimal digits, as `ioos_qc_3_0` counts them.
    FieldsOfBytes(String),
    /// Characters.
    Characters,
    /// Pairs of hexadecimal digits. An odd number of characters is FAIL. `ioos_qc_3_0` does not look which they are.
    Bytes,
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fields(delimiter) | Self::FieldsOfBytes(delimiter) => {
                write!(f, "fields between \"{delimiter}\"")
            }
            Self::Characters => f.write_str("characters"),
            Self::Bytes => f.write_str("bytes"),
        }
    }
}

/// How much of it a line has.
///
/// ```toml
/// syntax = { column = "line", fields = 3, delimiter = "," }
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Syntax {
    /// The column with the lines.
    pub column: String,
    /// What is counted.
    pub unit: Unit,
    /// How many there must be; a number that no count equals fits no line.
    pub count: f64,
}

impl Syntax {
    /// FAIL for any other count. A line that is not there is MISSING.
    pub fn flags(&self, mode: Mode, lines: &StringArray) -> Vec<Flag> {
        lines
            .iter()
            .map(|line| match line {
                None => Flag::Missing,
                Some(line) if self.fits(mode, line) => Flag::Good,
                Some(_) => Flag::Fail,
            })
            .collect()
    }

    fn fits(&self, mode: Mode, line: &str) -> bool {
        let characters = line.chars().count();
        let is = |count: usize| count as f64 == self.count;
        let is_even = characters.is_multiple_of(2);
        match &self.unit {
            Unit::Fields(delimiter) => is(line.split(delimiter.as_str()).count()),
            Unit::FieldsOfBytes(delimiter) => is_even && is(line.split(delimiter.as_str()).count()),
            Unit::Characters => is(characters),
            Unit::Bytes => {
                let is_hexadecimal =
                    mode == Mode::IoosQc3_0 || line.chars().all(|it| it.is_ascii_hexdigit());
                is_even && is(characters / 2) && is_hexadecimal
            }
        }
    }
}
