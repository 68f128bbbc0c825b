//! Rows from anything, cell by cell, by declared columns.
//!
//! Responsible for: exact values, nested records by path, what is unknown, what does not fit. Left to others: where
//! records come from, what becomes of rejected ones.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt::Display;

use arrow::array::{ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions};
use arrow::compute::filter_record_batch;
use arrow::datatypes::SchemaRef;
use serde::{Deserialize, Serialize};

use crate::{Batch, Column, ColumnType, arrow_schema};

mod builder;
mod json;
mod number;
mod temporal;

use builder::Builder;
pub use json::canonical;
pub(crate) use number::integer;
pub(crate) use temporal::{date, timestamp};

/// One column of cells; null for those that do not fit.
pub(crate) fn column<'a>(kind: &ColumnType, cells: impl Iterator<Item = Cell<'a>>) -> ArrayRef {
    let mut builder = Builder::new(kind);
    for cell in cells {
        // A null is in its place.
        let _ = builder.append(cell);
    }
    builder.finish()
}

/// The column that catches fields that are not declared, as one JSON object.
pub const UNKNOWN: &str = "_unknown";

/// A value on its way into a column. The column's type decides what is made of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell<'a> {
    /// Nothing.
    Null,
    /// True or false.
    Bool(bool),
    /// The text of a number: `12.50`, `1e3`.
    Number(&'a str),
    /// A text; numbers, times, days, booleans and base64 are read from it where the column holds such.
    Text(&'a str),
    /// Bytes.
    Bytes(&'a [u8]),
    /// The text of a JSON value.
    Json(&'a str),
}

impl Cell<'_> {
    fn what(&self) -> String {
        match self {
            Self::Null => "null".to_owned(),
            Self::Bool(value) => format!("`{value}`"),
            Self::Number(text) | Self::Text(text) => format!("`{text}`"),
            Self::Bytes(_) => "a binary value".to_owned(),
            Self::Json(_) => "an array or object".to_owned(),
        }
    }
}

/// What is done with fields that are not declared. They are counted by name in every case but the last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unknown {
    /// Told by name.
    #[default]
    Report,
    /// Told by name, and kept in the column [`UNKNOWN`], which must be among the columns.
    Catch,
    /// Passed over.
    Ignore,
}

/// A record that fits no row: kept with its reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejected {
    /// Where it stood: `orders.csv line 17`.
    pub place: String,
    /// Why, with the column's name.
    pub reason: String,
    /// As it came.
    pub record: String,
}

/// Rows in the making.
///
/// ```
/// use stepwell_tabular::Column;
/// use stepwell_tabular::rows::{Rows, Unknown};
///
/// let columns: Vec<Column> = ["id string not null", "city string from address.city"].map(|it| it.parse().unwrap()).into();
/// let mut rows = Rows::new(&columns, Unknown::Report);
/// rows.json(r#"{"id":"a","address":{"city":"Bern"},"age":7}"#, &"line 1");
/// rows.json(r#"{"address":{}}"#, &"line 2");
/// let batch = rows.finish();
/// assert_eq!(batch.rows.num_rows(), 1);
/// assert_eq!(batch.rejected[0].reason, "`id` is empty");
/// assert!(batch.unknown.contains("age"));
/// ```
pub struct Rows {
    schema: SchemaRef,
    columns: Vec<Column>,
    places: Places,
    unknown: Unknown,
    builders: Vec<Builder>,
    /// Which columns of the current row are set.
    is_set: Vec<bool>,
    /// What is wrong with the current row.
    reason: Option<String>,
    /// The fields of the current row that are not declared, for [`UNKNOWN`].
    caught: BTreeMap<String, String>,
    kept: Vec<bool>,
    rejected: Vec<Rejected>,
    seen_unknown: BTreeSet<String>,
}

/// Where the columns' values stand in a record.
#[derive(Clone)]
struct Places {
    by_path: HashMap<String, usize>,
    /// The beginnings of paths: objects that are walked into.
    inner: HashSet<String>,
    separator: String,
    /// Whether every object is walked into.
    walks_all: bool,
}

