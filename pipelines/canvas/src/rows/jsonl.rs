//! JSON Lines, rewritten as the TSV that everything else reads.
//!
//! One object per line with the sections `meta`, `key` and `value`:
//!
//! ```json
//! {"meta":{"ts":"2023-10-23T01:02:03Z"},"key":{"id":1},"value":{"name":"A","settings":{"x":"y"}}}
//! ```
//!
//! Properties that are null may be left out or be `null`. A nested object is what TSV in the mode `condensed`
//! has in its JSON column: without members that are null, and null where it has no others.
//!
//! Source: DAP data formats, "JSON Lines"; DAP, "Mode".

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;
use serde::de::{Deserializer, Visitor};
use serde_json::error::Category;
use serde_json::value::RawValue;

use super::batch::Batch;
use super::decoder::Place;
use super::escape::escape;
use super::tsv::{Delivery, ROW_BYTES_MAX, TsvDecoder, TsvError};
use crate::schema::TableSchema;

/// Stands for a row that is passed over: TSV rows that are passed over are not looked into.
const PASSED_OVER: &[u8] = b"\t\n";

/// Turns chunks of one part's decompressed bytes into batches, as [`TsvDecoder`] does.
#[derive(Debug)]
pub struct JsonLinesDecoder {
    /// Where each column stands in a row.
    columns: HashMap<String, usize>,
    /// Whether it is a nested object.
    nested: Vec<bool>,
    /// A line whose end has not come yet.
    open_line: Vec<u8>,
    line: u64,
    skip: u64,
    /// What comes first is the rest of a row that was decoded before.
    cut: bool,
    tsv: TsvDecoder,
}

impl JsonLinesDecoder {
    /// A decoder for one part of a job on the table of `schema`.
    pub fn new(schema: &TableSchema, delivery: Delivery) -> Self {
        let tsv = TsvDecoder::for_own_rows(schema, delivery);
        let columns = tsv.columns().iter().cloned().zip(0..).collect();
        let nested = schema.columns.iter().map(|it| schema.is_nested_object(&it.name)).collect();
        Self { columns, nested, open_line: Vec::new(), line: 0, skip: 0, cut: false, tsv }
    }

    /// Passes over the first `rows` rows: they were staged before a restart.
    #[must_use]
    pub fn resume_after(self, rows: u64) -> Self {
        Self { skip: rows, tsv: self.tsv.resume_after(rows), ..self }
    }

    /// Begins at a place in the part instead of its beginning.
    ///
    /// # Errors
    /// None: there is no header that could not fit.
    pub fn begin_at(self, place: &Place) -> Result<Self, TsvError> {
        let line = place.rows - u64::from(place.inside_row);
        let before = Place { rows: line, ..Place::default() };
        Ok(Self { line, cut: place.inside_row, tsv: self.tsv.begin_at(&before)?, ..self })
    }

    /// How many rows there were so far.
    pub fn rows(&self) -> u64 {
        self.tsv.rows()
    }

    /// The place that was reached. None where nothing but the end can come.
    pub fn place(&self) -> Option<Place> {
        let inside_row = !self.open_line.is_empty() || self.cut;
        let before = self.tsv.place()?;
        Some(Place { rows: before.rows + u64::from(inside_row), inside_row, ..before })
    }

