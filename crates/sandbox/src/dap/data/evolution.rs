//! Changes of a table's schema that the service makes while clients replicate.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::column::{Column, Kind, TableSchema, UNSPECIFIED};
use super::dictionary::read_kind;
use super::recipe::Recipe;
use crate::draw::{Draw, salt_of};

/// One change; it raises the table's version by one.
///
/// In JSON `{"kind": "add_column", "column": "nickname", "type": "s255"}`. Types are written as in the data dictionary, for
/// instance `int64`, `s255`, `dt`, `bool`, `enum(a|b)`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Evolution {
    /// Adds a nullable column. Rows hold null in it until they change.
    AddColumn {
        /// Its name.
        column: String,
        /// Its type.
        r#type: String,
    },
    /// Adds a nullable column in which all rows have their value at once, though none of them counts as changed.
    AddFilledColumn {
        /// Its name.
        column: String,
        /// Its type.
        r#type: String,
    },
    /// Adds a required column. Rows hold the default in it until they change.
    AddRequiredColumn {
        /// Its name.
        column: String,
        /// Its type.
        r#type: String,
        /// A value of this type.
        default: Value,
    },
    /// Lets a bounded text grow; rows that change from now on use the new room.
    WidenText {
        /// A column with a `maxLength`.
        column: String,
        /// The new bound in characters.
        max_length: usize,
    },
    /// Adds a value to an enumeration; rows that change from now on may hold it.
    AddEnumValue {
        /// A column with an enumeration, open or closed.
        column: String,
        /// The new value.
        value: String,
    },
    /// Changes the type of a column; all rows have a value of the new type at once, though none counts as changed.
    ChangeType {
        /// Its name.
        column: String,
        /// Its new type.
        r#type: String,
    },
    /// Removes a column.
    DropColumn {
        /// Its name.
        column: String,
    },
}

/// Why a schema cannot change so.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum EvolutionError {
    /// The change names a column that is not there.
    #[error("no column `{0}`")]
    NoSuchColumn(String),
    /// The change would add a column that is there already.
    #[error("column `{0}` exists already")]
    ColumnExists(String),
    /// No type is written so.
    #[error("no type `{0}`")]
    UnknownType(String),
    /// The column's type does not allow the change.
    #[error("column `{column}` is not {expected}")]
    WrongType {
        /// The column.
        column: String,
        /// What it would have to be.
        expected: &'static str,
    },
}

impl Evolution {
    /// A change that this schema allows.
    pub(crate) fn somehow(schema: &TableSchema, draw: &mut Draw) -> Self {
        let column = format!("added_{}", schema.version);
        let chosen = |draw: &mut Draw, fits: fn(&Column) -> bool| {
            let names: Vec<&str> = schema
                .columns
                .iter()
                .filter(|column| fits(column))
                .map(|column| column.name.as_str())
                .collect();
            (!names.is_empty()).then(|| draw.pick(&names).to_owned())
        };
        let change = match draw.below(5) {
            0 => None,
            1 => {
                let (notation, default) = draw.pick(&REQUIRED_TYPES);
                let default = serde_json::from_str(default).expect("the defaults are JSON");
                let (column, r#type) = (column.clone(), notation.to_owned());
                Some(Self::AddRequiredColumn { column, r#type, default })
            }
            2 => chosen(draw, is_bounded_text).map(|column| Self::WidenText {
                column,
                max_length: 1_000 + schema.version as usize,
            }),
            3 => chosen(draw, is_closed_enum).map(|column| Self::AddEnumValue {
                column,
                value: format!("value_{}", schema.version),
            }),
            _ => chosen(draw, is_dispensable).map(|column| Self::DropColumn { column }),
        };
        change.unwrap_or_else(|| Self::AddColumn {
            column,
            r#type: draw.pick(&NULLABLE_TYPES).to_owned(),
        })
    }

    /// The schema after this change, one version higher.
    pub(crate) fn apply(&self, before: &TableSchema) -> Result<TableSchema, EvolutionError> {
        let mut after = before.clone();
        after.version += 1;
        match self {
            Self::AddColumn { column, r#type } => {
                after.columns.push(new_column(before, column, r#type, None)?);
            }
            Self::AddFilledColumn { column, r#type } => {
                let column = new_column(before, column, r#type, None)?;
                after.columns.push(Column { filled: true, ..column });
            }
            Self::AddRequiredColumn { column, r#type, default } => {
                after.columns.push(new_column(before, column, r#type, Some(default.clone()))?);
            }
            Self::WidenText { column, max_length } => {
                widen(find(&mut after, column)?, *max_length)?;
            }
            Self::AddEnumValue { column, value } => add_value(find(&mut after, column)?, value)?,
            Self::ChangeType { column, r#type } => {
                let kind = read_kind(r#type)
                    .ok_or_else(|| EvolutionError::UnknownType(r#type.to_owned()))?;
                let column = find(&mut after, column)?;
                (column.kind, column.recipe, column.filled) = (kind, Recipe::Plain, true);
            }
            Self::DropColumn { column } => {
                find(&mut after, column)?;
                after.columns.retain(|candidate| candidate.name != *column);
            }
        }
        Ok(after)
    }
}

const NULLABLE_TYPES: [&str; 8] =
    ["s255", "text", "int64", "float64", "bool", "dt", "json", "enum(first|second)"];

/// With a default in JSON.
const REQUIRED_TYPES: [(&str, &str); 3] = [("bool", "false"), ("int32", "0"), ("s64", "\"none\"")];

fn is_bounded_text(column: &Column) -> bool {
    matches!(column.kind, Kind::Text { max_length: Some(_) })
}

/// One that has the sentinel; the bare ones are complete.
fn is_closed_enum(column: &Column) -> bool {
    matches!(&column.kind, Kind::Enum(values) if values[0] == UNSPECIFIED)
}

fn is_dispensable(column: &Column) -> bool {
    !column.required
}

fn new_column(
    schema: &TableSchema,
    name: &str,
    notation: &str,
    default: Option<Value>,
) -> Result<Column, EvolutionError> {
    if schema.key.name == name || schema.column(name).is_some() {
        return Err(EvolutionError::ColumnExists(name.to_owned()));
    }
    Ok(Column {
        name: name.to_owned(),
        kind: read_kind(notation)
            .ok_or_else(|| EvolutionError::UnknownType(notation.to_owned()))?,
        required: default.is_some(),
        default,
        description: Some("Added later.".to_owned()),
        recipe: Recipe::Plain,
        filled: false,
        salt: salt_of(name),
    })
}

fn find<'a>(schema: &'a mut TableSchema, name: &str) -> Result<&'a mut Column, EvolutionError> {
    schema
        .columns
        .iter_mut()
        .find(|column| column.name == name)
        .ok_or_else(|| EvolutionError::NoSuchColumn(name.to_owned()))
}

fn widen(column: &mut Column, new_length: usize) -> Result<(), EvolutionError> {
    match &mut column.kind {
        Kind::Text { max_length: Some(max) } | Kind::Oversizable { max_length: Some(max) } => {
            *max = new_length;
        }
        _ => {
            return Err(EvolutionError::WrongType {
                column: column.name.clone(),
                expected: "a bounded text",
            });
        }
    }
    column.recipe = Recipe::Filled;
    Ok(())
}

fn add_value(column: &mut Column, value: &str) -> Result<(), EvolutionError> {
    match &mut column.kind {
        Kind::Enum(values) | Kind::OpenEnum(values) => values.push(value.to_owned()),
        _ => {
            return Err(EvolutionError::WrongType {
                column: column.name.clone(),
                expected: "an enumeration",
            });
        }
    }
    Ok(())
}