impl Rows {
    /// Rows of these columns. Paths are separated by points.
    pub fn new(columns: &[Column], unknown: Unknown) -> Self {
        Self::with_places(columns, unknown, Places::new(columns, ".", false))
    }

    /// Rows of records that are flattened: a column `address_city` holds what stands in `city` of `address` with the
    /// separator `_`, and unknown fields are told by such names.
    pub fn flattening(columns: &[Column], unknown: Unknown, separator: &str) -> Self {
        Self::with_places(columns, unknown, Places::new(columns, separator, true))
    }

    fn with_places(columns: &[Column], unknown: Unknown, places: Places) -> Self {
        Self {
            schema: arrow_schema(columns),
            columns: columns.to_vec(),
            places,
            unknown,
            builders: columns.iter().map(|column| Builder::new(&column.kind)).collect(),
            is_set: vec![false; columns.len()],
            reason: None,
            caught: BTreeMap::new(),
            kept: Vec::new(),
            rejected: Vec::new(),
            seen_unknown: BTreeSet::new(),
        }
    }

    /// How many rows there are, rejected ones included.
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// True before the first row.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// The index of a column.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }

    /// Appends a record: the text of one JSON object.
    pub fn json(&mut self, object: &str, place: &dyn Display) {
        self.fields(object);
        self.end_row(place, || object.to_owned());
    }

    /// Sets the columns that a JSON object has, and leaves the row open.
    pub fn fields(&mut self, object: &str) {
        self.walk(object, &mut String::new());
    }

    fn walk(&mut self, object: &str, prefix: &mut String) {
        let outer = prefix.len();
        let read = json::members(object, |name, value| {
            prefix.truncate(outer);
            if outer > 0 {
                prefix.push_str(&self.places.separator);
            }
            prefix.push_str(name);
            self.field(prefix, value);
        });
        if let Err(error) = read {
            self.reject(format!("the record is no JSON object: {error}"));
        }
    }

    /// A field of the record, by its path.
    fn field(&mut self, path: &mut String, raw: &str) {
        if let Some(&column) = self.places.by_path.get(path.as_str()) {
            let appended = self.begin(column).map(|builder| builder.append_raw(raw));
            return self.judge(column, appended);
        }
        match raw.as_bytes() {
            [b'{', ..] if self.places.walks_into(path) => return self.walk(raw, path),
            // An object that is not there has no fields.
            b"null" if self.places.inner.contains(path.as_str()) => return,
            _ => {}
        }
        self.not_declared(path, raw);
    }

    /// A field that no column takes: `raw` is the text of a JSON value.
    pub fn not_declared(&mut self, path: &str, raw: &str) {
        if self.unknown == Unknown::Ignore {
            return;
        }
        if !self.seen_unknown.contains(path) {
            self.seen_unknown.insert(path.to_owned());
        }
        if self.unknown == Unknown::Catch {
            self.caught.insert(path.to_owned(), raw.to_owned());
        }
    }

    /// Sets a column of the current row.
    pub fn set(&mut self, column: usize, cell: Cell<'_>) {
        let appended = self.begin(column).map(|builder| builder.append(cell));
        self.judge(column, appended);
    }

    /// The builder of a column that is not set yet.
    fn begin(&mut self, column: usize) -> Option<&mut Builder> {
        let is_set = std::mem::replace(&mut self.is_set[column], true);
        (!is_set).then(|| &mut self.builders[column])
    }

    fn judge(&mut self, column: usize, appended: Option<Result<(), String>>) {
        let reason = match appended {
            Some(Ok(())) => return,
            Some(Err(reason)) => reason,
            None => "it occurs twice".to_owned(),
        };
        self.reject(format!("`{}`: {reason}", self.columns[column].name));
    }

    /// Rejects the current row. The first reason counts.
    pub fn reject(&mut self, reason: String) {
        self.reason.get_or_insert(reason);
    }

    /// Ends the current row; columns that are not set are null. With a reason against it, it is rejected.
    pub fn end_row(&mut self, place: &dyn Display, record: impl FnOnce() -> String) {
        self.catch_unknown();
        self.end(true, place, record);
    }