    /// Takes the next bytes; gives a batch when one is full.
    ///
    /// # Errors
    /// [`TsvError`] with the line; the decoder is of no use afterwards.
    pub fn push(&mut self, chunk: &[u8]) -> Result<Option<Batch>, TsvError> {
        let Some(last) = memchr::memrchr(b'\n', chunk) else {
            self.open_line.extend_from_slice(chunk);
            return self.check_length().map(|()| None);
        };
        let (lines, rest) = chunk.split_at(last + 1);
        let mut text = Vec::with_capacity(lines.len());
        let mut opened = std::mem::replace(&mut self.open_line, rest.to_vec());
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            if opened.is_empty() {
                self.rewrite(line, &mut text)?;
            } else {
                opened.extend_from_slice(line);
                self.rewrite(&std::mem::take(&mut opened), &mut text)?;
            }
        }
        self.tsv.push(&text)
    }

    /// The part has ended: gives what is left.
    ///
    /// # Errors
    /// [`TsvError`], [`TsvError::Shorter`] where the part does not reach back to where it was left.
    pub fn finish(&mut self) -> Result<Option<Batch>, TsvError> {
        let mut text = Vec::new();
        let last = std::mem::take(&mut self.open_line);
        // Without a line end, nothing need be left of the row that was cut.
        if !last.is_empty() || self.cut {
            self.rewrite(&last, &mut text)?;
        }
        self.tsv.finish_with(&text)
    }

    fn check_length(&self) -> Result<(), TsvError> {
        if self.open_line.len() > ROW_BYTES_MAX {
            return Err(TsvError::RowTooLong { line: self.line + 1 });
        }
        Ok(())
    }

    fn rewrite(&mut self, line: &[u8], out: &mut Vec<u8>) -> Result<(), TsvError> {
        self.line += 1;
        if std::mem::take(&mut self.cut) {
            out.extend_from_slice(PASSED_OVER);
        } else if line.trim_ascii().is_empty() {
            out.push(b'\n');
        } else if self.line <= self.skip {
            out.extend_from_slice(PASSED_OVER);
        } else {
            let object = serde_json::from_slice(line).map_err(|error| self.unlike(&error))?;
            self.write_row(&object, out)?;
        }
        Ok(())
    }

    fn write_row(&self, object: &Object<'_>, out: &mut Vec<u8>) -> Result<(), TsvError> {
        let mut fields: Vec<Option<&RawValue>> = vec![None; self.columns.len()];
        for (section, members) in [("key", &object.key), ("value", &object.value)] {
            for (name, value) in members {
                let name = format!("{section}.{name}");
                let Some(index) = self.columns.get(&name) else {
                    return Err(TsvError::ColumnUnknown(name));
                };
                fields[*index] = Some(value);
            }
        }
        let mut write =
            |value: Option<&RawValue>| write_field(value, out).map_err(|error| self.unlike(&error));
        write(object.meta.ts)?;
        write(object.meta.action)?;
        for (value, nested) in fields.into_iter().zip(&self.nested) {
            let stripped = value.filter(|_| *nested).and_then(without_nulls);
            write(stripped.as_deref().or(value))?;
        }
        *out.last_mut().expect("a row has fields") = b'\n';
        Ok(())
    }

    /// Where a line is unlike what was expected, without serde's words: they quote values.
    fn unlike(&self, error: &serde_json::Error) -> TsvError {
        let problem = match error.classify() {
            Category::Data => "no object with `meta`, `key` and `value`",
            Category::Eof | Category::Syntax | Category::Io => "no JSON",
        };
        TsvError::JsonLine { line: self.line, column: error.column(), problem }
    }
}

/// A row on the wire.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Object<'a> {
    #[serde(borrow, default)]
    meta: Meta<'a>,
    #[serde(borrow)]
    key: Members<'a>,
    #[serde(borrow, default)]
    value: Members<'a>,
}

#[derive(Default, Deserialize)]
struct Meta<'a> {
    #[serde(borrow)]
    ts: Option<&'a RawValue>,
    #[serde(borrow)]
    action: Option<&'a RawValue>,
}

type Members<'a> = BTreeMap<Cow<'a, str>, &'a RawValue>;

/// Writes a field and the tab behind it. Numbers, booleans, arrays and objects are written as they are.
fn write_field(value: Option<&RawValue>, out: &mut Vec<u8>) -> serde_json::Result<()> {
    match value.map(RawValue::get) {
        None | Some("null") => out.extend_from_slice(b"\\N"),
        Some(text) if text.starts_with('"') => {
            escape(&serde_json::from_str::<Text>(text)?.0, out);
        }
        Some(text) => escape(text.as_bytes(), out),
    }
    out.push(b'\t');
    Ok(())
}

/// The nested object without its null members, or null if none is left. `None` where nothing is to be left out.
fn without_nulls(value: &RawValue) -> Option<Box<RawValue>> {
    let mut members: Members<'_> = serde_json::from_str(value.get()).ok()?;
    let before = members.len();
    members.retain(|_, member| member.get() != "null");
    if members.is_empty() {
        return Some(RawValue::NULL.to_owned());
    }
    (members.len() < before)
        .then(|| serde_json::value::to_raw_value(&members).expect("members of an object are one"))
}

