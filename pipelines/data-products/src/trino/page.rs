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

    /// These columns of every row as texts; NULL is empty, and so is what the server does not tell. A server that names
    /// no columns is taken to tell them in order.
    pub(crate) fn texts<const N: usize>(&self, names: [&str; N]) -> Vec<[String; N]> {
        let place = |index: usize| {
            let is_it = |column: &String| column.eq_ignore_ascii_case(names[index]);
            let place = self.columns.iter().position(is_it);
            place.or(self.columns.is_empty().then_some(index))
        };
        let places: [Option<usize>; N] = std::array::from_fn(place);
        let read = |row: &Vec<Value>, index: usize| {
            places[index].and_then(|place| row.get(place)).map(text).unwrap_or_default()
        };
        self.rows.iter().map(|row| std::array::from_fn(|index| read(row, index))).collect()
    }

    /// The first column of every row, whatever its name.
    pub(crate) fn firsts(&self) -> impl Iterator<Item = String> {
        self.rows.iter().filter_map(|row| row.first()).map(text)
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        value => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rows(page: Value) -> Rows {
        let mut rows = Rows::default();
        rows.take(serde_json::from_value(page).unwrap());
        rows
    }

    #[test]
    fn columns_are_found_by_name_and_by_place_only_where_none_has_one() {
        let named = rows(json!({"columns": [{"name": "B"}, {"name": "a"}], "data": [[1, null]]}));
        assert_eq!(named.texts(["a", "b"]), [[String::new(), "1".to_owned()]]);
        assert_eq!(named.texts(["c", "b"]), [[String::new(), "1".to_owned()]]);
        let unnamed = rows(json!({"data": [["x", "y"]]}));
        assert_eq!(unnamed.texts(["a", "b"]), [["x".to_owned(), "y".to_owned()]]);
        assert_eq!(unnamed.firsts().collect::<Vec<_>>(), ["x"]);
    }
}