    /// Ends the current row, which tells of a deletion: columns that must not be null may be.
    pub fn end_tombstone(&mut self, place: &dyn Display, record: impl FnOnce() -> String) {
        self.catch_unknown();
        self.end(false, place, record);
    }

    fn end(&mut self, is_whole: bool, place: &dyn Display, record: impl FnOnce() -> String) {
        for (index, column) in self.columns.iter().enumerate() {
            if !std::mem::take(&mut self.is_set[index]) {
                self.builders[index].append_null();
                if is_whole && column.required && self.reason.is_none() {
                    self.reason = Some(format!("`{}` is empty", column.name));
                }
            }
        }
        let reason = self.reason.take();
        self.kept.push(reason.is_none());
        if let Some(reason) = reason {
            self.rejected.push(Rejected { place: place.to_string(), reason, record: record() });
        }
    }

    fn catch_unknown(&mut self) {
        if self.caught.is_empty() {
            return;
        }
        let members: Vec<_> = std::mem::take(&mut self.caught)
            .iter()
            .map(|(name, raw)| format!("{}:{raw}", serde_json::Value::from(name.as_str())))
            .collect();
        if let Some(column) = self.column(UNKNOWN) {
            self.set(column, Cell::Json(&format!("{{{}}}", members.join(","))));
        }
    }

    /// The rows so far, rejected ones taken out; begins anew.
    pub fn finish(&mut self) -> Batch {
        let kept = std::mem::take(&mut self.kept);
        let arrays = self.builders.iter_mut().map(Builder::finish).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(kept.len()));
        let all = RecordBatch::try_new_with_options(self.schema.clone(), arrays, &options)
            .expect("every builder got every row");
        let rows = if self.rejected.is_empty() {
            all
        } else {
            filter_record_batch(&all, &BooleanArray::from(kept)).expect("one flag for each row")
        };
        Batch {
            rows,
            rejected: std::mem::take(&mut self.rejected),
            unknown: std::mem::take(&mut self.seen_unknown),
            end_row: 0,
        }
    }
}

impl Places {
    fn new(columns: &[Column], separator: &str, walks_all: bool) -> Self {
        let by_path: HashMap<_, _> = columns
            .iter()
            .enumerate()
            .filter(|(_, column)| column.name != UNKNOWN || column.kind != ColumnType::Json)
            .map(|(index, column)| (column.place().to_owned(), index))
            .collect();
        let beginnings = |path: &String| -> Vec<String> {
            path.match_indices(separator).map(|(at, _)| path[..at].to_owned()).collect()
        };
        let inner = by_path.keys().flat_map(beginnings).collect();
        Self { by_path, inner, separator: separator.to_owned(), walks_all }
    }