/// The bytes of a JSON string. Half a surrogate pair becomes what is not UTF-8, and is told as such later.
struct Text(Vec<u8>);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl Visitor<'_> for Bytes {
            type Value = Text;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a string")
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Text, E> {
                Ok(Text(bytes.to_vec()))
            }
        }
        deserializer.deserialize_bytes(Bytes)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::rows::testing;

    fn schema() -> TableSchema {
        let columns = [("id", "int64"), ("name", "text"), ("settings", "text"), ("free", "text")];
        let mut schema = testing::schema(&columns);
        let fixed = json!({"type": "object", "properties": {"x": {"type": "string"}}});
        let value = json!({"properties": {"settings": fixed, "free": {"type": "object"}}});
        schema.document = json!({"properties": {"value": value}});
        schema
    }

    /// The rows, their fields joined by `|`. Chunks of `size` bytes.
    fn read(
        text: &str,
        delivery: Delivery,
        size: usize,
        skip: u64,
    ) -> Result<Vec<String>, TsvError> {
        let mut decoder = JsonLinesDecoder::new(&schema(), delivery).resume_after(skip);
        let mut batches = Vec::new();
        for chunk in text.as_bytes().chunks(size) {
            batches.extend(decoder.push(chunk)?);
        }
        batches.extend(decoder.finish()?);
        let show = |field: Option<&[u8]>| {
            field.map_or("-".to_owned(), |it| String::from_utf8_lossy(it).into_owned())
        };
        let rows = batches.iter().flat_map(Batch::rows);
        Ok(rows
            .map(|row| {
                let fields: Vec<String> = row.fields().map(show).collect();
                format!("{:?} {} {}", row.action(), show(row.ts()), fields.join("|"))
            })
            .collect())
    }

    #[track_caller]
    fn fails(line: &str, expected: &TsvError) {
        for size in [1, 9, 1000] {
            let text = format!("{{\"key\":{{\"id\":1}}}}\n{line}\n");
            assert_eq!(read(&text, Delivery::Snapshot, size, 0).unwrap_err(), *expected);
        }
    }

    #[test]
    fn a_line_that_is_no_row_is_named_without_its_values() {
        let shape = "no object with `meta`, `key` and `value`";
        let unlike = |column, problem| TsvError::JsonLine { line: 2, column, problem };
        fails(r#"{"key":{"id":1"#, &unlike(0, "no JSON"));
        fails("secret", &unlike(1, "no JSON"));
        fails("[]", &unlike(2, shape));
        fails("{}", &unlike(2, shape));
        fails(r#"{"key":{"id":1},"more":{}}"#, &unlike(22, shape));
        let unknown = TsvError::ColumnUnknown("value.new".into());
        fails(r#"{"key":{"id":1},"value":{"new":null}}"#, &unknown);
        fails(r#"{"key":{"id":null}}"#, &TsvError::KeyNull { line: 2 });
        let delete = TsvError::DeleteInSnapshot { line: 2 };
        fails(r#"{"meta":{"action":"D"},"key":{"id":1}}"#, &delete);
    }

    #[test]
    fn rows_come_as_tsv_has_them_whatever_the_chunks() {
        let text = concat!(
            r#"{"meta":{"ts":"t1"},"key":{"id":1},"value":{"name":"a\tb\\N\u00e9\ud83d\ude00","free":{"a":null}}}"#,
            "\r\n",
            r#"{"key":{"id":2},"value":{"name":null,"settings":{"x":"line\n"}}}"#,
        );
        for size in [1, 7, 1000] {
            let rows = read(text, Delivery::Snapshot, size, 0).unwrap();
            let first = r#"Upsert t1 1|a\tb\\Né😀|-|{"a":null}"#;
            assert_eq!(rows, [first, r#"Upsert - 2|-|{"x":"line\\n"}|-"#]);
        }
    }

    #[test]
    fn null_members_of_nested_objects_do_not_count() {
        let text = concat!(
            r#"{"key":{"id":1},"value":{"settings":{"x":null,"y":[null]},"free":{}}}"#,
            "\n",
            r#"{"key":{"id":2},"value":{"settings":{"x":null}}}"#,
            "\n",
        );
        let rows = read(text, Delivery::Snapshot, 1000, 0).unwrap();
        assert_eq!(rows, [r#"Upsert - 1|-|{"y":[null]}|{}"#, "Upsert - 2|-|-|-"]);
    }

    #[test]
    fn half_a_surrogate_pair_is_no_text_but_no_obstacle() {
        let text = r#"{"key":{"id":1},"value":{"name":"a\ud83d"}}"#;
        let rows = read(text, Delivery::Snapshot, 1000, 0).unwrap();
        assert_eq!(rows, ["Upsert - 1|a\u{fffd}\u{fffd}\u{fffd}|-|-"]);
    }

    #[test]
    fn increments_carry_deletes() {
        let text = r#"{"meta":{"ts":"t","action":"D"},"key":{"id":3}}"#;
        assert_eq!(read(text, Delivery::Increment, 9, 0).unwrap(), ["Delete t 3|-|-|-"]);
    }

    #[test]
    fn a_restart_passes_over_staged_rows() {
        let text = "{\"key\":{\"id\":1}}\n{\"key\":{\"id\":2}}\n{\"key\":{\"id\":3}}\n";
        let rows = read(text, Delivery::Snapshot, 5, 2).unwrap();
        assert_eq!(rows, ["Upsert - 3|-|-|-"]);
        let shorter = TsvError::Shorter { found: 3, staged: 4 };
        assert_eq!(read(text, Delivery::Snapshot, 5, 4).unwrap_err(), shorter);
    }

    #[test]
    fn a_part_can_be_taken_up_at_any_place() {
        let text = b"{\"key\":{\"id\":1}}\r\n{\"key\":{\"id\":2}}\n{\"key\":{\"id\":3}}\n";
        let decoder = || JsonLinesDecoder::new(&schema(), Delivery::Snapshot);
        // With and without the last line end.
        for text in [&text[..], &text[..text.len() - 1]] {
            for cut in 0..=text.len() {
                let mut first = decoder();
                first.push(&text[..cut]).unwrap();
                let place = first.place().unwrap();
                let staged = first.rows().max(place.rows);
                let mut second = decoder().begin_at(&place).unwrap().resume_after(staged);
                assert!(second.push(&text[cut..]).unwrap().is_none());
                let left = second.finish().unwrap().map_or(0, |batch| batch.len());
                assert_eq!(left as u64 + staged, 3, "cut at {cut}");
            }
        }
    }
}
