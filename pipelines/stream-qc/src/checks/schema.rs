//! Schema: the columns that data must have, must not have, and what they hold.

use arrow::datatypes::{DataType, Schema as ArrowSchema};
use stepwell_pipeline::suggest;

use super::Judgement;
use crate::flag::Flag;

/// What a column can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Any number, decimals included.
    Number,
    /// Whole numbers.
    Integer,
    /// Text of any length.
    Text,
    /// Instants and dates.
    Time,
    /// True or false.
    Boolean,
}

impl Kind {
    /// Its names in a configuration.
    pub const NAMES: [(&str, Self); 5] = [
        ("number", Self::Number),
        ("integer", Self::Integer),
        ("text", Self::Text),
        ("time", Self::Time),
        ("boolean", Self::Boolean),
    ];

    fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, kind)| *kind == self).map_or("", |(name, _)| name)
    }

    fn holds(self, data_type: &DataType) -> bool {
        match self {
            Self::Number => data_type.is_numeric(),
            Self::Integer => data_type.is_integer(),
            Self::Text => {
                matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
            }
            Self::Time => {
                matches!(data_type, DataType::Timestamp(..) | DataType::Date32 | DataType::Date64)
            }
            Self::Boolean => *data_type == DataType::Boolean,
        }
    }
}

/// The columns of the data.
///
/// ```toml
/// required = ["time", "value"]
/// forbidden = ["password"]
/// types = { value = "number" }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Schema {
    /// Columns that must be there.
    pub required: Vec<String>,
    /// Columns that must not be there.
    pub forbidden: Vec<String>,
    /// What columns hold, if they are there. A column without any value fits.
    pub types: Vec<(String, Kind)>,
}

impl Schema {
    /// FAIL with everything that is wrong.
    pub fn judge(&self, schema: &ArrowSchema) -> Judgement {
        let wrong: Vec<_> =
            self.missing(schema).chain(self.extra(schema)).chain(self.unfit(schema)).collect();
        if wrong.is_empty() {
            Judgement::new(Flag::Good, "the columns are as they should be")
        } else {
            Judgement::new(Flag::Fail, wrong.join("; "))
        }
    }

    fn missing<'a>(&'a self, schema: &'a ArrowSchema) -> impl Iterator<Item = String> + 'a {
        self.required.iter().filter(|name| schema.column_with_name(name).is_none()).map(|name| {
            let names = schema.fields().iter().map(|field| field.name().as_str());
            match suggest::closest(name, names) {
                Some(meant) => format!("the column `{name}` is missing; there is `{meant}`"),
                None => format!("the column `{name}` is missing"),
            }
        })
    }

    fn extra<'a>(&'a self, schema: &'a ArrowSchema) -> impl Iterator<Item = String> + 'a {
        let present = self.forbidden.iter().filter(|name| schema.column_with_name(name).is_some());
        present.map(|name| format!("the column `{name}` must not be there"))
    }

    fn unfit<'a>(&'a self, schema: &'a ArrowSchema) -> impl Iterator<Item = String> + 'a {
        self.types.iter().filter_map(|(name, kind)| {
            let found = schema.field_with_name(name).ok()?.data_type();
            let fits = kind.holds(found) || *found == DataType::Null;
            let wanted = kind.name();
            (!fits).then(|| format!("the column `{name}` holds {found}, and should hold {wanted}"))
        })
    }
}
