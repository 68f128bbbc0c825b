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
    /// Characters.
    Characters,
    /// Pairs of hexadecimal digits. An odd number of characters is FAIL. `ioos_qc_3_0` does not look which they are.
    Bytes,
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fields(delimiter) => write!(f, "fields between \"{delimiter}\""),
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Syntax {
    /// The column with the lines.
    pub column: String,
    /// What is counted.
    pub unit: Unit,
    /// How many there must be.
    pub count: usize,
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
        match &self.unit {
            Unit::Fields(delimiter) => line.split(delimiter.as_str()).count() == self.count,
            Unit::Characters => line.chars().count() == self.count,
            Unit::Bytes => {
                let is_hexadecimal =
                    mode == Mode::IoosQc3_0 || line.chars().all(|it| it.is_ascii_hexdigit());
                line.chars().count() == 2 * self.count && is_hexadecimal
            }
        }
    }
}
