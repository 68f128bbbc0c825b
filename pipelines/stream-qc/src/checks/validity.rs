//! Validity: texts from a list, or of a form.

use arrow::array::StringArray;
use regex::Regex;

use crate::flag::Flag;

/// A value that a column may hold.
#[derive(Debug, Clone, PartialEq)]
pub enum Listed {
    /// This text.
    Text(String),
    /// This number, however it is written: `1`, `1.0`, `1.00`.
    Number(f64),
}

impl Listed {
    fn is(&self, text: &str) -> bool {
        match self {
            Self::Text(listed) => listed == text,
            Self::Number(listed) => text.trim().parse() == Ok(*listed),
        }
    }
}

/// What a column may hold.
///
/// ```toml
/// validity = { status = { values = ["ok", "service"] }, serial = { regex = "^[A-Z]{2}[0-9]+$" } }
/// ```
#[derive(Debug, Clone)]
pub struct Validity {
    /// The column.
    pub column: String,
    /// The only values, if they are listed.
    pub values: Option<Vec<Listed>>,
    /// What values look like, if that is given.
    pub regex: Option<Regex>,
}

impl Validity {
    /// FAIL for any other value, MISSING for none.
    pub fn flags(&self, texts: &StringArray) -> Vec<Flag> {
        texts
            .iter()
            .map(|text| match text {
                None => Flag::Missing,
                Some(text) if self.allows(text) => Flag::Good,
                Some(_) => Flag::Fail,
            })
            .collect()
    }

    fn allows(&self, text: &str) -> bool {
        let is_listed =
            self.values.as_ref().is_none_or(|values| values.iter().any(|it| it.is(text)));
        is_listed && self.regex.as_ref().is_none_or(|regex| regex.is_match(text))
    }
}

impl PartialEq for Validity {
    fn eq(&self, other: &Self) -> bool {
        let key = |it: &Self| {
            (
                it.column.clone(),
                it.values.clone(),
                it.regex.as_ref().map(|it| it.as_str().to_owned()),
            )
        };
        key(self) == key(other)
    }
}
