//! Pages of a statement's result, and the rows in them.

use serde::Deserialize;
use serde_json::Value;

use super::StatementError;

/// One page, as far as it is read.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Page {
    #[serde(default)]
    pub(super) next_uri: Option<String>,
    #[serde(default)]
    columns: Option<Vec<Column>>,
    #[serde(default)]
    data: Option<Vec<Vec<Value>>>,
    #[serde(default)]
    pub(super) error: Option<StatementError>,
}

#[derive(Debug, Deserialize)]
struct Column {
    name: String,
}

impl Page {
    pub(super) fn has_rows(&self) -> bool {
        self.data.as_ref().is_some_and(|rows| !rows.is_empty())
    }
}

/// All rows of a statement.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    columns: Vec<String>,
    rows: Vec<Vec<Value>>,
}

impl Rows {
    pub(super) fn take(&mut self, page: Page) {
        if let Some(columns) = page.columns {
            self.columns = columns.into_iter().map(|column| column.name).collect();
        }
        self.rows.extend(page.data.unwrap_or_default());
    }

    /// These columns of every row as texts; NULL is empty.
    pub(crate) fn texts<const N: usize>(&self, names: [&str; N]) -> Vec<[String; N]> {
        let place = |index: usize| {
            let is_it = |column: &String| column.eq_ignore_ascii_case(names[index]);
            self.columns.iter().position(is_it).unwrap_or(index)
        };
        let read = |values: &Vec<Value>, index| match values.get(place(index)) {
            Some(Value::String(text)) => text.clone(),
            None | Some(Value::Null) => String::new(),
            Some(value) => value.to_string(),
        };
        self.rows.iter().map(|row| std::array::from_fn(|index| read(row, index))).collect()
    }
}