    fn walks_into(&self, path: &str) -> bool {
        self.walks_all || self.inner.contains(path)
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{Array, AsArray};
    use arrow::datatypes::{Decimal128Type, Int32Type, TimestampMicrosecondType};

    use super::*;

    fn columns(texts: &[&str]) -> Vec<Column> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn of(texts: &[&str], unknown: Unknown, records: &[&str]) -> Batch {
        let mut rows = Rows::new(&columns(texts), unknown);
        for (index, record) in records.iter().enumerate() {
            rows.json(record, &format!("line {}", index + 1));
        }
        rows.finish()
    }

    #[test]
    fn numbers_never_pass_through_a_float() {
        let record =
            r#"{"a":79228162514264337593543950.335,"b":"0.10","c":"2026-03-01T01:00:00+01:00"}"#;
        let batch =
            of(&["a decimal(38,3)", "b decimal(5,2)", "c timestamp"], Unknown::Report, &[record]);
        assert_eq!(batch.rejected, []);
        let value =
            |index: usize| batch.rows.column(index).as_primitive::<Decimal128Type>().value(0);
        assert_eq!((value(0), value(1)), (79_228_162_514_264_337_593_543_950_335, 10));
        let time = batch.rows.column(2).as_primitive::<TimestampMicrosecondType>().value(0);
        assert_eq!(time, 1_772_323_200_000_000);
    }

    #[test]
    fn a_row_that_does_not_fit_is_rejected_with_its_reason_and_the_others_stay() {
        let records = [
            r#"{"id":1,"a":"1.5"}"#,
            r#"{"id":2,"a":"1.555"}"#,
            r#"{"id":3,"a":true}"#,
            r#"{"a":1}"#,
            r#"{"id":5"#,
            r#"{"id":6,"id":7}"#,
            r"[1]",
            r#"{"id":8,"a":null}"#,
        ];
        let batch = of(&["id int not null", "a decimal(5,2)"], Unknown::Report, &records);
        let ids = batch.rows.column(0).as_primitive::<Int32Type>();
        assert_eq!(ids.values(), &[1, 8]);
        assert!(batch.rows.column(1).is_null(1));
        let told: Vec<_> =
            batch.rejected.iter().map(|it| format!("{}: {}", it.place, it.reason)).collect();
        assert_eq!(told.len(), 6);
        assert_eq!(told[0], "line 2: `a`: `1.555` has more than 2 digits behind the point");
        assert_eq!(told[1], "line 3: `a`: `true` is no number");
        assert_eq!(told[2], "line 4: `id` is empty");
        assert!(told[3].starts_with("line 5: the record is no JSON object: EOF"), "{}", told[3]);
        assert_eq!(told[4], "line 6: `id`: it occurs twice");
        assert_eq!(batch.rejected[4].record, records[5]);
    }

    #[test]
    fn nested_values_are_found_by_path_and_what_is_not_declared_is_told() {
        let record =
            r#"{"id":1,"address":{"city":"Bern","zip":"3000"},"more":{"a":1.50},"tags":["x"]}"#;
        let declared =
            ["id int", "city string from address.city", "tags array<string>", "_unknown json"];
        let batch = of(&declared, Unknown::Catch, &[record, r#"{"id":2}"#]);
        assert_eq!(batch.rows.column(1).as_string::<i32>().value(0), "Bern");
        let caught = batch.rows.column(3).as_string::<i32>();
        assert_eq!(caught.value(0), r#"{"address.zip":"3000","more":{"a":1.50}}"#);
        assert!(caught.is_null(1));
        assert_eq!(batch.unknown.into_iter().collect::<Vec<_>>(), ["address.zip", "more"]);
    }

    #[test]
    fn a_flattened_record_has_names_joined_by_the_separator() {
        let columns =
            columns(&["address_city string", "address_geo_lat decimal(9,6)", "lines json"]);
        let mut rows = Rows::flattening(&columns, Unknown::Report, "_");
        rows.json(r#"{"address":{"city":"Bern","geo":{"lat":46.948000,"lon":7}},"lines":[ {"b":1,"a":2} ]}"#, &1);
        let batch = rows.finish();
        assert_eq!(batch.rejected, []);
        assert_eq!(batch.rows.column(2).as_string::<i32>().value(0), r#"[{"a":2,"b":1}]"#);
        assert_eq!(batch.unknown.into_iter().collect::<Vec<_>>(), ["address_geo_lon"]);
    }

    #[test]
    fn arrays_and_structs_stay_in_step_after_an_item_that_does_not_fit() {
        let declared = ["a array<struct<x:int,y:array<int>>>"];
        let records = [
            r#"{"a":[{"x":1,"y":[1,2]}]}"#,
            r#"{"a":[{"x":"no","y":["no",3]},{"x":4}]}"#,
            r#"{"a":[]}"#,
            "{}",
        ];
        let batch = of(&declared, Unknown::Report, &records);
        assert_eq!(batch.rejected.len(), 1);
        assert_eq!(batch.rejected[0].reason, "`a`: `x`: `no` is no whole number of 64 bits");
        let lists = batch.rows.column(0).as_list::<i32>();
        assert_eq!((lists.len(), lists.value_length(0), lists.value_length(1)), (3, 1, 0));
        assert!(lists.is_null(2));
    }

    #[test]
    fn a_tombstone_may_lack_what_a_row_needs() {
        let mut rows = Rows::new(&columns(&["id int not null", "a int not null"]), Unknown::Report);
        rows.set(0, Cell::Number("1"));
        rows.end_tombstone(&"here", String::new);
        assert_eq!(rows.finish().rows.num_rows(), 1);
    }
}
